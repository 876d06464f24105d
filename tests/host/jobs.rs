//! Calls that the host makes on schedule.

use std::time::Duration;

use steadfast_host::{Cause, Delivery, Manifest};

use crate::stage::{simulate, whole};

type Run = (u64, Result<(), (Cause, Delivery)>);

/// When the runs of a job that are over after `seconds` began, and what became of them.
fn runs(manifest: &Manifest, seconds: u64) -> Vec<Run> {
    simulate(manifest, async |stage| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stage.host.journal().entries().into_iter().map(|run| (run.at.as_secs(), run.outcome)).collect()
    })
}

fn job(call: &str, rest: &str) -> Manifest {
    whole(&format!("component = '<callee>'\n[[cron]]\ncall = 'test:guests/{call}'\nevery = '10s'\n{rest}"))
}

#[test]
fn a_function_of_the_component_is_called_again_and_again() {
    assert_eq!(runs(&job("hostile#count", ""), 35), [(10, Ok(())), (20, Ok(())), (30, Ok(()))]);
}

#[test]
fn a_run_that_fails_is_recorded_and_the_next_begins_at_its_time() {
    let trapped = Err((Cause::Trapped, Delivery::Delivered));
    assert_eq!(runs(&job("hostile#trap", ""), 25), [(10, trapped), (20, trapped)]);
    // An error of the function's own, with a payload for its parameter.
    let refused = Err((Cause::Other, Delivery::Delivered));
    assert_eq!(runs(&job("values#refuse", "payload = 'no'"), 15), [(10, refused)]);
    assert_eq!(runs(&job("hostile#overloaded", ""), 15), [(10, Err((Cause::Overloaded, Delivery::Unknown)))]);
}

#[test]
fn runs_do_not_overlap_and_those_that_would_are_left_out() {
    let timeout = Err((Cause::Timeout, Delivery::Unknown));
    assert_eq!(runs(&job("hostile#spin", "timeout = '25s'"), 70), [(10, timeout), (40, timeout)]);
}

#[test]
fn a_job_may_take_as_long_as_a_request_where_nothing_else_is_said() {
    let manifest = "component = '<callee>'\nrequest-timeout = '3s'\n\
                    [[cron]]\ncall = 'test:guests/hostile#spin'\nevery = '10s'";
    assert_eq!(runs(&whole(manifest), 14), [(10, Err((Cause::Timeout, Delivery::Unknown)))]);
}

#[test]
fn a_link_leads_the_call_elsewhere_and_faults_are_on_it_too() {
    let manifest = "component = '<caller>'\n[links]\n'test:guests/hostile' = { component = '<callee>' }\n\
                    [[cron]]\ncall = 'test:guests/hostile#count'\nevery = '10s'\n\
                    [[faults]]\non = 'test:guests/hostile#count'\nkind = 'no-target'\nfirst = 1";
    let no_target = Err((Cause::NoTarget, Delivery::NotSent));
    assert_eq!(runs(&whole(manifest), 25), [(10, no_target), (20, Ok(()))]);
}

#[test]
fn a_component_that_only_works_on_schedule_answers_no_request() {
    let answer = simulate(&job("hostile#count", ""), async |stage| stage.get("/").await);
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
}

#[test]
fn jobs_end_with_their_host() {
    simulate(&job("hostile#count", ""), async |stage| {
        let clone = stage.host.clone();
        drop(stage);
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(clone.journal().total(), 1);
        drop(clone);
        tokio::task::yield_now().await;
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    });
}
