// auth-jwt over the wire: tokens made by independent libraries, where they are looked for, what is
// said about those that are refused, renewal, and options that cannot be right.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import jsonwebtoken from 'jsonwebtoken';

import { makeKey, makeToken, nowS, spoil } from './lib/idp.mjs';
import { build, root, run, sleep, start, until } from './lib/server.mjs';
import { open, stomp } from './lib/stomp.mjs';

const SECRET = 'a secret that is long enough for HS512: sixty-four bytes or more.';
const secretKey = (alg = 'HS256', secret = SECRET) => ({ alg, secret: new TextEncoder().encode(secret) });

function temporary(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-jwt-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// A server with the plugin; options: its own, { secret: ... }; set: others.
function jwtServer(t, options, { set = [], ...more } = {}) {
  return start({
    t, ...more, set: ['auth.plugins=jwt', ...Object.entries(options).map(([k, v]) => `auth.jwt.${k}=${v}`), ...set],
  });
}

// CONNECT with these headers; gives the CONNECTED or the ERROR frame, and the close code.
async function connect(server, headers, { t, ...options } = {}) {
  const client = await open(server, { t, ...options });
  client.frame('CONNECT', { 'accept-version': '1.2', 'heart-beat': '0,0', ...headers });
  const frame = await client.next(15000);
  if (frame.command === 'ERROR') await client.waitForClose();
  return { client, frame, headers: frame.headers, code: client.closed?.code };
}

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

async function accepted(server, headers, options) {
  const { client, frame } = await connect(server, headers, options);
  assert.equal(frame.command, 'CONNECTED', `${JSON.stringify(frame.headers)}\n${server.tail()}`);
  client.terminate();
  return frame.headers;
}

async function refused(server, headers, { message = 'authentication failed', code = 'authentication-failed', ...options } = {}) {
  const { frame } = await connect(server, headers, options);
  assert.equal(frame.command, 'ERROR');
  assert.equal(frame.headers.message, message);
  assert.equal(frame.headers['error-code'], code);
  return frame;
}

test('tokens of npm jose with every algorithm, keys in a JWK set', async (t) => {
  const dir = temporary(t);
  const algs = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
  const keys = await Promise.all(algs.map((alg) => makeKey(alg)));
  writeFileSync(join(dir, 'keys.json'), JSON.stringify({ keys: keys.map((key) => key.jwk) }));
  const server = await jwtServer(t, { 'jwks-file': join(dir, 'keys.json'), audience: 'chat' });
  for (const key of keys) {
    const token = await makeToken(key, { sub: `user of ${key.alg}`, aud: ['other', 'chat'] });
    const headers = await accepted(server, bearer(token), { t });
    assert.equal(headers['user-name'], `user of ${key.alg}`);
    assert.ok(Math.abs(Number(headers['expires-at']) - (nowS() + 360) * 1000) < 60000, headers['expires-at']);
    await refused(server, bearer(spoil(token)), { t });
  }
  const ed = keys.at(-1);
  await accepted(server, bearer(await makeToken(ed, { aud: 'chat' }, { alg: 'Ed25519', kid: undefined })), { t });
  const stats = await server.stats();
  assert.equal(stats['auth.jwt.accepted'], algs.length + 1);
  assert.equal(stats['auth.jwt.refused_signature'], algs.length);
  assert.equal(stats['auth.jwt.keys'], algs.length);
});

test('tokens of npm jose and of jsonwebtoken with a secret', async (t) => {
  const server = await jwtServer(t, { secret: SECRET });
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    await accepted(server, bearer(await makeToken(secretKey(alg))), { t });
    await accepted(server, bearer(jsonwebtoken.sign({ sub: 'bob' }, SECRET, { algorithm: alg, expiresIn: 60 })), { t });
    await accepted(server, bearer(jsonwebtoken.sign({ sub: 'bob' }, SECRET, { algorithm: alg, expiresIn: 60, keyid: 'a thumbprint' })), { t });
    await refused(server, bearer(await makeToken(secretKey(alg, `${SECRET}x`))), { t });
  }
  await refused(server, bearer(jsonwebtoken.sign({ sub: 'bob' }, null, { algorithm: 'none' })), { t });
});

