//! Forks and signals: what happens to handles in a child, and to calls that sleep.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tism::{ErrorKind, Options, State};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);
const MS: Duration = Duration::from_millis(1);

mod c {
    use std::ffi::{c_int, c_ulong};

    pub const SIGINT: c_int = 2;
    pub const SIGUSR1: c_int = 10;

    // Linux's C libraries have these; `signal` of glibc and musl sets SA_RESTART, which waits must not heed.
    unsafe extern "C" {
        pub fn fork() -> c_int;
        pub fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
        pub fn kill(pid: c_int, signal: c_int) -> c_int;
        pub fn signal(signal: c_int, handler: extern "C" fn(c_int)) -> usize;
        pub fn pthread_self() -> c_ulong;
        pub fn pthread_kill(thread: c_ulong, signal: c_int) -> c_int;
    }
}

fn main() {
    if let Some(name) =
        std::env::args().nth(1).and_then(|a| Some(a.strip_prefix("wait-on=")?.to_owned()))
    {
        let mut consumer = tism::open::<u32>(&name).unwrap();
        consumer.read().unwrap();
        println!("it sleeps from here on");
        panic!("{:?}", consumer.next(None));
    }
    forked_handles();
    forked_guard();
    signals_lose_nothing();
    signals_end_waits();
    ctrl_c();
    println!("test result: ok. 5 passed; 0 failed; forks and signals");
}

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    ErrorKind::of(&result.err().expect("an error"))
}

/// Runs `f` in a child, which must not fail.
fn in_child(f: impl FnOnce()) {
    // SAFETY: this thread is the process's only one.
    let pid = unsafe { c::fork() };
    assert!(pid >= 0, "no fork");
    if pid == 0 {
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
        std::process::exit(failed.into());
    }
    let mut status = -1;
    // SAFETY: the status is ours.
    assert_eq!((unsafe { c::waitpid(pid, &mut status, 0) }, status), (pid, 0), "the child failed");
}

/// A child's inherited handles are errors; it opens topics anew. Nothing of that harms the parent.
fn forked_handles() {
    let mut publisher = Options::new().create("forked", 1u32).unwrap();
    let mut consumer = Options::new().open::<u32>("forked").unwrap();
    in_child(|| {
        assert_eq!(kind(publisher.write(2)), Some(ErrorKind::BadHandle));
        assert_eq!(kind(publisher.read()), Some(ErrorKind::BadHandle));
        assert_eq!(kind(publisher.loan()), Some(ErrorKind::BadHandle));
        assert_eq!(kind(consumer.read()), Some(ErrorKind::BadHandle));
        assert_eq!(kind(consumer.next(PATIENCE)), Some(ErrorKind::BadHandle));
        assert_eq!(kind(consumer.read_lock()), Some(ErrorKind::BadHandle));
        assert_eq!(kind(consumer.state()), Some(ErrorKind::BadHandle));
        let mut own = Options::new().open::<u32>("forked").unwrap();
        assert_eq!(own.read().unwrap(), 1);
        assert_eq!(kind(Options::new().create("forked", 3u32)), Some(ErrorKind::LivePublisher));
        drop((publisher, consumer));
    });
    // (The closure borrowed what the child dropped: here both live.)
    let mut publisher = Options::new().create("forked_2", 1u32).unwrap();
    let mut consumer = Options::new().open::<u32>("forked_2").unwrap();
    let (p, s) = (&mut publisher, &mut consumer);
    in_child(move || drop((p.write(2), s.read())));
    publisher.write(3).unwrap();
    assert_eq!(consumer.next(PATIENCE).unwrap(), 3);
    assert_eq!(consumer.state().unwrap(), State::Alive);
    publisher.remove().unwrap();
    tism::remove("forked", false).unwrap();
}

