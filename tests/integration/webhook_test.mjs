// app-webhook against a real HTTP backend: what it is asked, what its answers do, and a backend that
// stalls, lies, sends HTML, redirects, closes, dies and comes back.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { startBackend } from './lib/backend.mjs';
import { build, root, run, sleep, start, until } from './lib/server.mjs';
import { encode, stomp } from './lib/stomp.mjs';

const SECRET = 'a secret of more than 24 bytes';
const auth = [`auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`, 'auth.anonymous=on'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });

// A server with one hook, whose keys these are; own: of [app.webhook]; more: further sections.
const configOf = (url, hook = {}, own = {}, more = '') => `[destinations]
broker = /topic, /queue
client-send =
app = /pub
[app]
plugins = webhook
timeout = 60s
[app.webhook]
secret = ${SECRET}
timeout = 30s
${Object.entries(own).map(([k, v]) => `${k} = ${v}\n`).join('')}
[app.webhook hook]
url = ${url}
send = /x/{id}
${Object.entries(hook).map(([k, v]) => `${k} = ${v}\n`).join('')}${more}`;

async function setUp(t, { answer, hook, own, more, set = [], tls, secret = SECRET, env } = {}) {
  const backend = await startBackend({ t, secret, answer, tls });
  const server = await start({ t, config: configOf(backend.url, hook, own, more), set: [...auth, ...set], env });
  return { backend, server };
}

// What becomes of a SEND: 'taken' or 'code: message'.
async function outcome(client, destination = '/pub/x/1', body = 'hello', headers = {}) {
  const receipt = client.nextReceipt();
  client.frame('SEND', { destination, receipt, ...headers }, body);
  return resultOf(client, receipt);
}
async function resultOf(client, receipt) {
  const frame = await client.when(() => {
    const at = client.frames.findIndex((f) => f.headers['receipt-id'] === receipt);
    return at < 0 ? undefined : client.frames.splice(at, 1)[0];
  }, 30000, `what becomes of ${receipt}`);
  if (frame.command === 'RECEIPT') return 'taken';
  assert.equal(frame.headers.recoverable, 'true');
  return `${frame.headers['error-code']}: ${frame.headers.message}`;
}
const UNAVAILABLE = 'unavailable: the application is unavailable, try again later';
const LATE = 'timeout: the application did not answer in time';
const BAD = 'bad-answer: the application gave an answer that is not understood';

test('what a backend is asked, and what its answers do', async (t) => {
  let next;
  const { backend, server } = await setUp(t, { answer: () => next, hook: { subscribe: '/x/{id}, /y' } });
  const client = await stomp(server, as('kim;roles=a|b;claim.name=김 "K";claim.list=1;claim.list=2', { t }));
  const nobody = await stomp(server, { t });
  await nobody.subscribe('/topic/x/1', { id: 'n' });
  await client.subscribe('/user/queue/answers', { id: 'r' });
  next = { publish: [
    { destination: '/topic/x/1', body: 'one' },
    { destination: '/topic/x/1', json: { a: [1, 0.1, '김', null] }, headers: { colour: 'red', destination: '/evil' } },
    { destination: '/topic/x/1', base64: Buffer.from([0, 255, 1]).toString('base64'), contentType: 'image/x' },
    { destination: '/topic/x/1' },
    { destination: '/user/kim/queue/answers', body: 'to kim' },
  ], reply: { destination: '/queue/answers', body: 'reply', contentType: 'text/x' } };
  assert.equal(await outcome(client, '/pub/x/1', 'héllo', { 'content-type': 'text/plain', custom: 'a:b', Authorization: 'tok', passcode: 'p', login: 'l' }), 'taken');
  const [one, two, three, four] = await nobody.messages(4);
  assert.deepEqual([one.body, one.headers['content-type']], ['one', 'text/plain;charset=utf-8']);
  assert.deepEqual([two.body, two.headers['content-type'], two.headers.colour, two.headers.destination], ['{"a":[1,0.1,"김",null]}', 'application/json', 'red', '/topic/x/1']);
  assert.deepEqual([[...three.bytes], three.headers['content-type']], [[0, 255, 1], 'image/x']);
  assert.deepEqual([four.body, four.headers['content-type']], ['', undefined]);
  const own = await client.messages(2);
  assert.deepEqual(own.map((m) => m.body).sort(), ['reply', 'to kim']);

  const [{ headers_: http, at, id, time, session, ...event }] = backend.events;
  assert.deepEqual(event, {
    type: 'send', hook: 'hook', node: event.node,
    user: { name: 'kim', roles: ['a', 'b'], claims: { name: '김 "K"', list: ['1', '2'] } },
    destination: '/pub/x/1', path: '/x/1', variables: { id: '1' },
    headers: { destination: '/pub/x/1', receipt: event.headers.receipt, 'content-type': 'text/plain', custom: 'a:b' },
    contentType: 'text/plain', body: 'héllo',
  });
  assert.equal(session, client.session.headers.session);
  assert.ok(Math.abs(time - at) < 600000);
  assert.match(id, /^[0-9a-f]{32}-\d+$/);
  assert.match(http['user-agent'], /^plugboard/);

  next = { error: { code: 'no-swearing', message: 'not here, please' } };
  await client.subscribe('/user/queue/errors', { id: 'e' });
  nobody.raw(encode('SEND', { destination: '/pub/x/2', receipt: 'bytes', 'content-length': 2 }, Buffer.from([255, 0])), { binary: true });
  assert.equal(await resultOf(nobody, 'bytes'), 'no-swearing: not here, please');
  assert.equal(backend.events[1].user, null);
  assert.equal(backend.events[1].base64, '/wA=');
  assert.equal(backend.events[1].body, undefined);
  client.send('/pub/x/2', '');
  assert.deepEqual(JSON.parse((await client.expect('MESSAGE', { subscription: 'e' })).body), { destination: '/pub/x/2', code: 'no-swearing', message: 'not here, please' });
  next = { error: { code: 'x' } };
  assert.equal(await outcome(client), 'x: the application refused it');
  await client.expect('MESSAGE', { subscription: 'e' });
  next = {};
  assert.equal(await outcome(client), 'taken');
  backend.mode = 'no-content';
  assert.equal(await outcome(client), 'taken');

  // SUBSCRIBEs are answered once, or refused
  backend.mode = 'ok';
  next = { reply: { json: { room: 1 } } };
  client.frame('SUBSCRIBE', { id: 's', destination: '/pub/y', receipt: 'rs' });
  const reply = await client.expect('MESSAGE', { subscription: 's', destination: '/pub/y', 'content-type': 'application/json' });
  assert.equal(reply.body, '{"room":1}');
  await client.receipt('rs');
  assert.equal(backend.events.at(-1).type, 'subscribe');
  next = { error: { code: 'members-only', message: 'members only' } };
  client.frame('SUBSCRIBE', { id: 's2', destination: '/pub/x/9', receipt: 'rs2' });
  assert.equal(await resultOf(client, 'rs2'), 'members-only: members only');
  assert.equal(new Set(backend.events.map((e) => e.id)).size, backend.events.length);
  assert.equal(backend.connections, 1); // one after the other, on a connection that is kept
});

