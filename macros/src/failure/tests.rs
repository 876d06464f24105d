//! What the derive makes of an enum; what it does is in `tests/failure.rs`, and what it refuses in `tests/ui-failure`.

use quote::quote;

use super::expand;

#[test]
fn an_enum_without_variants_is_a_failure_that_never_is() {
    let text = expand(quote!(
        enum Never {}
    ))
    .to_string();
    assert!(text.contains("match * self { }"), "{text}");
}

#[test]
fn only_an_error_that_is_passed_through_must_be_a_failure() {
    let text = expand(quote!(
        enum Either<L, R> {
            #[failure(transparent)]
            Left(Box<L>),
            Right(R),
        }
    ))
    .to_string();
    assert!(text.contains("where Box < L > : :: steadfast :: Failure"), "{text}");
    assert!(!text.contains("R : :: steadfast"), "{text}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = expand(quote!(
        #[failure(overlaoded)]
        enum Two {
            #[failure(tiemout)]
            One,
            #[failure(transparent)]
            Other,
        }
    ))
    .to_string();
    assert_eq!(text.matches("compile_error").count(), 3, "{text}");
}
