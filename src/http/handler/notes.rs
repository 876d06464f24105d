//! The observers that note for the handler that is running what went wrong with its calls.

use crate::call::handler_scope as scope;
use crate::observe::{Event, Observer};

/// An observer that notes for the handler that is running what went wrong: retries, and calls that were given up. Of
/// calls that succeed at once it notes nothing, and outside of a handler nothing at all. In the `Server-Timing` header
/// such calls are `call`; [`WatchAs`] gives them a name.
///
/// ```
/// use steadfast::{Policy, Retry, handler::Watch};
///
/// static GREETER: Policy<(Retry, Watch)> =
///     Policy::new().retry(Retry::attempts(4)).observer(Watch);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch;

impl Observer for Watch {
    #[inline(always)]
    fn observe(&self, event: &Event) {
        scope::note("", event);
    }
}

/// The same under a name, which clients can read in the `Server-Timing` header: that of the function that is called.
/// What may not stand in the name of a metric there becomes `-`.
///
/// ```
/// use steadfast::{Policy, Retry, handler::WatchAs};
///
/// static GREETER: Policy<(Retry, WatchAs)> =
///     Policy::new().retry(Retry::attempts(4)).observer(WatchAs("greet"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchAs(pub &'static str);

impl Observer for WatchAs {
    #[inline(always)]
    fn observe(&self, event: &Event) {
        scope::note(self.0, event);
    }
}
