"""tism: the newest value of a type, from one process to others, through shared memory.

    import tism

    with tism.create("altitude", bytes(8)) as topic:     # in one process
        topic.write(struct.pack("d", 120.0))

    with tism.wait_and_open("altitude") as topic:        # in others, in Python, Go, C or Rust
        for value in topic:
            print(struct.unpack("d", value))

create, open, wait_and_open, read, write, read_change, has_changed, staleness, staleness_nanos and
get_total_writes are those of TISM 2.1. Beyond them are types (type=), waiting (next, iteration,
next_async), values in place (read_lock, write_lock, loan), and exceptions that say what to do.
Nothing here unlinks a topic but remove.

A handle is for one thread at a time; one that is not used raises or waits, never crashes. After
a fork, handles are of no use in the child: open the topic there.
"""

from ._errors import (
    BadHandleError,
    BusyError,
    ClosedError,
    CorruptError,
    EmptyError,
    Error,
    FileTableError,
    InterruptedWaitError,
    InUseError,
    InvalidArgumentError,
    LeaseLostError,
    LivePublisherError,
    LockedError,
    MemoryLockError,
    NoDiscardError,
    NoSlotsError,
    NoSpaceError,
    NotATopicError,
    NotFoundError,
    NotLockedError,
    OverrunError,
    PermissionDeniedError,
    ReadOnlyError,
    SizeMismatchError,
    TimeoutError,
    TooBigError,
    TooManyFilesError,
    TornError,
    TypeMismatchError,
    UnknownError,
    UnsupportedError,
    VersionError,
)
from ._tism import LAYOUT_VERSION, MAX_NAME_LENGTH, forked as _forked, now
from ._topics import (
    Consumer,
    Info,
    Process,
    Publisher,
    ReadGuard,
    State,
    WriteGuard,
    create,
    create_mem,
    open,
    open_fd,
    receive,
    remove,
    wait_and_open,
    wait_and_open_async,
)
from ._types import Field, Record, Type, complex64, complex128

import os as _os

_os.register_at_fork(after_in_child=_forked)

__version__ = "2.1.0"
__all__ = [
    "BadHandleError",
    "BusyError",
    "ClosedError",
    "Consumer",
    "CorruptError",
    "EmptyError",
    "Error",
    "Field",
    "FileTableError",
    "InUseError",
    "Info",
    "InterruptedWaitError",
    "InvalidArgumentError",
    "LAYOUT_VERSION",
    "LeaseLostError",
    "LivePublisherError",
    "LockedError",
    "MAX_NAME_LENGTH",
    "MemoryLockError",
    "NoDiscardError",
    "NoSlotsError",
    "NoSpaceError",
    "NotATopicError",
    "NotFoundError",
    "NotLockedError",
    "OverrunError",
    "PermissionDeniedError",
    "Process",
    "Publisher",
    "ReadGuard",
    "ReadOnlyError",
    "Record",
    "SizeMismatchError",
    "State",
    "TimeoutError",
    "TooBigError",
    "TooManyFilesError",
    "TornError",
    "Type",
    "TypeMismatchError",
    "UnknownError",
    "UnsupportedError",
    "VersionError",
    "WriteGuard",
    "complex128",
    "complex64",
    "create",
    "create_mem",
    "now",
    "open",
    "open_fd",
    "receive",
    "remove",
    "wait_and_open",
    "wait_and_open_async",
]
