/*
 * Which CPUs each part gets (tuning/cpuplan.h): the required tables, and properties over machines of 1 to 512 CPUs.
 */
#include "tuning/cpuplan.h"

#include <string.h>

#include "tests/support.h"

/* How a machine is built. */
struct shape {
	unsigned int packages, nodes /* of a package */, cores /* of a node */, threads;
	bool linux_numbers;     /* first threads of all cores first, as on most machines; else threads side by side */
	unsigned int efficient; /* the last so many cores are of that kind, with one thread */
	int nic_node;           /* -1: none */
	struct cpuset off;      /* CPUs that cannot be used */
};

struct machine {
	struct facts facts;
	struct cpu_fact cpus[1024];
	struct nic_fact nics[4];
};

static struct machine m;
static struct tuneconf conf;
static char eth0[] = "eth0", eth1[] = "eth1", eth2[] = "eth2";

static unsigned int number_of(const struct shape *s, unsigned int core, unsigned int thread)
{
	unsigned int n_cores = s->packages * s->nodes * s->cores, wide = n_cores - s->efficient;

	if (!s->linux_numbers)
		return core < wide ? core * s->threads + thread : wide * s->threads + core - wide;
	return thread == 0 ? core : n_cores + (thread - 1) * wide + core;
}

/* In the order in which facts_read() has them. */
static void build(const struct shape *s)
{
	unsigned int n_cores = s->packages * s->nodes * s->cores;
	struct facts *f = &m.facts;

	*f = (struct facts){ .cpus = m.cpus, .nics = m.nics };
	for (unsigned int core = 0; core < n_cores; core++) {
		bool small = core >= n_cores - s->efficient;
		unsigned int first = CPUSET_CPUS_MAX;

		for (unsigned int t = 0; t < (small ? 1 : s->threads); t++) {
			unsigned int cpu = number_of(s, core, t);

			if (cpuset_has(&s->off, cpu))
				continue;
			first = cpu < first ? cpu : first;
			f->smt |= cpu != first;
			assert_true(f->n_cpus < ARRAY_SIZE(m.cpus));
			m.cpus[f->n_cpus++] = (struct cpu_fact){
				.cpu = cpu,
				.package = core / (s->nodes * s->cores),
				.node = core / s->cores,
				.core = first,
				.thread = t,
				.kind = small ? CPU_EFFICIENCY : CPU_PERFORMANCE,
			};
		}
		f->n_cores += first < CPUSET_CPUS_MAX;
	}
	f->hybrid = s->efficient > 0 && s->efficient < n_cores;
	m.nics[0] = (struct nic_fact){ .name = eth0, .node = s->nic_node };
	f->n_nics = s->nic_node >= 0;
}

static void plan(struct cpuplan *ret)
{
	struct why w = { 0 };

	assert_ok(cpuplan_make(&m.facts, &conf, ret, &w), w);
}

static void assert_set(const char *what, const struct cpuset *s, const char *want)
{
	AUTO_FREE char *list = cpuset_format(s);

	if (!list || strcmp(list, want) != 0)
		fail_msg("%u CPUs: %s is '%s', want '%s'", (unsigned int)m.facts.n_cpus, what, list, want);
}

static void assert_plan(const char *dpi, const char *core, const char *training)
{
	AUTO_CPUPLAN p = { 0 };

	plan(&p);
	assert_set("dpi", &p.dpi, dpi);
	assert_set("core", &p.core, core);
	assert_set("training", &p.training, training);
}

static void plain(unsigned int n)
{
	build(&(struct shape){ .packages = 1, .nodes = 1, .cores = n, .threads = 1, .nic_node = -1 });
}

/* --- the required tables --- */

