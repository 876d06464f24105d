//! `shared = "keyvalue", name = "acme/greeter"`, of a breaker or a rate limit: its state is one that all instances
//! share.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::settings::Settings;
use super::syntax::Errors;

/// Settings of a shared state stand beside `shared`.
pub fn check(settings: &Settings, span: Span, errors: &mut Errors) {
    for setting in ["name", "bucket", "cached_for"] {
        if settings.has(setting) && !settings.has("shared") {
            errors.add(span, format!("`{setting}` is of a shared state: write `shared = \"keyvalue\"` beside it"));
        }
    }
}

/// Takes them, where there are any: the arguments of `shared`, and the type of the store. No method of the builder has
/// the store's name: it stands in the type.
pub fn take(settings: &mut Settings, span: Span) -> Option<(TokenStream, TokenStream)> {
    settings.take_if("shared")?;
    let name = settings.take("name");
    let bucket = settings.take_if("bucket").unwrap_or_else(|| quote!("default"));
    let store = quote_spanned!(span=> ::steadfast::KeyValue);
    Some((quote_spanned!(span=> #name, #store::bucket(#bucket)), store))
}
