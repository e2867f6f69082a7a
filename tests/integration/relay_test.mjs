// The server as the broker behind Spring's relay, and what else differs between the doors by which
// clients come in. The recordings are of real relays: see spring-relay/README.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { root, run, start } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

// The lines of docs/spring-relay.md, as they stand there, with a port that is free.
const page = readFileSync(`${root}/docs/spring-relay.md`, 'utf8');
const lines = /```ini\n(\[tcp\]\n[^`]*?)```/.exec(page)[1];
const config = lines.replace('127.0.0.1:61613', '127.0.0.1:0');

describe('the broker of a Spring relay', { concurrency: 4 }, () => {
  for (const version of ['6.2.19', '7.0.10']) {
    test(`what the relay of Spring ${version} sends is taken and answered`, async (t) => {
      const server = await start({ t, config });
      const recorded = JSON.parse(readFileSync(`${root}/tests/integration/spring-relay/${version}.json`, 'utf8'));
      const clients = [];
      const answers = { CONNECT: 'CONNECTED', DISCONNECT: 'RECEIPT' };
      for (const { connection, bytes } of recorded) {
        clients[connection] ??= await open(server, { t, transport: 'tcp' });
        const messages = () => clients[1].frames.filter((f) => f.command === 'MESSAGE').length;
        // what was sent before is on its way, and a DISCONNECT ends what it is on its way to
        if (bytes.startsWith('DISCONNECT')) await clients[1].when(() => (messages() >= 2 ? true : undefined), 5000, 'two messages');
        clients[connection].raw(Buffer.from(bytes, 'latin1'));
        const answer = answers[bytes.slice(0, bytes.indexOf('\n'))];
        if (answer) await clients[connection].when(() => clients[connection].frames.find((f) => f.command === answer), 5000, answer);
        // the other connection's subscriptions take effect before what is sent to them
        if (bytes.startsWith('SUBSCRIBE')) await clients[connection].request('UNSUBSCRIBE', { id: 'none' });
      }
      const [system, browser] = clients;
      const registry = await system.when(() => system.frames.find((f) => f.headers.destination === '/topic/simp-user-registry'));
      assert.equal(JSON.parse(registry.body).users.length, 115);
      assert.equal(registry.headers['content-type'], 'application/json;charset=UTF-8');
      const got = browser.frames.filter((f) => f.command === 'MESSAGE').map((f) => [f.headers.subscription, f.body, f.headers.simpOrigDestination]);
      assert.deepEqual(got.sort(), [['sub-0', 'from a browser', undefined], ['sub-1', 'for you', '/user/queue/direct']]);
      await browser.waitForClose();
      assert.equal([...system.frames, ...browser.frames].some((f) => f.command === 'ERROR'), false);

      // a node with thousands of users: one frame every ten seconds, far over what a browser may send
      const users = JSON.parse(registry.body).users;
      const many = JSON.stringify({ id: 'x', users: Array.from({ length: 120 }, () => users).flat() });
      assert.ok(many.length > 2 << 20);
      system.frames.length = 0;
      system.send('/topic/simp-user-registry', many, { 'content-length': many.length });
      assert.equal((await system.expect('MESSAGE')).body.length, many.length);
    });
  }

  test('over WebSocket the narrower limits of all hold, and what they end leaves a line', async (t) => {
    const server = await start({ t, config });
    const client = await stomp(server, { t });
    client.send('/topic/x', 'x'.repeat(70000));
    await client.expectError(/max-frame-size/);
    await server.waitForLine(/session: ended by a limit: .*max-frame-size.* address=127\.0\.0\.1:\d+ door=\/ws /);
    const other = await stomp(server, { t });
    other.send('/queue/x', 'x');
    await other.expectError(/clients may not SEND to '\/queue\/x'/);
    const service = await stomp(server, { t, transport: 'tcp' });
    await service.subscribe('/queue/x');
    service.send('/queue/x', 'y'.repeat(70000));
    assert.equal((await service.expect('MESSAGE')).body.length, 70000);
  });

  test('a client that comes back again and again does not fill the log', async (t) => {
    const server = await start({ t, set: ['limits.max-subscriptions=1'] });
    for (let i = 0; i < 30; i++) {
      const client = await stomp(server, { t });
      client.frame('SUBSCRIBE', { id: '1', destination: '/topic/a' });
      client.frame('SUBSCRIBE', { id: '2', destination: '/topic/b' });
      await client.expectError(/max-subscriptions/);
    }
    const said = server.log.filter((line) => /ended by a limit: SUBSCRIBE: more than max-subscriptions \(1\)/.test(line));
    assert.ok(said.length >= 1 && said.length <= 20, `${said.length} lines for 30 sessions`);
  });

  test('recoverable = off: any ERROR is the last frame, and does not say that it passes', async (t) => {
    const server = await start({ t, tcp: true, set: ['tcp.recoverable=off', 'auth.on-denied=keep', 'access.some=subscribe /topic/open if anyone'] });
    const browser = await stomp(server, { t });
    browser.frame('SUBSCRIBE', { id: '1', destination: '/topic/shut' });
    assert.equal((await browser.expect('ERROR')).headers.recoverable, 'true');
    await browser.subscribe('/topic/open');
    const service = await stomp(server, { t, transport: 'tcp' });
    service.frame('SUBSCRIBE', { id: '1', destination: '/topic/shut' });
    service.frame('SUBSCRIBE', { id: '2', destination: '/topic/open', receipt: 'late' });
    const error = await service.expectError(/access denied/);
    assert.equal(error.headers.recoverable, undefined);
    assert.doesNotMatch(error.body, /stays open/);
    assert.deepEqual(service.frames, []);
  });

  test('access = off: the rules are for the others', async (t) => {
    const set = ['access.own=subscribe /topic/open if anyone'];
    const ruled = await start({ t, tcp: true, set });
    const client = await stomp(ruled, { t, transport: 'tcp' });
    client.send('/topic/shut', 'x');
    await client.expectError(/access denied/);
    const server = await start({ t, tcp: true, set: [...set, 'tcp.access=off'] });
    const service = await stomp(server, { t, transport: 'tcp' });
    await service.subscribe('/topic/shut');
    service.send('/topic/shut', 'x');
    await service.expect('MESSAGE');
    const browser = await stomp(server, { t });
    browser.send('/topic/shut', 'x');
    await browser.expectError(/access denied/);
    // what a service may do is not remembered for browsers, nor the other way round
    service.send('/topic/shut', 'again');
    await service.expect('MESSAGE');
  });

  test('a profile of one endpoint', async (t) => {
    const set = ['endpoint /spring.profile=spring', 'endpoint /ws.sockjs=on'];
    const server = await start({ t, tcp: true, set });
    const spring = await stomp(server, { t, path: '/spring', connect: { 'heart-beat': '10000,10000' } });
    assert.equal(spring.session.headers['heart-beat'], '0,0');
    spring.frame('SUBSCRIBE', { id: '1', destination: '/sub/**', receipt: 'none' });
    spring.send('/queue/x', 'x');
    spring.send('/sub/a', 'all is open');
    assert.equal((await spring.expect('MESSAGE')).body, 'all is open');
    const standard = await stomp(server, { t, connect: { 'heart-beat': '10000,10000' } });
    assert.equal(standard.session.headers['heart-beat'], '10000,10000');
    await standard.subscribe('/sub/a');
    standard.frame('SUBSCRIBE', { id: '2', destination: '/sub/**' });
    await standard.expectError(/patterns = on/);
  });

  test('the other way round: all as Spring, TCP as STOMP says', async (t) => {
    const server = await start({ t, tcp: true, set: ['stomp.profile=spring', 'tcp.profile=standard'] });
    const service = await stomp(server, { t, transport: 'tcp', connect: { 'heart-beat': '10000,10000' } });
    assert.equal(service.session.headers['heart-beat'], '10000,10000');
    await service.subscribe('/topic/a');
    const { stdout, code } = await run(['--check', '--set', 'endpoint /ws.profile=spring', '--set', 'endpoint /ws.client-send=/topic']);
    assert.equal(code, 0);
    assert.match(stdout, /note: --set: \[endpoint \/ws\] client-send = \/topic wins over profile = spring/);
  });

  test('mistakes name the section', async () => {
    for (const [set, wanted] of [
      ['tcp.client-send=/nowhere', /\[tcp\] client-send: '\/nowhere' lies outside every broker prefix/],
      ['endpoint /ws.queue-size=8k', /\[endpoint \/ws\] queue-size \(8192\) must be at least 1k more than max-frame-size \(65536\)/],
      ['tcp.max-frame-size=32m', null],
      ['limits.queue-size=100k', null],
      ['tcp.queue-size=100k', null],
      ['tcp.recoverable=perhaps', /\[tcp\]/],
    ]) {
      const { code, stderr } = await run(['--check', '--set', set]);
      assert.equal(code, wanted ? 78 : 0, `${set}: ${stderr}`);
      if (wanted) assert.match(stderr, wanted);
    }
  });
});
