// auth-jwt with keys from a URL: rotation, unknown keys, a provider that stalls, lies, sends HTML and
// dies, https, discovery, and a real provider (npm oidc-provider).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { exportJWK, generateKeyPair } from 'jose';

import { makeKey, startIdp } from './lib/idp.mjs';
import { sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

// A server that takes tokens of the provider for "chat".
function serverFor(t, idp, options = {}, more = {}) {
  const all = { issuer: idp.issuer, 'jwks-url': idp.jwksUrl, audience: 'chat', 'jwks-cooldown': '300ms', 'jwks-timeout': '1s', ...options };
  for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name];
  return start({
    t, ...more, set: ['auth.plugins=jwt', ...Object.entries(all).map(([k, v]) => `auth.jwt.${k}=${v}`), ...(more.set ?? [])],
  });
}

const tokenOf = (idp, claims = {}, options = {}) => idp.token({ aud: 'chat', ...claims }, options);

// 'CONNECTED' or the error-code.
async function outcome(server, token, t) {
  const client = await open(server, { t });
  client.frame('CONNECT', { 'accept-version': '1.2', 'heart-beat': '0,0', ...bearer(token) });
  const frame = await client.next(20000);
  client.terminate();
  return frame.command === 'CONNECTED' ? 'CONNECTED' : frame.headers['error-code'];
}

test('a hard rotation: one fetch brings the new key, the old one is gone, sessions stay', async (t) => {
  const idp = await startIdp({ t });
  const server = await serverFor(t, idp);
  const old = idp.key;
  assert.equal(idp.jwksRequests, 1);
  const live = await stomp(server, { t, connect: bearer(await tokenOf(idp)) });
  await idp.rotate();
  const tokens = await Promise.all(Array.from({ length: 20 }, () => tokenOf(idp)));
  // all at once: they wait for the same fetch
  const outcomes = await Promise.all(tokens.map((token) => outcome(server, token, t)));
  assert.deepEqual(new Set(outcomes), new Set(['CONNECTED']));
  assert.equal(idp.jwksRequests, 2);
  assert.equal(await outcome(server, await tokenOf(idp, {}, { key: old }), t), 'authentication-failed');
  await live.subscribe('/topic/still-there');
  const stats = await server.stats();
  assert.equal(stats['auth.jwt.waiting'], 0);
  assert.equal(stats['auth.jwt.keys_failed'], 0);
});

test('keys without a kid: a signature that is wrong may mean a new key', async (t) => {
  const idp = await startIdp({ t, alg: 'ES256' });
  for (const key of idp.keys) { delete key.jwk.kid; key.kid = undefined; }
  const server = await serverFor(t, idp);
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
  const key = await idp.rotate();
  delete key.jwk.kid;
  key.kid = undefined;
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
  assert.equal(idp.jwksRequests, 2);
});

test('unknown keys cost at most one fetch in a while, and each only once', async (t) => {
  const idp = await startIdp({ t });
  const server = await serverFor(t, idp, { 'jwks-cooldown': '500ms' });
  const stranger = await makeKey('RS256', 'stranger');
  const before = Date.now();
  for (let i = 0; i < 40; i += 1) {
    const key = { ...stranger, kid: `made-up-${i}` };
    assert.equal(await outcome(server, await tokenOf(idp, {}, { key }), t), 'authentication-failed');
  }
  const allowed = 2 + Math.floor((Date.now() - before) / 500);
  assert.ok(idp.jwksRequests <= 1 + allowed, `${idp.jwksRequests} requests, ${allowed} allowed`);
  // the same one again and again: once
  await sleep(700);
  await outcome(server, await tokenOf(idp, {}, { key: stranger }), t);
  const requests = idp.jwksRequests;
  for (let i = 0; i < 3; i += 1) {
    await sleep(600);
    assert.equal(await outcome(server, await tokenOf(idp, {}, { key: stranger }), t), 'authentication-failed');
  }
  assert.equal(idp.jwksRequests, requests);
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
});

