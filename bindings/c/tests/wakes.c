/*
 * Whoever sleeps is woken by whoever ends that. Elsewhere a sleeper looks again after a slice,
 * which hides a lost wake; here slices are an hour long, and a lost wake is a test that hangs
 * until its alarm. And other things that take an unlucky moment. Topics live in $TISM_DIR.
 */

#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include <signal.h>
#include <time.h>

#define FIRST_SLICE (3600LL * 1000 * 1000 * 1000)
#define LAST_SLICE FIRST_SLICE

/* What happens while tism.c takes a nap. */
static void (*meanwhile)(void);

static int short_sleep(const struct timespec *t, struct timespec *left)
{
	if (meanwhile) {
		meanwhile();
	}
	return nanosleep(t, left);
}
#define nanosleep short_sleep
#include "../tism.c"
#undef nanosleep

#define WATCHDOG 60 /* seconds */
#define PATIENCE (2LL * WATCHDOG * NS_PER_S)

static int failures;

#define IS(want, x)                                                                            \
	do {                                                                                   \
		tism_result_t r_ = (x);                                                        \
		if (r_ != (want)) {                                                            \
			(void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x,        \
			              tism_strerror(r_));                                      \
			failures++;                                                            \
		}                                                                              \
	} while (0)

#define OK(x) IS(TISM_OK, x)

/* Both ends of a topic whose first value is read, and who comes later. */
struct ends {
	tism_owned_shared_memory_t pub, next_pub;
	tism_borrowed_shared_memory_t sub, heir;
};

/* What a step is: one who waits, in a thread of its own, and what ends that. */
struct step {
	const char *name;
	unsigned buffers;
	void (*before)(struct ends *); /* or NULL */
	tism_result_t (*wait)(struct ends *);
	void (*end)(struct ends *);
	tism_result_t want;
};

static tism_result_t next_value(struct ends *e)
{
	int v;
	return tism_next(&e->sub, &v, sizeof v, NULL, -1);
}

static tism_result_t await_publisher(struct ends *e)
{
	return tism_wait_publisher(&e->sub, -1);
}

static tism_result_t write_one(struct ends *e)
{
	int v = 2;
	return tism_owned_write(&e->pub, &v);
}

static tism_result_t read_value_under_lock(struct ends *e)
{
	TISM_MBIND(read_lock(e->sub.handle));
	return read_unlock(e->sub.handle);
}

static void write_now(struct ends *e) { OK(write_one(e)); }
static void close_publisher(struct ends *e) { OK(tism_owned_close(&e->pub)); }
static void remove_by_force(struct ends *e)
{
	(void)e;
	OK(tism_remove("t", NULL, true));
}
static void interrupt(struct ends *e) { OK(tism_interrupt(&e->sub)); }

static void succeed(struct ends *e)
{
	int v = 9;
	OK(tism_create_with(&e->next_pub, "t", &v, sizeof v,
	                    &(tism_options_t){.buffers = e->sub.handle->count}));
}

/* The publisher dies between its store and its wake: the bit is gone, and the kernel has taken
   its roles. */
static void die_ringing(struct ends *e)
{
	struct tism_handle *h = e->pub.handle;
	store(&h->ctl->notify, load(&h->ctl->notify) & ~1u);
	release_byte(h->fd, SIGNED_BYTE);
	release_byte(h->fd, PUBLISHER_BYTE);
	succeed(e);
}

static void hold(struct ends *e)
{
	void *p;
	OK(tism_unsafe_borrowed_read_lock(&e->sub, &p));
	if (e->pub.handle->count > 1) {
		OK(write_one(e));
	}
}

static void let_go(struct ends *e) { OK(tism_unsafe_borrowed_unlock(&e->sub, NULL)); }
static void close_holder(struct ends *e) { OK(tism_borrowed_close(&e->sub)); }

/* The consumer dies, and another one gets its slot before the publisher looks. */
static void come_after(struct ends *e)
{
	release_byte(e->sub.handle->fd, SLOT_BYTE(0));
	OK(tism_open(&e->heir, "t"));
}

