//! What there is beyond TISM 2.1. What takes several processes is in bindings/conformance_test.go.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tism::{ErrorKind, Options, State};

const MS: Duration = Duration::from_millis(1);
/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

tism::describe! {
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Flags {
        count: u32,
        armed: bool,
        safe: [bool; 3],
    }
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    ErrorKind::of(&result.err().expect("an error"))
}

#[test]
fn types_are_compared() {
    let first = Flags { count: 1, armed: true, safe: [false, true, false] };
    let mut publisher = Options::new().create("types", first).unwrap();
    assert_eq!(
        publisher.descriptor(),
        "struct Flags 8\ncount u32 @0\narmed bool @4\nsafe bool[3] @5\n"
    );
    let mut consumer = Options::new().open::<Flags>("types").unwrap();
    assert_eq!(consumer.read().unwrap(), first);
    publisher.write(Flags::default()).unwrap();
    assert_eq!(consumer.next(PATIENCE).unwrap(), Flags::default());

    let error = Options::new().open::<u64>("types").err().unwrap();
    assert_eq!(ErrorKind::of(&error), Some(ErrorKind::TypeMismatch));
    let text = error.to_string();
    assert!(text.contains("armed bool @4\n") && text.contains("value u64 @0\n"), "{text}");

    // TISM's functions look at the size alone.
    assert_eq!(tism::open::<u64>("types").unwrap().read().unwrap(), 0);
    publisher.remove().unwrap();
}

/// Another process may put anything where a bool is.
#[test]
fn bools_are_checked() {
    let mut bytes = Options::new().create_bytes("bools", 8, Some(&[0; 8])).unwrap();
    let mut consumer = Options::new().open::<Flags>("bools").unwrap();
    assert_eq!(consumer.read().unwrap(), Flags::default());
    for at in 4..8 {
        let mut value = [1; 8];
        value[at] = 2;
        bytes.publish(&value).unwrap();
        assert_eq!(kind(consumer.read()), Some(ErrorKind::Corrupt));
        assert_eq!(kind(consumer.next(MS)), Some(ErrorKind::TimedOut), "it was read");
        assert_eq!(kind(consumer.read_lock()), Some(ErrorKind::Corrupt));
        bytes.publish(&[1; 8]).unwrap();
        assert!(consumer.read_lock().unwrap().armed, "the failed lock was released");
    }
    // Values of another length, which a topic of bytes may have.
    bytes.publish(&[0; 7]).unwrap();
    assert_eq!(kind(consumer.read()), Some(ErrorKind::SizeMismatch));
    assert_eq!(kind(consumer.read_lock()), Some(ErrorKind::SizeMismatch));
    let mut plain = tism::open::<[u8; 8]>("bools").unwrap();
    assert_eq!(kind(plain.read()), Some(ErrorKind::SizeMismatch));
    assert_eq!(kind(plain.read_lock()), Some(ErrorKind::SizeMismatch));
    bytes.remove().unwrap();
}

/// A publisher that goes on with what another left gets no reference to what is no value.
#[test]
fn resumed_bools_are_checked() {
    let descriptor = Options::new().create("resumed", Flags::default()).unwrap();
    drop(descriptor);
    poke("resumed", Flags { count: 0x02020202, ..Flags::default() });
    assert!(Options::new().resume().create("resumed", Flags::default()).is_ok());
    poke_bytes("resumed", &[0, 0, 0, 0, 0, 0, 7, 0]);
    let error = kind(Options::new().resume().create("resumed", Flags::default()));
    assert_eq!(error, Some(ErrorKind::Corrupt));

    // A loan over it is zeros.
    let mut publisher = Options::new().buffers(1).create_empty::<Flags>("resumed_loan").unwrap();
    drop(publisher.loan().unwrap());
    poke_bytes("resumed_loan", &[9, 9, 9, 9, 9, 9, 9, 9]);
    assert_eq!(*publisher.loan().unwrap(), Flags::default());
    publisher.remove().unwrap();
    tism::remove("resumed", false).unwrap();
}

