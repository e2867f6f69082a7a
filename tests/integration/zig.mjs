// The template in Zig, built with the installed SDK and loaded into the server: `./dev test zig`, which says
// in PLUGBOARD_ZIG how Zig is called.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { installSdk, shell, speaksRooms } from './lib/sdk.mjs';

test('in Zig', async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'plugboard-zig-'));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  const PREFIX = await installSdk(work);
  const dir = join(work, 'broker');
  cpSync(join(PREFIX, 'share/plugboard/sdk/template-zig'), dir, { recursive: true });
  const said = await shell('make ZIG="$PLUGBOARD_ZIG" PREFIX="$PREFIX" broker-zig.so test', { cwd: dir, env: { PREFIX } });
  assert.match(said, /All \d+ tests passed/);
  await speaksRooms(t, { broker: join(dir, 'broker-zig.so'), name: 'zig' });
});