static void lock_now(struct ends *e) { OK(write_lock(e->pub.handle)); }
static void unlock_now(struct ends *e) { write_unlock(e->pub.handle); }

/* As a lock that waits for somebody, and gives up. */
static void close_lock(struct ends *e)
{
	store(&e->pub.handle->pub->lock, e->pub.handle->phase << 2 | W_CLOSED);
}
static void give_up(struct ends *e) { open_lock(e->pub.handle); }

/* A reader that shows itself held when the lock is closed already, and goes to wait. */
static void show_held(struct ends *e) { store(&e->sub.handle->slot->lock, SLOT_HELD); }
static void meet_writer(struct ends *e) { OK(read_value_under_lock(e)); }

/* A reader that waits on the phase of a lock that gave up. */
static void wait_on_aborted(struct ends *e)
{
	store(&e->sub.handle->slot->lock, waits_on(e->pub.handle->phase));
	e->pub.handle->gave_up = tism_now();
}

/* What it does next: it finds the lock open, comes in, and leaves. */
static void come_and_go(struct ends *e)
{
	struct patience p = patience_until(FOREVER);
	uint32_t phase = load(&e->sub.handle->slot->lock) >> 2;
	IS(TISM_AGAIN, await_grant(e->sub.handle, phase, &p));
	OK(read_unlock(e->sub.handle));
}

static const struct step steps[] = {
	{"publication", 4, NULL, next_value, write_now, TISM_OK},
	{"close", 4, NULL, next_value, close_publisher, TISM_IS_ZOMBIE},
	{"removal", 4, NULL, next_value, remove_by_force, TISM_IS_ZOMBIE},
	{"interrupt", 4, NULL, next_value, interrupt, TISM_INTERUPTED},
	{"takeover", 4, close_publisher, await_publisher, succeed, TISM_OK},
	{"takeover from a publisher that died ringing", 4, NULL, next_value, die_ringing, TISM_OK},
	{"unlock of a guard", 2, hold, write_one, let_go, TISM_OK},
	{"close under a guard", 2, hold, write_one, close_holder, TISM_OK},
	{"heir of a dead consumer's slot", 2, hold, write_one, come_after, TISM_OK},
	{"unlock of a guard, 1 buffer", 1, hold, write_one, let_go, TISM_OK},
	{"close under a guard, 1 buffer", 1, hold, write_one, close_holder, TISM_OK},
	{"heir of a dead consumer's slot, 1 buffer", 1, hold, write_one, come_after, TISM_OK},
	{"unlock of the lock", 1, lock_now, read_value_under_lock, unlock_now, TISM_OK},
	{"lock that gives up", 1, close_lock, read_value_under_lock, give_up, TISM_OK},
	{"reader that meets a writer", 1, show_held, write_one, meet_writer, TISM_OK},
	{"reader let in after a lock that gave up", 1, wait_on_aborted, write_one, come_and_go, TISM_OK},
};

static void must(bool is, const char *what)
{
	if (!is) {
		(void)fprintf(stderr, "%s\n", what);
		failures++;
	}
}

/* A writer that has less time than a slice does not close the lock again in the face of a reader
   that waits since it gave up; and one that has had its slice is not waited for. */
static void keep_out_of_the_way(void)
{
	struct ends e = {{NULL}, {NULL}, {NULL}, {NULL}};
	int v = 1;
	OK(tism_create_with(&e.pub, "t", &v, sizeof v, &(tism_options_t){.buffers = 1}));
	OK(tism_open(&e.sub, "t"));
	wait_on_aborted(&e);
	struct tism_handle *h = e.pub.handle;
	OK(tism_set_timeout(&e.pub, 20 * NS_PER_MS));
	IS(TISM_TIMED_OUT, write_one(&e));
	must((load(&h->pub->lock) & W_FLAGS) == W_OPEN, "the lock is closed");
	tism_process_t who;
	OK(tism_holder(&e.pub, &who));
	must(who.pid == getpid(), "the reader that waits is not named");
	h->gave_up -= 2 * FIRST_SLICE;
	OK(write_one(&e));
	OK(tism_borrowed_close(&e.sub));
	OK(tism_owned_remove(&e.pub));
}

