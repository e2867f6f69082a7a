// [broker] isolate = on: the broker plugin in a process of its own. It carries what it carries within
// the server, a crash or a hang is a broker that is down and comes back, and nothing of it is left
// behind by a server that dies.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { adminOf, adminSet } from './lib/admin.mjs';
import { assertOrdered, Publisher, startNode, takeBodies, waitReady } from './lib/cluster.mjs';
import { startLoad } from './lib/load.mjs';
import { metricsDoor, metricsUrl } from './lib/metrics.mjs';
import { startNats } from './lib/nats.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, freeze, patience, run, slowness, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const sanitized = /asan|tsan/.test(build); // they have their own handlers of faults
const isolated = 'broker.isolate=on';
const hang = `server.plugin-hang=${300 * slowness}ms`;

// Of a process: its status fields; null when it is gone.
function statusOf(pid) {
  try {
    return Object.fromEntries(readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').map((line) => line.split(':\t')));
  } catch {
    return null;
  }
}

function childrenOf(pid) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((each) => Number(statusOf(each)?.PPid) === pid);
}

function pluginOf(server) {
  const children = childrenOf(server.pid);
  assert.equal(children.length, 1, `children of the server: ${children}`);
  return children[0];
}

const isGone = (pid) => { const status = statusOf(pid); return !status || status.State.startsWith('Z'); };

function startScript(t, { set = [], script = {}, ...options } = {}) {
  return start({
    t, tcp: true, ...options,
    set: [`broker.plugin=${join(build, 'tests/plugins/broker-script.so')}`, isolated, hang, 'server.workers=2', 'server.drain-time=1s',
      ...Object.entries(script).map(([key, value]) => `broker.script.${key}=${value}`), ...set],
  });
}

async function readyText(server) {
  const response = await fetch(server.url('/ready'));
  return `${response.status} ${(await response.text()).trim()}`;
}

async function all(client, n, into = []) {
  await until(() => {
    for (const bodies of takeBodies(client).values()) into.push(...bodies);
    return into.length >= n;
  }, `${n} messages`).catch((error) => { throw new Error(`${error.message}, got ${into.length}`); });
  return into;
}

// Topics, patterns, headers, order, receipts, a large body.
async function carries(t, from, to, { patterns = true } = {}) {
  const [sender, other] = [await stomp(from, { t }), await stomp(to, { t })];
  await other.subscribe('/topic/a');
  await sender.subscribe('/topic/a');
  await sender.request('SEND', { destination: '/topic/a', 'content-type': 'text/x', mine: 'a:b' }, 'hello');
  for (const client of [sender, other]) {
    const { headers, body } = await client.expect('MESSAGE', { destination: '/topic/a' });
    assert.deepEqual([headers['content-type'], headers.mine, body], ['text/x', 'a:b', 'hello']);
  }
  // What is sent right behind a SUBSCRIBE comes back.
  sender.frame('SUBSCRIBE', { id: 'own', destination: '/topic/own' });
  sender.send('/topic/own', 'mine');
  assert.equal((await sender.expect('MESSAGE')).body, 'mine');
  await sender.disconnect();
  const publisher = await stomp(from, { t });
  const N = 3000;
  for (let i = 0; i < N; i += 1) publisher.send('/topic/a', `p:${i}`);
  const bodies = await all(other, N);
  assert.equal(bodies.length, N);
  assertOrdered(bodies, 'the subscriber');
  const large = 'x'.repeat(60000);
  await publisher.request('SEND', { destination: '/topic/a' }, large);
  assert.equal((await all(other, 1))[0], large);
  if (patterns) {
    const watcher = await stomp(to, { t });
    await watcher.subscribe('/topic/*/chat');
    publisher.send('/topic/1/2/chat', 'not this');
    await publisher.request('SEND', { destination: '/topic/1/chat' }, 'this');
    assert.deepEqual(await all(watcher, 1), ['this']);
  }
}

