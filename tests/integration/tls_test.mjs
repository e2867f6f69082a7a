// TLS on the server's own listeners, with the clients that users have: certificates, versions, names,
// reloads, resumption, and clients that mean ill.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';
import WebSocket from 'ws';

import { KEY, apiSet } from './lib/api.mjs';
import { run, sleep, start, until, within } from './lib/server.mjs';
import { encode, open, stomp } from './lib/stomp.mjs';
import { connect, directory, makeCertificate, sessionOf, tlsPort, tlsSet } from './lib/tls.mjs';
import { Wire } from './lib/wire.mjs';

const dir = directory();
const NAMES = ['localhost', '127.0.0.1'];
let own; // the certificate of most servers here
before(() => { own = makeCertificate(dir, 'own', { names: NAMES }); });

const startTls = (t, { set = [], certificate = own, ...options } = {}) => start({ t, set: [...tlsSet(certificate), ...set], ...options });
const clientOf = (server, scheme = 'https', more = {}) => ({ port: tlsPort(server, scheme), ca: own.pem, ...more });
const stat = async (server, name) => (await server.stats())[name];

// What openssl s_client says of a handshake, and of what was written after it.
async function sClient(port, args, { input = '', ms = 20000 } = {}) {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text) => { output += text.toString('latin1'); });
  child.stderr.on('data', (text) => { output += text.toString('latin1'); });
  child.stdin.on('error', () => {});
  const ended = new Promise((done) => { child.on('close', done); });
  if (typeof input === 'string') child.stdin.end(input);
  else await input(child, () => output);
  try {
    await within(ended, ms, `openssl s_client ${args.join(' ')}`);
  } finally {
    child.kill('SIGKILL');
  }
  return output;
}

function getOver(port, path, options = {}) {
  return new Promise((done, broken) => {
    https.get({ port, host: '127.0.0.1', path, ca: own.pem, agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; });
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, body }));
    }).on('error', broken);
  });
}

