/*
 * Tests of tism.c. With names as arguments it runs those alone. Topics live in $TISM_DIR,
 * which must be a directory of its own. Whatever takes several processes forks them.
 */

#define _GNU_SOURCE 1

#include "tism.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000LL
#define PATIENCE (60 * 1000 * MS) /* far longer than anything takes */

static int failures;

static void fail(const char *file, int line, const char *what, const char *got)
{
	(void)fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, got);
	failures++;
}

#define CHECK(x)                                                                               \
	do {                                                                                   \
		if (!(x)) {                                                                    \
			fail(__FILE__, __LINE__, #x, "false");                                 \
		}                                                                              \
	} while (0)

#define IS(want, x)                                                                            \
	do {                                                                                   \
		tism_result_t r_ = (x);                                                        \
		if (r_ != (want)) {                                                            \
			fail(__FILE__, __LINE__, #x " = " #want, tism_strerror(r_));           \
		}                                                                              \
	} while (0)

#define OK(x) IS(TISM_OK, x)

typedef tism_owned_shared_memory_t publisher;
typedef tism_borrowed_shared_memory_t consumer;

/* Runs f in a child and returns its PID. */
static pid_t spawn(void (*f)(void *), void *arg)
{
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		failures = 0;
		f(arg);
		_exit(failures ? 1 : 0);
	}
	return pid;
}

static int ended(pid_t pid)
{
	int status = -1;
	(void)waitpid(pid, &status, 0);
	return status;
}

static void kill_and_reap(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)ended(pid);
}

/* A pipe that a child says "I am there" through. */
struct flag {
	int fd[2];
};

static struct flag new_flag(void)
{
	struct flag f;
	CHECK(pipe(f.fd) == 0);
	return f;
}

static void raise_flag(struct flag f) { CHECK(write(f.fd[1], "x", 1) == 1); }

static void await_flag(struct flag f)
{
	struct pollfd p = {.fd = f.fd[0], .events = POLLIN};
	char c;
	CHECK(poll(&p, 1, 60000) == 1 && read(f.fd[0], &c, 1) == 1);
}

static void drop_flag(struct flag f)
{
	(void)close(f.fd[0]);
	(void)close(f.fd[1]);
}

static char *path_of(const char *name)
{
	static char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", getenv("TISM_DIR"), name);
	return path;
}

/* ---- TISM 2.1 ---------------------------------------------------------------------------- */

static void test_classic(void)
{
	publisher pub;
	consumer sub;
	int v = 7, got = 0;
	OK(tism_create(&pub, "classic", &v, sizeof v));
	CHECK(tism_owned_get_total_writes(&pub) == 1);
	OK(tism_owned_read(&pub, &got));
	CHECK(got == 7);
	got = 0;
	OK(tism_borrowed_read(&pub, &got)); /* an owner, as TISM's own tests do */
	CHECK(got == 7);

	OK(tism_open(&sub, "classic"));
	CHECK(tism_borrowed_staleness(&sub) == -1);
	CHECK(tism_borrowed_has_changed(&sub));
	OK(tism_borrowed_read(&sub, &got));
	CHECK(!tism_borrowed_has_changed(&sub));
	CHECK(tism_borrowed_staleness(&sub) >= 0);
	v = 8;
	OK(tism_owned_write(&pub, &v));
	CHECK(tism_borrowed_has_changed(&sub));
	CHECK(tism_borrowed_get_total_writes(&sub) == 2);
	OK(tism_borrowed_read(&sub, &got));
	CHECK(got == 8);
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_close(&pub));
	IS(TISM_BAD_HANDLE, tism_owned_close(&pub));
	OK(_tism_close(NULL));
}

static void test_classic_again(void)
{
	publisher pub;
	consumer sub;
	int v = 1, got;
	for (int i = 0; i < 3; i++) {
		OK(tism_create(&pub, "again", &v, sizeof v));
		CHECK(tism_owned_get_total_writes(&pub) == 1);
		OK(tism_open(&sub, "again"));
		CHECK(tism_borrowed_get_total_writes(&sub) == 1);
		OK(tism_owned_write(&pub, &v));
		CHECK(tism_borrowed_get_total_writes(&sub) == 2);
		OK(tism_borrowed_close(&sub));
		OK(tism_owned_close(&pub));
	}
	/* Another size takes the name; a second create in the process replaces the first. */
	long long wide = 5, wide_got = 0;
	publisher second;
	OK(tism_create(&pub, "again", &wide, sizeof wide));
	OK(tism_open(&sub, "again"));
	OK(tism_create(&second, "again", &wide, sizeof wide));
	IS(TISM_IS_ZOMBIE, tism_borrowed_read(&sub, &wide_got));
	IS(TISM_IS_ZOMBIE, tism_owned_write(&pub, &wide));
	OK(tism_owned_write(&second, &wide));
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_close(&pub));
	/* The same without a first value. */
	tism_options_t own = {.capacity = sizeof wide, .flags = TISM_REPLACE_OWN};
	IS(TISM_LIVE_PUBLISHER,
	   tism_create_with(&pub, "again", NULL, 0, &(tism_options_t){.capacity = 8}));
	OK(tism_create_with(&pub, "again", NULL, 0, &own));
	IS(TISM_IS_ZOMBIE, tism_owned_write(&second, &wide));
	CHECK(tism_owned_get_total_writes(&pub) == 0);
	OK(tism_owned_close(&pub));
	OK(tism_owned_close(&second));
	IS(TISM_IS_ZOMBIE, tism_open(&sub, "again")); /* closed */
	IS(TISM_BAD_HANDLE, tism_borrowed_read(&sub, &got));
}

static void test_classic_locks(void)
{
	publisher pub;
	consumer sub;
	int v = 0, got = 0;
	int *p = NULL;
	OK(tism_create(&pub, "locks", &v, sizeof v));
	OK(tism_open(&sub, "locks"));
	OK(tism_unsafe_owned_write_lock(&pub, (void **)&p));
	IS(TISM_LOCKED, tism_owned_write(&pub, &v));
	IS(TISM_LOCKED, tism_owned_close(&pub));
	*p = 920;
	OK(tism_borrowed_read(&sub, &got));
	CHECK(got == 0);
	OK(tism_unsafe_owned_unlock(&pub, (void **)&p));
	CHECK(p == NULL);
	IS(TISM_NOT_LOCKED, tism_unsafe_owned_unlock(&pub, NULL));
	OK(tism_borrowed_read(&sub, &got));
	CHECK(got == 920);

	OK(tism_unsafe_owned_read_lock(&pub, (void **)&p));
	CHECK(*p == 920);
	OK(tism_unsafe_owned_unlock(&pub, NULL));
	CHECK(p != NULL);

	OK(tism_unsafe_borrowed_read_lock(&sub, (void **)&p));
	for (v = 1; v < 20; v++) {
		OK(tism_owned_write(&pub, &v)); /* goes on around the held buffer */
	}
	CHECK(*p == 920);
	IS(TISM_LOCKED, tism_unsafe_borrowed_read_lock(&sub, (void **)&p));
	OK(tism_borrowed_read(&sub, &got)); /* reading goes on, too */
	CHECK(got == 19);
	OK(tism_unsafe_borrowed_unlock(&sub, (void **)&p));
	CHECK(p == NULL);
	IS(TISM_NOT_LOCKED, tism_unsafe_borrowed_unlock(&sub, NULL));
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_close(&pub));
}

