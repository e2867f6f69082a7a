// The try page in a real browser: two tabs, one conversation, a server that goes and comes back,
// messages and handshakes that are refused, and a narrow screen.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  LIMIT, boxes, browser, delivered, inState, introduce, joinAnother, joined, openTab, refusal, say, screenshot, shown,
} from './lib/page.mjs';
import { root, start } from './lib/server.mjs';

const FACTS = ['Node', 'Server', 'Protocol', 'Heart-beat', 'Round trip'];

test('two tabs talk to each other and survive a restart of the server', { timeout: 6 * LIMIT }, async (t) => {
  const server = await start({ t });
  const chrome = await browser(t);
  const context = await chrome.newContext({ viewport: { width: 1180, height: 760 } });
  const problems = [];

  const ada = await openTab(context, server, problems);
  await inState(ada, 'connected');
  assert.equal(await ada.textContent('#state'), 'Connected');
  assert.match(await ada.textContent('#fact-server'), /^plugboard\b/i);
  assert.equal(await ada.textContent('#fact-protocol'), 'STOMP 1.2');
  assert.equal(await ada.locator('#welcome').isVisible(), false, 'there is nothing to sign in to');
  assert.equal(await ada.locator('#rooms-part').isVisible(), false);
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
      await joinAnother(tab, 'topic', 'news');
      await joined(tab, '/topic/news');
    }
    assert.equal(await grace.textContent('#room-title'), '/topic/news');
    await ada.bringToFront(); // a tab behind another draws, and so is clicked, about once a second
    await ada.click('[data-topic="/topic/lobby"]');
    await say(grace, 'one');
    await say(grace, 'two');
    await ada.locator('[data-topic="/topic/news"] .badge', { hasText: /^2$/ }).waitFor();
    assert.equal(await ada.locator('.log:not([hidden]) .message').count(), 2, 'the lobby has nothing new');
    await screenshot(ada, 'topics');

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

  await t.test('a killed server is waited for, its facts are gone, and it is found again on the same port', async () => {
    const port = server.httpPort;
    await server.kill();
    await inState(ada, 'reconnecting');
    assert.match(await ada.textContent('#state'), /^Reconnecting/);
    assert.equal(await ada.locator('#send').isDisabled(), true);
    assert.deepEqual(await ada.locator('#facts dd').allTextContents(), FACTS.map(() => '–'));
    await screenshot(ada, 'reconnecting');

    await start({ t, http: port });
    for (const tab of [ada, grace]) {
      await inState(tab, 'connected');
      await joined(tab, '/topic/lobby');
    }
    await say(grace, 'Still here?');
    await delivered(grace, 'Still here?');
    assert.equal((await shown(ada, 'Still here?')).name, 'Grace');
    assert.equal(await ada.textContent('#fact-latency'), '–', 'measured on the connection before');
  });

  await t.test('who disconnects is offline until connecting again', async () => {
    await ada.click('#toggle');
    await inState(ada, 'offline');
    assert.equal(await ada.textContent('#toggle'), 'Connect');
    assert.deepEqual(await ada.locator('#facts dd').allTextContents(), FACTS.map(() => '–'));
    await ada.click('#toggle');
    await inState(ada, 'connected');
  });

  assert.deepEqual(problems, []);
});

test('what is refused says so where it stands', { timeout: 6 * LIMIT }, async (t) => {
  const rules = '[auth]\nanonymous = on\non-denied = keep\n[access]\nall = subscribe /topic/**\nsome = send /topic/lobby\n'
    + 'deaf = send /topic/deaf\n';
  const server = await start({ t, config: rules });
  const chrome = await browser(t);
  const problems = [];
  const tab = await openTab(await chrome.newContext(), server, problems);
  await joined(tab, '/topic/lobby');
  await introduce(tab, 'Ada');
  await say(tab, 'allowed');
  await delivered(tab, 'allowed');

  await joinAnother(tab, 'topic', '/topic/read-only');
  await joined(tab, '/topic/read-only');
  await say(tab, 'not allowed');
  assert.match(await refusal(tab, 'not allowed'), /^Not sent: \w+/);
  assert.equal(await tab.locator('#notice').isVisible(), false, 'it is said once');
  await inState(tab, 'connected');

  await joinAnother(tab, 'topic', '/queue/closed');
  await tab.locator('.event', { hasText: /^Not joined: \w+/ }).waitFor();
  assert.equal(await tab.textContent('#room-note'), 'Not joined');
  assert.deepEqual(problems, []);
});

test('a message that the broker does not take is not "sending" for ever', { timeout: 6 * LIMIT }, async (t) => {
  // Nothing listens there: the node starts, and refuses what it cannot publish.
  const server = await start({ t, set: ['broker.plugin=redis', 'broker.redis.url=redis://127.0.0.1:1'], ready: false });
  const chrome = await browser(t);
  const problems = [];
  const tab = await openTab(await chrome.newContext(), server, problems);
  await inState(tab, 'connected');
  await introduce(tab, 'Ada');
  await say(tab, 'into the void');
  assert.match(await refusal(tab, 'into the void'), /^Not sent: .*broker/);
  assert.deepEqual(problems, []);
});

