/*
 * onnx - whether a file is a model: ONNX, whole, and consistent in itself.
 * Layer:  bootstage/trainer. Format.
 * Trust:  hostile: models come from jobs.
 * Source: onnx.proto3 of ONNX 1.12 and the rules of its checker; docs/formats/model.md
 *
 * Valid is about structure, whoever made the file and whatever its operators: every field well formed, every tensor as long
 * as its shape says, every value of a graph made before it is used, graphs within nodes included. It says nothing about
 * what the model computes. A file is read through a window of PB_WINDOW bytes and tensors are passed over: a model of
 * 3 GB takes no more memory than a small one with as many names.
 */
#ifndef BOOTSTAGE_TRAINER_ONNX_H
#define BOOTSTAGE_TRAINER_ONNX_H

#include "bootstage/trainer/pb.h"

#define ONNX_NODES_MAX (1u << 20)
#define ONNX_DEPTH_MAX 16u /* graphs within nodes of graphs */
#define ONNX_META_MAX  16u

struct onnx_meta {
	char key[40];
	char value[200];
};

struct onnx_model {
	uint64_t ir_version;
	uint64_t opset; /* of the operators of ONNX itself; 0: it uses none of them */
	char producer[64];
	uint32_t nodes; /* with those of graphs within */
	uint32_t initializers;
	uint64_t parameters; /* elements of them */
	uint32_t external;   /* of them: in other files, which move with the model or it is broken */
	uint32_t inputs;     /* of the outermost graph, without those that initializers are defaults of */
	uint32_t outputs;
	unsigned int n_meta;
	struct onnx_meta meta[ONNX_META_MAX]; /* metadata_props, as far as they fit; longer ones are left out */
};

/**
 * A model in memory. Other files that it names are not looked for.
 * @ret  untouched on failure
 * Returns 0; -ENODATA no bytes at all; -EBADMSG not a valid model; -E2BIG over a limit; -ENOMEM.
 */
MUST_USE int onnx_check(struct bytes in, struct onnx_model *ret, struct why *w);

/**
 * A model in a folder, with the other files that it names, which have to be there and long enough.
 * @name  in dirfd itself, without a '/'; no link is followed
 * Returns as onnx_check(); -ENOENT no such file, -ENODATA an empty one; -errno it could not be read.
 */
MUST_USE int onnx_check_at(int dirfd, const char *name, struct onnx_model *ret, struct why *w);

/** The value of a key of metadata_props; NULL: it has none. */
const char *onnx_meta(const struct onnx_model *m, const char *key);

#endif
