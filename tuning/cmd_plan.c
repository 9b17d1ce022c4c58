#include "tuning/cmd_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/json.h"
#include "base/parse.h"
#include "tuning/session.h"

#define PROGRAM "tandem-tune"

/* --- JSON --- */

static void json_sizes(struct json *j, const struct sizes *s)
{
	const struct {
		const char *name;
		const struct derived *size;
	} all[] = {
		{ "network_buffer_bytes", &s->network_buffer_bytes },
		{ "db_connections", &s->db_connections },
		{ "shared_buffers_bytes", &s->shared_buffers_bytes },
		{ "batch_records", &s->batch_records },
		{ "workers", &s->workers },
	};

	json_object(j, "sizes");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		json_u64(j, all[i].name, all[i].size->value);
	json_end(j);
	json_object(j, "size_formulas");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		json_string(j, all[i].name, all[i].size->formula);
	json_end(j);
}

static void json_set(struct json *j, const char *key, const struct cpuset *s)
{
	AUTO_FREE char *list = cpuset_format(s);

	json_string(j, key, list);
}

static void json_cpus(struct json *j, const struct session *s)
{
	const struct cpuplan *c = &s->plan.cpus;

	json_object(j, "cpus");
	json_string(j, "policy", cpu_policy_name(s->conf.cpu_policy));
	json_string(j, "numbering", cpu_numbering_name(s->conf.cpu_numbering));
	json_bool(j, "pinned", c->pinned);
	json_set(j, "dpi", &c->dpi);
	json_set(j, "core", &c->core);
	json_set(j, "training", &c->training);
	json_bool(j, "training_shares", c->training_shares);
	json_bool(j, "core_split", c->core_split);
	if (c->dpi_node < 0)
		json_null(j, "dpi_node");
	else
		json_i64(j, "dpi_node", c->dpi_node);
	json_bool(j, "spills", c->spills);
	json_string(j, "reason", c->reason);
	json_end(j);
}

static void json_swap(struct json *j, const struct session *s)
{
	const struct swapplan *p = &s->plan.swap;

	json_object(j, "swap");
	json_string(j, "policy", swap_policy_name(s->conf.swap_policy));
	json_string(j, "outcome", swap_outcome_name(p->outcome));
	json_u64(j, "goal_bytes", p->goal_bytes);
	json_u64(j, "table_bytes", p->table_bytes);
	json_u64(j, "guarantee_bytes", p->floor_bytes);
	json_u64(j, "have_bytes", p->have_bytes);
	json_u64(j, "zram_bytes", p->zram_bytes);
	json_u64(j, "activate_bytes", p->activate_bytes);
	json_u64(j, "missing_bytes", p->missing_bytes);
	json_u64(j, "create_bytes", p->create_bytes);
	json_string(j, "reason", p->reason);
	json_string(j, "formula", p->formula);
	json_end(j);
}

