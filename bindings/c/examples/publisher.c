/* Publishes an attitude, ten times a second or as many times as the argument says. */

#define _GNU_SOURCE 1

#include "attitude.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fail(const char *what, tism_result_t r)
{
	(void)fprintf(stderr, "%s: %s\n", what, tism_strerror(r));
	return 1;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : -1;
	attitude_t a = {0, {1, 0, 0, 0}};
	char why[200];
	tism_options_t options = {.type = &attitude_type, .message = why, .message_size = sizeof why};
	tism_owned_shared_memory_t topic;

	tism_result_t r = tism_create_with(&topic, "attitude", &a, sizeof a, &options);
	if (r != TISM_OK) {
		return fail(why, r);
	}
	for (; count; count -= count > 0) {
		a.time_us = (uint64_t)tism_now() / 1000;
		a.q[1] = (float)(a.time_us % 1000000) / 1e6f;
		if ((r = tism_owned_write(&topic, &a)) != TISM_OK) {
			return fail("write", r);
		}
		(void)usleep(100000);
	}
	r = tism_owned_close(&topic);
	return r == TISM_OK ? 0 : fail("close", r);
}
