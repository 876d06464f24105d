//! Our bytes beside those of the released wRPC: the codecs of `wrpc-transport`, and the types that `wit-bindgen-wrpc`
//! generates.

use rand::SeedableRng;
use rand::rngs::StdRng;
use wit_bindgen_wrpc::bytes::Bytes;
use wrpc_transport::{Decode, Encode};
use wrpc_transport_nats::{ParamWriter, Reader};

use super::tests::{any_value, decode};
use super::*;

#[path = "../../../tests/nats/stock/bindings.rs"]
#[allow(dead_code, reason = "the tests over NATS need more of it")]
mod bindings;
mod flags;

use bindings::test::guests::kinds::{Access, Colour, Everything, Frame, Hour, Letter, Month, Point, Shape as Figure};
use bindings::{highest, lowest};

/// The bytes that the released crates make.
fn written<T: Encode<ParamWriter>>(value: T) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    assert!(T::Encoder::default().encode(value, &mut bytes).is_ok(), "they refuse their own value");
    bytes.to_vec()
}

/// What the released crates read, and what they leave.
fn read<T: Decode<Reader>>(bytes: &[u8]) -> (T, usize) {
    let mut bytes = BytesMut::from(bytes);
    let value = T::Decoder::default().decode(&mut bytes).ok().flatten().expect("they read it");
    (value, bytes.len())
}

/// A value in the types of the released crates, as this host has it.
trait AsVal {
    fn val(&self) -> Val;

    /// As the payload of a result, where there may be none.
    fn payload(&self) -> Option<Box<Val>> {
        Some(Box::new(self.val()))
    }
}

macro_rules! plain {
    ($($ty:ty => $case:ident),* $(,)?) => {
        $(impl AsVal for $ty {
            fn val(&self) -> Val {
                Val::$case(self.clone())
            }
        })*
    };
}

plain!(
    bool => Bool, u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => S8, i16 => S16, i32 => S32, i64 => S64,
    f32 => Float32, f64 => Float64, char => Char, String => String,
);

impl AsVal for () {
    fn val(&self) -> Val {
        Val::Tuple(Vec::new())
    }
    fn payload(&self) -> Option<Box<Val>> {
        None
    }
}

impl<A: AsVal, B: AsVal> AsVal for (A, B) {
    fn val(&self) -> Val {
        Val::Tuple(vec![self.0.val(), self.1.val()])
    }
}

impl<T: AsVal> AsVal for Vec<T> {
    fn val(&self) -> Val {
        Val::List(self.iter().map(T::val).collect())
    }
}

impl AsVal for Bytes {
    fn val(&self) -> Val {
        Val::List(self.iter().map(u8::val).collect())
    }
}

impl<T: AsVal> AsVal for Option<T> {
    fn val(&self) -> Val {
        Val::Option(self.as_ref().map(|some| Box::new(some.val())))
    }
}

impl<T: AsVal, E: AsVal> AsVal for Result<T, E> {
    fn val(&self) -> Val {
        Val::Result(self.as_ref().map(T::payload).map_err(E::payload))
    }
}

impl AsVal for Figure {
    fn val(&self) -> Val {
        let (name, payload) = match self {
            Figure::Circle(radius) => ("circle", radius.payload()),
            Figure::Polygon(points) => ("polygon", points.payload()),
            Figure::Nothing => ("nothing", None),
        };
        Val::Variant(name.into(), payload)
    }
}

macro_rules! records {
    ($($ty:ty { $($field:ident),* $(,)? })*) => {
        $(impl AsVal for $ty {
            fn val(&self) -> Val {
                Val::Record(vec![$((stringify!($field).replace('_', "-"), self.$field.val())),*])
            }
        })*
    };
}

records! {
    Point { x, y }
    Frame { corner, size }
    Everything {
        yes, small, middle, large, huge, real, reals, letter, text, bytes, shapes, frame, maybe, outcome, bare, half,
        other_half, colours, hours, rights, months, letters,
    }
}

macro_rules! enums {
    ($($ty:ty),*) => {
        $(impl AsVal for $ty {
            /// `Colour::Red`, as it is printed, is `red`.
            fn val(&self) -> Val {
                let name = format!("{self:?}").to_lowercase();
                Val::Enum(name.rsplit(':').next().unwrap_or_default().into())
            }
        })*
    };
}

enums!(Colour, Hour);

macro_rules! flags {
    ($($ty:ty),*) => {
        $(impl AsVal for $ty {
            fn val(&self) -> Val {
                Val::Flags(self.iter_names().map(|(name, _)| name.to_lowercase()).collect())
            }
        })*
    };
}

flags!(Access, Month, Letter);

/// A value, and the bytes that the released crates make of it.
struct Row {
    shape: Shape,
    value: Val,
    golden: Vec<u8>,
}

fn row<T: AsVal + Encode<ParamWriter>>(shape: &Shape, value: T) -> Row {
    Row { shape: shape.clone(), value: value.val(), golden: written(value) }
}

fn everything() -> Shape {
    Shape::in_wit(include_str!("../../../tests/nats/stock/wit/values/values.wit"), "kinds", "everything")
}

