//! What of a function crosses a lattice: its parameters and its result.

use wit_parser::{Function, FunctionKind, Resolve, Type};

use super::Told;
use super::shape::{Obstacle, Shape};

/// How a function tells its caller that the invocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Not at all: a failure traps the caller.
    None,
    /// It returns `result<T, rpc-error>` with the error of `steadfast:rpc/types`.
    RpcError,
    /// It returns `result<T, error>` with the resource of `wrpc:rpc/error`.
    WrpcError,
    /// It returns an error of `wasmcloud:postgres/types`, whose case `unexpected` has a text.
    Unexpected,
    /// It is about messages of `wasmcloud:messaging`, and returns `result<T, string>`.
    Text,
}

/// A function as a lattice sees it.
///
/// Only `T` of `result<T, rpc-error>` travels, so the error type is kept apart: `func() -> T` and
/// `func() -> result<T, rpc-error>` fit together. So it is with the error of wRPC.
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
        let (payload, error) = match Told::by(resolve, function) {
            (Told::Steadfast, ok) => (ok, ErrorType::RpcError),
            (Told::Wrpc, ok) => (ok, ErrorType::WrpcError),
            (Told::Postgres, _) => (function.result, ErrorType::Unexpected),
            (Told::Messaging, _) => (function.result, ErrorType::Text),
            // The record of wasmCloud is a value as any other.
            (Told::No | Told::Wasmcloud, _) => (function.result, ErrorType::None),
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
