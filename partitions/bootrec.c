#include "partitions/bootrec.h"

#include <assert.h>

static const char magic[8] = "TNDMBOOT";

/* Offsets of docs/formats/bootrecord.md. */
enum {
	OFF_MAGIC = 0,
	OFF_VERSION = 8,
	OFF_BYTES = 12,
	OFF_SEQUENCE = 16,
	OFF_PHASE = 24,
	OFF_COMMITTED = 25,
	OFF_TARGET = 26,
	OFF_ATTEMPTS_LEFT = 27,
	OFF_ATTEMPTS_MAX = 28,
	OFF_STAGE = 29,
	OFF_FLAGS = 30,
	OFF_MISSES = 31,
	OFF_EPOCH_FLOOR = 32,
	OFF_HOME = 40,
	OFF_ACTION = 56,
	OFF_SLOTS = 72,
	SLOT_BYTES = 112,
	SLOT_STATE = 0,
	SLOT_EPOCH = 8,
	SLOT_IMAGE = 16,
	SLOT_VERSION = 48,
	OFF_OUTCOME = 296,
	OUT_RESULT = 0,
	OUT_FROM = 1,
	OUT_TO = 2,
	OUT_ATTEMPTS = 3,
	OUT_REASON = 4,
	OUT_STAGE = 5,
	OUT_ACTION = 8,
	OUT_BOOT = 24,
	OUT_FROM_VERSION = 40,
	OUT_TO_VERSION = 104,
	OUT_TEXT = 168,
	OUTCOME_BYTES = 288,
	OFF_TRUST_EPOCH = 584,
	OFF_HASH = BOOTREC_BYTES - HASH_BYTES,

	FLAG_ROLLED_FORWARD = 1,
	FLAG_STAND_IN = 2,
	FLAG_FALLBACK_STALE = 4,
	FLAGS_KNOWN = FLAG_ROLLED_FORWARD | FLAG_STAND_IN | FLAG_FALLBACK_STALE,
};
static_assert(OFF_SLOTS + 2 * SLOT_BYTES == OFF_OUTCOME, "slots end where the outcome starts");
static_assert(SLOT_VERSION + VERSION_TEXT_BYTES == SLOT_BYTES, "a slot ends with its version");
static_assert(OUT_TEXT + REASON_TEXT_BYTES == OUTCOME_BYTES, "the outcome ends with its text");
static_assert(OFF_OUTCOME + OUTCOME_BYTES == OFF_TRUST_EPOCH, "the outcome ends where the trust epoch is");
static_assert(OFF_TRUST_EPOCH + 8 <= OFF_HASH, "everything is under the hash");

static bool is_slot(uint8_t s)
{
	return s == SLOT_A || s == SLOT_B;
}

static bool is_slot_or_none(uint8_t s)
{
	return is_slot(s) || s == SLOT_NONE;
}

/* A text field: NUL-padded to its full width, printable ASCII before that. */
static int get_text(struct bytes in, size_t off, char *ret, size_t n)
{
	struct bytes field = in;
	size_t len = 0;

	if (bytes_sub(in, off, n, &field))
		return -EBADMSG;
	while (len < n && field.p[len] >= 0x20 && field.p[len] < 0x7f)
		len++;
	if (len == n || !bytes_all_zero(bytes_of(field.p + len, n - len)))
		return -EBADMSG;
	memcpy(ret, field.p, n);
	return 0;
}

static int parse_slot(struct bytes in, size_t off, struct slot_info *ret)
{
	uint8_t state = 0;

	if (bytes_u8(in, off + SLOT_STATE, &state) || state > STATE_BAD ||
	    bytes_le64(in, off + SLOT_EPOCH, &ret->epoch) ||
	    bytes_copy(in, off + SLOT_IMAGE, ret->image_id.b, HASH_BYTES) ||
	    get_text(in, off + SLOT_VERSION, ret->version, VERSION_TEXT_BYTES))
		return -EBADMSG;
	ret->state = state;
	return 0;
}

static int parse_outcome(struct bytes in, struct boot_outcome *ret)
{
	uint8_t result = 0, from = 0, to = 0, attempts = 0, reason = 0, stage = 0;
	const struct bytes o = bytes_of(in.p + OFF_OUTCOME, OUTCOME_BYTES); /* in has BOOTREC_BYTES */

	if (bytes_u8(o, OUT_RESULT, &result) || bytes_u8(o, OUT_FROM, &from) || bytes_u8(o, OUT_TO, &to) ||
	    bytes_u8(o, OUT_ATTEMPTS, &attempts) || bytes_u8(o, OUT_REASON, &reason) ||
	    bytes_u8(o, OUT_STAGE, &stage) || bytes_copy(o, OUT_ACTION, ret->action_id, sizeof(ret->action_id)) ||
	    bytes_copy(o, OUT_BOOT, ret->boot_id, sizeof(ret->boot_id)) ||
	    get_text(o, OUT_FROM_VERSION, ret->from_version, VERSION_TEXT_BYTES) ||
	    get_text(o, OUT_TO_VERSION, ret->to_version, VERSION_TEXT_BYTES) ||
	    get_text(o, OUT_TEXT, ret->text, REASON_TEXT_BYTES))
		return -EBADMSG;
	if (result > RESULT_DEMOTED || reason > REASON_COMMIT || stage > STAGE_HEALTH || attempts > ATTEMPTS_MAX ||
	    !is_slot_or_none(from) || !is_slot_or_none(to) ||
	    (result != RESULT_NONE && (from == SLOT_NONE || to == SLOT_NONE)))
		return -EBADMSG;
	ret->result = result;
	ret->from = from;
	ret->to = to;
	ret->attempts = attempts;
	ret->reason = reason;
	ret->stage = stage;
	return 0;
}

