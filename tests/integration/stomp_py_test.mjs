// Runs stomp_py.py, the tests with Debian's python3-stomp, against a server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { patience, start, until, within } from './lib/server.mjs';

const script = join(dirname(fileURLToPath(import.meta.url)), 'stomp_py.py');
// The system's own Python, for that is where the Debian package goes.
const python = process.env.PYTHON || '/usr/bin/python3';

test('python3-stomp over TCP', async (t) => {
  // stomp.py gives a beat half an interval more.
  const interval = 2000;
  const server = await start({ t, tcp: true, set: ['limits.max-unacked=4', 'server.workers=2',
    `stomp.heart-beat-send=${interval}ms`, `stomp.heart-beat-receive=${interval}ms`] });
  const child = spawn(python, [script], {
    env: { ...process.env, PLUGBOARD_PORT: String(server.tcpPort), PLUGBOARD_HEARTBEAT: String(interval),
      PLUGBOARD_WAIT: String(patience(5000)) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { output += text; });
  const code = await within(new Promise((done, broken) => {
    child.on('error', broken);
    child.on('close', done);
  }), 120000, 'stomp_py.py');
  if (/No module named 'stomp'/.test(output)) throw new Error('install the Debian package python3-stomp');
  assert.equal(code, 0, output);
  const ran = /Ran (\d+) tests/.exec(output);
  assert.ok(ran && Number(ran[1]) >= 12, output);
  assert.ok(!/skipped/.test(output), output);
  t.diagnostic(`${ran[1]} tests`);
  await until(async () => (await server.stats()).connections === 0, 'no connections');
  const stats = await server.stats();
  assert.equal(stats.sessions, 0);
  assert.equal(stats.subscriptions, 0);
});
