use crate::TismType;
use crate::borrowed::BorrowedSharedMemory;
use crate::describe::descriptor;
use crate::dynamic::{DynamicBorrowedSharedMemory, OwnedDynamicSharedMemory};
use crate::ffi;
use crate::handle::{Handle, Patience, Settings};
use crate::owned::OwnedSharedMemory;
use crate::value;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// How to create or open a topic, and the way to those that say what they hold.
///
/// Topics that are made and opened here have a type that [`describe!`](crate::describe) knows:
/// whoever opens one with another type gets an error that shows both. Creating fails if
/// any process publishes the topic already.
///
/// ```
/// use tism::Options;
///
/// tism::describe! {
///     #[repr(C)]
///     #[derive(Clone, Copy, Debug, Default, PartialEq)]
///     pub struct Fix {
///         pub lat: f64,
///         pub lon: f64,
///     }
/// }
/// tism::describe! {
///     #[repr(C)]
///     #[derive(Clone, Copy)]
///     pub struct Swapped {
///         pub lon: f64,
///         pub lat: f64,
///     }
/// }
///
/// let mut publisher = Options::new().create("doc_options", Fix::default())?;
/// let mut consumer = Options::new().open::<Fix>("doc_options")?;
///
/// publisher.write(Fix { lat: 35.3, lon: -120.7 })?;
/// assert_eq!(consumer.read()?.lat, 35.3);
///
/// let error = Options::new().open::<Swapped>("doc_options").err().unwrap();
/// assert_eq!(tism::ErrorKind::of(&error), Some(tism::ErrorKind::TypeMismatch));
/// # publisher.remove()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing by themselves"]
pub struct Options {
    settings: Settings,
}

impl Options {
    /// All defaults: 4 buffers, 128 slots, mode 0600, a timeout of 1 s.
    pub fn new() -> Options {
        Options::default()
    }

    fn flag(mut self, flag: u32) -> Options {
        self.settings.flags |= flag;
        self
    }

    // ---- To create

    /// 1 to 15. With 2 or more, publishing never disturbs the newest value, and goes on while
    /// consumers hold others; with 1 there is the value itself under a reader-writer lock.
    pub fn buffers(mut self, buffers: u32) -> Options {
        self.settings.buffers = buffers;
        self
    }

    /// How many consumers there is room for, 1 to 4096.
    pub fn slots(mut self, slots: u32) -> Options {
        self.settings.slots = slots;
        self
    }

    /// Permissions of the topic's file.
    pub fn mode(mut self, mode: u32) -> Options {
        self.settings.mode = mode;
        self
    }

    /// On a topic that is taken over, keep the newest value instead of publishing a first one.
    pub fn resume(self) -> Options {
        self.flag(ffi::RESUME)
    }

    /// Take the name even from a live publisher, whose consumers are told.
    pub fn replace(self) -> Options {
        self.flag(ffi::REPLACE)
    }

    /// Take the name from an earlier handle of this process, as [`crate::create`] does.
    pub(crate) fn replace_own(self) -> Options {
        self.flag(ffi::REPLACE_OWN)
    }

    /// Spare the clock: values have no age.
    pub fn without_timestamps(self) -> Options {
        self.flag(ffi::NO_TIMESTAMPS)
    }

    // ---- To open

    /// Take no slot and disturb nobody: no locks, only copies.
    pub fn read_only(self) -> Options {
        self.flag(ffi::AS_READER)
    }

    /// Open a topic that its publisher has closed, too.
    pub fn allow_closed(self) -> Options {
        self.flag(ffi::ALLOW_CLOSED)
    }

    // ---- Both

