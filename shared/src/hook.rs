//! Hooks: where the events of a file are delivered. Types that the engine stores and the deliverer
//! reads; independent of both.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::task::Work;

/// Longest URL, in bytes.
const LONGEST_URL: usize = 2_000;
/// Shortest part of a URL that is masked where another text repeats it: shorter ones are in many words.
const SHORTEST_SECRET: usize = 4;
/// Beginning of a secret as Standard Webhooks writes it.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Target of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookTarget {
    /// A URL that receives each event as a POST request.
    Url(HookUrl),
    /// A program that is started for each event.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Its folder; that of the deliverer unless set.
        cwd: Option<String>,
    },
}

impl fmt::Display for HookTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(formatter),
            Self::Command { argv, .. } => formatter.write_str(&Work::Argv(argv.clone()).display()),
        }
    }
}

/// URL of a hook: `http` or `https`, without a fragment, 2,000 bytes at most. Its user info is a
/// secret, and its query may hold one. `Debug` and `Display` leave both out, and show `?…` in place of
/// a query.
#[derive(Clone, PartialEq, Eq)]
pub struct HookUrl {
    /// The URL without user info.
    requested: String,
    /// User info, still percent-encoded.
    user: Option<String>,
}

impl HookUrl {
    /// The URL that is requested, with its query: for the request alone.
    pub fn requested(&self) -> &str {
        &self.requested
    }

    /// The text without the secrets of the URL, which an answer may repeat.
    pub fn masked(&self, text: &str) -> String {
        let query = self.requested.split_once('?').map(|(_, query)| query);
        let values = query.into_iter().flat_map(|query| {
            let values = query.split('&').map(|pair| pair.split_once('='));
            values.flatten().map(|(_, value)| value)
        });
        let user = self.user.as_deref();
        let password = user.and_then(|user| user.split_once(':'));
        let secrets = query.into_iter().chain(values).chain(user);
        let secrets = secrets.chain(password.map(|(_, password)| password));
        let secrets = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }

    /// The URL as it was given, for the file alone.
    pub fn to_stored(&self) -> String {
        match (&self.user, self.requested.split_once("//")) {
            (Some(user), Some((scheme, rest))) => format!("{scheme}//{user}@{rest}"),
            _ => self.requested.clone(),
        }
    }

    /// Value of the header `Authorization` that the user info means.
    pub fn authorization(&self) -> Option<String> {
        let user = decoded(self.user.as_deref()?);
        let with_colon = if user.contains(&b':') {
            user
        } else {
            [user, vec![b':']].concat()
        };
        Some(format!("Basic {}", BASE64_STANDARD.encode(with_colon)))
    }
}

/// The bytes of a percent-encoded text.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        if let Some(byte) = byte.filter(|_| first == b'%') {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    bytes
}

impl FromStr for HookUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: &str| Error::invalid(format!("the URL of a hook {why}"));
        if text.len() > LONGEST_URL {
            return Err(refused(&format!("is longer than {LONGEST_URL} bytes")));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused(
                "has a space, a control character or a letter beyond ASCII; write it percent-encoded",
            ));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| refused("begins with http:// or https://"))?;
        let scheme = scheme.to_ascii_lowercase();
        if !["http", "https"].contains(&scheme.as_str()) {
            return Err(refused("begins with http:// or https://"));
        }
        if rest.contains('#') {
            return Err(refused(
                "has a fragment, which is never sent; leave out the part from # on",
            ));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        if !is_host(host) {
            return Err(refused("names no host, or a port that is none"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            requested: format!("{scheme}://{host}{slash}{path}"),
            user,
        })
    }
}

/// True for a name or an address, with or without a port.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            (
                "ipv6",
                port.strip_prefix(':').or(port.is_empty().then_some("0")),
            )
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("0")),
        },
    };
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_named)
        && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

impl fmt::Display for HookUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.requested.split_once('?') {
            Some((path, _)) => write!(formatter, "{path}?…"),
            None => formatter.write_str(&self.requested),
        }
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HookUrl({self})")
    }
}

/// Secret that signs deliveries: 16 to 64 bytes, written as `whsec_` and base64. `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret(Vec<u8>);

impl HookSecret {
    /// The bytes of the key.
    pub fn key(&self) -> &[u8] {
        &self.0
    }

    /// The secret as it was given, for the file alone.
    pub fn to_stored(&self) -> String {
        format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }
}

impl FromStr for HookSecret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let key = text.trim().strip_prefix(SECRET_PREFIX);
        let key = key.and_then(|key| BASE64_STANDARD.decode(key).ok());
        let key = key.filter(|key| SECRET_BYTES.contains(&key.len()));
        key.map(Self).ok_or_else(|| {
            Error::invalid(
                "a secret is whsec_ and the base64 of 16 to 64 random bytes; make one with \
                 `echo whsec_$(head -c 32 /dev/urandom | base64)`",
            )
        })
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HookSecret(..)")
    }
}

