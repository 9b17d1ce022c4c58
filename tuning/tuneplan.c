#include "tuning/tuneplan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define ACTIONS_MAX (SWAPFILE_MAX + 2 + TUNECONF_SYSCTLS + TUNE_UNIT_COUNT + 1)

const char *tune_kind_name(enum tune_kind kind)
{
	static const char *const names[] = { "swap-activate", "swap-create", "sysctl", "cpus", "irq", "refuse" };

	return names[kind];
}

const char *tune_state_name(enum tune_state state)
{
	static const char *const names[] = { "ok", "change", "degraded", "pending" };

	return names[state];
}

void tune_unit_name(enum tune_unit unit, const char *product, char ret[TUNE_OBJECT])
{
	static const char *const suffix[] = {
		[TUNE_UNIT_CORE] = "-core.service",
		[TUNE_UNIT_DPI] = "-dpi.service",
		[TUNE_UNIT_TRAINING] = "-training.service",
	};
	static const char *const systems[] = {
		[TUNE_UNIT_SYSTEM] = "system.slice",
		[TUNE_UNIT_USER] = "user.slice",
		[TUNE_UNIT_INIT] = "init.scope",
	};

	if (unit < ARRAY_SIZE(suffix))
		(void)snprintf(ret, TUNE_OBJECT, "%s%s", product, suffix[unit]);
	else
		(void)snprintf(ret, TUNE_OBJECT, "%s", systems[unit]);
}

void tune_input_free(struct tune_input *in)
{
	for (size_t i = 0; i < TUNE_UNIT_COUNT; i++)
		free(in->unit[i].cpus);
	free(in->irq_cpus);
	*in = (struct tune_input){ 0 };
}

void tuneplan_free(struct tuneplan *p)
{
	for (size_t i = 0; i < p->n_actions; i++) {
		free(p->actions[i].current);
		free(p->actions[i].wanted);
	}
	free(p->actions);
	cpuplan_free(&p->cpus);
	*p = (struct tuneplan){ 0 };
}

size_t tuneplan_count(const struct tuneplan *p, enum tune_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_actions; i++)
		n += p->actions[i].state == state;
	return n;
}

/* --- making actions --- */

struct planner {
	const struct facts *facts;
	const struct tuneconf *conf;
	const struct tune_input *in;
	const char *product;
	struct tuneplan *plan;
};

static void PRINTF(2, 3) say(char out[TUNE_TEXT], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, TUNE_TEXT, fmt, ap);
	va_end(ap);
}

/* The next action of the plan, with its two texts; NULL: out of memory. */
static struct tune_action *add(struct planner *p, enum tune_kind kind, const char *current, const char *wanted)
{
	struct tune_action *a = &p->plan->actions[p->plan->n_actions];

	*a = (struct tune_action){ .kind = kind, .current = strdup(current), .wanted = strdup(wanted) };
	p->plan->n_actions++;
	return a->current && a->wanted ? a : NULL;
}

static int add_swap(struct planner *p, enum tune_kind kind, const char *object, const char *current, const char *wanted,
		    uint64_t bytes)
{
	const struct swapplan *s = &p->plan->swap;
	struct tune_action *a = add(p, kind, current, wanted);

	if (!a)
		return -ENOMEM;
	a->state = s->outcome == SWAP_DEGRADED && kind == TUNE_SWAP_CREATE ? TUNE_DEGRADED : TUNE_CHANGE;
	a->required = s->floor_bytes > 0;
	a->bytes = bytes;
	say(a->object, "%s", object);
	say(a->reason, "%s", s->reason);
	say(a->formula, "%s", s->formula);
	return 0;
}

static int plan_swap(struct planner *p)
{
	const struct swapplan *s = &p->plan->swap;
	const struct swapfiles *files = &p->in->swap;
	char have[16], size[16];
	int r = 0;

	if (s->outcome == SWAP_REFUSED) {
		p->plan->refused = true;
		return add_swap(p, TUNE_REFUSE, files->next[0] ? files->next : "swap", format_size(s->have_bytes, have),
				format_size(s->goal_bytes, size), 0);
	}
	for (size_t i = 0; !r && i < files->n; i++)
		if (s->activate[i])
			r = add_swap(p, TUNE_SWAP_ACTIVATE, files->at[i].path, "off",
				     format_size(files->at[i].bytes, size), files->at[i].bytes);
	if (!r && (s->outcome == SWAP_MADE || s->outcome == SWAP_DEGRADED))
		r = add_swap(p, TUNE_SWAP_CREATE, files->next[0] ? files->next : "swap", "none",
			     format_size(s->create_bytes, size), s->create_bytes);
	return r;
}

