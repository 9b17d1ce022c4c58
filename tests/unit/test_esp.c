/* Files on the ESP: put whole or not at all, whatever fails; copies; removals (partitions/esp.h). On a plain folder; on a
 * real FAT file system as root, where the kernel has one. */
#include "partitions/esp.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/proc.h"
#include "tests/support.h"

/* The folder's own operations with a fault in front: operation number `fail_at` fails, `damage` spoils what is read. */
struct faulty {
	struct esp esp;
	const struct esp_ops *real;
	unsigned int ops, fail_at;
	bool damage, cut;
	char log[1024];
};

static struct faulty *fault_of(struct esp *e)
{
	return (struct faulty *)e;
}

static int step(struct esp *e, const char *what, const char *path, struct why *w)
{
	struct faulty *f = fault_of(e);
	size_t at = strlen(f->log);

	assert_true(snprintf(f->log + at, sizeof(f->log) - at, " %s%s%s", what, path ? ":" : "", path ? path : "") <
		    (int)(sizeof(f->log) - at));
	return f->ops++ == f->fail_at ? fail(w, -EIO, "%s: injected", what) : 0;
}

static int f_create(struct esp *e, const char *path, int *ret, struct why *w)
{
	int r = step(e, "create", path, w);

	return r ? r : fault_of(e)->real->create(e, path, ret, w);
}

static int f_append(struct esp *e, int file, const void *buf, size_t n, struct why *w)
{
	int r = step(e, "append", NULL, w);

	return r ? r : fault_of(e)->real->append(e, file, buf, n, w);
}

static int f_finish(struct esp *e, int file, struct why *w)
{
	int r = step(e, "finish", NULL, w), c = fault_of(e)->real->finish(e, file, NULL);

	return r ? r : c;
}

static int f_rename(struct esp *e, const char *from, const char *to, struct why *w)
{
	int r = step(e, "rename", to, w);

	return r ? r : fault_of(e)->real->rename(e, from, to, w);
}

static int f_remove(struct esp *e, const char *path, struct why *w)
{
	int r = step(e, "remove", path, w);

	return r ? r : fault_of(e)->real->remove(e, path, w);
}

static int f_sync(struct esp *e, struct why *w)
{
	int r = step(e, "sync", NULL, w);

	return r ? r : fault_of(e)->real->sync(e, w);
}

static int f_open_read(struct esp *e, const char *path, int *ret, uint64_t *ret_bytes, struct why *w)
{
	int r = step(e, "open", path, w);

	return r ? r : fault_of(e)->real->open_read(e, path, ret, ret_bytes, w);
}

static int f_read_at(struct esp *e, int file, void *buf, size_t n, uint64_t off, size_t *ret_n, struct why *w)
{
	struct faulty *f = fault_of(e);
	int r = step(e, "read", NULL, w);

	r = r ? r : f->real->read_at(e, file, buf, n, off, ret_n, w);
	if (!r && f->damage && *ret_n > 0)
		((uint8_t *)buf)[*ret_n - 1] ^= 1;
	if (!r && f->cut)
		*ret_n = 0;
	return r;
}

static void f_close_read(struct esp *e, int file)
{
	fault_of(e)->real->close_read(e, file);
}

static int f_free_bytes(struct esp *e, uint64_t *ret, struct why *w)
{
	return fault_of(e)->real->free_bytes(e, ret, w);
}

static const struct esp_ops faulty_ops = {
	.create = f_create,
	.append = f_append,
	.finish = f_finish,
	.rename = f_rename,
	.remove = f_remove,
	.sync = f_sync,
	.open_read = f_open_read,
	.read_at = f_read_at,
	.close_read = f_close_read,
	.free_bytes = f_free_bytes,
};

static const char *folder_new(void)
{
	static unsigned int serial;
	char name[32];
	const char *path;

	(void)snprintf(name, sizeof(name), "esp%u", serial++);
	path = scratch_path(name);
	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}

static void open_faulty(struct faulty *f)
{
	struct why w = { 0 };

	*f = (struct faulty){ .fail_at = UINT32_MAX };
	assert_ok(esp_open_folder(folder_new(), &f->esp, &w), w);
	f->real = f->esp.ops;
	f->esp.ops = &faulty_ops;
}

static void close_faulty(struct faulty *f)
{
	struct why w = { 0 };

	f->esp.ops = f->real;
	assert_ok(esp_close(&f->esp, &w), w);
	assert_ok(esp_close(&f->esp, &w), w); /* twice is fine */
}

