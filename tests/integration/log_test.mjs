// The log: a pipe that nobody reads, a standard error that is closed, the access log, the journal.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freePort } from './lib/ports.mjs';
import { build, program, run, sleep, start, until, within } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

// A server whose standard error is what the shell makes of it; nothing of it reaches the test.
async function launch(t, redirection, set = []) {
  const port = await freePort();
  const options = [`http.listen=127.0.0.1:${port}`, ...set].map((each) => `--set ${each}`).join(' ');
  const child = spawn('/bin/sh', ['-c', `exec "$0" ${options} ${redirection}`, program], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => { child.on('exit', (code, signal) => done({ code, signal })); });
  t.after(() => child.kill('SIGKILL'));
  const get = async () => (await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(20000) })).status;
  await until(() => get().then((status) => status === 200, () => false), 'readiness');
  return { child, ended, get, port };
}

test('a log pipe that nobody reads holds up neither requests nor signals', async (t) => {
  const server = await launch(t, '', ['server.stats-interval=1ms']); // a line of a kilobyte each time
  server.child.stderr.pause();
  await sleep(2000);
  for (let i = 0; i < 20; i++) assert.equal(await server.get(), 200);
  server.child.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 30000, 'the end'), { code: 0, signal: null });
});

test('a standard error that is closed at the start is no socket later, and no reason to abort', async (t) => {
  const server = await launch(t, '<&- >&- 2>&-');
  for (let i = 0; i < 20; i++) assert.equal(await server.get(), 200);
  server.child.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 30000, 'the end'), { code: 0, signal: null });
});

// --- lines about connections -------------------------------------------------------------------

