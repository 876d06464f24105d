//! Counters as text, for a page of metrics.

// The parser is there only where the tests run outside of a component.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

use core::fmt::{self, Display, Formatter, Write};

use super::counters::REASONS;
use super::{ByCause, ByReason, Snapshot};
use crate::failure::{CAUSES, cause_name};

/// A page of metrics: one or more [`Snapshot`]s as text, in the format OpenMetrics 1.0.
///
/// Each series has the [name](crate::Counters::named) of its counters as the label `policy`, which is empty for those
/// without one, and absent where no counters on the page have one. Snapshots with the same name, and all without one, are added up, so that no series stands on the page
/// twice. Serve it with the content type [`CONTENT_TYPE`](Self::CONTENT_TYPE).
///
/// The text ends with `# EOF`, as the format wants it. To put it into a page with other metrics, cut that line off.
///
/// ```
/// use steadfast::{Counters, OpenMetrics};
///
/// static READS: Counters = Counters::named("reads");
/// static WRITES: Counters = Counters::named("writes");
///
/// let page = OpenMetrics::new(&[READS.snapshot(), WRITES.snapshot()]).to_string();
/// assert!(page.contains("\nsteadfast_attempts_total{policy=\"reads\"} 0\n"));
/// assert!(page.contains("\nsteadfast_attempts_total{policy=\"writes\"} 0\n"));
/// assert_eq!(page.matches("# TYPE steadfast_attempts counter\n").count(), 1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OpenMetrics<'s>(&'s [Snapshot]);

impl<'s> OpenMetrics<'s> {
    /// The content type of the text.
    ///
    /// ```
    /// assert!(steadfast::OpenMetrics::CONTENT_TYPE.starts_with("application/openmetrics-text"));
    /// ```
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// A page of these.
    ///
    /// ```
    /// use steadfast::{Counters, OpenMetrics};
    ///
    /// assert_eq!(OpenMetrics::new(&[]).to_string().lines().last(), Some("# EOF"));
    /// assert_eq!(OpenMetrics::new(&[Counters::new().snapshot()]).to_string(), Counters::new().snapshot().to_string());
    /// ```
    pub const fn new(snapshots: &'s [Snapshot]) -> Self {
        OpenMetrics(snapshots)
    }

    fn plain(&self, f: &mut Formatter<'_>, name: &str, help: &str, count: fn(&Snapshot) -> u64) -> fmt::Result {
        head(f, name, help)?;
        self.series(f, name, None, &count)
    }

    /// Those that are zero too: a series that begins with 1 hides its first increase from `rate()`.
    fn by_cause(&self, f: &mut Formatter<'_>, name: &str, help: &str, counts: fn(&Snapshot) -> ByCause) -> fmt::Result {
        head(f, name, help)?;
        CAUSES.into_iter().try_for_each(|cause| {
            self.series(f, name, Some(("cause", cause_name(cause))), &|snapshot| counts(snapshot).of(cause))
        })
    }

    fn by_reason(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        help: &str,
        counts: fn(&Snapshot) -> ByReason,
    ) -> fmt::Result {
        head(f, name, help)?;
        REASONS.into_iter().try_for_each(|reason| {
            self.series(f, name, Some(("reason", reason.name())), &|snapshot| counts(snapshot).of(reason))
        })
    }

    /// One line for each name.
    fn series(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        label: Option<(&str, &str)>,
        count: &dyn Fn(&Snapshot) -> u64,
    ) -> fmt::Result {
        // All series of a family have the same labels. An empty label is the same as none.
        let labelled = self.0.iter().any(|snapshot| snapshot.policy.is_some());
        let name_of = |snapshot: &Snapshot| snapshot.policy.unwrap_or_default();
        for (place, policy) in self.0.iter().map(name_of).enumerate() {
            if self.0.iter().take(place).any(|earlier| name_of(earlier) == policy) {
                continue;
            }
            let same = self.0.iter().filter(|snapshot| name_of(snapshot) == policy);
            let sum = same.fold(0_u64, |sum, snapshot| sum.wrapping_add(count(snapshot)));
            write!(f, "steadfast_{name}_total")?;
            labels(f, labelled.then_some(("policy", policy)).into_iter().chain(label))?;
            writeln!(f, " {sum}")?;
        }
        Ok(())
    }
}

impl Display for OpenMetrics<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.plain(f, "attempts", "Attempts that began.", |snapshot| snapshot.attempts)?;
        self.plain(f, "successes", "Attempts that succeeded.", |snapshot| snapshot.successes)?;
        self.by_cause(f, "failures", "Attempts that failed.", |snapshot| snapshot.failures)?;
        self.plain(f, "retries", "Retries that were decided on.", |snapshot| snapshot.retries)?;
        self.plain(f, "hedges", "Attempts that began beside a slow one.", |snapshot| snapshot.hedges)?;
        let help = "Attempts that were turned away before they reached the wire.";
        self.by_reason(f, "rejections", help, |snapshot| snapshot.rejections)?;
        self.by_reason(f, "gave_up", "Calls that were given up.", |snapshot| snapshot.gave_up)?;
        self.plain(f, "fallbacks", "Calls that a fallback answered.", |snapshot| snapshot.fallbacks)?;
        head(f, "breaker_changes", "Changes of a circuit breaker, by what it became.")?;
        for (state, count) in [
            ("open", &(|snapshot: &Snapshot| snapshot.breaker_opened) as &dyn Fn(&Snapshot) -> u64),
            ("half-open", &|snapshot| snapshot.breaker_half_opened),
            ("closed", &|snapshot| snapshot.breaker_closed),
        ] {
            self.series(f, "breaker_changes", Some(("state", state)), count)?;
        }
        let help = "Outcomes that came too late to count for the circuit breaker.";
        self.plain(f, "late_outcomes", help, |snapshot| snapshot.late)?;
        f.write_str("# EOF\n")
    }
}

impl Display for Snapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        OpenMetrics::new(&[*self]).fmt(f)
    }
}

/// The name of a family has no `_total`, which its samples have.
fn head(f: &mut Formatter<'_>, name: &str, help: &str) -> fmt::Result {
    write!(f, "# TYPE steadfast_{name} counter\n# HELP steadfast_{name} {help}\n")
}

fn labels<'l>(f: &mut Formatter<'_>, labels: impl Iterator<Item = (&'l str, &'l str)>) -> fmt::Result {
    let mut before = '{';
    for (label, value) in labels {
        write!(f, "{before}{label}=\"")?;
        for part in value.chars() {
            match part {
                '\n' => f.write_str("\\n")?,
                '\\' | '"' => write!(f, "\\{part}")?,
                part => f.write_char(part)?,
            }
        }
        f.write_char('"')?;
        before = ',';
    }
    if before == ',' { f.write_char('}') } else { Ok(()) }
}
