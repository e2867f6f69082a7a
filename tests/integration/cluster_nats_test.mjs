// Nodes that share a NATS: what crosses and what does not, patterns, orders and receipts, a server
// that goes away or falls silent, logins and TLS.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeAuthority } from './lib/authority.mjs';
import { assertOrdered, Publisher, takeBodies, waitReady } from './lib/cluster.mjs';
import { startNats } from './lib/nats.mjs';
import { freePort } from './lib/redis.mjs';
import { patience, sleep, slowness, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const option = (name, value) => `broker.nats.${name}=${value}`;
const LOST = /lost NATS at/;
const BACK = /connected to NATS at \S+ again after (\d+\.\d+) s/;

function startNode({ t, name, nats, set = [], ...options }) {
  return start({
    t,
    ...options,
    set: [`server.node=${name}`, 'server.workers=2', 'server.drain-time=1s', 'broker.plugin=nats', 'destinations.patterns=on',
      option('servers', nats.url), option('ping-interval', `${100 * slowness}ms`), option('ping-timeout', `${1500 * slowness}ms`),
      option('reconnect-min', '20ms'), option('reconnect-max', '200ms'), option('connect-timeout', '2s'), ...set],
  });
}

async function pair(t, options = {}) {
  const nats = await startNats({ t, ...options.server });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, nats, ...options })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  return { nats, nodes };
}

async function all(client, n, into = []) {
  await until(() => {
    for (const bodies of takeBodies(client).values()) into.push(...bodies);
    return into.length >= n;
  }, `${n} messages`, patience(10000)).catch((error) => { throw new Error(`${error.message}, got ${into.length}`); });
  return into;
}

test('messages cross, in order and once, with all that they carry', async (t) => {
  const { nodes: [n1, n2] } = await pair(t);
  const [from, to] = [await stomp(n1, { t }), await stomp(n2, { t })];
  for (const topic of ['/topic/a', '/topic/with.dots/and *stars*> %', '/topic/slash/', '/topic/ünïcode']) {
    await to.subscribe(topic);
    await from.subscribe(topic);
    from.send(topic, `hello ${topic}`, { 'content-type': 'text/x', mine: 'a:b' });
    for (const client of [to, from]) {
      const { headers, body } = await client.expect('MESSAGE', { destination: topic });
      assert.deepEqual([headers['content-type'], headers.mine, body], ['text/x', 'a:b', `hello ${topic}`]);
    }
  }
  // A SEND right behind a SUBSCRIBE comes back.
  from.frame('SUBSCRIBE', { id: 'own', destination: '/topic/own' });
  from.send('/topic/own', 'mine');
  assert.equal((await from.expect('MESSAGE')).body, 'mine');
  const N = 3000;
  for (let i = 0; i < N; i += 1) from.send('/topic/a', `p:${i}`);
  const bodies = await all(to, N);
  assert.equal(bodies.length, N);
  assertOrdered(bodies, 'the subscriber');
  const large = 'x'.repeat(60000);
  await from.request('SEND', { destination: '/topic/a' }, large);
  assert.equal((await all(to, 1))[0], large);
});
