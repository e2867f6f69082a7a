// Bursts: many SENDs that arrive together are fanned out together. Whoever receives must not notice:
// every message once, in order, however the sockets take them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { sleep, start } from './lib/server.mjs';
import { encode, stomp } from './lib/stomp.mjs';

const TOPIC = '/topic/burst';

// n SENDs in one WebSocket message, numbered from first.
function sends(first, n, body = 'x', topic = TOPIC) {
  const frames = [];
  for (let i = first; i < first + n; i++) frames.push(encode('SEND', { destination: topic }, `${i}:${body}`));
  return Buffer.concat(frames);
}

const numberOf = (message) => Number(message.body.slice(0, message.body.indexOf(':')));

async function expectAll(client, n, ms = 20000) {
  const messages = await client.messages(n, ms);
  assert.deepEqual(messages.map(numberOf), Array.from({ length: n }, (_, i) => i));
  return messages;
}

describe('bursts', { concurrency: 3 }, () => {
  for (const workers of [1, 2]) {
    test(`every kind of subscriber gets every message in order, ${workers} worker(s)`, async (t) => {
      const server = await start({
        t,
        tcp: true,
        set: [`server.workers=${workers}`, 'destinations.patterns=on', 'limits.queue-size=64m', 'limits.queue-messages=100000'],
      });
      const kinds = {
        ws: [{}, { destination: TOPIC }],
        'ws, another id': [{}, { destination: TOPIC, id: 'another' }],
        'ws, 1.1': [{ connect: { 'accept-version': '1.1' } }, { destination: TOPIC }],
        'ws, 1.0': [{ connect: { 'accept-version': '1.0' } }, { destination: TOPIC }],
        tcp: [{ transport: 'tcp' }, { destination: TOPIC }],
        pattern: [{}, { destination: '/topic/*' }],
        acknowledging: [{}, { destination: TOPIC, ack: 'client' }],
      };
      const clients = [];
      for (const [connection, { destination, ...headers }] of Object.values(kinds)) {
        for (let i = 0; i < 3; i++) {
          const client = await stomp(server, { t, ...connection });
          await client.subscribe(destination, headers);
          if (headers.ack) client.acks = true;
          clients.push(client);
        }
      }
      const twice = await stomp(server, { t });
      await twice.subscribe(TOPIC, { id: 'exact' });
      await twice.subscribe('/topic/**', { id: 'all' });

      const publisher = await stomp(server, { t });
      const sizes = [1, 2, 16, 63, 64, 65, 200, 1];
      let n = 0;
      for (const size of sizes) {
        publisher.raw(sends(n, size));
        n += size;
      }
      await Promise.all(clients.map(async (client) => {
        const messages = await expectAll(client, n);
        if (client.acks) await client.request('ACK', { id: messages.at(-1).headers.ack });
      }));
      // Message by message from both subscriptions, not burst by burst.
      const both = await twice.messages(2 * n);
      assert.deepEqual(both.map(numberOf), Array.from({ length: 2 * n }, (_, i) => i >> 1));
      assert.deepEqual(both.map((m) => m.headers.subscription), Array.from({ length: 2 * n }, (_, i) => (i % 2 ? 'all' : 'exact')));
      for (const client of [...clients, twice]) await client.expectSilence(20);
      const stats = await server.stats();
      assert.equal(stats.delivered, n * (clients.length + 2));
      assert.equal(stats.dropped_queue + stats.dropped_congested, 0);
    });
  }

  for (const transport of ['ws', 'tcp']) {
    test(`sockets that fill up amid a burst lose and double nothing (${transport})`, async (t) => {
      const server = await start({ t, tcp: true, set: ['limits.queue-size=64m', 'limits.queue-messages=100000'] });
      const readers = [];
      for (let i = 0; i < 4; i++) {
        const reader = await stomp(server, { t, transport });
        await reader.subscribe(TOPIC);
        reader.pause();
        readers.push(reader);
      }
      const publisher = await stomp(server, { t });
      // Sizes that put the end of what a socket takes anywhere in a burst.
      let n = 0;
      for (const bytes of [100, 3000, 900, 1500, 700]) {
        for (let i = 0; i < 12; i++) {
          publisher.raw(sends(n, 40, 'y'.repeat(bytes)));
          n += 40;
        }
        await publisher.request('UNSUBSCRIBE', { id: 'none' });
        for (const reader of readers.slice(1)) { // the first reads nothing until the end
          reader.resume();
          await sleep(5);
          reader.pause();
        }
      }
      for (const reader of readers) reader.resume();
      for (const reader of readers) await expectAll(reader, n);
      for (const reader of readers) await reader.expectSilence(20);
    });
  }

  for (const policy of ['drop-oldest', 'drop-newest']) {
    test(`queue-messages counts single messages of bursts with ${policy}`, async (t) => {
      const server = await start({
        // one worker: what has been published before a receipt has been delivered before it, too
        t, set: ['server.workers=1', 'limits.queue-messages=50', 'limits.queue-size=64m', `limits.queue-policy=${policy}`],
      });
      const reader = await stomp(server, { t });
      await reader.subscribe(TOPIC);
      reader.pause();
      const publisher = await stomp(server, { t });
      let n = 0;
      let stats;
      do {
        for (let i = 0; i < 10; i++, n += 30) publisher.raw(sends(n, 30, 'z'.repeat(2000)));
        await publisher.request('UNSUBSCRIBE', { id: 'none' });
        stats = await server.stats();
        assert.ok(n < 60000, 'the socket never fills up');
      } while (stats.dropped_queue < 100);
      const kept = n - stats.dropped_queue;
      reader.resume();
      const numbers = (await reader.messages(kept, 20000)).map(numberOf);
      assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
      assert.equal(new Set(numbers).size, kept);
      if (policy === 'drop-oldest') assert.equal(numbers.at(-1), n - 1);
      await reader.expectSilence(50);
      const after = await server.stats();
      assert.equal(after.dropped_queue, stats.dropped_queue);
    });
  }
});
