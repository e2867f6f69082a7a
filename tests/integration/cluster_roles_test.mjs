// Masters and replicas change places while nodes are connected: nobody goes on talking to a server
// whose messages reach no other node.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as cluster from './lib/cluster.mjs';
import { startFakeRedis } from './lib/fake_redis.mjs';
import { startProxy } from './lib/proxy.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
import { sleep, slowness, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const { isReady, waitReady } = cluster;
const startNode = (options) => cluster.startNode({ patient: true, ...options });

const DEMOTED = /lost Redis at \S+: it has been made a replica of (\S+), .*does not reach/;

// A master and its replica, in step.
async function masterAndReplica(t) {
  const master = await startRedis({ t, args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ t, args: ['--repl-diskless-sync-delay', '0', '--replicaof', '127.0.0.1', String(master.port)] });
  await until(async () => (await replica.info('replication', 'master_link_status')) === 'up', 'replication', 15000);
  // The master knows it a little later.
  await until(async () => /state=online/.test(await master.info('replication', 'slave0')), "the replica in the master's list", 15000);
  return { master, replica };
}

async function demote(master, replica) {
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await master.command('REPLICAOF', '127.0.0.1', String(replica.port));
}

async function assertCross(from, to, body) {
  const listener = await stomp(to);
  const sender = await stomp(from);
  await listener.subscribe('/topic/a');
  await sender.request('SEND', { destination: '/topic/a' }, body);
  assert.equal((await listener.expect('MESSAGE')).body, body);
  listener.terminate();
  sender.terminate();
}

test('a master that is demoted is left, and taken again when it is a master again', async (t) => {
  const { master, replica } = await masterAndReplica(t);
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis: master })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const client = await stomp(nodes[0], { t });
  await demote(master, replica);
  for (const node of nodes) {
    const line = await node.waitForLine(DEMOTED);
    assert.equal(DEMOTED.exec(line)[1], `127.0.0.1:${replica.port}`);
    await waitReady(node, false);
  }
  client.send('/topic/a', 'x', { receipt: 'r1' });
  await client.expect('ERROR', { 'receipt-id': 'r1', recoverable: 'true' });
  await sleep(300 * slowness);
  for (const node of nodes) {
    assert.equal(await isReady(node), false, 'it is not taken back as long as it is a replica');
    assert.equal(node.log.filter((line) => /lost Redis/.test(line)).length, 1);
    assert.equal((await node.stats())['broker.redis.demotions'], 1);
  }
  await master.command('REPLICAOF', 'NO', 'ONE');
  await Promise.all(nodes.map((node) => waitReady(node)));
  await assertCross(nodes[0], nodes[1], 'again');
});

for (const how of ['REPLICAOF', 'FAILOVER']) {
  test(`${how}: a url that leads to the new master is followed`, async (t) => {
    const { master, replica } = await masterAndReplica(t);
    const address = await startProxy({ t, port: master.port });
    const n1 = await startNode({ t, name: 'n1', redis: address });
    const n2 = await startNode({ t, name: 'n2', redis: address });
    await Promise.all([n1, n2].map((node) => waitReady(node)));
    address.target = replica.port; // for new connections
    if (how === 'REPLICAOF') await demote(master, replica);
    else await master.command('FAILOVER', 'TO', '127.0.0.1', String(replica.port));
    for (const node of [n1, n2]) {
      // FAILOVER stops all writing for a while, which may be too long for the probe.
      await node.waitForLine(how === 'REPLICAOF' ? DEMOTED : /lost Redis/);
      await until(async () => (await replica.command('PUBSUB', 'CHANNELS', `plugboard:probe:*`)).length === 2, 'both nodes at the new master');
      await waitReady(node);
    }
    await assertCross(n1, n2, 'over the new master');
  });
}

test('Sentinel says nothing of it: asked again, it leads to the new master', async (t) => {
  const { master, replica } = await masterAndReplica(t);
  let leads = master.port;
  const bulk = (text) => `$${text.length}\r\n${text}\r\n`;
  const sentinel = await startFakeRedis({
    t, answer: (command) => (command === 'SENTINEL' ? `*2\r\n${bulk('127.0.0.1')}${bulk(String(leads))}` : undefined),
  });
  const node = await startNode({
    t, name: 'n1', redis: { url: 'redis://127.0.0.1:1' },
    set: [`broker.redis.sentinels=127.0.0.1:${sentinel.port}`, 'broker.redis.master=mymaster'],
  });
  await waitReady(node);
  await demote(master, replica);
  await node.waitForLine(DEMOTED);
  await node.waitForLine(/still no Redis at .*it is not a master: a failover is under way, or Sentinel is behind/, { ms: 15000 });
  assert.equal(await isReady(node), false);
  leads = replica.port;
  await node.waitForLine(new RegExp(`connected to Redis at 127.0.0.1:${replica.port} again`));
  await waitReady(node);
});

test('in a Redis Cluster replicas are as good as masters, and become ones without anybody noticing', async (t) => {
  const servers = [];
  for (let i = 0; i < 2; i += 1) {
    servers.push(await startRedis({
      t, args: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '2000'],
    }));
  }
  const [a, b] = servers;
  const busOf = async (server) => (await server.command('CONFIG', 'GET', 'cluster-port'))[1];
  await a.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await b.command('CLUSTER', 'MEET', '127.0.0.1', String(a.port), await busOf(a));
  const id = await a.command('CLUSTER', 'MYID');
  await until(() => b.command('CLUSTER', 'REPLICATE', id).then(() => true, () => false), 'the nodes knowing each other', 15000);
  await until(async () => (await b.info('replication', 'master_link_status')) === 'up', 'replication', 15000);
  const n1 = await startNode({ t, name: 'n1', redis: a });
  const n2 = await startNode({ t, name: 'n2', redis: b });
  await Promise.all([n1, n2].map((node) => waitReady(node)));
  await assertCross(n1, n2, 'to the replica');
  await assertCross(n2, n1, 'from the replica');
  await until(async () => { await b.command('CLUSTER', 'FAILOVER').catch(() => {}); return (await a.command('ROLE'))[0] === 'slave'; }, 'the failover', 20000);
  const probes = async (server) => Number(await server.info('commandstats', 'cmdstat_role').then((text) => /calls=(\d+)/.exec(text)[1]));
  const before = await probes(a);
  await until(async () => await probes(a) > before + 3, 'some more probes');
  await assertCross(n1, n2, 'from what was the master');
  await assertCross(n2, n1, 'and back');
  for (const node of [n1, n2]) assert.ok(!node.log.some((line) => /lost Redis|cannot reach Redis/.test(line)), node.tail());
});

test('a user who may not ask for the role is not asked again and again', async (t) => {
  const redis = await startRedis({ t });
  await redis.command('ACL', 'SETUSER', 'few', 'on', '>few', 'allchannels', '+@all', '-role');
  const node = await startNode({ t, name: 'n1', redis: { url: `redis://few:few@127.0.0.1:${redis.port}` } });
  await waitReady(node);
  const published = async () => Number(/calls=(\d+)/.exec(await redis.info('commandstats', 'cmdstat_publish'))[1]);
  await until(async () => await published() > 4, 'some probes');
  const refused = await redis.info('commandstats', 'cmdstat_role');
  assert.match(refused, /rejected_calls=2,/, 'once per connection');
});
