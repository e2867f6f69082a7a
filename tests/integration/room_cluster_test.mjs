// The try page's room on two nodes that share one Redis, in a real browser: two people in two windows
// on two nodes, through tabs that are closed hard, nodes that are killed and a Redis that restarts.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { startBalancer } from './lib/balancer.mjs';
import { startNode, waitReady } from './lib/cluster.mjs';
import { LIMIT, browser, delivered, event, here, inState, joinedRoom, openTab, refusal, say, screenshot, shown, signIn } from './lib/page.mjs';
import { freePort } from './lib/ports.mjs';
import { startRedis } from './lib/redis.mjs';
import { root, until } from './lib/server.mjs';

const startRoomNode = (t, name, redis, options = {}) => startNode({
  t, name, redis, args: ['--config', join(root, 'etc/room.ini')], ...options,
});

async function personAt(chrome, server, name, problems) {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 800 } });
  const tab = await openTab(context, server, problems);
  await signIn(tab, name);
  await joinedRoom(tab, 'lobby');
  return tab;
}

const nodeOf = (tab) => tab.textContent('#fact-node');

test('two windows on two nodes see each other, also after Redis has been away', { timeout: 8 * LIMIT }, async (t) => {
  const redis = await startRedis({ t });
  const nodes = [await startRoomNode(t, 'node-1', redis), await startRoomNode(t, 'node-2', redis)];
  await Promise.all(nodes.map((node) => waitReady(node)));
  const chrome = await browser(t);
  const problems = [];
  const ada = await personAt(chrome, nodes[0], 'Ada', problems);
  const grace = await personAt(chrome, nodes[1], 'Grace', problems);
  assert.equal(await nodeOf(ada), 'node-1');
  assert.equal(await nodeOf(grace), 'node-2');

  await say(ada, 'from node 1');
  await delivered(ada, 'from node 1');
  assert.deepEqual(await shown(grace, 'from node 1'), { own: false, pending: false, name: 'Ada' });
  await say(grace, 'from node 2');
  assert.deepEqual(await shown(ada, 'from node 2'), { own: false, pending: false, name: 'Grace' });
  for (const tab of [ada, grace]) await here(tab, ['Ada', 'Grace']);
  await event(ada, /^Grace joined$/);
  await screenshot(ada, 'two-nodes');

  await redis.kill();
  await waitReady(nodes[0], false);
  await say(ada, 'while Redis is away');
  assert.match(await refusal(ada, 'while Redis is away'), /^Not sent: .*broker/);
  await inState(ada, 'connected');
  await redis.start();
  await Promise.all(nodes.map((node) => waitReady(node)));
  await say(ada, 'back again');
  await delivered(ada, 'back again');
  assert.equal((await shown(grace, 'back again')).name, 'Ada');
  assert.equal(await grace.locator('.message', { hasText: 'while Redis is away' }).count(), 0);
  for (const tab of [ada, grace]) await here(tab, ['Ada', 'Grace']);

  const barbara = await personAt(chrome, nodes[1], 'Barbara', problems);
  for (const tab of [ada, grace, barbara]) await here(tab, ['Ada', 'Barbara', 'Grace']);
  await barbara.context().close(); // hard: nothing says goodbye
  await event(ada, /^Barbara left$/);
  for (const tab of [ada, grace]) await here(tab, ['Ada', 'Grace']);

  await nodes[1].kill();
  await inState(grace, 'reconnecting');
  assert.equal(await grace.textContent('#people-count'), '', 'nothing is known there');
  await here(ada, ['Ada']);
  await event(ada, /^Grace left$/);
  assert.deepEqual(problems, []);
});

test('behind a balancer a killed node\'s people go on at the other', { timeout: 8 * LIMIT }, async (t) => {
  const redis = await startRedis({ t });
  const ports = [await freePort(), await freePort()];
  const set = [`try-page.sign-in-secret=${'s'.repeat(40)}`, 'http.trusted-proxies=127.0.0.1'];
  const nodes = [];
  for (const [i, http] of ports.entries()) nodes.push(await startRoomNode(t, `node-${i + 1}`, redis, { http, set }));
  await Promise.all(nodes.map((node) => waitReady(node)));
  const balancer = await startBalancer(t, 'nginx', ports);
  const chrome = await browser(t);
  const problems = [];
  const people = [];
  for (const name of ['Ada', 'Grace']) people.push(await personAt(chrome, balancer, name, problems));
  const [ada, grace] = people;
  const sessions = () => Promise.all(nodes.filter((node) => !node.exit).map(async (node) => (await node.stats()).sessions));
  await until(async () => (await sessions()).reduce((sum, n) => sum + n, 0) === 2, 'both being connected');

  const victim = (await sessions())[0] > 0 ? 0 : 1;
  await nodes[victim].kill();
  await until(async () => (await sessions())[0] === 2, 'both being at the node that is left', 20000);
  for (const tab of people) await joinedRoom(tab, 'lobby');
  await say(ada, 'still talking');
  await delivered(ada, 'still talking');
  assert.equal((await shown(grace, 'still talking')).name, 'Ada');
  for (const tab of people) await here(tab, ['Ada', 'Grace']);
  assert.deepEqual(problems, []);
});