describe('clients', () => {
  test('WebSocket, TCP and plain ones share their topics', async (t) => {
    const server = await startTls(t, { tcp: true });
    const clients = [
      await stomp(server, { t, tls: clientOf(server) }),
      await stomp(server, { t, transport: 'tcp', tls: clientOf(server, 'tls') }),
      await stomp(server, { t }),
    ];
    for (const client of clients) await client.subscribe('/topic/a');
    const big = 'x'.repeat(50000);
    for (const client of clients) {
      for (const body of ['short', big]) {
        client.send('/topic/a', body);
        for (const each of clients) assert.equal((await each.expect('MESSAGE')).body, body);
      }
    }
    for (const client of clients) await client.disconnect();
    assert.equal(await stat(server, 'tls_handshakes'), 2);
  });

  test('@stomp/stompjs over wss, from a page of its own and from a stranger', async (t) => {
    const server = await startTls(t);
    const port = tlsPort(server);
    const socketOf = (origin) => () => new WebSocket(`wss://127.0.0.1:${port}/ws`, ['v12.stomp'], { ca: own.pem, origin });
    const client = new Client({ webSocketFactory: socketOf(`https://127.0.0.1:${port}`), reconnectDelay: 0 });
    t.after(() => client.deactivate());
    const message = new Promise((done) => {
      client.onConnect = () => {
        client.subscribe('/topic/a', done);
        client.publish({ destination: '/topic/a', body: 'hello' });
      };
    });
    client.activate();
    assert.equal((await within(message, 10000, 'the message')).body, 'hello');
    await assert.rejects(open(server, { t, tls: clientOf(server), origin: `http://127.0.0.1:${port}` }), { statusCode: 403 });
  });

  test('SockJS over https', async (t) => {
    const server = await startTls(t);
    const port = tlsPort(server);
    for (const transport of ['xhr-streaming', 'xhr-polling']) {
      const agent = https.globalAgent.options;
      agent.ca = own.pem;
      const sock = new SockJS(`https://127.0.0.1:${port}/ws`, null, { transports: [transport] });
      t.after(() => { delete agent.ca; sock.close(); });
      const client = new Client({ webSocketFactory: () => sock, reconnectDelay: 0 });
      const message = new Promise((done) => {
        client.onConnect = () => {
          client.subscribe('/topic/a', done);
          client.publish({ destination: '/topic/a', body: 'x'.repeat(30000) });
        };
      });
      client.activate();
      assert.equal((await within(message, 10000, transport)).body.length, 30000);
      await client.deactivate();
    }
  });

  test('pages, one request after the other on a connection, and the end of a stream', async (t) => {
    const server = await startTls(t, { tcp: true });
    const { status, body } = await getOver(tlsPort(server), '/');
    assert.equal(status, 200);
    assert.match(body, /<html/i);
    const socket = await connect(tlsPort(server), { t, ca: own.pem, allowHalfOpen: true });
    let text = '';
    const ended = new Promise((done) => socket.on('data', (some) => { text += some; }).on('end', done));
    socket.end('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    await within(ended, 10000, 'the end');
    assert.equal(text.match(/HTTP\/1\.1 200/g).length, 3);
    // what a client sends before it closes its half counts, and it reads on
    const listener = await stomp(server, { t });
    await listener.subscribe('/topic/last');
    const last = await connect(tlsPort(server, 'tls'), { t, ca: own.pem });
    last.end(Buffer.concat([encode('CONNECT', { 'accept-version': '1.2', host: 'x' }), encode('SEND', { destination: '/topic/last' }, 'last words')]));
    assert.equal((await listener.expect('MESSAGE')).body, 'last words');
  });

  test('what comes in one read with the end of the handshake', async (t) => {
    const server = await startTls(t, { tcp: true });
    for (const [scheme, more, said, answer] of [
      ['https', 'x'.repeat(6000), 'GET /ready HTTP/1.1\r\nHost: x\r\n', /^HTTP\/1\.1 200 /],
      ['tls', '', encode('CONNECT', { 'accept-version': '1.2', host: 'x' }), /^CONNECTED\n/],
    ]) {
      // Between client and server stands somebody who passes on what follows the first flight in one piece.
      const between = net.createServer((client) => {
        const on = net.connect(tlsPort(server, scheme), '127.0.0.1');
        const held = [];
        on.setNoDelay(true);
        client.once('data', (hello) => {
          on.write(hello);
          client.on('data', (bytes) => held.push(bytes));
        });
        between.release = () => { on.write(Buffer.concat(held)); client.removeAllListeners('data'); client.pipe(on); };
        between.held = () => held.reduce((sum, bytes) => sum + bytes.length, 0);
        on.on('error', () => {}).pipe(client.on('error', () => {}));
        t.after(() => { on.destroy(); client.destroy(); });
      });
      t.after(() => between.close());
      await new Promise((done) => between.listen(0, '127.0.0.1', done));
      const socket = await connect(between.address().port, { t, ca: own.pem });
      const request = more ? `${said}X-More: ${more}\r\n\r\n` : said;
      const answered = new Promise((done) => socket.once('data', (data) => done(data.toString())));
      socket.write(request);
      await until(() => between.held() > request.length, 'the request');
      between.release();
      assert.match(await within(answered, 10000, 'the answer'), answer);
    }
  });

  test('who is behind a proxy that speaks the PROXY protocol', async (t) => {
    const server = await startTls(t, { set: ['http.trusted-proxies=127.0.0.0/8', 'http.proxy-protocol=on'] });
    const raw = net.connect(tlsPort(server), '127.0.0.1');
    t.after(() => raw.destroy());
    raw.write('PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n');
    const socket = await connect(undefined, { t, socket: raw, ca: own.pem });
    socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    const [answer] = await within(new Promise((done) => socket.once('data', (...all) => done(all))), 10000, 'the answer');
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  });

  test('doors that have TLS alone are measured, too', async (t) => {
    const server = await start({ t, http: false, set: [...tlsSet(own), 'metrics.listen=127.0.0.1:0'] });
    const client = await stomp(server, { t, tls: clientOf(server) });
    const [, port] = /listening on http-metrics:\/\/127\.0\.0\.1:(\d+)/.exec(server.log.find((line) => /http-metrics/.test(line)));
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(text, /^plugboard_endpoint_connections\{endpoint="\/ws",transport="websocket"\} 1$/m);
    assert.match(text, /^plugboard_endpoint_connections\{endpoint="tcp",transport="tcp"\} 0$/m);
    await client.disconnect();
  });

  test('operators, and a stream for them', async (t) => {
    const token = 'a-token-of-the-tests';
    const server = await startTls(t, { set: ['admin.tls-listen=127.0.0.1:0', `admin.token=${token}`] });
    const port = Number(/:(\d+)$/.exec(server.log.find((line) => line.includes('listening on https-admin://')))[1]);
    const headers = { authorization: `Bearer ${token}`, origin: `https://127.0.0.1:${port}` };
    assert.equal((await getOver(port, '/admin/api/status')).status, 401);
    assert.equal(JSON.parse((await getOver(port, '/admin/api/status', { headers })).body).state, 'ready');
    assert.equal((await getOver(port, '/admin/api/status', { headers: { ...headers, origin: `http://127.0.0.1:${port}` } })).status, 403);
    const tail = https.get({ port, host: '127.0.0.1', path: '/admin/api/tail?destination=/topic/a', headers, ca: own.pem, agent: false });
    t.after(() => tail.destroy());
    let text = '';
    tail.on('response', (response) => response.setEncoding('utf8').on('data', (some) => { text += some; }));
    await until(() => text.includes(': ready'), 'the beginning of the tail');
    const client = await stomp(server, { t });
    client.send('/topic/a', 'z'.repeat(3000));
    await until(() => text.includes('z'.repeat(3000)), 'the message in the tail');
  });

  test('services, at a door of their own', async (t) => {
    const server = await startTls(t, { set: ['api.tls-listen=127.0.0.1:0', ...apiSet] });
    const port = Number(/:(\d+)$/.exec(server.log.find((line) => line.includes('listening on https-api://')))[1]);
    const client = await stomp(server, { t, tls: clientOf(server) });
    await client.subscribe('/topic/a');
    const publish = (to) => new Promise((done, broken) => {
      const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
      const request = https.request({ method: 'POST', port: to, host: '127.0.0.1', path: '/api/publish', headers, ca: own.pem, agent: false }, (response) => {
        response.resume().on('end', () => done(response.statusCode));
      });
      request.on('error', broken).end(JSON.stringify({ destination: '/topic/a', body: 'by a service' }));
    });
    assert.equal(await publish(tlsPort(server)), 404, 'where clients connect');
    assert.equal(await publish(port), 200);
    assert.equal((await client.expect('MESSAGE')).body, 'by a service');
  });

  test('messages of one turn come in one record', async (t) => {
    const server = await startTls(t, { set: ['server.workers=1'] });
    let records = 0;
    const relay = net.createServer((socket) => {
      const behind = net.connect(tlsPort(server, 'tls'), '127.0.0.1');
      let rest = Buffer.alloc(0);
      behind.on('data', (bytes) => {
        rest = Buffer.concat([rest, bytes]);
        for (; rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3); records += 1) rest = rest.subarray(5 + rest.readUInt16BE(3));
        socket.write(bytes);
      });
      socket.on('data', (bytes) => behind.write(bytes)).on('close', () => behind.destroy()).on('error', () => {});
      behind.on('close', () => socket.destroy()).on('error', () => {});
    });
    await new Promise((done) => { relay.listen(0, '127.0.0.1', done); });
    t.after(() => relay.close());
    const client = await stomp(server, { t, transport: 'tcp', tls: clientOf(server, 'tls', { port: relay.address().port }), connect: { 'heart-beat': '0,0' } });
    await client.subscribe('/topic/a');
    const publisher = await stomp(server, { t });
    const before = records;
    publisher.raw(Array.from({ length: 16 }, (_, i) => encode('SEND', { destination: '/topic/a' }, `${i}`)).join(''));
    const bodies = (await client.messages(16)).map((message) => message.body);
    assert.deepEqual(bodies, Array.from({ length: 16 }, (_, i) => `${i}`));
    assert.equal(records - before, 1);
  });

  test('a stopping server says farewell', async (t) => {
    const server = await startTls(t);
    const client = await stomp(server, { t, tls: clientOf(server) });
    const half = net.connect(tlsPort(server), '127.0.0.1'); // is not waited for
    t.after(() => half.destroy());
    await new Promise((done) => half.on('connect', done));
    server.signal('SIGTERM');
    assert.equal((await client.waitForClose()).code, 1012);
    assert.deepEqual(await server.waitForExit(), { code: 0, signal: null });
  });

  test('a handshake that ends while the server stops begins no session', async (t) => {
    const server = await startTls(t, { set: ['server.workers=1', 'server.drain-time=10m', 'server.drain-rate=1'] });
    const clients = [await stomp(server, { t, tls: clientOf(server) }), await stomp(server, { t, tls: clientOf(server) })];
    const half = net.connect(tlsPort(server, 'tls'), '127.0.0.1');
    t.after(() => half.destroy());
    await until(async () => (await stat(server, 'tls_handshaking')) === 1, 'the connection');
    server.signal('SIGTERM');
    await server.waitForLine(/closing 2 sessions in/);
    const late = await connect(0, { t, ca: own.pem, socket: half });
    let heard = '';
    late.on('data', (bytes) => { heard += bytes; });
    const closed = new Promise((done) => late.on('close', done));
    late.write('CONNECT\naccept-version:1.2\nhost:h\n\n\0');
    await within(closed, 10000, 'the end of the late one');
    assert.equal(heard, '');
    for (const client of clients) assert.equal((await client.waitForClose()).code, 1012);
    assert.deepEqual(await server.waitForExit(), { code: 0, signal: null }); // long before drain-time
  });
});

