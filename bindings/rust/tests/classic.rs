//! Programs as they are written for TISM 2.1. Nothing unsafe is in them, nor in what the macro of this
//! crate puts there.

#![forbid(unsafe_code)]
// Programs out there are written so.
#![allow(clippy::needless_borrows_for_generic_args, clippy::unnecessary_fallible_conversions)]

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tism::lazy::LazyOwnedSharedMemory;
use tism::{BorrowedSharedMemory, ErrorKind, OwnedSharedMemory};

tism::describe! {
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Described {
        x: f32,
        ok: bool,
    }
}

#[derive(Clone, Debug, PartialEq)] // without Copy, and without repr(C)
struct Frame {
    id: u16,
    live: bool,
    volts: f64,
}

fn frame(id: u16) -> Frame {
    Frame { id, live: true, volts: f64::from(id) / 2.0 }
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    ErrorKind::of(&result.err().expect("an error"))
}

/// A wrapper without bounds but those that TISM asks for.
struct Channel<T> {
    owner: OwnedSharedMemory<T>,
    reader: BorrowedSharedMemory<T>,
}

impl<T: Clone> Channel<T> {
    fn new(name: &str, init: T) -> io::Result<Channel<T>> {
        let owner = tism::create(name, init)?;
        Ok(Channel { owner, reader: tism::open(name)? })
    }

    fn pass(&mut self, value: T) -> io::Result<T> {
        self.owner.write(value)?;
        self.reader.read()
    }
}

#[test]
fn write_and_read() {
    let mut channel = Channel::new("classic_pass", frame(1)).unwrap();
    assert_eq!(channel.reader.read().unwrap(), frame(1));
    assert_eq!(channel.pass(frame(2)).unwrap(), frame(2));
    assert_eq!(channel.owner.read().unwrap(), frame(2));
    assert_eq!(channel.owner.total_writes(), 2);
    assert_eq!(channel.reader.total_writes(), 2);
    assert_eq!(channel.owner.allocated_data_size(), size_of::<Frame>());
    assert_eq!(channel.reader.allocated_data_size(), size_of::<Frame>());
}

#[test]
fn locks() {
    let mut owner = tism::create("classic_locks", frame(1)).unwrap();
    let mut reader = tism::open::<Frame>("classic_locks").unwrap();
    for id in 2..20 {
        if let Ok(mut lock) = owner.write_lock() {
            lock.as_mut().id = id;
            assert_eq!(lock.as_ref().id, id);
        }
        let lock = reader.read_lock().unwrap();
        assert_eq!((lock.as_ref().id, lock.as_ref().volts), (id, 0.5));
        drop(lock);
        let own = owner.read_lock().unwrap();
        assert_eq!(own.as_ref().id, id);
    }
}

#[test]
fn changes_and_staleness() {
    let mut owner = tism::create("classic_changes", 1).unwrap();
    let mut reader = tism::wait_and_open::<i32>("classic_changes").unwrap();
    assert!(reader.has_changed());
    assert_eq!(reader.staleness(), None);
    assert_eq!(reader.last_read_at(), None);
    let before = Instant::now();
    owner.write(2).unwrap();
    assert_eq!(reader.read_change().unwrap(), Some(2));
    assert_eq!(reader.read_change().unwrap(), None);
    assert!(!reader.has_changed());
    assert!(reader.staleness().unwrap() <= before.elapsed());
    let at = reader.last_read_at().unwrap();
    // Two clocks are read one after the other there.
    assert!(at + Duration::from_millis(1) > before && at <= Instant::now());
}

/// A program that runs twice, or a test that makes the name of another one.
#[test]
fn again() {
    for _ in 0..3 {
        let mut owner = tism::create("classic_again", 7u64).unwrap();
        let reader = tism::open::<u64>("classic_again").unwrap();
        assert_eq!((owner.total_writes(), reader.total_writes()), (1, 1));
        owner.write(8).unwrap();
        assert_eq!(reader.total_writes(), 2);
    }
    // With another size, and then while the first still lives: its consumers are told.
    let mut first = tism::create("classic_again", 7u8).unwrap();
    let mut reader = tism::open::<u8>("classic_again").unwrap();
    let mut second = tism::create("classic_again", 9u8).unwrap();
    assert_eq!(kind(reader.read()), Some(ErrorKind::Closed));
    assert_eq!(kind(first.write(1)), Some(ErrorKind::Closed));
    second.write(2).unwrap();
    assert_eq!(tism::open::<u8>("classic_again").unwrap().read().unwrap(), 2);
}

