// The WebSocket protocol (RFC 6455) as the server speaks it, looked at frame by frame, and how the
// server says goodbye.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, closePayload, wsFrame } from './lib/wire.mjs';

let server;
before(async () => { server = await start({ set: ['limits.max-frame-size=64k'] }); });
after(() => server?.stop());

const CONNECT = 'CONNECT\naccept-version:1.2\n\n\0';

async function connected(t, from = server) {
  const wire = await Wire.upgrade(from, { t });
  wire.ws(CONNECT);
  assert.match((await wire.frame()).payload.toString(), /^CONNECTED\n/);
  return wire;
}

// Its session works: a request is answered.
async function works(wire) {
  wire.ws('UNSUBSCRIBE\nid:x\nreceipt:works\n\n\0');
  const frame = await wire.frame();
  assert.equal(frame.payload.toString(), 'RECEIPT\nreceipt-id:works\n\n\0');
}

describe('frames', { concurrency: 8 }, () => {
  test('every length form is read', async (t) => {
    const wire = await connected(t);
    for (const [n, form] of [[0, 7], [125, 7], [126, 16], [127, 16], [5000, 16], [65535, 16], [65536, 64], [70000, 64]]) {
      wire.ws('\n'.repeat(n), { form });
    }
    await works(wire);
  });

  test('an answer uses the shortest length form, unmasked, in one frame', async (t) => {
    const wire = await connected(t);
    const { payload: received } = await (async () => {
      wire.ws(`SUBSCRIBE\nid:s\ndestination:/topic/len\nreceipt:r\n\n\0`);
      return wire.frame();
    })();
    assert.match(received.toString(), /^RECEIPT/);
    for (const n of [1, 50, 100, 200, 60000]) {
      wire.ws(`SEND\ndestination:/topic/len\n\n${'x'.repeat(n)}\0`);
      const size = await wire.when(() => (wire.buffer.length >= 2 ? wire.buffer[1] : undefined), 5000, 'a frame');
      const frame = await wire.frame();
      assert.equal(size, frame.payload.length < 126 ? frame.payload.length : 126);
      assert.ok(frame.fin);
      assert.equal(frame.opcode, TEXT);
    }
  });

  test('empty messages and empty fragments are nothing', async (t) => {
    const wire = await connected(t);
    wire.ws('');
    wire.ws('', { opcode: BINARY });
    wire.ws('', { fin: false });
    wire.ws('', { opcode: CONTINUATION, fin: false });
    wire.ws('', { opcode: CONTINUATION });
    await works(wire);
  });

  test('control frames may come between fragments', async (t) => {
    const wire = await connected(t);
    const bytes = Buffer.from('UNSUBSCRIBE\nid:é€\u{1F600}\nreceipt:r\n\n\0');
    for (let i = 0; i < bytes.length; i++) {
      wire.ws(bytes.subarray(i, i + 1), { opcode: i ? CONTINUATION : TEXT, fin: i === bytes.length - 1 });
      if (i % 10 === 5) {
        wire.ws(`p${i}`, { opcode: PING });
        const pong = await wire.frame();
        assert.equal(pong.opcode, PONG);
        assert.equal(pong.payload.toString(), `p${i}`);
      }
    }
    assert.match((await wire.frame()).payload.toString(), /^RECEIPT/);
  });

  test('frames may arrive byte by byte', async (t) => {
    const wire = await connected(t);
    for (const byte of wsFrame('UNSUBSCRIBE\nid:x\nreceipt:slow\n\n\0')) {
      await wire.write(Buffer.from([byte]));
      await sleep(1);
    }
    assert.match((await wire.frame()).payload.toString(), /receipt-id:slow/);
  });

  test('many frames in one packet', async (t) => {
    const wire = await connected(t);
    const n = 500;
    wire.write(Buffer.concat(Array.from({ length: n }, (_, i) => wsFrame(`UNSUBSCRIBE\nid:x\nreceipt:${i}\n\n\0`))));
    for (let i = 0; i < n; i++) assert.equal((await wire.frame()).payload.toString(), `RECEIPT\nreceipt-id:${i}\n\n\0`);
  });

  test('pings are answered with their payload, also before CONNECT', async (t) => {
    const wire = await Wire.upgrade(server, { t });
    for (const payload of ['', 'x', 'y'.repeat(125), '\0\xff']) {
      const bytes = Buffer.from(payload, 'latin1');
      wire.ws(bytes, { opcode: PING });
      const frame = await wire.frame();
      assert.equal(frame.opcode, PONG);
      assert.ok(frame.payload.equals(bytes));
    }
  });

  test('pongs nobody asked for are ignored', async (t) => {
    const wire = await connected(t);
    wire.ws('unasked', { opcode: PONG });
    wire.ws('', { opcode: PONG });
    await works(wire);
  });

  const bad = {
    'reserved bit 1': wsFrame('\n', { rsv: 4 }),
    'reserved bit 2': wsFrame('\n', { rsv: 2 }),
    'reserved bit 3': wsFrame('\n', { rsv: 1 }),
    'opcode 3': wsFrame('x', { opcode: 3 }),
    'opcode 7': wsFrame('x', { opcode: 7 }),
    'opcode 11': wsFrame('x', { opcode: 11 }),
    'opcode 15': wsFrame('x', { opcode: 15 }),
    'a ping of 126 bytes': wsFrame('x'.repeat(126), { opcode: PING }),
    'a pong of 126 bytes': wsFrame('x'.repeat(126), { opcode: PONG }),
    'a Close of 126 bytes': wsFrame(closePayload(1000, 'x'.repeat(124)), { opcode: CLOSE }),
    'a fragmented ping': wsFrame('x', { opcode: PING, fin: false }),
    'a continuation of nothing': wsFrame('x', { opcode: CONTINUATION }),
    'a text within a fragmented text': Buffer.concat([wsFrame('\n', { fin: false }), wsFrame('\n')]),
    'a length with the highest bit': wsFrame('', { form: 64, length: 2n ** 63n + 5n }),
    'an unmasked frame': wsFrame('\n', { mask: false }),
    '16 bits for a short length': wsFrame('x', { form: 16 }),
    '64 bits for a short length': wsFrame('x', { form: 64 }),
    '64 bits for a length of 65535': wsFrame('x'.repeat(65535), { form: 64 }),
    'a Close with half a code': wsFrame('x', { opcode: CLOSE }),
  };
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) bad[`a Close with ${code}`] = wsFrame(closePayload(code), { opcode: CLOSE });
  for (const [name, bytes] of Object.entries(bad)) {
    test(`${name} fails the connection, and only this one`, async (t) => {
      const other = await connected(t);
      const wire = await connected(t);
      wire.write(Buffer.concat([bytes, wsFrame('SEND\ndestination:/topic/x\nreceipt:behind\n\n\0')]));
      const { code, reason } = await wire.closeFrame();
      assert.equal(code, 1002);
      assert.match(reason, /^[A-Z]/);
      assert.equal(await wire.waitForEnd(3000), 'end'); // at once, not after a time
      assert.equal(wire.buffer.length, 0);
      await works(other);
    });
  }

  test('every ping of a packet is answered, in order', async (t) => {
    const wire = await connected(t);
    wire.write(Buffer.concat(Array.from({ length: 50 }, (_, i) => wsFrame(`p${i}`, { opcode: PING }))));
    for (let i = 0; i < 50; i++) {
      const pong = await wire.frame();
      assert.equal(pong.opcode, PONG);
      assert.equal(pong.payload.toString(), `p${i}`);
    }
  });
  test('a pong comes in its place between the frames around it', async (t) => {
    const wire = await connected(t);
    const receipt = (id) => wsFrame(`UNSUBSCRIBE\nid:x\nreceipt:${id}\n\n\0`);
    wire.write(Buffer.concat([receipt('a'), wsFrame('p', { opcode: PING }), receipt('b')]));
    assert.match((await wire.frame()).payload.toString(), /receipt-id:a/);
    assert.equal((await wire.frame()).opcode, PONG);
    assert.match((await wire.frame()).payload.toString(), /receipt-id:b/);
  });
  test('a reason that is not UTF-8 in a Close is 1007', async (t) => {
    const wire = await connected(t);
    wire.ws(Buffer.from([0x03, 0xe8, 0xff]), { opcode: CLOSE });
    assert.equal((await wire.closeFrame()).code, 1007);
    await wire.waitForEnd(3000);
  });
  test('who pings without reading is closed by the limits of its queue', async (t) => {
    const own = await start({ t, set: ['limits.queue-messages=500'] });
    const wire = await connected(t, own);
    wire.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 500 }, () => wsFrame('x'.repeat(125), { opcode: PING })));
    await until(async () => {
      if (!wire.socket.destroyed) wire.socket.write(pings);
      return (await own.stats()).closed_queue === 1;
    }, 'a closed session', 60000);
  });

  test('a length that is only announced takes no memory', async (t) => {
    const wires = [];
    for (let i = 0; i < 10; i++) {
      const wire = await connected(t);
      wire.write(wsFrame('SEND\n', { length: 2 ** 40, opcode: BINARY }));
      wires.push(wire);
    }
    await sleep(100);
    await works(await connected(t));
    for (const wire of wires) wire.destroy();
  });
});