static int parse_head(struct bytes in, struct bootrec *rec)
{
	uint8_t phase = 0, committed = 0, target = 0, left = 0, max = 0, stage = 0, flags = 0, misses = 0;

	if (bytes_le64(in, OFF_SEQUENCE, &rec->sequence) || bytes_u8(in, OFF_PHASE, &phase) ||
	    bytes_u8(in, OFF_COMMITTED, &committed) || bytes_u8(in, OFF_TARGET, &target) ||
	    bytes_u8(in, OFF_ATTEMPTS_LEFT, &left) || bytes_u8(in, OFF_ATTEMPTS_MAX, &max) ||
	    bytes_u8(in, OFF_STAGE, &stage) || bytes_u8(in, OFF_FLAGS, &flags) || bytes_u8(in, OFF_MISSES, &misses) ||
	    bytes_le64(in, OFF_EPOCH_FLOOR, &rec->epoch_floor) ||
	    bytes_le64(in, OFF_TRUST_EPOCH, &rec->trust_epoch) ||
	    bytes_copy(in, OFF_HOME, rec->home, sizeof(rec->home)) ||
	    bytes_copy(in, OFF_ACTION, rec->action_id, sizeof(rec->action_id)))
		return -EBADMSG;
	if (rec->sequence == UINT64_MAX || phase > PHASE_FAILED || !is_slot(committed) || stage > STAGE_HEALTH ||
	    (flags & ~FLAGS_KNOWN) || max > ATTEMPTS_MAX || left > max)
		return -EBADMSG;
	if (max == 0 && phase != PHASE_IDLE)
		return -EBADMSG;
	if (target != (phase == PHASE_IDLE ? SLOT_NONE : (uint8_t)slot_other(committed)))
		return -EBADMSG;
	rec->phase = phase;
	rec->committed = committed;
	rec->target = target;
	rec->attempts_left = left;
	rec->attempts_max = max;
	rec->stage = stage;
	rec->rolled_forward = flags & FLAG_ROLLED_FORWARD;
	rec->stand_in = flags & FLAG_STAND_IN;
	rec->fallback_stale = flags & FLAG_FALLBACK_STALE;
	rec->misses = misses;
	return 0;
}

int bootrec_parse(struct bytes in, struct bootrec *ret, struct why *w)
{
	struct bootrec rec = { 0 };
	uint32_t version = 0, bytes = 0;
	struct hash stored, want;

	if (in.n != BOOTREC_BYTES)
		return fail(w, -EBADMSG, "boot record: %zu bytes, want %u", in.n, BOOTREC_BYTES);
	if (bytes_all_zero(in))
		return fail(w, -ENODATA, "boot record: never written");
	if (memcmp(in.p, magic, sizeof(magic)) != 0)
		return fail(w, -EBADMSG, "boot record: no magic number");
	if (bytes_copy(in, OFF_HASH, stored.b, HASH_BYTES))
		return fail(w, -EBADMSG, "boot record: truncated");
	want = hash_of(bytes_of(in.p, OFF_HASH));
	if (!hash_equal(&stored, &want))
		return fail(w, -EBADMSG, "boot record: checksum does not match (torn or damaged)");
	if (bytes_le32(in, OFF_VERSION, &version) || bytes_le32(in, OFF_BYTES, &bytes))
		return fail(w, -EBADMSG, "boot record: truncated");
	if (version > BOOTREC_VERSION)
		return fail(w, -EPROTONOSUPPORT, "boot record: version %u; this program knows version %u", version,
			    BOOTREC_VERSION);
	if (version != BOOTREC_VERSION || bytes != BOOTREC_BYTES)
		return fail(w, -EBADMSG, "boot record: version %u of %u bytes", version, bytes);
	if (parse_head(in, &rec))
		return fail(w, -EBADMSG, "boot record: sequence, phase, slots or counters out of range");
	if (parse_slot(in, OFF_SLOTS, &rec.slots[0]) || parse_slot(in, OFF_SLOTS + SLOT_BYTES, &rec.slots[1]))
		return fail(w, -EBADMSG, "boot record: slot description out of range");
	if (parse_outcome(in, &rec.outcome))
		return fail(w, -EBADMSG, "boot record: outcome of the last update out of range");
	*ret = rec;
	return 0;
}

/* `out` was zeroed; a text that fills its field loses its last byte to the NUL. */
static void put_text(uint8_t *out, const char *text, size_t n)
{
	memcpy(out, text, strnlen(text, n - 1));
}

