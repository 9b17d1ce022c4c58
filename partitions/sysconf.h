/*
 * sysconf - /etc/tandem/system.conf: what this appliance is, where its parts are, when it is healthy.
 * Layer:  partitions; format. The same file is in the initramfs at the same path.
 * Source: docs/formats/system.conf.md lists every key.
 */
#ifndef PARTITIONS_SYSCONF_H
#define PARTITIONS_SYSCONF_H

#include "partitions/bootstate.h"

#define SYSCONF_PATH         "/etc/tandem/system.conf"
#define SYSCONF_TEXT         192u /* longest value, with its NUL; the INI reader's line limit */
#define SYSCONF_PROBES       16u
#define SYSCONF_DECRYPT_KEYS 4u
#define SYSCONF_BOOT_FILE    128u
#define SYSCONF_UNITS        8u
#define SYSCONF_KEEP_MAX     32u /* trees */

/* What firmware starts when no boot entry works; below the ESP. No slot's boot file. */
#define FALLBACK_LOADER "EFI/BOOT/BOOTX64.EFI"

struct sysconf_slot {
	char root[SYSCONF_TEXT];           /* PARTLABEL=x or PARTUUID=x, on the boot disk */
	char boot_file[SYSCONF_BOOT_FILE]; /* below the ESP, with '/': EFI/tandem/a/linux.efi */
};

enum sysconf_probe_kind { PROBE_UNIT, PROBE_COMMAND, PROBE_URL };

/* A health probe; the list is in the order of the file. */
struct sysconf_probe {
	enum sysconf_probe_kind kind;
	char what[SYSCONF_TEXT];
};

/* Where the product's trees are, and how they are switched. */
struct sysconf_tree {
	bool given;              /* some key of [tree] is, or mode=host; otherwise there are no trees */
	char root[SYSCONF_TEXT]; /* absolute; no part of it is empty, "." or ".." */
	char units[SYSCONF_UNITS][SYSCONF_TEXT];
	size_t n_units;
	char url[SYSCONF_TEXT]; /* that answers 2xx when the product serves; "": none */
	unsigned int deadline_seconds;
	unsigned int keep; /* trees, the one that serves and the one before included */
	uint64_t reserve_bytes;
};

/* How bundles are fetched over HTTP. */
struct sysconf_net {
	char proxy[SYSCONF_TEXT]; /* "": as the environment says; "none" */
	char ca_file[SYSCONF_TEXT], client_cert[SYSCONF_TEXT], client_key[SYSCONF_TEXT]; /* absolute paths; "": none */
	uint64_t limit_rate;                                                             /* bytes per second; 0: none */
	unsigned int connections;                                                        /* 0: not given */
	unsigned int timeout_seconds;                                                    /* 0: not given */
};

struct sysconf {
	char product[64];
	char compatible[64];
	bool host;                     /* mode=host: no slots, no boot record; esp, state, data and slots are "" */
	enum boot_mode mode;           /* unless host */
	unsigned int attempts;         /* 1..ATTEMPTS_MAX */
	unsigned int watchdog_seconds; /* 0: none */
	char esp[SYSCONF_TEXT], state[SYSCONF_TEXT], data[SYSCONF_TEXT]; /* places as root; data may be "": none */
	struct sysconf_slot slots[2];
	char trust_keys[SYSCONF_TEXT];  /* folder */
	char trust_roots[SYSCONF_TEXT]; /* folder; "": the keys in trust_keys are the roots as well */
	unsigned int trust_threshold;
	unsigned int trust_root_threshold;                     /* 0: as trust_threshold */
	char decrypt_keys[SYSCONF_DECRYPT_KEYS][SYSCONF_TEXT]; /* files with secret keys, absolute paths */
	size_t n_decrypt_keys;
	unsigned int health_deadline_seconds;
	bool baseline_strict; /* a trial is failed even for stages that failed on the committed slot as well */
	struct sysconf_probe probes[SYSCONF_PROBES];
	size_t n_probes;
	struct sysconf_tree tree;
	struct sysconf_net net;
};

/**
 * Read and check `text`. Keys that are missing get the defaults of docs/formats/system.conf.md; product and compatible
 * have none.
 * @ret  untouched on failure
 * Returns 0; -EBADMSG (usage) for unknown, repeated or missing keys and for values that are out of range or do not fit
 * together, with file and, for a line, its number; -E2BIG (usage) for a text over the INI reader's limits.
 */
MUST_USE int sysconf_parse(struct bytes text, const char *name, struct sysconf *ret, struct why *w);
/** As sysconf_parse() for a file; NULL means SYSCONF_PATH. */
MUST_USE int sysconf_load(const char *path, struct sysconf *ret, struct why *w);

/** "bootnext", "chooser" or "host". */
const char *sysconf_mode_name(const struct sysconf *c);

#endif