test('the receipt waits for the answer and for the broker', async (t) => {
  const { backend, server } = await setUp(t, { answer: () => ({ publish: [{ destination: '/topic/a', body: 'x' }] }) });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a', { id: 'a' });
  backend.mode = 'stall';
  client.send('/pub/x/1', 'x', { receipt: 'r' });
  await until(() => backend.held.length === 1, 'the request');
  await client.expectSilence(50);
  backend.release();
  assert.deepEqual([(await client.next()).command, (await client.next()).command].sort(), ['MESSAGE', 'RECEIPT']);
});

test('with @stomp/stompjs: a subscription, a message, its receipt, an error for the sender', async (t) => {
  const { server } = await setUp(t, {
    answer: (e) => (e.body === 'no' ? { error: { code: 'no', message: 'no' } } : { publish: [{ destination: '/topic/a', body: e.body }] }),
  });
  const client = new Client({
    reconnectDelay: 0, heartbeatIncoming: 0, heartbeatOutgoing: 0,
    webSocketFactory: () => new WebSocket(server.url('/ws', 'ws'), ['v12.stomp'], { perMessageDeflate: false }),
  });
  t.after(() => client.deactivate({ force: true }));
  const heard = [], errors = [], stompErrors = [], receipts = [];
  client.onStompError = (frame) => stompErrors.push(frame.headers);
  client.onConnect = () => {
    client.subscribe('/topic/a', (message) => heard.push(message.body), { receipt: 's' });
    client.subscribe('/user/queue/errors', (message) => errors.push(JSON.parse(message.body)));
  };
  client.onUnhandledReceipt = (frame) => receipts.push(frame.headers['receipt-id']);
  client.activate();
  await until(() => receipts.includes('s'), 'the subscription');
  client.publish({ destination: '/pub/x/1', body: 'yes', headers: { receipt: 'r1' } });
  await until(() => receipts.includes('r1') && heard.length === 1, 'the message');
  client.publish({ destination: '/pub/x/1', body: 'no', headers: { receipt: 'r2' } });
  await until(() => stompErrors.length === 1 && stompErrors[0]['receipt-id'] === 'r2', 'the refusal');
  assert.deepEqual(stompErrors[0]['error-code'], 'no');
  client.publish({ destination: '/pub/x/1', body: 'still here', headers: { receipt: 'r3' } });
  await until(() => receipts.includes('r3') && heard.length === 2, 'the connection that stayed open');
  assert.deepEqual(heard, ['yes', 'still here']);
  assert.equal(receipts.includes('r2'), false);
});