test('a token of jsonwebtoken with a PEM file and a certificate', async (t) => {
  const dir = temporary(t);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(join(dir, 'rsa.pem'), publicKey);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=signer', '-keyout', join(dir, 'ec.key'), '-out', join(dir, 'ec.crt')], { stdio: 'ignore' });
  const ecKey = execFileSync('cat', [join(dir, 'ec.key')]).toString();
  const server = await jwtServer(t, { 'public-key': `${join(dir, 'rsa.pem')}, ${join(dir, 'ec.crt')}`, audience: 'chat' });
  for (const algorithm of ['RS256', 'RS512', 'PS384']) {
    await accepted(server, bearer(jsonwebtoken.sign({ sub: 'a', aud: 'chat' }, privateKey, { algorithm, expiresIn: 60, keyid: 'x' })), { t });
  }
  await accepted(server, bearer(jsonwebtoken.sign({ sub: 'a', aud: 'chat' }, ecKey, { algorithm: 'ES256', expiresIn: 60 })), { t });
  // the public key is no secret
  const input = [{ alg: 'HS256' }, { sub: 'a', aud: 'chat', exp: nowS() + 60 }].map((o) => Buffer.from(JSON.stringify(o)).toString('base64url')).join('.');
  const forged = `${input}.${createHmac('sha256', publicKey).update(input).digest('base64url')}`;
  await refused(server, bearer(forged), { t });
});

test('the token of a Spring service: HS256 with sub, userId, roles, type, jti', async (t) => {
  const server = await jwtServer(t, {
    secret: SECRET, require: 'type=access', attributes: 'userId', explain: 'on',
  }, {
    set: ['access.own=subscribe, send /topic/users/{id} if {id} == claim:userId', 'access.admin=subscribe /topic/admin if role ADMIN', 'auth.on-denied=keep'],
  });
  const claims = { sub: 'alice@example.org', userId: 4711, roles: ['USER'], type: 'access', jti: 'c0ffee' };
  const client = await stomp(server, { t, connect: bearer(await makeToken(secretKey(), claims, { typ: 'JWT' })) });
  assert.equal(client.session.headers['user-name'], 'alice@example.org');
  await client.subscribe('/topic/users/4711');
  client.send('/topic/users/4711', 'mine');
  assert.equal((await client.expect('MESSAGE')).body, 'mine');
  for (const destination of ['/topic/users/4712', '/topic/admin']) {
    client.frame('SUBSCRIBE', { id: 'x', destination });
    assert.equal((await client.expect('ERROR')).headers['error-code'], 'access-denied');
  }
  const admin = await stomp(server, { t, connect: bearer(await makeToken(secretKey(), { ...claims, roles: ['USER', 'ADMIN'] })) });
  await admin.subscribe('/topic/admin');
  await refused(server, bearer(await makeToken(secretKey(), { ...claims, type: 'refresh' })), { t, message: 'a required claim is missing or wrong' });
});

