//! A `pg-value` as a parameter: its text, of which Postgres knows by the query what type it is to be.
//!
//! So `int4(5)` is right for a column of any type that reads `5`. What it does not read is the error of the query.

use std::fmt::Write;

use tokio_postgres::types::{Format, Type};
use wasmtime::component::Val;

use super::calendar::offset_text;
use super::number::{self, Parts, float_32, float_64, float_text};
use super::statement::Param;

/// The text of a value of this case; or what is wrong with it. A null has none, and stands in no list.
pub(super) fn text(case: &str, payload: &Val) -> Result<Vec<u8>, String> {
    if let Some(element) = case.strip_suffix("-array") {
        return array(element, list(payload)?);
    }
    Ok(match (case, payload) {
        ("txid-snapshot", Val::S64(number)) => format!("{number}:{number}:"),
        (_, Val::S64(number)) => number.to_string(),
        (_, Val::S32(number)) => number.to_string(),
        (_, Val::S16(number)) => number.to_string(),
        (_, Val::U32(number)) => number.to_string(),
        ("pg-lsn", Val::U64(place)) => format!("{:X}/{:X}", place >> 32, place & u64::from(u32::MAX)),
        (_, Val::Bool(value)) => value.to_string(),
        (_, Val::String(text)) => return Ok(text.clone().into()),
        ("double" | "float8", value) => float_text(float_64(parts(value)?)),
        ("real" | "float4", value) => float_text(float_32(parts(value)?)),
        ("int2-vector", Val::List(numbers)) => words(numbers)?,
        ("bit" | "bit-varying" | "varbit", value) => bits(value)?,
        ("bytea", bytes) => {
            octets(bytes)?.iter().fold("\\x".into(), |text, byte| format_onto(text, format_args!("{byte:02x}")))
        }
        ("char" | "varchar", value) => return characters(value),
        ("macaddr" | "macaddr8", value) => {
            let bytes = octets(field(value, "bytes")?)?;
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
        }
        ("box" | "lseg", value) => {
            let [one, other] = both(value)?;
            let text = format!("{},{}", point(one)?, point(other)?);
            if case == "box" { text } else { format!("[{text}]") }
        }
        ("line", value) => {
            let [one, other] = both(value)?;
            format!("[{},{}]", point(one)?, point(other)?)
        }
        ("circle", value) => {
            let [center, radius] = both(value)?;
            format!("<{},{}>", point(center)?, float_text(float_64(parts(radius)?)))
        }
        ("point", value) => point(value)?,
        ("path", value) => format!("[{}]", points(value)?),
        ("polygon", value) => format!("({})", points(value)?),
        ("date", value) => date(value)?.with(""),
        ("interval", value) => range(value)?,
        ("time", value) => time(value)?,
        ("time-tz", value) => format!("{}{}", time(field(value, "time")?)?, string(field(value, "timesonze")?)?),
        ("timestamp", value) => timestamp(value, "")?,
        ("timestamp-tz", value) => timestamp(field(value, "timestamp")?, &offset(field(value, "offset")?)?)?,
        ("pg-snapshot", Val::Tuple(parts)) => match &parts[..] {
            [Val::S64(from), Val::S64(to), Val::List(among)] => {
                format!("{from}:{to}:{}", words(among)?.replace(' ', ","))
            }
            _ => return Err(unlike(payload)),
        },
        ("ts-vector", value) => lexemes(list(value)?)?,
        ("hstore", value) => pairs(list(value)?)?,
        (_, value) => return Err(unlike(value)),
    }
    .into())
}

/// Money, in the binary form: its text depends on the language that the server is set to.
pub(super) fn money(payload: &Val, digits: u32) -> Result<Param, String> {
    let amount = |value: &Val| number::money(string(value)?, digits).map(i64::to_be_bytes);
    let (ty, bytes) = match payload {
        Val::List(values) => {
            // One dimension, no nulls, the type of the elements; their number, from 1 on.
            let count = i32::try_from(values.len()).map_err(|_| "there are too many amounts of money".to_string())?;
            let head: &[i32] = if count == 0 { &[0, 0] } else { &[1, 0] };
            let mut bytes: Vec<u8> = head.iter().flat_map(|number| number.to_be_bytes()).collect();
            bytes.extend(Type::MONEY.oid().to_be_bytes());
            if count > 0 {
                bytes.extend([count, 1].iter().flat_map(|number| number.to_be_bytes()));
            }
            for value in values {
                bytes.extend(8i32.to_be_bytes());
                bytes.extend(amount(value)?);
            }
            (Type::MONEY_ARRAY, bytes)
        }
        value => (Type::MONEY, amount(value)?.into()),
    };
    Ok(Param { ty, bytes: Some(bytes), format: Format::Binary })
}

