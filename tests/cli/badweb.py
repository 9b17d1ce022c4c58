#!/usr/bin/env python3
"""A web server that misbehaves in one way, which the path names: /WAY/FILE. For what nginx cannot be made to do.

    badweb.py FOLDER LOG      prints its port

Each request is a line in LOG: the way, the status, and how many bytes of a body were sent.
"""
import http.server
import mmap
import os
import sys
import threading
import time

folder, log = sys.argv[1:]
lock = threading.Lock()
counts = {}


def content(path):
    """All of a file, mapped into memory. One that was replaced is mapped anew."""
    with open(path, "rb") as f:
        return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sent = 0
    body = b""

    def log_message(self, *args):
        pass

    def asked(self):
        """The ranges that were asked for, as (first, end)."""
        field = self.headers.get("Range", "")
        if not field.startswith("bytes="):
            return []
        pairs = [part.split("-") for part in field[6:].split(",")]
        return [(int(a), min(int(b) + 1, len(self.body))) for a, b in pairs]

    def start(self, status, fields):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.status = status

    def give(self, data, limit=None):
        data = data if limit is None else data[:limit]
        for at in range(0, len(data), 1 << 16):
            self.wfile.write(data[at : at + (1 << 16)])
            self.sent += len(data[at : at + (1 << 16)])

    def cut(self):
        """End the connection here."""
        self.wfile.flush()
        self.close_connection = True

    def part(self, first, end, total=None, limit=None, etag='"1"'):
        self.start(206, [("Content-Range", "bytes %d-%d/%d" % (first, end - 1, total or len(self.body))),
                         ("Content-Length", str(end - first)), ("ETag", etag)])
        self.give(self.body[first:end], limit)

    def whole(self, limit=None, etag='"1"'):
        self.start(200, [("Content-Length", str(len(self.body))), ("ETag", etag)])
        self.give(self.body, limit)

    def several(self, ranges):
        """A body with parts, in the order that is given."""
        out = b""
        for first, end in ranges:
            out += b"\r\n--x y\r\nX-Other: 1\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (first, end - 1, len(self.body))
            out += self.body[first:end]
        out += b"\r\n--x y--\r\n"
        self.start(206, [("Content-Type", 'multipart/byteranges; boundary="x y"'), ("Content-Length", str(len(out))),
                         ("ETag", '"1"')])
        self.give(out)

    def do_GET(self):
        way, name = self.path.strip("/").split("/", 1)
        self.body = content(os.path.join(folder, name))
        with lock:
            counts[way] = n = counts.get(way, 0) + 1
        self.status = self.sent = 0
        try:
            getattr(self, "way_" + way)(self.asked(), n)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        with lock, open(log, "a") as f:
            f.write("%s %d %d\n" % (way, self.status, self.sent))

    # Each way gets the ranges, and the number of this request.

    def way_good(self, ranges, n=0):
        if len(ranges) == 1:
            self.part(*ranges[0])
        elif ranges:
            self.several(ranges)
        else:
            self.whole()

    def way_third(self, ranges, n):
        """Every third connection is dropped, in the middle of what it sends."""
        if n % 3 or not ranges:
            return self.way_good(ranges)
        first, end = ranges[0]
        if n % 6 == 0:
            self.part(first, end, limit=(end - first) // 2)
        self.cut()

    def way_cut(self, ranges, n):
        """Only 100 kB at a time."""
        if ranges:
            self.part(*ranges[0], limit=100000)
        else:
            self.whole(limit=100000)
        self.cut()

    def way_short(self, ranges, n):
        """A file that ends before its size."""
        first, end = ranges[0]
        self.part(first, end, limit=max(0, min(end, 300000) - first))
        self.cut()

    def way_changed(self, ranges, n):
        """Another file from the second request on."""
        self.part(*ranges[0], etag='"%d"' % min(n, 2))

    def way_elsewhere(self, ranges, n):
        """Bytes that were not asked for."""
        first, end = ranges[0]
        self.part(first + 4096 * (n > 1), end + 4096 * (n > 1))

    def way_noranges(self, ranges, n):
        self.whole()

    def way_noranges_cut(self, ranges, n):
        """Ignores ranges, and ends early the first two times."""
        self.whole(limit=1000000 if n < 4 else None)
        if n < 4:
            self.cut()

    def way_several200(self, ranges, n):
        """Answers one range, and several with the whole file."""
        if len(ranges) == 1:
            self.part(*ranges[0])
        else:
            self.whole()

    def way_firstpart(self, ranges, n):
        """Answers several with the first of them."""
        self.part(*ranges[0])

    def way_reversed(self, ranges, n):
        """Parts in another order."""
        if len(ranges) == 1:
            self.part(*ranges[0])
        else:
            self.several(ranges[::-1])

    def way_merged(self, ranges, n):
        """One part over all of them and the gaps."""
        self.part(ranges[0][0], ranges[-1][1])

    def way_busy(self, ranges, n):
        if n % 2:
            self.start(503, [("Retry-After", "0"), ("Content-Length", "4")])
            self.give(b"busy")
        else:
            self.way_good(ranges)

    def way_stall(self, ranges, n):
        """Nothing more after the first request."""
        if n == 1:
            return self.way_good(ranges)
        first, end = ranges[0]
        self.part(first, end, limit=1000)
        self.wfile.flush()
        time.sleep(20)
        self.cut()

    def way_wait(self, ranges, n):
        """Not a byte."""
        time.sleep(20)
        self.cut()

    def way_words(self, ranges, n):
        """Not here, in words without an end."""
        self.start(404, [("Connection", "close")])
        while True:
            self.give(b"it is not here " * 1000)
            time.sleep(0.01)

    def way_encoded(self, ranges, n):
        first, end = ranges[0]
        self.start(206, [("Content-Range", "bytes %d-%d/%d" % (first, end - 1, len(self.body))),
                         ("Content-Length", str(end - first)), ("Content-Encoding", "gzip")])
        self.give(self.body[first:end])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that went away


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
