//! Which requests may switch faults: those with the token; without one, those from this machine. None from a page of
//! another origin.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use http::uri::Authority;
use hyper::StatusCode;
use tokio::net::TcpListener;

use crate::error::Error;

pub(super) struct Guard {
    token: Option<String>,
}

impl Guard {
    /// For requests to `listener`.
    ///
    /// # Errors
    /// [`Error::Admin`], when anybody could send some.
    pub fn new(listener: &TcpListener, token: Option<String>) -> Result<Self, Error> {
        let wrong = |problem: String| Err(Error::Admin { problem });
        if token.as_ref().is_some_and(|token| token.trim().is_empty()) {
            return wrong("the token for the admin port is empty; give one that cannot be guessed, or none".into());
        }
        match listener.local_addr() {
            Ok(address) if token.is_none() && !address.ip().is_loopback() => wrong(format!(
                "faults cannot be switched on {address} without a token, since other machines reach it; give a token in \
                 STEADFAST_ADMIN_TOKEN, or an address of this machine alone with --admin, like 127.0.0.1:9090"
            )),
            _ => Ok(Guard { token }),
        }
    }

    /// Why a request is refused, if it is.
    pub fn refuses(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let host = text(HOST).unwrap_or_default();
        // A browser says which page sends a request. Only one from here may, and this has none.
        if text(ORIGIN).is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
            return Some((StatusCode::FORBIDDEN, "the request comes from a page of another origin"));
        }
        match &self.token {
            Some(token) => {
                let shown = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
                let wrong = !is_same(shown.as_bytes(), token.as_bytes());
                wrong.then_some((StatusCode::UNAUTHORIZED, "the token is missing or wrong"))
            }
            // A name that leads here may be of another's page.
            None => {
                (!is_local(host)).then_some((StatusCode::FORBIDDEN, "the request is not for localhost by its `Host`"))
            }
        }
    }
}

fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Takes as long wherever the first difference is.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b));
    a.len() == b.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn refused(token: Option<&str>, headers: &[(http::HeaderName, &'static str)]) -> Option<u16> {
        let guard = Guard { token: token.map(String::from) };
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        guard.refuses(&headers.collect()).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn without_a_token_requests_are_for_this_machine() {
        for host in ["localhost:9090", "LOCALHOST", "127.0.0.1:9090", "127.9.9.9", "[::1]:9090"] {
            assert_eq!(refused(None, &[(HOST, host)]), None, "{host}");
        }
        for host in
            ["evil.test:9090", "localhost.evil.test", "192.0.2.1:9090", "[::2]", "", "a b", "127.0.0.1.evil.test"]
        {
            assert_eq!(refused(None, &[(HOST, host)]), Some(403), "{host}");
        }
        assert_eq!(refused(None, &[]), Some(403));
    }

    #[test]
    fn with_a_token_it_is_the_token_that_counts() {
        let host = (HOST, "admin.test");
        assert_eq!(refused(Some("secret"), &[host.clone(), (AUTHORIZATION, "Bearer secret")]), None);
        for shown in ["Bearer secre", "Bearer secret2", "Bearer ", "secret", "Basic secret"] {
            assert_eq!(refused(Some("secret"), &[host.clone(), (AUTHORIZATION, shown)]), Some(401), "{shown}");
        }
        assert_eq!(refused(Some("secret"), &[(HOST, "localhost")]), Some(401));
    }

    #[test]
    fn a_page_of_another_origin_is_refused_with_and_without_a_token() {
        for token in [None, Some("secret")] {
            let sent = |origin| {
                refused(token, &[(HOST, "localhost:9090"), (AUTHORIZATION, "Bearer secret"), (ORIGIN, origin)])
            };
            assert_eq!(sent("http://localhost:9090"), None);
            for origin in ["http://evil.test", "https://localhost:9090", "http://localhost:9091", "null", ""] {
                assert_eq!(sent(origin), Some(403), "{origin}");
            }
        }
    }
}
