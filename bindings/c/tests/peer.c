/*
 * A process that the cross-language tests drive: a command per line on standard input, an
 * answer per line on standard output, "ok ..." or "error NAME". bindings/peer_test.go tells
 * what the commands are and has the same in Go.
 */

#define _GNU_SOURCE 1

#include "tism.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000LL
#define PATIENCE (60 * 1000 * MS)
#define SOCKET 3 /* where memfds are sent and received */

/* ---- The types of the tests: value number n of each is what fill makes of n --------------- */

typedef struct {
	uint64_t seq;
	float quat[4];
	int16_t raw[2][3];
	uint8_t text[4];
	struct {
		uint8_t id;
		float volts;
	} cell[3];
	struct {
		int8_t x;
		bool ok;
	} fix;
	uint32_t mask;
	double half;
	double _Complex z;
} sample;

static const tism_field_t sample_fields[] = {
	TISM_FIELD(sample, seq),
	TISM_ARRAY(sample, quat),
	TISM_ARRAY2(sample, raw),
	TISM_ARRAY(sample, text),
	TISM_EACH(sample, cell, id),
	TISM_EACH(sample, cell, volts),
	TISM_FIELD(sample, fix.x),
	TISM_FIELD(sample, fix.ok),
	TISM_FIELD(sample, mask),
	TISM_FIELD(sample, half),
	TISM_FIELD(sample, z),
};
static const tism_type_t sample_type = TISM_TYPE(sample, sample_fields);

static size_t fill_sample(void *to, uint64_t n)
{
	sample *s = to;
	memset(s, 0, sizeof *s);
	s->seq = n;
	for (int i = 0; i < 4; i++) {
		s->quat[i] = (float)(n % 1000 + (uint64_t)i);
		s->text[i] = (uint8_t)(n + (uint64_t)i);
	}
	for (int i = 0; i < 6; i++) {
		s->raw[i / 3][i % 3] = (int16_t)(n % 1000 + (uint64_t)i);
	}
	for (int i = 0; i < 3; i++) {
		s->cell[i].id = (uint8_t)(n + (uint64_t)i);
		s->cell[i].volts = (float)(n % 1000) / 2 + (float)i;
	}
	s->fix.x = (int8_t)(n % 100);
	s->fix.ok = n & 1;
	s->mask = (uint32_t)~n;
	s->half = (double)n / 2;
	((double *)&s->z)[0] = (double)n;
	((double *)&s->z)[1] = -(double)n;
	return sizeof *s;
}

/* Large, so that a copy takes long enough to be torn. */
typedef struct {
	uint64_t word[1024];
} big;

static const tism_field_t big_fields[] = {TISM_ARRAY(big, word)};
static const tism_type_t big_type = TISM_TYPE(big, big_fields);

static size_t fill_big(void *to, uint64_t n)
{
	for (size_t i = 0; i < 1024; i++) {
		((big *)to)->word[i] = n;
	}
	return sizeof(big);
}

enum { CAPACITY = 1000 };

static size_t fill_bytes(void *to, uint64_t n)
{
	size_t length = 8 + (size_t)(n % (CAPACITY - 8 + 1));
	memcpy(to, &n, 8);
	for (size_t i = 8; i < length; i++) {
		((unsigned char *)to)[i] = (unsigned char)(n + i);
	}
	return length;
}

struct kind {
	const char *name;
	const tism_type_t *type;
	size_t capacity;
	size_t (*fill)(void *, uint64_t);
};

static const struct kind kinds[] = {
	{"sample", &sample_type, sizeof(sample), fill_sample},
	{"big", &big_type, sizeof(big), fill_big},
	{"bytes", NULL, CAPACITY, fill_bytes},
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			return &kinds[i];
		}
	}
	(void)fprintf(stderr, "no kind %s\n", name);
	exit(2);
}

/* Whether the bytes are a whole value, and which. */
static bool is_whole(const struct kind *k, const void *value, size_t n, uint64_t *number)
{
	static big want; /* the largest */
	memcpy(number, value, 8);
	return k->fill(&want, *number) == n && memcmp(&want, value, n) == 0;
}

/* ---- Answers ----------------------------------------------------------------------------- */

static const char *error_name(tism_result_t r)
{
	switch (r) {
	case TISM_DOES_NOT_EXIST: return "not-exist";
	case TISM_IS_ZOMBIE: return "over";
	case TISM_TYPE_MISMATCH: return "type";
	case TISM_VERSION_MISMATCH: return "version";
	case TISM_LIVE_PUBLISHER: return "live";
	case TISM_NOT_A_TOPIC: return "not-topic";
	case TISM_TIMED_OUT: return "timeout";
	case TISM_TORN: return "torn";
	case TISM_EMPTY: return "empty";
	case TISM_READ_ONLY: return "read-only";
	case TISM_OVERRUN: return "overrun";
	case TISM_LEASE_LOST: return "lease";
	default: return tism_strerror(r);
	}
}

