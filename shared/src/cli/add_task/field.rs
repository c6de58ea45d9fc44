//! The fields of a JSON object, taken one by one, so that each error names its field.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::duration;

/// Fields of a line by their names.
pub type Fields = Map<String, Value>;

/// Form of a string field, for error messages.
pub(super) const TEXT: &str = "a string";

/// Takes the field of that name, if it is there and not null; `form` describes its type in errors.
///
/// # Errors
/// A sentence that names the field and its form.
pub fn field<T: DeserializeOwned>(
    fields: &mut Fields,
    name: &str,
    form: &str,
) -> Result<Option<T>, String> {
    match fields.remove(name) {
        Some(value) => {
            serde_json::from_value(value).map_err(|_| format!("{name}: it must be {form}"))
        }
        None => Ok(None),
    }
}

/// Fields in the order they were written, duplicates included.
pub(super) struct Written(pub(super) Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Written;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("fields")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Written, A::Error> {
                let mut written = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    written.push(pair);
                }
                Ok(Written(written))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

/// A duration: text as on the command line, or a number of seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Length {
    /// A number of seconds.
    Seconds(serde_json::Number),
    /// As on the command line.
    Text(String),
}

impl Length {
    /// Form of such a field, for error messages.
    pub const FORM: &str = "a number of seconds or a string such as 1h30m";

    /// The duration; `field` is the name of the field for errors.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn duration(&self, field: &str) -> Result<Duration, String> {
        let parsed = match self {
            Self::Seconds(number) => duration::parse(&number.to_string()),
            Self::Text(text) => duration::parse(text),
        };
        parsed.map_err(|sentence| format!("{field}: {sentence}"))
    }
}

/// The message of a JSON error without its line number: the text is a single line, and the caller
/// adds the real number.
pub(super) fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(what) => format!("{what} at column {}", error.column()),
        None => text,
    }
}
