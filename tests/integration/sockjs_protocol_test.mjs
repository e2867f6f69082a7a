// The SockJS protocol 0.3.3, case by case, on the wire. What its text leaves to an echo service is
// asked of the STOMP session: CONNECT comes back as CONNECTED, a SEND as a MESSAGE.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import WebSocket from 'ws';

import { sleep, slowness, start, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const CONFIG = `
[server]
workers = 2
[endpoint /ws]
allowed-origins = https://app.example.org, null
sockjs-stream-limit = 4k
sockjs-disconnect-delay = ${slowness}s
[endpoint /open]
allowed-origins = *
sockjs-cookie = off
sockjs-client-url = /lib/sockjs.js
[endpoint /same]
sockjs-cookie = off
[endpoint /few]
websocket = off
sockjs-transports = xhr, websocket
`;

let server;
before(async () => { server = await start({ config: CONFIG }); });
after(() => server?.stop());

let sessions = 0;
const fresh = (base = '/ws') => `${base}/000/s${sessions += 1}-${process.pid}`;
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
after(() => agent.destroy());

// One request; streamed: gives the answer as soon as its head is there, with chunk() for its pieces.
function ask(method, path, { headers = {}, body, streamed = false, on = server, agent: by = agent } = {}) {
  const answered = new Promise((done, broken) => {
    const request = http.request({ method, path, port: on.httpPort, host: '127.0.0.1', headers, agent: streamed ? false : by });
    request.on('error', broken);
    request.on('response', (response) => {
      const answer = { status: response.statusCode, headers: response.headers, body: '' };
      response.setEncoding('utf8');
      answer.destroy = () => request.destroy();
      if (streamed) {
        const chunks = [];
        let wake = () => {};
        let ended = false;
        response.on('data', (chunk) => { chunks.push(chunk); wake(); });
        response.on('end', () => { ended = true; wake(); });
        response.on('error', () => { ended = true; wake(); });
        answer.chunk = async () => {
          while (!chunks.length && !ended) await within(new Promise((go) => { wake = go; }), 10000, 'a chunk');
          return chunks.shift() ?? '';
        };
        done(answer);
        return;
      }
      response.on('data', (chunk) => { answer.body += chunk; });
      response.on('end', () => done(answer));
      response.on('error', broken);
    });
    request.end(body);
  });
  return within(answered, 30000, `${method} ${path}`);
}
const get = (path, options) => ask('GET', path, options);
const post = (path, body, options = {}) => ask('POST', path, { body, ...options });

const CONNECT = 'CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0';
const SUBSCRIBE = 'SUBSCRIBE\nid:0\ndestination:/topic/echo\nreceipt:r\n\n\0';
const list = (...messages) => JSON.stringify(messages);
const NOT_CACHED = 'no-store, no-cache, must-revalidate, max-age=0';
const typeOf = (answer) => answer.headers['content-type']?.replace(/ /g, '').toLowerCase();

// A session that is subscribed to a topic of its own.
async function subscribed(base = '/ws', topic = `/topic/${sessions}-${process.pid}`, options = {}) {
  const url = fresh(base);
  assert.equal((await post(`${url}/xhr`, undefined, options)).body, 'o\n');
  assert.equal((await post(`${url}/xhr_send`, list(CONNECT, SUBSCRIBE.replace('/topic/echo', topic)), options)).status, 204);
  let got = '';
  while (!got.includes('RECEIPT')) got += (await post(`${url}/xhr`, undefined, options)).body;
  return { url, topic };
}
const send = (topic, body) => `SEND\ndestination:${topic}\n\n${body}\0`;
const bodiesIn = (frame) => JSON.parse(frame.replace(/^(data: )?a/, '')).map((message) => /\n\n([^]*)\0$/.exec(message)[1]);

describe('static places', { concurrency: 4 }, () => {
  test('the greeting', async () => {
    for (const path of ['/ws', '/ws/']) {
      const answer = await get(path);
      assert.equal(answer.status, 200);
      assert.equal(typeOf(answer), 'text/plain;charset=utf-8');
      assert.equal(answer.body, 'Welcome to SockJS!\n');
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    const head = await ask('HEAD', '/ws');
    assert.equal(head.headers['content-length'], '19');
  });
  test('everything else is 404', async () => {
    for (const suffix of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/', '/iframe.htm', '/iframe', '/IFRAME.HTML',
      '/iframe.HTML', '/iframe.xml', '/iframe-/.html', '/a/b/c', '/a/b/xhr/', '/a/b;jsessionid=1/xhr']) {
      assert.equal((await get(`/ws${suffix}`)).status, 404, suffix);
    }
    for (const suffix of ['//', '/a./a', '/a/a.', '/./.', '/', '///']) {
      assert.equal((await get(`/ws${suffix}/xhr`)).status, 404, suffix);
      assert.equal((await post(`/ws${suffix}/xhr`)).status, 404, suffix);
    }
  });
  test('the page for frames', async () => {
    for (const suffix of ['/iframe.html', '/iframe-a.html', '/iframe-.html', '/iframe-0.1.2.html', '/iframe-0.1.2abc-dirty.2144.html?t=qwe']) {
      const answer = await get(`/open${suffix}`);
      assert.equal(answer.status, 200, suffix);
      assert.equal(typeOf(answer), 'text/html;charset=utf-8');
      assert.match(answer.headers['cache-control'], /public.*max-age=[1-9]\d{6}/);
      assert.ok(Date.parse(answer.headers.expires) > Date.now());
      assert.equal(answer.headers['last-modified'], undefined);
      assert.match(answer.body, /^<!DOCTYPE html>\n[^]*<script src="\/lib\/sockjs\.js"><\/script>\n[^]*<\/html>\n$/);
      const again = await get(`/open${suffix}`, { headers: { 'If-None-Match': answer.headers.etag } });
      assert.equal(again.status, 304);
      assert.equal(again.body, '');
      assert.equal(again.headers['content-type'], undefined);
      assert.equal(again.headers.etag, answer.headers.etag);
    }
    assert.equal((await get('/same/iframe.html')).headers['x-frame-options'], 'SAMEORIGIN');
    assert.equal((await get('/ws/iframe.html')).status, 404, 'an allow-list and a page that all may frame do not go together');
    assert.equal((await post('/open/iframe.html')).status, 405);
  });
  test('/info', async () => {
    const answer = await get('/ws/info');
    assert.equal(answer.status, 200);
    assert.equal(typeOf(answer), 'application/json;charset=utf-8');
    assert.equal(answer.headers['cache-control'], NOT_CACHED);
    const info = JSON.parse(answer.body);
    assert.deepEqual({ ...info, entropy: 0 }, { entropy: 0, origins: ['*:*'], cookie_needed: true, websocket: true });
    assert.ok(Number.isInteger(info.entropy) && info.entropy >= 0 && info.entropy < 2 ** 32);
    assert.notEqual(JSON.parse((await get('/ws/info')).body).entropy, info.entropy);
    assert.equal(JSON.parse((await get('/few/info')).body).websocket, false);
    assert.equal(JSON.parse((await get('/open/info')).body).cookie_needed, false);
    const wrong = await ask('PUT', '/ws/info');
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.allow, 'OPTIONS, GET');
  });
});

