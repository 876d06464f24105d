//! How to reach a NATS server: its address, what it is shown, whom to trust, and the connection to it.

mod address;
mod connection;
mod login;
mod status;
mod subject;

use std::fmt;
use std::path::PathBuf;

pub(crate) use address::Address;
pub(crate) use connection::{Connection, delay, round_trip};
pub(crate) use login::{Problem, check as check_options, connect_options};
pub(crate) use subject::{is_pattern, is_subject, matches};

/// What a NATS server wants to see of those who connect, and which servers to trust. By default nothing is shown, and
/// over TLS a server is trusted whose certificate the system trusts.
///
/// Files and variables are checked when the connection is first asked for, and files are read again whenever it is made
/// again: new credentials need no restart. A server is shown one kind of credentials; of two, the later one counts.
///
/// No secret is in the log of this library, in its errors, or in the `Debug` form of this. But the crate `async-nats`
/// logs what it sends at the level `trace`, secrets among it: leave that level out, as the command `steadfast` does.
///
/// ```
/// use steadfast_host::{NatsOptions, Secret};
///
/// let options = NatsOptions::new()
///     .with_user("ada", Secret::env("NATS_PASSWORD"))
///     .with_ca("ca.pem")
///     .with_certificate("client.pem", "client.key");
/// assert_ne!(options, NatsOptions::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NatsOptions {
    pub(crate) login: Login,
    pub(crate) ca: Option<PathBuf>,
    /// The file of the certificate, and that of its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// What inboxes begin with: that of the client with the first; `_INBOX` if there are none.
    pub(crate) inboxes: Vec<String>,
}

/// What the server is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Login {
    #[default]
    Nothing,
    User(String, Secret),
    Token(Secret),
    Nkey(Secret),
    Credentials(Secret),
}

impl NatsOptions {
    /// Shows nothing, and trusts what the system trusts.
    ///
    /// ```
    /// assert_eq!(steadfast_host::NatsOptions::new(), steadfast_host::NatsOptions::default());
    /// ```
    pub fn new() -> Self {
        NatsOptions::default()
    }

    /// Shows a user and a password.
    ///
    /// ```
    /// use steadfast_host::{NatsOptions, Secret};
    ///
    /// let options = NatsOptions::new().with_user("ada", Secret::text("lovelace"));
    /// assert!(!format!("{options:?}").contains("lovelace"));
    /// ```
    #[must_use]
    pub fn with_user(self, user: impl Into<String>, password: Secret) -> Self {
        NatsOptions { login: Login::User(user.into(), password), ..self }
    }

    /// Shows a token.
    ///
    /// ```
    /// use steadfast_host::{NatsOptions, Secret};
    ///
    /// let options = NatsOptions::new().with_token(Secret::file("token.txt"));
    /// ```
    #[must_use]
    pub fn with_token(self, token: Secret) -> Self {
        NatsOptions { login: Login::Token(token), ..self }
    }

    /// Proves to have an NKEY, whose seed begins with `SU`. The seed stays here.
    ///
    /// ```
    /// use steadfast_host::{NatsOptions, Secret};
    ///
    /// let options = NatsOptions::new().with_nkey(Secret::file("app.nk"));
    /// ```
    #[must_use]
    pub fn with_nkey(self, seed: Secret) -> Self {
        NatsOptions { login: Login::Nkey(seed), ..self }
    }

    /// Shows the JWT of a credentials file, as `nsc` writes them, and proves to have its key.
    ///
    /// ```
    /// use steadfast_host::{NatsOptions, Secret};
    ///
    /// let options = NatsOptions::new().with_credentials(Secret::file("app.creds"));
    /// ```
    #[must_use]
    pub fn with_credentials(self, credentials: Secret) -> Self {
        NatsOptions { login: Login::Credentials(credentials), ..self }
    }

    /// Trusts servers whose certificate one of those in `file`, in PEM, has signed, and no others. The connection is
    /// made with TLS, whatever the address says.
    ///
    /// ```
    /// let options = steadfast_host::NatsOptions::new().with_ca("ca.pem");
    /// ```
    #[must_use]
    pub fn with_ca(self, file: impl Into<PathBuf>) -> Self {
        NatsOptions { ca: Some(file.into()), ..self }
    }

    /// Shows a certificate, and proves to have its key; both files are PEM. The connection is made with TLS, whatever
    /// the address says.
    ///
    /// ```
    /// let options = steadfast_host::NatsOptions::new().with_certificate("client.pem", "client.key");
    /// ```
    #[must_use]
    pub fn with_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        NatsOptions { certificate: Some((certificate.into(), key.into())), ..self }
    }

    /// Has an inbox that begins with the first of `prefixes` instead of with `_INBOX`, as the permissions of a user may
    /// demand it, and sends answers to inboxes that begin with any of them. What peers name else is not published to.
    ///
    /// ```
    /// let options = steadfast_host::NatsOptions::new().with_inboxes(["_INBOX_ada", "_INBOX"]);
    /// ```
    #[must_use]
    pub fn with_inboxes(self, prefixes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        NatsOptions { inboxes: prefixes.into_iter().map(Into::into).collect(), ..self }
    }
}

/// A text that nobody else is to read. Its `Debug` form says where it is, and not what.
///
/// ```
/// use steadfast_host::Secret;
///
/// assert_eq!(format!("{:?}", Secret::text("lovelace")), "Secret(..)");
/// assert_eq!(format!("{:?}", Secret::env("NATS_TOKEN")), "Secret(environment variable NATS_TOKEN)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(pub(crate) Place);

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Text(String),
    File(PathBuf),
    Env(String),
}

impl Secret {
    /// The secret itself.
    ///
    /// ```
    /// let secret = steadfast_host::Secret::text("lovelace");
    /// ```
    pub fn text(text: impl Into<String>) -> Self {
        Secret(Place::Text(text.into()))
    }

    /// The text of a file; a line break at its end does not count.
    ///
    /// ```
    /// let secret = steadfast_host::Secret::file("password.txt");
    /// ```
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Secret(Place::File(file.into()))
    }

    /// What an environment variable has.
    ///
    /// ```
    /// let secret = steadfast_host::Secret::env("NATS_PASSWORD");
    /// ```
    pub fn env(variable: impl Into<String>) -> Self {
        Secret(Place::Env(variable.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Text(_) => f.write_str("Secret(..)"),
            Place::File(file) => write!(f, "Secret(file {})", file.display()),
            Place::Env(variable) => write!(f, "Secret(environment variable {variable})"),
        }
    }
}
