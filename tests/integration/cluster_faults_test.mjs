// What can go wrong between a node and Redis or NATS, under load: nobody is disconnected, nothing comes
// twice or out of order, and whatever is lost is said so, to the sender or in the log.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { nats, redis as onRedis, shared } from './lib/carriers.mjs';
import { assertOrdered, isReady, PROBE_TIMEOUT, Publisher, startNode, takeBodies, waitReady } from './lib/cluster.mjs';
import { startLossyProxy, startProxy } from './lib/proxy.mjs';
import { freePort } from './lib/ports.mjs';
import { redisClient, startRedis, startSentinel } from './lib/redis.mjs';
import { build, sleep, slowness, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const sanitized = /asan|tsan/.test(build); // they keep what is freed for a while
const { lost: LOST, back: BACK } = onRedis;

const count = (node, pattern) => node.log.filter((line) => pattern.test(line)).length;

// Two clients and one publisher on each node, all on one topic.
async function load(t, carrier, nodes, destination = '/topic/load') {
  const views = [];
  for (const node of nodes) {
    for (let i = 0; i < 2; i += 1) {
      const client = await stomp(node, { t });
      await client.subscribe(destination);
      views.push({ node, client, bodies: [] });
    }
  }
  const clients = await Promise.all(nodes.map((node) => stomp(node, { t })));
  const publishers = clients.map((client, i) => new Publisher(client, destination, `p${i}`));
  return { carrier, nodes, destination, views, publishers };
}

// Ends the load and checks all that must hold after a fault between the times `from` and `to`.
// down: the nodes that lost Redis; the others must not have noticed. others: what else was sent on
// the first node, all of it taken.
async function settle({ carrier, nodes, destination, views, publishers }, { from, to, down, others = 0 }) {
  const counts = await Promise.all(publishers.map((publisher) => publisher.stop()));
  await publishers[0].client.request('SEND', { destination }, 'end:0');
  for (const view of views) {
    await until(() => {
      view.bodies.push(...(takeBodies(view.client).get(destination) ?? []));
      return view.bodies.at(-1) === 'end:0';
    }, 'the last message');
    assert.equal(view.client.closed, null);
    assert.equal(new Set(view.bodies).size, view.bodies.length, 'nothing comes twice');
    // NATS may read what a connection of before has brought behind what comes by the next one: no promise holds
    // for what was refused then.
    const promised = (body) => carrier !== nats || !publishers.some((publisher) => publisher.outcome.get(body) === 'refused');
    assertOrdered(view.bodies.filter(promised), 'a subscriber');
  }
  const lost = [];
  for (const view of views) {
    const got = new Set(view.bodies);
    const missing = [];
    for (const publisher of publishers) {
      for (const [body, what] of publisher.outcome) {
        if (what !== 'taken' || got.has(body)) continue;
        missing.push(body);
        // Redis took it: it may be lost only for a node that was cut off, and only meanwhile. What
        // was taken just before may still have been on its way to that node.
        assert.ok(down.includes(view.node), `${body} was lost on a node that was never cut off`);
        assert.ok(publisher.answeredAt.get(body) >= from - 2000 && publisher.sentAt.get(body) <= to + 20,
          `${body} was lost outside the gap`);
      }
    }
    lost.push(missing.length);
  }
  // The books: what clients sent is what Redis took and what was refused, to the last message.
  for (const [i, node] of nodes.entries()) {
    const stats = await node.stats();
    const sent = counts[i].sent + (i === 0 ? 1 + others : 0);
    assert.equal(stats.published, sent, 'published');
    assert.equal(stats.publish_failed, counts[i].refused, 'publish_failed');
    carrier.assertCount(stats[carrier.counter('published')], sent - counts[i].refused, 'the broker\'s published', sent);
    for (const name of ['dropped_congested', 'dropped_queue', 'closed_queue', carrier.counter('dropped_bad_envelope')]) {
      assert.equal(stats[name], 0, name);
    }
    // Each change of state is told once, with the length of the gap.
    const times = down.includes(node) ? 1 : 0;
    assert.equal(count(node, carrier.lost), times, `lines about the loss:\n${node.tail()}`);
    assert.equal(count(node, carrier.back), times, `lines about the return:\n${node.tail()}`);
    assert.equal(stats[carrier.counter('reconnects')], times);
    assert.equal(stats[carrier.counter('connected')], 1);
  }
  const refused = counts.reduce((sum, each) => sum + each.refused, 0);
  return { sent: counts.reduce((sum, each) => sum + each.sent, 0), refused, lost };
}

// inject() breaks something under load; recover() repairs it, once the nodes in `down` have noticed.
async function fault(t, name, { carrier = onRedis, nodes, down = nodes, inject, recover = () => {}, holds = true, afterwards = 200 }) {
  const work = await load(t, carrier, nodes);
  await sleep(150);
  const from = Date.now();
  await inject();
  await Promise.all(down.map((node) => node.waitForLine(carrier.lost)));
  const noticed = Date.now();
  if (holds) {
    for (const node of down) await waitReady(node, false);
    await sleep(100);
  }
  for (const node of nodes) if (!down.includes(node)) assert.ok(await isReady(node));
  const repaired = Date.now();
  await recover();
  await Promise.all(down.map((node) => node.waitForLine(carrier.back, { ms: 20000 })));
  await Promise.all(down.map((node) => waitReady(node, true)));
  const to = Date.now();
  for (const node of down) {
    const gap = Number(carrier.back.exec(node.log.find((line) => carrier.back.test(line)))[1]);
    assert.ok(gap * 1000 <= to - from + 50, `a gap of ${gap} s within ${to - from} ms`);
  }
  await sleep(afterwards);
  const { sent, refused, lost } = await settle(work, { from, to, down });
  console.log(`recovery ${name} ${to - (holds ? repaired : from)} ms (noticed after ${noticed - from} ms; `
    + `sent ${sent}, refused ${refused}, lost per client ${lost})`);
  return { sent, refused, lost };
}

async function pair(t, { redisArgs = [], carrier = onRedis, ...options } = {}) {
  const redis = await carrier.start({ t, args: redisArgs });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis, ...options })));
  return { redis, nodes };
}

