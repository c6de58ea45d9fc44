//! Options that name the queues of a worker.

use crate::names::is_of_lines;
use crate::served::{ServedQueue, ServedQueues};
use crate::task::check_name;

/// Most slots that an option keeps for a queue: as many as a worker may have.
const MOST_SLOTS: u32 = 10_000;

/// Options that name the queues of a worker.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(super) struct Served {
    /// The queues whose tasks it runs, separated by commas or each with an option of its own; with
    /// :SLOTS behind a name, so many slots are kept for that queue even while it is empty. At the
    /// other slots the queues take turns; priorities count within a queue [default: default]
    #[arg(long = "queue", value_name = "QUEUE", value_parser = parse)]
    queues: Vec<List>,

    /// Run the tasks of every queue, also of those that come into being later
    #[arg(long)]
    all_queues: bool,
}

/// Queues of one option.
type List = std::sync::Arc<[ServedQueue]>;

impl Served {
    /// The queues.
    pub(super) fn queues(&self) -> ServedQueues {
        let named = self.queues.iter().flat_map(|list| list.iter().cloned());
        match (self.all_queues, self.queues.is_empty()) {
            (true, _) => ServedQueues::all(named),
            (false, true) => ServedQueues::default(),
            (false, false) => ServedQueues::named(named),
        }
    }
}

/// Arguments that name these queues; none for the default queue alone.
pub(super) fn words(queues: &ServedQueues) -> Vec<String> {
    let mut words = Vec::new();
    if queues.is_all() {
        words.push("--all-queues".to_owned());
    } else if *queues == ServedQueues::default() {
        return words;
    }
    for queue in queues.names() {
        words.push("--queue".to_owned());
        words.push(match queue.reserved {
            0 => argument(&queue.name),
            slots => format!("{}:{slots}", queue.name),
        });
    }
    words
}

/// A queue's name as the value of `--queue`.
pub(super) fn argument(name: &str) -> String {
    let ends_in_slots = !is_of_lines(name) && split(name).1.is_some();
    format!("{name}{}", if ends_in_slots { ":0" } else { "" })
}

/// A name and the digits behind its last colon, if it ends in those.
fn split(text: &str) -> (&str, Option<&str>) {
    let is_number = |slots: &&str| !slots.is_empty() && slots.bytes().all(|b| b.is_ascii_digit());
    match text.rsplit_once(':') {
        Some((name, slots)) if is_number(&slots) => (name, Some(slots)),
        _ => (text, None),
    }
}

/// Reads the queues of one option. The queue of `run` may have any character in its name.
fn parse(text: &str) -> Result<List, String> {
    if is_of_lines(text) {
        return one(text, None).map(|queue| List::from([queue]));
    }
    let parts = text.split(',').map(|part| {
        let (name, slots) = split(part);
        one(name, slots)
    });
    parts.collect()
}

fn one(name: &str, slots: Option<&str>) -> Result<ServedQueue, String> {
    check_name("a queue's name", name).map_err(|error| error.to_string())?;
    let reserved = slots.map_or(Ok(0), str::parse);
    let reserved = reserved.ok().filter(|slots| *slots <= MOST_SLOTS);
    let reserved = reserved.ok_or_else(|| {
        format!("from 0 to {MOST_SLOTS} slots are kept for a queue, as in mail:2")
    })?;
    Ok(ServedQueue::new(name).reserving(reserved))
}

#[cfg(test)]
mod tests {
    use super::{ServedQueues, argument, parse, words};

    fn read(text: &str) -> String {
        ServedQueues::named(parse(text).unwrap().iter().cloned()).to_string()
    }

    #[test]
    fn a_number_behind_a_colon_keeps_slots_for_a_queue() {
        assert_eq!(read("mail:2,build"), "mail:2, build");
        assert_eq!(read("a:b:0,mail:"), "a:b, mail:");
        assert_eq!(read("mail:2:1"), "mail:2:1");
        for refused in [
            "",
            "a,,b",
            "mail,",
            "mail:10001",
            ":2",
            "mail:99999999999999999999",
        ] {
            parse(refused).unwrap_err();
        }
    }

    #[test]
    fn the_queue_of_a_file_may_have_any_name() {
        assert_eq!(read("run:/tmp/a,b:2"), "run:/tmp/a,b:2");
        assert_eq!(argument("run:/tmp/a,b:2"), "run:/tmp/a,b:2");
    }

    #[test]
    fn the_arguments_name_the_same_queues_again() {
        for name in ["mail", "mail:2", "mail:", "a:b", "run:x:2"] {
            let queues = ServedQueues::named(parse(&argument(name)).unwrap().iter().cloned());
            assert_eq!(queues.only().map(AsRef::as_ref), Some(name));
            assert_eq!(words(&queues), ["--queue", &argument(name)]);
        }
        assert!(words(&ServedQueues::default()).is_empty());
        assert_eq!(words(&ServedQueues::all([])), ["--all-queues"]);
    }
}