test('where tokens are looked for, and where not', async (t) => {
  const token = await makeToken(secretKey());
  const bad = spoil(token);
  const server = await jwtServer(t, { secret: SECRET }, { tcp: true });
  const ways = [
    { authorization: `bearer ${token}` }, { AUTHORIZATION: `BEARER  ${token} ` }, { Authorization: token },
    { login: 'alice', passcode: token }, { passcode: `Bearer ${token}` },
  ];
  for (const headers of ways) {
    await accepted(server, headers, { t });
    await accepted(server, headers, { t, transport: 'tcp' });
  }
  await accepted(server, {}, { t, headers: { authorization: `Bearer ${token}` } });
  // the order: header, passcode, handshake
  await refused(server, { ...bearer(bad), passcode: token }, { t });
  await accepted(server, { ...bearer(token), passcode: bad }, { t });
  await refused(server, bearer(bad), { t, headers: { authorization: `Bearer ${token}` } });
  // nothing that is a token
  const none = { code: 'authentication-required', message: 'authentication required' };
  const ask = async (headers, options) => {
    const { frame } = await connect(server, headers, { t, ...options });
    assert.equal(frame.command, 'ERROR');
    assert.equal(frame.headers['error-code'], none.code, JSON.stringify(frame.headers));
  };
  await ask({});
  await ask({ Authorization: 'Basic YWxpY2U6c2VjcmV0' });
  await ask({ login: 'alice', passcode: 'a.b.c' });
  await ask({ token });
  await ask({}, { path: `/ws?access_token=${token}` });
  await ask({}, { headers: { cookie: `access_token=${token}` } });

  const other = await jwtServer(t, { secret: SECRET, sources: 'query, cookie, header', header: 'X-Token', query: 't', cookie: 'sid' });
  await accepted(other, { 'x-token': token }, { t });
  await accepted(other, {}, { t, path: `/ws?a=b&t=${token}&c` });
  await accepted(other, {}, { t, headers: { cookie: `a=b; sid="${token}"; c=d` } });
  await refused(other, { 'X-Token': token }, { t, path: `/ws?t=${bad}` });
  for (const [headers, options] of [[bearer(token), {}], [{ passcode: token }, {}], [{}, { headers: { authorization: `Bearer ${token}` } }]]) {
    const { frame } = await connect(other, headers, { t, ...options });
    assert.equal(frame.headers['error-code'], none.code);
  }
  for (const each of [server, other]) {
    assert.ok(!each.log.some((line) => line.includes(token.slice(-20)) || line.includes(bad.slice(-20))), 'a token in the log');
  }
});

// what the client is told when explain is on, by code, and a word of the log line
const explained = (key) => [
  [{ exp: nowS() - 100 }, {}, 'token expired', /expired \d+ s ago/],
  [{ nbf: nowS() + 1000 }, {}, 'token not yet valid', /valid in \d+ s/],
  [{ aud: 'mail' }, {}, 'wrong token audience', /audience is mail, expected chat/],
  [{ aud: undefined }, {}, 'wrong token audience', /names no audience/],
  [{ iss: 'https://id.example/' }, {}, 'wrong token issuer', /issuer is https:\/\/id\.example\/, expected https:\/\/id\.example \(kid RS256-1\)/],
  [{ azp: 'other' }, {}, 'token of another client', /client is other, expected web/],
  [{ exp: undefined }, {}, 'a required claim is missing or wrong', /no exp/],
  [{ typ: 'Refresh' }, {}, 'wrong kind of token', /claim typ is Refresh/],
  [{ cnf: { jkt: 'x' } }, {}, 'token is bound to a key (DPoP or mTLS)', /DPoP/],
  [{ sub: undefined }, {}, 'token names no acceptable user', /none of the user claims: sub/],
  [{}, { kid: 'no such\nkey' }, 'no key for this token', /no key fits \(RS256, kid no%20such%0Akey, 1 keys known\)/],
  [{}, { jku: 'https://evil.example/' }, 'token uses an unsupported feature', /"jku" is not accepted/],
  [{}, { typ: 'logout+jwt' }, 'wrong kind of token', /type \(typ\) is logout\+jwt/],
].map(([claims, header, message, line]) => ({
  make: () => makeToken(key, { iss: 'https://id.example', aud: 'chat', azp: 'web', ...claims }, header), message, line,
}));

