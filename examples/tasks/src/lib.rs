//! Tasks that come as messages: each is done by a call that may fail, and answered. One that fails comes again.

use steadfast::RpcError;

mod bindings {
    ::steadfast::bindgen!("tasks");
}
use bindings::acme::greeter::api as greeter;
use bindings::exports::steadfast::messaging::handler::{BrokerMessage, Guest};
use bindings::steadfast::messaging::consumer as messages;

steadfast::policy! {
    /// A short outage is over before the task fails. After a longer one, the host brings the task again.
    static GREETER = deadline("2s") + retry(attempts = 3);
    /// An answer may come twice: who asked takes the first.
    static ANSWER = deadline("2s") + retry(attempts = 3);
}

struct Tasks;

impl Guest for Tasks {
    fn handle_message(task: BrokerMessage) -> Result<(), RpcError> {
        let name = String::from_utf8_lossy(&task.body);
        // A greeting changes nothing, so the task may be done again whatever happened.
        let greeting = greeter::client(GREETER.idempotent()).greet(&name)?;
        match task.reply_to {
            Some(subject) => {
                let answer = BrokerMessage { subject, body: greeting.into_bytes(), reply_to: None };
                messages::client(ANSWER.idempotent()).publish(&answer)?;
            }
            None => println!("{greeting}"),
        }
        Ok(())
    }
}

bindings::export!(Tasks with_types_in bindings);

#[cfg(test)]
mod tests {
    use steadfast::testing::{Script, TestClock};
    use steadfast::{Cause, Delivery, RpcError};

    use super::GREETER;

    #[test]
    fn a_short_outage_does_not_fail_a_task() {
        let mut greeter = Script::new([Err(RpcError::new(Cause::NoTarget, Delivery::NotSent)), Ok("Hello, Ada!")]);
        let greeting = GREETER.with(&TestClock::new()).idempotent().call(|| greeter.next());
        assert_eq!(greeting.unwrap(), "Hello, Ada!");
    }
}
