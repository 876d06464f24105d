//! A manifest that is none, or says what no manifest can.

use crate::{Folder, app, with};

#[test]
fn a_manifest_that_cannot_be_read_is_named() {
    let folder = Folder::new();
    for file in ["none.toml", "."] {
        let why = std::fs::read(folder.path(file)).expect_err("there is no such file");
        let message = folder.refusal(&["serve", "--manifest", file]);
        let advice = "give the path of a manifest, a TOML file that names a component and its links";
        assert_eq!(message, format!("cannot read {file}: {why}; {advice}"));
    }
}

#[test]
fn a_manifest_that_is_no_text_may_be_the_component() {
    let message = Folder::new().serve(b"component = 'app.wasm'\n# caf\xe9\n");
    assert_eq!(
        message,
        "hello.toml:2: this is not UTF-8 text; save the manifest as UTF-8, or, where this is a component, give a \
         manifest that names it"
    );
    let message = Folder::new().with("app.wasm", app(crate::GREET)).refusal(&["serve", "--manifest", "app.wasm"]);
    assert!(message.starts_with("app.wasm:") && message.contains("where this is a component"), "{message}");
}

#[test]
fn what_is_not_toml_is_said_with_its_line() {
    for (manifest, line, problem) in [
        ("component = 'app.wasm'\n[links\n", 2, "unclosed table, expected `]`"),
        ("component = app.wasm\n", 1, "string values must be quoted, expected literal string"),
        ("component = 'app.wasm\n", 1, "invalid literal string, expected `'`"),
        ("component = 'a'\ncomponent = 'b'\n", 2, "duplicate key"),
    ] {
        let expected = format!("hello.toml:{line}: {problem}; see https://toml.io for what TOML allows");
        assert_eq!(Folder::new().serve(manifest), expected);
    }
}

#[test]
fn an_unknown_key_is_said_with_those_that_are_known() {
    let known = "`component`, `listen`, `admin`, `instances`, `invocation-timeout`, `request-timeout`, `memory-mib`, \
                 `total-memory-mib`, `requests`, `client-left`, `connections`, `outgoing`, `seed`, `links`, `nats`, `http`, \
                 `config`, `env`, `cron`, `messages`, `faults`";
    let of_a_fault = "`on`, `kind`, `loses`, `from`, `until`, `every`, `for`, `first`, `rate`, `delay`, `retry-after`, `status`, \
        `concurrency`, `work`, `queue`";
    for (lines, expected) in [
        ("colour = 1", format!("hello.toml:2: unknown field `colour`, expected one of {known}")),
        (
            "[link]\n'a:b/c' = 'd'",
            format!("hello.toml:2: unknown field `link`, did you mean `links`? Expected one of {known}"),
        ),
        (
            "[links]\n'a:b/c' = { component = 'd', colour = 1 }",
            "hello.toml:3: unknown field `colour`, expected one of `component`, `instances`, `nats`, `prefix`, `tcp`, \
             `provider`"
                .into(),
        ),
        ("[http]\ncolour = 1", "hello.toml:3: unknown field `colour`, expected one of `allow`, `deadlines`, `ca`, `upstreams`".into()),
        (
            "[http.upstreams]\n'a.test' = { component = 'd', colour = 1 }",
            "hello.toml:3: unknown field `colour`, expected `component`".into(),
        ),
        ("[config]\ntone = { colour = 1 }", "hello.toml:3: unknown field `colour`, expected `file`".into()),
        (
            "[[cron]]\ncolour = 1",
            "hello.toml:3: unknown field `colour`, expected one of `call`, `every`, `schedule`, `zone`, `jitter`, `missed`, \
             `timeout`, `payload`, `lease`"
                .into(),
        ),
        (
            "[[messages]]\ncolour = 1",
            "hello.toml:3: unknown field `colour`, expected one of `nats`, `subject`, `queue-group`, `queue`, `stream`, \
             `durable`, `ack-wait`, `max-deliveries`, `backoff`, `dead-letter`, `timeout`, `concurrency`"
                .into(),
        ),
        (
            "[[faults]]\nkind = 'trap'\ncolour = 1",
            format!("hello.toml:4: unknown field `colour`, expected one of {of_a_fault}"),
        ),
    ] {
        assert_eq!(Folder::new().serve(with(lines)), expected);
    }
}

