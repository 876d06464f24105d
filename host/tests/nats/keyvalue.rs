//! Key-value stores that are servers of their own: JetStream, and Redis.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tempfile::TempDir;

use crate::server::Server;
use crate::{Bytes, Full, Host, Manifest, Request, Time, component};
use http_body_util::BodyExt;

/// A store, and how a link leads to it.
struct Store {
    server: Kind,
    link: String,
    _folder: TempDir,
}

enum Kind {
    Nats(Server),
    #[cfg(feature = "redis")]
    Redis(redis::Redis),
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
        let folder = tempfile::tempdir().expect("a folder");
        let config: PathBuf = folder.path().join("nats.conf");
        let text = format!("jetstream {{ store_dir: '{}' }}", folder.path().display());
        std::fs::write(&config, text).expect("the folder is ours");
        let server = Server::configured(Some(config)).await?;
        let link = format!("{{ provider = 'keyvalue', nats = '{}', bucket = 'state' }}", server.url());
        Some(Store { server: Kind::Nats(server), link, _folder: folder })
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

    /// A host with `package`, whose store this is.
    fn host(&self, package: &str, rest: &str) -> Host {
        let (component, link) = (component(package).display(), &self.link);
        let text = format!(
            "component = '{component}'\ninvocation-timeout = '30s'\n[links]\n'wasi:keyvalue/store' = {link}\n{rest}"
        );
        Host::load(&Manifest::parse(&text, "test.toml").unwrap(), Time::Real).unwrap()
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
        let (one, other) = (store.host("keeper", ""), store.host("keeper", ""));
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
        let hosts = [store.host("keeper", ""), store.host("keeper", "")];
        let sums = join_all((0..32).map(|number| ask(&hosts[number % 2], "a", "increment n 1"))).await;
        let mut sums: Vec<u64> = sums.iter().map(|sum| sum[0].parse().expect("a number")).collect();
        sums.sort_unstable();
        assert_eq!(sums, (1..=32).collect::<Vec<_>>(), "{}", store.link);
    }
}

#[tokio::test]
async fn a_store_that_was_killed_is_asked_again_when_it_is_back() {
    for mut store in Store::all().await {
        let host = store.host("keeper", "");
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

#[tokio::test]
async fn where_one_host_trips_the_other_rejects() {
    for mut store in Store::all().await {
        let links =
            |fault| format!("'test:guests/hostile' = {{ component = '{}' }}\n{fault}", component("callee").display());
        let one = store.host("sharer", &links("[[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'"));
        let other = store.host("sharer", &links(""));
        assert_eq!(answer(&other, "/shared", "").await.0, 200, "its target is there");
        for _ in 0..5 {
            assert_eq!(answer(&one, "/shared", "").await.0, 503);
        }
        let began = Instant::now();
        assert_eq!(answer(&other, "/shared", "").await.0, 503, "the next call, whatever its target does");
        // With the store gone, it goes on by itself.
        store.kill();
        while answer(&other, "/shared", "").await.0 != 200 {
            tokio::task::yield_now().await;
        }
        store.start_again().await;
        if began.elapsed() < Duration::from_secs(8) {
            while answer(&other, "/shared", "").await.0 != 503 && began.elapsed() < Duration::from_secs(8) {
                tokio::task::yield_now().await;
            }
            assert!(began.elapsed() < Duration::from_secs(8), "what the store held is there again");
        }
    }
}

#[cfg(feature = "redis")]
mod redis {
    use std::process::{Child, Command, Stdio};

    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::{Kind, Store};
    use crate::server::free_port;

    /// A server that keeps what it has in a folder.
    pub struct Redis {
        port: u16,
        folder: std::path::PathBuf,
        child: Child,
    }

    pub async fn store() -> Option<Store> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "redis-server is missing; install the package redis-server");
            println!("skipped: redis-server not found");
            return None;
        }
        let folder: TempDir = tempfile::tempdir().expect("a folder");
        let (port, path) = (free_port(), folder.path().to_path_buf());
        let server = Redis { port, child: spawn(port, &path), folder: path };
        server.wait().await;
        let link = format!("{{ provider = 'keyvalue', redis = 'redis://127.0.0.1:{port}' }}");
        Some(Store { server: Kind::Redis(server), link, _folder: folder })
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
