#include "tests/crash/world.h"

static size_t device_bytes(enum world_device d)
{
	return d == DEV_STATE ? WORLD_STATE_BYTES : WORLD_SLOT_BLOCKS * WORLD_BLOCK;
}

void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->cut.at = UINT64_MAX;
	w->running = SLOT_NONE;
	for (enum world_device d = DEV_STATE; d < DEV_COUNT; d++) {
		w->medium[d] = calloc(1, device_bytes(d));
		w->view[d] = calloc(1, device_bytes(d));
		if (!w->medium[d] || !w->view[d])
			abort();
	}
}

void world_done(struct world *w)
{
	for (enum world_device d = DEV_STATE; d < DEV_COUNT; d++) {
		free(w->medium[d]);
		free(w->view[d]);
	}
}

void world_copy(struct world *w, const struct world *from, const struct world_cut *cut)
{
	uint8_t *medium[DEV_COUNT], *view[DEV_COUNT];

	memcpy(medium, w->medium, sizeof(medium));
	memcpy(view, w->view, sizeof(view));
	*w = *from;
	memcpy(w->medium, medium, sizeof(medium));
	memcpy(w->view, view, sizeof(view));
	for (enum world_device d = DEV_STATE; d < DEV_COUNT; d++) {
		memcpy(w->medium[d], from->medium[d], device_bytes(d));
		memcpy(w->view[d], from->view[d], device_bytes(d));
	}
	w->cut = *cut;
	w->ops = 0;
}

/* Count one durable operation. -EIO once the power is off; w->off is set when this one is the one that is cut. */
static int step(struct world *w, struct why *why)
{
	if (w->off)
		return fail(why, -EIO, "the power is off");
	if (w->ops++ == w->cut.at) {
		w->off = true;
		w->cut_sectors = 0;
		w->cut_rename = false;
	}
	return 0;
}

/* After the operation: at the cut, note what is pending. */
static int ended(struct world *w, struct why *why)
{
	if (!w->off)
		return 0;
	w->cut_pending = w->n_pending;
	for (size_t i = 0; i < w->n_pending; i++)
		w->cut_rename = w->cut_rename || w->pending[i].kind == OP_RENAME;
	return fail(why, -EIO, "the power is off");
}

static struct world_op *pend(struct world *w, enum world_kind kind)
{
	struct world_op *op;