static void test_arguments(void)
{
	publisher pub;
	consumer sub;
	int v = 0;
	char longest[TISM_MAX_NAME_LENGTH + 2];
	memset(longest, 'n', sizeof longest);
	longest[sizeof longest - 1] = 0;
	const char *bad[] = {"", ".hidden", "a/b", "/slash", "\xff", "\xc0\xaf", "\xed\xa0\x80", longest};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		IS(TISM_INVALID_ARGUMENT, tism_create(&pub, bad[i], &v, sizeof v));
		IS(TISM_INVALID_ARGUMENT, tism_open(&sub, bad[i]));
	}
	longest[TISM_MAX_NAME_LENGTH] = 0;
	OK(tism_create(&pub, longest, &v, sizeof v));
	OK(tism_owned_remove(&pub));
	OK(tism_create(&pub, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80", &v, sizeof v));
	OK(tism_owned_remove(&pub));
	IS(TISM_INVALID_ARGUMENT, tism_create(&pub, NULL, &v, sizeof v));
	IS(TISM_INVALID_ARGUMENT, tism_create(NULL, "x", &v, sizeof v));
	IS(TISM_INVALID_ARGUMENT, tism_create(&pub, "x", NULL, 4));
	IS(TISM_INVALID_ARGUMENT, tism_create(&pub, "x", &v, 0));
	IS(TISM_TOO_BIG, tism_create(&pub, "x", &v, ((size_t)1 << 30) + 1));
	IS(TISM_INVALID_ARGUMENT, tism_open(NULL, "x"));
	IS(TISM_DOES_NOT_EXIST, tism_open(&sub, "nothing-of-that-name"));
	IS(TISM_BAD_HANDLE, tism_borrowed_read(&sub, &v));
	IS(TISM_DOES_NOT_EXIST,
	   tism_open_with(&sub, "x", &(tism_options_t){.dir = "/nonexistent/directory"}));
	IS(TISM_DOES_NOT_EXIST, tism_wait_and_open_with(
		   &sub, "x", &(tism_options_t){.dir = "/nonexistent/directory"}, PATIENCE));
	IS(TISM_INVALID_ARGUMENT,
	   tism_create_with(&pub, "x", &v, sizeof v, &(tism_options_t){.buffers = 16}));
	IS(TISM_INVALID_ARGUMENT,
	   tism_create_with(&pub, "x", &v, sizeof v, &(tism_options_t){.slots = 5000}));
	OK(tism_create(&pub, "args", &v, sizeof v));
	IS(TISM_INVALID_ARGUMENT, tism_owned_write(&pub, NULL));
	IS(TISM_INVALID_ARGUMENT, tism_owned_read(&pub, NULL));
	IS(TISM_INVALID_ARGUMENT, tism_wait(&pub, 0));
	OK(tism_open(&sub, "args"));
	IS(TISM_INVALID_ARGUMENT, tism_owned_write(&sub, &v));
	IS(TISM_INVALID_ARGUMENT, tism_unsafe_borrowed_read_lock(&sub, NULL));
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_close(&pub));
	for (int i = 0; i <= TISM_BAD_HANDLE; i++) {
		CHECK(strlen(tism_strerror((tism_result_t)i)) > 5);
	}
	CHECK(strcmp(tism_strerror((tism_result_t)9999), "unknown error") == 0);
}

static tism_result_t pass_on(tism_result_t r)
{
	TISM_MBIND(r)
	return TISM_IS_ZOMBIE;
}

static void test_mbind(void)
{
	CHECK(pass_on(TISM_OK) == TISM_IS_ZOMBIE);
	CHECK(pass_on(TISM_NO_SPACE) == TISM_NO_SPACE);
	CHECK(TISM_OK == 0 && TISM_TIMED_OUT == TISM_UNKNOWN + 1);
}

/* ---- Types ------------------------------------------------------------------------------- */

typedef struct {
	uint64_t timeUS;
	float GyroRad[3];
	int16_t raw[2][3];
	double _Complex z;
	struct {
		bool ok;
		char text[8];
	} HTTPCode;
	struct {
		uint8_t id;
		float volts[2];
	} cell[3];
	int8_t cube[2][2][2];
} everything;

static const tism_field_t everything_fields[] = {
	TISM_FIELD(everything, timeUS),
	TISM_ARRAY(everything, GyroRad),
	TISM_ARRAY2(everything, raw),
	TISM_FIELD(everything, z),
	TISM_FIELD(everything, HTTPCode.ok),
	TISM_ARRAY(everything, HTTPCode.text),
	TISM_EACH(everything, cell, id),
	TISM_EACH_ARRAY(everything, cell, volts),
	TISM_FIELD(everything, cell[1].id),
	TISM_ARRAY3(everything, cube),
};
static const tism_type_t everything_type = TISM_TYPE(everything, everything_fields);

static const char everything_text[] =
	"struct everything 104\n"
	"time_us u64 @0\n"
	"gyro_rad f32[3] @8\n"
	"raw i16[2][3] @20\n"
	"z c128 @32\n"
	"http_code.ok bool @48\n"
	"http_code.text u8[8] @49\n"
	"cell.id u8[3:12] @60\n"
	"cell.volts f32[3:12][2] @64\n"
	"cell.id u8 @72\n"
	"cube i8[2][2][2] @96\n";

static void test_describe(void)
{
	char text[1024];
	CHECK(tism_describe(&everything_type, text, sizeof text) == strlen(everything_text));
	if (strcmp(text, everything_text) != 0) {
		fail(__FILE__, __LINE__, "descriptor", text);
	}
	CHECK(tism_describe(&everything_type, text, 7) == strlen(everything_text));
	CHECK(strcmp(text, "struct") == 0);
	CHECK(tism_describe(NULL, text, sizeof text) == 0);
	tism_field_t odd = TISM_FIELD(everything, timeUS);
	static const char *const names[][2] = {
		{"GyroRad", "gyro_rad"}, {"HTTPCode", "http_code"}, {"X_Y", "x_y"}, {"A1B2", "a1_b2"},
		{"UTF8Text", "utf8_text"}, {"ABC", "abc"}, {"pos.X", "pos.x"}, {"cell[0].ID", "cell.id"},
		{"\xc3\x89X", "\xc3\x89_x"}, /* as Go: E acute is no capital, which are A to Z */
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		tism_field_t f = {names[i][0], TISM_U8, 0, {0}, {0}};
		tism_type_t named = {"T", 1, &f, 1, NULL};
		char want[100];
		(void)snprintf(want, sizeof want, "struct T 1\n%s u8 @0\n", names[i][1]);
		CHECK(tism_describe(&named, text, sizeof text) && strcmp(text, want) == 0);
	}
	tism_type_t t = {"odd", 4, &odd, 1, NULL}; /* the field ends beyond the type */
	CHECK(tism_describe(&t, text, sizeof text) == 0);
	odd.element = 99;
	CHECK(tism_describe(&t, text, sizeof text) == 0);
}

