// SockJS clients behind the balancers of etc/: each session stays with its node, and when a node is
// killed its clients begin anew at the other.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';

import { BALANCERS, startBalancer } from './lib/balancer.mjs';
import { startNode, waitReady } from './lib/cluster.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
import { slowness, until } from './lib/server.mjs';

const TRANSPORTS = ['xhr-polling', 'xhr-streaming', 'eventsource', 'websocket'];
const CLIENTS = 12;

const sessions = async (node) => (await node.stats()).sessions;

for (const name of Object.keys(BALANCERS)) {
  test(`${name}: SockJS clients on both nodes, and a node that is killed`, { timeout: 120000 * slowness }, async (t) => {
    const redis = await startRedis({ t });
    const ports = [await freePort(), await freePort()];
    const nodes = [];
    for (const [i, http] of ports.entries()) {
      nodes.push(await startNode({ t, name: `node-${i + 1}`, redis, http, set: ['stomp.heart-beat-send=1s', 'limits.queue-size=8m'] }));
    }
    await Promise.all(nodes.map((node) => waitReady(node)));
    const balancer = await startBalancer(t, name, ports);

    const clients = Array.from({ length: CLIENTS }, (_, i) => {
      const client = new Client({ reconnectDelay: 200, heartbeatIncoming: 4000 * slowness, heartbeatOutgoing: 0 });
      client.bodies = [];
      client.subscribed = 0;
      client.webSocketFactory = () => {
        client.socket = new SockJS(balancer.url('/ws'), null, { transports: [TRANSPORTS[i % TRANSPORTS.length]], timeout: 20000 });
        return client.socket;
      };
      client.onConnect = () => {
        client.watchForReceipt(`s${i}`, () => { client.subscribed += 1; });
        client.subscribe('/topic/a', (message) => client.bodies.push(message.body), { receipt: `s${i}` });
      };
      t.after(() => { client.reconnectDelay = 0; return client.deactivate({ force: true }); });
      client.activate();
      return client;
    });
    await until(() => clients.every((client) => client.subscribed === 1), 'all clients being subscribed', 20000);
    const counts = await Promise.all(nodes.map(sessions));
    assert.equal(counts[0] + counts[1], CLIENTS);
    assert.ok(counts.every((n) => n > 0), `sessions per node: ${counts}`);

    const each = 50;
    for (let n = 0; n < each; n += 1) clients.forEach((client, i) => client.publish({ destination: '/topic/a', body: `${i}:${n}` }));
    const own = (client, i) => client.bodies.filter((body) => body.startsWith(`${i}:`));
    await until(() => clients.every((client) => client.bodies.length >= each * CLIENTS), 'everybody hearing everybody', 30000);
    for (const client of clients) {
      assert.equal(client.bodies.length, each * CLIENTS);
      clients.forEach((_, i) => assert.deepEqual(own(client, i), Array.from({ length: each }, (__, n) => `${i}:${n}`)));
    }

    await nodes[0].kill();
    await until(async () => clients.every((client) => client.connected && client.subscribed >= 1) && (await sessions(nodes[1])) === CLIENTS,
      'all clients being at the other node', 40000);
    await until(() => clients.filter((client) => client.subscribed >= 2).length === counts[0], 'those of the killed node being subscribed again', 20000);
    clients.forEach((client) => { client.bodies.length = 0; });
    clients.forEach((client, i) => client.publish({ destination: '/topic/a', body: `again ${i}` }));
    await until(() => clients.every((client) => client.bodies.length >= CLIENTS), 'everybody hearing everybody again', 20000);
    for (const client of clients) assert.equal(new Set(client.bodies).size, CLIENTS);
  });
}
