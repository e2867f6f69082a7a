// Applications over the wire: what clients SEND to them, what they answer, what they are told; with
// a plugin that does what the headers say (tests/plugins/app_script.c), with both brokers.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { startNode } from './lib/cluster.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, run, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const plugin = (name) => join(build, `tests/plugins/${name}.so`);
const auth = `auth.plugins=${plugin('auth-script')}`;
const settings = (app) => ['destinations.app=/pub', `app.plugins=${plugin(app)}`, auth, 'auth.anonymous=on'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });
const stat = async (server, name) => (await server.stats())[name];

// One node with the memory broker, or two with Redis.
async function nodes(t, broker, app, set = []) {
  const all = [...settings(app), ...set];
  if (broker === 'memory') {
    const node = await start({ t, tcp: true, set: all });
    return [node, node];
  }
  const redis = await startRedis({ t });
  return Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis, patient: true, tcp: true, set: all })));
}

// The answers to a SEND that has a receipt: RECEIPT, or ERROR which must be recoverable.
async function outcome(client, headers, body = '', destination = '/pub/act/x') {
  const receipt = client.nextReceipt();
  client.frame('SEND', { destination, ...headers, receipt }, body);
  const frame = await client.when(() => {
    const at = client.frames.findIndex((f) => f.headers['receipt-id'] === receipt);
    return at < 0 ? undefined : client.frames.splice(at, 1)[0];
  }, 5000, `an answer to ${receipt}`);
  if (frame.command === 'RECEIPT') return 'taken';
  assert.equal(frame.command, 'ERROR');
  // Without a code it is the broker's answer: such a message it will never carry.
  assert.equal(frame.headers.recoverable, frame.headers['error-code'] ? 'true' : 'false');
  return `${frame.headers['error-code']}: ${frame.headers.message}`;
}

