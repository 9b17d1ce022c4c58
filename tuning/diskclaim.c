#include "tuning/diskclaim.h"

#include <stdio.h>

void disk_claim_add(struct disk_claim *claims, size_t *n, const char *name, uint64_t bytes, uint64_t *left)
{
	struct disk_claim *c = &claims[*n];

	c->fits = bytes <= *left && (*n == 0 || c[-1].fits);
	*left -= c->fits ? bytes : 0;
	c->bytes = bytes;
	c->left_bytes = *left;
	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	(*n)++;
}
