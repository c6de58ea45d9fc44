//! Rules of a schedule beside its times: its limits in time, and slots that were missed or overlap.

use queue_core::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// Rules of a schedule beside its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Rules {
    /// Longest delay of a firing, in milliseconds. Each schedule has its own, which stays the same.
    #[serde(skip_serializing_if = "is_zero")]
    pub jitter_ms: u64,
    /// Time before which nothing fires.
    #[serde(skip_serializing_if = "Option::is_none", with = "millis")]
    pub start: Option<Timestamp>,
    /// Time after which nothing fires.
    #[serde(skip_serializing_if = "Option::is_none", with = "millis")]
    pub end: Option<Timestamp>,
    /// Rule for slots that no worker fired in time.
    pub catch_up: CatchUp,
    /// Age beyond which a missed slot is not caught up, in milliseconds.
    pub window_ms: u64,
    /// Rule for a slot whose predecessor has not ended.
    pub overlap: Overlap,
}

impl Rules {
    /// Makes the rules of a schedule that fires at its times, and the newest slot late.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the longest delay of a firing, in milliseconds.
    #[must_use]
    pub fn jitter_ms(mut self, jitter_ms: u64) -> Self {
        self.jitter_ms = jitter_ms;
        self
    }

    /// Sets the time before which nothing fires.
    #[must_use]
    pub fn start(mut self, start: Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// Sets the time after which nothing fires.
    #[must_use]
    pub fn end(mut self, end: Timestamp) -> Self {
        self.end = Some(end);
        self
    }

    /// Sets the rule for slots that no worker fired in time.
    #[must_use]
    pub fn catch_up(mut self, catch_up: CatchUp) -> Self {
        self.catch_up = catch_up;
        self
    }

    /// Sets the age beyond which a missed slot is not caught up, in milliseconds.
    #[must_use]
    pub fn window_ms(mut self, window_ms: u64) -> Self {
        self.window_ms = window_ms;
        self
    }

    /// Sets the rule for a slot whose predecessor has not ended.
    #[must_use]
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            jitter_ms: 0,
            start: None,
            end: None,
            catch_up: CatchUp::Latest,
            window_ms: 86_400_000,
            overlap: Overlap::Skip,
        }
    }
}

/// Rule for slots that no worker fired in time. Whatever the rule, the newest slot fires if it is at
/// most a minute late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CatchUp {
    /// None of them fires.
    Skip,
    /// The newest fires.
    #[default]
    Latest,
    /// All fire, the newest hundred at most.
    All,
}

impl CatchUp {
    /// All rules.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Latest, Self::All];

    /// Word of the rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Latest => "latest",
            Self::All => "all",
        }
    }
}

/// Rule for a slot whose predecessor has not ended. A task that waits for a retry has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Overlap {
    /// The slot does not fire.
    #[default]
    Skip,
    /// Its task waits for the predecessor, unless another one waits already.
    Queue,
    /// Its task runs beside the predecessor.
    Allow,
    /// The predecessor is cancelled, and the task of the slot runs after it.
    Replace,
}

impl Overlap {
    /// All rules.
    pub const ALL: [Self; 4] = [Self::Skip, Self::Queue, Self::Allow, Self::Replace];

    /// Word of the rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
            Self::Replace => "replace",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Times as milliseconds.
mod millis {
    use queue_core::clock::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands references")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp))
    }
}