test('the memory broker carries everything, counts, and is one process with two descriptors of the server', async (t) => {
  const server = await start({ t, set: [isolated, 'destinations.patterns=on', 'broker.unsubscribe-grace=0', metricsDoor] });
  const pid = pluginOf(server);
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /^plugboard-plugin-host\0broker\.memory\0\d+\0$/);
  assert.equal(readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), 'broker.memory');
  const shared = new Set(readdirSync(`/proc/${server.pid}/fd`).flatMap((fd) => {
    try { return [readlinkSync(`/proc/${server.pid}/fd/${fd}`)]; } catch { return []; }
  }).filter((name) => /socket|pipe/.test(name)));
  const ends = readdirSync(`/proc/${pid}/fd`).map((fd) => { try { return readlinkSync(`/proc/${pid}/fd/${fd}`); } catch { return ''; } });
  assert.equal(ends.filter((name) => name.startsWith('socket:')).length, 1, ends.join(' '));
  assert.deepEqual([...new Set(ends.filter((name) => shared.has(name)))].length, 1, 'the pipe of its standard error');
  assert.equal(statusOf(pid).Seccomp.trim(), '2');
  assert.equal(statusOf(pid).NoNewPrivs.trim(), '1');
  await carries(t, server, server);
  const metrics = await (await fetch(metricsUrl(server))).text();
  assert.match(metrics, /process_restarts\S* 0$/m);
  await server.stop();
  assert.ok(isGone(pid), 'it ends with the server');
});

for (const other of ['on', 'off']) {
  test(`two nodes on Redis, one isolated, the other ${other === 'on' ? 'too' : 'not'}`, async (t) => {
    const redis = await startRedis({ t });
    const options = (name, isolate) => ({ t, name, redis, patient: true, set: [`broker.isolate=${isolate}`, 'destinations.patterns=on', metricsDoor] });
    const nodes = await Promise.all([startNode(options('n1', 'on')), startNode(options('n2', other))]);
    await Promise.all(nodes.map((node) => waitReady(node)));
    await carries(t, nodes[0], nodes[1]);
    await carries(t, nodes[1], nodes[0], { patterns: false });
    // The plugin's own metrics and its health are seen as from within.
    await until(async () => /published\S* [1-9]\d*$/m.test(
      (await (await fetch(metricsUrl(nodes[0]))).text()).split('\n').filter((line) => line.includes('broker_redis') || line.includes('broker.redis')).join('\n')), 'its counters');
    assert.ok(nodes[0].log.some((line) => / info broker\.redis: connected to Redis/.test(line)), nodes[0].tail());
    // Redis away and back: the plugin says so itself.
    await redis.kill();
    await waitReady(nodes[0], false);
    await redis.start();
    await Promise.all(nodes.map((node) => waitReady(node)));
    await carries(t, nodes[0], nodes[1], { patterns: false });
  });
}

test('NATS, which delivers on threads of its library', async (t) => {
  const nats = await startNats({ t });
  const nodes = await Promise.all(['n1', 'n2'].map((name) => start({
    t,
    set: [`server.node=${name}`, 'server.workers=2', 'server.drain-time=1s', 'broker.plugin=nats', 'destinations.patterns=on', isolated,
      `broker.nats.servers=${nats.url}`],
  })));
  await Promise.all(nodes.map((node) => waitReady(node)));
  await carries(t, nodes[0], nodes[1]);
});

for (const [name, how] of [['is killed', 'SIGKILL'], ['stands still', 'SIGSTOP']]) {
  test(`a process that ${name}: clients stay, every SEND is answered once, and all is back by itself`, async (t) => {
    const redis = await startRedis({ t });
    const common = { t, redis, patient: true };
    const [n1, n2] = await Promise.all([
      startNode({ ...common, name: 'n1', set: [isolated, hang] }), startNode({ ...common, name: 'n2' })]);
    await Promise.all([n1, n2].map((node) => waitReady(node)));
    const here = await stomp(n1, { t });
    await here.subscribe('/topic/from-other');
    const there = await stomp(n2, { t });
    await there.subscribe('/topic/a');
    const publisher = new Publisher(await stomp(n1, { t }), '/topic/a', 'p');
    await until(() => { publisher.collect(); return [...publisher.outcome.values()].includes('taken'); }, 'a first receipt');
    const pid = pluginOf(n1);
    process.kill(pid, how);
    await n1.waitForLine(how === 'SIGKILL'
      ? / error broker\.redis: plugin plugboard\.broker\.redis: its process was ended by SIGKILL; it is started again in \d+ ms/
      : / error broker\.redis: plugin plugboard\.broker\.redis: its process does not answer, and was killed; it is started again/);
    await n1.waitForLine(/ info broker\.redis: its process runs again/);
    await waitReady(n1);
    assert.ok(isGone(pid));
    assert.notEqual(pluginOf(n1), pid);
    // Subscriptions are back, without the clients doing anything.
    const back = await stomp(n2, { t });
    await back.request('SEND', { destination: '/topic/from-other' }, 'still there?');
    assert.equal((await here.expect('MESSAGE')).body, 'still there?');
    const from = publisher.sent;
    await until(() => { publisher.collect(); return [...publisher.outcome].some(([body, what]) => what === 'taken' && Number(body.slice(2)) > from); }, 'a receipt again');
    const counts = await publisher.stop();
    assert.equal(counts.taken + counts.refused, counts.sent);
    assertOrdered((await all(there, 1)), 'the other node');
  });
}

