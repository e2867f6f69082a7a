// What a node makes of answers of Redis and of Sentinels that are not the expected ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNode, waitReady } from './lib/cluster.mjs';
import { startFakeRedis } from './lib/fake_redis.mjs';
import { until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const count = (node, pattern) => node.log.filter((line) => pattern.test(line)).length;

test('a SUBSCRIBE that Redis refuses for now is tried again, and the log says why', async (t) => {
  let refused = 0;
  let full = true;
  const redis = await startFakeRedis({
    t,
    answer: (command, args) => {
      if (command !== 'SUBSCRIBE' || !full || !/:t:/.test(args[1])) return undefined;
      refused += 1;
      return "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    },
  });
  const node = await startNode({ t, name: 'n1', redis });
  await waitReady(node);
  const client = await stomp(node, { t });
  client.frame('SUBSCRIBE', { destination: '/topic/a', id: 1, receipt: 'r' });
  assert.match(await node.waitForLine(/Redis refused/), /refused SUBSCRIBE, which is tried again: .*OOM/);
  await until(() => refused >= 2, 'another attempt');
  assert.equal(count(node, /Redis refused/), 1);
  full = false;
  await client.receipt('r');
  client.send('/topic/a', 'x');
  assert.equal((await client.expect('MESSAGE')).body, 'x');
});
