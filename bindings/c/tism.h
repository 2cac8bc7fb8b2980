/*
 * tism: the newest value of a type, from one process to others, through shared memory.
 *
 * A topic is a named segment with one publisher and any number of consumers, in any of C,
 * Go, Python and Rust. The byte layout is docs/LAYOUT.md. Nothing here spins, starts a
 * thread or depends on more than libc.
 *
 * The first half of this header is TISM 2.1: its programs compile unchanged. The second half
 * is what there is beyond it: typed topics, several buffers, timeouts, waiting for the next
 * update, topics without a name.
 *
 * A handle is for one thread at a time; open the topic again for another thread. In a child
 * of fork(2) the parent's handles return TISM_BAD_HANDLE from every call: open anew there.
 * (A child made by a bare clone(2) is not noticed; it must not touch the handles.)
 */

#ifndef TISM_H
#define TISM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TISM's header brings these, and programs for it may count on them. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The TISM API that this header is a superset of, and the layout that it speaks. */
#define TISM_MAJOR_VERSION 2
#define TISM_MINOR_VERSION 1
#define TISM_PATCH_VERSION 0
#define TISM_LAYOUT_VERSION 1

/* A name is 1 to 200 bytes of UTF-8 without '/', and does not begin with a dot. */
#define TISM_MAX_NAME_LENGTH 200

/* Returns from the calling function with the error of expr, if it has one. */
#define TISM_MBIND(expr)                                                                       \
	{                                                                                      \
		tism_result_t tism_result_ = (expr);                                           \
		if (tism_result_ != TISM_OK) {                                                 \
			return tism_result_;                                                   \
		}                                                                              \
	}

typedef enum {
	TISM_OK = 0,

	TISM_INVALID_ARGUMENT, /* a bad name, size or option, or NULL */
	TISM_BAD_PERMISSIONS,  /* the file's permissions, or those of its directory */
	TISM_INTERUPTED,       /* a signal handler ran while the call slept */
	TISM_UNSUPPORTED,      /* the kernel or the file system cannot do it */
	TISM_TOO_MANY_FDS,     /* of this process (RLIMIT_NOFILE) */
	TISM_FILE_TABLE,       /* of the system */
	TISM_NO_SPACE,         /* no memory for the segment, or no address space */
	TISM_TOO_BIG,          /* larger than a topic can be, or than this topic's capacity */
	TISM_VERSION_MISMATCH, /* another version of the layout */
	TISM_DOES_NOT_EXIST,   /* no topic of that name */
	TISM_IS_ZOMBIE,        /* nothing will come here: closed by its publisher, replaced or
	                          removed (tism_state tells); wait_and_open it again */

	TISM_UNKNOWN,

	TISM_TIMED_OUT,      /* gave up waiting; the topic is as it was before */
	TISM_LIVE_PUBLISHER, /* the topic has a publisher, which lives */
	TISM_TYPE_MISMATCH,  /* the topic holds another type */
	TISM_NOT_A_TOPIC,    /* what has the name is something else, or damaged */
	TISM_NO_SLOTS,       /* as many consumers as the creator made room for */
	TISM_IN_USE,         /* has a publisher or consumers, so it is not removed */
	TISM_TORN,           /* one buffer, whose publisher died while it wrote */
	TISM_EMPTY,          /* nothing was published yet */
	TISM_SIZE_MISMATCH,  /* the newest value has another length than the caller's */
	TISM_READ_ONLY,      /* needs write permission to the topic's file */
	TISM_OVERRUN,        /* no whole copy could be had, without write permission */
	TISM_NO_DISCARD,     /* one buffer: the value was changed in place */
	TISM_LOCKED,         /* this handle holds a guard */
	TISM_NOT_LOCKED,     /* it holds none */
	TISM_LEASE_LOST,     /* the guard was taken away; what was read may be torn */
	TISM_CORRUPT,        /* shared memory says what it cannot */
	TISM_MEMORY_LOCK,    /* the kernel refused to lock pages into memory */
	TISM_BAD_HANDLE,     /* closed, never opened, or the parent's in a forked child */
} tism_result_t;

