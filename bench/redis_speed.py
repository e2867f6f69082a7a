#!/usr/bin/env python3
"""Two nodes with one Redis between them, all on this machine: how many messages per second pass
from one node to the other, what Redis adds to the latency, and how long 100,000 topics take to be
subscribed again after Redis was restarted.

  bench/redis_speed.py [--build build/release] [--messages 500000] [--topics 100000] [--tls] [--nats]

With --tls the nodes speak TLS to Redis; redis-benchmark does not. With --nats there is a NATS server
in its place.
Publisher and subscriber speak STOMP over TCP. Every body carries a number; a message that is
missing, doubled or out of order fails the run.
"""
import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICKS = os.sysconf("SC_CLK_TCK")
BODY = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def until(check, what, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {seconds} s")
        time.sleep(0.002)


class Redis:
    def __init__(self, folder, tls):
        self.port = free_port()
        self.folder = folder
        self.args = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        self.settings = ["broker.plugin=redis", f"broker.redis.url=redis://127.0.0.1:{self.port}"]
        if tls:
            self.add_tls(free_port())
        self.start()

    def add_tls(self, port):
        key, certificate = (os.path.join(self.folder, name) for name in ("key.pem", "redis.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=redis", "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        self.args += ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key,
                      "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"]
        self.settings = ["broker.plugin=redis", f"broker.redis.url=rediss://127.0.0.1:{port}",
                         f"broker.redis.tls-ca-file={certificate}"]

    def start(self):
        self.process = subprocess.Popen(["redis-server", *self.args], stdout=subprocess.DEVNULL)

        def answers():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(b"PING\r\n")
                    return s.recv(7) == b"+PONG\r\n"
            except OSError:
                return False
        until(answers, "redis-server")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def benchmark(self, n):
        """What Redis itself does: PUBLISH of a body of the same size, pipelined."""
        out = subprocess.run(
            ["redis-benchmark", "-p", str(self.port), "-n", str(n), "-c", "1", "-P", "100", "--csv",
             "PUBLISH", "plugboard:t:/topic/none", "x" * BODY],
            capture_output=True, text=True, check=True).stdout
        return float(out.strip().splitlines()[-1].split(",")[1].strip('"'))


class Nats:
    def __init__(self):
        self.port = free_port()
        self.settings = ["broker.plugin=nats", f"broker.nats.servers=nats://127.0.0.1:{self.port}"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["nats-server", "-a", "127.0.0.1", "-p", str(self.port)], stderr=subprocess.DEVNULL)

        def answers():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    return s.recv(5) == b"INFO "
            except OSError:
                return False
        until(answers, "nats-server")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Node:
    def __init__(self, build, name, redis=None):
        self.http, self.tcp = free_port(), free_port()
        settings = [f"server.node={name}", "server.workers=1", f"http.listen=127.0.0.1:{self.http}",
                    f"tcp.listen=127.0.0.1:{self.tcp}", "limits.max-subscriptions=1000000",
                    "limits.queue-size=1g", "limits.queue-messages=10000000", "server.log-level=warn",
                    "stomp.heart-beat-send=0", "stomp.heart-beat-receive=0"]
        if redis:
            settings += redis.settings
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [os.path.join(build, "bin/plugboard")] + [a for s in settings for a in ("--set", s)],
            stderr=self.log)
        until(self.ready, f"node {name}")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.log.seek(0)
        for line in self.log:
            sys.stderr.write("  " + line)


class Stomp:
    def __init__(self, node):
        self.socket = socket.create_connection(("127.0.0.1", node.tcp))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(b"CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n\0")
        self.wait_for(b"CONNECTED\n")

    def wait_for(self, text):
        got = b""
        while text not in got or not got.rstrip(b"\n").endswith(b"\0"):
            chunk = self.socket.recv(1 << 20)
            if not chunk or b"ERROR\n" in got:
                sys.exit(f"no {text!r}: {got[-300:]!r}")
            got = got[-1000:] + chunk

    def subscribe(self, destination, number=0):
        self.socket.sendall(b"SUBSCRIBE\nid:%d\ndestination:%s\nreceipt:r%d\n\n\0"
                            % (number, destination, number))
        self.wait_for(b"receipt-id:r%d\n" % number)


def frame(number, stamp=0):
    body = b"@%012d %020d@" % (number, stamp)
    return b"SEND\ndestination:/topic/speed\n\n" + body + b"x" * (BODY - len(body)) + b"\0"


NUMBER = re.compile(rb"@(\d{12}) (\d{20})@")


def throughput(publisher_node, subscriber_node, n):
    subscriber, publisher = Stomp(subscriber_node), Stomp(publisher_node)
    subscriber.subscribe(b"/topic/speed")
    chunks = [b"".join(frame(i) for i in range(at, min(at + 500, n))) for at in range(0, n, 500)]
    sender = threading.Thread(target=lambda: [publisher.socket.sendall(c) for c in chunks])
    received, left = [], n
    subscriber.socket.settimeout(10)
    start = time.monotonic()
    sender.start()
    while left > 0:
        try:
            chunk = subscriber.socket.recv(1 << 20)
        except TimeoutError:
            sys.exit(f"{left} of {n} messages are missing")
        if not chunk:
            sys.exit("the subscriber was disconnected")
        received.append(chunk)
        left -= chunk.count(b"\0")
    seconds = time.monotonic() - start
    sender.join()
    numbers = [int(found.group(1)) for found in NUMBER.finditer(b"".join(received))]
    if numbers != list(range(n)):
        sys.exit("messages were lost, doubled or out of order")
    return n / seconds


def latency(publisher_node, subscriber_node, rate, seconds):
    """Microseconds from writing a SEND to reading its MESSAGE."""
    subscriber, publisher = Stomp(subscriber_node), Stomp(publisher_node)
    subscriber.subscribe(b"/topic/speed")
    n, samples = int(rate * seconds), []

    def receive():
        rest = b""
        while len(samples) < n:
            rest += subscriber.socket.recv(1 << 16)
            now = time.monotonic_ns()
            whole, _, rest = rest.rpartition(b"\0")
            samples.extend((now - int(found.group(2))) / 1000 for found in NUMBER.finditer(whole))
    receiver = threading.Thread(target=receive)
    receiver.start()
    begin = time.monotonic()
    for i in range(n):
        wait = begin + i / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        publisher.socket.sendall(frame(i, time.monotonic_ns()))
    receiver.join(10)
    if len(samples) != n:
        sys.exit("messages are missing")
    return statistics.median(samples), statistics.quantiles(samples, n=100)[98]


def replay(redis, nodes, topics):
    client = Stomp(nodes[1])
    for at in range(0, topics, 1000):
        client.socket.sendall(b"".join(b"SUBSCRIBE\nid:%d\ndestination:/topic/%d\n\n\0" % (i, i)
                                       for i in range(at, min(at + 1000, topics))))
    client.subscribe(b"/topic/last", topics + 1)
    redis.kill()
    until(lambda: not nodes[1].ready(), "the node noticing")
    redis.start()
    begin = time.monotonic()
    until(nodes[1].ready, "the node being ready again")
    seconds = time.monotonic() - begin
    publisher = Stomp(nodes[0])
    until(nodes[0].ready, "the other node being ready")
    publisher.socket.sendall(b"SEND\ndestination:/topic/%d\n\nhello\0" % (topics // 2))
    client.wait_for(b"hello")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--messages", type=int, default=500000)
    parser.add_argument("--topics", type=int, default=100000)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--nats", action="store_true")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="plugboard-bench-")
    started = []
    try:
        redis = Nats() if options.nats else Redis(folder, options.tls)
        backend = "nats" if options.nats else "redis"
        alone = Node(options.build, "alone")
        nodes = [Node(options.build, name, redis) for name in ("n1", "n2")]
        started = [alone, *nodes]
        if not options.nats:
            print(f"redis-benchmark PUBLISH           {redis.benchmark(options.messages):12,.0f} /s")
        pids = {"n1": nodes[0].process.pid, backend: redis.process.pid, "n2": nodes[1].process.pid}
        throughput(*nodes, options.messages // 10)
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        print(f"node to node, {BODY} bytes           {throughput(*nodes, options.messages):12,.0f} /s")
        for name, pid in pids.items():
            used = (cpu_seconds(pid) - before[name]) * 1e6 / options.messages
            print(f"  CPU of {name:<26} {used:12.2f} us per message")
        plain = latency(alone, alone, 1000, 5)
        through = latency(*nodes, 1000, 5)
        print(f"latency at 1,000/s, one node      {plain[0]:12.0f} us median, {plain[1]:.0f} us p99")
        print(f"latency at 1,000/s, through {backend:<5} {through[0]:12.0f} us median, {through[1]:.0f} us p99")
        print(f"  added                           {through[0] - plain[0]:12.0f} us median")
        seconds = replay(redis, nodes, options.topics)
        print(f"{options.topics:,} topics, {backend:<5} restarted  {seconds:12.3f} s until ready")
    finally:
        for node in started:
            node.stop()
        redis.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
