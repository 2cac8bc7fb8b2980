/* Waits for the topic, then prints each update until its publisher closes it. */

#include "attitude.h"

#include <stdio.h>

int main(void)
{
	attitude_t a;
	tism_info_t info;
	char why[1000];
	tism_options_t options = {.type = &attitude_type, .message = why, .message_size = sizeof why};
	tism_borrowed_shared_memory_t topic;

	tism_result_t r = tism_wait_and_open_with(&topic, "attitude", &options, -1);
	if (r != TISM_OK) {
		(void)fprintf(stderr, "%s\n", why);
		return 1;
	}
	while ((r = tism_next(&topic, &a, sizeof a, &info, -1)) == TISM_OK) {
		(void)printf("%llu us: q1 = %g, %llu missed, %lld ns old\n",
		             (unsigned long long)a.time_us, (double)a.q[1],
		             (unsigned long long)info.missed,
		             (long long)tism_borrowed_staleness(&topic));
	}
	(void)printf("%s\n", tism_strerror(r));
	return tism_borrowed_close(&topic) == TISM_OK && r == TISM_IS_ZOMBIE ? 0 : 1;
}
