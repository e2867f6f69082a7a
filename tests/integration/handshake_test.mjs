// HTTP on the server's port: the WebSocket handshake, what refuses it, and the few plain answers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { build, sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { Wire, acceptFor, upgradeRequest, wsFrame } from './lib/wire.mjs';

const CONFIG = `
[endpoint /ws]
[endpoint /open]
allowed-origins = *
[endpoint /deep/er/path]
allowed-origins = https://a.example, https://*.b.example, http://ports.example:[8080,8081], https://any.example:[*]
`;

let server;
before(async () => { server = await start({ config: CONFIG }); });
after(() => server?.stop());

const self = () => `127.0.0.1:${server.httpPort}`;

// Sends one request on a connection of its own.
async function ask(request, options = {}) {
  const wire = await Wire.open((options.server ?? server).httpPort);
  try {
    wire.write(request);
    const response = await wire.response(options);
    if (options.closes) assert.notEqual(await wire.waitForEnd(3000), undefined);
    return response;
  } finally {
    wire.destroy();
  }
}

const upgrade = (options = {}) => ask(upgradeRequest({ host: self(), ...options }));
const get = (path, { method = 'GET', headers = 'Host: x\r\n', version = 'HTTP/1.1', ...options } = {}) =>
  ask(`${method} ${path} ${version}\r\n${headers}\r\n`, { head: method === 'HEAD', ...options });

