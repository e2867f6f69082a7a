"""A TCP proxy on 127.0.0.1 that can lose packets, as a broken network does: to the sender's kernel
nothing arrives any more, so that it keeps what it has and sends it again and again, ever more rarely,
also after its program has closed the socket.

    lossy_proxy.py TARGET_PORT      prints its own port; then reads lines from stdin:
    drop                            all packets that arrive from clients are lost, SYN included
    pass                            they arrive again

A socket filter does it, which needs no privileges: the kernel drops what the filter refuses before
TCP sees it. What the target sends is held back meanwhile."""

import ctypes
import os
import selectors
import socket
import struct
import sys

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # asm-generic/socket.h; Python has no names for them
REFUSE = ctypes.create_string_buffer(struct.pack('HBBI', 0x06, 0, 0, 0))  # BPF_RET | BPF_K, 0 bytes
PROGRAM = struct.pack('HL', 1, ctypes.addressof(REFUSE))

selector = selectors.DefaultSelector()
dropping = False


class Pair:
    def __init__(self, near, port):
        self.near = near
        self.far = socket.create_connection(('127.0.0.1', port))
        for sock in (self.near, self.far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(near, selectors.EVENT_READ, lambda: self.copy(near, self.far))
        self.hear_target(True)

    def hear_target(self, on):
        if on:
            selector.register(self.far, selectors.EVENT_READ, lambda: self.copy(self.far, self.near))
        else:
            selector.unregister(self.far)

    def copy(self, source, target):
        try:
            data = source.recv(65536)
            if data:
                target.sendall(data)
                return
        except OSError:
            pass
        self.close()

    def close(self):
        pairs.remove(self)
        for sock in (self.near, self.far):
            if sock in selector.get_map():
                selector.unregister(sock)
            sock.close()


pairs = []


def accept():
    pairs.append(Pair(listener.accept()[0], int(sys.argv[1])))


def obey():
    global dropping
    line = os.read(0, 100).decode()
    if not line:
        sys.exit(0)
    drop = line.strip().endswith('drop')
    if drop != dropping:
        dropping = drop
        for pair in pairs:
            pair.hear_target(not drop)
        for sock in [listener] + [pair.near for pair in pairs]:
            if drop:
                sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, PROGRAM)
            else:
                sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    print('drop' if drop else 'pass', flush=True)


listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(100)
selector.register(listener, selectors.EVENT_READ, accept)
selector.register(0, selectors.EVENT_READ, obey)
print(listener.getsockname()[1], flush=True)
while True:
    for key, _ in selector.select():
        if key.fileobj in selector.get_map():
            key.data()
