// Redis over TLS: a cluster on it, failover by a Sentinel, new certificates while it runs, and what
// is said when the certificates do not fit.

import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';

import { assertOrdered, Publisher, startNode as startAny, takeBodies, waitReady } from './lib/cluster.mjs';
import { makeAuthority } from './lib/authority.mjs';
import { startRedis, startSentinel } from './lib/redis.mjs';
import { patience, sleep, slowness, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const startNode = (options) => startAny({ patient: true, ...options });

const BACK = /connected to Redis at (\S+) over TLSv1\.[23] again/;
const option = (name, value) => `broker.redis.${name}=${value}`;
const trusting = (ca) => option('tls-ca-file', ca.file);
const shown = ({ certificate, key }) => [option('tls-certificate', certificate), option('tls-key', key)];

async function startTls(t, ca, { clients, names, days, ...options } = {}) {
  const issued = ca.issue(`redis-${Math.random().toString(36).slice(2)}`, { names, days });
  return startRedis({ t, tls: { ...issued, ca: ca.file, clients }, ...options });
}

// Until /ready gives that reason.
async function waitNotReady(node, pattern) {
  await until(async () => {
    const answer = await fetch(node.url('/ready'));
    const text = await answer.text();
    return answer.status === 503 && pattern.test(text);
  }, `${pattern} at /ready`, patience(10000));
}

// Replaces a file as a tool that renews certificates does.
function replace(file, by) {
  copyFileSync(by, `${file}.new`);
  renameSync(`${file}.new`, file);
}

const presence = ['app.plugins=presence', 'app.presence rooms.watch=/sub/{room}/watch', 'app.presence rooms.anonymous=on',
  'app.presence rooms.linger=0', 'destinations.app=/pub', option('presence-renew', '300ms')];

for (const layout of ['topics', 'single']) {
  test(`two nodes over TLS, with client certificates, layout ${layout}: messages large and small, presence`, async (t) => {
    const ca = makeAuthority({ t });
    const redis = await startTls(t, ca, { clients: 'yes' });
    const set = [trusting(ca), ...shown(ca.issue('node', { names: 'DNS:node' })), option('layout', layout), ...presence];
    const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis, set })));
    for (const node of nodes) assert.match(await node.waitForLine(/connected to Redis/), /over TLSv1\.3$/);
    const [from, to] = await Promise.all(nodes.map((node) => stomp(node, { t })));
    await to.subscribe('/topic/a');
    const large = 'x'.repeat(60000);
    const N = 500;
    for (let i = 0; i < N; i += 1) from.send('/topic/a', `p:${i}:${i % 50 ? '' : large}`);
    const bodies = [];
    await until(() => {
      bodies.push(...(takeBodies(to).get('/topic/a') ?? []));
      return bodies.length >= N;
    }, 'all messages', patience(10000));
    assert.equal(bodies.length, N);
    assertOrdered(bodies, 'the subscriber');
    assert.equal(bodies[100], `p:100:${large}`);
    await to.subscribe('/sub/r/watch');
    await from.subscribe('/sub/r/watch');
    let seen;
    await until(() => {
      for (const frame of to.frames.splice(0)) seen = JSON.parse(frame.body);
      return seen?.count === 2;
    }, 'both being present', patience(10000)).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(seen)}`); });
    assert.ok((await nodes[0].stats())['broker.redis.bytes_out'] > 10 * large.length);
  });
}

test('a failover by a Sentinel, all of it over TLS', async (t) => {
  const ca = makeAuthority({ t });
  const master = await startTls(t, ca, { args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startTls(t, ca, { args: ['--replicaof', '127.0.0.1', String(master.port)] });
  await until(async () => (await replica.info('replication', 'master_link_status')) === 'up', 'replication', 15000);
  const sentinel = await startSentinel({ t, master: master.port, tls: { ...ca.issue('sentinel'), ca: ca.file } });
  await until(async () => /slaves=1/.test(await sentinel.info('sentinel', 'master0')), 'the Sentinel knowing the replica', 15000);
  const set = [option('sentinels', `127.0.0.1:${sentinel.port}`), option('master', 'mymaster'), trusting(ca)];
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis: { url: 'rediss://nobody:1' }, set })));
  const [n1, n2] = nodes;
  await Promise.all(nodes.map((node) => waitReady(node)));
  const client = await stomp(n1, { t });
  await client.subscribe('/topic/a');
  const publisher = new Publisher(await stomp(n2, { t }), '/topic/a', 'p', 10);
  await until(() => client.frames.length > 5, 'the first messages');
  await master.kill();
  for (const node of nodes) {
    assert.equal(BACK.exec(await node.waitForLine(BACK, { ms: 20000 }))[1], `127.0.0.1:${replica.port}`);
    await waitReady(node);
  }
  await sleep(200 * slowness);
  const { taken } = await publisher.stop();
  assert.ok(taken > 0);
  const got = new Map();
  await until(() => takeBodies(client, got).get('/topic/a').at(-1) === `p:${publisher.sent - 1}`, 'the last message', patience(10000));
  assertOrdered(got.get('/topic/a'), 'the subscriber');

  // A Sentinel without TLS, and a Redis with it.
  const plain = await startNode({ t, name: 'n3', redis: { url: 'rediss://nobody:1' }, set: [...set, option('sentinel-tls', 'off')] });
  assert.match(await plain.waitForLine(/cannot reach Redis/), /Sentinel 127\.0\.0\.1:\d+: .*if that port wants TLS/);
});

test('certificates are replaced while nodes run, and read when they connect again', async (t) => {
  const old = makeAuthority({ t, name: 'old' });
  const fresh = makeAuthority({ t, name: 'fresh' });
  const first = old.issue('redis');
  const second = fresh.issue('redis');
  const mine = old.issue('node');
  const next = fresh.issue('node');
  const redis = await startRedis({ t, tls: { ...first, ca: old.file, clients: 'yes' } });
  const set = [trusting(old), ...shown(mine)];
  const node = await startNode({ t, name: 'n1', redis, set });
  await waitReady(node);
  const client = await stomp(node, { t });
  await client.subscribe('/topic/a');

  // One of the three is enough to be cut off; the reason is in the log and at /ready.
  redis.tls = { ...second, ca: fresh.file, clients: 'yes' };
  await redis.kill();
  await redis.start();
  await waitNotReady(node, /its certificate is of an unknown authority/);
  replace(old.file, fresh.file);
  await node.waitForLine(/the certificates for Redis have changed and been read/, { ms: 10000 });
  await waitNotReady(node, /it refuses our certificate/);
  replace(mine.key, next.key); // as between two steps of whoever replaces them
  await node.waitForLine(/have changed and cannot be used, those from before are: option tls-key: \S+: it is not the key/, { ms: 10000 });
  replace(mine.certificate, next.certificate);
  await node.waitForLine(BACK, { ms: 10000 });
  await waitReady(node);
  await client.request('SEND', { destination: '/topic/a' }, 'again');
  assert.equal((await client.expect('MESSAGE')).body, 'again');
});

test('what does not fit is named in the log and at /ready', async (t) => {
  const ca = makeAuthority({ t });
  const other = makeAuthority({ t, name: 'another authority' });
  const plain = await startRedis({ t });
  const secure = await startTls(t, ca);
  const strict = await startTls(t, ca, { clients: 'yes' });
  const named = await startTls(t, ca, { names: 'DNS:redis.example,DNS:r2.example' });
  const expired = await startTls(t, ca, { days: -1 });
  const mute = net.createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise((done) => { mute.listen(0, '127.0.0.1', done); });
  t.after(() => mute.close());
  const url = (port, scheme = 'rediss') => ({ url: `${scheme}://127.0.0.1:${port}` });
  const ours = trusting(ca);
  const cases = [
    [secure, [], /its certificate is of an unknown authority \(.+\): set tls-ca-file/],
    [secure, [trusting(other)], /its certificate is of an unknown authority \(.+\): set tls-ca-file/],
    [named, [ours], /its certificate is not for 127\.0\.0\.1 but for redis\.example, r2\.example: set tls-server-name/],
    [expired, [ours], /its certificate has expired, at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/],
    [strict, [ours], /it wants a client certificate: set tls-certificate and tls-key/],
    [strict, [ours, ...shown(other.issue('node'))], /it refuses our certificate, that of tls-certificate: tlsv1 alert unknown ca/],
    [url(plain.port), [ours], /no TLS handshake in time: is it the tls-port of Redis\?|it speaks no TLS at this port/],
    [url(mute.address().port), [ours], /no TLS handshake in time: is it the tls-port of Redis\?/],
    [url(secure.port, 'redis'), [], /if that port wants TLS, write rediss:\/\/ into url/],
  ];
  for (const [redis, more, pattern] of cases) {
    const set = [...more, option('connect-timeout', `${1000 * slowness}ms`)];
    const node = await startNode({ t, name: 'n1', redis, set });
    // A server that resets the connection right behind its alert is not always heard: the next attempt tells.
    await node.waitForLine(new RegExp(`(?:cannot reach|still no) Redis at.*(?:${pattern.source})`), { ms: 30000 });
    await waitNotReady(node, pattern);
    await node.stop();
  }
  // What is missing is set.
  const fits = [
    [named, [ours, option('tls-server-name', 'r2.example')]],
    [{ url: `rediss://localhost:${secure.port}` }, [ours]],
    [expired, [option('tls-verify', 'off')]],
  ];
  for (const [redis, set] of fits) {
    const node = await startNode({ t, name: 'n1', redis, set });
    await waitReady(node);
    const loud = set.some((each) => /verify/.test(each));
    assert.equal(node.log.some((line) => /warn.*tls-verify is off: ANYBODY/i.test(line)), loud);
    assert.equal(/nobody has verified/.test(await node.waitForLine(/connected to Redis/)), loud);
    await node.stop();
  }
});
