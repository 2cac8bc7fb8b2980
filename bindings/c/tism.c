/*
 * tism for C. docs/LAYOUT.md is the contract; "section n" below is one of it.
 *
 * What another process can write is read once into a local, checked, then used. The comment
 * at an atomic operation names the one that it pairs with in the other process. Accesses of
 * words are sequentially consistent unless they say otherwise: load and store are; a store
 * that needs no answer is store_release, which on x86 is a plain MOV.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* O_TMPFILE, F_OFD_SETLK, memfd_create, fallocate */
#endif
#define _FILE_OFFSET_BITS 64

#include "tism.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the layout is little-endian"
#endif

/* ---- The layout (sections 2 to 6) -------------------------------------------------------- */

typedef _Atomic uint32_t word;

_Static_assert(sizeof(word) == 4, "a word is its 32 bits alone");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock in this process would protect nobody else");

enum {
	AREA = 64 << 10,
	PUBLISHER_AT = AREA,
	CONTROL_AT = 2 * AREA,
	HEADER_FIXED = 128,

	MAX_BUFFERS = 15,
	MAX_SLOTS = 4096,
	MAX_SIZE = 1 << 30,
	MAX_DESCRIPTOR = 32768,
	MAX_DIMENSIONS = 8,
};

struct header {
	unsigned char magic[8];
	uint32_t version, buffers, slots, descriptor_length;
	uint64_t size, buffers_at, stride, capacity;
	unsigned char zero[72];
};

struct publisher_words {
	word lock;    /* W, with one buffer */
	word latest;  /* version<<4 | index, or LATEST_NONE */
	word want;    /* 1: the publisher waits for a buffer */
	word state;   /* 0 new, OPEN, CLOSED */
	word retired; /* 1: replaced or removed */
	uint32_t zero1[11];
	word generation; /* odd while the following change */
	word pid;
	word command[4];
	word base[2];
	uint32_t zero2[8];
};

struct slot {
	word lock;
	word pins;
	word pid;
	word command[4];
	word zero[9];
};

struct control {
	word notify; /* number of the last ring<<1 | somebody waits */
	uint32_t zero1[15];
	word hi;     /* highest slot ever used, plus one */
	word freed;  /* counts releases while the publisher wants a buffer */
	uint32_t zero2[14];
	struct slot slots[];
};

/* All but sequence is guarded by it, by a pin or by the lock. */
struct head {
	uint32_t length;
	uint64_t number;
	int64_t published, sampled;
};

struct buffer {
	word sequence; /* version<<1 | being written */
	uint32_t length;
	uint64_t number;
	int64_t published;
	int64_t sampled;
	unsigned char zero[32];
	unsigned char payload[];
};

_Static_assert(sizeof(struct header) == HEADER_FIXED, "section 3");
_Static_assert(sizeof(struct publisher_words) == 128, "section 4");
_Static_assert(offsetof(struct publisher_words, generation) == 64, "section 4");
_Static_assert(sizeof(struct slot) == 64, "section 5");
_Static_assert(offsetof(struct control, hi) == 64, "section 5");
_Static_assert(offsetof(struct control, slots) == 128, "section 5");
_Static_assert(offsetof(struct buffer, payload) == 64, "section 6");

static const unsigned char magic[8] = {'t', 'i', 's', 'm', '\r', '\n', 0x1a, '\n'};

enum { STATE_OPEN = 1, STATE_CLOSED = 2 };

#define LATEST_NONE 15u             /* no buffer has this index */
#define VERSION_MASK 0x0fffffffu    /* 28 bits */
#define INDEX(latest) ((latest) & 15u)
#define VERSION(latest) ((latest) >> 4)
#define SEQUENCE(latest) (VERSION(latest) << 1) /* of the value that latest names */

/* Bytes of the file that are roles (section 9). */
#define PUBLISHER_BYTE ((off_t)1 << 30)
#define NAME_BYTE (PUBLISHER_BYTE - 1)
#define SIGNED_BYTE (PUBLISHER_BYTE - 2)
#define SLOT_BYTE(i) (PUBLISHER_BYTE + 1 + (off_t)(i))

#define ROUND_UP(n, to) (((n) + (to)-1) / (to) * (to))

/* All that a header says; every other figure of it follows. */
struct geometry {
	uint32_t buffers, slots;
	uint64_t capacity;
	uint32_t descriptor_length;
};

static uint64_t control_length(const struct geometry *g)
{
	return sizeof(struct control) + (uint64_t)g->slots * sizeof(struct slot);
}

static uint64_t buffers_at(const struct geometry *g)
{
	return ROUND_UP(CONTROL_AT + control_length(g), (uint64_t)AREA);
}

static uint64_t stride_of(const struct geometry *g)
{
	return sizeof(struct buffer) + ROUND_UP(g->capacity, (uint64_t)64);
}

static uint64_t file_size(const struct geometry *g)
{
	return buffers_at(g) + g->buffers * stride_of(g);
}

static struct header header_of(const struct geometry *g)
{
	struct header h = {
		.version = TISM_LAYOUT_VERSION,
		.buffers = g->buffers,
		.slots = g->slots,
		.descriptor_length = g->descriptor_length,
		.size = file_size(g),
		.buffers_at = buffers_at(g),
		.stride = stride_of(g),
		.capacity = g->capacity,
	};
	memcpy(h.magic, magic, sizeof magic);
	return h;
}

/* The parts of the file that are used; what lies between them are holes. */
struct range {
	uint64_t at, length;
};

static void used_ranges(const struct geometry *g, struct range r[4])
{
	r[0] = (struct range){0, HEADER_FIXED + g->descriptor_length};
	r[1] = (struct range){PUBLISHER_AT, sizeof(struct publisher_words)};
	r[2] = (struct range){CONTROL_AT, control_length(g)};
	r[3] = (struct range){buffers_at(g), g->buffers * stride_of(g)};
}

/* ---- Handles ----------------------------------------------------------------------------- */

enum access { READER, CONSUMER, PUBLISHER };

/* What a publisher's handle holds. A consumer's holds nothing or HOLDS_READ. */
enum guard { HOLDS_NOTHING, HOLDS_READ, HOLDS_WRITE };

struct tism_handle {
	struct publisher_words *pub;
	struct control *ctl;
	struct buffer *buffers[16]; /* NULL where there is none: the index of latest is 4 bits */
	uint32_t count;             /* of buffers */
	uint32_t slots;
	size_t capacity;
	size_t exact;  /* what each value's length must be; 0: any */
	enum access access;
	enum guard guard;
	bool inherited; /* by a forked child, which must not touch it */
	bool publishes; /* holds the publisher's role */
	int64_t timeout;
	word interrupted; /* by tism_interrupt: the one word that another thread may touch */

	/* The value read last. */
	uint32_t seen; /* latest then; LATEST_NONE before the first */
	uint64_t before;
	tism_info_t info;

	/* A consumer's. */
	struct slot *slot; /* NULL for a reader */
	uint32_t index;    /* of the buffer under its guard */

	/* A publisher's: it keeps what it must know and never reads it back. */
	uint64_t number;  /* of the newest publication, 0: none */
	uint64_t base;    /* number at create */
	uint32_t newest;  /* bit of its buffer, 0: none */
	uint32_t current; /* index of its buffer */
	uint32_t next;    /* index of the one that is being written */
	size_t length;    /* of the value that is being written, as unlock publishes it */
	uint32_t rings;
	uint32_t phase;   /* of W */
	bool torn;        /* W says writing, by a predecessor */
	int64_t gave_up;  /* when the last lock did; 0: it did not */
	bool timestamps;
	uint32_t blocker; /* slot that the last timeout was due to, plus one */

	int fd;
	bool memfd;
	dev_t dev;
	ino_t ino;
	void *map;
	size_t map_size;
	char *path;       /* NULL without a name */
	char *descriptor;
	struct geometry geo;
	char name[TISM_MAX_NAME_LENGTH + 1];

	struct tism_handle *previous, *following; /* in the list of all */
};

/*
 * Every open handle of the process, for fork. The descriptors of a child keep the roles of
 * its parent alive, so the child closes them at once; it unlocks and stores nothing.
 */
static struct tism_handle *handles;
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void) { (void)pthread_mutex_lock(&handles_lock); }
static void after_fork(void) { (void)pthread_mutex_unlock(&handles_lock); }

static void in_child(void)
{
	for (struct tism_handle *h = handles; h; h = h->following) {
		if (!h->inherited) {
			h->inherited = true;
			(void)close(h->fd);
			h->fd = -1;
		}
	}
	(void)pthread_mutex_unlock(&handles_lock);
}

static void watch_fork(void) { (void)pthread_atfork(before_fork, after_fork, in_child); }

/* Nothing forks between a descriptor's opening and its place in the list. */
static void hold_fork(void)
{
	(void)pthread_once(&fork_once, watch_fork);
	(void)pthread_mutex_lock(&handles_lock);
}

static void release_fork(void) { (void)pthread_mutex_unlock(&handles_lock); }

/* The caller holds fork. */
static void enlist(struct tism_handle *h)
{
	h->previous = NULL;
	h->following = handles;
	if (handles) {
		handles->previous = h;
	}
	handles = h;
}

static void delist(struct tism_handle *h)
{
	(void)pthread_mutex_lock(&handles_lock);
	if (h->following) {
		h->following->previous = h->previous;
	}
	*(h->previous ? &h->previous->following : &handles) = h->following;
	(void)pthread_mutex_unlock(&handles_lock);
}

/* Whether this very process publishes the file through another handle. */
static bool published_here(const struct tism_handle *like)
{
	(void)pthread_mutex_lock(&handles_lock);
	struct tism_handle *h = handles;
	while (h && (!h->publishes || h->inherited || h->dev != like->dev || h->ino != like->ino)) {
		h = h->following;
	}
	(void)pthread_mutex_unlock(&handles_lock);
	return h != NULL;
}

/* Sets h to the handle, or returns what is wrong with it. */
static inline tism_result_t enter(const volatile struct _tism_shared_memory *shm,
                                  struct tism_handle **h)
{
	if (!shm) {
		return TISM_INVALID_ARGUMENT;
	}
	*h = shm->handle;
	return *h && !(*h)->inherited ? TISM_OK : TISM_BAD_HANDLE;
}

static inline tism_result_t enter_publisher(const volatile struct _tism_shared_memory *shm,
                                            struct tism_handle **h)
{
	TISM_MBIND(enter(shm, h));
	return (*h)->access == PUBLISHER ? TISM_OK : TISM_INVALID_ARGUMENT;
}

static inline tism_result_t enter_consumer(const volatile struct _tism_shared_memory *shm,
                                           struct tism_handle **h)
{
	TISM_MBIND(enter(shm, h));
	return (*h)->access != PUBLISHER ? TISM_OK : TISM_INVALID_ARGUMENT;
}

/* ---- Errors ------------------------------------------------------------------------------ */

/* Results that start an attempt anew; they do not leave this file. */
enum { AGAIN = 1000 };
#define TISM_AGAIN ((tism_result_t)AGAIN)

static tism_result_t from_errno(int e)
{
	switch (e) {
	case EACCES:
	case EPERM:
	case EROFS: return TISM_BAD_PERMISSIONS;
	case EINTR: return TISM_INTERUPTED;
	case EMFILE: return TISM_TOO_MANY_FDS;
	case ENFILE: return TISM_FILE_TABLE;
	case ENOMEM:
	case EDQUOT:
	case ENOSPC: return TISM_NO_SPACE;
	case EFBIG:
	case EOVERFLOW: return TISM_TOO_BIG;
	case ENOENT:
	case ENOTDIR: return TISM_DOES_NOT_EXIST;
	case ELOOP:  /* a symbolic link */
	case EISDIR:
	case ENXIO: return TISM_NOT_A_TOPIC; /* a socket or device */
	case ENAMETOOLONG:
	case EBADF: return TISM_INVALID_ARGUMENT;
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP: return TISM_UNSUPPORTED;
	default: return TISM_UNKNOWN;
	}
}

const char *tism_strerror(tism_result_t result)
{
	switch (result) {
	case TISM_OK: return "no error";
	case TISM_INVALID_ARGUMENT: return "invalid argument";
	case TISM_BAD_PERMISSIONS: return "permission denied";
	case TISM_INTERUPTED: return "interrupted by a signal";
	case TISM_UNSUPPORTED: return "not supported by the kernel or the file system";
	case TISM_TOO_MANY_FDS: return "this process has too many open files";
	case TISM_FILE_TABLE: return "the system has too many open files";
	case TISM_NO_SPACE: return "not enough memory for the topic";
	case TISM_TOO_BIG: return "larger than the topic's capacity, or than a topic can be";
	case TISM_VERSION_MISMATCH: return "made by another version of the layout";
	case TISM_DOES_NOT_EXIST: return "no such topic";
	case TISM_IS_ZOMBIE: return "closed by its publisher, replaced or removed: open it again";
	case TISM_UNKNOWN: return "unknown error";
	case TISM_TIMED_OUT: return "gave up waiting";
	case TISM_LIVE_PUBLISHER: return "the topic has a live publisher";
	case TISM_TYPE_MISMATCH: return "the topic holds another type";
	case TISM_NOT_A_TOPIC: return "not a topic";
	case TISM_NO_SLOTS: return "no free consumer slot";
	case TISM_IN_USE: return "the topic is in use";
	case TISM_TORN: return "the publisher died while it wrote";
	case TISM_EMPTY: return "nothing was published yet";
	case TISM_SIZE_MISMATCH: return "the newest value has another size";
	case TISM_READ_ONLY: return "needs write permission to the topic's file";
	case TISM_OVERRUN: return "the value kept changing while it was copied";
	case TISM_NO_DISCARD: return "a topic with one buffer cannot discard a write";
	case TISM_LOCKED: return "this handle holds a lock";
	case TISM_NOT_LOCKED: return "this handle holds no lock";
	case TISM_LEASE_LOST: return "the lock was taken away: what was read may be torn";
	case TISM_CORRUPT: return "shared memory is corrupt";
	case TISM_MEMORY_LOCK: return "cannot lock memory: raise RLIMIT_MEMLOCK";
	case TISM_BAD_HANDLE: return "use of a closed handle, or of the parent's after a fork";
	}
	return "unknown error";
}