test('every wrong answer is an error for the sender and a line in the log, and publishes nothing', async (t) => {
  const good = { destination: '/topic/a', body: 'x' };
  const { backend, server } = await setUp(t, {
    answer: () => ({ publish: [good] }),
    own: { 'breaker-failures': 1000, 'max-answer': '64k', 'max-messages': 3, 'keep-alive': '60s' },
  });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a', { id: 'a' });
  assert.equal(await outcome(client), 'taken');
  await client.expect('MESSAGE');
  let asked = backend.events.length;
  const lines = async (pattern, from) => server.waitForLine(pattern, { from });
  const bad = (raw) => ['raw', BAD, typeof raw === 'string' ? raw : JSON.stringify(raw)];
  for (const [mode, expected, raw] of [
    ['html', BAD], ['type', BAD], ['garbage', BAD], ['empty', BAD], ['redirect', BAD], ['huge', BAD], ['deep', BAD], ['twice', BAD],
    ['status-201', BAD], ['status-404', BAD], ['status-401', BAD], ['status-500', UNAVAILABLE], ['status-503', UNAVAILABLE], ['status-429', UNAVAILABLE],
    ['cut', UNAVAILABLE], ['half', UNAVAILABLE], ['lies', UNAVAILABLE], ['noise', UNAVAILABLE],
    bad('[]'), bad('7'), bad('null'), bad('{"a":1e999}'), bad('{"publish":[{"destination":"/topic/a","body":"\\u0000"}]}'),
    bad({ publish: good }), bad({ publish: [7] }), bad({ publish: [good], more: 1 }), bad({ publish: [{ ...good, more: 1 }] }),
    bad({ publish: [good, { body: 'no destination' }] }), bad({ publish: [good, { destination: 7 }] }),
    bad({ publish: [good, { destination: '/pub/x/1', body: 'a loop' }] }), bad({ publish: [good, { destination: '/nowhere/a' }] }),
    bad({ publish: [good, { destination: '/user/only' }] }), bad({ publish: [good, { destination: '/topic/\u0001' }] }),
    bad({ publish: [good, { destination: `/topic/${'a'.repeat(3000)}` }] }),
    bad({ publish: [good, { ...good, base64: '' }] }), bad({ publish: [good, { destination: '/topic/a', base64: 'A' }] }),
    bad({ publish: [good, { ...good, headers: { a: 1 } }] }), bad({ publish: [good, { ...good, headers: [] }] }),
    bad({ publish: [good, { ...good, contentType: 7 }] }), bad({ publish: [good, good, good, good] }),
    bad({ publish: [good], error: { code: 'x' } }), bad({ error: 'x' }), bad({ error: {} }), bad({ error: { code: 'No' } }),
    bad({ error: { code: 'x', message: 7 } }), bad({ error: { code: 'x', message: 'x'.repeat(251) } }),
    bad({ publish: [good], reply: { body: 'no destination' } }), bad({ reply: [] }),
    bad({ publish: [good, { destination: '/topic/a', body: 'x'.repeat(1 << 16) }] }),
  ]) {
    const from = server.log.length;
    backend.mode = mode;
    backend.raw = raw;
    assert.equal(await outcome(client), expected, `${mode} ${raw}`);
    asked += 1;
    assert.equal(backend.events.length, asked, `${mode}: asked once, and never again`);
    if (mode === 'html') await lines(/warn app\.webhook: hook 'hook': the SEND [0-9a-f-]+ of '\/pub\/x\/1' failed \(attempt 1\): answered with status 200, text\/html: <!DOCTYPE html>/, from);
  }
  await client.expectSilence(50);
  await sleep(1100); // the log's limit is one line a second
  backend.mode = 'redirect';
  const from = server.log.length;
  await outcome(client);
  await lines(/failed .*status 307, and redirects are not followed, text\/plain: elsewhere \(\d+ more before, not reported\)/, from);
  backend.mode = 'ok';
  assert.equal(await outcome(client), 'taken');
  const stats = await server.stats();
  assert.equal(stats['app.webhook.in_flight'], 0);
  assert.equal(stats['app.webhook.queued'], 0);
  assert.equal(stats['app.webhook.queued_bytes'], 0);
  assert.ok(stats['app.webhook.bad_answers'] > 30);
  assert.equal(stats['app.webhook.retries'], 0);
});

test('a message over the limits of the server, behind a good one: none is published', async (t) => {
  const { backend, server } = await setUp(t, {
    answer: () => ({ publish: [{ destination: '/topic/a', body: 'x' }, { destination: '/topic/a', body: 'y'.repeat(5000) }] }),
    set: ['limits.max-frame-size=4k', 'limits.max-header-size=1k'],
  });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a', { id: 'a' });
  assert.equal(await outcome(client), BAD);
  await server.waitForLine(/the message to '\/topic\/a' is over a limit of the server/);
  await client.expectSilence(50);
  assert.equal(backend.events.length, 1);
});

test('a reply to a SUBSCRIBE has the destination of that, whole, also when limits are checked', async (t) => {
  const { server } = await setUp(t, {
    hook: { subscribe: '/y/{id}' },
    answer: () => ({ publish: [{ destination: '/topic/a', body: 'x' }], reply: { body: 'y'.repeat(3700) } }),
    set: ['limits.max-frame-size=4k', 'limits.max-header-size=1k'],
  });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a', { id: 'a' });
  const subscribe = (destination, receipt) => {
    client.frame('SUBSCRIBE', { id: receipt, destination, receipt });
    return resultOf(client, receipt);
  };
  assert.equal(await subscribe(`/pub/y/${'김'.repeat(150)}`, 'long'), BAD);
  await server.waitForLine(/the SUBSCRIBE \S+ of '\/pub\/y\/\?+\.\.\.' failed .*: the message to '\/pub\/y\/\?+' is over a limit/);
  await client.expectSilence(50);
  assert.equal(await subscribe('/pub/y/김', 'short'), 'taken');
});

test('a backend that is silent: the time is over, the answer that comes late does nothing', async (t) => {
  const { backend, server } = await setUp(t, {
    answer: () => ({ publish: [{ destination: '/topic/a', body: 'late' }] }), hook: { timeout: '1s' },
  });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a', { id: 'a' });
  for (const mode of ['stall', 'trickle']) {
    backend.mode = mode;
    assert.equal(await outcome(client), LATE);
  }
  backend.release();
  await client.expectSilence(100);
  await server.waitForLine(/hook 'hook': the SEND \S+ of '\/pub\/x\/1' failed \(attempt 1\): not answered in time/);
});

test('[app] timeout ends what waits longer, in the queue and under way', async (t) => {
  const { backend, server } = await setUp(t, { hook: { concurrency: 1, order: 'none' }, set: ['app.timeout=400ms'] });
  const client = await stomp(server, { t });
  backend.mode = 'stall';
  const all = await Promise.all([outcome(client), outcome(client)]);
  for (const each of all) assert.equal(each, LATE);
  await until(async () => (await server.stats())['app.webhook.queued'] === 0, 'nothing waiting');
  backend.mode = 'ok';
  await until(async () => (await outcome(client)) === 'taken', 'an answer in time');
});

