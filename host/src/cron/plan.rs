//! What a job does next: a decision by its schedule and the clock, without either waiting or running.

use std::time::Duration;

use crate::manifest::{Missed, Schedule};

/// When a job ran, and when it is due.
pub(super) struct Plan {
    schedule: Schedule,
    missed: Missed,
    /// Up to here, all times of the schedule are dealt with.
    done: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is not yet time.
    Wait(Duration),
    /// It is time.
    Run,
    /// So many times went by without a run. With `run`, one run makes up for them.
    Missed { times: u64, run: bool },
    /// The schedule has no further times.
    Over,
}

impl Plan {
    /// A run that begins later than this missed its time: the machine slept, or its clock was set. Less may be load.
    const LATE: Duration = Duration::from_secs(60);
    /// A clock that is set back by less repeats no run. One that is set back by more was wrong before, and the plan
    /// begins anew. The border is that of cron in Debian.
    const SET_BACK: Duration = Duration::from_secs(3 * 60 * 60);

    pub fn new(schedule: Schedule, missed: Missed, now: Duration) -> Self {
        Plan { schedule, missed, done: now }
    }

    /// What to do now that nothing runs.
    pub fn step(&mut self, now: Duration) -> Step {
        if now.saturating_add(Self::SET_BACK) < self.done {
            self.done = now;
        }
        let Some(due) = self.schedule.next(self.done) else { return Step::Over };
        let Some(late) = now.checked_sub(due) else { return Step::Wait(due.saturating_sub(now)) };
        if late > Self::LATE {
            return self.missed(now);
        }
        self.done = due;
        Step::Run
    }

    /// What to do now that a run is over; `None` when no time went by meanwhile.
    pub fn catch_up(&mut self, now: Duration) -> Option<Step> {
        self.schedule.next(self.done).filter(|due| *due <= now).map(|_| self.missed(now))
    }

    fn missed(&mut self, now: Duration) -> Step {
        let times = self.schedule.count(self.done, now);
        self.done = now;
        Step::Missed { times, run: self.missed == Missed::Once }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    /// A plan that begins at 10:00 in UTC, on the day 0, which is a first of January.
    fn plan(rest: &str) -> Plan {
        let text = format!("component = 'a.wasm'\n[[cron]]\ncall = 'a:b/c#d'\n{rest}");
        let job = Manifest::parse(&text, "a.toml").unwrap().cron.remove(0);
        Plan::new(job.schedule, job.missed, at(10, 0))
    }

    fn at(hour: u64, minute: u64) -> Duration {
        Duration::from_secs((hour * 60 + minute) * 60)
    }

    const HOURLY: &str = "schedule = '0 * * * *'\n";

    #[test]
    fn a_job_waits_runs_and_waits_again() {
        let mut plan = plan(HOURLY);
        assert_eq!(plan.step(at(10, 0)), Step::Wait(at(1, 0)));
        assert_eq!(plan.step(at(10, 59)), Step::Wait(at(0, 1)));
        assert_eq!(plan.step(at(11, 0)), Step::Run);
        assert_eq!(plan.catch_up(at(11, 30)), None);
        assert_eq!(plan.step(at(11, 30)), Step::Wait(at(0, 30)));
    }

    #[test]
    fn times_during_a_run_are_left_out_or_made_up_for() {
        for (missed, run) in [("", false), ("missed = 'skip'", false), ("missed = 'once'", true)] {
            let mut plan = plan(&format!("{HOURLY}{missed}"));
            assert_eq!(plan.step(at(11, 0)), Step::Run);
            assert_eq!(plan.catch_up(at(14, 30)), Some(Step::Missed { times: 3, run }), "{missed}");
            assert_eq!(plan.catch_up(at(14, 45)), None);
            assert_eq!(plan.step(at(14, 45)), Step::Wait(at(0, 15)));
        }
    }

    #[test]
    fn a_run_is_missed_when_the_machine_slept() {
        for (missed, run) in [("skip", false), ("once", true)] {
            let mut plan = plan(&format!("{HOURLY}missed = '{missed}'"));
            assert_eq!(plan.step(at(13, 2)), Step::Missed { times: 3, run }, "{missed}");
            assert_eq!(plan.step(at(13, 2)), Step::Wait(at(0, 58)));
        }
        let mut plan = plan(HOURLY);
        assert_eq!(plan.step(at(11, 1)), Step::Run, "a minute may be load");
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_repeats_no_run() {
        let mut plan = plan(HOURLY);
        assert_eq!(plan.step(at(11, 0)), Step::Run);
        assert_eq!(plan.step(at(9, 0)), Step::Wait(at(3, 0)));
    }

    #[test]
    fn a_clock_that_was_wrong_begins_anew() {
        let mut plan = plan(HOURLY);
        assert_eq!(plan.step(at(11, 0)), Step::Run);
        assert_eq!(plan.step(at(7, 30)), Step::Wait(at(0, 30)));
    }

    #[test]
    fn counting_missed_runs_ends_somewhere() {
        let mut plan = plan("schedule = '* * * * * *'");
        assert_eq!(plan.step(at(20, 0)), Step::Missed { times: Schedule::MANY, run: false });
    }
}
