// The page for operators in a real browser, on the real admin API: it asks for the token, shows what
// clients do, disconnects one, follows a destination, reloads, drains; dark, light and narrow.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { LIMIT, boxes, browser, screenshot } from './lib/page.mjs';
import { start, until } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';
import { directory, makeCertificate } from './lib/tls.mjs';

const TOKEN = 'a-token-for-the-tests-1234567890';

// secure: over TLS, with this certificate.
async function startAdmin(t, { secure, ...options } = {}) {
  const scheme = secure ? 'https' : 'http';
  const door = secure ? ['admin.tls-listen=127.0.0.1:0', `tls.certificate=${secure.certificate}`, `tls.key=${secure.key}`] : ['admin.listen=127.0.0.1:0'];
  const server = await start({ t, ...options, set: [...door, `admin.token=${TOKEN}`, ...options.set ?? []] });
  const line = await server.waitForLine(new RegExp(`listening on ${scheme}-admin://`));
  server.adminUrl = (path = '') => `${scheme}://127.0.0.1:${/:(\d+)\b[^:]*$/.exec(line)[1]}/admin${path}`;
  return server;
}

async function openPage(context, server, problems, hash = '') {
  const tab = await context.newPage();
  tab.setDefaultTimeout(LIMIT);
  tab.on('pageerror', (error) => problems.push(error.message));
  tab.on('console', (message) => {
    if (message.type() === 'error' && !/status of (401|409|422|501)|net::ERR_/.test(message.text())) problems.push(message.text());
  });
  const response = await tab.goto(server.adminUrl(hash));
  assert.equal(response.status(), 200);
  return tab;
}

async function signIn(tab) {
  await tab.fill('#token', TOKEN);
  await tab.press('#token', 'Enter');
  await tab.locator('#state[data-state="ok"]').waitFor();
}

const view = async (tab, name) => {
  await tab.click(`.tabs a[href="#/${name}"]`);
  await tab.locator(`#view-${name}`).waitFor();
};
const text = (tab, selector, wanted) => until(async () => (await tab.textContent(selector)) === wanted, `${selector} being ${wanted}`);

// Nothing sticks out to the right of the page, and no control is too small to hit.
async function assertFits(tab, what) {
  const { scroll, width } = await tab.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: window.innerWidth }));
  assert.ok(scroll <= width, `${what} is ${scroll} wide on a screen of ${width}`);
  for (const box of await boxes(tab, 'button, .tabs a, a.button')) {
    assert.ok(box.height >= 20 && box.width >= 20, `${what}: ${box.what} is ${box.width} x ${box.height}`);
  }
}