test('what is published while it is away waits, with when-down = queue', async (t) => {
  const server = await start({ t, set: [isolated, 'broker.when-down=queue', 'broker.down-queue-time=1m', 'broker.down-queue-delay=0'] });
  const [sender, receiver] = [await stomp(server, { t }), await stomp(server, { t })];
  await receiver.subscribe('/topic/a');
  process.kill(pluginOf(server), 'SIGKILL');
  await server.waitForLine(/its process was ended by SIGKILL/);
  for (let i = 0; i < 20; i += 1) sender.send('/topic/a', `w:${i}`, { receipt: `r${i}` });
  const bodies = await all(receiver, 20);
  assert.deepEqual(bodies, Array.from({ length: 20 }, (_, i) => `w:${i}`));
  for (let i = 0; i < 20; i += 1) await sender.receipt(`r${i}`);
});

test('a process that is killed amid much: each SEND is answered once, what arrives is in order, and nothing stays on the books', async (t) => {
  const server = await start({ t, set: [isolated, 'server.workers=2', metricsDoor] });
  const [sender, receiver] = [await stomp(server, { t }), await stomp(server, { t })];
  await receiver.subscribe('/topic/a');
  const n = 6000, answers = new Map();
  const take = () => {
    for (const { command, headers } of sender.frames.splice(0)) {
      assert.ok(!answers.has(headers['receipt-id']), `two answers to ${headers['receipt-id']}`);
      answers.set(headers['receipt-id'], command);
    }
  };
  for (let i = 0; i < n; i += 1) {
    sender.send('/topic/a', `p:${i}`, { receipt: `r${i}` });
    if (i % 1000 !== 999) continue;
    await until(() => { take(); return answers.size > i - 500; }, 'some answers', patience(10000));
    if (i === 2999) process.kill(pluginOf(server), 'SIGKILL');
  }
  await until(() => { take(); return answers.size === n; }, 'an answer to each', patience(20000));
  await until(async () => (await readyText(server)).startsWith('200'), 'readiness');
  await sender.request('SEND', { destination: '/topic/a' }, 'p:6000');
  const seen = [];
  await until(() => { seen.push(...receiver.frames.splice(0).map(({ body }) => Number(body.slice(2)))); return seen.includes(n); }, 'the last one', patience(10000));
  assert.deepEqual(seen, [...new Set(seen)].sort((x, y) => x - y));
  // A RECEIPT comes with the message itself.
  const taken = [...answers].filter(([, command]) => command === 'RECEIPT').length;
  assert.ok(taken > 2000, `${taken} taken`);
  assert.equal(seen.length - 1, taken);
  const metrics = await (await fetch(metricsUrl(server))).text();
  assert.match(metrics, /broker_untaken_messages\S* 0$/m);
  assert.match(metrics, /broker_untaken_bytes\S* 0$/m);
});

test('a process that stands still keeps nobody waiting beyond operation-timeout, however long plugin-hang is', async (t) => {
  const server = await start({ t, set: [isolated, 'server.plugin-hang=10m', 'broker.operation-timeout=1s'] });
  const client = await stomp(server, { t });
  const pid = pluginOf(server);
  freeze(pid);
  client.send('/topic/a', 'x', { receipt: 'late' });
  assert.equal((await client.expect('ERROR')).headers['receipt-id'], 'late');
  process.kill(pid, 'SIGCONT');
  await until(async () => (await readyText(server)).startsWith('200'), 'readiness');
});

test('a server that is killed leaves no process behind, not even one that hangs or stands still', async (t) => {
  const hung = await startScript(t, { script: { at: 'publish', do: 'hang' }, set: ['server.plugin-hang=10m'] });
  (await stomp(hung, { t })).send('/topic/a', 'now');
  const still = await start({ t, set: [isolated] });
  const pids = [pluginOf(hung), pluginOf(still)];
  freeze(pids[1]); // the kernel wakes who stands still already when the server goes
  await Promise.all([hung.kill(), still.kill()]);
  await until(() => pids.every(isGone), 'the end of both processes');
});

