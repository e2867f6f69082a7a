// [server] plugin-threads: an auth or app plugin that blocks its home thread stalls neither the
// broker nor the other plugins; what is asked of it is refused, and all is well when it comes back.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { build, sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const plugin = (name) => join(build, `tests/plugins/${name}.so`);
const short = { 'plugin-threads': 'on', 'plugin-hang': '300ms', 'drain-time': '1s', workers: 2 };

// One app and two auth plugins that hang when told so, and routes and presence beside them.
function config({ auth = 'auth-any', app = {}, route = '' } = {}) {
  const [first, last] = auth === 'auth-any' ? ['auth-any', 'auth-script'] : ['auth-script', 'auth-any'];
  const sections = {
    server: short,
    auth: { plugins: `${plugin(first)}, ${plugin(last)}`, timeout: '1s', anonymous: 'on', 'on-denied': 'keep' },
    destinations: { app: '/pub' },
    app: { plugins: `${plugin('app-script')}, route, presence`, timeout: '1s', ...app },
    'app.route echo': { pattern: '/echo', to: '/topic/echo', body: `"{body.content}${route}"` },
    'app.presence rooms': { watch: '/topic/rooms/{room}', info: '{"name":"{user}"}', join: '"{info}"', leave: '"{info}"' },
  };
  return Object.entries(sections)
    .map(([name, keys]) => `[${name}]\n${Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join('')}`)
    .join('\n');
}

const as = (token, t) => ({ t, connect: { Authorization: token } });

async function ready(server) {
  const response = await fetch(server.url('/ready'));
  return `${response.status} ${await response.text()}`;
}

function threads(server) {
  const dir = `/proc/${server.pid}/task`;
  return readdirSync(dir).map((id) => {
    try {
      return readFileSync(join(dir, id, 'comm'), 'utf8').trim();
    } catch {
      return ''; // ended meanwhile
    }
  });
}

const hang = (client, ms, headers = {}) => client.send('/pub/act/x', 'x', { how: 'hang', time: ms, ...headers });