test('order: of a session by default, of a destination, or none; and no more at a time than allowed', async (t) => {
  const more = (url) => `[app.webhook d]\nurl = ${url}\nsend = /d/{id}\norder = destination\n[app.webhook n]\nurl = ${url}\nsend = /n/{id}\norder = none\nconcurrency = 3\n`;
  const backend = await startBackend({ t, secret: SECRET });
  const server = await start({ t, config: configOf(backend.url, {}, {}, more(backend.url)), set: auth });
  const [a, b] = [await stomp(server, { t }), await stomp(server, { t })];
  // Each is answered after the one before it has been waited for; what overtakes would be seen.
  backend.mode = 'stall';
  const asked = (from) => backend.events.slice(from).map((e) => e.body);
  for (const [prefix, first, second] of [
    ['/pub/x/', ['a1', 'b1'], ['a2', 'b2']], // each session one
    ['/pub/d/', ['a1'], ['a2']], // one destination
  ]) {
    const from = backend.events.length;
    const results = [outcome(a, `${prefix}1`, 'a1'), outcome(a, `${prefix}1`, 'a2')];
    await until(() => asked(from).length === 1, 'the first');
    results.push(outcome(b, `${prefix}1`, 'b1'), outcome(b, `${prefix}1`, 'b2'));
    await until(() => asked(from).length >= first.length, 'those that do not wait for each other');
    await sleep(100);
    assert.deepEqual(asked(from).sort(), first);
    backend.release();
    await until(() => asked(from).length >= first.length + second.length, 'the next');
    await sleep(50);
    assert.deepEqual(asked(from).slice(first.length).sort(), second);
    while (asked(from).length < 4 || backend.held.length) { backend.release(); await sleep(10); }
    assert.deepEqual(await Promise.all(results), Array(4).fill('taken'));
    assert.ok(asked(from).indexOf('a1') < asked(from).indexOf('a2'));
    assert.ok(asked(from).indexOf('b1') < asked(from).indexOf('b2'));
  }
  const from = backend.events.length;
  backend.mostInFlight = 0;
  const results = Array.from({ length: 10 }, (_, i) => outcome(a, '/pub/n/1', `n${i}`));
  await until(() => backend.held.length === 3, 'three at a time');
  await sleep(100);
  assert.equal(asked(from).length, 3);
  while (asked(from).length < 10 || backend.held.length) { backend.release(); await sleep(10); }
  assert.deepEqual(await Promise.all(results), Array(10).fill('taken'));
  assert.equal(backend.mostInFlight, 3);
});

test('queues have limits: in numbers, in bytes', async (t) => {
  const { backend, server } = await setUp(t, { hook: { order: 'none', concurrency: 1, queue: 2, 'queue-size': '4k' } });
  const client = await stomp(server, { t });
  backend.mode = 'stall';
  const first = outcome(client);
  await until(() => backend.held.length === 1, 'the first');
  const waiting = [outcome(client), outcome(client)];
  assert.equal(await outcome(client), 'busy: too much waits for the application, try again later');
  backend.mode = 'ok';
  backend.release();
  assert.deepEqual(await Promise.all([first, ...waiting]), ['taken', 'taken', 'taken']);
  assert.equal(await outcome(client, '/pub/x/1', 'x'.repeat(5000)), 'busy: too much waits for the application, try again later');
  assert.equal((await server.stats())['app.webhook.refused_busy'], 2);
  await server.waitForLine(/hook 'hook': refused a request: 2 wait already/);
});

test('the circuit breaker opens, refuses at once, lets one try, and closes', async (t) => {
  const { backend, server } = await setUp(t, { hook: { 'breaker-failures': 3, 'breaker-pause': '1s', order: 'none', concurrency: 1 } });
  const client = await stomp(server, { t });
  backend.mode = 'status-500';
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(client), UNAVAILABLE);
  backend.mode = 'ok';
  assert.equal(await outcome(client), 'taken'); // not in a row
  backend.mode = 'stall';
  // The third failure takes those along that wait behind it.
  const all = [1, 2, 3, 4, 5].map(() => outcome(client));
  await until(() => backend.held.length === 1, 'the first of them');
  backend.mode = 'status-500';
  backend.held.splice(0);
  for (const socket of backend.sockets) socket.destroy();
  assert.deepEqual(await Promise.all(all), Array(5).fill(UNAVAILABLE));
  await server.waitForLine(/error app\.webhook: hook 'hook': the circuit breaker opens after 3 failures in a row: nobody asks http/);
  let asked = backend.events.length;
  let stats = await server.stats();
  assert.equal(stats['app.webhook.breakers_open'], 1);
  assert.equal(stats['app.webhook.breaker_opened'], 1);
  assert.equal(stats['app.webhook.refused_open'], 2);
  // Within the pause nobody is asked; then one is, and fails.
  await until(async () => { await outcome(client); return backend.events.length > asked; }, 'a trial');
  assert.ok(backend.events.at(-1).at - backend.events.at(-2).at >= 900);
  await server.waitForLine(/the trial has failed, the circuit breaker stays open/);
  await until(async () => {
    asked = backend.events.length;
    assert.equal(await outcome(client), UNAVAILABLE);
    return backend.events.length === asked;
  }, 'a refusal without a trial');
  backend.mode = 'ok';
  await until(async () => (await outcome(client)) === 'taken', 'a trial that is answered');
  await server.waitForLine(/info app\.webhook: hook 'hook': the trial was answered, the circuit breaker closes/);
  stats = await server.stats();
  assert.equal(stats['app.webhook.breakers_open'], 0);
  assert.ok(stats['app.webhook.refused_open'] > 0);
  assert.equal(await outcome(client), 'taken');
});

// The call of the second SEND has what the first has left over of its time, and is not answered in it.
test('the circuit breaker: a call that is late because its SEND had waited does not count', async (t) => {
  const { backend, server } = await setUp(t, { hook: { 'breaker-failures': 1 }, set: ['app.timeout=5s'] });
  const client = await stomp(server, { t });
  backend.mode = 'stall';
  const first = outcome(client);
  await until(() => backend.held.length === 1, 'the first');
  const second = outcome(client);
  await sleep(500);
  backend.release();
  assert.equal(await first, 'taken');
  assert.equal(await second, LATE);
  const stats = await server.stats();
  assert.equal(stats['app.webhook.timeouts'], 1);
  assert.equal(stats['app.webhook.breaker_opened'], 0);
  // One that was asked at once had all the time that there is, although timeout is longer.
  assert.equal(await outcome(client), LATE);
  assert.equal((await server.stats())['app.webhook.breaker_opened'], 1);
});

