// Who may do what: the rules of [access] tried over the wire, with both brokers and both carriers,
// and --explain-access asked the same questions.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { startRedis } from './lib/redis.mjs';
import { build, run, start } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const plugin = join(build, 'tests/plugins/auth-script.so');

const rules = `
[access]
closed   = subscribe, subscribe-pattern, send /topic/closed/** if nobody
lobby    = subscribe, send /topic/lobby
own      = subscribe, subscribe-pattern, send /topic/users/{id}/** if {id} == claim:userId or role ADMIN
named    = subscribe, send /topic/inbox/{name} if {name} == user
tenant   = subscribe, subscribe-pattern /topic/t/{tenant}/{kind:news|chat}/* if {tenant} == claim:tenant and role USER
granted  = subscribe, subscribe-pattern, send /topic/granted/** if permission
words    = subscribe /topic/words if role "two words"
monitor  = subscribe-pattern /topic/m/** if role MONITOR
watched  = subscribe /topic/m/** if role MONITOR or role USER
talk     = send /topic/talk/* if authenticated
listen   = subscribe /topic/talk/* if role USER or role ADMIN
last     = subscribe, send /topic/**/of/{id} if {id} == claim:userId
`;

const people = {
  nobody: null,
  alice: 'alice;roles=USER|two words;claim.userId=7;claim.tenant=acme;claim.tenant=beta',
  admin: 'root;roles=ADMIN',
  watcher: 'will;roles=MONITOR',
  bearer: 'bea;subscribe=/topic/granted/{x}/in;send=/topic/granted/out/*;subscribe=/topic/granted/sub/**',
};

// Who may (the names behind a line) do what; everybody else may not.
const matrix = [
  ['subscribe', '/topic/closed/a', []],
  ['send', '/topic/closed/a', []],
  ['subscribe', '/topic/lobby', ['nobody', 'alice', 'admin', 'watcher', 'bearer']],
  ['send', '/topic/lobby', ['nobody', 'alice', 'admin', 'watcher', 'bearer']],
  ['subscribe', '/topic/lobby/deeper', []],
  ['subscribe', '/topic/users/7/x', ['alice', 'admin']],
  ['subscribe', '/topic/users/8/x', ['admin']],
  ['subscribe', '/topic/users//7/x', ['alice', 'admin']],
  ['subscribe', '/topic/users/7', ['alice', 'admin']],
  ['send', '/topic/users/7/x', ['alice', 'admin']],
  ['send', '/topic/users/77/x', ['admin']],
  ['send', '/topic/users/{id}/x', ['admin']],
  ['subscribe', '/topic/users/7/*', ['alice', 'admin']],
  ['subscribe', '/topic/users/7/**', ['alice', 'admin']],
  ['subscribe', '/topic/users/*/x', ['admin']],
  ['subscribe', '/topic/users/**', []], // /topic/users itself has no {id}
  ['subscribe', '/topic/users/{id}/**', ['admin']],
  ['subscribe', '/topic/**', []],
  ['subscribe', '/topic/*', []],
  ['subscribe', '/topic/*/7/x', []],
  ['subscribe', '/topic/inbox/alice', ['alice']],
  ['send', '/topic/inbox/root', ['admin']],
  ['subscribe', '/topic/inbox/*', []],
  ['subscribe', '/topic/t/acme/news/1', ['alice']],
  ['subscribe', '/topic/t/beta/chat/1', ['alice']],
  ['subscribe', '/topic/t/acme/other/1', []],
  ['subscribe', '/topic/t/gamma/news/1', []],
  ['subscribe', '/topic/t/acme/news/*', ['alice']],
  ['subscribe', '/topic/t/acme/*/1', []],
  ['send', '/topic/t/acme/news/1', []],
  ['subscribe', '/topic/granted/1/in', ['bearer']],
  ['subscribe', '/topic/granted/1/out', []],
  ['send', '/topic/granted/out/1', ['bearer']],
  ['send', '/topic/granted/1/in', []],
  ['subscribe', '/topic/granted/sub/*', ['bearer']],
  ['subscribe', '/topic/granted/*', []],
  ['subscribe', '/topic/words', ['alice']],
  ['subscribe', '/topic/a/b/of/7', ['alice']],
  ['send', '/topic/of/7', ['alice']],
  ['send', '/topic/of/8', []],
  ['subscribe', '/topic/m/**', ['watcher']],
  ['subscribe', '/topic/m/a', ['watcher', 'alice']],
  ['subscribe', '/topic/m/*/b', ['watcher']],
  ['send', '/topic/m/a', []],
  ['send', '/topic/talk/x', ['alice', 'admin', 'watcher', 'bearer']],
  ['subscribe', '/topic/talk/x', ['alice', 'admin']],
  ['subscribe', '/topic/other', []],
  ['send', '/topic/other', []],
];

async function tryAll(client, name, transport) {
  for (const [action, destination, allowed] of matrix) {
    const receipt = client.nextReceipt();
    const what = `${name} ${action} ${destination} over ${transport}`;
    if (action === 'send') client.send(destination, 'm', { receipt });
    else client.frame('SUBSCRIBE', { id: receipt, destination, receipt });
    let frame;
    do frame = await client.next(); while (frame.command === 'MESSAGE');
    assert.equal(frame.headers['receipt-id'], receipt, what);
    if (allowed.includes(name)) {
      assert.equal(frame.command, 'RECEIPT', `${what}: ${frame.headers.message}`);
      if (action === 'subscribe') await client.unsubscribe(receipt);
    } else {
      assert.equal(frame.command, 'ERROR', what);
      assert.equal(frame.headers['error-code'], 'access-denied', what);
      assert.equal(frame.headers.message, `${action.toUpperCase()}: access denied to '${destination}'`);
      assert.equal(frame.headers.recoverable, 'true');
    }
  }
}

