//! Whatever is cut off or changed, nothing panics, and there is one line to read. Within this process, as a
//! process for each byte would take minutes.

use steadfast_host::sim::{self, Time};
use steadfast_host::{Error, Host, Manifest};

use crate::{Folder, GREET, app, linked_to, provider, with};

fn load(folder: &Folder, manifest: &str) -> Result<(), Error> {
    let manifest = Manifest::parse(manifest, folder.path("hello.toml"))?;
    sim::run(async { Host::load(&manifest, Time::Simulated).map(drop) })
}

fn compose(folder: &Folder) -> Result<(), Error> {
    steadfast_host::compose(&folder.path("app.wasm"), &folder.path("greeter.wasm")).map(drop)
}

/// What says of each prefix of `whole`, and of it with each byte inverted, what it says, in one line or not at all.
fn assert_one_line_for_each_damage(whole: &[u8], attempt: impl Fn(&[u8]) -> Result<(), Error>) {
    attempt(whole).expect("the whole is fine");
    let assert = |damaged: &[u8], what: String| {
        if let Err(error) = attempt(damaged) {
            let message = error.to_string();
            assert!(message.lines().count() == 1 && message.contains("; "), "{what}: {message}");
        }
    };
    for place in 0..whole.len() {
        assert(&whole[..place], format!("the first {place} bytes"));
        let mut damaged = whole.to_vec();
        damaged[place] ^= 0xff;
        assert(&damaged, format!("byte {place} inverted"));
    }
}

#[test]
fn a_component_to_serve_may_be_damaged_anywhere() {
    let folder = Folder::new();
    assert_one_line_for_each_damage(&app(GREET), |bytes| {
        std::fs::write(folder.path("app.wasm"), bytes).expect("the folder is ours");
        load(&folder, &with(""))
    });
}

#[test]
fn a_component_to_compose_may_be_damaged_anywhere() {
    let folder = Folder::new().with("app.wasm", app(GREET));
    assert_one_line_for_each_damage(&provider("0.1.0", GREET), |bytes| {
        std::fs::write(folder.path("greeter.wasm"), bytes).expect("the folder is ours");
        compose(&folder)
    });
}

#[test]
fn a_manifest_may_be_cut_anywhere() {
    let folder = Folder::new().with("app.wasm", app(GREET)).with("greeter.wasm", provider("0.1.0", GREET));
    let whole = linked_to("greeter.wasm")
        + "[[faults]]\non = 'acme:greeter/api#greet'\nkind = 'latency'\nfrom = '1s'\nuntil = '2s'\ndelay = '1s'\n\
           [http]\nallow = ['a.test', '127.0.0.1:9000']\nupstreams.'b.test' = { component = 'app.wasm' }\n\
           [config]\ntone = 'polite'\n\
           [[cron]]\ncall = 'acme:greeter/api#greet'\nevery = '10s'\npayload = 'Ada'\ntimeout = '1s'\n\
           [[faults]]\non = 'http://a.test'\nkind = 'status'\nstatus = 503\nretry-after = '1s'\n";
    load(&folder, &whole).expect("the whole is fine");
    for length in 0..whole.len() {
        if let Err(error) = load(&folder, &whole[..length]) {
            assert_eq!(error.to_string().lines().count(), 1, "the first {length} bytes: {error}");
        }
    }
}