/* Tells the caller of create or open more, if it asked for that. */
__attribute__((format(printf, 2, 3)))
static void explain(const tism_options_t *o, const char *format, ...)
{
	if (!o->message || !o->message_size) {
		return;
	}
	va_list args;
	va_start(args, format);
	(void)vsnprintf(o->message, o->message_size, format, args);
	va_end(args);
}

/* ---- Words, sleeping and time ------------------------------------------------------------ */

static inline uint32_t load(const word *w)
{
	return atomic_load_explicit(w, memory_order_seq_cst);
}

static inline void store(word *w, uint32_t v)
{
	atomic_store_explicit(w, v, memory_order_seq_cst);
}

static inline void store_release(word *w, uint32_t v)
{
	atomic_store_explicit(w, v, memory_order_release);
}

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
#define FOREVER INT64_MAX

int64_t tism_now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t deadline_in(int64_t ns)
{
	if (ns < 0) {
		return FOREVER;
	}
	int64_t now = tism_now();
	return ns > FOREVER - now ? FOREVER : now + ns;
}

#ifdef SYS_futex
struct kernel_time {
	long s, ns;
};
#define FUTEX SYS_futex
#else /* a 32-bit architecture younger than 2038 */
struct kernel_time {
	int64_t s, ns;
};
#define FUTEX SYS_futex_time64
#endif

enum { FUTEX_WAIT_OP = 0, FUTEX_WAKE_OP = 1 }; /* between processes: no private flag */

/* Returns 0, or ETIMEDOUT or EINTR. 0 may mean nothing: look again. */
static int futex_wait(const word *w, uint32_t value, int64_t ns)
{
	struct kernel_time t = {(int)(ns / NS_PER_S), (int)(ns % NS_PER_S)};
	if (syscall(FUTEX, w, FUTEX_WAIT_OP, value, &t, NULL, 0) == 0) {
		return 0;
	}
	return errno == ETIMEDOUT || errno == EINTR ? errno : 0;
}

static void futex_wake(const word *w)
{
	(void)syscall(FUTEX, w, FUTEX_WAKE_OP, INT_MAX, NULL, NULL, 0);
}

/*
 * A sleeper looks again after a slice, since a peer can die between its store and its wake.
 * Slices grow, so that an idle waiter costs six wake-ups a second. tests/wakes.c makes them an
 * hour, so that a lost wake hangs.
 */
#ifndef FIRST_SLICE
#define FIRST_SLICE (10 * NS_PER_MS)
#define LAST_SLICE (160 * NS_PER_MS)
#endif

struct patience {
	int64_t deadline, slice, longest;
};

static struct patience patience_until(int64_t deadline)
{
	return (struct patience){deadline, FIRST_SLICE, LAST_SLICE};
}

/* Sleeps for a slice while *w is value. TISM_TIMED_OUT after the deadline. */
static tism_result_t sleep_on(struct patience *p, const word *w, uint32_t value)
{
	int64_t left = FOREVER;
	if (p->deadline != FOREVER && (left = p->deadline - tism_now()) <= 0) {
		return TISM_TIMED_OUT;
	}
	int e = futex_wait(w, value, left < p->slice ? left : p->slice);
	if (e == ETIMEDOUT) {
		p->slice = 2 * p->slice < p->longest ? 2 * p->slice : p->longest;
	}
	return e == EINTR ? TISM_INTERUPTED : TISM_OK;
}

/* For waits that are short: a signal handler does not end them. */
static tism_result_t sleep_through(struct patience *p, const word *w, uint32_t value)
{
	tism_result_t r = sleep_on(p, w, value);
	return r == TISM_INTERUPTED ? TISM_OK : r;
}

static void nap(int64_t ns)
{
	struct timespec t = {.tv_sec = 0, .tv_nsec = (int)ns};
	(void)nanosleep(&t, NULL);
}

/* ---- Type descriptors (section 3) -------------------------------------------------------- */

static const struct {
	const char *name;
	size_t size;
} elements[] = {
	[TISM_BOOL] = {"bool", 1}, [TISM_I8] = {"i8", 1},   [TISM_U8] = {"u8", 1},
	[TISM_I16] = {"i16", 2},   [TISM_U16] = {"u16", 2}, [TISM_I32] = {"i32", 4},
	[TISM_U32] = {"u32", 4},   [TISM_F32] = {"f32", 4}, [TISM_I64] = {"i64", 8},
	[TISM_U64] = {"u64", 8},   [TISM_F64] = {"f64", 8}, [TISM_C64] = {"c64", 8},
	[TISM_C128] = {"c128", 16},
};

enum { ELEMENTS = sizeof elements / sizeof elements[0] };

/* Text that is written as far as there is room; length counts all of it. */
struct text {
	char *at;
	size_t size, length;
};

static void put_char(struct text *t, char c)
{
	if (t->length + 1 < t->size) {
		t->at[t->length] = c;
		t->at[t->length + 1] = 0;
	}
	t->length++;
}

static void put(struct text *t, const char *s)
{
	while (*s) {
		put_char(t, *s++);
	}
}

static void put_number(struct text *t, uint64_t n)
{
	if (n >= 10) {
		put_number(t, n / 10);
	}
	put_char(t, (char)('0' + n % 10));
}

static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_small(char c) { return c >= 'a' && c <= 'z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* GyroRad -> gyro_rad, HTTPCode -> http_code. Indices, as in cell[0].id, are left out. */
static void put_snake(struct text *t, const char *s)
{
	for (size_t i = 0; s[i]; i++) {
		char before = i ? s[i - 1] : '.', after = s[i + 1];
		if (s[i] == '[') {
			while (s[i + 1] && s[i] != ']') {
				i++;
			}
			continue;
		}
		bool begins = before == '.' || before == ']' || before == '_';
		if (is_capital(s[i]) && !begins && (!is_capital(before) || is_small(after))) {
			put_char(t, '_');
		}
		put_char(t, is_capital(s[i]) ? (char)(s[i] - 'A' + 'a') : s[i]);
	}
}

static void put_field(struct text *t, const tism_field_t *f)
{
	put_snake(t, f->name);
	put_char(t, ' ');
	put(t, elements[f->element].name);
	for (size_t i = 0; i < 3 && f->length[i]; i++) {
		bool inner = i + 1 < 3 && f->length[i + 1];
		size_t packed = inner ? f->length[i + 1] * f->stride[i + 1] : elements[f->element].size;
		put_char(t, '[');
		put_number(t, f->length[i]);
		if (f->stride[i] != packed) {
			put_char(t, ':');
			put_number(t, f->stride[i]);
		}
		put_char(t, ']');
	}
	put(t, " @");
	put_number(t, f->offset);
	put_char(t, '\n');
}

static void put_type(struct text *t, const tism_type_t *type)
{
	put(t, "struct ");
	for (const char *s = type->name ? type->name : "-"; *s; s++) {
		put_char(t, *s == ' ' ? '_' : *s); /* "struct attitude" is one name */
	}
	put_char(t, ' ');
	put_number(t, type->size);
	put_char(t, '\n');
	for (size_t i = 0; i < type->count; i++) {
		put_field(t, &type->fields[i]);
	}
}

/* A part of a descriptor that is being read. */
struct reading {
	const char *at, *end;
};

/* Takes what comes before the next c, and c itself; not empty. */
static bool take_until(struct reading *r, char c, struct reading *part)
{
	const char *stop = r->at < r->end ? memchr(r->at, c, (size_t)(r->end - r->at)) : NULL;
	if (!stop || stop == r->at) {
		return false;
	}
	*part = (struct reading){r->at, stop};
	r->at = stop + 1;
	return true;
}

/* Reads a whole part as a number of at most limit, without sign or leading zeros. */
static bool parse_number(struct reading part, uint64_t limit, uint64_t *n)
{
	if (part.at == part.end || (*part.at == '0' && part.end - part.at > 1)) {
		return false;
	}
	for (*n = 0; part.at < part.end; part.at++) {
		if (!is_digit(*part.at)) {
			return false;
		}
		*n = 10 * *n + (uint64_t)(*part.at - '0');
		if (*n > limit) {
			return false;
		}
	}
	return true;
}

static bool equals(struct reading part, const char *s)
{
	size_t n = strlen(s);
	return (size_t)(part.end - part.at) == n && memcmp(part.at, s, n) == 0;
}

/*
 * Reads "[2][3:8]". A stride that is left out follows from the next dimension, so it is read
 * from the right. *extent becomes the bytes from the first element to behind the last.
 */
static bool parse_dimensions(struct reading text, uint64_t element, uint64_t size, uint64_t *extent)
{
	uint64_t inner = element;
	*extent = element;
	for (int n = 0; text.at < text.end; n++) {
		const char *open = text.end - 1;
		while (open > text.at && *open != '[') {
			open--;
		}
		if (n == MAX_DIMENSIONS || *open != '[' || text.end[-1] != ']') {
			return false;
		}
		struct reading length = {open + 1, text.end - 1};
		const char *colon = memchr(length.at, ':', (size_t)(length.end - length.at));
		uint64_t count, stride = inner;
		if (colon) {
			struct reading explicit = {colon + 1, length.end};
			length.end = colon;
			if (!parse_number(explicit, size, &stride) || stride <= inner) {
				return false;
			}
		}
		if (!parse_number(length, size, &count) || count == 0 || stride > size / count) {
			return false;
		}
		*extent += (count - 1) * stride;
		inner = count * stride;
		text.end = open;
	}
	return true;
}

static bool parse_field(struct reading line, uint64_t size)
{
	struct reading name, type;
	uint64_t offset, extent;
	if (!take_until(&line, ' ', &name) || !take_until(&line, ' ', &type) ||
	    line.at == line.end || *line.at++ != '@' || !parse_number(line, size, &offset)) {
		return false;
	}
	struct reading element = type;
	const char *bracket = memchr(type.at, '[', (size_t)(type.end - type.at));
	if (bracket) {
		element.end = bracket;
	}
	for (int i = 0; i < ELEMENTS; i++) {
		if (equals(element, elements[i].name)) {
			struct reading dimensions = {element.end, type.end};
			return parse_dimensions(dimensions, elements[i].size, size, &extent) &&
			       extent <= size && offset <= size - extent;
		}
	}
	return false;
}

enum kind { NO_KIND, STRUCT, BYTES, MSGPACK };

/* Whether the text is canonical and its leaves lie within its size, and what kind it is. */
static enum kind parse_descriptor(const char *text, size_t length, uint64_t *size)
{
	struct reading all = {text, text + length}, line, kind, name;
	if (length > MAX_DESCRIPTOR || !take_until(&all, '\n', &line) ||
	    !take_until(&line, ' ', &kind) || !take_until(&line, ' ', &name) ||
	    !parse_number(line, MAX_SIZE, size) || *size == 0) {
		return NO_KIND;
	}
	enum kind k = equals(kind, "struct")    ? STRUCT
	              : equals(kind, "bytes")   ? BYTES
	              : equals(kind, "msgpack") ? MSGPACK
	                                        : NO_KIND;
	while (all.at < all.end) {
		if (k != STRUCT || !take_until(&all, '\n', &line) || !parse_field(line, *size)) {
			return NO_KIND;
		}
	}
	return k;
}

/* The length of a descriptor that a generator wrote, 0 if it is not one of that type. */
static size_t described(const tism_type_t *type)
{
	size_t n = strlen(type->descriptor);
	uint64_t size;
	return parse_descriptor(type->descriptor, n, &size) == STRUCT && size == type->size ? n : 0;
}

size_t tism_describe(const tism_type_t *type, char *text, size_t size)
{
	if (type && type->descriptor) {
		size_t n = described(type);
		if (n && text && size) {
			(void)snprintf(text, size, "%s", type->descriptor);
		}
		return n;
	}
	if (!type || !type->count) {
		return 0;
	}
	for (size_t i = 0; i < type->count; i++) {
		if (type->fields[i].element < 0 || type->fields[i].element >= ELEMENTS) {
			return 0;
		}
	}
	char own[MAX_DESCRIPTOR + 1];
	struct text t = {own, sizeof own, 0};
	put_type(&t, type);
	uint64_t parsed;
	if (t.length >= sizeof own || parse_descriptor(own, t.length, &parsed) == NO_KIND) {
		return 0;
	}
	if (text && size) {
		(void)snprintf(text, size, "%s", own);
	}
	return t.length;
}

/* What follows the name in the first line: all that is compared, but for the kind. */
static const char *behind_name(const char *text)
{
	const char *blank = strchr(text, ' ');
	return blank ? strchr(blank + 1, ' ') : NULL;
}

static bool same_type(const char *a, const char *b)
{
	size_t kind = strcspn(a, " ");
	const char *x = behind_name(a), *y = behind_name(b);
	return kind == strcspn(b, " ") && memcmp(a, b, kind) == 0 && x && y && strcmp(x, y) == 0;
}

/* Whether a program that wants the one type can use a topic of the other. */
static bool compatible(const char *topic, const char *want)
{
	uint64_t have_size, want_size;
	enum kind have = parse_descriptor(topic, strlen(topic), &have_size);
	enum kind wanted = parse_descriptor(want, strlen(want), &want_size);
	return wanted == BYTES || (wanted == MSGPACK && have == MSGPACK) || same_type(topic, want) ||
	       (have == BYTES && wanted == STRUCT && have_size == want_size);
}

/* ---- Files (sections 1, 2 and 9) --------------------------------------------------------- */

/* Length of the UTF-8 character at s, 0 if it is none. */
static int utf8_length(const unsigned char *s)
{
	int n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3
	        : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool surrogate = s[0] == 0xed && s[1] > 0x9f, beyond = s[0] == 0xf4 && s[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : n;
}

static bool valid_name(const char *name)
{
	if (!name || !*name || *name == '.' || strchr(name, '/') ||
	    strnlen(name, TISM_MAX_NAME_LENGTH + 1) > TISM_MAX_NAME_LENGTH) {
		return false;
	}
	for (int n; *name; name += n) {
		if ((n = utf8_length((const unsigned char *)name)) == 0) {
			return false;
		}
	}
	return true;
}

static const char *directory(const char *dir)
{
	if (!dir) {
		dir = getenv("TISM_DIR");
	}
	return dir && *dir ? dir : "/dev/shm";
}

/* Returns dir/name, to be freed. */
static char *join_path(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = malloc(n);
	if (path) {
		(void)snprintf(path, n, "%s/%s", dir, name);
	}
	return path;
}

static tism_result_t open_file(const char *path, bool writing, int *fd)
{
	int how = writing ? O_RDWR : O_RDONLY;
	*fd = open(path, how | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return *fd >= 0 ? TISM_OK : from_errno(errno);
}

struct proc_path {
	char at[32];
};

static struct proc_path proc_path(int fd)
{
	struct proc_path p;
	(void)snprintf(p.at, sizeof p.at, "/proc/self/fd/%d", fd);
	return p;
}

/* Opens the file behind a descriptor anew: a passed descriptor shares the sender's locks. */
static tism_result_t reopen(int fd, bool writing, int *anew)
{
	if (fcntl(fd, F_GETFD) < 0) {
		return TISM_INVALID_ARGUMENT;
	}
	*anew = open(proc_path(fd).at, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	/* Without /proc it does not exist. */
	return *anew >= 0 ? TISM_OK : errno == ENOENT ? TISM_UNSUPPORTED : from_errno(errno);
}

/* Does what an fcntl of a byte does; returns errno. */
static int lock_control(int fd, int command, off_t byte, short type, struct flock *result)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	int e = fcntl(fd, command, &l) == 0 ? 0 : errno;
	if (result) {
		*result = l;
	}
	return e;
}

/* Takes a byte: TISM_AGAIN if somebody has it. */
static tism_result_t take_byte(int fd, off_t byte)
{
	int e = lock_control(fd, F_OFD_SETLK, byte, F_WRLCK, NULL);
	return e == 0 ? TISM_OK : e == EAGAIN || e == EACCES ? TISM_AGAIN : from_errno(e);
}

static void release_byte(int fd, off_t byte)
{
	(void)lock_control(fd, F_OFD_SETLK, byte, F_UNLCK, NULL);
}

/* Every byte of the file, taken through this descriptor. */
static void release_roles(int fd)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	(void)fcntl(fd, F_OFD_SETLK, &l);
}

/* Whether another handle holds a byte. A request that fails counts as alive. */
static bool byte_taken(int fd, off_t byte)
{
	struct flock l;
	return lock_control(fd, F_OFD_GETLK, byte, F_WRLCK, &l) != 0 || l.l_type != F_UNLCK;
}

static bool publisher_alive(const struct tism_handle *h)
{
	return h->access == PUBLISHER || byte_taken(h->fd, PUBLISHER_BYTE);
}

/* Whether the topic's name still leads to this file. A memfd has none to lose. */
static bool still_named(const struct tism_handle *h)
{
	struct stat st;
	return !h->path || (lstat(h->path, &st) == 0 && st.st_dev == h->dev && st.st_ino == h->ino);
}

static bool has_no_link(const struct tism_handle *h)
{
	struct stat st;
	return !h->memfd && fstat(h->fd, &st) == 0 && st.st_nlink == 0;
}

static tism_result_t read_whole(int fd, void *to, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, at);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got < 0 ? from_errno(errno) : TISM_NOT_A_TOPIC;
		}
		to = (char *)to + got;
		n -= (size_t)got;
		at += got;
	}
	return TISM_OK;
}

