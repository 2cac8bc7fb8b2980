/*
 * The C half of package tism: handles and guards over bindings/c, with what Python adds to
 * them: when the GIL is let go, Ctrl-C, calls from several threads, and views that cannot
 * outlive what they look at. Types, messages and asyncio are in Python, beside this file.
 *
 * Threads. A tism handle is for one thread at a time. Calls that cannot sleep keep the GIL,
 * which excludes all others. A call that lets the GIL go says so in handle.inside and holds
 * handle.lock meanwhile; who comes then waits for it, or, if it sleeps until there is news,
 * gets an error (enter).
 *
 * Views. A guard counts its buffer exports. It ends only without any: who ends it earlier
 * gets a BufferError, and it ends with the last of them. A guard holds its handle, and a
 * handle with exports is not closed, so no view points at memory that is gone.
 *
 * It keeps to the limited API of Python 3.11, so that one build does for all from there on.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tism.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#if PY_VERSION_HEX < 0x030A0000
static inline PyObject *Py_XNewRef(PyObject *o)
{
	Py_XINCREF(o);
	return o;
}
#define Py_NewRef(o) Py_XNewRef((PyObject *)(o))
#endif

#define NS_PER_S 1000000000LL
#define FOREVER (-1LL)
/* A signal that comes just before a sleep does not end it; then this does. */
#define SLICE (NS_PER_S / 2)
/* A copy of this many bytes is short enough to keep everybody out. */
#define QUICK 65536

/* make_error(result, action, topic, detail) -> exception, in Python. */
static PyObject *make_error;

/* How many forks away from the first process this one is. */
static unsigned generation;

struct guard;

typedef struct {
	PyObject_HEAD
	struct _tism_shared_memory shm;
	PyThread_type_lock lock;
	PyObject *name;
	PyObject *type;     /* a value of exactly this type is written as it is */
	PyObject *blank;    /* () -> writable buffer to read into; NULL: new bytes */
	PyObject *decode;   /* bytes, or what blank gave -> value; NULL: itself */
	PyObject *encode;   /* value -> bytes-like; NULL: it is bytes-like */
	struct guard *guard; /* the one that holds the handle; borrowed */
	int64_t timeout;    /* of calls that somebody is in the way of, < 0: for ever */
	size_t size;        /* capacity */
	unsigned generation; /* of the process that opened it */
	bool publisher;
	bool fixed;   /* every value has the size */
	bool quick;   /* reads and writes neither sleep nor take long, as a rule */
	bool inside;  /* somebody is, without the GIL */
	bool asleep;  /* and sleeps until there is news */
	bool stopped; /* and shall return */
	bool closing; /* with the last export */
} handle;

typedef struct guard {
	PyObject_HEAD
	handle *owner; /* NULL: over */
	char *data;
	size_t size;
	Py_ssize_t exports;
	PyObject *view; /* the memoryview that is released with the guard */
	bool writable;
	bool ending; /* with the last export */
} guard;

/* ---- Errors ------------------------------------------------------------------------------ */

/* Raises what a result means. Returns NULL. */
static PyObject *raise_result(tism_result_t r, const char *action, PyObject *name,
                              const char *detail)
{
	if (PyErr_Occurred()) {
		return NULL; /* of a signal handler: Ctrl-C */
	}
	PyObject *e = PyObject_CallFunction(make_error, "isOs", (int)r, action,
	                                    name ? name : Py_None, detail);
	if (e) {
		PyErr_SetObject((PyObject *)Py_TYPE(e), e);
		Py_DECREF(e);
	}
	return NULL;
}

/* Names the consumer that a publisher's timeout was due to. */
static PyObject *raise_from(handle *h, tism_result_t r, const char *action)
{
	char detail[64] = "";
	tism_process_t who;
	if (r == TISM_TIMED_OUT && h->publisher && tism_holder(&h->shm, &who) == TISM_OK) {
		PyOS_snprintf(detail, sizeof detail, "%s (PID %d) holds it", who.command, who.pid);
	}
	return raise_result(r, action, h->name, detail);
}

/* Seconds or None to nanoseconds, rounded up. -2 after an error. */
static int64_t to_ns(PyObject *seconds)
{
	if (!seconds || seconds == Py_None) {
		return FOREVER;
	}
	double s = PyFloat_AsDouble(seconds);
	if (s == -1.0 && PyErr_Occurred()) {
		return -2;
	}
	if (!(s >= 0)) {
		PyErr_SetString(PyExc_ValueError, "a timeout is None or at least 0 seconds");
		return -2;
	}
	return s > 9e9 ? FOREVER : (int64_t)(s * 1e9 + 0.999);
}

/* ---- One thread at a time ---------------------------------------------------------------- */

static bool is_open(handle *h, const char *action)
{
	if (!h->shm.handle || h->closing || h->generation != generation) {
		raise_result(TISM_BAD_HANDLE, action, h->name,
		             h->generation != generation ? "it belongs to the parent process" : "");
		return false;
	}
	return true;
}

/* Waits until whoever is inside has left. They hold h->lock. */
static bool await_turn(handle *h, const char *action)
{
	while (h->inside && h->generation == generation) {
		if (h->asleep) {
			PyObject *e = PyObject_CallFunction(make_error, "isOs", -1, action, h->name, "");
			if (e) {
				PyErr_SetObject((PyObject *)Py_TYPE(e), e);
				Py_DECREF(e);
			}
			return false;
		}
		Py_BEGIN_ALLOW_THREADS
		if (PyThread_acquire_lock_timed(h->lock, 100000, 0) == PY_LOCK_ACQUIRED) {
			PyThread_release_lock(h->lock);
		}
		Py_END_ALLOW_THREADS
		if (PyErr_CheckSignals() < 0) {
			return false;
		}
	}
	return is_open(h, action);
}

/* Every call begins with this. */
static inline bool enter(handle *h, const char *action)
{
	return h->inside ? await_turn(h, action) : is_open(h, action);
}

/* For calls that store nothing to the handle: they may pass by one that sleeps. */
static inline bool look_in(handle *h, const char *action)
{
	return h->inside && h->asleep ? is_open(h, action) : enter(h, action);
}

/* Around what sleeps or takes long. enter has returned true. */
#define WITHOUT_GIL(h, statement)                                                              \
	do {                                                                                   \
		handle *h_ = (h);                                                              \
		Py_INCREF((PyObject *)h_);                                                                 \
		(void)PyThread_acquire_lock(h_->lock, WAIT_LOCK); /* nobody has it */          \
		h_->inside = true;                                                             \
		Py_BEGIN_ALLOW_THREADS                                                         \
		statement;                                                                     \
		PyThread_release_lock(h_->lock);                                               \
		Py_END_ALLOW_THREADS                                                           \
		h_->inside = false;                                                            \
		Py_DECREF((PyObject *)h_);                                                                 \
	} while (0)

