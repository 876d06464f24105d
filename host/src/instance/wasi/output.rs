//! What guests print goes to the host's log, line by line, under the component's name: from standard output as `INFO`,
//! from standard error as `WARN`, and no more within a second than a reader can follow.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::time::Instant;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::trace::{self, SpanContext};

/// A longer line is cut in pieces: a guest cannot make the host remember more.
const MAX_LINE: usize = 8 * 1024;

/// How many lines of a component are logged within a second; further ones are dropped and counted. A busy component that
/// logs a line for each request stays below it, and one that prints in a loop fills no disk.
const MAX_LINES: u32 = 1000;

const SECOND: Duration = Duration::from_secs(1);

/// What all instances of one component print.
pub(in crate::instance) struct Output {
    component: String,
    second: Mutex<Second>,
}

/// A second, from its first line on.
#[derive(Default)]
struct Second {
    began: Option<Instant>,
    logged: u32,
    dropped: u64,
}

impl Output {
    pub fn of(component: &str) -> Arc<Self> {
        Arc::new(Output { component: component.into(), second: Mutex::default() })
    }

    /// Whether there is room for one more line.
    fn admit(self: &Arc<Self>) -> bool {
        let now = Instant::now();
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let began = *second.began.get_or_insert(now);
        let mut untold = 0;
        if now.duration_since(began) >= SECOND {
            untold = std::mem::take(&mut *second).dropped;
            second.began = Some(now);
        }
        let admitted = second.logged < MAX_LINES;
        if admitted {
            second.logged += 1;
        } else {
            second.dropped += 1;
        }
        let first = second.dropped == 1;
        drop(second);
        self.tell(untold);
        // The component may print no further line to say it with. Without a runtime, the end of the host says it.
        if !admitted
            && first
            && let Ok(runtime) = Handle::try_current()
        {
            let output = self.clone();
            runtime.spawn(async move {
                tokio::time::sleep_until(began + SECOND).await;
                output.tell(output.untold());
            });
        }
        admitted
    }

    fn untold(&self) -> u64 {
        std::mem::take(&mut self.second.lock().unwrap_or_else(PoisonError::into_inner).dropped)
    }

    fn tell(&self, dropped: u64) {
        if dropped > 0 {
            tracing::warn!(
                target: "steadfast::guest",
                component = self.component,
                "lines left out: {dropped}; it printed more than {MAX_LINES} within a second"
            );
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.tell(self.untold());
    }
}

/// Where a line comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::instance) enum Stream {
    Stdout,
    Stderr,
}

/// The span that an instance works for, which its lines belong to.
#[derive(Clone)]
pub(in crate::instance) struct WorksFor(Arc<Mutex<SpanContext>>);

impl WorksFor {
    pub fn new(trace: &SpanContext) -> Self {
        WorksFor(Arc::new(Mutex::new(trace.clone())))
    }

    /// From now on it works for this one.
    pub fn set(&self, trace: &SpanContext) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trace.clone();
    }
}

/// One of a guest's output streams.
#[derive(Clone)]
pub(in crate::instance) struct Log {
    output: Arc<Output>,
    works_for: WorksFor,
    stream: Stream,
    line: Vec<u8>,
}

impl Log {
    pub fn new(output: &Arc<Output>, works_for: &WorksFor, stream: Stream) -> Self {
        Log { output: output.clone(), works_for: works_for.clone(), stream, line: Vec::new() }
    }

