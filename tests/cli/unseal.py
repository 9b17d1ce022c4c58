#!/usr/bin/python3
"""unseal.py BUNDLE SECRET_KEY PAYLOAD RAW_FILE: reads an encrypted bundle by docs/formats/encryption.md and libsodium's own
primitives (python3-nacl), with no code of ours: finds the content key, decrypts each page of PAYLOAD's table and each of its
chunks, and compares what is stored uncompressed, and the hidden hash, with the raw file. Prints what it did."""
import base64
import configparser
import hashlib
import struct
import sys

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_box_seal_open,
)

TAG = 16
PER_PAGE, ENTRY = 4096, 88
INDEX_PER_PAGE, INDEX = 16384, 6


def digest(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def pages(n, per_page):
    return (n + per_page - 1) // per_page


def check(condition, what):
    if not condition:
        sys.exit("unseal.py: " + what)


class Sealed:
    def __init__(self, key, content):
        self.key, self.content = key, content

    def open(self, kind, payload, at, raw_bytes, sealed):
        nonce = struct.pack("<QIB11x", at, payload, kind)
        data = self.content + nonce + struct.pack("<I", raw_bytes)
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, data, nonce, self.key)


def read_secret(path):
    lines = open(path).read().splitlines()
    check(lines[0] == "# tandem decryption key 1", "type line of the secret key")
    pair = base64.b64decode(lines[1])
    return pair[:32], pair[32:]


def read_head(f):
    head = f.read(64)
    check(head[:8] == b"\x89REUP\r\n\x1a", "magic")
    signatures, manifest, tables, payload_at, payload, trust = struct.unpack("<6Q", head[16:])
    f.seek(64 + trust + signatures)
    text = f.read(manifest).decode()
    ini = configparser.ConfigParser(comment_prefixes=("#",))
    ini.read_string(text)
    return ini, 64 + trust + signatures + manifest, payload_at


def find_key(f, at, ini, secret, public):
    e = ini["encryption"]
    f.seek(at)
    table = f.read(88 * int(e["recipients"]))
    check(digest(table).hex() == e["recipients-hash"], "hash of the recipient table")
    ids = [table[i:i + 8] for i in range(0, len(table), 88)]
    check(ids == sorted(ids), "order of the recipients")
    mine = digest(public)[:8]
    key = crypto_box_seal_open(table[88 * ids.index(mine) + 8:][:80], public, secret)
    content = bytes.fromhex(e["content"])
    check(digest(b"tandem content key 1", key) == content, "id of the content key")
    return Sealed(key, content)


def read_pages(f, at, sealed, number, p):
    """The entries in clear; the index is decrypted, too."""
    chunks, blocks = int(p["chunks"]), int(p["index-blocks"])
    n, m = pages(chunks, PER_PAGE), pages(blocks, INDEX_PER_PAGE)
    f.seek(at + int(p["table-offset"]))
    table = f.read(int(p["table-bytes"]))
    listed = table[:48 * n + 32 * m]
    check(digest(listed).hex() == p["table-hash"], "hash of the list")
    hashes = [listed[48 * i:][:32] for i in range(n)] + [listed[48 * n + 32 * i:][:32] for i in range(m)]
    sizes = [min(PER_PAGE, chunks - i * PER_PAGE) * ENTRY for i in range(n)]
    sizes += [min(INDEX_PER_PAGE, blocks - i * INDEX_PER_PAGE) * INDEX for i in range(m)]
    at, clear = len(listed), []
    for i, size in enumerate(sizes):
        page = table[at:at + size + TAG]
        at += size + TAG
        check(digest(page) == hashes[i], "hash of page %d" % i)
        kind, place = (2, i) if i < n else (3, i - n)
        clear.append(sealed.open(kind, number, place, size, page))
    check(at == len(table), "end of the table")
    return b"".join(clear[:n])


def check_chunks(f, payload_at, sealed, entries, raw):
    at, opened, compared = 0, 0, 0
    for i in range(0, len(entries), ENTRY):
        offset, stored, raw_bytes, _, encoding = struct.unpack_from("<QIIIB", entries, i)
        stored_hash = entries[i + 56:i + 88]
        if stored:
            f.seek(payload_at + offset)
            data = f.read(stored)
            check(digest(data) == stored_hash, "stored hash")
            clear = sealed.open(1, 0, offset, raw_bytes, data)
            opened += 1
            if encoding == 1:
                check(clear == raw[at:at + raw_bytes], "raw chunk")
                compared += 1
        at += raw_bytes
    check(at == len(raw), "end of the payload")
    return opened, compared


def main(bundle, secret_path, name, raw_path):
    raw = open(raw_path, "rb").read()
    secret, public = read_secret(secret_path)
    with open(bundle, "rb") as f:
        ini, at, payload_at = read_head(f)
        sealed = find_key(f, at, ini, secret, public)
        payloads = [s for s in ini.sections() if s.startswith("payload.")]
        number = payloads.index("payload." + name)
        p = ini["payload." + name]
        entries = read_pages(f, at, sealed, number, p)
        opened, compared = check_chunks(f, payload_at, sealed, entries, raw)
    mask = digest(b"hidden 1" + struct.pack("<Q", 2 * number), sealed.key)
    shown = bytes(a ^ b for a, b in zip(mask, bytes.fromhex(p["raw-hash"])))
    check(shown == digest(raw), "hidden raw-hash")
    print("opened %d chunks, compared %d" % (opened, compared))


if __name__ == "__main__":
    main(*sys.argv[1:])