// n1 has a direct way to Redis, n2 one through a proxy.
async function proxied(t, { carrier = onRedis, ...options } = {}) {
  const redis = await carrier.start({ t });
  const proxy = await startProxy({ t, port: redis.port });
  const n1 = await startNode({ t, name: 'n1', redis, ...options });
  const n2 = await startNode({ t, name: 'n2', redis: carrier.through(proxy), ...options });
  return { redis, proxy, nodes: [n1, n2] };
}

shared('the backend is killed and comes back', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier });
  const { refused } = await fault(t, 'kill', { carrier, nodes, inject: () => redis.kill(), recover: () => redis.start() });
  assert.ok(refused > 0);
});

test('Redis drops the subscribers\' connections', async (t) => {
  const { redis, nodes } = await pair(t);
  await fault(t, 'client-kill-pubsub', { nodes, holds: false, inject: () => redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub') });
});

test('Redis drops the publishers\' connections', async (t) => {
  const { redis, nodes } = await pair(t);
  await fault(t, 'client-kill-normal', { nodes, holds: false, inject: () => redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') });
});

test('Redis sleeps longer than the probe waits', async (t) => {
  const { redis, nodes } = await pair(t, { redisArgs: ['--enable-debug-command', 'yes'] });
  let sleeping;
  await fault(t, 'debug-sleep', {
    nodes,
    holds: false, // it wakes up by itself, maybe before this test has looked
    inject: async () => {
      const client = await redisClient(redis.port, { t });
      sleeping = client.command('DEBUG', 'SLEEP', String((PROBE_TIMEOUT + 2500) / 1000));
    },
    recover: () => sleeping,
  });
});

test('Redis sleeps for less than the probe waits: nothing is lost, nobody notices', async (t) => {
  const { redis, nodes } = await pair(t, { redisArgs: ['--enable-debug-command', 'yes'], probe: false });
  const { sent, refused, lost } = await fault(t, 'short-sleep', {
    nodes, down: [], inject: () => redis.command('DEBUG', 'SLEEP', '0.7'), holds: false,
  });
  assert.ok(sent > 20);
  assert.equal(refused, 0);
  assert.deepEqual(lost, [0, 0, 0, 0]);
});

shared('the backend stands still with its connections open, and goes on', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier });
  await fault(t, 'sigstop', { carrier, nodes, inject: () => redis.freeze(), recover: () => redis.thaw() });
});

shared('the network to one node is cut', async (t, carrier) => {
  const { proxy, nodes } = await proxied(t, { carrier });
  const { lost } = await fault(t, 'cut', {
    carrier, nodes, down: [nodes[1]], inject: () => proxy.cut(), recover: () => proxy.resume(),
  });
  assert.deepEqual(lost.slice(0, 2), [0, 0]);
  assert.ok(lost[2] > 0, 'the other node published meanwhile');
});

shared('the network to one node is stalled', async (t, carrier) => {
  const { proxy, nodes } = await proxied(t, { carrier });
  await fault(t, 'stall', { carrier, nodes, down: [nodes[1]], inject: () => proxy.stall(), recover: () => proxy.resume() });
});

shared('the network is stalled for less than the probe waits: nothing is lost', async (t, carrier) => {
  const { proxy, nodes } = await proxied(t, { carrier, probe: false });
  const { refused, lost } = await fault(t, 'short-stall', {
    carrier, nodes, down: [], holds: false, inject: async () => { proxy.stall(); await sleep(700); proxy.resume(); },
  });
  assert.equal(refused, 0);
  assert.deepEqual(lost, [0, 0, 0, 0]);
});

// The kernel sends what a closed socket holds again and again, in ever longer steps: without a reset
// the refused messages would come behind those of the next connection.
shared('packets are lost for a while: what was refused does not come later', async (t, carrier) => {
  const redis = await carrier.start({ t });
  const proxy = await startLossyProxy({ t, port: redis.port });
  const n1 = await startNode({ t, name: 'n1', redis });
  const n2 = await startNode({ t, name: 'n2', redis: carrier.through(proxy) });
  const listener = await stomp(n1, { t });
  await listener.subscribe('/topic/a');
  const publisher = new Publisher(await stomp(n2, { t }), '/topic/a', 'p', 50);
  await until(() => publisher.sent > 5, 'some messages');
  await proxy.drop();
  const dropped = publisher.sent; // of those before Redis may have some whose answer is held back
  const from = Date.now();
  await n2.waitForLine(carrier.lost);
  await sleep(Math.max(0, from + 3200 - Date.now()));
  const gap = Date.now() - from;
  await proxy.pass();
  await n2.waitForLine(carrier.back, { ms: 20000 });
  // The steps double: the next one would come before as much time has passed again.
  await sleep(from + 2 * gap + 500 - Date.now());
  const { refused } = await publisher.stop();
  assert.ok(refused > 0);
  const number = (body) => Number(body.split(':')[1]);
  const taken = [...publisher.outcome].filter(([, what]) => what === 'taken').map(([body]) => body);
  const bodies = [];
  await until(() => {
    bodies.push(...(takeBodies(listener).get('/topic/a') ?? []));
    return bodies.includes(taken.at(-1));
  }, 'the last message');
  assertOrdered(bodies, 'the listener');
  const late = (list) => list.filter((body) => number(body) >= dropped);
  assert.deepEqual(late(bodies), late(taken));
});

// What Redis' own kernel holds for it is read after all; but not behind what is sent later.
test('a frozen Redis with much under way: what was refused does not come later', async (t) => {
  const { redis, nodes } = await pair(t);
  const [n1, n2] = nodes;
  const listener = await stomp(n2, { t });
  await listener.subscribe('/topic/a');
  const sender = await stomp(n1, { t });
  redis.freeze();
  const filling = 'x'.repeat(900);
  for (let i = 0; i < 3000; i += 1) sender.send('/topic/a', `q:${i}:${filling}`);
  await n1.waitForLine(LOST);
  redis.thaw();
  await n1.waitForLine(BACK, { ms: 20000 });
  await Promise.all(nodes.map((node) => waitReady(node)));
  for (let i = 3000; i < 3100; i += 1) await sender.request('SEND', { destination: '/topic/a' }, `q:${i}`);
  await sleep(300);
  const bodies = takeBodies(listener).get('/topic/a');
  assertOrdered(bodies, 'the listener');
  assert.ok(bodies.length >= 100);
});

test('Redis throws out a node that does not read', async (t) => {
  const { redis, proxy, nodes } = await proxied(t, { probe: false, set: ['broker.redis.reconnect-min=20ms'] });
  await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 64kb 64kb 1');
  const bulk = await stomp(nodes[0], { t });
  const other = await stomp(nodes[1], { t });
  await other.subscribe('/topic/bulk');
  let n = 0;
  const work = await load(t, onRedis, nodes);
  const from = Date.now();
  proxy.stall();
  const big = 'x'.repeat(50000);
  await until(async () => {
    for (let i = 0; i < 20; i += 1) await bulk.request('SEND', { destination: '/topic/bulk' }, `${n++}:${big}`);
    return /output buffer limits/.test(redis.output);
  }, 'Redis throwing the node out');
  proxy.resume();
  await nodes[1].waitForLine(BACK);
  await waitReady(nodes[1], true);
  const to = Date.now();
  await bulk.request('SEND', { destination: '/topic/bulk' }, `${n++}:end`);
  const got = [];
  await until(() => { got.push(...(takeBodies(other).get('/topic/bulk') ?? [])); return got.at(-1)?.endsWith(':end'); }, 'the end');
  assertOrdered(got.map((body) => `b:${body.split(':')[0]}`), 'bulk');
  assert.ok(n < 4000);
  const { sent, refused, lost } = await settle(work, { from, to, down: [nodes[1]], others: n });
  assert.deepEqual(lost.slice(0, 2), [0, 0]);
  console.log(`recovery output-buffer-limit ${to - from} ms (sent ${sent}, refused ${refused}, lost per client ${lost}, `
    + `of the bulk ${n - got.length} of ${n})`);
});

for (const sentinels of [1, 3]) {
  test(`a failover by ${sentinels} Sentinel${sentinels > 1 ? 's' : ''}`, async (t) => {
    const master = await startRedis({ t, args: ['--repl-diskless-sync-delay', '0'] });
    const replica = await startRedis({ t, args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await until(async () => (await replica.info('replication', 'master_link_status')) === 'up', 'replication', 15000);
    const watchers = [];
    for (let i = 0; i < sentinels; i += 1) {
      watchers.push(await startSentinel({ t, master: master.port, quorum: sentinels > 1 ? 2 : 1 }));
    }
    const known = async (w, field) => new RegExp(`${field}=(\\d+)`).exec(await w.info('sentinel', 'master0'))?.[1];
    for (const w of watchers) {
      await until(async () => (await known(w, 'slaves')) === '1' && (await known(w, 'sentinels')) === String(sentinels),
        'the Sentinels knowing each other', 15000);
    }
    const set = [`broker.redis.sentinels=${watchers.map((w) => `127.0.0.1:${w.port}`).join(',')}`, 'broker.redis.master=mymaster'];
    const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis: { url: 'redis://127.0.0.1:1' }, set })));
    await fault(t, `sentinel-${sentinels}`, { nodes, inject: () => master.kill() });
    for (const node of nodes) assert.match(node.log.find((line) => BACK.test(line)), new RegExp(`127\\.0\\.0\\.1:${replica.port} again`));
  });
}

