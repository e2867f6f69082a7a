// What a node makes of answers of Redis and of Sentinels that are not the expected ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNode, waitReady } from './lib/cluster.mjs';
import { startFakeRedis } from './lib/fake_redis.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
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

// A Sentinel that names that port as the master, whatever happens.
function startFakeSentinel({ t, master }) {
  const port = String(master);
  return startFakeRedis({
    t,
    answer: (command) => (command === 'SENTINEL' ? `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n` : undefined),
  });
}

test('a Sentinel that is cut off and behind does not keep a node from the master that others name', async (t) => {
  const redis = await startRedis({ t });
  const behind = await startFakeSentinel({ t, master: await freePort() });
  const right = await startFakeSentinel({ t, master: redis.port });
  const node = await startNode({
    t,
    name: 'n1',
    redis: { url: 'redis://127.0.0.1:1' },
    set: [`broker.redis.sentinels=127.0.0.1:${behind.port}, 127.0.0.1:${right.port}`, 'broker.redis.master=mymaster'],
  });
  await waitReady(node);
  assert.match(await node.waitForLine(/connected to Redis/), new RegExp(`127\\.0\\.0\\.1:${redis.port}$`));
});

test('a Sentinel that wants a password: the line names the options for it', async (t) => {
  const password = 'right-Secret4';
  const redis = await startRedis({ t });
  const sentinel = await startRedis({
    t, password, sentinelConfig: `sentinel monitor mymaster 127.0.0.1 ${redis.port} 1\nrequirepass ${password}\n`,
  });
  const set = [`broker.redis.sentinels=127.0.0.1:${sentinel.port}`, 'broker.redis.master=mymaster'];
  const open = await startNode({ t, name: 'n1', redis: { url: 'redis://127.0.0.1:1' }, set });
  assert.match(await open.waitForLine(/cannot reach Redis/), /Sentinel .*NOAUTH.*sentinel-password/);
  const wrong = await startNode({ t, name: 'n2', redis: { url: 'redis://127.0.0.1:1' }, set: [...set, 'broker.redis.sentinel-password=wrong-Secret5'] });
  assert.match(await wrong.waitForLine(/cannot reach Redis/), /Sentinel .*WRONGPASS.*sentinel-password/);
  const right = await startNode({ t, name: 'n3', redis: { url: 'redis://127.0.0.1:1' }, set: [...set, `broker.redis.sentinel-password=${password}`] });
  await waitReady(right);
  for (const node of [open, wrong, right]) assert.doesNotMatch(node.log.join('\n'), /Secret[45]/);
});

test('what does not speak the protocol is told so, is not hammered, and does not hold up the server', async (t) => {
  const garbage = {
    'HTTP/1.1 400 Bad Request\r\n\r\n': /does not speak the Redis protocol/,
    '\0\0\0\r\n': /does not speak the Redis protocol/,
    '*2147483647\r\n': /does not speak the Redis protocol: an array of absurd length/,
    [`${'*1\r\n'.repeat(100)}`]: /does not speak the Redis protocol: arrays nested absurdly deep/,
    '+OK\r\n+OK\r\n+OK\r\n+OK\r\n': /Redis answered what nobody asked/,
    ':5\r\n:5\r\n': /delivers nothing/,
    '$100000000\r\nx': /no connection in time/,
    '-LOADING Redis is loading the dataset in memory\r\n': /LOADING.*it is tried again/,
    '-ERR max number of clients reached\r\n': /raise maxclients/,
  };
  await Promise.all(Object.entries(garbage).map(async ([bytes, line]) => {
    const redis = await startFakeRedis({ t, answer: () => '' });
    redis.server.on('connection', (socket) => socket.write(bytes));
    const node = await startNode({ t, name: 'n1', redis, set: ['broker.redis.connect-timeout=3s'] });
    const from = Date.now();
    assert.match(await node.waitForLine(/cannot reach Redis at/), line, JSON.stringify(bytes));
    const client = await stomp(node, { t });
    client.send('/topic/a', 'x', { receipt: 'r' });
    await client.expect('ERROR', { 'receipt-id': 'r', recoverable: 'true' });
    // A few at the start, then two each time that reconnect-max is over; it varies by a half.
    const most = 20 + (Date.now() - from) / 50;
    assert.ok(redis.connections < most, `${redis.connections} connections for ${JSON.stringify(bytes)}`);
  }));
});

