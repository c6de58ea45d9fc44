//! The actor of a change: who asked for it, and through which program.

use super::EventKind;
use crate::task::TaskId;

/// Who changes a file, and through which program. Events of changes that somebody asked for carry it in
/// their data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Actor {
    /// The program, in a few words, such as `command line`.
    pub through: String,
    /// User id of its process.
    pub uid: u32,
    /// The task whose command called the program.
    pub from_task: Option<TaskId>,
}

impl Actor {
    /// The actor of changes that a program of that user makes.
    pub fn new(through: impl Into<String>, uid: u32) -> Self {
        Self {
            through: through.into(),
            uid,
            from_task: None,
        }
    }

    /// Sets the task whose command calls the program.
    #[must_use]
    pub fn from_task(mut self, task: Option<TaskId>) -> Self {
        self.from_task = task;
        self
    }

    /// The data of an event with this actor added. Data that is no JSON object stays as it is.
    pub fn added_to(&self, data: Option<&str>) -> String {
        let mut fields = serde_json::json!({ "through": self.through, "uid": self.uid });
        if let Some(task) = self.from_task {
            fields["from_task"] = task.0.into();
        }
        let fields = fields.to_string();
        let Some(object) = data.and_then(|data| data.strip_suffix('}')) else {
            return data.map_or(fields, str::to_owned);
        };
        let separator = if object.ends_with('{') { "" } else { "," };
        format!("{object}{separator}{}", &fields[1..])
    }
}

impl EventKind {
    /// True for a change that somebody asked for, as opposed to one that followed from others.
    pub const fn is_asked_for(self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::CancelRequested
                | Self::Retried
                | Self::Copied
                | Self::Reprioritized
                | Self::Edited
                | Self::Held
                | Self::Released
                | Self::Hastened
                | Self::Linked
                | Self::QueuePaused
                | Self::QueueResumed
                | Self::AgeingSet
                | Self::LimitSet
                | Self::LimitRemoved
                | Self::SettingChanged
                | Self::ScheduleAdded
                | Self::ScheduleEdited
                | Self::ScheduleRemoved
                | Self::SchedulePaused
                | Self::ScheduleResumed
                | Self::TasksPruned
                | Self::FileRepaired
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Actor;
    use crate::task::TaskId;

    #[test]
    fn an_actor_stands_beside_what_an_event_tells() {
        let actor = Actor::new("command line", 7);
        assert_eq!(
            actor.added_to(None),
            r#"{"through":"command line","uid":7}"#
        );
        assert_eq!(
            actor.added_to(Some("{}")),
            r#"{"through":"command line","uid":7}"#
        );
        let of_task = Actor::new("a \"b\"", 7).from_task(Some(TaskId(3)));
        let text = of_task.added_to(Some(r#"{"queue":"mail"}"#));
        let data: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "queue": "mail", "through": "a \"b\"", "uid": 7, "from_task": 3,
        });
        assert_eq!(data, expected);
        assert_eq!(actor.added_to(Some("7")), "7");
    }
}