describe('what is agreed upon', () => {
  test('versions, ciphers, ALPN', async (t) => {
    const server = await startTls(t, { certificate: makeCertificate(dir, 'rsa', { names: NAMES, rsa: true }) });
    const port = tlsPort(server);
    const agreed = async (args) => /New, ([^\n]*)/.exec(await sClient(port, args))[1];
    assert.match(await agreed([]), /^TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/);
    assert.match(await agreed(['-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256']), /CHACHA20/);
    assert.match(await agreed(['-ciphersuites', 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256']), /AES_256/);
    assert.match(await agreed(['-tls1_2']), /^TLSv1\.2, Cipher is ECDHE-RSA-AES128-GCM-SHA256/);
    assert.match(await agreed(['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']), /^\(NONE\)/);
    assert.match(await agreed(['-tls1_2', '-cipher', 'AES128-GCM-SHA256']), /^\(NONE\)/, 'no forward secrecy');
    assert.match(await agreed(['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA256']), /^\(NONE\)/, 'CBC');
    assert.match(await sClient(port, ['-alpn', 'h2,http/1.1']), /ALPN protocol: http\/1\.1/);
    assert.match(await sClient(port, ['-alpn', 'h2']), /no application protocol/);
    assert.match(await sClient(tlsPort(server, 'tls'), ['-alpn', 'x']), /No ALPN negotiated/);
    await server.waitForLine(/info tls: handshake with 127\.0\.0\.1:\d+ failed: /);
  });

  test('TLS 1.3 alone, and ciphers of one\'s own', async (t) => {
    const server = await startTls(t, { set: ['tls.min-version=1.3', 'tls.ciphers=TLS_AES_256_GCM_SHA384'] });
    const port = tlsPort(server);
    assert.match(await sClient(port, []), /New, TLSv1\.3, Cipher is TLS_AES_256_GCM_SHA384/);
    assert.match(await sClient(port, ['-tls1_2']), /New, \(NONE\)/);
  });

  test('certificates by name', async (t) => {
    const plain = makeCertificate(dir, 'plain', { names: ['chat.example.org', '*.wild.example.org'] });
    const named = makeCertificate(dir, 'named', { names: ['whatever.example.org'] });
    const config = `[tls]\ncertificate = ${own.certificate}\nkey = ${own.key}\n`
      + `[tls *.named.example.org one.example.org]\ncertificate = ${named.certificate}\nkey = ${named.key}\n`
      + `[tls chat.example.org]\ncertificate = ${plain.certificate}\nkey = ${plain.key}\n`;
    const server = await start({ t, config, set: ['http.tls-listen=127.0.0.1:0'] });
    await server.waitForLine(/warn tls: \[tls \*\.named\.example\.org one\.example\.org\]: the certificate in \S+ is not for one\.example\.org/);
    for (const [servername, expected] of [
      ['chat.example.org', 'plain'], ['CHAT.Example.ORG', 'plain'], ['a.wild.example.org', 'plain'], ['a.b.wild.example.org', 'own'],
      ['one.example.org', 'named'], ['a.named.example.org', 'named'], ['named.example.org', 'own'], ['whatever.example.org', 'named'],
      ['localhost', 'own'], ['', 'own'],
    ]) {
      for (const maxVersion of ['TLSv1.3', 'TLSv1.2']) {
        const socket = await connect(tlsPort(server), { t, servername, rejectUnauthorized: false, maxVersion });
        assert.equal(socket.getPeerCertificate().subject.CN, expected, `${servername} ${maxVersion}`);
        socket.destroy();
      }
    }
  });

  test('an OCSP response is stapled while it is good', async (t) => {
    const ca = makeCertificate(dir, 'ocsp-ca', { authority: true });
    const signed = makeCertificate(dir, 'stapled', { names: NAMES, ca });
    const response = join(dir, 'response.der');
    const serial = (await once('openssl', ['x509', '-in', signed.certificate, '-noout', '-serial'])).trim().split('=')[1];
    writeFileSync(join(dir, 'index.txt'), `V\t491231235959Z\t\t${serial}\tunknown\t/CN=stapled\n`);
    await once('openssl', ['ocsp', '-index', join(dir, 'index.txt'), '-CA', ca.certificate, '-rsigner', ca.certificate, '-rkey', ca.key,
      '-issuer', ca.certificate, '-cert', signed.certificate, '-ndays', '1', '-respout', response]);
    const server = await startTls(t, { certificate: signed, set: [`tls.ocsp-response=${response}`] });
    assert.match(await sClient(tlsPort(server), ['-status']), /OCSP Response Status: successful/);
    const other = await startTls(t, { set: [`tls.ocsp-response=${response}`] });
    await other.waitForLine(/warn tls: \[tls\] ocsp-response: \S+: is not about this certificate: it is not sent/);
    assert.match(await sClient(tlsPort(other), ['-status']), /OCSP response: no response sent/);
  });
});

// A program's output.
function once(program, args) {
  return new Promise((done, broken) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => { output += text; });
    child.stderr.on('data', (text) => { errors += text; });
    child.on('error', broken);
    child.on('close', (code) => (code === 0 ? done(output) : broken(new Error(`${program} ${args.join(' ')}: ${errors}`))));
  });
}

// To the end of the handshake as the server sees it.
async function finish(socket) {
  socket.resume();
  const closed = new Promise((done) => socket.on('close', done));
  socket.end();
  await within(closed, 10000, 'the end');
}

describe('sessions', () => {
  test('are resumed with any worker and after a reload, until nobody may', async (t) => {
    const changing = makeCertificate(dir, 'changing', { names: NAMES });
    const server = await startTls(t, { certificate: changing, set: ['server.workers=3', 'tls.reload-interval=100ms'] });
    const options = { t, ca: changing.pem };
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2']) {
      const session = await sessionOf(tlsPort(server), { ...options, maxVersion });
      for (let i = 0; i < 12; i++) {
        const socket = await connect(tlsPort(server), { ...options, maxVersion, session });
        assert.ok(socket.isSessionReused(), `${maxVersion}, number ${i}`);
        await finish(socket);
      }
      const from = server.log.length;
      copyFileSync(changing.certificate, `${changing.certificate}.new`);
      renameSync(`${changing.certificate}.new`, changing.certificate);
      await server.waitForLine(/the certificates have changed/, { from });
      const socket = await connect(tlsPort(server), { ...options, maxVersion, session });
      assert.ok(socket.isSessionReused(), `${maxVersion}, after the reload`);
      await finish(socket);
    }
    assert.equal(await stat(server, 'tls_resumed'), 26);
    const never = await startTls(t, { set: ['tls.session-lifetime=0'] });
    const socket = await connect(tlsPort(never), { t, ca: own.pem });
    socket.on('session', () => assert.fail('a ticket'));
    socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((done) => socket.once('data', done));
  });
});

