//! Whether the client of a request is still there for its answer.

use hyper::{Method, Response};
use tokio::sync::oneshot;

use super::ResponseBody;
use super::taken::{self, End};
use crate::manifest::ClientLeft;

/// A client that waits for its answer. Dropped before it had all of it, it has left.
pub(super) struct Client {
    had_all: oneshot::Sender<()>,
    method: Method,
}

/// Whether a client had its whole answer.
type HadAll = oneshot::Receiver<()>;

impl Client {
    /// A client, where it matters whether it stays.
    pub fn followed(client_left: ClientLeft, method: &Method) -> (Option<Self>, Option<HadAll>) {
        match client_left {
            ClientLeft::Finish => (None, None),
            ClientLeft::End => {
                let (had_all, receiver) = oneshot::channel();
                (Some(Client { had_all, method: method.clone() }), Some(receiver))
            }
        }
    }

    /// The answer, which tells when the client had all of it.
    pub fn takes(self, answer: Response<ResponseBody>) -> Response<ResponseBody> {
        let Client { had_all, method } = self;
        taken::watch(answer, &method, |end, _| {
            if end == End::Whole {
                // The instance may be done.
                let _ = had_all.send(());
            }
        })
    }
}

/// Ready when a client is gone; never, where that does not matter.
pub(super) async fn gone(had_all: Option<HadAll>) {
    if let Some(had_all) = had_all
        && had_all.await.is_err()
    {
        return;
    }
    std::future::pending().await
}
