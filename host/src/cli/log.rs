//! What the command logs: which events, how they look, and where they go.

use std::fmt;
use std::io::{self, IsTerminal};
#[cfg(feature = "otlp")]
use std::sync::OnceLock;

#[cfg(feature = "otlp")]
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
#[cfg(feature = "otlp")]
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use steadfast_host::escape::Escaped;
use tracing::field::Field;
use tracing::{Dispatch, Level, Metadata};
#[cfg(feature = "otlp")]
use tracing::{Event, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
#[cfg(feature = "otlp")]
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::SubscriberExt;
#[cfg(feature = "otlp")]
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::dev::Requests;
use super::printer::STDERR;

/// The target of what components print, and what happens to their instances.
#[cfg(feature = "otlp")]
const GUEST: &str = "steadfast::guest";

/// From now on, the events of this process are lines on standard error. With `requests`, those of requests and calls are
/// for it.
pub(super) fn start(requests: Option<Requests>, quiet_by_default: bool) {
    let usual = match (&requests, quiet_by_default) {
        (_, true) => "off",
        // Each call is in the line of its request.
        (Some(_), false) => "info,opentelemetry=warn,steadfast::lattice=off",
        (None, false) => "info,opentelemetry=warn",
    };
    // `RUST_LOG` as everywhere: `RUST_LOG=steadfast=debug` shows every call.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    subscriber(requests, filter).init();
}

/// Each layer has its own filter. With a filter in front of all layers, `tracing` would ask again at each event, and make
/// it even where no layer wants it.
fn subscriber(requests: Option<Requests>, filter: EnvFilter) -> Dispatch {
    let format = tracing_subscriber::fmt::layer()
        .fmt_fields(debug_fn(field).delimited(" "))
        .with_writer(|| &STDERR)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_filter(quiet(filter).and(filter_fn(without_secrets)));
    let all = tracing_subscriber::registry();
    #[cfg(feature = "otlp")]
    let all = all.with(Exported.with_filter(filter_fn(is_exported)));
    match requests {
        None => all.with(format).into(),
        Some(requests) => {
            let of_requests = filter_fn(|event| matches!(event.target(), "steadfast::access" | "steadfast::lattice"));
            all.with(format).with(requests.with_filter(of_requests)).into()
        }
    }
}

/// Turns events into records of OpenTelemetry, once they are exported.
#[cfg(feature = "otlp")]
static EXPORTED: OnceLock<OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>> = OnceLock::new();

/// From now on, what components print goes to `provider` too, whatever this log shows.
#[cfg(feature = "otlp")]
pub(super) fn export(provider: &SdkLoggerProvider) {
    EXPORTED.get_or_init(|| OpenTelemetryTracingBridge::new(provider));
    // What was asked before may have been told that it is of no interest.
    tracing::callsite::rebuild_interest_cache();
}

#[cfg(feature = "otlp")]
fn is_exported(event: &Metadata<'_>) -> bool {
    event.target() == GUEST && *event.level() <= Level::INFO && EXPORTED.get().is_some()
}

/// The events that are exported.
#[cfg(feature = "otlp")]
struct Exported;

#[cfg(feature = "otlp")]
impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Exported {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(exported) = EXPORTED.get() {
            exported.on_event(event, context);
        }
    }
}

/// Says in the log that lines of it are missing.
pub(super) fn left_out(dropped: u64) -> String {
    let mut time = String::new();
    // A string takes whatever is written.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    format!("{time}  WARN lines of this log left out here: {dropped}; standard error was not read\n")
}

/// Whatever an event has to say, it is one line: much of it comes from guests, from peers and out of files.
fn field(out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(out, "{}", Escaped(format_args!("{value:?}"))),
        name => write!(out, "{name}={}", Escaped(format_args!("{value:?}"))),
    }
}

/// What the client of NATS says, the host says itself, once; whoever wants to read it has to ask for it by name.
fn quiet(filter: EnvFilter) -> EnvFilter {
    match "async_nats=off".parse() {
        Ok(off) if !filter.to_string().contains("async_nats") => filter.add_directive(off),
        _ => filter,
    }
}

/// Whatever is asked for: at this level, the client of NATS writes what it shows to the server.
fn without_secrets(event: &Metadata<'_>) -> bool {
    !(event.target().starts_with("async_nats") && *event.level() == Level::TRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_not_made() {
        let enabled = |filter: &str| {
            tracing::dispatcher::with_default(&subscriber(None, EnvFilter::new(filter)), || {
                [
                    tracing::enabled!(target: "steadfast::access", Level::DEBUG),
                    tracing::enabled!(target: "steadfast::access", Level::INFO),
                    tracing::enabled!(target: "async_nats", Level::TRACE),
                ]
            })
        };
        assert_eq!(enabled("info"), [false, true, false]);
        assert_eq!(enabled("trace"), [true, true, false]);
        assert_eq!(enabled("off"), [false; 3]);
        assert_eq!(enabled("async_nats=trace"), [false; 3]);
    }
}
