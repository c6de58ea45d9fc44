//! A request, read whole.

use super::reply::Problem;
use crate::task::TaskId;

/// Request whose sender was recognized.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    /// Relative way from the page to the first one: all links begin with it, so that the dashboard
    /// works under any path of a proxy.
    pub(super) root: String,
    /// Parts of the path that a route leaves open, in their order.
    pub(super) parts: Vec<String>,
    /// Pairs behind the question mark.
    pub(super) query: Pairs,
    /// Pairs of the form that was sent.
    pub(super) form: Pairs,
    /// Cookie of the browser.
    pub(super) session: String,
    /// Formats that the client accepts.
    pub(super) accept: Option<String>,
    /// True if a proxy says that the browser speaks TLS with it.
    pub(super) is_tls: bool,
}

impl Request {
    /// The id of the task that the path names.
    ///
    /// # Errors
    /// [`Problem::NotFound`] if that is not a number.
    pub(super) fn task(&self) -> Result<TaskId, Problem> {
        let text = self.parts.first().map_or("", String::as_str);
        let id = text.parse().ok().filter(|id: &i64| *id > 0);
        id.map(TaskId)
            .ok_or_else(|| Problem::NotFound("a task has a number".to_owned()))
    }
}

/// Relative way from a path to the first page: `./` or some `../`.
pub(super) fn root_of(path: &str) -> String {
    let depth = path.matches('/').count().saturating_sub(1);
    if depth == 0 {
        "./".to_owned()
    } else {
        "../".repeat(depth)
    }
}

/// Names and values, as forms and links send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Pairs of that text. Bytes that are not UTF-8 are replaced.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of that name, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut own = self.0.iter().filter(|(own, _)| own == name);
        own.find(|(_, value)| !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Every value of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.0.iter().filter(move |(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }
}

/// A link's query of these pairs, with its question mark; empty without pairs.
pub(super) fn query_of<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, &value);
    }
    let query = query.finish();
    if query.is_empty() {
        query
    } else {
        format!("?{query}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Pairs, query_of, root_of};

    #[test]
    fn links_lead_back_from_every_depth() {
        for (path, root) in [
            ("/", "./"),
            ("/tasks", "./"),
            ("/tasks/7", "../"),
            ("/tasks/7/output", "../../"),
        ] {
            assert_eq!(root_of(path), root);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_pairs(text: Vec<u8>) {
            let pairs = Pairs::parse(&text);
            prop_assert!(pairs.0.len() <= text.len());
        }

        #[test]
        fn a_link_reads_back_as_its_pairs(values in prop::collection::vec(".{1,20}", 0..5)) {
            let query = query_of(values.iter().map(|value| ("name", value.clone())));
            let pairs = Pairs::parse(query.strip_prefix('?').unwrap_or_default().as_bytes());
            prop_assert_eq!(pairs.all("name").collect::<Vec<_>>(), values);
        }
    }
}
