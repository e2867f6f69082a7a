// An HTTP backend for app-webhook which does what a test says, and keeps what it was asked.
//
//   const backend = await startBackend({ t, secret, answer: (event, request) => ({ publish: [...] }) });
//   backend.events      what was asked, parsed; .headers of each
//   backend.mode = 'html'   ok, html, garbage, empty, no-content, error, missing, redirect, stall, trickle,
//                           cut, half, huge, type, deep, twice, status-N, raw
//   await backend.die(); await backend.start(port)

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

class Backend {
  constructor({ secret, answer, tls }) {
    Object.assign(this, { secret, answer, mode: 'ok', raw: '', events: [], sockets: new Set() });
    this.connections = 0;
    this.inFlight = 0;
    this.mostInFlight = 0;
    this.held = []; // responses of mode 'stall'
    this.problems = [];
    this.tls = tls;
  }

  get url() { return `${this.tls ? 'https' : 'http'}://localhost:${this.port}/hook?x=1`; }

  async onRequest(request, response) {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    response.on('close', () => { this.inFlight -= 1; });
    try {
      const body = Buffer.concat(await request.toArray());
      const event = { ...JSON.parse(body), headers_: request.headers, at: Date.now() };
      this.events.push(event);
      this.judge(request, body);
      await this.act(event, request, response);
    } catch (error) {
      if (error.code !== 'ECONNRESET') this.problems.push(error);
      response.destroy();
    }
  }

  // Every request is signed, JSON, and of the form that is documented.
  judge(request, body) {
    assert.equal(request.method, 'POST');
    assert.equal(request.url, '/hook?x=1');
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.headers['content-length'], String(body.length));
    assert.equal(JSON.parse(body).id, request.headers['webhook-id']);
    const time = request.headers['webhook-timestamp'];
    assert.ok(Math.abs(Date.now() / 1000 - Number(time)) < 600);
    if (!this.secret) return;
    const key = this.secret.startsWith('whsec_') ? Buffer.from(this.secret.slice(6), 'base64') : this.secret;
    const wanted = createHmac('sha256', key).update(`${request.headers['webhook-id']}.${time}.`).update(body).digest('base64');
    assert.equal(request.headers['webhook-signature'], `v1,${wanted}`);
  }

  async act(event, request, response) {
    const mode = typeof this.mode === 'function' ? this.mode(event) : this.mode;
    const send = (status, type, body, more = {}) => {
      response.writeHead(status, { ...(type ? { 'content-type': type } : {}), ...more });
      response.end(body);
    };
    const good = JSON.stringify((await this.answer?.(event, request)) ?? {});
    if (mode.startsWith('status-')) return send(Number(mode.slice(7)), 'application/json', '{}');
    switch (mode) {
      case 'ok': return send(200, 'application/json; charset=utf-8', good);
      case 'html': return send(200, 'text/html', '<!DOCTYPE html><title>Sign in</title>');
      case 'type': return send(200, undefined, good);
      case 'garbage': return send(200, 'application/json', `${good}}{`);
      case 'empty': return send(200, 'application/json', '');
      case 'no-content': return send(204);
      case 'redirect': return send(307, 'text/plain', 'elsewhere', { location: this.url });
      case 'huge': return send(200, 'application/json', `{"publish":[],"x":"${'x'.repeat(5 << 20)}"}`);
      case 'deep': return send(200, 'application/json', '['.repeat(100000));
      case 'twice': return send(200, 'application/json', '{"publish":[],"publish":[]}');
      case 'raw': return send(200, 'application/json', this.raw);
      case 'cut': return request.socket.destroy();
      case 'half':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': good.length + 10 });
        response.write(good);
        return setTimeout(() => request.socket.destroy(), 20);
      case 'lies': return request.socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: banana\r\n\r\n{}');
      case 'noise': return request.socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      case 'stall': return this.held.push({ type: event.type, answer: () => send(200, 'application/json', good) });
      case 'trickle':
        response.writeHead(200, { 'content-type': 'application/json' });
        return void setInterval(() => response.write(' '), 20).unref();
      default: throw new Error(`no mode ${mode}`);
    }
  }

  // Answers what 'stall' has held up, all or of one type.
  release(type) {
    const released = this.held.filter((held) => !type || held.type === type);
    this.held = this.held.filter((held) => !released.includes(held));
    for (const held of released) held.answer();
  }

  async die() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }

  start(port = 0) {
    const handler = (request, response) => this.onRequest(request, response);
    this.server = this.tls
      ? https.createServer({ key: readFileSync(this.tls.key), cert: readFileSync(this.tls.cert) }, handler)
      : http.createServer(handler);
    this.server.keepAliveTimeout = 60000;
    this.server.on('connection', (socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    return new Promise((done, broken) => {
      this.server.once('error', broken);
      this.server.listen(port, '127.0.0.1', () => {
        this.port = this.server.address().port;
        done();
      });
    });
  }
}

export async function startBackend({ t, secret, answer, tls }) {
  const backend = new Backend({ secret, answer, tls });
  await backend.start();
  t?.after(async () => {
    await backend.die().catch(() => {});
    assert.deepEqual(backend.problems, []);
  });
  return backend;
}
