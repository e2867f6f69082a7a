// The SDK as a stranger has it, and plugins that were built with it in the server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';

import { build, run, start } from './server.mjs';
import { stomp } from './stomp.mjs';

// Under a umask that lets the group write, which the server minds. Without what this test was started with:
// nothing else is to be found than the prefix.
export function shell(command, { cwd, env = {} } = {}) {
  const { CMAKE_PREFIX_PATH, CFLAGS, CXXFLAGS, LDFLAGS, MAKEFLAGS, ...rest } = process.env;
  return new Promise((done, broken) => {
    execFile('bash', ['--norc', '-euo', 'pipefail', '-c', `umask 002\n${command}`], { cwd, env: { ...rest, ...env }, timeout: 300000 }, (error, stdout, stderr) => {
      if (error) broken(new Error(`${command}\n${stdout}${stderr}`, { cause: error }));
      else done(stdout + stderr);
    });
  });
}

// Into an empty prefix below that directory, whose name has a blank.
export async function installSdk(work) {
  const prefix = join(work, 'the prefix');
  await shell(`cmake --install "${build}" --component devel --prefix "${prefix}"`);
  return prefix;
}

export async function exportsOneSymbol(plugin) {
  assert.match((await shell(`nm -D --defined-only "${plugin}"`)).trim(), /^[0-9a-f]+ [DR] plug_plugin_entry$/);
}

// A broker and, if there is one, an application with rooms, as the templates in other languages are. Their
// sections are named `name`.
export async function speaksRooms(t, { broker, app, name }) {
  for (const file of [broker, app].filter(Boolean)) {
    await exportsOneSymbol(file);
    const { code, stdout } = await run(['--plugin-info', file]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^id=org\\.example\\.(broker|app)\\.${name}$`, 'm'));
  }
  const server = await start({
    t,
    set: [`broker.plugin=${broker}`, `broker.${name}.max-payload=20`, 'access.topics=send, subscribe /topic/**',
      ...(app ? [`app.plugins=${app}`, `app.${name}.max-text=10`, 'destinations.app=/app', 'access.app=send /app/**'] : [])],
  });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/rooms/attic');
  for (let i = 0; i < 10; i++) client.send('/topic/rooms/attic', String(i));
  await client.request('SEND', { destination: '/topic/rooms/attic' }, 'the last of them');
  assert.deepEqual((await client.messages(11)).map((frame) => frame.body), [...Array(10).keys(), 'the last of them'].map(String));
  if (app) {
    await client.request('SEND', { destination: '/app/rooms/attic' }, 'hello');
    assert.equal((await client.expect('MESSAGE')).body, 'somebody: hello');
    client.send('/app/rooms/attic', 'hello, world', { receipt: 'refused' });
    await client.expect('ERROR', { 'error-code': 'too-long', 'receipt-id': 'refused' });
  }
  client.send('/topic/rooms/attic', 'x'.repeat(21), { receipt: 'too much' });
  await client.expect('ERROR', { 'receipt-id': 'too much' });
  await server.stop();
}
