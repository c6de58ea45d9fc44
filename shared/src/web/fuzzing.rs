//! Properties of private parsers that hold for any bytes, for the fuzz targets.
//!
//! Each function panics if one does not hold.

use axum::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::action::{Selection, TaskAction};
use super::auth::Keys;
use super::filter::Filter;
use super::gate::{self, Provenance};
use super::reply::Problem;
use super::request::{Pairs, query_of, root_of};
use super::router::{cookie, text};
use crate::clock::Timestamp;

/// Checks the lines of a request's head: a stranger's is neither known nor logged in, whatever it holds,
/// and only the address of the dashboard itself is an origin of its own.
pub fn head(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(&line[colon + 1..]);
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let known = ["localhost".to_owned(), "[::1]".to_owned()];
    let host = text(&headers, "host");
    if gate::is_known_host(host, &known) {
        let host = host.unwrap_or_default().to_ascii_lowercase();
        let rest = known.iter().find_map(|known| host.strip_prefix(known));
        let is_port = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
        assert!(rest.is_some_and(|rest| rest.chars().all(is_port)), "{host}");
    }
    let origin = Provenance {
        site: text(&headers, "sec-fetch-site"),
        origin: text(&headers, "origin"),
        host,
    };
    if origin.is_own() {
        let is_told = origin.site == Some("same-origin");
        let names_host = origin.origin.zip(host).is_some_and(|(origin, host)| {
            let origin = origin.to_ascii_lowercase();
            origin.ends_with(&format!("://{}", host.to_ascii_lowercase()))
        });
        assert!(is_told || names_host, "{origin:?}");
    }
    let Some(keys) = Keys::parse(&"5a".repeat(32)) else {
        return;
    };
    if let Some(session) = cookie(&headers, &keys.cookie_name()) {
        assert!(!keys.knows(session, Timestamp(0)), "{session}");
        assert!(keys.check_form("", session, Timestamp(0)).is_err());
        assert!(!keys.admits(session));
    }
}

/// Checks the pairs of a form or a link: they name tasks that have numbers, each once, and an action or a
/// sentence that says why not.
pub fn form(bytes: &[u8]) {
    let pairs = Pairs::parse(bytes);
    match TaskAction::of(&pairs) {
        Ok(action) => assert_eq!(pairs.get("action"), Some(action.word())),
        Err(problem) => assert!(!problem.sentence().is_empty(), "{problem:?}"),
    }
    if let Selection::Ids(ids) = Selection::of(&pairs) {
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        assert!(ids.len() <= bytes.len());
    }
    let path = format!("/{}", String::from_utf8_lossy(bytes));
    let root = root_of(&path);
    assert!(root.starts_with("./") || root.starts_with("../"), "{root}");
}

/// Checks a filter: the link of each reads back as the same one.
pub fn filter(bytes: &[u8]) {
    let filter = Filter::of(&Pairs::parse(bytes));
    let query = query_of(filter.pairs());
    let query = query.strip_prefix('?').unwrap_or_default();
    assert_eq!(Filter::of(&Pairs::parse(query.as_bytes())), filter);
    assert!(query.is_ascii(), "{query}");
    let problem = Problem::UnknownHost(String::from_utf8_lossy(bytes).into_owned());
    assert!(!problem.sentence().is_empty());
}
