// What clients do that others wrote, and what one that vanishes or takes more than its share meets.

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';

import { sleep, start, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { CLOSE, PING, PONG, TEXT, Wire } from './lib/wire.mjs';

// All bytes that come over TCP until the server ends its direction.
async function tcpBytes(server, t, send) {
  const socket = net.connect({ port: server.tcpPort, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  const got = [];
  const done = new Promise((resolve) => {
    socket.on('data', (bytes) => got.push(bytes));
    socket.on('end', resolve);
    socket.on('close', resolve);
  });
  socket.write(send);
  await within(done, 5000, 'the end');
  return Buffer.concat(got).toString('latin1');
}

describe('TCP', { concurrency: 4 }, () => {
  const ask = async (t, server, lf) => {
    const got = await tcpBytes(server, t, 'CONNECT\naccept-version:1.2\n\n\0BEGIN\ntransaction:t\nreceipt:1\n\n\0DISCONNECT\nreceipt:2\n\n\0');
    assert.match(got, /^CONNECTED\n/);
    assert.ok(got.endsWith(`\n\n\0${lf}RECEIPT\nreceipt-id:1\n\n\0${lf}RECEIPT\nreceipt-id:2\n\n\0${lf}`), JSON.stringify(got));
  };
  test('a line feed stands behind the NUL of each frame', async (t) => {
    await ask(t, await start({ t, tcp: true }), '\n');
  });
  test('trailing-lf = off leaves it out', async (t) => {
    await ask(t, await start({ t, tcp: true, set: ['tcp.trailing-lf=off'] }), '');
  });
  test('bursts and large messages come whole, line feeds between them', async (t) => {
    const server = await start({ t, tcp: true, set: ['limits.queue-size=16m'] });
    const reader = await stomp(server, { t, transport: 'tcp' });
    const socket = await stomp(server, { t });
    await reader.subscribe('/topic/a', { id: 's' });
    await socket.subscribe('/topic/a', { id: 's' });
    const bodies = Array.from({ length: 500 }, (_, i) => `${i}`.repeat(i % 50 ? 1 : 9000));
    reader.pause();
    for (const body of bodies) socket.send('/topic/a', body);
    await socket.request('BEGIN', { transaction: 'fence' });
    reader.resume();
    assert.deepEqual((await reader.messages(bodies.length)).map((f) => f.body), bodies);
    assert.deepEqual((await socket.messages(bodies.length)).map((f) => f.body), bodies);
  });
});

describe('patterns', () => {
  // From a report: a SEND to a long destination stopped a worker for seconds.
  const HOSTILE = `/topic/{x:(?:${'bcdefghijklmnopqrs'.split('').map((c) => `[^${c}]?`).join('')})*}z`;
  test('sessions with patterns that cost too much are ended, and others get their message', async (t) => {
    const server = await start({ t, set: ['destinations.patterns=on', 'server.workers=1'] });
    const honest = await stomp(server, { t });
    await honest.subscribe('/topic/{name:[a-z]+}', { id: 'honest' });
    const hostile = [];
    for (let i = 0; i < 10; i++) {
      const client = await stomp(server, { t });
      for (let k = 0; k < 1000; k++) client.frame('SUBSCRIBE', { id: k, destination: `${HOSTILE}${i}-${k}` });
      await client.request('BEGIN', { transaction: 'fence' });
      hostile.push(client);
    }
    honest.send(`/topic/${'a'.repeat(990)}`, 'hello');
    await honest.expect('MESSAGE', { subscription: 'honest' });
    for (const client of hostile) {
      const error = await client.expectError();
      assert.equal(error.headers.message, 'the patterns take more than max-pattern-steps (100000) for one message');
      assert.equal(client.closed.code, 1002);
    }
    const stats = await server.stats();
    assert.deepEqual([stats.refused_pattern_steps, stats.subscriptions], [10, 1]);
  });
  test('subscription ids of any length do not fill the memory', async (t) => {
    const server = await start({ t });
    const client = await stomp(server, { t });
    for (let i = 0; i < 1000; i++) client.frame('SUBSCRIBE', { id: `${i}`.padStart(7900, 'x'), destination: '/topic/a' });
    const error = await client.expectError();
    assert.match(error.headers.message, /^subscriptions and receipts take more than max-session-memory \(5218304 bytes\)$/);
    assert.equal((await server.stats()).refused_memory, 1);
  });
});

describe('silent WebSockets', { concurrency: 4 }, () => {
  const CONNECT = 'CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0';
  test('one that does not answer pings is closed', async (t) => {
    const server = await start({ t, set: ['http.websocket-ping=300ms'] });
    const begin = performance.now();
    const wire = await Wire.upgrade(server, { t });
    await wire.ws(CONNECT);
    const got = [];
    for (let i = 0; i < 5; i++) {
      const { opcode, payload } = await wire.frame();
      got.push([opcode, opcode === TEXT ? payload.toString().split('\n', 2).join(' ').slice(0, 40) : '']);
    }
    assert.deepEqual(got, [[TEXT, 'CONNECTED version:1.2'], [PING, ''], [PING, ''],
      [TEXT, 'ERROR message:nothing received, and no a'], [CLOSE, '']]);
    assert.ok(performance.now() - begin > 3 * 300 * 0.9);
    assert.equal((await server.stats()).closed_silent, 1);
  });
  test('one that answers, or says anything, stays', async (t) => {
    const server = await start({ t, set: ['http.websocket-ping=300ms'] });
    const answering = await stomp(server, { t }); // ws answers pings by itself
    let pings = 0;
    answering.socket.on('ping', () => { pings += 1; });
    while (pings < 5) await sleep(100);
    assert.equal(answering.closed, null);
    await answering.request('BEGIN', { transaction: 'still-here' });
    assert.equal((await server.stats()).closed_silent, 0);
  });
  test('none is pinged that has promised heart-beats, or with websocket-ping = 0', async (t) => {
    const pinged = async (set, connect) => {
      const server = await start({ t, set });
      const client = await stomp(server, { t, connect });
      let pings = 0;
      client.socket.on('ping', () => { pings += 1; });
      await sleep(1500);
      await client.request('BEGIN', { transaction: 'still-here' });
      return pings;
    };
    assert.equal(await pinged(['http.websocket-ping=100ms', 'stomp.heart-beat-tolerance=1000'], { 'heart-beat': '60000,0' }), 0);
    assert.equal(await pinged(['http.websocket-ping=0'], {}), 0);
  });
  test("a client's own pings are life where heart-beats were promised", async (t) => {
    const interval = 1000;
    const server = await start({ t, set: [`stomp.heart-beat-receive=${interval}ms`, 'stomp.heart-beat-tolerance=1000'] });
    const wire = await Wire.upgrade(server, { t });
    await wire.ws(CONNECT.replace('0,0', `${interval},0`));
    assert.equal((await wire.frame()).opcode, TEXT);
    const end = performance.now() + interval * 12; // longer than silence is tolerated
    while (performance.now() < end) {
      await wire.ws('x', { opcode: PING });
      assert.equal((await wire.frame()).opcode, PONG);
      await sleep(interval / 2);
    }
    assert.equal((await server.stats()).closed_heartbeat, 0);
  });
});
