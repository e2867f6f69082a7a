// What the documents for newcomers say is so.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { build, root, run, start } from './lib/server.mjs';
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

test('folders of core include only what core/CMakeLists.txt lets them', () => {
  const deps = new Map([...read('core/CMakeLists.txt').matchAll(/^plug_core_module\((\w+)\s+DEPS ([^)]*)\)/gm)]
    .map(([, name, list]) => [name, [...list.matchAll(/\bplug_(\w+)/g)].map((found) => found[1])]));
  assert.ok(deps.size >= 19, [...deps.keys()].join());
  const allowed = (name) => new Set([name, ...(deps.get(name) ?? []).flatMap((each) => [...allowed(each)])]);
  assert.ok(!allowed('net').has('ops') && allowed('ops').has('net'));
  for (const name of deps.keys()) {
    const may = allowed(name);
    for (const file of readdirSync(join(root, 'core', name)).filter((each) => /\.[ch]$/.test(each))) {
      for (const [, folder] of read(`core/${name}/${file}`).matchAll(/^#include "(\w+)\//gm)) assert.ok(may.has(folder), `core/${name}/${file} includes ${folder}/`);
    }
  }
});

// Those marked `as-root` need a machine of their own: ./dev test package runs them.
test('the commands of the operator\'s guide', async (t) => {
  const server = await start({ t });
  const blocks = [...read('docs/operating.md').matchAll(/^ *```sh\n([^]*?)^ *```/gm)].map((found) => found[1]);
  assert.ok(blocks.length >= 2, `${blocks.length} blocks`);
  const env = { ...process.env, PATH: `${join(build, 'bin')}:${process.env.PATH}` };
  for (const block of blocks) {
    const child = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', block.replaceAll(':8080', `:${server.httpPort}`)], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill());
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text; });
    const code = await new Promise((done) => { child.on('close', done); });
    assert.equal(code, 0, `${block}${output}`);
  }
});

test('the warnings that the operator\'s guide explains are those of the server, and its counters, too', async () => {
  const sources = ['core', 'plugins'].flatMap((dir) => readdirSync(join(root, dir), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.name.endsWith('.c'))
    .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8').replace(/"\s*(?:PRI[a-zA-Z0-9]+\s*)?"/g, '')));
  const guide = read('docs/operating.md');
  const [, table] = /^## What the warnings mean\n([^]*?)^## /m.exec(guide);
  const lines = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map((found) => found[1]);
  assert.ok(lines.length >= 30, `${lines.length} lines`);
  for (const line of lines) {
    // What is filled in stands as an ellipsis.
    const pieces = line.split('…').map((piece) => piece.trim()).filter((piece) => piece.length > 2);
    assert.ok(sources.some((source) => pieces.every((piece) => source.includes(piece))), line);
  }
  const { stdout } = await run(['--config-reference']);
  const [, alarms] = /^What deserves an alarm:\n([^]*?)^## /m.exec(guide);
  const counters = [...alarms.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map((found) => found[1]);
  assert.ok(counters.length >= 8);
  for (const counter of counters) assert.ok(stdout.includes(`\n| \`${counter}\` |`), counter);
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
