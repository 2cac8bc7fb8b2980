//! Topics as bytes, whatever they hold: to record, to forward, or for frames of another format. As in
//! TISM 2.1.
//!
//! ```
//! // Three bytes, and nothing published yet.
//! let mut publisher = tism::dynamic::create("doc_dynamic", 3).unwrap();
//! let mut consumer = tism::dynamic::open("doc_dynamic").unwrap();
//! assert_eq!(publisher.total_writes(), 0);
//!
//! publisher.write(vec![1, 2, 3]).unwrap();
//! assert_eq!(consumer.read().unwrap(), [1, 2, 3]);
//!
//! // A write has the length of the topic.
//! assert!(publisher.write(vec![1, 2]).is_err());
//! ```
//!
//! A topic of another type is bytes as well:
//!
//! ```
//! let mut publisher = tism::create("doc_dynamic_any", [12u8]).unwrap();
//! let mut consumer = tism::dynamic::open("doc_dynamic_any").unwrap();
//!
//! assert_eq!(consumer.read_change().unwrap(), Some(vec![12]));
//! assert_eq!(consumer.read_change().unwrap(), None);
//!
//! publisher.write([3]).unwrap();
//! assert!(consumer.has_changed());
//! assert_eq!(consumer.read_change().unwrap(), Some(vec![3]));
//! ```
//!
//! Values of varying length:
//!
//! ```
//! let mut publisher = tism::Options::new().create_bytes("doc_dynamic_vary", 100, None)?;
//! let mut consumer = tism::dynamic::open("doc_dynamic_vary")?;
//! publisher.publish(b"$GPGGA,123519")?;
//! assert_eq!(consumer.read()?, b"$GPGGA,123519");
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::Options;
use crate::error::ErrorKind;
pub use crate::guard::{BytesReadLocked, Loan};
use crate::handle::Handle;
use crate::info::{Info, Process, State};
use crate::options::{nanos, timeout_nanos};
use crate::value::{self, bytes_of_slice};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// Makes a topic of so many bytes without a value: it has 0 writes, and reading it is
/// [`Empty`](ErrorKind::Empty) until the first.
pub fn create(name: impl AsRef<Path>, size: usize) -> io::Result<OwnedDynamicSharedMemory> {
    Options::new().replace_own().create_bytes(name, size, None)
}

/// Opens a topic of any type as bytes. Does not wait.
pub fn open(name: impl AsRef<Path>) -> io::Result<DynamicBorrowedSharedMemory> {
    Options::new().open_bytes(name)
}

/// Opens a topic of any type as bytes; sleeps until there is one that is not closed.
pub fn wait_and_open(name: impl AsRef<Path>) -> io::Result<DynamicBorrowedSharedMemory> {
    crate::through_signals(|| Options::new().wait_and_open_bytes(name.as_ref(), None))
}

/// A topic of bytes that this process publishes. See [`OwnedSharedMemory`](crate::OwnedSharedMemory).
pub struct OwnedDynamicSharedMemory {
    handle: Handle,
}

impl OwnedDynamicSharedMemory {
    pub(crate) fn new(handle: Handle) -> Self {
        OwnedDynamicSharedMemory { handle }
    }

    /// Publishes a value, which has the length of the topic
    /// ([`SizeMismatch`](ErrorKind::SizeMismatch) if not).
    pub fn write(&mut self, data: Vec<u8>) -> io::Result<()> {
        let (length, size) = (data.len(), self.handle.size());
        if length != size {
            let why = format!("the value has {length} bytes, the topic {size}");
            return Err(self.handle.fail("writing", ErrorKind::SizeMismatch, &why));
        }
        self.publish(&data)
    }

    /// Publishes a value of any length up to the capacity.
    pub fn publish(&mut self, data: &[u8]) -> io::Result<()> {
        self.handle.write(bytes_of_slice(data), 0)
    }

    /// Publishes a value with the time at which the sample was taken, of the clock that
    /// [`now`](crate::now) reads.
    pub fn publish_at(&mut self, data: &[u8], sampled: Duration) -> io::Result<()> {
        self.handle.write(bytes_of_slice(data), nanos(sampled))
    }

    /// Room for the next value, to be written in place: the whole capacity, with what is left of
    /// some earlier value in it. Publish it, or it is discarded.
    pub fn loan(&mut self) -> io::Result<Loan<'_>> {
        Loan::new(&mut self.handle)
    }

    /// A copy of the newest value.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        value::read_bytes(&mut self.handle)
    }

    /// How many values were published since this `create`.
    pub fn total_writes(&self) -> u64 {
        self.handle.total_writes()
    }

    /// The capacity in bytes.
    pub fn allocated_data_size(&self) -> usize {
        self.handle.size()
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        self.handle.name()
    }

    /// What the topic says that it holds (docs/LAYOUT.md, section 3).
    pub fn descriptor(&self) -> String {
        self.handle.descriptor()
    }

    /// The consumer that the last [`TimedOut`](ErrorKind::TimedOut) was due to.
    pub fn holder(&self) -> Option<Process> {
        self.handle.holder()
    }

    /// How long calls wait for consumers that are in the way; None for as long as it takes.
    pub fn set_timeout(&mut self, timeout: impl Into<Option<Duration>>) {
        self.handle.set_timeout(timeout_nanos(timeout.into()));
    }

    /// A new descriptor of the topic's file, to hand to another process.
    pub fn share(&self) -> io::Result<OwnedFd> {
        self.handle.share()
    }

    /// Sends the topic over a Unix socket; [`receive`](crate::receive) takes it.
    pub fn send(&self, socket: impl AsFd) -> io::Result<()> {
        self.handle.send(socket.as_fd())
    }

    /// Ends the lock of a loan that was leaked with [`mem::forget`](std::mem::forget).
    pub fn force_unlock(&mut self) -> io::Result<()> {
        self.handle.discard().or_else(|_| self.handle.unlock())
    }

    /// Closes the topic as dropping does, and tells if that did not work.
    pub fn close(self) -> io::Result<()> {
        self.handle.close()
    }

    /// Closes the topic and removes its name.
    pub fn remove(self) -> io::Result<()> {
        self.handle.remove()
    }
}

