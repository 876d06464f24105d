//! What a NATS server is shown, and whom to trust, made from files and variables: checked at the start, and read again
//! for each connection.

use std::fmt;
use std::path::{Path, PathBuf};

use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use async_nats::rustls::{ClientConfig, RootCertStore, crypto};
use async_nats::{Auth, AuthError, ConnectOptions};
use nkeys::KeyPair;

use super::is_subject;
use super::{Login, NatsOptions, Place, Secret};

/// What is wrong with a part of the options, without the secret.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A file is missing or unreadable.
    Unread { part: &'static str, path: PathBuf, source: std::io::Error },
    /// What it is instead, and what to do.
    Wrong { part: &'static str, problem: String },
}

impl Problem {
    /// The part, as manifests and options name it.
    pub fn part(&self) -> &'static str {
        match self {
            Problem::Unread { part, .. } | Problem::Wrong { part, .. } => part,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unread { path, source, .. } => write!(f, "cannot read {}: {source}", path.display()),
            Problem::Wrong { problem, .. } => f.write_str(problem),
        }
    }
}

/// Reads everything once: what is wrong now would be wrong at every attempt to connect.
pub(crate) fn check(options: &NatsOptions) -> Result<(), Problem> {
    authenticate(&options.login, b"")?;
    if let Some(wrong) = options.inboxes.iter().find(|prefix| !is_subject(prefix)) {
        let problem =
            format!("{wrong:?} is no beginning of inboxes; write words with dots between them, like \"_INBOX\"");
        return Err(Problem::Wrong { part: "inboxes", problem });
    }
    if let Some(file) = &options.ca {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca", file)? {
            roots.add(certificate).map_err(|error| Problem::Wrong {
                part: "ca",
                problem: format!(
                    "{} has a certificate that signs nothing: {error}; give that of the CA",
                    file.display()
                ),
            })?;
        }
    }
    let Some((file, key_file)) = &options.certificate else { return Ok(()) };
    let chain = certificates("cert", file)?;
    let key = PrivateKeyDer::from_pem_slice(&read("key", key_file)?).map_err(|_| Problem::Wrong {
        part: "key",
        problem: format!("{} has no private key in PEM; give a file with a `BEGIN PRIVATE KEY`", key_file.display()),
    })?;
    let builder = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(RootCertStore::empty()));
    builder.and_then(|builder| builder.with_client_auth_cert(chain, key)).map(drop).map_err(|error| Problem::Wrong {
        part: "key",
        problem: format!(
            "{} is not the key of the certificate in {}: {error}; give the two that belong together",
            key_file.display(),
            file.display()
        ),
    })
}

/// What makes a connection with these options, and with TLS if an address wants it: to the servers, too, that those of
/// the addresses name.
pub(crate) fn connect_options(options: &NatsOptions, tls: bool) -> ConnectOptions {
    // The client takes the default of the process, and panics where two crates would bring one. It stays whoever's
    // it is.
    if crypto::CryptoProvider::get_default().is_none() {
        let _ = crypto::ring::default_provider().install_default();
    }
    let login = options.login.clone();
    let mut connect = match login {
        Login::Nothing => ConnectOptions::new(),
        login => ConnectOptions::with_auth_callback(move |nonce| {
            let login = login.clone();
            // It may read a file.
            let authenticated = tokio::task::spawn_blocking(move || authenticate(&login, &nonce));
            async move { authenticated.await.map_err(AuthError::new)?.map_err(AuthError::new) }
        }),
    };
    if let Some(file) = &options.ca {
        connect = connect.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &options.certificate {
        connect = connect.add_client_certificate(certificate.clone(), key.clone());
    }
    if let Some(prefix) = options.inboxes.first() {
        connect = connect.custom_inbox_prefix(prefix);
    }
    // Else a server that offers no TLS would be believed that it needs none.
    connect.require_tls(tls || options.ca.is_some() || options.certificate.is_some())
}

/// The answer to a server that shows `nonce`.
fn authenticate(login: &Login, nonce: &[u8]) -> Result<Auth, Problem> {
    let mut auth = Auth::new();
    match login {
        Login::Nothing => {}
        Login::User(user, password) => {
            auth.username = Some(user.clone());
            auth.password = Some(line("password", password)?);
        }
        Login::Token(token) => auth.token = Some(line("token", token)?),
        Login::Nkey(seed) => {
            let text = text("nkey", seed)?;
            let wrong = || Problem::Wrong {
                part: "nkey",
                problem: format!(
                    "{} has no NKEY of a user; give one with its seed, which begins with `SU`",
                    named(seed)
                ),
            };
            let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU")).ok_or_else(wrong)?;
            let pair = KeyPair::from_seed(seed).map_err(|_| wrong())?;
            auth.nkey = Some(pair.public_key());
            auth.signature = Some(pair.sign(nonce).map_err(|_| wrong())?);
        }
        Login::Credentials(credentials) => {
            let text = text("credentials", credentials)?;
            let wrong = |lacks: &str| Problem::Wrong {
                part: "credentials",
                problem: format!(
                    "{} is no credentials file: it lacks {lacks}; give one that `nsc generate creds` wrote",
                    named(credentials)
                ),
            };
            let jwt = decorated(&text, "NATS USER JWT").filter(|jwt| jwt.split('.').count() == 3);
            auth.jwt = Some(jwt.ok_or_else(|| wrong("the JWT of a user"))?.into());
            let pair = decorated(&text, "USER NKEY SEED").and_then(|seed| KeyPair::from_seed(seed).ok());
            let signature = pair.and_then(|pair| pair.sign(nonce).ok());
            auth.signature = Some(signature.ok_or_else(|| wrong("the seed of an NKEY"))?);
        }
    }
    Ok(auth)
}

/// The line below `-----BEGIN …-----`.
fn decorated<'t>(text: &'t str, what: &str) -> Option<&'t str> {
    let begins = |line: &&str| line.starts_with("---") && line.contains("BEGIN") && line.contains(what);
    let mut lines = text.lines().map(str::trim).skip_while(|line| !begins(line));
    lines.nth(1).filter(|line| !line.is_empty() && !line.starts_with('-'))
}

