/*
 * wait.pml: notify and wait (DESIGN: "Latest value with several buffers", Wait).
 *
 * One topic has a publisher, perhaps a successor, and perhaps a third process
 * that retires it. Consumers sleep on `notify`; one of them can sleep on two
 * topics at once (WaitAny, futex_waitv).
 *
 * A statement is one access to shared memory or one system call. Memory is
 * sequentially consistent here; what weak memory adds is proved elsewhere.
 *
 * Configurations (-D):
 *   WAITERS=n   consumers of topic 0            (default 2)
 *   ANY         one more that waits on topics 0 and 1, and topic 1's publisher
 *   PUBS=n      publications per publisher      (default 2)
 *   SUCCESSOR   takes topic 0 over once its publisher has closed it or died
 *   RETIRE      a forced remover of topic 0
 *   KILL        one process dies between any two statements; sleepers then
 *               wake after a slice. Without KILL nothing ever times out, so a
 *               lost wake-up is a deadlock ("invalid end state").
 *
 * Mutations: MUT_*, each must be caught. See README.md.
 */

#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef PUBS
#define PUBS 2
#endif

#ifdef ANY
#define CONSUMERS (WAITERS + 1)
#define TOPICS    2
#else
#define CONSUMERS WAITERS
#define TOPICS    1
#endif

/* Process names for the killer; consumers are 0..CONSUMERS-1. */
#define PUBLISHER 10                    /* of topic t: PUBLISHER + t */
#define SUCCEEDER 12
#define REMOVER   13
#define NOBODY    99

/* Shared memory of topic t. */
byte latest[TOPICS];                    /* version only: buffers.pml has the index */
byte notify[TOPICS];                    /* ring<<1 | someone waits */
bool closed[TOPICS];                    /* state */
bool retired[TOPICS];

/* The kernel. */
byte role[TOPICS];                      /* who holds the publisher byte of t */
byte asleep[CONSUMERS];                 /* topics whose notify it sleeps on, as bits */
byte victim = NOBODY;

/* For the checks only, never read by the protocol. */
byte seen[CONSUMERS];                   /* version of topic 0 that has been returned */
bool over[CONSUMERS];                   /* was told closed or retired */
bool last_publisher;                    /* nobody will publish topic 0 any more */

#define DIES_IF(me) unless { victim == me }

inline wake_all(t) {
    d_step {
        k = 0;
        do
        :: k < CONSUMERS ->
            if
            :: asleep[k] & (1 << t) -> asleep[k] = 0
            :: else
            fi;
            k++
        :: else -> break
        od;
        k = 0
    }
}

/*
 * Ring: a publisher changes notify and wakes whom it finds waiting.
 * Every ring has a new number, Close and takeover included. If Close left the
 * number as it is, a second waiter could set the bit again and a first one,
 * just about to sleep, would not notice that anything happened.
 */
#ifdef MUT_CLOSE_SAME_NUMBER
#define NEXT_AFTER_CLOSE(r) r
#else
#define NEXT_AFTER_CLOSE(r) (r + 1)
#endif

inline ring_and_wake(t, number) {
    d_step { waits = notify[t] & 1; notify[t] = number << 1 };  /* old = swap(notify) */
#ifdef MUT_NO_WAKE
    waits = 0;
#endif
    if
    :: waits -> waits = 0; wake_all(t)
    :: else
    fi
}

/*
 * A publisher may hurry on or leave everybody the time to see its version;
 * only in the second case can a missed wake-up be told from a late one.
 */
inline let_them_see(t, v) {
    if
    :: true
    :: t == 0 ->
        k = 0;
        do
        :: k < CONSUMERS -> (seen[k] >= v || over[k] || victim == k); k++
        :: else -> k = 0; break
        od
    fi
}

inline publish(t, v, number) {
#ifdef MUT_RING_BEFORE_LATEST
    ring_and_wake(t, number);
    latest[t] = v;
#else
    latest[t] = v;                      /* Publish: store latest */
    ring_and_wake(t, number);           /* Publish: swap notify, wake */
#endif
    let_them_see(t, v)
}

inline close_topic(t, number) {
#ifdef MUT_RING_BEFORE_CLOSED
    ring_and_wake(t, number);
    closed[t] = true
#else
    closed[t] = true;                   /* Close: store state=CLOSED */
    ring_and_wake(t, number)            /* Close: swap notify, wake */
#endif
}

