// The admin API of a node, by its address or its Unix socket.
//
//   const server = await start({ t, set: adminSet });
//   const admin = adminOf(server);
//   const { json } = await admin.get('status');
//   await admin.refused(404, 'not-found', 'GET', 'clients/nobody');
//   const tail = await admin.tail('/topic/a'); ... await tail.event('message') ... tail.close();

import assert from 'node:assert/strict';
import http from 'node:http';

import { within } from './server.mjs';

export const TOKEN = 'a-token-of-the-tests';
export const adminSet = ['admin.listen=127.0.0.1:0', `admin.token=${TOKEN}`];

class Tail {
  constructor(response) {
    this.response = response;
    this.text = '';
    this.ended = false;
    this.waiting = new Set();
    response.setEncoding('utf8').on('data', (text) => { this.text += text; this.wake(); });
    response.on('error', () => {});
    response.on('close', () => { this.ended = true; this.wake(); });
  }

  wake() {
    for (const look of [...this.waiting]) look();
  }

  // The next piece up to an empty line.
  async next(ms = 5000) {
    let look;
    const found = new Promise((done, broken) => {
      look = () => {
        const end = this.text.indexOf('\n\n');
        if (end < 0) return this.ended ? broken(new Error('the stream has ended')) : undefined;
        const piece = this.text.slice(0, end);
        this.text = this.text.slice(end + 2);
        this.waiting.delete(look);
        return done(piece);
      };
      this.waiting.add(look);
      look();
    });
    return within(found, ms, 'an event');
  }

  // The data of the next event, which is of this name.
  async event(name, ms) {
    let piece;
    do piece = await this.next(ms); while (piece.startsWith(':'));
    const found = /^event: ([a-z]+)\ndata: (.*)$/.exec(piece);
    assert.ok(found, `no event: ${JSON.stringify(piece)}`);
    assert.equal(found[1], name, piece.slice(0, 300));
    return JSON.parse(found[2]);
  }

  close() {
    this.response.destroy();
  }
}

class Admin {
  constructor(where, token) {
    this.where = where; // { host, port } or { socketPath }
    this.token = token;
  }

  request(method, path, { body, headers = {} } = {}) {
    return new Promise((done, broken) => {
      const all = { ...(this.token ? { authorization: `Bearer ${this.token}` } : {}), ...headers };
      const request = http.request({ ...this.where, method, path: path.startsWith('/') ? path : `/admin/api/${path}`, headers: all, agent: false }, done);
      request.on('error', broken);
      request.end(body);
    });
  }

  async ask(method, path, options) {
    const response = await within(this.request(method, path, options), 5000, `${method} ${path}`);
    let text = '';
    for await (const piece of response.setEncoding('utf8')) text += piece;
    const json = /json/.test(response.headers['content-type'] ?? '') && text ? JSON.parse(text) : undefined;
    return { status: response.statusCode, headers: response.headers, text, json };
  }

  async get(path) {
    const answer = await this.ask('GET', path);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.json;
  }

  async post(path, body = {}, status = 202) {
    const answer = await this.ask('POST', path, { body: JSON.stringify(body) });
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    return answer.json;
  }

  async refused(status, code, method, path, options) {
    const answer = await this.ask(method, path, options);
    assert.deepEqual([answer.status, answer.json?.code], [status, code], `${method} ${path}: ${answer.text}`);
    assert.ok(answer.json.message.length > 0);
    return answer;
  }

  async tail(destination) {
    const response = await within(this.request('GET', `tail?destination=${encodeURIComponent(destination)}`), 5000, 'the head of the stream');
    assert.equal(response.statusCode, 200);
    assert.match(response.headers['content-type'], /^text\/event-stream/);
    const tail = new Tail(response);
    assert.equal(await tail.next(), ': ready');
    return tail;
  }
}

// socket: the path of its Unix socket, which needs no token.
export function adminOf(server, { token = TOKEN, socket } = {}) {
  if (socket) return new Admin({ socketPath: socket }, null);
  const line = server.log.find((each) => /listening on http-admin:\/\/127/.test(each));
  return new Admin({ host: '127.0.0.1', port: Number(/:(\d+)$/.exec(line)[1]) }, token);
}
