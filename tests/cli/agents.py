#!/usr/bin/env python3
"""Agents that send telemetry to a unix socket (docs/formats/telemetry.md) until every frame is acknowledged.

    agents.py SOCKET AGENTS FRAMES EVENTS [form=json|binary|both] [seconds=60] [first=1] [pause=0]

Frame s of agent a has EVENTS events of this minute from x-host:pcA to ipv4-addr:10.0.0.(s % 8). What is not acknowledged when
the connection ends is sent again. Prints how often each answer came, and "all" when nothing is left.
"""
import collections, json, select, socket, struct, sys, time, zlib

path, agents, frames, events = sys.argv[1], *map(int, sys.argv[2:5])
opt = dict(a.split('=') for a in sys.argv[5:])
form = opt.get('form', 'both')
end = time.time() + float(opt.get('seconds', 60))
first = int(opt.get('first', 1))
pause = float(opt.get('pause', 0))
now = int(opt.get('at', time.time()))


def as_json(agent, seq):
    e = {'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now)), 'src': f'x-host:pc{agent}', 'kind': 'connected',
         'dst': f'ipv4-addr:10.0.0.{seq % 8}'}
    return json.dumps({'agent': agent, 'seq': seq, 'events': [e] * events}).encode() + b'\n'


def as_binary(agent, seq):
    src, dst = f'pc{agent}'.encode(), f'10.0.0.{seq % 8}'.encode()
    e = struct.pack('<qIHHHHHH', now * 1000000, 1, 50, 41, 29, len(src), len(dst), 0) + src + dst
    head = struct.pack('<4sHHIIQI', b'TTEL', 1, 0, len(e) * events, agent, seq, events)
    return head + struct.pack('<I', zlib.crc32(head + e * events)) + e * events


def make(agent, seq):
    return as_binary(agent, seq) if form == 'binary' or form == 'both' and seq % 2 else as_json(agent, seq)


answers = collections.Counter()
left = {a: collections.OrderedDict((s, make(a, s)) for s in range(first, first + frames)) for a in range(1, agents + 1)}


def take(buf):
    """Answers at the front of buf; returns the rest."""
    while buf:
        if buf[:1] == b'T':
            if len(buf) < 24:
                break
            verdict, agent, seq = struct.unpack('<HIQ', buf[6:20])
            assert zlib.crc32(buf[:20]) == struct.unpack('<I', buf[20:24])[0]
            word, buf = ('stored', 'duplicate', 'refused')[verdict], buf[24:]
        else:
            line, sep, rest = buf.partition(b'\n')
            if not sep:
                break
            a = json.loads(line)
            agent, seq, word, buf = a['agent'], a['seq'], a['ack'], rest
        answers[word] += 1
        left[agent].pop(seq, None)
    return buf


def session():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    out = b''.join(f for a in left for f in left[a].values())
    buf = b''
    s.setblocking(False)
    while any(left.values()):
        r, w, _ = select.select([s], [s] if out else [], [], 0.2)
        if time.time() > end:
            return
        if w:
            out = out[s.send(out[:65536 if not pause else 2000]):]
            time.sleep(pause)
        if r:
            got = s.recv(65536)
            if not got:
                return
            buf = take(buf + got)


while any(left.values()) and time.time() < end:
    try:
        session()
    except OSError as e:
        print('connection:', e, file=sys.stderr)
        time.sleep(0.1)
print(*(f'{k}={v}' for k, v in sorted(answers.items())), 'all' if not any(left.values()) else 'NOT ALL')
