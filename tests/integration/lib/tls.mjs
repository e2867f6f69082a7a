// Certificates made for the occasion, and connections over TLS that do no more than they are told.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

import { until, within } from './server.mjs';

const openssl = (args, options = {}) => execFileSync('openssl', args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });

// A directory that is gone when the test (or the file, without t) ends.
export function directory(t) {
  const dir = mkdtempSync(join(tmpdir(), 'plugboard-tls-'));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  if (t) t.after(remove);
  else process.on('exit', remove);
  return dir;
}

// NAME.pem and NAME.key in dir; ca: { certificate, key } of whom signs it, else it signs itself.
// Gives both paths, and the certificate's text as pem.
export function makeCertificate(dir, name, { subject = `/CN=${name}`, names = [], days = 2, ca, authority = false, rsa = false } = {}) {
  const [certificate, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const kind = rsa ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const made = ca ? ['-CA', ca.certificate, '-CAkey', ca.key] : [];
  const extensions = names.length ? ['-addext', `subjectAltName=${names.map((each) => (/^[\d.]+$/.test(each) ? `IP:${each}` : `DNS:${each}`)).join()}`] : [];
  const constraint = authority ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE'];
  openssl(['req', '-x509', ...kind, '-nodes', '-days', String(days), '-subj', subject, ...extensions, ...constraint, ...made, '-keyout', key, '-out', certificate]);
  return { certificate, key, pem: readFileSync(certificate, 'utf8') };
}

// What --set takes to listen for TLS with this certificate.
export function tlsSet({ certificate, key }) {
  return ['http.tls-listen=127.0.0.1:0', 'tcp.tls-listen=127.0.0.1:0', `tls.certificate=${certificate}`, `tls.key=${key}`];
}

export function tlsPort(server, scheme = 'https') {
  return server.listening.find((each) => each.scheme === scheme).port;
}

// A connected TLS socket; rejects when the handshake fails.
export async function connect(port, { t, ms = 10000, ...options } = {}) {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  t?.after(() => socket.destroy());
  socket.setNoDelay(true);
  await within(new Promise((done, broken) => {
    socket.once('secureConnect', done);
    socket.once('error', broken);
    socket.once('close', () => broken(new Error('closed')));
  }), ms, 'the handshake');
  socket.on('error', () => {});
  return socket;
}

// A session that the server has given, for the option `session`: with TLS 1.3 in front of what it says first.
export async function sessionOf(port, options) {
  const socket = await connect(port, options);
  let session = socket.getProtocol() === 'TLSv1.2' ? socket.getSession() : undefined;
  socket.on('session', (given) => { session = given; });
  socket.resume();
  socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n'); // STOMP has an answer to that, too
  await until(() => session, 'a ticket');
  socket.destroy();
  return session;
}

