// A mixed cluster: Plugboard with layout = single beside nodes that exchange Jackson's JSON on one
// channel. The stand-in for such a node is a real Redis client that writes and reads exactly that.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNode } from './lib/cluster.mjs';
import { redisClient, startRedis, waitForSubscribers } from './lib/redis.mjs';
import { until } from './lib/server.mjs';
import { encode, stomp } from './lib/stomp.mjs';

const CHANNEL = 'websocket-events';

// What Jackson 2 makes of a text: short escapes, upper-case hex, and surrogate pairs as escapes.
function jacksonText(text) {
  const short = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r' };
  const hex = (unit) => `\\u${unit.toString(16).toUpperCase().padStart(4, '0')}`;
  let out = '';
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (short[text[i]]) out += short[text[i]];
    else if (unit < 0x20 || (unit >= 0xd800 && unit <= 0xdfff)) out += hex(unit);
    else out += text[i];
  }
  return `"${out}"`;
}

function jackson(value) {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return jacksonText(value);
  if (Array.isArray(value)) return `[${value.map(jackson).join(',')}]`;
  return `{${Object.entries(value).map(([name, each]) => `${jacksonText(name)}:${jackson(each)}`).join(',')}}`;
}

class SpringNode {
  static async start(t, redis) {
    const node = new SpringNode();
    node.received = []; // raw JSON texts
    node.publisher = await redisClient(redis.port, { t });
    node.listener = await redisClient(redis.port, { t });
    await node.listener.subscribe(CHANNEL, (channel, bytes) => node.received.push(bytes));
    return node;
  }

  raw(text) { return this.publisher.command('PUBLISH', CHANNEL, text); }

  convertAndSend(destination, content) { return this.raw(jackson({ destination, content })); }

  // The next message as a Spring node understands it.
  async next() {
    await until(() => this.received.length > 0, 'a message for the Spring node');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(this.received.shift());
    return { text, ...JSON.parse(text) };
  }
}

async function mixed(t, set = []) {
  const redis = await startRedis({ t });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({
    t, name, redis, set: ['broker.redis.layout=single', 'destinations.client-send=/sub, /topic', ...set],
  })));
  const spring = await SpringNode.start(t, redis);
  await waitForSubscribers(redis, CHANNEL, 3);
  const clients = await Promise.all(nodes.map((node) => stomp(node, { t })));
  for (const client of clients) await client.subscribe('/sub/contents/1/chat');
  return { redis, nodes, spring, clients };
}

const TOPIC = '/sub/contents/1/chat';

test('what a Spring node publishes arrives as JSON, member for member', async (t) => {
  const { spring, clients } = await mixed(t);
  const contents = [
    { sender: { userId: '0d9a8f1e-0000-4000-8000-000000000001', name: '홍길동', profileImageUrl: null }, content: 'hello' },
    { z: 1, a: { y: [], b: {} }, m: [null, true, false, -0.5, 1e21, 12345678901234567890n.toString()] },
    { text: 'quote " backslash \\ tab \t newline \n bell \u0007 slash / del \u007f', emoji: '😀 𝒳 é \u2028' },
    { createdAt: '2025-12-18T02:44:22Z', precise: '2025-12-18T02:44:22.123456Z', watcherCount: 3 },
    [1, 'two', { three: 3 }],
    42, 0.25, true, false,
  ];
  for (const content of contents) await spring.convertAndSend(TOPIC, content);
  for (const client of clients) {
    for (const content of contents) {
      const message = await client.expect('MESSAGE', { destination: TOPIC, 'content-type': 'application/json' });
      assert.deepEqual(JSON.parse(message.body), content);
      assert.equal(message.body, jackson(content), 'the text as it was, members in their order');
      assert.equal(Number(message.headers['content-length']), message.bytes.length);
    }
    await client.expectSilence(30);
  }
});

test('characters beyond the BMP come as two escapes and are the same characters', async (t) => {
  const { spring, clients } = await mixed(t);
  assert.equal(jackson('😀'), '"\\uD83D\\uDE00"');
  await spring.convertAndSend(TOPIC, '😀 및 𝒳');
  await spring.raw(`{"destination":"${TOPIC}","content":"\\ud83d\\ude00 lower"}`);
  await spring.raw(`{"destination":"${TOPIC}","content":"😀 raw"}`);
  for (const client of clients) {
    for (const text of ['😀 및 𝒳', '😀 lower', '😀 raw']) {
      const message = await client.expect('MESSAGE', { 'content-type': 'text/plain;charset=UTF-8' });
      assert.equal(message.body, text);
    }
  }
});

