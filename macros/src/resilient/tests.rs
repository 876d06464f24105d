//! Expansions that are seen best as tokens.

use proc_macro2::TokenStream;
use quote::quote;

fn expand(settings: TokenStream, item: TokenStream) -> String {
    super::expand(settings, item).to_string()
}

/// Without the blanks, which say nothing.
fn has(expansion: &str, part: TokenStream) -> bool {
    expansion.contains(&part.to_string())
}

#[test]
fn a_named_policy_carries_its_settings_as_the_defaults() {
    let settings = quote!(
        policy = "greeter",
        deadline = "3s",
        retry(
            attempts = 4,
            backoff = exponential("50ms", max = "2s", jitter = full),
            never(no_target),
            on(overloaded, attempts = 2)
        ),
        breaker(failure_rate = "50%", over_calls = 100),
        attempt_timeout = "1s"
    );
    let expansion = expand(
        settings,
        quote!(
            async fn greet() -> Result<(), Failed> {
                body()
            }
        ),
    );
    let json = concat!(
        r#"{"deadline":"3s","#,
        r#""retry":{"attempts":4,"backoff":{"exponential":"50ms","max":"2s","jitter":"full"},"#,
        r#""on":{"no-target":"never","overloaded":{"attempts":2}}},"#,
        r#""breaker":{"failure-rate":"50%","over-calls":100,"jitter":0.1},"attempt-timeout":"1s"}"#
    );
    let statics = quote!(static __STEADFAST_POLICY: ::steadfast::config::Named<::steadfast::handler::WatchAs> =
            ::steadfast::config::Named::new("greeter", #json).observer(::steadfast::handler::WatchAs("greet")););
    assert!(has(&expansion, statics), "{expansion}");
    assert!(has(&expansion, quote!(__STEADFAST_POLICY.policy().within(::steadfast::handler::bound()))), "{expansion}");
}

#[test]
fn a_named_policy_may_say_nothing_more() {
    let expansion = expand(
        quote!(policy = "greeter"),
        quote!(
            fn greet() -> Result<(), RpcError> {
                body()
            }
        ),
    );
    assert!(has(&expansion, quote!(Named::new("greeter", "{}"))), "{expansion}");
}

#[test]
fn what_stands_around_a_function_stays_there() {
    let item = quote! {
        /// Says hello.
        #[must_use]
        pub(crate) async fn greet<'a, T: Clone>(name: &'a T) -> Result<&'a T, RpcError> where T: 'static { Ok(name) }
    };
    let expansion = expand(quote!(retry(attempts = 4)), item);
    let outer = quote! {
        #[doc = r" Says hello."]
        #[must_use]
        pub(crate) async fn greet<'a, T: Clone>(name: &'a T) -> Result<&'a T, RpcError> where T: 'static
    };
    assert!(expansion.starts_with(&outer.to_string()), "{expansion}");
}

#[test]
fn nothing_in_an_expansion_can_panic() {
    let item = quote!(
        fn greet(name: String) -> Result<String, RpcError> {
            body(name)
        }
    );
    for settings in [
        quote!(retry(attempts = 4), fallback = cached),
        quote!(breaker(failures = 4)),
        quote!(GREETER, idempotent),
        quote!(policy = "greeter"),
    ] {
        let expansion = expand(settings, item.clone());
        for word in ["unwrap", "expect", "panic", "unreachable", "compile_error"] {
            assert!(!expansion.contains(word), "{word} in {expansion}");
        }
    }
}

