//! What can be said about a handler.

use core::time::Duration;

/// What can be said about a handler. By default it has no deadline but that of its client, where the
/// request says one, and its answers say how long they took.
///
/// ```
/// use core::time::Duration;
/// use steadfast::handler::Settings;
///
/// const SETTINGS: Settings = Settings::new().deadline(Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(super) deadline: Option<Duration>,
    pub(super) server_timing: bool,
    pub(super) caller_deadline: bool,
}

impl Settings {
    /// The defaults.
    ///
    /// ```
    /// use steadfast::handler::Settings;
    ///
    /// assert_eq!(Settings::new(), Settings::default());
    /// ```
    pub const fn new() -> Self {
        Settings { deadline: None, server_timing: true, caller_deadline: true }
    }

    /// Within what time the handler answers. Calls within it get no longer than what remains; see
    /// [`bound`](super::bound). An async handler that still waits then is dropped, and the client is answered with
    /// status 504. A handler that blocks cannot be interrupted: what it returns late is the answer all the same.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::handler::Settings;
    ///
    /// const SETTINGS: Settings = Settings::new().deadline(Duration::from_secs(2));
    /// ```
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Whether the handler ends when its client waits no longer, as the header `request-timeout` of the request says: the
    /// time that is left, in whole milliseconds. Of it and the [deadline](Self::deadline), the shorter counts. A handler
    /// with no time left is not begun, and the client is answered with status 504. A value that is no such number is
    /// ignored; of several, the shortest counts.
    ///
    /// It is on by default: a client can only shorten its own request by it. Turn it off where clients mean something
    /// else by that header.
    ///
    /// ```
    /// use steadfast::handler::Settings;
    ///
    /// const STUBBORN: Settings = Settings::new().caller_deadline(false);
    /// ```
    #[must_use]
    pub const fn caller_deadline(mut self, caller_deadline: bool) -> Self {
        self.caller_deadline = caller_deadline;
        self
    }

    /// Whether answers have a `Server-Timing` header. Without it, and without a deadline, the clock is not read.
    ///
    /// ```
    /// use steadfast::handler::Settings;
    ///
    /// const SECRETIVE: Settings = Settings::new().server_timing(false);
    /// ```
    #[must_use]
    pub const fn server_timing(mut self, server_timing: bool) -> Self {
        self.server_timing = server_timing;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::new()
    }
}
