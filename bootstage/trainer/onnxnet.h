/*
 * onnxnet - compute what a small model of ONNX says about a row: the figures of a seed model come from the file as it is
 * stored, not from what its trainer had in memory.
 * Layer:  bootstage/trainer. Format; then pure.
 * Trust:  hostile.
 * Source: ONNX operators, version 13: Add, Div, Gemm, Identity, Log, MatMul, Mul, Relu, Sigmoid, Sub, Tanh. docs/formats/model.md
 *
 * One input and one output, of one row each; weights are the floats of the file, sums are computed in double. A valid model
 * that is something else is -EOPNOTSUPP: valid, but not evaluated.
 */
#ifndef BOOTSTAGE_TRAINER_ONNXNET_H
#define BOOTSTAGE_TRAINER_ONNXNET_H

#include "base/bytes.h"
#include "base/why.h"

#define ONNXNET_BYTES_MAX   (16u << 20) /* of the file */
#define ONNXNET_VALUES_MAX  128u
#define ONNXNET_COLUMNS_MAX 4096u

struct onnxnet;

/**
 * Read a model. It is checked as onnx_check() does.
 * @in   borrowed for the call
 * @ret  to be freed with onnxnet_free(); untouched on failure
 * Returns 0; -EOPNOTSUPP; what onnx_check() returns; -E2BIG; -ENOMEM.
 */
MUST_USE int onnxnet_load(struct bytes in, struct onnxnet **ret, struct why *w);
void onnxnet_free(struct onnxnet **n);
#define AUTO_ONNXNET CLEANUP(onnxnet_free) struct onnxnet

size_t onnxnet_inputs(const struct onnxnet *n);
size_t onnxnet_outputs(const struct onnxnet *n);
/** One row: x has onnxnet_inputs() numbers, ret gets onnxnet_outputs(). */
void onnxnet_eval(struct onnxnet *n, const double *x, double *ret);

#endif
