#include "base/args.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static void print_usage(FILE *to, const char *usage, const char *help, const struct opt *opts, size_t n_opts)
{
	(void)fprintf(to, "usage: %s\n\n%s\n", usage, help);
	if (n_opts)
		(void)fprintf(to, "\n");
	for (size_t i = 0; i < n_opts; i++) {
		const char letter[] = { '-', opts[i].letter, ',', ' ', '\0' };
		char left[64];

		(void)snprintf(left, sizeof(left), "%s--%s%s%s", opts[i].letter ? letter : "", opts[i].name,
			       opts[i].arg ? " " : "", opts[i].arg ? opts[i].arg : "");
		(void)fprintf(to, "  %-26s %s\n", left, opts[i].help);
	}
	(void)fprintf(to, "  %-26s %s\n", "--help", "show this");
}

static int mistake(const char *usage, const char *what, const char *which)
{
	(void)fprintf(stderr, "%s%s%s\nusage: %s\n", what, which ? ": " : "", which ? which : "", usage);
	return EXIT_USAGE;
}

static const struct opt *find_opt(const struct opt *opts, size_t n, const char *name, size_t name_n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(opts[i].name) == name_n && strncmp(opts[i].name, name, name_n) == 0)
			return &opts[i];
	return NULL;
}

static const struct opt *find_letter(const struct opt *opts, size_t n, const char *letter)
{
	for (size_t i = 0; i < n; i++)
		if (opts[i].letter && opts[i].letter == letter[0] && letter[1] == '\0')
			return &opts[i];
	return NULL;
}

/* Store one option. Returns NULL or what is wrong with it. */
static const char *store(const struct opt *o, const char *value)
{
	if (o->flag) {
		*o->flag = true;
	} else if (o->value) {
		if (*o->value)
			return "option given twice";
		*o->value = value;
	} else {
		if (o->list->n == ARGS_LIST_MAX)
			return "option given too often";
		o->list->at[o->list->n++] = value;
	}
	return NULL;
}

/* What was asked for is on stdout, or the program has failed. */
static int shown(void)
{
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

int args_parse(const char *usage, const char *help, const struct opt *opts, size_t n_opts, int argc, char **argv,
	       int min, int max, struct args *ret)
{
	bool only_operands = false;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *value, *wrong;
		const struct opt *o;
		size_t name_n;

		if (only_operands || a[0] != '-' || strcmp(a, "-") == 0) {
			argv[n++] = argv[i];
			continue;
		}
		if (strcmp(a, "--") == 0) {
			only_operands = true;
			continue;
		}
		if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
			print_usage(stdout, usage, help, opts, n_opts);
			return shown();
		}
		name_n = strcspn(a + 1, "=");
		o = a[1] == '-' ? find_opt(opts, n_opts, a + 2, name_n - 1) : find_letter(opts, n_opts, a + 1);
		if (!o)
			return mistake(usage, "unknown option", a);
		value = a[1 + name_n] == '=' ? a + 2 + name_n : NULL;
		if (o->flag && value)
			return mistake(usage, "option takes no value", a);
		if (!o->flag && !value) {
			if (i + 1 == argc)
				return mistake(usage, "option wants a value", a);
			value = argv[++i];
		}
		wrong = store(o, value);
		if (wrong)
			return mistake(usage, wrong, a);
	}
	if (n < min)
		return mistake(usage, "something is missing", NULL);
	if (n > max)
		return mistake(usage, "too many words", argv[max]);
	*ret = (struct args){ .at = argv, .n = n };
	return -1;
}

static void print_verbs(FILE *to, const struct program *p)
{
	(void)fprintf(to, "usage: %s VERB ...\n\n%s\n\n", p->name, p->summary);
	for (size_t i = 0; i < p->n_verbs; i++)
		(void)fprintf(to, "  %-18s %s\n", p->verbs[i].name, p->verbs[i].help);
	(void)fprintf(to,
		      "\n'%s VERB --help' explains one of them. Exit codes: 0 done, 1 failed, 2 usage, 3 refused,\n"
		      "4 nothing to do.\n",
		      p->name);
}

/* Number of argv words that the verb's name takes up when it matches, else 0. */
static int matches(const struct verb *v, int argc, char **argv)
{
	const char *space = strchr(v->name, ' ');
	size_t first = space ? (size_t)(space - v->name) : strlen(v->name);

	if (strlen(argv[0]) != first || strncmp(argv[0], v->name, first) != 0)
		return 0;
	if (!space)
		return 1;
	return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

/* Edit distance (Wagner-Fischer), for words of less than 32 letters. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], na = strlen(a), nb = strlen(b);

	if (na >= ARRAY_SIZE(row) || nb >= ARRAY_SIZE(row))
		return ARRAY_SIZE(row);
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

/* Whether `name` has two words, of which `word` is the first. */
static bool starts_with_word(const char *name, const char *word)
{
	size_t n = strlen(word);

	return strncmp(name, word, n) == 0 && name[n] == ' ';
}

static int unknown_verb(const struct program *p, int argc, char **argv)
{
	const struct verb *near = NULL;
	size_t best = 4;
	char typed[64];
	bool half = false;

	for (size_t i = 0; i < p->n_verbs; i++) {
		const char *name = p->verbs[i].name;
		size_t d;

		(void)snprintf(typed, sizeof(typed), "%s%s%s", argv[0], strchr(name, ' ') && argc > 1 ? " " : "",
			       strchr(name, ' ') && argc > 1 ? argv[1] : "");
		half = half || starts_with_word(name, argv[0]);
		d = distance(typed, name);
		if (d < best && 2 * d <= strlen(typed)) {
			best = d;
			near = &p->verbs[i];
		}
	}
	if (half && (argc == 1 || argv[1][0] == '-')) {
		(void)fprintf(stderr, "%s: '%s' wants a second word:\n", p->name, argv[0]);
		for (size_t i = 0; i < p->n_verbs; i++)
			if (starts_with_word(p->verbs[i].name, argv[0]))
				(void)fprintf(stderr, "  %s %-18s %s\n", p->name, p->verbs[i].name, p->verbs[i].help);
		return EXIT_USAGE;
	}
	(void)fprintf(stderr, "%s: unknown verb '%s'", p->name, argv[0]);
	if (near)
		(void)fprintf(stderr, "; did you mean '%s'?", near->name);
	(void)fprintf(stderr, "\n'%s --help' lists the verbs.\n", p->name);
	return EXIT_USAGE;
}

int program_run(const struct program *p, int argc, char **argv)
{
	if (argc < 2) {
		print_verbs(stderr, p);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_verbs(stdout, p);
		return shown();
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("%s %s\n", p->name, TANDEM_VERSION);
		return shown();
	}
	for (size_t i = 0; i < p->n_verbs; i++) {
		int words = matches(&p->verbs[i], argc - 1, argv + 1);

		if (words)
			return p->verbs[i].run(argc - words, argv + words);
	}
	return unknown_verb(p, argc - 1, argv + 1);
}

int args_number(const char *name, const char *text, unsigned int min, unsigned int max, unsigned int *ret,
		struct why *w)
{
	uint64_t n = 0;

	if (!text)
		return 0;
	if (parse_u64(text, max, &n, NULL) || n < min)
		return misuse(w, -EINVAL, "--%s '%.20s': %u to %u", name, text, min, max);
	*ret = (unsigned int)n;
	return 0;
}
