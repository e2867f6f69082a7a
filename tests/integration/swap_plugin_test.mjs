// Other auth plugins and applications in the place of those that run, under load: clients stay, who
// comes is judged by the new one, each request is answered once, and what fails leaves all as it was.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { adminOf, adminSet, TOKEN } from './lib/admin.mjs';
import { ctl } from './lib/ctl.mjs';
import { makeToken } from './lib/idp.mjs';
import { build, sleep, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { directory } from './lib/tls.mjs';

const SECRET = 'a-secret-that-is-long-enough-for-the-tests';
const key = (secret) => ({ alg: 'HS256', secret: new TextEncoder().encode(secret) });
const token = (sub, secret = SECRET) => makeToken(key(secret), { sub });

// A folder with these plugins, "auth-jwt" or "tests/auth-script", and what replaces one of them by
// another file with the same name.
function pluginDir(t, names) {
  const dir = directory(t);
  const put = (name) => {
    const [file] = name.split('/').slice(-1);
    copyFileSync(join(build, name.startsWith('tests/') ? 'tests/plugins' : 'lib/plugboard', `${file}.so`), join(dir, 'new'));
    renameSync(join(dir, 'new'), join(dir, `${file}.so`));
  };
  for (const name of ['broker-memory', ...names]) put(name);
  return { dir, put };
}

function usersFile(t) {
  const path = join(directory(t), 'users');
  writeFileSync(path, `ada:${execFileSync('openssl', ['passwd', '-6', 'one']).toString().trim()}\n`, { mode: 0o600 });
  return path;
}

function ini(sections) {
  return Object.entries(sections)
    .map(([name, keys]) => `[${name}]\n${Object.entries(keys).map(([k, value]) => `${k} = ${value}\n`).join('')}`)
    .join('\n');
}

const ask = (server, body) => adminOf(server).ask('POST', 'swap', { body: JSON.stringify(body) });
async function swap(server, kind, plugin, more = {}) {
  const { status, json, text } = await ask(server, { kind, plugin, ...more });
  assert.equal(status, 200, text);
  assert.deepEqual([json.kind, json.to], [kind, plugin]);
  return json;
}
async function refused(server, status, code, body, why) {
  const answer = await ask(server, body);
  assert.deepEqual([answer.status, answer.json.code], [status, code], answer.text);
  assert.match(answer.json.message, why);
}

test('a hundred swaps of auth plugins while clients log in: none is refused wrongly, none is closed', async (t) => {
  const server = await start({ t, set: [
    'server.workers=2', 'auth.plugins=jwt', `auth.jwt.secret=${SECRET}`, 'auth.jwt.algorithms=HS256', 'auth.jwt.issuer=', 'auth.jwt.audience=',
    `auth.file.users=${usersFile(t)}`, 'auth.former-generations=1000', ...adminSet] });
  let now = 'jwt', running = true, logins = 0, denied = 0, swaps = 0, settled = 0;
  const passcode = { jwt: await token('ada'), file: 'one' };
  const stays = await stomp(server, { t, connect: { passcode: passcode.jwt } });
  await stays.subscribe('/topic/a');
  // Each shows the credentials of one plugin: it is let in if that one was in force all the while,
  // refused if the other one was, and one of both if a swap came in between.
  const clients = ['jwt', 'file'].map(async (kind) => {
    while (running) {
      const before = { now, swaps, still: swaps === settled };
      let well = true;
      try {
        const client = await stomp(server, { t, connect: { login: 'ada', passcode: passcode[kind] } });
        await client.disconnect();
      } catch (error) {
        assert.match(error.message, /authentication|credentials|token|denied/i);
        well = false;
      }
      if (well) logins += 1;
      else denied += 1;
      if (before.still && before.swaps === swaps) assert.equal(well, kind === before.now);
    }
  });
  for (let i = 0; i < 100; i++) {
    const to = now === 'jwt' ? 'file' : 'jwt';
    swaps += 1;
    const answer = await swap(server, 'auth', to);
    assert.equal(answer.from, now);
    now = to;
    settled += 1;
    await sleep(2);
    if (i % 10 === 0) {
      // who comes now is judged by the new one alone
      const client = await stomp(server, { t, connect: { login: 'ada', passcode: passcode[to] } });
      await client.request('SEND', { destination: '/topic/a' }, `${i}`);
      await assert.rejects(stomp(server, { t, connect: { login: 'ada', passcode: passcode[to === 'jwt' ? 'file' : 'jwt'] } }));
      assert.equal((await stays.expect('MESSAGE')).body, `${i}`);
      await client.disconnect();
    }
  }
  running = false;
  await Promise.all(clients);
  assert.ok(logins > 10 && denied > 0, `${logins} logins, ${denied} denied`);
  assert.equal((await server.stats()).swaps, 100);
  assert.ok(!server.log.some((line) => / (error|violation) /.test(line)), server.tail());
});

test('the section is read again and nothing else; a reload goes by the file', async (t) => {
  const { dir } = pluginDir(t, ['auth-jwt', 'auth-file']);
  const users = usersFile(t);
  const config = (secret, plugins = 'jwt', more = {}) => ini({
    server: { 'plugin-dir': dir }, auth: { plugins }, admin: { listen: '127.0.0.1:0', token: TOKEN },
    'auth.jwt': { secret, algorithms: 'HS256', issuer: '', audience: '' }, 'auth.file': { users }, ...more });
  const login = async (secret) => (await stomp(server, { t, connect: { passcode: await token('bob', secret) } })).disconnect();
  const server = await start({ t, config: config(SECRET) });
  const old = await stomp(server, { t, connect: { passcode: await token('bob') } });
  await old.subscribe('/topic/a');
  const other = `another-${SECRET}`;
  writeFileSync(server.configFile, config(other, 'jwt', { limits: { 'max-subscriptions': '1' } }));
  assert.equal((await swap(server, 'auth', 'jwt')).from, 'jwt');
  await login(other);
  await assert.rejects(login(SECRET));
  await old.subscribe('/topic/b'); // what else has changed waits for a reload
  await old.request('SEND', { destination: '/topic/a' }, 'x');
  await old.expect('MESSAGE');
  // a renewal goes to the new one, and with the last session the old one goes
  await old.request('SEND', { destination: '/plugboard/token', passcode: await token('bob', other) });
  await server.waitForLine(/plugins of a former configuration have stopped/);

  await swap(server, 'auth', 'file');
  await assert.rejects(login(other));
  await (await stomp(server, { t, connect: { login: 'ada', passcode: 'one' } })).disconnect();
  const { json } = await adminOf(server).ask('POST', 'reload');
  assert.deepEqual(json.applied, ['[limits] max-subscriptions', '[auth] plugins']);
  await login(other);
  await server.reload(config(other, 'file, jwt'));
  await refused(server, 422, 'bad-configuration', { kind: 'auth', plugin: 'script' }, /names several.*take the place of .*--for NAME/);
  await refused(server, 422, 'bad-configuration', { kind: 'auth', plugin: 'file', for: 'jwt' }, /among \[auth\] plugins already: .*leave 'for' out/);
  await refused(server, 422, 'bad-configuration', { kind: 'auth', plugin: 'x', for: 'y' }, /'y' is not among/);
  await refused(server, 422, 'bad-configuration', { kind: 'auth', plugin: 'x', for: 'file' }, /stays file: .*auth-x\.so/);
  writeFileSync(server.configFile, config(other, 'file, jwt').replace('issuer', 'isuer'));
  await refused(server, 422, 'bad-configuration', { kind: 'auth', plugin: 'jwt' }, /stays jwt: .*unknown key 'isuer' in \[auth\.jwt\]/);
  await login(other);
  writeFileSync(server.configFile, '[auth]\nplugin = jwt\n');
  const broken = await ask(server, { kind: 'auth', plugin: 'jwt' });
  assert.equal(broken.status, 422);
  assert.match(broken.json.faults.join('\n'), /plugin/);
  for (const body of [{ kind: 'session', plugin: 'x' }, { kind: 'auth', plugin: '../x' }, { kind: 'auth', plugin: 'x', overlap_ms: 5 }, { kind: 'app', plugin: 'x', for: 'y' }])
    assert.equal((await ask(server, body)).status, 400, JSON.stringify(body));
  await refused(server, 422, 'bad-configuration', { kind: 'app', plugin: 'x' }, /no application runs: \[app\] plugins names none/);
});

test('an auth plugin that fails in create or start, and one that does not stop; a new version of a file', async (t) => {
  const { dir, put } = pluginDir(t, ['tests/auth-script']);
  const config = (fault) => ini({ server: { 'plugin-dir': dir, 'plugin-hang': '60s' }, auth: { plugins: 'script' }, admin: { listen: '127.0.0.1:0', token: TOKEN }, 'auth.script': { fault } });
  const server = await start({ t, config: config('none') });
  const login = (name) => stomp(server, { t, connect: { Authorization: `user=${name}` } });
  const old = await login('ada');
  for (const [fault, why] of [['create', /stays script: .*does not want to be created/], ['start', /stays script: .*does not want to start/]]) {
    writeFileSync(server.configFile, config(fault));
    await refused(server, 409, 'not-swapped', { kind: 'auth', plugin: 'script' }, why);
    await (await login('bob')).disconnect();
  }
  assert.deepEqual([(await server.stats()).swaps, (await server.stats()).swaps_failed], [0, 2]);
  // a login that is under way is answered by the one that was asked
  writeFileSync(server.configFile, config('none'));
  const slow = stomp(server, { t, connect: { Authorization: 'user=eve;late=1500' } });
  await until(async () => (await server.stats()).auth_waiting === 1, 'the login');
  for (let i = 0; i < 3; i++) {
    put('tests/auth-script');
    await swap(server, 'auth', 'script');
  }
  await until(() => server.log.filter((line) => /loaded plugboard\.test\.auth-script .* mapped as/.test(line)).length === 3, 'three new files');
  await (await slow).disconnect();
  await old.disconnect();
  // one that does not stop is left behind and named
  writeFileSync(server.configFile, config('stop'));
  await swap(server, 'auth', 'script');
  writeFileSync(server.configFile, config('none'));
  await swap(server, 'auth', 'script');
  await server.waitForLine(/auth\.script: plugin plugboard\.test\.auth-script did not stop within/, { ms: 20000 });
  await (await login('zoe')).disconnect();
  server.signal('SIGTERM');
  assert.deepEqual(await server.waitForExit(), { code: 1, signal: null });
});

// A SEND that has a receipt is answered once: by RECEIPT, and by one publish of the application.
test('fifty swaps of an application while clients SEND to it: each is answered once', async (t) => {
  const { dir, put } = pluginDir(t, ['tests/app-script']);
  const server = await start({ t, set: [`server.plugin-dir=${dir}`, 'server.workers=2', 'app.plugins=script', 'destinations.app=/pub', ...adminSet] });
  const listener = await stomp(server, { t });
  await listener.subscribe('/topic/out');
  const senders = await Promise.all([0, 1, 2].map(() => stomp(server, { t })));
  let running = true, sent = 0;
  const load = senders.map(async (sender) => {
    while (running) {
      const n = sent;
      sent += 1;
      await sender.request('SEND', { destination: '/pub/act/x', to: '/topic/out', how: n % 3 ? 'now' : 'later' }, `${n}`);
    }
  });
  for (let i = 0; i < 50; i++) {
    if (i % 5 === 0) put('tests/app-script');
    await swap(server, 'app', 'script');
  }
  await until(() => sent > 300, 'some load');
  running = false;
  await Promise.all(load);
  await until(() => listener.frames.length >= sent, 'all messages');
  const bodies = listener.frames.map((frame) => Number(frame.body)).sort((a, b) => a - b);
  assert.deepEqual(bodies, Array.from({ length: sent }, (_, n) => n));
  await server.waitForLine(/applications of a former configuration have stopped/);
  const admin = server.log.join('\n').match(/http-admin:\/\/(\S+)/)[1];
  const { code, stdout } = await ctl(['swap', 'app', 'script', '--admin', `http://${admin}`, '--admin-token', TOKEN]);
  assert.equal(code, 0);
  assert.match(stdout, /^swapped +script to script in \d+ ms\n$/);
  await refused(server, 422, 'bad-configuration', { kind: 'app', plugin: 'webhook' }, /not among \[app\] plugins/);
  assert.ok(!server.log.some((line) => / (error|violation) /.test(line) && !/not among/.test(line)), server.tail());
});

test('members stay in their rooms when their application is swapped, and nobody is greeted again', async (t) => {
  const config = (linger) => ini({
    server: { workers: '2' }, destinations: { app: '/pub' }, admin: { listen: '127.0.0.1:0', token: TOKEN }, app: { plugins: 'presence' },
    auth: { plugins: join(build, 'tests/plugins/auth-script.so') },
    'app.presence rooms': { watch: '/topic/room/{room}', snapshot: 'list', members: '/room/{room}/who', linger } });
  const server = await start({ t, config: config('0') });
  const login = (name) => stomp(server, { t, connect: { Authorization: `user=${name}` } });
  const [ada, bob] = await Promise.all(['ada', 'bob'].map(login));
  await ada.subscribe('/topic/room/7');
  await until(() => ada.frames.some((frame) => /ada/.test(frame.body)), 'ada is told of herself');
  await bob.subscribe('/topic/room/7');
  await until(() => bob.frames.some((frame) => /ada/.test(frame.body) && /bob/.test(frame.body)), 'the list');
  await until(() => ada.frames.some((frame) => /bob/.test(frame.body)), 'the join');
  await sleep(100);
  ada.frames.length = bob.frames.length = 0;
  for (let i = 0; i < 5; i++) await swap(server, 'app', 'presence');
  await until(() => server.log.filter((line) => /former configuration have stopped/.test(line)).length >= 1, 'the old ones');
  await ada.expectSilence(1500); // nor does anybody leave when the old instances go
  assert.equal((await server.stats()).presence_members, 2);
  await bob.disconnect();
  const left = await ada.expect('MESSAGE');
  assert.match(left.body, /bob/);
  await ada.expectSilence(200); // once
  const eve = await login('eve');
  await eve.subscribe('/topic/room/7');
  await until(() => ada.frames.some((frame) => /eve/.test(frame.body)), 'the join');
  assert.equal(ada.frames.length, 1);
  // other options of it, by a reload
  assert.deepEqual((await server.reload(config('100ms'))).kept, {});
  ada.frames.length = 0;
  await eve.disconnect();
  assert.match((await ada.expect('MESSAGE')).body, /eve/);
});
