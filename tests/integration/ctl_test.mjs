// plugctl: its commands against the real server, against RabbitMQ over all four transports, and
// against servers that misbehave.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { WebSocketServer } from 'ws';

import { ctl, plugctl, rawServer, startCtl } from './lib/ctl.mjs';
import { hasRabbit, startRabbit } from './lib/rabbitmq.mjs';
import { freePort } from './lib/ports.mjs';
import { root, slowness, start, until } from './lib/server.mjs';
import { decode, encode, stomp } from './lib/stomp.mjs';
import { makeCertificate, tlsPort, tlsSet } from './lib/tls.mjs';

const read = (path) => readFileSync(join(root, path), 'utf8');

function temporary(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugctl-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function webSocketServer(t) {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(wss, 'listening');
  t.after(() => {
    for (const client of wss.clients) client.terminate();
    wss.close();
  });
  return wss;
}

const urls = (server) => ({ websocket: `ws://127.0.0.1:${server.httpPort}`, tcp: `stomp://127.0.0.1:${server.tcpPort}` });

async function subscriber(t, args, options) {
  const sub = startCtl(t, ['sub', '-v', ...args], options);
  await sub.until(/subscribed/);
  return sub;
}

const lines = (text) => text.split('\n').filter((line) => line);

describe('pub and sub', { concurrency: 4 }, () => {
  for (const transport of ['websocket', 'tcp']) {
    test(`over ${transport}: JSON, headers, binary, lines`, async (t) => {
      const server = await start({ t, tcp: true });
      const url = urls(server)[transport];
      const sub = await subscriber(t, ['-u', url, '--json', '-n', '73', '/topic/a', '/topic/b']);
      const first = await ctl(['pub', '-u', url, '--json', '-H', 'x:a:b', '-T', 'text/plain', '/topic/a', 'hällo\nworld']);
      assert.deepEqual([first.code, JSON.parse(first.stdout)], [0, { destination: '/topic/a', sent: 1, confirmed: 1 }], first.stderr);
      const bytes = randomBytes(40000);
      bytes[0] = 0xff; // no UTF-8
      assert.equal((await ctl(['pub', '-u', url, '/topic/b'], { input: bytes })).code, 0);
      const many = Array.from({ length: 70 }, (_, i) => `line ${i}`);
      const rest = await ctl(['pub', '-u', url, '--lines', '/topic/a'], { input: `${many.join('\n')}\r\nlast` });
      assert.equal(rest.code, 0, rest.stderr);
      const { code, stdout } = await sub.ended;
      assert.equal(code, 0);
      const messages = lines(stdout).map((line) => JSON.parse(line));
      assert.equal(messages.length, 73);
      assert.deepEqual([messages[0].destination, messages[0].body], ['/topic/a', 'hällo\nworld']);
      assert.deepEqual([messages[0].headers.x, messages[0].headers['content-type']], ['a:b', 'text/plain']);
      assert.ok(Math.abs(Date.parse(messages[0].received_at) - Date.now()) < 600000);
      assert.ok(Buffer.from(messages[1].body_base64, 'base64').equals(bytes));
      assert.deepEqual(messages.slice(2).map((message) => message.body), [...many, 'last']);
    });
  }

  test('text: bodies as they are, headers with -v; a file; acknowledged', async (t) => {
    const server = await start({ t, tcp: true });
    const dir = temporary(t);
    writeFileSync(join(dir, 'body'), '\x1b[31mred\n');
    const env = { PLUGCTL_URL: urls(server).tcp };
    const sub = await subscriber(t, ['-n', '1', '--ack', 'client-individual', '/topic/a'], { env });
    assert.equal((await ctl(['pub', '-f', join(dir, 'body'), '/topic/a'], { env })).code, 0);
    const { code, stdout } = await sub.ended;
    assert.equal(code, 0);
    assert.match(stdout, /^subscription: sub-0\n(.*\n)*ack: .*\n(.*\n)*\n\x1b\[31mred\n\n\n$/);
    const gone = await ctl(['pub', '-f', join(dir, 'nothing'), '/topic/a'], { env });
    assert.deepEqual([gone.code, gone.stderr], [1, `plugctl: ${join(dir, 'nothing')}: No such file or directory\n`]);
  });

  test('who one is: login, URL, token, and a server that refuses', async (t) => {
    const secret = 'a secret that is long enough: 32 b.';
    const dir = temporary(t);
    writeFileSync(join(dir, 'secret'), `${secret}\n`);
    const server = await start({ t, set: ['auth.plugins=jwt', `auth.jwt.secret=${secret}`, 'auth.jwt.audience=chat'] });
    const env = { PLUGCTL_URL: urls(server).websocket };
    const none = await ctl(['pub', '/topic/a', 'x'], { env });
    assert.equal(none.code, 77);
    assert.match(none.stderr, /^plugctl: refused: authentication is required\.\n$/);
    const made = await ctl(['token', '--secret-file', join(dir, 'secret'), '--sub', 'alice', '--aud', 'chat', '--role', 'admin']);
    const token = made.stdout.trim();
    writeFileSync(join(dir, 'token'), made.stdout);
    for (const options of [['--token', token], ['--token-file', join(dir, 'token')]]) {
      assert.equal((await ctl(['pub', ...options, '/topic/a', 'x'], { env })).code, 0);
    }
    assert.equal((await ctl(['pub', '/topic/a', 'x'], { env: { ...env, PLUGCTL_TOKEN: token } })).code, 0);
    const late = await ctl(['token', '--secret', secret, '--aud', 'chat', '-s', 'bob', '-c', 'exp=1000']);
    assert.equal((await ctl(['pub', '-t', late.stdout.trim(), '/topic/a', 'x'], { env })).code, 77);
    const nowhere = await ctl(['pub', '-t', token, '/nowhere/a', 'x'], { env });
    assert.equal(nowhere.code, 77);
    assert.match(nowhere.stderr, /^plugctl: refused: SEND: destination '\/nowhere\/a' is outside every prefix/);
  });

  test('login and passcode, from options, URL and file', async (t) => {
    const wss = await webSocketServer(t);
    const seen = [];
    wss.on('connection', (socket, request) => socket.on('message', (data) => {
      const { frame } = decode(data);
      if (frame?.command !== 'CONNECT') return;
      seen.push({ ...frame.headers, url: request.url, origin: request.headers.origin });
      socket.send(encode('ERROR', { message: 'no' }));
    }));
    const at = `127.0.0.1:${wss.address().port}`;
    const dir = temporary(t);
    writeFileSync(join(dir, 'pass'), 'from file\n');
    await ctl(['pub', '-u', `ws://al%40ice:p%3Ax@${at}/some/path?q=1`, '/a', 'x']);
    await ctl(['pub', '-u', `ws://${at}`, '-l', 'bob', '--passcode-file', join(dir, 'pass'), '--host', '/', '/a', 'x']);
    await ctl(['pub', '-u', `ws://${at}`, '-l', 'bob', '--http-header', 'Origin: http://o.example', '--connect-header', 'x:y z', '/a', 'x'], { env: { PLUGCTL_PASSCODE: 'env' } });
    assert.deepEqual(seen.map((h) => [h.login, h.passcode, h.host, h.url, h.origin, h.x]), [
      ['al@ice', 'p:x', '127.0.0.1', '/some/path?q=1', undefined, undefined],
      ['bob', 'from file', '/', '/ws', undefined, undefined],
      ['bob', 'env', '127.0.0.1', '/ws', 'http://o.example', 'y z'],
    ]);
  });

  test('sub ends: count, time, signals with DISCONNECT, a reader that goes', async (t) => {
    const server = await start({ t, tcp: true });
    const url = urls(server).websocket;
    const short = await ctl(['sub', '-u', url, '-n', '1', '--timeout', '200ms', '/topic/a']);
    assert.deepEqual([short.code, short.stderr], [75, 'plugctl: 0 of 1 messages came in time\n']);
    assert.equal((await ctl(['sub', '-u', url, '--timeout', '200ms', '/topic/a'])).code, 0);
    for (const signal of ['SIGINT', 'SIGTERM']) {
      const sub = await subscriber(t, ['-u', url, '/topic/a']);
      sub.kill(signal);
      assert.deepEqual(await sub.ended.then(({ code, signal: by }) => [code, by]), [0, null]);
    }
    const reader = await subscriber(t, ['-u', url, '/topic/a']);
    reader.child.stdout.destroy();
    assert.equal((await ctl(['pub', '-u', url, '/topic/a', 'x'])).code, 0);
    assert.equal((await reader.ended).code, 0);
    await until(async () => (await server.stats()).sessions === 0, 'no session left');
  });

  test('the frames at the end: DISCONNECT, its receipt, Close 1000', async (t) => {
    const wss = await webSocketServer(t);
    const seen = [];
    wss.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { frame } = decode(data);
        seen.push(frame.command);
        if (frame.command === 'CONNECT') socket.send(encode('CONNECTED', { version: '1.1' }));
        else socket.send(encode('RECEIPT', { 'receipt-id': frame.headers.receipt }));
      });
      socket.on('close', (code) => seen.push(code));
    });
    const sub = await subscriber(t, ['-u', `ws://127.0.0.1:${wss.address().port}`, '/topic/a']);
    sub.kill('SIGTERM');
    assert.equal((await sub.ended).code, 0);
    await until(() => seen.length === 4, 'the close');
    assert.deepEqual(seen, ['CONNECT', 'SUBSCRIBE', 'DISCONNECT', 1000]);
  });

  test('sub --reconnect comes back: after a loss, and when the server says', async (t) => {
    let n = 0;
    const port = await rawServer(t, (socket) => {
      n++;
      let bytes = Buffer.alloc(0);
      socket.on('data', (data) => {
        bytes = Buffer.concat([bytes, data]);
        for (;;) {
          const { frame, used } = decode(bytes);
          bytes = bytes.subarray(used);
          if (!frame) break;
          if (frame.command === 'CONNECT') socket.write(encode('CONNECTED', { version: '1.2' }));
          if (frame.command === 'DISCONNECT') socket.end(encode('RECEIPT', { 'receipt-id': frame.headers.receipt }));
          if (frame.command !== 'SUBSCRIBE') continue;
          socket.write(encode('RECEIPT', { 'receipt-id': frame.headers.receipt }));
          if (n === 1) socket.end(encode('ERROR', { message: 'restart', 'reconnect-in': '50' }));
          else if (n === 2) socket.destroy();
          else socket.write(encode('MESSAGE', { subscription: 'sub-0', 'message-id': '1', destination: '/topic/a' }, `${n}`));
        }
      });
    });
    const args = ['sub', '-u', `stomp://127.0.0.1:${port}`, '-n', '1', '/topic/a'];
    const back = await ctl([...args, '--reconnect']);
    assert.deepEqual([back.code, back.stdout], [0, '3\n'], back.stderr);
    assert.match(back.stderr, /^plugctl: restart; again in 50 ms\nplugctl: .*: the server closed the connection; again in \d+ ms\n$/);
    n = 0;
    assert.equal((await ctl(args)).code, 77);
    assert.equal(n, 1);
  });
});

