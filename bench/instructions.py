#!/usr/bin/env python3
"""Counts the server's own instructions per message with callgrind and compares them with the
stored figures.

  bench/instructions.py             counts and compares; fails where a case needs over 5 % more
  bench/instructions.py --store     counts and stores the figures as the new baseline

The counts depend on the compiler and the C library, not on the machine or its load: what the C
library chooses by the processor's features is switched off. The baseline names the compiler it was
made with; with another one the comparison is not made, and says so.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "bench/instructions.json"
CASES = ("publish-unheard", "one-to-one", "one-to-one-16", "one-to-one-rules", "one-to-one-16-rules",
         "fan-out-1000", "fan-out-1000-16", "open")
TOLERANCE = 1.05
# The string functions of the C library come in versions for processors with and without these.
PLAIN_LIBC = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-ERMS,-FSRM,-BMI2,-MOVBE"


def compiler():
    """The build's compiler and C library, as far as they decide about instructions."""
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    libc = os.confstr("CS_GNU_LIBC_VERSION")
    return f"gcc {gcc.stdout.strip()}, {libc}"


def count(program, case):
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=measured*",
             f"--callgrind-out-file={scratch}/out", str(program), case],
            capture_output=True, text=True, timeout=300, check=False,
            env={"PATH": os.environ["PATH"], "GLIBC_TUNABLES": PLAIN_LIBC})
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not collected:
        sys.exit(f"instructions: {case} did not run:\n{run.stderr}{run.stdout}")
    _, units, unit = run.stdout.split()
    return int(collected.group(1)) / int(units), unit


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    options.add_argument("--store", action="store_true")
    options = options.parse_args()
    program = options.build / "bin/instructions"
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() else {"compiler": None, "cases": {}}
    now = {case: count(program, case) for case in CASES}
    worse = []
    for case, (figure, unit) in now.items():
        before = stored["cases"].get(case)
        change = f"{figure / before - 1:+7.1%}" if before else "    new"
        print(f"{case:18} {figure:9.1f} instructions per {unit:9} {change}")
        if before is None or figure > before * TOLERANCE:
            worse.append(case)
    if options.store:
        BASELINE.write_text(json.dumps(
            {"compiler": compiler(), "cases": {c: round(f, 1) for c, (f, _) in now.items()}},
            indent=2) + "\n")
        return 0
    if stored["compiler"] != compiler():
        print(f"not compared: the baseline is of {stored['compiler']}, this is {compiler()}")
        return 0
    if worse:
        print(f"over 5 % more than stored: {', '.join(worse)}; if that is meant, "
              "bench/instructions.py --store")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