fn poke(name: &str, value: Flags) {
    let mut bytes = value.count.to_le_bytes().to_vec();
    bytes.extend([value.armed, value.safe[0], value.safe[1], value.safe[2]].map(u8::from));
    poke_bytes(name, &bytes);
}

/// Overwrites the payload of every buffer, as a program gone wild would.
fn poke_bytes(name: &str, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let dir = std::env::var("TISM_DIR").unwrap_or_else(|_| "/dev/shm".into());
    let path = std::path::Path::new(&dir).join(name);
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut header = [0u8; 56];
    file.read_exact_at(&mut header, 0).unwrap();
    let long = |at: usize| u64::from_le_bytes(*header[at..].first_chunk().unwrap());
    let buffers = u32::from_le_bytes(*header[12..].first_chunk().unwrap());
    for i in 0..u64::from(buffers) {
        file.write_all_at(bytes, long(32) + i * long(40) + 64).unwrap();
    }
}

#[test]
fn one_publisher() {
    let mut first = Options::new().create("one", 1u32).unwrap();
    let error = Options::new().create("one", 2u32).err().unwrap();
    assert_eq!(ErrorKind::of(&error), Some(ErrorKind::LivePublisher));
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");

    let mut consumer = Options::new().open::<u32>("one").unwrap();
    assert_eq!(consumer.state().unwrap(), State::Alive);
    assert_eq!(consumer.publisher().unwrap().pid as u32, std::process::id());
    let mut second = Options::new().replace().create("one", 3u32).unwrap();
    assert_eq!(consumer.state().unwrap(), State::Replaced);
    assert_eq!(kind(consumer.next(PATIENCE)), Some(ErrorKind::Closed));
    assert_eq!(kind(first.write(4)), Some(ErrorKind::Closed));
    second.write(5).unwrap();
    second.remove().unwrap();
}

#[test]
fn life_of_a_topic() {
    let mut publisher = Options::new().create("life", 1u32).unwrap();
    let mut consumer = Options::new().open::<u32>("life").unwrap();
    publisher.write(2).unwrap();
    publisher.close().unwrap();
    assert_eq!(consumer.state().unwrap(), State::Closed);
    assert_eq!(consumer.updates(None).map(|v| v.unwrap()).collect::<Vec<_>>(), [2]);
    assert_eq!(consumer.read().unwrap(), 2);
    assert_eq!(kind(Options::new().open::<u32>("life")), Some(ErrorKind::Closed));
    assert_eq!(kind(Options::new().wait_and_open::<u32>("life", MS)), Some(ErrorKind::TimedOut));
    assert_eq!(Options::new().allow_closed().open::<u32>("life").unwrap().read().unwrap(), 2);
    assert_eq!(kind(consumer.wait_publisher(MS)), Some(ErrorKind::TimedOut));

    // A successor keeps the newest value, and consumers carry on.
    let mut heir = Options::new().resume().create("life", 9u32).unwrap();
    consumer.wait_publisher(PATIENCE).unwrap();
    assert_eq!((heir.total_writes(), heir.read().unwrap()), (0, 2));
    heir.write(3).unwrap();
    assert_eq!(consumer.next(PATIENCE).unwrap(), 3);
    assert_eq!((consumer.total_writes(), consumer.info().number), (1, 3));

    assert_eq!(kind(tism::remove("life", false)), Some(ErrorKind::InUse));
    tism::remove("life", true).unwrap();
    assert_eq!(kind(tism::remove("life", true)), Some(ErrorKind::NotFound));
    assert_eq!(kind(consumer.read()), Some(ErrorKind::Closed));
    assert_eq!(kind(heir.write(4)), Some(ErrorKind::Closed));
}

