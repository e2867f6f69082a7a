// A proxy in front of a node that ends TLS, or passes it on, started from the sample files in etc/ with
// other ports and a certificate made for the occasion. The browser's page has an https origin; the node
// behind a proxy that ends it sees http.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { freePort } from './lib/ports.mjs';
import { root, start, until } from './lib/server.mjs';
import { directory, makeCertificate, tlsPort, tlsSet } from './lib/tls.mjs';
import { Wire, upgradeRequest } from './lib/wire.mjs';

const PROXIES = {
  nginx: { file: 'nginx-tls.conf', command: (file, dir) => ['nginx', '-p', `${dir}/`, '-c', file, '-g', 'daemon off;'] },
  haproxy: { file: 'haproxy-tls.cfg', command: (file) => ['haproxy', '-f', file] },
};
const PASSES_ON = { file: 'haproxy-tls-passthrough.cfg', command: PROXIES.haproxy.command };

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

async function startTlsProxy(t, { file, command }, nodePort, certificate) {
  const dir = mkdtempSync(join(tmpdir(), `plugboard-${file}-`));
  const port = await freePort();
  const { pem: ca, ...files } = certificate ?? makeCertificate(dir, 'certificate', { subject: '/CN=chat.example.org', names: ['chat.example.org'] });
  const key = readFileSync(files.key, 'utf8');
  writeFileSync(join(dir, 'key.pem'), key);
  writeFileSync(join(dir, 'certificate-and-key.pem'), ca + key);
  const replaced = readFileSync(join(root, 'etc', file), 'utf8')
    .replace('127.0.0.1:8443', `127.0.0.1:${port}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${nodePort}`)
    .replace('node-1 127.0.0.1:9443', `node-1 127.0.0.1:${nodePort}`);
  const copy = join(dir, file);
  writeFileSync(copy, replaced);
  const [program, ...args] = command(copy, dir);
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'], cwd: dir, env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  alive.add(child);
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => { output += chunk; });
  const ended = new Promise((done) => {
    child.on('error', (error) => { output += error.message; done(); });
    child.on('exit', done);
  });
  t.after(async () => {
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(hard);
    alive.delete(child);
    rmSync(dir, { recursive: true, force: true });
  });
  // As a browser that knows chat.example.org by this address.
  const tls = { ca, servername: 'chat.example.org', headers: { Host: 'chat.example.org' } };
  const get = (path) => new Promise((done, broken) => {
    https.get({ host: '127.0.0.1', port, path, ...tls }, (answer) => { answer.resume(); answer.on('end', () => done(answer.statusCode)); }).on('error', broken);
  });
  await until(async () => {
    assert.equal(child.exitCode, null, `${file} ended:\n${output}`);
    return get('/ready').then((status) => status === 200, () => false);
  }, `${file} being served`);
  const connect = (origin, headers = {}) => new WebSocket(`wss://127.0.0.1:${port}/ws`, ['v12.stomp'], { ...tls, headers: { ...tls.headers, ...headers }, origin });
  return { get, connect };
}

// The status that refuses it, or 101.
const upgradeStatus = (socket) => new Promise((done, broken) => {
  socket.on('open', () => { socket.terminate(); done(101); });
  socket.on('unexpected-response', (_, answer) => { answer.destroy(); done(answer.statusCode); });
  socket.on('error', broken);
});

