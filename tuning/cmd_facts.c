#include "tuning/cmd_facts.h"

#include <stdio.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "tuning/facts.h"

#define PROGRAM "tandem-tune"

static const char *kind_name(enum cpu_kind kind)
{
	return kind == CPU_EFFICIENCY ? "efficiency" : "performance";
}

/* --- JSON; the schema is in tandem-tune(8) --- */

static void json_set(struct json *j, const char *key, const struct cpuset *s)
{
	AUTO_FREE char *list = cpuset_format(s);

	json_string(j, key, list);
}

static void json_cpus(struct json *j, const struct facts *f)
{
	json_object(j, "cpus");
	json_set(j, "usable", &f->usable);
	json_set(j, "online", &f->online);
	json_set(j, "offline", &f->offline);
	json_set(j, "allowed", &f->allowed);
	json_set(j, "affinity", &f->affinity);
	json_u64(j, "count", f->n_cpus);
	json_u64(j, "cores", f->n_cores);
	json_u64(j, "packages", f->n_packages);
	json_u64(j, "nodes", f->n_nodes);
	json_bool(j, "smt", f->smt);
	json_bool(j, "hybrid", f->hybrid);
	json_array(j, "list");
	for (size_t i = 0; i < f->n_cpus; i++) {
		const struct cpu_fact *c = &f->cpus[i];

		json_object(j, NULL);
		json_u64(j, "cpu", c->cpu);
		json_u64(j, "package", c->package);
		json_u64(j, "node", c->node);
		json_u64(j, "core", c->core);
		json_u64(j, "thread", c->thread);
		json_string(j, "kind", kind_name(c->kind));
		json_u64(j, "capacity", c->capacity);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void json_memory(struct json *j, const struct facts *f)
{
	json_object(j, "memory");
	json_u64(j, "usable_bytes", f->usable_ram_bytes);
	json_u64(j, "ram_bytes", f->ram_bytes);
	if (f->ram_limit_bytes == UINT64_MAX)
		json_null(j, "limit_bytes");
	else
		json_u64(j, "limit_bytes", f->ram_limit_bytes);
	json_u64(j, "kernel_bytes", f->kernel_ram_bytes);
	json_u64(j, "block_bytes", f->memory_block_bytes);
	json_end(j);
	json_object(j, "swap");
	json_u64(j, "bytes", f->swap_bytes);
	json_u64(j, "used_bytes", f->swap_used_bytes);
	json_array(j, "areas");
	for (size_t i = 0; i < f->n_swaps; i++) {
		const struct swap_fact *s = &f->swaps[i];

		json_object(j, NULL);
		json_string(j, "name", s->name);
		json_string(j, "kind", s->zram ? "zram" : s->file ? "file" : "device");
		json_u64(j, "bytes", s->bytes);
		json_u64(j, "used_bytes", s->used_bytes);
		json_i64(j, "priority", s->priority);
		json_bool(j, "deleted", s->deleted);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void json_disks(struct json *j, const struct facts *f)
{
	json_array(j, "disks");
	for (size_t i = 0; i < f->n_disks; i++) {
		const struct disk_fact *d = &f->disks[i];

		json_object(j, NULL);
		json_string(j, "name", d->name);
		json_u64(j, "size_bytes", d->size_bytes);
		json_bool(j, "rotational", d->rotational);
		json_bool(j, "removable", d->removable);
		json_bool(j, "read_only", d->read_only);
		json_bool(j, "physical", d->physical);
		json_end(j);
	}
	json_end(j);
	json_array(j, "filesystems");
	for (size_t i = 0; i < f->n_filesystems; i++) {
		const struct fs_fact *s = &f->filesystems[i];

		json_object(j, NULL);
		json_string(j, "mount", s->point);
		json_string(j, "type", s->type);
		json_string(j, "device", s->device);
		json_string(j, "disk", s->disk);
		json_bool(j, "read_only", s->read_only);
		if (s->measured) {
			json_u64(j, "size_bytes", s->size_bytes);
			json_u64(j, "free_bytes", s->free_bytes);
		} else {
			json_null(j, "size_bytes");
			json_null(j, "free_bytes");
		}
		json_end(j);
	}
	json_end(j);
}

static void json_nics(struct json *j, const struct facts *f)
{
	json_array(j, "nics");
	for (size_t i = 0; i < f->n_nics; i++) {
		json_object(j, NULL);
		json_string(j, "name", f->nics[i].name);
		if (f->nics[i].node < 0)
			json_null(j, "node");
		else
			json_u64(j, "node", (uint64_t)f->nics[i].node);
		json_end(j);
	}
	json_end(j);
}

static int print_json(const struct facts *f, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_bool(&j, "live", f->live);
	json_cpus(&j, f);
	json_memory(&j, f);
	json_disks(&j, f);
	json_nics(&j, f);
	json_array(&j, "degraded");
	for (size_t i = 0; i < FACT_COUNT; i++) {
		if (!f->degraded[i][0])
			continue;
		json_object(&j, NULL);
		json_string(&j, "fact", fact_name((enum fact)i));
		json_string(&j, "why", f->degraded[i]);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

/* --- for people --- */

static void print_set(const char *name, const struct cpuset *s, const struct cpuset *unless)
{
	AUTO_FREE char *list = cpuset_format(s), *other = cpuset_format(unless);

	if (list && *list && (!other || strcmp(list, other) != 0))
		(void)printf("%-11s %s\n", name, list);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* Siblings of a core as "0,4", cores set apart by blanks, a line per node of each package. */
static void print_topology(const struct facts *f)
{
	for (size_t i = 0; i < f->n_cpus; i++) {
		const struct cpu_fact *c = &f->cpus[i], *before = i ? c - 1 : NULL;

		if (!before || before->package != c->package || before->node != c->node)
			(void)printf("%s  package %u node %u:", before ? "\n" : "", c->package, c->node);
		(void)printf("%s%u", before && before->core == c->core ? "," : " ", c->cpu);
		if (f->hybrid && c->kind == CPU_EFFICIENCY)
			(void)printf("e");
	}
	(void)printf("\n");
}

static void print_cpus(const struct facts *f)
{
	AUTO_FREE char *usable = cpuset_format(&f->usable);

	(void)printf("%-11s %zu usable (%s): %zu core%s, %zu package%s, %zu NUMA node%s%s\n", "cpus", f->n_cpus,
		     usable ? usable : "?", f->n_cores, plural(f->n_cores), f->n_packages, plural(f->n_packages),
		     f->n_nodes, plural(f->n_nodes), f->hybrid ? ", hybrid (e: efficiency)" : "");
	print_topology(f);
	print_set("  online", &f->online, &f->usable);
	print_set("  allowed", &f->allowed, &f->online);
	print_set("  affinity", &f->affinity, &f->online);
	print_set("  offline", &f->offline, &f->usable);
}

static void print_memory(const struct facts *f)
{
	char ram[16], kernel[16], limit[16], block[16];

	(void)printf("%-11s %s", "memory", format_size(f->ram_bytes, ram));
	if (f->memory_block_bytes)
		(void)printf(" in blocks of %s", format_size(f->memory_block_bytes, block));
	(void)printf("; MemTotal %s", format_size(f->kernel_ram_bytes, kernel));
	if (f->ram_limit_bytes != UINT64_MAX)
		(void)printf("; limited to %s", format_size(f->ram_limit_bytes, limit));
	(void)printf("\n");
	if (f->n_swaps == 0)
		(void)printf("%-11s none\n", "swap");
	for (size_t i = 0; i < f->n_swaps; i++) {
		const struct swap_fact *s = &f->swaps[i];
		char size[16], used[16];

		(void)printf("%-11s %s: %s, %s used, priority %d%s%s\n", "swap", s->name, format_size(s->bytes, size),
			     format_size(s->used_bytes, used), s->priority, s->zram ? ", in memory" : "",
			     s->deleted ? ", file deleted" : "");
	}
}

static void print_disks(const struct facts *f)
{
	for (size_t i = 0; i < f->n_disks; i++) {
		const struct disk_fact *d = &f->disks[i];
		char size[16];

		(void)printf("%-11s %s: %s, %s%s%s%s\n", "disk", d->name, format_size(d->size_bytes, size),
			     d->rotational ? "rotating" : "not rotating", d->physical ? "" : ", virtual",
			     d->removable ? ", removable" : "", d->read_only ? ", read-only" : "");
	}
	for (size_t i = 0; i < f->n_filesystems; i++) {
		const struct fs_fact *s = &f->filesystems[i];
		char size[16], left[16];

		(void)printf("%-11s %s: %s on %s", "filesystem", s->point, s->type, s->device);
		if (s->measured)
			(void)printf(", %s of %s free", format_size(s->free_bytes, left),
				     format_size(s->size_bytes, size));
		(void)printf("%s\n", s->read_only ? ", read-only" : "");
	}
}

static void print_text(const struct facts *f)
{
	print_cpus(f);
	print_memory(f);
	print_disks(f);
	for (size_t i = 0; i < f->n_nics; i++) {
		if (f->nics[i].node < 0)
			(void)printf("%-11s %s: any node\n", "nic", f->nics[i].name);
		else
			(void)printf("%-11s %s: node %d\n", "nic", f->nics[i].name, f->nics[i].node);
	}
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (f->degraded[i][0])
			(void)printf("%-11s %s: %s\n", "degraded", fact_name((enum fact)i), f->degraded[i]);
}

int cmd_facts(int argc, char **argv)
{
	const char *root = NULL;
	bool json = false;
	const struct opt opts[] = {
		{ .name = "root", .arg = "DIR", .help = "a captured tree instead of this machine", .value = &root },
		{ .name = "json", .help = "as JSON", .flag = &json },
	};
	AUTO_FACTS f = { 0 };
	struct why w = { 0 };
	struct args args;
	int r = args_parse(
		PROGRAM " facts [--root DIR] [--json]",
		"Print what this machine is: usable CPUs and how they hang together, memory, swap, disks and\n"
		"what is free on them, network cards.",
		opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	r = facts_read(root, &f, &w);
	if (!r && json)
		r = print_json(&f, &w);
	else if (!r)
		print_text(&f);
	if (!r && !json && fflush(stdout))
		r = fail_errno(&w, "output");
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
