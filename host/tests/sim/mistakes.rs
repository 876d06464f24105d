//! What is said of a scenario that is wrong: the file, the line, the key, and what to write.

use super::{OUTAGE, Stage, text};

fn refusal(scenario: &str) -> String {
    let output = Stage::of(scenario).sim(&["outage.toml"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let stderr = text(&output.stderr);
    let message = stderr.strip_prefix("error: ").and_then(|message| message.strip_suffix('\n'));
    let message = message.unwrap_or_else(|| panic!("no line that begins with `error: `: {stderr}"));
    assert!(!message.contains('\n') && !message.contains("panicked"), "{stderr}");
    message.into()
}

#[test]
fn a_scenario_that_is_wrong_is_told_where() {
    let cases = [
        ("manifest = \"hello.toml\"", "", "outage.toml: `manifest` is missing"),
        ("manifest = \"hello.toml\"", "manifest = 7", "outage.toml:2: invalid type: integer `7`, expected the path of"),
        ("\"hello.toml\"", "\"gone.toml\"", "cannot read gone.toml: "),
        ("seed = 5", "sed = 5", "outage.toml:3: unknown field `sed`, did you mean `seed`?"),
        ("seed = 5", "seed = -5", "outage.toml:3: invalid value: integer `-5`, expected a whole number"),
        ("\"poisson\"", "\"bursts\"", "outage.toml:5: `burst` and `arrivals = \"bursts\"` belong"),
        ("\"poisson\"", "\"tides\"", "outage.toml:6: unknown variant `tides`, expected one of `constant`, `poisson`"),
        ("second = 20", "second = 0", "outage.toml:7: invalid value: floating point `0.0`, expected a number above 0"),
        ("second = 20", "second = []", "outage.toml:5: the points of `requests-per-second` begin at \"0s\""),
        ("second = 20", "second = [['0s', 5], ['0s', 6]]", "outage.toml:5: the points of `requests-per-second` begin"),
        ("second = 20", "second = [['0s', -5.0]]", "outage.toml:7: invalid value: floating point `-5.0`, expected a"),
        (
            "second = 20",
            "second = 20\nclients = 4",
            "outage.toml:5: `requests-per-second` is missing from `[traffic]`, or",
        ),
        ("second = 20", "second = 20\npause = '1s'", "outage.toml:5: `pause` belongs to `clients`"),
        ("arrivals = \"poisson\"\nrequests-per-second = 20", "clients = 4", "outage.toml:5: `clients` need a `pause`"),
        ("seed = 5", "copies = 0", "outage.toml:3: invalid value: integer `0`, expected a whole number from 1 to 100"),
        (
            "[expect]",
            "[instances]\nrequests = 9\n[expect]",
            "outage.toml:17: `[instances]` says how long instances live",
        ),
        ("on = \"acme:greeter/api\"", "on = []", "outage.toml:12: invalid length 0, expected an interface"),
        (
            "on = \"acme:greeter/api\"",
            "on = [\"acme:greeter/api\", \"a:b/c\"]",
            "outage.toml:11: the fault is on `a:b/c`",
        ),
        ("second = 20", "second = 1e9", "outage.toml:5: `requests-per-second` times `duration` is 8000000000 requests"),
        ("duration = \"8s\"", "duration = \"8\"", "outage.toml:8: `8` is not a duration"),
        ("duration = \"8s\"", "duration = \"500y\"", "outage.toml:5: the `duration` is longer than 366 days"),
        ("duration = \"8s\"", "", "outage.toml:5: `[traffic]` needs a `duration`"),
        ("\"/strict/Ada\"", "\"strict\"", "outage.toml:9: `path` is \"strict\", which is no path"),
        ("weight = 3", "weight = 0", "outage.toml:9: invalid value: integer `0`, expected a whole number from 1"),
        ("weight = 3", "method = \"A B\"", "outage.toml:9: `method` is \"A B\", which is none of HTTP"),
        ("[[weather]]", "[weather]", "outage.toml:11: `weather` is to be a list of tables"),
        ("until = \"5s\"", "until = \"2s\"", "outage.toml:11: `until` must be later than `from`"),
        ("on = \"acme:greeter/api\"", "on = \"acme:greter/api\"", "outage.toml:11: the fault is on `acme:greter/api`"),
        ("\"70%\"", "\"170%\"", "outage.toml:18: `170%` is no percentage from 0% to 100%"),
        ("\"70%\"", "0.8", "outage.toml:18: invalid type: floating point `0.8`, expected a percentage"),
        ("to = \"acme:greeter/api\"", "", "outage.toml:22: `to` is missing"),
        ("to = \"acme:greeter/api\"", "to = \"a:b/c\"", "outage.toml:22: these calls are to `a:b/c`, and no component"),
        (
            "until = \"5s\"",
            "",
            "outage.toml: `recovers-within` counts from the end of the weather, and none ends; give one an `until`",
        ),
        (
            "[[expect.calls]]\nto = \"acme:greeter/api\"\nper-request = 3\nexecutions-per-request = 1",
            "[[expect.breakers]]\nopens-within = '1s'",
            "outage.toml:22: `name` is missing; say which shared breaker is meant",
        ),
        (
            "[[expect.calls]]\nto = \"acme:greeter/api\"\nper-request = 3\nexecutions-per-request = 1",
            "[[expect.breakers]]\nname = 'acme/greeter'",
            "outage.toml:22: nothing is expected of this breaker; add `opens-within`",
        ),
        (
            "from = \"3s\"\nuntil = \"5s\"\n\n[expect]\nsuccess = \"70%\"\np99 = \"1s\"\nrecovers-within = \"0s\"\n\n\
             [[expect.calls]]\nto = \"acme:greeter/api\"\nper-request = 3",
            "until = \"5s\"\n\n[[expect.calls]]\nto = \"acme:greeter/api\"\nload-after = 2",
            "outage.toml:16: `load-after` compares with the time before the first weather",
        ),
        (
            "per-request = 3\nexecutions-per-request = 1",
            "",
            "outage.toml:22: nothing is expected of these calls; add `per-request`",
        ),
    ];
    for (right, wrong, message) in cases {
        assert!(OUTAGE.contains(right), "{right}");
        let said = refusal(&OUTAGE.replacen(right, wrong, 1));
        assert!(said.starts_with(message), "{wrong}: {said}");
    }
    assert!(refusal("= ").starts_with("outage.toml:1: "));
}

#[test]
fn requests_of_a_list_that_are_wrong_are_told_where() {
    let said = |requests: &str| refusal(&format!("manifest = 'hello.toml'\n{requests}"));
    for (requests, message) in [
        ("", "outage.toml: `[traffic]` is missing; say how many requests come"),
        ("[traffic]\n[[requests]]\npath = '/'", "outage.toml:2: `[traffic]` and `[[requests]]` both say who asks"),
        ("[requests]\npath = '/'", "outage.toml:2: `requests` is to be a list of tables"),
        ("[[requests]]\nstatus = 200", "outage.toml:2: `path` is missing; say what is asked for"),
        ("[[requests]]\npath = '/'\nstats = 200", "outage.toml:4: unknown field `stats`, did you mean `status`?"),
        (
            "[[requests]]\npath = '/'\ncalls = -1",
            "outage.toml:4: invalid value: integer `-1`, expected a number of calls",
        ),
        ("[[requests]]\npath = '/'\ncalls = [3, 2]", "outage.toml:4: the least and the most are two numbers that grow"),
        ("[[requests]]\npath = '/'\nat = '900y'", "outage.toml:2: `at` is more than 366 days from the beginning"),
        ("[[requests]]\npath = '/'\ntimes = 2\nat-once = 2", "outage.toml:2: `times` and `at-once` both say how many"),
        ("[[requests]]\npath = '/'\nwhen-told = true", "outage.toml:2: `when-told` waits for what the answer before"),
        ("[[requests]]\npath = '/'\ntimes = 1000000\n[[requests]]\npath = '/'", "outage.toml:5: with these there are"),
        ("[[requests]]\npath = '/'\noutcome = 'ok'", "outage.toml:2: `outcome` is that of a `job`"),
        ("[[requests]]\njob = 'a:b/c#d'\nstatus = 200", "outage.toml:2: `job` waits for the next run of a job"),
        ("[[requests]]\njob = 'a:b/c#d'", "outage.toml:2: `job` is `a:b/c#d`, and the manifest has none of this name"),
    ] {
        assert!(said(requests).starts_with(message), "{requests}: {}", said(requests));
    }
}

#[test]
fn a_scenario_that_is_not_there_is_told() {
    let output = Stage::of(OUTAGE).sim(&["gone.toml"]);
    assert!(text(&output.stderr).starts_with("error: cannot read gone.toml: "), "{}", text(&output.stderr));
}

#[test]
fn json_that_is_no_outcome_is_told() {
    let stage = Stage::of(OUTAGE);
    for (content, problem) in [("{}", "missing field `scenario`"), ("", "EOF while parsing"), ("[7]", "invalid type")] {
        std::fs::write(stage.path().join("out.json"), content).expect("the folder is ours");
        let output = stage.sim(&["out.json"]);
        let said = text(&output.stderr);
        assert!(said.starts_with("error: out.json: ") && said.contains(problem), "{said}");
        assert!(said.ends_with("; give a file that `steadfast sim --json` wrote\n"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
}
