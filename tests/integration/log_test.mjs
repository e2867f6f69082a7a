// The log: a pipe that nobody reads, a standard error that is closed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { test } from 'node:test';

import { program, sleep, until, within } from './lib/server.mjs';

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((done) => probe.once('listening', done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

// A server whose standard error is what the shell makes of it; nothing of it reaches the test.
async function launch(t, redirection, set = []) {
  const port = await freePort();
  const options = [`http.listen=127.0.0.1:${port}`, ...set].map((each) => `--set ${each}`).join(' ');
  const child = spawn('/bin/sh', ['-c', `exec "$0" ${options} ${redirection}`, program], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => { child.on('exit', (code, signal) => done({ code, signal })); });
  t.after(() => child.kill('SIGKILL'));
  const get = async () => (await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(20000) })).status;
  await until(() => get().then((status) => status === 200, () => false), 'readiness');
  return { child, ended, get };
}

test('a log pipe that nobody reads holds up neither requests nor signals', async (t) => {
  const server = await launch(t, '', ['server.stats-interval=1ms']); // a line of a kilobyte each time
  server.child.stderr.pause();
  await sleep(2000);
  for (let i = 0; i < 20; i++) assert.equal(await server.get(), 200);
  server.child.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 30000, 'the end'), { code: 0, signal: null });
});

test('a standard error that is closed at the start is no socket later, and no reason to abort', async (t) => {
  const server = await launch(t, '<&- >&- 2>&-');
  for (let i = 0; i < 20; i++) assert.equal(await server.get(), 200);
  server.child.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 30000, 'the end'), { code: 0, signal: null });
});