#[test]
fn guards_and_buffers() {
    // Several: the publisher goes on around a guard.
    let mut publisher = Options::new().buffers(3).create("guards", [0u64; 8]).unwrap();
    let mut consumer = Options::new().open::<[u64; 8]>("guards").unwrap();
    let guard = consumer.read_lock().unwrap();
    for n in 1..50 {
        publisher.write([n; 8]).unwrap();
    }
    assert_eq!(*guard, [0; 8]);
    guard.unlock().unwrap();
    assert_eq!(consumer.read().unwrap(), [49; 8]);
    assert_eq!(consumer.info().missed, 48);

    // One: it gives up, and says who is in the way.
    let options = Options::new().buffers(1).timeout(20 * MS);
    let mut publisher = options.create("guards_one", 1u32).unwrap();
    let mut consumer = Options::new().timeout(20 * MS).open::<u32>("guards_one").unwrap();
    let guard = consumer.read_lock().unwrap();
    assert_eq!(kind(publisher.write(2)), Some(ErrorKind::TimedOut));
    assert_eq!(publisher.holder().unwrap().pid as u32, std::process::id());
    assert_eq!(*guard, 1);
    drop(guard);
    publisher.write(2).unwrap();

    // And a consumer gives up on a writer.
    let guard = publisher.write_lock().unwrap();
    assert_eq!(kind(consumer.read_lock()), Some(ErrorKind::TimedOut));
    guard.publish().unwrap();
    consumer.set_timeout(None);
    assert_eq!(*consumer.read_lock().unwrap(), 2);
    publisher.remove().unwrap();
    tism::remove("guards", true).unwrap();
}

#[test]
fn discarding() {
    let mut publisher = Options::new().create("discard", 1u32).unwrap();
    let mut guard = publisher.write_lock().unwrap();
    *guard = 2;
    guard.discard().unwrap();
    assert_eq!((publisher.read().unwrap(), publisher.total_writes()), (1, 1));
    publisher.remove().unwrap();

    let mut publisher = Options::new().buffers(1).create("discard", 1u32).unwrap();
    let mut guard = publisher.write_lock().unwrap();
    *guard = 2;
    assert_eq!(kind(guard.discard()), Some(ErrorKind::NoDiscard));
    assert_eq!((publisher.read().unwrap(), publisher.total_writes()), (2, 2));
    publisher.write(3).unwrap();
    publisher.remove().unwrap();
}

/// A panic in the middle of a change publishes nothing.
#[test]
fn panic_under_a_guard() {
    let mut publisher = Options::new().create("panic", 1u32).unwrap();
    let publisher = thread::spawn(move || {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut guard = publisher.write_lock().unwrap();
            *guard = 2;
            panic!("in the middle, for the test");
        }));
        publisher
    });
    let mut publisher = publisher.join().unwrap();
    assert_eq!((publisher.read().unwrap(), publisher.total_writes()), (1, 1));
    publisher.write(3).unwrap();

    // One that is used while a panic unwinds publishes all the same.
    struct Last(tism::OwnedSharedMemory<u32>);
    impl Drop for Last {
        fn drop(&mut self) {
            *self.0.write_lock().unwrap() = 4;
        }
    }
    let mut consumer = Options::new().open::<u32>("panic").unwrap();
    let last = Last(publisher);
    let _ = thread::spawn(move || {
        let _last = last;
        panic!("for the test");
    })
    .join();
    assert_eq!(consumer.read().unwrap(), 4);
    tism::remove("panic", true).unwrap();
}

