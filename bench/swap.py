#!/usr/bin/env python3
"""A hundred swaps of the broker under a server with 10,000 clients: what messages and publishers
notice of them.

  bench/swap.py [--build build/release] [--clients 10000] [--swaps 100] [--rate 500] [--to memory]

plugload holds the clients and publishes at the given rate, once without and once with swaps: the
difference of the 99th percentiles is what a swap costs (without: on the slower of both brokers). Beside it a publisher of its own waits for
the receipt of every message, and a subscriber counts what it gets: a message that is missing,
doubled or out of order fails the run. --to redis swaps back and forth between memory and a Redis.
"""
import argparse
import json
import os
import re
import resource
import shutil
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
SHOWN = ("subscribers", "deliveries_per_s", "published_per_s", "lost", "doubled", "latency_us")
TOKEN = "a-token-of-the-benchmark"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stomp:
    """Over TCP; frames without content-length, as short as they can be."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.send("CONNECT", "accept-version:1.2\nhost:bench")
        assert self.frame().startswith("CONNECTED"), "no CONNECTED"

    def send(self, command, headers, body=""):
        self.socket.sendall(f"{command}\n{headers}\n\n{body}\0".encode())

    def frame(self):
        while b"\0" not in self.rest:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("the server has closed the connection")
            self.rest += piece
        frame, self.rest = self.rest.split(b"\0", 1)
        return frame.decode().lstrip("\n")


class Witness:
    """One publisher that waits for every receipt, and one subscriber that counts."""

    def __init__(self, port):
        self.publisher, self.subscriber = Stomp(port), Stomp(port)
        self.subscriber.send("SUBSCRIBE", "id:1\ndestination:/topic/witness\nreceipt:s")
        assert self.subscriber.frame().startswith("RECEIPT")
        self.running, self.sent, self.waits, self.late, self.faults = True, 0, [], [], []
        self.got = 0
        self.times = {}
        self.threads = [threading.Thread(target=self.publish), threading.Thread(target=self.listen, daemon=True)]
        for thread in self.threads:
            thread.start()

    def publish(self):
        while self.running:
            began = time.monotonic()
            self.times[self.sent] = began
            self.publisher.send("SEND", f"destination:/topic/witness\nreceipt:{self.sent}", str(self.sent))
            assert self.publisher.frame().startswith("RECEIPT")
            self.waits.append(time.monotonic() - began)
            self.sent += 1
            time.sleep(0.003)

    def listen(self):
        while True:
            frame = self.subscriber.frame()
            if not frame.startswith("MESSAGE"):
                return  # the server ends
            number = int(frame.rsplit("\n\n", 1)[1])
            self.late.append(time.monotonic() - self.times.pop(number, 0))
            if number != self.got:
                self.faults.append(f"{number} where {self.got} was to come")
            self.got = number + 1

    def end(self):
        self.running = False
        self.threads[0].join()
        end = time.monotonic() + 10
        while self.got < self.sent and time.monotonic() < end:
            time.sleep(0.01)
        if self.got != self.sent or self.faults:
            sys.exit(f"{self.sent} sent, {self.got} got: {self.faults[:3]}")


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def percentile(values, p):
    return sorted(values)[int(len(values) * p / 100)] * 1000


class Server:
    def __init__(self, build, redis_port):
        self.log = tempfile.TemporaryFile("w+")
        self.http, self.tcp, self.admin = free_port(), free_port(), free_port()
        sets = [f"http.listen=127.0.0.1:{self.http}", f"tcp.listen=127.0.0.1:{self.tcp}",
                f"admin.listen=127.0.0.1:{self.admin}", f"admin.token={TOKEN}", "server.node=bench",
                "server.workers=2", f"broker.redis.url=redis://127.0.0.1:{redis_port}"]
        command = [os.path.join(build, "bin/plugboard")]
        for each in sets:
            command += ["--set", each]
        self.process = subprocess.Popen(command, stderr=self.log)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.http}/ready").read()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("the server does not come up")

    def swap(self, plugin):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.admin}/admin/api/swap", method="POST",
            data=json.dumps({"kind": "broker", "plugin": plugin}).encode(),
            headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/json"})
        try:
            return json.load(urllib.request.urlopen(request, timeout=60))
        except urllib.error.HTTPError as error:
            sys.exit(f"a swap failed: {error.read().decode()}")

    def stop(self):
        self.process.terminate()
        if self.process.wait(30):
            self.log.seek(0)
            sys.exit(self.log.read()[-3000:])


def measure(options, server, swaps):
    seconds = max(5, options.swaps * 0.6) if swaps else 15
    load = subprocess.Popen(
        [os.path.join(options.build, "bin/plugload"), "--port", str(server.http), "--subscribers", str(options.clients),
         "--topics", str(options.topics), "--rate", str(options.rate), "--duration", str(seconds),
         "--warmup", "2", "--stall", "10", "--pid", str(server.process.pid)], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    witness = None
    while witness is None or sessions(server) < options.clients:
        witness = witness or Witness(server.tcp)
        if time.monotonic() > end:
            sys.exit("the clients do not come")
        time.sleep(0.2)
    time.sleep(3)
    rss, took = [rss_mb(server.process.pid)], []
    while swaps and len(took) < options.swaps:
        names = [options.to, "memory"]
        took.append(server.swap(names[len(took) % 2])["took_ms"])
        rss.append(rss_mb(server.process.pid))
    text, _ = load.communicate(timeout=seconds + 120)
    witness.end()
    return json.loads(text), witness, rss, took


def sessions(server):
    request = urllib.request.Request(f"http://127.0.0.1:{server.admin}/admin/api/status",
                                     headers={"authorization": f"Bearer {TOKEN}"})
    return json.load(urllib.request.urlopen(request))["sessions"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--to", default="memory", choices=["memory", "redis"])
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = tempfile.mkdtemp()
    redis_port = free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "",
                              "--dir", folder], stdout=subprocess.DEVNULL) if options.to == "redis" else None
    try:
        rows = []
        for swaps in (False, True):
            server = Server(options.build, redis_port)
            if not swaps:  # compared with the slower of the two
                server.swap(options.to)
            rows.append(measure(options, server, swaps))
            server.stop()
        for name, (load, witness, rss, took) in zip(("without", "with"), rows):
            print(f"{name} swaps: {json.dumps({k: load[k] for k in SHOWN if k in load})}")
            print(f"  witness: {witness.sent} messages, none lost, doubled or out of order; delivery p50 "
                  f"{percentile(witness.late, 50):.2f} ms, p99 {percentile(witness.late, 99):.2f} ms, longest "
                  f"{max(witness.late) * 1000:.1f} ms; receipt p99 {percentile(witness.waits, 99):.2f} ms, longest "
                  f"{max(witness.waits) * 1000:.1f} ms")
            if took:
                tenth = max(1, len(rss) // 10)
                print(f"  {len(took)} swaps, {statistics.median(took):.0f} ms each; memory {rss[0]:.1f} MB before, "
                      f"{statistics.median(rss[1:1 + tenth]):.1f} MB in the first tenth, "
                      f"{statistics.median(rss[-tenth:]):.1f} MB in the last")
    finally:
        if redis:
            redis.kill()
            redis.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
