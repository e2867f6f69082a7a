// The echo services of ./dev suite-server, which outside suites are pointed at: what the SockJS
// protocol's own tests ask of them, and a WebSocket that echoes what is large.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import SockJS from 'sockjs-client';
import WebSocket from 'ws';

import { freePort } from './lib/ports.mjs';
import { build, slowness, until, within } from './lib/server.mjs';

let child;
let port;
let log = '';
before(async () => {
  port = await freePort();
  child = spawn(join(build, 'bin/suite_server'), [join(build, 'lib/plugboard'), String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
  await until(() => / ready: /.test(log) || child.exitCode !== null, 'the suite server', 20000);
  assert.equal(child.exitCode, null, log);
});
after(async () => {
  const ended = new Promise((done) => { child.on('exit', (code) => done(code)); });
  child.kill('SIGTERM');
  assert.equal(await within(ended, 15000, 'the end'), 0, log);
});

// Connections that have not settled, as the server counts them.
async function newcomers() {
  const from = log.length;
  child.kill('SIGUSR1');
  let found;
  await until(() => { found = / newcomers=(\d+)/.exec(log.slice(from)); return found; }, 'the counters');
  return Number(found[1]);
}

const url = (path) => `http://127.0.0.1:${port}${path}`;
let sessions = 0;
const fresh = (base) => `${base}/000/e${sessions += 1}`;
const post = async (path, body) => {
  const answer = await fetch(url(path), { method: 'POST', body });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
};

function open(path, perMessageDeflate = false) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate, maxPayload: 64 << 20 });
  const items = [];
  let wake = () => {};
  socket.on('message', (bytes, binary) => { items.push({ bytes, binary }); wake(); });
  socket.on('close', (code) => { items.push({ code }); wake(); });
  socket.next = async () => {
    while (!items.length) await within(new Promise((go) => { wake = go; }), 20000, 'a message');
    return items.shift();
  };
  socket.opened = new Promise((done, broken) => { socket.on('open', done); socket.on('error', broken); });
  return socket;
}

