/*
 * tandem key generate | show
 */
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/io.h"
#include "base/json.h"
#include "updater/cmd.h"
#include "updater/cmd_key_encryption.h"
#include "updater/keyfile.h"

#define GENERATE_USAGE                                                                                                 \
	"tandem key generate -o NAME [--encryption | --password-file FILE | --no-password] [--force] [--json]"
#define GENERATE_HELP                                                                                                   \
	"Make an Ed25519 key pair in minisign's format: NAME.key, the secret half (mode 0600), which signs bundles,\n"  \
	"and NAME.pub, which goes to the devices' trust folder. The secret half is locked with a password, which is\n"  \
	"asked for unless one of the options says otherwise.\n"                                                         \
	"With --encryption an X25519 key pair: NAME.key stays on the device, which decrypts bundles by it, without a\n" \
	"password; NAME.recipient goes to the builder, for --encrypt-to."
#define SHOW_USAGE "tandem key show FILE [--password-file FILE] [--json]"
#define SHOW_HELP                                                                                                           \
	"Show id and public half of a key, public or secret, for signatures or for encryption. A locked secret key hides\n" \
	"both, so its password is asked for."

struct generate {
	const char *name;
	const char *password_file;
	bool no_password;
	bool encryption;
	bool force;
	bool as_json;
};

static int report(const struct generate *g, const struct minisig_id *id, struct why *w)
{
	struct json j = { .to = stdout };
	char hex[MINISIG_ID_HEX], path[PATH_MAX];

	(void)minisig_id_format(id, hex);
	if (!g->as_json) {
		(void)printf("key id %s\nsecret key, to be kept secret: %s.key\npublic key, for the devices: %s.pub\n",
			     hex, g->name, g->name);
		return 0;
	}
	json_object(&j, NULL);
	json_string(&j, "id", hex);
	(void)snprintf(path, sizeof(path), "%s.key", g->name);
	json_string(&j, "secret_key_file", path);
	(void)snprintf(path, sizeof(path), "%s.pub", g->name);
	json_string(&j, "public_key_file", path);
	json_end(&j);
	return json_finish(&j, w);
}

static int generate(const struct generate *g, struct why *w)
{
	AUTO_SECRET struct secret_key key = { 0 };
	AUTO_PASSWORD password = { 0 };
	int r = 0;

	if (g->password_file)
		r = password_read(g->password_file, &password, w);
	else if (!g->no_password)
		r = password_choose(&password, w);
	if (r)
		return r;
	keys_generate(&key);
	r = keyfile_save(g->name, &key, g->no_password ? NULL : password.text, g->force, w);
	return r ? r : report(g, &key.id, w);
}

int cmd_key_generate(int argc, char **argv)
{
	struct generate g = { 0 };
	const struct opt opts[] = {
		{ .name = "output",
		  .letter = 'o',
		  .arg = "NAME",
		  .help = "write NAME.key and NAME.pub",
		  .value = &g.name },
		{ .name = "password-file",
		  .arg = "FILE",
		  .help = "lock the secret key with the first line of FILE",
		  .value = &g.password_file },
		{ .name = "encryption", .help = "a key that decrypts bundles", .flag = &g.encryption },
		{ .name = "no-password", .help = "do not lock the secret key", .flag = &g.no_password },
		{ .name = "force", .help = "replace key files that are there", .flag = &g.force },
		{ .name = "json", .help = "print JSON", .flag = &g.as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(GENERATE_USAGE, GENERATE_HELP, opts, ARRAY_SIZE(opts), argc, argv, 0, 0, &args);

	if (r >= 0)
		return r;
	if (!g.name)
		r = misuse(&w, -EINVAL, "no name for the key: give -o NAME");
	else if (g.no_password && g.password_file)
		r = misuse(&w, -EINVAL, "--no-password and --password-file exclude each other");
	else if (g.encryption && g.password_file)
		r = misuse(&w, -EINVAL, "a key that decrypts has no password: a device uses it with nobody there");
	else
		r = g.encryption ? key_encryption_generate(g.name, g.force, g.as_json, &w) : generate(&g, &w);
	return r ? why_report(&w, "tandem key generate") : EXIT_DONE;
}

enum key_kind { KEY_PUBLIC, KEY_SECRET };

/* A file that reads as a public key is one; else it has to be a secret key. */
static int load_either(const char *path, const char *password_file, enum key_kind *ret_kind, struct minisig_key *ret,
		       struct why *w)
{
	AUTO_SECRET struct secret_key secret = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r;

	r = file_read(AT_FDCWD, path, MINISIG_KEY_TEXT_MAX, &text, &n, w);
	if (r)
		return r;
	r = minisig_key_parse(bytes_of(text, n), ret, NULL);
	sodium_memzero(text, n);
	*ret_kind = r ? KEY_SECRET : KEY_PUBLIC;
	if (!r)
		return 0;
	r = keyfile_load(path, password_file, &secret, w);
	if (!r)
		*ret = keys_public(&secret);
	return r;
}

/* The second line of a public key file: what minisign -P takes. */
static void public_base64(const struct minisig_key *key, char out[MINISIG_KEY_TEXT_MAX])
{
	char text[MINISIG_KEY_TEXT_MAX];
	const char *line;

	(void)minisig_key_format(key, text);
	line = strchr(text, '\n');
	(void)snprintf(out, MINISIG_KEY_TEXT_MAX, "%.*s", line ? (int)strcspn(line + 1, "\n") : 0,
		       line ? line + 1 : "");
}

static int show(const char *path, const char *password_file, bool as_json, struct why *w)
{
	char id[MINISIG_ID_HEX], base64[MINISIG_KEY_TEXT_MAX];
	struct minisig_key key = { 0 };
	struct json j = { .to = stdout };
	enum key_kind kind = KEY_PUBLIC;
	int r;

	r = load_either(path, password_file, &kind, &key, w);
	if (r)
		return r;
	(void)minisig_id_format(&key.id, id);
	public_base64(&key, base64);
	if (!as_json) {
		(void)printf("key id:     %s\nfile holds: %s key\npublic key: %s\n", id,
			     kind == KEY_PUBLIC ? "the public" : "the secret", base64);
		return 0;
	}
	json_object(&j, NULL);
	json_string(&j, "id", id);
	json_string(&j, "file", kind == KEY_PUBLIC ? "public" : "secret");
	json_string(&j, "public_key", base64);
	json_end(&j);
	return json_finish(&j, w);
}

int cmd_key_show(int argc, char **argv)
{
	const char *password_file = NULL;
	bool as_json = false;
	const struct opt opts[] = {
		{ .name = "password-file",
		  .arg = "FILE",
		  .help = "the first line of FILE unlocks a secret key",
		  .value = &password_file },
		{ .name = "json", .help = "print JSON", .flag = &as_json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(SHOW_USAGE, SHOW_HELP, opts, ARRAY_SIZE(opts), argc, argv, 1, 1, &args);

	if (r >= 0)
		return r;
	r = key_encryption_is(args.at[0]) ? key_encryption_show(args.at[0], as_json, &w)
					  : show(args.at[0], password_file, as_json, &w);
	return r ? why_report(&w, "tandem key show") : EXIT_DONE;
}
