"""Reads and writes per second, beside multiprocessing.shared_memory and a Unix socket.

Each figure is the best of several short runs, in one process for reads and writes (so that nothing
but the calls is measured), in two for the way there and back. python3 bench.py [seconds per run]
"""

import os
import socket
import struct
import sys
import tempfile
import time
from multiprocessing import shared_memory

import tism

RUNS = 5


def rate(step, seconds):
    """Steps per second, the best of the runs."""
    best = 0.0
    for _ in range(RUNS):
        count, start = 0, time.perf_counter()
        end = start + seconds
        while time.perf_counter() < end:
            for _ in range(100):
                step()
            count += 100
        best = max(best, count / (time.perf_counter() - start))
    return best


def topics(size, seconds):
    value = bytes(size)
    with tism.create("bench", value) as pub, tism.open("bench") as sub:
        room = bytearray(size)
        yield "tism write", rate(lambda: pub.write(value), seconds)
        yield "tism read", rate(sub.read, seconds)
        yield "tism read_into", rate(lambda: sub.read_into(room), seconds)

        def view():
            with sub.read_lock() as guard:
                guard.view

        yield "tism read_lock", rate(view, seconds)
        pub.remove()


def plain_memory(size, seconds):
    """No lock, no notice, no check: the lower bound, and what it cannot do."""
    value = bytes(size)
    memory = shared_memory.SharedMemory(create=True, size=size)
    try:

        def write():
            memory.buf[:size] = value

        yield "shared_memory write", rate(write, seconds)
        yield "shared_memory read", rate(lambda: bytes(memory.buf[:size]), seconds)
    finally:
        memory.close()
        memory.unlink()


def unix_socket(size, seconds):
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with a, b:
        for s in (a, b):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * size + 65536)
        value = bytes(size)

        def pair():
            a.send(value)
            b.recv(size)

        yield "socket send and recv", rate(pair, seconds)


def there_and_back(seconds):
    """Between two processes that wait for each other."""
    for name, serve, ask in (("tism there and back", tism_echo, tism_ask), ("socket there and back", socket_echo, socket_ask)):
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            serve(there)
            os._exit(0)
        there.close()
        step, end = ask(here)
        yield name, rate(step, seconds)
        end()
        os.waitpid(pid, 0)
        here.close()


def tism_echo(_):
    with tism.wait_and_open("ask") as sub, tism.create("reply", bytes(8)) as pub:
        for value in sub:
            pub.write(value)


def tism_ask(_):
    pub = tism.create("ask", bytes(8))
    sub = tism.wait_and_open("reply")
    sub.read()
    number = [0]

    def step():
        number[0] += 1
        value = struct.pack("q", number[0])
        pub.write(value)
        while sub.next(5) != value:
            pass

    return step, pub.close


def socket_echo(s):
    while True:
        value = s.recv(8)
        if not value:
            return
        s.send(value)


def socket_ask(s):
    def step():
        s.send(bytes(8))
        s.recv(8)

    return step, lambda: s.shutdown(socket.SHUT_RDWR)


def main(seconds):
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith(("model name", "Model"))), "unknown CPU")
    print(f"{cpu}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        os.environ["TISM_DIR"] = directory
        for size in (64, 4096, 1 << 20):
            for run in (topics, plain_memory, unix_socket):
                for name, per_second in run(size, seconds):
                    print(f"{size:8} bytes  {name:24} {per_second:12,.0f} /s  {1e9 / per_second:10,.0f} ns")
        for name, per_second in there_and_back(seconds):
            print(f"{8:8} bytes  {name:24} {per_second:12,.0f} /s  {1e9 / per_second:10,.0f} ns")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.2)
