//! Dependents of a task, as people and programs write them: `7`, `3,5-8:any`, `dependents`.

use queue_core::cli::select::{self, Selector};
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use serde::Deserialize;
use workflow_queue::{Dependent, DependentTasks};

use super::after::{is_number, split_condition};

/// Word for all tasks that wait for the spawner.
const OF_SPAWNER: &str = "dependents";

/// Tasks of one `--before`, with their condition on the end of the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Before {
    /// `None` stands for all tasks that wait for the spawner.
    pub(in super::super) tasks: Option<Vec<Selector>>,
    pub(in super::super) condition: Condition,
}

impl Before {
    /// Reads ids, or the word for the spawner's dependents, with the condition that may follow.
    ///
    /// # Errors
    /// A sentence that says how to write it.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let (ids, condition) = split_condition(text)?;
        if ids == OF_SPAWNER {
            return Ok(Self {
                tasks: None,
                condition,
            });
        }
        let tasks = select::parse(ids)?;
        if tasks.contains(&Selector::All) {
            return Err("all tasks cannot wait for it; write ids or a range".to_owned());
        }
        Ok(Self {
            tasks: Some(tasks),
            condition,
        })
    }
}

/// An entry of a line's `before`: an id, or text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Field {
    Id(i64),
    Text(String),
}

impl Field {
    /// The dependents of the entry.
    ///
    /// # Errors
    /// A sentence about an invalid id.
    pub(super) fn dependent(&self) -> Result<Dependent, String> {
        let (shown, digits, condition) = match self {
            Self::Id(id) => (id.to_string(), id.to_string(), Condition::Success),
            Self::Text(text) => {
                let shown = format!("\"{}\"", text.escape_debug());
                let id = text.strip_prefix("id:");
                let (front, condition) = split_condition(id.unwrap_or(text))
                    .map_err(|sentence| format!("before: {sentence}"))?;
                if id.is_none() && front == OF_SPAWNER {
                    let tasks = DependentTasks::OfSpawner;
                    return Ok(Dependent::new(tasks, condition));
                }
                if id.is_none() && is_number(front) {
                    return Err(format!(
                        "before: {shown} is a name; write \"id:{text}\" for the task of that id"
                    ));
                }
                (
                    shown,
                    id.map(|_| front).unwrap_or_default().to_owned(),
                    condition,
                )
            }
        };
        let id = digits
            .parse()
            .ok()
            .filter(|id| is_number(&digits) && *id >= 1);
        let tasks = id
            .map(|id| DependentTasks::Task(TaskId(id)))
            .ok_or_else(|| {
                format!("before: it is the id of a waiting task or `{OF_SPAWNER}`, not {shown}")
            })?;
        Ok(Dependent::new(tasks, condition))
    }
}

#[cfg(test)]
mod tests {
    use queue_core::cli::select::Selector;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;
    use workflow_queue::{Dependent, DependentTasks};

    use super::{Before, Field};

    #[test]
    fn an_option_is_ids_or_the_dependents_of_the_spawner() {
        let before = Before::parse("3,5-8:any").unwrap();
        let tasks = [Selector::One(TaskId(3)), Selector::Range(5..=8)];
        assert_eq!(before.tasks.as_deref(), Some(&tasks[..]));
        assert_eq!(before.condition, Condition::Any);
        assert_eq!(Before::parse("dependents").unwrap().tasks, None);
        for wrong in ["", "all", "x", "dependents:done", "dependents,7", "0"] {
            assert!(Before::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_entry_is_an_id_or_the_dependents_of_the_spawner() {
        let read = |json: &str| {
            let field: Field = serde_json::from_str(json).unwrap();
            field.dependent()
        };
        let dependent = |tasks, condition| Ok(Dependent::new(tasks, condition));
        let seven = DependentTasks::Task(TaskId(7));
        assert_eq!(read("7"), dependent(seven, Condition::Success));
        assert_eq!(read(r#""id:7:any""#), dependent(seven, Condition::Any));
        let name = read(r#""7:any""#).unwrap_err();
        assert!(name.contains("write \"id:7:any\""), "{name}");
        assert_eq!(
            read(r#""dependents:failure""#),
            dependent(DependentTasks::OfSpawner, Condition::Failure)
        );
        for wrong in [
            "0",
            "-7",
            r#""name""#,
            r#""3,5""#,
            r#""id:7:done""#,
            r#""id:dependents""#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
