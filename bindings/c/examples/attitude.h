/* The type of the topic "attitude", for the publisher and the consumer. */

#ifndef ATTITUDE_H
#define ATTITUDE_H

#include "tism.h"

typedef struct {
	uint64_t time_us;
	float q[4];
} attitude_t;

static const tism_field_t attitude_fields[] = {
	TISM_FIELD(attitude_t, time_us),
	TISM_ARRAY(attitude_t, q),
};
static const tism_type_t attitude_type = TISM_TYPE(attitude_t, attitude_fields);

#endif
