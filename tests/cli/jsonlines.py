#!/usr/bin/env python3
"""jsonlines.py N FEED HEX [FOLDER]: N records, one a line, each with a value that is JSON or nearly; FEED gets the lines, HEX the id and the
line's bytes in hexadecimal. FOLDER: texts to begin with besides those below."""
import os
import random
import re
import sys
import uuid

SEEDS = [
    b'0', b'-0.5e-3', b'12345678901234567890', b'1e400', b'1E+2', b'-1.25', b'true', b'false', b'null', b'""', b'"plain"',
    b'"\\u0041\\u00e9\\ud83d\\ude00"', b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"é€😀 and some more text behind it"'.encode(), b'[]', b'{}',
    b'[1,2,[3,{"a":null}],"x"]', b'{"a":1,"b":[true,false],"c":{"d":"e"}}', b'{"a":1,"a":2}', b' [ 1 , { "k" : "v" } ] ',
    b'"\\ud800\\udc00"', b'"\\uFFFF"', b'"0123456789abcdef0123456789abcdef"', b'[[[[[[[[[[]]]]]]]]]]', b'"\\u0000"', b'"\\ud800"',
]
PIECES = [bytes([b]) for b in b'"\\{}[],:-+.eE0123456789utfn/ \t\r\x00\x01\x1f\x7f\x80\xbf\xc0\xc2\xe0\xed\xf0\xf4\xf5\xff'] + [
    b'\\u', b'\\ud83d', b'\\ude00', b'\\u0000', b'\xed\xa0\x80', b'\xef\xbb\xbf', b'true', b'null', b'NaN', b'1e131071', b'1e131072', b'""']


def number(r):
    digits = str(r.randrange(10 ** r.randrange(1, 9)))
    text = r.choice(['', '-']) + digits
    if r.random() < .5:
        text += '.' + str(r.randrange(10 ** r.randrange(1, 9)))
    if r.random() < .8:
        text += r.choice('eE') + r.choice(['', '+', '-']) + str(r.choice([0, 1, 300, 16380, 16383, 16390, 131060, 131071, 131072, 131080, 10 ** 9]))
    return text.encode()


def mutated(r, seeds):
    text = bytearray(r.choice(seeds) if r.random() < .9 else number(r))
    for _ in range(r.choice([0, 1, 1, 1, 2, 3])):
        at = r.randrange(len(text) + 1)
        gone = r.choice([0, 0, 1, 1, 2])
        text[at:at + gone] = r.choice(PIECES) if r.random() < .8 else b''
    return bytes(text).replace(b'\n', b' ')


def main():
    r = random.Random(int(os.environ.get('SEED', '1')))
    seeds = list(SEEDS)
    if len(sys.argv) > 4:
        for name in sorted(os.listdir(sys.argv[4])):
            text = open(os.path.join(sys.argv[4], name), 'rb').read()
            if 0 < len(text) < 500:
                seeds.append(text)
    with open(sys.argv[2], 'wb') as feed, open(sys.argv[3], 'w') as table:
        for i in range(int(sys.argv[1])):
            value = seeds[i].replace(b'\n', b' ') if i < len(seeds) else mutated(r, seeds)
            if re.search(rb'}[\s,]*{', value) or value.count(b'{') > value.count(b'}'):
                continue  # what follows is a good record of its own: it is found, which jsonb would not do
            key = 'x-probe--%s' % uuid.UUID(int=i + (4 << 76) + (8 << 60))
            line = b'{"v":' + value + (',"type":"x-probe","id":"%s","modified":"2026-01-01T00:00:00Z"}' % key).encode()
            feed.write(line + b'\n')
            table.write('%s\t\\\\x%s\n' % (key, line.hex()))


main()
