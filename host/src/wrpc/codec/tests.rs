//! Round trips of any value of any type, the bytes that wRPC has, and bytes that nobody should send.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::budget::{Budget, MEMORY};
use super::*;

const CASES: u64 = 10_000;

/// Any type, with at most `depth` layers.
fn any_shape(rng: &mut StdRng, depth: u32) -> Shape {
    let names = |rng: &mut StdRng, most: u32| (0..rng.random_range(1..=most)).map(|n| format!("n{n}")).collect();
    let boxed = |rng: &mut StdRng| Box::new(any_shape(rng, depth - 1));
    match rng.random_range(0..if depth == 0 { 15 } else { 23 }) {
        0 => Shape::Bool,
        1 => Shape::U8,
        2 => Shape::U16,
        3 => Shape::U32,
        4 => Shape::U64,
        5 => Shape::S8,
        6 => Shape::S16,
        7 => Shape::S32,
        8 => Shape::S64,
        9 => Shape::F32,
        10 => Shape::F64,
        11 => Shape::Char,
        12 => Shape::String,
        13 => Shape::Enum(names(rng, 300)),
        14 => Shape::Flags(names(rng, 70)),
        15 => {
            let names: Vec<String> = names(rng, 4);
            Shape::Record(names.into_iter().map(|name| (name, any_shape(rng, depth - 1))).collect())
        }
        16 => {
            let names: Vec<String> = names(rng, 4);
            let case = |name| (name, rng.random_bool(0.7).then(|| any_shape(rng, depth - 1)));
            Shape::Variant(names.into_iter().map(case).collect())
        }
        17 => Shape::Tuple((0..rng.random_range(0..4)).map(|_| any_shape(rng, depth - 1)).collect()),
        18 => Shape::Option(boxed(rng)),
        19 => Shape::Result(rng.random_bool(0.7).then(|| boxed(rng)), rng.random_bool(0.7).then(|| boxed(rng))),
        20 => Shape::List(boxed(rng)),
        21 => Shape::FixedLengthList(boxed(rng), rng.random_range(0..4)),
        _ => Shape::Map(boxed(rng), boxed(rng)),
    }
}

/// Any value of the type. Integers are as often small as large.
pub(super) fn any_value(rng: &mut StdRng, shape: &Shape) -> Val {
    let bits = rng.random::<u64>() >> rng.random_range(0..64);
    match shape {
        Shape::Bool => Val::Bool(rng.random()),
        Shape::U8 => Val::U8(bits as u8),
        Shape::U16 => Val::U16(bits as u16),
        Shape::U32 => Val::U32(bits as u32),
        Shape::U64 => Val::U64(bits),
        Shape::S8 => Val::S8(bits as i8),
        Shape::S16 => Val::S16(bits as i16),
        Shape::S32 => Val::S32(bits as i32),
        Shape::S64 => Val::S64(bits as i64),
        Shape::F32 => Val::Float32(f32::from_bits(bits as u32)),
        Shape::F64 => Val::Float64(f64::from_bits(bits)),
        Shape::Char => Val::Char(rng.random()),
        Shape::String => Val::String((0..rng.random_range(0..20)).map(|_| rng.random::<char>()).collect()),
        Shape::Record(fields) => {
            Val::Record(fields.iter().map(|(name, shape)| (name.clone(), any_value(rng, shape))).collect())
        }
        Shape::Variant(cases) => {
            let (name, shape) = &cases[rng.random_range(0..cases.len())];
            Val::Variant(name.clone(), shape.as_ref().map(|shape| Box::new(any_value(rng, shape))))
        }
        Shape::Enum(cases) => Val::Enum(cases[rng.random_range(0..cases.len())].clone()),
        Shape::Flags(names) => Val::Flags(names.iter().filter(|_| rng.random()).cloned().collect()),
        Shape::Tuple(shapes) => Val::Tuple(shapes.iter().map(|shape| any_value(rng, shape)).collect()),
        Shape::Option(shape) => Val::Option(rng.random_bool(0.5).then(|| Box::new(any_value(rng, shape)))),
        Shape::Result(ok, err) => {
            let payload = |rng: &mut StdRng, shape: &Option<Box<Shape>>| {
                shape.as_ref().map(|shape| Box::new(any_value(rng, shape)))
            };
            Val::Result(if rng.random() { Ok(payload(rng, ok)) } else { Err(payload(rng, err)) })
        }
        Shape::List(shape) => Val::List((0..rng.random_range(0..5)).map(|_| any_value(rng, shape)).collect()),
        Shape::FixedLengthList(shape, length) => {
            Val::FixedLengthList((0..*length).map(|_| any_value(rng, shape)).collect())
        }
        Shape::Map(key, value) => {
            let entry = |rng: &mut StdRng| (any_value(rng, key), any_value(rng, value));
            Val::Map((0..rng.random_range(0..4)).map(|_| entry(rng)).collect())
        }
    }
}

