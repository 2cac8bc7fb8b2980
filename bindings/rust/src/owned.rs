use crate::TismType;
use crate::error::ErrorKind;
use crate::guard::{ReadLockedSharedMemory, WriteLockedSharedMemory};
use crate::handle::Handle;
use crate::info::Process;
use crate::options::nanos;
use crate::value::{self, Check};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// A topic that this process publishes: there is one publisher at a time, and the kernel knows it.
///
/// Dropping it closes the topic. The file stays, so that consumers can read the last value and a
/// successor goes on with the same topic; [`remove`](Self::remove) takes it away.
///
/// For one thread at a time: it can be sent to another thread, not shared.
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<tism::OwnedSharedMemory<u32>>();
/// ```
pub struct OwnedSharedMemory<T> {
    handle: Handle,
    check: Check,
    value: PhantomData<T>,
}

impl<T> OwnedSharedMemory<T> {
    pub(crate) fn new(handle: Handle, check: Check) -> Self {
        value::assert_shareable::<T>();
        OwnedSharedMemory { handle, check, value: PhantomData }
    }

    /// A topic of a described type. What a predecessor left must be a value of it.
    pub(crate) fn described(mut handle: Handle) -> io::Result<Self>
    where
        T: TismType,
    {
        let check = value::check_of::<T>();
        if check.is_some() {
            match ReadLockedSharedMemory::<T>::new(&mut handle, check) {
                Err(error) if ErrorKind::of(&error) != Some(ErrorKind::Empty) => return Err(error),
                _ => {}
            }
        }
        Ok(OwnedSharedMemory::new(handle, check))
    }

    /// Locks the topic for writing: the guard is a copy of the newest value to be changed in place,
    /// and publishes it when it is dropped. Waits for consumers that are in the way, up to the
    /// topic's timeout (1 s unless [`Options`](crate::Options) say otherwise).
    pub fn write_lock(&mut self) -> io::Result<WriteLockedSharedMemory<'_, T>> {
        WriteLockedSharedMemory::new(&mut self.handle)
    }

    /// Locks the newest value for reading.
    pub fn read_lock(&mut self) -> io::Result<ReadLockedSharedMemory<'_, T>> {
        ReadLockedSharedMemory::new(&mut self.handle, self.check)
    }

    /// A copy of the newest value.
    pub fn read(&mut self) -> io::Result<T>
    where
        T: Clone,
    {
        value::read(&mut self.handle, self.check)
    }

    /// Publishes a value. Waits as [`write_lock`](Self::write_lock) does.
    pub fn write(&mut self, value: T) -> io::Result<()> {
        self.handle.write(value::bytes_of(&value), 0)
    }

    /// Publishes a value with the time at which the sample was taken, of the clock that
    /// [`now`](crate::now) reads.
    pub fn write_at(&mut self, value: T, sampled: Duration) -> io::Result<()> {
        self.handle.write(value::bytes_of(&value), nanos(sampled))
    }

    /// Locks the topic for writing without a copy of the newest value first: what the guard leads
    /// to is some earlier value, or zeros, and all of it should be written.
    pub fn loan(&mut self) -> io::Result<WriteLockedSharedMemory<'_, T>>
    where
        T: TismType,
    {
        WriteLockedSharedMemory::loan(&mut self.handle, value::check_of::<T>())
    }

    /// How many values were published since this `create`, the first one included.
    pub fn total_writes(&self) -> u64 {
        self.handle.total_writes()
    }

    /// The size of a value in bytes.
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

    /// The consumer that the last [`TimedOut`](crate::ErrorKind::TimedOut) was due to.
    pub fn holder(&self) -> Option<Process> {
        self.handle.holder()
    }

    /// How long calls wait for consumers that are in the way; None for as long as it takes.
    pub fn set_timeout(&mut self, timeout: impl Into<Option<Duration>>) {
        self.handle.set_timeout(crate::options::timeout_nanos(timeout.into()));
    }

    /// A new descriptor of the topic's file, to hand to another process, which opens it with
    /// [`Options::open_fd`](crate::Options::open_fd). It carries no role.
    pub fn share(&self) -> io::Result<OwnedFd> {
        self.handle.share()
    }

    /// Sends the topic over a Unix socket; [`receive`](crate::receive) takes it.
    pub fn send(&self, socket: impl AsFd) -> io::Result<()> {
        self.handle.send(socket.as_fd())
    }

    /// Ends the lock of a guard that was leaked with [`mem::forget`](std::mem::forget), as
    /// dropping it would have. There is no other: a guard that lives borrows the topic.
    pub fn force_unlock(&mut self) -> io::Result<()> {
        self.handle.unlock()
    }

    /// Closes the topic as dropping does, and tells if that did not work.
    pub fn close(self) -> io::Result<()> {
        self.handle.close()
    }

    /// Closes the topic and removes its name. Consumers are told; their last values are gone.
    pub fn remove(self) -> io::Result<()> {
        self.handle.remove()
    }
}
