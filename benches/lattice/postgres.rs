//! A query by a component, beside the same one by `tokio-postgres` alone, to one server in one run.

use std::sync::Arc;
use std::time::Instant;

use steadfast_demo::guests::Guests;
use steadfast_demo::postgres::Server;
use tokio::net::TcpStream;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls};

use crate::http::{self, Load};
use crate::{Outcome, Places, REUSE, Row, until_ready};

/// So many queries, one after the other, so many times: of a request, HTTP is a small part.
const QUERIES: u32 = 200;
const TIMES: usize = 100;
const PATH: &str = "/200";

const QUERY: &str = "SELECT 1 + $1::int AS sum";

pub async fn run(places: &Places<'_>) -> Outcome<()> {
    let server = Server::start(&[])?;
    let guests = Guests::build(&["published"])?;
    let link = format!("[links]\n'wasmcloud:postgres/query' = {{ provider = 'postgres', url = '{}' }}", server.url());
    let mut rows = Vec::new();
    let client = connect(&server).await?;
    let client = Arc::new(client);
    let typed = {
        let client = client.clone();
        alone(move || {
            let client = client.clone();
            async move { client.query_typed(QUERY, &[(&1i32, Type::INT4)]).await.map(drop) }
        })
        .await?
    };
    let prepared = client.prepare(QUERY).await?;
    let again = alone(move || {
        let (client, prepared) = (client.clone(), prepared.clone());
        async move { client.query(&prepared, &[&1i32]).await.map(drop) }
    })
    .await?;
    rows.push(("tokio-postgres alone", typed));
    rows.push(("tokio-postgres alone, with a statement that it has prepared", again));
    for (name, more) in [("a component", REUSE), ("a component, a fresh instance for each 200", "")] {
        let program = places.serve(name, guests.file("published"), &format!("{more}{link}")).await?;
        let row = Row { name, path: PATH, programs: vec![program] };
        until_ready(&row, 200, "sum: 2").await?;
        http::load(row.address(), PATH, 1, TIMES / 5, 200, "sum: 2").await?;
        rows.push((name, http::load(row.address(), PATH, 1, TIMES, 200, "sum: 2").await?));
    }
    let best = rows[0].1.quantile(0.5);
    println!("| a query, one at a time | p50, µs | p90 | of the first row |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, load) in &rows {
        let micros = |quantile| (load.quantile(quantile) / QUERIES).as_secs_f64() * 1e6;
        let share = load.quantile(0.5).as_secs_f64() / best.as_secs_f64();
        println!("| {name} | {:.0} | {:.0} | {share:.2} |", micros(0.5), micros(0.9));
    }
    Ok(())
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
        for time in 0..TIMES + TIMES / 5 {
            let begin = Instant::now();
            for _ in 0..QUERIES {
                query().await?;
            }
            // The first ones are for warming up.
            if time >= TIMES / 5 {
                load.record(begin.elapsed());
            }
        }
        Ok(load)
    };
    tokio::spawn(work).await?
}