describe('reload', () => {
  test('new connections get the new certificate, old ones stay, and what is broken changes nothing', async (t) => {
    const [one, two] = [makeCertificate(dir, 'one', { names: NAMES }), makeCertificate(dir, 'two', { names: NAMES })];
    const files = { certificate: join(dir, 'live.pem'), key: join(dir, 'live.key') };
    const put = (from) => {
      copyFileSync(from.key, `${files.key}.new`);
      copyFileSync(from.certificate, `${files.certificate}.new`);
      renameSync(`${files.key}.new`, files.key);
      renameSync(`${files.certificate}.new`, files.certificate);
    };
    put(one);
    const server = await startTls(t, { certificate: files, set: ['tls.reload-interval=100ms'] });
    const options = { rejectUnauthorized: false, port: tlsPort(server) };
    const shown = async () => {
      const socket = await connect(tlsPort(server), { t, rejectUnauthorized: false });
      const name = socket.getPeerCertificate().subject.CN;
      socket.destroy();
      return name;
    };
    const client = await stomp(server, { t, tls: options });
    await client.subscribe('/topic/a');
    put(two);
    await until(async () => (await shown()) === 'two', 'the new certificate');
    writeFileSync(files.certificate, one.pem); // not that of the key
    await server.waitForLine(/error tls: .*\[tls\] certificate: \S+live\.key: the key does not belong to the certificate in \S+live\.pem; the certificates of before stay/);
    writeFileSync(files.certificate, '-----BEGIN CERTIFICATE-----\nnonsense\n');
    await server.waitForLine(/error tls: .*live\.pem: cannot use the certificate: .*; the certificates of before stay/);
    assert.equal(await shown(), 'two');
    client.send('/topic/a', 'still here');
    assert.equal((await client.expect('MESSAGE')).body, 'still here');
    put(one);
    await until(async () => (await shown()) === 'one', 'the certificate of before');
    assert.ok(await stat(server, 'tls_reloads_failed') >= 2);
  });
});