static int64_t left_of(int64_t deadline)
{
	if (deadline < 0) {
		return SLICE;
	}
	int64_t left = deadline - tism_now();
	return left < 1 ? 1 : left < SLICE ? left : SLICE;
}

static int64_t deadline_in(int64_t ns) { return ns < 0 ? FOREVER : tism_now() + ns; }

static bool is_over(int64_t deadline) { return deadline >= 0 && tism_now() >= deadline; }

/*
 * A call that somebody may be in the way of. The first attempt keeps the GIL if the topic is
 * quick, and does not sleep then. The others are slices of the handle's timeout, with a look
 * at signals in between.
 */
struct attempt {
	const void *from;
	void *to, **at;
	size_t size;
	int64_t sampled;
	tism_info_t info;
};

typedef tism_result_t operation(handle *, struct attempt *);

static tism_result_t attempt(handle *h, const char *action, operation *op, struct attempt *a)
{
	tism_result_t r = TISM_TIMED_OUT;
	if (h->quick) {
		(void)tism_set_timeout(&h->shm, 1);
		if ((r = op(h, a)) != TISM_TIMED_OUT) {
			return r;
		}
	}
	int64_t deadline = deadline_in(h->timeout);
	do {
		(void)tism_set_timeout(&h->shm, left_of(deadline));
		WITHOUT_GIL(h, r = op(h, a));
		if (r == TISM_TIMED_OUT && (PyErr_CheckSignals() < 0 || !enter(h, action))) {
			return r;
		}
	} while (r == TISM_TIMED_OUT && !is_over(deadline));
	return r;
}

/* ---- Read and write ---------------------------------------------------------------------- */

static tism_result_t do_write(handle *h, struct attempt *a)
{
	return tism_write(&h->shm, a->from, a->size, a->sampled);
}

static tism_result_t do_read(handle *h, struct attempt *a)
{
	return tism_read(&h->shm, a->to, a->size, &a->info);
}

/* Publishes what a bytes-like object holds. */
static PyObject *write_bytes(handle *h, PyObject *value, int64_t sampled)
{
	Py_buffer b;
	if (PyObject_GetBuffer(value, &b, PyBUF_SIMPLE) < 0) {
		return NULL;
	}
	PyObject *result = NULL;
	if (!enter(h, "writing to")) {
		goto done;
	}
	if (h->fixed && (size_t)b.len != h->size) {
		char detail[80];
		PyOS_snprintf(detail, sizeof detail, "%lld bytes given, the topic takes %lld",
		              (long long)b.len, (long long)h->size);
		raise_result(TISM_SIZE_MISMATCH, "writing to", h->name, detail);
		goto done;
	}
	struct attempt a = {.from = b.buf, .size = (size_t)b.len, .sampled = sampled};
	tism_result_t r = attempt(h, "writing to", do_write, &a);
	if (r != TISM_OK || PyErr_Occurred()) {
		raise_from(h, r, "writing to");
		goto done;
	}
	result = Py_NewRef(Py_None);
done:
	PyBuffer_Release(&b);
	return result;
}

static PyObject *handle_write(handle *h, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
	int64_t sampled = 0;
	Py_ssize_t named = names ? PyTuple_Size(names) : 0;
	if (n == 1 && named == 1) {
		PyObject *key = PyTuple_GetItem(names, 0);
		if (PyUnicode_CompareWithASCIIString(key, "sampled_ns") != 0) {
			return PyErr_Format(PyExc_TypeError, "write() has no argument %R", key);
		}
		sampled = PyLong_AsLongLong(args[1]);
		if (sampled == -1 && PyErr_Occurred()) {
			return NULL;
		}
	} else if (n != 1 || named) {
		PyErr_SetString(PyExc_TypeError, "write() takes a value, and sampled_ns by name");
		return NULL;
	}
	PyObject *value = args[0];
	if (!h->encode || (PyObject *)Py_TYPE(value) == h->type) {
		return write_bytes(h, value, sampled);
	}
	PyObject *bytes = PyObject_CallFunctionObjArgs(h->encode, value, NULL);
	if (!bytes) {
		return NULL;
	}
	PyObject *result = write_bytes(h, bytes, sampled);
	Py_DECREF(bytes);
	return result;
}

/* A copy of the newest value as bytes. enter has returned true. */
static PyObject *read_bytes(handle *h)
{
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)h->size);
	if (!bytes) {
		return NULL;
	}
	struct attempt a = {.to = PyBytes_AsString(bytes), .size = h->size};
	tism_result_t r = attempt(h, "reading", do_read, &a);
	if (r != TISM_OK || PyErr_Occurred()) {
		Py_DECREF(bytes);
		return raise_from(h, r, "reading");
	}
	if (a.info.size != h->size) {
		PyObject *whole = bytes;
		bytes = PyBytes_FromStringAndSize(a.to, (Py_ssize_t)a.info.size);
		Py_DECREF(whole);
	}
	return bytes;
}

/* Copies the newest value into a writable buffer. False after raising. */
static bool read_to(handle *h, PyObject *to, size_t *size)
{
	Py_buffer b;
	if (PyObject_GetBuffer(to, &b, PyBUF_WRITABLE) < 0) {
		return false;
	}
	bool done = false;
	if (enter(h, "reading")) {
		struct attempt a = {.to = b.buf, .size = (size_t)b.len};
		tism_result_t r = attempt(h, "reading", do_read, &a);
		done = r == TISM_OK && !PyErr_Occurred();
		*size = a.info.size;
		if (!done) {
			raise_from(h, r, "reading");
		}
	}
	PyBuffer_Release(&b);
	return done;
}

static PyObject *read_blank(handle *h)
{
	size_t size;
	PyObject *blank = PyObject_CallFunctionObjArgs(h->blank, NULL);
	if (blank && !read_to(h, blank, &size)) {
		Py_CLEAR(blank);
	}
	return blank;
}

static PyObject *read_value(handle *h)
{
	PyObject *raw = h->blank ? read_blank(h) : read_bytes(h);
	if (!raw || !h->decode) {
		return raw;
	}
	PyObject *value = PyObject_CallFunctionObjArgs(h->decode, raw, NULL);
	Py_DECREF(raw);
	return value;
}