static int reaper, naps;

static void count(void) { naps++; }
static void end_reaping(void) { release_byte(reaper, SLOT_BYTE(0)); }

/* Whoever reaps a dead consumer's slot has its byte for a moment, which does not mean that the
   slot is taken. */
static void attach_while_reaped(void)
{
	tism_owned_shared_memory_t pub = {NULL};
	tism_borrowed_shared_memory_t sub = {NULL};
	int v = 1;
	OK(tism_create_with(&pub, "t", &v, sizeof v, &(tism_options_t){.slots = 1}));
	reaper = open(pub.handle->path, O_RDWR | O_CLOEXEC);
	OK(take_byte(reaper, SLOT_BYTE(0)));
	meanwhile = count;
	IS(TISM_NO_SLOTS, tism_open(&sub, "t"));
	must(naps > 0 && naps < 100, "it does not try again, or for long");
	meanwhile = end_reaping;
	OK(tism_open(&sub, "t"));
	meanwhile = NULL;
	(void)close(reaper);
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_remove(&pub));
}

/* Between a fork and the execution of a program a child of another thread has a copy of every
   descriptor, and nobody's role is kept by it. */
static void close_beside_fork(void)
{
	tism_owned_shared_memory_t pub = {NULL};
	tism_borrowed_shared_memory_t sub = {NULL};
	int v = 1;
	OK(tism_create_with(&pub, "t", &v, sizeof v, &(tism_options_t){.slots = 1}));
	OK(tism_open(&sub, "t"));
	int copies[] = {fcntl(pub.handle->fd, F_DUPFD_CLOEXEC, 0),
	                fcntl(sub.handle->fd, F_DUPFD_CLOEXEC, 0)};
	OK(tism_borrowed_close(&sub));
	OK(tism_open(&sub, "t")); /* the one slot is free */
	OK(tism_borrowed_close(&sub));
	OK(tism_owned_close(&pub));
	OK(tism_remove("t", NULL, false));
	(void)close(copies[0]);
	(void)close(copies[1]);
}

struct waiter {
	const struct step *step;
	struct ends *ends;
	tism_result_t result;
};

static void *wait_in_thread(void *arg)
{
	struct waiter *w = arg;
	w->result = w->step->wait(w->ends);
	return NULL;
}

static void run(const struct step *s)
{
	struct ends e = {{NULL}, {NULL}, {NULL}, {NULL}};
	int v = 1;
	OK(tism_create_with(&e.pub, "t", &v, sizeof v,
	                    &(tism_options_t){.buffers = s->buffers, .timeout_ns = PATIENCE}));
	OK(tism_open_with(&e.sub, "t", &(tism_options_t){.timeout_ns = PATIENCE}));
	OK(tism_borrowed_read(&e.sub, &v));
	if (s->before) {
		s->before(&e);
	}
	struct waiter w = {s, &e, TISM_OK};
	pthread_t thread;
	(void)alarm(WATCHDOG);
	(void)pthread_create(&thread, NULL, wait_in_thread, &w);
	nap(20 * NS_PER_MS); /* it sleeps by then, most likely; else it looks after end */
	s->end(&e);
	(void)pthread_join(thread, NULL);
	(void)alarm(0);
	IS(s->want, w.result);
	(void)tism_borrowed_close(&e.heir);
	(void)tism_borrowed_close(&e.sub);
	(void)tism_owned_close(&e.next_pub);
	(void)tism_owned_close(&e.pub);
	(void)tism_remove("t", NULL, true);
}

static const char *current;

static void not_woken(int number)
{
	(void)number;
	(void)write(2, "not woken: ", 11);
	(void)write(2, current, strlen(current));
	(void)write(2, "\n", 1);
	_exit(1);
}

int main(void)
{
	(void)signal(SIGALRM, not_woken);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int before = failures;
		current = steps[i].name;
		run(&steps[i]);
		(void)printf("%s %s\n", failures > before ? "FAIL" : "ok", current);
		(void)fflush(stdout);
	}
	keep_out_of_the_way();
	attach_while_reaped();
	close_beside_fork();
	return failures ? 1 : 0;
}
