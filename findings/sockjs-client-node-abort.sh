#!/usr/bin/env bash
# sockjs-client 1.6.1 in Node: when the connection of a streaming answer is cut off in the middle,
# the client says nothing: no close event, no new request. In browsers it closes.
#
# Seen (Node 20): "nothing within 10 s after the cut". Fails if that changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --ignore-scripts --no-audit --no-fund --loglevel=error sockjs-client@1.6.1 >/dev/null
cat >cut.mjs <<'JS'
import http from 'node:http';
import SockJS from 'sockjs-client';

let streams = 0;
const server = http.createServer((request, response) => {
  if (request.url.endsWith('/info')) {
    response.setHeader('content-type', 'application/json');
    response.end('{"websocket":false,"origins":["*:*"],"cookie_needed":false,"entropy":1}');
    return;
  }
  streams += 1;
  response.write(`${'h'.repeat(2048)}\n`);
  response.write('o\n');
});
server.listen(0, '127.0.0.1', () => {
  const client = new SockJS(`http://127.0.0.1:${server.address().port}/x`, null, { transports: ['xhr-streaming'] });
  let closed = false;
  client.onclose = () => { closed = true; };
  client.onopen = () => {
    server.closeAllConnections();
    setTimeout(() => {
      console.log(closed || streams > 1 ? 'the client has noticed' : 'nothing within 10 s after the cut');
      process.exit(closed || streams > 1 ? 1 : 0);
    }, 10000);
  };
});
JS
node --version
node cut.mjs