static PyObject *handle_read(handle *h, PyObject *unused)
{
	(void)unused;
	return enter(h, "reading") ? read_value(h) : NULL;
}

static PyObject *handle_read_change(handle *h, PyObject *unused)
{
	(void)unused;
	if (!enter(h, "reading")) {
		return NULL;
	}
	return tism_borrowed_has_changed(&h->shm) ? read_value(h) : Py_NewRef(Py_None);
}

static PyObject *handle_read_into(handle *h, PyObject *to)
{
	size_t size;
	return read_to(h, to, &size) ? PyLong_FromSize_t(size) : NULL;
}

/* ---- Wait -------------------------------------------------------------------------------- */

typedef tism_result_t waiting(volatile tism_borrowed_shared_memory_t *, int64_t);

/* Sleeps until there is news or a publisher; false after raising. */
static bool wait_for(handle *h, const char *action, waiting *wait, int64_t timeout)
{
	int64_t deadline = deadline_in(timeout);
	tism_result_t r = TISM_TIMED_OUT;
	if (!enter(h, action)) {
		return false;
	}
	h->stopped = false;
	for (;;) {
		if (timeout == 0) {
			r = wait(&h->shm, 0);
		} else {
			h->asleep = true;
			WITHOUT_GIL(h, r = wait(&h->shm, left_of(deadline)));
			h->asleep = false;
		}
		if (r == TISM_OK) {
			return true;
		}
		if ((r != TISM_TIMED_OUT && r != TISM_INTERUPTED) || PyErr_CheckSignals() < 0) {
			break;
		}
		if (h->stopped) {
			r = TISM_INTERUPTED;
			break;
		}
		if (!enter(h, action)) { /* closed meanwhile */
			break;
		}
		if (r == TISM_TIMED_OUT && is_over(deadline)) {
			break;
		}
	}
	raise_result(h->closing || !h->shm.handle ? TISM_BAD_HANDLE : r, action, h->name, "");
	return false;
}

static bool parse_timeout(PyObject *args, PyObject *names, const char *format, int64_t *ns)
{
	static char *keywords[] = {"timeout", NULL};
	PyObject *timeout = Py_None;
	if (!PyArg_ParseTupleAndKeywords(args, names, format, keywords, &timeout)) {
		return false;
	}
	return (*ns = to_ns(timeout)) != -2;
}

static PyObject *handle_wait(handle *h, PyObject *args, PyObject *names)
{
	int64_t timeout;
	if (!parse_timeout(args, names, "|O:wait", &timeout) ||
	    !wait_for(h, "waiting for", tism_wait, timeout)) {
		return NULL;
	}
	return Py_NewRef(Py_None);
}

static PyObject *handle_wait_publisher(handle *h, PyObject *args, PyObject *names)
{
	int64_t timeout;
	if (!parse_timeout(args, names, "|O:wait_publisher", &timeout) ||
	    !wait_for(h, "waiting for a publisher of", tism_wait_publisher, timeout)) {
		return NULL;
	}
	return Py_NewRef(Py_None);
}

static PyObject *handle_next(handle *h, PyObject *args, PyObject *names)
{
	int64_t timeout;
	if (!parse_timeout(args, names, "|O:next", &timeout)) {
		return NULL;
	}
	/* What is there already needs no sleep. */
	if (!enter(h, "waiting for") ||
	    (!tism_borrowed_has_changed(&h->shm) && !wait_for(h, "waiting for", tism_wait, timeout))) {
		return NULL;
	}
	return enter(h, "reading") ? read_value(h) : NULL;
}

/* Ends a wait in another thread: call it until that has returned. */
static PyObject *handle_interrupt(handle *h, PyObject *unused)
{
	(void)unused;
	if (h->inside && h->asleep) {
		h->stopped = true;
		(void)tism_interrupt(&h->shm);
	}
	return Py_NewRef(Py_None);
}

/* ---- Ask --------------------------------------------------------------------------------- */

static PyObject *handle_has_changed(handle *h, PyObject *unused)
{
	(void)unused;
	return look_in(h, "asking about") ? PyBool_FromLong(tism_borrowed_has_changed(&h->shm)) : NULL;
}

static PyObject *handle_staleness_nanos(handle *h, PyObject *unused)
{
	(void)unused;
	return look_in(h, "asking about") ? PyLong_FromLongLong(tism_borrowed_staleness(&h->shm)) : NULL;
}

static PyObject *handle_staleness(handle *h, PyObject *unused)
{
	(void)unused;
	return look_in(h, "asking about")
	           ? PyFloat_FromDouble((double)tism_borrowed_staleness(&h->shm) / 1e9)
	           : NULL;
}

static PyObject *handle_total_writes(handle *h, PyObject *unused)
{
	(void)unused;
	return look_in(h, "asking about")
	           ? PyLong_FromUnsignedLongLong(tism_borrowed_get_total_writes(&h->shm))
	           : NULL;
}

/* (number, missed, published_ns, sampled_ns, size) */
static PyObject *handle_info(handle *h, PyObject *unused)
{
	(void)unused;
	tism_info_t i = {0};
	if (!look_in(h, "asking about")) {
		return NULL;
	}
	(void)tism_info(&h->shm, &i);
	return Py_BuildValue("KKLLn", (unsigned long long)i.number, (unsigned long long)i.missed,
	                     (long long)i.published_ns, (long long)i.sampled_ns, (Py_ssize_t)i.size);
}

static PyObject *handle_state(handle *h, PyObject *unused)
{
	(void)unused;
	tism_state_t s = TISM_ALIVE;
	if (!look_in(h, "asking about")) {
		return NULL;
	}
	tism_result_t r = tism_state(&h->shm, &s);
	return r == TISM_OK ? PyLong_FromLong((long)s) : raise_from(h, r, "asking about");
}

/* (pid, command) */
static PyObject *handle_process(handle *h, PyObject *unused)
{
	(void)unused;
	tism_process_t who = {0};
	if (!look_in(h, "asking about")) {
		return NULL;
	}
	tism_result_t r = tism_publisher(&h->shm, &who);
	if (r != TISM_OK) {
		return raise_from(h, r, "asking about");
	}
	PyObject *command = PyUnicode_DecodeUTF8(who.command, (Py_ssize_t)strlen(who.command), "replace");
	return command ? Py_BuildValue("iN", who.pid, command) : NULL;
}

/* ---- Guards ------------------------------------------------------------------------------ */

