// Real Redis servers and Sentinels for a test, each in a temporary directory of its
// own on a free port of 127.0.0.1, and a client that speaks just enough RESP. REDIS_SERVER names
// another program than redis-server, as valkey-server.
//
//   const redis = await startRedis({ t });
//   ... redis.port, redis.url, await redis.command('PUBLISH', 'a', 'b') ...
//   await redis.kill(); await redis.start();      // the same port again

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

import { freePort } from './ports.mjs';
import { freeze, slowness, sleep, until, within } from './server.mjs';

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

// Takes one reply from the start of bytes: { value, used }, or null when it is incomplete.
function parseReply(bytes, at = 0) {
  const eol = bytes.indexOf('\r\n', at);
  if (eol < 0) return null;
  const line = bytes.toString('utf8', at + 1, eol);
  const start = eol + 2;
  switch (bytes[at]) {
    case 0x2b: return { value: line, used: start }; // +
    case 0x2d: return { value: new Error(line), used: start }; // -
    case 0x3a: return { value: Number(line), used: start }; // :
    case 0x24: { // $
      const n = Number(line);
      if (n < 0) return { value: null, used: start };
      if (bytes.length < start + n + 2) return null;
      return { value: bytes.subarray(start, start + n), used: start + n + 2 };
    }
    case 0x2a: { // *
      const all = [];
      let used = start;
      for (let i = Number(line); i > 0; i -= 1) {
        const item = parseReply(bytes, used);
        if (!item) return null;
        all.push(item.value);
        used = item.used;
      }
      return { value: all, used };
    }
    default: throw new Error(`not RESP: ${bytes.toString('latin1', at, at + 40)}`);
  }
}

const asText = (value) => {
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return Array.isArray(value) ? value.map(asText) : value;
};

// A connection to Redis. Commands are answered in order; what arrives on channels goes to
// onMessage(channel, bytes), once subscribe() has been called.
export class RedisClient {
  constructor(port, secrets) {
    this.waiting = [];
    this.buffer = Buffer.alloc(0);
    this.onMessage = null;
    const to = { port, host: '127.0.0.1', noDelay: true };
    this.socket = secrets ? tls.connect({ ...to, ...secrets }) : net.connect(to);
    this.opened = new Promise((done, broken) => {
      this.socket.on(secrets ? 'secureConnect' : 'connect', done);
      this.socket.on('error', broken);
    });
    this.opened.catch(() => {});
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes) => this.onBytes(bytes));
    this.socket.on('close', () => {
      for (const each of this.waiting.splice(0)) each.broken(new Error('the connection to Redis ended'));
    });
  }

  onBytes(bytes) {
    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, bytes]) : bytes;
    for (;;) {
      const reply = parseReply(this.buffer);
      if (!reply) return;
      this.buffer = this.buffer.subarray(reply.used);
      const { value } = reply;
      if (this.onMessage && Array.isArray(value) && String(value[0]) === 'message') {
        this.onMessage(String(value[1]), value[2]);
      } else {
        const { done, broken } = this.waiting.shift();
        if (value instanceof Error) broken(value);
        else done(asText(value));
      }
    }
  }

  // Arguments are text or bytes.
  command(...args) {
    if (this.socket.destroyed) return Promise.reject(new Error('the connection to Redis is closed'));
    const parts = [Buffer.from(`*${args.length}\r\n`)];
    for (const arg of args) {
      const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
    const answer = new Promise((done, broken) => this.waiting.push({ done, broken }));
    this.socket.write(Buffer.concat(parts));
    return answer;
  }

  async subscribe(channel, onMessage) {
    this.onMessage = onMessage;
    await this.command('SUBSCRIBE', channel);
  }

  close() {
    this.socket.destroy();
  }
}

export async function redisClient(port, { t, secrets } = {}) {
  const client = new RedisClient(port, secrets);
  t?.after(() => client.close());
  await within(client.opened, 5000, 'connecting to Redis');
  return client;
}

class Redis {
  constructor({ port, args = [], sentinelConfig, password, tls: files }) {
    this.port = port;
    this.tls = files;
    this.url = `${files ? 'rediss' : 'redis'}://127.0.0.1:${port}`;
    this.args = args;
    this.password = password;
    this.sentinelConfig = sentinelConfig;
    this.dir = mkdtempSync(join(tmpdir(), 'plugboard-redis-'));
    this.child = null;
    this.output = '';
  }

