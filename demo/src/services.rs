//! `cargo demo --services`: orders in a real Postgres server, to which everything happens that happens to servers. Then
//! messages over a real NATS server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use steadfast_demo::guests::Guests;
use steadfast_demo::postgres::Server;
use steadfast_host::sim::Time;
use steadfast_host::{Host, Manifest, Provider};
use tokio::net::TcpListener;

use steadfast_demo::client::{self, Answer};
use steadfast_demo::scenario::{Ask, Read, SOME_TIME, Step, ms, step};
use steadfast_demo::table::{self, Row};

/// What is added to the table of the example. An order of something slow does not end by itself, so it is under way when
/// the server is stopped.
const SLOW: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.item LIKE 'slow%') EXECUTE FUNCTION wait();
    CREATE ROLE app LOGIN;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
";

/// How many orders are sent while the server is killed and started again, and how many at a time.
const ORDERS: usize = 400;
const AT_ONCE: usize = 16;

const POST: Ask = Ask::Post("/orders", "coffee");
const SLOW_POST: Ask = Ask::Post("/orders", "slow tea");
const READ: Ask = Ask::Get("/orders");
const UNKNOWN: &str = "it may have run, and is not idempotent";

/// Whether every row is as promised.
pub async fn run() -> Result<bool, String> {
    // Said before anything is built, when there is none.
    steadfast_demo::postgres::find()?;
    crate::nats::server::find(None)?;
    // Before the server is started: it is ended on the way out.
    let interrupted = crate::nats::interrupted()?;
    tokio::select! {
        outcome = show() => outcome,
        () = interrupted => Err("interrupted".into()),
    }
}

async fn show() -> Result<bool, String> {
    const PACKAGES: [&str; 5] = ["postgres", "published", "messenger", "tasks", "greeter"];
    eprintln!("building the components: {}", PACKAGES.join(", "));
    let guests = Guests::build(&PACKAGES)?;
    let begin = Instant::now();
    eprintln!("starting Postgres");
    let mut stage = Stage::start(guests.file("postgres"), guests.file("published")).await?;
    let mut rows = Vec::new();
    eprintln!("scenario 1 of 6: a server at rest");
    rows.extend(stage.at_rest().await?);
    eprintln!("scenario 2 of 6: a server that is paused");
    rows.extend(stage.paused().await?);
    eprintln!("scenario 3 of 6: a server that is killed, and started again");
    rows.extend(stage.killed().await?);
    eprintln!("scenario 4 of 6: a server that is shut down");
    rows.extend(stage.shut_down().await?);
    eprintln!("scenario 5 of 6: a server without a connection left");
    rows.extend(stage.full().await?);
    eprintln!("scenario 6 of 6: a server that is killed under load");
    rows.push(stage.under_load().await?);
    eprintln!("messages over a NATS server");
    rows.extend(crate::messages::show(&guests).await?);
    println!("{}", table::draw(&rows));
    eprintln!("{} rows in {:.1} s", rows.len(), begin.elapsed().as_secs_f32());
    Ok(rows.iter().all(|row| row.broken_promise.is_none()))
}

/// A server, and the example in front of it.
struct Stage {
    server: Server,
    host: Host,
    address: SocketAddr,
    /// The same with the provider behind a socket.
    apart: SocketAddr,
    /// A component that asks over the interface that wasmCloud published.
    published: SocketAddr,
    manifest: String,
}