describe('UTF-8 in text messages', { concurrency: 8 }, () => {
  const latin1 = (text) => Buffer.from(text, 'latin1');
  const send = 'SEND\ndestination:/topic/utf8\n\n';
  const bad = {
    'a stray continuation byte': '\x80', 'an unfinished sequence': 'a\xc3', 'an overlong slash': '\xc0\xaf', 'an overlong NUL': '\xc0\x80',
    'a surrogate': '\xed\xa0\x80', 'above U+10FFFF': '\xf4\x90\x80\x80', 'five bytes': '\xf8\x88\x80\x80\x80', 'FF': '\xff', 'FE': '\xfe',
  };
  for (const [name, bytes] of Object.entries(bad)) {
    test(`${name}: ERROR, then 1007`, async (t) => {
      const wire = await connected(t);
      wire.ws(latin1(`${send}${bytes}\0`));
      const error = await wire.frame();
      assert.match(error.payload.toString(), /^ERROR\nmessage:a text message is not valid UTF-8\n/);
      assert.equal((await wire.closeFrame()).code, 1007);
    });
    test(`${name} in a binary message is fine`, async (t) => {
      const wire = await connected(t);
      wire.ws(latin1(`${send}${bytes}\0`), { opcode: BINARY });
      await works(wire);
    });
  }
  test('the end of a text message ends its characters', async (t) => {
    const wire = await connected(t);
    wire.ws(latin1(`${send}\xe2\x82`));
    wire.ws(latin1('\xac\0'));
    assert.match((await wire.frame()).payload.toString(), /^ERROR\n/);
    assert.equal((await wire.closeFrame()).code, 1007);
  });
  test('a character may be split over fragments and packets', async (t) => {
    const wire = await connected(t);
    const bytes = wsFrame(latin1(`${send}\xe2`), { fin: false });
    await wire.write(bytes.subarray(0, 10));
    await sleep(5);
    await wire.write(bytes.subarray(10));
    wire.ws(latin1('\x82'), { opcode: CONTINUATION, fin: false });
    wire.ws(latin1('\xac\0'), { opcode: CONTINUATION });
    await works(wire);
  });
  test('it is checked before CONNECT, too', async (t) => {
    const wire = await Wire.upgrade(server, { t });
    wire.ws(latin1('\xff'));
    assert.match((await wire.frame()).payload.toString(), /^ERROR\n/);
    assert.equal((await wire.closeFrame()).code, 1007);
  });
});

