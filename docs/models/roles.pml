/*
 * roles.pml: who has a topic's name and its publisher byte, and whom an error
 * names as its live publisher (shm/create.go, shm/segment.go unlinkNamed and
 * retire, shm/publisher.go shut, shm/remove.go, shm/open.go; DESIGN: "The segment"
 * and "Life of a topic").
 *
 * Two creators, a remover and a consumer that waits for the topic, on one name.
 * At the start there is no topic, or one whose publisher is gone: of the right
 * type or another, or retired by a remover that was killed before it unlinked.
 * Who replaces or removes by force, and which type the second creator wants, is
 * chosen freely.
 *
 * A statement is one access to shared memory or one system call.
 *
 * Configurations (-D):
 *   KILL       one kill, of anybody between any two statements
 *   RM         somebody (rm, systemd at logout) unlinks the name without asking
 *   NO_REMOVER, NO_CONSUMER  smaller
 *   ONE_TYPE   everybody wants the type that is there; smaller, too
 *
 * Nobody may start again for ever: whoever is the only one left that does
 * anything must get through in six rounds.
 *
 * Mutations: MUT_*, each must be caught. See README.md.
 */

#define FILES  3                        /* 0: found at the start; 1 + me: built by creator me */
#define ABSENT 9
#define NOBODY 9
#define PREDECESSOR 8                   /* gone since before the start */
#define NONE   7

#define REMOVER  2                      /* creators are 0 and 1 */
#define CONSUMER 3
#define ACTORS   4

/* The directory and the files. */
byte name = ABSENT;                     /* the file that the name leads to */
bit type[FILES];
bit retired[FILES];
bit is_open[FILES];                     /* state: open, not closed */
byte signature[FILES] = PREDECESSOR;    /* pid and command */

/* The kernel. */
byte publisher_byte[FILES] = NOBODY;
bit signed_byte[FILES];                 /* only the publisher takes it, and has signed then */
byte name_byte[FILES] = NOBODY;
bit watched, event;                     /* inotify of the consumer */
byte victim = NOBODY;

/* For the checks only, never read by the protocol. */
bit busy[ACTORS];                       /* does something, is not at its end or idle */
bit rm_done;

#define DIES_IF(me) unless { victim == me }
#define ALONE(me) (busy[0] + busy[1] + busy[2] + busy[3] == busy[me])

/* A new look at the name, a millisecond later. */
inline start_again() {
    d_step {
        if
        :: ALONE(me) -> rounds++; assert(rounds <= 6)
        :: else -> rounds = 0
        fi
    }
}

/* close(fd) of file f: its bytes are free. */
inline close_file() {
    d_step {
        if :: publisher_byte[f] == me -> publisher_byte[f] = NOBODY; signed_byte[f] = 0 :: else fi;
        if :: name_byte[f] == me -> name_byte[f] = NOBODY :: else fi
    }
}

/* unlinkNamed; done says whether it came to the unlink, else errBusy. */
inline unlink_named() {
    if
#ifndef MUT_NO_NAME_BYTE
    :: atomic { name_byte[f] == NOBODY -> name_byte[f] = me };  /* unlinkNamed: try the NAME byte */
#else
    :: true ->
#endif
        if
#ifdef MUT_NO_STAT_IN_UNLINK
        :: true ->
#else
        :: name == f ->                                 /* unlinkNamed: stat(name) is this file */
#endif
#ifndef MUT_NO_RETIRED_BEFORE_UNLINK
            retired[f] = 1;                             /* retire: store retired, wake all */
#endif
            atomic {                                    /* unlinkNamed: unlink(name) */
                assert(name == f || rm_done);           /* nobody unlinks a successor's topic */
                assert(retired[f]);                     /* consumers of f know by now */
                name = ABSENT; done = 1
            }
#ifndef MUT_NO_STAT_IN_UNLINK
        :: name != f
#endif
        fi;
        name_byte[f] = NOBODY                           /* unlinkNamed: release the NAME byte */
#ifndef MUT_NO_NAME_BYTE
    :: name_byte[f] != NOBODY
#endif
    fi
}

/* Whom ErrLive and ErrInUse name. Not signed: who has the role has it for a moment, or has
   not yet said who it is. */
#ifndef MUT_NO_SIGNED
#define HAS_SIGNED signed_byte[f]
#else
#define HAS_SIGNED true
#endif
/* For the check, as that is asked: the signature, if it is not of whom has the role. Whom the
   error names has the role then, or takes it later. */
#define REMEMBER stale = (signature[f] == publisher_byte[f] -> NONE : signature[f])
#define NAME_IT assert(signature[f] != stale)