/// A value of another type than the interface has: Wasmtime passes none.
fn unlike(value: &Val) -> String {
    format!("{value:?} is not what the interface has in this place; build against its WIT")
}

fn format_onto(mut text: String, part: std::fmt::Arguments<'_>) -> String {
    // A string takes whatever there is memory for.
    let _ = text.write_fmt(part);
    text
}

fn list(value: &Val) -> Result<&[Val], String> {
    match value {
        Val::List(values) => Ok(values),
        _ => Err(unlike(value)),
    }
}

fn string(value: &Val) -> Result<&str, String> {
    match value {
        Val::String(text) => Ok(text),
        _ => Err(unlike(value)),
    }
}

fn field<'v>(value: &'v Val, name: &str) -> Result<&'v Val, String> {
    let Val::Record(fields) = value else { return Err(unlike(value)) };
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value).ok_or_else(|| unlike(value))
}

fn both(value: &Val) -> Result<[&Val; 2], String> {
    match value {
        Val::Tuple(parts) if parts.len() == 2 => Ok([&parts[0], &parts[1]]),
        _ => Err(unlike(value)),
    }
}

fn parts(value: &Val) -> Result<Parts, String> {
    match value {
        Val::Tuple(parts) => match parts[..] {
            [Val::U64(mantissa), Val::S16(exponent), Val::S8(sign)] => Ok((mantissa, exponent, sign)),
            _ => Err(unlike(value)),
        },
        _ => Err(unlike(value)),
    }
}

/// `{"one","two"}`; between boxes, which have commas, Postgres wants semicolons.
fn array(element: &str, values: &[Val]) -> Result<Vec<u8>, String> {
    let mut text = vec![b'{'];
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(if element == "box" { b';' } else { b',' });
        }
        text.push(b'"');
        for byte in self::text(element, value)? {
            if matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(byte);
        }
        text.push(b'"');
    }
    text.push(b'}');
    Ok(text)
}

