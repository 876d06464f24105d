//! A job that one of two hosts runs, and the other when the first is gone.

use crate::component;
use crate::keyvalue::jetstream;
use crate::process::Process;

#[tokio::test]
async fn one_of_two_hosts_runs_a_job_and_then_the_other() {
    let Some((server, folder)) = jetstream().await else { return };
    let manifest = format!(
        "component = '{}'\nlisten = '127.0.0.1:0'\n[[cron]]\ncall = 'test:guests/hostile#count'\nevery = '50ms'\n\
         lease = '5s'\n[links]\n'wasi:keyvalue/store' = {{ provider = 'keyvalue', nats = '{}' }}\n",
        component("callee").display(),
        server.url()
    );
    std::fs::write(folder.path().join("jobs.toml"), manifest).expect("the folder is ours");
    let start = || Process::start(folder.path(), &["serve", "--manifest", "jobs.toml"].map(String::from), &[]);
    let runs = |process: &Process| process.log().matches(" ran call=").count();
    let mut hosts = [start(), start()];
    let runs_of = |hosts: &[Process; 2]| [runs(&hosts[0]), runs(&hosts[1])];
    // Both ask for the lease at once.
    let before = loop {
        let before = runs_of(&hosts);
        if before.iter().any(|runs| *runs >= 20) {
            break before;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let first = usize::from(before[1] > before[0]);
    let [leader, other] = [first, 1 - first];
    assert_eq!(before[other], 0, "{before:?}");
    let _ = hosts[leader].child.kill();
    let _ = hosts[leader].child.wait();
    while runs(&hosts[other]) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(hosts[other].log().contains("this host runs the cron job `test:guests/hostile#count` from now on"));
}