describe('certificates of clients', () => {
  let ca, meter, stranger;
  before(() => {
    ca = makeCertificate(dir, 'client-ca', { authority: true });
    meter = makeCertificate(dir, 'meter-7', { subject: '/O=Example, Ltd/CN=meter-7', ca });
    stranger = makeCertificate(dir, 'stranger');
  });
  const shows = ({ certificate, key }) => ({ cert: readFileSync(certificate), key: readFileSync(key) });

  test('are asked for, and those of strangers refused', async (t) => {
    for (const mode of ['ask', 'require']) {
      const server = await startTls(t, { set: [`tls.client-certificate=${mode}`, `tls.client-ca=${ca.certificate}`] });
      const comesIn = async (certificate) => {
        const options = certificate ? shows(certificate) : {};
        const socket = await connect(tlsPort(server), { t, ca: own.pem, ...options }).catch(() => null);
        if (!socket) return false;
        const answer = new Promise((done) => socket.on('data', () => done(true)).on('close', () => done(false)));
        socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
        return answer;
      };
      assert.equal(await comesIn(meter), true, mode);
      assert.equal(await comesIn(stranger), false, mode);
      assert.equal(await comesIn(null), mode === 'ask', mode);
    }
  });

  test('let users of auth-file in', async (t) => {
    const users = join(dir, 'users');
    writeFileSync(users, 'meter-7:certificate CN=meter-7,O=Example\\, Ltd:METER\n', { mode: 0o600 });
    const server = await startTls(t, {
      tcp: true,
      set: ['auth.plugins=file', `auth.file.users=${users}`, 'tls.client-certificate=ask', `tls.client-ca=${ca.certificate}`],
    });
    for (const [transport, scheme] of [['ws', 'https'], ['tcp', 'tls']]) {
      const secure = clientOf(server, scheme, shows(meter));
      const client = await stomp(server, { t, transport, tls: secure });
      assert.equal(client.session.headers['user-name'], 'meter-7');
      await stomp(server, { t, transport, tls: secure, connect: { login: 'meter-7' } });
      for (const connectAs of [{ login: 'other' }, { login: 'meter-7', passcode: 'x' }]) {
        const refused = await open(server, { t, transport, tls: secure });
        refused.frame('CONNECT', { 'accept-version': '1.2', host: 'x', ...connectAs });
        await refused.expectError(/denied|auth/i);
      }
      // a session that is resumed is still that of the certificate
      const session = await sessionOf(secure.port, { t, ca: own.pem, ...shows(meter) });
      const again = await stomp(server, { t, transport, tls: { ...secure, session } });
      assert.equal(again.session.headers['user-name'], 'meter-7');
      const nobody = await open(server, { t, transport, tls: clientOf(server, scheme) });
      nobody.frame('CONNECT', { 'accept-version': '1.2', host: 'x' });
      await nobody.expectError();
    }
  });
});

