/*
 * compare: what the same work costs in plain C, in Go's benchmark format.
 *
 * Each subject answers one question that a reader of our Go numbers will ask:
 * what is glibc's lock worth, what is TISM's way worth, what is only memcpy,
 * what does the kernel ask for a wake-up. README.md says how to run it.
 *
 * Fast operations are measured in batches of about SHORT_NS, and the median and
 * the lowest batch are printed, so that a neighbour on a noisy machine costs a few
 * batches and not the result. Children are killed and reaped however this program ends,
 * short of SIGKILL, where PR_SET_PDEATHSIG kills them; if one dies early we end. The shared memory is a
 * memfd: nothing can stay behind in /dev/shm.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tism.h"

#if !defined SYS_futex && defined SYS_futex_time64
#define SYS_futex SYS_futex_time64 /* riscv32; we never pass a time */
#endif

/* From <linux/futex.h>, which not every cross toolchain has. Without
 * FUTEX_PRIVATE_FLAG, so they work between processes. */
enum { OP_FUTEX_WAIT = 0, OP_FUTEX_WAKE = 1 };

#define BATCH_NS UINT64_C(1000000) /* shorter than a scheduler's time slice */
#define SHORT_NS UINT64_C(100000) /* so short that some batches meet no neighbour */
#define WARM_NS UINT64_C(50000000)
#define WATCHDOG_S 60 /* on top of a measurement's own time */

enum {
	AREA = 64 << 10, /* our segments' areas start on 64 KiB offsets */
	PAYLOAD_OFF = 64, /* and a payload follows its buffer's 64-byte header */
	PAYLOAD_MAX = 1 << 20,
	SHM_SIZE = AREA + AREA + PAYLOAD_MAX,
	MSG_SIZE = 64,
	MAX_BATCHES = 1 << 14,
	MAX_SAMPLES = 1 << 20,
};

/* The first area of the mapping; the payload is in the second. One cache line
 * for each word that two processes write. */
struct shared {
	_Alignas(64) pthread_rwlock_t lock;
	_Alignas(64) struct timespec stamp;
	_Alignas(64) atomic_uint ping;
	_Alignas(64) atomic_uint pong;
	_Alignas(64) atomic_uint reads;
	_Alignas(64) atomic_uint writes;
	_Alignas(64) atomic_uint stop;
};

_Static_assert(sizeof(struct shared) <= AREA, "the first area is too small");
_Static_assert(sizeof(atomic_uint) == 4, "a futex word has 32 bits");

static struct shared *shm;
static unsigned char *shm_payload;
static unsigned char *private_buf;
static uint32_t *samples;

static uint64_t measure_ns = UINT64_C(500000000);
static int cpus[2]; /* the second is -1 when there is only one */

/* ---- ending: no way out leaves a child ---- */

static volatile pid_t kids[2];
static volatile sig_atomic_t kids_needed; /* a death now would leave us waiting */

static void kill_kids(void)
{
	for (int i = 0; i < 2; i++) {
		if (kids[i] <= 0)
			continue;
		kill(kids[i], SIGKILL);
		while (waitpid(kids[i], NULL, 0) < 0 && errno == EINTR)
			;
		kids[i] = 0;
	}
}

static void on_signal(int sig)
{
	static const char late[] = "compare: a measurement hung, giving up\n";
	static const char dead[] = "compare: a child died\n";
	ssize_t n = 0;

	if (sig == SIGCHLD && !kids_needed)
		return;
	kill_kids();
	if (sig == SIGALRM)
		n = write(STDERR_FILENO, late, sizeof late - 1);
	if (sig == SIGCHLD)
		n = write(STDERR_FILENO, dead, sizeof dead - 1);
	_exit(n != 0 ? 1 : 128 + sig);
}

static _Noreturn void die(const char *doing)
{
	fprintf(stderr, "compare: %s: %s\n", doing, strerror(errno));
	kill_kids();
	_exit(1);
}