impl Stage {
    async fn start(component: &Path, published: &Path) -> Result<Self, String> {
        let server = Server::start(&[])?;
        server.sql(include_str!("../../examples/postgres/orders.sql"))?;
        server.sql(SLOW)?;
        let options = format!("url = '{}'\nconnections = 4", server.url().replace("postgres@", "app@"));
        let of_link = options.replace('\n', ", ");
        let manifest = |component: &Path, interface: &str, link: &str| {
            format!("component = '{}'\n[links]\n'{interface}:postgres/query' = {{ {link} }}\n", component.display())
        };
        let link = format!("provider = 'postgres', {of_link}");
        let built_in = manifest(component, "steadfast", &link);
        let (_, published) = serve(&manifest(published, "wasmcloud", &link)).await?;
        let (host, address) = serve(&built_in).await?;
        let listener = listen().await?;
        let link = format!("tcp = '{}'", address_of(&listener)?);
        let provider = Provider::of_host("postgres", &options).map_err(|error| error.to_string())?;
        tokio::spawn(provider.serve_tcp(listener, || (), std::future::pending()));
        let (_, apart) = serve(&manifest(component, "steadfast", &link)).await?;
        Ok(Stage { server, host, address, apart, published, manifest: built_in })
    }

    /// What comes of a request, beside what is promised.
    async fn ask(&self, step: Step) -> Result<Row, String> {
        let before = self.host.journal().total();
        let answer = send(self.address, step.ask).await?;
        Ok(step.row(&answer, self.host.journal().total() - before))
    }

    /// The same while `during` happens, which begins when the order is in the middle.
    async fn ask_during(
        &mut self,
        step: Step,
        during: impl FnOnce(&mut Server) -> Result<(), String>,
    ) -> Result<Row, String> {
        let before = self.host.journal().total();
        let sent = tokio::spawn(send(self.address, step.ask));
        let at_work = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        self.until(at_work, |count| count == "1").await?;
        during(&mut self.server)?;
        let answer = sent.await.map_err(|error| error.to_string())??;
        Ok(step.row(&answer, self.host.journal().total() - before))
    }