/* Reads the descriptor that a checked header announces, and checks that. */
static tism_result_t read_descriptor(struct tism_handle *h)
{
	size_t n = h->geo.descriptor_length;
	h->descriptor = calloc(1, n + 1);
	if (!h->descriptor) {
		return TISM_NO_SPACE;
	}
	TISM_MBIND(read_whole(h->fd, h->descriptor, n, HEADER_FIXED));
	uint64_t size;
	bool good = strlen(h->descriptor) == n &&
	            parse_descriptor(h->descriptor, n, &size) != NO_KIND && size == h->geo.capacity;
	return good ? TISM_OK : TISM_NOT_A_TOPIC;
}

/* Copies the header into private memory and checks all of it. */
static tism_result_t read_header(struct tism_handle *h)
{
	struct stat st;
	if (fstat(h->fd, &st) != 0) {
		return from_errno(errno);
	}
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	struct header head;
	if (!S_ISREG(st.st_mode)) {
		return TISM_NOT_A_TOPIC;
	}
	TISM_MBIND(read_whole(h->fd, &head, sizeof head, 0));
	if (memcmp(head.magic, magic, sizeof magic) != 0) {
		return TISM_NOT_A_TOPIC;
	}
	if (head.version != TISM_LAYOUT_VERSION) {
		return TISM_VERSION_MISMATCH;
	}
	if (head.buffers < 1 || head.buffers > MAX_BUFFERS || head.slots < 1 ||
	    head.slots > MAX_SLOTS || head.capacity < 1 || head.capacity > MAX_SIZE ||
	    head.descriptor_length > MAX_DESCRIPTOR) {
		return TISM_NOT_A_TOPIC;
	}
	h->geo = (struct geometry){head.buffers, head.slots, head.capacity, head.descriptor_length};
	struct header want = header_of(&h->geo);
	if (memcmp(&head, &want, sizeof head) != 0 || (uint64_t)st.st_size < head.size) {
		return TISM_NOT_A_TOPIC;
	}
	return read_descriptor(h);
}

/* Maps the file and lays the words over it. A consumer may write to the control area alone. */
static tism_result_t map_segment(struct tism_handle *h)
{
	uint64_t size = file_size(&h->geo);
	if (size > SIZE_MAX / 2) {
		return TISM_TOO_BIG;
	}
	int protection = h->access == PUBLISHER ? PROT_READ | PROT_WRITE : PROT_READ;
	char *m = mmap(NULL, (size_t)size, protection, MAP_SHARED, h->fd, 0);
	if (m == MAP_FAILED) {
		return from_errno(errno);
	}
	h->map = m;
	h->map_size = (size_t)size;
	size_t control = (size_t)buffers_at(&h->geo) - CONTROL_AT;
	if (h->access == CONSUMER && mprotect(m + CONTROL_AT, control, PROT_READ | PROT_WRITE) != 0) {
		return from_errno(errno);
	}
	h->pub = (struct publisher_words *)(void *)(m + PUBLISHER_AT);
	h->ctl = (struct control *)(void *)(m + CONTROL_AT);
	for (uint32_t i = 0; i < h->geo.buffers; i++) {
		size_t at = (size_t)(buffers_at(&h->geo) + i * stride_of(&h->geo));
		h->buffers[i] = (struct buffer *)(void *)(m + at);
	}
	h->count = h->geo.buffers;
	h->slots = h->geo.slots;
	h->capacity = (size_t)h->geo.capacity;
	return TISM_OK;
}

static tism_result_t write_zeros(int fd, struct range r)
{
	static const char zeros[4096];
	while (r.length > 0) {
		size_t n = r.length < sizeof zeros ? (size_t)r.length : sizeof zeros;
		ssize_t done = pwrite(fd, zeros, n, (off_t)r.at);
		if (done < 0 && errno != EINTR) {
			return from_errno(errno);
		}
		r.at += done > 0 ? (uint64_t)done : 0;
		r.length -= done > 0 ? (uint64_t)done : 0;
	}
	return TISM_OK;
}

/* Makes the file as long as it will be and allocates what is used of it. */
static tism_result_t reserve(int fd, const struct geometry *g)
{
	if (ftruncate(fd, (off_t)file_size(g)) != 0) {
		return from_errno(errno);
	}
	struct range r[4];
	used_ranges(g, r);
	for (int i = 0; i < 4; i++) {
		while (fallocate(fd, 0, (off_t)r[i].at, (off_t)r[i].length) != 0) {
			if (errno == EINTR) {
				continue;
			}
			if (errno != EOPNOTSUPP) {
				return from_errno(errno);
			}
			TISM_MBIND(write_zeros(fd, r[i]));
			break;
		}
	}
	return TISM_OK;
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

static void touch_pages(const volatile char *at, size_t n)
{
	for (size_t i = 0; i < n; i += 4096) {
		(void)at[i];
	}
}

/* Does what the options say about the pages. */
static tism_result_t settle(struct tism_handle *h, unsigned flags)
{
	struct range r[4];
	used_ranges(&h->geo, r);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	for (int i = 0; i < 4; i++) {
		char *at = (char *)h->map + r[i].at;
		uint64_t end = ROUND_UP(r[i].at + r[i].length, page);
		size_t n = (size_t)((end < h->map_size ? end : h->map_size) - r[i].at);
		if ((flags & TISM_LOCK_MEMORY) && mlock(at, n) != 0) {
			return TISM_MEMORY_LOCK;
		}
		if ((flags & TISM_PREFAULT) && madvise(at, n, MADV_POPULATE_READ) != 0) {
			touch_pages(at, n);
		}
	}
	return TISM_OK;
}

/* Unmaps, gives up every role, closes and frees. Stores nothing. */
static void drop(struct tism_handle *h)
{
	delist(h);
	if (h->map) {
		(void)munmap(h->map, h->map_size);
	}
	if (h->fd >= 0) {
		/* Closing would not, while another thread's child has a copy until it executes. */
		release_roles(h->fd);
		(void)close(h->fd);
	}
	free(h->descriptor);
	free(h->path);
	free(h);
}

/* Makes the handle of an open descriptor, which belongs to it from then on. The caller holds
   fork since before it opened that. */
static tism_result_t new_handle(int fd, const char *name, enum access access,
                                struct tism_handle **made)
{
	struct tism_handle *h = calloc(1, sizeof *h);
	if (!h) {
		(void)close(fd);
		return TISM_NO_SPACE;
	}
	h->fd = fd;
	h->access = access;
	h->seen = LATEST_NONE;
	(void)snprintf(h->name, sizeof h->name, "%s", name);
	enlist(h);
	*made = h;
	return TISM_OK;
}

/* Reads and maps a topic that exists; drops the handle if it cannot. */
static tism_result_t load_handle(struct tism_handle *h)
{
	tism_result_t r = read_header(h);
	if (r == TISM_OK) {
		r = map_segment(h);
	}
	if (r != TISM_OK) {
		drop(h);
	}
	return r;
}

/* Opens what has the path; a consumer that may not write becomes a reader. */
static tism_result_t open_path(const char *path, const char *name, enum access access,
                               struct tism_handle **made)
{
	int fd;
	hold_fork();
	tism_result_t r = open_file(path, access != READER, &fd);
	if (r == TISM_BAD_PERMISSIONS && access == CONSUMER) {
		access = READER;
		r = open_file(path, false, &fd);
	}
	if (r == TISM_OK) {
		r = new_handle(fd, name, access, made);
	}
	release_fork();
	return r;
}

/* Opens and loads what has the name. */
static tism_result_t load_named(const char *dir, const char *name, enum access access,
                                struct tism_handle **made)
{
	char *path = join_path(dir, name);
	if (!path) {
		return TISM_NO_SPACE;
	}
	tism_result_t r = open_path(path, name, access, made);
	if (r != TISM_OK) {
		free(path);
		return r;
	}
	(*made)->path = path;
	return load_handle(*made);
}

/* ---- Roles (section 9) ------------------------------------------------------------------- */

static void put_command(word command[4])
{
	char text[17] = {0};
	int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, text, 16);
		(void)close(fd);
		text[n > 0 ? n : 0] = 0;
		text[strcspn(text, "\n")] = 0;
	}
	for (int i = 0; i < 4; i++) {
		uint32_t v;
		memcpy(&v, text + 4 * i, 4);
		store_release(&command[i], v);
	}
}

