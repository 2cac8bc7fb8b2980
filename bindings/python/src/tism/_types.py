"""Types of topics: descriptors, and what ctypes, NumPy and plain Python make of them.

A descriptor is the text in a topic's header that says what it holds (docs/LAYOUT.md, section 3).
"""

from __future__ import annotations

import ctypes
import re
import struct
import sys
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

if sys.byteorder != "little":
    raise ImportError("tism: topics are little-endian, and so must the machine be")

# Element types: size, struct format, NumPy's name.
_ELEMENTS: Dict[str, Tuple[int, str, str]] = {
    "bool": (1, "?", "?"),
    "i8": (1, "b", "i1"), "u8": (1, "B", "u1"),
    "i16": (2, "h", "<i2"), "u16": (2, "H", "<u2"),
    "i32": (4, "i", "<i4"), "u32": (4, "I", "<u4"), "f32": (4, "f", "<f4"),
    "i64": (8, "q", "<i8"), "u64": (8, "Q", "<u8"), "f64": (8, "d", "<f8"),
    "c64": (8, "ff", "<c8"), "c128": (16, "dd", "<c16"),
}  # fmt: skip

_PADDING = re.compile(r"_+(pad(ding)?)?_?\d*\Z")

Dimensions = Tuple[Tuple[int, int], ...]


class complex64(ctypes.Structure):
    """A field of a ctypes.Structure that is c64: Go's complex64, C's float _Complex."""

    _tism_element_ = "c64"
    _fields_ = [("real", ctypes.c_float), ("imag", ctypes.c_float)]

    def __complex__(self) -> complex:
        return complex(self.real, self.imag)


class complex128(ctypes.Structure):
    """A field of a ctypes.Structure that is c128: Go's complex128, C's double _Complex."""

    _tism_element_ = "c128"
    _fields_ = [("real", ctypes.c_double), ("imag", ctypes.c_double)]

    def __complex__(self) -> complex:
        return complex(self.real, self.imag)


def snake_case(name: str) -> str:
    """The form in which names are compared.

    >>> snake_case("GyroRad"), snake_case("HTTPCode")
    ('gyro_rad', 'http_code')
    """
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", name).translate(_LOWER)


_LOWER = {c: c + 32 for c in range(ord("A"), ord("Z") + 1)}


class Field(NamedTuple):
    """A leaf of a type. dimensions are (number, stride in bytes), outermost first."""

    name: str
    element: str
    dimensions: Dimensions
    offset: int

    def __str__(self) -> str:
        inner, text = _ELEMENTS[self.element][0], ""
        for number, stride in reversed(self.dimensions):
            text = (f"[{number}]" if stride == inner else f"[{number}:{stride}]") + text
            inner = number * stride
        return f"{self.name} {self.element}{text} @{self.offset}"


