/*
 * fuzz_recipients - any bytes as a recipient table and as key files. The table is given its right hash, so that its entries
 * are reached: no key is found in it but one that was sealed for us. Lists that are taken write and read again.
 */
#include <stdlib.h>

#include "updater/recipient_table.h"

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* Twice: as it is, and with an entry for us behind it, which has to be found. */
static void as_table(struct bytes in)
{
	static uint8_t bytes[65536];
	static struct content_key content;
	static struct decrypt_keys keys;
	struct content_key got = { 0 };
	struct encryption t = { .recipients = in.n / RECIPIENT_ENTRY_BYTES };
	struct source src;
	int r;

	if (keys.n == 0) {
		content_key_generate(&content);
		for (; keys.n < 2; keys.n++)
			decrypt_key_generate(&keys.at[keys.n]);
		memset(keys.at[0].recipient.id.b, 0, sizeof(keys.at[0].recipient.id)); /* to be hit */
	}
	if (t.recipients == 0 || in.n + RECIPIENT_ENTRY_BYTES > sizeof(bytes))
		return;
	memcpy(bytes, in.p, in.n);
	src = source_memory(bytes_of(bytes, sizeof(bytes)), "table");
	t.recipients_hash = hash_of(bytes_of(bytes, recipient_table_bytes(t.recipients)));
	t.content = content.id;
	r = recipient_table_unlock(&src, 0, &t, &keys, &got, NULL);
	must(r == -ENOKEY || r == -EKEYREJECTED || r == -E2BIG);
	must(recipient_entry_seal(&keys.at[1].recipient, &content, bytes + recipient_table_bytes(t.recipients), NULL) ==
	     0);
	t.recipients++;
	must(recipient_table_unlock(&src, 0, &t, &keys, &got, NULL) == -EBADMSG);
	t.recipients_hash = hash_of(bytes_of(bytes, recipient_table_bytes(t.recipients)));
	r = r == -E2BIG ? 0 : recipient_table_unlock(&src, 0, &t, &keys, &got, NULL);
	must(r == 0 || r == -E2BIG);
}

static void as_list(struct bytes in)
{
	struct recipients r = { 0 }, again = { 0 };

	if (recipients_parse(&r, in, NULL) == 0) {
		must(r.n > 0);
		for (size_t i = 0; i < r.n; i++) {
			char text[RECIPIENT_TEXT_MAX];
			size_t n = recipient_format(&r.at[i], "a name", text);

			must(recipients_parse(&again, bytes_of(text, n), NULL) == 0);
			must(memcmp(&r.at[i], &again.at[i], sizeof(r.at[i])) == 0);
		}
		recipients_sort(&r);
		must(r.n > 0 && r.n <= again.n);
	} else {
		must(r.n == 0);
	}
	recipients_done(&again);
	recipients_done(&r);
}

static void as_secret(struct bytes in)
{
	char text[RECIPIENT_TEXT_MAX];
	struct decrypt_key k, back;

	if (decrypt_key_parse(in, &k, NULL))
		return;
	must(decrypt_key_parse(bytes_of(text, decrypt_key_format(&k, text)), &back, NULL) == 0);
	must(memcmp(&k, &back, sizeof(k)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = bytes_of(data, n);

	as_table(in);
	as_list(in);
	as_secret(in);
	return 0;
}
