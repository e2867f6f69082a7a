// An identity provider for tests: keys, tokens made by npm jose, and a server that publishes the
// keys, and that can be told to behave badly.
//
//   const idp = await startIdp({ t });
//   const token = await idp.token({ sub: 'alice' });
//   await idp.rotate();                // a new key, the old one gone
//   idp.mode = 'html';                 // ok, html, garbage, empty, error, huge, redirect, stall, cut

import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

globalThis.crypto ??= webcrypto; // Node 18 has it under this name only, and jose wants the other

export const nowS = () => Math.floor(Date.now() / 1000);

// One key pair. alg: RS256, ES384, EdDSA, ...
export async function makeKey(alg = 'RS256', kid = `${alg}-1`) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...await exportJWK(publicKey), kid, alg, use: 'sig' };
  return { alg, kid, jwk, publicKey, privateKey };
}

// A token by npm jose. claims are added to sub, iat and exp; undefined takes one away.
export function makeToken(key, claims = {}, header = {}) {
  const payload = { sub: 'alice', iat: nowS(), exp: nowS() + 300, ...claims };
  for (const [name, value] of Object.entries(payload)) if (value === undefined) delete payload[name];
  return new SignJWT(payload)
    .setProtectedHeader({ alg: key.alg, ...(key.kid ? { kid: key.kid } : {}), ...header })
    .sign(key.privateKey ?? key.secret);
}

// The token with another signature of the same length.
export function spoil(token) {
  const at = token.lastIndexOf('.') + 5;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

class Idp {
  constructor({ alg, tls, type, headers }) {
    Object.assign(this, { alg, type, headers });
    this.mode = 'ok';
    this.requests = [];
    this.keys = [];
    this.sockets = new Set();
    const handler = (request, response) => this.onRequest(request, response);
    this.scheme = tls ? 'https' : 'http';
    this.server = tls
      ? https.createServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }, handler)
      : http.createServer(handler);
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  get issuer() { return `${this.scheme}://localhost:${this.port}`; }
  get jwksUrl() { return `${this.issuer}/keys`; }
  get jwksRequests() { return this.requests.filter((path) => path === '/keys').length; }
  get key() { return this.keys[0]; }

  // A new key in front; keep: the old ones stay in the set.
  async rotate({ alg = this.alg, keep = false } = {}) {
    this.made = (this.made ?? 0) + 1;
    const key = await makeKey(alg, `key-${this.made}`);
    this.keys = [key, ...(keep ? this.keys : [])];
    return key;
  }

  token(claims = {}, { key = this.key, header = {} } = {}) {
    return makeToken(key, { iss: this.issuer, ...claims }, header);
  }

  jwks() { return { keys: this.keys.map((key) => key.jwk) }; }

  onRequest(request, response) {
    this.requests.push(request.url);
    const answer = (status, type, body, more = {}) => {
      response.writeHead(status, { 'content-type': type, ...this.headers, ...more });
      response.end(body);
    };
    if (request.url === '/.well-known/openid-configuration') {
      answer(200, 'application/json', JSON.stringify({
        issuer: this.claimedIssuer ?? this.issuer, jwks_uri: this.claimedJwksUrl ?? this.jwksUrl,
      }));
      return;
    }
    const body = JSON.stringify(this.jwks());
    switch (this.mode) {
      case 'ok': answer(200, this.type, body); break;
      case 'html': answer(200, 'text/html; charset=utf-8', '<!DOCTYPE html><title>Sign in</title>'); break;
      case 'garbage': answer(200, 'application/json', body.slice(0, -20)); break;
      case 'empty': answer(200, 'application/json', '{"keys":[]}'); break;
      case 'error': answer(503, 'text/plain', 'down'); break;
      case 'huge': answer(200, 'application/json', `{"keys":[${'"x",'.repeat(400000)}1]}`); break;
      case 'redirect': answer(302, 'text/plain', '', { location: 'http://localhost:1/keys' }); break;
      case 'cut': request.socket.destroy(); break;
      case 'stall':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
        response.write(body.slice(0, 10));
        break;
      default: throw new Error(`no mode ${this.mode}`);
    }
  }

  // Stops answering at all, on a port that start() takes again.
  async die() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }

  start(port = 0) {
    return new Promise((done, broken) => {
      this.server.once('error', broken);
      this.server.listen(port, '127.0.0.1', () => {
        this.port = this.server.address().port;
        done();
      });
    });
  }
}

// alg: of its keys; tls: { key, cert } files; type: Content-Type of the key set; headers: more of them.
export async function startIdp({ t, alg = 'RS256', tls, type = 'application/json;charset=ISO-8859-1', headers = {} }) {
  const idp = new Idp({ alg, tls, type, headers });
  await idp.rotate();
  await idp.start();
  t?.after(() => idp.die().catch(() => {}));
  return idp;
}
