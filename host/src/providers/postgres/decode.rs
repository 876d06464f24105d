//! A value of Postgres, in its binary form, as a `pg-value`.

use std::net::{Ipv4Addr, Ipv6Addr};

use tokio_postgres::types::{Kind, Type};
use wasmtime::component::Val;

use super::calendar::{day, duration_text, offset_text, split, time};
use super::number::{Parts, money_text, numeric, parts_32, parts_64};
use super::reader::{Malformed, Reader, text};
use super::search;

/// Why a value is none of the interface, and what to do.
pub(super) type Unlike = String;

/// The value of a column of this type. `digits` are those behind the point of money.
pub(super) fn value(ty: &Type, bytes: Option<&[u8]>, digits: u32) -> Result<Val, Unlike> {
    let Some(bytes) = bytes else { return Ok(Val::Variant("null".into(), None)) };
    match ty.kind() {
        Kind::Domain(base) => return value(base, Some(bytes), digits),
        Kind::Array(element) if *ty != Type::INT2_VECTOR => return list(ty, element, bytes, digits),
        _ => {}
    }
    let case = case(ty).ok_or_else(|| unlike(ty, "has no form in the interface; cast it to text in the query"))?;
    let payload = payload(case, ty, bytes, digits)?;
    Ok(match (case, payload) {
        ("null", _) => Val::Variant(case.into(), None),
        ("interval", None) => return Err(unlike(ty, "has no form in the interface where it is empty; leave it out")),
        // Of that type, only those with nothing under way have a case of their own.
        ("txid-snapshot", Some(payload @ Val::Tuple(_))) => Val::Variant("pg-snapshot".into(), Some(Box::new(payload))),
        (_, payload) => Val::Variant(case.into(), payload.map(Box::new)),
    })
}

/// Whether there is money in a column of this type.
pub(super) fn is_money(ty: &Type) -> bool {
    matches!(*ty, Type::MONEY | Type::MONEY_ARRAY) || matches!(ty.kind(), Kind::Domain(base) if is_money(base))
}

/// The cases of which there is none with a list.
const ALONE: [&str; 6] = ["hstore", "null", "pg-snapshot", "ts-query", "ts-vector", "txid-snapshot"];

fn unlike(ty: &Type, why: &str) -> Unlike {
    format!("a value of type `{}` {why}", ty.name())
}

fn malformed(ty: &Type) -> impl Fn(Malformed) -> Unlike {
    let name = ty.name().to_string();
    move |_| format!("what Postgres sent is no value of type `{name}`; cast it to text in the query")
}

fn list(ty: &Type, element: &Type, bytes: &[u8], digits: u32) -> Result<Val, Unlike> {
    let wrong = malformed(ty);
    let element = if let Kind::Domain(base) = element.kind() { base } else { element };
    let case = case(element).filter(|case| !ALONE.contains(case));
    let case = case.ok_or_else(|| unlike(ty, "has no form in the interface; cast it to text[] in the query"))?;
    let mut reader = Reader(bytes);
    let dimensions = reader.i32().map_err(&wrong)?;
    if dimensions > 1 {
        return Err(unlike(ty, "has several dimensions, and a list has one; cast it to text in the query"));
    }
    // Whether there are nulls, and the type of the elements, which is known.
    reader.bytes(8).map_err(&wrong)?;
    let mut values = Vec::new();
    if dimensions == 1 {
        let count = reader.count().map_err(&wrong)?;
        // Where the numbers begin.
        reader.i32().map_err(&wrong)?;
        for _ in 0..count {
            let Some(part) = reader.part().map_err(&wrong)? else {
                let why = "has a null in it, and a list of the interface cannot; leave nulls out in the query";
                return Err(unlike(ty, why));
            };
            let value = payload(case, element, part, digits)?;
            values.push(value.ok_or_else(|| unlike(element, "has no form in the interface where it is empty"))?);
        }
    }
    Ok(Val::Variant(format!("{case}-array"), Some(Box::new(Val::List(values)))))
}

