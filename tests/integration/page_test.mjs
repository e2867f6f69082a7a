// The try page in a real browser: two tabs, one conversation, and a server that goes and comes back.

import assert from 'node:assert/strict';
import { accessSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { patience, root, start } from './lib/server.mjs';

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const screenshots = join(root, 'build/screenshots');
const LIMIT = patience(10000);

async function browser(t) {
  try {
    accessSync(executablePath, constants.X_OK);
  } catch {
    throw new Error(`no ${executablePath}: install the Debian package chromium, or name a browser in CHROMIUM`);
  }
  const made = await chromium.launch({
    executablePath,
    headless: true,
    timeout: LIMIT,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage'],
  });
  t.after(() => made.close());
  return made;
}

// A tab of its own, which fails the test when a script fails or the content policy is violated.
async function openTab(context, server, problems) {
  const tab = await context.newPage();
  tab.setDefaultTimeout(LIMIT);
  tab.on('pageerror', (error) => problems.push(error.message));
  tab.on('console', (message) => {
    if (message.type() === 'error' && !/WebSocket connection to/.test(message.text())) problems.push(message.text());
  });
  const response = await tab.goto(server.url('/'));
  assert.equal(response.status(), 200);
  return tab;
}

const inState = (tab, state) => tab.locator(`#state[data-state="${state}"]`).waitFor();
const joined = (tab, topic) => tab.locator(`[data-topic="${topic}"][data-joined]`).waitFor();

async function introduce(tab, name) {
  await tab.fill('#nick', name);
  await tab.press('#nick', 'Tab');
}

async function say(tab, text) {
  await tab.fill('#text', text);
  await tab.press('#text', 'Enter');
}

// The message as the tab shows it: { own, name, fate }.
async function shown(tab, text) {
  const row = tab.locator('.log:not([hidden]) .message', { has: tab.getByText(text, { exact: true }) });
  await row.waitFor();
  return row.evaluate((e) => ({
    own: e.classList.contains('own'),
    pending: e.classList.contains('pending'),
    name: e.querySelector('.name').textContent,
  }));
}

const delivered = (tab, text) => tab
  .locator('.message.own:not(.pending):not(.lost)', { has: tab.getByText(text, { exact: true }) })
  .locator('.fate', { hasText: / ms$/ }).waitFor();

test('two tabs talk to each other and survive a restart of the server', { timeout: 6 * LIMIT }, async (t) => {
  mkdirSync(screenshots, { recursive: true });
  const server = await start({ t });
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 1180, height: 760 } });
  const problems = [];

  const ada = await openTab(context, server, problems);
  await inState(ada, 'connected');
  assert.equal(await ada.textContent('#state'), 'Connected');
  assert.match(await ada.textContent('#fact-server'), /^plugboard\b/i);
  assert.equal(await ada.textContent('#fact-protocol'), 'STOMP 1.2');
  await joined(ada, '/topic/lobby');
  await introduce(ada, 'Ada');

  const grace = await openTab(context, server, problems);
  await inState(grace, 'connected');
  await joined(grace, '/topic/lobby');
  assert.equal(await grace.inputValue('#nick'), 'Ada', 'the name is remembered');
  await introduce(grace, 'Grace');

  await t.test('a message reaches both, once, as text', async () => {
    await say(ada, 'Hello from the first tab, with <b>no markup</b> & "quotes": \\ 日本');
    await delivered(ada, 'Hello from the first tab, with <b>no markup</b> & "quotes": \\ 日本');
    const there = await shown(grace, 'Hello from the first tab, with <b>no markup</b> & "quotes": \\ 日本');
    assert.deepEqual(there, { own: false, pending: false, name: 'Ada' });
    await say(grace, 'And back from the second.');
    await delivered(grace, 'And back from the second.');
    assert.deepEqual(await shown(ada, 'And back from the second.'), { own: false, pending: false, name: 'Grace' });
    assert.equal(await ada.locator('.message').count(), 2);
    assert.equal(await grace.locator('.message').count(), 2);
    assert.equal(await ada.locator('.message b').count(), 0);
  });

  await t.test('topics are separate and count what is unread', async () => {
    for (const tab of [ada, grace]) {
      await tab.bringToFront();
      await tab.fill('#new-topic', 'news');
      await tab.press('#new-topic', 'Enter');
      await joined(tab, '/topic/news');
    }
    assert.equal(await grace.textContent('#room-title'), '/topic/news');
    await ada.bringToFront(); // a tab behind another draws, and so is clicked, about once a second
    await ada.click('[data-topic="/topic/lobby"]');
    await say(grace, 'one');
    await say(grace, 'two');
    await ada.locator('[data-topic="/topic/news"] .badge', { hasText: /^2$/ }).waitFor();
    assert.equal(await ada.locator('.log:not([hidden]) .message').count(), 2, 'the lobby has nothing new');
    await ada.screenshot({ path: join(screenshots, 'try-page.png') });

    await ada.press('#text', 'Alt+ArrowDown');
    assert.equal(await ada.textContent('#room-title'), '/topic/news');
    assert.equal(await ada.locator('[data-topic="/topic/news"] .badge').isVisible(), false);
    assert.deepEqual(await shown(ada, 'two'), { own: false, pending: false, name: 'Grace' });

    await grace.bringToFront();
    await grace.click('#leave');
    assert.equal(await grace.locator('[data-topic="/topic/news"]').count(), 0);
    assert.equal(await grace.textContent('#room-title'), '/topic/lobby');
    await ada.bringToFront();
    await ada.click('[data-topic="/topic/lobby"]');
  });

  await t.test('a killed server is waited for, and found again on the same port', async () => {
    const port = server.httpPort;
    await server.kill();
    await inState(ada, 'reconnecting');
    assert.match(await ada.textContent('#state'), /^Reconnecting/);
    assert.equal(await ada.locator('#send').isDisabled(), true);
    await ada.screenshot({ path: join(screenshots, 'try-page-reconnecting.png') });

    await start({ t, http: port });
    for (const tab of [ada, grace]) {
      await inState(tab, 'connected');
      await joined(tab, '/topic/lobby');
    }
    await say(grace, 'Still here?');
    await delivered(grace, 'Still here?');
    assert.equal((await shown(ada, 'Still here?')).name, 'Grace');
  });

  await t.test('who disconnects is offline until connecting again', async () => {
    await ada.click('#toggle');
    await inState(ada, 'offline');
    assert.equal(await ada.textContent('#toggle'), 'Connect');
    await ada.click('#toggle');
    await inState(ada, 'connected');
  });

  await t.test('narrow and dark, everything stays within reach', async () => {
    const phone = await chrome.newContext({ viewport: { width: 360, height: 720 }, colorScheme: 'dark' });
    const tab = await openTab(phone, { url: (path) => ada.url().replace(/\/$/, path) }, problems);
    await inState(tab, 'connected');
    await joined(tab, '/topic/lobby');
    await introduce(tab, 'Barbara');
    await say(tab, 'From a narrow window');
    await delivered(tab, 'From a narrow window');
    for (let i = 0; i < 12; i++) await say(tab, `Line ${i}`);
    await delivered(tab, 'Line 11');
    const below = await tab.evaluate(() => {
      const scroller = document.getElementById('scroller');
      return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    });
    assert.ok(below <= 1, `${below} px of the last message are below the edge`);
    const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    await tab.screenshot({ path: join(screenshots, 'try-page-phone.png') });
    await phone.close();
  });

  assert.deepEqual(problems, []);
});

test('a page that was built without the STOMP library says what to do', { timeout: 4 * LIMIT }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-page-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const name of ['index.html', 'style.css', 'app.js', 'favicon.svg']) {
    copyFileSync(join(root, 'web', name), join(dir, name));
  }
  const server = await start({ t, set: [`http.web-dir=${dir}`] });
  const chrome = await browser(t);
  const tab = await chrome.newPage();
  await tab.goto(server.url('/'));
  await inState(tab, 'offline');
  assert.match(await tab.textContent('#notice'), /library is missing.*npm ci/s);
  await tab.click('#open-help');
  await tab.locator('#help').waitFor();
});
