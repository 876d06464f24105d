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
use hyper::{Request, Response, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::authority;
use crate::certificates;

/// How long a connection is kept: shorter than by common servers (Gunicorn 2 s, Apache and Node.js 5 s, nginx 75 s), so
/// that few requests meet a connection that its server is about to close.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// How many connections are kept at most, to all servers together.
const KEPT: usize = 32;

/// How long a request may still be on its way out when all of its answer was read.
const GRACE: Duration = Duration::from_secs(1);

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

    /// Sends a request, and waits for the head of the answer; an answer that pauses for longer than `pause` is cut.
    /// `place` is held until the connection is closed or kept. It is closed when the request or its answer is given up.
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
        let (mut connection, response) = loop {
            let kept = self.kept.take(&server);
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => {
                    let connecting = tokio::time::timeout(connect, self.connect(&server)).await;
                    connecting.unwrap_or(Err(Error::ConnectionTimeout))?
                }
            };
            match connection.sender.try_send_request(request).await {
                Ok(response) => break (connection, response),
                Err(mut failed) => match failed.take_message().filter(|_| was_kept) {
                    // Nothing of it was sent: the server had closed the connection.
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        };
        // Whoever answers in HTTP/1.0 is sent requests in it, which have no body of unknown length.
        let again = response.version() == Version::HTTP_11;
        let (read, was_read) = oneshot::channel();
        let kept = self.kept.clone();
        tokio::spawn(async move {
            if was_read.await.is_err() {
                return;
            }
            let ready = tokio::time::timeout(GRACE, connection.sender.ready()).await;
            if again && matches!(ready, Ok(Ok(()))) {
                let taken = kept.put(server, connection);
                drop(place);
                let _ = tokio::time::timeout(KEPT_FOR, taken).await;
                kept.tidy();
            }
        });
        let over = Box::pin(tokio::time::sleep(pause));
        Ok(response.map(|incoming| Answer { incoming, pause, over, read: Some(read), at_end: false }.boxed_unsync()))
    }

    async fn connect(&self, server: &Server) -> Result<Connection, Error> {
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(Error::Connect)?;
        // Where it cannot be said, requests are only slower.
        let _ = stream.set_nodelay(true);
        match &server.tls {
            None => Connection::begin(stream).await,
            Some(name) => {
                let secret = self.tls.connect(name.clone(), stream).await;
                Connection::begin(secret.map_err(|error| untrusted(&server.host, error))?).await
            }
        }
    }
}

/// To a server, until it is dropped.
struct Connection {
    sender: SendRequest<WasiBody>,
    _work: AbortOnDropJoinHandle<()>,
}

impl Connection {
    async fn begin(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Self, Error> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let work = spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection for requests ended: {error}");
            }
        });
        Ok(Connection { sender, _work: work })
    }
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
#[derive(Debug, PartialEq, Eq)]
struct Server {
    /// The name that its certificate has, where it needs one.
    tls: Option<ServerName<'static>>,
    host: String,
    port: u16,
}

impl Server {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let (host, port) = uri.host().zip(authority::port(uri)).ok_or(Error::HttpRequestUriInvalid)?;
        // An address of IPv6.
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).to_ascii_lowercase();
        let tls = (uri.scheme() == Some(&Scheme::HTTPS)).then(|| ServerName::try_from(host.clone())).transpose();
        Ok(Server { tls: tls.map_err(|_| Error::HttpRequestUriInvalid)?, host, port })
    }
}

/// Connections that wait for another request; the newest is last.
#[derive(Default)]
struct Kept(Mutex<VecDeque<Waiting>>);

struct Waiting {
    server: Server,
    connection: Connection,
    since: Instant,
    /// Dropped when it waits no more.
    _waits: oneshot::Sender<()>,
}

impl Kept {
    fn take(&self, server: &Server) -> Option<Connection> {
        self.tidy();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = all.iter().rposition(|waiting| waiting.server == *server)?;
        all.remove(newest).map(|waiting| waiting.connection)
    }

    /// What it gives is heard when the connection waits no more.
    fn put(&self, server: Server, connection: Connection) -> oneshot::Receiver<()> {
        let (waits, taken) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(Waiting { server, connection, since: Instant::now(), _waits: waits });
        taken
    }

    /// Closes those that were kept long enough, and leaves those that their servers closed.
    fn tidy(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|waiting| !waiting.connection.sender.is_closed() && waiting.since.elapsed() < KEPT_FOR);
    }
}

/// The body of an answer, which may pause for so long.
struct Answer {
    incoming: Incoming,
    pause: Duration,
    over: Pin<Box<Sleep>>,
    /// Told when it was read to its end.
    read: Option<oneshot::Sender<()>>,
    at_end: bool,
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.at_end || self.incoming.is_end_stream() {
            let _ = self.read.take().map(|read| read.send(()));
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                let end = Instant::now() + self.pause;
                self.over.as_mut().reset(end);
                self.at_end = frame.as_ref().is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers));
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

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_request_that_meets_the_end_of_a_kept_connection_goes_over_a_new_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });
        let client = HttpClient::new(None).unwrap();
        let (stream, server) = tokio::io::duplex(64);
        let kept = Connection::begin(stream).await.unwrap();
        // It ends, and its task did not hear of it when the request takes it.
        drop(server);
        let _taken = client.kept.put(Server::of(&uri).unwrap(), kept);
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = Request::builder().uri(uri).body(body).unwrap();
        let patience = Duration::from_secs(10);
        let answer = client.send(request, patience, patience, ()).await.unwrap();
        assert_eq!(answer.status(), 204);
    }
}