#[test]
fn a_missing_key_is_said_with_what_to_write() {
    for (manifest, expected) in [
        (
            "seed = 1\n".into(),
            "hello.toml: `component` is missing; add the path of the component to run, like `component = \"app.wasm\"`",
        ),
        (
            with("[links]\n'acme:greeter/api' = {}"),
            "hello.toml:3: `component` is missing from the link of `acme:greeter/api`; add the path of the component \
             that it leads to",
        ),
        (
            with("[[faults]]\nfirst = 1"),
            "hello.toml:2: `kind` is missing from the fault; say what goes wrong, like `kind = \"no-target\"`",
        ),
        (
            with("[http.upstreams]\n'a.test' = {}"),
            "hello.toml:3: `component` is missing from the upstream `a.test`; add the path of the component that \
             answers for it",
        ),
        (
            with("[config]\ntone = {}"),
            "hello.toml:3: `file` is missing; write the setting like `{ file = \"policies.toml\" }`",
        ),
        (
            with("[[cron]]\nevery = '10s'"),
            "hello.toml:2: `call` is missing; say which function to call, like `call = \"acme:jobs/job#run\"`",
        ),
        (
            with("[[cron]]\ncall = 'a:b/c#d'"),
            "hello.toml:2: neither `every` nor `schedule` is there in the cron job `a:b/c#d`; say how often, like \
             `every = \"10s\"`, or when, like `schedule = \"0 3 * * *\"`",
        ),
    ] {
        assert_eq!(Folder::new().serve(manifest), expected);
    }
}

#[test]
fn a_value_of_the_wrong_type_is_said_with_an_example_of_the_right_one() {
    for (lines, found, expected) in [
        ("listen = 8080", "type: integer `8080`", "a host with a port, like \"127.0.0.1:8080\""),
        ("request-timeout = 5", "type: integer `5`", "a duration, like \"250ms\" or \"1m 30s\""),
        ("memory-mib = '64MB'", "type: string \"64MB\"", "a whole number of MiB from 1, like 64"),
        ("memory-mib = 0", "value: integer `0`", "a whole number of MiB from 1, like 64"),
        ("requests = 0", "value: integer `0`", "a whole number from 1, like 1024"),
        ("connections = -1", "value: integer `-1`", "a whole number from 1, like 1024"),
        ("outgoing = 'all'", "type: string \"all\"", "a whole number from 1, like 1024"),
        ("client-left = 1", "type: integer `1`", "\"finish\" or \"end\""),
        ("http.deadlines = true", "type: boolean `true`", "\"read\", \"send\", \"both\" or \"neither\""),
        ("seed = -1", "value: integer `-1`", "a whole number from 0, like 7"),
        ("instances = 2", "type: integer `2`", "\"fresh\" or \"reuse\""),
        ("faults = [3]", "type: integer `3`", "a table, like `{ kind = \"no-target\" }`"),
        (
            "faults = [{ kind = 3 }]",
            "type: integer `3`",
            "a kind of fault, like \"no-target\", or several with weights, like { no-target = 3, drop = 1 }",
        ),
        ("faults = [{ kind = 'trap', first = 0 }]", "value: integer `0`", "a whole number of calls from 1, like 3"),
        (
            "http.allow = 'a.test'",
            "type: string \"a.test\"",
            "a list of hosts, like [\"127.0.0.1:9000\", \"api.example.com\"]",
        ),
        ("http.allow = [3]", "type: integer `3`", "a host, like \"127.0.0.1:9000\""),
        (
            "http.upstreams.'a.test' = 'd.wasm'",
            "type: string \"d.wasm\"",
            "a table, like `{ component = \"upstream.wasm\" }`",
        ),
        ("config.attempts = 4", "type: integer `4`", "a text in quotes, like \"4\", or `{ file = \"policies.toml\" }`"),
        ("env.N = 4", "type: integer `4`", "a text in quotes, like \"4\", or `{ file = \"policies.toml\" }`"),
        ("config.tone.file = 4", "type: integer `4`", "the path of a file, like \"policies.toml\""),
        ("cron = [3]", "type: integer `3`", "a table, like `{ call = \"acme:jobs/job#run\", every = \"10s\" }`"),
        ("faults = [{ status = 99 }]", "value: integer `99`", "the status of an HTTP answer, like 503"),
        ("links.'a:b/c' = 'd.wasm'", "type: string \"d.wasm\"", "a table, like `{ component = \"greeter.wasm\" }`"),
    ] {
        assert_eq!(Folder::new().serve(with(lines)), format!("hello.toml:2: invalid {found}, expected {expected}"));
    }
    assert_eq!(
        Folder::new().serve("component = 3\n"),
        "hello.toml:1: invalid type: integer `3`, expected the path of a component's file, like \"app.wasm\""
    );
}

