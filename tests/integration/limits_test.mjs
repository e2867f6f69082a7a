// Every key of [limits]: what a client may use, and what one that takes too much costs the others.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { program, sleep, slowness, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { Wire } from './lib/wire.mjs';

const limits = (values) => Object.entries(values).map(([key, value]) => `limits.${key}=${value}`);

describe('limits of a session', { concurrency: 4 }, () => {
  for (const transport of ['ws', 'tcp']) {
    test(`connect-timeout over ${transport}`, async (t) => {
      const server = await start({ t, tcp: true, set: limits({ 'connect-timeout': '2s' }) });
      const good = await stomp(server, { t, transport });
      const begin = performance.now();
      const silent = await open(server, { t, transport });
      const beating = await open(server, { t, transport }); // any bytes but a CONNECT frame
      const unfinished = await open(server, { t, transport });
      unfinished.raw('CONNECT\naccept-version:1.2\n');
      const beats = setInterval(() => beating.raw('\n'), 200);
      for (const client of [silent, beating, unfinished]) {
        await client.expectError(/^no CONNECT frame within 2000 ms$/m);
        if (transport === 'ws') assert.equal(client.closed.code, 1002);
      }
      clearInterval(beats);
      const elapsed = performance.now() - begin;
      assert.ok(elapsed >= 1950, `closed after ${elapsed} ms`);
      await sleep(2500);
      await good.request('BEGIN', { transaction: 'not-concerned' });
      const stats = await server.stats();
      assert.equal(stats.closed_connect_timeout, 3);
      assert.equal(stats.sessions_total, 1);
    });
  }

  test('each limit is counted under its name', async (t) => {
    const server = await start({ t, set: limits({
      'max-frame-size': '1k', 'max-headers': 4, 'max-header-size': 64, 'max-subscriptions': 1,
      'max-destination-length': 16, 'max-transactions': 1, 'max-transaction-size': '1k', 'max-unacked': 1,
    }) });
    const cases = [
      ['refused_frame_size', 1009, `SEND\ndestination:/topic/a\n\n${'x'.repeat(1100)}\0`],
      ['refused_headers', 1002, 'SEND\na:1\nb:1\nc:1\nd:1\ne:1\n\n\0'],
      ['refused_headers', 1002, `SEND\na:${'x'.repeat(63)}\n\n\0`],
      ['refused_subscriptions', 1002, 'SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0SUBSCRIBE\nid:2\ndestination:/topic/a\n\n\0'],
      ['refused_destination', 1002, 'SEND\ndestination:/topic/0123456789\n\n\0'],
      ['refused_transactions', 1002, 'BEGIN\ntransaction:1\n\n\0BEGIN\ntransaction:2\n\n\0'],
      ['refused_transactions', 1002, `BEGIN\ntransaction:1\n\n\0${`SEND\ndestination:/topic/a\ntransaction:1\n\n${'x'.repeat(700)}\0`.repeat(2)}`],
      ['refused_unacked', 1002, 'SUBSCRIBE\nid:1\nack:client\ndestination:/topic/u\n\n\0SEND\ndestination:/topic/u\n\n\0SEND\ndestination:/topic/u\n\n\0'],
    ];
    for (const [counter, code, bytes] of cases) {
      const before = await server.stats();
      const client = await stomp(server, { t });
      client.raw(bytes);
      await client.waitForClose();
      assert.equal(client.frames.at(-1)?.command, 'ERROR', counter);
      assert.equal(client.closed.code, code, counter);
      const stats = await server.stats();
      assert.equal(stats[counter] - before[counter], 1, counter);
      assert.equal(stats.errors_out - before.errors_out, 1);
    }
  });

  test('ABORT and COMMIT give back what a transaction held', async (t) => {
    const server = await start({ t, set: limits({ 'max-transaction-size': '2k' }) });
    const client = await stomp(server, { t });
    for (const end of ['ABORT', 'COMMIT', 'ABORT', 'COMMIT']) {
      await client.request('BEGIN', { transaction: 't' });
      await client.request('SEND', { destination: '/topic/x', transaction: 't' }, 'x'.repeat(1200));
      await client.request(end, { transaction: 't' });
    }
  });
});

// A subscriber that does not read, and how many messages of `size` fill all buffers on its way.
async function stuckReader(t, server, { transport = 'ws', topic = '/topic/stuck' } = {}) {
  const stuck = await stomp(server, { t, transport });
  await stuck.subscribe(topic);
  stuck.pause();
  return stuck;
}

