/* A program as one writes it for TISM 2.1. */

#include "tism.h"

#include <stdio.h>

typedef struct {
	int altitude;
	int speed;
} state_t;

static tism_result_t run(void)
{
	state_t now = {120, 30}, seen;
	state_t *place;
	tism_owned_shared_memory_t owner;
	tism_borrowed_shared_memory_t borrower;

	TISM_MBIND(tism_create(&owner, "state", &now, sizeof now));
	TISM_MBIND(tism_wait_and_open(&borrower, "state"));
	TISM_MBIND(tism_borrowed_read(&borrower, &seen));
	(void)printf("altitude %d\n", seen.altitude);

	/* One field, in place. */
	TISM_MBIND(tism_unsafe_owned_write_lock(&owner, (void **)&place));
	place->altitude = 130;
	TISM_MBIND(tism_unsafe_owned_unlock(&owner, (void **)&place));

	if (tism_borrowed_has_changed(&borrower)) {
		TISM_MBIND(tism_borrowed_read(&borrower, &seen));
	}
	(void)printf("altitude %d, speed %d after %d writes\n", seen.altitude, seen.speed,
	             (int)tism_borrowed_get_total_writes(&borrower));
	TISM_MBIND(tism_borrowed_close(&borrower));
	return tism_owned_close(&owner);
}

int main(void)
{
	tism_result_t r = run();
	if (r != TISM_OK) {
		(void)fprintf(stderr, "%s\n", tism_strerror(r));
		return 1;
	}
	return 0;
}
