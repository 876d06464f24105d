//! How much a guest may pass to this host in one call: the parameters of what it imports, or the result of what it
//! exports.

use crate::component::{Component, Shape};

/// The most memory that it takes here. While a call is on its way there is a copy of it. So much that a component that
/// passes lists of records can pass 2 MiB as `list<u8>` too.
const MAX_PASSED: usize = 448 << 20;

/// The most that Wasmtime counts for one call, which is its own default: 3,355,443 numbers in a list.
const MAX_COUNTED: usize = 128 << 20;

/// How much of what Wasmtime counts for a call `component` may use. It counts 40 bytes for each value in a list, a tuple
/// or a record, the bytes of strings, and those of names; not that lists grow, nor what a name takes beside its bytes:
/// of a flag that is called `n1` it counts 2 bytes, and allocates 80.
pub(super) fn fuel(component: &Component) -> usize {
    let passed = component.imports().flat_map(|(_, functions)| functions.values());
    let passed = passed.flat_map(|signature| signature.params().iter().map(|(_, shape)| shape));
    let returned = component.exports().flat_map(|(_, functions)| functions.values());
    let returned = returned.filter_map(|signature| signature.payload());
    let rate = passed.chain(returned).map(|shape| rate(shape, false)).max();
    (MAX_PASSED / rate.unwrap_or(PLACE)).min(MAX_COUNTED)
}

/// How many bytes a list has at most for each that Wasmtime counts, since it doubles when it is full.
const PLACE: usize = 2;

/// The same for lists of one element, which have places for four.
const SHORT: usize = 5;

/// The same for names and strings of one byte, with their place.
const NAME: usize = 3;

/// How many bytes are allocated at most for each that Wasmtime counts, where there are many values of the type, or one.
fn rate(shape: &Shape, many: bool) -> usize {
    let if_many = |rate: usize| if many { rate } else { PLACE };
    match shape {
        Shape::Record(fields) => {
            let parts = fields.iter().map(|(_, shape)| rate(shape, many)).max().unwrap_or(PLACE);
            let names: Vec<_> = fields.iter().map(|(name, _)| name.len()).collect();
            let counted = fields.len() * 40 + names.iter().sum::<usize>();
            parts.max(if_many(allocated(&names, 64).div_ceil(counted.max(1))))
        }
        Shape::Variant(cases) => cases
            .iter()
            .filter_map(|(_, shape)| shape.as_ref())
            .map(|shape| rate(shape, many))
            .fold(if_many(NAME), usize::max),
        Shape::Flags(names) => if_many(rate_of_flags(names)),
        Shape::Tuple(shapes) => shapes.iter().map(|shape| rate(shape, many)).fold(if_many(SHORT), usize::max),
        Shape::Option(shape) => rate(shape, many),
        Shape::Result(ok, err) => {
            [ok, err].into_iter().flatten().map(|shape| rate(shape, many)).fold(PLACE, usize::max)
        }
        Shape::List(shape) | Shape::FixedLengthList(shape, _) => rate(shape, true).max(if_many(SHORT)),
        Shape::Map(key, value) => rate(key, true).max(rate(value, true)).max(if_many(SHORT)),
        Shape::String | Shape::Enum(_) => if_many(NAME),
        _ => PLACE,
    }
}

/// Flags are the names of those that are set: the rate for as many as make it highest, the shortest first.
fn rate_of_flags(names: &[String]) -> usize {
    let mut lengths: Vec<_> = names.iter().map(String::len).collect();
    lengths.sort_unstable();
    let rate = |set: usize| {
        let set = &lengths[..set];
        (40 * PLACE + allocated(set, 24)).div_ceil(40 + set.iter().sum::<usize>())
    };
    // It is highest where the list has just grown.
    let grown = std::iter::successors(Some(1), |set| Some(if *set == 1 { 5 } else { (*set - 1) * 2 + 1 }));
    grown.take_while(|set| *set < lengths.len()).chain([lengths.len()]).map(rate).max().unwrap_or(PLACE)
}

/// What a list of such names takes, with so many bytes for each.
fn allocated(names: &[usize], each: usize) -> usize {
    let places = names.len().next_power_of_two().max(4);
    let block = |bytes: usize| (bytes + 8).next_multiple_of(16).max(32);
    block(places * each) + names.iter().map(|length| block(*length)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("n{n}")).collect()
    }

    #[test]
    fn the_more_is_not_counted_the_less_may_be_passed() {
        let list = |shape: Shape| Shape::List(Box::new(shape));
        for (shape, expected) in [
            (Shape::U8, 2),
            (list(Shape::U8), 2),
            (list(Shape::String), 3),
            (list(list(Shape::U64)), 5),
            // 272 bytes for four places of 64, and 32 for the name, where 41 are counted.
            (list(Shape::Record(vec![("a".into(), Shape::U8)])), 8),
            // 80 bytes for the place, 784 for 32 places of 24, and 32 for each name, where 40 and 86 are counted.
            (list(Shape::Flags(names(32))), 18),
            (list(Shape::Option(Box::new(Shape::Flags(names(32))))), 18),
            // Few, whatever they take.
            (Shape::Flags(names(32)), 2),
        ] {
            assert_eq!(rate(&shape, false), expected, "{shape}");
        }
    }
}