/// The case for values of a type that is neither an array nor a domain.
fn case(ty: &Type) -> Option<&'static str> {
    Some(match *ty {
        Type::VOID => "null",
        Type::BOOL => "bool",
        // There is no case for a number without a sign.
        Type::INT8 | Type::OID => "int8",
        Type::INT4 => "int4",
        Type::INT2 => "int2",
        Type::FLOAT8 => "float8",
        Type::FLOAT4 => "float4",
        Type::NUMERIC => "numeric",
        Type::MONEY => "money",
        Type::INT2_VECTOR => "int2-vector",
        Type::BIT => "bit",
        Type::VARBIT => "varbit",
        Type::BYTEA => "bytea",
        Type::CHAR | Type::BPCHAR => "char",
        Type::VARCHAR => "varchar",
        Type::CIDR => "cidr",
        Type::INET => "inet",
        Type::MACADDR => "macaddr",
        Type::MACADDR8 => "macaddr8",
        Type::POINT => "point",
        Type::BOX => "box",
        Type::LSEG => "lseg",
        Type::LINE => "line",
        Type::CIRCLE => "circle",
        Type::PATH => "path",
        Type::POLYGON => "polygon",
        Type::DATE => "date",
        Type::DATE_RANGE => "interval",
        Type::TIME => "time",
        Type::TIMETZ => "time-tz",
        Type::TIMESTAMP => "timestamp",
        Type::TIMESTAMPTZ => "timestamp-tz",
        Type::JSON => "json",
        Type::JSONB => "jsonb",
        Type::PG_LSN => "pg-lsn",
        Type::PG_SNAPSHOT => "pg-snapshot",
        Type::TXID_SNAPSHOT => "txid-snapshot",
        Type::NAME => "name",
        // The interface has an `interval` that is a range of dates.
        Type::TEXT | Type::UNKNOWN | Type::INTERVAL | Type::JSONPATH => "text",
        Type::XML => "xml",
        Type::TSQUERY => "ts-query",
        Type::TS_VECTOR => "ts-vector",
        Type::UUID => "uuid",
        _ => match (ty.kind(), ty.name()) {
            // The label.
            (Kind::Enum(_), _) | (_, "citext") => "text",
            (_, "hstore") => "hstore",
            _ => return None,
        },
    })
}

/// The value beside a case; none where there is none to be, and for the empty range, which has no ends.
fn payload(case: &str, ty: &Type, bytes: &[u8], digits: u32) -> Result<Option<Val>, Unlike> {
    let mut reader = Reader(bytes);
    let value = read(case, ty, &mut reader, digits).map_err(malformed(ty))?;
    if !reader.0.is_empty() {
        return Err(malformed(ty)(Malformed));
    }
    Ok(value)
}

