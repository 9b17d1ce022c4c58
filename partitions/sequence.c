#include "partitions/sequence.h"

/* Store a changed copy; the machine's record follows only when that worked. */
static int put_record(struct boot_machine *m, const struct bootrec *changed, struct why *w)
{
	struct bootrec rec = *changed;
	int r = bootstore_write(m->store, &rec, w);

	if (!r)
		m->rec = rec;
	return r;
}

static int ensure(struct boot_machine *m, enum slot first, enum slot next, struct why *w)
{
	return m->efi ? efivars_ensure(m->efi, m->want, &m->rec, first, next, w) : 0;
}

int sequence_trust(struct boot_machine *m, uint64_t epoch, struct why *w)
{
	struct bootrec rec = m->rec;

	if (epoch <= rec.trust_epoch)
		return 0;
	rec.trust_epoch = epoch;
	return put_record(m, &rec, w);
}

int sequence_heal(struct boot_machine *m, enum slot next, struct why *w)
{
	return ensure(m, m->rec.committed, next, w);
}

/* In mode bootnext a slot is its boot file and its boot entry: a sequence without them would only say that it worked. */
static int need_parts(const struct boot_machine *m, bool efi, struct why *w)
{
	if (m->conf->mode != MODE_BOOTNEXT)
		return 0;
	if (!m->esp)
		return fail(w, -EINVAL, "the ESP is not open");
	if (efi && !m->efi)
		return fail(w, -ENODATA, "there are no firmware variables, and mode=bootnext starts slots by them");
	return 0;
}

int sequence_write_begin(struct boot_machine *m, enum slot target, enum slot running, const struct slot_info *image,
			 const uint8_t action_id[16], struct why *w)
{
	struct bootrec rec = m->rec;
	int r = need_parts(m, false, w);

	r = r ? r : boot_write_begin(&rec, target, running, image, m->conf->attempts, action_id, w);
	r = r ? r : put_record(m, &rec, w);
	r = r ? r : sequence_heal(m, SLOT_NONE, w);
	if (!r && m->esp)
		r = esp_remove(m->esp, m->conf->slots[target].boot_file, w);
	return r;
}

int sequence_write_end(struct boot_machine *m, struct why *w)
{
	struct bootrec rec = m->rec;
	int r = boot_write_end(&rec, w);

	return r ? r : put_record(m, &rec, w);
}

int sequence_arm(struct boot_machine *m, bool below_floor, const uint8_t action_id[16], struct why *w)
{
	struct bootrec rec = m->rec;
	int r = boot_arm(&rec, m->conf->mode, m->conf->attempts, below_floor, action_id, w);

	if (!r && m->conf->mode == MODE_BOOTNEXT && !m->efi)
		r = fail(w, -ENODATA, "there are no firmware variables, and mode=bootnext starts a trial by one");
	/* Entries first: a variable store that cannot take them is found before an attempt is spent. */
	r = r ? r : sequence_heal(m, SLOT_NONE, w);
	r = r ? r : put_record(m, &rec, w);
	if (!r && m->conf->mode == MODE_BOOTNEXT)
		r = sequence_heal(m, m->rec.target, w);
	return r;
}

int sequence_commit(struct boot_machine *m, struct why *w)
{
	struct bootrec rec = m->rec;
	int r = need_parts(m, true, w);

	r = r ? r : boot_commit_begin(&rec, w);
	if (!r && m->rec.phase != PHASE_COMMITTING)
		r = put_record(m, &rec, w);
	r = r ? r : ensure(m, m->rec.target, SLOT_NONE, w);
	if (!r && m->esp && m->conf->mode == MODE_BOOTNEXT)
		r = esp_copy(m->esp, m->conf->slots[m->rec.target].boot_file, FALLBACK_LOADER, w);
	rec = m->rec;
	r = r ? r : boot_commit_end(&rec, m->boot_id, w);
	return r ? r : put_record(m, &rec, w);
}

int sequence_fail(struct boot_machine *m, enum boot_reason reason, const char *text, struct why *w)
{
	struct bootrec rec = m->rec;
	int r = boot_fail(&rec, reason, text, m->boot_id, w);

	r = r ? r : put_record(m, &rec, w);
	return r ? r : sequence_heal(m, SLOT_NONE, w);
}

bool sequence_settle_needs_esp(const struct bootrec *rec, enum boot_mode mode, enum slot running, bool adopt)
{
	if (mode != MODE_BOOTNEXT)
		return false;
	return adopt || (running == rec->committed && (rec->phase == PHASE_FAILED || rec->fallback_stale));
}

static int settle_files(struct boot_machine *m, struct why *w)
{
	struct bootrec rec = m->rec;
	int r = 0;

	/* A slot whose trial failed must not be started by a firmware that walks through its entries. */
	if (rec.phase == PHASE_FAILED)
		r = esp_remove(m->esp, m->conf->slots[rec.target].boot_file, w);
	if (r || !rec.fallback_stale)
		return r;
	r = esp_copy(m->esp, m->conf->slots[rec.committed].boot_file, FALLBACK_LOADER, w);
	rec.fallback_stale = false;
	return r ? r : put_record(m, &rec, w);
}

/* A trial that was armed in this boot, before its health was known, still waits for its start. */
static enum slot awaited(const struct boot_machine *m)
{
	bool armed = m->rec.phase == PHASE_TRIAL && m->rec.stage == STAGE_ARMED;

	return armed && m->conf->mode == MODE_BOOTNEXT ? m->rec.target : SLOT_NONE;
}

int sequence_settle(struct boot_machine *m, enum slot running, const struct slot_info *adopt, struct why *w)
{
	struct bootrec rec = m->rec;
	int r = 0;

	if (adopt) {
		rec = boot_first(running, adopt, NULL);
		rec.fallback_stale = true;
		r = put_record(m, &rec, w);
	} else if (running == rec.committed && boot_settled(&rec)) {
		r = put_record(m, &rec, w);
	}
	if (!r && m->esp && sequence_settle_needs_esp(&m->rec, m->conf->mode, running, false))
		r = settle_files(m, w);
	return r ? r : sequence_heal(m, awaited(m), w);
}
