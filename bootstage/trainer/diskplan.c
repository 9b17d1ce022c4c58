#include "bootstage/trainer/diskplan.h"

void diskplan_make(const struct diskplan_want *want, struct diskplan *ret)
{
	struct diskplan p = { .free_bytes = want->free_bytes };
	uint64_t left = want->free_bytes, sum = 0;

	disk_claim_add(p.claim, &p.n_claims, "swap", want->swap_bytes, &left);
	disk_claim_add(p.claim, &p.n_claims, "reserve", want->reserve_bytes, &left);
	for (size_t i = 0; i < want->n_jobs; i++) {
		const struct diskplan_job *j = &want->jobs[i];

		disk_claim_add(p.claim, &p.n_claims, j->name,
			       j->cap_bytes > j->there_bytes ? j->cap_bytes - j->there_bytes : 0, &left);
	}
	p.fits = p.claim[p.n_claims - 1].fits;
	for (size_t i = 0; i < p.n_claims; i++) /* no more than an exabyte each */
		sum += p.claim[i].bytes;
	p.missing_bytes = p.fits ? 0 : sum - p.free_bytes;
	*ret = p;
}