test('a string content arrives as plain text', async (t) => {
  const { spring, clients } = await mixed(t);
  for (const text of ['plain', '', 'a "quoted" \\ word', 'line\nline', '{"not":"json"}']) {
    await spring.convertAndSend(TOPIC, text);
    for (const client of clients) {
      const message = await client.expect('MESSAGE', { 'content-type': 'text/plain;charset=UTF-8' });
      assert.equal(message.body, text);
    }
  }
});

test('any legal spelling of the JSON is understood', async (t) => {
  const { spring, clients } = await mixed(t);
  const [client] = clients;
  const spellings = [
    [`{"content":{"a":1},"destination":"${TOPIC}"}`, '{"a":1}'],
    [` \t\r\n{ "destination" : "${TOPIC}" , "content" : [1, 2] } \n`, null],
    [`{"destination":"${TOPIC.replaceAll('/', '\\/')}","content":{"url":"http:\\/\\/x"}}`, null],
    [`{"@class":"com.example.Payload","destination":"${TOPIC}","unknown":[{"destination":"/sub/no"}],"content":{"k":"v"}}`, '{"k":"v"}'],
    [`{"\\u0064estination":"${TOPIC}","content":"\\u00e9"}`, 'é'],
  ];
  for (const [json, body] of spellings) {
    await spring.raw(json);
    const message = await client.expect('MESSAGE', { destination: TOPIC });
    if (body !== null) assert.equal(message.body, body);
    else assert.deepEqual(JSON.parse(message.body), JSON.parse(json).content);
  }
});

