//! The type of a policy: a tuple of the parts it has, in any order.
//!
//! A policy has eight slots. Each part fills one of them, and `()` in a slot is an absent part. `Parts` is implemented
//! for tuples of parts and says what is in each slot, so all behaviour stands in `impl<P: Parts> Policy<P>`, which
//! cannot leave a slot out.

use super::{
    AttemptTimeout, Breaker, BudgetPart, Bulkhead, Concurrency, Deadline, Guard, Hedge, HedgeKind, HedgePart,
    LimitAlgorithm, RateLimit, RateLimitKind, Retry, RetryPart, SharedBreaker, SharedRateLimit, Throttle, TimeLimit,
    Window,
};
use crate::observe::Event;
use crate::observe::Observer;
use crate::observe::span::CallScope;
use crate::platform::state::Store;

/// What is in a slot once a part was added: a part fills an empty slot, and `()` leaves what is there.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a policy has one `{Self}`, and this one has `{Slot}` in its place already",
    note = "the bulkhead and the concurrency limit share a place, and so do the rate limit and the throttle: for both, \
            put the call through one policy inside the call of another"
)]
pub trait Fill<Slot> {
    type Filled;
}

impl<Slot> Fill<Slot> for () {
    type Filled = Slot;
}

/// An observer as it stands in a policy. A type that is not `()` whatever the observer is, so that the slot is filled.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Observed<O>(pub(crate) O);

impl<O: Observer> Observer for Observed<O> {
    const WATCHES: bool = O::WATCHES;

    #[inline]
    fn observe(&self, event: &Event) {
        self.0.observe(event);
    }

    #[inline]
    fn scope(&self) -> impl CallScope {
        self.0.scope()
    }
}

impl<O> Fill<()> for Observed<O> {
    type Filled = Self;
}

macro_rules! slots {
    ($($slot:ident: $bound:path),*) => {
        /// A part of a policy, such as [`Retry`] or [`Breaker`], or `Option` of one, decided at run time. Every
        /// [`Observer`] is one too.
        ///
        /// ```
        /// fn part<P: steadfast::Part>(_: P) {}
        /// part(steadfast::Retry::attempts(3));
        /// ```
        #[diagnostic::on_unimplemented(message = "`{Self}` is not a part of a policy")]
        pub trait Part: Copy {
            $(#[doc(hidden)] type $slot;)*
        }

        /// The parts of a [`Policy`](super::Policy): a tuple of them, in any order. `()` has none.
        ///
        /// ```
        /// use steadfast::{Breaker, Parts, Policy, Retry};
        ///
        /// fn ready<P: Parts>(_: &Policy<P>) {}
        /// ready(&Policy::new());
        /// ready(&Policy::new().retry(Retry::attempts(3)).breaker(Breaker::consecutive_failures(5)));
        /// ```
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is not a list of parts of a policy",
            note = "write a tuple, as in `Policy<(Retry, Breaker)>`; for one part, `Policy<(Retry,)>`"
        )]
        pub trait Parts: Copy {
            $(#[doc(hidden)] type $slot: $bound;)*
        }

        /// Parts that have room for a part of type `X`.
        ///
        /// ```
        /// use steadfast::{Parts, Plus, Policy, Retry};
        ///
        /// fn with_retry<P: Parts<Retry = ()> + Plus<Retry>>(policy: Policy<P>) -> Policy<P::With> {
        ///     policy.retry(Retry::attempts(3))
        /// }
        /// with_retry(Policy::new());
        /// ```
        pub trait Plus<X: Part>: Parts
        where
            $(X::$slot: Fill<Self::$slot>,)*
        {
            /// The parts with `X` after them.
            type With: Parts<$($slot = <X::$slot as Fill<Self::$slot>>::Filled),*>;
        }

        impl Parts for () {
            $(type $slot = ();)*
        }
        slots!(@tuples [$($slot: $bound),*] [] A B C D E F G H);
    };
    // From the empty tuple up: each has one part more than the one before.
    (@tuples $slots:tt [$($part:ident)*] $next:ident $($rest:ident)*) => {
        slots!(@tuple $slots [$($part)*] ($($part,)*) $next);
        slots!(@tuples $slots [$($part)* $next] $($rest)*);
    };
    (@tuples $slots:tt [$($part:ident)*]) => {};
    (@tuple [$($slot:ident: $bound:path),*] [$($part:ident)*] $parts:tt $next:ident) => {
        impl<$($part: Part,)* $next: Part, $($slot,)*> Parts for ($($part,)* $next,)
        where
            $parts: Parts<$($slot = $slot),*>,
            $($next::$slot: Fill<$slot, Filled: $bound>,)*
        {
            $(type $slot = <$next::$slot as Fill<$slot>>::Filled;)*
        }

        impl<$($part: Part,)* $next: Part, $($slot,)*> Plus<$next> for $parts
        where
            $parts: Parts<$($slot = $slot),*>,
            $($next::$slot: Fill<$slot>,)*
            ($($part,)* $next,): Parts<$($slot = <$next::$slot as Fill<$slot>>::Filled),*>,
        {
            type With = ($($part,)* $next,);
        }
    };
}

