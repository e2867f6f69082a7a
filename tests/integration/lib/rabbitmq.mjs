// A real RabbitMQ with STOMP over TCP and WebSocket, with and without TLS. Its name service is one of
// its own: the one that a node starts by itself would outlive the test.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './ports.mjs';
import { sleep, until } from './server.mjs';

const program = '/usr/lib/rabbitmq/bin/rabbitmq-server';

// With its runtime it is larger than all other packages for tests together: tried where somebody has put it.
export const hasRabbit = () => existsSync(program);

const answers = (port) => new Promise((done) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); done(true); });
  socket.on('error', () => done(false));
});

export async function startRabbit(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-rabbit-'));
  const at = (name) => join(dir, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key.pem'),
    '-out', at('cert.pem'), '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
  const [stomp, stomps, ws, wss, epmd, dist] = await Promise.all(Array.from({ length: 6 }, freePort));
  writeFileSync(at('enabled_plugins'), '[rabbitmq_stomp,rabbitmq_web_stomp].\n');
  writeFileSync(at('rabbitmq.conf'), `
listeners.tcp = none
stomp.listeners.tcp.1 = 127.0.0.1:${stomp}
stomp.listeners.ssl.1 = 127.0.0.1:${stomps}
ssl_options.certfile = ${at('cert.pem')}
ssl_options.keyfile = ${at('key.pem')}
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = ${ws}
web_stomp.ssl.ip = 127.0.0.1
web_stomp.ssl.port = ${wss}
web_stomp.ssl.certfile = ${at('cert.pem')}
web_stomp.ssl.keyfile = ${at('key.pem')}
disk_free_limit.absolute = 1MB
log.console = true
log.console.level = error
log.file = false
`);
  const env = {
    ...process.env, HOME: dir, ERL_EPMD_PORT: `${epmd}`, ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'plugctl@localhost', RABBITMQ_DIST_PORT: `${dist}`, RABBITMQ_MNESIA_BASE: at('mnesia'), RABBITMQ_LOG_BASE: at('log'),
    RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'), RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'), RABBITMQ_IO_THREAD_POOL_SIZE: '1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
  };
  const names = spawn('epmd', ['-address', '127.0.0.1', '-port', `${epmd}`], { env, stdio: 'ignore' });
  const broker = spawn(program, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [broker.stdout, broker.stderr]) stream.on('data', (text) => { log += text; });
  const ended = new Promise((done) => broker.on('close', done));
  t.after(async () => {
    broker.kill();
    await Promise.race([ended, sleep(20000)]);
    broker.kill('SIGKILL');
    names.kill();
    rmSync(dir, { recursive: true, force: true });
  });
  let listening;
  await until(async () => {
    if (broker.exitCode !== null) throw new Error(`RabbitMQ has ended: ${log}`);
    listening = await Promise.all([stomp, stomps, ws, wss].map(answers));
    return listening.every(Boolean);
  }, 'RabbitMQ listening', 180000).catch((error) => { throw new Error(`${error.message} (${listening}): ${log}`); });
  return {
    cafile: at('cert.pem'),
    urls: {
      'stomp': `stomp://127.0.0.1:${stomp}`, 'stomp+ssl': `stomp+ssl://localhost:${stomps}`,
      'ws': `ws://127.0.0.1:${ws}/ws`, 'wss': `wss://localhost:${wss}/ws`,
    },
  };
}