function temporary(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-log-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const lines = (server) => server.log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
const ended = (server, n) => until(() => {
  const found = lines(server).filter((line) => line.area === 'access');
  return found.length >= n && found;
}, `${n} lines of the access log`);

test('the access log has a line for each session: who, from where, how much, and why it ended', async (t) => {
  const server = await start({ t, tcp: true, set: ['server.access-log=on', 'server.log-format=json',
    `auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`] });
  const as = (who) => ({ t, connect: { Authorization: who } });
  const normal = await stomp(server, as('alice "the first"'));
  await normal.subscribe('/topic/a');
  normal.send('/topic/a', 'x'.repeat(1000));
  await normal.messages(1);
  await normal.disconnect();
  const closes = await stomp(server, as('bob'));
  closes.close(4321);
  const lost = await stomp(server, as('carol'));
  lost.terminate();
  const plain = await stomp(server, { ...as('dave'), transport: 'tcp' });
  plain.raw('SEND\n\n\0');
  await plain.expectError(/without a 'destination' header/);
  plain.close();
  const nobody = await open(server, { t });
  nobody.close(1000);
  const url = server.url('/ws/000/somebody');
  const post = (what, body) => fetch(`${url}/${what}`, { method: 'POST', body }).then((answer) => answer.text());
  await post('xhr');
  await post('xhr_send', JSON.stringify(['CONNECT\naccept-version:1.2\nhost:h\nAuthorization:erin\n\n\0']));
  const id = /session:([0-9a-f]{32})/.exec(await post('xhr'))[1];
  await post('xhr_send', JSON.stringify(['DISCONNECT\n\n\0']));
  await post('xhr');
  const all = await ended(server, 5);
  const of = (user) => all.find((line) => line.user === user);
  const alice = of('alice "the first"');
  assert.equal(alice.message, 'session ended');
  assert.equal(alice.level, 'info');
  assert.equal(alice.session, normal.session.headers.session);
  assert.match(alice.address, /^127\.0\.0\.1:\d+$/);
  assert.equal(alice.transport, 'websocket');
  assert.equal(alice.door, '/ws');
  assert.ok(alice.in > 1000 && alice.in < 3000 && alice.out > 1000 && alice.out < 3000 && alice.duration_ms >= 0, JSON.stringify(alice));
  assert.deepEqual([alice.code, alice.reason], [1000, '']);
  assert.deepEqual([of('bob').code, of('bob').reason], [4321, 'closed by the client']);
  assert.deepEqual([of('carol').code, of('carol').reason], [1006, 'the connection was lost']);
  const dave = of('dave');
  assert.deepEqual([dave.transport, dave.door, dave.code, dave.reason], ['tcp', '[tcp]', 1002, "SEND without a 'destination' header"]);
  const without = all.find((line) => line.message === 'connection ended');
  assert.deepEqual([without.session, without.user, without.code], [undefined, undefined, 1000]);
  await server.stop();
  const erin = (await ended(server, 6)).find((line) => line.user === 'erin');
  assert.deepEqual([erin.session, erin.transport], [id, 'sockjs-xhr']);
  assert.ok(erin.in > 50 && erin.out > 50, JSON.stringify(erin));
});

test('an access log of its own is opened anew on SIGHUP, and what is wrong with it is said at the start', async (t) => {
  const dir = temporary(t);
  const file = join(dir, 'access.log');
  const server = await start({ t, set: [`server.access-log=${file}`] });
  const text = (path) => readFileSync(path, 'utf8');
  const one = await stomp(server, { t });
  await one.disconnect();
  await until(() => text(file).length > 0, 'a line');
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.match(text(file), new RegExp(`^\\S+Z info access: session ended session=${one.session.headers.session} address=127\\.0\\.0\\.1:\\d+ door=/ws transport=websocket duration_ms=\\d+ in=\\d+ out=\\d+ code=1000 reason=""\n$`));
  renameSync(file, `${file}.1`);
  server.signal('SIGHUP');
  await until(() => { try { return statSync(file); } catch { return false; } }, 'the new file');
  const two = await stomp(server, { t });
  await two.disconnect();
  await until(() => text(file).includes(two.session.headers.session), 'a line there');
  assert.equal(text(`${file}.1`).split('\n').length, 2);
  assert.ok(!server.log.some((line) => / access: /.test(line)));
  const { code, stderr } = await run(['--set', `server.access-log=${join(dir, 'none', 'x')}`, '--set', 'http.listen=127.0.0.1:0']);
  assert.equal(code, 1);
  assert.match(stderr, /^plugboard: \[server\] access-log: cannot open \S+: No such file or directory\n$/);
  const bad = await run(['--check', '--set', 'server.access-log=yes']);
  assert.equal(bad.code, 78);
  assert.match(bad.stderr, /\[server\] access-log is off, on, or a path with a slash in it/);
});

test('slow clients, refused frames and limits are found by the id of their session', async (t) => {
  const server = await start({ t, set: ['server.log-level=debug', 'server.log-format=json', 'limits.queue-size=128k', 'limits.max-frame-size=64k', 'limits.max-subscriptions=1'] });
  const of = (client, text) => server.waitForLine(new RegExp(`"message":"${text}.*"session":"${client.session.headers.session}"`));
  const slow = await stomp(server, { t });
  await of(slow, 'connected');
  await slow.subscribe('/topic/slow');
  slow.pause();
  const talker = await stomp(server, { t });
  for (let i = 0; i < 200; i += 1) talker.send('/topic/slow', 'x'.repeat(60000));
  await of(slow, 'ended by a limit: its queue is over');
  await talker.subscribe('/topic/a');
  talker.frame('SUBSCRIBE', { id: 'more', destination: '/topic/b' });
  await of(talker, 'ended by a limit: ');
  const wrong = await stomp(server, { t });
  wrong.raw('SEND\n\n\0');
  await of(wrong, "ended by an ERROR: SEND without a 'destination' header");
});

test('what many clients do wrong is a few lines, and says how many more there were', async (t) => {
  const server = await start({ t, set: [] });
  for (let i = 0; i < 30; i += 1) {
    const client = await stomp(server, { t });
    client.raw('SEND\n\n\0');
    await client.expectError(/destination/);
  }
  assert.equal(server.log.filter((line) => /ended by an ERROR/.test(line)).length, 5);
});

test('credentials are in no line, whatever the level', async (t) => {
  const server = await start({ t, tcp: true, set: ['server.log-level=debug', 'server.access-log=on',
    `auth.plugins=${join(build, 'tests/plugins/auth-script.so')}`, 'api-key k.secret=0123456789abcdef', 'api-key k.rights=publish'] });
  const secret = 'very-secret-token';
  for (const how of ['', ';expired', ';deny']) {
    const client = await open(server, { t, path: `/ws?token=${secret}` });
    client.frame('CONNECT', { 'accept-version': '1.2', host: 'h', login: 'l', passcode: secret, Authorization: `kim${how}`, cookie: secret });
    await client.next();
    client.close();
  }
  await fetch(server.url(`/api/publish?key=${secret}`), { method: 'POST', headers: { authorization: `Bearer ${secret}` } });
  await server.stop();
  assert.deepEqual(server.log.filter((line) => line.includes(secret) || line.includes('0123456789abcdef')), []);
});

// --- the journal -------------------------------------------------------------------------------

// No journald runs where these tests do: a script in its place reads the same protocol.
async function fakeJournal(t) {
  const socket = join(temporary(t), 'socket');
  const child = spawn('python3', [join(dirname(fileURLToPath(import.meta.url)), 'lib/journal.py'), socket], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const entries = [];
  let rest = '';
  let bound = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    for (const part of parts) {
      if (part === 'bound') bound = true;
      else entries.push(JSON.parse(part));
    }
  });
  await until(() => bound, 'the journal');
  return { socket, entries };
}

