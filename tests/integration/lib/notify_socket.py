"""A service manager's notify socket: prints each datagram as a line of JSON, with the time."""
import json
import os
import socket
import sys
import time

path = sys.argv[1]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
    listener.bind(path)
    print(json.dumps({"ready": path}), flush=True)
    while True:
        text = listener.recv(65536).decode()
        fields = dict(line.split("=", 1) for line in text.split("\n") if line)
        print(json.dumps({"at": time.monotonic(), **fields}), flush=True)
