#!/usr/bin/env python3
"""How long it takes until a room of 10,000 members that join at once says the right number, and how
many events it gets meanwhile: on one node with the memory broker, and on two nodes with Redis.

  bench/presence_speed.py [--build build/release] [--members 10000] [--events 10] [--rounds 3]

Members are anonymous STOMP sessions over TCP that are connected beforehand; all of them SUBSCRIBE
one after the other, as fast as this program writes. Somebody else in the room notes each event. A
last count that is not the number of members, more events than --events a second, or a sum of
{merged} that is not the number of joins fails the run. Then all connections are cut at once.
"""
import argparse
import json
import os
import resource
import select
import shutil
import socket
import statistics
import sys
import tempfile
import time

import redis_speed
from redis_speed import ROOT, Node, Redis, cpu_seconds

CONFIG = """[app]
plugins = presence
[destinations]
app = /pub
[app.presence room]
watch = /sub/{room}/watch
anonymous = on
linger = 0
join = {"count":"{count}","merged":"{merged}"}
leave = {"count":"{count}","merged":"{merged}"}
max-events = %d
[server]
workers = 1
log-level = warn
[limits]
max-connections = 200000
queue-size = 1g
queue-messages = 10000000
[stomp]
heart-beat-send = 0
heart-beat-receive = 0
"""


class PresenceNode(Node):
    def __init__(self, build, name, folder, events, redis=None):
        file = os.path.join(folder, "presence.ini")
        with open(file, "w") as out:
            out.write(CONFIG % events)
        self.http, self.tcp = redis_speed.free_port(), redis_speed.free_port()
        settings = [f"server.node={name}", f"http.listen=127.0.0.1:{self.http}",
                    f"tcp.listen=127.0.0.1:{self.tcp}"]
        if redis:
            settings += ["broker.plugin=redis", f"broker.redis.url=redis://127.0.0.1:{redis.port}"]
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = redis_speed.subprocess.Popen(
            [os.path.join(build, "bin/plugboard"), "--config", file]
            + [a for s in settings for a in ("--set", s)], stderr=self.log)
        redis_speed.until(self.ready, f"node {name}")


def connect_all(nodes, n):
    """Sockets that are STOMP sessions."""
    sockets = []
    for i in range(n):
        s = socket.create_connection(("127.0.0.1", nodes[i % len(nodes)].tcp))
        s.sendall(b"CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n\0")
        sockets.append(s)
    for s in sockets:
        while not s.recv(4096).rstrip(b"\n").endswith(b"\0"):
            pass
    return sockets


class Observer:
    def __init__(self, node):
        self.socket = connect_all([node], 1)[0]
        self.socket.sendall(b"SUBSCRIBE\nid:o\ndestination:/sub/a/watch\n\n\0")
        self.rest, self.events = b"", []

    def read(self, seconds):
        if not select.select([self.socket], [], [], seconds)[0]:
            return
        self.rest += self.socket.recv(1 << 20)
        *frames, self.rest = self.rest.split(b"\0")
        for frame in frames:
            event = json.loads(frame.partition(b"\n\n")[2])
            self.events.append((time.monotonic(), event["count"], event["merged"]))

    def wait(self, count, seconds=60):
        end = time.monotonic() + seconds
        while not self.events or self.events[-1][1] != count:
            self.read(0.05)
            if time.monotonic() > end:
                sys.exit(f"{count} members: the last event says {self.events[-1:]}")
        return self.events[-1][0]


def run(nodes, n, most):
    observer = Observer(nodes[0])
    observer.wait(1)
    observer.events.clear()
    sockets = connect_all(nodes, n)
    cpu = sum(cpu_seconds(node.process.pid) for node in nodes)
    begin = time.monotonic()
    for s in sockets:
        s.send(b"SUBSCRIBE\nid:a\ndestination:/sub/a/watch\n\n\0")
    written = time.monotonic() - begin
    joined = observer.wait(n + 1) - begin
    events = list(observer.events)
    cpu = sum(cpu_seconds(node.process.pid) for node in nodes) - cpu
    if sum(merged for _, _, merged in events) != n:
        sys.exit("events and {merged} do not make up all joins")
    if len(events) > most * (1 + joined):
        sys.exit(f"{len(events)} events in {joined:.2f} s")
    observer.events.clear()
    begin = time.monotonic()
    for s in sockets:
        s.close()
    left = observer.wait(1) - begin
    observer.socket.close()
    return {"written": written, "joined": joined, "events": len(events), "left": left, "cpu": cpu}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--members", type=int, default=10000)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for kind in ("memory", "redis"):
        if kind == "redis" and not shutil.which("redis-server"):
            print("redis: there is no redis-server")
            continue
        rounds = []
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as folder:
                redis = Redis(folder) if kind == "redis" else None
                nodes = [PresenceNode(args.build, f"n{i}", folder, args.events, redis)
                         for i in range(2 if redis else 1)]
                try:
                    rounds.append(run(nodes, args.members, args.events))
                finally:
                    for node in nodes:
                        node.stop()
                    if redis:
                        redis.kill()

        def middle(key, of=rounds):
            return statistics.median(r[key] for r in of)
        print(f"{kind}: {args.members} members on {1 if kind == 'memory' else 2} node(s): written in "
              f"{middle('written'):.2f} s, the right count after {middle('joined'):.2f} s with "
              f"{middle('events'):.0f} events, after all have gone {middle('left'):.2f} s; "
              f"{middle('cpu') / args.members * 1e6:.0f} µs of CPU per join", flush=True)


if __name__ == "__main__":
    main()
