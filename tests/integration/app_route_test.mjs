// Routes of the configuration: the chat of etc/chat.ini byte for byte with every broker and layout,
// what its conditions refuse, and what is wrong with a configuration, by file and line.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { startNode } from './lib/cluster.mjs';
import { redisClient, startRedis, waitForSubscribers } from './lib/redis.mjs';
import { build, root, run, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

const auth = [`auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`, 'auth.anonymous=on'];
const chat = ['--config', join(root, 'etc/chat.ini')];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });
const ROOM = '0D9A8F1E-0000-4000-8000-00000000ABCD';
const SENDER = 'kim@example.org;claim.userId=0d9a8f1e-0000-4000-8000-000000000001;claim.name=김 "K" \\ </script>';
const wanted = (text) => `{"sender":{"userId":"0d9a8f1e-0000-4000-8000-000000000001","name":"김 \\"K\\" \\\\ </script>","profileImageUrl":null},"content":${text}}`;

const texts = [
  ['{"content":"hello"}', '"hello"'],
  [' { "x" : 1 , "content" : "a\\u0022b\\n\\u0001😀\\ud83d\\ude00\\/\\u0000" } ', '"a\\"b\\n\\u0001😀😀/\\u0000"'],
  ['{"content":"\\"},\\"sender\\":{\\"userId\\":\\"evil\\"}"}', '"\\"},\\"sender\\":{\\"userId\\":\\"evil\\"}"'],
  ['{"content":"{user} {body.content}"}', '"{user} {body.content}"'],
];

async function outcome(client, body, { destination = `/pub/contents/${ROOM}/chat`, ...headers } = {}) {
  const receipt = client.nextReceipt();
  client.frame('SEND', { destination, receipt, ...headers }, body);
  const frame = await client.next();
  assert.equal(frame.headers['receipt-id'], receipt, JSON.stringify(frame.headers));
  return frame.command === 'RECEIPT' ? 'taken' : `${frame.headers['error-code']}: ${frame.headers.message}`;
}

for (const layout of ['memory', 'topics', 'single']) {
  test(`the chat of etc/chat.ini, ${layout}`, async (t) => {
    let nodes, spring, heard = [];
    if (layout === 'memory') {
      const node = await start({ t, args: chat, set: auth });
      nodes = [node, node];
    } else {
      const redis = await startRedis({ t });
      nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({
        t, name, redis, patient: true, args: chat, set: [...auth, `broker.redis.layout=${layout}`],
      })));
      if (layout === 'single') {
        spring = await redisClient(redis.port, { t });
        await spring.subscribe('websocket-events', (channel, bytes) => heard.push(Buffer.from(bytes).toString()));
        await waitForSubscribers(redis, 'websocket-events', 3);
      }
    }
    const sender = await stomp(nodes[0], as(SENDER, { t }));
    const listener = await stomp(nodes[1], { t });
    const destination = `/sub/contents/${ROOM.toLowerCase()}/chat`;
    await listener.subscribe(destination, { id: 'c' });
    for (const [body, content] of texts) {
      assert.equal(await outcome(sender, body), 'taken');
      const message = await listener.expect('MESSAGE', { destination, subscription: 'c', 'content-type': 'application/json' });
      assert.equal(message.body, wanted(content));
      if (spring) await until(() => heard.length, 'the message at the Spring side');
      if (spring) assert.equal(heard.shift(), `{"destination":"${destination}","content":${wanted(content)}}`);
    }
    for (const [body, headers, expected] of [
      ['{"content":" \\t\\n"}', {}, 'bad-body: body.content is blank'],
      ['{"content":7}', {}, 'bad-body: body.content is not a string'],
      ['{"content":null}', {}, 'bad-body: body.content is missing'],
      ['{}', {}, 'bad-body: body.content is missing'],
      ['[]', {}, 'bad-body: body.content is missing'],
      [`{"content":"${'가'.repeat(2001)}"}`, {}, 'bad-body: body.content has a number of characters more than 2000'],
      ['{"content":"x"}', { destination: '/pub/contents/7/chat' }, 'bad-path: contentId is not a UUID'],
    ]) assert.equal(await outcome(sender, body, headers), expected);
    for (const body of ['', 'hello', '{"content":"x"', '{"content":"x"} x', '['.repeat(10000), '{"a":1e999}', '{"a":123456789012345678901234567890}'])
      assert.match(await outcome(sender, body), /^bad-body: the body is not JSON that is understood: [ -~]+$/);
    assert.equal(await outcome(sender, `{"content":"${'가'.repeat(2000)}"}`), 'taken');
    await listener.expect('MESSAGE');
    assert.equal(await outcome(listener, '{"content":"x"}'), 'not-authenticated: only who is signed in may do this');
    const nameless = await stomp(nodes[0], as('lee;claim.userId=1', { t }));
    assert.equal(await outcome(nameless, '{"content":"x"}'), "missing-claim: the identity's claim name is missing");
    await listener.expectSilence(50);
  });
}

