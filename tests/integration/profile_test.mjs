// [stomp] profile = spring, and [destinations]: what clients may do where, as configured.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { run, start } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

// Everything that was asked for before has been dealt with: the server answers this one in turn.
async function settled(client, topic) {
  client.send(topic, 'fence');
  return client.when(() => {
    const at = client.frames.findIndex((f) => f.command === 'MESSAGE' && f.body === 'fence');
    return at < 0 ? undefined : client.frames.splice(0, at + 1).slice(0, -1);
  }, 5000, 'the fence');
}

describe('profile = spring', { concurrency: 4 }, () => {
  const spring = async (t, ...set) => {
    const server = await start({ t, set: ['stomp.profile=spring', ...set] });
    const client = await stomp(server, { t });
    client.frame('SUBSCRIBE', { id: 's', destination: '/sub/fence' });
    return { server, client };
  };

  test('CONNECTED offers no heart-beats', async (t) => {
    const { client } = await spring(t);
    assert.equal(client.session.headers['heart-beat'], '0,0');
  });
  test('no receipts', async (t) => {
    const { client } = await spring(t);
    client.frame('SUBSCRIBE', { id: 'r', destination: '/sub/r', receipt: 1 });
    client.send('/sub/other', 'x', { receipt: 2 });
    client.frame('UNSUBSCRIBE', { id: 'r', receipt: 3 });
    assert.deepEqual(await settled(client, '/sub/fence'), []);
  });
  test('ACK, NACK and transactions are ignored, whatever they say', async (t) => {
    const { client } = await spring(t);
    for (const command of ['ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT']) {
      client.frame(command, { receipt: command });
      client.frame(command, { id: 'x', transaction: 'unknown', receipt: command });
    }
    for (let i = 0; i < 100; i++) client.frame('BEGIN', { transaction: `t${i}` });
    client.frame('BEGIN', { transaction: 't1' });
    client.send('/sub/fence', 'at once', { transaction: 't1' });
    const got = await settled(client, '/sub/fence');
    assert.deepEqual(got.map((f) => [f.command, f.body]), [['MESSAGE', 'at once']]);
  });
  test('headers of a SEND are passed on, but for those of the server', async (t) => {
    const { client } = await spring(t);
    client.send('/sub/fence', 'x', { receipt: 'r', transaction: 't', Authorization: 'a', login: 'l', 'message-id': 'forged', ack: 'forged' });
    const [{ headers }] = await settled(client, '/sub/fence');
    assert.deepEqual([headers.receipt, headers.transaction, headers.Authorization, headers.login], ['r', 't', 'a', 'l']);
    assert.notEqual(headers['message-id'], 'forged');
    assert.equal(headers.ack, undefined);
  });
  test('a prefix needs no slash behind it, and patterns are allowed', async (t) => {
    const { client } = await spring(t);
    client.frame('SUBSCRIBE', { id: 'way', destination: '/subway' });
    client.frame('SUBSCRIBE', { id: 'all', destination: '/sub/{id}/**' });
    client.send('/subway', 'train');
    client.send('/sub/7/a/b', 'pattern');
    const got = await settled(client, '/sub/fence');
    assert.deepEqual(got.map((f) => [f.headers.subscription, f.body]).sort(), [['all', 'pattern'], ['way', 'train']]);
  });
  test('what is written wins, and is named', async (t) => {
    const { server, client } = await spring(t, 'stomp.heart-beat-send=7s', 'destinations.patterns=off', 'destinations.client-send=/sub/fence');
    const beating = await stomp(server, { t, connect: { 'heart-beat': '1,1' } });
    assert.equal(beating.session.headers['heart-beat'], '7000,0');
    assert.deepEqual(await settled(client, '/sub/fence'), []);
    client.frame('SUBSCRIBE', { id: 'all', destination: '/sub/**' });
    await client.expectError(/pattern subscriptions are switched off/);
    for (const key of ['heart-beat-send = 7s', 'patterns = off', 'client-send = /sub/fence']) {
      assert.ok(server.log.some((line) => line.includes(`${key} wins over profile = spring`)), key);
    }
    const { code, stdout } = await run(['--check', '--set', 'stomp.profile=spring', '--set', 'destinations.patterns=off']);
    assert.equal(code, 0);
    assert.match(stdout, /^plugboard: note: --set: \[destinations\] patterns = off wins over profile = spring, where it is on$/m);
  });
  test('frames for destinations that nobody has are ignored', async (t) => {
    const { server, client } = await spring(t);
    client.frame('SUBSCRIBE', { id: 'e', destination: '/users/queue/errors' });
    client.frame('SUBSCRIBE', { id: 'a', destination: '/app/init', receipt: 'a' });
    client.send('/app/x', 'x');
    assert.deepEqual(await settled(client, '/sub/fence'), []);
    client.send('/app/x', 'x', { receipt: 'r' });
    await client.expect('ERROR', { 'receipt-id': 'r', recoverable: 'false' });
    assert.deepEqual(await settled(client, '/sub/fence'), []);
    assert.equal((await server.stats()).ignored_destination, 4);
  });
  test('DISCONNECT without a receipt: ERROR and 1002; with one: RECEIPT', async (t) => {
    const { server, client } = await spring(t);
    client.frame('DISCONNECT');
    const error = await client.expectError(/^Session closed\./m);
    assert.deepEqual([error.pairs, error.body], [[['message', 'Session closed.'], ['content-length', '0']], '']);
    assert.equal(client.closed.code, 1002);
    const other = await stomp(server, { t });
    other.frame('DISCONNECT', { receipt: 'bye' });
    await other.expect('RECEIPT', { 'receipt-id': 'bye' });
    other.close();
    await other.waitForClose();
    assert.equal(other.closed.code, 1000);
  });
});

