"""Types: descriptors, ctypes, NumPy, records."""

import ctypes
import pickle
import unittest

import tism
from support import ATTITUDE, Attitude, Position, TopicTest

try:
    import numpy
except ImportError:
    numpy = None

needs_numpy = unittest.skipUnless(numpy, "needs python3-numpy")


def structure(*fields, pack=0):
    return type("s", (ctypes.Structure,), {"_pack_": pack, "_fields_": list(fields)} if pack else {"_fields_": list(fields)})


class Cell(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint8), ("temps", ctypes.c_int16 * 2)]


class Everything(ctypes.Structure):
    _fields_ = [
        ("FlagOK", ctypes.c_bool),
        ("a", ctypes.c_int8), ("b", ctypes.c_uint8), ("c", ctypes.c_char),
        ("d", ctypes.c_int16), ("e", ctypes.c_uint16), ("f", ctypes.c_int32), ("g", ctypes.c_uint32),
        ("h", ctypes.c_int64), ("i", ctypes.c_uint64), ("j", ctypes.c_float), ("k", ctypes.c_double),
        ("_pad0", ctypes.c_uint8 * 8),
        ("text", ctypes.c_char * 6), ("grid", ctypes.c_int16 * 3 * 2), ("cell", Cell * 4),
        ("near", tism.complex64), ("far", tism.complex128 * 2),
    ]  # fmt: skip


EVERYTHING = """struct Everything 168
flag_ok bool @0
a i8 @1
b u8 @2
c u8 @3
d i16 @4
e u16 @6
f i32 @8
g u32 @12
h i64 @16
i u64 @24
j f32 @32
k f64 @40
text u8[6] @56
grid i16[2][3] @62
cell.id u8[4:6] @74
cell.temps i16[4:6][2] @76
near c64 @100
far c128[2] @112
"""


class Descriptors(unittest.TestCase):
    def test_of_ctypes(self):
        self.assertEqual(tism.Type.of(Attitude).text, ATTITUDE)
        size = ctypes.sizeof(Everything)
        self.assertEqual(tism.Type.of(Everything).text, EVERYTHING.replace("168", str(size), 1))
        self.assertEqual(tism.Type.of(ctypes.c_double).text, "struct c_double 8\nvalue f64 @0\n")
        self.assertEqual(tism.Type.of(ctypes.c_float * 3 * 2).fields[0].dimensions, ((2, 12), (3, 4)))

    def test_text_round_trip(self):
        for text in (ATTITUDE, EVERYTHING, "bytes - 12\n", "msgpack - 100\n", "struct x 9\na i8[2:4][2] @1\n"):
            t = tism.Type(text)
            self.assertEqual("\n".join([text.split("\n")[0], *map(str, t.fields), ""]), text)

    def test_malformed(self):
        for text in ("", "struct", "struct x", "struct x y\n", "struct x 4\na i32\n", "struct x 4\na i33 @0\n",
                     "struct x 4\na i32 0\n", "struct x 8\na i32[x] @0\n"):  # fmt: skip
            with self.assertRaisesRegex(ValueError, "malformed", msg=text):
                tism.Type(text)

    def test_names(self):
        cases = {"GyroRad": "gyro_rad", "HTTPCode": "http_code", "x2Y": "x2_y", "already_snake": "already_snake",
                 "A": "a", "AB": "ab", "aB": "a_b", "Is_OK": "is_ok", "ABCd": "ab_cd", "É": "É"}  # fmt: skip
        for name, want in cases.items():
            self.assertEqual(tism.Type.of(structure((name, ctypes.c_int8))).fields[0].name, want)

    def test_refused(self):
        class Bits(ctypes.Structure):
            _fields_ = [("x", ctypes.c_uint32, 3)]

        class Big(ctypes.BigEndianStructure):
            _fields_ = [("x", ctypes.c_uint32)]

        class Either(ctypes.Union):
            _fields_ = [("x", ctypes.c_uint32)]

        refused = [Bits, Big, Either, structure()] + [
            structure(("gyro", kind))
            for kind in (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_wchar, ctypes.c_longdouble, ctypes.py_object,
                         ctypes.POINTER(ctypes.c_int), ctypes.c_int * 0, Either, Big)
        ]  # fmt: skip
        for cls in refused:
            with self.assertRaises(TypeError, msg=cls._fields_) as caught:
                tism.Type.of(cls)
            if cls._fields_ and cls._fields_[0][0] == "gyro":
                self.assertIn("gyro", str(caught.exception))
        for thing in (int, 7, None, object(), list):
            with self.assertRaisesRegex(TypeError, "no type for a topic"):
                tism.Type.of(thing)

    def test_inherited_fields(self):
        class Timed(Position):
            _fields_ = [("time", ctypes.c_uint64)]

        self.assertEqual([f.name for f in tism.Type.of(Timed).fields], ["x", "y", "time"])

    def test_pack(self):
        t = tism.Type(ATTITUDE)
        v = t.unpack(t.pack({"time_us": 7, "q": (1, 2), "pos": {"y": 3}}))
        self.assertEqual(v.as_dict(), {"time_us": 7, "q": (1, 2, 0, 0), "pos": {"x": 0, "y": 3}})
        self.assertEqual(t.pack({"pos.y": 3, "q": (1, 2), "time_us": 7}), v)
        for bad, error in (({"nope": 1}, KeyError), ({"q": (1,) * 5}, ValueError), ({"time_us": -1}, ValueError)):
            with self.assertRaisesRegex(error, next(iter(bad))):
                t.pack(bad)


