// Presence when things fail: what is seen is exact again within a stated time, whatever has crashed.
// Random schedules of joins, leaves, hard ends, killed nodes and restarted Redis against a model.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { startNode, waitReady } from './lib/cluster.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, patience, sleep, slowness, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const config = `[destinations]
app = /pub
[app]
plugins = presence
[app.presence rooms]
watch = /sub/{room}/watch
linger = 0
max-events = 1000
members = /{room}/members
`;
const auth = [`auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`];
const TTL = 2 * slowness;
const set = [...auth, 'presence.settle=1s', `broker.redis.presence-ttl=${TTL}s`, 'broker.redis.presence-renew=300ms'];
const ROOMS = ['a', 'b', 'c'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });

function rng(seed) {
  let s = BigInt(seed) * 2654435761n + 1n;
  return (below) => {
    s = (s * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((s >> 33n) % BigInt(below));
  };
}

// A client that adds up what it is told of rooms: who is there, and the last count.
async function eye(node, name, t) {
  const client = await stomp(node, as(name, { t }));
  const rooms = Object.fromEntries(ROOMS.map((room) => [room, { count: null, users: new Map() }]));
  for (const room of ROOMS) await client.subscribe(`/sub/${room}/watch`, { id: room });
  const take = () => {
    for (const frame of client.frames.splice(0)) {
      assert.equal(frame.command, 'MESSAGE', JSON.stringify(frame));
      const room = rooms[frame.headers.subscription];
      const event = JSON.parse(frame.body);
      room.count = event.count;
      // nobody joins or leaves twice in a row at one observer
      assert.notEqual(room.users.get(event.user), event.type, frame.body);
      room.users.set(event.user, event.type);
    }
  };
  return { client, rooms, take, name };
}

// What is there, as the clients have it: users by room.
class Model {
  constructor() { this.sessions = new Map(); } // client -> { user, node, rooms: Map room -> subscription }
  users(room) {
    return new Set([...this.sessions.values()].filter((s) => s.rooms.has(room)).map((s) => s.user));
  }
}

async function check(model, eyes, ms, what) {
  const wrong = () => eyes.flatMap((one) => { one.take(); return ROOMS.map((room) => [one, room]); })
    .filter(([one, room]) => one.rooms[room].count !== model.users(room).size)
    .map(([one, room]) => `${one.name} sees ${one.rooms[room].count} in ${room}, there are ${model.users(room).size}`);
  await until(() => !wrong().length, `the counts ${what}`, ms).catch((error) => { error.message += `: ${wrong().join('; ')}`; throw error; });
}

async function play({ t, nodes, redis, seed, steps, restartNode }) {
  const roll = rng(seed);
  const model = new Model();
  const eyes = [];
  let n_eyes = 0;
  const addEye = async (n) => {
    // of another name each time: one that is still there from before would join without a word
    n_eyes += 1;
    const one = await eye(nodes[n], `eye${n}.${n_eyes}`, t);
    one.node = n;
    model.sessions.set(one.client, { user: one.name, node: n, rooms: new Map(ROOMS.map((r) => [r, r])) });
    eyes.push(one);
  };
  for (let n = 0; n < nodes.length; n++) await addEye(n);
  const clients = () => [...model.sessions].filter(([, s]) => !s.user.startsWith('eye'));
  for (let i = 0; i < steps; i++) {
    const all = clients();
    const [client, session] = all.length ? all[roll(all.length)] : [];
    const room = ROOMS[roll(ROOMS.length)];
    const what = roll(20);
    if (!client || (what < 5 && all.length < 30)) {
      const node = roll(nodes.length), user = `u${roll(8)}`;
      const fresh = await stomp(nodes[node], as(user, { t }));
      await fresh.subscribe(`/sub/${room}/watch`, { id: room });
      model.sessions.set(fresh, { user, node, rooms: new Map([[room, room]]) });
    } else if (what < 11) {
      if (!session.rooms.has(room)) {
        client.frame('SUBSCRIBE', { destination: `/sub/${room}/watch`, id: room });
        session.rooms.set(room, room);
      }
    } else if (what < 16) {
      if (session.rooms.delete(room)) client.frame('UNSUBSCRIBE', { id: room });
    } else if (what < 18) {
      client.terminate();
      model.sessions.delete(client);
    } else if (what < 19) {
      client.frame('DISCONNECT', {});
      model.sessions.delete(client);
    } else if (redis && roll(12) === 0) {
      const fault = roll(4);
      if (fault === 0 && restartNode) {
        const n = roll(nodes.length);
        await nodes[n].kill();
        for (const [gone, s] of model.sessions) if (s.node === n) { gone.terminate(); model.sessions.delete(gone); }
        for (const one of eyes.splice(0)) if (one.node !== n) eyes.push(one);
        if (roll(2)) await check(model, eyes, patience((TTL + 10) * 1000), `after the end of node ${n}, step ${i}, seed ${seed}`);
        nodes[n] = await restartNode(n);
        await addEye(n);
      } else {
        if (fault === 1) await redis.command('SAVE');
        await redis.kill();
        if (roll(2)) await sleep(100 * roll(5));
        await redis.start();
      }
    }
    for (const [one] of clients()) one.frames.length = 0;
    if (i % 100 === 99) await check(model, eyes, patience((TTL + 10) * 1000), `after step ${i}, seed ${seed}`);
  }
  // Who joins now is told as ever, and the lists of all nodes are the model's.
  for (const one of eyes) {
    await one.client.subscribe('/user/queue/members', { id: 'list' });
    for (const room of ROOMS) {
      one.take();
      one.client.send(`/pub/${room}/members`, '');
      const { body } = await one.client.expect('MESSAGE', { subscription: 'list' });
      assert.deepEqual(new Set(JSON.parse(body).members.map((m) => m.user)), model.users(room));
    }
  }
}

test('a random schedule on one node with broker-memory', async (t) => {
  const node = await start({ t, config, set: [...auth, 'server.workers=2'] });
  await play({ t, nodes: [node], seed: 7, steps: 2000 });
  await node.stop();
});

for (const seed of [1, 2]) {
  test(`a random schedule on three nodes with Redis, nodes killed, Redis restarted with and without data, ${seed}`, async (t) => {
    const redis = await startRedis({ t, args: ['--save', '3600 100000'] });
    const startOne = (n) => startNode({ t, name: `n${n}`, redis, patient: true, config, set });
    const nodes = await Promise.all([0, 1, 2].map(startOne));
    await play({ t, nodes, redis, seed, steps: Math.round(1200 / slowness), restartNode: startOne });
  });
}

test('a node that is killed: its users leave once, within the lease and a little more', async (t) => {
  const redis = await startRedis({ t });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis, patient: true, config, set })));
  const one = await eye(nodes[0], 'eye', t);
  for (let i = 0; i < 20; i++) {
    const client = await stomp(nodes[1], as(`u${i % 10}`, { t }));
    await client.subscribe('/sub/a/watch');
  }
  const both = await stomp(nodes[0], as('u3', { t }));
  await both.subscribe('/sub/a/watch');
  await until(() => { one.take(); return one.rooms.a.count === 11; }, '11 users', patience(10000));
  const begin = Date.now();
  await nodes[1].kill();
  await until(() => { one.take(); return one.rooms.a.count === 2; }, '2 users', patience((TTL + 5) * 1000));
  assert.ok(Date.now() - begin >= (TTL - 1) * 1000, 'not before the lease is over');
  assert.deepEqual([...one.rooms.a.users].filter(([, type]) => type === 'JOIN').map(([user]) => user).sort(), ['eye', 'u3']);
});

for (const data of ['with', 'without']) {
  test(`Redis restarted ${data} its data: nobody is told that anybody left, and who left meanwhile is told`, async (t) => {
    const redis = await startRedis({ t, args: data === 'with' ? ['--save', '3600 1'] : [] });
    const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({ t, name, redis, patient: true, config, set: [...set, 'presence.settle=3s'] })));
    const one = await eye(nodes[0], 'eye', t);
    const clients = [];
    for (let i = 0; i < 10; i++) {
      clients.push(await stomp(nodes[i % 2], as(`u${i}`, { t })));
      await clients[i].subscribe('/sub/a/watch');
    }
    await until(() => { one.take(); return one.rooms.a.count === 11; }, '11 users', patience(10000));
    if (data === 'with') await redis.command('SAVE');
    await redis.kill();
    clients[3].terminate();
    await redis.start();
    for (const node of nodes) await waitReady(node, true, patience(10000));
    const told = [];
    await until(() => {
      told.push(...one.client.frames.splice(0).map((frame) => JSON.parse(frame.body)));
      return told.length;
    }, 'the news', patience(15000));
    await sleep(500);
    told.push(...one.client.frames.splice(0).map((frame) => JSON.parse(frame.body)));
    assert.deepEqual(told, [{ type: 'LEAVE', user: 'u3', info: null, count: 10 }]);
    const late = await stomp(nodes[1], as('late', { t }));
    await late.subscribe('/sub/a/watch');
    assert.deepEqual(JSON.parse((await one.client.expect('MESSAGE', {}, patience(10000))).body), { type: 'JOIN', user: 'late', info: null, count: 11 });
  });
}

test('a node that stops takes its members along at once', async (t) => {
  const redis = await startRedis({ t });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({
    t, name, redis, patient: true, config, set: [...set, 'broker.redis.presence-ttl=60s'] })));
  const one = await eye(nodes[0], 'eye', t);
  const other = await stomp(nodes[1], as('other', { t }));
  await other.subscribe('/sub/a/watch');
  await until(() => { one.take(); return one.rooms.a.count === 2; }, '2 users', patience(10000));
  await nodes[1].stop();
  await until(() => { one.take(); return one.rooms.a.count === 1; }, '1 user', patience(5000));
});
