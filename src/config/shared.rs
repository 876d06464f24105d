//! Parts whose state may be one that all instances share: a breaker of failures in a row, a rate limit, and a budget.

use core::time::Duration;

use super::reader::Reader;
use super::value::Settings;
use crate::policy::{Breaker, Budget, Consecutive, RateLimit};

#[cfg(feature = "keyvalue-state")]
mod kind {
    use super::super::either::Either;
    use super::{Breaker, Budget, Consecutive, Duration, RateLimit, Reader, Settings};
    use crate::platform::state::KeyValue;
    use crate::policy::{BreakerControl, Controlled, Guard, SharedBreaker, SharedBudget, SharedRateLimit};

    pub type AnyConsecutive = Either<Breaker<Consecutive>, SharedBreaker<KeyValue>>;
    pub type AnyTokens = Either<RateLimit, SharedRateLimit<KeyValue>>;
    pub type AnySaved = Either<&'static Budget, &'static SharedBudget<KeyValue>>;

    fn kept(text: &str) -> &'static str {
        Box::leak(text.into())
    }

    fn is_shared(settings: Settings<'_>) -> bool {
        settings.text("shared").is_some_and(|word| word != steadfast_settings::NEVER)
    }

    /// Where the state is; `None` where the name is missing.
    fn place(settings: Settings<'_>) -> Option<(&'static str, KeyValue)> {
        let store = KeyValue::bucket(settings.text("bucket").map_or("default", kept));
        Some((kept(settings.text("name")?), store))
    }

    pub fn breaker(
        breaker: Breaker<Consecutive>,
        settings: Settings<'_>,
        reader: &mut Reader,
    ) -> Option<AnyConsecutive> {
        if !is_shared(settings) {
            return Some(Either::One(breaker));
        }
        let (name, store) = place(settings)?;
        let mut shared = breaker.shared(name, store);
        if let Some(time) = settings.duration("cached_for") {
            shared = shared.cached_for(time);
        }
        reader.accept(shared.check(), &[]).map(Either::Other)
    }

    pub fn rate_limit(limit: RateLimit, settings: Settings<'_>, reader: &mut Reader) -> Option<AnyTokens> {
        if !is_shared(settings) {
            return Some(Either::One(limit));
        }
        let (name, store) = place(settings)?;
        reader.accept(limit.shared(name, store).check(), &[]).map(Either::Other)
    }

    /// Of all targets together, as each budget is.
    pub fn budget(budget: Budget, settings: Settings<'_>, reader: &mut Reader) -> Option<AnySaved> {
        if !is_shared(settings) {
            return Some(Either::One(Box::leak(Box::new(budget))));
        }
        let (name, store) = place(settings)?;
        let mut shared = budget.shared(name, store);
        if let Some(calls) = settings.count("batch") {
            shared = shared.batch(calls);
        }
        let shared = reader.accept(shared.check(), &[])?;
        Some(Either::Other(Box::leak(Box::new(shared))))
    }

    /// The settings of a budget.
    pub fn local(budget: AnySaved) -> &'static Budget {
        match budget {
            Either::One(budget) => budget,
            Either::Other(shared) => shared.local(),
        }
    }

    /// How long a call may wait for its turn.
    pub fn longest_wait(limit: &AnyTokens) -> Duration {
        match limit {
            Either::One(limit) => limit.longest_wait(),
            Either::Other(limit) => limit.longest_wait(),
        }
    }

    pub fn control<'p, O>(
        breaker: &'p AnyConsecutive,
        memory: &'p <AnyConsecutive as Guard>::Memory,
        observer: &'p O,
    ) -> Option<BreakerControl<'p, O>> {
        match breaker {
            Either::One(breaker) => Some(breaker.control(&memory.0, observer)),
            Either::Other(_) => None,
        }
    }

    pub fn placed_breaker(breaker: AnyConsecutive, target: &str) -> AnyConsecutive {
        match breaker {
            Either::One(_) => breaker,
            Either::Other(shared) => Either::Other(shared.renamed(kept(&name(shared.name(), target)))),
        }
    }

    pub fn placed_rate_limit(limit: AnyTokens, target: &str) -> AnyTokens {
        match limit {
            Either::One(_) => limit,
            Either::Other(shared) => Either::Other(shared.renamed(kept(&name(shared.name(), target)))),
        }
    }

    /// The name for one of several targets: no target has a character in its place, so no two have the same.
    fn name(name: &str, target: &str) -> String {
        let place = |c| match c {
            ':' => '.',
            '#' => '/',
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/') => c,
            _ => '_',
        };
        let whole: String = [name, "/", target].concat().chars().map(place).collect();
        match whole.get(..LONGEST - HASH) {
            Some(beginning) if whole.len() > LONGEST => format!("{beginning}-{:016x}", hash(&whole)),
            _ => whole,
        }
    }

    /// The most bytes of a name.
    const LONGEST: usize = 100;

    /// A number in hexadecimal, and what stands before it.
    const HASH: usize = 17;

    /// FNV-1a, of 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
    fn hash(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn each_target_has_a_name_of_its_own() {
            assert_eq!(name("app", "acme:greeter/api"), "app/acme.greeter/api");
            assert_eq!(name("app", "acme:greeter/api#greet"), "app/acme.greeter/api/greet");
            let (one, other) = (name(&"a".repeat(100), "acme:one/api"), name(&"a".repeat(100), "acme:two/api"));
            assert_eq!((one.len(), other.len()), (100, 100));
            assert_ne!(one, other);
            assert!(steadfast_settings::is_name(&one));
        }

        #[test]
        fn a_shared_part_for_a_target_has_the_name_for_it() {
            let breaker = Breaker::consecutive_failures(5).shared("app", KeyValue::bucket("default"));
            let Either::Other(placed) = placed_breaker(Either::Other(breaker), "acme:greeter/api") else {
                panic!("it is not shared any more")
            };
            assert_eq!(placed.name(), "app/acme.greeter/api");
            let limit = RateLimit::per_second(5).shared("app", KeyValue::bucket("default"));
            let Either::Other(placed) = placed_rate_limit(Either::Other(limit), "acme:greeter/api") else {
                panic!("it is not shared any more")
            };
            assert_eq!(placed.name(), "app/acme.greeter/api");
        }
    }
}