static void get_process(const word *pid, const word command[4], tism_process_t *who)
{
	who->pid = (int)load(pid);
	for (int i = 0; i < 4; i++) {
		uint32_t v = load(&command[i]);
		memcpy(who->command + 4 * i, &v, 4);
	}
	who->command[16] = 0;
	for (char *c = who->command; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			*c = '?';
		}
	}
}

static void signal_freed(struct tism_handle *h)
{
	(void)atomic_fetch_add(&h->ctl->freed, 1);
	futex_wake(&h->ctl->freed);
}

/* Empties a slot, of this consumer or of a dead one before it, and wakes a publisher that waits
   for whoever had it. */
static void clear_slot(struct tism_handle *h, struct slot *s)
{
	word *words = &s->lock;
	bool locked = load(&s->lock) != 0, pinned = load(&s->pins) != 0;
	for (size_t i = 0; i < sizeof *s / sizeof *words; i++) {
		store_release(&words[i], 0);
	}
	atomic_thread_fence(memory_order_seq_cst);
	if (locked) {
		futex_wake(&s->lock);
	}
	if (pinned) {
		signal_freed(h);
	}
}

/* How many slots a publisher has to look at. */
static inline uint32_t used_slots(const struct tism_handle *h)
{
	uint32_t hi = load(&h->ctl->hi); /* pairs with the CAS of attach */
	return hi < h->slots ? hi : h->slots;
}

static tism_result_t try_attach(struct tism_handle *h)
{
	for (uint32_t i = 0; i < h->slots; i++) {
		tism_result_t r = take_byte(h->fd, SLOT_BYTE(i));
		if (r == TISM_AGAIN) {
			continue;
		}
		if (r != TISM_OK) {
			return r;
		}
		h->slot = &h->ctl->slots[i];
		clear_slot(h, h->slot);
		store_release(&h->slot->pid, (uint32_t)getpid());
		put_command(h->slot->command);
		/* Before the slot's first use; pairs with used_slots. */
		uint32_t hi = load(&h->ctl->hi);
		while (hi < i + 1 && !atomic_compare_exchange_weak(&h->ctl->hi, &hi, i + 1)) {
		}
		return TISM_OK;
	}
	return TISM_NO_SLOTS;
}

/* Tries again where all slots seem taken: whoever reaps a dead consumer's slot has its byte for
   some microseconds. */
static tism_result_t attach(struct tism_handle *h)
{
	tism_result_t r = try_attach(h);
	for (int i = 0; i < 4 && r == TISM_NO_SLOTS; i++) {
		nap(NS_PER_MS);
		r = try_attach(h);
	}
	return r;
}

static void detach(struct tism_handle *h) { clear_slot(h, h->slot); }

/* Clears what a dead consumer left; false if it lives. */
static bool reap(struct tism_handle *h, uint32_t i)
{
	if (take_byte(h->fd, SLOT_BYTE(i)) != TISM_OK) {
		return false;
	}
	clear_slot(h, &h->ctl->slots[i]);
	release_byte(h->fd, SLOT_BYTE(i));
	return true;
}

/* ---- One buffer: the lock (section 8) ---------------------------------------------------- */

enum { W_OPEN = 0, W_CLOSED = 1, W_WRITING = 2, W_FLAGS = 3 };
enum { SLOT_HELD = 1, SLOT_WAITS = 2 };

static uint32_t waits_on(uint32_t phase) { return phase << 2 | SLOT_WAITS; }

static void set_slot(word *slot, uint32_t v)
{
	store(slot, v); /* pairs with the writer's store of closed and its scan */
	futex_wake(slot);
}

/* Shows itself held and looks at the lock again; whether the reader is in. */
static bool enter_dead_lock(struct tism_handle *h, uint32_t phase, tism_result_t *r)
{
	word *slot = &h->slot->lock;
	*r = TISM_OK;
	store(slot, SLOT_HELD);
	if (!publisher_alive(h)) {
		uint32_t w = load(&h->pub->lock);
		if (w >> 2 != phase || (w & W_FLAGS) != W_WRITING) {
			return true; /* a successor scans the slots and honours this one */
		}
		if (!publisher_alive(h)) {
			set_slot(slot, 0);
			*r = TISM_TORN;
			return false;
		}
	}
	set_slot(slot, waits_on(phase));
	return false;
}

/* Waits as a reader of this phase; TISM_AGAIN if the lock was opened without a grant. */
static tism_result_t await_grant(struct tism_handle *h, uint32_t phase, struct patience *p)
{
	word *slot = &h->slot->lock;
	for (;;) {
		uint32_t w = load(&h->pub->lock);
		if (w >> 2 != phase) {
			store(slot, SLOT_HELD); /* granted: the writer scans for phase after it */
			return TISM_OK;
		}
		if ((w & W_FLAGS) == W_OPEN) {
			set_slot(slot, SLOT_HELD); /* a writer may let it in first, and wait for that */
			return TISM_AGAIN;
		}
		tism_result_t r;
		if (!publisher_alive(h)) {
			if (enter_dead_lock(h, phase, &r) || r != TISM_OK) {
				return r;
			}
			continue;
		}
		if ((r = sleep_through(p, &h->pub->lock, w)) != TISM_OK) {
			set_slot(slot, 0);
			return r;
		}
	}
}

static tism_result_t lock_slow(struct tism_handle *h)
{
	struct patience p = patience_until(deadline_in(h->timeout));
	tism_result_t r;
	do {
		uint32_t w = load(&h->pub->lock);
		if ((w & W_FLAGS) == W_OPEN) {
			return TISM_OK; /* the slot says held */
		}
		set_slot(&h->slot->lock, waits_on(w >> 2));
		r = await_grant(h, w >> 2, &p);
	} while (r == TISM_AGAIN);
	return r;
}

static tism_result_t read_lock(struct tism_handle *h)
{
	store(&h->slot->lock, SLOT_HELD); /* pairs with the store of closed and the scan */
	if ((load(&h->pub->lock) & W_FLAGS) == W_OPEN) {
		return TISM_OK;
	}
	return lock_slow(h);
}

static tism_result_t read_unlock(struct tism_handle *h)
{
	word *slot = &h->slot->lock;
	if (load(slot) != SLOT_HELD) {
		return TISM_LEASE_LOST;
	}
	store(slot, 0); /* pairs with the writer's store of closed */
	if ((load(&h->pub->lock) & W_FLAGS) == W_CLOSED) {
		futex_wake(slot);
	}
	return TISM_OK;
}

/* Slot in which a reader of the phase waits, or -1. */
static int waiting_reader(struct tism_handle *h)
{
	uint32_t n = used_slots(h);
	for (uint32_t i = 0; i < n; i++) {
		if (load(&h->ctl->slots[i].lock) == waits_on(h->phase)) {
			return (int)i;
		}
	}
	return -1;
}

static void open_lock(struct tism_handle *h)
{
	store(&h->pub->lock, h->phase << 2 | W_OPEN);
	futex_wake(&h->pub->lock);
}

/* After a lock that gave up: those that wait on its phase come first, for a slice since then. It
   gives up again where there is less time than that: a writer that retries must not starve them. */
static tism_result_t let_readers_in(struct tism_handle *h, int64_t deadline)
{
	int64_t slice = h->gave_up + FIRST_SLICE;
	struct patience p = patience_until(slice < deadline ? slice : deadline);
	for (int i; (i = waiting_reader(h)) >= 0;) {
		tism_result_t r = sleep_through(&p, &h->ctl->slots[i].lock, waits_on(h->phase));
		if (r != TISM_OK && deadline < slice) {
			h->blocker = (uint32_t)i + 1;
			return r;
		}
		if (r != TISM_OK) {
			break;
		}
	}
	h->gave_up = 0;
	return TISM_OK;
}

/* Waits until a reader has left, or died. */
static tism_result_t await_reader(struct tism_handle *h, uint32_t i, struct patience *p)
{
	for (;;) {
		uint32_t s = load(&h->ctl->slots[i].lock); /* pairs with the stores of readers */
		if (s == 0 || s == waits_on(h->phase) || reap(h, i)) {
			return TISM_OK;
		}
		tism_result_t r = sleep_through(p, &h->ctl->slots[i].lock, s);
		if (r != TISM_OK) {
			h->blocker = i + 1;
			return r;
		}
	}
}

static tism_result_t write_lock(struct tism_handle *h)
{
	if (h->torn) {
		return TISM_OK; /* still writing: nobody is inside */
	}
	struct patience p = patience_until(deadline_in(h->timeout));
	if (h->gave_up) {
		TISM_MBIND(let_readers_in(h, p.deadline));
	}
	store(&h->pub->lock, h->phase << 2 | W_CLOSED); /* pairs with a reader's load of W */
	uint32_t n = used_slots(h);
	for (uint32_t i = 0; i < n; i++) {
		tism_result_t r = await_reader(h, i, &p);
		if (r != TISM_OK) {
			h->gave_up = tism_now();
			open_lock(h);
			return r;
		}
	}
	store_release(&h->pub->lock, h->phase << 2 | W_WRITING);
	return TISM_OK;
}

static void write_unlock(struct tism_handle *h)
{
	bool waiting;
	uint32_t next = (h->phase + 1) & (UINT32_MAX >> 2);
	store(&h->pub->lock, next << 2 | W_OPEN); /* pairs with a reader's store of waits */
	waiting = waiting_reader(h) >= 0;
	h->phase = next;
	h->torn = false;
	if (waiting) {
		futex_wake(&h->pub->lock);
	}
}

/* ---- Publish (section 7) ----------------------------------------------------------------- */

/* A buffer that is neither the newest nor pinned, the next in turn; -1: none. */
static inline int pick(const struct tism_handle *h)
{
	uint32_t taken = h->newest, n = used_slots(h);
	/* Pairs with a consumer's store of pins and load of latest: the swap of notify lies
	   between the last store of latest and these loads. */
	for (uint32_t i = 0; i < n; i++) {
		taken |= load(&h->ctl->slots[i].pins);
	}
	uint32_t available = ((1u << h->count) - 1) & ~taken;
	if (available == 0) {
		return -1;
	}
	/* In turn, so that a copy that is under way has the longest time to end. */
	uint32_t later = available & ~(2 * h->newest - 1);
	return __builtin_ctz(later && h->newest ? later : available);
}

/* Clears the pins of the dead; notes a slot that lives. */
static void reap_holders(struct tism_handle *h)
{
	uint32_t n = used_slots(h);
	for (uint32_t i = 0; i < n; i++) {
		if (load(&h->ctl->slots[i].pins) != 0 && !reap(h, i)) {
			h->blocker = i + 1;
		}
	}
}

static tism_result_t await_buffer(struct tism_handle *h, uint32_t *index)
{
	struct patience p = patience_until(deadline_in(h->timeout));
	tism_result_t r = TISM_OK;
	int j;
	store(&h->pub->want, 1); /* pairs with the load after a release of pins */
	for (;;) {
		uint32_t freed = load(&h->ctl->freed); /* before the look */
		reap_holders(h);
		if ((j = pick(h)) >= 0) {
			*index = (uint32_t)j;
			break;
		}
		if (load(&h->pub->retired)) {
			r = TISM_IS_ZOMBIE;
			break;
		}
		if ((r = sleep_through(&p, &h->ctl->freed, freed)) != TISM_OK) {
			break;
		}
	}
	store_release(&h->pub->want, 0);
	return r;
}

