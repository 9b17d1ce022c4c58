/* Command lines (base/args.h): each mistake is named on stderr with the usage, and ends with exit code 2. */
#include "base/args.h"

#include <fcntl.h>
#include <string.h>

#include "tests/support.h"

/* One run of a program in this process, with what it printed. */
static struct {
	char out[4000], err[4000];
	int code;
} ran;

static int redirect(int fd, const char *path)
{
	int saved = dup(fd);
	AUTO_FD to = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && to >= 0 && dup2(to, fd) == fd);
	return saved;
}

static void restore(int fd, int saved, const char *path, char *text, size_t room)
{
	AUTO_FD from = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(from >= 0 && dup2(saved, fd) == fd);
	(void)close(saved);
	n = read(from, text, room - 1);
	assert_true(n >= 0);
	text[n] = '\0';
}

static struct {
	const char *root;
	struct args_list keys;
	bool force;
	int argc;
	char seen[200];
} got;

static int run_install(int argc, char **argv)
{
	const struct opt opts[] = {
		{ .name = "root", .arg = "DIR", .help = "look below DIR", .value = &got.root },
		{ .name = "key", .arg = "FILE", .help = "trust FILE", .list = &got.keys },
		{ .name = "force", .help = "do it anyway", .flag = &got.force },
	};
	struct args a;
	int r = args_parse("prog install FILE [OTHER]", "Install it.", opts, ARRAY_SIZE(opts), argc, argv, 1, 2, &a);

	if (r >= 0)
		return r;
	got.argc = a.n;
	for (int i = 0; i < a.n; i++)
		(void)snprintf(got.seen + strlen(got.seen), sizeof(got.seen) - strlen(got.seen), "%s%s", i ? "," : "",
			       a.at[i]);
	return EXIT_DONE;
}

static int run_other(int argc, char **argv)
{
	got.argc = argc;
	(void)snprintf(got.seen, sizeof(got.seen), "%s", argv[argc - 1]);
	return EXIT_NOTHING;
}

static const struct verb verbs[] = {
	{ "install", "FILE", "install a file", run_install },
	{ "status", "", "say what is", run_other },
	{ "key generate", "", "make a key", run_other },
	{ "key list", "", "list keys", run_other },
	{ "keyring", "", "not a key", run_other },
};
static const struct program program = { "prog", "Does things.", verbs, ARRAY_SIZE(verbs) };

/* Run "prog WORDS...", words separated by one blank each; "''" is an empty word. */
static void run(const char *line)
{
	char text[400], *argv[64] = { NULL }, *save = NULL;
	const char *out = scratch_path("out"), *err = scratch_path("err");
	int argc = 0, saved_out, saved_err;

	memset(&got, 0, sizeof(got));
	(void)snprintf(text, sizeof(text), "prog %s", line);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < 63);
		argv[argc] = word;
		if (strcmp(word, "''") == 0)
			argv[argc][0] = '\0';
		argc++;
	}
	(void)fflush(NULL);
	saved_out = redirect(1, out);
	saved_err = redirect(2, err);
	ran.code = program_run(&program, argc, argv);
	(void)fflush(NULL);
	restore(1, saved_out, out, ran.out, sizeof(ran.out));
	restore(2, saved_err, err, ran.err, sizeof(ran.err));
}

static void options_and_operands_in_any_order(void **state)
{
	(void)state;
	run("install a --root /x --key=k1 b --force --key k2");
	assert_int_equal(ran.code, EXIT_DONE);
	assert_string_equal(got.seen, "a,b");
	assert_string_equal(got.root, "/x");
	assert_int_equal(got.keys.n, 2);
	assert_string_equal(got.keys.at[0], "k1");
	assert_string_equal(got.keys.at[1], "k2");
	assert_true(got.force);
	assert_string_equal(ran.out, "");
	assert_string_equal(ran.err, "");
	run("install --root= -");
	assert_string_equal(got.root, "");
	assert_string_equal(got.seen, "-");
	run("install --root=a=b -- --force");
	assert_string_equal(got.root, "a=b");
	assert_string_equal(got.seen, "--force");
	assert_false(got.force);
}

static void every_mistake_is_named_with_the_usage(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "install", "something is missing" },
		{ "install --force", "something is missing" },
		{ "install a b c", "too many words: c" },
		{ "install --force a b -- --c", "too many words: --c" },
		{ "install a --nope", "unknown option: --nope" },
		{ "install a --roo /x", "unknown option: --roo" },
		{ "install a --rooty /x", "unknown option: --rooty" },
		{ "install a --=x", "unknown option: --=x" },
		{ "install a -f", "unknown option: -f" },
		{ "install a -root /x", "unknown option: -root" },
		{ "install a --force=yes", "option takes no value: --force=yes" },
		{ "install a --root", "option wants a value: --root" },
		{ "install a --root /x --root /y", "option given twice: --root" },
		{ "install a --root= --root=", "option given twice: --root=" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char want[200];

		run(cases[i].line);
		(void)snprintf(want, sizeof(want), "%s\nusage: prog install FILE [OTHER]\n", cases[i].want);
		assert_string_equal(ran.err, want);
		assert_string_equal(ran.out, "");
		assert_int_equal(ran.code, EXIT_USAGE);
	}
}

static void a_list_ends_at_its_limit(void **state)
{
	char line[400] = "install a";

	(void)state;
	for (unsigned int i = 0; i < ARGS_LIST_MAX; i++)
		(void)snprintf(line + strlen(line), sizeof(line) - strlen(line), " --key=%u", i);
	run(line);
	assert_int_equal(ran.code, EXIT_DONE);
	(void)snprintf(line + strlen(line), sizeof(line) - strlen(line), " --key=x");
	run(line);
	assert_int_equal(ran.code, EXIT_USAGE);
	assert_non_null(strstr(ran.err, "option given too often: --key=x"));
}

