//! Servers that want to see something: who shows the right thing is let in, who does not is told, and nobody reads it.

use std::path::Path;

use steadfast_host::sim::Time;
use steadfast_host::{Host, Manifest};

use crate::access::{self, Access, Shown};
use crate::process::Process;
use crate::{Caller, Cause, Delivery, Server, component};

/// The manifest of a caller that shows this, as `caller.toml` in the folder.
fn manifest(folder: &Path, server: &Server, shown: &Shown) -> Manifest {
    let text = format!("{}\n[nats.'{}']\n{}\n", Caller::manifest(&server.url()), server.url(), shown.table);
    std::fs::write(folder.join("caller.toml"), &text).expect("the folder is ours");
    Manifest::parse(&text, folder.join("caller.toml")).unwrap()
}

fn serve(folder: &Path, server: &Server, shown: &Shown) -> Process {
    manifest(folder, server, shown);
    let arguments = ["serve", "--manifest", "caller.toml", "--listen", "127.0.0.1:0"].map(String::from);
    Process::start(folder, &arguments, &[])
}

fn provide(folder: &Path, server: &Server, shown: &Shown) -> Process {
    let mut arguments = ["provide", "--nats", &server.url(), "--prefix", "test"].map(String::from).to_vec();
    arguments.extend(shown.options.iter().cloned());
    arguments.push(component("callee").display().to_string());
    Process::start(folder, &arguments, &shown.variables)
}

/// The right thing leads to the provider, in the process and as a command.
async fn lets_in(access: impl Fn(&Path) -> Access) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let access = access(folder);
    std::fs::write(folder.join("nats.conf"), &access.server).expect("the folder is ours");
    let Some(server) = Server::configured(Some(folder.join("nats.conf"))).await else { return };

    let mut provider = provide(folder, &server, &access.right);
    assert!(provider.line().starts_with("serving "), "{}", provider.log());
    let caller = Caller(Host::load(&manifest(folder, &server, &access.right), Time::Real).unwrap());
    caller.connected("/count").await;
    assert_eq!(caller.get("/values").await, ("every value came back".into(), vec![Ok(()); 6]));

    let command = serve(folder, &server, &access.right);
    for (process, body) in
        [(&provider, provider.get("/readyz").await), (&command, (200, command.until("/readyz", 200).await))]
    {
        assert_eq!(body.0, 200, "{}", body.1);
        hides(&access, &body.1);
        let log = process.log();
        assert_eq!(log.matches("connected to ").count(), 1, "{log}");
        hides(&access, &log);
    }
}