describe('SockJS', () => {
  test('echo by polls', async () => {
    const path = fresh('/echo');
    const opened = await post(`${path}/xhr`);
    assert.equal(opened.body, 'o\n');
    assert.equal(opened.headers.get('access-control-allow-origin'), '*');
    assert.equal(opened.headers.get('access-control-allow-credentials'), 'true');
    assert.equal(opened.headers.get('set-cookie'), null);
    for (let i = 0; i < 8; i += 1) assert.equal((await post(`${path}/xhr_send`, '["a"]')).status, 204);
    assert.equal((await post(`${path}/xhr`)).body, `a[${Array(8).fill('"a"').join(',')}]\n`);
    await post(`${path}/xhr_send`, '["  \\u0000\\n\\r "]');
    assert.equal((await post(`${path}/xhr`)).body, 'a["  \\u0000\\n\\r "]\n');
  });
  test('what the server has to escape, exactly', async () => {
    const path = fresh('/echo');
    await post(`${path}/xhr`);
    let escaped = '';
    for (let c = 255; c < 65536; c += 1) {
      if (/[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/.test(String.fromCharCode(c))) escaped += `\\u${c.toString(16).padStart(4, '0')}`;
    }
    assert.equal((await post(`${path}/xhr_send`, `["${JSON.parse(`"${escaped}"`)}"]`)).status, 204);
    assert.equal((await post(`${path}/xhr`)).body, `a["${escaped}"]\n`);
  });
  test('a stream ends after 4096 bytes, at the 31st message of 128', async () => {
    const path = fresh('/echo');
    const answer = await fetch(url(`${path}/xhr_streaming`), { method: 'POST' });
    let body = '';
    const reading = (async () => { for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) body += chunk; })();
    const message = `"${'x'.repeat(128)}"`;
    for (let i = 0; i < 31; i += 1) await post(`${path}/xhr_send`, `[${message}]`);
    await within(reading, 10000, 'the end of the stream');
    assert.equal(body, `${'h'.repeat(2048)}\no\n${`a[${message}]\n`.repeat(31)}`);
  });
  test('close', async () => {
    const path = fresh('/close');
    assert.equal((await post(`${path}/xhr`)).body, 'o\n');
    for (let i = 0; i < 2; i += 1) assert.equal((await post(`${path}/xhr`)).body, 'c[3000,"Go away!"]\n');
    const stream = await post(`${fresh('/close')}/xhr_streaming`);
    assert.equal(stream.body, `${'h'.repeat(2048)}\no\nc[3000,"Go away!"]\n`);
    const socket = open(`${fresh('/close')}/websocket`);
    assert.equal(String((await socket.next()).bytes), 'o');
    assert.equal(String((await socket.next()).bytes), 'c[3000,"Go away!"]');
    assert.equal((await socket.next()).code, 3000);
    assert.equal((await open('/close/websocket').next()).code, 3000);
  });
  test('websocket off, cookies on', async () => {
    assert.equal((await (await fetch(url('/disabled_websocket_echo/info'))).json()).websocket, false);
    assert.equal((await (await fetch(url('/cookie_needed_echo/info'))).json()).cookie_needed, true);
    assert.equal((await post(`${fresh('/cookie_needed_echo')}/xhr`)).headers.get('set-cookie'), 'JSESSIONID=dummy; path=/');
  });
  for (const transport of ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling']) {
    test(`sockjs-client by ${transport}: echo and amplify`, async () => {
      for (const [path, sent, expected] of [['/echo', Array.from({ length: 300 }, (_, i) => `m${i}`), null], ['/amplify', ['10', '3'], ['x'.repeat(1024), 'x'.repeat(8)]]]) {
        const socket = new SockJS(url(path), null, { transports: [transport], timeout: 20000 });
        const got = [];
        const wanted = expected ?? sent;
        const all = new Promise((done, broken) => {
          socket.onmessage = ({ data }) => { got.push(data); if (got.length === wanted.length) done(); };
          socket.onclose = ({ reason }) => broken(new Error(`closed: ${reason}`));
        });
        socket.onopen = () => sent.forEach((message) => socket.send(message));
        await within(all, 30000, `${path} by ${transport}`);
        assert.deepEqual(got, wanted);
        socket.close();
      }
    });
  }
});

describe('a raw WebSocket', () => {
  test('is no newcomer once it is open', async () => {
    await until(async () => (await newcomers()) === 0, 'the ends of earlier connections');
    const socket = open('/echo/websocket');
    await socket.opened;
    assert.equal(await newcomers(), 0);
    socket.close(1000);
    assert.equal((await socket.next()).code, 1000);
  });

  for (const deflate of [false, { threshold: 0 }]) test(`echoes text and binary of any size up to 16 MiB, whole or in fragments, ${deflate ? 'compressed' : 'as they are'}`, async () => {
    const socket = open('/echo/websocket', deflate);
    await socket.opened;
    assert.equal(socket.extensions, deflate ? 'permessage-deflate' : '');
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20, slowness > 1 ? 1 << 21 : 16 << 20]) {
      const bytes = randomBytes(size);
      socket.send(bytes);
      const echoed = await socket.next();
      assert.equal(echoed.binary, true);
      assert.ok(bytes.equals(echoed.bytes), `${size} bytes`);
      const text = 'é'.repeat(size >> 1);
      socket.send(text);
      const answer = await socket.next();
      assert.equal(answer.binary, false);
      assert.equal(String(answer.bytes), text);
    }
    socket.send('Hello ', { fin: false });
    socket.ping('p');
    socket.send('world!\uffff', { fin: true });
    assert.equal(String((await socket.next()).bytes), 'Hello world!\uffff');
    socket.close(1000);
    assert.equal((await socket.next()).code, 1000);
  });
});