proctype Publisher(byte t) {
    byte v, ring, k;
    bit waits;
    {
        do
        :: v < PUBS ->
            if
            :: retired[t] -> goto gone              /* Publish: load retired */
            :: else
            fi;
            d_step { v++; ring++ };
            publish(t, v, ring)
        :: else -> break
        od;
        ring = NEXT_AFTER_CLOSE(ring);
        close_topic(t, ring);
gone:   role[t] = NOBODY                            /* close(fd): the byte is free */
    } DIES_IF(PUBLISHER + t);
#ifndef SUCCESSOR
    if :: t == 0 -> last_publisher = true :: else fi
#endif
}

#ifdef SUCCESSOR
proctype Successor() {
    byte v, ring, k;
    bit waits;
    {
        atomic { role[0] == NOBODY -> role[0] = SUCCEEDER };    /* Create: take the publisher byte */
        if
        :: retired[0] -> goto gone                  /* Create: retired, look again */
        :: else
        fi;
        v = latest[0];                              /* Takeover: load latest */
        ring = (notify[0] >> 1) + 1;                /* Takeover: load notify */
        notify[0] = ring << 1;                      /* Takeover: swap notify */
        wake_all(0);                                /* Takeover: wake all */
        if
        :: d_step { v++; ring++ }; publish(0, v, ring)
        :: true                                     /* option Resume: keep the newest value */
        fi;
        closed[0] = false;                          /* Takeover: store state=OPEN */
        ring = NEXT_AFTER_CLOSE(ring);
        close_topic(0, ring);
gone:   role[0] = NOBODY
    } DIES_IF(SUCCEEDER);
    last_publisher = true
}
#endif

#ifdef RETIRE
/* A forced remover does not hold the publisher byte, so it may only CAS notify. */
proctype Remover() {
    byte n, k;
    {
        retired[0] = true;                          /* Retire: store retired */
again:  n = notify[0];                              /* Retire: load notify */
        if                                          /* Retire: CAS notify */
#ifdef MUT_RETIRE_SAME_NUMBER
        :: atomic { notify[0] == n -> notify[0] = n & ~1 }
#else
        :: atomic { notify[0] == n -> notify[0] = ((n >> 1) + 1) << 1 }
#endif
        :: atomic { else -> goto again }
        fi;
#ifndef MUT_RETIRE_NO_WAKE
        wake_all(0)                                 /* Retire: wake all, whatever the bit */
#endif
    } DIES_IF(REMOVER)
}
#endif

/* A slice has passed: worth modelling only if a second look would find something. */
#ifdef KILL
#define SLICE_FINDS(t, s) (victim != NOBODY && (latest[t] != s || closed[t] || retired[t]))
#else
#define SLICE_FINDS(t, s) false
#endif

/* The publisher is dead and nobody follows: to wait on is what was asked for. */
#define GIVE_UP(t, s) (victim != NOBODY && last_publisher && role[t] == NOBODY && !SLICE_FINDS(t, s))

/* One consumer of topic 0 that waits again and again until it is told the end. */
proctype Waiter(byte me) {
    byte n, l;
    {
        skip;                                       /* (a block cannot begin with a label) */
again:  l = latest[0];                              /* Wait: load latest */
        if
        :: l != seen[me] -> goto news
        :: else
        fi;
        n = notify[0];                              /* Wait: load notify */
        if                                          /* Wait: set the wait bit by CAS */
#ifdef MUT_NO_BIT
        :: n = n & ~1
#else
        :: atomic { notify[0] == n -> notify[0] = n | 1; n = n | 1 }
        :: atomic { else -> goto again }
#endif
        fi;
#ifndef MUT_NO_LATEST_AFTER_BIT
        l = latest[0];                              /* Wait: load latest again */
        if
        :: l != seen[me] -> goto news
        :: else
        fi;
#endif
#ifndef MUT_NO_STATE_AFTER_BIT
        if
        :: closed[0] -> goto end_of_topic           /* Wait: load state */
        :: else
        fi;
#endif
#ifndef MUT_NO_RETIRED_AFTER_BIT
        if
        :: retired[0] -> goto end_of_topic          /* Wait: load retired */
        :: else
        fi;
#endif
        atomic {                                    /* Wait: futex_wait(notify, n|1) */
            if
            :: notify[0] == n -> asleep[me] = 1
            :: else -> goto again
            fi
        };
        if
        :: !asleep[me] -> goto again
        :: atomic { asleep[me] && SLICE_FINDS(0, seen[me]) -> asleep[me] = 0; goto again }
        :: atomic { asleep[me] && GIVE_UP(0, seen[me]) -> asleep[me] = 0; goto done }
        fi;
news:   atomic { assert(l > seen[me]); seen[me] = l; l = 0; n = 0 };
        goto again;
end_of_topic:
        over[me] = true
    } DIES_IF(me);
done:   skip
}

