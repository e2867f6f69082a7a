// A certificate authority for a test, made by openssl, in a temporary directory of its own.
//
//   const ca = makeAuthority({ t });
//   const { certificate, key } = ca.issue('redis', { names: 'IP:127.0.0.1' });   // paths, as ca.file

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DAYS = '36500';
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });

class Authority {
  constructor(name) {
    this.dir = mkdtempSync(join(tmpdir(), 'plugboard-ca-'));
    this.file = this.path('ca.pem');
    openssl('req', '-x509', ...EC, '-days', DAYS, '-subj', `/CN=${name}`, '-keyout', this.path('ca.key'), '-out', this.file);
  }

  path(name) {
    return join(this.dir, name);
  }

  // names: as openssl writes subjectAltName. days: -1 for one that has expired.
  issue(name, { names = 'IP:127.0.0.1,DNS:localhost', days = DAYS } = {}) {
    const [request, extensions] = [this.path(`${name}.csr`), this.path(`${name}.ext`)];
    const [certificate, key] = [this.path(`${name}.pem`), this.path(`${name}.key`)];
    openssl('req', ...EC, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    const sign = (...until) => openssl('x509', '-req', '-in', request, '-CA', this.file, '-CAkey', this.path('ca.key'), '-CAcreateserial',
      ...until, '-extfile', extensions, '-out', certificate);
    try {
      sign('-days', String(days));
    } catch (error) {
      if (days > 0) throw error;
      // OpenSSL 3.4 and later take no end before the beginning, and have a way to say both
      sign('-not_before', '20200101000000Z', '-not_after', '20200102000000Z');
    }
    return { certificate, key };
  }
}

export function makeAuthority({ t, name = 'an authority' }) {
  const authority = new Authority(name);
  t.after(() => rmSync(authority.dir, { recursive: true, force: true }));
  return authority;
}