/* Gives the guard's memory back: to nobody's harm, since there are no exports. */
static tism_result_t end_guard(guard *g, bool publishing, size_t size, int64_t sampled)
{
	handle *h = g->owner;
	tism_result_t r = publishing    ? tism_publish(&h->shm, size, sampled)
	                  : g->writable ? tism_discard(&h->shm)
	                                : tism_unsafe_borrowed_unlock(&h->shm, NULL);
	if (!publishing && r == TISM_NO_DISCARD) { /* it was changed in place */
		r = tism_publish(&h->shm, g->size, 0);
	}
	if (publishing && (r == TISM_SIZE_MISMATCH || r == TISM_TOO_BIG || r == TISM_INVALID_ARGUMENT)) {
		return r; /* the guard goes on */
	}
	g->owner = NULL;
	g->data = NULL;
	h->guard = NULL;
	Py_DECREF((PyObject *)h);
	return r;
}

static void close_now(handle *h);

/* Ends what the user ended while there were exports. */
static void end_late(guard *g)
{
	handle *h = g->owner;
	Py_INCREF((PyObject *)h);
	(void)end_guard(g, false, 0, 0);
	if (h->closing) {
		close_now(h);
	}
	Py_DECREF((PyObject *)h);
}

/* Lets go of the guard's own view. False after raising: there are others. */
static bool release_views(guard *g, const char *what)
{
	if (g->view) {
		PyObject *r = PyObject_CallMethod(g->view, "release", NULL);
		if (r) {
			Py_DECREF(r);
			Py_CLEAR(g->view);
		} else {
			if (!PyErr_ExceptionMatches(PyExc_BufferError)) {
				return false;
			}
			PyErr_Clear();
			/* An array is made of it: it goes with the array. */
			PyObject *view = g->view;
			g->view = NULL;
			Py_DECREF(view);
		}
	}
	if (g->owner && g->exports > 0) {
		g->ending = true;
		PyErr_Format(PyExc_BufferError,
		             "%s topic %R: %zd views of its memory are still in use; delete them before the "
		             "end of the 'with' block. The guard ends with the last of them%s",
		             what, g->owner->name, g->exports,
		             !g->writable                          ? ""
		             : tism_buffers(&g->owner->shm) == 1 ? ", which publishes the value"
		                                                   : ", and nothing is published");
		return false;
	}
	return true;
}

static bool holds(guard *g, const char *action)
{
	if (!g->owner || g->ending) {
		raise_result(TISM_NOT_LOCKED, action, g->owner ? g->owner->name : NULL, "");
		return false;
	}
	return enter(g->owner, action);
}

/* Ends the guard without publishing. */
static PyObject *leave(guard *g)
{
	if (!g->owner) {
		return Py_NewRef(Py_None); /* again */
	}
	PyObject *name = Py_NewRef(g->owner->name);
	PyObject *result = NULL;
	Py_INCREF((PyObject *)g);
	if ((!g->owner->inside || await_turn(g->owner, "releasing")) && release_views(g, "releasing") && g->owner) {
		tism_result_t r = end_guard(g, false, 0, 0);
		result = r == TISM_OK ? Py_NewRef(Py_None) : raise_result(r, "releasing", name, "");
	} else if (!PyErr_Occurred()) {
		result = Py_NewRef(Py_None);
	}
	Py_DECREF((PyObject *)g);
	Py_DECREF(name);
	return result;
}

static PyObject *guard_release(guard *g, PyObject *unused)
{
	(void)unused;
	return leave(g);
}

static PyObject *guard_publish(guard *g, PyObject *args, PyObject *names)
{
	static char *keywords[] = {"size", "sampled_ns", NULL};
	PyObject *given = Py_None;
	long long sampled = 0;
	if (!PyArg_ParseTupleAndKeywords(args, names, "|O$L:publish", keywords, &given, &sampled) ||
	    !holds(g, "publishing")) {
		return NULL;
	}
	size_t size = g->size;
	if (given != Py_None && (size = PyLong_AsSize_t(given)) == (size_t)-1 && PyErr_Occurred()) {
		return NULL;
	}
	if (!g->writable) {
		return raise_result(TISM_READ_ONLY, "publishing", g->owner->name, "this guard only reads");
	}
	if (size > g->owner->size || (g->owner->fixed && size != g->owner->size)) {
		return raise_result(size > g->owner->size ? TISM_TOO_BIG : TISM_SIZE_MISMATCH,
		                    "publishing", g->owner->name, "");
	}
	if (!release_views(g, "publishing")) {
		return NULL;
	}
	PyObject *name = Py_NewRef(g->owner->name);
	tism_result_t r = end_guard(g, true, size, sampled);
	PyObject *result = r == TISM_OK ? Py_NewRef(Py_None) : raise_result(r, "publishing", name, "");
	Py_DECREF(name);
	return result;
}

static PyObject *guard_enter(guard *g, PyObject *unused)
{
	(void)unused;
	return holds(g, "using a guard of") ? Py_NewRef((PyObject *)g) : NULL;
}

static PyObject *guard_exit(guard *g, PyObject *args)
{
	PyObject *type = PyTuple_Size(args) ? PyTuple_GetItem(args, 0) : Py_None;
	if (g->owner && g->writable && type == Py_None && !g->ending) {
		PyObject *none = PyTuple_New(0);
		PyObject *r = none ? guard_publish(g, none, NULL) : NULL;
		Py_XDECREF(none);
		return r;
	}
	return leave(g);
}

static PyObject *guard_view(guard *g, void *unused)
{
	(void)unused;
	if (!holds(g, "viewing")) {
		return NULL;
	}
	if (!g->view) {
		g->view = PyMemoryView_FromObject((PyObject *)g);
	}
	return Py_XNewRef(g->view);
}

static PyObject *guard_held(guard *g, void *unused)
{
	(void)unused;
	return PyBool_FromLong(g->owner != NULL);
}

static PyObject *guard_topic(guard *g, void *unused)
{
	(void)unused;
	return Py_NewRef(g->owner ? (PyObject *)g->owner : Py_None);
}

static Py_ssize_t guard_length(guard *g) { return g->owner ? (Py_ssize_t)g->size : 0; }

static int guard_getbuffer(guard *g, Py_buffer *b, int flags)
{
	b->obj = NULL;
	if (!g->owner || g->ending) {
		PyErr_SetString(PyExc_BufferError, "the guard has ended; lock the topic again");
		return -1;
	}
	/* numpy.ndarray(buffer=...) asks like this, lets go at once, and points here for ever. */
	if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !(flags & PyBUF_FORMAT)) {
		PyErr_SetString(PyExc_BufferError, "numpy.ndarray does not hold what it points at; use "
		                                   "guard.array or numpy.frombuffer");
		return -1;
	}
	if (PyBuffer_FillInfo(b, (PyObject *)g, g->data, (Py_ssize_t)g->size, !g->writable, flags) < 0) {
		return -1;
	}
	g->exports++;
	return 0;
}

