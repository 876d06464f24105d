//! Every value there and back.

use wasmtime::component::Val;

use super::super::WIT;
use super::random::Random;
use super::{provider, shared, text, variant};
use crate::component::{Shape, in_wit};

/// How many rows of random values.
const ROWS: u64 = 50;

/// All cases that the interface has.
fn cases() -> Vec<String> {
    let interfaces = in_wit(&WIT).expect("our WIT");
    let (_, functions) =
        interfaces.iter().find(|(name, _)| name.path() == "steadfast:postgres/query").expect("it is there");
    let Shape::List(value) = &functions["query"].params()[1].1 else { panic!("no list") };
    let Shape::Variant(cases) = &**value else { panic!("no variant") };
    cases.iter().map(|(name, _)| name.clone()).filter(|name| name != "null").collect()
}

/// The type of a column for a case, and the case that comes back.
fn column(case: &str) -> (String, String) {
    if let Some(element) = case.strip_suffix("-array") {
        let (column, back) = column(element);
        return (format!("{column}[]"), format!("{back}-array"));
    }
    let (column, back) = match case {
        "big-int" | "big-serial" | "serial8" => ("int8", "int8"),
        "boolean" => ("bool", "bool"),
        "double" => ("float8", "float8"),
        "real" => ("float4", "float4"),
        "integer" | "int" | "serial" | "serial4" => ("int4", "int4"),
        "decimal" => ("numeric", "numeric"),
        "small-int" | "small-serial" | "serial2" => ("int2", "int2"),
        "bit-varying" => ("varbit", "varbit"),
        "char" => ("bpchar", "char"),
        "int2-vector" => ("int2vector", case),
        // The one with a length that it may not have.
        "bit" => ("varbit", "varbit"),
        "interval" => ("daterange", case),
        "time-tz" => ("timetz", case),
        "timestamp-tz" => ("timestamptz", case),
        "pg-lsn" => ("pg_lsn", case),
        "pg-snapshot" => ("pg_snapshot", case),
        "txid-snapshot" => ("txid_snapshot", case),
        "ts-query" => ("tsquery", case),
        "ts-vector" => ("tsvector", case),
        other => (other, other),
    };
    (column.into(), back.into())
}

/// What comes back in place of a payload.
fn back(case: &str, payload: &Val) -> Val {
    match (case, payload) {
        // There is no type without a sign.
        ("serial" | "serial4", Val::U32(number)) => Val::S32(i32::try_from(*number).expect("it is small")),
        ("bit", Val::Tuple(parts)) => Val::Tuple(vec![Val::Option(Some(Box::new(parts[0].clone()))), parts[1].clone()]),
        ("bit-array", Val::List(values)) => Val::List(values.iter().map(|value| back("bit", value)).collect()),
        _ => payload.clone(),
    }
}

/// As text, in which two values that are no numbers are equal.
fn shown(value: &Val) -> String {
    format!("{value:?}")
}

