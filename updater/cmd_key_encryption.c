#include "updater/cmd_key_encryption.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/json.h"
#include "updater/decryptfile.h"

static int report(const char *name, const struct recipient_id *id, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };
	char hex[RECIPIENT_ID_HEX], path[PATH_MAX];

	(void)recipient_id_format(id, hex);
	if (!as_json) {
		(void)printf("key id %s\nsecret key, for the device alone: %s.key\n"
			     "public key, for builders: %s.recipient\n",
			     hex, name, name);
		return 0;
	}
	json_object(&j, NULL);
	json_string(&j, "id", hex);
	(void)snprintf(path, sizeof(path), "%s.key", name);
	json_string(&j, "secret_key_file", path);
	(void)snprintf(path, sizeof(path), "%s.recipient", name);
	json_string(&j, "public_key_file", path);
	json_end(&j);
	return json_finish(&j, w);
}

int key_encryption_generate(const char *name, bool force, bool as_json, struct why *w)
{
	CLEANUP(decrypt_key_wipe) struct decrypt_key key = { 0 };
	int r;

	decrypt_key_generate(&key);
	r = decrypt_key_save(name, &key, force, w);
	return r ? r : report(name, &key.recipient.id, as_json, w);
}

static void show_recipient(const struct recipient *k, bool secret, struct json *j)
{
	char id[RECIPIENT_ID_HEX], base64[BASE64_TEXT_BYTES(RECIPIENT_KEY_BYTES)];

	(void)recipient_id_format(&k->id, id);
	(void)base64_write(k->key, sizeof(k->key), base64);
	if (!j) {
		(void)printf("key id:     %s\nfile holds: %s encryption key\npublic key: %s\n", id,
			     secret ? "the secret" : "the public", base64);
		return;
	}
	json_object(j, NULL);
	json_string(j, "id", id);
	json_string(j, "public_key", base64);
	json_end(j);
}

/* Keys for encryption; a list may have many. */
static int show_recipients(const struct recipients *r, bool secret, bool as_json, struct why *w)
{
	struct json j = { .to = stdout };

	if (as_json) {
		json_object(&j, NULL);
		json_string(&j, "file", secret ? "secret" : "public");
		json_array(&j, "encryption_keys");
	}
	for (size_t i = 0; i < r->n; i++)
		show_recipient(&r->at[i], secret, as_json ? &j : NULL);
	if (!as_json)
		return 0;
	json_end(&j);
	json_end(&j);
	return json_finish(&j, w);
}

/* The file's beginning; none when it cannot be read. */
static size_t read_front(const char *path, char *ret, size_t room)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, room);

	return n < 0 ? 0 : (size_t)n;
}

bool key_encryption_is(const char *path)
{
	char front[RECIPIENT_TEXT_MAX];

	return recipient_is_text(bytes_of(front, read_front(path, front, sizeof(front))));
}

int key_encryption_show(const char *path, bool as_json, struct why *w)
{
	CLEANUP(recipients_done) struct recipients list = { 0 };
	AUTO_DECRYPT struct decrypt_keys secret = { 0 };
	struct recipients one = { .at = &secret.at[0].recipient, .n = 1 };
	struct why not_list = { 0 };
	int r;

	if (recipients_load(&list, path, &not_list) == 0)
		return show_recipients(&list, false, as_json, w);
	if (not_list.exit != EXIT_USAGE) /* that is the answer to a secret key */
		return fail(w, not_list.code, "%s", not_list.text);
	r = decrypt_keys_load(&secret, path, w);
	return r ? r : show_recipients(&one, true, as_json, w);
}
