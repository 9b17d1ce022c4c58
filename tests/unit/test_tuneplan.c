/* The whole plan (tuning/tuneplan.h). */
#include "tuning/tuneplan.h"

#include <string.h>

#include "tests/support.h"

#define GIB (UINT64_C(1) << 30)

static const struct tune_action *find(const struct tuneplan *p, enum tune_kind kind, const char *object)
{
	for (size_t i = 0; i < p->n_actions; i++)
		if (p->actions[i].kind == kind && strcmp(p->actions[i].object, object) == 0)
			return &p->actions[i];
	fail_msg("no %s %s", tune_kind_name(kind), object);
	return NULL;
}

/* A machine, its policy, what is tuned already. In one place, since it is too large for the stack of a test. */
static struct {
	struct facts facts;
	struct cpu_fact cpus[16];
	struct tuneconf conf;
	struct tune_input in;
} m;

static void machine(uint64_t ram_bytes, unsigned int n_cpus)
{
	memset(&m, 0, sizeof(m));
	m.facts = (struct facts){ .usable_ram_bytes = ram_bytes, .cpus = m.cpus, .n_cpus = n_cpus, .n_cores = n_cpus };
	for (unsigned int i = 0; i < n_cpus; i++)
		m.cpus[i] = (struct cpu_fact){ .cpu = i, .core = i, .capacity = 1024 };
	tuneconf_defaults(&m.conf);
	(void)snprintf(m.in.swap.next, sizeof(m.in.swap.next), "/swapfile");
	m.in.swap_free_bytes = 400 * GIB;
}

static void plan(struct tuneplan *ret)
{
	struct why w = { 0 };

	assert_ok(tuneplan_make(&m.facts, &m.conf, &m.in, "example", ret, &w), w);
}

static void has_sysctl(size_t i, const char *value)
{
	m.in.sysctl[i].there = true;
	(void)snprintf(m.in.sysctl[i].value, sizeof(m.in.sysctl[i].value), "%s", value);
}

static bool has_action(const struct tuneplan *p, enum tune_kind kind)
{
	for (size_t i = 0; i < p->n_actions; i++)
		if (p->actions[i].kind == kind)
			return true;
	return false;
}

/* I11, T1, T7, C3: 4 GiB, 8 CPUs, under the policy strict. */
static void small_machine_is_planned(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 8);
	plan(&p);
	assert_int_equal(p.profile, PROFILE_SMALL);
	assert_int_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile")->bytes, 16 * GIB);
	assert_true(find(&p, TUNE_SWAP_CREATE, "/swapfile")->required);
	assert_string_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile")->formula,
			    "max(profile small 8.0 GiB, max(16.0 GiB, 4.0 GiB RAM)) = 16.0 GiB");
	assert_string_equal(find(&p, TUNE_CPUS, "example-dpi.service")->wanted, "0-3");
	assert_string_equal(find(&p, TUNE_CPUS, "example-core.service")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_CPUS, "example-training.service")->wanted, "6-7");
	assert_string_equal(find(&p, TUNE_CPUS, "system.slice")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_CPUS, "user.slice")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_CPUS, "init.scope")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_IRQ, "default_smp_affinity")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_SYSCTL, "net.core.rmem_max")->wanted, "4194304");
	assert_int_equal(find(&p, TUNE_SYSCTL, "vm.swappiness")->state, TUNE_PENDING);
	assert_false(p.refused);
	for (size_t i = 0; i < p.n_actions; i++)
		assert_true(p.actions[i].reason[0] && p.actions[i].formula[0] && p.actions[i].object[0]);
}

/* I8, I12: 196 GiB, 48 CPUs are beyond this table; 16 do. */
static void massive_machine_has_its_rules(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(196 * GIB, 16);
	m.conf.swap_policy = SWAP_PROFILE;
	has_sysctl(0, "60");
	has_sysctl(2, "212992");
	has_sysctl(3, "199537");
	plan(&p);
	assert_int_equal(p.profile, PROFILE_MASSIVE);
	assert_int_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile")->bytes, 32 * GIB);
	assert_false(find(&p, TUNE_SWAP_CREATE, "/swapfile")->required);
	assert_string_equal(find(&p, TUNE_SYSCTL, "net.core.rmem_max")->wanted, "33554432");
	assert_string_equal(find(&p, TUNE_SYSCTL, "fs.file-max")->wanted, "1000000");
	assert_string_equal(find(&p, TUNE_SYSCTL, "vm.swappiness")->wanted, "10");
	assert_string_equal(find(&p, TUNE_SYSCTL, "net.core.rmem_max")->formula, ">= $network-buffer = 33554432");
	assert_int_equal(tuneplan_count(&p, TUNE_PENDING), 1);
}