  // What it is told of where and how to listen, each word behind its name.
  doors(prefix) {
    if (!this.tls) return [`${prefix}port`, this.port];
    const { certificate, key, ca, clients = 'no' } = this.tls;
    return Object.entries({
      port: 0, 'tls-port': this.port, 'tls-cert-file': certificate, 'tls-key-file': key,
      'tls-ca-cert-file': ca, 'tls-auth-clients': clients, 'tls-replication': 'yes',
    }).flatMap(([name, value]) => [prefix + name, value]);
  }

  // Starts the process, again after kill() or shutdown(), and waits until it answers.
  async start() {
    assert.equal(this.child, null, 'this Redis runs already');
    let args = [...this.doors('--'), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
      '--dir', this.dir, '--daemonize', 'no', ...this.args];
    if (this.sentinelConfig) {
      const file = join(this.dir, 'sentinel.conf');
      const doors = this.doors('').map((word, i) => word + (i % 2 ? '\n' : ' ')).join('');
      writeFileSync(file, `${doors}bind 127.0.0.1\ndir ${this.dir}\n${this.sentinelConfig}`);
      args = [file, '--sentinel'];
    }
    const child = spawn(process.env.REDIS_SERVER || 'redis-server', args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    alive.add(child);
    const keep = (text) => { this.output = (this.output + text).slice(-20000); };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    this.ended = new Promise((done) => {
      const end = () => { alive.delete(child); done(); };
      child.on('error', (error) => { keep(error.message); end(); });
      child.on('exit', end);
    });
    await until(async () => {
      assert.equal(child.exitCode, null, `redis-server ended:\n${this.output}`);
      return (await this.command('PING').catch((error) => /NOAUTH/.test(error.message))) !== false;
    }, `redis-server on port ${this.port}`, 10000);
  }

  // One command on a connection of its own.
  async command(...args) {
    const secrets = this.tls && {
      cert: readFileSync(this.tls.certificate), key: readFileSync(this.tls.key), rejectUnauthorized: false,
    };
    const client = await redisClient(this.port, { secrets });
    try {
      if (this.password) await client.command('AUTH', this.password);
      return await within(client.command(...args), 10000, `Redis: ${args.join(' ')}`);
    } finally {
      client.close();
    }
  }

  async info(section, field) {
    const text = await this.command('INFO', section);
    return new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(text)?.[1];
  }

  // As a crash.
  async kill() {
    const { child } = this;
    if (!child) return;
    this.child = null;
    child.kill('SIGKILL');
    await this.ended;
  }

  // Alive, but deaf and dumb; and back.
  freeze() { freeze(this.child.pid); }
  thaw() { this.child.kill('SIGCONT'); }

  async end() {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// Options:
//   t         the test's context; ends the process when the test ends
//   port      default: any free one
//   args      further arguments, as ['--requirepass', 'x']
//   password  for command()
//   tls       { certificate, key, ca, clients }: paths, and whether clients need one ('no', 'yes')
//   start     false: do not start it yet
export async function startRedis({ t, port, start = true, ...options } = {}) {
  const redis = new Redis({ port: port ?? await freePort(), ...options });
  t?.after(() => redis.end());
  if (start) await redis.start();
  return redis;
}

// A Sentinel that watches the master of that port under the name `name`.
export function startSentinel({ t, master, name = 'mymaster', quorum = 1, downAfterMs = 1000, tls: files }) {
  assert.equal(typeof master, 'number', 'a port');
  const down = downAfterMs * slowness;
  return startRedis({
    t,
    tls: files,
    sentinelConfig: `sentinel monitor ${name} 127.0.0.1 ${master} ${quorum}\n`
      + `sentinel down-after-milliseconds ${name} ${down}\n`
      + `sentinel failover-timeout ${name} ${down * 6}\n`,
  });
}

// Until the Redis has that many subscribers on the channel.
export async function waitForSubscribers(redis, channel, n, ms = 5000) {
  await until(async () => (await redis.command('PUBSUB', 'NUMSUB', channel))[1] === n,
    `${n} subscribers on ${channel}`, ms);
  await sleep(0);
}
