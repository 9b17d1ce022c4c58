/* system.conf: every key, every bad value, defaults, and what does not fit together (partitions/sysconf.h). */
#include "partitions/sysconf.h"

#include <fcntl.h>

#include "base/io.h"
#include "tests/support.h"

#define HEAD "[system]\nproduct=p\ncompatible=c\n"

static int parse(const char *text, struct sysconf *ret, struct why *w)
{
	*w = (struct why){ 0 };
	return sysconf_parse(bytes_str(text), "t.conf", ret, w);
}

static void takes(const char *text, struct sysconf *ret)
{
	struct why w;

	if (parse(text, ret, &w))
		fail_msg("'%s': %s", text, w.text);
}

static void refuses(const char *text, const char *why)
{
	static struct sysconf c, before;
	struct why w;
	int r;

	memset(&c, 0x5a, sizeof(c));
	memcpy(&before, &c, sizeof(c));
	r = parse(text, &c, &w);
	if (r != -EBADMSG || w.code != -EBADMSG || w.exit != EXIT_USAGE || !strstr(w.text, why) ||
	    strncmp(w.text, "t.conf:", 7) != 0)
		fail_msg("'%s': %d, exit %d: '%s', want '%s'", text, r, w.exit, w.text, why);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void missing_keys_get_their_defaults(void **state)
{
	struct sysconf c;

	(void)state;
	takes(HEAD, &c);
	assert_string_equal(c.product, "p");
	assert_string_equal(c.compatible, "c");
	assert_int_equal(c.mode, MODE_BOOTNEXT);
	assert_int_equal(c.attempts, 3);
	assert_int_equal(c.watchdog_seconds, 60);
	assert_string_equal(c.esp, "PARTLABEL=esp");
	assert_string_equal(c.state, "PARTLABEL=tandem-state");
	assert_string_equal(c.data, "PARTLABEL=data");
	assert_string_equal(c.slots[SLOT_A].root, "PARTLABEL=root-a");
	assert_string_equal(c.slots[SLOT_B].root, "PARTLABEL=root-b");
	assert_string_equal(c.slots[SLOT_A].boot_file, "EFI/tandem/a/linux.efi");
	assert_string_equal(c.slots[SLOT_B].boot_file, "EFI/tandem/b/linux.efi");
	assert_string_equal(c.trust_keys, "/etc/tandem/trust.d");
	assert_string_equal(c.trust_roots, "");
	assert_int_equal(c.trust_threshold, 1);
	assert_int_equal(c.trust_root_threshold, 0);
	assert_int_equal(c.health_deadline_seconds, 120);
	assert_false(c.baseline_strict);
	assert_int_equal(c.n_probes, 0);
	assert_false(c.tree.given);
	assert_string_equal(c.tree.root, "/opt/p");
	assert_int_equal(c.tree.n_units, 0);
	assert_string_equal(c.tree.url, "");
	assert_int_equal(c.tree.deadline_seconds, 45);
	assert_int_equal(c.tree.keep, 3);
	assert_int_equal(c.tree.reserve_bytes, 64 << 20);
}

static void every_key_is_taken(void **state)
{
	struct sysconf c;

	(void)state;
	takes("[system]\nproduct=a-1\ncompatible=A.b_c-1\nmode=chooser\nattempts=15\nwatchdog-timeout=0\n"
	      "[disk]\nesp=PARTUUID=0FC63DAF-8483-4772-8E79-3D69D8477DE4\nstate=PARTLABEL=s=t u\ndata=PARTLABEL=d\n"
	      "[slot.a]\nroot=PARTLABEL=1\nboot-file=a.efi\n[slot.b]\nroot=PARTLABEL=2\nboot-file=EFI/b.efi\n"
	      "[trust]\nkeys=/k\nroots=/r\nthreshold=32\nroot-threshold=31\n[encryption]\nkey=/d/new.key\nkey=/d/old.key\n"
	      "[health]\ndeadline=86400\nbaseline=strict\nunit=x@1.service\nurl=https://[::1]:1/x?y=1\ncommand=/c -d e\nunit=y.mount\n"
	      "[tree]\nroot=/srv/.x..y/z\nunit=b.service\nunit=a@1.service\nurl=http://localhost:4000/health\n"
	      "deadline=3600\nkeep=32\nreserve=2G\n"
	      "[net]\nproxy=none\nca-file=/ca\nclient-cert=/c\nclient-key=/k\nlimit-rate=2M\nconnections=8\ntimeout=86400\n",
	      &c);
	assert_string_equal(c.product, "a-1");
	assert_string_equal(c.compatible, "A.b_c-1");
	assert_int_equal(c.mode, MODE_CHOOSER);
	assert_int_equal(c.attempts, 15);
	assert_int_equal(c.watchdog_seconds, 0);
	assert_string_equal(c.esp, "PARTUUID=0FC63DAF-8483-4772-8E79-3D69D8477DE4");
	assert_string_equal(c.state, "PARTLABEL=s=t u");
	assert_string_equal(c.data, "PARTLABEL=d");
	assert_string_equal(c.slots[SLOT_A].root, "PARTLABEL=1");
	assert_string_equal(c.slots[SLOT_B].boot_file, "EFI/b.efi");
	assert_string_equal(c.trust_keys, "/k");
	assert_string_equal(c.trust_roots, "/r");
	assert_int_equal(c.trust_threshold, 32);
	assert_int_equal(c.n_decrypt_keys, 2);
	assert_string_equal(c.decrypt_keys[0], "/d/new.key");
	assert_string_equal(c.decrypt_keys[1], "/d/old.key");
	assert_int_equal(c.trust_root_threshold, 31);
	assert_int_equal(c.health_deadline_seconds, 86400);
	assert_true(c.baseline_strict);
	assert_int_equal(c.n_probes, 4);
	assert_int_equal(c.probes[0].kind, PROBE_UNIT);
	assert_string_equal(c.probes[0].what, "x@1.service");
	assert_int_equal(c.probes[1].kind, PROBE_URL);
	assert_string_equal(c.probes[1].what, "https://[::1]:1/x?y=1");
	assert_int_equal(c.probes[2].kind, PROBE_COMMAND);
	assert_string_equal(c.probes[2].what, "/c -d e");
	assert_string_equal(c.probes[3].what, "y.mount");
	assert_true(c.tree.given);
	assert_string_equal(c.tree.root, "/srv/.x..y/z");
	assert_int_equal(c.tree.n_units, 2);
	assert_string_equal(c.tree.units[0], "b.service");
	assert_string_equal(c.tree.units[1], "a@1.service");
	assert_string_equal(c.tree.url, "http://localhost:4000/health");
	assert_int_equal(c.tree.deadline_seconds, 3600);
	assert_int_equal(c.tree.keep, 32);
	assert_true(c.tree.reserve_bytes == 2ull << 30);
	assert_string_equal(c.net.proxy, "none");
	assert_string_equal(c.net.ca_file, "/ca");
	assert_string_equal(c.net.client_cert, "/c");
	assert_string_equal(c.net.client_key, "/k");
	assert_int_equal(c.net.limit_rate, 2 << 20);
	assert_int_equal(c.net.connections, 8);
	assert_int_equal(c.net.timeout_seconds, 86400);
}

/* I15: a server without slots. */
static void a_host_has_no_places_but_a_tree(void **state)
{
	struct sysconf c;

	(void)state;
	takes(HEAD "mode=host\n[health]\nunit=x\n", &c);
	assert_true(c.host);
	assert_string_equal(sysconf_mode_name(&c), "host");
	assert_true(c.tree.given);
	assert_string_equal(c.tree.root, "/opt/p");
	assert_string_equal(c.esp, "");
	assert_string_equal(c.state, "");
	assert_string_equal(c.data, "");
	assert_string_equal(c.slots[SLOT_A].root, "");
	assert_string_equal(c.slots[SLOT_B].boot_file, "");
	takes(HEAD, &c);
	assert_false(c.host);
	assert_false(c.tree.given);
	assert_string_equal(sysconf_mode_name(&c), "bootnext");
}

/* I15 */
static void a_host_refuses_what_only_slots_have(void **state)
{
	static const char *const keys[] = { "[disk]\nesp=PARTLABEL=x\n", "[disk]\nstate=PARTLABEL=x\n",
					    "[disk]\ndata=\n", "[slot.a]\nroot=PARTLABEL=x\n",
					    "[slot.b]\nboot-file=x.efi\n" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		(void)snprintf(text, sizeof(text), HEAD "mode=host\n%s", keys[i]);
		refuses(text, "mode=host has no [disk] and no [slot.*]");
	}
	refuses(HEAD "mode=host\nattempts=4\n", "have no meaning");
	refuses(HEAD "mode=host\nwatchdog-timeout=0\n", "have no meaning");
}

static void data_may_be_none(void **state)
{
	struct sysconf c;

	(void)state;
	takes(HEAD "[disk]\ndata=\n", &c);
	assert_string_equal(c.data, "");
}

/* Section, key, value, and what the reason must say. */
static const struct {
	const char *section, *key, *value, *why;
} bad[] = {
	{ "system", "product", "", "is empty" },
	{ "system", "product", "-p", "lower-case" },
	{ "system", "product", "P", "lower-case" },
	{ "system", "product", "a/b", "lower-case" },
	{ "system", "product", "..", "lower-case" },
	{ "system", "product", "a b", "lower-case" },
	{ "system", "product", "a_b", "lower-case" },
	{ "system", "product", "0123456789012345678901234567890123456789012345678901234567890123", "the limit is 63" },
	{ "system", "compatible", "", "is empty" },
	{ "system", "compatible", "a\x01", "letters, digits" },
	{ "system", "compatible", "a b", "letters, digits" },
	{ "system", "compatible", "-a", "the first a letter" },
	{ "system", "compatible", ".", "the first a letter" },
	{ "system", "compatible", "0123456789012345678901234567890123456789012345678901234567890123",
	  "the limit is 63" },
	{ "system", "compatible", "a\xff", "letters, digits" },
	{ "trust", "keys", "/a\xff", "UTF-8" },
	{ "system", "mode", "", "none of bootnext, chooser and host" },
	{ "system", "mode", "Bootnext", "none of bootnext, chooser and host" },
	{ "system", "mode", "order-trial", "not supported by this version" },
	{ "system", "mode", "systemd-boot", "not supported by this version" },
	{ "system", "mode", "grub", "not supported by this version" },
	{ "system", "mode", "u-boot", "not supported by this version" },
	{ "system", "attempts", "0", "from 1 to 15" },
	{ "system", "attempts", "16", "from 1 to 15" },
	{ "system", "attempts", "-1", "from 1 to 15" },
	{ "system", "attempts", "+1", "from 1 to 15" },
	{ "system", "attempts", "1.5", "from 1 to 15" },
	{ "system", "attempts", "three", "from 1 to 15" },
	{ "system", "attempts", "", "from 1 to 15" },
	{ "system", "attempts", "18446744073709551617", "from 1 to 15" },
	{ "system", "watchdog-timeout", "3601", "from 0 to 3600" },
	{ "system", "watchdog-timeout", "60s", "from 0 to 3600" },
	{ "disk", "esp", "", "neither PARTLABEL" },
	{ "disk", "esp", "/dev/vda1", "neither PARTLABEL" },
	{ "disk", "esp", "LABEL=esp", "neither PARTLABEL" },
	{ "disk", "esp", "UUID=1234-5678", "neither PARTLABEL" },
	{ "disk", "esp", "partlabel=esp", "neither PARTLABEL" },
	{ "disk", "esp", "PARTLABEL=", "neither PARTLABEL" },
	{ "disk", "esp", "PARTUUID=", "neither PARTLABEL" },
	{ "disk", "esp", "PARTUUID=12345678-01", "is no GUID" },
	{ "disk", "esp", "PARTUUID=0fc63daf-8483-4772-8e79-3d69d8477deg", "is no GUID" },
	{ "disk", "state", "state", "neither PARTLABEL" },
	{ "disk", "state", "PARTLABEL=a\x7f", "control" },
	{ "disk", "data", "none", "neither PARTLABEL" },
	{ "slot.a", "root", "root-a", "neither PARTLABEL" },
	{ "slot.c", "root", "PARTLABEL=c", "[slot.a] and [slot.b]" },
	{ "slot.A", "boot-file", "x.efi", "[slot.a] and [slot.b]" },
	{ "slot.a", "boot-file", "", "no file below the ESP" },
	{ "slot.a", "boot-file", "/EFI/x.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI//x.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "../x.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/../x.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "./x.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x.efi.", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI\\x.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x y.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x:y", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x*", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x?", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/\xc3\xa4.efi", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x\x01", "no file below the ESP" },
	{ "slot.a", "boot-file", "EFI/x.NEW", "are being written" },
	{ "slot.a", "boot-file", "EFI/BOOT/BOOTX64.EFI", "in each other's way" },
	{ "slot.a", "boot-file", "efi/boot/bootx64.efi", "in each other's way" },
	{ "slot.a", "boot-file", "EFI", "in each other's way" },
	{ "slot.a", "boot-file", "EFI/BOOT/bootx64.efi/x", "in each other's way" },
	{ "slot.a", "boot-file", "EFI/Tandem/B/LINUX.efi", "in each other's way" },
	{ "slot.a", "root", "PARTLABEL=root-b", "given for two partitions" },
	{ "slot.b", "root", "PARTLABEL=data", "given for two partitions" },
	{ "disk", "state", "PARTLABEL=esp", "given for two partitions" },
	{ "trust", "keys", "", "not an absolute path" },
	{ "trust", "keys", "trust.d", "not an absolute path" },
	{ "encryption", "key", "device.key", "not an absolute path" },
	{ "encryption", "key", "/a\nkey=/b\nkey=/c\nkey=/d\nkey=/e", "more than 4 keys" },
	{ "trust", "threshold", "0", "from 1 to 32" },
	{ "trust", "threshold", "33", "from 1 to 32" },
	{ "trust", "roots", "roots.d", "not an absolute path" },
	{ "trust", "root-threshold", "0", "from 1 to 32" },
	{ "health", "deadline", "0", "from 1 to 86400" },
	{ "health", "deadline", "86401", "from 1 to 86400" },
	{ "health", "baseline", "yes", "neither lenient nor strict" },
	{ "health", "unit", "", "is empty" },
	{ "health", "unit", "-x", "not the name of a unit" },
	{ "health", "unit", "a b", "not the name of a unit" },
	{ "health", "unit", "/etc/x", "not the name of a unit" },
	{ "health", "command", "", "absolute path" },
	{ "health", "command", "true", "absolute path" },
	{ "health", "command", "/a\x01", "control" },
	{ "health", "url", "", "neither an http" },
	{ "health", "url", "http://", "neither an http" },
	{ "health", "url", "https:///x", "neither an http" },
	{ "health", "url", "http://a b", "neither an http" },
	{ "health", "url", "ftp://h/", "neither an http" },
	{ "health", "url", "file:///x", "neither an http" },
	{ "tree", "root", "", "absolute path" },
	{ "tree", "root", "opt/x", "absolute path" },
	{ "tree", "root", "/", "absolute path" },
	{ "tree", "root", "/opt/", "absolute path" },
	{ "tree", "root", "/opt//x", "absolute path" },
	{ "tree", "root", "/opt/../etc", "absolute path" },
	{ "tree", "root", "/opt/.", "absolute path" },
	{ "tree", "root", "/a\x01", "control" },
	{ "tree", "unit", "", "is empty" },
	{ "tree", "unit", "--now", "not the name of a unit" },
	{ "tree", "unit", "a b", "not the name of a unit" },
	{ "tree", "url", "", "neither an http" },
	{ "tree", "url", "localhost:4000", "neither an http" },
	{ "tree", "deadline", "0", "from 1 to 3600" },
	{ "tree", "deadline", "3601", "from 1 to 3600" },
	{ "tree", "keep", "1", "from 2 to 32" },
	{ "tree", "keep", "33", "from 2 to 32" },
	{ "tree", "reserve", "", "is no size" },
	{ "tree", "reserve", "-1", "is no size" },
	{ "tree", "reserve", "1Q", "is no size" },
	{ "system", "prodcut", "x", "unknown key" },
	{ "disks", "esp", "x", "unknown section" },
};

static void every_bad_value_is_refused_and_ret_left_alone(void **state)
{
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bool required = strcmp(bad[i].key, "product") == 0 || strcmp(bad[i].key, "compatible") == 0;

		(void)snprintf(text, sizeof(text), "%s[%s]\n%s=%s\n%s", required ? "" : HEAD, bad[i].section,
			       bad[i].key, bad[i].value,
			       !required              ? ""
			       : bad[i].key[0] == 'p' ? "compatible=c\n"
						      : "product=p\n");
		refuses(text, bad[i].why);
	}
}

static void missing_and_repeated_keys_are_refused(void **state)
{
	(void)state;
	refuses("", "product= is missing");
	refuses("[system]\ncompatible=c\n", "product= is missing");
	refuses("[system]\nproduct=p\n", "compatible= is missing");
	refuses(HEAD "product=p\n", "t.conf:4: [system] product is given twice");
	refuses(HEAD "[slot.a]\nroot=PARTLABEL=1\n[slot.b]\n[slot.a]\nroot=PARTLABEL=2\n", "is given twice");
}

static void sixteen_probes_are_taken_and_one_more_refused(void **state)
{
	char text[1024] = HEAD "[health]\n";
	struct sysconf c;

	(void)state;
	for (unsigned int i = 0; i < SYSCONF_PROBES; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n",
			       i % 2 ? "unit=x" : "command=/x");
	takes(text, &c);
	assert_int_equal(c.n_probes, SYSCONF_PROBES);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "url=http://x/\n");
	refuses(text, "more than 16 probes");
}

