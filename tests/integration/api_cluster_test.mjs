// The HTTP API of a cluster: what is asked of one node happens on all of them, whatever carries it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { apiOf, apiSet } from './lib/api.mjs';
import { nats, redis as onRedis } from './lib/carriers.mjs';
import { startNode, waitReady } from './lib/cluster.mjs';
import { build, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const plugin = (name) => join(build, `tests/plugins/${name}.so`);
const users = [`auth.plugins=${plugin('auth-script')}`, 'auth.anonymous=on', 'destinations.user-secret=shared', 'destinations.patterns=on'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });

async function cluster(t, { carrier = onRedis, layout = 'topics', set = [], ...options } = {}) {
  const redis = await carrier.start({ t });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({
    t, name, redis, patient: true, ...options, set: [...users, ...apiSet, ...(carrier === onRedis ? [`broker.redis.layout=${layout}`] : []), ...set],
  })));
  for (const node of nodes) await waitReady(node);
  return { redis, nodes, api: await apiOf(nodes[0]) };
}

for (const [layout, carrier] of [['topics', onRedis], ['single', onRedis], ['topics', nats]]) {
  test(`publishing, disconnecting and unsubscribing reach all nodes, ${carrier.name}, ${layout}`, async (t) => {
    const { nodes, api } = await cluster(t, { layout, carrier });
    const here = await stomp(nodes[0], as('alice', { t }));
    const there = await stomp(nodes[1], as('alice', { t }));
    const bob = await stomp(nodes[1], as('bob', { t }));
    for (const client of [here, there, bob]) {
      await client.subscribe('/topic/a', { id: 'a' });
      await client.subscribe('/user/queue/x', { id: 'x' });
    }
    await api.publish({ messages: [
      { destination: '/topic/a', json: { n: 1 } }, { destination: '/topic/a', body: 'text' },
      { user: 'alice', destination: '/queue/x', body: 'to alice' },
      { session: there.session.headers.session, destination: '/queue/x', body: 'to one' }] });
    for (const client of [here, there, bob]) {
      const [one, two] = await client.messages(2);
      assert.deepEqual([one.body, one.headers['content-type']], ['{"n":1}', 'application/json']);
      assert.deepEqual([two.body, two.headers['content-type']], ['text', 'text/plain;charset=UTF-8']);
    }
    assert.equal((await here.expect('MESSAGE')).body, 'to alice');
    assert.deepEqual((await there.messages(2)).map((m) => m.body), ['to alice', 'to one']);

    await api.order('unsubscribe', { user: 'bob', destination: '/topic/a', reason: 'enough' });
    await bob.expect('ERROR', { 'error-code': 'unsubscribed', message: "subscription 'a' was ended: enough" });
    await api.publish({ destination: '/topic/a', body: 'after' });
    for (const client of [here, there]) assert.equal((await client.expect('MESSAGE')).body, 'after');

    await api.order('disconnect', { user: 'alice', reason: 'go away', refuseSeconds: 3600 });
    for (const client of [here, there]) {
      await client.expect('ERROR', { 'error-code': 'disconnected', message: 'go away' });
      assert.equal((await client.waitForClose()).code, 4403);
    }
    for (const node of nodes) await assert.rejects(stomp(node, as('alice', { t })), /go away/);
    await bob.expectSilence(50);
    await api.order('disconnect', { session: bob.session.headers.session });
    await bob.expectError(/disconnected/);
    if (layout === 'topics') {
      const bytes = await api.post('publish', { destination: '/topic/a', base64: '/w==' });
      assert.equal(bytes.status, 200, bytes.text);
    } else {
      // this layout carries text only
      await api.refused(422, 'not-carried', 'messages[1]', 'publish', { messages: [{ destination: '/topic/a', body: 'x' }, { destination: '/topic/a', base64: '/w==' }] });
    }
    for (const node of nodes) assert.equal((await node.stats()).api_bad_orders, 0);
  });
}

test('orders of a version that is not known, and what is none, are passed over', async (t) => {
  const { redis, nodes, api } = await cluster(t, { layout: 'single' });
  const alice = await stomp(nodes[0], as('alice', { t }));
  const foreign = [{ version: 2, order: 'disconnect', user: 'alice' }, { version: 1, order: 'promote', user: 'alice' }];
  const bad = ['text', [], {}, { version: '1', order: 'disconnect', user: 'alice' }, { version: 1, order: 'disconnect' },
    { version: 1, order: 'disconnect', user: 1 }, { version: 1, order: 'disconnect', user: 'alice', refuseSeconds: -1 }, { version: 1, order: 'unsubscribe', user: 'alice' }];
  for (const content of [...foreign, ...bad])
    await redis.command('PUBLISH', 'websocket-events', JSON.stringify({ destination: 'plugboard:control', content }));
  for (const node of nodes)
    await until(async () => (await node.stats()).api_bad_orders === 2 * (foreign.length + bad.length), 'all are counted, by each worker');
  await alice.expectSilence(20);
  // members that are not known here are no reason not to obey
  await redis.command('PUBLISH', 'websocket-events', JSON.stringify({ destination: 'plugboard:control', content: { version: 1, order: 'disconnect', user: 'alice', severity: 9 } }));
  await alice.expectError(/disconnected/);
  await api.publish({ destination: '/topic/a', body: 'x' });
});