test('two NATS servers of one cluster: when one dies its nodes go on at the other', async (t) => {
  const routes = [await freePort(), await freePort()];
  const config = (i) => `server_name: "s${i}"\ncluster { name: "c", host: "127.0.0.1", port: ${routes[i]}, routes: ["nats://127.0.0.1:${routes[1 - i]}"] }`;
  const servers = await Promise.all([0, 1].map((i) => nats.start({ t, config: config(i) })));
  const list = { url: servers.map((server) => server.url).join(', '), carrier: nats };
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis: list })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const at = (node, server) => node.waitForLine(new RegExp(`connected to NATS at 127\\.0\\.0\\.1:${server.port}`));
  for (const node of nodes) await at(node, servers[0]);
  await fault(t, 'other server', { carrier: nats, nodes, holds: false, inject: () => servers[0].kill() });
  for (const node of nodes) await at(node, servers[1]);
});

shared('one node is restarted while the other goes on', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier });
  const [n1, n2] = nodes;
  const listener = await stomp(n1, { t });
  await listener.subscribe('/topic/load');
  const publisher = new Publisher(await stomp(n1, { t }), '/topic/load', 'p');
  const client = await stomp(n2, { t });
  await client.subscribe('/topic/load');
  await until(() => client.frames.length > 0, 'the first messages');
  const stopped = Date.now();
  await n2.stop();
  await client.waitForClose();
  const before = client.frames.filter((frame) => frame.command === 'MESSAGE').map((frame) => frame.body);
  const again = await startNode({ t, name: 'n2', redis });
  await waitReady(again);
  const returned = await stomp(again, { t });
  await returned.subscribe('/topic/load');
  console.log(`recovery node-restart ${Date.now() - stopped} ms`);
  const from = publisher.sent;
  await sleep(100);
  const { sent, taken } = await publisher.stop();
  assert.equal(taken, sent);
  const all = Array.from({ length: sent }, (_, i) => `p:${i}`);
  const got = [];
  await until(() => { got.push(...(takeBodies(listener).get('/topic/load') ?? [])); return got.length >= sent; }, 'all messages');
  assert.deepEqual(got, all);
  await until(() => returned.frames.at(-1)?.body === all.at(-1), 'the last message');
  const late = returned.frames.map((frame) => frame.body);
  assert.ok(late.length >= sent - from && late.length < sent);
  assert.deepEqual(late, all.slice(-late.length));
  // What the stopped node had taken from Redis it gave to its clients, without a hole.
  assert.ok(before.length > 0);
  assert.deepEqual(before, all.slice(Number(before[0].split(':')[1]), Number(before.at(-1).split(':')[1]) + 1));
  const stats = await n1.stats();
  assert.equal(stats.published, sent);
  carrier.assertCount(stats[carrier.counter('published')], sent, 'published');
  assert.equal(stats.publish_failed, 0);
  assert.equal(count(n1, carrier.lost), 0);
});