static _Noreturn void die_because(const char *why)
{
	fprintf(stderr, "compare: %s\n", why);
	kill_kids();
	_exit(1);
}

/* pthread functions return their error. */
static void must(int err, const char *doing)
{
	if (err != 0) {
		errno = err;
		die(doing);
	}
}

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD};

static void handle_signals(void (*handler)(int))
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NOCLDSTOP};

	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++)
		sigaction(ending_signals[i], &act, NULL);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		die("pinning to a CPU");
}

/* Forks a child that is pinned, runs body(arg) and exits. Signals are held off
 * until the parent has noted the child and the child is no longer the parent. */
static void start_kid(int slot, int cpu, void (*body)(void *), void *arg)
{
	sigset_t all, old;
	pid_t parent = getpid(), pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		kids[0] = kids[1] = 0;
		handle_signals(SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1); /* it died before the prctl */
		sigprocmask(SIG_SETMASK, &old, NULL);
		pin(cpu);
		body(arg);
		_exit(0);
	}
	kids[slot] = pid;
	kids_needed = 1;
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		die("starting a child");
}

static void reap_kid(int slot)
{
	siginfo_t end;
	pid_t pid = kids[slot];

	/* Look first, reap after: on_signal must not kill a PID that is free. */
	while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) != 0)
		if (errno != EINTR)
			die("waiting for a child");
	kids[slot] = 0;
	waitpid(pid, NULL, 0);
	if (end.si_code != CLD_EXITED || end.si_status != 0)
		die_because("a child did not end well");
}

static void watchdog(bool on)
{
	alarm(on ? WATCHDOG_S + (unsigned)(measure_ns / 1000000000) : 0);
}

/* ---- measuring and printing ---- */

/* The compiler must believe that somebody reads and changes *p here. */
#define TOUCH(p) __asm__ volatile("" : : "r"(p) : "memory")

/* And must not know this value, so that memcpy stays a call, as in TISM, where
 * the size is a variable. */
static size_t opaque(size_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int by_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_double);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print_metric(double v, const char *unit)
{
	int decimals = v < 10 ? 3 : v < 100 ? 2 : v < 1000 ? 1 : 0;

	printf("\t%12.*f %s", decimals, v, unit);
}

/* One line as `go test -bench` prints it; unit NULL means no second metric. */
static void report(const char *name, uint64_t n, double ns, double extra, const char *unit)
{
	printf("BenchmarkC_%-42s\t%10" PRIu64, name, n);
	print_metric(ns, "ns/op");
	if (unit != NULL)
		print_metric(extra, unit);
	putchar('\n');
	fflush(stdout);
}

/* An operation does itself n times: the loop is inside, there is no call
 * through a pointer in what is measured. */
typedef void op_fn(size_t size, uint64_t n);

static uint64_t time_batch(op_fn *op, size_t size, uint64_t n)
{
	uint64_t t = now_ns();

	op(size, n);
	return now_ns() - t;
}

/* How many make a batch. */
static uint64_t calibrate(op_fn *op, size_t size)
{
	uint64_t n = 1, start = now_ns(), t, best;

	while ((best = time_batch(op, size, n)) < SHORT_NS / 4)
		n *= 2;
	while (now_ns() - start < WARM_NS)
		if ((t = time_batch(op, size, n)) < best && t > 0)
			best = t;
	n = (uint64_t)((double)n * (double)SHORT_NS / (double)best);
	return n > 0 ? n : 1;
}

static void bench(const char *name, op_fn *op, size_t size)
{
	static double batch[MAX_BATCHES];
	size_t batches = 0;
	uint64_t n, start;
	double ns;

	watchdog(true);
	n = calibrate(op, size);
	start = now_ns();
	while (batches < 5 || (now_ns() - start < measure_ns && batches < MAX_BATCHES))
		batch[batches++] = (double)time_batch(op, size, n) / (double)n;
	watchdog(false);
	ns = median(batch, batches);
	report(name, n * batches, ns, batch[0], "lowest-ns/op"); /* median has sorted them */
}

