// The HTTP API on one node: publishing, orders about sessions, keys, limits, and HTTP itself. What it
// takes and how it answers is read from the description that it serves.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { Validator } from '@seriousme/openapi-schema-validator';

import { apiOf, apiSet, KEY } from './lib/api.mjs';
import { build, root, run, start, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const plugin = (name) => join(build, `tests/plugins/${name}.so`);
const users = [`auth.plugins=${plugin('auth-script')}`, 'auth.anonymous=on'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });

async function world(t, options = {}) {
  const server = await start({ t, ...options, set: [...apiSet, 'server.workers=2', ...users, ...options.set ?? []] });
  return { server, api: await apiOf(server) };
}

// --- the description --------------------------------------------------------------------------

test('the description is valid OpenAPI 3.1, and its examples are what it describes', async (t) => {
  const { api } = await world(t);
  const { document } = api.description;
  const result = await new Validator().validate(structuredClone(document));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  assert.match(document.openapi, /^3\.1\./);
  assert.deepEqual(document, JSON.parse(readFileSync(join(root, 'core/api/openapi.json'), 'utf8')));
  for (const path of Object.keys(document.paths)) {
    const { post } = document.paths[path];
    for (const [name, { value }] of Object.entries(post?.requestBody.content['application/json'].examples ?? {})) {
      const operation = path.slice('/api/'.length);
      assert.ok(api.description.takes(operation, value), `${path}: the example ${name}`);
      const answer = await api.post(operation, value);
      assert.ok(answer.status < 300, `${path}: the example ${name} got ${answer.text}`);
    }
  }
});

// Bodies made from the schemas: each member left out, of every wrong type, empty, too long, too many.
function* mutations(schema, body, resolve) {
  const wrong = [null, true, 0, -1, 1.5, '', 'x', [], {}, [1], { a: 1 }, 'y'.repeat(300), 1e10, 'a\u0000b', '\ud83d\ude00'];
  yield { ...body, unknown: 1 };
  for (const name of Object.keys(schema.properties)) {
    const without = { ...body };
    delete without[name];
    yield without;
    for (const value of wrong) yield { ...body, [name]: value };
    const inner = resolve(schema.properties[name].items);
    if (inner) for (const item of mutations(inner, body[name]?.[0] ?? { destination: '/topic/a', body: 'x' }, resolve)) yield { [name]: [{ destination: '/topic/a', body: 'x' }, item] };
  }
}

test('the server takes what the description takes, and nothing else', async (t) => {
  const { api } = await world(t, { set: ['limits.max-destination-length=200'] });
  const { document } = api.description;
  const resolve = (schema) => (schema?.$ref ? resolve(schema.$ref.slice(2).split('/').reduce((at, part) => at[part], document)) : schema);
  let taken = 0;
  let refused = 0;
  for (const path of Object.keys(document.paths).filter((each) => document.paths[each].post)) {
    const operation = path.slice('/api/'.length);
    const { schema, examples } = document.paths[path].post.requestBody.content['application/json'];
    const schemas = (schema.oneOf ?? [schema]).map(resolve);
    for (const { value } of Object.values(examples)) {
      const own = schemas.find((each) => api.description.ajv.compile({ $ref: `api#/components/schemas/${Object.keys(document.components.schemas).find((name) => document.components.schemas[name] === each)}` })(value));
      for (const body of mutations(own, value, resolve)) {
        const answer = await api.post(operation, body);
        const described = api.description.takes(operation, body);
        if (answer.status < 300) {
          assert.ok(described, `taken, and not described: ${operation} ${JSON.stringify(body)}`);
          taken += 1;
        } else if (described) {
          // what no schema says: prefixes, limits of the server, control characters
          assert.ok(['bad-destination', 'bad-value', 'bad-type', 'too-large'].includes(answer.body.code), `${JSON.stringify(body)}: ${answer.text}`);
          assert.ok(answer.body.field, answer.text);
        } else {
          assert.equal(answer.status, 400, `${JSON.stringify(body)}: ${answer.text}`);
          refused += 1;
        }
      }
    }
  }
  t.diagnostic(`${taken} bodies taken, ${refused} refused`);
  assert.ok(taken > 50 && refused > 200);
});

// --- publishing -------------------------------------------------------------------------------