/* As tism gen writes a type: with its text. */
static void test_generated(void)
{
	char text[1000];
	tism_type_t t = {"T", 8, NULL, 0, "struct T 8\nbattery_mV i64 @0\n"};
	CHECK(tism_describe(&t, text, sizeof text) == strlen(t.descriptor));
	CHECK(strcmp(text, t.descriptor) == 0);
	tism_owned_shared_memory_t pub;
	tism_options_t o = {.type = &t};
	OK(tism_create_with(&pub, "topic", "12345678", 8, &o));
	CHECK(strcmp(tism_descriptor(&pub), t.descriptor) == 0);
	OK(tism_owned_remove(&pub));

	t.size = 9; /* of another type */
	CHECK(tism_describe(&t, text, sizeof text) == 0);
	t.size = 8;
	t.descriptor = "bytes T 8\n";
	CHECK(tism_describe(&t, text, sizeof text) == 0);
	t.descriptor = "struct T 8\nx i64 @1\n";
	IS(TISM_INVALID_ARGUMENT, tism_create_with(&pub, "topic", "12345678", 8, &o));
}

static void test_descriptors(void)
{
	static const struct {
		bool good;
		const char *text;
	} cases[] = {
		{true, "bytes - 4\n"},
		{true, "msgpack Pose 4\n"},
		{true, "struct - 4\nv u32 @0\n"},
		{true, "struct - 8\nv u8[2:4][2] @0\n"},
		{false, ""},
		{false, "bytes - 4"},
		{false, "bytes - 0\n"},
		{false, "bytes  4\n"},
		{false, "bytes - 04\n"},
		{false, "bytes - +4\n"},
		{false, "bytes - 4 \n"},
		{false, "bytes - 4\nv u32 @0\n"},
		{false, "text - 4\n"},
		{false, "bytes - 1073741825\n"},
		{false, "struct - 4\nv u32\n"},
		{false, "struct - 4\nv u33 @0\n"},
		{false, "struct - 4\nv u32 0\n"},
		{false, "struct - 4\nv u32 @1\n"},
		{false, "struct - 4\n u32 @0\n"},
		{false, "struct - 4\nv u8[] @0\n"},
		{false, "struct - 4\nv u8[0] @0\n"},
		{false, "struct - 4\nv u8[5] @0\n"},
		{false, "struct - 4\nv u8[2:1] @0\n"},
		{false, "struct - 4\nv u8[4 @0\n"},
		{false, "struct - 4\nv u8[4]] @0\n"},
		{false, "struct - 4\nv u8[2]x[2] @0\n"},
		{false, "struct - 4\nv u8[1][1][1][1][1][1][1][1][1] @0\n"},
		{false, "struct - 4\nv u8[18446744073709551617] @0\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		publisher pub;
		tism_result_t r = tism_create_with(
			&pub, "descriptor", NULL, 0,
			&(tism_options_t){.descriptor = cases[i].text, .flags = TISM_REPLACE});
		if ((r == TISM_OK) != cases[i].good) {
			fail(__FILE__, __LINE__, cases[i].text, tism_strerror(r));
		}
		if (r == TISM_OK) {
			CHECK(strcmp(tism_descriptor(&pub), cases[i].text) == 0);
			OK(tism_owned_remove(&pub));
		}
	}
}

typedef struct {
	uint32_t a, b;
} pair;
static const tism_field_t pair_fields[] = {TISM_FIELD(pair, a), TISM_FIELD(pair, b)};
static const tism_type_t pair_type = TISM_TYPE(pair, pair_fields);

typedef struct {
	uint32_t a;
	int32_t b;
} other;
static const tism_field_t other_fields[] = {TISM_FIELD(other, a), TISM_FIELD(other, b)};
static const tism_type_t other_type = TISM_TYPE(other, other_fields);
static const tism_type_t same_type = {"called_otherwise", sizeof(pair), pair_fields, 2, NULL};

static void test_typed(void)
{
	publisher pub;
	consumer sub;
	pair v = {1, 2}, got;
	char why[512];
	OK(tism_create_with(&pub, "typed", &v, sizeof v, &(tism_options_t){.type = &pair_type}));
	IS(TISM_TYPE_MISMATCH,
	   tism_open_with(&sub, "typed", &(tism_options_t){.type = &other_type, .message = why,
	                                                  .message_size = sizeof why}));
	CHECK(strstr(why, "b u32 @4") && strstr(why, "b i32 @4"));
	OK(tism_open_with(&sub, "typed", &(tism_options_t){.type = &same_type}));
	OK(tism_borrowed_read(&sub, &got));
	CHECK(got.a == 1 && got.b == 2);
	OK(tism_borrowed_close(&sub));
	OK(tism_open(&sub, "typed")); /* as bytes */
	OK(tism_borrowed_read(&sub, &got));
	OK(tism_borrowed_close(&sub));
	IS(TISM_TYPE_MISMATCH,
	   tism_open_with(&sub, "typed", &(tism_options_t){.descriptor = "msgpack - 8\n"}));
	IS(TISM_SIZE_MISMATCH, tism_write(&pub, &v, 4, 0));
	IS(TISM_TOO_BIG, tism_write(&pub, &v, 9, 0));
	OK(tism_owned_close(&pub));

	/* A byte topic of the size will do, if its values have it. */
	OK(tism_create(&pub, "typed", &v, sizeof v));
	OK(tism_open_with(&sub, "typed", &(tism_options_t){.type = &pair_type}));
	OK(tism_borrowed_read(&sub, &got));
	OK(tism_write(&pub, &v, 4, 0));
	IS(TISM_SIZE_MISMATCH, tism_borrowed_read(&sub, &got));
	void *p;
	IS(TISM_SIZE_MISMATCH, tism_unsafe_borrowed_read_lock(&sub, &p));
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_close(&pub));
	IS(TISM_SIZE_MISMATCH, tism_create_with(&pub, "typed", &v, 4,
	                                        &(tism_options_t){.type = &pair_type}));
}

/* ---- Publish and read -------------------------------------------------------------------- */

