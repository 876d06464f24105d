//! What may be passed to one attempt after the other.

/// Arguments that every attempt of a repeated call can have: those that are [`Clone`].
///
/// A function with [`#[resilient]`](crate::resilient) passes a reference to each attempt as it is, and clones an owned
/// argument for each. What is neither, an owned resource as a rule, is gone after the first attempt: such a call is
/// not repeated, and the compiler says so.
///
/// ```
/// fn repeatable<T: steadfast::Replay>(_: &T) {}
/// repeatable(&String::from("Ada"));
/// ```
///
/// ```compile_fail,E0277
/// fn repeatable<T: steadfast::Replay>(_: &T) {}
/// struct Stream; // owns a handle, so it is not `Clone`
/// repeatable(&Stream);
/// ```
#[diagnostic::on_unimplemented(
    message = "a call with an owned `{Self}` among its arguments cannot be repeated",
    label = "the first attempt uses it up, and a second has none",
    note = "allowed are references, which each attempt is given as they are, and what is `Clone`, which is cloned for each",
    note = "for an owned resource: take it by reference, make it inside of the function, or leave out `retry` and `hedge`"
)]
pub trait Replay {
    /// Another one for the next attempt.
    #[doc(hidden)]
    fn replay(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Replay for T {
    #[inline]
    fn replay(&self) -> Self {
        self.clone()
    }
}