test('presence is that of all nodes', async (t) => {
  const config = `[destinations]
app = /pub
[app]
plugins = presence
[app.presence rooms]
watch = /topic/{room}/watch
linger = 0
`;
  const { redis, nodes } = await cluster(t, { config, set: ['broker.when-down=reject'] });
  const apis = await Promise.all(nodes.map((node) => apiOf(node)));
  for (const [i, name] of ['alice', 'alice', 'bob'].entries()) await (await stomp(nodes[i % 2], as(name, { t }))).subscribe('/topic/a/watch');
  for (const api of apis) {
    await until(async () => {
      const { body } = await api.presence('topic/a/watch');
      return body.users === 2 && body.list.length === 2;
    }, 'both see two users');
  }
  await redis.kill();
  await waitReady(nodes[0], false);
  const { status } = await apis[0].presence('topic/other/watch');
  assert.ok(status === 503 || status === 504, `${status}`);
});

test('while the broker is down nothing is taken, and all of it is again afterwards', async (t) => {
  const { redis, nodes, api } = await cluster(t, { set: ['broker.when-down=reject'] });
  const client = await stomp(nodes[1], as('alice', { t }));
  await client.subscribe('/topic/a');
  await redis.kill();
  for (const node of nodes) await waitReady(node, false);
  const batch = { messages: [{ destination: '/topic/a', body: '1' }, { destination: '/topic/a', body: '2' }] };
  const once = { headers: { 'idempotency-key': 'across the gap' } };
  const down = await api.refused(503, 'broker-down', undefined, 'publish', batch, once);
  assert.ok(Number(down.headers.get('retry-after')) > 0);
  await api.refused(503, 'broker-down', undefined, 'disconnect', { user: 'alice' });
  await api.refused(400, 'bad-destination', 'destination', 'publish', { destination: '/x', body: '1' });
  await redis.start();
  for (const node of nodes) await waitReady(node);
  assert.equal((await api.post('publish', batch, once)).status, 200);
  assert.equal((await api.post('publish', batch, once)).headers.get('idempotency-replayed'), 'true');
  assert.deepEqual((await client.messages(2)).map((m) => m.body), ['1', '2']);
  await client.expectSilence(50);
  // orders are heard again, too
  await until(async () => {
    await api.order('disconnect', { user: 'alice' });
    return client.closed || client.frames.length;
  }, 'an order is heard');
  await client.expectError(/disconnected/);
});

test('with when-down = queue messages wait for the broker, and their requests with them', async (t) => {
  const { redis, nodes, api } = await cluster(t, { set: ['broker.when-down=queue', 'broker.down-queue-time=10m', 'broker.down-queue-delay=0', 'api.max-in-flight=5'] });
  const client = await stomp(nodes[1], as('alice', { t }));
  await client.subscribe('/topic/a');
  await redis.kill();
  for (const node of nodes) await waitReady(node, false);
  const waiting = [1, 2, 3, 4].map((n) => api.publish({ destination: '/topic/a', body: `${n}` }));
  // a client that goes away while its request waits
  const gone = new AbortController();
  const left = fetch(`${api.base}/api/publish`, {
    method: 'POST', signal: gone.signal, headers: { 'x-api-key': api.key, 'content-type': 'application/json' },
    body: JSON.stringify({ destination: '/topic/a', body: 'left' }),
  }).catch((error) => error.name);
  await until(async () => (await nodes[0].stats()).api_in_flight === 5, 'five messages wait');
  gone.abort();
  assert.equal(await left, 'AbortError');
  await api.refused(503, 'busy', undefined, 'publish', { destination: '/topic/a', body: '6' });
  await redis.start();
  assert.deepEqual(await Promise.all(waiting), [1, 1, 1, 1]);
  await until(async () => (await nodes[0].stats()).api_in_flight === 0, 'nothing waits');
  const stats = await nodes[0].stats();
  assert.equal(stats.api_refused_in_flight, 1);
  assert.equal(stats.api_published, 5);
});

test('a node that stops answers what waits for the broker', async (t) => {
  const { redis, nodes, api } = await cluster(t, { set: ['broker.when-down=queue', 'broker.down-queue-time=10m'] });
  await redis.kill();
  await waitReady(nodes[0], false);
  const waiting = api.post('publish', { destination: '/topic/a', body: 'x' });
  await until(async () => (await nodes[0].stats()).api_in_flight === 1, 'a message waits');
  await Promise.all([nodes[0].stop(), waiting.then((answer) => assert.equal(answer.status, 503, answer.text))]);
});