// Each is refused at first, then let in.
describe('sub --reconnect comes back after a refusal that passes', { concurrency: 4 }, () => {
  const answers = (socket, refuse) => socket.on('data', (data) => {
    const { frame } = decode(data);
    if (frame?.command === 'CONNECT') refuse ? socket.end(refuse) : socket.write(encode('CONNECTED', { version: '1.2' }));
    if (frame?.command === 'SUBSCRIBE') socket.write(Buffer.concat([encode('RECEIPT', { 'receipt-id': 's0' }), encode('MESSAGE', { subscription: 'sub-0', 'message-id': '1', destination: '/topic/a' }, 'here')].map((each) => Buffer.from(each))));
    if (frame?.command === 'DISCONNECT') socket.end(encode('RECEIPT', { 'receipt-id': 'bye' }));
  });
  const cases = {
    'ERROR, nobody can judge it now': [encode('ERROR', { message: 'later', 'error-code': 'authentication-unavailable' }), 0],
    'ERROR, the server is restarting': [encode('ERROR', { message: 'later', 'error-code': 'restarting', 'reconnect-in': '50' }), 0],
    'ERROR, a wrong token': [encode('ERROR', { message: 'never', 'error-code': 'bad-token' }), 77],
  };
  for (const [name, [refusal, expected]] of Object.entries(cases)) {
    test(name, async (t) => {
      let n = 0;
      const port = await rawServer(t, (socket) => answers(socket, n++ ? null : refusal));
      const { code, stdout, stderr } = await ctl(['sub', '-u', `stomp://127.0.0.1:${port}`, '--reconnect', '-n', '1', '/topic/a']);
      assert.deepEqual([code, stdout, n], expected ? [expected, '', 1] : [0, 'here\n', 2], stderr);
    });
  }
  for (const [status, expected] of [['503 Service Unavailable', 0], ['403 Forbidden', 77]]) {
    test(`HTTP ${status}`, async (t) => {
      const wss = await webSocketServer(t);
      let n = 0;
      wss.options.verifyClient = (_, done) => done(n++ > 0, ...status.split(/ (.*)/));
      wss.on('connection', (socket) => socket.on('message', (data) => {
        const { frame } = decode(data);
        if (frame?.command === 'CONNECT') socket.send(encode('CONNECTED', { version: '1.2' }));
        if (frame?.command === 'SUBSCRIBE') socket.send(encode('MESSAGE', { subscription: 'sub-0', 'message-id': '1', destination: '/topic/a' }, 'here'));
        if (frame?.command === 'DISCONNECT') socket.send(encode('RECEIPT', { 'receipt-id': 'bye' }));
      }));
      const { code, stdout, stderr } = await ctl(['sub', '-u', `ws://127.0.0.1:${wss.address().port}`, '--reconnect', '-n', '1', '/topic/a']);
      assert.deepEqual([code, stdout, n], expected ? [expected, '', 1] : [0, 'here\n', 2], stderr);
    });
  }
});

