use crate::error::ErrorKind;
use crate::guard::ReadLockedSharedMemory;
use crate::handle::Handle;
use crate::info::{Info, Process, State};
use crate::options::timeout_nanos;
use crate::value::{self, Check};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// A topic that this process consumes. It cannot write to it: the pages are mapped read-only.
///
/// It stays of use whatever becomes of the publisher: a successor carries on in the same topic, and
/// the last value of a dead or closed one can be read.
///
/// For one thread at a time: it can be sent to another thread, not shared. Open the topic again for
/// another thread.
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<tism::BorrowedSharedMemory<u32>>();
/// ```
pub struct BorrowedSharedMemory<T> {
    handle: Handle,
    check: Check,
    value: PhantomData<T>,
}

impl<T> BorrowedSharedMemory<T> {
    /// The caller has compared types; what is left is the size.
    pub(crate) fn new(handle: Handle, check: Check) -> io::Result<Self> {
        value::assert_shareable::<T>();
        let (topic, ours) = (handle.size(), size_of::<T>());
        if topic != ours {
            let name = std::any::type_name::<T>();
            let why = format!("its values have {topic} bytes, this program's {name} has {ours}");
            return Err(handle.fail("opening", ErrorKind::TypeMismatch, &why));
        }
        Ok(BorrowedSharedMemory { handle, check, value: PhantomData })
    }

    /// Locks the newest value for reading, in place.
    pub fn read_lock(&mut self) -> io::Result<ReadLockedSharedMemory<'_, T>> {
        ReadLockedSharedMemory::new(&mut self.handle, self.check)
    }

    /// A copy of the newest value. Takes no lock and makes no system call, unless a publisher at
    /// full speed keeps overwriting what is being copied.
    pub fn read(&mut self) -> io::Result<T>
    where
        T: Clone,
    {
        value::read(&mut self.handle, self.check)
    }

    /// A copy of the newest value, or `None` if this handle has read it already.
    ///
    /// ```
    /// let mut publisher = tism::create("doc_read_change", 12).unwrap();
    /// let mut consumer = tism::wait_and_open::<i32>("doc_read_change").unwrap();
    ///
    /// assert_eq!(consumer.read_change().unwrap(), Some(12));
    /// assert_eq!(consumer.read_change().unwrap(), None);
    ///
    /// publisher.write(3).unwrap();
    /// assert_eq!(consumer.read_change().unwrap(), Some(3));
    /// assert_eq!(consumer.read_change().unwrap(), None);
    /// ```
    pub fn read_change(&mut self) -> io::Result<Option<T>>
    where
        T: Clone,
    {
        if self.has_changed() { self.read().map(Some) } else { Ok(None) }
    }

    /// Whether there is a value that this handle has not read, the first one included. Cheap.
    ///
    /// ```
    /// let mut publisher = tism::create("doc_has_changed", 12).unwrap();
    /// let mut consumer = tism::wait_and_open::<i32>("doc_has_changed").unwrap();
    ///
    /// assert!(consumer.has_changed());
    /// consumer.read().unwrap();
    /// assert!(!consumer.has_changed());
    ///
    /// publisher.write(3).unwrap();
    /// assert!(consumer.has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.handle.has_changed()
    }

    /// How old the value is that was read last: the time since its sample was taken, which is
    /// when it was published unless the publisher said otherwise. `None` before the first read, or if
    /// the publisher keeps no time.
    pub fn staleness(&self) -> Option<Duration> {
        self.handle.staleness()
    }

    /// When the sample of the value that was read last was taken; the same as
    /// [`staleness`](Self::staleness), as a point in time.
    pub fn last_read_at(&self) -> Option<Instant> {
        Instant::now().checked_sub(self.staleness()?)
    }

    /// How many values the publisher published since its `create`, the first one included.
    pub fn total_writes(&self) -> u64 {
        self.handle.total_writes()
    }

    /// The size of a value in bytes.
    pub fn allocated_data_size(&self) -> usize {
        self.handle.size()
    }

    /// Sleeps until there is a value that this handle has not read, and reads it. `None` waits for
    /// as long as it takes.
    ///
    /// Errors are, besides those of reading, [`TimedOut`](ErrorKind::TimedOut),
    /// [`Closed`](ErrorKind::Closed) once there is nothing left to come, and
    /// [`Interrupted`](ErrorKind::Interrupted) after a signal handler.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut publisher = tism::create("doc_next", 1).unwrap();
    /// let mut consumer = tism::open::<i32>("doc_next").unwrap();
    /// assert_eq!(consumer.next(None).unwrap(), 1);
    ///
    /// let late = consumer.next(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(tism::ErrorKind::of(&late), Some(tism::ErrorKind::TimedOut));
    ///
    /// publisher.write(2).unwrap();
    /// publisher.write(3).unwrap();
    /// assert_eq!(consumer.next(None).unwrap(), 3);
    /// assert_eq!(consumer.info().missed, 1);
    /// ```
    pub fn next(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<T>
    where
        T: Clone,
    {
        value::next(&mut self.handle, self.check, timeout_nanos(timeout.into()))
    }

    /// Sleeps as [`next`](Self::next) does, and reads nothing.
    pub fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.handle.wait(timeout_nanos(timeout.into()))
    }

    /// Sleeps until the topic has a live publisher; [`Closed`](ErrorKind::Closed) if it will have none.
    pub fn wait_publisher(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        self.handle.wait_publisher(timeout_nanos(timeout.into()))
    }

    /// The values as they come, until the topic is closed, replaced or removed. A consumer that is
    /// slower than the publisher skips values: [`Info::missed`]. The timeout is that of each wait;
    /// after [`TimedOut`](ErrorKind::TimedOut) or [`Interrupted`](ErrorKind::Interrupted) one can go on.
    ///
    /// ```
    /// let mut publisher = tism::create("doc_updates", 1).unwrap();
    /// let mut consumer = tism::open::<i32>("doc_updates").unwrap();
    /// let thread = std::thread::spawn(move || {
    ///     let mut last = 0;
    ///     for value in consumer.updates(None) {
    ///         last = value.unwrap();
    ///     }
    ///     last
    /// });
    /// for i in 2..=5 {
    ///     publisher.write(i).unwrap();
    /// }
    /// publisher.close().unwrap();
    /// assert_eq!(thread.join().unwrap(), 5);
    /// ```
    pub fn updates(&mut self, timeout: impl Into<Option<Duration>>) -> Updates<'_, T> {
        Updates { topic: self, timeout: timeout.into() }
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

    /// Whether [`read_lock`](Self::read_lock) works: not without write permission to the
    /// topic's file, nor if it was opened [`read_only`](crate::Options::read_only).
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

    /// Ends the lock of a guard that was leaked with [`mem::forget`](std::mem::forget). There is no
    /// other: a guard that lives borrows the topic. Between the two the topic can be read as usual.
    pub fn force_unlock(&mut self) -> io::Result<()> {
        self.handle.unlock()
    }
}

/// The values of a topic as they come. Made by [`BorrowedSharedMemory::updates`].
pub struct Updates<'m, T> {
    topic: &'m mut BorrowedSharedMemory<T>,
    timeout: Option<Duration>,
}

impl<T> Updates<'_, T> {
    /// What is known about the value that came last.
    pub fn info(&self) -> Info {
        self.topic.info()
    }
}

impl<T: Clone> Iterator for Updates<'_, T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        match self.topic.next(self.timeout) {
            Err(error) if ErrorKind::of(&error) == Some(ErrorKind::Closed) => None,
            other => Some(other),
        }
    }
}
