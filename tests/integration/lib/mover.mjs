// Clients that come through a restart of their node as docs/protocol.md describes it: told
// beforehand, they make a new connection before the old one ends.

import assert from 'node:assert/strict';

import { sleep } from './server.mjs';
import { stomp } from './stomp.mjs';

class Connection {
  constructor(client, owner) {
    this.client = client;
    this.receipts = new Map();
    this.n = 0;
    this.ended = this.listen(owner);
  }

  async listen(owner) {
    try {
      for (;;) {
        const frame = await this.client.next(3600000);
        if (frame.command === 'RECEIPT') this.receipts.get(frame.headers['receipt-id'])?.('taken');
        else owner.on(frame, this);
      }
    } catch (error) {
      if (!this.client.closed) throw error;
    } finally {
      for (const done of this.receipts.values()) done('lost');
    }
  }

  // 'taken', or 'lost' if the connection ended before it was answered.
  request(command, headers, body) {
    const receipt = `r${this.n}`;
    this.n += 1;
    return new Promise((done) => {
      this.receipts.set(receipt, done);
      if (this.client.closed) done('lost');
      else this.client.frame(command, { ...headers, receipt }, body);
    }).finally(() => this.receipts.delete(receipt));
  }
}

export class Mover {
  // server: the balancer, with url(); destination: all that it subscribes to
  constructor(server, t, destination) {
    Object.assign(this, { server, t, destination });
    this.seen = new Map(); // message-id -> the connection that it came over first
    this.bodies = [];
    this.moves = 0;
    this.errors = [];
    this.running = true;
  }

  async connect() {
    for (;;) {
      try {
        const client = await stomp(this.server, { t: this.t, connect: { notices: 'restart' } });
        const connection = new Connection(client, this);
        if (await connection.request('SUBSCRIBE', { destination: this.destination, id: 's' }) === 'taken') return connection;
      } catch (error) {
        if (!this.running) throw error;
      }
      await sleep(50);
    }
  }

  async start() {
    this.current = await this.connect();
    return this;
  }

  on(frame, from) {
    if (frame.command === 'ERROR') {
      if (frame.headers['error-code'] !== 'restarting') this.errors.push(frame.body);
      return;
    }
    assert.equal(frame.command, 'MESSAGE');
    if (frame.headers.destination === '/plugboard/server') {
      assert.equal(frame.headers.event, 'restart');
      this.move(from, Number(frame.headers['reconnect-in'] ?? 0)).catch((error) => this.errors.push(error.message));
      return;
    }
    const id = frame.headers['message-id'];
    const first = this.seen.get(id);
    if (!first) {
      this.seen.set(id, from);
      this.bodies.push(frame.body);
    } else {
      // It has come over both: the old connection has nothing that is older.
      const old = first === this.current ? from : first;
      if (first === from) this.errors.push(`${id} came twice over one connection`);
      else if (old !== this.current) old.caughtUp?.();
    }
  }

  async move(from, wait) {
    await sleep(wait);
    const caughtUp = new Promise((done) => { from.caughtUp = done; });
    const next = await this.connect();
    this.current = next;
    this.moves += 1;
    await Promise.race([caughtUp, from.ended]);
    await from.request('DISCONNECT');
    from.client.close();
  }

  // Publishes until stop(), each message until it is taken.
  publish(name, everyMs) {
    this.taken = [];
    let waiting = 0;
    const send = async (body) => {
      waiting += 1;
      while (await this.current.request('SEND', { destination: this.destination }, body) !== 'taken') await sleep(20);
      this.taken.push(body);
      waiting -= 1;
    };
    this.published = (async () => {
      for (let i = 0; this.running || waiting; i += 1) {
        if (this.running) send(`${name}:${i}`).catch((error) => this.errors.push(error.message));
        await sleep(everyMs);
      }
    })();
  }

  async stop() {
    this.running = false;
    await this.published;
  }
}
