// Nodes that share a NATS: what is its own about patterns and subjects, what it does not carry, logins and TLS. What
// holds with every carrier is in cluster_basic_test.mjs and cluster_faults_test.mjs.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { makeAuthority } from './lib/authority.mjs';
import { nats as onNats } from './lib/carriers.mjs';
import * as cluster from './lib/cluster.mjs';
import { startNats } from './lib/nats.mjs';
import { makeKey, makeOperator } from './lib/nats_keys.mjs';
import { freePort } from './lib/ports.mjs';
import { patience, run, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const { assertOrdered, takeBodies, waitReady } = cluster;
const option = (name, value) => `broker.nats.${name}=${value}`;
const LOST = /lost NATS at/;

const startNode = ({ nats, set = [], ...options }) => cluster.startNode({ ...options, redis: { url: nats.url, carrier: onNats }, set: ['destinations.patterns=on', ...set] });

async function pair(t, options = {}) {
  const nats = await startNats({ t, ...options.server });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, nats, ...options })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  return { nats, nodes };
}

async function all(client, n, into = []) {
  await until(() => {
    for (const bodies of takeBodies(client).values()) into.push(...bodies);
    return into.length >= n;
  }, `${n} messages`, patience(10000)).catch((error) => { throw new Error(`${error.message}, got ${into.length}`); });
  return into;
}

test('messages cross, in order and once, with all that they carry', async (t) => {
  const { nats, nodes: [n1, n2] } = await pair(t);
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  for (const topic of ['/topic/a', '/topic/with.dots/and *stars*> %', '/topic/slash/', '/topic/ünïcode']) {
    await to.subscribe(topic);
    await from.subscribe(topic);
    from.send(topic, `hello ${topic}`, { 'content-type': 'text/x', mine: 'a:b' });
    for (const client of [to, from]) {
      const { headers, body } = await client.expect('MESSAGE', { destination: topic });
      assert.deepEqual([headers['content-type'], headers.mine, body], ['text/x', 'a:b', `hello ${topic}`]);
    }
  }
  // A SEND right behind a SUBSCRIBE comes back.
  from.frame('SUBSCRIBE', { id: 'own', destination: '/topic/own' });
  from.send('/topic/own', 'mine');
  assert.equal((await from.expect('MESSAGE')).body, 'mine');
  const N = 3000;
  for (let i = 0; i < N; i += 1) from.send('/topic/a', `p:${i}`);
  const bodies = await all(to, N);
  assert.equal(bodies.length, N);
  assertOrdered(bodies, 'the subscriber');
  // Somebody else's is dropped, and said so in the words of the topic.
  const socket = net.connect({ port: nats.port, host: '127.0.0.1' });
  socket.write('CONNECT {"verbose":false}\r\nPUB plugboard.t.topic.with%2Edots.and%20%2Astars%2A%3E%20%25 2\r\nhi\r\n');
  assert.match(await n2.waitForLine(/dropped a message/), /of 2 bytes for the topic \/topic\/with\.dots\/and \*stars\*> %: /);
  socket.destroy();
  const large = 'x'.repeat(60000);
  await from.request('SEND', { destination: '/topic/a' }, large);
  assert.equal((await all(to, 1))[0], large);
});

test('patterns are covered by wildcards and filtered exactly', async (t) => {
  const { nodes: [n1, n2] } = await pair(t);
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  const cases = [
    ['/topic/*/chat', ['/topic/1/chat', '/topic//2/chat'], ['/topic/chat', '/topic/1/2/chat', '/topic/1/chats']],
    ['/topic/a/**', ['/topic/a', '/topic/a/', '/topic/a/b/c'], ['/topic/ab', '/topic/b']],
    ['/topic/x.?/y*', ['/topic/x.1/y', '/topic/x.2/yes'], ['/topic/x/1/y', '/topic/x.12/y']],
    ['/topic/b/**/z', ['/topic/b/z', '/topic/b/1/2/z'], ['/topic/b/1']],
  ];
  for (const [pattern, hits, misses] of cases) {
    const id = await to.subscribe(pattern);
    await to.subscribe(hits[0]); // a topic beside it: its own copy, and no third one
    for (const topic of [...misses, ...hits]) await from.request('SEND', { destination: topic }, topic);
    await from.request('SEND', { destination: hits[0] }, 'end');
    const got = [];
    await until(() => {
      got.push(...to.frames.splice(0));
      return got.filter((frame) => frame.body === 'end').length === 2;
    }, `the last of ${pattern}`, patience(5000));
    const bodies = (sub) => got.filter((frame) => (frame.headers.subscription === sub) === true).map((frame) => frame.body);
    assert.deepEqual(bodies(id).slice(0, -1), hits, pattern);
    assert.equal(got.length, hits.length + 1 + 2, pattern);
    await to.unsubscribe(id);
  }
});