fn rows() -> Vec<Row> {
    let boxed = |shape: &Shape| Box::new(shape.clone());
    let list = |shape: &Shape| Shape::List(boxed(shape));
    let option = |shape: &Shape| Shape::Option(boxed(shape));
    let pair = |a: &Shape, b: &Shape| Shape::Tuple(vec![a.clone(), b.clone()]);
    let result = |ok: Option<&Shape>, err: Option<&Shape>| Shape::Result(ok.map(boxed), err.map(boxed));
    let mut rows = vec![row(&Shape::Bool, false), row(&Shape::Bool, true)];
    // Both ends, and where LEB128 becomes longer.
    rows.extend([0, 127, 128, u8::MAX].map(|n| row(&Shape::U8, n)));
    rows.extend([i8::MIN, -65, -1, 0, 64, i8::MAX].map(|n| row(&Shape::S8, n)));
    rows.extend([0, 127, 128, 16_383, 16_384, u16::MAX].map(|n| row(&Shape::U16, n)));
    rows.extend([i16::MIN, -65, -64, -1, 0, 63, 64, i16::MAX].map(|n| row(&Shape::S16, n)));
    rows.extend([0, 127, 128, 2_097_151, 2_097_152, u32::MAX].map(|n| row(&Shape::U32, n)));
    rows.extend([i32::MIN, -8193, -8192, -1, 0, 63, 64, i32::MAX].map(|n| row(&Shape::S32, n)));
    rows.extend([0, 127, 128, u64::from(u32::MAX), 1 << 35, u64::MAX].map(|n| row(&Shape::U64, n)));
    rows.extend([i64::MIN, i64::from(i32::MIN) - 1, -65, -1, 0, 64, i64::MAX].map(|n| row(&Shape::S64, n)));
    let singles = [0.0, -0.0, 1.5, f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY];
    rows.extend(singles.into_iter().chain([f32::NAN, -f32::NAN]).map(|n| row(&Shape::F32, n)));
    rows.push(row(&Shape::F32, f32::from_bits(0x7f80_0001)));
    let doubles = [0.0, -0.0, 0.1, f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY];
    rows.extend(doubles.into_iter().chain([f64::NAN, -f64::NAN]).map(|n| row(&Shape::F64, n)));
    rows.push(row(&Shape::F64, f64::from_bits(0x7ff0_0000_0000_0001)));
    rows.extend(['\0', 'a', 'é', '€', '\u{1f980}', char::MAX].map(|letter| row(&Shape::Char, letter)));
    let texts = ["", "a", "Grüße, \0 and \u{1f980}"].map(String::from);
    rows.extend(texts.into_iter().chain(["x".repeat(128)]).map(|text| row(&Shape::String, text)));
    rows.extend([vec![], vec![0, 1, 255]].map(|bytes| row(&list(&Shape::U8), Bytes::from(bytes))));
    rows.push(row(&list(&Shape::U64), vec![0, 1, u64::MAX]));
    rows.push(row(&list(&Shape::Bool), vec![true, false]));
    rows.push(row(&list(&Shape::String), vec![String::new(), "a".into()]));
    rows.push(row(&list(&list(&Shape::S32)), vec![vec![], vec![-1, 1]]));
    rows.push(row(&list(&option(&Shape::U8)), vec![None, Some(7_u8)]));
    rows.push(row(&list(&pair(&Shape::U8, &Shape::Char)), vec![(1_u8, 'a'), (2, 'é')]));
    rows.extend([None, Some(None), Some(Some(7_u16))].map(|maybe| row(&option(&option(&Shape::U16)), maybe)));
    rows.extend(
        [Ok(300), Err("no".to_string())]
            .map(|outcome: Result<u16, _>| row(&result(Some(&Shape::U16), Some(&Shape::String)), outcome)),
    );
    rows.extend([Ok(300), Err(())].map(|outcome: Result<u16, _>| row(&result(Some(&Shape::U16), None), outcome)));
    rows.extend([Ok(()), Err(-1)].map(|outcome: Result<_, i8>| row(&result(None, Some(&Shape::S8)), outcome)));
    rows.extend([Ok(()), Err(())].map(|outcome: Result<(), ()>| row(&result(None, None), outcome)));
    rows.extend([lowest(), highest()].map(|value| row(&everything(), value)));
    rows
}

/// The table in `golden.txt`: a line for each value, its type, itself and its bytes.
fn table() -> String {
    let line = |Row { shape, value, golden }: Row| {
        let bytes: String = golden.iter().map(|byte| format!("{byte:02x}")).collect();
        match shape {
            // Its type and its value are in WIT and in Rust, and would be pages here.
            Shape::Record(_) => format!("everything = {bytes}\n"),
            _ => format!("{shape}: {value:?} = {bytes}\n"),
        }
    };
    rows().into_iter().map(line).collect()
}

#[test]
fn the_released_crates_make_the_bytes_of_the_golden_table() {
    let (golden, now) = (include_str!("golden.txt"), table());
    assert!(golden == now, "golden.txt is to be:\n{now}");
}

#[test]
fn we_make_and_read_the_bytes_that_the_released_crates_make() {
    for Row { shape, value, golden } in rows() {
        let mut bytes = BytesMut::new();
        encode(&shape, &value, &mut bytes).unwrap();
        assert_eq!(bytes, golden, "{shape}: {value:?}");
        let back = decode([&shape], &mut bytes).unwrap();
        // Compared as text, where every NaN is the same.
        assert_eq!(format!("{back:?}"), format!("{:?}", [&value]), "{shape}");
        assert!(bytes.is_empty(), "{shape}: {value:?}");
    }
}

#[test]
fn the_released_crates_read_what_we_make_and_make_it_again() {
    let shape = everything();
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..1_000 {
        let value = any_value(&mut rng, &shape);
        let mut bytes = BytesMut::new();
        encode(&shape, &value, &mut bytes).unwrap();
        let (theirs, rest) = read::<Everything>(&bytes);
        assert_eq!((format!("{:?}", theirs.val()), rest), (format!("{value:?}"), 0));
        assert_eq!(written(theirs), bytes);
    }
}
