// STOMP clients that do no more than they are told: bytes out, frames in. For tests that look at
// the wire; the library that applications use is @stomp/stompjs.
//
//   const client = await stomp(server);            // WebSocket, CONNECTED
//   await client.subscribe('/topic/a');            // waits for the receipt
//   client.send('/topic/a', 'hello');
//   const message = await client.expect('MESSAGE');
//
// `stomp(server, { transport: 'tcp' })` speaks plain TCP. `open(...)` stops before CONNECT.

import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';

import WebSocket from 'ws';

import { slowness, sleep, within } from './server.mjs';

const ESCAPES = { '\\': '\\\\', '\r': '\\r', '\n': '\\n', ':': '\\c' };
const UNESCAPES = { '\\\\': '\\', '\\r': '\r', '\\n': '\n', '\\c': ':' };

// One frame as bytes. headers: an object, or [name, value] pairs where order or repetition matters.
export function encode(command, headers = {}, body = '') {
  const plain = command === 'CONNECT';
  const escape = (text) => (plain ? text : String(text).replace(/[\\\r\n:]/g, (c) => ESCAPES[c]));
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  const head = pairs.map(([name, value]) => `${escape(name)}:${escape(value)}\n`).join('');
  return Buffer.concat([Buffer.from(`${command}\n${head}\n`), Buffer.from(body), Buffer.from([0])]);
}

// Where the head ends and the body begins; lines may end with CR LF.
function endOfHead(bytes, at) {
  for (let eol = bytes.indexOf(0x0a, at); eol >= 0; eol = bytes.indexOf(0x0a, eol + 1)) {
    const end = bytes[eol - 1] === 0x0d ? eol - 1 : eol;
    if (bytes[eol + 1] === 0x0a) return { end, body: eol + 2 };
    if (bytes[eol + 1] === 0x0d && bytes[eol + 2] === 0x0a) return { end, body: eol + 3 };
  }
  return null;
}

// Takes one frame, or null when it is incomplete, from the start of bytes; counts heart-beats before it.
// lines: the header lines as they came, for those who speak 1.0, where nothing is escaped.
export function decode(bytes) {
  let at = 0;
  let beats = 0;
  for (;;) {
    if (bytes[at] === 0x0a) at += 1;
    else if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
    else break;
    beats += 1;
  }
  const nothing = { frame: null, used: at, beats };
  const head = endOfHead(bytes, at);
  if (!head) return nothing;
  const lines = bytes.toString('utf8', at, head.end).split(/\r?\n/);
  const command = lines.shift();
  const unescape = (text) => (command === 'CONNECTED' ? text : text.replace(/\\[\\rnc]/g, (c) => UNESCAPES[c]));
  const pairs = lines.map((line) => {
    const colon = line.indexOf(':');
    assert.ok(colon > 0, `header line without a name: ${JSON.stringify(line)}`);
    return [unescape(line.slice(0, colon)), unescape(line.slice(colon + 1))];
  });
  const headers = {};
  for (const [name, value] of pairs) headers[name] ??= value;

  const start = head.body;
  let stop;
  if (headers['content-length'] !== undefined) {
    stop = start + Number(headers['content-length']);
    if (bytes.length <= stop) return nothing;
    assert.equal(bytes[stop], 0, `no NUL after the body of ${command}`);
  } else {
    stop = bytes.indexOf(0, start);
    if (stop < 0) return nothing;
  }
  const body = bytes.subarray(start, stop);
  return {
    frame: { command, headers, pairs, lines, bytes: body, body: body.toString('utf8') }, used: stop + 1, beats,
  };
}

// What both transports share: frames in, in order, with bounded waiting.
class Client {
  constructor() {
    this.frames = []; // arrived and not yet taken
    this.heartbeats = 0;
    this.buffer = Buffer.alloc(0);
    this.behindFrame = false; // the last thing that came was a frame
    this.lineEnds = false; // each frame is followed by one
    this.closed = null; // { code, reason } of a WebSocket, {} of TCP
    this.waiting = new Set();
    this.lastReceipt = 0;
    this.lastSubscription = 0;
    this.broken = null; // the first thing that was not STOMP
  }

