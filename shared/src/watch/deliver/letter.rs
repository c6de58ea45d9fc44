//! Letters: events as a hook receives them.

use std::sync::Arc;

use super::super::event_view::CloudEvent;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::journal::{Cursor, Event, EventKind, EventPage};
use crate::text::json;

/// Event to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// Position after the event.
    pub after: Cursor,
    /// Kind of the event.
    pub kind: EventKind,
    /// Id of the event, the same at every try.
    pub id: String,
    /// The event as `CloudEvents` 1.0 JSON, one line.
    pub body: String,
}

impl Letter {
    /// The letter of an event of the file that `source` names, which `after` follows.
    ///
    /// # Errors
    /// [`Error::Bug`] if the event cannot be written as JSON.
    pub fn new(source: &str, after: Cursor, event: &Event) -> Result<Self> {
        Self::of(CloudEvent::new(source, after, event), after, event.kind)
    }

    /// A letter that a person sends to a hook, to see if it arrives.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn test(source: &str, after: Cursor, (hook, at): (&str, Timestamp)) -> Result<Self> {
        let mut event = Event::new(EventKind::HookTest, at);
        event.data = Some(serde_json::json!({ "hook": hook }).to_string());
        let id = format!("test-{}", at.0);
        let written = CloudEvent::with_id(source, (after, &event), id);
        Self::of(written, after, event.kind)
    }

    fn of(event: CloudEvent<'_>, after: Cursor, kind: EventKind) -> Result<Self> {
        let body = json::text(&event).map_err(|error| Error::Bug {
            what: format!("an event is no JSON: {error}"),
        })?;
        Ok(Self {
            after,
            kind,
            id: event.into_id(),
            body,
        })
    }
}

/// The events that a hook is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// Name of the hook.
    pub hook: String,
    /// Kinds.
    pub kinds: Vec<EventKind>,
    /// Names of queues; all if there are none.
    pub queues: Vec<String>,
}

impl Choice {
    /// The events of these kinds, in all queues, for the hook of that name.
    pub fn new(hook: impl Into<String>, kinds: Vec<EventKind>) -> Self {
        Self {
            hook: hook.into(),
            kinds,
            queues: Vec::new(),
        }
    }

    /// Sets the queues.
    #[must_use]
    pub fn queues(mut self, queues: Vec<String>) -> Self {
        self.queues = queues;
        self
    }

    /// True for an event that the hook gets. A hook does not learn of its own dead letters.
    pub fn chooses(&self, event: &Event) -> bool {
        let of_queues =
            || self.queues.is_empty() || self.queues.iter().any(|one| event.is_of_queue(one));
        let is_own = || {
            event.kind == EventKind::HookDead && event.named("hook").as_ref() == Some(&self.hook)
        };
        self.kinds.contains(&event.kind) && of_queues() && !is_own()
    }

    /// The letters of a page that was read after `from`, and the position after the page. If events
    /// were deleted before they were read, the first letter says so, whatever kinds are chosen.
    ///
    /// # Errors
    /// As [`Letter::new`].
    pub fn letters(
        &self,
        source: &str,
        (from, now): (Cursor, Timestamp),
        page: &EventPage,
    ) -> Result<(Vec<Arc<Letter>>, Cursor)> {
        let mut letters = Vec::new();
        let mut end = from;
        if page.missed > 0 {
            end.seq = from.seq.saturating_add_unsigned(page.missed);
            letters.push(Arc::new(gap(source, from, end, now)?));
        }
        for (after, event) in &page.events {
            if self.chooses(event) {
                letters.push(Arc::new(Letter::new(source, *after, event)?));
            }
        }
        Ok((letters, page.next.unwrap_or(end)))
    }
}

/// The letter in place of deleted events.
fn gap(source: &str, from: Cursor, end: Cursor, now: Timestamp) -> Result<Letter> {
    let mut event = Event::new(EventKind::HookGap, now);
    let missed = end.seq.saturating_sub(from.seq);
    event.data =
        Some(serde_json::json!({ "missed": missed, "after": from.to_string() }).to_string());
    // Trimming may go on meanwhile, so that only the beginning of the gap is the same at every try.
    let id = format!("gap-{}-{}", from.epoch, from.seq);
    let written = CloudEvent::with_id(source, (end, &event), id);
    Letter::of(written, end, event.kind)
}