static void test_bytes(void)
{
	for (unsigned buffers = 1; buffers <= 15; buffers++) {
		publisher pub;
		consumer sub;
		tism_options_t o = {.buffers = buffers, .capacity = 100};
		char got[100];
		tism_info_t info;
		OK(tism_create_with(&pub, "bytes", NULL, 0, &o));
		OK(tism_open(&sub, "bytes"));
		CHECK(tism_size(&sub) == 100 && tism_owned_get_total_writes(&pub) == 0);
		CHECK(!tism_borrowed_has_changed(&sub) && tism_borrowed_get_total_writes(&sub) == 0);
		IS(TISM_EMPTY, tism_read(&sub, got, sizeof got, &info));
		IS(TISM_EMPTY, tism_read(&pub, got, sizeof got, &info));
		void *p;
		IS(TISM_EMPTY, tism_unsafe_borrowed_read_lock(&sub, &p));
		for (size_t n = 0; n <= 100; n += 5) {
			memset(got, (int)n, n);
			OK(tism_write(&pub, got, n, (int64_t)n + 1));
			memset(got, 0, sizeof got);
			OK(tism_read(&sub, got, sizeof got, &info));
			CHECK(info.size == n && info.missed == 0 && info.number == n / 5 + 1);
			CHECK(info.sampled_ns == (int64_t)n + 1 && info.published_ns > 0);
			CHECK(n == 0 || (got[0] == (char)n && got[n - 1] == (char)n));
		}
		OK(tism_write(&pub, "abc", 3, 0));
		OK(tism_write(&pub, "abcd", 4, 0));
		IS(TISM_SIZE_MISMATCH, tism_read(&sub, got, 3, &info));
		OK(tism_read(&sub, got, 4, &info));
		CHECK(info.missed == 1 && memcmp(got, "abcd", 4) == 0);
		IS(TISM_SIZE_MISMATCH, tism_borrowed_read(&sub, got)); /* not of the topic's size */
		IS(TISM_TOO_BIG, tism_write(&pub, got, 101, 0));
		OK(tism_borrowed_close(&sub));
		OK(tism_owned_remove(&pub));
	}
}

static void test_loan(void)
{
	publisher pub;
	consumer sub;
	char got[8] = {0};
	char *p;
	OK(tism_create_with(&pub, "loan", "one", 3, &(tism_options_t){.capacity = 8}));
	OK(tism_open(&sub, "loan"));
	OK(tism_loan(&pub, (void **)&p));
	memcpy(p, "two", 3);
	OK(tism_discard(&pub));
	IS(TISM_NOT_LOCKED, tism_discard(&pub));
	IS(TISM_NOT_LOCKED, tism_publish(&pub, 3, 0));
	tism_info_t info;
	OK(tism_read(&sub, got, 8, &info));
	CHECK(info.size == 3 && memcmp(got, "one", 3) == 0);
	OK(tism_unsafe_owned_write_lock(&pub, (void **)&p)); /* a copy of the newest */
	CHECK(memcmp(p, "one", 3) == 0);
	p[3] = '!';
	IS(TISM_TOO_BIG, tism_publish(&pub, 9, 0));
	OK(tism_publish(&pub, 4, 0));
	OK(tism_read(&sub, got, 8, &info));
	CHECK(info.size == 4 && memcmp(got, "one!", 4) == 0);
	OK(tism_unsafe_owned_write_lock(&pub, (void **)&p));
	OK(tism_unsafe_owned_unlock(&pub, (void **)&p)); /* as long as it was */
	OK(tism_read(&sub, got, 8, &info));
	CHECK(info.size == 4);
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_remove(&pub));

	OK(tism_create_with(&pub, "loan", "one", 3, &(tism_options_t){.buffers = 1}));
	OK(tism_loan(&pub, (void **)&p));
	IS(TISM_NO_DISCARD, tism_discard(&pub));
	IS(TISM_LOCKED, tism_read(&pub, got, 8, NULL));
	memcpy(p, "two", 3);
	OK(tism_publish(&pub, 3, 0));
	OK(tism_read(&pub, got, 8, NULL));
	CHECK(memcmp(got, "two", 3) == 0);
	OK(tism_owned_remove(&pub));
}

static void test_held_buffers(void)
{
	/* The publisher goes on while n-2 different values are held, and not with more. */
	for (unsigned n = 2; n <= 5; n++) {
		publisher pub;
		consumer sub[5];
		void *p;
		tism_process_t who;
		uint32_t v = 0;
		tism_options_t o = {.buffers = n, .timeout_ns = 5 * MS};
		OK(tism_create_with(&pub, "held", &v, sizeof v, &o));
		for (unsigned i = 0; i < n - 1; i++) {
			OK(tism_open(&sub[i], "held"));
			OK(tism_unsafe_borrowed_read_lock(&sub[i], &p));
			v++;
			OK(tism_owned_write(&pub, &v));
		}
		v++;
		IS(TISM_TIMED_OUT, tism_owned_write(&pub, &v));
		OK(tism_holder(&pub, &who));
		CHECK(who.pid == getpid());
		OK(tism_unsafe_borrowed_unlock(&sub[0], NULL));
		OK(tism_owned_write(&pub, &v));
		for (unsigned i = 0; i < n - 1; i++) {
			OK(tism_borrowed_close(&sub[i])); /* which releases */
		}
		OK(tism_owned_write(&pub, &v));
		OK(tism_owned_remove(&pub));
	}
}

static void test_one_buffer(void)
{
	publisher pub;
	consumer a, b;
	int v = 1, got;
	int *p;
	tism_options_t o = {.buffers = 1, .timeout_ns = 5 * MS};
	OK(tism_create_with(&pub, "one", &v, sizeof v, &o));
	OK(tism_open_with(&a, "one", &(tism_options_t){.timeout_ns = 5 * MS}));
	OK(tism_open(&b, "one"));
	OK(tism_unsafe_borrowed_read_lock(&a, (void **)&p));
	OK(tism_borrowed_read(&a, &got));
	OK(tism_borrowed_read(&b, &got));
	v = 2;
	IS(TISM_TIMED_OUT, tism_owned_write(&pub, &v));
	IS(TISM_TIMED_OUT, tism_owned_write(&pub, &v));
	CHECK(*p == 1);
	tism_process_t who;
	OK(tism_holder(&pub, &who));
	OK(tism_borrowed_read(&b, &got));
	CHECK(got == 1);
	OK(tism_unsafe_borrowed_unlock(&a, NULL));
	OK(tism_owned_write(&pub, &v));
	OK(tism_borrowed_read(&a, &got));
	CHECK(got == 2);

	OK(tism_unsafe_owned_write_lock(&pub, (void **)&p));
	CHECK(*p == 2);
	*p = 3;
	IS(TISM_TIMED_OUT, tism_borrowed_read(&a, &got));
	IS(TISM_TIMED_OUT, tism_unsafe_borrowed_read_lock(&a, (void **)&p));
	OK(tism_unsafe_owned_unlock(&pub, NULL));
	OK(tism_borrowed_read(&a, &got));
	CHECK(got == 3 && tism_owned_get_total_writes(&pub) == 3);
	OK(tism_borrowed_close(&a));
	OK(tism_borrowed_close(&b));
	OK(tism_owned_close(&pub));
}

static void test_reader(void)
{
	for (unsigned buffers = 1; buffers <= 4; buffers += 3) {
		publisher pub;
		consumer sub;
		int v = 5, got;
		void *p;
		OK(tism_create_with(&pub, "reader", &v, sizeof v, &(tism_options_t){.buffers = buffers}));
		OK(tism_open_with(&sub, "reader", &(tism_options_t){.flags = TISM_AS_READER}));
		CHECK(!tism_can_lock(&sub) && tism_can_lock(&pub));
		OK(tism_borrowed_read(&sub, &got));
		CHECK(got == 5);
		IS(TISM_READ_ONLY, tism_unsafe_borrowed_read_lock(&sub, &p));
		IS(TISM_TIMED_OUT, tism_wait(&sub, 3 * MS));
		OK(tism_owned_write(&pub, &v));
		OK(tism_wait(&sub, PATIENCE));
		OK(tism_borrowed_close(&sub));
		OK(tism_owned_close(&pub));
	}
}

