//! Random values of every case of the interface.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use wasmtime::component::Val;

use super::super::number::{parts_32, parts_64};

pub struct Random(StdRng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(StdRng::seed_from_u64(seed))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    fn between(&mut self, start: i64, end: i64) -> i64 {
        self.0.random_range(start..=end)
    }

    /// An integer that is an extreme one as often as any other.
    fn integer(&mut self, min: i64, max: i64) -> i64 {
        match self.below(6) {
            0 => min,
            1 => max,
            2 => 0,
            3 => self.between(min.max(-100), max.min(100)),
            _ => self.between(min, max),
        }
    }

    fn many<T>(&mut self, one: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| one(self)).collect()
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    /// Bytes of which most are small, as lengths and flags are.
    pub fn damaged(&mut self) -> Vec<u8> {
        let count = self.below(40);
        (0..count).map(|_| if self.below(4) == 0 { self.below(256) as u8 } else { self.below(3) as u8 }).collect()
    }

    /// All that a text can have but a zero: quotes, backslashes, braces, lines, several bytes.
    fn text(&mut self) -> String {
        const LETTERS: [char; 16] =
            ['a', 'B', '7', ' ', '"', '\'', '\\', '{', '}', ',', '\n', '\t', 'é', '語', '🦀', '\u{1}'];
        (0..self.below(12)).map(|_| LETTERS[self.below(16) as usize]).collect()
    }

    fn word(&mut self) -> String {
        const LETTERS: [char; 8] = ['a', 'b', 'c', '\'', '\\', 'é', ' ', ':'];
        (0..=self.below(5)).map(|_| LETTERS[self.below(8) as usize]).collect()
    }

    fn float_64(&mut self) -> Val {
        let value = match self.below(6) {
            0 => f64::NAN,
            1 => f64::NEG_INFINITY,
            2 => -0.0,
            3 => f64::from_bits(self.below(1 << 52)),
            _ => f64::from_bits(self.0.random()),
        };
        // There is one of the many that are no number.
        parts(parts_64(if value.is_nan() { f64::NAN } else { value }))
    }

    fn float_32(&mut self) -> Val {
        let value = match self.below(5) {
            0 => f32::INFINITY,
            1 => f32::from_bits(self.below(1 << 23) as u32),
            _ => f32::from_bits(self.0.random()),
        };
        parts(parts_32(if value.is_nan() { f32::NAN } else { value }))
    }

    /// A coordinate that arithmetic leaves as it is.
    fn small(&mut self) -> Val {
        parts(parts_64(self.between(-1_000, 1_000) as f64))
    }

    fn decimal(&mut self) -> String {
        match self.below(8) {
            0 => "NaN".into(),
            1 => "-Infinity".into(),
            2 => "0".into(),
            3 => "0.00000000000000000001".into(),
            _ => {
                let sign = if self.below(2) == 0 { "-" } else { "" };
                let digits =
                    |random: &mut Self, count| (0..count).map(|_| random.below(10).to_string()).collect::<String>();
                let count = self.below(30);
                let whole = digits(self, count);
                let whole = format!("{}{whole}", self.below(9) + 1);
                match self.below(3) {
                    0 => format!("{sign}{whole}"),
                    // The zeros at the end stay.
                    _ => {
                        let count = 1 + self.below(20);
                        format!("{sign}{whole}.{}", digits(self, count))
                    }
                }
            }
        }
    }

    fn date(&mut self) -> Val {
        match self.below(8) {
            0 => Val::Variant("positive-infinity".into(), None),
            1 => Val::Variant("negative-infinity".into(), None),
            2 => self.ymd(-4_712, 5_874_897),
            3 => self.ymd(-2, 2),
            _ => self.ymd(1_900, 2_100),
        }
    }

    fn ymd(&mut self, from: i64, to: i64) -> Val {
        let date = vec![
            Val::S32(self.between(from, to) as i32),
            Val::U32(1 + self.below(12) as u32),
            Val::U32(1 + self.below(28) as u32),
        ];
        Val::Variant("ymd".into(), Some(Box::new(Val::Tuple(date))))
    }

    fn time(&mut self) -> Val {
        time(self.below(24), self.below(60), self.below(60), self.below(1_000_000))
    }

    fn timestamp(&mut self) -> Val {
        let (date, time) = match self.below(6) {
            0 => (Val::Variant("positive-infinity".into(), None), time(0, 0, 0, 0)),
            1 => (self.ymd(-4_712, 294_275), self.time()),
            _ => (self.ymd(1_900, 2_100), self.time()),
        };
        record(&[("date", date), ("time", time)])
    }

    fn counted(&mut self, optional: bool) -> Val {
        let count = 1 + self.below(40);
        let mut bytes = self.bytes(count.div_ceil(8));
        // Postgres has zeros after the last bit.
        if let Some(last) = bytes.last_mut() {
            *last &= 0xff << ((8 - count % 8) % 8);
        }
        let count = Val::U32(count as u32);
        let count = if optional { Val::Option(Some(Box::new(count))) } else { count };
        Val::Tuple(vec![count, octets(&bytes)])
    }

    fn point(&mut self) -> Val {
        Val::Tuple(vec![self.float_64(), self.float_64()])
    }

    fn address(&mut self, network: bool) -> String {
        let (address, all) = match self.below(2) {
            0 => (std::net::IpAddr::from([10, 0, 0, 0]), 32),
            _ => ("2001:db8::".parse().expect("an address"), 128),
        };
        match (network, self.below(2)) {
            (false, 0) => address.to_string(),
            (false, _) => format!("{address}/{}", self.below(all)),
            (true, _) => format!("{address}/{}", 32 + self.below(all - 31)),
        }
    }

    fn uuid(&mut self) -> String {
        let hex =
            |random: &mut Self, count| random.bytes(count).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        [4, 2, 2, 2, 6].map(|count| hex(self, count)).join("-")
    }

    /// The payload of a case.
    pub fn payload(&mut self, case: &str) -> Val {
        if let Some(element) = case.strip_suffix("-array") {
            return Val::List(self.many(|random| random.payload(element)));
        }
        let string = Val::String;
        match case {
            "big-int" | "int8" | "big-serial" | "serial8" => Val::S64(self.integer(i64::MIN, i64::MAX)),
            "integer" | "int" | "int4" => Val::S32(self.integer(i32::MIN.into(), i32::MAX.into()) as i32),
            "serial" | "serial4" => Val::U32(self.integer(0, i32::MAX.into()) as u32),
            "small-int" | "int2" | "small-serial" | "serial2" => {
                Val::S16(self.integer(i16::MIN.into(), i16::MAX.into()) as i16)
            }
            "int2-vector" => {
                Val::List(self.many(|random| Val::S16(random.integer(i16::MIN.into(), i16::MAX.into()) as i16)))
            }
            "bool" | "boolean" => Val::Bool(self.below(2) == 0),
            "double" | "float8" => self.float_64(),
            "real" | "float4" => self.float_32(),
            "numeric" | "decimal" => string(self.decimal()),
            "money" => string(format!("{}.{:02}", self.between(-1 << 50, 1 << 50), self.below(100))),
            "bit" => self.counted(false),
            "bit-varying" | "varbit" => self.counted(true),
            "bytea" => {
                let count = self.below(20);
                octets(&self.bytes(count))
            }
            "char" => {
                let text = format!("{}.", self.text());
                let count = text.chars().count() as u32;
                Val::Tuple(vec![Val::U32(count), octets(text.as_bytes())])
            }
            "varchar" => Val::Tuple(vec![Val::Option(None), octets(self.text().as_bytes())]),
            "cidr" => string(self.address(true)),
            "inet" => string(self.address(false)),
            "macaddr" => hardware(&self.bytes(6)),
            "macaddr8" => hardware(&self.bytes(8)),
            // Postgres puts the upper right corner first.
            "box" => {
                let (x, y) = (self.between(-9, 9), self.between(-9, 9));
                let (w, h) = (self.between(0, 9), self.between(0, 9));
                let at = |x: i64, y: i64| Val::Tuple(vec![parts(parts_64(x as f64)), parts(parts_64(y as f64))]);
                Val::Tuple(vec![at(x, y), at(x + w, y + h)])
            }
            "circle" => {
                let radius = parts(parts_64(self.between(0, 1_000) as f64));
                Val::Tuple(vec![self.point(), radius])
            }
            // Those with x = 0 and x = 1, which are the ones that come back.
            "line" => {
                let at = |x: f64, y: Val| Val::Tuple(vec![parts(parts_64(x)), y]);
                let (one, mut other) = (self.small(), self.small());
                if one == other {
                    other = parts(parts_64(5_000.0));
                }
                Val::Tuple(vec![at(0.0, one), at(1.0, other)])
            }
            "lseg" => Val::Tuple(vec![self.point(), self.point()]),
            "point" => self.point(),
            "path" | "polygon" => {
                let mut points = self.many(Self::point);
                points.push(self.point());
                Val::List(points)
            }
            "date" => self.date(),
            "interval" => {
                let open = Val::Variant("negative-infinity".into(), None);
                let (start, inclusive) = match self.below(3) {
                    0 => (open, false),
                    _ => (self.ymd(1_000, 1_999), true),
                };
                // As Postgres has them: with the first day, without the last.
                let end = self.ymd(2_000, 2_999);
                record(&[
                    ("start", start),
                    ("start-inclusive", Val::Bool(inclusive)),
                    ("end", end),
                    ("end-inclusive", Val::Bool(false)),
                ])
            }
            "time" => match self.below(9) {
                0 => time(24, 0, 0, 0),
                _ => self.time(),
            },
            "time-tz" => {
                const ZONES: [&str; 4] = ["+00:00", "-03:30", "+14:00", "+05:53:28"];
                let zone = ZONES[self.below(4) as usize];
                record(&[("timesonze", string(zone.into())), ("time", self.time())])
            }
            "timestamp" => self.timestamp(),
            "timestamp-tz" => {
                let utc = Val::Variant("eastern-hemisphere-secs".into(), Some(Box::new(Val::S32(0))));
                record(&[("timestamp", self.timestamp()), ("offset", utc)])
            }
            "json" => string(format!("[1, {{\"a\":  {}}}]", self.below(100))),
            "jsonb" => string(format!("[1, {{\"a\": {}}}]", self.below(100))),
            "pg-lsn" => Val::U64(self.0.random()),
            "pg-snapshot" => {
                let from = self.between(1, 1_000);
                let among = self.below(4) as i64;
                let among: Vec<_> = (0..among).map(|number| Val::S64(from + number)).collect();
                Val::Tuple(vec![Val::S64(from), Val::S64(from + 9), Val::List(among)])
            }
            "txid-snapshot" => Val::S64(self.between(1, 1 << 40)),
            "name" | "text" => string(self.text()),
            "xml" => string(format!("<a b=\"{}\">é</a>", self.below(100))),
            "ts-query" => {
                const QUERIES: [&str; 9] = [
                    "'a'",
                    "'a' & 'b' | !'c'",
                    "'a' & ( 'b' | 'c' ) & 'd'",
                    "!( 'a' & 'b' ) | 'c':*AB",
                    "'a' <-> 'b' <3> 'c'",
                    "'a' <-> ( 'b' <-> 'c' )",
                    "( 'a' | 'b' ) <-> !'c'",
                    "'it''s' & 'a\\\\b':D",
                    "!!'a'",
                ];
                string(QUERIES[self.below(9) as usize].into())
            }
            "ts-vector" => {
                let mut words: Vec<_> = (0..self.below(4)).map(|_| self.word()).collect();
                words.sort();
                words.dedup();
                Val::List(words.iter().flat_map(|word| self.lexemes(word)).collect())
            }
            "uuid" => string(self.uuid()),
            "hstore" => {
                // Their order in Postgres: shorter ones first.
                let mut keys: Vec<_> = (0..self.below(4)).map(|_| self.text()).collect();
                keys.sort_by(|one, other| (one.len(), one.as_bytes()).cmp(&(other.len(), other.as_bytes())));
                keys.dedup();
                let pair = |key: String| {
                    let value = (self.below(3) > 0).then(|| Box::new(string(self.text())));
                    Val::Tuple(vec![string(key), Val::Option(value)])
                };
                Val::List(keys.into_iter().map(pair).collect())
            }
            other => panic!("no value of `{other}` is known"),
        }
    }

    /// A word at some positions, or alone.
    fn lexemes(&mut self, word: &str) -> Vec<Val> {
        let lexeme = |position: Option<u64>, weight: Option<&str>| {
            let position = position.map(|position| Box::new(Val::U16(position as u16)));
            let weight = weight.map(|weight| Box::new(Val::Enum(weight.into())));
            record(&[
                ("position", Val::Option(position)),
                ("weight", Val::Option(weight)),
                ("data", Val::String(word.into())),
            ])
        };
        match self.below(3) {
            0 => vec![lexeme(None, None)],
            count => (0..count)
                .map(|index| {
                    let weight = ["A", "B", "C", "D"][self.below(4) as usize];
                    lexeme(Some(1 + index * 100 + self.below(99)), Some(weight))
                })
                .collect(),
        }
    }
}

fn octets(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().copied().map(Val::U8).collect())
}

fn parts((mantissa, exponent, sign): (u64, i16, i8)) -> Val {
    Val::Tuple(vec![Val::U64(mantissa), Val::S16(exponent), Val::S8(sign)])
}

fn record(fields: &[(&str, Val)]) -> Val {
    Val::Record(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

fn hardware(bytes: &[u8]) -> Val {
    record(&[("bytes", Val::Tuple(bytes.iter().copied().map(Val::U8).collect()))])
}

fn time(hour: u64, min: u64, sec: u64, micro: u64) -> Val {
    let number = |number: u64| Val::U32(number as u32);
    record(&[("hour", number(hour)), ("min", number(min)), ("sec", number(sec)), ("micro", number(micro))])
}