/* The rule for this key on this machine: the profile's own goes before the one for all. */
static bool rule_holds(const struct planner *p, const struct sysctl_rule *rule)
{
	const struct tuneconf *c = p->conf;

	if (rule->profile == p->plan->profile)
		return true;
	if (rule->profile != PROFILE_COUNT)
		return false;
	for (size_t i = 0; i < c->n_sysctls; i++)
		if (c->sysctl[i].profile == p->plan->profile && strcmp(c->sysctl[i].key, rule->key) == 0)
			return false;
	return true;
}

/* The rule's value with the symbols in it replaced. */
static void resolve(const struct planner *p, const char *value, char ret[SYSCTL_VALUE])
{
	static const char symbol[] = TUNECONF_SYMBOL;
	size_t n = 0;

	ret[0] = '\0';
	while (*value && n < SYSCTL_VALUE) {
		if (strncmp(value, symbol, sizeof(symbol) - 1) == 0) {
			n += (size_t)snprintf(ret + n, SYSCTL_VALUE - n, "%" PRIu64,
					      p->plan->sizes.network_buffer_bytes.value);
			value += sizeof(symbol) - 1;
		} else {
			n += (size_t)snprintf(ret + n, SYSCTL_VALUE - n, "%c", *value++);
		}
	}
}

static bool at_least(const char *current, const char *wanted)
{
	uint64_t have = 0, want = 0;

	return !parse_u64(current, UINT64_MAX, &have, NULL) && !parse_u64(wanted, UINT64_MAX, &want, NULL) &&
	       have >= want;
}

static int plan_sysctl(struct planner *p, size_t i)
{
	const struct sysctl_rule *rule = &p->conf->sysctl[i];
	const char *now = p->in->sysctl[i].there ? p->in->sysctl[i].value : NULL;
	bool enough;
	char wanted[SYSCTL_VALUE];
	struct tune_action *a;

	resolve(p, rule->value, wanted);
	enough = now && (rule->raise ? at_least(now, wanted) : sysctl_same(now, wanted));
	a = add(p, TUNE_SYSCTL, now ? now : "", enough ? now : wanted);
	if (!a)
		return -ENOMEM;
	a->state = !now ? TUNE_PENDING : enough ? TUNE_OK : TUNE_CHANGE;
	a->required = rule->required;
	say(a->object, "%s", rule->key);
	say(a->formula, "%s %s%s%s", rule->raise ? ">=" : "=", rule->value,
	    strcmp(rule->value, wanted) != 0 ? " = " : "", strcmp(rule->value, wanted) != 0 ? wanted : "");
	if (!now)
		say(a->reason, "there is no such parameter yet");
	else
		say(a->reason, rule->profile == PROFILE_COUNT ? "on every machine%s" : "on machines of profile %s",
		    rule->profile == PROFILE_COUNT ? "" : profile_name(rule->profile));
	return 0;
}

/* --- CPUs --- */

static const struct cpuset *set_of(const struct cpuplan *c, enum tune_unit unit)
{
	return unit == TUNE_UNIT_DPI ? &c->dpi : unit == TUNE_UNIT_TRAINING ? &c->training : &c->core;
}

static const char *formula_of(const struct cpuplan *c, enum tune_unit unit)
{
	return unit == TUNE_UNIT_DPI        ? c->dpi_formula
	       : unit == TUNE_UNIT_TRAINING ? c->training_formula
					    : c->core_formula;
}

static bool same_list(const char *a, const char *b)
{
	AUTO_CPUSET x = { 0 }, y = { 0 };
	AUTO_FREE char *s = NULL, *t = NULL;

	if (!a || !b || cpuset_parse(a, &x, NULL) || cpuset_parse(b, &y, NULL))
		return false;
	s = cpuset_format(&x);
	t = cpuset_format(&y);
	return s && t && strcmp(s, t) == 0;
}

static const char *reason_of(const struct planner *p, const struct tune_action *a)
{
	const struct cpuplan *c = &p->plan->cpus;

	if (p->in->no_cpuset)
		return "affinity only, there are no control groups of version 2";
	if (!c->pinned || (a->unit == TUNE_UNIT_DPI && !p->conf->dpi))
		return a->weight ? "shares all CPUs at low weight" : "no longer confined";
	if (a->unit == TUNE_UNIT_TRAINING && c->training_shares)
		return "shares core's CPUs at low weight";
	if (a->unit == TUNE_UNIT_TRAINING || a->unit == TUNE_UNIT_DPI)
		return "CPUs of its own";
	return a->unit == TUNE_UNIT_CORE ? "what the others leave" : "stays where core is";
}

