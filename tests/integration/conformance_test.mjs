// plugboard-check on the plugins of this tree that need a server of others. The rest is checked by ctest
// (tests/conformance), and the templates by sdk_test.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { startBackend } from './lib/backend.mjs';
import { startNats } from './lib/nats.mjs';
import { startRedis } from './lib/redis.mjs';
import { build } from './lib/server.mjs';
import { directory } from './lib/tls.mjs';

const kit = join(build, 'bin/plugboard-check');

// All lines of a plugin that has to pass.
function check(t, plugin, ini) {
  const file = join(directory(t), 'check.ini');
  writeFileSync(file, ini);
  const args = ['--config', file, '--section', plugin.replace('-', '.'), join(build, 'lib/plugboard', `${plugin}.so`)];
  return new Promise((done, broken) => {
    execFile(kit, args, { timeout: 600000 }, (error, stdout, stderr) => {
      if (error) broken(new Error(`${plugin}: ${error.message}\n${stdout}${stderr}`));
      else done(stdout.trim().split('\n'));
    });
  });
}

const applies = (lines, id) => assert.match(lines.find((line) => line.startsWith(`${id} `)) ?? `${id} is missing`, /^\S+ +ok /);

// Side by side: they wait most of the time.
test('plugboard-check', { concurrency: 3 }, (all) => Promise.all([
  all.test('broker-redis', async (t) => {
    const redis = await startRedis({ t });
    const lines = await check(t, 'broker-redis', `[broker.redis]
url = redis://127.0.0.1:${redis.port}
presence-ttl = 1s
presence-renew = 200ms
`);
    for (const id of ['L5', 'L6', 'L9', 'O1', 'O3', 'O5', 'B1', 'B8', 'B11', 'B13', 'B14', 'B15', 'B16', 'B17', 'S1', 'S2', 'S3']) applies(lines, id);
  }),
  all.test('broker-nats', async (t) => {
    const nats = await startNats({ t });
    const lines = await check(t, 'broker-nats', `[broker.nats]\nservers = ${nats.url}\n`);
    for (const id of ['L5', 'L6', 'L9', 'T4', 'O1', 'O3', 'O5', 'B1', 'B8', 'B11', 'B14', 'B15', 'B17', 'S1', 'S2', 'S3']) applies(lines, id);
  }),
  all.test('app-webhook', async (t) => {
    const secret = 'a secret of the kit that is long enough';
    const backend = await startBackend({ t, secret, answer: () => ({ publish: [{ destination: '/topic/said', body: 'hello' }] }) });
    const lines = await check(t, 'app-webhook', `[app.webhook]
secret = ${secret}
timeout = 500ms
[app.webhook chat]
url = ${backend.url}
send = /rooms/{room}/chat
subscribe = /rooms/{room}/info
watch = /topic/rooms/{room}
`);
    for (const id of ['L4', 'L8', 'O1', 'O3', 'O5', 'P2', 'P4', 'P5', 'P8', 'S1']) applies(lines, id);
  }),
]));