const BODY = 'x'.repeat(15000);

// Publishes until check() says that it is enough, with a RECEIPT now and then to keep step.
async function publishUntil(client, topic, check, most = 4000) {
  let n = 0;
  while (n < most) {
    for (let i = 0; i < 20; i++) client.send(topic, `${n++}:${BODY}`);
    await client.request('UNSUBSCRIBE', { id: 'none' });
    if (await check()) return n;
  }
  throw new Error(`${most} messages were not enough`);
}

describe('a client that does not read', { concurrency: 3 }, () => {
  for (const transport of ['ws', 'tcp']) {
    test(`queue-policy = close over ${transport}: it is closed with 4500`, async (t) => {
      const server = await start({ t, tcp: true, set: ['tcp.queue-size=256k', ...limits({ 'queue-size': '256k' })] });
      const stuck = await stuckReader(t, server, { transport });
      const publisher = await stomp(server, { t });
      await publishUntil(publisher, '/topic/stuck', async () => (await server.stats()).closed_queue === 1);
      stuck.resume();
      await stuck.waitForClose(8000);
      if (transport === 'ws') {
        assert.equal(stuck.closed.code, 4500);
        assert.equal(stuck.closed.reason, 'Failed to send message within the configured send limit');
      }
      const got = stuck.frames.filter((f) => f.command === 'MESSAGE').map((f) => Number(f.body.split(':')[0]));
      assert.deepEqual(got, got.map((_, i) => i), 'what it got has no gap');
      const stats = await server.stats();
      assert.equal(stats.dropped_queue, 0);
      assert.equal(stats.closed_queue, 1);
      await until(async () => (await server.stats()).subscriptions === 0, 'its subscription is gone');
    });
  }

  for (const policy of ['drop-oldest', 'drop-newest']) {
    test(`queue-policy = ${policy}: MESSAGEs are dropped, answers are not`, async (t) => {
      const server = await start({ t, set: limits({ 'queue-size': '256k', 'queue-policy': policy, 'send-timeout': '1m' }) });
      const stuck = await stuckReader(t, server);
      const publisher = await stomp(server, { t });
      const receipts = [];
      let asked = 0;
      const sent = await publishUntil(publisher, '/topic/stuck', async () => {
        asked += 1;
        receipts.push(`answer-${asked}`);
        stuck.frame('UNSUBSCRIBE', { id: 'none', receipt: `answer-${asked}` });
        return (await server.stats()).dropped_queue >= 30;
      });
      // The workers of publisher and subscriber are not in step: the last messages may still be on their way.
      const settled = ({ delivered, dropped_queue: dropped }) =>
        (policy === 'drop-oldest' ? delivered : delivered + dropped) === sent;
      await until(async () => settled(await server.stats()), 'all messages are queued or dropped');
      const dropped = (await server.stats()).dropped_queue;
      stuck.resume();
      for (const id of receipts) await stuck.receipt(id, 15000);
      publisher.send('/topic/stuck', 'last');
      await stuck.when(() => (stuck.frames.at(-1)?.body === 'last' ? true : undefined), 15000, 'the last message');
      const got = stuck.frames.slice(0, -1).map((f) => Number(f.body.split(':')[0]));
      assert.deepEqual(got, [...got].sort((a, b) => a - b), 'what it got is in order');
      assert.equal(got.length, sent - dropped);
      assert.equal((await server.stats()).delivered - (await server.stats()).dropped_queue <= sent + 1, true);
      if (policy === 'drop-oldest') {
        assert.equal(got.at(-1), sent - 1, 'the newest message is there');
      } else {
        assert.notEqual(got.at(-1), sent - 1, 'the newest message was dropped');
        assert.equal(got[got.length - 1], got.length - 1, 'the oldest ones are all there');
      }
      assert.equal((await server.stats()).closed_queue, 0);
    });
  }

  test('with a policy of dropping, a client that only asks and never reads is closed in the end', async (t) => {
    const server = await start({ t, set: limits({ 'queue-size': '68k', 'queue-policy': 'drop-oldest', 'send-timeout': '1m' }) });
    const stuck = await stomp(server, { t });
    stuck.pause();
    const receipt = 'r'.repeat(4000);
    for (let i = 0; i < 200; i++) {
      for (let k = 0; k < 20; k++) stuck.frame('UNSUBSCRIBE', { id: 'none', receipt });
      await sleep(2);
      if ((await server.stats()).closed_queue === 1) break;
    }
    assert.equal((await server.stats()).closed_queue, 1);
    stuck.resume();
    await stuck.waitForClose(8000);
    assert.equal(stuck.closed.code, 4500);
  });

  test('queue-messages bounds the number of messages', async (t) => {
    const server = await start({ t, set: limits({ 'queue-size': '64m', 'queue-messages': 50, 'queue-policy': 'drop-newest', 'send-timeout': '1m' }) });
    const stuck = await stuckReader(t, server);
    const publisher = await stomp(server, { t });
    await publishUntil(publisher, '/topic/stuck', async () => (await server.stats()).dropped_queue >= 20);
    stuck.frame('UNSUBSCRIBE', { id: 'none', receipt: 'in-a-full-queue' });
    await sleep(100);
    assert.equal((await server.stats()).closed_queue, 0);
    stuck.resume();
    await stuck.receipt('in-a-full-queue', 15000);
  });

  test('a burst larger than the queue is no reason while the client reads', async (t) => {
    const server = await start({ t, set: limits({ 'queue-size': '68k', 'queue-messages': 10 }) });
    const reader = await stomp(server, { t });
    await reader.subscribe('/topic/burst');
    const publisher = await stomp(server, { t });
    publisher.raw(`SEND\ndestination:/topic/burst\n\n${'x'.repeat(100)}\0`.repeat(400));
    assert.equal((await reader.messages(400)).length, 400);
    assert.equal((await server.stats()).closed_queue, 0);
  });

  test('send-timeout: a send without progress closes the session, with or without more messages', async (t) => {
    const server = await start({ t, set: limits({ 'queue-size': '64m', 'queue-messages': 100000, 'send-timeout': '1s' }) });
    const stuck = await stuckReader(t, server);
    const publisher = await stomp(server, { t });
    let n = 0;
    // Enough that the socket cannot hold it.
    await publishUntil(publisher, '/topic/stuck', async () => { n += 1; return n >= 40; });
    const begin = performance.now();
    await until(async () => (await server.stats()).closed_stalled === 1, 'the session is closed');
    assert.ok(performance.now() - begin < 10000, 'it took as long as without being told');
    await until(async () => (await server.stats()).subscriptions === 0);
    stuck.resume();
    await stuck.waitForClose(10000);
    await until(async () => (await server.stats()).connections === 1, 'only the publisher is left', 8000);
  });

  test('send-timeout spares a client that reads slowly', async (t) => {
    const server = await start({ t, set: limits({ 'queue-size': '128m', 'queue-messages': 100000, 'send-timeout': '3s' }) });
    const slow = await stuckReader(t, server);
    const publisher = await stomp(server, { t });
    // 80 messages a second from the start on, 1.2 MB of 60, whenever the timer comes.
    let goal = 0;
    let last = performance.now();
    slow.socket.on('message', () => { if (slow.frames.length >= goal) slow.pause(); });
    const reading = setInterval(() => {
      const now = performance.now();
      goal = slow.frames.length + 0.08 * (now - last);
      last = now;
      slow.resume();
    }, 250);
    t.after(() => clearInterval(reading));
    const sent = 4000;
    for (let i = 0; i < sent; i += 100) { // in steps, for the reader shares this thread
      publisher.raw(`SEND\ndestination:/topic/stuck\n\n${BODY}\0`.repeat(100));
      await publisher.request('UNSUBSCRIBE', { id: 'none' });
    }
    await sleep(7000);
    clearInterval(reading);
    assert.equal((await server.stats()).closed_stalled, 0);
    assert.ok(slow.frames.length < sent, 'it was behind all the time');
    goal = Infinity;
    slow.resume();
    await slow.when(() => (slow.frames.length === sent ? true : undefined), 15000, 'all messages');
    assert.equal(slow.closed, null);
  });
});

