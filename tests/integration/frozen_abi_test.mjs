// Plugins that were built for older minors of the ABI, in the server of today.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { build, root, run, start } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const frozen = readdirSync(join(root, 'tests/abi')).map((name) => /^frozen-0\.(\d+)$/.exec(name)?.[1]).filter(Boolean).map(Number).sort((a, b) => a - b);
const newest = Number(/define PLUG_ABI_MINOR (\d+)/.exec(readFileSync(join(root, 'core/include/plugboard/abi.h'), 'utf8'))[1]);

test('no minor is left out', () => {
  assert.deepEqual(frozen.filter((minor) => minor < newest), Array.from({ length: newest - 1 }, (_, i) => i + 1));
  const page = readFileSync(join(root, 'docs/abi.md'), 'utf8');
  assert.ok(page.includes(`today's server speaks 0.${newest} and loads plugins from 0.${frozen[0]} on`));
});

describe('plugins of older minors', { concurrency: 3 }, () => {
  // By the headers of that time, and by today's with PLUG_TARGET_MINOR.
  for (const [way, minor] of frozen.flatMap((each) => [['frozen', each], ['target', each]])) {
    const file = (kind) => join(build, `tests/abi/${way}-0.${minor}/${kind}-frozen.so`);
    const hasApp = minor >= 3;

    test(`${way} 0.${minor}: their descriptors are read`, async () => {
      assert.equal(existsSync(file('app')), hasApp);
      for (const kind of ['broker', 'auth', ...(hasApp ? ['app'] : [])]) {
        const { code, stdout } = await run(['--plugin-info', file(kind)]);
        assert.equal(code, 0);
        assert.match(stdout, new RegExp(`^abi=0\\.${minor}$`, 'm'));
        assert.match(stdout, new RegExp(`^kinds=${kind}$`, 'm'));
      }
    });

    test(`${way} 0.${minor}: they run`, async (t) => {
      const app = hasApp ? [`app.plugins=${file('app')}`, 'destinations.app=/app'] : [];
      const rules = hasApp ? ['access.app=send /app/** if authenticated'] : [];
      const server = await start({
        t,
        set: [`broker.plugin=${file('broker')}`, 'broker.frozen.delay=2ms', `auth.plugins=${file('auth')}`, ...app, ...rules,
          'access.read=subscribe /topic/read/** if role READER', 'access.asked=subscribe, send /topic/asked/** if plugin', 'access.rooms=subscribe /topic/{room} if authenticated'],
      });
      const client = await stomp(server, { t, connect: { login: 'otto', passcode: 'otto' } });
      assert.equal(client.session.headers['user-name'], 'otto');
      await client.subscribe('/topic/read/a');
      await client.subscribe('/topic/asked/open');
      for (let i = 0; i < 20; i++) client.send('/topic/asked/open', String(i));
      await client.request('SEND', { destination: '/topic/asked/open' }, 'last');
      const bodies = (await client.messages(21)).map((frame) => frame.body);
      assert.deepEqual(bodies, [...Array.from({ length: 20 }, (_, i) => String(i)), 'last']);
      if (hasApp) {
        await client.subscribe('/topic/attic');
        await client.request('SEND', { destination: '/app/loud/attic' }, 'hello');
        assert.equal((await client.expect('MESSAGE')).body, 'otto: hello');
      }
      client.send('/topic/asked/shut', 'x');
      await client.expectError(/access denied/);
      const stranger = await open(server, { t });
      stranger.frame('CONNECT', { 'accept-version': '1.2', login: 'eve', passcode: 'guess' });
      assert.equal((await stranger.expect('ERROR')).headers['error-code'], 'authentication-failed');
      const ready = await fetch(server.url('/ready'));
      assert.equal(ready.status, 200);
      await ready.arrayBuffer();
    });
  }
});