test('the circuit breaker: a trial that has little time left, and is late, has failed', async (t) => {
  const { backend, server } = await setUp(t, { hook: { 'breaker-failures': 1, 'breaker-pause': '10ms' }, set: ['app.timeout=5s'] });
  const client = await stomp(server, { t });
  const other = await stomp(server, { t });
  backend.mode = 'stall';
  const first = outcome(client);
  await until(() => backend.held.length === 1, 'the first');
  backend.mode = 'status-500';
  assert.equal(await outcome(other), UNAVAILABLE);
  await server.waitForLine(/the circuit breaker opens/);
  await sleep(500); // beyond the pause
  const second = outcome(client); // behind the first
  await sleep(500);
  backend.mode = 'stall';
  backend.release();
  assert.equal(await first, 'taken');
  assert.equal(await second, LATE);
  await server.waitForLine(/the trial has failed, the circuit breaker stays open/);
  backend.mode = 'ok';
  await until(async () => (await outcome(client)) === 'taken', 'a trial that is answered');
});

test('a backend that says no is one that works', async (t) => {
  const { backend, server } = await setUp(t, { hook: { 'breaker-failures': 1 } });
  const client = await stomp(server, { t });
  backend.mode = 'status-403';
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(client), BAD);
  assert.equal(backend.events.length, 3);
});

test('SENDs are never sent twice, unless retry = all: then with the same id', async (t) => {
  const more = (url) => `[app.webhook again]\nurl = ${url}\nsend = /again/{id}\nretry = all\nretry-delay = 20ms\nretries = 3\nbreaker-failures = 1000\n`;
  const backend = await startBackend({ t, secret: SECRET });
  const server = await start({ t, config: configOf(backend.url, { 'breaker-failures': 1000, 'keep-alive': '60s' }, {}, more(backend.url)), set: auth });
  const client = await stomp(server, { t });
  assert.equal(await outcome(client), 'taken'); // the connection is kept, and breaks then
  backend.mode = 'cut';
  for (let i = 0; i < 3; i += 1) {
    const asked = backend.events.length;
    assert.equal(await outcome(client), UNAVAILABLE);
    assert.equal(backend.events.length, asked + 1);
    backend.mode = 'ok';
    assert.equal(await outcome(client), 'taken');
    backend.mode = 'cut';
  }
  let n = 0;
  const from = backend.events.length;
  backend.mode = () => { n += 1; return n < 3 ? 'status-503' : 'ok'; };
  assert.equal(await outcome(client, '/pub/again/1'), 'taken');
  assert.equal(backend.events.length, from + 3);
  assert.equal(new Set(backend.events.slice(from).map((e) => e.id)).size, 1);
  backend.mode = 'status-503';
  assert.equal(await outcome(client, '/pub/again/1'), UNAVAILABLE);
  assert.equal(backend.events.length, from + 3 + 4);
});

const watch = (url, keys = '') => `[app.webhook w]\nurl = ${url}\nwatch = /topic/w/{id}\nevents = subscribed, unsubscribed, disconnected\nretry-delay = 30ms\nretries = 50\n${keys}`;

test('events: told in order, published from, repeated with the same id until the backend is back', async (t) => {
  const backend = await startBackend({ t, secret: SECRET, answer: (e) => (e.hook === 'w' && e.destination ? { publish: [{ destination: e.destination, json: { type: e.type, who: e.user?.name ?? null } }] } : {}) });
  const server = await start({ t, config: configOf(backend.url, {}, {}, watch(backend.url, 'breaker-failures = 5\nbreaker-pause = 100ms\n')), set: auth });
  const client = await stomp(server, as('kim', { t }));
  await client.subscribe('/topic/w/1', { id: 'w1' });
  assert.equal((await client.expect('MESSAGE')).body, '{"type":"subscribed","who":"kim"}');
  const [{ headers_, at, id, time, session, node, ...event }] = backend.events;
  assert.deepEqual(event, { type: 'subscribed', hook: 'w', user: { name: 'kim', roles: [], claims: {} }, destination: '/topic/w/1', subscription: 'w1', variables: { id: '1' } });
  await client.unsubscribe('w1');
  await until(() => backend.events.length === 2, 'the second');
  assert.equal(backend.events[1].type, 'unsubscribed');

  // Down: clients are served all the same, and all is told when it is back, each in its order.
  const port = backend.port;
  await backend.die();
  const others = await Promise.all(['a', 'b', 'c'].map((name) => stomp(server, as(name, { t }))));
  for (const other of others) {
    const sub = await other.subscribe('/topic/w/2');
    await other.unsubscribe(sub);
    await other.subscribe('/topic/w/3');
    await other.disconnect();
  }
  await server.waitForLine(/hook 'w': the circuit breaker opens after 5 failures in a row/);
  backend.mode = (e) => { // and is not quite well at first
    e.tries = backend.events.filter((other) => other.id === e.id).length;
    return e.tries < 3 ? ['cut', 'status-500', 'html'][e.tries] ?? 'ok' : 'ok';
  };
  await backend.start(port);
  const done = () => backend.events.slice(2).filter((e) => e.tries >= 3);
  await until(() => done().length === 15, 'all that was missed', 30000);
  await sleep(100);
  assert.equal(done().length, 15);
  for (const name of ['a', 'b', 'c']) {
    const own = done().filter((e) => e.user.name === name);
    assert.deepEqual(own.map((e) => `${e.type} ${e.destination}`), [
      'subscribed /topic/w/2', 'unsubscribed /topic/w/2', 'subscribed /topic/w/3', 'unsubscribed /topic/w/3', 'disconnected undefined',
    ]);
  }
  await until(async () => (await server.stats())['app.webhook.queued'] === 0, 'nothing waiting');
  const stats = await server.stats();
  assert.equal(stats['app.webhook.events_lost'], 0);
  assert.equal(stats['app.webhook.breakers_open'], 0);
});

