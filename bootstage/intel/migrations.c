#include "bootstage/intel/migrate.h"

/* The steps that are part of the program, from sql/: made by module.mk. */
const struct migration migrations[] = {
#include "bootstage/intel/migrations.inc"
};
const size_t n_migrations = ARRAY_SIZE(migrations);
