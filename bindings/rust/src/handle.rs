//! An open topic without a type: the one place that calls the C library. What is safe here is safe
//! for any caller; what hands out pointers into shared memory says until when they are good.

use crate::error::{Error, ErrorKind};
use crate::ffi;
use crate::info::{Info, Process, State};
use std::ffi::{CStr, CString, c_int, c_uint};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// A handle. `shm` is valid from the constructors on until drop closes it.
pub(crate) struct Handle {
    shm: ffi::Shm,
    name: Box<str>,
    /// The capacity in bytes.
    size: usize,
    /// A consumer's, of a described type: the library lets no value of another length through.
    exact: bool,
}

// SAFETY: the library ties nothing to a thread: a handle is heap memory, a mapping and a descriptor,
// and its list of all handles is under a mutex. It may be used by one thread at a time, so
// it is not Sync; the pointer in it sees to that.
unsafe impl Send for Handle {}

/// What create and open are told: everything that `tism_options_t` is, in types that own it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub buffers: u32,
    pub slots: u32,
    pub capacity: usize,
    pub mode: u32,
    pub flags: u32,
    pub timeout_ns: i64,
    pub dir: Option<Box<Path>>,
    pub descriptor: Option<String>,
}

/// How to open.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    Now,
    /// Waits for the topic; nanoseconds, less than 0 for as long as it takes.
    Wait(i64),
}

/// Enough for both descriptors of a type mismatch.
const MESSAGE_SIZE: usize = 2 * 32768 + 512;

impl Handle {
    /// Makes a topic with a name, or in a memfd; `first` may be absent.
    pub fn create(
        name: &Path,
        first: Option<&[MaybeUninit<u8>]>,
        settings: &Settings,
        memfd: bool,
    ) -> io::Result<Handle> {
        let make = if memfd { ffi::tism_create_mem } else { ffi::tism_create_with };
        let (data, n) = first.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
        // SAFETY: data has n bytes, which the library copies as they are, padding too; the
        // strings and the options outlive the call.
        Handle::make("creating", name, settings, |shm, name, options| unsafe {
            make(shm, name.as_ptr(), data.cast(), n, options)
        })
    }

    pub fn open(name: &Path, settings: &Settings, patience: Patience) -> io::Result<Handle> {
        // SAFETY: the strings and the options outlive the calls.
        let mut handle = Handle::make("opening", name, settings, |shm, name, options| unsafe {
            match patience {
                Patience::Now => ffi::tism_open_with(shm, name.as_ptr(), options),
                Patience::Wait(ns) => ffi::tism_wait_and_open_with(shm, name.as_ptr(), options, ns),
            }
        })?;
        handle.exact = settings.descriptor.is_some();
        Ok(handle)
    }

    /// Opens the topic behind a descriptor, which stays the caller's.
    pub fn open_fd(fd: BorrowedFd<'_>, settings: &Settings) -> io::Result<Handle> {
        let name = format!("of descriptor {}", fd.as_raw_fd());
        let shown = Path::new(&name);
        // SAFETY: the options outlive the call, and fd is open.
        let mut handle = Handle::make("opening", shown, settings, |shm, _, options| unsafe {
            ffi::tism_open_fd(shm, fd.as_raw_fd(), options)
        })?;
        handle.exact = settings.descriptor.is_some();
        Ok(handle)
    }