for (const broker of ['memory', 'redis']) {
  for (const app of ['app-script', 'app-any']) {
    describe(`${app}, ${broker}`, () => {
      test('a SEND is answered with publishes, a reply and a receipt', async (t) => {
        const [here, there] = await nodes(t, broker, app);
        const sender = await stomp(here, as('alice', { t }));
        const listener = await stomp(there, { t });
        const id = await listener.subscribe('/topic/out');
        await listener.subscribe('/topic/other');
        await sender.subscribe('/user/queue/replies', { id: 'replies' });
        for (const how of ['now', 'later']) {
          assert.equal(await outcome(sender, {
            to: '/topic/out /topic/other', reply: '/queue/replies', how, 'content-type': 'text/plain', passcode: 'secret',
          }, `hello ${how}`, '/pub/room/7/chat'), 'taken');
          const first = await listener.expect('MESSAGE', { destination: '/topic/out', subscription: id, 'content-type': 'text/plain', from: 'script' });
          assert.equal(first.body, `hello ${how}`);
          await listener.expect('MESSAGE', { destination: '/topic/other' });
          const reply = await sender.expect('MESSAGE', { destination: '/user/queue/replies', subscription: 'replies' });
          const session = sender.session.headers.session;
          assert.match(reply.body, new RegExp(`^SEND /pub/room/7/chat /room/7/chat claim=1 user=alice session=${session} room=7 kind=chat headers=`));
          assert.doesNotMatch(reply.body, /passcode/);
        }
        await listener.expectSilence(50);
      });

      test('errors are told to the sender and publish nothing', async (t) => {
        const [here, there] = await nodes(t, broker, app, ['app.timeout=300ms']);
        const sender = await stomp(here, { t });
        const listener = await stomp(there, { t });
        await listener.subscribe('/topic/out');
        assert.equal(await outcome(sender, { to: '/topic/out', error: 'no-way', reason: 'not with me' }), 'no-way: not with me');
        await sender.subscribe('/user/queue/errors', { id: 'e' });
        for (const [headers, expected] of [
          [{ error: 'no-way', reason: 'not: "me"' }, 'no-way: not: "me"'],
          [{ error: 'no-way', reason: '', how: 'later' }, 'no-way: the application refused it'],
          [{ error: 'Bad Code', reason: 'x' }, 'refused: x'],
          [{ how: 'fail' }, 'unavailable: the application is unavailable'],
          [{ how: 'never' }, 'timeout: the application did not answer in time'],
        ]) {
          assert.equal(await outcome(sender, { to: '/topic/out', ...headers }), expected);
          const message = await sender.expect('MESSAGE', { destination: '/user/queue/errors', subscription: 'e', 'content-type': 'application/json' });
          const [code, ...reason] = expected.split(': ');
          assert.deepEqual(JSON.parse(message.body), { destination: '/pub/act/x', code, message: reason.join(': ') });
          assert.equal(message.headers['error-code'], code);
        }
        assert.equal(await outcome(sender, { how: 'done' }), 'taken');
        assert.equal(await outcome(sender, { how: 'take', to: '/topic/out' }), 'taken');
        sender.send('/pub/act/x', '', { error: 'quiet', reason: 'no receipt' });
        assert.equal(JSON.parse((await sender.expect('MESSAGE')).body).code, 'quiet');
        assert.equal(await outcome(sender, { to: '/elsewhere' }), 'undefined: SEND failed: the broker cannot carry this message');
        assert.equal(await outcome(sender, { to: '/pub/act/x' }), 'undefined: SEND failed: the broker cannot carry this message');
        await listener.expectSilence(50);
        assert.equal(await stat(here, 'app_errors'), 7);
      });

      test('a SUBSCRIBE is answered once, straight to the subscriber', async (t) => {
        const [here] = await nodes(t, broker, app);
        const client = await stomp(here, as('alice', { t }));
        for (const how of ['now', 'later']) {
          client.frame('SUBSCRIBE', { destination: '/pub/room/7/members', id: 'm:1', receipt: 'r', how });
          const message = await client.expect('MESSAGE', { destination: '/pub/room/7/members', subscription: 'm:1', 'content-type': 'text/plain' });
          assert.match(message.body, /^SUBSCRIBE \/pub\/room\/7\/members .* user=alice .*room=7 kind=members/);
          await client.expect('RECEIPT', { 'receipt-id': 'r' });
        }
        await client.request('UNSUBSCRIBE', { id: 'm:1' });
        client.frame('SUBSCRIBE', { destination: '/pub/room/7/members', id: 'm', receipt: 'r2', error: 'closed', reason: 'no room' });
        await client.expect('ERROR', { 'receipt-id': 'r2', 'error-code': 'closed', recoverable: 'true' });
        assert.equal(await stat(here, 'subscriptions'), 0);
      });

      test('subscriptions are told after they took effect, with their end', async (t) => {
        const [here, there] = await nodes(t, broker, app);
        const listener = await stomp(there, { t });
        await listener.subscribe('/topic/events');
        const client = await stomp(here, as('alice', { t }));
        const line = async () => (await listener.expect('MESSAGE', { destination: '/topic/events' })).body;
        client.frame('SUBSCRIBE', { destination: '/topic/watched/a', id: '1' });
        assert.equal(await line(), 'subscribed /topic/watched/a id=1 user=alice name=a');
        assert.equal((await client.expect('MESSAGE', { destination: '/topic/watched/a' })).body.slice(0, 10), 'subscribed');
        client.frame('SUBSCRIBE', { destination: '/topic/watched/b', id: '2' });
        client.frame('SUBSCRIBE', { destination: '/topic/unwatched/b', id: '3' });
        assert.equal(await line(), 'subscribed /topic/watched/b id=2 user=alice name=b');
        await client.expect('MESSAGE', { destination: '/topic/watched/b' });
        client.frame('UNSUBSCRIBE', { id: '1' });
        assert.equal(await line(), 'unsubscribed /topic/watched/a id=1 user=alice name=a');
        client.terminate();
        assert.equal(await line(), 'unsubscribed /topic/watched/b id=2 user=alice name=b');
        assert.equal(await line(), 'disconnected  id= user=alice name=-');
        await listener.expectSilence(50);
      });
    });
  }
}

test('what nobody claims is an ERROR that lists what is claimed, or is ignored', async (t) => {
  const server = await start({ t, set: settings('app-script') });
  for (const [command, list] of [['SEND', '/pub/act/\\*\\*'], ['SUBSCRIBE', '/pub/room/{room}/{kind}']]) {
    const client = await stomp(server, { t });
    client.frame(command, { destination: '/pub/nowhere', id: '1' }, command === 'SEND' ? 'x' : '');
    await client.expectError(new RegExp(`${command}: no application answers '/pub/nowhere'\\n[^]*They answer [^\\n]*${list}`));
  }
  assert.equal(await stat(server, 'app_unclaimed'), 2);
  const lenient = await start({ t, set: [...settings('app-script'), 'app.unclaimed=ignore'] });
  const client = await stomp(lenient, { t });
  await client.request('SEND', { destination: '/pub/nowhere' });
  await client.request('SUBSCRIBE', { destination: '/pub/nowhere', id: '1' });
  assert.equal(await stat(lenient, 'app_unclaimed'), 2);
});

