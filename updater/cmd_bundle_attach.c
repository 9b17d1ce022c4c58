/*
 * tandem bundle attach
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/args.h"
#include "base/io.h"
#include "base/json.h"
#include "updater/bundle_attach.h"
#include "updater/cmd.h"
#include "updater/trustdir.h"

#define USAGE                                                                                                          \
	"tandem bundle attach FILE (--signature FILE ... (--key PUB | --trust DIR) | --trust-update FILE ...) [-o FILE]"
#define HELP                                                                                                                \
	"Add signatures of the manifest that were made elsewhere, by minisign or an HSM, to a bundle that is prepared or\n" \
	"signed already. Each has to be good, by one of the keys that are given. --trust-update replaces the trust\n"       \
	"statements that go with it, which no signature of the bundle covers. The bundle is replaced as a whole."

struct options {
	const char *output, *dir;
	struct args_list keys, signatures, trust_updates;
	bool as_json;
};

/* What the options name, read. */
struct given {
	struct trust keys;
	char *texts[ARGS_LIST_MAX];
	struct bytes signatures[ARGS_LIST_MAX];
	uint8_t *chain;
	size_t chain_n;
};

static void given_done(struct given *g)
{
	for (size_t i = 0; i < ARGS_LIST_MAX; i++)
		free(g->texts[i]);
	free(g->chain);
}

static int read_given(const struct options *o, struct given *g, struct why *w)
{
	struct trustset last;
	int r = o->dir ? trust_add_dir(&g->keys, o->dir, w) : 0;

	for (size_t i = 0; !r && i < o->keys.n; i++)
		r = trust_add_file(&g->keys, o->keys.at[i], w);
	for (size_t i = 0; !r && i < o->signatures.n; i++) {
		size_t n = 0;

		r = file_read(AT_FDCWD, o->signatures.at[i], MINISIG_TEXT_MAX, &g->texts[i], &n, w);
		g->signatures[i] = bytes_of(g->texts[i], n);
	}
	for (size_t i = 0; !r && i < o->trust_updates.n; i++)
		r = chain_add_file(o->trust_updates.at[i], &g->chain, &g->chain_n, w);
	if (r || o->trust_updates.n == 0)
		return r;
	r = trust_history(bytes_of(g->chain, g->chain_n), &last, w);
	return r ? why_in(w, r, "--trust-update") : 0;
}

static int tell(const char *path, const struct signers *s, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };
	char id[MINISIG_ID_HEX];

	if (!as_json) {
		(void)printf("%s: %zu signature%s, %u good by the keys that were given\n", path, s->n,
			     s->n == 1 ? "" : "s", s->good);
		return 0;
	}
	json_object(&j, NULL);
	json_string(&j, "file", path);
	json_u64(&j, "good_keys", s->good);
	json_array(&j, "signatures");
	for (size_t i = 0; i < s->n; i++) {
		json_object(&j, NULL);
		json_string(&j, "key_id", minisig_id_format(&s->at[i].id, id));
		json_bool(&j, "good", s->at[i].trusted);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

static int attach(const char *path, const struct options *o, struct why *w)
{
	CLEANUP(given_done) struct given g = { 0 };
	struct attach_job job = { .path = path, .output = o->output ? o->output : path, .keys = &g.keys };
	struct signers signers = { 0 };
	int r;

	if (o->signatures.n + o->trust_updates.n == 0)
		return misuse(w, -EINVAL, "attach what? give --signature FILE or --trust-update FILE");
	if (o->signatures.n > 0 && o->keys.n == 0 && !o->dir)
		return misuse(w, -EINVAL, "whose signatures? give their public keys by --key FILE or --trust DIR");
	r = read_given(o, &g, w);
	job.added = g.signatures;
	job.n_added = o->signatures.n;
	job.statements = bytes_of(g.chain, g.chain_n);
	r = r ? r : bundle_attach(&job, &signers, w);
	return r ? r : tell(job.output, &signers, o->as_json, w);
}

int cmd_bundle_attach(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt opts[] = {
		{ .name = "signature", .arg = "FILE", .help = "signature of the manifest", .list = &o.signatures },
		{ .name = "key", .arg = "PUB", .help = "public key of a signer; may be repeated", .list = &o.keys },
		{ .name = "trust", .arg = "DIR", .help = "public keys (*.pub) of the signers", .value = &o.dir },
		{ .name = "trust-update",
		  .arg = "FILE",
		  .help = "trust statements that go with it; may be repeated",
		  .list = &o.trust_updates },
		{ .name = "output",
		  .letter = 'o',
		  .arg = "FILE",
		  .help = "instead of the bundle itself",
		  .value = &o.output },
		{ .name = "json", .help = "print JSON", .flag = &o.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(USAGE, HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = attach(args.at[0], &o, &w);
	return r ? why_report(&w, "tandem bundle attach") : EXIT_DONE;
}
