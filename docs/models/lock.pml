/*
 * lock.pml: the reader-writer lock of one buffer (futex/rwlock.go;
 * DESIGN: "The reader-writer lock").
 *
 * One writer and two readers, each of which locks and unlocks as often as it
 * likes and stops when it likes: the number of operations is not bounded. Phases
 * have one bit, so that "phases cannot lap a waiter" is part of what is checked.
 *
 * A statement is one access to shared memory or one system call. Memory is
 * sequentially consistent here; what weak memory adds is proved elsewhere.
 *
 * Configurations (-D):
 *   ABORT    any Lock or RLock may have a deadline, which may pass whenever it waits
 *   KILL=n   up to n kills, of anybody between any two statements; KILL=0: any number
 *   RESTART  whoever was killed may start again: a successor writer, a new owner
 *            of the reader's slot
 *   ONE_READER  one reader, for configurations that are too large otherwise
 *
 * Sleepers wake after a slice only if whoever might owe them a wake was killed
 * after they last asked whether he lives (or his slot went to a new owner). So a
 * lost wake-up is a deadlock ("invalid end state") in every configuration.
 *
 * Mutations: MUT_*, each must be caught. See README.md.
 */

#define OPEN    0
#define CLOSED  1
#define WRITING 2
#define HELD    1
#define WAIT    2
#define PHASE(w) ((w) >> 2)
#define STATE(w) ((w) & 3)

#ifdef ONE_READER
#define READERS 1
#else
#define READERS 2
#endif
#define WRITER READERS                  /* readers are 0 and 1 */

/* Shared memory. */
byte W;                                 /* phase<<2 | OPEN, CLOSED or WRITING */
byte slot[READERS];                     /* 0, HELD, or phase<<2|WAIT */
bit word0, word1;                       /* the payload: a whole write makes them equal */

/* The kernel. */
#define FREE   0
#define OWNER  1
#define REAPER 2
bit role;                               /* the publisher byte is taken */
byte owner[READERS];                    /* who has the byte of a slot */
byte on_slot;                           /* the writer sleeps on slot on_slot-1 */
bit on_W[READERS];                      /* readers asleep on W */
bit killed[READERS + 1];                /* does nothing more */

/* Who may wake for a slice: he asked whether a peer lives, who was killed then. */
byte asked;                             /* the writer asked after slot asked-1 */
bit missed;
bit r_asked[READERS], r_missed[READERS];

/* For the checks only, never read by the protocol. */
bit inside[READERS];                    /* a live reader is inside */
bit overtaken[READERS];                 /* a write went by since it stored its wait */
bit left_torn;                          /* a writer died inside, and nobody wrote since */

#ifdef KILL
#define DIES_IF(me) unless { killed[me] }
#else
#define DIES_IF(me)
#endif

#ifdef ONE_READER
#define NOBODY_INSIDE (!inside[0])
#define overtake_all() overtake(0)
#define wake_readers() on_W[0] = 0
#else
#define NOBODY_INSIDE (!inside[0] && !inside[1])
#define overtake_all() overtake(0); overtake(1)
#define wake_readers() d_step { on_W[0] = 0; on_W[1] = 0 }
#endif

/* With or without a deadline. */
inline choose_limit() {
#ifdef ABORT
    if
    :: limited = 1
    :: limited = 0
    fi
#else
    skip
#endif
}

/* A write ends: whoever waits on its phase is let in before the next. */
inline overtake(r) {
    if
    :: slot[r] & WAIT && owner[r] == OWNER -> assert(!overtaken[r]); overtaken[r] = 1
    :: else
    fi
}

/* ------------------------------------------------------------------ writer */

/* OUT_OF_THE_WAY: the drained slot is free, or waits on this very phase. */
#ifdef MUT_IGNORE_GRANTED
#define OUT_OF_THE_WAY(s) (s == 0 || s & WAIT)
#else
#define OUT_OF_THE_WAY(s) (s == 0 || s == (phase << 2 | WAIT))
#endif