test('a plugin that hangs is named, killed and started again', async (t) => {
  const server = await startScript(t, { script: { at: 'publish', do: 'hang' } });
  const client = await stomp(server, { t });
  const pid = pluginOf(server);
  client.send('/topic/a', 'now', { receipt: 'hung' });
  await server.waitForLine(/ error broker\.script: plugin org\.example\.broker-script has not returned from publish on thread 'control' for \d+ ms/);
  await server.waitForLine(/its process does not answer: broker\.script does not return from publish, and was killed; it is started again/);
  assert.equal((await client.expect('ERROR')).headers['receipt-id'], 'hung');
  await until(async () => (await readyText(server)).startsWith('200'), 'readiness');
  assert.ok(isGone(pid));
  await client.request('SEND', { destination: '/topic/a' }, 'hello');
});

test('a plugin that hangs in stop is killed, and the server ends well', async (t) => {
  const server = await startScript(t, { script: { at: 'stop', do: 'hang' } });
  const pid = pluginOf(server);
  await server.stop({ ms: 30000 });
  assert.ok(server.log.some((line) => /does not stop: its process is killed/.test(line)), server.tail());
  assert.ok(isGone(pid));
});

test('mistakes are told in the plugin\'s own words, by --check, at the start and in a reload', async (t) => {
  const bad = (...set) => ['--check', ...['broker.plugin=redis', isolated, ...set].flatMap((each) => ['--set', each])];
  const sentence = async (args) => (await run(args)).stderr.split('\n').filter((line) => line.startsWith('plugboard: '));
  for (const set of [['broker.redis.url=http://x'], ['broker.redis.ulr=x'], ['broker.redis.connect-timeout=0']]) {
    const here = await sentence(bad(...set, 'broker.isolate=off'));
    assert.equal(here.length, 1);
    assert.deepEqual(await sentence(bad(...set)), here);
  }
  assert.equal((await run(bad())).code, 0);
  const missing = await run(['--check', '--set', isolated, '--set', 'broker.plugin=nothing']);
  assert.equal(missing.code, 78);
  assert.match(missing.stderr, /broker-nothing\.so: cannot load .*: No such file/);
  const host = await run(['--check', '--set', isolated, '--set', 'server.plugin-host=/nonexistent/host']);
  assert.equal(host.code, 78);
  assert.match(host.stderr, /cannot run \/nonexistent\/host: No such file/);
  const guard = await run(['--check', '--set', isolated, '--set', `broker.plugin=${join(build, 'tests/plugins/broker-guard.so')}`]);
  assert.equal(guard.code, 78);
  assert.match(guard.stderr, /is an auth plugin too, which needs the server's own process: set \[broker\] isolate = off/);

  const server = await start({ t, http: false, config: '[http]\nlisten = 127.0.0.1:0\n[broker]\nisolate = on\n' });
  const pid = pluginOf(server);
  const kept = await server.reload('[http]\nlisten = 127.0.0.1:0\n[broker]\nisolate = off\n[limits]\nmax-headers = 7\n');
  assert.ok(kept.kept['[broker] isolate'], kept.text);
  assert.equal(pluginOf(server), pid);
});

const prowl = (dir) => [`broker.plugin=${join(build, 'tests/plugins/broker-prowl.so')}`, isolated,
  `broker.prowl.file=${dir}/may/named`, `broker.prowl.other=${dir}/other`];

function someFiles(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-isolate-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'may'));
  writeFileSync(join(dir, 'may/named'), 'x');
  writeFileSync(join(dir, 'other'), 'x');
  return dir;
}

test('it reads what its options name and what everybody needs, and nothing else of the system is its own', async (t) => {
  const dir = someFiles(t);
  const server = await start({ t, set: prowl(dir) });
  const went = Object.fromEntries(server.log.map((line) => / prowl: ([^:]+): (.*)$/.exec(line)).filter(Boolean).map(([, what, how]) => [what, how]));
  const no = 'Operation not permitted';
  const expected = {
    'read what is named': 'done', 'read the names of hosts': 'done', 'open a socket': 'done',
    'signal the server': no, 'open a packet socket': no, 'run a program': no,
  };
  // Where the kernel has no Landlock the log says so, and files are open to it.
  const landlock = !server.log.some((line) => /its process is not confined as it should be: this kernel has no Landlock/.test(line));
  if (landlock) {
    Object.assign(expected, {
      'write what is named': 'Permission denied', 'read another file': 'Permission denied', 'make a file': 'Permission denied',
    });
  }
  if (!sanitized) { // whose runtimes look into the process by another one
    Object.assign(expected, { 'attach to the server': no, 'make a process': no });
    if (landlock) expected['open the server\'s memory'] = 'Permission denied';
  }
  for (const [what, how] of Object.entries(expected)) assert.equal(went[what], how, `${what}: ${JSON.stringify(went)}`);
});

