#include "updater/archive_late.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>

#define LIBRARY "libarchive.so.13" /* whose interface <archive.h> has */

/* All that is called: what it returns if it does, name, types of the parameters. */
#define FUNCTIONS(R0, R1, R2, R3, R4, R5, V1, V2, V3, V4)                                                              \
	V2(archive_entry_copy_pathname, struct archive_entry *, const char *)                                          \
	V2(archive_entry_copy_sourcepath, struct archive_entry *, const char *)                                        \
	R1(mode_t, archive_entry_filetype, struct archive_entry *)                                                     \
	V1(archive_entry_free, struct archive_entry *)                                                                 \
	R1(la_int64_t, archive_entry_gid, struct archive_entry *)                                                      \
	R1(const char *, archive_entry_gname, struct archive_entry *)                                                  \
	R1(const char *, archive_entry_hardlink, struct archive_entry *)                                               \
	V3(archive_entry_linkify, struct archive_entry_linkresolver *, struct archive_entry **,                        \
	   struct archive_entry **)                                                                                    \
	V1(archive_entry_linkresolver_free, struct archive_entry_linkresolver *)                                       \
	R0(struct archive_entry_linkresolver *, archive_entry_linkresolver_new)                                        \
	V2(archive_entry_linkresolver_set_strategy, struct archive_entry_linkresolver *, int)                          \
	R1(time_t, archive_entry_mtime, struct archive_entry *)                                                        \
	R0(struct archive_entry *, archive_entry_new)                                                                  \
	R1(const char *, archive_entry_pathname, struct archive_entry *)                                               \
	R1(mode_t, archive_entry_perm, struct archive_entry *)                                                         \
	V2(archive_entry_set_gid, struct archive_entry *, la_int64_t)                                                  \
	V2(archive_entry_set_gname, struct archive_entry *, const char *)                                              \
	V2(archive_entry_set_hardlink, struct archive_entry *, const char *)                                           \
	V3(archive_entry_set_mtime, struct archive_entry *, time_t, long)                                              \
	V2(archive_entry_set_pathname, struct archive_entry *, const char *)                                           \
	V2(archive_entry_set_uid, struct archive_entry *, la_int64_t)                                                  \
	V2(archive_entry_set_uname, struct archive_entry *, const char *)                                              \
	R1(la_int64_t, archive_entry_size, struct archive_entry *)                                                     \
	R1(const char *, archive_entry_symlink, struct archive_entry *)                                                \
	R1(la_int64_t, archive_entry_uid, struct archive_entry *)                                                      \
	R1(const char *, archive_entry_uname, struct archive_entry *)                                                  \
	V1(archive_entry_unset_atime, struct archive_entry *)                                                          \
	V1(archive_entry_unset_birthtime, struct archive_entry *)                                                      \
	V1(archive_entry_unset_ctime, struct archive_entry *)                                                          \
	V4(archive_entry_xattr_add_entry, struct archive_entry *, const char *, const void *, size_t)                  \
	R4(int, archive_entry_xattr_next, struct archive_entry *, const char **, const void **, size_t *)              \
	R1(int, archive_entry_xattr_reset, struct archive_entry *)                                                     \
	R1(int, archive_errno, struct archive *)                                                                       \
	R1(const char *, archive_error_string, struct archive *)                                                       \
	R4(int, archive_read_data_block, struct archive *, const void **, size_t *, la_int64_t *)                      \
	R4(int, archive_read_disk_entry_from_file, struct archive *, struct archive_entry *, int, const struct stat *) \
	R0(struct archive *, archive_read_disk_new)                                                                    \
	R2(int, archive_read_disk_set_behavior, struct archive *, int)                                                 \
	R1(int, archive_read_free, struct archive *)                                                                   \
	R0(struct archive *, archive_read_new)                                                                         \
	R2(int, archive_read_next_header, struct archive *, struct archive_entry **)                                   \
	R5(int, archive_read_open, struct archive *, void *, archive_open_callback *, archive_read_callback *,         \
	   archive_close_callback *)                                                                                   \
	R1(int, archive_read_support_filter_none, struct archive *)                                                    \
	R1(int, archive_read_support_format_tar, struct archive *)                                                     \
	R1(int, archive_write_close, struct archive *)                                                                 \
	R3(la_ssize_t, archive_write_data, struct archive *, const void *, size_t)                                     \
	R4(la_ssize_t, archive_write_data_block, struct archive *, const void *, size_t, la_int64_t)                   \
	R3(la_int64_t, archive_write_disk_gid, struct archive *, const char *, la_int64_t)                             \
	R0(struct archive *, archive_write_disk_new)                                                                   \
	R2(int, archive_write_disk_set_options, struct archive *, int)                                                 \
	R1(int, archive_write_disk_set_standard_lookup, struct archive *)                                              \
	R3(la_int64_t, archive_write_disk_uid, struct archive *, const char *, la_int64_t)                             \
	R1(int, archive_write_free, struct archive *)                                                                  \
	R2(int, archive_write_header, struct archive *, struct archive_entry *)                                        \
	R0(struct archive *, archive_write_new)                                                                        \
	R2(int, archive_write_open_fd, struct archive *, int)                                                          \
	R1(int, archive_write_set_format_pax_restricted, struct archive *)