test('log-target = journald: entries with fields, and a journal that does not read holds nobody up', async (t) => {
  const journal = await fakeJournal(t);
  const server = await launch(t, '', ['server.log-target=journald', `server.journal-socket=${journal.socket}`, 'server.access-log=on', 'server.stats-interval=1ms', 'server.workers=1']);
  let stderr = '';
  server.child.stderr.on('data', (text) => { stderr += text; });
  const client = await stomp({ url: (path, scheme) => `${scheme}://127.0.0.1:${server.port}${path}` }, { t });
  await client.disconnect();
  const entry = await until(() => journal.entries.find((each) => each.PLUGBOARD_AREA === 'access'), 'the entry');
  assert.equal(entry.PRIORITY, '6');
  assert.equal(entry.SYSLOG_IDENTIFIER, 'plugboard');
  assert.equal(entry.PLUGBOARD_SESSION, client.session.headers.session);
  assert.equal(entry.PLUGBOARD_CODE, '1000');
  assert.match(entry.MESSAGE, new RegExp(`^session ended session=${entry.PLUGBOARD_SESSION} address=`));
  assert.equal(entry.PLUGBOARD_TRANSPORT, 'websocket');
  writeFileSync(`${journal.socket}.stop`, '');
  await sleep(500); // its socket is full by now
  for (let i = 0; i < 20; i += 1) assert.equal(await server.get(), 200);
  const before = journal.entries.length;
  rmSync(`${journal.socket}.stop`);
  await until(() => journal.entries.slice(before).some((each) => /^\d+ lines of the log were dropped: nobody read it$/.test(each.MESSAGE)), 'what was dropped');
  server.child.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 30000, 'the end'), { code: 0, signal: null });
  await until(() => journal.entries.some((each) => each.MESSAGE === 'stopped'), 'the last entry');
  assert.equal(stderr, '');
});

test('without a journal it does not start', async (t) => {
  const { code, stderr } = await run(['--set', 'server.log-target=journald', '--set', `server.journal-socket=${join(temporary(t), 'none')}`, '--set', 'http.listen=127.0.0.1:0']);
  assert.equal(code, 1);
  assert.match(stderr, /^plugboard: \[server\] log-target = journald: nobody listens at \S+: No such file or directory\n$/);
});