test('on-error = close ends the connection', async (t) => {
  const server = await start({ t, set: [...settings('app-any'), 'app.on-error=close'] });
  const client = await stomp(server, { t });
  client.send('/pub/act/x', '', { error: 'bad', reason: 'really', receipt: 'r' });
  const error = await client.expectError(/really/);
  assert.equal(error.headers['error-code'], 'bad');
  assert.equal(error.headers['receipt-id'], 'r');
  assert.equal(client.closed.code, 1002);
});

test('rules are asked for application destinations; transactions reach applications at COMMIT', async (t) => {
  const config = `[access]
open = send /pub/act/**
rest = subscribe /topic/**
own  = subscribe /user/**
`;
  const server = await start({ t, config, set: [...settings('app-script'), 'auth.on-denied=keep'] });
  const client = await stomp(server, { t });
  assert.match(await outcome(client, {}, '', '/pub/room/1/x'), /^access-denied/);
  await client.subscribe('/topic/out');
  client.frame('BEGIN', { transaction: 't' });
  client.send('/pub/act/1', 'one', { transaction: 't', to: '/topic/out' });
  client.send('/pub/act/1', 'two', { transaction: 't', error: 'bad', reason: 'the second' });
  await client.expectSilence(50);
  client.frame('COMMIT', { transaction: 't', receipt: 'c' });
  const frames = [await client.next(), await client.next()].sort((a, b) => a.command.localeCompare(b.command));
  assert.equal(frames[0].headers['receipt-id'], 'c');
  assert.equal(frames[0].headers.message, 'the second');
  assert.equal(frames[1].body, 'one');
});

test('more requests than may wait are refused, and a stop answers what was taken', async (t) => {
  // Slowly, so that the listener, who came later, is still there when the answer is.
  const server = await start({ t, set: [...settings('app-script'), 'app.queue=10', 'server.workers=1', 'server.drain-rate=1', 'server.drain-time=5m'] });
  const client = await stomp(server, { t });
  const listener = await stomp(server, { t });
  await listener.subscribe('/topic/out');
  for (let i = 0; i < 40; i += 1) client.send('/pub/act/x', `${i}`, { how: 'later', to: '/topic/out', receipt: i });
  const answers = [];
  while (answers.length < 40) answers.push(await client.next());
  const taken = answers.filter((frame) => frame.command === 'RECEIPT').length;
  const busy = answers.filter((frame) => frame.headers['error-code'] === 'busy').length;
  assert.equal(taken + busy, 40);
  assert.ok(taken >= 10, `${taken} taken`);
  await listener.messages(taken);
  assert.equal(await stat(server, 'app_waiting'), 0);
  client.send('/pub/act/x', 'last', { how: 'later', to: '/topic/out' });
  await until(async () => (await stat(server, 'app_requests')) === taken + 1, 'the request');
  server.signal('SIGTERM');
  assert.equal((await listener.expect('MESSAGE')).body, 'last');
  await server.waitForExit();
});

test('configuration faults name file and line', async (t) => {
  const faults = [
    [['--set', `app.plugins=${plugin('app-script')}`], /nothing reaches them: \[destinations\] app is empty/],
    [['--set', `app.plugins=${plugin('app-script')}, ${plugin('app-script')}`, '--set', 'destinations.app=/pub'], /two plugins would read the section \[app.script\]/],
    [['--set', `app.plugins=${plugin('app-script')}, ${plugin('app-any')}`, '--set', 'destinations.app=/pub'], /\[app.script\] and \[app.any\] both claim '\/act\/\*\*'/],
    [['--set', `app.plugins=${plugin('app-script')}`, '--set', 'app.script x.y=1', '--set', 'destinations.app=/pub'], /unknown section \[app.script x\]: this plugin has no sections with names/],
    [['--set', 'app.nothing.x=1'], /unknown section \[app.nothing\]: \[app\] plugins does not name it/],
    [['--set', `app.plugins=${plugin('auth-script')}`], /is an auth plugin and cannot be used as app/],
    [['--set', 'destinations.user=user'], /must start with '\/'/],
    [['--set', 'destinations.user=/topic'], /is a prefix of the broker or of applications, too/],
  ];
  for (const [args, pattern] of faults) {
    const { code, stderr } = await run(['--check', ...args]);
    assert.match(stderr, pattern);
    assert.equal(code, 78, stderr);
  }
});
