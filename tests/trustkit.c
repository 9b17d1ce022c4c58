#include "tests/trustkit.h"

#include "tests/support.h"

void trustkit_make(struct trustkit *k)
{
	for (size_t i = 0; i < KIT_KEYS; i++)
		keys_generate(&k->keys[i]);
}

static void add(const struct trustkit *k, struct trustset *s, const char *numbers, enum trust_role role)
{
	for (; *numbers; numbers++) {
		struct minisig_key key = keys_public(&k->keys[*numbers - '0']);
		size_t at = 0;

		while (at < s->n && !minisig_id_equal(&s->keys[at].key.id, &key.id))
			at++;
		s->n = at == s->n ? at + 1 : s->n;
		s->keys[at].key = key;
		s->keys[at].role[role] = true;
		(void)snprintf(s->keys[at].name, sizeof(s->keys[at].name), "key-%c", *numbers);
	}
}

struct trustset trustkit_set(const struct trustkit *k, uint64_t epoch, const char *roots, unsigned int root_threshold,
			     const char *releases, unsigned int release_threshold)
{
	struct trustset s = { .product = "rig",
			      .epoch = epoch,
			      .threshold = { [TRUST_ROOT] = root_threshold, [TRUST_RELEASE] = release_threshold } };

	add(k, &s, roots, TRUST_ROOT);
	add(k, &s, releases, TRUST_RELEASE);
	return s;
}

size_t trustkit_sign(const struct trustkit *k, const struct trustset *s, const char *signers, char *out, size_t n)
{
	size_t begin = n, text = trustset_format(s, out + n);

	n += text;
	for (; *signers; signers++)
		n += keys_sign(&k->keys[*signers - '0'], bytes_of(out + begin, text), "for a test", out + n);
	return n;
}

struct statement trustkit_statement(const struct trustkit *k, const struct trustset *s, const char *signers, char *out)
{
	size_t n = trustkit_sign(k, s, signers, out, 0);
	struct bytes rest = bytes_of(out, n);
	struct statement ret = { 0 };
	struct why w = { 0 };

	assert_ok(statement_next(&rest, &ret, &w), w);
	assert_int_equal(rest.n, 0);
	return ret;
}
