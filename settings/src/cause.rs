//! The causes of a failed call, as the WIT package `steadfast:rpc` names them.

/// The names of all causes in the order of the WIT, with underscores as in `#[resilient(…)]`, each with what it means.
///
/// ```
/// assert_eq!(steadfast_settings::CAUSES[1].0, "no_target");
/// ```
pub const CAUSES: [(&str, &str); 8] = [
    ("no_link", "The operator has not linked the import."),
    ("no_target", "Nothing serves the import now."),
    ("timeout", "No answer came in time."),
    ("disconnected", "The transport is down, or was lost during the call."),
    ("overloaded", "The callee refuses work for now."),
    ("trapped", "The callee started and died."),
    ("protocol", "The two ends disagree."),
    ("other", "Anything else."),
];
