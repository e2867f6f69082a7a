// The try page as a room, in a real browser: people who sign in by a name, talk, and are told what is
// refused; and the sign-in itself, which is for development only.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import {
  LIMIT, boxes, browser, delivered, event, here, inState, joinAnother, joined, joinedRoom, openTab, refusal, say, screenshot, shown, signIn,
} from './lib/page.mjs';
import { root, run, slowness, start } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const ROOM = ['--config', join(root, 'etc/room.ini')];
// A page that reloads may take longer than the sample's linger on a busy machine.
const LINGER = `app.presence rooms.linger=${slowness > 1 ? 15 : 5}s`;
const startRoom = ({ set = [], ...options } = {}) => start({ args: ROOM, set: [LINGER, ...set], ...options });
const post = (server, query, headers = {}) => fetch(server.url(`/try-page/sign-in${query}`), { method: 'POST', headers });
const tokenOf = async (server, name) => (await (await post(server, `?name=${encodeURIComponent(name)}`)).json()).token;

// A window of its own, as another person's browser would be.
async function personAt(chrome, server, name, problems, options = {}) {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const tab = await openTab(context, server, problems);
  await signIn(tab, name);
  await joinedRoom(tab, 'lobby');
  return tab;
}

describe('the sign-in', { concurrency: 4 }, () => {
  test('gives tokens that this server accepts, and says so in its log', async (t) => {
    const server = await startRoom({ t });
    assert.ok(server.log.some((line) => /warn.*sign-in is on.*any name.*development only/.test(line)), server.tail());
    const answer = await post(server, '?name=J%C3%BCrgen+K');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
    const { token } = await answer.json();
    const client = await stomp(server, { t, connect: { Authorization: `Bearer ${token}` } });
    assert.equal(client.session.headers['user-name'], 'Jürgen K');
    await client.subscribe('/sub/rooms/lobby/chat');
    client.send('/pub/rooms/lobby/chat', '{"content":"hi","sender":"somebody else"}', { 'content-type': 'application/json' });
    const [message] = await client.messages(1);
    const { at, ...said } = JSON.parse(message.body);
    assert.deepEqual(said, { sender: { userId: 'Jürgen K', name: 'Jürgen K' }, content: 'hi' });
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < LIMIT);
    const stats = await server.stats();
    assert.equal(stats.sign_ins, 1);
    assert.equal(stats.sign_ins_refused, 0);
  });

  test('takes no other names, methods or origins', async (t) => {
    const server = await startRoom({ t });
    for (const [query, fault] of [
      ['', /no name/], ['?name=', /empty/], ['?name=a%2Fb', /letters and digits/], ['?name=%00', /letters and digits/],
      [`?name=${'a'.repeat(33)}`, /32 characters/], ['?name=a&name=b', /more than one/], ['?name=%ff', /UTF-8/],
      [`?name=${'a'.repeat(2000)}`, /too long/],
    ]) {
      const answer = await post(server, query);
      assert.equal(answer.status, 400, query);
      assert.match(await answer.text(), fault);
    }
    const got = await fetch(server.url('/try-page/sign-in?name=Ada'));
    assert.equal(got.status, 405);
    assert.equal(got.headers.get('allow'), 'POST');
    for (const headers of [
      { origin: 'http://evil.example' }, { origin: 'null' }, { origin: `https://127.0.0.1:${server.httpPort}` },
      { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' },
    ]) {
      const answer = await post(server, '?name=Ada', headers);
      assert.equal(answer.status, 403, JSON.stringify(headers));
      assert.match(await answer.text(), /only the server's own page/i);
    }
    assert.equal((await post(server, '?name=Ada', { origin: server.url('').replace(/\/$/, '') })).status, 200);
    assert.equal((await server.stats()).sign_ins_refused, 14);
    assert.equal((await fetch(server.url('/ready'))).status, 200);
  });

  test('a body that comes along is not read as anything', async (t) => {
    const server = await startRoom({ t });
    const answer = await fetch(server.url('/try-page/sign-in?name=Ada'), { method: 'POST', body: 'name=Eve&'.repeat(1000) });
    assert.equal(answer.status, 200);
    const client = await stomp(server, { t, connect: { Authorization: `Bearer ${(await answer.json()).token}` } });
    assert.equal(client.session.headers['user-name'], 'Ada');
  });

  test('is not there without the page, nor unless it is switched on', async (t) => {
    const without = await run([...ROOM, '--set', 'http.try-page=off', '--check']);
    assert.equal(without.code, 78, 'rules that ask who somebody is cannot be kept');
    assert.match(without.stderr, /room\.ini:\d+: \[access\] say: .*no auth plugin/);
    for (const off of ['http.try-page=off', 'try-page.sign-in=off']) {
      const server = await start({ t, set: ['try-page.sign-in=on', off] });
      assert.equal((await post(server, '?name=Ada')).status, 404);
      assert.ok(!server.log.some((line) => /sign-in is on/.test(line)));
      await stomp(server, { t, connect: { Authorization: 'Bearer whatever' } }); // nobody is asked
    }
    const plain = await start({ t });
    assert.equal((await post(plain, '?name=Ada')).status, 404);
    assert.equal((await (await fetch(plain.url('/try-page.json'))).json()).signIn, null);
  });

  test('tokens are of one server unless the secret is shared', async (t) => {
    const [one, other] = [await startRoom({ t }), await startRoom({ t })];
    const refused = await open(other, { t });
    refused.frame('CONNECT', { 'accept-version': '1.2', host: 'x', Authorization: `Bearer ${await tokenOf(one, 'Ada')}` });
    const error = await refused.next();
    assert.equal(error.command, 'ERROR');
    const set = [`try-page.sign-in-secret=${'s'.repeat(40)}`];
    const [first, second] = [await startRoom({ t, set }), await startRoom({ t, set })];
    const client = await stomp(second, { t, connect: { Authorization: `Bearer ${await tokenOf(first, 'Ada')}` } });
    assert.equal(client.session.headers['user-name'], 'Ada');
  });

  test('does not go together with other auth plugins', async () => {
    const both = await run([...ROOM, '--set', 'auth.plugins=file', '--check']);
    assert.equal(both.code, 78);
    assert.match(both.stderr, /room\.ini:\d+: \[try-page\] sign-in .*\[auth\] plugins/);
    const good = await run([...ROOM, '--check']);
    assert.equal(good.code, 0, good.stderr);
  });
});

test('two people sign in, talk, and are told what is refused', { timeout: 8 * LIMIT }, async (t) => {
  const server = await startRoom({ t });
  const chrome = await browser(t);
  const problems = [];
  const context = await chrome.newContext({ viewport: { width: 1280, height: 800 } });
  const ada = await openTab(context, server, problems);
  await ada.locator('#name').waitFor();
  assert.equal(await ada.textContent('#state'), 'Not signed in');
  assert.equal(await ada.locator('#text').isVisible(), false);
  await screenshot(ada, 'sign-in');

  await t.test('a name that nobody can have is refused beside its field', async () => {
    await signIn(ada, 'a/b');
    await ada.locator('#name-problem', { hasText: /letters and digits/ }).waitFor();
    await signIn(ada, 'Ada');
    await joinedRoom(ada, 'lobby');
    assert.equal(await ada.textContent('#account-name'), 'Ada');
    assert.equal(await ada.locator('#nick').isVisible(), false, 'the name is the one that was signed in with');
  });

  const grace = await openTab(context, server, problems);
  assert.equal(await grace.inputValue('#name'), 'Ada', 'a second window asks again');
  await signIn(grace, 'Grace');
  await joinedRoom(grace, 'lobby');

  await t.test('the application says who said it', async () => {
    await say(ada, 'Hello <i>Grace</i> 日本');
    await delivered(ada, 'Hello <i>Grace</i> 日本');
    assert.deepEqual(await shown(grace, 'Hello <i>Grace</i> 日本'), { own: false, pending: false, name: 'Ada' });
    await say(grace, 'twice');
    await say(grace, 'twice');
    await ada.locator('.message', { hasText: 'twice' }).nth(1).waitFor();
    await grace.locator('.message.own:not(.pending) .fate', { hasText: / ms$/ }).nth(1).waitFor();
    assert.equal(await grace.locator('.message.own').count(), 2, 'one bubble for each');
  });

  await t.test('what the application refuses says so under its bubble', async () => {
    const long = 'y'.repeat(2001);
    await ada.locator('#text').evaluate((e) => { e.removeAttribute('maxlength'); });
    await say(ada, long);
    assert.match(await refusal(ada, long), /^Not sent: .*content/);
    assert.equal(await grace.locator('.message', { hasText: 'yyyy' }).count(), 0);
    await inState(ada, 'connected');
    assert.equal(await ada.locator('#notice').isVisible(), false);
    await say(ada, 'still here');
    await delivered(ada, 'still here');
  });

  await t.test('topics stay, and rooms are joined by name', async () => {
    for (const tab of [ada, grace]) {
      await tab.bringToFront();
      await joinAnother(tab, 'room', 'kitchen');
      await joinedRoom(tab, 'kitchen');
    }
    await say(grace, 'in the kitchen');
    assert.equal((await shown(ada, 'in the kitchen')).name, 'Grace');
    await ada.bringToFront();
    await ada.click('#open-add');
    await ada.fill('#new-room', 'no such/room');
    await ada.press('#new-room', 'Enter');
    assert.match(await ada.textContent('#room-problem'), /letters, digits/);
    await ada.locator('#add [data-close]').click();
    await ada.click('[data-topic="/topic/lobby"]');
    await joined(ada, '/topic/lobby');
    await say(ada, 'straight to the topic');
    await delivered(ada, 'straight to the topic');
    await grace.locator('[data-topic="/topic/lobby"] .badge', { hasText: /^1$/ }).waitFor();
  });

  await t.test('a reload stays signed in, signing out asks again', async () => {
    await ada.reload();
    await joinedRoom(ada, 'kitchen');
    await ada.click('#sign-out');
    await ada.locator('#name').waitFor();
    assert.equal(await ada.textContent('#state'), 'Not signed in');
    assert.equal(await ada.locator('.place').count(), 0);
    await signIn(ada, 'Barbara');
    await joinedRoom(ada, 'lobby');
    await ada.click('[data-room="lobby"]');
    await say(ada, 'another name');
    await grace.click('[data-room="lobby"]');
    assert.equal((await shown(grace, 'another name')).name, 'Barbara');
  });

  await t.test('a server that starts anew has another secret, and nobody needs to sign in again', async () => {
    const port = server.httpPort;
    await server.kill();
    await inState(ada, 'reconnecting');
    await startRoom({ t, http: port });
    await joinedRoom(ada, 'lobby');
    await joinedRoom(grace, 'lobby');
    await say(ada, 'after the restart');
    await delivered(ada, 'after the restart');
    assert.equal((await shown(grace, 'after the restart')).name, 'Barbara');
  });
  assert.deepEqual(problems, []);
});

test('who is here, how many, who comes and who goes', { timeout: 8 * LIMIT }, async (t) => {
  const server = await startRoom({ t });
  const chrome = await browser(t);
  const problems = [];
  const ada = await personAt(chrome, server, 'Ada', problems);
  await here(ada, ['Ada']);

  const grace = await personAt(chrome, server, 'Grace', problems);
  await here(grace, ['Ada', 'Grace']);
  await here(ada, ['Ada', 'Grace']);
  await event(ada, /^Grace joined$/);
  assert.equal(await ada.locator('#people-list .person').first().textContent(), 'AAda (you)', 'oneself comes first');

  // Whoever had left before somebody who comes and goes now would have been told of by then.
  let passed = 0;
  async function letSomebodyPass() {
    const name = `Passer ${passed += 1}`;
    const passer = await personAt(chrome, server, name, problems);
    await event(ada, `${name} joined`);
    await passer.context().close();
    await event(ada, `${name} left`);
  }
  const graceLeft = () => ada.locator('.event', { hasText: /^Grace left$/ }).count();

  await t.test('several tabs of one user are one member, who leaves with the last', async () => {
    const second = await personAt(chrome, server, 'Grace', problems);
    await here(second, ['Ada', 'Grace']);
    await second.close();
    await letSomebodyPass();
    assert.equal(await graceLeft(), 0);
    await here(ada, ['Ada', 'Grace']);
  });

  await t.test('a tab that is closed hard leaves', async () => {
    await grace.context().close();
    await here(ada, ['Ada']);
    await event(ada, /^Grace left$/);
  });

  await t.test('a page that reloads does not', async () => {
    const again = await personAt(chrome, server, 'Grace', problems);
    await here(ada, ['Ada', 'Grace']);
    const left = await graceLeft();
    assert.equal(left, 1);
    await again.reload();
    await joinedRoom(again, 'lobby');
    await here(again, ['Ada', 'Grace']);
    await letSomebodyPass();
    assert.equal(await graceLeft(), left);
    await again.click('#sign-out');
    await here(ada, ['Ada']);
  });

  await t.test('more than max-events at once: the list is right in the end', async () => {
    const crowd = await Promise.all(Array.from({ length: 40 }, async (_, i) => {
      const client = await stomp(server, { t, connect: { Authorization: `Bearer ${await tokenOf(server, `member-${i}`)}` } });
      await client.subscribe('/sub/rooms/lobby/watch');
      return client;
    }));
    await here(ada, ['Ada', ...crowd.map((_, i) => `member-${i}`)]);
    for (const client of crowd) client.close();
    await here(ada, ['Ada']);
  });

  await t.test('rooms are counted apart, and nobody is known while offline', async () => {
    await joinAnother(ada, 'room', 'kitchen');
    await here(ada, ['Ada']);
    const barbara = await personAt(chrome, server, 'Barbara', problems);
    await here(barbara, ['Ada', 'Barbara']);
    await here(ada, ['Ada']);
    await ada.click('[data-room="lobby"]');
    await here(ada, ['Ada', 'Barbara']);
    await screenshot(ada, 'room');
    await ada.click('#toggle');
    await inState(ada, 'offline');
    assert.equal(await ada.textContent('#people-count'), '');
    await here(barbara, ['Barbara']);
    await ada.click('#toggle');
    await here(ada, ['Ada', 'Barbara']);
  });
  assert.deepEqual(problems, []);
});

test('at 390 pixels the room fits', { timeout: 6 * LIMIT }, async (t) => {
  const server = await startRoom({ t });
  const chrome = await browser(t);
  const problems = [];
  const name = 'Wolfeschlegelsteinhausenberger X';
  const phone = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' };
  const tab = await personAt(chrome, server, name, problems, phone);
  await say(tab, 'x'.repeat(200));
  await delivered(tab, 'x'.repeat(200));
  const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
  for (const box of await boxes(tab, '.message, .message .name, #room-title, #state')) {
    assert.ok(box.left >= 0 && box.right <= 390, `${box.what} is from ${box.left} to ${box.right}`);
  }
  await tab.locator('#open-people').waitFor();
  for (const button of await boxes(tab, 'button')) assert.ok(button.height >= 44, `${button.what} is ${button.height} high`);
  assert.match(await tab.textContent('#open-people'), /^\s*1 here, show who\s*$/);
  await screenshot(tab, 'room-390');
  await tab.click('#open-people');
  await tab.locator('#who .person', { hasText: name }).waitFor();
  await tab.locator('#who [data-close]').click();
  await tab.click('#open-more');
  assert.equal(await tab.textContent('#account-name'), name);
  const cut = await tab.locator('#account-name').evaluate((e) => e.scrollWidth - e.clientWidth > 0 && getComputedStyle(e).display !== 'inline');
  assert.equal(cut, false, 'the name is whole');
  await screenshot(tab, 'account-390');
  assert.deepEqual(problems, []);
});
