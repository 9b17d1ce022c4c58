#include "updater/keyfile.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium/utils.h>

#include "base/io.h"
#include "updater/prompt.h"

void password_wipe(struct password *p)
{
	sodium_memzero(p, sizeof(*p));
}

/* A text from file_read() that holds a secret. */
struct secret_text {
	char *p;
	size_t n;
};

static void wipe_text(struct secret_text *t)
{
	if (t->p)
		sodium_memzero(t->p, t->n);
	free(t->p);
}

int password_read(const char *path, struct password *ret, struct why *w)
{
	CLEANUP(wipe_text) struct secret_text t = { 0 };
	size_t n;
	int r;

	r = file_read(AT_FDCWD, path, KEYS_PASSWORD_MAX, &t.p, &t.n, w);
	if (r)
		return why_in(w, r, "password");
	n = strcspn(t.p, "\r\n");
	if (n == 0)
		return fail(w, -EINVAL, "%s: its first line is empty: no password", path);
	if (n >= sizeof(ret->text))
		return fail(w, -E2BIG, "%s: a password has at most %u bytes", path, KEYS_PASSWORD_MAX - 1);
	memcpy(ret->text, t.p, n);
	ret->text[n] = '\0';
	return 0;
}

int password_choose(struct password *ret, struct why *w)
{
	AUTO_PASSWORD first = { 0 }, second = { 0 };
	int r;

	r = prompt_password("New password: ", first.text, sizeof(first.text), w);
	r = r ? r : prompt_password("The same again: ", second.text, sizeof(second.text), w);
	if (!r && strcmp(first.text, second.text) != 0)
		r = fail(w, -EINVAL, "the two passwords are not the same");
	if (r)
		return why_next(w, r, "try again, or use --password-file FILE or --no-password");
	*ret = first;
	return 0;
}

static int ask_or_read(const char *path, const char *password_file, struct password *ret, struct why *w)
{
	char question[PATH_MAX + 32];
	int r;

	if (password_file)
		return password_read(password_file, ret, w);
	(void)snprintf(question, sizeof(question), "Password of %s: ", path);
	r = prompt_password(question, ret->text, sizeof(ret->text), w);
	return r ? why_next(w, why_in(w, r, "%s", path), "use --password-file FILE") : 0;
}

int keyfile_load(const char *path, const char *password_file, struct secret_key *ret, struct why *w)
{
	CLEANUP(wipe_text) struct secret_text t = { 0 };
	AUTO_PASSWORD password = { 0 };
	struct why first = { 0 };
	int r;

	r = file_read(AT_FDCWD, path, KEYS_TEXT_MAX, &t.p, &t.n, w);
	if (r)
		return why_in(w, r, "secret key");
	r = keys_parse(bytes_of(t.p, t.n), NULL, ret, &first);
	if (r != -ENOKEY)
		return r ? fail(w, r, "%s: %s", path, first.text) : 0;
	r = ask_or_read(path, password_file, &password, w);
	if (r)
		return r;
	r = keys_parse(bytes_of(t.p, t.n), password.text, ret, w);
	return r ? why_in(w, r, "%s", path) : 0;
}

static int refuse_existing(const char *path, struct why *w)
{
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return why_next(w, refuse(w, -EEXIST, "%s is there already", path),
				"choose another name, or --force to lose the old key");
	return errno == ENOENT ? 0 : fail_errno(w, "%s", path);
}

/* The public half first: alone it is useless, but not the other way round. */
int keyfile_pair_save(const struct keyfile_pair *p, bool force, struct why *w)
{
	int r = force ? 0 : refuse_existing(p->secret_path, w);

	if (!r && !force)
		r = refuse_existing(p->public_path, w);
	r = r ? r : file_replace(AT_FDCWD, p->public_path, p->public_half, strlen(p->public_half), 0644, w);
	return r ? r : file_replace(AT_FDCWD, p->secret_path, p->secret, strlen(p->secret), 0600, w);
}

int keyfile_save(const char *name, const struct secret_key *k, const char *password, bool force, struct why *w)
{
	char secret_path[PATH_MAX], public_path[PATH_MAX], secret[KEYS_TEXT_MAX], text[MINISIG_KEY_TEXT_MAX];
	const struct keyfile_pair pair = {
		.secret_path = secret_path, .secret = secret, .public_path = public_path, .public_half = text
	};
	struct minisig_key public_half = keys_public(k);
	int r;

	if (snprintf(secret_path, sizeof(secret_path), "%s.key", name) >= (int)sizeof(secret_path) ||
	    snprintf(public_path, sizeof(public_path), "%s.pub", name) >= (int)sizeof(public_path))
		return misuse(w, -ENAMETOOLONG, "%s: name too long", name);
	(void)minisig_key_format(&public_half, text);
	r = keys_format(k, password, KEYS_MEMORY_BYTES, secret, w);
	r = r ? r : keyfile_pair_save(&pair, force, w);
	sodium_memzero(secret, sizeof(secret));
	return r;
}
