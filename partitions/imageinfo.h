/*
 * imageinfo - /etc/tandem/image inside a root image: which image this is, for a system whose boot record was lost.
 * Layer:  partitions; format.
 * Trust:  part of the root that was verified when it was installed; checked like any other text all the same.
 * Source: docs/formats/image.md. Written by who builds the image; the id of the bundle cannot be in there, since it
 *         covers the image, unless a builder puts one of its own.
 */
#ifndef PARTITIONS_IMAGEINFO_H
#define PARTITIONS_IMAGEINFO_H

#include "partitions/bootrec.h"

#define IMAGEINFO_PATH "/etc/tandem/image"

/**
 * Read `text`: [image] version= and epoch=, optional image-id=.
 * @ret  version, epoch and image_id are set, state is STATE_GOOD; untouched on failure
 * Returns 0; -EBADMSG (usage) for unknown, repeated or missing keys and values out of range, with file and line.
 */
MUST_USE int imageinfo_parse(struct bytes text, const char *name, struct slot_info *ret, struct why *w);
/** As imageinfo_parse() for a file; NULL means IMAGEINFO_PATH. -ENOENT when there is none. */
MUST_USE int imageinfo_load(const char *path, struct slot_info *ret, struct why *w);

#endif
