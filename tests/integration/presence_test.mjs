// Presence: who joins, who leaves and how many are there, on all nodes together, with every broker;
// tabs, hard ends, snapshots, lists, merged events, and what is wrong with a configuration.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { startNode } from './lib/cluster.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, patience, root, run, sleep, slowness, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const auth = [`auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`, 'auth.anonymous=on'];
const as = (token, options = {}) => ({ ...options, connect: token ? { Authorization: token } : {} });
const watching = ['--config', join(root, 'etc/chat.ini')];
const ROOM = '0d9a8f1e-0000-4000-8000-00000000abcd';
const WATCH = `/sub/contents/${ROOM}/watch`;
const claims = (name) => `${name}@example.org;claim.userId=u-${name};claim.name=${name}`;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

// One room per value of {room}, without a linger, so that tests need not wait for it.
const rooms = (more = '') => `[destinations]
app = /pub
[app]
plugins = presence
[app.presence rooms]
watch = /sub/{room}/watch
anonymous = on
linger = 0
max-events = 1000
members = /{room}/members
${more}`;

async function startNodes(t, broker, options) {
  if (broker === 'memory') {
    const node = await start({ t, ...options, set: [...auth, 'server.workers=2', ...(options.set ?? [])] });
    return { nodes: [node, node] };
  }
  const redis = await startRedis({ t });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => startNode({
    t, name, redis, patient: true, ...options, set: [...auth, 'presence.settle=1s', `broker.redis.presence-ttl=${2 * slowness}s`, 'broker.redis.presence-renew=300ms', ...(options.set ?? [])] })));
  return { nodes, redis };
}

const body = async (client, headers = {}, ms = 10000) => JSON.parse((await client.expect('MESSAGE', headers, patience(ms))).body);
// What the last event says, when it comes to that.
async function untilCount(client, count, ms = 10000) {
  let last;
  const seen = [];
  await until(() => {
    for (const frame of client.frames.splice(0)) {
      assert.equal(frame.command, 'MESSAGE', JSON.stringify(frame));
      last = JSON.parse(frame.body);
      seen.push(last);
    }
    return last?.count === count;
  }, `a count of ${count}`, patience(ms)).catch((error) => { error.message += `, the last is ${JSON.stringify(last)}`; throw error; });
  return seen;
}
async function members(client, room = 'a') {
  client.send(`/pub/${room}/members`, '');
  return body(client, { destination: '/user/queue/members' });
}

test('who has ended a subscription before its snapshot came gets none for it, and one for the next of that id', async (t) => {
  const redis = await startRedis({ t });
  const node = await startNode({ t, name: 'n1', redis, patient: true, config: rooms('snapshot = list\n').replace('linger = 0', 'linger = 1m') });
  const first = await stomp(node, { t });
  await first.subscribe('/sub/a/watch');
  await until(() => first.frames.splice(0).some((frame) => JSON.parse(frame.body).members), 'the first snapshot');
  const client = await stomp(node, { t });
  redis.freeze(); // it cannot join, and so the snapshot waits
  for (let i = 0; i < 5; i++) {
    await client.subscribe('/sub/a/watch', { id: 's' });
    if (i < 4) await client.unsubscribe('s');
  }
  redis.thaw();
  const seen = [];
  const take = () => {
    seen.push(...client.frames.splice(0).map((frame) => JSON.parse(frame.body)));
    return seen;
  };
  await until(() => take().some((each) => each.members), 'the snapshot');
  const last = await stomp(node, { t });
  await last.subscribe('/sub/a/watch');
  await until(() => take().some((each) => each.count === 3), 'a third member');
  assert.equal(seen.filter((each) => each.members).length, 1, JSON.stringify(seen));
});

