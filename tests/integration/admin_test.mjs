// The admin API: what operators see of a node and of its cluster, and what they tell it to do.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { adminOf, adminSet, TOKEN } from './lib/admin.mjs';
import { startNode, waitReady } from './lib/cluster.mjs';
import { startRedis } from './lib/redis.mjs';
import { build, root, run, start, until, within } from './lib/server.mjs';
import { stomp } from './lib/stomp.mjs';

const plugin = (name) => join(build, `tests/plugins/${name}.so`);
const users = [`auth.plugins=${plugin('auth-script')}`, 'auth.anonymous=on'];
const as = (token, options = {}) => ({ ...options, connect: { Authorization: token } });
const idOf = (client) => client.session.headers.session;

function directory(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-admin-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// --- who is an operator -----------------------------------------------------------------------

test('only who shows a token is answered, and only at its own door', async (t) => {
  const file = join(directory(t), 'tokens');
  writeFileSync(file, '# of the night shift\nanother-token-of-the-tests\n', { mode: 0o600 });
  const server = await start({ t, set: [...adminSet, `admin.token-file=${file}`, 'admin.max-failures=3'] });
  const admin = adminOf(server);
  assert.equal((await admin.get('status')).state, 'ready');
  await adminOf(server, { token: 'another-token-of-the-tests' }).get('status');

  const none = await adminOf(server, { token: null }).refused(401, 'no-token', 'GET', 'status');
  assert.match(none.headers['www-authenticate'], /^Bearer /);
  assert.equal(none.headers['cache-control'], 'no-store');
  assert.match(none.headers['content-security-policy'], /frame-ancestors 'none'/);
  assert.equal(none.headers['access-control-allow-origin'], undefined);
  assert.equal(none.headers['x-content-type-options'], 'nosniff');

  // Pages of its own are answered, those of others are not, whatever they show.
  const own = `http://127.0.0.1:${admin.where.port}`;
  assert.equal((await admin.ask('GET', 'status', { headers: { origin: own } })).status, 200);
  for (const origin of ['http://example.org', 'null', own.replace('http', 'https')]) {
    const answer = await admin.refused(403, 'foreign-origin', 'GET', 'status', { headers: { origin } });
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  }

  // Where clients connect there is no such path, and at this door nothing else.
  assert.equal((await fetch(server.url('/admin/api/status'), { headers: { authorization: `Bearer ${TOKEN}` } })).status, 404);
  for (const path of ['/', '/ws', '/ws/info', '/api/publish', '/administration'])
    assert.equal((await admin.ask('GET', path)).status, 404, path);
  assert.equal((await admin.ask('GET', '/ready')).status, 200);
  await assert.rejects(stomp({ ...server, httpPort: admin.where.port }, { t }));

  const wrong = adminOf(server, { token: 'no-such-token-anywhere' });
  for (let i = 0; i < 3; i++) await wrong.refused(401, 'bad-token', 'GET', 'status');
  const limited = await admin.refused(429, 'too-many-failures', 'GET', 'status');
  assert.ok(Number(limited.headers['retry-after']) > 0);
  const stats = await server.stats();
  assert.equal(stats.admin_bad_tokens, 4);
  assert.equal(stats.admin_limited, 1);
});

test('who may open the socket needs no token, and its file says who may', async (t) => {
  const path = join(directory(t), 'admin.sock');
  const server = await start({ t, set: [`admin.socket=${path}`, 'admin.socket-mode=0600', 'http.allowed-hosts=example.org'] });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const admin = adminOf(server, { socket: path });
  assert.equal((await admin.get('status')).pid, server.pid);
  const head = await admin.ask('HEAD', 'status');
  assert.deepEqual([head.status, head.text], [200, '']);
  assert.ok(Number(head.headers['content-length']) > 100);
  await server.stop();
  assert.throws(() => statSync(path));
});

test('an address without a token does not start', async () => {
  const { code, stderr } = await run(['--set', 'admin.listen=127.0.0.1:0']);
  assert.equal(code, 78);
  assert.match(stderr, /\[admin\] listen: .* would be open to everybody/);
});

test('what is not asked for as it is to be is refused with the reason', async (t) => {
  const server = await start({ t, set: [...adminSet, ...users] });
  const admin = adminOf(server);
  const body = (value) => ({ body: typeof value === 'string' ? value : JSON.stringify(value) });
  await admin.refused(404, 'not-found', 'GET', 'nothing');
  await admin.refused(404, 'not-found', 'GET', '/admin/api');
  await admin.refused(404, 'not-found', 'GET', 'clients/nobody');
  await admin.refused(404, 'not-found', 'GET', `clients/${'x'.repeat(200)}`);
  assert.equal((await admin.refused(405, 'bad-method', 'POST', 'status')).headers.allow, 'GET, HEAD');
  assert.equal((await admin.refused(405, 'bad-method', 'GET', 'kick')).headers.allow, 'POST');
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'search=%4', 'serch=a'])
    await admin.refused(400, 'bad-query', 'GET', `clients?${query}`);
  for (const query of ['', '?destination=', '?destination=topic', '?destination=/app/x', '?destination=/topic/*', '?destination=/user/queue/x', '?destination=/topic/a%ff'])
    await admin.refused(400, 'bad-destination', 'GET', `tail${query}`);
  for (const [code, value] of [['bad-json', ''], ['bad-json', '{'], ['bad-json', '[]'], ['missing', {}], ['bad-value', { user: 'a', session: 'b' }],
    ['unknown-field', { user: 'a', reason: 'x' }], ['bad-value', { session: 'a', for_s: 5 }], ['bad-type', { user: 'a', for_s: '5' }], ['bad-value', { user: 'a\nb' }]])
    await admin.refused(400, code, 'POST', 'kick', body(value));
  await admin.refused(400, 'bad-json', 'POST', 'drain', body({ now: true }));
  await admin.refused(413, 'too-large', 'POST', 'kick', body('x'.repeat(70000)));
  assert.equal((await admin.get('status')).state, 'ready');
});