test('sub --reconnect moves before the server stops, and prints each message once', async (t) => {
  const sockets = [];
  const asked = [];
  const message = (id) => encode('MESSAGE', { subscription: 'sub-0', 'message-id': `m${id}`, destination: '/topic/a' }, `${id}`);
  const port = await rawServer(t, (socket) => {
    const n = sockets.push(socket);
    let bytes = Buffer.alloc(0);
    const onFrame = ({ command, headers }) => {
      if (command === 'CONNECT') {
        asked.push(headers.notices);
        if (n === 2) socket.end(encode('ERROR', { message: 'the server is restarting', 'error-code': 'restarting' }));
        else socket.write(encode('CONNECTED', { version: '1.2', notices: 'restart' }));
        return;
      }
      if (headers.receipt) socket.write(encode('RECEIPT', { 'receipt-id': headers.receipt }));
      if (command !== 'SUBSCRIBE') return;
      if (n === 1) {
        socket.write(message(1));
        socket.write(encode('MESSAGE', { subscription: 'plugboard', destination: '/plugboard/server', 'message-id': 'x', event: 'restart', 'reconnect-in': '50', 'closes-in': '60000' }));
        return;
      }
      for (const each of [sockets[0], socket]) each.write(message(2));
      for (const each of [socket, sockets[0]]) each.write(message(3));
      sockets[0].end(encode('ERROR', { message: 'the server is restarting', 'error-code': 'restarting', 'reconnect-in': '50' }));
      sockets[0].on('close', () => socket.write(message(4)));
    };
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      for (;;) {
        const { frame, used } = decode(bytes);
        bytes = bytes.subarray(used);
        if (!frame) break;
        onFrame(frame);
      }
    });
  });
  const { code, stdout, stderr } = await ctl(['sub', '-u', `stomp://127.0.0.1:${port}`, '--reconnect', '-n', '4', '/topic/a']);
  assert.deepEqual([code, stdout, stderr], [0, '1\n2\n3\n4\n', '']);
  assert.deepEqual(asked, ['restart', 'restart', 'restart']);
});

