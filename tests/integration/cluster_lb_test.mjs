// Two nodes behind a load balancer, started from the sample files in etc/ with other ports.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { BALANCERS, startBalancer } from './lib/balancer.mjs';
import { startNode, waitReady } from './lib/cluster.mjs';
import { startProxy } from './lib/proxy.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
import { patience, root, run, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { Wire, upgradeRequest } from './lib/wire.mjs';

async function behind(t, name) {
  const redis = await startRedis({ t });
  const proxy = await startProxy({ t, port: redis.port });
  const ports = [await freePort(), await freePort()];
  const nodes = [
    await startNode({ t, name: 'node-1', redis, http: ports[0], set: ['stomp.heart-beat-send=0'] }),
    await startNode({ t, name: 'node-2', redis: proxy, http: ports[1], set: ['stomp.heart-beat-send=0'] }),
  ];
  await Promise.all(nodes.map((node) => waitReady(node)));
  return { proxy, nodes, balancer: await startBalancer(t, name, ports) };
}

const sessions = async (node) => (await node.stats()).sessions;

for (const name of Object.keys(BALANCERS)) {
  test(`${name}: clients on both nodes see each other, and move over when a node is stopped`, async (t) => {
    const { nodes, balancer } = await behind(t, name);
    const clients = Array.from({ length: 6 }, (_, i) => {
      const client = new Client({
        // As a page that the balancer itself served.
        webSocketFactory: () => new WebSocket(balancer.url('/ws', 'ws'), ['v12.stomp'], { origin: balancer.url('').replace(/\/$/, '') }),
        reconnectDelay: 100,
      });
      client.bodies = [];
      client.subscribed = 0;
      client.onConnect = () => {
        client.watchForReceipt(`s${i}`, () => { client.subscribed += 1; });
        client.subscribe('/topic/a', (message) => client.bodies.push(message.body), { receipt: `s${i}` });
      };
      t.after(() => client.deactivate({ force: true }));
      client.activate();
      return client;
    });
    await until(() => clients.every((client) => client.subscribed === 1), 'all clients being subscribed');
    const counts = await Promise.all(nodes.map(sessions));
    assert.ok(counts.every((n) => n > 0), `sessions per node: ${counts}`);

    clients.forEach((client, i) => client.publish({ destination: '/topic/a', body: `from ${i}` }));
    await until(() => clients.every((client) => client.bodies.length === 6), 'everybody hearing everybody');
    for (const client of clients) assert.deepEqual(client.bodies, clients[0].bodies);

    await nodes[0].stop();
    await until(() => clients.filter((client) => client.subscribed === 2).length === counts[0]
      && clients.every((client) => client.connected), 'the clients having moved', 10000);
    assert.equal(await sessions(nodes[1]), 6);
    clients.forEach((client, i) => client.publish({ destination: '/topic/a', body: `again ${i}` }));
    await until(() => clients.every((client) => client.bodies.length === 12), 'everybody hearing everybody again');
    for (const client of clients) assert.equal(new Set(client.bodies).size, 12);
  });
}

test('haproxy: a node that is not ready gets no new clients and keeps those it has', async (t) => {
  const { proxy, nodes, balancer } = await behind(t, 'haproxy');
  const [n1, n2] = nodes;
  const early = [];
  for (let i = 0; i < 4; i += 1) early.push(await stomp(balancer, { t }));
  assert.ok(await sessions(n2) > 0);
  const kept = await sessions(n2);
  proxy.cut();
  await waitReady(n2, false);
  // HAProxy has noticed when of four new clients at once, who would be shared out, none comes to n2.
  await until(async () => {
    const before = (await n2.stats()).sessions_total;
    const some = await Promise.all(Array.from({ length: 4 }, () => stomp(balancer, { t })));
    const after = (await n2.stats()).sessions_total;
    some.forEach((client) => client.terminate());
    return after === before;
  }, 'HAProxy noticing');
  await until(async () => await sessions(n1) === early.length - kept && await sessions(n2) === kept, 'the old clients only');
  for (let i = 0; i < 6; i += 1) await stomp(balancer, { t });
  assert.equal(await sessions(n2), kept);
  assert.equal(await sessions(n1), 10 - kept);
  assert.ok(early.every((client) => client.closed === null));
  proxy.resume();
  await waitReady(n2);
  await until(async () => {
    const client = await stomp(balancer, { t });
    client.terminate();
    return await sessions(n2) > kept || (await n2.stats()).sessions_total > kept;
  }, 'the node getting clients again');
});

test('haproxy that passes connections on tells who the clients are, and where a node is not asks the other', async (t) => {
  const [http, tcp, ...nobody] = await Promise.all(Array.from({ length: 4 }, () => freePort()));
  const trust = (section) => [`${section}.trusted-proxies=127.0.0.1`, `${section}.proxy-protocol=on`];
  const node = await start({ t, http, tcp, set: [...trust('http'), ...trust('tcp'), 'limits.max-address-connections=1'] });
  const balancer = await startBalancer(t, 'haproxy-tcp', [nobody[0], http], undefined, [nobody[1], tcp]);
  const connect = async (port, from, bytes) => {
    const wire = await Wire.open(port, t, from);
    await wire.write(bytes);
    return wire;
  };
  const CONNECT = 'CONNECT\naccept-version:1.2\n\n\0';
  const said = (wire, text) => wire.when(() => (wire.buffer.includes(text) ? true : undefined), 10000, text);
  // Each address may have one connection, and both have theirs, although HAProxy has one address.
  await said(await connect(balancer.tcpPort, '127.0.0.2', CONNECT), 'CONNECTED\n');
  const other = await connect(balancer.port, '127.0.0.3', upgradeRequest());
  assert.equal((await other.response()).status, 101);
  await said(await connect(balancer.tcpPort, '127.0.0.2', CONNECT), 'too many connections from this address');
  assert.equal((await node.stats()).refused_proxy, 0);
});

test('two nodes from the sample etc/cluster-node.ini share their topics', async (t) => {
  const redis = await startRedis({ t });
  const args = ['--config', join(root, 'etc/cluster-node.ini')];
  const bare = await run(['--check', ...args], { env: { NODE: undefined } });
  assert.notEqual(bare.code, 0, 'two nodes by one name would be a mistake');
  assert.match(bare.stderr, /cluster-node\.ini:\d+: .*NODE/);
  const nodes = [];
  for (const NODE of ['node-1', 'node-2']) {
    nodes.push(await start({ t, args, http: false, env: { NODE, LISTEN: '127.0.0.1:0', REDIS_URL: redis.url } }));
  }
  const [here, there] = await Promise.all(nodes.map((node) => stomp(node, { t })));
  await here.subscribe('/topic/a');
  there.send('/topic/a', 'across');
  assert.equal((await here.expect('MESSAGE')).body, 'across');
});
