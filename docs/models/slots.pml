/*
 * slots.pml: attach, pin, release, reap (shm/segment.go attach, Reap;
 * shm/consumer.go pin, unpin; shm/publisher.go free (pick), awaitFree;
 * DESIGN: "Roles" and "Latest value with several buffers").
 *
 * One publisher and two consumers that come, take a slot, view the newest value in
 * place and go, as often as they like: the number of operations is not bounded,
 * and neither is that of versions, which are left out (buffers.pml has them).
 *
 * A statement is one access to shared memory or one system call. Memory is
 * sequentially consistent here; what weak memory adds is proved elsewhere.
 *
 * Configurations (-D):
 *   BUFFERS=n  2 or 3                                      (default 2)
 *   DEADLINE   the publisher may give up waiting for a buffer
 *   ONE_CONSUMER  one consumer, for configurations that are too large otherwise
 *   NESTED     a consumer may read the newest value while it views an older one
 *   KILL=n     up to n kills, of anybody between any two statements; KILL=0: any number
 *   RESTART    whoever was killed may start again: a successor, a new consumer
 *
 * The publisher wakes after a slice only if a consumer was killed, or a slot of a
 * dead one got a new owner, after the publisher last tried to reap. A lost wake-up
 * is a deadlock ("invalid end state") in every configuration, therefore.
 *
 * Mutations: MUT_*, each must be caught. See README.md.
 */

#ifndef BUFFERS
#define BUFFERS 2
#endif
#define SLOTS 2
#ifdef ONE_CONSUMER
#define CONSUMERS 1
#define NOBODY_VIEWS(j) (!(viewing[0] & (1 << j)))
#else
#define CONSUMERS 2
#define NOBODY_VIEWS(j) (!(viewing[0] & (1 << j)) && !(viewing[1] & (1 << j)))
#endif
#define PUBLISHER CONSUMERS             /* consumers are 0 and 1 */

/* Shared memory. */
byte latest;                            /* index only */
bit want;
byte hi;
byte pins[SLOTS];                       /* bit per buffer */
bit freed_changed = 1;                  /* freed differs from what the publisher loaded */

/* The kernel. */
#define NOBODY 9
#define REAPER 8
byte owner[SLOTS];                      /* who has the byte of a slot */
bit asleep;                             /* the publisher sleeps on freed */
bit lives[CONSUMERS + 1];
bit killed[CONSUMERS + 1];              /* does nothing more */
bit asked, missed;                      /* the publisher tried to reap; somebody was killed since */

/* For the checks only, never read by the protocol. */
byte viewing[CONSUMERS];                /* bit per buffer that a live consumer looks into */

#ifdef KILL
#define DIES_IF(me) unless { killed[me] }
#else
#define DIES_IF(me)
#endif

/* ---------------------------------------------------------------- publisher */

/* pick: a buffer that is neither the newest nor pinned; j is NOBODY if there is none. */
inline pick() {
    atomic { held = 1 << cur; i = 0; h = hi };          /* pick: load hi */
    do
    :: atomic { i < h -> held = held | pins[i]; i++ }   /* pick: load pins */
    :: atomic { i >= h -> break }
    od;
    atomic {
        if
        :: !(held & 1) -> j = 0
        :: !(held & 2) -> j = 1
#if BUFFERS == 3
        :: !(held & 4) -> j = 2
#endif
        :: else -> j = NOBODY
        fi;
        held = 0; i = 0; h = 0
    }
}

/* holding: clear what the dead hold. */
inline reap_all() {
    h = hi;                                             /* holding: load hi */
    do
    :: atomic { i < h && pins[i] == 0 -> i++ }          /* holding: load pins */
    :: i < h && pins[i] != 0 ->
        if
#ifdef MUT_REAP_WITHOUT_BYTE
        :: owner[i] == NOBODY -> pins[i] = 0
#else
        :: atomic { owner[i] == NOBODY -> owner[i] = REAPER };  /* Reap: try the slot's byte */
           pins[i] = 0;                                 /* Reap: clear the slot */
           owner[i] = NOBODY                            /* Reap: release the byte */
#endif
        :: owner[i] != NOBODY
        fi;
        i++
    :: atomic { i >= h -> i = 0; h = 0; break }
    od
}

