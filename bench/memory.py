#!/usr/bin/env python3
"""What one connection costs in memory: the server's, and the kernel's.

  bench/memory.py [--build DIR] [--connections N]

For each step of a connection's life (accepted, upgraded, CONNECTed, subscribed) a fresh server gets N
WebSocket connections that stop there, in lots of 100; then N STOMP clients over TCP that are subscribed, and N SockJS
sessions that are subscribed and poll, with a request of each waiting. Printed is by how much the server's resident
memory has grown, per connection, and by how much the kernel's socket buffers have; over loopback both ends are on
this machine, so these are halved. A lot more comes first, which is not counted: with it pages of code are read, and
what a worker has once is made. Last come the kernel's own objects of one end.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from contestants import free_port  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           b"Sec-WebSocket-Protocol: v12.stomp\r\n\r\n")


def ws_frame(payload):
    """A masked text frame of less than 126 bytes; the mask is zero."""
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


STEPS = (("accepted", None), ("upgraded", UPGRADE),
         ("CONNECTed", ws_frame(b"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:10000,10000\n\n\0")),
         ("subscribed", ws_frame(b"SUBSCRIBE\nid:sub-0\ndestination:/topic/idle\nreceipt:s\n\n\0")))


TCP_STEPS = tuple(frame[6:] for _, frame in STEPS[2:])


def post(session, transport, messages=None):
    body = json.dumps(messages).encode() if messages else b""
    return (f"POST /ws/000/{session}/{transport} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            .encode() + body)


def unframed(frame):
    return frame[6:].decode()


def poll_steps(lot, first, sender):
    """Makes a polling session of each connection: opened, CONNECTed, subscribed, and a poll that waits."""
    def each(transport, messages=None, through=None, answered=True):
        for i, connection in enumerate(lot):
            (through or connection).sendall(post(f"idle{first + i}", transport, messages))
            if through:
                through.recv(4096)
        for connection in lot if answered and not through else []:
            connection.recv(4096)

    each("xhr")
    for _, frame in STEPS[2:]:
        each("xhr_send", [unframed(frame)], sender)
        each("xhr")
    each("xhr", answered=False)


LOT = 100
OBJECTS = ("TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi")


def server_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def socket_bytes():
    """The kernel's objects of one end of a connection that is watched by epoll, {name: bytes}."""
    try:
        lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()
    except OSError:
        return {}  # for root only
    sizes = {line.split()[0]: int(line.split()[3]) for line in lines[2:]}
    return {name: sizes[name] for name in OBJECTS if name in sizes}


def buffer_bytes():
    pages = re.search(r"^TCP:.* mem (\d+)", pathlib.Path("/proc/net/sockstat").read_text(), re.M)
    return int(pages.group(1)) * os.sysconf("SC_PAGESIZE")


def measure(build, n, requests=(), polling=False, tcp=False):
    """Returns bytes per connection that has sent these requests: of the server, of socket buffers."""
    port, tcp_port = free_port(), free_port()
    settings = {"http.listen": f"127.0.0.1:{port}", "tcp.listen": f"127.0.0.1:{tcp_port}", "server.workers": 1, "server.log-level": "error",
                "limits.connect-timeout": "5m", "endpoint /ws.sockjs-disconnect-delay": "5m",
                "endpoint /ws.sockjs-heart-beat": "5m"}
    command = [build / "bin/plugboard"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    connections = []
    try:
        time.sleep(0.5)
        sender = socket.create_connection(("127.0.0.1", port))
        connections.append(sender)
        while len(connections) <= n + LOT:
            if len(connections) == 1 + LOT:
                time.sleep(0.2)
                before, buffers = server_bytes(server.pid), buffer_bytes()
            lot = [socket.create_connection(("127.0.0.1", tcp_port if tcp else port),
                                            source_address=(f"127.0.0.{1 + i % 4}", 0))
                   for i in range(min(LOT, n + LOT + 1 - len(connections)))]
            if polling:
                poll_steps(lot, len(connections), sender)
            for request in requests:
                for connection in lot:
                    connection.sendall(request)
                for connection in lot:
                    connection.recv(4096)
            connections += lot
        time.sleep(1)
        after, buffers_after = server_bytes(server.pid), buffer_bytes()
        return (after - before) / n, (buffers_after - buffers) / n / 2
    finally:
        for connection in connections:
            # With a reset, so that no port stays in TIME_WAIT.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        server.terminate()
        server.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    p.add_argument("--connections", type=int, default=10000)
    args = p.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if args.connections + LOT + 100 > hard:
        sys.exit(f"{args.connections} connections need more than {hard} file descriptors")
    print("bytes per connection that is     server   socket buffers")
    requests = [request for _, request in STEPS if request]
    rows = [(step, {"requests": requests[:i]}) for i, (step, _) in enumerate(STEPS)]
    rows += [("subscribed, over TCP", {"requests": TCP_STEPS, "tcp": True}),
             ("subscribed, polling (SockJS)", {"polling": True})]
    for name, how in rows:
        server, buffers = measure(args.build, args.connections, **how)
        print(f"{name:<28} {server:10,.0f} {buffers:16,.0f}")
    objects = socket_bytes()
    print(f"the kernel's objects of one end: {sum(objects.values()):,} bytes"
          f" ({', '.join(f'{n} {b:,}' for n, b in objects.items()) or '/proc/slabinfo is for root only'})")


if __name__ == "__main__":
    main()
