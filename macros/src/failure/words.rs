//! The words in `#[failure(…)]`, and what is wrong with them.

use proc_macro2::Span;
use steadfast_settings::nearest;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, Ident, Index, LitStr, Member, Meta, Token};

/// As they are written, and as `steadfast::Cause` has them.
const CAUSES: [(&str, &str); 8] = [
    ("no_link", "NoLink"),
    ("no_target", "NoTarget"),
    ("timeout", "Timeout"),
    ("disconnected", "Disconnected"),
    ("overloaded", "Overloaded"),
    ("trapped", "Trapped"),
    ("protocol", "Protocol"),
    ("other", "Other"),
];

/// As they are written, and as `steadfast::Delivery` has them.
const DELIVERIES: [(&str, &str); 3] = [("not_sent", "NotSent"), ("unknown", "Unknown"), ("delivered", "Delivered")];

/// What needs a value.
const KEYS: [&str; 6] = ["cause", "delivery", "retry_after", "target", "status", "detail"];

/// What has no value.
const FLAGS: [&str; 2] = ["caller_error", "transparent"];

/// What a variant says.
#[derive(Default)]
pub(super) struct Meaning {
    cause: Option<&'static str>,
    delivery: Option<&'static str>,
    pub(super) retry_after: Option<Field>,
    pub(super) target: Option<Field>,
    /// Where it is said that the error in it says everything.
    pub(super) transparent: Option<Span>,
    /// Where it is said that the caller is wrong.
    caller_error: Option<Span>,
    status: Option<(u16, Span)>,
    pub(super) detail: Option<Detail>,
}

/// What a client is told of its mistake.
pub(super) enum Detail {
    Text(LitStr),
    Field(Field),
}

/// A field that holds a fact, and where it is named.
pub(super) struct Field {
    pub(super) member: Member,
    pub(super) span: Span,
}

impl Meaning {
    /// With what the enum says where this variant, called `whose`, says nothing.
    pub(super) fn or(mut self, default: &Meaning, whose: &str) -> syn::Result<Self> {
        let says = self.cause.is_some() || self.delivery.is_some() || self.retry_after.is_some();
        if !says && self.transparent.is_none() {
            self.caller_error = self.caller_error.or(default.caller_error);
        }
        if self.caller_error.is_none() {
            self.cause = self.cause.or(default.cause);
            self.delivery = self.delivery.or(default.delivery);
        } else if default.caller_error.is_some() {
            self.status = self.status.or(default.status);
        }
        self.checked(whose)
    }

    /// Only a caller's mistake has a status and a detail.
    pub(super) fn checked(self, whose: &str) -> syn::Result<Self> {
        let detail = self.detail.as_ref().map(|detail| match detail {
            Detail::Text(text) => ("detail", text.span()),
            Detail::Field(field) => ("detail", field.span),
        });
        match self.status.map(|(_, span)| ("status", span)).or(detail) {
            Some((word, span)) if self.caller_error.is_none() => {
                let message = format!(
                    "`{word}` is for a mistake of the caller, which {whose} does not say it is: add `caller_error`, or \
                     leave `{word}` away"
                );
                Err(syn::Error::new(span, message))
            }
            _ => Ok(self),
        }
    }

    /// The HTTP status that a caller reads who is wrong; `None` where the caller is not.
    pub(super) fn caller_status(&self) -> Option<u16> {
        self.caller_error.map(|_| self.status.map_or(400, |(status, _)| status))
    }

    /// The variant of `steadfast::Cause`.
    pub(super) fn cause(&self) -> Ident {
        let unsaid = if self.caller_error.is_some() { "Protocol" } else { "Other" };
        Ident::new(self.cause.unwrap_or(unsaid), Span::call_site())
    }

    /// The variant of `steadfast::Delivery`. What is not said is not guessed.
    pub(super) fn delivery(&self) -> Ident {
        let unsaid = if self.caller_error.is_some() { "Delivered" } else { "Unknown" };
        Ident::new(self.delivery.unwrap_or(unsaid), Span::call_site())
    }
}

