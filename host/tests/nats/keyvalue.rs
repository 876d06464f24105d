//! Key-value stores that are servers of their own: JetStream, and Redis.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tempfile::TempDir;

use crate::process::{self, Process};
use crate::server::Server;
use crate::{Bytes, Full, Host, Manifest, Request, Time, component};
use http_body_util::BodyExt;

/// A store, and how a link leads to it.
struct Store {
    server: Kind,
    link: String,
    folder: TempDir,
}

enum Kind {
    Nats(Server),
    #[cfg(feature = "redis")]
    Redis(redis::Redis),
}

/// A server with JetStream, and the folder where it keeps its streams.
pub async fn jetstream() -> Option<(Server, TempDir)> {
    let folder = tempfile::tempdir().expect("a folder");
    let config: PathBuf = folder.path().join("nats.conf");
    let text = format!("jetstream {{ store_dir: '{}' }}", folder.path().display());
    std::fs::write(&config, text).expect("the folder is ours");
    Some((Server::configured(Some(config)).await?, folder))
}

impl Store {
    /// All stores that are installed here.
    async fn all() -> Vec<Self> {
        let mut all = Vec::new();
        all.extend(Store::nats().await);
        #[cfg(feature = "redis")]
        all.extend(redis::store().await);
        all
    }

    async fn nats() -> Option<Self> {
        let (server, folder) = jetstream().await?;
        let link = format!("{{ provider = 'keyvalue', nats = '{}', bucket = 'state' }}", server.url());
        Some(Store { server: Kind::Nats(server), link, folder })
    }

    fn kill(&mut self) {
        match &mut self.server {
            Kind::Nats(server) => server.kill(),
            #[cfg(feature = "redis")]
            Kind::Redis(server) => server.kill(),
        }
    }

    async fn start_again(&mut self) {
        match &mut self.server {
            Kind::Nats(server) => server.start_again().await,
            #[cfg(feature = "redis")]
            Kind::Redis(server) => server.start_again().await,
        }
    }

    /// A host with the guest `keeper`, whose store this is.
    fn host(&self) -> Host {
        Host::load(&Manifest::parse(&self.manifest("keeper", ""), "test.toml").unwrap(), Time::Real).unwrap()
    }

    fn manifest(&self, package: &str, rest: &str) -> String {
        let (component, link) = (component(package).display(), &self.link);
        format!(
            "component = '{component}'\ninvocation-timeout = '30s'\n[links]\n'wasi:keyvalue/store' = {link}\n{rest}"
        )
    }
}