test('the page shows the node, its clients and topics, and acts on them', { timeout: 8 * LIMIT }, async (t) => {
  const server = await startAdmin(t);
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 1180, height: 820 }, colorScheme: 'light' });
  const problems = [];
  const ada = await stomp(server, { t });
  const grace = await stomp(server, { t });
  await ada.subscribe('/topic/lobby');
  await ada.subscribe('/topic/<b>odd</b>');
  await grace.subscribe('/topic/lobby');

  const tab = await openPage(context, server, problems, '#/clients');
  await t.test('nothing is shown without the token, and a wrong one is told as that', async () => {
    await tab.locator('#welcome').waitFor();
    assert.equal(await tab.locator('main').isVisible(), false);
    await screenshot(tab, 'admin-welcome');
    await tab.fill('#token', 'not-the-token-at-all-0123');
    await tab.press('#token', 'Enter');
    await tab.locator('#token-problem', { hasText: /\w/ }).waitFor();
    assert.equal(await tab.locator('main').isVisible(), false);
    await signIn(tab);
    await tab.locator('#view-clients').waitFor(); // where the address pointed to
  });

  await t.test('the overview: state, numbers, nodes, counters', async () => {
    await view(tab, 'overview');
    await text(tab, '#tile-sessions', '2');
    await text(tab, '#tile-subscriptions', '3');
    assert.match(await tab.textContent('#about'), /memory, up/);
    assert.equal(await tab.locator('#nodes tr').count(), 1);
    assert.match(await tab.textContent('#nodes tr'), /this one/);
    const all = await tab.locator('#counters li').count();
    const counting = await tab.locator('#counters li:visible').count();
    assert.ok(all > 100 && counting > 5 && counting < all, `${counting} of ${all} counters are shown`);
    await tab.fill('#counter-filter', 'refused');
    const some = await tab.locator('#counters li:visible').count();
    assert.ok(some > 5 && some < all, `${some} counters are found`);
    await tab.fill('#counter-filter', '');
    ada.send('/topic/lobby', 'counted');
    await grace.expect('MESSAGE');
    await until(async () => Number(await tab.textContent('[data-name="published"] .counter-value')) >= 1, 'the counter of what is published');
    await screenshot(tab, 'admin-overview');
    await assertFits(tab, 'the overview');
  });

  await t.test('clients are found, looked at, and disconnected with a word', async () => {
    await view(tab, 'clients');
    await until(async () => (await tab.locator('#clients tr').count()) === 2, 'both clients');
    await screenshot(tab, 'admin-clients');
    await tab.fill('#client-search', 'nobody of that name');
    await tab.locator('#clients-empty').waitFor();
    await tab.fill('#client-search', '');
    const session = grace.session.headers.session;
    assert.ok(session, 'CONNECTED names the session');
    await tab.click(`#clients tr[data-session="${session}"] button`);
    await tab.locator('#client-dialog[open]').waitFor();
    assert.match(await tab.textContent('#client-subscriptions'), /\/topic\/lobby/);
    await tab.fill('#kick [name="message"]', 'Please come back later');
    await screenshot(tab, 'admin-client');
    await tab.click('#kick button[type="submit"]');
    await tab.locator('#kick-result', { hasText: 'Disconnected.' }).waitFor();
    const error = await grace.expect('ERROR');
    assert.match(error.headers.message, /Please come back later/);
    await tab.click('#client-dialog .dialog-head button');
    await until(async () => (await tab.locator('#clients tr').count()) === 1, 'the other client alone');
  });

  await t.test('a topic is followed; what comes by is text', async () => {
    await view(tab, 'topics');
    const odd = tab.locator('#topics tr', { hasText: '/topic/<b>odd</b>' });
    await odd.waitFor();
    assert.equal(await tab.locator('#topics b').count(), 0);
    await screenshot(tab, 'admin-topics');
    await tab.fill('#topic-search', 'lobby');
    await until(async () => (await tab.locator('#topics tr').count()) === 1, 'the topic that was searched for');
    const rate = () => tab.locator('#topics tr td').nth(2).textContent();
    const before = await rate();
    await tab.focus('#topics a');
    await until(async () => {
      ada.send('/topic/lobby', 'for the rate');
      return await rate() !== before;
    }, 'another rate');
    assert.equal(await tab.evaluate(() => document.activeElement.textContent), 'Follow', 'rows are not made anew beneath the hand');
    await tab.click('#topics a');
    await tab.locator('#view-tail').waitFor();
    await text(tab, '#tail-state', 'Following /topic/lobby.');
    await until(async () => {
      ada.send('/topic/lobby', '<img src=x onerror=alert(1)> & more', { flavour: 'sweet' });
      return await tab.locator('#tail-log li').count() > 0;
    }, 'a message that comes by');
    assert.equal(await tab.textContent('#tail-log li:first-child .tail-body'), '<img src=x onerror=alert(1)> & more');
    assert.match(await tab.textContent('#tail-log li:first-child .tail-headers'), /flavour: sweet/);
    await screenshot(tab, 'admin-tail');
    await tab.click('#tail-stop');
    await text(tab, '#tail-state', 'Stopped.');
  });

  await t.test('the configuration hides the token', async () => {
    await view(tab, 'config');
    await tab.locator('#config section').first().waitFor();
    assert.equal((await tab.textContent('#config')).includes(TOKEN), false);
    await tab.fill('#config-filter', 'max-frame-size');
    assert.match(await tab.locator('#config .key:visible').first().textContent(), /max-frame-size/);
    await screenshot(tab, 'admin-config');
  });

  await t.test('a node that is away is told as that, with what it said last', async () => {
    await view(tab, 'overview');
    await text(tab, '#tile-sessions', '1');
    await context.setOffline(true);
    await tab.locator('#state[data-state="bad"]').waitFor();
    assert.match(await tab.textContent('#problem'), /cannot be reached/);
    assert.equal(await tab.textContent('#tile-sessions'), '1');
    await context.setOffline(false);
    await tab.locator('#state[data-state="ok"]').waitFor();
    assert.equal(await tab.locator('#problem').isVisible(), false);
  });

  await t.test('signing out forgets the token', async () => {
    await tab.click('#sign-out');
    await tab.locator('#welcome').waitFor();
    assert.deepEqual(await tab.evaluate(() => Object.keys(sessionStorage)), []);
    await signIn(tab);
  });

  await t.test('draining asks first, and then ends the node', async () => {
    await tab.click('#drain');
    await screenshot(tab, 'admin-drain');
    await tab.click('#drain-form button[value="cancel"]');
    assert.ok(!server.exit);
    await tab.click('#drain');
    await tab.click('#drain-form button[value="drain"]');
    await server.waitForExit();
    await tab.locator('#state[data-state="bad"]').waitFor();
  });
  assert.deepEqual(problems, []);
});

test('it fits a narrow screen, dark, with a name and destinations that are long', { timeout: 4 * LIMIT }, async (t) => {
  const server = await startAdmin(t, { set: [`server.node=${'n'.repeat(60)}`] });
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 390, height: 800 }, colorScheme: 'dark', hasTouch: true });
  const problems = [];
  const client = await stomp(server, { t });
  await client.subscribe(`/topic/${'long/'.repeat(60)}end`);
  const tab = await openPage(context, server, problems);
  await screenshot(tab, 'admin-welcome-narrow');
  await signIn(tab);
  for (const name of ['overview', 'clients', 'topics', 'tail', 'config']) {
    await view(tab, name);
    if (name === 'topics') await tab.locator('#topics tr').first().waitFor();
    if (name === 'clients') await tab.locator('#clients tr').first().waitFor();
    if (name === 'config') await tab.locator('#config section').first().waitFor();
    await assertFits(tab, name);
    await screenshot(tab, `admin-${name}-narrow`);
  }
  await view(tab, 'clients');
  await tab.click('#clients button');
  await tab.locator('#client-dialog[open]').waitFor();
  await assertFits(tab, 'a client');
  await screenshot(tab, 'admin-client-narrow');
  assert.deepEqual(problems, []);
});

