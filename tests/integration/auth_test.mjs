// Who clients are: auth plugins, CONNECT, expiry, renewal and revocation, over real connections,
// with a plugin that does what the credential says (tests/plugins/auth_script.c).

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { build, run, sleep, slowness, start, until, within } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { CLOSE, Wire, closePayload, wsFrame } from './lib/wire.mjs';

const plugin = join(build, 'tests/plugins/auth-script.so');

function startAuth(t, { set = [], ...options } = {}) {
  return start({ t, tcp: true, set: [`auth.plugins=${plugin}`, ...set], ...options });
}

// A server whose plugin reads commands: server.command('close alice bye').
async function startCommanded(t, { set = [], ...options } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-auth-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'commands');
  const server = await startAuth(t, { set: [`auth.script.commands=${file}`, ...set], ...options });
  server.command = async (...lines) => {
    writeFileSync(`${file}.new`, lines.map((line) => `${line}\n`).join(''));
    renameSync(`${file}.new`, file);
    await until(() => !existsSync(file), 'the command being taken');
  };
  return server;
}

const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });

async function refusal(server, token, options = {}) {
  const client = await open(server, options);
  client.frame('CONNECT', { 'accept-version': '1.2', host: 'h', ...(token ? { Authorization: token } : {}) });
  const error = await client.expectError();
  return { ...error.headers, close: client.closed.code };
}

const stat = async (server, name) => (await server.stats())[name];

