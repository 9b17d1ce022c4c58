/* Whether a file is a model (bootstage/trainer/onnx.h). The fixtures were made with python3-onnx 1.12. */
#include "bootstage/trainer/onnx.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "bootstage/trainer/onnxscope.h"
#include "tests/support.h"

static struct bytes fixture(const char *path)
{
	char *text;
	size_t n;
	struct why w = { 0 };

	assert_ok(file_read(AT_FDCWD, path, 1u << 20, &text, &n, &w), w);
	return bytes_of(text, n);
}

static void done(struct bytes b)
{
	free((void *)(uintptr_t)b.p);
}

static void each_fixture(const char *pattern, void (*one)(const char *path, struct bytes in))
{
	glob_t g;

	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct bytes in = fixture(g.gl_pathv[i]);

		one(g.gl_pathv[i], in);
		done(in);
	}
	globfree(&g);
}

static void is_taken(const char *path, struct bytes in)
{
	struct onnx_model m = { 0 };
	struct why w = { 0 };

	print_message("# %s\n", path);
	assert_ok(onnx_check(in, &m, &w), w);
	assert_true(m.outputs > 0 && m.nodes > 0 && m.opset == 13);
}

static void is_refused(const char *path, struct bytes in)
{
	struct onnx_model m = { .nodes = 77 };
	struct why w = { 0 };
	int r = onnx_check(in, &m, &w);

	print_message("# %s: %s\n", path, w.text);
	assert_true(r == -EBADMSG || r == -E2BIG);
	assert_int_equal(w.code, r);
	assert_int_equal(m.nodes, 77);
}

/* R5 */
static void models_of_others_are_valid(void **state)
{
	(void)state;
	each_fixture("tests/data/onnx/ok-*.onnx", is_taken);
}

static void damaged_models_are_refused_and_leave_ret_alone(void **state)
{
	(void)state;
	each_fixture("tests/data/onnx/bad-*.onnx", is_refused);
}

static void prefixes_are_refused(const char *path, struct bytes in)
{
	struct onnx_model m;

	(void)path;
	for (size_t n = 1; n < in.n; n++) {
		uint8_t *cut = malloc(n); /* so that a byte too far is seen */
		struct why w = { 0 };

		assert_non_null(cut);
		memcpy(cut, in.p, n);
		if (onnx_check(bytes_of(cut, n), &m, &w) == 0)
			fail_msg("%s: its first %zu of %zu bytes are taken", path, n, in.n);
		free(cut);
	}
}

/* What fields come last in a file may be missing without harm; in this one the operators do. */
static void model_cut_anywhere_is_refused(void **state)
{
	struct bytes in = fixture("tests/data/onnx/ok-if.onnx");

	(void)state;
	prefixes_are_refused("ok-if.onnx", in);
	done(in);
}

/* R5: no bytes are no model */
static void empty_file_is_missing(void **state)
{
	struct onnx_model m;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(onnx_check(bytes_of(NULL, 0), &m, &w), -ENODATA);
	scratch_put("empty.onnx", "");
	AUTO_FD dir = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(onnx_check_at(dir, "empty.onnx", &m, NULL), -ENODATA);
	assert_int_equal(onnx_check_at(dir, "none.onnx", &m, NULL), -ENOENT);
}

static void model_says_what_it_is(void **state)
{
	struct bytes in = fixture("tests/data/onnx/ok-logit.onnx");
	struct onnx_model m = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_ok(onnx_check(in, &m, &w), w);
	done(in);
	assert_int_equal(m.ir_version, 8);
	assert_string_equal(m.producer, "fixture");
	assert_int_equal(m.nodes, 2);
	assert_int_equal(m.initializers, 2);
	assert_int_equal(m.parameters, 4);
	assert_int_equal(m.inputs, 1);
	assert_int_equal(m.outputs, 1);
	assert_string_equal(onnx_meta(&m, "provenance"), "fixture");
	assert_null(onnx_meta(&m, "notes")); /* too long to keep */
	assert_null(onnx_meta(&m, "absent"));
}

static void put(const char *name, struct bytes b)
{
	struct why w = { 0 };

	assert_ok(file_replace(AT_FDCWD, scratch_path(name), b.p, b.n, 0644, &w), w);
}

