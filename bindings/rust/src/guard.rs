use crate::handle::Handle;
use crate::options::nanos;
use crate::value::{self, Check};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::thread::panicking;
use std::time::Duration;

/// A value that stays as it is while this guard lives: the newest when the lock was taken. Dropping
/// it unlocks.
///
/// With several buffers nobody waits for it: the publisher goes on with the others. With one buffer
/// the publisher cannot write meanwhile, so be short.
///
/// ```
/// let _publisher = tism::create("doc_read_lock", 7).unwrap();
/// let mut consumer = tism::open::<i32>("doc_read_lock").unwrap();
///
/// if let Ok(guard) = consumer.read_lock() {
///     assert_eq!(*guard.as_ref(), 7);
/// } // unlocked
/// ```
#[must_use = "dropping the guard unlocks"]
pub struct ReadLockedSharedMemory<'m, T> {
    handle: &'m mut Handle,
    value: NonNull<T>,
}

impl<'m, T> ReadLockedSharedMemory<'m, T> {
    pub(crate) fn new(handle: &'m mut Handle, check: Check) -> io::Result<Self> {
        let at = handle.read_lock()?;
        let size = handle.length();
        // SAFETY: the bytes are there, and as they are, until unlock, which is when self goes.
        match unsafe { value::in_place(handle, check, at, size) } {
            Ok(value) => Ok(ReadLockedSharedMemory { handle, value }),
            Err(error) => {
                let _ = handle.unlock();
                Err(error)
            }
        }
    }

    /// Unlocks as dropping does, and tells if the value was not protected to the end
    /// ([`LeaseLost`](crate::ErrorKind::LeaseLost)): then what was read may be torn.
    pub fn unlock(self) -> io::Result<()> {
        ManuallyDrop::new(self).handle.unlock()
    }
}

impl<T> AsRef<T> for ReadLockedSharedMemory<'_, T> {
    fn as_ref(&self) -> &T {
        // SAFETY: new has seen that it is a value; it stays one until unlock.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Deref for ReadLockedSharedMemory<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.as_ref()
    }
}

impl<T> Drop for ReadLockedSharedMemory<'_, T> {
    fn drop(&mut self) {
        let _ = self.handle.unlock();
    }
}

/// The next value while it is being written. Dropping the guard publishes it.
///
/// With several buffers this is a copy of the newest value in another buffer, so consumers go on
/// reading that meanwhile, and a panic publishes nothing. With one buffer it is the value itself,
/// and consumers wait.
///
/// ```
/// let mut publisher = tism::create("doc_write_lock", 7).unwrap();
///
/// if let Ok(mut guard) = publisher.write_lock() {
///     *guard.as_mut() += 1;
///     assert_eq!(guard.as_ref(), &8);
/// } // published
/// assert_eq!(publisher.read().unwrap(), 8);
/// ```
#[must_use = "dropping the guard publishes"]
pub struct WriteLockedSharedMemory<'m, T> {
    handle: &'m mut Handle,
    value: NonNull<T>,
    panicking: bool,
}

impl<'m, T> WriteLockedSharedMemory<'m, T> {
    /// The newest value, which `create` or an earlier write put there.
    pub(crate) fn new(handle: &'m mut Handle) -> io::Result<Self> {
        let value = handle.write_lock()?.cast();
        Ok(WriteLockedSharedMemory { handle, value, panicking: panicking() })
    }

    /// An earlier value, or zeros where that would be none.
    pub(crate) fn loan(handle: &'m mut Handle, check: Check) -> io::Result<Self> {
        let at = handle.loan()?;
        // SAFETY: the topic's value has that size, and nobody else writes to this buffer.
        unsafe {
            if value::in_place::<T>(handle, check, at, size_of::<T>()).is_err() {
                at.write_bytes(0, size_of::<T>());
            }
        }
        Ok(WriteLockedSharedMemory { handle, value: at.cast(), panicking: panicking() })
    }

    /// Publishes as dropping does, and tells if that did not work.
    pub fn publish(self) -> io::Result<()> {
        ManuallyDrop::new(self).handle.publish(size_of::<T>(), 0)
    }

    /// Publishes with the time at which the sample was taken, of the clock that
    /// [`now`](crate::now) reads.
    pub fn publish_at(self, sampled: Duration) -> io::Result<()> {
        ManuallyDrop::new(self).handle.publish(size_of::<T>(), nanos(sampled))
    }