static void test_slots(void)
{
	publisher pub;
	consumer sub[3], more;
	int v = 5;
	OK(tism_create_with(&pub, "slots", &v, sizeof v, &(tism_options_t){.slots = 3}));
	for (int i = 0; i < 3; i++) {
		OK(tism_open(&sub[i], "slots"));
	}
	IS(TISM_NO_SLOTS, tism_open(&more, "slots"));
	OK(tism_open_with(&more, "slots", &(tism_options_t){.flags = TISM_AS_READER}));
	OK(tism_borrowed_close(&more));
	OK(tism_borrowed_close(&sub[1]));
	OK(tism_open(&more, "slots"));
	OK(tism_borrowed_close(&more));
	OK(tism_borrowed_close(&sub[0]));
	OK(tism_borrowed_close(&sub[2]));
	OK(tism_owned_remove(&pub));
}

static void test_pages(void)
{
	publisher pub;
	consumer sub;
	static char big[300000];
	OK(tism_create_with(&pub, "pages", big, sizeof big, &(tism_options_t){.flags = TISM_PREFAULT}));
	OK(tism_open_with(&sub, "pages", &(tism_options_t){.flags = TISM_PREFAULT}));
	OK(tism_borrowed_close(&sub));
	tism_result_t r = tism_open_with(&sub, "pages", &(tism_options_t){.flags = TISM_LOCK_MEMORY});
	CHECK(r == TISM_OK || r == TISM_MEMORY_LOCK);
	if (r == TISM_OK) {
		OK(tism_borrowed_close(&sub));
	}
	OK(tism_owned_remove(&pub));
}

static void test_no_timestamps(void)
{
	publisher pub;
	consumer sub;
	int v = 5;
	tism_info_t info;
	tism_options_t o = {.flags = TISM_NO_TIMESTAMPS};
	OK(tism_create_with(&pub, "times", &v, sizeof v, &o));
	OK(tism_open(&sub, "times"));
	OK(tism_read(&sub, &v, sizeof v, &info));
	CHECK(info.published_ns == 0 && info.sampled_ns == 0 && tism_borrowed_staleness(&sub) == -1);
	OK(tism_write(&pub, &v, sizeof v, tism_now() - 1000));
	OK(tism_read(&sub, &v, sizeof v, &info));
	CHECK(info.published_ns == 0 && tism_borrowed_staleness(&sub) >= 1000);
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_remove(&pub));
}

/* ---- Wait -------------------------------------------------------------------------------- */

static void *read_1000(void *arg)
{
	consumer *sub = arg;
	uint64_t v = 0, last = 0;
	tism_info_t info;
	uint64_t missed = 0;
	while (v < 1000) {
		OK(tism_next(sub, &v, sizeof v, &info, PATIENCE));
		CHECK(v > last || last == 0);
		missed += info.missed;
		last = v;
	}
	CHECK(missed < 1000);
	return NULL;
}

static void test_next(void)
{
	for (unsigned buffers = 1; buffers <= 4; buffers += 3) {
		publisher pub;
		consumer sub;
		uint64_t v = 0;
		pthread_t t;
		OK(tism_create_with(&pub, "next", &v, sizeof v, &(tism_options_t){.buffers = buffers}));
		OK(tism_open(&sub, "next"));
		OK(tism_next(&sub, &v, sizeof v, NULL, 0));
		IS(TISM_TIMED_OUT, tism_next(&sub, &v, sizeof v, NULL, 0));
		IS(TISM_TIMED_OUT, tism_next(&sub, &v, sizeof v, NULL, 5 * MS));
		CHECK(pthread_create(&t, NULL, read_1000, &sub) == 0);
		for (v = 1; v <= 1000; v++) {
			OK(tism_owned_write(&pub, &v));
		}
		(void)pthread_join(t, NULL);
		v = 1001;
		OK(tism_owned_write(&pub, &v)); /* news come before the end */
		OK(tism_owned_close(&pub));
		OK(tism_next(&sub, &v, sizeof v, NULL, PATIENCE));
		CHECK(v == 1001);
		IS(TISM_IS_ZOMBIE, tism_next(&sub, &v, sizeof v, NULL, PATIENCE));
		OK(tism_borrowed_close(&sub));
	}
}

static void *open_late(void *arg)
{
	OK(tism_wait_and_open(arg, "late"));
	return NULL;
}

static void test_wait_and_open(void)
{
	publisher pub;
	consumer sub;
	int v = 5, got = 0;
	pthread_t t;
	IS(TISM_TIMED_OUT, tism_wait_and_open_with(&sub, "late", NULL, 0));
	IS(TISM_TIMED_OUT, tism_wait_and_open_with(&sub, "late", NULL, 5 * MS));
	for (int i = 0; i < 2; i++) { /* a topic that appears, and one that was closed */
		CHECK(pthread_create(&t, NULL, open_late, &sub) == 0);
		OK(tism_create(&pub, "late", &v, sizeof v));
		(void)pthread_join(t, NULL);
		OK(tism_borrowed_read(&sub, &got));
		OK(tism_borrowed_close(&sub));
		OK(tism_owned_close(&pub));
		IS(TISM_TIMED_OUT, tism_wait_and_open_with(&sub, "late", NULL, 5 * MS));
	}
	OK(tism_open_with(&sub, "late", &(tism_options_t){.flags = TISM_ALLOW_CLOSED}));
	OK(tism_borrowed_read(&sub, &got));
	CHECK(got == 5);
	OK(tism_borrowed_close(&sub));
}

struct late {
	consumer sub;
	char dir[4096];
	tism_result_t result;
};

static void *open_in(void *arg)
{
	struct late *l = arg;
	l->result = tism_wait_and_open_with(&l->sub, "late", &(tism_options_t){.dir = l->dir}, PATIENCE);
	return NULL;
}

/* A directory that goes away ends the wait, unless another one takes its place. */
static void test_wait_in_directory(void)
{
	for (int replaced = 0; replaced < 2; replaced++) {
		struct late l = {0};
		char next[4096];
		publisher pub;
		int v = 5;
		pthread_t t;
		(void)snprintf(l.dir, sizeof l.dir, "%s", path_of("directory"));
		(void)snprintf(next, sizeof next, "%s", path_of("directory-next"));
		CHECK(mkdir(l.dir, 0700) == 0 && mkdir(next, 0700) == 0);
		CHECK(pthread_create(&t, NULL, open_in, &l) == 0);
		(void)usleep(20000); /* it waits by then, most likely */
		if (replaced) {
			CHECK(syscall(SYS_renameat2, AT_FDCWD, next, AT_FDCWD, l.dir, 2 /* exchange */) == 0);
			(void)usleep(20000);
			OK(tism_create_with(&pub, "late", &v, sizeof v, &(tism_options_t){.dir = l.dir}));
		} else {
			CHECK(rmdir(l.dir) == 0);
		}
		(void)pthread_join(t, NULL);
		IS(replaced ? TISM_OK : TISM_DOES_NOT_EXIST, l.result);
		if (replaced) {
			OK(tism_borrowed_close(&l.sub));
			OK(tism_owned_remove(&pub));
		}
		(void)rmdir(l.dir);
		(void)rmdir(next);
	}
}

