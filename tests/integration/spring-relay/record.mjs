// Stands between Spring's relay and the server, and writes down what passes.
import net from 'node:net';
import fs from 'node:fs';
const [,, listen, target, file] = process.argv;
const log = [];
let n = 0;
net.createServer((a) => {
  const id = n++;
  const b = net.connect(Number(target), '127.0.0.1');
  for (const [from, to, way] of [[a, b, 'spring'], [b, a, 'server']]) {
    from.on('data', (d) => { log.push({ connection: id, from: way, bytes: d.toString('latin1') }); to.write(d); });
    from.on('end', () => { log.push({ connection: id, from: way, end: true }); to.end(); });
    from.on('error', () => to.destroy());
  }
}).listen(Number(listen), '127.0.0.1');
const save = () => fs.writeFileSync(file, JSON.stringify(log, null, 1));
process.on('SIGTERM', () => { save(); process.exit(0); });
