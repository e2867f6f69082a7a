#!/usr/bin/env python3
"""Tokens verified per second, per algorithm, beside what `openssl speed` says of the bare signature.

usage: bench/jwt_speed.py [ROUNDS]      after ./dev build

Both take turns, several rounds, and the best of each counts: the machine may have other things to
do. "signature" is what it takes to verify one: the JWS taken apart, the key chosen, the text hashed;
"token" is all of it, with claims checked and the identity made. openssl speed neither hashes nor
parses.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, 'build/release/bin/jwt_speed')
BARE = {'RS256': 'rsa2048', 'PS256': 'rsa2048', 'ES256': 'ecdsap256', 'ES384': 'ecdsap384', 'ES512': 'ecdsap521',
        'EdDSA': 'ed25519'}


def openssl_verifies(name):
    out = subprocess.run(['openssl', 'speed', '-seconds', '1', name], capture_output=True, text=True, check=True).stdout
    # the last number of the last line: verify/s
    return float(out.strip().splitlines()[-1].split()[-1])


def openssl_hmac(length):
    out = subprocess.run(['openssl', 'speed', '-seconds', '1', '-hmac', 'sha256', '-bytes', str(length)],
                         capture_output=True, text=True, check=True).stdout
    return float(re.search(r'([\d.]+)k\s*$', out.strip()).group(1)) * 1000 / length


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if not os.path.exists(PROGRAM):
        sys.exit(f'there is no {PROGRAM}: ./dev build')
    print(f'{"":8}{"length":>8}{"openssl/s":>12}{"signature/s":>14}{"ratio":>8}{"token/s":>10}{"ratio":>8}')
    for alg in ['HS256', *BARE]:
        bare = signature = token = 0.0
        length = 0
        for _ in range(rounds):
            out = subprocess.run([PROGRAM, alg, '1'], capture_output=True, text=True, check=True).stdout.split()
            length = int(out[1])
            signature, token = max(signature, float(out[2])), max(token, float(out[3]))
            bare = max(bare, openssl_hmac(length) if alg == 'HS256' else openssl_verifies(BARE[alg]))
        print(f'{alg:8}{length:>8}{bare:>12.0f}{signature:>14.0f}{signature / bare:>8.2f}{token:>10.0f}{token / bare:>8.2f}',
              flush=True)


if __name__ == '__main__':
    main()
