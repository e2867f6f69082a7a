// How a server that stops takes leave of its sessions: one after the other, while the others go on.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { Wire, upgradeRequest } from './lib/wire.mjs';

const SLOW = ['server.drain-time=10m', 'server.drain-rate=1']; // whose turn comes is waited for, never missed
const messages = (client) => client.frames.filter((frame) => frame.command === 'MESSAGE').map((frame) => frame.body);

// The signal, and the moment from which turns are given.
async function drain(server) {
  server.signal('SIGTERM');
  await server.waitForLine(/closing \d+ sessions in \d+ ms/);
}

// The server ends by the test's own hand: it would wait for clients that stay.
function endBy(t, server) {
  server.stopping = Promise.resolve();
  t.after(async () => {
    server.child.kill('SIGKILL');
    await server.ended;
    server.checkReport();
  });
}

describe('a drain', { concurrency: 4 }, () => {
  test('closes one session after the other, and the others go on', async (t) => {
    const server = await start({ t, tcp: true, set: ['server.workers=2', 'server.drain-time=10m', 'server.drain-rate=10'] });
    const clients = [];
    for (let i = 0; i < 24; i += 1) {
      const client = await stomp(server, { t, transport: i % 4 ? 'ws' : 'tcp' });
      await client.subscribe('/topic/a');
      clients.push(client);
    }
    const began = performance.now();
    await drain(server);
    const order = [];
    const ends = clients.map((client, i) => client.waitForClose(20000).then(() => order.push(i)));
    // The last ones hear what is sent while the first ones have gone.
    await until(() => order.length >= 2, 'the first ones leaving');
    const sender = clients.at(-1);
    assert.equal((await sender.request('SEND', { destination: '/topic/a' }, 'still here')).command, 'RECEIPT');
    await server.stop({ signal: 0 });
    await Promise.all(ends);
    assert.ok(performance.now() - began > 900, 'it took the time that the rate asks for');
    assert.ok(clients.some((client) => client !== sender && messages(client).includes('still here')));
    assert.ok(!messages(clients[0]).includes('still here'));
    for (const client of clients) {
      const error = client.frames.at(-1);
      assert.equal(error.command, 'ERROR');
      assert.equal(error.headers.message, 'the server is restarting');
      assert.equal(error.headers['error-code'], 'restarting');
      const wait = Number(error.headers['reconnect-in']);
      assert.ok(wait >= 900 && wait <= 1100, `reconnect-in:${wait}`);
      assert.equal(client.frames.filter((frame) => frame.command === 'ERROR').length, 1);
      if (client.socket.readyState !== undefined && client.closed.code !== undefined) {
        assert.deepEqual(client.closed, { code: 1012, reason: 'The server is restarting' });
      }
    }
    const waits = new Set(clients.map((client) => client.frames.at(-1).headers['reconnect-in']));
    assert.ok(waits.size > 5, 'not all come back after the same time');
    assert.ok(server.log.some((line) => /closing 24 sessions in 3001 ms/.test(line)), server.tail());
    assert.match(server.log.findLast((line) => / closed_drain=/.test(line)), / closed_drain=24 /);
  });

  test('with more sessions than fit into drain-time it closes faster, and says so', async (t) => {
    const server = await start({ t, set: ['server.drain-time=2s', 'server.drain-rate=1', 'server.drain-overlap=0', 'server.drain-reconnect=0'] });
    const clients = [];
    for (let i = 0; i < 8; i += 1) clients.push(await stomp(server, { t }));
    await server.stop();
    assert.ok(server.log.some((line) => /warn core: closing 8 sessions in 1\d{3} ms, \d a second: drain-rate \(1\) would take longer than \[server\] drain-time \(2000 ms\) allows/.test(line)), server.tail());
    for (const client of clients) {
      await client.waitForClose();
      assert.equal(client.closed.code, 1012);
      assert.equal(client.frames.at(-1).headers['reconnect-in'], undefined);
    }
  });

  test('a client that asks for it is told first, and has time for another connection', async (t) => {
    const server = await start({ t, set: ['server.workers=1', 'server.drain-time=10m', 'server.drain-overlap=3m'] });
    const mover = await stomp(server, { t, connect: { notices: 'other, restart' } });
    assert.equal(mover.session.headers.notices, 'restart');
    const late = await stomp(server, { t, connect: { notices: 'restart' } });
    await mover.subscribe('/topic/a');
    await drain(server);
    const told = await mover.expect('MESSAGE', { subscription: 'plugboard', destination: '/plugboard/server', event: 'restart', 'closes-in': 181100 });
    assert.match(told.headers['message-id'], /^server-\d+$/);
    assert.ok(told.headers['reconnect-in'] >= 900 && told.headers['reconnect-in'] <= 1100, told.headers['reconnect-in']);
    await late.expect('MESSAGE', { event: 'restart' });
    late.send('/topic/a', 'in between');
    assert.equal((await mover.expect('MESSAGE', { destination: '/topic/a' })).body, 'in between');
    for (const client of [mover, late]) {
      await client.disconnect();
      assert.equal(client.closed.code, 1000);
    }
    await server.stop({ signal: 0 });
    assert.match(server.log.findLast((line) => / drain_notices=/.test(line)), / drain_notices=2 /);
    assert.match(server.log.findLast((line) => / closed_drain=/.test(line)), / closed_drain=0 /);
  });

  test('who was told and stays is closed after drain-overlap; who has not asked is told nothing', async (t) => {
    const server = await start({ t, set: ['server.drain-time=10m', 'server.drain-overlap=200ms', 'server.drain-reconnect=0'] });
    const stays = await stomp(server, { t, connect: { notices: 'restart' } });
    const other = await stomp(server, { t, connect: { notices: 'nothing' } });
    assert.equal(other.session.headers.notices, undefined);
    await server.stop();
    await stays.expect('MESSAGE', { event: 'restart', 'closes-in': 200 });
    await stays.expectError(/the server is restarting/);
    await other.expectError(/the server is restarting/);
    assert.equal(stays.closed.code, 1012);
  });

  test('new sessions are refused with a time, by HTTP and TCP, and /ready says why', async (t) => {
    const server = await start({ t, tcp: true, set: [...SLOW, 'server.workers=1', 'server.drain-reconnect=2500ms', 'api-key k.secret=0123456789abcdef', 'api-key k.rights=publish'] });
    endBy(t, server);
    let last; // whose turn is the last one, many seconds on
    for (let i = 0; i < 20; i += 1) last = await stomp(server, { t });
    await drain(server);
    const wire = await Wire.open(server.httpPort, t);
    wire.write(upgradeRequest());
    const refused = await wire.response();
    assert.equal(refused.status, 503);
    assert.equal(refused.headers['retry-after'], '3');
    const ready = await fetch(server.url('/ready'));
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /stopping/);
    const session = await fetch(server.url('/ws/000/abcdefgh/xhr'), { method: 'POST' });
    assert.equal(session.status, 503);
    assert.equal(session.headers.get('retry-after'), '3');
    const publish = await fetch(server.url('/api/publish'), { method: 'POST', headers: { authorization: 'Bearer 0123456789abcdef', 'content-type': 'application/json' }, body: '{"destination":"/topic/a","body":"x"}' });
    assert.equal(publish.status, 503);
    assert.equal(publish.headers.get('retry-after'), '3');
    const plain = await open(server, { t, transport: 'tcp' });
    await plain.expectError(/the server is restarting/);
    assert.equal(last.closed, null);
    assert.ok((await server.stats()).refused_drain >= 3);
  });

  test('a poll of SockJS learns it by its frames', async (t) => {
    const server = await start({ t, set: ['server.drain-time=10m'] });
    const url = server.url('/ws/000/somebody');
    const post = async (what, body) => {
      const answer = await fetch(`${url}/${what}`, { method: 'POST', body });
      return { status: answer.status, body: await answer.text() };
    };
    assert.equal((await post('xhr')).body, 'o\n');
    assert.equal((await post('xhr_send', JSON.stringify(['CONNECT\naccept-version:1.2\nhost:h\n\n\0']))).status, 204);
    assert.match((await post('xhr')).body, /^a\["CONNECTED/);
    const poll = post('xhr');
    await sleep(200);
    const stopped = server.stop();
    assert.match((await poll).body, /^a\["ERROR\\nmessage:the server is restarting\\n/);
    assert.equal((await post('xhr')).body, 'c[1012,"The server is restarting"]\n');
    await stopped;
  });

  test('profile = spring: closed with 1001 and no ERROR, as Spring does it', async (t) => {
    const server = await start({ t, set: ['stomp.profile=spring'] });
    const client = await stomp(server, { t });
    await server.stop();
    await client.waitForClose();
    assert.equal(client.closed.code, 1001);
    assert.deepEqual(client.frames, []);
  });

  test('a second signal does not wait for those whose turn has not come', async (t) => {
    const server = await start({ t, set: SLOW });
    for (let i = 0; i < 3; i += 1) await stomp(server, { t });
    await drain(server);
    server.stopping = Promise.resolve();
    server.signal('SIGTERM');
    assert.deepEqual(await server.waitForExit(), { code: null, signal: 'SIGTERM' });
  });
});
