//! What the NATS servers of the links are shown, and whom to trust: a table for each server.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::DeTable;

use super::{Link, Messages, Target, value};
use crate::nats::{Address, Login, NatsOptions, Problem, Secret, check_options};

/// What a manifest says of one server, and where.
#[derive(Clone, Debug)]
pub(crate) struct NatsServer {
    server: Address,
    pub options: NatsOptions,
    /// Of each key.
    lines: BTreeMap<&'static str, usize>,
}

impl NatsServer {
    /// Reads all files and variables once, to say now what is wrong with them.
    pub fn check(&self, manifest: &Path) -> Result<(), crate::error::Error> {
        check_options(&self.options).map_err(|problem| {
            let (part, line) = (problem.part(), self.lines.get(problem.part()).copied());
            match problem {
                Problem::Unread { path, source, .. } => {
                    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                    let hint = format!("`{part}` in {}{line} is to be this file", manifest.display());
                    crate::error::Error::Read { path, source, hint }
                }
                Problem::Wrong { problem, .. } => crate::error::Error::Manifest {
                    path: manifest.into(),
                    line,
                    problem: format!("`{part}`: {problem}"),
                },
            }
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, like `{ credentials = \"app.creds\" }`")]
pub(super) struct FileNats {
    credentials: Option<Spanned<File>>,
    nkey: Option<Spanned<File>>,
    user: Option<Spanned<String>>,
    password: Option<Spanned<FileSecret>>,
    token: Option<Spanned<FileSecret>>,
    ca: Option<Spanned<File>>,
    cert: Option<Spanned<File>>,
    key: Option<Spanned<File>>,
    inboxes: Option<Spanned<Vec<String>>>,
}

impl FileNats {
    /// What it says of the server `name`; or what is wrong with it.
    fn check(
        self,
        name: &str,
        line_of: &dyn Fn(usize) -> usize,
        beside: &dyn Fn(PathBuf) -> PathBuf,
    ) -> Result<NatsServer, String> {
        let (server, login) = Address::parse(name)?;
        if login != Login::Nothing {
            return Err(format!(
                "the address of `{server}` has a user, a password or a token in it; say them below it, like `user = \
                 \"ada\"` and `password = {{ file = \"password.txt\" }}`"
            ));
        }
        let mut lines = BTreeMap::new();
        let mut noted = |key, span: std::ops::Range<usize>| {
            lines.insert(key, line_of(span.start));
        };
        let mut file = |key, file: Option<Spanned<File>>| {
            file.map(|file| {
                noted(key, file.span());
                beside(file.into_inner().0)
            })
        };
        let credentials = file("credentials", self.credentials).map(Secret::file);
        let nkey = file("nkey", self.nkey).map(Secret::file);
        let (ca, cert, key) = (file("ca", self.ca), file("cert", self.cert), file("key", self.key));
        let mut secret = |key, secret: Option<Spanned<FileSecret>>| {
            secret.map(|secret| {
                noted(key, secret.span());
                match secret.into_inner() {
                    FileSecret::File(file) => Secret::file(beside(file)),
                    FileSecret::Env(variable) => Secret::env(variable),
                }
            })
        };
        let (password, token) = (secret("password", self.password), secret("token", self.token));
        let user = match (self.user.map(Spanned::into_inner), password) {
            (Some(user), Some(password)) => Some(Login::User(user, password)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(format!(
                    "`password` is missing beside the `user` of `{server}`; add it, like `password = {{ env = \
                     \"NATS_PASSWORD\" }}`"
                ));
            }
            (None, Some(_)) => {
                return Err(format!(
                    "`user` is missing beside the `password` of `{server}`; add it, like `user = \"ada\"`"
                ));
            }
        };
        let given = [
            ("credentials", credentials.map(Login::Credentials)),
            ("nkey", nkey.map(Login::Nkey)),
            ("user", user),
            ("token", token.map(Login::Token)),
        ];
        let mut given: Vec<_> = given.into_iter().filter_map(|(key, login)| Some((key, login?))).collect();
        if let [(one, _), (other, _), ..] = &given[..] {
            return Err(format!("`{server}` is to be shown both `{one}` and `{other}`; remove one of the two"));
        }
        let certificate = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(format!(
                    "`key` is missing beside the `cert` for `{server}`; add the file of its key, like `key = \
                     \"client.key\"`"
                ));
            }
            (None, Some(_)) => {
                return Err(format!(
                    "`cert` is missing beside the `key` for `{server}`; add the file of its certificate, like `cert = \
                     \"client.pem\"`"
                ));
            }
        };
        let login = given.pop().map(|(_, login)| login).unwrap_or_default();
        let inboxes = self.inboxes.map(|inboxes| {
            lines.insert("inboxes", line_of(inboxes.span().start));
            inboxes.into_inner()
        });
        let options = NatsOptions { login, ca, certificate, inboxes: inboxes.unwrap_or_default() };
        Ok(NatsServer { server, options, lines })
    }
}

/// What is wrong with a key directly below `[nats]`, and where: its value may be a secret, which the parser would quote.
pub(super) fn misplaced(manifest: &DeTable<'_>) -> Option<(String, usize)> {
    let servers = manifest.get("nats").and_then(|nats| nats.get_ref().as_table());
    let (key, value) = servers.into_iter().flatten().find(|(_, value)| !value.get_ref().is_table())?;
    let problem = format!(
        "`nats.{}` is to be a table for a server, like `[nats.\"nats://127.0.0.1:4222\"]`; write its keys below that",
        key.get_ref()
    );
    Some((problem, value.span().start))
}

/// What all tables say, applied to the links; or what is wrong with one, and its line.
pub(super) fn check(
    tables: BTreeMap<String, Spanned<FileNats>>,
    links: &mut BTreeMap<String, Link>,
    messages: &mut [Messages],
    line_of: &dyn Fn(usize) -> usize,
    beside: &dyn Fn(PathBuf) -> PathBuf,
) -> Result<Vec<NatsServer>, (usize, String)> {
    let mut servers = Vec::new();
    for (name, table) in tables {
        let line = line_of(table.span().start);
        let wrong = |problem| (line, problem);
        let server = table.into_inner().check(&name, line_of, beside).map_err(wrong)?;
        let links = links.values_mut().filter_map(|link| match &mut link.target {
            Target::Nats(nats) => Some((&nats.address, &mut nats.options)),
            Target::Provider(provider) => provider.nats(),
            _ => None,
        });
        let messages = messages.iter_mut().map(|messages| (&messages.address, &mut messages.options));
        apply(&server, links.chain(messages)).map_err(wrong)?;
        servers.push(server);
    }
    Ok(servers)
}

/// Gives all that is connected to the server what is said of it; or says what is wrong with that.
fn apply<'l>(
    server: &NatsServer,
    connected: impl IntoIterator<Item = (&'l Address, &'l mut NatsOptions)>,
) -> Result<(), String> {
    let mut servers: Vec<String> = Vec::new();
    let mut found = false;
    for (address, options) in connected {
        if *address != server.server {
            servers.push(format!("\"{address}\""));
            continue;
        }
        found = true;
        let login = match (&server.options.login, &options.login) {
            (login, Login::Nothing) | (Login::Nothing, login) => login.clone(),
            _ => {
                return Err(format!(
                    "`{}` has credentials here, and in the address that a link has; remove those of the link",
                    address
                ));
            }
        };
        *options = NatsOptions { login, ..server.options.clone() };
    }
    if found {
        return Ok(());
    }
    servers.sort();
    servers.dedup();
    Err(match servers.is_empty() {
        true => format!("no link leads to `{}`, nor over NATS at all; remove its table", server.server),
        false => format!("no link leads to `{}`; write one of: {}", server.server, servers.join(", ")),
    })
}

/// The name of a file.
struct File(PathBuf);

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        value::nats_file(deserializer).map(File)
    }
}

