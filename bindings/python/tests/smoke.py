"""A short whole use of the package, for emulators: package.sh check."""

import ctypes
import os
import platform
import signal
import sys

import tism


class Attitude(ctypes.Structure):
    _fields_ = [("time_us", ctypes.c_uint64), ("q", ctypes.c_float * 4), ("z", tism.complex128)]


def child(ready: int) -> None:
    pub = tism.create("topic", Attitude(1, (1, 2, 3, 4)))
    os.write(ready, b"r")
    sub = tism.wait_and_open("back", 60)
    for value in sub:
        pub.write(Attitude(int.from_bytes(value, "little"), (0, 0, 0, 1)))


def main() -> None:
    r, w = os.pipe()
    back = tism.create("back", bytes(8), buffers=1)
    pid = os.fork()
    if pid == 0:
        child(w)
        os._exit(1)
    os.read(r, 1)
    sub = tism.wait_and_open("topic", 60, type=Attitude)
    for n in range(2, 50):
        back.write(n.to_bytes(8, "little"))
        while sub.next(60).time_us != n:
            pass
    with sub.read_lock() as guard:
        assert Attitude.from_buffer_copy(guard).q[3] == 1
    assert tism.open("topic").read().q == (0, 0, 0, 1)
    assert sub.state is tism.State.ALIVE
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert sub.state is tism.State.DIED
    with tism.create("topic", type=Attitude, resume=True) as heir:
        heir.write(Attitude(7))
        assert sub.next(60).time_us == 7
        try:
            sub.next(0.01)
        except TimeoutError:
            pass
    try:
        sub.next(60)
    except tism.ClosedError:
        pass
    print(f"ok: Python {platform.python_version()} on {platform.machine()}, {8 * ctypes.sizeof(ctypes.c_void_p)} bits, {sys.byteorder}-endian")


if __name__ == "__main__":
    main()
