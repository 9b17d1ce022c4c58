#include "base/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "base/auto.h"

static volatile sig_atomic_t seen;

static void note(int number)
{
	(void)number;
	seen = 1;
}

void interrupt_catch(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a = { .sa_handler = note, .sa_flags = SA_RESTART | (int)SA_RESETHAND };

	(void)sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaction(numbers[i], &a, NULL);
}

bool interrupt_seen(void)
{
	return seen != 0;
}