    fn make(
        doing: &str,
        name: &Path,
        settings: &Settings,
        call: impl FnOnce(*mut ffi::Shm, &CStr, *const ffi::Options) -> c_uint,
    ) -> io::Result<Handle> {
        let shown = name.display().to_string();
        let name = c_string(name)?;
        let dir = settings.dir.as_deref().map(c_string).transpose()?;
        let descriptor = settings.descriptor.as_deref().map(c_string).transpose()?;
        let mut message = vec![0u8; MESSAGE_SIZE];
        let options = ffi::Options {
            buffers: settings.buffers,
            slots: settings.slots,
            capacity: settings.capacity,
            mode: settings.mode,
            flags: settings.flags,
            timeout_ns: settings.timeout_ns,
            dir: dir.as_ref().map_or(ptr::null(), |s| s.as_ptr()),
            r#type: ptr::null(),
            descriptor: descriptor.as_ref().map_or(ptr::null(), |s| s.as_ptr()),
            message: message.as_mut_ptr().cast(),
            message_size: message.len(),
        };
        let mut shm = ffi::Shm { handle: ptr::null_mut() };
        let result = call(&mut shm, &name, &options);
        if result == 0 {
            // SAFETY: the handle is valid now.
            let size = unsafe { ffi::tism_size(&shm) };
            return Ok(Handle { shm, name: shown.into(), size, exact: false });
        }
        let why = match CStr::from_bytes_until_nul(&message) {
            Ok(text) if !text.is_empty() => text.to_string_lossy().into_owned(),
            _ => describe(result),
        };
        let text = format!("{doing} topic {shown}: {why}");
        Err(Error::new(ErrorKind::from_c(result), text).into())
    }

    /// The error of a call, if it has one.
    #[inline]
    fn check(&self, doing: &str, result: c_uint) -> io::Result<()> {
        if result == 0 { Ok(()) } else { Err(self.error(doing, result)) }
    }

    #[cold]
    fn error(&self, doing: &str, result: c_uint) -> io::Error {
        self.fail(doing, ErrorKind::from_c(result), &describe(result))
    }

    #[cold]
    pub fn fail(&self, doing: &str, kind: ErrorKind, why: &str) -> io::Error {
        Error::new(kind, format!("{doing} topic {}: {why}", self.name)).into()
    }

    // ---- Publish

    /// Publishes a copy; `sampled` is 0 for now.
    #[inline]
    pub fn write(&mut self, value: &[MaybeUninit<u8>], sampled: i64) -> io::Result<()> {
        // SAFETY: value has that many bytes, which are copied as they are.
        let result =
            unsafe { ffi::tism_write(&mut self.shm, value.as_ptr().cast(), value.len(), sampled) };
        self.check("writing", result)
    }

    /// Takes the write lock. The pointer leads to [`size`](Self::size) bytes that nobody else writes
    /// to, a copy of the newest value, until publish, discard or unlock.
    #[inline]
    pub fn write_lock(&mut self) -> io::Result<NonNull<u8>> {
        self.lock("locking", ffi::tism_unsafe_owned_write_lock)
    }

    /// The same with the bytes of any earlier value, or zeros.
    pub fn loan(&mut self) -> io::Result<NonNull<u8>> {
        self.lock("locking", ffi::tism_loan)
    }

    /// Holds the newest value. The pointer leads to [`length`](Self::length) bytes,
    /// which stay as they are until unlock.
    #[inline]
    pub fn read_lock(&mut self) -> io::Result<NonNull<u8>> {
        self.lock("reading", ffi::tism_unsafe_borrowed_read_lock)
    }

    #[inline]
    fn lock(
        &mut self,
        doing: &str,
        take: unsafe extern "C" fn(*mut ffi::Shm, *mut *mut std::ffi::c_void) -> c_uint,
    ) -> io::Result<NonNull<u8>> {
        let mut at = ptr::null_mut();
        // SAFETY: both pointers are valid for the call.
        let result = unsafe { take(&mut self.shm, &mut at) };
        self.check(doing, result)?;
        NonNull::new(at.cast()).ok_or_else(|| self.error(doing, ErrorKind::Unknown as c_uint))
    }

    /// Publishes the first n bytes of what is locked.
    #[inline]
    pub fn publish(&mut self, n: usize, sampled: i64) -> io::Result<()> {
        // SAFETY: the handle is valid; without a lock it returns an error.
        let result = unsafe { ffi::tism_publish(&mut self.shm, n, sampled) };
        self.check("writing", result)
    }

    pub fn discard(&mut self) -> io::Result<()> {
        // SAFETY: the handle is valid; without a lock it returns an error.
        let result = unsafe { ffi::tism_discard(&mut self.shm) };
        self.check("discarding a write of", result)
    }