slots! {
    Deadline: TimeLimit,
    Retry: RetryPart,
    Breaker: Guard,
    Bulkhead: Guard,
    RateLimit: Guard,
    AttemptTimeout: TimeLimit,
    Hedge: HedgePart,
    Observer: crate::observe::Observer
}

/// Says which slot a part fills: itself, and `Option` of it.
macro_rules! fills {
    ($([$($generic:tt)*] $part:ty => $slot:ident;)*) => {$(
        $crate::policy::parts::fills!(@part [$($generic)*] $part => $slot);
        $crate::policy::parts::fills!(@part [$($generic)*] Option<$part> => $slot);
        impl<$($generic)*> $crate::policy::parts::Fill<()> for $part {
            type Filled = Self;
        }
        impl<$($generic)*> $crate::policy::parts::Fill<()> for Option<$part> {
            type Filled = Self;
        }
    )*};
    (@part [$($generic:tt)*] $part:ty => $slot:ident) => {
        impl<$($generic)*> $crate::policy::parts::Part for $part {
            $crate::policy::parts::fills!(@slot Deadline $slot $part);
            $crate::policy::parts::fills!(@slot Retry $slot $part);
            $crate::policy::parts::fills!(@slot Breaker $slot $part);
            $crate::policy::parts::fills!(@slot Bulkhead $slot $part);
            $crate::policy::parts::fills!(@slot RateLimit $slot $part);
            $crate::policy::parts::fills!(@slot AttemptTimeout $slot $part);
            $crate::policy::parts::fills!(@slot Hedge $slot $part);
            type Observer = ();
        }
    };
    (@slot Deadline Deadline $part:ty) => { type Deadline = $part; };
    (@slot Retry Retry $part:ty) => { type Retry = $part; };
    (@slot Breaker Breaker $part:ty) => { type Breaker = $part; };
    (@slot Bulkhead Bulkhead $part:ty) => { type Bulkhead = $part; };
    (@slot RateLimit RateLimit $part:ty) => { type RateLimit = $part; };
    (@slot AttemptTimeout AttemptTimeout $part:ty) => { type AttemptTimeout = $part; };
    (@slot Hedge Hedge $part:ty) => { type Hedge = $part; };
    (@slot $slot:ident $other:ident $part:ty) => { type $slot = (); };
}
pub(crate) use fills;

fills! {
    [] Deadline => Deadline;
    [G: BudgetPart] Retry<G> => Retry;
    [W: Window] Breaker<W> => Breaker;
    [S: Store] SharedBreaker<S> => Breaker;
    [] Bulkhead => Bulkhead;
    [L: LimitAlgorithm] Concurrency<L> => Bulkhead;
    [K: RateLimitKind] RateLimit<K> => RateLimit;
    [S: Store] SharedRateLimit<S> => RateLimit;
    [] Throttle => RateLimit;
    [] AttemptTimeout => AttemptTimeout;
    [W: HedgeKind] Hedge<W> => Hedge;
}

#[diagnostic::do_not_recommend]
impl<O: Observer> Part for O {
    type Deadline = ();
    type Retry = ();
    type Breaker = ();
    type Bulkhead = ();
    type RateLimit = ();
    type AttemptTimeout = ();
    type Hedge = ();
    type Observer = Observed<O>;
}
