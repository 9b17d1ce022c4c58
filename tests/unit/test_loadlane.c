/* What follows when the server refuses a batch. */
#include "bootstage/intel/loadlane.h"

#include "tests/support.h"

static void each_failure_has_what_follows(void **state)
{
	static const struct {
		int code;
		const char *sqlstate;
		unsigned int tries;
		size_t n;
		enum load_next next;
	} cases[] = {
		{ -EBADMSG, "22P02", 0, 5000, LOAD_HALVE },   /* a bad value somewhere */
		{ -EBADMSG, "22021", 0, 1, LOAD_QUARANTINE }, /* here it is */
		{ -EBADMSG, "54000", 3, 2, LOAD_HALVE },      /* an index entry that is too large */
		{ -EBADMSG, "23514", 0, 1, LOAD_QUARANTINE }, /* a CHECK */
		{ -EBADMSG, "23505", 0, 5000, LOAD_AGAIN },   /* another loader was first */
		{ -EBADMSG, "23505", 5, 5000, LOAD_HALVE },   /* or not */
		{ -EBADMSG, "23505", 5, 1, LOAD_QUARANTINE }, { -EDEADLK, "40P01", 0, 5000, LOAD_AGAIN },
		{ -EDEADLK, "40001", 9, 1, LOAD_AGAIN },      { -EDEADLK, "40P01", 10, 5000, LOAD_GIVE_UP },
		{ -EBUSY, "55P03", 0, 5000, LOAD_AGAIN },     { -ENOTCONN, "", 0, 5000, LOAD_RECONNECT }, /* killed */
		{ -ENOTCONN, "57P01", 0, 1, LOAD_RECONNECT }, /* shut down */
		{ -EAGAIN, "57P03", 0, 1, LOAD_RECONNECT },   /* starting */
		{ -ENOTCONN, "", 10, 1, LOAD_GIVE_UP },       /* it dies of these records */
		{ -ENOSPC, "53100", 0, 5000, LOAD_GIVE_UP },  /* no record is to blame for a full disk */
		{ -ENOMEM, "53200", 0, 1, LOAD_GIVE_UP },     { -ETIMEDOUT, "57014", 0, 1, LOAD_GIVE_UP },
		{ -ENODATA, "42P01", 0, 5000, LOAD_GIVE_UP }, { -EIO, "XX000", 0, 1, LOAD_GIVE_UP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(load_next(cases[i].code, cases[i].sqlstate, cases[i].tries, cases[i].n),
				 cases[i].next);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_failure_has_what_follows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
