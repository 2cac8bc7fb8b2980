/*
 * Asserts that tism.c has the layout of docs/LAYOUT.md: page.h, which ../../layout_test.go
 * makes of the page, has a macro for each row of its tables.
 */

#include "../tism.c"

#include "page.h"

#define SAME(type, field, row) \
	_Static_assert(offsetof(struct type, field) == PAGE_##row, #type "." #field " is elsewhere")

SAME(header, magic, HEADER_MAGIC);
SAME(header, version, HEADER_LAYOUT_VERSION);
SAME(header, buffers, HEADER_BUFFERS);
SAME(header, slots, HEADER_SLOTS);
SAME(header, descriptor_length, HEADER_LENGTH_OF_THE_DESCRIPTOR_IN_BYTES);
SAME(header, size, HEADER_SIZE);
SAME(header, buffers_at, HEADER_B);
SAME(header, stride, HEADER_STRIDE);
SAME(header, capacity, HEADER_CAPACITY);
SAME(header, zero, HEADER_ZERO);
_Static_assert(sizeof(struct header) == PAGE_HEADER_TYPE_DESCRIPTOR, "the descriptor is elsewhere");

SAME(publisher_words, lock, PUBLISHER_W);
SAME(publisher_words, latest, PUBLISHER_LATEST);
SAME(publisher_words, want, PUBLISHER_WANT);
SAME(publisher_words, state, PUBLISHER_STATE);
SAME(publisher_words, retired, PUBLISHER_RETIRED);
SAME(publisher_words, generation, PUBLISHER_GENERATION);
SAME(publisher_words, pid, PUBLISHER_PID);
SAME(publisher_words, command, PUBLISHER_COMMAND);
SAME(publisher_words, base, PUBLISHER_BASE_LO);

SAME(control, notify, CONTROL_NOTIFY);
SAME(control, hi, CONTROL_HI);
SAME(control, freed, CONTROL_FREED);
_Static_assert(offsetof(struct control, slots) == 128 && sizeof(struct slot) == 64, "128 + 64 x i");

SAME(slot, lock, SLOT_LOCK);
SAME(slot, pins, SLOT_PINS);
SAME(slot, pid, SLOT_PID);
SAME(slot, command, SLOT_COMMAND);

SAME(buffer, sequence, BUFFER_BSEQ);
SAME(buffer, length, BUFFER_LENGTH_OF_THE_PAYLOAD_IN_BYTES);
SAME(buffer, number, BUFFER_NUMBER_OF_THE_PUBLICATION_OVER_THE_TOPIC_S_LIFE);
SAME(buffer, published, BUFFER_TIME_OF_PUBLICATION);
SAME(buffer, sampled, BUFFER_TIME_OF_THE_SAMPLE);
SAME(buffer, zero, BUFFER_ZERO);
SAME(buffer, payload, BUFFER_PAYLOAD);

_Static_assert(PUBLISHER_AT == PAGE_AREA_PUBLISHER && CONTROL_AT == PAGE_AREA_CONTROL, "section 2");
