//! Which metrics there are: their names, units, labels, and what they say. Instruments, page and docs are made of it.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// How many there are now.
    Gauge,
    /// Durations by their length.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// As OpenTelemetry spells it.
    pub name: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "each is used where it is counted, and the docs list it"))]
    pub kind: Kind,
    /// In UCUM: `s`, `By`, or what is counted, in braces.
    pub unit: &'static str,
    pub attributes: &'static [&'static str],
    pub help: &'static str,
}

pub(super) const RPC_SYSTEM: &str = "rpc.system.name";
pub(super) const RPC_METHOD: &str = "rpc.method";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const DELIVERY: &str = "steadfast.delivery";
pub(super) const HTTP_METHOD: &str = "http.request.method";
pub(super) const HTTP_STATUS: &str = "http.response.status_code";
pub(super) const SCHEME: &str = "url.scheme";
pub(super) const SERVER: &str = "server.address";
pub(super) const PORT: &str = "server.port";
pub(super) const COMPONENT: &str = "steadfast.component";
pub(super) const INSTANCE_STATE: &str = "steadfast.instance.state";
pub(super) const BREAKER: &str = "steadfast.breaker.name";
pub(super) const BREAKER_STATE: &str = "steadfast.breaker.state";
pub(super) const MESSAGE_EVENT: &str = "steadfast.message.event";

/// What can become of a message.
#[cfg_attr(not(feature = "wrpc"), allow(dead_code, reason = "there are no messages"))]
pub(crate) const MESSAGE_EVENTS: [&str; 6] = ["delivered", "redelivered", "taken", "failed", "parked", "lost"];

const CALL: &[&str] = &[RPC_SYSTEM, RPC_METHOD, ERROR_TYPE, DELIVERY];

pub(super) const CALLS: Metric = Metric {
    name: "rpc.client.call.duration",
    kind: Kind::Histogram,
    unit: "s",
    attributes: CALL,
    help: "Calls that components and the host make, each attempt by itself",
};

pub(super) const SERVED: Metric = Metric {
    name: "rpc.server.call.duration",
    kind: Kind::Histogram,
    unit: "s",
    attributes: CALL,
    help: "Calls of other processes that are served here",
};

pub(super) const REPEATED: Metric = Metric {
    name: "steadfast.call.repeats",
    kind: Kind::Counter,
    unit: "{call}",
    attributes: &[RPC_METHOD],
    help: "Attempts after a failed one: calls of a function whose last call failed in the same request",
};

pub(super) const CALLS_ACTIVE: Metric = Metric {
    name: "steadfast.call.active",
    kind: Kind::Gauge,
    unit: "{call}",
    attributes: &[],
    help: "Calls under way that components and the host make",
};

pub(super) const CALLS_WAITING: Metric = Metric {
    name: "steadfast.call.waiting",
    kind: Kind::Gauge,
    unit: "{call}",
    attributes: &[COMPONENT],
    help: "Calls that wait for the one instance of a component that serves all of them",
};

pub(super) const REQUESTS: Metric = Metric {
    name: "http.server.request.duration",
    kind: Kind::Histogram,
    unit: "s",
    attributes: &[HTTP_METHOD, SCHEME, HTTP_STATUS, ERROR_TYPE],
    help: "Requests that came in, until the head of the answer",
};

pub(super) const REQUESTS_ACTIVE: Metric = Metric {
    name: "http.server.active_requests",
    kind: Kind::Gauge,
    unit: "{request}",
    attributes: &[HTTP_METHOD, SCHEME],
    help: "Requests that a component works on",
};

pub(super) const SENT: Metric = Metric {
    name: "http.client.request.duration",
    kind: Kind::Histogram,
    unit: "s",
    attributes: &[HTTP_METHOD, SERVER, PORT, HTTP_STATUS, ERROR_TYPE, DELIVERY],
    help: "Requests that components send, until the head of the answer",
};

pub(super) const INSTANCES: Metric = Metric {
    name: "steadfast.instances",
    kind: Kind::Gauge,
    unit: "{instance}",
    attributes: &[COMPONENT, INSTANCE_STATE],
    help: "Instances that there are now, at work or kept for more of it",
};

pub(super) const STARTED: Metric = Metric {
    name: "steadfast.instance.starts",
    kind: Kind::Counter,
    unit: "{instance}",
    attributes: &[COMPONENT],
    help: "Instances that were made",
};