/* Finds a buffer to write to and marks it. publish or tism_discard must follow. */
static tism_result_t begin(struct tism_handle *h, struct buffer **b)
{
	if (h->guard != HOLDS_NOTHING) {
		return TISM_LOCKED;
	}
	if (load(&h->pub->retired)) {
		return TISM_IS_ZOMBIE;
	}
	h->next = 0;
	if (h->count == 1) {
		TISM_MBIND(write_lock(h));
	} else {
		int j = pick(h);
		if (j >= 0) {
			h->next = (uint32_t)j;
		} else {
			TISM_MBIND(await_buffer(h, &h->next));
		}
	}
	h->guard = HOLDS_WRITE;
	*b = h->buffers[h->next];
	uint32_t v = (uint32_t)(h->number + 1) & VERSION_MASK;
	atomic_store_explicit(&(*b)->sequence, v << 1 | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* F1; pairs with F2 of try_copy */
	return TISM_OK;
}

/* Wakes whoever waits on the topic. Pairs with the second look of await_news. */
static bool ring(struct tism_handle *h)
{
	uint32_t old = atomic_exchange(&h->ctl->notify, ++h->rings << 1);
	if (old & 1) {
		futex_wake(&h->ctl->notify);
	}
	return old & 1;
}

/* Publishes what was written to the buffer of begin. */
static void publish(struct tism_handle *h, size_t n, int64_t sampled)
{
	struct buffer *b = h->buffers[h->next];
	uint32_t v = (uint32_t)++h->number & VERSION_MASK;
	b->length = (uint32_t)n;
	b->number = h->number;
	b->published = h->timestamps ? tism_now() : 0;
	b->sampled = sampled ? sampled : b->published;
	h->current = h->next;
	h->newest = 1u << h->next;
	h->guard = HOLDS_NOTHING;
	store_release(&b->sequence, v << 1);                  /* pairs with try_copy */
	store_release(&h->pub->latest, v << 4 | h->current); /* pairs with all loads of latest */
	if (h->count == 1) {
		write_unlock(h);
	}
	(void)ring(h);
}

/* What a buffer says of its value. length is loaded once, whatever the compiler would like: it is
   checked and then used, and whoever else has the file open for writing can change it. */
static struct head head_of(const struct buffer *b)
{
	uint32_t length = *(const volatile uint32_t *)&b->length;
	return (struct head){length, b->number, b->published, b->sampled};
}

/* Gives the buffer of begin back. Its sequence stays odd: latest does not name it. */
static tism_result_t abandon(struct tism_handle *h, tism_result_t result)
{
	h->torn = h->count == 1;
	h->guard = HOLDS_NOTHING;
	return result;
}

/* Copies the newest value to the buffer of begin, for an update of part of it. */
static tism_result_t preset(struct tism_handle *h, struct buffer *b)
{
	if (h->torn) {
		return abandon(h, TISM_TORN);
	}
	h->length = h->exact ? h->exact : h->capacity;
	if (h->number == 0) {
		return TISM_OK;
	}
	struct buffer *newest = h->buffers[h->current];
	uint32_t n = head_of(newest).length;
	if (n > h->capacity) {
		return abandon(h, TISM_CORRUPT);
	}
	h->length = n;
	if (h->count > 1) {
		memcpy(b->payload, newest->payload, n);
	}
	return TISM_OK;
}

static tism_result_t fits(const struct tism_handle *h, size_t n)
{
	if (n > h->capacity) {
		return TISM_TOO_BIG;
	}
	return h->exact && n != h->exact ? TISM_SIZE_MISMATCH : TISM_OK;
}

static inline tism_result_t write_value(struct tism_handle *h, const void *data, size_t n,
                                        int64_t sampled)
{
	struct buffer *b;
	TISM_MBIND(begin(h, &b));
	memcpy(b->payload, data, n);
	publish(h, n, sampled);
	return TISM_OK;
}

/* The newest value, for the publisher's own reads: nobody else writes to it. */
static tism_result_t own_newest(struct tism_handle *h, struct buffer **b)
{
	if (h->count == 1 && h->guard == HOLDS_WRITE) {
		return TISM_LOCKED; /* it is being written */
	}
	if (h->torn) {
		return TISM_TORN;
	}
	if (h->number == 0) {
		return TISM_EMPTY;
	}
	*b = h->buffers[h->current];
	return TISM_OK;
}

/* ---- Read (section 7) -------------------------------------------------------------------- */

enum { TRIES = 4, MANY_TRIES = 1000 };

static void note(struct tism_handle *h, uint32_t latest, const struct head *d)
{
	h->before = h->info.number;
	h->seen = latest;
	h->info.number = d->number;
	h->info.published_ns = d->published;
	h->info.sampled_ns = d->sampled;
	h->info.size = d->length;
}

/* Whether a value may be copied to where size bytes are, exactly if that is not 0. */
static inline tism_result_t fits_into(const struct tism_handle *h, const struct head *d,
                                      size_t size, bool whole)
{
	if (d->length > h->capacity) {
		return TISM_CORRUPT;
	}
	if (whole ? d->length != size : d->length > size) {
		return TISM_SIZE_MISMATCH;
	}
	return h->exact && d->length != h->exact ? TISM_SIZE_MISMATCH : TISM_OK;
}

static tism_result_t no_buffer(uint32_t latest)
{
	return latest == LATEST_NONE ? TISM_EMPTY : TISM_CORRUPT;
}

/* One attempt to copy the newest value; TISM_AGAIN if it changed meanwhile. */
static inline tism_result_t try_copy(struct tism_handle *h, void *data, size_t size, bool whole)
{
	uint32_t l = load(&h->pub->latest);
	const struct buffer *b = h->buffers[INDEX(l)];
	if (!b) {
		return no_buffer(l);
	}
	uint32_t s = load(&b->sequence); /* pairs with begin and publish */
	if (s != SEQUENCE(l)) {
		return TISM_AGAIN;
	}
	struct head d = head_of(b);
	tism_result_t r = fits_into(h, &d, size, whole);
	if (r == TISM_OK) {
		memcpy(data, b->payload, d.length);
	}
	atomic_thread_fence(memory_order_acquire); /* F2 */
	if (atomic_load_explicit(&b->sequence, memory_order_relaxed) != s) {
		return TISM_AGAIN;
	}
	if (r == TISM_OK) {
		note(h, l, &d);
	}
	return r;
}

static void unpin(struct tism_handle *h, uint32_t left)
{
	store(&h->slot->pins, left); /* pairs with the publisher's store of want */
	if (load(&h->pub->want)) {
		signal_freed(h);
	}
}

/* Pins the newest buffer; *latest names its value. */
static tism_result_t pin(struct tism_handle *h, uint32_t *latest)
{
	for (int i = 0; i < MANY_TRIES; i++) {
		uint32_t l = load(&h->pub->latest);
		if (!h->buffers[INDEX(l)]) {
			return no_buffer(l);
		}
		uint32_t pins = load(&h->slot->pins);
		store(&h->slot->pins, pins | 1u << INDEX(l)); /* pairs with pick */
		*latest = load(&h->pub->latest);
		if (INDEX(*latest) != INDEX(l)) {
			unpin(h, pins);
			continue;
		}
		if (load(&h->buffers[INDEX(l)]->sequence) == SEQUENCE(*latest)) {
			return TISM_OK;
		}
		unpin(h, pins);
		return TISM_CORRUPT;
	}
	return TISM_OVERRUN;
}

/* Holds the newest value in place. */
static tism_result_t acquire(struct tism_handle *h, uint32_t *latest)
{
	if (h->count > 1) {
		return pin(h, latest);
	}
	TISM_MBIND(read_lock(h));
	*latest = load(&h->pub->latest);
	const struct buffer *b = h->buffers[INDEX(*latest)];
	tism_result_t r = !b                                          ? no_buffer(*latest)
	                  : load(&b->sequence) == SEQUENCE(*latest) ? TISM_OK
	                                                            : TISM_CORRUPT;
	if (r != TISM_OK) {
		(void)read_unlock(h);
	}
	return r;
}

static tism_result_t release(struct tism_handle *h, uint32_t index)
{
	if (h->count == 1) {
		return read_unlock(h);
	}
	uint32_t pins = load(&h->slot->pins);
	if (!(pins & 1u << index)) {
		return TISM_LEASE_LOST;
	}
	unpin(h, pins & ~(1u << index));
	return TISM_OK;
}

/* Copies under a pin or the lock, where copying without kept failing. */
static tism_result_t copy_held(struct tism_handle *h, void *data, size_t size, bool whole)
{
	uint32_t l;
	if (h->count == 1 && h->guard == HOLDS_READ) {
		return TISM_CORRUPT; /* locked by this handle, so it cannot change */
	}
	TISM_MBIND(acquire(h, &l));
	const struct buffer *b = h->buffers[INDEX(l)];
	struct head d = head_of(b);
	tism_result_t r = fits_into(h, &d, size, whole);
	if (r == TISM_OK) {
		memcpy(data, b->payload, d.length);
		note(h, l, &d);
	}
	if (h->guard == HOLDS_READ && INDEX(l) == h->index) {
		return r; /* the guard keeps the pin */
	}
	tism_result_t lost = release(h, INDEX(l));
	return r == TISM_OK ? lost : r;
}

static tism_result_t copy_slow(struct tism_handle *h, void *data, size_t size, bool whole)
{
	for (int i = 0; i < (h->slot ? TRIES : MANY_TRIES); i++) {
		tism_result_t r = try_copy(h, data, size, whole);
		if (r != TISM_AGAIN) {
			return r;
		}
		(void)sched_yield();
	}
	if (h->slot) {
		return copy_held(h, data, size, whole);
	}
	return h->count == 1 && !publisher_alive(h) ? TISM_TORN : TISM_OVERRUN;
}

static tism_result_t copy_own(struct tism_handle *h, void *data, size_t size, bool whole)
{
	struct buffer *b;
	TISM_MBIND(own_newest(h, &b));
	struct head d = head_of(b);
	TISM_MBIND(fits_into(h, &d, size, whole));
	memcpy(data, b->payload, d.length);
	note(h, ((uint32_t)h->number & VERSION_MASK) << 4 | h->current, &d);
	return TISM_OK;
}

static inline tism_result_t read_value(struct tism_handle *h, void *data, size_t size, bool whole)
{
	if (h->access == PUBLISHER) {
		return copy_own(h, data, size, whole);
	}
	if (load(&h->pub->retired)) {
		return TISM_IS_ZOMBIE;
	}
	tism_result_t r = try_copy(h, data, size, whole);
	return r == TISM_AGAIN ? copy_slow(h, data, size, whole) : r;
}

/* ---- Wait (section 7) -------------------------------------------------------------------- */

static inline bool has_news(const struct tism_handle *h)
{
	uint32_t l = load(&h->pub->latest);
	return VERSION(l) != VERSION(h->seen) || (h->seen == LATEST_NONE && l != LATEST_NONE);
}

/* Whether waiting is over: TISM_AGAIN if not. state is loaded before latest, because what a
   publisher published before it closed must be read before the end is told. */
static tism_result_t look(const struct tism_handle *h)
{
	if (load(&h->pub->retired)) {
		return TISM_IS_ZOMBIE;
	}
	bool closed = load(&h->pub->state) == STATE_CLOSED;
	return has_news(h) ? TISM_OK : closed ? TISM_IS_ZOMBIE : TISM_AGAIN;
}

static tism_result_t look_for_publisher(const struct tism_handle *h)
{
	if (load(&h->pub->retired)) {
		return TISM_IS_ZOMBIE;
	}
	return load(&h->pub->state) == STATE_OPEN && publisher_alive(h) ? TISM_OK : TISM_AGAIN;
}

/* Asks for a wake and returns the word to sleep on. A reader may not ask. */
static uint32_t arm(struct tism_handle *h)
{
	uint32_t n = load(&h->ctl->notify);
	while (h->slot && !(n & 1) && !atomic_compare_exchange_weak(&h->ctl->notify, &n, n | 1)) {
	}
	return h->slot ? n | 1 : n;
}

/* Sleeps until seen returns something else than TISM_AGAIN. */
static tism_result_t await(struct tism_handle *h, int64_t timeout,
                           tism_result_t (*seen)(const struct tism_handle *))
{
	tism_result_t r = seen(h);
	if (r != TISM_AGAIN) {
		return r;
	}
	struct patience p = patience_until(deadline_in(timeout));
	if (!h->slot) {
		p.slice = p.longest = 2 * NS_PER_MS;
	}
	for (;;) {
		uint32_t armed = arm(h);
		/* The second look: pairs with the swap of notify that follows every store. */
		if ((r = seen(h)) != TISM_AGAIN) {
			return r;
		}
		if ((h->memfd || has_no_link(h)) && !publisher_alive(h)) {
			return TISM_IS_ZOMBIE; /* nobody can ever publish here */
		}
		if (atomic_exchange(&h->interrupted, 0)) {
			return TISM_INTERUPTED;
		}
		if ((r = sleep_on(&p, &h->ctl->notify, armed)) != TISM_OK) {
			return r;
		}
	}
}

/* ---- Create (section 10) ----------------------------------------------------------------- */

/* What create was asked for, with every default filled in. */
struct wish {
	const char *name;
	const void *data;
	size_t n;
	tism_options_t o;
	char *descriptor;
	struct geometry geo;
	enum kind kind;
};

static const tism_options_t no_options;

/* The options with the defaults that create and open share. */
static tism_result_t with_defaults(const tism_options_t *given, tism_options_t *o)
{
	*o = given ? *given : no_options;
	o->buffers = o->buffers ? o->buffers : 4;
	o->slots = o->slots ? o->slots : 128;
	o->mode = o->mode ? o->mode : 0600;
	o->timeout_ns = o->timeout_ns ? o->timeout_ns : NS_PER_S;
	o->dir = directory(o->dir);
	explain(o, "%s", "");
	if (o->buffers > MAX_BUFFERS || o->slots > MAX_SLOTS || (o->mode & 0600) != 0600 ||
	    (o->mode & ~0777u) != 0 || (o->type && o->descriptor)) {
		explain(o, "an option is out of range");
		return TISM_INVALID_ARGUMENT;
	}
	return TISM_OK;
}

/* Sets *text to the descriptor that the options ask for, to be freed; NULL for none. */
static tism_result_t wanted_type(const tism_options_t *o, char **text)
{
	*text = NULL;
	uint64_t size;
	if (o->type) {
		size_t n = tism_describe(o->type, NULL, 0);
		if (n == 0) {
			explain(o, "the type cannot be described");
			return TISM_INVALID_ARGUMENT;
		}
		*text = malloc(n + 1);
		return *text && tism_describe(o->type, *text, n + 1) ? TISM_OK : TISM_NO_SPACE;
	}
	if (o->descriptor) {
		if (parse_descriptor(o->descriptor, strlen(o->descriptor), &size) == NO_KIND) {
			explain(o, "the descriptor is malformed");
			return TISM_INVALID_ARGUMENT;
		}
		*text = strdup(o->descriptor);
		return *text ? TISM_OK : TISM_NO_SPACE;
	}
	return TISM_OK;
}

/* Fills in what the topic will be. */
static tism_result_t plan(struct wish *w)
{
	if (!valid_name(w->name)) {
		explain(&w->o, "bad topic name: 1 to %d bytes of UTF-8, no '/', no dot first",
		        TISM_MAX_NAME_LENGTH);
		return TISM_INVALID_ARGUMENT;
	}
	TISM_MBIND(wanted_type(&w->o, &w->descriptor));
	uint64_t capacity = w->o.capacity ? w->o.capacity : w->n;
	if (!w->descriptor) {
		if (capacity > MAX_SIZE) {
			return TISM_TOO_BIG;
		}
		char text[32];
		(void)snprintf(text, sizeof text, "bytes - %u\n", (unsigned)capacity);
		if (!(w->descriptor = strdup(text))) {
			return TISM_NO_SPACE;
		}
	}
	w->kind = parse_descriptor(w->descriptor, strlen(w->descriptor), &capacity);
	if (w->kind == NO_KIND || (!w->data && w->n)) {
		return TISM_INVALID_ARGUMENT;
	}
	if (w->data && (w->kind == STRUCT ? w->n != capacity : w->n > capacity)) {
		explain(&w->o, "the first value has %zu bytes, the type %llu", w->n,
		        (unsigned long long)capacity);
		return w->n > capacity ? TISM_TOO_BIG : TISM_SIZE_MISMATCH;
	}
	w->geo = (struct geometry){w->o.buffers, w->o.slots, capacity,
	                           (uint32_t)strlen(w->descriptor)};
	return TISM_OK;
}

static void retire(struct tism_handle *h)
{
	store(&h->pub->retired, 1);
	uint32_t n = load(&h->ctl->notify);
	while (!atomic_compare_exchange_weak(&h->ctl->notify, &n, ((n >> 1) + 1) << 1)) {
	}
	futex_wake(&h->ctl->notify);
	futex_wake(&h->pub->lock);
}

/* Removes the name from a segment that is mapped for writing. TISM_AGAIN: somebody else is
   at it, or was faster. */
static tism_result_t clear_name(struct tism_handle *h)
{
	TISM_MBIND(take_byte(h->fd, NAME_BYTE));
	tism_result_t r = TISM_AGAIN;
	if (still_named(h)) {
		retire(h);
		r = unlink(h->path) == 0 || errno == ENOENT ? TISM_OK : from_errno(errno);
	}
	release_byte(h->fd, NAME_BYTE);
	return r;
}

/* Whether a publisher of the wish can go on with the segment. */
static bool usable(const struct tism_handle *h, const struct wish *w)
{
	if (h->geo.buffers != w->geo.buffers || h->geo.slots != w->geo.slots ||
	    h->geo.capacity != w->geo.capacity || !same_type(h->descriptor, w->descriptor)) {
		return false;
	}
	uint32_t l = load(&h->pub->latest);
	const struct buffer *b = h->buffers[INDEX(l)];
	if (!b) {
		return l == LATEST_NONE;
	}
	return h->count == 1 || (load(&b->sequence) == SEQUENCE(l) &&
	                         ((uint32_t)b->number & VERSION_MASK) == VERSION(l));
}

/* Takes the publisher's role of a topic that exists; TISM_AGAIN: look anew. */
static tism_result_t claim(struct tism_handle *h, const struct wish *w)
{
	tism_result_t r = take_byte(h->fd, PUBLISHER_BYTE);
	if (r != TISM_OK && r != TISM_AGAIN) {
		return r;
	}
	bool ours = r == TISM_OK;
	if (!still_named(h)) {
		return TISM_AGAIN;
	}
	bool force = (w->o.flags & TISM_REPLACE) ||
	             ((w->o.flags & TISM_REPLACE_OWN) && published_here(h));
	if (load(&h->pub->retired) || (ours ? !usable(h, w) : force)) {
		TISM_MBIND(clear_name(h));
		return TISM_AGAIN;
	}
	if (!ours && (!byte_taken(h->fd, SIGNED_BYTE) || load(&h->pub->state) == STATE_CLOSED)) {
		return TISM_AGAIN; /* its holder lets go at once, or has not said yet who it is */
	}
	if (!ours) {
		tism_process_t who;
		get_process(&h->pub->pid, h->pub->command, &who);
		explain(&w->o, "the topic has a live publisher: %s (PID %d); stop it, or create with "
		        "TISM_REPLACE", who.command, who.pid);
		return TISM_LIVE_PUBLISHER;
	}
	return TISM_OK;
}

/* Says who publishes, and from where the count of writes begins. */
static void sign(struct tism_handle *h)
{
	struct publisher_words *p = h->pub;
	uint32_t g = load(&p->generation) | 1;
	store(&p->generation, g);
	store(&p->pid, (uint32_t)getpid());
	put_command(p->command);
	store(&p->base[0], (uint32_t)h->base);
	store(&p->base[1], (uint32_t)(h->base >> 32));
	store(&p->generation, g + 1);
}

/* Learns what the predecessor left. */
static void inherit(struct tism_handle *h)
{
	uint32_t l = load(&h->pub->latest), w = load(&h->pub->lock);
	const struct buffer *b = h->buffers[INDEX(l)];
	if (b) {
		h->number = b->number;
		if (((uint32_t)h->number & VERSION_MASK) != VERSION(l)) {
			h->number = VERSION(l); /* one buffer, and a predecessor that died inside */
		}
		h->current = INDEX(l);
		h->newest = 1u << INDEX(l);
	}
	h->base = h->number;
	h->rings = load(&h->ctl->notify) >> 1;
	h->phase = w >> 2;
	h->torn = h->count == 1 && (w & W_FLAGS) == W_WRITING;
	if (h->count == 1 && (w & W_FLAGS) == W_CLOSED) {
		open_lock(h); /* who waits for it would wait until the next write */
	}
}

/* Becomes the publisher of a segment whose role is held, new or inherited. */
static tism_result_t take_over(struct tism_handle *h, const struct wish *w)
{
	h->publishes = true;
	TISM_MBIND(settle(h, w->o.flags));
	h->exact = w->kind == STRUCT ? h->capacity : 0;
	h->timeout = w->o.timeout_ns;
	h->timestamps = !(w->o.flags & TISM_NO_TIMESTAMPS);
	inherit(h);
	bool resume = (w->o.flags & TISM_RESUME) && h->number > 0;
	if (resume && h->torn) {
		explain(&w->o, "nothing to resume: the last publisher died while it wrote");
		return TISM_TORN;
	}
	store(&h->pub->want, 0);
	sign(h);
	TISM_MBIND(take_byte(h->fd, SIGNED_BYTE));
	uint32_t before = load(&h->pub->state);
	store(&h->pub->state, STATE_OPEN); /* whoever reads the first value must not see closed */
	/* Who slept when the predecessor died between its store and its wake. */
	if (!ring(h)) {
		futex_wake(&h->ctl->notify);
	}
	tism_result_t r = w->data && !resume ? write_value(h, w->data, w->n, 0) : TISM_OK;
	if (r != TISM_OK) {
		store(&h->pub->state, before);
		return r;
	}
	/* Tells those that wait for a publisher with inotify. */
	return futimens(h->fd, NULL) == 0 ? TISM_OK : from_errno(errno);
}

/* Makes the topic in a file that has no name yet; drops the handle if it cannot. */
static tism_result_t format(struct tism_handle *h, const struct wish *w)
{
	struct stat st;
	int fd = h->fd;
	h->geo = w->geo;
	h->descriptor = strdup(w->descriptor);
	tism_result_t r = h->descriptor ? TISM_OK : TISM_NO_SPACE;
	if (r == TISM_OK && (fchmod(fd, (mode_t)w->o.mode) != 0 || fstat(fd, &st) != 0)) {
		r = from_errno(errno);
	}
	if (r == TISM_OK && (r = reserve(fd, &h->geo)) == TISM_NO_SPACE) {
		explain(&w->o, "reserving %llu bytes: no space left; remove topics or make the file "
		        "system larger", (unsigned long long)file_size(&h->geo));
	}
	if (r == TISM_OK && (r = map_segment(h)) == TISM_OK) {
		struct header head = header_of(&h->geo);
		memcpy(h->map, &head, sizeof head);
		memcpy((char *)h->map + sizeof head, w->descriptor, h->geo.descriptor_length);
		store(&h->pub->latest, LATEST_NONE);
		h->dev = st.st_dev;
		h->ino = st.st_ino;
		r = take_byte(fd, PUBLISHER_BYTE);
		r = r == TISM_AGAIN ? TISM_CORRUPT : r;
	}
	if (r == TISM_OK) {
		r = take_over(h, w);
	}
	if (r != TISM_OK) {
		drop(h);
	}
	return r;
}

/* Makes an unnamed file. Where that is not possible it has a name for a moment, temp. */
static tism_result_t unnamed_file(const char *dir, char **temp, int *fd)
{
	*temp = NULL;
	*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0 && access("/proc/self/fd", X_OK) == 0) {
		return TISM_OK;
	}
	if (*fd >= 0) {
		(void)close(*fd);
	} else if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) {
		return from_errno(errno);
	}
	char name[64];
	(void)snprintf(name, sizeof name, ".tism-%d-%lld", (int)getpid(), (long long)tism_now());
	if (!(*temp = join_path(dir, name))) {
		return TISM_NO_SPACE;
	}
	*fd = open(*temp, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0) {
		int e = errno;
		free(*temp);
		*temp = NULL;
		return from_errno(e);
	}
	return TISM_OK;
}

