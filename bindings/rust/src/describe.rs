//! Types that say what they hold, and the text that the topic keeps of it (docs/LAYOUT.md, section 3).

use std::fmt::Write;

/// The type of a number in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum Element {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    I64,
    U64,
    F64,
    C64,
    C128,
}

impl Element {
    const fn name(self) -> &'static str {
        match self {
            Element::Bool => "bool",
            Element::I8 => "i8",
            Element::U8 => "u8",
            Element::I16 => "i16",
            Element::U16 => "u16",
            Element::I32 => "i32",
            Element::U32 => "u32",
            Element::F32 => "f32",
            Element::I64 => "i64",
            Element::U64 => "u64",
            Element::F64 => "f64",
            Element::C64 => "c64",
            Element::C128 => "c128",
        }
    }

    const fn size(self) -> usize {
        match self {
            Element::Bool | Element::I8 | Element::U8 => 1,
            Element::I16 | Element::U16 => 2,
            Element::I32 | Element::U32 | Element::F32 => 4,
            Element::I64 | Element::U64 | Element::F64 | Element::C64 => 8,
            Element::C128 => 16,
        }
    }
}

/// What a type is made of.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Shape {
    Number(Element),
    Array { length: usize, stride: usize, of: &'static Shape },
    Struct { name: &'static str, fields: &'static [Field] },
}

/// A field of a struct: its name, its name in the descriptor if that is not the first in snake_case,
/// its offset in bytes and what it is.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Field {
    pub name: &'static str,
    pub tag: Option<&'static str>,
    pub offset: usize,
    pub shape: &'static Shape,
}

/// A type that can be shared with programs in any language, and says what it is.
///
/// [`describe!`](crate::describe) implements it for structs. Numbers, `bool`,
/// [`Complex`] and arrays of what has it have it too. What cannot be shared has not: references,
/// pointers, `usize` and `isize` (of another size on another machine), `char`, enums (store a number,
/// and convert), `String`, `Vec`, `Option`.
///
/// # Safety
///
/// `SHAPE` must be true: offsets, types and counts those of the type, with no field left out. Every
/// sequence of bytes in which each `bool` of `SHAPE` is 0 or 1 must be a value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be described to programs in other languages",
    label = "not a type that topics can hold",
    note = "a struct needs `tism::describe!`; its fields are numbers, bools, `tism::Complex`, described structs and arrays of them",
    note = "for usize and isize take u32 or u64; for enums and char, a number"
)]
pub unsafe trait TismType: Copy + 'static {
    /// What the type is made of.
    const SHAPE: &'static Shape;
}

macro_rules! numbers {
    ($($type:ty: $element:ident),*) => {$(
        // SAFETY: a number of which all bytes are values; bool is named as such.
        unsafe impl TismType for $type {
            const SHAPE: &'static Shape = &Shape::Number(Element::$element);
        }
    )*};
}

numbers!(bool: Bool, i8: I8, u8: U8, i16: I16, u16: U16, i32: I32, u32: U32, f32: F32, i64: I64, u64: U64,
    f64: F64, Complex<f32>: C64, Complex<f64>: C128);

/// A complex number, as `float _Complex` is in C and `complex64` in Go.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex<T> {
    /// The real part.
    pub re: T,
    /// The imaginary part.
    pub im: T,
}

// SAFETY: that is what an array is.
unsafe impl<T: TismType, const N: usize> TismType for [T; N] {
    const SHAPE: &'static Shape = &Shape::Array { length: N, stride: size_of::<T>(), of: T::SHAPE };
}