test('what NATS does not carry is refused, and the connection stays', async (t) => {
  const { nodes: [n1, n2] } = await pair(t, { server: { config: 'max_payload: 40000' } });
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  await to.subscribe('/topic/a');
  const refused = [['/topic/a', 'x'.repeat(41000)], [`/topic/${'y'.repeat(3600)}`, 'x'], [`/topic/${'.'.repeat(1300)}`, 'x']];
  for (const [destination, body] of refused) {
    from.send(destination, body, { receipt: 'r' });
    const error = await from.expect('ERROR', { 'receipt-id': 'r' });
    assert.ok(error.headers.message, JSON.stringify(error.headers));
    if (from.closed || error.headers.recoverable !== 'true') break;
  }
  const again = await stomp(n1, { t });
  await again.request('SEND', { destination: '/topic/a' }, 'fine');
  assert.equal((await to.expect('MESSAGE')).body, 'fine');
  for (const node of [n1, n2]) assert.ok(!node.log.some((line) => LOST.test(line)));
});

// More than the kernels hold, so that a PING cannot be written either.
test('a NATS that reads nothing has taken nothing: no RECEIPT, and the connection counts as lost', async (t) => {
  const { nats, nodes: [n1, n2] } = await pair(t);
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  await from.request('SEND', { destination: '/topic/a' }, 'taken');
  nats.freeze();
  const body = 'x'.repeat(60000);
  const receipts = Array.from({ length: 600 }, (_, i) => `r${i}`);
  for (const receipt of receipts) from.send('/topic/a', body, { receipt });
  const left = new Set(receipts);
  await until(() => {
    for (const { command, headers } of from.frames.splice(0)) {
      assert.equal(command, 'ERROR', `${command} for ${headers['receipt-id']}`);
      left.delete(headers['receipt-id']);
    }
    return left.size === 0;
  }, 'an ERROR for each', patience(20000));
  await n1.waitForLine(LOST, { ms: patience(10000) });
  await nats.kill();
  await nats.start();
  for (const node of [n1, n2]) await waitReady(node);
  await to.subscribe('/topic/a');
  const again = from.closed ? await stomp(n1, { t }) : from;
  await again.request('SEND', { destination: '/topic/a' }, 'fine');
  assert.equal((await to.expect('MESSAGE')).body, 'fine');
});

// What the kernels do not take waits in the node, up to the bound, and goes out in its order once NATS reads again.
test('what waits for a NATS that reads nothing is bounded; what was taken comes when it reads again', async (t) => {
  const { nats, nodes: [n1, n2] } = await pair(t, { set: [option('publish-queue', 200), option('ping-timeout', '1m'), 'broker.operation-timeout=1m', 'limits.queue-size=64m'] });
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  await to.subscribe('/topic/a');
  await from.request('SEND', { destination: '/topic/a' }, 'first');
  await to.expect('MESSAGE');
  nats.freeze();
  const rest = 'x'.repeat(60000);
  for (let i = 0; i < 400; i += 1) from.send('/topic/a', `p:${i} ${rest}`, { receipt: `r${i}` });
  const outcome = new Map();
  const taken = () => [...outcome].filter(([, command]) => command === 'RECEIPT').map(([id]) => id);
  const collect = (n, what) => until(() => {
    for (const { command, headers } of from.frames.splice(0)) outcome.set(headers['receipt-id'], command);
    return outcome.size >= n;
  }, what, patience(20000)).catch((error) => { throw new Error(`${error.message}, got ${outcome.size}`); });
  await collect(200, 'an ERROR for each that is too many');
  assert.deepEqual(taken(), []);
  assert.equal((await n1.stats())['broker.nats.publish_in_flight'], 200);
  nats.thaw();
  await collect(400, 'a RECEIPT for each other');
  // What the node tells itself counts, too.
  const ids = taken();
  assert.ok(ids.length <= 200 && ids.length > 180, `${ids.length} were taken`);
  const bodies = await all(to, ids.length);
  assert.deepEqual(bodies.map((body) => `r${body.slice(2, body.indexOf(' '))}`), ids.sort((a, b) => a.slice(1) - b.slice(1)));
  assert.equal((await n1.stats())['broker.nats.publish_in_flight'], 0);
  for (const node of [n1, n2]) assert.ok(!node.log.some((line) => LOST.test(line)));
});

