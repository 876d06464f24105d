//! Answers that a component does not complete.

use crate::{get, get_and_close, replies};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_short_is_not_taken_for_whole() {
    for rest in ["", "instances = 'reuse'"] {
        let rest = format!("request-timeout = '2s'\n{rest}");
        for path in ["/trap", "/forever", "/dropped", "/forgotten"] {
            // The client keeps the connection, and the host ends it.
            let chunked = &replies(&rest, &[&get(path)]).await[0];
            // What was not sent yet when the answer was cut is not sent any more.
            assert!(chunked.is_empty() || chunked.ends_with("\r\n\r\n3\r\nabc\r\n"), "{path}: {chunked}");
            let counted = &replies(&rest, &[&get(&format!("{path}-of-ten"))]).await[0];
            assert!(counted.is_empty() || counted.ends_with("\r\n\r\nabc"), "{path}: {counted}");
        }
    }
    let whole = &replies("", &[&get_and_close("/whole")]).await[0];
    assert!(whole.ends_with("3\r\nabc\r\n0\r\n\r\n"), "{whole}");
}

#[tokio::test]
async fn a_component_that_gives_no_answer_is_a_500_at_once() {
    for instances in ["fresh", "reuse"] {
        let rest = format!("request-timeout = '1h'\ninstances = '{instances}'");
        let requests = [get_and_close("/silent"), get_and_close("/silent"), get_and_close("/whole")];
        let replies = replies(&rest, &requests.each_ref().map(String::as_str)).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.split(' ').nth(1).unwrap()).collect();
        assert_eq!(statuses, ["500", "500", "200"], "{instances}");
    }
}
