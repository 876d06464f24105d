//! Bytes that no server would send.

use tokio_postgres::types::Type;

use super::super::decode;
use super::random::Random;

#[test]
fn random_bytes_are_a_value_or_refused() {
    let types = [
        Type::BOOL,
        Type::INT8,
        Type::NUMERIC,
        Type::MONEY,
        Type::INT2_VECTOR,
        Type::VARBIT,
        Type::BPCHAR,
        Type::INET,
        Type::MACADDR8,
        Type::BOX,
        Type::LINE,
        Type::PATH,
        Type::POLYGON,
        Type::DATE,
        Type::DATE_RANGE,
        Type::TIME,
        Type::TIMETZ,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::JSONB,
        Type::PG_LSN,
        Type::PG_SNAPSHOT,
        Type::TXID_SNAPSHOT,
        Type::TSQUERY,
        Type::TS_VECTOR,
        Type::UUID,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::POLYGON_ARRAY,
        Type::DATE_RANGE_ARRAY,
    ];
    let mut values = 0;
    for seed in 0..2_000 {
        let bytes = Random::new(seed).damaged();
        for ty in &types {
            values += usize::from(decode::value(ty, Some(&bytes), 2).is_ok());
        }
    }
    assert!(values > 1_000, "{values}: some are values");
    // A length that is not there takes no memory.
    let long = [[0, 0, 0, 1], [0; 4], [0, 0, 0, 23], [0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 1]].concat();
    assert!(decode::value(&Type::INT4_ARRAY, Some(&long), 2).is_err());
    // Negations within each other, without an end.
    let deep: Vec<u8> = [0, 0, 0x20, 0].into_iter().chain([2, 1].repeat(5_000)).collect();
    assert!(decode::value(&Type::TSQUERY, Some(&deep), 2).is_err());
}