static void eight_units_of_a_tree_are_taken_and_one_more_refused(void **state)
{
	char text[1024] = HEAD "[tree]\n";
	struct sysconf c;

	(void)state;
	for (unsigned int i = 0; i < SYSCONF_UNITS; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "unit=x%u\n", i);
	takes(text, &c);
	assert_int_equal(c.tree.n_units, SYSCONF_UNITS);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "unit=y\n");
	refuses(text, "more than 8 units");
}

static void values_of_the_network_are_checked(void **state)
{
	(void)state;
	refuses(HEAD "[net]\nca-file=ca.pem\n", "not an absolute path");
	refuses(HEAD "[net]\nclient-key=\n", "not an absolute path");
	refuses(HEAD "[net]\nproxy=\n", "empty");
	refuses(HEAD "[net]\nlimit-rate=fast\n", "no number of bytes per second");
	refuses(HEAD "[net]\nconnections=9\n", "from 1 to 8");
	refuses(HEAD "[net]\nconnections=0\n", "from 1 to 8");
	refuses(HEAD "[net]\ntimeout=0\n", "from 1 to 86400");
}

static void values_as_long_as_their_limit_are_taken(void **state)
{
	char text[1024], path[SYSCONF_BOOT_FILE + 1];
	struct sysconf c;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[SYSCONF_BOOT_FILE] = '\0';
	(void)snprintf(text, sizeof(text), HEAD "[slot.a]\nboot-file=%s\n", path);
	refuses(text, "128 bytes, the limit is 127");
	path[SYSCONF_BOOT_FILE - 1] = '\0';
	(void)snprintf(text, sizeof(text), HEAD "[slot.a]\nboot-file=%s\n", path);
	takes(text, &c);
	assert_string_equal(c.slots[SLOT_A].boot_file, path);
	(void)snprintf(text, sizeof(text), "[system]\nproduct=%.63s\ncompatible=%.63s\n", path, path);
	takes(text, &c);
}

