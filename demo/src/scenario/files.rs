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
    /// The manifest and the scenario; none of a job, which has no request, of many requests, which have one row, and of
    /// what is one component.
    pub fn files(&self, example: &str) -> Option<[File; 2]> {
        let of_requests = self.steps.iter().all(|step| matches!(step.ask, Ask::Get(_) | Ask::Post(..)));
        (of_requests && self.host != "composed").then(|| [self.manifest_file(example), self.scenario_file(example)])
    }

    fn manifest_file(&self, example: &str) -> File {
        let begin = "# Made of the table in demo/src/scenario, as `cargo demo --all` runs it, which builds the components too.\n";
        let path = format!("{example}/{}.manifest.toml", self.host);
        // Components are files of Cargo, with an underscore for each hyphen.
        let filled = self.manifest.split('{').map(|part| match part.split_once('}') {
            Some((package, rest)) if !package.contains([' ', '=']) => {
                format!("../../../target/wasm32-wasip2/guest/{}.wasm{rest}", package.replace('-', "_"))
            }
            _ => format!("{{{part}"),
        });
        let text = filled.collect::<String>();
        let text = text.trim_start_matches('{').replace("\n[", "\n\n[").replace('\'', "\"");
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
        line("path = ", &format_args!("\"{}\"", self.ask.path()));
        if let Ask::Post(_, body) = self.ask {
            line("method = ", &"\"POST\"");
            line("body = ", &format_args!("{body:?}"));
        }
        line("status = ", &self.status);
        match self.read {
            Read::Text(answer) => line("answer = ", &format_args!("{answer:?}")),
            Read::Empty => line("answer = ", &"\"\""),
            Read::Problem(said) | Read::Type(said) | Read::Start(said) => line("says = ", &format_args!("{said:?}")),
            Read::Detail(cause, detail) => line("says = ", &format_args!("[{cause:?}, {detail:?}]")),
            Read::Any | Read::Run(_) | Read::Answers(_) => {}
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
