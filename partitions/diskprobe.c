#include "partitions/diskprobe.h"

#include <blkid/blkid.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void take(blkid_probe pr, const char *key, char *ret, size_t room)
{
	const char *value = NULL;

	ret[0] = '\0';
	if (blkid_probe_lookup_value(pr, key, &value, NULL) == 0 && value)
		(void)snprintf(ret, room, "%s", value);
}

static void end_probe(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

int diskprobe_at(int fd, const char *name, uint64_t off, uint64_t bytes, struct diskprobe *ret, struct why *w)
{
	CLEANUP(end_probe) blkid_probe pr = blkid_new_probe();
	struct diskprobe found = { 0 };
	int r;

	if (!pr)
		return fail(w, -ENOMEM, "%s: out of memory", name);
	errno = 0;
	if (blkid_probe_set_device(pr, fd, (blkid_loff_t)off, (blkid_loff_t)bytes) ||
	    blkid_probe_enable_superblocks(pr, 1) ||
	    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL |
							  BLKID_SUBLKS_UUID) ||
	    blkid_probe_enable_partitions(pr, 1))
		return fail_errno(w, "%s: cannot be examined", name);
	if (blkid_probe_get_size(pr) <= 0)
		return fail(w, -EINVAL, "%s: nothing at byte %" PRIu64, name, off);
	errno = 0;
	r = blkid_do_safeprobe(pr); /* 0 found, 1 nothing, -2 contradictory, else an error */
	if (r < 0 && r != -2)
		return fail_errno(w, "%s: cannot be examined", name);
	found.several = r == -2;
	if (r == 0) {
		take(pr, "PTTYPE", found.table, sizeof(found.table));
		take(pr, "TYPE", found.type, sizeof(found.type));
		take(pr, "USAGE", found.usage, sizeof(found.usage));
		take(pr, "LABEL", found.label, sizeof(found.label));
		take(pr, "UUID", found.uuid, sizeof(found.uuid));
	}
	*ret = found;
	return 0;
}

bool diskprobe_found(const struct diskprobe *p)
{
	return p->several || p->table[0] || p->type[0];
}

char *diskprobe_describe(const struct diskprobe *p, char out[256])
{
	const char *kind = strcmp(p->usage, "filesystem") == 0 ? " filesystem" : "";
	const char *quote = p->label[0] ? "'" : "";

	if (p->several)
		(void)snprintf(out, 256, "signatures of several kinds that contradict each other");
	else if (p->type[0])
		(void)snprintf(out, 256, "%s%s%s%s%s%s%s%s", p->type, kind, p->label[0] ? " labelled " : "", quote,
			       p->label, quote, p->table[0] ? " and a partition table of type " : "", p->table);
	else if (p->table[0])
		(void)snprintf(out, 256, "partition table of type %s", p->table);
	else
		(void)snprintf(out, 256, "nothing known");
	return out;
}
