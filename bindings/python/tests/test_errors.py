"""One exception for each result, a message that helps, and examples that run."""

import doctest
import importlib.util
import os
import unittest

import tism
from tism import _errors, _tism, _types
from support import TopicTest


class Errors(TopicTest):
    def test_one_for_each_result(self):
        results = {v for k, v in vars(_tism).items() if k.isupper() and k not in NOT_RESULTS and not k.startswith("F_")}
        self.assertEqual(results | {-1}, set(_errors._classes))
        for cls in _errors._classes.values():
            self.assertIs(getattr(tism, cls.__name__), cls)
            self.assertTrue(issubclass(cls, RuntimeError))
            e = _errors.make_error(cls.result, "reading", "pose", "")
            self.assertIs(type(e), cls)
            self.assertIn("'pose'", str(e))
            self.assertEqual((e.topic, e.result), ("pose", cls.result))

    def test_of_the_system(self):
        with self.assertRaises(FileNotFoundError) as caught:
            tism.open("nope")
        self.assertEqual(caught.exception.errno, 2)
        with self.assertRaises(ValueError):
            tism.create("a/b", b"1")
        for name in ("", ".a", "x" * 201, "a\0b"):
            with self.assertRaises(tism.InvalidArgumentError):
                tism.open(name)
        with self.assertRaises(TypeError):
            tism.open(b"bytes")

    def test_create(self):
        for options, error in (
            ({}, ValueError), ({"init": b""}, ValueError), ({"init": b"a", "buffers": 16}, tism.InvalidArgumentError),
            ({"init": b"ab", "capacity": 1}, tism.TooBigError), ({"type": "nonsense"}, ValueError),
            ({"init": b"a", "dir": "/nowhere"}, FileNotFoundError), ({"init": "text"}, TypeError),
            ({"type": "struct s 4\nx u32 @0\n", "capacity": 9}, ValueError), ({"init": b"a", "mode": 0o1777}, ValueError),
            ({"init": b"a", "lock_timeout": -1}, ValueError),
            ({"type": "struct s 4\nx u32 @0\n", "init": b"sho"}, tism.SizeMismatchError),
        ):  # fmt: skip
            with self.subTest(options):
                with self.assertRaises(error):
                    tism.create("topic", **options)

    def test_no_slots(self):
        owner, _ = self.pair("topic", b"a", slots=1)
        with self.assertRaisesRegex(tism.NoSlotsError, "read_only=True"):
            tism.open("topic")
        self.assertEqual(self.keep(tism.open("topic", read_only=True)).read(), b"a")

    def test_closed(self):
        owner, _ = self.pair("topic", b"a")
        owner.close()
        with self.assertRaisesRegex(tism.ClosedError, "allow_closed=True"):
            tism.open("topic")

    def test_not_a_topic(self):
        with open(os.path.join(self.dir, "topic"), "wb") as f:
            f.write(bytes(70000))
        with self.assertRaisesRegex(tism.NotATopicError, "'topic'"):
            tism.open("topic")

    @unittest.skipIf(os.geteuid() == 0, "needs to be run by somebody else than root")
    def test_permissions(self):
        self.pair("topic", b"a")
        os.chmod(os.path.join(self.dir, "topic"), 0)
        with self.assertRaises(PermissionError):
            tism.open("topic")

    def test_names(self):
        self.assertEqual(tism.__all__, sorted(name for name in dir(tism) if name[0] != "_"))

    def test_doctests(self):
        for module in (_types, tism):
            failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
            self.assertEqual(failed, 0)

    @unittest.skipUnless(importlib.util.find_spec("numpy"), "needs python3-numpy")
    def test_readme(self):
        readme = os.path.join(os.path.dirname(__file__), "..", "README.md")
        failed, tried = doctest.testfile(readme, module_relative=False, optionflags=doctest.ELLIPSIS)
        self.assertEqual((failed, tried > 5), (0, True))


NOT_RESULTS = {"ALIVE", "DIED", "CLOSED", "REPLACED", "MAX_NAME_LENGTH", "LAYOUT_VERSION"}

if __name__ == "__main__":
    unittest.main()
