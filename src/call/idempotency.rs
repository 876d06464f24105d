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

/// What the marking comes to where it is known at run time only: whether an HTTP request may be repeated is said by its
/// method, and whether it can be by its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Not even what certainly never happened: what it takes is used up.
    Never,
    /// As [`AtMostOnce`].
    WhenNotSent,
    /// As [`Idempotent`].
    Always,
}

mod sealed {
    pub trait Sealed: Copy {}
    impl Sealed for super::Repeats {}
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

    #[doc(hidden)]
    const NEW: Self;

    #[doc(hidden)]
    #[inline]
    fn repeats(self) -> Repeats {
        if Self::REPEATABLE { Repeats::Always } else { Repeats::WhenNotSent }
    }
}

impl Marking for AtMostOnce {
    const REPEATABLE: bool = false;
    const NEW: Self = AtMostOnce;
}

impl Marking for Idempotent {
    const REPEATABLE: bool = true;
    const NEW: Self = Idempotent;
}

impl Marking for Repeats {
    const REPEATABLE: bool = false;
    const NEW: Self = Repeats::WhenNotSent;

    #[inline]
    fn repeats(self) -> Repeats {
        self
    }
}