/// Describes a struct, so that topics of it are checked against the programs that open them and
/// any tool can show their fields. The struct stays as it is written.
///
/// ```
/// tism::describe! {
///     #[repr(C)]
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     pub struct Attitude {
///         pub time_us: u64,
///         pub q: [f32; 4],
///     }
/// }
///
/// let text = tism::descriptor::<Attitude>();
/// assert_eq!(text, "struct Attitude 24\ntime_us u64 @0\nq f32[4] @8\n");
/// ```
///
/// A struct that is declared elsewhere is described by its name and the names of all its fields:
///
/// ```
/// # #[repr(C)] #[derive(Clone, Copy)] pub struct Fix { lat: f64, lon: f64, satellites: u8, _pad: [u8; 7] }
/// tism::describe!(Fix { lat, lon, satellites, _pad });
/// assert!(tism::descriptor::<Fix>().starts_with("struct Fix 24\n"));
/// ```
///
/// The struct needs `#[repr(C)]`, `Clone` and `Copy`. Fields whose names begin with an underscore are
/// padding, which is not described. (Without them the compiler pads as C does; what is in such
/// padding is undefined, so spell it out where the bytes are recorded or compared.)
///
/// Names are compared in snake_case. A field gets another name as by a tag in Go, in either form:
///
/// ```
/// tism::describe! {
///     #[repr(C)]
///     #[derive(Clone, Copy)]
///     struct Fix { lat: f64 = "Lat", lon: f64 = "_lon" }
/// }
/// assert_eq!(tism::descriptor::<Fix>(), "struct Fix 16\nLat f64 @0\n_lon f64 @8\n");
/// ```
///
/// A field that cannot be shared does not compile, nor does one that is left out:
///
/// ```compile_fail
/// tism::describe! {
///     #[repr(C)]
///     #[derive(Clone, Copy)]
///     struct Bad { count: usize }
/// }
/// ```
/// ```compile_fail
/// # #[repr(C)] #[derive(Clone, Copy)] struct Fix { lat: f64, lon: f64 }
/// tism::describe!(Fix { lat });
/// ```
/// ```compile_fail
/// # #[repr(C)] #[derive(Clone, Copy)] struct Fix { lat: f64 }
/// tism::describe!(Fix { lat = "no name" });
/// ```
#[macro_export]
macro_rules! describe {
    ($(#[$attribute:meta])* $visible:vis struct $name:ident {
        $($(#[$field_attribute:meta])* $field_visible:vis $field:ident : $type:ty $(= $tag:literal)?),* $(,)?
    }) => {
        $(#[$attribute])*
        $visible struct $name {
            $($(#[$field_attribute])* $field_visible $field: $type),*
        }
        $crate::describe!($name { $($field $(= $tag)?),* });
    };
    ($name:ident { $($field:ident $(= $tag:literal)?),* $(,)? }) => {
        // SAFETY: the pattern names every field, or it would not compile; each has a TismType, whose
        // shape it takes; the offsets are the compiler's.
        unsafe impl $crate::TismType for $name {
            const SHAPE: &'static $crate::Shape = {
                #[allow(dead_code, unused_variables)]
                fn names_every_field(value: $name) {
                    let $name { $($field),* } = value;
                }
                const FIELDS: &[$crate::Field] = &[$(
                    $crate::Field {
                        name: stringify!($field),
                        tag: $crate::__tag(&[$($tag)?]),
                        offset: ::core::mem::offset_of!($name, $field),
                        shape: $crate::__shape_of(|value: &$name| &value.$field),
                    }
                ),*];
                &$crate::Shape::Struct {
                    name: stringify!($name),
                    fields: $crate::__in_order(FIELDS),
                }
            };
        }
    };
}

/// The shape of a field, found by its type.
#[doc(hidden)]
pub const fn __shape_of<S, F: TismType>(_: fn(&S) -> &F) -> &'static Shape {
    F::SHAPE
}

/// The tag, if there is one and it can be a name in a descriptor.
#[doc(hidden)]
pub const fn __tag(tag: &[&'static str]) -> Option<&'static str> {
    let [tag] = tag else { return None };
    assert!(!tag.is_empty(), "a tag is a name");
    let mut i = 0;
    while i < tag.len() {
        let c = tag.as_bytes()[i];
        assert!(c == b'_' || c.is_ascii_alphanumeric() || !c.is_ascii(), "a tag is a name");
        i += 1;
    }
    Some(*tag)
}

/// The fields, if they lie as they were declared.
#[doc(hidden)]
pub const fn __in_order(fields: &'static [Field]) -> &'static [Field] {
    let mut i = 1;
    while i < fields.len() {
        assert!(
            fields[i - 1].offset < fields[i].offset,
            "the fields are not where C would put them: add #[repr(C)]"
        );
        i += 1;
    }
    fields
}

/// The descriptor of a type, as its topics have it and `tism info` shows it.
pub fn descriptor<T: TismType>() -> String {
    let name = match T::SHAPE {
        Shape::Struct { name, .. } => bare(name),
        _ => "-",
    };
    let mut text = format!("struct {name} {}\n", size_of::<T>());
    match T::SHAPE {
        Shape::Struct { fields, .. } => put_fields(&mut text, fields, &Leaf::default()),
        other => put(&mut text, other, &Leaf { path: "value".into(), ..Leaf::default() }),
    }
    text
}

/// Where a leaf is: its path of names, its offset, and the dimensions around it, outermost first.
#[derive(Clone, Default)]
struct Leaf {
    path: String,
    offset: usize,
    dimensions: Vec<(usize, usize)>,
}

fn put_fields(text: &mut String, fields: &[Field], parent: &Leaf) {
    for field in fields.iter().filter(|f| f.tag.is_some() || !bare(f.name).starts_with('_')) {
        let mut leaf = parent.clone();
        if !leaf.path.is_empty() {
            leaf.path.push('.');
        }
        leaf.path.push_str(&field.tag.map_or_else(|| snake(bare(field.name)), str::to_owned));
        leaf.offset += field.offset;
        put(text, field.shape, &leaf);
    }
}

fn put(text: &mut String, shape: &Shape, leaf: &Leaf) {
    match *shape {
        Shape::Number(element) => put_number(text, element, leaf),
        Shape::Struct { fields, .. } => put_fields(text, fields, leaf),
        Shape::Array { length, stride, of } => {
            let mut inner = leaf.clone();
            inner.dimensions.push((length, stride));
            put(text, of, &inner);
        }
    }
}

fn put_number(text: &mut String, element: Element, leaf: &Leaf) {
    // From the inside out, because a stride shows where it is more than what is inside.
    let mut inner = element.size();
    let mut dimensions = Vec::new();
    for &(length, stride) in leaf.dimensions.iter().rev() {
        dimensions.push(match stride == inner {
            true => format!("[{length}]"),
            false => format!("[{length}:{stride}]"),
        });
        inner = length * stride;
    }
    dimensions.reverse();
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "{} {}{} @{}", leaf.path, element.name(), dimensions.concat(), leaf.offset);
}

/// A name that is a keyword of Rust, as other languages write it.
fn bare(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// GyroRad -> gyro_rad, HTTPCode -> http_code.
fn snake(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        let before = if i > 0 { bytes[i - 1] } else { b'_' };
        let small_follows = bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase);
        let word = before != b'_' && (!before.is_ascii_uppercase() || small_follows);
        if c.is_ascii_uppercase() && word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Whether a value has a bool, which other bytes than 0 and 1 are not.
pub(crate) const fn has_bool(shape: &Shape) -> bool {
    match shape {
        Shape::Number(element) => matches!(element, Element::Bool),
        Shape::Array { of, .. } => has_bool(of),
        Shape::Struct { fields, .. } => {
            let mut i = 0;
            while i < fields.len() {
                if has_bool(fields[i].shape) {
                    return true;
                }
                i += 1;
            }
            false
        }
    }
}

/// Whether the bytes are a value: whether every bool is 0 or 1.
pub(crate) fn is_value(shape: &Shape, bytes: &[u8]) -> bool {
    match *shape {
        Shape::Number(element) => element != Element::Bool || bytes[0] <= 1,
        Shape::Array { length, stride, of } => {
            !has_bool(of) || (0..length).all(|i| is_value(of, &bytes[i * stride..]))
        }
        Shape::Struct { fields, .. } => {
            fields.iter().all(|field| is_value(field.shape, &bytes[field.offset..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case() {
        let cases = [
            ("GyroRad", "gyro_rad"),
            ("HTTPCode", "http_code"),
            ("time_us", "time_us"),
            ("x2Y", "x2_y"),
            ("ID", "id"),
            ("A_B", "a_b"),
            ("_x", "_x"),
            ("éX", "é_x"),
        ];
        for (name, want) in cases {
            assert_eq!(snake(name), want);
        }
    }

    crate::describe! {
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Cell {
            id: u8,
            volts: f32,
        }
    }

    crate::describe! {
        /// With all there is.
        #[repr(C)]
        #[derive(Clone, Copy)]
        #[allow(non_snake_case)]
        struct Pack {
            r#type: u16,
            _pad: [u8; 6],
            /// Nested.
            cell: [[Cell; 3]; 2] = "Cell",
            grid: [[i16; 3]; 2],
            okFlags: [bool; 4],
            z: Complex<f64>,
            c: Complex<f32>,
        }
    }

    #[test]
    fn text_of_a_struct() {
        let want = "struct Pack 96\n\
            type u16 @0\n\
            Cell.id u8[2][3:8] @8\n\
            Cell.volts f32[2][3:8] @12\n\
            grid i16[2][3] @56\n\
            ok_flags bool[4] @68\n\
            z c128 @72\n\
            c c64 @88\n";
        assert_eq!(descriptor::<Pack>(), want);
    }

    #[test]
    fn text_of_numbers_and_arrays() {
        assert_eq!(descriptor::<u32>(), "struct - 4\nvalue u32 @0\n");
        assert_eq!(descriptor::<[f32; 3]>(), "struct - 12\nvalue f32[3] @0\n");
        assert_eq!(
            descriptor::<[Cell; 3]>(),
            "struct - 24\nvalue.id u8[3:8] @0\nvalue.volts f32[3:8] @4\n"
        );
    }

    #[test]
    fn bools() {
        assert!(has_bool(Pack::SHAPE) && !has_bool(Cell::SHAPE));
        let mut bytes = [0xffu8; size_of::<Pack>()];
        assert!(!is_value(Pack::SHAPE, &bytes));
        bytes[68..72].copy_from_slice(&[0, 1, 1, 0]);
        assert!(is_value(Pack::SHAPE, &bytes));
        bytes[71] = 2;
        assert!(!is_value(Pack::SHAPE, &bytes));
    }
}
