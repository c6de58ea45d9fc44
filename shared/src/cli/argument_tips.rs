//! Corrects the tips beside an error about the arguments: replaces tips that do not work with one
//! that does.

use std::ffi::OsString;

use clap::Parser;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::task::Work;

/// Corrects the tips of an error about these arguments.
pub(super) fn correct<A: Parser>(error: &mut clap::Error, arguments: &[OsString]) {
    if error.kind() == ErrorKind::UnknownArgument {
        unknown_argument::<A>(error, arguments);
    } else if error.kind() == ErrorKind::ValueValidation {
        unquoted_command(error, arguments);
    }
}

/// Adds a tip if the third word of an unquoted command was read as its priority.
fn unquoted_command(error: &mut clap::Error, arguments: &[OsString]) {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return;
    };
    let is_word = value.starts_with(char::is_alphabetic);
    let words = words(arguments).filter(|_| argument == "[PRIORITY]" && is_word);
    let Some(words) = words else { return };
    let Some(verb) = words.iter().position(|word| adds(word)) else {
        return;
    };
    let rest = words[verb + 1..].iter();
    let command: Vec<&str> = rest
        .map(String::as_str)
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let command = quoted(&[command.join(" ")]);
    let tip = format!("to run it all as one command, quote it: {command}");
    let tips = vec![StyledStr::from(tip)];
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

/// Replaces clap's own tip to put `--` in front of an unknown argument, which fails if another
/// argument has to come first.
fn unknown_argument<A: Parser>(error: &mut clap::Error, arguments: &[OsString]) {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let Some(words) = words(arguments) else {
        return;
    };
    let begins = |word: &String| word.starts_with(unknown.as_str());
    let Some(at) = words.iter().position(begins) else {
        return;
    };
    let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) else {
        return;
    };
    let is_own = |tip: &StyledStr| !tip.to_string().contains("use '-- ");
    let mut mended: Vec<StyledStr> = tips.iter().filter(|tip| is_own(tip)).cloned().collect();
    if mended.len() < tips.len() {
        mended.extend(works::<A>(&words, at).map(StyledStr::from));
    }
    error.remove(ContextKind::Suggested);
    if !mended.is_empty() {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(mended));
    }
}

/// A tip that works for the word at `at`.
fn works<A: Parser>(words: &[String], at: usize) -> Option<String> {
    let Some(verb) = words.iter().position(|word| adds(word)) else {
        let word = quoted(&words[at..=at]);
        let tip = format!("to pass {word} as a value, use '-- {word}'");
        return parses::<A>(words, at).then_some(tip);
    };
    if let Some(program) = (verb + 1..at)
        .rev()
        .find(|&place| parses::<A>(words, place))
    {
        let program = quoted(&words[program..]);
        return Some(format!(
            "to start it without a shell, with all that follows as its arguments, use '-- \
             {program}'"
        ));
    }
    // A name by position does not begin like an option.
    let [name, _] = words.get(at..at + 2)? else {
        return None;
    };
    let name = quoted(std::slice::from_ref(name));
    Some(format!("to pass {name} as the name, use '--name={name}'"))
}

/// True for the names of the verb that enqueues a command.
pub(super) fn adds(word: &str) -> bool {
    ["add-task", "add", "enqueue"].contains(&word)
}

/// True if the arguments are valid with `--` at that index.
fn parses<A: Parser>(words: &[String], place: usize) -> bool {
    let (front, back) = words.split_at(place);
    let dashes = "--".to_owned();
    A::try_parse_from(front.iter().chain([&dashes]).chain(back)).is_ok()
}

/// The arguments as text, with the bare name of the program.
fn words(arguments: &[OsString]) -> Option<Vec<String>> {
    let mut words = Vec::with_capacity(arguments.len());
    for argument in arguments {
        words.push(argument.to_str()?.to_owned());
    }
    let program = words.first_mut()?;
    if let Some((_, name)) = program.rsplit_once('/') {
        *program = name.to_owned();
    }
    Some(words)
}

fn quoted(words: &[String]) -> String {
    Work::Argv(words.to_vec()).display()
}
/// True if these arguments of the program ask it to wait, before they are parsed: errors in them
/// have an exit code that no task has.
pub(super) fn awaits_a_task(arguments: &[OsString]) -> bool {
    let words = arguments.iter().map(|argument| argument.to_string_lossy());
    let mut rest = words.take_while(|word| word != "--");
    rest.any(|word| adds(&word))
        && rest.any(|word| {
            let name = word.split('=').next().unwrap_or_default();
            matches!(name, "--wait" | "--follow" | "--wait-timeout")
        })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::awaits_a_task;

    #[test]
    fn waiting_is_known_before_the_arguments_are_parsed() {
        let asks = |line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(Into::into).collect();
            awaits_a_task(&arguments)
        };
        assert!(asks("x add --wait"));
        assert!(asks("x --db y add-task --wait-timeout=5 true"));
        assert!(asks("x enqueue --follow -- true"));
        assert!(!asks("x log --follow 1"));
        assert!(!asks("x add -- true --wait"));
        assert!(!asks("x add true"));
    }
}
