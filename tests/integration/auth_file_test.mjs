// auth-file over the wire: logins of services and of STOMP clients, the chain with auth-jwt, changes
// of the file under live sessions, and files that cannot be used.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { makeToken } from './lib/idp.mjs';
import { root, run, start, until, within } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

// As operators make them: openssl for SHA-512, perl's crypt for the rest of what the system knows.
const sha512 = (password) => execFileSync('openssl', ['passwd', '-6', password]).toString().trim();
const crypt = (password, setting) => execFileSync('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, setting]).toString();
const yescrypt = (password) => crypt(password, '$y$j75$abcdefghijklmnop');
const bcrypt = (password) => crypt(password, '$2b$04$abcdefghijklmnopqrstuu');

function usersFile(t, lines) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-users-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'users');
  const put = (text) => { writeFileSync(`${path}.new`, text, { mode: 0o600 }); renameSync(`${path}.new`, path); };
  put(`${lines.join('\n')}\n`);
  return { path, put, dir };
}

const fileServer = (t, path, { set = [], ...more } = {}) => start({
  t, tcp: true, ...more, set: ['auth.plugins=file', `auth.file.users=${path}`, 'auth.file.reload-interval=100ms', ...set],
});

async function login(server, login_, passcode, t, options = {}) {
  const client = await open(server, { t, ...options });
  client.frame('CONNECT', { 'accept-version': '1.2', 'heart-beat': '0,0', ...(login_ === undefined ? {} : { login: login_ }), ...(passcode === undefined ? {} : { passcode }) });
  const frame = await client.next(15000);
  client.terminate();
  return frame;
}

test('users with hashes of each kind log in, over WebSocket and TCP', async (t) => {
  const { path } = usersFile(t, [
    '# the services', `spring:${yescrypt('one')}:RELAY`, `batch:${sha512('two')}`, `zoë:${bcrypt('drei: vier')}:A,B`,
  ]);
  const server = await fileServer(t, path);
  for (const transport of ['ws', 'tcp']) {
    for (const [name, password] of [['spring', 'one'], ['batch', 'two']]) {
      const frame = await login(server, name, password, t, { transport });
      assert.equal(frame.command, 'CONNECTED', server.tail());
      assert.equal(frame.headers['user-name'], name);
    }
  }
  // a client library, with a colon in the password and a name beyond ASCII
  const client = new Client({
    webSocketFactory: () => new WebSocket(server.url('/ws', 'ws'), ['v12.stomp']),
    connectHeaders: { login: 'zoë', passcode: 'drei: vier' }, reconnectDelay: 0,
  });
  t.after(() => client.deactivate());
  const connected = new Promise((done, broken) => {
    client.onConnect = done;
    client.onStompError = (frame) => broken(new Error(frame.headers.message));
    client.onWebSocketError = broken;
  });
  client.activate();
  await within(connected, 10000, 'CONNECTED');
});

test('an unknown user and a wrong password get the same answer', async (t) => {
  const { path } = usersFile(t, [`alice:${sha512('sesame')}`]);
  const server = await fileServer(t, path);
  const frames = [];
  for (const [name, password] of [['alice', 'wrong'], ['mallory', 'sesame'], ['alice', 'Sesame'], ['alice', 's'.repeat(600)], ['Alice', 'sesame']]) {
    const frame = await login(server, name, password, t);
    frames.push(JSON.stringify([frame.command, frame.headers, frame.body]));
  }
  assert.equal(new Set(frames).size, 1, frames.join('\n'));
  assert.match(frames[0], /authentication-failed/);
  for (const [name, password] of [[undefined, undefined], ['alice', undefined], [undefined, 'sesame'], ['alice', ''], ['', 'sesame']]) {
    const frame = await login(server, name, password, t);
    assert.equal(frame.headers['error-code'], 'authentication-required');
  }
  assert.ok(server.log.some((line) => /wrong password of user alice/.test(line)), server.tail());
  assert.ok(!server.log.some((line) => /sesame/i.test(line)), 'a password in the log');
  const stats = await server.stats();
  assert.equal(stats['auth.file.refused'], 5);
  assert.equal(stats['auth.file.pending'], 0);
});

