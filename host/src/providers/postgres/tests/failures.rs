//! Every row of the table of failures, with a real server behind it.

use std::sync::Arc;
use std::time::Duration;

use steadfast_demo::postgres::Server;
use tokio::time::Instant;
use wasmtime::component::Val;

use super::super::{Postgres, TOKEN};
use super::{provider, shared, start, text, variant};
use crate::failure::{Cause, Delivery, Failure};

/// The failure of a call that is to fail.
async fn failure(postgres: &Postgres, statement: &str, params: Vec<Val>) -> Failure {
    postgres.ask(statement, params).await.expect_err(statement)
}

fn facts(failure: &Failure) -> (Cause, Delivery) {
    (failure.cause, failure.delivery)
}

/// Waits until a statement counts as many rows as are expected. The server knows of what it was sent a little later.
async fn until(server: &Server, count: &str, expected: &str) {
    let begin = Instant::now();
    // All places may be taken for a moment.
    while server.sql(count).as_deref() != Ok(expected) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{count} never was {expected}");
        tokio::task::yield_now().await;
    }
}

fn at_work(what: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE state = 'active' AND query LIKE '%{what}%' AND pid <> pg_backend_pid()"
    )
}

/// The number of connections with this name.
fn connected(name: &str) -> String {
    format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'")
}

#[tokio::test]
async fn what_postgres_says_of_a_query_is_the_query_s_own_error() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    server.sql("CREATE TABLE own (id int PRIMARY KEY, part int CHECK (part > 0))").unwrap();
    server.sql("INSERT INTO own VALUES (1, 1)").unwrap();
    let int = |number| variant("int4", Val::S32(number));
    for (statement, params, case, told) in [
        ("SELEKT 1", vec![], "invalid-query", "42601: "),
        ("SELECT * FROM nowhere", vec![], "invalid-query", "42P01: relation \"nowhere\" does not exist"),
        ("SELECT 1/0", vec![], "invalid-query", "22012: "),
        ("SELECT 1; SELECT 2", vec![], "invalid-query", "42601: "),
        ("SELECT '\0'", vec![], "invalid-query", "there is a zero byte in it"),
        ("INSERT INTO own VALUES (1, 1)", vec![], "invalid-query", "23505: "),
        ("SELECT 1/$1", vec![int(0)], "invalid-params", "22012: "),
        ("INSERT INTO own VALUES ($1, 1)", vec![int(1)], "invalid-params", "23505: duplicate key"),
        ("INSERT INTO own VALUES (2, $1)", vec![int(0)], "invalid-params", "23514: "),
        ("SELECT 1", vec![int(0)], "invalid-params", "42P18: "),
        ("SELECT $1::int, $2::int", vec![int(0)], "invalid-params", "08P01: "),
        ("SELECT $1::int", vec![], "invalid-params", "08P01: "),
        ("SELECT pg_cancel_backend(pg_backend_pid())", vec![], "unexpected", "57014: "),
        ("DO $$ BEGIN RAISE 'no' USING ERRCODE = '57P01'; END $$", vec![], "unexpected", "57P01: no"),
        ("DO $$ BEGIN RAISE 'no' USING ERRCODE = 'SF001'; END $$", vec![], "unexpected", "SF001: no"),
    ] {
        let (named, text) = postgres.refused(statement, params).await;
        assert!(named == case && text.starts_with(told), "{statement}: {named}: {text}");
    }
    let many = vec![Val::Variant("null".into(), None); 65_536];
    assert_eq!(postgres.refused("SELECT 1", many).await.0, "invalid-params");
    let large = "SELECT repeat('x', 1000000) FROM generate_series(1, 100)";
    let (case, text) = postgres.refused(large, vec![]).await;
    assert!(case == "invalid-query" && text.contains("more than 67108864 bytes"), "{text}");
    assert_eq!(postgres.row("SELECT count(*) FROM own", vec![]).await, Ok(vec![variant("int8", Val::S64(1))]));
}

#[tokio::test]
async fn a_prepared_statement_is_known_to_every_provider() {
    let Some(server) = shared() else { return };
    server.sql("CREATE TABLE prepared (id int)").unwrap();
    let (one, other) = (provider(&server.url(), ""), provider(&server.url(), ""));
    let insert = "INSERT INTO prepared SELECT generate_series(1, $1::int)";
    let token = one.answer("prepare", &[text(insert)], None).await.unwrap();
    let Some(Val::Result(Ok(Some(token)))) = token else { panic!("{token:?}") };
    let params = Val::List(vec![variant("int4", Val::S32(3))]);
    let count = other.answer("exec", &[*token, params.clone()], None).await.unwrap();
    assert_eq!(count, Some(Val::Result(Ok(Some(Box::new(Val::U64(3)))))));
    let error = |reply: Option<Val>| match reply {
        Some(Val::Result(Err(Some(error)))) => *error,
        other => panic!("{other:?}"),
    };
    let unknown = other.answer("exec", &[text("other"), params.clone()], None).await.unwrap();
    assert_eq!(error(unknown), Val::Variant("unknown-prepared-query".into(), None));
    let Val::Variant(case, Some(why)) = error(one.answer("prepare", &[text("SELEKT")], None).await.unwrap()) else {
        panic!("it has a text")
    };
    assert!(case == "unexpected" && format!("{why:?}").contains("42601"), "{case}: {why:?}");
    let wrong = other.answer("exec", &[text(&format!("{TOKEN}SELEKT")), params], None).await.unwrap();
    assert!(format!("{wrong:?}").contains("\"query-error\""), "{wrong:?}");
}

