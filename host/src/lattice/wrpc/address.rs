//! The address of a NATS server, or those of a cluster: one form for each, and the secrets taken out.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::nats::{Login, Secret};

/// The addresses in `text`, which has commas between several, in the form that they are compared and shown in; and the
/// user and password, or the token, that stood in them. Says what is wrong without quoting, since there may be a secret.
pub(crate) fn parse(text: &str) -> Result<(String, Login), String> {
    let mut servers = Vec::new();
    let mut logins = Vec::new();
    for one in text.split(',') {
        let address = one.contains("://").then(|| one.trim().parse::<ServerAddr>().ok()).flatten();
        let address =
            address.filter(|address| ["nats", "tls"].contains(&address.scheme()) && !address.host().is_empty());
        let Some(address) = address else {
            return Err("the address of the NATS server is none; write it like \"nats://127.0.0.1:4222\"".into());
        };
        let host = match address.host() {
            host if host.contains(':') => format!("[{host}]"),
            host => host.into(),
        };
        servers.push(format!("{}://{host}:{}", address.scheme(), address.port()));
        logins.push(login(&address)?);
    }
    logins.dedup();
    match logins.pop() {
        Some(login) if logins.is_empty() => Ok((servers.join(","), login)),
        _ => {
            Err("the addresses of the NATS servers have different users, passwords or tokens; give all the same".into())
        }
    }
}

fn login(address: &ServerAddr) -> Result<Login, String> {
    let decode = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err("the address of the NATS server has a user or a password that is no text".to_string()),
    };
    Ok(match (address.username(), address.password()) {
        (None, None) => Login::Nothing,
        // As other clients take it.
        (Some(token), None) => Login::Token(Secret::text(decode(token)?)),
        (user, Some(password)) => Login::User(decode(user.unwrap_or_default())?, Secret::text(decode(password)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_an_address_is_shown() {
        let user = |password: &str| Login::User("ada".into(), Secret::text(password));
        for (text, shown, login) in [
            ("nats://127.0.0.1", "nats://127.0.0.1:4222", Login::Nothing),
            ("tls://[::1]:4223/", "tls://[::1]:4223", Login::Nothing),
            ("nats://ada:a%40b@host:4222", "nats://host:4222", user("a@b")),
            ("tls://to@ken@host", "tls://host:4222", Login::Token(Secret::text("to@ken"))),
            ("nats://ada:b@one, nats://ada:b@two:1", "nats://one:4222,nats://two:1", user("b")),
        ] {
            assert_eq!(parse(text).unwrap(), (shown.to_string(), login), "{text}");
            let debug = format!("{:?}", parse(text));
            assert!(!debug.contains("a@b") && !debug.contains("to@ken"), "{debug}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_a_word_of_it() {
        for text in [
            "",
            "host",
            "nats://",
            "http://ada:secret@a",
            "nats://secret@a:b",
            "nats://secret@a,b",
            "nats://secret @a b",
        ] {
            assert!(!parse(text).unwrap_err().contains("secret"), "{text}");
        }
        assert!(parse("nats://a:b@one,nats://c:d@two").unwrap_err().starts_with("the addresses "));
    }
}