    /// Ends whatever lock there is; a write lock publishes.
    #[inline]
    pub fn unlock(&mut self) -> io::Result<()> {
        // SAFETY: the handle is valid, and a null pointer is allowed; without a lock it returns an error.
        let result = unsafe { ffi::tism_unsafe_borrowed_unlock(&mut self.shm, ptr::null_mut()) };
        self.check("unlocking", result)
    }

    /// Closes the topic and takes its name away.
    pub fn remove(mut self) -> io::Result<()> {
        self.end_write_lock();
        // SAFETY: the handle is valid, and not used again: what drop closes then is null.
        let result = unsafe { ffi::tism_owned_remove(&mut self.shm) };
        self.check("removing", result)
    }

    pub fn close(mut self) -> io::Result<()> {
        let result = self.end();
        self.check("closing", result)
    }

    /// Ends the write lock of a guard that was leaked.
    fn end_write_lock(&mut self) {
        if self.discard().is_err() {
            let _ = self.unlock(); // one buffer, a read lock, or none
        }
    }

    fn end(&mut self) -> c_uint {
        // SAFETY: the handle is valid; if it is closed already it is null, and refused.
        unsafe { ffi::tism_owned_close(&mut self.shm) }
    }

    // ---- Read and wait

    /// Copies the newest value to the beginning of `to`.
    pub fn read(&mut self, to: &mut [MaybeUninit<u8>]) -> io::Result<Info> {
        let mut info = ffi::Info::default();
        // SAFETY: the library writes at most that many bytes there.
        let result =
            unsafe { ffi::tism_read(&mut self.shm, to.as_mut_ptr().cast(), to.len(), &mut info) };
        self.check("reading", result)?;
        Ok(Info::from_c(&info))
    }

    /// Copies the newest value, which fills `to` and the topic's capacity, or is an error.
    #[inline]
    pub fn read_whole(&mut self, to: &mut [MaybeUninit<u8>]) -> io::Result<()> {
        assert_eq!(to.len(), self.size);
        // SAFETY: the library writes as many bytes there as the topic's capacity, or fails.
        let result = unsafe { ffi::tism_borrowed_read(&mut self.shm, to.as_mut_ptr().cast()) };
        self.check("reading", result)
    }

    /// Sleeps until there is a value that this handle has not read.
    pub fn wait(&mut self, timeout: i64) -> io::Result<()> {
        // SAFETY: the handle is valid.
        let result = unsafe { ffi::tism_wait(&mut self.shm, timeout) };
        self.check("waiting for", result)
    }

    pub fn wait_publisher(&mut self, timeout: i64) -> io::Result<()> {
        // SAFETY: the handle is valid.
        let result = unsafe { ffi::tism_wait_publisher(&mut self.shm, timeout) };
        self.check("waiting for the publisher of", result)
    }

    pub fn info(&self) -> Info {
        let mut info = ffi::Info::default();
        // SAFETY: both are valid; of an inherited handle the info stays zero.
        let _ = unsafe { ffi::tism_info(&self.shm, &mut info) };
        Info::from_c(&info)
    }

    // ---- Ask

    pub fn has_changed(&self) -> bool {
        // SAFETY: the handle is valid.
        unsafe { ffi::tism_borrowed_has_changed(&self.shm) }
    }

    pub fn staleness(&self) -> Option<Duration> {
        // SAFETY: the handle is valid.
        let ns = unsafe { ffi::tism_borrowed_staleness(&self.shm) };
        u64::try_from(ns).ok().map(Duration::from_nanos)
    }

    pub fn total_writes(&self) -> u64 {
        // SAFETY: the handle is valid.
        unsafe { ffi::tism_borrowed_get_total_writes(&self.shm) }
    }

    pub fn state(&self) -> io::Result<State> {
        let mut state: c_uint = 0;
        // SAFETY: both are valid.
        let result = unsafe { ffi::tism_state(&self.shm, &mut state) };
        self.check("asking for the state of", result)?;
        Ok(State::from_c(state))
    }

    pub fn publisher(&self) -> io::Result<Process> {
        let mut who = ffi::Process { pid: 0, command: [0; 17] };
        // SAFETY: both are valid.
        let result = unsafe { ffi::tism_publisher(&self.shm, &mut who) };
        self.check("asking for the publisher of", result)?;
        Ok(Process::from_c(&who))
    }

