// A TCP proxy that plays a bad network between a node and what it connects to.
//
//   const proxy = await startProxy({ t, port: redis.port });
//   proxy.cut();     // ends all connections and refuses new ones
//   proxy.stall();   // connections stay, new ones are accepted, and nothing passes any more
//   proxy.resume();  // passes again, what was held up included
//   proxy.strand();  // connections stay and nothing passes any more, but new ones are as good as any
//
// startLossyProxy() loses packets instead: await proxy.drop(), await proxy.pass(). What was sent
// meanwhile is then up to the sender's kernel.

import { spawn } from 'node:child_process';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { within } from './server.mjs';

class Proxy {
  constructor(port) {
    this.target = port;
    this.mode = 'pass';
    this.pairs = new Set();
    this.server = net.createServer({ allowHalfOpen: true }, (near) => this.onConnection(near));
  }

  onConnection(near) {
    if (this.mode === 'cut') {
      near.on('error', () => {});
      near.destroy();
      return;
    }
    const far = net.connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true });
    const pair = [near, far];
    this.pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.setNoDelay(true);
      from.on('error', () => this.drop(pair));
      from.on('close', () => this.drop(pair));
      from.on('end', () => to.end());
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => { if (this.mode === 'pass') from.resume(); });
    }
    if (this.mode === 'stall') for (const socket of pair) socket.pause();
  }

  drop(pair) {
    if (!this.pairs.delete(pair)) return;
    for (const socket of pair) socket.destroy();
  }

  cut() {
    this.mode = 'cut';
    for (const pair of [...this.pairs]) this.drop(pair);
  }

  stall() {
    this.mode = 'stall';
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  strand() {
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  resume() {
    this.mode = 'pass';
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  close() {
    this.cut();
    return new Promise((done) => this.server.close(done));
  }
}

export async function startProxy({ t, port }) {
  const proxy = new Proxy(port);
  await new Promise((done, broken) => {
    proxy.server.on('error', broken);
    proxy.server.listen(0, '127.0.0.1', done);
  });
  proxy.port = proxy.server.address().port;
  proxy.url = `redis://127.0.0.1:${proxy.port}`;
  t?.after(() => proxy.close());
  return proxy;
}

export async function startLossyProxy({ t, port }) {
  const program = join(dirname(fileURLToPath(import.meta.url)), 'lossy_proxy.py');
  const child = spawn(process.env.PYTHON || '/usr/bin/python3', [program, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((done) => { child.on('close', done); });
  t?.after(() => { child.kill('SIGKILL'); return ended; });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => (await within(lines.next(), 5000, 'an answer of the lossy proxy')).value;
  const order = async (word) => {
    child.stdin.write(`${word}\n`);
    const said = await answer();
    if (said !== word) throw new Error(`the lossy proxy said ${said}`);
  };
  const own = Number(await answer());
  return { port: own, url: `redis://127.0.0.1:${own}`, drop: () => order('drop'), pass: () => order('pass') };
}
