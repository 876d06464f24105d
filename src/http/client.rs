//! Requests of `wstd`, each with a policy around it.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use wstd::http::{Body, HeaderMap, Method, Request, Response};

use super::body::{Outgoing, RequestBody};
use super::transport::{self, Timeouts};
use super::{handler, response, status};
use crate::call::{Call, Repeats};
use crate::failure::http::{Error, Kept};
use crate::failure::{Delivery, Failed};
use crate::platform::clock::{AsyncClock, System};
use crate::platform::rng::Rng;
use crate::policy::{Parts, Policy};

/// An HTTP client whose requests are made by a policy: they are repeated, timed out, turned away and hedged as it says.
///
/// It knows what may be repeated. A GET, HEAD, OPTIONS, TRACE, PUT or DELETE does no harm when it happens twice
/// (RFC 9110, section 9.2.2), and neither does any other request with an `Idempotency-Key` that is not empty: these are
/// [idempotent](crate::Policy::idempotent). All others, POST and PATCH among them, are repeated only when the server
/// certainly never saw them. A request with a body that is used up by being sent is never repeated; see
/// [`RequestBody`].
///
/// A response with a status that is a [failure](super::ByStatus) is one: it counts for the circuit breaker, its
/// `Retry-After` is honoured, and when the policy gives up it is in the [`Error`]. A timeout drops the request that is
/// under way, which closes its connection. Within a [handler], requests get no longer than it still has.
///
/// The futures of a client are not `Send`: await them on the thread that made them, as `wstd` does.
///
/// ```no_run
/// use core::time::Duration;
/// use steadfast::{Deadline, Failed, Policy, Retry, http::{self, Client}};
/// use wstd::http::Request;
///
/// static PAGES: Policy<(Deadline, Retry)> =
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
pub struct Client<'p, P: Parts> {
    policy: &'p Policy<P>,
    pub(super) timeouts: Timeouts,
    pub(super) refusals: &'p [u16],
}

impl<P: Parts> Clone for Client<'_, P> {
    fn clone(&self) -> Self {
        Client { policy: self.policy, timeouts: self.timeouts, refusals: self.refusals }
    }
}

impl<'p, P: Parts> Client<'p, P> {
    /// A client with this policy.
    ///
    /// ```
    /// use steadfast::{Policy, Retry, http::Client};
    ///
    /// static PAGES: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let client = Client::new(&PAGES);
    /// ```
    pub fn new(policy: &'p Policy<P>) -> Self {
        Client { policy, timeouts: Timeouts::default(), refusals: &[] }
    }

