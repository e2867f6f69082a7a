// Runs plugctl, the real one, and servers that misbehave for it.
//
//   const { code, stdout, stderr } = await ctl(['pub', '-u', url, '/topic/a', 'hello']);
//   const sub = startCtl(t, ['sub', ...]); await sub.until(/subscribed/); ... await sub.ended

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { join } from 'node:path';

import { build, within } from './server.mjs';

export const plugctl = join(build, 'bin/plugctl');
const REPORT = /ERROR: (Address|Leak)Sanitizer|ThreadSanitizer|runtime error: /;

class Run {
  constructor(args, { env = {}, input, program = plugctl, cwd } = {}) {
    this.stdout = '';
    this.stderr = '';
    this.watchers = new Set();
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PLUGCTL_')));
    this.child = spawn(program, args, { env: { ...clean, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => {}); // it may end before it has read all
    if (input !== undefined) this.child.stdin.end(input);
    for (const name of ['stdout', 'stderr']) {
      this.child[name].on('data', (bytes) => {
        this[name] += bytes.toString('latin1');
        for (const watcher of this.watchers) watcher();
      });
    }
    const closed = new Promise((done, broken) => {
      this.child.on('error', broken);
      this.child.on('close', (code, signal) => done({ code, signal }));
    });
    this.ended = within(closed, 30000, `plugctl ${args.join(' ')}`).then(({ code, signal }) => {
      for (const name of ['stdout', 'stderr']) this[name] = Buffer.from(this[name], 'latin1').toString('utf8');
      assert.ok(!REPORT.test(this.stderr), `sanitizer report:\n${this.stderr}`);
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
  }

  // Resolves when what it has printed (both streams) matches.
  until(pattern) {
    const matches = () => pattern.test(this.stdout) || pattern.test(this.stderr);
    const found = new Promise((done, broken) => {
      const watcher = () => { if (matches()) { this.watchers.delete(watcher); done(); } };
      this.watchers.add(watcher);
      this.ended.then((end) => (matches() ? done() : broken(new Error(`ended before ${pattern}: ${JSON.stringify(end)}`))), broken);
      watcher();
    });
    return within(found, 20000, `output ${pattern}`);
  }

  kill(signal) { this.child.kill(signal); }
}

export function startCtl(t, args, options) {
  const run = new Run(args, options);
  run.ended.catch(() => {});
  t.after(() => run.child.kill('SIGKILL'));
  return run;
}

export const ctl = (args, options = {}) => new Run(args, { input: '', ...options }).ended;

// A TCP server whose sockets are given to onSocket; closed with the test.
export async function rawServer(t, onSocket) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}
