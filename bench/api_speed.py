#!/usr/bin/env python3
"""Messages per second through POST /api/publish, and what one costs the server.

usage: bench/api_speed.py [ROUNDS]      after ./dev build

One worker on core 0 and the memory broker; this program is on core 1 with a few connections, each with one request under
way. "heard": a subscriber over TCP takes every message, and all of them have to come. CPU is that of the whole server, so
messages/s are what it would do if its clients were not on the same machine: the wall's figure stands beside it.
"""
import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, 'build/release/bin/plugboard')
KEY = 'the-key-of-the-benchmark'
CONNECTIONS = 4
SECONDS = 2.0
BODY = 'x' * 100
CASES = [(1, False), (10, False), (100, False), (1000, False), (100, True)]


class Server:
    def __enter__(self):
        self.process = subprocess.Popen(
            ['taskset', '-c', '0', PROGRAM, '--set', 'http.listen=127.0.0.1:0', '--set', 'tcp.listen=127.0.0.1:0', '--set',
             'server.workers=1', '--set', f'api-key bench.secret={KEY}', '--set', 'limits.queue-size=64m', '--set',
             'limits.queue-messages=1000000'],
            stderr=subprocess.PIPE, text=True)
        self.ports = {}
        for line in self.process.stderr:
            if found := re.search(r'listening on (\w+)://127\.0\.0\.1:(\d+)', line):
                self.ports[found[1]] = int(found[2])
            if ' ready: ' in line:
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def cpu_s(self):
        total = 0
        for task in os.listdir(f'/proc/{self.process.pid}/task'):
            with open(f'/proc/{self.process.pid}/task/{task}/schedstat') as file:
                total += int(file.read().split()[0])
        return total / 1e9


def request(batch):
    messages = [{'destination': '/topic/bench', 'body': BODY} for _ in range(batch)]
    body = json.dumps(messages[0] if batch == 1 else {'messages': messages})
    return (f'POST /api/publish HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\n'
            f'content-length: {len(body)}\r\n\r\n{body}').encode()


class Subscriber:
    """Counts the frames that come, each of which ends with a NUL."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.sendall(b'CONNECT\naccept-version:1.2\nhost:x\n\n\0SUBSCRIBE\nid:1\ndestination:/topic/bench\nreceipt:1\n\n\0')
        text = b''
        while b'receipt-id' not in text or not text.endswith((b'\0', b'\0\n')):
            text += self.socket.recv(65536)
        self.count = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while data := self.socket.recv(1 << 20):
            self.count += data.count(b'\0')


def measure(batch, heard):
    with Server() as server:
        subscriber = Subscriber(server.ports['tcp']) if heard else None
        text = request(batch)
        selector = selectors.DefaultSelector()
        sockets = [socket.create_connection(('127.0.0.1', server.ports['http'])) for _ in range(CONNECTIONS)]
        answers = {each: b'' for each in sockets}
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each, selectors.EVENT_READ)
            each.sendall(text)
        published, begun, cpu, end = 0, time.monotonic(), server.cpu_s(), time.monotonic() + SECONDS
        open_requests = len(sockets)
        while open_requests:
            for key, _ in selector.select():
                answers[key.fileobj] += key.fileobj.recv(4096)
                if not answers[key.fileobj].endswith(b'}\n'):
                    continue
                if not answers[key.fileobj].endswith(b'{"published":%d}\n' % batch):
                    sys.exit(answers[key.fileobj].decode())
                answers[key.fileobj] = b''
                published += batch
                if time.monotonic() < end:
                    key.fileobj.sendall(text)
                else:
                    open_requests -= 1
        seconds = time.monotonic() - begun
        while subscriber and subscriber.count < published:
            time.sleep(0.01)
            if time.monotonic() > end + 30:
                sys.exit(f'{published} published, {subscriber.count} received')
        cpu = server.cpu_s() - cpu
        return published / seconds, cpu * 1e6 / published, published / cpu


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if not os.path.exists(PROGRAM):
        sys.exit(f'there is no {PROGRAM}: ./dev build')
    os.sched_setaffinity(0, {1})
    print(f'{"batch":>6}{"heard":>7}{"messages/s":>13}{"CPU/message":>14}{"messages per CPU second":>26}')
    for batch, heard in CASES:
        rows = [measure(batch, heard) for _ in range(rounds)]
        wall, cpu, rate = (statistics.median(column) for column in zip(*rows))
        print(f'{batch:>6}{"yes" if heard else "no":>7}{wall:>13,.0f}{cpu:>11.2f} µs{rate:>26,.0f}', flush=True)


if __name__ == '__main__':
    main()