test('what waits behind an event that is to be asked again, with a breaker whose pause is over, costs nothing', async (t) => {
  const backend = await startBackend({ t, secret: SECRET });
  const keys = watch(backend.url, 'breaker-failures = 1\nbreaker-pause = 10ms\n').replace('retry-delay = 30ms', 'retry-delay = 3s');
  const server = await start({ t, config: configOf(backend.url, {}, {}, keys), set: auth });
  const client = await stomp(server, { t });
  backend.mode = 'status-500';
  await client.subscribe('/topic/w/1');
  await client.subscribe('/topic/w/2'); // of the same lane
  await server.waitForLine(/hook 'w': the circuit breaker opens/);
  await sleep(100);
  assert.equal(backend.events.length, 1);
  const before = server.cpu();
  await sleep(1500);
  const used = server.cpu() - before;
  assert.ok(used < 0.3, `${used} s of CPU in 1.5 s of waiting`);
  backend.mode = 'ok';
  await until(() => backend.events.length === 3, 'both', 20000);
  assert.deepEqual(backend.events.map((e) => e.destination), ['/topic/w/1', '/topic/w/1', '/topic/w/2']);
});

test('events that nobody takes are lost after so many attempts, and counted', async (t) => {
  const backend = await startBackend({ t, secret: SECRET });
  const server = await start({ t, config: configOf(backend.url, {}, {}, watch(backend.url).replace('retries = 50', 'retries = 2\nqueue = 3')), set: auth });
  const client = await stomp(server, { t });
  backend.mode = 'status-500';
  await client.subscribe('/topic/w/1');
  await server.waitForLine(/error app\.webhook: hook 'w': the event \S+ of '\/topic\/w\/1' is lost: answered with status 500/);
  assert.equal(backend.events.length, 3);
  assert.equal(new Set(backend.events.map((e) => e.id)).size, 1);
  backend.mode = 'status-400';
  await client.subscribe('/topic/w/2');
  await until(async () => (await server.stats())['app.webhook.events_lost'] === 2, 'the second');
  assert.equal(backend.events.length, 4);
  backend.mode = 'stall';
  await client.subscribe('/topic/w/3');
  await until(() => backend.held.length === 1, 'one under way');
  for (let i = 0; i < 5; i += 1) await client.subscribe(`/topic/w/${4 + i}`);
  await until(async () => (await server.stats())['app.webhook.events_lost'] === 4, 'those over the queue');
  backend.mode = 'ok';
  backend.release();
  await until(() => backend.events.length === 8, 'those that waited');
});

test('a backend that restarts: what comes after is answered, the broken connection is not noticed', async (t) => {
  const { backend, server } = await setUp(t, { hook: { 'breaker-failures': 1000, 'keep-alive': '60s' } });
  const client = await stomp(server, { t });
  assert.equal(await outcome(client), 'taken');
  const { port } = backend;
  await backend.die();
  assert.equal(await outcome(client), UNAVAILABLE);
  await server.waitForLine(/failed \(attempt 1\): .*connect/i);
  await backend.start(port);
  assert.equal(await outcome(client), 'taken');
  for (const socket of backend.sockets) socket.destroy();
  await until(() => backend.sockets.size === 0, 'the end of the connection');
  await sleep(100);
  assert.equal(await outcome(client), 'taken');
});