static void json_disk(struct json *j, const struct tuneplan *p)
{
	json_object(j, "disk");
	json_u64(j, "free_bytes", p->disk_free_bytes);
	json_array(j, "claims");
	for (size_t i = 0; i < p->n_claims; i++) {
		json_object(j, NULL);
		json_string(j, "name", p->claim[i].name);
		json_u64(j, "bytes", p->claim[i].bytes);
		json_bool(j, "fits", p->claim[i].fits);
		json_u64(j, "left_bytes", p->claim[i].left_bytes);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

/* A refusal is no change. */
static const char *state_name(const struct tune_action *a)
{
	return a->kind == TUNE_REFUSE ? "refused" : tune_state_name(a->state);
}

static void json_action(struct json *j, const struct tune_action *a)
{
	json_object(j, NULL);
	json_string(j, "action", tune_kind_name(a->kind));
	json_string(j, "state", state_name(a));
	json_bool(j, "required", a->required);
	json_string(j, "object", a->object);
	json_string(j, "current", a->current);
	json_string(j, "wanted", a->wanted);
	if (a->kind == TUNE_SWAP_ACTIVATE || a->kind == TUNE_SWAP_CREATE)
		json_u64(j, "bytes", a->bytes);
	if (a->kind == TUNE_CPUS)
		json_u64(j, "weight", a->weight);
	json_string(j, "reason", a->reason);
	json_string(j, "formula", a->formula);
	json_end(j);
}

static int print_json(const struct session *s, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_bool(&j, "live", s->tree.live);
	json_string(&j, "config", s->config.s[0] ? s->config.s : NULL);
	json_string(&j, "product", s->product);
	json_string(&j, "profile", profile_name(s->plan.profile));
	json_sizes(&j, &s->plan.sizes);
	json_cpus(&j, s);
	json_swap(&j, s);
	json_disk(&j, &s->plan);
	json_array(&j, "actions");
	for (size_t i = 0; i < s->plan.n_actions; i++)
		json_action(&j, &s->plan.actions[i]);
	json_end(&j);
	json_bool(&j, "refused", s->plan.refused);
	json_end(&j);
	return json_finish(&j, w);
}

/* --- for people --- */

static void print_sizes(const struct session *s)
{
	const struct sizes *z = &s->plan.sizes;
	char size[16];

	(void)printf("%-9s %s, %s RAM; %s\n", "profile", profile_name(s->plan.profile),
		     format_size(s->facts.usable_ram_bytes, size), s->config.s[0] ? s->config.s : "no tuning.conf");
	(void)printf("%-9s network buffer %s (%s)\n", "sizes", format_size(z->network_buffer_bytes.value, size),
		     z->network_buffer_bytes.formula);
	(void)printf("%-9s database connections %" PRIu64 " (%s)\n", "", z->db_connections.value,
		     z->db_connections.formula);
	(void)printf("%-9s shared buffers %s (%s)\n", "", format_size(z->shared_buffers_bytes.value, size),
		     z->shared_buffers_bytes.formula);
	(void)printf("%-9s batch %" PRIu64 " (%s), workers %" PRIu64 " (%s)\n", "", z->batch_records.value,
		     z->batch_records.formula, z->workers.value, z->workers.formula);
}

static void print_set(const char *name, const struct cpuset *s, const char *formula)
{
	AUTO_FREE char *list = cpuset_format(s);

	(void)printf("%-9s %-8s %s (%s)\n", "", name, list ? list : "?", formula);
}

static void print_cpus(const struct session *s)
{
	const struct cpuplan *c = &s->plan.cpus;

	(void)printf("%-9s %s\n", "cpus", c->reason);
	if (!c->pinned)
		return;
	if (s->conf.dpi)
		print_set("dpi", &c->dpi, c->dpi_formula);
	print_set("core", &c->core, c->core_formula);
	print_set("training", &c->training, c->training_formula);
	if (c->dpi_node >= 0)
		(void)printf("%-9s dpi starts on node %d, the network card's%s\n", "", c->dpi_node,
			     c->spills ? ", and reaches beyond it" : "");
}

static void print_swap(const struct session *s)
{
	const struct swapplan *p = &s->plan.swap;

	(void)printf("%-9s %s, policy %s: %s\n", "swap", swap_outcome_name(p->outcome),
		     swap_policy_name(s->conf.swap_policy), p->formula);
	(void)printf("%-9s %s\n", "", p->reason);
}

static void print_disk(const struct tuneplan *p)
{
	char size[16], left[16];

	if (p->n_claims == 0)
		return;
	(void)printf("%-9s %s free\n", "disk", format_size(p->disk_free_bytes, size));
	for (size_t i = 0; i < p->n_claims; i++) {
		const struct disk_claim *c = &p->claim[i];

		if (c->bytes == 0)
			continue;
		(void)printf("%-9s %-15s %9s  %s%s\n", "", c->name, format_size(c->bytes, size),
			     c->fits ? "leaves " : "does not fit", c->fits ? format_size(c->left_bytes, left) : "");
	}
}

/* "none -> 16.0 GiB", or one of them when it stays. */
static void format_change(const struct tune_action *a, char *out, size_t room)
{
	const char *current = a->current[0] ? a->current : "-";
	const char *wanted = a->wanted[0] ? a->wanted : "-";

	if (a->state == TUNE_OK)
		(void)snprintf(out, room, "%s", current);
	else
		(void)snprintf(out, room, "%s -> %s", current, wanted);
	if (a->kind == TUNE_CPUS && a->weight)
		(void)snprintf(out + strlen(out), room - strlen(out), ", weight %u", a->weight);
}

#define CHANGE_MAX 4096u /* two lists of CPUs */

static int widest(const struct tuneplan *p, bool change)
{
	char text[CHANGE_MAX];
	size_t n = 6;

	for (size_t i = 0; i < p->n_actions; i++) {
		size_t length = strlen(p->actions[i].object);

		if (change) {
			format_change(&p->actions[i], text, sizeof(text));
			length = strlen(text);
		}
		n = length > n && length <= 40 ? length : n;
	}
	return (int)n;
}

static void print_actions(const struct tuneplan *p)
{
	int object = widest(p, false), change = widest(p, true);
	char text[CHANGE_MAX];

	if (p->n_actions)
		(void)printf("\n%-8s %-13s %-*s %-*s %s\n", "STATE", "ACTION", object, "OBJECT", change,
			     "NOW -> WANTED", "WHY");
	for (size_t i = 0; i < p->n_actions; i++) {
		const struct tune_action *a = &p->actions[i];

		format_change(a, text, sizeof(text));
		(void)printf("%-8s %-13s %-*s %-*s %s: %s%s\n", state_name(a), tune_kind_name(a->kind), object,
			     a->object, change, text, a->reason, a->formula, a->required ? " (required)" : "");
	}
}

static void print_verdict(const struct tuneplan *p)
{
	if (p->refused)
		(void)printf("\nrefused: the product must not start on this machine as it is\n");
	else
		(void)printf("\n%zu to change, %zu degraded, %zu pending, %zu as wanted\n",
			     tuneplan_count(p, TUNE_CHANGE), tuneplan_count(p, TUNE_DEGRADED),
			     tuneplan_count(p, TUNE_PENDING), tuneplan_count(p, TUNE_OK));
}

static int print_text(const struct session *s, struct why *w)
{
	print_sizes(s);
	print_cpus(s);
	print_swap(s);
	print_disk(&s->plan);
	print_actions(&s->plan);
	print_verdict(&s->plan);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

static int plan(const char *root, const char *config, bool json, bool *ret_refused, struct why *w)
{
	AUTO_SESSION *s = NULL;
	int r = session_begin_at(root, &s, w);

	r = r ? r : session_policy(s, config, w);
	r = r ? r : session_plan(s, w);
	if (r)
		return r;
	*ret_refused = s->plan.refused;
	return json ? print_json(s, w) : print_text(s, w);
}

int cmd_plan(int argc, char **argv)
{
	const char *root = NULL, *config = NULL;
	bool json = false, refused = false;
	const struct opt opts[] = {
		{ .name = "root", .arg = "DIR", .help = "a captured tree instead of this machine", .value = &root },
		{ .name = "config", .arg = "FILE", .help = "instead of " TUNECONF_FILE, .value = &config },
		{ .name = "json", .help = "as JSON", .flag = &json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " plan [--root DIR] [--config FILE] [--json]",
			   "Print what has to be done to make this machine fit for the product, and why: profile and\n"
			   "derived sizes, CPUs of each part, swap, kernel parameters. Nothing is changed.",
			   opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	if (plan(root, config, json, &refused, &w))
		return why_report(&w, PROGRAM);
	return refused ? EXIT_REFUSED : EXIT_DONE;
}
