//! The authority of a URL, as a manifest names it: a host, perhaps with a port.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// A host and a port; without a port, that of the scheme, 80 or 443.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Authority {
    host: String,
    port: Option<u16>,
}

impl Authority {
    /// Reads `host` or `host:port`; or says what else it is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a host; write it like \"api.example.com\" or \"127.0.0.1:9000\"");
        let authority: hyper::http::uri::Authority = text.parse().map_err(|_| wrong())?;
        let port = authority.port_u16();
        let bare = match port {
            Some(port) => text.strip_suffix(&format!(":{port}")).ok_or_else(wrong)?,
            None => text,
        };
        // What is left is a name and a password, or a port that is none.
        if authority.host().is_empty() || authority.host() != bare {
            return Err(wrong());
        }
        Ok(Authority { host: bare.to_ascii_lowercase(), port })
    }

    /// Whether a request for `uri` goes here.
    pub fn is_of(&self, uri: &Uri) -> bool {
        let usual = usual_port(uri.scheme());
        uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && uri.port_u16().unwrap_or(usual) == self.port.unwrap_or(usual)
    }

    /// Whether some request goes to both.
    pub fn meets(&self, other: &Authority) -> bool {
        let usual = |port: Option<u16>| port.is_none_or(|port| port == 80 || port == 443);
        self.host == other.host
            && (self.port == other.port
                || (self.port.is_none() && usual(other.port))
                || (other.port.is_none() && usual(self.port)))
    }
}

fn usual_port(scheme: Option<&Scheme>) -> u16 {
    if scheme == Some(&Scheme::HTTP) { 80 } else { 443 }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_port_means_that_of_the_scheme() {
        let goes = |authority: &str, uri: &str| Authority::parse(authority).unwrap().is_of(&uri.parse().unwrap());
        for (authority, uri) in [
            ("api.example.com", "http://api.example.com/a"),
            ("api.example.com", "https://API.example.com:443/a"),
            ("API.example.com:80", "http://api.example.com/"),
            ("[::1]:9000", "http://[::1]:9000/"),
        ] {
            assert!(goes(authority, uri), "{authority} {uri}");
        }
        for (authority, uri) in [
            ("api.example.com", "http://api.example.com:443/"),
            ("api.example.com:80", "https://api.example.com/"),
            ("example.com", "http://api.example.com/"),
            ("127.0.0.1:9000", "http://127.0.0.1:9001/"),
        ] {
            assert!(!goes(authority, uri), "{authority} {uri}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", ":80", "a b", "http://a", "a/b", "user@a", "user:word@a:80", "a:", "a:port", "a:99999"] {
            assert!(Authority::parse(text).is_err(), "{text}");
        }
    }
}