test('why a token is refused: the log always says it, the client only with explain', async (t) => {
  const dir = temporary(t);
  const key = await makeKey('RS256');
  writeFileSync(join(dir, 'keys.json'), JSON.stringify({ keys: [key.jwk] }));
  const options = { 'jwks-file': join(dir, 'keys.json'), issuer: 'https://id.example', audience: 'chat', client: 'web' };
  const good = await makeToken(key, { iss: 'https://id.example', aud: 'chat', azp: 'web' });
  const cases = [
    ...explained(key),
    { make: () => spoil(good), message: 'bad token signature', line: /signature is not by the key \(RS256, kid RS256-1, 1 tried\)/ },
    { make: () => randomBytes(32).toString('base64url'), message: 'opaque token: ask the provider for a JWT (audience or resource)', line: /opaque token/ },
    { make: () => `${good}.a.b`, message: 'encrypted token (JWE): ask the provider for a signed JWT', line: /JWE/ },
    { make: () => `${good}=`, message: 'malformed token', line: /signature is not base64url/ },
    { make: () => makeToken(secretKey()), message: 'no key for this token', line: /HS256/ },
  ];
  for (const explain of ['on', 'off']) {
    const server = await jwtServer(t, { ...options, explain });
    await accepted(server, bearer(good), { t });
    for (const each of cases) {
      const token = await each.make();
      const expired = each.message === 'token expired';
      // the log line of a denial is limited in rate: each case is looked at on its own address and time
      const frame = await refused(server, bearer(token), {
        t, message: explain === 'on' || expired ? each.message === 'no key for this token' && /HS256/.test(String(each.line)) ? 'token algorithm not allowed' : each.message : 'authentication failed',
        code: expired ? 'token-expired' : 'authentication-failed',
      });
      assert.ok(!JSON.stringify(frame.headers).includes('RS256-1'));
      assert.ok(!server.log.some((line) => line.includes(token.slice(-20))), 'a token in the log');
      if (explain === 'on') await sleep(0);
    }
    // the lines that were written each tell one of the reasons, and never more than one line each
    const lines = server.log.filter((line) => / denied: /.test(line));
    assert.ok(lines.length > 0);
    for (const line of lines) assert.ok(cases.some((each) => each.line.test(line)), line);
  }
  // each line on a server of its own
  for (const each of cases.slice(0, 6)) {
    const server = await jwtServer(t, options);
    await connect(server, bearer(await each.make()), { t });
    await server.waitForLine(each.line);
    await server.stop();
  }
});

test('a token of 12 KiB passes, one over max-token-size is refused by name', async (t) => {
  const server = await jwtServer(t, { secret: SECRET, explain: 'on', roles: 'groups' });
  const groups = Array.from({ length: 500 }, (_, i) => `group-${i}-${'x'.repeat(8)}`);
  const big = await makeToken(secretKey(), { groups });
  assert.ok(big.length > 12288 && big.length < 16384, `${big.length}`);
  for (const transport of ['ws', 'tcp'].slice(0, 1)) await accepted(server, bearer(big), { t, transport });
  await accepted(server, { passcode: big }, { t });
  const huge = await makeToken(secretKey(), { pad: 'x'.repeat(12300) });
  const { frame } = await connect(server, bearer(huge), { t });
  assert.equal(frame.command, 'ERROR');
  assert.match(frame.headers.message, /token too large|max-token-size/);
  // the limit for all the other headers has not changed
  const long = await connect(server, { ...bearer(big), other: 'y'.repeat(9000) }, { t });
  assert.equal(long.frame.command, 'ERROR');
  assert.match(long.frame.headers.message, /max-header-size/);
});

test('renewal on the live session, of the same user only', async (t) => {
  const server = await jwtServer(t, { secret: SECRET, leeway: '0s' });
  const client = await stomp(server, { t, connect: bearer(await makeToken(secretKey(), { exp: nowS() + 4 })) });
  await client.subscribe('/topic/a');
  const headers = bearer(await makeToken(secretKey(), { exp: nowS() + 600 }));
  await client.request('SEND', { destination: '/plugboard/token', ...headers });
  await client.request('SEND', { destination: '/plugboard/token' }, await makeToken(secretKey(), { exp: nowS() + 700 }));
  await sleep(5000);
  await client.request('SEND', { destination: '/topic/a' }, 'still here');
  await client.expect('MESSAGE');
  const mallory = await makeToken(secretKey(), { sub: 'mallory' });
  client.frame('SEND', { destination: '/plugboard/token', ...bearer(mallory) });
  const error = await client.next();
  assert.equal(error.command, 'ERROR');
  assert.equal(error.headers['error-code'], 'authentication-failed');
});

