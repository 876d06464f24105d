//! What the demonstration and the tests share: the example components, built when they are asked for.

pub mod guests;
