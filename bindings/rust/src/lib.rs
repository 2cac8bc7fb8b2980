//! The newest value of a type, from one process to others, through shared memory.
//!
//! A *topic* is a named segment with one *publisher* and any number of *consumers*, in any of Rust, C,
//! Go and Python. Nothing here spins, starts a thread or depends on more than `std` and libc; the
//! hot path makes no system call.
//!
//! There are two ways in. The functions of TISM 2.1, [`create`], [`open`] and [`wait_and_open`], with the
//! modules [`lazy`] and [`dynamic`], take any type and compile TISM's programs unchanged. [`Options`]
//! take types that say what they hold, which is checked whenever a topic is opened, and all that
//! there is to choose. Both give the same handles: [`OwnedSharedMemory`] to the publisher,
//! [`BorrowedSharedMemory`] to a consumer.
//!
//! # A described type
//!
//! ```
//! use std::time::Duration;
//! use tism::Options;
//!
//! tism::describe! {
//!     #[repr(C)]
//!     #[derive(Clone, Copy, Debug, Default, PartialEq)]
//!     pub struct Attitude {
//!         pub time_us: u64,
//!         pub q: [f32; 4],
//!     }
//! }
//!
//! // In one process,
//! let mut publisher = Options::new().create("doc_attitude", Attitude::default())?;
//! publisher.write(Attitude { time_us: 1, q: [1.0, 0.0, 0.0, 0.0] })?;
//!
//! // and in others.
//! let mut consumer = Options::new().wait_and_open::<Attitude>("doc_attitude", None)?;
//! let attitude = consumer.next(Duration::from_secs(1))?;
//! assert_eq!(attitude.time_us, 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # As in TISM 2.1
//!
//! A publisher that changes a value in place, field by field, under a lock:
//!
//! ```
//! #[repr(C)]
//! #[derive(PartialEq, Debug)]
//! struct State {
//!     stage: i32,
//!     altitude: f64,
//! }
//!
//! let init = State { stage: 1, altitude: 1200.5 };
//! let mut topic = tism::create("doc_owned", init).unwrap();
//!
//! if let Ok(mut lock) = topic.write_lock() {
//!     assert_eq!(lock.as_ref().stage, 1);
//!     lock.as_mut().altitude = 1250.0;
//!     assert_eq!(lock.as_ref(), &State { stage: 1, altitude: 1250.0 });
//! } // published, and unlocked
//! ```
//!
//! One that writes whole values, and reads them back:
//!
//! ```
//! # #[repr(C)]
//! # #[derive(Clone, Copy, PartialEq, Debug)]
//! # struct State { stage: i32, altitude: f64 }
//! let mut topic = tism::create("doc_onestep", State { stage: 1, altitude: 1200.5 }).unwrap();
//!
//! topic.write(State { stage: 2, altitude: 0.0 }).unwrap();
//! assert_eq!(topic.read().unwrap(), State { stage: 2, altitude: 0.0 });
//! ```
//!
//! A consumer that looks at a field without a copy of the rest:
//!
//! ```
//! # #[repr(C)]
//! # #[derive(PartialEq, Debug)]
//! # struct State { stage: i32, altitude: f64 }
//! # let _publisher = tism::create("doc_zerocopy", State { stage: 1, altitude: 1200.5 }).unwrap();
//! let mut topic = tism::wait_and_open::<State>("doc_zerocopy").unwrap();
//!
//! if let Ok(lock) = topic.read_lock() {
//!     assert_eq!(lock.as_ref().altitude, 1200.5);
//! }
//! ```
//!
//! And one that copies:
//!
//! ```
//! # #[repr(C)]
//! # #[derive(Clone, Copy, PartialEq, Debug)]
//! # struct State { stage: i32, altitude: f64 }
//! # let _publisher = tism::create("doc_clone", State { stage: 1, altitude: 1200.5 }).unwrap();
//! let mut topic = tism::wait_and_open::<State>("doc_clone").unwrap();
//! assert_eq!(topic.read().unwrap(), State { stage: 1, altitude: 1200.5 });
//! ```
//!
//! What is different, for the better: there are 4 buffers, so that readers and the writer do not wait
//! for each other; what waits for somebody else gives up after a second
//! ([`ErrorKind::TimedOut`]); a process that dies leaves nothing locked; a topic that another
//! process publishes is not taken from it ([`ErrorKind::LivePublisher`]); reading a
//! [`dynamic`] topic before the first write is [`ErrorKind::Empty`], not zeros; and `open` of a topic that its
//! publisher has closed is [`ErrorKind::Closed`].
//!
//! # What can be shared
//!
//! The bytes of a value go to another process as they are. A type with `Drop` does not compile:
//!
//! ```compile_fail
//! tism::create("doc_drop", String::from("on this heap"));
//! ```
//! ```compile_fail
//! tism::open::<Vec<u8>>("doc_drop");
//! ```
//!
//! Of described types, everything else is seen to as well: no field can be something that cannot
//! be shared, the topic's fields are compared with the program's at open, and `bool`s are
//! checked whenever a value is read, because a publisher in another language could put a 7 there.
//!
//! The functions of TISM 2.1 take any type, so there the compiler cannot help, and these are up to
//! you:
//!
//! - References and pointers, also within a struct: an address means nothing in another process.
//!   (`create` refuses a plain reference, such as a `&str`, at run time.)
//! - `bool`, `char`, enums, `NonZero`, `Option`: not all bytes are values of them, and Rust relies on
//!   seeing values only. It is the publisher's duty to write no others, so share them only with Rust
//!   programs that have the same type. The feature `strict` of this crate makes such types fail to
//!   compile here: describe them, and use [`Options`].
//! - Layout: without `#[repr(C)]` the compiler orders fields as it likes, in each program anew. Only
//!   the size is compared.
//! - `Cell`, atomics and other types that change behind a shared reference: a consumer's pages are
//!   read-only, and it crashes.
//!
//! Padding between fields may hold anything, which harms nobody, but what a process had in memory
//! there goes to the others: spell padding out where that matters.
//!
//! A guard is a reference into shared memory. No process that keeps to the layout changes the value
//! while it is held; one that writes there regardless (it needs write permission to the file) can make
//! a value change under a reference, which Rust calls undefined. A copy ([`BorrowedSharedMemory::read`],
//! [`next`](BorrowedSharedMemory::next)) of a described type is good whatever other processes do.
//! The file's mode, 0600 unless you say otherwise, decides who they are.
//!
//! # Processes and threads
//!
//! A handle is for one thread at a time: it can be moved to another, not shared. After a `fork` without
//! `exec` the handles of the parent are of no use in the child: [`ErrorKind::BadHandle`]. (Those of
//! `std::process::Command` are never inherited.)