enum FileSecret {
    File(PathBuf),
    Env(String),
}

/// `{ file = ".." }` or `{ env = ".." }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Elsewhere {
    file: Option<File>,
    env: Option<String>,
}

impl<'de> Deserialize<'de> for FileSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        const EXPECTED: &str = "`{ env = \"NATS_PASSWORD\" }` or `{ file = \"password.txt\" }`";

        /// Whatever stands there may be the secret, and is not quoted.
        fn open<E: Error>() -> E {
            E::custom(format!("a secret is not to stand in the manifest; put it elsewhere, and write {EXPECTED}"))
        }

        impl<'de> Visitor<'de> for Either {
            type Value = FileSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<FileSecret, E> {
                Err(open())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<FileSecret, E> {
                Err(open())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<FileSecret, E> {
                Err(open())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<FileSecret, E> {
                Err(open())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FileSecret, A::Error> {
                match Elsewhere::deserialize(MapAccessDeserializer::new(map))? {
                    Elsewhere { file: Some(File(file)), env: None } => Ok(FileSecret::File(file)),
                    Elsewhere { file: None, env: Some(variable) } if is_variable(&variable) => {
                        Ok(FileSecret::Env(variable))
                    }
                    Elsewhere { file: None, env: Some(_) } => Err(A::Error::custom(
                        "`env` is no name of an environment variable; write it like \"NATS_PASSWORD\"",
                    )),
                    _ => Err(A::Error::custom(format!("write either {EXPECTED}"))),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// What a person may call a variable: a secret in its place is most likely none.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(char::is_numeric)
}
