// Three nodes with one Redis behind HAProxy are restarted one after the other under load: clients
// that do as docs/protocol.md says ("When the server stops") lose no message.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import WebSocket from 'ws';

import { startBalancer } from './lib/balancer.mjs';
import { startNode, waitReady } from './lib/cluster.mjs';
import { Mover } from './lib/mover.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
import { patience, root, until } from './lib/server.mjs';

// The example of docs/drain.md, as a module of this folder, where its import is found.
async function example() {
  const [, code] = /```js\n(import \{ Client \}[^]*?)```/.exec(readFileSync(join(root, 'docs/drain.md'), 'utf8'));
  const file = join(root, `tests/integration/.drain-example-${process.pid}.mjs`);
  writeFileSync(file, code);
  try {
    return await import(pathToFileURL(file));
  } finally {
    rmSync(file);
  }
}

test('a rolling restart loses no message of a client that makes before it breaks', { timeout: 3 * patience(60000) }, async (t) => {
  const { stayConnected } = await example();
  const redis = await startRedis({ t });
  const ports = [await freePort(), await freePort(), await freePort()];
  const startOne = (i) => startNode({
    t, name: `node-${i + 1}`, redis, http: ports[i], patient: true,
    set: ['server.stop-delay=1s', 'server.drain-time=5m', 'server.drain-overlap=2m', 'server.drain-rate=50', 'stomp.heart-beat-send=0'],
  });
  const nodes = await Promise.all(ports.map((_, i) => startOne(i)));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const balancer = await startBalancer(t, 'haproxy', ports, (text) => text.replace(/inter 1s/g, 'inter 200ms'));

  const stays = Array.from({ length: 3 }, () => {
    const bodies = [];
    const options = { webSocketFactory: () => new WebSocket(balancer.url('/ws', 'ws'), ['v12.stomp']), reconnectDelay: 200 };
    const stay = stayConnected(options, '/topic/a', (message) => bodies.push(message.body));
    t.after(() => stay.client?.deactivate({ force: true }));
    return { stay, bodies };
  });
  await until(() => stays.every(({ stay }) => stay.client), 'the clients of docs/drain.md');
  const movers = await Promise.all(Array.from({ length: 24 }, () => new Mover(balancer, t, '/topic/a').start()));
  const publishers = movers.slice(0, 3);
  publishers.forEach((mover, i) => mover.publish(`p${i}`, 10));

  let notices = 0;
  for (let i = 0; i < nodes.length; i += 1) {
    assert.ok((await nodes[i].stats()).sessions > 0, `nobody is on node ${i + 1}`);
    await nodes[i].stop({ ms: 120000 });
    const end = nodes[i].log.findLast((line) => / drain_notices=/.test(line));
    assert.match(end, / closed_drain=0 /, 'all have moved');
    notices += Number(/ drain_notices=(\d+)/.exec(end)[1]);
    nodes[i] = await startOne(i);
    await waitReady(nodes[i]);
    await until(async () => {
      const before = (await nodes[i].stats()).requests;
      return before > 2; // HAProxy has asked, too
    }, 'HAProxy noticing');
  }
  await Promise.all(publishers.map((mover) => mover.stop()));
  const taken = publishers.flatMap((mover) => mover.taken);
  assert.ok(taken.length > 300, `${taken.length} messages`);
  await until(() => movers.every((mover) => mover.bodies.length >= taken.length), 'all messages');
  assert.ok(notices >= 24, `${notices} notices`);
  const moves = movers.reduce((sum, mover) => sum + mover.moves, 0);
  assert.ok(moves >= 24 && moves < notices, `${moves} moves, and those of the example`);
  await until(() => stays.every(({ bodies }) => bodies.length >= taken.length), 'all messages of the example');
  for (const { bodies } of stays) assert.deepEqual([...bodies].sort(), [...taken].sort());
  for (const mover of movers) {
    mover.running = false;
    assert.deepEqual(mover.errors, []);
    assert.deepEqual([...mover.bodies].sort(), [...taken].sort());
  }
});
