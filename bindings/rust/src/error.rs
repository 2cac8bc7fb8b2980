use std::fmt;
use std::io;

/// Why a call did not do what it was asked to: the results of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A bad name, size or option.
    InvalidArgument = 1,
    /// The permissions of the topic's file, or those of its directory.
    BadPermissions,
    /// A signal handler ran while the call slept.
    Interrupted,
    /// The kernel or the file system cannot do it.
    Unsupported,
    /// This process has too many open files.
    TooManyFiles,
    /// The system has too many open files.
    FileTable,
    /// No memory for the topic, or no address space.
    NoSpace,
    /// Larger than a topic can be, or than this topic's capacity.
    TooBig,
    /// Made by another version of the layout.
    VersionMismatch,
    /// No topic of that name.
    NotFound,
    /// Nothing will come here: closed by its publisher, replaced or removed
    /// ([`state`](crate::BorrowedSharedMemory::state) tells which). Open the topic again.
    Closed,
    /// None of the others.
    Unknown,
    /// Gave up waiting; the topic is as it was before.
    TimedOut,
    /// The topic has a publisher, which lives.
    LivePublisher,
    /// The topic holds another type.
    TypeMismatch,
    /// What has the name is something else, or damaged.
    NotATopic,
    /// As many consumers as the creator made room for.
    NoSlots,
    /// Has a publisher or consumers, so it is not removed.
    InUse,
    /// One buffer, whose publisher died while it wrote.
    Torn,
    /// Nothing was published yet.
    Empty,
    /// The newest value has another length than the program's.
    SizeMismatch,
    /// Needs write permission to the topic's file.
    ReadOnly,
    /// No whole copy could be had, without write permission.
    Overrun,
    /// One buffer: the value was changed in place.
    NoDiscard,
    /// This handle holds a guard.
    Locked,
    /// This handle holds none.
    NotLocked,
    /// The guard was taken away; what was read may be torn.
    LeaseLost,
    /// Shared memory says what it cannot, or holds bytes that are no value of the type.
    Corrupt,
    /// The kernel refused to lock pages into memory: raise `RLIMIT_MEMLOCK`.
    MemoryLock,
    /// The handle belongs to the parent process of a fork.
    BadHandle,
}

use ErrorKind::*;

/// All kinds, in the order of their numbers, which begin with 1.
const KINDS: [ErrorKind; 30] = [
    InvalidArgument,
    BadPermissions,
    Interrupted,
    Unsupported,
    TooManyFiles,
    FileTable,
    NoSpace,
    TooBig,
    VersionMismatch,
    NotFound,
    Closed,
    Unknown,
    TimedOut,
    LivePublisher,
    TypeMismatch,
    NotATopic,
    NoSlots,
    InUse,
    Torn,
    Empty,
    SizeMismatch,
    ReadOnly,
    Overrun,
    NoDiscard,
    Locked,
    NotLocked,
    LeaseLost,
    Corrupt,
    MemoryLock,
    BadHandle,
];

impl ErrorKind {
    /// The kind that an [`io::Error`] of this crate carries.
    ///
    /// ```
    /// let error = tism::open::<u64>("doc_no_such_topic").err().unwrap();
    /// assert_eq!(tism::ErrorKind::of(&error), Some(tism::ErrorKind::NotFound));
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    pub fn of(error: &io::Error) -> Option<ErrorKind> {
        Error::of(error).map(Error::kind)
    }

    pub(crate) fn from_c(result: u32) -> ErrorKind {
        let index = (result as usize).wrapping_sub(1);
        KINDS.get(index).copied().unwrap_or(Unknown)
    }

    /// What [`io::Error::kind`] says of it.
    pub fn io_kind(self) -> io::ErrorKind {
        match self {
            InvalidArgument | TypeMismatch | SizeMismatch | NotLocked | BadHandle => {
                io::ErrorKind::InvalidInput
            }
            BadPermissions | ReadOnly | MemoryLock => io::ErrorKind::PermissionDenied,
            Interrupted => io::ErrorKind::Interrupted,
            Unsupported | NoDiscard => io::ErrorKind::Unsupported,
            NoSpace => io::ErrorKind::StorageFull,
            TooBig => io::ErrorKind::FileTooLarge,
            NotFound => io::ErrorKind::NotFound,
            Closed => io::ErrorKind::BrokenPipe,
            TimedOut => io::ErrorKind::TimedOut,
            LivePublisher => io::ErrorKind::AlreadyExists,
            NotATopic | Torn | LeaseLost | Corrupt => io::ErrorKind::InvalidData,
            NoSlots => io::ErrorKind::QuotaExceeded,
            InUse | Locked => io::ErrorKind::ResourceBusy,
            Empty | Overrun => io::ErrorKind::WouldBlock,
            TooManyFiles | FileTable | VersionMismatch | Unknown => io::ErrorKind::Other,
        }
    }
}

/// An error of this crate. Its functions return it within an [`io::Error`], as TISM 2.1 does;
/// [`Error::of`] and `Error::try_from` get it back.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Box<str>>) -> Error {
        Error { kind, message: message.into() }
    }

    /// Why.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error of this crate within an [`io::Error`], if it is one.
    pub fn of(error: &io::Error) -> Option<&Error> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind.io_kind(), error)
    }
}

impl TryFrom<io::Error> for Error {
    type Error = io::Error;

    /// Takes the error of this crate out of an [`io::Error`], or gives that back.
    fn try_from(error: io::Error) -> Result<Error, io::Error> {
        error.downcast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_c() {
        for (i, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, i + 1);
            assert_eq!(ErrorKind::from_c(kind as u32), kind);
        }
        assert_eq!(ErrorKind::from_c(0), Unknown);
        assert_eq!(ErrorKind::from_c(99), Unknown);
    }

    #[test]
    fn to_io_and_back() {
        let error: io::Error = Error::new(Torn, "reading topic x: torn").into();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), "reading topic x: torn");
        assert_eq!(ErrorKind::of(&error), Some(Torn));
        assert_eq!(Error::try_from(error).unwrap().kind(), Torn);

        let other = io::Error::other("something else");
        assert_eq!(ErrorKind::of(&other), None);
        assert_eq!(Error::try_from(other).unwrap_err().to_string(), "something else");
    }
}
