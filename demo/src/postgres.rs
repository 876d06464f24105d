//! A real Postgres server: where it is found, how it is started, and the signals that it gets. It has a folder and a port
//! of its own, and ends with its value.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where Debian's packages put the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// What to do where there is none.
const INSTALL: &str = "install Postgres (on Debian and Ubuntu: apt-get install postgresql)";

/// The longest that a start or an end is waited for: far longer than either takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to leave a machine alone between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Whom the server runs as: it refuses root, and then it is the user whom its package makes.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// A server of Postgres, which trusts everybody on this machine as the user `postgres`.
pub struct Server {
    programs: PathBuf,
    user: Option<User>,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// Starts one, with settings like `max_connections=20`.
    ///
    /// # Errors
    /// What was tried, what happened and what to do; where no server is installed, how to install one.
    pub fn start(settings: &[&str]) -> Result<Self, String> {
        let programs = find()?;
        let user = user()?;
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        if let Some(User { uid, gid }) = user {
            let given = chown(folder.path(), Some(uid), Some(gid));
            given.map_err(|error| format!("cannot give away {}: {error}", folder.path().display()))?;
        }
        let port = free_port().map_err(|error| format!("no port is free: {error}"))?;
        let options = settings.iter().flat_map(|setting| ["-c".to_string(), (*setting).to_string()]).collect();
        let mut server = Server { programs, user, folder, port, options, process: None };
        let mut init = server.command("initdb");
        init.args([
            "--auth",
            "trust",
            "--username",
            "postgres",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        ]);
        let made = init.arg("--pgdata").arg(server.data()).output();
        let made = made.map_err(|error| format!("cannot run {}: {error}", init.get_program().display()))?;
        if !made.status.success() {
            return Err(format!("cannot make a database: {}", String::from_utf8_lossy(&made.stderr).trim()));
        }
        server.run()?;
        Ok(server)
    }

    /// Where it is, for whom connects.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A file in its folder, which belongs to its user.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        use std::os::unix::fs::PermissionsExt;
        let file = self.folder.path().join(name);
        let written = std::fs::write(&file, text).and_then(|()| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
            self.user.map_or(Ok(()), |User { uid, gid }| chown(&file, Some(uid), Some(gid)))
        });
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        Ok(file)
    }

    /// Runs statements with `psql`, as the user; what it prints.
    ///
    /// # Errors
    /// What Postgres says.
    pub fn sql(&self, statements: &str) -> Result<String, String> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--dbname", &self.url(), "--command", statements]);
        let output = psql.output().map_err(|error| format!("cannot run psql: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().into()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().into()),
        }
    }

    /// Stops all its processes where they are (`SIGSTOP`).
    ///
    /// # Errors
    /// When they cannot be sent signals.
    pub fn pause(&self) -> Result<(), String> {
        self.signal_all(Signal::STOP)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// When they cannot be sent signals.
    pub fn resume(&self) -> Result<(), String> {
        self.signal_all(Signal::CONT)
    }

    /// Kills all its processes (`SIGKILL`), so that they are gone on return.
    ///
    /// # Errors
    /// When they cannot be sent signals.
    pub fn kill(&mut self) -> Result<(), String> {
        let all = self.processes();
        self.signal_all(Signal::KILL)?;
        if let Some(mut process) = self.process.take() {
            process.wait().map_err(|error| format!("cannot wait for Postgres: {error}"))?;
        }
        until("Postgres is gone", || !all.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists()))
    }

    /// Has it end as an administrator does: who is connected is told, and what is under way is undone (`SIGINT`).
    ///
    /// # Errors
    /// When it cannot be sent signals.
    pub fn shut_down(&mut self) -> Result<(), String> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        send(process.id(), Signal::INT)?;
        process.wait().map(drop).map_err(|error| format!("cannot wait for Postgres: {error}"))
    }

    /// Starts it again, at the same port and with the same data.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn run(&mut self) -> Result<(), String> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1"]).arg("-k");
        command.arg(self.folder.path()).args(["-c", "fsync=off"]).args(&self.options);
        let log = self.folder.path().join("postgres.log");
        let file = std::fs::File::options().create(true).append(true).open(&log);
        let file = file.map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        self.process = Some(process.map_err(|error| format!("cannot start Postgres: {error}"))?);
        let mut ended = None;
        until("Postgres takes connections", || {
            ended = self.process.as_mut().and_then(|process| process.try_wait().ok()?);
            ended.is_some() || self.is_ready()
        })?;
        match ended {
            None => Ok(()),
            Some(status) => {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                Err(format!("Postgres ended ({status}):\n{log}"))
            }
        }
    }

    fn is_ready(&self) -> bool {
        // A look that costs no process, first.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() && self.sql("").is_ok()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C.UTF-8");
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The server itself, which starts all others, and then those.
    fn processes(&self) -> Vec<u32> {
        let Some(process) = &self.process else { return Vec::new() };
        let main = process.id();
        let mut all = vec![main];
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let Some(pid) = pid else { continue };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // The name, in parentheses, may have anything in it; after it come the state and the parent.
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
            if parent == Some(main) {
                all.push(pid);
            }
        }
        all
    }

    fn signal_all(&self, signal: Signal) -> Result<(), String> {
        self.processes().into_iter().try_for_each(|pid| send(pid, signal))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is paused would not end else.
        let _ = self.resume();
        let _ = self.kill();
    }
}

fn send(pid: u32, signal: Signal) -> Result<(), String> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    match kill_process(pid, signal) {
        // It has ended meanwhile.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(format!("cannot send {signal:?} to Postgres: {error}")),
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > PATIENCE {
            return Err(format!("it is not so within {PATIENCE:?} that {what}"));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The folder with `initdb`, `postgres` and `psql`: of the newest version that Debian's packages brought, or in `PATH`.
///
/// # Errors
/// That there is none, and how to install it.
pub fn find() -> Result<PathBuf, String> {
    let version = |folder: &PathBuf| {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.parse::<u32>().unwrap_or_default()
    };
    let mut debian: Vec<_> =
        std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    debian.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = debian.into_iter().map(|folder| folder.join("bin")).chain(std::env::split_paths(&path));
    let has_all = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    folders.into_iter().find(has_all).ok_or_else(|| format!("`postgres` is not there; {INSTALL}"))
}

fn user() -> Result<Option<User>, String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let id = |what: &str| {
        let output = Command::new("id").args([what, "postgres"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse::<u32>().map_err(|_| Error::new(ErrorKind::NotFound, "there is no such user"))
    };
    let user = id("-u").and_then(|uid| Ok(User { uid, gid: id("-g")? }));
    user.map(Some).map_err(|error| {
        format!("Postgres does not run as root, and the user postgres is not to be had: {error}; {INSTALL}")
    })
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