test('a Redis that takes messages and delivers none is down, and up again when it delivers', async (t) => {
  let deaf = false;
  const redis = await startFakeRedis({ t, answer: (command) => (deaf && command === 'PUBLISH' ? ':1\r\n' : undefined) });
  const node = await startNode({ t, name: 'n1', redis });
  await waitReady(node);
  deaf = true;
  assert.match(await node.waitForLine(/lost Redis/), /it takes messages but does not deliver them/);
  await waitReady(node, false);
  const client = await stomp(node, { t });
  client.send('/topic/a', 'x', { receipt: 'r' });
  await client.expect('ERROR', { 'receipt-id': 'r', recoverable: 'true' });
  deaf = false;
  await node.waitForLine(/connected to Redis at \S+ again after/);
  await waitReady(node);
  await client.subscribe('/topic/a');
  client.send('/topic/a', 'y');
  assert.equal((await client.expect('MESSAGE')).body, 'y');
  assert.equal(count(node, /lost Redis/), 1);
});

test('a switch of the master: the line names what was lost and what comes instead', async (t) => {
  const [old, next] = [await startFakeRedis({ t }), await startFakeRedis({ t })];
  let master = old.port;
  const sentinel = await startFakeRedis({
    t,
    answer: (command) => (command === 'SENTINEL' ? `*2\r\n$9\r\n127.0.0.1\r\n$${String(master).length}\r\n${master}\r\n` : undefined),
  });
  const node = await startNode({
    t, name: 'n1', redis: { url: 'redis://127.0.0.1:1' }, set: [`broker.redis.sentinels=127.0.0.1:${sentinel.port}`, 'broker.redis.master=mymaster'],
  });
  await waitReady(node);
  await until(() => [...sentinel.sockets.values()].some((names) => names.has('+switch-master')), 'the node to listen to Sentinel');
  master = next.port;
  sentinel.obey(null, 'PUBLISH', ['PUBLISH', '+switch-master', `mymaster 127.0.0.1 ${old.port} 127.0.0.1 ${next.port}`]);
  assert.match(await node.waitForLine(/lost Redis/), new RegExp(`lost Redis at 127\\.0\\.0\\.1:${old.port}: Sentinel has moved the master to 127\\.0\\.0\\.1:${next.port}$`));
  assert.match(await node.waitForLine(/again after/), new RegExp(`connected to Redis at 127\\.0\\.0\\.1:${next.port} again`));
});

test('while Redis is away each reason is said when it is known, and then not again and again', async (t) => {
  const redis = await startRedis({ t });
  const node = await startNode({ t, name: 'n1', redis, set: ['broker.redis.reconnect-min=10ms', 'broker.redis.reconnect-max=100ms'] });
  await waitReady(node);
  await redis.kill();
  const lost = await node.waitForLine(/lost Redis at/);
  const why = await node.waitForLine(/still no Redis at .* after \d+ s: .*Connection refused/);
  assert.ok(node.log.indexOf(why) > node.log.indexOf(lost));
  await until(async () => (await node.stats())['broker.redis.connected'] === 0, 'the node to know');
  assert.equal(count(node, /still no Redis/), 1);
});

test('a full publish queue is told as such', async (t) => {
  let silent = false;
  const redis = await startFakeRedis({ t, answer: (command) => (silent && command === 'PUBLISH' ? '' : undefined) });
  const node = await startNode({ t, name: 'n1', redis, set: ['broker.redis.publish-queue=10', 'broker.redis.probe-interval=5m', 'broker.redis.probe-timeout=5m', 'broker.operation-timeout=5m'], probe: false });
  await waitReady(node);
  const client = await stomp(node, { t });
  silent = true;
  for (let i = 0; i < 10; i++) client.send('/topic/a', 'x');
  client.send('/topic/a', 'one more', { receipt: 'full' });
  const error = await client.expect('ERROR', { 'receipt-id': 'full', recoverable: 'true' });
  assert.equal(error.headers.message, 'SEND failed: too many messages wait for the broker');
  silent = false;
});