/* In two pieces. */
static int put(struct esp *e, const char *path, const char *text, struct why *w)
{
	struct esp_put p = { 0 };
	size_t n = strlen(text);
	int r = esp_put_begin(e, path, &p, w);

	r = r ? r : esp_put_add(&p, bytes_of(text, n / 2), w);
	r = r ? r : esp_put_add(&p, bytes_of(text + n / 2, n - n / 2), w);
	if (r)
		esp_put_cancel(&p);
	else
		r = esp_put_end(&p, w);
	esp_put_cancel(&p); /* fine after either */
	return r;
}

/* The text of a file; "-" when it is not there. */
static const char *text_of(struct esp *e, const char *path)
{
	static char out[256];
	AUTO_FREE char *text = NULL;

	(void)snprintf(out, sizeof(out), "%s", file_read(e->root, path, 255, &text, NULL, NULL) ? "-" : text);
	return out;
}

#define FILE_A   "EFI/tandem/a/linux.efi"
#define FILE_B   "EFI/tandem/b/linux.efi"
#define FALLBACK "EFI/BOOT/BOOTX64.EFI"

static void put_makes_its_folders_and_the_order_is_the_one_that_survives(void **state)
{
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, FILE_A, "first", &w), w);
	assert_string_equal(f.log, " create:" FILE_A ".new append append finish open:" FILE_A ".new read rename:" FILE_A
				   " sync");
	assert_string_equal(text_of(&f.esp, FILE_A), "first");
	assert_ok(put(&f.esp, FILE_A, "a second one", &w), w);
	assert_string_equal(text_of(&f.esp, FILE_A), "a second one");
	assert_string_equal(text_of(&f.esp, FILE_A ".new"), "-");
	assert_ok(put(&f.esp, "top.efi", "", &w), w); /* no folder, no byte */
	assert_string_equal(text_of(&f.esp, "top.efi"), "");
	close_faulty(&f);
}

static void left_over_of_an_interrupted_put_is_no_obstacle(void **state)
{
	struct esp_put p;
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(esp_put_begin(&f.esp, FILE_A, &p, &w), w);
	assert_ok(esp_put_add(&p, bytes_str("a long text that was never ended"), &w), w);
	assert_int_equal(close(p.file), 0); /* as by a power cut */
	assert_ok(put(&f.esp, FILE_A, "short", &w), w);
	assert_string_equal(text_of(&f.esp, FILE_A), "short");
	assert_string_equal(text_of(&f.esp, FILE_A ".new"), "-");
	close_faulty(&f);
}

static void put_that_fails_anywhere_leaves_the_old_file_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned int at = 0; at < 8; at++) {
		struct faulty f;
		struct why w = { 0 };

		open_faulty(&f);
		assert_ok(put(&f.esp, FILE_A, "old", &w), w);
		f.fail_at = f.ops + at;
		assert_int_equal(put(&f.esp, FILE_A, "new", &w), -EIO);
		assert_non_null(strstr(w.text, "injected"));
		/* The seventh is the last flush: the new file is there, perhaps not on the medium. */
		assert_string_equal(text_of(&f.esp, FILE_A), at == 7 ? "new" : "old");
		assert_string_equal(text_of(&f.esp, FILE_A ".new"), "-");
		w = (struct why){ 0 };
		assert_ok(put(&f.esp, FILE_A, "new", &w), w);
		assert_string_equal(text_of(&f.esp, FILE_A), "new");
		close_faulty(&f);
	}
}

static void file_that_reads_back_different_is_not_put(void **state)
{
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, FILE_A, "old", &w), w);
	f.damage = true;
	assert_int_equal(put(&f.esp, FILE_A, "new", &w), -EIO);
	assert_non_null(strstr(w.text, "reads back different"));
	f.damage = false;
	f.cut = true;
	w = (struct why){ 0 };
	assert_int_equal(put(&f.esp, FILE_A, "new", &w), -EIO);
	assert_non_null(strstr(w.text, "ends before its size"));
	f.cut = false;
	assert_string_equal(text_of(&f.esp, FILE_A), "old");
	assert_string_equal(text_of(&f.esp, FILE_A ".new"), "-");
	close_faulty(&f);
}

static void file_over_the_limit_is_refused_at_the_byte_over_it(void **state)
{
	struct esp_put p;
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(esp_put_begin(&f.esp, FILE_A, &p, &w), w);
	p.bytes = ESP_BOOT_FILE_MAX - 1; /* as if they had been added */
	assert_ok(esp_put_add(&p, bytes_str("x"), &w), w);
	assert_int_equal(esp_put_add(&p, bytes_str("x"), &w), -E2BIG);
	esp_put_cancel(&p);
	assert_string_equal(text_of(&f.esp, FILE_A ".new"), "-");
	close_faulty(&f);
}

