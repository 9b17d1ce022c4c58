#!/usr/bin/python3
"""lockkey.py KEY PASSWORD: the secret key of minisign in KEY, which is not locked, as one that is, on standard output; by
minisign's format, with no code of ours. It takes the least that scrypt is allowed to cost (N 16384, 16 MiB), so that a test whose
subject is not that cost has little of it."""
import base64
import hashlib
import struct
import sys

OPERATIONS, MEMORY = 524288, 16 << 20  # what libsodium makes N = 16384, r = 8, p = 1 of

comment, text = open(sys.argv[1]).read().splitlines()
raw = base64.b64decode(text)
algorithm, salt, inside = raw[:2], raw[6:38], raw[54:126]
inside += hashlib.blake2b(algorithm + inside, digest_size=32).digest()
stream = hashlib.scrypt(sys.argv[2].encode(), salt=salt, n=16384, r=8, p=1, maxmem=MEMORY * 2, dklen=len(inside))
locked = bytes(a ^ b for a, b in zip(inside, stream))
header = algorithm + b"ScB2" + salt + struct.pack("<QQ", OPERATIONS, MEMORY)
print(comment, base64.b64encode(header + locked).decode(), sep="\n")