// --- what there is ----------------------------------------------------------------------------

test('the status says how the node is, in numbers that are true', async (t) => {
  const server = await start({ t, set: [...adminSet, 'server.node=alpha', 'server.workers=2'] });
  const admin = adminOf(server);
  const client = await stomp(server, { t });
  await client.subscribe('/topic/a');
  for (let i = 0; i < 50; i++) client.send('/topic/a', 'x');
  await client.messages(50);
  const status = await until(async () => {
    const now = await admin.get('status');
    return now.rates.out_per_s > 0 && now;
  }, 'a rate of messages');
  assert.deepEqual([status.node, status.pid, status.state, status.workers, status.reason], ['alpha', server.pid, 'ready', 2, undefined]);
  assert.match(status.version, /^\d+\.\d+\.\d+/);
  assert.match(status.abi, /^\d+\.\d+$/);
  assert.deepEqual(status.broker, { plugin: 'memory', state: 'up', text: '' });
  assert.deepEqual([status.sessions, status.subscriptions, status.counters.delivered], [1, 1, 50]);
  assert.ok(status.connections >= 2 && status.uptime_ms > 0 && status.rates.in_per_s > 0);
  assert.deepEqual(status.warnings, []);
  const { nodes } = await admin.get('nodes');
  assert.equal(nodes.length, 1);
  assert.deepEqual([nodes[0].node, nodes[0].self, nodes[0].sessions, nodes[0].state, nodes[0].broker], ['alpha', true, 1, 'ready', 'up']);
});