describe('closing', { concurrency: 8 }, () => {
  for (const [sent, answered] of [[1000, 1000], [1001, 1001], [1003, 1003], [1007, 1007], [1011, 1011], [1012, 1012], [1013, 1013], [1014, 1014], [3000, 3000], [4999, 4999]]) {
    test(`a Close with ${sent} is answered with ${answered}`, async (t) => {
      const wire = await connected(t);
      wire.ws(closePayload(sent, 'bye'), { opcode: CLOSE });
      assert.equal((await wire.closeFrame()).code, answered);
      await wire.waitForEnd();
    });
  }
  test('a Close without a code is answered', async (t) => {
    const wire = await connected(t);
    wire.ws('', { opcode: CLOSE });
    const { code } = await wire.closeFrame();
    assert.ok([1000, 1005].includes(code), String(code));
    await wire.waitForEnd();
  });
  test('nothing is sent behind the answer to a Close', async (t) => {
    const wire = await connected(t);
    const other = await connected(t);
    wire.ws('SUBSCRIBE\nid:s\ndestination:/topic/closing\nreceipt:r\n\n\0');
    await wire.frame();
    wire.ws(closePayload(1000), { opcode: CLOSE });
    for (let i = 0; i < 20; i++) other.ws('SEND\ndestination:/topic/closing\n\nx\0');
    let frame;
    do frame = await wire.frame(); while (frame.opcode !== CLOSE);
    await wire.waitForEnd();
    assert.equal(wire.buffer.length, 0);
    await works(other);
  });
  test('frames behind a Close do not count', async (t) => {
    const wire = await connected(t);
    const watcher = await stomp(server, { t });
    await watcher.subscribe('/topic/behind');
    wire.write(Buffer.concat([wsFrame(closePayload(1000), { opcode: CLOSE }), wsFrame('SEND\ndestination:/topic/behind\n\nx\0')]));
    await wire.closeFrame();
    await watcher.expectSilence(100);
  });
  test('after DISCONNECT: RECEIPT, Close 1000, and the end once the client has answered', async (t) => {
    const wire = await connected(t);
    wire.ws('DISCONNECT\nreceipt:bye\n\n\0');
    assert.equal((await wire.frame()).payload.toString(), 'RECEIPT\nreceipt-id:bye\n\n\0');
    assert.equal((await wire.closeFrame()).code, 1000);
    wire.ws(closePayload(1000), { opcode: CLOSE });
    await wire.waitForEnd();
  });
  test('after an ERROR: Close 1002, and the end also without an answer', async (t) => {
    const wire = await connected(t);
    wire.ws('FOO\n\n\0');
    assert.match((await wire.frame()).payload.toString(), /^ERROR\n/);
    assert.equal((await wire.closeFrame()).code, 1002);
    await wire.waitForEnd(15000);
  });
  test('a client that vanishes is noticed', async (t) => {
    const own = await start({ t });
    const wires = [];
    for (let i = 0; i < 20; i++) {
      const wire = await connected(t, own);
      wire.ws('SUBSCRIBE\nid:s\ndestination:/topic/v\nreceipt:r\n\n\0');
      await wire.frame();
      wires.push(wire);
    }
    for (const [i, wire] of wires.entries()) {
      if (i % 2) wire.socket.resetAndDestroy();
      else wire.destroy();
    }
    await until(async () => (await own.stats()).connections === 0, 'no connections');
    const stats = await own.stats();
    assert.equal(stats.sessions, 0);
    assert.equal(stats.subscriptions, 0);
  });
});