static int plan_unit(struct planner *p, enum tune_unit unit)
{
	const struct cpuplan *c = &p->plan->cpus;
	const struct tune_unit_now *now = &p->in->unit[unit];
	unsigned int weight = unit == TUNE_UNIT_TRAINING && c->training_shares ? p->conf->training_weight : 0;
	bool known = now->cpus != NULL, same;
	AUTO_FREE char *wanted = c->pinned ? cpuset_format(set_of(c, unit)) : strdup("");
	struct tune_action *a;

	if (!wanted)
		return -ENOMEM;
	same = known && same_list(now->cpus, wanted) && now->weight == weight;
	if (!wanted[0] && !weight && (!known || same))
		return 0;
	a = add(p, TUNE_CPUS, known ? now->cpus : "", wanted);
	if (!a)
		return -ENOMEM;
	a->state = p->in->no_cpuset ? TUNE_DEGRADED : same ? TUNE_OK : TUNE_CHANGE;
	a->unit = unit;
	a->weight = weight;
	tune_unit_name(unit, p->product, a->object);
	say(a->formula, "%s", formula_of(c, unit));
	say(a->reason, "%s", reason_of(p, a));
	return 0;
}

static int plan_irq(struct planner *p)
{
	AUTO_FREE char *wanted = cpuset_format(&p->plan->cpus.core);
	struct tune_action *a;

	if (!p->conf->irq || !p->plan->cpus.pinned)
		return 0;
	a = wanted ? add(p, TUNE_IRQ, p->in->irq_cpus ? p->in->irq_cpus : "", wanted) : NULL;
	if (!a)
		return -ENOMEM;
	a->state = same_list(p->in->irq_cpus, wanted) ? TUNE_OK : TUNE_CHANGE;
	say(a->object, "%s", "default_smp_affinity");
	say(a->reason, "%s", "interrupts that no driver places stay with core");
	say(a->formula, "%s", p->plan->cpus.core_formula);
	return 0;
}

/* --- the disk (C23) --- */

static void claim(struct tuneplan *p, const char *name, uint64_t bytes, uint64_t *left)
{
	disk_claim_add(p->claim, &p->n_claims, name, bytes, left);
}

static void plan_disk(struct planner *p)
{
	uint64_t left = p->in->swap_free_bytes;

	if (!p->in->swap.next[0] && !left)
		return; /* nobody knows which disk */
	p->plan->disk_free_bytes = left;
	claim(p->plan, "swap",
	      p->plan->swap.outcome == SWAP_REFUSED ? p->plan->swap.missing_bytes : p->plan->swap.create_bytes, &left);
	claim(p->plan, "reserve", p->conf->swap_reserve_bytes, &left);
	for (size_t i = 0; i < p->conf->n_claims; i++)
		claim(p->plan, p->conf->claim[i].name, p->conf->claim[i].bytes, &left);
}

/* --- the whole --- */

static int plan_actions(struct planner *p)
{
	int r = plan_swap(p);

	for (size_t i = 0; !r && i < p->conf->n_sysctls; i++)
		if (rule_holds(p, &p->conf->sysctl[i]))
			r = plan_sysctl(p, i);
	for (enum tune_unit u = TUNE_UNIT_CORE; !r && u < TUNE_UNIT_COUNT; u++)
		r = plan_unit(p, u);
	return r ? r : plan_irq(p);
}

int tuneplan_make(const struct facts *f, const struct tuneconf *c, const struct tune_input *in, const char *product,
		  struct tuneplan *ret, struct why *w)
{
	AUTO_TUNEPLAN plan = { .profile = profile_of(c, f->usable_ram_bytes) };
	struct planner p = { .facts = f, .conf = c, .in = in, .product = product, .plan = &plan };
	int r;

	plan.actions = calloc(ACTIONS_MAX, sizeof(*plan.actions));
	r = plan.actions ? cpuplan_make(f, c, &plan.cpus, w) : -ENOMEM;
	if (!r) {
		sizes_make(c, f, &plan.sizes);
		swapplan_make(f, c, plan.profile, &in->swap, in->swap_free_bytes, &plan.swap);
		r = plan_actions(&p);
	}
	if (r)
		return fail(w, r, "out of memory");
	plan_disk(&p);
	*ret = plan;
	plan = (struct tuneplan){ 0 };
	return 0;
}
