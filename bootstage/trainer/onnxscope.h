/*
 * onnxscope - which values a graph of an ONNX file has: its own, and those of the graphs it is in.
 * Layer:  bootstage/trainer. Pure.
 */
#ifndef BOOTSTAGE_TRAINER_ONNXSCOPE_H
#define BOOTSTAGE_TRAINER_ONNXSCOPE_H

#include <stdint.h>

#include "base/why.h"

#define ONNX_VALUES_MAX (1u << 21)
#define ONNX_TEXT_MAX   (256u << 20) /* all names together */

enum onnx_value { ONNX_INPUT = 1, ONNX_INITIALIZER = 2, ONNX_RESULT = 4 };

struct onnx_scope {
	struct onnx_scope_entry *at; /* private */
	uint32_t n;
	uint32_t room;
	uint32_t *heads;
	uint32_t n_heads;
	char *text;
	size_t text_n;
	size_t text_room;
	unsigned int level;
};

void onnx_scope_done(struct onnx_scope *s);
#define AUTO_ONNX_SCOPE CLEANUP(onnx_scope_done) struct onnx_scope

/** A graph begins, and ends: its values are forgotten. */
void onnx_scope_enter(struct onnx_scope *s);
void onnx_scope_leave(struct onnx_scope *s);
/**
 * A value of the innermost graph. An initializer may have the name of an input, whose default it is; otherwise each name
 * is there once.
 * Returns 0; -EBADMSG it is there; -E2BIG too many; -ENOMEM.
 */
MUST_USE int onnx_scope_add(struct onnx_scope *s, const char *name, enum onnx_value kind, struct why *w);
/** Whether there is such a value, here or further out. */
bool onnx_scope_has(const struct onnx_scope *s, const char *name);

#endif
