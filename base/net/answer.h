/*
 * answer - what the header of an HTTP answer says that matters to a download, which file it speaks of, and what to do
 * about a status. Pure.
 * Trust:  hostile; fields that are too long count as not given.
 * Source: RFC 9110.
 */
#ifndef BASE_NET_ANSWER_H
#define BASE_NET_ANSWER_H

#include "base/net/byterange.h"

#define ANSWER_FIELD_MAX  256u
#define RETRY_AFTER_MAX_S 60u

/* An answer whose header is being read. All zero is the beginning. */
struct answer {
	unsigned int status; /* 0: no status line yet */
	bool has_range, bad_range;
	struct byterange range;
	bool has_length;
	uint64_t length;
	unsigned int retry_after_s; /* at most RETRY_AFTER_MAX_S; 0: not given */
	bool encoded;               /* has a Content-Encoding that changes the bytes */
	char type[ANSWER_FIELD_MAX], etag[ANSWER_FIELD_MAX], modified[ANSWER_FIELD_MAX];
	/* Set by the caller: a further field that is kept; NULL: none. It stays when an answer begins anew. */
	const char *note;
	char noted[ANSWER_FIELD_MAX];
};

/** One line of a header, with or without its end. A status line begins anew: a redirect or a 100 went before. */
void answer_line(struct answer *a, struct bytes line);

/* Which file it is: the same through all answers of a session. */
struct identity {
	bool known;
	uint64_t size_bytes; /* BYTERANGE_UNKNOWN */
	char etag[ANSWER_FIELD_MAX], modified[ANSWER_FIELD_MAX];
};

/**
 * Hold a 200 or 206 to what is known of the file; the first one is taken as it is.
 * -EREMCHG: it is another file by now.
 */
MUST_USE int identity_check(struct identity *id, const struct answer *a, struct why *w);
/** What goes behind If-Range: a strong ETag, else the date; NULL when there is neither. */
const char *identity_condition(const struct identity *id);

/** 0 for 200, 206, and 304, which only comes to who asked for it. Else the reason, and in ret_again whether asking again may help. */
MUST_USE int answer_status(const struct answer *a, bool *ret_again, struct why *w);

/** Milliseconds to wait before attempt n + 1 (n: 1 and up): doubling from 200 ms to 10 s, half of it by chance. */
unsigned int backoff_ms(unsigned int n, uint32_t chance);

#endif
