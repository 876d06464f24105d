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
fn one_run_makes_up_for_those_that_were_missed() {
    let timeout = Err((Cause::Timeout, Delivery::Unknown));
    let manifest = job("hostile#spin", "timeout = '25s'\nmissed = 'once'");
    assert_eq!(runs(&manifest, 70), [(10, timeout), (35, timeout)]);
}

/// When the runs of a schedule began, as a day of the year 2026 and an hour, in UTC.
fn days(schedule: &str, until: u64) -> Vec<(u64, u64)> {
    let manifest = whole(&format!("component = '<callee>'\n[[cron]]\ncall = 'test:guests/hostile#count'\n{schedule}"));
    let runs = runs(&manifest, until * 86_400);
    runs.into_iter().map(|(second, _)| (second / 86_400 + 1, second / 3600 % 24)).collect()
}

#[test]
fn a_schedule_follows_the_wall_clock_of_its_zone() {
    // The days 88 and 298 are the 29th of March and the 25th of October, when the clocks of Berlin are set.
    let weekly = "schedule = '0 3 * * SUN'\nzone = 'Europe/Berlin'";
    let berlin = days(weekly, 310);
    assert_eq!(berlin[11..14], [(81, 2), (88, 1), (95, 1)]);
    assert_eq!(berlin[41..44], [(291, 1), (298, 2), (305, 2)]);
    assert_eq!(days("schedule = '0 3 * * *'", 3), [(1, 3), (2, 3), (3, 3)]);
}

#[test]
fn jitter_delays_each_run_by_less_than_it_says() {
    let manifest = |seed| {
        whole(&format!(
            "component = '<callee>'\nseed = {seed}\n[[cron]]\ncall = 'test:guests/hostile#count'\n\
             every = '1h'\njitter = '30m'"
        ))
    };
    let began = |seed| runs(&manifest(seed), 24 * 3600).into_iter().map(|(second, _)| second).collect::<Vec<_>>();
    let delays: Vec<_> = began(7).iter().zip(1..).map(|(second, hour)| second - hour * 3600).collect();
    assert_eq!(delays.len(), 23);
    assert!(delays.iter().all(|delay| *delay < 1800), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay < 600) && delays.iter().any(|delay| *delay > 1200), "{delays:?}");
    assert_eq!(began(7), began(7));
    assert_ne!(began(7), began(8));
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