test('clients are listed in pages, found, and shown one by one', async (t) => {
  const server = await start({ t, tcp: true, set: [...adminSet, ...users, 'server.workers=2'] });
  const admin = adminOf(server);
  const clients = [];
  for (let i = 0; i < 7; i++) clients.push(await stomp(server, as(i % 2 ? 'alice' : 'bob', { t })));
  const tcp = await stomp(server, { t, transport: 'tcp' });
  clients.push(tcp);
  const ids = clients.map(idOf).sort();

  const all = await admin.get('clients');
  assert.deepEqual(all.clients.map((each) => each.session), ids);
  assert.equal(all.total, 8);
  assert.equal(all.next, undefined);
  const pages = [];
  for (let after = ''; after !== undefined;) {
    const page = await admin.get(`clients?limit=3&after=${after}`);
    assert.equal(page.total, 8);
    pages.push(page.clients.map((each) => each.session));
    after = page.next;
  }
  assert.deepEqual(pages.map((page) => page.length), [3, 3, 2]);
  assert.deepEqual(pages.flat(), ids);
  assert.equal((await admin.get('clients?search=ALICE')).total, 3);
  assert.equal((await admin.get('clients?search=nobody')).total, 0);
  assert.equal((await admin.get(`clients?search=${ids[4].slice(3)}`)).clients[0].session, ids[4]);
  assert.equal((await admin.get('clients?search=127.0.0.1')).total, 8);

  await tcp.subscribe('/topic/a', { id: 'one' });
  await tcp.subscribe('/queue/b', { id: 'two', ack: 'client-individual' });
  tcp.send('/topic/a', 'hello');
  await tcp.messages(1);
  const one = await until(async () => {
    const now = await admin.get(`clients/${idOf(tcp)}`);
    return now.out >= 4 && now;
  }, 'all frames being counted');
  assert.match(one.address, /^127\.0\.0\.1:\d+$/);
  assert.ok(Math.abs(Date.now() - Date.parse(one.connected_at)) < 600000 && /Z$/.test(one.connected_at));
  assert.deepEqual({ ...one, address: 0, connected_at: 0, subscription_list: 0 }, {
    session: idOf(tcp), address: 0, endpoint: 'tcp', transport: 'tcp', stomp: '1.2', connected_at: 0, queue_bytes: 0, queue_messages: 0,
    subscriptions: 2, in: 4, out: 4, subscription_list: 0 });
  assert.deepEqual(one.subscription_list.sort((a, b) => a.id.localeCompare(b.id)), [
    { id: 'one', destination: '/topic/a', ack: 'auto' }, { id: 'two', destination: '/queue/b', ack: 'client-individual' }]);
  const alice = await admin.get(`clients/${idOf(clients[1])}`);
  assert.deepEqual([alice.user, alice.endpoint, alice.transport], ['alice', '/ws', 'websocket']);
});

test('topics are told with their subscribers and rates, each once on all workers', async (t) => {
  const server = await start({ t, set: [...adminSet, 'server.workers=2', 'destinations.patterns=on'] });
  const admin = adminOf(server);
  const clients = [];
  for (let i = 0; i < 6; i++) {
    const client = await stomp(server, { t });
    for (const topic of ['/topic/all', `/topic/of-${i}`]) await client.subscribe(topic);
    clients.push(client);
  }
  await clients[0].subscribe('/topic/**');
  const list = await admin.get('topics');
  assert.deepEqual(list.topics.map((each) => [each.topic, each.subscribers]),
    [['/topic/**', 1], ['/topic/all', 6], ...[0, 1, 2, 3, 4, 5].map((i) => [`/topic/of-${i}`, 1])]);
  assert.equal(list.total, 8);
  const page = await admin.get('topics?limit=2&search=of-&after=/topic/of-1');
  assert.deepEqual([page.topics.map((each) => each.topic), page.total, page.next], [['/topic/of-2', '/topic/of-3'], 6, '/topic/of-3']);
  for (let i = 0; i < 100; i++) clients[1].send('/topic/all', 'x');
  await clients[2].messages(100);
  const busy = (await admin.get('topics')).topics;
  const rate = (name) => busy.find((each) => each.topic === name).per_s;
  assert.ok(rate('/topic/all') > 0 && rate('/topic/all') <= 100, `${rate('/topic/all')}`);
  assert.ok(rate('/topic/**') > 0);
  assert.equal(rate('/topic/of-0'), 0);
});