/// A guard that is leaked locks nothing for ever.
#[test]
fn forgotten_guards() {
    for buffers in [1, 4] {
        let options = Options::new().buffers(buffers);
        let mut publisher = options.create("forgotten", 1u32).unwrap();
        let mut consumer = Options::new().open::<u32>("forgotten").unwrap();
        std::mem::forget(consumer.read_lock().unwrap());
        assert_eq!(kind(consumer.read_lock()), Some(ErrorKind::Locked));
        assert_eq!(consumer.read().unwrap(), 1);
        consumer.force_unlock().unwrap();
        assert_eq!(kind(consumer.force_unlock()), Some(ErrorKind::NotLocked));
        assert_eq!(*consumer.read_lock().unwrap(), 1);

        std::mem::forget(publisher.write_lock().unwrap());
        assert_eq!(kind(publisher.write(2)), Some(ErrorKind::Locked));
        publisher.force_unlock().unwrap();
        publisher.write(3).unwrap();

        // The role and the slot go with the handle.
        std::mem::forget(consumer.read_lock().unwrap());
        publisher.set_timeout(MS);
        std::mem::forget(publisher.write_lock());
        drop(publisher);
        drop(consumer);
        let heir = options.create("forgotten", 4u32).unwrap();
        heir.remove().unwrap();
    }
}

#[test]
fn loans_and_times() {
    let mut publisher = Options::new().create("loans", 1u64).unwrap();
    let mut consumer = Options::new().open::<u64>("loans").unwrap();
    let sampled = tism::now() - 5 * MS;
    let mut loan = publisher.loan().unwrap();
    *loan = 2;
    loan.publish_at(sampled).unwrap();
    assert_eq!(consumer.read().unwrap(), 2);
    let info = consumer.info();
    assert_eq!((info.number, info.missed, info.size), (2, 0, 8));
    assert_eq!(info.sampled, Some(sampled));
    assert!(info.published.unwrap() > sampled && info.published.unwrap() <= tism::now());
    assert!(consumer.staleness().unwrap() >= 5 * MS);
    publisher.write_at(3, sampled).unwrap();
    consumer.read().unwrap();
    assert_eq!(consumer.info().sampled, Some(sampled));
    publisher.remove().unwrap();

    let publisher = Options::new().without_timestamps().create("loans", 1u64).unwrap();
    let mut consumer = Options::new().open::<u64>("loans").unwrap();
    consumer.read().unwrap();
    assert_eq!((consumer.info().published, consumer.staleness()), (None, None));
    publisher.remove().unwrap();
}

#[test]
fn read_only() {
    let mut publisher = Options::new().create("read_only", 1u32).unwrap();
    let mut reader = Options::new().read_only().open::<u32>("read_only").unwrap();
    assert!(!reader.can_lock());
    assert_eq!(kind(reader.read_lock()), Some(ErrorKind::ReadOnly));
    assert_eq!(reader.read().unwrap(), 1);
    let waiting = thread::spawn(move || reader.next(PATIENCE));
    publisher.write(2).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), 2);
    publisher.remove().unwrap();
}