#[tokio::test]
async fn a_random_row_of_every_type_is_stored_and_read() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    let cases = cases();
    assert_eq!(cases.len(), 96);
    let columns: Vec<_> =
        cases.iter().enumerate().map(|(index, case)| format!("c{index} {}", column(case).0)).collect();
    server.sql(&format!("CREATE TABLE every ({})", columns.join(", "))).unwrap();
    let places: Vec<_> = (1..=cases.len()).map(|index| format!("${index}")).collect();
    let insert = format!("INSERT INTO every VALUES ({}) RETURNING *", places.join(", "));
    for seed in 0..ROWS {
        let mut random = Random::new(seed);
        let sent: Vec<_> = cases.iter().map(|case| random.payload(case)).collect();
        let params = cases.iter().zip(&sent).map(|(case, payload)| variant(case, payload.clone())).collect();
        let row = postgres.row(&insert, params).await.unwrap();
        assert_eq!(row.len(), cases.len());
        for ((case, payload), read) in cases.iter().zip(&sent).zip(&row) {
            let expected = variant(&column(case).1, back(case, payload));
            assert_eq!(shown(read), shown(&expected), "{case}, seed {seed}");
            // And what was read may be sent again.
            if seed == 0 {
                let again = postgres.row(&format!("SELECT $1::{}", column(case).0), vec![read.clone()]).await.unwrap();
                assert_eq!(shown(&again[0]), shown(read), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_null_of_every_type_is_a_null() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    let cases = cases();
    let places = cases.iter().enumerate().map(|(index, case)| format!("${}::{}", index + 1, column(case).0));
    let select = format!("SELECT {}", places.collect::<Vec<_>>().join(", "));
    let row = postgres.row(&select, vec![Val::Variant("null".into(), None); cases.len()]).await.unwrap();
    assert!(row.iter().all(|value| *value == Val::Variant("null".into(), None)), "{row:?}");
}

#[tokio::test]
async fn types_without_a_case_arrive_as_what_is_nearest() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    server.sql("CREATE TYPE mood AS ENUM ('fine'); CREATE DOMAIN age AS int4; CREATE DOMAIN price AS money").unwrap();
    let char = |text: &str| Val::Tuple(vec![Val::U32(1), Val::List(text.bytes().map(Val::U8).collect())]);
    for (sql, expected) in [
        ("'fine'::mood", variant("text", text("fine"))),
        ("ARRAY['fine'::mood]", variant("text-array", Val::List(vec![text("fine")]))),
        ("ARRAY[]::mood[]", variant("text-array", Val::List(vec![]))),
        ("7::age", variant("int4", Val::S32(7))),
        ("'-7.5'::money::price", variant("money", text("-7.50"))),
        ("'x'::\"char\"", variant("char", char("x"))),
        ("4000000000::oid", variant("int8", Val::S64(4_000_000_000))),
        ("'Ada'::citext", variant("text", text("Ada"))),
        ("'$.a'::jsonpath", variant("text", text("$.\"a\""))),
        ("'1 year 2 mons -3 days 04:00:00.5'::interval", variant("text", text("P14M-3DT14400.500000S"))),
        ("NULL", Val::Variant("null".into(), None)),
        ("pg_sleep(0)", Val::Variant("null".into(), None)),
        ("ARRAY[]::int4[]", variant("int4-array", Val::List(vec![]))),
        ("ARRAY[]::xml[]", variant("xml-array", Val::List(vec![]))),
        ("ARRAY[]::hstore[]::text", variant("text", text("{}"))),
    ] {
        assert_eq!(postgres.row(&format!("SELECT {sql}"), vec![]).await, Ok(vec![expected]), "{sql}");
    }
    // As Postgres writes them, it reads them.
    let interval = variant("text", text("P14M-3DT14400.500000S"));
    let same = postgres.row("SELECT $1::interval = '1 year 2 mons -3 days 04:00:00.5'::interval", vec![interval]).await;
    assert_eq!(same, Ok(vec![variant("bool", Val::Bool(true))]));
    // A closed path ends where it begins.
    let closed = postgres.row("SELECT '((0,0),(1,1))'::path, '[(0,0),(1,1),(0,0)]'::path", vec![]).await.unwrap();
    assert_eq!(closed[0], closed[1]);
}

#[tokio::test]
async fn a_value_without_any_form_is_refused_with_advice() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    for (sql, told) in [
        ("'[1,2)'::int4range", "type `int4range` has no form in the interface; cast it to text in the query"),
        ("'empty'::daterange", "type `daterange` has no form"),
        ("ARRAY[[1],[2]]", "type `_int4` has several dimensions, and a list has one; cast it to text in the query"),
        ("ARRAY[1, NULL]", "type `_int4` has a null in it"),
        ("ARRAY['a=>b'::hstore]", "has no form in the interface; cast it to text[] in the query"),
        ("ROW(1, 2)", "type `record` has no form"),
    ] {
        let (case, text) = postgres.refused(&format!("SELECT {sql} AS odd"), vec![]).await;
        assert!(case == "invalid-query" && text.contains(told) && text.contains("`odd`"), "{case}: {text}");
        // The connection goes on.
        assert!(postgres.row("SELECT 1", vec![]).await.is_ok());
    }
}

#[tokio::test]
async fn a_parameter_is_what_the_query_takes_it_for() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    let number = || variant("int4", Val::S32(5));
    assert_eq!(postgres.row("SELECT $1::int8", vec![number()]).await, Ok(vec![variant("int8", Val::S64(5))]));
    assert_eq!(postgres.row("SELECT $1", vec![number()]).await, Ok(vec![variant("text", text("5"))]));
    let ascii = |text: &str| Val::List(text.bytes().map(Val::U8).collect());
    let limited =
        |limit: u32| variant("varchar", Val::Tuple(vec![Val::Option(Some(Box::new(Val::U32(limit)))), ascii("abc")]));
    assert!(postgres.row("SELECT $1", vec![limited(3)]).await.is_ok());
    let bits = |count| variant("bit", Val::Tuple(vec![Val::U32(count), ascii("a")]));
    assert!(postgres.row("SELECT $1::bit(8)", vec![bits(8)]).await.is_ok());
    for (value, told) in [
        (limited(2), "$1: a text has 3 characters, and is to have 2 at most"),
        (bits(9), "$1: 9 bits are to be in 1 bytes, which have 8"),
        (variant("money", text("1.234")), "$1: `1.234` has more than 2 digits behind the point"),
        (
            variant("varchar", Val::Tuple(vec![Val::Option(None), Val::List(vec![Val::U8(255)])])),
            "$1: a text is no UTF-8",
        ),
        (variant("int4", text("x")), "22P02: invalid input syntax for type integer: \"x\""),
        (variant("text", text("\0")), "22021"),
    ] {
        let (case, text) = postgres.refused("SELECT $1::int4", vec![value]).await;
        assert!(case == "invalid-params" && text.starts_with(told), "{case}: {text}");
    }
    assert!(postgres.row("SELECT 1", vec![]).await.is_ok());
}
