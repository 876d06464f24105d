//! What a NATS server is shown, from options and from the environment variables that the command `nats` reads.

use std::path::PathBuf;

use clap::Args;
use steadfast_host::{Error, NatsOptions, Secret};

/// Secrets stand in files or in the environment: everybody on the machine can read the arguments of a command.
#[derive(Args, Clone)]
#[command(next_help_heading = "Credentials and TLS")]
pub(super) struct Nats {
    /// The credentials file to show, or that in NATS_CREDS.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// The file with the seed of the NKEY to show, or that in NATS_NKEY.
    #[arg(long, value_name = "FILE")]
    nkey: Option<PathBuf>,
    /// The user, or that in NATS_USER.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file with the password of the user; without it, the password in NATS_PASSWORD.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The file with the token to show; without it, the token in NATS_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The certificates to trust, in PEM, instead of those that the system trusts; or the file in NATS_CA.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate to show, in PEM, or the file in NATS_CERT.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The key of that certificate, in PEM, or the file in NATS_KEY.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What inboxes begin with, instead of with _INBOX; more than once: the inbox of this provider with the first, those
    /// of its callers with any.
    #[arg(long = "inbox", value_name = "PREFIX")]
    inboxes: Vec<String>,
}

impl Nats {
    /// What is given. Credentials among the options count alone; those of the environment count where there are none.
    pub fn options(self) -> Result<NatsOptions, Error> {
        let Nats { credentials, nkey, user, password_file, token_file, ca, cert, key, inboxes } = self;
        let file = |option: Option<PathBuf>, name| option.or_else(|| variable(name).map(PathBuf::from));
        let options = login(
            [("--credentials", credentials), ("--nkey", nkey), ("--token-file", token_file)],
            user,
            password_file.map(Secret::file),
            "--user and --password-file",
            Secret::file,
        )?;
        let options = match options {
            Some(options) => options,
            None => {
                let user = variable("NATS_USER").and_then(|user| user.into_string().ok());
                let password = variable("NATS_PASSWORD").map(|_| Secret::env("NATS_PASSWORD"));
                let given = |name| (name, variable(name).map(PathBuf::from));
                let token = |_: PathBuf| Secret::env("NATS_TOKEN");
                let files = [given("NATS_CREDS"), given("NATS_NKEY"), given("NATS_TOKEN")];
                login(files, user, password, "NATS_USER and NATS_PASSWORD", token)?.unwrap_or_default()
            }
        };
        let options = options.with_inboxes(inboxes);
        let options = match file(ca, "NATS_CA") {
            Some(ca) => options.with_ca(ca),
            None => options,
        };
        match (file(cert, "NATS_CERT"), file(key, "NATS_KEY")) {
            (Some(cert), Some(key)) => Ok(options.with_certificate(cert, key)),
            (None, None) => Ok(options),
            _ => Err(wrong(
                "a certificate is shown with its key; give both, with --cert and --key or in NATS_CERT and NATS_KEY",
            )),
        }
    }
}

/// What one place gives; `None` if that is nothing.
fn login(
    [credentials, nkey, token]: [(&str, Option<PathBuf>); 3],
    user: Option<String>,
    password: Option<Secret>,
    names: &str,
    token_in: impl FnOnce(PathBuf) -> Secret,
) -> Result<Option<NatsOptions>, Error> {
    let user = match (user, password) {
        // The password may stand in the environment, whoever named the user.
        (Some(user), None) if variable("NATS_PASSWORD").is_some() => {
            Some(NatsOptions::new().with_user(user, Secret::env("NATS_PASSWORD")))
        }
        (Some(user), Some(password)) => Some(NatsOptions::new().with_user(user, password)),
        (None, None) => None,
        _ => {
            return Err(wrong(
                "a user is shown with its password; give both, with --user and --password-file or in NATS_USER and \
                 NATS_PASSWORD",
            ));
        }
    };
    let given = [
        (credentials.0, credentials.1.map(|file| NatsOptions::new().with_credentials(Secret::file(file)))),
        (nkey.0, nkey.1.map(|file| NatsOptions::new().with_nkey(Secret::file(file)))),
        (names, user),
        (token.0, token.1.map(|file| NatsOptions::new().with_token(token_in(file)))),
    ];
    let mut given: Vec<_> = given.into_iter().filter_map(|(name, options)| Some((name, options?))).collect();
    if let [(one, _), (other, _), ..] = &given[..] {
        return Err(wrong(&format!("both {one} and {other} are given, and the server is shown one; remove the other")));
    }
    Ok(given.pop().map(|(_, options)| options))
}

/// A variable that is set, and not to nothing.
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn wrong(problem: &str) -> Error {
    Error::Nats { problem: problem.into() }
}
