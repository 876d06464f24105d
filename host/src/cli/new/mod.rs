//! `steadfast new`: a project that builds, tests and runs as it is.

/// A file of the folder `templates`. Those that end in `.in` would be taken for what they are by other programs.
macro_rules! file {
    ($file:literal) => {
        include_str!(concat!("../../../templates/", $file))
    };
}

mod name;
mod template;
mod wit;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use steadfast_host::Error;

use super::printer::STDOUT;
use name::Name;
use wit::Wit;

/// Make a project that builds, tests and runs as it is: an HTTP handler, if nothing else is asked for.
#[derive(Args)]
pub(super) struct New {
    /// The folder to make. Its last part is the name of the project.
    #[arg(value_name = "NAME")]
    path: PathBuf,
    #[command(flatten)]
    kind: Kind,
    /// WIT that is there already, a file or a folder: a handler that calls it, or with --provider, what serves it.
    #[arg(long, value_name = "WIT", conflicts_with = "cron")]
    from: Option<PathBuf>,
}

#[derive(Args)]
#[group(multiple = false)]
struct Kind {
    /// A component that answers HTTP, and calls another component. This is the default.
    #[arg(long)]
    handler: bool,
    /// A component that others call.
    #[arg(long)]
    provider: bool,
    /// A component that the host calls on schedule.
    #[arg(long)]
    cron: bool,
}

impl New {
    pub fn run(self) -> Result<(), Error> {
        let name = Name::of(&self.path)?;
        let template = match self.kind {
            Kind { provider: true, .. } => &template::PROVIDER,
            Kind { cron: true, .. } => &template::CRON,
            _ => &template::HANDLER,
        };
        let (what, mut files) = match &self.from {
            Some(from) if self.kind.provider => ("a provider of it", Wit::read(from)?.provider(&name)?),
            Some(from) => ("a handler that calls it", Wit::read(from)?.client(&name)?),
            None => {
                let files = template.files().map(|(file, text)| (PathBuf::from(file), name.fill(text)));
                (template.what, files.collect())
            }
        };
        let (ignored, text) = template::IGNORED;
        files.push((ignored.into(), text.into()));
        make(&self.path, &files)?;
        let path = self.path.display();
        STDOUT.say(format_args!("made {path}: {what}"));
        STDOUT.say("next:");
        STDOUT.say(format_args!("  cd {path}"));
        for line in template.next {
            STDOUT.say(format_args!("  {line}"));
        }
        Ok(())
    }
}

/// Writes the files of a project into a folder that is new or empty.
fn make(folder: &Path, files: &[(PathBuf, String)]) -> Result<(), Error> {
    let wrong = |problem: String| Error::Project { path: folder.into(), problem };
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let problem = "there is something in it already; give the name of a folder that does not exist";
                return Err(wrong(problem.into()));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(wrong(format!("{error}; give the name of a folder that does not exist"))),
    }
    for (file, text) in files {
        let path = folder.join(file);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| wrong(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}
