/*
 * interrupt - Ctrl-C and SIGTERM as a question that long work asks between two steps.
 * For cmd_* and what it calls back. One per process.
 */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>

/** From now on SIGINT, SIGTERM and SIGHUP are noted; the second one ends the program as usual. */
void interrupt_catch(void);
/** Whether one came. */
bool interrupt_seen(void);

#endif