shared('the backend is not there when the node starts, and appears later', async (t, carrier) => {
  const port = await freePort();
  const redis = await carrier.start({ t, port, start: false });
  const node = await startNode({ t, name: 'n1', redis });
  await node.waitForLine(new RegExp(`cannot reach ${carrier.name} at 127\\.0\\.0\\.1:\\d+: .*(refused|nobody answers)`, 'i'));
  assert.equal(await isReady(node), false);
  const client = await stomp(node, { t });
  client.frame('SUBSCRIBE', { destination: '/topic/a', id: 1, receipt: 'subscribed' });
  client.send('/topic/a', 'x', { receipt: 'sent' });
  const error = await client.expect('ERROR', { 'receipt-id': 'sent', recoverable: 'true' });
  assert.match(error.headers.message, /unavailable/);
  await client.expectSilence(100);
  const from = Date.now();
  await redis.start();
  await waitReady(node);
  console.log(`recovery absent-at-start ${Date.now() - from} ms`);
  await client.receipt('subscribed');
  await client.request('SEND', { destination: '/topic/a' }, 'y');
  await until(() => client.frames.length === 1, 'the message');
  assert.equal(client.frames[0].body, 'y');
  assert.equal(count(node, new RegExp(`cannot reach ${carrier.name}`)), 1);
  assert.equal(count(node, new RegExp(`connected to ${carrier.name} at`)), 1);
});

