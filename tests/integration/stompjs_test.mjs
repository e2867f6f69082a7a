// What an application sees: @stomp/stompjs, the client that most browsers use, against the server.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';

import { Client, Versions } from '@stomp/stompjs';
import WebSocket from 'ws';

import { sleep, slowness, start, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const WAIT = 5000;

// A connected stompjs client with what is awkward to get at: the frames it was sent, the WebSocket
// messages and the closing code.
async function connect(t, server, { headers = {}, versions, ...options } = {}) {
  const app = { received: [], errors: [], wsMessages: [], closes: [], connects: 0, socket: null };
  const client = new Client({
    connectHeaders: headers,
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    ...(versions ? { stompVersions: new Versions(versions) } : {}),
    ...options,
  });
  client.webSocketFactory = () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.httpPort}/ws`,
      client.stompVersions.protocolVersions(), { perMessageDeflate: false });
    socket.on('message', (bytes, binary) => app.wsMessages.push({ bytes, binary }));
    socket.on('error', () => {}); // a refused connection shows in onWebSocketClose
    app.socket = socket;
    return socket;
  };
  client.onWebSocketClose = (event) => app.closes.push(event.code);
  client.onStompError = (frame) => app.errors.push(frame);
  app.client = client;
  const connected = new Promise((done) => {
    client.onConnect = (frame) => {
      app.connects += 1;
      app.connected = frame;
      app.onConnect?.();
      done();
    };
  });
  t.after(() => { client.reconnectDelay = 0; return client.deactivate({ force: true }); });
  client.activate();
  await within(connected, WAIT, 'CONNECTED');

  let receipts = 0;
  const withReceipt = async (act) => {
    receipts += 1;
    const id = `r-${receipts}`;
    const arrived = new Promise((done) => { client.watchForReceipt(id, done); });
    const value = act(id);
    await within(arrived, WAIT, `receipt ${id}`);
    return value;
  };
  app.subscribe = (destination, extra = {}, sink = app.received) => withReceipt((receipt) =>
    client.subscribe(destination, (message) => sink.push(message), { ...extra, receipt }));
  app.publish = (destination, body, extra = {}) => client.publish({ destination, body, headers: extra });
  app.publishBinary = (destination, binaryBody, extra = {}) =>
    client.publish({ destination, binaryBody, headers: extra });
  app.publishConfirmed = (destination, body, extra = {}) => withReceipt((receipt) =>
    client.publish({ destination, body, headers: { ...extra, receipt } }));
  app.confirm = (act) => withReceipt(act);
  app.messages = (n, ms = WAIT) => until(() => app.received.length >= n && app.received, `${n} messages`, ms);
  app.error = () => until(() => app.errors[0], 'an ERROR frame');
  app.close = () => until(() => app.closes.length > 0 && app.closes, 'the end of the connection').then((c) => c[0]);
  return app;
}

const bodies = (messages) => messages.map((m) => m.body);

describe('stompjs', { concurrency: 4 }, () => {
  for (const version of ['1.0', '1.1', '1.2']) {
    test(`speaks STOMP ${version}`, async (t) => {
      const server = await start({ t });
      const app = await connect(t, server, { versions: [version] });
      assert.equal(app.socket.protocol, `v${version.replace('.', '')}.stomp`);
      assert.equal(app.client.connectedVersion, version);
      const { headers } = app.connected;
      assert.equal(headers.version, version);
      assert.match(headers.server, /^plugboard\/\d/);
      assert.match(headers.session, /^[0-9a-f]{32}$/);
      assert.equal(headers['heart-beat'], '0,0');

      await app.subscribe('/topic/v');
      await app.publishConfirmed('/topic/v', 'größer als 1 €: \u{1F600}');
      const [message] = await app.messages(1);
      assert.equal(message.body, 'größer als 1 €: \u{1F600}');
      assert.equal(message.headers.destination, '/topic/v');
      assert.equal(message.headers.subscription, 'sub-0');
      assert.ok(message.headers['message-id']);
      assert.equal(message.headers.receipt, undefined, 'a receipt is the business of the sender');
    });

    test(`headers survive the way there and back in ${version}`, async (t) => {
      const server = await start({ t });
      const app = await connect(t, server, { versions: [version] });
      await app.subscribe('/topic/h');
      // This client escapes in 1.2 only, never names, trims values, and takes an escaped backslash
      // before a c, n or r for another escape; what it cannot do is tested with raw frames.
      const sent = {
        plain: 'value',
        unicode: 'ключ ☃ \u{1F600}',
        blanks: 'in the  middle',
        empty: '',
      };
      if (version !== '1.1') {
        sent.colon = 'a:b::c';
        sent.backslash = 'C:\\dir\\';
      }
      if (version === '1.2') {
        sent.lines = 'one\ntwo\n\nfour';
        sent.cr = 'a\r\nb\r.';
      }
      app.publish('/topic/h', 'x', sent);
      const [message] = await app.messages(1);
      for (const [name, value] of Object.entries(sent)) assert.equal(message.headers[name], value, name);
    });
  }

  test('negotiates the highest common version', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server, { versions: ['1.0', '1.2', '1.1'] });
    assert.equal(app.client.connectedVersion, '1.2');
  });

  test('header values cross versions as well as the weaker one can carry them', async (t) => {
    const server = await start({ t });
    const v12 = await connect(t, server);
    const v11 = await connect(t, server, { versions: ['1.1'] });
    const v10 = await connect(t, server, { versions: ['1.0'] });
    for (const app of [v12, v11, v10]) await app.subscribe('/topic/x');
    v12.publish('/topic/x', '', { h: 'a:b\\x\nd\re' });
    assert.equal((await v12.messages(1))[0].headers.h, 'a:b\\x\nd\re');
    // As they are on the wire, for this client does not undo the escapes of 1.1.
    assert.equal((await v11.messages(1))[0].headers.h, 'a\\cb\\\\x\\nd e');
    assert.equal((await v10.messages(1))[0].headers.h, 'a:b\\x d e');
  });

  test('unsubscribe stops the delivery, of this subscription only', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    const one = [];
    const two = [];
    const first = await app.subscribe('/topic/u', {}, one);
    await app.subscribe('/topic/u', {}, two);
    await app.publishConfirmed('/topic/u', 'a');
    await app.confirm((receipt) => first.unsubscribe({ receipt }));
    await app.publishConfirmed('/topic/u', 'b');
    await until(() => two.length === 2);
    assert.deepEqual(bodies(one), ['a']);
    assert.deepEqual(bodies(two), ['a', 'b']);
  });

  test('a transaction is held back until its COMMIT, and ABORT forgets it', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    const other = await connect(t, server);
    await other.subscribe('/topic/tx');
    const kept = app.client.begin();
    const lost = app.client.begin();
    app.publish('/topic/tx', 'k1', { transaction: kept.id });
    app.publish('/topic/tx', 'l1', { transaction: lost.id });
    await app.publishConfirmed('/topic/tx', 'k2', { transaction: kept.id });
    await app.publishConfirmed('/topic/tx', 'direct');
    await other.messages(1);
    await sleep(100 * slowness);
    assert.deepEqual(bodies(other.received), ['direct']);
    lost.abort();
    kept.commit();
    await app.publishConfirmed('/topic/tx', 'last');
    await other.messages(4);
    assert.deepEqual(bodies(other.received), ['direct', 'k1', 'k2', 'last']);
    for (const message of other.received) assert.equal(message.headers.transaction, undefined);
  });

  // With max-unacked = 4 the server ends a session at the fifth open delivery, which shows what
  // counts as acknowledged.
  const setUpAcks = async (t, mode) => {
    const server = await start({ t, set: ['limits.max-unacked=4'] });
    const app = await connect(t, server);
    await app.subscribe('/topic/ack', { ack: mode });
    let sent = 0;
    app.sendMore = async (n) => {
      for (let i = 0; i < n; i++) await app.publishConfirmed('/topic/ack', String(sent++));
      return app.messages(sent);
    };
    app.server = server;
    return app;
  };

  test('ack mode client: one ACK is for all messages before it', async (t) => {
    const app = await setUpAcks(t, 'client');
    for (let round = 1; round <= 5; round++) {
      const messages = await app.sendMore(4);
      await app.confirm((receipt) => messages.at(-1).ack({ receipt }));
    }
    await app.sendMore(4);
    app.publish('/topic/ack', 'one too many');
    assert.match((await app.error()).headers.message, /max-unacked \(4\)/);
    assert.equal(await app.close(), 1002);
    assert.equal((await app.server.stats()).refused_unacked, 1);
  });

  test('ack mode client: what was acknowledged cannot be acknowledged again', async (t) => {
    const app = await setUpAcks(t, 'client');
    const messages = await app.sendMore(3);
    await app.confirm((receipt) => messages[1].ack({ receipt }));
    messages[0].ack();
    assert.match((await app.error()).headers.message, /^ACK: no message .* waits for it$/);
  });

  test('ack mode client-individual: one ACK is for one message', async (t) => {
    const app = await setUpAcks(t, 'client-individual');
    const messages = await app.sendMore(4);
    await app.confirm((receipt) => messages[3].ack({ receipt }));
    await app.sendMore(1);
    await app.confirm((receipt) => messages[0].ack({ receipt }));
    await app.sendMore(1);
    app.publish('/topic/ack', 'one too many');
    assert.match((await app.error()).headers.message, /max-unacked \(4\)/);
  });

  test('NACK settles a delivery as ACK does', async (t) => {
    const app = await setUpAcks(t, 'client-individual');
    for (let round = 1; round <= 3; round++) {
      const messages = await app.sendMore(4);
      for (const message of messages.slice(-4)) await app.confirm((receipt) => message.nack({ receipt }));
    }
    assert.deepEqual(app.errors, []);
  });

  test('ACKs within a transaction count when it is committed', async (t) => {
    const app = await setUpAcks(t, 'client');
    const messages = await app.sendMore(4);
    const tx = app.client.begin();
    await app.confirm((receipt) => messages[3].ack({ transaction: tx.id, receipt }));
    tx.commit();
    await app.sendMore(4);
    app.publish('/topic/ack', 'one too many');
    await app.error();
  });

  for (const version of ['1.0', '1.1', '1.2']) {
    test(`acknowledges in the way of ${version}`, async (t) => {
      const server = await start({ t, set: ['limits.max-unacked=2'] });
      const app = await connect(t, server, { versions: [version] });
      await app.subscribe('/topic/a', { ack: 'client-individual', id: version === '1.1' ? 'with/slash' : 'with/slash and :' });
      for (let i = 1; i <= 6; i++) {
        await app.publishConfirmed('/topic/a', String(i));
        const messages = await app.messages(i);
        assert.equal(messages[i - 1].headers.ack !== undefined, version === '1.2');
        await app.confirm((receipt) => messages[i - 1].ack({ receipt }));
      }
      assert.deepEqual(app.errors, []);
    });
  }

  test('max-unacked counts all subscriptions of a session', async (t) => {
    const server = await start({ t, set: ['limits.max-unacked=4'] });
    const app = await connect(t, server);
    for (const id of ['a', 'b', 'c']) await app.subscribe(`/topic/${id}`, { ack: 'client', id });
    for (const id of ['a', 'b', 'c', 'a']) app.publish(`/topic/${id}`, 'x');
    await app.messages(4);
    app.publish('/topic/b', 'one too many');
    assert.match((await app.error()).headers.message, /max-unacked \(4\)/);
  });

  test('a WebSocket message is binary if and only if it is not UTF-8', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    await app.subscribe('/topic/b');
    const cases = [
      [Buffer.from('text'), false],
      [Buffer.from('größer \u{1F600}'), false],
      [Buffer.from([0xff, 0xfe, 0x00, 0x80]), true],
      [Buffer.from([0x00, 0x01, 0x00]), false], // NULs are UTF-8
      [Buffer.from([0xed, 0xa0, 0x80]), true], // a surrogate
      [Buffer.from([0xc3]), true],
      [randomBytes(50000), true],
      [Buffer.alloc(0), false],
    ];
    for (const [i, [body, binary]] of cases.entries()) {
      app.publishBinary('/topic/b', new Uint8Array(body), { 'content-type': 'application/octet-stream' });
      const message = (await app.messages(i + 1))[i];
      assert.deepEqual(Buffer.from(message.binaryBody), body);
      assert.equal(message.headers['content-length'], String(body.length));
      assert.equal(message.headers['content-type'], 'application/octet-stream');
      assert.equal(app.wsMessages.at(-1).binary, binary, `case ${i}`);
    }
  });

  test('bodies with NULs arrive whole thanks to content-length', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    await app.subscribe('/topic/n');
    app.publish('/topic/n', 'a\0b\0\0c\0');
    app.publish('/topic/n', 'after');
    assert.deepEqual(bodies(await app.messages(2)), ['a\0b\0\0c\0', 'after']);
  });

  test('without content-length the body ends at the NUL', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    await app.subscribe('/topic/n');
    app.client.publish({ destination: '/topic/n', body: 'plain', skipContentLengthHeader: true });
    const [message] = await app.messages(1);
    assert.equal(message.body, 'plain');
    assert.equal(message.headers['content-length'], '5');
  });

  test('bodies up to 16 MiB, also split over WebSocket messages', async (t) => {
    // stompjs reads nothing while it parses 16 MiB, byte by byte.
    const server = await start({ t, set: ['limits.max-frame-size=17m', 'limits.queue-size=64m', 'limits.send-timeout=10m'] });
    const app = await connect(t, server);
    const other = await connect(t, server, { splitLargeFrames: true, maxWebSocketChunkSize: 64 * 1024 });
    await app.subscribe('/topic/big');
    await other.subscribe('/topic/big');
    for (const size of [65535, 65536, 1 << 20, 16 << 20]) {
      const body = 'x'.repeat(size - 3) + '€';
      app.received.length = 0;
      other.received.length = 0;
      app.publish('/topic/big', body);
      assert.ok((await app.messages(1, 120000))[0].body === body);
      assert.ok((await other.messages(1, 120000))[0].body === body);
    }
    const binary = randomBytes(4 << 20);
    app.received.length = 0;
    other.publishBinary('/topic/big', new Uint8Array(binary));
    assert.ok(Buffer.compare(Buffer.from((await app.messages(1, 120000))[0].binaryBody), binary) === 0);
    app.received.length = 0;
    other.publish('/topic/big', 'y'.repeat(3 << 20));
    assert.ok((await app.messages(1, 120000))[0].body === 'y'.repeat(3 << 20));
  });

  test('repeated headers reach subscribers in order, the first one first', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    await app.subscribe('/topic/r');
    const raw = await stomp(server, { t });
    await raw.subscribe('/topic/r');
    raw.frame('SEND', [['destination', '/topic/r'], ['k', 'one'], ['k', 'two'], ['destination', '/topic/other'], ['k', 'one']]);
    assert.equal((await app.messages(1))[0].headers.k, 'one');
    const message = await raw.expect('MESSAGE', { destination: '/topic/r' });
    assert.deepEqual(message.pairs.filter(([name]) => name === 'k').map((p) => p[1]), ['one', 'two', 'one']);
    assert.equal(message.pairs.filter(([name]) => name === 'destination').length, 1);
  });

  test('headers of the server cannot be forged, private ones are not passed on', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    await app.subscribe('/topic/f');
    app.publish('/topic/f', 'x', {
      'message-id': 'forged', subscription: 'forged', ack: 'forged', login: 'me', passcode: 'secret',
      Authorization: 'Bearer secret', authorization: 'Bearer secret', custom: 'kept', receipt: 'mine',
    });
    const { headers } = (await app.messages(1))[0];
    assert.notEqual(headers['message-id'], 'forged');
    assert.equal(headers.subscription, 'sub-0');
    assert.equal(headers.custom, 'kept');
    for (const name of ['ack', 'login', 'passcode', 'Authorization', 'authorization', 'receipt']) {
      assert.equal(headers[name], undefined, name);
    }
  });

  test('DISCONNECT is answered with its receipt, then the server closes with 1000', async (t) => {
    const server = await start({ t });
    const app = await connect(t, server);
    await app.subscribe('/topic/d');
    app.client.disconnectHeaders = { receipt: 'bye' };
    await app.client.deactivate();
    assert.equal(app.wsMessages.at(-1).bytes.toString(), 'RECEIPT\nreceipt-id:bye\n\n\0');
    assert.equal(await app.close(), 1000);
    await until(async () => (await server.stats()).connections === 0, 'no connections');
    const stats = await server.stats();
    assert.equal(stats.sessions, 0);
    assert.equal(stats.subscriptions, 0);
    assert.equal(stats.errors_out, 0);
  });

  test('a client comes back by itself after the server was gone', async (t) => {
    const first = await start({ t });
    const app = await connect(t, first, { reconnectDelay: 100 });
    app.onConnect = () => app.client.subscribe('/topic/back', (m) => app.received.push(m));
    await first.kill();
    await app.close();
    const second = await start({ t, http: first.httpPort });
    await until(() => app.connects === 2, 'the second CONNECTED', 10000);
    await app.publishConfirmed('/topic/back', 'here again');
    assert.deepEqual(bodies(await app.messages(1)), ['here again']);
    const goodbye = app.closes.length;
    await second.stop();
    await until(() => app.closes.length > goodbye);
    assert.equal(app.closes[goodbye], 1012);
  });
});

describe('heart-beats', { concurrency: 6 }, () => {
  const interval = slowness > 1 ? 2000 : 1000;
  const set = [`stomp.heart-beat-send=${interval}ms`, `stomp.heart-beat-receive=${interval}ms`];

  test('heart-beats keep an idle stompjs connection open in both directions', async (t) => {
    const server = await start({ t, set });
    const app = await connect(t, server, { heartbeatIncoming: interval, heartbeatOutgoing: interval });
    assert.equal(app.connected.headers['heart-beat'], `${interval},${interval}`);
    await sleep(interval * 6);
    assert.deepEqual(app.closes, []);
    const beats = app.wsMessages.filter((m) => m.bytes.toString() === '\n');
    assert.ok(beats.length >= 3, `${beats.length} beats in six intervals`);
    assert.equal((await server.stats()).closed_heartbeat, 0);
  });

  for (const transport of ['ws', 'tcp']) {
    test(`the server's beats come within the interval over ${transport}`, async (t) => {
      const server = await start({ t, set, tcp: true });
      const client = await stomp(server, { t, transport, connect: { 'heart-beat': `0,${interval}` } });
      assert.equal(client.session.headers['heart-beat'], `${interval},0`);
      let last = performance.now();
      for (let i = 0; i < 4; i++) {
        const seen = client.heartbeats;
        await client.when(() => (client.heartbeats > seen ? true : undefined), 5000, 'a beat');
        const gap = performance.now() - last;
        last += gap;
        /* A receiver tolerates some delay (STOMP 1.2, Heart-beating); so does this one, for it
         * shares its processors with other tests. */
        assert.ok(gap < interval * 1.9, `a beat came after ${gap} ms instead of ${interval}`);
        if (i > 0) assert.ok(gap > interval * 0.4, `a beat came after ${gap} ms already`);
      }
    });

    test(`a client that falls silent is closed over ${transport}`, async (t) => {
      const server = await start({ t, set, tcp: true });
      const bystander = await stomp(server, { t, transport });
      const begin = performance.now(); // before the server's clock, which starts with CONNECT
      const client = await stomp(server, { t, transport, connect: { 'heart-beat': `${interval},0` } });
      await client.expectError(/nothing received for \d+ ms although heart-beats were agreed/);
      const elapsed = performance.now() - begin;
      assert.ok(elapsed >= interval * 3 * 0.95, `closed after ${elapsed} ms already`);
      if (transport === 'ws') assert.equal(client.closed.code, 1002);
      assert.equal((await server.stats()).closed_heartbeat, 1);
      await bystander.request('BEGIN', { transaction: 'still-here' });
    });
  }

  test('any bytes count as a sign of life', async (t) => {
    const server = await start({ t, set });
    const beating = await stomp(server, { t, connect: { 'heart-beat': `${interval},0` } });
    const talking = await stomp(server, { t, connect: { 'heart-beat': `${interval},0` } });
    const slow = await stomp(server, { t, connect: { 'heart-beat': `${interval},0` } });
    for (let i = 0; i < 10; i++) {
      beating.raw('\n');
      talking.send('/topic/x', 'y');
      slow.raw(i === 0 ? 'SEND\ndestination:/topic/x\n\n' : 'b'); // a frame that is never finished
      await sleep(interval / 2);
    }
    for (const client of [beating, talking, slow]) assert.equal(client.closed, null);
    assert.equal((await server.stats()).closed_heartbeat, 0);
  });

  test('both sides must want them: the longer interval counts, 0 means none', async (t) => {
    const server = await start({ t, set });
    const none = await stomp(server, { t, connect: { 'heart-beat': '0,0' } });
    const absent = await stomp(server, { t, connect: { 'heart-beat': '0,0' } });
    const rare = await stomp(server, { t, connect: { 'heart-beat': `${interval * 50},${interval * 50}` } });
    await sleep(interval * 5);
    for (const client of [none, absent, rare]) {
      assert.equal(client.closed, null);
      assert.equal(client.heartbeats, 0);
    }
  });

  test('a server that is set not to beat says so', async (t) => {
    const server = await start({ t, set: ['stomp.heart-beat-send=0', 'stomp.heart-beat-receive=0'] });
    const client = await stomp(server, { t, connect: { 'heart-beat': '100,100' } });
    assert.equal(client.session.headers['heart-beat'], '0,0');
    await sleep(1000);
    assert.equal(client.heartbeats, 0);
    assert.equal(client.closed, null);
  });
});

