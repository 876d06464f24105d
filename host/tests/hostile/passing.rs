//! Components that pass more to the host in one call than it takes.

#[path = "../nats/serving.rs"]
mod serving;

use serving::{Host, peak_mib};

use crate::stage::component;

#[tokio::test]
async fn a_guest_that_passes_too_much_traps_in_bounded_memory() {
    let links = format!("[links]\n'test:guests/masses' = {{ component = '{}' }}\n", component("callee").display());
    let host = Host::start(component("caller"), &links);
    for (path, status) in [
        // As parameters, the caller traps; as results, the component that it calls.
        ("put-marks/4000000", 500),
        ("put-wide/1000000", 500),
        ("get-marks/4000000", 502),
        ("get-wide/1000000", 502),
        // So few that there is room for the lists, and none for all that is in them.
        ("put-marks/300000", 500),
        ("put-wide/150000", 500),
        ("get-marks/300000", 502),
        ("get-wide/150000", 502),
    ] {
        let answer = host.get(&format!("/masses/{path}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert_eq!(answer.contains(r#""cause":"trapped""#), status == 502, "{path}: {answer}");
        if let Some(peak) = peak_mib(&host.child) {
            // 448 MiB, and the process with two instances.
            assert!(peak < 700, "{path}: {peak} MiB");
        }
    }
    for path in ["put-bytes/500000", "get-bytes/500000", "put-marks/1000", "get-wide/1000"] {
        let answer = host.get(&format!("/masses/{path}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
}
