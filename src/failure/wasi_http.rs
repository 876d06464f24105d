//! The errors of outgoing `wasi:http` requests, case by case.
//!
//! The cases are those of RFC 9209 ("The Proxy-Status HTTP Response Header Field"), section 2.3, whose descriptions
//! say how far a request got. What a case does not say is [`Delivery::Unknown`].

use wasip2::http::types::ErrorCode;

use super::{Cause, Delivery, Failure};

impl Failure for ErrorCode {
    fn cause(&self) -> Cause {
        facts(self).0
    }
    fn delivery(&self) -> Delivery {
        facts(self).1
    }
}

fn facts(code: &ErrorCode) -> (Cause, Delivery) {
    use Delivery::{Delivered, NotSent, Unknown};
    use ErrorCode as Code;

    match code {
        // No address, so no connection.
        Code::DnsTimeout => (Cause::Timeout, NotSent),
        Code::DnsError(_) => (Cause::NoTarget, NotSent),
        // "Cannot determine the appropriate next hop; for example, it may not be configured."
        Code::DestinationNotFound => (Cause::NoLink, NotSent),
        // "Considers the next hop to be unavailable": it was not asked.
        Code::DestinationUnavailable => (Cause::NoTarget, NotSent),
        // The operator forbids it.
        Code::DestinationIpProhibited | Code::HttpRequestDenied => (Cause::NoLink, NotSent),
        // No connection was made.
        Code::DestinationIpUnroutable | Code::ConnectionRefused => (Cause::NoTarget, NotSent),
        Code::ConnectionTimeout => (Cause::Timeout, NotSent),
        Code::ConnectionLimitReached => (Cause::Overloaded, NotSent),
        // The certificate comes before the request.
        Code::TlsCertificateError => (Cause::Protocol, NotSent),
        // "Either during the handshake or afterwards."
        Code::TlsProtocolError | Code::TlsAlertReceived(_) => (Cause::Protocol, Unknown),
        // The connection was there, and the request on its way.
        Code::ConnectionTerminated => (Cause::Disconnected, Unknown),
        Code::ConnectionReadTimeout | Code::ConnectionWriteTimeout | Code::HttpResponseTimeout => {
            (Cause::Timeout, Unknown)
        }
        // Hosts say this of whatever happens to a connection in use, Wasmtime also of one that is dropped.
        Code::HttpProtocolError => (Cause::Disconnected, Unknown),
        // What is no request cannot be sent as one.
        Code::HttpRequestMethodInvalid | Code::HttpRequestUriInvalid => (Cause::Protocol, NotSent),
        // Whose limit it is, the case does not say; and a body or its trailers come after the head.
        Code::HttpRequestLengthRequired
        | Code::HttpRequestBodySize(_)
        | Code::HttpRequestUriTooLong
        | Code::HttpRequestHeaderSectionSize(_)
        | Code::HttpRequestHeaderSize(_)
        | Code::HttpRequestTrailerSectionSize(_)
        | Code::HttpRequestTrailerSize(_)
        | Code::HttpUpgradeFailed
        | Code::LoopDetected => (Cause::Protocol, Unknown),
        // There was a response, so there was a request.
        Code::HttpResponseIncomplete => (Cause::Disconnected, Delivered),
        Code::HttpResponseHeaderSectionSize(_)
        | Code::HttpResponseHeaderSize(_)
        | Code::HttpResponseBodySize(_)
        | Code::HttpResponseTrailerSectionSize(_)
        | Code::HttpResponseTrailerSize(_)
        | Code::HttpResponseTransferCoding(_)
        | Code::HttpResponseContentCoding(_) => (Cause::Protocol, Delivered),
        // A fault of the deployment, found at any time.
        Code::ConfigurationError => (Cause::NoLink, Unknown),
        Code::InternalError(_) => (Cause::Other, Unknown),
    }
}

#[cfg(test)]
mod tests {
    use wasip2::http::types::{DnsErrorPayload, FieldSizePayload, TlsAlertReceivedPayload};

    use super::*;
    use crate::{Policy, Retry, testing::TestClock};

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
        static POLICY: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(2));
        for (code, cause, delivery) in cases() {
            let passes = !matches!(cause, Cause::NoLink | Cause::Protocol);
            let attempts = |repeats: bool| if repeats { 2 } else { 1 };
            let clock = TestClock::new();
            let once = POLICY.with(&clock).call(|| Err::<(), _>(code.clone())).unwrap_err();
            assert_eq!(once.attempts(), attempts(passes && delivery == Delivery::NotSent), "{code:?}");
            let twice = POLICY.with(&clock).idempotent().call(|| Err::<(), _>(code.clone())).unwrap_err();
            assert_eq!(twice.attempts(), attempts(passes), "{code:?}");
        }
    }
}