static tism_result_t link_file(int fd, const char *temp, const char *path)
{
	int failed = temp ? link(temp, path)
	                  : linkat(AT_FDCWD, proc_path(fd).at, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	return !failed ? TISM_OK : errno == EEXIST ? TISM_AGAIN : from_errno(errno);
}

/* Makes a new topic and then names it, so that nobody ever sees half of one. */
static tism_result_t build(const struct wish *w, struct tism_handle **made)
{
	char *temp = NULL;
	int fd;
	hold_fork();
	tism_result_t r = unnamed_file(w->o.dir, &temp, &fd);
	if (r == TISM_OK) {
		r = new_handle(fd, w->name, PUBLISHER, made);
	}
	release_fork();
	if (r == TISM_OK && (r = format(*made, w)) == TISM_OK) {
		(*made)->path = join_path(w->o.dir, w->name);
		r = (*made)->path ? link_file(fd, temp, (*made)->path) : TISM_NO_SPACE;
		if (r != TISM_OK) {
			drop(*made);
		}
	}
	if (temp) {
		(void)unlink(temp);
		free(temp);
	}
	return r;
}

static tism_result_t try_create(const struct wish *w, struct tism_handle **made)
{
	tism_result_t r = load_named(w->o.dir, w->name, PUBLISHER, made);
	if (r == TISM_DOES_NOT_EXIST) {
		return build(w, made);
	}
	if (r != TISM_OK) {
		return r;
	}
	if ((r = claim(*made, w)) == TISM_OK) {
		r = take_over(*made, w);
	}
	if (r != TISM_OK) {
		drop(*made);
	}
	return r;
}

/* try_create until nobody else is at it. */
static tism_result_t create_named(const struct wish *w, struct tism_handle **made)
{
	int64_t deadline = deadline_in(w->o.timeout_ns);
	tism_result_t r;
	while ((r = try_create(w, made)) == TISM_AGAIN) {
		if (tism_now() >= deadline) {
			return TISM_TIMED_OUT;
		}
		nap(NS_PER_MS);
	}
	return r;
}

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static tism_result_t create_memfd(const struct wish *w, struct tism_handle **made)
{
	char name[TISM_MAX_NAME_LENGTH + 8];
	(void)snprintf(name, sizeof name, "tism:%s", w->name);
	hold_fork();
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	tism_result_t r = fd < 0 ? from_errno(errno) : new_handle(fd, w->name, PUBLISHER, made);
	release_fork();
	TISM_MBIND(r);
	TISM_MBIND(format(*made, w));
	(*made)->memfd = true;
	if (fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) != 0) {
		int e = errno;
		drop(*made);
		return from_errno(e);
	}
	return TISM_OK;
}

/* Gives the caller of create or open its handle, or says why there is none. */
static tism_result_t hand_out(volatile struct _tism_shared_memory *shm, struct tism_handle *h,
                              tism_result_t r, const tism_options_t *o)
{
	if (r == TISM_OK) {
		shm->handle = h;
	} else if (o->message && o->message_size && !*o->message) {
		explain(o, "%s", tism_strerror(r));
	}
	return r;
}

typedef tism_result_t creator(const struct wish *, struct tism_handle **);