    /// How long the host may take to connect. By default that is up to the host. A request that ends by it was not sent
    /// for certain, which no [`AttemptTimeout`](crate::AttemptTimeout) can tell. A host that cannot keep it fails every
    /// request with `configuration-error`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Policy, http::Client};
    ///
    /// static PAGES: Policy = Policy::new();
    /// let client = Client::new(&PAGES).connect_timeout(Duration::from_millis(500));
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = transport::nanos(timeout);
        self
    }

    /// How long the host may wait for the first byte of a response. By default that is up to the host. A host that
    /// cannot keep it fails every request with `configuration-error`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Policy, http::Client};
    ///
    /// static PAGES: Policy = Policy::new();
    /// let client = Client::new(&PAGES).first_byte_timeout(Duration::from_secs(5));
    /// ```
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.first_byte = transport::nanos(timeout);
        self
    }

    /// How long the host may wait for the next bytes of a response's body, which is read when the policy's part is
    /// done. By default that is up to the host. A host that cannot keep it fails every request with
    /// `configuration-error`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use steadfast::{Policy, http::Client};
    ///
    /// static PAGES: Policy = Policy::new();
    /// let client = Client::new(&PAGES).between_bytes_timeout(Duration::from_secs(5));
    /// ```
    pub fn between_bytes_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.between_bytes = transport::nanos(timeout);
        self
    }

    /// The statuses with which this server says that it did nothing, as its documentation promises: 429, say, or 503. A
    /// request that it answers so is repeated, also when it is not idempotent. By default there are none: the standards
    /// do not promise it.
    ///
    /// ```
    /// use steadfast::{Policy, Retry, http::Client};
    ///
    /// static PAYMENTS: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    /// let client = Client::new(&PAYMENTS).refusals(&[429]);
    /// ```
    pub fn refusals(mut self, statuses: &'p [u16]) -> Self {
        self.refusals = statuses;
        self
    }

    /// Makes a request. A response is what the server answered, whatever its status, but for those that are a
    /// [failure](super::ByStatus).
    ///
    /// Its body is read after the policy's part is done. Where it ends early, reading fails with an error that is
    /// `disconnected`, or `timeout` where the host gave it up for that, and `delivered`: with `?`, it leaves a
    /// [handler] as a 502 or 504. To have the body read within the attempt, use
    /// [`send_collected`](Self::send_collected).
    ///
    /// # Errors
    /// [`Failed`]: the last [`Error`], with the response where there was one; why the policy gave up, how often it
    /// tried and how long it took.
    pub async fn send<B: RequestBody>(&self, request: Request<B>) -> Result<Response<Body>, Failed<Error>> {
        self.exchange(request, async |response| Ok(response)).await
    }

    /// Makes a request and reads the body of the response, of at most `limit` bytes, within the attempt: the timeouts
    /// of the policy bound the reading too, and a body that ends early is a failed attempt, which is repeated where the
    /// request may be. The body of a response with a status that is a [failure](super::ByStatus) is not read.
    ///
    /// ```no_run
    /// use steadfast::{Failed, Policy, Retry, http::{self, Client}};
    /// use wstd::http::Request;
    ///
    /// async fn page() -> Result<Vec<u8>, Failed<http::Error>> {
    ///     let policy = Policy::new().retry(Retry::attempts(3));
    ///     let request = Request::get("https://example.com/").body(()).expect("a good URL");
    ///     let response = Client::new(&policy).send_collected(request, 64 * 1024).await?;
    ///     Ok(response.into_body())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Failed`], as [`send`](Self::send). A body with more than `limit` bytes is `protocol`, `delivered`, and is not
    /// asked for again. One that ends early is `disconnected` or `timeout`, and `delivered`.
    pub async fn send_collected<B: RequestBody>(
        &self,
        request: Request<B>,
        limit: usize,
    ) -> Result<Response<Vec<u8>>, Failed<Error>> {
        self.exchange(request, async |response| response::collect(response, limit).await).await
    }

    async fn exchange<B: RequestBody, T>(
        &self,
        request: Request<B>,
        read: impl AsyncFn(Response<Body>) -> Result<T, Error>,
    ) -> Result<T, Failed<Error>> {
        let request = request.map(RequestBody::into_outgoing);
        let call = Call::new(self.policy, System).within(handler::bound());
        exchange(call, self.refusals, &request, async |request| transport::send(request, self.timeouts).await, read)
            .await
    }
}

/// The same for every body, over any transport and on any clock. `read` makes of a response what the caller gets.
pub(super) async fn exchange<P: Parts, C: AsyncClock + Rng, T>(
    call: Call<'_, P, C>,
    refusals: &[u16],
    request: &Request<Outgoing>,
    transport: impl AsyncFn(&Request<Outgoing>) -> Result<Response<Body>, Error>,
    read: impl AsyncFn(Response<Body>) -> Result<T, Error>,
) -> Result<T, Failed<Error>> {
    // A mutex and not a cell: that alone would keep the future from being `Send`.
    let latest: Mutex<Option<Kept>> = Mutex::new(None);
    let keep = |kept| std::mem::replace(&mut *latest.lock().unwrap_or_else(PoisonError::into_inner), kept);
    let attempt = async || {
        drop(keep(None).and_then(|kept| kept.take()));
        let response = transport(request).await?;
        let Some(mut facts) = status::of(&response) else { return read(response).await };
        if refusals.contains(&response.status().as_u16()) {
            facts.delivery = Delivery::NotSent;
        }
        let (error, kept) = Error::of_status(response, facts);
        keep(Some(kept));
        Err(error)
    };
    match repeats(request) {
        Repeats::Always if call.hedges() => {
            // Behind a pointer, all that is for hedging vanishes where the policy has none.
            let call = call.idempotent();
            let hedged: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(call.call_hedged(attempt));
            hedged.await
        }
        repeats => call.repeated(repeats).call_async(attempt).await,
    }
}

fn repeats(request: &Request<Outgoing>) -> Repeats {
    let by_method = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    match request.body().can_be_sent_again() {
        false => Repeats::Never,
        true if by_method || has_key(request.headers()) => Repeats::Always,
        true => Repeats::WhenNotSent,
    }
}

/// Whether there is an `Idempotency-Key` that identifies the request. An empty one does not, and neither do several
/// that disagree. The value is a string of RFC 9651, so `""` is empty too.
fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all("idempotency-key").iter().map(|key| key.as_bytes().trim_ascii());
    let Some(first) = keys.next() else { return false };
    !matches!(first, b"" | b"\"\"") && keys.all(|key| key == first)
}
