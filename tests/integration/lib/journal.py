#!/usr/bin/env python3
"""A stand-in for journald: binds the datagram socket named by its argument, and writes each entry
of the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) as a line of JSON. It reads nothing while
the file SOCKET.stop exists. Ends with its standard input."""
import json
import os
import select
import socket
import sys
import time


def parse(data):
    fields = {}
    while data:
        end = data.index(b"\n")
        line = data[:end]
        if b"=" in line:
            name, value = line.split(b"=", 1)
            data = data[end + 1:]
        else:
            name = line
            size = int.from_bytes(data[end + 1:end + 9], "little")
            value = data[end + 9:end + 9 + size]
            if data[end + 9 + size:end + 10 + size] != b"\n":
                raise ValueError("no line feed behind " + repr(name))
            data = data[end + 10 + size:]
        fields[name.decode()] = value.decode()
    return fields


def main():
    path = sys.argv[1]
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    print("bound", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin] if os.path.exists(path + ".stop") else [sys.stdin, sock], [], [], 0.05)
        if sys.stdin in ready and not os.read(0, 1):
            return
        if sock in ready:
            print(json.dumps(parse(sock.recv(1 << 20))), flush=True)
        elif not ready:
            time.sleep(0)


main()
