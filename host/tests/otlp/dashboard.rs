//! The dashboard for Grafana: its queries are of metrics and labels that hosts really have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::metrics::{ADMIN, breaker, caller, chain, page_with};
use crate::page::Page;
use crate::process::Steadfast;

/// What a query asks of: metrics, and the labels by which it selects and groups.
#[derive(Debug, Default)]
struct Asked {
    /// By the name of the metric.
    selected: Vec<(String, Vec<(String, String)>)>,
    grouped: BTreeSet<String>,
}

impl ExprVisitor for Asked {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        let mut select = |vector: &VectorSelector| {
            let matchers = vector.matchers.matchers.iter();
            let labels = matchers.map(|matcher| (matcher.name.clone(), matcher.value.clone())).collect();
            self.selected.push((vector.name.clone().expect("a metric has a name"), labels));
        };
        match expression {
            Expr::VectorSelector(vector) => select(vector),
            Expr::MatrixSelector(matrix) => select(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = &aggregate.modifier {
                    self.grouped.extend(labels.labels.iter().cloned());
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// The queries of a dashboard, with the title of their panel.
fn queries(dashboard: &serde_json::Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let queries = panels.iter().flat_map(|panel| {
        let title = panel["title"].as_str().expect("a title").to_string();
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(move |target| (title.clone(), target["expr"].as_str().expect("a query").to_string()))
    });
    queries.collect()
}

/// What Grafana puts in place of its variables.
fn filled(query: &str) -> String {
    query.replace("$__rate_interval", "5m").replace("$job", ".*")
}

/// The series of hosts that served, and failed to.
async fn served() -> Page {
    let (chain, breaker, caller) = (chain(&[]), breaker(), caller());
    assert_eq!(chain.get("/Ada", &[]).await.0, 200);
    for _ in 0..5 {
        breaker.get("/Ada", &[]).await;
    }
    for path in ["/fetch/http://quotes.test/quote", "/fetch/http://127.0.0.1:1/", "/count", "/trap", "/panic-here"] {
        caller.get(path, &[]).await;
    }
    let provider = Steadfast::provide("callee", &[&["--tcp", "127.0.0.1:0"], &ADMIN[..]].concat(), &[]);
    let link = format!("[links]\n'test:guests/hostile' = {{ tcp = '{}' }}", provider.address());
    let front = Steadfast::serve(&format!("component = '<caller>'\n{link}"), &[], &[]);
    for path in ["/count", "/trap"] {
        front.get(path, &[]).await;
    }
    let mut all = Page::default();
    for host in [&chain, &breaker, &caller, &provider] {
        all.0.extend(page_with(host, |_| true).await.0);
    }
    all
}

#[tokio::test]
async fn the_queries_of_the_dashboard_are_of_what_there_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/steadfast.json");
    let text = std::fs::read_to_string(&file).expect("the dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let page = served().await;
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, of_it, _) in &page.0 {
        labels.entry(name).or_default().extend(of_it.keys().map(String::as_str));
    }
    let queries = queries(&dashboard);
    assert!(queries.len() > 12, "{queries:?}");
    for (panel, query) in &queries {
        let expression = parser::parse(&filled(query)).unwrap_or_else(|error| panic!("{panel}: {query}: {error}"));
        let mut asked = Asked::default();
        walk_expr(&mut asked, &expression).expect("it is looked at");
        assert!(!asked.selected.is_empty(), "{panel}: {query}");
        for (metric, selected) in &asked.selected {
            let known = labels.get(metric.as_str()).unwrap_or_else(|| panic!("{panel}: no host has {metric}"));
            // Prometheus gives these itself.
            let has = |label: &str| known.contains(label) || matches!(label, "job" | "instance");
            let missing: Vec<_> = selected.iter().map(|(name, _)| name).chain(&asked.grouped).collect();
            let missing: Vec<_> = missing.into_iter().filter(|label| !has(label)).collect();
            assert!(missing.is_empty(), "{panel}: {metric} has no {missing:?}, but {known:?}");
            // A value that is selected must be there; a pattern may be of what is there on other hosts.
            for (name, value) in
                selected.iter().filter(|(_, value)| value.bytes().all(|byte| byte != b'.' && byte != b'*'))
            {
                let there = page
                    .all(metric)
                    .iter()
                    .any(|labels| labels.get(name).is_none_or(|there| value.is_empty() || there == value));
                assert!(there, "{panel}: no {metric} has {name}={value}");
            }
        }
    }
    // All that hosts count is on it.
    let bases = |name: &str| {
        ["_bucket", "_count", "_sum"].iter().fold(name.to_string(), |name, end| name.trim_end_matches(end).into())
    };
    let shown: String = queries.iter().map(|(_, query)| query.as_str()).collect();
    let left: BTreeSet<_> =
        page.0.iter().map(|(name, ..)| bases(name)).filter(|name| !shown.contains(name.as_str())).collect();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), ["target_info"], "they are on no panel");
}