describe('other origins', { concurrency: 4 }, () => {
  const origin = 'https://app.example.org';
  test('OPTIONS', async () => {
    for (const [path, methods] of [['/ws/info', 'OPTIONS, GET'], ['/ws/a/b/xhr', 'OPTIONS, POST'], ['/ws/a/b/xhr_send', 'OPTIONS, POST'],
      ['/ws/a/b/xhr_streaming', 'OPTIONS, POST']]) {
      for (const from of [undefined, origin, 'null']) {
        const answer = await ask('OPTIONS', path, { headers: from ? { Origin: from, 'Access-Control-Request-Headers': 'a, b' } : {} });
        assert.equal(answer.status, 204);
        assert.equal(answer.body, '');
        assert.match(answer.headers['cache-control'], /public.*max-age=[1-9]\d{6}/);
        assert.ok(answer.headers.expires);
        assert.ok(Number(answer.headers['access-control-max-age']) > 1000000);
        assert.equal(answer.headers['access-control-allow-methods'], methods);
        assert.equal(answer.headers['access-control-allow-origin'], from);
        assert.equal(answer.headers['access-control-allow-credentials'], from && 'true');
        assert.equal(answer.headers['access-control-allow-headers'], from && 'a, b');
        assert.equal(answer.headers.vary, 'origin');
      }
    }
  });
  test('those that are not listed are refused, and get no permission', async () => {
    for (const path of ['/ws/info', '/ws/a/b/eventsource']) {
      const answer = await get(path, { headers: { Origin: 'https://evil.example.org' } });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    assert.equal((await get('/same/info', { headers: { Origin: 'null' } })).status, 403);
    assert.equal((await get('/same/info', { headers: { Origin: server.url('').replace(/\/$/, '') } })).status, 200);
    assert.equal((await get('/open/info', { headers: { Origin: 'null' } })).headers['access-control-allow-origin'], 'null');
  });
  test('scripts and frames of other sites, which send no Origin, are told by Sec-Fetch-Site', async () => {
    for (const transport of ['jsonp', 'htmlfile']) {
      assert.equal((await get(`${fresh()}/${transport}?c=x`, { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status, 403);
      const answer = await get(`${fresh('/open')}/${transport}?c=x`, { headers: { 'Sec-Fetch-Site': 'cross-site' }, streamed: true });
      assert.equal(answer.status, 200);
      answer.destroy();
    }
  });
});

describe('sessions', { concurrency: 4 }, () => {
  test('any names will do, and the first part does not count', async () => {
    for (const names of ['/a/a1', '/_/_', '/1/1', '/abcdefgh_i-j%20/abcdefg_i-j%20']) assert.equal((await post(`/open${names}/xhr`)).body, 'o\n');
    const id = fresh('').slice(5);
    assert.equal((await post(`/ws/000/${id}/xhr`)).body, 'o\n');
    assert.equal((await post(`/ws/111/${id}/xhr_send`, list(CONNECT))).status, 204);
    assert.match((await post(`/ws/999/${id}/xhr`)).body, /^a\["CONNECTED\\n/);
    assert.equal((await post(`/open/000/${id}/xhr_send`, list('x'))).status, 404, 'another endpoint, another session');
  });
  test('messages to nowhere are 404', async () => {
    assert.equal((await post(`${fresh()}/xhr_send`, list('x'))).status, 404);
    assert.equal((await post(`${fresh()}/jsonp_send`, list('x'))).status, 404);
  });
  test('one receiver at a time', async () => {
    const url = fresh();
    assert.equal((await post(`${url}/xhr`)).body, 'o\n');
    const first = post(`${url}/xhr`);
    await sleep(50);
    const second = await post(`${url}/xhr`);
    assert.equal(second.status, 200);
    assert.equal(second.body, 'c[2010,"Another connection still open"]\n');
    await post(`${url}/xhr_send`, list(CONNECT));
    assert.match((await first).body, /^a\["CONNECTED/);
  });
  test('a session that ends says so as often as it is asked', async () => {
    const url = fresh();
    await post(`${url}/xhr`);
    await post(`${url}/xhr_send`, list(CONNECT, 'DISCONNECT\nreceipt:bye\n\n\0'));
    assert.match((await post(`${url}/xhr`)).body, /^a\[".*receipt-id:bye/);
    for (let i = 0; i < 3; i += 1) assert.equal((await post(`${url}/xhr`)).body, 'c[1000,""]\n');
    const streamed = await post(`${url}/xhr_streaming`, undefined, { streamed: true });
    await streamed.chunk();
    assert.equal(await streamed.chunk(), 'c[1000,""]\n');
    assert.equal(await streamed.chunk(), '');
  });
  test('a session without a receiver is over after its delay', async () => {
    const url = fresh();
    await post(`${url}/xhr`);
    await sleep(1500 * slowness);
    assert.equal((await post(`${url}/xhr_send`, list(CONNECT))).status, 404);
  });
  for (const transport of ['xhr', 'xhr_streaming']) {
    test(`${transport}: a receiver that is cut off interrupts the session`, async () => {
      const url = fresh();
      if (transport === 'xhr') assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      const request = http.request({ method: 'POST', path: `${url}/${transport}`, port: server.httpPort, host: '127.0.0.1', agent: false });
      request.on('error', () => {});
      request.end();
      await sleep(200 * slowness); // the next to come must not be the receiver itself
      assert.equal((await post(`${url}/xhr`)).body, 'c[2010,"Another connection still open"]\n');
      request.destroy();
      await until(async () => (await post(`${url}/xhr`)).body === 'c[1002,"Connection interrupted"]\n', 'the session being interrupted');
    });
  }
  // By then the worker that has the session need not have looked at the first one's socket.
  test('who cuts off a receiver and comes again at once is not told that it is still there', async () => {
    for (let i = 0; i < 20; i++) {
      const url = fresh();
      const first = http.request({ method: 'POST', path: `${url}/xhr_streaming`, port: server.httpPort, host: '127.0.0.1', agent: false });
      first.on('error', () => {});
      const answered = new Promise((there) => { first.on('response', there); });
      first.end();
      (await answered).on('error', () => {});
      assert.equal((await post(`${url}/xhr`)).body, 'c[2010,"Another connection still open"]\n');
      const gone = new Promise((closed) => { first.socket.on('close', closed); });
      first.destroy();
      await gone;
      assert.equal((await post(`${url}/xhr`)).body, 'c[1002,"Connection interrupted"]\n');
    }
  });
  test('a poll that was cut before its answer loses nothing that came later', async () => {
    const { url, topic } = await subscribed();
    await post(`${url}/xhr_send`, list(send(topic, 'kept'), send(topic, 'too')));
    assert.deepEqual(bodiesIn((await post(`${url}/xhr`)).body), ['kept', 'too']);
  });
});

describe('WebSocket', { concurrency: 4 }, () => {
  test('what is no handshake', async () => {
    const plain = await get(`${fresh()}/websocket`);
    assert.equal(plain.status, 400);
    assert.match(plain.body, /Can "Upgrade" only to "WebSocket"\./);
    const half = await get(`${fresh()}/websocket`, { headers: { Upgrade: 'WebSocket', Connection: 'close' } });
    assert.equal(half.status, 400);
    for (const headers of [{}, { Upgrade: 'WebSocket', Connection: 'Upgrade' }]) {
      const answer = await post(`${fresh()}/websocket`, undefined, { headers });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.allow, 'GET');
      assert.equal(answer.headers['content-type'], undefined);
      assert.equal(answer.body, '');
    }
  });
  const open = (url) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.httpPort}${url}/websocket`);
    const items = [];
    let wake = () => {};
    socket.on('message', (bytes) => { items.push(String(bytes)); wake(); });
    socket.on('close', (code) => { items.push(code); wake(); });
    socket.on('error', () => {});
    socket.next = async () => {
      while (!items.length) await within(new Promise((go) => { wake = go; }), 10000, 'a message');
      return items.shift();
    };
    return socket;
  };
  test('open, messages, empty ones, lone strings, and a name used twice', async () => {
    const url = fresh();
    const sockets = [open(url), open(url)];
    for (const socket of sockets) {
      assert.equal(await socket.next(), 'o');
      socket.send('');
      socket.send(list(CONNECT.slice(0, 10), CONNECT.slice(10)));
      assert.match(await socket.next(), /^a\["CONNECTED\\nversion:1.2\\n.*\\u0000"\]$/);
      socket.send(JSON.stringify('DISCONNECT\nreceipt:r\n\n\0'));
      assert.match(await socket.next(), /^a\["RECEIPT/);
      assert.equal(await socket.next(), 'c[1000,""]');
      assert.equal(await socket.next(), 1000);
    }
  });
  test('what is no JSON ends it at once', async () => {
    for (const bad of ['["a', 'null', '[1]', '{}', '["a"']) {
      const socket = open(fresh());
      assert.equal(await socket.next(), 'o');
      socket.send(bad);
      assert.equal(await socket.next(), 1007, bad);
    }
    const socket = open(fresh());
    await socket.next();
    socket.send(Buffer.from('["a"]'));
    assert.equal(await socket.next(), 1003);
  });
  test('raw, without framing, at the endpoint and at /websocket', async () => {
    for (const path of ['/ws', '/ws/websocket', '/ws/']) await stomp(server, { path }).then((client) => client.terminate());
    for (const path of ['/few', '/few/websocket', '/few/a/b/websocket']) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.httpPort}${path}`);
      const [response] = await new Promise((done) => { socket.on('unexpected-response', (...args) => done(args.slice(1))); socket.on('error', () => {}); });
      assert.equal(response.statusCode, 404);
    }
  });
});

describe('polling', { concurrency: 4 }, () => {
  test('headers', async () => {
    const url = fresh();
    const opened = await post(`${url}/xhr`, undefined, { headers: { Origin: 'https://app.example.org', 'Access-Control-Request-Headers': 'a, b, c' } });
    assert.equal(opened.status, 200);
    assert.equal(typeOf(opened), 'application/javascript;charset=utf-8');
    assert.equal(opened.headers['access-control-allow-origin'], 'https://app.example.org');
    assert.equal(opened.headers['access-control-allow-credentials'], 'true');
    assert.equal(opened.headers['access-control-allow-headers'], 'a, b, c');
    assert.equal(opened.headers['cache-control'], NOT_CACHED);
    const sent = await post(`${url}/xhr_send`, list('\n'));
    assert.equal(sent.status, 204);
    assert.equal(typeOf(sent), 'text/plain;charset=utf-8');
    assert.equal(sent.headers['cache-control'], NOT_CACHED);
  });
  test('bodies that are broken, empty, of any type, in pieces', async () => {
    const url = fresh();
    await post(`${url}/xhr`);
    for (const [body, text] of [['["x', 'Broken JSON encoding.'], ['', 'Payload expected.'], ['null', 'Payload expected.'], ['[1]', 'Broken JSON encoding.']]) {
      const answer = await post(`${url}/xhr_send`, body);
      assert.equal(answer.status, 500);
      assert.ok(answer.body.includes(text), `${body}: ${answer.body}`);
    }
    for (const type of ['text/plain', 'T', 'application/json', '', 'application/json; charset=utf-8', 'text/xml']) {
      assert.equal((await post(`${url}/xhr_send`, list('\n'), { headers: { 'Content-Type': type } })).status, 204);
    }
    const request = http.request({ method: 'POST', path: `${url}/xhr_send`, port: server.httpPort, host: '127.0.0.1', agent: false });
    const answered = new Promise((done) => request.on('response', done));
    for (const piece of ['[', JSON.stringify(CONNECT).slice(0, 5), JSON.stringify(CONNECT).slice(5)]) {
      request.write(piece);
      await sleep(20);
    }
    request.end(']');
    const response = await answered;
    assert.equal(response.statusCode, 204);
    response.resume();
    assert.match((await post(`${url}/xhr`)).body, /^a\["CONNECTED/);
  });
  test('all that waits comes in one answer', async () => {
    const { url, topic } = await subscribed();
    await post(`${url}/xhr_send`, list(...Array.from({ length: 20 }, (_, i) => send(topic, `${i}`))));
    assert.deepEqual(bodiesIn((await post(`${url}/xhr`)).body), Array.from({ length: 20 }, (_, i) => `${i}`));
  });
  test('wrong methods', async () => {
    for (const [method, transport, allow] of [['GET', 'xhr', 'OPTIONS, POST'], ['PUT', 'xhr_send', 'OPTIONS, POST'], ['GET', 'xhr_streaming', 'OPTIONS, POST'],
      ['POST', 'eventsource', 'OPTIONS, GET'], ['POST', 'htmlfile', 'OPTIONS, GET'], ['POST', 'jsonp', 'OPTIONS, GET'], ['GET', 'jsonp_send', 'OPTIONS, POST']]) {
      const answer = await ask(method, `${fresh()}/${transport}`);
      assert.equal(answer.status, 405, transport);
      assert.equal(answer.headers.allow, allow);
      assert.equal(answer.headers['content-type'], undefined);
      assert.equal(answer.body, '');
    }
  });
  test('characters that browsers mangle are escaped, and come back', async () => {
    const { url, topic } = await subscribed();
    let text = 'a"\\/\u0001\u007f';
    for (const [from, to] of [[0x200c, 0x200f], [0x2028, 0x202f], [0x2060, 0x206f], [0xfff0, 0xfffd]]) for (let c = from; c <= to; c += 1) text += String.fromCharCode(c);
    text += '\u{1F600}é';
    const escaped = `["${[...send(topic, text)].map((c) => [...c].length && c.split('').map((u) => `\\u${u.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')).join('')}"]`;
    assert.equal((await post(`${url}/xhr_send`, escaped)).status, 204);
    const answer = (await post(`${url}/xhr`)).body;
    assert.deepEqual(bodiesIn(answer), [text]);
    assert.ok(answer.includes('\\u200c') && answer.includes('\\ud83d\\ude00') && answer.includes('\\u0001') && answer.includes('é'));
    assert.ok(!/[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff\ud800-\udfff]/.test(answer));
  });
});

const STREAMS = [
  ['xhr_streaming', 'POST', '', 'application/javascript;charset=utf-8', `${'h'.repeat(2048)}\n`, (frame) => `${frame}\n`],
  ['eventsource', 'GET', '', 'text/event-stream;charset=utf-8', '\r\n', (frame) => `data: ${frame}\r\n\r\n`],
  ['htmlfile', 'GET', '?c=%63allback', 'text/html;charset=utf-8', /^<!doctype html>\n[^]*var c = parent\.callback;\n[^]{600,}$/,
    (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`],
];
describe('streams', { concurrency: 4 }, () => {
  for (const [transport, method, query, type, prelude, wrap] of STREAMS) {
    test(`${transport}: prelude, open, messages, and the limit of an answer`, async () => {
      const url = fresh();
      const stream = await ask(method, `${url}/${transport}${query}`, { streamed: true });
      assert.equal(stream.status, 200);
      assert.equal(typeOf(stream), type);
      assert.equal(stream.headers['transfer-encoding'], 'chunked');
      assert.equal(stream.headers['content-length'], undefined);
      assert.equal(stream.headers['cache-control'], `no-transform, ${NOT_CACHED}`);
      assert.equal(stream.headers['x-accel-buffering'], 'no');
      const first = await stream.chunk();
      if (typeof prelude === 'string') assert.equal(first, prelude);
      else assert.match(first, prelude);
      assert.equal(await stream.chunk(), wrap('o'));
      const topic = `/topic/${url.slice(1).replaceAll('/', '-')}`;
      assert.equal((await post(`${url}/xhr_send`, list(CONNECT))).status, 204);
      assert.match(await stream.chunk(), /CONNECTED/);
      await post(`${url}/xhr_send`, list(SUBSCRIBE.replace('/topic/echo', topic)));
      assert.match(await stream.chunk(), /RECEIPT/);
      let counted = 0;
      let got;
      for (let i = 0; ; i += 1) {
        assert.ok(i < 40, 'the answer has an end');
        if ((await post(`${url}/xhr_send`, list(send(topic, 'x'.repeat(128))))).status !== 204) assert.fail();
        got = await stream.chunk();
        if (got === '') break;
        counted += got.length;
      }
      assert.ok(counted > 3000 && counted < 4096 + 400, `${counted} bytes`);
      // What came meanwhile is there for the next.
      const next = await ask(method, `${url}/${transport}${query}`, { streamed: true });
      await next.chunk();
      assert.match(await next.chunk(), /xxx/);
      next.destroy();
    });
  }
  test('a second stream gets 2010, and the first goes on', async () => {
    const url = fresh();
    const first = await post(`${url}/xhr_streaming`, undefined, { streamed: true });
    await first.chunk();
    assert.equal(await first.chunk(), 'o\n');
    const second = await post(`${url}/xhr_streaming`, undefined, { streamed: true });
    await second.chunk();
    assert.equal(await second.chunk(), 'c[2010,"Another connection still open"]\n');
    assert.equal(await second.chunk(), '');
    await post(`${url}/xhr_send`, list(CONNECT));
    assert.match(await first.chunk(), /CONNECTED/);
    await post(`${url}/xhr_send`, list('NONSENSE\n\n\0'));
    assert.match(await first.chunk(), /^a\["ERROR/);
    assert.match(await first.chunk(), /^c\[1002,""\]\n$/);
    assert.equal(await first.chunk(), '');
  });
  test('htmlfile needs a callback', async () => {
    for (const [query, text] of [['', '"callback" parameter required'], ['?c=', '"callback" parameter required'], ['?c=a%3Cb', 'invalid "callback" parameter']]) {
      for (const transport of ['htmlfile', 'jsonp']) {
        const answer = await get(`${fresh()}/${transport}${query}`);
        assert.equal(answer.status, 500);
        assert.ok(answer.body.includes(text));
      }
    }
  });
});

describe('jsonp', () => {
  test('polls and messages', async () => {
    const url = fresh();
    const opened = await get(`${url}/jsonp?c=%63allback`);
    assert.equal(opened.body, 'callback("o");\r\n');
    assert.equal(typeOf(opened), 'application/javascript;charset=utf-8');
    assert.equal(opened.headers['cache-control'], NOT_CACHED);
    const form = { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } };
    for (const [body, text] of [['d=%5B%22x', 'Broken JSON encoding.'], ['', 'Payload expected.'], ['d=', 'Payload expected.'], ['p=p', 'Payload expected.']]) {
      const answer = await post(`${url}/jsonp_send`, body, form);
      assert.equal(answer.status, 500);
      assert.ok(answer.body.includes(text));
    }
    const sent = await post(`${url}/jsonp_send`, `d=${encodeURIComponent(list(CONNECT))}`, form);
    assert.equal(sent.status, 200);
    assert.equal(sent.body, 'ok');
    assert.equal(typeOf(sent), 'text/plain;charset=utf-8');
    assert.match((await get(`${url}/jsonp?c=x`)).body, /^x\("a\[\\"CONNECTED\\\\n.*"\]"\);\r\n$|^x\("a\[\\"CONNECTED/);
    assert.equal((await post(`${url}/jsonp_send`, list('DISCONNECT\n\n\0'), { headers: { 'Content-Type': 'text/plain' } })).body, 'ok');
    for (let i = 0; i < 2; i += 1) assert.equal((await get(`${url}/jsonp?c=x`)).body, 'x("c[1000,\\"\\"]");\r\n');
  });
});

describe('cookies', () => {
  test('JSESSIONID is set, echoed, and not where it is switched off', async () => {
    for (const [method, transport] of [['POST', 'xhr'], ['POST', 'xhr_streaming'], ['GET', 'eventsource'], ['GET', 'htmlfile?c=x'], ['GET', 'jsonp?c=x']]) {
      for (const [cookie, value] of [[undefined, 'dummy'], ['a=b; JSESSIONID=abcdef; c=d', 'abcdef'], ['JSESSIONID=', 'dummy']]) {
        const answer = await ask(method, `${fresh()}/${transport}`, { headers: cookie ? { Cookie: cookie } : {}, streamed: true });
        assert.deepEqual(answer.headers['set-cookie'], [`JSESSIONID=${value}; path=/`]);
        answer.destroy();
      }
      const answer = await ask(method, `${fresh('/open')}/${transport}`, { streamed: true });
      assert.equal(answer.headers['set-cookie'], undefined);
      answer.destroy();
    }
    assert.equal((await get('/ws/info')).headers['set-cookie'], undefined);
  });
});

describe('HTTP', () => {
  test('1.0 gets streams without chunks, and their end by the end of the connection', async (t) => {
    const { Wire } = await import('./lib/wire.mjs');
    const wire = await Wire.open(server.httpPort, t);
    const url = fresh();
    wire.write(`POST ${url}/xhr_streaming HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n`);
    await until(() => wire.buffer.includes('\no\n'), 'the open frame');
    await post(`${url}/xhr_send`, list(CONNECT, 'DISCONNECT\n\n\0'));
    await wire.waitForEnd(10000);
    const [head, body] = wire.buffer.toString().split('\r\n\r\n');
    assert.doesNotMatch(head, /transfer-encoding|content-length/i);
    assert.match(head, /connection: close/i);
    assert.match(body, /^h{2048}\no\na\["CONNECTED.*"\]\nc\[1000,""\]\n$/);
  });
  test('requests that come together are answered one after the other', async (t) => {
    const { Wire } = await import('./lib/wire.mjs');
    const wire = await Wire.open(server.httpPort, t);
    const url = fresh();
    const body = list(CONNECT);
    wire.write(`POST ${url}/xhr HTTP/1.1\r\nHost: x\r\n\r\n`
      + `POST ${url}/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      + `POST ${url}/xhr HTTP/1.1\r\nHost: x\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await wire.response()).body, 'o\n');
    assert.equal((await wire.response()).status, 204);
    assert.match((await wire.response()).body, /^a\["CONNECTED/);
    assert.equal((await wire.response()).body, 'ready\n');
  });
  test('100-continue', async (t) => {
    const { Wire } = await import('./lib/wire.mjs');
    const wire = await Wire.open(server.httpPort, t);
    const url = fresh();
    await post(`${url}/xhr`);
    const body = list(CONNECT);
    wire.write(`POST ${url}/xhr_send HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
    await until(() => wire.buffer.toString().startsWith('HTTP/1.1 100 Continue\r\n\r\n'), '100');
    wire.buffer = Buffer.alloc(0);
    wire.write(body);
    assert.equal((await wire.response()).status, 204);
  });
});

describe('limits and workers', () => {
  test('bodies, sessions, a queue without a receiver', async (t) => {
    const own = await start({ t, set: ['server.workers=1', 'limits.max-sockjs-message=4k', 'limits.max-sockjs-sessions=2', 'limits.queue-messages=10'],
      config: '[endpoint /ws]\nsockjs-disconnect-delay = 1m\n' });
    const { url, topic } = await subscribed('/ws', '/topic/limits', { on: own });
    assert.equal((await post(`${url}/xhr_send`, list('x'.repeat(5000)), { on: own })).status, 413);
    const second = fresh();
    assert.equal((await post(`${second}/xhr`, undefined, { on: own })).status, 200);
    assert.equal((await post(`${fresh()}/xhr`, undefined, { on: own })).status, 503);
    const other = await stomp(own, { t });
    for (let i = 0; i < 20; i += 1) other.send(topic, `${i}`);
    await until(async () => (await own.stats()).closed_queue === 1, 'the queue being full');
    assert.deepEqual(bodiesIn((await post(`${url}/xhr`, undefined, { on: own })).body), Array.from({ length: 10 }, (_, i) => `${i}`));
    assert.match((await post(`${url}/xhr`, undefined, { on: own })).body, /^c\[4500,"/);
    const stats = await own.stats();
    assert.equal(stats.refused_sockjs_message, 1);
    assert.equal(stats.sockjs_refused, 1);
    assert.equal(stats.sockjs_sessions, 2);
  });
  test('requests that come to another worker than their session', async (t) => {
    const own = await start({ t, set: ['server.workers=4'] });
    const url = fresh();
    assert.equal((await post(`${url}/xhr`, undefined, { on: own })).body, 'o\n');
    let bodies = '';
    await post(`${url}/xhr_send`, list(CONNECT, SUBSCRIBE), { on: own });
    for (let i = 0; i < 60; i += 1) {
      const options = { on: own, agent: false }; // a connection each
      const polled = post(`${url}/xhr`, undefined, options);
      assert.equal((await post(`${url}/xhr_send`, list(send('/topic/echo', `${i}`)), options)).status, 204);
      bodies += (await polled).body;
    }
    while (!bodies.includes('59\\u0000')) bodies += (await post(`${url}/xhr`, undefined, { on: own })).body;
    assert.deepEqual([...bodies.matchAll(/\\n\\n(\d+)\\u0000/g)].map((m) => Number(m[1])), Array.from({ length: 60 }, (_, i) => i));
    assert.ok((await own.stats()).sockjs_handed_over > 0);
  });
  test('heart-beats, unless STOMP has its own', async (t) => {
    const own = await start({ t, set: ['stomp.heart-beat-send=300ms'], config: '[endpoint /ws]\nsockjs-heart-beat = 200ms\n' });
    const url = fresh();
    await post(`${url}/xhr`, undefined, { on: own });
    assert.equal((await post(`${url}/xhr`, undefined, { on: own })).body, 'h\n');
    const stream = await post(`${url}/xhr_streaming`, undefined, { on: own, streamed: true });
    await stream.chunk();
    assert.equal(await stream.chunk(), 'h\n');
    assert.equal(await stream.chunk(), 'h\n');
    await post(`${url}/xhr_send`, list(CONNECT.replace('0,0', '0,300')), { on: own });
    let got = '';
    while (!got.includes('CONNECTED')) got = await stream.chunk();
    for (let i = 0; i < 3; i += 1) assert.equal(await stream.chunk(), 'a["\\n"]\n');
    stream.destroy();
  });
  test('the profile of Spring', async (t) => {
    const own = await start({ t, set: ['stomp.profile=spring', 'server.workers=1'] });
    const on = { on: own };
    const url = fresh();
    assert.equal((await post(`${url}/xhr`, undefined, on)).headers['set-cookie'], undefined);
    assert.equal((await get(`${fresh()}/jsonp?c=x`, on)).status, 404);
    assert.match((await post(`${url}/xhr_send`, '', on)).body, /Broken JSON encoding\./);
    assert.equal((await get(`${url}/eventsource`, on)).status, 404, 'a session keeps its transport');
    assert.equal(JSON.parse((await get('/ws/info', on)).body).cookie_needed, true);
    await post(`${url}/xhr_send`, list(CONNECT, 'DISCONNECT\nreceipt:r\n\n\0'), on);
    let body = '';
    while (!body.startsWith('c')) body = (await post(`${url}/xhr`, undefined, on)).body;
    assert.equal(body, 'c[3000,"Go away!"]\n');
  });
  test('a stopping server ends streams and polls with a close frame', async () => {
    const own = await start({ set: ['server.workers=2'] });
    const urls = [fresh(), fresh()];
    await post(`${urls[0]}/xhr`, undefined, { on: own });
    const poll = post(`${urls[0]}/xhr`, undefined, { on: own, agent: false });
    const stream = await post(`${urls[1]}/xhr_streaming`, undefined, { on: own, streamed: true });
    await stream.chunk();
    assert.equal(await stream.chunk(), 'o\n');
    await until(async () => (await own.stats()).sockjs_requests === 3, 'the poll being there');
    const began = Date.now();
    await own.stop();
    assert.equal((await poll).body, 'c[1012,"The server is restarting"]\n');
    assert.equal(await stream.chunk(), 'c[1012,"The server is restarting"]\n');
    assert.ok(Date.now() - began < 9000 * slowness, 'it does not wait for clients that cannot come');
  });
});
