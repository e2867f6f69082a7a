// A backend for etc/webhook.ini: WEBHOOK_SECRET=... node webhook-backend.mjs PORT
import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';

const secret = process.env.WEBHOOK_SECRET;
const rooms = new Map(); // name -> the subscriptions that are there

function isSigned({ 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': given = '' }, body) {
  const wanted = `v1,${createHmac('sha256', secret).update(`${id}.${time}.`).update(body).digest('base64')}`;
  return Math.abs(Date.now() / 1000 - time) < 300
    && given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
}

function answer({ type, session, subscription, user, variables: { room }, body }) {
  const members = rooms.get(room) ?? rooms.set(room, new Set()).get(room);
  const name = user?.name ?? 'somebody';
  const publish = (json) => ({ publish: [{ destination: `/topic/rooms/${room}`, json }] });
  if (type === 'subscribe') return { reply: { json: { room, count: members.size } } };
  if (type === 'subscribed') members.add(`${session} ${subscription}`);
  if (type === 'unsubscribed') members.delete(`${session} ${subscription}`);
  if (type !== 'send') return publish({ type, name, count: members.size });
  if (!body?.trim()) return { error: { code: 'empty', message: 'there is nothing to say' } };
  return publish({ type: 'chat', name, text: body });
}

http.createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  if (!isSigned(request.headers, body)) return response.writeHead(401).end();
  return response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(JSON.parse(body))));
}).listen(Number(process.argv[2]), '127.0.0.1', function onListening() { console.log(`port ${this.address().port}`); });
