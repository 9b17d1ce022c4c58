/*
 * rootfs - the root of a slot: mounted read-only, checked, completed with volatile and persistent folders, switched to.
 * Layer:  bootstage; act. rootfs_kind() and ext4_has_project_quota() are pure.
 * Trust:  a slot's content was verified when it was written, but a disk rots: nothing here follows a link of it out of
 *         its root. The data partition is written by the product; links in it are not followed at all.
 * Source: DESIGN section 3; docs/boot.md. mount(2), openat2(2), switch_root(8).
 */
#ifndef BOOTSTAGE_ROOTFS_H
#define BOOTSTAGE_ROOTFS_H

#include "base/bytes.h"
#include "base/why.h"

#define ROOTFS_AT        "/sysroot"
#define ROOTFS_INIT      "/sbin/init"
#define ROOTFS_TYPE_MAX  32u
#define ROOTFS_STATE_MAX 160u

/* A file system that a slot can hold. */
struct rootfs_kind {
	const char *type;
	const char *options; /* besides read-only; NULL: none */
};
/** NULL when a slot cannot hold it. */
const struct rootfs_kind *rootfs_kind(const char *type);

/**
 * What the superblock on a device says it is.
 * Returns 0; -ENODATA: no file system; -ENOTUNIQ: signatures of several; -EIO and the like.
 */
MUST_USE int rootfs_probe(const char *device, char ret[ROOTFS_TYPE_MAX], struct why *w);

/** Mount a slot's root read-only on the folder `at`, which is made when it is not there. */
MUST_USE int rootfs_mount(const char *device, const char *at, struct why *w);

/**
 * Whether the root below `at` can be switched to: the mount points that are moved into it are there, and `init`, with
 * links resolved inside it, is a program that may be executed.
 */
MUST_USE int rootfs_check(const char *at, const char *init, struct why *w);

/** Take everything below `at` away again. */
void rootfs_unmount(const char *at);

/** A volatile /var below `at`, with the folders that the product's persistent ones are bound to. */
MUST_USE int rootfs_volatile(const char *at, const char *product, struct why *w);

/**
 * The data partition on /data, and its folders where the product looks for them. A failure costs persistence, not the
 * boot: a volatile file system then stands in.
 * @device  NULL when system.conf wants none, which is no failure; "" when the disk has no such partition
 * @ret     "mounted", "volatile: ..." and why, or what is wrong
 */
void rootfs_data(const char *at, const char *product, const char *device, char ret[ROOTFS_STATE_MAX]);

/**
 * The machine's id, made once and kept in /data/machine-id, in the place of an empty /etc/machine-id, read-only. Done by
 * rootfs_data(); public for its test. A root without that file, or with an id of its own, is left alone.
 * Source: machine-id(5).
 */
MUST_USE int rootfs_machine_id(const char *at, struct why *w);

/** Whether an ext4 superblock (1024 bytes at offset 1024) has features `quota` and `project`. */
bool ext4_has_project_quota(struct bytes superblock);

/** Whether `/` is the kernel's rootfs, so that switching away from it and clearing it is right. */
bool rootfs_in_initramfs(void);

/**
 * Make `at` the root: /dev, /sys, /run and /proc move along, the files of the initramfs are removed for their memory.
 * Only for PID 1 in an initramfs. When it fails half-way only a reboot is left.
 */
MUST_USE int rootfs_switch(const char *at, struct why *w);

/** Remove all that is in a folder, on its own file system only; takes dir. Public for its test. */
void rootfs_clear(int dir);

#endif
