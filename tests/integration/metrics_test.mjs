// GET /metrics: what promtool, Prometheus and the samples in etc/ make of it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { startNode } from './lib/cluster.mjs';
import { adminOf, adminSet } from './lib/admin.mjs';
import { metricsDoor, metricsUrl, parse, promtool, scrape, startPrometheus } from './lib/metrics.mjs';
import { startRedis } from './lib/redis.mjs';
import { root, start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { directory, makeCertificate, tlsSet } from './lib/tls.mjs';

const read = (path) => readFileSync(join(root, path), 'utf8');

test('the text is what promtool wants, and docs/metrics.md lists all of it', async (t) => {
  const server = await start({ t, tcp: true, set: [metricsDoor] });
  const answer = await fetch(metricsUrl(server));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  const { status, output } = promtool(['check', 'metrics'], text);
  assert.equal(output, '');
  assert.equal(status, 0);

  const { families, samples } = parse(text);
  const labels = new Map();
  for (const name of samples.keys()) {
    const [, family, rest] = /^([a-z0-9_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})?$/.exec(name);
    const own = families.has(name.split('{')[0]) ? name.split('{')[0] : family;
    const keys = [...(rest ?? '').matchAll(/(\w+)="/g)].map((found) => found[1]).filter((key) => key !== 'le');
    if (!labels.has(own) || keys.length) labels.set(own, keys);
  }
  const rows = [...families].map(([name, { type, help }]) => {
    const keys = labels.get(name).map((key) => `\`${key}\``).join(', ');
    return `| \`${name}\` | ${type} | ${keys} | ${help} |`;
  });
  const lines = read('docs/metrics.md').split('\n');
  const isRow = (line) => /^\| `(plugboard|process)_/.test(line);
  if (process.env.PLUGBOARD_WRITE_DOCS) {
    const first = lines.findIndex(isRow);
    writeFileSync(join(root, 'docs/metrics.md'), [...lines.slice(0, first), ...rows, ...lines.slice(first).filter((line) => !isRow(line))].join('\n'));
    return;
  }
  assert.deepEqual(lines.filter(isRow), rows, 'PLUGBOARD_WRITE_DOCS=1 writes them');

  const counters = Object.keys(await server.stats()).filter((name) => !name.includes('.'));
  assert.ok(counters.length > 90);
  const exceptions = { bytes_in: 'received_bytes_total', bytes_out: 'sent_bytes_total' };
  for (const name of counters) {
    const wanted = `plugboard_${exceptions[name] ?? name}`;
    assert.ok(families.has(wanted) || families.has(`${wanted}_total`), name);
  }
});

test('clients are counted by endpoint, transport, prefix and worker', async (t) => {
  const server = await start({ t, tcp: true, set: [metricsDoor, 'server.workers=2', 'destinations.client-send=/topic, /queue'] });
  const clients = [await stomp(server, { t }), await stomp(server, { t, transport: 'tcp' })];
  for (const client of clients) await client.subscribe('/topic/a');
  await clients[0].subscribe('/queue/b');
  const opened = await fetch(server.url('/ws/000/some-session/xhr'), { method: 'POST' });
  assert.equal(await opened.text(), 'o\n');
  const poll = fetch(server.url('/ws/000/some-session/xhr_streaming'), { method: 'POST' });
  poll.then((answer) => answer.text()).catch(() => {});

  await clients[1].request('SEND', { destination: '/topic/a' }, 'hello');
  for (const client of clients) await client.expect('MESSAGE');
  await until(async () => {
    const { samples: now } = await scrape(server);
    return now.get('plugboard_endpoint_connections{endpoint="/ws",transport="sockjs-xhr-streaming"}') === 1;
  }, 'the stream');
  const { samples } = await scrape(server); // that one was read while things changed
  const at = (name) => samples.get(name);
  const sum = (name) => [...samples].filter(([key]) => key.startsWith(`${name}{`)).reduce((all, [, value]) => all + value, 0);
  assert.equal(at('plugboard_endpoint_connections{endpoint="tcp",transport="tcp"}'), 1);
  assert.equal(at('plugboard_endpoint_connections{endpoint="/ws",transport="websocket"}'), 1);
  assert.equal(at('plugboard_endpoint_connections{endpoint="/ws",transport="sockjs-xhr"}'), 0);
  assert.equal(at('plugboard_endpoint_connections_total{endpoint="/ws",transport="sockjs-xhr"}'), 1);
  assert.equal(sum('plugboard_endpoint_connections_total'), 3);
  assert.equal(at('plugboard_prefix_subscriptions{prefix="/topic"}'), 2);
  assert.equal(at('plugboard_prefix_subscriptions{prefix="/queue"}'), 1);
  assert.equal(at('plugboard_prefix_delivered_total{prefix="/topic"}'), 2);
  assert.equal(at('plugboard_delivered_total'), 2);
  assert.equal(at('plugboard_sessions'), 2);
  assert.equal(sum('plugboard_worker_sessions'), 2);
  assert.equal(sum('plugboard_worker_subscriptions'), 3);
  assert.equal(sum('plugboard_worker_connections'), at('plugboard_connections'));
  assert.ok(sum('plugboard_worker_turns_total') > 0);
  assert.ok(at('plugboard_delivery_seconds_count') >= 1);
  assert.ok(at('plugboard_delivery_seconds_sum') > 0);
  assert.ok(at('plugboard_broker_round_trip_seconds_count') >= 1);
  assert.ok(at('process_resident_memory_bytes') > 1e6);
  assert.ok(at('process_open_fds') > 10);
  assert.ok(Math.abs(at('process_start_time_seconds') - Date.now() / 1000) < 600);
  assert.equal(at('plugboard_ready'), 1);
  assert.equal(at('plugboard_live'), 1);

  // no series comes from what a client writes
  for (let i = 0; i < 50; i += 1) await clients[0].subscribe(`/topic/"${i}\\`);
  const later = await scrape(server);
  assert.deepEqual([...later.samples.keys()], [...samples.keys()]);
});

test('monitoring has a door of its own', async (t) => {
  const server = await start({ t, set: [metricsDoor] });
  assert.equal((await fetch(server.url('/metrics'))).status, 404, 'clients do not see it');
  assert.equal((await fetch(server.url('/health'))).status, 404);
  for (const path of ['/metrics', '/health', '/live']) {
    const posted = await fetch(metricsUrl(server, path), { method: 'POST' });
    assert.equal(posted.status, 405);
    assert.equal(posted.headers.get('allow'), 'GET, HEAD');
    const head = await fetch(metricsUrl(server, path), { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), '');
  }
  for (const path of ['/', '/ws', '/api/publish', '/metrics/x']) {
    assert.equal((await fetch(metricsUrl(server, path))).status, 404, path);
  }
  const { port } = new URL(metricsUrl(server));
  const socket = net.connect(Number(port), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n'
    + 'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  const [bytes] = await new Promise((done) => { socket.once('data', (data) => done([data])); });
  assert.match(String(bytes), /^HTTP\/1\.1 404 /, 'no client comes in there');
});

test('at the door of operators their token is asked for', async (t) => {
  const token = 'a-token-of-an-operator';
  const server = await start({ t, set: ['admin.listen=127.0.0.1:0', `admin.token=${token}`] });
  const line = server.log.find((text) => text.includes('listening on http-admin://'));
  const url = `http://${/http-admin:\/\/([^ ]+)$/.exec(line)[1]}`;
  for (const path of ['/metrics', '/health']) {
    const refused = await fetch(url + path);
    assert.equal(refused.status, 401);
    assert.doesNotMatch(await refused.text(), /plugboard_|sessions/);
    const shown = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(shown.status, 200);
    assert.match(await shown.text(), /sessions/);
  }
  for (const path of ['/live', '/ready']) assert.equal((await fetch(url + path)).status, 200, 'probes show none');
});

describe('two nodes and a real Prometheus', () => {
  test('scrapes them every second and answers queries', async (t) => {
    const redis = await startRedis({ t });
    const nodes = await Promise.all(['a', 'b'].map((name) => startNode({ t, name, redis, set: [metricsDoor] })));
    const targets = nodes.map((node) => new URL(metricsUrl(node)).host);
    const prometheus = await startPrometheus({ t, targets });
    const clients = [];
    for (const node of [nodes[0], nodes[0], nodes[1]]) {
      clients.push(await stomp(node, { t }));
      await clients.at(-1).subscribe('/topic/news');
    }
    await clients[0].request('SEND', { destination: '/topic/news' }, 'hello');
    for (const client of clients) await client.expect('MESSAGE');

    const value = async (query) => (await prometheus.query(query))[0]?.value;
    await until(async () => (await value('sum(plugboard_sessions)')) === 3, 'sessions', 30000);
    await until(async () => (await value('sum(plugboard_prefix_delivered_total{prefix="/topic"})')) === 3, 'deliveries', 30000);
    assert.equal(await value('sum(up)'), 2);
    assert.equal(await value('count(plugboard_build_info{broker="redis"})'), 2);
    assert.deepEqual((await prometheus.query('plugboard_build_info')).map(({ labels }) => labels.node).sort(), ['a', 'b']);
    assert.equal(await value('min(plugboard_broker_up{broker="redis"})'), 1);
    assert.ok(await value('max(plugboard_broker_round_trip_seconds_count)') >= 1);
    assert.ok(await value('max(plugboard_delivery_seconds_count)') >= 1, 'its own message came back by Redis');
    assert.ok(await value('histogram_quantile(0.99, sum by (le) (plugboard_delivery_seconds_bucket))') > 0);
    // the broker's own, in base units
    assert.equal(await value('count(plugboard_plugin_published_total{plugin="broker.redis"})'), 2);
    const rtt = await value('max(plugboard_plugin_probe_rtt_seconds{plugin="broker.redis"})');
    assert.ok(rtt > 0 && rtt < 60, String(rtt));
    for (const target of await prometheus.targets()) assert.equal(target.lastError, '');
    const { output } = promtool(['check', 'metrics'], await (await fetch(metricsUrl(nodes[0]))).text());
    assert.equal(output, '');
  });
});

describe('samples in etc/', { concurrency: 1 }, () => {
  // Names of metrics in expressions of PromQL.
  const named = (expression) => [...expression.matchAll(/\b(plugboard|process)_[a-z0-9_]+/g)].map((found) => found[0]);
  let known;
  const exists = async (t, names) => {
    if (!known) {
      const server = await start({ t, tcp: true, set: [metricsDoor] });
      known = new Set([...(await scrape(server)).samples.keys()].map((name) => name.split('{')[0]));
    }
    assert.ok(names.length);
    for (const name of names) assert.ok(known.has(name), `${name} is in /metrics`);
  };

  test('the Grafana dashboard', async (t) => {
    const dashboard = JSON.parse(read('etc/grafana-dashboard.json'));
    assert.equal(dashboard.title, 'Plugboard');
    assert.match(dashboard.uid, /^[a-z0-9-]{1,40}$/);
    assert.ok(Number.isInteger(dashboard.schemaVersion) && dashboard.schemaVersion >= 36);
    assert.ok(dashboard.time.from && dashboard.time.to);
    assert.equal(dashboard.id, undefined, 'the importing Grafana gives it one');
    const variables = dashboard.templating.list.map(({ name, type, query }) => {
      assert.ok(type && query);
      return name;
    });
    const ids = new Set();
    const taken = new Set();
    const names = [];
    for (const panel of dashboard.panels) {
      assert.ok(Number.isInteger(panel.id) && !ids.has(panel.id));
      ids.add(panel.id);
      assert.ok(panel.title && panel.type);
      const { x, y, w, h } = panel.gridPos;
      assert.ok(x >= 0 && w > 0 && x + w <= 24 && h > 0);
      for (let i = x; i < x + w; i += 1) {
        for (let k = y; k < y + h; k += 1) {
          assert.ok(!taken.has(`${i},${k}`), `${panel.title} overlaps`);
          taken.add(`${i},${k}`);
        }
      }
      if (panel.type === 'row') continue;
      assert.equal(panel.datasource.uid, '${datasource}');
      assert.ok(panel.fieldConfig.defaults.unit && panel.options);
      assert.ok(panel.targets.length);
      for (const [i, target] of panel.targets.entries()) {
        assert.equal(target.refId, String.fromCharCode(65 + i));
        for (const [, name] of target.expr.matchAll(/\$(?!__)(\w+)/g)) assert.ok(variables.includes(name), name);
        names.push(...named(target.expr));
      }
    }
    await exists(t, names);
  });

  test('the alert rules and the configuration of Prometheus', async (t) => {
    for (const [command, file] of [['rules', 'etc/prometheus-alerts.yml'], ['config', 'etc/prometheus.yml']]) {
      const { status, output } = promtool(['check', command, join(root, file)]);
      assert.equal(status, 0, output);
    }
    const expressions = [...read('etc/prometheus-alerts.yml').matchAll(/^ +expr: (.*)$/gm)].map((found) => found[1]);
    await exists(t, expressions.flatMap(named));
  });
});

test('when the first certificate ends is a metric, and soon a warning', async (t) => {
  const dir = directory(t);
  const set = (name, days) => tlsSet(makeCertificate(dir, name, { names: ['localhost'], days }));
  for (const [name, days] of [['soon', 5], ['late', 90]]) {
    const server = await start({ t, set: [...set(name, days), ...adminSet, metricsDoor] });
    const { samples } = parse(await (await fetch(metricsUrl(server))).text());
    const left = samples.get('plugboard_tls_certificate_end_seconds') - Date.now() / 1000;
    assert.ok(left > (days - 1) * 86400 && left <= days * 86400, `${left} seconds are left`);
    const admin = adminOf(server);
    const warned = async () => (await admin.get('status')).warnings.find((each) => each.id === 'certificate');
    if (days === 5) assert.match((await until(warned, 'the warning')).text, /CN ?= ?soon expires on \d{4}-/);
    else assert.equal(await warned(), undefined);
  }
  const plain = await start({ t, set: [metricsDoor] });
  assert.equal(parse(await (await fetch(metricsUrl(plain))).text()).samples.get('plugboard_tls_certificate_end_seconds'), 0);
});
