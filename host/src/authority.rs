//! The authority of a URL, as a manifest names it: a host, perhaps with a port; and patterns of those that are allowed.

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
        if text.contains('*') {
            return Err(format!("`{text}` has a `*` in it, which only hosts in `allow` may have; name one host"));
        }
        let authority: hyper::http::uri::Authority = text.parse().map_err(|_| wrong())?;
        let port = authority.port_u16();
        let bare = match port {
            Some(port) => text.strip_suffix(&format!(":{port}")).ok_or_else(wrong)?,
            None => text,
        };
        // What is left is a name and a password, or an invalid port.
        if authority.host().is_empty() || authority.host() != bare {
            return Err(wrong());
        }
        Ok(Authority { host: bare.to_ascii_lowercase(), port })
    }

    /// Whether a request for `uri` goes here.
    pub fn is_of(&self, uri: &Uri) -> bool {
        uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && port(uri) == Some(self.port.unwrap_or(usual_port(uri.scheme())))
    }

    /// The host and the port that a request for `uri`, which goes here, is sent to.
    pub fn place(&self, uri: &Uri) -> (String, Option<u16>) {
        (self.host.clone(), Some(self.port.unwrap_or(usual_port(uri.scheme()))))
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

/// The authorities that an entry of `allow` stands for: those of a host, of all hosts below a domain, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    hosts: Hosts,
    ports: Ports,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// Those that end so, with the dot in front.
    Below(String),
    One(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ports {
    /// That of the scheme.
    Usual,
    All,
    One(u16),
}

impl Allowed {
    /// Reads a host, `*.example.com` or `*`, with nothing, `:9000` or `:*` behind it; or says what else it is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (place, all_ports) = text.strip_suffix(":*").map_or((text, false), |place| (place, true));
        // The star is read as a letter, so that what is left is a host like any other.
        let (name, starred) = match place.strip_prefix('*') {
            Some(rest) if rest.is_empty() || rest.starts_with([':', '.']) => (format!("x{rest}"), true),
            _ => (place.into(), false),
        };
        if name.contains('*') || name == "x." {
            return Err(format!(
                "`{text}` has a `*` where none may be; write \"*\" for all hosts, \"*.example.com\" for those below a \
                 domain, or \"api.example.com:*\" for all ports"
            ));
        }
        let wrong = |problem| match starred {
            true => format!("`{text}` is not a host; write it like \"*.example.com\" or \"*.example.com:9000\""),
            false => problem,
        };
        let Authority { host, port } = Authority::parse(&name).map_err(wrong)?;
        let hosts = match host.strip_prefix('x').filter(|_| starred) {
            Some("") => Hosts::All,
            Some(numbers) if numbers.rsplit('.').next().is_some_and(|last| last.parse::<u32>().is_ok()) => {
                return Err(format!("`{text}` is part of an address, and a `*` stands for names; write each address"));
            }
            Some(domain) => Hosts::Below(domain.into()),
            None => Hosts::One(host),
        };
        match (port, all_ports) {
            (Some(_), true) => Err(format!("`{text}` has two ports; write one of them")),
            (None, true) => Ok(Allowed { hosts, ports: Ports::All }),
            (Some(port), false) => Ok(Allowed { hosts, ports: Ports::One(port) }),
            (None, false) => Ok(Allowed { hosts, ports: Ports::Usual }),
        }
    }

    /// Whether a request for `uri` may be sent.
    pub fn is_of(&self, uri: &Uri) -> bool {
        let Some(port) = port(uri) else { return false };
        let port_allowed = match self.ports {
            Ports::Usual => port == usual_port(uri.scheme()),
            Ports::All => true,
            Ports::One(one) => port == one,
        };
        port_allowed && uri.host().is_some_and(|host| self.has(host))
    }

    /// The hosts, as they are written here, and the port that a request for `uri`, which may be sent, goes to; none, where
    /// all ports are allowed.
    pub fn place(&self, uri: &Uri) -> (String, Option<u16>) {
        let hosts = match &self.hosts {
            Hosts::All => "*".into(),
            Hosts::Below(domain) => format!("*{domain}"),
            Hosts::One(host) => host.clone(),
        };
        let port = match self.ports {
            Ports::Usual => Some(usual_port(uri.scheme())),
            Ports::All => None,
            Ports::One(port) => Some(port),
        };
        (hosts, port)
    }

    /// Whether some request to `authority` may be sent.
    pub fn meets(&self, authority: &Authority) -> bool {
        let port_allowed = match (&self.ports, authority.port) {
            (Ports::All, _) | (Ports::Usual, None) => true,
            (Ports::Usual, Some(port)) => port == 80 || port == 443,
            (Ports::One(one), None) => *one == 80 || *one == 443,
            (Ports::One(one), Some(port)) => *one == port,
        };
        port_allowed && self.has(&authority.host)
    }

    fn has(&self, host: &str) -> bool {
        match &self.hosts {
            Hosts::All => true,
            Hosts::Below(domain) => host.to_ascii_lowercase().strip_suffix(domain).is_some_and(|name| !name.is_empty()),
            Hosts::One(one) => host.eq_ignore_ascii_case(one),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::All => f.write_str("*")?,
            Hosts::Below(domain) => write!(f, "*{domain}")?,
            Hosts::One(host) => f.write_str(host)?,
        }
        match self.ports {
            Ports::Usual => Ok(()),
            Ports::All => f.write_str(":*"),
            Ports::One(port) => write!(f, ":{port}"),
        }
    }
}

/// The port that a request for `uri` goes to; none, where it names one that no server has, such as 65536.
pub(crate) fn port(uri: &Uri) -> Option<u16> {
    let authority = uri.authority()?.as_str();
    let named = authority.strip_prefix(uri.host()?)?;
    if matches!(named, "" | ":") { Some(usual_port(uri.scheme())) } else { uri.port_u16() }
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
            ("[::1]", "http://[::1]/"),
            ("api.example.com", "http://api.example.com:/"),
        ] {
            assert!(goes(authority, uri), "{authority} {uri}");
        }
        for (authority, uri) in [
            ("api.example.com", "http://api.example.com:443/"),
            ("api.example.com:80", "https://api.example.com/"),
            ("example.com", "http://api.example.com/"),
            ("127.0.0.1:9000", "http://127.0.0.1:9001/"),
            ("api.example.com", "http://api.example.com:65536/"),
        ] {
            assert!(!goes(authority, uri), "{authority} {uri}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in
            ["", ":80", "a b", "http://a", "a/b", "user@a", "user:word@a:80", "a:", "a:port", "a:99999", "*", "*.a"]
        {
            assert!(Authority::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_hosts_or_for_ports() {
        let goes = |allowed: &str, uri: &str| {
            let pattern = Allowed::parse(allowed).unwrap();
            assert_eq!(pattern.to_string(), allowed.to_ascii_lowercase());
            pattern.is_of(&uri.parse().unwrap())
        };
        for (allowed, uri) in [
            ("*", "http://api.example.com/"),
            ("*", "https://127.0.0.1/"),
            ("*:9000", "http://a:9000/"),
            ("*:*", "http://a:1/"),
            ("*.Example.com", "https://API.example.com/"),
            ("*.example.com", "http://a.b.example.com/"),
            ("*.example.com:*", "http://a.example.com:1/"),
            ("api.example.com:*", "http://api.example.com:1/"),
            ("[::1]:*", "http://[::1]:1/"),
        ] {
            assert!(goes(allowed, uri), "{allowed} {uri}");
        }
        for (allowed, uri) in [
            ("*", "http://a:9000/"),
            ("*", "http://a:65536/"),
            ("*:*", "http://a:65536/"),
            ("*:9000", "http://a/"),
            ("*.example.com", "http://example.com/"),
            ("*.example.com", "http://.example.com/"),
            ("*.example.com", "http://badexample.com/"),
            ("*.example.com", "http://api.example.com.evil.test/"),
            ("*.example.com", "http://api.example.com:9000/"),
        ] {
            assert!(!goes(allowed, uri), "{allowed} {uri}");
        }
        let meets =
            |allowed: &str, name: &str| Allowed::parse(allowed).unwrap().meets(&Authority::parse(name).unwrap());
        assert!(meets("*.example.com", "api.example.com") && meets("*", "a:80") && meets("a:*", "a:1"));
        assert!(!meets("*.example.com", "example.com") && !meets("*", "a:1") && !meets("a:9000", "a"));
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        for text in [
            "a.*",
            "*example.com",
            "*.*",
            "**",
            "*.",
            "a*b",
            "*.a.*",
            "*.a b",
            "a:1:*",
            "*:1:*",
            "",
            ":*",
            "*@a",
            "*.0.0.1",
            "*.1:80",
        ] {
            assert!(Allowed::parse(text).is_err(), "{text}");
        }
    }
}