#[tokio::test]
async fn a_batch_runs_whole_and_leaves_nothing_behind() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    let batch = async |statements: &str| postgres.answer("query-batch", &[text(statements)], None).await.unwrap();
    let done = Some(Val::Result(Ok(None)));
    assert_eq!(batch("CREATE TABLE batch (id int); INSERT INTO batch VALUES (1); SET search_path = ''").await, done);
    // In no other schema than before.
    assert_eq!(postgres.row("SELECT id FROM batch", vec![]).await, Ok(vec![variant("int4", Val::S32(1))]));
    assert_eq!(batch("BEGIN; INSERT INTO batch VALUES (2)").await, done);
    assert_eq!(postgres.row("SELECT count(*) FROM batch", vec![]).await, Ok(vec![variant("int8", Val::S64(1))]));
    assert!(format!("{:?}", batch("INSERT INTO batch VALUES (3); SELECT 1/0").await).contains("22012"));
    assert_eq!(postgres.row("SELECT count(*) FROM batch", vec![]).await, Ok(vec![variant("int8", Val::S64(1))]));
    // A statement that begins a transaction is the last of its connection.
    assert!(postgres.ask("BEGIN", vec![]).await.is_ok());
    assert!(postgres.ask("INSERT INTO batch VALUES (4)", vec![]).await.is_ok());
    assert_eq!(server.sql("SELECT count(*) FROM batch").unwrap(), "2", "it is committed");
}

#[tokio::test]
async fn what_postgres_undid_may_be_repeated() {
    let Some(server) = shared() else { return };
    server.sql("CREATE TABLE undone (id int); INSERT INTO undone VALUES (1), (2)").unwrap();
    // Of two that wait for each other, one is ended.
    let body =
        "UPDATE undone SET id = id WHERE id = one; PERFORM pg_sleep(0.3); UPDATE undone SET id = id WHERE id = 3 - one";
    let function =
        format!("CREATE FUNCTION lock_both(one int) RETURNS int LANGUAGE plpgsql AS 'BEGIN {body}; RETURN one; END'");
    server.sql(&function).unwrap();
    let postgres = provider(&format!("{}?options=-c%20deadlock_timeout%3D10ms", server.url()), "");
    let ask = |which| postgres.ask("SELECT lock_both($1)", vec![variant("int4", Val::S32(which))]);
    let (one, other) = tokio::join!(ask(1), ask(2));
    let both = [one, other];
    let undone = both.iter().find_map(|reply| reply.as_ref().err()).unwrap_or_else(|| panic!("{both:?}"));
    assert_eq!(facts(undone), (Cause::Overloaded, Delivery::NotSent));
    assert!(
        undone.message.contains("40P01: ") && undone.message.ends_with("so it may be repeated)"),
        "{}",
        undone.message
    );
    // Where something before it may be committed, it may not.
    let raise = "BEGIN RAISE 'no' USING ERRCODE = '40001'; END";
    let part = failure(&postgres, &format!("DO $$ {raise} $$"), vec![]).await;
    assert_eq!(facts(&part), (Cause::Overloaded, Delivery::Unknown));
    server.sql(&format!("CREATE FUNCTION serial_failure() RETURNS int LANGUAGE plpgsql AS $$ {raise} $$")).unwrap();
    let whole = failure(&postgres, "SELECT serial_failure()", vec![]).await;
    assert_eq!(facts(&whole), (Cause::Overloaded, Delivery::NotSent));
}

#[tokio::test]
async fn a_query_whose_caller_has_gone_is_cancelled_at_the_server() {
    let Some(server) = shared() else { return };
    let postgres = provider(&format!("{}?application_name=cancelled", server.url()), "connections = 2");
    let slow = tokio::spawn({
        let postgres = postgres.clone();
        async move { postgres.ask("SELECT pg_sleep(600) /* slow */", vec![]).await }
    });
    until(&server, &at_work("slow"), "1").await;
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
    until(&server, &at_work("slow"), "0").await;
    // The connection went with it, and so no wish to cancel hits another query.
    until(&server, &connected("cancelled"), "0").await;
    assert!(postgres.row("SELECT 1", vec![]).await.is_ok());
}