static void names_that_are_too_long_are_refused(void **state)
{
	char path[200];
	struct esp_put p = { .bytes = 7 };
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	memset(path, 'x', sizeof(path));
	path[sizeof(p.temp) - 4] = '\0';
	assert_int_equal(esp_put_begin(&f.esp, path, &p, &w), -ENAMETOOLONG);
	assert_int_equal(p.bytes, 7);
	path[sizeof(p.temp) - 5] = '\0';
	w = (struct why){ 0 };
	assert_ok(put(&f.esp, path, "x", &w), w);
	close_faulty(&f);
}

static void removal_is_flushed_also_when_there_is_nothing(void **state)
{
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, FILE_A, "x", &w), w);
	f.log[0] = '\0';
	assert_ok(esp_remove(&f.esp, FILE_A, &w), w);
	assert_string_equal(text_of(&f.esp, FILE_A), "-");
	assert_ok(esp_remove(&f.esp, FILE_A, &w), w);
	assert_ok(esp_remove(&f.esp, "no/such/folder", &w), w);
	assert_string_equal(f.log, " remove:" FILE_A " sync remove:" FILE_A " sync remove:no/such/folder sync");
	assert_int_equal(w.code, 0);
	assert_int_not_equal(esp_remove(&f.esp, "EFI/tandem", &w), 0); /* a folder */
	assert_non_null(strstr(w.text, "EFI/tandem"));
	for (unsigned int at = 0; at < 2; at++) {
		f.fail_at = f.ops + at;
		assert_int_equal(esp_remove(&f.esp, FILE_B, NULL), -EIO);
	}
	close_faulty(&f);
}

static void copy_is_made_once_and_after_every_failure_again(void **state)
{
	unsigned int at, failures = 0;
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, FILE_A, "image of a", &w), w);
	assert_int_equal(esp_copy(&f.esp, FILE_B, FILE_A, &w), -ENOENT); /* no source: the target stays */
	assert_string_equal(text_of(&f.esp, FILE_A), "image of a");
	w = (struct why){ 0 };
	assert_ok(esp_copy(&f.esp, FILE_A, FILE_B, &w), w);
	assert_string_equal(text_of(&f.esp, FILE_B), "image of a");
	f.log[0] = '\0';
	assert_ok(esp_copy(&f.esp, FILE_A, FILE_B, &w), w);
	assert_null(strstr(f.log, "create"));
	for (at = 0; at < 64; at++) {
		bool failed;

		assert_ok(put(&f.esp, FILE_B, "Image of A", &w), w); /* same size */
		f.fail_at = f.ops + at;
		failed = esp_copy(&f.esp, FILE_A, FILE_B, NULL) != 0;
		if (!failed)
			assert_string_equal(text_of(&f.esp, FILE_B), "image of a");
		else if (strcmp(text_of(&f.esp, FILE_B), "Image of A") != 0)
			assert_string_equal(f.log + strlen(f.log) - 5, " sync"); /* all but the last flush was done */
		assert_string_equal(text_of(&f.esp, FILE_B ".new"), "-");
		failures += failed;
		if (f.ops <= f.fail_at)
			break;
		f.log[0] = '\0';
	}
	assert_true(at < 64);
	assert_int_equal(failures, at - 4); /* what fails in the comparison only makes a copy of what is one already */
	close_faulty(&f);
}

static void files_of_many_steps_are_hashed_and_copied_whole(void **state)
{
	const size_t n = (3u << 20) + 517;
	AUTO_FREE uint8_t *data = malloc(n);
	struct hash want, have;
	struct esp_put p;
	struct faulty f;
	uint64_t size = 0;
	struct why w = { 0 };

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 31 + i / 4096);
	want = hash_of(bytes_of(data, n));
	open_faulty(&f);
	assert_ok(esp_put_begin(&f.esp, FILE_A, &p, &w), w);
	assert_ok(esp_put_add(&p, bytes_of(data, n), &w), w);
	assert_ok(esp_put_end(&p, &w), w);
	assert_ok(esp_copy(&f.esp, FILE_A, FILE_B, &w), w);
	assert_ok(esp_hash(&f.esp, FILE_B, &have, &size, &w), w);
	assert_int_equal(size, n);
	assert_true(hash_equal(&want, &have));
	assert_int_equal(esp_hash(&f.esp, "EFI/none", &have, NULL, &w), -ENOENT);
	w = (struct why){ 0 };
	assert_int_equal(esp_hash(&f.esp, FILE_A "/x", &have, NULL, &w), -ENOENT);
	assert_int_not_equal(esp_hash(&f.esp, "EFI", &have, NULL, NULL), 0); /* a folder */
	close_faulty(&f);
}