test('the file changes: new users, other roles, other passwords, users who are gone', async (t) => {
  const alice = sha512('a');
  const bob = sha512('b');
  const file = usersFile(t, [`alice:${alice}:USER`, `bob:${bob}`, `carol:${sha512('c')}`]);
  const server = await fileServer(t, file.path, {
    set: ['auth.on-denied=keep', 'access.admin=subscribe /topic/admin if role ADMIN', 'access.all=subscribe, send /topic/all if authenticated'],
  });
  const connect = (name, passcode) => stomp(server, { t, connect: { login: name, passcode } });
  const [a, b, c] = await Promise.all([connect('alice', 'a'), connect('bob', 'b'), connect('carol', 'c')]);
  a.frame('SUBSCRIBE', { id: '1', destination: '/topic/admin' });
  assert.equal((await a.expect('ERROR')).headers['error-code'], 'access-denied');
  file.put(`alice:${alice}:USER, ADMIN\nbob:${sha512('b2')}\ndave:${sha512('d')}\n`);
  await server.waitForLine(/3 users from \S+, which has changed/);
  for (const client of [b, c]) {
    const error = await client.next();
    assert.equal(error.headers['error-code'], 'session-revoked');
    await client.waitForClose();
  }
  await a.subscribe('/topic/admin');
  assert.equal((await login(server, 'bob', 'b', t)).command, 'ERROR');
  assert.equal((await login(server, 'bob', 'b2', t)).command, 'CONNECTED');
  assert.equal((await login(server, 'dave', 'd', t)).command, 'CONNECTED');
  // roles that are taken away end what they allowed
  file.put(`alice:${alice}:USER\n`);
  const error = await a.next();
  assert.equal(error.headers['error-code'], 'access-denied');
  await a.subscribe('/topic/all');
  // what cannot be used changes nothing
  file.put(`alice:${alice}:USER\nbob:secret\n`);
  await server.waitForLine(/error auth\.file: \S+\/users:2: the password is not hashed.*; the users of before stay/);
  file.put('');
  await server.waitForLine(/there is no user in it; the users of before stay/);
  rmSync(file.path);
  await server.waitForLine(/No such file or directory; the users of before stay/);
  await a.request('SEND', { destination: '/topic/all' }, 'still here');
  assert.equal((await a.expect('MESSAGE')).body, 'still here');
  assert.equal((await login(server, 'alice', 'a', t)).command, 'CONNECTED');
  file.put(`alice:${alice}\n`);
  await server.waitForLine(/1 users from \S+, which has changed/, { from: server.log.findIndex((line) => /No such file/.test(line)) });
});

test('in a chain with auth-jwt each judges what is its own', async (t) => {
  const secret = 'sixty-four bytes of a secret that nobody knows, or more, as it is.';
  const { path } = usersFile(t, [`relay:${sha512('a.b.c')}:RELAY`]);
  const server = await start({
    t, tcp: true,
    set: ['auth.plugins=jwt, file', `auth.jwt.secret=${secret}`, `auth.file.users=${path}`],
  });
  const token = await makeToken({ alg: 'HS256', secret: new TextEncoder().encode(secret) });
  for (const transport of ['ws', 'tcp']) {
    assert.equal((await login(server, 'relay', 'a.b.c', t, { transport })).headers['user-name'], 'relay');
    assert.equal((await login(server, 'alice', token, t, { transport })).headers['user-name'], 'alice');
    assert.equal((await login(server, 'relay', token.slice(0, -8), t, { transport })).command, 'ERROR');
    assert.equal((await login(server, 'relay', 'x.y.z', t, { transport })).command, 'ERROR');
  }
  const deferring = await start({
    t,
    set: ['auth.plugins=file', `auth.file.users=${path}`, 'auth.file.unknown-user=defer'],
  });
  assert.equal((await login(deferring, 'nobody', 'x', t)).headers['error-code'], 'authentication-required');
  assert.equal((await login(deferring, 'relay', 'x', t)).headers['error-code'], 'authentication-failed');
});

test('many logins at once: some are told that the server is busy, none is lost', async (t) => {
  const { path } = usersFile(t, [`alice:${crypt('sesame', '$6$rounds=20000$abcdefgh')}`]);
  const server = await fileServer(t, path, { set: ['auth.file.max-pending=4'] });
  const codes = await Promise.all(Array.from({ length: 60 }, async () => {
    const frame = await login(server, 'alice', 'sesame', t);
    return frame.command === 'CONNECTED' ? 'in' : frame.headers['error-code'];
  }));
  const busy = codes.filter((code) => code === 'authentication-busy').length;
  assert.equal(codes.filter((code) => code === 'in').length + busy, 60, `${codes}`);
  assert.ok(busy < 60);
  await until(async () => (await server.stats())['auth.file.pending'] === 0, 'nothing pending');
  assert.equal((await login(server, 'alice', 'sesame', t)).command, 'CONNECTED');
});

test('files that cannot be used stop the start with 78, the file and the line', async (t) => {
  const { dir, path, put } = usersFile(t, ['x']);
  const good = sha512('x');
  for (const [text, pattern] of [
    ['alice\n', /users:1: a line is USER:HASH/], [`alice:${good}\n\nalice:${good}\n`, /users:3: the user is in the file twice/],
    ['a:secret\n', /users:1: the password is not hashed/], ['', /users: there is no user in it/],
    ['a:$1$abc$0123456789012345678901\n', /users:1: the hash is not yescrypt, scrypt, bcrypt/],
  ]) {
    put(text);
    const config = join(dir, 'plugboard.ini');
    writeFileSync(config, `[auth]\nplugins = file\n\n[auth.file]\nusers = ${path}\n`);
    const { code, stderr } = await run(['--config', config, '--check']);
    assert.equal(code, 78, stderr);
    assert.match(stderr, pattern);
    assert.match(stderr, /plugboard\.ini:4: \[auth\.file\]/);
    assert.ok(!/secret/.test(stderr.replace(/not hashed.*/, '')), stderr);
  }
  const missing = await run(['--check', '--set', 'auth.plugins=file', '--set', `auth.file.users=${dir}/none`]);
  assert.equal(missing.code, 78);
  assert.match(missing.stderr, /none: No such file or directory/);
  const unset = await run(['--check', '--set', 'auth.plugins=file']);
  assert.equal(unset.code, 78);
  assert.match(unset.stderr, /users/);
});

test('the sample is right', async () => {
  const { code, stderr } = await run(['--config', 'etc/auth-file.ini', '--check']);
  assert.equal(code, 0, stderr);
  assert.ok(readFileSync(join(root, 'etc/auth-file.users')).length > 0);
});
