// SockJS in a real browser: each transport of sockjs-client in turn, from the server's own origin and
// from another one, @stomp/stompjs on top.

import assert from 'node:assert/strict';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { root, slowness, start } from './lib/server.mjs';

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const library = (path) => readFileSync(join(root, 'node_modules', path), 'utf8');
const SCRIPTS = {
  '/sockjs.js': library('sockjs-client/dist/sockjs.min.js'),
  '/stomp.js': library('@stomp/stompjs/bundles/stomp.umd.min.js'),
};
const PAGE = '<!DOCTYPE html><html><head><meta charset="utf-8"><title>host</title>'
  + '<script src="/sockjs.js"></script><script src="/stomp.js"></script></head><body></body></html>';
const MESSAGES = slowness > 1 ? 500 : 3000;

async function browser(t) {
  accessSync(executablePath, constants.X_OK);
  const made = await chromium.launch({
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage'],
  });
  t.after(() => made.close());
  return made;
}

// A site of somebody else's, on another port.
async function otherSite(t) {
  const site = http.createServer((request, response) => {
    const script = SCRIPTS[request.url];
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ?? PAGE);
  });
  await new Promise((done) => { site.listen(0, '127.0.0.1', done); });
  t.after(() => { site.closeAllConnections?.(); return new Promise((done) => { site.close(done); }); });
  return `http://127.0.0.1:${site.address().port}`;
}

// In the page: sends n messages to a topic that it is subscribed to, and gives what came back.
function talk({ url, transport, n, topic }) {
  return new Promise((done, broken) => {
    const bodies = [];
    const sockets = [];
    const client = new globalThis.StompJs.Client({
      reconnectDelay: 0, heartbeatIncoming: 0, heartbeatOutgoing: 0,
      webSocketFactory: () => {
        const socket = new globalThis.SockJS(url, null, { transports: [transport], timeout: 30000 });
        sockets.push(socket);
        return socket;
      },
    });
    client.onStompError = (frame) => broken(new Error(frame.headers.message));
    client.onWebSocketClose = (event) => broken(new Error(`closed: ${event.code} ${event.reason}`));
    client.onConnect = () => {
      client.subscribe(topic, async (message) => {
        bodies.push(message.body);
        if (bodies.length !== n) return;
        const used = sockets[0].transport;
        client.onWebSocketClose = () => done({ used, bodies });
        await client.deactivate();
      });
      for (let i = 0; i < n; i += 1) client.publish({ destination: topic, body: `${i} </script>\u2028\u{1F600}` });
    };
    client.activate();
  });
}

const OWN = ['websocket', 'xhr-streaming', 'eventsource', 'htmlfile', 'xhr-polling', 'jsonp-polling'];
const OTHER = ['websocket', 'xhr-streaming', 'eventsource', 'iframe-eventsource', 'iframe-htmlfile', 'xhr-polling',
  'iframe-xhr-polling', 'jsonp-polling'];

for (const [where, transports] of [['its own origin', OWN], ['another origin', OTHER]]) {
  test(`from ${where}, every transport`, { timeout: 240000 * slowness }, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'plugboard-sockjs-'));
    t.after(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, 'index.html'), PAGE);
    for (const [path, text] of Object.entries(SCRIPTS)) writeFileSync(join(dir, path), text);
    const server = await start({
      t, set: [`http.web-dir=${dir}`, 'server.workers=2', 'limits.queue-size=16m', 'limits.queue-messages=100000'],
      config: '[endpoint /ws]\nallowed-origins = *\nsockjs-client-url = /sockjs.js\n',
    });
    const chrome = await browser(t);
    const context = await chrome.newContext();
    const page = where === 'its own origin' ? server.url('/') : `${await otherSite(t)}/`;
    for (const transport of transports) {
      await t.test(transport, async () => {
        const tab = await context.newPage();
        await tab.goto(page);
        const { used, bodies } = await tab.evaluate(talk, {
          url: server.url('/ws'), transport, n: MESSAGES, topic: `/topic/${transport}`,
        });
        assert.equal(used, transport);
        assert.deepEqual(bodies, Array.from({ length: MESSAGES }, (_, i) => `${i} </script>\u2028\u{1F600}`));
        await tab.close();
      });
    }
  });
}

test('the page for frames is not for all when origins are listed', { timeout: 60000 * slowness }, async (t) => {
  const site = await otherSite(t);
  const server = await start({ t, config: `[endpoint /ws]\nallowed-origins = ${site}\n` });
  const chrome = await browser(t);
  const tab = await chrome.newPage();
  await tab.goto(`${site}/`);
  const run = (transport) => tab.evaluate(talk, { url: server.url('/ws'), transport, n: 10, topic: '/topic/a' });
  assert.equal((await run('xhr-streaming')).bodies.length, 10, 'a listed origin may connect');
  await assert.rejects(run('iframe-eventsource'), /closed/);
  const stranger = await otherSite(t);
  await tab.goto(`${stranger}/`);
  for (const transport of ['websocket', 'xhr-polling', 'jsonp-polling']) await assert.rejects(run(transport), /closed/, transport);
});