  onBytes(bytes) {
    this.buffer = Buffer.concat([this.buffer, bytes]);
    try {
      for (;;) {
        const { frame, used, beats } = decode(this.buffer);
        // Over TCP the line end behind a frame is no beat.
        const trailing = this.behindFrame && this.lineEnds && this.buffer.length > 0 && (this.buffer[0] === 0x0a || this.buffer[0] === 0x0d);
        this.heartbeats += beats - (trailing && beats ? 1 : 0);
        if (frame) this.behindFrame = true;
        else if (used) this.behindFrame = false;
        this.buffer = this.buffer.subarray(used);
        if (!frame) break;
        this.frames.push(frame);
      }
    } catch (error) {
      this.broken ||= error;
    }
    this.wake();
  }

  onClosed(how) {
    this.closed ||= how;
    this.wake();
  }

  wake() {
    for (const look of [...this.waiting]) look();
  }

  // Resolves with the first thing other than undefined that look() gives; asks after every arrival.
  async when(look, ms, what) {
    let check;
    const found = new Promise((done, broken) => {
      // Leaves the set at once: look() may take a frame, and the next one may arrive before those
      // who wait for the promise run.
      const settle = (how, value) => {
        this.waiting.delete(check);
        how(value);
      };
      check = () => {
        if (this.broken) return settle(broken, this.broken);
        try {
          const value = look();
          if (value !== undefined) return settle(done, value);
        } catch (error) {
          return settle(broken, error);
        }
        return undefined;
      };
      this.waiting.add(check);
      check();
    });
    try {
      return await within(found, ms, what);
    } finally {
      this.waiting.delete(check);
    }
  }

  // The next frame.
  next(ms = 5000) {
    return this.when(() => {
      if (this.frames.length > 0) return this.frames.shift();
      if (this.closed) throw new Error(`closed while a frame was awaited: ${JSON.stringify(this.closed)}`);
      return undefined;
    }, ms, 'a frame');
  }

  // The next frame, which must be this command and have these headers.
  async expect(command, headers = {}, ms = 5000) {
    const frame = await this.next(ms);
    const shown = `${frame.command} ${JSON.stringify(frame.headers)} ${JSON.stringify(frame.body)}`;
    assert.equal(frame.command, command, `got ${shown}`);
    for (const [name, value] of Object.entries(headers)) {
      assert.equal(frame.headers[name], String(value), `header ${name} of ${shown}`);
    }
    return frame;
  }

  // The next n frames, which must be MESSAGEs.
  async messages(n, ms = 5000) {
    const all = [];
    while (all.length < n) all.push(await this.expect('MESSAGE', {}, ms));
    return all;
  }

  // Takes the RECEIPT out of the order of the other frames.
  receipt(id, ms = 5000) {
    return this.when(() => {
      const at = this.frames.findIndex((f) => f.command === 'RECEIPT' && f.headers['receipt-id'] === String(id));
      if (at >= 0) return this.frames.splice(at, 1)[0];
      const error = this.frames.find((f) => f.command === 'ERROR');
      if (error) throw new Error(`ERROR instead of a receipt: ${JSON.stringify(error.headers)} ${error.body}`);
      if (this.closed) throw new Error(`closed while a receipt was awaited: ${JSON.stringify(this.closed)}`);
      return undefined;
    }, ms, `receipt ${id}`);
  }

  // Nothing but heart-beats may arrive for so long.
  async expectSilence(ms = 200) {
    await sleep(ms * slowness);
    if (this.broken) throw this.broken;
    assert.deepEqual(this.frames.map((f) => `${f.command} ${JSON.stringify(f.headers)} ${f.body}`), []);
  }

  waitForClose(ms = 5000) {
    return this.when(() => this.closed ?? undefined, ms, 'the end of the connection');
  }

  // The ERROR frame that ends the connection, and the end.
  async expectError(pattern = /./, ms = 5000) {
    const frame = await this.expect('ERROR', {}, ms);
    assert.match(`${frame.headers.message}\n${frame.body}`, pattern);
    await this.waitForClose(ms);
    return frame;
  }

  frame(command, headers, body) {
    this.raw(encode(command, headers, body));
  }

  async connect(headers = {}) {
    this.frame('CONNECT', { 'accept-version': '1.2', host: '127.0.0.1', 'heart-beat': '0,0', ...headers });
    this.session = await this.expect('CONNECTED');
    return this.session;
  }

  nextReceipt() {
    this.lastReceipt += 1;
    return `receipt-${this.lastReceipt}`;
  }

