/*
 * fuzz_tuneconf - any bytes as tuning.conf. What is taken keeps the promises that paths, tables and kernel parameters are
 * built on, and a plan can be made of it for machines of several shapes: no set empty that has a use, no role outside the
 * usable CPUs. What is refused has its reason and leaves ret alone.
 */
#include <stdlib.h>

#include "base/parse.h"
#include "tuning/tuneplan.h"

#define GIB (UINT64_C(1) << 30)

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct tuneconf *c)
{
	must(c->medium_from_bytes <= c->massive_above_bytes && c->n_swap_paths > 0);
	must(c->n_swap_paths <= TUNECONF_SWAP_PATHS && c->n_sysctls <= TUNECONF_SYSCTLS);
	must(c->n_claims <= TUNECONF_CLAIMS && c->connections.n_rows > 0 && c->workers.n_rows > 0);
	must(c->connections.row[c->connections.n_rows - 1].ram.any && c->workers.row[c->workers.n_rows - 1].cores.any);
	for (size_t i = 0; i < c->n_swap_paths; i++) {
		const char *path = c->swap_path[i];

		must(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../") && !strpbrk(path, " \t\\"));
		must(strlen(path) + 2 < SWAPFILE_PATH);
	}
	for (size_t i = 0; i < c->n_sysctls; i++) {
		must(c->sysctl[i].key[0] && c->sysctl[i].value[0] && c->sysctl[i].profile <= PROFILE_COUNT);
		must(!strstr(c->sysctl[i].key, "..") && c->sysctl[i].key[0] != '/');
		must(text_printable(bytes_str(c->sysctl[i].value)));
	}
}

static bool is_part(const struct cpuset *s, const struct facts *f)
{
	for (CPUSET_EACH(cpu, s))
		if (cpu >= f->n_cpus)
			return false;
	return cpuset_count(s) > 0;
}

/* n CPUs, two threads a core, two nodes, the upper half of the efficiency kind when there are more than 8. */
static void plan(const struct tuneconf *c, unsigned int n, uint64_t ram_bytes, uint64_t free_bytes)
{
	static struct cpu_fact cpus[64];
	static struct tune_input in;
	struct nic_fact nic = { .name = (char[]){ "eth0" }, .node = 1 };
	struct facts f = { .usable_ram_bytes = ram_bytes,
			   .cpus = cpus,
			   .n_cpus = n,
			   .n_cores = (n + 1) / 2,
			   .nics = &nic,
			   .n_nics = 1,
			   .smt = true,
			   .hybrid = n > 8 };
	AUTO_TUNEPLAN p = { 0 };

	for (unsigned int i = 0; i < n; i++)
		cpus[i] = (struct cpu_fact){ .cpu = i,
					     .node = i >= n / 2,
					     .core = i & ~1u,
					     .thread = i & 1,
					     .kind = n > 8 && i >= n / 2 ? CPU_EFFICIENCY : CPU_PERFORMANCE };
	in.swap_free_bytes = free_bytes;
	memcpy(in.swap.next, c->swap_path[0], sizeof(in.swap.next));
	must(tuneplan_make(&f, c, &in, "p", &p, NULL) == 0);
	must(is_part(&p.cpus.core, &f) && is_part(&p.cpus.training, &f) && (!c->dpi || is_part(&p.cpus.dpi, &f)));
	must(p.swap.create_bytes <= free_bytes && p.refused == (p.swap.outcome == SWAP_REFUSED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct tuneconf c, before;
	struct why w = { 0 };

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	if (tuneconf_parse(bytes_of(data, n), "fuzz", &c, &w)) {
		must((w.code == -EBADMSG || w.code == -E2BIG) && w.text[0] && w.exit == EXIT_USAGE);
		must(memcmp(&c, &before, sizeof(c)) == 0);
		return 0;
	}
	check(&c);
	plan(&c, 1, GIB / 2, 0);
	plan(&c, 2, 4 * GIB, 30 * GIB);
	plan(&c, 8, 16 * GIB, 12 * GIB);
	plan(&c, 64, 196 * GIB, UINT64_MAX);
	return 0;
}
