/*
 * buffers.pml: the latest value in two or more buffers
 * (DESIGN: "Latest value with several buffers").
 *
 * A publisher, perhaps a successor, and two consumers that copy, view and wait.
 * The value is two words that a publication makes equal to its version, so a
 * torn or an old value shows.
 *
 * A statement is one access to shared memory or one system call. Memory is
 * sequentially consistent here; what weak memory adds is proved elsewhere.
 *
 * Configurations (-D):
 *   BUFFERS=n   2 or 3                                    (default 2)
 *   PUBS=n      publications                              (default 2)
 *   OPS0=n, OPS1=n  operations of each consumer           (default 2)
 *   KEEP        consumer 0 views once and keeps it until the publisher is done
 *   DEADLINE    the publisher may give up waiting for a buffer, once
 *   KILL        one process dies between any two statements; sleepers then
 *               wake after a slice. Without KILL nothing ever times out, so a
 *               lost wake-up is a deadlock ("invalid end state").
 *   SUCCESSOR   with KILL: takes a dead publisher's topic over, publishes once
 *
 * Mutations: MUT_*, each must be caught. See README.md.
 */

#ifndef BUFFERS
#define BUFFERS 2
#endif
#ifndef PUBS
#define PUBS 2
#endif
#ifndef OPS0
#define OPS0 2
#endif
#ifndef OPS1
#define OPS1 2
#endif
#define READERS 2
#define RETRIES 1                       /* of a copy, before it pins the buffer instead */

#define PUBLISHER 10                    /* readers are 0 and 1 */
#define SUCCEEDER 11
#define NOBODY    99

/* Shared memory. */
byte latest = 1 << 2;                   /* version<<2 | index: version 1 is in buffer 0 */
byte notify = 2;                        /* ring<<1 | someone waits */
bool freed_changed = true;              /* freed is not what the publisher loaded: a ring went by */
bool want;
byte pins[READERS];                     /* bit per buffer */
byte bseq[BUFFERS];                     /* version<<1 | writing */
byte word0[BUFFERS], word1[BUFFERS];    /* the payload */

#define INDEX(l)   (l & 3)
#define VERSION(l) (l >> 2)

/* The kernel. */
byte role = PUBLISHER;                  /* who holds the publisher byte */
byte slot[READERS];                     /* who holds the byte of a consumer slot */
bool on_notify[READERS];                /* consumers asleep on notify */
bool on_buffer;                         /* the publisher is asleep on freed (or on a pins word) */
byte victim = NOBODY;

/* For the checks only, never read by the protocol. */
byte viewing[READERS];                  /* bit per buffer that a live consumer looks into */
bool no_more;                           /* nobody will publish any more */
#ifdef MUT_SLEEP_ON_PINS
byte slept_on;                          /* whose pins word the publisher sleeps on */
#endif

#define DIES_IF(me) unless { victim == me }
#define ALIVE(i) (slot[i] == i)

#define LAST_VERSION (PUBS + 1)

/* A buffer that is neither newest nor pinned by anybody alive or unreaped. */
#define FREE(j)  (INDEX(latest) != j && !(pins[0] & (1 << j)) && !(pins[1] & (1 << j)))
#if BUFFERS == 2
#define SOME_FREE (FREE(0) || FREE(1))
#else
#define SOME_FREE (FREE(0) || FREE(1) || FREE(2))
#endif

/* A slice has passed: worth modelling only if a second look would find something. */
#ifdef KILL
#define SLICE_FINDS_BUFFER (victim != NOBODY && (SOME_FREE || pins[0] && !ALIVE(0) || pins[1] && !ALIVE(1)))
#define SLICE_FINDS_NEWS   (victim != NOBODY && VERSION(latest) != seen)
#else
#define SLICE_FINDS_BUFFER false
#define SLICE_FINDS_NEWS   false
#endif

/*
 * Publish: load everybody's pins, then pick a buffer that is neither the newest
 * nor held; any of them will do. None: j is NONE.
 */
#define NONE 9
inline scan_and_pick() {
    held = pins[0];                     /* Publish: load pins of slot 0 */
    atomic {
#ifndef MUT_SCAN_SKIPS_A_SLOT
        held = held | pins[1];          /* Publish: load pins of slot 1 */
#endif
#ifndef MUT_PICK_NEWEST
        held = held | 1 << newest;
#endif
        if
        :: !(held & 1) -> j = 0
        :: !(held & 2) -> j = 1
#if BUFFERS == 3
        :: !(held & 4) -> j = 2
#endif
        :: else -> j = NONE
        fi;
        held = 0
    }
}