#[test]
fn options_are_used() {
    use std::os::unix::fs::MetadataExt;
    let dir = std::env::temp_dir().join(format!("tism-rust-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let options = Options::new().dir(&dir).mode(0o640).slots(1).prefault();
    let publisher = options.create("options", 1u32).unwrap();
    assert_eq!(std::fs::metadata(dir.join("options")).unwrap().mode() & 0o777, 0o640);
    let consumer = options.open::<u32>("options").unwrap();
    assert_eq!(kind(options.open::<u32>("options")), Some(ErrorKind::NoSlots));
    drop(consumer);
    assert!(options.open::<u32>("options").is_ok());
    publisher.remove().unwrap();
    std::fs::remove_dir(&dir).unwrap();

    assert_eq!(
        kind(Options::new().buffers(16).create("options", 1u32)),
        Some(ErrorKind::InvalidArgument)
    );
    let error = Options::new().dir("/no/such/dir").create("options", 1u32).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn empty_topics() {
    let mut publisher = Options::new().create_empty::<f64>("empty").unwrap();
    let mut consumer = Options::new().open::<f64>("empty").unwrap();
    assert_eq!(kind(consumer.read()), Some(ErrorKind::Empty));
    assert_eq!(kind(consumer.read_lock()), Some(ErrorKind::Empty));
    assert!(!consumer.has_changed());
    *publisher.write_lock().unwrap() += 1.5; // from zero
    assert_eq!(consumer.next(PATIENCE).unwrap(), 1.5);
    publisher.remove().unwrap();
}

#[test]
fn bytes_of_any_length() {
    let mut publisher = Options::new().create_bytes("bytes", 10, Some(b"one")).unwrap();
    let mut consumer = Options::new().open_bytes("bytes").unwrap();
    assert_eq!(consumer.next(PATIENCE).unwrap(), b"one");
    publisher.publish(b"").unwrap();
    assert_eq!(consumer.read().unwrap(), b"");
    assert_eq!(kind(publisher.publish(&[0; 11])), Some(ErrorKind::TooBig));

    let mut loan = publisher.loan().unwrap();
    assert_eq!(loan.as_ref().len(), 10);
    loan.as_mut()[..4].copy_from_slice(b"four");
    loan.publish(4).unwrap();
    assert_eq!(consumer.read_lock().unwrap().as_ref(), b"four");
    let mut room = [0; 10];
    assert_eq!(consumer.read_into(&mut room).unwrap(), 4);
    assert_eq!(&room, b"four\0\0\0\0\0\0");
    assert_eq!(kind(consumer.read_into(&mut room[..3])), Some(ErrorKind::SizeMismatch));

    drop(publisher.loan().unwrap());
    assert_eq!(kind(publisher.loan().unwrap().publish(11)), Some(ErrorKind::TooBig));
    publisher.publish_at(b"end", tism::now()).unwrap();
    assert_eq!((publisher.read().unwrap(), publisher.total_writes()), (b"end".to_vec(), 4));
    publisher.remove().unwrap();
}

#[test]
fn memfd() {
    let (here, there) = UnixStream::pair().unwrap();
    let mut publisher = Options::new().create_mem("memfd", 1u32).unwrap();
    publisher.send(&here).unwrap();
    let (fd, name) = tism::receive(&there).unwrap();
    assert_eq!(name, "memfd");
    let mut consumer = Options::new().open_fd::<u32>(fd).unwrap();
    publisher.write(2).unwrap();
    assert_eq!(consumer.next(PATIENCE).unwrap(), 2);
    assert!(!std::path::Path::new("/dev/shm/memfd").exists());
    // A consumer hands it on.
    let mut second = Options::new().open_fd_bytes(consumer.share().unwrap()).unwrap();
    assert_eq!(second.read().unwrap(), 2u32.to_ne_bytes());

    let other = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    assert_eq!(kind(Options::new().open_fd::<u32>(&other)), Some(ErrorKind::NotATopic));
    drop(here);
    assert_eq!(kind(tism::receive(&there)), Some(ErrorKind::NotATopic));
}

/// Handles go from thread to thread, and a sleeper is woken.
#[test]
fn threads() {
    let mut publisher = Options::new().create("threads", 0u64).unwrap();
    let (ready, wait) = mpsc::channel();
    let consumers: Vec<_> = (0..4)
        .map(|_| {
            let mut consumer = Options::new().open::<u64>("threads").unwrap();
            let ready = ready.clone();
            thread::spawn(move || {
                let mut sum = 0;
                for value in consumer.updates(PATIENCE) {
                    sum += value.unwrap();
                    ready.send(()).unwrap();
                }
                sum
            })
        })
        .collect();
    for n in 1..=100 {
        for _ in 0..4 {
            wait.recv_timeout(PATIENCE).unwrap(); // everybody has seen the last one
        }
        publisher.write(n).unwrap();
    }
    for _ in 0..4 {
        wait.recv_timeout(PATIENCE).unwrap();
    }
    publisher.close().unwrap();
    for consumer in consumers {
        assert_eq!(consumer.join().unwrap(), 5050);
    }
    tism::remove("threads", false).unwrap();
}