#[test]
fn errors() {
    assert_eq!(tism::open::<u8>("classic_none").err().unwrap().kind(), io::ErrorKind::NotFound);

    let owner = tism::create("classic_errors", 7u64).unwrap();
    let error = tism::open::<u32>("classic_errors").err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "opening topic classic_errors: its values have 8 bytes, this program's u32 has 4"
    );

    drop(owner);
    assert_eq!(kind(tism::open::<u64>("classic_errors")), Some(ErrorKind::Closed));

    for name in ["", ".hidden", "a/b", "nul\0"] {
        assert_eq!(kind(tism::create(name, 1)), Some(ErrorKind::InvalidArgument), "{name:?}");
    }
    let error = tism::create("classic_str", "hello").err().unwrap();
    assert!(error.to_string().contains("a &str is an address"), "{error}");
}

#[test]
fn names_of_all_kinds() {
    let _ = tism::create("classic_names", 1u8).unwrap();
    let _ = tism::create(String::from("classic_names"), 1u8).unwrap();
    let _ = tism::create(&String::from("classic_names"), 1u8).unwrap();
    let _ = tism::create(Path::new("classic_names"), 1u8).unwrap();
    let _ = tism::create(PathBuf::from("classic_names"), 1u8).unwrap();
    let last = tism::create(OsStr::new("classic_names"), 1u8).unwrap();
    assert_eq!(last.name(), "classic_names");
}

#[test]
fn waits_for_a_publisher() {
    let _ = tism::remove("classic_late", true);
    let reader = std::thread::spawn(|| tism::wait_and_open::<u32>("classic_late")?.read());
    let bytes = std::thread::spawn(|| tism::dynamic::wait_and_open("classic_late")?.read());
    let owner = tism::create("classic_late", 5u32).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 5);
    assert_eq!(bytes.join().unwrap().unwrap(), [5, 0, 0, 0]);
    drop(owner);
}

struct Daemon {
    shm: LazyOwnedSharedMemory<[u8; 78], &'static str>,
}

#[test]
fn lazy() {
    let mut daemon = Daemon { shm: tism::lazy::create("classic_lazy") };
    let _ = tism::remove("classic_lazy", true);
    assert!(!daemon.shm.has_allocated());
    assert!(tism::open::<[u8; 78]>("classic_lazy").is_err());
    daemon.shm.allocate([1; 78]).unwrap();
    daemon.shm.allocate([2; 78]).unwrap(); // does nothing
    assert!(daemon.shm.has_allocated());
    let mut reader = tism::open::<[u8; 78]>("classic_lazy").unwrap();
    assert_eq!(reader.read().unwrap(), [1; 78]);
    daemon.shm.write([3; 78]).unwrap();
    assert_eq!(reader.read().unwrap(), [3; 78]);
    assert_eq!(daemon.shm.strict().unwrap().total_writes(), 2);
    assert!(tism::lazy::create::<u8, _>("classic_lazy_not").strict().is_none());

    // A name that cannot be is told at the first write, and again at the next.
    let mut bad = tism::lazy::create("no/slash");
    assert!(bad.write(1u8).is_err() && bad.write(1u8).is_err() && !bad.has_allocated());
}

#[test]
fn dynamic() {
    let mut owner = tism::dynamic::create("classic_dynamic", 4).unwrap();
    let mut reader = tism::dynamic::open("classic_dynamic").unwrap();
    assert_eq!((owner.total_writes(), reader.total_writes()), (0, 0));
    assert!(!reader.has_changed());
    assert_eq!(kind(reader.read()), Some(ErrorKind::Empty));
    assert_eq!(reader.read_change().unwrap(), None);
    for wrong in [vec![], vec![1, 2, 3], vec![1, 2, 3, 4, 5]] {
        assert_eq!(owner.write(wrong).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    let data: &[u8] = &[1, 2, 3, 4];
    owner.write(data.try_into().unwrap()).unwrap();
    assert_eq!(reader.read_change().unwrap(), Some(vec![1, 2, 3, 4]));
    assert_eq!(reader.read_change().unwrap(), None);
    assert_eq!((owner.total_writes(), reader.total_writes()), (1, 1));
    assert_eq!((owner.allocated_data_size(), reader.allocated_data_size()), (4, 4));
    assert!(reader.staleness().is_some() && reader.last_read_at().is_some());
    assert_eq!(tism::open::<u32>("classic_dynamic").unwrap().read().unwrap(), 0x04030201);

    // A second one takes the name of the first.
    let second = tism::dynamic::create("classic_dynamic", 4).unwrap();
    assert_eq!(second.total_writes(), 0);
    assert_eq!(kind(owner.write(vec![0; 4])), Some(ErrorKind::Closed));
}

#[test]
fn described_without_unsafe() {
    let mut owner = tism::create("classic_described", Described { x: 1.0, ok: true }).unwrap();
    assert_eq!(owner.read().unwrap(), Described { x: 1.0, ok: true });
}