class Records(TopicTest):
    def test_fields(self):
        value = Everything(True, -1, 2, b"c", -3, 4, -5, 6, -7, 8, 0.5, 0.25)
        value.text = b"abc"
        value.grid[1][2] = 9
        value.cell[3].id, value.cell[3].temps[1] = 5, -6
        value.near, value.far[1] = tism.complex64(1, -2), tism.complex128(3, 4)
        r = tism.Type.of(Everything).unpack(value)
        self.assertEqual((r.flag_ok, r.a, r.b, r.c, r.d, r.e, r.f, r.g, r.h, r.i, r.j, r.k),
                         (True, -1, 2, 99, -3, 4, -5, 6, -7, 8, 0.5, 0.25))  # fmt: skip
        self.assertEqual((r.text, r.grid, r.near, r.far[1]), (b"abc\0\0\0", ((0, 0, 0), (0, 0, 9)), 1 - 2j, 3 + 4j))
        self.assertEqual((r.cell.id, r.cell.temps[3], r["cell.temps"][3]), ((0, 0, 0, 5), (0, -6), (0, -6)))
        self.assertEqual(list(r.cell), ["id", "temps"])
        for wrong in ("nope", "cell.nope", "a.b"):
            with self.assertRaises(KeyError):
                r[wrong]
        for wrong in ("nope", "volts"):
            with self.assertRaises(AttributeError):
                getattr(r.cell if wrong == "volts" else r, wrong)

    def test_is_bytes(self):
        r = tism.Type(ATTITUDE).unpack(bytes(Attitude(7, (1, 2, 3, 4))))
        self.assertEqual(bytes(r), bytes(Attitude(7, (1, 2, 3, 4))))
        self.assertEqual((r[0], len(r), r[:2]), (7, 32, b"\7\0"))
        self.assertEqual(Attitude.from_buffer_copy(r).q[1], 2)
        self.assertEqual(str(r), "Attitude(time_us=7, q=(1.0, 2.0, 3.0, 4.0), pos=(x=0.0, y=0.0))")
        self.assertEqual(pickle.loads(pickle.dumps(r)).as_dict(), r.as_dict())
        with self.assertRaisesRegex(ValueError, "3 bytes"):
            tism.Type(ATTITUDE).unpack(b"abc")

    def test_names_of_methods(self):
        """A field hides what bytes calls so."""
        r = tism.Type("struct s 8\ncount u32 @0\nindex u32 @4\n").unpack(b"\1\0\0\0\2\0\0\0")
        self.assertEqual((r.count, r.index), (1, 2))
        r = tism.Type("struct s 8\nas_dict u32 @0\n__class__ u32 @4\n").unpack(b"\1\0\0\0\2\0\0\0")
        self.assertEqual((r["as_dict"], r["__class__"]), (1, 2))
        self.assertEqual(r.as_dict(), {"as_dict": 1, "__class__": 2})

    def test_read_without_code(self):
        owner = self.keep(tism.create("topic", Attitude(7, (1, 2, 3, 4), Position(5, 6))))
        r = self.keep(tism.open("topic")).read()
        self.assertIsInstance(r, tism.Record)
        self.assertEqual((r.time_us, r.q, r.pos.y), (7, (1, 2, 3, 4), 6))
        self.assertEqual(owner.read().pos.y, 6)

    def test_write_records(self):
        owner = self.keep(tism.create("topic", type=ATTITUDE))
        reader = self.keep(tism.open("topic", type=Attitude))
        with self.assertRaises(tism.EmptyError):
            reader.read()
        owner.write({"time_us": 7})
        self.assertEqual(reader.read().timeUs, 7)
        owner.write(tism.Type(ATTITUDE).unpack(bytes(Attitude(8))))
        self.assertEqual(reader.read().timeUs, 8)
        with self.assertRaises(tism.SizeMismatchError):
            owner.write(b"short")


