/*
 * banned - calls that this project does not use, turned into compile errors.
 * Included into every file by the Makefile.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll mktemp gets

#endif
