// What a plugin that misbehaves costs: one that hangs, one that crashes, one that says of itself that
// it is not well (tests/plugins/broker_script.c).

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { metricsDoor, metricsUrl } from './lib/metrics.mjs';
import { build, run, sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const sanitized = /asan|tsan/.test(build); // they have their own handlers of faults

function startScript(t, { any = false, set = [], script = {}, ...options }) {
  const name = any ? 'scriptany' : 'script';
  return start({
    t, tcp: true, ...options,
    set: [`broker.plugin=${join(build, `tests/plugins/broker-${name}.so`)}`, 'server.workers=2',
      ...Object.entries(script).map(([key, value]) => `broker.${name}.${key}=${value}`), ...set],
  });
}

async function ready(server) {
  const response = await fetch(server.url('/ready'));
  return `${response.status} ${await response.text()}`;
}

const short = ['server.plugin-hang=300ms', 'broker.operation-timeout=1s', 'server.drain-time=1s'];

async function endsBadly(server, { signal = 'SIGTERM' } = {}) {
  if (signal) server.signal(signal);
  const exit = await server.waitForExit({ ms: 60000 });
  assert.deepEqual(exit, { code: 1, signal: null });
}

describe('a plugin that hangs', () => {
  test('on the control thread is named, makes the node unready, and clients get their answers', async (t) => {
    const server = await startScript(t, { script: { at: 'publish', do: 'hang' }, set: short });
    assert.match(await ready(server), /^200 /);
    const client = await stomp(server, { t });
    client.send('/topic/a', 'now', { receipt: 'hung' });
    client.send('/topic/a', 'behind it', { receipt: 'behind' });
    await server.waitForLine(/ error broker\.script: plugin org\.example\.broker-script has not returned from publish on thread 'control' for \d+ ms/);
    await until(async () => /^503 not ready: broker\.script does not return from publish/.test(await ready(server)), 'unreadiness');
    for (const id of ['hung', 'behind']) {
      const error = await client.expect('ERROR');
      assert.equal(error.headers['receipt-id'], id);
      assert.match(error.headers.message, /SEND/);
    }
    client.frame('SUBSCRIBE', { id: 'x', destination: '/topic/new', receipt: 'sub' });
    assert.equal((await client.expect('ERROR')).headers['receipt-id'], 'sub');
    client.send('/topic/a', 'later', { receipt: 'later' });
    assert.equal((await client.expect('ERROR')).headers['receipt-id'], 'later');
    await endsBadly(server);
    assert.ok(server.log.some((line) => /ended with a plugin that did not stop/.test(line)), server.tail());
  });

  test('keeps nobody from the time that a verdict has, however long the client has been there', async (t) => {
    const server = await startScript(t, {
      script: { at: 'publish', do: 'hang' }, config: '[access]\nasked = subscribe, send /topic/** if plugin\n',
      set: [...short, `auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`, 'auth.timeout=2s', 'limits.connect-timeout=1s'],
    });
    const as = (user) => ({ t, connect: { Authorization: user } });
    const [first, other] = [await stomp(server, as('alice')), await stomp(server, as('bob'))];
    await sleep(3200); // past what a client has to connect and a plugin to judge it
    first.send('/topic/yes', 'now');
    await server.waitForLine(/has not returned from publish on thread 'control'/);
    const before = Date.now();
    other.send('/topic/yes', 'behind it');
    const error = await other.expectError(/authentication took too long/, 60000);
    assert.ok(error);
    assert.ok(Date.now() - before >= 1900, `after ${Date.now() - before} ms`);
    await endsBadly(server);
  });

  test('for a while only is followed by a line, and all is well again', async (t) => {
    const server = await startScript(t, { script: { at: 'timer', do: 'hang', time: '2s' }, set: short });
    await server.waitForLine(/has not returned from a timer callback/);
    await server.waitForLine(/ warn broker\.script: the plugin has returned after \d+ ms/);
    await until(async () => /^200 /.test(await ready(server)), 'readiness');
    const client = await stomp(server, { t });
    await client.request('SEND', { destination: '/topic/a' }, 'hello');
  });

  test('on a worker is named, and the process ends all the same', async (t) => {
    // The process ends while one worker waits for the other: ThreadSanitizer calls the one that is
    // through a leak, or not, depending on which of them had the client.
    const env = { TSAN_OPTIONS: `${process.env.TSAN_OPTIONS ?? ''}:report_thread_leaks=0` };
    const server = await startScript(t, { any: true, script: { at: 'publish', do: 'hang' }, set: short, env });
    const client = await stomp(server, { t });
    client.send('/topic/a', 'now');
    await server.waitForLine(/has not returned from publish on thread 'worker-\d'/);
    await endsBadly(server);
    assert.ok(server.log.some((line) => /cannot end in order: broker\.scriptany does not return from publish/.test(line)), server.tail());
  });

  for (const call of ['create', 'start', 'health']) {
    test(`in ${call} does not keep SIGTERM from ending the process`, async (t) => {
      const server = await startScript(t, { ready: false, script: { at: call, do: 'hang' }, set: short });
      await server.waitForLine(new RegExp(`has not returned from ${call} `));
      await endsBadly(server);
    });
  }

  test('in stop is left behind with its operations, also when it comes back', async (t) => {
    const server = await startScript(t, { script: { at: 'stop', do: 'hang', time: '8s' }, set: short });
    const client = await stomp(server, { t });
    client.send('/topic/a', 'hello', { receipt: 'r' });
    await client.expect('RECEIPT');
    await endsBadly(server);
    assert.ok(server.log.some((line) => /did not stop within/.test(line)), server.tail());
  });

  test('in destroy does not keep the process', async (t) => {
    const server = await startScript(t, { script: { at: 'destroy', do: 'hang' }, set: short });
    await endsBadly(server);
  });
});

describe('health', () => {
  test('is polled, and its text is shown, without control characters', async (t) => {
    const server = await startScript(t, { script: { down: 'on', say: 'no\u001b[2J route' } });
    await until(async () => (await ready(server)).trim() === '503 not ready: the broker is unavailable: no?[2J route', 'the text');
    await server.waitForLine(/health: no\\x1b\[2J route/);
  });

  test('may have a text that is cut in a character', async (t) => {
    const server = await startScript(t, { script: { say: 'ü'.repeat(40) }, set: [metricsDoor] });
    const response = await fetch(metricsUrl(server, '/health'));
    assert.equal(response.status, 200);
    assert.equal((await response.json()).broker.text, `${'ü'.repeat(31)}?`);
    assert.ok(!server.log.some((line) => /health: /.test(line)), 'no news');
  });
});

describe('a crash', { skip: sanitized }, () => {
  const cases = [
    ['publish', 'crash', 'SIGSEGV', /crashed with SIGSEGV in plugin org\.example\.broker-script \[broker\.script(any)?\], in its call of publish$/],
    ['publish', 'abort', 'SIGABRT', /crashed with SIGABRT in plugin org\.example\.broker-script \[broker\.script(any)?\], in its call of publish/],
    ['publish', 'overflow', 'SIGSEGV', /crashed with SIGSEGV in plugin org\.example\.broker-script \[broker\.script(any)?\], in its call of publish$/],
    ['thread', 'crash', 'SIGSEGV', /crashed with SIGSEGV in plugin org\.example\.broker-script, on a thread of its own$/],
  ];
  for (const any of [false, true]) {
    for (const [at, what, signal, line] of cases) {
      test(`${what} in ${at} ${any ? 'on a worker' : 'on the control thread'} leaves one line with the plugin's name`, async (t) => {
        const server = await startScript(t, { any, script: { at, do: what } });
        const client = await stomp(server, { t });
        client.send('/topic/a', 'now');
        const exit = await server.waitForExit();
        assert.equal(exit.signal, signal);
        assert.equal(server.log.filter((each) => /crashed with/.test(each)).length, 1);
        assert.match(server.log.find((each) => /crashed with/.test(each)), line);
      });
    }
  }
});

describe('a plugin that is two things', () => {
  const guard = join(build, 'tests/plugins/broker-guard.so');

  test('is refused as a broker as long as nobody asks it who clients are', async () => {
    for (const args of [['--check'], []]) {
      const { code, stderr } = await run([...args, '--set', `broker.plugin=${guard}`, '--set', 'http.listen=127.0.0.1:0']);
      assert.equal(code, 78);
      assert.match(stderr, /broker-guard\.so: org\.example\.guard has an auth table too, and nobody would ask it: name \S+broker-guard\.so in \[auth\] plugins\n$/);
    }
    const { code, stderr } = await run(['--check', '--set', `broker.plugin=${guard}`, '--set', `auth.plugins=${guard}`]);
    assert.equal(code, 0, stderr);
  });

  test('has its texts escaped where a terminal shows them', async () => {
    const { code, stdout, stderr } = await run(['--plugin-info', guard]);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]/);
    assert.match(stdout, /^version=1\\x1b\[31m$/m);
    assert.match(stdout, /^summary=red\\x1b\]0;title\\x07 and \\u009b1m, \\xff$/m);
  });
});
