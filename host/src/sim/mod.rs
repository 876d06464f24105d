//! Components in simulated time, and scenarios of it: traffic, weather, and what is expected of the answers.
//!
//! A [`Scenario`] names a manifest, whose components run as they are: the host has their clocks, their sleeps, their
//! randomness and their calls in its hands. So hours pass in moments, and a run of one seed has one [`Outcome`].

mod expect;
mod figures;
mod outcome;
mod play;
mod report;
mod scenario;
mod summary;
mod traffic;

pub use crate::clock::{Time, run};
pub use outcome::Outcome;
pub use scenario::Scenario;