proctype Writer() {
    bit phase, wrote, torn, aborted, limited;
    byte i, s;
start:
    atomic { role = 1; skip };                          /* Create: take the publisher byte */
    {
        atomic {                                        /* Writer: load W */
            phase = PHASE(W);
#ifndef MUT_SUCCESSOR_IGNORES_WRITING
            torn = (STATE(W) == WRITING);
#endif
            skip
        };
#ifndef MUT_SUCCESSOR_LEAVES_CLOSED
        if
        :: STATE(W) == CLOSED ->                        /* takeover: who died had closed it */
            W = phase << 2 | OPEN;                      /* takeover: store W=OPEN, same phase */
            wake_readers()                              /* takeover: wake all */
        :: STATE(W) != CLOSED
        fi;
#endif
        do
        :: true ->
            choose_limit();
            if
            :: torn -> goto write                       /* nobody is inside: the dead writer saw to that */
            :: aborted -> goto let_in
            :: else
            fi;
lock:       W = phase << 2 | CLOSED;                    /* Lock: store W=CLOSED */
            i = 0;
            do
            :: i < READERS ->
look:           s = slot[i];                            /* Lock: load slot */
                if
                :: OUT_OF_THE_WAY(s) -> goto next_slot
                :: else
                fi;
                if
#ifdef MUT_REAP_WITHOUT_BYTE
                :: owner[i] == FREE -> slot[i] = 0; goto next_slot
#else
#ifndef MUT_NO_REAP
                :: atomic { owner[i] == FREE -> owner[i] = REAPER };    /* Reap: try the slot's byte */
                   slot[i] = 0;                         /* Reap: clear the slot */
                   owner[i] = FREE;                     /* Reap: release the byte */
                   goto next_slot
#endif
#endif
                :: atomic { owner[i] != FREE -> asked = i + 1 }
                fi;
                atomic {                                /* Lock: futex_wait(slot, s, slice) */
                    if
                    :: slot[i] == s -> on_slot = i + 1
                    :: else
                    fi
                };
                if
                :: atomic { !on_slot -> asked = 0; missed = 0; s = 0; goto look }
                :: atomic { on_slot && missed -> on_slot = 0; asked = 0; missed = 0; s = 0; goto look }
#ifdef ABORT
                :: atomic { limited -> on_slot = 0; asked = 0; missed = 0; s = 0; goto abort }
#endif
                fi;
next_slot:      atomic { s = 0; i++ }
            :: else -> break
            od;
            i = 0;
write:      atomic {                                    /* Lock: store W=WRITING */
                assert(NOBODY_INSIDE);
                W = phase << 2 | WRITING; wrote = !word0
            };
            atomic { assert(NOBODY_INSIDE); word0 = wrote };    /* the write: one word, */
            atomic { assert(NOBODY_INSIDE); word1 = wrote };    /* the other */
            d_step { wrote = 0; torn = 0; phase = !phase; s = !phase << 2 | WAIT };
#ifdef MUT_UNLOCK_SCANS_FIRST
            i = 0;
            do
            :: i < READERS && slot[i] == s -> wake_readers(); break
            :: i < READERS && slot[i] != s -> i++
            :: else -> break
            od;
#endif
            atomic { overtake_all(); left_torn = 0; W = phase << 2 | OPEN };   /* Unlock: store W=OPEN, next phase */
#if !defined(MUT_NO_WAKE_ON_UNLOCK) && !defined(MUT_UNLOCK_SCANS_FIRST)
            i = 0;
            do
            :: i < READERS && slot[i] == s -> wake_readers(); break    /* Unlock: load slot, wake all */
            :: i < READERS && slot[i] != s -> i++
            :: else -> break
            od;
#endif
            atomic { i = 0; s = 0 };
            goto next;
#ifdef ABORT
abort:      i = 0;
#ifdef MUT_PHASE_ADVANCES_ON_ABORT
            phase = !phase;
#endif
            W = phase << 2 | OPEN;                      /* abort: store W=OPEN, same phase */
#ifndef MUT_NO_WAKE_ON_ABORT
            wake_readers();                             /* abort: wake all */
#endif
            aborted = 1;
            goto next;
#endif
let_in:     i = 0;                                      /* letIn: one slice for those who wait */
            do
            :: i < READERS && slot[i] == (phase << 2 | WAIT) ->
                atomic {                                /* letIn: futex_wait(slot, WAIT|phase, slice) */
                    if
                    :: slot[i] == (phase << 2 | WAIT) -> on_slot = i + 1
                    :: else
                    fi
                };
                if
                :: !on_slot
                :: atomic { on_slot -> on_slot = 0; break }     /* the slice is over */
                :: atomic { limited && on_slot -> on_slot = 0; i = 0; goto next }   /* the deadline comes first */
                fi
            :: i < READERS && slot[i] != (phase << 2 | WAIT) -> i++
            :: else -> break
            od;
            aborted = 0;
            goto lock;
next:       limited = 0
        :: !torn -> goto end_idle                         /* lives on and never locks again */
        :: true -> break                                /* Close; or a takeover that gives up */
        od;
        atomic {
            role = 0;                                   /* if W is not OPEN: readers look after a slice */
            if :: STATE(W) != OPEN && r_asked[0] -> r_missed[0] = 1 :: else fi;
#ifndef ONE_READER
            if :: STATE(W) != OPEN && r_asked[1] -> r_missed[1] = 1 :: else fi
#endif
        };
        goto done;
end_idle:
        false;
done:   skip
    } DIES_IF(WRITER);
#ifdef KILL
    atomic {
        phase = 0; wrote = 0; torn = 0; aborted = 0; limited = 0; i = 0; s = 0
    };
#ifdef RESTART
    if
    :: goto again                                       /* a successor */
    :: true
    fi;
    goto end;
again:
    atomic { killed[WRITER] = 0; goto start };
#endif
end:
#endif
    skip
}

