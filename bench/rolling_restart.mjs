// A rolling restart of three nodes with one Redis behind HAProxy under load: are messages lost, and
// how many clients connect in the busiest second? Prints a table; the exit status is 1 when a
// message was lost, or more clients came in a second than --rate allows.
//
//   node bench/rolling_restart.mjs [--clients 900] [--rate 100] [--drain-time 30s] [--every 50]
//
// Half of the clients ask for notices and make the new connection before the old one ends, as
// docs/protocol.md describes it ("When the server stops"); the others connect again after
// reconnect-in. --every: ms between the messages of each of three publishers, to all clients.
// PLUGBOARD_BUILD names the build directory.

import { parseArgs } from 'node:util';

import { startBalancer } from '../tests/integration/lib/balancer.mjs';
import { startNode, waitReady } from '../tests/integration/lib/cluster.mjs';
import { Mover } from '../tests/integration/lib/mover.mjs';
import { freePort } from '../tests/integration/lib/ports.mjs';
import { startRedis } from '../tests/integration/lib/redis.mjs';
import { sleep, until } from '../tests/integration/lib/server.mjs';
import { stomp } from '../tests/integration/lib/stomp.mjs';

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '900' },
    rate: { type: 'string', default: '100' },
    'drain-time': { type: 'string', default: '30s' },
    every: { type: 'string', default: '50' },
  },
});
const clients = Number(options.clients);
const rate = Number(options.rate);

const cleanups = [];
const t = { after: (fn) => cleanups.push(fn) };

// Comes back when it is told to, and misses what is published in between.
class Returner {
  constructor(server) {
    this.server = server;
    this.returns = 0;
    this.gaps = []; // ms without a subscription
    this.running = true;
  }

  async connect() {
    for (;;) {
      try {
        const client = await stomp(this.server, { t });
        await client.subscribe('/topic/a');
        return client;
      } catch {
        await sleep(100);
      }
    }
  }

  async start() {
    this.client = await this.connect();
    this.done = this.run();
    return this;
  }

  async run() {
    while (this.running) {
      let frame;
      try {
        frame = await this.client.next(3600000);
      } catch {
        return;
      }
      if (frame.command !== 'ERROR') continue;
      const began = Date.now();
      await this.client.waitForClose();
      await sleep(Number(frame.headers['reconnect-in']));
      this.client = await this.connect();
      this.gaps.push(Date.now() - began);
      this.returns += 1;
    }
  }
}

// The most lines within a second.
function busiest(times) {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last += 1) {
    while (times[last] - times[first] >= 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

const stamps = (node, pattern) => node.log.filter((line) => pattern.test(line)).map((line) => Date.parse(line.slice(0, 24)));

async function main() {
  const redis = await startRedis({ t });
  const ports = [await freePort(), await freePort(), await freePort()];
  const all = [];
  const startOne = async (i) => {
    const node = await startNode({
      t, name: `node-${i + 1}`, redis, http: ports[i], patient: true,
      set: ['server.stop-delay=3s', `server.drain-time=${options['drain-time']}`, 'server.drain-overlap=5s', `server.drain-rate=${rate}`,
        'server.log-level=debug', 'stomp.heart-beat-send=0'],
    });
    all.push(node);
    return node;
  };
  const nodes = await Promise.all(ports.map((_, i) => startOne(i)));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const balancer = await startBalancer(t, 'haproxy', ports);
  const movers = [];
  const returners = [];
  for (let i = 0; i < clients; i += 1) {
    if (i % 2) returners.push(await new Returner(balancer).start());
    else movers.push(await new Mover(balancer, t, '/topic/a').start());
  }
  movers.slice(0, 3).forEach((mover, i) => mover.publish(`p${i}`, Number(options.every)));
  await sleep(2000);
  const began = Date.now();
  console.log('node  closed or told  in s   most a second');
  for (let i = 0; i < nodes.length; i += 1) {
    await nodes[i].stop({ ms: 300000 });
    const start = Date.parse(nodes[i].log.find((line) => /closing \d+ sessions/.test(line)).slice(0, 24));
    const end = nodes[i].log.findLast((line) => / drain_notices=/.test(line));
    const n = Number(/ drain_notices=(\d+)/.exec(end)[1]) + Number(/ closed_drain=(\d+)/.exec(end)[1]);
    const others = all.filter((node) => node !== nodes[i]).flatMap((node) => stamps(node, / connected session=/)).filter((at) => at >= start).sort((a, b) => a - b);
    console.log(`${i + 1}     ${String(n).padEnd(14)}  ${((others.at(-1) - start) / 1000).toFixed(1).padEnd(5)}  ${busiest(others)}`);
    nodes[i] = await startOne(i);
    await waitReady(nodes[i]);
    await sleep(3000);
  }
  await Promise.all(movers.slice(0, 3).map((mover) => mover.stop()));
  const taken = movers.slice(0, 3).flatMap((mover) => mover.taken);
  await until(() => movers.every((mover) => mover.bodies.length >= taken.length), 'all messages').catch(() => {});
  const connects = all.flatMap((node) => stamps(node, / connected session=/)).filter((at) => at >= began).sort((a, b) => a - b);
  const lost = movers.reduce((sum, mover) => { const set = new Set(mover.bodies); return sum + taken.filter((body) => !set.has(body)).length; }, 0);
  const errors = movers.flatMap((mover) => mover.errors);
  const gaps = returners.flatMap((each) => each.gaps).sort((a, b) => a - b);
  console.log(`\n${clients} clients, ${taken.length} messages to each, drain-rate ${rate}`);
  console.log(`moves ${movers.reduce((sum, mover) => sum + mover.moves, 0)}, lost by those who move: ${lost}, errors: ${errors.length} ${errors[0] ?? ''}`);
  console.log(`returns ${gaps.length}, away for a median of ${gaps[gaps.length >> 1]} ms, at most ${gaps.at(-1)} ms`);
  console.log(`connects in the busiest second of all: ${busiest(connects)} (drain-rate ${rate})`);
  for (const each of [...movers, ...returners]) each.running = false;
  return lost || errors.length || busiest(connects) > rate ? 1 : 0;
}

let status = 1;
try {
  status = await main();
} finally {
  for (const each of cleanups.reverse()) await each();
}
process.exit(status);
