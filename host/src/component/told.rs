//! Which of the errors that hosts make a function returns: known by the name of the type, as hosts know it.

use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// The interface with the error of wRPC, a resource: in the one version that there is.
pub(crate) const WRPC_ERROR: &str = "wrpc:rpc/error@0.1.0";

/// The errors of `wasmcloud:postgres`, all of which have the case `unexpected` with a text.
const POSTGRES_ERRORS: [&str; 3] = ["query-error", "statement-prepare-error", "prepared-statement-exec-error"];

/// How a function's type lets a host tell its caller that a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Not at all.
    No,
    /// By `rpc-error` of `steadfast:rpc/types@0.1`, a record.
    Steadfast,
    /// By `error` of `wrpc:rpc/error@0.1.0`, a resource.
    Wrpc,
    /// By `rpc-error` of `wasmcloud:bus/lattice@2`, a record, which this host does not make.
    Wasmcloud,
    /// By a text in the case `unexpected` of an error of `wasmcloud:postgres/types@0.1`.
    Postgres,
    /// By a text: the error of functions about messages of `wasmcloud:messaging/types@0.2`.
    Messaging,
}

impl Told {
    /// The error, and the `T` beside it; all of the result, where there is no such error.
    pub fn by(resolve: &Resolve, function: &Function) -> (Self, Option<Type>) {
        let found = || {
            let TypeDefKind::Result(result) = &resolve.types[definition(resolve, &function.result?)?].kind else {
                return None;
            };
            if result.err? == Type::String {
                let mut types = function.params.iter().map(|param| param.ty).chain(result.ok);
                return types.any(|ty| is_message(resolve, &ty)).then_some((Told::Messaging, result.ok));
            }
            Some((Told::error(resolve, definition(resolve, &result.err?)?)?, result.ok))
        };
        found().unwrap_or((Told::No, function.result))
    }

    fn error(resolve: &Resolve, error: TypeId) -> Option<Self> {
        match &resolve.types[error].kind {
            // wRPC gives the error away: a borrowed one is not its.
            TypeDefKind::Handle(Handle::Own(resource)) => {
                let resource = definition(resolve, &Type::Id(*resource))?;
                (name(resolve, resource)? == (WRPC_ERROR.into(), "error")).then_some(Told::Wrpc)
            }
            TypeDefKind::Record(_) => {
                let (interface, name) = name(resolve, error)?;
                let of = |series: &str| interface.starts_with(series) && name == "rpc-error";
                if of("steadfast:rpc/types@0.1.") {
                    Some(Told::Steadfast)
                } else if of("wasmcloud:bus/lattice@2.") {
                    Some(Told::Wasmcloud)
                } else {
                    None
                }
            }
            TypeDefKind::Variant(_) => {
                let (interface, name) = name(resolve, error)?;
                let known = POSTGRES_ERRORS.contains(&name) && interface.starts_with("wasmcloud:postgres/types@0.1.");
                known.then_some(Told::Postgres)
            }
            _ => None,
        }
    }
}

/// Whether a type is the message of `wasmcloud:messaging`.
fn is_message(resolve: &Resolve, ty: &Type) -> bool {
    let named = definition(resolve, ty).and_then(|id| name(resolve, id));
    named.is_some_and(|(interface, name)| {
        interface.starts_with("wasmcloud:messaging/types@0.2.") && name == "broker-message"
    })
}

/// The type behind aliases and `use`s.
fn definition(resolve: &Resolve, ty: &Type) -> Option<TypeId> {
    let Type::Id(mut id) = *ty else { return None };
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    Some(id)
}

/// The interface that defines a type, with its version, and the name of the type in it.
fn name(resolve: &Resolve, id: TypeId) -> Option<(String, &str)> {
    let ty = &resolve.types[id];
    let TypeOwner::Interface(interface) = ty.owner else { return None };
    // `id_of` is for interfaces that have one.
    resolve.interfaces[interface].package?;
    Some((resolve.id_of(interface)?, ty.name.as_deref()?))
}

#[cfg(test)]
mod tests {
    use super::super::{ErrorType, Signature};
    use super::*;