// A server that greets, answers PING, and does with the rest what it is told.
async function impostor(t, { greets = true, hears = () => {} } = {}) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket)).setEncoding('latin1');
    if (!greets) hears('', socket);
    else socket.write('INFO {"server_id":"x","version":"2.9.0","max_payload":1000000}\r\n');
    let left = '';
    socket.on('data', (text) => {
      const lines = (left + text).split('\r\n');
      left = lines.pop();
      for (const line of lines) {
        if (line === 'PING') socket.write('PONG\r\n');
        hears(line, socket);
      }
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.close(); for (const socket of sockets) socket.destroy(); });
  return { url: `nats://127.0.0.1:${server.address().port}` };
}

test('a server that delivers nothing is none, and the next one is tried', async (t) => {
  const deaf = await impostor(t);
  const node = await startNode({ t, name: 'n1', nats: deaf, set: [option('ping-timeout', '200ms')] });
  assert.match(await node.waitForLine(/(cannot reach|still no) NATS at/, { ms: patience(10000) }), /it accepts the connection but delivers nothing/);
  await node.stop();
  const nats = await startNats({ t });
  const other = await startNode({ t, name: 'n2', nats: { url: `${deaf.url}, ${nats.url}` }, set: [option('ping-timeout', '200ms')] });
  await waitReady(other);
  assert.match(other.log.find((line) => /connected to NATS/.test(line)), new RegExp(`at 127\\.0\\.0\\.1:${nats.port}`));
});

test('a node stops while it connects, and while it waits to hear itself', async (t) => {
  for (const greets of [false, true]) {
    let reached;
    const there = new Promise((done) => { reached = done; });
    const silent = await impostor(t, { greets, hears: (line) => { if (!greets || line.startsWith('PUB ')) reached(); } });
    const node = await startNode({ t, name: 'n1', nats: silent, ready: false, set: [option('connect-timeout', '4s'), option('ping-timeout', '1m')] });
    await there;
    await node.stop();
  }
});

test('a connection that ends while much is on its way: each SEND is answered, and none is kept', async (t) => {
  const { nats, nodes: [n1, n2] } = await pair(t);
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  await to.subscribe('/topic/a');
  const N = 3000;
  for (let i = 0; i < N; i += 1) from.send('/topic/a', `p:${i}`, { receipt: `r${i}` });
  await from.expect('RECEIPT');
  await nats.kill();
  let answered = 1;
  await until(() => {
    answered += from.frames.splice(0).length;
    return answered === N;
  }, 'an answer to each', patience(20000)).catch((error) => { throw new Error(`${error.message}, got ${answered}`); });
  await n1.waitForLine(LOST, { ms: patience(10000) });
  assert.equal((await n1.stats())['broker.nats.publish_in_flight'], 0);
  await nats.start();
  for (const node of [n1, n2]) await waitReady(node);
  const again = from.closed ? await stomp(n1, { t }) : from;
  await again.request('SEND', { destination: '/topic/a' }, 'fine');
  await until(() => to.frames.splice(0).some(({ body }) => body === 'fine'), 'the message behind', patience(5000));
});

