"""TISM 2.1's surface, as its programs use it."""

import gc
import os
import unittest

import tism
from support import TopicTest


class Classic(TopicTest):
    def test_write_and_read(self):
        shm = tism.create("classic", bytes([128]))
        self.assertEqual(shm.read(), b"\x80")
        shm.write(bytes([65]))
        self.assertEqual(shm.read(), b"A")
        shm.write(bytearray(b"B"))
        self.assertEqual(shm.read(), b"B")
        del shm

    def test_open(self):
        for opener in (tism.open, tism.wait_and_open):
            owner = tism.create("classic", bytes([0xBE, 0xEF]))
            borrower = opener("classic")
            self.assertEqual(borrower.read(), b"\xbe\xef")
            owner.write(bytes([0xFA, 0xAA]))
            self.assertEqual(borrower.read(), b"\xfa\xaa")
            del borrower
            del owner

    def test_close_twice(self):
        owner = tism.create("classic", b"12")
        borrower = tism.open("classic")
        for handle in (owner, borrower):
            handle.__del__()
            handle.__del__()
            self.assertTrue(handle.closed)
            with self.assertRaises(RuntimeError):
                handle.read()

    def test_total_writes(self):
        for _ in range(2):  # a second program run, or test, counts anew
            shm = tism.create("classic", bytes([128]))
            other = tism.open("classic")
            self.assertEqual(shm.get_total_writes(), 1)
            for n in range(2, 5):
                shm.write(bytes([n]))
                self.assertEqual(shm.get_total_writes(), n)
                self.assertEqual(other.get_total_writes(), n)
            del shm, other

    def test_changes(self):
        owner, borrower = self.pair()
        self.assertTrue(borrower.has_changed())
        self.assertEqual(borrower.read_change(), b"\0\0")
        self.assertFalse(borrower.has_changed())
        self.assertIsNone(borrower.read_change())
        owner.write(b"\0\0")
        self.assertTrue(borrower.has_changed())
        self.assertEqual(borrower.read(), b"\0\0")
        self.assertFalse(borrower.has_changed())

    def test_staleness(self):
        owner, borrower = self.pair()
        self.assertEqual(borrower.staleness_nanos(), -1)
        self.assertEqual(borrower.staleness(), -1e-9)
        borrower.read()
        first = borrower.staleness_nanos()
        self.assertGreaterEqual(first, 0)
        self.assertGreater(borrower.staleness(), first / 1e9 - 1e-12)
        owner.write(b"ab", sampled_ns=tism.now() - 5_000_000_000)
        borrower.read()
        self.assertGreaterEqual(borrower.staleness(), 5)

    def test_with(self):
        with tism.create("classic", b"12") as owner, tism.open("classic") as borrower:
            self.assertEqual(borrower.read(), b"12")
        self.assertTrue(owner.closed and borrower.closed)

    def test_size(self):
        owner, _ = self.pair()
        for wrong in (b"", b"1", b"123"):
            with self.assertRaisesRegex(RuntimeError, "takes 2"):
                owner.write(wrong)
        with self.assertRaises(TypeError):
            owner.write("12")

    def test_roles(self):
        owner, borrower = self.pair()
        self.assertFalse(hasattr(borrower, "write"))
        self.assertFalse(hasattr(owner, "next"))

    def test_nothing_is_unlinked(self):
        owner, borrower = self.pair()
        borrower.close()
        owner.close()
        self.assertEqual(os.listdir(self.dir), ["topic"])
        self.assertEqual(tism.open("topic", allow_closed=True).read(), b"\0\0")
        self.assertEqual(os.listdir(self.dir), ["topic"])
        self.keep(tism.create("topic", b"12")).remove()
        self.assertEqual(os.listdir(self.dir), [])

    def test_create_again_replaces_ours(self):
        owner, borrower = self.pair()
        again = self.keep(tism.create("topic", b"34"))
        with self.assertRaises(tism.ClosedError):
            borrower.read()
        with self.assertRaisesRegex(tism.ClosedError, "took the name"):
            owner.write(b"12")
        self.assertEqual(tism.open("topic").read(), b"34")
        owner.close()
        self.assertEqual(again.read(), b"34")

    def test_descriptors_go(self):
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for i in range(50):
            owner = tism.create(f"topic{i}", b"12")
            tism.open(f"topic{i}").read_lock()
            del owner
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


if __name__ == "__main__":
    unittest.main()