/// What is said of a variant or a struct, which is called `whose` and has `fields`.
pub(super) fn read(attributes: &[Attribute], whose: &str, fields: &Fields) -> syn::Result<Meaning> {
    let mut meaning = Meaning::default();
    for word in words(attributes)? {
        let span = word.name.span();
        match word.meant(true)? {
            Meant::Cause(cause) => once(&mut meaning.cause, cause, span, "cause")?,
            Meant::Delivery(delivery) => once(&mut meaning.delivery, delivery, span, "delivery")?,
            Meant::RetryAfter(value) => {
                once(&mut meaning.retry_after, field(value, whose, fields)?, span, "`retry_after`")?;
            }
            Meant::Target(value) => once(&mut meaning.target, field(value, whose, fields)?, span, "`target`")?,
            Meant::CallerError => once(&mut meaning.caller_error, span, span, "`caller_error`")?,
            Meant::Status(value) => once(&mut meaning.status, status(value)?, span, "`status`")?,
            Meant::Detail(value) => {
                let detail = match value {
                    Value::Text(text) => Detail::Text(text.clone()),
                    value => Detail::Field(field(value, whose, fields)?),
                };
                once(&mut meaning.detail, detail, span, "`detail`")?;
            }
            Meant::Transparent => {
                let count = fields.len();
                if count != 1 {
                    let message = format!(
                        "`transparent` takes everything from the one error in {whose}, which has {count} fields; say \
                         what it means instead, as in `#[failure(timeout, unknown)]`"
                    );
                    return Err(syn::Error::new(span, message));
                }
                once(&mut meaning.transparent, span, span, "`transparent`")?;
            }
        }
    }
    let says = meaning.cause.is_some() || meaning.delivery.is_some() || meaning.retry_after.is_some();
    if let Some(span) = meaning.caller_error
        && says
    {
        let message = "`caller_error` says it all: the call was delivered and is not repeated; leave the cause, the \
                       delivery and `retry_after` away";
        return Err(syn::Error::new(span, message));
    }
    if let Some(span) = meaning.transparent
        && (says || meaning.target.is_some() || meaning.caller_error.is_some())
    {
        let message = "`transparent` takes everything from the error inside; leave it, or what else is said, away";
        return Err(syn::Error::new(span, message));
    }
    Ok(meaning)
}

/// What is said of a whole enum, for variants that do not say it.
pub(super) fn default(attributes: &[Attribute]) -> syn::Result<Meaning> {
    let mut meaning = Meaning::default();
    for word in words(attributes)? {
        let span = word.name.span();
        match word.meant(false)? {
            Meant::Cause(cause) => once(&mut meaning.cause, cause, span, "cause")?,
            Meant::Delivery(delivery) => once(&mut meaning.delivery, delivery, span, "delivery")?,
            Meant::CallerError => once(&mut meaning.caller_error, span, span, "`caller_error`")?,
            Meant::Status(value) => once(&mut meaning.status, status(value)?, span, "`status`")?,
            Meant::RetryAfter(_) | Meant::Target(_) | Meant::Detail(_) | Meant::Transparent => {
                let message = format!(
                    "`{}` is about one variant: say it there; of the whole enum, a cause, a delivery, `caller_error` and \
                     `status` can be said",
                    word.name
                );
                return Err(syn::Error::new(span, message));
            }
        }
    }
    meaning.checked("the enum")
}

fn once<T>(place: &mut Option<T>, value: T, span: Span, what: &str) -> syn::Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(syn::Error::new(span, format!("a second {what}; keep one"))),
    }
}

/// All words of all `#[failure(…)]`.
fn words(attributes: &[Attribute]) -> syn::Result<Vec<Word>> {
    let mut words = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("failure")) {
        let expected = "expected what the error means, as in `#[failure(overloaded, not_sent)]`";
        let Meta::List(list) = &attribute.meta else {
            return Err(syn::Error::new_spanned(attribute, expected));
        };
        if list.tokens.is_empty() {
            return Err(syn::Error::new_spanned(attribute, expected));
        }
        words.extend(list.parse_args_with(Punctuated::<Word, Token![,]>::parse_terminated)?);
    }
    Ok(words)
}

/// `word`, or `word = value`.
struct Word {
    name: Ident,
    value: Option<Value>,
}

/// A word, the name of a field, its number or a status, or a text.
enum Value {
    Name(Ident),
    Number(Index),
    Text(LitStr),
}

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        if input.parse::<Option<Token![=]>>()?.is_none() {
            return Ok(Self { name, value: None });
        }
        if input.peek(Ident::peek_any) {
            return Ok(Self { name, value: Some(Value::Name(input.call(Ident::parse_any)?)) });
        }
        if input.peek(LitStr) {
            return Ok(Self { name, value: Some(Value::Text(input.parse()?)) });
        }
        match input.parse::<Index>() {
            Ok(number) => Ok(Self { name, value: Some(Value::Number(number)) }),
            Err(error) => {
                Err(syn::Error::new(error.span(), "expected a word, a text, or the name or number of a field"))
            }
        }
    }
}

impl Value {
    fn span(&self) -> Span {
        match self {
            Value::Name(name) => name.span(),
            Value::Number(number) => number.span,
            Value::Text(text) => text.span(),
        }
    }

    /// As it is written in a message.
    fn shown(&self) -> String {
        match self {
            Value::Name(name) => name.unraw().to_string(),
            Value::Number(number) => number.index.to_string(),
            Value::Text(text) => format!("{:?}", text.value()),
        }
    }
}

