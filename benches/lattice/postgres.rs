//! A query by a component, beside the same one by `tokio-postgres` alone, to one server in one run.

use std::sync::Arc;
use std::time::Instant;

use steadfast_demo::guests::Guests;
use steadfast_demo::postgres::Server;
use tokio::net::TcpStream;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::http::{self, Load};
use crate::{Outcome, Places, REUSE, Row, until_ready};

/// So many queries, one after the other, so many times: of a request, HTTP is a small part.
const QUERIES: u32 = 200;
const TIMES: usize = 20;
const PATH: &str = "/200";

/// The rows take turns, so that what else the machine does hits all of them. The first one is for warming up.
const TURNS: usize = 31;

/// What a component may take, on kept instances: so many times as long as the first row. And which row that is.
const BAR: f64 = 1.3;
const KEPT: usize = 2;

const QUERY: &str = "SELECT 1 + $1::int AS sum";

/// Who sends the queries of a row.
enum Asker {
    Alone(Arc<Client>),
    Prepared(Arc<Client>, Statement),
    Component(Row),
}

pub async fn run(places: &Places<'_>) -> Outcome<()> {
    let server = Server::start(&[])?;
    let guests = Guests::build(&["published"])?;
    let link = format!("[links]\n'wasmcloud:postgres/query' = {{ provider = 'postgres', url = '{}' }}", server.url());
    let client = Arc::new(connect(&server).await?);
    let prepared = client.prepare(QUERY).await?;
    let mut rows = vec![
        ("tokio-postgres alone", Asker::Alone(client.clone()), Load::default()),
        (
            "tokio-postgres alone, with a statement that it has prepared",
            Asker::Prepared(client, prepared),
            Load::default(),
        ),
    ];
    for (name, more) in [("a component", REUSE), ("a component, a fresh instance for each 200", "")] {
        let program = places.serve(name, guests.file("published"), &format!("{more}{link}")).await?;
        let row = Row { name, path: PATH, programs: vec![program] };
        until_ready(&row, 200, "sum: 2").await?;
        rows.push((name, Asker::Component(row), Load::default()));
    }
    for turn in 0..TURNS {
        for (_, asker, load) in &mut rows {
            let asked = asker.ask().await?;
            if turn > 0 {
                load.append(asked);
            }
        }
    }
    let first = rows[0].2.quantile(0.5).as_secs_f64();
    let share = |load: &Load| load.quantile(0.5).as_secs_f64() / first;
    println!("| a query, one at a time | p50, µs | p90 | of the first row |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, _, load) in &rows {
        let micros = |quantile| (load.quantile(quantile) / QUERIES).as_secs_f64() * 1e6;
        println!("| {name} | {:.0} | {:.0} | {:.2} |", micros(0.5), micros(0.9), share(load));
    }
    let kept = share(&rows[KEPT].2);
    let verdict = if kept <= BAR { "held" } else { "not held" };
    println!("\na component on kept instances, at most {BAR} of the first row: {verdict} ({kept:.2})");
    Ok(())
}

impl Asker {
    /// Sends the queries of one turn, and says how long they took.
    async fn ask(&self) -> Outcome<Load> {
        match self {
            Asker::Alone(client) => {
                let client = client.clone();
                alone(move || {
                    let client = client.clone();
                    async move { client.query_typed(QUERY, &[(&1i32, Type::INT4)]).await.map(drop) }
                })
                .await
            }
            Asker::Prepared(client, prepared) => {
                let (client, prepared) = (client.clone(), prepared.clone());
                alone(move || {
                    let (client, prepared) = (client.clone(), prepared.clone());
                    async move { client.query(&prepared, &[&1i32]).await.map(drop) }
                })
                .await
            }
            Asker::Component(row) => http::load(row.address(), PATH, 1, TIMES, 200, "sum: 2").await,
        }
    }
}

async fn connect(server: &Server) -> Outcome<Client> {
    let config: Config = server.url().parse()?;
    let port = config.get_ports().first().copied().unwrap_or(5_432);
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// On a thread of the runtime, as whatever a server is asked for is: there, the connection is near.
async fn alone<F>(query: impl Fn() -> F + Send + 'static) -> Outcome<Load>
where
    F: Future<Output = Result<(), tokio_postgres::Error>> + Send,
{
    let work = async move {
        let mut load = Load::default();
        for _ in 0..TIMES {
            let begin = Instant::now();
            for _ in 0..QUERIES {
                query().await?;
            }
            load.record(begin.elapsed());
        }
        Ok(load)
    };
    tokio::spawn(work).await?
}
