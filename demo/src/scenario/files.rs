//! A scenario as files that `steadfast sim` runs: what is promised in real time holds in simulated time too.

use std::fmt::Write;

use super::{Ask, Read, SOME_TIME, Scenario, Step};

/// A file below `scenarios/demo`, and its text.
pub struct File {
    /// With the folder of its example.
    pub path: String,
    /// As it is in the repository.
    pub text: String,
}

impl Scenario {
    /// The manifest and the scenario.
    pub fn files(&self, example: &str) -> [File; 2] {
        [self.manifest_file(example), self.scenario_file(example)]
    }

    fn manifest_file(&self, example: &str) -> File {
        let begin = "# Made of the table in demo/src/scenario, as `cargo demo --all` runs it, which builds the components too.\n";
        let path = format!("{example}/{}.manifest.toml", self.host);
        // Components are files of Cargo, with an underscore for each hyphen.
        let filled = self.manifest.split('{').map(|part| match part.split_once('}') {
            Some(("composed", rest)) => format!("../../../target/wasm32-wasip2/guest/http_hello_composed.wasm{rest}"),
            Some((package, rest)) if !package.contains([' ', '=']) => {
                format!("../../../target/wasm32-wasip2/guest/{}.wasm{rest}", package.replace('-', "_"))
            }
            _ => format!("{{{part}"),
        });
        let text = filled.collect::<String>();
        let text = text.trim_start_matches('{').replace("\n[", "\n\n[");
        // As the other files have it; a text with both kinds of quotes stays.
        let quoted = |line: &str| if line.contains('"') { line.into() } else { line.replace('\'', "\"") };
        let text = text.split('\n').map(quoted).collect::<Vec<String>>().join("\n");
        File { path, text: format!("{begin}{text}") }
    }

    fn scenario_file(&self, example: &str) -> File {
        let path = format!("{example}/{}.toml", self.name.replace(',', "").replace(' ', "-"));
        let mut text = format!("# {}\nmanifest = \"{}.manifest.toml\"\n", self.name, self.host);
        if let Some(seed) = self.seed {
            let _ = writeln!(text, "seed = {seed}");
        }
        let faults = self.faults.replace("[[faults]]", "\n[[weather]]").replace('\'', "\"");
        text += faults.trim_end();
        text += if faults.is_empty() { "" } else { "\n" };
        for step in &self.steps {
            step.write(&mut text);
        }
        File { path, text }
    }
}

impl Step {
    fn write(&self, text: &mut String) {
        // Writing to a string does not fail.
        let mut line = |key: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "{key}{value}");
        };
        line("\n[[requests]]", &"");
        if !self.at.is_zero() {
            line("at = ", &format_args!("\"{:?}\"", self.at));
        }
        if self.when_told {
            line("when-told = ", &true);
        }
        match self.ask {
            Ask::Times(_, count) if count > 1 => line("times = ", &count),
            Ask::AtOnce(_, count) => line("at-once = ", &count),
            _ => {}
        }
        match self.ask {
            Ask::Job(job) => line("job = ", &format_args!("{job:?}")),
            ask => line("path = ", &format_args!("{:?}", ask.path())),
        }
        if let Ask::Post(_, body) = self.ask {
            line("method = ", &"\"POST\"");
            line("body = ", &format_args!("{body:?}"));
        }
        if !matches!(self.ask, Ask::Job(_)) {
            line("status = ", &self.status);
        }
        match self.read {
            Read::Text(answer) => line("answer = ", &format_args!("{answer:?}")),
            Read::Empty => line("answer = ", &"\"\""),
            Read::Problem(said) | Read::Type(said) | Read::Start(said) => line("says = ", &format_args!("{said:?}")),
            Read::Detail(cause, detail) => line("says = ", &format_args!("[{cause:?}, {detail:?}]")),
            Read::Answers(answers) => {
                // A status is there already; of problems, the type is in their bodies, and ends with the kind.
                let problem = |(kind, count): &(&str, usize)| {
                    let word = kind.split(',').next().filter(|word| word.parse::<u16>().is_err())?;
                    Some(format!("\":{word}\\\"\" = {count}"))
                };
                let problems: Vec<_> = answers.iter().filter_map(problem).collect();
                if !problems.is_empty() {
                    line("counts = ", &format_args!("{{ {} }}", problems.join(", ")));
                }
            }
            Read::Run(outcome) => line("outcome = ", &format_args!("{:?}", outcome.trim_start_matches("failed: "))),
            Read::Any => {}
        }
        if let Some(seconds) = self.retry_after {
            line("retry-after = ", &format_args!("\"{seconds}s\""));
        }
        match self.calls.end() - self.calls.start() {
            0 => line("calls = ", self.calls.start()),
            _ => line("calls = ", &format_args!("[{}, {}]", self.calls.start(), self.calls.end())),
        }
        if !self.took.start.is_zero() {
            line("after = ", &format_args!("\"{:?}\"", self.took.start));
        }
        if self.took.end < SOME_TIME {
            line("within = ", &format_args!("\"{:?}\"", self.took.end));
        }
    }
}
