/*
 * archive_late - libarchive, loaded when a tree is read or made, and not when a program starts: it brings libxml2, ICU and
 * libstdc++ along, 3 MiB and a quarter of the time until main(), and most commands never meet a tree.
 * Layer:  updater; act.
 *
 * libarchive's functions are called by their own names, as <archive.h> declares them: archive_late.c has a function of each
 * name that passes the call on. One that is not there yet is added to its list; the linker says so.
 */
#ifndef UPDATER_ARCHIVE_LATE_H
#define UPDATER_ARCHIVE_LATE_H

#include "base/why.h"

/** Before any function of libarchive is called; once is enough. -ELIBACC it is not on this system. From any thread. */
MUST_USE int archive_late_load(struct why *w);

#endif
