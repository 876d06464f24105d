//! Flags, where the released crates contradict themselves: they write the whole number that holds the flags, of 1, 2,
//! 4 or 8 bytes, and read as many bytes as there are flags for. The second is what this codec does, both ways.

use super::*;

mod bindings {
    wit_bindgen_wrpc::generate!({
        path: "tests/nats/stock/wit/bits",
        world: "bits",
        generate_all,
        generate_unused_types: true,
    });
}

use bindings::test::bits::kinds::{Of8, Of16, Of17, Of24, Of32, Of33, Of64};

/// Checks what is said above, of flags in so many bytes, which the released crates write as `theirs`.
macro_rules! check {
    ($ty:ty: $flags:literal flags, $ours:literal bytes, $theirs:literal bytes of theirs) => {
        let shape = Shape::in_wit(
            include_str!("../../../../tests/nats/stock/wit/bits/bits.wit"),
            "kinds",
            concat!("of", $flags),
        );
        for flags in [<$ty>::empty(), <$ty>::all(), <$ty>::B0, <$ty>::all() - <$ty>::B0] {
            let value = Val::Flags(flags.iter_names().map(|(name, _)| name.to_lowercase()).collect());
            let mut ours = BytesMut::new();
            encode(&shape, &value, &mut ours).unwrap();
            assert_eq!(read::<$ty>(&ours), (flags, 0), "{value:?}");
            assert_eq!(decode([&shape], &mut ours.clone()), Ok(vec![value]));

            let theirs = written(flags);
            assert_eq!((ours.len(), theirs.len()), ($ours, $theirs));
            assert_eq!(ours, theirs[..$ours], "the rest is empty");
            // So what follows flags in their message is read wrongly, by themselves as by us.
            assert_eq!(read::<$ty>(&theirs), (flags, $theirs - $ours));
        }
    };
}

#[test]
fn flags_are_as_the_released_crates_read_them_and_as_they_write_them_where_that_is_the_same() {
    check!(Of8: 8 flags, 1 bytes, 1 bytes of theirs);
    check!(Of16: 16 flags, 2 bytes, 2 bytes of theirs);
    check!(Of17: 17 flags, 3 bytes, 4 bytes of theirs);
    check!(Of24: 24 flags, 3 bytes, 4 bytes of theirs);
    check!(Of32: 32 flags, 4 bytes, 4 bytes of theirs);
    check!(Of33: 33 flags, 5 bytes, 8 bytes of theirs);
    check!(Of64: 64 flags, 8 bytes, 8 bytes of theirs);
}
