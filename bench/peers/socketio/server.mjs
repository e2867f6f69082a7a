// Socket.IO's rooms as a server of topics: server.mjs PORT [REDIS-URL]. "join" and "publish" are answered where the client
// asks for it. As the manual's page on performance has it: bufferutil beside ws, no compression (the default), and the
// request that opened a connection is forgotten.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const [port, redis] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { transports: ['websocket'], serveClient: false });

if (redis) {
  const publisher = createClient({ url: redis });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(createAdapter(publisher, subscriber));
}

io.engine.on('connection', (connection) => {
  connection.request = null;
});

io.on('connection', (socket) => {
  socket.on('join', async (room, done) => {
    await socket.join(room);
    done?.();
  });
  socket.on('publish', (room, text, done) => {
    io.to(room).emit('message', text);
    done?.();
  });
});

http.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
