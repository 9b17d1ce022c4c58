#include "partitions/imageinfo.h"

#include <fcntl.h>

#include "base/ini.h"
#include "base/io.h"
#include "base/parse.h"

#define IMAGEINFO_TEXT_MAX 4096u

struct image {
	struct slot_info info;
	bool has_epoch;
};

/* The characters of a semantic version; what they mean is the updater's business. */
static int set_version(void *into, const char *sub, const char *value, struct why *w)
{
	struct slot_info *info = &((struct image *)into)->info;
	size_t n = strlen(value);

	(void)sub;
	if (n == 0 || value[strspn(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-")])
		return misuse(w, -EBADMSG, "'%s' is not a version", value);
	if (n >= sizeof(info->version))
		return misuse(w, -EBADMSG, "%zu bytes, the limit is %zu", n, sizeof(info->version) - 1);
	memcpy(info->version, value, n + 1);
	return 0;
}

static int set_epoch(void *into, const char *sub, const char *value, struct why *w)
{
	struct image *i = into;

	(void)sub;
	i->has_epoch = true;
	return parse_u64(value, UINT64_MAX, &i->info.epoch, w);
}

static int set_image_id(void *into, const char *sub, const char *value, struct why *w)
{
	(void)sub;
	return parse_hex(value, ((struct image *)into)->info.image_id.b, HASH_BYTES, w);
}

static const struct ini_key keys[] = {
	{ "image", "version", set_version, false },
	{ "image", "epoch", set_epoch, false },
	{ "image", "image-id", set_image_id, false },
};

int imageinfo_parse(struct bytes text, const char *name, struct slot_info *ret, struct why *w)
{
	struct image i = { .info = { .state = STATE_GOOD } };
	int r = ini_read(text, name, keys, ARRAY_SIZE(keys), &i, w);

	if (r)
		return r;
	if (!i.info.version[0] || !i.has_epoch)
		return misuse(w, -EBADMSG, "%s: [image] %s= is missing", name, i.info.version[0] ? "epoch" : "version");
	*ret = i.info;
	return 0;
}

int imageinfo_load(const char *path, struct slot_info *ret, struct why *w)
{
	const char *name = path ? path : IMAGEINFO_PATH;
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, name, IMAGEINFO_TEXT_MAX, &text, &n, w);

	return r ? r : imageinfo_parse(bytes_of(text, n), name, ret, w);
}