test('the page dials the endpoint that is configured, and says where to look when it is refused', { timeout: 6 * LIMIT }, async (t) => {
  const config = '[endpoint /only/sockjs]\nwebsocket = off\n[endpoint /live]\n';
  const server = await start({ t, config });
  const chrome = await browser(t);
  const problems = [];
  const tab = await openTab(await chrome.newContext(), server, problems);
  await inState(tab, 'connected');
  assert.match(await tab.textContent('#snippet-url'), /^ws:\/\/127\.0\.0\.1:\d+\/live$/);

  // The same server, whose answers to handshakes do not come through.
  const cut = await (await chrome.newContext()).newPage();
  await cut.route('**/try-page.json', (route) => route.fulfill({ json: { node: 'x', endpoint: '/elsewhere', signIn: null, room: null } }));
  await cut.goto(server.url('/'));
  await cut.locator('#notice').waitFor();
  assert.match(await cut.textContent('#notice-text'), /refuses the WebSocket handshake at ws:.*\/elsewhere.*log.*trusted-proxies/s);

  const asking = await start({ t, config: `[auth]\nplugins = jwt\n[auth.jwt]\nsecret = ${'s'.repeat(40)}\naudience = x\n` });
  const stranger = await openTab(await chrome.newContext(), asking, problems);
  await stranger.locator('#notice').waitFor();
  assert.match(await stranger.textContent('#notice-text'), /asks clients who they are/);
  await stranger.close();

  const none = await start({ t, config: '[endpoint /only/sockjs]\nwebsocket = off\n' });
  const deaf = await openTab(await chrome.newContext(), none, problems);
  await deaf.locator('#notice').waitFor();
  assert.match(await deaf.textContent('#notice-text'), /no endpoint with WebSocket/);
  assert.deepEqual(problems, []);
});

test('narrow and dark, everything stays within reach', { timeout: 6 * LIMIT }, async (t) => {
  const server = await start({ t });
  const chrome = await browser(t);
  const problems = [];
  for (const width of [390, 360]) {
    const phone = await chrome.newContext({ viewport: { width, height: 720 }, colorScheme: 'dark' });
    const tab = await openTab(phone, server, problems);
    await joined(tab, '/topic/lobby');
    await introduce(tab, width === 390 ? 'guest-Barbara-Liskov-of-the-MIT.' : 'Barbara Liskov'); // 32 is the longest
    const nick = await tab.locator('#nick').evaluate((e) => e.scrollWidth - e.clientWidth);
    assert.ok(nick <= 0, `${nick} px of the name do not fit into its field`);
    await say(tab, 'From a narrow window');
    await delivered(tab, 'From a narrow window');
    for (let i = 0; i < 12; i++) await say(tab, `Line ${i}`);
    await delivered(tab, 'Line 11');
    const below = await tab.evaluate(() => {
      const scroller = document.getElementById('scroller');
      return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    });
    assert.ok(below <= 1, `${below} px of the last message are below the edge`);

    for (const topic of ['weather', 'a-topic-with-a-rather-long-name', 'sports']) {
      await joinAnother(tab, 'topic', topic);
      await joined(tab, `/topic/${topic}`);
    }
    await tab.click('[data-topic="/topic/weather"]');
    const strip = await tab.locator('#nav').evaluate((e) => ({
      hidden: e.scrollWidth - e.clientWidth, mask: getComputedStyle(e).maskImage, behind: e.classList.contains('more-behind'),
    }));
    assert.ok(strip.hidden > 0 && strip.behind, 'there are more topics than fit, and the strip says so');
    assert.match(strip.mask, /linear-gradient/);

    const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    for (const button of await boxes(tab, 'button:not(.place)')) {
      assert.ok(button.height >= 44 && button.width >= 44, `${button.what} is ${button.width} x ${button.height}`);
      assert.ok(button.left >= 0 && button.right <= width, `${button.what} is on the screen`);
    }
    for (const button of await boxes(tab, 'button.place')) assert.ok(button.height >= 44, `${button.what} is ${button.height} high`);
    // Nothing lies on the title: what is found at its points is the title.
    for (const title of ['h1', '#room-title']) {
      const covered = await tab.locator(title).evaluate((e) => {
        const { left, top, right, bottom } = e.getBoundingClientRect();
        return [0.05, 0.5, 0.95].map((at) => document.elementFromPoint(left + (right - left) * at, (top + bottom) / 2))
          .filter((found) => found !== e && !e.contains(found)).map((found) => found && (found.id || found.className));
      });
      assert.deepEqual(covered, [], `what covers ${title}`);
    }
    const whole = await tab.locator('h1').evaluate((e) => e.scrollWidth - e.clientWidth);
    assert.ok(whole <= 0, 'the name of the page fits');
    await screenshot(tab, `topics-${width}`);

    await tab.click('#open-more');
    assert.equal(await tab.textContent('#fact-protocol'), 'STOMP 1.2');
    for (const button of await boxes(tab, 'dialog[open] button')) assert.ok(button.height >= 44, `${button.what} is ${button.height} high`);
    await tab.locator('#more [data-close]').click();
    await phone.close();
  }
  assert.deepEqual(problems, []);
});

test('a page without the STOMP library says what to do', { timeout: 4 * LIMIT }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-page-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const { name } of readdirSync(join(root, 'web'), { withFileTypes: true }).filter((each) => each.isFile())) {
    copyFileSync(join(root, 'web', name), join(dir, name));
  }
  const server = await start({ t, set: [`http.web-dir=${dir}`] });
  const chrome = await browser(t);
  const tab = await chrome.newPage();
  await tab.goto(server.url('/'));
  await inState(tab, 'offline');
  assert.match(await tab.textContent('#notice'), /library is missing.*web-dir.*dev build/s);
  await tab.click('#open-help');
  await tab.locator('#help').waitFor();
});