// Each has a probe of the same subject under way.
test('two nodes of one name: each is confirmed what is its own', async (t) => {
  const nats = await startNats({ t });
  const nodes = await Promise.all(['n1', 'n1'].map((name) => startNode({ t, name, nats })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const clients = await Promise.all(nodes.map((node) => stomp(node, { t })));
  for (const client of clients) for (let i = 0; i < 500; i += 1) client.send('/topic/a', `${i}`, { receipt: `r${i}` });
  for (const client of clients) {
    const receipts = [];
    await until(() => receipts.push(...client.frames.splice(0)) && receipts.length >= 500, 'the receipts', patience(10000));
    assert.deepEqual(receipts.map(({ command, headers }) => [command, headers['receipt-id']]), Array.from({ length: 500 }, (_, i) => ['RECEIPT', `r${i}`]));
  }
});

test('an application that needs presence does not start with this broker, and says why', async (t) => {
  const nats = await startNats({ t });
  const { code, stderr } = await run(['--set', 'broker.plugin=nats', '--set', option('servers', nats.url), '--config', 'etc/room.ini', '--set', 'http.listen=127.0.0.1:0']);
  assert.equal(code, 78);
  assert.match(stderr, /\[app\.presence \w+\] the broker in use cannot tell who is there/);
});

test('logins: what does not fit is named in the log, and no secret is', async (t) => {
  const users = await startNats({ t, config: 'authorization { users = [ { user: "plug", password: "hunter2" }, { user: "mute", password: "hunter3", permissions: { publish: "other.>", subscribe: "other.>" } } ] }' });
  const token = await startNats({ t, config: 'authorization { token: "hunter4" }' });
  const absent = { url: `nats://127.0.0.1:${await freePort()}` };
  const bad = [
    [users, [], /NATS refuses the login/],
    [users, [option('username', 'plug'), option('password', 'hunter9')], /NATS refuses the login/],
    [users, [option('username', 'mute'), option('password', 'hunter3')], /[Pp]ermi/],
    [token, [option('token', 'hunter5')], /NATS refuses the login/],
    [absent, [], /nobody answers there/],
  ];
  for (const [nats, set, pattern] of bad) {
    const node = await startNode({ t, name: 'n1', nats, set });
    assert.match(await node.waitForLine(/(cannot reach|still no) NATS at 127\.0\.0\.1:\d+/, { ms: patience(10000) }), pattern);
    assert.ok(!node.log.some((line) => /hunter/.test(line)));
    await node.stop();
  }
  for (const [nats, set] of [
    [users, [option('username', 'plug'), option('password', 'hunter2')]],
    [{ url: users.url.replace('//', '//plug:hunter2@') }, []],
    [token, [option('token', 'hunter4')]],
    [{ url: `${absent.url}, ${token.url}` }, [option('token', 'hunter4')]],
  ]) {
    const node = await startNode({ t, name: 'n1', nats, set });
    await waitReady(node);
    assert.ok(!node.log.some((line) => /hunter/.test(line)));
    await node.stop();
  }
});

test('logins by key: an NKey, and a credentials file of an operator\'s user', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-nkeys-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const keep = (name, text) => { writeFileSync(join(dir, name), text, { mode: 0o600 }); return join(dir, name); };
  const [known, unknown] = [makeKey('user'), makeKey('user')];
  const operator = makeOperator();
  const byKey = await startNats({ t, config: `authorization { users = [ { nkey: ${known.public} } ] }` });
  const byClaims = await startNats({ t, config: operator.config });
  const nkey = (key, seed = key) => [option('nkey', key.public), option('nkey-seed-file', keep(`${seed.public}.nk`, seed.seed))];
  const creds = (name, text) => [option('credentials-file', keep(name, text))];
  for (const [nats, set] of [[byKey, nkey(known)], [byClaims, creds('good.creds', operator.creds())]]) {
    const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, nats, set })));
    await Promise.all(nodes.map((node) => waitReady(node)));
    const [from, to] = await Promise.all(nodes.map((node) => stomp(node, { t })));
    await to.subscribe('/topic/a');
    await from.request('SEND', { destination: '/topic/a' }, 'hello');
    assert.equal((await to.expect('MESSAGE')).body, 'hello');
    for (const node of nodes) await node.stop();
  }
  for (const [nats, set, pattern] of [
    [byKey, nkey(unknown), /NATS refuses the login/],
    [byKey, nkey(known, unknown), /NATS refuses the login/],
    [byClaims, creds('other.creds', operator.creds(makeKey('account'))), /NATS refuses the login/],
    [byClaims, [option('credentials-file', join(dir, 'absent.creds'))], /absent\.creds|credentials-file/],
    [byClaims, creds('empty.creds', 'nothing'), /seed|credentials/i],
  ]) {
    const node = await startNode({ t, name: 'n1', nats, set });
    assert.match(await node.waitForLine(/(cannot reach|still no) NATS at 127\.0\.0\.1:\d+/, { ms: patience(10000) }), pattern);
    assert.ok(!node.log.some((line) => line.includes(known.seed) || line.includes(unknown.seed)));
    await node.stop();
  }
});