  // Sends the frame with a receipt header and waits for the RECEIPT.
  async request(command, headers = {}, body = '', ms = 5000) {
    const receipt = this.nextReceipt();
    this.frame(command, { ...headers, receipt }, body);
    return this.receipt(receipt, ms);
  }

  // Gives the subscription's id, after the server has confirmed it.
  async subscribe(destination, headers = {}) {
    this.lastSubscription += 1;
    const id = headers.id ?? `sub-${this.lastSubscription}`;
    await this.request('SUBSCRIBE', { destination, ...headers, id });
    return id;
  }

  async unsubscribe(id) {
    return this.request('UNSUBSCRIBE', { id });
  }

  send(destination, body = '', headers = {}) {
    this.frame('SEND', { destination, ...headers }, body);
  }

  async disconnect() {
    await this.request('DISCONNECT');
    this.close();
    await this.waitForClose();
  }
}

class WebSocketClient extends Client {
  constructor(url, { protocols = ['v12.stomp'], origin, headers = {}, ...options } = {}) {
    super();
    this.socket = new WebSocket(url, protocols, { origin, headers, perMessageDeflate: false, ...options });
    this.opened = new Promise((done, broken) => {
      this.socket.on('open', done);
      this.socket.on('error', (error) => {
        broken(error);
        this.onClosed({ code: 1006, reason: error.message });
      });
      this.socket.on('unexpected-response', (request, response) => {
        const error = new Error(`HTTP ${response.statusCode} instead of a WebSocket`);
        error.statusCode = response.statusCode;
        error.headers = response.headers;
        response.resume();
        request.destroy();
        broken(error);
      });
    });
    this.wsMessages = []; // { binary, bytes } as they came, heart-beats too
    this.socket.on('message', (bytes, binary) => {
      this.wsMessages.push({ binary, bytes });
      this.onBytes(bytes);
    });
    this.socket.on('close', (code, reason) => this.onClosed({ code, reason: reason.toString() }));
  }

  get protocol() { return this.socket.protocol; }

  // Sends bytes or text as one WebSocket message.
  raw(data, { binary = false } = {}) {
    this.socket.send(data, { binary });
  }

  // Stops and resumes reading, to be a slow client.
  pause() { this.socket.pause(); }
  resume() { this.socket.resume(); }

  close(code = 1000) { this.socket.close(code); }
  terminate() { this.socket.terminate(); }
}

class TcpClient extends Client {
  constructor(port, secure) {
    super();
    this.lineEnds = true;
    const to = { port, host: '127.0.0.1', noDelay: true };
    this.socket = secure ? tls.connect({ ...to, ...secure }) : net.connect(to);
    this.opened = new Promise((done, broken) => {
      this.socket.on(secure ? 'secureConnect' : 'connect', done);
      this.socket.on('error', broken);
    });
    this.socket.on('data', (bytes) => this.onBytes(bytes));
    this.socket.on('end', () => this.onClosed({}));
    this.socket.on('close', () => this.onClosed({}));
  }

  raw(data) { this.socket.write(data); }
  pause() { this.socket.pause(); }
  resume() { this.socket.resume(); }
  close() { this.socket.end(); }
  terminate() { this.socket.destroy(); }
}

// Opens the connection without CONNECT.
//   transport  'ws' (default) or 'tcp'
//   t          the test's context; ends the connection when the test ends
//   path       of the WebSocket endpoint, /ws
//   tls        { port, ca, ... } of a TLS listener, as node:tls takes them
//   and what WebSocketClient takes: protocols, origin, headers
export async function open(server, { transport = 'ws', t, path = '/ws', tls: secure, ...options } = {}) {
  const client = transport === 'tcp'
    ? new TcpClient(secure?.port ?? server.tcpPort, secure)
    : new WebSocketClient(secure ? `wss://127.0.0.1:${secure.port}${path}` : server.url(path, 'ws'), { ...secure, ...options });
  t?.after(() => client.terminate());
  try {
    await within(client.opened, 5000, 'opening the connection');
  } catch (error) {
    client.terminate();
    throw error;
  }
  return client;
}

// Opens the connection and sends CONNECT with these further headers.
export async function stomp(server, { connect = {}, ...options } = {}) {
  const client = await open(server, options);
  await client.connect(connect);
  return client;
}
