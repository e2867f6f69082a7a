// SockJS as applications use it: sockjs-client from npm with @stomp/stompjs on top, each transport
// that Node has in turn. sockjs_page_test.mjs does the same in a browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';

import { startProxy } from './lib/proxy.mjs';
import { slowness, start, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];
const EACH_WAY = slowness > 1 ? 1000 : 4000;
const BATCH = 50;

// A connected client; url: of the endpoint.
async function connect(t, url, transports, options = {}) {
  const app = { sockets: [], bodies: [], connects: 0, closes: 0 };
  const client = new Client({ reconnectDelay: 0, heartbeatIncoming: 0, heartbeatOutgoing: 0, ...options });
  client.webSocketFactory = () => {
    const socket = new SockJS(url, null, { transports, timeout: 20000 });
    app.sockets.push(socket);
    return socket;
  };
  client.onWebSocketClose = () => { app.closes += 1; };
  client.onStompError = (frame) => assert.fail(frame.headers.message);
  const connected = new Promise((done) => {
    client.onConnect = () => { app.connects += 1; app.onConnect?.(); done(); };
  });
  t.after(() => { client.reconnectDelay = 0; return client.deactivate({ force: true }); });
  client.activate();
  await within(connected, 20000, `CONNECTED over ${transports}`);
  app.client = client;
  return app;
}

const subscribe = (app, destination) => new Promise((done) => {
  app.client.watchForReceipt(`s-${destination}`, done);
  app.client.subscribe(destination, (message) => app.bodies.push(message.body), { receipt: `s-${destination}` });
});

const numbered = (n) => Array.from({ length: n }, (_, i) => `${i} \u{1F600}"\\\n\u2028é`);

for (const transport of TRANSPORTS) {
  test(`${transport}: thousands of messages each way, in order, none lost, none doubled`, { timeout: 120000 * slowness }, async (t) => {
    const server = await start({ t, set: ['server.workers=2', 'limits.queue-size=8m'] });
    const app = await connect(t, server.url('/ws'), [transport]);
    assert.equal(app.sockets[0].transport, transport);
    await subscribe(app, '/topic/down');
    const other = await stomp(server, { t });
    await other.subscribe('/topic/up');

    const bodies = numbered(EACH_WAY);
    for (let i = 0; i < EACH_WAY; i += BATCH) {
      for (const body of bodies.slice(i, i + BATCH)) {
        app.client.publish({ destination: '/topic/up', body });
        other.send('/topic/down', body);
      }
      if (i % 1000 === 0) await until(() => app.bodies.length >= i - 1000, 'keeping up', 30000);
    }
    await until(() => app.bodies.length >= EACH_WAY, `${EACH_WAY} messages to the client`, 60000);
    assert.deepEqual(app.bodies, bodies);
    const up = [];
    await until(() => {
      up.push(...other.frames.splice(0).map((frame) => frame.body));
      return up.length >= EACH_WAY;
    }, `${EACH_WAY} messages from the client`, 60000);
    assert.deepEqual(up, bodies);

    await app.client.deactivate();
    await until(async () => (await server.stats()).sessions === 1, 'the session being gone');
    if (transport !== 'websocket') {
      const stats = await server.stats();
      assert.ok(stats.sockjs_requests > 3);
      await until(async () => (await server.stats()).sockjs_sessions === 0, 'the SockJS session being gone', 10000);
    }
  });

  test(`${transport}: the network is cut and comes back`, { timeout: 60000 * slowness }, async (t) => {
    const server = await start({ t, set: ['server.workers=2', 'stomp.heart-beat-send=200ms'] });
    const proxy = await startProxy({ t, port: server.httpPort });
    const app = await connect(t, `http://127.0.0.1:${proxy.port}/ws`, [transport], {
      // In Node sockjs-client does not notice that a stream was cut off; a silent server it does.
      reconnectDelay: 100, heartbeatIncoming: 500 * slowness,
    });
    await subscribe(app, '/topic/a');
    const other = await stomp(server, { t });
    other.send('/topic/a', 'before');
    await until(() => app.bodies.length === 1, 'a message before');
    app.onConnect = () => { app.again = subscribe(app, '/topic/a'); };
    proxy.cut();
    await until(() => app.closes > 0, 'the client noticing', 30000);
    proxy.resume();
    await until(() => app.connects >= 2 && app.again, 'the client coming back', 30000);
    await app.again;
    other.send('/topic/a', 'after');
    await until(() => app.bodies.length >= 2, 'a message after');
    assert.deepEqual(app.bodies, ['before', 'after']);
  });
}

test('a client may fall back: without WebSocket the next transport is taken', async (t) => {
  const server = await start({ t, config: '[endpoint /ws]\nwebsocket = off\n' });
  const app = await connect(t, server.url('/ws'), undefined);
  assert.equal(app.sockets[0].transport, 'xhr-streaming');
  await assert.rejects(stomp(server, { t }));
});

test('the settings of an application that came from Spring', { timeout: 60000 * slowness }, async (t) => {
  // Authorization in CONNECT, heart-beats of 4 s both ways, reconnecting after 5 s.
  const server = await start({ t, set: ['server.workers=2', 'stomp.heart-beat-send=1s', 'stomp.heart-beat-receive=1s'] });
  for (const transport of TRANSPORTS) {
    const app = await connect(t, server.url('/ws'), [transport], {
      connectHeaders: { Authorization: 'Bearer abc' }, heartbeatIncoming: 4000, heartbeatOutgoing: 4000, reconnectDelay: 5000,
    });
    await subscribe(app, '/topic/a');
    const started = Date.now();
    await until(() => Date.now() - started > 9000 || app.closes, 'nine seconds', 20000);
    assert.equal(app.closes, 0, `${transport}: heart-beats are kept`);
    app.client.publish({ destination: '/topic/a', body: 'x' });
    await until(() => app.bodies.length === 1, 'a message');
    await app.client.deactivate();
  }
});

test('who one is and what one may do is asked of SockJS clients, too', { timeout: 60000 * slowness }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-users-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const hash = execFileSync('openssl', ['passwd', '-6', 'secret']).toString().trim();
  writeFileSync(join(dir, 'users'), `ada:${hash}\n`, { mode: 0o600 });
  const server = await start({ t, set: ['server.workers=2', 'auth.plugins=file', `auth.file.users=${join(dir, 'users')}`] });
  for (const transport of TRANSPORTS) {
    const app = await connect(t, server.url('/ws'), [transport], { connectHeaders: { login: 'ada', passcode: 'secret' } });
    await subscribe(app, '/topic/a');
    for (let i = 0; i < 20; i += 1) app.client.publish({ destination: '/topic/a', body: `${i}` });
    await until(() => app.bodies.length === 20, 'the messages');
    await app.client.deactivate();

    const refused = new Client({ reconnectDelay: 0, connectHeaders: { login: 'ada', passcode: 'wrong' } });
    refused.webSocketFactory = () => new SockJS(server.url('/ws'), null, { transports: [transport], timeout: 20000 });
    const error = new Promise((done) => { refused.onStompError = done; });
    const closed = new Promise((done) => { refused.onWebSocketClose = done; });
    refused.activate();
    assert.equal((await within(error, 20000, 'the ERROR')).headers['error-code'], 'authentication-failed');
    assert.equal((await within(closed, 20000, 'the close')).code, 4403);
  }
});
