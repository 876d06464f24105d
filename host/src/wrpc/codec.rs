//! Values as wRPC sends them: the value encoding of the component model.
//!
//! | type | bytes |
//! | --- | --- |
//! | `bool`, `u8`, `s8` | one |
//! | the other integers | LEB128, signed for `s…` |
//! | `f32`, `f64` | little-endian; each NaN as the canonical one |
//! | `char` | UTF-8 |
//! | `string` | length in bytes, UTF-8 |
//! | `list`, `map` | number of elements, elements; a map's are its key and its value |
//! | `record`, `tuple`, `list<T, N>` | the parts |
//! | `variant`, `enum` | number of the case, payload |
//! | `option`, `result` | 0 or 1 (`some`, `err`), payload |
//! | `flags` | a bit each, from the lowest of the first byte |
//!
//! Lengths and numbers of cases are LEB128 of at most 32 bits.

use bytes::{Buf, BufMut, BytesMut};
use wasm_tokio::cm::{
    BoolCodec, F32Codec, F64Codec, S8Codec, S16Codec, S32Codec, S64Codec, U8Codec, U16Codec, U32Codec, U64Codec,
};
use wasm_tokio::tokio_util::codec::{Decoder, Encoder};
use wasm_tokio::{Leb128DecoderU32, Leb128Encoder, Utf8Codec};
use wasmtime::component::Val;

use super::budget::{Exhausted, Share};
use crate::component::Shape;

/// Why bytes are no value of the type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Malformed {
    /// They would begin one.
    #[error("it ends before the value does")]
    Truncated,
    /// They never will be one.
    #[error("{0}")]
    Wrong(String),
    /// Decoded, it would need more memory than one value may.
    #[error("its values take more than {MAX_DECODED} bytes of memory")]
    TooLarge,
    /// Decoded, it would need more memory than other calls leave.
    #[error("{0}")]
    NoRoom(Exhausted),
}

/// The most memory that the values in one message take: 4 Mi numbers, in places of 40 bytes. In a message they take as
/// little as a bit each, for a flag: without a bound, a small message could fill the memory.
pub(super) const MAX_DECODED: usize = 160 << 20;

/// Appends `value`, which Wasmtime has checked to be of the type.
///
/// # Errors
/// What does not fit, if Wasmtime and this host disagree about the type after all.
pub(super) fn encode(shape: &Shape, value: &Val, out: &mut BytesMut) -> Result<(), String> {
    match (shape, value) {
        (Shape::Bool, Val::Bool(value)) => put(BoolCodec, *value, out),
        (Shape::U8, Val::U8(value)) => put(U8Codec, *value, out),
        (Shape::U16, Val::U16(value)) => put(U16Codec, *value, out),
        (Shape::U32, Val::U32(value)) => put(U32Codec, *value, out),
        (Shape::U64, Val::U64(value)) => put(U64Codec, *value, out),
        (Shape::S8, Val::S8(value)) => put(S8Codec, *value, out),
        (Shape::S16, Val::S16(value)) => put(S16Codec, *value, out),
        (Shape::S32, Val::S32(value)) => put(S32Codec, *value, out),
        (Shape::S64, Val::S64(value)) => put(S64Codec, *value, out),
        (Shape::F32, Val::Float32(value)) => put(F32Codec, if value.is_nan() { f32::NAN } else { *value }, out),
        (Shape::F64, Val::Float64(value)) => put(F64Codec, if value.is_nan() { f64::NAN } else { *value }, out),
        (Shape::Char, Val::Char(value)) => put(Utf8Codec, *value, out),
        (Shape::String, Val::String(value)) => {
            put_length(value.len(), out)?;
            out.put_slice(value.as_bytes());
            Ok(())
        }
        (Shape::Record(shapes), Val::Record(fields)) if shapes.len() == fields.len() => {
            let mut parts = shapes.iter().zip(fields);
            parts.try_for_each(|((_, shape), (_, value))| encode(shape, value, out))
        }
        (Shape::Variant(cases), Val::Variant(name, payload)) => {
            let number = position(cases.iter().map(|(name, _)| name), name)?;
            put(Leb128Encoder, number, out)?;
            encode_payload(cases[number as usize].1.as_ref(), payload, out)
        }
        (Shape::Enum(cases), Val::Enum(name)) => put(Leb128Encoder, position(cases.iter(), name)?, out),
        (Shape::Flags(names), Val::Flags(set)) => {
            let mut bytes = vec![0; names.len().div_ceil(8)];
            for name in set {
                let bit = position(names.iter(), name)? as usize;
                bytes[bit / 8] |= 1 << (bit % 8);
            }
            out.put_slice(&bytes);
            Ok(())
        }
        (Shape::Tuple(shapes), Val::Tuple(values)) if shapes.len() == values.len() => {
            shapes.iter().zip(values).try_for_each(|(shape, value)| encode(shape, value, out))
        }
        (Shape::Option(shape), Val::Option(payload)) => {
            out.put_u8(payload.is_some().into());
            payload.as_ref().map_or(Ok(()), |payload| encode(shape, payload, out))
        }
        (Shape::Result(ok, err), Val::Result(result)) => {
            out.put_u8(result.is_err().into());
            match result {
                Ok(payload) => encode_payload(ok.as_deref(), payload, out),
                Err(payload) => encode_payload(err.as_deref(), payload, out),
            }
        }
        (Shape::List(shape), Val::List(values)) => {
            put_length(values.len(), out)?;
            values.iter().try_for_each(|value| encode(shape, value, out))
        }
        (Shape::FixedLengthList(shape, length), Val::FixedLengthList(values)) if *length as usize == values.len() => {
            values.iter().try_for_each(|value| encode(shape, value, out))
        }
        (Shape::Map(key_shape, value_shape), Val::Map(entries)) => {
            put_length(entries.len(), out)?;
            entries.iter().try_for_each(|(key, value)| {
                encode(key_shape, key, out)?;
                encode(value_shape, value, out)
            })
        }
        (shape, value) => Err(format!("{value:?} is no {shape}")),
    }
}