	if (w->n_pending == WORLD_PENDING)
		abort(); /* the product flushes far more often than this */
	op = &w->pending[w->n_pending++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

static int blk_read_op(struct blk *b, void *buf, size_t n, uint64_t off, struct why *why)
{
	struct world_blk *wb = (struct world_blk *)b;

	if (wb->world->off)
		return fail(why, -EIO, "the power is off");
	memcpy(buf, wb->world->view[wb->device] + off, n);
	return 0;
}

static int blk_write_op(struct blk *b, const void *buf, size_t n, uint64_t off, struct why *why)
{
	enum world_device d = ((struct world_blk *)b)->device;
	struct world *w = ((struct world_blk *)b)->world;
	struct world_op *op;
	int r = step(w, why);

	if (r)
		return r;
	if (n > WORLD_BLOCK || off + n > device_bytes(d))
		abort();
	if ((d == DEV_ROOT_A && w->running == SLOT_A) || (d == DEV_ROOT_B && w->running == SLOT_B))
		w->broken = "invariant 3: the running slot is written";
	op = pend(w, OP_WRITE);
	op->device = d;
	op->off = off;
	op->n = n;
	memcpy(op->data, buf, n);
	memcpy(w->view[d] + off, buf, n);
	if (w->off)
		w->cut_sectors = n / WORLD_SECTOR;
	return ended(w, why);
}

static int blk_zero_op(struct blk *b, uint64_t n, uint64_t off, struct why *why)
{
	static const uint8_t zeros[WORLD_BLOCK];
	int r = 0;

	for (uint64_t at = 0; at < n && !r; at += WORLD_BLOCK)
		r = blk_write_op(b, zeros, WORLD_BLOCK, off + at, why);
	return r;
}

static int blk_flush_op(struct blk *b, struct why *why)
{
	enum world_device d = ((struct world_blk *)b)->device;
	struct world *w = ((struct world_blk *)b)->world;
	size_t kept = 0;
	int r = step(w, why);

	if (r || w->off)
		return r ? r : ended(w, why);
	if (w->ignores_flush)
		return 0;
	memcpy(w->medium[d], w->view[d], device_bytes(d));
	for (size_t i = 0; i < w->n_pending; i++)
		if (w->pending[i].kind != OP_WRITE || w->pending[i].device != d)
			w->pending[kept++] = w->pending[i];
	w->n_pending = kept;
	return 0;
}

void world_blk(struct world *w, enum world_device d, struct world_blk *ret)
{
	static const struct blk_ops ops = {
		.read = blk_read_op, .write = blk_write_op, .zero = blk_zero_op, .flush = blk_flush_op
	};
	static const char *const names[] = { "state", "root-a", "root-b" };

	*ret = (struct world_blk){
		.blk = {
			.ops = &ops,
			.name = names[d],
			.size_bytes = d == DEV_STATE ? STATE_PARTITION_BYTES : device_bytes(d),
			.align = BLK_ALIGN,
			.fd = -1,
		},
		.world = w,
		.device = d,
	};
}

static struct world_file *find_file(struct world_file *files, const char *path)
{
	for (size_t i = 0; i < WORLD_FILES; i++)
		if (files[i].exists && strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

static struct world_file *add_file(struct world_file *files, const char *path)
{
	struct world_file *f = find_file(files, path);

	for (size_t i = 0; i < WORLD_FILES && !f; i++)
		if (!files[i].exists)
			f = &files[i];
	if (!f)
		abort();
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->path, sizeof(f->path), "%s", path);
	f->exists = true;
	return f;
}

static void append_file(struct world_file *f, const uint8_t *data, size_t n)
{
	if (n > sizeof(f->data) - f->n)
		abort();
	memcpy(f->data + f->n, data, n);
	f->n += n;
}

static void drop_file(struct world_file *files, const char *path)
{
	struct world_file *f = find_file(files, path);

	if (f)
		f->exists = false;
}

static void rename_file(struct world_file *files, const char *from, const char *to)
{
	struct world_file *f = find_file(files, from);

	if (!f)
		return;
	drop_file(files, to);
	(void)snprintf(f->path, sizeof(f->path), "%s", to);
}

static void apply_file_op(struct world_file *files, const struct world_op *op)
{
	struct world_file *f = find_file(files, op->path);

	if (op->kind == OP_CREATE)
		(void)add_file(files, op->path);
	else if (op->kind == OP_APPEND && f)
		append_file(f, op->data, op->n);
	else if (op->kind == OP_RENAME)
		rename_file(files, op->path, op->to);
	else if (op->kind == OP_REMOVE)
		drop_file(files, op->path);
}

static struct world *esp_world(struct esp *e)
{
	return ((struct world_esp *)e)->world;
}

static int esp_do(struct esp *e, enum world_kind kind, const char *path, const char *to, struct bytes data,
		  struct why *why)
{
	struct world *w = esp_world(e);
	struct world_op *op;
	int r = step(w, why);

	if (r)
		return r;
	op = pend(w, kind);
	(void)snprintf(op->path, sizeof(op->path), "%s", path);
	(void)snprintf(op->to, sizeof(op->to), "%s", to);
	if (data.n)
		memcpy(op->data, data.p, data.n);
	op->n = data.n;
	apply_file_op(w->files, op);
	return ended(w, why);
}

static int esp_create_op(struct esp *e, const char *path, int *ret_file, struct why *why)
{
	int r = esp_do(e, OP_CREATE, path, "", bytes_of("", 0), why);

	(void)snprintf(esp_world(e)->open_path, sizeof(esp_world(e)->open_path), "%s", path);
	*ret_file = 0;
	return r;
}

static int esp_append_op(struct esp *e, int file, const void *buf, size_t n, struct why *why)
{
	(void)file;
	return esp_do(e, OP_APPEND, esp_world(e)->open_path, "", bytes_of(buf, n), why);
}

static int esp_finish_op(struct esp *e, int file, struct why *why)
{
	struct world *w = esp_world(e);
	int r = step(w, why);

	(void)file;
	if (r || w->off)
		return r ? r : ended(w, why);
	for (size_t i = 0; i < w->n_pending; i++)
		if (strcmp(w->pending[i].path, w->open_path) == 0)
			w->pending[i].synced = true;
	return 0;
}

static int esp_rename_op(struct esp *e, const char *from, const char *to, struct why *why)
{
	return esp_do(e, OP_RENAME, from, to, bytes_of("", 0), why);
}

static int esp_remove_op(struct esp *e, const char *path, struct why *why)
{
	if (esp_world(e)->off)
		return fail(why, -EIO, "the power is off");
	return world_file(esp_world(e), path) ? esp_do(e, OP_REMOVE, path, "", bytes_of("", 0), why) : -ENOENT;
}

static int esp_sync_op(struct esp *e, struct why *why)
{
	struct world *w = esp_world(e);
	size_t kept = 0;
	int r = step(w, why);

	if (r || w->off)
		return r ? r : ended(w, why);
	memcpy(w->synced_files, w->files, sizeof(w->files));
	for (size_t i = 0; i < w->n_pending; i++)
		if (w->pending[i].kind == OP_WRITE)
			w->pending[kept++] = w->pending[i];
	w->n_pending = kept;
	return 0;
}

static int esp_open_read_op(struct esp *e, const char *path, int *ret_file, uint64_t *ret_bytes, struct why *why)
{
	struct world *w = esp_world(e);

	for (size_t i = 0; i < WORLD_FILES && !w->off; i++) {
		if (w->files[i].exists && strcmp(w->files[i].path, path) == 0) {
			*ret_file = (int)i;
			*ret_bytes = w->files[i].n;
			return 0;
		}
	}
	return fail(why, w->off ? -EIO : -ENOENT, "ESP: %s: not there", path);
}

static int esp_read_at_op(struct esp *e, int file, void *buf, size_t n, uint64_t off, size_t *ret_n, struct why *why)
{
	const struct world_file *f = &esp_world(e)->files[file];
	size_t left = off < f->n ? f->n - (size_t)off : 0;

	(void)why;
	*ret_n = left < n ? left : n;
	memcpy(buf, f->data + (f->n - left), *ret_n);
	return 0;
}

static void esp_close_read_op(struct esp *e, int file)
{
	(void)e, (void)file;
}

static int esp_free_op(struct esp *e, uint64_t *ret, struct why *why)
{
	(void)e, (void)why;
	*ret = 1u << 20;
	return 0;
}

void world_esp(struct world *w, struct world_esp *ret)
{
	static const struct esp_ops ops = {
		.create = esp_create_op,
		.append = esp_append_op,
		.finish = esp_finish_op,
		.rename = esp_rename_op,
		.remove = esp_remove_op,
		.sync = esp_sync_op,
		.open_read = esp_open_read_op,
		.read_at = esp_read_at_op,
		.close_read = esp_close_read_op,
		.free_bytes = esp_free_op,
	};

	*ret = (struct world_esp){ .esp = { .ops = &ops }, .world = w };
}

const struct world_file *world_file(const struct world *w, const char *path)
{
	for (size_t i = 0; i < WORLD_FILES; i++)
		if (w->files[i].exists && strcmp(w->files[i].path, path) == 0)
			return &w->files[i];
	return NULL;
}

void world_file_put(struct world *w, const char *path, const void *data, size_t n)
{
	append_file(add_file(w->files, path), data, n);
	memcpy(w->synced_files, w->files, sizeof(w->files));
}

const struct world_var *world_var(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_vars; i++)
		if (strcmp(w->vars[i].name, name) == 0)
			return &w->vars[i];
	return NULL;
}

void world_var_drop(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_vars; i++) {
		if (strcmp(w->vars[i].name, name) == 0) {
			w->vars[i] = w->vars[--w->n_vars];
			return;
		}
	}
}

void world_var_put(struct world *w, const char *name, const uint8_t *data, size_t n)
{
	struct world_var *v;

	world_var_drop(w, name);
	if (w->n_vars == WORLD_VARS || n > sizeof(v->data))
		abort();
	v = &w->vars[w->n_vars++];
	(void)snprintf(v->name, sizeof(v->name), "%s", name);
	memcpy(v->data, data, n);
	v->n = n;
}

static struct world *efi_world(struct efi_store *s)
{
	return ((struct world_efi *)s)->world;
}

static int efi_get_op(struct efi_store *s, const char *name, uint8_t *data, size_t *n, struct why *why)
{
	struct world *w = efi_world(s);
	const struct world_var *v = w->off ? NULL : world_var(w, name);

	if (!v || v->n > *n)
		return fail(why, w->off ? -EIO : v ? -E2BIG : -ENOENT, "%s: not to be had", name);
	memcpy(data, v->data, v->n);
	*n = v->n;
	return 0;
}

/* The cut during a SetVariable leaves the old or the new value: bit 0 of cut.sectors says which. */
static int efi_change(struct world *w, const char *name, const uint8_t *data, size_t n, struct why *why)
{
	int r = step(w, why);

	if (r)
		return r;
	if (!w->off || (w->cut.sectors & 1)) {
		if (data)
			world_var_put(w, name, data, n);
		else
			world_var_drop(w, name);
	}
	if (w->off)
		w->cut_sectors = 1;
	return ended(w, why);
}

static int efi_set_op(struct efi_store *s, const char *name, const uint8_t *data, size_t n, struct why *why)
{
	return efi_change(efi_world(s), name, data, n, why);
}

static int efi_remove_op(struct efi_store *s, const char *name, struct why *why)
{
	struct world *w = efi_world(s);

	return world_var(w, name) ? efi_change(w, name, NULL, 0, why) : fail(why, -ENOENT, "%s: not set", name);
}

static int efi_list_op(struct efi_store *s, uint32_t *numbers, size_t *n, struct why *why)
{
	struct world *w = efi_world(s);

	if (w->off)
		return fail(why, -EIO, "the power is off");
	*n = 0;
	for (uint32_t i = 0; i < 16; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "Boot%04X", i);
		if (world_var(w, name))
			numbers[(*n)++] = i;
	}
	return 0;
}

