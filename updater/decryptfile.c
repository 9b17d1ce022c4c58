#include "updater/decryptfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io.h"
#include "updater/keyfile.h"

#define PUBLIC_END ".recipient"

static int load_list(struct recipients *r, const char *path, struct why *w)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int e;

	e = file_read(AT_FDCWD, path, RECIPIENTS_TEXT_MAX, &text, &n, w);
	if (e)
		return e;
	e = recipients_parse(r, bytes_of(text, n), w);
	sodium_memzero(text, n); /* a secret key by mistake */
	return e ? why_in(w, e, "%s", path) : 0;
}

static int is_recipient_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name), end = strlen(PUBLIC_END);

	return n > end && d->d_name[0] != '.' && strcmp(d->d_name + n - end, PUBLIC_END) == 0;
}

static int load_folder(struct recipients *r, const char *folder, struct why *w)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, is_recipient_file, alphasort), e = 0;
	char path[PATH_MAX];

	if (n < 0)
		return fail_errno(w, "%s", folder);
	for (int i = 0; i < n; i++) {
		if (!e && snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) >= (int)sizeof(path))
			e = fail(w, -ENAMETOOLONG, "%s: name too long", folder);
		e = e ? e : load_list(r, path, w);
		free(names[i]);
	}
	free(names);
	if (!e && n == 0)
		e = fail(w, -ENODATA, "%s: no encryption key (*" PUBLIC_END ") is there", folder);
	return e;
}

int recipients_load(struct recipients *r, const char *path, struct why *w)
{
	struct stat st;

	if (stat(path, &st))
		return fail_errno(w, "%s", path);
	return S_ISDIR(st.st_mode) ? load_folder(r, path, w) : load_list(r, path, w);
}

/* As ssh looks at its keys: a secret that others can read is none. */
static int check_secrecy(const struct stat *st, const char *path, struct why *w)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return refuse(w, -EACCES, "%s: a secret key that belongs to another user", path);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return why_next(w,
				refuse(w, -EACCES, "%s: a secret key that others than its owner can open (mode %04o)",
				       path, (unsigned int)(st->st_mode & 07777)),
				"chmod 600 %s", path);
	return 0;
}

/* A secret key file is opened once: what was looked at is what is read. */
static int read_secret(const char *path, char text[2 * RECIPIENT_TEXT_MAX], struct stat *ret, struct why *w)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return fail_errno(w, "%s", path);
	if (fstat(fd, ret))
		return fail_errno(w, "%s", path);
	if (!S_ISREG(ret->st_mode))
		return fail(w, -EINVAL, "%s: not a regular file", path);
	if (ret->st_size == 0 || ret->st_size > 2 * RECIPIENT_TEXT_MAX)
		return fail(w, -EBADMSG, "%s: %lld bytes are not a secret key that decrypts", path,
			    (long long)ret->st_size);
	return pread_full(fd, text, (size_t)ret->st_size, 0, path, w);
}

int decrypt_keys_load(struct decrypt_keys *k, const char *path, struct why *w)
{
	char text[2 * RECIPIENT_TEXT_MAX];
	struct stat st = { 0 };
	int r;

	if (k->n == DECRYPT_KEYS_MAX)
		return misuse(w, -E2BIG, "%s: over %u secret keys that decrypt", path, DECRYPT_KEYS_MAX);
	r = read_secret(path, text, &st, w);
	if (!r) {
		r = decrypt_key_parse(bytes_of(text, (size_t)st.st_size), &k->at[k->n], w);
		r = r ? why_in(w, r, "%s", path) : check_secrecy(&st, path, w); /* what is no secret need not be kept */
	}
	sodium_memzero(text, sizeof(text));
	if (r)
		decrypt_key_wipe(&k->at[k->n]);
	k->n += !r;
	return r;
}

int decrypt_key_save(const char *name, const struct decrypt_key *k, bool force, struct why *w)
{
	char secret_path[PATH_MAX], public_path[PATH_MAX], secret[RECIPIENT_TEXT_MAX], text[RECIPIENT_TEXT_MAX];
	const struct keyfile_pair pair = {
		.secret_path = secret_path, .secret = secret, .public_path = public_path, .public_half = text
	};
	const char *last = strrchr(name, '/');
	int r;

	if (snprintf(secret_path, sizeof(secret_path), "%s.key", name) >= (int)sizeof(secret_path) ||
	    snprintf(public_path, sizeof(public_path), "%s" PUBLIC_END, name) >= (int)sizeof(public_path))
		return misuse(w, -ENAMETOOLONG, "%s: name too long", name);
	(void)recipient_format(&k->recipient, last ? last + 1 : name, text);
	(void)decrypt_key_format(k, secret);
	r = keyfile_pair_save(&pair, force, w);
	sodium_memzero(secret, sizeof(secret));
	return r;
}
