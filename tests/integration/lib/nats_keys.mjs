// Keys and signed claims as NATS has them, which no Debian package makes: NKeys, and the JWTs of an operator, an
// account and a user, in memory.

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';

const KINDS = { operator: 14 << 3, account: 0, user: 20 << 3 };
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex'); // an Ed25519 seed comes behind it

function base32(bytes) {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return bits.match(/.{1,5}/g).map((five) => ALPHABET[parseInt(five.padEnd(5, '0'), 2)]).join('');
}

function withCrc(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i += 1) crc = ((crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return base32(Buffer.from([...bytes, crc & 0xff, crc >> 8]));
}

// kind: operator, account or user. Gives { public, seed, claims(about, nats, name) }.
export function makeKey(kind) {
  const prefix = KINDS[kind];
  const raw = randomBytes(32);
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' });
  const point = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
  const name = withCrc([prefix, ...point]);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    public: name,
    seed: withCrc([(18 << 3) | (prefix >> 5), (prefix & 31) << 3, ...raw]),
    // What this key's owner says of the key `about`.
    claims(about, nats) {
      const body = { iat: Math.floor(Date.now() / 1000), iss: name, name: nats.type, sub: about, nats: { version: 2, ...nats } };
      const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode({ jti: createHash('sha256').update(JSON.stringify(body)).digest('hex'), ...body })}`;
      return `${text}.${sign(null, Buffer.from(text), secret).toString('base64url')}`;
    },
  };
}

// A NATS that lets in the users of one account: { config, creds() }, the latter the text of a .creds file.
export function makeOperator() {
  const [operator, account] = [makeKey('operator'), makeKey('account')];
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const config = `operator: "${operator.claims(operator.public, { type: 'operator' })}"
resolver: MEMORY
resolver_preload: { ${account.public}: "${operator.claims(account.public, { type: 'account', limits })}" }`;
  return {
    config,
    creds(from = account) {
      const user = makeKey('user');
      const token = from.claims(user.public, { type: 'user', subs: -1, data: -1, payload: -1 });
      return `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n`
        + `-----BEGIN USER NKEY SEED-----\n${user.seed}\n------END USER NKEY SEED------\n`;
    },
  };
}
