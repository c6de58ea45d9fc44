//! Dependencies of a task, as people and programs write them: `7`, `3,5-8:any`, `"build:failure"`.

use std::collections::HashMap;

use queue_core::cli::select::{self, Selector};
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use serde::Deserialize;
use workflow_queue::Dependency;

/// Tasks of one `--after`, with the condition on their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct After {
    pub(in super::super) tasks: Vec<Selector>,
    pub(in super::super) condition: Condition,
}

impl After {
    /// Reads ids, with the condition that may follow.
    ///
    /// # Errors
    /// A sentence that says how to write it.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let (ids, condition) = split_condition(text)?;
        let tasks = select::parse(ids)?;
        if tasks.contains(&Selector::All) {
            return Err("a task cannot wait for all tasks; write ids or a range".to_owned());
        }
        Ok(Self { tasks, condition })
    }
}

/// Splits a text into the part before the condition, and the condition.
///
/// # Errors
/// A sentence about a word that is not a condition.
pub(super) fn split_condition(text: &str) -> Result<(&str, Condition), String> {
    if names_a_task(text) {
        let (front, condition) = with_condition(text);
        // The task of `name:any` is called `any`.
        return Ok(if names_a_task(front) {
            (front, condition)
        } else {
            (text, Condition::Success)
        });
    }
    match text.split_once(':') {
        None => Ok((text, Condition::Success)),
        Some((ids, word)) => {
            let condition = Condition::parse(word).ok_or_else(|| {
                format!("the condition {word} is none of `success`, `failure` and `any`")
            })?;
            Ok((ids, condition))
        }
    }
}

/// True if a list of selectors has one by name or key, which contains a colon of its own.
fn names_a_task(text: &str) -> bool {
    text.split(',').any(|part| select::is_named(part.trim()))
}

/// An entry of a line's `after`: an id, or text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in super::super) enum Field {
    Id(i64),
    Text(String),
}

impl Field {
    /// The edge of the entry. Text is the name of a line, or `id:7`; a condition may follow the
    /// last colon.
    ///
    /// # Errors
    /// A sentence about an entry that is invalid or ambiguous.
    pub(super) fn dependency(&self, names: &Names<'_>) -> Result<Dependency, String> {
        let text = match self {
            Self::Id(id) => return Ok(Dependency::new(task_id(*id, self)?, Condition::Success)),
            Self::Text(text) => text.as_str(),
        };
        let (front, condition) = with_condition(text);
        let mut meant = Vec::new();
        if front != text {
            meant.extend(names.find(text)?.map(|place| (place, Condition::Success)));
        }
        meant.extend(names.find(front)?.map(|place| (place, condition)));
        let id = id_of(front, self)?;
        match (meant.as_slice(), id) {
            ([(place, condition)], None) => Ok(Dependency::new(*place, *condition)),
            ([], Some(id)) => Ok(Dependency::new(id, condition)),
            ([], None) => Err(unknown(front, text)),
            _ => Err(format!(
                "after: {self} is ambiguous among the names of the lines; rename one of them"
            )),
        }
    }
}

/// Splits a text at the last colon, if a condition follows it.
fn with_condition(text: &str) -> (&str, Condition) {
    let split = text.rsplit_once(':');
    let split = split.and_then(|(front, word)| Some((front, Condition::parse(word)?)));
    split.unwrap_or((text, Condition::Success))
}

/// The id in `id:7`; `None` for other text.
///
/// # Errors
/// A sentence about an invalid id.
fn id_of(text: &str, shown: &Field) -> Result<Option<TaskId>, String> {
    let Some(digits) = text.strip_prefix("id:") else {
        return Ok(None);
    };
    let id = is_number(digits).then(|| digits.parse().unwrap_or(0));
    task_id(id.unwrap_or(0), shown).map(Some)
}

fn task_id(id: i64, shown: &Field) -> Result<TaskId, String> {
    if id < 1 {
        return Err(format!("after: an id is a number from 1 up, not {shown}"));
    }
    Ok(TaskId(id))
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Sentence about a text that names no line. A number may have been meant as an id.
fn unknown(front: &str, text: &str) -> String {
    let shown = front.escape_debug();
    if !is_number(front) {
        return format!("after: no line is named \"{shown}\"");
    }
    let number = if front == text {
        format!("{shown} without quotes or ")
    } else {
        String::new()
    };
    format!(
        "after: no line is named \"{shown}\"; write {number}\"id:{text}\" for the task of that id"
    )
}

/// Index of each name among the tasks of the lines.
#[derive(Debug)]
pub(super) struct Names<'a>(HashMap<&'a str, Option<usize>>);

