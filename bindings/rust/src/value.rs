//! Values of a type as the bytes that topics hold: where bytes become a `T`, and the other way round.

use crate::TismType;
use crate::describe::{Shape, has_bool, is_value};
use crate::error::ErrorKind;
use crate::handle::Handle;
use std::io;
use std::mem::{MaybeUninit, needs_drop};
use std::ptr::NonNull;

/// What the bytes of a topic must be looked at for: nothing, if any bytes are a value or, with the
/// functions of TISM 2.1, if nothing is known about the type.
pub(crate) type Check = Option<&'static Shape>;

/// The check of a described type.
pub(crate) const fn check_of<T: TismType>() -> Check {
    if has_bool(T::SHAPE) { Some(T::SHAPE) } else { None }
}

/// Does not compile for what cannot be shared, as far as that can be told.
pub(crate) const fn assert_shareable<T>() {
    const {
        assert!(
            !needs_drop::<T>(),
            "a type with Drop cannot be shared: consumers would drop it again"
        );
        assert!(align_of::<T>() <= 64, "values in a topic are aligned to 64 bytes");
        assert!(size_of::<T>() > 0, "a topic's value has at least one byte");
    }
}

/// Does not compile, with the feature `strict`, for types that some bytes are no value of. Where there
/// are such bytes, `Option` uses them for `None` and is no larger than what it holds.
pub(crate) const fn assert_any_bytes<T>() {
    #[cfg(feature = "strict")]
    const {
        assert!(
            size_of::<Option<T>>() > size_of::<T>(),
            "not all bytes are values of this type: use tism::Options with a described type"
        );
    }
}

/// The bytes of a value, padding included.
pub(crate) fn bytes_of<T>(value: &T) -> &[MaybeUninit<u8>] {
    // SAFETY: a value is that many bytes, of which padding may be uninitialised.
    unsafe { std::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }
}

fn room_of<T>(value: &mut MaybeUninit<T>) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the room of a value is that many bytes, which may be uninitialised.
    unsafe { std::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) }
}

/// Gets a copy by a call that fills in all bytes, or fails.
#[inline]
pub(crate) fn copy<T>(
    handle: &mut Handle,
    check: Check,
    fill: impl FnOnce(&mut Handle, &mut [MaybeUninit<u8>]) -> io::Result<()>,
) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::uninit();
    fill(handle, room_of(&mut value))?;
    // SAFETY: the copy is ours, and all of it was filled in.
    unsafe {
        admit::<T>(handle, check, value.as_ptr().cast(), size_of::<T>())?;
        Ok(value.assume_init())
    }
}

/// Copies the newest value.
#[inline]
pub(crate) fn read<T>(handle: &mut Handle, check: Check) -> io::Result<T> {
    copy(handle, check, Handle::read_whole)
}

/// Waits for a value that is new, and copies it.
pub(crate) fn next<T>(handle: &mut Handle, check: Check, timeout: i64) -> io::Result<T> {
    copy(handle, check, |handle, room| {
        handle.wait(timeout)?;
        handle.read_whole(room)
    })
}

/// The value in place, if it is one.
///
/// # Safety
/// `at` leads to `size` bytes, aligned to 64, that stay as they are while the result is used.
#[inline]
pub(crate) unsafe fn in_place<T>(
    handle: &Handle,
    check: Check,
    at: NonNull<u8>,
    size: usize,
) -> io::Result<NonNull<T>> {
    // SAFETY: as the caller promises; assert_shareable saw to the alignment.
    unsafe { admit::<T>(handle, check, at.as_ptr(), size)? };
    Ok(at.cast())
}

/// Whether `size` bytes are a `T`. Without a check that is so if there are enough of them; of a type
/// that is not described and that not all bytes are values of, it is the publisher's word.
///
/// # Safety
/// `at` leads to that many initialised bytes.
#[inline]
unsafe fn admit<T>(handle: &Handle, check: Check, at: *const u8, size: usize) -> io::Result<()> {
    if size != size_of::<T>() {
        let why =
            format!("the newest value has {size} bytes, this program's type {}", size_of::<T>());
        return Err(handle.fail("reading", ErrorKind::SizeMismatch, &why));
    }
    let Some(shape) = check else { return Ok(()) };
    // SAFETY: they are initialised, says the caller.
    let bytes = unsafe { std::slice::from_raw_parts(at, size) };
    if is_value(shape, bytes) {
        return Ok(());
    }
    Err(handle.fail("reading", ErrorKind::Corrupt, "a bool is neither 0 nor 1"))
}

/// Bytes as bytes that may be uninitialised.
pub(crate) fn bytes_of_slice(bytes: &[u8]) -> &[MaybeUninit<u8>] {
    // SAFETY: the same layout, and read-only.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// Copies the newest value, of any length.
pub(crate) fn read_bytes(handle: &mut Handle) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(handle.size());
    let length = handle.read(bytes.spare_capacity_mut())?.size;
    // SAFETY: so many were filled in.
    unsafe { bytes.set_len(length) };
    Ok(bytes)
}

/// Copies the newest value to the beginning of `to`, and returns its length.
pub(crate) fn read_into(handle: &mut Handle, to: &mut [u8]) -> io::Result<usize> {
    let (at, room) = (to.as_mut_ptr().cast(), to.len());
    // SAFETY: the same room; no uninitialised bytes are put there.
    let room = unsafe { std::slice::from_raw_parts_mut(at, room) };
    Ok(handle.read(room)?.size)
}
