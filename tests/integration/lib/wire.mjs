// A TCP connection for tests that look below STOMP: HTTP byte by byte, WebSocket frames (RFC 6455)
// built by hand, right or wrong.
//
//   const wire = await Wire.open(server.httpPort);
//   wire.write('GET / HTTP/1.1\r\n...');
//   const { status, headers, body } = await wire.response();

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import net from 'node:net';

import { within } from './server.mjs';

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

// One WebSocket frame as a client sends it. length: what the header claims; form: 7, 16 or 64 bits
// for it instead of the shortest.
export function wsFrame(payload, { opcode = TEXT, fin = true, rsv = 0, mask = true, length, form } = {}) {
  const bytes = Buffer.from(payload);
  const n = length ?? bytes.length;
  const bits = form ?? (n < 126 ? 7 : n < 65536 ? 16 : 64);
  const head = Buffer.alloc(2 + (bits === 16 ? 2 : bits === 64 ? 8 : 0));
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (bits === 7 ? n : bits === 16 ? 126 : 127);
  if (bits === 16) head.writeUInt16BE(n, 2);
  if (bits === 64) head.writeBigUInt64BE(BigInt(n), 2);
  if (!mask) return Buffer.concat([head, bytes]);
  const key = Buffer.from([0x11, 0x22, 0x33, 0x44]);
  return Buffer.concat([head, key, bytes.map((b, i) => b ^ key[i & 3])]);
}

export function closePayload(code, reason = '') {
  const text = Buffer.from(reason);
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16BE(code);
  text.copy(bytes, 2);
  return bytes;
}

export class Wire {
  constructor(port, from) {
    this.buffer = Buffer.alloc(0);
    this.ended = null; // 'end' or the error's code
    this.waiting = new Set();
    this.socket = net.connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true, allowHalfOpen: true });
    this.socket.on('data', (bytes) => {
      this.buffer = Buffer.concat([this.buffer, bytes]);
      this.wake();
    });
    this.socket.on('end', () => this.onEnd('end'));
    this.socket.on('error', (error) => this.onEnd(error.code));
    this.socket.on('close', () => this.onEnd('close'));
    this.opened = new Promise((done, broken) => {
      this.socket.on('connect', done);
      this.socket.on('error', broken);
    });
  }

  // from: an address of this machine's to come from.
  static async open(port, t, from) {
    const wire = new Wire(port, from);
    t?.after(() => wire.destroy());
    await within(wire.opened, 5000, 'the connection');
    return wire;
  }

  // Opens a connection and makes a WebSocket of it.
  static async upgrade(server, { t, path = '/ws', headers = {}, protocol = 'v12.stomp' } = {}) {
    const wire = await Wire.open(server.httpPort, t);
    wire.write(upgradeRequest({ path, host: `127.0.0.1:${server.httpPort}`, protocol, headers }));
    const response = await wire.response();
    assert.equal(response.status, 101, `${response.status} ${response.body}`);
    assert.equal(response.headers['sec-websocket-accept'], acceptFor(KEY));
    return wire;
  }

  onEnd(how) {
    this.ended ||= how;
    this.wake();
  }

  wake() {
    for (const look of [...this.waiting]) look();
  }

  // As Client.when of stomp.mjs.
  async when(look, ms, what) {
    let check;
    const found = new Promise((done, broken) => {
      check = () => {
        let value;
        try {
          value = look();
        } catch (error) {
          this.waiting.delete(check);
          broken(error);
          return;
        }
        if (value === undefined) return;
        this.waiting.delete(check);
        done(value);
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

  write(data) {
    return new Promise((done) => { this.socket.write(data, done); });
  }

  end() { this.socket.end(); }
  destroy() { this.socket.destroy(); }

  waitForEnd(ms = 5000) {
    return this.when(() => this.ended ?? undefined, ms, 'the end of the connection');
  }

  takeBytes(n) {
    const bytes = this.buffer.subarray(0, n);
    this.buffer = this.buffer.subarray(n);
    return bytes;
  }

  // One HTTP response. head: it answers HEAD and has no body.
  response({ head = false, ms = 5000 } = {}) {
    return this.when(() => {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) {
        if (this.ended) throw new Error(`${this.ended} before a response: ${JSON.stringify(this.buffer.toString('latin1'))}`);
        return undefined;
      }
      const [first, ...lines] = this.buffer.toString('latin1', 0, end).split('\r\n');
      const found = /^HTTP\/1\.[01] (\d{3}) (.*)$/.exec(first);
      assert.ok(found, `not a status line: ${first}`);
      const headers = {};
      for (const line of lines) {
        const colon = line.indexOf(':');
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      const status = Number(found[1]);
      const length = head || status === 101 ? 0 : Number(headers['content-length'] ?? 0);
      if (this.buffer.length < end + 4 + length) return undefined;
      this.takeBytes(end + 4);
      const body = Buffer.from(this.takeBytes(length));
      return { status, reason: found[2], headers, body: body.toString('utf8'), bytes: body };
    }, ms, 'an HTTP response');
  }

  ws(payload, options) {
    return this.write(wsFrame(payload, options));
  }

  // One WebSocket frame of the server.
  frame(ms = 5000) {
    return this.when(() => {
      const b = this.buffer;
      let at = 2;
      let n = b.length >= 2 ? b[1] & 0x7f : 0;
      const need = n === 126 ? 4 : n === 127 ? 10 : 2;
      if (b.length < need) {
        if (this.ended) throw new Error(`${this.ended} before a WebSocket frame`);
        return undefined;
      }
      if (n === 126) n = b.readUInt16BE(2);
      else if (n === 127) n = Number(b.readBigUInt64BE(2));
      at = need;
      if (b.length < at + n) {
        if (this.ended) throw new Error(`${this.ended} within a WebSocket frame`);
        return undefined;
      }
      const frame = {
        fin: (b[0] & 0x80) !== 0, rsv: (b[0] >> 4) & 7, opcode: b[0] & 15, masked: (b[1] & 0x80) !== 0,
        payload: Buffer.from(b.subarray(at, at + n)),
      };
      this.takeBytes(at + n);
      assert.equal(frame.masked, false, 'servers do not mask');
      assert.equal(frame.rsv, 0);
      return frame;
    }, ms, 'a WebSocket frame');
  }

  // The Close frame of the server, with what the tests ask for.
  async closeFrame(ms = 5000) {
    const frame = await this.frame(ms);
    assert.equal(frame.opcode, CLOSE, `opcode ${frame.opcode}: ${JSON.stringify(frame.payload.toString())}`);
    if (frame.payload.length === 0) return { code: 1005, reason: '' };
    return { code: frame.payload.readUInt16BE(0), reason: frame.payload.toString('utf8', 2) };
  }
}

export function acceptFor(key) {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

// An upgrade request; a header given as null is left out.
export function upgradeRequest({ method = 'GET', path = '/ws', version = 'HTTP/1.1', host = '127.0.0.1', protocol, headers = {} } = {}) {
  const all = {
    Host: host, Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': '13',
    ...(protocol ? { 'Sec-WebSocket-Protocol': protocol } : {}), ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} ${version}\r\n${lines.join('')}\r\n`;
}
