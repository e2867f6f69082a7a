// Messages that flow all the time, so that it shows what a change of the server does to them: real
// stompjs clients that subscribe, others that publish with receipts, and a count of every message.
//
//   const load = await startLoad(t, [n1, n2], { subscribers: 4, publishers: 2 });
//   ...
//   const { sent, slowest } = await load.end(); // fails over a message lost, doubled, out of order

import assert from 'node:assert/strict';

import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';

import { patience, sleep, until, within } from './server.mjs';

export async function connectApp(t, server) {
  const client = new Client({ reconnectDelay: 0, heartbeatIncoming: 0, heartbeatOutgoing: 0 });
  const app = { client, lost: [], errors: [] };
  client.webSocketFactory = () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.httpPort}/ws`, client.stompVersions.protocolVersions(), { perMessageDeflate: false });
    socket.on('error', () => {});
    return socket;
  };
  client.onWebSocketClose = (event) => { if (!app.over) app.lost.push(event.code); };
  client.onStompError = (frame) => app.errors.push(frame.headers.message);
  const connected = new Promise((done) => { client.onConnect = done; });
  const end = () => { app.over = true; return client.deactivate({ force: true }); };
  t.after(end);
  app.end = end;
  client.activate();
  await within(connected, patience(5000), 'CONNECTED');
  return app;
}

let receipts = 0;
export function receiptOf(app, act) {
  receipts += 1;
  const id = `r-${receipts}`;
  const arrived = new Promise((done) => { app.client.watchForReceipt(id, done); });
  act(id);
  return within(arrived, patience(5000), `the receipt ${id}`);
}

// topics: each subscriber takes one of them by turns, and one more the pattern, if there is one;
// each publisher sends to all of them.
export async function startLoad(t, nodes, { subscribers = 4, publishers = 2, topics = ['/topic/a', '/topic/b'], pattern, pause = 2 } = {}) {
  const listeners = [], senders = [];
  let running = true;
  for (let i = 0; i < subscribers; i++) {
    const app = await connectApp(t, nodes[i % nodes.length]);
    const destination = pattern && i % 4 === 3 ? pattern : topics[Math.floor(i / nodes.length) % topics.length];
    const listener = { app, destination, next: new Map(), n: 0, faults: [] };
    await receiptOf(app, (receipt) => app.client.subscribe(destination, ({ body, headers }) => {
      const [name, number] = body.split(':');
      const key = `${headers.destination} ${name}`, wanted = listener.next.get(key) ?? 0;
      if (Number(number) !== wanted) listener.faults.push(`${body} on ${headers.destination} where ${wanted} was to come`);
      listener.next.set(key, Number(number) + 1);
      listener.n += 1;
    }, { receipt }));
    listeners.push(listener);
  }
  for (let i = 0; i < publishers; i++) {
    const app = await connectApp(t, nodes[i % nodes.length]);
    const sender = { app, name: `p${i}`, sent: 0, slowest: 0 };
    sender.done = (async () => {
      while (running) {
        const began = performance.now();
        await Promise.all(topics.map((destination) => receiptOf(app, (receipt) => app.client.publish({
          destination, body: `${sender.name}:${sender.sent}`, headers: { receipt } }))));
        sender.slowest = Math.max(sender.slowest, performance.now() - began);
        sender.sent += 1;
        if (pause) await sleep(pause);
      }
    })();
    sender.done.catch(() => {});
    senders.push(sender);
  }
  const load = { listeners, senders, get sent() { return senders.reduce((sum, each) => sum + each.sent, 0); } };
  // So that there are messages in between.
  load.more = async (n = 20) => {
    const from = load.sent;
    await until(() => load.sent >= from + n, `${n} more messages`);
  };
  load.end = async () => {
    running = false;
    await Promise.all(senders.map((each) => each.done));
    for (const { app, destination, next } of listeners) {
      const expected = topics.filter((topic) => topic === destination || destination === pattern);
      await until(() => expected.every((topic) => senders.every(({ name, sent }) => next.get(`${topic} ${name}`) === sent)),
        `all messages on ${destination}`, 5000).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify([...next])}, ${JSON.stringify(senders.map((each) => each.sent))}`); });
      assert.deepEqual([app.lost, app.errors], [[], []]);
    }
    await sleep(50);
    for (const { faults } of listeners) assert.deepEqual(faults.slice(0, 3), []);
    for (const { app, sent } of senders) {
      assert.ok(sent > 0);
      assert.deepEqual([app.lost, app.errors], [[], []]);
    }
    return { sent: load.sent, slowest: Math.max(...senders.map((each) => each.slowest)) };
  };
  return load;
}