static void guard_releasebuffer(guard *g, Py_buffer *b)
{
	(void)b;
	if (--g->exports == 0 && g->ending && g->owner) {
		end_late(g);
	}
}

static void guard_dealloc(guard *g)
{
	PyTypeObject *type = Py_TYPE((PyObject *)g);
	if (PyType_GetFlags(type) & Py_TPFLAGS_HAVE_GC) {
		PyObject_GC_UnTrack(g);
	}
	Py_CLEAR(g->view); /* it holds the guard, so here it is NULL */
	if (g->owner) {
		end_late(g); /* no view is left: each holds the guard */
	}
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
	release(g);
	Py_DECREF(type);
}

static int guard_traverse(guard *g, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE((PyObject *)g));
	Py_VISIT(g->view); /* a cycle: guard, view, guard */
	return 0;
}

static int guard_clear(guard *g)
{
	Py_CLEAR(g->view);
	return 0;
}

static PyObject *no_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
	(void)args;
	(void)names;
	(void)type;
	PyErr_SetString(PyExc_TypeError, "made by tism.create, tism.open and locks only");
	return NULL;
}

static PyMethodDef guard_methods[] = {
	{"release", (PyCFunction)guard_release, METH_NOARGS, "Ends the guard. Nothing is published."},
	{"publish", (PyCFunction)(void (*)(void))guard_publish, METH_VARARGS | METH_KEYWORDS,
	 "Publishes the first size bytes, or all, and ends the guard."},
	{"__enter__", (PyCFunction)guard_enter, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)guard_exit, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef guard_fields[] = {
	{"view", (getter)guard_view, NULL, "The value's memory; of no use after the guard's end.", NULL},
	{"held", (getter)guard_held, NULL, "Whether the value is still held.", NULL},
	{"topic", (getter)guard_topic, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot guard_slots[] = {
	{Py_tp_new, no_new},
	{Py_tp_dealloc, guard_dealloc},
	{Py_tp_traverse, guard_traverse},
	{Py_tp_clear, guard_clear},
	{Py_tp_methods, guard_methods},
	{Py_tp_getset, guard_fields},
	{Py_sq_length, guard_length},
	{Py_bf_getbuffer, guard_getbuffer},
	{Py_bf_releasebuffer, guard_releasebuffer},
	{0, NULL},
};

static PyType_Spec guard_spec = {
	.name = "tism._tism.Guard",
	.basicsize = sizeof(guard),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = guard_slots,
};

static PyTypeObject *guard_type;

static tism_result_t do_read_lock(handle *h, struct attempt *a)
{
	return tism_unsafe_borrowed_read_lock(&h->shm, a->at);
}

static tism_result_t do_write_lock(handle *h, struct attempt *a)
{
	return tism_unsafe_owned_write_lock(&h->shm, a->at);
}

static tism_result_t do_loan(handle *h, struct attempt *a) { return tism_loan(&h->shm, a->at); }

static PyObject *take_guard(handle *h, PyObject *class, const char *action, operation *op)
{
	if (!PyType_Check(class) || !PyType_IsSubtype((PyTypeObject *)class, guard_type)) {
		PyErr_SetString(PyExc_TypeError, "a guard's class is needed");
		return NULL;
	}
	guard *g = (guard *)PyType_GenericAlloc((PyTypeObject *)class, 0);
	if (!g) {
		return NULL;
	}
	void *data = NULL;
	struct attempt a = {.at = &data};
	if (!enter(h, action)) {
		Py_DECREF((PyObject *)g);
		return NULL;
	}
	tism_result_t r = attempt(h, action, op, &a);
	if (r != TISM_OK || PyErr_Occurred()) {
		Py_DECREF((PyObject *)g);
		return raise_from(h, r, action);
	}
	tism_info_t info;
	g->writable = op != do_read_lock;
	g->size = g->writable || tism_info(&h->shm, &info) != TISM_OK ? h->size : info.size;
	g->data = data;
	g->owner = (handle *)Py_NewRef((PyObject *)h);
	h->guard = g;
	return (PyObject *)g;
}

static PyObject *handle_read_lock(handle *h, PyObject *class)
{
	return take_guard(h, class, "locking", do_read_lock);
}

static PyObject *handle_write_lock(handle *h, PyObject *class)
{
	return take_guard(h, class, "locking", do_write_lock);
}

static PyObject *handle_loan(handle *h, PyObject *class)
{
	return take_guard(h, class, "locking", do_loan);
}

/* ---- Close ------------------------------------------------------------------------------- */

static void close_now(handle *h)
{
	if (h->shm.handle) {
		(void)_tism_close(&h->shm);
		h->shm.handle = NULL;
	}
}

/* Ends a guard without exports. False after raising. */
static bool end_of_guard(handle *h, const char *action)
{
	guard *g = h->guard;
	if (!g) {
		return true;
	}
	Py_INCREF((PyObject *)g);
	bool done = release_views(g, action);
	if (done && g->owner) {
		(void)end_guard(g, false, 0, 0);
	}
	Py_DECREF((PyObject *)g);
	return done;
}

/* Ends the sleep of another thread, and waits for whatever else it does. */
static bool evict(handle *h)
{
	while (h->inside && h->generation == generation) {
		if (h->asleep) {
			h->stopped = true;
			(void)tism_interrupt(&h->shm);
		}
		Py_BEGIN_ALLOW_THREADS
		if (PyThread_acquire_lock_timed(h->lock, 1000, 0) == PY_LOCK_ACQUIRED) {
			PyThread_release_lock(h->lock);
		}
		Py_END_ALLOW_THREADS
		if (PyErr_CheckSignals() < 0) {
			return false;
		}
	}
	return true;
}

static PyObject *handle_close(handle *h, PyObject *unused)
{
	(void)unused;
	if (!h->shm.handle) {
		return Py_NewRef(Py_None); /* again */
	}
	h->closing = true;
	if (!evict(h)) {
		h->closing = false;
		return NULL;
	}
	if (!end_of_guard(h, "closing")) {
		return NULL; /* it closes with the last view */
	}
	close_now(h);
	return Py_NewRef(Py_None);
}

static PyObject *handle_remove(handle *h, PyObject *unused)
{
	(void)unused;
	if (!enter(h, "removing") || !end_of_guard(h, "removing")) {
		return NULL;
	}
	tism_result_t r = tism_owned_remove(&h->shm);
	return r == TISM_OK ? Py_NewRef(Py_None) : raise_from(h, r, "removing");
}

static void handle_dealloc(handle *h)
{
	PyTypeObject *type = Py_TYPE((PyObject *)h);
	if (PyType_GetFlags(type) & Py_TPFLAGS_HAVE_GC) {
		PyObject_GC_UnTrack(h);
	}
	close_now(h); /* nobody is inside and no guard is left: each holds the handle */
	if (h->lock) {
		PyThread_free_lock(h->lock);
	}
	Py_CLEAR(h->name);
	Py_CLEAR(h->type);
	Py_CLEAR(h->blank);
	Py_CLEAR(h->decode);
	Py_CLEAR(h->encode);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
	release(h);
	Py_DECREF(type);
}

static int handle_traverse(handle *h, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE((PyObject *)h));
	Py_VISIT(h->type);
	Py_VISIT(h->blank);
	Py_VISIT(h->decode);
	Py_VISIT(h->encode);
	return 0;
}

static int handle_clear(handle *h)
{
	Py_CLEAR(h->decode);
	Py_CLEAR(h->encode);
	return 0;
}

/* ---- Without a name ---------------------------------------------------------------------- */

static PyObject *handle_share(handle *h, PyObject *unused)
{
	(void)unused;
	int fd = -1;
	if (!enter(h, "sharing")) {
		return NULL;
	}
	tism_result_t r = tism_share(&h->shm, &fd);
	return r == TISM_OK ? PyLong_FromLong(fd) : raise_from(h, r, "sharing");
}

static PyObject *handle_send(handle *h, PyObject *socket)
{
	int fd = PyObject_AsFileDescriptor(socket);
	if (fd < 0 || !enter(h, "sending")) {
		return NULL;
	}
	tism_result_t r;
	WITHOUT_GIL(h, r = tism_send(fd, &h->shm));
	return r == TISM_OK ? Py_NewRef(Py_None) : raise_from(h, r, "sending");
}

/* (fd, name) */
static PyObject *receive(PyObject *module, PyObject *socket)
{
	(void)module;
	char name[TISM_MAX_NAME_LENGTH + 1];
	int from = PyObject_AsFileDescriptor(socket), fd = -1;
	if (from < 0) {
		return NULL;
	}
	tism_result_t r;
	do {
		Py_BEGIN_ALLOW_THREADS
		r = tism_receive(from, &fd, name);
		Py_END_ALLOW_THREADS
	} while (r == TISM_INTERUPTED && PyErr_CheckSignals() == 0);
	return r == TISM_OK ? Py_BuildValue("is", fd, name)
	                    : raise_result(r, "receiving a topic", NULL, "");
}

/* ---- Create and open --------------------------------------------------------------------- */

/* What create and open are given; the rest has its default. */
struct request {
	PyObject *name, *timeout;
	const char *descriptor, *dir;
	unsigned flags;
	Py_ssize_t fd;
	tism_options_t o;
	char message[1024];
};

static handle *new_handle(PyTypeObject *type, struct request *q, bool publisher)
{
	handle *h = (handle *)PyType_GenericAlloc(type, 0);
	if (!h) {
		return NULL;
	}
	h->publisher = publisher;
	h->generation = generation;
	h->name = Py_XNewRef(q->name);
	h->timeout = to_ns(q->timeout);
	if (!(h->lock = PyThread_allocate_lock())) {
		PyErr_NoMemory();
	}
	if (h->timeout == -2 || !h->lock) {
		Py_DECREF((PyObject *)h);
		return NULL;
	}
	q->o.flags = q->flags;
	q->o.descriptor = q->descriptor;
	q->o.dir = q->dir;
	q->o.message = q->message;
	q->o.message_size = sizeof q->message;
	return h;
}

static PyObject *opened(handle *h, bool fixed)
{
	const char *descriptor = tism_descriptor(&h->shm);
	h->size = tism_size(&h->shm);
	h->fixed = fixed || (descriptor && strncmp(descriptor, "struct ", 7) == 0);
	h->quick = tism_buffers(&h->shm) > 1 && h->size <= QUICK;
	return (PyObject *)h;
}

static PyObject *refused(handle *h, tism_result_t r, const char *action, const struct request *q)
{
	raise_result(r, action, q->name, q->message);
	Py_DECREF((PyObject *)h);
	return NULL;
}

static const char *name_of(PyObject *name) /* NULL after raising */
{
	Py_ssize_t n;
	const char *s = PyUnicode_AsUTF8AndSize(name, &n);
	if (s && strlen(s) != (size_t)n) {
		raise_result(TISM_INVALID_ARGUMENT, "naming", name, "a NUL in the name");
		return NULL;
	}
	return s;
}

/* Handle._create(name, init, descriptor, capacity, buffers, slots, mode, flags, timeout, dir,
                  plain, memfd) */
static PyObject *handle_create(PyTypeObject *type, PyObject *args)
{
	struct request q = {0};
	PyObject *init;
	Py_ssize_t capacity;
	int plain, memfd;
	if (!PyArg_ParseTuple(args, "UOznIIIIOzpp:_create", &q.name, &init, &q.descriptor, &capacity,
	                      &q.o.buffers, &q.o.slots, &q.o.mode, &q.flags, &q.timeout, &q.dir, &plain,
	                      &memfd)) {
		return NULL;
	}
	const char *name = name_of(q.name);
	handle *h = name ? new_handle(type, &q, true) : NULL;
	Py_buffer b = {0};
	if (!h || (init != Py_None && PyObject_GetBuffer(init, &b, PyBUF_SIMPLE) < 0)) {
		Py_XDECREF((PyObject *)h);
		return NULL;
	}
	q.o.capacity = (size_t)capacity;
	q.o.timeout_ns = SLICE; /* a consumer in the way of a takeover */
	const void *data = init == Py_None ? NULL : b.len ? b.buf : "";
	tism_result_t r = TISM_UNKNOWN;
	Py_BEGIN_ALLOW_THREADS
	if (plain) { /* as in TISM a second create in this process replaces the first */
		r = tism_create(&h->shm, name, data, (size_t)b.len);
	}
	if (r != TISM_OK) { /* it says why */
		r = memfd ? tism_create_mem(&h->shm, name, data, (size_t)b.len, &q.o)
		          : tism_create_with(&h->shm, name, data, (size_t)b.len, &q.o);
	}
	Py_END_ALLOW_THREADS
	if (init != Py_None) {
		PyBuffer_Release(&b);
	}
	return r == TISM_OK ? opened(h, capacity == 0) : refused(h, r, "creating", &q);
}

/* Handle._open(name, descriptor, flags, timeout, dir, waits, wait, fd)
   wait: seconds, None for ever. fd: -1, or the topic's. */
static PyObject *handle_open(PyTypeObject *type, PyObject *args)
{
	struct request q = {0};
	PyObject *wait;
	int fd, waits;
	if (!PyArg_ParseTuple(args, "UzIOzpOi:_open", &q.name, &q.descriptor, &q.flags, &q.timeout, &q.dir,
	                      &waits, &wait, &fd)) {
		return NULL;
	}
	int64_t patience = to_ns(wait);
	const char *name = name_of(q.name);
	handle *h = name && patience != -2 ? new_handle(type, &q, false) : NULL;
	if (!h) {
		return NULL;
	}
	int64_t deadline = deadline_in(patience);
	tism_result_t r;
	for (;;) {
		Py_BEGIN_ALLOW_THREADS
		r = fd >= 0 ? tism_open_fd(&h->shm, fd, &q.o)
		    : waits ? tism_wait_and_open_with(&h->shm, name, &q.o, left_of(deadline))
		            : tism_open_with(&h->shm, name, &q.o);
		Py_END_ALLOW_THREADS
		if (r != TISM_INTERUPTED && (!waits || r != TISM_TIMED_OUT)) {
			break;
		}
		if (PyErr_CheckSignals() < 0 || (r == TISM_TIMED_OUT && is_over(deadline))) {
			break;
		}
	}
	return r == TISM_OK ? opened(h, false) : refused(h, r, waits ? "waiting for" : "opening", &q);
}

/* remove(name, dir, force) */
static PyObject *remove_topic(PyObject *module, PyObject *args)
{
	(void)module;
	PyObject *name;
	const char *dir, *text;
	int force;
	if (!PyArg_ParseTuple(args, "Uzp:remove", &name, &dir, &force) || !(text = name_of(name))) {
		return NULL;
	}
	tism_result_t r;
	Py_BEGIN_ALLOW_THREADS
	r = tism_remove(text, dir, force);
	Py_END_ALLOW_THREADS
	return r == TISM_OK ? Py_NewRef(Py_None) : raise_result(r, "removing", name, "");
}

static PyObject *strerror_of(PyObject *module, PyObject *result)
{
	(void)module;
	long r = PyLong_AsLong(result);
	if (r == -1 && PyErr_Occurred()) {
		return NULL;
	}
	return PyUnicode_FromString(tism_strerror((tism_result_t)r));
}

static PyObject *now(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	return PyLong_FromLongLong(tism_now());
}

static PyObject *on_error(PyObject *module, PyObject *f)
{
	(void)module;
	PyObject *old = make_error;
	make_error = Py_NewRef(f);
	Py_XDECREF(old);
	return Py_NewRef(Py_None);
}

/* Called in a child of fork. */
static PyObject *forked(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	generation++;
	return Py_NewRef(Py_None);
}

/* ---- The module -------------------------------------------------------------------------- */

static PyObject *handle_size(handle *h, void *unused)
{
	(void)unused;
	return PyLong_FromSize_t(h->size);
}

static PyObject *handle_name(handle *h, void *unused)
{
	(void)unused;
	return Py_NewRef(h->name);
}

static PyObject *handle_closed(handle *h, void *unused)
{
	(void)unused;
	return PyBool_FromLong(!h->shm.handle || h->closing);
}

static PyObject *handle_descriptor(handle *h, void *unused)
{
	(void)unused;
	const char *d;
	if (!look_in(h, "asking about")) {
		return NULL;
	}
	if (!(d = tism_descriptor(&h->shm))) {
		return raise_result(TISM_BAD_HANDLE, "asking about", h->name, "");
	}
	return PyUnicode_FromString(d);
}

static PyObject *handle_buffers(handle *h, void *unused)
{
	(void)unused;
	return look_in(h, "asking about") ? PyLong_FromUnsignedLong(tism_buffers(&h->shm)) : NULL;
}

static void set(PyObject **field, PyObject *value)
{
	PyObject *old = *field;
	*field = value == Py_None ? NULL : Py_NewRef(value);
	Py_XDECREF(old);
}

/* _adopt(type, blank, decode, encode): what read and write make of the bytes. */
static PyObject *handle_adopt(handle *h, PyObject *args)
{
	PyObject *type, *blank, *decode, *encode;
	if (!PyArg_ParseTuple(args, "OOOO:_adopt", &type, &blank, &decode, &encode)) {
		return NULL;
	}
	set(&h->type, type);
	set(&h->blank, blank);
	set(&h->decode, decode);
	set(&h->encode, encode);
	return Py_NewRef(Py_None);
}

#define PLAIN(name, f, text) {name, (PyCFunction)f, METH_NOARGS, text}
#define NAMED(name, f, text) {name, (PyCFunction)(void (*)(void))f, METH_VARARGS | METH_KEYWORDS, text}

static PyMethodDef handle_methods[] = {
	PLAIN("read", handle_read, "A copy of the newest value."),
	{"read_into", (PyCFunction)handle_read_into, METH_O,
	 "Copies the newest value into a writable buffer; returns its length."},
	PLAIN("get_total_writes", handle_total_writes, "Values published since the last create."),
	PLAIN("close", handle_close, "Ends the handle; again: does nothing."),
	PLAIN("_info", handle_info, NULL),
	PLAIN("_state", handle_state, NULL),
	PLAIN("_process", handle_process, NULL),
	PLAIN("_share", handle_share, NULL),
	{"_send", (PyCFunction)handle_send, METH_O, NULL},
	{"_read_lock", (PyCFunction)handle_read_lock, METH_O, NULL},
	{"_adopt", (PyCFunction)handle_adopt, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyMethodDef publisher_methods[] = {
	{"write", (PyCFunction)(void (*)(void))handle_write, METH_FASTCALL | METH_KEYWORDS,
	 "Publishes a value. sampled_ns: when it was sampled (tism.now), if not now."},
	PLAIN("_remove", handle_remove, NULL),
	{"_write_lock", (PyCFunction)handle_write_lock, METH_O, NULL},
	{"_loan", (PyCFunction)handle_loan, METH_O, NULL},
	{"_create", (PyCFunction)(void (*)(void))handle_create, METH_VARARGS | METH_CLASS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyMethodDef consumer_methods[] = {
	PLAIN("read_change", handle_read_change, "The newest value, or None if it was read already."),
	PLAIN("has_changed", handle_has_changed, "Whether there is a value that was not read."),
	PLAIN("staleness_nanos", handle_staleness_nanos,
	      "Age of the value read last, in ns; -1 before the first."),
	PLAIN("staleness", handle_staleness, "The same in seconds."),
	NAMED("wait", handle_wait, "Sleeps until there is a value that was not read."),
	NAMED("wait_publisher", handle_wait_publisher, "Sleeps until there is a live publisher."),
	NAMED("next", handle_next, "Sleeps until there is a value that was not read, and reads it."),
	PLAIN("_interrupt", handle_interrupt, NULL),
	{"_open", (PyCFunction)(void (*)(void))handle_open, METH_VARARGS | METH_CLASS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef handle_fields[] = {
	{"name", (getter)handle_name, NULL, "The topic's name.", NULL},
	{"size", (getter)handle_size, NULL, "The capacity in bytes.", NULL},
	{"closed", (getter)handle_closed, NULL, "Whether close was called.", NULL},
	{"descriptor", (getter)handle_descriptor, NULL, "The type's descriptor, as text.", NULL},
	{"buffers", (getter)handle_buffers, NULL, "The number of buffers.", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot handle_slots[] = {
	{Py_tp_new, no_new},
	{Py_tp_dealloc, handle_dealloc},
	{Py_tp_traverse, handle_traverse},
	{Py_tp_clear, handle_clear},
	{Py_tp_methods, handle_methods},
	{Py_tp_getset, handle_fields},
	{0, NULL},
};

static PyType_Slot publisher_slots[] = {{Py_tp_methods, publisher_methods}, {0, NULL}};
static PyType_Slot consumer_slots[] = {{Py_tp_methods, consumer_methods}, {0, NULL}};

static PyType_Spec handle_spec = {
	.name = "tism._tism.Handle",
	.basicsize = sizeof(handle),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = handle_slots,
};

static PyType_Spec publisher_spec = {
	.name = "tism._tism.Publisher",
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = publisher_slots,
};

static PyType_Spec consumer_spec = {
	.name = "tism._tism.Consumer",
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = consumer_slots,
};

static PyMethodDef functions[] = {
	{"receive", receive, METH_O, NULL},
	{"remove", remove_topic, METH_VARARGS, NULL},
	{"strerror", strerror_of, METH_O, NULL},
	{"now", now, METH_NOARGS, NULL},
	{"forked", forked, METH_NOARGS, NULL},
	{"on_error", on_error, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT, "tism._tism", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

static PyTypeObject *add_type(PyObject *module, const char *name, PyType_Spec *spec,
                              PyTypeObject *base)
{
	PyObject *bases = base ? PyTuple_Pack(1, base) : NULL;
	PyObject *type = !base || bases ? PyType_FromSpecWithBases(spec, bases) : NULL;
	Py_XDECREF(bases);
	if (!type || PyModule_AddObject(module, name, Py_NewRef(type)) < 0) {
		Py_XDECREF(type);
		return NULL;
	}
	return (PyTypeObject *)type;
}

static int add_results(PyObject *module)
{
	static const struct { const char *name; int value; } all[] = {
		{"INVALID_ARGUMENT", TISM_INVALID_ARGUMENT}, {"BAD_PERMISSIONS", TISM_BAD_PERMISSIONS},
		{"INTERUPTED", TISM_INTERUPTED}, {"UNSUPPORTED", TISM_UNSUPPORTED},
		{"TOO_MANY_FDS", TISM_TOO_MANY_FDS}, {"FILE_TABLE", TISM_FILE_TABLE},
		{"NO_SPACE", TISM_NO_SPACE}, {"TOO_BIG", TISM_TOO_BIG},
		{"VERSION_MISMATCH", TISM_VERSION_MISMATCH}, {"DOES_NOT_EXIST", TISM_DOES_NOT_EXIST},
		{"IS_ZOMBIE", TISM_IS_ZOMBIE}, {"UNKNOWN", TISM_UNKNOWN}, {"TIMED_OUT", TISM_TIMED_OUT},
		{"LIVE_PUBLISHER", TISM_LIVE_PUBLISHER}, {"TYPE_MISMATCH", TISM_TYPE_MISMATCH},
		{"NOT_A_TOPIC", TISM_NOT_A_TOPIC}, {"NO_SLOTS", TISM_NO_SLOTS}, {"IN_USE", TISM_IN_USE},
		{"TORN", TISM_TORN}, {"EMPTY", TISM_EMPTY}, {"SIZE_MISMATCH", TISM_SIZE_MISMATCH},
		{"READ_ONLY", TISM_READ_ONLY}, {"OVERRUN", TISM_OVERRUN}, {"NO_DISCARD", TISM_NO_DISCARD},
		{"LOCKED", TISM_LOCKED}, {"NOT_LOCKED", TISM_NOT_LOCKED}, {"LEASE_LOST", TISM_LEASE_LOST},
		{"CORRUPT", TISM_CORRUPT}, {"MEMORY_LOCK", TISM_MEMORY_LOCK}, {"BAD_HANDLE", TISM_BAD_HANDLE},
		/* flags */
		{"F_RESUME", TISM_RESUME}, {"F_REPLACE", TISM_REPLACE},
		{"F_NO_TIMESTAMPS", TISM_NO_TIMESTAMPS}, {"F_AS_READER", TISM_AS_READER},
		{"F_ALLOW_CLOSED", TISM_ALLOW_CLOSED}, {"F_PREFAULT", TISM_PREFAULT},
		{"F_LOCK_MEMORY", TISM_LOCK_MEMORY},
		/* states */
		{"ALIVE", TISM_ALIVE}, {"DIED", TISM_DIED}, {"CLOSED", TISM_CLOSED},
		{"REPLACED", TISM_REPLACED},
		{"MAX_NAME_LENGTH", TISM_MAX_NAME_LENGTH}, {"LAYOUT_VERSION", TISM_LAYOUT_VERSION},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (PyModule_AddIntConstant(module, all[i].name, all[i].value) < 0) {
			return -1;
		}
	}
	return 0;
}

PyMODINIT_FUNC PyInit__tism(void)
{
	PyObject *module = PyModule_Create(&definition);
	if (!module) {
		return NULL;
	}
	PyTypeObject *handles = add_type(module, "Handle", &handle_spec, NULL);
	guard_type = add_type(module, "Guard", &guard_spec, NULL);
	if (!handles || !guard_type || !add_type(module, "Publisher", &publisher_spec, handles) ||
	    !add_type(module, "Consumer", &consumer_spec, handles) || add_results(module) < 0) {
		Py_DECREF(module);
		return NULL;
	}
	return module;
}