#[test]
fn a_value_that_cannot_be_is_said_with_one_that_can() {
    for (lines, expected) in [
        ("listen = 'localhost'", "`localhost` is not a host with a port; write it like \"127.0.0.1:8080\""),
        (
            "request-timeout = '5'",
            "`5` is not a duration (time unit needed, for example 5sec or 5ms); write it like \"250ms\" or \"1m 30s\"",
        ),
        ("request-timeout = '0s'", "a timeout of `0s` leaves no time at all; write it like \"250ms\" or \"1m 30s\""),
        ("invocation-timeout = '0s'", "a timeout of `0s` leaves no time at all; write it like \"250ms\" or \"1m 30s\""),
        ("instances = 'two'", "unknown variant `two`, expected `fresh` or `reuse`"),
        (
            "faults = [{ kind = 'gremlins' }]",
            "unknown variant `gremlins`, expected one of `no-link`, `no-target`, `disconnected`, `blackhole`, `drop`, \
             `trap`, `latency`, `overloaded`, `status`, `capacity`",
        ),
        (
            "http.allow = ['http://a.test']",
            "`http://a.test` is not a host; write it like \"api.example.com\" or \"127.0.0.1:9000\"",
        ),
        (
            "http.upstreams.'a.test/b' = { component = 'b.wasm' }",
            "the upstream `a.test/b` is not a host; write it like \"api.example.com\" or \"127.0.0.1:9000\"",
        ),
        ("env.'' = '1'", "a variable of `[env]` has an empty name; write it like `RUST_BACKTRACE = \"1\"`"),
        (
            "env.'A=B' = '1'",
            "`env.A=B` cannot be the name of a variable, since it has a `=` or a NUL in it; write it like \
             `RUST_BACKTRACE = \"1\"`",
        ),
        (
            "env.\"A\\u0000\" = '1'",
            "`env.A\\u{0}` cannot be the name of a variable, since it has a `=` or a NUL in it; write it like \
             `RUST_BACKTRACE = \"1\"`",
        ),
        ("env.A = \"1\\u0000\"", "`env.A` has a NUL in it, with which no variable can be set; remove it"),
        (
            "cron = [{ call = 'run', every = '1s' }]",
            "`run` is not a function of an interface; write it like \"acme:jobs/job#run\"",
        ),
        (
            "cron = [{ call = 'a:b/c@0.1.0#d', every = '1s' }]",
            "`a:b/c@0.1.0#d` is to be called, in whichever version it is there; write `a:b/c#d`",
        ),
        ("cron = [{ call = 'a:b/c#d', every = '0s' }]", "the cron job `a:b/c#d` needs an `every` of more than nothing"),
        (
            "cron = [{ call = 'a:b/c#d', every = '1s', timeout = '0s' }]",
            "the cron job `a:b/c#d` needs a `timeout` of more than nothing",
        ),
        (
            "cron = [{ call = 'a:b/c#d', every = '1s', schedule = '0 3 * * *' }]",
            "the cron job `a:b/c#d` has an `every` and a `schedule`; remove one of them",
        ),
        (
            "cron = [{ call = 'a:b/c#d', every = '1s', zone = 'UTC' }]",
            "the cron job `a:b/c#d` has a `zone`, and `every` is the same in all of them; remove `zone`, or write a \
             `schedule`",
        ),
        (
            "cron = [{ call = 'a:b/c#d', every = '1s', jitter = '1s' }]",
            "the cron job `a:b/c#d` needs a `jitter` that is shorter than its `every`",
        ),
        (
            "cron = [{ call = 'a:b/c#d', every = '1s', missed = 'twice' }]",
            "unknown variant `twice`, expected `skip` or `once`",
        ),
        (
            "cron = [{ call = 'a:b/c#d', schedule = '0 24 * * *' }]",
            "`0 24 * * *` is not a schedule: `24` is not an hour; write 0 to 23, `*` for each, or lists, ranges and steps \
             of them, like `1,2`, `1-5` and `*/2`",
        ),
        (
            "cron = [{ call = 'a:b/c#d', schedule = '0 3 * * *', zone = 'Europe/Belrin' }]",
            "`Europe/Belrin` is not a time zone, did you mean `Europe/Berlin`? Write its name in the IANA database, like \
             \"Europe/Berlin\"",
        ),
    ] {
        assert_eq!(Folder::new().serve(with(lines)), format!("hello.toml:2: {expected}"));
    }
    let message = Folder::new().serve(with("request-timeout = '5 parsecs'"));
    assert!(message.starts_with("hello.toml:2: `5 parsecs` is not a duration (unknown time unit"), "{message}");
    assert_eq!(
        Folder::new().serve("component = ''\n"),
        "hello.toml:1: the path is empty; write that of a component's file, like \"app.wasm\""
    );
}