/// What the bytes are decoded to by a call that is alone.
pub(super) fn decode<'s>(
    shapes: impl IntoIterator<Item = &'s Shape>,
    bytes: &mut BytesMut,
) -> Result<Vec<Val>, Malformed> {
    super::decode(shapes, bytes, &mut Budget::new().share())
}

fn bytes_of(shape: &Shape, value: &Val) -> BytesMut {
    let mut bytes = BytesMut::new();
    encode(shape, value, &mut bytes).unwrap();
    bytes
}

#[test]
fn any_value_of_any_type_comes_back() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..CASES {
        let shape = any_shape(&mut rng, 3);
        let value = any_value(&mut rng, &shape);
        let mut bytes = bytes_of(&shape, &value);
        bytes.put_slice(b"what follows");
        let back = decode([&shape], &mut bytes).unwrap();
        // Compared as text, where every NaN is the same.
        assert_eq!(format!("{back:?}"), format!("{:?}", [value]), "{shape}");
        assert_eq!(&bytes[..], b"what follows", "{shape}");
    }
}

#[test]
fn a_value_that_is_cut_off_is_truncated_and_nothing_else() {
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..CASES / 10 {
        let shape = any_shape(&mut rng, 2);
        let value = any_value(&mut rng, &shape);
        let bytes = bytes_of(&shape, &value);
        for end in 0..bytes.len() {
            assert_eq!(decode([&shape], &mut BytesMut::from(&bytes[..end])), Err(Malformed::Truncated), "{shape}");
        }
    }
}

#[test]
fn garbage_is_refused_or_is_a_value_that_can_be_sent_again() {
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..CASES {
        let shape = any_shape(&mut rng, 3);
        let garbage: Vec<u8> = (0..rng.random_range(0..64)).map(|_| rng.random()).collect();
        if let Ok(values) = decode([&shape], &mut BytesMut::from(&garbage[..])) {
            let again = decode([&shape], &mut bytes_of(&shape, &values[0])).unwrap();
            assert_eq!(format!("{again:?}"), format!("{values:?}"), "{shape}");
        }
    }
}

#[test]
fn a_short_message_cannot_ask_for_much_memory() {
    let endless = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for element in [Shape::Tuple(vec![]), Shape::Record(vec![]), Shape::FixedLengthList(Box::new(Shape::U8), 0)] {
        let list = Shape::List(Box::new(element));
        assert_eq!(decode([&list], &mut BytesMut::from(&endless[..])), Err(Malformed::TooLarge), "{list}");
    }
    for shape in [Shape::String, Shape::List(Box::new(Shape::U8)), Shape::List(Box::new(Shape::String))] {
        assert_eq!(decode([&shape], &mut BytesMut::from(&endless[..])), Err(Malformed::Truncated), "{shape}");
    }
}

#[test]
fn what_values_take_is_counted_before_it_is_allocated() {
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let nested = (0..100).fold(Shape::U8, |shape, _| Shape::Option(Box::new(shape)));
    let wide = Shape::Record(names(50).into_iter().map(|name| (name, Shape::Bool)).collect());
    // Each with a message of 4 MiB at most, which would be decoded to far more than all calls may have.
    for (shape, element) in [
        (Shape::Flags(names(32)), vec![0xff; 4]),
        (Shape::Flags(names(300)), [vec![0xff; 37], vec![0x0f]].concat()),
        (wide, vec![1; 50]),
        (nested, vec![1; 101]),
        (Shape::Map(Box::new(Shape::U8), Box::new(Shape::String)), vec![1, 1, 0]),
        (Shape::List(Box::new(Shape::List(Box::new(Shape::U8)))), vec![1, 1, 1]),
        (Shape::Variant(vec![("some-case".into(), Some(Shape::Enum(names(2))))]), vec![0, 1]),
        (Shape::Tuple(vec![Shape::U8, Shape::Tuple(vec![Shape::U8])]), vec![1, 1]),
        (Shape::Result(Some(Box::new(Shape::String)), None), vec![0, 1, b'x']),
    ] {
        let count = (4 << 20) / element.len();
        let mut bytes = BytesMut::new();
        put(Leb128Encoder, count as u32, &mut bytes).unwrap();
        bytes.put_slice(&element.repeat(count));
        let list = Shape::List(Box::new(shape));
        assert_eq!(decode([&list], &mut bytes.clone()), Err(Malformed::TooLarge), "{list}");
        // Another call has all but 64 MiB.
        let budget = Budget::new();
        let mut other = budget.share();
        other.take(MEMORY - (64 << 20)).unwrap();
        let mut share = budget.share();
        assert_eq!(super::decode([&list], &mut bytes, &mut share), Err(Malformed::NoRoom(Exhausted)), "{list}");
        // What it had taken until then is there again.
        assert_eq!(share.take(64 << 20), Ok(()));
    }
}