describe('slow readers', () => {
  const COUNT = 6000;
  // One that does not read while everything is published, and then reads it all.
  async function flood(t, server, transport, scheme, size = 2000, count = COUNT) {
    const reader = await stomp(server, { t, transport, tls: clientOf(server, scheme) });
    await reader.subscribe('/topic/flood');
    reader.pause();
    const writer = await stomp(server, { t });
    const filler = 'y'.repeat(size);
    for (let i = 0; i < count; i++) writer.send('/topic/flood', `${i} ${filler}`);
    await writer.request('SEND', { destination: '/topic/other' });
    await sleep(100);
    reader.resume();
    return { reader, filler };
  }

  for (const [transport, scheme] of [['ws', 'https'], ['tcp', 'tls']]) {
    test(`get every byte, over ${scheme}`, async (t) => {
      const server = await startTls(t, { set: [`server.io-uring=${scheme === 'https' ? 'on' : 'off'}`, 'limits.max-frame-size=1m', 'limits.queue-size=64m', 'tcp.queue-size=64m', 'limits.queue-messages=100000', 'tls.rekey-after=50'] });
      for (const [size, count] of [[2000, COUNT], [300000, 40]]) { // small records, and more than one send takes
        const { reader, filler } = await flood(t, server, transport, scheme, size, count);
        for (let i = 0; i < count; i++) {
          const { body } = await reader.expect('MESSAGE', {}, 30000);
          if (body !== `${i} ${filler}`) assert.fail(`message ${i} is ${body.slice(0, 20)}`);
        }
        await reader.disconnect();
      }
      assert.equal(await stat(server, 'dropped_queue'), 0);
    });

    test(`lose whole messages only, over ${scheme}`, async (t) => {
      const server = await startTls(t, { set: ['limits.queue-size=100k', 'tcp.max-frame-size=64k', 'tcp.queue-size=100k', 'limits.queue-policy=drop-oldest'] });
      const { reader, filler } = await flood(t, server, transport, scheme);
      let last = -1;
      let got = 0;
      while (last < COUNT - 1) {
        const { body } = await reader.expect('MESSAGE', {}, 30000);
        const [number, rest] = [Number(body.slice(0, body.indexOf(' '))), body.slice(body.indexOf(' ') + 1)];
        if (!(number > last) || rest !== filler) assert.fail(`behind ${last}: ${body.slice(0, 20)}`);
        last = number;
        got++;
      }
      assert.equal(await stat(server, 'dropped_queue'), COUNT - got);
      assert.ok(got < COUNT, 'nothing was dropped');
      await reader.disconnect();
    });
  }
});