fn read(case: &str, ty: &Type, reader: &mut Reader<'_>, digits: u32) -> Result<Option<Val>, Malformed> {
    Ok(Some(match case {
        "null" => return Ok(None),
        "bool" => Val::Bool(reader.u8()? != 0),
        "int8" if *ty == Type::OID => Val::S64(reader.u32()?.into()),
        "int8" => Val::S64(reader.i64()?),
        "int4" => Val::S32(reader.i32()?),
        "int2" => Val::S16(reader.i16()?),
        "float8" => parts(parts_64(reader.f64()?)),
        "float4" => parts(parts_32(reader.f32()?)),
        "numeric" => Val::String(numeric(reader)?),
        "money" => Val::String(money_text(reader.i64()?, digits)),
        "int2-vector" => vector(reader)?,
        "bit" => bits(reader, false)?,
        "varbit" => bits(reader, true)?,
        "bytea" => octets(reader.rest()),
        "char" => {
            let text = reader.text()?;
            let count = u32::try_from(text.chars().count()).map_err(|_| Malformed)?;
            Val::Tuple(vec![Val::U32(count), octets(text.as_bytes())])
        }
        "varchar" => Val::Tuple(vec![Val::Option(None), octets(reader.text()?.as_bytes())]),
        "cidr" => Val::String(address(reader, true)?),
        "inet" => Val::String(address(reader, false)?),
        "macaddr" => hardware(reader, 6)?,
        "macaddr8" => hardware(reader, 8)?,
        "point" => point(reader)?,
        // The upper right corner comes first.
        "box" => {
            let upper = point(reader)?;
            Val::Tuple(vec![point(reader)?, upper])
        }
        "lseg" => Val::Tuple(vec![point(reader)?, point(reader)?]),
        "line" => line(reader)?,
        "circle" => Val::Tuple(vec![point(reader)?, parts(parts_64(reader.f64()?))]),
        "path" => {
            let closed = reader.u8()? != 0;
            let mut points = points(reader)?;
            // There are open paths only: a closed one ends where it begins.
            if closed {
                points.extend(points.first().cloned());
            }
            Val::List(points)
        }
        "polygon" => Val::List(points(reader)?),
        "date" => date(reader)?,
        "interval" => return range(reader),
        "time" => clock(reader.i64()?),
        "time-tz" => {
            let time = clock(reader.i64()?);
            // Postgres counts to the west.
            let offset = offset_text(-i64::from(reader.i32()?));
            record(vec![("timesonze", Val::String(offset)), ("time", time)])
        }
        "timestamp" => timestamp(reader.i64()?)?,
        "timestamp-tz" => {
            let offset = Val::Variant("eastern-hemisphere-secs".into(), Some(Box::new(Val::S32(0))));
            record(vec![("timestamp", timestamp(reader.i64()?)?), ("offset", offset)])
        }
        "jsonb" => {
            version(reader)?;
            Val::String(reader.text()?)
        }
        "text" => match *ty {
            Type::INTERVAL => Val::String(duration_text(reader.i64()?, reader.i32()?, reader.i32()?)),
            Type::JSONPATH => {
                version(reader)?;
                Val::String(reader.text()?)
            }
            _ => Val::String(reader.text()?),
        },
        "json" | "name" | "xml" => Val::String(reader.text()?),
        "pg-lsn" => Val::U64(reader.u64()?),
        "pg-snapshot" => snapshot(reader)?,
        "txid-snapshot" => match snapshot(reader)? {
            Val::Tuple(parts) if parts[0] == parts[1] => parts[0].clone(),
            parts => parts,
        },
        "ts-query" => Val::String(search::query(reader)?),
        "ts-vector" => Val::List(search::lexemes(reader)?),
        "uuid" => Val::String(uuid(reader)?),
        "hstore" => Val::List(pairs(reader)?),
        _ => return Err(Malformed),
    }))
}

