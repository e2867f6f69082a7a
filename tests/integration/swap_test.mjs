// Another broker in the place of the one that runs, under load: memory, Redis and NATS, nodes one
// after the other, and what fails and leaves all as it was.

import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { adminOf, adminSet } from './lib/admin.mjs';
import { isReady, waitReady } from './lib/cluster.mjs';
import { ctl } from './lib/ctl.mjs';
import { connectApp, receiptOf, startLoad } from './lib/load.mjs';
import { startNats } from './lib/nats.mjs';
import { freePort, startRedis } from './lib/redis.mjs';
import { build, patience, sleep, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { directory } from './lib/tls.mjs';

const startNode = (t, { name = 'n1', broker = 'memory', set = [], ...options } = {}) => start({
  t, set: [`server.node=${name}`, 'server.workers=2', 'server.drain-time=1s', `broker.plugin=${broker}`, 'destinations.patterns=on', ...adminSet, ...set], ...options });

const redisSet = (redis) => [`broker.redis.url=redis://127.0.0.1:${redis.port}`];
const natsSet = (nats) => [`broker.nats.servers=${nats.url}`];

async function swap(server, plugin, more = {}) {
  const { status, json, text } = await adminOf(server).ask('POST', 'swap', { body: JSON.stringify({ kind: 'broker', plugin, ...more }) });
  assert.equal(status, 200, text);
  assert.equal(json.to, plugin);
  return json;
}

const status = async (server) => (await adminOf(server).ask('GET', 'status')).json;

test('memory, Redis and NATS take over from each other, and clients notice nothing', async (t) => {
  const [redis, nats] = await Promise.all([startRedis({ t }), startNats({ t })]);
  const server = await startNode(t, { set: [...redisSet(redis), ...natsSet(nats)] });
  const load = await startLoad(t, [server], { pattern: '/topic/*' });
  for (const plugin of ['memory', 'redis', 'nats', 'redis', 'memory', 'nats', 'memory']) {
    await load.more();
    const from = (await status(server)).broker.plugin;
    const answer = await swap(server, plugin);
    assert.equal(answer.from, from);
    const after = await status(server);
    assert.deepEqual([after.broker.plugin, after.broker.state, after.swap], [plugin, 'up', undefined]);
    await waitReady(server);
    // who subscribes now is served by the new one
    const late = await stomp(server, { t });
    await late.subscribe('/topic/late');
    await late.request('SEND', { destination: '/topic/late' }, plugin);
    assert.equal((await late.expect('MESSAGE')).body, plugin);
  }
  await load.more();
  await load.end();
  assert.equal((await server.stats()).swaps, 7);
});
