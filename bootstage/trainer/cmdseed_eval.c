/*
 * tandem-seedtrain eval, show, rows
 */
#include <fcntl.h>
#include <inttypes.h>

#include "base/args.h"
#include "base/io.h"
#include "base/json.h"
#include "base/parse.h"
#include "bootstage/trainer/cmdseed.h"
#include "bootstage/trainer/onnx.h"
#include "bootstage/trainer/onnxnet.h"
#include "bootstage/trainer/seedrun.h"

/* --- eval --- */

static int read_row(char *line, unsigned long number, double *x, size_t n, struct why *w)
{
	size_t got = 0;

	for (char *word, *rest = line; (word = strtok_r(rest, " ,\t\n", &rest)) != NULL; got++) {
		char *end;
		double v = strtod(word, &end);

		if (end == word || *end != '\0')
			return fail(w, -EBADMSG, "line %lu: '%.40s' is not a number", number, word);
		if (got < n)
			x[got] = v;
	}
	return got == n ? 0 : fail(w, -EBADMSG, "line %lu: %zu numbers, want %zu", number, got, n);
}

static int eval_rows(struct onnxnet *net, FILE *in, struct why *w)
{
	AUTO_FREE double *x = calloc(onnxnet_inputs(net), sizeof(*x)), *y = calloc(onnxnet_outputs(net), sizeof(*y));
	AUTO_FREE char *line = NULL;
	unsigned long number = 0;
	size_t room = 0;
	int r = x && y ? 0 : fail(w, -ENOMEM, "no memory for a row");

	while (r == 0 && getline(&line, &room, in) >= 0) {
		r = read_row(line, ++number, x, onnxnet_inputs(net), w);
		if (r)
			return r;
		onnxnet_eval(net, x, y);
		for (size_t i = 0; i < onnxnet_outputs(net); i++)
			(void)printf("%s%.17g", i ? " " : "", y[i]);
		(void)putchar('\n');
	}
	if (r == 0 && (ferror(in) || fflush(stdout)))
		return fail_errno(w, "rows");
	return r;
}

static int eval(const char *path, struct why *w)
{
	AUTO_ONNXNET *net = NULL;
	AUTO_FREE char *file = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, path, ONNXNET_BYTES_MAX, &file, &n, w);

	r = r ? r : onnxnet_load(bytes_of(file, n), &net, w);
	return r ? r : eval_rows(net, stdin, w);
}

int cmdseed_eval(int argc, char **argv)
{
	struct why w = { 0 };
	struct args args;
	int r = args_parse(SEED_PROGRAM " eval MODEL",
			   "Read rows of numbers from standard input, and print what a small model says of each.", NULL,
			   0, argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	return eval(args.at[0], &w) ? why_report(&w, SEED_PROGRAM) : EXIT_DONE;
}

/* --- show --- */

static int print_json(const struct onnx_model *m, struct why *w)
{
	struct json j = { .to = stdout };

	json_object(&j, NULL);
	json_bool(&j, "valid", true);
	json_u64(&j, "ir_version", m->ir_version);
	json_u64(&j, "opset", m->opset);
	json_text(&j, "producer", m->producer);
	json_u64(&j, "nodes", m->nodes);
	json_u64(&j, "initializers", m->initializers);
	json_u64(&j, "parameters", m->parameters);
	json_u64(&j, "external", m->external);
	json_object(&j, "metadata");
	for (unsigned int i = 0; i < m->n_meta; i++)
		json_string(&j, m->meta[i].key, m->meta[i].value);
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int print_text(const struct onnx_model *m, struct why *w)
{
	(void)printf("valid: ONNX, IR version %" PRIu64 ", operators %" PRIu64 "%s%s\n", m->ir_version, m->opset,
		     m->producer[0] ? ", by " : "", m->producer);
	(void)printf("%" PRIu32 " nodes, %" PRIu64 " parameters in %" PRIu32 " tensors, %" PRIu32
		     " of them in other files\n",
		     m->nodes, m->parameters, m->initializers, m->external);
	for (unsigned int i = 0; i < m->n_meta; i++)
		(void)printf("%s: %s\n", m->meta[i].key, m->meta[i].value);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

/* The folder and the name in it: other files of a model are beside it. */
static int check_path(char *path, struct onnx_model *ret, struct why *w)
{
	char *slash = strrchr(path, '/');
	const char *folder = slash == path ? "/" : slash ? path : ".";

	if (slash)
		*slash = '\0';
	AUTO_FD dir = open(slash == path ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(w, "%s", folder);
	return onnx_check_at(dir, slash ? slash + 1 : path, ret, w);
}

int cmdseed_show(int argc, char **argv)
{
	bool as_json = false;
	const struct opt opts[] = {
		{ .name = "json", .help = "as JSON", .flag = &as_json },
	};
	struct onnx_model m;
	struct why w = { 0 };
	struct args args;
	int r = args_parse(SEED_PROGRAM " show MODEL [--json]",
			   "Check whether a file is a valid model, whoever made it, and print what it says of itself.",
			   opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = check_path(args.at[0], &m, &w);
	r = r ? r : as_json ? print_json(&m, &w) : print_text(&m, &w);
	return r ? why_report(&w, SEED_PROGRAM) : EXIT_DONE;
}

/* --- rows --- */

static int print_rows(uint64_t seed, uint32_t n, struct why *w)
{
	AUTO_FREE struct flow_row *rows = calloc(n + 1, sizeof(*rows));

	if (!rows)
		return fail(w, -ENOMEM, "no memory for %" PRIu32 " rows", n);
	flow_synthesize(seed, rows, n);
	for (uint32_t i = 0; i < n; i++) {
		for (unsigned int k = 0; k < FLOW_FEATURES; k++)
			(void)printf("%.9g ", (double)rows[i].x[k]);
		(void)printf("%d\n", rows[i].bad);
	}
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

int cmdseed_rows(int argc, char **argv)
{
	const char *rows_text = NULL, *seed_text = NULL;
	const struct opt opts[] = {
		{ .name = "rows", .arg = "N", .help = "how many (8000)", .value = &rows_text },
		{ .name = "seed", .arg = "N", .help = "of what is drawn at random (0)", .value = &seed_text },
	};
	uint64_t rows = SEED_ROWS_DEFAULT, seed = 0;
	struct why w = { 0 };
	struct args args;
	int r = args_parse(SEED_PROGRAM " rows [--rows N] [--seed N]",
			   "Print made-up rows as a seed training takes them: six figures, and 1 for a bad one.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	if ((rows_text && parse_u64(rows_text, SEED_ROWS_MAX, &rows, NULL)) ||
	    (seed_text && parse_u64(seed_text, INT64_MAX, &seed, NULL)))
		r = misuse(&w, -EINVAL, "--rows is at most %u, --seed a number", SEED_ROWS_MAX);
	else
		r = print_rows(seed, (uint32_t)rows, &w);
	return r ? why_report(&w, SEED_PROGRAM) : EXIT_DONE;
}