/// What a word turned out to be.
enum Meant<'a> {
    Cause(&'static str),
    Delivery(&'static str),
    RetryAfter(&'a Value),
    Target(&'a Value),
    CallerError,
    Status(&'a Value),
    Detail(&'a Value),
    Transparent,
}

impl Word {
    /// `of_variant`: what can be said here includes what is said of fields.
    fn meant(&self, of_variant: bool) -> syn::Result<Meant<'_>> {
        let Word { name, value } = self;
        let word = name.unraw().to_string();
        if let Some(value) = value {
            return match word.as_str() {
                "cause" => pick(value, "cause", &CAUSES).map(Meant::Cause),
                "delivery" => pick(value, "delivery", &DELIVERIES).map(Meant::Delivery),
                "retry_after" => Ok(Meant::RetryAfter(value)),
                "target" => Ok(Meant::Target(value)),
                "status" => Ok(Meant::Status(value)),
                "detail" => Ok(Meant::Detail(value)),
                word if found(word, &CAUSES).or(found(word, &DELIVERIES)).is_some() || FLAGS.contains(&word) => {
                    Err(syn::Error::new(value.span(), format!("`{word}` takes no value")))
                }
                _ => Err(self.unknown(of_variant)),
            };
        }
        match word.as_str() {
            "transparent" => Ok(Meant::Transparent),
            "caller_error" => Ok(Meant::CallerError),
            "cause" => Err(lacks(name, "cause", &list(CAUSES.map(|(word, _)| word)))),
            "delivery" => Err(lacks(name, "delivery", &list(DELIVERIES.map(|(word, _)| word)))),
            "retry_after" => Err(lacks(name, "retry_after", "a field with a `Duration` or an `Option<Duration>`")),
            "target" => Err(lacks(name, "target", "a field with a string or an `Option` of one")),
            "status" => Err(lacks(name, "status", "an HTTP status from 400 to 499")),
            "detail" => Err(lacks(name, "detail", "a text, or a field with a string or an `Option` of one")),
            _ => match (found(&word, &CAUSES), found(&word, &DELIVERIES)) {
                (Some(cause), _) => Ok(Meant::Cause(cause)),
                (_, Some(delivery)) => Ok(Meant::Delivery(delivery)),
                _ => Err(self.unknown(of_variant)),
            },
        }
    }

    fn unknown(&self, of_variant: bool) -> syn::Error {
        let known = CAUSES.iter().chain(&DELIVERIES).map(|(word, _)| *word).chain(KEYS).chain(FLAGS);
        let known: Vec<_> = known.collect();
        let causes = list(CAUSES.map(|(word, _)| word));
        let deliveries = list(DELIVERIES.map(|(word, _)| word));
        let more = if of_variant {
            "; `retry_after = FIELD`, `target = FIELD`; `caller_error`, with `status = 404` and `detail = FIELD` or a \
             text; or `transparent` alone"
        } else {
            "; or `caller_error`, with `status = 404`"
        };
        let name = &self.name;
        let message = format!(
            "`{name}` is not known here{} There are the causes {causes}; the deliveries {deliveries}{more}",
            meant_instead(&name.unraw().to_string(), &known)
        );
        syn::Error::new(name.span(), message)
    }
}

fn lacks(name: &Ident, key: &str, allowed: &str) -> syn::Error {
    syn::Error::new(name.span(), format!("`{key}` needs a value, `{key} = …`: {allowed}"))
}

/// The value of a key that takes one of some words.
fn pick(value: &Value, key: &str, allowed: &[(&str, &'static str)]) -> syn::Result<&'static str> {
    let word = value.shown();
    found(&word, allowed).ok_or_else(|| {
        let words: Vec<_> = allowed.iter().map(|(word, _)| *word).collect();
        let nearest = meant_instead(&word, &words);
        syn::Error::new(value.span(), format!("`{word}` is not a {key}{nearest} There are {}", list(words)))
    })
}

/// The HTTP status of a caller's mistake.
fn status(value: &Value) -> syn::Result<(u16, Span)> {
    let number = match value {
        Value::Number(number) => u16::try_from(number.index).ok().filter(|status| matches!(status, 400..500)),
        _ => None,
    };
    let message = || format!("`{}` is not the status of a caller's mistake: those are 400 to 499", value.shown());
    number.map(|status| (status, value.span())).ok_or_else(|| syn::Error::new(value.span(), message()))
}

fn found(word: &str, words: &[(&str, &'static str)]) -> Option<&'static str> {
    words.iter().find(|(known, _)| *known == word).map(|(_, variant)| *variant)
}

/// The field that a value names.
fn field(value: &Value, whose: &str, fields: &Fields) -> syn::Result<Field> {
    let span = value.span();
    let written = match value {
        Value::Name(name) => Member::Named(name.clone()),
        Value::Number(number) => Member::Unnamed(number.clone()),
        Value::Text(_) => return Err(syn::Error::new(span, "expected the name or number of a field")),
    };
    if let Some(member) = fields.members().find(|member| *member == written) {
        // Where it is written is where a field of another type is complained about.
        return Ok(Field { member, span });
    }
    let text = |member: &Member| match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(number) => number.index.to_string(),
    };
    let names: Vec<_> = fields.members().map(|member| text(&member)).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let written = text(&written);
    let has = if names.is_empty() { "It has none".to_string() } else { format!("It has {}", list(&names)) };
    let nearest = meant_instead(&written, &names);
    Err(syn::Error::new(span, format!("{whose} has no field `{written}`{nearest} {has}")))
}

/// The end of a sentence that says that a word is not known.
fn meant_instead(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied())
        .map_or_else(|| ".".to_string(), |nearest| format!(": did you mean `{nearest}`?"))
}

/// Words as a person lists them.
fn list<'w>(words: impl AsRef<[&'w str]>) -> String {
    words.as_ref().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
