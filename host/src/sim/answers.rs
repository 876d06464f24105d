//! What became of the requests of a simulation, and what a test asserts of it.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::figures::{Timeline, percent};
use super::play::Played;
use super::scenario::Scenario;
use crate::lattice::On;
use crate::manifest::{Http, parse_on};
use crate::switches::Switches;

/// All answers, in the order in which the requests came.
#[derive(Debug)]
pub struct Answers(Vec<Answer>);

/// What became of a request. Its text is its timeline.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    body: Bytes,
    took: Duration,
    succeeded: bool,
    /// The targets of all calls, and of those that arrived.
    calls: Vec<String>,
    executions: Vec<String>,
    timeline: Timeline,
    stage: Arc<Stage>,
}

/// What there is to call.
#[derive(Debug)]
pub(super) struct Stage {
    pub switches: Switches,
    pub http: Http,
}

impl Answers {
    pub(super) fn of(scenario: &Scenario, played: Vec<Played>, stage: Arc<Stage>) -> Self {
        let answer = |(number, played): (usize, Played)| Answer {
            timeline: Timeline::of(scenario, number, &played),
            status: played.status,
            took: played.took,
            succeeded: played.succeeded(),
            body: played.body,
            calls: played.calls.into_iter().map(|call| call.target).collect(),
            executions: played.executions.into_iter().map(|(_, target)| target).collect(),
            stage: stage.clone(),
        };
        Answers(played.into_iter().enumerate().map(answer).collect())
    }

    /// One after the other.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// assert!(answers.iter().all(|answer| answer.status() != 500));
    /// # }
    /// ```
    pub fn iter(&self) -> std::slice::Iter<'_, Answer> {
        self.0.iter()
    }

    /// At least this share of the requests succeeds, from 0 to 1.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers.succeed(0.99);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When fewer do, with the timeline of the first that failed.
    #[track_caller]
    pub fn succeed(&self, share: f64) -> &Self {
        let succeeded = self.iter().filter(|answer| answer.succeeded).count();
        let found = succeeded as f64 / self.0.len().max(1) as f64;
        if let Some(failed) = self.iter().find(|answer| !answer.succeeded).filter(|_| found < share) {
            panic!(
                "{} of the requests succeeded, and {} are expected to; the first that failed:\n{failed}",
                percent(found),
                percent(share)
            );
        }
        self
    }

    /// All requests together have at most so many calls of `on` made: an interface, a function, or a host of requests.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers.call_at_most("acme:greeter/api", 120);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When there are more, with the timeline of the request that has most; and when no component calls `on`.
    #[track_caller]
    pub fn call_at_most(&self, on: &str, most: usize) -> &Self {
        let calls: Vec<usize> = self.iter().map(|answer| answer.calls(on)).collect();
        let found: usize = calls.iter().sum();
        if let Some((_, answer)) =
            calls.iter().zip(self.iter()).max_by_key(|(calls, _)| **calls).filter(|_| found > most)
        {
            panic!(
                "{found} calls of {on} were made, and at most {most} are expected; the request with most:\n{answer}"
            );
        }
        self
    }
}

impl Index<usize> for Answers {
    type Output = Answer;

    #[track_caller]
    fn index(&self, number: usize) -> &Answer {
        &self.0[number]
    }
}

impl<'a> IntoIterator for &'a Answers {
    type Item = &'a Answer;
    type IntoIter = std::slice::Iter<'a, Answer>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Answer {
    /// Its status.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// assert_eq!(answers[0].status(), 200);
    /// # }
    /// ```
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Its body, where that is text.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// assert_eq!(answers[0].body(), "Hello, Ada!");
    /// # }
    /// ```
    pub fn body(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// How long after its request it came, as a whole.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// assert_eq!(answers[0].took(), std::time::Duration::from_millis(250));
    /// # }
    /// ```
    pub fn took(&self) -> Duration {
        self.took
    }

    /// How many calls of `on` were made for it: an interface, a function, or a host of requests.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// assert_eq!(answers[0].calls("acme:greeter/api#greet"), 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When no component calls `on`: of something that is misspelt, there would always be none.
    #[track_caller]
    pub fn calls(&self, on: &str) -> usize {
        let on = self.target(on);
        self.calls.iter().filter(|target| on.is_of(target)).count()
    }

    /// How many of them arrived, and the target began to work.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// assert_eq!(answers[0].executions("acme:greeter/api"), 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`calls`](Self::calls) does.
    #[track_caller]
    pub fn executions(&self, on: &str) -> usize {
        let on = self.target(on);
        self.executions.iter().filter(|target| on.is_of(target)).count()
    }

    #[track_caller]
    fn target(&self, on: &str) -> On {
        let what = "these calls are of";
        let parsed = parse_on(on.into(), what, &self.stage.http);
        let checked = parsed.and_then(|on| self.stage.switches.check(what, &on).map(|()| on));
        checked.unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// The status is below 400, and the answer is whole.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers[0].succeeds();
    /// # }
    /// ```
    ///
    /// # Panics
    /// When it is not, with the timeline.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        self.expect(self.succeeded, format_args!("it is expected to succeed"))
    }

    /// It has this status.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers[0].has_status(503);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When it has another, with the timeline.
    #[track_caller]
    pub fn has_status(&self, status: u16) -> &Self {
        self.expect(self.status == status, format_args!("the status is expected to be {status}"))
    }

    /// It comes within this time.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers[0].within(std::time::Duration::from_secs(1));
    /// # }
    /// ```
    ///
    /// # Panics
    /// When it comes later, with the timeline.
    #[track_caller]
    pub fn within(&self, most: Duration) -> &Self {
        self.expect(self.took <= most, format_args!("it took {:?}, and is expected within {most:?}", self.took))
    }

    /// At most so many calls of `on` are made for it.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers[0].succeeds().calls_at_most("acme:greeter/api", 3);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When there are more, with the timeline; and as [`calls`](Self::calls) does.
    #[track_caller]
    pub fn calls_at_most(&self, on: &str, most: usize) -> &Self {
        let found = self.calls(on);
        self.expect(found <= most, format_args!("{found} calls of {on} were made, and at most {most} are expected"))
    }

    /// `on` works for it at most so many times: once for a write that must not happen twice.
    ///
    /// ```no_run
    /// # fn example(answers: steadfast_host::sim::Answers) {
    /// answers[0].executes_at_most("acme:greeter/api", 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When it does more often, with the timeline; and as [`calls`](Self::calls) does.
    #[track_caller]
    pub fn executes_at_most(&self, on: &str, most: usize) -> &Self {
        let found = self.executions(on);
        self.expect(found <= most, format_args!("{on} worked {found} times, and at most {most} times are expected"))
    }

    #[track_caller]
    fn expect(&self, holds: bool, what: fmt::Arguments<'_>) -> &Self {
        assert!(holds, "{what}\n{self}");
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline.fmt(f)
    }
}