async fn answer(host: &Host, path: &str, body: &'static str) -> (u16, String) {
    let request = Request::post(path).header("host", "localhost").body(Full::new(Bytes::from(body))).unwrap();
    let response = host.handle(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// What came of each line of operations on a bucket.
async fn ask(host: &Host, bucket: &str, operations: &'static str) -> Vec<String> {
    let (status, body) = answer(host, &format!("/{bucket}"), operations).await;
    assert_eq!(status, 200, "{body}");
    body.lines().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_store_that_is_a_server_does_what_the_one_in_memory_does() {
    for store in Store::all().await {
        let (one, other) = (store.host(), store.host());
        let first = "set k one\nget k\nincrement n 2\nexists k\nget none\nexists none\nset a.b=c* x\nget a.b=c*";
        assert_eq!(
            ask(&one, "a", first).await,
            ["()", "one", "2", "true", "none", "false", "()", "x"],
            "{}",
            store.link
        );
        assert_eq!(ask(&other, "a", "get k\nincrement n 3\nget n\nkeys").await, ["one", "5", "5", "3 in 1"]);
        assert_eq!(ask(&other, "b", "get k\nexists n\nkeys").await, ["none", "false", "0 in 1"], "another bucket");
        assert_eq!(
            ask(&other, "a", "delete k\ndelete k\nget k\nset k two\nget k").await,
            ["()", "()", "none", "()", "two"]
        );
        let swaps = "second swap s one\nsecond swap s two\nsecond late s other three\nsecond late new first second\nget s\n\
                     second increment minus -3";
        let failed = ["failed, since it is other, and swapped", "failed, since it is first, and swapped"];
        let swapped = ["none swapped", "one swapped", failed[0], failed[1], "three", "-3"];
        assert_eq!(ask(&one, "d", swaps).await, swapped, "{}", store.link);
        let many = "set-many 0 30\nget-many key-0 none n\ndelete-many key-0 none\nkeys\nget-many\ndelete-many";
        let many = ask(&one, "c", many).await;
        assert_eq!(many, ["()", "key-0=value none none", "()", "29 in 1", "", "()"]);
        let refused =
            ask(&one, "a", "set text abc\nincrement text 1\nset-bytes large 1048577\nincrement n 18446744073709551615")
                .await;
        assert!(refused[1].contains("its value is no number"), "{refused:?}");
        assert!(refused[2].contains("a value may have 1048576"), "{refused:?}");
        assert!(refused[3].contains("would not fit into 64 bits"), "{refused:?}");
    }
}

#[tokio::test]
async fn increments_of_two_hosts_at_a_time_all_count() {
    for store in Store::all().await {
        let hosts = [store.host(), store.host()];
        let sums = join_all((0..32).map(|number| ask(&hosts[number % 2], "a", "increment n 1"))).await;
        let mut sums: Vec<u64> = sums.iter().map(|sum| sum[0].parse().expect("a number")).collect();
        sums.sort_unstable();
        assert_eq!(sums, (1..=32).collect::<Vec<_>>(), "{}", store.link);
    }
}

#[tokio::test]
async fn a_store_that_was_killed_is_asked_again_when_it_is_back() {
    for mut store in Store::all().await {
        let host = store.host();
        assert_eq!(ask(&host, "a", "set k one").await, ["()"]);
        store.kill();
        let mut lost = ask(&host, "a", "get k").await;
        while lost[0] == "one" {
            // The host has not seen it yet.
            lost = ask(&host, "a", "get k").await;
        }
        assert!(lost[0].contains("the store could not be asked"), "{lost:?}");
        store.start_again().await;
        while ask(&host, "a", "get k").await != ["one"] {
            tokio::task::yield_now().await;
        }
    }
}

/// `steadfast serve` as a process of its own, with the guest `sharer`.
struct Served {
    process: Process,
    address: String,
}

impl Served {
    fn start(store: &Store, name: &str, faults: &str) -> Self {
        // A break that no machine outlasts.
        let config = "[config]\nsteadfast = \"\"\"policies.hostile.breaker = { \
                      shared = 'keyvalue', name = 'sharer/named', open-for = '1h' }\npolicies.hostile.retry = { \
                      attempts = 1, budget = { windowed = 1, min-per-second = 0, ttl = '9000h', shared = 'keyvalue', \
                      name = 'sharer/named' } }\"\"\"";
        let callee = component("callee").display();
        let callee = format!("'test:guests/hostile' = {{ component = '{callee}' }}\n{config}\n{faults}");
        let file = format!("{name}.toml");
        let folder = store.folder.path();
        std::fs::write(folder.join(&file), store.manifest("sharer", &callee)).expect("the folder is ours");
        let arguments = ["serve", "--manifest", &file, "--listen", "127.0.0.1:0"].map(String::from);
        let mut process = Process::start(folder, &arguments, &[]);
        let address = process.line().strip_prefix("listening on http://").expect("the next line").to_string();
        Served { process, address }
    }

    /// The status of an answer.
    async fn status(&self) -> String {
        let answer =
            process::ask(&self.address, "GET /named HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        answer[9..12].to_string()
    }
}

#[tokio::test]
async fn where_one_process_trips_the_other_rejects() {
    for mut store in Store::all().await {
        let one = Served::start(&store, "one", "[[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'");
        let other = Served::start(&store, "other", "");
        assert_eq!(other.status().await, "200", "its target is there");
        for _ in 0..5 {
            assert_eq!(one.status().await, "503");
        }
        assert_eq!(other.status().await, "503", "the next call, whatever its target does");
        let (status, ready) = other.process.get("/readyz").await;
        assert!(status == 200 && ready.contains("\"state\":\"answering\""), "{ready}");
        // With the store gone, it goes on by itself.
        store.kill();
        while other.status().await != "200" {
            tokio::task::yield_now().await;
        }
        let (status, ready) = other.process.get("/readyz").await;
        assert!(status == 200 && ready.contains("\"state\":\"failing\""), "{ready}");
        store.start_again().await;
        // It finds what was there before.
        let back = Instant::now();
        while other.status().await != "503" {
            assert!(back.elapsed() < Duration::from_secs(60), "it was not rejected again");
        }
    }
}

/// `steadfast state` on a store: what it says, where that is a success.
fn state(store: &Store, arguments: &[&str], file: &str) -> Result<String, String> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.arg("state").args(arguments).args(["--manifest", file]).current_dir(store.folder.path());
    let output = command.output().expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[tokio::test]
async fn a_breaker_is_shown_and_reset_from_outside() {
    for store in Store::all().await {
        let fault = "[[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'\nfirst = 5";
        let one = Served::start(&store, "shown", fault);
        let shown = |arguments: &[&str]| state(&store, arguments, "shown.toml");
        assert_eq!(shown(&["show"]), Ok("no breaker and no budget has a state in the bucket `default`\n".into()));
        assert_eq!(one.status().await, "503");
        let seen = "sharer/named  closed, and has seen failures since the last success\n\
                    sharer/named  a budget: in its newest slot, 0 tokens were spent on retries of 1 calls\n";
        assert_eq!(shown(&["show"]), Ok(seen.into()));
        for _ in 0..4 {
            assert_eq!(one.status().await, "503");
        }
        let open = shown(&["show", "sharer/named"]).unwrap();
        let breaker = open.lines().next().unwrap_or_default();
        assert!(
            breaker.starts_with("sharer/named  open for ") && breaker.ends_with(" more, since no-target"),
            "{open}"
        );
        assert!(open.ends_with("0 tokens were spent on retries of 5 calls\n"), "{open}");
        let json: serde_json::Value = serde_json::from_str(&shown(&["show", "--json"]).unwrap()).unwrap();
        assert_eq!((&json["budgets"][0]["calls"], &json["budgets"][0]["spent"]), (&5.into(), &0.into()));
        let breaker = &json["breakers"][0];
        assert_eq!(
            (&breaker["state"], &breaker["cause"], &breaker["generation"]),
            (&"open".into(), &"no-target".into(), &1.into())
        );
        assert!((0.0..=3_600.0).contains(&breaker["retry-after"].as_f64().unwrap()), "{json}");
        assert_eq!(one.status().await, "503", "its target is back, and it is open");
        let misspelt = shown(&["reset", "sharer/nmaed"]).unwrap_err();
        assert_eq!(
            misspelt,
            "error: cannot use the store: the bucket `default` has nothing of a breaker `sharer/nmaed`; did you mean \
             `sharer/named`?\n"
        );
        assert_eq!(shown(&["reset", "sharer/named"]), Ok("sharer/named is closed\n".into()));
        assert_eq!(one.status().await, "200");
        assert_eq!(shown(&["reset", "sharer/named"]), Ok("sharer/named was closed, and had seen no failure\n".into()));
    }
}

#[test]
fn simulated_time_has_no_store_elsewhere() {
    let manifest = format!(
        "component = '{}'\n[links]\n'wasi:keyvalue/store' = {{ provider = 'keyvalue', nats = 'nats://127.0.0.1:4222' }}",
        component("keeper").display()
    );
    let manifest = Manifest::parse(&manifest, "test.toml").unwrap();
    let error =
        steadfast_host::sim::run(async { Host::load(&manifest, Time::Simulated).err() }).expect("it is refused");
    let expected = "test.toml:3: `wasi:keyvalue/store` is linked to a provider that needs a server, and simulated time has \
                    no network; link it to a component, or a `keyvalue` in memory";
    assert_eq!(error.to_string(), expected);
}

#[cfg(feature = "redis")]
mod redis {
    use std::process::{Child, Command, Stdio};

    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::{Kind, Store, ask};
    use crate::access::{authority, certificate};
    use crate::server::free_port;
    use crate::{Host, Manifest, Time, component};

    /// A server that keeps what it has in a folder.
    pub struct Redis {
        port: u16,
        folder: std::path::PathBuf,
        child: Child,
    }

    fn installed() -> bool {
        let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
        if !found {
            assert!(std::env::var_os("CI").is_none(), "redis-server is missing; install the package redis-server");
            println!("skipped: redis-server not found");
        }
        found
    }

    pub async fn store() -> Option<Store> {
        if !installed() {
            return None;
        }
        let folder: TempDir = tempfile::tempdir().expect("a folder");
        let (port, path) = (free_port(), folder.path().to_path_buf());
        let server = Redis { port, child: spawn(port, &path), folder: path };
        server.wait().await;
        let link = format!("{{ provider = 'keyvalue', redis = 'redis://127.0.0.1:{port}' }}");
        Some(Store { server: Kind::Redis(server), link, folder })
    }

    /// One with TLS, whose certificate is in the folder; its address.
    fn with_tls(folder: &std::path::Path) -> (Redis, String) {
        let port = free_port();
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--tls-port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-auth-clients", "no"]);
        command.args(["--tls-ca-cert-file", "right.pem"]).current_dir(folder);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was found before");
        let server = Redis { port, folder: folder.to_path_buf(), child };
        (server, format!("rediss://127.0.0.1:{port}"))
    }

    #[tokio::test]
    async fn a_store_over_tls_is_used_where_its_certificate_is_trusted() {
        if !installed() {
            return;
        }
        let folder: TempDir = tempfile::tempdir().expect("a folder");
        certificate(folder.path(), "server", &authority(folder.path(), "right"));
        authority(folder.path(), "wrong");
        let (server, address) = with_tls(folder.path());
        while TcpStream::connect(("127.0.0.1", server.port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        let host = |ca: &str| {
            let ca = folder.path().join(ca).display().to_string();
            let text = format!(
                "component = '{}'\n[links]\n'wasi:keyvalue/store' = {{ provider = 'keyvalue', redis = '{address}', \
                 ca = '{ca}' }}",
                component("keeper").display()
            );
            Host::load(&Manifest::parse(&text, "test.toml").unwrap(), Time::Real).unwrap()
        };
        assert_eq!(ask(&host("right.pem"), "a", "set k one\nget k").await, ["()", "one"]);
        let refused = ask(&host("wrong.pem"), "a", "get k").await;
        let expected = "protocol (not-sent): Redis: invalid peer certificate: UnknownIssuer; give the certificate of who \
                        signed the server's as `ca`, beside `redis`";
        assert!(refused[0].contains(expected), "{refused:?}");
    }

    fn spawn(port: u16, folder: &std::path::Path) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--dir"]).arg(folder);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it was found before")
    }

    impl Redis {
        pub fn kill(&mut self) {
            self.child.kill().expect("it is ours");
            self.child.wait().expect("it was started");
        }

        pub async fn start_again(&mut self) {
            self.child = spawn(self.port, &self.folder);
            self.wait().await;
        }

        /// Until it has read what it kept.
        async fn wait(&self) {
            let answered = async || {
                let mut answer = [0; 5];
                let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await?;
                connection.write_all(b"PING\r\n").await?;
                connection.read_exact(&mut answer).await?;
                Ok::<_, std::io::Error>(&answer == b"+PONG")
            };
            while !answered().await.unwrap_or(false) {
                tokio::task::yield_now().await;
            }
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