/* I4, I13, T3, T7, C3: halves of 1 to 12 CPUs, and of 48. */
static void halves_are_first_half_last_two_and_the_rest(void **state)
{
	static const struct {
		unsigned int n;
		const char *dpi, *core, *training;
	} cases[] = {
		{ 1, "0", "0", "0" },
		{ 2, "0", "1", "1" },
		{ 3, "0", "1-2", "1-2" },
		{ 4, "0-1", "2-3", "2-3" },
		{ 5, "0-1", "2-4", "2-4" },
		{ 6, "0-2", "3-5", "3-5" },
		{ 7, "0-2", "3-6", "3-6" },
		{ 8, "0-3", "4-5", "6-7" },
		{ 9, "0-3", "4-6", "7-8" },
		{ 12, "0-5", "6-9", "10-11" },
		{ 48, "0-23", "24-45", "46-47" },
	};

	(void)state;
	for (enum cpu_numbering n = NUMBERING_TOPOLOGY; n <= NUMBERING_LINEAR; n++) {
		tuneconf_defaults(&conf);
		conf.cpu_numbering = n;
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			plain(cases[i].n);
			assert_plan(cases[i].dpi, cases[i].core, cases[i].training);
		}
	}
}

/* T3, T4, C3: two for DPI, the last two for training; core has 0 to N-3 when there is no DPI. */
static void reserve_is_two_two_and_the_rest(void **state)
{
	(void)state;
	tuneconf_defaults(&conf);
	conf.cpu_policy = CPU_RESERVE;
	plain(7);
	assert_plan("0-2", "3-6", "3-6"); /* too few: as halves */
	plain(8);
	assert_plan("0-1", "2-5", "6-7");
	plain(48);
	assert_plan("0-1", "2-45", "46-47");
	conf.dpi = false;
	plain(8);
	assert_plan("", "0-5", "6-7");
	plain(48);
	assert_plan("", "0-45", "46-47");
	conf.cpu_policy = CPU_HALVES;
	assert_plan("", "0-45", "46-47");
	plain(7);
	assert_plan("", "0-6", "0-6");
}

/* T3: the figures are data. */
static void numbers_of_the_policy_are_followed(void **state)
{
	(void)state;
	tuneconf_defaults(&conf);
	conf.training_cpus = 0;
	plain(8);
	assert_plan("0-3", "4-7", "4-7");
	conf.training_cpus = 3;
	conf.training_from = 4;
	assert_plan("0-3", "4", "5-7");
	conf.training_cpus = 4; /* core would have nothing */
	assert_plan("0-3", "4-7", "4-7");
	conf.cpu_numbering = NUMBERING_LINEAR;
	assert_plan("0-3", "4-7", "4-7");
	conf.cpu_numbering = NUMBERING_TOPOLOGY;
	conf.training_cpus = 65536;
	assert_plan("0-3", "4-7", "4-7");
	conf.training_cpus = 1;
	conf.cpu_policy = CPU_RESERVE;
	conf.dpi_cpus = 5;
	assert_plan("0-4", "5-6", "7");
	conf.dpi_cpus = 7;
	assert_plan("0-6", "7", "7");
	conf.dpi_cpus = 8; /* all: half of them instead */
	assert_plan("0-3", "4-6", "7");
	conf.dpi_cpus = 65536;
	assert_plan("0-3", "4-6", "7");
	conf.cpu_numbering = NUMBERING_LINEAR;
	assert_plan("0-3", "4-6", "7");
}

/* --- threads --- */

/* The research's example: siblings are i and i+N/2, so that halves by number share every core. */
static void threads_of_a_core_stay_together_unless_linear(void **state)
{
	struct shape s = { .packages = 2, .nodes = 1, .cores = 2, .threads = 2, .linux_numbers = true, .nic_node = -1 };
	AUTO_CPUPLAN p = { 0 }, q = { 0 };

	(void)state;
	tuneconf_defaults(&conf);
	build(&s);
	assert_plan("0-1,4-5", "2,6", "3,7");
	plan(&p);
	assert_false(p.core_split);
	conf.cpu_numbering = NUMBERING_LINEAR; /* I4, T4 to the letter */
	assert_plan("0-3", "4-5", "6-7");
	plan(&q);
	assert_true(q.core_split);
}

static void fixed_parts_are_whole_cores(void **state)
{
	struct shape s = { .packages = 1, .nodes = 1, .cores = 4, .threads = 4, .nic_node = -1 };

	(void)state;
	tuneconf_defaults(&conf);
	build(&s);
	assert_plan("0-7", "8-11", "12-15");
	conf.cpu_policy = CPU_RESERVE;
	assert_plan("0-3", "4-11", "12-15");
	s.cores = 2; /* no core is left for training */
	build(&s);
	assert_plan("0-3", "4-7", "4-7");
	conf.cpu_policy = CPU_HALVES;
	assert_plan("0-3", "4-7", "4-7");
	s.cores = 3;
	build(&s);
	assert_plan("0-3", "4-7", "8-11");
}

