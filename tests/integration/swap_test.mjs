// Another broker in the place of the one that runs, under load: memory, Redis and NATS, nodes one
// after the other, and what fails and leaves all as it was.

import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { adminOf, adminSet, TOKEN } from './lib/admin.mjs';
import { isReady, waitReady } from './lib/cluster.mjs';
import { ctl } from './lib/ctl.mjs';
import { connectApp, receiptOf, startLoad } from './lib/load.mjs';
import { startNats } from './lib/nats.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, slowness, start, until } from './lib/server.mjs';
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
    await late.subscribe('/topic/late/one');
    await late.request('SEND', { destination: '/topic/late/one' }, plugin);
    assert.equal((await late.expect('MESSAGE')).body, plugin);
  }
  await load.more();
  await load.end();
  assert.equal((await server.stats()).swaps, 7);
});

test('what cannot take over leaves the old broker as it was, and says why', async (t) => {
  const server = await startNode(t, { set: ['broker.operation-timeout=1s', `broker.redis.url=redis://127.0.0.1:${await freePort()}`, 'broker.nats.servers='] });
  const load = await startLoad(t, [server], { subscribers: 2, publishers: 1 });
  const admin = adminOf(server);
  const refused = async (status, code, body, message) => {
    const answer = await admin.ask('POST', 'swap', { body: typeof body === 'string' ? body : JSON.stringify(body) });
    assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);
    assert.match(answer.json.message, message);
    await load.more(5);
    return answer;
  };
  const broker = (plugin, more = {}) => ({ kind: 'broker', plugin, ...more });
  await refused(422, 'bad-configuration', broker('missing'), /stays memory: .*broker-missing\.so/);
  await refused(422, 'bad-configuration', broker('nats'), /stays memory: .*servers/);
  await refused(409, 'not-swapped', broker('redis'), /stays memory: it is not up: 127\.0\.0\.1:\d+: cannot connect: .*refused/i);
  // a second one meanwhile
  const first = admin.ask('POST', 'swap', { body: JSON.stringify(broker('memory', { overlap_ms: 2000 })) });
  await until(async () => (await status(server)).swap?.phase === 'overlap', 'the overlap');
  assert.deepEqual((await status(server)).swap, { kind: 'broker', from: 'memory', to: 'memory', phase: 'overlap' });
  const text = await ctl(['status', '--admin', `http://${admin.where.host}:${admin.where.port}`, '--admin-token', TOKEN]);
  assert.match(text.stdout, /^swap +memory to memory: overlap$/m);
  for (const kind of ['broker', 'auth', 'app']) {
    await refused(409, 'not-swapped', { kind, plugin: 'memory' }, /another swap is under way/);
    await server.waitForLine(kind === 'broker' ? /error core: .*another swap is under way/ : new RegExp(`error ${kind}: .*another swap is under way`));
  }
  assert.equal((await first).status, 200);
  for (const [code, field, body] of [['bad-json', undefined, '[]'], ['missing', 'kind', '{}'], ['missing', 'plugin', { kind: 'auth' }],
    ['unknown-field', 'more', broker('memory', { more: 1 })], ['bad-value', 'plugin', broker('../x')], ['bad-value', 'plugin', broker('x\0y')],
    ['bad-value', 'plugin', broker('x'.repeat(64))], ['bad-type', 'plugin', broker(1)], ['bad-value', 'kind', { kind: 'disk', plugin: 'x' }],
    ['bad-value', 'for', broker('memory', { for: 'x' })], ['bad-value', 'overlap_ms', broker('memory', { overlap_ms: -1 })],
    ['bad-value', 'overlap_ms', broker('memory', { overlap_ms: 86400001 })], ['bad-type', 'overlap_ms', broker('memory', { overlap_ms: '1' })]]) {
    const answer = await refused(400, code, body, /./);
    assert.equal(answer.json.field, field, answer.text);
  }
  for (const kind of ['auth', 'app']) await refused(422, 'bad-configuration', { kind, plugin: 'x' }, /plugins names none/);
  await load.end();
  assert.deepEqual([(await server.stats()).swaps, (await server.stats()).swaps_failed], [1, 8]);
});

