#!/usr/bin/env python3
"""What workers cost each other: locks that are waited for, lines of the cache that change hands,
wake-ups, per delivery and by number of workers.

  bench/contention.py                 two loads with 1, 2, 4 and 8 workers
  bench/contention.py --sites 20      and where in the program, for the largest number of workers

Counts, not times: they say the same on two busy cores as on eight. Lines are counted by a build of
the server of its own (build/lines, made here; see lines.c), system calls by strace with the usual
one. Each count is the difference of a long and a short run, so that connecting does not count.
With --core-ns, what a line from another core takes, transfers become a share of a delivery's CPU.
"""

import argparse
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SITES, SITE = 1 << 14, struct.Struct("5Q")
LOADS = {
    "1 topic × 1,000, 8 publishers": ["--subscribers", "1000", "--publishers", "8", "--in-flight", "8"],
    "100 topics × 10, 16 publishers": ["--subscribers", "1000", "--topics", "100", "--publishers", "16",
                                       "--in-flight", "16"],
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def build_counting():
    make = ["cmake", "-G", "Ninja", "-B", ROOT / "build/lines", "-S", ROOT, "-DCMAKE_BUILD_TYPE=Release",
            "-DPLUG_TESTS=OFF", "-DPLUG_COUNT_LINES=ON"]
    for command in (make, ["ninja", "-C", ROOT / "build/lines", "plugboard", "broker-memory"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read_counts(path):
    """{pc: (transfers, false ones, locks, waits)}"""
    data = pathlib.Path(path).read_bytes()
    base, lost = struct.unpack_from("2Q", data)
    if lost:
        print(f"{lost} accesses are not counted: lines.c has room for too few", file=sys.stderr)
    found = {}
    for pc, *counts in SITE.iter_unpack(data[16:16 + SITES * SITE.size]):
        if pc:
            found[pc - base] = counts
    return found


def run(program, workers, load, seconds, environment=None, tracing=None):
    """The deliveries of one run."""
    port = free_port()
    command = [program, "--set", f"http.listen=127.0.0.1:{port}", "--set", f"server.workers={workers}"]
    if tracing:
        command = ["strace", "-f", "-c", "-o", tracing, *command]
    server = subprocess.Popen(command, env={**os.environ, **(environment or {})},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        done = subprocess.run(
            [ROOT / "build/release/bin/plugload", "--port", str(port), *load, "--duration", str(seconds),
             "--warmup", "0", "--stall", "60"], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            sys.exit(f"plugload: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)["deliveries"]
    finally:
        if tracing:  # strace's child
            children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), 15)
        else:
            server.terminate()
        server.wait()


def lines_of(workers, load):
    """(per delivery: transfers, false ones, locks, waits; by place)"""
    with tempfile.TemporaryDirectory() as scratch:
        runs = []
        for seconds in (1, 4):
            path = f"{scratch}/{seconds}"
            n = run(ROOT / "build/lines/bin/plugboard", workers, load, seconds, {"PLUG_LINES": path})
            runs.append((n, read_counts(path)))
    (n1, short), (n2, long) = runs
    places = {pc: [(b - a) / (n2 - n1) for a, b in zip(short.get(pc, (0, 0, 0, 0)), counts)]
              for pc, counts in long.items()}
    return [sum(p[i] for p in places.values()) for i in range(4)], places


def calls_of(workers, load):
    """Per delivery: futex, write (a wake-up of another worker), all system calls but sends."""
    with tempfile.TemporaryDirectory() as scratch:
        runs = []
        for seconds in (1, 4):
            path = f"{scratch}/{seconds}"
            n = run(ROOT / "build/release/bin/plugboard", workers, load, seconds, tracing=path)
            calls = {}
            for line in pathlib.Path(path).read_text().splitlines():
                found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                if found:
                    calls[found[2]] = int(found[1])
            runs.append((n, calls))
    (n1, short), (n2, long) = runs
    return [(long.get(name, 0) - short.get(name, 0)) / (n2 - n1) for name in ("futex", "write", "epoll_wait")]


def where(pc):
    named = subprocess.run(["addr2line", "-s", "-f", "-i", "-e", ROOT / "build/lines/bin/plugboard", hex(pc - 1)],
                           capture_output=True, text=True, check=False).stdout.split("\n")
    return f"{named[0]} {named[1]}"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", default="1,2,4,8")
    options.add_argument("--sites", type=int, default=0)
    options.add_argument("--core-ns", type=float, default=100)
    options.add_argument("--delivery-us", type=float, default=4, help="CPU of a delivery")
    options.add_argument("--no-calls", action="store_true", help="without strace")
    options = options.parse_args()
    build_counting()
    print("| load | workers | lines from another core per delivery | of them false sharing | their share of a "
          "delivery | locks taken | waited for | futex calls | wake-ups | waits for events |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, load in LOADS.items():
        for workers in (int(w) for w in options.workers.split(",")):
            (transfers, false_ones, locks, waits), places = lines_of(workers, load)
            calls = [] if options.no_calls else calls_of(workers, load)
            share = transfers * options.core_ns / 1000 / options.delivery_us
            print(f"| {name} | {workers} | {transfers:.4f} | {false_ones:.4f} | {share:.2%} | {locks:.4f} | "
                  f"{waits:.6f} | " + " | ".join(f"{c:.4f}" for c in calls) + " |", flush=True)
        for pc, (transfers, false_ones, locks, waits) in sorted(
                places.items(), key=lambda p: -p[1][0])[:options.sites]:
            print(f"  {transfers:.5f} transfers, {false_ones:.5f} false; {locks:.5f} locks, {waits:.7f} waits: "
                  f"{where(pc)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
