/* From what is wished to what shall be there (updater/setup_want.h). I15 */
#include "updater/setup_want.h"

#include "tests/support.h"

static struct setup_templates templates = {
	.n = 4,
	.at = { { "10-tune.stage", NULL }, { "core.service", NULL }, { "dpi.service", NULL }, { "system.conf", NULL } }
};
static struct trust trust = { .threshold = 2, .n = 1 };

static struct setup_wish wish(void)
{
	struct setup_wish ret = { .product = "demo",
				  .compatible = "demo-host",
				  .user = "demo",
				  .url = "http://localhost:4000/health",
				  .trust = &trust,
				  .templates = &templates };

	templates.at[0].text = strdup("[stage]\n");
	templates.at[1].text = strdup("[Install]\nWantedBy=multi-user.target\nWantedBy=x.target\n");
	templates.at[2].text = strdup("ExecStart=/opt/@PRODUCT@/x\n");
	templates.at[3].text = strdup("[system]\nproduct=@PRODUCT@\ncompatible=@COMPATIBLE@\nmode=host\n");
	templates.n = 4;
	return ret;
}

static void done(void)
{
	setup_templates_free(&templates);
}

static const struct setup_item *find(const struct setup_items *l, enum setup_kind kind, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].kind == kind && strcmp(l->at[i].name, name) == 0)
			return &l->at[i];
	fail_msg("no %s %s", setup_kind_name(kind), name);
	return NULL;
}

static void words_of_a_template_are_filled_in(void **state)
{
	struct setup_wish w_ = wish();
	AUTO_FREE char *out = NULL;
	struct why w = { 0 };

	(void)state;
	assert_ok(
		setup_render(&w_,
			     "@PRODUCT@|@USER@|@COMPATIBLE@|@URL@|@THRESHOLD@|@DPI@|@UNITS@|stage@x.service @OTHER@ @",
			     &out, &w),
		w);
	assert_string_equal(out, "demo|demo|demo-host|http://localhost:4000/health|2|yes|unit=demo-core.service\n"
				 "unit=demo-dpi.service|stage@x.service @OTHER@ @");
	done();
}

static void the_list_has_all_that_a_product_needs(void **state)
{
	AUTO_SETUP_ITEMS l = { 0 };
	struct setup_wish w_ = wish();
	struct why w = { 0 };

	(void)state;
	assert_ok(setup_want(&w_, &l, &w), w);
	assert_int_equal(l.at[0].kind, SETUP_SYSTEM);
	assert_string_equal(find(&l, SETUP_PORT, "4000")->name, "4000");
	assert_int_equal(find(&l, SETUP_DATA, "/var/lib/demo")->mode, 0751);
	assert_int_equal(find(&l, SETUP_DATA, "/var/log/demo")->mode, 0750);
	assert_true(find(&l, SETUP_DATA, "/var/log/demo")->users);
	assert_false(find(&l, SETUP_TREES, "/opt/demo")->users);
	assert_string_equal(find(&l, SETUP_FILE, "/etc/systemd/system/demo-dpi.service")->text,
			    "ExecStart=/opt/demo/x\n");
	assert_string_equal(find(&l, SETUP_FILE, "/etc/tandem/stages.d/10-tune.stage")->text, "[stage]\n");
	assert_false(find(&l, SETUP_FILE, "/etc/tandem/system.conf")->theirs);
	assert_true(find(&l, SETUP_FILE, "/etc/tandem/trust.d/0000000000000000.pub")->theirs);
	assert_string_equal(find(&l, SETUP_LINK, "/etc/systemd/system/x.target.wants/demo-core.service")->text,
			    "/etc/systemd/system/demo-core.service");
	assert_string_equal(find(&l, SETUP_LINK, "/etc/systemd/system/sysinit.target.wants/tandem-early.service")->text,
			    "/usr/lib/systemd/system/tandem-early.service");
	(void)find(&l, SETUP_TUNING, "tune");
	assert_int_equal(l.at[l.n - 1].kind, SETUP_SERVICE);
	done();
}

static bool has(const struct setup_items *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].name, name) == 0)
			return true;
	return false;
}

static void what_the_database_needs_at_boot_is_there_when_the_database_can_be(void **state)
{
	struct setup_wish w_ = wish();
	struct why w = { 0 };

	(void)state;
	templates.at[templates.n++] = (struct setup_template){ "60-intel.stage", strdup("[stage]\n") };
	for (int i = 0; i < 2; i++) {
		AUTO_SETUP_ITEMS l = { 0 };

		w_.database = i;
		assert_ok(setup_want(&w_, &l, &w), w);
		assert_int_equal(has(&l, "/etc/tandem/stages.d/60-intel.stage"), i);
		assert_int_equal(has(&l, "/etc/systemd/system/timers.target.wants/tandem-intel-daily.timer"), i);
		assert_true(has(&l, "/etc/tandem/stages.d/10-tune.stage"));
		(void)find(&l, SETUP_DATABASE, "PostgreSQL");
	}
	done();
}

