// The script ./dev where it is not about building: who may run it, and what it says.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { root } from './lib/server.mjs';

test('what somebody else has built is not run: the way out is named', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard dev '));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  copyFileSync(join(root, 'dev'), join(dir, 'dev'));
  mkdirSync(join(dir, 'build'));
  mkdirSync(join(dir, 'bin'));
  const owner = process.getuid() === 0 ? 'somebody' : 'root';
  writeFileSync(join(dir, 'bin/stat'), `#!/bin/sh\necho ${owner}\n`);
  chmodSync(join(dir, 'bin/stat'), 0o755);
  for (const command of ['run', 'build', 'test']) {
    const { status, stderr } = spawnSync(join(dir, 'dev'), [command], { env: { ...process.env, PATH: `${join(dir, 'bin')}:${process.env.PATH}` }, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, process.getuid() === 0 ? new RegExp(`sudo -u somebody \\./dev ${command}\n.*rm -rf build`) : /sudo chown -R \S+: build/);
  }
});

test('the page has the STOMP client of package-lock.json', () => {
  for (const [kept, file] of [['stomp.umd.min.js', 'bundles/stomp.umd.min.js'], ['stomp.LICENSE.txt', 'LICENSE']]) {
    assert.deepEqual(readFileSync(join(root, 'web/vendor', kept)), readFileSync(join(root, 'node_modules/@stomp/stompjs', file)), `cp node_modules/@stomp/stompjs/${file} web/vendor/${kept}`);
  }
});