static tism_result_t create(volatile tism_owned_shared_memory_t *shm, struct wish *w,
                            const tism_options_t *options, creator *make)
{
	if (!shm) {
		return TISM_INVALID_ARGUMENT;
	}
	shm->handle = NULL;
	TISM_MBIND(with_defaults(options, &w->o));
	struct tism_handle *h = NULL;
	tism_result_t r = plan(w);
	if (r == TISM_OK) {
		r = make(w, &h);
	}
	free(w->descriptor);
	return hand_out(shm, h, r, &w->o);
}

tism_result_t tism_create(volatile tism_owned_shared_memory_t *shm, const char *name,
                          const void *data, size_t n)
{
	struct wish w = {.name = name, .data = data, .n = n};
	tism_options_t options = {.flags = TISM_REPLACE_OWN};
	if (!data && shm) {
		shm->handle = NULL;
		return TISM_INVALID_ARGUMENT;
	}
	return create(shm, &w, &options, create_named);
}

tism_result_t tism_create_with(volatile tism_owned_shared_memory_t *shm, const char *name,
                               const void *data, size_t n, const tism_options_t *options)
{
	struct wish w = {.name = name, .data = data, .n = n};
	return create(shm, &w, options, create_named);
}

tism_result_t tism_create_mem(volatile tism_owned_shared_memory_t *shm, const char *name,
                              const void *data, size_t n, const tism_options_t *options)
{
	struct wish w = {.name = name, .data = data, .n = n};
	return create(shm, &w, options, create_memfd);
}

/* ---- Open (section 10) ------------------------------------------------------------------- */

/* Makes a consumer of a topic that was loaded. */
static tism_result_t admit(struct tism_handle *h, const tism_options_t *o, const char *want)
{
	if (load(&h->pub->retired)) {
		return TISM_DOES_NOT_EXIST;
	}
	if (load(&h->pub->state) == STATE_CLOSED && !(o->flags & TISM_ALLOW_CLOSED)) {
		return TISM_IS_ZOMBIE;
	}
	if (want && !compatible(h->descriptor, want)) {
		explain(o, "type differs\nthe topic holds:\n%sthis program has:\n%s", h->descriptor, want);
		return TISM_TYPE_MISMATCH;
	}
	h->exact = want && strncmp(want, "struct ", 7) == 0 ? h->capacity : 0;
	h->timeout = o->timeout_ns;
	TISM_MBIND(settle(h, o->flags));
	return h->access == CONSUMER ? attach(h) : TISM_OK;
}

static tism_result_t try_open(const char *name, const tism_options_t *o, const char *want,
                              struct tism_handle **made)
{
	enum access how = o->flags & TISM_AS_READER ? READER : CONSUMER;
	TISM_MBIND(load_named(o->dir, name, how, made));
	tism_result_t r = admit(*made, o, want);
	if (r != TISM_OK) {
		drop(*made);
	}
	return r;
}

#define DIRECTORY_GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)

/* Watches what has the directory's name; watch is -1 where that cannot be. Without it whoever
   waits looks again and again. */
static tism_result_t watch_directory(const tism_options_t *o, int *watch)
{
	*watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (*watch < 0 ||
	    inotify_add_watch(*watch, o->dir, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | DIRECTORY_GONE) >= 0) {
		return TISM_OK;
	}
	int e = errno;
	(void)close(*watch);
	*watch = -1;
	if (e == ENOENT || e == ENOTDIR) {
		explain(o, "directory %s: %s", o->dir, strerror(e));
		return from_errno(e);
	}
	return TISM_OK;
}

/* Takes what inotify has to say; whether the directory went away, or is another one now. */
static bool directory_gone(int watch)
{
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t n;
	bool gone = false;
	while ((n = read(watch, buffer, sizeof buffer)) > 0) {
		for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
			struct inotify_event event;
			memcpy(&event, buffer + at, sizeof event);
			gone |= (event.mask & DIRECTORY_GONE) != 0;
			at += sizeof event + event.len;
		}
	}
	return gone;
}

/* Sleeps until something happens in a watched directory, for a while. */
static tism_result_t await_event(const tism_options_t *o, int *watch, struct patience *p)
{
	int64_t left = p->deadline == FOREVER ? FOREVER : p->deadline - tism_now();
	if (left <= 0) {
		return TISM_TIMED_OUT;
	}
	int64_t most = *watch < 0 ? p->slice : (int64_t)60 * NS_PER_S;
	int64_t ms = ((left < most ? left : most) + NS_PER_MS - 1) / NS_PER_MS;
	struct pollfd events = {.fd = *watch, .events = POLLIN};
	if (poll(&events, *watch >= 0, (int)ms) < 0 && errno == EINTR) {
		return TISM_INTERUPTED;
	}
	p->slice = 2 * p->slice < p->longest ? 2 * p->slice : p->longest;
	if (*watch < 0 || !directory_gone(*watch)) {
		return TISM_OK;
	}
	(void)close(*watch);
	return watch_directory(o, watch);
}

static tism_result_t wait_open(const char *name, const tism_options_t *o, const char *want,
                               int64_t deadline, struct tism_handle **made)
{
	tism_result_t r = try_open(name, o, want, made);
	if (r != TISM_DOES_NOT_EXIST && r != TISM_IS_ZOMBIE) {
		return r;
	}
	int watch;
	TISM_MBIND(watch_directory(o, &watch));
	struct patience p = patience_until(deadline);
	do { /* again after the watch is set */
		r = try_open(name, o, want, made);
		if (r == TISM_DOES_NOT_EXIST || r == TISM_IS_ZOMBIE) {
			r = await_event(o, &watch, &p);
			r = r == TISM_OK ? TISM_AGAIN : r;
		}
	} while (r == TISM_AGAIN);
	if (watch >= 0) {
		(void)close(watch);
	}
	return r;
}

/* What all ways to open by name have in common. */
static tism_result_t open_named(volatile tism_borrowed_shared_memory_t *shm, const char *name,
                                const tism_options_t *options, bool waiting, int64_t timeout)
{
	if (!shm) {
		return TISM_INVALID_ARGUMENT;
	}
	shm->handle = NULL;
	tism_options_t o;
	TISM_MBIND(with_defaults(options, &o));
	if (!valid_name(name)) {
		explain(&o, "bad topic name");
		return TISM_INVALID_ARGUMENT;
	}
	char *want;
	struct tism_handle *h = NULL;
	tism_result_t r = wanted_type(&o, &want);
	if (r == TISM_OK) {
		r = waiting ? wait_open(name, &o, want, deadline_in(timeout), &h)
		            : try_open(name, &o, want, &h);
	}
	free(want);
	return hand_out(shm, h, r, &o);
}

tism_result_t tism_open(volatile tism_borrowed_shared_memory_t *shm, const char *name)
{
	return open_named(shm, name, NULL, false, 0);
}

tism_result_t tism_open_with(volatile tism_borrowed_shared_memory_t *shm, const char *name,
                             const tism_options_t *options)
{
	return open_named(shm, name, options, false, 0);
}

tism_result_t tism_wait_and_open(volatile tism_borrowed_shared_memory_t *shm, const char *name)
{
	tism_result_t r;
	do {
		r = open_named(shm, name, NULL, true, -1);
	} while (r == TISM_INTERUPTED); /* TISM's never returns that */
	return r;
}

tism_result_t tism_wait_and_open_with(volatile tism_borrowed_shared_memory_t *shm,
                                      const char *name, const tism_options_t *options,
                                      int64_t timeout_ns)
{
	return open_named(shm, name, options, true, timeout_ns);
}

static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SIZE_SEALS) == SIZE_SEALS;
}

static tism_result_t open_descriptor(int given, const tism_options_t *o, const char *want,
                                     struct tism_handle **made)
{
	enum access how = o->flags & TISM_AS_READER ? READER : CONSUMER;
	int fd;
	hold_fork();
	tism_result_t r = reopen(given, how == CONSUMER, &fd);
	if (r == TISM_BAD_PERMISSIONS && how == CONSUMER) {
		how = READER;
		r = reopen(given, false, &fd);
	}
	if (r == TISM_OK) {
		r = new_handle(fd, "", how, made);
	}
	release_fork();
	TISM_MBIND(r);
	(*made)->memfd = is_sealed(fd);
	TISM_MBIND(load_handle(*made));
	r = has_no_link(*made) ? TISM_NOT_A_TOPIC : admit(*made, o, want);
	if (r != TISM_OK) {
		drop(*made);
	}
	return r;
}

tism_result_t tism_open_fd(volatile tism_borrowed_shared_memory_t *shm, int fd,
                           const tism_options_t *options)
{
	if (!shm) {
		return TISM_INVALID_ARGUMENT;
	}
	shm->handle = NULL;
	tism_options_t o;
	TISM_MBIND(with_defaults(options, &o));
	char *want;
	struct tism_handle *h = NULL;
	tism_result_t r = wanted_type(&o, &want);
	if (r == TISM_OK) {
		r = open_descriptor(fd, &o, want, &h);
	}
	free(want);
	return hand_out(shm, h, r, &o);
}

/* ---- Close and remove -------------------------------------------------------------------- */

static void forget(volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h = shm->handle;
	shm->handle = NULL;
	drop(h);
}

static void close_topic(struct tism_handle *h)
{
	store(&h->pub->state, STATE_CLOSED);
	(void)ring(h);
}

tism_result_t _tism_close(volatile struct _tism_shared_memory *shm)
{
	if (!shm) {
		return TISM_OK;
	}
	struct tism_handle *h = shm->handle;
	if (!h) {
		return TISM_BAD_HANDLE;
	}
	if (h->inherited) {
		forget(shm);
		return TISM_OK;
	}
	if (h->access == PUBLISHER) {
		if (h->guard == HOLDS_WRITE) {
			return TISM_LOCKED;
		}
		close_topic(h);
	} else if (h->slot) {
		detach(h);
	}
	forget(shm);
	return TISM_OK;
}

tism_result_t tism_owned_close(volatile tism_owned_shared_memory_t *shm)
{
	return _tism_close(shm);
}

tism_result_t tism_borrowed_close(volatile tism_borrowed_shared_memory_t *shm)
{
	return _tism_close(shm);
}

tism_result_t tism_owned_remove(volatile tism_owned_shared_memory_t *shm)
{
	struct tism_handle *h;
	TISM_MBIND(enter_publisher(shm, &h));
	if (h->guard == HOLDS_WRITE) {
		return TISM_LOCKED;
	}
	close_topic(h);
	tism_result_t r = TISM_OK;
	if (h->path) {
		r = clear_name(h);
	} else {
		retire(h);
	}
	forget(shm);
	return r == TISM_AGAIN ? TISM_OK : r; /* somebody else has removed it */
}

/* Whether anybody has a role; the publisher's byte is ours if r says so. */
static bool in_use(const struct tism_handle *h, tism_result_t r)
{
	if (r != TISM_OK) {
		return true;
	}
	for (uint32_t i = 0; i < h->slots; i++) {
		if (byte_taken(h->fd, SLOT_BYTE(i))) {
			return true;
		}
	}
	return false;
}

static tism_result_t try_remove(const char *dir, const char *name, bool force)
{
	struct tism_handle *h;
	TISM_MBIND(load_named(dir, name, PUBLISHER, &h));
	tism_result_t r = take_byte(h->fd, PUBLISHER_BYTE);
	if (r == TISM_OK || r == TISM_AGAIN) {
		bool refuse = !force && !load(&h->pub->retired) && in_use(h, r);
		bool passing = r == TISM_AGAIN && !byte_taken(h->fd, SIGNED_BYTE); /* as in claim */
		r = !refuse ? clear_name(h) : passing ? TISM_AGAIN : TISM_IN_USE;
	}
	drop(h);
	return r;
}

tism_result_t tism_remove(const char *name, const char *dir, bool force)
{
	if (!valid_name(name)) {
		return TISM_INVALID_ARGUMENT;
	}
	int64_t deadline = deadline_in(NS_PER_S);
	tism_result_t r;
	while ((r = try_remove(directory(dir), name, force)) == TISM_AGAIN) {
		if (tism_now() > deadline) {
			return TISM_TIMED_OUT;
		}
		nap(NS_PER_MS);
	}
	return r;
}

/* ---- Descriptors ------------------------------------------------------------------------- */

tism_result_t tism_share(const volatile struct _tism_shared_memory *shm, int *fd)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	return fd ? reopen(h->fd, h->access != READER, fd) : TISM_INVALID_ARGUMENT;
}

union rights {
	struct cmsghdr align;
	char room[CMSG_SPACE(4 * sizeof(int))];
};

tism_result_t tism_send(int socket, const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	int fd;
	TISM_MBIND(enter(shm, &h));
	TISM_MBIND(tism_share(shm, &fd));
	char text[TISM_MAX_NAME_LENGTH + 2];
	(void)snprintf(text, sizeof text, "%s\n", *h->name ? h->name : "topic");
	struct iovec part = {text, strlen(text)};
	union rights control;
	memset(&control, 0, sizeof control);
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
	                   .msg_controllen = CMSG_SPACE(sizeof fd)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	ssize_t sent = sendmsg(socket, &m, MSG_NOSIGNAL);
	int e = errno;
	(void)close(fd);
	return sent >= 0 ? TISM_OK : from_errno(e);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* in musl's CMSG_NXTHDR */
/* Takes the descriptors out of a message into fds; returns how many there are. */
static size_t received(struct msghdr *m, int fds[4])
{
	size_t n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), (n < 4 ? n : 4) * sizeof(int));
		}
	}
	return n < 4 ? n : 4;
}
#pragma GCC diagnostic pop

