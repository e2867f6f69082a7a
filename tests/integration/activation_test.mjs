// Sockets that systemd has bound (socket activation): a script passes them on as it does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, existsSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freePort } from './lib/ports.mjs';
import { program, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const script = join(dirname(fileURLToPath(import.meta.url)), 'lib/activate.py');

function launch(t, sockets, set) {
  const child = spawn('python3', [script, ...sockets, '--', program, ...set.flatMap((each) => ['--set', each])], { stdio: ['ignore', 'ignore', 'pipe'] });
  const server = { child, log: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => { server.log += text; });
  server.ended = new Promise((done) => { child.on('close', (code, signal) => done({ code, signal })); });
  server.url = (path, scheme = 'http') => `${scheme}://127.0.0.1:${server.httpPort}${path}`;
  t.after(async () => { child.kill('SIGKILL'); await server.ended; });
  return server;
}

test('sockets take the place of the addresses that are theirs, and all workers accept from them', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-passed-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [http, tcp, own] = [await freePort(), await freePort(), await freePort()];
  const path = join(dir, 'api');
  const server = launch(t, [`stomp=127.0.0.1:${tcp}`, `web=127.0.0.1:${http}`, `api=${path}`],
    [`http.listen=127.0.0.1:${http}, 127.0.0.1:${own}`, `tcp.listen=127.0.0.1:${tcp}`, `api.socket=${path}`,
      'api-key k.secret=0123456789abcdef', 'api-key k.rights=publish', 'server.workers=3']);
  Object.assign(server, { httpPort: http, tcpPort: tcp });
  await until(() => /: ready:/.test(server.log), 'ready');
  assert.match(server.log, new RegExp(`listening on http://127\\.0\\.0\\.1:${http}, passed by systemd\n`));
  assert.match(server.log, new RegExp(`listening on http://127\\.0\\.0\\.1:${own}\n`));
  assert.match(server.log, new RegExp(`listening on tcp://127\\.0\\.0\\.1:${tcp}, passed by systemd\n`));
  assert.match(server.log, /listening on http-api:\/\/unix:\S+api, passed by systemd\n/);
  const clients = await Promise.all(Array.from({ length: 40 }, (_, i) => stomp(server, { t, transport: i % 2 ? 'ws' : 'tcp' })));
  for (const client of clients) await client.subscribe('/topic/a');
  clients[0].send('/topic/a', 'to all');
  for (const client of clients) assert.equal((await client.expect('MESSAGE')).body, 'to all');
  const status = await new Promise((done, broken) => {
    request({ socketPath: path, path: '/ready' }, (answer) => { answer.resume(); done(answer.statusCode); }).on('error', broken).end();
  });
  assert.equal(status, 200);
  server.child.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 30000, 'the end'), { code: 0, signal: null });
  assert.ok(existsSync(path), 'the path is systemd\'s to remove');
  assert.ok(!/Sanitizer|runtime error/.test(server.log), server.log);
});

test('a socket that the configuration does not know, or that is none to listen on, stops the start', async (t) => {
  const [http, other] = [await freePort(), await freePort()];
  const stranger = launch(t, [`web=127.0.0.1:${http}`, `old=127.0.0.1:${other}`], [`http.listen=127.0.0.1:${http}`]);
  assert.equal((await within(stranger.ended, 10000, 'the end')).code, 78);
  assert.match(stranger.log, new RegExp(`\nplugboard: systemd has passed a socket for 127\\.0\\.0\\.1:${other} \\('old'\\), which is no listen address of the configuration\n`));
  const datagrams = launch(t, ['web=udp'], [`http.listen=127.0.0.1:${http}`]);
  assert.equal((await within(datagrams.ended, 10000, 'the end')).code, 78);
  assert.match(datagrams.log, /\nplugboard: systemd has passed descriptor 3 \('web'\), which is no listening socket of a stream\n/);
});