/* What a result means, in English. */
const char *tism_strerror(tism_result_t result);

/*
 * A handle. Its contents are private. It may be copied (a copy is the same handle) and needs
 * no initialisation before create or open; a call of those that fails leaves a handle which
 * every other call refuses.
 */
struct _tism_shared_memory {
	struct tism_handle *handle;
};

/* The publisher's handle, and a consumer's. They are one type, as they are in TISM. */
typedef struct _tism_shared_memory tism_owned_shared_memory_t;
typedef struct _tism_shared_memory tism_borrowed_shared_memory_t;

/* ---- TISM 2.1 ---------------------------------------------------------------------------- */

/*
 * Makes a topic of n bytes and publishes data as its first value. If its publisher has closed
 * or died it goes on with the same segment, and consumers carry on; if it had another size
 * it is replaced, as is one that this very process still publishes through another handle.
 * Another process that publishes it is TISM_LIVE_PUBLISHER.
 */
tism_result_t tism_create(volatile tism_owned_shared_memory_t *shm, const char *name,
                          const void *data, size_t n);

/* Opens a topic of any type. One that is closed is TISM_IS_ZOMBIE. Never blocks. */
tism_result_t tism_open(volatile tism_borrowed_shared_memory_t *shm, const char *name);

/* Opens a topic; sleeps until there is one that is not closed. */
tism_result_t tism_wait_and_open(volatile tism_borrowed_shared_memory_t *shm, const char *name);

/*
 * The topic stays: its consumers can still read the last value, and a later create takes it
 * over. TISM_LOCKED if the publisher holds a write lock; a consumer's lock is released.
 */
tism_result_t tism_owned_close(volatile tism_owned_shared_memory_t *shm);
tism_result_t tism_borrowed_close(volatile tism_borrowed_shared_memory_t *shm);

/* Publishes a copy of data, which has the size of the topic. */
tism_result_t tism_owned_write(volatile tism_owned_shared_memory_t *shm, const void *data);

/*
 * Copies the newest value, which must have the size of the topic: see tism_read for values of
 * varying length. After an error *data is of no use. A publisher may read its own topic, with
 * either function.
 */
tism_result_t tism_owned_read(volatile tism_owned_shared_memory_t *shm, void *data);
tism_result_t tism_borrowed_read(volatile tism_borrowed_shared_memory_t *shm, void *data);

/* How many values were published since the last create, the initial one included. */
uint64_t tism_owned_get_total_writes(const volatile tism_owned_shared_memory_t *shm);
uint64_t tism_borrowed_get_total_writes(const volatile tism_borrowed_shared_memory_t *shm);

/* Whether there is a value that this handle has not read. */
bool tism_borrowed_has_changed(const volatile tism_borrowed_shared_memory_t *shm);

/* How old the value is that was read last, in ns; -1 before the first, or if it has no time. */
int64_t tism_borrowed_staleness(const volatile tism_borrowed_shared_memory_t *shm);

/*
 * Sets *data to a copy of the newest value, to be changed in place (with one buffer: to the
 * value itself); unlock publishes it.
 */
tism_result_t tism_unsafe_owned_write_lock(volatile tism_owned_shared_memory_t *shm, void **data);

/* Sets *data to the newest value, which must not be written to and stays until unlock. */
tism_result_t tism_unsafe_owned_read_lock(volatile tism_owned_shared_memory_t *shm, void **data);
tism_result_t tism_unsafe_borrowed_read_lock(volatile tism_borrowed_shared_memory_t *shm,
                                             void **data);

/* Ends a lock and sets *data to NULL, unless data is NULL. */
tism_result_t tism_unsafe_owned_unlock(volatile tism_owned_shared_memory_t *shm, void **data);
tism_result_t tism_unsafe_borrowed_unlock(volatile tism_borrowed_shared_memory_t *shm,
                                          void **data);