/* clang-format off */
#define LATE(name) static __typeof__(&name) late_##name;
#define PASS_R0(ret, name) LATE(name) ret name(void) { return late_##name(); }
#define PASS_R1(ret, name, A) LATE(name) ret name(A a) { return late_##name(a); }
#define PASS_R2(ret, name, A, B) LATE(name) ret name(A a, B b) { return late_##name(a, b); }
#define PASS_R3(ret, name, A, B, C) LATE(name) ret name(A a, B b, C c) { return late_##name(a, b, c); }
#define PASS_R4(ret, name, A, B, C, D) LATE(name) ret name(A a, B b, C c, D d) { return late_##name(a, b, c, d); }
#define PASS_R5(ret, name, A, B, C, D, E) LATE(name) ret name(A a, B b, C c, D d, E e) { return late_##name(a, b, c, d, e); }
#define PASS_V1(name, A) LATE(name) void name(A a) { late_##name(a); }
#define PASS_V2(name, A, B) LATE(name) void name(A a, B b) { late_##name(a, b); }
#define PASS_V3(name, A, B, C) LATE(name) void name(A a, B b, C c) { late_##name(a, b, c); }
#define PASS_V4(name, A, B, C, D) LATE(name) void name(A a, B b, C c, D d) { late_##name(a, b, c, d); }
/* clang-format on */

FUNCTIONS(PASS_R0, PASS_R1, PASS_R2, PASS_R3, PASS_R4, PASS_R5, PASS_V1, PASS_V2, PASS_V3, PASS_V4)
static __typeof__(&archive_set_error) late_archive_set_error;

void archive_set_error(struct archive *a, int error, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	late_archive_set_error(a, error, "%s", text);
}

static const struct {
	const char *name;
	void *at; /* a pointer to a function */
} functions[] = {
#define NAME_R(ret, name, ...) { #name, &late_##name },
#define NAME_V(name, ...)      { #name, &late_##name },
	FUNCTIONS(NAME_R, NAME_R, NAME_R, NAME_R, NAME_R, NAME_R, NAME_V, NAME_V, NAME_V,
		  NAME_V){ "archive_set_error", &late_archive_set_error },
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct why load_why;
static int load_result;

static void load(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; library && i < ARRAY_SIZE(functions); i++) {
		void *found = dlsym(library, functions[i].name);

		if (!found)
			library = NULL;
		memcpy(functions[i].at, &found, sizeof(found));
	}
	if (!library)
		load_result = fail(&load_why, -ELIBACC, "trees need libarchive: %s", dlerror());
}

int archive_late_load(struct why *w)
{
	(void)pthread_once(&once, load);
	if (load_result && w && !w->code)
		*w = load_why;
	return load_result;
}
