# stixrows GRAPH.C <BUNDLE: nodes and relationships of a STIX bundle as rows for psql, by a reader of its own.
import json, re, sys

table = open(sys.argv[1]).read()
kinds = {what: {n: i for i, n in enumerate(re.findall(r'\[%s_\w+\] = "([^"]*)"' % what, table))} for what in ('NODE', 'EDGE')}
objects = json.load(sys.stdin)['objects']

def text(s):
    return s.replace('\\', '\\\\').replace('\t', '\\t').replace('\n', '\\n').replace('\r', '\\r')

nodes = [o for o in objects if o['type'] != 'relationship']
ids = {o['id']: i for i, o in enumerate(nodes, 1)}
edges = {(ids[o['source_ref']], kinds['EDGE'].get(o['relationship_type'], 0), ids[o['target_ref']])
         for o in objects if o['type'] == 'relationship' and o['source_ref'] in ids and o['target_ref'] in ids}
print('COPY nodes (node_id, kind, key, name, revoked) FROM STDIN;')
for o in nodes:
    print('%d\t%d\t%s\t%s\t%s' % (ids[o['id']], kinds['NODE'].get(o['type'], 0), o['id'], text(o.get('name', '')), o.get('revoked', False)))
print('\\.\nCOPY intel_edges (src, kind, dst) FROM STDIN;')
for e in sorted(edges):
    print('%d\t%d\t%d' % e)
print('\\.\nANALYZE nodes; ANALYZE intel_edges;')
