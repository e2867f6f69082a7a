// /live, /ready and /health, what systemd is told, and the stats line of Spring.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { startNode, waitReady } from './lib/cluster.mjs';
import { metricsDoor, metricsUrl, scrape } from './lib/metrics.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, root, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const get = async (url) => {
  const answer = await fetch(url);
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
};

// A notify socket as systemd has it; said is what came, in its order.
async function notifySocket(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-notify-'));
  const path = join(dir, 'notify');
  const child = spawn('python3', [join(root, 'tests/integration/lib/notify_socket.py'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    said.push(...lines.map((line) => JSON.parse(line)));
  });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  await until(() => said.length === 1, 'the notify socket', 20000);
  said.length = 0;
  return { path, said };
}

test('a healthy node says so at all doors', async (t) => {
  const server = await start({ t, set: [metricsDoor, 'server.node=n1', 'server.workers=2'] });
  for (const url of [server.url('/live'), metricsUrl(server, '/live')]) {
    assert.deepEqual(await get(url), { status: 200, type: 'text/plain; charset=utf-8', text: 'live\n' });
  }
  for (const url of [server.url('/ready'), metricsUrl(server, '/ready')]) assert.equal((await get(url)).status, 200);
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  const { status, type, text } = await get(metricsUrl(server, '/health'));
  const health = JSON.parse(text);
  assert.equal(status, 200);
  assert.equal(type, 'application/json');
  assert.equal(health.state, 'ready');
  assert.equal(health.live, true);
  assert.equal(health.reason, undefined);
  assert.equal(health.node, 'n1');
  assert.equal(health.sessions, 1);
  assert.equal(health.subscriptions, 1);
  assert.deepEqual(health.broker, { plugin: 'memory', state: 'up', text: '', proof: 'trivial', untaken: 0, waiting: 0 });
  assert.equal(health.workers.length, 2);
  assert.equal(health.workers[0].sessions + health.workers[1].sessions, 1);
  assert.ok(health.uptime_ms >= 0 && health.uptime_ms < 600000);
});

test('an endpoint that is called /live keeps its path', async (t) => {
  const server = await start({ t, config: '[endpoint /live]\n[metrics]\nlisten = 127.0.0.1:0\n' });
  assert.equal((await get(server.url('/live'))).text.trim(), 'Welcome to SockJS!');
  assert.equal((await get(metricsUrl(server, '/live'))).text, 'live\n');
  await stomp(server, { t, path: '/live' });
});

test('Redis proves by its own probes that it delivers', async (t) => {
  const redis = await startRedis({ t });
  const node = await startNode({ t, name: 'p', redis, set: [metricsDoor] });
  await waitReady(node);
  const before = JSON.parse((await get(metricsUrl(node, '/health'))).text).broker;
  assert.equal(before.proof, 'plugin');
  assert.ok(before.proven_ms_ago < 60000);
  assert.equal(before.text, `127.0.0.1:${redis.port}`);
  await redis.kill();
  await waitReady(node, false);
  const { status, text } = await get(metricsUrl(node, '/health'));
  const health = JSON.parse(text);
  assert.equal(status, 503);
  assert.equal(health.state, 'not-ready');
  assert.equal(health.live, true, 'which no restart would mend');
  assert.equal(health.broker.state, 'down');
  assert.match(health.reason, /^the broker is unavailable: /);
  const { samples } = await scrape(node);
  assert.equal(samples.get('plugboard_ready'), 0);
  assert.equal(samples.get('plugboard_live'), 1);
  assert.equal(samples.get('plugboard_broker_up{broker="redis"}'), 0);
});

test('a broker that proves nothing by itself is probed', async (t) => {
  const server = await start({ t, set: [metricsDoor, `broker.plugin=${join(build, 'tests/plugins/broker-script.so')}`, 'broker.probe-interval=50ms'] });
  await until(async () => (await get(server.url('/ready'))).status === 200, 'readiness');
  const proven = async () => JSON.parse((await get(metricsUrl(server, '/health'))).text).broker;
  const broker = await proven();
  assert.equal(broker.proof, 'probes');
  assert.ok(broker.proven_ms_ago >= 0 && broker.round_trip_us >= 0);
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  await client.request('SEND', { destination: '/topic/a' }, 'hello');
  await client.expect('MESSAGE');
  assert.equal((await server.stats()).delivered, 1, 'probes go to nobody');
});

test('systemd is told: ready, alive, how it is, hanging, stopping', async (t) => {
  const { path, said } = await notifySocket(t);
  const server = await start({
    t,
    set: [metricsDoor, `broker.plugin=${join(build, 'tests/plugins/broker-script.so')}`, 'server.live-limit=1s', 'server.plugin-hang=1s',
      'broker.script.at=publish', 'broker.script.do=hang', 'broker.script.time=4s'],
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '2000000' },
  });
  await until(() => said.some((one) => one.READY === '1'), 'READY');
  await until(() => said.filter((one) => one.WATCHDOG === '1').length >= 3, 'WATCHDOG', 10000);
  const status = await until(() => said.find((one) => one.STATUS), 'STATUS', 10000);
  assert.match(status.STATUS, /^\d+ sessions?, broker script (up|down)/);

  // The control thread hangs for a while.
  const client = await stomp(server, { t });
  client.send('/topic/a', 'now');
  const dead = await until(async () => {
    const live = await get(server.url('/live'));
    return live.status === 503 && live;
  }, '/live being 503', 20000);
  assert.match(dead.text, /^not live: thread 'control' has not come round for \d+ ms\n$/);
  await server.waitForLine(/ error core: thread 'control' has not come round for \d+ ms: the server counts as dead/);
  const gap = () => {
    const times = said.filter((one) => one.WATCHDOG === '1').map((one) => one.at);
    return Math.max(...times.slice(1).map((at, i) => at - times[i]));
  };
  await server.waitForLine(/ warn core: all threads come round again/, { ms: 20000 });
  await until(async () => (await get(server.url('/live'))).status === 200, '/live being 200');
  const n = said.filter((one) => one.WATCHDOG === '1').length;
  await until(() => said.filter((one) => one.WATCHDOG === '1').length > n + 1, 'WATCHDOG again', 10000);
  assert.ok(gap() > 2, `it was silent for ${gap()} s: systemd would have restarted it`);
  await server.stop();
  await until(() => said.some((one) => one.STOPPING === '1'), 'STOPPING');
});

