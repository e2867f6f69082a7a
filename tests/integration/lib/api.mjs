// A client of the HTTP API, and the description that the server gives of it: every answer is held
// against the schema of its operation and status.
//
//   const api = await apiOf(server);              // with the key that apiSet() gives
//   const { status, body, headers } = await api.post('publish', { destination: '/topic/a', body: 'x' });

import assert from 'node:assert/strict';

import Ajv from 'ajv/dist/2020.js';

import { within } from './server.mjs';

export const KEY = 'a-key-for-the-tests-1234567890';
export const apiSet = [`api-key tests.secret=${KEY}`, 'api-key tests.rights=publish, disconnect, presence'];

// What the description is made of, with validators.
export class Description {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv({ strict: false, allErrors: true });
    this.ajv.addSchema(document, 'api');
    this.compiled = new Map();
  }

  operation(name) {
    const found = this.document.paths[`/api/${name}`];
    assert.ok(found, `the description has no /api/${name}`);
    return found.post ?? found.get;
  }

  validator(...path) {
    const ref = `api#/${path.map((part) => encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'))).join('/')}`;
    if (!this.compiled.has(ref)) this.compiled.set(ref, this.ajv.compile({ $ref: ref }));
    return this.compiled.get(ref);
  }

  // Would the description take it?
  takes(name, body) {
    return this.validator('paths', `/api/${name}`, 'post', 'requestBody', 'content', 'application/json', 'schema')(body);
  }

  checkAnswer(name, method, { status, headers, body, text }) {
    const described = this.document.paths[`/api/${name}`]?.[method.toLowerCase()]?.responses[status];
    assert.ok(described, `${method} /api/${name} answered with ${status}, which is not described: ${text}`);
    assert.equal(headers.get('content-type'), 'application/json');
    const valid = this.validator('paths', `/api/${name}`, method.toLowerCase(), 'responses', String(status), 'content', 'application/json', 'schema');
    assert.ok(valid(body), `the answer ${text} is not as described: ${JSON.stringify(valid.errors)}`);
    for (const header of Object.keys(described.headers ?? {})) {
      if (header !== 'Idempotency-Replayed') assert.ok(headers.get(header), `no ${header} with ${status}`);
    }
    assert.equal(headers.get('access-control-allow-origin'), null);
  }
}

class Api {
  constructor(base, description, key) {
    Object.assign(this, { base, description, key });
  }

  // body: what is sent as JSON, or text or bytes as they are.
  async request(name, { method = 'POST', described = name, body, headers = {}, key = this.key, type = 'application/json', check = true } = {}) {
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const answer = await within(fetch(`${this.base}/api/${name}`, {
      method,
      headers: { ...(key && { authorization: `Bearer ${key}` }), ...(type && raw !== undefined && { 'content-type': type }), ...headers },
      body: raw,
    }), 20000, `${method} /api/${name}`);
    const text = await answer.text();
    const result = { status: answer.status, headers: answer.headers, text, body: text ? JSON.parse(text) : undefined };
    if (check) this.description.checkAnswer(described, method, result);
    return result;
  }

  post(name, body, options = {}) {
    return this.request(name, { body, ...options });
  }

  async publish(body, options) {
    const answer = await this.post('publish', body, options);
    assert.equal(answer.status, 200, answer.text);
    return answer.body.published;
  }

  // path: as it stands behind /api/presence/.
  presence(path, options) {
    return this.request(`presence/${path}`, { method: 'GET', described: 'presence/{destination}', ...options });
  }

  // An order that is taken.
  async order(name, body) {
    const answer = await this.post(name, body);
    assert.equal(answer.status, 202, answer.text);
  }

  // A refusal with this status and code, about this field.
  async refused(status, code, field, name, body, options) {
    const answer = await this.post(name, body, options);
    assert.deepEqual({ status: answer.status, code: answer.body.code, field: answer.body.field }, { status, code, field }, answer.text);
    return answer;
  }
}

export async function apiOf(server, { base = `http://127.0.0.1:${server.httpPort}`, key = KEY } = {}) {
  const answer = await fetch(`${base}/api/openapi.json`);
  assert.equal(answer.status, 200);
  return new Api(base, new Description(await answer.json()), key);
}