static void the_only_core_is_divided(void **state)
{
	struct shape s = { .packages = 1, .nodes = 1, .cores = 1, .threads = 2, .nic_node = -1 };
	AUTO_CPUPLAN p = { 0 };

	(void)state;
	tuneconf_defaults(&conf);
	build(&s);
	assert_plan("0", "1", "1");
	plan(&p);
	assert_true(p.core_split && p.pinned);
	s.threads = 8;
	build(&s);
	assert_plan("0-3", "4-7", "4-7");
}

/* 15 CPUs: CPU 5 is off, so that core 4 has one thread. */
static void cores_with_an_offline_thread_count_as_they_are(void **state)
{
	struct shape s = { .packages = 2, .nodes = 1, .cores = 4, .threads = 2, .nic_node = -1 };

	(void)state;
	tuneconf_defaults(&conf);
	assert_int_equal(cpuset_add(&s.off, 5), 0);
	build(&s);
	assert_plan("0-4,6-7", "8-13", "14-15");
	s.nic_node = 1;
	build(&s);
	assert_plan("8-15", "0-4", "6-7");
	cpuset_free(&s.off);
}

/* I13: half of what is available: a container that may use 2, 3, 9 to 14. */
static void limited_sets_are_halved(void **state)
{
	struct shape s = { .packages = 1, .nodes = 1, .cores = 16, .threads = 1, .nic_node = -1 };
	struct why w = { 0 };

	(void)state;
	tuneconf_defaults(&conf);
	assert_ok(cpuset_parse("0-1,4-8,15", &s.off, &w), w);
	build(&s);
	assert_plan("2-3,9-10", "11-12", "13-14");
	cpuset_free(&s.off);
}

/* --- nodes and cards --- */

static void dpi_starts_on_the_cards_node(void **state)
{
	struct shape s = { .packages = 2, .nodes = 2, .cores = 4, .threads = 1, .nic_node = 2 };
	AUTO_CPUPLAN p = { 0 }, q = { 0 };

	(void)state;
	tuneconf_defaults(&conf);
	build(&s);
	assert_plan("8-15", "0-5", "6-7"); /* the rest of the card's package before the other one */
	plan(&p);
	assert_int_equal(p.dpi_node, 2);
	assert_true(p.spills);
	conf.cpu_policy = CPU_RESERVE;
	assert_plan("8-9", "0-5,10-15", "6-7");
	conf.cpu_numbering = NUMBERING_LINEAR;
	assert_plan("0-1", "2-13", "14-15");
	plan(&q);
	assert_int_equal(q.dpi_node, -1);
	conf.cpu_numbering = NUMBERING_TOPOLOGY;
	conf.dpi = false; /* nobody listens */
	assert_plan("", "0-13", "14-15");
}

static void the_node_with_most_cards_counts_or_the_named_card(void **state)
{
	struct shape s = { .packages = 2, .nodes = 1, .cores = 4, .threads = 1, .nic_node = 0 };
	AUTO_CPUPLAN p = { 0 }, named = { 0 }, tie = { 0 }, unknown = { 0 }, nowhere = { 0 };

	(void)state;
	tuneconf_defaults(&conf);
	build(&s);
	m.nics[1] = (struct nic_fact){ .name = eth1, .node = 1 };
	m.nics[2] = (struct nic_fact){ .name = eth2, .node = 1 };
	m.facts.n_nics = 3;
	plan(&p);
	assert_int_equal(p.dpi_node, 1);
	(void)snprintf(conf.nic, sizeof(conf.nic), "eth0");
	plan(&named);
	assert_int_equal(named.dpi_node, 0);
	(void)snprintf(conf.nic, sizeof(conf.nic), "eth9");
	plan(&unknown);
	assert_int_equal(unknown.dpi_node, -1);
	conf.nic[0] = '\0';
	m.facts.n_nics = 2;
	plan(&tie);
	assert_int_equal(tie.dpi_node, 0);
	m.nics[0].node = -1; /* any */
	m.nics[1].node = 7;  /* has no usable CPU */
	plan(&nowhere);
	assert_int_equal(nowhere.dpi_node, -1);
}