describe('a slow client costs nobody', () => {
  test('hundreds of others get everything promptly beside one that does not read', async (t) => {
    const others = slowness > 1 ? 100 : 300;
    const server = await start({ t, set: ['server.workers=2', ...limits({ 'queue-size': '512k', 'send-timeout': '1h' })] });
    const stuck = await stomp(server, { t });
    for (const topic of ['/topic/crowd', '/topic/stuck']) await stuck.subscribe(topic);
    stuck.pause();
    const readers = [];
    for (let i = 0; i < others; i += 50) {
      readers.push(...await Promise.all(Array.from({ length: 50 }, () => stomp(server, { t }))));
    }
    await Promise.all(readers.map((reader) => reader.subscribe('/topic/crowd')));
    const publisher = await stomp(server, { t });
    let slowest = 0;
    let rounds = 0;
    for (; rounds < 400 && (await server.stats()).closed_queue === 0; rounds++) {
      const begin = performance.now();
      for (let i = 0; i < 10; i++) publisher.send('/topic/stuck', BODY); // fills what lies before the one
      publisher.send('/topic/crowd', `${rounds}:hello`);
      await Promise.all(readers.map(async (reader) => {
        const message = await reader.expect('MESSAGE');
        assert.equal(Number(message.body.split(':')[0]), rounds);
      }));
      slowest = Math.max(slowest, performance.now() - begin);
    }
    t.diagnostic(`${rounds} rounds to ${others} readers, the slowest took ${Math.round(slowest)} ms`);
    assert.ok(rounds < 400, 'the stuck reader was never noticed');
    stuck.resume();
    await stuck.waitForClose(8000);
    assert.equal(stuck.closed.code, 4500);
    const stats = await server.stats();
    assert.equal(stats.closed_queue, 1);
    assert.equal(stats.dropped_queue, 0);
    assert.equal(stats.sessions, others + 1);
  });

  test('worker-queue: publishers that outrun a worker are slowed down in time: nothing is lost', async (t) => {
    const server = await start({ t, set: ['server.workers=2', ...limits({ 'worker-queue': 10000, 'queue-size': '64m', 'queue-messages': 1000000 })] });
    const readers = [];
    for (let i = 0; i < 4; i++) {
      const reader = await stomp(server, { t });
      await reader.subscribe('/topic/flood');
      readers.push(reader);
    }
    const publishers = await Promise.all(Array.from({ length: 4 }, () => stomp(server, { t })));
    const each = slowness > 1 ? 2000 : 10000;
    for (const publisher of publishers) publisher.raw('SEND\ndestination:/topic/flood\n\nx\0'.repeat(each));
    await Promise.all(publishers.map((publisher) => publisher.request('UNSUBSCRIBE', { id: 'none' }, '', 20000)));
    for (const reader of readers) {
      await reader.when(() => (reader.frames.length === each * 4 ? true : undefined), 20000, 'all messages');
    }
    const stats = await server.stats();
    assert.equal(stats.dropped_congested, 0);
    t.diagnostic(`reads paused ${stats.reads_paused} times`);
  });

  for (const transport of ['ws', 'tcp']) {
    test(`worker-queue: what one read brings may be more than the queue holds, over ${transport}`, async (t) => {
      const server = await start({ t, tcp: true, set: ['server.workers=2', ...limits({ 'worker-queue': 100, 'queue-size': '64m', 'queue-messages': 1000000 })] });
      const readers = [];
      for (let i = 0; i < 6; i++) {
        const reader = await stomp(server, { t });
        await reader.subscribe('/topic/burst');
        readers.push(reader);
      }
      const publishers = await Promise.all(Array.from({ length: 12 }, () => stomp(server, { t, transport })));
      const each = 400;
      const burst = Array.from({ length: each }, (_, i) => `SEND\ndestination:/topic/burst\n\n${i}\0`).join('');
      // The last two come while what stands before them is still held back.
      for (const publisher of publishers) {
        publisher.raw(burst);
        publisher.raw(`SEND\ndestination:/topic/burst\nreceipt:last\n\n${each}\0DISCONNECT\nreceipt:bye\n\n\0`);
      }
      await Promise.all(publishers.map((publisher) => publisher.receipt('bye', 20000)));
      const total = (each + 1) * publishers.length;
      for (const reader of readers) await reader.when(() => (reader.frames.length === total ? true : undefined), 20000, 'all messages');
      // Each publisher's order is kept: every number comes for the nth time only after the one below.
      const seen = Array.from({ length: each + 1 }, () => 0);
      for (const frame of readers[0].frames) {
        const n = Number(frame.body);
        seen[n] += 1;
        assert.ok(n === 0 || seen[n] <= seen[n - 1], 'in order');
      }
      const stats = await server.stats();
      assert.equal(stats.dropped_congested, 0);
      assert.ok(stats.reads_paused > 0);
    });
  }

  test('worker-queue: many COMMITs at once wait for each other', async (t) => {
    // Half of the queue, and a transaction of each worker, fit.
    const each = 1000;
    const server = await start({ t, set: ['server.workers=2', ...limits({ 'worker-queue': 4200, 'queue-size': '64m', 'queue-messages': 1000000 })] });
    const readers = [];
    for (let i = 0; i < 12; i++) {
      const reader = await stomp(server, { t });
      await reader.subscribe('/topic/commit');
      readers.push(reader);
    }
    const publishers = await Promise.all(Array.from({ length: 16 }, () => stomp(server, { t })));
    for (const publisher of publishers) {
      publisher.frame('BEGIN', { transaction: 't' });
      publisher.raw('SEND\ndestination:/topic/commit\ntransaction:t\n\nx\0'.repeat(each));
      await publisher.request('UNSUBSCRIBE', { id: 'none' }, '', 20000);
    }
    await Promise.all(publishers.map((publisher) => publisher.request('COMMIT', { transaction: 't' }, '', 20000)));
    const total = each * publishers.length;
    for (const reader of readers) await reader.when(() => (reader.frames.length === total ? true : undefined), 30000, 'all messages');
    assert.equal((await server.stats()).dropped_congested, 0);
  });
});

