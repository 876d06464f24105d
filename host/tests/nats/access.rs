//! Servers that let in who shows the right thing: for each kind, the server's configuration, what is right and what is
//! wrong.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair as Key, KeyUsagePurpose};
use serde_json::{Value, json};

/// A kind of server.
pub struct Access {
    /// The server's configuration.
    pub server: String,
    pub right: Shown,
    pub wrong: Shown,
    /// What is said when the wrong thing is shown.
    pub refusal: &'static str,
    /// What nobody is to read.
    pub secrets: Vec<String>,
}

/// What a server is shown, by each way to say it.
pub struct Shown {
    /// In a manifest.
    pub table: String,
    pub options: Vec<String>,
    pub variables: Vec<(&'static str, String)>,
}

impl Shown {
    fn new(table: &str, options: &[&str], variables: &[(&'static str, &str)]) -> Self {
        Shown {
            table: table.into(),
            options: options.iter().map(|option| option.to_string()).collect(),
            variables: variables.iter().map(|(name, value)| (*name, value.to_string())).collect(),
        }
    }
}

fn write(folder: &Path, file: &str, content: &str) {
    std::fs::write(folder.join(file), content).expect("the folder is ours");
}

pub fn user(folder: &Path) -> Access {
    write(folder, "right.txt", "le secret d'Ada\n");
    write(folder, "wrong.txt", "le secret de Charles\n");
    let shown = |word: &str| {
        Shown::new(
            &format!("user = 'ada'\npassword = {{ file = '{word}.txt' }}"),
            &["--user", "ada", "--password-file", &format!("{word}.txt")],
            &[],
        )
    };
    Access {
        server: "authorization { user: ada, password: \"le secret d'Ada\" }".into(),
        right: shown("right"),
        wrong: shown("wrong"),
        refusal: "authorization violation",
        secrets: vec!["le secret d".into()],
    }
}

pub fn token(folder: &Path) -> Access {
    write(folder, "right.txt", "tok-1815-12-10");
    write(folder, "wrong.txt", "tok-1852-11-27\r\n");
    let shown = |word: &str| {
        let file = format!("{word}.txt");
        Shown::new(&format!("token = {{ file = '{file}' }}"), &["--token-file", &file], &[])
    };
    Access {
        server: "authorization { token: \"tok-1815-12-10\" }".into(),
        right: shown("right"),
        wrong: shown("wrong"),
        refusal: "authorization violation",
        secrets: vec!["tok-18".into()],
    }
}

/// The seed of a key, written to a file.
fn seed(folder: &Path, file: &str, pair: &KeyPair) -> String {
    let seed = pair.seed().expect("it was made with one");
    write(folder, file, &format!("{seed}\n"));
    seed
}

pub fn nkey(folder: &Path) -> Access {
    let (right, wrong) = (KeyPair::new_user(), KeyPair::new_user());
    let secrets = vec![seed(folder, "right.nk", &right), seed(folder, "wrong.nk", &wrong)];
    let shown = |word: &str| {
        let file = format!("{word}.nk");
        Shown::new(&format!("nkey = '{file}'"), &[], &[("NATS_NKEY", &file)])
    };
    Access {
        server: format!("authorization {{ users: [{{ nkey: {} }}] }}", right.public_key()),
        right: shown("right"),
        wrong: shown("wrong"),
        refusal: "authorization violation",
        secrets,
    }
}

/// A JWT as NATS has them, which `issuer` signs for `subject`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, mut nats: Value, kind: &str) -> String {
    nats["type"] = kind.into();
    nats["version"] = 2.into();
    let claims = json!({
        "jti": "any", "iat": 0, "name": kind, "iss": issuer.public_key(), "sub": subject.public_key(), "nats": nats,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).expect("it has a seed");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub fn credentials(folder: &Path) -> Access {
    let (operator, account, stranger) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    });
    let mut secrets = Vec::new();
    let mut shown = |word: &str, account: &KeyPair| {
        let user = KeyPair::new_user();
        let jwt = jwt(account, &user, json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 }), "user");
        let seed = user.seed().expect("it is new");
        let file = format!("{word}.creds");
        let content = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        write(folder, &file, &content);
        secrets.extend([jwt, seed]);
        Shown::new(&format!("credentials = '{file}'"), &["--credentials", &file], &[])
    };
    let (right, wrong) = (shown("right", &account), shown("wrong", &stranger));
    Access {
        server: format!(
            "operator: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {} }}\n",
            jwt(&operator, &operator, json!({}), "operator"),
            account.public_key(),
            jwt(&operator, &account, json!({ "limits": limits }), "account"),
        ),
        right,
        wrong,
        refusal: "authorization violation",
        secrets,
    }
}

/// Who signs certificates; its own is in `<name>.pem`.
pub fn authority(folder: &Path, name: &str) -> Issuer<'static, Key> {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = Key::generate().expect("a key");
    write(folder, &format!("{name}.pem"), &params.self_signed(&key).expect("a certificate").pem());
    Issuer::new(params, key)
}

/// A certificate in `<name>.pem`, with its key in `<name>.key`, and a line of that.
pub fn certificate(folder: &Path, name: &str, authority: &Issuer<'_, Key>) -> String {
    let params = CertificateParams::new(["127.0.0.1".to_string()]).expect("an address");
    let key = Key::generate().expect("a key");
    let signed = params.signed_by(&key, authority).expect("a certificate");
    write(folder, &format!("{name}.pem"), &signed.pem());
    write(folder, &format!("{name}.key"), &key.serialize_pem());
    key.serialize_pem().lines().nth(1).expect("it has several").into()
}

pub fn tls(folder: &Path) -> Access {
    let secret = certificate(folder, "server", &authority(folder, "right"));
    authority(folder, "wrong");
    let shown = |word: &str| {
        let file = format!("{word}.pem");
        Shown::new(&format!("ca = '{file}'"), &["--ca", &file], &[])
    };
    Access {
        server: tls_of(folder, ""),
        right: shown("right"),
        wrong: shown("wrong"),
        refusal: "invalid peer certificate: UnknownIssuer",
        secrets: vec![secret],
    }
}

pub fn client_certificate(folder: &Path) -> Access {
    let (ours, others) = (authority(folder, "ca"), authority(folder, "other"));
    certificate(folder, "server", &ours);
    let secrets = vec![certificate(folder, "right", &ours), certificate(folder, "wrong", &others)];
    let shown = |word: &str| {
        let (cert, key) = (format!("{word}.pem"), format!("{word}.key"));
        Shown::new(
            &format!("ca = 'ca.pem'\ncert = '{cert}'\nkey = '{key}'"),
            &["--cert", &cert, "--key", &key],
            &[("NATS_CA", "ca.pem")],
        )
    };
    Access {
        server: tls_of(folder, &format!("ca_file: '{}', verify: true", folder.join("ca.pem").display())),
        right: shown("right"),
        wrong: shown("wrong"),
        refusal: "received fatal alert: BadCertificate",
        secrets,
    }
}

fn tls_of(folder: &Path, more: &str) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    format!("tls {{ cert_file: '{}', key_file: '{}', {more} }}", file("server.pem"), file("server.key"))
}
