# graph BUNDLE ANSWERS: a STIX bundle, always the same one, and for some of its objects what is related to them, by a walk of
# our own: start, name, direction, depth, related, sha256_of_sorted_ids.
import hashlib, json, random, sys, uuid

random.seed(11)
TYPES = ['malware', 'intrusion-set', 'tool', 'campaign', 'attack-pattern']
KINDS = ['uses', 'attributed-to', 'targets', 'mitigates']

def ident(kind, i):
    return '%s--%s' % (kind, uuid.UUID(bytes=hashlib.sha256(b'%d' % i).digest()[:16], version=4))

def common(kind, i):
    return {'type': kind, 'spec_version': '2.1', 'id': ident(kind, i), 'created': '2026-01-01T00:00:00.000Z', 'modified': '2026-01-01T00:00:00.000Z'}

nodes = [dict(common(TYPES[i % len(TYPES)], i), name='Node %d' % i) for i in range(300)]
ids = [n['id'] for n in nodes]
pairs = [(i, (i + 1) % 20) for i in range(20)]                       # a ring
pairs += [(random.randrange(20, 290), random.randrange(20, 290)) for _ in range(400)]
pairs += [(i, 290) for i in range(20, 290, 3)]                       # a hub; 291 to 299 are alone
pairs += [(5, 5), (19, 100)] + pairs[:30]                            # itself; twice
relations = [dict(common('relationship', 1000 + n), relationship_type=KINDS[n % len(KINDS)], source_ref=ids[s], target_ref=ids[t])
             for n, (s, t) in enumerate(pairs)]
nowhere = [dict(common('relationship', 5000 + n), relationship_type='uses', source_ref=ids[n], target_ref=ident('malware', 9000 + n)) for n in range(10)]
objects = relations[::2] + nodes + nowhere + relations[1::2]         # ends come before and after
json.dump({'type': 'bundle', 'id': ident('bundle', 0), 'objects': objects}, open(sys.argv[1], 'w'), indent=1)

def walk(start, direction, depth):
    edges = {'out': set(pairs), 'in': {(t, s) for s, t in pairs}}
    edges['both'] = edges['out'] | edges['in']
    near, met = {start}, {start}
    for _ in range(depth):
        near = {t for s, t in edges[direction] if s in near} - met
        met |= near
    return sorted(ids[i] for i in met - {start})

with open(sys.argv[2], 'w') as f:
    f.write('start\tname\tdirection\tdepth\trelated\tsha256_of_sorted_ids\n')
    for start in (0, 5, 19, 42, 100, 290, 295):
        for direction in ('out', 'in', 'both'):
            for depth in (1, 2, 3, 12):
                found = walk(start, direction, depth)
                f.write('%s\tNode %d\t%s\t%d\t%d\t%s\n' % (ids[start], start, direction, depth, len(found), hashlib.sha256('\n'.join(found).encode()).hexdigest()))
