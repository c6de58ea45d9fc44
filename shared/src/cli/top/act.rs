//! Actions of the keys on a file, and the texts that they open.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::super::log::Tail;
use super::super::program::Context;
use super::super::show::find;
use super::super::why::Snapshot;
use super::super::{Failure, escape};
use super::keys::{About, FileChange};
use crate::error::Result;
use crate::queue::{self, Queue};
use crate::task::TaskId;

/// Makes the change. Returns a sentence about its result.
///
/// # Errors
/// As the engine.
pub(super) fn change<Q: Queue>(queue: &Q, change: &FileChange) -> Result<String> {
    match change {
        FileChange::Retry(id) => {
            let changes = queue.retry(&[*id])?;
            Ok(sentence(*id, "is queued again", &changes))
        }
        FileChange::Cancel(id) => {
            let changes = queue.cancel(&[*id])?;
            Ok(sentence(*id, "is cancelled", &changes))
        }
        FileChange::Pause {
            queue: name,
            paused,
        } => {
            queue.set_paused(name, *paused)?;
            let word = if *paused { "paused" } else { "resumed" };
            Ok(format!("queue {} is {word}", escape::line(name)))
        }
    }
}

fn sentence(id: TaskId, done: &str, changes: &[queue::Change]) -> String {
    match changes.first() {
        Some(queue::Change::Done(_)) => format!("task {id} {done}"),
        Some(queue::Change::Requested(_)) => format!("task {id} runs; its worker ends it"),
        Some(queue::Change::AlreadyRequested(_)) => {
            format!("task {id} runs; its worker was asked before to end it")
        }
        Some(queue::Change::Already(state) | queue::Change::Refused(state)) => {
            format!("task {id} {}", state.standing())
        }
        Some(queue::Change::NotFound) | None => format!("task {id} is gone"),
    }
}

/// The text in lines of that width: the end of a log, which is read on in `tail`, or the reasons for a
/// task's state.
///
/// # Errors
/// As the engine; [`crate::error::Error::NotFound`] for a task that is gone.
pub(super) fn text<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    (about, tail): (About, &mut Tail),
    width: usize,
) -> Result<Vec<String>, Failure> {
    match about {
        About::Log(id) => {
            let mut lines = tail.lines(queue, &find(queue, id)?)?;
            if lines.is_empty() {
                lines.push("(no output)".to_owned());
            }
            Ok(lines.iter().flat_map(|line| wrapped(line, width)).collect())
        }
        About::Why(id) => {
            let task = find(queue, id)?;
            let (living, known) = (queue.live_workers()?, queue.workers()?);
            let now = queue.now().wall;
            let snapshot = Snapshot::new(context, queue, (&living, &known), now);
            let mut lines = vec![format!(
                "{} {}",
                escape::line(&task.name),
                task.state.standing()
            )];
            for reason in snapshot.explanations(&task)? {
                lines.push(escape::line(&reason.sentence).into_owned());
            }
            Ok(lines
                .iter()
                .flat_map(|line| at_spaces(line, width))
                .collect())
        }
    }
}

/// The sentence in lines that are no wider than `width`, divided at spaces where that is possible.
fn at_spaces(sentence: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.extend(wrapped(word, width)),
        }
    }
    lines
}

/// The line in pieces that are no wider than `width`.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in line.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::{at_spaces, wrapped};

    #[test]
    fn a_long_line_is_divided_by_its_width() {
        assert_eq!(wrapped("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrapped("世界世", 5), ["世界", "世"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn a_sentence_is_divided_at_spaces_and_a_long_word_by_its_width() {
        assert_eq!(at_spaces("it ended now", 8), ["it ended", "now"]);
        assert_eq!(at_spaces("a世界世界世 b", 5), ["a世界", "世界", "世 b"]);
        assert_eq!(at_spaces("", 4), [""]);
    }

    proptest! {
        #[test]
        fn lines_of_a_sentence_fit_and_lose_nothing_but_spaces(
            sentence in "[a-c世 ]{0,60}",
            width in 2..30_usize,
        ) {
            let lines = at_spaces(&sentence, width);
            prop_assert!(lines.iter().all(|line| line.width() <= width), "{lines:?}");
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&sentence));
        }

        #[test]
        fn pieces_fit_and_lose_nothing(line in "\\PC{0,60}", width in 2..30_usize) {
            let pieces = wrapped(&line, width);
            prop_assert_eq!(pieces.concat(), line);
            for piece in pieces {
                prop_assert!(piece.chars().map(|c| c.to_string().width()).sum::<usize>() <= width);
            }
        }
    }
}
