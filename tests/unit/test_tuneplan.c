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

/* T1, T7, C3: 4 GiB, 8 CPUs. */
static void small_machine_is_planned(void **state)
{
	struct cpu_fact cpus[8];
	struct facts f = { .usable_ram_bytes = 4 * GIB, .cpus = cpus, .n_cpus = 8, .n_cores = 8 };
	struct tune_input in = { .swap.next = "/swapfile", .swap_free_bytes = 30 * GIB };
	AUTO_TUNEPLAN p = { 0 };
	static struct tuneconf c;
	struct why w = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		cpus[i] = (struct cpu_fact){ .cpu = i, .core = i, .capacity = 1024 };
	tuneconf_defaults(&c);
	assert_ok(tuneplan_make(&f, &c, &in, "example", &p, &w), w);
	assert_int_equal(find(&p, TUNE_SWAP_CREATE, "/swapfile")->bytes, 16 * GIB);
	assert_string_equal(find(&p, TUNE_CPUS, "example-dpi.service")->wanted, "0-3");
	assert_string_equal(find(&p, TUNE_CPUS, "example-core.service")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_CPUS, "example-training.service")->wanted, "6-7");
	assert_string_equal(find(&p, TUNE_CPUS, "system.slice")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_IRQ, "default_smp_affinity")->wanted, "4-5");
	assert_string_equal(find(&p, TUNE_SYSCTL, "net.core.rmem_max")->wanted, "4194304");
	assert_int_equal(find(&p, TUNE_SYSCTL, "vm.swappiness")->state, TUNE_PENDING);
	assert_false(p.refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_machine_is_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
