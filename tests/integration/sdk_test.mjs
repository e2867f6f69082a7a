// The SDK as a stranger has it: installed into an empty prefix, plugins built outside the tree with that
// prefix alone, their own tests run, and each loaded into the server.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { exportsOneSymbol, installSdk, shell, speaksRooms } from './lib/sdk.mjs';
import { build, root, run, start } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const kinds = ['broker', 'auth', 'app'];
const sanitized = /asan|tsan/.test(build); // what is built does not depend on it, only what it is loaded into
const modes = [['C', 11], ['C', 17], ['CXX', 17], ['CXX', 20]].slice(0, sanitized ? 1 : 4);
const compilers = { C: ['cc', 'c'], CXX: ['c++', 'c++'] };

let work;
let prefix;
const sh = (command, options) => shell(command, { cwd: work, ...options });

before(async () => {
  work = mkdtempSync(join(tmpdir(), 'plugboard-sdk-'));
  prefix = await installSdk(work);
});
after(() => rmSync(work, { recursive: true, force: true }));

const template = (kind) => join(prefix, 'share/plugboard/sdk', `template-${kind}`);

// The kit has no word against any of them.
async function conforms(file) {
  const ini = join(work, 'check.ini');
  writeFileSync(ini, '[auth.template]\npassword = open sesame\n[check]\nlogin = check\npasscode = open sesame\n');
  await Promise.all(kinds.map((kind) => sh(
    `"${prefix}/bin/plugboard-check" ${kind === 'auth' ? `--config "${ini}" --section auth.template` : ''} "${file(kind)}"`)));
}