test('what is no such message is dropped, counted and told in few lines', async (t) => {
  const { spring, clients, nodes } = await mixed(t);
  const garbage = ['', ' ', 'hello', '{', '{}', '[]', '42', 'null', '"text"', '{"destination":5,"content":1}',
    `{"destination":"${TOPIC}","content":}`, `{"destination":"${TOPIC}","content":{"a":1}`,
    `{"destination":"${TOPIC}","content":1}x`, `{"destination":"${TOPIC}","content":"\\q"}`,
    `{"destination":"${TOPIC}","content":"\\ud83d"}`, `{"destination":"${TOPIC}","content":"\\ude00\\ud83d"}`,
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), `${'['.repeat(100000)}`,
    `{"destination":"${TOPIC}","content":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    'x'.repeat(1 << 20), '\0\0\0'];
  const without = [`{"destination":"${TOPIC}"}`, `{"destination":"${TOPIC}","content":null}`];
  for (let i = 0; i < 3; i += 1) for (const each of [...garbage, ...without]) await spring.raw(each);
  await spring.convertAndSend(TOPIC, 'still here');
  for (const client of clients) {
    // A lone surrogate and deep nesting may also be let through, as what they can best be.
    let last;
    do {
      last = await client.expect('MESSAGE', { destination: TOPIC });
      assert.doesNotMatch(last.body, /\u0000/);
    } while (last.body !== 'still here');
    await client.expectSilence(30);
  }
  for (const node of nodes) {
    const stats = await node.stats();
    assert.equal(stats['broker.redis.dropped_no_content'], 6);
    assert.ok(stats['broker.redis.dropped_bad_json'] >= 3 * (garbage.length - 4), String(stats['broker.redis.dropped_bad_json']));
    assert.equal(node.log.filter((line) => /dropped a message of \d+ bytes/.test(line)).length, 1);
    assert.equal(node.log.filter((line) => /its content is null or missing/.test(line)).length, 1);
  }
});

test('a lone surrogate does no harm', async (t) => {
  const { spring, clients } = await mixed(t);
  for (const escape of ['\\ud83d', '\\ude00', '\\ud83dx', '\\ud83d\\u0041', '\\ude00\\ud83d']) {
    await spring.raw(`{"destination":"${TOPIC}","content":"<${escape}>"}`);
  }
  await spring.convertAndSend(TOPIC, 'end');
  for (const client of clients) {
    for (;;) {
      const message = await client.expect('MESSAGE');
      new TextDecoder('utf-8', { fatal: true }).decode(message.bytes);
      if (message.body === 'end') break;
    }
  }
});

test('what a STOMP client sends reaches Spring nodes and the other Plugboard node', async (t) => {
  const { spring, clients } = await mixed(t);
  const [sender, other] = clients;
  const bodies = [
    ['application/json', '{"b":1,"a":[null,{"x":"😀"}]}', { b: 1, a: [null, { x: '😀' }] }],
    ['application/json;charset=UTF-8', ' [1, 2.50, -3e2] ', [1, 2.5, -300]],
    [undefined, '{"guessed":true}', { guessed: true }],
    [undefined, 'just words "quoted" \\ \n 한글 😀', 'just words "quoted" \\ \n 한글 😀'],
    ['text/plain', '{"text":"that looks like JSON"}', '{"text":"that looks like JSON"}'],
    ['application/json', 'no JSON at all', 'no JSON at all'],
    ['application/json', '"a string"', 'a string'],
    ['text/plain', '', ''],
  ];
  for (const [type, body, content] of bodies) {
    await sender.request('SEND', { destination: TOPIC, ...(type ? { 'content-type': type } : {}) }, body);
    const seen = await spring.next();
    assert.deepEqual(seen.content, content);
    assert.equal(seen.destination, TOPIC);
    assert.match(seen.text, /^\{"destination":"[^"]+","content":/, 'destination first, nothing between');
    for (const client of [sender, other]) {
      const message = await client.when(() => {
        const at = client.frames.findIndex((f) => f.command === 'MESSAGE');
        return at < 0 ? undefined : client.frames.splice(at, 1)[0];
      }, 5000, 'the message');
      if (typeof content === 'string') {
        assert.equal(message.body, content);
        assert.match(message.headers['content-type'], /^text\/plain/);
      } else {
        assert.deepEqual(JSON.parse(message.body), content);
        assert.equal(message.headers['content-type'], 'application/json');
      }
    }
  }
});

test('bodies that JSON cannot hold are refused with a clear ERROR, and the connection stays', async (t) => {
  const { spring, clients, nodes } = await mixed(t);
  const [client] = clients;
  const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x80]);
  client.raw(encode('SEND', {
    destination: TOPIC, 'content-type': 'application/octet-stream', 'content-length': bytes.length, receipt: 'binary',
  }, bytes), { binary: true });
  const error = await client.expect('ERROR', { 'receipt-id': 'binary', recoverable: 'false' });
  assert.match(error.headers.message, /SEND failed: the broker cannot carry this message/);
  client.raw(encode('SEND', { destination: TOPIC, 'content-length': bytes.length }, bytes), { binary: true });
  await nodes[0].waitForLine(/a message to .* was refused: .*(UTF-8|JSON)/);
  await client.request('SEND', { destination: TOPIC }, 'fine');
  assert.equal((await spring.next()).content, 'fine');
  assert.equal((await nodes[0].stats())['broker.redis.publish_failed'], 2);
});

test('both kinds of nodes publish at once: one order for all', async (t) => {
  const { spring, clients } = await mixed(t);
  const n = 300;
  for (let i = 0; i < n; i += 1) {
    spring.convertAndSend(TOPIC, { from: 's', i });
    clients.forEach((client, c) => client.send(TOPIC, JSON.stringify({ from: c, i }), { 'content-type': 'application/json' }));
    if (i % 20 === 0) await new Promise(setImmediate);
  }
  const views = [];
  for (const client of clients) views.push((await client.messages(3 * n, 15000)).map((f) => f.body));
  await until(() => spring.received.length === 3 * n, 'all at the Spring node');
  views.push(spring.received.map((bytes) => JSON.stringify(JSON.parse(bytes.toString()).content)));
  assert.deepEqual(views[1], views[0]);
  assert.deepEqual(views[2], views[0]);
  for (const from of ['s', 0, 1]) {
    const own = views[0].map((body) => JSON.parse(body)).filter((each) => each.from === from).map((each) => each.i);
    assert.deepEqual(own, Array.from({ length: n }, (_, i) => i));
  }
});

test('patterns and several topics share the one channel', async (t) => {
  const { spring, nodes } = await mixed(t, ['destinations.patterns=on']);
  const client = await stomp(nodes[1], { t });
  const all = await client.subscribe('/sub/**');
  const exact = await client.subscribe('/sub/a');
  await spring.convertAndSend('/sub/a', 1);
  await spring.convertAndSend('/sub/b/c', 2);
  await spring.convertAndSend('/elsewhere', 3);
  const got = await client.messages(3);
  assert.deepEqual(got.slice(0, 2).map((f) => f.headers.subscription).sort(), [all, exact].sort());
  assert.equal(got[2].headers.destination, '/sub/b/c');
  await client.expectSilence(30);
});