static const struct {
	size_t bytes;
	const char *name;
} sizes[] = {{8, "8B"}, {64, "64B"}, {1 << 10, "1KiB"}, {64 << 10, "64KiB"}, {1 << 20, "1MiB"}};

static void bench_sizes(const char *name, op_fn *op)
{
	char full[64];

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		snprintf(full, sizeof full, "%s/size=%s", name, sizes[i].name);
		bench(full, op, sizes[i].bytes);
	}
}

/* ---- rwlock: glibc's process-shared lock, nobody else there ---- */

static void rd_pair(size_t size, uint64_t n)
{
	(void)size;
	while (n-- > 0) {
		pthread_rwlock_rdlock(&shm->lock);
		pthread_rwlock_unlock(&shm->lock);
	}
}

static void wr_pair(size_t size, uint64_t n)
{
	(void)size;
	while (n-- > 0) {
		pthread_rwlock_wrlock(&shm->lock);
		pthread_rwlock_unlock(&shm->lock);
	}
}

static void subject_rwlock(void)
{
	bench("RWLockRdPair", rd_pair, 0);
	bench("RWLockWrPair", wr_pair, 0);
}

/* ---- tism: lock, copy, stamp, unlock ---- */

static inline void like_tism_write(const void *from, size_t size)
{
	must(pthread_rwlock_wrlock(&shm->lock), "locking for writing");
	memcpy(shm_payload, from, size);
	clock_gettime(CLOCK_MONOTONIC, &shm->stamp);
	must(pthread_rwlock_unlock(&shm->lock), "unlocking");
}

static inline void like_tism_read(void *to, size_t size)
{
	must(pthread_rwlock_rdlock(&shm->lock), "locking for reading");
	memcpy(to, shm_payload, size);
	must(pthread_rwlock_unlock(&shm->lock), "unlocking");
}

static void tism_writes(size_t size, uint64_t n)
{
	for (size = opaque(size); n > 0; n--) {
		TOUCH(private_buf);
		like_tism_write(private_buf, size);
	}
}

static void tism_reads(size_t size, uint64_t n)
{
	for (size = opaque(size); n > 0; n--) {
		like_tism_read(private_buf, size);
		TOUCH(private_buf);
	}
}

static void subject_tism(void)
{
	bench_sizes("TISMWrite", tism_writes);
	bench_sizes("TISMRead", tism_reads);
}

/* ---- binding: bindings/c, a topic with the same payloads ---- */

static tism_owned_shared_memory_t topic_pub;
static tism_borrowed_shared_memory_t topic_sub;

static void must_tism(tism_result_t r, const char *doing)
{
	if (r != TISM_OK) {
		fprintf(stderr, "compare: %s: ", doing);
		die_because(tism_strerror(r));
	}
}

static void topic_writes(size_t size, uint64_t n)
{
	(void)size;
	for (; n > 0; n--) {
		TOUCH(private_buf);
		must_tism(tism_owned_write(&topic_pub, private_buf), "writing a topic");
	}
}

static void topic_reads(size_t size, uint64_t n)
{
	(void)size;
	for (; n > 0; n--) {
		must_tism(tism_borrowed_read(&topic_sub, private_buf), "reading a topic");
		TOUCH(private_buf);
	}
}

static void topic_guards(size_t size, uint64_t n)
{
	void *p;

	(void)size;
	for (; n > 0; n--) {
		must_tism(tism_unsafe_borrowed_read_lock(&topic_sub, &p), "locking a topic");
		must_tism(tism_unsafe_borrowed_unlock(&topic_sub, &p), "unlocking a topic");
	}
}

