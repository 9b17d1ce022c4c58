#include "updater/repair_slot.h"

#include "updater/boot_file.h"

static int repair_image(const struct verify_job *job, struct pipeline_stats *ret, struct why *w)
{
	struct pipeline_job pipeline = {
		.bundle = job->bundle,
		.to = job->root,
		.thorough = true,
		.workers = job->workers,
		.step = job->step,
		.cancelled = job->cancelled,
		.arg = job->arg,
	};
	int r = manifest_pick(&job->bundle->manifest, PAYLOAD_IMAGE, job->slot == SLOT_A ? 'a' : 'b', &pipeline.payload,
			      w);

	if (!r && pipeline.payload->base_bytes) {
		r = refuse(w, -EOPNOTSUPP, "a delta cannot mend a slot");
		return why_next(w, r, "give the full bundle of the same image");
	}
	return r ? r : pipeline_run(&pipeline, ret, w);
}

static int repair_boot_file(const struct verify_job *job, struct why *w)
{
	const struct payload *p = NULL;
	int r = manifest_pick(&job->bundle->manifest, PAYLOAD_FILE, job->slot == SLOT_A ? 'a' : 'b', &p, w);

	return r ? r : boot_file_write(job->bundle, p, job->esp, job->boot_file, job->cancelled, job->arg, w);
}

int repair_slot(const struct verify_job *job, const struct verify_result *found, struct repair_result *ret,
		struct why *w)
{
	struct repair_result result = { .boot_file = found->boot_file_bad };
	int r = 0;

	if (found->image.bad_chunks)
		r = repair_image(job, &result.image, w);
	if (!r && found->boot_file_bad)
		r = repair_boot_file(job, w);
	if (!r)
		*ret = result;
	return r;
}
