#include "updater/finding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int found(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return 0;
}

bool preflight_note(struct preflight *p, const char *name, const struct finding *f, int r, const struct why *w)
{
	struct check *c = &p->checks[p->n_checks++];

	*c = (struct check){ .name = name, .state = f->unknown ? CHECK_UNKNOWN : CHECK_PASSED, .code = r };
	if (r) {
		c->state = CHECK_FAILED;
		c->exit = w->exit;
		(void)snprintf(c->text, sizeof(c->text), "%.*s", (int)sizeof(c->text) - 1, w->text);
		(void)snprintf(c->next, sizeof(c->next), "%.*s", (int)sizeof(c->next) - 1, w->next);
	} else {
		memcpy(c->text, f->text, sizeof(c->text));
	}
	return r == 0;
}

int found_signature(const struct bundle *b, struct finding *f, struct why *w)
{
	if (!b->verified)
		return refuse(w, -EKEYREJECTED, "the bundle was not verified");
	return found(f, "signed by %u trusted key%s (%u required)", b->signers.good, b->signers.good == 1 ? "" : "s",
		     b->signers.required);
}

int found_compatible(const struct bundle *b, const char *want, struct finding *f, struct why *w)
{
	const char *have = b->manifest.compatible;

	if (strcmp(want, have) != 0)
		return refuse(w, -ENOTSUP, "the bundle is for '%s', this machine is '%s'", have, want);
	return found(f, "%s", have);
}

int found_key(const struct bundle *b, const struct why *locked, struct finding *f, struct why *w)
{
	uint64_t n = b->manifest.encryption.recipients;

	if (b->unlocked)
		return found(f, "encrypted for %" PRIu64 " recipient%s, this machine among them", n, n == 1 ? "" : "s");
	if (!locked || !locked->code)
		return refuse(w, -ENOKEY, "encrypted, and not unlocked");
	*w = *locked;
	return w->code;
}