/* A memfd: nothing can stay behind. The consumer opens it as a received one. */
static void with_topic(unsigned buffers, unsigned flags, int i, void (*body)(const char *, size_t))
{
	tism_options_t o = {.buffers = buffers, .flags = flags};
	size_t size = sizes[i].bytes;
	char name[64];
	int fd;

	must_tism(tism_create_mem(&topic_pub, "compare", private_buf, size, &o), "creating a topic");
	must_tism(tism_share(&topic_pub, &fd), "sharing a topic");
	must_tism(tism_open_fd(&topic_sub, fd, NULL), "opening a topic");
	close(fd);
	snprintf(name, sizeof name, "/buffers=%u/size=%s", buffers, sizes[i].name);
	body(name, size);
	must_tism(tism_borrowed_close(&topic_sub), "closing a topic");
	must_tism(tism_owned_close(&topic_pub), "closing a topic");
}

static void measure_topic(const char *where, size_t size)
{
	char full[96];

	snprintf(full, sizeof full, "CTopicWrite%s", where);
	bench(full, topic_writes, size);
	snprintf(full, sizeof full, "CTopicRead%s", where);
	bench(full, topic_reads, size);
}

static void measure_guards(const char *where, size_t size)
{
	char full[96];

	snprintf(full, sizeof full, "CTopicGuard%s", where);
	bench(full, topic_guards, size);
}

static void measure_untimed(const char *where, size_t size)
{
	char full[96];

	snprintf(full, sizeof full, "CTopicWriteUntimed%s", where);
	bench(full, topic_writes, size);
}

static void subject_binding(void)
{
	enum { SIZE_64 = 1 };

	for (int i = 0; i < (int)(sizeof sizes / sizeof *sizes); i++)
		with_topic(4, 0, i, measure_topic);
	with_topic(1, 0, SIZE_64, measure_topic);
	with_topic(4, TISM_NO_TIMESTAMPS, SIZE_64, measure_untimed);
	with_topic(4, 0, SIZE_64, measure_guards);
	with_topic(1, 0, SIZE_64, measure_guards);
}

/* ---- memcpy: the floor under any copying interface ---- */

static void copies(void *to, const void *from, size_t size, uint64_t n)
{
	for (size = opaque(size); n > 0; n--) {
		TOUCH(from);
		memcpy(to, from, size);
		TOUCH(to);
	}
}

static void copies_in(size_t size, uint64_t n)
{
	copies(shm_payload, private_buf, size, n);
}

static void copies_out(size_t size, uint64_t n)
{
	copies(private_buf, shm_payload, size, n);
}

static void subject_memcpy(void)
{
	bench_sizes("Memcpy/dir=to_shm", copies_in);
	bench_sizes("Memcpy/dir=from_shm", copies_out);
}

/* ---- contended: a writer and a reader, each as fast as it can ---- */

static bool stopped(void)
{
	return atomic_load_explicit(&shm->stop, memory_order_relaxed) != 0;
}

/* Only the owner adds, the parent only looks: no read-modify-write needed. */
static void count_one(atomic_uint *c)
{
	unsigned v = atomic_load_explicit(c, memory_order_relaxed);

	atomic_store_explicit(c, v + 1, memory_order_relaxed);
}

static void writer_body(void *arg)
{
	uint32_t msg[MSG_SIZE / sizeof(uint32_t)] = {0};
	size_t size = opaque(sizeof msg);

	(void)arg;
	while (!stopped()) {
		msg[0] = ++msg[MSG_SIZE / sizeof(uint32_t) - 1];
		like_tism_write(msg, size);
		count_one(&shm->writes);
	}
}

