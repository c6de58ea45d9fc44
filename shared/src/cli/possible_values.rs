//! Options whose values are words: a shell completes them, and other words are refused with the
//! option's own sentence.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};

/// Parser that uses `read`, which accepts these words and perhaps others.
pub fn of<F>(words: impl IntoIterator<Item = &'static str>, read: F) -> Words<F> {
    Words {
        words: words.into_iter().collect(),
        read,
    }
}

/// A parser that knows the words it accepts.
#[derive(Clone, Debug)]
pub struct Words<F> {
    words: Vec<&'static str>,
    read: F,
}

impl<T, F> TypedValueParser for Words<F>
where
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        self.read.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(
            self.words.iter().map(|word| PossibleValue::new(*word)),
        ))
    }
}
