// User destinations: to all sessions of a user on all nodes, or to one, with every broker; and that
// nobody else hears them.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { startNode } from './lib/cluster.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, start } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const plugin = (name) => join(build, `tests/plugins/${name}.so`);
const set = [`auth.plugins=${plugin('auth-script')}`, 'auth.anonymous=on', 'destinations.app=/pub',
  `app.plugins=${plugin('app-script')}`, 'destinations.user-secret=shared', 'destinations.patterns=on'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });

for (const broker of ['memory', 'topics', 'single']) {
  test(`all sessions of a user, or one, on all nodes, ${broker}`, async (t) => {
    let nodes;
    if (broker === 'memory') {
      const node = await start({ t, set: [...set, 'server.workers=2'] });
      nodes = [node, node];
    } else {
      const redis = await startRedis({ t });
      nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis, patient: true, set: [...set, `broker.redis.layout=${broker}`] })));
    }
    const clients = {};
    for (const [name, node, token] of [['a1', 0, 'a/b:c'], ['a2', 1, 'a/b:c'], ['a3', 1, 'a/b:c'], ['bob', 1, 'bob'], ['nobody', 1, null]])
      clients[name] = await stomp(nodes[node], token ? as(token, { t }) : { t });
    for (const client of Object.values(clients)) {
      await client.subscribe('/user/queue/x', { id: 'x:1' });
      await client.subscribe('/topic/**', { id: 'all' });
      await client.subscribe('/sub/**', { id: 'sub' });
    }
    const { a1, a2, a3, bob, nobody } = clients;
    const sender = await stomp(nodes[0], { t });
    const tell = (name, body, queue = 'x') => sender.request('SEND', { destination: '/pub/act/1', to: `/user/${name}/queue/${queue}` }, body);
    const silent = async (...all) => { for (const client of all) await client.expectSilence(20); };

    await tell('a%2Fb:c', 'to a');
    for (const client of [a1, a2, a3]) {
      const message = await client.expect('MESSAGE', { destination: '/user/queue/x', subscription: 'x:1' });
      assert.equal(message.body, 'to a');
    }
    await silent(a1, a2, a3, bob, nobody, sender);
    await tell(a2.session.headers.session, 'to one');
    assert.equal((await a2.expect('MESSAGE', { destination: '/user/queue/x', subscription: 'x:1' })).body, 'to one');
    await tell(nobody.session.headers.session, 'to a session without a name');
    assert.equal((await nobody.expect('MESSAGE', { destination: '/user/queue/x' })).body, 'to a session without a name');
    await tell('bob', 'elsewhere', 'y');
    await tell('carol', 'to nobody here');
    await silent(...Object.values(clients));

    await a1.unsubscribe('x:1');
    a3.terminate();
    await tell('a%2Fb:c', 'again');
    await a2.expect('MESSAGE', { destination: '/user/queue/x' });
    await tell(a1.session.headers.session, 'gone');
    await silent(a1, a2, bob, nobody);
    // as for everybody, what is subscribed twice comes twice
    await bob.subscribe('/user/queue/x', { id: 'second', ack: 'client-individual' });
    await tell('bob', 'twice');
    const both = await bob.messages(2);
    assert.deepEqual(both.map((m) => m.headers.subscription).sort(), ['second', 'x:1']);
    await tell(bob.session.headers.session, 'acknowledged');
    for (const m of [...both, ...await bob.messages(2)])
      if (m.headers.ack) await bob.request('ACK', { id: m.headers.ack });
  });
}

test('nobody subscribes to another\'s, and clients SEND to users only where they may', async (t) => {
  const server = await start({ t, set });
  const alice = await stomp(server, as('alice', { t }));
  await alice.subscribe('/user/queue/x');
  for (const destination of ['/user/**', '/user/queue/*', '/user/{name}/queue/x', '/user', '/user/']) {
    const client = await stomp(server, as('mallory', { t }));
    client.frame('SUBSCRIBE', { destination, id: '1' });
    await client.expectError(/there are no patterns of user destinations|nothing follows '\/user'/);
  }
  const mallory = await stomp(server, as('mallory', { t }));
  await mallory.subscribe('/user/alice/queue/x'); // one of mallory's own, whatever it looks like
  await alice.request('SEND', { destination: '/pub/act/1', to: '/user/alice/queue/x /user/mallory/alice/queue/x' }, 'x');
  await alice.expect('MESSAGE', { destination: '/user/queue/x' });
  await mallory.expect('MESSAGE', { destination: '/user/alice/queue/x' });
  for (const destination of ['user:0/queue/x', 'queue/x']) {
    const client = await stomp(server, { t });
    client.frame('SUBSCRIBE', { destination, id: '1' });
    await client.expectError(/starts with a slash/);
  }
  mallory.send('/user/alice/queue/x', 'spam');
  await mallory.expectError(/clients may not SEND to '\/user\/alice\/queue\/x'/);
  await alice.expectSilence(50);

  const open = await start({ t, config: '[access]\ninbox = send /user/{name}/queue/inbox if authenticated\nown = subscribe /user/queue/**\n',
    set: [...set, 'destinations.client-send=/user', 'auth.on-denied=keep'] });
  const bob = await stomp(open, as('bob', { t }));
  await bob.subscribe('/user/queue/inbox');
  const friend = await stomp(open, as('friend', { t }));
  await friend.request('SEND', { destination: '/user/bob/queue/inbox', 'content-type': 'text/plain' }, 'hello');
  const message = await bob.expect('MESSAGE', { destination: '/user/queue/inbox', 'content-type': 'text/plain' });
  assert.equal(message.body, 'hello');
  friend.send('/user/bob/queue/other', 'no', { receipt: 'r' });
  await friend.expect('ERROR', { 'error-code': 'access-denied', 'receipt-id': 'r' });
  friend.frame('SEND', { destination: '/user/queue' }, 'x');
  await friend.expectError(/'\/user\/queue' is not of the form \/user\/NAME\/DESTINATION/);
  const off = await start({ t, set: ['destinations.user='] });
  const client = await stomp(off, { t });
  client.frame('SUBSCRIBE', { destination: '/user/queue/x', id: '1' });
  await client.expectError(/is outside every prefix/);
});
