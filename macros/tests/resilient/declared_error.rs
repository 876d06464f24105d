//! Whether a declared error is a `Failed` is decided by its type, whatever its name is.

use steadfast::{Cause, Delivery, Failure, Reason, RpcError, resilient};

use crate::target::{Target, no_target};

mod an_alias {
    use super::*;
    use steadfast::Failed;

    type Result<T> = std::result::Result<T, Failed>;

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    fn get(target: &Target) -> Result<u32> {
        Err(no_target())?;
        target.call(1)
    }

    #[test]
    fn of_a_result_with_a_failed_gives_the_failed() {
        let failed = get(&Target::failing(0)).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts(), failed.last()), (Reason::Attempts, 2, Some(&no_target())));
    }

    /// The other way round.
    type Swapped<E, T> = std::result::Result<T, E>;

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    fn swapped(target: &Target) -> Swapped<Failed, u32> {
        target.call(1)
    }

    #[test]
    fn may_swap_the_value_and_the_error() {
        assert_eq!(swapped(&Target::failing(2)).unwrap_err().attempts(), 2);
    }

    type GaveUp = Failed<RpcError>;

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    async fn error(target: &Target) -> std::result::Result<u32, GaveUp> {
        target.call(1)
    }

    #[test]
    fn may_be_one_of_the_error_alone() {
        let failed = steadfast::testing::block_on(error(&Target::failing(2))).unwrap_err();
        assert_eq!(failed.attempts(), 2);
    }

    /// A name that has nothing of a `Result`.
    type Answer<T> = std::result::Result<T, Failed>;

    #[resilient(retry(attempts = 2), fallback = zero, clock = &target.clock)]
    fn answer(target: &Target) -> Answer<u32> {
        target.call(1)
    }

    fn zero(_: &Target, failed: Failed) -> u32 {
        failed.attempts()
    }

    #[test]
    fn may_have_any_name() {
        assert_eq!(answer(&Target::failing(2)), Ok(2));
    }
}

mod a_failed_by_another_name {
    use super::*;
    use steadfast::Failed as GaveUp;

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    fn get(target: &Target) -> Result<u32, GaveUp> {
        target.call(1)
    }

    #[test]
    fn is_one() {
        assert_eq!(get(&Target::failing(2)).unwrap_err().attempts(), 2);
    }
}

mod an_error_called_failed {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Failed(u32);

    impl Failure for Failed {
        fn cause(&self) -> Cause {
            Cause::Overloaded
        }
        fn delivery(&self) -> Delivery {
            Delivery::NotSent
        }
    }

    impl From<steadfast::Failed<Failed>> for Failed {
        fn from(failed: steadfast::Failed<Failed>) -> Self {
            Failed(failed.attempts())
        }
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn get(target: &Target) -> Result<(), Failed> {
        target.call(()).map_err(|_| Failed(0))
    }

    #[test]
    fn is_an_error_of_its_own() {
        assert_eq!(get(&Target::failing(3)), Err(Failed(3)));
    }
}

mod a_generic_error {
    use super::*;
    use steadfast::Failed;

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    fn get<E: Failure + From<RpcError>>(target: &Target) -> Result<u32, Failed<E>> {
        Ok(target.call(1)?)
    }

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    fn bare<E: Failure + From<RpcError> + From<Failed<E>>>(target: &Target) -> Result<u32, E> {
        Ok(target.call(1)?)
    }

    trait Store {
        type Error: Failure + From<RpcError> + From<Failed<Self::Error>>;

        #[resilient(retry(attempts = 2), clock = &target.clock)]
        fn get(&self, target: &Target) -> Result<u32, Self::Error> {
            Ok(target.call(1)?)
        }
    }

    impl Store for () {
        type Error = RpcError;
    }

    #[test]
    fn may_be_declared_bare_or_within_a_failed() {
        assert_eq!(get::<RpcError>(&Target::failing(2)).unwrap_err().attempts(), 2);
        let message = "gave up after 2 attempts, 50 ms after the first failed";
        assert_eq!(bare::<RpcError>(&Target::failing(2)).unwrap_err().message, message);
        assert_eq!(().get(&Target::failing(2)).unwrap_err().message, message);
    }
}

mod a_method {
    use super::*;

    type Answer<T> = Result<T, RpcError>;

    struct Client<'t>(&'t Target);

    #[resilient(retry(attempts = 2), clock = &self.0.clock)]
    impl Client<'_> {
        fn get(&self) -> Result<u32, RpcError> {
            self.0.call(1)
        }

        #[resilient(retry(attempts = 3), clock = &self.0.clock)]
        fn answer(&self) -> Answer<u32> {
            self.0.call(1)
        }

        fn name(&self) -> String {
            String::from("client")
        }

        const fn pair(&self) -> (u32, Option<u32>) {
            (1, None)
        }
    }

    #[test]
    fn of_a_block_without_a_result_is_left_as_it_is() {
        let target = Target::failing(1);
        assert_eq!(Client(&target).get(), Ok(1));
        target.fail(2);
        assert_eq!(Client(&target).answer(), Ok(1));
        assert_eq!((Client(&target).name().as_str(), Client(&target).pair()), ("client", (1, None)));
    }
}