    pub fn holder(&self) -> Option<Process> {
        let mut who = ffi::Process { pid: 0, command: [0; 17] };
        // SAFETY: both are valid.
        let result = unsafe { ffi::tism_holder(&self.shm, &mut who) };
        (result == 0).then(|| Process::from_c(&who))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The capacity in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The length of the value that was read or locked last.
    #[inline]
    pub fn length(&self) -> usize {
        if self.exact { self.size } else { self.info().size }
    }

    pub fn descriptor(&self) -> String {
        // SAFETY: the handle is valid; the text is the handle's and ends with NUL.
        unsafe {
            let text = ffi::tism_descriptor(&self.shm);
            if text.is_null() {
                return String::new();
            }
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }

    pub fn can_lock(&self) -> bool {
        // SAFETY: the handle is valid.
        unsafe { ffi::tism_can_lock(&self.shm) }
    }

    pub fn set_timeout(&mut self, ns: i64) {
        // SAFETY: the handle is valid. It fails only for one that all other calls refuse as well.
        let _ = unsafe { ffi::tism_set_timeout(&mut self.shm, ns) };
    }

    // ---- Descriptors

    pub fn share(&self) -> io::Result<OwnedFd> {
        let mut fd: c_int = -1;
        // SAFETY: both are valid.
        let result = unsafe { ffi::tism_share(&self.shm, &mut fd) };
        self.check("sharing", result)?;
        // SAFETY: the library made the descriptor for us to close.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub fn send(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: the socket is open, the handle valid.
        let result = unsafe { ffi::tism_send(socket.as_raw_fd(), &self.shm) };
        self.check("sending", result)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.shm.handle.is_null() {
            return; // closed or removed
        }
        if ErrorKind::from_c(self.end()) == ErrorKind::Locked {
            self.end_write_lock();
            self.end();
        }
    }
}

pub(crate) fn receive(socket: BorrowedFd<'_>) -> io::Result<(OwnedFd, String)> {
    let mut fd: c_int = -1;
    let mut name = [0u8; ffi::MAX_NAME_LENGTH + 1];
    // SAFETY: fd and name are valid for the call, and name has the room that it asks for.
    let result =
        unsafe { ffi::tism_receive(socket.as_raw_fd(), &mut fd, name.as_mut_ptr().cast()) };
    if result != 0 {
        let text = format!("receiving a topic: {}", describe(result));
        return Err(Error::new(ErrorKind::from_c(result), text).into());
    }
    // SAFETY: the library received the descriptor for us to close.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    Ok((fd, name.to_string_lossy().into_owned()))
}

pub(crate) fn remove(name: &Path, dir: Option<&Path>, force: bool) -> io::Result<()> {
    let c_name = c_string(name)?;
    let c_dir = dir.map(c_string).transpose()?;
    let dir = c_dir.as_ref().map_or(ptr::null(), |s| s.as_ptr());
    // SAFETY: the strings outlive the call.
    let result = unsafe { ffi::tism_remove(c_name.as_ptr(), dir, force) };
    if result == 0 {
        return Ok(());
    }
    let text = format!("removing topic {}: {}", name.display(), describe(result));
    Err(Error::new(ErrorKind::from_c(result), text).into())
}

pub(crate) fn now() -> Duration {
    // SAFETY: it reads a clock.
    Duration::from_nanos(unsafe { ffi::tism_now() }.unsigned_abs())
}

fn describe(result: c_uint) -> String {
    // SAFETY: it returns a string constant for any number.
    let text = unsafe { CStr::from_ptr(ffi::tism_strerror(result)) };
    text.to_string_lossy().into_owned()
}

fn c_string(text: impl AsRef<Path>) -> io::Result<CString> {
    let text = text.as_ref();
    CString::new(text.as_os_str().as_encoded_bytes()).map_err(|_| {
        let message = format!("topic {}: a name cannot contain NUL", text.display());
        Error::new(ErrorKind::InvalidArgument, message).into()
    })
}