describe('[destinations]', { concurrency: 4 }, () => {
  test('patterns, overlapping ones too: once for each subscription', async (t) => {
    const server = await start({ t, set: ['destinations.patterns=on', 'server.workers=2'] });
    const clients = [];
    for (let i = 0; i < 6; i++) {
      const client = await stomp(server, { t });
      for (const [id, destination] of [['exact', '/topic/a/x'], ['one', '/topic/*/x'], ['many', '/topic/**'], ['var', '/topic/{id:[a-z]}/x'], ['no', '/topic/*'], ['q', '/topic/?/x']]) {
        await client.subscribe(destination, { id });
      }
      clients.push(client);
    }
    await clients[0].request('SEND', { destination: '/topic/a/x' }, 'hello');
    for (const client of clients) {
      const got = await client.messages(5);
      assert.deepEqual(got.map((f) => f.headers.subscription).sort(), ['exact', 'many', 'one', 'q', 'var']);
      for (const frame of got) assert.equal(frame.headers.destination, '/topic/a/x');
      await client.expectSilence(20);
    }
    for (const id of ['exact', 'one', 'var', 'q']) await clients[0].unsubscribe(id);
    await clients[1].request('SEND', { destination: '/topic/a/x' }, 'again');
    await clients[0].expect('MESSAGE', { subscription: 'many' });
    await clients[0].expectSilence(50);
  });
  for (const [pattern, why] of [['/topic/{id:[}/x', /bad pattern '.*': ./], ['/*', /outside every prefix/], ['/top*', /outside every prefix/], ['/**', /outside every prefix/]]) {
    test(`pattern ${pattern} is refused`, async (t) => {
      const server = await start({ t, set: ['destinations.patterns=on'] });
      const client = await stomp(server, { t });
      client.frame('SUBSCRIBE', { id: 's', destination: pattern });
      await client.expectError(why);
    });
  }
  test('client-send opens what it names and nothing else', async (t) => {
    const server = await start({ t, set: ['destinations.broker=/a, /b', 'destinations.client-send=/a/open, /b'] });
    const client = await stomp(server, { t });
    for (const destination of ['/a/open', '/a/open/x', '/b', '/b/y']) await client.request('SEND', { destination }, 'x');
    for (const destination of ['/a', '/a/openx', '/a/other']) {
      const other = await stomp(server, { t });
      other.send(destination, 'x');
      const error = await other.expectError();
      assert.equal(error.headers.message, `clients may not SEND to '${destination}'; they may to /a/open, /b`);
    }
  });
  test('an empty client-send lets clients only listen', async (t) => {
    const server = await start({ t, set: ['destinations.client-send='] });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/a');
    client.send('/topic/a', 'x');
    const error = await client.expectError();
    assert.equal(error.headers.message, "clients may not SEND to '/topic/a'; they may to nothing");
  });
  test('unknown-destination = ignore: no ERROR unless a receipt was asked for', async (t) => {
    const server = await start({ t, set: ['destinations.unknown-destination=ignore'] });
    const client = await stomp(server, { t });
    client.frame('SUBSCRIBE', { id: 'u', destination: '/user/queue/errors' });
    client.send('/elsewhere', 'x');
    client.send('/elsewhere', 'x', { receipt: 'r' });
    const error = await client.expect('ERROR', { 'receipt-id': 'r', recoverable: 'false' });
    assert.equal(error.headers.message, "SEND: nobody has the destination '/elsewhere'");
    await client.request('BEGIN', { transaction: 'still here' });
  });
  test('app prefixes without an app plugin say so', async (t) => {
    const server = await start({ t, set: ['destinations.app=/pub'] });
    const client = await stomp(server, { t });
    client.send('/pub/x', 'x', { receipt: 'r' });
    const error = await client.expectError(/^SEND: no application answers '\/pub\/x'$/m);
    assert.equal(error.headers['receipt-id'], 'r');
  });
});
