// The command line: what it prints, what it refuses and with which words and exit status, signals,
// and the log.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { freePort } from './lib/ports.mjs';
import { build, patience, program, root, run, sleep, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { directory as tlsDirectory, makeCertificate } from './lib/tls.mjs';
import { Wire, upgradeRequest } from './lib/wire.mjs';

const plugin = join(build, 'lib/plugboard/broker-memory.so');

function directory(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-cli-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function configFile(t, text) {
  const file = join(directory(t), 'plugboard.ini');
  writeFileSync(file, text);
  return file;
}

describe('printing', { concurrency: 4 }, () => {
  for (const option of ['--help', '-h']) {
    test(option, async () => {
      const { code, stdout, stderr } = await run([option]);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      for (const word of ['usage: plugboard', '--config', '--set', '--check', '--plugin-info', '--version', 'SIGUSR1', '78']) {
        assert.ok(stdout.includes(word), word);
      }
      assert.ok(stdout.split('\n').every((line) => line.length <= 100), 'it fits a terminal');
    });
  }
  for (const option of ['--version', '-V']) {
    test(option, async () => {
      const { code, stdout, stderr } = await run([option]);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.match(stdout, /^plugboard \d+\.\d+\.\d+ \(plugin ABI \d+\.\d+\)\n$/);
    });
  }
  test('--config-reference is what docs/configuration.md says', async () => {
    const { code, stdout } = await run(['--config-reference']);
    assert.equal(code, 0);
    assert.equal(stdout, readFileSync(join(root, 'docs/configuration.md'), 'utf8'));
  });
  test('every counter of the stats line is explained there, and the other way round', async (t) => {
    const server = await start({ t });
    const { stdout } = await run(['--config-reference']);
    const explained = [...stdout.slice(stdout.indexOf('## Counters')).matchAll(/^\| `(\w+)` \| ./gm)].map((found) => found[1]);
    const logged = Object.keys(await server.stats()).filter((name) => !name.includes('.'));
    assert.deepEqual(explained, logged);
  });
  test('--plugin-info of a good plugin', async () => {
    const { code, stdout, stderr } = await run(['--plugin-info', plugin]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /memory/);
    assert.match(stdout, /broker/);
  });
  test('--plugin-info of a file that is not there', async () => {
    for (const file of ['/nowhere/broker-x.so', 'broker-x.so', 'x/y', 'memory', '']) {
      const { code, stdout, stderr } = await run(['--plugin-info', file]);
      assert.equal(code, 78);
      assert.equal(stdout, '');
      assert.equal(stderr, `plugboard: ${file}: cannot load: No such file or directory\n`);
    }
  });
  test('--plugin-info of a text file, a directory and a cut-off plugin', async (t) => {
    const dir = directory(t);
    writeFileSync(join(dir, 'text.so'), 'this is no plugin\n', { mode: 0o644 });
    writeFileSync(join(dir, 'cut.so'), readFileSync(plugin).subarray(0, 3000), { mode: 0o644 });
    const text = await run(['--plugin-info', join(dir, 'text.so')]);
    assert.equal(text.code, 78);
    assert.equal(text.stderr, 'plugboard: text.so: cannot load: not an ELF shared object\n');
    const cut = await run(['--plugin-info', join(dir, 'cut.so')]);
    assert.equal(cut.code, 78);
    assert.equal(cut.stderr, 'plugboard: cut.so: cannot load: the file is cut off\n');
    const folder = await run(['--plugin-info', dir]);
    assert.equal(folder.code, 78);
    assert.match(folder.stderr, /cannot load: not a regular file\n$/);
  });
  test('a plugin that others may change is refused', async (t) => {
    const copy = join(directory(t), 'broker-memory.so');
    copyFileSync(plugin, copy);
    chmodSync(copy, 0o666);
    const { code, stderr } = await run(['--plugin-info', copy]);
    assert.equal(code, 78);
    assert.match(stderr, /may be changed by others than its owner \(mode 0666\): chmod go-w/);
  });
});

describe('wrong usage', { concurrency: 4 }, () => {
  for (const args of [['--unknown'], ['-x'], ['--config'], ['--set'], ['extra'], ['--check', 'extra'], ['--plugin-info'], ['--vers', '--unknown']]) {
    test(args.join(' '), async () => {
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, args[0] === '--vers' ? 0 : 64, stderr);
      if (code === 64) {
        assert.equal(stdout, '');
        assert.match(stderr, /Try 'plugboard --help'\.\n$/);
      }
    });
  }
});

describe('configuration', { concurrency: 4 }, () => {
  const tlsDir = tlsDirectory();
  makeCertificate(tlsDir, 'chat.example.org', { names: ['chat.example.org'], days: 90 });
  makeCertificate(tlsDir, 'other.example.org', { names: ['other.example.org'], days: 90 });
  makeCertificate(tlsDir, 'clients', { authority: true, days: 90 });
  for (const file of readdirSync(join(root, 'etc')).filter((name) => name.endsWith('.ini'))) {
    test(`etc/${file} is good`, async () => {
      const { code, stdout, stderr } = await run(['--check', '--config', join(root, 'etc', file)], { env: { NODE: 'node-1', HOSTNAME: 'node-1', TLS_DIR: tlsDir, JWT_SECRET: 'x'.repeat(64), WEBHOOK_SECRET: 'x'.repeat(32) } });
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'plugboard: the configuration is good\n');
    });
  }
  test('--check names all mistakes, and so does the start', async (t) => {
    const bad = join(directory(t), 'bad.ini');
    writeFileSync(bad, `[server]
wrokers = 3
drain-time = never
[http
listen = x
[limits]
max-header-size = 128k
what is this
[limts]
x = 1
[broker.memory]
url = x
other = y
[endpoint /ready]
[endpoint /ws]
allowed-origins = foo
[access]
a = subscribe /nowhere/** if anyone
b = sing /topic/** if anyone
[auth]
plugins = nope
`);
    const settings = [[4, /closing/], [8, /expected 'key = value'/], [0, /--set: expected section/], [2, /did you mean 'workers'/], [3, /'never'/], [0, /'nope' in \[limits\]/],
      [9, /\[limts\]; did you mean/], [14, /the server's own/], [7, /must be at most max-frame-size/], [16, /'foo'/]];
    const plugins = [[12, /'url'/], [13, /'other'/], [21, /auth-nope/], [18, /can never match/], [19, /'sing' is no action/]];
    for (const [args, wanted] of [[['--check'], [...settings, ...plugins]], [[], settings]]) {
      const { code, stderr } = await run([...args, '--config', bad, '--set', 'a', '--set', 'limits.nope=1']);
      assert.equal(code, 78);
      const lines = stderr.split('\n').filter((line) => line.startsWith('plugboard: '));
      assert.equal(lines.length, wanted.length, stderr);
      for (const [i, [line, pattern]] of wanted.entries()) {
        assert.match(lines[i], pattern);
        if (line) assert.ok(lines[i].startsWith(`plugboard: ${bad}:${line}: `), lines[i]);
      }
    }
  });
  test('--check says what may only follow from another mistake', async (t) => {
    const cases = [
      ['[api-key a]\nsecret = ${PLUGBOARD_TEST_UNSET}\n', [/^2: environment variable/]],
      ['[api-key a]\nsecret = short\n', [/^2: \[api-key a\] secret: is shorter/]],
      ['[api-key a]\nsecret = short\n[api-key b]\nsecret = 0123456789abcdef\n[api-key c]\nsecret = 0123456789abcdef\n',
        [/^2: .*is shorter/, /^6: .*is that of another key/]],
      ['[auth]\nplugins = jwt\n[auth.jwt]\nsecret = ${PLUGBOARD_TEST_UNSET}\n',
        [/^4: environment variable/, /^3: .*no keys to verify with.* \(this may follow from a mistake named above\)$/]],
      ['[destinations]\napp = /pub\n[app]\nplugins = webhook\n[app.webhook]\nsecret = ${PLUGBOARD_TEST_UNSET}\n[app.webhook a]\nurl = http://127.0.0.1:1/\nsend = /a\n',
        [/^6: environment variable/, /^7: .*there is no secret.* \(this may follow from a mistake named above\)$/]],
      ['[destinations]\napp = /pub\n[app]\nplugins = route\n[app.route a]\npattern = /{b:c}\nto = /topic/x\n', [/^6: \[app.route a\] pattern/, /^5: \[app.route a\] has no pattern \(this may follow from a mistake named above\)$/]],
      ['[broker]\nplugin = redis\n[broker.redis]\nurl = rediss://x\nlayout = dual\ntls-ca-file = /no/such\n', [/^5: .*layout/, /^3: .*tls-ca-file: \/no\/such: .*No such file.* \(this may/]],
    ];
    for (const [text, wanted] of cases) {
      const file = configFile(t, text);
      const { code, stderr } = await run(['--check', '--config', file]);
      assert.equal(code, 78);
      const lines = stderr.split('\n').filter((line) => line.startsWith('plugboard: '));
      assert.equal(lines.length, wanted.length, stderr);
      for (const [i, pattern] of wanted.entries()) assert.match(lines[i].replace(`plugboard: ${file}:`, ''), pattern);
    }
  });
  test('--check without a file checks the defaults', async () => {
    assert.equal((await run(['--check'])).code, 0);
  });
  test('short options', async (t) => {
    const file = configFile(t, '[server]\nworkers = 1\n');
    assert.equal((await run(['-t', '-c', file, '-s', 'server.workers=2'])).code, 0);
  });

  const bad = [
    ['[server]\nworkers = many\n', ":2: [server] workers: 'many' is not a whole number"],
    ['[server]\nworkers = 65\n', ":2: [server] workers: 65 is out of range 0..64"],
    ['\n\n[limts]\n', ':3: unknown section [limts]; did you mean [limits]?'],
    ['[limits]\nqueue-siz = 1m\n', ":2: unknown key 'queue-siz' in [limits]; did you mean 'queue-size'?"],
    ['[limits]\nsend-timeout = 10\n', ":2: [limits] send-timeout: '10' has no unit: ms, s, m or h"],
    ['[limits]\nqueue-policy = drop\n', ":2: [limits] queue-policy: 'drop' is not one of close|drop-oldest|drop-newest"],
    ['[limits]\nqueue-size = 1m\nqueue-size = 2m\n', ":3: key 'queue-size' is given twice in [limits], first at FILE:2"],
    ['[limits]\n[limits]\n', ':2: section [limits] is given twice, first at FILE:1'],
    ['workers = 1\n', ":1: key 'workers' stands before the first section"],
    ['[server\n', ":1: '[' without a closing ']'"],
    ['[server]\nnonsense\n', ":2: expected 'key = value' or '[section]'"],
    ['[server]\nnode = ${PLUGBOARD_TEST_UNSET}\n', ":2: "],
    ['[http]\nlisten = nowhere\n', ":2: [http] listen: 'nowhere' is not an address (examples: 127.0.0.1:8080, [::1]:8080)"],
    ['[http]\nlisten =\n', ":2: no listener: 'listen' is empty in both [http] and [tcp]"],
    ['[endpoint ws]\n', ":1: [endpoint ws]: the path must start with '/'"],
    ['[endpoint /a]\nallowed-origins = https://a b\n', ':2: [endpoint /a] allowed-origins: '],
    ['[stomp]\nprofile = summer\n', ":2: [stomp] profile: 'summer' is not one of standard|spring"],
    ['[destinations]\nbroker = topic\n', ":2: [destinations] broker: 'topic' is not a prefix: it must start with '/'"],
    ['[destinations]\nbroker = /a\nclient-send = /b\n', ":3: [destinations] client-send: '/b' lies outside every broker prefix"],
    ['[limits]\nmax-frame-size = 1m\n', ':2: [limits] queue-size (512k) must be at least 1k more than max-frame-size (1m)'],
    ['[server]\nnode = a b\n', ":2: [server] node: 'a b' is not a node's name: 1 to 64 of A-Z a-z 0-9 . _ -"],
    ['[broker]\nplugin = ../x\n', ":2: [broker] plugin: '../x' is neither a plugin's name nor an absolute path"],
    ['[broker]\nplugin = nothing\n', `:2: broker-nothing.so: cannot load ${join(build, 'lib/plugboard/broker-nothing.so')}: No such file or directory`],
    ['[broker]\nplugin = /nowhere/x.so\n', ':2: x.so: cannot load /nowhere/x.so: No such file or directory'],
    ['[broker.memory]\nsize = 1\n', ":2: unknown key 'size' in [broker.memory]"],
    ['[broker.redis]\n[broker.memry]\n', ':2: unknown section [broker.memry]; the plugin in use reads [broker.memory]'],
    ['[broker.../x]\n', ':1: unknown section [broker.../x]; the plugin in use reads [broker.memory]'],
    ['[server]\nnode = a\x01b\n', ':2: the line has a control character'],
    [Buffer.from('[server]\nnode = \xff\n', 'latin1'), ':2: the line is not valid UTF-8'],
  ];
  for (const [text, message] of bad) {
    test(`--check refuses ${JSON.stringify(text.toString())}, and so does the start`, async (t) => {
      const file = configFile(t, text);
      const expected = `plugboard: ${file}${message.replace('FILE', file)}`;
      for (const args of [['--check', '--config', file], ['--config', file]]) {
        const { code, stdout, stderr } = await run(args);
        assert.equal(code, 78, stderr);
        assert.equal(stdout, '');
        // The plugin may have been loaded before: that is logged as usual.
        const lines = stderr.split('\n').filter((line) => !/ info plugin: loaded /.test(line));
        assert.equal(lines.length, 2, stderr);
        assert.ok(lines[0].startsWith(expected), `${JSON.stringify(stderr)} is not ${JSON.stringify(expected)}`);
      }
    });
  }

  test('the section of a broker that is not chosen is told, and no fault', async (t) => {
    const file = configFile(t, '[server]\nworkers = 1\n[broker.redis]\nurl = redis://10.0.0.1\n');
    const warning = `${file}:3: [broker.redis] is not read: the broker in use is 'memory'; `
      + 'to use this one, set plugin = redis in [broker] or swap to it, otherwise take the section out';
    const checked = await run(['--check', '--config', file]);
    assert.equal(checked.code, 0, checked.stderr);
    assert.ok(checked.stderr.includes(` warn server: ${warning}\n`), checked.stderr);
    const server = await start({ t, config: '[broker.redis]\nurl = redis://10.0.0.1\n', set: ['broker.redis.prefix=x'] });
    await server.waitForLine(/ warn server: \S+:1: \[broker\.redis\] is not read/);
    const set = await run(['--check', '--set', 'broker.redis.prefix=x']);
    assert.ok(set.stderr.includes(' warn server: --set: [broker.redis] is not read'), set.stderr);
    const chosen = await run(['--check', '--config', file, '--set', 'broker.plugin=redis']);
    assert.equal(chosen.code, 0);
    assert.doesNotMatch(chosen.stderr, / warn /);
  });

  test('a file that cannot be read', async (t) => {
    const dir = directory(t);
    const missing = await run(['--check', '--config', join(dir, 'none.ini')]);
    assert.equal(missing.code, 78);
    assert.equal(missing.stderr, `plugboard: ${join(dir, 'none.ini')}: cannot read: No such file or directory\n`);
    const folder = await run(['--check', '--config', dir]);
    assert.equal(folder.code, 78);
    assert.equal(folder.stderr, `plugboard: ${dir}: cannot read: Is a directory\n`);
  });

  for (const [set, message] of [['nonsense', '--set: expected section.key=value'], ['server.workers', '--set: expected section.key=value'],
    ['workers=1', '--set: expected section.key=value'], ['.workers=1', '--set: expected section.key=value'], ['server.=1', '--set: expected section.key=value'],
    ['server.workers=x', "--set: [server] workers: 'x' is not a whole number"], ['server.wrkers=1', "--set: unknown key 'wrkers' in [server]; did you mean 'workers'?"],
    ['sever.workers=1', '--set: unknown section [sever]; did you mean [server]?'], ['broker.plugin=none', '--set: broker-none.so: cannot load '],
    ['server.node=${PLUGBOARD_TEST_UNSET}', '--set: ']]) {
    test(`--set ${set}`, async () => {
      const { code, stderr } = await run(['--check', '--set', set]);
      assert.equal(code, 78);
      assert.ok(stderr.startsWith(`plugboard: ${message}`), stderr);
      assert.equal(stderr.split('plugboard: --set').length, 2, `it is said once:\n${stderr}`);
    });
  }
  test('--set replaces what the file says, and the last one counts', async (t) => {
    const server = await start({ t, config: '[server]\nnode = from-file\n', set: ['server.node=first', 'server.node=second'] });
    assert.ok(server.log.some((line) => line.includes('ready: node second,')));
  });
  test('variables are expanded', async (t) => {
    const server = await start({ t, config: '[server]\nnode = n-${PLUGBOARD_TEST_NODE}-${PLUGBOARD_TEST_UNSET:-x}\n', env: { PLUGBOARD_TEST_NODE: 'env' } });
    assert.ok(server.log.some((line) => line.includes('ready: node n-env-x,')));
  });
});

describe('starting', { concurrency: 4 }, () => {
  test('a port in use', async (t) => {
    const holder = net.createServer();
    await new Promise((done) => { holder.listen(0, '127.0.0.1', done); });
    t.after(() => holder.close());
    const { port } = holder.address();
    for (const kind of ['http', 'tcp']) {
      const { code, stderr } = await run(['--set', 'http.listen=127.0.0.1:0', '--set', `${kind}.listen=127.0.0.1:${port}`]);
      assert.equal(code, 1);
      assert.ok(stderr.includes(`plugboard: cannot listen on 127.0.0.1:${port}: Address already in use\n`), stderr);
      assert.ok(!/: ready/.test(stderr));
    }
  });
  test('two names of one address', async (t) => {
    const probe = net.createServer();
    await new Promise((done) => { probe.listen(0, '127.0.0.1', done); });
    const { port } = probe.address();
    await new Promise((done) => { probe.close(done); });
    for (const other of ['127.1', '0.0.0.0']) {
      const { code, stderr } = await run(['--set', `http.listen=127.0.0.1:${port}`, '--set', `tcp.listen=${other}:${port}`]);
      assert.equal(code, 1, stderr);
      assert.ok(stderr.includes(`plugboard: cannot listen on ${other}:${port}: Address already in use\n`), stderr);
    }
  });
  test('the port of another Plugboard', async (t) => {
    const server = await start({ t });
    const { code, stderr } = await run(['--set', `http.listen=127.0.0.1:${server.httpPort}`]);
    assert.equal(code, 1);
    assert.match(stderr, /cannot listen on 127\.0\.0\.1:\d+: Address already in use\n$/);
    await stomp(server, { t });
  });
  test('with too few file descriptors it says so and ends', () => {
    for (const n of [15, 16, 17, 19]) {
      const args = ['-c', 'ulimit -n "$1"; shift; exec "$@"', 'sh', n, program, '--set', 'http.listen=127.0.0.1:0', '--set', 'server.workers=2'];
      const { status, signal, stderr } = spawnSync('sh', args, { timeout: patience(5000), killSignal: 'SIGKILL', encoding: 'utf8' });
      assert.equal(signal, null, `${n}: ${stderr}`);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^plugboard: (worker \d: not enough file descriptors|cannot listen on 127\.0\.0\.1:\d+): Too many open files$/m);
      assert.ok(!/Sanitizer/.test(stderr), stderr);
    }
  });
  test('an address that is not ours, and a name that does not exist', async () => {
    const { code, stderr } = await run(['--set', 'http.listen=192.0.2.1:0']);
    assert.equal(code, 1);
    assert.match(stderr, /cannot listen on 192\.0\.2\.1:0: Cannot assign requested address\n$/);
  });
  test('a page that is not there is no reason not to start', async (t) => {
    const server = await start({ t, set: ['http.web-dir=/nowhere'] });
    assert.ok(server.log.some((line) => / warn .*\/nowhere/.test(line)));
  });
  test('the log says what was loaded, where it listens, and that it is ready', async (t) => {
    const server = await start({ t, tcp: true, set: ['server.workers=1', 'server.node=me'] });
    assert.ok(server.log.some((line) => /^\S+ info plugin: loaded plugboard\.broker\.memory \d/.test(line)), server.tail());
    assert.ok(server.log.some((line) => /info net: listening on http:\/\/127\.0\.0\.1:\d+$/.test(line)));
    assert.ok(server.log.some((line) => /info net: listening on tcp:\/\/127\.0\.0\.1:\d+$/.test(line)));
    assert.ok(server.log.at(-1).endsWith('info core: ready: node me, 1 worker, broker memory'), server.log.at(-1));
    for (const line of server.log) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) [a-z.-]+: ./);
  });
  test('without any configuration it listens on 127.0.0.1:8080', async (t) => {
    // The port may be taken by something else on this machine; then the message names it.
    const server = await start({ t, http: false, ready: false });
    const line = await server.waitForLine(/listening on http:\/\/127\.0\.0\.1:8080|cannot listen on 127\.0\.0\.1:8080/);
    if (/cannot/.test(line)) {
      assert.equal((await server.waitForExit()).code, 1);
    } else {
      await server.waitForLine(/: ready/);
      await stomp(server, { t });
    }
  });
});

