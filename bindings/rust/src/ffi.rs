//! `tism.h` in Rust: what it declares, and nothing else. Only [`crate::handle`] calls it.

#![allow(missing_docs)]

use core::ffi::{c_char, c_int, c_uint, c_void};

/// `tism_owned_shared_memory_t` and `tism_borrowed_shared_memory_t`.
#[repr(C)]
pub struct Shm {
    pub handle: *mut c_void,
}

#[repr(C)]
pub struct Options {
    pub buffers: c_uint,
    pub slots: c_uint,
    pub capacity: usize,
    pub mode: c_uint,
    pub flags: c_uint,
    pub timeout_ns: i64,
    pub dir: *const c_char,
    pub r#type: *const c_void,
    pub descriptor: *const c_char,
    pub message: *mut c_char,
    pub message_size: usize,
}

#[repr(C)]
#[derive(Default)]
pub struct Info {
    pub number: u64,
    pub missed: u64,
    pub published_ns: i64,
    pub sampled_ns: i64,
    pub size: usize,
}

#[repr(C)]
pub struct Process {
    pub pid: c_int,
    pub command: [u8; 17],
}

pub const RESUME: c_uint = 1 << 0;
pub const REPLACE: c_uint = 1 << 1;
pub const NO_TIMESTAMPS: c_uint = 1 << 2;
pub const AS_READER: c_uint = 1 << 3;
pub const ALLOW_CLOSED: c_uint = 1 << 4;
pub const PREFAULT: c_uint = 1 << 5;
pub const LOCK_MEMORY: c_uint = 1 << 6;
pub const REPLACE_OWN: c_uint = 1 << 7;

pub const MAX_NAME_LENGTH: usize = 200;

// tism_result_t and tism_state_t are enums without negative values: unsigned int to C.
unsafe extern "C" {
    pub fn tism_strerror(result: c_uint) -> *const c_char;
    pub fn tism_now() -> i64;

    pub fn tism_create_with(
        shm: *mut Shm,
        name: *const c_char,
        data: *const c_void,
        n: usize,
        options: *const Options,
    ) -> c_uint;
    pub fn tism_create_mem(
        shm: *mut Shm,
        name: *const c_char,
        data: *const c_void,
        n: usize,
        options: *const Options,
    ) -> c_uint;
    pub fn tism_open_with(shm: *mut Shm, name: *const c_char, options: *const Options) -> c_uint;
    pub fn tism_wait_and_open_with(
        shm: *mut Shm,
        name: *const c_char,
        options: *const Options,
        timeout_ns: i64,
    ) -> c_uint;
    pub fn tism_open_fd(shm: *mut Shm, fd: c_int, options: *const Options) -> c_uint;
    pub fn tism_owned_close(shm: *mut Shm) -> c_uint;
    pub fn tism_owned_remove(shm: *mut Shm) -> c_uint;
    pub fn tism_remove(name: *const c_char, dir: *const c_char, force: bool) -> c_uint;

    pub fn tism_share(shm: *const Shm, fd: *mut c_int) -> c_uint;
    pub fn tism_send(socket: c_int, shm: *const Shm) -> c_uint;
    pub fn tism_receive(socket: c_int, fd: *mut c_int, name: *mut c_char) -> c_uint;

    pub fn tism_write(shm: *mut Shm, data: *const c_void, n: usize, sampled_ns: i64) -> c_uint;
    pub fn tism_unsafe_owned_write_lock(shm: *mut Shm, data: *mut *mut c_void) -> c_uint;
    pub fn tism_loan(shm: *mut Shm, data: *mut *mut c_void) -> c_uint;
    pub fn tism_publish(shm: *mut Shm, n: usize, sampled_ns: i64) -> c_uint;
    pub fn tism_discard(shm: *mut Shm) -> c_uint;

    pub fn tism_read(shm: *mut Shm, data: *mut c_void, size: usize, info: *mut Info) -> c_uint;
    pub fn tism_borrowed_read(shm: *mut Shm, data: *mut c_void) -> c_uint;
    pub fn tism_wait(shm: *mut Shm, timeout_ns: i64) -> c_uint;
    pub fn tism_wait_publisher(shm: *mut Shm, timeout_ns: i64) -> c_uint;
    pub fn tism_info(shm: *const Shm, info: *mut Info) -> c_uint;
    pub fn tism_unsafe_borrowed_read_lock(shm: *mut Shm, data: *mut *mut c_void) -> c_uint;
    pub fn tism_unsafe_borrowed_unlock(shm: *mut Shm, data: *mut *mut c_void) -> c_uint;

    pub fn tism_borrowed_has_changed(shm: *const Shm) -> bool;
    pub fn tism_borrowed_staleness(shm: *const Shm) -> i64;
    pub fn tism_borrowed_get_total_writes(shm: *const Shm) -> u64;
    pub fn tism_state(shm: *const Shm, state: *mut c_uint) -> c_uint;
    pub fn tism_publisher(shm: *const Shm, who: *mut Process) -> c_uint;
    pub fn tism_holder(shm: *const Shm, who: *mut Process) -> c_uint;
    pub fn tism_size(shm: *const Shm) -> usize;
    pub fn tism_descriptor(shm: *const Shm) -> *const c_char;
    pub fn tism_can_lock(shm: *const Shm) -> bool;
    pub fn tism_set_timeout(shm: *mut Shm, timeout_ns: i64) -> c_uint;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    unsafe extern "C" {
        static tism_rust_abi_length: usize;
        static tism_rust_abi: [usize; 0];
    }

    /// These declarations are those of the header, as the C compiler sees it.
    #[test]
    fn same_as_the_header() {
        let here = [
            size_of::<Shm>(),
            size_of::<Options>(),
            offset_of!(Options, buffers),
            offset_of!(Options, slots),
            offset_of!(Options, capacity),
            offset_of!(Options, mode),
            offset_of!(Options, flags),
            offset_of!(Options, timeout_ns),
            offset_of!(Options, dir),
            offset_of!(Options, r#type),
            offset_of!(Options, descriptor),
            offset_of!(Options, message),
            offset_of!(Options, message_size),
            size_of::<Info>(),
            offset_of!(Info, number),
            offset_of!(Info, missed),
            offset_of!(Info, published_ns),
            offset_of!(Info, sampled_ns),
            offset_of!(Info, size),
            size_of::<Process>(),
            offset_of!(Process, command),
            size_of::<c_uint>(),
            size_of::<c_uint>(),
            RESUME as usize,
            REPLACE as usize,
            NO_TIMESTAMPS as usize,
            AS_READER as usize,
            ALLOW_CLOSED as usize,
            PREFAULT as usize,
            LOCK_MEMORY as usize,
            REPLACE_OWN as usize,
            crate::State::Alive as usize,
            crate::State::Died as usize,
            crate::State::Closed as usize,
            crate::State::Replaced as usize,
            crate::ErrorKind::Closed as usize,
            crate::ErrorKind::BadHandle as usize,
        ];
        // SAFETY: csrc/abi.c defines both, and the array has that length.
        let header = unsafe {
            core::slice::from_raw_parts(
                (&raw const tism_rust_abi).cast::<usize>(),
                tism_rust_abi_length,
            )
        };
        assert_eq!(here, header);
    }
}