describe('every rule, over the wire', () => {
  for (const broker of ['memory', 'redis']) {
    test(`with broker-${broker}`, async (t) => {
      const redis = broker === 'redis' ? await startRedis({ t }) : null;
      const server = await start({
        t,
        tcp: true,
        config: rules,
        set: [`auth.plugins=${plugin}`, 'auth.anonymous=on', 'auth.on-denied=keep', 'destinations.patterns=on',
          'server.workers=2', `broker.plugin=${broker}`, ...(redis ? [`broker.redis.url=${redis.url}`] : [])],
      });
      for (const transport of ['ws', 'tcp'])
        for (const [name, token] of Object.entries(people)) {
          const client = await stomp(server, { t, transport, connect: token ? { Authorization: token } : {} });
          await tryAll(client, name, transport);
          await tryAll(client, name, transport); // what is cached says the same
          await client.disconnect();
        }
      const denied = matrix.length * 5 - matrix.reduce((n, [, , allowed]) => n + allowed.length, 0);
      assert.equal((await server.stats()).access_denied, denied * 4);
    });
  }

  test('what is cached for one user is not open to another', async (t) => {
    const server = await start({ t, config: rules, set: [`auth.plugins=${plugin}`, 'auth.on-denied=keep', 'destinations.patterns=on', 'server.workers=1'] });
    const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => stomp(server, { t, connect: { Authorization: `u;claim.userId=${i}` } })));
    for (let round = 0; round < 3; round += 1)
      for (const [i, client] of clients.entries()) {
        await client.request('SEND', { destination: `/topic/users/${i}/x` }, 'm');
        client.send(`/topic/users/${(i + 1) % 20}/x`, 'm', { receipt: 'no' });
        await client.expect('ERROR', { 'error-code': 'access-denied', 'receipt-id': 'no' });
      }
  });

  test('by default a denial ends the connection, with a code of its own', async (t) => {
    for (const [profile, code] of [['standard', 4403], ['spring', 1002]]) {
      const server = await start({ t, config: rules, set: [`auth.plugins=${plugin}`, `stomp.profile=${profile}`, 'destinations.patterns=on'] });
      for (const command of ['SEND', 'SUBSCRIBE']) {
        const client = await stomp(server, { t, connect: { Authorization: people.alice } });
        client.frame(command, { id: '1', destination: '/topic/other' });
        const error = await client.expectError(/access denied to '\/topic\/other'/);
        assert.equal(error.headers.recoverable, undefined);
        assert.equal(client.closed.code, code);
      }
    }
  });

  test('without rules a token with permissions limits its bearer', async (t) => {
    const server = await start({ t, set: [`auth.plugins=${plugin}`, 'auth.on-denied=keep', 'destinations.patterns=on'] });
    const free = await stomp(server, { t, connect: { Authorization: 'free' } });
    await free.subscribe('/topic/**');
    await free.request('SEND', { destination: '/topic/x' }, 'm');
    const bound = await stomp(server, { t, connect: { Authorization: 'bound;subscribe=/topic/a/*' } });
    await bound.subscribe('/topic/a/*');
    for (const headers of [{ command: 'SUBSCRIBE', destination: '/topic/**' }, { command: 'SEND', destination: '/topic/a/b' }]) {
      bound.frame(headers.command, { id: 'x', destination: headers.destination, receipt: 'r' });
      await bound.expect('ERROR', { 'error-code': 'access-denied', 'receipt-id': 'r' });
    }
    const nothing = await stomp(server, { t, connect: { Authorization: 'none;limited' } });
    nothing.frame('SUBSCRIBE', { id: 'x', destination: '/topic/a', receipt: 'r' });
    await nothing.expect('ERROR', { 'error-code': 'access-denied' });
  });

  test('rules work without any auth plugin', async (t) => {
    const server = await start({ t, config: '[access]\nopen = subscribe, send /topic/open/**\n' });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/open/a');
    await client.request('SEND', { destination: '/topic/open/a' }, 'm');
    await client.expect('MESSAGE');
    client.send('/topic/x', 'm');
    await client.expectError(/SEND: access denied to '\/topic\/x'/);
  });

  test('--explain-access says the same', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'plugboard-access-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'x.ini');
    writeFileSync(file, `${rules}\n[auth]\nplugins = ${plugin}\n[destinations]\npatterns = on\n`);
    const words = {
      nobody: ['-'],
      alice: ['alice', 'USER', 'two words', 'claim:userId=7', 'claim:tenant=acme', 'claim:tenant=beta'],
      admin: ['root', 'ADMIN'],
      watcher: ['will', 'MONITOR'],
    };
    for (const [i, [action, destination, allowed]] of matrix.entries()) {
      const name = Object.keys(words)[i % 4];
      const { code, stdout } = await run(['--config', file, '--explain-access', ...words[name], action, destination]);
      assert.equal(code, allowed.includes(name) ? 0 : 1, `${name} ${action} ${destination}: ${stdout}`);
      assert.match(stdout, allowed.includes(name) ? /^allowed by rule '\w+', .*x\.ini:\d+: / : /^denied/);
    }
    const wrong = await run(['--config', file, '--explain-access', 'alice', 'read', '/topic/x']);
    assert.equal(wrong.code, 64);
    assert.match(wrong.stderr, /the action is subscribe or send, not read/);
  });
});
