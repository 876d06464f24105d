//! A type by its structure: what of it crosses a lattice, and what cannot.

use std::fmt;

use wit_parser::{Resolve, Type, TypeDefKind};

/// A type, spelled out to its last part, so that two are equal exactly if values of one can be passed where the other
/// is expected. The names of types are gone, those of fields and cases stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Bool,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F32,
    F64,
    Char,
    String,
    Record(Vec<(String, Shape)>),
    Variant(Vec<(String, Option<Shape>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Tuple(Vec<Shape>),
    Option(Box<Shape>),
    List(Box<Shape>),
    FixedLengthList(Box<Shape>, u32),
    Map(Box<Shape>, Box<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
}

impl Shape {
    /// The shape of a type; or what in it cannot cross.
    pub(super) fn new(resolve: &Resolve, ty: &Type) -> Result<Self, Obstacle> {
        let id = match ty {
            Type::Id(id) => *id,
            Type::ErrorContext => return Err(Obstacle::ErrorContext),
            Type::Bool => return Ok(Shape::Bool),
            Type::U8 => return Ok(Shape::U8),
            Type::U16 => return Ok(Shape::U16),
            Type::U32 => return Ok(Shape::U32),
            Type::U64 => return Ok(Shape::U64),
            Type::S8 => return Ok(Shape::S8),
            Type::S16 => return Ok(Shape::S16),
            Type::S32 => return Ok(Shape::S32),
            Type::S64 => return Ok(Shape::S64),
            Type::F32 => return Ok(Shape::F32),
            Type::F64 => return Ok(Shape::F64),
            Type::Char => return Ok(Shape::Char),
            Type::String => return Ok(Shape::String),
        };
        let of = |ty: &Type| Shape::new(resolve, ty);
        let boxed = |ty: &Type| of(ty).map(Box::new);
        let optional = |ty: &Option<Type>| ty.as_ref().map(boxed).transpose();
        Ok(match &resolve.types[id].kind {
            TypeDefKind::Type(ty) => of(ty)?,
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| Ok((field.name.clone(), of(&field.ty)?)));
                Shape::Record(fields.collect::<Result<_, _>>()?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|case| Ok((case.name.clone(), case.ty.as_ref().map(of).transpose()?)));
                Shape::Variant(cases.collect::<Result<_, _>>()?)
            }
            TypeDefKind::Enum(cases) => Shape::Enum(cases.cases.iter().map(|case| case.name.clone()).collect()),
            TypeDefKind::Flags(flags) => Shape::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect()),
            TypeDefKind::Tuple(tuple) => Shape::Tuple(tuple.types.iter().map(of).collect::<Result<_, _>>()?),
            TypeDefKind::Option(ty) => Shape::Option(boxed(ty)?),
            TypeDefKind::List(ty) => Shape::List(boxed(ty)?),
            TypeDefKind::FixedLengthList(ty, length) => Shape::FixedLengthList(boxed(ty)?, *length),
            TypeDefKind::Map(key, value) => Shape::Map(boxed(key)?, boxed(value)?),
            TypeDefKind::Result(result) => Shape::Result(optional(&result.ok)?, optional(&result.err)?),
            TypeDefKind::Resource | TypeDefKind::Handle(_) => return Err(Obstacle::Resource),
            TypeDefKind::Future(_) => return Err(Obstacle::Future),
            TypeDefKind::Stream(_) => return Err(Obstacle::Stream),
            TypeDefKind::Unknown => return Err(Obstacle::Unknown),
        })
    }
}

#[cfg(test)]
impl Shape {
    /// The shape of a type in a text of WIT.
    pub(crate) fn in_wit(text: &str, interface: &str, name: &str) -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("test.wit", text).unwrap();
        let interface = resolve.packages[package].interfaces[interface];
        let ty = Type::Id(resolve.interfaces[interface].types[name]);
        Shape::new(&resolve, &ty).unwrap_or_else(|obstacle| panic!("{}", obstacle.name()))
    }
}

/// As WIT writes it, with the structure of named types in their place.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Shape::Bool => "bool",
            Shape::U8 => "u8",
            Shape::U16 => "u16",
            Shape::U32 => "u32",
            Shape::U64 => "u64",
            Shape::S8 => "s8",
            Shape::S16 => "s16",
            Shape::S32 => "s32",
            Shape::S64 => "s64",
            Shape::F32 => "f32",
            Shape::F64 => "f64",
            Shape::Char => "char",
            Shape::String => "string",
            Shape::Record(fields) => {
                let fields = fields.iter().map(|(name, shape)| format!("{name}: {shape}"));
                return write!(f, "record {{ {} }}", join(fields));
            }
            Shape::Variant(cases) => {
                let cases = cases.iter().map(|(name, shape)| match shape {
                    Some(shape) => format!("{name}({shape})"),
                    None => name.clone(),
                });
                return write!(f, "variant {{ {} }}", join(cases));
            }
            Shape::Enum(cases) => return write!(f, "enum {{ {} }}", cases.join(", ")),
            Shape::Flags(flags) => return write!(f, "flags {{ {} }}", flags.join(", ")),
            Shape::Tuple(shapes) => return write!(f, "tuple<{}>", join(shapes.iter().map(Shape::to_string))),
            Shape::Option(shape) => return write!(f, "option<{shape}>"),
            Shape::List(shape) => return write!(f, "list<{shape}>"),
            Shape::FixedLengthList(shape, length) => return write!(f, "list<{shape}, {length}>"),
            Shape::Map(key, value) => return write!(f, "map<{key}, {value}>"),
            Shape::Result(ok, err) => {
                let optional =
                    |shape: &Option<Box<Shape>>| shape.as_ref().map_or("_".to_string(), |shape| shape.to_string());
                return write!(f, "result<{}, {}>", optional(ok), optional(err));
            }
        };
        f.write_str(name)
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// What cannot leave the process.
#[derive(Clone, Copy)]
pub(super) enum Obstacle {
    ErrorContext,
    Future,
    Resource,
    Stream,
    Unknown,
}

impl Obstacle {
    pub(super) fn name(self) -> &'static str {
        match self {
            Obstacle::ErrorContext => "an error-context",
            Obstacle::Future => "a future",
            Obstacle::Resource => "a resource",
            Obstacle::Stream => "a stream",
            Obstacle::Unknown => "a type of unknown structure",
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Obstacle::ErrorContext | Obstacle::Future | Obstacle::Stream => {
                "that is of WASI 0.3, which this host does not run: pass plain values, such as a list"
            }
            Obstacle::Resource => {
                "a resource stays in the process that made it: compose the two components, or pass plain values"
            }
            Obstacle::Unknown => "pass plain values",
        }
    }
}
