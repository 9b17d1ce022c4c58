#include "bootstage/intel/machine.h"

#include <limits.h>
#include <stdio.h>

#include "tuning/facts.h"
#include "tuning/tuneconf.h"

static int policy(const char *root, const char *tuning, struct tuneconf *ret, struct why *w)
{
	struct why cause = { 0 };
	char path[PATH_MAX];
	int r;

	if (tuning)
		return tuneconf_read(tuning, ret, w);
	if (snprintf(path, sizeof(path), "%s" TUNECONF_FILE, root ? root : "") >= (int)sizeof(path))
		return fail(w, -ENAMETOOLONG, "the name of the folder is too long");
	r = tuneconf_read(path, ret, &cause);
	if (r == -ENOENT) {
		tuneconf_defaults(ret);
		return 0;
	}
	if (r && w && !w->code)
		*w = cause;
	return r;
}

int machine_read(const char *root, const char *tuning, struct machine *ret, struct why *w)
{
	AUTO_FREE struct tuneconf *c = calloc(1, sizeof(*c));
	AUTO_FACTS f = { 0 };
	struct machine m = { 0 };
	int r;

	if (!c)
		return fail(w, -ENOMEM, "out of memory");
	r = policy(root, tuning, c, w);
	r = r ? r : facts_read(root, &f, w);
	if (r)
		return r;
	sizes_make(c, &f, &m.sizes);
	m.profile = profile_of(c, f.usable_ram_bytes);
	m.ram_bytes = f.usable_ram_bytes;
	m.cores = f.n_cores;
	for (size_t i = 0; i < f.n_disks; i++)
		m.rotating = m.rotating || (f.disks[i].physical && f.disks[i].rotational);
	*ret = m;
	return 0;
}