impl<'a> Names<'a> {
    /// The index of those names, one for each task.
    pub(super) fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let mut places = HashMap::new();
        for (place, name) in names.enumerate() {
            places
                .entry(name)
                .and_modify(|known| *known = None)
                .or_insert(Some(place));
        }
        Self(places)
    }

    /// The index of the task of that name, if there is one.
    ///
    /// # Errors
    /// A sentence about a name that several lines have.
    fn find(&self, name: &str) -> Result<Option<usize>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Some(place)) => Ok(Some(*place)),
            Some(None) => Err(format!(
                "after: several lines are named \"{}\"",
                name.escape_debug()
            )),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Text(text) => write!(f, "\"{}\"", text.escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use queue_core::cli::select::Selector;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;
    use workflow_queue::On;

    use super::{After, Field, Names};

    #[test]
    fn an_option_is_ids_with_one_condition() {
        let after = After::parse("3,5-8:any").unwrap();
        assert_eq!(
            after.tasks,
            [Selector::One(TaskId(3)), Selector::Range(5..=8)]
        );
        assert_eq!(after.condition, Condition::Any);
        assert_eq!(After::parse("last").unwrap().condition, Condition::Success);
        let named = |name: &str| Selector::Name(name.to_owned());
        let seven = || Selector::One(TaskId(7));
        let key = Selector::Key("nightly".to_owned());
        for (text, tasks, condition) in [
            (
                "7,name:build",
                vec![seven(), named("build")],
                Condition::Success,
            ),
            (
                "7,name:build:any",
                vec![seven(), named("build")],
                Condition::Any,
            ),
            (
                "7, key:nightly:failure",
                vec![seven(), key],
                Condition::Failure,
            ),
            ("name:a,b:any", vec![named("a,b")], Condition::Any),
            ("name:any", vec![named("any")], Condition::Success),
        ] {
            assert_eq!(After::parse(text), Ok(After { tasks, condition }), "{text}");
        }
        for wrong in [
            "",
            ":any",
            "7:",
            "7:succeeded",
            "7:any:any",
            "all",
            "build",
            "0",
        ] {
            assert!(After::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn read(json: &str, names: &[&str]) -> Result<(On, Condition), String> {
        let field: Field = serde_json::from_str(json).unwrap();
        let names = Names::of(names.iter().copied());
        let dependency = field.dependency(&names)?;
        Ok((dependency.on, dependency.condition))
    }

    #[test]
    fn an_entry_is_an_id_or_the_name_of_a_line() {
        let seven = || On::Task(TaskId(7));
        let names = ["a b", "http://x:80", "7", "id:x"];
        assert_eq!(read("7", &names), Ok((seven(), Condition::Success)));
        assert_eq!(read(r#""id:7""#, &names), Ok((seven(), Condition::Success)));
        assert_eq!(
            read(r#""id:7:failure""#, &[]),
            Ok((seven(), Condition::Failure))
        );
        assert_eq!(
            read(r#""a b:any""#, &names),
            Ok((On::Index(0), Condition::Any))
        );
        assert_eq!(
            read(r#""http://x:80""#, &names),
            Ok((On::Index(1), Condition::Success))
        );
        for wrong in [
            "0",
            "-1",
            r#""id:0""#,
            r#""id:""#,
            r#""id:99999999999999999999""#,
            r#""id:+7""#,
        ] {
            assert!(read(wrong, &names).is_err(), "{wrong}");
        }
    }

    /// `"after":["1"]` meant task 1 of the file instead of the line named `1`. Text now means the
    /// name of a line; a number that names no line is refused.
    #[test]
    fn a_name_of_digits_is_a_name() {
        assert_eq!(
            read(r#""1""#, &["x", "1"]),
            Ok((On::Index(1), Condition::Success))
        );
        assert_eq!(
            read(r#""1:any""#, &["1"]),
            Ok((On::Index(0), Condition::Any))
        );
        let plain = read(r#""1""#, &["x"]).unwrap_err();
        assert!(plain.ends_with("write 1 without quotes or \"id:1\" for the task of that id"));
        let condition = read(r#""1:any""#, &["x"]).unwrap_err();
        assert!(
            condition.ends_with("write \"id:1:any\" for the task of that id"),
            "{condition}"
        );
    }

    #[test]
    fn an_ambiguous_entry_is_refused() {
        for (json, names) in [
            (r#""a:any""#, &["a", "a:any"][..]),
            (r#""id:7:any""#, &["id:7"]),
            (r#""id:7:any""#, &["id:7:any"]),
        ] {
            let sentence = read(json, names).unwrap_err();
            assert!(sentence.contains("is ambiguous"), "{sentence}");
        }
        assert!(
            read(r#""a""#, &["a", "a"])
                .unwrap_err()
                .contains("several lines")
        );
        assert_eq!(
            read(r#""a:any""#, &["a:any"]),
            Ok((On::Index(0), Condition::Success))
        );
    }
}
