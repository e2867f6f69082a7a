// What carries messages between nodes, so that a test of a cluster runs on each of them: Redis, NATS, and the
// memory of one node, where all "nodes" are the same one.
//
//   shared('what must hold', async (t, carrier) => {
//     const backend = await carrier.start({ t });
//     const node = await startNode({ t, name: 'n1', redis: backend, set: [carrier.option('reconnect-min', '20ms')] });
//     ... backend.kill(), .start(), .freeze(), .thaw(), (await node.stats())[carrier.counter('published')] ...
//   });

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNats } from './nats.mjs';
import { startRedis } from './redis.mjs';

class Carrier {
  // names: of options and counters that are called otherwise than with Redis; probed: the server publishes
  // messages to itself, which the broker counts, since it does not prove by itself that it delivers;
  // longestConnect: of connect-timeout, in ms.
  constructor(id, name, { scheme = id, url = 'url', names = {}, probed = false, longestConnect = 60000, start }) {
    Object.assign(this, { id, name, scheme, url, names, probed, longestConnect, spawn: start });
    this.lost = new RegExp(`lost ${name} at`);
    this.back = new RegExp(`connected to ${name} at \\S+ again after (\\d+\\.\\d+) s`);
  }

  async start(options) { return Object.assign(await this.spawn(options), { carrier: this }); }

  // The way to a backend through a proxy in front of it.
  through(proxy) { return { url: `${this.scheme}://127.0.0.1:${proxy.port}`, carrier: this }; }

  counter(name) { return `broker.${this.id}.${this.names[name] ?? name}`; }
  // Of messages, as a counter has them. tried: with those that were refused, since NATS may have taken some of
  // them before the connection broke.
  assertCount(counted, taken, what, tried = taken) {
    if (this.probed) assert.ok(counted >= taken && counted < tried + 100, `${what}: ${counted}, and ${taken} of ${tried} were taken`);
    else assert.equal(counted, taken, what);
  }

  option(name, value) { return `${this.counter(name)}=${value}`; }
}

export const redis = new Carrier('redis', 'Redis', { start: startRedis });
export const nats = new Carrier('nats', 'NATS', {
  url: 'servers', names: { 'probe-interval': 'ping-interval', 'probe-timeout': 'ping-timeout', topics: 'subjects' }, probed: true, longestConnect: 4000, start: startNats,
});
export const memory = new Carrier('memory', 'memory', { start: async () => ({}) });

// One test for each of them.
export function shared(title, body, on = [redis, nats]) {
  for (const carrier of on) test(`${title}, ${carrier.name}`, (t) => body(t, carrier));
}
