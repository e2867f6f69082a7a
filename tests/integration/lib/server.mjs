// Starts the real server for a test and stops it again.
//
//   const server = await start({ t, set: ['limits.max-frame-size=1K'], tcp: true });
//   ... server.httpPort, server.tcpPort, await server.stats() ...
//
// With `t` (the test's context) the server is stopped when the test ends, and stopping is a check
// of its own: the server must end by itself, in time, with status 0, and under sanitizers without
// a report. PLUGBOARD_BUILD names the build directory whose server is tested (build/release).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const build = resolve(root, process.env.PLUGBOARD_BUILD || 'build/release');
export const program = join(build, 'bin/plugboard');

// Sanitizers make everything slower; times that a test sets are multiplied by this.
export const slowness = /asan|tsan|debug|coverage|valgrind/.test(build) ? 5 : 1;

const REPORT = /ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|ThreadSanitizer: |runtime error: /;
// The server's own lines: text, JSON, and what it says of a start that failed.
const OWN_LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) \S+: |\{"|plugboard: )/;

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

// How long to wait for what has to come. A machine that is busy with something else may take ten
// times as long as an idle one, and how long is no test's business: the bound is there so that a
// test ends at all. What must not take long is told from what does by giving the server a time that
// is longer than any bound here, or by the order of events, not by a clock.
const LEAST_PATIENCE = 60000;
export const patience = (ms) => Math.max(LEAST_PATIENCE, ms * slowness);

export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// Polls until check() gives something true, and returns it.
export async function until(check, what = 'the condition', ms = 5000) {
  const end = Date.now() + patience(ms);
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what} did not come true within ${patience(ms)} ms`);
    await sleep(20);
  }
}

// Stops a process, and comes back when it stands still: a process of several threads goes on for a moment.
export function freeze(pid) {
  process.kill(pid, 'SIGSTOP');
  const moves = (task) => {
    try {
      return !/^\d+ \(.*\) [TtZX]/s.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'));
    } catch {
      return false; // the thread has ended
    }
  };
  const end = Date.now() + patience(5000);
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (readdirSync(`/proc/${pid}/task`).some(moves)) {
    if (Date.now() > end) throw new Error(`process ${pid} does not stop`);
    Atomics.wait(nothing, 0, 0, 1);
  }
}

// Rejects unless promise settles in time.
export function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${patience(ms)} ms`)), patience(ms));
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Runs the program to its end, for --check, --version and the like.
export async function run(args, { ms = 10000, env = {} } = {}) {
  const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  alive.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
  const ended = new Promise((done, broken) => {
    child.on('error', broken);
    child.on('close', (code, signal) => done({ code, signal }));
  });
  try {
    const { code, signal } = await within(ended, ms, `plugboard ${args.join(' ')}`);
    assert.ok(!REPORT.test(stderr), `sanitizer report:\n${stderr}`);
    return { code, signal, stdout, stderr };
  } finally {
    child.kill('SIGKILL');
    alive.delete(child);
  }
}

class Server {
  constructor({ set = [], config, args = [], http = 0, tcp = false, env = {}, violations = false }) {
    this.violations = violations;
    this.log = []; // all lines of standard error so far
    this.httpPort = 0;
    this.tcpPort = 0;
    this.listening = []; // as logged: { scheme, host, port }
    this.exit = null; // { code, signal } once it has ended
    this.watchers = new Set();
    this.dir = null;

    const options = [...args];
    if (config !== undefined) {
      this.dir = mkdtempSync(join(tmpdir(), 'plugboard-test-'));
      this.configFile = join(this.dir, 'plugboard.ini');
      writeFileSync(this.configFile, config);
      options.push('--config', this.configFile);
    }
    if (http !== false) options.push('--set', `http.listen=127.0.0.1:${Number(http)}`);
    if (tcp !== false) options.push('--set', `tcp.listen=127.0.0.1:${tcp === true ? 0 : tcp}`);
    for (const each of set) options.push('--set', each);

    this.child = spawn(program, options, {
      cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    alive.add(this.child);
    this.pid = this.child.pid;
    this.ended = new Promise((done) => {
      this.child.on('error', (error) => this.onEnd({ error: error.message }, done));
      this.child.on('close', (code, signal) => this.onEnd({ code, signal }, done));
    });

    let rest = '';
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.onLine(line);
    });
    this.child.stderr.on('end', () => { if (rest) this.onLine(rest); });
  }

