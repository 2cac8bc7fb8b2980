"""Sleeping: deadlines, Ctrl-C, threads, asyncio, forks."""

import asyncio
import os
import signal
import socket
import threading
import time
import unittest

import tism
from support import PATIENCE, Attitude, TopicTest, asleep, interrupt, wait_until


class Waiting(TopicTest):
    def test_timeouts(self):
        _, reader = self.pair()
        reader.read()
        for wait in (reader.next, reader.wait, lambda t: tism.wait_and_open("never", t)):
            for timeout in (0, 0.01):
                with self.assertRaises(TimeoutError) as caught:
                    wait(timeout)
                self.assertIsInstance(caught.exception, tism.TimeoutError)
        for wrong in (-1, float("nan"), "1"):
            with self.assertRaises((ValueError, TypeError)):
                reader.next(wrong)

    def test_next(self):
        owner, reader = self.pair()
        self.assertEqual(reader.next(0), b"\0\0")
        for n in range(3):
            owner.write(b"%02d" % n)
        self.assertEqual(reader.next(timeout=0), b"02")
        self.assertEqual((reader.info.missed, reader.info.number), (2, 4))

    def test_iteration(self):
        _, reader = self.pair("mine")
        publisher = self.start(
            """
            pub = tism.create("topic", b"0")
            sys.stdin.readline()
            for n in range(1, 10):
                pub.write(b"%d" % n)
                time.sleep(0.002)
            pub.close()
            """
        )
        reader = self.keep(tism.wait_and_open("topic", PATIENCE))
        seen = []
        for value in reader:
            seen.append(int(value))
            if value == b"0":
                publisher.stdin.write("go\n")
                publisher.stdin.flush()
        self.assertEqual((seen[0], seen[-1], seen), (0, 9, sorted(set(seen))))
        self.assertEqual(reader.state, tism.State.CLOSED)

    def test_wait_and_open(self):
        opener = self.start("print(tism.wait_and_open('topic').read())")
        wait_until(lambda: os.path.exists(f"/proc/{opener.pid}/fd") and "anon_inode:inotify" in links(opener.pid))
        self.keep(tism.create("topic", b"ab"))
        self.assertEqual(opener.communicate(timeout=PATIENCE)[0], "b'ab'\n")

    def test_publisher(self):
        publisher = self.start("pub = tism.create('topic', b'ab'); print(flush=True); sys.stdin.readline()")
        publisher.stdout.readline()
        reader = self.keep(tism.open("topic"))
        self.assertEqual((reader.publisher.pid, reader.state), (publisher.pid, tism.State.ALIVE))
        reader.wait_publisher(0)
        publisher.kill()
        publisher.wait()
        self.assertEqual(reader.state, tism.State.DIED)
        with self.assertRaises(tism.TimeoutError):
            reader.wait_publisher(0.01)
        self.assertEqual(reader.read(), b"ab")
        self.keep(tism.create("topic", b"cd", resume=True))
        reader.wait_publisher(PATIENCE)
        self.assertEqual(reader.next(PATIENCE) if reader.has_changed() else reader.read(), b"ab")

    def test_live_publisher_elsewhere(self):
        publisher = self.start("pub = tism.create('topic', b'ab'); print(flush=True); sys.stdin.readline()")
        publisher.stdout.readline()
        for options in ({}, {"resume": True}):
            with self.assertRaisesRegex(tism.LivePublisherError, f"PID {publisher.pid}.*replace=True") as caught:
                tism.create("topic", b"cd", **options)
            self.assertIsInstance(caught.exception, FileExistsError)
        with self.assertRaises(tism.InUseError):
            tism.remove("topic")
        self.keep(tism.create("topic", b"cd", replace=True))
        self.assertEqual(tism.open("topic").read(), b"cd")

    def test_memfd(self):
        here, there = socket.socketpair()
        with here, there:
            owner = self.keep(tism.create_mem("topic", Attitude(7)))
            owner.send(here)
            fd, name = tism.receive(there)
            with open(fd, "rb", 0) as f:
                reader = self.keep(tism.open_fd(f, name, type=Attitude))
        self.assertEqual((name, reader.name, reader.read().timeUs), ("topic", "topic", 7))
        fd = owner.share()
        os.close(fd)
        with self.assertRaises(tism.Error):
            tism.open_fd(fd)
        self.assertEqual(os.listdir(self.dir), [])


def links(pid):
    out = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            out.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return out


