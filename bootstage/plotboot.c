#include "bootstage/plotboot.h"

#include "base/parse.h"

static struct plot_item *add(struct plot *p, enum plot_kind kind, const char *name, uint64_t start_us, uint64_t end_us)
{
	struct plot_item *i = &p->items[p->n++];

	*i = (struct plot_item){ .kind = kind, .start_us = start_us, .end_us = end_us };
	(void)snprintf(i->name, sizeof(i->name), "%s", name);
	return i;
}

static void add_start(const struct plotboot *b, struct plot *p)
{
	uint64_t kernel_us = b->handover ? b->handover->start_us : b->manager.start_us, start_us = b->manager.start_us;

	if (kernel_us)
		(void)add(p, PLOT_KERNEL, "kernel", 0, kernel_us);
	if (b->handover)
		(void)add(p, PLOT_INIT, "tandem-init", b->handover->start_us, b->handover->handover_us);
	if (!start_us && b->handover)
		start_us = b->handover->handover_us;
	if (start_us && b->manager.finish_us)
		(void)add(p, PLOT_SYSTEM, "system start", start_us, b->manager.finish_us);
	else if (start_us && b->now_us > start_us)
		add(p, PLOT_SYSTEM, "system start", start_us, b->now_us)->mark = PLOT_RUNNING;
}

static void add_stage(const struct stage_result *r, struct plot *p)
{
	static const enum plot_kind kinds[STAGE_PHASES] = { [IN_INITRAMFS] = PLOT_INITRAMFS,
							    [IN_EARLY] = PLOT_EARLY,
							    [IN_POST] = PLOT_POST,
							    [IN_COMMITTED] = PLOT_COMMITTED };
	struct plot_item *i = add(p, kinds[r->phase], r->name, r->start_us, r->end_us);

	if (r->end == END_PASSED)
		return;
	i->mark = r->end == END_SKIPPED || (r->end == END_CANCELLED && r->start_us == r->end_us) ? PLOT_NOT_RUN
												 : PLOT_FAILED;
	(void)snprintf(i->note, sizeof(i->note), "%.150s", r->reason[0] ? r->reason : stage_end_name(r->end));
}

/* The first probe that did not pass, or how many there were. */
static void add_probes(const struct verdict *v, struct plot *p)
{
	struct plot_item *item = add(p, PLOT_HEALTH, "health probes", v->start_us, v->probed_us);

	(void)snprintf(item->note, sizeof(item->note), "%zu probe%s, %u round%s", v->n, v->n == 1 ? "" : "s", v->rounds,
		       v->rounds == 1 ? "" : "s");
	for (size_t i = 0; i < v->n && item->mark == PLOT_PASSED; i++) {
		if (v->probes[i].passed)
			continue;
		item->mark = PLOT_FAILED;
		(void)snprintf(item->note, sizeof(item->note), "%s %.80s: %.60s", v->probes[i].kind, v->probes[i].what,
			       v->probes[i].said);
	}
}

static void add_verdict(const struct verdict *v, struct plot *p)
{
	struct plot_item *i;

	if (!v->probed_us || v->probed_us < v->start_us || v->end_us < v->probed_us)
		return; /* it could not be judged */
	if (v->start_us && v->rounds && v->n)
		add_probes(v, p);
	i = add(p, PLOT_VERDICT,
		v->result == VERDICT_COMMITTED ? "commit"
		: v->result == VERDICT_FAILED  ? "end of the trial"
					       : "verdict",
		v->probed_us, v->end_us);
	if (v->result == VERDICT_UNDONE) {
		i->mark = PLOT_FAILED;
		(void)snprintf(i->note, sizeof(i->note), "%.150s", v->note);
	}
}

static void put_title(const struct plotboot *b, struct plot *p)
{
	const struct verdict *v = b->verdict;
	char slot[16] = "", duration[24];

	if (v && v->slot != SLOT_NONE)
		(void)snprintf(slot, sizeof(slot), " on slot %s", slot_name(v->slot));
	else if (b->handover)
		(void)snprintf(slot, sizeof(slot), " on slot %s", slot_name(b->handover->slot));
	(void)snprintf(p->title, sizeof(p->title), "version %.80s%s: %s", b->version ? b->version : "unknown", slot,
		       v ? verdict_result_name(v->result) : "no verdict yet");
	if (v && v->end_us)
		(void)snprintf(p->detail, sizeof(p->detail), "%s; verdict after %s: %.160s", boot_role_name(v->role),
			       stageplot_duration(v->end_us, duration), v->note);
	else if (v || b->handover)
		(void)snprintf(p->detail, sizeof(p->detail), "%s; %.160s",
			       boot_role_name(v ? v->role : b->handover->role), v ? v->note : b->handover->note);
	p->failed = v && verdict_exit_code(v->result) != EXIT_DONE;
}

void plotboot_make(const struct plotboot *b, struct plot_item items[PLOTBOOT_ITEMS], struct plot *ret)
{
	*ret = (struct plot){ .items = items };
	add_start(b, ret);
	for (size_t i = 0; i < b->stages->n; i++)
		if (b->results->have & STAGE_BIT(i))
			add_stage(&b->results->at[i], ret);
	if (b->verdict)
		add_verdict(b->verdict, ret);
	put_title(b, ret);
}

static uint64_t property(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	char digits[24];
	uint64_t us = 0;
	size_t n;

	if (!at || (at != text && at[-1] != '\n'))
		return 0;
	at += strlen(key);
	n = strcspn(at, "\n");
	if (n >= sizeof(digits))
		return 0;
	memcpy(digits, at, n);
	digits[n] = '\0';
	return parse_u64(digits, INT64_MAX, &us, NULL) ? 0 : us;
}

struct plotboot_manager plotboot_manager_parse(const char *text)
{
	return (struct plotboot_manager){
		.start_us = property(text, "UserspaceTimestampMonotonic="),
		.finish_us = property(text, "FinishTimestampMonotonic="),
	};
}
