// Who is let in: limits per client address, and what proxies say about who their clients are.

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';

import { sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';
import { Wire, upgradeRequest } from './lib/wire.mjs';

const READY = 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n';
const TRUSTED = 'trusted-proxies=127.0.0.0/8';

// The header of version 2 for a client at an IPv4 or IPv6 address given as bytes.
function v2(address, { command = 1, extra = Buffer.alloc(0) } = {}) {
  const addresses = address.length === 4 ? Buffer.alloc(12) : Buffer.alloc(36);
  Buffer.from(address).copy(addresses);
  addresses.writeUInt16BE(4711, address.length === 4 ? 8 : 32);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(addresses.length + extra.length);
  return Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), Buffer.from([0x20 | command, address.length === 4 ? 0x11 : 0x21]), length, addresses, extra]);
}
const v1 = (address, family = 'TCP4', target = '198.51.100.1') => Buffer.from(`PROXY ${family} ${address} ${target} 4711 443\r\n`);

// A request on a connection of its own, which stays open.
async function ask(server, t, bytes = READY, from) {
  const wire = await Wire.open(server.httpPort, t, from);
  wire.write(bytes);
  return { wire, response: await wire.response() };
}

describe('limits per address', { concurrency: 4 }, () => {
  test('max-address-connections', async (t) => {
    const server = await start({ t, tcp: true, set: ['limits.max-address-connections=3'] });
    const kept = [await ask(server, t), await ask(server, t), await stomp(server, { t, transport: 'tcp' })];
    const refused = await ask(server, t, '');
    assert.equal(refused.response.status, 429);
    assert.equal(refused.response.headers['retry-after'], '1');
    assert.equal(refused.response.body, 'Too many connections from this address.\n');
    const tcp = await open(server, { t, transport: 'tcp' });
    assert.equal((await tcp.expect('ERROR')).headers.message, 'too many connections from this address');
    await tcp.waitForClose();
    const other = await ask(server, t, READY, '127.0.0.2'); // another address is another client
    assert.equal(other.response.status, 200);
    const stats = await server.stats();
    assert.equal(stats.refused_address, 2);
    assert.equal(stats.connections, 4);
    kept[0].wire.destroy();
    await until(async () => (await server.stats()).connections === 3, 'a free place');
    const client = await stomp(server, { t });
    client.terminate();
    await until(async () => (await server.stats()).connections === 3, 'a free place again');
    assert.equal((await ask(server, t)).response.status, 200);
  });

  test('max-address-rate', async (t) => {
    const server = await start({ t, set: ['limits.max-address-rate=60'] });
    for (let i = 0; i < 60; i++) (await ask(server, t)).wire.destroy();
    let refused = 0;
    for (let i = 0; i < 20; i++) refused += (await ask(server, t)).response.status === 429;
    assert.ok(refused >= 10, `${refused} of 20 refused`);
    assert.equal((await server.stats()).refused_rate, refused);
    await until(async () => (await ask(server, t)).response.status === 200, 'a connection after a while', 20000);
  });

  test('the clients of a trusted proxy count by their own addresses', async (t) => {
    const server = await start({ t, set: [`http.${TRUSTED}`, 'limits.max-address-connections=2'] });
    const upgrade = (forwarded) => ask(server, t, upgradeRequest({ headers: { 'X-Forwarded-For': forwarded } }));
    for (const [forwarded, status] of [
      ['192.0.2.1', 101], ['192.0.2.1', 101], ['192.0.2.1', 429], ['203.0.113.9, 192.0.2.1', 429], // what stands before is made up
      ['192.0.2.1, 127.0.0.3', 429], ['192.0.2.2', 101], ['192.0.2.2:4711', 101], ['192.0.2.2', 429],
      ['2001:db8::1', 101], ['[2001:db8::ffff]:4711', 101], ['2001:db8::2', 429], ['2001:db8:0:1::1', 101],
    ]) assert.equal((await upgrade(forwarded)).response.status, status, forwarded);
    // Requests that are no upgrades are the proxy's.
    for (let i = 0; i < 5; i++) assert.equal((await ask(server, t)).response.status, 200);
  });

  test('a SockJS session is a connection of its client, by a trusted proxy too', async (t) => {
    const server = await start({ t, set: [`http.${TRUSTED}`, 'endpoint /ws.sockjs-disconnect-delay=2s', 'limits.max-address-connections=2'] });
    const proxy = await Wire.open(server.httpPort, t);
    const poll = async (session, forwarded, action = 'xhr') => {
      proxy.write(`POST /ws/000/${session}/${action} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n${forwarded ? `X-Forwarded-For: ${forwarded}\r\n` : ''}\r\n`);
      return proxy.response();
    };
    for (const [session, forwarded, status] of [
      ['a', '192.0.2.1', 200], ['b', '192.0.2.1', 200], ['c', '192.0.2.1', 429], ['c', '203.0.113.9, 192.0.2.1', 429],
      ['c', '192.0.2.2', 200], ['d', '2001:db8::1', 200], ['e', '2001:db8::2', 200], ['f', '2001:db8::3', 429],
      ['none', '192.0.2.1', 404],
    ]) assert.equal((await poll(session, forwarded, session === 'none' ? 'xhr_send' : 'xhr')).status, status, `${session} ${forwarded}`);
    // A WebSocket of the same client finds no place either, and one session's end makes one.
    const upgrade = () => ask(server, t, upgradeRequest({ headers: { 'X-Forwarded-For': '192.0.2.1' } }));
    assert.equal((await upgrade()).response.status, 429);
    const refused = await poll('g', '192.0.2.1');
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], '1');
    assert.match(refused.headers['cache-control'], /no-store/);
    assert.equal((await server.stats()).refused_address, 5);
    await until(async () => (await upgrade()).response.status === 101, 'a free place', 20000);
  });

  test('one socket does not begin more SockJS sessions than its client may have', async (t) => {
    const server = await start({ t, set: ['limits.max-address-connections=3'] });
    const wire = await Wire.open(server.httpPort, t);
    const statuses = [];
    for (const session of ['a', 'b', 'c', 'd']) {
      wire.write(`POST /ws/000/${session}/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
      statuses.push((await wire.response()).status);
    }
    assert.deepEqual(statuses, [200, 200, 429, 429]); // beside the socket
  });

  test('a client that is not a proxy cannot choose its address', async (t) => {
    const server = await start({ t, set: ['limits.max-address-connections=1'] });
    assert.equal((await ask(server, t, upgradeRequest({ headers: { 'X-Forwarded-For': '192.0.2.1' } }))).response.status, 101);
    assert.equal((await ask(server, t, upgradeRequest({ headers: { 'X-Forwarded-For': '192.0.2.2' } }))).response.status, 429);
  });
});

describe('the PROXY protocol', { concurrency: 4 }, () => {
  const set = [`http.${TRUSTED}`, 'http.proxy-protocol=on', `tcp.${TRUSTED}`, 'tcp.proxy-protocol=on'];

  test('both versions, at once and byte by byte, over HTTP and TCP', async (t) => {
    const server = await start({ t, tcp: true, set });
    const headers = [v1('192.0.2.1'), v1('2001:db8::1', 'TCP6', '::1'), Buffer.from('PROXY UNKNOWN\r\n'), Buffer.from('PROXY UNKNOWN a b c d\r\n'),
      v2([192, 0, 2, 1]), v2(Array(16).fill(1)), v2([0, 0, 0, 0], { command: 0 }), v2([192, 0, 2, 1], { extra: Buffer.alloc(200) })];
    for (const header of headers) {
      assert.equal((await ask(server, t, Buffer.concat([header, Buffer.from(READY)]))).response.status, 200, String(header));
      const wire = await Wire.open(server.tcpPort, t);
      for (const byte of header) { await wire.write(Buffer.from([byte])); await sleep(1); }
      wire.write('CONNECT\naccept-version:1.2\n\n\0');
      await wire.when(() => (wire.buffer.includes('CONNECTED\n') ? true : undefined), 5000, 'CONNECTED');
    }
  });

  test('no header, or a broken one: closed, counted and said once', async (t) => {
    const server = await start({ t, set });
    const bad = [READY, 'PROXY TCP4 192.0.2.1 198.51.100.1 4711\r\n', 'PROXY TCP4 192.0.2.300 198.51.100.1 1 2\r\n', 'PROXY TCP5 a b 1 2\r\n',
      `PROXY UNKNOWN ${'x'.repeat(200)}`, 'PROXY TCP4 192.0.2.1 198.51.100.1 70000 1\r\n', v2([1, 2, 3, 4]).fill(0x31, 12, 13)];
    for (const bytes of bad) {
      const wire = await Wire.open(server.httpPort, t);
      wire.write(bytes);
      await wire.waitForEnd();
      assert.equal(wire.buffer.length, 0);
    }
    assert.equal((await server.stats()).refused_proxy, bad.length);
    assert.equal(server.log.filter((line) => /sends no PROXY header/.test(line)).length, 1);
  });

  test('half a header has connect-timeout, and costs no CPU', async (t) => {
    const server = await start({ t, set: [...set, 'limits.connect-timeout=2s'] });
    const wire = await Wire.open(server.httpPort, t);
    wire.write('PROXY TCP4');
    await sleep(300);
    const before = server.cpu();
    await sleep(1000);
    assert.ok(server.cpu() - before < 0.2);
    await wire.waitForEnd(30000);
    const closed = await Wire.open(server.httpPort, t);
    await closed.write('PROXY');
    closed.end();
    await closed.waitForEnd();
  });

  test('the address it names is what counts; others come in without one', async (t) => {
    const server = await start({ t, set: ['http.trusted-proxies=127.0.0.1', 'http.proxy-protocol=on', 'limits.max-address-connections=1'] });
    const from = (address) => ask(server, t, Buffer.concat([v1(address), Buffer.from(READY)]));
    assert.equal((await from('192.0.2.1')).response.status, 200);
    assert.equal((await from('192.0.2.1')).response.status, 429);
    assert.equal((await from('192.0.2.2')).response.status, 200);
    assert.equal((await ask(server, t, READY, '127.0.0.9')).response.status, 200); // no proxy
    const liar = await ask(server, t, Buffer.concat([v1('192.0.2.7'), Buffer.from(READY)]), '127.0.0.8');
    assert.equal(liar.response.status, 400);
  });

  test('proxy-protocol without trusted-proxies does not start', async () => {
    const server = await start({ ready: false, set: ['http.proxy-protocol=on'] });
    const { code } = await server.ended;
    assert.equal(code, 78);
    assert.match(server.log.join('\n'), /\[http\] proxy-protocol: 'on' needs 'trusted-proxies'/);
  });
});