test('three nodes go over one after the other, while messages flow between all of them', async (t) => {
  const [a, b] = await Promise.all([startRedis({ t }), startRedis({ t })]);
  const nodes = await Promise.all(['n1', 'n2', 'n3'].map((name) => startNode(t, {
    name, broker: 'redis', http: 0, config: `[broker.redis]\nurl = redis://127.0.0.1:${a.port}\n` })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const load = await startLoad(t, nodes, { subscribers: 6, publishers: 3, pattern: '/topic/*', pause: 5 });
  await load.more();
  // The overlap of the first lasts until the last one has begun.
  const swaps = [];
  for (const node of nodes) {
    node.configure(`[broker.redis]\nurl = redis://127.0.0.1:${b.port}\n`);
    swaps.push(swap(node, 'redis', { overlap_ms: slowness > 1 ? 7500 : 2500 }));
    await until(async () => (await status(node)).swap?.phase === 'overlap', 'the overlap');
    await load.more();
  }
  await Promise.all(swaps);
  await a.kill(); // which nobody needs any more
  await load.more();
  await load.end();
  for (const node of nodes) assert.ok((await node.stats()).swap_duplicates > 0);
});

test('a Redis that is dead is left for another one at once, and what waited goes there', async (t) => {
  const [dead, redis] = await Promise.all([startRedis({ t }), startRedis({ t })]);
  const config = (port) => `[broker.redis]\nurl = redis://127.0.0.1:${port}\n`;
  const server = await startNode(t, { broker: 'redis', http: 0, config: config(dead.port), set: ['broker.when-down=queue', 'broker.down-queue-time=60s'] });
  await waitReady(server);
  const [from, to] = [await connectApp(t, server), await stomp(server, { t })];
  await to.subscribe('/topic/a');
  await dead.kill();
  await waitReady(server, false);
  const bodies = Array.from({ length: 50 }, (_, i) => `m${i}`);
  const sent = bodies.map((body) => receiptOf(from, (receipt) => from.client.publish({ destination: '/topic/a', body, headers: { receipt } })));
  server.configure(config(redis.port));
  await swap(server, 'redis');
  await Promise.all(sent);
  const got = [];
  while (got.length < bodies.length) got.push((await to.expect('MESSAGE')).body);
  assert.deepEqual(got, bodies);
  assert.ok(await isReady(server));
});

test('a reload that names another broker, or other options of it, swaps', async (t) => {
  const redis = await startRedis({ t });
  const config = (plugin, prefix = 'a:') => `[broker]\nplugin = ${plugin}\noperation-timeout = 1s\n[broker.redis]\nurl = redis://127.0.0.1:${redis.port}\nprefix = ${prefix}\n`;
  const server = await start({ t, config: config('memory'), set: ['server.node=n1', 'server.workers=2', 'destinations.patterns=on', ...adminSet] });
  const load = await startLoad(t, [server]);
  const reload = async (text) => { server.configure(text); return (await adminOf(server).ask('POST', 'reload')).json; };
  assert.deepEqual(await reload(config('redis')), { applied: ['[broker] plugin'], kept: [] });
  assert.equal((await status(server)).broker.plugin, 'redis');
  assert.deepEqual(await reload(config('redis', 'b:')), { applied: ['[broker.redis] prefix'], kept: [] });
  await load.more();
  assert.deepEqual(await reload(config('redis', 'b:')), { applied: [], kept: [] });
  // What fails is said, and tried again by the next one.
  const port = redis.port;
  const gone = await freePort();
  const dead = await reload(config('redis', 'b:').replace(port, gone));
  assert.deepEqual(dead.applied, []);
  assert.equal(dead.kept[0].key, '[broker.redis] url');
  assert.match(dead.kept[0].why, /^is not applied, the broker stays redis: it is not up: /);
  await load.more();
  const again = await reload(config('redis', 'b:').replace(port, gone));
  assert.deepEqual([again.applied, again.kept.map(({ key }) => key)], [[], ['[broker] plugin']]);
  assert.match(again.kept[0].why, /^is not applied, the broker stays redis: it is not up: /);
  await startRedis({ t, port: gone });
  assert.deepEqual(await reload(config('redis', 'b:').replace(port, gone)), { applied: ['[broker] plugin'], kept: [] });
  await load.more();
  const wrong = await reload(config('nats').replace('[broker.redis]', '[broker.nats]\nservers = x\n[broker.redis]'));
  assert.equal(wrong.code, 'bad-configuration');
  server.configure(config('memory'));
  server.signal('SIGHUP');
  await until(async () => { const { broker, swap: going } = await status(server); return broker.plugin === 'memory' && !going; }, 'the swap', 10000);
  await load.more();
  const lines = server.log.join('\n');
  assert.match(lines, /\[broker\] plugin is to be applied by a swap of the broker/);
  assert.doesNotMatch(lines, /\[broker.*is applied/);
  // An order is not undone by a reload, which has nothing to do with what the file does not name.
  await swap(server, 'redis');
  assert.deepEqual(await reload(config('memory', 'c:')), { applied: [], kept: [{ key: '[broker.redis] prefix', why: 'is for a swap to it: [broker] plugin names memory' }] });
  assert.equal((await status(server)).broker.plugin, 'redis');
  await load.end();
});

test('a new version of the same file takes over', async (t) => {
  const dir = directory(t);
  const copy = () => { copyFileSync(join(build, 'lib/plugboard/broker-memory.so'), join(dir, 'new')); renameSync(join(dir, 'new'), join(dir, 'broker-memory.so')); };
  copy();
  const server = await startNode(t, { set: [`server.plugin-dir=${dir}`] });
  const load = await startLoad(t, [server], { subscribers: 2 });
  for (let i = 0; i < 3; i++) {
    copy();
    await swap(server, 'memory');
    await load.more();
  }
  await load.end();
});

// For longer than the swap waits, so that it comes back to what the swap has left behind.
for (const at of ['start', 'stop']) {
  test(`the control thread is held up in ${at} of a broker that is swapped, and comes back`, async (t) => {
    const dir = directory(t);
    for (const name of ['lib/plugboard/broker-memory', 'tests/plugins/broker-script']) copyFileSync(join(build, `${name}.so`), join(dir, `${name.split('/').pop()}.so`));
    const [from, to] = at === 'start' ? ['memory', 'script'] : ['script', 'memory'];
    const server = await startNode(t, { broker: from, set: [`server.plugin-dir=${dir}`, 'server.plugin-hang=300ms', `broker.script.at=${at}`, 'broker.script.do=hang', 'broker.script.time=15s'] });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/a');
    const response = await adminOf(server).request('POST', 'swap', { body: JSON.stringify({ kind: 'broker', plugin: to }) });
    let text = '';
    for await (const piece of response.setEncoding('utf8')) text += piece;
    assert.equal(response.statusCode, at === 'start' ? 409 : 200, text);
    if (at === 'start') assert.match(JSON.parse(text).message, /the broker stays memory: .*thread 'control' does not come back from it/);
    await server.waitForLine(/the plugin has returned after \d+ ms/, { ms: 30000 });
    await waitReady(server);
    await swap(server, 'memory');
    await client.request('SEND', { destination: '/topic/a' }, 'hello');
    assert.equal((await client.expect('MESSAGE')).body, 'hello');
    // One that did not stop in time is told of at the end, too.
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.waitForExit(), { code: at === 'start' ? 0 : 1, signal: null }, server.tail());
  });
}

test('a server that is told to stop during a swap ends as ever', async (t) => {
  const redis = await startRedis({ t });
  const server = await startNode(t, { set: redisSet(redis) });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  const answer = adminOf(server).ask('POST', 'swap', { body: JSON.stringify({ kind: 'broker', plugin: 'redis', overlap_ms: 600000 }) });
  await until(async () => (await status(server)).swap?.phase === 'overlap', 'the overlap');
  await client.request('SEND', { destination: '/topic/a' }, 'x');
  assert.equal((await client.expect('MESSAGE')).body, 'x');
  const stopped = server.stop();
  assert.match((await answer).json.message, /the server is stopping/);
  await stopped;
});

test('twenty swaps in a row with two hundred clients, told by plugctl', async (t) => {
  const server = await startNode(t);
  const load = await startLoad(t, [server], { subscribers: 200, publishers: 4, pause: 10 });
  const admin = /http-admin:\/\/(\S+)/.exec(server.log.find((line) => /http-admin/.test(line)))[1];
  for (let i = 0; i < 20; i++) {
    const { code, stdout, stderr } = await ctl(['swap', 'broker', 'memory', '--admin', `http://${admin}`, '--admin-token', TOKEN]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^swapped +memory to memory in \d+ ms\n$/);
  }
  await load.end();
  assert.equal((await server.stats()).swaps, 20);
});

test('presence goes along where both brokers know it; what cannot be swapped is refused', async (t) => {
  const redis = await startRedis({ t });
  const rooms = '[destinations]\napp = /pub\n[app]\nplugins = presence\n[app.presence rooms]\nwatch = /sub/{room}/watch\nanonymous = on\nlinger = 0\nmembers = /{room}/members\n';
  const server = await start({ t, config: rooms, set: ['server.node=n1', 'server.workers=2', 'broker.nats.servers=nats://127.0.0.1:1',
    'presence.settle=200ms', ...redisSet(redis), ...adminSet] });
  const watchers = [await stomp(server, { t }), await stomp(server, { t })];
  const count = async (n) => {
    for (const watcher of watchers.slice(0, n)) {
      let last;
      await until(() => {
        for (const { body } of watcher.frames.splice(0)) last = JSON.parse(body);
        return last?.count === n;
      }, `a count of ${n}`).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(last)}`); });
    }
  };
  await watchers[0].subscribe('/sub/a/watch');
  await count(1);
  const admin = adminOf(server);
  const nats = await admin.ask('POST', 'swap', { body: JSON.stringify({ kind: 'broker', plugin: 'nats' }) });
  assert.deepEqual([nats.status, nats.json.code], [422, 'bad-configuration'], nats.text);
  assert.match(nats.json.message, /stays memory: .*who is where/);
  await swap(server, 'redis');
  await watchers[1].subscribe('/sub/a/watch');
  await count(2); // the first one was said to the new one, too
  await swap(server, 'memory');
  const third = await stomp(server, { t });
  watchers.push(third);
  await third.subscribe('/sub/a/watch');
  await count(3);
  await third.disconnect();
  await until(() => watchers[0].frames.splice(0).some(({ body }) => JSON.parse(body).count === 2), 'the third having left');

  // Messages in Spring's format have neither origin nor number.
  const other = await start({ t, set: ['server.node=n2', 'broker.redis.layout=single', ...redisSet(redis), ...adminSet] });
  const single = await adminOf(other).ask('POST', 'swap', { body: JSON.stringify({ kind: 'broker', plugin: 'redis' }) });
  assert.deepEqual([single.status, single.json.code], [422, 'bad-configuration'], single.text);
  assert.match(single.json.message, /\[broker\.redis\] travel in a format without origin and id/);
});