class Ctypes(TopicTest):
    def test_round_trip(self):
        owner, reader = self.pair("topic", Attitude(7), open={"type": Attitude})
        self.assertIsInstance(reader.read(), Attitude)
        owner.write(Attitude(8, (1, 2, 3, 4)))
        v = reader.read()
        self.assertEqual((v.timeUs, list(v.q)), (8, [1, 2, 3, 4]))
        v.timeUs = 9  # a copy
        self.assertEqual(reader.read().timeUs, 8)
        for wrong in (Position(), bytes(32), 7):
            with self.assertRaisesRegex(TypeError, "takes Attitude"):
                owner.write(wrong)
        self.assertEqual(owner.read().timeUs, 8)

    def test_mismatch(self):
        self.pair("topic", Attitude(7))
        with self.assertRaises(tism.TypeMismatchError) as caught:
            tism.open("topic", type=Position)
        self.assertIsInstance(caught.exception, TypeError)
        self.assertIn("q f32[4] @8", str(caught.exception))
        self.assertIn("struct Position 8", str(caught.exception))

    def test_bytes_of_the_size_will_do(self):
        owner, reader = self.pair("topic", bytes(32), open={"type": Attitude})
        owner.write(bytes(Attitude(7)))
        self.assertEqual(reader.read().timeUs, 7)

    def test_any_topic_is_bytes(self):
        self.pair("topic", Attitude(7))
        self.assertIs(type(self.keep(tism.open("topic", type=bytes)).read()), bytes)

    def test_generated_class(self):
        class Generated(ctypes.Structure):
            _tism_descriptor_ = ATTITUDE
            _fields_ = Attitude._fields_

        self.pair("topic", Attitude(7), open={"type": Generated})
        self.assertEqual(tism.Type.of(Generated), tism.Type.of(Attitude))

    def test_lengths(self):
        owner, reader = self.pair("topic", b"", capacity=10)
        for value in (b"", b"1", b"1234567890", b"12"):
            owner.write(value)
            self.assertEqual(reader.read(), value)
        with self.assertRaises(tism.TooBigError):
            owner.write(bytes(11))
        room = bytearray(10)
        self.assertEqual(reader.read_into(room), 2)
        self.assertEqual(room, b"12" + bytes(8))
        with self.assertRaises(tism.SizeMismatchError):
            reader.read_into(bytearray(1))
        with self.assertRaises((TypeError, BufferError)):
            reader.read_into(bytes(10))