#[test]
fn a_handler_is_known_in_either_order() {
    let handler = |name: TokenStream, attribute: TokenStream| quote!(#attribute async fn #name(request: Request<Body>) -> Result<Response<Body>, Failed> { body(request) });
    let before = handler(quote!(main), quote!(#[wstd::http_server]));
    let after = handler(quote!(__run), quote!());
    for item in [before, after] {
        let expansion = expand(quote!(deadline = "5s"), item);
        let settings = quote!(::steadfast::handler::Settings::new().deadline(::core::time::Duration::new(5u64, 0u32)));
        assert!(has(&expansion, settings), "{expansion}");
        assert!(has(&expansion, quote!(::steadfast::handler::answer)), "{expansion}");
        assert!(has(&expansion, quote!(__steadfast_request, async |request: Request<Body>|)), "{expansion}");
        assert!(has(&expansion, quote!(::steadfast::__private::wstd::http::Error)), "{expansion}");
    }
}

#[test]
fn a_handler_that_blocks_is_one_too() {
    let item = quote!(
        #[wstd::http_server]
        fn main(mut request: Request<Body>) -> Result<Response<Body>, Failed> {
            body(request)
        }
    );
    let expansion = expand(quote!(), item);
    assert!(has(&expansion, quote!(::steadfast::handler::answer_sync)), "{expansion}");
    assert!(has(&expansion, quote!(|mut request: Request<Body>|)), "{expansion}");
}

#[test]
fn a_main_without_a_request_is_a_function() {
    let item = quote!(
        fn main() -> Result<(), Failed> {
            body()
        }
    );
    assert!(has(&expand(quote!(retry(attempts = 2)), item), quote!(__steadfast_call.call)));
}

#[test]
fn the_export_of_wasi_http_is_a_handler() {
    let item = quote! {
        impl exports::http::incoming_handler::Guest for Component {
            fn handle(request: types::IncomingRequest) -> Result<OutgoingResponse, Failed> { body(request) }
        }
    };
    let expansion = expand(quote!(), item);
    let signature = quote!(fn handle(__steadfast_request: types::IncomingRequest, __steadfast_response_out: ::steadfast::handler::ResponseOutparam));
    assert!(has(&expansion, signature), "{expansion}");
    assert!(has(&expansion, quote!(::steadfast::handler::answer_incoming)), "{expansion}");
}

#[test]
fn an_exported_interface_without_settings_is_left_as_it_is() {
    let item = quote!(
        impl<F: for<'a> Fn(&'a u8) -> u8> api::Guest for Component<F> {
            fn greet() -> Result<(), RpcError> {
                body()?
            }
        }
    );
    assert_eq!(expand(quote!(), item.clone()), item.to_string());
}

#[test]
fn self_is_another_in_what_stands_within() {
    let item = quote! {
        fn take(self, other: u32) -> Result<u32, RpcError> {
            impl Other { fn f(&self) -> u32 { self.0 } }
            let f: fn(u32) -> u32 = self::g;
            Ok(f(self.x) + { self }.y)
        }
    };
    let expansion = expand(quote!(retry(attempts = 2)), item);
    assert!(
        has(
            &expansion,
            quote!(
                fn f(&self) -> u32 {
                    self.0
                }
            )
        ),
        "{expansion}"
    );
    assert!(
        has(&expansion, quote!(let f: fn(u32) -> u32 = self::g; Ok(f(__steadfast_self.x) + { __steadfast_self }.y))),
        "{expansion}"
    );
}

#[test]
fn a_raw_name_is_noted_without_its_prefix() {
    let function = quote!(
        fn r#static() -> Result<(), RpcError> {
            body()
        }
    );
    assert!(has(&expand(quote!(retry(attempts = 2)), function), quote!(WatchAs("static"))));
    let block = quote!(
        impl<T> r#type<T> {
            fn get() -> Result<(), RpcError> {
                body()
            }
        }
    );
    assert!(has(&expand(quote!(retry(attempts = 2)), block), quote!(WatchAs("type"))));
    let policy =
        crate::policy::expand(quote!(static r#STATIC = retry(attempts = 2); static r#fn = retry(attempts = 2);));
    assert!(has(&policy.to_string(), quote!(WatchAs("static"))));
    assert!(has(&policy.to_string(), quote!(WatchAs("fn"))));
}

#[test]
fn a_policy_may_be_a_reference() {
    let function = quote!(
        fn get() -> Result<(), RpcError> {
            body()
        }
    );
    for policy in [quote!(GREETER), quote!(self.policies[0]), quote!(super::greeter)] {
        let expansion = expand(quote!(&#policy, idempotent), function.clone());
        assert_eq!(expansion, expand(quote!(#policy, idempotent), function.clone()));
        assert!(has(&expansion, quote!(= #policy.within)), "{expansion}");
    }
}