static void reader_body(void *arg)
{
	uint32_t msg[MSG_SIZE / sizeof(uint32_t)];
	size_t size = opaque(sizeof msg);

	(void)arg;
	while (!stopped()) {
		like_tism_read(msg, size);
		if (msg[0] != msg[MSG_SIZE / sizeof(uint32_t) - 1])
			die_because("a reader saw half of a write");
		count_one(&shm->reads);
	}
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static void report_rate(const char *name, uint64_t n, double per_s, const char *unit)
{
	report(name, n, per_s > 0 ? 1e9 / per_s : 0, per_s, unit);
}

static void subject_contended(void)
{
	static double read_rate[MAX_BATCHES], write_rate[MAX_BATCHES];
	uint64_t reads = 0, writes = 0, start, t0, t1;
	uint32_t r0, w0, r1, w1;
	size_t batches = 0;

	if (cpus[1] < 0) {
		fprintf(stderr, "compare: contended skipped: only one CPU\n");
		return;
	}
	watchdog(true);
	memset(shm_payload, 0, MSG_SIZE);
	atomic_store(&shm->stop, 0);
	start_kid(0, cpus[0], writer_body, NULL);
	start_kid(1, cpus[1], reader_body, NULL);
	sleep_ns(WARM_NS);

	start = t0 = now_ns();
	r0 = atomic_load(&shm->reads);
	w0 = atomic_load(&shm->writes);
	while (batches < 5 || (t0 - start < measure_ns && batches < MAX_BATCHES)) {
		sleep_ns(20 * BATCH_NS);
		t1 = now_ns();
		r1 = atomic_load(&shm->reads);
		w1 = atomic_load(&shm->writes);
		read_rate[batches] = (r1 - r0) * 1e9 / (double)(t1 - t0);
		write_rate[batches++] = (w1 - w0) * 1e9 / (double)(t1 - t0);
		reads += r1 - r0;
		writes += w1 - w0;
		r0 = r1, w0 = w1, t0 = t1;
	}
	kids_needed = 0;
	atomic_store(&shm->stop, 1);
	reap_kid(0);
	reap_kid(1);
	watchdog(false);
	report_rate("TISMContended/size=64B/role=reader", reads, median(read_rate, batches), "reads/s");
	report_rate("TISMContended/size=64B/role=writer", writes, median(write_rate, batches), "writes/s");
}

/* ---- wake: a round trip between two processes that sleep ---- */

enum carrier { FUTEX, PIPE, SEQPACKET, CARRIERS };

static const char *const carrier_names[] = {"Futex", "Pipe", "SeqPacket"};

enum { HANG_UP = 0 }; /* never a sequence number in a futex word */

/* One side of the pair: futex uses the words, the others the descriptors. */
struct side {
	enum carrier carrier;
	atomic_uint *tx, *rx;
	int wfd, rfd;
};

/* Store first, wake after: whoever looks at the word before the store is
 * refused by FUTEX_WAIT's comparison or found asleep by FUTEX_WAKE. */
static void futex_send(atomic_uint *word, uint32_t v)
{
	atomic_store(word, v);
	if (syscall(SYS_futex, word, OP_FUTEX_WAKE, 1, NULL, NULL, 0) < 0)
		die("futex wake");
}

/* Sleeps until the word is no longer old. The loop is for wake-ups without a
 * reason (EINTR too); it never goes round without the kernel. */
static uint32_t futex_recv(atomic_uint *word, uint32_t old)
{
	uint32_t v;

	while ((v = atomic_load(word)) == old)
		if (syscall(SYS_futex, word, OP_FUTEX_WAIT, old, NULL, NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			die("futex wait");
	return v;
}

static void fd_send(int fd, uint32_t v)
{
	unsigned char msg[MSG_SIZE] = {0};
	ssize_t n;

	memcpy(msg, &v, sizeof v);
	while ((n = write(fd, msg, sizeof msg)) < 0 && errno == EINTR)
		;
	if (n != sizeof msg)
		die("sending a message");
}

/* A pipe gives whole messages too: they are shorter than PIPE_BUF, and there
 * is never more than one. */
static uint32_t fd_recv(int fd)
{
	unsigned char msg[MSG_SIZE];
	uint32_t v;
	ssize_t n;

	while ((n = read(fd, msg, sizeof msg)) < 0 && errno == EINTR)
		;
	if (n == 0)
		return HANG_UP;
	if (n != sizeof msg)
		die("receiving a message");
	memcpy(&v, msg, sizeof v);
	return v;
}

static void side_send(struct side *s, uint32_t v)
{
	if (s->carrier == FUTEX)
		futex_send(s->tx, v);
	else
		fd_send(s->wfd, v);
}

static uint32_t side_recv(struct side *s, uint32_t old)
{
	return s->carrier == FUTEX ? futex_recv(s->rx, old) : fd_recv(s->rfd);
}

static void side_close(struct side *s)
{
	if (s->carrier == FUTEX)
		return;
	close(s->wfd);
	if (s->rfd != s->wfd)
		close(s->rfd);
}

static void open_sides(struct side *near, struct side *far, enum carrier c)
{
	int there[2], back[2];

	*near = (struct side){.carrier = c, .tx = &shm->ping, .rx = &shm->pong};
	*far = (struct side){.carrier = c, .tx = &shm->pong, .rx = &shm->ping};
	if (c == FUTEX) {
		atomic_store(&shm->ping, UINT32_MAX);
		atomic_store(&shm->pong, UINT32_MAX);
	} else if (c == PIPE) {
		if (pipe(there) != 0 || pipe(back) != 0)
			die("making pipes");
		near->wfd = there[1], far->rfd = there[0];
		far->wfd = back[1], near->rfd = back[0];
	} else {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, there) != 0)
			die("making a socket pair");
		near->wfd = near->rfd = there[0];
		far->wfd = far->rfd = there[1];
	}
}

static void echo_body(void *arg)
{
	struct side *both = arg, *near = &both[0], *far = &both[1];
	uint32_t v = UINT32_MAX;

	side_close(near); /* or we would never see the other end hang up */
	while ((v = side_recv(far, v)) != HANG_UP)
		side_send(far, v);
}

static uint32_t next_seq(uint32_t v)
{
	return v + 1 < UINT32_MAX ? v + 1 : 1; /* neither HANG_UP nor the start */
}

/* Each round trip is timed, by one clock reading that is also the start of the
 * next; a batch is as many as fit into BATCH_NS. */
static void measure_wake(const char *name, struct side *near)
{
	static double batch[MAX_BATCHES];
	size_t batches = 0, n = 0, in_batch = 0;
	uint32_t seq = 0, old, got = UINT32_MAX;
	uint64_t start = now_ns() + WARM_NS, t, prev = 0, batch_start = 0;

	do {
		seq = next_seq(seq);
		old = got;
		side_send(near, seq);
		got = side_recv(near, old);
		if (got != seq)
			die_because("an echo is not what was sent");
		t = now_ns();
		if (t < start)
			continue;
		if (prev == 0) { /* warm now: count from the next one */
			prev = batch_start = t;
			continue;
		}
		samples[n++] = t - prev > UINT32_MAX ? UINT32_MAX : (uint32_t)(t - prev);
		in_batch++;
		prev = t;
		if (t - batch_start >= BATCH_NS) {
			batch[batches++] = (double)(t - batch_start) / (double)in_batch;
			batch_start = t;
			in_batch = 0;
		}
	} while (batches < 5 || (t - start < measure_ns && batches < MAX_BATCHES && n < MAX_SAMPLES));

	qsort(samples, n, sizeof *samples, by_u32);
	report(name, n, median(batch, batches), samples[n * 99 / 100], "p99-ns/op");
}

static void bench_wake(enum carrier c, const char *where, int echo_cpu)
{
	struct side both[2];
	char name[64];

	snprintf(name, sizeof name, "Wake%s/cpu=%s", carrier_names[c], where);
	watchdog(true);
	open_sides(&both[0], &both[1], c);
	start_kid(0, echo_cpu, echo_body, both);
	side_close(&both[1]);
	measure_wake(name, &both[0]);
	kids_needed = 0;
	if (c == FUTEX)
		futex_send(both[0].tx, HANG_UP);
	side_close(&both[0]);
	reap_kid(0);
	watchdog(false);
}

static void subject_wake(void)
{
	for (int c = 0; c < CARRIERS; c++) {
		bench_wake((enum carrier)c, "same", cpus[0]);
		if (cpus[1] >= 0)
			bench_wake((enum carrier)c, "other", cpus[1]);
	}
	if (cpus[1] < 0)
		fprintf(stderr, "compare: wake between CPUs skipped: only one CPU\n");
}

/* ---- clock: through the vDSO, and what it would be without ---- */

static void clock_vdso(size_t size, uint64_t n)
{
	struct timespec t;

	(void)size;
	while (n-- > 0) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		TOUCH(&t);
	}
}