#ifdef ANY
/* WaitAny on topics 0 and 1: set every bit, look at every topic again, sleep on all. */
proctype AnyWaiter(byte me) {
    byte l, t, saw1, n[2];
    byte left = 3;                                  /* topics that are not over, as bits */
#define SAW(t) (t == 0 -> seen[me] : saw1)
#define GIVE_UP_0 (!(left & 1) || GIVE_UP(0, seen[me]))
#define GIVE_UP_1 (!(left & 2) || role[1] == NOBODY && !SLICE_FINDS(1, saw1))
#define GIVE_UP_ANY (victim != NOBODY && GIVE_UP_0 && GIVE_UP_1)
    {
        skip;                                       /* (a block cannot begin with a label) */
again:  t = 0;
        do
        :: t < 2 && (left & (1 << t)) ->
            l = latest[t];                          /* WaitAny: load latest */
            if
            :: l != SAW(t) -> goto news
            :: else
            fi;
            n[t] = notify[t];                       /* WaitAny: load notify */
            if                                      /* WaitAny: set the wait bit by CAS */
            :: atomic { notify[t] == n[t] -> notify[t] = n[t] | 1; n[t] = n[t] | 1 }
            :: atomic { else -> goto again }
            fi;
            t++
        :: t < 2 && !(left & (1 << t)) -> t++
        :: else -> break
        od;
        t = 0;
        do
#ifdef MUT_ANY_NO_RECHECK
        :: true -> break
#endif
        :: t < 2 && (left & (1 << t)) ->
            l = latest[t];                          /* WaitAny: load latest again */
            if
            :: l != SAW(t) -> goto news
            :: else
            fi;
            if
            :: closed[t] -> goto end_of_topic       /* WaitAny: load state */
            :: else
            fi;
            if
            :: retired[t] -> goto end_of_topic      /* WaitAny: load retired */
            :: else
            fi;
            t++
        :: t < 2 && !(left & (1 << t)) -> t++
        :: else -> break
        od;
        atomic {                                    /* WaitAny: futex_waitv(all) */
            t = 0; l = 0;
            if
            :: (!(left & 1) || notify[0] == n[0]) && (!(left & 2) || notify[1] == n[1]) ->
                asleep[me] = left
            :: else -> goto again
            fi
        };
        if
        :: !asleep[me] -> goto again
        :: atomic { asleep[me] && (left & 1) && SLICE_FINDS(0, seen[me]) -> asleep[me] = 0; goto again }
        :: atomic { asleep[me] && (left & 2) && SLICE_FINDS(1, saw1) -> asleep[me] = 0; goto again }
        :: atomic { asleep[me] && GIVE_UP_ANY -> asleep[me] = 0; goto done }
        fi;
news:   atomic {
            assert(l > SAW(t));
            if
            :: t == 0 -> seen[me] = l
            :: else   -> saw1 = l
            fi;
            l = 0; n[0] = 0; n[1] = 0
        };
        goto again;
end_of_topic:
        atomic {
            left = left & ~(1 << t); l = 0; n[0] = 0; n[1] = 0;
            over[me] = !(left & 1)
        };
        if
        :: left -> goto again
        :: else
        fi
    } DIES_IF(me);
done:   skip
}
#endif

#ifdef KILL
/* SIGKILL: the victim does nothing more; the kernel forgets its sleep and frees its byte. */
proctype Killer() {
    atomic {
        if
        :: victim = PUBLISHER
        :: victim = 0
#ifdef ANY
        :: victim = WAITERS
#endif
#ifdef SUCCESSOR
        :: victim = SUCCEEDER
#endif
#ifdef RETIRE
        :: victim = REMOVER
#endif
        fi;
        if
        :: victim < CONSUMERS -> asleep[victim] = 0
        :: victim == role[0]  -> role[0] = NOBODY
        :: else
        fi
    }
}
#endif

init {
    atomic {
        byte i = 0;
        role[0] = PUBLISHER;
        run Publisher(0);
        do
        :: i < WAITERS -> run Waiter(i); i++
        :: else -> break
        od;
#ifdef ANY
        role[1] = PUBLISHER + 1;
        run Publisher(1);
        run AnyWaiter(WAITERS);
#endif
#ifdef SUCCESSOR
        run Successor();
#endif
#ifdef RETIRE
        run Remover();
#endif
#ifdef KILL
        run Killer();
#endif
        i = 0
    }
}
