/*
 * json - a writer for the programs' --json output (RFC 8259). It only writes; commas and nesting are its business.
 *
 *	struct json j = { .to = stdout };
 *	json_object(&j, NULL);
 *	json_string(&j, "slot", "a");
 *	json_end(&j);
 *	r = json_finish(&j, &w);
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/why.h"

#define JSON_DEPTH_MAX 16u

struct json {
	FILE *to;
	bool line;          /* one line, no indentation (JSON lines) */
	unsigned int depth; /* private from here */
	bool filled[JSON_DEPTH_MAX];
	char close[JSON_DEPTH_MAX];
};

/* `key` is NULL inside an array and for the outermost value. Text that is not UTF-8 is written with U+FFFD for bad bytes. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j);
void json_string(struct json *j, const char *key, const char *value); /* NULL writes null */
void json_text(struct json *j, const char *key, const char *value);   /* "" writes null as well */
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_double(struct json *j, const char *key, double value); /* three decimals; NaN and infinities: null */
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
void json_raw(struct json *j, const char *key, const char *text); /* JSON already, from a file of our own; as it is */

/** End the text with a newline and flush. Returns 0, or -EIO when anything could not be written. */
MUST_USE int json_finish(struct json *j, struct why *w);

#endif