#[test]
fn one_kind_of_table_in_place_of_another_is_said() {
    for (lines, expected) in [
        ("[faults]\nkind = 'trap'", "`faults` is to be a list of tables, each below a `[[faults]]` of its own"),
        ("[[http]]\nallow = []", "`http` is to be one table, `[http]`, like `allow = [\"api.example.com\"]` below it"),
        ("[[config]]\ntone = 'a'", "`config` is to be one table, `[config]`, with a line for each setting"),
        ("[[env]]\nA = 'a'", "`env` is to be one table, `[env]`, with a line for each variable"),
        ("[cron]\nevery = '1s'", "`cron` is to be a list of tables, each below a `[[cron]]` of its own"),
        ("[[links]]\ncomponent = 'b'", "`links` is to be one table, `[links]`, with a line for each link"),
    ] {
        assert_eq!(Folder::new().serve(with(lines)), format!("hello.toml:2: {expected}"));
    }
}

#[test]
fn a_fault_by_chance_that_is_wrong_is_told_what_to_write() {
    for (settings, expected) in [
        (
            "kind = 'latency'\ndelay = 5",
            "invalid type: integer `5`, expected a duration, like \"250ms\", or a distribution",
        ),
        ("kind = {}", "expected a kind of fault, like \"no-target\", or several with weights, like { no-target = 3"),
        ("kind = { gremlins = 1 }", "unknown variant `gremlins`, expected one of `no-link`, `no-target`"),
        ("kind = { trap = 0 }", "expected a whole number from 1 to 1,000,000"),
        ("kind = 'drop'\nloses = 'both'", "unknown variant `both`, expected `request` or `answer`"),
        ("kind = 'latency'\ndelay = { min = '1s' }", "a time by chance is between two, like { min"),
        ("kind = 'latency'\ndelay = { min = '2s', max = '1s' }", "a time by chance is between two, like { min"),
        ("kind = 'latency'\ndelay = { median = '2s', p99 = '1s' }", "a time by chance is between two, like { min"),
        ("kind = 'latency'\ndelay = { quantiles = [] }", "`quantiles` are shares that grow, each with the time"),
        (
            "kind = 'latency'\ndelay = { quantiles = [['50%', '2s'], ['99%', '1s']] }",
            "`quantiles` are shares that grow, each with the time",
        ),
        ("kind = 'latency'\ndelay = { quantiles = [['150%', '2s']] }", "`150%` is no percentage from 0% to 100%"),
        ("kind = 'capacity'\nconcurrency = 0\nwork = '1s'", "expected a whole number from 1 to 1,000,000"),
        (
            "kind = 'latency'\ndelay = { mode = '1s' }",
            "unknown field `mode`, expected one of `min`, `max`, `mean`, `median`",
        ),
        ("kind = 'trap'\nrate = '101%'", "`101%` is no percentage from 0% to 100%; write it like \"5%\""),
        ("kind = 'trap'\nevery = '1s'", "`every` and `for` belong together, and `for` is above zero and shorter"),
        ("kind = 'trap'\nevery = '1s'\nfor = '1s'", "`every` and `for` belong together, and `for` is above zero"),
    ] {
        let said = Folder::new().serve(with(&format!("[[faults]]\n{settings}")));
        assert!(said.starts_with("hello.toml:") && said.contains(expected), "{said}");
    }
}