fn record(fields: Vec<(&str, Val)>) -> Val {
    Val::Record(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn octets(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().copied().map(Val::U8).collect())
}

fn parts((mantissa, exponent, sign): Parts) -> Val {
    Val::Tuple(vec![Val::U64(mantissa), Val::S16(exponent), Val::S8(sign)])
}

fn version(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    if reader.u8()? == 1 { Ok(()) } else { Err(Malformed) }
}

/// An array of one dimension, without nulls.
fn vector(reader: &mut Reader<'_>) -> Result<Val, Malformed> {
    let dimensions = reader.i32()?;
    reader.bytes(8)?;
    let mut numbers = Vec::new();
    if dimensions > 0 {
        let count = reader.count()?;
        reader.i32()?;
        for _ in 0..count {
            numbers.push(Val::S16(Reader(reader.part()?.ok_or(Malformed)?).i16()?));
        }
    }
    Ok(Val::List(numbers))
}

fn bits(reader: &mut Reader<'_>, varying: bool) -> Result<Val, Malformed> {
    let count = Val::U32(reader.u32()?);
    let count = if varying { Val::Option(Some(Box::new(count))) } else { count };
    Ok(Val::Tuple(vec![count, octets(reader.rest())]))
}

/// An address, with how many bits of it are the network, where it is one.
fn address(reader: &mut Reader<'_>, network: bool) -> Result<String, Malformed> {
    let (family, bits, _, length) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
    let bytes = reader.bytes(length.into())?;
    let (address, all) = match family {
        2 => (Ipv4Addr::from(<[u8; 4]>::try_from(bytes).map_err(|_| Malformed)?).to_string(), 32),
        3 => (Ipv6Addr::from(<[u8; 16]>::try_from(bytes).map_err(|_| Malformed)?).to_string(), 128),
        _ => return Err(Malformed),
    };
    Ok(if network || bits != all { format!("{address}/{bits}") } else { address })
}

fn hardware(reader: &mut Reader<'_>, length: usize) -> Result<Val, Malformed> {
    let bytes = reader.bytes(length)?;
    Ok(record(vec![("bytes", Val::Tuple(bytes.iter().copied().map(Val::U8).collect()))]))
}

fn point(reader: &mut Reader<'_>) -> Result<Val, Malformed> {
    Ok(Val::Tuple(vec![parts(parts_64(reader.f64()?)), parts(parts_64(reader.f64()?))]))
}

fn points(reader: &mut Reader<'_>) -> Result<Vec<Val>, Malformed> {
    (0..reader.count()?).map(|_| point(reader)).collect()
}

/// Two points of the line with ax + by + c = 0: those with x = 0 and x = 1; or with y, where x is always the same.
#[allow(clippy::float_cmp, reason = "exactly 0, as Postgres has it for a vertical line")]
fn line(reader: &mut Reader<'_>) -> Result<Val, Malformed> {
    let (a, b, c) = (reader.f64()?, reader.f64()?, reader.f64()?);
    // Without the negative zero, which would be another point.
    let at = |x: f64, y: f64| Val::Tuple(vec![parts(parts_64(x + 0.0)), parts(parts_64(y + 0.0))]);
    Ok(Val::Tuple(match b == 0.0 {
        true => vec![at(-c / a, 0.0), at(-c / a, 1.0)],
        false => vec![at(0.0, -c / b), at(1.0, -(a + c) / b)],
    }))
}

fn end_of_time(positive: bool) -> Val {
    Val::Variant(if positive { "positive-infinity" } else { "negative-infinity" }.into(), None)
}

fn date(reader: &mut Reader<'_>) -> Result<Val, Malformed> {
    match reader.i32()? {
        i32::MAX => Ok(end_of_time(true)),
        i32::MIN => Ok(end_of_time(false)),
        days => ymd(days.into()),
    }
}

fn ymd(days: i64) -> Result<Val, Malformed> {
    let (year, month, day) = day(days);
    let year = i32::try_from(year).map_err(|_| Malformed)?;
    let parts = Val::Tuple(vec![Val::S32(year), Val::U32(month), Val::U32(day)]);
    Ok(Val::Variant("ymd".into(), Some(Box::new(parts))))
}

/// A range of dates; none for the empty one, which has no ends.
fn range(reader: &mut Reader<'_>) -> Result<Option<Val>, Malformed> {
    const EMPTY: u8 = 1;
    const START_IN: u8 = 2;
    const END_IN: u8 = 4;
    const NO_START: u8 = 8;
    const NO_END: u8 = 16;
    let flags = reader.u8()?;
    if flags & EMPTY != 0 {
        return Ok(None);
    }
    let mut end = |none: u8, positive: bool| match flags & none {
        0 => date(&mut Reader(reader.part()?.ok_or(Malformed)?)),
        _ => Ok(end_of_time(positive)),
    };
    let (start, end) = (end(NO_START, false)?, end(NO_END, true)?);
    Ok(Some(record(vec![
        ("start", start),
        ("start-inclusive", Val::Bool(flags & START_IN != 0)),
        ("end", end),
        ("end-inclusive", Val::Bool(flags & END_IN != 0)),
    ])))
}

fn clock(micros: i64) -> Val {
    let names = ["hour", "min", "sec", "micro"];
    record(names.into_iter().zip(time(micros).map(Val::U32)).collect())
}

fn timestamp(micros: i64) -> Result<Val, Malformed> {
    let (date, time) = match micros {
        i64::MAX => (end_of_time(true), 0),
        i64::MIN => (end_of_time(false), 0),
        _ => {
            let (days, time) = split(micros);
            (ymd(days)?, time)
        }
    };
    Ok(record(vec![("date", date), ("time", clock(time))]))
}

fn snapshot(reader: &mut Reader<'_>) -> Result<Val, Malformed> {
    let count = reader.count()?;
    let (from, to) = (Val::S64(reader.i64()?), Val::S64(reader.i64()?));
    let among = (0..count).map(|_| reader.i64().map(Val::S64)).collect::<Result<_, _>>()?;
    Ok(Val::Tuple(vec![from, to, Val::List(among)]))
}

fn uuid(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let bytes = reader.bytes(16)?;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

fn pairs(reader: &mut Reader<'_>) -> Result<Vec<Val>, Malformed> {
    let pair = |reader: &mut Reader<'_>| {
        let key = text(reader.part()?.ok_or(Malformed)?)?;
        let value = reader.part()?.map(|value| text(value).map(|value| Box::new(Val::String(value)))).transpose()?;
        Ok(Val::Tuple(vec![Val::String(key), Val::Option(value)]))
    };
    (0..reader.count()?).map(|_| pair(reader)).collect()
}
