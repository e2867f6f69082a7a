// Several nodes on one Redis or NATS: every client of every node gets every message once, in order. What needs no
// other node holds on the memory broker, too.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { memory, nats, redis as onRedis, shared } from './lib/carriers.mjs';
import { assertOrdered, isReady, startNode, takeBodies, waitReady } from './lib/cluster.mjs';
import { startProxy } from './lib/proxy.mjs';
import { sleep, slowness, until } from './lib/server.mjs';
import { encode, stomp } from './lib/stomp.mjs';

const all = [onRedis, nats, memory];

async function cluster(t, carrier, n, set = []) {
  const redis = await carrier.start({ t });
  const names = Array.from({ length: carrier === memory ? 1 : n }, (_, i) => `n${i + 1}`);
  const nodes = await Promise.all(names.map((name) => startNode({ t, name, redis, set })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  return { redis, nodes: Array.from({ length: n }, (_, i) => nodes[i % nodes.length]) };
}

async function total(nodes, name) {
  const each = await Promise.all([...new Set(nodes)].map((node) => node.stats()));
  return each.reduce((sum, stats) => sum + stats[name], 0);
}

for (const n of [2, 3]) {
  shared(`${n} nodes: concurrent publishers, every client sees the same order`, async (t, carrier) => {
    const { nodes } = await cluster(t, carrier, n);
    const topics = ['/topic/a', '/topic/b', '/topic/c'];
    const perPublisher = 400;
    const subscribers = [];
    for (const node of nodes) {
      for (let i = 0; i < 3; i += 1) {
        const client = await stomp(node, { t });
        await Promise.all(topics.map((topic) => client.subscribe(topic)));
        subscribers.push(client);
      }
    }
    const publishers = await Promise.all([...nodes, ...nodes].map((node) => stomp(node, { t })));
    for (let i = 0; i < perPublisher; i += 1) {
      publishers.forEach((client, p) => topics.forEach((topic) => client.send(topic, `${p}:${i}`)));
      if (i % 50 === 0) await new Promise(setImmediate);
    }

    const expected = publishers.length * perPublisher;
    const views = subscribers.map(() => new Map());
    await until(() => {
      subscribers.forEach((client, i) => takeBodies(client, views[i]));
      return views.every((view) => topics.every((topic) => (view.get(topic)?.length ?? 0) >= expected));
    }, 'all messages at all clients', 20000);
    for (const client of subscribers) await client.expectSilence(10);
    for (const topic of topics) {
      const first = views[0].get(topic);
      assert.equal(first.length, expected);
      assert.equal(new Set(first).size, expected);
      for (let p = 0; p < publishers.length; p += 1) {
        const own = first.filter((body) => body.startsWith(`${p}:`)).map((body) => Number(body.split(':')[1]));
        assert.deepEqual(own, own.map((_, i) => i), `order of publisher ${p}`);
      }
      // NATS has no one order of what several nodes publish: each view has its own, right for each publisher.
      for (const view of views) {
        if (carrier !== nats) assert.deepEqual(view.get(topic), first);
        else assertOrdered(view.get(topic), 'a subscriber');
        assert.equal(view.get(topic).length, expected);
      }
    }
    assert.equal(await total(nodes, 'published'), expected * topics.length);
    assert.equal(await total(nodes, 'publish_failed'), 0);
    assert.equal(await total(nodes, 'delivered'), expected * topics.length * subscribers.length);
  }, n === 2 ? all : [onRedis, nats]);
}

shared('headers, types, binary bodies and the sender\'s own copy cross nodes unchanged', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 2);
  const here = await stomp(nodes[0], { t });
  const there = await stomp(nodes[1], { t });
  await here.subscribe('/topic/a');
  await there.subscribe('/topic/a');
  const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  here.raw(encode('SEND', {
    destination: '/topic/a', 'content-type': 'application/octet-stream', 'content-length': body.length, mine: 'a:b\nc\\d', empty: '',
  }, body), { binary: true });
  here.send('/topic/a', '', { 'content-length': 0 });
  here.send('/topic/a', '한글 😀');
  for (const client of [here, there]) {
    const [first, second, third] = await client.messages(3);
    assert.deepEqual(first.bytes, body);
    assert.equal(first.headers['content-type'], 'application/octet-stream');
    assert.equal(first.headers.mine, 'a:b\nc\\d');
    assert.equal(first.headers.empty, '');
    assert.equal(second.body, '');
    assert.equal(third.body, '한글 😀');
    await client.expectSilence(50);
  }
}, all);