/* What the functions above are called in TISM itself. Closing NULL does nothing. */
tism_result_t _tism_write(volatile struct _tism_shared_memory *shm, const void *data);
tism_result_t _tism_read(volatile struct _tism_shared_memory *shm, void *data);
bool _tism_has_changed(const volatile struct _tism_shared_memory *shm);
int64_t _tism_staleness(const volatile struct _tism_shared_memory *shm);
uint64_t _tism_get_total_writes(const volatile struct _tism_shared_memory *shm);
tism_result_t _tism_close(volatile struct _tism_shared_memory *shm);

/* ---- Types ------------------------------------------------------------------------------- */

/*
 * A struct's fields, for a topic that says what it holds:
 *
 *	typedef struct { uint64_t time_us; float q[4]; struct { float x, y; } pos; } attitude_t;
 *
 *	static const tism_field_t attitude_fields[] = {
 *		TISM_FIELD(attitude_t, time_us),
 *		TISM_ARRAY(attitude_t, q),
 *		TISM_FIELD(attitude_t, pos.x),
 *		TISM_FIELD(attitude_t, pos.y),
 *	};
 *	static const tism_type_t attitude_type = TISM_TYPE(attitude_t, attitude_fields);
 *
 * Name every leaf, in the order of declaration, and no padding. Element type, offset and
 * counts come from the compiler; what cannot be shared (pointers, long double) does not
 * compile. Names are compared in snake_case.
 */
typedef struct {
	const char *name;
	int element;      /* TISM_U8 ... */
	size_t offset;
	size_t length[3]; /* of each dimension, outermost first; 0: none */
	size_t stride[3]; /* from one element of it to the next, in bytes */
} tism_field_t;

typedef struct {
	const char *name; /* for people to read; not compared */
	size_t size;
	const tism_field_t *fields;
	size_t count;
	const char *descriptor; /* its canonical text, as tism gen writes it, in place of fields */
} tism_type_t;

enum {
	TISM_BOOL, TISM_I8, TISM_U8, TISM_I16, TISM_U16, TISM_I32, TISM_U32, TISM_F32,
	TISM_I64, TISM_U64, TISM_F64, TISM_C64, TISM_C128
};

#define TISM_TYPE(type, fields) {#type, sizeof(type), fields, sizeof(fields) / sizeof((fields)[0]), NULL}

