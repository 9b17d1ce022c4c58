#include "tests/rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tests/support.h"
#include "updater/bundle_write.h"

#define STEP 4096u

/* A generator of one's own, so that content is the same on every machine (Marsaglia's xorshift32). */
static uint32_t next(uint32_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 17;
	return *r ^= *r << 5;
}

/* Blocks of zeros (some of them in long runs), of text, of noise. Every third block is the same for all seeds. */
static void fill_block(uint8_t *p, size_t n, uint32_t seed, uint32_t number)
{
	static const char text[] = "updates of an appliance ";
	uint32_t r = ((number % 3 == 0 ? 0 : seed) * 100003u + number + 1) * 2654435761u, kind = next(&r) % 16;

	if (number % 128 > 90 || kind < 4) {
		memset(p, 0, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(kind < 12 ? (uint32_t)text[(i + r) % 24] + (uint32_t)i / 512 : next(&r) >> 24);
}

static uint8_t *content(uint32_t seed, size_t n)
{
	uint8_t *p = malloc(n);

	assert_non_null(p);
	for (size_t at = 0; at < n; at += STEP)
		fill_block(p + at, n - at < STEP ? n - at : STEP, seed, (uint32_t)(at / STEP));
	return p;
}

uint8_t *rig_root(const struct rig_image *image, size_t *ret_n)
{
	*ret_n = image->bytes ? image->bytes : (3u << 20) + 5 * STEP;
	return content(image->seed, *ret_n);
}

uint8_t *rig_boot(const struct rig_image *image, enum slot s)
{
	return content(1000 * (uint32_t)(s + 1) + image->seed, RIG_BOOT_BYTES);
}

/* Without the flushes of file_replace(): there are many. */
static void put(const char *path, const void *p, size_t n)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct why w = { 0 };

	assert_true(fd >= 0);
	assert_ok(write_full(fd, p, n, path, &w), w);
}

void rig_fill(const char *path, size_t n)
{
	AUTO_FREE uint8_t *p = malloc(n);
	uint32_t r = 42;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(next(&r) >> 24 | 1);
	put(path, p, n);
}

void rig_assert_holds(const char *path, const uint8_t *want, size_t n)
{
	AUTO_FREE char *have = NULL;
	struct why w = { 0 };
	size_t have_n = 0;

	assert_ok(file_read(AT_FDCWD, path, 64u << 20, &have, &have_n, &w), w);
	assert_true(have_n >= n);
	assert_memory_equal(have, want, n);
}

const char *rig_slot_path(enum slot s)
{
	static char path[2][256];

	(void)snprintf(path[s], sizeof(path[s]), "%s/root-%s", scratch(), slot_name(s));
	return path[s];
}

/* Of a rig that was there before. */
static void empty_folder(const char *name)
{
	AUTO_DIR *d = opendir(scratch_path(name));
	struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
}

static void make_folder(const char *name)
{
	struct why w = { 0 };

	assert_ok(dir_make(scratch_path(name), 0755, &w), w);
}

static void configure(struct rig *g)
{
	struct sysconf *c = &g->conf;

	*c = (struct sysconf){ .mode = MODE_BOOTNEXT, .attempts = 3, .trust_threshold = 1 };
	(void)snprintf(c->product, sizeof(c->product), "rig");
	(void)snprintf(c->compatible, sizeof(c->compatible), "rig");
	for (enum slot s = SLOT_A; s <= SLOT_B; s++)
		(void)snprintf(c->slots[s].boot_file, sizeof(c->slots[s].boot_file), "EFI/tandem/%s/linux.efi",
			       slot_name(s));
}

static void first_record(struct rig *g)
{
	const struct slot_info info = { .state = STATE_GOOD, .version = "1.0.0", .epoch = 1 };
	struct bootrec rec = boot_first(SLOT_A, &info, NULL);
	struct why w = { 0 };

	assert_ok(bootstore_create(&g->state, &rec, &w), w);
}

static void open_parts(struct rig *g)
{
	const struct efi_esp esp = { .number = 1, .start_sectors = 2048, .size_sectors = 65536, .guid = { 1, 2, 3 } };
	struct why w = { 0 };

	assert_ok(esp_open_folder(scratch_path("esp"), &g->esp, &w), w);
	assert_int_equal(setenv("EFIVARFS_PATH", scratch_path("efi"), 1), 0);
	assert_ok(efi_store_open(&g->efi, &w), w);
	g->boot = (struct boot_machine){ .conf = &g->conf, .store = &g->store, .efi = &g->efi, .esp = &g->esp };
	for (enum slot s = SLOT_A; s <= SLOT_B; s++)
		assert_ok(efi_option_make(s, &esp, g->conf.slots[s].boot_file, &g->boot.want[s], &w), w);
}

static void open_state(struct rig *g)
{
	static char path[256];
	struct why w = { 0 };

	(void)snprintf(path, sizeof(path), "%s", scratch_path("state"));
	assert_ok(blk_open(path, BLK_WRITE, &g->state, &w), w);
}

void rig_make(struct rig *g)
{
	static const char boot_a[] = "boot file of slot a";
	struct minisig_key public;
	struct why w = { 0 };

	memset(g, 0, sizeof(*g));
	make_folder("esp/EFI/tandem/a");
	make_folder("esp/EFI/tandem/b");
	make_folder("esp/EFI/BOOT");
	make_folder("efi");
	empty_folder("efi");
	put(scratch_path("esp/EFI/tandem/a/linux.efi"), boot_a, sizeof(boot_a));
	put(scratch_path("esp/EFI/BOOT/BOOTX64.EFI"), boot_a, sizeof(boot_a));
	(void)unlink(scratch_path("esp/EFI/tandem/b/linux.efi"));
	for (enum slot s = SLOT_A; s <= SLOT_B; s++)
		rig_fill(rig_slot_path(s), RIG_SLOT_BYTES);
	put(scratch_path("state"), "", 0);
	assert_int_equal(truncate(scratch_path("state"), STATE_PARTITION_BYTES), 0);
	configure(g);
	keys_generate(&g->key);
	public = keys_public(&g->key);
	g->trust.threshold = 1;
	assert_ok(trust_add(&g->trust, &public, "rig", &w), w);
	decrypt_key_generate(&g->device.at[0]);
	g->device.n = 1;
	open_state(g);
	first_record(g);
	open_parts(g);
	assert_ok(bootstore_read(&g->store, &g->state, &g->boot.rec, &w), w);
	assert_ok(sequence_heal(&g->boot, SLOT_NONE, &w), w);
	g->efi.writes = 0;
}

void rig_done(struct rig *g)
{
	struct why w = { 0 };

	assert_ok(blk_close(&g->state, &w), w);
	assert_ok(esp_close(&g->esp, &w), w);
	keys_wipe(&g->key);
}

void rig_reopen(struct rig *g)
{
	struct why w = { 0 };

	assert_ok(blk_close(&g->state, &w), w);
	assert_ok(esp_close(&g->esp, &w), w);
	open_state(g);
	open_parts(g);
	assert_ok(bootstore_read(&g->store, &g->state, &g->boot.rec, &w), w);
}

static void write_recipe(const struct rig *g, const struct rig_image *image, FILE *f)
{
	const char *boot = image->boot_name ? image->boot_name : "linux.efi";
	uint32_t chunk = image->chunk_bytes ? image->chunk_bytes : RIG_CHUNK_BYTES;

	(void)fprintf(f, "[bundle]\ncompatible=%s\nversion=%s\nepoch=%llu\nchunk-size=%u\ngroup-size=%u\nlevel=1\n",
		      image->compatible ? image->compatible : g->conf.compatible, image->version,
		      (unsigned long long)image->epoch, chunk, image->group_bytes ? image->group_bytes : chunk);
	(void)fprintf(f, "[payload.root]\nkind=image\nfile=in.root\n");
	for (enum slot s = SLOT_A; boot[0] && s <= SLOT_B; s++)
		(void)fprintf(f, "[payload.boot-%s]\nkind=file\nslot=%s\nfile=in.%s\nname=%s\n", slot_name(s),
			      slot_name(s), slot_name(s), boot);
}

const char *rig_bundle(const struct rig *g, const char *name, const struct rig_image *image)
{
	struct recipient device = g->device.at[0].recipient;
	const struct recipients to = { .at = &device, .n = image->encrypted };
	struct bundle_job job = { .keys = image->key ? image->key : &g->key, .n_keys = 1, .threads = 1, .clock = 1 };
	static char paths[8][256];
	static unsigned int turn;
	struct bundle_written written;
	struct recipe recipe = { 0 };
	struct why w = { 0 };
	size_t n = 0;
	AUTO_FREE uint8_t *root = rig_root(image, &n);
	FILE *f;

	put(scratch_path("in.root"), root, n);
	for (enum slot s = SLOT_A; s <= SLOT_B; s++) {
		AUTO_FREE uint8_t *boot = rig_boot(image, s);

		put(scratch_path(s == SLOT_A ? "in.a" : "in.b"), boot, RIG_BOOT_BYTES);
	}
	f = fopen(scratch_path("in.conf"), "we");
	assert_non_null(f);
	write_recipe(g, image, f);
	assert_int_equal(fclose(f), 0);
	assert_ok(recipe_read(scratch_path("in.conf"), &recipe, &w), w);
	job.recipe = &recipe;
	job.to = &to;
	job.path = paths[turn++ % ARRAY_SIZE(paths)];
	(void)snprintf(paths[(turn - 1) % ARRAY_SIZE(paths)], sizeof(paths[0]), "%s", scratch_path(name));
	assert_ok(bundle_write(&job, &written, &w), w);
	recipe_done(&recipe);
	return job.path;
}
