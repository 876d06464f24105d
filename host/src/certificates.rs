//! Certificates in files that people name.

use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::small_file;

/// Has `roots` trust what the certificates in a file signed; `part` is what a person calls the file.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(crate) fn trust(part: &str, file: &Path, roots: &mut RootCertStore) -> Result<(), String> {
    for certificate in read(part, file)? {
        roots.add(certificate).map_err(|error| {
            format!("`{part}`: {} has a certificate that signs nothing: {error}; give that of the CA", file.display())
        })?;
    }
    Ok(())
}

/// All in a file, which has at least one.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(crate) fn read(part: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = bytes(part, file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(|| {
        format!("`{part}`: {} has no certificate in PEM; give a file with a `BEGIN CERTIFICATE`", file.display())
    })
}

/// What is in a file, such as one with a key.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn bytes(part: &str, file: &Path) -> Result<Vec<u8>, String> {
    small_file::read(file).map_err(|error| format!("`{part}`: cannot read {}: {error}", file.display()))
}