static void links_are_not_followed(void **state)
{
	struct faulty f;
	struct hash h;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, FILE_A, "a", &w), w);
	assert_int_equal(symlinkat("a/linux.efi", f.esp.root, "EFI/tandem/link"), 0);
	assert_int_equal(esp_hash(&f.esp, "EFI/tandem/link", &h, NULL, NULL), -ELOOP);
	assert_int_equal(symlinkat("a/linux.efi", f.esp.root, "EFI/tandem/x.new"), 0);
	assert_int_equal(put(&f.esp, "EFI/tandem/x", "evil", NULL), -ELOOP);
	assert_string_equal(text_of(&f.esp, FILE_A), "a");
	close_faulty(&f);
}

static void folder_in_the_way_is_an_error(void **state)
{
	struct faulty f;
	struct why w = { 0 };

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, "EFI/x", "a", &w), w);
	assert_int_equal(put(&f.esp, "EFI/x/y", "b", &w), -ENOTDIR);
	assert_string_equal(text_of(&f.esp, "EFI/x"), "a");
	assert_int_equal(mkdirat(f.esp.root, "EFI/z", 0755), 0);
	assert_int_not_equal(put(&f.esp, "EFI/z", "b", NULL), 0); /* cannot be renamed over */
	assert_string_equal(text_of(&f.esp, "EFI/z.new"), "-");
	close_faulty(&f);
}

static void file_that_outgrows_its_room_says_which_one(void **state)
{
	struct rlimit before, small = { .rlim_cur = 8, .rlim_max = RLIM_INFINITY };
	struct faulty f;
	struct why w = { 0 };
	int r;

	(void)state;
	open_faulty(&f);
	assert_ok(put(&f.esp, FILE_A, "old", &w), w);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = put(&f.esp, FILE_A, "more than eight bytes", &w);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -EFBIG);
	assert_non_null(strstr(w.text, FILE_A ".new: ESP: write"));
	assert_string_equal(text_of(&f.esp, FILE_A), "old");
	assert_string_equal(text_of(&f.esp, FILE_A ".new"), "-");
	close_faulty(&f);
}

static void folder_that_is_not_there_is_an_error(void **state)
{
	struct esp e = { 0 };
	struct why w = { 0 };

	(void)state;
	assert_int_equal(esp_open_folder(scratch_path("none"), &e, &w), -ENOENT);
	assert_null(e.ops);
	assert_ok(esp_close(&e, &w), w); /* never opened */
}

/* Whether mounts can be made here, in a name space of our own with a /run of its own. */
static bool own_mounts(void)
{
	if (geteuid() != 0) {
		print_message("# skipped: not root\n");
		return false;
	}
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/run", "tmpfs", 0, "size=1m")) {
		print_message("# skipped: no mount name space\n");
		return false;
	}
	return true;
}

static void full_file_system_keeps_the_old_file(void **state)
{
	AUTO_FREE char *text = calloc(1, 600001);
	const char *at = folder_new();
	struct why w = { 0 };
	uint64_t room = 0;
	struct esp e;

	(void)state;
	if (!own_mounts())
		skip();
	if (mount("none", at, "tmpfs", 0, "size=1m")) {
		print_message("# skipped: no tmpfs\n");
		skip();
	}
	assert_non_null(text);
	memset(text, 'o', 600000);
	assert_ok(esp_open_folder(at, &e, &w), w);
	assert_ok(put(&e, FILE_A, text, &w), w);
	assert_int_equal(put(&e, FILE_B, text, &w), -ENOSPC);
	assert_non_null(strstr(w.text, "No space left"));
	assert_non_null(strstr(w.next, "ESP"));
	assert_int_equal(esp_copy(&e, FILE_A, FILE_B, NULL), -ENOSPC);
	assert_string_equal(text_of(&e, FILE_B ".new"), "-");
	assert_ok(esp_free(&e, &room, &w), w);
	assert_true(room > 400000);
	assert_ok(put(&e, FILE_A, "small", &w), w);
	assert_ok(esp_close(&e, &w), w);
	assert_int_equal(umount(at), 0);
}

/* A FAT image on a loop device; false (with the reason) where there is none to be had. */
static bool fat_device(char device[64])
{
	const char *image = scratch_path("fat.img");
	const char *const make[] = { "mkfs.vfat", "-F", "32", "-n", "ESP", image, NULL };
	const char *const loop[] = { "losetup", "--find", "--show", image, NULL };
	struct proc_result r = { 0 };
	struct why w = { 0 };

	AUTO_FD fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && ftruncate(fd, 40 << 20) == 0);
	if (proc_must(make, 60000, &w) || proc_run(loop, 60000, &r, &w) || r.exit_code) {
		print_message("# skipped: %s%s\n", w.text, r.output);
		return false;
	}
	r.output[strcspn(r.output, "\n")] = '\0';
	(void)snprintf(device, 64, "%.63s", r.output);
	return true;
}