#ifdef SYS_clock_gettime
static void clock_syscall(size_t size, uint64_t n)
{
	long t[4]; /* the kernel's timespec, old or new */

	(void)size;
	while (n-- > 0) {
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, t);
		TOUCH(t);
	}
}
#endif

static void subject_clock(void)
{
	bench("ClockMonotonic", clock_vdso, 0);
#ifdef SYS_clock_gettime
	bench("ClockMonotonicSyscall", clock_syscall, 0);
#endif
}

/* ---- setting up ---- */

static void *map_or_die(int fd, size_t size, const char *doing)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die(doing);
	memset(p, 1, size); /* all pages in now, and private ones not the zero page */
	return p;
}

static void make_memory(void)
{
	pthread_rwlockattr_t attr;
	int fd = (int)syscall(SYS_memfd_create, "compare", 1u /* MFD_CLOEXEC */);

	if (fd < 0 || ftruncate(fd, SHM_SIZE) != 0)
		die("making a memfd");
	shm = map_or_die(fd, SHM_SIZE, "mapping the memfd");
	close(fd);
	memset(shm, 0, sizeof *shm);
	shm_payload = (unsigned char *)shm + AREA + PAYLOAD_OFF;
	private_buf = map_or_die(-1, PAYLOAD_MAX, "mapping a private buffer");
	samples = map_or_die(-1, MAX_SAMPLES * sizeof *samples, "mapping samples");

	must(pthread_rwlockattr_init(&attr), "rwlock attributes");
	must(pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), "rwlock attributes");
	must(pthread_rwlock_init(&shm->lock, &attr), "initialising the rwlock");
	pthread_rwlockattr_destroy(&attr);
}

