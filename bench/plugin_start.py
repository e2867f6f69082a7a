#!/usr/bin/env python3
"""What plugins cost a server's start: from exec to "ready" with ten plugins, beside the same with one.

  bench/plugin_start.py [--build build/release] [--rounds 30]

The one is the memory broker, the ten are that, an application and eight auth plugins: copies of the SDK's templates under
names of their own, so that each is an image that is mapped, judged, created and started. Rounds with ten and with one
change places; the figure is the difference of the medians, of which there should be less than 50 ms.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from api_speed import ROOT

N_AUTH = 8
LIMIT_MS = 50


def start_ms(program, settings):
    """Milliseconds until the server says that it is ready."""
    begin = time.monotonic()
    process = subprocess.Popen([program] + [word for setting in settings for word in ("--set", setting)],
                               stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if " ready: " in line:
                took = (time.monotonic() - begin) * 1000
                return took, sum("plugin: loaded " in each for each in said)
        sys.exit("the server has not started:\n" + "".join(said))
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    program = os.path.join(options.build, "bin/plugboard")
    templates = os.path.join(options.build, "tests/plugins")
    with tempfile.TemporaryDirectory(prefix="plugboard-bench-") as folder:
        auth = [os.path.join(folder, f"auth-copy{i}.so") for i in range(N_AUTH)]
        app = os.path.join(folder, "app-copy.so")
        for path in auth:
            shutil.copy(os.path.join(templates, "auth-template.so"), path)
        shutil.copy(os.path.join(templates, "app-template.so"), app)
        one = ["http.listen=127.0.0.1:0", "broker.plugin=memory", "server.workers=1"]
        ten = one + [f"auth.plugins={', '.join(auth)}", f"app.plugins={app}", "destinations.app=/app"]
        ten += [f"auth.copy{i}.password=open sesame" for i in range(N_AUTH)]
        took = {1: [], N_AUTH + 2: []}
        for _ in range(options.rounds):
            for settings, n in ((one, 1), (ten, N_AUTH + 2)):
                ms, loaded = start_ms(program, settings)
                if loaded != n:
                    sys.exit(f"{loaded} plugins were loaded, not {n}")
                took[n].append(ms)
        for n, all_ms in took.items():
            print(f"{n:2} plugins until ready  {statistics.median(all_ms):8.1f} ms median, {min(all_ms):.1f} least, {max(all_ms):.1f} most")
        more = statistics.median(took[N_AUTH + 2]) - statistics.median(took[1])
        per_ten = more * (N_AUTH + 2) / (N_AUTH + 1)
        print(f"ten plugins             {per_ten:8.1f} ms; the limit is {LIMIT_MS}")
        return 0 if per_ten < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