/* --- two kinds --- */

static void performance_cores_are_for_dpi_and_core(void **state)
{
	struct shape s = { .packages = 1, .nodes = 1, .cores = 16, .threads = 2, .efficient = 8, .nic_node = -1 };

	(void)state;
	tuneconf_defaults(&conf);
	build(&s); /* 0-15: 8 cores with two threads; 16-23 */
	assert_plan("0-7", "8-21", "22-23");
	conf.cpu_policy = CPU_RESERVE;
	assert_plan("0-1", "2-21", "22-23");
	conf.cpu_policy = CPU_HALVES;
	conf.cpu_numbering = NUMBERING_LINEAR;
	assert_plan("0-11", "12-21", "22-23");
	conf.cpu_numbering = NUMBERING_TOPOLOGY;
	s = (struct shape){ .packages = 1, .nodes = 1, .cores = 5, .threads = 1, .efficient = 4, .nic_node = -1 };
	build(&s); /* one performance core cannot be halved */
	assert_plan("0-1", "2-4", "2-4");
	s = (struct shape){ .packages = 1, .nodes = 1, .cores = 8, .threads = 1, .efficient = 6, .nic_node = -1 };
	build(&s);
	assert_plan("0", "1-5", "6-7");
	plain(8); /* the small ones first, as on many Arm machines */
	m.facts.hybrid = true;
	for (size_t i = 0; i < 4; i++)
		m.cpus[i].kind = CPU_EFFICIENCY;
	assert_plan("4-5", "0-1,6-7", "2-3");
}

/* --- properties --- */

static bool disjoint(const struct cpuset *a, const struct cpuset *b)
{
	for (CPUSET_EACH(cpu, a))
		if (cpuset_has(b, cpu))
			return false;
	return true;
}

static bool usable(const struct cpuset *s)
{
	size_t n = 0;

	for (size_t i = 0; i < m.facts.n_cpus; i++)
		n += cpuset_has(s, m.cpus[i].cpu);
	return n == cpuset_count(s);
}

static bool cores_disjoint(const struct cpuset *a, const struct cpuset *b)
{
	AUTO_CPUSET cores = { 0 };

	for (size_t i = 0; i < m.facts.n_cpus; i++)
		if (cpuset_has(a, m.cpus[i].cpu))
			assert_int_equal(cpuset_add(&cores, m.cpus[i].core), 0);
	for (size_t i = 0; i < m.facts.n_cpus; i++)
		if (cpuset_has(b, m.cpus[i].cpu) && cpuset_has(&cores, m.cpus[i].core))
			return false;
	return true;
}

static void must_hold(bool holds, const char *what, const struct shape *s)
{
	if (!holds)
		fail_msg("%s: %u packages of %u nodes of %u cores of %u threads, %u efficient, policy %s, %s, dpi %d",
			 what, s->packages, s->nodes, s->cores, s->threads, s->efficient,
			 cpu_policy_name(conf.cpu_policy), cpu_numbering_name(conf.cpu_numbering), conf.dpi);
}

/* I4, I13, C3: what is promised on every machine. */
static void check_promises(const struct shape *s)
{
	size_t n = m.facts.n_cpus, n_training;
	AUTO_CPUPLAN p = { 0 };

	plan(&p);
	n_training = p.training_shares ? 0 : cpuset_count(&p.training);
	must_hold(cpuset_count(&p.core) > 0 && cpuset_count(&p.training) > 0, "empty set", s);
	must_hold((cpuset_count(&p.dpi) > 0) == conf.dpi, "dpi", s);
	must_hold(usable(&p.dpi) && usable(&p.core) && usable(&p.training), "unusable CPU", s);
	must_hold(p.pinned == ((conf.dpi && n > 1) || n_training > 0), "pinned", s);
	must_hold(n < 8 ? n_training == 0 : conf.dpi || m.facts.n_cores < 3 || n_training >= 2, "training", s);
	if (!p.pinned)
		return;
	must_hold(cpuset_count(&p.dpi) + cpuset_count(&p.core) + n_training == n, "lost CPU", s);
	must_hold(disjoint(&p.dpi, &p.core) && disjoint(&p.dpi, &p.training), "dpi overlaps", s);
	must_hold(p.training_shares || disjoint(&p.core, &p.training), "training overlaps", s);
	must_hold(p.core_split == !(cores_disjoint(&p.dpi, &p.core) && cores_disjoint(&p.dpi, &p.training) &&
				    (p.training_shares || cores_disjoint(&p.core, &p.training))),
		  "core_split", s);
	if (conf.cpu_numbering == NUMBERING_TOPOLOGY)
		must_hold(!p.core_split || m.facts.n_cores == 1, "shared core", s);
	if (conf.cpu_numbering == NUMBERING_LINEAR && conf.cpu_policy == CPU_HALVES && conf.dpi)
		must_hold(cpuset_count(&p.dpi) == n / 2 && n_training == (n >= 8 ? 2 : 0), "linear", s);
}

