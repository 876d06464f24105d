//! Numbers: floating point as the interface has it, exact decimals, and money.

use super::reader::{Malformed, Reader};

/// Mantissa, exponent and sign.
pub(super) type Parts = (u64, i16, i8);

/// The parts of a number, as `integer_decode` of the crate `num` has them.
pub(super) fn parts_64(value: f64) -> Parts {
    let bits = value.to_bits();
    parts(bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i16, value.is_sign_negative(), 52, 1_075)
}

/// The same of a number of 32 bits.
pub(super) fn parts_32(value: f32) -> Parts {
    let bits = value.to_bits();
    parts((bits & ((1 << 23) - 1)).into(), (bits >> 23 & 0xff) as i16, value.is_sign_negative(), 23, 150)
}

fn parts(fraction: u64, exponent: i16, negative: bool, digits: u32, bias: i16) -> Parts {
    let mantissa = if exponent == 0 { fraction << 1 } else { fraction | 1 << digits };
    (mantissa, exponent - bias, if negative { -1 } else { 1 })
}

/// The number of these parts: the nearest one, where it has none of its own.
pub(super) fn float_64(parts: Parts) -> f64 {
    number(parts, 52, 972)
}

/// The same of a number of 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "to the nearest")]
pub(super) fn float_32(parts: Parts) -> f32 {
    number(parts, 23, 105) as f32
}

/// Not a number has the exponent of infinity, `beyond`, and a mantissa of as many bits, with more than the first set.
fn number((mantissa, exponent, sign): Parts, digits: u32, beyond: i16) -> f64 {
    let sign = if sign < 0 { -1.0 } else { 1.0 };
    if exponent == beyond && mantissa >> digits == 1 {
        return sign * if mantissa == 1 << digits { f64::INFINITY } else { f64::NAN };
    }
    // In two steps, of which the first is exact: the smallest powers are no numbers themselves.
    let exponent = i32::from(exponent.clamp(-2_000, 2_000));
    let half = exponent / 2;
    #[allow(clippy::cast_precision_loss, reason = "to the nearest")]
    let mantissa = mantissa as f64;
    sign * mantissa * 2f64.powi(half) * 2f64.powi(exponent - half)
}

/// As Postgres reads it, in the fewest digits that mean this number and no other.
pub(super) fn float_text(value: impl std::fmt::LowerExp + Into<f64> + Copy) -> String {
    let wide: f64 = value.into();
    match wide {
        _ if wide.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => format!("{value:e}"),
    }
}

/// A `numeric`: groups of four decimal digits, of which the first counts 10,000 to the power of `weight`.
pub(super) fn numeric(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let groups = reader.u16()?;
    let weight = i32::from(reader.i16()?);
    let sign = reader.u16()?;
    let scale = usize::from(reader.u16()?);
    let mut digits = Vec::new();
    for _ in 0..groups {
        digits.push(reader.u16()?);
    }
    let mut text = match sign {
        0 => String::new(),
        0x4000 => "-".into(),
        0xc000 => return Ok("NaN".into()),
        0xd000 => return Ok("Infinity".into()),
        0xf000 => return Ok("-Infinity".into()),
        _ => return Err(Malformed),
    };
    let group = |power: i32| {
        let index = usize::try_from(weight - power).ok();
        index.and_then(|index| digits.get(index)).copied().unwrap_or(0)
    };
    text.push_str(&group(weight.max(0)).to_string());
    for power in (0..weight.max(0)).rev() {
        text.push_str(&format!("{:04}", group(power)));
    }
    if scale > 0 {
        let groups = i32::try_from(scale.div_ceil(4)).map_err(|_| Malformed)?;
        let fraction: String = (1..=groups).map(|power| format!("{:04}", group(-power))).collect();
        text.push('.');
        text.push_str(fraction.get(..scale).ok_or(Malformed)?);
    }
    Ok(text)
}

/// An amount of money as a decimal, where so many digits stand behind the point.
pub(super) fn money_text(amount: i64, digits: u32) -> String {
    let digits = digits as usize;
    let text = format!("{:0width$}", amount.unsigned_abs(), width = digits + 1);
    let (whole, rest) = text.split_at(text.len() - digits);
    format!("{}{whole}{}{rest}", if amount < 0 { "-" } else { "" }, if digits > 0 { "." } else { "" })
}

/// The amount of money that a decimal is.
pub(super) fn money(text: &str, digits: u32) -> Result<i64, String> {
    let wrong = |what: &str| format!("`{}` {what}", text.escape_debug());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.is_empty() || !(whole.to_string() + rest).bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong("is no amount of money; write it like 12.50"));
    }
    let rest = rest.trim_end_matches('0');
    if rest.len() > digits as usize {
        return Err(wrong(&format!(
            "has more than {digits} digits behind the point, and money of this database has not"
        )));
    }
    let sign = if unsigned.len() < text.len() { "-" } else { "" };
    let amount = format!("{sign}{whole}{rest:0<width$}", width = digits as usize);
    amount.parse().map_err(|_| wrong("is more money than this database can have"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floating_point_number_is_its_parts() {
        for value in
            [0.0, -0.0, 1.0, -1.5, f64::MIN_POSITIVE, 5e-324, 3e-310, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]
        {
            assert_eq!(float_64(parts_64(value)).to_bits(), value.to_bits(), "{value:e}");
        }
        for value in [0.0, -0.0, 1.0, 0.1, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(float_32(parts_32(value)).to_bits(), value.to_bits(), "{value:e}");
        }
        assert!(float_64(parts_64(f64::NAN)).is_nan() && float_32(parts_32(f32::NAN)).is_nan());
        // As a person writes them, and beyond what there is.
        for (parts, value) in
            [((1, 0, 1), 1.0), ((3, -1, -1), -1.5), ((1, 2_000, 1), f64::INFINITY), ((1, -2_000, 1), 0.0)]
        {
            assert_eq!(float_64(parts).to_bits(), value.to_bits(), "{parts:?}");
        }
        assert_eq!(parts_64(1.0), (1 << 52, -52, 1));
    }

    #[test]
    fn money_has_as_many_digits_as_the_database_says() {
        for (amount, digits, text) in
            [(1_250, 2, "12.50"), (-5, 2, "-0.05"), (7, 0, "7"), (i64::MIN, 3, "-9223372036854775.808"), (0, 2, "0.00")]
        {
            assert_eq!(money_text(amount, digits), text);
            assert_eq!(money(text, digits), Ok(amount));
        }
        assert_eq!(money("12", 2), Ok(1_200));
        assert_eq!(money("1.500", 1), Ok(15));
        for wrong in ["", "-", ".5", "1.2.3", "1e3", "$1", "0.001", "99999999999999999999", "+1", "1,0"] {
            assert!(money(wrong, 2).is_err(), "{wrong}");
        }
    }
}
