//! The schema and the reader accept the same documents. The judge of the schema is the crate `jsonschema`.

use serde_json::{Map, Value, json};
use steadfast::config::{Policies, schema};
use steadfast_settings::{BUDGET, Kind, KindOf, POLICY, Setting, Table, spelled};

const DOCUMENTS: u64 = 10_000;

#[test]
fn schema_and_reader_accept_the_same_documents() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let judge = jsonschema::draft202012::new(&schema).unwrap();
    let (mut accepted, mut refused, mut beyond) = (0, 0, std::collections::BTreeMap::new());
    for seed in 0..DOCUMENTS {
        let mut draws = Draws { state: seed, slips: [0, 1, 4, 25][(seed % 4) as usize] };
        let document = draws.document();
        let text = document.to_string();
        let read = Policies::overriding(&text);
        let valid = judge.is_valid(&document);
        let expected = match beyond_the_schema(&document).filter(|_| valid) {
            Some(case) => {
                *beyond.entry(case).or_insert(0) += 1;
                false
            }
            None => valid,
        };
        let said = read.as_ref().err().map(ToString::to_string);
        assert_eq!(read.is_ok(), expected, "document {seed}, valid by the schema: {valid}\n{text}\n{said:?}");
        if read.is_ok() { accepted += 1 } else { refused += 1 }
    }
    // A generator that makes only one kind of document would prove nothing.
    assert!(accepted > DOCUMENTS / 4 && refused > DOCUMENTS / 4, "{accepted} accepted, {refused} refused");
    let missed: Vec<_> = CASES.iter().filter(|case| !beyond.contains_key(*case)).collect();
    assert!(missed.is_empty(), "never generated: {missed:?}");
}

/// What the schema cannot say, and the reader refuses.
const CASES: [&str; 14] = [
    "a duration that is too short",
    "a percentage that is out of range",
    "a backoff whose first wait is longer than the longest",
    "a budget that begins with more tokens than it can have",
    "a retry that costs more tokens than there can be",
    "a breaker whose breaks grow to less than the first",
    "a breaker whose window has fewer calls than it needs",
    "a limit whose bounds are in the wrong order",
    "a limit that starts beyond its bounds",
    "a burst that takes more than 292 years to fill",
    "a budget that does not exist",
    "a policy that does not exist",
    "a shared rate limit whose period is too short",
    "a shared budget whose time to live is too short",
];

/// The first of these cases that a document has which is right by the schema.
fn beyond_the_schema(document: &Value) -> Option<&'static str> {
    let none = Map::new();
    let tables = |key: &str| document[key].as_object().unwrap_or(&none).values();
    let budgets = document["budgets"].as_object().unwrap_or(&none);
    for budget in tables("budgets") {
        if let Some(case) = in_table(budget, &BUDGET, budgets) {
            return Some(case);
        }
    }
    for target in tables("targets") {
        let name = target.as_str().or(target["policy"].as_str())?;
        if document["policies"].get(name).is_none() {
            return Some(CASES[11]);
        }
    }
    tables("policies").chain(tables("targets")).find_map(|policy| in_table(policy, &POLICY, budgets))
}