static void files_are_loaded_and_a_missing_one_says_what_next(void **state)
{
	struct sysconf c;
	struct why w = { 0 };

	(void)state;
	assert_ok(file_replace(AT_FDCWD, scratch_path("s.conf"), HEAD, strlen(HEAD), 0600, &w), w);
	assert_ok(sysconf_load(scratch_path("s.conf"), &c, &w), w);
	assert_int_equal(sysconf_load(scratch_path("none.conf"), &c, &w), -ENOENT);
	assert_non_null(strstr(w.text, "none.conf"));
	assert_non_null(strstr(w.next, "system.conf.md"));
}

static void shipped_files_are_good(void **state)
{
	static const char *const files[] = { "docs/examples/system.conf",
					     "scripts/appliance/root/etc/tandem/system.conf" };
	struct sysconf c;
	struct why w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_ok(sysconf_load(files[i], &c, &w), w);
}

/* The example's commented-out keys are the defaults, all of them. */
static void example_shows_the_defaults(void **state)
{
	AUTO_FREE char *text = NULL;
	static struct sysconf shown, plain;
	struct why w = { 0 };

	(void)state;
	assert_ok(file_read(AT_FDCWD, "docs/examples/system.conf", 1u << 16, &text, NULL, &w), w);
	takes(text, &plain);
	for (char *c = text; (c = strstr(c, "\n;"));)
		c[1] = ' ';
	takes(text, &shown);
	assert_memory_equal(&shown, &plain, sizeof(shown));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_keys_get_their_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(a_host_has_no_places_but_a_tree),
		cmocka_unit_test(a_host_refuses_what_only_slots_have),
		cmocka_unit_test(data_may_be_none),
		cmocka_unit_test(every_bad_value_is_refused_and_ret_left_alone),
		cmocka_unit_test(missing_and_repeated_keys_are_refused),
		cmocka_unit_test(sixteen_probes_are_taken_and_one_more_refused),
		cmocka_unit_test(eight_units_of_a_tree_are_taken_and_one_more_refused),
		cmocka_unit_test(values_of_the_network_are_checked),
		cmocka_unit_test(values_as_long_as_their_limit_are_taken),
		cmocka_unit_test(files_are_loaded_and_a_missing_one_says_what_next),
		cmocka_unit_test(shipped_files_are_good),
		cmocka_unit_test(example_shows_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
