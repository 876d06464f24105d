//! The store in plain values: `wrpc:keyvalue`, where a bucket is its name. Resources stay in a process, names do not.

use wasmtime::component::Val;

use super::buckets::Refused;
use super::{Answer, Delta, Operation};
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply};

/// The package, as other hosts of wRPC have it.
pub(super) const WIT: &str = include_str!("plain-wit/keyvalue.wit");

/// The bucket and the operation that a call is.
pub(super) fn operation(invocation: Invocation) -> Result<(String, Operation), Failure> {
    let Invocation { function, params, .. } = invocation;
    let mut params = params.into_iter();
    let mut next = || params.next();
    let mut read = || {
        let bucket = string(next()?)?;
        let operation = match function.name.as_str() {
            "get" => Operation::Get(string(next()?)?),
            "set" => Operation::Set(string(next()?)?, bytes(next()?)?),
            "delete" => Operation::Delete(string(next()?)?),
            "exists" => Operation::Exists(string(next()?)?),
            "list-keys" => Operation::Keys(match next()? {
                Val::Option(cursor) => cursor.map(|cursor| number(*cursor)).transpose().ok()?,
                _ => return None,
            }),
            "increment" => Operation::Increment(string(next()?)?, Delta::Unsigned(number(next()?).ok()?)),
            "get-many" => Operation::GetMany(list(next()?, string)?),
            "set-many" => Operation::SetMany(list(next()?, |pair| match pair {
                Val::Tuple(pair) => {
                    let [key, value] = <[Val; 2]>::try_from(pair).ok()?;
                    Some((string(key)?, bytes(value)?))
                }
                _ => None,
            })?),
            "delete-many" => Operation::DeleteMany(list(next()?, string)?),
            _ => return None,
        };
        Some((bucket, operation))
    };
    read().ok_or_else(|| {
        let message =
            format!("`{}` was called with parameters that it does not have; build against its WIT", function.name);
        Failure::new(Cause::Protocol, Delivery::NotSent, message)
    })
}

/// What the caller is answered.
pub(super) fn reply(answer: Result<Answer, Refused>) -> Reply {
    let some = |value: Option<Val>| Val::Option(value.map(Box::new));
    let value = match answer {
        Ok(Answer::Done) => Ok(None),
        Ok(Answer::Value(value)) => Ok(Some(some(value.map(of_bytes)))),
        Ok(Answer::Exists(exists)) => Ok(Some(Val::Bool(exists))),
        Ok(Answer::Number(number)) => Ok(Some(Val::U64(number))),
        // Of operations that are not called with values.
        Ok(other @ (Answer::Signed(_) | Answer::Looked(..) | Answer::Swapped(_))) => {
            let message = format!("the store gave the answer of another operation: {other:?}");
            return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
        }
        Ok(Answer::Keys(keys, cursor)) => {
            let keys = Val::List(keys.into_iter().map(Val::String).collect());
            Ok(Some(Val::Record(vec![("keys".into(), keys), ("cursor".into(), some(cursor.map(Val::U64)))])))
        }
        Ok(Answer::Values(values)) => {
            let pair = |(key, value)| Val::Tuple(vec![Val::String(key), of_bytes(value)]);
            Ok(Some(Val::List(values.into_iter().map(|value| some(value.map(pair))).collect())))
        }
        Err(Refused::Name) => Err(Some(Val::Variant("no-such-store".into(), None))),
        Err(refused) => {
            let text = Val::String(refused.to_string());
            Err(Some(Val::Variant("other".into(), Some(Box::new(text)))))
        }
    };
    Ok(Some(Val::Result(value.map(|value| value.map(Box::new)).map_err(|error| error.map(Box::new)))))
}

fn string(value: Val) -> Option<String> {
    if let Val::String(text) = value { Some(text) } else { None }
}

fn number(value: Val) -> Result<u64, ()> {
    if let Val::U64(number) = value { Ok(number) } else { Err(()) }
}

fn list<T>(value: Val, one: impl Fn(Val) -> Option<T>) -> Option<Vec<T>> {
    let Val::List(values) = value else { return None };
    values.into_iter().map(one).collect()
}

fn bytes(value: Val) -> Option<Vec<u8>> {
    list(value, |byte| if let Val::U8(byte) = byte { Some(byte) } else { None })
}

fn of_bytes(bytes: Vec<u8>) -> Val {
    Val::List(bytes.into_iter().map(Val::U8).collect())
}
