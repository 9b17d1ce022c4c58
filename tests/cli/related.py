# related CONNINFO ANSWERS.tsv: each row of start, name, direction, depth, related, sha256_of_sorted_ids is what
# tandem-intel related says over the kinds of edges that relationships have there.
import csv, hashlib, json, subprocess, sys

KINDS = ['attributed-to', 'detects', 'mitigates', 'revoked-by', 'subtechnique-of', 'targets', 'uses']
wrong = total = 0
for row in csv.DictReader(open(sys.argv[2], newline=''), delimiter='\t', quoting=csv.QUOTE_NONE):
    command = ['tandem-intel', 'related', '--connect', sys.argv[1], '--json', '--intel', '--limit', '1000000',
               '--direction', row['direction'], '--depth', row['depth'], row['start']]
    for k in KINDS:
        command += ['--kind', k]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    keys = sorted(x['key'] for x in said['related'])
    total += 1
    if said['cut'] or len(keys) != int(row['related']) or hashlib.sha256('\n'.join(keys).encode()).hexdigest() != row['sha256_of_sorted_ids']:
        print('%s %s %s: %d, want %s' % (row['start'], row['direction'], row['depth'], len(keys), row['related']))
        wrong += 1
print('%d of %d differ' % (wrong, total))
sys.exit(wrong > 0 or total == 0)