#[tokio::test]
async fn a_pool_without_a_place_is_overloaded() {
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "connections = 1");
    let slow = tokio::spawn({
        let postgres = postgres.clone();
        async move { postgres.ask("SELECT pg_sleep(600) /* held */", vec![]).await }
    });
    until(&server, &at_work("held"), "1").await;
    let full = failure(&postgres, "SELECT 1", vec![]).await;
    assert_eq!(facts(&full), (Cause::Overloaded, Delivery::NotSent));
    assert!(full.message.contains("all 1 connections to Postgres"), "{}", full.message);
    slow.abort();
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_was_sent_nothing() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let postgres = provider(&format!("postgres://app@127.0.0.1:{nobody}/shop"), "");
    let gone = failure(&postgres, "SELECT 1", vec![]).await;
    assert_eq!(facts(&gone), (Cause::Disconnected, Delivery::NotSent));
    // One that says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let postgres = provider(&format!("postgres://app@127.0.0.1:{port}/shop"), "");
    let soon = Some(Instant::now() + Duration::from_millis(50));
    let late = postgres.answer("query", &[text("SELECT 1"), Val::List(vec![])], soon).await.unwrap_err();
    assert_eq!(facts(&late), (Cause::Timeout, Delivery::NotSent));
}

#[tokio::test]
async fn a_server_that_refuses_says_whether_for_now() {
    let Some(mut server) = start(&["max_connections=5", "superuser_reserved_connections=2"]) else { return };
    server.sql("CREATE ROLE app LOGIN").unwrap();
    let app = server.url().replace("postgres@", "app@");
    let holder = provider(&app, "");
    let held: Vec<_> = (0..3)
        .map(|_| {
            let holder = holder.clone();
            // The place of a connection that has just ended may be taken for a moment.
            tokio::spawn(async move {
                loop {
                    let ended = holder.ask("SELECT pg_sleep(600) /* held */", vec![]).await.unwrap_err();
                    if ended.delivery != Delivery::NotSent {
                        return ended;
                    }
                }
            })
        })
        .collect();
    until(&server, &at_work("held"), "3").await;
    let full = failure(&provider(&app, ""), "SELECT 1", vec![]).await;
    assert_eq!(facts(&full), (Cause::Overloaded, Delivery::NotSent), "{}", full.message);
    assert!(full.message.contains("53300"), "{}", full.message);
    // Ended by an administrator in the middle.
    server.shut_down().unwrap();
    for held in held {
        let ended = held.await.unwrap();
        assert_eq!(facts(&ended), (Cause::Overloaded, Delivery::Unknown));
        assert!(ended.message.contains("57P01"), "{}", ended.message);
    }
    server.run().unwrap();
    for (url, code) in [(server.url() + "x", "3D000"), (server.url().replace("postgres@", "nobody@"), "28000")] {
        let refused = failure(&provider(&url, ""), "SELECT 1", vec![]).await;
        assert_eq!(facts(&refused), (Cause::NoLink, Delivery::NotSent), "{}", refused.message);
        assert!(refused.message.contains(code), "{}", refused.message);
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_only_what_was_sent_unknown() {
    let Some(mut server) = start(&[]) else { return };
    let postgres = provider(&server.url(), "");
    let slow = |postgres: &Arc<Postgres>| {
        let postgres = postgres.clone();
        tokio::spawn(async move { postgres.ask("SELECT pg_sleep(600) /* lost */", vec![]).await })
    };
    let lost = slow(&postgres);
    until(&server, &at_work("lost"), "1").await;
    server.kill().unwrap();
    assert_eq!(facts(&lost.await.unwrap().unwrap_err()), (Cause::Disconnected, Delivery::Unknown));
    assert_eq!(facts(&failure(&postgres, "SELECT 1", vec![]).await), (Cause::Disconnected, Delivery::NotSent));
    server.run().unwrap();
    assert!(postgres.row("SELECT 1", vec![]).await.is_ok(), "it connects by itself");
    // Stopped, with a connection that was used just now, and with one that was not.
    server.pause().unwrap();
    let ask = async |after: Duration| {
        let deadline = Some(Instant::now() + after);
        postgres.answer("query", &[text("SELECT 1"), Val::List(vec![])], deadline).await
    };
    let limit = Duration::from_millis(100);
    let hung = tokio::time::timeout(limit, ask(limit)).await;
    assert!(hung.is_err(), "what was sent is abandoned from outside");
    assert_eq!(facts(&ask(limit).await.unwrap_err()), (Cause::Timeout, Delivery::NotSent));
    server.resume().unwrap();
    assert!(postgres.row("SELECT 1", vec![]).await.is_ok());
}
