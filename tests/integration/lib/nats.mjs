// A real nats-server for a test, on a free port of 127.0.0.1.
//
//   const nats = await startNats({ t });
//   ... nats.port, nats.url ...
//   await nats.kill(); await nats.start();      // the same port again

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './ports.mjs';
import { freeze, until } from './server.mjs';

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

// The first line that a server on that port says.
function greeting(port) {
  return new Promise((done) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (bytes) => { done(bytes.toString()); socket.destroy(); });
    socket.on('close', () => done(''));
  });
}

class Nats {
  constructor({ port, config = '', tls = false }) {
    this.port = port;
    this.config = config;
    this.url = `${tls ? 'tls' : 'nats'}://127.0.0.1:${port}`;
    this.dir = mkdtempSync(join(tmpdir(), 'plugboard-nats-'));
    this.child = null;
    this.output = '';
  }

  // Starts the process, again after kill(), and waits until it answers.
  async start() {
    assert.equal(this.child, null, 'this NATS runs already');
    const file = join(this.dir, 'nats.conf');
    writeFileSync(file, `host: "127.0.0.1"\nport: ${this.port}\n${this.config}\n`);
    const child = spawn('nats-server', ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    alive.add(child);
    const keep = (text) => { this.output = (this.output + text).slice(-20000); };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    this.ended = new Promise((done) => {
      const end = () => { alive.delete(child); done(); };
      child.on('error', (error) => { keep(error.message); end(); });
      child.on('exit', end);
    });
    await until(async () => {
      assert.equal(child.exitCode, null, `nats-server ended:\n${this.output}`);
      return /^INFO /.test(await greeting(this.port));
    }, `nats-server on port ${this.port}`, 10000);
  }

  // As a crash.
  async kill() {
    const { child } = this;
    if (!child) return;
    this.child = null;
    child.kill('SIGKILL');
    await this.ended;
  }

  freeze() { freeze(this.child.pid); }
  thaw() { this.child.kill('SIGCONT'); }

  async end() {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// Options: t, port (default: any free one), start (false: later), config (text of the file, beside host and
// port), tls.
export async function startNats({ t, port, start = true, ...options }) {
  const nats = new Nats({ port: port ?? await freePort(), ...options });
  t.after(() => nats.end());
  if (start) await nats.start();
  return nats;
}