describe('CONNECT', () => {
  test('a granted identity has its name in CONNECTED, by CONNECT and by STOMP', async (t) => {
    const server = await startAuth(t);
    for (const transport of ['ws', 'tcp']) {
      const client = await stomp(server, as('alice', { t, transport }));
      assert.equal(client.session.headers['user-name'], 'alice');
      assert.equal(client.session.headers['expires-at'], undefined);
      const other = await open(server, { t, transport });
      other.raw('STOMP\naccept-version:1.2\nhost:h\npasscode:bo:b\nlogin:x\n\n\0'); // nothing is escaped
      assert.equal((await other.expect('CONNECTED')).headers['user-name'], 'bo:b');
    }
  });

  test('each refusal has a text for people and a code for programs', async (t) => {
    const server = await startAuth(t, { set: ['auth.timeout=2s'] });
    const cases = [
      [null, 'authentication is required', 'authentication-required', 4403],
      ['a;defer', 'authentication is required', 'authentication-required', 4403],
      ['a;deny', 'authentication failed', 'authentication-failed', 4403],
      ['a;expired', 'the token has expired', 'token-expired', 4401],
      ['a;exp=-1', 'the token has expired', 'token-expired', 4401],
      ['a;refuse=no: such\\key', 'no: such\\key', 'authentication-failed', 4403],
      ['a;fail', 'authentication is not possible now', 'authentication-unavailable', 1013],
      ['a;never', 'authentication took too long', 'authentication-timeout', 1013],
    ];
    for (const [token, message, code, close] of cases) {
      const got = await refusal(server, token, { t });
      assert.deepEqual([got.message, got['error-code'], got.close], [message, code, close], token);
    }
    const log = server.log.filter((line) => /denied|judged/.test(line)).join('\n');
    assert.match(log, /auth\.script/);
    assert.ok(!/such/.test(log), 'what a client has shown is not logged');
    assert.equal(await stat(server, 'auth_failed'), 2);
    assert.equal(await stat(server, 'auth_denied'), 6);
  });

  test('where a token may come from', async (t) => {
    const server = await startAuth(t);
    const bare = { t, connect: {} };
    const names = [
      await stomp(server, { ...bare, headers: { Authorization: 'hal' } }),
      await stomp(server, { ...bare, headers: { Cookie: 'token=cora' } }),
      await stomp(server, { ...bare, path: '/ws?token=quinn' }),
      await stomp(server, { ...bare, connect: { passcode: 'pat' } }),
    ].map((client) => client.session.headers['user-name']);
    assert.deepEqual(names, ['hal', 'cora', 'quinn', 'pat']);
    assert.ok(!server.log.some((line) => /quinn/.test(line)));
  });

  test('what is sent behind CONNECT waits for the verdict, and is neither lost nor let through', async (t) => {
    const server = await startCommanded(t);
    for (const transport of ['ws', 'tcp']) {
      const listener = await stomp(server, as('listener', { t, transport }));
      await listener.subscribe('/topic/early');
      const rest = 'SUBSCRIBE\nid:1\ndestination:/topic/early\nreceipt:s\n\n\0'
        + 'SEND\ndestination:/topic/early\nreceipt:m\n\nhello\0';
      const connect = (token) => `CONNECT\naccept-version:1.2\nhost:h\nAuthorization:${token}\n\n\0`;

      const good = await open(server, { t, transport });
      good.raw(connect('late;hold') + rest);
      good.raw('SEND\ndestination:/topic/early\nreceipt:m2\n\nagain\0');
      await good.expectSilence(200);
      await listener.expectSilence(0);
      await server.command('release');
      await good.expect('CONNECTED');
      await good.receipt('s');
      await good.receipt('m');
      await good.receipt('m2');
      assert.deepEqual((await listener.messages(2)).map((m) => m.body), ['hello', 'again']);

      const bad = await open(server, { t, transport });
      bad.raw(connect('x;deny') + rest);
      await bad.expectError(/authentication failed/);
      await listener.expectSilence();
    }
  });

  test('many frames in one segment wait as well', async (t) => {
    const server = await startCommanded(t);
    const listener = await stomp(server, as('listener', { t }));
    await listener.subscribe('/topic/many');
    const wire = await Wire.upgrade(server, { t });
    const frames = ['CONNECT\naccept-version:1.2\nhost:h\nAuthorization:a;hold\n\n\0'];
    for (let i = 0; i < 50; i += 1) frames.push(`SEND\ndestination:/topic/many\n\n${i}\0`);
    frames.push('DISCONNECT\nreceipt:bye\n\n\0');
    await wire.write(Buffer.concat(frames.map((frame) => wsFrame(frame))));
    await listener.expectSilence(200);
    await server.command('release');
    assert.match((await wire.frame()).payload.toString(), /^CONNECTED/);
    assert.match((await wire.frame()).payload.toString(), /^RECEIPT\nreceipt-id:bye/);
    const bodies = (await listener.messages(50)).map((m) => m.body);
    assert.deepEqual(bodies, Array.from({ length: 50 }, (_, i) => `${i}`));
  });

  test('who closes its half behind its CONNECT is heard first, and gets its answers, over TCP', async (t) => {
    const server = await startCommanded(t);
    const listener = await stomp(server, as('listener', { t }));
    await listener.subscribe('/topic/half');
    const wire = await Wire.open(server.tcpPort, t);
    await wire.write('CONNECT\naccept-version:1.2\nhost:h\nAuthorization:a;hold\n\n\0SEND\ndestination:/topic/half\nreceipt:r\n\nlast words\0');
    wire.end();
    await listener.expectSilence(200);
    await server.command('release');
    assert.equal((await listener.messages(1))[0].body, 'last words');
    await wire.waitForEnd();
    assert.match(wire.buffer.toString(), /^CONNECTED\n[^]*RECEIPT\nreceipt-id:r\n/);
  });

  test('who says farewell behind its CONNECT is heard first', async (t) => {
    const server = await startCommanded(t);
    const listener = await stomp(server, as('listener', { t }));
    await listener.subscribe('/topic/brief');
    const wire = await Wire.upgrade(server, { t });
    await wire.write(Buffer.concat([
      wsFrame('CONNECT\naccept-version:1.2\nhost:h\nAuthorization:a;hold\n\n\0'),
      wsFrame('SEND\ndestination:/topic/brief\n\nlast words\0'),
      wsFrame(closePayload(1000), { opcode: CLOSE }),
    ]));
    await listener.expectSilence(200);
    await server.command('release');
    assert.equal((await listener.expect('MESSAGE')).body, 'last words');
    let frame;
    do frame = await wire.frame(); while (frame.opcode !== CLOSE);
    assert.equal(frame.payload.readUInt16BE(0), 1000);
    await wire.waitForEnd();
  });

  test('each grant ends once, also of clients that have gone', async (t) => {
    const server = await startAuth(t, { set: ['auth.timeout=400ms', 'server.workers=2'] });
    const clients = [];
    for (let i = 0; i < 20; i += 1) {
      const client = await open(server, { t });
      client.frame('CONNECT', { 'accept-version': '1.2', host: 'h', Authorization: `u${i};late=${i % 4 === 3 ? 900 : 150}` });
      clients.push(client);
    }
    clients.slice(0, 8).forEach((client) => client.terminate());
    await until(async () => {
      const s = await server.stats();
      return s['auth.script.granted'] === 20 && s.auth_waiting === 0;
    }, 'all grants');
    clients.forEach((client) => client.terminate());
    await until(async () => await stat(server, 'auth.script.ended') === 20, 'all ends');
  });

  test('a chain asks in order, and a plugin that defers passes on', async (t) => {
    // The same plugin twice: two files, two sections.
    const dir = mkdtempSync(join(tmpdir(), 'plugboard-chain-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const { copyFileSync, chmodSync } = await import('node:fs');
    const second = join(dir, 'auth-second.so');
    copyFileSync(plugin, second);
    chmodSync(second, 0o644);
    chmodSync(dir, 0o755);
    const server = await start({ t, set: [`auth.plugins=${plugin}, ${second}`] });
    const client = await stomp(server, as('one', { t }));
    assert.equal(client.session.headers['user-name'], 'one');
    assert.equal((await refusal(server, 'x;defer', { t }))['error-code'], 'authentication-required');
    assert.equal((await refusal(server, 'x;only=auth.third', { t }))['error-code'], 'authentication-required');
    assert.equal((await refusal(server, 'x;deny;only=auth.second', { t }))['error-code'], 'authentication-failed');
    const other = await stomp(server, as('two;only=auth.second', { t }));
    assert.equal(other.session.headers['user-name'], 'two');
    assert.equal(await stat(server, 'auth.script.granted'), 1);
    assert.equal(await stat(server, 'auth.second.granted'), 1);
  });

  test('anonymous = on lets in who shows nothing, and nobody with a bad token', async (t) => {
    const server = await startAuth(t, { set: ['auth.anonymous=on'] });
    const client = await stomp(server, { t });
    assert.equal(client.session.headers['user-name'], undefined);
    await client.subscribe('/topic/a');
    assert.equal((await refusal(server, 'x;deny', { t }))['error-code'], 'authentication-failed');
  });

  test('a long token passes, and one over the limit is told which limit it is', async (t) => {
    const server = await startAuth(t);
    const token = `long;claim.filler=${'x'.repeat(12 * 1024)}`;
    for (const transport of ['ws', 'tcp']) {
      const client = await stomp(server, as(token, { t, transport }));
      assert.equal(client.session.headers['user-name'], 'long');
      const error = await refusal(server, `long;claim.filler=${'x'.repeat(17000)}`, { t, transport });
      assert.equal(error.message, 'header is longer than max-token-size (16384 bytes)');
    }
    const other = await open(server, { t });
    other.frame('CONNECT', { 'accept-version': '1.2', other: 'x'.repeat(9000) });
    await other.expectError(/max-header-size/);
  });

  test('credentials reach no subscriber', async (t) => {
    for (const profile of ['standard', 'spring']) {
      const server = await startAuth(t, { set: [`stomp.profile=${profile}`] });
      const client = await stomp(server, as('alice', { t }));
      client.frame('SUBSCRIBE', { id: '1', destination: '/topic/x' });
      client.send('/topic/x', 'm', { authorization: 'a', 'X-TOKEN': 'b', passcode: 'c', keep: 'd' });
      const { headers } = await client.expect('MESSAGE', { keep: 'd' });
      for (const name of ['authorization', 'X-TOKEN', 'passcode']) assert.equal(headers[name], undefined, name);
    }
  });

  test('the pool grants, and its queue has an end', async (t) => {
    const server = await startAuth(t, { set: ['server.pool-threads=1'] });
    const clients = await Promise.all(Array.from({ length: 30 }, (_, i) => stomp(server, as(`p${i};pool`, { t }))));
    assert.equal(clients[29].session.headers['user-name'], 'p29');
    assert.equal(await stat(server, 'pool_jobs'), 30);
    assert.equal(await stat(server, 'pool_waiting'), 0);
  });

  test('a server stops while plugins still think', async (t) => {
    const server = await startAuth(t, { set: ['server.drain-time=1s'] });
    for (const how of ['late=700', 'never', 'pool']) {
      const client = await open(server, { t });
      client.frame('CONNECT', { 'accept-version': '1.2', host: 'h', Authorization: `u;${how}` });
    }
    await until(async () => await stat(server, 'auth_waiting') >= 2, 'waiting');
  });

  test('stompjs sees name, code and close code', async (t) => {
    const server = await startAuth(t);
    const seen = {};
    const client = new Client({
      webSocketFactory: () => new WebSocket(server.url('/ws', 'ws'), ['v12.stomp']),
      connectHeaders: { Authorization: 'stan;exp=60000' },
      reconnectDelay: 0,
    });
    t.after(() => client.deactivate({ force: true }));
    await within(new Promise((done) => { client.onConnect = (frame) => { seen.frame = frame; done(); }; client.activate(); }), 5000, 'CONNECTED');
    assert.equal(seen.frame.headers['user-name'], 'stan');
    assert.ok(Number(seen.frame.headers['expires-at']) > Date.now());
    await client.deactivate();
    client.connectHeaders = { Authorization: 'stan;expired' };
    const closed = new Promise((done) => { client.onWebSocketClose = (event) => done(event.code); });
    client.onStompError = (frame) => { seen.error = frame; };
    client.activate();
    assert.equal(await within(closed, 5000, 'the close'), 4401);
    assert.equal(seen.error.headers['error-code'], 'token-expired');
  });
});

describe('the end of an identity', () => {
  test('a silent subscriber is ended at expiry, and warned ahead if it wants', async (t) => {
    const server = await startAuth(t, { set: [`auth.expiry-warning=${1500 * slowness}ms`] });
    const ms = 2500 * slowness;
    const begun = Date.now();
    const silent = await stomp(server, as(`silent;exp=${ms}`, { t }));
    const warned = await stomp(server, as(`warned;exp=${ms}`, { t, transport: 'tcp' }));
    await silent.subscribe('/topic/a');
    await warned.subscribe('/plugboard/token', { id: 'w' });
    const { headers } = await warned.expect('MESSAGE', { subscription: 'w', event: 'token-expires', destination: '/plugboard/token' });
    assert.ok(Number(headers['expires-in']) <= 1500 * slowness);
    assert.ok(Math.abs(Number(headers['expires-at']) - (begun + ms)) < 1000 * slowness);
    const error = await silent.expectError(/token expired/, 10000);
    assert.equal(error.headers['error-code'], 'token-expired');
    assert.equal(silent.closed.code, 4401);
    assert.ok(Date.now() - begun >= ms - 20);
    await warned.expectError(/token expired/, 10000);
    assert.equal(await stat(server, 'closed_expired'), 2);
  });

  test('tokens that live no longer than the warning is ahead are warned of when half their time is over', async (t) => {
    const server = await startAuth(t, { set: ['auth.expiry-warning=1h'] });
    const ms = 4000 * slowness;
    const client = await stomp(server, as(`alice;exp=${ms}`, { t }));
    await client.subscribe('/plugboard/token', { id: 'w' });
    const first = await client.expect('MESSAGE', { subscription: 'w', event: 'token-expires' });
    assert.ok(Number(first.headers['expires-in']) <= ms / 2 + 50, 'the first came too early');
    await client.request('SEND', { destination: '/plugboard/token', Authorization: `alice;exp=${ms}` });
    const second = await client.expect('MESSAGE', { subscription: 'w', event: 'token-expires' });
    assert.ok(Number(second.headers['expires-in']) <= ms / 2 + 50, 'the second came too early');
    client.terminate();
  });

  test('a renewal keeps the session, for the same user only', async (t) => {
    const server = await startAuth(t, { set: ['auth.expiry-warning=0'] });
    const ms = 3000 * slowness;
    const begun = Date.now();
    const client = await stomp(server, as(`alice;exp=${ms}`, { t }));
    await client.subscribe('/topic/a');
    await client.request('SEND', { destination: '/plugboard/token', Authorization: 'alice;exp=600000' });
    await client.request('SEND', { destination: '/plugboard/token' }, 'alice;exp=600001');
    client.frame('SEND', { destination: '/plugboard/token', Authorization: 'bob', receipt: 'x' });
    await client.expect('ERROR', { 'error-code': 'other-user', recoverable: 'true', 'receipt-id': 'x' });
    client.frame('SEND', { destination: '/plugboard/token', Authorization: 'alice;expired', receipt: 'y' });
    await client.expect('ERROR', { 'error-code': 'token-expired', recoverable: 'true', 'receipt-id': 'y' });
    client.frame('SEND', { destination: '/plugboard/token', Authorization: 'alice;late=100', receipt: 'z' });
    client.frame('SEND', { destination: '/plugboard/token', Authorization: 'alice', receipt: 'z2' });
    await client.expect('ERROR', { 'error-code': 'authentication-busy', 'receipt-id': 'z2' });
    await client.expect('RECEIPT', { 'receipt-id': 'z' });
    await sleep(Math.max(0, begun + ms + 300 - Date.now()));
    client.send('/topic/a', 'alive');
    await client.expect('MESSAGE');
    assert.equal(await stat(server, 'auth_renewed'), 3);
    client.terminate();
    await until(async () => {
      const s = await server.stats();
      return s['auth.script.ended'] === s['auth.script.granted'] && s.sessions === 0;
    }, 'every grant ending');
  });

  test('a renewal with fewer rights ends what is no longer allowed', async (t) => {
    const server = await startAuth(t, {
      config: '[access]\nboth = subscribe /topic/both if authenticated\nwell = subscribe /topic/well if role A\n',
      set: ['auth.on-denied=keep'],
    });
    const client = await stomp(server, as('alice;roles=A', { t }));
    await client.subscribe('/topic/both');
    const id = await client.subscribe('/topic/well');
    await client.request('SEND', { destination: '/plugboard/token' }, 'alice;roles=B');
    const error = await client.expect('ERROR', { 'error-code': 'access-denied', recoverable: 'true' });
    assert.equal(error.headers.message, `subscription '${id}': access denied to '/topic/well'`);
    assert.equal(await stat(server, 'subscriptions'), 1);
  });

  test('the subscription for warnings is one like others', async (t) => {
    const server = await startAuth(t);
    const client = await stomp(server, as('a;exp=600000', { t }));
    await client.subscribe('/topic/a', { id: 'same' });
    await client.subscribe('/plugboard/token', { id: 'w' });
    await client.unsubscribe('w');
    await client.subscribe('/plugboard/token', { id: 'w' });
    client.frame('SUBSCRIBE', { id: 'w', destination: '/topic/b' });
    await client.expectError(/the id 'w' is in use/);
    const nobody = await start({ t, config: '[access]\nall = subscribe, send /topic/**\n' });
    const anonymous = await stomp(nobody, { t });
    anonymous.frame('SEND', { destination: '/plugboard/token', receipt: 'r' });
    await anonymous.expect('ERROR', { 'error-code': 'nobody', recoverable: 'false', 'receipt-id': 'r' });
  });
});

describe('revocation', () => {
  test('a plugin ends a user on all workers, with a reason', async (t) => {
    const server = await startCommanded(t, { set: ['server.workers=3'] });
    const alices = await Promise.all(Array.from({ length: 8 }, () => stomp(server, as('alice', { t }))));
    const bob = await stomp(server, as('bob', { t }));
    await server.command('close alice you were removed');
    for (const alice of alices) {
      const error = await alice.expectError(/you were removed/);
      assert.equal(error.headers['error-code'], 'session-revoked');
      assert.equal(alice.closed.code, 4403);
    }
    await bob.subscribe('/topic/a');
    assert.equal(await stat(server, 'closed_revoked'), 8);
  });

  test('an update takes rights from a live session, and gives some', async (t) => {
    const server = await startCommanded(t, {
      config: '[access]\nsecret = subscribe, send /topic/secret if role A\nrest = subscribe, send /topic/** if authenticated\n',
      set: ['auth.on-denied=keep'],
    });
    const alice = await stomp(server, as('alice;roles=A', { t }));
    await alice.subscribe('/topic/secret');
    await alice.subscribe('/topic/open');
    await alice.request('SEND', { destination: '/topic/secret' }, 'cached');
    await alice.expect('MESSAGE');
    await server.command('update alice;roles=B');
    await alice.expect('ERROR', { 'error-code': 'access-denied', recoverable: 'true' });
    alice.frame('SEND', { destination: '/topic/secret', receipt: 'no' }, 'm');
    await alice.expect('ERROR', { 'error-code': 'access-denied', 'receipt-id': 'no' });
    await server.command('update alice;roles=A');
    await until(async () => {
      alice.frame('SEND', { destination: '/topic/secret', receipt: 'again' }, 'm');
      return (await alice.next()).command === 'RECEIPT';
    }, 'the right coming back');
    await server.command(`update alice;roles=A;exp=${200 * slowness}`);
    await alice.expectError(/token expired/);
  });
});

describe('rules that ask the plugin', () => {
  const config = '[access]\nasked = subscribe, send, subscribe-pattern /topic/** if plugin\n';

  test('answers at once and later, and none at all', async (t) => {
    const server = await startCommanded(t, {
      config, set: ['auth.on-denied=keep', 'auth.timeout=1500ms', 'destinations.patterns=on'],
    });
    for (const transport of ['ws', 'tcp']) {
      const client = await stomp(server, as('alice', { t, transport }));
      await client.subscribe('/topic/yes');
      await client.subscribe('/topic/later-yes');
      await client.subscribe('/topic/yes/*');
      client.raw('SEND\ndestination:/topic/later-yes\nreceipt:1\n\na\0SEND\ndestination:/topic/yes\nreceipt:2\n\nb\0');
      await client.receipt('1');
      await client.receipt('2');
      assert.deepEqual((await client.messages(2)).map((m) => m.body), ['a', 'b']);
      for (const topic of ['/topic/no', '/topic/later-no', '/topic/never']) {
        client.frame('SUBSCRIBE', { id: topic, destination: topic, receipt: topic });
        await client.expect('ERROR', { 'error-code': 'access-denied', 'receipt-id': topic });
      }
      client.raw('BEGIN\ntransaction:t\n\n\0SEND\ntransaction:t\ndestination:/topic/later-yes\n\nc\0COMMIT\ntransaction:t\nreceipt:3\n\n\0');
      await client.receipt('3');
      assert.equal((await client.messages(1))[0].body, 'c');
      client.terminate();
    }
  });

  test('a plugin that may be asked on any thread answers without a pause', async (t) => {
    const server = await start({
      t, config, set: [`auth.plugins=${plugin.replace('auth-script', 'auth-any')}`, 'auth.on-denied=keep', 'destinations.patterns=on', 'server.workers=2'],
    });
    const clients = await Promise.all(Array.from({ length: 6 }, (_, i) => stomp(server, as(`u${i}`, { t }))));
    for (const client of clients) {
      await client.subscribe(`/topic/yes/${clients.indexOf(client)}`);
      for (let i = 0; i < 10; i += 1) client.send(`/topic/yes/${clients.indexOf(client)}`, `${i}`);
      assert.deepEqual((await client.messages(10)).map((m) => m.body), [...'0123456789']);
      client.frame('SUBSCRIBE', { id: 'n', destination: '/topic/no', receipt: 'n' });
      await client.expect('ERROR', { 'error-code': 'access-denied', 'receipt-id': 'n' });
    }
    assert.equal(await stat(server, 'auth.any.asked'), 6 * 12);
  });

  test('decisions are cached as the plugin says, and forgotten when it says', async (t) => {
    const server = await startCommanded(t, { config, set: ['auth.script.cache=1h', 'destinations.patterns=on'] });
    const client = await stomp(server, as('alice', { t }));
    await client.subscribe('/topic/yes');
    for (let i = 0; i < 5; i += 1) await client.request('SEND', { destination: '/topic/yes' }, 'm');
    await client.messages(5);
    assert.equal(await stat(server, 'auth.script.asked'), 2);
    await server.command('forbid /topic/yes', 'check alice');
    const error = await client.expectError(/access denied to '\/topic\/yes'/);
    assert.equal(error.headers['error-code'], 'access-denied');
  });
});

describe('what stops the start', () => {
  const cases = [
    ['[auth]\nplugins = nowhere\n', /:2: auth-nowhere\.so: cannot load/],
    ['[auth]\nplugins = ,\n', /:2: \[auth\] plugins: .*empty item/],
    [`[auth]\nplugins = ${plugin}, ${plugin}\n`, /:2: \[auth\] plugins: two plugins would read the section \[auth\.script\]/],
    ['[auth.nothing]\nkey = 1\n', /:1: unknown section \[auth\.nothing\]/],
    [`[auth]\nplugins = ${plugin}\n[auth.script]\nkey = 1\n`, /:4: unknown key 'key' in \[auth\.script\]/],
    ['[access]\n', /:1: \[access\] has no rules/],
    ['[access]\nx = subscribe /topic/** if authenticated\n', /:2: \[access\] x: its condition can never hold/],
    ['[access]\nx = subscribe /nowhere/**\n', /:2: \[access\] x can never match subscribe: .* outside every prefix/],
    ['[access]\nx = send /queue/**\n', /:2: \[access\] x can never match send: clients may not SEND there/],
    ['[access]\nx = subscribe-pattern /topic/**\n', /:2: .* pattern subscriptions are switched off/],
    ['[access]\na = subscribe /topic/**\nb = subscribe /topic/{x}/y\n', /:3: \[access\] b can never match subscribe: a in line 2 comes first/],
    ['[access]\nx = read /topic/**\n', /:2: \[access\] x: 'read' is no action/],
    ['[access]\nx = subscribe /topic/** when anyone\n', /:2: \[access\] x: behind the pattern stands 'if'/],
  ];
  test('each has its line', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'plugboard-auth-'));
    t.after(() => rmSync(dir, { recursive: true }));
    for (const [text, pattern] of cases) {
      const file = join(dir, 'x.ini');
      writeFileSync(file, text);
      const { code, stderr } = await run(['--check', '--config', file]);
      assert.equal(code, 78, `${text}${stderr}`);
      assert.match(stderr, pattern, text);
    }
  });
});