#[test]
fn a_fault_whose_settings_contradict_each_other_is_named_by_its_line() {
    for (settings, expected) in [
        ("kind = 'latency'", "a fault of kind \"latency\" needs a `delay`; say how long, like `delay = \"200ms\"`"),
        ("kind = 'trap'\ndelay = '1s'", "`delay` belongs to a fault of kind \"latency\"; remove it, or change `kind`"),
        (
            "kind = 'trap'\nretry-after = '1s'",
            "`retry-after` belongs to a fault of kind \"overloaded\", \"status\" or \"capacity\"; remove it, or change \
             `kind`",
        ),
        (
            "kind = 'capacity'\nwork = '20ms'",
            "a fault of kind \"capacity\" needs `concurrency` and `work`; say how many calls are worked on at a time and \
             how long each takes, like `concurrency = 4` and `work = \"20ms\"`",
        ),
        (
            "kind = 'trap'\nqueue = 5",
            "`concurrency`, `work` and `queue` belong to a fault of kind \"capacity\"; remove them, or change `kind`",
        ),
        (
            "kind = 'trap'\nloses = 'request'",
            "`loses` belongs to a fault of kind \"drop\"; remove it, or change `kind`",
        ),
        (
            "kind = { trap = 1, capacity = 1 }\nconcurrency = 1\nwork = '1s'",
            "\"capacity\" is what a target can do on each call, and no failure among others; give it a fault of its own",
        ),
        (
            "kind = { trap = 1, latency = 1 }",
            "a fault of kind \"latency\" needs a `delay`; say how long, like `delay = \"200ms\"`",
        ),
        ("kind = 'trap'\nstatus = 503", "`status` belongs to a fault of kind \"status\"; remove it, or change `kind`"),
        ("kind = 'status'", "a fault of kind \"status\" needs a `status`; say which, like `status = 503`"),
        (
            "kind = 'status'\nstatus = 503",
            "a fault of kind \"status\" is an answer to an HTTP request; say where requests go with `on`, like \
             `on = \"http://127.0.0.1:9000\"`, or use the kind \"overloaded\"",
        ),
        (
            "kind = 'trap'\non = 'http://a.test'",
            "the fault is on `http://a.test`, and no requests are allowed at all; name the host in `allow`, below \
             `[http]`",
        ),
        (
            "kind = 'trap'\non = 'ftp://a.test'",
            "the fault is on `ftp://a.test`, and requests go by http or https, not `ftp`",
        ),
        (
            "kind = 'trap'\nfrom = '1s'\nuntil = '1s'",
            "`until` must be later than `from`; both count from the moment the host is ready",
        ),
    ] {
        let manifest = with(&format!("[[faults]]\nkind = 'trap'\n[[faults]]\n{settings}"));
        assert_eq!(Folder::new().serve(manifest), format!("hello.toml:4: {expected}"));
    }
}

#[test]
fn a_fault_on_requests_that_are_not_allowed_is_said_with_those_that_are() {
    let manifest = with("http.allow = ['a.test', '127.0.0.1:9000']\n[[faults]]\non = 'b.test'\nkind = 'trap'");
    assert_eq!(
        Folder::new().serve(manifest),
        "hello.toml:3: the fault is on `b.test`, and no requests are allowed there; name it in `allow`, below `[http]`, \
         or write one of: a.test, 127.0.0.1:9000"
    );
}

#[test]
fn a_file_that_a_setting_names_is_named_with_the_setting() {
    let folder = Folder::new().with("app.wasm", app(crate::GREET));
    let why = std::fs::read(folder.path("none.toml")).expect_err("there is no such file");
    let message = folder.serve(with("[config]\nsteadfast = { file = 'none.toml' }"));
    let place = "`config.steadfast` in hello.toml:3 is to be the text of this file";
    assert_eq!(message, format!("cannot read none.toml: {why}; {place}"));
    let message = folder.serve(with("[env]\nTONE = { file = 'none.toml' }"));
    let place = "`env.TONE` in hello.toml:3 is to be the text of this file";
    assert_eq!(message, format!("cannot read none.toml: {why}; {place}"));
    let message = folder.with("nul", "a\0b").serve(with("[env]\nTONE = { file = 'nul' }"));
    assert_eq!(message, "hello.toml:3: `env.TONE` has a NUL in it, with which no variable can be set; remove it");
}