class CtrlC(TopicTest):
    SLEEPS = {
        "next": "tism.open('topic').next()",
        "iteration": "list(tism.open('topic'))",
        "wait": "tism.open('topic').wait()",
        "wait_and_open": "tism.wait_and_open('never')",
        "asyncio": "import asyncio\n    asyncio.run(tism.open('topic').next_async())",
        "lock": "list(iter(tism.open('one', lock_timeout=None).read_lock, 1))",
    }

    def test_ends_every_sleep(self):
        self.keep(tism.create("topic", type="struct empty 4\nx u32 @0\n"))
        one = self.keep(tism.create("one", b"ab", buffers=1))
        for name, sleep in self.SLEEPS.items():
            with self.subTest(name):
                if name == "lock":
                    held = one.loan()
                sleeper = self.start(
                    f"print('ready', flush=True)\ntry:\n    {sleep}\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
                )
                sleeper.stdout.readline()
                if name == "wait_and_open":
                    wait_until(lambda: "anon_inode:inotify" in links(sleeper.pid))
                elif name == "asyncio":  # the thread sleeps in a futex, the loop in epoll
                    wait_until(lambda: len(os.listdir(f"/proc/{sleeper.pid}/task")) > 1)
                else:
                    wait_until(lambda: asleep(sleeper.pid))
                interrupt(sleeper)
                self.assertEqual(sleeper.communicate(timeout=PATIENCE)[0], "interrupted\n")
                if name == "lock":
                    held.release()

    def test_handlers_run_and_it_sleeps_on(self):
        """A signal handler that does not raise does not end the wait."""
        owner, reader = self.pair()
        reader.read()
        calls = []
        before = signal.signal(signal.SIGALRM, lambda *_: calls.append(1) or (len(calls) == 3 and owner.write(b"go")))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        try:
            self.assertEqual(reader.next(PATIENCE), b"go")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertGreaterEqual(len(calls), 3)


class Threads(TopicTest):
    def sleeper(self, call):
        """Runs call in a thread until it sleeps; returns a function that gives its outcome."""
        outcome = []

        def run():
            try:
                outcome.append(call())
            except BaseException as e:
                outcome.append(e)

        thread = threading.Thread(target=run)
        thread.start()

        def finish():
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
            return outcome[0]

        return finish

    def busy(self, reader):
        def is_busy():
            try:
                reader.wait(0)
            except tism.BusyError:
                return True
            except tism.TimeoutError:
                return False

        wait_until(is_busy)

    def test_others_run_meanwhile(self):
        """The GIL is free while a thread sleeps, and its handle says that it is busy."""
        owner, reader = self.pair()
        reader.read()
        finish = self.sleeper(reader.next)
        self.busy(reader)
        for call in (reader.read, reader.next, reader.read_lock, reader.read_change):
            with self.assertRaisesRegex(tism.BusyError, "topic 'topic'"):
                call()
        self.assertGreaterEqual(reader.staleness_nanos(), 0)
        self.assertEqual((reader.has_changed(), reader.info.number, reader.state), (False, 1, tism.State.ALIVE))
        owner.write(b"go")
        self.assertEqual(finish(), b"go")
        self.assertEqual(reader.read(), b"go")

    def test_close_ends_a_sleep(self):
        _, reader = self.pair()
        reader.read()
        finish = self.sleeper(reader.next)
        self.busy(reader)
        reader.close()
        self.assertIsInstance(finish(), tism.BadHandleError)

    def test_calls_take_turns(self):
        """With one buffer, or large, calls let the GIL go: nothing breaks, nothing is lost."""
        for options in ({"buffers": 1}, {"buffers": 4}):
            size = 200_000
            owner, reader = self.pair(f"topic{options['buffers']}", bytes(size), lock_timeout=PATIENCE, **options)
            errors = []

            def write(n):
                for _ in range(50):
                    owner.write(bytes([n]) * size)

            def read():
                for _ in range(50):
                    value = reader.read()
                    if value.count(value[0]) != size:
                        errors.append(value[:1])

            threads = [threading.Thread(target=write, args=(n,)) for n in range(1, 4)]
            threads += [threading.Thread(target=read) for _ in range(3)]
            for t in threads:
                t.start()
            for t in threads:
                t.join(PATIENCE)
            self.assertEqual((errors, owner.get_total_writes()), ([], 151))

    def test_close_while_others_use_it(self):
        for _ in range(20):
            owner, reader = self.pair("topic", bytes(200_000))
            go = threading.Event()
            outcomes = []

            def read():
                go.wait()
                try:
                    while True:
                        reader.read()
                except tism.Error as e:
                    outcomes.append(type(e))

            threads = [threading.Thread(target=read) for _ in range(2)]
            for t in threads:
                t.start()
            go.set()
            time.sleep(0.001)
            reader.close()
            for t in threads:
                t.join(PATIENCE)
            self.assertEqual(outcomes, [tism.BadHandleError] * 2)


