// docs/compatibility.md says what was tried in which version: that it tells the truth where a
// machine can know.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { root } from './lib/server.mjs';

const read = (file) => readFileSync(join(root, file), 'utf8');
const text = read('docs/compatibility.md');

// All rows of all tables, as objects from the column's head to the cell.
function tables(markdown) {
  const rows = [];
  let heads = null;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) {
      heads = null;
      continue;
    }
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim());
    if (cells.every((cell) => /^-+$/.test(cell))) continue;
    if (heads === null) {
      heads = cells;
      continue;
    }
    assert.equal(cells.length, heads.length, `a cell too few or too many: ${line}`);
    rows.push(Object.fromEntries(heads.map((head, i) => [head, cells[i]])));
  }
  return rows;
}

const rows = tables(text);
const named = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);

test('every test that is named exists, and every row of tested programs names one', () => {
  const tests = text.match(/`\w+_test\.(mjs|c)`/g).map((name) => name.slice(1, -1));
  assert.ok(tests.length > 10);
  for (const name of tests) assert.ok(existsSync(join(root, 'tests/integration', name)), name);
  for (const row of rows) {
    if (row.test !== undefined) assert.ok(named(row.test).length > 0, JSON.stringify(row));
  }
});

test('whatever is tried says its version, and who saw what does not work', () => {
  for (const row of rows) {
    for (const head of ['version', 'Debian 12', 'Debian 13', 'seen by']) {
      if (row[head] !== undefined) assert.notEqual(row[head], '', JSON.stringify(row));
    }
  }
});

test('npm packages: the versions are those of package-lock.json, and none is left out', () => {
  const { packages } = JSON.parse(read('package-lock.json'));
  const versions = [...text.matchAll(/npm `([^`]+)` (?:\| )?(\d+\.\d+\.\d+)/g)];
  for (const [, name, version] of versions) assert.equal(version, packages[`node_modules/${name}`]?.version, name);
  const checked = versions.map(([, name]) => name);
  const used = new Set();
  for (const file of readdirSync(join(root, 'tests/integration'), { recursive: true })) {
    if (!/\.mjs$/.test(file)) continue;
    for (const [, name] of read(join('tests/integration', file)).matchAll(/^(?:import|\}).* from '([^.'][^']*)';$/gm)) used.add(name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/'));
  }
  assert.ok(used.size >= 3, [...used].join());
  for (const name of used) {
    if (!name.startsWith('node:')) assert.ok(checked.includes(name), `${name} is used by tests and not in the tables`);
  }
});

test('Debian packages: ./dev installs them, and their versions are those of the release', () => {
  const dev = read('dev');
  const tested = rows.filter((row) => row['Debian 12'] !== undefined);
  for (const name of ['redis-server', 'chromium', 'python3-stomp', 'nginx-light', 'haproxy']) {
    assert.ok(tested.some((row) => row.package === `\`${name}\``), name);
  }
  const release = { bookworm: 'Debian 12', trixie: 'Debian 13' }[process.env.PLUGBOARD_BARE_RELEASE];
  let compared = 0;
  for (const row of tested) {
    const [name] = named(row.package);
    assert.match(dev, new RegExp(`[ ("=]${name.replace(/[.+]/g, '\\$&')}[ )"\n]`), `${name} is not installed by ./dev`);
    if (release === undefined || row[release] === 'as updated') continue;
    const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Abbrev} ${Version}', name], { encoding: 'utf8' });
    if (status !== 0 || !stdout.startsWith('ii')) continue; // for fuzzing only
    const upstream = stdout.slice(stdout.lastIndexOf(' ') + 1).replace(/^\d+:/, '').replace(/[-+~].*$/, '');
    assert.equal(upstream, row[release], `${name} of ${release}`);
    compared += 1;
  }
  // On a developer's machine versions may come from elsewhere; in a bare root they do not.
  if (release !== undefined) assert.ok(compared >= 8, `${compared} packages`);
});
