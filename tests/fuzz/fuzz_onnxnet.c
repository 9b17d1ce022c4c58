/* fuzz_onnxnet - any bytes as a model to evaluate. What is evaluated is valid, and takes any row. */
#include "bootstage/trainer/onnx.h"
#include "bootstage/trainer/onnxnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_ONNXNET *net = NULL;
	struct why w = { 0 };
	struct onnx_model m;
	int r = onnxnet_load(bytes_of(data, n), &net, &w);

	if ((r != 0) != (w.text[0] != '\0') || (r != 0) != !net)
		abort();
	if (r)
		return 0;
	if (onnx_check(bytes_of(data, n), &m, NULL))
		abort();
	AUTO_FREE double *x = calloc(onnxnet_inputs(net), sizeof(*x)), *y = calloc(onnxnet_outputs(net), sizeof(*y));
	if (!x || !y)
		abort();
	for (size_t i = 0; i < onnxnet_inputs(net); i++)
		x[i] = (double)i - 2;
	onnxnet_eval(net, x, y);
	return 0;
}
