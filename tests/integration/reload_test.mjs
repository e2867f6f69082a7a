// SIGHUP: the configuration is read again while the server runs, with clients that stay connected.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { SignJWT } from 'jose';

import { adminOf } from './lib/admin.mjs';
import { sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { connect, directory, makeCertificate, tlsPort } from './lib/tls.mjs';

// sections: { limits: { 'max-frame-size': '2k' }, ... }
function ini(sections) {
  return Object.entries(sections)
    .map(([name, keys]) => `[${name}]\n${Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join('')}`)
    .join('\n');
}

const keyOf = (name, secret) => ({ [`api-key ${name}`]: { secret } });
const publish = (server, secret) => fetch(server.url('/api/publish'), {
  method: 'POST',
  headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
  body: JSON.stringify({ destination: '/topic/a', body: 'x' }),
}).then(async (answer) => { await answer.text(); return answer.status; });

describe('what a reload applies', { concurrency: 4 }, () => {
  test('limits hold for sessions that are there, and for new ones; nothing else changes', async (t) => {
    const server = await start({ t, config: ini({ limits: { 'max-frame-size': '64k', 'max-subscriptions': '10' } }) });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/a');
    assert.deepEqual((await server.reload(ini({ limits: { 'max-frame-size': '2k', 'max-header-size': '1k', 'max-subscriptions': '2' } }))).applied,
      ['[limits] max-frame-size', '[limits] max-header-size', '[limits] max-subscriptions']);
    await client.request('SEND', { destination: '/topic/a' }, 'x'.repeat(1000));
    await client.expect('MESSAGE');
    await client.subscribe('/topic/b');
    const other = await stomp(server, { t });
    other.send('/topic/a', 'x'.repeat(3000));
    await other.expectError(/max-frame-size/);
    client.frame('SUBSCRIBE', { destination: '/topic/c', id: 'third' });
    await client.expectError(/max-subscriptions \(2\)/);
    // and back, wider than at the start
    await server.reload(ini({ limits: { 'max-frame-size': '256k', 'queue-size': '1m' } }));
    const wide = await stomp(server, { t });
    await wide.subscribe('/topic/a');
    await wide.request('SEND', { destination: '/topic/a' }, 'x'.repeat(200000));
    assert.equal((await wide.expect('MESSAGE')).body.length, 200000);
  });

  test('a frame that is under way when its limit shrinks is refused, not waited for', async (t) => {
    const server = await start({ t, config: ini({ limits: { 'max-frame-size': '64k' } }), tcp: true });
    const client = await open(server, { t, transport: 'tcp' });
    await client.connect();
    client.raw(`SEND\ndestination:/topic/a\ncontent-length:8000\n\n${'x'.repeat(1000)}`);
    await client.expectSilence(100);
    await server.reload(ini({ limits: { 'max-frame-size': '2k', 'max-header-size': '1k' }, tcp: { 'max-frame-size': '2k' } }));
    client.raw('x'.repeat(5000));
    await client.expectError(/larger than/);
  });

  test('origins, hosts, endpoints\' switches: new connections; who is there stays', async (t) => {
    const server = await start({ t, config: ini({ 'endpoint /ws': { 'allowed-origins': 'https://a.example' } }) });
    const old = await stomp(server, { t, origin: 'https://a.example' });
    await assert.rejects(open(server, { t, origin: 'https://b.example' }), { statusCode: 403 });
    const result = await server.reload(ini({
      http: { 'allowed-hosts': 'c.example' },
      'endpoint /ws': { 'allowed-origins': 'https://b.example', sockjs: 'off' },
    }));
    assert.deepEqual(result.applied, ['[http] allowed-hosts', '[endpoint /ws] allowed-origins', '[endpoint /ws] sockjs']);
    await assert.rejects(open(server, { t, origin: 'https://a.example' }), { statusCode: 403 });
    await stomp(server, { t, origin: 'https://b.example' });
    assert.equal((await fetch(server.url('/ws/info'))).status, 404);
    await assert.rejects(open(server, { t, headers: { host: 'd.example' } }));
    await stomp(server, { t, headers: { host: 'c.example', origin: 'https://b.example' } });
    await old.subscribe('/topic/a');
  });

  test('keys of the API come and go, and one in a file is read again', async (t) => {
    const [first, second, third] = ['a', 'b', 'c'].map((c) => c.repeat(20));
    const server = await start({ t, config: ini({}) });
    assert.equal(await publish(server, first), 404);
    assert.deepEqual((await server.reload(ini(keyOf('one', first)))).applied, ['[api-key one]']);
    assert.equal(await publish(server, first), 200);
    const file = join(server.dir, 'key');
    writeFileSync(file, `${second}\n`);
    const two = { 'api-key two': { 'secret-file': file } };
    assert.deepEqual((await server.reload(ini(two))).applied, ['[api-key two]', '[api-key one]']);
    assert.deepEqual([await publish(server, first), await publish(server, second)], [401, 200]);
    writeFileSync(file, `${third}\n`);
    assert.deepEqual((await server.reload()).applied, ['[api-key two] secret-file']);
    assert.deepEqual([await publish(server, second), await publish(server, third)], [401, 200]);
    assert.deepEqual((await server.reload(ini({}))).applied, ['[api-key two]']);
    assert.equal(await publish(server, third), 404);
    assert.ok(!server.log.join('\n').includes(first), 'a key in the log');
  });

  test('access rules: subscriptions that they forbid end, sends are judged anew', async (t) => {
    const rules = (text) => ini({ auth: { 'on-denied': 'keep' }, access: text });
    const server = await start({ t, config: rules({ all: 'subscribe, send /topic/**' }) });
    const client = await stomp(server, { t });
    const kept = await client.subscribe('/topic/open');
    const lost = await client.subscribe('/topic/secret');
    await client.request('SEND', { destination: '/topic/secret' }, '1');
    assert.equal((await client.expect('MESSAGE')).headers.subscription, lost);
    const result = await server.reload(rules({ all: 'subscribe, send /topic/open', none: 'subscribe /topic/other if nobody' }));
    assert.deepEqual(result.applied, ['[access] all', '[access] none']);
    const error = await client.expect('ERROR', { 'error-code': 'access-denied' });
    assert.match(error.headers.message, new RegExp(`subscription '${lost}': access denied to '/topic/secret'`));
    client.send('/topic/secret', '2');
    await client.expect('ERROR', { 'error-code': 'access-denied' });
    await client.request('SEND', { destination: '/topic/open' }, '3');
    assert.equal((await client.expect('MESSAGE')).headers.subscription, kept);
    // without the section [destinations] decides, and with it again the rules do
    assert.deepEqual((await server.reload(ini({ auth: { 'on-denied': 'keep' } }))).applied, ['[access]']);
    await client.request('SEND', { destination: '/topic/secret' }, '4');
    assert.deepEqual((await server.reload(rules({ none: 'subscribe, send /topic/** if nobody' }))).applied, ['[access]']);
    await client.expect('ERROR', { 'error-code': 'access-denied' });
    await client.expectSilence(50);
  });

  test('where a denial closes, a rule that is taken away closes', async (t) => {
    const server = await start({ t, config: ini({ access: { all: 'subscribe /topic/**' } }) });
    const [one, other] = [await stomp(server, { t }), await stomp(server, { t })];
    await one.subscribe('/topic/a');
    await other.subscribe('/topic/b');
    await server.reload(ini({ access: { all: 'subscribe /topic/b' } }));
    await one.expectError(/access denied/);
    assert.equal(one.closed.code, 4403);
    await other.unsubscribe('sub-1');
  });

  test('destinations that clients may send to, also those that a client has sent to before', async (t) => {
    const server = await start({ t, config: ini({ destinations: { 'client-send': '/topic, /queue' } }) });
    const client = await stomp(server, { t });
    await client.request('SEND', { destination: '/queue/a' }, 'x');
    assert.deepEqual((await server.reload(ini({ destinations: { 'client-send': '/topic' } }))).applied, ['[destinations] client-send']);
    client.send('/queue/a', 'y');
    await client.expectError(/clients may not SEND/);
  });

  test('log level and format, rates of addresses, timeouts', async (t) => {
    const server = await start({ t, config: ini({ server: { 'log-level': 'info' } }) });
    await stomp(server, { t });
    await server.reload(ini({ server: { 'log-level': 'debug' }, limits: { 'max-address-connections': '2', 'connect-timeout': '1s' } }));
    assert.ok(!server.log.some((line) => / debug /.test(line)));
    const [a, b] = [await stomp(server, { t }), await open(server, { t })];
    await assert.rejects(open(server, { t }), { statusCode: 429 });
    await b.expectError(/CONNECT/); // by its timeout
    await server.reload(ini({ server: { 'log-format': 'json' }, limits: { 'max-address-rate': '1' } }));
    await server.waitForLine(/^\{.*is applied"\}$/);
    await assert.rejects(Promise.all([open(server, { t }), open(server, { t })]), { statusCode: 429 });
    await a.subscribe('/topic/a');
  });
});

describe('what a reload does not apply', { concurrency: 4 }, () => {
  test('what is fixed keeps its value and says so; the rest is applied', async (t) => {
    const server = await start({ t, http: false, config: ini({ http: { listen: '127.0.0.1:0' }, server: { workers: '1' } }) });
    const result = await server.reload(ini({
      http: { listen: '127.0.0.1:1', 'keep-alive-timeout': '60s' },
      server: { workers: '2', node: 'other' },
      broker: { 'when-down': 'queue' },
      'broker.memory': {},
      access: { all: 'subscribe /topic/**' },
      'endpoint /other': {},
    }));
    assert.deepEqual(result.applied, ['[http] keep-alive-timeout']);
    assert.match(result.text, /^\[broker\.memory\] is to be applied by a swap of the broker$/m);
    assert.deepEqual(result.kept, {
      '[server] workers': 'stays 1 until the next start',
      '[server] node': 'keeps its default until the next start',
      '[http] listen': 'stays 127.0.0.1:0 until the next start',
      '[broker] when-down': 'stays reject until the next start',
      '[endpoint /ws]': 'is served until the next start',
      '[endpoint /other]': 'is not served before the next start',
      '[access]': 'holds from the next start on: there is no access control until then',
    });
    await stomp(server, { t });
    await assert.rejects(open(server, { t, path: '/other' }), { statusCode: 404 });
    assert.deepEqual((await server.reload()).kept, result.kept); // it says so as long as it is so
  });

  test('a bad file changes nothing, and every mistake is named', async (t) => {
    const good = ini({ limits: { 'max-subscriptions': '3' }, access: { all: 'subscribe /topic/**' } });
    const server = await start({ t, config: good });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/a');
    const bad = await server.reload(`${ini({
      limits: { 'max-subscriptions': '1', 'max-frame-sise': '1k', 'queue-size': '3' },
      access: { all: 'subscribe /topic/b', second: 'fly /topic/c' },
    })}\nnonsense\n`);
    assert.equal(bad.done, false);
    for (const [line, what] of [[3, 'max-frame-sise'], [4, 'queue-size'], [8, 'second'], [10, 'expected']]) {
      assert.ok(bad.faults.some((fault) => fault.includes(`plugboard.ini:${line}: `) && fault.includes(what)), `${what}: ${bad.text}`);
    }
    assert.deepEqual(bad.applied, []);
    await client.subscribe('/topic/b');
    await client.subscribe('/topic/c');
    // good by itself, and not with what stays
    const clash = await server.reload(ini({ server: { 'plugin-dir': '/nowhere' } }));
    assert.equal(clash.done, false);
    rmSync(server.configFile);
    const gone = await server.reload();
    assert.equal(gone.done, false);
    assert.match(gone.text, /cannot read: No such file/);
    assert.deepEqual((await server.reload(good)).applied, []);
    await client.request('SEND', { destination: '/topic/a' }, 'x').catch(() => undefined);
  });

  test('without a file there is nothing to read', async (t) => {
    const server = await start({ t, set: ['limits.max-subscriptions=1'] });
    const result = await server.reload();
    assert.match(result.text, /started without a file/);
    await stomp(server, { t });
  });

  test('what the command line sets wins again', async (t) => {
    const server = await start({ t, set: ['limits.max-subscriptions=1'], config: ini({ limits: { 'max-subscriptions': '5' } }) });
    assert.deepEqual((await server.reload(ini({ limits: { 'max-subscriptions': '9' } }))).applied, []);
  });
});

test('50 reloads under load lose nothing', async (t) => {
  const config = (i) => ini({
    server: { workers: '2', 'log-level': i % 2 ? 'debug' : 'info' },
    limits: { 'max-subscriptions': String(10 + i), 'queue-size': i % 3 ? '512k' : '1m' },
    access: { [`rule${i % 5}`]: 'subscribe, send /topic/**', more: 'subscribe /queue/**' },
    'endpoint /ws': { 'allowed-origins': `https://${i}.example` },
    ...keyOf('k', `secret-${i}`.padEnd(20, '.')),
  });
  const server = await start({ t, config: config(0) });
  const readers = await Promise.all([0, 1, 2, 3].map(() => stomp(server, { t })));
  for (const reader of readers) await reader.subscribe('/topic/load');
  const writers = await Promise.all([0, 1, 2].map(() => stomp(server, { t })));
  let running = true;
  let sent = 0;
  const load = Promise.all(writers.map(async (writer) => {
    while (running) {
      await Promise.all(Array.from({ length: 10 }, () => writer.request('SEND', { destination: '/topic/load' }, String(sent++))));
    }
  }));
  let connects = 0;
  const arriving = (async () => {
    while (running) {
      const client = await stomp(server, { t });
      await client.disconnect();
      connects += 1;
    }
  })();
  for (let i = 1; i <= 50; i++) {
    writeFileSync(server.configFile, config(i));
    const from = server.log.length;
    server.signal('SIGHUP');
    if (i % 5 === 0) server.signal('SIGHUP'); // two at once
    await server.waitForLine(/was read again/, { from });
  }
  running = false;
  await load;
  await arriving;
  await until(() => readers.every((reader) => reader.frames.length >= sent), 'all messages');
  for (const reader of readers) {
    const bodies = reader.frames.map((frame) => Number(frame.body));
    assert.equal(bodies.length, sent);
    assert.equal(new Set(bodies).size, sent);
  }
  assert.ok(connects > 0);
  assert.ok(!server.log.some((line) => / (error|violation) /.test(line)), server.tail());
  await sleep(0);
});

describe('auth plugins', { concurrency: 4 }, () => {
  const secrets = ['first', 'second', 'third'].map((name) => `the-${name}-secret-`.padEnd(40, '0'));
  const jwt = (secret, more = {}) => ini({
    auth: { plugins: 'jwt', ...more },
    'auth.jwt': { secret, algorithms: 'HS256', issuer: 'tests', audience: 'tests' },
    access: { all: 'subscribe, send /topic/** if authenticated' },
  });
  const token = (secret, sub = 'ada') => new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setIssuer('tests').setAudience('tests')
    .setSubject(sub).setExpirationTime('1h').sign(new TextEncoder().encode(secret));
  const login = async (server, t, secret, sub) => stomp(server, { t, connect: { passcode: await token(secret, sub) } });

  test('another key: who is there stays, who comes shows the new one', async (t) => {
    const server = await start({ t, config: jwt(secrets[0]) });
    const old = await login(server, t, secrets[0]);
    await old.subscribe('/topic/a');
    assert.deepEqual((await server.reload(jwt(secrets[1]))).applied, ['[auth.jwt] secret']);
    const young = await login(server, t, secrets[1], 'bob');
    await assert.rejects(login(server, t, secrets[0]));
    await young.request('SEND', { destination: '/topic/a' }, 'x');
    await old.expect('MESSAGE');
    await old.request('SEND', { destination: '/topic/a' }, 'y');
    await old.expect('MESSAGE');
    // a renewal goes to the new one
    await old.request('SEND', { destination: '/plugboard/token', passcode: await token(secrets[1]) });
    await server.waitForLine(/plugins of a former configuration have stopped/);
    await old.request('SEND', { destination: '/topic/a' }, 'z');
    assert.ok(!server.log.join('\n').includes(secrets[1]), 'a secret in the log');
  });

  test('a plugin that does not start, or has no key, changes nothing', async (t) => {
    const server = await start({ t, config: jwt(secrets[0]) });
    const bad = await server.reload(jwt('short'));
    assert.equal(bad.done, false);
    assert.match(bad.text, /plugboard\.ini:\d+: \[auth\.jwt\]/);
    await login(server, t, secrets[0]);
  });

  test('plugins come and go; where nobody is asked they wait for the next start', async (t) => {
    const rules = { access: { all: 'subscribe /topic/**' } };
    const server = await start({ t, config: ini(rules) });
    const nobody = await stomp(server, { t });
    assert.deepEqual((await server.reload(jwt(secrets[0]))).applied, ['[auth] plugins', '[access] all', '[auth.jwt]']);
    await assert.rejects(stomp(server, { t }));
    const ada = await login(server, t, secrets[0]);
    nobody.frame('SUBSCRIBE', { destination: '/topic/a', id: 'x' });
    await nobody.expectError(/denied/);
    await server.reload(ini(rules));
    await stomp(server, { t });
    await ada.subscribe('/topic/a');
    const open = await start({ t, config: '' });
    const result = await open.reload(jwt(secrets[0]));
    assert.deepEqual(result.applied, []);
    assert.deepEqual(Object.keys(result.kept), ['[auth] plugins', '[access]', '[auth.jwt]']);
    await stomp(open, { t });
  });

  test('so many former configurations: sessions of the oldest are told to come again', async (t) => {
    const secret = (i) => `secret-number-${i}-`.padEnd(40, '0');
    const server = await start({ t, config: jwt(secret(0)) });
    const all = [];
    for (let i = 0; i < 10; i++) {
      if (i) assert.equal((await server.reload(jwt(secret(i)))).done, true);
      all.push(await login(server, t, secret(i)));
    }
    const error = await all[0].expect('ERROR', { 'error-code': 'session-revoked' });
    assert.match(error.headers.message, /configuration has changed/);
    await all[1].subscribe('/topic/a');
  });
});

describe('applications', { concurrency: 4 }, () => {
  const routes = (sections, more = {}) => ini({
    destinations: { app: '/pub', 'client-send': '/topic' },
    app: { plugins: 'route' },
    ...more,
    ...Object.fromEntries(Object.entries(sections).map(([name, keys]) => [`app.route ${name}`, keys])),
  });
  const chat = (to) => ({ pattern: '/{room}/chat', to });

  test('routes change, come and go under load, and no SEND is lost', async (t) => {
    const server = await start({ t, config: routes({ chat: chat('/topic/{room}/one') }) });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/a/one');
    await client.subscribe('/topic/a/two');
    let running = true;
    const sent = [];
    const load = (async () => {
      while (running) {
        const batch = Array.from({ length: 5 }, () => { sent.push(sent.length); return client.request('SEND', { destination: '/pub/a/chat' }, String(sent.length - 1)); });
        await Promise.all(batch);
      }
    })();
    for (let i = 1; i <= 20; i++) {
      const extra = i % 2 ? { more: { pattern: '/more', to: '/topic/more' } } : {};
      const result = await server.reload(routes({ chat: chat(`/topic/{room}/${i % 2 ? 'two' : 'one'}`), ...extra }));
      assert.deepEqual(result.applied, i % 2 ? ['[app.route more]', '[app.route chat] to'] : ['[app.route chat] to', '[app.route more]']);
    }
    running = false;
    await load;
    await until(() => client.frames.length >= sent.length, 'all messages');
    assert.deepEqual(client.frames.map((frame) => Number(frame.body)).sort((a, b) => a - b), sent);
    assert.deepEqual([...new Set(client.frames.map((frame) => frame.headers.destination))].sort(), ['/topic/a/one', '/topic/a/two']);
    client.send('/pub/more', 'x');
    await client.when(() => client.frames.find((frame) => frame.command === 'ERROR'), 5000, 'an ERROR');
  });

  test('a route with a mistake changes nothing; limits of [app] are applied', async (t) => {
    const good = routes({ chat: chat('/topic/{room}') });
    const server = await start({ t, config: good });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/a');
    const bad = await server.reload(routes({ chat: chat('/topic/{romm}') }));
    assert.equal(bad.done, false);
    assert.match(bad.text, /plugboard\.ini:\d+: \[app\.route chat\]/);
    await client.request('SEND', { destination: '/pub/a/chat' }, '1');
    await client.expect('MESSAGE');
    const result = await server.reload(`${good}\n[limits]\nmax-subscriptions = 5\n`.replace('plugins = route', 'plugins = route\nunclaimed = ignore'));
    assert.deepEqual(result.applied, ['[limits] max-subscriptions', '[app] unclaimed']);
    await client.request('SEND', { destination: '/pub/nobody' }, '2');
    await client.request('SEND', { destination: '/pub/a/chat' }, '3');
    assert.equal((await client.expect('MESSAGE')).body, '3');
  });
});

describe('over the admin API', { concurrency: 4 }, () => {
  const tokens = ['the-first-token-of-all', 'the-second-token-of-all'];
  const config = (token, more = {}) => ini({ admin: { listen: '127.0.0.1:0', token }, ...more });

  test('its answer says what became of it, and other tokens count at once', async (t) => {
    const server = await start({ t, config: config(tokens[0]) });
    const [first, second] = tokens.map((token) => adminOf(server, { token }));
    writeFileSync(server.configFile, config(tokens[1], { server: { workers: '7' }, limits: { 'max-headers': '9' } }));
    const answer = await first.post('reload', {}, 200);
    assert.deepEqual(answer, {
      applied: ['[limits] max-headers', '[admin] token'],
      kept: [{ key: '[server] workers', why: 'stays 0 until the next start' }],
    });
    await first.refused(401, 'bad-token', 'GET', 'status');
    const { sections } = await second.get('config');
    assert.deepEqual([sections.limits['max-headers'], sections.server.workers, sections.admin.token], ['9', '0', '***']);
    writeFileSync(server.configFile, config(tokens[1], { limits: { 'max-headers': 'many' } }));
    const { json } = await second.refused(422, 'bad-configuration', 'POST', 'reload');
    assert.equal(json.faults.length, 1);
    assert.match(json.faults[0], /plugboard\.ini:\d+: \[limits\] max-headers: /);
    assert.equal((await second.get('config')).sections.limits['max-headers'], '9');
    // not all files are UTF-8, and what is wrong with them is said nevertheless
    writeFileSync(server.configFile, Buffer.from(config(tokens[1], { limits: { 'max-headers': 'n\xf6' } }), 'latin1'));
    const { json: latin } = await second.refused(422, 'bad-configuration', 'POST', 'reload');
    assert.equal(latin.faults.length, 1);
    assert.match(latin.faults[0], /plugboard\.ini:\d+: /);
  });

  test('two at once, one after the other, while the node is asked and measured', async (t) => {
    const of = (i) => config(tokens[0], {
      metrics: { listen: '127.0.0.1:0' },
      auth: { plugins: 'jwt', anonymous: 'on' },
      'auth.jwt': { secret: `secret-${i}`.padEnd(40, '.'), algorithms: 'HS256', issuer: 'a', audience: 'b' },
      destinations: { app: '/pub' },
      app: { plugins: 'route' },
      'app.route r': { pattern: '/r', to: `/topic/${i}` },
    });
    const server = await start({ t, config: of(0) });
    const admin = adminOf(server, { token: tokens[0] });
    let running = true;
    const asking = Promise.all(['status', 'config', '/metrics', 'nodes'].map(async (path) => {
      let n = 0;
      for (; running || n === 0; n++) assert.equal((await admin.ask('GET', path)).status, 200);
      return n;
    }));
    for (let i = 1; i <= 10; i++) {
      writeFileSync(server.configFile, of(i));
      const answers = await Promise.all([admin.post('reload', {}, 200), admin.post('reload', {}, 200)]);
      assert.deepEqual(answers.map((answer) => answer.applied).sort((a, b) => b.length - a.length), [['[auth.jwt] secret', '[app.route r] to'], []]);
    }
    running = false;
    assert.ok((await asking).every((n) => n > 0));
    const { sections } = await admin.get('config');
    assert.deepEqual([Object.keys(sections['app.route r']), sections['auth.jwt'].algorithms], [['pattern', 'to'], 'HS256']);
  });
});

test('other certificates for connections that begin, while those that are there stay', async (t) => {
  const dir = directory(t);
  const [one, two, three] = ['one.example', 'two.example', 'three.example'].map((name) => makeCertificate(dir, name, { names: [name] }));
  const config = (own, more = {}) => ini({ http: { 'tls-listen': '127.0.0.1:0' }, tls: { certificate: own.certificate, key: own.key }, ...more });
  const server = await start({ t, config: config(one) });
  const nameOf = async (servername) => (await connect(tlsPort(server), { t, servername, rejectUnauthorized: false })).getPeerCertificate().subject.CN;
  const old = await connect(tlsPort(server), { t, servername: 'x', rejectUnauthorized: false });
  assert.equal(await nameOf('x'), 'one.example');
  chmodSync(three.key, 0o644);
  const other = { 'tls three.example': { certificate: three.certificate, key: three.key } };
  assert.deepEqual((await server.reload(config(two, other))).applied, ['[tls] certificate', '[tls] key', '[tls three.example]']);
  assert.deepEqual([await nameOf('x'), await nameOf('three.example')], ['two.example', 'three.example']);
  for (const warning of [/warn tls: the certificate in \S+three\.example\.pem expires on /, /warn tls: everybody on this machine may read the key in \S+three\.example\.key/]) {
    assert.equal(server.log.filter((line) => warning.test(line)).length, 1, String(warning));
  }
  const bad = await server.reload(config({ certificate: one.certificate, key: two.key }));
  assert.equal(bad.done, false);
  assert.equal(await nameOf('x'), 'two.example');
  old.write('GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n');
  assert.match(String((await once(old, 'data'))[0]), /^HTTP\/1\.1 200 /);
});
