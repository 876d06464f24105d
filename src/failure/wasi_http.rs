//! The errors of outgoing `wasi:http` requests, case by case.
//!
//! The cases are those of RFC 9209 ("The Proxy-Status HTTP Response Header Field"), section 2.3, whose descriptions
//! say how far a request got. What a case does not say is unknown.

use wasip2::http::types::ErrorCode;

/// Makes the variant `error-code` of `wasi:http/types` (0.2 and 0.3) a [`Failure`](crate::Failure).
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`. The type of the crate `wasip2` is one already. The cases are those of RFC 9209, section
/// 2.3, whose descriptions say how far a request got:
///
/// | case | cause | delivery |
/// | --- | --- | --- |
/// | `DNS-timeout`, `connection-timeout` | timeout | not sent |
/// | `DNS-error`, `destination-unavailable`, `destination-IP-unroutable`, `connection-refused` | no target | not sent |
/// | `destination-not-found`, `destination-IP-prohibited`, `HTTP-request-denied` | no link | not sent |
/// | `connection-limit-reached` | overloaded | not sent |
/// | `TLS-certificate-error`, `HTTP-request-method-invalid`, `HTTP-request-URI-invalid` | protocol | not sent |
/// | `connection-terminated`, `HTTP-protocol-error` | disconnected | unknown |
/// | `connection-read-timeout`, `connection-write-timeout`, `HTTP-response-timeout` | timeout | unknown |
/// | `HTTP-response-incomplete` | disconnected | delivered |
/// | other faults of the response: its sizes and codings | protocol | delivered |
/// | other faults of the request, of TLS and of the upgrade, `loop-detected` | protocol | unknown |
/// | `configuration-error` | no link | unknown |
/// | `internal-error` | other | unknown |
///
/// ```
/// # #[allow(dead_code)]
/// // As `wit_bindgen::generate!` makes it, with most of its cases left out.
/// enum ErrorCode { ConnectionRefused, InternalError(Option<String>) }
/// steadfast::wasi_http_failure!(ErrorCode [ConnectionRefused InternalError]);
///
/// use steadfast::{Cause, Delivery, Failure};
/// let error = ErrorCode::ConnectionRefused;
/// assert_eq!((error.cause(), error.delivery()), (Cause::NoTarget, Delivery::NotSent));
/// ```
#[macro_export]
macro_rules! wasi_http_failure {
    ($error:ty $([$($present:ident)*])?) => {
        $crate::__failure_table! { $error $([$($present)*])?:
            // No address, so no connection.
            DnsTimeout => Timeout, NotSent;
            DnsError => NoTarget, NotSent;
            // "Cannot determine the appropriate next hop; for example, it may not be configured."
            DestinationNotFound => NoLink, NotSent;
            // "Considers the next hop to be unavailable": it was not asked.
            DestinationUnavailable => NoTarget, NotSent;
            // The operator forbids it.
            DestinationIpProhibited => NoLink, NotSent;
            HttpRequestDenied => NoLink, NotSent;
            // No connection was made.
            DestinationIpUnroutable => NoTarget, NotSent;
            ConnectionRefused => NoTarget, NotSent;
            ConnectionTimeout => Timeout, NotSent;
            ConnectionLimitReached => Overloaded, NotSent;
            // The certificate comes before the request.
            TlsCertificateError => Protocol, NotSent;
            // "Either during the handshake or afterwards."
            TlsProtocolError => Protocol, Unknown;
            TlsAlertReceived => Protocol, Unknown;
            // The connection was there, and the request on its way.
            ConnectionTerminated => Disconnected, Unknown;
            ConnectionReadTimeout => Timeout, Unknown;
            ConnectionWriteTimeout => Timeout, Unknown;
            HttpResponseTimeout => Timeout, Unknown;
            // Hosts say this of whatever happens to a connection in use, Wasmtime also of one that is dropped.
            HttpProtocolError => Disconnected, Unknown;
            // An invalid request cannot be sent.
            HttpRequestMethodInvalid => Protocol, NotSent;
            HttpRequestUriInvalid => Protocol, NotSent;
            // Whose limit it is, the case does not say; and a body or its trailers come after the head.
            HttpRequestLengthRequired => Protocol, Unknown;
            HttpRequestBodySize => Protocol, Unknown;
            HttpRequestUriTooLong => Protocol, Unknown;
            HttpRequestHeaderSectionSize => Protocol, Unknown;
            HttpRequestHeaderSize => Protocol, Unknown;
            HttpRequestTrailerSectionSize => Protocol, Unknown;
            HttpRequestTrailerSize => Protocol, Unknown;
            HttpUpgradeFailed => Protocol, Unknown;
            LoopDetected => Protocol, Unknown;
            // There was a response, so there was a request.
            HttpResponseIncomplete => Disconnected, Delivered;
            HttpResponseHeaderSectionSize => Protocol, Delivered;
            HttpResponseHeaderSize => Protocol, Delivered;
            HttpResponseBodySize => Protocol, Delivered;
            HttpResponseTrailerSectionSize => Protocol, Delivered;
            HttpResponseTrailerSize => Protocol, Delivered;
            HttpResponseTransferCoding => Protocol, Delivered;
            HttpResponseContentCoding => Protocol, Delivered;
            // A fault of the deployment, found at any time.
            ConfigurationError => NoLink, Unknown;
            InternalError => Other, Unknown;
        }
    };
}