/* Reap: a slot whose byte can be taken has no owner. */
inline reap(i) {
    if
#ifdef MUT_REAP_WITHOUT_BYTE
    :: pins[i] = 0
#else
    :: atomic { slot[i] == NOBODY -> slot[i] = me };    /* Reap: try the slot's byte */
       pins[i] = 0;                                     /* Reap: clear its words */
       slot[i] = NOBODY                                 /* Reap: release the byte */
#endif
    :: slot[i] != NOBODY
    fi
}

/* A publisher must never write where a live consumer looks. */
inline nobody_views(b) {
    assert(!(viewing[0] & (1 << b)) && !(viewing[1] & (1 << b)))
}

/* Publish one version. Both publishers use it; `me` names the caller. */
inline publish() {
    scan_and_pick();
    if :: j != NONE -> goto write :: else fi;
#ifndef MUT_NO_WANT
    want = true;                        /* Publish: store want=1 */
#endif
none:
#ifndef MUT_DOORBELL_AFTER_SCAN
    freed_changed = false;              /* Publish: load freed, before the scan */
#endif
    reap(0);
    reap(1);
    scan_and_pick();
    if :: j != NONE -> goto found :: else fi;
#ifdef MUT_DOORBELL_AFTER_SCAN
    freed_changed = false;
#endif
    atomic {                            /* Publish: futex_wait(freed, f, slice) */
#ifdef MUT_SLEEP_ON_PINS
        /* The form before `freed`: sleep on one pins word that is in the way. */
        if
        :: pins[0] & ~(1 << newest) -> slept_on = 0; on_buffer = true
        :: pins[1] & ~(1 << newest) -> slept_on = 1; on_buffer = true
        :: else
        fi
#else
        if
        :: !freed_changed -> on_buffer = true
        :: else
        fi
#endif
    };
    if
    :: !on_buffer -> goto none
    :: atomic { on_buffer && SLICE_FINDS_BUFFER -> on_buffer = false; goto none }
#ifdef DEADLINE
    :: atomic { impatient -> impatient = false; on_buffer = false; want = false; goto given_up }
#endif
    fi;
found:
    atomic { want = false; freed_changed = true };      /* Publish: store want=0 */
write:
#ifndef MUT_NO_ODD
    bseq[j] = v << 1 | 1;               /* Publish: store bseq odd */
#endif
    atomic { nobody_views(j); word0[j] = v };   /* Publish: copy, one word */
    atomic { nobody_views(j); word1[j] = v };   /* Publish: copy, the other */
    bseq[j] = v << 1;                   /* Publish: store bseq even */
    latest = v << 2 | j;                /* Publish: store latest */
    d_step { newest = j; ring++; waits = notify & 1; notify = ring << 1 };  /* Publish: swap notify */
    if
    :: waits -> d_step { waits = 0; on_notify[0] = false; on_notify[1] = false }  /* wake all */
    :: else
    fi
}

proctype Publisher() {
    byte v = 1, ring = 1, newest, held, j, me = PUBLISHER;
    bit waits;
#ifdef DEADLINE
    bool impatient = true;
#endif
    {
        do
        :: v < LAST_VERSION ->
            v++;
            publish();
#ifdef DEADLINE
            goto published;
given_up:   v--;                        /* the error names who holds the buffers; try again */
published:  skip
#endif
        :: else -> break
        od
    } DIES_IF(PUBLISHER);
#ifndef SUCCESSOR
    no_more = true
#endif
}

#ifdef SUCCESSOR
proctype Successor() {
    byte v, ring, newest, held, j, me = SUCCEEDER;
    bit waits;
#ifdef DEADLINE
    bool impatient = false;
#endif
    {
        atomic {                        /* Create: take the publisher byte */
            if
            :: role == NOBODY -> role = SUCCEEDER
            :: victim != NOBODY && victim != PUBLISHER -> goto given_up     /* not needed */
            fi
        };
        want = false;                   /* Takeover: clear want */
        atomic { newest = latest; v = VERSION(newest) + 1; newest = INDEX(newest) };
        ring = (notify >> 1) + 1;       /* Takeover: load notify */
        notify = ring << 1;             /* Takeover: swap notify */
        d_step { on_notify[0] = false; on_notify[1] = false };      /* Takeover: wake all */
        publish();
given_up:
        skip
    } DIES_IF(SUCCEEDER);
    no_more = true
}
#endif

/* Release and undo: the pin goes, and a publisher that wants a buffer hears of it. */
inline unpin() {
    pins[me] = 0;                       /* Release: store pins without j */
    if
#ifndef MUT_NO_RING_ON_RELEASE
    :: want ->                          /* Release: load want */
#ifdef MUT_SLEEP_ON_PINS
        d_step { if :: slept_on == me -> on_buffer = false :: else fi }
#else
        freed_changed = true;           /* Release: add 1 to freed */
        on_buffer = false               /* Release: wake(freed) */
#endif
#endif
    :: else
    fi
}

