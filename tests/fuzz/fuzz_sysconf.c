/*
 * fuzz_sysconf - any bytes as system.conf. What is taken keeps the promises that paths, device paths and probes are built
 * on: no way out of the ESP, no place used twice, plain names. What is refused has its reason and leaves ret alone.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/ini.h"
#include "base/parse.h"
#include "partitions/sysconf.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_place(const char *place)
{
	must(strncmp(place, "PARTLABEL=", 10) == 0 ? place[10] != '\0' : strncmp(place, "PARTUUID=", 9) == 0);
	must(text_printable(bytes_str(place)));
}

static void check_boot_file(const char *f)
{
	must(f[0] && f[0] != '/' && !strstr(f, "//") && !strstr(f, "/../") && strncmp(f, "../", 3) != 0);
	must(!strpbrk(f, " \t\\:") && f[strlen(f) - 1] != '/' && strcasecmp(f, FALLBACK_LOADER) != 0);
	for (; *f; f++)
		must(*f > 0x20 && *f < 0x7f);
}

static void check_probe(const struct sysconf_probe *p)
{
	must(p->what[0] && text_printable(bytes_str(p->what)));
	if (p->kind == PROBE_COMMAND)
		must(p->what[0] == '/');
	else if (p->kind == PROBE_UNIT)
		must(p->what[0] != '-' && !strchr(p->what, '/') && !strchr(p->what, ' '));
	else
		must(strncmp(p->what, "http", 4) == 0);
}

static void check(const struct sysconf *c)
{
	must(c->product[0] && strspn(c->product, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(c->product));
	must(c->compatible[0] && text_printable(bytes_str(c->compatible)));
	must(c->mode <= MODE_CHOOSER && c->attempts >= 1 && c->attempts <= ATTEMPTS_MAX);
	must(c->watchdog_seconds <= 3600 && c->trust_threshold >= 1 && c->trust_keys[0] == '/');
	for (size_t i = 0; i < c->n_probes; i++)
		check_probe(&c->probes[i]);
	must(c->n_probes <= SYSCONF_PROBES);
	if (c->host) {
		must(!c->esp[0] && !c->state[0] && !c->data[0] && !c->slots[0].root[0] && !c->slots[1].root[0]);
		must(c->tree.given);
		return;
	}
	check_place(c->esp);
	check_place(c->state);
	if (c->data[0])
		check_place(c->data);
	for (int i = 0; i < 2; i++) {
		check_place(c->slots[i].root);
		check_boot_file(c->slots[i].boot_file);
	}
	must(strcmp(c->slots[0].root, c->slots[1].root) != 0);
	must(strcasecmp(c->slots[0].boot_file, c->slots[1].boot_file) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char head[] = "[system]\nproduct=p\ncompatible=c\n";
	struct sysconf c, before;
	struct why w = { 0 };
	char text[4096];

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	if (sysconf_parse(bytes_of(data, n), "fuzz", &c, &w) == 0) {
		check(&c);
	} else {
		must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
		must(memcmp(&c, &before, sizeof(c)) == 0);
	}
	if (n > sizeof(text) - sizeof(head))
		return 0;
	memcpy(text, head, sizeof(head) - 1); /* with the two required keys in front, more is taken */
	if (n > 0)
		memcpy(text + sizeof(head) - 1, data, n);
	if (sysconf_parse(bytes_of(text, sizeof(head) - 1 + n), "fuzz", &c, NULL) == 0)
		check(&c);
	return 0;
}
