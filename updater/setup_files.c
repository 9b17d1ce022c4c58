#include "updater/setup_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/proc.h"

#define STATE_NEW  "/var/lib/.tandem.setup" /* SETUP_STATE on its way in or out */
#define ACCOUNT_MS 60000u
#define OPEN_FILES 16

void setup_changing(const struct setup_job *j)
{
	if (j->watch && j->watch->change)
		j->watch->change(j->watch->arg);
}

/* --- the journal --- */

static int write_journal(const struct setup_job *j, const char *path, struct why *w)
{
	AUTO_FREE char *text = NULL;
	char full[PATH_MAX];
	size_t n = 0;
	int r = setup_path(j->place, path, full, w);

	r = r ? r : setup_journal_format(j->journal, &text, &n, w);
	if (r)
		return r;
	setup_changing(j);
	return file_replace(AT_FDCWD, full, text, n, 0644, w);
}

/* The folder comes with the journal in it, which knows that it was made: no power cut leaves one that nobody claims. */
static int first_save(const struct setup_job *j, const char *full, struct why *w)
{
	char fresh[PATH_MAX], above[PATH_MAX];
	int r = setup_path(j->place, STATE_NEW, fresh, w);

	r = r ? r : setup_path(j->place, "/var/lib", above, w);
	r = r ? r : dir_make(above, 0755, w);
	r = r ? r : setup_journal_add(j->journal, MADE_FOLDER, SETUP_STATE, "", w);
	setup_changing(j);
	if (!r && mkdir(fresh, 0755))
		r = fail_errno(w, "%s", fresh);
	r = r ? r : write_journal(j, STATE_NEW "/setup.journal", w);
	setup_changing(j);
	if (!r && rename(fresh, full))
		r = fail_errno(w, "%s", full);
	return r ? r : dir_sync(above, w);
}

int setup_save(const struct setup_job *j, struct why *w)
{
	char full[PATH_MAX];
	int r = setup_path(j->place, SETUP_STATE, full, w);

	if (r)
		return r;
	return access(full, F_OK) ? first_save(j, full, w) : write_journal(j, SETUP_JOURNAL, w);
}

int setup_note(const struct setup_job *j, enum setup_made made, const char *name, const char *value, struct why *w)
{
	int r;

	if (setup_journal_has(j->journal, made, name, value))
		return 0;
	r = setup_journal_add(j->journal, made, name, value, w);
	return r ? r : setup_save(j, w);
}

int setup_clear(const struct setup_job *j, struct why *w)
{
	return setup_remove_all(j, STATE_NEW, false, w);
}