/* ------------------------------------------------------------------ reader */

/* set: store the slot and wake a writer that sleeps on it. */
inline wake_writer() {
    d_step { if :: on_slot == me + 1 -> on_slot = 0 :: else fi }
}

inline store_wait() {
    atomic { slot[me] = p << 2 | WAIT; overtaken[me] = 0 }
}

proctype Reader(byte me) {
    bit p, a, limited;
    byte w;
start:
    atomic { owner[me] == FREE -> owner[me] = OWNER };  /* attach: take the slot's byte */
    {
        atomic {                                        /* attach: clear the slot, no wake: */
            slot[me] = 0;                               /* who waits for a dead owner looks after a slice */
            if :: asked == me + 1 -> missed = 1 :: else fi
        };
        do
        :: true ->
            choose_limit();
#ifdef MUT_LOAD_W_BEFORE_HELD
            w = W;
            slot[me] = HELD;
            if :: STATE(w) == OPEN -> inside[me] = 1; goto in :: else fi;
#else
            slot[me] = HELD;                            /* RLock: store slot=HELD */
#endif
again:      atomic {                                    /* RLock: load W */
                w = W;
                if
                :: STATE(w) == OPEN -> inside[me] = 1; goto in
#ifdef MUT_ENTER_ON_WRITING
                :: STATE(w) == WRITING -> inside[me] = 1; goto in
#endif
                :: else -> p = PHASE(w); w = 0
                fi
            };
            if
            :: p = 0; goto give_up                      /* TryRLock: store slot=0, wake */
            :: true
            fi;
            store_wait();                               /* RLock: store slot=WAIT|p */
#ifndef MUT_NO_WAKE_WHEN_WAIT
            wake_writer();
#endif
await:      w = W;                                      /* RLock: load W */
            if
            :: PHASE(w) != p ->                         /* granted */
                atomic { slot[me] = HELD; inside[me] = 1; goto in }
            :: PHASE(w) == p && STATE(w) == OPEN ->     /* an aborted Lock */
                slot[me] = HELD;
                goto again
            :: else
            fi;
            if                                          /* RLock: is the writer alive? */
            :: atomic { role -> r_asked[me] = 1 }
            :: atomic { !role -> w = 0; goto orphaned }
            fi;
            atomic {                                    /* RLock: futex_wait(W, w, slice) */
                if
                :: W == w -> on_W[me] = 1
                :: else
                fi;
                w = 0
            };
            if
            :: atomic { !on_W[me] -> r_asked[me] = 0; r_missed[me] = 0; goto await }
            :: atomic { on_W[me] && r_missed[me] -> on_W[me] = 0; r_asked[me] = 0; r_missed[me] = 0; goto await }
#ifdef ABORT
            :: atomic { limited -> on_W[me] = 0; r_asked[me] = 0; r_missed[me] = 0; goto give_up }
#endif
            fi;
orphaned:
#ifndef MUT_NO_HELD_WHEN_ORPHANED
            slot[me] = HELD;                            /* RLock: store slot=HELD: a successor honours it */
#endif
#ifndef MUT_NO_ALIVE_CHECK_AFTER_HELD
            if                                          /* RLock: ask again */
            :: role -> goto wait_again
            :: !role
            fi;
#endif
            atomic {                                    /* RLock: load W */
                w = W;
                if
                :: PHASE(w) != p || STATE(w) != WRITING -> inside[me] = 1; goto in
                :: else -> assert(left_torn); w = 0
                fi
            };
#ifdef MUT_NO_ALIVE_CHECK_AFTER_WRITING
            assert(!role);                              /* torn, but a successor repairs it */
#else
            if                                          /* RLock: ask again */
            :: role -> goto wait_again
            :: !role                                    /* torn */
            fi;
#endif
give_up:    slot[me] = 0;                               /* RLock: store slot=0, error */
#ifndef MUT_NO_WAKE_ON_GIVE_UP
            wake_writer();
#endif
            p = 0;
            goto next;
wait_again: store_wait();                               /* RLock: store slot=WAIT|p */
#ifndef MUT_NO_WAKE_WHEN_WAIT_AGAIN
            wake_writer();
#endif
            goto await;
in:         atomic { w = 0; p = 0; overtaken[me] = 0; a = word0 };  /* read one word, */
            atomic { assert(a == word1); a = 0 };       /* the other: whole */
            atomic { assert(slot[me] == HELD); inside[me] = 0; slot[me] = 0 };  /* RUnlock: store slot=0 */
#ifndef MUT_NO_WAKE_ON_RUNLOCK
            if
            :: STATE(W) == CLOSED -> wake_writer()      /* RUnlock: load W, wake */
            :: STATE(W) != CLOSED
            fi;
#endif
next:       limited = 0
        :: true -> break                                /* Close */
        od;
        owner[me] = FREE
    } DIES_IF(me);
#ifdef KILL
    atomic { p = 0; a = 0; limited = 0; w = 0 };
#ifdef RESTART
    if
    :: goto restart                                     /* a new owner of the slot */
    :: true
    fi;
    goto end;
restart:
    atomic { killed[me] = 0; goto start };
#endif
end:
#endif
    skip
}