// CPU time of each worker thread so far, in nanoseconds.
function workerTimes(pid) {
  const times = {};
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const name = readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim();
    if (!name.startsWith('worker-')) continue;
    times[name] = Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]);
  }
  return times;
}

// The worker that serves a client: the one whose thread works while only this client talks.
async function workerOf(server, client) {
  const before = workerTimes(server.pid);
  for (let i = 0; i < 20; i++) await client.request('SEND', { destination: '/topic/nobody' }, 'x');
  const after = workerTimes(server.pid);
  return Object.keys(after).sort((a, b) => (after[b] - before[b]) - (after[a] - before[a]))[0];
}

describe('two workers', () => {
  test('connections are spread over them, and every client gets everything', async (t) => {
    const server = await start({ t, set: ['server.workers=2'] });
    const clients = [];
    for (let i = 0; i < 24; i++) clients.push(await stomp(server, { t }));
    const owners = {};
    for (const client of clients) {
      const owner = await workerOf(server, client);
      owners[owner] = (owners[owner] ?? 0) + 1;
    }
    t.diagnostic(`connections by worker: ${JSON.stringify(owners)}`);
    assert.deepEqual(Object.keys(owners).sort(), ['worker-0', 'worker-1']);

    for (const client of clients) await client.subscribe('/topic/all');
    for (const [i, client] of clients.entries()) await client.request('SEND', { destination: '/topic/all' }, String(i));
    for (const client of clients) {
      const got = (await client.messages(clients.length)).map((m) => Number(m.body));
      assert.deepEqual(got, clients.map((_, i) => i));
    }
    const stats = await server.stats();
    assert.equal(stats.delivered, clients.length * clients.length);
    assert.equal(stats.sessions, clients.length);
  });

  test('all subscribers of a topic see the same order, and each publisher\'s own order', async (t) => {
    const server = await start({ t, set: ['server.workers=2', 'limits.queue-size=64m', 'limits.queue-messages=1000000'] });
    const subscribers = [];
    for (let i = 0; i < 10; i++) {
      const client = await stomp(server, { t });
      await client.subscribe('/topic/order');
      subscribers.push(client);
    }
    const publishers = [];
    for (let i = 0; i < 8; i++) publishers.push(await stomp(server, { t }));
    const each = slowness > 1 ? 300 : 2000;
    // Batches from all publishers at once keep both workers busy at the same time.
    for (let from = 0; from < each; from += 50) {
      for (const [p, client] of publishers.entries()) {
        let batch = '';
        for (let i = from; i < from + 50; i++) batch += `SEND\ndestination:/topic/order\n\n${p}:${i}\0`;
        client.raw(batch);
      }
      await new Promise(setImmediate);
    }
    const total = each * publishers.length;
    const orders = [];
    for (const client of subscribers) {
      await client.when(() => (client.frames.length >= total ? true : undefined), 30000, 'all messages');
      orders.push(client.frames.map((f) => f.body));
    }
    for (const order of orders) assert.equal(order.length, total);
    for (let p = 0; p < publishers.length; p++) {
      const own = orders[0].filter((b) => b.startsWith(`${p}:`)).map((b) => Number(b.slice(2)));
      assert.ok(own.every((n, i) => n === i), `the messages of publisher ${p} are out of order`);
    }
    for (const [s, order] of orders.entries()) {
      const at = order.findIndex((b, i) => b !== orders[0][i]);
      assert.equal(at, -1, `subscribers 0 and ${s} differ at message ${at} of ${total}`);
    }
  });
});