/* Tell the directory's watcher. */
inline notify_watch() {
    if :: watched -> event = 1 :: else fi
}

/* ------------------------------------------------------------------ creator */

proctype Creator(byte me; bit want; bit force) {
    byte f, rounds, stale = NONE;
    bit got, done, was_lost;
    {
        skip;                                           /* (a block cannot begin with a label) */
again:  atomic {                                        /* tryCreate: open(name) */
            start_again(); f = name;
            if :: f == ABSENT -> goto build :: else fi
        };
        if                                              /* claim: try the publisher byte */
        :: atomic { publisher_byte[f] == NOBODY -> publisher_byte[f] = me; got = 1;
               was_lost = (name != f || retired[f]) }
        :: atomic { publisher_byte[f] != NOBODY -> got = 0 }
        fi;
#ifndef MUT_NO_STAT_RECHECK
        if                                              /* claim: stat(name) is this file? */
        :: name != f -> goto drop
        :: name == f
        fi;
#endif
        atomic {                                        /* claim: load retired */
            if
#ifndef MUT_RETIRED_NOT_ABSENT
            :: retired[f] -> goto clear
            :: !retired[f] ->
#else
            :: true ->
#endif
                if
                :: got && type[f] == want -> goto take_over
                :: got && type[f] != want -> goto clear
                :: !got && force          -> goto clear
                :: !got && !force
                fi
            fi
        };
        if                                              /* signed: ask for the SIGNED byte */
        :: atomic { HAS_SIGNED -> REMEMBER }
        :: !(HAS_SIGNED) -> goto drop
        fi;
        if                                              /* claim: load state */
        :: is_open[f]
        :: !is_open[f] -> goto drop
        fi;
        atomic { NAME_IT; close_file(); goto out };     /* claim: load the signature: "live publisher" */
clear:  unlink_named();
drop:   atomic { close_file(); got = 0; done = 0; was_lost = 0; stale = NONE };
        goto again;

build:  atomic {                                        /* build, takeOver: nobody else sees the file */
            f = 1 + me; type[f] = want; publisher_byte[f] = me;
            signature[f] = me; signed_byte[f] = 1; is_open[f] = 1
        };
        atomic {                                        /* build: link(name) */
            if
#ifdef MUT_LINK_REPLACES
            :: true -> name = f; notify_watch()
#else
            :: name == ABSENT -> name = f; notify_watch()
            :: else ->                                  /* EEXIST: start again */
                close_file(); signature[f] = PREDECESSOR; is_open[f] = 0; goto again
#endif
            fi
        };
        goto publish;

take_over:
#ifdef MUT_SIGNED_FIRST
        signed_byte[f] = 1;
#endif
        atomic { assert(!was_lost); signature[f] = me };        /* sign: store pid and command */
        signed_byte[f] = 1;                             /* takeOver: take the SIGNED byte */
        is_open[f] = 1;                                 /* takeOver: store state=OPEN */
#ifndef MUT_NO_TOUCH
        notify_watch();                                 /* takeOver: futimens */
#endif

publish:
        do
        :: atomic { retired[f] -> goto closed }         /* begin: load retired: ErrReplaced */
        :: atomic { !retired[f] ->                      /* begin, commit */
               assert(publisher_byte[f] == me && (name == f || rm_done));
               busy[me] = 0 };                          /* until replaced, or until it has had enough */
           if
           :: atomic { retired[f] -> busy[me] = 1 }
           :: atomic { busy[me] = 1; goto closed }
           :: atomic { busy[me] = 1; goto removed }
           :: goto end_live
           fi
        od;
removed:
        is_open[f] = 0;                                 /* Remove: store state=CLOSED */
        unlink_named();
closed: is_open[f] = 0;                                 /* Close: store state=CLOSED */
        close_file();
        goto out;
end_live:
        false                                           /* lives on, idle */
    } DIES_IF(me);
out: atomic { f = 0; rounds = 0; got = 0; done = 0; was_lost = 0; stale = NONE; busy[me] = 0 }
}

/* ------------------------------------------------------------------ remover */

