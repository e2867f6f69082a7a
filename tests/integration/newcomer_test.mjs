// Connections that have not settled are told once of what has come: whoever reads it leaves nothing
// behind. Everything a client says is in the socket, and its end, before the server looks.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { apiSet, KEY } from './lib/api.mjs';
import { build, freeze, sleep, start, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { Wire, upgradeRequest, wsFrame } from './lib/wire.mjs';

const auth = `auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`;
const GET = 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n';
const BIG = 150000; // more than one read takes

function startBare(t, { set = [], ...options } = {}) {
  return start({ t, tcp: true, ...options, set });
}

// Writes all of it, and the end, while the server stands still. Gives what it answers until it closes.
async function say(t, server, port, bytes, { end = true, done = () => false } = {}) {
  let answer;
  let socket;
  freeze(server.pid);
  try {
    socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    t.after(() => socket.destroy());
    answer = new Promise((answered) => {
      let so = '';
      const finish = () => answered(so);
      socket.on('data', (some) => { so += some.toString('latin1'); if (done(so)) finish(); });
      socket.on('end', finish).on('close', finish).on('error', finish);
    });
    await within(once(socket, 'connect'), 10000, 'the connection');
    socket.write(Buffer.from(bytes));
    if (end) socket.end();
    await sleep(200); // as much as the socket holds
  } finally {
    server.signal('SIGCONT');
  }
  const text = await within(answer, 20000, 'the answer');
  if (!end) socket.destroy();
  return text;
}

const count = (text, what) => text.split(what).length - 1;
const stat = async (server, name) => (await server.stats())[name];

describe('HTTP', () => {
  test('requests and the end behind them', async (t) => {
    const server = await startBare(t);
    assert.equal(count(await say(t, server, server.httpPort, GET.repeat(3)), 'HTTP/1.1 200'), 3);
    assert.equal(await say(t, server, server.httpPort, ''), '');
    assert.equal(await say(t, server, server.httpPort, 'GET /rea'), '');
  });

  test('more requests than one read takes', async (t) => {
    const server = await startBare(t);
    const n = Math.ceil(BIG / GET.length);
    const text = await say(t, server, server.httpPort, GET.repeat(n), { end: false, done: (so) => count(so, 'HTTP/1.1 200') === n && so.endsWith('\n') });
    assert.equal(count(text, 'HTTP/1.1 200'), n);
  });

  test('a body that is larger than a read, taken, dropped and refused', async (t) => {
    const server = await startBare(t, { set: [...apiSet] });
    const body = JSON.stringify({ destination: '/topic/a', body: 'x'.repeat(BIG) });
    const head = `POST /api/publish HTTP/1.1\r\nhost: x\r\nx-api-key: ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    assert.match(await say(t, server, server.httpPort, `${head}\r\n${body}`), /^HTTP\/1\.1 200 [^]*"published":1}\n$/);
    assert.match(await say(t, server, server.httpPort, `${head}connection: close\r\n\r\n${body}`), /^HTTP\/1\.1 200 /);
    const large = 'POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 65536\r\n\r\n';
    const two = await say(t, server, server.httpPort, `${large}${'x'.repeat(65536)}${GET}`);
    assert.match(two, /^HTTP\/1\.1 404 [^]*HTTP\/1\.1 200 /);
    // A refused client is read on until its end.
    const before = await stat(server, 'bytes_in');
    assert.match(await say(t, server, server.httpPort, `NO\r\n\r\n${'x'.repeat(BIG)}`), /^HTTP\/1\.1 400 /);
    await until(async () => (await stat(server, 'bytes_in')) - before >= BIG, 'all of it being read');
    await until(async () => (await stat(server, 'connections')) === 0, 'the ends being seen');
  });

  test('an upgrade with all that follows it', async (t) => {
    const server = await startBare(t);
    const connect = wsFrame('CONNECT\naccept-version:1.2\nhost:h\n\n\0');
    const send = wsFrame(`SEND\ndestination:/topic/a\n\n${'x'.repeat(1000)}\0`);
    const bye = wsFrame('DISCONNECT\nreceipt:bye\n\n\0');
    for (const n of [20, Math.ceil(BIG / send.length)]) {
      const before = await stat(server, 'published');
      const bytes = Buffer.concat([Buffer.from(upgradeRequest({ protocol: 'v12.stomp' })), connect, ...Array(n).fill(send), bye]);
      assert.match(await say(t, server, server.httpPort, bytes, { end: false, done: (so) => /receipt-id:bye/.test(so) }), /^HTTP\/1\.1 101 /);
      assert.equal((await stat(server, 'published')) - before, n);
    }
    // A socket that is closed behind the upgrade is no connection any more.
    await say(t, server, server.httpPort, upgradeRequest({ protocol: 'v12.stomp' }));
    await until(async () => (await stat(server, 'connections')) === 0, 'the ends being seen');
  });
});

describe('TCP', () => {
  const CONNECT = (more = '') => `CONNECT\naccept-version:1.2\nhost:h\n${more}\n\0`;
  const sends = (n, more = '') => `SEND\ndestination:/topic/yes\n${more}\n${'x'.repeat(1000)}\0`.repeat(n);
  const BYE = 'DISCONNECT\nreceipt:bye\n\n\0';

  test('a session as a whole, and its end', async (t) => {
    const server = await startBare(t);
    for (const to of [server.tcpPort, server.tcp]) {
      const n = to === server.tcp ? BIG / 1000 : 20;
      const before = await stat(server, 'published');
      const text = await say(t, server, server.tcpPort, `${CONNECT()}${sends(n)}${BYE}`);
      assert.match(text, /^CONNECTED\n[^]*receipt-id:bye/);
      assert.equal((await stat(server, 'published')) - before, n);
    }
    assert.equal(await say(t, server, server.tcpPort, ''), '');
    assert.equal(await say(t, server, server.tcpPort, 'CONN'), '');
    await until(async () => (await stat(server, 'connections')) === 0, 'the ends being seen');
  });

  test('what does not connect yet, more than one read takes', async (t) => {
    const server = await startBare(t);
    assert.match(await say(t, server, server.tcpPort, `${'\n'.repeat(BIG)}${CONNECT()}${BYE}`), /^CONNECTED\n[^]*receipt-id:bye/);
  });

  test('behind a CONNECT and a SEND whose verdicts are awaited', async (t) => {
    const server = await startBare(t, { config: '[access]\nasked = subscribe, send /topic/** if plugin\n', set: [auth] });
    for (const n of [20, BIG / 1000]) {
      const later = sends(1).replace('yes', 'later-yes');
      const text = await say(t, server, server.tcpPort, `${CONNECT('Authorization:alice;late=100\n')}${later}${sends(n)}${later}${BYE}`);
      assert.match(text, /^CONNECTED\n[^]*receipt-id:bye/);
    }
    await until(async () => (await stat(server, 'connections')) === 0, 'the ends being seen');
  });
});

test('a PROXY header with all that follows it', async (t) => {
  const server = await start({ t, tcp: true, set: ['http.trusted-proxies=127.0.0.0/8', 'http.proxy-protocol=on', 'tcp.trusted-proxies=127.0.0.0/8', 'tcp.proxy-protocol=on'] });
  const PROXY = 'PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n';
  for (const end of [true, false]) {
    const done = (text) => /HTTP\/1\.1 200 [^]*\n$/.test(text);
    assert.match(await say(t, server, server.httpPort, PROXY + GET, { end, done }), /^HTTP\/1\.1 200 /);
    assert.match(await say(t, server, server.tcpPort, `${PROXY}CONNECT\naccept-version:1.2\n\n\0DISCONNECT\nreceipt:bye\n\n\0`, { end }), /^CONNECTED\n[^]*receipt-id:bye/);
    // As much as is looked at at once, and a bit more.
    const path = `/ready?${'x'.repeat(900)}`;
    assert.match(await say(t, server, server.httpPort, `${PROXY}${GET.replace('/ready', path)}${GET}`, { end, done: (text) => count(text, 'HTTP/1.1 ') === 2 && text.endsWith('\n') }), /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /);
  }
  for (const half of [PROXY, PROXY.slice(0, 10), '']) assert.equal(await say(t, server, server.httpPort, half), '');
  await until(async () => (await stat(server, 'connections')) === 0, 'the ends being seen');
});

test('SockJS: what is sent behind a poll, and the end of it', async (t) => {
  const server = await startBare(t);
  const post = (session, what, body = '') => `POST /ws/000/${session}/${what} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const messages = JSON.stringify(['CONNECT\naccept-version:1.2\nhost:h\n\n\0', ...Array(BIG / 1000).fill(`SEND\ndestination:/topic/a\n\n${'x'.repeat(900)}\0`)]);
  const text = await say(t, server, server.httpPort, `${post('aaa', 'xhr')}${post('aaa', 'xhr_send', messages)}${post('aaa', 'xhr')}`, { end: false, done: (so) => /CONNECTED/.test(so) });
  assert.match(text, /^HTTP\/1\.1 200 [^]*o\n[^]*HTTP\/1\.1 204 [^]*a\["CONNECTED/);
  assert.equal(await stat(server, 'published'), BIG / 1000);
  // A poll whose client leaves at once.
  await say(t, server, server.httpPort, `${post('bbb', 'xhr')}${post('bbb', 'xhr')}`);
});

test('who settles: sessions, and HTTP connections that a service has answered and that stay', async (t) => {
  const server = await startBare(t, { set: [...apiSet] });
  const wire = await Wire.open(server.httpPort, t);
  wire.write(GET);
  assert.equal((await wire.response()).status, 200);
  assert.equal(await stat(server, 'newcomers'), 1);
  const body = '{"destination":"/topic/a","body":"b"}';
  const post = (more) => `POST /api/publish HTTP/1.1\r\nhost: x\r\nx-api-key: ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${more}\r\n${body}`;
  wire.write(post(''));
  assert.equal((await wire.response()).status, 200);
  await until(async () => (await stat(server, 'newcomers')) === 0, 'settling');
  const client = await stomp(server, { t });
  await client.request('SEND', { destination: '/topic/a' }, 'hello');
  assert.equal(await stat(server, 'newcomers'), 0);
  // It is only waited for the end of what is closed.
  const last = await Wire.open(server.httpPort, t);
  last.write(post('connection: close\r\n'));
  assert.equal((await last.response()).status, 200);
  assert.equal(await stat(server, 'newcomers'), 1);
});

test('requests that come while those before them are answered are answered, too, beside a client that floods', async (t) => {
  const server = await startBare(t, { set: [...apiSet, 'server.workers=1'] });
  const flood = net.connect(server.tcpPort, '127.0.0.1');
  t.after(() => flood.destroy());
  flood.on('error', () => {}).on('data', () => {});
  flood.write('CONNECT\naccept-version:1.2\nhost:h\n\n\0');
  const beats = Buffer.alloc(1 << 20, '\n');
  const more = () => { while (!flood.destroyed && flood.write(beats)); };
  flood.on('drain', more);
  more();
  const body = '{"destination":"/topic/a","body":"b"}';
  const post = `POST /api/publish HTTP/1.1\r\nhost: x\r\nx-api-key: ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (let i = 0; i < 60; i += 1) {
    const wire = await Wire.open(server.httpPort, t);
    wire.write(post + post);
    if (i % 3) await sleep(i % 3);
    wire.write(post);
    for (let k = 0; k < 3; k += 1) assert.equal((await wire.response()).status, 200, `answer ${k} of connection ${i}`);
    wire.socket.destroy();
  }
});
