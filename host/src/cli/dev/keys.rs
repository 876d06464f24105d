//! What keys do: a press breaks what the component calls, and another mends it.

use std::io::{self, IsTerminal, Read};
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};
use std::thread;

use steadfast_host::Switches;
use tokio::sync::mpsc::{self, Receiver};

use crate::cli::printer::STDOUT;

pub(super) const HELP: &str = "press  d: targets down  o: overloaded  s: slow  l: answers lost  c: all fine  \
                               r: build again  q: quit";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Switches this one of [`FAULTS`].
    Fault(usize),
    Clear,
    Rebuild,
    Quit,
    Help,
}

/// The key of each fault, what it is, and what a person reads.
const FAULTS: [(u8, &str, &str); 4] = [
    (b'd', "kind = 'no-target'", "targets are down"),
    (b'o', "kind = 'overloaded'\nretry-after = '1s'", "targets are overloaded, and ask for 1 s"),
    (b's', "kind = 'latency'\ndelay = '500ms'", "calls are 500 ms slower"),
    (b'l', "kind = 'drop'", "answers are lost"),
];

impl Key {
    fn of(byte: u8) -> Option<Self> {
        let byte = byte.to_ascii_lowercase();
        match byte {
            b'c' => Some(Key::Clear),
            b'r' => Some(Key::Rebuild),
            b'q' => Some(Key::Quit),
            b'h' | b'?' => Some(Key::Help),
            _ => FAULTS.iter().position(|(key, ..)| *key == byte).map(Key::Fault),
        }
    }
}

/// The faults that are on by key, and their numbers.
#[derive(Default)]
pub(super) struct Faults([Option<u64>; FAULTS.len()]);

impl Faults {
    pub fn press(&mut self, key: Key, switches: &Switches) {
        match key {
            Key::Fault(index) => {
                let (_, fault, what) = FAULTS[index];
                // One that is gone by other means is off.
                if self.0[index].take().is_some_and(|id| switches.switch_off(id)) {
                    STDOUT.say(format_args!("off: {what}"));
                    return;
                }
                match switches.switch_on(fault) {
                    Ok(id) => {
                        self.0[index] = Some(id);
                        STDOUT.say(format_args!("on: {what}"));
                    }
                    Err(error) => STDOUT.say(error),
                }
            }
            Key::Clear => {
                self.0 = Default::default();
                switches.clear();
                STDOUT.say("all faults are off, those of the manifest too");
            }
            _ => STDOUT.say(HELP),
        }
    }
}

/// The keys that are pressed.
pub(super) struct Keys(Receiver<Key>);

impl Keys {
    /// Reads standard input from now on, until its end.
    pub fn read() -> Self {
        let (sender, keys) = mpsc::channel(16);
        if !is_in_front() {
            return Keys(keys);
        }
        // A thread, since there is no other way to wait for standard input and for something else. It ends with the
        // process.
        let read = move || {
            for byte in io::stdin().lock().bytes().map_while(Result::ok) {
                if Key::of(byte).is_some_and(|key| sender.blocking_send(key).is_err()) {
                    return;
                }
            }
        };
        // Without a thread, there are no keys.
        let _ = thread::Builder::new().name("keys".into()).spawn(read);
        Keys(keys)
    }

    /// Waits for the next; for ever, when there will be none.
    pub async fn next(&mut self) -> Key {
        match self.0.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

/// A terminal that hands over each key at once and does not show it, until this is dropped. Elsewhere, keys come with
/// the end of their line.
pub(super) struct Terminal;

impl Terminal {
    pub fn take() -> Self {
        #[cfg(unix)]
        if is_in_front() && io::stdin().is_terminal() {
            use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

            if let Ok(before) = tcgetattr(io::stdin()) {
                let mut now = before.clone();
                now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
                *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
                // Where that fails, keys come with the end of their line.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &now);
            }
        }
        Terminal
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// How the terminal was, while it is otherwise.
#[cfg(unix)]
static BEFORE: Mutex<Option<rustix::termios::Termios>> = Mutex::new(None);

/// The terminal is as it was before: to be called wherever the process may end.
pub(crate) fn give_back() {
    #[cfg(unix)]
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &before);
    }
}

/// Whether this is no job in the background: one that reads its terminal there, or changes it, is stopped.
fn is_in_front() -> bool {
    #[cfg(unix)]
    if io::stdin().is_terminal() {
        return rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_the_help_means_something() {
        for part in HELP.split("  ").filter_map(|part| part.split_once(": ")) {
            let key = part.0.bytes().last().unwrap();
            assert!(Key::of(key).is_some(), "{part:?}");
        }
        for (key, ..) in FAULTS {
            assert!(HELP.contains(&format!("{}: ", key as char)), "{}", key as char);
        }
        assert_eq!((Key::of(b'\n'), Key::of(b'x'), Key::of(b'Q')), (None, None, Some(Key::Quit)));
    }
}