static void on_signal(int number) { (void)number; }

static void *keep_signalling(void *arg)
{
	/* One signal could come before the sleep. */
	struct { pthread_t who; volatile bool *done; } *a = arg;
	while (!__atomic_load_n(a->done, __ATOMIC_ACQUIRE)) {
		(void)pthread_kill(a->who, SIGUSR1);
		(void)poll(NULL, 0, 1);
	}
	return NULL;
}

static void test_interrupted(void)
{
	publisher pub;
	consumer sub, late;
	int v = 5;
	volatile bool done = false;
	struct { pthread_t who; volatile bool *done; } a = {pthread_self(), &done};
	struct sigaction act;
	memset(&act, 0, sizeof act);
	act.sa_handler = on_signal;
	act.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	OK(tism_create(&pub, "signal", &v, sizeof v));
	OK(tism_open(&sub, "signal"));
	OK(tism_borrowed_read(&sub, &v));
	pthread_t t;
	CHECK(pthread_create(&t, NULL, keep_signalling, &a) == 0);
	IS(TISM_INTERUPTED, tism_wait(&sub, PATIENCE));
	IS(TISM_INTERUPTED, tism_wait_and_open_with(&late, "never", NULL, PATIENCE));
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	(void)pthread_join(t, NULL);
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_remove(&pub));
}

static void *keep_interrupting(void *arg)
{
	struct { consumer *sub; volatile bool *done; } *a = arg;
	while (!__atomic_load_n(a->done, __ATOMIC_ACQUIRE)) {
		(void)poll(NULL, 0, 20);
		(void)tism_interrupt(a->sub);
	}
	return NULL;
}