test('an expired session ends, and permissions in the token limit it', async (t) => {
  const server = await jwtServer(t, { secret: SECRET, leeway: '0s', permissions: 'may' }, { set: ['auth.on-denied=keep'] });
  const limited = await makeToken(secretKey(), { exp: nowS() + 3, may: ['subscribe:/topic/a', 'send:/topic/b'] });
  const client = await stomp(server, { t, connect: bearer(limited) });
  await client.subscribe('/topic/a');
  await client.request('SEND', { destination: '/topic/b' });
  client.frame('SUBSCRIBE', { id: 'x', destination: '/topic/b' });
  assert.equal((await client.expect('ERROR')).headers['error-code'], 'access-denied');
  client.send('/topic/a');
  assert.equal((await client.expect('ERROR')).headers['error-code'], 'access-denied');
  const error = await client.next(10000);
  assert.equal(error.headers['error-code'], 'token-expired');
  await client.waitForClose();
});

test('key files are read again when they change, and broken ones change nothing', async (t) => {
  const dir = temporary(t);
  const file = join(dir, 'keys.json');
  const [a, b] = await Promise.all([makeKey('ES256', 'a'), makeKey('ES256', 'b')]);
  const put = (text) => { writeFileSync(`${file}.new`, text); renameSync(`${file}.new`, file); };
  put(JSON.stringify({ keys: [a.jwk] }));
  const server = await jwtServer(t, { 'jwks-file': file, audience: 'chat', 'reload-interval': '100ms' });
  const by = (key) => makeToken(key, { aud: 'chat' });
  await accepted(server, bearer(await by(a)), { t });
  await refused(server, bearer(await by(b)), { t });
  const live = await stomp(server, { t, connect: bearer(await by(a)) });
  put('{"keys":[');
  await server.waitForLine(/no keys from the key files: \S*keys\.json:1: this is no key set: .*those at hand stay/);
  await accepted(server, bearer(await by(a)), { t });
  put(JSON.stringify({ keys: [b.jwk] }));
  await server.waitForLine(/1 keys from the key files, which have changed/);
  await accepted(server, bearer(await by(b)), { t });
  await refused(server, bearer(await by(a)), { t });
  await live.subscribe('/topic/still-there');
  const stats = await server.stats();
  assert.equal(stats['auth.jwt.keys_failed'], 1);
  assert.equal(stats['auth.jwt.keys_current'], 1);
});

test('a token that was verified before is known, for as long as its key counts', async (t) => {
  const dir = temporary(t);
  const file = join(dir, 'keys.json');
  const [a, b] = await Promise.all([makeKey('ES256', 'same'), makeKey('ES256', 'same')]);
  const put = (...keys) => {
    writeFileSync(`${file}.new`, JSON.stringify({ keys: keys.map((key) => key.jwk) }));
    renameSync(`${file}.new`, file);
  };
  put(a);
  const server = await jwtServer(t, { 'jwks-file': file, audience: 'chat', 'reload-interval': '100ms' });
  const token = bearer(await makeToken(a, { aud: 'chat' }));
  const known = async () => (await server.stats())['auth.jwt.known'] ?? 0;
  await accepted(server, token, { t });
  assert.equal(await known(), 0);
  for (let i = 1; i <= 3; i++) {
    await accepted(server, token, { t });
    assert.equal(await known(), i);
  }
  await accepted(server, bearer(await makeToken(a, { aud: 'chat', jti: 'another' })), { t });
  assert.equal(await known(), 3);
  put(b);
  await server.waitForLine(/1 keys from the key files, which have changed/);
  await refused(server, token, { t });
  const from = server.log.length;
  put(a);
  await server.waitForLine(/1 keys from the key files, which have changed/, { from });
  await accepted(server, token, { t });
  assert.equal(await known(), 4);
});