fn in_table(given: &Value, table: &Table, budgets: &Map<String, Value>) -> Option<&'static str> {
    let nanos = |name: &str| steadfast_settings::duration(given[name].as_str()?).map(|time| time.as_nanos());
    let count = |name: &str| given[name].as_f64();
    for setting in table.settings {
        let value = &given[spelled(setting.name)];
        let number = match setting.kind {
            Kind::Duration => value.as_str().and_then(steadfast_settings::duration).map(|time| time.as_nanos() as f64),
            Kind::Share | Kind::Jitter => value.as_str().and_then(steadfast_settings::percentage),
            Kind::Table(inner) | Kind::Budget(inner) if value.is_object() => {
                if let Some(case) = in_table(value, inner, budgets) {
                    return Some(case);
                }
                None
            }
            Kind::Budget(_) if value.as_str().is_some_and(|name| name != "never" && !budgets.contains_key(name)) => {
                return Some(CASES[10]);
            }
            _ => None,
        };
        if number.is_some_and(|number| !setting.range.contains(number)) {
            return Some(if matches!(setting.kind, Kind::Duration) { CASES[0] } else { CASES[1] });
        }
    }
    let wrong = match table.name {
        "Backoff" => {
            let kinds = table.choices[0].kinds.iter();
            let base = kinds.filter_map(|kind| nanos(kind.name)).next();
            // The cap of a constant wait is the wait, where nothing else is said.
            let max = nanos("max").or(nanos("constant").map(|_| u128::MAX)).unwrap_or(2_000_000_000);
            [(base > Some(max), CASES[2])].to_vec()
        }
        "Budget" => {
            let (quota, tokens) = (count("quota"), count("throttle").or(count("max-tokens")).or(count("quota")));
            // A ratio saves up its share of 10000 calls.
            let saved = given["ratio"].as_str().and_then(steadfast_settings::percentage).or(count("ratio"));
            let most = tokens.or(saved.map(|ratio| (ratio * 10000.0).max(1.0))).unwrap_or(f64::from(u32::MAX));
            let costs = given["cost-of"].as_object().into_iter().flatten().filter_map(|(_, cost)| cost.as_f64());
            let all = count("cost").or(quota.map(|_| if given["cost-of"]["timeout"].is_null() { 10.0 } else { 5.0 }));
            let whole = |kind: &KindOf| kind.needs.iter().all(|need| given.get(spelled(need)).is_some());
            let kind = table.choices[0].kinds.iter().any(|kind| given.get(kind.name).is_some() && whole(kind));
            let dear = costs.chain(all).any(|cost| cost > most);
            let shared = kind && given["shared"] == "keyvalue" && given.get("name").is_some();
            let short = given.get("windowed").is_some() && nanos("ttl") < Some(1_000_000_000);
            [(kind && count("initial") > Some(most), CASES[3]), (kind && dear, CASES[4]), (shared && short, CASES[13])]
                .to_vec()
        }
        "Breaker" => {
            let (growing, open_for) = (&given["growing"]["max-open-for"], nanos("open-for").unwrap_or(5_000_000_000));
            let longest = growing.as_str().and_then(steadfast_settings::duration).map(|time| time.as_nanos());
            let (calls, least) = (count("over-calls"), count("minimum-calls"));
            let whole = given.get("failures").is_some() || given.get("failure-rate").is_some();
            let grows = given["growing"]["factor"].is_number() && longest.is_some_and(|longest| longest < open_for);
            [
                (whole && grows, CASES[5]),
                (calls.is_some() && given.get("failure-rate").is_some() && least > calls, CASES[6]),
            ]
            .to_vec()
        }
        "Aimd" | "Gradient" => {
            let (min, max) = (count("min").unwrap_or(1.0), count("max").unwrap_or(200.0));
            let beyond = count("start").is_some_and(|start| start < min || start > max);
            [(max < min, CASES[7]), (beyond, CASES[8])].to_vec()
        }
        "RateLimit" => {
            let calls = count("per-second").or(count("tokens"));
            let period = nanos("every").unwrap_or(1_000_000_000) as f64;
            let burst = count("burst").or(calls);
            let fill = calls.zip(burst).map(|(calls, burst)| period / calls * (burst - 1.0));
            let shared = given["shared"] == "keyvalue" && given.get("name").is_some() && calls.is_some();
            [(fill > Some(i64::MAX as f64), CASES[9]), (shared && period < 1_000_000_000.0, CASES[12])].to_vec()
        }
        _ => Vec::new(),
    };
    wrong.into_iter().find_map(|(wrong, case)| wrong.then_some(case))
}

/// Makes documents, with so many slips in a hundred decisions.
struct Draws {
    state: u64,
    slips: u64,
}

impl Draws {
    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn slip(&mut self) -> bool {
        self.below(100) < self.slips
    }