static void answer(tism_result_t r)
{
	if (r == TISM_OK) {
		(void)printf("ok\n");
	} else {
		(void)printf("error %s\n", error_name(r));
	}
}

/* "ok N MISSED", or "error half" for a torn value. */
static void answer_value(const struct kind *k, const void *v, const tism_info_t *info)
{
	uint64_t n;
	if (info->size < 8 || !is_whole(k, v, info->size, &n)) {
		(void)printf("error half\n");
		return;
	}
	(void)printf("ok %llu %llu\n", (unsigned long long)n, (unsigned long long)info->missed);
}

/* ---- Commands ---------------------------------------------------------------------------- */

static tism_owned_shared_memory_t pub;
static tism_borrowed_shared_memory_t sub;
static const struct kind *pub_kind, *sub_kind;
static big value;

static int64_t timeout_of(const char *how)
{
	return strcmp(how, "hasty") == 0 ? 20 * MS : strcmp(how, "patient") == 0 ? PATIENCE : 0;
}

static void create(const char *how, const char *kind, const char *name, const char *buffers,
                   const char *n)
{
	pub_kind = find_kind(kind);
	tism_options_t o = {
		.buffers = (unsigned)atoi(buffers),
		.slots = 8,
		.capacity = pub_kind->type ? 0 : CAPACITY,
		.type = pub_kind->type,
		.flags = strcmp(how, "resume") == 0    ? TISM_RESUME
		         : strcmp(how, "replace") == 0 ? TISM_REPLACE
		                                       : 0,
		.timeout_ns = timeout_of(how),
	};
	size_t size = pub_kind->fill(&value, strtoull(n, NULL, 10));
	answer(strcmp(how, "memfd") == 0 ? tism_create_mem(&pub, name, &value, size, &o)
	                                 : tism_create_with(&pub, name, &value, size, &o));
}

static tism_options_t open_options(const char *how, const char *kind)
{
	sub_kind = find_kind(kind);
	return (tism_options_t){
		.type = sub_kind->type,
		.flags = strcmp(how, "reader") == 0 ? TISM_AS_READER : 0,
		.timeout_ns = timeout_of(how),
	};
}

static void open_topic(const char *how, const char *kind, const char *name)
{
	tism_options_t o = open_options(how, kind);
	if (strcmp(how, "wait") == 0) {
		answer(tism_wait_and_open_with(&sub, name, &o, PATIENCE));
	} else {
		answer(tism_open_with(&sub, name, &o));
	}
}

static void receive(const char *kind)
{
	tism_options_t o = open_options("", kind);
	int fd;
	tism_result_t r = tism_receive(SOCKET, &fd, NULL);
	answer(r == TISM_OK ? tism_open_fd(&sub, fd, &o) : r);
}

static tism_result_t write_number(uint64_t n)
{
	return tism_write(&pub, &value, pub_kind->fill(&value, n), 0);
}

static void read_newest(bool next)
{
	tism_info_t info;
	tism_result_t r = next ? tism_next(&sub, &value, sizeof value, &info, PATIENCE)
	                       : tism_read(&sub, &value, sizeof value, &info);
	if (r != TISM_OK) {
		answer(r);
		return;
	}
	answer_value(sub_kind, &value, &info);
}

static void lock_newest(void)
{
	void *p;
	tism_info_t info;
	tism_result_t r = tism_unsafe_borrowed_read_lock(&sub, &p);
	if (r == TISM_OK && (r = tism_info(&sub, &info)) == TISM_OK) {
		answer_value(sub_kind, p, &info);
	} else {
		answer(r);
	}
}

/* Takes the lock and writes half of value n. */
static void lock_half(uint64_t n)
{
	void *p;
	tism_result_t r = tism_loan(&pub, &p);
	if (r == TISM_OK) {
		memcpy(p, &value, pub_kind->fill(&value, n) / 2);
	}
	answer(r);
}

/* Writes from number n on for so many ms. */
static void blast(uint64_t n, int64_t ms)
{
	int64_t end = tism_now() + ms * MS;
	uint64_t count = 0;
	for (; tism_now() < end; count++) {
		tism_result_t r = write_number(n + count);
		if (r != TISM_OK) {
			answer(r);
			return;
		}
	}
	(void)printf("ok %llu\n", (unsigned long long)count);
}