test('secrets in files: several, of which any counts, in base64', async (t) => {
  const dir = temporary(t);
  const secrets = [randomBytes(64), randomBytes(64)];
  const files = secrets.map((secret, i) => {
    const file = join(dir, `secret-${i}`);
    writeFileSync(file, `${secret.toString(i ? 'base64' : 'base64url')}\n`);
    return file;
  });
  const server = await jwtServer(t, { 'secret-file': files.join(', '), 'secret-encoding': 'base64', 'reload-interval': '100ms' });
  for (const secret of secrets) await accepted(server, bearer(await makeToken({ alg: 'HS512', secret })), { t });
  await refused(server, bearer(await makeToken({ alg: 'HS512', secret: randomBytes(64) })), { t });
  writeFileSync(files[0], 'AAAA\n');
  await server.waitForLine(/the secret has 3 bytes, fewer than the 64/);
  for (const secret of secrets) await accepted(server, bearer(await makeToken({ alg: 'HS512', secret })), { t });
  const env = await jwtServer(t, { secret: '${JWT_TEST_SECRET}' }, { env: { JWT_TEST_SECRET: SECRET } });
  await accepted(env, bearer(await makeToken(secretKey())), { t });
});

test('what cannot be right stops the start with 78, the file and the line', async (t) => {
  const dir = temporary(t);
  const put = (name, text) => { writeFileSync(join(dir, name), text); return join(dir, name); };
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  const good = put('good.pem', publicKey);
  const cases = [
    ['', /no keys to verify with/],
    [`public-key = ${put('private.pem', privateKey)}`, /private\.pem: block 1 \("PRIVATE KEY"\) is a private key/],
    [`public-key = ${put('small.pem', small.publicKey)}`, /small\.pem: block 1 is an RSA key of less than 2048 bits/],
    [`public-key = ${put('text.pem', 'hello')}`, /text\.pem: there is no PEM block in it/],
    [`public-key = ${put('cut.pem', publicKey.slice(0, 80))}`, /cut\.pem: block 1 is damaged/],
    [`public-key = ${join(dir, 'missing.pem')}`, /missing\.pem: No such file or directory/],
    [`public-key = ${dir}`, /not a regular file/],
    [`jwks-file = ${put('empty.json', '{"keys":[]}')}`, /empty\.json: this key set is empty/],
    [`jwks-file = ${put('html.json', '<html>')}`, /html\.json:1: this is no key set: it is not JSON/],
    [`jwks-file = ${put('line.json', '{\n"keys":[\n{"kty":]}')}`, /line\.json:3: this is no key set/],
    [`jwks-file = ${put('oct.json', '{"keys":[{"kty":"oct","k":"AAAA"}]}')}`, /none of the 1 keys of this set can be used/],
    ['secret = short', /the secret has 5 bytes, fewer than the 32 that HS256 needs/],
    [`secret = ${SECRET.slice(0, 48)}\nalgorithms = HS512`, /the secret has 48 bytes, fewer than the 64 that HS512 needs/],
    [`secret = ${SECRET}!!\nsecret-encoding = base64`, /option secret: the secret is not base64/],
    [`secret = ${SECRET}\nalgorithms = RS256`, /with a secret only HS256, HS384 and HS512/],
    [`public-key = ${good}\nalgorithms = HS256`, /HS algorithms need a secret/],
    [`public-key = ${good}\nalgorithms = none`, /option algorithms: none is not one of/],
    [`public-key = ${good}\nalgorithms = rs256`, /option algorithms: rs256 is not one of/],
    [`public-key = ${good}\nsecret = ${SECRET}`, /give keys in one way only/],
    [`public-key = ${good}\njwks-url = https://id.example/keys`, /give keys in one way only/],
    ['jwks-url = http://id.example/keys', /not https: .*allow-http/],
    ['jwks-url = file:///etc/passwd', /not a URL of https/],
    ['jwks-url = ftp://id.example/keys', /neither with https:\/\/ nor with http:/],
    ['jwks-url = https://user:pw@id.example/keys', /holds a user name/],
    ['jwks-url = keys', /is not a URL|neither with/],
    ['issuer = https://a.example, https://b.example', /no keys to verify with/],
    ['issuer = my-service', /not a URL|neither with/],
    [`public-key = ${good}\nuser = `, /option user is empty/],
    [`public-key = ${good}\nuser = a..b`, /option user: the claim path a\.\.b has an empty name/],
    [`public-key = ${good}\nroles = "a`, /option roles: .* quote that is not closed/],
    [`public-key = ${good}\nrequire = =x`, /option require: the claim path/],
    [`public-key = ${good}\nattributes = a=`, /option attributes: the claim path/],
    [`public-key = ${good}\npermissions = a.`, /option permissions: .* ends with a dot/],
    [`public-key = ${good}\nsources = header, body`, /option sources: body is not one of/],
    [`public-key = ${good}\nsources = header, header`, /option sources: header is not one of .* or comes twice/],
    [`public-key = ${good}\nheader = `, /header, handshake-header, cookie, query is empty/],
    [`public-key = ${good}\nca-file = ${join(dir, 'none.crt')}`, /option ca-file/],
    [`public-key = ${good}\nleeway = 1h`, /leeway/],
    [`public-key = ${good}\nmax-token-size = 1m`, /max-token-size/],
    [`public-key = ${good}\ntoken = refresh`, /token/],
    [`public-key = ${good}\npublic-kay = x`, /public-kay.*did you mean/i],
  ];
  for (const [lines, pattern] of cases) {
    const config = put('plugboard.ini', `[auth]\nplugins = jwt\n\n[auth.jwt]\n${lines}\n`);
    const { code, stderr } = await run(['--config', config, '--check', '--set', 'http.listen=127.0.0.1:0']);
    assert.equal(code, 78, `${lines}: ${stderr}`);
    assert.match(stderr, pattern, lines);
    assert.match(stderr, /plugboard\.ini:\d+: /, lines);
    assert.ok(!stderr.includes(SECRET), 'the secret in the log');
  }
  const config = put('plugboard.ini', '[auth]\nplugins = jwt\n[auth.jwt]\nsecret = short\nallow-short-secret = on\n');
  const { code, stderr } = await run(['--config', config, '--check']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /warn auth\.jwt: the secret has only 5 bytes/);
});