class Asyncio(TopicTest):
    def run_async(self, coroutine):
        before = threading.active_count()
        result = asyncio.run(asyncio.wait_for(coroutine, PATIENCE))
        self.assertEqual(threading.active_count(), before, "a thread is left")
        return result

    def test_next(self):
        owner, reader = self.pair()

        async def main():
            first = await reader.next_async()
            later = asyncio.ensure_future(reader.next_async())
            while threading.active_count() == 1:
                await asyncio.sleep(0)
            owner.write(b"go")
            return first, await later

        self.assertEqual(self.run_async(main()), (b"\0\0", b"go"))

    def test_iteration(self):
        owner, reader = self.pair()

        async def main():
            seen = []
            async for value in reader:
                seen.append(value)
                if len(seen) < 20:
                    asyncio.get_running_loop().call_later(0.001, owner.write, b"%02d" % len(seen))
                else:
                    owner.close()
            return seen

        self.assertEqual(self.run_async(main()), [b"\0\0"] + [b"%02d" % n for n in range(1, 20)])

    def test_break(self):
        owner, reader = self.pair()

        async def main():
            async for value in reader:
                asyncio.get_running_loop().call_later(0.01, owner.write, b"no")
                async for value in reader:
                    return value

        self.assertEqual(self.run_async(main()), b"no")

    def test_cancellation(self):
        owner, reader = self.pair()
        reader.read()

        async def main():
            for _ in range(20):
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.next_async(), 0.002)
                self.assertEqual(threading.active_count(), 1)
                with self.assertRaises(tism.TimeoutError):
                    reader.next(0)  # it is free at once
            owner.write(b"go")
            return await reader.next_async()

        self.assertEqual(self.run_async(main()), b"go")

    def test_timeout(self):
        _, reader = self.pair()
        reader.read()

        async def main():
            with self.assertRaises(tism.TimeoutError):
                await reader.next_async(timeout=0.01)
            with self.assertRaises(tism.TimeoutError):
                await tism.wait_and_open_async("never", 0.01)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(tism.wait_and_open_async("never"), 0.01)

        self.run_async(main())

    def test_many_at_once(self):
        """More topics than a thread pool has threads."""
        pairs = [self.pair(f"topic{n}") for n in range(40)]

        async def main():
            for _, reader in pairs:
                reader.read()
            waits = [asyncio.ensure_future(reader.next_async()) for _, reader in pairs]
            await asyncio.sleep(0.01)
            for owner, _ in pairs:
                owner.write(b"go")
            return await asyncio.gather(*waits)

        self.assertEqual(self.run_async(main()), [b"go"] * 40)

    def test_wait_and_open(self):
        async def main():
            opening = asyncio.ensure_future(tism.wait_and_open_async("late", type=Attitude))
            await asyncio.sleep(0.01)
            self.keep(tism.create("late", Attitude(7)))
            return (await opening).read().timeUs

        self.assertEqual(self.run_async(main()), 7)

    def test_closed(self):
        owner, reader = self.pair()
        reader.read()

        async def main():
            waiting = asyncio.ensure_future(reader.next_async())
            await asyncio.sleep(0.01)
            owner.close()
            with self.assertRaises(tism.ClosedError):
                await waiting

        self.run_async(main())


class Forks(TopicTest):
    def in_child(self, f):
        pid = os.fork()
        if pid == 0:
            try:
                f()
                os._exit(0)
            except BaseException as e:
                print(repr(e), flush=True)
            os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_child(self):
        owner, reader = self.pair()

        def child():
            for call in (reader.read, owner.read, reader.next, reader.read_lock, owner.loan, lambda: owner.write(b"no")):
                with self.assertRaisesRegex(tism.BadHandleError, "parent"):
                    call()
            owner.close()
            reader.close()
            anew = tism.open("topic")
            self.assertEqual(anew.read(), b"\0\0")
            with self.assertRaises(tism.LivePublisherError):
                tism.create("topic", b"no", buffers=4, slots=127)

        self.in_child(child)
        owner.write(b"go")
        self.assertEqual((reader.next(PATIENCE), reader.state), (b"go", tism.State.ALIVE))

    def test_with_guard(self):
        owner, reader = self.pair("topic", b"ab", buffers=1, lock_timeout=0.02)
        guard = reader.read_lock()

        def child():
            with self.assertRaises(tism.BadHandleError):
                guard.release()
            reader.close()

        self.in_child(child)
        with self.assertRaises(tism.TimeoutError):
            owner.write(b"cd")  # the parent still holds it
        guard.release()
        owner.write(b"cd")

    def test_while_a_thread_sleeps(self):
        owner, reader = self.pair()
        reader.read()
        thread = threading.Thread(target=reader.wait)
        thread.start()
        Threads.busy(self, reader)

        def child():
            with self.assertRaises(tism.BadHandleError):
                reader.read()
            reader.close()

        self.in_child(child)
        owner.write(b"go")
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())


if __name__ == "__main__":
    unittest.main()