fn words(numbers: &[Val]) -> Result<String, String> {
    let word = |number: &Val| match number {
        Val::S16(number) => Ok(number.to_string()),
        Val::S64(number) => Ok(number.to_string()),
        _ => Err(unlike(number)),
    };
    Ok(numbers.iter().map(word).collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// The bytes of a list, or of a tuple of them.
fn octets(value: &Val) -> Result<Vec<u8>, String> {
    let (Val::List(values) | Val::Tuple(values)) = value else { return Err(unlike(value)) };
    let byte = |value: &Val| match value {
        Val::U8(byte) => Ok(*byte),
        _ => Err(unlike(value)),
    };
    values.iter().map(byte).collect()
}

/// The number before bytes, where there is one, and the bytes.
fn counted(value: &Val) -> Result<(Option<usize>, Vec<u8>), String> {
    let [count, bytes] = both(value)?;
    let count = match count {
        Val::Option(None) => None,
        Val::Option(Some(count)) => Some(&**count),
        count => Some(count),
    };
    let count = match count {
        None => None,
        Some(Val::U32(count)) => Some(*count as usize),
        Some(other) => return Err(unlike(other)),
    };
    Ok((count, octets(bytes)?))
}

/// Ones and zeros: so many of the bytes as the number says, or all of them.
fn bits(value: &Val) -> Result<String, String> {
    let (count, bytes) = counted(value)?;
    let there = bytes.len() * 8;
    let count = count.unwrap_or(there);
    if count > there {
        return Err(format!("{count} bits are to be in {} bytes, which have {there}; give more bytes", bytes.len()));
    }
    let bit = |index: usize| if bytes[index / 8] >> (7 - index % 8) & 1 == 1 { '1' } else { '0' };
    Ok((0..count).map(bit).collect())
}

/// A text within as many characters as the number says.
fn characters(value: &Val) -> Result<Vec<u8>, String> {
    let (limit, bytes) = counted(value)?;
    let Ok(text) = str::from_utf8(&bytes) else { return Err("a text is no UTF-8; use bytea for bytes".into()) };
    let count = text.chars().count();
    match limit {
        Some(limit) if count > limit => {
            Err(format!("a text has {count} characters, and is to have {limit} at most; give a larger number"))
        }
        _ => Ok(bytes),
    }
}

fn point(value: &Val) -> Result<String, String> {
    let [x, y] = both(value)?;
    Ok(format!("({},{})", float_text(float_64(parts(x)?)), float_text(float_64(parts(y)?))))
}

fn points(value: &Val) -> Result<String, String> {
    Ok(list(value)?.iter().map(point).collect::<Result<Vec<_>, _>>()?.join(","))
}

/// A day, with what comes between it and `BC`; or one of the two ends of time.
enum Date {
    Day(String, &'static str),
    End(&'static str),
}

impl Date {
    fn with(self, time: &str) -> String {
        match self {
            Date::Day(day, era) => format!("{day}{time}{era}"),
            Date::End(text) => text.into(),
        }
    }
}

fn date(value: &Val) -> Result<Date, String> {
    let Val::Variant(case, payload) = value else { return Err(unlike(value)) };
    Ok(match (case.as_str(), payload.as_deref()) {
        ("positive-infinity", _) => Date::End("infinity"),
        ("negative-infinity", _) => Date::End("-infinity"),
        (_, Some(Val::Tuple(parts))) => {
            let [Val::S32(year), Val::U32(month), Val::U32(day)] = parts[..] else { return Err(unlike(value)) };
            // The year 0 is the one before the year 1.
            let (year, era) = if year > 0 { (year.into(), "") } else { (1 - i64::from(year), " BC") };
            Date::Day(format!("{year:04}-{month:02}-{day:02}"), era)
        }
        _ => return Err(unlike(value)),
    })
}

/// A range of dates. An infinite end is none at all.
fn range(value: &Val) -> Result<String, String> {
    let end = |name| {
        Ok::<_, String>(match date(field(value, name)?)? {
            Date::End(_) => String::new(),
            day => day.with(""),
        })
    };
    let inclusive = |name| Ok::<_, String>(matches!(field(value, name)?, Val::Bool(true)));
    let open = if inclusive("start-inclusive")? { '[' } else { '(' };
    let close = if inclusive("end-inclusive")? { ']' } else { ')' };
    Ok(format!("{open}{},{}{close}", end("start")?, end("end")?))
}

fn time(value: &Val) -> Result<String, String> {
    let part = |name| match field(value, name)? {
        Val::U32(number) => Ok(*number),
        other => Err(unlike(other)),
    };
    let [hour, min, sec, micro] = [part("hour")?, part("min")?, part("sec")?, part("micro")?];
    if micro > 999_999 {
        return Err(format!("{micro} microseconds are a second or more; carry it over"));
    }
    Ok(format!("{hour:02}:{min:02}:{sec:02}.{micro:06}"))
}

fn timestamp(value: &Val, offset: &str) -> Result<String, String> {
    let time = time(field(value, "time")?)?;
    Ok(date(field(value, "date")?)?.with(&format!(" {time}{offset}")))
}

fn offset(value: &Val) -> Result<String, String> {
    match value {
        Val::Variant(case, Some(seconds)) => match (case.as_str(), &**seconds) {
            ("eastern-hemisphere-secs", Val::S32(seconds)) => Ok(offset_text((*seconds).into())),
            ("western-hemisphere-secs", Val::S32(seconds)) => Ok(offset_text(-i64::from(*seconds))),
            _ => Err(unlike(value)),
        },
        _ => Err(unlike(value)),
    }
}

/// A text with a quote on either side, in which the quote is doubled and a backslash too.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn lexemes(values: &[Val]) -> Result<String, String> {
    let lexeme = |value: &Val| {
        let word = quoted(string(field(value, "data")?)?);
        let weight = match field(value, "weight")? {
            Val::Option(None) => String::new(),
            Val::Option(Some(weight)) => match &**weight {
                // As the interface spells it; in WIT, case does not tell two names apart.
                Val::Enum(weight) => weight.to_ascii_uppercase(),
                other => return Err(unlike(other)),
            },
            other => return Err(unlike(other)),
        };
        match field(value, "position")? {
            Val::Option(None) if weight.is_empty() => Ok(word),
            Val::Option(None) => {
                Err(format!("the lexeme {word} has a weight, which belongs to a position, and no position; add one"))
            }
            Val::Option(Some(position)) => match &**position {
                Val::U16(position) => Ok(format!("{word}:{position}{weight}")),
                other => Err(unlike(other)),
            },
            other => Err(unlike(other)),
        }
    };
    Ok(values.iter().map(lexeme).collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// The pairs of an `hstore`: `"key"=>"value","other"=>NULL`.
fn pairs(values: &[Val]) -> Result<String, String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let pair = |value: &Val| {
        let [key, value] = both(value)?;
        let value = match value {
            Val::Option(None) => "NULL".into(),
            Val::Option(Some(value)) => quoted(string(value)?),
            other => return Err(unlike(other)),
        };
        Ok(format!("{}=>{value}", quoted(string(key)?)))
    };
    Ok(values.iter().map(pair).collect::<Result<Vec<_>, String>>()?.join(","))
}
