//! Components in simulated time, and scenarios of it: traffic, weather, and what is expected of the answers.
//!
//! A [`Scenario`] names a manifest, whose components run as they are: the host has their clocks, their sleeps, their
//! randomness and their calls in its hands. So hours pass in moments, and a run of one seed has one [`Outcome`].
//!
//! A [`Simulation`] is the same without a file, for a test of a component: requests at times that are known, and assertions
//! of their [`Answers`].

#[cfg(doctest)]
#[doc = include_str!("../../../docs/simulation.md")]
struct Page;

mod answers;
mod arrivals;
mod breakers;
mod built;
mod compare;
mod expect;
mod figures;
mod outcome;
mod play;
mod report;
mod scenario;
mod script;
mod shrink;
mod simulation;
mod summary;
mod traffic;
mod tune;

pub use crate::clock::{Time, run};
pub use answers::{Answer, Answers};
pub use built::built;
pub use compare::Comparison;
pub use outcome::Outcome;
pub use scenario::Scenario;
pub use shrink::Shrunk;
pub use simulation::Simulation;
