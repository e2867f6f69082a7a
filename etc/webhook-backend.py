# A backend for etc/webhook.ini: WEBHOOK_SECRET=... python3 webhook-backend.py PORT
import base64, collections, hashlib, hmac, http.server, json, os, sys, time

secret = os.environ["WEBHOOK_SECRET"].encode()
rooms = collections.defaultdict(set)  # name -> the subscriptions that are there

def is_signed(headers, body):
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode()
    return hmac.compare_digest(headers["webhook-signature"] or "", wanted) and abs(time.time() - int(headers["webhook-timestamp"])) < 300

def answer(event):
    kind, room, name = event["type"], event["variables"]["room"], (event["user"] or {"name": "somebody"})["name"]
    publish = lambda value: {"publish": [{"destination": f"/topic/rooms/{room}", "json": value}]}
    if kind == "subscribe": return {"reply": {"json": {"room": room, "count": len(rooms[room])}}}
    if kind == "subscribed": rooms[room].add((event["session"], event["subscription"]))
    if kind == "unsubscribed": rooms[room].discard((event["session"], event["subscription"]))
    if kind != "send": return publish({"type": kind, "name": name, "count": len(rooms[room])})
    if not event.get("body", "").strip(): return {"error": {"code": "empty", "message": "there is nothing to say"}}
    return publish({"type": "chat", "name": name, "text": event["body"]})

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        good = is_signed(self.headers, body)
        text = json.dumps(answer(json.loads(body))).encode() if good else b""
        self.send_response(200 if good else 401)
        for name, value in ("content-type", "application/json"), ("content-length", str(len(text))): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print(f"port {server.server_port}", flush=True)
server.serve_forever()
