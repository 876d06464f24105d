//! What of a function crosses a lattice: its parameters and its result, by structure.

use wit_parser::{Function, FunctionKind, Resolve, Type, TypeDefKind, TypeOwner};

/// How a function tells its caller that the invocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Not at all: a failure traps the caller.
    None,
    /// It returns `result<T, rpc-error>` with the error of `steadfast:rpc/types`.
    RpcError,
}

/// A function as a lattice sees it.
///
/// Types are spelled out to their last part, so that two signatures are equal exactly if values of one can
/// be passed where the other is expected. Only `T` of `result<T, rpc-error>` travels, so the error type is
/// kept apart: `func() -> T` and `func() -> result<T, rpc-error>` fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    params: Vec<String>,
    /// What travels back; `None` for nothing.
    payload: Option<String>,
    error: ErrorType,
}

impl Signature {
    /// The signature of a function; or what it is or has that cannot cross, and what to do.
    pub(super) fn new(resolve: &Resolve, function: &Function) -> Result<Self, String> {
        match function.kind {
            FunctionKind::Freestanding => {}
            FunctionKind::AsyncFreestanding => {
                return Err("is an `async func` of WASI 0.3, which this host does not run; declare it as `func`".into());
            }
            _ => return Err(format!("belongs to a resource; {}", Obstacle::Resource.advice())),
        }
        let shape = |ty: &Type, place: &dyn Fn() -> String| {
            shape(resolve, ty)
                .map_err(|obstacle| format!("has {} in {}; {}", obstacle.name(), place(), obstacle.advice()))
        };
        let params = function.params.iter().map(|param| {
            let ty = shape(&param.ty, &|| format!("its parameter `{}`", param.name))?;
            Ok(format!("{}: {ty}", param.name))
        });
        let params = params.collect::<Result<_, String>>()?;
        let result = || "its result".to_string();
        let (payload, error) = match &function.result {
            Some(ty) => match opted_in(resolve, ty) {
                Some(ok) => (ok, ErrorType::RpcError),
                None => (Some(*ty), ErrorType::None),
            },
            None => (None, ErrorType::None),
        };
        let payload = payload.map(|ty| shape(&ty, &result)).transpose()?;
        Ok(Signature { params, payload, error })
    }

    /// How a failure of this function reaches its caller.
    pub fn error(&self) -> ErrorType {
        self.error
    }

    /// Whether the function returns something, a value or an error.
    pub(crate) fn returns(&self) -> bool {
        self.payload.is_some() || self.error != ErrorType::None
    }

    /// Whether a caller of this function can be served by `other`.
    pub(crate) fn is_served_by(&self, other: &Signature) -> bool {
        self.params == other.params && self.payload == other.payload
    }

    /// The function's type in WIT, without the error that does not travel.
    pub(crate) fn wire(&self) -> String {
        let params = self.params.join(", ");
        match &self.payload {
            Some(payload) => format!("func({params}) -> {payload}"),
            None => format!("func({params})"),
        }
    }
}

/// `T` if `ty` is `result<T, rpc-error>`. The error is known by the name of its interface and its own, in any
/// version that is compatible with 0.1.
fn opted_in(resolve: &Resolve, ty: &Type) -> Option<Option<Type>> {
    let TypeDefKind::Result(result) = &resolve.types[definition(resolve, ty)?].kind else {
        return None;
    };
    let error = &resolve.types[definition(resolve, &result.err?)?];
    let TypeOwner::Interface(interface) = error.owner else {
        return None;
    };
    let interface = &resolve.interfaces[interface];
    let package = &resolve.packages[interface.package?].name;
    let known = package.namespace == "steadfast"
        && package.name == "rpc"
        && package.version.as_ref().is_some_and(|version| (version.major, version.minor) == (0, 1))
        && interface.name.as_deref() == Some("types")
        && error.name.as_deref() == Some("rpc-error");
    known.then_some(result.ok)
}

/// The type behind aliases and `use`s.
fn definition(resolve: &Resolve, ty: &Type) -> Option<wit_parser::TypeId> {
    let Type::Id(mut id) = *ty else { return None };
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    Some(id)
}

/// What cannot leave the process.
#[derive(Clone, Copy)]
enum Obstacle {
    ErrorContext,
    Future,
    Resource,
    Stream,
    Unknown,
}

impl Obstacle {
    fn name(self) -> &'static str {
        match self {
            Obstacle::ErrorContext => "an error-context",
            Obstacle::Future => "a future",
            Obstacle::Resource => "a resource",
            Obstacle::Stream => "a stream",
            Obstacle::Unknown => "a type of unknown structure",
        }
    }

    fn advice(self) -> &'static str {
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

/// A type, spelled out; or what of it cannot cross.
fn shape(resolve: &Resolve, ty: &Type) -> Result<String, Obstacle> {
    let id = match ty {
        Type::Id(id) => *id,
        Type::ErrorContext => return Err(Obstacle::ErrorContext),
        Type::Bool => return Ok("bool".into()),
        Type::U8 => return Ok("u8".into()),
        Type::U16 => return Ok("u16".into()),
        Type::U32 => return Ok("u32".into()),
        Type::U64 => return Ok("u64".into()),
        Type::S8 => return Ok("s8".into()),
        Type::S16 => return Ok("s16".into()),
        Type::S32 => return Ok("s32".into()),
        Type::S64 => return Ok("s64".into()),
        Type::F32 => return Ok("f32".into()),
        Type::F64 => return Ok("f64".into()),
        Type::Char => return Ok("char".into()),
        Type::String => return Ok("string".into()),
    };
    let of = |ty: &Type| shape(resolve, ty);
    let optional = |ty: &Option<Type>| ty.as_ref().map_or(Ok("_".to_string()), of);
    Ok(match &resolve.types[id].kind {
        TypeDefKind::Type(ty) => of(ty)?,
        TypeDefKind::Record(record) => {
            let field = |field: &wit_parser::Field| Ok(format!("{}: {}", field.name, of(&field.ty)?));
            format!("record {{ {} }}", join(record.fields.iter().map(field))?)
        }
        TypeDefKind::Variant(variant) => {
            let case = |case: &wit_parser::Case| match &case.ty {
                Some(ty) => Ok(format!("{}({})", case.name, of(ty)?)),
                None => Ok(case.name.clone()),
            };
            format!("variant {{ {} }}", join(variant.cases.iter().map(case))?)
        }
        TypeDefKind::Enum(cases) => {
            format!("enum {{ {} }}", join(cases.cases.iter().map(|case| Ok(case.name.clone())))?)
        }
        TypeDefKind::Flags(flags) => {
            format!("flags {{ {} }}", join(flags.flags.iter().map(|flag| Ok(flag.name.clone())))?)
        }
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", join(tuple.types.iter().map(of))?),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)?),
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)?),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", of(ty)?),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", of(key)?, of(value)?),
        TypeDefKind::Result(result) => format!("result<{}, {}>", optional(&result.ok)?, optional(&result.err)?),
        TypeDefKind::Resource | TypeDefKind::Handle(_) => return Err(Obstacle::Resource),
        TypeDefKind::Future(_) => return Err(Obstacle::Future),
        TypeDefKind::Stream(_) => return Err(Obstacle::Stream),
        TypeDefKind::Unknown => return Err(Obstacle::Unknown),
    })
}

fn join(parts: impl Iterator<Item = Result<String, Obstacle>>) -> Result<String, Obstacle> {
    Ok(parts.collect::<Result<Vec<_>, _>>()?.join(", "))
}