/* A number or bool, also within a struct (pos.x) or within an element (cell[0].id). */
#define TISM_FIELD(type, member)                                                               \
	{#member, TISM_ELEMENT_(TISM_OF_(type, member)), offsetof(type, member), {0}, {0}}

/* An array of numbers, of one, two or three dimensions. */
#define TISM_ARRAY(type, member)                                                               \
	{#member, TISM_ELEMENT_(TISM_OF_(type, member)[0]), offsetof(type, member),            \
	 {TISM_COUNT_(TISM_OF_(type, member))}, {sizeof(TISM_OF_(type, member)[0])}}
#define TISM_ARRAY2(type, member)                                                              \
	{#member, TISM_ELEMENT_(TISM_OF_(type, member)[0][0]), offsetof(type, member),         \
	 {TISM_COUNT_(TISM_OF_(type, member)), TISM_COUNT_(TISM_OF_(type, member)[0])},        \
	 {sizeof(TISM_OF_(type, member)[0]), sizeof(TISM_OF_(type, member)[0][0])}}
#define TISM_ARRAY3(type, member)                                                              \
	{#member, TISM_ELEMENT_(TISM_OF_(type, member)[0][0][0]), offsetof(type, member),      \
	 {TISM_COUNT_(TISM_OF_(type, member)), TISM_COUNT_(TISM_OF_(type, member)[0]),         \
	  TISM_COUNT_(TISM_OF_(type, member)[0][0])},                                          \
	 {sizeof(TISM_OF_(type, member)[0]), sizeof(TISM_OF_(type, member)[0][0]),             \
	  sizeof(TISM_OF_(type, member)[0][0][0])}}

/* A number in each element of an array of structs: TISM_EACH(pack_t, cell, volts). */
#define TISM_EACH(type, array, member)                                                         \
	{#array "." #member, TISM_ELEMENT_(TISM_OF_(type, array)[0].member),                   \
	 offsetof(type, array[0].member), {TISM_COUNT_(TISM_OF_(type, array))},                \
	 {sizeof(TISM_OF_(type, array)[0])}}

/* An array of numbers in each element of an array of structs. */
#define TISM_EACH_ARRAY(type, array, member)                                                   \
	{#array "." #member, TISM_ELEMENT_(TISM_OF_(type, array)[0].member[0]),                \
	 offsetof(type, array[0].member),                                                      \
	 {TISM_COUNT_(TISM_OF_(type, array)), TISM_COUNT_(TISM_OF_(type, array)[0].member)},   \
	 {sizeof(TISM_OF_(type, array)[0]), sizeof(TISM_OF_(type, array)[0].member[0])}}

#define TISM_OF_(type, member) (((type *)0)->member)
#define TISM_COUNT_(array) (sizeof(array) / sizeof((array)[0]))

#ifndef __cplusplus
#define TISM_ELEMENT_(x)                                                                       \
	_Generic((x),                                                                          \
	        bool: TISM_BOOL,                                                               \
	        signed char: TISM_I8,                                                          \
	        unsigned char: TISM_U8,                                                        \
	        char: TISM_U8,                                                                 \
	        short: TISM_I16,                                                               \
	        unsigned short: TISM_U16,                                                      \
	        int: TISM_I32,                                                                 \
	        unsigned: TISM_U32,                                                            \
	        long: sizeof(long) == 8 ? TISM_I64 : TISM_I32,                                 \
	        unsigned long: sizeof(long) == 8 ? TISM_U64 : TISM_U32,                        \
	        long long: TISM_I64,                                                           \
	        unsigned long long: TISM_U64,                                                  \
	        float: TISM_F32,                                                               \
	        double: TISM_F64,                                                              \
	        float _Complex: TISM_C64,                                                      \
	        double _Complex: TISM_C128)
#endif

/*
 * Writes the canonical descriptor of a type to text, NUL-terminated and cut to size bytes, and
 * returns its length: 0 if the type cannot be described (no fields, a bad field, too long).
 */
size_t tism_describe(const tism_type_t *type, char *text, size_t size);

/* ---- Create and open --------------------------------------------------------------------- */

enum {
	/* create */
	TISM_RESUME = 1 << 0,        /* keep the newest value of a topic that is taken over */
	TISM_REPLACE = 1 << 1,       /* take the name even from a live publisher */
	TISM_NO_TIMESTAMPS = 1 << 2, /* spare the clock: values have no age */
	/* open */
	TISM_AS_READER = 1 << 3,     /* take no slot and disturb nobody: no locks */
	TISM_ALLOW_CLOSED = 1 << 4,  /* a closed topic too */
	/* both */
	TISM_PREFAULT = 1 << 5,      /* enter the pages into the page table now */
	TISM_LOCK_MEMORY = 1 << 6,   /* keep the pages in RAM (mlock(2)) */
	/* create */
	TISM_REPLACE_OWN = 1 << 7,   /* take the name from this very process, as tism_create does */
};

/* Options. What is zero takes its default, so set only what you need. NULL is all zero. */
typedef struct {
	unsigned buffers;       /* create: 1 to 15 (4). 1: the value in place, under a lock */
	unsigned slots;         /* create: consumers that it has room for (128), up to 4096 */
	size_t capacity;        /* create: the longest value, if that is not the first one */
	unsigned mode;          /* create: permissions of its file (0600) */
	unsigned flags;         /* TISM_RESUME ... */
	int64_t timeout_ns;     /* of calls that somebody is in the way of (1 s); < 0: for ever */
	const char *dir;        /* $TISM_DIR or else /dev/shm */
	const tism_type_t *type;
	const char *descriptor; /* the same as text (docs/LAYOUT.md), for generated code */
	char *message;          /* if create or open fails: why, and what to do about it */
	size_t message_size;
} tism_options_t;

/* TISM_LIVE_PUBLISHER if any process publishes the topic, unless TISM_REPLACE. Without a type
   it is a byte topic, whose values may have any length up to the capacity. With data NULL
   nothing is published. */
tism_result_t tism_create_with(volatile tism_owned_shared_memory_t *shm, const char *name,
                               const void *data, size_t n, const tism_options_t *options);

/* With a type, a topic of another one is TISM_TYPE_MISMATCH. A byte topic of the same size
   will do. Without one any topic is opened, as bytes. */
tism_result_t tism_open_with(volatile tism_borrowed_shared_memory_t *shm, const char *name,
                             const tism_options_t *options);

/* timeout_ns < 0: for as long as it takes. TISM_INTERUPTED after a signal handler. */
tism_result_t tism_wait_and_open_with(volatile tism_borrowed_shared_memory_t *shm,
                                      const char *name, const tism_options_t *options,
                                      int64_t timeout_ns);

/* Closes the topic and removes it; and any topic that nobody uses, or with force. */
tism_result_t tism_owned_remove(volatile tism_owned_shared_memory_t *shm);
tism_result_t tism_remove(const char *name, const char *dir, bool force);

/* ---- Without a name ---------------------------------------------------------------------- */

/* Makes a topic in a memfd that can neither shrink nor grow. name is for messages. It has no
   successor: a restarted publisher has no name to find it by, so it makes a new one and hands
   that on; consumers of the old one see TISM_DIED and keep its newest value, and whoever waits
   for more gets TISM_IS_ZOMBIE. */
tism_result_t tism_create_mem(volatile tism_owned_shared_memory_t *shm, const char *name,
                              const void *data, size_t n, const tism_options_t *options);

/* Returns a new descriptor of the topic's file to hand on, close-on-exec, which the caller
   closes. It carries no role. */
tism_result_t tism_share(const volatile struct _tism_shared_memory *shm, int *fd);

/* Opens the topic behind a descriptor, which stays the caller's. Needs /proc. */
tism_result_t tism_open_fd(volatile tism_borrowed_shared_memory_t *shm, int fd,
                           const tism_options_t *options);

/* Sends a topic over a Unix socket, and receives the descriptor and the name of one: name must
   have room for TISM_MAX_NAME_LENGTH + 1 bytes, or be NULL. */
tism_result_t tism_send(int socket, const volatile struct _tism_shared_memory *shm);
tism_result_t tism_receive(int socket, int *fd, char *name);

/* ---- Publish ----------------------------------------------------------------------------- */

/* Times are CLOCK_MONOTONIC, in ns; tism_now reads it. sampled_ns is when the sample was taken,
   0 for the time of publication. */
int64_t tism_now(void);

/* Publishes n bytes: at most the capacity, for a typed topic exactly the size. */
tism_result_t tism_write(volatile tism_owned_shared_memory_t *shm, const void *data, size_t n,
                         int64_t sampled_ns);

/* Sets *data to room for the next value with what is left of some earlier one in it: all of
   it must be written. Then publish, or (not with one buffer) discard. */
tism_result_t tism_loan(volatile tism_owned_shared_memory_t *shm, void **data);
tism_result_t tism_publish(volatile tism_owned_shared_memory_t *shm, size_t n,
                           int64_t sampled_ns);
tism_result_t tism_discard(volatile tism_owned_shared_memory_t *shm);

/* ---- Read and wait ----------------------------------------------------------------------- */

typedef struct {
	uint64_t number;      /* of the publication over the topic's whole life, from 1 */
	uint64_t missed;      /* publications between the value read before and this one */
	int64_t published_ns; /* 0 if the publisher keeps no time */
	int64_t sampled_ns;
	size_t size;          /* of the value in bytes */
} tism_info_t;

/* Copies the newest value, of up to size bytes. info may be NULL. */
tism_result_t tism_read(volatile tism_borrowed_shared_memory_t *shm, void *data, size_t size,
                        tism_info_t *info);

/* Sleeps until there is a value that this handle has not read, and reads it. */
tism_result_t tism_next(volatile tism_borrowed_shared_memory_t *shm, void *data, size_t size,
                        tism_info_t *info, int64_t timeout_ns);

/* Sleeps as tism_next does, and reads nothing. */
tism_result_t tism_wait(volatile tism_borrowed_shared_memory_t *shm, int64_t timeout_ns);

/*
 * Ends a wait of this handle in another thread, which returns TISM_INTERUPTED: at once, or
 * within 160 ms if it was just going to sleep. Without one it ends the next. This is the one
 * call that another thread may make, while the handle is not being closed.
 */
tism_result_t tism_interrupt(volatile tism_borrowed_shared_memory_t *shm);

/* Sleeps until the topic has a live publisher, TISM_IS_ZOMBIE if it will have none. */
tism_result_t tism_wait_publisher(volatile tism_borrowed_shared_memory_t *shm,
                                  int64_t timeout_ns);

/* The value that was read or locked last; number 0 if there is none. */
tism_result_t tism_info(const volatile tism_borrowed_shared_memory_t *shm, tism_info_t *info);

/* ---- Ask --------------------------------------------------------------------------------- */

typedef enum {
	TISM_ALIVE,    /* the publisher lives */
	TISM_DIED,     /* its process ended without closing; a successor may come */
	TISM_CLOSED,   /* it closed the topic; a successor may come */
	TISM_REPLACED, /* the topic was replaced or removed; nothing will come */
} tism_state_t;

tism_result_t tism_state(const volatile struct _tism_shared_memory *shm, tism_state_t *state);

/* Who it is, in its own words: a PID may mean nothing in another namespace. */
typedef struct {
	int pid;
	char command[17];
} tism_process_t;

tism_result_t tism_publisher(const volatile struct _tism_shared_memory *shm,
                             tism_process_t *who);

/* The consumer that the publisher's last TISM_TIMED_OUT was due to. */
tism_result_t tism_holder(const volatile tism_owned_shared_memory_t *shm, tism_process_t *who);

/* The capacity in bytes, the number of buffers, the descriptor, and whether the handle can
   lock; 0, NULL and false for a bad handle. */
size_t tism_size(const volatile struct _tism_shared_memory *shm);
unsigned tism_buffers(const volatile struct _tism_shared_memory *shm);
const char *tism_descriptor(const volatile struct _tism_shared_memory *shm);
bool tism_can_lock(const volatile struct _tism_shared_memory *shm);

/* See timeout_ns of the options. */
tism_result_t tism_set_timeout(volatile struct _tism_shared_memory *shm, int64_t timeout_ns);

#ifdef __cplusplus
}