describe('signals', { concurrency: 4 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} stops it with status 0`, async (t) => {
      const server = await start({ t });
      const client = await stomp(server, { t });
      await server.stop({ signal });
      await client.waitForClose();
      assert.equal(client.closed.code, 1012);
      assert.ok(server.log.some((line) => /info core: stopping/.test(line)));
      assert.ok(server.log.at(-1).endsWith('info core: stopped'), server.log.at(-1));
      assert.match(server.log.at(-2), / stats /, 'the counters are logged at the end');
    });
    test(`a second ${signal} does not wait`, async (t) => {
      const server = await start({ t, set: ['server.drain-time=1m'] });
      await Wire.upgrade(server, { t }); // never answers the Close
      server.signal(signal);
      await server.waitForLine(/stopping/);
      await sleep(200);
      assert.equal(server.exit, null);
      server.signal(signal);
      assert.deepEqual(await server.waitForExit({ ms: 3000 }), { code: null, signal });
    });
  }
  test('SIGUSR1 logs the counters in one line, SIGHUP and SIGPIPE change nothing', async (t) => {
    const server = await start({ t });
    const client = await stomp(server, { t });
    await client.subscribe('/topic/s');
    await client.request('SEND', { destination: '/topic/s' }, 'x');
    server.signal('SIGHUP');
    server.signal('SIGPIPE');
    await client.expect('MESSAGE');
    const stats = await server.stats();
    assert.deepEqual([stats.connections, stats.sessions, stats.subscriptions, stats.published, stats.delivered, stats.frames_in],
      [1, 1, 1, 1, 1, 3]);
    assert.ok(stats.bytes_in > 0 && stats.bytes_out > 0);
    for (const [name, value] of Object.entries(stats)) assert.equal(typeof value, 'number', name);
  });
  test('stats-interval logs them by itself', async (t) => {
    const server = await start({ t, set: ['server.stats-interval=200ms'] });
    await until(() => server.log.filter((line) => / stats /.test(line)).length >= 3, 'three lines');
  });
});

describe('the log', { concurrency: 4 }, () => {
  test('log-format = json: every line is a JSON object', async (t) => {
    const server = await start({ t, set: ['server.log-format=json', 'server.log-level=debug'] });
    const wire = await Wire.open(server.httpPort, t);
    wire.write(upgradeRequest({ headers: { Origin: 'http://"\\evil\u0085.example' } }));
    assert.equal((await wire.response()).status, 403);
    await server.stats();
    await server.stop();
    assert.ok(server.log.length >= 5);
    for (const line of server.log) {
      const entry = JSON.parse(line);
      assert.deepEqual(Object.keys(entry), ['time', 'level', 'area', 'message']);
      assert.ok(!Number.isNaN(Date.parse(entry.time)));
    }
    assert.ok(server.log.some((line) => JSON.parse(line).message.includes('http://"\\evil\u0085.example')));
  });
  test('log-level = error is quiet', async (t) => {
    const port = await freePort();
    const server = await start({ t, http: port, ready: false, set: ['server.log-level=error'] });
    const ready = () => fetch(`http://127.0.0.1:${port}/ready`).then((answer) => answer.status === 200, () => false);
    await until(ready, 'the server being ready');
    assert.deepEqual(server.log, []);
  });
  test('a client cannot forge lines, colours or fields', async (t) => {
    const server = await start({ t, tcp: true, set: ['server.log-level=debug'] });
    const before = server.log.length;
    const nasty = '\x1b[2J\x1b]0;x\x07\x85\u202e"}{"time":"x';
    for (const transport of ['ws', 'tcp']) {
      const client = await stomp(server, { t, transport });
      client.frame('SEND', { destination: `/topic/a\n2030-01-01T00:00:00.000Z error core: forged ${nasty}`, [`x${nasty}`]: nasty }, nasty);
      await client.waitForClose();
    }
    const wire = await Wire.open(server.httpPort, t);
    wire.write(upgradeRequest({ path: `/ws?${encodeURIComponent(nasty)}`, headers: { Origin: `http://forged${nasty}`, 'X-Forged': nasty } }));
    await wire.response();
    await server.stats();
    for (const line of server.log.slice(before)) {
      assert.ok(!/^2030/.test(line), line);
      assert.ok(!/[\x00-\x1f\x7f]/.test(line), JSON.stringify(line));
      assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z (debug|info|warn|error) [a-z.-]+: /);
    }
  });
});
