"""Publishers, consumers and guards, and how they are made."""

from __future__ import annotations

import enum
import os
from typing import Any, AsyncIterator, Iterator, NamedTuple, Optional, Tuple

from . import _tism
from ._errors import ClosedError
from ._types import RAW, Codec, Type, codec_of, record_codec, type_of_value


class State(enum.Enum):
    """Of a topic's publisher."""

    ALIVE = "alive"
    DIED = "died"  #: its process ended without closing; a successor may come
    CLOSED = "closed"  #: it closed the topic; a successor may come
    REPLACED = "replaced"  #: replaced or removed; nothing will come


_STATES = {
    _tism.ALIVE: State.ALIVE,
    _tism.DIED: State.DIED,
    _tism.CLOSED: State.CLOSED,
    _tism.REPLACED: State.REPLACED,
}


class Info(NamedTuple):
    """About the value that was read or locked last. Times are CLOCK_MONOTONIC, in ns."""

    number: int  #: of the publication over the topic's whole life, from 1; 0: none was read
    missed: int  #: publications between the value read before and this one
    published_ns: int  #: 0 if the publisher keeps no time
    sampled_ns: int
    size: int  #: in bytes


class Process(NamedTuple):
    """A process in its own words. The PID may mean nothing in another namespace."""

    pid: int
    command: str


class _Guard(_tism.Guard):
    @property
    def array(self) -> Any:
        """The value's memory as a NumPy array of the topic's type (bytes: of u8).

        It holds the guard: delete it, and what was sliced from it, before the 'with' block ends.
        """
        import numpy

        buffer: Any = self  # which type checkers know from Python 3.12 on
        memory: Any = memoryview(buffer)  # keeps the guard from ending
        array = numpy.asarray(memory)
        if not self.topic.type.is_struct:
            return array
        dtype = self.topic.type.dtype
        base, shape = dtype.subdtype or (dtype, ())
        return array.view(base).reshape(shape)


class ReadGuard(_Guard):
    """The newest value in place, which stays as it is until the guard's end.

    A context manager and a read-only buffer: memoryview(guard), numpy.frombuffer(guard, ...),
    guard.view, guard.array. Its end fails with BufferError while views of it are in use.
    """


class WriteGuard(_Guard):
    """Room for the next value. The end of the 'with' block publishes it; an exception in the
    block discards it (with one buffer there is nothing to go back to: then it is published).

    A writable buffer: guard.view[...] = data, guard.array, guard.struct.
    """

    @property
    def struct(self) -> Any:
        """The memory as the ctypes type that the topic was created with."""
        topic = self.topic
        cls = getattr(topic, "_class", None)
        if cls is None:
            raise TypeError("the topic was not created with a ctypes type; use view or array")
        return cls.from_buffer(self)


class _Topic(_tism.Handle):
    _class: Any = None

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        """As in TISM it may be called like close, and more than once."""
        self.close()

    @property
    def type(self) -> Type:
        """What the topic holds."""
        return Type(self.descriptor)

    @property
    def state(self) -> State:
        return _STATES[self._state()]

    @property
    def info(self) -> Info:
        """About the value that was read or locked last."""
        return Info(*self._info())

    @property
    def publisher(self) -> Process:
        """Who publishes, or did last."""
        return Process(*self._process())

    def read_lock(self) -> ReadGuard:
        """Holds the newest value in place: with topic.read_lock() as guard: ..."""
        return self._read_lock(ReadGuard)

    def share(self) -> int:
        """A new descriptor of the topic's file, to be inherited or sent, which the caller closes."""
        return self._share()

    def send(self, socket: Any) -> None:
        """Sends the topic over a Unix socket: see tism.receive."""
        self._send(socket)

    def _use(self, codec: Codec) -> None:
        self._adopt(codec.type, codec.blank, codec.decode, codec.encode)
        self._class = codec.type

    def __repr__(self) -> str:
        end = " closed" if self.closed else ""
        return f"<tism.{type(self).__name__} {self.name!r} of {self.size} bytes{end}>"


