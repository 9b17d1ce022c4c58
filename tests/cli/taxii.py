#!/usr/bin/env python3
"""A TAXII 2.1 collection for tests, and servers that stand still.

    taxii.py OBJECTS LOG      prints its port

/api/collections/ID/objects/   OBJECTS indicators, added one a second from 2026-01-01 on; "next" is a number
/dates/collections/ID/objects/ the same, whose pages go on by X-TAXII-Date-Added-Last
/loop/...                      says "more" for ever, with the same "next"
/locked/...                    401 without "Authorization: Bearer token"
/breaks/...                    what goes on at 20 is status 500, as long as there is LOG.broken
/sames/...                     all was added in one second; else as /breaks/
/pauses/...                    what goes on at 10 comes after 6 seconds
/late/...                      a bundle of one, after a second
/stall/...                     the beginning of a bundle, then nothing
Each request is a line in LOG. Whoever writes a number into LOG.n makes the collection that long.
"""
import http.server, json, os, sys, time, urllib.parse, uuid

count, log = int(sys.argv[1]), sys.argv[2]


def added_at(i):
    return '2026-01-01T%02d:%02d:%02d.000000Z' % (i // 3600, i // 60 % 60, i % 60)


def indicator(i):
    at = '2026-01-01T00:00:00.000Z'
    return {'type': 'indicator', 'spec_version': '2.1', 'id': 'indicator--%s' % uuid.uuid5(uuid.NAMESPACE_URL, str(i)),
            'created': at, 'modified': at, 'valid_from': at, 'pattern_type': 'stix', 'name': 'indicator %d' % i,
            'pattern': "[ipv4-addr:value = '10.%d.%d.%d']" % (i >> 16, i >> 8 & 255, i & 255)}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def answer(self, status, body=b'', **fields):
        self.send_response(status)
        for k, v in fields.items():
            self.send_header(k.replace('_', '-'), v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        way = url.path.split('/')[1]
        q = dict(urllib.parse.parse_qsl(url.query))
        with open(log, 'a') as f:
            f.write(self.path + '\n')
        if way == 'stall':
            self.send_response(200)
            self.send_header('Content-Length', '1000000')
            self.end_headers()
            self.wfile.write(b'{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[')
            self.wfile.flush()
            time.sleep(60)
            return
        if way == 'late':
            time.sleep(1)
            bundle = {'type': 'bundle', 'id': 'bundle--00000000-0000-4000-8000-000000000000', 'objects': [indicator(0)]}
            return self.answer(200, json.dumps(bundle).encode())
        if self.headers.get('Accept') != 'application/taxii+json;version=2.1':
            return self.answer(406)
        if way == 'locked' and self.headers.get('Authorization') != 'Bearer token':
            return self.answer(401)
        if way == 'pauses' and q.get('next') == '10':
            time.sleep(6)
        n = int(open(log + '.n').read()) if os.path.exists(log + '.n') else count
        added = (lambda i: '2026-01-01T00:00:00.000000Z') if way == 'sames' else added_at
        first = next((i for i in range(n) if added(i) > q.get('added_after', '')), n)
        first += int(q.get('next', '0'))
        last = min(first + int(q['limit']), n)
        if way in ('breaks', 'sames') and q.get('next') == '20' and os.path.exists(log + '.broken'):
            return self.answer(500)
        page = {'objects': [indicator(i) for i in range(first, last)]} if first < last else {}
        fields = {'Content_Type': 'application/taxii+json;version=2.1'}
        if last < n or way == 'loop':
            page['more'] = True
            if way == 'loop':
                page['next'] = '0'
            elif way != 'dates':
                page['next'] = str(last - (first - int(q.get('next', '0'))))
        if first < last:
            fields['X_TAXII_Date_Added_First'] = added(first)
            fields['X_TAXII_Date_Added_Last'] = added(last - 1)
        # "more" and "next" behind the objects in some pages, before them in others.
        keys = sorted(page, reverse=first % 2 == 0)
        self.answer(200, json.dumps({k: page[k] for k in keys}).encode(), **fields)


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