test('the configuration is shown as it holds, and no secret of it', async (t) => {
  const config = '[server]\nworkers = 1\n[endpoint /chat]\ndeflate = on\n[access]\nall = subscribe, send /topic/** if authenticated\n'
    + '[api-key backend]\nsecret = the-secret-of-the-key\n[limits]\nqueue-size = 1m\n';
  const server = await start({ t, config, set: [...adminSet, ...users, 'destinations.user-secret=the-secret-of-users'] });
  const admin = adminOf(server);
  const { text } = await admin.ask('GET', 'config');
  const { sections } = JSON.parse(text);
  assert.doesNotMatch(text, /the-secret|a-token/);
  assert.equal(sections.admin.token, '***');
  assert.equal(sections['api-key backend'].secret, '***');
  assert.equal(sections.destinations['user-secret'], '***');
  assert.deepEqual([sections.limits['queue-size'], sections.limits['queue-messages']], ['1m', '20000']);
  assert.deepEqual([sections['endpoint /chat'].deflate, sections['endpoint /chat'].sockjs], ['on', 'on']);
  assert.deepEqual(sections.access, { all: 'subscribe, send /topic/** if authenticated' });
  assert.equal(sections.server.node, (await admin.get('status')).node);
});

// --- a live tail ------------------------------------------------------------------------------

test('a tail shows what comes for a topic, with or without subscribers', async (t) => {
  const server = await start({ t, tcp: true, set: [...adminSet, 'server.workers=2', 'admin.max-tails=2'] });
  const admin = adminOf(server);
  const client = await stomp(server, { t, transport: 'tcp' });
  const tail = await admin.tail('/topic/a');
  client.send('/topic/b', 'not this');
  client.send('/topic/a', 'one', { 'content-type': 'text/plain', colour: 'blue' });
  assert.deepEqual(await tail.event('message'), { destination: '/topic/a', headers: { 'content-type': 'text/plain', colour: 'blue' }, body: 'one' });
  const long = `${'x'.repeat(4095)}\u00e4 and more`;
  client.send('/topic/a', long);
  const cut = await tail.event('message');
  assert.deepEqual([cut.body, cut.cut], ['x'.repeat(4095), true]);
  client.send('/topic/a', Buffer.from([0xff, 0, 1]), { 'content-length': 3 });
  const bytes = await tail.event('message');
  assert.deepEqual([bytes.body, bytes.body_base64], [undefined, '/wAB']);

  const other = await admin.tail('/topic/a');
  await admin.refused(429, 'too-many-tails', 'GET', 'tail?destination=/topic/c');
  client.send('/topic/a', 'two');
  assert.equal((await tail.event('message')).body, 'two');
  assert.equal((await other.event('message')).body, 'two');
  assert.deepEqual((await admin.get('topics')).topics.map((each) => [each.topic, each.subscribers]), [['/topic/a', 0]]);
  other.close();
  await until(async () => (await admin.get('status')).counters.admin_tails === 1, 'the tail being closed');
  tail.close();
  await until(async () => (await admin.get('topics')).total === 0, 'the topic being gone');
});

test('a tail that is not read misses messages and is told how many', async (t) => {
  const server = await start({ t, set: [...adminSet, 'limits.send-timeout=1m'] });
  const admin = adminOf(server);
  const client = await stomp(server, { t });
  const missed = async () => (await admin.get('status')).counters.admin_tail_dropped;
  const tail = await admin.tail('/topic/a');
  let sent = 0;
  let seen = 0;
  let dropped = 0;
  const read = (piece) => {
    if (piece.startsWith('event: message')) seen += 1;
    else if (!piece.startsWith(':')) dropped += JSON.parse(/^event: dropped\ndata: (.*)$/.exec(piece)[1]).dropped;
  };
  tail.response.pause();
  while (await missed() === 0) {
    for (let i = 0; i < 500; i++) client.send('/topic/a', 'x'.repeat(4000));
    await client.request('SEND', { destination: '/topic/a' }, 'behind them');
    sent += 501;
  }
  tail.response.resume();
  while (seen + await missed() < sent) read(await tail.next());
  client.send('/topic/a', 'one more'); // with the first that finds room comes what was missed
  while (seen + dropped < sent + 1) read(await tail.next());
  assert.equal(dropped, await missed());
  assert.ok(dropped > 0 && seen > 1);
  tail.close();
});

// --- what operators tell it ---------------------------------------------------------------------

