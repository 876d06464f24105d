//! A process: what it says in its log, and the signals that it gets.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// The longest that anything is waited for: far longer than it takes, on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to leave a machine alone between two looks at something.
pub const LOOK: Duration = Duration::from_millis(5);

/// A process that is killed with this.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where its part of the log begins: one of the same name may have been before it.
    begin: usize,
    verbose: bool,
}

impl Process {
    /// Starts `command`, whose output goes to a log in `folder`.
    pub fn start(folder: &Path, name: &str, verbose: bool, command: &mut Command) -> Result<Self, String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("cannot start {}: {error}", command.get_program().display());
        let log = folder.join(format!("{name}.log"));
        let begin = std::fs::metadata(&log).map_or(0, |log| log.len() as usize);
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(|error| failed(&error))?;
        let output = file.try_clone().map_err(|error| failed(&error))?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(file).spawn();
        let child = child.map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        Ok(Process { name: name.into(), child, log, begin, verbose })
    }

    /// What it has said until now. A process writes its log before it does what others can see.
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(log.get(self.begin..).unwrap_or_default()).into_owned()
    }

    /// Waits until it has said `what` so many times; what it has said then.
    pub async fn says(&mut self, what: &str, times: usize) -> Result<String, String> {
        let begin = Instant::now();
        loop {
            let ended = self.child.try_wait().map_err(|error| format!("cannot watch {}: {error}", self.name))?;
            let log = self.log();
            if log.matches(what).count() >= times {
                return Ok(log);
            } else if let Some(status) = ended {
                return Err(format!("{} ended ({status}) and never said `{what}`", self.name));
            } else if begin.elapsed() > PATIENCE {
                return Err(format!("{} did not say `{what}` within {PATIENCE:?}", self.name));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills it, so that it is gone on return.
    pub fn kill(&mut self) -> Result<(), String> {
        let status = self.child.kill().and_then(|()| self.child.wait());
        let status = status.map_err(|error| format!("cannot kill {}: {error}", self.name))?;
        match status.signal() {
            Some(_) => Ok(()),
            None => Err(format!("{} had ended by itself ({status})", self.name)),
        }
    }

    /// Stops it, so that it does nothing more on return.
    pub async fn pause(&self) -> Result<(), String> {
        self.signal(Signal::STOP)?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            match waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) | Err(Errno::INTR) => tokio::time::sleep(LOOK).await,
                Err(error) => return Err(format!("cannot watch {}: {error}", self.name)),
            }
        }
        Err(format!("{} did not stop within {PATIENCE:?}", self.name))
    }

    pub fn resume(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end, at once or when it is resumed.
    pub fn terminate(&self) -> Result<(), String> {
        self.signal(Signal::TERM)
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus, String> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let ended = self.child.try_wait().map_err(|error| format!("cannot watch {}: {error}", self.name))?;
            if let Some(status) = ended {
                return Ok(status);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("{} did not end within {PATIENCE:?}", self.name))
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(self.pid(), signal).map_err(|error| format!("cannot send {signal:?} to {}: {error}", self.name))
    }

    /// Stays this process's own until its end has been waited for.
    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.verbose {
            eprintln!("---- {} said:\n{}", self.name, self.log());
        }
    }
}