/// A topic of any type, consumed as bytes. See [`BorrowedSharedMemory`](crate::BorrowedSharedMemory).
pub struct DynamicBorrowedSharedMemory {
    handle: Handle,
}

impl DynamicBorrowedSharedMemory {
    pub(crate) fn new(handle: Handle) -> Self {
        DynamicBorrowedSharedMemory { handle }
    }

    /// A copy of the newest value.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        value::read_bytes(&mut self.handle)
    }

    /// Copies the newest value to the beginning of `to` and returns its length;
    /// [`SizeMismatch`](ErrorKind::SizeMismatch) if that is more than there is room for.
    pub fn read_into(&mut self, to: &mut [u8]) -> io::Result<usize> {
        value::read_into(&mut self.handle, to)
    }

    /// A copy of the newest value, or `None` if this handle has read it already.
    pub fn read_change(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.has_changed() { self.read().map(Some) } else { Ok(None) }
    }

    /// Sleeps until there is a value that this handle has not read, and reads it. See
    /// [`BorrowedSharedMemory::next`](crate::BorrowedSharedMemory::next).
    pub fn next(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<Vec<u8>> {
        self.handle.wait(timeout_nanos(timeout.into()))?;
        value::read_bytes(&mut self.handle)
    }

    /// Sleeps as [`next`](Self::next) does, and reads nothing.
    pub fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.handle.wait(timeout_nanos(timeout.into()))
    }

    /// Sleeps until the topic has a live publisher; [`Closed`](ErrorKind::Closed) if it will have none.
    pub fn wait_publisher(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.handle.wait_publisher(timeout_nanos(timeout.into()))
    }

    /// Locks the newest value for reading, in place.
    pub fn read_lock(&mut self) -> io::Result<BytesReadLocked<'_>> {
        BytesReadLocked::new(&mut self.handle)
    }

    /// Whether there is a value that this handle has not read, the first one included. Cheap.
    pub fn has_changed(&self) -> bool {
        self.handle.has_changed()
    }

    /// How old the value is that was read last. `None` before the first read, or if the publisher
    /// keeps no time.
    pub fn staleness(&self) -> Option<Duration> {
        self.handle.staleness()
    }

    /// When the sample of the value that was read last was taken.
    pub fn last_read_at(&self) -> Option<Instant> {
        Instant::now().checked_sub(self.staleness()?)
    }

    /// How many values the publisher published since its `create`.
    pub fn total_writes(&self) -> u64 {
        self.handle.total_writes()
    }

    /// The capacity in bytes.
    pub fn allocated_data_size(&self) -> usize {
        self.handle.size()
    }

    /// What is known about the value that was read or locked last.
    pub fn info(&self) -> Info {
        self.handle.info()
    }

    /// What has become of the publisher.
    pub fn state(&self) -> io::Result<State> {
        self.handle.state()
    }

    /// Who the publisher is, in its own words.
    pub fn publisher(&self) -> io::Result<Process> {
        self.handle.publisher()
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        self.handle.name()
    }

    /// What the topic says that it holds (docs/LAYOUT.md, section 3).
    pub fn descriptor(&self) -> String {
        self.handle.descriptor()
    }

    /// Whether [`read_lock`](Self::read_lock) works.
    pub fn can_lock(&self) -> bool {
        self.handle.can_lock()
    }

    /// How long [`read_lock`](Self::read_lock) waits for a writer (with one buffer); None for as long
    /// as it takes.
    pub fn set_timeout(&mut self, timeout: impl Into<Option<Duration>>) {
        self.handle.set_timeout(timeout_nanos(timeout.into()));
    }

    /// A new descriptor of the topic's file, to hand to another process.
    pub fn share(&self) -> io::Result<OwnedFd> {
        self.handle.share()
    }

    /// Sends the topic over a Unix socket; [`receive`](crate::receive) takes it.
    pub fn send(&self, socket: impl AsFd) -> io::Result<()> {
        self.handle.send(socket.as_fd())
    }

    /// Ends the lock of a guard that was leaked with [`mem::forget`](std::mem::forget).
    pub fn force_unlock(&mut self) -> io::Result<()> {
        self.handle.unlock()
    }
}