test('sessions and users are disconnected and told why', async (t) => {
  const server = await start({ t, set: [...adminSet, ...users, 'server.workers=2'] });
  const admin = adminOf(server);
  const alice = [await stomp(server, as('alice', { t })), await stomp(server, as('alice', { t }))];
  const bob = await stomp(server, as('bob', { t }));
  assert.deepEqual(await admin.post('kick', { session: idOf(bob), message: 'go home' }), { accepted: true });
  await bob.expect('ERROR', { 'error-code': 'disconnected', message: 'go home' });
  assert.equal((await bob.waitForClose()).code, 4403);
  await stomp(server, as('bob', { t }));
  await admin.post('kick', { user: 'alice', for_s: 3600 });
  for (const client of alice) await client.expect('ERROR', { 'error-code': 'disconnected' });
  await until(async () => (await admin.get('clients?search=alice')).total === 0, 'alice being gone');
  await assert.rejects(stomp(server, as('alice', { t })), /refused for a while/);
});

test('a node drains on demand, with tails open', async (t) => {
  const server = await start({ t, set: adminSet });
  const admin = adminOf(server);
  const client = await stomp(server, { t });
  await admin.tail('/topic/a');
  await admin.refused(422, 'bad-configuration', 'POST', 'reload'); // there is no file
  assert.deepEqual(await admin.post('drain'), { accepted: true });
  assert.equal((await client.waitForClose()).code, 1012);
  assert.deepEqual(await server.waitForExit(), { code: 0, signal: null });
});

test('a node that is to go says so, and is asked about as before', async (t) => {
  const server = await start({ t, set: [...adminSet, 'server.stop-delay=10m'] });
  const admin = adminOf(server);
  await admin.post('drain');
  await until(async () => (await admin.get('status')).state === 'draining', 'the node saying so');
  assert.equal((await admin.get('nodes')).nodes[0].state, 'draining');
  await admin.refused(503, 'stopping', 'POST', 'drain');
  await server.kill();
});


test('operators are let in when clients have used up max-connections', async (t) => {
  const server = await start({ t, set: [...adminSet, 'limits.max-connections=2'] });
  let refused = '';
  await until(() => { // others may not have left yet
    const socket = net.connect(server.httpPort, '127.0.0.1').on('error', () => {}).on('data', (bytes) => { refused += bytes; });
    t.after(() => socket.destroy());
    return refused;
  }, 'nobody being let in any more');
  assert.match(refused, /^HTTP\/1.1 503 /);
  const status = await adminOf(server).get('status');
  assert.deepEqual([status.connections, status.counters.connections_refused > 0], [3, true]);
});

// --- a cluster --------------------------------------------------------------------------------

async function cluster(t, names, options = {}) {
  const redis = await startRedis({ t });
  const nodes = await Promise.all(names.map((name, i) => startNode({
    t, name, redis, patient: true, set: [...users, 'admin.beat-interval=1s', ...(i < 2 ? adminSet : []), ...options.set ?? []] })));
  for (const node of nodes) await waitReady(node);
  return { redis, nodes, admins: nodes.slice(0, 2).map((node) => adminOf(node)) };
}

test('nodes know each other, those without [admin] too, and who is gone', async (t) => {
  const { redis, nodes, admins } = await cluster(t, ['n1', 'n2', 'n3']);
  const client = await stomp(nodes[2], { t });
  const known = (admin) => until(async () => {
    const { nodes: list } = await admin.get('nodes');
    return list.length === 3 && list[2].sessions === 1 && list;
  }, 'all nodes being known');
  await known(admins[0]);
  const list = await known(admins[1]);
  assert.deepEqual(list.map((each) => [each.node, each.self, each.state, each.broker]),
    [['n1', false, 'ready', 'up'], ['n2', true, 'ready', 'up'], ['n3', false, 'ready', 'up']]);
  assert.ok(list.every((each) => each.seen_ms_ago < 60000 && each.uptime_ms > 0 && each.version));

  // What is told to one node happens on all.
  await admins[0].post('kick', { session: idOf(client), message: 'from afar' });
  await client.expect('ERROR', { message: 'from afar' });
  const tail = await admins[0].tail('/topic/a');
  (await stomp(nodes[1], { t })).send('/topic/a', 'over there');
  assert.equal((await tail.event('message')).body, 'over there');
  tail.close();

  await nodes[2].kill();
  await until(async () => (await admins[0].get('nodes')).nodes.length === 2, 'n3 being gone');
  await redis.kill();
  const down = await until(async () => {
    const status = await admins[0].get('status');
    return status.warnings.length > 0 && status;
  }, 'a warning');
  assert.deepEqual([down.state, down.broker.state], ['not-ready', 'down']);
  assert.match(down.warnings[0].text, /^the broker is unavailable: ./);
  assert.match(down.warnings[0].since, /^\d{4}-\d\d-\d\dT.*Z$/);
  await admins[0].refused(503, 'broker-down', 'POST', 'kick', { body: '{"session":"x"}' });
  await redis.start();
  await until(async () => (await admins[0].get('status')).warnings.length === 0, 'the warning being taken back');
});

