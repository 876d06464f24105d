//! What peers may send, for [`fuzzing`](crate::fuzzing).

use bytes::BytesMut;
use wasmtime::component::Val;

use super::budget::Budget;
use super::codec;
use crate::component::Shape;

pub use super::tcp::fuzzing::tcp;

/// Decodes a value of a type: the first of the bytes say which, the others are the value.
pub fn value(mut bytes: &[u8]) -> String {
    let shape = shape(&mut bytes, 4);
    let budget = Budget::new();
    let mut share = budget.share();
    let decode = |bytes: &mut BytesMut, share| codec::decode([&shape], bytes, share);
    let value = match decode(&mut bytes.into(), &mut share) {
        Ok(mut values) => values.remove(0),
        Err(malformed) => return malformed.to_string(),
    };
    let (taken, counted) = (size_of::<Val>() + heap(&value), budget.held());
    assert!(taken <= counted, "{taken} bytes, and {counted} were counted, for {shape}");
    let mut encoded = BytesMut::new();
    codec::encode(&shape, &value, &mut encoded).unwrap_or_else(|problem| panic!("{problem}, as {shape}"));
    let again =
        decode(&mut encoded, &mut Budget::new().share()).unwrap_or_else(|problem| panic!("{problem}, as {shape}"));
    assert!(encoded.is_empty(), "{} bytes follow, as {shape}", encoded.len());
    // Compared as text, where every NaN is the same.
    if counted < 1 << 20 {
        assert_eq!(format!("{again:?}"), format!("{:?}", [value]), "{shape}");
    }
    format!("{shape}")
}

/// A type that the front of the bytes says, with at most `depth` layers.
fn shape(bytes: &mut &[u8], depth: u32) -> Shape {
    let mut next = || match bytes.split_first() {
        Some((first, rest)) => {
            *bytes = rest;
            usize::from(*first)
        }
        None => 0,
    };
    let kind = next() % if depth == 0 { 15 } else { 23 };
    let count = if kind > 12 { next() } else { 0 };
    let names = |most: usize| (0..=count % most).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let mut inner = || shape(bytes, depth - 1);
    match kind {
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
        13 => Shape::Enum(names(200)),
        14 => Shape::Flags(names(70)),
        15 => Shape::Record(names(6).into_iter().map(|name| (name, inner())).collect()),
        16 => {
            let case = |(number, name)| (name, (count >> number & 1 == 0).then(&mut inner));
            Shape::Variant(names(6).into_iter().enumerate().map(case).collect())
        }
        17 => Shape::Tuple((0..count % 5).map(|_| inner()).collect()),
        18 => Shape::Option(Box::new(inner())),
        19 => {
            let ok = (count & 1 == 0).then(|| Box::new(inner()));
            Shape::Result(ok, (count & 2 == 0).then(|| Box::new(inner())))
        }
        20 => Shape::List(Box::new(inner())),
        21 => Shape::FixedLengthList(Box::new(inner()), count as u32),
        _ => Shape::Map(Box::new(inner()), Box::new(inner())),
    }
}

/// How much memory a value has beside its own place.
fn heap(value: &Val) -> usize {
    let boxed = |payload: &Option<Box<Val>>| payload.as_ref().map_or(0, |value| size_of::<Val>() + heap(value));
    let list = |values: &Vec<Val>| values.capacity() * size_of::<Val>() + values.iter().map(heap).sum::<usize>();
    match value {
        Val::String(text) | Val::Enum(text) => text.capacity(),
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => list(values),
        Val::Map(entries) => {
            let each = entries.iter().map(|(key, value)| heap(key) + heap(value));
            entries.capacity() * size_of::<(Val, Val)>() + each.sum::<usize>()
        }
        Val::Record(fields) => {
            let each = fields.iter().map(|(name, value)| name.capacity() + heap(value));
            fields.capacity() * size_of::<(String, Val)>() + each.sum::<usize>()
        }
        Val::Variant(name, payload) => name.capacity() + boxed(payload),
        Val::Option(payload) | Val::Result(Ok(payload) | Err(payload)) => boxed(payload),
        Val::Flags(names) => names.capacity() * size_of::<String>() + names.iter().map(String::capacity).sum::<usize>(),
        _ => 0,
    }
}
