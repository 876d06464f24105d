//! Who may connect, and how secretly; what is wrong with options.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use wasmtime::component::Val;

use super::super::{Options, Postgres};
use super::{provider, start, variant};
use crate::failure::{Cause, Delivery};

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate").pem(), Issuer::new(params, key))
}

#[tokio::test]
async fn tls_is_with_those_whose_certificate_is_trusted() {
    let Some(server) = start(&[]) else { return };
    let ((right, issuer), (wrong, _)) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_string()]).unwrap();
    let certificate = server.write("server.crt", &params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    let key_file = server.write("server.key", &key.serialize_pem()).unwrap();
    for (setting, file) in [("ssl_cert_file", &certificate), ("ssl_key_file", &key_file)] {
        server.sql(&format!("ALTER SYSTEM SET {setting} = '{}'", file.display())).unwrap();
    }
    let ca = |name, pem: &str| format!("ca = '{}'", server.write(name, pem).unwrap().display());
    let (right, wrong) = (ca("right.pem", &right), ca("wrong.pem", &wrong));
    let secret = async |postgres: &Postgres| {
        postgres.row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", vec![]).await
    };
    let refused = async |postgres: &Postgres| {
        let failure = postgres.ask("SELECT 1", vec![]).await.unwrap_err();
        assert_eq!((failure.cause, failure.delivery), (Cause::Disconnected, Delivery::NotSent));
        failure.message
    };
    // A server that has no TLS is not talked to without.
    let without = refused(&provider(&server.url(), &right)).await;
    assert!(without.contains("server does not support TLS"), "{without}");

    server.sql("ALTER SYSTEM SET ssl = on").unwrap();
    server.sql("SELECT pg_reload_conf()").unwrap();
    let trusting = provider(&server.url(), &right);
    // It reads its settings a little later.
    let begin = std::time::Instant::now();
    let secret_at_last = loop {
        match secret(&trusting).await {
            Err(text) if text.contains("does not support TLS") && begin.elapsed().as_secs() < 30 => {}
            answer => break answer,
        }
    };
    assert_eq!(secret_at_last, Ok(vec![variant("bool", Val::Bool(true))]));
    for untrusting in [provider(&server.url(), &wrong), provider(&format!("{}?sslmode=require", server.url()), "")] {
        let message = refused(&untrusting).await;
        assert!(message.contains("invalid peer certificate: "), "{message}");
    }
    assert_eq!(secret(&provider(&server.url(), "")).await, Ok(vec![variant("bool", Val::Bool(false))]));
}

#[test]
fn wrong_options_are_said_without_a_password() {
    let said = |text: &str| match toml::from_str::<Options>(text) {
        Err(error) => error.message().to_string(),
        Ok(options) => Postgres::new(&options).err().unwrap_or_default(),
    };
    for (text, told) in [
        ("connections = 4", "missing field `url`"),
        ("url = 1", "write a text in quotes, `{ env = \"NAME\" }` or"),
        ("url = {}", "write a text in quotes, `{ env = \"NAME\" }` or"),
        (
            "url = 'postgres://app:hunter2@localhost/shop'",
            "`url` has a password in it, and is not to stand in a manifest",
        ),
        (
            "url = 'postgres://app:hunter2@local host/shop?x=1'",
            "`url` is no address of a Postgres server (unknown option",
        ),
        ("url = 'host=localhost'\ncert = 'a.pem'", "`key` is missing beside `cert`"),
        ("url = 'host=localhost'\nca = 'none.pem'", "`ca`: cannot read none.pem: "),
        ("url = 'user=app'", "`url` is to name a host"),
        ("url = 'host=localhost target_session_attrs=read-write'", "`url` has `target_session_attrs`"),
        ("url = { env = 'STEADFAST_NONE' }", "`url` is to be the text of the environment variable STEADFAST_NONE"),
        ("url = { file = 'none.txt' }", "`url` is to be the text of none.txt, which cannot be read: "),
        ("url = 'host=localhost'\nconnections = 0", "`connections` is to be a number from 1 to 1000"),
        ("url = 'host=localhost'\nconnections = 'many'", "`connections` is to be a number from 1 to 1000"),
        ("url = 'host=localhost'\npool = 1", "unknown field `pool`, expected one of `url`, `connections`, `ca`"),
    ] {
        let message = said(text);
        assert!(message.starts_with(told), "{text}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}
