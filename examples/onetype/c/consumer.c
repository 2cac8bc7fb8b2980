/* Prints each attitude until the publisher closes the topic. From the top of the repository:
 *
 *   cc -std=c11 -I bindings/c -o consumer examples/onetype/c/consumer.c bindings/c/tism.c -pthread && ./consumer
 */

#include "attitude.h"

#include <stdio.h>

int main(void)
{
	attitude_t a;
	char why[2000];
	tism_options_t options = {.type = &attitude_type, .message = why, .message_size = sizeof why};
	tism_borrowed_shared_memory_t topic;

	if (tism_wait_and_open_with(&topic, "attitude", &options, -1) != TISM_OK) {
		(void)fprintf(stderr, "%s\n", why);
		return 1;
	}
	tism_result_t r;
	while ((r = tism_next(&topic, &a, sizeof a, NULL, -1)) == TISM_OK) {
		(void)printf("%llu: yaw %.2f rad/s, %.1f V, %d C\n", (unsigned long long)a.time_us,
		             (double)a.gyro_rad[2], (double)a.battery[1].volts, a.battery[1].celsius);
		(void)fflush(stdout);
	}
	(void)tism_borrowed_close(&topic);
	return r == TISM_IS_ZOMBIE ? 0 : 1; /* closed by its publisher */
}