static void test_interrupt(void)
{
	publisher pub;
	consumer sub;
	int v = 5;
	volatile bool done = false;
	struct { consumer *sub; volatile bool *done; } a = {&sub, &done};
	OK(tism_create(&pub, "interrupt", &v, sizeof v));
	OK(tism_open(&sub, "interrupt"));
	CHECK(tism_buffers(&pub) == 4 && tism_buffers(&sub) == 4);
	IS(TISM_INVALID_ARGUMENT, tism_interrupt(&pub));
	OK(tism_interrupt(&sub));
	OK(tism_next(&sub, &v, sizeof v, NULL, PATIENCE)); /* there is one: no wait to end */
	IS(TISM_INTERUPTED, tism_wait(&sub, PATIENCE));
	IS(TISM_TIMED_OUT, tism_wait(&sub, MS));
	pthread_t t;
	CHECK(pthread_create(&t, NULL, keep_interrupting, &a) == 0);
	for (int i = 0; i < 5; i++) {
		IS(TISM_INTERUPTED, tism_wait(&sub, PATIENCE));
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	(void)pthread_join(t, NULL);
	OK(tism_borrowed_close(&sub));
	IS(TISM_BAD_HANDLE, tism_interrupt(&sub));
	CHECK(tism_buffers(&sub) == 0);
	OK(tism_owned_remove(&pub));
}

/* ---- Life and death ---------------------------------------------------------------------- */

static void test_state(void)
{
	publisher pub;
	consumer sub;
	int v = 5;
	tism_state_t s;
	OK(tism_create(&pub, "state", &v, sizeof v));
	OK(tism_open(&sub, "state"));
	OK(tism_state(&sub, &s));
	CHECK(s == TISM_ALIVE);
	tism_process_t who;
	OK(tism_publisher(&sub, &who));
	CHECK(who.pid == getpid() && who.command[0]);
	OK(tism_owned_close(&pub));
	OK(tism_state(&sub, &s));
	CHECK(s == TISM_CLOSED);
	IS(TISM_TIMED_OUT, tism_wait_publisher(&sub, 5 * MS));
	OK(tism_create(&pub, "state", &v, sizeof v));
	OK(tism_wait_publisher(&sub, PATIENCE));
	OK(tism_state(&pub, &s));
	CHECK(s == TISM_ALIVE);
	OK(tism_owned_remove(&pub));
	OK(tism_state(&sub, &s));
	CHECK(s == TISM_REPLACED);
	IS(TISM_IS_ZOMBIE, tism_borrowed_read(&sub, &v));
	IS(TISM_IS_ZOMBIE, tism_wait(&sub, PATIENCE));
	IS(TISM_IS_ZOMBIE, tism_wait_publisher(&sub, PATIENCE));
	OK(tism_borrowed_close(&sub));
	IS(TISM_DOES_NOT_EXIST, tism_open(&sub, "state"));
}

static void test_deserted(void)
{
	/* Whoever unlinks the file without a word leaves sleepers who find out themselves. */
	publisher pub;
	consumer sub;
	int v = 5;
	OK(tism_create(&pub, "deserted", &v, sizeof v));
	OK(tism_open(&sub, "deserted"));
	OK(tism_borrowed_read(&sub, &v));
	CHECK(unlink(path_of("deserted")) == 0);
	IS(TISM_TIMED_OUT, tism_wait(&sub, 3 * MS));
	OK(tism_owned_write(&pub, &v));
	OK(tism_borrowed_read(&sub, &v));
	OK(tism_owned_close(&pub));
	tism_state_t s;
	OK(tism_state(&sub, &s));
	CHECK(s == TISM_REPLACED);
	IS(TISM_IS_ZOMBIE, tism_wait_publisher(&sub, PATIENCE));
	OK(tism_borrowed_close(&sub));
}

static void test_remove(void)
{
	publisher pub;
	consumer sub;
	int v = 5;
	IS(TISM_DOES_NOT_EXIST, tism_remove("removed", NULL, false));
	OK(tism_create(&pub, "removed", &v, sizeof v));
	IS(TISM_IN_USE, tism_remove("removed", NULL, false));
	OK(tism_open(&sub, "removed"));
	OK(tism_owned_close(&pub));
	IS(TISM_IN_USE, tism_remove("removed", NULL, false));
	OK(tism_borrowed_close(&sub));
	OK(tism_remove("removed", NULL, false));
	OK(tism_create(&pub, "removed", &v, sizeof v));
	OK(tism_remove("removed", NULL, true));
	IS(TISM_IS_ZOMBIE, tism_owned_write(&pub, &v));
	OK(tism_owned_close(&pub));
}

struct killed {
	struct flag there;
	unsigned buffers;
	bool hold;
};

/* Publishes 41 and 42 and waits for its end, inside the lock if it is to hold it. */
static void publish_and_hang(void *arg)
{
	struct killed *k = arg;
	publisher pub;
	uint32_t v = 41;
	uint32_t *p;
	OK(tism_create_with(&pub, "killed", &v, sizeof v, &(tism_options_t){.buffers = k->buffers}));
	v = 42;
	OK(tism_owned_write(&pub, &v));
	if (k->hold) {
		OK(tism_unsafe_owned_write_lock(&pub, (void **)&p));
		*p = 999;
	}
	raise_flag(k->there);
	for (;;) {
		(void)pause();
	}
}

static void test_publisher_killed(void)
{
	for (int i = 0; i < 4; i++) {
		struct killed k = {new_flag(), i & 1 ? 1 : 4, i & 2};
		consumer sub;
		publisher pub;
		uint32_t v = 0;
		bool torn = k.hold && k.buffers == 1;
		pid_t pid = spawn(publish_and_hang, &k);
		await_flag(k.there);
		char why[256];
		IS(TISM_LIVE_PUBLISHER,
		   tism_create_with(&pub, "killed", &v, sizeof v,
		                    &(tism_options_t){.message = why, .message_size = sizeof why}));
		CHECK(strstr(why, "live publisher"));
		IS(TISM_LIVE_PUBLISHER, tism_create(&pub, "killed", &v, sizeof v));
		OK(tism_open(&sub, "killed"));
		if (!torn) {
			OK(tism_borrowed_read(&sub, &v));
			CHECK(v == 42);
		}
		kill_and_reap(pid);
		tism_state_t s;
		OK(tism_state(&sub, &s));
		CHECK(s == TISM_DIED);
		IS(torn ? TISM_TORN : TISM_OK, tism_borrowed_read(&sub, &v));

		/* A successor in another process goes on, and consumers need not reopen. */
		tism_options_t resume = {.buffers = k.buffers, .flags = TISM_RESUME};
		v = 43;
		if (torn) {
			IS(TISM_TORN, tism_create_with(&pub, "killed", &v, sizeof v, &resume));
			resume.flags = 0;
		}
		OK(tism_create_with(&pub, "killed", &v, sizeof v, &resume));
		OK(tism_borrowed_read(&sub, &v));
		CHECK(v == (torn ? 43 : 42));
		CHECK(tism_owned_get_total_writes(&pub) == (torn ? 1 : 0));
		v = 44;
		OK(tism_owned_write(&pub, &v));
		tism_info_t info;
		OK(tism_next(&sub, &v, sizeof v, &info, PATIENCE));
		CHECK(v == 44 && info.number == (torn ? 4 : 3));
		OK(tism_borrowed_close(&sub));
		OK(tism_owned_remove(&pub));
		drop_flag(k.there);
	}
}

static void lock_and_hang(void *arg)
{
	struct killed *k = arg;
	consumer sub;
	void *p;
	OK(tism_open(&sub, "guarded"));
	OK(tism_unsafe_borrowed_read_lock(&sub, &p));
	raise_flag(k->there);
	for (;;) {
		(void)pause();
	}
}

static void test_consumer_killed(void)
{
	for (unsigned buffers = 1; buffers <= 2; buffers++) {
		struct killed k = {new_flag(), buffers, true};
		publisher pub;
		int v = 1;
		OK(tism_create_with(&pub, "guarded", &v, sizeof v,
		                    &(tism_options_t){.buffers = buffers, .timeout_ns = 20 * MS}));
		pid_t pid = spawn(lock_and_hang, &k);
		await_flag(k.there);
		if (buffers > 1) {
			OK(tism_owned_write(&pub, &v));
		}
		IS(TISM_TIMED_OUT, tism_owned_write(&pub, &v));
		tism_process_t who;
		OK(tism_holder(&pub, &who));
		CHECK(who.pid == pid);
		kill_and_reap(pid);
		OK(tism_set_timeout(&pub, PATIENCE));
		OK(tism_owned_write(&pub, &v)); /* its slot is reclaimed */
		OK(tism_owned_remove(&pub));
		drop_flag(k.there);
	}
}

struct family {
	publisher pub;
	consumer sub;
	struct flag there, leave;
};

static void use_inherited(void *arg)
{
	struct family *f = arg;
	int v = 9;
	void *p;
	IS(TISM_BAD_HANDLE, tism_owned_write(&f->pub, &v));
	IS(TISM_BAD_HANDLE, tism_owned_read(&f->pub, &v));
	IS(TISM_BAD_HANDLE, tism_borrowed_read(&f->sub, &v));
	IS(TISM_BAD_HANDLE, tism_unsafe_borrowed_unlock(&f->sub, NULL));
	IS(TISM_BAD_HANDLE, tism_unsafe_borrowed_read_lock(&f->sub, &p));
	IS(TISM_BAD_HANDLE, tism_wait(&f->sub, PATIENCE));
	CHECK(tism_borrowed_staleness(&f->sub) == -1 && !tism_borrowed_has_changed(&f->sub));
	consumer own;
	OK(tism_open(&own, "family"));
	OK(tism_borrowed_read(&own, &v));
	CHECK(v == 5);
	OK(tism_borrowed_close(&own));
	OK(tism_borrowed_close(&f->sub)); /* which closes and no more */
	OK(tism_owned_close(&f->pub));
	raise_flag(f->there);
	await_flag(f->leave);
}

static void test_fork(void)
{
	struct family f = {.there = new_flag(), .leave = new_flag()};
	publisher again;
	int v = 5;
	void *p;
	tism_state_t s;
	OK(tism_create_with(&f.pub, "family", &v, sizeof v, NULL));
	OK(tism_open(&f.sub, "family"));
	OK(tism_unsafe_borrowed_read_lock(&f.sub, &p));
	pid_t pid = spawn(use_inherited, &f);
	await_flag(f.there);
	OK(tism_state(&f.sub, &s));
	CHECK(s == TISM_ALIVE);
	IS(TISM_LIVE_PUBLISHER, tism_create_with(&again, "family", &v, sizeof v, NULL));
	OK(tism_unsafe_borrowed_unlock(&f.sub, NULL));
	OK(tism_owned_write(&f.pub, &v));
	OK(tism_owned_close(&f.pub));
	/* The child lives, and does not keep the role of its parent. */
	OK(tism_create_with(&again, "family", &v, sizeof v, NULL));
	raise_flag(f.leave);
	CHECK(ended(pid) == 0);
	OK(tism_borrowed_close(&f.sub));
	OK(tism_owned_remove(&again));
	drop_flag(f.there);
	drop_flag(f.leave);
}

/* ---- Descriptors ------------------------------------------------------------------------- */

static void test_memfd(void)
{
	publisher pub;
	consumer sub;
	int v = 5, got = 0, fd;
	OK(tism_create_mem(&pub, "mem", &v, sizeof v, NULL));
	IS(TISM_DOES_NOT_EXIST, tism_open(&sub, "mem"));
	OK(tism_share(&pub, &fd));
	CHECK(ftruncate(fd, 0) != 0);
	OK(tism_open_fd(&sub, fd, NULL));
	(void)close(fd);
	OK(tism_borrowed_read(&sub, &got));
	CHECK(got == 5);
	v = 6;
	OK(tism_owned_write(&pub, &v));
	OK(tism_next(&sub, &got, sizeof got, NULL, PATIENCE));
	IS(TISM_TIMED_OUT, tism_wait(&sub, 20 * MS));
	OK(tism_borrowed_close(&sub));

	int ends[2];
	char name[TISM_MAX_NAME_LENGTH + 1];
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	OK(tism_send(ends[0], &pub));
	OK(tism_receive(ends[1], &fd, name));
	CHECK(strcmp(name, "mem") == 0);
	OK(tism_open_fd(&sub, fd, &(tism_options_t){.flags = TISM_AS_READER}));
	(void)close(fd);
	OK(tism_borrowed_read(&sub, &got));
	OK(tism_borrowed_close(&sub));
	CHECK(send(ends[0], "mem\n", 4, 0) == 4);
	IS(TISM_NOT_A_TOPIC, tism_receive(ends[1], &fd, name));
	(void)close(ends[0]);
	IS(TISM_NOT_A_TOPIC, tism_receive(ends[1], &fd, name));
	(void)close(ends[1]);
	OK(tism_owned_close(&pub));

	IS(TISM_INVALID_ARGUMENT, tism_open_fd(&sub, 0x7fffff, NULL));
	fd = memfd_create("unsealed", MFD_CLOEXEC);
	IS(TISM_NOT_A_TOPIC, tism_open_fd(&sub, fd, NULL));
	(void)close(fd);
}

/* ---- What is no topic -------------------------------------------------------------------- */

static void poke(const char *name, off_t at, const void *bytes, size_t n)
{
	int fd = open(path_of(name), O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, bytes, n, at) == (ssize_t)n);
	(void)close(fd);
}

