//! What NATS servers are to be shown, said wrongly: each message names the line or the option, and never the secret.
#![cfg(feature = "wrpc")]

use crate::{Folder, GREET, app, provider, with};

/// A manifest with a link over NATS, and these lines from the fourth on.
fn manifest(lines: &str) -> String {
    with(&format!("[links]\n'acme:greeter/api' = {{ nats = 'nats://localhost' }}\n{lines}"))
}

/// What is said of the table of that server, whose keys begin in the fifth line.
fn of_table(keys: &str) -> String {
    let folder = Folder::new().with("app.wasm", app(GREET)).with("hello.txt", "hello").with("empty.txt", "");
    folder.with("bytes", [0xff]).serve(manifest(&format!("[nats.'nats://localhost:4222']\n{keys}")))
}

#[test]
fn a_table_of_no_server_that_a_link_leads_to_is_said() {
    for (lines, expected) in [
        (
            "[nats.'tls://localhost']",
            "no link leads to `tls://localhost:4222`; write one of: \"nats://localhost:4222\"",
        ),
        ("[nats.localhost]", "the address of the NATS server is invalid; write it like \"nats://127.0.0.1:4222\""),
        (
            "[nats.'nats://ada:secret@localhost']",
            "the address of `nats://localhost:4222` has a user, a password or a token in it; say them below it, like \
             `user = \"ada\"` and `password = { file = \"password.txt\" }`",
        ),
        (
            "nats.token = 'secret'",
            "`nats.token` is to be a table for a server, like `[nats.\"nats://127.0.0.1:4222\"]`; write its keys below \
             that",
        ),
    ] {
        let manifest = manifest("").replace("[links]\n'acme:greeter/api'", "\nlinks.'acme:greeter/api'") + lines;
        assert_eq!(Folder::new().serve(manifest), format!("hello.toml:5: {expected}"));
    }
    assert_eq!(
        Folder::new().serve(with("[nats.'nats://localhost']")),
        "hello.toml:2: no link leads to `nats://localhost:4222`, nor over NATS at all; remove its table"
    );
    assert_eq!(
        Folder::new().serve(with("nats = 'secret'")),
        "hello.toml:2: `nats` is to be a table for each server, like `[nats.\"nats://127.0.0.1:4222\"]`"
    );
}

#[test]
fn credentials_that_are_not_one_and_whole_are_said() {
    for (keys, expected) in [
        (
            "token = { env = 'A' }\nnkey = 'a'",
            "`nats://localhost:4222` is to be shown both `nkey` and `token`; remove one of the two",
        ),
        (
            "user = 'ada'",
            "`password` is missing beside the `user` of `nats://localhost:4222`; add it, like `password = { env = \
             \"NATS_PASSWORD\" }`",
        ),
        (
            "password = { env = 'A' }",
            "`user` is missing beside the `password` of `nats://localhost:4222`; add it, like `user = \"ada\"`",
        ),
        (
            "cert = 'a'",
            "`key` is missing beside the `cert` for `nats://localhost:4222`; add the file of its key, like `key = \
             \"client.key\"`",
        ),
        (
            "key = 'a'",
            "`cert` is missing beside the `key` for `nats://localhost:4222`; add the file of its certificate, like \
             `cert = \"client.pem\"`",
        ),
    ] {
        assert_eq!(of_table(keys), format!("hello.toml:4: {expected}"));
    }
    let twice = manifest("[nats.'nats://localhost']\ntoken = { env = 'A' }")
        .replace("nats = 'nats://", "nats = 'nats://secret@");
    assert_eq!(
        Folder::new().serve(twice),
        "hello.toml:4: `nats://localhost:4222` has credentials here, and in the address that a link has; remove those \
         of the link"
    );
}

#[test]
fn a_secret_in_the_manifest_is_said_and_not_quoted() {
    let elsewhere = "put it elsewhere, and write `{ env = \"NATS_PASSWORD\" }` or `{ file = \"password.txt\" }`";
    for secret in ["'secret'", "1815", "18.15"] {
        assert_eq!(
            of_table(&format!("token = {secret}")),
            format!("hello.toml:5: a secret is not to stand in the manifest; {elsewhere}")
        );
    }
    for (key, expected) in [
        (
            "token = { env = 'my secret' }",
            "`env` is no name of an environment variable; write it like \"NATS_PASSWORD\"",
        ),
        ("token = { }", "write either `{ env = \"NATS_PASSWORD\" }` or `{ file = \"password.txt\" }`"),
        ("credentials = ''", "the path is empty; write that of a file, like \"app.creds\""),
        (
            "nkey = 'SUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM'",
            "`nkey`: the secret itself stands where a file is to be named; write it in a file, and name that",
        ),
    ] {
        assert_eq!(of_table(key), format!("hello.toml:5: {expected}"));
    }
}