shared('while the backend is away a SUBSCRIBE is confirmed only when it is back, known topic or not', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier, set: ['broker.unsubscribe-grace=1m'] });
  const publisher = await stomp(nodes[1], { t });
  const old = await stomp(nodes[0], { t });
  await old.subscribe('/topic/known');
  await old.unsubscribe(await old.subscribe('/topic/left')); // still in its grace period
  await redis.kill();
  await waitReady(nodes[0], false);
  const client = await stomp(nodes[0], { t });
  const topics = ['/topic/known', '/topic/left', '/topic/new'];
  topics.forEach((destination, id) => client.frame('SUBSCRIBE', { destination, id, receipt: id }));
  await client.expectSilence(50);
  await redis.start();
  await Promise.all(topics.map((_, id) => client.receipt(id)));
  await waitReady(nodes[1]);
  for (const topic of topics) await publisher.request('SEND', { destination: topic }, topic);
  assert.deepEqual((await client.messages(3)).map((f) => f.body), topics);
  assert.equal((await old.messages(1))[0].body, '/topic/known');
});

shared('a topic left before and taken again after the backend was away works', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier, set: ['broker.unsubscribe-grace=1m'] });
  const client = await stomp(nodes[0], { t });
  const publisher = await stomp(nodes[1], { t });
  await client.unsubscribe(await client.subscribe('/topic/a'));
  await redis.kill();
  await Promise.all(nodes.map((node) => waitReady(node, false)));
  await redis.start();
  await Promise.all(nodes.map((node) => waitReady(node)));
  await client.subscribe('/topic/a');
  publisher.send('/topic/a', 'x');
  await client.expect('MESSAGE');
});

shared('10,000 subscriptions work again after the backend was away, before the node says it is ready', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier, set: ['limits.max-subscriptions=20000'] });
  const n = 10000;
  const client = await stomp(nodes[0], { t });
  const publisher = await stomp(nodes[1], { t });
  for (let i = 0; i < n; i += 1) client.frame('SUBSCRIBE', { destination: `/topic/${i}`, id: i });
  await client.subscribe('/topic/last', { id: 'last' });
  await redis.kill();
  await Promise.all(nodes.map((node) => waitReady(node, false)));
  const from = Date.now();
  await redis.start();
  await waitReady(nodes[1]);
  await waitReady(nodes[0], true, 20000);
  console.log(`recovery 10000-topics ${Date.now() - from} ms`);
  for (let i = 0; i < n; i += 7) publisher.send(`/topic/${i}`, String(i));
  for (let i = 0; i < n; i += 7) await client.expect('MESSAGE', { destination: `/topic/${i}` });
});

test('a wrong password: one clear line, no secret in the log, and it works when Redis is corrected', async (t) => {
  const redis = await startRedis({ t, args: ['--requirepass', 'right-Secret1'], password: 'right-Secret1' });
  const node = await startNode({
    t, name: 'n1', redis: { url: `redis://:wr0ng-Secret2@127.0.0.1:${redis.port}` }, set: ['server.log-level=debug'],
  });
  const line = await node.waitForLine(/cannot reach Redis at/);
  assert.match(line, /password/i);
  assert.match(line, /WRONGPASS|invalid password/);
  assert.equal(await isReady(node), false);
  await sleep(300);
  assert.equal(count(node, /cannot reach Redis at/), 1);
  await redis.command('CONFIG', 'SET', 'requirepass', 'wr0ng-Secret2');
  await waitReady(node);
  await node.stop();
  assert.doesNotMatch(node.log.join('\n'), /Secret[12]/);
});

test('a url that leads to a replica or a Sentinel: refused with what to do, as messages would not cross', async (t) => {
  const master = await startRedis({ t, args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ t, args: ['--replicaof', '127.0.0.1', String(master.port)] });
  const sentinel = await startSentinel({ t, master: master.port });
  const n1 = await startNode({ t, name: 'n1', redis: master });
  const n2 = await startNode({ t, name: 'n2', redis: replica });
  const n3 = await startNode({ t, name: 'n3', redis: sentinel });
  assert.match(await n2.waitForLine(/cannot reach Redis at/), /replica.*point url at the master, or use sentinels/);
  assert.match(await n3.waitForLine(/cannot reach Redis at/), /Sentinel.*options? sentinels/);
  assert.equal(await isReady(n2), false);
  const listener = await stomp(n1, { t });
  const client = await stomp(n2, { t });
  await listener.subscribe('/topic/a');
  client.send('/topic/a', 'x', { receipt: 'r1' });
  await client.expect('ERROR', { 'receipt-id': 'r1', recoverable: 'true' });
  // Promoted, it is as good as any.
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await waitReady(n2);
  await client.request('SEND', { destination: '/topic/a' }, 'y');
  // A user who may not ask for the role is served all the same.
  await replica.command('ACL', 'SETUSER', 'few', 'on', '>few', 'allchannels', '+@all', '-role');
  const n4 = await startNode({ t, name: 'n4', redis: { url: `redis://few:few@127.0.0.1:${replica.port}` } });
  await waitReady(n4);
});

test('two nodes of one name say so, and go on', async (t) => {
  const redis = await startRedis({ t });
  const nodes = await Promise.all([1, 2].map(() => startNode({ t, name: 'copied', redis })));
  for (const node of nodes) {
    await node.waitForLine(/ error broker\.redis: another node .* is called 'copied', too: give each node a name of its own/);
    await waitReady(node);
    assert.ok((await node.stats())['broker.redis.namesake_probes'] > 0);
  }
});

