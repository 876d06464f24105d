//! Standard output and standard error, each behind a thread of its own: where what is said is not read, nothing but that
//! thread waits.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use steadfast_host::escape::Escaped;

/// What may wait to be read, in bytes; further lines are dropped. Twenty thousand lines of a usual length, which a reader
/// that is alive takes within a second.
const MAX_WAITING: usize = 4 << 20;

/// The longest line, in bytes; what is beyond is cut off. The longest line of a guest, 8 KiB, fits with every byte of it
/// escaped.
const MAX_LINE: usize = 64 << 10;

/// How long a command that ends waits until what it said is taken. A pipe that is read takes it within milliseconds; on a
/// machine with ten times too much to do, one second was too short for a file.
const FLUSH: Duration = Duration::from_secs(5);

/// For a program that started this one, and people.
pub(super) static STDOUT: Printer = Printer::new(|dropped| format!("lines left out here: {dropped}\n"));

/// For the log, and what is wrong.
pub(super) static STDERR: Printer = Printer::new(super::log::left_out);

/// Lines on their way out. Before [`start`](Self::start), they go nowhere.
pub(super) struct Printer {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// Says how many lines were dropped.
    notice: fn(u64) -> String,
}

struct Waiting {
    lines: Vec<u8>,
    /// How much of what the thread took is not written yet.
    writing: usize,
    /// Lines that are not among them. Until their number is told, all further ones join them.
    dropped: u64,
}

impl Printer {
    const fn new(notice: fn(u64) -> String) -> Self {
        let waiting = Waiting { lines: Vec::new(), writing: 0, dropped: 0 };
        Printer { waiting: Mutex::new(waiting), changed: Condvar::new(), notice }
    }

    /// From now on, a thread writes to `out`.
    pub fn start(&'static self, mut out: impl Write + Send + 'static) -> io::Result<()> {
        let print = move || loop {
            let lines = self.next();
            // Where there is no reader any more, there is nothing to do.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
        };
        thread::Builder::new().name("printer".into()).spawn(print).map(drop)
    }

    /// Waits for lines. Once all are written, and some were dropped, it is the notice of that.
    fn next(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        waiting.writing = 0;
        self.changed.notify_all();
        let nothing = |waiting: &mut Waiting| waiting.lines.is_empty() && waiting.dropped == 0;
        let mut waiting = self.changed.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner);
        let lines = match waiting.lines.is_empty() {
            true => (self.notice)(std::mem::take(&mut waiting.dropped)).into_bytes(),
            false => std::mem::take(&mut waiting.lines),
        };
        waiting.writing = lines.len();
        lines
    }

    /// Says a line, whatever it quotes.
    pub fn say(&self, line: impl fmt::Display) {
        self.put(format!("{}\n", Escaped(line)).as_bytes());
    }

    /// Takes a line that is escaped and has its end.
    pub fn put(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let (line, end) = cut(line);
        let all = waiting.lines.len() + waiting.writing + line.len() + end.len();
        if waiting.dropped > 0 || all > MAX_WAITING {
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        waiting.lines.extend_from_slice(end);
        drop(waiting);
        self.changed.notify_all();
    }

    /// Waits until all is written, and no longer than a moment.
    pub fn flush(&self) {
        let unwritten = |waiting: &mut Waiting| !waiting.lines.is_empty() || waiting.writing > 0 || waiting.dropped > 0;
        // Over time or not, the command ends now.
        let _ = self.changed.wait_timeout_while(self.lock(), FLUSH, unwritten);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much of a line as may be, and what then ends it.
fn cut(line: &[u8]) -> (&[u8], &'static [u8]) {
    if line.len() <= MAX_LINE {
        return (line, b"");
    }
    let end = (0..MAX_LINE).rev().find(|at| line[*at] & 0xc0 != 0x80).unwrap_or(0);
    (&line[..end], "…\n".as_bytes())
}

/// For a subscriber, which hands over an event at a time.
impl Write for &Printer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    fn left_out(dropped: u64) -> String {
        format!("{dropped} left out\n")
    }

    /// A pipe that takes a write when it is read.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.into()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped(printer: &'static Printer) -> Receiver<Vec<u8>> {
        let (sender, receiver) = sync_channel(0);
        printer.start(Pipe(sender)).unwrap();
        receiver
    }

    #[test]
    fn lines_that_are_not_read_are_dropped_and_counted() {
        static PRINTER: Printer = Printer::new(left_out);
        let line = format!("{}\n", "x".repeat(1023));
        let room = MAX_WAITING / line.len();
        for _ in 0..room + 3 {
            PRINTER.put(line.as_bytes());
        }
        let pipe = piped(&PRINTER);
        assert_eq!(pipe.recv().unwrap().len(), MAX_WAITING);
        // What is said until the number is told is dropped, so that no line stands before its time.
        assert_eq!(pipe.recv().unwrap(), b"3 left out\n");
        PRINTER.say("there is room again");
        assert_eq!(pipe.recv().unwrap(), b"there is room again\n");
    }

    #[test]
    fn a_command_that_ends_waits_for_its_reader_but_not_long() {
        static PRINTER: Printer = Printer::new(left_out);
        let pipe = piped(&PRINTER);
        PRINTER.say("the last line");
        // It is not read, and this returns.
        PRINTER.flush();
        assert_eq!(pipe.recv().unwrap(), b"the last line\n");
        PRINTER.flush();
        assert_eq!(PRINTER.lock().writing, 0);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_at_a_letter() {
        static PRINTER: Printer = Printer::new(left_out);
        PRINTER.say(format!("x{}", "ä".repeat(MAX_LINE)));
        PRINTER.say("next");
        let lines = String::from_utf8(PRINTER.lock().lines.clone()).unwrap();
        let (long, rest) = lines.split_once('\n').unwrap();
        assert!(long.len() <= MAX_LINE + 2 && long.ends_with("ä…"), "{}", long.len());
        assert_eq!(rest, "next\n");
    }
}
