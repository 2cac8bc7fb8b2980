"""A process that the cross-language tests drive: see bindings/peer_test.go for the commands."""

import ctypes
import sys
import time
from typing import Any, Optional

import tism

CAPACITY = 1000
PATIENCE = 60.0
SOCKET = 3  # where memfds are sent and received


class Cell(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint8), ("_pad", ctypes.c_uint8 * 3), ("volts", ctypes.c_float)]


class Fix(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int8), ("ok", ctypes.c_bool)]


# The names are those in the golden segments.
class sample(ctypes.Structure):
    _fields_ = [
        ("seq", ctypes.c_uint64),
        ("quat", ctypes.c_float * 4),
        ("raw", ctypes.c_int16 * 3 * 2),
        ("text", ctypes.c_uint8 * 4),
        ("cell", Cell * 3),
        ("fix", Fix),
        ("mask", ctypes.c_uint32),
        ("half", ctypes.c_double),
        ("z", tism.complex128),
    ]


class big(ctypes.Structure):
    _fields_ = [("word", ctypes.c_uint64 * 1024)]


def make_sample(n: int) -> bytes:
    s = sample(seq=n, mask=~n & 0xFFFFFFFF, half=n / 2, z=tism.complex128(n, -float(n)), fix=Fix(n % 100, n % 2 == 1))
    for i in range(4):
        s.quat[i] = n % 1000 + i
        s.text[i] = (n + i) & 0xFF
    for i in range(6):
        s.raw[i // 3][i % 3] = n % 1000 + i
    for i in range(3):
        s.cell[i].id = (n + i) & 0xFF
        s.cell[i].volts = (n % 1000) / 2 + i
    return bytes(s)


def make_big(n: int) -> bytes:
    return n.to_bytes(8, "little") * 1024


def make_bytes(n: int) -> bytes:
    length = 8 + n % (CAPACITY - 8 + 1)
    return n.to_bytes(8, "little") + bytes((n + i) & 0xFF for i in range(8, length))


# Its type, and how value n is made.
KINDS = {"sample": (sample, make_sample), "big": (big, make_big), "bytes": (None, make_bytes)}

NAMES = {
    tism.NotFoundError: "not-exist",
    tism.ClosedError: "over",
    tism.TypeMismatchError: "type",
    tism.VersionError: "version",
    tism.LivePublisherError: "live",
    tism.NotATopicError: "not-topic",
    tism.TimeoutError: "timeout",
    tism.TornError: "torn",
    tism.EmptyError: "empty",
    tism.ReadOnlyError: "read-only",
    tism.OverrunError: "overrun",
    tism.LeaseLostError: "lease",
}


class Half(Exception):
    pass


class Peer:
    pub: Optional[tism.Publisher] = None
    sub: Optional[tism.Consumer] = None
    guard: Any = None
    held: Any = None

    def create(self, how: str, kind: str, name: str, buffers: str, n: str) -> None:
        cls, self.make = KINDS[kind]
        options = dict(type=cls, buffers=int(buffers), slots=8, capacity=0 if cls else CAPACITY)
        options["lock_timeout"] = {"hasty": 0.02, "patient": PATIENCE}.get(how, 1.0)
        value = self.value(int(n), cls)
        if how == "memfd":
            self.pub = tism.create_mem(name, value, **options)
        else:
            self.pub = tism.create(name, value, resume=how == "resume", replace=how == "replace", **options)
        self.pub_type = cls

    def value(self, n: int, cls: Any) -> Any:
        return cls.from_buffer_copy(self.make(n)) if cls else self.make(n)

    def open(self, how: str, kind: str, name: str) -> None:
        cls, self.make_sub = KINDS[kind]
        if how == "wait":
            self.sub = tism.wait_and_open(name, PATIENCE, type=cls)
        else:
            self.sub = tism.open(
                name, type=cls, read_only=how == "reader", lock_timeout=PATIENCE if how == "patient" else 1.0
            )

    def send(self) -> None:
        self.pub.send(SOCKET)

    def receive(self, kind: str) -> None:
        cls, self.make_sub = KINDS[kind]
        fd, name = tism.receive(SOCKET)
        with open(fd, "rb", 0) as f:
            self.sub = tism.open_fd(f, name, type=cls)

    def write(self, n: str) -> None:
        self.pub.write(self.value(int(n), self.pub_type))

    def lock(self, n: str) -> None:
        value = self.make(int(n))
        self.held = self.pub.loan()
        self.held.view[: len(value) // 2] = value[: len(value) // 2]

    def blast(self, n: str, ms: str) -> int:
        count, end = 0, time.monotonic() + int(ms) / 1000
        while time.monotonic() < end:
            self.pub.write(self.value(int(n) + count, self.pub_type))
            count += 1
        return count

    def number(self, data: Any) -> int:
        data = bytes(data)
        n = int.from_bytes(data[:8], "little")
        if len(data) < 8 or data != self.make_sub(n):
            raise Half
        return n

    def answer(self, data: Any) -> str:
        return f"{self.number(data)} {self.sub.info.missed}"

    def read(self) -> str:
        return self.answer(self.sub.read())

    def next(self) -> str:
        return self.answer(self.sub.next(PATIENCE))

    def rlock(self) -> str:
        self.guard = self.sub.read_lock()
        return self.answer(self.guard)

    def runlock(self) -> None:
        self.guard.release()

    def verify(self, how: str, ms: str) -> int:
        count, last, end = 0, 0, time.monotonic() + int(ms) / 1000
        while time.monotonic() < end:
            try:
                if how == "guards":
                    with self.sub.read_lock() as guard:
                        n = self.number(guard)
                else:
                    n = self.number(self.sub.read())
            except tism.OverrunError:
                continue
            if n < last:
                raise Half
            last = n
            count += 1
        return count

    def state(self) -> str:
        return self.sub.state.value

    def changed(self) -> int:
        return int(self.sub.has_changed())

    def writes(self) -> str:
        return f"{self.pub.get_total_writes() if self.pub else 0} {self.sub.get_total_writes() if self.sub else 0}"

    def descriptor(self) -> str:
        return str((self.pub or self.sub).type).replace("\n", ";")

    def close(self) -> None:
        self.pub.close()
        self.pub = None

    def remove(self) -> None:
        self.pub.remove()

    def leave(self) -> None:
        self.sub.close()
        self.sub = None


def main() -> None:
    peer = Peer()
    for line in sys.stdin:
        command, *words = line.split()
        try:
            result = getattr(peer, command)(*words)
            print("ok" if result is None else f"ok {result}", flush=True)
        except Half:
            print("error half", flush=True)
        except tism.Error as e:
            print("error", NAMES.get(type(e)) or f"{type(e).__name__}: {e}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
