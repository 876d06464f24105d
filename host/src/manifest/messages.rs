//! Messages that the host calls a component for.

use std::time::Duration;

use serde::Deserialize;

use super::value;
use crate::nats::{Address, NatsOptions, is_pattern, is_subject, matches};

/// The most calls of a handler for one message.
const MAX_DELIVERIES: u64 = 1_000;

/// The most handlers at a time, of one subscription.
const MAX_CONCURRENCY: u64 = 1_000;

/// The most messages that wait for a handler, of one subscription.
const MAX_QUEUE: u64 = 100_000;

/// Where messages come from, and what becomes of those that are not taken.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    pub address: Address,
    pub options: NatsOptions,
    /// With wildcards.
    pub subject: String,
    pub source: Source,
    /// So often a message comes, at most.
    pub max_deliveries: u32,
    /// Before it comes again for the first time; then twice as long each time.
    pub backoff: Duration,
    /// Where those go that came so often.
    pub dead_letter: Option<String>,
    /// For one call of the handler.
    pub timeout: Duration,
    /// Calls of the handler at a time.
    pub concurrency: usize,
    pub line: usize,
}

/// What gives the messages.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Whoever publishes, as long as the host listens.
    Subject {
        /// One member of it takes each message.
        group: String,
        /// So many wait.
        queue: usize,
    },
    /// A stream of JetStream, which keeps them until they are taken.
    Stream {
        name: String,
        /// The consumer that remembers what was taken.
        durable: String,
        /// For so long the stream waits for a host that says nothing.
        ack_wait: Duration,
    },
}

#[derive(Deserialize)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table, like `{ nats = \"nats://127.0.0.1:4222\", subject = \"tasks\" }`"
)]
pub(super) struct FileMessages {
    #[serde(default, deserialize_with = "value::nats")]
    nats: Option<String>,
    subject: Option<String>,
    queue_group: Option<String>,
    queue: Option<i64>,
    stream: Option<String>,
    durable: Option<String>,
    #[serde(default, deserialize_with = "value::duration")]
    ack_wait: Option<Duration>,
    max_deliveries: Option<i64>,
    #[serde(default, deserialize_with = "value::duration")]
    backoff: Option<Duration>,
    dead_letter: Option<String>,
    #[serde(default, deserialize_with = "value::duration")]
    timeout: Option<Duration>,
    concurrency: Option<i64>,
}

impl FileMessages {
    /// What it says, or what is wrong with it.
    pub fn check(self, line: usize, request_timeout: Duration) -> Result<Messages, String> {
        let Some(url) = &self.nats else {
            return Err("`nats` is missing from `[[messages]]`; give the address of the server, like `nats = \
                        \"nats://127.0.0.1:4222\"`"
                .into());
        };
        let (address, login) = Address::parse(url)?;
        let Some(subject) = self.subject.clone() else {
            return Err(
                "`subject` is missing from `[[messages]]`; say where they come from, like `subject = \"tasks.>\"`"
                    .into(),
            );
        };
        if !is_pattern(&subject) {
            return Err(format!(
                "`{subject}` is no `subject` of NATS; write words with dots between them, `*` for one and `>` for the rest, \
                 like \"tasks.>\""
            ));
        }
        let source = self.source(&subject)?;
        if let Some(dead) = &self.dead_letter {
            if !is_subject(dead) {
                return Err(format!(
                    "`{dead}` is no subject for a `dead-letter`; write words with dots between them, like \"dead.tasks\""
                ));
            }
            if matches(&subject, dead) {
                return Err(format!(
                    "the `dead-letter` `{dead}` is among the messages of `{subject}`, and would come again; write another"
                ));
            }
        }
        let timeout = self.timeout.unwrap_or(request_timeout);
        if timeout.is_zero() {
            return Err(format!("the messages of `{subject}` need a `timeout` of more than nothing"));
        }
        let max_deliveries = number("max-deliveries", self.max_deliveries, 5, MAX_DELIVERIES)?;
        Ok(Messages {
            address,
            options: NatsOptions { login, ..NatsOptions::default() },
            subject,
            source,
            max_deliveries: u32::try_from(max_deliveries).unwrap_or(u32::MAX),
            backoff: self.backoff.unwrap_or(Duration::from_secs(1)),
            dead_letter: self.dead_letter,
            timeout,
            concurrency: number("concurrency", self.concurrency, 16, MAX_CONCURRENCY)?,
            line,
        })
    }

    fn source(&self, subject: &str) -> Result<Source, String> {
        let Some(stream) = &self.stream else {
            let of_stream = [("durable", self.durable.is_some()), ("ack-wait", self.ack_wait.is_some())];
            if let Some((key, _)) = of_stream.iter().find(|(_, given)| *given) {
                return Err(format!(
                    "the messages of `{subject}` have `{key}`, which is of a stream; give its name, like `stream = \
                     \"TASKS\"`, or remove `{key}`"
                ));
            }
            let group = self.queue_group.clone().unwrap_or_else(|| "steadfast".into());
            if group.is_empty() || group.contains(char::is_whitespace) {
                return Err(format!("the `queue-group` `{group}` is to be one word, like \"workers\""));
            }
            return Ok(Source::Subject { group, queue: number("queue", self.queue, 1024, MAX_QUEUE)? });
        };
        let of_subject = [
            ("queue-group", self.queue_group.is_some(), "its consumer is the `durable`, which hosts share"),
            ("queue", self.queue.is_some(), "what waits stays in it"),
        ];
        if let Some((key, _, why)) = of_subject.iter().find(|(_, given, _)| *given) {
            return Err(format!("the messages of the stream `{stream}` have a `{key}`, and {why}; remove it"));
        }
        let durable = self.durable.clone().unwrap_or_else(|| "steadfast".into());
        for (key, name) in [("stream", stream), ("durable", &durable)] {
            // As the server wants it, and as files may be called.
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            {
                return Err(format!("the `{key}` `{name}` is to have letters, digits, - and _, like \"TASKS\""));
            }
        }
        let ack_wait = self.ack_wait.unwrap_or(Duration::from_secs(30));
        if ack_wait < Duration::from_millis(100) {
            return Err(format!("the messages of the stream `{stream}` need an `ack-wait` from 100 ms, like \"30s\""));
        }
        Ok(Source::Stream { name: stream.clone(), durable, ack_wait })
    }
}