    fn one<'c>(&mut self, choices: &'c [Value]) -> &'c Value {
        &choices[self.below(choices.len() as u64) as usize]
    }

    fn document(&mut self) -> Value {
        let mut document = json!({ "policies": { "plain": {} } });
        if self.below(3) == 0 {
            document["budgets"] = json!({ "shared": self.table(&BUDGET, 0) });
        }
        for name in ["greeter", "odd name"] {
            if self.below(2) == 0 {
                document["policies"][name] = self.table(&POLICY, 0);
            }
        }
        if self.below(3) == 0 {
            let key = self.one(&[json!("acme:a/api"), json!("acme:a/api#get"), json!("default")]).clone();
            let key =
                if self.slip() { self.one(&[json!("acme"), json!("a:b/c@1.0.0"), json!("")]).clone() } else { key };
            // What is laid over a policy without settings stands alone.
            let mut target = self.table(&POLICY, 0);
            if target.is_object() && !self.slip() {
                target["policy"] = if self.slip() { json!("plane") } else { json!("plain") };
            }
            let target = if self.below(3) == 0 { json!("plain") } else { target };
            document["targets"] = json!({ key.as_str().unwrap(): target });
        }
        if self.slip() {
            let key = self.one(&[json!("$schema"), json!("policies"), json!("polices"), json!("targets")]).clone();
            document[key.as_str().unwrap()] = self.junk();
        }
        document
    }

    fn junk(&mut self) -> Value {
        let junk = [
            json!(null),
            json!(true),
            json!([]),
            json!([1]),
            json!({}),
            json!({ "a": 1 }),
            json!(""),
            json!("never"),
            json!("x"),
            json!(7),
            json!(-1),
            json!(0.5),
            json!("5%"),
            json!("5s"),
            json!({ "$__toml_private_datetime": "2026-01-01" }),
        ];
        self.one(&junk).clone()
    }

    fn table(&mut self, table: &Table, depth: u32) -> Value {
        if self.slip() {
            return self.junk();
        }
        let mut given = Map::new();
        // One kind of each choice, with what it needs, unless there is a slip.
        let mut kinds: Vec<(usize, &KindOf)> = Vec::new();
        for (index, choice) in table.choices.iter().enumerate() {
            kinds.push((index, &choice.kinds[self.below(choice.kinds.len() as u64) as usize]));
        }
        for setting in table.settings {
            let fits = kinds.iter().all(|(index, kind)| !table.choices[*index].excludes(kind, setting.name));
            let wanted = setting.needed
                || kinds.iter().any(|(_, kind)| kind.name == setting.name || kind.needs.contains(&setting.name));
            let optional = self.below(if depth == 0 { 4 } else { 3 }) == 0;
            if (fits && (wanted || optional)) != self.slip() {
                given.insert(spelled(setting.name), self.value(setting, depth));
            }
        }
        if self.slip() {
            let key = self.one(&[json!("attemps"), json!("open_for"), json!(""), json!("jitter"), json!("on")]).clone();
            given.insert(key.as_str().unwrap().into(), self.junk());
        }
        given.into()
    }

    fn value(&mut self, setting: &Setting, depth: u32) -> Value {
        if setting.optional && self.below(5) == 0 {
            return json!("never");
        }
        if self.slip() {
            return self.junk();
        }
        let durations = ["250ms", "3s", "1m30s", "1m 30s", " 1.5s ", "10ns", "1ms", "2\u{3bc}s", "2\u{b5}s", "10d"];
        let odd_durations =
            ["0s", "9ns", "999us", "0.5ns", "3", "s", "", "3 s 4", "1\n s", "1\u{a0}s", "1.s", "99999999999d"];
        let shares = [json!(0.5), json!(1), json!("50%"), json!("12.5 %"), json!(0.95), json!(1e-6), json!(".5%")];
        let odd_shares = [
            json!(0),
            json!(1.5),
            json!(-0.5),
            json!("0%"),
            json!("150%"),
            json!("-5%"),
            json!("x%"),
            json!("%"),
            json!("1e1%"),
            json!("1.2.3%"),
            json!("0.5"),
            json!(" 5%\n"),
        ];
        let odd = self.slip() || self.below(40) == 0;
        match setting.kind {
            Kind::Duration if odd => json!(odd_durations[self.below(odd_durations.len() as u64) as usize]),
            Kind::Duration => json!(durations[self.below(durations.len() as u64) as usize]),
            Kind::Share if odd => self.one(&odd_shares).clone(),
            Kind::Share => self.one(&shares).clone(),
            Kind::Jitter if self.below(2) == 0 => self.one(&[json!("none"), json!("full"), json!("equal")]).clone(),
            Kind::Jitter if odd => self.one(&odd_shares).clone(),
            Kind::Jitter => self.one(&shares).clone(),
            Kind::Count | Kind::Number => {
                let range = setting.range;
                let (low, high) = (range.low, range.high.min(f64::from(u32::MAX)));
                let inside =
                    [json!(low), json!(high), json!(low as u64), json!(high as u64), json!(4.0), json!(4), json!(2)];
                let outside = [
                    json!(low - 1.0),
                    json!(high + 1.0),
                    json!(high + 0.5),
                    json!(2.5),
                    json!(-0.0),
                    json!(1e20),
                    json!(-1),
                    json!(0),
                ];
                if odd { self.one(&outside).clone() } else { self.one(&inside).clone() }
            }
            Kind::Store if odd => json!("redis"),
            Kind::Store => json!("keyvalue"),
            Kind::Name if odd => self.one(&[json!(""), json!("a b"), json!("a:b"), json!("a".repeat(101))]).clone(),
            Kind::Name => self.one(&[json!("acme/greeter"), json!("-_./"), json!("a".repeat(100))]).clone(),
            Kind::Budget(_) if self.below(3) == 0 => json!("shared"),
            Kind::Table(table) | Kind::Budget(table) => self.table(table, depth + 1),
        }
    }
}