test('a message reaches subscribers as it was given: text, JSON, bytes, headers', async (t) => {
  const { server, api } = await world(t);
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  assert.equal(await api.publish({ destination: '/topic/a', body: 'h\u00e9llo\n\u0000!' }), 1);
  let message = await client.expect('MESSAGE', { destination: '/topic/a', 'content-type': 'text/plain;charset=UTF-8' });
  assert.equal(message.body, 'h\u00e9llo\n\u0000!');
  await api.publish({ destination: '/topic/a', json: { b: [1, 2.5, null, '\u00e9'], a: { c: true } } });
  message = await client.expect('MESSAGE', { 'content-type': 'application/json' });
  assert.equal(message.body, '{"b":[1,2.5,null,"\u00e9"],"a":{"c":true}}');
  for (const json of [null, 'text', 12, false, []]) {
    await api.publish({ destination: '/topic/a', json });
    assert.equal((await client.expect('MESSAGE')).body, JSON.stringify(json));
  }
  const bytes = Buffer.from([0, 1, 0xff, 0xfe, 10, 13]);
  await api.publish({ destination: '/topic/a', base64: bytes.toString('base64'), contentType: 'image/png', headers: { 'x:y': 'a\nb', n: '1' } });
  message = await client.expect('MESSAGE', { 'content-type': 'image/png', 'x:y': 'a\nb', n: '1', 'content-length': bytes.length });
  assert.deepEqual(message.bytes, bytes);
  await api.publish({ destination: '/topic/a', base64: '' });
  assert.equal((await client.expect('MESSAGE')).bytes.length, 0);
  await api.publish({ destination: '/topic/a', body: '' });
  assert.equal((await client.expect('MESSAGE')).bytes.length, 0);
  await client.expectSilence(20);
});

