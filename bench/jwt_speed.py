#!/usr/bin/env python3
"""Tokens verified per second, per algorithm, beside what `openssl speed` says of the bare signature.

usage: bench/jwt_speed.py [ROUNDS]      after ./dev build

Both take turns for several rounds; a ratio is that of one round, where the machine did the same for
both, and the median of all rounds is shown. "signature" is what it takes to verify one: the JWS
taken apart, the key chosen, the text hashed; "token" is all of it, with claims checked and the
identity made; "known" the same for a token that was verified before. openssl speed neither hashes
nor parses.
"""
import os
import re
import statistics
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
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if not os.path.exists(PROGRAM):
        sys.exit(f'there is no {PROGRAM}: ./dev build')
    print(f'{"":8}{"length":>8}{"openssl/s":>12}{"signature/s":>14}{"ratio":>8}{"token/s":>10}{"ratio":>8}{"known/s":>10}')
    for alg in ['HS256', *BARE]:
        rows = []
        for _ in range(rounds):
            bare = openssl_verifies(BARE[alg]) if alg in BARE else 0.0
            out = subprocess.run([PROGRAM, alg, '1'], capture_output=True, text=True, check=True).stdout.split()
            length, signature, token, known = int(out[1]), *map(float, out[2:])
            bare = bare or openssl_hmac(length)
            rows.append((length, bare, signature, signature / bare, token, token / bare, known))
        length, bare, signature, ratio, token, token_ratio, known = (statistics.median(column) for column in zip(*rows))
        print(f'{alg:8}{length:>8.0f}{bare:>12.0f}{signature:>14.0f}{ratio:>8.2f}{token:>10.0f}{token_ratio:>8.2f}{known:>10.0f}', flush=True)


if __name__ == '__main__':
    main()