/// The wrong thing fails calls, and is told of once.
async fn keeps_out(access: impl Fn(&Path) -> Access) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let access = access(folder);
    std::fs::write(folder.join("nats.conf"), &access.server).expect("the folder is ours");
    let Some(server) = Server::configured(Some(folder.join("nats.conf"))).await else { return };

    let caller = Caller(Host::load(&manifest(folder, &server, &access.wrong), Time::Real).unwrap());
    while !caller.0.health().to_json().contains(access.refusal) {
        tokio::task::yield_now().await;
    }
    assert!(!caller.0.health().is_ready());
    assert_eq!(caller.get("/count").await.1, [Err((Cause::Disconnected, Delivery::NotSent))]);
    hides(&access, &caller.0.health().to_json());

    for process in [provide(folder, &server, &access.wrong), serve(folder, &server, &access.wrong)] {
        // It goes on trying.
        let body = process.wait("/readyz", |_, body| attempts(body) > 3).await;
        assert!(body.contains(r#""state":"connecting""#) && body.contains(access.refusal), "{body}");
        assert_eq!(process.get("/readyz").await.0, 503);
        assert_eq!(process.get("/healthz").await.0, 200);
        hides(&access, &body);
        let log = process.log();
        // Once for each reason: of TLS, the network may tell another.
        let mut told: Vec<_> =
            log.lines().filter_map(|line| line.split_once("cannot connect to ")).map(|(_, reason)| reason).collect();
        assert!(told.iter().any(|reason| reason.contains(access.refusal)), "{told:?}");
        let times = told.len();
        told.dedup();
        assert_eq!(told.len(), times, "{log}");
        hides(&access, &log);
    }
}

fn attempts(body: &str) -> u64 {
    let health: serde_json::Value = serde_json::from_str(body).expect("JSON");
    health["nats"][0]["attempts"].as_u64().unwrap_or_default()
}

fn hides(access: &Access, text: &str) {
    for secret in &access.secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_user_is_let_in_by_its_password() {
    lets_in(access::user).await;
}

#[tokio::test]
async fn a_user_is_kept_out_by_another_password() {
    keeps_out(access::user).await;
}

#[tokio::test]
async fn whoever_has_the_token_is_let_in() {
    lets_in(access::token).await;
}

#[tokio::test]
async fn whoever_has_another_token_is_kept_out() {
    keeps_out(access::token).await;
}

#[tokio::test]
async fn whoever_has_the_nkey_is_let_in() {
    lets_in(access::nkey).await;
}

#[tokio::test]
async fn whoever_has_another_nkey_is_kept_out() {
    keeps_out(access::nkey).await;
}

#[tokio::test]
async fn the_credentials_of_an_account_let_in() {
    lets_in(access::credentials).await;
}

#[tokio::test]
async fn the_credentials_of_an_unknown_account_keep_out() {
    keeps_out(access::credentials).await;
}

#[tokio::test]
async fn a_server_whose_ca_is_trusted_is_connected_to() {
    lets_in(access::tls).await;
}

#[tokio::test]
async fn a_server_whose_ca_is_not_trusted_is_not_connected_to() {
    keeps_out(access::tls).await;
}

#[tokio::test]
async fn a_certificate_that_the_servers_ca_has_signed_lets_in() {
    lets_in(access::client_certificate).await;
}

#[tokio::test]
async fn a_certificate_that_another_ca_has_signed_keeps_out() {
    keeps_out(access::client_certificate).await;
}

/// A server that wants to see Ada's password, and a folder with nothing but that.
async fn of_ada() -> Option<(tempfile::TempDir, Server, Access)> {
    let folder = tempfile::tempdir().expect("a folder");
    let access = access::user(folder.path());
    std::fs::write(folder.path().join("nats.conf"), &access.server).expect("the folder is ours");
    let server = Server::configured(Some(folder.path().join("nats.conf"))).await?;
    Some((folder, server, access))
}

#[tokio::test]
async fn a_file_that_is_put_right_needs_no_restart() {
    let Some((folder, server, access)) = of_ada().await else { return };
    let processes = [provide(folder.path(), &server, &access.wrong), serve(folder.path(), &server, &access.wrong)];
    for process in &processes {
        process.wait("/readyz", |_, body| body.contains(access.refusal)).await;
    }
    std::fs::remove_file(folder.path().join("wrong.txt")).expect("it is there");
    for process in &processes {
        process
            .wait("/readyz", |_, body| body.contains("cannot read ") && body.contains("wrong.txt: No such file"))
            .await;
    }
    std::fs::copy(folder.path().join("right.txt"), folder.path().join("new.txt")).expect("it is there");
    std::fs::rename(folder.path().join("new.txt"), folder.path().join("wrong.txt")).expect("the folder is ours");
    for process in &processes {
        process.until("/readyz", 200).await;
    }
}

#[tokio::test]
async fn a_provider_takes_a_user_from_the_environment_as_the_command_nats_does() {
    let Some((folder, server, access)) = of_ada().await else { return };
    let with = |url: String, more: &[(&'static str, &str)]| {
        let mut variables = vec![("NATS_URL", url)];
        variables.extend(more.iter().map(|(name, value)| (*name, value.to_string())));
        let arguments = ["provide", "--prefix", "test", &component("callee").display().to_string()].map(String::from);
        Process::start(folder.path(), &arguments, &variables)
    };
    let in_url = server.url().replace("://", "://ada:le%20secret%20d%27Ada@");
    let right = [("NATS_USER", "ada"), ("NATS_PASSWORD", "le secret d'Ada")];
    for process in [with(in_url, &[]), with(server.url(), &right)] {
        hides(&access, &process.until("/readyz", 200).await);
        hides(&access, &process.log());
        assert!(!process.log().contains("le%20secret"));
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again_with_the_credentials() {
    let Some((folder, mut server, access)) = of_ada().await else { return };
    let process = serve(folder.path(), &server, &access.right);
    process.until("/readyz", 200).await;
    server.kill();
    process.until("/readyz", 503).await;
    server.start_again().await;
    assert!(process.until("/readyz", 200).await.contains(r#""lost":1"#));
    hides(&access, &process.log());
}

#[tokio::test]
async fn where_a_ca_is_given_a_server_without_tls_is_not_believed() {
    let Some(server) = Server::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let access = access::tls(folder.path());
    let caller = Caller(Host::load(&manifest(folder.path(), &server, &access.right), Time::Real).unwrap());
    // It takes the beginning of TLS for a command that it does not know.
    while !caller.0.health().to_json().contains("corrupt message") {
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.get("/count").await.1, [Err((Cause::Disconnected, Delivery::NotSent))]);
}
