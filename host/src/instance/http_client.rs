//! Sends the requests of guests over the network, and keeps their connections for the next ones.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::authority::usual_port;
use crate::certificates;

/// How long a connection is kept: a little shorter than by the servers that are in the greatest hurry (Node.js: 5 s), so
/// that few requests meet a connection that its server is about to close.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// How many connections are kept at most, to all servers together.
const KEPT: usize = 32;

/// Sends requests.
pub(crate) struct HttpClient {
    tls: TlsConnector,
    kept: Arc<Kept>,
}

impl HttpClient {
    /// Trusts the public certificate authorities, and those whose certificates are in `ca`.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub fn new(ca: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if let Some(file) = ca {
            certificates::trust("ca", file, &mut roots)?;
        }
        // Said here, as the process has no default where two crates would bring one.
        let config = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(HttpClient { tls: Arc::new(config).into(), kept: Arc::default() })
    }

    /// Sends a request, and waits for the head of the answer. `place` is held until the connection is done with it, and
    /// an answer that pauses for longer than `pause` is cut.
    pub async fn send(
        &self,
        mut request: Request<WasiBody>,
        connect: Duration,
        pause: Duration,
        place: impl Send + 'static,
    ) -> Result<Response<WasiBody>, Error> {
        let server = Server::of(request.uri())?;
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
        let (mut sender, response) = loop {
            let kept = self.kept.take(&server);
            let was_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => {
                    let connecting = tokio::time::timeout(connect, self.connect(&server)).await;
                    connecting.unwrap_or(Err(Error::ConnectionTimeout))?
                }
            };
            match sender.try_send_request(request).await {
                Ok(response) => break (sender, response),
                Err(mut failed) => match failed.take_message().filter(|_| was_kept) {
                    // Nothing of it was sent: the server had closed the connection.
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        };
        let kept = self.kept.clone();
        tokio::spawn(async move {
            // When the answer is complete. If it is given up before, the connection ends.
            let ready = sender.ready().await;
            drop(place);
            if ready.is_ok() {
                kept.put(server, sender);
                tokio::time::sleep(KEPT_FOR).await;
                kept.tidy();
            }
        });
        Ok(response
            .map(|incoming| Answer { incoming, pause, over: Box::pin(tokio::time::sleep(pause)) }.boxed_unsync()))
    }

    async fn connect(&self, server: &Server) -> Result<SendRequest<WasiBody>, Error> {
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(Error::Connect)?;
        // Where it cannot be said, requests are only slower.
        let _ = stream.set_nodelay(true);
        if !server.tls {
            return begin(stream).await;
        }
        let name = ServerName::try_from(server.host.clone()).map_err(|_| Error::DnsError {
            rcode: Some("no name that a certificate could have".into()),
            info_code: None,
        })?;
        begin(self.tls.connect(name, stream).await.map_err(|error| untrusted(&server.host, error))?).await
    }
}

async fn begin(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<SendRequest<WasiBody>, Error> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection for requests ended: {error}");
        }
    });
    Ok(sender)
}

/// What `wasi:http` calls it that no secret connection came about.
fn untrusted(host: &str, error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            let hint = "if it should be, name the certificate of who signed it as `ca`, below `[http]`";
            tracing::warn!("the certificate of `{host}` is not trusted: {wrong}; {hint}");
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: alert.as_str().map(str::to_owned),
        },
        _ => Error::Tls(error),
    }
}

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    tls: bool,
    host: String,
    port: u16,
}

impl Server {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
        // An address of IPv6.
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or_else(|| usual_port(uri.scheme()));
        Ok(Server { tls: uri.scheme() == Some(&Scheme::HTTPS), host: host.to_ascii_lowercase(), port })
    }
}

/// Connections that wait for another request, and since when; the newest is last.
#[derive(Default)]
struct Kept(Mutex<VecDeque<(Server, SendRequest<WasiBody>, Instant)>>);

impl Kept {
    fn take(&self, server: &Server) -> Option<SendRequest<WasiBody>> {
        self.tidy();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = all.iter().rposition(|(other, ..)| other == server)?;
        all.remove(newest).map(|(_, sender, _)| sender)
    }

    fn put(&self, server: Server, sender: SendRequest<WasiBody>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back((server, sender, Instant::now()));
    }

    /// Closes those that were kept long enough, and leaves those that their servers closed.
    fn tidy(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, sender, since)| !sender.is_closed() && since.elapsed() < KEPT_FOR);
    }
}

/// The body of an answer, which may pause for so long.
struct Answer {
    incoming: Incoming,
    pause: Duration,
    over: Pin<Box<Sleep>>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                let end = Instant::now() + self.pause;
                self.over.as_mut().reset(end);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => self.over.as_mut().poll(context).map(|()| Some(Err(Error::ConnectionReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
