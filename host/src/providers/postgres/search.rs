//! What Postgres makes of texts for searching in them.

use wasmtime::component::Val;

use super::reader::{Malformed, Reader};

/// Queries within queries: more than this many, and it is none that Postgres would make.
const MAX_NESTED: u32 = 1_000;

/// The lexemes of a `tsvector`: one for each position, or one alone where there is none.
pub(super) fn lexemes(reader: &mut Reader<'_>) -> Result<Vec<Val>, Malformed> {
    let mut lexemes = Vec::new();
    for _ in 0..reader.count()? {
        let data = reader.zero_ended()?;
        let positions = reader.u16()?;
        if positions == 0 {
            lexemes.push(lexeme(None, None, &data));
        }
        for _ in 0..positions {
            let position = reader.u16()?;
            let weight = ["D", "C", "B", "A"][usize::from(position >> 14)];
            lexemes.push(lexeme(Some(position & 0x3fff), Some(weight), &data));
        }
    }
    Ok(lexemes)
}

fn lexeme(position: Option<u16>, weight: Option<&str>, data: &str) -> Val {
    let position = position.map(|position| Box::new(Val::U16(position)));
    let weight = weight.map(|weight| Box::new(Val::Enum(weight.into())));
    Val::Record(vec![
        ("position".into(), Val::Option(position)),
        ("weight".into(), Val::Option(weight)),
        ("data".into(), Val::String(data.into())),
    ])
}

/// The text of a `tsquery`, as Postgres writes it.
pub(super) fn query(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    if reader.count()? == 0 {
        return Ok(String::new());
    }
    Ok(part(reader, MAX_NESTED)?.0)
}

/// How tightly an operator binds; a word binds most.
type Tightness = u8;

fn part(reader: &mut Reader<'_>, nested: u32) -> Result<(String, Tightness), Malformed> {
    let nested = nested.checked_sub(1).ok_or(Malformed)?;
    if reader.u8()? == 1 {
        return Ok((word(reader)?, 5));
    }
    let operator = reader.u8()?;
    let (text, tightness) = match operator {
        1 => {
            let of = part(reader, nested)?;
            return Ok((format!("!{}", within(of, 4)), 4));
        }
        2 => (" & ".into(), 2),
        3 => (" | ".into(), 1),
        4 => match reader.u16()? {
            1 => (" <-> ".into(), 3),
            distance => (format!(" <{distance}> "), 3),
        },
        _ => return Err(Malformed),
    };
    // The right side comes first.
    let right = part(reader, nested)?;
    let left = part(reader, nested)?;
    // To the right, parentheses are needed for what follows too, as it would belong to the left.
    let (left, right) = (within(left, tightness), within(right, tightness + u8::from(tightness == 3)));
    Ok((format!("{left}{text}{right}"), tightness))
}

/// In parentheses, where it binds less than what is around it.
fn within((text, tightness): (String, Tightness), around: Tightness) -> String {
    if tightness < around { format!("( {text} )") } else { text }
}

fn word(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let (weights, prefix) = (reader.u8()?, reader.u8()?);
    let data = reader.zero_ended()?;
    let mut text = format!("'{}'", data.replace('\\', "\\\\").replace('\'', "''"));
    if prefix != 0 || weights != 0 {
        text.push(':');
    }
    if prefix != 0 {
        text.push('*');
    }
    let letters = [(8, 'A'), (4, 'B'), (2, 'C'), (1, 'D')];
    text.extend(letters.iter().filter(|(bit, _)| weights & bit != 0).map(|(_, letter)| letter));
    Ok(text)
}
