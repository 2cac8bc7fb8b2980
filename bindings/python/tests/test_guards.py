"""Values in place: views that cannot outlive their guard."""

import ctypes
import gc
import struct
import unittest

import tism
from support import Attitude, TopicTest

try:
    import numpy
except ImportError:
    numpy = None

needs_numpy = unittest.skipUnless(numpy, "needs python3-numpy")


class ReadGuards(TopicTest):
    def test_value_stays(self):
        owner, reader = self.pair("topic", b"ab")
        with reader.read_lock() as guard:
            self.assertEqual(bytes(guard.view), b"ab")
            for n in range(10):
                owner.write(b"%02d" % n)
            self.assertEqual((bytes(guard), len(guard), guard.held), (b"ab", 2, True))
            self.assertEqual(reader.read(), b"09")
        self.assertEqual((guard.held, guard.topic, len(guard)), (False, None, 0))
        self.assertEqual(reader.read(), b"09")

    def test_length_is_the_values(self):
        owner, reader = self.pair("topic", b"", capacity=100)
        owner.write(b"abc")
        with reader.read_lock() as guard:
            self.assertEqual(guard.view, b"abc")

    def test_view_ends_with_the_guard(self):
        _, reader = self.pair("topic", b"ab")
        with reader.read_lock() as guard:
            view = guard.view
        with self.assertRaisesRegex(ValueError, "released"):
            view[0]
        with self.assertRaises(BufferError):
            memoryview(guard)
        with self.assertRaises(tism.NotLockedError):
            guard.view
        with self.assertRaises(tism.NotLockedError):
            guard.__enter__()
        guard.release()  # again

    def test_reading_only(self):
        _, reader = self.pair("topic", b"ab")
        with reader.read_lock() as guard:
            self.assertTrue(guard.view.readonly)
            with self.assertRaises(TypeError):
                guard.view[0] = 1
            with self.assertRaises((TypeError, ValueError)):
                ctypes.c_char.from_buffer(guard)
            with self.assertRaises(tism.ReadOnlyError):
                guard.publish()

    def test_slices_hold_the_guard(self):
        """It ends with the last view, and only then is the next one had."""
        for make in (lambda g: g.view[1:], memoryview, lambda g: memoryview(g)[::2]):
            owner, reader = self.pair("topic", b"ab")
            with self.assertRaisesRegex(BufferError, "in use"):
                with reader.read_lock() as guard:
                    rest = make(guard)
            for n in range(10):
                owner.write(b"%02d" % n)
            self.assertIn(rest[0], b"ab")
            with self.assertRaises(tism.LockedError):
                reader.read_lock()
            with self.assertRaises(BufferError):
                memoryview(guard)
            rest.release()
            self.assertFalse(guard.held)
            with reader.read_lock() as guard:
                self.assertEqual(guard.view, b"09")

    def test_close_waits_for_views(self):
        owner, reader = self.pair("topic", b"ab")
        guard = reader.read_lock()
        view = memoryview(guard)
        with self.assertRaisesRegex(BufferError, "in use"):
            reader.close()
        self.assertTrue(reader.closed)
        with self.assertRaises(tism.BadHandleError):
            reader.read()
        self.assertEqual(view.tobytes(), b"ab")
        del reader, guard
        gc.collect()
        self.assertEqual(view.tobytes(), b"ab")
        view.release()

    def test_close_ends_the_guard(self):
        _, reader = self.pair("topic", b"ab")
        with reader.read_lock() as guard:
            view = guard.view
            reader.close()
            self.assertFalse(guard.held)
            with self.assertRaises(ValueError):
                view[0]

    def test_handle_lives_as_long_as_the_view(self):
        view = memoryview(self.keep(tism.create("topic", b"ab")).read_lock())
        gc.collect()
        self.assertEqual(view.tobytes(), b"ab")

    def test_dropped(self):
        owner, reader = self.pair("topic", b"ab", buffers=1)
        reader.read_lock()
        owner.write(b"cd")  # nobody is in the way
        guard = reader.read_lock()
        guard.view
        del guard
        gc.collect()  # a guard and its view are a cycle
        owner.write(b"ef")

    def test_one_buffer(self):
        owner, reader = self.pair("topic", b"ab", buffers=1, lock_timeout=0.02)
        with reader.read_lock() as guard:
            with self.assertRaisesRegex(tism.TimeoutError, r"PID \d+\) holds it"):
                owner.write(b"cd")
            self.assertEqual(guard.view, b"ab")
        owner.write(b"cd")

    def test_reader_without_slot(self):
        _, reader = self.pair("topic", b"ab", open={"read_only": True})
        self.assertEqual(reader.read(), b"ab")
        with self.assertRaises(tism.ReadOnlyError) as caught:
            reader.read_lock()
        self.assertIsInstance(caught.exception, PermissionError)

    def test_not_made_by_hand(self):
        for cls in (tism.ReadGuard, tism.WriteGuard, tism.Publisher, tism.Consumer):
            with self.assertRaises(TypeError):
                cls()
            with self.assertRaises(TypeError):
                object.__new__(cls)