describe('clients that mean ill', () => {
  test('speak without TLS, or nonsense', async (t) => {
    const server = await startTls(t);
    const http = await Wire.open(tlsPort(server), t);
    http.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const response = await http.response();
    assert.equal(response.status, 400);
    assert.match(response.body, /This address speaks TLS only\./);
    await http.waitForEnd();
    const tcp = await Wire.open(tlsPort(server, 'tls'), t);
    tcp.write(encode('CONNECT', { 'accept-version': '1.2', host: 'x' }));
    await tcp.waitForEnd();
    assert.match(tcp.buffer.toString(), /^ERROR\n[\s\S]*This address speaks TLS only/);
    for (const bytes of ['\0'.repeat(100), '\x16\x03\x01\xff\xff', 'x'.repeat(70000), '\x16\x03\x01\0\x05hello']) {
      const wire = await Wire.open(tlsPort(server), t);
      wire.write(Buffer.from(bytes, 'latin1'));
      wire.end();
      await wire.waitForEnd();
    }
    assert.equal(await stat(server, 'tls_plain'), 2);
    await until(async () => (await stat(server, 'connections')) === 0, 'the end of all connections');
  });

  test('negotiate anew, or change keys without end', async (t) => {
    const server = await startTls(t, { set: ['tls.max-rekeys=5'] });
    const port = tlsPort(server);
    const renegotiated = await sClient(port, ['-tls1_2'], {
      input: async (child, output) => {
        await until(() => /Verify return code/.test(output()), 'the handshake');
        child.stdin.write('R\n');
        await until(() => /RENEGOTIATING[\s\S]*error|no renegotiation|DONE/.test(output()), 'the refusal');
        child.stdin.end();
      },
    });
    assert.match(renegotiated, /no renegotiation/);
    const rekeyed = sClient(port, [], {
      input: async (child, output) => {
        await until(() => /read R BLOCK|Verify return code/.test(output()), 'the handshake');
        for (let i = 0; i < 20; i++) {
          child.stdin.write('K\n');
          await sleep(20); // s_client reads a command at a time
        }
      },
    });
    await rekeyed;
    assert.equal(await stat(server, 'closed_rekeys'), 1);
    const client = await stomp(server, { t, tls: clientOf(server) });
    await client.disconnect();
  });

  test('ask faster than they are answered, beside a burst of messages', async (t) => {
    // A burst puts off the end of a turn, and with it what is kept behind a request that was
    // answered, while more of it comes: a record's worth more than a read without TLS can give.
    const server = await startTls(t, { set: ['server.workers=1', 'server.io-uring=off'] });
    const [each, rounds] = [3000, 6];
    const asked = Buffer.from('GET /live HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(each));
    const sockets = [];
    for (let i = 0; i < 3; i++) sockets.push(await connect(tlsPort(server), { t, ca: own.pem }));
    const frames = Buffer.from(`SEND\ndestination:/topic/none\n\n${'z'.repeat(8000)}\0`.repeat(64));
    let over = false;
    for (let i = 0; i < 2; i++) {
      const burst = await Wire.open(server.tcpPort, t);
      burst.write('CONNECT\naccept-version:1.2\nhost:x\n\n\0');
      const go = () => {
        while (!over && burst.socket.write(frames));
        if (!over) burst.socket.once('drain', go);
      };
      go();
    }
    await Promise.all(sockets.map((socket) => within(new Promise((done, broken) => {
      let rest = '';
      let n = 0;
      socket.setEncoding('latin1').on('data', (text) => {
        const lines = (rest + text).split('live\n');
        rest = lines.pop();
        n += lines.length;
        if (n === each * rounds) done();
      });
      socket.once('close', () => broken(new Error(`closed after ${n} answers`)));
      for (let i = 0; i < rounds; i++) socket.write(asked);
    }), 30000, 'all answers')));
    over = true;
  });

  test('come too often', async (t) => {
    const server = await startTls(t, { set: ['limits.max-address-connections=1'] });
    await stomp(server, { t, tls: clientOf(server) });
    await assert.rejects(connect(tlsPort(server), { t, ca: own.pem }), /closed|ECONNRESET|disconnected/);
    assert.equal(await stat(server, 'refused_address'), 1);
  });

  test('begin a thousand handshakes and say nothing more', async (t) => {
    const server = await startTls(t, { set: ['tls.handshake-timeout=2s'] });
    const hello = Buffer.from('1603010200010001fc0303', 'hex'); // the beginning of one
    const sockets = [];
    t.after(() => { for (const socket of sockets) socket.destroy(); });
    for (let i = 0; i < 1000; i++) {
      const socket = net.connect(tlsPort(server), '127.0.0.1');
      socket.on('error', () => {});
      if (i % 2) socket.write(hello);
      sockets.push(socket);
    }
    await until(async () => (await stat(server, 'connections_total')) >= 1000, 'all connections');
    const client = await stomp(server, { t, tls: clientOf(server) });
    await client.subscribe('/topic/a');
    client.send('/topic/a', 'served');
    await client.expect('MESSAGE');
    await until(async () => (await stat(server, 'tls_timeouts')) === 1000, 'the end of their time', 20000);
    const { connections, tls_handshaking } = await server.stats();
    assert.deepEqual([connections, tls_handshaking], [1, 0]);
  });
});

describe('configuration', () => {
  const check = async (text) => {
    const file = join(dir, 'check.ini');
    writeFileSync(file, text);
    return run(['--check', '--config', file]);
  };

  test('--check looks into the files', async () => {
    const expired = makeCertificate(dir, 'expired', { days: 1 });
    const both = `[http]\ntls-listen = 127.0.0.1:0\n[tls]\ncertificate = ${own.certificate}\n`;
    const good = await check(`${both}key = ${own.key}\n`);
    assert.equal(good.code, 0, good.stderr);
    const sealed = join(dir, 'sealed.key');
    await once('openssl', ['pkey', '-in', own.key, '-aes256', '-passout', 'pass:secret', '-out', sealed]);
    for (const [text, expected] of [
      [`${both}key = ${expired.key}\n`, /check\.ini:3: \[tls\] certificate: \S+expired\.key: the key does not belong to the certificate in /],
      [`${both}key = ${dir}/none.key\n`, /\[tls\] certificate: \S+none\.key: .*[Nn]o such file/],
      [`${both}key = ${sealed}\n`, /sealed\.key: the key has a password/],
      [`${both}key = ${own.certificate}\n`, /there is no private key in it/],
      [both, /check\.ini:3: \[tls\] key: a file is missing/],
      ['[http]\ntls-listen = 127.0.0.1:0\n', /check\.ini:2: \[http\] tls-listen: '127\.0\.0\.1:0' needs a section \[tls\]/],
      [`${both}key = ${own.key}\nciphers = NONSENSE\n`, /\[tls\] ciphers: OpenSSL knows none/],
      [`${both}key = ${own.key}\nclient-certificate = ask\n`, /client-certificate: 'ask' needs 'client-ca'/],
      [`${both}key = ${own.key}\n[tls a_b!c]\n`, /'a_b!c' is not a host's name/],
      [`[tls a.example.org]\ncertificate = ${own.certificate}\nkey = ${own.key}\n`, /needs a section \[tls\]/],
    ]) {
      const { code, stderr } = await check(text);
      assert.equal(code, 78, `${text}\n${stderr}`);
      assert.match(stderr, expected);
    }
    // Nobody is asked for a password: the file is refused, whichever it is.
    const locked = join(dir, 'locked.pem');
    writeFileSync(locked, own.pem.replace('\n', '\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n'));
    for (const text of [
      `[http]\ntls-listen = 127.0.0.1:0\n[tls]\ncertificate = ${locked}\nkey = ${own.key}\n`,
      `${both}key = ${own.key}\nclient-certificate = ask\nclient-ca = ${locked}\n`,
      `[broker]\nplugin = redis\n[broker.redis]\nurl = rediss://127.0.0.1:1\ntls-certificate = ${locked}\ntls-key = ${own.key}\n`,
    ]) {
      const { code, stderr } = await check(text);
      assert.equal(code, 78, stderr);
      assert.match(stderr, /locked\.pem: (cannot use the certificates?: |no certificate can be read from it)/);
      assert.doesNotMatch(stderr, /Enter PEM pass phrase/);
    }
    const soon = await check(`[tls]\ncertificate = ${expired.certificate}\nkey = ${expired.key}\n`);
    assert.equal(soon.code, 0);
    assert.match(soon.stderr, /warn tls: the certificate in \S+expired\.pem expires on \d{4}-\d\d-\d\d/);
  });
});