// One server with the three of them.
async function loads(t, file) {
  await conforms(file);
  for (const kind of kinds) {
    await exportsOneSymbol(file(kind));
    const { code, stdout } = await run(['--plugin-info', file(kind)]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^id=org\\.example\\.${kind}\\.template$`, 'm'));
  }
  const server = await start({
    t,
    set: [`broker.plugin=${file('broker')}`, 'broker.template.max-payload=1k', `auth.plugins=${file('auth')}`, 'auth.template.password=open sesame',
      'auth.template.admins=ann', `app.plugins=${file('app')}`, 'app.template.max-text=100', 'destinations.app=/app',
      'access.app=send, subscribe /app/** if authenticated', 'access.topics=send, subscribe /topic/** if plugin'],
  });
  const ann = await stomp(server, { t, connect: { login: 'ann', passcode: 'open sesame' } });
  await ann.subscribe('/topic/rooms/attic');
  await ann.request('SEND', { destination: '/app/rooms/attic' }, 'hello');
  assert.equal((await ann.expect('MESSAGE')).body, 'ann: hello');
  await ann.request('SEND', { destination: '/topic/rooms/attic' }, 'from an administrator');
  assert.equal((await ann.expect('MESSAGE')).body, 'from an administrator');
  const bob = await stomp(server, { t, connect: { login: 'bob', passcode: 'open sesame' } });
  bob.send('/topic/rooms/attic', 'x');
  await bob.expectError(/access denied/);
  await server.stop();
}

test('the prefix holds what the guide says, and nothing of the server', async () => {
  const files = (await sh(`cd "${prefix}" && find . -type f`)).trim().split('\n').map((name) => name.slice(2));
  assert.ok(files.every((name) => /^(bin\/plugboard-check$|(include\/plugboard|share\/(plugboard\/sdk|cmake\/plugboard-plugin|pkgconfig|man\/man[17]))\/)/.test(name)), files.join('\n'));
  const guide = readFileSync(join(root, 'docs/plugin-guide.md'), 'utf8');
  const chapter = guide.slice(guide.indexOf('\n## The SDK\n'), guide.indexOf('\n## Checking a plugin\n'));
  const paths = [...chapter.matchAll(/^\| `([a-z][^`]*)` \|/gm)].map((found) => found[1]);
  assert.equal(paths.length, 13);
  for (const path of paths) assert.ok(files.some((name) => name.startsWith(path)), path);
  const env = { PKG_CONFIG_LIBDIR: join(prefix, 'share/pkgconfig') };
  const header = (name) => new RegExp(`define PLUG_ABI_${name} (\\d+)`).exec(readFileSync(join(prefix, 'include/plugboard/abi.h'), 'utf8'))[1];
  for (const name of ['major', 'minor']) {
    assert.equal((await sh(`pkg-config --variable=abi_${name} plugboard-plugin`, { env })).trim(), header(name.toUpperCase()));
  }
  assert.equal((await sh('pkg-config --libs plugboard-plugin', { env })).trim(), '');
  await sh('printf "#include <plugboard/plugin.h>\\n" >one.c && eval "cc $(pkg-config --cflags plugboard-plugin) -fsyntax-only one.c"', { env });
  assert.match(await sh('eval "cat $(pkg-config --variable=exportmap plugboard-plugin)"', { env }), /plug_plugin_entry/);
});

const unsanitized = sanitized ? () => {} : test;

unsanitized('the commands of the guide', async () => {
  const guide = readFileSync(join(root, 'docs/plugin-guide.md'), 'utf8');
  const blocks = [...guide.slice(guide.indexOf('\n## Your first plugin')).matchAll(/^```sh\n([^]*?)^```/gm)].map((found) => found[1]);
  assert.equal(blocks.length, 2);
  const env = { PREFIX: prefix, PATH: `${join(build, 'bin')}:${process.env.PATH}` };
  for (const block of blocks) await sh(block.replaceAll('build/release', `"${build}"`), { env });
});

test('plugboard-plugin(7) has the files and every minor of the ABI', () => {
  const page = readFileSync(join(prefix, 'share/man/man7/plugboard-plugin.7'), 'utf8').replaceAll('\\-', '-');
  const [newest] = /define PLUG_ABI_MINOR (\d+)/.exec(readFileSync(join(prefix, 'include/plugboard/abi.h'), 'utf8')).slice(1).map(Number);
  const minors = [...page.matchAll(/^\.B 0\.(\d+)$/gm)].map((found) => Number(found[1]));
  assert.deepEqual(minors, Array.from({ length: newest }, (_, i) => i + 1));
  for (const [, path] of page.matchAll(/^\.I (share\/\S+|include\/\S+|bin\/\S+)$/gm)) assert.ok(existsSync(join(prefix, path)), path);
});

// Major and minor of the SDK, which is no older than what is asked for and of the same major.
unsanitized('CMake and pkg-config take the versions that fit', async () => {
  const env = { PKG_CONFIG_LIBDIR: join(prefix, 'share/pkgconfig') };
  const version = (await sh('pkg-config --modversion plugboard-plugin', { env })).trim();
  const [major, minor] = version.split('.').map(Number);
  const dir = join(work, 'versions');
  mkdirSync(dir);
  for (const [asked, fits] of [[version, true], [`${major}.${minor}`, true], [`${major}.0.0`, true], [`${major}.${minor + 1}`, false], [`${major + 1}.0`, false], ['99', false]]) {
    writeFileSync(join(dir, 'CMakeLists.txt'), `cmake_minimum_required(VERSION 3.16)\nproject(x LANGUAGES NONE)\nfind_package(plugboard-plugin ${asked} REQUIRED)\n`);
    const found = sh(`rm -rf build && cmake -S . -B build -DCMAKE_PREFIX_PATH="${prefix}"`, { cwd: dir });
    if (fits) await found;
    else await assert.rejects(found, new RegExp(`requested\\s+version "${asked.replaceAll('.', '\\.')}"`), asked);
    const atLeast = sh(`pkg-config --print-errors "plugboard-plugin >= ${asked}"`, { env });
    if (fits) await atLeast;
    else await assert.rejects(atLeast, new RegExp(`>= ${asked}`), asked);
  }
});

// rustc of the release, wherever another one comes first.
const rustc = existsSync('/usr/bin/rustc') ? '/usr/bin/rustc' : 'rustc';
const rust = `FLAGS="--edition 2021 -D warnings" RUSTC=${rustc} PREFIX="$PREFIX"`;

unsanitized('in Rust, by hand and by bindgen', async (t) => {
  const env = { PREFIX: prefix };
  const dirs = ['rust', 'rust-bindgen'].map((kind) => join(work, kind));
  dirs.forEach((dir, i) => cpSync(template(['rust', 'rust-bindgen'][i]), dir, { recursive: true }));
  await Promise.all([['app', dirs[0]], ['broker', dirs[1]]].map(([kind, cwd]) => sh(`make ${rust} ${kind}-rust.so test`, { cwd, env })));
  const plugins = { broker: join(dirs[1], 'broker-rust.so'), app: join(dirs[0], 'app-rust.so') };
  for (const plugin of Object.values(plugins)) await sh(`"${prefix}/bin/plugboard-check" "${plugin}"`);
  await speaksRooms(t, { ...plugins, name: 'rust' });
});

// Fields and constants as both have them, without the names of arguments and the other marks of bindgen, which
// writes all of it into one line where there is no rustfmt.
function rustTypes(source) {
  const compact = (text) => text.replaceAll(/\s+/g, ' ').replaceAll(/ ?([^\w ]) ?/g, '$1');
  const text = compact(compact(source.replaceAll(/\/\/.*$/gm, '')).replaceAll(/::(std|core)::(\w+::)*/g, ' '))
    .replaceAll(/(?<=[(,])\w+:(?!:)/g, '').replaceAll(/\bc_int\b/g, 'i32').replaceAll(/\bsize_t\b/g, 'usize').replaceAll('usize]', ']').replaceAll(/,(?=[)>}])/g, '');
  const structs = new Map([...text.matchAll(/pub struct (plug_\w+)\{([^}]*)\}/g)]
    .map(([, name, body]) => [name, body.split(/(?:^|,)pub /).slice(1).map((field) => field.replace(/^(r#)?(\w+?)_?:/, '$2:'))]));
  const constants = new Map([...text.matchAll(/pub const (PLUG_\w+):[ui]32=(-?\d+);/g)].map(([, name, value]) => [name, value]));
  const types = new Map([...text.matchAll(/pub type (plug_\w+)=([^;]*);/g)].map(([, name, type]) => [name, type]));
  return { structs, constants, types };
}

unsanitized('the headers in Rust are those in C', async () => {
  const mirror = readFileSync(join(template('rust'), 'plugboard.rs'), 'utf8');
  const minor = /PLUG_ABI_MINOR: i32 = (\d+)/.exec(mirror)[1];
  await sh(`mkdir mirror && cd mirror && cp "${template('rust-bindgen')}/Makefile" . && printf '#define PLUG_TARGET_MINOR ${minor}\n#include <plugboard/plugin.h>\n' >wrapper.h &&
    make bindings.rs PREFIX="${prefix}"`);
  const ours = rustTypes(mirror);
  const theirs = rustTypes(readFileSync(join(work, 'mirror/bindings.rs'), 'utf8'));
  assert.ok(ours.structs.size >= 34 && ours.constants.size >= 70, `${ours.structs.size} structs, ${ours.constants.size} constants`);
  for (const map of Object.values(theirs)) map.delete('PLUG_TARGET_MINOR');
  theirs.constants.set('PLUG_ABI_MINOR', minor); // newer headers have what the mirror leaves out
  for (const kind of ['structs', 'types']) assert.deepEqual(new Map([...ours[kind]].sort()), new Map([...theirs[kind]].filter(([name, fields]) => ours[kind].has(name) || fields.length !== 0).sort()), kind);
  for (const [name, value] of ours.constants) assert.equal(value, theirs.constants.get(name), name);
});

describe('every template', { concurrency: 2 }, () => {
  for (const [language, year] of modes) {
    const name = `${language === 'C' ? 'c' : 'c++'}${year}`;

    test(`by make in ${name}`, async (t) => {
      const dir = join(work, `make ${name}`);
      for (const kind of kinds) cpSync(template(kind), join(dir, kind), { recursive: true });
      const warnings = `-Wall -Wextra -Werror${language === 'C' ? '' : ' -Wno-missing-field-initializers'}`;
      for (const kind of kinds) {
        await sh(`make -j2 CC=${compilers[language][0]} CFLAGS="-std=${name} -O0 ${warnings}" PREFIX="${prefix}" ${kind}-template.so test`, { cwd: join(dir, kind) });
      }
      await loads(t, (kind) => join(dir, kind, `${kind}-template.so`));
    });

    test(`by CMake in ${name}`, async (t) => {
      const dir = join(work, `cmake ${name}`);
      for (const kind of kinds) {
        cpSync(template(kind), join(dir, kind), { recursive: true });
        if (language === 'C') continue;
        const lists = join(dir, kind, 'CMakeLists.txt');
        const text = readFileSync(lists, 'utf8').replace('LANGUAGES C)', 'LANGUAGES CXX)').replaceAll(/\.c\b/g, '.cc');
        writeFileSync(lists, text);
        for (const file of [`template_${kind}`, `template_${kind}_test`]) renameSync(join(dir, kind, `${file}.c`), join(dir, kind, `${file}.cc`));
      }
      const all = kinds.map((kind) => `add_subdirectory(${kind})\n`).join('');
      writeFileSync(join(dir, 'CMakeLists.txt'), `cmake_minimum_required(VERSION 3.16)\nproject(all LANGUAGES ${language})\nenable_testing()\n${all}`);
      await sh(`cmake -S . -B build -DCMAKE_PREFIX_PATH="${prefix}" -DCMAKE_${language}_STANDARD=${year} -DCMAKE_${language}_EXTENSIONS=OFF
        cmake --build build -j2
        ctest --test-dir build --output-on-failure --no-tests=error
        umask 022
        cmake --install build --prefix installed`, { cwd: dir });
      await loads(t, (kind) => join(dir, 'installed/lib/plugboard', `${kind}-template.so`));
    });
  }
});
