// What the documents for newcomers say is so.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { root, run, start } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const read = (path) => readFileSync(join(root, path), 'utf8');

test('every key that docs/spring.md names is there', async () => {
  const { stdout } = await run(['--config-reference']);
  const keys = new Map();
  for (const [, title, body] of stdout.matchAll(/^## `\[([a-z]+)[^\]]*\]`\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)) {
    keys.set(title, [...body.matchAll(/^\| `([a-z-]+)` \|/gm)].map((found) => found[1]));
  }
  const named = [...read('docs/spring.md').matchAll(/`\[([a-z]+)\] ([a-z-]+)`/g)];
  assert.ok(named.length > 25, `${named.length} keys`);
  for (const [text, section, key] of named) assert.ok(keys.get(section)?.includes(key), text);
});

test('links between documents lead somewhere', () => {
  const files = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
  const anchor = (title) => title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replace(/ /g, '-');
  for (const file of files) {
    for (const [, target] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, fragment] = target.split('#');
      const there = path ? join(dirname(file), path) : file;
      assert.ok(existsSync(join(root, there)), `${file}: ${target}`);
      if (!fragment || !there.endsWith('.md')) continue;
      const titles = [...read(there).matchAll(/^#+ (.*)$/gm)].map((found) => anchor(found[1]));
      assert.ok(titles.includes(fragment), `${file}: ${target}`);
    }
  }
});

// The system's own Python, for that is where the Debian package goes.
for (const [language, program] of [['python', [process.env.PYTHON || '/usr/bin/python3', '-']], ['sh', ['bash', '-s']]]) {
  test(`how a backend publishes, in ${language}`, async (t) => {
    const server = await start({ t, tcp: true });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/news');
    const [, code] = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(read('docs/publishing.md'));
    const child = spawn(program[0], program.slice(1), { stdio: ['pipe', 'ignore', 'inherit'] });
    t.after(() => child.kill());
    child.stdin.end(code.replaceAll('61613', String(server.tcpPort)));
    const message = await client.expect('MESSAGE', {}, 20000);
    assert.match(message.body, language === 'python' ? /"title": "It works"/ : /^hello$/);
  });
}