/* T6: on every machine; what is as wanted is no change. */
static void sysctls_are_compared_by_field(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 2);
	m.conf.n_sysctls = 4;
	m.conf.sysctl[2] = (struct sysctl_rule){ .profile = PROFILE_COUNT,
						 .required = true,
						 .key = "net.ipv4.tcp_rmem",
						 .value = "4096 131072 $network-buffer" };
	m.conf.sysctl[3] = (struct sysctl_rule){ .profile = PROFILE_MASSIVE, .key = "fs.file-max", .value = "1" };
	has_sysctl(0, "10");
	has_sysctl(1, "100");
	has_sysctl(2, "4096\t131072\t4194304");
	plan(&p);
	assert_int_equal(find(&p, TUNE_SYSCTL, "vm.swappiness")->state, TUNE_OK);
	assert_int_equal(find(&p, TUNE_SYSCTL, "vm.vfs_cache_pressure")->state, TUNE_CHANGE);
	assert_string_equal(find(&p, TUNE_SYSCTL, "vm.vfs_cache_pressure")->current, "100");
	assert_string_equal(find(&p, TUNE_SYSCTL, "vm.vfs_cache_pressure")->wanted, "50");
	assert_int_equal(find(&p, TUNE_SYSCTL, "net.ipv4.tcp_rmem")->state, TUNE_OK);
	assert_true(find(&p, TUNE_SYSCTL, "net.ipv4.tcp_rmem")->required);
	for (size_t i = 0; i < p.n_actions; i++)
		assert_string_not_equal(p.actions[i].object, "fs.file-max");
}

/* C8: under systemd fs.file-max is 2^63 - 1; a million would lower it. */
static void raising_never_lowers(void **state)
{
	static const struct {
		const char *now, *wanted;
		enum tune_state state;
	} cases[] = {
		{ "9223372036854775807", "9223372036854775807", TUNE_OK },
		{ "18446744073709551615", "18446744073709551615", TUNE_OK },
		{ "1000000", "1000000", TUNE_OK },
		{ "1000001", "1000001", TUNE_OK },
		{ "999999", "1000000", TUNE_CHANGE },
		{ "-1", "1000000", TUNE_CHANGE },
		{ "", "1000000", TUNE_CHANGE },
	};

	(void)state;
	machine(196 * GIB, 2);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_TUNEPLAN p = { 0 };

		has_sysctl(3, cases[i].now);
		plan(&p);
		assert_string_equal(find(&p, TUNE_SYSCTL, "fs.file-max")->wanted, cases[i].wanted);
		assert_int_equal(find(&p, TUNE_SYSCTL, "fs.file-max")->state, cases[i].state);
	}
}

static void profile_s_rule_goes_before_the_one_for_all(void **state)
{
	AUTO_TUNEPLAN p = { 0 }, q = { 0 };
	size_t n = 0;

	(void)state;
	machine(4 * GIB, 2);
	m.conf.sysctl[3] = (struct sysctl_rule){ .profile = PROFILE_SMALL, .key = "vm.swappiness", .value = "1" };
	plan(&p);
	for (size_t i = 0; i < p.n_actions; i++)
		n += strcmp(p.actions[i].object, "vm.swappiness") == 0;
	assert_int_equal(n, 1);
	assert_string_equal(find(&p, TUNE_SYSCTL, "vm.swappiness")->wanted, "1");
	m.facts.usable_ram_bytes = 196 * GIB;
	plan(&q);
	assert_string_equal(find(&q, TUNE_SYSCTL, "vm.swappiness")->wanted, "10");
}

