//! One request at a time: no link, no provider, and providers and servers that are killed or paused under it.

use tokio::try_join;

use super::stage::Stage;
use steadfast_demo::scenario::{Ask, Read, SOME_TIME, Step, ms, step};
use steadfast_demo::table::Row;

const HELLO: Read = Read::Text("Hello, Ada!");
const STRANGER: Read = Read::Text("Hello, stranger!");

/// A greeting that takes so long that its provider is in the middle of it, whatever happens meanwhile.
const LONG: &str = "Ada-20s";
const LONG_PATH: &str = "/strict/Ada-20s";

fn get(injected: &'static str, path: &'static str, status: u16, read: Read, calls: u64) -> Step {
    step(injected, Ask::Get(path), status, read, calls)
}

/// The one second of the invocation timeout, and then an answer.
fn timeout(injected: &'static str, path: &'static str) -> Step {
    Step { took: ms(1000)..SOME_TIME, ..get(injected, path, 504, Read::Problem("timeout"), 1) }
}

pub async fn no_lattice(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    let composed = stage.host("composed", "component = '{composed}'").await?;
    let unlinked = stage.host("unlinked", "component = '{http-hello}'").await?;
    Ok(vec![
        composed.ask(get("nothing (composed)", "/strict/Ada", 200, HELLO, 0)).await?,
        unlinked.ask(get("no link", "/strict/Ada", 500, Read::Problem("no-link"), 1)).await?,
        unlinked.ask(get("no link", "/hello/Ada", 200, STRANGER, 1)).await?,
    ])
}

pub async fn no_provider(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    let server = stage.server().await?;
    let host = stage.linked_host(&server, "").await?;
    let no_target = || Step {
        retry_after: Some("1"),
        ..get("linked, no provider running", "/strict/Ada", 503, Read::Problem("no-target"), 4)
    };
    let mut rows = vec![
        host.ask(no_target()).await?,
        host.ask(get("linked, no provider running", "/hello/Ada", 200, STRANGER, 4)).await?,
    ];
    let _provider = stage.provider("greeter", "greeter", &server, 1).await?;
    rows.push(host.ask(get("a provider started: nothing (over NATS)", "/strict/Ada", 200, HELLO, 1)).await?);
    Ok(rows)
}

pub async fn killed_provider(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    let server = stage.server().await?;
    let host = stage.linked_host(&server, "").await?;
    let mut provider = stage.provider("provider", "counted-greeter", &server, 1).await?;
    let (row, ()) = try_join!(host.ask(timeout("provider killed (SIGKILL) in mid-call", LONG_PATH)), async {
        provider.greets(LONG).await?;
        provider.kill()
    })?;
    let mut rows = vec![row];
    server.has_providers(0).await?;
    let gone = "and then, when the server knows that it is gone";
    rows.push(
        host.ask(Step { retry_after: Some("1"), ..get(gone, "/strict/Ada", 503, Read::Problem("no-target"), 4) })
            .await?,
    );
    Ok(rows)
}

pub async fn killed_server(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    let mut server = stage.server().await?;
    let mut host = stage.linked_host(&server, "").await?;
    let mut provider = stage.provider("provider", "counted-greeter", &server, 1).await?;
    let disconnected = |injected, path, calls| get(injected, path, 502, Read::Problem("disconnected"), calls);
    let (row, ()) = try_join!(host.ask(disconnected("NATS server killed in mid-call", LONG_PATH, 1)), async {
        provider.greets(LONG).await?;
        server.kill()
    })?;
    let mut rows = vec![row];
    host.knows_of_the_loss().await?;
    rows.push(host.ask(disconnected("NATS server is gone", "/strict/Ada", 4)).await?);
    rows.push(host.ask(get("NATS server is gone", "/hello/Ada", 200, STRANGER, 4)).await?);
    server.start_again().await?;
    host.connected_again().await?;
    server.has_providers(1).await?;
    let again = "NATS server started again: host and provider have connected by themselves";
    rows.push(host.ask(get(again, "/strict/Ada", 200, HELLO, 1)).await?);
    Ok(rows)
}

pub async fn paused_server(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    let server = stage.server().await?;
    let host = stage.linked_host(&server, "").await?;
    let _provider = stage.provider("greeter", "greeter", &server, 1).await?;
    server.pause().await?;
    let mut rows = vec![host.ask(timeout("NATS server paused (SIGSTOP)", "/strict/Ada")).await?];
    server.resume()?;
    rows.push(host.ask(get("NATS server goes on (SIGCONT)", "/strict/Ada", 200, HELLO, 1)).await?);
    Ok(rows)
}