static void help_is_printed_on_stdout_and_is_no_mistake(void **state)
{
	static const char *const ways[] = { "install --help", "install -h", "install a b --root x --help c d e" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		run(ways[i]);
		assert_int_equal(ran.code, EXIT_DONE);
		assert_string_equal(ran.out, "usage: prog install FILE [OTHER]\n\nInstall it.\n\n"
					     "  --root DIR                 look below DIR\n"
					     "  --key FILE                 trust FILE\n"
					     "  --force                    do it anyway\n"
					     "  --help                     show this\n");
		assert_string_equal(ran.err, "");
	}
}

static void the_program_lists_its_verbs(void **state)
{
	static const char *const ways[] = { "--help", "-h", "help" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		run(ways[i]);
		assert_int_equal(ran.code, EXIT_DONE);
		assert_non_null(strstr(
			ran.out, "usage: prog VERB ...\n\nDoes things.\n\n  install            install a file\n"));
		assert_non_null(strstr(ran.out, "  key generate       make a key\n"));
	}
	run("");
	assert_int_equal(ran.code, EXIT_USAGE);
	assert_string_equal(ran.out, "");
	assert_non_null(strstr(ran.err, "usage: prog VERB ..."));
	run("--version");
	assert_int_equal(ran.code, EXIT_DONE);
	assert_string_equal(ran.out, "prog " TANDEM_VERSION "\n");
}

static void verbs_of_one_and_two_words_are_found(void **state)
{
	(void)state;
	run("status x");
	assert_int_equal(ran.code, EXIT_NOTHING);
	assert_int_equal(got.argc, 2);
	assert_string_equal(got.seen, "x");
	run("key generate y");
	assert_int_equal(ran.code, EXIT_NOTHING);
	assert_int_equal(got.argc, 2);
	assert_string_equal(got.seen, "y");
	run("keyring");
	assert_int_equal(ran.code, EXIT_NOTHING);
}

static void an_unknown_verb_gets_a_near_one_offered(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "instal", "prog: unknown verb 'instal'; did you mean 'install'?\n'prog --help' lists the verbs.\n" },
		{ "statsu x", "prog: unknown verb 'statsu'; did you mean 'status'?\n'prog --help' lists the verbs.\n" },
		{ "key genrate",
		  "prog: unknown verb 'key'; did you mean 'key generate'?\n'prog --help' lists the verbs.\n" },
		{ "zzz", "prog: unknown verb 'zzz'\n'prog --help' lists the verbs.\n" },
		{ "--root", "prog: unknown verb '--root'\n'prog --help' lists the verbs.\n" },
		{ "''", "prog: unknown verb ''\n'prog --help' lists the verbs.\n" },
		{ "this-is-a-rather-long-word-that-no-verb-is-like-at-all",
		  "prog: unknown verb 'this-is-a-rather-long-word-that-no-verb-is-like-at-all'\n"
		  "'prog --help' lists the verbs.\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run(cases[i].line);
		assert_string_equal(ran.err, cases[i].want);
		assert_string_equal(ran.out, "");
		assert_int_equal(ran.code, EXIT_USAGE);
	}
}

/* A short word is like every other short word; do not offer what has no letter of it. */
static void a_short_word_gets_no_wild_guess(void **state)
{
	static const struct verb short_verbs[] = { { "run", "", "run it", run_other } };
	static const struct program p = { "prog", "Runs.", short_verbs, 1 };
	char *argv[] = { (char[]){ "prog" }, (char[]){ "ab" }, NULL }, text[200];
	const char *err = scratch_path("err");
	int saved;

	(void)state;
	saved = redirect(2, err);
	assert_int_equal(program_run(&p, 2, argv), EXIT_USAGE);
	restore(2, saved, err, text, sizeof(text));
	assert_string_equal(text, "prog: unknown verb 'ab'\n'prog --help' lists the verbs.\n");
}

static void half_of_a_verb_lists_the_other_halves(void **state)
{
	(void)state;
	run("key");
	assert_int_equal(ran.code, EXIT_USAGE);
	assert_string_equal(ran.err, "prog: 'key' wants a second word:\n"
				     "  prog key generate       make a key\n"
				     "  prog key list           list keys\n");
}

static void a_number_is_within_its_bounds(void **state)
{
	static const char *const bad[] = { "", "0", "10", "-1", "2x", "18446744073709551617" };
	unsigned int n = 7;
	struct why w = { 0 };

	(void)state;
	assert_int_equal(args_number("depth", NULL, 1, 9, &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_int_equal(args_number("depth", "9", 1, 9, &n, NULL), 0);
	assert_int_equal(n, 9);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(args_number("depth", bad[i], 1, 9, &n, NULL), -EINVAL);
	assert_int_equal(n, 9);
	assert_int_equal(args_number("depth", "10", 1, 9, &n, &w), -EINVAL);
	assert_string_equal(w.text, "--depth '10': 1 to 9");
	assert_int_equal(w.exit, EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_operands_in_any_order),
		cmocka_unit_test(every_mistake_is_named_with_the_usage),
		cmocka_unit_test(a_list_ends_at_its_limit),
		cmocka_unit_test(help_is_printed_on_stdout_and_is_no_mistake),
		cmocka_unit_test(the_program_lists_its_verbs),
		cmocka_unit_test(verbs_of_one_and_two_words_are_found),
		cmocka_unit_test(an_unknown_verb_gets_a_near_one_offered),
		cmocka_unit_test(a_short_word_gets_no_wild_guess),
		cmocka_unit_test(a_number_is_within_its_bounds),
		cmocka_unit_test(half_of_a_verb_lists_the_other_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
