/* How much memory there is, and swap in use. */
#include <string.h>

#include "base/parse.h"
#include "tuning/facts_parts.h"
#include "tuning/procfs.h"

#define BLOCKS_FOLDER "sys/devices/system/memory"
#define BLOCKS_MAX    (1u << 20) /* 128 TiB of 128 MiB each */
#define GIB           (UINT64_C(1) << 30)

/* MemTotal lacks what firmware and kernel keep: a machine with 16 GB says 15.6 GiB (C12), so that only this is close. */
static uint64_t whole_gib(uint64_t bytes)
{
	return bytes > UINT64_MAX - GIB ? bytes : (bytes + GIB - 1) / GIB * GIB;
}

/* Size of a block, in hex without a prefix. */
static int read_block_size(const struct tree *t, uint64_t *ret, struct why *w)
{
	static const char path[] = BLOCKS_FOLDER "/block_size_bytes";
	AUTO_FREE char *text = NULL;
	char *end;
	int r = tree_text(t, path, 64, &text, w);

	if (r)
		return r;
	text[strcspn(text, "\n")] = '\0';
	errno = 0;
	*ret = strtoull(text, &end, 16);
	if (strspn(text, "0123456789abcdef") != strlen(text) || end == text || errno || *ret == 0)
		return tree_bad(t, path, w, "'%s' is not a size in hex", text);
	return 0;
}

static bool is_block(const char *name)
{
	static const char prefix[] = "memory";
	size_t n = sizeof(prefix) - 1;

	return strncmp(name, prefix, n) == 0 && name[n] && strspn(name + n, "0123456789") == strlen(name + n);
}

/* Sum of the blocks that are online; -ENOENT where the kernel was built without memory hotplug. */
static int read_blocks(const struct tree *t, uint64_t *ret_block_bytes, uint64_t *ret_bytes, struct why *w)
{
	uint64_t size = 0, sum = 0;
	AUTO_NAMES names = { 0 };
	int r = read_block_size(t, &size, w);

	r = r ? r : tree_list(t, BLOCKS_FOLDER, BLOCKS_MAX, &names, w);
	if (r)
		return r;
	for (size_t i = 0; i < names.n; i++) {
		const struct tree_path path = tree_path(BLOCKS_FOLDER "/%s/online", names.at[i]);
		int64_t online = 0;

		if (!is_block(names.at[i]))
			continue;
		r = tree_number(t, path.s, 0, 1, &online, w);
		if (r == -ENOENT)
			return tree_bad(t, path.s, w, "not there");
		if (r)
			return r;
		if (online && __builtin_add_overflow(sum, size, &sum))
			return tree_bad(t, BLOCKS_FOLDER, w, "more than 16 EiB of memory");
	}
	*ret_block_bytes = size;
	*ret_bytes = sum;
	return 0;
}

static int read_ram(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "proc/meminfo";
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	int r = tree_text(t, path, PROC_TEXT_MAX, &text, w);

	if (r == -ENOENT)
		return why_next(w, fail(w, -ENODATA, "%s/%s: not there", t->name, path), "mount proc on %s/proc",
				t->name);
	if (r)
		return r;
	if (meminfo_total(text, &f->kernel_ram_bytes, &cause))
		return tree_bad(t, path, w, "%s", cause.text);
	r = read_blocks(t, &f->memory_block_bytes, &f->ram_bytes, w);
	if (r && r != -ENOENT)
		return r;
	if (r)
		facts_degrade(f, FACT_MEMORY,
			      "%s/" BLOCKS_FOLDER ": no blocks; MemTotal rounded up to whole GiB is taken", t->name);
	else if (f->ram_bytes < f->kernel_ram_bytes)
		facts_degrade(f, FACT_MEMORY, "%s/" BLOCKS_FOLDER ": less than MemTotal, which is taken, in whole GiB",
			      t->name);
	if (f->degraded[FACT_MEMORY][0]) {
		f->memory_block_bytes = 0;
		f->ram_bytes = whole_gib(f->kernel_ram_bytes);
	}
	f->usable_ram_bytes = f->ram_bytes < f->ram_limit_bytes ? f->ram_bytes : f->ram_limit_bytes;
	return 0;
}

static int add_swap(struct facts *f, const struct swap_line *line, struct why *w)
{
	struct swap_fact *all = reallocarray(f->swaps, f->n_swaps + 1, sizeof(*all)), *s;

	if (!all)
		return fail(w, -ENOMEM, "out of memory");
	f->swaps = all;
	s = &all[f->n_swaps];
	*s = (struct swap_fact){ .name = strdup(line->name),
				 .file = line->file,
				 .zram = strncmp(line->name, "/dev/zram", 9) == 0,
				 .deleted = line->deleted,
				 .bytes = line->bytes,
				 .used_bytes = line->used_bytes,
				 .priority = line->priority };
	if (!s->name)
		return fail(w, -ENOMEM, "out of memory");
	f->n_swaps++;
	if (__builtin_add_overflow(f->swap_bytes, s->bytes, &f->swap_bytes))
		return fail(w, -EBADMSG, "more than 16 EiB of swap");
	f->swap_used_bytes += s->used_bytes; /* never more than the above */
	return 0;
}

static int read_swaps(const struct tree *t, struct facts *f, struct why *w)
{
	static const char path[] = "proc/swaps";
	AUTO_FREE char *text = NULL;
	struct why cause = { 0 };
	struct swap_line line;
	struct lines from;
	int r = tree_text(t, path, PROC_TEXT_MAX, &text, w);

	if (r == -ENOENT) {
		facts_degrade(f, FACT_SWAP, "%s/%s: not there; the kernel knows no swap", t->name, path);
		return 0;
	}
	if (r)
		return r;
	from = (struct lines){ .at = text };
	while ((r = swaps_next(&from, &line, &cause)) > 0) {
		r = add_swap(f, &line, &cause);
		if (r)
			break;
	}
	return r ? fail(w, r, "%s/%s: %s", t->name, path, cause.text) : 0;
}

int facts_read_memory(const struct tree *t, struct facts *f, struct why *w)
{
	int r = read_ram(t, f, w);

	return r ? r : read_swaps(t, f, w);
}