for (const [mode, pattern] of [
  ['html', /not JSON \(text\/html;%20charset=utf-8\)/], ['garbage', /no key set: it is not JSON/], ['empty', /this key set is empty/],
  ['error', /answered with status 503/], ['huge', /longer than 512 KB/], ['redirect', /status 302, and redirects are not followed/],
  ['stall', /timed out/i], ['cut', /empty reply|reset|failure/i],
]) {
  test(`a provider that answers with ${mode}: the keys at hand stay, and it is seen when it is over`, async (t) => {
    const idp = await startIdp({ t });
    const server = await serverFor(t, idp, { 'jwks-refresh': '1s' });
    const token = await tokenOf(idp);
    assert.equal(await outcome(server, token, t), 'CONNECTED');
    idp.mode = mode;
    const line = await server.waitForLine(/warn auth\.jwt: no keys from /, { ms: 15000 });
    assert.match(line, pattern);
    assert.match(line, /those at hand stay$/);
    assert.equal(await outcome(server, token, t), 'CONNECTED');
    assert.equal((await server.stats())['auth.jwt.keys_current'], 0);
    await idp.rotate();
    idp.mode = 'ok';
    await server.waitForLine(/1 keys from \S+ again after \d+ s/, { ms: 15000 });
    assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
    const stats = await server.stats();
    assert.equal(stats['auth.jwt.keys_current'], 1);
    assert.ok(stats['auth.jwt.keys_failed'] >= 1);
  });
}

test('a provider that is dead at the start: the server runs, tokens wait for nobody, and all is well once it lives', async (t) => {
  const idp = await startIdp({ t });
  const { port } = idp;
  await idp.die();
  const server = await serverFor(t, idp);
  await server.waitForLine(/no keys from http:\/\/localhost:\d+\/keys: .*; tokens cannot be verified/);
  const token = await tokenOf(idp);
  assert.equal(await outcome(server, token, t), 'authentication-unavailable');
  const fresh = await startIdp({ t });
  fresh.keys = idp.keys;
  await fresh.die();
  fresh.server = http.createServer((request, response) => fresh.onRequest(request, response));
  await fresh.start(port);
  await server.waitForLine(/1 keys from \S+ again after/, { ms: 20000 });
  assert.equal(await outcome(server, token, t), 'CONNECTED');
});

test('a provider that stalls at the start: the start is not held up for long, those who come wait', async (t) => {
  const idp = await startIdp({ t });
  idp.mode = 'stall';
  const server = await serverFor(t, idp, { 'jwks-timeout': '8s' }, { ready: false });
  await server.waitForLine(/no answer with keys yet: starting without/, { ms: 20000 });
  await server.waitForLine(/(: |")ready(:|"|$)/, { ms: 20000 });
  const waiting = outcome(server, await tokenOf(idp), t);
  await until(async () => (await server.stats())['auth.jwt.waiting'] === 1, 'a token that waits');
  idp.mode = 'ok';
  // the stalled fetch ends by its limit; whoever waited for it is told so
  assert.equal(await waiting, 'authentication-unavailable');
  await server.waitForLine(/1 keys from \S+ again after/, { ms: 20000 });
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
  idp.mode = 'stall'; // and the end of the server is not held up by a fetch either
  const stranger = await makeKey('RS256', 'stranger');
  outcome(server, await tokenOf(idp, {}, { key: stranger }), t).catch(() => {});
  await until(() => idp.jwksRequests >= 3, 'the last fetch', 15000);
  await server.stop();
});

test('max-age of the answer counts instead of the interval, within bounds', async (t) => {
  const idp = await startIdp({ t, headers: { 'cache-control': 'public, max-age=1, must-revalidate' } });
  const server = await serverFor(t, idp, { 'jwks-refresh': '1s' });
  await sleep(3500);
  assert.equal(idp.jwksRequests, 1, 'less than a minute is not obeyed');
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
  const none = await startIdp({ t, headers: { 'cache-control': 'no-cache, no-store, max-age=0' } });
  await serverFor(t, none, { 'jwks-refresh': '1s' });
  await until(() => none.jwksRequests >= 3, 'the interval', 15000);
});

test('discovery: the issuer alone is enough, and must be the one that was asked', async (t) => {
  const idp = await startIdp({ t });
  const server = await serverFor(t, idp, { 'jwks-url': undefined });
  assert.deepEqual(idp.requests, ['/.well-known/openid-configuration', '/keys']);
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
  assert.equal(await outcome(server, await tokenOf(idp, { iss: `${idp.issuer}/` }), t), 'authentication-failed');

  idp.claimedIssuer = `${idp.issuer}/other`;
  const other = await serverFor(t, idp, { 'jwks-url': undefined });
  await other.waitForLine(/the discovery document is of the issuer \S+\/other, not of http:\/\/localhost:\d+;/);
  assert.equal(await outcome(other, await tokenOf(idp), t), 'authentication-unavailable');

  idp.claimedIssuer = undefined;
  idp.claimedJwksUrl = 'http://keys.example/keys';
  const plain = await serverFor(t, idp, { 'jwks-url': undefined });
  await plain.waitForLine(/the jwks_uri that discovery names: http:\/\/keys\.example\/keys is not https/);

  idp.claimedJwksUrl = undefined;
  idp.claimedIssuer = `${idp.issuer}/`;
  const slash = await serverFor(t, idp, { 'jwks-url': undefined, issuer: `${idp.issuer}/` });
  assert.equal(await outcome(slash, await tokenOf(idp, { iss: `${idp.issuer}/` }), t), 'CONNECTED');
});

