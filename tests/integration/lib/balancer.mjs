// The load balancers that etc/ has samples for, started from these with other ports.
//
//   const balancer = await startBalancer(t, 'nginx', [port1, port2]);
//   balancer.url('/ws')

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './ports.mjs';
import { patience, root, until } from './server.mjs';

export const BALANCERS = {
  nginx: {
    file: 'nginx-cluster.conf',
    command: (file, dir) => ['nginx', '-p', `${dir}/`, '-c', file, '-g', 'daemon off;'],
  },
  haproxy: { file: 'haproxy-cluster.cfg', command: (file) => ['haproxy', '-f', file] },
};

// Knows nothing of HTTP, and so is not one of those that tests go through in turn.
const PASSING = { 'haproxy-tcp': { file: 'haproxy-tcp.cfg', command: BALANCERS.haproxy.command } };

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGTERM');
});

// The sample with the ports 8080 (its own), 8081 and 8082 (the nodes) replaced. HAProxy may have more
// nodes. edit: of the text, by the test. tcpPorts: the nodes', instead of 61614 and 61615.
export async function startBalancer(t, name, nodePorts, edit = (text) => text, tcpPorts = []) {
  const { file, command } = BALANCERS[name] ?? PASSING[name];
  const dir = mkdtempSync(join(tmpdir(), `plugboard-${name}-`));
  const port = await freePort();
  const tcpPort = await freePort();
  const ports = { 8080: port, 8081: nodePorts[0], 8082: nodePorts[1], 61613: tcpPort, 61614: tcpPorts[0], 61615: tcpPorts[1] };
  const more = nodePorts.slice(2).map((p, i) => `\n    server node-${i + 3} 127.0.0.1:${p}`).join('');
  const text = edit(readFileSync(join(root, 'etc', file), 'utf8')).replace(/server node-2 .*/g, (line) => line + more);
  const replaced = text.replace(/(127\.0\.0\.1:|port )(808[012]|6161[345])\b/g, (_, before, p) => `${before}${ports[p]}`);
  assert.notEqual(replaced, text);
  const copy = join(dir, file);
  writeFileSync(copy, replaced);
  const [program, ...args] = command(copy, dir);
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'], cwd: dir, env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  alive.add(child);
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => { output += chunk; });
  const ended = new Promise((done) => {
    child.on('error', (error) => { output += error.message; done(); });
    child.on('exit', done);
  });
  t.after(async () => {
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), patience(3000));
    await ended;
    clearTimeout(hard);
    alive.delete(child);
    rmSync(dir, { recursive: true, force: true });
  });
  const url = (path = '/', scheme = 'http') => `${scheme}://127.0.0.1:${port}${path}`;
  await until(async () => {
    assert.equal(child.exitCode, null, `${name} ended:\n${output}`);
    return fetch(url('/ready')).then((answer) => answer.status === 200, () => false);
  }, `${name} being ready`);
  return { url, port, tcpPort };
}