shared('a pattern and an exact topic give one message for each subscription, from every node', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 2, ['destinations.patterns=on']);
  const client = await stomp(nodes[0], { t });
  const exact = await client.subscribe('/topic/x/chat');
  const star = await client.subscribe('/topic/*/chat');
  const all = await client.subscribe('/topic/**');
  const variable = await client.subscribe('/topic/{id}/chat');
  const publishers = [client, await stomp(nodes[1], { t })];
  for (const publisher of publishers) {
    publisher.send('/topic/x/chat', 'one');
    const got = await client.messages(4);
    assert.deepEqual(got.map((f) => f.headers.subscription).sort(), [exact, star, all, variable].sort());
    assert.ok(got.every((f) => f.headers.destination === '/topic/x/chat' && f.body === 'one'));
    publisher.send('/topic/x/y/chat', 'deep'); // what Redis matches and the pattern does not
    await client.expect('MESSAGE', { subscription: all, destination: '/topic/x/y/chat' });
    await client.expectSilence(30);
  }
  await client.unsubscribe(all);
  await client.unsubscribe(exact);
  publishers[1].send('/topic/x/chat', 'two');
  assert.deepEqual((await client.messages(2)).map((f) => f.headers.subscription).sort(), [star, variable].sort());
  await client.expectSilence(30);
}, all);

shared('destinations that mean something to Redis or to globs are ordinary text', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 2);
  const client = await stomp(nodes[0], { t });
  const publisher = await stomp(nodes[1], { t });
  const odd = ['/topic/[a-z]', '/topic/a\\b', '/topic/a b', '/topic/é', '/topic/😀', '/topic/a/', '/topic/a//b', '/topic/^x'];
  for (const destination of odd) await client.subscribe(destination);
  for (const destination of [...odd, '/topic/a', '/topic/b']) publisher.send(destination, destination);
  const got = await client.messages(odd.length);
  assert.deepEqual(got.map((f) => f.headers.destination), odd);
  await client.expectSilence(30);
}, all);

shared('the receipt of a SUBSCRIBE means that messages arrive from now on', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 2, ['broker.unsubscribe-grace=20ms']);
  const client = await stomp(nodes[0], { t });
  const publisher = await stomp(nodes[1], { t });
  for (let i = 0; i < 400; i += 1) {
    // New topics, and ones that are left and taken again around the end of the grace period.
    const topic = i % 2 ? `/topic/new-${i}` : `/topic/again-${i % 10}`;
    const id = await client.subscribe(topic);
    publisher.send(topic, String(i));
    await client.expect('MESSAGE', { subscription: id, destination: topic });
    await client.unsubscribe(id);
  }
  await client.expectSilence(30);
}, all);

shared('without waiting for the receipt, a session hears what it sends itself', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 1);
  const client = await stomp(nodes[0], { t });
  for (let i = 0; i < 200; i += 1) {
    client.frame('SUBSCRIBE', { destination: `/topic/own-${i}`, id: i });
    client.send(`/topic/own-${i}`, String(i));
  }
  const got = await client.messages(200);
  assert.deepEqual(got.map((f) => Number(f.body)).sort((a, b) => a - b), Array.from({ length: 200 }, (_, i) => i));
}, all);

shared('nor does it matter how many topics a session takes at once', async (t, carrier) => {
  const redis = await carrier.start({ t });
  const n = 10000;
  const node = await startNode({
    t, name: 'n1', redis, probe: false, tcp: true, set: [`limits.max-subscriptions=${n}`, 'limits.queue-size=64m', 'limits.worker-queue=1000000'],
  });
  await waitReady(node);
  let text = encode('CONNECT', { 'accept-version': '1.2', host: 'x' }).toString();
  for (let i = 0; i < n; i += 1) {
    text += encode('SUBSCRIBE', { id: i, destination: `/topic/own-${i}` });
    text += encode('SEND', { destination: `/topic/own-${i}` }, String(i));
  }
  const socket = net.connect(node.tcpPort, '127.0.0.1');
  t.after(() => socket.destroy());
  let got = '';
  socket.setEncoding('utf8').on('data', (more) => { got += more; });
  socket.write(text);
  const messages = () => new Set(got.match(/^destination:\/topic\/own-\d+$/gm));
  await until(() => messages().size === n, 'all messages', 10000).catch((error) => {
    throw new Error(`${error.message}: ${messages().size} of ${n}`);
  });
}, all);

shared('the receipt of a SEND means that the backend has the message', async (t, carrier) => {
  const { redis, nodes } = await cluster(t, carrier, 1);
  const client = await stomp(nodes[0], { t });
  const calls = async () => Number((await redis.info('commandstats', 'cmdstat_publish') ?? 'calls=0').match(/calls=(\d+)/)[1]);
  const before = carrier === onRedis ? await calls() : 0;
  for (let i = 0; i < 100; i += 1) await client.request('SEND', { destination: '/topic/a' }, String(i));
  if (carrier === onRedis) assert.ok(await calls() - before >= 100, 'PUBLISH commands');
  redis.freeze();
  client.send('/topic/a', 'x', { receipt: 'late' });
  await client.expectSilence(50);
  redis.thaw();
  await client.receipt('late');
});

