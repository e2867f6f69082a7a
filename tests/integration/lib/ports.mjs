// Ports for servers that have to be told theirs. They lie below those that the kernel gives to
// connections and to who asks for any: between the moment at which one is found free and that at
// which its server listens, and while that is down, nobody else gets it by chance.

import { readFileSync } from 'node:fs';
import net from 'node:net';

const FIRST = 10000;
const given = new Set(); // by this process

function firstOfKernel() {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  } catch {
    return 32768;
  }
}

function isFree(port) {
  return new Promise((done) => {
    const probe = net.createServer();
    probe.on('error', () => done(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
  });
}

function anyPort() {
  return new Promise((done, broken) => {
    const probe = net.createServer();
    probe.on('error', broken);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

// A port of 127.0.0.1 that was free a moment ago. Where the kernel gives nearly all of them away, it
// is one of those.
export async function freePort() {
  const span = firstOfKernel() - FIRST;
  if (span < 1000) return anyPort();
  for (let i = 0; i < 1000; i += 1) {
    const port = FIRST + Math.floor(Math.random() * span);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + span - 1} is free`);
}