fn encode_payload(shape: Option<&Shape>, payload: &Option<Box<Val>>, out: &mut BytesMut) -> Result<(), String> {
    match (shape, payload) {
        (Some(shape), Some(payload)) => encode(shape, payload, out),
        (None, None) => Ok(()),
        (shape, payload) => Err(format!("the payload {payload:?} is no {shape:?}")),
    }
}

fn put<T, E: Encoder<T, Error = std::io::Error>>(mut encoder: E, value: T, out: &mut BytesMut) -> Result<(), String> {
    encoder.encode(value, out).map_err(|error| error.to_string())
}

fn put_length(length: usize, out: &mut BytesMut) -> Result<(), String> {
    let length = u32::try_from(length).map_err(|_| format!("{length} elements are more than can be sent"))?;
    put(Leb128Encoder, length, out)
}

fn position<'n>(mut names: impl Iterator<Item = &'n String>, name: &str) -> Result<u32, String> {
    let position = names.position(|candidate| candidate == name).and_then(|position| u32::try_from(position).ok());
    position.ok_or_else(|| format!("there is no case `{name}`"))
}

/// Takes the values of `shapes` from the front of `bytes`; what follows them stays. Their memory is a part of `share`.
///
/// # Errors
/// [`Malformed`]. What was taken until then is gone, and `share` is as it was.
pub(super) fn decode<'s>(
    shapes: impl IntoIterator<Item = &'s Shape>,
    bytes: &mut BytesMut,
    share: &mut Share,
) -> Result<Vec<Val>, Malformed> {
    let mut input = Input { bytes, left: MAX_DECODED, owed: 0, share: share.part() };
    let value = |shape| {
        input.charge(size_of::<Val>())?;
        input.value(shape)
    };
    let values = shapes.into_iter().map(value).collect::<Result<_, _>>()?;
    input.pay()?;
    share.join(input.share);
    Ok(values)
}

/// So many bytes are counted before they are taken from the share, which all calls have: most calls do so once.
const BATCH: usize = 16 << 10;

/// What an allocation takes with all that surrounds it, as in the allocator of glibc.
fn allocation(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes.saturating_add(8).next_multiple_of(16).max(32) }
}

/// The same of so many names.
fn allocations<'n>(names: impl IntoIterator<Item = &'n String>) -> usize {
    names.into_iter().map(|name| allocation(name.len())).sum()
}

struct Input<'b> {
    bytes: &'b mut BytesMut,
    /// How many bytes of memory the values may still take.
    left: usize,
    /// Of those that they have taken, what is not yet taken from the share.
    owed: usize,
    share: Share,
}

