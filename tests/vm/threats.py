"""A small feed of STIX: a file's hash, the malware that it is, and the group behind it."""
import json

HASH = 'ab' * 32
GROUP, MALWARE, INDICATOR = ('%s--00000000-0000-4000-8000-0000000000%02d' % word for word in
                             (('intrusion-set', 1), ('malware', 2), ('indicator', 3)))
TIMES = {'spec_version': '2.1', 'created': '2024-01-01T00:00:00Z', 'modified': '2024-01-01T00:00:00Z'}


def relationship(number, source, kind, target):
    return dict(TIMES, type='relationship', id='relationship--00000000-0000-4000-8000-0000000001%02d' % number,
                relationship_type=kind, source_ref=source, target_ref=target)


FEED = json.dumps({'type': 'bundle', 'id': 'bundle--00000000-0000-4000-8000-000000000000', 'objects': [
    dict(TIMES, type='intrusion-set', id=GROUP, name='Quiet Lynx'),
    dict(TIMES, type='malware', id=MALWARE, name='Lynxpaw', is_family=True),
    dict(TIMES, type='indicator', id=INDICATOR, pattern="[file:hashes.'SHA-256' = '%s']" % HASH, pattern_type='stix',
         valid_from='2024-01-01T00:00:00Z'),
    relationship(1, INDICATOR, 'indicates', MALWARE),
    relationship(2, MALWARE, 'attributed-to', GROUP),
]}) + '\n'