static void test_headers(void)
{
	publisher pub;
	consumer sub;
	int v = 5;
	OK(tism_create(&pub, "header", &v, sizeof v));
	for (off_t at = 0; at < 128 + 10; at++) {
		unsigned char was = 0, wrong;
		int fd = open(path_of("header"), O_RDWR | O_CLOEXEC);
		CHECK(fd >= 0 && pread(fd, &was, 1, at) == 1);
		(void)close(fd);
		wrong = (unsigned char)(was ^ 0x80);
		poke("header", at, &wrong, 1);
		tism_result_t r = tism_open(&sub, "header");
		bool name = at == 128 + 6; /* the type's name is free */
		tism_result_t want = at >= 8 && at < 12 ? TISM_VERSION_MISMATCH
		                     : name             ? TISM_OK
		                                        : TISM_NOT_A_TOPIC;
		if (r != want) {
			(void)fprintf(stderr, "header byte %d: ", (int)at);
			fail(__FILE__, __LINE__, "open", tism_strerror(r));
		}
		if (r == TISM_OK) {
			OK(tism_borrowed_close(&sub));
		}
		poke("header", at, &was, 1);
	}
	OK(tism_open(&sub, "header"));
	uint32_t latest = 4 << 4 | 9; /* of 4 buffers */
	poke("header", 65536 + 4, &latest, sizeof latest);
	IS(TISM_CORRUPT, tism_borrowed_read(&sub, &v));
	void *p;
	IS(TISM_CORRUPT, tism_unsafe_borrowed_read_lock(&sub, &p));
	CHECK(tism_borrowed_get_total_writes(&sub) == 0);
	latest = 1 << 4;
	poke("header", 65536 + 4, &latest, sizeof latest);
	uint32_t length = 0xfffffff0;
	for (int i = 0; i < 4; i++) {
		poke("header", 196608 + 128 * i + 4, &length, sizeof length);
	}
	tism_result_t r = tism_borrowed_read(&sub, &v);
	CHECK(r == TISM_CORRUPT);
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_remove(&pub));
}

static void test_not_topics(void)
{
	publisher pub;
	consumer sub;
	int v = 5;
	CHECK(mkdir(path_of("directory"), 0700) == 0);
	CHECK(mkfifo(path_of("fifo"), 0600) == 0);
	CHECK(symlink("/dev/null", path_of("link")) == 0);
	int fd = open(path_of("text"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
	(void)close(fd);
	const char *names[] = {"directory", "fifo", "link", "text"};
	for (int i = 0; i < 4; i++) {
		IS(TISM_NOT_A_TOPIC, tism_open(&sub, names[i]));
		IS(TISM_NOT_A_TOPIC, tism_create(&pub, names[i], &v, sizeof v));
		IS(TISM_NOT_A_TOPIC, tism_create_with(&pub, names[i], &v, sizeof v,
		                                      &(tism_options_t){.flags = TISM_REPLACE}));
	}
	OK(tism_create(&pub, "short", &v, sizeof v));
	OK(tism_owned_close(&pub));
	CHECK(truncate(path_of("short"), 190000) == 0);
	IS(TISM_NOT_A_TOPIC, tism_open(&sub, "short"));
}

static void test_mode(void)
{
	publisher pub;
	struct stat st;
	int v = 5;
	(void)umask(077);
	OK(tism_create_with(&pub, "mode", &v, sizeof v, &(tism_options_t){.mode = 0664}));
	CHECK(stat(path_of("mode"), &st) == 0 && (st.st_mode & 0777) == 0664);
	CHECK(st.st_blocks * 512 < 64 * 1024); /* the gaps are holes */
	OK(tism_owned_remove(&pub));
	OK(tism_create(&pub, "mode", &v, sizeof v));
	CHECK(stat(path_of("mode"), &st) == 0 && (st.st_mode & 0777) == 0600);
	OK(tism_owned_remove(&pub));
	IS(TISM_INVALID_ARGUMENT,
	   tism_create_with(&pub, "mode", &v, sizeof v, &(tism_options_t){.mode = 0444}));
}

/* ---- Main -------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"classic", test_classic},
	{"classic_again", test_classic_again},
	{"classic_locks", test_classic_locks},
	{"arguments", test_arguments},
	{"mbind", test_mbind},
	{"describe", test_describe},
	{"generated", test_generated},
	{"descriptors", test_descriptors},
	{"typed", test_typed},
	{"bytes", test_bytes},
	{"loan", test_loan},
	{"held_buffers", test_held_buffers},
	{"one_buffer", test_one_buffer},
	{"reader", test_reader},
	{"slots", test_slots},
	{"pages", test_pages},
	{"no_timestamps", test_no_timestamps},
	{"next", test_next},
	{"wait_and_open", test_wait_and_open},
	{"wait_in_directory", test_wait_in_directory},
	{"interrupted", test_interrupted},
	{"interrupt", test_interrupt},
	{"state", test_state},
	{"deserted", test_deserted},
	{"remove", test_remove},
	{"publisher_killed", test_publisher_killed},
	{"consumer_killed", test_consumer_killed},
	{"fork", test_fork},
	{"memfd", test_memfd},
	{"headers", test_headers},
	{"not_topics", test_not_topics},
	{"mode", test_mode},
};

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

int main(int argc, char **argv)
{
	int bad = 0;
	if (!getenv("TISM_DIR")) {
		(void)fprintf(stderr, "set TISM_DIR to an empty directory\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		bool wanted = argc == 1;
		for (int a = 1; a < argc; a++) {
			wanted |= strcmp(argv[a], tests[i].name) == 0;
		}
		if (!wanted) {
			continue;
		}
		failures = 0;
		int before = open_descriptors();
		tests[i].run();
		CHECK(open_descriptors() == before);
		(void)printf("%s %s\n", failures ? "FAIL" : "ok", tests[i].name);
		(void)fflush(stdout);
		bad += failures > 0;
	}
	return bad ? 1 : 0;
}