// bytes the server sends at once, or when the handshake has come; → code, message
const key = (request) => /Sec-WebSocket-Key: (\S+)/.exec(request)[1];
const accept = (request) => createHash('sha1').update(`${key(request)}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const upgraded = (request) => `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ${accept(request)}\r\n\r\n`;

describe('servers that misbehave', { concurrency: 4 }, () => {
  const cases = {
    'tcp, closed at once': ['stomp', (socket) => socket.destroy(), 69, /closed the connection|reset by peer/i],
    'tcp, garbage': ['stomp', (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'), 76, /not STOMP: unknown command 'SSH-2\.0/],
    'tcp, a client\'s frame': ['stomp', (socket) => socket.write(encode('SEND', { destination: '/a' })), 76, /an unexpected SEND frame came/],
    'tcp, silence': ['stomp', () => {}, 75, /no answer in time: CONNECTED did not come/],
    'tcp, MESSAGE before CONNECTED': ['stomp', (socket) => socket.write(encode('MESSAGE', {})), 76, /an unexpected MESSAGE/],
    'tcp, an ERROR': ['stomp', (socket) => socket.write(encode('ERROR', { message: 'go away\x1b[2J' }, 'far\naway')), 77, /refused: go away\\x1b\[2J: far\n$/],
    'tcp, odd heart-beats': ['stomp', (socket) => socket.write(encode('CONNECTED', { version: '1.2', 'heart-beat': 'x' })), 76, /heart-beat header/],
    'tls, garbage': ['stomp+ssl', (socket) => socket.write('hello, this is no TLS at all\n'), 69, /TLS: /],
    'tls, silence': ['stomp+ssl', () => {}, 75, /a connection did not come/],
    'websocket, no HTTP': ['ws', (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'), 76, /no HTTP server/],
    'websocket, a page': ['ws', (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n<html>')), 77, /HTTP\/1\.1 200 OK: <html>/],
    'websocket, silence': ['ws', () => {}, 75, /handshake's answer did not come/],
    'websocket, no end': ['ws', (socket) => socket.once('data', () => socket.write(`HTTP/1.1 101 x\r\n${'X-Y: z\r\n'.repeat(4000)}`)), 76, /no end/],
    'websocket, a wrong accept': ['ws', (socket) => socket.once('data', (data) => socket.write(upgraded(`${data}`).replace(/Accept: ./, 'Accept: !'))), 76, /not that of a WebSocket server/],
    'websocket, an extension': ['ws', (socket) => socket.once('data', (data) => socket.write(upgraded(`${data}`).replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n'))), 76, /not asked for/],
    'websocket, masked frames': ['ws', (socket) => socket.once('data', (data) => socket.write(Buffer.concat([Buffer.from(upgraded(`${data}`)), Buffer.from([0x81, 0x81, 1, 2, 3, 4, 5])]))), 76, /server's frames are not masked/],
    'websocket, Close': ['ws', (socket) => socket.once('data', (data) => socket.write(Buffer.concat([Buffer.from(upgraded(`${data}`)), Buffer.from([0x88, 0x05, 0x03, 0xf5]), Buffer.from('bye')]))), 69, /closed the connection: 1013 bye/],
    'websocket, garbage in a frame': ['ws', (socket) => socket.once('data', (data) => socket.write(Buffer.concat([Buffer.from(upgraded(`${data}`)), Buffer.from([0x81, 0x04]), Buffer.from('oh\n\n')]))), 76, /not STOMP/],
  };
  for (const [name, [scheme, onSocket, code, message]] of Object.entries(cases)) {
    test(name, async (t) => {
      const port = await rawServer(t, onSocket);
      const timeout = code === 75 ? '300ms' : '60s';
      const end = await ctl(['pub', '-u', `${scheme}://127.0.0.1:${port}`, '--connect-timeout', timeout, '/topic/a', 'x']);
      assert.equal(end.code, code, end.stderr);
      assert.match(end.stderr, message);
      assert.equal(lines(end.stderr).length, 1, end.stderr);
    });
  }

  test('no receipt: 75; and nobody there: 69', async (t) => {
    const port = await rawServer(t, (socket) => socket.once('data', () => socket.write(encode('CONNECTED', { version: '1.2' }))));
    const url = `stomp://127.0.0.1:${port}`;
    const pub = await ctl(['pub', '-u', url, '--timeout', '200ms', '/topic/a', 'x']);
    assert.equal(pub.code, 75);
    assert.match(pub.stderr, /the receipt of message 1 did not come/);
    const sub = await ctl(['sub', '-u', url, '--connect-timeout', '300ms', '/topic/a']);
    assert.equal(sub.code, 75);
    assert.match(sub.stderr, /the receipt of SUBSCRIBE did not come/);
    const nobody = `stomp://127.0.0.1:${await freePort()}`;
    const none = await ctl(['pub', '-u', nobody, '/topic/a', 'x']);
    assert.deepEqual([none.code, none.stderr], [69, `plugctl: ${nobody}: Connection refused\n`]);
  });

  test('heart-beats: ours come, and a server whose do not is left', async (t) => {
    let beats = 0;
    const port = await rawServer(t, (socket) => {
      socket.once('data', () => socket.write(encode('CONNECTED', { version: '1.2', 'heart-beat': '100,100' })));
      socket.on('data', (data) => { if (`${data}` === '\n') beats++; });
    });
    const sub = await ctl(['sub', '-u', `stomp://127.0.0.1:${port}`, '--heart-beat', '100ms', '--connect-timeout', '60s', '/topic/a']);
    assert.equal(sub.code, 69);
    assert.match(sub.stderr, /heart-beats have stopped/);
    assert.ok(beats > 0);
  });
});