shared('thousands of topics come and go, and nothing is lost or doubled', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 2, ['broker.unsubscribe-grace=30ms', 'limits.max-subscriptions=10000']);
  const rounds = 12;
  const width = Math.round(400 / Math.sqrt(slowness));
  const clients = await Promise.all(nodes.map((node) => stomp(node, { t })));
  const publishers = await Promise.all(nodes.map((node) => stomp(node, { t })));
  await Promise.all(clients.map(async (client, c) => {
    for (let round = 0; round < rounds; round += 1) {
      // A third of the names returns in the next round, and the other node's client uses some too.
      const topics = Array.from({ length: width }, (_, i) => `/topic/churn-${i % 3 ? `${round}-${c}` : 'shared'}-${i}`);
      const ids = await Promise.all(topics.map((topic) => client.subscribe(topic)));
      const tag = `${c}-${round}`;
      topics.forEach((topic, i) => publishers[(i + c) % 2].send(topic, `${tag}:${i}`, i % 5 ? {} : { receipt: `${tag}:${i}` }));
      const mine = new Map();
      await until(() => {
        for (const frame of client.frames.splice(0)) {
          assert.equal(frame.command, 'MESSAGE');
          if (frame.body.startsWith(`${tag}:`)) {
            assert.ok(!mine.has(frame.body), `${frame.body} came twice`);
            mine.set(frame.body, frame.headers.subscription);
          }
        }
        return mine.size === width;
      }, `${width} messages of ${tag}`, 15000);
      ids.forEach((id, i) => assert.equal(mine.get(`${tag}:${i}`), id));
      const late = ids.map((id) => client.unsubscribe(id)); // other's messages may still come before
      await Promise.all(late);
      client.frames.splice(0);
    }
  }));
  for (const client of clients) await client.expectSilence(20);
  assert.equal(await total(nodes, 'publish_failed'), 0);
  assert.equal(await total(nodes, 'subscriptions'), 0);
  // What nobody wants is given back after the grace period.
  const own = carrier.probed ? 2 : 1; // orders, and the server's probe
  for (const node of nodes) await until(async () => (await node.stats())[carrier.counter('topics')] === own, 'no topics left but the server\'s own');
});

shared('after UNSUBSCRIBE nothing arrives, while another client of the node goes on', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 2);
  const leaving = await stomp(nodes[0], { t });
  const staying = await stomp(nodes[0], { t });
  const publisher = await stomp(nodes[1], { t });
  const id = await leaving.subscribe('/topic/a');
  await staying.subscribe('/topic/a');
  publisher.send('/topic/a', '1');
  await leaving.expect('MESSAGE');
  await leaving.unsubscribe(id);
  publisher.send('/topic/a', '2');
  assert.deepEqual((await staying.messages(2)).map((f) => f.body), ['1', '2']);
  await leaving.expectSilence(30);
}, all);

shared('a node stays ready while clients subscribe and unsubscribe', async (t, carrier) => {
  const { nodes } = await cluster(t, carrier, 1, ['broker.when-down=queue', 'broker.down-queue-time=2s']);
  const client = await stomp(nodes[0], { t });
  const publisher = await stomp(nodes[0], { t });
  let running = true;
  const churn = (async () => {
    for (let i = 0; running; i += 1) await client.subscribe(`/topic/${i % 900}`).then((id) => client.unsubscribe(id));
  })();
  for (let i = 0; i < 100; i += 1) {
    assert.ok(await isReady(nodes[0]), `not ready in round ${i}`);
    await publisher.request('SEND', { destination: '/topic/x' }, String(i));
  }
  running = false;
  await churn;
}, all);

// For a Redis that stands still for as long as this process needs to write a flood.
const patient = (carrier) => ['broker.operation-timeout=5m', carrier.option('probe-timeout', '1m')];