impl Input<'_> {
    /// Counts memory before it is allocated.
    fn charge(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.left = self.left.checked_sub(bytes).ok_or(Malformed::TooLarge)?;
        self.owed += bytes;
        if self.owed < BATCH { Ok(()) } else { self.pay() }
    }

    fn pay(&mut self) -> Result<(), Malformed> {
        self.share.take(std::mem::take(&mut self.owed)).map_err(Malformed::NoRoom)
    }

    /// An empty list with room for so many parts.
    fn room<T>(&mut self, length: usize) -> Result<Vec<T>, Malformed> {
        self.charge(allocation(length.saturating_mul(size_of::<T>())))?;
        Ok(Vec::with_capacity(length))
    }

    fn name(&mut self, name: &str) -> Result<String, Malformed> {
        self.charge(allocation(name.len()))?;
        Ok(name.into())
    }

    /// A value for which its place is counted already.
    fn value(&mut self, shape: &Shape) -> Result<Val, Malformed> {
        Ok(match shape {
            Shape::Bool => Val::Bool(self.take(BoolCodec)?),
            Shape::U8 => Val::U8(self.take(U8Codec)?),
            Shape::U16 => Val::U16(self.take(U16Codec)?),
            Shape::U32 => Val::U32(self.take(U32Codec)?),
            Shape::U64 => Val::U64(self.take(U64Codec)?),
            Shape::S8 => Val::S8(self.take(S8Codec)?),
            Shape::S16 => Val::S16(self.take(S16Codec)?),
            Shape::S32 => Val::S32(self.take(S32Codec)?),
            Shape::S64 => Val::S64(self.take(S64Codec)?),
            Shape::F32 => Val::Float32(self.take(F32Codec)?),
            Shape::F64 => Val::Float64(self.take(F64Codec)?),
            Shape::Char => Val::Char(self.take(Utf8Codec)?),
            Shape::String => {
                let length = self.length()?;
                let text = self.slice(length)?;
                self.charge(allocation(length))?;
                let text = String::from_utf8(text.to_vec());
                Val::String(text.map_err(|_| Malformed::Wrong("a string is not UTF-8".into()))?)
            }
            Shape::Record(fields) => {
                self.charge(allocations(fields.iter().map(|(name, _)| name)))?;
                let mut values = self.room(fields.len())?;
                for (name, shape) in fields {
                    values.push((name.clone(), self.value(shape)?));
                }
                Val::Record(values)
            }
            Shape::Variant(cases) => {
                let (name, shape) = self.case(cases)?;
                Val::Variant(self.name(name)?, self.payload(shape.as_ref())?)
            }
            Shape::Enum(cases) => {
                let name = self.case(cases)?;
                Val::Enum(self.name(name)?)
            }
            Shape::Flags(names) => {
                let bits = self.slice(names.len().div_ceil(8))?;
                let is_set = |bit: &usize| bits[bit / 8] & (1 << (bit % 8)) != 0;
                if let Some(bit) = (names.len()..bits.len() * 8).find(is_set) {
                    return Err(Malformed::Wrong(format!("flag {bit} is set, of {}", names.len())));
                }
                let set = || (0..names.len()).filter(is_set).map(|bit| &names[bit]);
                self.charge(allocations(set()))?;
                let mut values = self.room(set().count())?;
                values.extend(set().cloned());
                Val::Flags(values)
            }
            Shape::Tuple(shapes) => {
                let mut values = self.room(shapes.len())?;
                for shape in shapes {
                    values.push(self.value(shape)?);
                }
                Val::Tuple(values)
            }
            Shape::Option(shape) => Val::Option(match self.take(BoolCodec)? {
                true => self.payload(Some(shape))?,
                false => None,
            }),
            Shape::Result(ok, err) => Val::Result(match self.take(BoolCodec)? {
                false => Ok(self.payload(ok.as_deref())?),
                true => Err(self.payload(err.as_deref())?),
            }),
            Shape::List(shape) => {
                let length = self.length()?;
                Val::List(self.values(shape, length)?)
            }
            Shape::FixedLengthList(shape, length) => Val::FixedLengthList(self.values(shape, *length as usize)?),
            Shape::Map(key, value) => {
                let length = self.length()?;
                self.can_be(length, [&**key, value])?;
                let mut entries = self.room(length)?;
                for _ in 0..length {
                    entries.push((self.value(key)?, self.value(value)?));
                }
                Val::Map(entries)
            }
        })
    }

    fn values(&mut self, shape: &Shape, length: usize) -> Result<Vec<Val>, Malformed> {
        self.can_be(length, [shape])?;
        let mut values = self.room(length)?;
        for _ in 0..length {
            values.push(self.value(shape)?);
        }
        Ok(values)
    }

    /// Whether there can be so many elements in what is there: a length is only what the peer says.
    fn can_be<'s>(&self, length: usize, parts: impl IntoIterator<Item = &'s Shape>) -> Result<(), Malformed> {
        let fit = length <= self.bytes.len() || !parts.into_iter().any(takes_bytes);
        fit.then_some(()).ok_or(Malformed::Truncated)
    }

    fn payload(&mut self, shape: Option<&Shape>) -> Result<Option<Box<Val>>, Malformed> {
        let Some(shape) = shape else { return Ok(None) };
        self.charge(allocation(size_of::<Val>()))?;
        Ok(Some(Box::new(self.value(shape)?)))
    }

    fn case<'c, C>(&mut self, cases: &'c [C]) -> Result<&'c C, Malformed> {
        let number = self.length()?;
        cases.get(number).ok_or_else(|| Malformed::Wrong(format!("there is no case {number}, of {}", cases.len())))
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        Ok(self.take(Leb128DecoderU32)? as usize)
    }

    fn slice(&mut self, length: usize) -> Result<BytesMut, Malformed> {
        if self.bytes.remaining() < length {
            return Err(Malformed::Truncated);
        }
        Ok(self.bytes.split_to(length))
    }

    fn take<D: Decoder<Error = std::io::Error>>(&mut self, mut decoder: D) -> Result<D::Item, Malformed> {
        match decoder.decode(self.bytes) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Malformed::Truncated),
            Err(error) => Err(Malformed::Wrong(error.to_string())),
        }
    }
}

/// Whether a value of the type is never sent as nothing at all.
fn takes_bytes(shape: &Shape) -> bool {
    match shape {
        Shape::Record(fields) => fields.iter().any(|(_, shape)| takes_bytes(shape)),
        Shape::Tuple(shapes) => shapes.iter().any(takes_bytes),
        Shape::FixedLengthList(shape, length) => *length > 0 && takes_bytes(shape),
        Shape::Flags(names) => !names.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