class Type:
    """What a topic holds. Made from its descriptor's text, or with Type.of.

    >>> t = Type("struct attitude 20\\ntime_us u64 @0\\nq f32[3] @8\\n")
    >>> t.fields[1].name, t.size
    ('q', 20)
    >>> t.pack({"time_us": 7, "q": (1, 2, 3)}).hex()
    '07000000000000000000803f0000004000004040'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        head, *lines = text.rstrip("\n").split("\n")
        try:
            self.kind, self.name, size = head.split(" ")
            self.size = int(size)
            self.fields: Tuple[Field, ...] = tuple(map(_parse_field, lines))
        except (ValueError, KeyError):
            raise ValueError(f"malformed type descriptor {text!r}") from None

    @classmethod
    def of(cls, thing: Any) -> Type:
        """The type of a ctypes class, a NumPy dtype, a descriptor's text, or a class that gen wrote."""
        if isinstance(thing, Type):
            return thing
        if isinstance(thing, str):
            return cls(thing)
        if isinstance(thing, type) and _is_ctypes(thing):
            text = thing.__dict__.get("_tism_descriptor_")  # not that of a base, which has less
            return cls(text) if isinstance(text, str) else _of_ctypes(thing)
        numpy = sys.modules.get("numpy")
        if numpy and (isinstance(thing, numpy.dtype) or (isinstance(thing, type) and issubclass(thing, numpy.generic))):
            return _of_dtype(numpy.dtype(thing))
        raise TypeError(
            f"{thing!r} is no type for a topic: give a ctypes.Structure, a numpy.dtype, a tism.Type, a descriptor, "
            "or bytes"
        )

    @property
    def is_struct(self) -> bool:
        return self.kind == "struct"

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the same layout; for a type that is no struct, of its value."""
        import numpy

        if not self.is_struct:
            return numpy.dtype(("u1", (self.size,)))
        if len(self.fields) == 1 and self.fields[0].name == "value":
            return numpy.dtype(_formats(numpy, self.fields, self.size)[1][0])
        return _dtype(numpy, self.fields, self.size)

    def unpack(self, data: Any) -> Record:
        """The value in data, by field."""
        return record_class(self)(data)

    def pack(self, values: Dict[str, Any]) -> bytes:
        """A value from a dict of its fields, nested, or flat with dots. The rest is zero."""
        out = bytearray(self.size)
        left = dict(_flatten(values))
        for f in self.fields:
            if f.name in left:
                _store(out, f, left.pop(f.name))
        if left:
            raise KeyError(f"type {self.name} has no field {', '.join(sorted(left))}")
        return bytes(out)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and (self.kind, self.size, self.fields) == (other.kind, other.size, other.fields)

    def __hash__(self) -> int:
        return hash((self.kind, self.size, self.fields))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"tism.Type({self.text!r})"


def _parse_field(line: str) -> Field:
    name, element, at = line.split(" ")
    element, bracket, rest = element.partition("[")
    inner = _ELEMENTS[element][0]
    dimensions: List[Tuple[int, int]] = []
    for part in reversed(rest[:-1].split("][") if bracket else []):
        number, _, stride = part.partition(":")
        dimensions.insert(0, (int(number), int(stride or inner)))
        inner = dimensions[0][0] * dimensions[0][1]
    if at[0] != "@":
        raise ValueError(line)
    return Field(name, element, tuple(dimensions), int(at[1:]))


def _compose(name: str, size: int, fields: List[Field]) -> Type:
    if not fields:
        raise TypeError(f"{name} has no fields")
    return Type("".join(f"{line}\n" for line in [f"struct {name or '-'} {size}", *map(str, fields)]))


def _refuse(path: str, what: str) -> TypeError:
    return TypeError(f"field {path or 'value'!r} cannot be shared: {what}")


# ---- ctypes ----------------------------------------------------------------------------------


def _is_ctypes(cls: type) -> bool:
    try:
        ctypes.sizeof(cls)
    except TypeError:
        return False
    return True


@lru_cache(maxsize=None)
def _of_ctypes(cls: Any) -> Type:
    plain = not issubclass(cls, ctypes.Structure) or hasattr(cls, "_tism_element_")
    return _compose(cls.__name__, ctypes.sizeof(cls), list(_walk_ctypes(cls, "value" if plain else "", (), 0)))


def _walk_ctypes(cls: Any, path: str, dimensions: Dimensions, offset: int) -> Iterator[Field]:
    if hasattr(cls, "_tism_element_"):
        yield Field(path, cls._tism_element_, dimensions, offset)
    elif issubclass(cls, ctypes.Array):
        step = (cls._length_, ctypes.sizeof(cls._type_))
        if cls._length_ < 1:
            raise _refuse(path, "an array without elements")
        yield from _walk_ctypes(cls._type_, path, dimensions + (step,), offset)
    elif issubclass(cls, ctypes.Structure):
        if hasattr(cls, "_swappedbytes_"):
            raise _refuse(path, "topics are little-endian")
        for name, kind, *bits in _fields_of(cls):
            below = f"{path}.{snake_case(name)}" if path else snake_case(name)
            if bits:
                raise _refuse(below, "a bit field; share the whole word")
            if not _PADDING.match(name):
                yield from _walk_ctypes(kind, below, dimensions, offset + getattr(cls, name).offset)
    else:
        yield Field(path, _ctypes_element(cls, path), dimensions, offset)


def _fields_of(cls: Any) -> Iterator[Any]:
    for base in reversed(cls.__mro__):
        yield from base.__dict__.get("_fields_", ())


def _ctypes_element(cls: Any, path: str) -> str:
    code = getattr(cls, "_type_", None)
    little = getattr(cls, "__ctype_le__", cls)
    if little is not cls:
        raise _refuse(path, "topics are little-endian")
    if code == "?":
        return "bool"
    if code in ("f", "d") and issubclass(cls, ctypes._SimpleCData):
        return f"f{8 * ctypes.sizeof(cls)}"
    if isinstance(code, str) and code in "cbBhHiIlLqQ":
        return f"{'u' if code == 'c' or code.isupper() else 'i'}{8 * ctypes.sizeof(cls)}"
    raise _refuse(path, f"{cls.__name__}; use numbers, bool, and arrays and structures of them")


# ---- NumPy -----------------------------------------------------------------------------------


def _of_dtype(dtype: Any) -> Type:
    path = "" if dtype.names else "value"
    return _compose("-", dtype.itemsize, list(_walk_dtype(dtype, path, (), 0)))


def _walk_dtype(dtype: Any, path: str, dimensions: Dimensions, offset: int) -> Iterator[Field]:
    if dtype.subdtype:
        base, shape = dtype.subdtype
        stride = base.itemsize
        steps: List[Tuple[int, int]] = []
        for number in reversed(shape):
            steps.insert(0, (int(number), int(stride)))
            stride *= number
        if stride == 0:
            raise _refuse(path, "an array without elements")
        yield from _walk_dtype(base, path, dimensions + tuple(steps), offset)
    elif dtype.names:
        for name in dtype.names:
            kind, at = dtype.fields[name][:2]
            if not _PADDING.match(name):
                below = f"{path}.{snake_case(name)}" if path else snake_case(name)
                yield from _walk_dtype(kind, below, dimensions, offset + at)
    elif dtype.kind == "S" and dtype.itemsize:
        yield Field(path, "u8", dimensions + ((dtype.itemsize, 1),), offset)
    else:
        yield Field(path, _numpy_element(dtype, path), dimensions, offset)


def _numpy_element(dtype: Any, path: str) -> str:
    if dtype.byteorder == ">":
        raise _refuse(path, "topics are little-endian")
    if dtype.kind == "b":
        return "bool"
    element = f"{dtype.kind}{8 * dtype.itemsize}"
    if element not in _ELEMENTS:
        raise _refuse(path, f"{dtype}; use numbers, bool, and arrays and structures of them")
    return element


def _dtype(numpy: Any, fields: Tuple[Field, ...], size: int) -> Any:
    names, formats, offsets = _formats(numpy, fields, size)
    return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


def _formats(numpy: Any, fields: Tuple[Field, ...], size: int) -> Tuple[List[str], List[Any], List[int]]:
    names: List[str] = []
    formats: List[Any] = []
    offsets: List[int] = []
    for name, inside in _groups(fields):
        first = min(f.offset for f in inside)
        if inside[0].name == name:
            formats.append(_leaf_dtype(numpy, inside[0]))
        else:
            inner = tuple(f._replace(name=f.name[len(name) + 1 :]) for f in inside)
            end = max(f.offset + _extent(f) for f in inside)
            if _is_array(inside):
                number, stride = inside[0].dimensions[0]
                first = min(first, size - number * stride)  # the element may begin with padding
                inner = tuple(f._replace(offset=f.offset - first, dimensions=f.dimensions[1:]) for f in inner)
                formats.append(numpy.dtype((_dtype(numpy, inner, stride), (number,))))
            else:
                inner = tuple(f._replace(offset=f.offset - first) for f in inner)
                formats.append(_dtype(numpy, inner, end - first))
        names.append(name)
        offsets.append(first)
    return names, formats, offsets


def _groups(fields: Tuple[Field, ...]) -> List[Tuple[str, List[Field]]]:
    groups: Dict[str, List[Field]] = {}
    for f in fields:
        groups.setdefault(f.name.partition(".")[0], []).append(f)
    return list(groups.items())


def _extent(f: Field) -> int:
    return f.dimensions[0][0] * f.dimensions[0][1] if f.dimensions else _ELEMENTS[f.element][0]


def _is_array(fields: List[Field]) -> bool:
    """Whether the leaves are those of an array of structs: all with its number and stride."""
    outer = {f.dimensions[0] if f.dimensions else None for f in fields}
    if len(outer) != 1 or None in outer:
        return False
    stride = fields[0].dimensions[0][1]
    return max(f.offset for f in fields) - min(f.offset for f in fields) < stride and any(
        _extent(f._replace(dimensions=f.dimensions[1:])) != stride for f in fields
    )


def _leaf_dtype(numpy: Any, f: Field) -> Any:
    inner, dtype = _ELEMENTS[f.element][0], numpy.dtype(_ELEMENTS[f.element][2])
    shape: Tuple[int, ...] = ()
    for number, stride in reversed(f.dimensions):
        if stride != inner:
            raise TypeError(f"field {f.name!r} has gaps between its elements, which NumPy cannot express")
        shape = (number,) + shape
        inner = number * stride
    return numpy.dtype((dtype, shape)) if shape else dtype


# ---- Records ---------------------------------------------------------------------------------


def _loader(f: Field) -> Callable[[Any], Any]:
    """A function that takes the field out of a value's bytes."""
    size, code, _ = _ELEMENTS[f.element]
    if not f.dimensions:
        return _scalar_loader(f.element, f.offset)
    if f.element == "u8" and len(f.dimensions) == 1 and f.dimensions[0][1] == 1:
        end = f.offset + f.dimensions[0][0]
        return lambda data: bytes(memoryview(data)[f.offset : end])
    last, stride = f.dimensions[-1]
    if stride == size and len(code) == 1 and len(f.dimensions) == 1:
        unpack = struct.Struct(f"<{last}{code}").unpack_from
        return lambda data: unpack(data, f.offset)
    number, stride = f.dimensions[0]
    below = [_loader(f._replace(dimensions=f.dimensions[1:], offset=f.offset + i * stride)) for i in range(number)]
    return lambda data: tuple(load(data) for load in below)


