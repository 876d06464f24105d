//! Subjects: those of wRPC, and those that peers name to be sent something.

use crate::nats::is_subject;

/// What the inboxes of clients begin with, by default.
pub(super) const INBOX: &str = "_INBOX";

/// The longest inbox that a peer may name, in bytes: five times as long as those of wRPC's own clients.
const MAX_INBOX: usize = 256;

/// Where a function is called.
pub(super) fn invocation(prefix: &str, instance: &str, function: &str) -> String {
    [prefix, "wrpc.0.0.1", instance, function].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// Where the rest of the parameters goes.
pub(super) fn params(provider: &str) -> String {
    format!("{provider}.params")
}

/// Where the results go.
pub(super) fn results(caller: &str) -> String {
    format!("{caller}.results")
}

/// Where it is said how the call ended; see [`outcome`](super::outcome).
pub(super) fn ended(caller: &str) -> String {
    format!("{caller}.results.{}", super::outcome::PATH)
}

/// Checks that `named`, which a peer named, is an inbox, and so that nothing but an answer can be published there.
///
/// # Errors
/// What is to be said of it.
pub(super) fn check_inbox(named: &str, prefixes: &[String]) -> Result<(), String> {
    let below = |prefix: &str| named.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
    let known = if prefixes.is_empty() { below(INBOX) } else { prefixes.iter().any(|prefix| below(prefix)) };
    if known && named.len() <= MAX_INBOX && is_subject(named) {
        return Ok(());
    }
    let prefixes = if prefixes.is_empty() { INBOX.into() } else { prefixes.join("` or `") };
    let shown: String = named.chars().take(64).collect();
    Err(format!(
        "{shown:?} is no inbox, which begins with `{prefixes}`; where there are others, name them in `inboxes`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_inbox_is_published_to() {
        let long = format!("_INBOX.{}", "x".repeat(MAX_INBOX));
        for wrong in [
            "",
            "_INBOX",
            "_INBOX.",
            "_INBOXES.a",
            "_INBOX.a.",
            "_INBOX..a",
            "_INBOX.a b",
            "_INBOX.a\r\nPUB x 0",
            "_INBOX.a\u{85}b",
            "_INBOX.*",
            "_INBOX.>",
            "_INBOX.a>",
            "$SYS.REQ.SERVER.PING",
            "$JS.API.STREAM.DELETE.orders",
            "orders.new",
            "test.wrpc.0.0.1.acme:greeter/api.greet",
            "ADA.a",
            &long,
        ] {
            assert!(check_inbox(wrong, &[]).is_err(), "{wrong:?}");
        }
        assert_eq!(check_inbox("_INBOX.GrzAxGYY3x8Cvw0SvVyDaM.GrzAxGYY3x8Cvw0SvVyDfb", &[]), Ok(()));
        let own = ["ADA".to_string(), "team.inbox".to_string()];
        assert_eq!((check_inbox("ADA.a", &own), check_inbox("team.inbox.a", &own)), (Ok(()), Ok(())));
        assert!(check_inbox("_INBOX.a", &own).is_err() && check_inbox("team.a", &own).is_err());
    }

    #[test]
    fn subjects_are_those_of_wrpc() {
        assert_eq!(invocation("test", "a:b/c@0.1.0", "d"), "test.wrpc.0.0.1.a:b/c@0.1.0.d");
        assert_eq!(invocation("", "", "d"), "wrpc.0.0.1.d");
        assert_eq!(
            (params("a"), results("a"), ended("a")),
            ("a.params".into(), "a.results".into(), "a.results.0".into())
        );
    }
}
