#include "tuning/tuneconf.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct tuneconf defaults = {
	.medium_from_bytes = 16 * GIB,
	.massive_above_bytes = 64 * GIB,
	.profile = {
		[PROFILE_SMALL] = { .swap_bytes = 8 * GIB, .network_buffer_bytes = 4 * MIB, .batch_records = 500 },
		[PROFILE_MEDIUM] = { .swap_bytes = 16 * GIB, .network_buffer_bytes = 16 * MIB, .batch_records = 2000 },
		[PROFILE_MASSIVE] = { .swap_bytes = 32 * GIB, .network_buffer_bytes = 32 * MIB, .batch_records = 5000 },
	},
	.swap_policy = SWAP_STRICT,
	.swap_guarantee_bytes = 16 * GIB,
	.swap_reserve_bytes = 5 * GIB,
	.swap_smallest_bytes = 64 * MIB,
	.swap_count_existing = true,
	.swap_path = { "/swapfile", "/data/swap/swapfile" },
	.n_swap_paths = 2,
	.cpu_policy = CPU_HALVES,
	.cpu_numbering = NUMBERING_TOPOLOGY,
	.dpi = true,
	.dpi_cpus = 2,
	.training_cpus = 2,
	.training_from = 8,
	.training_weight = 50,
	.irq = true,
	.connections = {
		.per_core = 2,
		.per_disk = 1,
		.n_rows = 3,
		.row = {
			{ { .value = 16 * GIB }, 4, 50 },
			{ { .inclusive = true, .value = 100 * GIB }, 4, 100 },
			{ { .any = true }, 100, 400 },
		},
	},
	.shared_buffers = { .percent = 25, .min_bytes = 128 * MIB, .max_bytes = 16 * GIB },
	.workers = {
		.n_rows = 3,
		.row = {
			{ { .inclusive = true, .value = 4 }, 1 },
			{ { .inclusive = true, .value = 16 }, 2 },
			{ { .any = true }, 4 },
		},
	},
	.claim = {
		{ "training-core", 3072 * MIB },
		{ "training-dpi", 3072 * MIB },
		{ "training-agent", 200 * MIB },
	},
	.n_claims = 3,
	.sysctl = {
		{ .profile = PROFILE_COUNT, .key = "vm.swappiness", .value = "10" },
		{ .profile = PROFILE_COUNT, .key = "vm.vfs_cache_pressure", .value = "50" },
		{ .profile = PROFILE_COUNT, .raise = true, .key = "net.core.rmem_max", .value = "$network-buffer" },
		{ .profile = PROFILE_MASSIVE, .raise = true, .key = "fs.file-max", .value = "1000000" },
	},
	.n_sysctls = 4,
};

void tuneconf_defaults(struct tuneconf *ret)
{
	*ret = defaults;
}