// A test that is skipped counts as one that has failed, so that none is left out unnoticed.
const withRabbit = slowness === 1 && hasRabbit() ? test : () => {}; // once is enough: it takes long to start
withRabbit('RabbitMQ: TCP and WebSocket, plain and over TLS', async (t) => {
  const { urls: all, cafile } = await startRabbit(t);
  const as = ['--host', '/', '-l', 'guest', '-p', 'guest'];
  for (const [scheme, url] of Object.entries(all)) {
    const to = ['-u', url, ...as, '--cafile', cafile];
    const sub = await subscriber(t, [...to, '--json', '-n', '2', '--ack', 'client-individual', `/queue/${scheme}`]);
    const pub = await ctl(['pub', ...to, '--lines', `/queue/${scheme}`], { input: 'one\ntwö\n' });
    assert.equal(pub.code, 0, pub.stderr);
    const { code, stdout, stderr } = await sub.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(lines(stdout).map((line) => JSON.parse(line).body), ['one', 'twö']);
  }
  const bench = await ctl(['bench', '-u', all.wss, ...as, '--cafile', cafile, '--json', '-d', '200ms', '--warm-up', '0', '-S', '3']);
  assert.deepEqual([bench.code, JSON.parse(bench.stdout).delivered], [0, 60], bench.stderr);
  const wrong = async (url, ...options) => {
    const { code, stderr } = await ctl(['pub', '-u', url, ...options, '/queue/a', 'x']);
    return [code, stderr];
  };
  const refused = await wrong(all.stomp, '--host', '/', '-l', 'guest', '-p', 'wrong');
  assert.equal(refused[0], 77);
  assert.match(refused[1], /refused: Bad CONNECT: /);
  for (const [url, options, message] of [
    [all['stomp+ssl'], as, /the server's certificate: self-signed certificate/],
    [all.wss.replace('localhost', '127.0.0.1'), [...as, '--cafile', cafile], /the server's certificate: IP address mismatch/],
    [all.stomp.replace('stomp:', 'stomp+ssl:'), as, /TLS: /],
  ]) {
    const [code, stderr] = await wrong(url, ...options);
    assert.equal(code, 69, stderr);
    assert.match(stderr, message);
  }
  assert.deepEqual(await wrong(all.wss.replace('localhost', '127.0.0.1'), ...as, '--insecure'), [0, '']);
});

test('wrong usage is 64, and says what is wrong', async () => {
  const cases = [
    [[], /^usage: plugctl COMMAND/],
    [['stats'], /there is no command 'stats'; did you mean 'status'\?/],
    [['pub'], /pub wants DESTINATION/],
    [['pub', '/a', 'b', 'c'], /unexpected argument 'c'/],
    [['pub', '--nosuch', '/a'], /plugctl pub: unrecognized option '--nosuch'/],
    [['pub', '-u', 'http://x', '/a', 'b'], /'http:\/\/x' is none: its scheme is none of/],
    [['pub', '-u', 'http://u:secret@x', '/a', 'b'], /^plugctl: the URL is none: its scheme is none of/],
    [['pub', '-u', 'stomp://x/y', '/a', 'b'], /STOMP over TCP has no path/],
    [['pub', '-H', 'novalue', '/a', 'b'], /--header wants NAME:VALUE, not 'novalue'/],
    [['pub', '--http-header', 'a:b\r\nc:d', '/a', 'b'], /--http-header wants NAME:VALUE/],
    [['pub', '--timeout', 'soon', '/a', 'b'], /--timeout wants a time, such as 500ms, 5s or 2m, not 'soon'/],
    [['sub', '-n', '-1', '/a'], /--count: '-1' is not from 0/],
    [['sub', '--ack', 'never', '/a'], /--ack: 'never' is none of: auto client client-individual/],
    [['bench', '--size', '2'], /--size: '2' is not from 28/],
    [['kick'], /kick wants SESSION, or --user NAME/],
    [['token'], /token wants --secret-file/],
    [['token', '--secret', 'x', '--alg', 'XS1'], /none of: HS256/],
    [['status', '-a', 'ftp://x'], /--admin wants a path/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await ctl(args);
    assert.deepEqual([code, stdout], [64, ''], `${args}: ${stderr}`);
    assert.match(stderr, message);
  }
});

test('tokens that auth-jwt takes: every kind of key', async (t) => {
  const dir = temporary(t);
  const kinds = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], ES384: ['ec', { namedCurve: 'P-384' }],
    ES512: ['ec', { namedCurve: 'P-521' }], EdDSA: ['ed25519', {}] };
  const keys = [];
  for (const [alg, [type, options]] of Object.entries(kinds)) {
    const pair = generateKeyPairSync(type, options);
    writeFileSync(join(dir, alg), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    keys.push({ ...pair.publicKey.export({ format: 'jwk' }), kid: alg });
  }
  writeFileSync(join(dir, 'keys.json'), JSON.stringify({ keys }));
  const server = await start({ t, tcp: true, set: ['auth.plugins=jwt', `auth.jwt.jwks-file=${join(dir, 'keys.json')}`, 'auth.jwt.audience=chat'] });
  for (const [alg, file] of [...Object.keys(kinds).map((alg) => [alg, alg]), ['PS256', 'RS256']]) {
    const made = await ctl(['token', '-k', join(dir, file), '--alg', alg, '--kid', file, '-s', 'alice', '--aud', 'chat', '--json', '-c', 'n=[1]']);
    assert.equal(made.code, 0, made.stderr);
    const { token, claims } = JSON.parse(made.stdout);
    assert.deepEqual([claims.sub, claims.n], ['alice', [1]]);
    const pub = await ctl(['pub', '-u', urls(server).tcp, '-t', token, '/topic/a', 'x']);
    assert.equal(pub.code, 0, `${alg}: ${pub.stderr}\n${server.tail()}`);
  }
  const wrong = await ctl(['token', '-k', join(dir, 'RS256'), '--alg', 'ES256']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /ES256 does not fit; no algorithm fits the key/);
  writeFileSync(join(dir, 'empty'), 'nothing');
  assert.match((await ctl(['token', '-k', join(dir, 'empty')])).stderr, /it holds no private key/);
});

describe('the admin door', () => {
  test('all commands, over the socket and the listener', async (t) => {
    const dir = temporary(t);
    const token = 'a-token-of-some-length';
    const server = await start({ t, tcp: true, http: false, config: `[http]
listen = 127.0.0.1:0
[admin]
listen = 127.0.0.1:0
socket = ${join(dir, 'admin.sock')}
token = ${token}
` });
    const doors = server.log.map((line) => /listening on [\w-]+:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).filter((port) => port);
    const ports = doors.filter((port) => Number(port) !== server.tcpPort);
    assert.equal(ports.length, 2);
    const env = { PLUGCTL_ADMIN: join(dir, 'admin.sock') };
    const client = await stomp(server, { t, transport: 'tcp' });
    await client.subscribe('/topic/a');

    const status = await ctl(['status', '-v'], { env });
    assert.match(status.stdout, /^node +\S+\nversion +\d.*\nup .*\nstate +ready\n(.*\n)*sessions +1\n(.*\n)*\nCOUNTER +VALUE\n(.*\n)*sessions_total +1\n/);
    assert.ok(!status.stdout.includes('\x1b'));
    const { state, pid } = JSON.parse((await ctl(['status', '--json'], { env })).stdout);
    assert.deepEqual([state, pid], ['ready', server.pid]);
    assert.match((await ctl(['nodes'], { env })).stdout, /^NODE +VERSION .*\n\S+ \* .* ready .*now\n$/);
    const found = JSON.parse((await ctl(['clients', '--json', '--search', '127.0.0.1'], { env })).stdout);
    assert.equal(found.total, 1);
    const { session } = found.clients[0];
    const clients = await ctl(['clients'], { env });
    assert.match(clients.stdout, new RegExp(`^SESSION .*\n${session} .* 127\\.0\\.0\\.1:\\d+ +tcp +0 B\n$`));
    assert.match((await ctl(['clients', session], { env })).stdout, /subscriptions +1\n\nSUBSCRIPTION +DESTINATION +ACK\n\S+ +\/topic\/a +auto\n$/);
    assert.match((await ctl(['topics'], { env })).stdout, /^TOPIC .*\n\/topic\/a +1 +\d+\.\d\n$/);
    for (const { stdout } of [status, clients]) for (const line of stdout.split('\n')) assert.ok([...line].length <= 80, line);

    const tail = startCtl(t, ['tail', '--json', '-n', '2', '/topic/a'], { env });
    const shown = startCtl(t, ['tail', '/topic/a'], { env });
    await until(async () => (await server.stats()).admin_tails === 2, 'both tails');
    client.send('/topic/a', 'one\ntwo');
    client.send('/topic/a', 'three');
    assert.deepEqual(lines((await tail.ended).stdout).map((line) => JSON.parse(line).body), ['one\ntwo', 'three']);
    await shown.until(/three\n/);
    shown.kill('SIGINT');
    const told = await shown.ended;
    assert.deepEqual([told.code, told.stdout], [0, '/topic/a one\\x0atwo\n/topic/a three\n']);

    assert.deepEqual((await ctl(['kick', session, '-m', 'enough'], { env })).stdout, 'accepted\n');
    await client.waitForClose();
    const nobody = await ctl(['kick', '--user', 'mallory', '--json'], { env });
    assert.deepEqual([nobody.code, JSON.parse(nobody.stdout).code], [77, 'no-users'], 'there is no [auth] here');

    for (const port of ports) {
      const { code, stderr } = await ctl(['status', '-a', `http://127.0.0.1:${port}`], { env });
      assert.equal(code, 77, stderr); // the clients' door, and the admins' without a token
    }
    writeFileSync(join(dir, 'token'), `${token}\n`);
    const codes = await Promise.all(ports.map(async (port) => (await ctl(['status', '-a', `http://127.0.0.1:${port}`, '--admin-token-file', join(dir, 'token')])).code));
    assert.deepEqual(codes.sort(), [0, 77]);

    const reload = await ctl(['reload'], { env });
    assert.ok(reload.code === 0 ? reload.stdout : /not-supported/.test(reload.stderr), reload.stderr);
    const drain = await ctl(['drain'], { env });
    assert.deepEqual([drain.code, drain.stdout], [0, 'accepted\n']);
    assert.deepEqual(await server.waitForExit(), { code: 0, signal: null });
    assert.equal((await ctl(['status'], { env })).code, 69);
  });

  test('everything over TLS: the certificate is looked at, and one of its own is shown', async (t) => {
    const dir = temporary(t);
    const token = 'a-token-of-some-length';
    const authority = makeCertificate(dir, 'authority', { authority: true });
    const own = makeCertificate(dir, 'server', { names: ['localhost', '127.0.0.1'], ca: authority });
    const user = makeCertificate(dir, 'user', { ca: authority });
    const server = await start({ t, set: [...tlsSet(own), 'admin.tls-listen=127.0.0.1:0', `admin.token=${token}`, 'tls.client-certificate=require', `tls.client-ca=${authority.certificate}`] });
    const identity = ['--cert', user.certificate, '--key', user.key];
    const trust = ['--cafile', authority.certificate, ...identity];
    const urls = [`wss://127.0.0.1:${tlsPort(server)}`, `stomp+ssl://localhost:${tlsPort(server, 'tls')}`];
    const subs = await Promise.all(urls.map((url) => subscriber(t, ['-u', url, ...trust, '--json', '-n', '2', '/topic/a'])));
    for (const url of urls) {
      const { code, stderr } = await ctl(['pub', '-u', url, ...trust, '/topic/a', url.slice(0, 3)]);
      assert.equal(code, 0, stderr);
    }
    for (const sub of subs) assert.deepEqual(lines((await sub.ended).stdout).map((line) => JSON.parse(line).body), ['wss', 'sto']);
    const stranger = await ctl(['pub', '-u', urls[0], ...identity, '/topic/a', 'x']);
    assert.equal(stranger.code, 69);
    assert.match(stranger.stderr, /certificate/);
    assert.equal((await ctl(['pub', '-u', urls[0], '--insecure', ...identity, '/topic/a', 'x'])).code, 0);
    assert.equal((await ctl(['pub', '-u', urls[0], '--cafile', authority.certificate, '/topic/a', 'x'])).code, 69, 'without a certificate');

    const port = /listening on https-admin:\/\/127\.0\.0\.1:(\d+)/.exec(server.log.join('\n'))[1];
    const env = { PLUGCTL_ADMIN: `https://127.0.0.1:${port}`, PLUGCTL_ADMIN_TOKEN: token };
    const status = await ctl(['status', '--json', ...trust], { env });
    assert.equal(status.code, 0, status.stderr);
    assert.equal(JSON.parse(status.stdout).pid, server.pid);
    const untrusted = await ctl(['status', ...identity], { env });
    assert.equal(untrusted.code, 69, untrusted.stderr);
    assert.equal((await ctl(['status', ...trust], { env: { ...env, PLUGCTL_ADMIN_TOKEN: 'another-token-of-that-length' } })).code, 77);
    const anonymous = await ctl(['status', '--cafile', authority.certificate], { env });
    assert.ok(anonymous.code === 69 || anonymous.code === 76, anonymous.stderr);
    assert.equal((await ctl(['status', '--cafile', authority.certificate, '--cert', join(dir, 'nothing')], { env })).code, 1);
    assert.equal((await ctl(['drain', ...trust], { env })).code, 0);
    assert.deepEqual(await server.waitForExit(), { code: 0, signal: null });
  });

  test('a terminal gets colours, unless told otherwise', async (t) => {
    const dir = temporary(t);
    const socket = join(dir, 'admin.sock');
    await start({ t, set: [`admin.socket=${socket}`] });
    const shown = (env) => execFileSync('script', ['-qec', `${plugctl} nodes -a ${socket}`, '/dev/null'], { env: { ...process.env, TERM: 'xterm', ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    assert.match(shown({ NO_COLOR: '' }), /^\x1b\[1mNODE/);
    assert.match(shown({ NO_COLOR: '1' }), /^NODE/);
    assert.match(shown({ TERM: 'dumb', NO_COLOR: '' }), /^NODE/);
  });

  test('what answers is no admin door', async (t) => {
    const silent = await rawServer(t, () => {});
    const end = await ctl(['status', '-a', `http://127.0.0.1:${silent}`, '--timeout', '200ms']);
    assert.equal(end.code, 75, end.stderr);
    const mute = await ctl(['tail', '/a', '-a', `http://127.0.0.1:${silent}`, '--timeout', '200ms']);
    assert.equal(mute.code, 75, mute.stderr);
    assert.match(mute.stderr, /no answer in time/);
    const garbage = await rawServer(t, (socket) => socket.end('oh\n'));
    assert.equal((await ctl(['status', '-a', `http://127.0.0.1:${garbage}`])).code, 76);
    const html = await rawServer(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<hi>')));
    assert.equal((await ctl(['topics', '-a', `http://127.0.0.1:${html}`])).code, 76);
    assert.equal((await ctl(['tail', '-n', '1', '/a', '-a', `http://127.0.0.1:${html}`])).code, 69);
    const odd = await rawServer(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndata: x\n\n')));
    assert.equal((await ctl(['tail', '/a', '-a', `http://127.0.0.1:${odd}`])).code, 76);
    const broken = await rawServer(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 422 x\r\nContent-Length: 76\r\n\r\n{"code":"bad-configuration","message":"two mistakes","faults":["a:1: \x1b","b"]}'.replace('\x1b', '\\u001b'))));
    const reload = await ctl(['reload', '-a', `http://127.0.0.1:${broken}`]);
    assert.equal(reload.code, 76, 'the length is wrong: the JSON is cut');
  });

  test('what kick asks for', async (t) => {
    let seen = '';
    const port = await rawServer(t, (socket) => socket.on('data', (data) => {
      seen += data;
      if (/for_s.*}$/.test(seen)) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"accepted":true}');
    }));
    const kick = await ctl(['kick', '-u', 'mällory', '--for', '90s', '-m', 'bye', '-a', `http://127.0.0.1:${port}/`], { env: { PLUGCTL_ADMIN_TOKEN: 'secret' } });
    assert.deepEqual([kick.code, kick.stdout], [0, 'accepted\n'], kick.stderr);
    const [head, body] = Buffer.from(seen, 'utf8').toString().split('\r\n\r\n');
    assert.match(head, /^POST \/admin\/api\/kick HTTP\/1\.1\r\n[^]*Authorization: Bearer secret\r\n[^]*Content-Type: application\/json/);
    assert.deepEqual(JSON.parse(body), { user: 'mällory', message: 'bye', for_s: 90 });
  });

  test('a reload that is refused names the mistakes', async (t) => {
    const body = '{"code":"bad-configuration","message":"two mistakes","faults":["a.ini:1: \\u001b","a.ini:2: b"]}';
    const port = await rawServer(t, (socket) => socket.once('data', () => socket.end(`HTTP/1.1 422 x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)));
    const { code, stdout, stderr } = await ctl(['reload', '-a', `http://127.0.0.1:${port}`]);
    assert.deepEqual([code, stdout], [77, 'fault           a.ini:1: \\x1b\nfault           a.ini:2: b\n']);
    assert.match(stderr, /bad-configuration: two mistakes \(422\)\n$/);
  });
});

test('bench counts what it publishes', async (t) => {
  const server = await start({ t, tcp: true });
  const common = ['bench', '--json', '-d', '500ms', '--warm-up', '100ms'];
  const open = await ctl([...common, '-u', urls(server).websocket, '-S', '8', '-P', '3', '--topics', '2', '--rate', '200']);
  assert.equal(open.code, 0, open.stderr);
  const result = JSON.parse(open.stdout);
  assert.ok(result.published > 0 && result.published <= 100, `${result.published} published`); // on a busy machine the last ones are not sent in time
  assert.deepEqual([result.delivered, result.lost, result.doubled, result.foreign], [result.published * 4, 0, 0, 0]);
  assert.ok(result.latency_us.p50 > 0 && result.latency_us.p50 <= result.latency_us.max);
  const closed = JSON.parse((await ctl([...common, '-u', urls(server).tcp, '-S', '3', '--topics', '3', '--rate', '0', '--in-flight', '4'])).stdout);
  assert.ok(closed.published > 0);
  assert.equal(closed.delivered, closed.published);
  const table = await ctl(['bench', '-u', urls(server).tcp, '-d', '100ms', '--warm-up', '0', '/topic/mine']);
  assert.match(table.stdout, /^1 publishers, 10 subscribers, .*\n\npublished +10 .*\ndelivered +100 .*\nlost +0\n\nus +mean .*\nlatency .*\nlate /);
  const running = startCtl(t, ['bench', '-u', urls(server).tcp, '-d', '1h', '--warm-up', '0', '--json']);
  const before = (await server.stats()).published;
  await until(async () => (await server.stats()).published > before, 'its messages');
  running.kill('SIGINT');
  const cut = await running.ended;
  assert.equal(cut.code, 0, cut.stderr);
  assert.equal(JSON.parse(cut.stdout).lost, 0);
});

describe('help, manual, completion', () => {
  test('files that are made by plugctl are as it makes them', async () => {
    assert.equal((await ctl(['--completion', 'bash'])).stdout, read('core/cli/completion/plugctl.bash'));
    assert.equal((await ctl(['--completion', 'zsh'])).stdout, read('core/cli/completion/_plugctl'));
    assert.equal((await ctl(['--manual'])).stdout, read('docs/man/plugctl.1'));
    assert.equal((await ctl(['--completion', 'fish'])).code, 64);
  });

  test('every command has help that fits, with examples', async () => {
    const overview = (await ctl(['--help'])).stdout;
    const names = [...overview.split('Commands:')[1].split('\n\n')[0].matchAll(/^  (\w+) /gm)].map((found) => found[1]);
    assert.equal(names.length, 13);
    for (const name of names) {
      const { code, stdout } = await ctl([name, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^usage: plugctl ${name} [\\s\\S]*\nExamples:\n  .*plugctl ${name}`));
      for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
      assert.equal((await ctl(['help', name])).stdout, stdout);
    }
    for (const line of overview.split('\n')) assert.ok(line.length <= 80, line);
    assert.match((await ctl(['--version'])).stdout, /^plugctl \d+\.\d+\.\d+\n$/);
  });

  test('bash completes', () => {
    const complete = (line) => {
      const words = line.split(' ');
      const script = `source core/cli/completion/plugctl.bash
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _plugctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return lines(execFileSync('bash', ['--norc', '-c', script], { cwd: root, encoding: 'utf8' }));
    };
    assert.deepEqual(complete('plugctl st'), ['status']);
    assert.deepEqual(complete('plugctl sub --cou'), ['--count']);
    assert.deepEqual(complete('plugctl sub --ack client'), ['client', 'client-individual']);
    assert.deepEqual(complete('plugctl token --alg ES2'), ['ES256']);
    assert.deepEqual(complete('plugctl pub --file READ'), ['README.md']);
    assert.deepEqual(complete('plugctl help ki'), ['kick']);
    assert.deepEqual(complete('plugctl pub --url '), []);
  });
});

test('what docs/plugctl.md shows can be done, in its order', async (t) => {
  const dir = temporary(t);
  const socket = join(dir, 'admin.sock');
  const server = await start({ t, set: [`admin.socket=${socket}`] });
  const script = [...read('docs/plugctl.md').matchAll(/^```sh\n([^]*?)^```/gm)].map((found) => found[1]).join('');
  assert.ok(script.split('\n').length > 20);
  const end = await startCtl(t, ['-c', `set -euo pipefail\n${script}`], {
    program: 'bash', cwd: dir, input: '',
    env: { PATH: `${join(plugctl, '..')}:${process.env.PATH}`, PLUGCTL_URL: urls(server).websocket, PLUGCTL_ADMIN: socket },
  }).ended;
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /^It works\n/m);
  const overview = (await ctl(['--help'])).stdout;
  for (const [, name] of overview.split('Commands:')[1].split('\n\n')[0].matchAll(/^  (\w+) /gm)) {
    assert.ok(read('docs/plugctl.md').includes(`\`${name}\``), name);
  }
  const codes = [...read('docs/plugctl.md').split('## Exit status')[1].matchAll(/^\| (\d+) \|/gm)].map((found) => found[1]);
  assert.deepEqual(codes, [...overview.split('Exit status:')[1].matchAll(/^ +(\d+) /gm)].map((found) => found[1]));
});
