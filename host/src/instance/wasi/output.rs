//! What a guest prints goes to the host's log, line by line, under the guest's name.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// A longer line is cut in pieces: a guest cannot make the host remember more.
const MAX_LINE: usize = 8 * 1024;

/// One of a guest's output streams.
#[derive(Clone)]
pub(in crate::instance) struct Log {
    component: String,
    stream: &'static str,
    line: Vec<u8>,
}

impl Log {
    pub fn new(component: &str, stream: &'static str) -> Self {
        Log { component: component.into(), stream, line: Vec::new() }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let (component, stream) = (&self.component, self.stream);
        // What the guest crate prints about a configuration that is not used.
        if stream == "stderr" && line.starts_with(steadfast_settings::REPORT) {
            tracing::warn!(target: "steadfast::guest", component, stream, "{line}");
        } else {
            tracing::info!(target: "steadfast::guest", component, stream, "{line}");
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
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                byte => {
                    self.line.push(byte);
                    if self.line.len() == MAX_LINE {
                        self.end_line();
                    }
                }
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
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_guest_reports_of_its_configuration_is_a_warning() {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = tracing_subscriber::fmt().with_writer(move || writer.clone()).without_time().with_ansi(false);
        tracing::subscriber::with_default(format.finish(), || {
            for (stream, line) in
                [("stderr", "steadfast: not used"), ("stderr", "hello"), ("stdout", "steadfast: hello")]
            {
                let mut log = Log::new("app.wasm", stream);
                log.line.extend(line.bytes());
                log.end_line();
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let levels: Vec<_> = text.lines().map(|line| line.trim_start().split(' ').next().unwrap()).collect();
        assert_eq!(levels, ["WARN", "INFO", "INFO"], "{text}");
    }
}
