//! Figures of real processes that served real calls: on the page of the admin port, and as a collector gets them.

use std::collections::BTreeSet;

use crate::collector::Collector;
use crate::page::Page;
use crate::process::{Steadfast, ask};
use crate::{AT_THE_END, CHAIN};

pub const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

/// A chain whose greeter is not there for the first two calls.
pub fn chain(arguments: &[&str]) -> Steadfast {
    let fault = "[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\nfirst = 2";
    Steadfast::serve(&format!("{CHAIN}{fault}"), &[&ADMIN[..], arguments].concat(), &[AT_THE_END])
}

/// What a component has whose greeter is never there, and whose breaker is in the store.
pub fn breaker() -> Steadfast {
    let manifest = "component = '<shared-breaker>'\n[links]\n'acme:greeter/api' = { component = '<greeter>' }\n\
                    [[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'";
    Steadfast::serve(manifest, &ADMIN, &[])
}

/// A component that sends requests to another, and to where nobody listens; and that calls one with one instance.
pub fn caller() -> Steadfast {
    let manifest = "component = '<caller>'\n[http]\nallow = ['127.0.0.1:*']\n\
                    upstreams.'quotes.test' = { component = '<quotes>' }\n\
                    [links]\n'test:guests/hostile' = { component = '<callee>', instances = 'reuse' }";
    Steadfast::serve(manifest, &ADMIN, &[])
}

/// Asks for the page until it is as wanted: an instance may end after its answer.
pub async fn page_with(host: &Steadfast, wanted: impl Fn(&Page) -> bool) -> Page {
    let asked = async {
        loop {
            let page = Page::read(&host.metrics().await);
            if wanted(&page) {
                return page;
            }
        }
    };
    let page = tokio::time::timeout(crate::process::PATIENCE, asked).await;
    match page {
        Ok(page) => page,
        Err(_) => panic!("{}", host.metrics().await),
    }
}

const GREET: (&str, &str) = ("rpc_method", "acme:greeter/api#greet");
const SYSTEM: (&str, &str) = ("rpc_system_name", "wrpc");
const CALLS: &str = "rpc_client_call_duration_seconds_count";

#[tokio::test]
async fn calls_are_counted_by_target_cause_and_delivery() {
    let collector = Collector::start(200).await;
    let host = chain(&["--otlp", &collector.url]);
    assert_eq!(host.get("/Ada", &[]).await.0, 200);
    let gone = |page: &Page| page.value("steadfast_memory_usage_bytes", &[]) == Some(0.0);
    let page = page_with(&host, gone).await;
    let failed = [("error_type", "no-target"), GREET, SYSTEM, ("steadfast_delivery", "not-sent")];
    assert_eq!(page.value(CALLS, &failed), Some(2.0));
    assert_eq!(page.value(CALLS, &[GREET, SYSTEM]), Some(1.0));
    assert_eq!(page.value(CALLS, &[("rpc_method", "acme:letters/letters#write"), SYSTEM]), Some(1.0));
    assert_eq!(page.value("steadfast_call_repeats_total", &[GREET]), Some(2.0));
    let answered = [("http_request_method", "GET"), ("http_response_status_code", "200"), ("url_scheme", "http")];
    assert_eq!(page.value("http_server_request_duration_seconds_count", &answered), Some(1.0));
    for component in ["chain.wasm", "chain_letters.wasm", "greeter.wasm"] {
        let component = ("steadfast_component", component);
        assert_eq!(page.value("steadfast_instance_starts_total", &[component]), Some(1.0), "{component:?}");
        let busy = [component, ("steadfast_instance_state", "busy")];
        assert_eq!(page.value("steadfast_instances", &busy), Some(0.0), "{component:?}");
    }
    assert_eq!(page.value("steadfast_call_active", &[]), Some(0.0));
    // The bounds of the semantic conventions, and the rest.
    let bounds = page.all("rpc_client_call_duration_seconds_bucket").len() / page.all(CALLS).len();
    assert_eq!(bounds, 15);
    assert!(page.all("target_info").iter().all(|labels| labels["service_name"] == "chain"));

    // The same figures go to a collector, under the names of OpenTelemetry.
    assert!(host.end().await.0.success());
    let sent = collector.sent.borrow().clone();
    assert_eq!(sent.figures_of.as_deref(), Some("chain"));
    let failed = [
        ("error.type", "no-target"),
        ("rpc.method", "acme:greeter/api#greet"),
        ("rpc.system.name", "wrpc"),
        ("steadfast.delivery", "not-sent"),
    ];
    let failed = failed.map(|(name, value)| (name.to_string(), value.to_string()));
    let figure = &sent.figures[&("rpc.client.call.duration".into(), failed.into_iter().collect())];
    assert_eq!((figure.value, figure.unit.as_str()), (2.0, "s"));
    let families = |name: &str| {
        let ends = ["_bucket", "_count", "_sum", "_total", "_seconds", "_bytes"];
        ends.iter().fold(name.replace('.', "_"), |name, end| name.trim_end_matches(end).into())
    };
    let on_page: BTreeSet<_> = page.0.iter().map(|(name, ..)| families(name)).collect();
    let pushed: BTreeSet<_> = sent.figures.keys().map(|(name, _)| families(name)).collect();
    assert!(on_page.is_superset(&pushed) && pushed.len() > 8, "{on_page:?}, {pushed:?}");
}