/* The first two CPUs that we may use. */
static void choose_cpus(void)
{
	cpu_set_t set;
	int found = 0;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		die("asking for the CPUs");
	cpus[1] = -1;
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &set))
			cpus[found++] = i;
}

static const char *goarch(void)
{
#if defined __x86_64__
	return "amd64";
#elif defined __i386__
	return "386";
#elif defined __aarch64__
	return "arm64";
#elif defined __arm__
	return "arm";
#elif defined __riscv && __riscv_xlen == 64
	return "riscv64";
#else
	return "unknown";
#endif
}

/* The lines that `go test -bench` starts with and benchstat groups by. */
static void print_header(void)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	printf("goos: linux\ngoarch: %s\n", goarch());
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		char *colon = strstr(line, ": ");
		if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
			printf("cpu: %s", colon + 2);
			break;
		}
	}
	if (f != NULL)
		fclose(f);
	fflush(stdout);
}

/* ---- the command line ---- */

static const struct subject {
	const char *name;
	void (*run)(void);
	const char *what;
} subjects[] = {
	{"rwlock", subject_rwlock, "glibc's process-shared rwlock, lock and unlock, uncontended"},
	{"tism", subject_tism, "that lock + memcpy (+ clock): a TISM write and read, 8 B to 1 MiB"},
	{"binding", subject_binding, "bindings/c: write, read and guard of a topic, 8 B to 1 MiB"},
	{"memcpy", subject_memcpy, "memcpy alone, to and from shared memory, 8 B to 1 MiB"},
	{"contended", subject_contended, "a TISM writer against a TISM reader, 64 B, two CPUs"},
	{"wake", subject_wake, "round trips: futex, pipe, Unix SOCK_SEQPACKET; same CPU, two CPUs"},
	{"clock", subject_clock, "clock_gettime(CLOCK_MONOTONIC): vDSO, system call"},
};

enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static _Noreturn void usage(FILE *to, int status)
{
	fprintf(to, "usage: compare [-count N] [-ms N] [-cpus A,B] [subject...]\n"
		    "  -count N    whole rounds, for benchstat (default 1, at most 1000)\n"
		    "  -ms N       time for each measurement (default 500, 50 to 10000)\n"
		    "  -cpus A,B   the CPUs to pin to (default: the first two allowed)\n"
		    "subjects (default: all):\n");
	for (int i = 0; i < SUBJECTS; i++)
		fprintf(to, "  %-11s %s\n", subjects[i].name, subjects[i].what);
	exit(status);
}

static _Noreturn void bad_input(const char *fmt, const char *arg)
{
	fputs("compare: ", stderr);
	fprintf(stderr, fmt, arg);
	fputc('\n', stderr);
	usage(stderr, 2);
}

/* A whole number in [min, max] that ends where the string or `end` does. */
static long number(const char *s, char end, long min, long max, const char **rest)
{
	char *stop;
	long v;

	errno = 0;
	v = strtol(s, &stop, 10);
	if (errno != 0 || stop == s || *stop != end || v < min || v > max)
		bad_input("bad number: %s", s);
	if (rest != NULL)
		*rest = stop + 1;
	return v;
}

static void parse_cpus(const char *s)
{
	const char *second;

	cpus[0] = (int)number(s, ',', 0, CPU_SETSIZE - 1, &second);
	cpus[1] = (int)number(second, '\0', 0, CPU_SETSIZE - 1, NULL);
	if (cpus[0] == cpus[1])
		bad_input("the two CPUs must differ: %s", s);
}

/* The value of option `name` if argv[*i] is it: -name V, -name=V, --name too. */
static const char *option(char **argv, int *i, const char *name)
{
	const char *a = argv[*i];
	size_t len = strlen(name);

	a += a[0] == '-' ? 1 : 0;
	a += a[0] == '-' ? 1 : 0;
	if (a == argv[*i] || strncmp(a, name, len) != 0)
		return NULL;
	if (a[len] == '=')
		return a + len + 1;
	if (a[len] != '\0')
		return NULL;
	if (argv[*i + 1] == NULL)
		bad_input("%s needs a value", argv[*i]);
	return argv[++*i];
}

static int find_subject(const char *name)
{
	for (int i = 0; i < SUBJECTS; i++)
		if (strcmp(name, subjects[i].name) == 0)
			return i;
	bad_input("no such subject or option: %s", name);
}

int main(int argc, char **argv)
{
	bool chosen[SUBJECTS] = {false}, any = false;
	const char *v;
	long count = 1;

	choose_cpus();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			usage(stdout, 0);
		else if ((v = option(argv, &i, "count")) != NULL)
			count = number(v, '\0', 1, 1000, NULL);
		else if ((v = option(argv, &i, "ms")) != NULL)
			measure_ns = (uint64_t)number(v, '\0', 50, 10000, NULL) * 1000000;
		else if ((v = option(argv, &i, "cpus")) != NULL)
			parse_cpus(v);
		else
			chosen[find_subject(argv[i])] = any = true;
	}
	handle_signals(on_signal);
	signal(SIGPIPE, SIG_IGN); /* a dead peer is an error of write */
	pin(cpus[0]);
	make_memory();
	print_header();
	for (long round = 0; round < count; round++)
		for (int i = 0; i < SUBJECTS; i++)
			if (!any || chosen[i])
				subjects[i].run();
	return 0;
}
