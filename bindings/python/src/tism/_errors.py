"""One exception for each result of the C library. All are tism.Error, a RuntimeError as in TISM."""

from __future__ import annotations

import builtins
import errno
from typing import Dict, Optional, Type as _Class

from . import _tism


class Error(RuntimeError):
    """Base of all. topic is its name, result the C library's number."""

    result: int = _tism.UNKNOWN
    topic: Optional[str] = None
    _errno: Optional[int] = None
    _advice: str = ""

    def __init__(self, message: str = "", topic: Optional[str] = None) -> None:
        super().__init__(message)
        self.topic = topic
        if self._errno is not None:
            self.errno = self._errno

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidArgumentError(Error, ValueError):
    """A bad name, size or option."""

    result = _tism.INVALID_ARGUMENT


class PermissionDeniedError(Error, PermissionError):
    """The topic's file, or its directory, does not allow it."""

    result, _errno = _tism.BAD_PERMISSIONS, errno.EACCES
    _advice = "run as the publisher's user, or create the topic with mode=0o660 or 0o644"


class InterruptedWaitError(Error, InterruptedError):
    """The wait was ended by this program."""

    result, _errno = _tism.INTERUPTED, errno.EINTR


class UnsupportedError(Error, OSError):
    """The kernel or the file system cannot do it."""

    result, _errno = _tism.UNSUPPORTED, errno.ENOTSUP
    _advice = "topics need Linux 3.17 or later and a tmpfs (see TISM_DIR)"


class TooManyFilesError(Error, OSError):
    """This process has as many open files as it may."""

    result, _errno = _tism.TOO_MANY_FDS, errno.EMFILE
    _advice = "close what is not used, or raise 'ulimit -n'"


class FileTableError(Error, OSError):
    """The system has as many open files as it can."""

    result, _errno = _tism.FILE_TABLE, errno.ENFILE


class NoSpaceError(Error, OSError):
    """There is no memory for the topic."""

    result, _errno = _tism.NO_SPACE, errno.ENOSPC
    _advice = "see 'df /dev/shm'; remove topics that are not used, or take fewer buffers"


class TooBigError(Error, ValueError):
    """Larger than the topic's capacity, or than a topic can be."""

    result = _tism.TOO_BIG


class VersionError(Error):
    """The topic has another version of the layout."""

    result = _tism.VERSION_MISMATCH
    _advice = "build both programs with the same version of tism"


class NotFoundError(Error, FileNotFoundError):
    """There is no topic of that name."""

    result, _errno = _tism.DOES_NOT_EXIST, errno.ENOENT
    _advice = "start its publisher, or use wait_and_open; both programs need the same TISM_DIR"


class ClosedError(Error):
    """Nothing will come here: closed by its publisher, replaced or removed."""

    result = _tism.IS_ZOMBIE
    _advice = "wait_and_open it for the next publisher, or open it with allow_closed=True for the last value"


class UnknownError(Error):
    """An error of the kernel that has no name here."""


class TimeoutError(Error, builtins.TimeoutError):
    """The time was up; the topic is as it was."""

    result, _errno = _tism.TIMED_OUT, errno.ETIMEDOUT


class LivePublisherError(Error, FileExistsError):
    """The topic has a publisher, which lives."""

    result, _errno = _tism.LIVE_PUBLISHER, errno.EEXIST


class TypeMismatchError(Error, TypeError):
    """The topic holds another type."""

    result = _tism.TYPE_MISMATCH


class NotATopicError(Error):
    """What has the name is something else, or damaged."""

    result = _tism.NOT_A_TOPIC


class NoSlotsError(Error):
    """The topic has as many consumers as its creator made room for."""

    result = _tism.NO_SLOTS
    _advice = "create it with more slots, or open it with read_only=True, which takes none"


class InUseError(Error):
    """The topic has a publisher or consumers."""

    result = _tism.IN_USE
    _advice = "stop them, or remove it with force=True"


class TornError(Error):
    """The publisher of a topic with one buffer died while it wrote."""

    result = _tism.TORN
    _advice = "the next whole write mends it; topics with more buffers are never torn"


class EmptyError(Error):
    """Nothing was published yet."""

    result = _tism.EMPTY
    _advice = "use next() to wait for the first value"


class SizeMismatchError(Error, ValueError):
    """A value has another length than the topic's."""

    result = _tism.SIZE_MISMATCH


class ReadOnlyError(Error, PermissionError):
    """Locks need write permission to the topic's file."""

    result, _errno = _tism.READ_ONLY, errno.EACCES
    _advice = "use read(), or open the topic without read_only and with permission to write its file"


class OverrunError(Error):
    """The publisher was too fast for a reader that takes no slot."""

    result = _tism.OVERRUN
    _advice = "read again, or open the topic without read_only"


class NoDiscardError(Error):
    """With one buffer the value was changed in place."""

    result = _tism.NO_DISCARD


class LockedError(Error):
    """This handle holds a guard already."""

    result = _tism.LOCKED
    _advice = "end that guard first (its views too), or open the topic again"


class NotLockedError(Error):
    """The guard has ended."""

    result = _tism.NOT_LOCKED


class LeaseLostError(Error):
    """The guard was taken away: what was read through it may be torn."""

    result = _tism.LEASE_LOST


class CorruptError(Error):
    """Shared memory says what it cannot."""

    result = _tism.CORRUPT


class MemoryLockError(Error, OSError):
    """The kernel refused to lock pages into memory."""

    result, _errno = _tism.MEMORY_LOCK, errno.ENOMEM
    _advice = "raise 'ulimit -l'"


class BadHandleError(Error, ValueError):
    """The handle was closed, or is the parent's in a forked child."""

    result = _tism.BAD_HANDLE
    _advice = "open the topic again"


class BusyError(Error):
    """Another thread or task sleeps in this handle until there is news."""

    result = -1
    _advice = "open the topic again: one handle for each that waits"


_classes: Dict[int, _Class[Error]] = {c.result: c for c in Error.__subclasses__()}


def make_error(result: int, action: str, topic: Optional[str], detail: str) -> Error:
    """What the C half raises."""
    cls = _classes.get(result, UnknownError)
    where = action if topic is None else f"{action} topic {topic!r}"
    advice = cls._advice
    if result == BusyError.result:
        cause = "another thread or task waits in this handle"
    elif detail and (cls in _TOLD_BY_DETAIL or "\n" in detail):
        cause = detail.replace("TISM_REPLACE", "replace=True")
    else:
        cause = _tism.strerror(result)
        if detail and detail != cause:
            cause = f"{cause}: {detail}"
    if cls is ClosedError and action == "writing to":
        advice = "another program took the name"
    return cls(f"{where}: {cause}" + (f" ({advice})" if advice else ""), topic)


_TOLD_BY_DETAIL = (LivePublisherError, SizeMismatchError)

_tism.on_error(make_error)