test('a reload says what has changed, and which line is wrong', { timeout: 4 * LIMIT }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'plugboard.ini');
  const write = (level) => writeFileSync(file, `[server]\nlog-level = ${level}\n[http]\nlisten = 127.0.0.1:0\n`);
  write('info');
  const server = await startAdmin(t, { http: false, args: ['--config', file] });
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 1180, height: 820 }, colorScheme: 'dark' });
  const problems = [];
  const tab = await openPage(context, server, problems);
  await signIn(tab);
  write('debug');
  await tab.click('#reload');
  await tab.locator('#action-result', { hasText: '[server] log-level' }).waitFor();
  write('chatty');
  await tab.click('#reload');
  await tab.locator('#action-result.bad', { hasText: 'plugboard.ini:2' }).waitFor();
  await screenshot(tab, 'admin-reload');
  assert.deepEqual(problems, []);
});

test('the broker is swapped by the page, which shows how far it is', { timeout: 4 * LIMIT }, async (t) => {
  const server = await startAdmin(t, { set: ['server.node=node-1', 'broker.operation-timeout=1s', 'broker.redis.url=redis://127.0.0.1:1'] });
  const client = await stomp(server, { t });
  await client.subscribe('/topic/lobby');
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 1180, height: 820 }, colorScheme: 'light' });
  const problems = [];
  const tab = await openPage(context, server, problems);
  await signIn(tab);
  const order = async (plugin, seconds, go) => {
    await tab.click('#swap');
    await tab.fill('#swap-form [name="overlap"]', seconds);
    await tab.fill('#swap-form [name="plugin"]', plugin);
    await screenshot(tab, 'admin-swap-dialog');
    await go();
  };
  const click = () => tab.click('#swap-form button[value="swap"]');
  const enter = () => tab.press('#swap-form [name="plugin"]', 'Enter');
  await tab.click('#swap');
  await tab.click('#swap-form button[value="cancel"]');
  assert.equal(await tab.textContent('#action-result'), '');
  await order('memory', '4', click);
  await tab.locator('#about', { hasText: 'memory to memory: both carry all messages' }).waitFor();
  assert.equal(await tab.isDisabled('#swap'), true);
  await screenshot(tab, 'admin-swap');
  await tab.locator('#action-result', { hasText: /^The broker is memory now, and was memory: swapped in / }).waitFor();
  await until(() => tab.isEnabled('#swap'), 'the button');
  await order('redis', '0', enter);
  await tab.locator('#action-result.bad', { hasText: 'the broker stays memory: it is not up' }).waitFor();
  // another kind of plugin: what is for brokers alone is not asked for
  await tab.click('#swap');
  assert.deepEqual([await tab.inputValue('#swap-form [name="plugin"]'), await tab.inputValue('#swap-form [name="kind"]')], ['', 'broker']);
  assert.match(await tab.textContent('#swap-form p[data-kind="broker"]'), /^The broker is memory now/);
  await tab.locator('#swap-form [name="kind"]').selectOption('auth');
  assert.equal(await tab.isVisible('#swap-from'), false);
  assert.deepEqual([await tab.isVisible('#swap-form [name="overlap"]'), await tab.isVisible('#swap-form [name="for"]')], [false, true]);
  await tab.fill('#swap-form [name="plugin"]', 'jwt');
  await tab.click('#swap-form button[value="swap"]');
  await tab.locator('#action-result.bad', { hasText: 'no auth plugin runs: [auth] plugins names none, and stays so until the next start' }).waitFor();
  await client.request('SEND', { destination: '/topic/lobby' }, 'still here');
  assert.equal((await client.expect('MESSAGE')).body, 'still here');
  assert.deepEqual(problems, []);
});

test('over TLS, with a warning that stands there until its reason has gone', { timeout: 4 * LIMIT }, async (t) => {
  const dir = directory(t);
  const certificate = (days) => makeCertificate(dir, 'soon', { names: ['127.0.0.1'], days });
  const server = await startAdmin(t, { secure: certificate(5), set: ['tls.reload-interval=1s'] });
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 1180, height: 820 }, ignoreHTTPSErrors: true });
  const problems = [];
  const tab = await openPage(context, server, problems);
  await signIn(tab);
  const warning = tab.locator('#warnings li', { hasText: /soon expires on \d{4}-/ });
  await warning.waitFor();
  assert.match(await warning.locator('time').textContent(), /^since /);
  await assertFits(tab, 'a warning');
  certificate(90);
  await warning.waitFor({ state: 'detached' });
  assert.equal(await tab.locator('#warnings li').count(), 0);
  assert.deepEqual(problems, []);
});
