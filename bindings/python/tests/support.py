"""What the tests share. Topics live in a directory of the test's own."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import tism

PATIENCE = 60.0  # far longer than anything takes


class Position(ctypes.Structure):
    _fields_ = [("x", ctypes.c_float), ("y", ctypes.c_float)]


class Attitude(ctypes.Structure):
    _fields_ = [("timeUs", ctypes.c_uint64), ("q", ctypes.c_float * 4), ("pos", Position)]


ATTITUDE = "struct Attitude 32\ntime_us u64 @0\nq f32[4] @8\npos.x f32 @24\npos.y f32 @28\n"


class TopicTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tism-python-")
        self.addCleanup(shutil.rmtree, self.dir)
        before = os.environ.get("TISM_DIR")
        os.environ["TISM_DIR"] = self.dir
        self.addCleanup(restore, before)

    def keep(self, handle):
        """Closes it at the end of the test."""
        self.addCleanup(handle.close)
        return handle

    def pair(self, name="topic", init=b"\0\0", *, open={}, **options):
        return self.keep(tism.create(name, init, **options)), self.keep(tism.open(name, **open))

    def start(self, script, **options):
        """Runs a program in another process."""
        process = subprocess.Popen(
            [sys.executable, "-c", "import tism, time, os, sys\n" + textwrap.dedent(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        self.addCleanup(end, process)
        return process


def restore(before):
    if before is None:
        del os.environ["TISM_DIR"]
    else:
        os.environ["TISM_DIR"] = before


def end(process):
    process.kill()
    process.communicate()


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it does not come to pass")
        time.sleep(0.001)


def asleep(pid):
    """Whether a process's first thread sleeps in a futex."""
    with open(f"/proc/{pid}/syscall") as f:
        return f.read().split()[0] == str({"x86_64": 202, "aarch64": 98, "armv7l": 240}[os.uname().machine])


def interrupt(process):
    process.send_signal(signal.SIGINT)