/* A publisher never writes where a live consumer looks. */
inline store_payload() {
    assert(NOBODY_VIEWS(j))
}

proctype Publisher() {
    byte cur, j, i, h, held;
start:
    lives[PUBLISHER] = 1;                               /* Create: take the publisher byte */
    {
        cur = latest;                                   /* takeover: load latest */
        want = 0;                                       /* takeover: store want=0 */
        do
        :: true ->
            pick();
            if :: j != NOBODY -> goto write :: else fi;
#ifndef MUT_NO_WANT
            want = 1;                                   /* awaitFree: store want=1 */
#endif
again:
#ifndef MUT_FREED_AFTER_SCAN
            atomic { freed_changed = 0; asked = 1; missed = 0 };    /* awaitFree: load freed */
#else
            atomic { asked = 1; missed = 0 };
#endif
#ifndef MUT_NO_REAP
            reap_all();
#endif
            pick();
            if :: j != NOBODY -> goto found :: else fi;
#ifdef MUT_FREED_AFTER_SCAN
            freed_changed = 0;
#endif
            atomic {                                    /* awaitFree: futex_wait(freed, f, slice) */
                if
                :: !freed_changed -> asleep = 1
                :: else
                fi
            };
            if
            :: !asleep -> goto again
            :: atomic { asleep && missed -> asleep = 0; goto again }
#ifdef DEADLINE
            :: atomic { asleep = 0; asked = 0; missed = 0; want = 0; goto next }
#endif
            fi;
found:      atomic { want = 0; asked = 0; missed = 0; freed_changed = 1 };  /* awaitFree: store want=0 */
write:      store_payload();                            /* copy: begin */
            atomic { store_payload(); latest = j; cur = j; j = 0 };    /* copy: end; commit: store latest */
next:       skip
        :: true -> break                                /* Close */
        od;
        atomic { lives[PUBLISHER] = 0; skip }
    } DIES_IF(PUBLISHER);
    atomic { cur = 0; j = 0; i = 0; h = 0; held = 0; freed_changed = 1 };
#ifdef RESTART
    if
    :: killed[PUBLISHER] -> goto restart                /* a successor */
    :: true
    fi;
    goto end;
restart:
    atomic { killed[PUBLISHER] = 0; goto start };
#endif
end: skip
}

/* ----------------------------------------------------------------- consumer */

/* Release and undo: the pin goes, and a publisher that wants a buffer hears of it. */
inline ring_freed() {
    freed_changed = 1;                                  /* release: add 1 to freed */
    asleep = 0                                          /* release: wake(freed) */
}

inline unpin(left) {
    pins[s] = left;                                     /* release: store pins without j */
    if
#ifndef MUT_NO_RING_ON_RELEASE
    :: want -> ring_freed()                             /* release: load want */
#endif
    :: !want
#ifdef MUT_NO_RING_ON_RELEASE
    :: want
#endif
    fi
}

/* raiseHi: a CAS loop, before the slot's first use. */
inline raise_hi() {
    do
    :: atomic { hi > s -> break }                       /* raiseHi: load hi */
    :: atomic { hi <= s -> l = hi };
#ifdef MUT_HI_BY_STORE
       hi = s + 1; l = 0; break
#else
       if                                               /* raiseHi: CAS hi */
       :: atomic { hi == l -> hi = s + 1; l = 0; break }
       :: atomic { hi != l -> l = 0 }
       fi
#endif
    od
}