test('no password where one is needed', async (t) => {
  const redis = await startRedis({ t, args: ['--requirepass', 'right-Secret1'], password: 'right-Secret1' });
  const node = await startNode({ t, name: 'n1', redis });
  assert.match(await node.waitForLine(/cannot reach Redis at/), /NOAUTH.*set username and password/);
  assert.equal(await isReady(node), false);
});

test('an ACL user that may not use the channels: the line names what is missing', async (t) => {
  const redis = await startRedis({ t });
  await redis.command('ACL', 'SETUSER', 'few', 'on', '>few-Secret3', 'resetchannels', '+@all');
  const url = `redis://few:few-Secret3@127.0.0.1:${redis.port}`;
  const node = await startNode({
    t, name: 'n1', redis: { url }, set: ['server.log-level=debug', 'destinations.patterns=on'],
  });
  assert.match(await node.waitForLine(/cannot reach Redis at/), /NOPERM.*channels/);
  assert.equal(await isReady(node), false);
  await redis.command('ACL', 'SETUSER', 'few', '&plugboard:probe:*', '&plugboard:t:/topic/open*');
  await waitReady(node);

  const client = await stomp(node, { t });
  await client.subscribe('/topic/open-1');
  client.frame('SUBSCRIBE', { destination: '/topic/closed', id: 'c', receipt: 's' });
  const refused = await client.expect('ERROR', { 'receipt-id': 's', recoverable: 'true' });
  assert.match(refused.headers.message, /refused/);
  // A glob has to stand in the ACL literally: the channels that it covers are not enough.
  client.frame('SUBSCRIBE', { destination: '/topic/open-*', id: 'g', receipt: 'g' });
  await client.expect('ERROR', { 'receipt-id': 'g', recoverable: 'true' });
  assert.match(await node.waitForLine(/cannot subscribe '\/topic\/open-\*'/), /NOPERM.*for patterns allchannels$/);
  client.send('/topic/closed', 'x', { receipt: 'p' });
  await client.expect('ERROR', { 'receipt-id': 'p', recoverable: 'true' });
  await client.request('SEND', { destination: '/topic/open-1' }, 'fine');
  await until(() => client.frames.length === 1, 'the message');
  assert.equal(client.frames[0].body, 'fine');
  assert.ok(await isReady(node));
  await node.stop();
  assert.doesNotMatch(node.log.join('\n'), /Secret3/);
});

shared('when-down = reject: SENDs with a receipt get a recoverable ERROR, others are counted', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier });
  const client = await stomp(nodes[0], { t });
  const other = await stomp(nodes[1], { t });
  await other.subscribe('/topic/a');
  await redis.kill();
  await waitReady(nodes[0], false);
  await waitReady(nodes[1], false);
  client.send('/topic/a', 'lost', { receipt: 'r1' });
  const error = await client.expect('ERROR', { 'receipt-id': 'r1', recoverable: 'true' });
  assert.match(error.headers.message, /SEND failed: the broker is unavailable/);
  assert.match(error.body, /connection stays open/);
  for (let i = 0; i < 10; i += 1) client.send('/topic/a', 'lost too');
  await client.expectSilence(50);
  let stats = await nodes[0].stats();
  assert.equal(stats.published, 11);
  assert.equal(stats.publish_failed, 11);
  await redis.start();
  await waitReady(nodes[0]);
  await waitReady(nodes[1]);
  await client.request('SEND', { destination: '/topic/a' }, 'arrives');
  assert.equal((await other.messages(1))[0].body, 'arrives');
  stats = await nodes[0].stats();
  assert.equal(stats.published, 12);
  carrier.assertCount(stats[carrier.counter('published')], 1, 'published');
});

test('when-down = reject: @stomp/stompjs reports the ERROR and goes on with the same connection', async (t) => {
  const { redis, nodes } = await pair(t);
  const seen = [];
  const client = new Client({
    brokerURL: nodes[0].url('/ws', 'ws'),
    webSocketFactory: () => new WebSocket(nodes[0].url('/ws', 'ws'), ['v12.stomp']),
    reconnectDelay: 100,
    onConnect: () => seen.push('connect'),
    onWebSocketClose: () => seen.push('close'),
    onStompError: (frame) => seen.push(`error ${frame.headers['receipt-id']} ${frame.headers.recoverable}`),
  });
  t.after(() => client.deactivate({ force: true }));
  client.activate();
  await until(() => client.connected, 'stompjs being connected');
  const bodies = [];
  await within(new Promise((done) => {
    client.watchForReceipt('sub', done);
    client.subscribe('/topic/a', (message) => bodies.push(message.body), { receipt: 'sub' });
  }), 5000, 'the receipt');
  await redis.kill();
  await waitReady(nodes[0], false);
  client.publish({ destination: '/topic/a', body: 'x', headers: { receipt: 'r1' } });
  await until(() => seen.length === 2, 'the ERROR');
  await redis.start();
  await waitReady(nodes[0]);
  await within(new Promise((done) => {
    client.watchForReceipt('r2', done);
    client.publish({ destination: '/topic/a', body: 'y', headers: { receipt: 'r2' } });
  }), 5000, 'the receipt');
  await until(() => bodies.length > 0, 'the message');
  assert.deepEqual(bodies, ['y']);
  assert.deepEqual(seen, ['connect', 'error r1 true']);
});

