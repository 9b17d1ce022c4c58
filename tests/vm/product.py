"""A product for tests of trees: a program that answers on port 4000 with its version. Static and in C, so that it is there at once
also on an emulated processor."""
import os

import appliance

URL = 'http://localhost:4000/health'
SERVE = r'''#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n" VERSION;
int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(4000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0), on = 1, c;
	FILE *starts = fopen(STARTS, "a");
	char in[4096];

	if (!starts || fprintf(starts, "%s\n", VERSION) < 0 || fclose(starts))
		return 1;
	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || bind(s, (struct sockaddr *)&at, sizeof(at)) || listen(s, 8))
		return 1;
	while ((c = accept(s, NULL, NULL)) >= 0) {
		if (read(c, in, sizeof(in)) < 0 || write(c, answer, strlen(answer)) < 0)
			return 1;
		close(c);
	}
	return 1;
}
'''
DEAD = '#!/bin/sh\nexit 1\n'                     # ends at once
IDLE = '#!/bin/sh\nexec sleep infinity\n'        # runs, and never answers


def put(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, mode)


def server(path, version, starts):
    """The program of a version (five characters). Each start of it adds a line to the file `starts`."""
    put(path + '.c', SERVE)
    appliance.host('gcc', '-static', '-O1', '-DVERSION="%s"' % version, '-DSTARTS="%s"' % starts, '-o', path, path + '.c')
    os.remove(path + '.c')


def bundle(folder, name, version, compatible, programs, starts='/dev/null'):
    """A bundle of a tree. programs: a dict of the scripts in its bin; None stands for the server of this version."""
    tree = os.path.join(folder, name)
    for program, text in programs.items():
        path = os.path.join(tree, 'bin', program)
        if text is None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            server(path, version, starts)
        else:
            put(path, text, 0o755)
    put(tree + '.conf', '[bundle]\ncompatible=%s\nversion=%s\n[payload.product]\nkind=tree\nfile=%s\n' % (compatible, version, name))
    appliance.host(os.path.join(appliance.PROGRAMS, 'tandem'), 'bundle', 'create', '--config', tree + '.conf', '--key', appliance.KEY,
                   '-o', tree + '.reup', '--progress', 'none')
    return tree + '.reup'