for (const broker of ['memory', 'redis']) {
  test(`the watching session of etc/chat.ini, ${broker}`, async (t) => {
    const { nodes } = await startNodes(t, broker, { args: watching });
    const kim = await stomp(nodes[0], as(claims('kim'), { t }));
    await kim.subscribe(WATCH, { id: 'w' });
    const frame = await kim.expect('MESSAGE', { destination: WATCH, subscription: 'w', 'content-type': 'application/json' }, patience(10000));
    const { watchingSession } = JSON.parse(frame.body);
    assert.match(watchingSession.id, UUID);
    assert.match(watchingSession.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const text = (type, who, of, n) => `{"type":"${type}","watchingSession":{"id":"${of.id}","createdAt":"${of.createdAt}","watcher":{"userId":"u-${who}","name":"${who}","profileImageUrl":null},"content":{"id":"${ROOM}"}},"watcherCount":${n}}`;
    assert.equal(frame.body, text('JOIN', 'kim', watchingSession, 1));

    const nobody = await stomp(nodes[1], as(null, { t }));
    await nobody.subscribe(WATCH);
    const lee = await stomp(nodes[1], as(claims('lee'), { t }));
    await lee.subscribe(WATCH.toUpperCase().replace('/SUB/CONTENTS/', '/sub/contents/').replace('/WATCH', '/watch'), { id: 'upper' });
    const [atKim] = [await kim.expect('MESSAGE', {}, patience(10000))];
    const second = JSON.parse(atKim.body).watchingSession;
    assert.equal(atKim.body, text('JOIN', 'lee', second, 2));
    // Before the second node has told of it, a snapshot may come there first, and the event behind it.
    await until(() => nobody.frames.splice(0).some((event) => event.body === atKim.body), 'the event at the second node', patience(10000));
    // The sender of a list, and who asks for it by SUBSCRIBE.
    await lee.subscribe('/user/queue/members', { id: 'm' });
    lee.send(`/pub/contents/${ROOM}/watchers`, '');
    const list = await body(lee, { destination: '/user/queue/members', subscription: 'm' });
    assert.equal(list.watcherCount, 2);
    assert.deepEqual(list.watchingSessions.map((s) => s.watcher.name).sort(), ['kim', 'lee']);
    lee.frame('SUBSCRIBE', { destination: `/pub/contents/${ROOM}/watchers`, id: 'once' });
    assert.equal((await body(lee, { subscription: 'once' })).watcherCount, 2);
    await lee.subscribe(WATCH, { id: 'lower' }); // the same room, the same member
    assert.equal((await lee.expect('MESSAGE', { subscription: 'lower' })).body, text('JOIN', 'lee', second, 2));
    const tab = await stomp(nodes[0], as(claims('lee'), { t })); // hears what it is, and nobody else does
    await tab.subscribe(WATCH, { id: 'tab' });
    assert.equal((await tab.expect('MESSAGE', { subscription: 'tab' }, patience(10000))).body, text('JOIN', 'lee', second, 2));
    await kim.expectSilence(100);
    tab.terminate();
    await nobody.subscribe('/user/queue/errors');
    nobody.send(`/pub/contents/${ROOM}/watchers`, '');
    assert.equal((await body(nobody)).code, 'not-authenticated');
    lee.send(`/pub/contents/7/watchers`, '', { receipt: 'r' });
    await lee.expect('ERROR', { 'error-code': 'bad-path', 'receipt-id': 'r' });

    kim.terminate();
    const left = await lee.expect('MESSAGE', { subscription: 'lower' }, patience(10000));
    assert.equal(left.body, text('LEAVE', 'kim', watchingSession, 1));
    assert.equal((await nobody.expect('MESSAGE')).body, left.body);
    await lee.expectSilence(100);
  });

  test(`tabs, and sessions that end in every way, ${broker}`, async (t) => {
    const { nodes } = await startNodes(t, broker, { config: rooms() });
    const eye = await stomp(nodes[0], as('eye', { t }));
    await eye.subscribe('/sub/a/watch');
    assert.deepEqual(await body(eye), { type: 'JOIN', user: 'eye', info: null, count: 1 });
    const tabs = [];
    for (let i = 0; i < 4; i++) {
      tabs.push(await stomp(nodes[i % 2], as('kim', { t })));
      await tabs[i].subscribe('/sub/a/watch', { id: '1' });
      await tabs[i].subscribe('/sub/a/watch', { id: '2' });
      if (i === 0) assert.deepEqual(await body(eye), { type: 'JOIN', user: 'kim', info: null, count: 2 });
    }
    const anonymous = await stomp(nodes[1], as(null, { t }));
    await anonymous.subscribe('/sub/a/watch');
    assert.deepEqual(await body(eye), { type: 'JOIN', user: anonymous.session.headers.session, info: null, count: 3 });
    await tabs[0].unsubscribe('1');
    await tabs[0].unsubscribe('2');
    tabs[1].terminate();
    await tabs[2].request('DISCONNECT', {}, '').catch(() => {});
    await eye.expectSilence(300 * slowness);
    await tabs[3].unsubscribe('1');
    await eye.expectSilence(100 * slowness);
    await tabs[3].unsubscribe('2');
    assert.deepEqual(await body(eye), { type: 'LEAVE', user: 'kim', info: null, count: 2 });
    anonymous.terminate();
    assert.equal((await body(eye)).count, 1);
    await eye.subscribe('/user/queue/members');
    assert.deepEqual(await members(eye), { type: 'MEMBERS', count: 1, members: [{ user: 'eye', info: null }] });
    assert.deepEqual(await members(eye, 'empty'), { type: 'MEMBERS', count: 0, members: [] });
  });

  test(`snapshots come to the new subscription alone, before what follows, ${broker}`, async (t) => {
    const { nodes } = await startNodes(t, broker, { config: rooms('snapshot = list\nmax-list = 3\ndestination = /sub/{room}/events\n') });
    const first = await stomp(nodes[0], as('u0', { t }));
    await first.subscribe('/sub/a/events', { id: 'e' });
    await first.subscribe('/sub/a/watch', { id: 's', ack: 'client-individual' });
    // A node tells what it has heard: with Redis its own JOIN may come behind the snapshot.
    const least = (n) => (broker === 'memory' ? n : n - 1);
    const got = (await first.messages(2)).sort((x, y) => (x.headers.subscription < y.headers.subscription ? -1 : 1));
    assert.equal(got[0].body, '{"type":"JOIN","user":"u0","info":null,"count":1}');
    const entries = '{"user":"u0","info":null}';
    assert.ok([least(1), 1].map((n) => `{"type":"MEMBERS","count":${n},"members":[${n ? entries : ''}]}`).includes(got[1].body), got[1].body);
    await first.request('ACK', { id: got.find((m) => m.headers.ack).headers.ack });
    for (let i = 1; i <= 5; i++) {
      const client = await stomp(nodes[i % 2], as(`u${i}`, { t }));
      await client.subscribe('/sub/a/watch', { id: 's' });
      const snapshot = await body(client, { subscription: 's' });
      assert.ok(snapshot.count === i + 1 || snapshot.count === least(i + 1), JSON.stringify(snapshot));
      assert.equal(snapshot.members.length, Math.min(3, snapshot.count));
      assert.equal((await body(first, { subscription: 'e' })).count, i + 1);
      if (broker === 'redis') await sleep(100); // the other node has heard of it, too
      await client.subscribe('/sub/a/watch', { id: 'again' });
      assert.equal((await body(client, { subscription: 'again' })).count, i + 1);
      await client.expectSilence(20);
    }
    await first.expectSilence(50);
  });

  test(`a burst is merged, and its last count is right, ${broker}`, async (t) => {
    const N = 1200, each = 40;
    const { nodes } = await startNodes(t, broker, { config: rooms('max-events = 5\njoin = {"type":"JOIN","user":"{user}","count":"{count}","merged":"{merged}"}\nleave = {"type":"LEAVE","user":"{user}","count":"{count}","merged":"{merged}"}\n').replace('max-events = 1000\n', '') });
    const eye = await stomp(nodes[0], as(null, { t }));
    await eye.subscribe('/sub/a/watch');
    await untilCount(eye, 1);
    const clients = await Promise.all(Array.from({ length: each }, (_, i) => stomp(nodes[i % 2], as(`u${i}`, { t }))));
    // Many rooms and one: each client is in many rooms, all are in one.
    const others = await Promise.all(Array.from({ length: N - each }, (_, i) => stomp(nodes[i % 2], as(`v${i}`, { t }))));
    const begin = Date.now();
    for (const client of [...clients, ...others]) client.frame('SUBSCRIBE', { destination: '/sub/a/watch', id: 'a' });
    const seen = await untilCount(eye, N + 1, 30000);
    const seconds = Math.ceil((Date.now() - begin) / 1000) + 1;
    assert.ok(seen.length <= 5 * seconds, `${seen.length} events in ${seconds} s`);
    assert.equal(seen.reduce((sum, event) => sum + event.merged, 0), N, 'no change is missing in merged');
    for (const client of others) client.terminate();
    const left = await untilCount(eye, each + 1, 30000);
    assert.ok(left.at(-1).count === each + 1);
  });
}

test('a session that comes back within the linger has never been away', async (t) => {
  const node = await start({ t, config: rooms().replace('linger = 0', 'linger = 3s'), set: auth });
  const eye = await stomp(node, as('eye', { t }));
  await eye.subscribe('/sub/a/watch');
  await untilCount(eye, 1);
  const kim = await stomp(node, as('kim', { t }));
  await kim.subscribe('/sub/a/watch', { id: '1' });
  await untilCount(eye, 2);
  await kim.unsubscribe('1');
  await kim.subscribe('/sub/a/watch', { id: '2' });
  kim.terminate();
  const again = await stomp(node, as('kim', { t }));
  await again.subscribe('/sub/a/watch');
  await eye.expectSilence(4000);
  const begin = Date.now();
  again.terminate();
  await untilCount(eye, 1);
  assert.ok(Date.now() - begin >= 2900, `${Date.now() - begin} ms`);
});

test('limits: members and rooms that are too many are not counted, and nothing else happens', async (t) => {
  const node = await start({ t, config: rooms('info = "{claim.text?}"\n'), set: [...auth, 'presence.max-members=3', 'presence.max-rooms=2', 'presence.max-info=64'] });
  const eye = await stomp(node, as('eye', { t }));
  await eye.subscribe('/sub/a/watch');
  await eye.subscribe('/sub/b/watch');
  assert.equal((await body(eye)).count, 1);
  assert.equal((await body(eye)).count, 1);
  await eye.subscribe('/sub/c/watch'); // a third room
  const big = await stomp(node, as(`big;claim.text=${'x'.repeat(65)}`, { t }));
  await big.subscribe('/sub/a/watch');
  await eye.expectSilence(100 * slowness);
  const one = await stomp(node, as('one', { t }));
  await one.subscribe('/sub/a/watch');
  assert.equal((await body(eye)).count, 2);
  const two = await stomp(node, as('two', { t }));
  await two.subscribe('/sub/a/watch');
  await eye.expectSilence(100 * slowness);
  one.terminate();
  assert.equal((await body(eye)).count, 1);
  const stats = await node.stats();
  assert.equal(stats.presence_refused, 3);
  assert.equal(stats['app.presence.ignored'], 3);
  assert.equal(stats.presence_rooms, 2);
});

test('what is wrong is told with file and line', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'presence-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'x.ini');
  const lines = { watch: '/sub/{room}/watch', anonymous: 'on', members: '/{room}/m' };
  for (const [changed, text] of [
    [{ watch: undefined }, "5: [app.presence rooms] has no 'watch'"],
    [{ watch: 'sub' }, '6: [app.presence rooms] watch: must start with a slash, as in /rooms/{room}/chat'],
    [{ watch: '/sub/**', members: undefined }, "6: [app.presence rooms] watch: there is one room for each of its variables' values: no '*' here"],
    [{ watch: '/sub/{a:b}', members: undefined }, '6: [app.presence rooms] watch: \'{a:b}\': there are the types uuid, int, slug, and words as in {a:news|chat}'],
    [{ anonymous: 'maybe' }, "7: [app.presence rooms] anonymous: 'maybe' is neither on nor off"],
    [{ members: '/{other}/m' }, '8: [app.presence rooms] members: must have the variable {room} of the pattern that is watched'],
    [{ snapshot: 'on' }, "9: [app.presence rooms] snapshot: 'on' is none of off, list and join"],
    [{ linger: '5' }, "9: [app.presence rooms] linger: '5' is no duration of at most 10m, as in 500ms, 2s or 0"],
    [{ linger: '11m' }, "9: [app.presence rooms] linger: '11m' is no duration of at most 10m, as in 500ms, 2s or 0"],
    [{ 'max-events': '0' }, "9: [app.presence rooms] max-events: '0' is not a whole number from 1 to 1000"],
    [{ 'max-list': '-1' }, "9: [app.presence rooms] max-list: '-1' is not a whole number from 0 to 10000"],
    [{ join: '{"a"}' }, "9: [app.presence rooms] join: is not JSON: ':' expected near '}' (column 5)"],
    [{ join: '"{claim.x}"' }, "9: [app.presence rooms] join: '{claim.x}' is nothing that could be filled in: there are user.MEMBER, info.MEMBER, count.MEMBER, merged.MEMBER, now, now.ms, uuid, uuid7 and the pattern's variables; a brace is written {{"],
    [{ info: '"{count}"' }, "9: [app.presence rooms] info: '{count}' is nothing that could be filled in: there are claim.NAME, user, session, now, now.ms, uuid, uuid7 and the pattern's variables; a brace is written {{"],
    [{ destination: 'x' }, '9: [app.presence rooms] destination: must start with a slash, as in /topic/{room}'],
    [{ reply: 'x' }, '9: [app.presence rooms] reply: must start with a slash, as in /queue/members'],
    [{ colour: 'x' }, "9: [app.presence rooms] unknown key 'colour'; there are watch, anonymous, info, join, leave, destination, content-type, members, member, list, reply, max-list, snapshot, max-events and linger"],
  ]) {
    const all = Object.entries({ ...lines, ...changed }).filter(([, value]) => value !== undefined);
    writeFileSync(file, `[destinations]\napp = /pub\n[app]\nplugins = presence\n[app.presence rooms]\n${all.map(([k, v]) => `${k} = ${v}\n`).join('')}`);
    const { code, stderr } = await run(['--check', '--config', file]);
    assert.equal(code, 78, stderr);
    assert.ok(stderr.includes(`${file}:${text}`), `${stderr}\nwanted: ${text}`);
  }
  writeFileSync(file, rooms());
  const { code, stderr } = await run(['--check', '--config', file, '--set', `broker.plugin=${join(build, 'tests/plugins/broker-script.so')}`]);
  assert.equal(code, 78, stderr);
  assert.ok(stderr.includes(`${file}:5: [app.presence rooms] the broker in use cannot tell who is there: it has no presence`), stderr);
});