tism_result_t tism_receive(int socket, int *fd, char *name)
{
	if (!fd) {
		return TISM_INVALID_ARGUMENT;
	}
	char text[TISM_MAX_NAME_LENGTH + 2];
	struct iovec part = {text, sizeof text - 1};
	union rights control;
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
	                   .msg_controllen = sizeof control.room};
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	if (n < 0) {
		return from_errno(errno);
	}
	int fds[4];
	size_t count = received(&m, fds);
	text[n] = 0;
	bool good = count == 1 && n >= 2 && text[n - 1] == '\n';
	text[n > 0 ? n - 1 : 0] = 0;
	if (!good || strlen(text) != (size_t)n - 1 || !valid_name(text)) {
		while (count > 0) {
			(void)close(fds[--count]);
		}
		return TISM_NOT_A_TOPIC;
	}
	if (name) {
		memcpy(name, text, (size_t)n);
	}
	*fd = fds[0];
	return TISM_OK;
}

/* ---- The publisher's calls --------------------------------------------------------------- */

tism_result_t _tism_write(volatile struct _tism_shared_memory *shm, const void *data)
{
	struct tism_handle *h;
	TISM_MBIND(enter_publisher(shm, &h));
	return data ? write_value(h, data, h->capacity, 0) : TISM_INVALID_ARGUMENT;
}

tism_result_t tism_owned_write(volatile tism_owned_shared_memory_t *shm, const void *data)
{
	return _tism_write(shm, data);
}

tism_result_t tism_write(volatile tism_owned_shared_memory_t *shm, const void *data, size_t n,
                         int64_t sampled_ns)
{
	struct tism_handle *h;
	TISM_MBIND(enter_publisher(shm, &h));
	if (!data && n) {
		return TISM_INVALID_ARGUMENT;
	}
	TISM_MBIND(fits(h, n));
	return write_value(h, n ? data : "", n, sampled_ns);
}

tism_result_t tism_unsafe_owned_write_lock(volatile tism_owned_shared_memory_t *shm, void **data)
{
	struct tism_handle *h;
	struct buffer *b;
	TISM_MBIND(enter_publisher(shm, &h));
	if (!data) {
		return TISM_INVALID_ARGUMENT;
	}
	TISM_MBIND(begin(h, &b));
	TISM_MBIND(preset(h, b));
	*data = b->payload;
	return TISM_OK;
}

tism_result_t tism_loan(volatile tism_owned_shared_memory_t *shm, void **data)
{
	struct tism_handle *h;
	struct buffer *b;
	TISM_MBIND(enter_publisher(shm, &h));
	if (!data) {
		return TISM_INVALID_ARGUMENT;
	}
	TISM_MBIND(begin(h, &b));
	h->length = h->capacity;
	*data = b->payload;
	return TISM_OK;
}

tism_result_t tism_publish(volatile tism_owned_shared_memory_t *shm, size_t n, int64_t sampled_ns)
{
	struct tism_handle *h;
	TISM_MBIND(enter_publisher(shm, &h));
	if (h->guard != HOLDS_WRITE) {
		return TISM_NOT_LOCKED;
	}
	TISM_MBIND(fits(h, n));
	publish(h, n, sampled_ns);
	return TISM_OK;
}

tism_result_t tism_discard(volatile tism_owned_shared_memory_t *shm)
{
	struct tism_handle *h;
	TISM_MBIND(enter_publisher(shm, &h));
	if (h->guard != HOLDS_WRITE) {
		return TISM_NOT_LOCKED;
	}
	return h->count == 1 ? TISM_NO_DISCARD : abandon(h, TISM_OK);
}

/* Ends whatever lock the handle holds. */
static tism_result_t unlock(volatile struct _tism_shared_memory *shm, void **data)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	enum guard held = h->guard;
	if (data) {
		*data = NULL;
	}
	if (held == HOLDS_NOTHING) {
		return TISM_NOT_LOCKED;
	}
	if (held == HOLDS_WRITE) {
		publish(h, h->length, 0);
		return TISM_OK;
	}
	h->guard = HOLDS_NOTHING;
	return h->access == PUBLISHER ? TISM_OK : release(h, h->index);
}

tism_result_t tism_unsafe_owned_unlock(volatile tism_owned_shared_memory_t *shm, void **data)
{
	return unlock(shm, data);
}

tism_result_t tism_unsafe_borrowed_unlock(volatile tism_borrowed_shared_memory_t *shm, void **data)
{
	return unlock(shm, data);
}

/* ---- The consumer's calls ---------------------------------------------------------------- */

tism_result_t _tism_read(volatile struct _tism_shared_memory *shm, void *data)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	return data ? read_value(h, data, h->capacity, true) : TISM_INVALID_ARGUMENT;
}

tism_result_t tism_owned_read(volatile tism_owned_shared_memory_t *shm, void *data)
{
	return _tism_read(shm, data);
}

tism_result_t tism_borrowed_read(volatile tism_borrowed_shared_memory_t *shm, void *data)
{
	return _tism_read(shm, data);
}

static void get_info(const struct tism_handle *h, tism_info_t *info)
{
	*info = h->info;
	if (h->before && h->info.number > h->before) {
		info->missed = h->info.number - h->before - 1;
	}
}

tism_result_t tism_read(volatile tism_borrowed_shared_memory_t *shm, void *data, size_t size,
                        tism_info_t *info)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	if (!data) {
		return TISM_INVALID_ARGUMENT;
	}
	TISM_MBIND(read_value(h, data, size, false));
	if (info) {
		get_info(h, info);
	}
	return TISM_OK;
}

tism_result_t tism_next(volatile tism_borrowed_shared_memory_t *shm, void *data, size_t size,
                        tism_info_t *info, int64_t timeout_ns)
{
	TISM_MBIND(tism_wait(shm, timeout_ns));
	return tism_read(shm, data, size, info);
}

tism_result_t tism_wait(volatile tism_borrowed_shared_memory_t *shm, int64_t timeout_ns)
{
	struct tism_handle *h;
	TISM_MBIND(enter_consumer(shm, &h));
	return await(h, timeout_ns, look);
}

tism_result_t tism_interrupt(volatile tism_borrowed_shared_memory_t *shm)
{
	struct tism_handle *h;
	TISM_MBIND(enter_consumer(shm, &h));
	store(&h->interrupted, 1);
	/* All others that sleep there look, and sleep on. */
	futex_wake(&h->ctl->notify);
	return TISM_OK;
}

tism_result_t tism_wait_publisher(volatile tism_borrowed_shared_memory_t *shm, int64_t timeout_ns)
{
	struct tism_handle *h;
	TISM_MBIND(enter_consumer(shm, &h));
	return await(h, timeout_ns, look_for_publisher);
}

static tism_result_t lock_own(struct tism_handle *h, void **data)
{
	struct buffer *b;
	TISM_MBIND(own_newest(h, &b));
	if (h->guard != HOLDS_NOTHING) {
		return TISM_LOCKED;
	}
	struct head d = head_of(b);
	TISM_MBIND(fits_into(h, &d, h->capacity, false));
	note(h, ((uint32_t)h->number & VERSION_MASK) << 4 | h->current, &d);
	h->guard = HOLDS_READ;
	*data = b->payload;
	return TISM_OK;
}

static tism_result_t lock_newest(struct tism_handle *h, void **data)
{
	uint32_t l;
	if (h->guard != HOLDS_NOTHING) {
		return TISM_LOCKED;
	}
	if (!h->slot) {
		return TISM_READ_ONLY;
	}
	if (load(&h->pub->retired)) {
		return TISM_IS_ZOMBIE;
	}
	TISM_MBIND(acquire(h, &l));
	struct buffer *b = h->buffers[INDEX(l)];
	struct head d = head_of(b);
	tism_result_t r = fits_into(h, &d, h->capacity, false);
	if (r != TISM_OK) {
		(void)release(h, INDEX(l));
		return r;
	}
	note(h, l, &d);
	h->guard = HOLDS_READ;
	h->index = INDEX(l);
	*data = b->payload;
	return TISM_OK;
}

tism_result_t tism_unsafe_borrowed_read_lock(volatile tism_borrowed_shared_memory_t *shm,
                                             void **data)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	if (!data) {
		return TISM_INVALID_ARGUMENT;
	}
	return h->access == PUBLISHER ? lock_own(h, data) : lock_newest(h, data);
}

tism_result_t tism_unsafe_owned_read_lock(volatile tism_owned_shared_memory_t *shm, void **data)
{
	return tism_unsafe_borrowed_read_lock(shm, data);
}

bool _tism_has_changed(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	return enter(shm, &h) == TISM_OK && has_news(h);
}

bool tism_borrowed_has_changed(const volatile tism_borrowed_shared_memory_t *shm)
{
	return _tism_has_changed(shm);
}

int64_t _tism_staleness(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	if (enter(shm, &h) != TISM_OK || h->info.sampled_ns == 0) {
		return -1;
	}
	int64_t age = tism_now() - h->info.sampled_ns;
	return age > 0 ? age : 0;
}

int64_t tism_borrowed_staleness(const volatile tism_borrowed_shared_memory_t *shm)
{
	return _tism_staleness(shm);
}

/* The publication after which the publisher's count begins. */
static uint64_t load_base(const struct publisher_words *p)
{
	uint64_t base = 0;
	for (int i = 0; i < TRIES; i++) {
		uint32_t g = load(&p->generation);
		base = load(&p->base[0]) | (uint64_t)load(&p->base[1]) << 32;
		if (!(g & 1) && load(&p->generation) == g) {
			break;
		}
	}
	return base; /* of a publisher that died while it signed: one of the two */
}

static uint64_t count_writes(const struct tism_handle *h)
{
	for (int i = 0; i < MANY_TRIES; i++) {
		uint64_t base = load_base(h->pub);
		uint32_t l = load(&h->pub->latest);
		const struct buffer *b = h->buffers[INDEX(l)];
		if (!b) {
			return 0;
		}
		uint32_t s = load(&b->sequence);
		uint64_t number = b->number;
		atomic_thread_fence(memory_order_acquire); /* F2 */
		if (s == SEQUENCE(l) && load(&b->sequence) == s) {
			return number > base ? number - base : 0;
		}
		(void)sched_yield();
	}
	return 0; /* one buffer, which is being written all the time, or torn */
}

uint64_t _tism_get_total_writes(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	if (enter(shm, &h) != TISM_OK) {
		return 0;
	}
	return h->access == PUBLISHER ? h->number - h->base : count_writes(h);
}

uint64_t tism_owned_get_total_writes(const volatile tism_owned_shared_memory_t *shm)
{
	return _tism_get_total_writes(shm);
}

uint64_t tism_borrowed_get_total_writes(const volatile tism_borrowed_shared_memory_t *shm)
{
	return _tism_get_total_writes(shm);
}

tism_result_t tism_info(const volatile tism_borrowed_shared_memory_t *shm, tism_info_t *info)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	if (!info) {
		return TISM_INVALID_ARGUMENT;
	}
	get_info(h, info);
	return TISM_OK;
}

/* ---- Asking ------------------------------------------------------------------------------ */

tism_result_t tism_state(const volatile struct _tism_shared_memory *shm, tism_state_t *state)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	if (!state) {
		return TISM_INVALID_ARGUMENT;
	}
	bool alive = publisher_alive(h);
	if (load(&h->pub->retired) || (!alive && has_no_link(h))) {
		*state = TISM_REPLACED;
	} else if (load(&h->pub->state) == STATE_CLOSED) {
		*state = TISM_CLOSED;
	} else {
		*state = alive ? TISM_ALIVE : TISM_DIED;
	}
	return TISM_OK;
}

tism_result_t tism_publisher(const volatile struct _tism_shared_memory *shm, tism_process_t *who)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	if (!who) {
		return TISM_INVALID_ARGUMENT;
	}
	get_process(&h->pub->pid, h->pub->command, who);
	return TISM_OK;
}

tism_result_t tism_holder(const volatile tism_owned_shared_memory_t *shm, tism_process_t *who)
{
	struct tism_handle *h;
	TISM_MBIND(enter_publisher(shm, &h));
	if (!who || !h->blocker) {
		return TISM_INVALID_ARGUMENT;
	}
	const struct slot *s = &h->ctl->slots[h->blocker - 1];
	get_process(&s->pid, s->command, who);
	return TISM_OK;
}

size_t tism_size(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	return enter(shm, &h) == TISM_OK ? h->capacity : 0;
}

unsigned tism_buffers(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	return enter(shm, &h) == TISM_OK ? h->count : 0;
}

const char *tism_descriptor(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	return enter(shm, &h) == TISM_OK ? h->descriptor : NULL;
}

bool tism_can_lock(const volatile struct _tism_shared_memory *shm)
{
	struct tism_handle *h;
	return enter(shm, &h) == TISM_OK && (h->slot || h->access == PUBLISHER);
}

tism_result_t tism_set_timeout(volatile struct _tism_shared_memory *shm, int64_t timeout_ns)
{
	struct tism_handle *h;
	TISM_MBIND(enter(shm, &h));
	h->timeout = timeout_ns;
	return TISM_OK;
}
