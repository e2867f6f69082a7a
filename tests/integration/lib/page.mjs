// A real headless Chromium for the try page: tabs that fail their test when a script fails or the
// content policy is violated, and what a person does on the page.

import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { patience, root, until } from './server.mjs';

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const screenshots = join(root, 'build/screenshots');
export const LIMIT = patience(10000);

export async function browser(t) {
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

// What the browser itself reports of a server that is away, or of a request that was refused on purpose.
const EXPECTED = /WebSocket connection to|net::ERR_CONNECTION_REFUSED|net::ERR_EMPTY_RESPONSE|net::ERR_CONNECTION_RESET|status of (400|403|503)/;

export async function openTab(context, server, problems) {
  const tab = await context.newPage();
  tab.setDefaultTimeout(LIMIT);
  tab.on('pageerror', (error) => problems.push(error.message));
  tab.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.test(message.text())) problems.push(message.text());
  });
  const response = await tab.goto(server.url('/'));
  assert.equal(response.status(), 200);
  return tab;
}

export function screenshot(tab, name) {
  mkdirSync(screenshots, { recursive: true });
  return tab.screenshot({ path: join(screenshots, `${name}.png`) });
}

export const inState = (tab, state) => tab.locator(`#state[data-state="${state}"]`).waitFor();
export const joined = (tab, topic) => tab.locator(`[data-topic="${topic}"][data-joined]`).waitFor();
export const joinedRoom = (tab, room) => tab.locator(`[data-room="${room}"][data-joined]`).waitFor();

export async function introduce(tab, name) {
  await tab.fill('#nick', name);
  await tab.press('#nick', 'Tab');
}

export async function signIn(tab, name) {
  await tab.fill('#name', name);
  await tab.press('#name', 'Enter');
}

export async function say(tab, text) {
  await tab.fill('#text', text);
  await tab.press('#text', 'Enter');
}

export async function joinAnother(tab, kind, name) {
  await tab.click('#open-add');
  await tab.fill(`#new-${kind}`, name);
  await tab.press(`#new-${kind}`, 'Enter');
}

const bubble = (tab, text) => tab.locator('.log:not([hidden]) .message', { has: tab.getByText(text, { exact: true }) });

// The message as the tab shows it.
export async function shown(tab, text) {
  await bubble(tab, text).waitFor();
  return bubble(tab, text).evaluate((e) => ({
    own: e.classList.contains('own'),
    pending: e.classList.contains('pending'),
    name: e.querySelector('.name').textContent,
  }));
}

export const delivered = (tab, text) => tab
  .locator('.message.own:not(.pending):not(.lost)', { has: tab.getByText(text, { exact: true }) })
  .locator('.fate', { hasText: / ms$/ }).waitFor();

// What stands under a message that was refused.
export async function refusal(tab, text) {
  const fate = tab.locator('.message.own.lost', { has: tab.getByText(text, { exact: true }) }).locator('.fate');
  await fate.waitFor();
  return fate.textContent();
}

// Elements of the page that are on the screen, as boxes.
export function boxes(tab, selector) {
  return tab.locator(selector).evaluateAll((all) => all
    .filter((e) => e.checkVisibility())
    .map((e) => {
      const { left, top, right, bottom, width, height } = e.getBoundingClientRect();
      return { what: e.id || e.textContent.trim().slice(0, 20), left, top, right, bottom, width, height };
    }));
}

// Who the tab says is here: { count, people }, once it is as expected.
export async function here(tab, people) {
  const expected = [...people].sort();
  const seen = async () => ({
    count: await tab.textContent('#people-count'),
    people: (await tab.locator('#people-list .person').evaluateAll((all) => all.map((e) => e.dataset.user))).sort(),
  });
  const wanted = JSON.stringify({ count: String(expected.length), people: expected });
  let last;
  await until(async () => {
    last = JSON.stringify(await seen());
    return last === wanted;
  }, `the list being ${wanted}`, 20000).catch((error) => { throw new Error(`${error.message}; it is ${last}`); });
}

export const event = (tab, text) => tab.locator('.log:not([hidden]) .event', { hasText: text }).last().waitFor();