/// A secret of one line, which is not empty.
fn line(part: &'static str, secret: &Secret) -> Result<String, Problem> {
    let text = text(part, secret)?;
    let line = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() && !matches!(secret.0, Place::Text(_)) {
        return Err(Problem::Wrong { part, problem: format!("{} is empty, and is to have the {part}", named(secret)) });
    }
    Ok(line.into())
}

fn text(part: &'static str, secret: &Secret) -> Result<String, Problem> {
    match &secret.0 {
        Place::Text(text) => Ok(text.clone()),
        Place::File(file) => String::from_utf8(read(part, file)?).map_err(|_| Problem::Wrong {
            part,
            problem: format!("{} is not UTF-8 text, and is to have the {part}", file.display()),
        }),
        Place::Env(variable) => std::env::var(variable).map_err(|error| Problem::Wrong {
            part,
            problem: match error {
                std::env::VarError::NotPresent => {
                    format!("the environment variable {variable} is not set, and is to have the {part}; set it")
                }
                std::env::VarError::NotUnicode(_) => {
                    format!("the environment variable {variable} is not UTF-8 text, and is to have the {part}")
                }
            },
        }),
    }
}

/// The place of a secret, for a message.
fn named(secret: &Secret) -> String {
    match &secret.0 {
        Place::Text(_) => "what is given".into(),
        Place::File(file) => file.display().to_string(),
        Place::Env(variable) => format!("the environment variable {variable}"),
    }
}

fn certificates(part: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(part, file)?).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(|| Problem::Wrong {
        part,
        problem: format!("{} has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`", file.display()),
    })
}

fn read(part: &'static str, file: &Path) -> Result<Vec<u8>, Problem> {
    crate::small_file::read(file).map_err(|source| match is_secret(file) {
        false => Problem::Unread { part, path: file.into(), source },
        true => Problem::Wrong {
            part,
            problem: "the secret itself stands where a file is to be named; write it in a file, and name that".into(),
        },
    })
}

/// Whether somebody gave the content where the name of a file is asked for: it is not to be quoted.
fn is_secret(file: &Path) -> bool {
    let text = file.to_string_lossy();
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    // The length of the seed of an NKEY.
    text.contains("--BEGIN") || (name.len() == 58 && name.starts_with('S') && !name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_in_place_of_a_file_is_not_quoted() {
        let seed = KeyPair::new_user().seed().expect("it is new");
        for content in [format!("/etc/{seed}"), seed, "-----BEGIN NATS USER JWT-----\neyJ0\n".into()] {
            let problem = check(&NatsOptions::new().with_nkey(Secret::file(&content))).unwrap_err();
            assert_eq!(
                problem.to_string(),
                "the secret itself stands where a file is to be named; write it in a file, and name that"
            );
        }
    }

    #[test]
    fn one_line_break_at_the_end_of_a_secret_does_not_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        for (content, secret) in [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a", " a")] {
            std::fs::write(&file, content).expect("the folder is ours");
            assert_eq!(line("token", &Secret::file(&file)).expect("it is there"), secret);
        }
    }
}