#[test]
fn a_file_or_a_variable_that_has_not_what_it_is_to_have_is_said() {
    for (keys, expected) in [
        (
            "\ncredentials = 'hello.txt'",
            "`credentials`: hello.txt is no credentials file: it lacks the JWT of a user; give one that `nsc generate creds` wrote",
        ),
        ("\ncredentials = 'bytes'", "`credentials`: bytes is not UTF-8 text, and is to have the credentials"),
        (
            "\nnkey = 'hello.txt'",
            "`nkey`: hello.txt has no NKEY of a user; give one with its seed, which begins with `SU`",
        ),
        ("\nca = 'hello.txt'", "`ca`: hello.txt has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`"),
        (
            "key = 'hello.txt'\ncert = 'hello.txt'",
            "`cert`: hello.txt has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`",
        ),
        (
            "\ntoken = { env = 'NO_SUCH_TOKEN' }",
            "`token`: the environment variable NO_SUCH_TOKEN is not set, and is to have the token; set it",
        ),
        (
            "user = 'ada'\npassword = { file = 'empty.txt' }",
            "`password`: empty.txt is empty, and is to have the password",
        ),
    ] {
        assert_eq!(of_table(keys), format!("hello.toml:6: {expected}"));
    }
    for key in ["credentials", "nkey", "ca"] {
        assert_eq!(
            of_table(&format!("{key} = 'no.txt'")),
            format!(
                "cannot read no.txt: No such file or directory (os error 2); `{key}` in hello.toml:5 is to be this file"
            )
        );
    }
}

#[test]
fn a_key_of_another_certificate_is_said() {
    let certificate = || {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new([]).expect("no names");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    };
    let ((cert, _), (other, key)) = (certificate(), certificate());
    let folder = Folder::new().with("app.wasm", app(GREET)).with("a.pem", cert).with("b.key", key).with("b.pem", other);
    let said = |keys: &str| folder.serve(manifest(&format!("[nats.'nats://localhost']\n{keys}")));
    let refusal = said("cert = 'a.pem'\nkey = 'b.key'");
    assert!(
        refusal.starts_with("hello.toml:6: `key`: b.key is not the key of the certificate in a.pem: ")
            && refusal.ends_with("; give the two that belong together"),
        "{refusal}"
    );
    assert_eq!(
        said("cert = 'b.pem'\nkey = 'b.pem'"),
        "hello.toml:6: `key`: b.pem has no private key in PEM; give a file with a `BEGIN PRIVATE KEY`"
    );
}

#[test]
fn options_and_variables_of_a_provider_that_do_not_fit_are_said() {
    let folder = Folder::new().with("a.wasm", provider("0.1.0", GREET)).with("hello.txt", "hello");
    let user = "a user is shown with its password; give both, with --user and --password-file or in NATS_USER and \
                NATS_PASSWORD";
    let certificate =
        "a certificate is shown with its key; give both, with --cert and --key or in NATS_CERT and NATS_KEY";
    /// Options, variables, and what is said of them.
    type Case<'c> = (&'c [&'c str], &'c [(&'c str, &'c str)], &'c str);
    let cases: [Case<'_>; 8] = [
        (&["--user", "ada"], &[], user),
        (&[], &[("NATS_PASSWORD", "secret")], user),
        (&["--cert", "a"], &[], certificate),
        (&[], &[("NATS_KEY", "a")], certificate),
        (
            &["--nkey", "a", "--token-file", "b"],
            &[],
            "both --nkey and --token-file are given, and the server is shown one; remove the other",
        ),
        (
            &[],
            &[("NATS_CREDS", "a"), ("NATS_TOKEN", "secret")],
            "both NATS_CREDS and NATS_TOKEN are given, and the server is shown one; remove the other",
        ),
        (
            &["--credentials", "hello.txt"],
            // Of no interest where there are credentials among the options.
            &[("NATS_TOKEN", "secret")],
            "hello.txt is no credentials file: it lacks the JWT of a user; give one that `nsc generate creds` wrote",
        ),
        (&["--ca", "hello.txt"], &[], "hello.txt has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`"),
    ];
    for (options, variables, expected) in cases {
        let arguments = [&["provide", "--nats", "nats://localhost", "a.wasm"], options].concat();
        assert_eq!(folder.refusal_with(&arguments, variables), format!("cannot serve over NATS: {expected}"));
    }
    assert_eq!(
        folder.refusal(&["provide", "--nats", "nats://localhost", "--nkey", "no.nk", "a.wasm"]),
        "cannot read no.nk: No such file or directory (os error 2); it is given as the `nkey` for the NATS server; give \
         a file that can be read"
    );
    assert_eq!(
        folder.refusal_with(
            &["provide", "a.wasm"],
            &[("NATS_URL", "nats://ada:secret@localhost"), ("NATS_TOKEN", "secret")]
        ),
        "cannot serve over NATS: the address of the NATS server has credentials in it, and others are given too; remove \
         those of the address"
    );
}