class Publisher(_Topic, _tism.Publisher):
    """The one that writes a topic. Made by create.

    For one thread at a time: calls from others wait for their turn. The child of a fork can
    only close it.
    """

    def write_lock(self) -> WriteGuard:
        """A copy of the newest value, to be changed in place (with one buffer: the value)."""
        return self._write_lock(WriteGuard)

    def loan(self) -> WriteGuard:
        """Room for the next value, with what is left of some earlier one: write all of it."""
        return self._loan(WriteGuard)

    def remove(self) -> None:
        """Closes the topic and removes it; its consumers are told."""
        self._remove()


class Consumer(_Topic, _tism.Consumer):
    """One that reads a topic. Made by open and wait_and_open.

    For one thread at a time: calls from others wait for their turn, or raise BusyError while
    one sleeps until there is news. close from another thread ends that sleep.
    """

    def __iter__(self) -> Iterator[Any]:
        """Values as they come, the newest each time, until the topic is closed or replaced."""
        while True:
            try:
                value = self.next()
            except ClosedError:
                return
            yield value

    async def next_async(self, timeout: Optional[float] = None) -> Any:
        """next for asyncio: nothing else of the loop waits meanwhile."""
        await self.wait_async(timeout)
        return self.read()

    async def wait_async(self, timeout: Optional[float] = None) -> None:
        """wait for asyncio."""
        from . import _async  # asyncio takes long to import, and few need it

        async with _async.Sleeper(self) as sleeper:
            await sleeper.wait(timeout)

    async def __aiter__(self) -> AsyncIterator[Any]:
        from . import _async

        async with _async.Sleeper(self) as sleeper:
            while True:
                try:
                    await sleeper.wait(None)
                    value = self.read()
                except ClosedError:
                    return
                yield value


def create(
    name: str,
    init: Any = None,
    *,
    type: Any = None,
    capacity: int = 0,
    buffers: int = 4,
    slots: int = 128,
    mode: int = 0o600,
    resume: bool = False,
    replace: bool = False,
    timestamps: bool = True,
    prefault: bool = False,
    lock_memory: bool = False,
    lock_timeout: Optional[float] = 1.0,
    dir: Optional[str] = None,
) -> Publisher:
    """Makes a topic, or takes over one whose publisher closed or died, and publishes init.

    init is bytes, or a ctypes or NumPy value, which gives the topic its type. Without it the
    topic needs a type or a capacity, and is empty.

    type: a ctypes.Structure, a numpy.dtype, a tism.Type or descriptor: consumers are checked
    against it. capacity: of a byte topic whose values have any length up to that; otherwise
    all have the length of init. buffers: 1 (in place, under a lock) to 15. slots: consumers it
    has room for. mode: permissions of its file. resume: keep the newest value of a topic that
    is taken over. replace: take the name even from a live publisher. timestamps: values have
    an age. prefault, lock_memory: map, or lock, the pages now. lock_timeout: seconds until a
    call that a consumer is in the way of gives up. dir: instead of $TISM_DIR or /dev/shm.

    A topic that another process publishes is LivePublisherError. One that this process
    publishes is replaced, as in TISM, if no option is given.
    """
    flags = (
        resume * _tism.F_RESUME
        | replace * _tism.F_REPLACE
        | (not timestamps) * _tism.F_NO_TIMESTAMPS
        | prefault * _tism.F_PREFAULT
        | lock_memory * _tism.F_LOCK_MEMORY
    )
    plain = type_is_bytes(type, init) and (capacity, buffers, slots, mode, flags, dir) == (0, 4, 128, 0o600, 0, None)
    return _create(name, init, type, capacity, buffers, slots, mode, flags, lock_timeout, dir, plain, False)


def create_mem(
    name: str,
    init: Any = None,
    *,
    type: Any = None,
    capacity: int = 0,
    buffers: int = 4,
    slots: int = 128,
    timestamps: bool = True,
    lock_timeout: Optional[float] = 1.0,
) -> Publisher:
    """Makes a topic without a name, in a memfd that can neither shrink nor grow.

    name is for messages. share or send hands it to other processes.
    """
    flags = (not timestamps) * _tism.F_NO_TIMESTAMPS
    return _create(name, init, type, capacity, buffers, slots, 0, flags, lock_timeout, None, False, True)


def type_is_bytes(type: Any, init: Any) -> bool:
    return type in (None, bytes) and isinstance(init, (bytes, bytearray, memoryview))