class WriteGuards(TopicTest):
    def test_publish(self):
        owner, reader = self.pair("topic", b"abcd")
        with owner.write_lock() as guard:
            guard.view[1:3] = b"--"
            self.assertEqual(reader.read(), b"abcd")
        self.assertEqual(reader.read(), b"a--d")
        with owner.loan() as guard:
            guard.view[:] = b"loan"
            guard.publish(sampled_ns=tism.now() - 10**9)
            self.assertFalse(guard.held)
        self.assertEqual(reader.read(), b"loan")
        self.assertGreaterEqual(reader.staleness(), 1)
        self.assertEqual(owner.get_total_writes(), 3)

    def test_shorter(self):
        owner, reader = self.pair("topic", b"", capacity=10)
        with owner.loan() as guard:
            guard.view[:3] = b"abc"
            for size, error in ((11, tism.TooBigError), (-1, OverflowError)):
                with self.assertRaises(error):
                    guard.publish(size)
            guard.publish(3)
        self.assertEqual(reader.read(), b"abc")
        owner, reader = self.pair("fixed", b"ab")
        with owner.loan() as guard, self.assertRaises(tism.SizeMismatchError):
            guard.publish(1)

    def test_discard(self):
        owner, reader = self.pair("topic", b"abcd")
        with self.assertRaises(ZeroDivisionError):
            with owner.write_lock() as guard:
                guard.view[0] = 0
                1 / 0
        self.assertEqual((reader.read(), owner.get_total_writes()), (b"abcd", 1))
        owner.write_lock().release()
        self.assertEqual(owner.get_total_writes(), 1)

    def test_one_buffer_has_nothing_to_go_back_to(self):
        owner, reader = self.pair("topic", b"abcd", buffers=1)
        with self.assertRaises(ZeroDivisionError):
            with owner.write_lock() as guard:
                guard.view[0] = ord("-")
                1 / 0
        self.assertEqual(reader.read(), b"-bcd")

    def test_views_stop_publishing(self):
        """A view of what is published could be written to under its readers' eyes."""
        owner, reader = self.pair("topic", b"abcd")
        with self.assertRaisesRegex(BufferError, "nothing is published"):
            with owner.write_lock() as guard:
                view = memoryview(guard)
        view[0] = 0
        with self.assertRaises(tism.LockedError):
            owner.write(b"1234")
        view.release()
        self.assertEqual((reader.read(), owner.get_total_writes()), (b"abcd", 1))
        owner.write(b"1234")

    def test_locked(self):
        owner, _ = self.pair("topic", b"abcd")
        with owner.write_lock():
            for action in (owner.write_lock, owner.loan, lambda: owner.write(b"1234")):
                with self.assertRaises(tism.LockedError):
                    action()

    def test_close_and_remove_end_it(self):
        for end in ("close", "remove"):
            owner, reader = self.pair("topic", b"abcd")
            guard = owner.loan()
            getattr(owner, end)()
            self.assertFalse(guard.held)
            guard.__exit__(None, None, None)

    def test_struct(self):
        owner, reader = self.pair("topic", Attitude(7), open={"type": Attitude})
        with owner.write_lock() as guard:
            guard.struct.q[2] = 5
        self.assertEqual((reader.read().timeUs, reader.read().q[2]), (7, 5))
        with self.assertRaises(BufferError):
            with owner.write_lock() as guard:
                value = guard.struct
        value.timeUs = 1
        del value
        self.assertEqual(reader.read().timeUs, 7)
        plain, _ = self.pair("plain", b"ab")
        with plain.loan() as guard, self.assertRaisesRegex(TypeError, "ctypes"):
            guard.struct


@needs_numpy
class Arrays(TopicTest):
    def test_read(self):
        owner, reader = self.pair("topic", numpy.arange(6.0).reshape(2, 3))
        with reader.read_lock() as guard:
            self.assertEqual((guard.array.shape, guard.array.sum()), ((2, 3), 15))
            self.assertEqual(numpy.frombuffer(guard, "f8").sum(), 15)
            with self.assertRaises(ValueError):
                guard.array[0] = 1

    def test_records(self):
        owner, reader = self.pair("topic", Attitude(7))
        with reader.read_lock() as guard:
            self.assertEqual(guard.array["time_us"], 7)
        with owner.write_lock() as guard:
            guard.array["pos"]["y"] = 3
        self.assertEqual(reader.read().pos.y, 3)

    def test_bytes(self):
        _, reader = self.pair("topic", b"ab")
        with reader.read_lock() as guard:
            self.assertEqual(guard.array.tolist(), [97, 98])

    def test_arrays_hold_the_guard(self):
        for make in (
            lambda g: g.array,
            lambda g: g.array[1:],
            lambda g: g.array.reshape(-1),
            lambda g: numpy.frombuffer(g, "f8"),
            lambda g: numpy.frombuffer(g.view, "f8"),
            lambda g: numpy.asarray(g.view),
            lambda g: numpy.asarray(g),
        ):
            owner, reader = self.pair("topic", numpy.ones((2, 3)), replace=True)
            with self.assertRaisesRegex(BufferError, "in use"):
                with reader.read_lock() as guard:
                    array = make(guard)
            with self.assertRaises(BufferError):
                reader.close()
            for _ in range(10):
                owner.write(numpy.zeros((2, 3)))
            del reader, guard
            gc.collect()
            self.assertNotEqual(array.view("u1").reshape(-1)[7], 0)
            del array

    def test_ndarray_is_refused(self):
        """It would not hold what it points at."""
        _, reader = self.pair("topic", b"ab")
        with reader.read_lock() as guard, self.assertRaisesRegex((TypeError, BufferError), "guard.array|buffer"):
            numpy.ndarray(2, "u1", guard)


if __name__ == "__main__":
    unittest.main()