#[tokio::test]
async fn a_shared_breaker_shows_its_state() {
    let host = breaker();
    let state = |state| [("steadfast_breaker_name", "acme/greeter"), ("steadfast_breaker_state", state)];
    assert!(Page::read(&host.metrics().await).all("steadfast_breaker_state").is_empty());
    for _ in 0..5 {
        assert_eq!(host.get("/Ada", &[]).await.0, 503);
    }
    let page = Page::read(&host.metrics().await);
    assert_eq!(page.value("steadfast_breaker_state", &state("open")), Some(1.0));
    assert_eq!(page.value("steadfast_breaker_state", &state("closed")), Some(0.0));
    assert_eq!(page.value("steadfast_breaker_state", &state("half-open")), Some(0.0));
}

#[tokio::test]
async fn neither_components_nor_clients_make_series_without_end() {
    let host = caller();
    for number in 0..50 {
        assert_eq!(ask(host.address(), &format!("HACK{number}"), "/unknown", &[]).await.0, 200);
        // Granted, and one series by its entry in the manifest; nobody listens there.
        host.get(&format!("/fetch/http://127.0.0.1:{}/{number}", number + 1), &[]).await;
        // Not granted.
        host.get(&format!("/fetch/http://host{number}.test/{number}"), &[]).await;
    }
    let page = Page::read(&host.metrics().await);
    let servers: BTreeSet<_> = page.all("http_client_request_duration_seconds_count").into_iter().collect();
    let named: BTreeSet<_> = servers.iter().map(|labels| labels["server_address"].as_str()).collect();
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["127.0.0.1", "_OTHER"]);
    assert!(servers.len() <= 4 && servers.iter().all(|labels| labels["server_port"].is_empty()), "{servers:?}");
    let requests = page.all("http_server_request_duration_seconds_count");
    let methods: BTreeSet<_> = requests.iter().map(|labels| labels["http_request_method"].as_str()).collect();
    assert_eq!(methods.into_iter().collect::<Vec<_>>(), ["GET", "_OTHER"]);
}

#[tokio::test]
async fn a_provider_counts_what_it_serves() {
    let provider = Steadfast::provide("callee", &[&["--tcp", "127.0.0.1:0"], &ADMIN[..]].concat(), &[]);
    let link = format!("[links]\n'test:guests/hostile' = {{ tcp = '{}' }}", provider.address());
    let host = Steadfast::serve(&format!("component = '<caller>'\n{link}"), &[], &[]);
    assert_eq!(host.get("/count", &[]).await, (200, "1".into()));
    assert_eq!(host.get("/trap", &[]).await.0, 502);
    let served = |page: &Page, method, error: &[(&str, &str)]| {
        let labels = [&[("rpc_method", method), SYSTEM], error].concat();
        page.value("rpc_server_call_duration_seconds_count", &labels)
    };
    let page = Page::read(&provider.metrics().await);
    assert_eq!(served(&page, "test:guests/hostile#count", &[]), Some(1.0));
    let trapped = [("error_type", "trapped"), ("steadfast_delivery", "delivered")];
    assert_eq!(served(&page, "test:guests/hostile#trap", &trapped), Some(1.0));
    assert_eq!(page.value("steadfast_instance_traps_total", &[("steadfast_component", "callee.wasm")]), Some(1.0));
}

#[tokio::test]
async fn only_an_admin_port_has_the_page() {
    let host = Steadfast::serve("component = '<caller>'", &ADMIN, &[]);
    assert_eq!(host.get("/metrics", &[]).await, (200, "unknown".into()));
    let page = host.metrics().await;
    assert!(page.starts_with("# HELP target "), "{page}");
}