def _create(
    name: str,
    init: Any,
    type: Any,
    capacity: int,
    buffers: int,
    slots: int,
    mode: int,
    flags: int,
    timeout: Optional[float],
    dir: Optional[str],
    plain: bool,
    memfd: bool,
) -> Publisher:
    codec = codec_of(type_of_value(init) if type is None else type)
    if codec.descriptor and capacity:
        raise ValueError("a topic with a type takes no capacity: every value has the type's size")
    if not codec.descriptor and not capacity and (init is None or init == b""):
        raise ValueError("a topic needs a first value, a type or a capacity")
    if init is not None and codec.encode:
        init = codec.encode(init)
    publisher = Publisher._create(
        name, init, codec.descriptor, capacity, buffers, slots, mode, flags, timeout, _path(dir), plain, memfd
    )
    publisher._use(codec)
    return publisher


def open(
    name: str,
    *,
    type: Any = None,
    read_only: bool = False,
    allow_closed: bool = False,
    prefault: bool = False,
    lock_memory: bool = False,
    lock_timeout: Optional[float] = 1.0,
    dir: Optional[str] = None,
) -> Consumer:
    """Opens a topic; never blocks.

    type: as for create; a topic of another type is TypeMismatchError. Without one, read returns
    bytes, and of a typed topic a Record: bytes that know their fields. type=bytes: bytes always.
    read_only: take no slot and disturb nobody: no locks. allow_closed: a closed topic too, to
    read its last value.
    """
    return _open(name, type, read_only, allow_closed, prefault, lock_memory, lock_timeout, dir, False, None, -1)


def wait_and_open(
    name: str,
    timeout: Optional[float] = None,
    *,
    type: Any = None,
    read_only: bool = False,
    prefault: bool = False,
    lock_memory: bool = False,
    lock_timeout: Optional[float] = 1.0,
    dir: Optional[str] = None,
) -> Consumer:
    """Opens a topic; sleeps until there is one that is not closed. timeout in seconds."""
    return _open(name, type, read_only, False, prefault, lock_memory, lock_timeout, dir, True, timeout, -1)


async def wait_and_open_async(name: str, timeout: Optional[float] = None, **options: Any) -> Consumer:
    """wait_and_open for asyncio."""
    from . import _async

    consumer: Consumer = await _async.poll(lambda patience: wait_and_open(name, patience, **options), timeout)
    return consumer


def open_fd(fd: Any, name: str = "topic", *, type: Any = None, read_only: bool = False) -> Consumer:
    """Opens the topic behind a descriptor, which stays the caller's. name is for messages."""
    return _open(name, type, read_only, False, False, False, 1.0, None, False, None, _fileno(fd))


def _open(
    name: str,
    type: Any,
    read_only: bool,
    allow_closed: bool,
    prefault: bool,
    lock_memory: bool,
    lock_timeout: Optional[float],
    dir: Optional[str],
    waits: bool,
    timeout: Optional[float],
    fd: int,
) -> Consumer:
    codec = codec_of(type)
    flags = (
        read_only * _tism.F_AS_READER
        | allow_closed * _tism.F_ALLOW_CLOSED
        | prefault * _tism.F_PREFAULT
        | lock_memory * _tism.F_LOCK_MEMORY
    )
    consumer: Consumer = Consumer._open(name, codec.descriptor, flags, lock_timeout, _path(dir), waits, timeout, fd)
    if type is None and consumer.type.is_struct:
        codec = record_codec(consumer.type)
    if codec is not RAW:
        consumer._use(codec)
    return consumer


def remove(name: str, *, force: bool = False, dir: Optional[str] = None) -> None:
    """Removes a topic that nobody uses, or, with force, any."""
    _tism.remove(name, _path(dir), force)


def receive(socket: Any) -> Tuple[int, str]:
    """Receives a topic's descriptor, which the caller closes, and its name over a Unix socket."""
    return _tism.receive(socket)


def _path(dir: Any) -> Optional[str]:
    return None if dir is None else os.fspath(dir)


def _fileno(fd: Any) -> int:
    number: int = fd if isinstance(fd, int) else fd.fileno()
    return number