/* Reads for so many ms, in place too, and looks at every value. */
static void verify(int64_t ms, bool in_place)
{
	int64_t end = tism_now() + ms * MS;
	uint64_t count = 0, last = 0, n;
	while (tism_now() < end) {
		tism_info_t info;
		void *p = &value;
		tism_result_t r = in_place ? tism_unsafe_borrowed_read_lock(&sub, &p)
		                           : tism_read(&sub, &value, sizeof value, &info);
		if (r == TISM_OVERRUN) {
			continue; /* which a reader may get */
		}
		if (r != TISM_OK) {
			answer(r);
			return;
		}
		(void)tism_info(&sub, &info);
		if (!is_whole(sub_kind, p, info.size, &n) || n < last) {
			(void)printf("error half\n");
			return;
		}
		if (in_place && (r = tism_unsafe_borrowed_unlock(&sub, NULL)) != TISM_OK) {
			answer(r);
			return;
		}
		last = n;
		count++;
	}
	(void)printf("ok %llu\n", (unsigned long long)count);
}

static void state(void)
{
	static const char *const names[] = {
		[TISM_ALIVE] = "alive",
		[TISM_DIED] = "died",
		[TISM_CLOSED] = "closed",
		[TISM_REPLACED] = "replaced",
	};
	tism_state_t s;
	tism_result_t r = tism_state(&sub, &s);
	if (r != TISM_OK) {
		answer(r);
		return;
	}
	(void)printf("ok %s\n", names[s]);
}

static void descriptor(void)
{
	/* On one line. */
	const char *text = tism_descriptor(pub.handle ? &pub : &sub);
	(void)printf("ok ");
	for (const char *s = text ? text : ""; *s; s++) {
		(void)putchar(*s == '\n' ? ';' : *s);
	}
	(void)printf("\n");
}

enum { WORDS = 6 };

static bool obey(char *w[WORDS])
{
	const char *c = w[0];
	if (strcmp(c, "create") == 0) {
		create(w[1], w[2], w[3], w[4], w[5]);
	} else if (strcmp(c, "open") == 0) {
		open_topic(w[1], w[2], w[3]);
	} else if (strcmp(c, "send") == 0) {
		answer(tism_send(SOCKET, &pub));
	} else if (strcmp(c, "receive") == 0) {
		receive(w[1]);
	} else if (strcmp(c, "write") == 0) {
		answer(write_number(strtoull(w[1], NULL, 10)));
	} else if (strcmp(c, "lock") == 0) {
		lock_half(strtoull(w[1], NULL, 10));
	} else if (strcmp(c, "blast") == 0) {
		blast(strtoull(w[1], NULL, 10), atoi(w[2]));
	} else if (strcmp(c, "read") == 0) {
		read_newest(false);
	} else if (strcmp(c, "next") == 0) {
		read_newest(true);
	} else if (strcmp(c, "rlock") == 0) {
		lock_newest();
	} else if (strcmp(c, "runlock") == 0) {
		answer(tism_unsafe_borrowed_unlock(&sub, NULL));
	} else if (strcmp(c, "verify") == 0) {
		verify(atoi(w[2]), strcmp(w[1], "guards") == 0);
	} else if (strcmp(c, "state") == 0) {
		state();
	} else if (strcmp(c, "changed") == 0) {
		(void)printf("ok %d\n", tism_borrowed_has_changed(&sub));
	} else if (strcmp(c, "writes") == 0) {
		(void)printf("ok %llu %llu\n", (unsigned long long)tism_owned_get_total_writes(&pub),
		             (unsigned long long)tism_borrowed_get_total_writes(&sub));
	} else if (strcmp(c, "descriptor") == 0) {
		descriptor();
	} else if (strcmp(c, "close") == 0) {
		answer(tism_owned_close(&pub));
	} else if (strcmp(c, "leave") == 0) {
		answer(tism_borrowed_close(&sub));
	} else if (strcmp(c, "remove") == 0) {
		answer(tism_owned_remove(&pub));
	} else {
		return false;
	}
	return true;
}

int main(void)
{
	char line[512];
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		static char none[] = "";
		char *w[WORDS];
		char *rest = NULL;
		for (int i = 0; i < WORDS; i++) {
			w[i] = strtok_r(i ? NULL : line, " \n", &rest);
			w[i] = w[i] ? w[i] : none;
		}
		if (!obey(w)) {
			(void)fprintf(stderr, "no command %s\n", w[0]);
			return 2;
		}
	}
	(void)_tism_close(pub.handle ? &pub : NULL);
	(void)_tism_close(sub.handle ? &sub : NULL);
	return 0;
}
