//! Messages as values of `broker-message`, and back.

use bytes::Bytes;
use wasmtime::component::Val;

/// A message of a component, or for one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub subject: String,
    pub body: Bytes,
    pub reply_to: Option<String>,
}

impl Message {
    /// As a component takes it.
    pub fn into_value(self) -> Val {
        let reply_to = self.reply_to.map(|subject| Box::new(Val::String(subject)));
        Val::Record(vec![
            ("subject".into(), Val::String(self.subject)),
            ("body".into(), Val::List(self.body.iter().copied().map(Val::U8).collect())),
            ("reply-to".into(), Val::Option(reply_to)),
        ])
    }

    /// What a component passed; none, if it is something else.
    pub(super) fn from_value(value: &Val) -> Option<Self> {
        let Val::Record(fields) = value else { return None };
        let field = |name: &str| fields.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value);
        let reply_to = match field("reply-to")? {
            Val::Option(None) => None,
            Val::Option(Some(subject)) => Some(text(subject)?),
            _ => return None,
        };
        Some(Message { subject: text(field("subject")?)?, body: bytes(field("body")?)?, reply_to })
    }
}

pub(super) fn text(value: &Val) -> Option<String> {
    match value {
        Val::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The bytes of a `list<u8>`.
pub(super) fn bytes(value: &Val) -> Option<Bytes> {
    let Val::List(values) = value else { return None };
    let byte = |value: &Val| match value {
        Val::U8(byte) => Some(*byte),
        _ => None,
    };
    values.iter().map(byte).collect::<Option<Vec<u8>>>().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_being_a_value() {
        for reply_to in [None, Some("_INBOX.a".to_string())] {
            let message = || Message {
                subject: "a.b".into(),
                body: Bytes::from_static(&[0, 7, 255]),
                reply_to: reply_to.clone(),
            };
            assert_eq!(Message::from_value(&message().into_value()), Some(message()));
        }
        assert_eq!(Message::from_value(&Val::Bool(true)), None);
    }
}