/// State of a hook: name, position and counts, for lists and for reports about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookStanding {
    /// Name.
    pub name: String,
    /// Time at which it was paused.
    pub paused_at: Option<Timestamp>,
    /// Number of events that it has not seen, whether it is for them or not.
    pub lag: u64,
    /// Time of the first of them; `None` if it has seen all.
    pub behind_since: Option<Timestamp>,
    /// Number of tries of the next event that failed.
    pub failures: u32,
    /// Number of events that were taken, since the hook was added.
    pub delivered: u64,
    /// Number of tries that failed, since the hook was added.
    pub failed: u64,
    /// Number of events that were given up, since the hook was added: the last try of each is one of
    /// those that failed.
    pub buried: u64,
    /// Number of its dead letters, which are the events that were given up and not dealt with since.
    pub dead_letters: u64,
}

impl HookStanding {
    /// Standing of a hook that has seen all events.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            paused_at: None,
            lag: 0,
            behind_since: None,
            failures: 0,
            delivered: 0,
            failed: 0,
            buried: 0,
            dead_letters: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HookSecret, HookTarget, HookUrl};

    fn url(text: &str) -> HookUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_is_shown_without_its_secrets_and_sent_with_them() {
        let own = url("HTTPS://bob:p%40ss@Example.org:8443/a?b=hidden&c");
        assert_eq!(own.requested(), "https://Example.org:8443/a?b=hidden&c");
        assert_eq!(own.to_string(), "https://Example.org:8443/a?…");
        assert_eq!(HookTarget::Url(own.clone()).to_string(), own.to_string());
        let shown = format!("{own:?} {:?}", HookTarget::Url(own.clone()));
        assert!(
            !shown.contains("ss") && !shown.contains("hidden"),
            "{shown}"
        );
        // printf 'bob:p@ss' | base64
        assert_eq!(own.authorization().unwrap(), "Basic Ym9iOnBAc3M=");
        assert_eq!(url(&own.to_stored()), own);
        let bare = url("http://[::1]:80");
        assert_eq!(
            (bare.requested(), bare.authorization()),
            ("http://[::1]:80/", None)
        );
        assert_eq!(bare.to_string(), "http://[::1]:80/");
        assert_eq!(url("http://h?x").requested(), "http://h/?x");
    }

    #[test]
    fn an_answer_that_repeats_the_url_tells_no_secret() {
        let own = url("http://bob:hunter2@h/in?key=hunter3&x=1");
        for (answer, masked) in [
            ("cannot POST /in?key=hunter3&x=1", "cannot POST /in?…"),
            ("no &lt;hunter3&gt; for bob:hunter2", "no &lt;…&gt; for …"),
            ("hunter2 is 1 of many", "… is 1 of many"),
        ] {
            assert_eq!(own.masked(answer), masked);
        }
        assert_eq!(url("http://h/?").masked("as it is"), "as it is");
    }

    #[test]
    fn what_is_no_url_of_a_hook_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "begins with http"),
            ("example.org", "begins with http"),
            ("ftp://example.org", "begins with http"),
            ("file:///etc/passwd", "begins with http"),
            ("http://", "names no host"),
            ("http:///a", "names no host"),
            ("http://h:70000/", "port"),
            ("http://[::1/", "names no host"),
            ("http://a b/", "percent-encoded"),
            ("http://h/\r\nX: y", "percent-encoded"),
            ("http://h/#top", "fragment"),
        ] {
            let refused = text.parse::<HookUrl>().unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        }
        let long = format!("http://h/{}", "a".repeat(2_000));
        assert!(
            long.parse::<HookUrl>()
                .unwrap_err()
                .to_string()
                .contains("longer")
        );
    }

    #[test]
    fn a_secret_reads_back_and_is_never_shown() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret: HookSecret = format!("{text}\n").parse().unwrap();
        assert_eq!(secret.to_stored(), text);
        assert_eq!(secret.key().len(), 24);
        assert_eq!(format!("{secret:?}"), "HookSecret(..)");
        for text in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_AAAA",
            "whsec_!",
        ] {
            let refused = text.parse::<HookSecret>().unwrap_err().to_string();
            assert!(refused.contains("make one with"), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn a_url_that_is_taken_reads_back_as_it_is_stored(text in "https?://[ -~]{0,40}") {
            if let Ok(url) = text.parse::<HookUrl>() {
                prop_assert_eq!(url.to_stored().parse::<HookUrl>().unwrap(), url.clone());
                prop_assert!(!url.requested().split('/').nth(2).unwrap().contains('@'));
            }
        }
    }
}