/// A number from 1, or what is wrong with it.
fn number(key: &str, given: Option<i64>, default: u64, most: u64) -> Result<usize, String> {
    let Some(given) = given else { return Ok(default as usize) };
    let number = u64::try_from(given).ok().filter(|number| (1..=most).contains(number));
    number
        .map(|number| number as usize)
        .ok_or_else(|| format!("`{key}` is {given}, and is to be a number from 1 to {most}"))
}

#[cfg(test)]
mod tests {
    use crate::manifest::Manifest;

    fn wrong(lines: &str) -> String {
        let text = format!("component = 'a.wasm'\n[[messages]]\n{lines}\n");
        Manifest::parse(&text, "a.toml").map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_with_messages_is_told_with_what_to_write() {
        const NATS: &str = "nats = 'nats://127.0.0.1:4222'\n";
        for (lines, expected) in [
            ("", "a.toml:2: `nats` is missing from `[[messages]]`; give the address"),
            ("nats = 4222", "a.toml:3: invalid type: integer `4222`, expected the address of a NATS server, like"),
            ("nats = 'here'", "a.toml:2: the address of the NATS server is invalid; write it like"),
            (NATS, "a.toml:2: `subject` is missing from `[[messages]]`; say where they come from, like"),
        ] {
            let message = wrong(lines);
            assert!(message.starts_with(expected), "{message}");
        }
        for (lines, expected) in [
            ("subject = 'a..b'", "a.toml:2: `a..b` is no `subject` of NATS; write words with dots between them"),
            ("subject = 'a'\nsubjects = 'b'", "a.toml:5: unknown field `subjects`, did you mean `subject`?"),
            ("subject = 'a'\ndead-letter = 'b.>'", "a.toml:2: `b.>` is no subject for a `dead-letter`"),
            (
                "subject = 'a.>'\ndead-letter = 'a.b'",
                "a.toml:2: the `dead-letter` `a.b` is among the messages of `a.>`",
            ),
            ("subject = 'a'\ntimeout = '0s'", "a.toml:2: the messages of `a` need a `timeout` of more than nothing"),
            ("subject = 'a'\nbackoff = 'soon'", "a.toml:5: `soon` is not a duration"),
            (
                "subject = 'a'\nmax-deliveries = 0",
                "a.toml:2: `max-deliveries` is 0, and is to be a number from 1 to 1000",
            ),
            (
                "subject = 'a'\nconcurrency = 1001",
                "a.toml:2: `concurrency` is 1001, and is to be a number from 1 to 1000",
            ),
            ("subject = 'a'\nqueue = -1", "a.toml:2: `queue` is -1, and is to be a number from 1 to 100000"),
            ("subject = 'a'\nqueue-group = 'a b'", "a.toml:2: the `queue-group` `a b` is to be one word"),
            (
                "subject = 'a'\ndurable = 'w'",
                "a.toml:2: the messages of `a` have `durable`, which is of a stream; give",
            ),
            ("subject = 'a'\nack-wait = '1s'", "a.toml:2: the messages of `a` have `ack-wait`, which is of a stream"),
            ("subject = 'a'\nstream = 'A.B'", "a.toml:2: the `stream` `A.B` is to have letters, digits, - and _"),
            ("subject = 'a'\nstream = 'A'\ndurable = ''", "a.toml:2: the `durable` `` is to have letters"),
            (
                "subject = 'a'\nstream = 'A'\nqueue-group = 'w'",
                "a.toml:2: the messages of the stream `A` have a `queue-group`",
            ),
            ("subject = 'a'\nstream = 'A'\nqueue = 7", "a.toml:2: the messages of the stream `A` have a `queue`, and"),
            (
                "subject = 'a'\nstream = 'A'\nack-wait = '1ms'",
                "a.toml:2: the messages of the stream `A` need an `ack-wait`",
            ),
        ] {
            let message = wrong(&format!("{NATS}{lines}"));
            assert!(message.starts_with(expected), "{message}");
        }
        let table = Manifest::parse("component = 'a.wasm'\n[messages]\n", "a.toml").unwrap_err().to_string();
        assert_eq!(table, "a.toml:2: `messages` is to be a list of tables, each below a `[[messages]]` of its own");
    }

    #[test]
    fn what_a_server_wants_to_see_is_said_once_for_messages_too() {
        let text = "component = 'a.wasm'\n[[messages]]\nnats = 'nats://127.0.0.1'\nsubject = 'a'\n\
                    [nats.'nats://127.0.0.1:4222']\nuser = 'ada'\npassword = { env = 'PASSWORD' }\n";
        let manifest = Manifest::parse(text, "a.toml").unwrap();
        assert!(format!("{:?}", manifest.messages[0].options).contains("ada"));
    }
}