test('templates, types, conditions and rates', async (t) => {
  const config = `[destinations]
app = /pub
[app]
plugins = route
[app.route all]
pattern = /all/{id:int}/{kind:news|chat}/{slug:slug}/{rest}
to = /topic/{kind}/{id}-{slug}
body = {"id":"{id}","text":"{id} {kind} {{{body.n}} {body.t}","whole":"{body}","member":"{body.a.b?}","none":"{claim.x?}","user":"{user?}","now":"{now}","ms":"{now.ms}","v4":"{uuid}","v7":"{uuid7}","list":["{rest}",1,true,null,{"deep":"{session}"}]}
[app.route number]
pattern = /number
if = authenticated and role "two words" and body.n number 0..5 and body.b boolean and body.p present
to = /user/{user}/queue/x
content-type = text/plain
body = "{body.n}"
[app.route rated]
pattern = /rated/{room}
if = rate sender 2/1h and rate room 3/1h
to = /topic/rated/{room}
[app.route anywhere]
pattern = /anywhere
to = /topic/{body.to}
`;
  const server = await start({ t, config, set: auth });
  const client = await stomp(server, as('a/b;roles=two words', { t }));
  await client.subscribe('/topic/news/-5-a_b-C', { id: 'n' });
  assert.equal(await outcome(client, '{"n":0.1,"t":true,"a":{"b":[1.5,2]}}', { destination: '/pub/all/-5/news/a_b-C/x y' })
    .then((o) => o, () => 'message first'), 'taken');
  const body = JSON.parse((await client.expect('MESSAGE', { destination: '/topic/news/-5-a_b-C' })).body);
  assert.deepEqual({ ...body, now: 0, ms: 0, v4: 0, v7: 0, list: 0 }, {
    id: -5, text: '-5 news {0.1} true', whole: { n: 0.1, t: true, a: { b: [1.5, 2] } }, member: [1.5, 2], none: null, user: 'a/b', now: 0, ms: 0, v4: 0, v7: 0, list: 0,
  });
  assert.match(body.now, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(Date.parse(body.now), body.ms);
  assert.ok(Math.abs(Date.now() - body.ms) < 600000);
  assert.match(body.v4, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(body.v7, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(parseInt(body.v7.replaceAll('-', '').slice(0, 12), 16), body.ms);
  assert.deepEqual(body.list, ['x y', 1, true, null, { deep: client.session.headers.session }]);

  const anyone = await stomp(server, { t });
  for (const [who, destination, text, expected] of [
    [client, '/pub/all/05/news/a/x', '{}', 'bad-path: id is not a whole number'],
    [client, '/pub/all/5/newz/a/x', '{}', 'bad-path: kind is none of news|chat'],
    [client, '/pub/all/5/news/a.b/x', '{}', "bad-path: slug is not of letters, digits, '-' and '_'"],
    [client, '/pub/all/5/news/a/x', '{"n":{},"t":1}', 'bad-body: n is no text'],
    [anyone, '/pub/number', '{}', 'not-authenticated: only who is signed in may do this'],
    [client, '/pub/number', '{"n":6}', 'bad-body: body.n is more than 5'],
    [client, '/pub/number', '{"n":-0.5}', 'bad-body: body.n is less than 0'],
    [client, '/pub/number', '{"n":1,"b":0}', 'bad-body: body.b is not true or false'],
    [client, '/pub/number', '{"n":1,"b":true}', 'bad-body: body.p is missing'],
    [client, '/pub/anywhere', '{"to":"a/b"}', 'bad-destination: a part of the destination has a slash or a control character'],
    [client, '/pub/anywhere', '{"to":""}', 'bad-destination: a part of the destination is empty'],
    [client, '/pub/rated/1', 'x', 'taken'], [client, '/pub/rated/1', 'x', 'taken'],
    [client, '/pub/rated/2', 'x', 'rate-limited: too many messages: at most 2 in 3600000 ms'],
    [anyone, '/pub/rated/1', 'x', 'taken'],
    [anyone, '/pub/rated/1', 'x', 'rate-limited: too many messages here: at most 3 in 3600000 ms'],
  ]) assert.equal(await outcome(who, text, { destination }), expected);
  const other = await stomp(server, as('c', { t }));
  assert.equal(await outcome(other, '{}', { destination: '/pub/number' }), 'forbidden: the role two words is needed');
  await client.subscribe('/user/queue/x');
  client.send('/pub/number', '{"n":5,"b":false,"p":""}');
  assert.equal((await client.expect('MESSAGE', { destination: '/user/queue/x', 'content-type': 'text/plain' })).body, '5');
});

test('faults of a configuration name file and line', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-route-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'x.ini');
  const good = { pattern: '/a/{x}', to: '/topic/{x}' };
  for (const [line, route, fault] of [
    [5, { to: '/topic/x' }, 'has no pattern'],
    [5, { pattern: '/a' }, "has no 'to'"],
    [6, { ...good, pattern: 'a' }, 'pattern: must start with a slash'],
    [6, { ...good, pattern: '/a/{x:uid}' }, "pattern: '{x:uid}': there are the types uuid, int, slug, and words"],
    [6, { ...good, pattern: '/a/b{x}' }, "pattern: '{x}' is not a whole segment"],
    [6, { ...good, pattern: '/{x}/{x}' }, 'pattern: {x} is there twice'],
    [6, { ...good, pattern: '/a/{x' }, "pattern: a '{' without its '}'"],
    [7, { ...good, to: '/topic/{y}' }, "to: '{y}' is nothing that could be filled in"],
    [7, { ...good, to: 'topic' }, 'to: must start with a slash'],
    [8, { ...good, body: '{"a":' }, 'body: is not JSON: '],
    [8, { ...good, body: '{"a":"{body.}"}' }, "body: '{body.}' is nothing that could be filled in"],
    [8, { ...good, body: '{"a":"{x"}' }, "body: a '{' without its '}'"],
    [8, { ...good, body: '{"a":1,"a":2}' }, 'body: is not JSON: duplicate object key'],
    [8, { ...good, if: 'nobody' }, "if: 'nobody' is no condition"],
    [8, { ...good, if: 'authenticated or role X' }, "if: 'and' is expected, not 'or'"],
    [8, { ...good, if: 'body.a string 5..1' }, "if: '5..1' is no range"],
    [8, { ...good, if: 'body.a blank' }, "if: behind 'body.a' stands present, not-blank"],
    [8, { ...good, if: 'rate sender 0/1s' }, "if: a rate is written as in 'rate sender 10/5s'"],
    [8, { ...good, 'bodi': '1' }, "unknown key 'bodi'; there are pattern, if, to, body and content-type"],
  ]) {
    writeFileSync(file, `[destinations]\napp = /pub\n[app]\nplugins = route\n[app.route one]\n${Object.entries(route).map(([k, v]) => `${k} = ${v}\n`).join('')}`);
    const { code, stderr } = await run(['--check', '--config', file]);
    assert.ok(stderr.includes(`${file}:${line}: [app.route one] ${fault}`), stderr);
    assert.equal(code, 78);
  }
  writeFileSync(file, '[destinations]\napp = /pub\n[app]\nplugins = route\n');
  assert.match((await run(['--check', '--config', file])).stderr, /\[app.route\] there is no route/);
  writeFileSync(file, '[destinations]\napp = /pub\n[app]\nplugins = route\n[app.route a]\npattern = /a/{x:int}\nto = /topic/a\n[app.route b]\npattern = /a/{x}\nto = /topic/b\n');
  assert.match((await run(['--check', '--config', file])).stderr, /x.ini:9: \[app.route b\] pattern: the route 'a' has the same/);
});