def _scalar_loader(element: str, offset: int) -> Callable[[Any], Any]:
    unpack = struct.Struct("<" + _ELEMENTS[element][1]).unpack_from
    if element in ("c64", "c128"):
        return lambda data: complex(*unpack(data, offset))
    return lambda data: unpack(data, offset)[0]


def _store(out: bytearray, f: Field, value: Any) -> None:
    if f.dimensions:
        number, stride = f.dimensions[0]
        if len(value) > number:
            raise ValueError(f"field {f.name!r} has room for {number}, not {len(value)}")
        for i, v in enumerate(value):
            _store(out, f._replace(dimensions=f.dimensions[1:], offset=f.offset + i * stride), v)
        return
    code = "<" + _ELEMENTS[f.element][1]
    try:
        if f.element in ("c64", "c128"):
            struct.pack_into(code, out, f.offset, complex(value).real, complex(value).imag)
        else:
            struct.pack_into(code, out, f.offset, value)
    except struct.error as e:
        raise ValueError(f"field {f.name!r}: {value!r} is no {f.element} ({e})") from None


def _flatten(values: Dict[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


class Fields:
    """The fields of a value, or of a struct within it, by attribute or by name with dots."""

    __slots__ = ("_data", "_tree")

    def __init__(self, data: bytes, tree: Dict[str, Any]) -> None:
        self._data, self._tree = data, tree

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Any:
        return _pick(self._data, self._tree, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree)

    def __repr__(self) -> str:
        return f"({_show(self._data, self._tree)})"


def _pick(data: bytes, tree: Dict[str, Any], name: str) -> Any:
    node: Any = tree
    for part in name.split("."):
        if not isinstance(node, dict):
            raise KeyError(name)
        node = node[part]
    return Fields(data, node) if isinstance(node, dict) else node(data)


def _show(data: bytes, tree: Dict[str, Any]) -> str:
    return ", ".join(f"{name}={_pick(data, tree, name)!r}" for name in tree)


def _as_dict(data: bytes, tree: Dict[str, Any]) -> Dict[str, Any]:
    return {k: _as_dict(data, v) if isinstance(v, dict) else v(data) for k, v in tree.items()}


class Record(bytes):
    """A value of a typed topic: its bytes, which also know their fields.

    Fields are attributes (value.pos.x) and items (value["pos.x"]), decoded when they are asked
    for. Arrays are tuples, arrays of u8 are bytes; arrays of structs are a tuple for each field
    (value.cell.volts[2]). Where a field has the name of a method of bytes, it hides that.
    """

    tism_type: Type
    _tree: Dict[str, Any]

    def __new__(cls, data: Any) -> Record:
        self = super().__new__(cls, data)
        if len(self) != cls.tism_type.size:
            raise ValueError(f"{len(self)} bytes are no {cls.tism_type.name}, which has {cls.tism_type.size}")
        return self

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return _pick(self, self._tree, key)
        return super().__getitem__(key)

    def as_dict(self) -> Dict[str, Any]:
        """All fields, nested as the structs are."""
        return _as_dict(self, self._tree)

    def to_numpy(self) -> Any:
        """The value as NumPy knows it, read-only."""
        import numpy

        dtype = self.tism_type.dtype
        base, shape = dtype.subdtype or (dtype, ())
        array = numpy.frombuffer(self, base).reshape(shape)
        return array if shape else array[()]

    def __repr__(self) -> str:
        return f"{self.tism_type.name}({_show(self, self._tree)})"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return _restore, (self.tism_type.text, bytes(self))


def _restore(text: str, data: bytes) -> Record:
    return record_class(Type(text))(data)


@lru_cache(maxsize=None)
def record_class(t: Type) -> Callable[[Any], Record]:
    """The Record of a type."""
    if not t.is_struct:
        raise TypeError(f"a {t.kind} topic has no fields")
    tree: Dict[str, Any] = {}
    for f in t.fields:
        *path, leaf = f.name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = _loader(f)
    space: Dict[str, Any] = {"tism_type": t, "_tree": tree}
    for name in tree:
        if name.isidentifier() and not name.startswith("_") and name not in ("as_dict", "to_numpy", "tism_type"):
            space[name] = _property(name)
    return type("Record", (Record,), space)


def _property(name: str) -> property:
    return property(lambda self: _pick(self, self._tree, name))


# ---- What a handle does with values ----------------------------------------------------------


class Codec(NamedTuple):
    """type: what can be written as it is; blank, decode: what read makes of bytes; encode: of a value."""

    descriptor: Optional[str]
    type: Any = None
    blank: Any = None
    decode: Any = None
    encode: Any = None


RAW = Codec(None)


def codec_of(thing: Any) -> Codec:
    """For the type argument of create and open."""
    if thing is None or thing is bytes:
        return RAW
    t = Type.of(thing)
    if isinstance(thing, type) and _is_ctypes(thing):
        return Codec(t.text, thing, thing, None, _ctypes_encoder(thing))
    numpy = sys.modules.get("numpy")
    if numpy and isinstance(thing, type) and issubclass(thing, numpy.generic):
        thing = numpy.dtype(thing)
    if numpy and isinstance(thing, numpy.dtype):
        return _numpy_codec(numpy, thing, t)
    return record_codec(t)


def record_codec(t: Type) -> Codec:
    return Codec(t.text, None, None, record_class(t), _record_encoder(t))


def _record_encoder(t: Type) -> Callable[[Any], Any]:
    return lambda value: t.pack(value) if isinstance(value, dict) else value


def _ctypes_encoder(cls: Any) -> Callable[[Any], Any]:
    def encode(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        raise TypeError(f"the topic takes {cls.__name__}, not {type(value).__name__}")

    return encode


def _numpy_codec(numpy: Any, dtype: Any, t: Type) -> Codec:
    base, shape = dtype.subdtype or (dtype, ())

    def blank() -> Any:
        return numpy.empty(shape, base)

    def encode(value: Any) -> Any:
        if isinstance(value, (numpy.ndarray, numpy.generic)) and value.dtype != base:
            raise TypeError(f"the topic takes {base}, not {value.dtype}")
        array = numpy.asarray(value, base, order="C")
        if array.shape != shape:
            raise ValueError(f"the topic takes an array of shape {shape}, not {array.shape}")
        return array

    return Codec(t.text, None, blank, None if shape else _element, encode)


def _element(array: Any) -> Any:
    return array[()]


def type_of_value(value: Any) -> Any:
    """What type= would be for a first value, None for bytes."""
    if isinstance(value, Record):
        return value.tism_type
    if _is_ctypes(type(value)):
        return type(value)
    numpy = sys.modules.get("numpy")
    if numpy and isinstance(value, (numpy.ndarray, numpy.generic)):
        return numpy.dtype((value.dtype, value.shape)) if value.shape else value.dtype
    return None
