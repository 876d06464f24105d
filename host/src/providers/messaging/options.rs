//! Where messages go, and which a component may publish.

use serde::Deserialize;

use crate::nats::{Address, NatsOptions, is_pattern, matches};

/// What inboxes begin with, where the options of the server do not say it.
const INBOX: &str = "_INBOX";

/// What a person may say of the server, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub address: Address,
    pub options: NatsOptions,
    /// Of subjects that a stream keeps.
    jetstream: Vec<String>,
    /// Of subjects that components may publish to, where not all are.
    subjects: Option<Vec<String>>,
}

/// The same as it stands in a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct FileOptions {
    nats: Option<String>,
    #[serde(default)]
    jetstream: Vec<String>,
    subjects: Option<Vec<String>>,
}

impl FileOptions {
    /// What they say.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(self) -> Result<Options, String> {
        let FileOptions { nats, jetstream, subjects } = self;
        let Some(url) = nats else {
            return Err(
                "`nats` is missing; give the address of the server, like `nats = \"nats://127.0.0.1:4222\"`".into()
            );
        };
        let (address, login) = Address::parse(&url)?;
        let lists = [("jetstream", Some(&jetstream)), ("subjects", subjects.as_ref())];
        for (key, list) in lists {
            if let Some(wrong) = list.into_iter().flatten().find(|pattern| !is_pattern(pattern)) {
                return Err(format!(
                    "`{wrong}` in `{key}` is no subject of NATS; write words with dots between them, `*` for one and `>` for \
                     the rest, like \"orders.>\""
                ));
            }
        }
        let options = NatsOptions { login, ..NatsOptions::default() };
        Ok(Options { address, options, jetstream, subjects })
    }
}

impl Options {
    /// Whether a stream keeps what is published there.
    pub fn is_kept(&self, subject: &str) -> bool {
        self.jetstream.iter().any(|pattern| matches(pattern, subject))
    }

    /// Whether a component may publish there. Where `subjects` says nothing, all but those of the server itself, which
    /// begin with a `$`. An answer to an inbox may always go there.
    pub fn allows(&self, subject: &str) -> bool {
        match &self.subjects {
            Some(subjects) => subjects.iter().any(|pattern| matches(pattern, subject)) || self.is_inbox(subject),
            None => !subject.starts_with('$'),
        }
    }

    /// Whether somebody waits there for an answer.
    pub fn is_inbox(&self, subject: &str) -> bool {
        let below = |prefix: &str| subject.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        match &self.options.inboxes[..] {
            [] => below(INBOX),
            inboxes => inboxes.iter().any(|prefix| below(prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<Options, String> {
        toml::from_str::<FileOptions>(text).map_err(|error| error.message().to_string())?.check()
    }

    #[test]
    fn a_component_publishes_where_its_link_allows() {
        let any = options("nats = 'nats://127.0.0.1'").unwrap();
        let some = options("nats = 'nats://127.0.0.1'\nsubjects = ['orders.>']").unwrap();
        for (subject, in_any, in_some) in [
            ("orders.new", true, true),
            ("orders", true, false),
            ("tasks", true, false),
            ("_INBOX.a.b", true, true),
            ("_INBOXES.a", true, false),
            ("$JS.API.STREAM.DELETE.ORDERS", false, false),
        ] {
            assert_eq!((any.allows(subject), some.allows(subject)), (in_any, in_some), "{subject}");
        }
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for (text, expected) in [
            ("", "`nats` is missing; give the address"),
            ("nats = 'here'", "the address of the NATS server is invalid"),
            ("nats = 'nats://a'\njetstream = ['a..b']", "`a..b` in `jetstream` is no subject of NATS; write"),
            ("nats = 'nats://a'\nsubjects = ['a.>.b']", "`a.>.b` in `subjects` is no subject of NATS; write"),
            ("nats = 'nats://a'\nsubject = 'a'", "unknown field `subject`"),
        ] {
            let message = options(text).unwrap_err();
            assert!(message.starts_with(expected), "{text}: {message}");
        }
    }
}
