// Layout single, as Spring nodes use it: whatever happens to the connections of a node, what others
// publish while its subscription lives reaches its clients, once and in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNode, takeBodies, waitReady } from './lib/cluster.mjs';
import { startProxy } from './lib/proxy.mjs';
import { redisClient, startRedis } from './lib/redis.mjs';
import { sleep, slowness, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const LOST = /lost Redis at/;
const BACK = /connected to Redis at \S+ again/;
const GAPLESS = /connected to Redis at \S+ again after [\d.]+ s; what others published meanwhile has arrived/;

// A Spring node, as far as Redis sees it: a connection that is never given up and repeats nothing.
class Spring {
  constructor(client) {
    this.client = client;
    this.sent = 0;
  }

  publish() {
    const body = `{"destination":"/topic/a","content":"s:${this.sent++}"}`;
    return this.client.command('PUBLISH', 'websocket-events', body);
  }

  // Publishes every millisecond or so until it is stopped.
  run() {
    this.running = true;
    this.done = (async () => {
      while (this.running) { this.last = this.publish(); await sleep(1); }
      await this.last;
    })();
  }

  async stop() {
    this.running = false;
    await this.done;
  }
}

async function world(t, { redis, via = redis, patient = true }) {
  const node = await startNode({ t, name: 'n1', redis: via, patient, set: ['broker.redis.layout=single'] });
  await waitReady(node);
  const client = await stomp(node, { t });
  await client.subscribe('/topic/a');
  const spring = new Spring(await redisClient(redis.port, { t }));
  const bodies = [];
  const take = () => { bodies.push(...(takeBodies(client).get('/topic/a') ?? [])); return bodies; };
  return { node, client, spring, take };
}

// Everything, once and in order.
async function assertAll({ spring, take }) {
  await until(() => take().length >= spring.sent, 'all messages', 15000);
  assert.deepEqual(take(), Array.from({ length: spring.sent }, (_, i) => `s:${i}`));
}

test('a frozen Redis loses nothing of what others publish', async (t) => {
  const redis = await startRedis({ t });
  const w = await world(t, { redis, patient: false });
  w.spring.run();
  await until(() => w.take().length > 20, 'some messages');
  redis.freeze();
  await w.node.waitForLine(LOST);
  await waitReady(w.node, false);
  await sleep(2500 * slowness); // with some attempts that end for want of time
  redis.thaw();
  await w.node.waitForLine(GAPLESS);
  await waitReady(w.node);
  await sleep(200);
  await w.spring.stop();
  await assertAll(w);
  // And it goes on: what clients send comes back, by the new connections only.
  await w.client.request('SEND', { destination: '/topic/a', 'content-type': 'text/plain' }, 'own');
  await until(() => w.take().at(-1) === 'own', 'its own message');
  assert.equal(w.take().length, w.spring.sent + 1);
  const [, subscribers] = await redis.command('PUBSUB', 'NUMSUB', 'websocket-events');
  assert.equal(subscribers, 1, 'the old connection is closed');
});

test('a publishing connection that is lost again and again costs nothing of what others publish', async (t) => {
  const redis = await startRedis({ t });
  const w = await world(t, { redis });
  w.spring.run();
  for (let i = 0; i < 10; i += 1) {
    const from = w.node.log.length;
    const list = await redis.command('CLIENT', 'LIST', 'TYPE', 'normal');
    const [, id] = /id=(\d+) .*name=plugboard-n1 /.exec(list);
    await redis.command('CLIENT', 'KILL', 'ID', id);
    await w.node.waitForLine(GAPLESS, { from });
  }
  await w.spring.stop();
  await assertAll(w);
});

test('a subscription that is lost: a gap, but nothing twice', async (t) => {
  const redis = await startRedis({ t });
  const w = await world(t, { redis });
  w.spring.run();
  for (let i = 0; i < 5; i += 1) {
    const from = w.node.log.length;
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    assert.doesNotMatch(await w.node.waitForLine(BACK, { from }), GAPLESS);
    await sleep(50);
  }
  await w.spring.stop();
  await w.spring.publish();
  const end = `s:${w.spring.sent - 1}`;
  await until(() => w.take().at(-1) === end, 'the last message');
  const numbers = w.take().map((body) => Number(body.slice(2)));
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
});

test('connections that lead nowhere any more do not hold the new ones up', async (t) => {
  const redis = await startRedis({ t });
  const proxy = await startProxy({ t, port: redis.port });
  const w = await world(t, { redis, via: proxy, patient: false });
  proxy.strand();
  assert.doesNotMatch(await w.node.waitForLine(BACK, { ms: 20000 }), GAPLESS);
  await waitReady(w.node);
  await w.spring.publish();
  await until(() => w.take().length > 0, 'a message');
  proxy.resume(); // what the old ones held
  await sleep(200);
  await w.spring.publish();
  await assertAll(w);
});

test('a demoted master still passes on what the new one gets, until the node is there', async (t) => {
  const master = await startRedis({ t, args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ t, args: ['--repl-diskless-sync-delay', '0', '--replicaof', '127.0.0.1', String(master.port)] });
  await until(async () => (await replica.info('replication', 'master_link_status')) === 'up', 'replication', 15000);
  const address = await startProxy({ t, port: master.port });
  const w = await world(t, { redis: replica, via: address });
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await master.command('REPLICAOF', '127.0.0.1', String(replica.port));
  await until(async () => (await master.info('replication', 'master_link_status')) === 'up', 'replication', 15000);
  w.spring.run(); // at the new master
  await w.node.waitForLine(/made a replica/);
  await sleep(300);
  address.target = replica.port;
  await w.node.waitForLine(GAPLESS);
  await sleep(100);
  await w.spring.stop();
  await assertAll(w);
});
