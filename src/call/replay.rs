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
// All in the message: where the compiler can suggest to borrow, it leaves out labels and notes.
#[diagnostic::on_unimplemented(
    message = "an owned `{Self}` is used up by the first attempt, so the call cannot be repeated: take a reference, or \
               what is `Clone` and is cloned for each attempt, or leave out `retry`, `hedge` and `fallback`"
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