/* What was read must be whole, and no older than what was read before. */
inline accept(version) {
    atomic {
        assert(a == version && b == version);
        assert(version >= seen);
        seen = version;
        a = 0; b = 0; l = 0; q = 0
    }
}

proctype Consumer(byte me; byte ops; bool keeps) {
    byte l, q, a, b, tries;
    byte seen = 1;
    {
        do
        :: ops > 0 ->
            ops--;
            if
            :: !keeps -> goto copy
            :: goto view
            :: !keeps && seen < LAST_VERSION -> goto wait
            fi;
copy:       l = latest;                                 /* Read: load latest */
            q = bseq[INDEX(l)];                         /* Read: load bseq before */
            if
            :: q != VERSION(l) << 1 -> goto copy_again
            :: else
            fi;
            a = word0[INDEX(l)];                        /* Read: copy */
            b = word1[INDEX(l)];
            q = bseq[INDEX(l)];                         /* Read: load bseq after */
            if
#ifdef MUT_ACCEPT_ANY_EVEN
            :: q & 1 -> goto copy_again
#else
            :: q != VERSION(l) << 1 -> goto copy_again
#endif
            :: else
            fi;
            accept(VERSION(l));
            goto next;
copy_again: atomic {
                a = 0; b = 0; q = 0; tries++;
                if
                :: tries <= RETRIES -> goto copy
                :: else -> tries = 0
                fi
            };
            /* Read: after a few, pin it */
view:       l = latest;                                 /* View: load latest */
            pins[me] = 1 << INDEX(l);                   /* View: store pin */
#ifdef MUT_NO_LATEST_AFTER_PIN
            viewing[me] = pins[me];
#else
            q = INDEX(l);
            atomic {                                    /* View: load latest again */
                l = latest;
                if
                :: INDEX(l) == q -> viewing[me] = pins[me];
                   assert(bseq[q] == VERSION(l) << 1)
                :: else -> goto undo
                fi
            };
#endif
            a = word0[INDEX(l)];                        /* look at it, in place */
            b = word1[INDEX(l)];
            accept(VERSION(l));
            if
            :: keeps -> no_more
            :: else
            fi;
            viewing[me] = 0;
            unpin();
            goto next;
undo:       unpin();
            goto view;
wait:       q = notify;                                 /* Wait: load notify */
            if                                          /* Wait: set the wait bit by CAS */
            :: atomic { notify == q -> notify = q | 1; q = q | 1 }
            :: atomic { else -> goto wait }
            fi;
#ifndef MUT_NO_LATEST_AFTER_BIT
            l = latest;                                 /* Wait: load latest again */
            if
            :: VERSION(l) != seen -> goto copy
            :: else
            fi;
#endif
            atomic {                                    /* Wait: futex_wait(notify, n|1) */
                if
                :: notify == q -> on_notify[me] = true
                :: else
                fi
            };
            if
            :: !on_notify[me]
            :: atomic { on_notify[me] && SLICE_FINDS_NEWS -> on_notify[me] = false }
            :: atomic { on_notify[me] && no_more && VERSION(latest) == seen -> on_notify[me] = false; goto gone }
            fi;
            l = latest;
            if
            :: VERSION(l) != seen -> goto copy
            :: else -> goto wait
            fi;
next:       tries = 0
        :: else -> break
        od
    } DIES_IF(me);
gone: skip
}

#ifdef KILL
/* SIGKILL: the victim does nothing more; the kernel forgets its sleep and frees its bytes. */
proctype Killer() {
    atomic {
        if
        :: victim = PUBLISHER
        :: victim = 0
        :: victim = 1
#ifdef SUCCESSOR
        :: victim = SUCCEEDER
#endif
        fi;
        if
        :: victim < READERS -> on_notify[victim] = false; viewing[victim] = 0
        :: else -> on_buffer = false
        fi;
        if :: role == victim -> role = NOBODY :: else fi;
        if :: slot[0] == victim -> slot[0] = NOBODY :: else fi;
        if :: slot[1] == victim -> slot[1] = NOBODY :: else fi
    }
}
#endif

init {
    atomic {
        byte i = 0;
        do
        :: i < BUFFERS -> word0[i] = 0; i++
        :: else -> break
        od;
        i = 0;
        bseq[0] = 2; word0[0] = 1; word1[0] = 1;
        slot[0] = 0; slot[1] = 1;
        run Publisher();
#ifdef SUCCESSOR
        run Successor();
#endif
#ifdef KEEP
        run Consumer(0, OPS0, true);
#else
        run Consumer(0, OPS0, false);
#endif
        run Consumer(1, OPS1, false);
#ifdef KILL
        run Killer()
#endif
    }
}
