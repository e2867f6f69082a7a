// Messages that nobody hears are not made; whoever subscribes must not notice that.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { start } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

test('a SEND that nobody hears is counted and has its receipt', async (t) => {
  const server = await start({ t });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/other');
  for (let i = 0; i < 2; i++) await client.request('SEND', { destination: '/topic/quiet' }, 'x');
  const { published, delivered_node: node, delivered } = await server.stats();
  assert.deepEqual([published, node, delivered], [2, 2, 0]);
});

// Connections are spread over the workers by the kernel: with eight there are two on different ones.
test('what is sent after the receipt of a SUBSCRIBE is heard, whichever workers have the two', async (t) => {
  const rounds = 100;
  const server = await start({ t, set: ['server.workers=4', 'broker.unsubscribe-grace=0'] });
  const clients = await Promise.all(Array.from({ length: 8 }, () => stomp(server, { t })));
  for (let i = 0; i < rounds; i++) {
    const subscriber = clients[i % 8];
    const publisher = clients[(i + 1 + (i >> 3) % 7) % 8];
    const destination = `/topic/${i % 5}`;
    await publisher.request('SEND', { destination }, 'unheard');
    await subscriber.subscribe(destination, { id: `s${i}` });
    publisher.send(destination, `heard ${i}`);
    assert.equal((await subscriber.expect('MESSAGE', { destination })).body, `heard ${i}`);
    await subscriber.unsubscribe(`s${i}`);
  }
  const { published, delivered_node: node, delivered } = await server.stats();
  assert.deepEqual([published, node, delivered], [2 * rounds, 2 * rounds, rounds]);
});
