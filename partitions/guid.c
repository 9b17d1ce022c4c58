#include "partitions/guid.h"

#include <ctype.h>
#include <strings.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/parse.h"

#define GUID_BYTES 16u

static bool is_dash_at(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool guid_valid(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (i >= GUID_TEXT_BYTES - 1 || (is_dash_at(i) ? s[i] != '-' : !isxdigit((unsigned char)s[i])))
			return false;
	return i == GUID_TEXT_BYTES - 1;
}

bool guid_equal(const char *a, const char *b)
{
	return guid_valid(a) && guid_valid(b) && strcasecmp(a, b) == 0;
}

/* Both texts are hashed with their final NUL, so that no two pairs run together to the same input. */
static void from_seed(const char *seed, const char *purpose, uint8_t ret[GUID_BYTES])
{
	static const char domain[] = "tandem guid 1";
	struct hasher h;
	struct hash id;

	hasher_init(&h);
	hasher_add(&h, bytes_of(domain, sizeof(domain)));
	hasher_add(&h, bytes_of(seed, strlen(seed) + 1));
	hasher_add(&h, bytes_of(purpose, strlen(purpose) + 1));
	id = hasher_end(&h);
	memcpy(ret, id.b, GUID_BYTES);
}

int guid_make(const char *seed, const char *purpose, char ret[GUID_TEXT_BYTES], struct why *w)
{
	char hex[2 * GUID_BYTES + 1];
	uint8_t b[GUID_BYTES];
	size_t n = 0;

	if (seed)
		from_seed(seed, purpose, b);
	else if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) /* cannot be short up to 256 bytes: getrandom(2) */
		return fail_errno(w, "random bytes for a GUID");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4, RFC 4122 section 4.1.3 */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* its variant, section 4.1.1 */
	(void)format_hex(b, sizeof(b), hex);
	for (size_t i = 0; i < GUID_TEXT_BYTES - 1; i++)
		if (is_dash_at(i))
			ret[i] = '-';
		else
			ret[i] = hex[n++];
	ret[GUID_TEXT_BYTES - 1] = '\0';
	return 0;
}
