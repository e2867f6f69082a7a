// Reads /metrics, and starts a real Prometheus that scrapes it.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './ports.mjs';
import { until } from './server.mjs';

// Where the server's door for monitoring is: start it with this in set.
export const metricsDoor = 'metrics.listen=127.0.0.1:0';

export function metricsUrl(server, path = '/metrics') {
  const line = server.log.find((text) => text.includes('listening on http-metrics://'));
  assert.ok(line, 'there is a door for monitoring');
  return `http://${/http-metrics:\/\/([^ ]+)$/.exec(line)[1]}${path}`;
}

// The text format as { families: Map(name -> { type, help }), samples: Map('name{labels}' -> number) }.
export function parse(text) {
  const families = new Map();
  const samples = new Map();
  for (const line of text.split('\n')) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (help) {
      assert.ok(!families.has(help[1]), `${help[1]} stands once`);
      families.set(help[1], { help: help[2] });
    } else if (type) {
      families.get(type[1]).type = type[2];
    } else if (line) {
      const found = /^([a-z0-9_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
      assert.ok(found, line);
      assert.ok(!samples.has(found[1]), `${found[1]} stands once`);
      samples.set(found[1], Number(found[2]));
    }
  }
  return { families, samples };
}

export async function scrape(server) {
  const answer = await fetch(metricsUrl(server));
  assert.equal(answer.status, 200);
  return parse(await answer.text());
}

export function promtool(args, input) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

// A Prometheus that scrapes these nodes every second; query(expression) gives [{ labels, value }].
export async function startPrometheus({ t, targets }) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-prometheus-'));
  const port = await freePort();
  const config = { global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: [{ job_name: 'plugboard', static_configs: [{ targets }] }] };
  const file = join(dir, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config)); // which is YAML, too
  const child = spawn('prometheus', [`--config.file=${file}`, `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
  alive.add(child);
  const ended = new Promise((done) => { child.on('close', done); });
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    alive.delete(child);
    rmSync(dir, { recursive: true, force: true });
  });
  const ask = async (path) => {
    assert.equal(child.exitCode, null, `Prometheus has ended: ${log}`);
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // it does not listen yet
    }
  };
  const query = async (expression) => {
    const answer = await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`);
    return answer?.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) })) ?? [];
  };
  const targetsSeen = async () => (await ask('/api/v1/targets?state=active'))?.data.activeTargets ?? [];
  await until(async () => (await query('up')).length === targets.length, 'the first scrapes', 30000);
  return { query, targets: targetsSeen };
}