test('a process that breaks the protocol is killed, and another one started', async (t) => {
  const server = await start({ t, set: prowl(someFiles(t)) });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  for (const [what, line] of [['garble', /its process says a frame that is cut off, and was killed; it is started again/],
    ['flood', /its process says a frame longer than any may be, and was killed; it is started again/],
    ['ahead', /its process says an answer to what was not asked, and was killed; it is started again/]]) {
    const from = server.log.length;
    client.send('/topic/a', what);
    await server.waitForLine(line, { from });
    await server.waitForLine(/its process runs again/, { from });
    await until(async () => (await readyText(server)).startsWith('200'), 'readiness');
    await client.request('SEND', { destination: '/topic/a' }, 'hello');
    assert.equal((await client.expect('MESSAGE')).body, 'hello');
  }
});

describe('a crash', { skip: sanitized }, () => {
  for (const [at, what, signal] of [['publish', 'crash', 'SIGSEGV'], ['publish', 'abort', 'SIGABRT'], ['publish', 'overflow', 'SIGSEGV']]) {
    test(`(${what}) in ${at} is a broker that is down, says why, and comes back`, async (t) => {
      const server = await startScript(t, { script: { at, do: what } });
      const client = await stomp(server, { t });
      await client.subscribe('/topic/a');
      client.send('/topic/a', 'now', { receipt: 'r' });
      assert.equal((await client.expect('ERROR')).headers['receipt-id'], 'r');
      await server.waitForLine(new RegExp(` error broker\\.script: plugin org\\.example\\.broker-script: its process crashed with ${signal}, in its call of publish.*; it is started again in \\d+ ms`));
      await until(async () => (await readyText(server)).startsWith('200'), 'readiness');
      await client.request('SEND', { destination: '/topic/a' }, 'hello');
      assert.equal((await client.expect('MESSAGE')).body, 'hello');
    });
  }

  test('again and again makes the pauses longer, and /ready say why', async (t) => {
    const server = await startScript(t, { script: { at: 'timer', do: 'crash' } });
    const pauses = [];
    for (let from = 0; pauses.length < 5;) {
      const line = await server.waitForLine(/started again in \d+ ms/, { from });
      from = server.log.indexOf(line, from) + 1;
      pauses.push(Number(/in (\d+) ms$/.exec(line)[1]));
    }
    assert.ok(Math.max(...pauses.slice(3)) > pauses[0], `pauses of ${pauses} ms`);
    await until(async () => /^503 .*crashed with SIGSEGV, in its call of a timer callback/.test(await readyText(server)), 'the reason');
  });

  for (const at of ['create', 'start']) {
    test(`in ${at} stops the start of the server with a sentence`, async (t) => {
      const server = await startScript(t, { ready: false, script: { at, do: 'crash' } });
      const exit = await server.waitForExit();
      assert.notEqual(exit.code, 0);
      assert.equal(exit.signal, null);
      assert.match(server.log.find((line) => line.startsWith('plugboard: ')), new RegExp(`\\[broker\\.script\\] .*its process crashed with SIGSEGV, in its call of ${at}`));
    });
  }
});

test('a broker that takes over has a process of its own, and that of the one before it ends', async (t) => {
  const redis = await startRedis({ t });
  const server = await start({ t, tcp: true, set: ['broker.plugin=memory', isolated, 'destinations.patterns=on', 'server.drain-time=1s', ...adminSet,
    `broker.redis.url=redis://127.0.0.1:${redis.port}`] });
  const load = await startLoad(t, [server], { pattern: '/topic/*' });
  for (const plugin of ['redis', 'memory', 'memory']) {
    const before = pluginOf(server);
    await load.more();
    const { status, text } = await adminOf(server).ask('POST', 'swap', { body: JSON.stringify({ kind: 'broker', plugin }) });
    assert.equal(status, 200, text);
    await until(() => isGone(before), 'the end of the process');
    assert.notEqual(pluginOf(server), before);
    await load.more();
  }
  await load.end();
});
