/* fuzz_onnx - any bytes as a model. From memory and from a file the answer is the same, and what is taken has no outside. */
#include <fcntl.h>

#include "bootstage/trainer/onnx.h"

/* The same bytes through the window of a file. */
static int check_file(const uint8_t *data, size_t n, struct onnx_model *ret)
{
	AUTO_FD dir = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[40];
	int r;

	(void)snprintf(name, sizeof(name), "fuzz_onnx-%d", (int)getpid());
	AUTO_FD fd = openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (dir < 0 || fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	r = onnx_check_at(dir, name, ret, NULL);
	if (unlinkat(dir, name, 0))
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct onnx_model m = { 0 }, again = { 0 };
	struct why w = { 0 };
	int r = onnx_check(bytes_of(data, n), &m, &w), r_file;

	if ((r != 0) != (w.text[0] != '\0'))
		abort();
	if (r == 0 && (m.outputs == 0 || m.ir_version == 0 || m.n_meta > ONNX_META_MAX))
		abort();
	if (n % 8 != 0) /* the file costs more than the rest */
		return 0;
	r_file = check_file(data, n, &again);
	if (m.external == 0 && (r_file != r || memcmp(&m, &again, sizeof(m)) != 0))
		abort();
	return 0;
}
