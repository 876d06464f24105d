//! TLS to a server of Postgres, with the certificates that a person gave, or those of the system.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::Host;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_rustls::client;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::certificates;

/// How connections are made secret.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts servers that one of the certificates in `ca` signed, or one of the system's; shows a certificate with its
    /// key.
    ///
    /// # Errors
    /// What is wrong with a file, and what to do.
    pub fn new(ca: Option<&PathBuf>, certificate: Option<(&PathBuf, &PathBuf)>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(file) => {
                certificates::trust("ca", file, &mut roots)?;
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        // Said here, as the process has no default where two crates would bring one.
        let builder = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some((file, key)) => {
                let secret = PrivateKeyDer::from_pem_slice(&certificates::bytes("key", key)?).map_err(|_| {
                    format!(
                        "`key`: {} has no private key in PEM; give a file with a `BEGIN PRIVATE KEY`",
                        key.display()
                    )
                })?;
                builder.with_client_auth_cert(certificates::read("cert", file)?, secret).map_err(|error| {
                    format!(
                        "`key`: {} is not the key of the certificate in {}: {error}; give the two that belong together",
                        key.display(),
                        file.display()
                    )
                })?
            }
        };
        Ok(Tls(Arc::new(config)))
    }

    /// For a connection to `host`, whose name its certificate is to have.
    pub fn of(&self, host: &Host) -> Connect {
        let name = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(_) => "localhost".into(),
        };
        Connect { config: self.0.clone(), name }
    }
}

pub(super) struct Connect {
    config: Arc<ClientConfig>,
    name: String,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> TlsConnect<S> for Connect {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.name).map_err(io::Error::other)?;
            tokio_rustls::TlsConnector::from(self.config).connect(name, stream).await.map(Stream)
        })
    }
}

pub(super) struct Stream<S>(client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    /// Passwords are not bound to the connection: the certificate is what is checked.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