describe('the handshake', { concurrency: 8 }, () => {
  test('an ordinary one', async () => {
    const response = await upgrade({ protocol: 'v12.stomp' });
    assert.equal(response.status, 101);
    assert.equal(response.headers.upgrade.toLowerCase(), 'websocket');
    assert.equal(response.headers.connection.toLowerCase(), 'upgrade');
    assert.equal(response.headers['sec-websocket-accept'], acceptFor('dGhlIHNhbXBsZSBub25jZQ=='));
    assert.equal(response.headers['sec-websocket-protocol'], 'v12.stomp');
    assert.equal(response.headers['sec-websocket-extensions'], undefined);
  });

  const protocols = [
    ['v12.stomp', 'v12.stomp'], ['v11.stomp', 'v11.stomp'], ['v10.stomp', 'v10.stomp'],
    ['v10.stomp, v11.stomp, v12.stomp', 'v10.stomp'], ['v12.stomp,v11.stomp', 'v12.stomp'],
    ['other, v11.stomp', 'v11.stomp'], [undefined, undefined],
  ];
  for (const [asked, chosen] of protocols) {
    test(`subprotocols ${asked}: ${chosen}`, async () => {
      const response = await upgrade({ protocol: asked });
      assert.equal(response.status, 101);
      assert.equal(response.headers['sec-websocket-protocol'], chosen);
    });
  }
  for (const asked of ['mqtt', 'v13.stomp', 'V12.STOMP', 'stomp', 'tcp', 'http', 'v12.stomp.x']) {
    test(`subprotocol ${asked} is refused`, async () => {
      const response = await upgrade({ protocol: asked });
      assert.equal(response.status, 400);
      assert.equal(response.body, 'Supported subprotocols: v12.stomp, v11.stomp, v10.stomp.\n');
    });
  }

  test('the subprotocol does not settle the STOMP version', async (t) => {
    const client = await open(server, { t, protocols: ['v10.stomp'] });
    await client.connect({ 'accept-version': '1.2' });
    assert.equal(client.session.headers.version, '1.2');
  });

  for (const path of ['/ws', '/ws/', '/ws?token=x', '/ws/?', '/open', '/deep/er/path']) {
    test(`path ${path}`, async () => assert.equal((await upgrade({ path })).status, 101));
  }
  for (const path of ['/', '/w', '/wss', '/WS', '/ws/x', '/deep', '/deep/er', '/deep/er/path/x', '/ready', '/%00', '/x'.repeat(100)]) {
    test(`path ${path.slice(0, 20)} is no endpoint`, async () => {
      const response = await upgrade({ path });
      assert.equal(response.status, 404);
      assert.equal(response.body, 'There is no WebSocket endpoint of this name.\n');
    });
  }
  test('an endpoint whose path is written with dots, escapes or two slashes is the same', async () => {
    for (const path of ['/x/../ws', '/./ws', '/%77s', '//ws', '/ws//']) assert.equal((await upgrade({ path })).status, 101, path);
  });
  test('a long path is 414', async () => {
    const response = await upgrade({ path: `/${'x'.repeat(2000)}` });
    assert.equal(response.status, 414);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']) {
    test(`${method} is refused`, async () => {
      const response = await ask(upgradeRequest({ method, host: self() }), { closes: true });
      assert.equal(response.status, 405);
      assert.equal(response.headers.allow, 'GET');
    });
  }

  for (const version of ['8', '12', '14', '', '013', 'x', '13, 8']) {
    test(`WebSocket version ${JSON.stringify(version)} is 426`, async () => {
      const response = await upgrade({ headers: { 'Sec-WebSocket-Version': version } });
      assert.equal(response.status, 426);
      assert.equal(response.headers['sec-websocket-version'], '13');
    });
  }
  test('no WebSocket version is 426', async () => {
    assert.equal((await upgrade({ headers: { 'Sec-WebSocket-Version': null } })).status, 426);
  });
  for (const key of [null, '', 'short', 'dGhlIHNhbXBsZSBub25jZQ', 'x'.repeat(25), 'x'.repeat(600)]) {
    test(`key ${key === null ? 'missing' : JSON.stringify(key.slice(0, 30))} is 400`, async () => {
      const response = await upgrade({ headers: { 'Sec-WebSocket-Key': key } });
      assert.equal(response.status, 400);
      assert.match(response.body, /Sec-WebSocket-Key/);
    });
  }
  test('Upgrade: h2c is not followed', async () => {
    const response = await upgrade({ headers: { Upgrade: 'h2c' } });
    assert.equal(response.status, 400);
    assert.equal(response.body, 'Can "Upgrade" only to "WebSocket".\n');
  });
  // libwebsockets refuses these by itself.
  for (const to of ['TLS/1.0', 'foo', 'websocketx']) {
    test(`Upgrade: ${to} is not followed`, async () => {
      const response = await upgrade({ headers: { Upgrade: to } });
      assert.equal(response.status, 403);
    });
  }
  for (const to of ['WebSocket', 'WEBSOCKET']) {
    test(`Upgrade: ${to} in any case`, async () => assert.equal((await upgrade({ headers: { Upgrade: to } })).status, 101));
  }
  for (const value of ['keep-alive, Upgrade', 'upgrade', 'Upgrade, close']) {
    test(`Connection: ${value}`, async () => assert.equal((await upgrade({ headers: { Connection: value } })).status, 101));
  }
  // libwebsockets would hang up on each of these without a word.
  const atTheLimit = `${'x'.repeat(126 - ', Upgrade'.length)}, Upgrade`;
  test('a Connection header of many names', async () => {
    assert.equal((await upgrade({ headers: { Connection: atTheLimit } })).status, 101);
    const response = await upgrade({ headers: { Connection: `x${atTheLimit}` } });
    assert.equal(response.status, 400);
    assert.equal(response.body, 'The Connection header is longer than 126 bytes.\n');
  });
  for (const value of [null, '', 'keep-alive', 'upgraded', 'up', ', Upgrade', '"Upgrade"', 'a=b, Upgrade']) {
    test(`Connection: ${value} is 400`, async () => {
      const response = await upgrade({ headers: { Connection: value } });
      assert.equal(response.status, 400);
      assert.equal(response.body, 'The Connection header does not name "Upgrade".\n');
    });
  }
  test('a request without a Host is 400', async () => {
    const response = await upgrade({ headers: { Host: null } });
    assert.equal(response.status, 400);
    assert.equal(response.body, 'The Host header is missing.\n');
  });
  for (const asked of [`${'x'.repeat(62)}, v12.stomp`, `v12.stomp, ${'x'.repeat(126 - 'v12.stomp, '.length)}`, 'v12.stomp,, a/b']) {
    test(`subprotocols ${asked.slice(0, 20)}`, async () => {
      const response = await upgrade({ protocol: asked });
      assert.equal(response.status, 101);
      assert.equal(response.headers['sec-websocket-protocol'], 'v12.stomp');
    });
  }
  for (const asked of [`${'x'.repeat(63)}, v12.stomp`, ', v12.stomp', 'a/b, v12.stomp', `v12.stomp, ${'x'.repeat(126)}`]) {
    test(`subprotocols ${asked.slice(0, 20)} are 400`, async () => {
      const response = await upgrade({ protocol: asked });
      assert.equal(response.status, 400);
      assert.match(response.body, /^The Sec-WebSocket-Protocol header /);
    });
  }
  test('the target may be a whole URI', async () => {
    for (const path of ['http://example.org/ws', 'https://example.org:8443/ws/?x', 'HTTP://example.org/deep/er/path'])
      assert.equal((await upgrade({ path })).status, 101, path);
    for (const path of ['http://ws', 'http:///ws', '/http://example.org/ws', 'ftp://example.org/ws', 'ws'])
      assert.equal((await upgrade({ path })).status, 404, path);
  });
  test('HTTP/1.0 cannot be upgraded', async () => {
    const response = await ask(upgradeRequest({ version: 'HTTP/1.0', host: self() }), { closes: true });
    assert.equal(response.status, 400);
    assert.equal(response.body, 'A WebSocket handshake needs HTTP/1.1.\n');
  });
  test('compression is not agreed upon', async () => {
    const response = await upgrade({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } });
    assert.equal(response.status, 101);
    assert.equal(response.headers['sec-websocket-extensions'], undefined);
  });
  test('frames may follow the request in the same packet', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    await wire.write(Buffer.concat([Buffer.from(upgradeRequest({ host: self() })), wsFrame('CONNECT\naccept-version:1.2\n\n\0')]));
    assert.equal((await wire.response()).status, 101);
    assert.match((await wire.frame()).payload.toString(), /^CONNECTED\n/);
  });
  test('the request may come byte by byte', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    for (const byte of Buffer.from(upgradeRequest({ host: self() }))) await wire.write(Buffer.from([byte]));
    assert.equal((await wire.response()).status, 101);
  });
});