static void check_fat(const char *device)
{
	const char *const check[] = { "fsck.vfat", "-n", device, NULL };
	AUTO_FREE char *text = calloc(1, (24u << 20) + 1);
	struct why w = { 0 };
	struct hash h, again;
	char folder[64];
	struct esp e;

	assert_non_null(text);
	memset(text, 'o', 24u << 20);
	assert_ok(esp_open(device, &e, &w), w);
	(void)snprintf(folder, sizeof(folder), "%s", e.mounted_at);
	assert_ok(put(&e, FILE_A, text, &w), w);
	assert_ok(esp_hash(&e, FILE_A, &h, NULL, &w), w);
	assert_int_equal(put(&e, FILE_B, text, NULL), -ENOSPC); /* full: the old one stays */
	assert_ok(esp_hash(&e, FILE_A, &again, NULL, &w), w);
	assert_true(hash_equal(&h, &again));
	assert_int_equal(esp_hash(&e, FILE_B ".new", &again, NULL, NULL), -ENOENT);
	text[1000] = '\0';
	assert_ok(put(&e, FILE_A, text, &w), w); /* over the existing one */
	assert_ok(put(&e, "EFI/BOOT/a name that is longer than eight and three.efi", text, &w), w);
	assert_ok(esp_copy(&e, FILE_A, FALLBACK, &w), w);
	assert_ok(esp_hash(&e, "efi/Boot/bootx64.efi", &again, NULL, &w), w); /* case does not count */
	assert_ok(esp_remove(&e, FILE_A, &w), w);
	assert_ok(esp_close(&e, &w), w);
	assert_int_equal(access(folder, F_OK), -1);
	assert_ok(esp_open(device, &e, &w), w);
	assert_int_equal(esp_hash(&e, FILE_A, &again, NULL, NULL), -ENOENT);
	assert_ok(esp_hash(&e, FALLBACK, &again, NULL, &w), w);
	assert_ok(esp_close(&e, &w), w);
	assert_ok(proc_must(check, 60000, &w), w);
}

static void real_fat_file_system_takes_the_same(void **state)
{
	char device[64] = "";
	const char *const detach[] = { "losetup", "--detach", device, NULL };
	struct why w = { 0 };
	struct esp e = { 0 };
	int r;

	(void)state;
	if (!own_mounts() || !fat_device(device))
		skip();
	r = esp_open(device, &e, &w);
	if (!r)
		assert_ok(esp_close(&e, &w), w);
	if (!r)
		check_fat(device);
	assert_ok(proc_must(detach, 60000, &w), w);
	if (r) {
		assert_null(e.ops);
		print_message("# skipped: %s\n", w.text);
		skip();
	}
}

static void device_that_is_no_esp_is_an_error_that_leaves_nothing(void **state)
{
	struct esp e = { 0 };
	struct why w = { 0 };

	(void)state;
	if (!own_mounts())
		skip();
	assert_int_not_equal(esp_open("/dev/null", &e, &w), 0);
	assert_non_null(strstr(w.text, "/dev/null: mount of the ESP"));
	assert_null(e.ops);
	assert_ok(esp_close(&e, &w), w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_makes_its_folders_and_the_order_is_the_one_that_survives),
		cmocka_unit_test(left_over_of_an_interrupted_put_is_no_obstacle),
		cmocka_unit_test(put_that_fails_anywhere_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(file_that_reads_back_different_is_not_put),
		cmocka_unit_test(file_over_the_limit_is_refused_at_the_byte_over_it),
		cmocka_unit_test(names_that_are_too_long_are_refused),
		cmocka_unit_test(removal_is_flushed_also_when_there_is_nothing),
		cmocka_unit_test(copy_is_made_once_and_after_every_failure_again),
		cmocka_unit_test(files_of_many_steps_are_hashed_and_copied_whole),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(folder_in_the_way_is_an_error),
		cmocka_unit_test(file_that_outgrows_its_room_says_which_one),
		cmocka_unit_test(folder_that_is_not_there_is_an_error),
		cmocka_unit_test(full_file_system_keeps_the_old_file),
		cmocka_unit_test(real_fat_file_system_takes_the_same),
		cmocka_unit_test(device_that_is_no_esp_is_an_error_that_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