static void format_slot(const struct slot_info *s, uint8_t *out)
{
	out[SLOT_STATE] = (uint8_t)s->state;
	put_le64(out + SLOT_EPOCH, s->epoch);
	memcpy(out + SLOT_IMAGE, s->image_id.b, HASH_BYTES);
	put_text(out + SLOT_VERSION, s->version, VERSION_TEXT_BYTES);
}

static void format_outcome(const struct boot_outcome *o, uint8_t *out)
{
	out[OUT_RESULT] = (uint8_t)o->result;
	out[OUT_FROM] = (uint8_t)o->from;
	out[OUT_TO] = (uint8_t)o->to;
	out[OUT_ATTEMPTS] = (uint8_t)o->attempts;
	out[OUT_REASON] = (uint8_t)o->reason;
	out[OUT_STAGE] = (uint8_t)o->stage;
	memcpy(out + OUT_ACTION, o->action_id, sizeof(o->action_id));
	memcpy(out + OUT_BOOT, o->boot_id, sizeof(o->boot_id));
	put_text(out + OUT_FROM_VERSION, o->from_version, VERSION_TEXT_BYTES);
	put_text(out + OUT_TO_VERSION, o->to_version, VERSION_TEXT_BYTES);
	put_text(out + OUT_TEXT, o->text, REASON_TEXT_BYTES);
}

void bootrec_format(const struct bootrec *rec, uint8_t out[BOOTREC_BYTES])
{
	struct hash h;

	memset(out, 0, BOOTREC_BYTES);
	memcpy(out + OFF_MAGIC, magic, sizeof(magic));
	put_le32(out + OFF_VERSION, BOOTREC_VERSION);
	put_le32(out + OFF_BYTES, BOOTREC_BYTES);
	put_le64(out + OFF_SEQUENCE, rec->sequence);
	out[OFF_PHASE] = (uint8_t)rec->phase;
	out[OFF_COMMITTED] = (uint8_t)rec->committed;
	out[OFF_TARGET] = (uint8_t)rec->target;
	out[OFF_ATTEMPTS_LEFT] = (uint8_t)rec->attempts_left;
	out[OFF_ATTEMPTS_MAX] = (uint8_t)rec->attempts_max;
	out[OFF_STAGE] = (uint8_t)rec->stage;
	out[OFF_FLAGS] =
		(uint8_t)((rec->rolled_forward ? FLAG_ROLLED_FORWARD : 0) | (rec->stand_in ? FLAG_STAND_IN : 0) |
			  (rec->fallback_stale ? FLAG_FALLBACK_STALE : 0));
	out[OFF_MISSES] = (uint8_t)rec->misses;
	put_le64(out + OFF_EPOCH_FLOOR, rec->epoch_floor);
	memcpy(out + OFF_HOME, rec->home, sizeof(rec->home));
	memcpy(out + OFF_ACTION, rec->action_id, sizeof(rec->action_id));
	format_slot(&rec->slots[0], out + OFF_SLOTS);
	format_slot(&rec->slots[1], out + OFF_SLOTS + SLOT_BYTES);
	format_outcome(&rec->outcome, out + OFF_OUTCOME);
	put_le64(out + OFF_TRUST_EPOCH, rec->trust_epoch);
	h = hash_of(bytes_of(out, OFF_HASH));
	memcpy(out + OFF_HASH, h.b, HASH_BYTES);
}

static const char *word(const char *const *words, size_t n, unsigned int at)
{
	return at < n ? words[at] : "?";
}

const char *slot_name(enum slot s)
{
	return s == SLOT_A ? "a" : s == SLOT_B ? "b" : "none";
}

const char *slot_name_or(enum slot s, const char *otherwise)
{
	return s == SLOT_NONE ? otherwise : slot_name(s);
}

const char *boot_phase_name(enum boot_phase p)
{
	static const char *const words[] = { "idle", "writing", "staged", "trial", "committing", "failed" };

	return word(words, ARRAY_SIZE(words), p);
}

const char *boot_stage_name(enum boot_stage s)
{
	static const char *const words[] = { "none", "armed", "initramfs", "userspace", "health" };

	return word(words, ARRAY_SIZE(words), s);
}

const char *boot_reason_name(enum boot_reason r)
{
	static const char *const words[] = { "none", "no-verdict", "health",   "stage",
					     "hook", "operator",   "firmware", "commit" };

	return word(words, ARRAY_SIZE(words), r);
}

const char *boot_result_name(enum boot_result r)
{
	static const char *const words[] = { "none", "committed", "failed", "demoted" };

	return word(words, ARRAY_SIZE(words), r);
}

const char *slot_state_name(enum slot_state s)
{
	static const char *const words[] = { "empty", "writing", "good", "bad" };

	return word(words, ARRAY_SIZE(words), s);
}

const char *slot_condition_name(const struct bootrec *rec, enum slot s)
{
	bool tried = rec->phase == PHASE_STAGED || rec->phase == PHASE_TRIAL || rec->phase == PHASE_COMMITTING;

	return tried && s == rec->target ? boot_phase_name(rec->phase) : slot_state_name(rec->slots[s].state);
}