#[cfg(test)]
mod tests {
    use super::{Choice, Letter};
    use crate::clock::Timestamp;
    use crate::journal::{Cursor, Event, EventKind, EventPage};

    fn at(seq: i64) -> Cursor {
        let mut cursor = Cursor::start(0);
        cursor.seq = seq;
        cursor
    }

    fn event(kind: EventKind, seq: i64, queue: &str) -> (Cursor, Event) {
        let mut event = Event::new(kind, Timestamp(1_000));
        event.seq = Some(seq);
        event.queue = Some(queue.to_owned());
        (at(seq), event)
    }

    fn page(events: Vec<(Cursor, Event)>, missed: u64) -> EventPage {
        EventPage {
            next: events.last().map(|(after, _)| *after),
            events,
            is_last: true,
            missed,
        }
    }

    fn ids(choice: &Choice, page: &EventPage) -> (Vec<String>, i64) {
        let (letters, end) = choice
            .letters("urn:x", (at(3), Timestamp(5)), page)
            .unwrap();
        let ids = letters.iter().map(|letter| letter.id.clone());
        (ids.collect(), end.seq)
    }

    #[test]
    fn chosen_events_become_letters_and_the_position_passes_all() {
        let events = vec![
            event(EventKind::Failed, 4, "mail"),
            event(EventKind::Succeeded, 5, "mail"),
            event(EventKind::Failed, 6, "build"),
            event(EventKind::Held, 7, "mail"),
        ];
        let choice = Choice::new("own", vec![EventKind::Failed]);
        let page = page(events, 0);
        assert_eq!(
            ids(&choice, &page),
            (vec!["4-1000".to_owned(), "6-1000".to_owned()], 7)
        );
        let choice = choice.queues(vec!["build".to_owned()]);
        assert_eq!(ids(&choice, &page), (vec!["6-1000".to_owned()], 7));
    }

    #[test]
    fn deleted_events_are_a_letter_whose_id_stays_the_same() {
        let choice = Choice::new("own", vec![EventKind::Failed]);
        let short = page(vec![event(EventKind::Failed, 14, "mail")], 10);
        let expected = vec!["gap-0-3".to_owned(), "14-1000".to_owned()];
        assert_eq!(ids(&choice, &short), (expected, 14));
        assert_eq!(
            ids(&choice, &page(Vec::new(), 20)),
            (vec!["gap-0-3".to_owned()], 23)
        );
        let (letters, _) = choice
            .letters("urn:x", (at(3), Timestamp(5)), &short)
            .unwrap();
        assert!(
            letters[0].body.contains("\"missed\":10"),
            "{}",
            letters[0].body
        );
    }

    #[test]
    fn a_hook_does_not_learn_of_its_own_dead_letters() {
        let choice = Choice::new("own", vec![EventKind::HookDead]);
        let of = |hook: &str| {
            let mut event = Event::new(EventKind::HookDead, Timestamp(0));
            event.data = Some(format!("{{\"hook\":\"{hook}\"}}"));
            event
        };
        assert!(!choice.chooses(&of("own")));
        assert!(choice.chooses(&of("other")));
    }

    #[test]
    fn a_body_is_one_line_however_the_event_is_written() {
        let (after, mut failed) = event(EventKind::Failed, 4, "a\nb");
        failed.message = Some("\u{1b}[31m\r\n\u{202e}".to_owned());
        let letter = Letter::new("urn:x", after, &failed).unwrap();
        assert!(
            !letter.body.chars().any(char::is_control),
            "{}",
            letter.body
        );
        let read: serde_json::Value = serde_json::from_str(&letter.body).unwrap();
        assert_eq!(read["data"]["message"], "\u{1b}[31m\r\n\u{202e}");
    }
}
