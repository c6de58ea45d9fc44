//! Variables for a task's environment, by value or handed on from the caller's.

use std::ffi::OsString;

use super::printer::note;
use crate::error::{Error, Result};
use crate::runtime::spawn::is_of_one_process;

/// The variables that arguments name, `NAME=VALUE` or `NAME` for the value that it has here, over all
/// of the caller's if it hands on its environment. No message has a value.
///
/// # Errors
/// [`Error::Invalid`] for an argument without a name, and a variable that is not set here or not valid
/// UTF-8.
pub(super) fn variables(given: &[String], inherits: bool) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    if inherits {
        let own = std::env::vars_os().filter(|(name, _)| !is_of_one_process(name));
        variables.extend(own.filter_map(readable));
    }
    for text in given {
        let (name, value) = split(text).map_err(Error::invalid)?;
        let value = match value {
            Some(value) => value.to_owned(),
            None => value_here(name)?,
        };
        variables.retain(|(own, _)| own != name);
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

/// The name of a variable, and its value if it has one.
///
/// # Errors
/// A sentence that says how to write it.
pub(super) fn split(text: &str) -> Result<(&str, Option<&str>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("a variable is written NAME=VALUE, or NAME for its value here".to_owned());
    }
    Ok((name, value))
}

/// The variable as text; one that is not valid UTF-8 is left out with a note.
fn readable((name, value): (OsString, OsString)) -> Option<(String, String)> {
    let shown = name.to_string_lossy().into_owned();
    let text = name.into_string().ok().zip(value.into_string().ok());
    if text.is_none() {
        note(&format!(
            "the variable {shown} is not valid UTF-8 and is not handed on"
        ));
    }
    text
}

fn value_here(name: &str) -> Result<String> {
    match std::env::var(name) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err(Error::invalid(format!(
            "the variable {name} is not set here; write {name}=VALUE"
        ))),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::invalid(format!(
            "the variable {name} is not valid UTF-8 here; write {name}=VALUE"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::variables;

    fn of(given: &[&str]) -> Result<Vec<(String, String)>, String> {
        let given: Vec<String> = given.iter().map(|one| (*one).to_owned()).collect();
        variables(&given, false).map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_has_the_value_given_last_or_that_of_the_caller() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let path = std::env::var("PATH").unwrap();
        assert_eq!(
            of(&["A=1", "A=b=c", "PATH"]).unwrap(),
            [pair("A", "b=c"), pair("PATH", &path)]
        );
    }

    #[test]
    fn messages_about_variables_have_no_values() {
        let sentence = of(&["=secret"]).unwrap_err();
        assert!(!sentence.contains("secret"), "{sentence}");
        let unset = of(&["NO_SUCH_VARIABLE"]).unwrap_err();
        assert!(unset.contains("NO_SUCH_VARIABLE is not set"), "{unset}");
    }

    #[test]
    fn an_environment_that_is_handed_on_has_no_marks_of_the_caller() {
        let all = variables(&["QUEUE_EXTRA=1".to_owned()], true).unwrap();
        let has = |name: &str| all.iter().any(|(own, _)| own == name);
        assert!(has("PATH") && has("QUEUE_EXTRA"));
        assert!(!has("PWD") && !has("QUEUE_TASK_ID") && !has("_"));
    }
}
