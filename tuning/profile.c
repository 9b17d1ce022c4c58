#include "tuning/profile.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/parse.h"
#include "tuning/facts.h"
#include "tuning/tuneconf.h"

#define MIB (UINT64_C(1) << 20)

const char *profile_name(enum profile p)
{
	static const char *const names[PROFILE_COUNT] = { "small", "medium", "massive" };

	return names[p];
}

enum profile profile_of(const struct tuneconf *c, uint64_t ram_bytes)
{
	if (ram_bytes > c->massive_above_bytes)
		return PROFILE_MASSIVE;
	return ram_bytes >= c->medium_from_bytes ? PROFILE_MEDIUM : PROFILE_SMALL;
}

static uint64_t clamp(uint64_t value, uint64_t min, uint64_t max)
{
	return value < min ? min : value > max ? max : value;
}

static bool within(const struct bound *b, uint64_t value)
{
	return b->any || (b->inclusive ? value <= b->value : value < b->value);
}

static void PRINTF(3, 4) derive(struct derived *ret, uint64_t value, const char *fmt, ...)
{
	va_list ap;

	ret->value = value;
	va_start(ap, fmt);
	(void)vsnprintf(ret->formula, sizeof(ret->formula), fmt, ap);
	va_end(ap);
}

/* Disks that a database can be on. */
static unsigned int count_disks(const struct facts *f)
{
	unsigned int n = 0;

	for (size_t i = 0; i < f->n_disks; i++)
		n += f->disks[i].physical && !f->disks[i].removable && !f->disks[i].read_only;
	return n;
}

static void derive_connections(const struct tuneconf *c, const struct facts *f, struct derived *ret)
{
	unsigned int disks = count_disks(f);
	uint64_t base = (uint64_t)c->connections.per_core * f->n_cores + (uint64_t)c->connections.per_disk * disks, n;
	size_t row = 0;

	while (row + 1 < c->connections.n_rows && !within(&c->connections.row[row].ram, f->usable_ram_bytes))
		row++;
	n = clamp(base, c->connections.row[row].min, c->connections.row[row].max);
	derive(ret, n, "clamp(%u * %zu core%s + %u * %u disk%s, %u, %u) = %" PRIu64, c->connections.per_core,
	       f->n_cores, f->n_cores == 1 ? "" : "s", c->connections.per_disk, disks, disks == 1 ? "" : "s",
	       c->connections.row[row].min, c->connections.row[row].max, n);
}

static void derive_shared_buffers(const struct tuneconf *c, const struct facts *f, struct derived *ret)
{
	char ram[16], min[16], max[16], result[16];
	uint64_t ram_bytes = f->usable_ram_bytes, percent = c->shared_buffers.percent;
	uint64_t n = ram_bytes / 100 * percent + ram_bytes % 100 * percent / 100;

	n = clamp(n, c->shared_buffers.min_bytes, c->shared_buffers.max_bytes) / MIB * MIB;
	derive(ret, n, "clamp(%u %% of %s, %s, %s) = %s", c->shared_buffers.percent,
	       format_size(f->usable_ram_bytes, ram), format_size(c->shared_buffers.min_bytes, min),
	       format_size(c->shared_buffers.max_bytes, max), format_size(n, result));
}

static void derive_workers(const struct tuneconf *c, const struct facts *f, struct derived *ret)
{
	size_t row = 0;

	while (row + 1 < c->workers.n_rows && !within(&c->workers.row[row].cores, f->n_cores))
		row++;
	derive(ret, c->workers.row[row].n, "%zu core%s: %u", f->n_cores, f->n_cores == 1 ? "" : "s",
	       c->workers.row[row].n);
}

void sizes_make(const struct tuneconf *c, const struct facts *f, struct sizes *ret)
{
	enum profile p = profile_of(c, f->usable_ram_bytes);
	char size[16];

	derive(&ret->network_buffer_bytes, c->profile[p].network_buffer_bytes, "profile %s: %s", profile_name(p),
	       format_size(c->profile[p].network_buffer_bytes, size));
	derive(&ret->batch_records, c->profile[p].batch_records, "profile %s: %u", profile_name(p),
	       c->profile[p].batch_records);
	derive_connections(c, f, &ret->db_connections);
	derive_shared_buffers(c, f, &ret->shared_buffers_bytes);
	derive_workers(c, f, &ret->workers);
}
