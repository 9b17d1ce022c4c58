/*
 * onnxtensor - one tensor of an ONNX file: its shape, and where its numbers are; the numbers stay where they are.
 * Layer:  bootstage/trainer. Format.
 * Trust:  hostile.
 * Source: onnx.proto3 of ONNX 1.12 (IR version 8), TensorProto; types 17 to 23 from later ones. docs/formats/model.md
 */
#ifndef BOOTSTAGE_TRAINER_ONNXTENSOR_H
#define BOOTSTAGE_TRAINER_ONNXTENSOR_H

#include "bootstage/trainer/pb.h"

#define ONNX_NAME_MAX 2047u
#define ONNX_DIMS_MAX 32u

/* Of TensorProto.DataType, those that have a use here. */
#define ONNX_FLOAT 1u
#define ONNX_INT64 7u

enum onnx_where {
	ONNX_RAW,      /* raw_data: little-endian, as long as the shape says */
	ONNX_TYPED,    /* float_data and the like: as many as the shape says */
	ONNX_EXTERNAL, /* another file */
};

struct onnx_tensor {
	char name[ONNX_NAME_MAX + 1]; /* may be empty */
	uint64_t type;
	uint64_t dims[ONNX_DIMS_MAX];
	unsigned int n_dims;
	uint64_t elements;
	enum onnx_where where;
	struct pb data;          /* of ONNX_RAW */
	char file[256];          /* of ONNX_EXTERNAL: relative to the model's folder, never out of it */
	uint64_t file_bytes_min; /* what that file has to have */
};

/**
 * Check one TensorProto: that shape and numbers agree.
 * @ret  its `data` borrows m's source; untouched on failure
 * Returns 0; -EBADMSG; -E2BIG a name, a number of dimensions or of elements over its limit; -EIO.
 */
MUST_USE int onnx_tensor_read(struct pb m, struct onnx_tensor *ret, struct why *w);

/** All elements of a tensor of floats, given as raw_data or as float_data. -EOPNOTSUPP another type or another file. */
MUST_USE int onnx_tensor_floats(struct pb m, const struct onnx_tensor *t, float *ret, struct why *w);

#endif