static void the_tree_comes_after_all_that_it_needs(void **state)
{
	static const enum setup_kind order[] = { SETUP_GROUP,  SETUP_USER,     SETUP_DATA, SETUP_FILE,   SETUP_LINK,
						 SETUP_TUNING, SETUP_DATABASE, SETUP_TREE, SETUP_SERVICE };
	AUTO_SETUP_ITEMS l = { 0 };
	struct setup_wish w_ = wish();
	struct why w = { 0 };
	size_t last = 0;

	(void)state;
	w_.first_tree = true;
	assert_ok(setup_want(&w_, &l, &w), w);
	(void)find(&l, SETUP_SPACE, "/opt");
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		size_t at = 0;

		while (l.at[at].kind != order[i])
			at++;
		assert_true(at > last);
		last = at;
	}
	done();
}

static void refuses(const struct setup_wish *wanted, int code, const char *why)
{
	AUTO_SETUP_ITEMS l = { 0 };
	struct why w = { 0 };

	if (setup_want(wanted, &l, &w) != code || !strstr(w.text, why))
		fail_msg("%d '%s', want %d '%s'", w.code, w.text, code, why);
	assert_null(l.at);
}

static void names_that_cannot_be_are_refused(void **state)
{
	static const char *const products[] = { "",   "-a",   "A",   "a_b", "1a",
						"a-", "a--b", "a/b", "..",  "a23456789012345678901234567890123" };
	static const char *const users[] = { "", "-a", "A", "a b", "root", "1a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(products); i++) {
		struct setup_wish w_ = wish();

		(void)snprintf(w_.product, sizeof(w_.product), "%s", products[i]);
		refuses(&w_, -EINVAL, "cannot be a product's name");
		done();
	}
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		struct setup_wish w_ = wish();

		(void)snprintf(w_.user, sizeof(w_.user), "%s", users[i]);
		refuses(&w_, -EINVAL, "--user");
		done();
	}
}

static void template_is(size_t i, const char *name, const char *text)
{
	free(templates.at[i].text);
	templates.at[i].text = strdup(text);
	(void)snprintf(templates.at[i].name, sizeof(templates.at[i].name), "%s", name);
}

static void templates_that_cannot_be_used_are_refused(void **state)
{
	struct setup_wish w_ = wish();

	(void)state;
	template_is(3, "system.conf", "[system]\nproduct=demo\ncompatible=c\n");
	refuses(&w_, -EBADMSG, "mode=host");
	template_is(3, "system.conf", "[system]\nproduct=demo\nmode=host\n");
	refuses(&w_, -EBADMSG, "compatible= is missing");
	template_is(3, "other.conf", "");
	refuses(&w_, -EBADMSG, "no system.conf");
	template_is(3, "notes.txt", "");
	refuses(&w_, -EBADMSG, "neither a unit");
	template_is(3, "system.conf", "[system]\nproduct=demo\ncompatible=c\nmode=host\n");
	template_is(1, "core.service", "[Install]\nWantedBy=a.target b.target\n");
	refuses(&w_, -EBADMSG, "one unit a line");
	template_is(1, "core.service", "[Install]\nWantedBy=../a\n");
	refuses(&w_, -EBADMSG, "one unit a line");
	template_is(1, "core.service", "");
	done();
}

static void only_this_machines_ports_are_known(void **state)
{
	(void)state;
	assert_int_equal(setup_port("http://localhost:4000/health"), 4000);
	assert_int_equal(setup_port("http://127.0.0.1/"), 80);
	assert_int_equal(setup_port("https://localhost"), 443);
	assert_int_equal(setup_port("https://[::1]:8443/x"), 8443);
	assert_int_equal(setup_port("http://localhost.example:4000/"), 0);
	assert_int_equal(setup_port("http://example.org:4000/"), 0);
	assert_int_equal(setup_port("http://localhost:99999/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_a_template_are_filled_in),
		cmocka_unit_test(the_list_has_all_that_a_product_needs),
		cmocka_unit_test(what_the_database_needs_at_boot_is_there_when_the_database_can_be),
		cmocka_unit_test(the_tree_comes_after_all_that_it_needs),
		cmocka_unit_test(names_that_cannot_be_are_refused),
		cmocka_unit_test(templates_that_cannot_be_used_are_refused),
		cmocka_unit_test(only_this_machines_ports_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