static void file_of_another_tensor_has_to_be_there_and_long_enough(void **state)
{
	struct bytes in = fixture("tests/data/onnx/ok-external.onnx");
	AUTO_FD dir = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const uint8_t weights[16] = { 0 };
	struct onnx_model m = { 0 };
	struct why w = { 0 };

	(void)state;
	put("e.onnx", in);
	done(in);
	assert_int_equal(onnx_check_at(dir, "e.onnx", &m, NULL), -EBADMSG);
	put("weights.bin", bytes_of(weights, 15));
	assert_int_equal(onnx_check_at(dir, "e.onnx", &m, NULL), -EBADMSG);
	put("weights.bin", bytes_of(weights, 16));
	assert_ok(onnx_check_at(dir, "e.onnx", &m, &w), w);
	assert_int_equal(m.external, 1);
	put("real.bin", bytes_of(weights, 16));
	assert_int_equal(unlink(scratch_path("weights.bin")), 0);
	assert_int_equal(symlink("real.bin", scratch_path("weights.bin")), 0);
	assert_int_equal(onnx_check_at(dir, "e.onnx", &m, NULL), -EBADMSG);
}

/* R7: tricks with links */
static void link_is_not_followed(void **state)
{
	struct bytes in = fixture("tests/data/onnx/ok-logit.onnx");
	AUTO_FD dir = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct onnx_model m = { 0 };

	(void)state;
	put("real.onnx", in);
	done(in);
	assert_int_equal(symlink("real.onnx", scratch_path("link.onnx")), 0);
	assert_int_equal(onnx_check_at(dir, "link.onnx", &m, NULL), -ELOOP);
	assert_int_equal(mkfifo(scratch_path("fifo.onnx"), 0600), 0);
	assert_int_equal(onnx_check_at(dir, "fifo.onnx", &m, NULL), -EBADMSG);
}