/* What _Generic does in C. */
inline constexpr int tism_element_(bool) { return TISM_BOOL; }
inline constexpr int tism_element_(char) { return TISM_U8; }
inline constexpr int tism_element_(signed char) { return TISM_I8; }
inline constexpr int tism_element_(unsigned char) { return TISM_U8; }
inline constexpr int tism_element_(short) { return TISM_I16; }
inline constexpr int tism_element_(unsigned short) { return TISM_U16; }
inline constexpr int tism_element_(int) { return TISM_I32; }
inline constexpr int tism_element_(unsigned) { return TISM_U32; }
inline constexpr int tism_element_(long) { return sizeof(long) == 8 ? TISM_I64 : TISM_I32; }
inline constexpr int tism_element_(unsigned long) { return sizeof(long) == 8 ? TISM_U64 : TISM_U32; }
inline constexpr int tism_element_(long long) { return TISM_I64; }
inline constexpr int tism_element_(unsigned long long) { return TISM_U64; }
inline constexpr int tism_element_(float) { return TISM_F32; }
inline constexpr int tism_element_(double) { return TISM_F64; }
template <class T> int tism_element_(T) = delete;
template <class T> T tism_value_(const volatile T &); /* asked for its type alone */
#define TISM_ELEMENT_(x) tism_element_(decltype(tism_value_(x))())
#endif

#endif /* TISM_H */
