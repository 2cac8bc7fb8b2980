/* What topics.rs measures, in C. */

#include "tism.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALLS = 100000, ROUNDS = 15 };

static tism_owned_shared_memory_t publisher;
static tism_borrowed_shared_memory_t consumer;
static uint64_t value[8];
static volatile uint64_t sink;

static void must(tism_result_t r)
{
	if (r != TISM_OK) {
		(void)fprintf(stderr, "%s\n", tism_strerror(r));
		exit(1);
	}
}

static void write_value(void)
{
	value[0]++;
	must(tism_owned_write(&publisher, value));
}

static void read_value(void)
{
	uint64_t got[8];
	must(tism_borrowed_read(&consumer, got));
	sink = got[0];
}

static void read_guard(void)
{
	void *p;
	must(tism_unsafe_borrowed_read_lock(&consumer, &p));
	sink = *(uint64_t *)p;
	must(tism_unsafe_borrowed_unlock(&consumer, &p));
}

static void write_guard(void)
{
	void *p;
	must(tism_unsafe_owned_write_lock(&publisher, &p));
	++*(uint64_t *)p;
	must(tism_unsafe_owned_unlock(&publisher, &p));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void measure(const char *name, unsigned buffers, void (*call)(void))
{
	double rounds[ROUNDS];
	for (int r = 0; r < ROUNDS; r++) {
		int64_t start = tism_now();
		for (int i = 0; i < CALLS; i++) {
			call();
		}
		rounds[r] = (double)(tism_now() - start) / CALLS;
	}
	qsort(rounds, ROUNDS, sizeof *rounds, compare);
	char label[32];
	(void)snprintf(label, sizeof label, "%s, %u", name, buffers);
	(void)printf("c    %-24s %8.1f %8.1f\n", label, rounds[0], rounds[ROUNDS / 2]);
}

int main(void)
{
	static const unsigned numbers[] = {4, 1};
	for (int i = 0; i < 2; i++) {
		unsigned buffers = numbers[i];
		tism_options_t o = {.buffers = buffers};
		int fd;
		must(tism_create_mem(&publisher, "bench", value, sizeof value, &o));
		must(tism_share(&publisher, &fd));
		must(tism_open_fd(&consumer, fd, NULL));
		(void)close(fd);
		measure("write 64 B", buffers, write_value);
		measure("read 64 B", buffers, read_value);
		measure("read guard", buffers, read_guard);
		measure("write guard", buffers, write_guard);
		must(tism_borrowed_close(&consumer));
		must(tism_owned_close(&publisher));
	}
	return 0;
}
