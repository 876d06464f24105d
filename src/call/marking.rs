//! What the author of a call says about making it twice.

/// The default: the call may do harm when it happens twice, so only what certainly never happened is repeated.
///
/// ```
/// use steadfast::{AtMostOnce, ByError, Call, Policy, clock::System};
///
/// static STORE: Policy = Policy::new();
/// let call: Call<Policy, System, ByError, AtMostOnce> = STORE.with(System);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AtMostOnce;

/// The call does no harm when it happens twice: it may be repeated when it is unsure whether it happened, and
/// [hedged](crate::Hedge).
///
/// ```
/// use steadfast::{ByError, Call, Idempotent, Policy, clock::System};
///
/// static STORE: Policy = Policy::new();
/// let call: Call<Policy, System, ByError, Idempotent> = STORE.idempotent();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Idempotent;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::AtMostOnce {}
    impl Sealed for super::Idempotent {}
}

/// [`AtMostOnce`] or [`Idempotent`]. A type and not a flag, so that what only an idempotent call may do, the
/// others do not have.
///
/// ```
/// use steadfast::{AtMostOnce, Idempotent, Marking};
///
/// assert!(Idempotent::REPEATABLE && !AtMostOnce::REPEATABLE);
/// ```
pub trait Marking: sealed::Sealed {
    /// Whether a call that may have happened may be made again.
    const REPEATABLE: bool;
}

impl Marking for AtMostOnce {
    const REPEATABLE: bool = false;
}

impl Marking for Idempotent {
    const REPEATABLE: bool = true;
}