test('SIGTERM lets calls under way come to their end', async (t) => {
  const backend = await startBackend({ t, secret: SECRET, answer: (e) => ({ publish: [{ destination: '/topic/a', body: e.type }] }) });
  const server = await start({ t, config: configOf(backend.url, {}, {}, watch(backend.url)), set: [...auth, 'server.drain-time=10s'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a', { id: 'a' });
  backend.mode = 'stall';
  const result = outcome(client);
  await client.subscribe('/topic/w/1', { id: 'w' });
  await until(() => backend.held.length === 2, 'the request and the event');
  const stopped = server.stop({ ms: 30000 });
  await server.waitForLine(/stopping: no new connections/);
  await sleep(200);
  backend.release('subscribed'); // first: who is owed nothing any more is closed
  assert.deepEqual((await client.messages(1)).map((m) => m.body), ['subscribed']);
  backend.release('send');
  assert.equal(await result, 'taken');
  assert.deepEqual((await client.messages(1)).map((m) => m.body), ['send']);
  await stopped;
});

test('SIGTERM does not wait for ever: neither for an answer nor for a backend that is down', async (t) => {
  const backend = await startBackend({ t, secret: SECRET });
  const server = await start({ t, config: configOf(backend.url, {}, {}, watch(backend.url, 'breaker-failures = 1\nbreaker-pause = 10m\n')), set: auth });
  const client = await stomp(server, { t });
  backend.mode = (e) => (e.type === 'send' ? 'stall' : 'status-500');
  const result = outcome(client).catch((error) => error.message);
  await client.subscribe('/topic/w/1');
  await server.waitForLine(/circuit breaker opens/);
  await client.subscribe('/topic/w/2');
  await until(() => backend.held.length === 1, 'the request');
  await server.stop({ ms: 30000 });
  assert.match(await result, /^stopping: the server is stopping$|closed/);
  assert.ok(server.log.some((line) => /the event \S+ of '\/topic\/w\/1' is lost/.test(line)));
  assert.ok(!server.log.some((line) => /abandoned|violation/.test(line)));
});

test('TLS: only what the certificate authorities vouch for, by its name', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-webhook-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name) => join(dir, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=test ca', '-keyout', file('ca.key'), '-out', file('ca.crt'));
  const make = (name, days = '2') => {
    openssl('req', ...ec, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
    openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', days, '-copy_extensions', 'copy', '-out', file(`${name}.crt`));
    return { key: file(`${name}.key`), cert: file(`${name}.crt`) };
  };
  const tls = make('localhost');
  const { backend, server } = await setUp(t, { tls, own: { 'ca-file': file('ca.crt') } });
  const client = await stomp(server, { t });
  assert.equal(await outcome(client), 'taken');
  assert.equal(await outcome(client), 'taken');
  assert.equal(backend.connections, 1);
  const stranger = await start({ t, config: configOf(backend.url), set: auth });
  assert.equal(await outcome(await stomp(stranger, { t })), UNAVAILABLE);
  await stranger.waitForLine(/failed \(attempt 1\): .*certificate/i);
  const liar = await startBackend({ t, secret: SECRET, tls: make('elsewhere') });
  const fooled = await start({ t, config: configOf(liar.url, { 'ca-file': file('ca.crt') }), set: auth });
  assert.equal(await outcome(await stomp(fooled, { t })), UNAVAILABLE);
  await fooled.waitForLine(/failed \(attempt 1\): .*(subject|certificate)/i);
  assert.equal(liar.events.length, 0);
  // Hooks with the same file share what it has; others do not get it.
  const others = ['same', 'strict'].map((name) => `[app.webhook ${name}]\nurl = ${backend.url}\nsend = /${name}\n${name === 'same' ? `ca-file = ${file('ca.crt')}\n` : ''}`);
  const several = await start({ t, config: configOf(backend.url, { 'ca-file': file('ca.crt') }, {}, others.join('')), set: auth });
  const guest = await stomp(several, { t });
  assert.equal(await outcome(guest), 'taken');
  assert.equal(await outcome(guest, '/pub/same'), 'taken');
  assert.equal(await outcome(guest, '/pub/strict'), UNAVAILABLE);
  writeFileSync(file('empty.crt'), '');
  for (const name of ['empty.crt', 'missing.crt']) {
    writeFileSync(file('x.ini'), configOf(backend.url, { 'ca-file': file(name) }));
    const { code, stderr } = await run(['--check', '--config', file('x.ini')]);
    assert.match(stderr, /x\.ini:12: \[app\.webhook hook\] ca-file: .*: no certificates can be read from it/);
    assert.equal(code, 78);
  }
});

test('proxies of the environment do not count', async (t) => {
  const proxy = await startBackend({ t });
  const env = {};
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'all_proxy', 'ALL_PROXY']) env[name] = `http://127.0.0.1:${proxy.port}`;
  env.no_proxy = '';
  const { backend, server } = await setUp(t, { env });
  assert.equal(await outcome(await stomp(server, { t })), 'taken');
  assert.equal(backend.events.length, 1);
  assert.equal(proxy.connections, 0);
});

test('secrets: of a file, as whsec_, or none if that is said; never in the log', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-webhook-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'secret');
  writeFileSync(file, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n');
  chmodSync(file, 0o600);
  const { backend, server } = await setUp(t, { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', hook: { 'secret-file': file } });
  assert.equal(await outcome(await stomp(server, { t })), 'taken');
  assert.ok(!server.log.some((line) => line.includes('MfKQ') || line.includes(SECRET)));
  const open = await startBackend({ t });
  const config = configOf(open.url, {}, { unsigned: 'on' }).replace(/^secret = .*\n/m, '');
  const unsigned = await start({ t, config, set: auth });
  assert.equal(await outcome(await stomp(unsigned, { t })), 'taken');
  assert.equal(open.events[0].headers_['webhook-signature'], undefined);
  assert.equal(backend.events.length, 1);
});

test('faults of a configuration name file and line', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-webhook-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'x.ini');
  const good = { url: 'https://example.org/', send: '/a/{x}' };
  writeFileSync(join(dir, 'short'), 'short\n');
  for (const [line, hook, fault, own = `secret = ${SECRET}`] of [
    [7, { send: '/a' }, 'has no url'],
    [7, { url: 'https://example.org/' }, 'has none of send, subscribe and watch'],
    [7, good, 'there is no secret to sign requests with', 'unsigned = off'],
    [7, good, 'secret: the secret has 5 bytes, fewer than 24', 'secret = short'],
    [7, good, 'secret: what follows whsec_ in the secret is not base64', 'secret = whsec_!'],
    [7, { ...good, 'secret-file': join(dir, 'short') }, `secret-file: ${join(dir, 'short')}: the secret has 5 bytes`],
    [7, { ...good, 'secret-file': join(dir, 'none') }, `secret-file: ${join(dir, 'none')}: No such file`],
    [7, { ...good, events: 'subscribed' }, 'has events, but no watch'],
    [8, { ...good, url: 'http://example.org/' }, 'url: http://example.org/ is not https: whoever is on the way reads and answers'],
    [8, { ...good, url: 'https://a:b@example.org/' }, 'url: holds a user name'],
    [8, { ...good, url: 'ftp://example.org/' }, "url: 'ftp://example.org/' is not a URL of https://"],
    [8, { ...good, url: 'nonsense://' }, 'url: '],
    [9, { ...good, send: 'a' }, "send: 'a' must start with a slash"],
    [9, { ...good, send: '/a, /b, /a' }, "send: '/a' is there twice, also in 'one'"],
    [10, { ...good, watch: '/topic/a, /topic/a' }, "watch: '/topic/a' is there twice, also in 'one'"],
    [10, { ...good, events: 'joined' }, "events: 'joined' is not one of subscribed, unsubscribed, disconnected"],
    [10, { ...good, timeout: '5' }, "timeout: '5' is not a duration such as"],
    [10, { ...good, timeout: '10m' }, "timeout: '10m' is not within 10ms..5m"],
    [10, { ...good, concurrency: '0' }, "concurrency: '0' is not within 1..1024"],
    [10, { ...good, 'queue-size': 'x' }, "queue-size: 'x' is not a size such as"],
    [10, { ...good, order: 'any' }, "order: 'any' is not one of session|destination|none"],
    [10, { ...good, secret: 'x' }, "unknown key 'secret'; there are url, send, subscribe, watch, events"],
  ]) {
    writeFileSync(file, `[destinations]\napp = /pub\n[app]\nplugins = webhook\n[app.webhook]\n${own}\n[app.webhook one]\n${Object.entries(hook).map(([k, v]) => `${k} = ${v}\n`).join('')}`);
    const { code, stderr } = await run(['--check', '--config', file]);
    assert.ok(stderr.includes(`${file}:${line}: [app.webhook one] ${fault}`), stderr);
    assert.equal(code, 78);
  }
  writeFileSync(file, `[destinations]\napp = /pub\n[app]\nplugins = webhook\n[app.webhook]\nsecret = ${SECRET}\n`);
  assert.match((await run(['--check', '--config', file])).stderr, /\[app.webhook\] there is no hook/);
  writeFileSync(file, `[destinations]\napp = /pub\n[app]\nplugins = webhook\n[app.webhook]\nsecret = ${SECRET}\n[app.webhook one]\nurl = https://example.org/\nsend = /a/{b:[0-9]{1,3}}, /c\n`);
  assert.equal((await run(['--check', '--config', file])).code, 0);
});