/* T5, T7: the disk is full: refused, and nothing is made. */
static void full_disk_is_refused(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 2);
	m.in.swap_free_bytes = 10 * GIB;
	plan(&p);
	assert_true(p.refused && p.actions[0].kind == TUNE_REFUSE && p.actions[0].required);
	assert_false(has_action(&p, TUNE_SWAP_CREATE) || has_action(&p, TUNE_SWAP_ACTIVATE));
	assert_non_null(strstr(p.actions[0].reason, "10.0 GiB is free"));
}

/* I6: WARNING, half. */
static void shortfall_of_the_table_is_degraded(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 2);
	m.conf.swap_policy = SWAP_PROFILE;
	m.in.swap_free_bytes = 12 * GIB;
	plan(&p);
	assert_int_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile")->state, TUNE_DEGRADED);
	assert_int_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile")->bytes, 6 * GIB);
	assert_false(p.refused);
}

static void files_are_switched_on_and_added_to(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(32 * GIB, 2);
	m.in.swap.at[0] = (struct swapfile){ .path = "/swapfile", .bytes = 8 * GIB, .valid = true };
	m.in.swap.at[1] = (struct swapfile){ .path = "/swapfile.1", .bytes = 8 * GIB, .valid = true };
	m.in.swap.n = 2;
	(void)snprintf(m.in.swap.next, sizeof(m.in.swap.next), "/swapfile.2");
	plan(&p);
	assert_int_equal(find(&p, TUNE_SWAP_ACTIVATE, "/swapfile")->bytes, 8 * GIB);
	assert_int_equal(find(&p, TUNE_SWAP_ACTIVATE, "/swapfile.1")->bytes, 8 * GIB);
	assert_int_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile.2")->bytes, 16 * GIB);
}

/* C23: 16 GiB of swap, 5 GiB to spare, 6.2 GiB of training. */
static void disk_budget_is_served_in_order(void **state)
{
	static const char *const names[] = { "swap", "reserve", "training-core", "training-dpi", "training-agent" };
	AUTO_TUNEPLAN p = { 0 }, q = { 0 };

	(void)state;
	machine(4 * GIB, 2);
	m.in.swap_free_bytes = 28 * GIB;
	plan(&p);
	assert_int_equal(p.n_claims, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(p.claim[i].name, names[i]);
		assert_true(p.claim[i].fits);
	}
	assert_int_equal(p.claim[0].bytes, 16 * GIB);
	assert_int_equal(p.claim[4].left_bytes, GIB - (UINT64_C(200) << 20));
	m.in.swap_free_bytes = 26 * GIB; /* the second training does not fit, nor what is behind it */
	plan(&q);
	assert_true(q.claim[2].fits && !q.claim[3].fits && !q.claim[4].fits);
	assert_int_equal(q.claim[4].left_bytes, 2 * GIB);
}

static void no_disk_has_no_budget(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 2);
	m.in.swap.next[0] = '\0';
	(void)snprintf(m.in.swap.why, sizeof(m.in.swap.why), "/swapfile: read-only");
	m.in.swap_free_bytes = 0;
	plan(&p);
	assert_true(p.refused && p.n_claims == 0);
	assert_non_null(strstr(p.actions[0].reason, "/swapfile: read-only"));
}

/* --- CPUs --- */

static void has_unit(enum tune_unit unit, const char *cpus, unsigned int weight)
{
	free(m.in.unit[unit].cpus);
	m.in.unit[unit].cpus = strdup(cpus);
	m.in.unit[unit].weight = weight;
}

/* One CPU: no pinning, weights only. */
static void one_cpu_has_weights_only(void **state)
{
	AUTO_TUNEPLAN p = { 0 };
	const struct tune_action *a;

	(void)state;
	machine(4 * GIB, 1);
	plan(&p);
	a = find(&p, TUNE_CPUS, "example-training.service");
	assert_string_equal(a->wanted, "");
	assert_int_equal(a->weight, 50);
	assert_int_equal(tuneplan_count(&p, TUNE_CHANGE), 2); /* that, and swap */
	assert_false(has_action(&p, TUNE_IRQ));
}

/* Four CPUs: training shares core's, with weight low. */
static void shared_cpus_are_weighted(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 4);
	plan(&p);
	assert_string_equal(find(&p, TUNE_CPUS, "example-training.service")->wanted, "2-3");
	assert_int_equal(find(&p, TUNE_CPUS, "example-training.service")->weight, 50);
	assert_int_equal(find(&p, TUNE_CPUS, "example-core.service")->weight, 0);
}

