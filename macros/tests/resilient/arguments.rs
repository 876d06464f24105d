//! Arguments: cloned, moved or lent to each attempt.

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Order {
    lines: Vec<String>,
}

#[resilient(retry(attempts = 3), clock = &target.clock)]
fn send(target: &Target, mut order: Order, (a, b): (u32, u32), times: u32) -> Result<Order, RpcError> {
    order.lines.push(format!("{a} {b} {times}"));
    target.call(order)
}

#[test]
fn that_are_owned_are_cloned_for_each_attempt() {
    let sent = send(&Target::failing(2), Order { lines: Vec::new() }, (1, 2), 3).unwrap();
    assert_eq!(sent.lines, ["1 2 3"]);
}

/// No `Clone`.
#[derive(Debug, PartialEq)]
struct Stream(u32);

#[resilient(breaker(failures = 5), clock = &target.clock)]
fn upload(target: &Target, stream: Stream, mut offset: u32) -> Result<Stream, RpcError> {
    offset += stream.0;
    target.call(())?;
    let Stream(_) = stream;
    Ok(Stream(offset))
}

#[test]
fn that_cannot_be_cloned_are_moved_where_nothing_is_repeated() {
    assert_eq!(upload(&Target::failing(0), Stream(2), 5), Ok(Stream(7)));
    let error = upload(&Target::failing(1), Stream(2), 5).unwrap_err();
    assert_eq!(error.message, "gave up after 1 attempt");
}

#[resilient(retry(attempts = 3), clock = &target.clock)]
fn anything<'a, T: Display, const N: usize>(
    target: &Target,
    items: &'a [&'a T; N],
    more: impl Into<String> + Clone,
) -> Result<(&'a T, String), RpcError>
where
    [(); N]: Sized,
{
    target.call((items[0], more.into()))
}

#[test]
fn may_be_generic_with_lifetimes_and_impl_trait() {
    let (first, more) = anything(&Target::failing(1), &[&1, &2], "c").unwrap();
    assert_eq!((*first, more.as_str()), (1, "c"));
}

#[resilient(retry(attempts = 3), clock = &target.clock)]
fn counted(target: &Target) -> Result<impl Iterator<Item = u32> + use<>, RpcError> {
    target.call(())?;
    Ok(0..3)
}

#[test]
fn and_so_may_the_value_be() {
    assert_eq!(counted(&Target::failing(1)).unwrap().count(), 3);
}

#[resilient(retry(attempts = 3), clock = &target.clock)]
fn collect(target: &Target, into: &mut Vec<u32>, &(a, _): &(u32, u32)) -> Result<(), RpcError> {
    let all = into;
    all.push(a);
    target.call(())
}

#[test]
fn that_are_mutable_references_are_lent_to_each_attempt() {
    let mut all = Vec::new();
    collect(&Target::failing(2), &mut all, &(7, 8)).unwrap();
    assert_eq!(all, [7, 7, 7]);
}