shared('a flood of SENDs without receipts is slowed down, not dropped', async (t, carrier) => {
  const redis = await carrier.start({ t });
  const nodes = [
    await startNode({ t, name: 'n1', redis, probe: false, set: ['limits.worker-queue=2000', ...patient(carrier)] }),
    await startNode({ t, name: 'n2', redis, probe: false, set: ['limits.queue-size=256m', 'limits.queue-messages=1000000', ...patient(carrier)] }),
  ];
  const subscriber = await stomp(nodes[1], { t });
  await subscriber.subscribe('/topic/flood');
  const publishers = [await stomp(nodes[0], { t }), await stomp(nodes[0], { t })];
  const n = Math.round(40000 / slowness);
  redis.freeze();
  for (let i = 0; i < n; i += 1) publishers.forEach((client, p) => client.send('/topic/flood', `${p}:${i}`));
  await until(async () => (await nodes[0].stats()).reads_paused === 2, 'both publishers being slowed down');
  redis.thaw();
  const got = new Map();
  await until(() => (takeBodies(subscriber, got).get('/topic/flood')?.length ?? 0) >= 2 * n, 'all messages', 20000);
  const bodies = got.get('/topic/flood');
  for (const p of [0, 1]) {
    assert.deepEqual(bodies.filter((body) => body.startsWith(`${p}:`)), Array.from({ length: n }, (_, i) => `${p}:${i}`));
  }
  const stats = await nodes[0].stats();
  assert.equal(stats.publish_failed, 0);
  carrier.assertCount(stats[carrier.counter('published')], 2 * n, 'published');
});

shared('a flood on a topic is not thinned out while somebody subscribes to it', async (t, carrier) => {
  const redis = await carrier.start({ t });
  const proxy = await startProxy({ t, port: redis.port });
  const node = await startNode({ t, name: 'n1', redis: carrier.through(proxy), probe: false, set: ['limits.queue-size=64m', 'limits.queue-messages=1000000', ...patient(carrier)] });
  const publisher = await stomp(node, { t });
  const subscriber = await stomp(node, { t });
  await publisher.request('SEND', { destination: '/topic/other' }, 'warm');
  const n = Math.round(20000 / slowness);
  proxy.stall(); // as a Redis far away
  subscriber.frame('SUBSCRIBE', { destination: '/topic/flood', id: 1, receipt: 's' });
  await until(async () => (await node.stats()).subscriptions === 1, 'the subscription');
  for (let i = 0; i < n; i += 1) publisher.send('/topic/flood', String(i));
  await until(async () => (await node.stats())[carrier.counter('publish_in_flight')] >= n, 'the messages being on their way');
  proxy.resume();
  await subscriber.receipt('s');
  const got = new Map();
  await until(() => (takeBodies(subscriber, got).get('/topic/flood')?.length ?? 0) >= n, 'all messages', 20000);
  assert.deepEqual(got.get('/topic/flood'), Array.from({ length: n }, (_, i) => String(i)));
  assert.equal((await node.stats()).publish_failed, 0);
});

shared('a node that is stopped under load: what its senders were told has been taken reaches all, on it and elsewhere', async (t, carrier) => {
  const redis = await carrier.start({ t });
  const roomy = ['server.workers=2', 'limits.queue-size=64m', 'limits.queue-messages=1000000'];
  for (let round = 0; round < 3; round += 1) {
    const nodes = [
      await startNode({ t, name: `a${round}`, redis, set: roomy }), await startNode({ t, name: `b${round}`, redis, set: roomy }),
    ];
    const subscribers = [];
    for (let i = 0; i < 6; i += 1) {
      const client = await stomp(nodes[i % 2], { t });
      await client.subscribe('/topic/stop');
      subscribers.push(client);
    }
    const publishers = [];
    for (let i = 0; i < 4; i += 1) publishers.push(await stomp(nodes[0], { t }));
    let sent = 0;
    const pump = setInterval(() => {
      for (let i = 0; i < 40; i += 1) {
        const id = `m${sent}`;
        sent += 1;
        publishers[sent % publishers.length].raw(`SEND\ndestination:/topic/stop\nreceipt:${id}\n\n${id}\0`);
      }
    }, 1);
    t.after(() => clearInterval(pump));
    await sleep(400);
    const stopped = nodes[0].stop();
    await Promise.all([...subscribers.filter((_, i) => i % 2 === 0), ...publishers].map((client) => client.waitForClose()));
    clearInterval(pump);
    await stopped;
    const taken = publishers.flatMap((client) => client.frames.filter((f) => f.command === 'RECEIPT').map((f) => f.headers['receipt-id']));
    assert.ok(taken.length > 100, `only ${taken.length} receipts`);
    const bodies = (client) => client.frames.filter((f) => f.command === 'MESSAGE').map((f) => f.body);
    const [, elsewhere] = subscribers;
    for (const client of subscribers.filter((_, i) => i % 2 === 1)) {
      await until(() => client.closed || new Set(bodies(client)).size >= taken.length, 'all messages');
      const got = new Set(bodies(client));
      assert.deepEqual(taken.filter((id) => !got.has(id)), []);
    }
    // On the node itself sessions end one after the other: each has all until its own end, without a hole.
    const all = bodies(elsewhere);
    for (const client of subscribers.filter((_, i) => i % 2 === 0)) {
      const got = bodies(client);
      assert.ok(got.length > 100, `only ${got.length} messages`);
      assert.deepEqual(got, all.slice(0, got.length));
    }
    await nodes[1].stop();
  }
});
