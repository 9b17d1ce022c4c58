/* The trust set in force on a device (updater/trustnow.h): folders of the image, the stored statement, the floor. I9. */
#include "updater/trustnow.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"
#include "tests/trustkit.h"

static struct trustkit kit;
static char room[TRUSTSET_CHAIN_MAX];
static char keys_dir[256], roots_dir[256], store_path[256];
static struct blk file;
static struct trustdir_from from;

static int make_kit(void **state)
{
	(void)state;
	trustkit_make(&kit);
	return 0;
}

static void put_key(const char *folder, unsigned int number)
{
	struct minisig_key key = keys_public(&kit.keys[number]);
	char text[MINISIG_KEY_TEXT_MAX], name[64];

	(void)minisig_key_format(&key, text);
	(void)snprintf(name, sizeof(name), "%s/%u.pub", folder, number);
	scratch_put(name, text);
}

static void empty(const char *dir)
{
	AUTO_DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
}

/* An image with key 2 for releases and keys 0 and 1 as roots, both of which have to sign. */
static int begin(void **state)
{
	(void)state;
	(void)snprintf(keys_dir, sizeof(keys_dir), "%s", scratch_path("keys"));
	(void)snprintf(roots_dir, sizeof(roots_dir), "%s", scratch_path("roots"));
	(void)snprintf(store_path, sizeof(store_path), "%s", scratch_path("store"));
	empty(keys_dir);
	empty(roots_dir);
	(void)unlink(store_path);
	put_key("keys", 2);
	put_key("roots", 0);
	put_key("roots", 1);
	from = (struct trustdir_from){
		.keys = keys_dir, .roots = roots_dir, .product = "rig", .threshold = 1, .root_threshold = 2
	};
	return truststore_file(store_path, true, &file, NULL);
}

static int end(void **state)
{
	(void)state;
	return blk_close(&file, NULL);
}

static void now(uint64_t floor, struct trustnow *ret)
{
	struct why w = { 0 };

	assert_ok(trustnow_open(&from, &file, 0, floor, ret, &w), w);
}

/* Sets 1 to 3, with 0 and 1 as roots; releases are signed by key 3, 4, 5. */
static struct bytes chain(uint64_t first, uint64_t last)
{
	static const char *const releases[] = { "2", "3", "4", "5" };
	size_t n = 0;

	for (uint64_t e = first; e <= last; e++) {
		struct trustset s = trustkit_set(&kit, e, "01", 2, releases[e], 1);

		n = trustkit_sign(&kit, &s, "01", room, n);
	}
	room[n] = '\0';
	return bytes_of(room, n);
}

static bool releases_are_signed_by(const struct trustnow *t, unsigned int number)
{
	struct minisig_key want = keys_public(&kit.keys[number]);
	struct trust trust = { 0 };
	struct why w = { 0 };

	assert_ok(trustnow_release(t, &trust, &w), w);
	return trust.n == 1 && minisig_id_equal(&trust.keys[0].id, &want.id);
}

static void folders_make_the_first_set(void **state)
{
	struct trustnow t;
	struct trust roots;

	(void)state;
	now(0, &t);
	assert_int_equal(t.origin, ORIGIN_FOLDER);
	assert_int_equal(t.set.epoch, 0);
	assert_true(releases_are_signed_by(&t, 2));
	trustset_role(&t.set, TRUST_ROOT, &roots);
	assert_int_equal(roots.n, 2);
	assert_int_equal(roots.threshold, 2);
	assert_false(trustnow_unsaved(&t));
	trustnow_done(&t);
}

static void without_roots_the_keys_are_roots(void **state)
{
	struct trustnow t;
	struct trust roots;

	(void)state;
	from.roots = "";
	from.root_threshold = 0;
	now(0, &t);
	trustset_role(&t.set, TRUST_ROOT, &roots);
	assert_int_equal(roots.n, 1);
	assert_int_equal(roots.threshold, 1);
	trustnow_done(&t);
}

static void accepted_statement_rules_from_then_on(void **state)
{
	struct trustnow t;
	struct why w = { 0 };

	(void)state;
	now(0, &t);
	assert_ok(trustnow_follow(&t, chain(1, 2), &w), w);
	assert_int_equal(t.steps, 2);
	assert_true(releases_are_signed_by(&t, 4) && trustnow_unsaved(&t));
	assert_ok(trustnow_save(&t, &w), w);
	assert_false(trustnow_unsaved(&t));
	trustnow_done(&t);
	empty(keys_dir); /* the folder does not count any more */
	now(2, &t);
	assert_int_equal(t.origin, ORIGIN_STORED);
	assert_true(releases_are_signed_by(&t, 4));
	assert_ok(trustnow_follow(&t, chain(1, 2), &w), w);
	assert_int_equal(t.steps, 0);
	assert_false(trustnow_unsaved(&t));
	assert_int_equal(trustnow_follow(&t, bytes_str("# tandem trust 1\n[trust]\nepoch=9\n"), &w), -ESTALE);
	assert_true(releases_are_signed_by(&t, 4));
	trustnow_done(&t);
}

static void not_saved_is_forgotten(void **state)
{
	struct trustnow t;
	struct why w = { 0 };

	(void)state;
	now(0, &t);
	assert_ok(trustnow_follow(&t, chain(1, 1), &w), w);
	trustnow_done(&t);
	now(0, &t);
	assert_int_equal(t.set.epoch, 0);
	trustnow_done(&t);
}