test('the stats line of Spring, with our numbers', async (t) => {
  const server = await start({ t, tcp: true, set: ['server.stats-format=spring', 'server.stats-interval=200ms', 'server.workers=2', 'limits.connect-timeout=1s'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  await client.request('SEND', { destination: '/topic/a' }, 'hello');
  await client.expect('MESSAGE');
  const gone = await stomp(server, { t });
  await gone.disconnect();
  await stomp(server, { t, transport: 'tcp' });
  await open(server, { t }); // never sends CONNECT
  await server.waitForLine(new RegExp(' info core: WebSocketSession\\[1 current WS\\(1\\)-HttpStream\\(0\\)-HttpPoll\\(0\\), 4 total, '
    + '1 closed abnormally \\(1 connect failure, 0 send limit, 0 transport error\\)\\], '
    + 'stompSubProtocol\\[processed CONNECT\\(3\\)-CONNECTED\\(3\\)-DISCONNECT\\(1\\)\\], stompBrokerRelay\\[null\\], '
    + 'inboundChannel\\[pool size = 2, active threads = 2, queued tasks = 0, completed tasks = 6\\], '
    + 'outboundChannel\\[pool size = 2, active threads = 2, queued tasks = \\d+, completed tasks = 1\\], sockJsScheduler\\[null\\], '
    + 'plugboard\\[broker memory up, 1 tcp, 2 sessions, 1 subscriptions, \\d+ published, 1 delivered, 0 dropped\\]$'), { ms: 20000 });
  assert.ok((await server.stats()).sessions === 2, 'SIGUSR1 logs the counters as ever');
});