    /// How long calls wait for somebody who is in the way; None for as long as it takes.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Options {
        // Zero means the default to C.
        self.settings.timeout_ns = match timeout_nanos(timeout.into()) {
            0 => 1,
            ns => ns,
        };
        self
    }

    /// Where topics are, instead of `$TISM_DIR` or else /dev/shm.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.settings.dir = Some(dir.as_ref().into());
        self
    }

    /// Enter the pages into the page table now, not at their first use.
    pub fn prefault(self) -> Options {
        self.flag(ffi::PREFAULT)
    }

    /// Keep the pages in RAM (mlock).
    pub fn lock_memory(self) -> Options {
        self.flag(ffi::LOCK_MEMORY)
    }

    fn typed<T: TismType>(&self) -> Settings {
        Settings { descriptor: Some(descriptor::<T>()), ..self.settings.clone() }
    }

    // ---- Topics of a type

    /// Makes a topic and publishes its first value. If there is one whose publisher has closed or
    /// died, goes on with it, and consumers carry on; if that had another type, replaces it.
    pub fn create<T: TismType>(
        &self,
        name: impl AsRef<Path>,
        init: T,
    ) -> io::Result<OwnedSharedMemory<T>> {
        self.make(name.as_ref(), Some(&init), false)
    }

    /// Makes a topic without a value: reading is [`Empty`](crate::ErrorKind::Empty) until the first
    /// write.
    pub fn create_empty<T: TismType>(
        &self,
        name: impl AsRef<Path>,
    ) -> io::Result<OwnedSharedMemory<T>> {
        self.make(name.as_ref(), None, false)
    }

    /// Makes a topic without a file: a memfd, which is passed on as a descriptor. The name is for
    /// messages.
    ///
    /// ```
    /// use tism::Options;
    ///
    /// let mut publisher = Options::new().create_mem("doc_mem", 1u32)?;
    /// let fd = publisher.share()?; // inherited by a child, or sent over a socket
    /// let mut consumer = Options::new().open_fd::<u32>(fd)?;
    /// assert_eq!(consumer.read()?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create_mem<T: TismType>(
        &self,
        name: impl AsRef<Path>,
        init: T,
    ) -> io::Result<OwnedSharedMemory<T>> {
        self.make(name.as_ref(), Some(&init), true)
    }

    fn make<T: TismType>(
        &self,
        name: &Path,
        init: Option<&T>,
        memfd: bool,
    ) -> io::Result<OwnedSharedMemory<T>> {
        let first = init.map(value::bytes_of);
        let handle = Handle::create(name, first, &self.typed::<T>(), memfd)?;
        OwnedSharedMemory::described(handle)
    }

    /// Opens a topic. Does not wait.
    pub fn open<T: TismType>(&self, name: impl AsRef<Path>) -> io::Result<BorrowedSharedMemory<T>> {
        self.join(name.as_ref(), Patience::Now)
    }

    /// Opens a topic; sleeps until there is one that is not closed. None waits for as long as it
    /// takes. [`Interrupted`](crate::ErrorKind::Interrupted) after a signal handler.
    pub fn wait_and_open<T: TismType>(
        &self,
        name: impl AsRef<Path>,
        timeout: impl Into<Option<Duration>>,
    ) -> io::Result<BorrowedSharedMemory<T>> {
        self.join(name.as_ref(), Patience::Wait(timeout_nanos(timeout.into())))
    }

    /// Opens the topic behind a descriptor, which is of no more use after that. Needs /proc.
    pub fn open_fd<T: TismType>(&self, fd: impl AsFd) -> io::Result<BorrowedSharedMemory<T>> {
        let handle = Handle::open_fd(fd.as_fd(), &self.typed::<T>())?;
        BorrowedSharedMemory::new(handle, value::check_of::<T>())
    }

    fn join<T: TismType>(&self, name: &Path, how: Patience) -> io::Result<BorrowedSharedMemory<T>> {
        let handle = Handle::open(name, &self.typed::<T>(), how)?;
        BorrowedSharedMemory::new(handle, value::check_of::<T>())
    }

    // ---- Topics of bytes

    /// Makes a topic of bytes, whose values have any length up to the capacity, and publishes
    /// its first value if there is one.
    pub fn create_bytes(
        &self,
        name: impl AsRef<Path>,
        capacity: usize,
        init: Option<&[u8]>,
    ) -> io::Result<OwnedDynamicSharedMemory> {
        self.make_bytes(name.as_ref(), capacity, init, false)
    }

    /// Makes a topic of bytes in a memfd.
    pub fn create_mem_bytes(
        &self,
        name: impl AsRef<Path>,
        capacity: usize,
        init: Option<&[u8]>,
    ) -> io::Result<OwnedDynamicSharedMemory> {
        self.make_bytes(name.as_ref(), capacity, init, true)
    }

    fn make_bytes(
        &self,
        name: &Path,
        capacity: usize,
        init: Option<&[u8]>,
        memfd: bool,
    ) -> io::Result<OwnedDynamicSharedMemory> {
        let settings = Settings { capacity, ..self.settings.clone() };
        let first = init.map(value::bytes_of_slice);
        Handle::create(name, first, &settings, memfd).map(OwnedDynamicSharedMemory::new)
    }

    /// Opens a topic of any type as bytes. Does not wait.
    pub fn open_bytes(&self, name: impl AsRef<Path>) -> io::Result<DynamicBorrowedSharedMemory> {
        let handle = Handle::open(name.as_ref(), &self.settings, Patience::Now)?;
        Ok(DynamicBorrowedSharedMemory::new(handle))
    }

    /// Opens a topic of any type as bytes; sleeps until there is one that is not closed.
    pub fn wait_and_open_bytes(
        &self,
        name: impl AsRef<Path>,
        timeout: impl Into<Option<Duration>>,
    ) -> io::Result<DynamicBorrowedSharedMemory> {
        let patience = Patience::Wait(timeout_nanos(timeout.into()));
        let handle = Handle::open(name.as_ref(), &self.settings, patience)?;
        Ok(DynamicBorrowedSharedMemory::new(handle))
    }

    /// Opens the topic behind a descriptor as bytes.
    pub fn open_fd_bytes(&self, fd: impl AsFd) -> io::Result<DynamicBorrowedSharedMemory> {
        Handle::open_fd(fd.as_fd(), &self.settings).map(DynamicBorrowedSharedMemory::new)
    }

    // ---- Topics of TISM 2.1: bytes of the type's size

    pub(crate) fn create_plain<T>(
        &self,
        name: &Path,
        init: &T,
    ) -> io::Result<OwnedSharedMemory<T>> {
        let handle = Handle::create(name, Some(value::bytes_of(init)), &self.settings, false)?;
        Ok(OwnedSharedMemory::new(handle, None))
    }

    pub(crate) fn open_plain<T>(
        &self,
        name: &Path,
        how: Patience,
    ) -> io::Result<BorrowedSharedMemory<T>> {
        BorrowedSharedMemory::new(Handle::open(name, &self.settings, how)?, None)
    }
}

/// A duration as C has it: less than 0 for ever.
pub(crate) fn timeout_nanos(timeout: Option<Duration>) -> i64 {
    timeout.map_or(-1, nanos)
}

pub(crate) fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}