    async fn until(&self, count: &str, is_so: impl Fn(&str) -> bool) -> Result<(), String> {
        let begin = Instant::now();
        while !self.server.sql(count).is_ok_and(|found| is_so(&found)) {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(format!("not as expected within a minute: {count}"));
            }
            tokio::time::sleep(ms(5)).await;
        }
        Ok(())
    }

    /// How many orders of something there are.
    fn orders(&self, item: &str) -> Result<usize, String> {
        let count = self.server.sql(&format!("SELECT count(*) FROM orders WHERE item = '{item}'"))?;
        count.parse().map_err(|_| format!("`{count}` is no count"))
    }

    /// A row for what is in the table.
    fn counted(&self, item: &str, expected: usize) -> Result<Row, String> {
        let count = self.orders(item)?;
        Ok(Row {
            injected: "(what became of them)".into(),
            request: format!("orders of {item} in the table"),
            http: "-".into(),
            read: count.to_string(),
            calls: 0,
            took: Duration::ZERO,
            broken_promise: (count != expected).then(|| format!("promised {expected}")),
        })
    }

    fn empty(&self) -> Result<(), String> {
        self.server.sql("TRUNCATE orders RESTART IDENTITY").map(drop)
    }

    async fn at_rest(&self) -> Result<Vec<Row>, String> {
        let mut rows = vec![
            self.ask(step("nothing", POST, 201, Read::Text("1\n"), 1)).await?,
            self.ask(step("nothing", READ, 200, Read::Text("1 coffee\n"), 1)).await?,
        ];
        // Calls of another host are not counted.
        let apart = step("nothing, the provider in a process of its own", READ, 200, Read::Text("1 coffee\n"), 0);
        rows.push(apart.row(&send(self.apart, READ).await?, 0));
        let (_, faulty) = serve(&format!("{}[[faults]]\nkind = 'drop'\nfirst = 1\n", self.manifest)).await?;
        let dropped = step("answer to a write lost, on purpose", POST, 502, Read::Detail("disconnected", UNKNOWN), 0);
        rows.push(dropped.row(&send(faulty, POST).await?, 0));
        rows.push(self.counted("coffee", 2)?);
        let published = step("nothing, over wasmcloud:postgres", Ask::Get("/"), 200, Read::Text("sum: 2"), 0);
        rows.push(published.row(&send(self.published, published.ask).await?, 0));
        Ok(rows)
    }

    async fn paused(&mut self) -> Result<Vec<Row>, String> {
        self.empty()?;
        let lost = Step {
            took: ms(1_000)..SOME_TIME,
            ..step("paused (SIGSTOP) in the middle of a write", SLOW_POST, 504, Read::Detail("timeout", UNKNOWN), 1)
        };
        let mut rows = vec![self.ask_during(lost, |server| server.pause()).await?];
        // No connection is made, so nothing was sent, and it is tried again as long as there is time.
        let unsent = |ask| Step {
            calls: 2..=4,
            took: ms(2_000)..SOME_TIME,
            ..step("still paused", ask, 504, Read::Problem("timeout"), 3)
        };
        rows.push(self.ask(unsent(POST)).await?);
        rows.push(self.ask(unsent(READ)).await?);
        self.server.resume()?;
        rows.push(self.ask(step("goes on (SIGCONT)", POST, 201, Read::Any, 1)).await?);
        rows.push(self.counted("coffee", 1)?);
        // The wish to cancel the first one came through, or its connection's end did.
        self.until("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", |count| count == "0").await?;
        rows.push(self.counted("slow tea", 0)?);
        Ok(rows)
    }

    async fn killed(&mut self) -> Result<Vec<Row>, String> {
        self.empty()?;
        let lost = |read| Step { ..step("killed (SIGKILL) in the middle of a write", SLOW_POST, 502, read, 1) };
        let mut rows = vec![self.ask_during(lost(Read::Detail("disconnected", UNKNOWN)), Server::kill).await?];
        for ask in [POST, READ] {
            rows.push(self.ask(step("the server is gone", ask, 502, Read::Problem("disconnected"), 4)).await?);
        }
        // Of a failed call, the published interface has only a text, and no trap either.
        const TOLD: &str = "Cause::Other, Delivery::Unknown: disconnected (not-sent): cannot connect to Postgres at ";
        let gone = "the server is gone, over wasmcloud:postgres";
        let published = step(gone, Ask::Get("/"), 200, Read::Start(TOLD), 0);
        rows.push(published.row(&send(self.published, published.ask).await?, 0));
        self.server.run()?;
        rows.push(self.ask(step("started again", POST, 201, Read::Any, 1)).await?);
        rows.push(self.counted("coffee", 1)?);
        rows.push(self.counted("slow tea", 0)?);
        Ok(rows)
    }

    async fn shut_down(&mut self) -> Result<Vec<Row>, String> {
        self.empty()?;
        let ended = Step {
            retry_after: Some("1"),
            ..step("shut down (SIGINT) in the middle of a write", SLOW_POST, 503, Read::Problem("overloaded"), 1)
        };
        let mut rows = vec![self.ask_during(ended, Server::shut_down).await?];
        self.server.run()?;
        rows.push(self.ask(step("started again", POST, 201, Read::Any, 1)).await?);
        rows.push(self.counted("coffee", 1)?);
        rows.push(self.counted("slow tea", 0)?);
        Ok(rows)
    }

    async fn full(&mut self) -> Result<Vec<Row>, String> {
        self.empty()?;
        // A host that has no connection yet: one that has is not harmed.
        (self.host, self.address) = serve(&self.manifest).await?;
        self.server.sql("ALTER ROLE app CONNECTION LIMIT 0")?;
        let full = |ask| Step {
            retry_after: Some("1"),
            ..step("no connection left", ask, 503, Read::Problem("overloaded"), 4)
        };
        let mut rows = vec![self.ask(full(POST)).await?, self.ask(full(READ)).await?];
        self.server.sql("ALTER ROLE app CONNECTION LIMIT -1")?;
        rows.push(self.ask(step("connections again", POST, 201, Read::Any, 1)).await?);
        rows.push(self.counted("coffee", 1)?);
        Ok(rows)
    }

    /// Orders, each with a name of its own, and reads between them, while the server is killed and started again, twice.
    async fn under_load(&mut self) -> Result<Row, String> {
        self.empty()?;
        let (begin, before) = (Instant::now(), self.host.journal().total());
        let answered = std::sync::Arc::new(AtomicUsize::new(0));
        let next = std::sync::Arc::new(AtomicUsize::new(0));
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (address, answered, next) = (self.address, answered.clone(), next.clone());
            clients.spawn(async move {
                let mut statuses = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= ORDERS {
                        return Ok::<_, String>(statuses);
                    }
                    let answer = client::send(address, Method::POST, "/orders", format!("order {number}")).await?;
                    statuses.push((number, answer));
                    send(address, READ).await?;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for count in [ORDERS / 4, ORDERS / 2] {
            while answered.load(Ordering::Relaxed) < count {
                tokio::time::sleep(ms(1)).await;
            }
            self.server.kill()?;
            self.server.run()?;
        }
        let mut answers = BTreeMap::new();
        while let Some(client) = clients.join_next().await {
            answers.extend(client.map_err(|error| error.to_string())??);
        }
        let (took, calls) = (begin.elapsed(), self.host.journal().total() - before);
        let in_table = self.server.sql("SELECT item, count(*) FROM orders GROUP BY item")?;
        let in_table: BTreeMap<_, _> = in_table.lines().filter_map(|line| line.split_once('|')).collect();
        let there = |number: &usize| in_table.contains_key(format!("order {number}").as_str());
        let confirmed = answers.iter().filter(|(_, answer)| answer.status == 201);
        let lost = confirmed.clone().filter(|(number, _)| !there(number)).count();
        let twice = in_table.values().filter(|count| **count != "1").count();
        // What certainly did not happen is not there.
        let told = |answer: &Answer| serde_json::from_str::<serde_json::Value>(&answer.body).unwrap_or_default();
        let unknown = |answer: &Answer| told(answer)["detail"].as_str().is_some_and(|detail| detail.contains(UNKNOWN));
        let denied = |answer: &Answer| answer.status != 201 && !unknown(answer);
        let wrong = answers.iter().filter(|(number, answer)| denied(answer) && there(number)).count();
        let confirmed = confirmed.count();
        let broken = match (lost, twice, wrong) {
            (0, 0, 0) if answers.len() == ORDERS && confirmed > ORDERS / 4 => None,
            _ => Some("promised none lost, none twice, none that was denied, and many confirmed".into()),
        };
        let mut statuses = BTreeMap::<_, usize>::new();
        answers.values().for_each(|answer| *statuses.entry(answer.status).or_default() += 1);
        Ok(Row {
            injected: "killed (SIGKILL) and started again, twice, under load".into(),
            request: format!("{ORDERS} × POST and {ORDERS} × GET /orders,\n{AT_ONCE} at a time"),
            http: statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect::<Vec<_>>().join(",\n"),
            read: format!("confirmed: {confirmed}, in the table: {}, lost: {lost}, twice: {twice}", in_table.len()),
            calls,
            took,
            broken_promise: broken,
        })
    }
}

async fn listen() -> Result<TcpListener, String> {
    TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("cannot listen: {error}"))
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|error| format!("cannot listen: {error}"))
}

/// A host of the manifest, and where it listens.
pub async fn serve(manifest: &str) -> Result<(Host, SocketAddr), String> {
    let manifest = Manifest::parse(manifest, "demo.toml").map_err(|error| error.to_string())?;
    let host = Host::load(&manifest, Time::Real).map_err(|error| error.to_string())?;
    let listener = listen().await?;
    let address = address_of(&listener)?;
    let server = host.clone();
    tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
    Ok((host, address))
}

async fn send(address: SocketAddr, ask: Ask) -> Result<Answer, String> {
    match ask {
        Ask::Post(path, body) => client::send(address, Method::POST, path, body).await,
        _ => client::send(address, Method::GET, ask.path(), "").await,
    }
}