@needs_numpy
class NumPy(TopicTest):
    def test_descriptors(self):
        aligned = numpy.dtype([("timeUs", "u8"), ("q", "f4", 4), ("pos", [("x", "f4"), ("y", "f4")])], align=True)
        self.assertEqual(tism.Type.of(aligned), tism.Type(ATTITUDE))
        self.assertEqual(tism.Type(ATTITUDE).dtype["pos"]["y"], numpy.dtype("f4"))
        for t in (tism.Type(ATTITUDE), tism.Type.of(Everything)):
            self.assertEqual(tism.Type.of(t.dtype), t)
            self.assertEqual(t.dtype.itemsize, t.size)
        text = numpy.dtype([("name", "S5"), ("_pad", "V3"), ("v", "?", (2, 3))])
        self.assertEqual(list(map(str, tism.Type.of(text).fields)), ["name u8[5] @0", "v bool[2][3] @8"])
        self.assertEqual(tism.Type.of(numpy.float64).text, "struct - 8\nvalue f64 @0\n")

    def test_elements_that_begin_with_padding(self):
        t = tism.Type("struct s 24\ncell.a u8[3:8] @4\ncell.b u16[3:8] @6\n")
        self.assertEqual(t.dtype["cell"].base.itemsize, 8)
        self.assertEqual(tism.Type.of(t.dtype), t)

    def test_refused(self):
        for code in ("f2", ">f4", "U4", "O", "M8[s]", "g", "V4"):
            with self.assertRaisesRegex(TypeError, "gyro", msg=code):
                tism.Type.of(numpy.dtype([("gyro", code)]))
        with self.assertRaisesRegex(TypeError, "gaps"):
            tism.Type("struct s 16\nx u8[2:8] @0\n").dtype

    def test_structured(self):
        dtype = tism.Type(ATTITUDE).dtype
        owner, reader = self.pair("topic", numpy.zeros((), dtype), open={"type": dtype})
        value = reader.read()
        value["time_us"], value["pos"]["y"] = 7, 3
        owner.write(value)
        self.assertEqual(reader.read()["pos"]["y"], 3)
        owner.write((8, (1, 2, 3, 4), (5, 6)))
        self.assertEqual(reader.read().tolist()[0], 8)
        for wrong in (numpy.zeros((), "f4"), numpy.zeros(2, dtype)):
            with self.assertRaises((TypeError, ValueError)):
                owner.write(wrong)
        self.assertEqual(self.keep(tism.open("topic")).read().to_numpy()["time_us"], 8)

    def test_images(self):
        owner, reader = self.pair("topic", numpy.zeros((4, 6, 3), "u1"), open={"type": numpy.dtype(("u1", (4, 6, 3)))})
        picture = numpy.arange(72, dtype="u1").reshape(4, 6, 3)
        owner.write(picture)
        numpy.testing.assert_array_equal(reader.read(), picture)
        owner.write(picture[::-1])  # not contiguous
        numpy.testing.assert_array_equal(reader.read(), picture[::-1])
        self.assertTrue(reader.read().flags.writeable)
        with self.assertRaisesRegex(ValueError, "shape"):
            owner.write(picture[0])
        room = numpy.empty_like(picture)
        self.assertEqual(reader.read_into(room), 72)
        numpy.testing.assert_array_equal(room, picture[::-1])
        record = self.keep(tism.open("topic")).read()
        numpy.testing.assert_array_equal(record.to_numpy(), picture[::-1])

    def test_same_topic_as_ctypes(self):
        self.pair("topic", Attitude(7), open={"type": tism.Type(ATTITUDE).dtype})


if __name__ == "__main__":
    unittest.main()