static void carried_out_plan_has_nothing_to_do(void **state)
{
	static const char *const cpus[] = { "4-5", "0-3", "7,6", "4,5", "4-5\n", "5,4" };
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 8);
	for (enum tune_unit u = TUNE_UNIT_CORE; u < TUNE_UNIT_COUNT; u++)
		has_unit(u, cpus[u], 0);
	m.in.irq_cpus = strdup("4-5");
	has_sysctl(0, "10");
	has_sysctl(1, "50");
	has_sysctl(2, "4194304");
	m.facts.swaps = &(struct swap_fact){ .bytes = 16 * GIB, .file = true };
	m.facts.n_swaps = 1;
	plan(&p);
	assert_int_equal(tuneplan_count(&p, TUNE_OK), p.n_actions);
	assert_true(p.n_actions > 8);
	tune_input_free(&m.in);
}

/* A weight that is there too much, CPUs that changed, a policy that no longer confines. */
static void drift_is_a_change(void **state)
{
	AUTO_TUNEPLAN p = { 0 }, q = { 0 };

	(void)state;
	machine(4 * GIB, 8);
	has_unit(TUNE_UNIT_TRAINING, "6-7", 50);
	has_unit(TUNE_UNIT_DPI, "0-2", 0);
	has_unit(TUNE_UNIT_CORE, "nonsense", 0);
	plan(&p);
	assert_int_equal(find(&p, TUNE_CPUS, "example-training.service")->state, TUNE_CHANGE);
	assert_int_equal(find(&p, TUNE_CPUS, "example-dpi.service")->state, TUNE_CHANGE);
	assert_int_equal(find(&p, TUNE_CPUS, "example-core.service")->state, TUNE_CHANGE);
	m.conf.dpi = false;
	m.conf.training_cpus = 0;
	m.conf.training_weight = 0;
	plan(&q);
	assert_string_equal(find(&q, TUNE_CPUS, "example-dpi.service")->wanted, "");
	assert_string_equal(find(&q, TUNE_CPUS, "example-dpi.service")->reason, "no longer confined");
	assert_int_equal(find(&q, TUNE_CPUS, "example-dpi.service")->state, TUNE_CHANGE);
	assert_string_equal(find(&q, TUNE_CPUS, "example-core.service")->wanted, "");
	tune_input_free(&m.in);
}

/* C10 */
static void without_cpusets_cpus_are_degraded(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 8);
	m.in.no_cpuset = true;
	plan(&p);
	assert_int_equal(tuneplan_count(&p, TUNE_DEGRADED), TUNE_UNIT_COUNT);
	assert_non_null(strstr(find(&p, TUNE_CPUS, "system.slice")->reason, "affinity only"));
}

static void interrupts_stay_where_they_are_when_told_so(void **state)
{
	AUTO_TUNEPLAN p = { 0 };

	(void)state;
	machine(4 * GIB, 8);
	m.conf.irq = false;
	plan(&p);
	assert_false(has_action(&p, TUNE_IRQ));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_machine_is_planned),
		cmocka_unit_test(massive_machine_has_its_rules),
		cmocka_unit_test(sysctls_are_compared_by_field),
		cmocka_unit_test(raising_never_lowers),
		cmocka_unit_test(profile_s_rule_goes_before_the_one_for_all),
		cmocka_unit_test(full_disk_is_refused),
		cmocka_unit_test(shortfall_of_the_table_is_degraded),
		cmocka_unit_test(files_are_switched_on_and_added_to),
		cmocka_unit_test(disk_budget_is_served_in_order),
		cmocka_unit_test(no_disk_has_no_budget),
		cmocka_unit_test(one_cpu_has_weights_only),
		cmocka_unit_test(shared_cpus_are_weighted),
		cmocka_unit_test(carried_out_plan_has_nothing_to_do),
		cmocka_unit_test(drift_is_a_change),
		cmocka_unit_test(without_cpusets_cpus_are_degraded),
		cmocka_unit_test(interrupts_stay_where_they_are_when_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