/// A child that ends a guard which it inherited does not end its parent's.
fn forked_guard() {
    let mut publisher =
        Options::new().buffers(1).timeout(20 * MS).create("forked_guard", 1u32).unwrap();
    let mut consumer = Options::new().open::<u32>("forked_guard").unwrap();
    let guard = consumer.read_lock().unwrap();
    // SAFETY: a bitwise copy for the child alone, where the original is never dropped.
    let inherited = std::mem::ManuallyDrop::new(unsafe { std::ptr::read(&guard) });
    in_child(move || drop(std::mem::ManuallyDrop::into_inner(inherited)));
    assert_eq!(kind(publisher.write(2)), Some(ErrorKind::TimedOut), "the guard is held");
    assert_eq!(*guard, 1);
    drop(guard);
    publisher.write(3).unwrap();
    publisher.remove().unwrap();
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: std::ffi::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Sleeps until 20 more have come.
fn await_signals() {
    let (before, end) = (SIGNALS.load(Ordering::Relaxed), Instant::now() + PATIENCE);
    while SIGNALS.load(Ordering::Relaxed) < before + 20 {
        assert!(Instant::now() < end, "no signals come");
        thread::sleep(MS);
    }
}

/// Runs `f` while its thread gets a signal every half millisecond.
fn under_signals<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: the handler does what a handler may.
    unsafe { c::signal(c::SIGUSR1, count) };
    // SAFETY: always sound.
    let me = unsafe { c::pthread_self() };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                // SAFETY: that thread lives: it waits for this one.
                unsafe { c::pthread_kill(me, c::SIGUSR1) };
                thread::sleep(MS / 2);
            }
        });
        // A panic ends the signals, too.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        done.store(true, Ordering::Release);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// However often a wait is interrupted, every value is read or counted as missed, in order.
fn signals_lose_nothing() {
    const VALUES: u32 = 300;
    for buffers in [1, 4] {
        let mut publisher =
            Options::new().buffers(buffers).timeout(None).create("storm", 0u32).unwrap();
        let mut consumer = Options::new().open::<u32>("storm").unwrap();
        assert_eq!(consumer.read().unwrap(), 0);
        let writer = thread::spawn(move || {
            for n in 1..=VALUES {
                thread::sleep(MS);
                publisher.write(n).unwrap();
            }
            publisher.close().unwrap();
        });
        let (mut seen, mut interrupted, mut last) = (0, 0, 0);
        under_signals(|| {
            let mut updates = consumer.updates(PATIENCE);
            while let Some(value) = updates.next() {
                match value {
                    Ok(value) => {
                        assert!(value > last, "{value} after {last}");
                        last = value;
                        seen += 1 + updates.info().missed;
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => interrupted += 1,
                    Err(e) => panic!("{e}"),
                }
            }
        });
        writer.join().unwrap();
        assert_eq!((last, seen), (VALUES, VALUES.into()));
        assert!(
            interrupted > 0,
            "of {} signals none came while it slept",
            SIGNALS.load(Ordering::Relaxed)
        );
        tism::remove("storm", true).unwrap();
    }
}

/// Waits that may take for ever answer a signal; TISM's own, and those for a lock, go on.
fn signals_end_waits() {
    let mut publisher = Options::new().buffers(1).create("late_lock", 1u32).unwrap();
    let mut consumer = Options::new().timeout(PATIENCE).open::<u32>("late_lock").unwrap();
    consumer.read().unwrap();
    under_signals(|| {
        assert_eq!(kind(consumer.next(None)), Some(ErrorKind::Interrupted));
        assert_eq!(
            kind(Options::new().wait_and_open::<u32>("late", PATIENCE)),
            Some(ErrorKind::Interrupted)
        );
    });
    thread::scope(|scope| {
        let (locked, there) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let mut guard = publisher.write_lock().unwrap();
            locked.send(()).unwrap();
            await_signals();
            *guard = 2;
        });
        there.recv().unwrap();
        assert_eq!(under_signals(|| *consumer.read_lock().unwrap()), 2);
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            await_signals();
            std::mem::forget(Options::new().create("late", 7u32).unwrap());
        });
        assert_eq!(
            under_signals(|| tism::wait_and_open::<u32>("late").unwrap().read().unwrap()),
            7
        );
    });
    for name in ["late_lock", "late"] {
        tism::remove(name, true).unwrap();
    }
}

/// A program without a handler ends at Ctrl-C in the middle of a wait, and lets go of the topic.
fn ctrl_c() {
    let publisher = Options::new().create("ctrl_c", 1u32).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("wait-on=ctrl_c")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0];
    child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let end = Instant::now() + PATIENCE;
    while !state().contains(") S ") {
        assert!(Instant::now() < end, "it does not sleep: {}", state());
        thread::sleep(MS);
    }
    // SAFETY: always sound.
    assert_eq!(unsafe { c::kill(child.id() as i32, c::SIGINT) }, 0);
    assert_eq!(child.wait().unwrap().signal(), Some(c::SIGINT));
    publisher.remove().unwrap(); // nobody uses it
}