wasi_http_failure!(ErrorCode);

#[cfg(test)]
mod tests {
    use wasip2::http::types::{DnsErrorPayload, FieldSizePayload, TlsAlertReceivedPayload};

    use super::*;
    use crate::{Cause, Delivery, Failure, Policy, Retry, testing::TestClock};

    /// Every case, in the order of the WIT.
    fn cases() -> [(ErrorCode, Cause, Delivery); 39] {
        use Cause::{Disconnected, NoLink, NoTarget, Other, Overloaded, Protocol, Timeout};
        use Delivery::{Delivered, NotSent, Unknown};
        use ErrorCode as Code;
        let dns = DnsErrorPayload { rcode: Some("NXDOMAIN".into()), info_code: None };
        let alert = TlsAlertReceivedPayload { alert_id: Some(80), alert_message: None };
        let field = || FieldSizePayload { field_name: None, field_size: Some(1) };
        [
            (Code::DnsTimeout, Timeout, NotSent),
            (Code::DnsError(dns), NoTarget, NotSent),
            (Code::DestinationNotFound, NoLink, NotSent),
            (Code::DestinationUnavailable, NoTarget, NotSent),
            (Code::DestinationIpProhibited, NoLink, NotSent),
            (Code::DestinationIpUnroutable, NoTarget, NotSent),
            (Code::ConnectionRefused, NoTarget, NotSent),
            (Code::ConnectionTerminated, Disconnected, Unknown),
            (Code::ConnectionTimeout, Timeout, NotSent),
            (Code::ConnectionReadTimeout, Timeout, Unknown),
            (Code::ConnectionWriteTimeout, Timeout, Unknown),
            (Code::ConnectionLimitReached, Overloaded, NotSent),
            (Code::TlsProtocolError, Protocol, Unknown),
            (Code::TlsCertificateError, Protocol, NotSent),
            (Code::TlsAlertReceived(alert), Protocol, Unknown),
            (Code::HttpRequestDenied, NoLink, NotSent),
            (Code::HttpRequestLengthRequired, Protocol, Unknown),
            (Code::HttpRequestBodySize(None), Protocol, Unknown),
            (Code::HttpRequestMethodInvalid, Protocol, NotSent),
            (Code::HttpRequestUriInvalid, Protocol, NotSent),
            (Code::HttpRequestUriTooLong, Protocol, Unknown),
            (Code::HttpRequestHeaderSectionSize(None), Protocol, Unknown),
            (Code::HttpRequestHeaderSize(Some(field())), Protocol, Unknown),
            (Code::HttpRequestTrailerSectionSize(None), Protocol, Unknown),
            (Code::HttpRequestTrailerSize(field()), Protocol, Unknown),
            (Code::HttpResponseIncomplete, Disconnected, Delivered),
            (Code::HttpResponseHeaderSectionSize(None), Protocol, Delivered),
            (Code::HttpResponseHeaderSize(field()), Protocol, Delivered),
            (Code::HttpResponseBodySize(None), Protocol, Delivered),
            (Code::HttpResponseTrailerSectionSize(None), Protocol, Delivered),
            (Code::HttpResponseTrailerSize(field()), Protocol, Delivered),
            (Code::HttpResponseTransferCoding(None), Protocol, Delivered),
            (Code::HttpResponseContentCoding(None), Protocol, Delivered),
            (Code::HttpResponseTimeout, Timeout, Unknown),
            (Code::HttpUpgradeFailed, Protocol, Unknown),
            (Code::HttpProtocolError, Disconnected, Unknown),
            (Code::LoopDetected, Protocol, Unknown),
            (Code::ConfigurationError, NoLink, Unknown),
            (Code::InternalError(Some("connection refused".into())), Other, Unknown),
        ]
    }

    #[test]
    fn every_case_says_where_it_failed_and_how_far_it_got() {
        for (code, cause, delivery) in cases() {
            assert_eq!((code.cause(), code.delivery(), code.retry_after()), (cause, delivery, None), "{code:?}");
        }
    }

    // case 24
    #[test]
    fn only_what_was_certainly_not_sent_is_repeated_unless_the_call_is_idempotent() {
        let policy = Policy::new().retry(Retry::attempts(2));
        for (code, cause, delivery) in cases() {
            let passes = !matches!(cause, Cause::NoLink | Cause::Protocol);
            let attempts = |repeats: bool| if repeats { 2 } else { 1 };
            let clock = TestClock::new();
            let once = policy.with(&clock).call(|| Err::<(), _>(code.clone())).unwrap_err();
            assert_eq!(once.attempts(), attempts(passes && delivery == Delivery::NotSent), "{code:?}");
            let twice = policy.with(&clock).idempotent().call(|| Err::<(), _>(code.clone())).unwrap_err();
            assert_eq!(twice.attempts(), attempts(passes), "{code:?}");
        }
    }
}