test('a batch is in order, and all or nothing', async (t) => {
  const { server, api } = await world(t, { set: ['api.max-batch=200', 'limits.max-frame-size=2k', 'limits.max-header-size=1k', 'limits.max-headers=4'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  await client.subscribe('/topic/b');
  const all = Array.from({ length: 200 }, (_, i) => ({ destination: i % 3 ? '/topic/a' : '/topic/b', body: `${i}` }));
  assert.equal(await api.publish({ messages: all }), 200);
  const got = await client.messages(200);
  for (const topic of ['/topic/a', '/topic/b'])
    assert.deepEqual(got.filter((m) => m.headers.destination === topic).map((m) => m.body), all.filter((m) => m.destination === topic).map((m) => m.body));

  const good = { destination: '/topic/a', body: 'x' };
  const bad = [
    [400, 'bad-destination', 'destination', { destination: '/elsewhere', body: 'x' }],
    [400, 'bad-destination', 'destination', { destination: 'plugboard:control', body: 'x' }],
    [400, 'bad-destination', 'destination', { destination: '/user/alice', body: 'x' }],
    [400, 'bad-destination', 'destination', { user: 'alice', destination: '/user/queue/x', body: 'x' }],
    [400, 'bad-destination', 'destination', { destination: '/topic/a\n', body: 'x' }],
    [400, 'missing', 'destination', { body: 'x' }],
    [400, 'missing', 'body', { destination: '/topic/a' }],
    [400, 'bad-value', 'body', { destination: '/topic/a', body: 'x', json: 1 }],
    [400, 'bad-value', 'base64', { destination: '/topic/a', base64: 'A===' }],
    [400, 'bad-value', 'base64', { destination: '/topic/a', base64: 'AAA' }],
    [400, 'bad-value', 'base64', { destination: '/topic/a', base64: 'AA A' }],
    [400, 'bad-value', 'session', { user: 'a', session: 'b', destination: '/queue/x', body: 'x' }],
    [400, 'bad-value', 'headers', { ...good, headers: { 'message-id': '1' } }],
    [400, 'bad-type', 'headers', { ...good, headers: { a: 1 } }],
    [400, 'unknown-field', 'Body', { ...good, Body: 1 }],
    [413, 'too-large', '', { ...good, body: 'x'.repeat(3000) }],
    [413, 'too-large', '', { ...good, headers: { a: 'x'.repeat(1100) } }],
    [413, 'too-large', '', { ...good, headers: { a: '1', b: '2', c: '3', d: '4', e: '5' } }],
    [400, 'bad-type', '', 'text'],
  ];
  for (const [status, code, field, item] of bad) {
    await api.refused(status, code, `messages[2]${field && '.'}${field}`, 'publish', { messages: [good, good, item, good] });
    if (item !== 'text') await api.refused(status, code, field || undefined, 'publish', item);
  }
  await api.refused(413, 'too-large', 'messages', 'publish', { messages: [...all, good] });
  await api.refused(400, 'bad-value', 'messages', 'publish', { messages: [] });
  await api.refused(400, 'unknown-field', 'destination', 'publish', { destination: '/topic/a', messages: [good] });
  await client.expectSilence(50);
  const stats = await server.stats();
  assert.equal(stats.api_published, 200);
  assert.equal(stats.api_refused_batch, 1);
  assert.equal(stats.api_in_flight, 0);
});

test('publishing to a user reaches all sessions of the user, and nobody else', async (t) => {
  const { server, api } = await world(t);
  const alice = await Promise.all([1, 2, 3].map(() => stomp(server, as('al/ice', { t }))));
  const bob = await stomp(server, as('bob', { t }));
  for (const client of [...alice, bob]) await client.subscribe('/user/queue/x');
  await api.publish({ user: 'al/ice', destination: '/queue/x', body: 'all' });
  await api.publish({ destination: '/user/al%2Fice/queue/x', body: 'escaped' });
  for (const client of alice) {
    assert.equal((await client.expect('MESSAGE', { destination: '/user/queue/x' })).body, 'all');
    assert.equal((await client.expect('MESSAGE')).body, 'escaped');
  }
  await api.publish({ session: alice[1].session.headers.session, destination: '/queue/x', body: 'one' });
  assert.equal((await alice[1].expect('MESSAGE')).body, 'one');
  for (const client of [...alice, bob]) await client.expectSilence(20);
});

test('a request with an Idempotency-Key is done once', async (t) => {
  const { server, api } = await world(t, { set: ['api.idempotency-keys=3'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  const once = (key, body) => api.post('publish', body, { headers: { 'idempotency-key': key } });
  const one = { messages: [{ destination: '/topic/a', body: '1' }, { destination: '/topic/a', body: '2' }] };
  for (let i = 0; i < 3; i += 1) {
    const answer = await once('k1', one);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { published: 2 });
    assert.equal(answer.headers.get('idempotency-replayed'), i ? 'true' : null);
  }
  assert.deepEqual((await client.messages(2)).map((m) => m.body), ['1', '2']);
  // however many come at once, on whatever connection
  const many = await Promise.all(Array.from({ length: 20 }, () => once('k2', { destination: '/topic/a', body: 'once' })));
  assert.ok(many.every((answer) => answer.status === 200 || answer.status === 409));
  assert.equal(many.filter((answer) => answer.status === 200 && !answer.headers.get('idempotency-replayed')).length, 1);
  assert.equal((await client.messages(1))[0].body, 'once');
  await api.refused(422, 'key-reused', undefined, 'publish', { destination: '/topic/a', body: 'other' }, { headers: { 'idempotency-key': 'k2' } });
  // what was refused may be tried again with another body
  await api.refused(400, 'missing', 'body', 'publish', { destination: '/topic/a' }, { headers: { 'idempotency-key': 'k3' } });
  assert.equal((await once('k3', { destination: '/topic/a', body: '3' })).headers.get('idempotency-replayed'), null);
  assert.equal((await client.messages(1))[0].body, '3');
  // the oldest is forgotten
  assert.equal((await once('k4', { destination: '/topic/a', body: '4' })).status, 200);
  assert.equal((await once('k1', one)).headers.get('idempotency-replayed'), null);
  assert.deepEqual((await client.messages(3)).map((m) => m.body), ['4', '1', '2']);
  for (const key of ['', 'x'.repeat(256), 'a\u00e9'])
    await api.refused(400, 'bad-request', undefined, 'publish', { destination: '/topic/a', body: 'x' }, { headers: { 'idempotency-key': key } });
  await client.expectSilence(20);
  const stats = await server.stats();
  assert.equal(stats.api_remembered, 3);
  assert.ok(stats.api_forgotten >= 2);
  assert.ok(stats.api_repeated >= 2);
});

// --- sessions ---------------------------------------------------------------------------------

test('a user is disconnected, told why, and refused for a while', async (t) => {
  const { server, api } = await world(t);
  const mallory = await Promise.all([1, 2, 3].map(() => stomp(server, as('mallory', { t }))));
  const alice = await stomp(server, as('alice', { t }));
  await api.order('disconnect', { user: 'mallory', reason: 'spam: stop it', refuseSeconds: 3600 });
  for (const client of mallory) {
    const error = await client.expect('ERROR', { 'error-code': 'disconnected', message: 'spam: stop it' });
    assert.match(error.body, /^spam: stop it/);
    assert.equal((await client.waitForClose()).code, 4403);
  }
  for (const transport of ['websocket', 'websocket']) {
    await assert.rejects(stomp(server, as('mallory', { t, transport })), /"error-code":"refused".*spam: stop it/);
  }
  const again = await stomp(server, as('alice', { t }));
  await api.order('disconnect', { user: 'mallory', refuseSeconds: 1 });
  await until(() => stomp(server, as('mallory', { t })).catch(() => false), 'mallory is let in again');
  await alice.expectSilence(20);
  await again.expectSilence(20);
  const stats = await server.stats();
  assert.equal(stats.closed_disconnected, 3);
  assert.ok(stats.refused_users >= 2);
});

test('one session is disconnected, or loses a subscription', async (t) => {
  const { server, api } = await world(t, { set: ['destinations.patterns=on'] });
  const [one, two, bob] = await Promise.all(['alice', 'alice', 'bob'].map((name) => stomp(server, as(name, { t }))));
  for (const client of [one, two, bob]) {
    await client.subscribe('/topic/a', { id: 'a' });
    await client.subscribe('/topic/a', { id: 'a again' });
    await client.subscribe('/topic/*', { id: 'pattern' });
    await client.subscribe('/user/queue/x', { id: 'x' });
  }
  await api.order('unsubscribe', { session: one.session.headers.session, destination: '/topic/a', reason: 'not yours' });
  const errors = [await one.expect('ERROR', { 'error-code': 'unsubscribed', recoverable: 'false' }), await one.expect('ERROR')];
  assert.deepEqual(errors.map((e) => e.headers.message).sort(), ["subscription 'a again' was ended: not yours", "subscription 'a' was ended: not yours"]);
  await api.order('unsubscribe', { user: 'alice', destination: '/topic/*' });
  await one.expect('ERROR', { message: "subscription 'pattern' was ended" });
  await two.expect('ERROR', { message: "subscription 'pattern' was ended" });
  await api.order('unsubscribe', { user: 'alice', destination: '/user/queue/x' });
  await one.expect('ERROR', { message: "subscription 'x' was ended" });
  await two.expect('ERROR', { message: "subscription 'x' was ended" });
  await api.publish({ messages: [{ destination: '/topic/a', body: '1' }, { user: 'alice', destination: '/queue/x', body: '2' }] });
  assert.deepEqual((await two.messages(2)).map((m) => m.headers.subscription).sort(), ['a', 'a again']);
  assert.equal((await bob.messages(3)).length, 3);
  for (const client of [one, two, bob]) await client.expectSilence(20);
  // what is taken away may be subscribed to again, where the rules allow it
  await one.subscribe('/topic/a', { id: 'a' });
  await api.order('disconnect', { session: two.session.headers.session });
  await two.expectError(/disconnected by an operator/);
  await api.order('disconnect', { session: 'nobody' });
  for (const client of [one, bob]) await client.expectSilence(20);
  assert.equal((await server.stats()).subscriptions, 1 + 4 + 1);
});

test('where any ERROR ends the connection, the first subscription that is taken away is the last word', async (t) => {
  const { server, api } = await world(t, { tcp: true, set: ['tcp.recoverable=off'] });
  const client = await stomp(server, { t, transport: 'tcp', connect: { Authorization: 'alice' } });
  for (const id of ['a', 'b', 'c']) await client.subscribe('/topic/a', { id });
  await api.order('unsubscribe', { user: 'alice', destination: '/topic/a' });
  const error = await client.expectError(/subscription 'a' was ended/);
  assert.equal(error.headers.recoverable, undefined);
  assert.deepEqual(client.frames, []);
});

test('sessions over SockJS and TCP are disconnected, too, with or without a request that waits', async (t) => {
  const { server, api } = await world(t, { tcp: true });
  const tcp = await stomp(server, { t, transport: 'tcp', connect: { Authorization: 'alice' } });
  const poll = async (name, kind, body) => (await fetch(server.url(`/ws/000/${name}/${kind}`), { method: 'POST', body })).text();
  for (const name of ['waits', 'is-away']) {
    assert.equal(await poll(name, 'xhr'), 'o\n');
    await poll(name, 'xhr_send', JSON.stringify(['CONNECT\naccept-version:1.2\nhost:x\nAuthorization:alice\n\n\0']));
    assert.match(await poll(name, 'xhr'), /^a\["CONNECTED/);
  }
  const waiting = poll('waits', 'xhr');
  await until(async () => (await server.stats()).sessions === 3, 'three sessions');
  await api.order('disconnect', { user: 'alice', reason: 'bye' });
  await tcp.expectError(/bye/);
  assert.match(await within(waiting, 10000, 'the poll'), /^a\["ERROR\\nmessage:bye\\nerror-code:disconnected/);
  assert.match(await poll('is-away', 'xhr'), /^a\["ERROR\\nmessage:bye\\nerror-code:disconnected/);
  await until(async () => (await server.stats()).sessions === 0, 'no sessions');
  assert.equal((await server.stats()).closed_disconnected, 3);
});

test('orders that no session can be meant by are refused', async (t) => {
  const { api } = await world(t);
  await api.refused(400, 'missing', 'user', 'disconnect', {});
  await api.refused(400, 'bad-value', 'session', 'disconnect', { user: 'a', session: 'b' });
  await api.refused(400, 'bad-value', 'refuseSeconds', 'disconnect', { session: 'b', refuseSeconds: 5 });
  await api.refused(400, 'bad-value', 'refuseSeconds', 'disconnect', { user: 'b', refuseSeconds: 1e9 });
  await api.refused(400, 'bad-value', 'reason', 'disconnect', { user: 'b', reason: 'a\nb' });
  await api.refused(400, 'missing', 'destination', 'unsubscribe', { user: 'b' });
  await api.refused(400, 'unknown-field', 'refuseSeconds', 'unsubscribe', { user: 'b', destination: '/topic/a', refuseSeconds: 1 });
  const server = await start({ t, set: apiSet });
  const open = await apiOf(server);
  await open.refused(400, 'no-users', 'user', 'disconnect', { user: 'alice' });
  const client = await stomp(server, { t });
  await open.order('disconnect', { session: client.session.headers.session, reason: 'bye' });
  await client.expectError(/bye/);
});

test('nobody reaches the topic by which nodes tell each other', async (t) => {
  const { server, api } = await world(t, { set: ['destinations.patterns=on'] });
  const victim = await stomp(server, as('alice', { t }));
  const order = JSON.stringify({ version: 1, order: 'disconnect', user: 'alice' });
  for (const destination of ['plugboard:control', '/plugboard:control', ' plugboard:control', 'plugboard\\ccontrol']) {
    for (const command of ['SEND', 'SUBSCRIBE']) {
      const client = await stomp(server, as('mallory', { t }));
      client.frame(command, { destination, id: '1' }, command === 'SEND' ? order : '');
      await client.expectError();
    }
    await api.refused(400, 'bad-destination', 'destination', 'publish', { destination, body: order });
    if (!destination.startsWith('/')) await api.refused(400, 'bad-destination', 'destination', 'publish', { user: 'x', destination, body: order });
  }
  const spy = await stomp(server, as('mallory', { t }));
  for (const pattern of ['/topic/**', '/sub/**', '/queue/**']) await spy.subscribe(pattern);
  await api.order('disconnect', { user: 'nobody' });
  await spy.expectSilence(50);
  await victim.expectSilence(20);
  assert.equal((await server.stats()).api_bad_orders, 0);
});

test('who is in a room, as far as the broker knows', async (t) => {
  const config = `[destinations]
app = /pub
[app]
plugins = presence
[app.presence rooms]
watch = /topic/{room}/watch
linger = 0
`;
  const { server, api } = await world(t, { config, set: ['api.max-listed=2', 'api-key writer.secret=0123456789abcdef-writer'] });
  const there = async (path) => (await api.presence(path)).body;
  const nobody = { destination: '/topic/a/watch', users: 0, complete: true, list: [] };
  assert.deepEqual(await there('topic/a/watch'), nobody);
  const clients = await Promise.all(['alice', 'alice', 'b"o/b'].map((name) => stomp(server, as(name, { t }))));
  for (const client of clients) await client.subscribe('/topic/a/watch');
  const sorted = ({ list, ...rest }) => ({ ...rest, list: list.map(({ user }) => user).sort() });
  await until(async () => (await there('topic/a/watch')).users === 2, 'two users');
  for (const path of ['topic/a/watch', '%2Ftopic%2Fa%2Fwatch', '/topic/a/watch'])
    assert.deepEqual(sorted(await there(path)), { destination: '/topic/a/watch', users: 2, complete: true, list: ['alice', 'b"o/b'] });
  const carol = await stomp(server, as('carol', { t }));
  await carol.subscribe('/topic/a/watch');
  await until(async () => (await there('topic/a/watch')).users === 3, 'three users');
  const { list, ...rest } = await there('topic/a/watch');
  assert.deepEqual([rest, list.length], [{ destination: '/topic/a/watch', users: 3, complete: false }, 2]);
  for (const client of [carol, ...clients]) client.terminate();
  await until(async () => (await there('topic/a/watch')).users === 0, 'nobody');
  assert.deepEqual(await there('topic/a/watch'), nobody);

  const answer = await api.presence('topic/a/watch', { method: 'HEAD', check: false });
  assert.deepEqual([answer.status, answer.text], [200, '']);
  for (const [path, status] of [['elsewhere', 400], ['pub/a', 400], ['topic%00', 400], ['user/alice/queue/x', 400], [`topic/${'x'.repeat(2000)}`, 400]])
    assert.equal((await api.presence(path)).status, status, path);
  assert.equal((await api.presence('topic/a/watch', { key: '0123456789abcdef-writer' })).status, 403);
  assert.equal((await api.presence('topic/a/watch', { key: null })).status, 401);
  assert.equal((await api.request('presence/topic/a', { body: {}, check: false })).headers.get('allow'), 'GET, HEAD, OPTIONS');
  // many at once, and clients that do not wait for the answer
  const many = await Promise.all(Array.from({ length: 50 }, () => api.presence('topic/a/watch')));
  assert.ok(many.every(({ status }) => status === 200));
  for (let i = 0; i < 20; i += 1) {
    const socket = net.connect(server.httpPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET /api/presence/topic/a/watch HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: ${KEY}\r\n\r\n`, () => socket.destroy());
  }
  const text = await exchange(server.httpPort, [`GET /api/presence/topic/a/watch HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: ${KEY}\r\n\r\n`.repeat(20)], (so) => count(so, /"list":/g) === 20);
  assert.equal(count(text, /HTTP\/1\.1 200 OK/g), 20);
});

// --- keys -------------------------------------------------------------------------------------

test('without a key there is no API, and with one only for it', async (t) => {
  const off = await start({ t });
  for (const path of ['publish', 'openapi.json', 'disconnect']) {
    const answer = await fetch(off.url(`/api/${path}`), { method: 'POST', body: '{}' });
    assert.equal(answer.status, 404);
    await answer.text();
  }
  const { server, api } = await world(t, {
    set: ['api-key writer.secret=0123456789abcdef-writer'],
  });
  const body = { destination: '/topic/a', body: 'x' };
  await api.refused(401, 'no-key', undefined, 'publish', body, { key: null });
  await api.refused(401, 'no-key', undefined, 'publish', body, { key: null, headers: { authorization: `Basic ${KEY}` } });
  await api.refused(401, 'no-key', undefined, 'publish', body, { key: null, headers: { authorization: 'Bearer ' } });
  assert.equal((await api.post('publish', body, { key: null, headers: { 'x-api-key': KEY } })).status, 200);
  assert.equal((await api.post('publish', body, { key: null, headers: { authorization: `bEARER ${KEY}` } })).status, 200);
  await api.refused(400, 'bad-request', undefined, 'publish', body, { headers: { 'x-api-key': KEY } });
  assert.equal((await api.post('publish', body, { key: '0123456789abcdef-writer' })).status, 200);
  await api.refused(403, 'no-right', undefined, 'disconnect', { session: 'x' }, { key: '0123456789abcdef-writer' });
  for (const key of [`${KEY}x`, KEY.slice(0, -1), KEY.toUpperCase(), 'x', 'y'.repeat(8000)]) await api.refused(401, 'bad-key', undefined, 'publish', body, { key });
  assert.equal((await server.stats()).api_bad_keys, 8);
  assert.equal(server.log.some((line) => line.includes(KEY)), false);
});

test('an address that shows too many wrong keys is not looked at for a while', async (t) => {
  const { server, api } = await world(t, { set: ['api.max-failures=1', 'http.trusted-proxies=127.0.0.1'] });
  const body = { destination: '/topic/a', body: 'x' };
  const from = (address) => ({ 'x-forwarded-for': address });
  await api.refused(401, 'bad-key', undefined, 'publish', body, { key: 'wrong', headers: from('192.0.2.1') });
  const late = await api.refused(429, 'too-many-failures', undefined, 'publish', body, { key: 'another', headers: from('192.0.2.1') });
  assert.equal(late.headers.get('retry-after'), '60');
  await api.refused(429, 'too-many-failures', undefined, 'publish', body, { headers: from('192.0.2.1') });
  assert.equal((await api.post('publish', body, { headers: from('192.0.2.2') })).status, 200);
  // no key at all is no attempt
  for (let i = 0; i < 3; i += 1) await api.refused(401, 'no-key', undefined, 'publish', body, { key: null });
  assert.equal((await api.post('publish', body)).status, 200);
  assert.equal((await server.stats()).api_limited, 2);
});

test('keys come from the environment and from files, and bad ones stop the start', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-api-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'key');
  writeFileSync(file, 'from-a-file-0123456789\n');
  const config = `[api-key env]\nsecret = \${API_TEST_KEY}\n[api-key file]\nsecret-file = ${file}\nrights = publish, disconnect\n`;
  const server = await start({ t, config, env: { API_TEST_KEY: 'from-the-environment-1' } });
  const api = await apiOf(server, { key: 'from-a-file-0123456789' });
  await api.publish({ destination: '/topic/a', body: 'x' });
  await api.publish({ destination: '/topic/a', body: 'x' }, { key: 'from-the-environment-1' });
  for (const [text, expected] of [
    ['[api-key a]\n', /\[api-key a\] secret: is missing/],
    ['[api-key]\nsecret = 0123456789abcdef\n', /a key has a name/],
    ['[api-key a b]\nsecret = 0123456789abcdef\n', /a key has a name/],
    ['[api-key a]\nsecret = short\n', /shorter than 16/],
    ['[api-key a]\nsecret = 0123456789 abcdef\n', /a blank/],
    ['[api-key a]\nsecret = 0123456789abcdef\nrights = all\n', /rights: there are publish, disconnect and presence/],
    ['[api-key a]\nsecret = 0123456789abcdef\nrights =\n', /rights: is empty/],
    [`[api-key a]\nsecret = 0123456789abcdef\nsecret-file = ${file}\n`, /there is a secret already/],
    ['[api-key a]\nsecret-file = /nowhere/at/all\n', /secret-file: No such file/],
    ['[api-key a]\nsecret = 0123456789abcdef\n[api-key b]\nsecret = 0123456789abcdef\n', /that of another key/],
    ['[api-key a]\nsecret = 0123456789abcdef\n[api-key  a]\nsecret = 0123456789abcdeg\n', /given twice/],
    ['[api]\nlisten = 127.0.0.1:0\n', /would serve nobody/],
    ['[http]\nlisten =\n[tcp]\nlisten = 127.0.0.1:8090\n[api-key a]\nsecret = 0123456789abcdef\n', /\[api-key a\] opens nothing/],
    ['[api]\nmax-bdy = 1\n', /did you mean 'max-body'/],
    ['[http]\nlisten = 127.0.0.1:8090\n[api]\nlisten = 127.0.0.1:8090\n[api-key a]\nsecret = 0123456789abcdef\n', /\[api\] listen: .*listened on twice/],
  ]) {
    const path = join(dir, 'bad.ini');
    writeFileSync(path, text);
    const { code, stderr } = await run(['--check', '--config', path]);
    assert.equal(code, 78, `${text}${stderr}`);
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /0123456789abcde/);
    if (!/opens nothing/.test(stderr)) assert.match(stderr, /bad\.ini:\d+: /);
  }
});

test('a listener of its own serves the API and nothing else', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-api-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const socketPath = join(dir, 'api.sock');
  const server = await start({ t, set: [...apiSet, 'api.listen=127.0.0.1:0', `api.socket=${socketPath}`, 'server.workers=2'] });
  const [, port] = /http-api:\/\/127\.0\.0\.1:(\d+)/.exec(await server.waitForLine(/http-api:\/\/127/));
  const base = `http://127.0.0.1:${port}`;
  const api = await apiOf(server, { base });
  await api.publish({ destination: '/topic/a', body: 'x' });
  for (const [from, path, status] of [[base, '/', 404], [base, '/ws', 404], [base, '/ws/info', 404], [base, '/ready', 200],
    [server.url(''), '/api/openapi.json', 404], [server.url(''), '/api/publish', 404], [server.url(''), '/ready', 200]]) {
    const answer = await fetch(from + path);
    await answer.text();
    assert.equal(answer.status, status, from + path);
  }
  await assert.rejects(stomp({ httpPort: Number(port) }, { t }));
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  const overSocket = (path, body) => new Promise((done, broken) => {
    const request = http.request({ socketPath, path, method: 'POST', headers: { 'x-api-key': KEY, 'content-type': 'application/json' } }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => { text += chunk; }).on('end', () => done({ status: answer.statusCode, text }));
    });
    request.on('error', broken);
    request.end(JSON.stringify(body));
  });
  for (let i = 0; i < 10; i += 1)
    assert.deepEqual(await overSocket('/api/publish', { destination: '/topic/a', body: 'x' }), { status: 200, text: '{"published":1}\n' });
  // a second server does not take it away; one that follows a crash does
  const second = await start({ ready: false, set: [...apiSet, `api.socket=${socketPath}`] });
  assert.notEqual((await second.waitForExit()).code, 0);
  assert.match(second.tail(), /a server listens there/);
  await server.kill();
  const third = await start({ t, set: [...apiSet, `api.socket=${socketPath}`] });
  assert.equal((await overSocket('/api/publish', { destination: '/topic/a', body: 'x' })).status, 200);
  await third.stop();
  assert.throws(() => statSync(socketPath), /ENOENT/);
});

// --- HTTP -------------------------------------------------------------------------------------

// Sends bytes, and reads until the connection ends or done(text) is true.
function exchange(port, parts, done = () => false) {
  return within(new Promise((fulfil, broken) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text += chunk;
      if (done(text)) { socket.destroy(); fulfil(text); }
    });
    socket.on('error', broken);
    socket.on('end', () => { socket.destroy(); fulfil(text); });
    (async () => {
      for (const part of parts) {
        if (socket.destroyed) return;
        socket.write(part);
        await new Promise((next) => setTimeout(next, 5));
      }
    })();
  }), 10000, 'an exchange');
}

const head = (extra = '', path = '/api/publish') => `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: ${KEY}\r\ncontent-type: application/json\r\n${extra}\r\n`;
const sized = (body, extra = '') => head(`content-length: ${Buffer.byteLength(body)}\r\n${extra}`) + body;
const count = (text, pattern) => text.match(pattern)?.length ?? 0;

test('methods, types and paths', async (t) => {
  const { api, server } = await world(t);
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await api.request('publish', { method, check: false, ...(method === 'GET' || method === 'HEAD' ? {} : { body: {} }) }).catch((error) => error);
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.get('allow'), 'POST, OPTIONS');
    assert.equal(answer.text.length > 0, method !== 'HEAD');
  }
  const options = await api.request('publish', { method: 'OPTIONS', key: null, check: false, headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get('allow'), 'POST, OPTIONS');
  assert.equal([...options.headers.keys()].some((name) => name.startsWith('access-control')), false);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'multipart/form-data'])
    await api.refused(415, 'not-json', undefined, 'publish', '{"destination":"/topic/a","body":"x"}', { type });
  for (const type of ['application/json; charset=utf-8', 'Application/JSON'])
    assert.equal((await api.post('publish', { destination: '/topic/a', body: 'x' }, { type })).status, 200);
  for (const path of ['', 'publish/', 'publish/x', 'Publish', 'unknown', 'presence'])
    assert.equal((await api.request(path, { body: {}, check: false })).status, 404, path);
  const describe = await fetch(server.url('/api/openapi.json'), { method: 'HEAD' });
  assert.equal(describe.status, 200);
  assert.ok(Number(describe.headers.get('content-length')) > 1000);
  assert.equal((await api.request('openapi.json', { body: {}, check: false })).status, 405);
});

test('bodies: none, broken, deep, huge, in chunks, and one after the other', async (t) => {
  const { server, api } = await world(t, { set: ['api.max-body=64k', 'limits.max-frame-size=60k'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  for (const body of ['', '{', '[]', 'null', '"x"', '{"destination":"/topic/a","body":"x"}x', '{"destination":"/topic/a","destination":"/topic/a","body":"x"}',
    '{"destination":"/topic/a","body":"\\ud800"}', '{"destination":"/topic/a","json":1e999}', "{'destination':1}"])
    await api.refused(400, 'bad-json', undefined, 'publish', body);
  await api.refused(400, 'bad-json', undefined, 'publish', Buffer.from([0x7b, 0xff, 0x7d]));
  for (const depth of [3000, 30000])
    await api.refused(400, 'bad-json', undefined, 'publish', `{"destination":"/topic/a","json":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  await api.publish(`{"destination":"/topic/a","json":${'['.repeat(1000)}${']'.repeat(1000)}}`);
  await client.messages(1);

  // what is too large is refused before it has come, and as soon as it is too large
  const huge = await exchange(server.httpPort, [head('content-length: 1000000000\r\n')]);
  assert.match(huge, /^HTTP\/1\.1 413 [^]*connection: close[^]*"code":"too-large"/);
  const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
  assert.match(await exchange(server.httpPort, [head('transfer-encoding: chunked\r\n'), ...Array(20).fill(chunk)]), /^HTTP\/1\.1 413 [^]*"code":"too-large"/);
  assert.equal((await server.stats()).api_refused_body, 2);
  // and what comes without a key is not read at all
  assert.match(await exchange(server.httpPort, [head('content-length: 1000000000\r\n').replace(KEY, 'none')]), /^HTTP\/1\.1 401 [^]*connection: close/);

  const body = '{"destination":"/topic/a","body":"chunks"}';
  const bytes = [...body].map((c) => `1\r\n${c}\r\n`).join('');
  const done = (text) => /published/.test(text);
  await exchange(server.httpPort, [head('transfer-encoding: chunked\r\n') + bytes, '0\r\n\r\n'], done);
  await exchange(server.httpPort, [...sized(body)].map(String), done);
  assert.match(await exchange(server.httpPort, [sized(body, 'expect: 100-continue\r\n').replace(body, ''), body], done), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.deepEqual((await client.messages(3)).map((m) => m.body), ['chunks', 'chunks', 'chunks']);
  assert.match(await exchange(server.httpPort, [head('transfer-encoding: chunked\r\n'), 'xyz\r\n']), /^HTTP\/1\.1 400 [^]*"code":"bad-request"/);

  // pipelined, with errors among them, on one connection
  const n = 50;
  const all = Array.from({ length: n }, (_, i) => (i % 10 === 5 ? sized('{}') : sized(`{"destination":"/topic/a","body":"${i}"}`)));
  const text = await exchange(server.httpPort, [all.join('')], (so) => count(so, /HTTP\/1\.1 /g) === n && so.endsWith('}\n'));
  assert.equal(count(text, /HTTP\/1\.1 200 OK/g), n - 5);
  assert.equal(count(text, /HTTP\/1\.1 400 /g), 5);
  assert.deepEqual((await client.messages(n - 5)).map((m) => m.body), Array.from({ length: n }, (_, i) => `${i}`).filter((_, i) => i % 10 !== 5));
  assert.match(await exchange(server.httpPort, [sized(body, 'connection: close\r\n')]), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*published":1}\n$/);
  assert.match(await exchange(server.httpPort, [sized(body).replace('HTTP/1.1', 'HTTP/1.0')]), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close/);
  await client.messages(2);
  await client.expectSilence(20);
  assert.equal((await server.stats()).api_in_flight, 0);
});

test('a body that does not come is given up', async (t) => {
  const { server } = await world(t, { set: ['limits.connect-timeout=1s'] });
  assert.match(await exchange(server.httpPort, [head('content-length: 100\r\n'), '{']), /^HTTP\/1\.1 408 [^]*"code":"timeout"/);
});

test('a stopping server answers what it has begun', async (t) => {
  const { server, api } = await world(t, { set: ['server.drain-time=5s'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  let taken = 0;
  const publishing = (async () => {
    for (;;) {
      const answer = await api.post('publish', { destination: '/topic/a', body: `${taken}` }, { check: false }).catch(() => null);
      if (!answer) return;
      if (answer.status !== 200) { assert.equal(answer.status, 503); return; }
      taken += 1;
    }
  })();
  await until(() => taken > 20, 'some messages');
  await server.stop();
  await publishing;
  const got = client.frames.filter((frame) => frame.command === 'MESSAGE').map((frame) => frame.body);
  assert.deepEqual(got.slice(0, taken), Array.from({ length: taken }, (_, i) => `${i}`));
});

// --- the documentation ------------------------------------------------------------------------

test('the curl lines of docs/api.md do what it says', async (t) => {
  const { server } = await world(t);
  const client = await stomp(server, as('alice', { t }));
  await client.subscribe('/topic/news');
  await client.subscribe('/user/queue/notes');
  const text = readFileSync(join(root, 'docs/api.md'), 'utf8');
  const blocks = [...text.matchAll(/```sh\n([^]*?)```\n\n```(?:json|text)\n([^]*?)```/g)];
  assert.ok(blocks.length >= 5, `${blocks.length} examples`);
  for (const [, command, expected] of blocks) {
    const { stdout } = await promisify(execFile)('sh', ['-c', command], {
      env: { ...process.env, KEY, API: server.url('') }, timeout: 60000,
    });
    assert.equal(stdout.trim(), expected.trim(), command);
  }
});
