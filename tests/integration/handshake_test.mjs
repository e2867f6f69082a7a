// HTTP on the server's port: the WebSocket handshake, what refuses it, and the few plain answers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { build, patience, sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { Wire, acceptFor, upgradeRequest, wsFrame } from './lib/wire.mjs';

const CONFIG = `
[endpoint /ws]
[endpoint /open]
allowed-origins = *
[endpoint /deep/er/path]
allowed-origins = https://a.example, https://*.b.example, http://ports.example:[8080,8081], https://any.example:[*]
[endpoint /bare]
sockjs = off
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
    // RFC 6455 4.2.2: none in common is no failure, and no subprotocol.
    ...['mqtt', 'v13.stomp', 'V12.STOMP', 'stomp', 'arduino', 'v12.stomp.x'].map((name) => [name, undefined]),
    // RFC 9110 5.6.1: empty members do not count, and other members are not this server's to judge.
    [', v12.stomp', 'v12.stomp'], ['a/b, v12.stomp', 'v12.stomp'], [`v12.stomp, ${'x'.repeat(1000)}`, 'v12.stomp'],
    [`${'x'.repeat(1000)}, v12.stomp`, 'v12.stomp'],
  ];
  for (const [asked, chosen] of protocols) {
    test(`subprotocols ${asked?.slice(0, 40)}: ${chosen}`, async () => {
      const response = await upgrade({ protocol: asked });
      assert.equal(response.status, 101);
      assert.equal(response.headers['sec-websocket-protocol'], chosen);
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
  test('a long path is 414, with what came behind it unread', async () => {
    assert.equal((await upgrade({ path: `/${'x'.repeat(16000)}` })).status, 404);
    const response = await upgrade({ path: `/${'x'.repeat(20000)}` });
    assert.equal(response.status, 414);
    assert.equal(response.body, 'The request line is too long.\n');
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']) {
    test(`${method} is refused`, async () => {
      const response = await ask(upgradeRequest({ method, host: self() }), { closes: true, head: method === 'HEAD' });
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
  for (const to of ['TLS/1.0', 'foo', 'websocketx', 'websocket/13']) {
    test(`Upgrade: ${to} is not followed`, async () => {
      const response = await upgrade({ headers: { Upgrade: to } });
      assert.equal(response.status, 400);
      assert.equal(response.body, 'Can "Upgrade" only to "WebSocket".\n');
    });
  }
  test('elsewhere an Upgrade to something else is ignored', async () => {
    const response = await get('/ready', { headers: 'Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n' });
    assert.equal(response.status, 200);
    assert.equal(response.body, 'ready\n');
  });
  for (const to of ['WebSocket', 'WEBSOCKET', 'h2c, websocket', '\twebsocket \t', ', websocket,']) {
    test(`Upgrade: ${JSON.stringify(to)}`, async () => assert.equal((await upgrade({ headers: { Upgrade: to } })).status, 101));
  }
  const long = `${'x'.repeat(1000)}, Upgrade`;
  for (const value of ['keep-alive, Upgrade', 'upgrade', 'Upgrade, close', ', Upgrade', 'a=b, Upgrade', 'keep-alive,\tUpgrade\t,', long]) {
    test(`Connection: ${JSON.stringify(value.slice(0, 40))}`, async () => assert.equal((await upgrade({ headers: { Connection: value } })).status, 101));
  }
  for (const value of [null, '', 'keep-alive', 'upgraded', 'up', '"Upgrade"']) {
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
  test('the target may be a whole URI', async () => {
    for (const path of ['http://example.org/ws', 'https://example.org:8443/ws/?x', 'HTTP://example.org/deep/er/path'])
      assert.equal((await upgrade({ path })).status, 101, path);
    for (const path of ['http://ws', '/http://example.org/ws'])
      assert.equal((await upgrade({ path })).status, 404, path);
    for (const path of ['http:///ws', 'ftp://example.org/ws', 'ws'])
      assert.equal((await upgrade({ path })).status, 400, path);
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
  // What is put into the buffer of a short request must not end up in what came behind it.
  for (const n of [0, 1, 100, 600, 5000, 60000]) {
    test(`a SEND of ${n} bytes in the packet of the request arrives as it was`, async (t) => {
      const wire = await Wire.open(server.httpPort, t);
      const body = Array.from({ length: n }, (_, i) => 'abcdefghijklmnopqrstuvwxyz'[i % 26]).join('');
      const topic = `/topic/behind-${n}`;
      await wire.write(Buffer.concat([
        Buffer.from(upgradeRequest({ host: self() })), wsFrame('CONNECT\naccept-version:1.2\n\n\0'),
        wsFrame(`SUBSCRIBE\nid:1\ndestination:${topic}\n\n\0`), wsFrame(`SEND\ndestination:${topic}\n\n${body}\0`),
      ]));
      assert.equal((await wire.response()).status, 101);
      assert.match((await wire.frame()).payload.toString(), /^CONNECTED\n/);
      const message = (await wire.frame()).payload.toString();
      assert.equal(message.slice(message.indexOf('\n\n') + 2), `${body}\0`);
    });
  }
  test('no header is lost behind others, whatever their names', async () => {
    for (const name of ['X', 'X-', 'Content', 'Sec-WebSocket-Extension', 'Origins', 'Sec', 'Upgrade-Insecure-Requests', 'x'.repeat(500)]) {
      const request = upgradeRequest({ host: self(), headers: { [name]: 'y', Origin: 'https://evil.example' } });
      assert.equal((await ask(request)).status, 403, name);
    }
  });
  test('the request may come byte by byte', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    for (const byte of Buffer.from(upgradeRequest({ host: self() }))) await wire.write(Buffer.from([byte]));
    assert.equal((await wire.response()).status, 101);
  });
});

describe('time', { concurrency: 4 }, () => {
  const times = ['limits.connect-timeout=1s', 'http.keep-alive-timeout=2s'];
  const half = 'GET /ready HTTP/1.1\r\nHost: x\r\nUpgr';

  test('a connection that says nothing is closed without a word after connect-timeout', async (t) => {
    const own = await start({ t, set: times });
    const began = performance.now();
    const wire = await Wire.open(own.httpPort, t);
    assert.equal(await wire.waitForEnd(30000), 'end');
    assert.ok(performance.now() - began > 900);
    assert.equal(wire.buffer.length, 0);
    assert.equal((await own.stats()).closed_connect_timeout, 1);
  });
  test('half a request gets 408', async (t) => {
    const own = await start({ t, set: times });
    const wire = await Wire.open(own.httpPort, t);
    wire.write(half);
    const response = await wire.response({ ms: 30000 });
    assert.equal(response.status, 408);
    assert.equal(response.body, 'The request did not come in time.\n');
    assert.equal(response.headers.connection, 'close');
    await wire.waitForEnd(30000);
  });
  test('headers that never end, too', async (t) => {
    const own = await start({ t, set: times });
    const wire = await Wire.open(own.httpPort, t);
    wire.write(half);
    const trickle = setInterval(() => wire.write('x'), 100);
    t.after(() => clearInterval(trickle));
    assert.equal((await wire.response({ ms: 30000 })).status, 408);
  });
  test('and a body that never ends', async (t) => {
    const own = await start({ t, set: times });
    const wire = await Wire.open(own.httpPort, t);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12');
    assert.equal((await wire.response()).status, 200);
    assert.equal((await wire.response({ ms: 30000 })).status, 408);
  });
  test('a kept connection has keep-alive-timeout, and then connect-timeout for its request', async (t) => {
    const own = await start({ t, set: times });
    const wire = await Wire.open(own.httpPort, t);
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    await sleep(1300); // longer than connect-timeout
    wire.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    const began = performance.now();
    assert.equal(await wire.waitForEnd(30000), 'end');
    assert.ok(performance.now() - began > 1900);
    assert.equal(wire.buffer.length, 0);
    const other = await Wire.open(own.httpPort, t);
    other.write(`GET /ready HTTP/1.1\r\nHost: x\r\n\r\n${half}`);
    assert.equal((await other.response()).status, 200);
    assert.equal((await other.response({ ms: 30000 })).status, 408);
  });
  test('the time of the request counts for CONNECT', async (t) => {
    const own = await start({ t, set: ['limits.connect-timeout=3s'] });
    const wire = await Wire.open(own.httpPort, t);
    const began = performance.now();
    await sleep(2000);
    wire.write(upgradeRequest({ host: `127.0.0.1:${own.httpPort}` }));
    assert.equal((await wire.response()).status, 101);
    assert.match((await wire.frame(30000)).payload.toString(), /^ERROR\n/);
    assert.ok(performance.now() - began > 2900);
  });
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
      const response = await ask(upgradeRequest({ host: `127.0.0.1:${own.httpPort}`, headers: { Origin: 'http://evil\u009b31m.example' } }), { server: own });
      assert.equal(response.status, 403);
    }
    const stats = await own.stats();
    assert.equal(stats.origins_refused, 5);
    const lines = own.log.filter((line) => /origin/.test(line) && / warn /.test(line));
    assert.equal(lines.length, 1);
    assert.ok(lines[0].includes('http://evil\\u009b31m.example'), JSON.stringify(lines[0]));
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
        const response = await ask(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
        assert.equal(response.status, 405);
        assert.equal(response.headers.allow, 'GET, HEAD');
      });
    }
    test(`${method} to nowhere is 404`, async () => {
      assert.equal((await ask(`${method} /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)).status, 404);
    });
  }
  test('OPTIONS * says what there is', async () => {
    const response = await get('*', { method: 'OPTIONS' });
    assert.equal(response.status, 204);
    assert.equal(response.headers.allow, 'GET, HEAD, OPTIONS');
    assert.equal(response.headers['content-length'], undefined);
  });
  test('a method that nobody knows is 501, CONNECT is 405, in the form of all refusals', async () => {
    for (const [method, path, status] of [['FOO', '/ready', 501], ['get', '/ready', 501], ['CONNECT', 'example.org:443', 405]]) {
      const response = await get(path, { method, closes: true });
      assert.equal(response.status, status);
      assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
      assert.match(response.body, /^[A-Z].*\.\n$/);
    }
  });
  test('every answer has a date', async () => {
    for (const path of ['/ready', '/', '/nothing', '/ws']) {
      const { headers } = await get(path);
      assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 60000, headers.date);
      assert.match(headers.date, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
    }
  });
  const bodies = {
    'a sized one': 'Content-Length: 5\r\n\r\nhello', 'an empty one': 'Content-Length: 0\r\n\r\n',
    'a chunked one': 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: z\r\n\r\n',
    'a chunked one without chunks': 'Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n',
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`a body is passed over: ${name}`, async (t) => {
      for (const step of [1, 1000]) {
        const wire = await Wire.open(server.httpPort, t);
        const bytes = `POST /ready HTTP/1.1\r\nHost: x\r\n${body}GET /ready HTTP/1.1\r\nHost: x\r\n\r\n`;
        for (let i = 0; i < bytes.length; i += step) await wire.write(bytes.slice(i, i + step));
        assert.equal((await wire.response()).status, 405);
        assert.equal((await wire.response()).body, 'ready\n');
      }
    });
  }
  test('a body that is too large, or that is awaited, ends the connection behind the answer', async () => {
    const request = (rest) => ask(`POST /ready HTTP/1.1\r\nHost: x\r\n${rest}`, { closes: true });
    assert.equal((await request('Content-Length: 70000\r\n\r\n')).headers.connection, 'close');
    assert.equal((await request('Content-Length: 7\r\nExpect: 100-continue\r\n\r\n')).headers.connection, 'close');
    assert.equal((await request('Content-Length: 7\r\nExpect: nothing\r\n\r\n')).status, 417);
  });
  test('a chunked body without end is 413, a broken one 400', async (t) => {
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    for (const [rest, status] of [[chunk.repeat(20), 413], ['xyz\r\n', 400], ['3\r\nabcd\r\n', 400]]) {
      const wire = await Wire.open(server.httpPort, t);
      wire.write(`POST /ready HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`);
      assert.equal((await wire.response()).status, 405);
      assert.equal((await wire.response()).status, status);
      await wire.waitForEnd();
    }
  });
  for (const method of ['GET', 'HEAD']) {
    test(`${method} to an endpoint without Upgrade is SockJS's greeting, and 426 without SockJS`, async () => {
      const head = method === 'HEAD';
      assert.equal((await ask(`${method} /ws HTTP/1.1\r\nHost: x\r\n\r\n`, { head })).status, 200);
      const response = await ask(`${method} /bare HTTP/1.1\r\nHost: x\r\n\r\n`, { head });
      assert.equal(response.status, 426);
      assert.equal(response.headers.upgrade, 'websocket');
    });
  }
  test('POST to an endpoint is 405', async () => {
    for (const [path, allow] of [['/ws', 'GET, HEAD'], ['/bare', 'GET']]) {
      const response = await ask(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
      assert.equal(response.status, 405);
      assert.equal(response.headers.allow, allow);
    }
  });
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
  test('who pipelines and does not read costs no CPU, holds up nobody, and gets it all', async (t) => {
    const own = await start({ t, set: ['server.workers=1'] });
    const wire = await Wire.open(own.httpPort, t);
    const n = 3000;
    wire.socket.pause();
    wire.socket.write('GET /app.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(n));
    await until(async () => (await own.stats()).bytes_out > 1e6, 'answers that fill the socket');
    await sleep(300);
    const before = own.cpu();
    await sleep(1000);
    assert.ok(own.cpu() - before < 0.2, `${own.cpu() - before} s of CPU in a second`);
    assert.equal((await get('/ready', { server: own })).status, 200);
    let bytes = 0;
    wire.socket.removeAllListeners('data');
    wire.socket.on('data', (chunk) => { bytes += chunk.length; });
    wire.socket.resume();
    const one = (await get('/app.js', { server: own })).bytes.length;
    await until(() => bytes > n * one, 'all answers', 60000);
  });
  test('what makes two requests of one for a lenient reader is refused', async () => {
    for (const lines of ['Content-Length: 3\r\nContent-Length: 3', 'Content-Length: 3\r\nTransfer-Encoding: chunked', 'Content-Length: +3',
      'Transfer-Encoding: chunked, chunked', 'Content-Length : 3', 'X: a\r\n b', 'X: a\nY: b', 'Host: y', 'Content-Length: 3, 3']) {
      const response = await ask(`POST /ready HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n`, { closes: true });
      assert.equal(response.status, 400, lines);
    }
  });
  test('HTTP/1.0 is answered and closed', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    wire.write('GET /ready HTTP/1.0\r\n\r\n');
    assert.equal((await wire.response()).status, 200);
    await wire.waitForEnd();
  });
  test('HTTP/1.0 with keep-alive is kept', async (t) => {
    const wire = await Wire.open(server.httpPort, t);
    for (let i = 0; i < 3; i++) {
      wire.write('GET /ready HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n');
      assert.equal((await wire.response()).headers.connection, 'keep-alive');
    }
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
    test(`garbage gets an answer, and does no harm: ${name}`, async (t) => {
      const wire = await Wire.open(server.httpPort, t);
      wire.write(bytes);
      let response = await wire.response();
      if (name === 'pipelined garbage') {
        assert.equal(response.status, 200);
        response = await wire.response();
      }
      assert.ok([400, 404, 405, 431, 505].includes(response.status), String(response.status));
      assert.match(response.body, /^[A-Z].*\.\n$/);
      await wire.waitForEnd();
      assert.equal((await get('/ready')).status, 200);
    });
  }
  test('TLS on a plain port is told so', async () => {
    assert.equal((await ask(Buffer.from('160301', 'hex'))).body, 'This port speaks plain HTTP, not TLS.\n');
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