// The broker, a route and a room work.
async function works(server, client, others) {
  const before = Date.now();
  await client.request('SEND', { destination: '/topic/a' }, 'hello');
  await client.expect('MESSAGE', { destination: '/topic/a' });
  await client.request('SEND', { destination: '/pub/echo' }, '{"content":"hi"}');
  assert.match((await client.expect('MESSAGE', { destination: '/topic/echo' })).body, /^"hi/);
  if (others) await stomp(server, others);
  return Date.now() - before;
}

async function listener(server, t) {
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  await client.subscribe('/topic/echo');
  return client;
}

describe('plugin-threads', { concurrency: 2 }, () => {
  test('each auth and app plugin has a thread, but for what presence belongs to', async (t) => {
    const server = await start({ t, config: config() });
    const names = threads(server);
    for (const name of ['control', 'auth.any', 'auth.script', 'app.script', 'app.route'])
      assert.equal(names.filter((n) => n === name).length, 1, `${name} of ${names}`);
    assert.ok(!names.includes('app.presence'), names.join());
    const client = await stomp(server, as('kim', t));
    await client.subscribe('/topic/rooms/one');
    assert.match((await client.expect('MESSAGE', { destination: '/topic/rooms/one' })).body, /kim/);
    await client.request('SEND', { destination: '/pub/act/x', to: '/topic/rooms/one' }, 'from the other thread');
    await client.expect('MESSAGE', { destination: '/topic/rooms/one' });
  });

  test('without it there is one home for all', async (t) => {
    const server = await start({ t, config: config(), set: ['server.plugin-threads=off'] });
    assert.deepEqual(threads(server).filter((name) => /^(auth|app)\.|control/.test(name)), ['control']);
  });

  test('an application that hangs: others go on, its clients are refused, and it comes back', async (t) => {
    const server = await start({ t, config: config({ app: { queue: 10 } }) });
    const [client, victim, watched] = [await listener(server, t), await stomp(server, { t }), await stomp(server, { t })];
    hang(victim, 4000, { receipt: 'hung' });
    victim.send('/pub/act/x', 'behind it', { receipt: 'behind', to: '/topic/a' });
    await server.waitForLine(/ error app\.script: plugin org\.example\.app\.script has not returned from request on thread 'app\.script' for \d+ ms/);
    await until(async () => /^503 not ready: app\.script does not return from request/.test(await ready(server)), 'unreadiness');
    assert.equal((await fetch(server.url('/live'))).status, 200);
    for (const id of ['hung', 'behind']) {
      const error = await victim.expect('ERROR', { 'receipt-id': id });
      assert.equal(error.headers['error-code'], 'timeout');
    }
    for (let i = 0; i < 6; i++) { // what it is not told does not count against the others
      await watched.subscribe('/topic/watched/a', { id: `w${i}` });
      await watched.request('UNSUBSCRIBE', { id: `w${i}` });
    }
    assert.ok((await server.stats()).app_lost > 0);
    await works(server, client, as('bob', t));
    victim.send('/pub/act/x', 'now', { receipt: 'at once' });
    assert.equal((await victim.expect('ERROR', { 'receipt-id': 'at once' })).headers['error-code'], 'unavailable');
    assert.ok(!server.log.some((line) => /the plugin has returned/.test(line)), 'it was still in there');
    await server.waitForLine(/ warn app\.script: the plugin has returned after \d+ ms/);
    await until(async () => /^200 /.test(await ready(server)), 'readiness');
    await client.expectSilence(50); // what was refused is not published afterwards
    await victim.request('SEND', { destination: '/pub/act/x' }, 'again');
    assert.equal((await server.stats()).app_waiting, 0);
  });

  test('an auth plugin that hangs: who the others know comes in, the rest is refused', async (t) => {
    const server = await start({ t, config: config() });
    const client = await listener(server, t);
    const connect = async (token) => {
      const other = await open(server, { t });
      other.frame('CONNECT', { 'accept-version': '1.2', host: 'h', Authorization: token });
      return other;
    };
    const hung = await connect('eve;only=auth.script;hang=4000');
    await server.waitForLine(/plugin plugboard\.test\.auth-script has not returned from authenticate on thread 'auth\.script'/);
    await until(async () => /^503 not ready: auth\.script does not return from authenticate/.test(await ready(server)), 'unreadiness');
    await works(server, client, as('bob', t)); // auth.any is asked first
    await hung.expectError(/authentication took too long/);
    const error = await (await connect('eve;only=auth.script')).expectError();
    assert.equal(error.headers['error-code'], 'authentication-unavailable');
    assert.ok(!server.log.some((line) => /the plugin has returned/.test(line)), 'it was still in there');
    await server.waitForLine(/ warn auth\.script: the plugin has returned/);
    await until(async () => /^200 /.test(await ready(server)), 'readiness');
    const late = await stomp(server, as('eve;only=auth.script;late=10', t));
    assert.equal(late.session.headers['user-name'], 'eve');
    assert.equal((await server.stats()).auth_waiting, 0);
  });

  test('deadlines are kept before it counts as hanging', async (t) => {
    const server = await start({ t, config: config(), set: ['server.plugin-hang=10m', 'app.timeout=300ms', 'auth.timeout=300ms'] });
    const [client, victim, other] = [await listener(server, t), await stomp(server, { t }), await open(server, { t })];
    other.frame('CONNECT', { 'accept-version': '1.2', host: 'h', Authorization: 'eve;only=auth.script;hang=3000' });
    hang(victim, 3000, { receipt: 'held up' });
    const error = await victim.expect('ERROR', { 'receipt-id': 'held up' });
    assert.equal(error.headers['error-code'], 'timeout');
    await other.expectError(/authentication took too long/);
    await works(server, client);
    assert.match(await ready(server), /^200 /);
    assert.ok(!server.log.some((line) => /request took \d+ ms/.test(line)), 'it was still in there');
    await server.waitForLine(/ app\.script: request took \d+ ms, its limit is 10 ms/);
    await victim.request('SEND', { destination: '/pub/act/x' }, 'again');
  });

  test('a reload gives new instances new threads, and takes those of the former away', async (t) => {
    const server = await start({ t, config: config() });
    const client = await listener(server, t);
    for (let i = 1; i <= 3; i++) {
      await server.reload(config({ auth: i % 2 ? 'auth-script' : 'auth-any', route: ` ${i}` }));
      await client.request('SEND', { destination: '/pub/echo' }, '{"content":"hi"}');
      assert.equal((await client.expect('MESSAGE', { destination: '/topic/echo' })).body, `"hi ${i}"`);
      await stomp(server, as(`bob${i};only=auth.script`, t));
    }
    const count = (name) => threads(server).filter((n) => n === name).length;
    await until(() => count('app.route') === 1, 'one thread of app.route');
    client.close();
  });

  test('a reload while one hangs waits for nobody else', async (t) => {
    const server = await start({ t, config: config() });
    const [client, victim] = [await listener(server, t), await stomp(server, { t })];
    hang(victim, 4000);
    await server.waitForLine(/has not returned from request on thread 'app\.script'/);
    await server.reload(config({ route: '!' }));
    assert.ok(!server.log.some((line) => /the plugin has returned/.test(line)), 'it was still in there');
    await client.request('SEND', { destination: '/pub/echo' }, '{"content":"hi"}');
    assert.equal((await client.expect('MESSAGE', { destination: '/topic/echo' })).body, '"hi!"');
    await server.waitForLine(/the plugin has returned/);
  });

  test('SIGTERM while the control thread is held up for a while ends in order', async (t) => {
    const server = await start({ t, config: config(), set: ['server.plugin-threads=off'] });
    hang(await stomp(server, { t }), 2000);
    await server.waitForLine(/has not returned from request on thread 'control'/);
    server.signal('SIGTERM');
    const exit = await server.waitForExit({ ms: 60000 });
    assert.equal(exit.signal, null, server.tail());
    if (exit.code) // it was waited for, but not for ever
      assert.ok(server.log.some((line) => /ended with a plugin that did not stop|cannot end in order/.test(line)), server.tail());
  });

  for (const [what, stuck] of [['an application', 'app'], ['an auth plugin', 'auth']]) {
    test(`SIGTERM with ${what} that hangs: sessions get their leave, and it is left behind`, async (t) => {
      const server = await start({ t, config: config() });
      const client = await listener(server, t);
      if (stuck === 'app') {
        hang(await stomp(server, { t }), 600000);
      } else {
        const other = await open(server, { t });
        other.frame('CONNECT', { 'accept-version': '1.2', host: 'h', Authorization: 'eve;only=auth.script;hang=600000' });
      }
      await server.waitForLine(/has not returned from (request|authenticate) on thread/);
      await works(server, client);
      server.signal('SIGTERM');
      await client.expectError(/restarting/);
      assert.deepEqual(await server.waitForExit({ ms: 60000 }), { code: 1, signal: null });
      assert.ok(server.log.some((line) => new RegExp(` error ${stuck}\\.script: plugin \\S+ did not stop within`).test(line)), server.tail());
      assert.ok(server.log.some((line) => /ended with a plugin that did not stop/.test(line)), server.tail());
    });
  }
});