proctype Consumer(byte me) {
    byte s, l, m;
start:
    lives[me] = 1;
    {
        do
        :: atomic { s < SLOTS && owner[s] == NOBODY -> owner[s] = me; break }   /* attach: try byte s */
#ifdef MUT_ATTACH_WITHOUT_BYTE
        :: s < SLOTS -> break
#endif
        :: atomic { s < SLOTS && owner[s] != NOBODY -> s++ }
        :: atomic { s == SLOTS -> goto closed }         /* attach: no slot is free */
        od;
        atomic {                                        /* attach: clear the slot, no wake: */
#ifndef MUT_ATTACH_DOES_NOT_CLEAR
            pins[s] = 0;                                /* who waits for a dead owner looks after a slice */
#endif
            missed = asked
        };
#ifndef MUT_HI_AFTER_USE
        raise_hi();
#endif
        do
        :: true ->
            l = latest;                                 /* pin: load latest */
            pins[s] = 1 << l;                           /* pin: store pins */
            if
            :: atomic { latest == l -> viewing[me] = 1 << l }   /* pin: load latest again */
#ifdef MUT_NO_LATEST_AFTER_PIN
            :: atomic { latest != l -> viewing[me] = 1 << l }
#else
            :: atomic { latest != l -> goto undo }
#endif
            fi;
#ifdef MUT_HI_AFTER_USE
            m = l; raise_hi(); l = m; m = 0;
#endif
#ifdef NESTED
            if
            :: true
            :: m = latest;                              /* readHeld: pin: load latest */
               pins[s] = 1 << l | 1 << m;               /* readHeld: pin: store pins */
               if
               :: atomic { latest == m -> viewing[me] = viewing[me] | 1 << m }
               :: latest != m
               fi;
               atomic { viewing[me] = 1 << l; m = 0 };
               unpin(1 << l)
            fi;
#endif
            atomic { assert(pins[s] == 1 << l); viewing[me] = 0 };      /* the lease was not lost */
undo:       l = 0;
            unpin(0)
        :: true -> goto end_idle                        /* stays attached and views no more */
        :: true -> break
        od;
        pins[s] = 0;                                    /* Close: clear the slot */
        ring_freed();                                   /* Close: ring freed */
        owner[s] = NOBODY;                              /* Close: close(fd) */
closed: lives[me] = 0;
        goto done;
end_idle:
        false;
done:   skip
    } DIES_IF(me);
    atomic { s = 0; l = 0; m = 0 };
    if
    :: goto restart                                     /* a new consumer */
    :: true
    fi;
    goto end;
restart:
    atomic { killed[me] = 0; goto start };
end: skip
}

/* -------------------------------------------------------------------- kills */

#ifdef KILL
/* SIGKILL: the victim does nothing more; the kernel forgets its sleep and frees its bytes. */
inline free_byte(i, who) {
    if :: owner[i] == who -> owner[i] = NOBODY :: else fi
}

inline kill_consumer(c) {
    lives[c] = 0; killed[c] = 1; viewing[c] = 0; missed = asked;
    free_byte(0, c); free_byte(1, c)
}

proctype Killer() {
    byte n;
    do
    :: KILL == 0 || n < KILL ->
        if
        :: atomic { lives[PUBLISHER] ->
               lives[PUBLISHER] = 0; killed[PUBLISHER] = 1;
               asleep = 0; asked = 0; missed = 0;
               free_byte(0, REAPER); free_byte(1, REAPER)
           }
        :: atomic { lives[0] -> kill_consumer(0) }
#ifndef ONE_CONSUMER
        :: atomic { lives[1] -> kill_consumer(1) }
#endif
        :: goto end
        fi;
        if :: KILL > 0 -> n++ :: else fi
    :: else -> break
    od;
end: skip
}
#endif

init {
    atomic {
        owner[0] = NOBODY; owner[1] = NOBODY;
        run Publisher();
        run Consumer(0);
#ifndef ONE_CONSUMER
        run Consumer(1);
#endif
#ifdef KILL
        run Killer()
#endif
    }
}