    /// What is told by the one function of an interface, beside a package that it uses.
    fn told(package: &str, uses: &str, result: &str) -> Told {
        let text = format!(
            "package test:it;
             {package}
             interface api {{ {uses} call: func() -> {result}; }}"
        );
        let mut resolve = Resolve::default();
        let id = resolve.push_str("test.wit", &text).unwrap_or_else(|error| panic!("{error:#}"));
        let api = resolve.packages[id].interfaces["api"];
        let function = &resolve.interfaces[api].functions["call"];
        let (told, _) = Told::by(&resolve, function);
        // Whoever looks and whoever serves agree.
        let expected = match told {
            Told::Steadfast => ErrorType::RpcError,
            Told::Wrpc => ErrorType::WrpcError,
            Told::Postgres => ErrorType::Unexpected,
            Told::Messaging => ErrorType::Text,
            Told::No | Told::Wasmcloud => ErrorType::None,
        };
        let served = Signature::new(&resolve, function).map_or(ErrorType::None, |it| it.error());
        assert_eq!(served, expected, "{text}");
        told
    }

    #[test]
    fn an_error_is_known_by_its_name_and_version() {
        let record = |name: &str, version: &str, interface: &str, of: &str| {
            let package = format!(
                "package {name}@{version} {{ interface {interface} {{ record rpc-error {{ text: string }} }} }}"
            );
            told(&package, &format!("use {name}/{interface}@{version}.{{rpc-error}};"), of)
        };
        for (name, version, interface, expected) in [
            ("steadfast:rpc", "0.1.0", "types", Told::Steadfast),
            ("steadfast:rpc", "0.1.7", "types", Told::Steadfast),
            ("steadfast:rpc", "0.2.0", "types", Told::No),
            ("steadfast:rpc", "0.1.0", "other", Told::No),
            ("acme:rpc", "0.1.0", "types", Told::No),
            ("wasmcloud:bus", "2.0.0", "lattice", Told::Wasmcloud),
            ("wasmcloud:bus", "1.0.0", "lattice", Told::No),
        ] {
            assert_eq!(
                record(name, version, interface, "result<u8, rpc-error>"),
                expected,
                "{name}/{interface}@{version}"
            );
        }
        for elsewhere in ["rpc-error", "option<rpc-error>", "result<rpc-error>", "result<u8, list<rpc-error>>"] {
            assert_eq!(record("steadfast:rpc", "0.1.0", "types", elsewhere), Told::No, "{elsewhere}");
        }
    }

    #[test]
    fn an_error_of_wasmcloud_postgres_has_a_case_for_a_text() {
        let query = |version: &str, error: &str, result: &str| {
            let package = format!(
                "package wasmcloud:postgres@{version} {{ interface types {{ variant {error} {{ unexpected(string) }} }} }}"
            );
            told(&package, &format!("use wasmcloud:postgres/types@{version}.{{{error}}};"), result)
        };
        for error in POSTGRES_ERRORS {
            assert_eq!(query("0.1.1-draft", error, &format!("result<u8, {error}>")), Told::Postgres);
            assert_eq!(query("0.1.1-draft", error, error), Told::No);
        }
        assert_eq!(query("0.1.1-draft", "other-error", "result<u8, other-error>"), Told::No);
        assert_eq!(query("0.2.0", "query-error", "result<u8, query-error>"), Told::No);
    }

    #[test]
    fn functions_about_messages_have_a_text_for_an_error() {
        let of = |version: &str, result: &str| {
            let package = format!(
                "package wasmcloud:messaging@{version} {{ interface types {{ record broker-message {{ subject: string }} }} }}"
            );
            told(&package, &format!("use wasmcloud:messaging/types@{version}.{{broker-message as message}};"), result)
        };
        assert_eq!(of("0.2.0", "result<message, string>"), Told::Messaging);
        assert_eq!(of("0.2.0", "result<u8, string>"), Told::No);
        assert_eq!(of("0.2.0", "result<message, u8>"), Told::No);
        assert_eq!(of("0.3.0", "result<message, string>"), Told::No);
    }

    #[test]
    fn the_resource_of_wrpc_is_known_in_its_one_version() {
        let resource = |version: &str, result: &str| {
            let package = format!("package wrpc:rpc@{version} {{ interface error {{ resource error; }} }}");
            told(&package, &format!("use wrpc:rpc/error@{version}.{{error as lost}};"), result)
        };
        assert_eq!(resource("0.1.0", "result<u8, lost>"), Told::Wrpc);
        assert_eq!(resource("0.1.0", "result<lost, string>"), Told::No);
        assert_eq!(resource("0.1.1", "result<u8, lost>"), Told::No);
    }

    #[test]
    fn a_type_of_the_same_name_in_the_interface_itself_is_not_known() {
        assert_eq!(told("", "record rpc-error { text: string }", "result<u8, rpc-error>"), Told::No);
        assert_eq!(told("", "type outcome = result<u8, string>;", "outcome"), Told::No);
    }
}