shared('when-down = queue: messages wait and arrive in order', async (t, carrier) => {
  const { redis, nodes } = await pair(t, { carrier, set: ['broker.when-down=queue', 'broker.down-queue-time=60s'] });
  const client = await stomp(nodes[0], { t });
  const other = await stomp(nodes[1], { t });
  await other.subscribe('/topic/a');
  await redis.kill();
  await waitReady(nodes[0], false);
  for (let i = 0; i < 500; i += 1) client.send('/topic/a', `q:${i}`, i % 10 ? {} : { receipt: i });
  await client.expectSilence(100);
  await redis.start();
  await waitReady(nodes[1]);
  let next = 500;
  while (!(await isReady(nodes[0]))) client.send('/topic/a', `q:${next++}`);
  for (let i = 0; i < 50; i += 1) client.send('/topic/a', `q:${next++}`);
  await client.request('SEND', { destination: '/topic/a' }, `q:${next++}`);
  for (let i = 0; i < 500; i += 10) await client.receipt(i);
  // What was queued may have gone out before the other node was back: in order and without holes.
  await until(() => other.frames.at(-1)?.body === `q:${next - 1}`, 'the last message');
  const got = other.frames.map((frame) => frame.body);
  assertOrdered(got, 'the subscriber');
  assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => `q:${next - got.length + i}`));
  const stats = await nodes[0].stats();
  assert.equal(stats.publish_failed, 0);
  carrier.assertCount(stats[carrier.counter('published')], next, 'published');
});

// The other node has tried for so long that its delay has grown to seconds, but nobody listened.
test('when-down = queue: what waited waits for the other nodes, too', async (t) => {
  const redis = await startRedis({ t });
  const set = ['broker.when-down=queue', 'broker.down-queue-time=60s', `broker.down-queue-delay=${3 * slowness}s`];
  const n1 = await startNode({ t, name: 'n1', redis, set });
  const n2 = await startNode({ t, name: 'n2', redis, set: [...set, 'broker.redis.reconnect-min=100ms', 'broker.redis.reconnect-max=1m'] });
  const client = await stomp(n1, { t });
  const other = await stomp(n2, { t });
  await other.subscribe('/topic/a');
  await redis.kill();
  await waitReady(n1, false);
  await waitReady(n2, false);
  for (let i = 0; i < 100; i += 1) client.send('/topic/a', `q:${i}`, i % 10 ? {} : { receipt: i });
  await sleep(6000);
  await redis.start();
  await waitReady(n1);
  client.send('/topic/a', 'q:100', { receipt: 'behind' }); // those that waited go first
  for (let i = 0; i < 100; i += 10) await client.receipt(i, 10000);
  await client.receipt('behind');
  const bodies = (await other.messages(101)).map((frame) => frame.body);
  assert.deepEqual(bodies, Array.from({ length: 101 }, (_, i) => `q:${i}`));
});

shared('when-down = queue: waits no longer than down-queue-time and holds no more than down-queue-messages', async (t, carrier) => {
  const wait = 400 * slowness;
  const { redis, nodes } = await pair(t, {
    carrier, set: ['broker.when-down=queue', `broker.down-queue-time=${wait}ms`, 'broker.down-queue-messages=20'],
  });
  const client = await stomp(nodes[0], { t });
  await redis.kill();
  await waitReady(nodes[0], false);
  const from = Date.now();
  for (let i = 0; i < 30; i += 1) client.send('/topic/a', String(i), { receipt: i });
  for (let i = 20; i < 30; i += 1) await client.expect('ERROR', { 'receipt-id': i, recoverable: 'true' });
  // Too many are refused at once: their ERRORs come before that of the first, which waits.
  await client.expect('ERROR', { 'receipt-id': 0, recoverable: 'true' });
  assert.ok(Date.now() - from >= wait * 0.9, 'the others wait');
  for (let i = 1; i < 20; i += 1) {
    const error = await client.expect('ERROR', { 'receipt-id': i, recoverable: 'true' });
    assert.match(error.headers.message, /in time/);
  }
  assert.equal((await nodes[0].stats()).publish_failed, 30);
  await redis.start();
  await waitReady(nodes[0]);
  await client.request('SEND', { destination: '/topic/a' }, 'again');
});

shared('what the backend takes after operation-timeout was refused before, arrives, and stays on the books', async (t, carrier) => {
  const redis = await carrier.start({ t });
  const node = await startNode({ t, name: 'n1', redis, probe: false, set: ['broker.operation-timeout=2s', carrier.option('probe-timeout', '1m')] });
  const client = await stomp(node, { t });
  const listener = await stomp(node, { t });
  await listener.subscribe('/topic/a');
  redis.freeze();
  for (let i = 0; i < 10; i += 1) client.send('/topic/a', String(i), i % 2 ? { receipt: i } : {});
  for (let i = 1; i < 10; i += 2) {
    const error = await client.expect('ERROR', { 'receipt-id': i, recoverable: 'true' });
    assert.match(error.headers.message, /did not answer in time/);
  }
  redis.thaw();
  assert.deepEqual((await listener.messages(10)).map((f) => f.body), Array.from({ length: 10 }, (_, i) => String(i)));
  await client.request('SEND', { destination: '/topic/a' }, 'end');
  const stats = await node.stats();
  assert.equal(stats.published, 11);
  assert.equal(stats.publish_failed, 10);
  assert.equal(stats.publish_late, 10);
  carrier.assertCount(stats[carrier.counter('published')], 11, 'published');
});

