#include "tuning/irq.h"

#include <fcntl.h>
#include <string.h>

#define FOLDER       "proc/irq"
#define DEFAULT      FOLDER "/default_smp_affinity"
#define MASK_MAX     32768u
#define GROUP_DIGITS 8u
#define GROUP_CPUS   32u

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "000000ff,ffffffff": hex, highest first, a comma before every eight digits. */
static int parse_mask(const char *text, struct cpuset *ret)
{
	AUTO_CPUSET s = { 0 };
	unsigned int cpu = 0;

	for (const char *at = text + strcspn(text, "\n"); at > text; at--) {
		int digit = digit_of(at[-1]);

		if (at[-1] == ',' && cpu % GROUP_CPUS == 0 && cpu > 0)
			continue;
		if (digit < 0 || cpu >= CPUSET_CPUS_MAX)
			return -EBADMSG;
		for (unsigned int bit = 0; bit < 4; bit++)
			if (digit >> bit & 1 && cpuset_add(&s, cpu + bit))
				return -ENOMEM;
		cpu += 4;
	}
	if (cpu == 0)
		return -EBADMSG;
	*ret = s;
	s = (struct cpuset){ 0 };
	return 0;
}

/* Allocated; NULL without memory. */
static char *format_mask(const struct cpuset *s)
{
	unsigned int last = 0, groups;
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	if (!f)
		return NULL;
	for (CPUSET_EACH(cpu, s))
		last = cpu;
	groups = last / GROUP_CPUS + 1;
	for (unsigned int g = groups; g-- > 0;) {
		unsigned int bits = 0;

		for (unsigned int bit = 0; bit < GROUP_CPUS; bit++)
			bits |= (unsigned int)cpuset_has(s, g * GROUP_CPUS + bit) << bit;
		(void)fprintf(f, "%s%0*x", g + 1 < groups ? "," : "", GROUP_DIGITS, bits);
	}
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

static struct tree_path list_path(const char *irq)
{
	return tree_path(FOLDER "/%s/smp_affinity_list", irq);
}

/* In one write, as the kernel wants it. Returns 0 or -errno, without a reason. */
static int put(const struct tree *t, const char *path, const char *text)
{
	AUTO_FD fd = openat(t->fd, path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	return n < 0 ? -errno : n == (ssize_t)strlen(text) ? 0 : -EIO;
}

int irq_default(const struct tree *t, struct cpuset *ret, struct why *w)
{
	AUTO_FREE char *text = NULL;
	int r = tree_text(t, DEFAULT, MASK_MAX, &text, w);

	if (r)
		return r;
	r = parse_mask(text, ret);
	return r == -EBADMSG ? tree_bad(t, DEFAULT, w, "not a mask of CPUs") : r ? fail(w, r, "out of memory") : 0;
}

int irq_set_default(const struct tree *t, const struct cpuset *cpus, struct why *w)
{
	AUTO_FREE char *mask = format_mask(cpus);
	int r = mask ? put(t, DEFAULT, mask) : -ENOMEM;

	return r ? fail(w, r, "%s/" DEFAULT ": %s", t->name, strerror(-r)) : 0;
}

int irq_cpus(const struct tree *t, const char *irq, struct cpuset *ret, struct why *w)
{
	return tree_cpus(t, list_path(irq).s, ret, w);
}

int irq_move(const struct tree *t, const char *irq, const struct cpuset *cpus, struct why *w)
{
	AUTO_FREE char *list = cpuset_format(cpus);
	int r = list ? put(t, list_path(irq).s, list) : -ENOMEM;

	if (r == -EIO || r == -EPERM || r == -EINVAL || r == -ENOSPC ||
	    r == -ENOENT) /* managed, per CPU, no vector left, gone */
		return -EPERM;
	return r ? fail(w, r, "interrupt %s: %s", irq, strerror(-r)) : 0;
}

int irq_list(const struct tree *t, struct tree_names *ret, struct why *w)
{
	AUTO_NAMES all = { 0 };
	int r = tree_list(t, FOLDER, IRQS_MAX, &all, w);
	size_t kept = 0;

	if (r)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < all.n; i++) {
		if (strspn(all.at[i], "0123456789") == strlen(all.at[i]))
			all.at[kept++] = all.at[i];
		else
			free(all.at[i]);
	}
	all.n = kept;
	*ret = all;
	all = (struct tree_names){ 0 };
	return 0;
}