#[test]
fn what_a_value_takes_is_what_is_counted() {
    let names = ["read", "write", "execute-whatever-there-is"].map(String::from);
    let shape = Shape::List(Box::new(Shape::Flags(names.to_vec())));
    // A place each; the first list, and 24 bytes for each name, in blocks of 16 with 8 for the allocator.
    let counted = 40 + (2 * 40 + 16) + 2 * (3 * 24 + 8) + 2 * (32 + 32 + 48);
    let budget = Budget::new();
    let mut other = budget.share();
    other.take(MEMORY - counted).unwrap();
    let mut share = budget.share();
    assert!(super::decode([&shape], &mut BytesMut::from(&[2, 7, 7][..]), &mut share).is_ok());
    assert_eq!(share.take(1), Err(Exhausted));
}

#[test]
fn the_bytes_are_those_of_the_value_encoding() {
    let enums = Shape::Enum((0..200).map(|n| format!("n{n}")).collect());
    let flags = Shape::Flags((0..9).map(|n| format!("n{n}")).collect());
    let list = Shape::List(Box::new(Shape::U16));
    let option = Shape::Option(Box::new(Shape::S32));
    let result = Shape::Result(None, Some(Box::new(Shape::Bool)));
    let table: [(&Shape, Val, &[u8]); 16] = [
        (&Shape::Bool, Val::Bool(true), &[1]),
        (&Shape::U8, Val::U8(200), &[200]),
        (&Shape::S8, Val::S8(-1), &[0xff]),
        (&Shape::U16, Val::U16(300), &[0xac, 0x02]),
        (&Shape::S16, Val::S16(-300), &[0xd4, 0x7d]),
        (&Shape::U64, Val::U64(u64::MAX), &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        (&Shape::F32, Val::Float32(1.5), &[0, 0, 0xc0, 0x3f]),
        (&Shape::F32, Val::Float32(-f32::NAN), &[0, 0, 0xc0, 0x7f]),
        (&Shape::Char, Val::Char('é'), &[0xc3, 0xa9]),
        (&Shape::String, Val::String("hé".into()), &[3, b'h', 0xc3, 0xa9]),
        (&list, Val::List(vec![Val::U16(1), Val::U16(300)]), &[2, 1, 0xac, 0x02]),
        (&enums, Val::Enum("n199".into()), &[0xc7, 0x01]),
        (&flags, Val::Flags(vec!["n0".into(), "n8".into()]), &[1, 1]),
        (&option, Val::Option(Some(Box::new(Val::S32(-1)))), &[1, 0x7f]),
        (&result, Val::Result(Ok(None)), &[0]),
        (&result, Val::Result(Err(Some(Box::new(Val::Bool(false))))), &[1, 0]),
    ];
    for (shape, value, bytes) in table {
        assert_eq!(&bytes_of(shape, &value)[..], bytes, "{shape}");
    }
}

#[test]
fn what_no_case_has_is_refused() {
    let wrong = |shape: &Shape, bytes: &[u8]| match decode([shape], &mut BytesMut::from(bytes)) {
        Err(Malformed::Wrong(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&Shape::Enum(vec!["a".into()]), &[1]), "there is no case 1, of 1");
    assert_eq!(wrong(&Shape::Flags(vec!["a".into(), "b".into()]), &[0b100]), "flag 2 is set, of 2");
    assert_eq!(wrong(&Shape::String, &[1, 0xff]), "a string is not UTF-8");
    assert!(wrong(&Shape::Bool, &[2]).contains('2'));
}
