//! Memory that there is not.

use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host};

use crate::stage::{component, manifest, simulate};
use crate::{get_and_close, replies};

#[tokio::test]
async fn where_other_instances_have_all_memory_the_answer_is_a_503() {
    let reply = &replies("total-memory-mib = 1", &[&get_and_close("/whole")]).await[0];
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("\r\nretry-after: 1\r\n"), "{reply}");
}

#[test]
fn a_call_for_which_no_instance_can_be_made_was_not_sent() {
    // Enough for the caller, and not for the one that it calls beside it.
    let links = [("acme:greeter/api", "greeter")];
    let manifest = manifest(component("http-hello"), &links, "total-memory-mib = 2");
    let answer = simulate(&manifest, async |stage| stage.get("/strict/Ada").await);
    assert_eq!(answer.status, 503);
    assert!(!answer.calls.is_empty());
    assert!(answer.calls.iter().all(|call| *call == Err((Cause::Overloaded, Delivery::NotSent))), "{answer:?}");
}

#[test]
fn a_component_that_begins_with_more_memory_than_it_may_have_is_refused_at_start() {
    let manifest = manifest(component("hostile"), &[], "memory-mib = 1");
    let error = Host::load(&manifest, Time::Simulated).err().unwrap().to_string();
    let expected = "MiB of memory to begin with, and `memory-mib` allows an instance 1; raise `memory-mib`";
    assert!(error.ends_with(expected), "{error}");
}