/* A newer image brings statements; the older one, after a rollback, still knows of them. */
static void image_with_statements_leads_on_and_is_kept(void **state)
{
	struct trustnow t;
	struct why w = { 0 };

	(void)state;
	(void)chain(1, 3);
	scratch_put("keys/history.trust", room);
	now(0, &t);
	assert_int_equal(t.origin, ORIGIN_IMAGE);
	assert_true(releases_are_signed_by(&t, 5) && trustnow_unsaved(&t));
	assert_ok(trustnow_save(&t, &w), w);
	trustnow_done(&t);
	(void)unlink(scratch_path("keys/history.trust"));
	now(3, &t);
	assert_int_equal(t.origin, ORIGIN_STORED);
	assert_int_equal(t.set.epoch, 3);
	trustnow_done(&t);
}

static void statements_are_taken_in_the_order_of_their_numbers(void **state)
{
	struct trustnow t;
	char name[64];

	(void)state;
	for (uint64_t e = 1; e <= 12; e++) {
		struct trustset s = trustkit_set(&kit, e, "01", 2, "3", 1);
		size_t n = trustkit_sign(&kit, &s, "01", room, 0);

		room[n - 1] = '\0'; /* without its last line end */
		(void)snprintf(name, sizeof(name), "keys/%u.trust", (unsigned int)e);
		scratch_put(name, room);
	}
	now(0, &t);
	assert_int_equal(t.set.epoch, 12);
	trustnow_done(&t);
}

/* An image of later years: no keys, one statement. */
static void statement_without_keys_is_the_anchor(void **state)
{
	struct trustnow t;
	struct why w = { 0 };

	(void)state;
	empty(keys_dir);
	(void)chain(2, 2);
	scratch_put("keys/2.trust", room);
	now(0, &t);
	assert_int_equal(t.origin, ORIGIN_IMAGE);
	assert_int_equal(t.set.epoch, 2);
	assert_ok(trustnow_save(&t, &w), w);
	trustnow_done(&t);
	from.product = "other";
	assert_ok(blk_zero(&file, STATE_TRUST_BYTES, 0, &w), w);
	assert_int_equal(trustnow_open(&from, &file, 0, 0, &t, &w), -EPERM);
	assert_int_equal(w.exit, EXIT_REFUSED);
	trustnow_done(&t);
}

/* The state partition lost the set, the boot record knows that there was one. */
static void lost_set_is_not_replaced_by_an_older_one(void **state)
{
	struct trustnow t;
	struct trust trust;
	struct why w = { 0 };

	(void)state;
	now(2, &t);
	assert_int_equal(t.set.epoch, 0);
	assert_int_equal(trustnow_release(&t, &trust, &w), -ESTALE);
	assert_int_equal(w.exit, EXIT_REFUSED);
	w = (struct why){ 0 };
	assert_ok(trustnow_follow(&t, chain(1, 1), &w), w);
	assert_int_equal(trustnow_save(&t, &w), -ESTALE);
	w = (struct why){ 0 };
	assert_ok(trustnow_follow(&t, chain(2, 2), &w), w);
	assert_ok(trustnow_save(&t, &w), w);
	assert_true(releases_are_signed_by(&t, 4));
	trustnow_done(&t);
}

static void no_key_anywhere_is_told(void **state)
{
	struct trustnow t;
	struct why w = { 0 };

	(void)state;
	empty(keys_dir);
	assert_int_equal(trustnow_open(&from, &file, 0, 0, &t, &w), -ENODATA);
	assert_non_null(strstr(w.text, "no public key"));
	trustnow_done(&t);
	w = (struct why){ 0 };
	from.keys = "/none";
	assert_int_equal(trustnow_open(&from, NULL, 0, 0, &t, &w), -ENOENT);
	trustnow_done(&t);
}

static void one_id_with_two_keys_in_both_folders_is_refused(void **state)
{
	struct minisig_key key = keys_public(&kit.keys[3]);
	char text[MINISIG_KEY_TEXT_MAX];
	struct trustnow t;
	struct why w = { 0 };

	(void)state;
	key.id = kit.keys[2].id;
	(void)minisig_key_format(&key, text);
	scratch_put("roots/same-id.pub", text);
	assert_int_equal(trustnow_open(&from, &file, 0, 0, &t, &w), -EBADMSG);
	trustnow_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folders_make_the_first_set, begin, end),
		cmocka_unit_test_setup_teardown(without_roots_the_keys_are_roots, begin, end),
		cmocka_unit_test_setup_teardown(accepted_statement_rules_from_then_on, begin, end),
		cmocka_unit_test_setup_teardown(not_saved_is_forgotten, begin, end),
		cmocka_unit_test_setup_teardown(image_with_statements_leads_on_and_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(statements_are_taken_in_the_order_of_their_numbers, begin, end),
		cmocka_unit_test_setup_teardown(statement_without_keys_is_the_anchor, begin, end),
		cmocka_unit_test_setup_teardown(lost_set_is_not_replaced_by_an_older_one, begin, end),
		cmocka_unit_test_setup_teardown(no_key_anywhere_is_told, begin, end),
		cmocka_unit_test_setup_teardown(one_id_with_two_keys_in_both_folders_is_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, make_kit, NULL);
}