describe('TLS that ends in a proxy', { concurrency: 2 }, () => {
  for (const name of Object.keys(PROXIES)) {
    test(`${name}: one's own page is let in, others are not`, async (t) => {
      const node = await start({ t, set: ['http.trusted-proxies=127.0.0.1'] });
      const proxy = await startTlsProxy(t, PROXIES[name], node.httpPort);
      assert.equal(await proxy.get('/'), 200);
      const client = new Client({ webSocketFactory: () => proxy.connect('https://chat.example.org') });
      t.after(() => client.deactivate({ force: true }));
      const bodies = [];
      client.onConnect = () => {
        client.subscribe('/topic/tls', (message) => bodies.push(message.body));
        client.publish({ destination: '/topic/tls', body: 'through' });
      };
      client.activate();
      await until(() => bodies.length === 1, 'a message through the proxy');
      for (const origin of ['http://chat.example.org', 'https://evil.example', 'https://chat.example.org:8443']) {
        assert.equal(await upgradeStatus(proxy.connect(origin)), 403, origin);
      }
      // What a client makes up is the proxy's to replace.
      const lies = { 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example;proto=https', 'X-Forwarded-Proto': 'http' };
      assert.equal(await upgradeStatus(proxy.connect('https://evil.example', lies)), 403);
      assert.equal(await upgradeStatus(proxy.connect('https://chat.example.org', lies)), 101);
    });
    test(`${name}: a proxy that is not trusted is not believed`, async (t) => {
      const node = await start({ t, set: ['http.trusted-proxies=192.0.2.0/24'] });
      const proxy = await startTlsProxy(t, PROXIES[name], node.httpPort);
      assert.equal(await upgradeStatus(proxy.connect('https://chat.example.org')), 403);
    });
  }
});

test('haproxy: TLS is passed on, and the node knows its clients', async (t) => {
  const certificate = makeCertificate(directory(t), 'node', { names: ['chat.example.org'] });
  const node = await start({
    t,
    set: [...tlsSet(certificate), 'http.trusted-proxies=127.0.0.1', 'http.proxy-protocol=on', 'limits.max-address-connections=1000', 'server.log-level=debug'],
  });
  const proxy = await startTlsProxy(t, PASSES_ON, tlsPort(node), certificate);
  assert.equal(await proxy.get('/'), 200);
  assert.equal(await upgradeStatus(proxy.connect('https://chat.example.org')), 101);
  assert.equal(await upgradeStatus(proxy.connect('http://chat.example.org')), 403);
  const { refused_proxy, tls_handshakes } = await node.stats();
  assert.equal(refused_proxy, 0);
  assert.ok(tls_handshakes >= 3, `${tls_handshakes}`);
});

describe('what a proxy says', { concurrency: 4 }, () => {
  const rows = [
    [{ 'X-Forwarded-Proto': 'https' }, 'https://chat.example.org', 101],
    [{ 'X-Forwarded-Proto': 'wss' }, 'https://chat.example.org', 101],
    [{ 'X-Forwarded-Proto': 'HTTPS, http' }, 'https://chat.example.org', 101],
    [{ 'X-Forwarded-Proto': 'http' }, 'https://chat.example.org', 403],
    [{ 'X-Forwarded-Proto': 'gopher' }, 'https://chat.example.org', 403],
    [{ 'X-Forwarded-Proto': 'https' }, 'http://chat.example.org', 403],
    [{ Forwarded: 'for=192.0.2.1;proto=https' }, 'https://chat.example.org', 101],
    [{ Forwarded: 'proto=https;host="other.example:8443"' }, 'https://other.example:8443', 101],
    [{ Forwarded: 'proto=http, proto=https' }, 'https://chat.example.org', 403],
    [{ Forwarded: 'proto=https', 'X-Forwarded-Proto': 'http' }, 'https://chat.example.org', 101],
    [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'other.example' }, 'https://other.example', 101],
    [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'other.example' }, 'https://chat.example.org', 403],
    [{}, 'http://chat.example.org', 101],
    [{}, 'ws://chat.example.org', 101],
    [{}, 'https://chat.example.org', 403],
  ];
  test('is believed if it is trusted, and else not', async (t) => {
    const trusting = await start({ t, set: ['http.trusted-proxies=127.0.0.0/8, ::1'] });
    const plain = await start({ t });
    for (const [headers, origin, status] of rows) {
      for (const server of [trusting, plain]) {
        const wire = await Wire.open(server.httpPort, t);
        wire.write(upgradeRequest({ host: 'chat.example.org', headers: { ...headers, Origin: origin } }));
        const expected = server === trusting ? status : /^(http|ws):\/\/chat/.test(origin) ? 101 : 403;
        assert.equal((await wire.response()).status, expected, JSON.stringify([headers, origin, server === trusting]));
        wire.destroy();
      }
    }
  });

  test('allowed-hosts: other names get 421, addresses and localhost are served', async (t) => {
    const server = await start({ t, set: ['http.allowed-hosts=chat.example.org, *.example.net'] });
    const status = async (host, path = '/ready') => {
      const wire = await Wire.open(server.httpPort, t);
      wire.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      const { status: number } = await wire.response();
      wire.destroy();
      return number;
    };
    for (const host of ['chat.example.org', 'CHAT.example.org:8080', 'a.b.example.net', 'localhost', 'localhost:3', '127.0.0.1', '[::1]:8080', '10.0.0.1'])
      assert.equal(await status(host), 200, host);
    for (const host of ['evil.example', 'example.net', 'chat.example.org.evil.example', '127.0.0.1.evil.example', 'localhost.evil.example'])
      assert.equal(await status(host), 421, host);
    const wire = await Wire.open(server.httpPort, t);
    wire.write(upgradeRequest({ host: 'evil.example', headers: { Origin: 'http://evil.example' } }));
    const refused = await wire.response();
    assert.equal(refused.status, 421);
    assert.equal(refused.body, 'This server does not answer to that host.\n');
    assert.equal((await server.stats()).hosts_refused, 6);
  });
});
