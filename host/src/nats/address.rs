//! The address of a NATS server, or those of a cluster: one form for each, and the secrets taken out.

use std::fmt;

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use super::{Login, Secret};

/// Where a server is, or those of a cluster, in the form that they are compared and shown in: without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address(Vec<ServerAddr>);

impl Address {
    /// The addresses in `text`, which has commas between several; and the user and password, or the token, that stood in
    /// them. Says what is wrong without quoting, since there may be a secret.
    pub fn parse(text: &str) -> Result<(Self, Login), String> {
        let wrong = || "the address of the NATS server is invalid; write it like \"nats://127.0.0.1:4222\"".to_string();
        let mut servers = Vec::new();
        let mut logins = Vec::new();
        for one in text.split(',') {
            let address = one.contains("://").then(|| one.trim().parse::<ServerAddr>().ok()).flatten();
            let address =
                address.filter(|address| ["nats", "tls"].contains(&address.scheme()) && !address.host().is_empty());
            let address = address.ok_or_else(wrong)?;
            let host = match address.host() {
                host if host.contains(':') => format!("[{host}]"),
                host => host.into(),
            };
            let plain = format!("{}://{host}:{}", address.scheme(), address.port());
            servers.push(plain.parse().map_err(|_| wrong())?);
            logins.push(login(&address)?);
        }
        logins.dedup();
        match logins.pop() {
            Some(login) if logins.is_empty() => Ok((Address(servers), login)),
            _ => {
                Err("the addresses of the NATS servers have different users, passwords or tokens; give all the same"
                    .into())
            }
        }
    }

    /// Of each server.
    pub fn servers(&self) -> &[ServerAddr] {
        &self.0
    }

    /// Whether a server is to be spoken to with TLS.
    pub fn wants_tls(&self) -> bool {
        self.0.iter().any(|server| server.scheme() == "tls")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, server) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}", server.as_url_str())?;
        }
        Ok(())
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
            let (address, found) = Address::parse(text).unwrap();
            assert_eq!((address.to_string(), found), (shown.to_string(), login), "{text}");
            let debug = format!("{:?}", Address::parse(text));
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
            assert!(!Address::parse(text).unwrap_err().contains("secret"), "{text}");
        }
        assert!(Address::parse("nats://a:b@one,nats://c:d@two").unwrap_err().starts_with("the addresses "));
    }
}
