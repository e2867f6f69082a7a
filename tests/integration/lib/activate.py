#!/usr/bin/env python3
"""Starts a program with listening sockets as systemd does (sd_listen_fds(3)):

    activate.py NAME=ADDRESS:PORT|NAME=/PATH|NAME=udp... -- PROGRAM ARGS...

It is the program then."""
import os
import socket
import sys


def bound(address):
    if address == "udp":
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        return sock
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(address)
    else:
        host, port = address.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host.strip("[]"), int(port)))
    sock.listen(128)
    return sock


def main():
    at = sys.argv.index("--")
    pairs = [each.split("=", 1) for each in sys.argv[1:at]]
    sockets = [bound(address) for _, address in pairs]
    for i, sock in enumerate(sockets):  # first out of the way of each other
        os.dup2(sock.fileno(), 200 + i)
    for i in range(len(sockets)):
        os.dup2(200 + i, 3 + i, inheritable=True)
    os.closerange(3 + len(sockets), 256)
    env = dict(os.environ, LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()),
               LISTEN_FDNAMES=":".join(name for name, _ in pairs))
    os.execve(sys.argv[at + 1], sys.argv[at + 1:], env)


main()
