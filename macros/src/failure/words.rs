//! The words in `#[failure(…)]`, and what is wrong with them.

use proc_macro2::Span;
use steadfast_settings::nearest;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, Ident, Index, Member, Meta, Token};

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
const KEYS: [&str; 4] = ["cause", "delivery", "retry_after", "target"];

/// What a variant says.
#[derive(Default)]
pub(super) struct Meaning {
    cause: Option<&'static str>,
    delivery: Option<&'static str>,
    pub(super) retry_after: Option<Field>,
    pub(super) target: Option<Field>,
    /// Where it is said that the error in it says everything.
    pub(super) transparent: Option<Span>,
}

/// A field that holds a fact, and where it is named.
pub(super) struct Field {
    pub(super) member: Member,
    pub(super) span: Span,
}

impl Meaning {
    /// With what another says where this one says nothing.
    pub(super) fn or(self, default: &Meaning) -> Self {
        Meaning { cause: self.cause.or(default.cause), delivery: self.delivery.or(default.delivery), ..self }
    }

    /// The variant of `steadfast::Cause`.
    pub(super) fn cause(&self) -> Ident {
        Ident::new(self.cause.unwrap_or("Other"), Span::call_site())
    }

    /// The variant of `steadfast::Delivery`. What is not said is not guessed.
    pub(super) fn delivery(&self) -> Ident {
        Ident::new(self.delivery.unwrap_or("Unknown"), Span::call_site())
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
    if let Some(span) = meaning.transparent
        && (meaning.cause.is_some()
            || meaning.delivery.is_some()
            || meaning.retry_after.is_some()
            || meaning.target.is_some())
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
            Meant::RetryAfter(_) | Meant::Target(_) | Meant::Transparent => {
                let message = format!(
                    "`{}` is about the fields of one variant: say it there; of the whole enum, a cause and a delivery \
                     can be said",
                    word.name
                );
                return Err(syn::Error::new(span, message));
            }
        }
    }
    Ok(meaning)
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

/// A word, the name of a field, or its number.
enum Value {
    Name(Ident),
    Number(Index),
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
        match input.parse::<Index>() {
            Ok(number) => Ok(Self { name, value: Some(Value::Number(number)) }),
            Err(error) => Err(syn::Error::new(error.span(), "expected a word, or the name or number of a field")),
        }
    }
}

impl Value {
    fn span(&self) -> Span {
        match self {
            Value::Name(name) => name.span(),
            Value::Number(number) => number.span,
        }
    }
}

/// What a word turned out to be.
enum Meant<'a> {
    Cause(&'static str),
    Delivery(&'static str),
    RetryAfter(&'a Value),
    Target(&'a Value),
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
                _ if found(&word, &CAUSES).or(found(&word, &DELIVERIES)).is_some() || word == "transparent" => {
                    Err(syn::Error::new(value.span(), format!("`{word}` takes no value")))
                }
                _ => Err(self.unknown(of_variant)),
            };
        }
        match word.as_str() {
            "transparent" => Ok(Meant::Transparent),
            "cause" => Err(lacks(name, "cause", &list(CAUSES.map(|(word, _)| word)))),
            "delivery" => Err(lacks(name, "delivery", &list(DELIVERIES.map(|(word, _)| word)))),
            "retry_after" => Err(lacks(name, "retry_after", "a field with a `Duration` or an `Option<Duration>`")),
            "target" => Err(lacks(name, "target", "a field with a string or an `Option` of one")),
            _ => match (found(&word, &CAUSES), found(&word, &DELIVERIES)) {
                (Some(cause), _) => Ok(Meant::Cause(cause)),
                (_, Some(delivery)) => Ok(Meant::Delivery(delivery)),
                _ => Err(self.unknown(of_variant)),
            },
        }
    }

    fn unknown(&self, of_variant: bool) -> syn::Error {
        let known = CAUSES.iter().chain(&DELIVERIES).map(|(word, _)| *word).chain(KEYS).chain(["transparent"]);
        let known: Vec<_> = known.collect();
        let causes = list(CAUSES.map(|(word, _)| word));
        let deliveries = list(DELIVERIES.map(|(word, _)| word));
        let more = if of_variant { "; `retry_after = FIELD`, `target = FIELD`; or `transparent` alone" } else { "" };
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
    let word = match value {
        Value::Name(name) => name.unraw().to_string(),
        Value::Number(number) => number.index.to_string(),
    };
    found(&word, allowed).ok_or_else(|| {
        let words: Vec<_> = allowed.iter().map(|(word, _)| *word).collect();
        let nearest = meant_instead(&word, &words);
        syn::Error::new(value.span(), format!("`{word}` is no {key}{nearest} There are {}", list(words)))
    })
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