/* A model with one tensor of n floats, as a sparse file. */
static void put_large(const char *name, uint64_t n)
{
	AUTO_FD fd = open(scratch_path(name), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	AUTO_PB_OUT head = { 0 }, out = { 0 };
	struct pb_out tensor = { 0 }, value = { 0 }, type = { 0 }, opset = { 0 };
	uint8_t b[16];
	struct why w = { 0 };
	size_t k = 0;

	/* Lengths that are not those of what is in memory are written by hand: the graph's, and the tensor's. */
	pb_put_u64(&tensor, 1, n);
	pb_put_u64(&tensor, 2, 1);
	pb_put_text(&tensor, 8, "W");
	b[k++] = 9 << 3 | 2;
	for (uint64_t v = 4 * n; v > 0; v >>= 7)
		b[k++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
	pb_put_message(&type, 1, &(struct pb_out){ 0 });
	pb_put_text(&value, 1, "W");
	pb_put_message(&value, 2, &type);
	pb_put_message(&out, 12, &value);
	pb_put_u64(&opset, 2, 13);
	pb_put_u64(&head, 1, 8);
	pb_put_message(&head, 8, &opset);
	assert_ok(write_full(fd, head.p, head.n, name, &w), w);
	for (unsigned int level = 0; level < 2; level++) { /* graph { initializer { ... } output } */
		uint64_t inside = tensor.n + k + 4 * n, len = inside;
		uint8_t key[12] = { (uint8_t)((level ? 5 : 7) << 3 | 2) };
		size_t m = 1;

		if (level == 0) {
			uint64_t bytes = 1;

			for (uint64_t v = inside; v > 0; v >>= 7)
				bytes++;
			len = bytes + inside + out.n;
		}
		for (; len > 0; len >>= 7)
			key[m++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
		assert_ok(write_full(fd, key, m, name, &w), w);
	}
	assert_ok(write_full(fd, tensor.p, tensor.n, name, &w), w);
	assert_ok(write_full(fd, b, k, name, &w), w);
	assert_true(lseek(fd, (off_t)(4 * n), SEEK_CUR) > 0);
	assert_ok(write_full(fd, out.p, out.n, name, &w), w);
	pb_out_done(&tensor);
}

/* R1: as large as a job may have one; it is read in a moment, and not into memory */
static void model_of_3_gigabytes_is_checked(void **state)
{
	AUTO_FD dir = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct onnx_model m = { 0 };
	struct why w = { 0 };

	(void)state;
	put_large("large.onnx", UINT64_C(750) << 20);
	assert_ok(onnx_check_at(dir, "large.onnx", &m, &w), w);
	assert_int_equal(m.parameters, UINT64_C(750) << 20);
	assert_int_equal(truncate(scratch_path("large.onnx"), INT64_C(2) << 30), 0);
	assert_int_equal(onnx_check_at(dir, "large.onnx", &m, NULL), -EBADMSG);
}

/* Nodes one after the other: many windows of a file. */
static struct pb_out chain_of(unsigned int n)
{
	struct pb_out graph = { 0 }, value = { 0 }, opset = { 0 }, model = { 0 };
	char a[40] = "", b[40] = "";

	for (unsigned int i = 0; i < n; i++) {
		struct pb_out node = { 0 };

		(void)snprintf(a, sizeof(a), "/layer_%u/out", i);
		(void)snprintf(b, sizeof(b), "/layer_%u/out", i + 1);
		pb_put_text(&node, 1, a);
		pb_put_text(&node, 2, b);
		pb_put_text(&node, 4, "Relu");
		pb_put_message(&graph, 1, &node);
	}
	for (unsigned int i = 0; i < 2; i++) {
		pb_put_text(&value, 1, i ? b : "/layer_0/out");
		pb_put_message(&value, 2, &(struct pb_out){ 0 });
		pb_put_message(&graph, 11 + i, &value);
	}
	pb_put_u64(&model, 1, 8);
	pb_put_message(&model, 7, &graph);
	pb_put_u64(&opset, 2, 13);
	pb_put_message(&model, 8, &opset);
	assert_false(model.failed);
	return model;
}

static void file_is_judged_as_memory_is(void **state)
{
	AUTO_PB_OUT chain = chain_of(20000);
	AUTO_FD dir = open(scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct onnx_model a = { 0 }, b = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_true(chain.n > 8 * (size_t)PB_WINDOW);
	assert_ok(onnx_check(bytes_of(chain.p, chain.n), &a, &w), w);
	put("chain.onnx", bytes_of(chain.p, chain.n));
	assert_ok(onnx_check_at(dir, "chain.onnx", &b, &w), w);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.nodes, 20000);
	for (size_t cut = 1; cut < chain.n; cut += 65521) {
		put("chain.onnx", bytes_of(chain.p, cut));
		assert_int_equal(onnx_check_at(dir, "chain.onnx", &b, NULL), -EBADMSG);
	}
}

static void values_of_inner_graphs_end_with_them(void **state)
{
	AUTO_ONNX_SCOPE s = { 0 };
	struct why w = { 0 };
	char name[16];

	(void)state;
	onnx_scope_enter(&s);
	assert_ok(onnx_scope_add(&s, "x", ONNX_INPUT, &w), w);
	assert_ok(onnx_scope_add(&s, "x", ONNX_INITIALIZER, &w), w);
	assert_int_equal(onnx_scope_add(&s, "x", ONNX_INITIALIZER, NULL), -EBADMSG);
	assert_int_equal(onnx_scope_add(&s, "x", ONNX_RESULT, NULL), -EBADMSG);
	onnx_scope_enter(&s);
	assert_ok(onnx_scope_add(&s, "x", ONNX_RESULT, &w), w); /* hides the outer one */
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "v%d", i);
		assert_ok(onnx_scope_add(&s, name, ONNX_RESULT, &w), w);
	}
	assert_true(onnx_scope_has(&s, "v4999"));
	onnx_scope_leave(&s);
	assert_false(onnx_scope_has(&s, "v4999"));
	assert_true(onnx_scope_has(&s, "x"));
	onnx_scope_leave(&s);
	assert_false(onnx_scope_has(&s, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(models_of_others_are_valid),
		cmocka_unit_test(damaged_models_are_refused_and_leave_ret_alone),
		cmocka_unit_test(model_cut_anywhere_is_refused),
		cmocka_unit_test(empty_file_is_missing),
		cmocka_unit_test(model_says_what_it_is),
		cmocka_unit_test(file_of_another_tensor_has_to_be_there_and_long_enough),
		cmocka_unit_test(link_is_not_followed),
		cmocka_unit_test(model_of_3_gigabytes_is_checked),
		cmocka_unit_test(file_is_judged_as_memory_is),
		cmocka_unit_test(values_of_inner_graphs_end_with_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