/* ------------------------------------------------------------------- kills */

#ifdef KILL
/* SIGKILL: the victim does nothing more; the kernel forgets its sleep and frees its bytes. */
inline kill_reader(r) {
    killed[r] = 1; owner[r] = FREE; on_W[r] = 0; r_asked[r] = 0; r_missed[r] = 0;
    inside[r] = 0; overtaken[r] = 0;
    if :: asked == r + 1 -> missed = 1 :: else fi
}

inline free_reaped(r) {
    if :: owner[r] == REAPER -> owner[r] = FREE :: else fi;
    if :: r_asked[r] -> r_missed[r] = 1 :: else fi
}

proctype Killer() {
    byte n;
    do
    :: KILL == 0 || n < KILL ->
        if
        :: atomic { role ->
               killed[WRITER] = 1; role = 0; on_slot = 0; asked = 0; missed = 0;
               if :: STATE(W) == WRITING -> left_torn = 1 :: else fi;
               free_reaped(0);
#ifndef ONE_READER
               free_reaped(1)
#endif
           }
        :: atomic { owner[0] == OWNER -> kill_reader(0) }
#ifndef ONE_READER
        :: atomic { owner[1] == OWNER -> kill_reader(1) }
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
        role = 0;
        run Writer();
        run Reader(0);
#ifndef ONE_READER
        run Reader(1);
#endif
#ifdef KILL
        run Killer()
#endif
    }
}
