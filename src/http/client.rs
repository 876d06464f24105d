//! `wstd`'s HTTP client with a policy around each request.

use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;

use wstd::http::{Body, Method, Request, Response};

use super::body::{Outgoing, RequestBody};
use super::error::{Error, Kept};
use super::status;
use crate::call::{Call, Repeats};
use crate::clock::{AsyncClock, System};
use crate::failure::Delivery;
use crate::policy::Pipeline;
use crate::rng::Rng;
use crate::{ByError, Failed, handler};

/// An HTTP client whose requests are made by a policy: they are repeated, timed out, turned away and hedged as it says.
///
/// It knows what may be repeated. A GET, HEAD, OPTIONS, TRACE, PUT or DELETE does no harm when it happens twice
/// (RFC 9110, section 9.2.2), and any other request does not when it has an `Idempotency-Key`: these are
/// [idempotent](crate::Policy::idempotent). All others, POST and PATCH among them, are repeated only when the server
/// certainly never saw them. A request with a body that is used up by being sent is never repeated; see
/// [`RequestBody`].
///
/// A response with a status that is a [failure](super::ByStatus) is one: it counts for the circuit breaker, its
/// `Retry-After` is honoured, and when the policy gives up it is in the [`Error`]. A timeout drops the request that is
/// under way, which closes its connection. Within a [handler], requests get no longer than it still has.
///
/// ```no_run
/// use core::time::Duration;
/// use steadfast::{Deadline, Failed, Policy, Retry, http::{self, Client}};
/// use wstd::http::Request;
///
/// static PAGES: Policy<Deadline, Retry> =
///     Policy::new().deadline(Deadline::after(Duration::from_secs(3))).retry(Retry::attempts(4));
///
/// async fn page() -> Result<(), Failed<http::Error>> {
///     let request = Request::get("https://example.com/").body(()).expect("a good URL");
///     let mut response = Client::new(&PAGES).send(request).await?;
///     println!("{:?}", response.body_mut().str_contents().await);
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Client<'p, P> {
    policy: &'p P,
    client: wstd::http::Client,
    refusals: &'p [u16],
}

impl<P> Clone for Client<'_, P> {
    fn clone(&self) -> Self {
        Client { policy: self.policy, client: self.client.clone(), refusals: self.refusals }
    }
}

impl<'p, P: Pipeline> Client<'p, P> {
    /// A client with this policy.
    ///
    /// ```
    /// use steadfast::{Policy, Retry, http::Client};
    ///
    /// static PAGES: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// let client = Client::new(&PAGES);
    /// ```
    pub fn new(policy: &'p P) -> Self {
        Client { policy, client: wstd::http::Client::new(), refusals: &[] }
    }

    /// With the timeouts of a client of `wstd`, which the host keeps, where it can.
    ///
    /// ```
    /// use steadfast::{Policy, http::Client};
    ///
    /// static PAGES: Policy = Policy::new();
    /// let mut host = wstd::http::Client::new();
    /// host.set_connect_timeout(wstd::time::Duration::from_millis(500));
    /// let client = Client::new(&PAGES).over(host);
    /// ```
    pub fn over(mut self, client: wstd::http::Client) -> Self {
        self.client = client;
        self
    }

    /// The statuses with which this server says that it did nothing, as its documentation promises: 429, say, or 503. A
    /// request that it answers so is repeated, also when it is not idempotent. By default there are none: the standards
    /// do not promise it.
    ///
    /// ```
    /// use steadfast::{Policy, Retry, http::Client};
    ///
    /// static PAYMENTS: Policy<(), Retry> = Policy::new().retry(Retry::attempts(3));
    /// let client = Client::new(&PAYMENTS).refusals(&[429]);
    /// ```
    pub fn refusals(mut self, statuses: &'p [u16]) -> Self {
        self.refusals = statuses;
        self
    }

    /// Makes a request. A response is what the server answered, whatever its status, but for those that are a
    /// [failure](super::ByStatus).
    ///
    /// # Errors
    /// [`Failed`]: the last [`Error`], with the response where there was one; why the policy gave up, how often it
    /// tried and how long it took.
    pub async fn send<B: RequestBody>(&self, request: Request<B>) -> Result<Response<Body>, Failed<Error>> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, body.into_outgoing());
        let call = Call::new(self.policy, System).within(handler::bound());
        exchange(call, self.refusals, &request, async |request| self.client.send(request).await).await
    }
}

/// The same for every body, over any transport and on any clock.
pub(super) async fn exchange<P: Pipeline, C: AsyncClock + Rng>(
    call: Call<'_, P, C, ByError>,
    refusals: &[u16],
    request: &Request<Outgoing>,
    transport: impl AsyncFn(Request<Body>) -> Result<Response<Body>, wstd::http::Error>,
) -> Result<Response<Body>, Failed<Error>> {
    let latest: RefCell<Option<Kept>> = RefCell::new(None);
    let attempt = async || {
        drop(latest.take().and_then(|kept| kept.take()));
        let mut next = Request::new(request.body().next());
        *next.method_mut() = request.method().clone();
        *next.uri_mut() = request.uri().clone();
        *next.headers_mut() = request.headers().clone();
        let response = transport(next).await.map_err(Error::transport)?;
        let Some(mut facts) = status::of(&response) else { return Ok(response) };
        if refusals.contains(&response.status().as_u16()) {
            facts.delivery = Delivery::NotSent;
        }
        let (error, kept) = Error::of_status(response, facts);
        latest.replace(Some(kept));
        Err(error)
    };
    match repeats(request) {
        Repeats::Always if call.hedges() => {
            // Behind a pointer, all that is for hedging vanishes where the policy has none.
            let call = call.idempotent();
            let hedged: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(call.call_hedged(attempt));
            hedged.await
        }
        repeats => call.marked(repeats).call_async(attempt).await,
    }
}

fn repeats(request: &Request<Outgoing>) -> Repeats {
    let by_method = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    match request.body().can_be_sent_again() {
        false => Repeats::Never,
        true if by_method || request.headers().contains_key("idempotency-key") => Repeats::Always,
        true => Repeats::WhenNotSent,
    }
}
