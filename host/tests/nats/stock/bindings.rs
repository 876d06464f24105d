//! What wRPC's own generator makes of the interfaces of the tests' guests, and values of every kind in its types.

wit_bindgen_wrpc::generate!({
    path: "tests/nats/stock/wit/values",
    world: "peer",
    generate_all,
});

use test::guests::kinds::{Access, Colour, Everything, Frame, Hour, Letter, Month, Point, Shape};

/// The largest and the longest of each kind, as the guest `caller` sends it.
pub fn highest() -> Everything {
    Everything {
        yes: true,
        small: (u8::MAX, i8::MAX),
        middle: (u16::MAX, i16::MAX),
        large: (u32::MAX, i32::MAX),
        huge: (u64::MAX, i64::MAX),
        real: (f32::MAX, f64::MAX),
        reals: vec![(f32::INFINITY, f64::NEG_INFINITY), (f32::NAN, f64::NAN), (-0.0, f64::MIN_POSITIVE)],
        letter: '\u{10ffff}',
        text: "Grüße, \0 and \u{1f980}".into(),
        bytes: (0..=255).collect(),
        shapes: vec![vec![], vec![Shape::Circle(1.5), Shape::Nothing, Shape::Polygon(vec![Point { x: -1, y: 0.1 }])]],
        frame: Frame { corner: Point { x: i32::MIN, y: -0.5 }, size: Point { x: i32::MAX, y: 1e300 } },
        maybe: Some(Some("yes".into())),
        outcome: Err("no".into()),
        bare: Err(()),
        half: Err(Colour::Blue),
        other_half: Ok(-1),
        colours: vec![Colour::Green, Colour::Red],
        hours: vec![Hour::N127, Hour::N128, Hour::N129],
        rights: Access::all(),
        months: Month::all(),
        letters: Letter::all(),
    }
}

/// The smallest and the shortest of each kind, as the guest `caller` sends it.
pub fn lowest() -> Everything {
    Everything {
        yes: false,
        small: (u8::MIN, i8::MIN),
        middle: (u16::MIN, i16::MIN),
        large: (u32::MIN, i32::MIN),
        huge: (u64::MIN, i64::MIN),
        real: (f32::MIN, f64::MIN),
        reals: vec![],
        letter: '\0',
        text: String::new(),
        bytes: Default::default(),
        shapes: vec![],
        frame: Frame { corner: Point { x: 0, y: 0.0 }, size: Point { x: 0, y: 0.0 } },
        maybe: Some(None),
        outcome: Ok(0),
        bare: Ok(()),
        half: Ok(()),
        other_half: Err(()),
        colours: vec![],
        hours: vec![Hour::N0],
        rights: Access::WRITE,
        months: Month::SEPTEMBER,
        letters: Letter::Y,
    }
}