// libnats has a context for TLS then, and cleans up at exit before OpenSSL does.
test('a server with TLS of its own and a NATS that is given by name ends in order', async (t) => {
  const { certificate, key } = makeAuthority({ t }).issue('plugboard');
  const nats = await startNats({ t });
  const named = { url: nats.url.replace('127.0.0.1', 'localhost') };
  const node = await startNode({ t, name: 'n1', nats: named, set: ['http.tls-listen=127.0.0.1:0', `tls.certificate=${certificate}`, `tls.key=${key}`] });
  await waitReady(node);
  await node.stop(); // looks at how it has ended, and at what a sanitizer says
  assert.ok(!node.log.some((line) => /crashed/.test(line)), node.tail());
});

test('TLS: verified, with client certificates, and what does not fit', async (t) => {
  const ca = makeAuthority({ t });
  const other = makeAuthority({ t, name: 'another authority' });
  const server = ca.issue('nats', { names: 'DNS:nats.example' });
  const mine = ca.issue('node');
  const tls = `tls { cert_file: "${server.certificate}", key_file: "${server.key}", ca_file: "${ca.file}", verify: true }`;
  const nats = await startNats({ t, tls: true, config: tls });
  const plain = await startNats({ t });
  const shown = [option('tls-certificate', mine.certificate), option('tls-key', mine.key)];
  const named = option('tls-server-name', 'nats.example');
  const good = [option('tls-ca-file', ca.file), named, ...shown];
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, nats, set: good })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const [from, to] = await Promise.all(nodes.map((node) => stomp(node, { t })));
  await to.subscribe('/topic/a');
  await from.request('SEND', { destination: '/topic/a' }, 'hello');
  assert.equal((await to.expect('MESSAGE')).body, 'hello');
  // Also where the url does not ask for it, and in order when there is much.
  const asked = await startNode({ t, name: 'n3', nats: { url: nats.url.replace('tls:', 'nats:') }, set: good });
  await waitReady(asked);
  const third = await stomp(asked, { t });
  const N = 2000;
  for (let i = 0; i < N; i += 1) third.send('/topic/a', `p:${i}`, i === N - 1 ? { receipt: 'last' } : {});
  await third.expect('RECEIPT', { 'receipt-id': 'last' });
  const bodies = await all(to, N);
  assert.equal(bodies.length, N);
  assertOrdered(bodies, 'the subscriber');
  await asked.stop();
  const bad = [
    [nats, [option('tls-ca-file', other.file), named, ...shown], /TLS does not fit/],
    [nats, [option('tls-ca-file', ca.file), option('tls-server-name', 'other.example'), ...shown], /TLS does not fit/],
    [nats, [option('tls-ca-file', '/no/such'), named, ...shown], /tls-ca-file cannot be used/],
    [{ url: nats.url.replace('tls:', 'nats:') }, [], /TLS does not fit/],
    [nats, [option('tls-ca-file', ca.file), named], /if it wants a client certificate, set tls-certificate/],
    [{ url: plain.url.replace('nats:', 'tls:') }, good, /NATS has no TLS there: write nats:\/\//],
  ];
  for (const [at, set, pattern] of bad) {
    const node = await startNode({ t, name: 'n3', nats: at, set });
    assert.match(await node.waitForLine(/(cannot reach|still no) NATS at/, { ms: patience(10000) }), pattern);
    await node.stop();
  }
});
