// What waits while a plugin is swapped: answers, counts, logins. Nothing of it is lost by the swap.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { adminOf, TOKEN } from './lib/admin.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, sleep, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const SCRIPT = join(build, 'tests/plugins/auth-script.so');
const base = (rooms, more = {}) => ({
  server: { workers: 1 },
  admin: { listen: '127.0.0.1:0', token: TOKEN },
  destinations: { app: '/pub' },
  auth: { plugins: SCRIPT },
  app: { plugins: 'presence' },
  'app.presence rooms': { watch: '/topic/room/{room}', ...rooms },
  ...more,
});
const ini = (sections) => Object.entries(sections)
  .map(([name, keys]) => `[${name}]\n${Object.entries(keys).map(([k, value]) => `${k} = ${value}\n`).join('')}`)
  .join('\n');
const login = (t, server, name) => stomp(server, { t, connect: { Authorization: `user=${name}` } });
async function swap(server, kind, plugin) {
  const { status, text } = await adminOf(server).ask('POST', 'swap', { body: JSON.stringify({ kind, plugin }) });
  assert.equal(status, 200, text);
}
const heard = (client) => client.frames.map((frame) => JSON.parse(frame.body));

test('who has subscribed and waits for the list of a room gets it', async (t) => {
  const redis = await startRedis({ t });
  const server = await start({ t, config: ini(base({ snapshot: 'list', members: '/room/{room}/who' }, {
    broker: { plugin: 'redis' }, 'broker.redis': { url: redis.url, 'probe-timeout': '30s' } })) });
  const ada = await login(t, server, 'ada');
  await ada.subscribe('/topic/room/7');
  await until(() => heard(ada).some((event) => event.type === 'MEMBERS'), 'her own list');
  const eve = await login(t, server, 'eve');
  redis.freeze();
  await eve.subscribe('/topic/room/7');
  await swap(server, 'app', 'presence');
  await sleep(300);
  redis.thaw();
  await until(() => heard(eve).some((event) => event.type === 'MEMBERS'), 'the list');
  await until(() => heard(eve).at(-1).count === 2, 'herself in it, or in a JOIN behind it');
});

test('a count that waits for its time is told', async (t) => {
  const server = await start({ t, config: ini(base({ 'max-events': 2 })) });
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const clients = await Promise.all(names.map((name) => login(t, server, name)));
  await clients[0].subscribe('/topic/room/7');
  await sleep(1200); // the second in which events count is over
  clients[0].frames.length = 0;
  await Promise.all(clients.slice(1).map((client) => client.subscribe('/topic/room/7')));
  await swap(server, 'app', 'presence');
  await until(() => heard(clients[0]).some((event) => event.count === names.length), 'the count of all');
});

test('an auth plugin that was named by its path gives way to one that is named by its name', async (t) => {
  const secret = 'a-secret-that-is-long-enough-for-the-tests';
  const server = await start({ t, config: ini(base({}, { 'auth.script': {}, 'auth.jwt': { secret, audience: 'chat' } })) });
  await swap(server, 'auth', 'jwt');
  await assert.rejects(login(t, server, 'ada'));
});

test('who is let in late, by plugins that stand for no session any more, is let go like the others', async (t) => {
  const server = await start({ t, config: ini(base({}, { auth: { plugins: SCRIPT, 'former-generations': 1 }, 'auth.script': {} })) });
  const before = await login(t, server, 'before');
  const late = stomp(server, { t, connect: { Authorization: 'user=late;late=3000' } });
  await until(async () => (await server.stats()).auth_waiting === 1, 'the login');
  await swap(server, 'auth', 'script');
  await login(t, server, 'between');
  await swap(server, 'auth', 'script');
  for (const client of [before, await late]) {
    const error = await client.expect('ERROR');
    assert.equal(error.headers['error-code'], 'session-revoked');
  }
});

test('a room whose workers go over at different times hears of everybody', async (t) => {
  const ANY = join(build, 'tests/plugins/app-any.so'); // called on the worker, which it can hold up
  const server = await start({ t, config: ini(base({}, { server: { workers: 2 }, app: { plugins: `presence, ${ANY}` } })) });
  const hang = (client, ms) => client.send('/pub/act/x', 'x', { how: 'hang', time: `${ms}`, to: '/topic/none' });
  let first, here, there;
  do { // the kernel may put nearly all of them on one worker
    const clients = await Promise.all(Array.from({ length: 14 }, (_, i) => login(t, server, `u${i}`)));
    first = clients.shift();
    hang(first, 2000); // who is answered meanwhile is on the other worker
    await sleep(200);
    const quick = new Set();
    const answers = clients.map((client) => client.request('SEND', { destination: '/topic/z' }, 'x', 20000).then(() => quick.add(client)));
    await sleep(1000);
    there = clients.filter((client) => quick.has(client));
    here = clients.filter((client) => !quick.has(client));
    await Promise.all(answers);
  } while (there.length < 2 || here.length < 1);

  // Both lie in the socket while the worker is held up, and are served in one turn: by the former application.
  hang(first, 600);
  await sleep(200);
  hang(here[0], 3000);
  here[0].frame('SUBSCRIBE', { destination: '/topic/room/7', id: 'r', receipt: 'late' });
  await sleep(1200);
  const swapped = swap(server, 'app', 'presence');
  await sleep(800);
  there[0].frame('SUBSCRIBE', { destination: '/topic/room/7', id: 'r', receipt: 'soon' });
  await there[0].receipt('soon', 20000); // the new one watches the room already
  await swapped;
  await here[0].receipt('late', 20000);
  await until(() => heard(there[0]).some((event) => event.count === 2), 'both');
  await server.waitForLine(/the applications of a former configuration have stopped/);
  await there[1].subscribe('/topic/room/7');
  for (const client of [there[0], here[0]])
    await until(() => heard(client).some((event) => event.count === 3), 'the third');
});
