// A stand-in for Redis that answers what the test says, for what a real one cannot be brought to
// say. It knows SUBSCRIBE, UNSUBSCRIBE, PUBLISH and ROLE; all else is answered with OK.
//
//   const fake = await startFakeRedis({ t, answer: (command, args) => ... });
//
// answer() gives RESP to send instead, or undefined to do as Redis does. fake.connections counts.

import net from 'node:net';

const bulk = (bytes) => Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), Buffer.from(bytes), Buffer.from('\r\n')]);
const array = (...parts) => Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...parts]);
const number = (n) => Buffer.from(`:${n}\r\n`);

// Takes one command from the start of bytes: { args, used }, or null when it is incomplete.
function parseCommand(bytes) {
  let at = bytes.indexOf('\r\n');
  if (at < 0) return null;
  const args = [];
  for (let n = Number(bytes.toString('latin1', 1, at)); n > 0; n -= 1) {
    const start = at + 2;
    const eol = bytes.indexOf('\r\n', start);
    if (eol < 0) return null;
    const len = Number(bytes.toString('latin1', start + 1, eol));
    if (bytes.length < eol + 2 + len + 2) return null;
    args.push(bytes.subarray(eol + 2, eol + 2 + len));
    at = eol + 2 + len;
  }
  return { args, used: at + 2 };
}

class FakeRedis {
  constructor(answer) {
    this.answer = answer;
    this.connections = 0;
    this.sockets = new Map(); // socket -> names of its channels
    this.server = net.createServer((socket) => this.onConnection(socket));
  }

  onConnection(socket) {
    this.connections += 1;
    this.sockets.set(socket, new Set());
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    let rest = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      for (let parsed = parseCommand(rest); parsed; parsed = parseCommand(rest)) {
        rest = rest.subarray(parsed.used);
        const command = String(parsed.args[0]).toUpperCase();
        socket.write(this.answer(command, parsed.args.map(String)) ?? this.obey(socket, command, parsed.args));
      }
    });
  }

  obey(socket, command, args) {
    const channels = this.sockets.get(socket) ?? new Set();
    switch (command) {
      case 'SUBSCRIBE':
      case 'UNSUBSCRIBE':
        return Buffer.concat(args.slice(1).map((name) => {
          if (command === 'SUBSCRIBE') channels.add(String(name));
          else channels.delete(String(name));
          return array(bulk(command.toLowerCase()), bulk(name), number(channels.size));
        }));
      case 'PUBLISH': {
        const to = [...this.sockets].filter(([, names]) => names.has(String(args[1])));
        for (const [each] of to) each.write(array(bulk('message'), bulk(args[1]), bulk(args[2])));
        return number(to.length);
      }
      case 'ROLE':
        return array(bulk('master'), number(0), array());
      default:
        return '+OK\r\n';
    }
  }

  close() {
    for (const socket of this.sockets.keys()) socket.destroy();
    return new Promise((done) => this.server.close(done));
  }
}

export async function startFakeRedis({ t, answer = () => undefined }) {
  const fake = new FakeRedis(answer);
  await new Promise((done, broken) => {
    fake.server.on('error', broken);
    fake.server.listen(0, '127.0.0.1', done);
  });
  fake.port = fake.server.address().port;
  fake.url = `redis://127.0.0.1:${fake.port}`;
  t?.after(() => fake.close());
  return fake;
}