#![warn(missing_docs)]
// But for the modules below that say otherwise.
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("tism needs Linux: futexes, open-file-description locks and memfd");

mod borrowed;
#[allow(unsafe_code)]
mod describe;
pub mod dynamic;
mod error;
#[allow(unsafe_code)]
mod ffi;
#[allow(unsafe_code)]
mod guard;
#[allow(unsafe_code)]
mod handle;
mod info;
pub mod lazy;
mod options;
mod owned;
#[allow(unsafe_code)]
mod value;

pub use borrowed::{BorrowedSharedMemory, Updates};
#[doc(hidden)]
pub use describe::{__in_order, __shape_of, __tag};
pub use describe::{Complex, Element, Field, Shape, TismType, descriptor};
pub use error::{Error, ErrorKind};
pub use guard::{ReadLockedSharedMemory, WriteLockedSharedMemory};
pub use info::{Info, Process, State};
pub use options::Options;
pub use owned::OwnedSharedMemory;

use handle::Patience;
use std::any::type_name;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// Makes a topic and publishes its first value, as TISM 2.1 does.
///
/// If there is one whose publisher has closed or died, goes on with it, and consumers carry on; if
/// that had another size, or if this very process still publishes it, it is replaced. A topic that
/// another process publishes is [`ErrorKind::LivePublisher`].
///
/// A name is 1 to 200 bytes of UTF-8 without a slash, and does not begin with a dot. What `T` may
/// be is told [above](crate#what-can-be-shared).
pub fn create<T>(name: impl AsRef<Path>, init: T) -> io::Result<OwnedSharedMemory<T>> {
    value::assert_shareable::<T>();
    value::assert_any_bytes::<T>();
    let name = name.as_ref();
    if type_name::<T>().starts_with(['&', '*']) {
        let why = format!(
            "creating topic {}: a {} is an address, which means nothing in another process",
            name.display(),
            type_name::<T>()
        );
        return Err(Error::new(ErrorKind::InvalidArgument, why).into());
    }
    Options::new().replace_own().create_plain(name, &init)
}

/// Opens a topic whose values have the size of `T`, as TISM 2.1 does. Does not wait: one that does
/// not exist is [`ErrorKind::NotFound`], one that its publisher has closed [`ErrorKind::Closed`].
pub fn open<T>(name: impl AsRef<Path>) -> io::Result<BorrowedSharedMemory<T>> {
    value::assert_any_bytes::<T>();
    Options::new().open_plain(name.as_ref(), Patience::Now)
}

/// Opens a topic as [`open`] does; sleeps until there is one that is not closed.
pub fn wait_and_open<T>(name: impl AsRef<Path>) -> io::Result<BorrowedSharedMemory<T>> {
    value::assert_any_bytes::<T>();
    through_signals(|| Options::new().open_plain(name.as_ref(), Patience::Wait(-1)))
}

/// Tries again after a signal handler has run, which TISM's functions do not tell.
pub(crate) fn through_signals<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => return other,
        }
    }
}

/// Removes a topic that nobody publishes or consumes ([`ErrorKind::InUse`] if somebody does), or with
/// force any. It is the one in `$TISM_DIR` or else /dev/shm.
pub fn remove(name: impl AsRef<Path>, force: bool) -> io::Result<()> {
    handle::remove(name.as_ref(), None, force)
}

/// Receives a topic from a Unix socket: a descriptor for [`Options::open_fd`], and the topic's name.
/// [`OwnedSharedMemory::send`] and [`BorrowedSharedMemory::send`] send it.
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use tism::Options;
///
/// let (here, there) = UnixStream::pair()?;
/// let publisher = Options::new().create_mem("doc_receive", 5u16)?;
/// publisher.send(&here)?;
///
/// let (fd, name) = tism::receive(&there)?;
/// assert_eq!(name, "doc_receive");
/// assert_eq!(Options::new().open_fd::<u16>(fd)?.read()?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn receive(socket: impl AsFd) -> io::Result<(OwnedFd, String)> {
    handle::receive(socket.as_fd())
}

/// The clock of all times here: CLOCK_MONOTONIC, the time since the machine started. It is the same
/// for all processes of a machine.
pub fn now() -> Duration {
    handle::now()
}