test('the samples for providers are right', async () => {
  const samples = readdirSync(join(root, 'etc')).filter((name) => /^auth-.*\.ini$/.test(name));
  assert.ok(samples.length >= 8, `${samples}`);
  for (const name of samples) {
    const { code, stderr } = await run(['--config', join('etc', name), '--check'], { env: { JWT_SECRET: SECRET } });
    assert.equal(code, 0, `${name}: ${stderr}`);
    assert.ok(!/warn auth\.jwt/.test(stderr), `${name}: ${stderr}`);
  }
});

test('a burst of tokens is answered to the last one', async (t) => {
  const server = await jwtServer(t, { secret: SECRET });
  const tokens = await Promise.all(Array.from({ length: 300 }, (_, i) => makeToken(secretKey(), { sub: `u${i}` })));
  const results = await Promise.all(tokens.map(async (token, i) => {
    const { frame, client } = await connect(server, bearer(i % 3 === 0 ? spoil(token) : token), { t });
    client.terminate();
    return frame.command === 'CONNECTED' ? frame.headers['user-name'] : frame.headers['error-code'];
  }));
  results.forEach((result, i) => assert.equal(result, i % 3 === 0 ? 'authentication-failed' : `u${i}`));
  await until(async () => (await server.stats()).sessions === 0, 'all sessions gone');
});

test('the documentation has every option of both plugins, with its default', async () => {
  for (const name of ['jwt', 'file']) {
    const { stdout } = await run(['--plugin-info', join(build, `lib/plugboard/auth-${name}.so`)]);
    const page = readFileSync(join(root, `docs/auth-${name}.md`), 'utf8');
    const documented = new Map([...page.matchAll(/^\| `([a-z-]+)` \| (?:`([^`]*)`)? ?\| .*\|$/gm)].map(([, option, value]) => [option, value ?? '']));
    const options = [...stdout.matchAll(/^option\.([a-z-]+)=([a-z]+)(.*)$/gm)];
    assert.ok(options.length >= 4);
    for (const [, option, , rest] of options) {
      const value = (/, default (.*?)(?:, range .*)?$/.exec(rest)?.[1] ?? '').replace('(hidden)', '');
      assert.equal(documented.get(option), value, `${option} in docs/auth-${name}.md`);
    }
  }
});