pub(super) const TRAPPED: Metric = Metric {
    name: "steadfast.instance.traps",
    kind: Kind::Counter,
    unit: "{trap}",
    attributes: &[COMPONENT],
    help: "Instances that trapped",
};

pub(super) const MEMORY: Metric = Metric {
    name: "steadfast.memory.usage",
    kind: Kind::Gauge,
    unit: "By",
    attributes: &[],
    help: "Linear memory of all instances",
};

pub(super) const BREAKERS: Metric = Metric {
    name: "steadfast.breaker.state",
    kind: Kind::Gauge,
    unit: "{breaker}",
    attributes: &[BREAKER, BREAKER_STATE],
    help: "1 for the state of a shared breaker, as this host last saw it in the store, and 0 for the others",
};

pub(super) const MESSAGES: Metric = Metric {
    name: "steadfast.messages",
    kind: Kind::Counter,
    unit: "{message}",
    attributes: &[MESSAGE_EVENT],
    help: "What became of messages",
};

pub(super) const MESSAGES_ACTIVE: Metric = Metric {
    name: "steadfast.message.active",
    kind: Kind::Gauge,
    unit: "{message}",
    attributes: &[],
    help: "Messages that are here and not over",
};

/// In the order of the docs.
const ALL: [&Metric; 15] = [
    &CALLS,
    &SERVED,
    &REPEATED,
    &CALLS_ACTIVE,
    &CALLS_WAITING,
    &REQUESTS,
    &REQUESTS_ACTIVE,
    &SENT,
    &INSTANCES,
    &STARTED,
    &TRAPPED,
    &MEMORY,
    &BREAKERS,
    &MESSAGES,
    &MESSAGES_ACTIVE,
];

/// The attributes that a metric may have.
pub(super) fn attributes_of(name: &str) -> &'static [&'static str] {
    ALL.iter().find(|metric| metric.name == name).map_or(&[], |metric| metric.attributes)
}

/// A name of OpenTelemetry, as OpenMetrics has it: without the unit, which the encoder puts behind it.
pub(super) fn open_metrics(name: &str) -> String {
    name.replace('.', "_")
}

/// What a unit is called in the name of a metric; counts have none.
pub(super) fn unit_word(unit: &str) -> Option<&'static str> {
    match unit {
        "s" => Some("seconds"),
        "By" => Some("bytes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BEGIN: &str =
        "<!-- The table is generated: UPDATE_GENERATED=1 cargo test -p steadfast-host --lib metrics -->\n\n";
    const END: &str = "\n<!-- The end of it. -->";

    fn row(metric: &Metric) -> String {
        let unit = unit_word(metric.unit).map_or(String::new(), |unit| format!("_{unit}"));
        let (suffix, kind) = match metric.kind {
            Kind::Counter => ("_total", "counter"),
            Kind::Gauge => ("", "gauge"),
            Kind::Histogram => ("", "histogram"),
        };
        let labels = metric.attributes.iter().map(|name| format!("`{}`", open_metrics(name)));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let name = open_metrics(metric.name);
        format!("| `{name}{unit}{suffix}` | `{}` | {kind} | {labels} | {} |\n", metric.name, metric.help)
    }

    #[test]
    fn the_page_of_the_docs_lists_all_metrics() {
        let mut table =
            String::from("| on the page | in OTLP | kind | labels | what it says |\n| --- | --- | --- | --- | --- |\n");
        ALL.iter().for_each(|metric| table.push_str(&row(metric)));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
        let page = std::fs::read_to_string(&path).expect("the page is there");
        let (before, rest) = page.split_once(BEGIN).expect("the place of the table");
        let (_, after) = rest.split_once(END).expect("its end");
        let expected = [before, BEGIN, &table, END, after].concat();
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &expected).expect("it can be written");
        } else {
            assert!(page == expected, "docs/metrics.md is not what there is; run this with UPDATE_GENERATED=1");
        }
    }

    #[test]
    fn names_are_those_that_both_formats_take() {
        for metric in ALL {
            let names = metric.attributes.iter().chain([&metric.name]);
            for name in names {
                let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                assert!(name.split('.').all(word), "{name}");
            }
            // OpenMetrics puts these behind a name itself.
            let reserved = ["_total", "_count", "_sum", "_bucket", "_created", "_info", "_seconds", "_bytes"];
            let name = open_metrics(metric.name);
            assert!(!reserved.iter().any(|end| name.ends_with(end)), "{name}");
        }
    }
}