    fn end_line(&mut self) {
        // Not `enabled!`: where each layer has its own filter, it leaves their answers behind for the next event.
        let asked = match self.stream {
            Stream::Stdout => tracing::info_span!(target: "steadfast::guest", "line"),
            Stream::Stderr => tracing::warn_span!(target: "steadfast::guest", "line"),
        };
        if !asked.is_disabled() && self.output.admit() {
            let line = String::from_utf8_lossy(self.line.strip_suffix(b"\r").unwrap_or(&self.line));
            let component = &self.output.component;
            let trace = self.works_for.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _within = trace::within(&trace);
            match self.stream {
                Stream::Stdout => {
                    tracing::info!(target: "steadfast::guest", component, stream = "stdout", "{line}");
                }
                Stream::Stderr => {
                    tracing::warn!(target: "steadfast::guest", component, stream = "stderr", "{line}");
                }
            }
        }
        self.line.clear();
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Log {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = rest.len().min(MAX_LINE - self.line.len());
            let end = rest[..room].iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&rest[..end.unwrap_or(room)]);
            rest = &rest[end.map_or(room, |end| end + 1)..];
            if end.is_some() || self.line.len() == MAX_LINE {
                self.end_line();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tracing::subscriber::DefaultGuard;
    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        /// All that this thread logs, until the guard goes.
        fn of_this_thread() -> (Self, DefaultGuard) {
            let lines = Lines::default();
            let writer = lines.clone();
            let format = tracing_subscriber::fmt().with_writer(move || writer.clone()).without_time().with_ansi(false);
            (lines, format.with_target(false).finish().set_default())
        }

        /// What was logged since the last time.
        fn take(&self) -> Vec<String> {
            let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
            text.lines().map(|line| line.trim_start().into()).collect()
        }
    }

    fn untraced() -> WorksFor {
        WorksFor::new(&SpanContext::NONE)
    }

    async fn print(log: &mut Log, text: &str) {
        log.write_all(text.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn each_stream_has_its_level() {
        let (lines, _guard) = Lines::of_this_thread();
        let output = Output::of("app.wasm");
        print(&mut Log::new(&output, &untraced(), Stream::Stdout), "one\ntwo\r\n\nthree").await;
        print(&mut Log::new(&output, &untraced(), Stream::Stderr), "four\n").await;
        let field = r#"component="app.wasm" stream="#;
        let expected = [
            format!(r#"INFO one {field}"stdout""#),
            format!(r#"INFO two {field}"stdout""#),
            format!(r#"INFO  {field}"stdout""#),
            format!(r#"INFO three {field}"stdout""#),
            format!(r#"WARN four {field}"stderr""#),
        ];
        assert_eq!(lines.take(), expected);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_cut_in_pieces() {
        let (lines, _guard) = Lines::of_this_thread();
        let mut log = Log::new(&Output::of("app.wasm"), &untraced(), Stream::Stdout);
        print(&mut log, &"x".repeat(2 * MAX_LINE + 1)).await;
        assert_eq!(lines.take().len(), 2);
        print(&mut log, "\n").await;
        assert!(lines.take()[0].starts_with("INFO x component="));
    }

    /// One log has no more than warnings, the other has all.
    #[tokio::test(start_paused = true)]
    async fn a_warning_comes_after_a_line_that_only_another_log_wants() {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = tracing_subscriber::fmt::layer().without_time().with_ansi(false).with_target(false);
        let warnings = format.with_writer(move || writer.clone()).with_filter(LevelFilter::WARN);
        let all = tracing_subscriber::fmt::layer().with_writer(io::sink).with_filter(LevelFilter::INFO);
        let _guard = tracing_subscriber::registry().with(warnings).with(all).set_default();
        let mut log = Log::new(&Output::of("app.wasm"), &untraced(), Stream::Stdout);
        // The last one is asked for, and refused.
        print(&mut log, &"line\n".repeat(1001)).await;
        tracing::warn!(target: "steadfast::guest", "trapped");
        assert_eq!(lines.take(), ["WARN trapped"]);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_beyond_the_rate_are_dropped_and_counted() {
        let (lines, _guard) = Lines::of_this_thread();
        let output = Output::of("app.wasm");
        let mut instances =
            [Log::new(&output, &untraced(), Stream::Stdout), Log::new(&output, &untraced(), Stream::Stderr)];
        for log in &mut instances {
            print(log, &"line\n".repeat(800)).await;
        }
        assert_eq!(lines.take().len(), 1000);
        // Another component has a rate of its own.
        print(&mut Log::new(&Output::of("other.wasm"), &untraced(), Stream::Stdout), "line\n").await;
        assert_eq!(lines.take().len(), 1);
        // Said when the second is over, and once.
        tokio::time::sleep(2 * SECOND).await;
        let told = r#"WARN lines left out: 600; it printed more than 1000 within a second component="app.wasm""#;
        assert_eq!(lines.take(), [told]);
        for log in &mut instances {
            print(log, &"line\n".repeat(500)).await;
        }
        assert_eq!(lines.take().len(), 1000);
        print(&mut instances[0], "line\n").await;
        drop((instances, output));
        assert!(lines.take().is_empty(), "the second is not over");
        tokio::time::sleep(2 * SECOND).await;
        assert!(lines.take()[0].starts_with("WARN lines left out: 1;"));
    }

    #[test]
    fn without_a_runtime_the_end_says_what_was_dropped() {
        let (lines, _guard) = Lines::of_this_thread();
        let output = Output::of("app.wasm");
        let mut log = Log::new(&output, &untraced(), Stream::Stdout);
        for _ in 0..1001 {
            log.line.push(b'x');
            log.end_line();
        }
        assert_eq!(lines.take().len(), 1000);
        drop((log, output));
        assert!(lines.take()[0].starts_with("WARN lines left out: 1;"));
    }
}
