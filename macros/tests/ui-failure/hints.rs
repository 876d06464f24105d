use steadfast::Failure;
use steadfast::client::Calls;

/// An error of an interface.
struct NotFound;

fn is_told(_: impl Failure) {}

fn calls_through<E>(_: impl Calls<(), E>) {}

fn main() {
    is_told(NotFound);
    is_told(String::from("no responders"));
    calls_through::<String>(7);
}