#ifndef NO_REMOVER
proctype Remover(byte me; bit force) {
    byte f, rounds, stale = NONE;
    bit done;
    {
        skip;                                           /* (a block cannot begin with a label) */
again:  atomic {                                        /* Remove: open(name) */
            start_again(); f = name;
            if
            :: f == ABSENT -> goto out
            :: else
            fi
        };
        if                                              /* Remove: try the publisher byte */
        :: atomic { publisher_byte[f] == NOBODY -> publisher_byte[f] = me; goto clear }
        :: publisher_byte[f] != NOBODY ->
            if
            :: force -> goto clear
            :: !force
            fi
        fi;
        if                                              /* Remove: load retired */
        :: retired[f] -> goto clear
        :: !retired[f]
        fi;
        if                                              /* signed: ask for the SIGNED byte */
        :: atomic { HAS_SIGNED -> REMEMBER }
        :: !(HAS_SIGNED) -> goto drop
        fi;
        atomic { NAME_IT; goto out };                   /* Remove: load the signature: "in use" */
clear:  unlink_named();
drop:   atomic {
            close_file(); stale = NONE;
            if
            :: done -> goto out
            :: else -> goto again
            fi
        }
    } DIES_IF(me);
out: atomic { f = 0; rounds = 0; done = 0; stale = NONE; busy[me] = 0 }
}
#endif

/* ----------------------------------------------------------------- consumer */

#ifndef NO_CONSUMER
#define TO_BE_HAD (name != ABSENT && !retired[name] && is_open[name])

proctype Consumer(byte me) {
    byte f;
    bit lost;
    {
#ifndef MUT_WATCH_AFTER_LOOK
        watched = 1;                                    /* WaitOpen: set the watch, then look */
#else
        skip;
#endif
look:   atomic {                                        /* Open: open(name) */
            f = name;
            if
            :: f == ABSENT -> goto not_there
            :: else -> lost = retired[f]
            fi
        };
#ifndef MUT_OPEN_IGNORES_RETIRED
        if
        :: retired[f] -> goto not_there                 /* Open: load retired */
        :: !retired[f]
        fi;
#endif
        if
        :: is_open[f] -> goto opened                    /* Open: load state */
        :: !is_open[f]
        fi;
not_there:
        atomic { f = 0; lost = 0; busy[me] = 0 };
#ifdef MUT_WATCH_AFTER_LOOK
        watched = 1;
#endif
end_waits:
        if                                              /* WaitOpen: read inotify */
        :: atomic { event -> event = 0; busy[me] = 1; goto look }
        :: atomic { !event && ALONE(me) && TO_BE_HAD && victim == NOBODY -> assert(false) }
        fi;
opened: atomic { assert(!lost); lost = 0; busy[me] = 0 };   /* nobody opens what had been retired before */
end_uses:
        if                                              /* at each use: load retired */
        :: atomic { retired[f] -> busy[me] = 1 }
        :: atomic { !retired[f] && name != f && !rm_done -> assert(false) }     /* gone, and nobody said so */
        fi
    } DIES_IF(me);
    atomic { f = 0; lost = 0; busy[me] = 0 }
}
#endif

/* ------------------------------------------------------------- kills and rm */

#ifdef KILL
/* SIGKILL: the victim does nothing more; the kernel frees its bytes. */
inline free_bytes(f) {
    if :: publisher_byte[f] == victim -> publisher_byte[f] = NOBODY; signed_byte[f] = 0 :: else fi;
    if :: name_byte[f] == victim -> name_byte[f] = NOBODY :: else fi
}

proctype Killer() {
    atomic {
        if
        :: victim = 0
        :: victim = 1
        :: victim = REMOVER
        :: victim = CONSUMER; watched = 0; event = 0
        fi;
        busy[victim] = 0;
        free_bytes(0); free_bytes(1); free_bytes(2)
    }
}
#endif

#ifdef RM
proctype Rm() {
    if
    :: atomic { name = ABSENT; rm_done = 1 }
    :: true
    fi
}
#endif

init {
    atomic {
        bit want, force0, force1, force2;
        if
        :: name = ABSENT
        :: name = 0                                     /* closed, or its publisher died */
        :: name = 0; retired[0] = 1                     /* a remover was killed */
        :: name = 0; is_open[0] = 1                     /* its publisher died */
        fi;
#ifndef ONE_TYPE
        if :: type[0] = 0 :: type[0] = 1 fi;
        if :: want = 0 :: want = 1 fi;
#endif
        if :: force0 = 0 :: force0 = 1 fi;
        if :: force1 = 0 :: force1 = 1 fi;
        busy[0] = 1; busy[1] = 1;
        run Creator(0, 0, force0);
        run Creator(1, want, force1);
#ifndef NO_REMOVER
        if :: force2 = 0 :: force2 = 1 fi;
        busy[REMOVER] = 1;
        run Remover(REMOVER, force2);
#endif
#ifndef NO_CONSUMER
        busy[CONSUMER] = 1;
        run Consumer(CONSUMER);
#endif
#ifdef KILL
        run Killer();
#endif
#ifdef RM
        run Rm();
#endif
        want = 0; force0 = 0; force1 = 0; force2 = 0
    }
}
