// permessage-deflate with STOMP: agreed upon only where it is switched on, one message for clients
// with and without it, and limits on what comes out of a small message.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';

import WebSocket from 'ws';

import { start, until, within } from './lib/server.mjs';
import { decode, encode } from './lib/stomp.mjs';

async function connect(t, server, perMessageDeflate) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.httpPort}/ws`, ['v12.stomp'], { perMessageDeflate });
  const client = { socket, frames: [], code: null, raw: 0 };
  let bytes = Buffer.alloc(0);
  socket.on('message', (message) => {
    bytes = Buffer.concat([bytes, message]);
    for (;;) {
      const { frame, used } = decode(bytes);
      if (!frame) break;
      bytes = bytes.subarray(used);
      client.frames.push(frame);
    }
  });
  socket.on('close', (code) => { client.code = code; });
  const opened = new Promise((done, broken) => { socket.on('open', done); socket.on('error', broken); });
  t.after(() => socket.terminate());
  await within(opened, 10000, 'the handshake');
  socket.send(encode('CONNECT', { 'accept-version': '1.2', host: 'x' }));
  await until(() => client.frames.shift()?.command === 'CONNECTED', 'CONNECTED');
  return client;
}

const subscribe = async (client) => {
  client.socket.send(encode('SUBSCRIBE', { id: '0', destination: '/topic/a', receipt: 'r' }));
  await until(() => client.frames.some((frame) => frame.command === 'RECEIPT'), 'the receipt');
  client.frames.length = 0;
};

test('it is off, unless it is switched on and offered', async (t) => {
  const off = await start({ t });
  assert.equal((await connect(t, off, true)).socket.extensions, '');
  const on = await start({ t, set: ['endpoint /ws.deflate=on'] });
  assert.equal((await connect(t, on, false)).socket.extensions, '');
  assert.equal((await connect(t, on, true)).socket.extensions, 'permessage-deflate');
  assert.equal((await connect(t, on, { serverMaxWindowBits: 9 })).socket.extensions, '', 'a small window is not on offer');
});

test('clients with and without it hear each other', async (t) => {
  const server = await start({ t, set: ['endpoint /ws.deflate=on', 'server.workers=2'] });
  const clients = [await connect(t, server, true), await connect(t, server, false), await connect(t, server, { threshold: 0 }), await connect(t, server, true)];
  for (const client of clients) await subscribe(client);
  const bodies = Array.from({ length: 200 }, (_, i) => JSON.stringify({ i, text: 'é"x'.repeat((i * 37) % 400) }));
  const before = (await server.stats()).bytes_out;
  for (const [i, body] of bodies.entries()) clients[i % clients.length].socket.send(encode('SEND', { destination: '/topic/a' }, body));
  await until(() => clients.every((client) => client.frames.length >= bodies.length), 'all messages', 20000);
  for (const client of clients) {
    assert.deepEqual(client.frames.map((frame) => frame.body).sort(), [...bodies].sort());
    for (let own = 0; own < clients.length; own += 1) {
      assert.deepEqual(client.frames.map((frame) => frame.body).filter((body) => JSON.parse(body).i % clients.length === own),
        bodies.filter((_, i) => i % clients.length === own), 'in order');
    }
  }
  const plain = bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0);
  const written = (await server.stats()).bytes_out - before;
  assert.ok(written < plain * 2, `${written} bytes for four times ${plain}: three of the clients get compressed ones`);
});

test('a small message that is large, and one that is broken', async (t) => {
  const server = await start({ t, set: ['endpoint /ws.deflate=on', 'limits.max-inflated-message=64k'] });
  const packed = (bytes) => {
    const raw = deflateRawSync(bytes, { finishFlush: 2 /* Z_SYNC_FLUSH */ });
    return raw.subarray(0, raw.length - 4);
  };
  const send = (client, payload, { rsv1 = true, opcode = 2, fin = true } = {}) => {
    const head = payload.length < 126 ? Buffer.from([0, 0x80 | payload.length, 0, 0, 0, 0]) : Buffer.from([0, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0]);
    head[0] = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode;
    client.socket._socket.write(Buffer.concat([head, payload]));
  };
  for (const [what, code, act] of [
    ['a megabyte of zeros', 1009, (client) => send(client, packed(Buffer.alloc(1 << 20)))],
    ['no deflate', 1002, (client) => send(client, Buffer.from([0xff, 0xff, 0xff]))],
    ['RSV1 on a continuation', 1002, (client) => { send(client, Buffer.from([0]), { fin: false }); send(client, Buffer.from([0]), { opcode: 0 }); }],
    ['a text that is not UTF-8', 1007, (client) => send(client, packed(Buffer.from([0xff, 0xfe])), { opcode: 1 })],
  ]) {
    const client = await connect(t, server, true);
    act(client);
    await until(() => client.code !== null, what);
    assert.equal(client.code, code, what);
  }
  assert.equal((await server.stats()).refused_inflated, 1);
  const split = await connect(t, server, true);
  const bytes = packed(encode('SUBSCRIBE', { id: '0', destination: '/topic/a', receipt: 'r' }));
  send(split, bytes.subarray(0, 9), { fin: false });
  send(split, bytes.subarray(9), { opcode: 0, rsv1: false });
  await until(() => split.frames.some((frame) => frame.command === 'RECEIPT'), 'the receipt');
  const without = await connect(t, server, false);
  send(without, bytes);
  await until(() => without.code !== null, 'RSV1 that was not agreed upon');
  assert.equal(without.code, 1002);
});