  onLine(line) {
    this.log.push(line);
    const found = /listening on (https?|tcp|tls):\/\/(\[[^\]]+\]|[^:/\s]+):(\d+)/.exec(line);
    if (found) {
      const [, scheme, host, port] = found;
      this.listening.push({ scheme, host, port: Number(port) });
      if (scheme.startsWith('http')) this.httpPort ||= Number(port);
      else this.tcpPort ||= Number(port);
    }
    for (const watcher of [...this.watchers]) watcher(line);
  }

  onEnd(exit, done) {
    this.exit = exit;
    alive.delete(this.child);
    if (this.dir) rmSync(this.dir, { recursive: true, force: true });
    done(exit);
    for (const watcher of [...this.watchers]) watcher(null);
  }

  tail() {
    return this.log.slice(-60).join('\n');
  }

  // The first line that matches, among those logged from line number `from` on.
  waitForLine(pattern, { ms = 10000, from = 0 } = {}) {
    const before = this.log.slice(from).find((line) => pattern.test(line));
    if (before !== undefined) return Promise.resolve(before);
    let watcher;
    const found = new Promise((done, broken) => {
      watcher = (line) => {
        if (line === null) broken(new Error(`the server ended (${JSON.stringify(this.exit)}) before logging ${pattern}:\n${this.tail()}`));
        else if (pattern.test(line)) done(line);
      };
      this.watchers.add(watcher);
      if (this.exit) watcher(null);
    });
    return within(found, ms, `log line ${pattern}`)
      .catch((error) => {
        if (!error.message.includes('\n')) error.message += `; the log ends with:\n${this.tail()}`;
        throw error;
      })
      .finally(() => this.watchers.delete(watcher));
  }

  // Seconds of CPU that the process has used.
  cpu() {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100; // in ticks, a hundred of them a second
  }

  // The server's counters, asked for with SIGUSR1.
  async stats() {
    const from = this.log.length;
    this.child.kill('SIGUSR1');
    const values = {};
    for (let i = 1, n = 1; i <= n; i++) {
      const line = await this.waitForLine(new RegExp(`(^|: |"| )stats ${i}/\\d+ `), { from });
      n = Number(/stats \d+\/(\d+)/.exec(line)[1]);
      for (const [, name, value] of line.matchAll(/([A-Za-z][\w.-]*)=([^\s"]+)/g)) {
        values[name] = Number.isNaN(Number(value)) ? value : Number(value);
      }
    }
    return values;
  }

  signal(name) {
    this.child.kill(name);
  }

  // What the next reader of the configuration file finds.
  configure(config) {
    writeFileSync(this.configFile, config);
  }

  // Writes another configuration, or leaves the file as it is, and has the server read it: gives what
  // the log then says, { applied: ['[section] key'], kept: { '[section] key': why }, faults, done }.
  async reload(config) {
    const from = this.log.length;
    if (config !== undefined) writeFileSync(this.configFile, config);
    this.child.kill('SIGHUP');
    const last = await this.waitForLine(/(the configuration was (read again: |not applied|not read again))/, { from });
    const lines = this.log.slice(from).filter((line) => / config: /.test(line)).map((line) => line.replace(/^\S+ \w+ config: /, ''));
    return {
      done: /was read again/.test(last),
      applied: lines.filter((line) => / is applied$/.test(line)).map((line) => line.replace(/ is applied$/, '')),
      kept: Object.fromEntries(lines.map((line) => /^(\[[^\]]+\](?: [a-z-]+)?) ((?:stays|keeps|is|holds) .*start.*)$/.exec(line))
        .filter((found) => found).map(([, key, why]) => [key, why])),
      faults: lines.filter((line) => /^\S+:\d+: |cannot read|with what stays/.test(line)),
      text: lines.join('\n'),
    };
  }

  url(path = '/', scheme = 'http') {
    return `${scheme}://127.0.0.1:${this.httpPort}${path}`;
  }

  // Asks the server to end and checks how it does. Calling it again is harmless.
  async stop({ ms = 15000, signal = 'SIGTERM' } = {}) {
    this.stopping ||= (async () => {
      if (!this.exit) this.child.kill(signal);
      try {
        await within(this.ended, ms, 'the server did not end after ' + signal);
      } catch (error) {
        this.child.kill('SIGKILL');
        await this.ended;
        throw new Error(`${error.message}; the log ends with:\n${this.tail()}`);
      }
      this.checkReport();
      assert.deepEqual(this.exit, { code: 0, signal: null }, `the server ended badly:\n${this.tail()}`);
    })();
    return this.stopping;
  }

  // Ends it without a chance to say goodbye.
  async kill() {
    this.stopping ||= (async () => {
      assert.equal(this.exit, null, `the server had ended before it was killed:\n${this.tail()}`);
      this.child.kill('SIGKILL');
      await this.ended;
      this.checkReport();
    })();
    return this.stopping;
  }

  // Waits for a server that is expected to end by itself; gives { code, signal }.
  async waitForExit({ ms = 10000 } = {}) {
    const exit = await within(this.ended, ms, 'the end of the server');
    this.checkReport();
    this.stopping ||= Promise.resolve();
    return exit;
  }

  checkReport() {
    const at = this.log.findIndex((line) => REPORT.test(line));
    assert.equal(at, -1, `sanitizer report:\n${this.log.slice(at).join('\n')}`);
    // libraries are silent: what they have to say is the server's to say, and from one thread
    const foreign = this.log.find((line) => !OWN_LINE.test(line) && !(this.violations && / violation \S+: plugin /.test(line)));
    assert.equal(foreign, undefined, 'a line that is not of the server\'s own log');
  }
}

// Options:
//   t       the test's context; stops the server when the test ends
//   set     ['section.key=value', ...]
//   config  text of a configuration file
//   args    further arguments
//   http    port of the HTTP listener, 0 (default) for any free one, false to leave it to config
//   tcp     true for a STOMP-over-TCP listener on a free port, or a port; false (default) for none
//   env     further environment variables
//   violations  true: a plugin breaks its contract, and that is logged
//   ready   false: do not wait until the server is ready
export async function start(options = {}) {
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw new Error(`there is no ${program}; build it first: ./dev build`);
  }
  const server = new Server(options);
  options.t?.after(() => server.stop());
  if (options.ready === false) return server;
  try {
    await server.waitForLine(/(: |")ready(:|"|$)/);
  } catch (error) {
    server.child.kill('SIGKILL');
    await server.ended;
    server.stopping ||= Promise.resolve();
    throw error;
  }
  return server;
}
