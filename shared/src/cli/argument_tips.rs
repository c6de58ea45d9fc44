//! Corrects the tips beside an error about the arguments: replaces tips that do not work with one
//! that does.

use std::ffi::OsString;

use clap::Parser;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::task::Work;

/// Replaces clap's own tip to put `--` in front of an unknown argument, which fails if another
/// argument has to come first.
pub(super) fn correct<A: Parser>(error: &mut clap::Error, arguments: &[OsString]) {
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
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
    if parses::<A>(words, at) {
        let word = quoted(&words[at..=at]);
        return Some(format!("to pass {word} as a value, use '-- {word}'"));
    }
    let verb = words
        .iter()
        .position(|word| word == "add-task" || word == "enqueue")?;
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
    // The command line takes no name that begins like an option.
    let [name, command] = words.get(at..at + 2)? else {
        return None;
    };
    let line = serde_json::json!({ "name": name, "command": command }).to_string();
    Some(format!(
        "to pass '{name}' as the name, use JSON: printf '%s\\n' {} | {} --stdin",
        quoted(&[line]),
        quoted(&words[..=verb]),
    ))
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