describe('unfinished requests', { concurrency: 2 }, () => {
  const unfinished = { 'nothing': '', 'half a request': 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgr' };
  for (const [name, bytes] of Object.entries(unfinished)) {
    test(`${name}: the connection is cut off after ten seconds`, async (t) => {
      const wire = await Wire.open(server.httpPort);
      t.after(() => wire.destroy());
      const began = performance.now();
      if (bytes) wire.write(bytes);
      assert.notEqual(await wire.waitForEnd(30000), undefined);
      assert.ok(performance.now() - began > 8000);
    });
  }
});

describe('origins', { concurrency: 8 }, () => {
  const cases = [
    ['/ws', null, 101],
    ['/ws', () => `http://${self()}`, 101],
    ['/ws', () => `http://${self()}/`, 101],
    ['/ws', () => `HTTP://${self()}`, 101],
    ['/ws', () => `https://${self()}`, 403],
    ['/ws', 'http://127.0.0.1', 403],
    ['/ws', 'http://127.0.0.1:1', 403],
    ['/ws', 'http://localhost:8080', 403],
    ['/ws', 'null', 403],
    ['/ws', 'https://a.example', 403],
    ['/ws', 'garbage', 403],
    ['/open', 'null', 101],
    ['/open', 'https://whatever.example', 101],
    ['/open', 'file://', 101],
    ['/deep/er/path', 'https://a.example', 101],
    ['/deep/er/path', 'https://A.Example', 101],
    ['/deep/er/path', 'https://a.example/', 101],
    ['/deep/er/path', 'http://a.example', 403],
    ['/deep/er/path', 'https://a.example:444', 403],
    ['/deep/er/path', 'https://a.example.evil.example', 403],
    ['/deep/er/path', 'https://evil.example/https://a.example', 403],
    ['/deep/er/path', 'https://x.b.example', 101],
    ['/deep/er/path', 'https://x.y.b.example', 101],
    ['/deep/er/path', 'https://b.example', 403],
    ['/deep/er/path', 'https://xb.example', 403],
    ['/deep/er/path', 'http://ports.example:8080', 101],
    ['/deep/er/path', 'http://ports.example:8081', 101],
    ['/deep/er/path', 'http://ports.example:8082', 403],
    ['/deep/er/path', 'http://ports.example', 403],
    ['/deep/er/path', 'https://any.example', 101],
    ['/deep/er/path', 'https://any.example:12345', 101],
    ['/deep/er/path', () => `http://${self()}`, 101],
    ['/deep/er/path', 'null', 403],
  ];
  for (const [path, origin, status] of cases) {
    test(`${path} from ${typeof origin === 'function' ? String(origin).slice(6) : origin}: ${status}`, async () => {
      const value = typeof origin === 'function' ? origin() : origin;
      const response = await upgrade({ path, headers: { Origin: value } });
      assert.equal(response.status, status);
      if (status === 403) assert.equal(response.body, 'This origin is not allowed.\n');
    });
  }

  test('a refused origin is counted, and logged once in ten seconds without its control characters', async (t) => {
    const own = await start({ t });
    for (let i = 0; i < 5; i++) {
      const response = await ask(upgradeRequest({ host: `127.0.0.1:${own.httpPort}`, headers: { Origin: 'http://evil\x1b[31m.example' } }), { server: own });
      assert.equal(response.status, 403);
    }
    const stats = await own.stats();
    assert.equal(stats.origins_refused, 5);
    const lines = own.log.filter((line) => /origin/.test(line) && / warn /.test(line));
    assert.equal(lines.length, 1);
    assert.ok(lines[0].includes('\\x1b[31m'), lines[0]);
    assert.match(lines[0], /allowed-origins/);
  });
});

describe('plain HTTP', { concurrency: 8 }, () => {
  test('/ready', async () => {
    const response = await get('/ready');
    assert.equal(response.status, 200);
    assert.equal(response.body, 'ready\n');
    assert.equal(response.headers['cache-control'], 'no-store');
    assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
  });
  test('HEAD has the headers of GET and no body', async () => {
    for (const path of ['/ready', '/', '/nothing']) {
      const full = await get(path);
      const head = await get(path, { method: 'HEAD' });
      assert.equal(head.status, full.status);
      assert.equal(head.body, '');
      assert.equal(head.headers['content-length'], full.headers['content-length']);
    }
  });
  test('HEAD leaves nothing behind its headers on a kept connection', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('HEAD /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await wire.response({ head: true })).status, 200);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await wire.response()).body, 'ready\n');
  });

  const types = { '/': ['index.html', 'text/html; charset=utf-8'], '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
    '/style.css': ['style.css', 'text/css; charset=utf-8'], '/favicon.svg': ['favicon.svg', 'image/svg+xml'],
    '/stomp.umd.min.js': ['stomp.umd.min.js', 'text/javascript; charset=utf-8'] };
  for (const [path, [file, type]] of Object.entries(types)) {
    test(`the page's ${path}`, async () => {
      const response = await get(path);
      assert.equal(response.status, 200);
      assert.equal(response.headers['content-type'], type);
      assert.equal(response.headers['x-content-type-options'], 'nosniff');
      assert.match(response.headers['content-security-policy'], /default-src 'self'/);
      assert.match(response.headers['content-security-policy'], /frame-ancestors 'none'/);
      assert.equal(response.headers['referrer-policy'], 'no-referrer');
      assert.ok(response.bytes.equals(readFileSync(join(build, 'share/plugboard/web', file))));
    });
  }
  for (const path of ['/nothing', '/index.html/', '/app.js/', '/../etc/passwd', '/..%2f..%2fetc%2fpasswd', '/%2e%2e/%2e%2e/etc/passwd', '/.', '//', '/ready/', '/app.js%00']) {
    test(`${path} is not there or harmless`, async () => {
      const response = await get(path).catch((error) => ({ status: error.message }));
      if (response.status === 200) assert.match(response.headers['content-type'], /^text\/html/); // the page itself
      else assert.ok(response.status === 404 || response.status === 403 || /before a response/.test(response.status), String(response.status));
    });
  }
  test('a query does not change what is served', async () => {
    assert.equal((await get('/app.js?v=1')).status, 200);
    assert.equal((await get('/ready?')).status, 200);
  });
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const path of ['/', '/ready', '/app.js']) {
      test(`${method} ${path} is 405`, async () => {
        const response = await ask(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`, { closes: true });
        assert.equal(response.status, 405);
        assert.equal(response.headers.allow, 'GET, HEAD');
      });
    }
    test(`${method} to nowhere is 404`, async () => {
      assert.equal((await ask(`${method} /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`, { closes: true })).status, 404);
    });
  }
  test('a request with a body is answered and closed', async () => {
    const response = await ask(`POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`, { closes: true });
    assert.equal(response.status, 405);
  });
  for (const method of ['GET', 'HEAD', 'POST']) {
    test(`${method} to an endpoint without Upgrade is 426`, async () => {
      const response = await ask(`${method} /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`, { head: method === 'HEAD', closes: true });
      assert.equal(response.status, 426);
      assert.equal(response.headers.upgrade, 'websocket');
    });
  }
  test('connections are kept alive', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    for (const path of ['/ready', '/', '/nothing', '/app.js', '/ready']) {
      wire.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.equal((await wire.response()).status, path === '/nothing' ? 404 : 200);
    }
  });
  test('pipelined requests are answered in order', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    assert.equal((await wire.response()).status, 404);
    assert.equal((await wire.response()).status, 200);
  });
  test('Connection: close is obeyed', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    await wire.waitForEnd();
  });
  test('HTTP/1.0 is answered and closed', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('GET /ready HTTP/1.0\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    await wire.waitForEnd();
  });
  test('an upgrade on a kept connection', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    wire.write(upgradeRequest({ host: self(), protocol: 'v12.stomp' }));
    assert.equal((await wire.response()).status, 101);
    wire.ws('CONNECT\naccept-version:1.2\n\n\0');
    assert.match((await wire.frame()).payload.toString(), /^CONNECTED\n/);
  });

  const garbage = {
    'no HTTP': 'hello\r\n\r\n', 'a STOMP frame': 'CONNECT\naccept-version:1.2\n\n\0', 'TLS': Buffer.from('16030100', 'hex'),
    'binary': Buffer.from(Array.from({ length: 300 }, (_, i) => i & 255)), 'an empty line': '\r\n\r\n', 'a method only': 'GET\r\n\r\n',
    'no path': 'GET  HTTP/1.1\r\n\r\n', 'an absolute CONNECT': 'CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n',
    'a huge header': `GET / HTTP/1.1\r\nX: ${'y'.repeat(70000)}\r\n\r\n`, 'many headers': `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(6000)}\r\n`,
    'HTTP/9.9': 'GET /ready HTTP/9.9\r\nHost: x\r\n\r\n', 'a NUL in a header': 'GET /ready HTTP/1.1\r\nHost: a\0b\r\n\r\n',
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'pipelined garbage': `GET /ready HTTP/1.1\r\nHost: x\r\n\r\n${'\x00\xff garbage '.repeat(50)}\r\n\r\n`,
    'garbage behind a refused upgrade': `${upgradeRequest({ path: '/nothing' })}${'z'.repeat(5000)}`,
  };
  for (const [name, bytes] of Object.entries(garbage)) {
    test(`garbage does no harm: ${name}`, async (t) => {
      const wire = await Wire.open(server.httpPort, t);
      wire.write(bytes);
      await sleep(50);
      wire.destroy();
      assert.equal((await get('/ready')).status, 200);
    });
  }

  test('headers that never end are cut off', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    const begin = performance.now();
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n');
    while (!wire.ended && performance.now() - begin < 25000) {
      wire.write('X: y\r\n');
      await sleep(500);
    }
    const seconds = (performance.now() - begin) / 1000;
    assert.ok(wire.ended, 'still open after 25 s');
    assert.ok(seconds > 3, `closed after ${seconds} s already`);
  });
  test('a connection that says nothing is cut off', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    await wire.waitForEnd(25000);
  });
  test('a kept connection that says nothing more is cut off', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await wire.response();
    await wire.waitForEnd(25000);
  });
});

describe('other servers', { concurrency: 4 }, () => {
  test('try-page = off serves no page', async (t) => {
    const own = await start({ t, set: ['http.try-page=off'] });
    assert.equal((await get('/', { server: own })).status, 404);
    assert.equal((await get('/app.js', { server: own })).status, 404);
    assert.equal((await get('/ready', { server: own })).status, 200);
    assert.equal((await ask(upgradeRequest({ host: `127.0.0.1:${own.httpPort}` }), { server: own })).status, 101);
  });

  test('several listeners serve the same', async (t) => {
    const own = await start({ t, http: false, config: '[http]\nlisten = 127.0.0.1:0, [::1]:0\n[tcp]\nlisten = 127.0.0.1:0\n' });
    assert.equal(own.listening.length, 3);
    for (const { scheme, port, host } of own.listening) {
      if (scheme === 'http' && host === '127.0.0.1') assert.equal((await get('/ready', { server: { httpPort: port } })).status, 200);
    }
  });

  for (const transport of ['ws', 'tcp']) {
    test(`max-connections over ${transport}`, async (t) => {
      const own = await start({ t, tcp: true, set: ['limits.max-connections=3'] });
      const clients = [];
      for (let i = 0; i < 3; i++) clients.push(await stomp(own, { t, transport }));
      if (transport === 'ws') {
        const response = await ask(upgradeRequest({ host: `127.0.0.1:${own.httpPort}` }), { server: own, closes: true });
        assert.equal(response.status, 503);
        assert.equal(response.headers['retry-after'], '1');
      } else {
        const refused = await open(own, { t, transport });
        const frame = await refused.expect('ERROR');
        assert.equal(frame.headers.message, 'too many connections');
        assert.equal(frame.body, 'too many connections. Try again later.\n');
        await refused.waitForClose();
      }
      const stats = await own.stats();
      assert.equal(stats.connections_refused, 1);
      assert.equal(stats.connections, 3);
      await clients[0].request('BEGIN', { transaction: 'still-served' });
      clients[1].terminate();
      await until(async () => (await own.stats()).connections === 2, 'a free place');
      const next = await stomp(own, { t, transport });
      await next.request('BEGIN', { transaction: 'x' });
    });
  }
});

test('nothing of all this is left over', async () => {
  await until(async () => (await server.stats()).connections === 0, 'no connections', 20000);
  const stats = await server.stats();
  assert.equal(stats.sessions, 0);
  assert.ok(stats.handshakes_refused > 30);
  assert.ok(stats.origins_refused >= 14);
});
