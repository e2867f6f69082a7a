#!/usr/bin/env python3
"""What Prometheus costs a server with many clients: /metrics scraped every second, beside the same without.

  bench/metrics_cost.py [--build build/release] [--clients 10000] [--rounds 5] [--seconds 10]

One worker on core 0; the clients are subscribed to a topic of their own for every ten of them, silent, and on core 1, as
is this program. A round is a while without scrapes and a while with one every second, in turns that change. The figure is
the CPU time of the whole process, in percent of one core, with scrapes less without. "scrape": the same for one of them,
from as many as fit into a second, one after the other.
"""
import argparse
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time

from api_speed import ROOT


class Server:
    def __init__(self, build, clients):
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", os.path.join(build, "bin/plugboard")]
            + [word for setting in ("http.listen=127.0.0.1:0", "tcp.listen=127.0.0.1:0", "metrics.listen=127.0.0.1:0",
                                    "server.workers=1", f"limits.max-connections={clients + 100}",
                                    "stomp.heart-beat-send=0", "stomp.heart-beat-receive=0")
               for word in ("--set", setting)], stderr=subprocess.PIPE, text=True)
        self.ports = {}
        for line in self.process.stderr:
            if found := re.search(r"listening on ([\w-]+)://127\.0\.0\.1:(\d+)", line):
                self.ports[found[1]] = int(found[2])
            if " ready: " in line:
                return
        sys.exit("the server has not started")

    def cpu_s(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def stop(self):
        self.process.kill()
        self.process.wait()


def connect_all(port, n):
    sockets = []
    for i in range(n):
        s = socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.0.{1 + i % 4}", 0))
        s.sendall(b"CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n\0"
                  b"SUBSCRIBE\nid:1\ndestination:/topic/%d\nreceipt:1\n\n\0" % (i // 10))
        sockets.append(s)
    for s in sockets:
        text = b""
        while b"\nreceipt-id:1" not in text:
            piece = s.recv(4096)
            if not piece:
                sys.exit(f"a client was not let in: {text.decode()}")
            text += piece
    return sockets


def scrape(port):
    """The size of one answer; its connection is a new one, as it may be with Prometheus."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = b""
        while piece := s.recv(1 << 16):
            text += piece
    if b"\nplugboard_sessions " not in text:
        sys.exit(f"no metrics came: {text[:200].decode()}")
    return len(text)


def watch(server, seconds, port):
    """CPU in percent of a core; port: is scraped every second, None: nobody does."""
    begin, cpu = time.monotonic(), server.cpu_s()
    for second in range(seconds):
        time.sleep(max(begin + second - time.monotonic(), 0))
        if port:
            scrape(port)
    time.sleep(max(begin + seconds - time.monotonic(), 0))
    return (server.cpu_s() - cpu) / (time.monotonic() - begin) * 100


def one_scrape_ms(server, port):
    cpu, end, n = server.cpu_s(), time.monotonic() + 1, 0
    while time.monotonic() < end:
        scrape(port)
        n += 1
    return (server.cpu_s() - cpu) / n * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if args.clients + 100 > hard:
        sys.exit(f"{args.clients} clients need more than {hard} file descriptors")
    os.sched_setaffinity(0, {1})
    server = Server(args.build, args.clients)
    try:
        port = server.ports["http-metrics"]
        clients = connect_all(server.ports["tcp"], args.clients)
        size = scrape(port)
        time.sleep(1)
        rows = []
        for i in range(args.rounds):
            order = (None, port) if i % 2 else (port, None)
            cpu = {where: watch(server, args.seconds, where) for where in order}
            rows.append((cpu[None], cpu[port], cpu[port] - cpu[None]))
        alone = one_scrape_ms(server, port)
        without, with_scrapes, more = (statistics.median(column) for column in zip(*rows))
        print(f"{len(clients):,} clients, an answer of {size / 1024:.0f} KiB: {without:.3f} % of a core without scrapes, "
              f"{with_scrapes:.3f} % with one a second, {more:.3f} % more (from {min(r[2] for r in rows):.3f} to "
              f"{max(r[2] for r in rows):.3f}); a scrape {alone:.2f} ms")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
