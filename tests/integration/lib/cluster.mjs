// Nodes that share one Redis or another carrier, and what tests of a cluster look at.

import assert from 'node:assert/strict';

import { memory, redis as onRedis } from './carriers.mjs';
import { sleep, slowness, start, until } from './server.mjs';

// A plugboard server with the redis broker, or with that of another carrier that `redis` is of. name: its
// node name; redis: { url }; and what start() takes. Times are short, so that faults are noticed within a
// test, but not so short that a node which waits for a processor takes that for a fault; patient: but for
// the probe, where the test is not about a Redis that is silent.
export const PROBE_TIMEOUT = Math.max(1500, 400 * slowness);
export function startNode({ t, name, redis, set = [], probe = true, patient = false, ...options }) {
  const { carrier = onRedis } = redis;
  const times = probe ? [
    carrier.option('probe-interval', `${100 * slowness}ms`),
    carrier.option('probe-timeout', `${patient ? 5000 * slowness : PROBE_TIMEOUT}ms`),
    carrier.option('reconnect-min', '20ms'),
    carrier.option('reconnect-max', '200ms'),
    carrier.option('connect-timeout', `${Math.min(3000 * slowness, carrier.longestConnect)}ms`),
  ] : [];
  const where = carrier === memory ? [] : [carrier.option(carrier.url, redis.url), ...times];
  return start({
    t,
    ...options,
    set: [`server.node=${name}`, 'server.workers=2', 'server.drain-time=1s', `broker.plugin=${carrier.id}`, ...where, ...set],
  });
}

export async function isReady(node) {
  const answer = await fetch(node.url('/ready'));
  await answer.arrayBuffer();
  return answer.status === 200;
}

export function waitReady(node, ready = true, ms = 10000) {
  return until(async () => (await isReady(node)) === ready, `/ready of ${node.url()} being ${ready}`, ms);
}

// Takes all MESSAGEs that have arrived, as bodies by destination; anything else fails.
export function takeBodies(client, into = new Map()) {
  for (const frame of client.frames.splice(0)) {
    assert.equal(frame.command, 'MESSAGE', `${frame.command} ${JSON.stringify(frame.headers)} ${frame.body}`);
    const { destination } = frame.headers;
    if (!into.has(destination)) into.set(destination, []);
    into.get(destination).push(frame.body);
  }
  return into;
}

// Sends in the background every few milliseconds to one destination, bodies `${name}:${n}`, each
// with a receipt, and notes what became of it: 'taken' (RECEIPT) or 'refused' (recoverable ERROR).
// The client is used for nothing else.
export class Publisher {
  constructor(client, destination, name, everyMs = 2) {
    Object.assign(this, { client, destination, name, everyMs });
    this.sent = 0;
    this.outcome = new Map(); // body -> 'taken' | 'refused'
    this.sentAt = new Map(); // body -> Date.now()
    this.answeredAt = new Map();
    this.running = true;
    this.done = this.run();
  }

  async run() {
    while (this.running) {
      const body = `${this.name}:${this.sent}`;
      this.sent += 1;
      this.sentAt.set(body, Date.now());
      this.client.send(this.destination, body, { receipt: body });
      this.collect();
      await sleep(this.everyMs);
    }
  }

  collect() {
    assert.equal(this.client.closed, null, `the publisher ${this.name} was disconnected`);
    for (const frame of this.client.frames.splice(0)) {
      const body = frame.headers['receipt-id'];
      assert.ok(this.sentAt.has(body), `an answer that nobody waits for: ${JSON.stringify(frame.headers)}`);
      assert.ok(!this.outcome.has(body), `two answers for ${body}`);
      this.answeredAt.set(body, Date.now());
      if (frame.command === 'RECEIPT') {
        this.outcome.set(body, 'taken');
      } else {
        assert.equal(frame.command, 'ERROR');
        assert.equal(frame.headers.recoverable, 'true', JSON.stringify(frame.headers));
        this.outcome.set(body, 'refused');
      }
    }
  }

  // Stops, and waits for the last answers.
  async stop() {
    this.running = false;
    await this.done;
    await until(() => { this.collect(); return this.outcome.size === this.sent; },
      `all answers for ${this.name}`, 15000);
    const counts = { sent: this.sent, taken: 0, refused: 0 };
    for (const what of this.outcome.values()) counts[what] += 1;
    return counts;
  }
}

// Nothing twice, and what each publisher sent in the order it was sent.
export function assertOrdered(bodies, who) {
  const last = new Map();
  for (const body of bodies) {
    const [name, number] = body.split(':');
    const before = last.get(name) ?? -1;
    assert.ok(Number(number) > before, `${who}: ${body} came after ${name}:${before}`);
    last.set(name, Number(number));
  }
}
