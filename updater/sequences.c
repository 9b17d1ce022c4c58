#include "updater/sequences.h"

#define MATCH_MIN 3u /* no shorter one can be written */

struct sequences {
	ZSTD_CCtx *finder, *framer;
	ZSTD_Sequence *found, *cut; /* of the group; of the frame that is being made */
	size_t room;                /* of both */
	size_t n_found, n_cut;
	struct bytes group;
	size_t at;   /* in the group */
	size_t next; /* in `found` */
	/* what is left of the one before that: literals, then a match */
	size_t literals, match;
	uint32_t offset;
};

static bool set(ZSTD_CCtx *zstd, ZSTD_cParameter parameter, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, parameter, value));
}

ZSTD_CCtx *sequences_context(int level)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	if (zstd && set(zstd, ZSTD_c_compressionLevel, level) && set(zstd, ZSTD_c_format, ZSTD_f_zstd1_magicless) &&
	    set(zstd, ZSTD_c_contentSizeFlag, 0))
		return zstd;
	(void)ZSTD_freeCCtx(zstd);
	return NULL;
}

static int window_log(uint32_t group_bytes)
{
	int log = ZSTD_WINDOWLOG_MIN;

	while (1u << log < group_bytes)
		log++;
	return log;
}

/* Blocks that are split later hide their sequences. */
static bool set_up_finder(ZSTD_CCtx *zstd, uint32_t group_bytes)
{
	return set(zstd, ZSTD_c_useBlockSplitter, ZSTD_ps_disable) &&
	       set(zstd, ZSTD_c_windowLog, window_log(group_bytes));
}

/* It searches nothing: its tables are as small as they get. */
static bool set_up_framer(ZSTD_CCtx *zstd)
{
	return set(zstd, ZSTD_c_blockDelimiters, ZSTD_sf_explicitBlockDelimiters) &&
	       set(zstd, ZSTD_c_searchForExternalRepcodes, ZSTD_ps_enable) &&
	       set(zstd, ZSTD_c_hashLog, ZSTD_HASHLOG_MIN) && set(zstd, ZSTD_c_chainLog, ZSTD_CHAINLOG_MIN) &&
	       set(zstd, ZSTD_c_minMatch, MATCH_MIN);
}

int sequences_new(int level, uint32_t group_bytes, struct sequences **ret, struct why *w)
{
	struct sequences *s = calloc(1, sizeof(*s));

	if (!s)
		return fail(w, -ENOMEM, "out of memory");
	s->finder = sequences_context(level);
	s->framer = sequences_context(level);
	s->room = ZSTD_sequenceBound(group_bytes) + group_bytes / ZSTD_BLOCKSIZE_MAX + 2;
	s->found = calloc(s->room, sizeof(*s->found));
	s->cut = calloc(s->room, sizeof(*s->cut));
	if (!s->finder || !s->framer || !s->found || !s->cut || !set_up_finder(s->finder, group_bytes) ||
	    !set_up_framer(s->framer)) {
		sequences_free(s);
		return fail(w, -ENOMEM, "no memory for a zstd encoder");
	}
	*ret = s;
	return 0;
}

void sequences_free(struct sequences *s)
{
	if (!s)
		return;
	(void)ZSTD_freeCCtx(s->finder);
	(void)ZSTD_freeCCtx(s->framer);
	free(s->found);
	free(s->cut);
	free(s);
}

int sequences_find(struct sequences *s, struct bytes group, struct why *w)
{
	size_t n = ZSTD_generateSequences(s->finder, s->found, s->room, group.p, group.n);

	if (ZSTD_isError(n))
		return fail(w, -EIO, "zstd: %s", ZSTD_getErrorName(n));
	s->n_found = n;
	s->group = group;
	s->at = s->next = s->literals = s->match = 0;
	return 0;
}

/* Have literals or a match. What is behind the last sequence is literals. */
static void load(struct sequences *s)
{
	while (s->literals == 0 && s->match == 0 && s->next < s->n_found) {
		s->literals = s->found[s->next].litLength;
		s->match = s->found[s->next].matchLength;
		s->offset = s->found[s->next++].offset;
	}
	if (s->literals == 0 && s->match == 0)
		s->literals = s->group.n - s->at;
}

/* The next run of literals or match, at most n bytes of it. Returns its length. */
static size_t take(struct sequences *s, size_t n, bool *ret_match)
{
	size_t *from;

	load(s);
	*ret_match = s->literals == 0;
	from = *ret_match ? &s->match : &s->literals;
	n = n < *from ? n : *from;
	*from -= n;
	s->at += n;
	return n;
}

void sequences_skip(struct sequences *s, size_t n)
{
	bool match;

	while (n > 0)
		n -= take(s, n, &match);
}

static void put(struct sequences *s, uint32_t offset, size_t literals, size_t match)
{
	s->cut[s->n_cut++] = (ZSTD_Sequence){ .offset = offset,
					      .litLength = (unsigned int)literals,
					      .matchLength = (unsigned int)match };
}

static void add_reach(struct reach *r, size_t at, uint32_t offset, size_t match)
{
	size_t back = offset > at ? offset - at : 0;

	r->from_prefix += back < match ? back : match;
	r->prefix_bytes = back > r->prefix_bytes ? back : r->prefix_bytes;
}

/* The sequences of the next n bytes, a block of the frame that began at `begin`. */
static void cut_block(struct sequences *s, size_t n, size_t begin, struct reach *reach)
{
	size_t literals = 0;

	while (n > 0) {
		size_t at = s->at - begin, part;
		bool match;

		part = take(s, n, &match);
		n -= part;
		if (!match || part < MATCH_MIN) {
			literals += part;
			continue;
		}
		put(s, s->offset, literals, part);
		add_reach(reach, at, s->offset, part);
		literals = 0;
	}
	put(s, 0, literals, 0);
}

size_t sequences_frame(struct sequences *s, size_t n, uint8_t *room, size_t room_n, struct reach *ret)
{
	struct reach reach = { 0 };
	size_t begin = s->at, written;

	s->n_cut = 0;
	for (size_t at = 0, part; at < n; at += part) {
		part = n - at < ZSTD_BLOCKSIZE_MAX ? n - at : ZSTD_BLOCKSIZE_MAX;
		cut_block(s, part, begin, &reach);
	}
	written = ZSTD_compressSequences(s->framer, room, room_n, s->cut, s->n_cut, s->group.p + begin, n);
	if (ZSTD_isError(written))
		return 0;
	*ret = reach;
	return written;
}
