//! What ends a command that serves: Ctrl-C and SIGTERM, from the first moment on.

use std::future::Future;
use std::process;

use steadfast_host::Error;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Whether the end was asked for. Cheap to clone.
#[derive(Clone)]
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    /// Takes the signals that ask a process to end. The first is told to all that wait for it, and the second ends the
    /// process at once. To be called before anything else: until then, a process that is the first of its container
    /// ignores SIGTERM.
    ///
    /// # Errors
    /// [`Error::Runtime`], when the system refuses.
    pub fn on_signals(runtime: &Runtime) -> Result<Self, Error> {
        let _context = runtime.enter();
        let mut signals = Signals::new().map_err(Error::Runtime)?;
        let stop = Stop(watch::Sender::new(false));
        let asked = stop.clone();
        runtime.spawn(async move {
            signals.next().await;
            asked.ask();
            let status = signals.next().await;
            super::dev::give_back();
            process::exit(status);
        });
        Ok(stop)
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Ready when the end was asked for.
    pub async fn asked(self) {
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }

    /// The outcome of `work`, which keeps a thread busy; none, when the end is asked for before it is over.
    pub async fn before<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        self.before_ready(async {
            let work = tokio::task::spawn_blocking(work);
            work.await.unwrap_or_else(|error| Err(Error::Runtime(error.into())))
        })
        .await
    }

    async fn before_ready<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<Option<T>, Error> {
        tokio::select! {
            done = work => done.map(Some),
            () = self.clone().asked() => {
                tracing::info!("stopped before anything was served");
                Ok(None)
            }
        }
    }
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next, and says with which status it would have ended the process.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) -> i32 {
        let _ = tokio::signal::ctrl_c().await;
        130
    }
}