/* What was removed is gone for good before the journal is. */
static int settle(const struct setup_job *j, struct why *w)
{
	AUTO_FD fd = -1;

	if (setup_live(j->place)) {
		sync();
		return 0;
	}
	fd = open(j->place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || syncfs(fd) ? fail_errno(w, "%s", j->place->root) : 0;
}

int setup_forget(const struct setup_job *j, struct why *w)
{
	bool ours = setup_journal_has(j->journal, MADE_FOLDER, SETUP_STATE, NULL);
	char full[PATH_MAX], gone[PATH_MAX];
	int r = setup_path(j->place, ours ? SETUP_STATE : SETUP_JOURNAL, full, w);

	r = r ? r : setup_path(j->place, STATE_NEW, gone, w);
	if (r)
		return r;
	r = settle(j, w);
	if (r)
		return r;
	setup_changing(j);
	if ((ours ? rename(full, gone) : unlink(full)) && errno != ENOENT)
		return fail_errno(w, "%s", full);
	return setup_clear(j, w);
}

/* --- folders, files, links --- */

static int is_folder(const char *full)
{
	struct stat st;

	return stat(full, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folders above a path, each noted. */
static int make_parents(const struct setup_job *j, const char *path, struct why *w)
{
	char name[SETUP_NAME_MAX], full[PATH_MAX];
	int r = 0;

	for (const char *slash = strchr(path + 1, '/'); slash && !r; slash = strchr(slash + 1, '/')) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		r = setup_path(j->place, name, full, w);
		if (r || is_folder(full))
			continue;
		r = setup_note(j, MADE_FOLDER, name, "", w);
		setup_changing(j);
		if (!r && mkdir(full, 0755) && errno != EEXIST)
			r = fail_errno(w, "%s", full);
	}
	return r;
}

static int set_owner(const struct setup_job *j, const struct setup_item *i, const char *full, struct why *w)
{
	struct setup_account a = { 0 };
	int r = i->users ? setup_account(j->place, j->wish->user, &a, w) : 0;

	if (!r && i->users && !a.user)
		r = fail(w, -ENODATA, "user %s is not there", j->wish->user);
	setup_changing(j);
	if (!r && (lchown(full, a.uid, a.gid) || chmod(full, i->mode)))
		r = fail_errno(w, "%s: owner and mode", full);
	return r;
}

int setup_make_folder(const struct setup_job *j, const struct setup_item *i, enum setup_made made, struct why *w)
{
	bool there, ours = setup_journal_has(j->journal, made, i->name, NULL);
	char full[PATH_MAX];
	int r = setup_path(j->place, i->name, full, w);

	r = r ? r : make_parents(j, i->name, w);
	if (r)
		return r;
	there = is_folder(full);
	if (!ours)
		r = setup_note(j, made, i->name, there && made != MADE_FOLDER ? SETUP_INSIDE : "", w);
	setup_changing(j);
	if (!r && !there && mkdir(full, 0700))
		r = fail_errno(w, "%s", full);
	return r ? r : set_owner(j, i, full, w);
}

int setup_make_file(const struct setup_job *j, const struct setup_item *i, struct why *w)
{
	const struct hash hash = hash_of(bytes_str(i->text));
	char full[PATH_MAX], hex[2 * HASH_BYTES + 1];
	int r = setup_path(j->place, i->name, full, w);

	r = r ? r : make_parents(j, i->name, w);
	r = r ? r : setup_note(j, MADE_FILE, i->name, format_hex(hash.b, HASH_BYTES, hex), w);
	setup_changing(j);
	return r ? r : file_replace(AT_FDCWD, full, i->text, strlen(i->text), i->mode, w);
}

int setup_make_link(const struct setup_job *j, const struct setup_item *i, struct why *w)
{
	char full[PATH_MAX], temp[PATH_MAX + 4];
	int r = setup_path(j->place, i->name, full, w);

	r = r ? r : make_parents(j, i->name, w);
	r = r ? r : setup_note(j, MADE_LINK, i->name, i->text, w);
	if (r)
		return r;
	(void)snprintf(temp, sizeof(temp), "%s.tmp", full);
	setup_changing(j);
	if ((unlink(temp) && errno != ENOENT) || symlink(i->text, temp))
		return fail_errno(w, "%s", temp);
	setup_changing(j);
	return rename(temp, full) ? fail_errno(w, "%s", full) : 0;
}

/* --- accounts --- */

/* useradd(8) and the like take the files of another root by --prefix. */
static int run_tool(const struct setup_job *j, const char *const *words, size_t n, struct why *w)
{
	const char *argv[16] = { words[0] };
	size_t k = 1;

	if (!setup_live(j->place)) {
		argv[k++] = "--prefix";
		argv[k++] = j->place->root;
	}
	for (size_t i = 1; i < n && k < ARRAY_SIZE(argv) - 1; i++)
		argv[k++] = words[i];
	argv[k] = NULL;
	setup_changing(j);
	return proc_must(argv, ACCOUNT_MS, w);
}

int setup_make_group(const struct setup_job *j, const char *name, struct why *w)
{
	const char *const words[] = { "groupadd", "--system", name };
	int r = setup_note(j, MADE_GROUP, name, "", w);

	return r ? r : run_tool(j, words, ARRAY_SIZE(words), w);
}

int setup_make_user(const struct setup_job *j, const char *name, struct why *w)
{
	char home[SETUP_NAME_MAX];
	const char *const words[] = { "useradd", "--system", "--no-create-home",  "--home-dir",
				      home,      "--shell",  "/usr/sbin/nologin", "--gid",
				      name,      name };
	int r = setup_note(j, MADE_USER, name, "", w);

	(void)snprintf(home, sizeof(home), "/var/lib/%s", j->wish->product);
	return r ? r : run_tool(j, words, ARRAY_SIZE(words), w);
}

/* --- taking away --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

static size_t inside_of; /* length of the folder's own path; nftw() hands nothing on */

/* A file system of its own keeps its lost+found. */
static int remove_inside(const char *path, const struct stat *st, int type, struct FTW *at)
{
	static const char lost[] = "/lost+found";
	const char *name = path + inside_of;
	size_t n = sizeof(lost) - 1;

	if (at->level == 0 || (strncmp(name, lost, n) == 0 && (name[n] == '\0' || name[n] == '/')))
		return 0;
	return remove_one(path, st, type, at);
}

int setup_remove_all(const struct setup_job *j, const char *path, bool inside, struct why *w)
{
	char full[PATH_MAX];
	struct stat st;
	int r = setup_path(j->place, path, full, w);

	if (r || lstat(full, &st))
		return r;
	setup_changing(j);
	inside_of = strlen(full);
	if (nftw(full, inside ? remove_inside : remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
		return fail_errno(w, "%s: cannot be removed", full);
	return 0;
}
