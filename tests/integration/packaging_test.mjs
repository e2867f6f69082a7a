// What is packaged, where no package and no root is needed for it: man pages, the unit, the lists of packages,
// Dockerfile and Kubernetes sample. ./dev test package and ./dev test image do the rest.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { build, root, run } from './lib/server.mjs';

const read = (path) => readFileSync(join(root, path), 'utf8');
// Builds with sanitizers are not installed and have no page.
const reference = join(build, 'share/man/man5/plugboard.ini.5');

describe('man pages', () => {
  const written = readdirSync(join(root, 'docs/man')).filter((name) => /\.\d$/.test(name)).map((name) => join(root, 'docs/man', name));
  const pages = [...written, ...(existsSync(reference) ? [reference] : [])];

  test('are well-formed', () => {
    assert.ok(written.length >= 1);
    const { error, stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...pages], { encoding: 'utf8' });
    assert.equal(error, undefined);
    // A page needs no date, and a paragraph behind a heading is one too many for nobody.
    const said = `${stdout}${stderr}`.split('\n').filter((line) => line && !/missing date|skipping paragraph macro/.test(line));
    assert.deepEqual(said, []);
  });

  const shown = (page) => execFileSync('mandoc', ['-T', 'utf8', '-O', 'width=100', page], { encoding: 'utf8' }).replace(/.\x08/g, '');

  test('plugboard(8) has every option and signal that --help has, and no other', async () => {
    const { stdout } = await run(['--help']);
    const options = (text) => [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))].sort();
    const page = shown(join(root, 'docs/man/plugboard.8'));
    assert.deepEqual(options(page), options(`${stdout} --help`));
    for (const signal of stdout.match(/SIG[A-Z0-9]+/g)) assert.match(page, new RegExp(signal));
    for (const [, status] of stdout.match(/Exit status: (.*)/)[1].matchAll(/(\d+) /g)) assert.match(page, new RegExp(`^ +${status} `, 'm'));
  });

  test('plugboard.ini(5) has every section, key and counter of the reference', async () => {
    if (!existsSync(reference)) return; // a build that is not installed
    const page = shown(reference);
    const { stdout } = await run(['--config-reference']);
    const titles = [...stdout.matchAll(/^## `(\[.*\])`$/gm)];
    assert.ok(titles.length > 10);
    for (const [, title] of titles) assert.ok(page.includes(`\n${title}\n`), title);
    const names = [...stdout.matchAll(/^\| `([a-z_-]+)` \|/gm)];
    assert.ok(names.length > 150);
    for (const [, name] of names) assert.match(page, new RegExp(`^ +${name}( |$)`, 'm'), name);
    assert.doesNotMatch(page, /`|\]\(/, 'Markdown is left');
  });
});

test('the service is exposed to at most 2.0 of 10', () => {
  const unit = join(root, 'etc/plugboard.service');
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', '--no-pager', unit], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /exposure level for plugboard.service: [01]\.\d/);
});

test('packages are built with what ./dev installs for a build', () => {
  const [, control] = /^Build-Depends: ([^]*?)\n\S/m.exec(read('debian/control'));
  const wanted = control.split(',').map((item) => item.trim().split(' ')[0]).filter((name) => name !== 'debhelper-compat').sort();
  const [, list] = /^packages_build=\(([^)]*)\)/m.exec(read('dev'));
  // The first two are in build-essential; a package is built without tests.
  const installed = list.trim().split(/\s+/).filter((name) => !['gcc', 'libc6-dev', 'libcmocka-dev'].includes(name)).sort();
  assert.deepEqual(wanted, installed);
});

test('the Kubernetes sample fits together', () => {
  const documents = JSON.parse(execFileSync('/usr/bin/python3', ['-c', 'import json,sys,yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))'], { input: read('etc/kubernetes.yaml'), encoding: 'utf8' }));
  const one = (kind) => {
    const found = documents.filter((document) => document.kind === kind);
    assert.equal(found.length, 1, kind);
    return found[0];
  };
  const [map, deployment, service, budget] = ['ConfigMap', 'Deployment', 'Service', 'PodDisruptionBudget'].map(one);
  const { template } = deployment.spec;
  const [container] = template.spec.containers;

  // Selectors find the pods.
  for (const selector of [deployment.spec.selector.matchLabels, service.spec.selector, budget.spec.selector.matchLabels, template.spec.topologySpreadConstraints[0].labelSelector.matchLabels]) {
    assert.deepEqual(selector, template.metadata.labels);
  }
  // Ports by name, and the port that the configuration listens on.
  const ini = map.data['plugboard.ini'];
  const setting = (section, key) => new RegExp(`^\\[${section}\\]\\n(?:[^[\\n].*\\n|\\n)*?${key} = (.*)$`, 'm').exec(ini)?.[1];
  const [port, metrics] = container.ports;
  assert.equal(setting('metrics', 'listen'), `0.0.0.0:${metrics.containerPort}`);
  assert.equal(template.metadata.annotations['prometheus.io/port'], String(metrics.containerPort));
  assert.equal(setting('http', 'listen'), `0.0.0.0:${port.containerPort}`);
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) assert.equal(container[probe].httpGet.port, port.name, probe);
  assert.equal(service.spec.ports[0].targetPort, port.name);
  assert.equal(container.readinessProbe.httpGet.path, '/ready');
  assert.equal(container.livenessProbe.httpGet.path, '/live');
  // The configuration is where the program looks, and its variables are set.
  const mounted = container.volumeMounts.find(({ name }) => name === 'configuration');
  assert.equal(template.spec.volumes.find(({ name }) => name === 'configuration').configMap.name, map.metadata.name);
  assert.ok(container.args[1].startsWith(`${mounted.mountPath}/`) && map.data[container.args[1].slice(mounted.mountPath.length + 1)]);
  const variables = [...ini.matchAll(/\$\{([A-Z_]+)\}/g)].map((found) => found[1]).sort();
  assert.deepEqual(container.env.map(({ name }) => name).sort(), variables);
  // A pod is given longer to end than it takes.
  const seconds = (text) => Number(/^(\d+)s$/.exec(text)[1]);
  const needed = Number(container.lifecycle.preStop.exec.command[1]) + seconds(setting('server', 'stop-delay')) + seconds(setting('server', 'drain-time'));
  assert.ok(template.spec.terminationGracePeriodSeconds >= needed + 10, `${needed} s`);
  // Nobody is sent there any more before the pod begins to close sessions.
  const noticed = container.readinessProbe.periodSeconds * container.readinessProbe.failureThreshold;
  assert.ok(seconds(setting('server', 'stop-delay')) > noticed, `${noticed} s`);
  assert.ok(budget.spec.maxUnavailable < deployment.spec.replicas);
  // The user of the image.
  const [, user, group] = /^USER (\d+):(\d+)$/m.exec(read('Dockerfile'));
  assert.deepEqual([template.spec.securityContext.runAsUser, template.spec.securityContext.runAsGroup], [Number(user), Number(group)]);
  assert.match(container.image, new RegExp(`:${/plugboard VERSION ([\d.]+)/.exec(read('CMakeLists.txt'))[1]}$`));
});

test('the configuration of the Kubernetes sample is good', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-kubernetes-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const text = read('etc/kubernetes.yaml');
  const ini = /plugboard\.ini: \|\n((?: {4}.*\n|\n)*)/.exec(text)[1].replace(/^ {4}/gm, '');
  writeFileSync(join(dir, 'plugboard.ini'), ini);
  const { code, stdout, stderr } = await run(['--check', '--config', join(dir, 'plugboard.ini')], { env: { NODE: 'plugboard-1', REDIS_URL: 'redis://redis:6379' } });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'plugboard: the configuration is good\n');
});