test('docs/app-webhook.md has the options and counters that there are', async (t) => {
  const text = readFileSync(join(root, 'docs/app-webhook.md'), 'utf8');
  const section = (name) => text.split(`\n## ${name}\n`)[1].split('\n## ')[0];
  const { stdout } = await run(['--plugin-info', join(build, 'lib/plugboard/app-webhook.so')]);
  const options = [...stdout.matchAll(/^option\.([a-z-]+)=[a-z]+(?:, default ([^,\n]+))?/gm)].map(([, name, value]) => `${name} ${value ?? ''}`);
  const written = [...section('Options').matchAll(/^\| `([a-z-]+)` \| [^|]+ \| (?:`([^`]+)`)? \|/gm)].map(([, name, value]) => `${name} ${value ?? ''}`);
  assert.deepEqual(written.sort(), options.sort());
  const { server } = await setUp(t);
  const counters = Object.keys(await server.stats()).filter((name) => name.startsWith('app.webhook.')).map((name) => name.slice('app.webhook.'.length));
  const named = [...section('Counters').matchAll(/^\| (`.*`) \|/gm)].flatMap(([, names]) => names.replaceAll('`', '').split(', '));
  assert.deepEqual(named.sort(), counters.sort());
});

for (const [name, command, script] of [['Node', process.execPath, 'webhook-backend.mjs'], ['Python', 'python3', 'webhook-backend.py']]) {
  test(`the sample in ${name} with etc/webhook.ini`, async (t) => {
    const secret = 'fMKSzjEKyEFFAvDQSyEYzLBIhtZpQ';
    const child = spawn(command, [join(root, 'etc', script), '0'], { env: { ...process.env, WEBHOOK_SECRET: secret }, stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (text) => { said += text; });
    const [, port] = await until(() => /port (\d+)\n/.exec(said), 'the port');
    const url = `http://127.0.0.1:${port}/`;
    const [, example] = /```sh\n(.*?)```/s.exec(readFileSync(join(root, 'docs/app-webhook.md'), 'utf8'));
    const answer = execFileSync('sh', ['-ec', example], { env: { ...process.env, WEBHOOK_SECRET: secret, WEBHOOK_URL: url }, encoding: 'utf8' });
    assert.deepEqual(JSON.parse(answer), { publish: [{ destination: '/topic/rooms/7', json: { type: 'chat', name: 'kim', text: 'hello' } }] });
    assert.equal((await fetch(url, { method: 'POST', body: '{}', headers: { 'webhook-id': 'x', 'webhook-timestamp': String(Math.floor(Date.now() / 1000)), 'webhook-signature': 'v1,AAAA' } })).status, 401);
    const server = await start({ t, args: ['--config', join(root, 'etc/webhook.ini')], set: auth, env: { WEBHOOK_SECRET: secret, WEBHOOK_URL: url } });
    const kim = await stomp(server, as('kim', { t }));
    const lee = await stomp(server, { t });
    const destination = '/topic/rooms/7';
    const next = async (client) => JSON.parse((await client.expect('MESSAGE', { destination, 'content-type': 'application/json' })).body);
    await kim.subscribe(destination, { id: 'k' });
    assert.deepEqual(await next(kim), { type: 'subscribed', name: 'kim', count: 1 });
    await lee.subscribe(destination, { id: 'l' });
    for (const each of [kim, lee]) assert.deepEqual(await next(each), { type: 'subscribed', name: 'somebody', count: 2 });
    assert.equal(await outcome(kim, '/pub/rooms/7/chat', 'hello 김'), 'taken');
    for (const each of [kim, lee]) assert.deepEqual(await next(each), { type: 'chat', name: 'kim', text: 'hello 김' });
    assert.equal(await outcome(kim, '/pub/rooms/7/chat', ' '), 'empty: there is nothing to say');
    lee.frame('SUBSCRIBE', { id: 'i', destination: '/pub/rooms/7/info' });
    assert.deepEqual(JSON.parse((await lee.expect('MESSAGE', { subscription: 'i' })).body), { room: '7', count: 2 });
    lee.terminate();
    assert.deepEqual(await next(kim), { type: 'unsubscribed', name: 'somebody', count: 1 });
  });
}