void world_efi(struct world *w, struct world_efi *ret)
{
	static const struct efi_store_ops ops = {
		.get = efi_get_op, .set = efi_set_op, .remove = efi_remove_op, .list = efi_list_op
	};

	*ret = (struct world_efi){ .store = { .ops = &ops }, .world = w };
}

/* Whether pending operation i reaches the medium. What a file's flush covered goes with the file's name. */
static bool reaches(const struct world *w, size_t i)
{
	const struct world_op *op = &w->pending[i];

	if (op->kind == OP_APPEND && op->synced) {
		for (size_t k = i; k-- > 0;)
			if (w->pending[k].kind == OP_CREATE && strcmp(w->pending[k].path, op->path) == 0)
				return w->cut.keep >> k & 1;
		return true;
	}
	return w->cut.keep >> i & 1;
}

static void land_write(struct world *w, const struct world_op *op, bool in_flight)
{
	for (size_t s = 0; s < op->n / WORLD_SECTOR; s++)
		if (!in_flight || w->cut.sectors >> s & 1)
			memcpy(w->medium[op->device] + op->off + s * WORLD_SECTOR, op->data + s * WORLD_SECTOR,
			       WORLD_SECTOR);
}

void world_power_on(struct world *w)
{
	memcpy(w->files, w->synced_files, sizeof(w->files));
	for (size_t i = 0; i < w->n_pending; i++) {
		const struct world_op *op = &w->pending[i];
		bool in_flight = i + 1 == w->n_pending && w->cut_sectors > 0;

		if (op->kind == OP_WRITE && reaches(w, i))
			land_write(w, op, in_flight);
		else if (op->kind != OP_WRITE && reaches(w, i))
			apply_file_op(w->files, op);
		else if (op->kind == OP_RENAME && w->cut.half_rename)
			drop_file(w->files, op->to);
	}
	if (w->cut.lose_vars)
		w->n_vars = 0;
	world_var_drop(w, "BootCurrent");
	w->off = false;
	w->cut.at = UINT64_MAX;
	w->n_pending = 0;
	w->running = SLOT_NONE;
	memcpy(w->synced_files, w->files, sizeof(w->files));
	for (enum world_device d = DEV_STATE; d < DEV_COUNT; d++)
		memcpy(w->view[d], w->medium[d], device_bytes(d));
}

void world_reboot(struct world *w)
{
	for (enum world_device d = DEV_STATE; d < DEV_COUNT; d++)
		memcpy(w->medium[d], w->view[d], device_bytes(d));
	memcpy(w->synced_files, w->files, sizeof(w->files));
	w->n_pending = 0;
	w->running = SLOT_NONE;
	world_var_drop(w, "BootCurrent");
}