test('https is verified', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-jwks-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const make = (name) => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`)], { stdio: 'ignore' });
    return { key: join(dir, `${name}.key`), cert: join(dir, `${name}.crt`) };
  };
  const tls = make('localhost');
  const idp = await startIdp({ t, tls });
  const server = await serverFor(t, idp, { 'ca-file': tls.cert });
  assert.equal(await outcome(server, await tokenOf(idp), t), 'CONNECTED');
  const unknown = await serverFor(t, idp);
  await unknown.waitForLine(/no keys from https:\/\/localhost:\d+\/keys: .*certificate/i);
  assert.equal(await outcome(unknown, await tokenOf(idp), t), 'authentication-unavailable');
  const wrong = make('elsewhere');
  const liar = await startIdp({ t, tls: wrong });
  const deceived = await serverFor(t, liar, { 'ca-file': wrong.cert });
  await deceived.waitForLine(/no keys from https:\/\/localhost:\d+\/keys: .*(subject|name)/i);
});

// ---- npm oidc-provider

async function startProvider(t) {
  const { default: Provider } = await import('oidc-provider');
  const keys = await Promise.all(['RS256', 'ES256', 'PS256', 'EdDSA'].map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...await exportJWK(privateKey), use: 'sig', ...(alg === 'PS256' ? { alg } : {}) };
  }));
  const server = http.createServer((request, response) => callback(request, response));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clients: [{
      client_id: 'service', client_secret: 'service-secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    extraTokenClaims: () => ({ roles: ['SERVICE'] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'publish read', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300,
          jwt: { sign: { alg: new URL(resource).searchParams.get('alg') ?? 'RS256' } },
        }),
      },
    },
  });
  let failed = ''; // it tells its clients nothing
  provider.on('server_error', (ctx, error) => { failed = error.stack; });
  const callback = provider.callback();
  const token = async (resource, scope = 'publish') => {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('service:service-secret').toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...(resource ? { resource, scope } : {}) }),
    });
    const body = await response.json();
    assert.ok(body.access_token, `${JSON.stringify(body)} ${failed}`);
    return body.access_token;
  };
  return { issuer, token };
}

test('npm oidc-provider: discovery, its keys, and its access tokens of each algorithm', async (t) => {
  for (const level of ['warn', 'info']) t.mock.method(console, level, () => {}); // it advises on its runtime
  const provider = await startProvider(t);
  const algs = ['RS256', 'ES256', 'PS256', 'EdDSA'];
  const resource = (alg) => `https://chat.example/?alg=${alg}`;
  const server = await start({
    t,
    set: ['auth.plugins=jwt', `auth.jwt.issuer=${provider.issuer}`, `auth.jwt.audience=${algs.map(resource).join(', ')}`,
      'auth.jwt.client=service', 'auth.jwt.roles=scope, roles', 'auth.jwt.explain=on', 'auth.on-denied=keep',
      'access.a=subscribe /topic/a if role publish', 'access.b=send /topic/a if role SERVICE'],
  });
  for (const alg of algs) {
    const token = await provider.token(resource(alg));
    const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
    assert.equal(header.alg, alg);
    assert.equal(header.typ, 'at+jwt');
    const client = await stomp(server, { t, connect: bearer(token) });
    assert.equal(client.session.headers['user-name'], 'service');
    await client.subscribe('/topic/a');
    client.send('/topic/a', alg);
    assert.equal((await client.expect('MESSAGE')).body, alg);
    client.terminate();
  }
  // without a resource its tokens are opaque
  const opaque = await provider.token();
  const client = await open(server, { t });
  client.frame('CONNECT', { 'accept-version': '1.2', ...bearer(opaque) });
  assert.match((await client.expect('ERROR')).headers.message, /^opaque token: ask the provider for a JWT/);
  // and one for somebody else
  const elsewhere = await open(server, { t });
  elsewhere.frame('CONNECT', { 'accept-version': '1.2', ...bearer(await provider.token('https://mail.example/')) });
  assert.equal((await elsewhere.expect('ERROR')).headers.message, 'wrong token audience');
  assert.ok(!server.log.some((line) => line.includes(opaque)));
});