    /// Publishes nothing. With one buffer that cannot be, since the value was changed in place: then
    /// it is published, and the error is [`NoDiscard`](crate::ErrorKind::NoDiscard).
    pub fn discard(self) -> io::Result<()> {
        let mut guard = ManuallyDrop::new(self);
        let discarded = guard.handle.discard();
        if discarded.is_err() {
            guard.handle.publish(size_of::<T>(), 0)?;
        }
        discarded
    }
}

impl<T> AsRef<T> for WriteLockedSharedMemory<'_, T> {
    fn as_ref(&self) -> &T {
        // SAFETY: it is a value, and nobody else writes to it before it is published.
        unsafe { self.value.as_ref() }
    }
}

impl<T> AsMut<T> for WriteLockedSharedMemory<'_, T> {
    fn as_mut(&mut self) -> &mut T {
        // SAFETY: it is a value, and nobody else reads or writes it before it is published.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Deref for WriteLockedSharedMemory<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.as_ref()
    }
}

impl<T> DerefMut for WriteLockedSharedMemory<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.as_mut()
    }
}

impl<T> Drop for WriteLockedSharedMemory<'_, T> {
    fn drop(&mut self) {
        if panicking() && !self.panicking && self.handle.discard().is_ok() {
            return; // half a value helps nobody
        }
        let _ = self.handle.publish(size_of::<T>(), 0);
    }
}

/// The bytes of a value that stays as it is while this guard lives. Dropping it unlocks.
#[must_use = "dropping the guard unlocks"]
pub struct BytesReadLocked<'m> {
    handle: &'m mut Handle,
    at: NonNull<u8>,
    size: usize,
}

impl<'m> BytesReadLocked<'m> {
    pub(crate) fn new(handle: &'m mut Handle) -> io::Result<Self> {
        let (at, size) = (handle.read_lock()?, handle.length());
        Ok(BytesReadLocked { handle, at, size })
    }

    /// Unlocks as dropping does, and tells if the value was not protected to the end.
    pub fn unlock(self) -> io::Result<()> {
        ManuallyDrop::new(self).handle.unlock()
    }
}

impl AsRef<[u8]> for BytesReadLocked<'_> {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the library has checked that the value has so many bytes; they stay as they are
        // until unlock.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.size) }
    }
}

impl Drop for BytesReadLocked<'_> {
    fn drop(&mut self) {
        let _ = self.handle.unlock();
    }
}

/// Room for the next value of a topic of bytes. Made by
/// [`OwnedDynamicSharedMemory::loan`](crate::dynamic::OwnedDynamicSharedMemory::loan).
///
/// Dropped without [`publish`](Loan::publish) it is discarded; with one buffer, where that cannot be,
/// the whole of it is published.
#[must_use = "a loan that is not published is discarded"]
pub struct Loan<'m> {
    handle: &'m mut Handle,
    at: NonNull<u8>,
    size: usize,
}

impl<'m> Loan<'m> {
    pub(crate) fn new(handle: &'m mut Handle) -> io::Result<Self> {
        let (at, size) = (handle.loan()?, handle.size());
        Ok(Loan { handle, at, size })
    }

    /// Publishes the first `length` bytes.
    pub fn publish(self, length: usize) -> io::Result<()> {
        self.publish_nanos(length, 0)
    }

    /// The same with the time at which the sample was taken.
    pub fn publish_at(self, length: usize, sampled: Duration) -> io::Result<()> {
        self.publish_nanos(length, nanos(sampled))
    }

    fn publish_nanos(self, length: usize, sampled: i64) -> io::Result<()> {
        // One that is too long is refused, and self discarded.
        self.handle.publish(length, sampled)?;
        let _ = ManuallyDrop::new(self);
        Ok(())
    }
}

impl AsRef<[u8]> for Loan<'_> {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many initialised bytes, which nobody else writes to before they are published.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.size) }
    }
}

impl AsMut<[u8]> for Loan<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: so many initialised bytes, which nobody else reads or writes before they are
        // published.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.size) }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if self.handle.discard().is_err() {
            let _ = self.handle.publish(self.size, 0);
        }
    }
}