describe('the end of the server', { concurrency: 6 }, () => {
  test('SIGTERM: every session is closed with 1012, exit status 0', async (t) => {
    // So long that it would not end in time if it waited although all clients have gone.
    const own = await start({ t, tcp: true, set: ['server.workers=2', 'server.drain-time=10m'] });
    const clients = [];
    for (let i = 0; i < 12; i++) clients.push(await stomp(own, { t }));
    const idle = await open(own, { t }); // no CONNECT yet
    const plain = await stomp(own, { t, transport: 'tcp' });
    const http = await Wire.open(own.httpPort, t);
    http.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await http.response();
    const stopped = own.stop();
    for (const client of [...clients, idle]) {
      const { code, reason } = await client.waitForClose();
      assert.equal(code, 1012);
      assert.equal(reason, 'The server is restarting');
    }
    await plain.waitForClose();
    await stopped;
  });

  test('what was queued is still delivered', async (t) => {
    const own = await start({ t });
    const client = await stomp(own, { t });
    await client.subscribe('/topic/last');
    client.raw('SEND\ndestination:/topic/last\n\nx\0'.repeat(200) + 'UNSUBSCRIBE\nid:none\nreceipt:r\n\n\0');
    await client.receipt('r');
    await own.stop();
    await client.waitForClose();
    assert.equal(client.frames.filter((f) => f.command === 'MESSAGE').length, 200);
    assert.equal(client.closed.code, 1012);
  });

  test('what senders were told has been taken reaches everybody, also under load', async (t) => {
    for (let round = 0; round < 5; round++) {
      const own = await start({ t, set: ['server.workers=2', 'limits.queue-size=64m', 'limits.queue-messages=1000000'] });
      const subscribers = [];
      for (let i = 0; i < 6; i++) {
        const client = await stomp(own, { t });
        await client.subscribe('/topic/stop');
        subscribers.push(client);
      }
      const publishers = [];
      for (let i = 0; i < 6; i++) publishers.push(await stomp(own, { t }));
      let sent = 0;
      const pump = setInterval(() => {
        for (let i = 0; i < 50; i++) {
          const id = `m${sent++}`;
          publishers[sent % publishers.length].raw(`SEND\ndestination:/topic/stop\nreceipt:${id}\n\n${id}\0`);
        }
      }, 1);
      t.after(() => clearInterval(pump));
      await sleep(300);
      const told = publishers.flatMap((client) => client.frames.filter((f) => f.command === 'RECEIPT').map((f) => f.headers['receipt-id']));
      const stopped = own.stop();
      await Promise.all([...subscribers, ...publishers].map((client) => client.waitForClose()));
      clearInterval(pump);
      await stopped;
      const taken = publishers.flatMap((client) => client.frames.filter((f) => f.command === 'RECEIPT').map((f) => f.headers['receipt-id']));
      assert.ok(taken.length > 100, `only ${taken.length} receipts`);
      // Who is closed later gets more of the same, and each gets all that was taken before.
      const got = subscribers.map((client) => client.frames.filter((f) => f.command === 'MESSAGE').map((f) => f.body));
      const longest = got.reduce((a, b) => (a.length < b.length ? b : a));
      for (const bodies of got) assert.deepEqual(bodies, longest.slice(0, bodies.length));
      for (const bodies of got) {
        const set = new Set(bodies);
        assert.deepEqual(told.filter((id) => !set.has(id)), []);
      }
      for (const client of publishers) assert.equal(client.closed.code, 1012);
    }
  });

  test('no new connections while it stops; drain-time bounds how long it waits', async (t) => {
    const own = await start({ t, set: ['server.drain-time=5s'] });
    const wire = await connected(t, own); // never answers the Close
    const begin = performance.now();
    const stopped = own.stop();
    assert.match((await wire.frame()).payload.toString(), /^ERROR\nmessage:the server is restarting\n/);
    assert.equal((await wire.closeFrame()).code, 1012);
    // Each worker closes its listener by itself; what came in just before is reset.
    await until(async () => {
      const wire = new Wire(own.httpPort);
      const code = await wire.opened.then(() => 'accepted', (error) => error.code);
      wire.destroy();
      return code === 'ECONNREFUSED';
    }, 'refused connections');
    assert.equal(own.exit, null, 'it was still waiting');
    await stopped; // which it would not be, ever, without a bound
    const elapsed = performance.now() - begin;
    assert.ok(elapsed > 4900, `it ended after ${elapsed} ms`);
    await wire.waitForEnd();
  });

  test('stop-delay: /ready says so on new connections, all else goes on', async (t) => {
    const own = await start({ t, set: ['server.stop-delay=10m', 'server.drain-time=1s'] });
    const before = await stomp(own, { t });
    await before.subscribe('/topic/a');
    assert.equal((await fetch(own.url('/ready'))).status, 200);
    own.signal('SIGTERM');
    const ready = await until(async () => {
      const answer = await fetch(own.url('/ready'), { headers: { connection: 'close' } });
      return answer.status === 503 && answer.text();
    }, '/ready to say 503');
    assert.match(ready, /stopping/);
    const after = await stomp(own, { t });
    after.send('/topic/a', 'still here');
    assert.equal((await before.expect('MESSAGE')).body, 'still here');
    assert.ok((await own.stats()).sessions >= 2, 'signals are still answered');
    own.stopping = Promise.resolve(); // a second signal is the default one: it ends the process
    own.signal('SIGTERM');
    assert.deepEqual(await own.ended, { code: null, signal: 'SIGTERM' });
    const short = await start({ t, set: ['server.stop-delay=100ms'] });
    await short.stop();
    assert.ok(short.log.some((line) => /stopping in 100 ms/.test(line)));
  });

  test('drain-time = 0 waits for nobody', async (t) => {
    const own = await start({ t, set: ['server.drain-time=0'] });
    const wire = await connected(t, own);
    const begin = performance.now();
    await own.stop();
    assert.ok(performance.now() - begin < 10000, 'it waited as long as it does without being told');
    await wire.waitForEnd();
  });

  test('a client that does not read does not hold it up', async (t) => {
    const own = await start({ t, set: ['server.drain-time=1s', 'limits.queue-size=8m', 'limits.send-timeout=1h'] });
    const stuck = await stomp(own, { t });
    await stuck.subscribe('/topic/stuck');
    stuck.pause();
    const talker = await stomp(own, { t });
    for (let i = 0; i < 100; i++) talker.send('/topic/stuck', 'x'.repeat(60000));
    await talker.request('UNSUBSCRIBE', { id: 'none' });
    await own.stop();
  });
});

test('at the end all gauges are back to zero', async () => {
  await until(async () => (await server.stats()).connections === 0, 'no connections', 15000);
  const stats = await server.stats();
  assert.equal(stats.sessions, 0);
  assert.equal(stats.subscriptions, 0);
});