#[cfg(not(feature = "keyvalue-state"))]
mod kind {
    use super::{Breaker, Budget, Consecutive, Duration, RateLimit, Reader, Settings};
    use crate::policy::{BreakerControl, Controlled, Guard};

    pub type AnyConsecutive = Breaker<Consecutive>;
    pub type AnyTokens = RateLimit;
    pub type AnySaved = &'static Budget;

    fn alone<T>(part: T, settings: Settings<'_>, reader: &mut Reader) -> Option<T> {
        match settings.said("shared").filter(|word| !word.is_never()) {
            Some(word) => {
                reader.within("shared", |reader| reader.refuse(word, "left out, without the feature `keyvalue-state`"));
                None
            }
            None => Some(part),
        }
    }

    pub fn breaker(breaker: AnyConsecutive, settings: Settings<'_>, reader: &mut Reader) -> Option<AnyConsecutive> {
        alone(breaker, settings, reader)
    }

    pub fn rate_limit(limit: AnyTokens, settings: Settings<'_>, reader: &mut Reader) -> Option<AnyTokens> {
        alone(limit, settings, reader)
    }

    pub fn budget(budget: Budget, settings: Settings<'_>, reader: &mut Reader) -> Option<AnySaved> {
        let budget: AnySaved = Box::leak(Box::new(alone(budget, settings, reader)?));
        Some(budget)
    }

    pub fn local(budget: AnySaved) -> &'static Budget {
        budget
    }

    pub fn longest_wait(limit: &AnyTokens) -> Duration {
        limit.longest_wait()
    }

    pub fn control<'p, O>(
        breaker: &'p AnyConsecutive,
        memory: &'p <AnyConsecutive as Guard>::Memory,
        observer: &'p O,
    ) -> Option<BreakerControl<'p, O>> {
        Some(breaker.control(memory, observer))
    }

    pub fn placed_breaker(breaker: AnyConsecutive, _: &str) -> AnyConsecutive {
        breaker
    }

    pub fn placed_rate_limit(limit: AnyTokens, _: &str) -> AnyTokens {
        limit
    }
}

pub(super) use kind::{
    AnyConsecutive, AnySaved, AnyTokens, breaker, budget, control, local, longest_wait, placed_breaker,
    placed_rate_limit, rate_limit,
};
