//! Checks of a request's headers, before anybody is recognized. Pure functions.

/// True if the host that a request names is one of these. Browsers name the host of the address they
/// show, so a foreign name that leads here, as in DNS rebinding, is refused. The port is not compared.
pub(super) fn is_known_host(host: Option<&str>, known: &[String]) -> bool {
    let Some(name) = host.map(without_port) else {
        return false;
    };
    known.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// The name in a Host header, without its port and a dot at its end.
pub(super) fn without_port(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

/// Headers that tell where a request comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Provenance<'a> {
    /// `Sec-Fetch-Site`.
    pub(super) site: Option<&'a str>,
    /// `Origin`.
    pub(super) origin: Option<&'a str>,
    /// `Host`.
    pub(super) host: Option<&'a str>,
}

impl Provenance<'_> {
    /// True if a page of this dashboard sent the request. A browser says so itself; an older one names
    /// the origin of the page, which has to be the host that the request names.
    pub(super) fn is_own(self) -> bool {
        match (self.site, self.origin, self.host) {
            (Some(site), _, _) => site == "same-origin",
            (None, Some(origin), Some(host)) => origin
                .split_once("://")
                .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host)),
            (None, _, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Provenance, is_known_host};

    #[test]
    fn only_known_hosts_are_answered() {
        let known = ["localhost", "127.0.0.1", "[::1]", "queue.example"].map(str::to_owned);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.:8080",
            "127.0.0.1:80",
            "[::1]:8080",
            "[::1]",
            "queue.example:443",
        ] {
            assert!(is_known_host(Some(host), &known), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8080",
            "localhost:8080@evil.example",
            "localhost:x",
            ":8080",
        ] {
            assert!(!is_known_host(Some(host), &known), "{host}");
        }
        assert!(!is_known_host(None, &known));
    }

    #[test]
    fn only_pages_of_the_same_origin_may_post() {
        let of = |site, origin| Provenance {
            site,
            origin,
            host: Some("localhost:8080"),
        };
        assert!(of(Some("same-origin"), None).is_own());
        assert!(of(None, Some("http://localhost:8080")).is_own());
        for (site, origin) in [
            (None, None),
            (Some("none"), None),
            (Some("same-site"), None),
            (Some("cross-site"), Some("http://localhost:8080")),
            (None, Some("null")),
            (None, Some("http://localhost:9090")),
            (None, Some("https://evil.example")),
            (None, Some("localhost:8080")),
        ] {
            assert!(!of(site, origin).is_own(), "{site:?} {origin:?}");
        }
    }
}