test('a client that takes one topic after the other while Redis is silent does not fill the memory', async (t) => {
  const redis = await startRedis({ t });
  const node = await startNode({
    t, name: 'n1', redis, probe: false,
    set: ['broker.redis.probe-interval=5m', 'broker.redis.probe-timeout=5m', 'broker.operation-timeout=5m', 'limits.max-unused-topics=1000'],
  });
  const rss = () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))[1]) / 1024;
  const client = await stomp(node, { t });
  const listener = await stomp(node, { t });
  await listener.subscribe('/topic/a');
  redis.freeze();
  const before = rss();
  const cycles = 60000;
  const behind = 500; // or the node would never have to ask Redis, which it does at the end of a worker's turn
  for (let i = 0; i < cycles + behind; i += 1) {
    if (i < cycles) client.frame('SUBSCRIBE', { destination: `/topic/${i}`, id: i });
    if (i >= behind) client.frame('UNSUBSCRIBE', { id: i - behind });
    if (i % 4 === 0) await new Promise(setImmediate);
  }
  await until(async () => (await node.stats()).subscriptions === 1, 'the last UNSUBSCRIBE');
  const { refused_unused: refused } = await node.stats();
  const grown = rss() - before;
  console.log(`memory grown by ${grown.toFixed(1)} MB, ${refused} topics refused`);
  assert.ok(refused > 1000, String(refused));
  if (!sanitized) assert.ok(grown < 32, `${grown} MB`);
  for (const { command, headers } of client.frames.splice(0)) {
    assert.equal(command, 'ERROR');
    assert.equal(headers.recoverable, 'true');
  }
  client.frame('SUBSCRIBE', { destination: '/topic/new', id: 'new', receipt: 'new' });
  let error;
  do error = await client.expect('ERROR', { recoverable: 'true' });
  while (error.headers['receipt-id'] !== 'new'); // others may have been on their way
  assert.match(error.headers.message, /the broker is unavailable/);
  redis.thaw();
  await until(async () => (await node.stats())['broker.redis.connected'] === 1, 'Redis');
  await until(async () => {
    client.frame('SUBSCRIBE', { destination: '/topic/b', id: 'b', receipt: 'b' });
    const answer = await client.next();
    assert.equal(answer.headers['receipt-id'], 'b');
    return answer.command === 'RECEIPT';
  }, 'a subscription');
  for (const destination of ['/topic/a', '/topic/b']) await client.request('SEND', { destination }, destination);
  assert.equal((await listener.expect('MESSAGE')).body, '/topic/a');
  assert.equal((await client.expect('MESSAGE')).body, '/topic/b');
  await until(async () => (await redis.command('PUBSUB', 'CHANNELS', '*/topic/*')).length === 2, 'the others being given back', 20000);
});

shared('a node stops in time while the backend is away, frozen or absent', async (t, carrier) => {
  // It would take longer than half a minute if it waited for one of these.
  const set = ['broker.operation-timeout=10m', carrier.option('connect-timeout', `${carrier.longestConnect}ms`), carrier.option('reconnect-max', '10m')];
  const { redis, nodes } = await pair(t, { carrier, set });
  const stop = async (node) => {
    const from = Date.now();
    await node.stop();
    assert.ok(Date.now() - from < 30000);
  };
  await stomp(nodes[0], { t });
  redis.freeze();
  await waitReady(nodes[0], false);
  await stop(nodes[0]);
  await redis.kill();
  await waitReady(nodes[1], false);
  await stop(nodes[1]);
});

shared('SENDs without a receipt that are lost on the way are counted, and told in one line', async (t, carrier) => {
  const { redis, nodes: [node] } = await pair(t, { carrier, probe: false, set: [carrier.option('reconnect-min', '20ms')] });
  const client = await stomp(node, { t });
  await client.request('SEND', { destination: '/topic/a' }, 'taken');
  redis.freeze();
  for (let i = 0; i < 50; i += 1) client.send('/topic/a', String(i));
  await until(async () => (await node.stats())[carrier.counter('publish_in_flight')] >= 50, 'the messages being on their way');
  await redis.kill();
  await node.waitForLine(carrier.lost);
  await until(async () => (await node.stats()).publish_failed === 50, 'the failures');
  const stats = await node.stats();
  assert.equal(stats.published, 51);
  carrier.assertCount(stats[carrier.counter('published')], 1, 'published');
  assert.equal(stats[carrier.counter('publish_in_flight')], 0);
  assert.equal(count(node, /a message to '\/topic\/a' was refused: /), 1);
});