describe('file descriptors', () => {
  test('at the limit accepting pauses, who is connected goes on, and it resumes', async (t) => {
    // A program that lowers the limit and becomes the server: the harness has no option for it.
    const dir = mkdtempSync(join(tmpdir(), 'plugboard-nofile-'));
    const script = join(dir, 'run');
    writeFileSync(script, `#!/bin/sh\nulimit -n 200\nexec "$@"\n`);
    chmodSync(script, 0o755);
    const child = spawn(script, [program, '--set', 'http.listen=127.0.0.1:0', '--set', 'server.workers=2'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const log = [];
    let rest = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      log.push(...lines);
    });
    const ended = new Promise((done) => { child.on('close', (code, signal) => done({ code, signal })); });
    t.after(() => { child.kill('SIGKILL'); rmSync(dir, { recursive: true, force: true }); });
    const line = await until(() => log.find((l) => /listening on http/.test(l)), 'the server');
    await until(() => log.some((l) => /: ready/.test(l)), 'ready');
    const server = { httpPort: Number(/:(\d+)$/.exec(line)[1]), url: (path, scheme) => `${scheme}://127.0.0.1:${server.httpPort}${path}` };
    const stat = async (name) => {
      const from = log.length;
      child.kill('SIGUSR1');
      const found = await until(() => log.slice(from).find((l) => /: stats /.test(l)), 'stats');
      return Number(new RegExp(` ${name}=(\\d+)`).exec(found)[1]);
    };

    const first = await stomp(server, { t });
    await first.subscribe('/topic/fd');
    const extra = [];
    for (let i = 0; i < 260; i++) {
      const wire = new Wire(server.httpPort);
      wire.opened.catch(() => {});
      extra.push(wire);
    }
    t.after(() => { for (const wire of extra) wire.destroy(); });
    await until(async () => (await stat('accept_paused')) > 0, 'a pause', 8000);
    const served = await stat('connections');
    assert.ok(served > 100 && served < 200, `${served} connections`);

    // It is alive for who is connected, and does not spin: a pause is 100 ms, per worker.
    const begin = performance.now();
    const pausesBefore = await stat('accept_paused');
    await sleep(1000);
    const pauses = (await stat('accept_paused')) - pausesBefore;
    const seconds = (performance.now() - begin) / 1000;
    assert.ok(pauses <= 10 + 20 * seconds, `${pauses} pauses in ${seconds} s`);
    for (let i = 0; i < 20; i++) {
      await first.request('SEND', { destination: '/topic/fd' }, String(i));
      await first.expect('MESSAGE');
    }
    const warnings = () => log.filter((l) => /accepting is paused/.test(l)).length;
    assert.equal(warnings(), 1, log.join('\n'));

    for (const wire of extra) wire.destroy();
    await until(async () => (await stat('connections')) === 1, 'the others are gone', 10000);
    const again = await stomp(server, { t });
    await again.request('SEND', { destination: '/topic/fd' }, 'after');
    assert.equal((await first.expect('MESSAGE')).body, 'after');
    assert.equal(warnings(), 1);
    child.kill('SIGTERM');
    assert.deepEqual(await ended, { code: 0, signal: null }, log.slice(-40).join('\n'));
    assert.ok(!log.some((l) => /Sanitizer/.test(l)), log.slice(-60).join('\n'));
  });
});