test('two nodes of one name notice it, with [admin] and without', async (t) => {
  const { nodes, admins } = await cluster(t, ['same', 'other', 'same']);
  for (const node of [nodes[0], nodes[2]]) await node.waitForLine(/warn cluster: another node has this one's name, 'same': process \d+ on host/);
  await until(async () => (await admins[0].get('status')).warnings.some((each) => each.id === 'twin'), 'the warning');
  await until(async () => (await admins[1].get('nodes')).nodes.map((each) => each.node).join() === 'other,same,same', 'both being known');
  await until(async () => (await admins[1].get('status')).warnings.length === 0, 'the other having nothing to warn of');
});

// --- the documentation ------------------------------------------------------------------------

test('what docs/admin.md shows is there, and its commands do what it says', async (t) => {
  const server = await start({ t, set: [...adminSet, ...users] });
  const admin = adminOf(server);
  const text = readFileSync(join(root, 'docs/admin.md'), 'utf8');
  const client = await stomp(server, as('ada', { t }));
  await client.subscribe('/topic/news');
  const paths = [...text.matchAll(/^## .*`(GET|POST) (\/admin\/api\/[a-z]+)`$/gm)];
  assert.equal(paths.length, 10);
  for (const [, method, path] of paths) {
    const answer = await admin.ask(method === 'GET' ? 'POST' : 'GET', path);
    assert.deepEqual([answer.status, answer.headers.allow.startsWith(method)], [405, true], path);
  }
  const status = await admin.get('status');
  for (const [, list] of text.matchAll(/^\| (`[a-z_`, ]+`) \| .*\|$/gm))
    if (/`(node|uptime_ms|state|broker|rates|warnings|counters|connections)`/.test(list)) for (const [, name] of list.matchAll(/`([a-z_]+)`/g)) if (name !== 'broker' || list === '`broker`') assert.ok(name in status, name);
  // The members of its examples are those of the answers.
  const example = (name) => JSON.parse(text.match(new RegExp(`\`\`\`json\\n(\\{"${name}":[^]*?)\`\`\``))[1]);
  const members = (value) => Object.keys(value).sort();
  for (const name of ['nodes', 'clients', 'topics'])
    assert.deepEqual(members((await admin.get(name))[name][0]), members(example(name)[name][0]), name);

  const commands = [...text.matchAll(/```sh\n([^]*?)```/g)].map((found) => found[1]);
  assert.equal(commands.length, 4);
  for (const command of commands) {
    const child = spawn('sh', ['-c', `exec ${command}`], { env: { ...process.env, ADMIN: `127.0.0.1:${admin.where.port}`, TOKEN } });
    t.after(() => child.kill());
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => { out += piece; });
    const closed = new Promise((done) => { child.on('close', done); });
    if (command.includes('tail')) {
      await until(() => out.includes(': ready'), 'the tail being open');
      client.send('/topic/news', 'hello', { 'content-type': 'text/plain' });
      await until(() => out.includes(text.match(/^data: .*$/m)[0]), 'the message of the example');
      child.kill();
    } else {
      assert.equal(await within(closed, 5000, command), 0);
      assert.ok(!('code' in JSON.parse(out)), `${command}: ${out}`);
    }
    await closed;
  }
  await client.next();
  await client.expect('ERROR', { message: 'maintenance' });
});