/* Every policy, numbering, with DPI and without. */
static void check_policies(const struct shape *s)
{
	build(s);
	if (m.facts.n_cpus == 0)
		return;
	for (unsigned int i = 0; i < 8; i++) {
		conf.cpu_policy = i & 1 ? CPU_RESERVE : CPU_HALVES;
		conf.cpu_numbering = i & 2 ? NUMBERING_LINEAR : NUMBERING_TOPOLOGY;
		conf.dpi = !(i & 4);
		check_promises(s);
	}
}

static void promises_hold_for_1_to_512_cpus(void **state)
{
	static const unsigned int threads[] = { 1, 2, 4, 8 };

	(void)state;
	tuneconf_defaults(&conf);
	for (unsigned int n = 1; n <= 512; n++)
		for (size_t t = 0; t < ARRAY_SIZE(threads); t++)
			for (unsigned int nodes = 1; nodes <= 4; nodes++) {
				struct shape s = { .packages = nodes > 1 ? 2 : 1,
						   .nodes = nodes > 2 ? 2 : 1,
						   .threads = threads[t],
						   .linux_numbers = n % 2,
						   .nic_node = (int)nodes - 2 };
				unsigned int per_core = s.packages * s.nodes * s.threads;

				if (n % per_core || n / per_core == 0)
					continue;
				s.cores = n / per_core;
				check_policies(&s);
				s.efficient = s.cores / 2;
				check_policies(&s);
			}
}

/* Any CPUs may be off, or not allowed. */
static void promises_hold_with_any_cpus_missing(void **state)
{
	unsigned int seed = 1;

	(void)state;
	tuneconf_defaults(&conf);
	for (unsigned int i = 0; i < 3000; i++) {
		struct shape s = { .packages = 1 + i % 2,
				   .nodes = 1 + i / 2 % 2,
				   .cores = 1 + i % 23,
				   .threads = 1 + i % 3,
				   .nic_node = (int)(i % 3) - 1,
				   .linux_numbers = i % 5 > 1 };

		for (unsigned int cpu = 0; cpu < s.packages * s.nodes * s.cores * s.threads; cpu++) {
			seed = seed * 1103515245u + 12345u;
			if (seed >> 16 & (1 + i % 2))
				assert_int_equal(cpuset_add(&s.off, cpu), 0);
		}
		check_policies(&s);
		cpuset_free(&s.off);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_are_first_half_last_two_and_the_rest),
		cmocka_unit_test(reserve_is_two_two_and_the_rest),
		cmocka_unit_test(numbers_of_the_policy_are_followed),
		cmocka_unit_test(threads_of_a_core_stay_together_unless_linear),
		cmocka_unit_test(fixed_parts_are_whole_cores),
		cmocka_unit_test(the_only_core_is_divided),
		cmocka_unit_test(cores_with_an_offline_thread_count_as_they_are),
		cmocka_unit_test(limited_sets_are_halved),
		cmocka_unit_test(dpi_starts_on_the_cards_node),
		cmocka_unit_test(the_node_with_most_cards_counts_or_the_named_card),
		cmocka_unit_test(performance_cores_are_for_dpi_and_core),
		cmocka_unit_test(promises_hold_for_1_to_512_cpus),
		cmocka_unit_test(promises_hold_with_any_cpus_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
