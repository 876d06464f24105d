//! What of a function crosses a lattice: its parameters and its result.

use wit_parser::{Function, FunctionKind, Resolve, Type, TypeDefKind, TypeOwner};

use super::shape::{Obstacle, Shape};

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
/// Only `T` of `result<T, rpc-error>` travels, so the error type is kept apart: `func() -> T` and
/// `func() -> result<T, rpc-error>` fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    params: Vec<(String, Shape)>,
    /// What travels back; `None` for nothing.
    payload: Option<Shape>,
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
            Shape::new(resolve, ty)
                .map_err(|obstacle| format!("has {} in {}; {}", obstacle.name(), place(), obstacle.advice()))
        };
        let params = function.params.iter().map(|param| {
            let ty = shape(&param.ty, &|| format!("its parameter `{}`", param.name))?;
            Ok((param.name.clone(), ty))
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

    /// The names and types of the parameters.
    pub(crate) fn params(&self) -> &[(String, Shape)] {
        &self.params
    }

    /// The type of the value that travels back, if one does.
    pub(crate) fn payload(&self) -> Option<&Shape> {
        self.payload.as_ref()
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
        let params: Vec<String> = self.params.iter().map(|(name, shape)| format!("{name}: {shape}")).collect();
        let params = params.join(", ");
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
