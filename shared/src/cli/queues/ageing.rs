//! The option `--ageing` of `queues`.

use serde::Serialize;

use super::super::program::{Access, Context};
use super::super::queue_name::check_known;
use super::super::{Failure, duration, escape};
use crate::ageing::Ageing;
use crate::queue::Queue;
use crate::task::{check_name, check_queue_name};

/// Value of `--ageing`: a step, or `None` for `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting(Option<Ageing>);

#[derive(Serialize)]
struct View<'a> {
    queue: &'a str,
    ageing_ms: Option<u64>,
    changed: bool,
}

/// Reads a duration, or `off`.
pub(super) fn parse(text: &str) -> Result<Setting, String> {
    if text == "off" {
        return Ok(Setting(None));
    }
    let step = duration::parse(text).map_err(|error| format!("{error}; `off` ends the ageing"))?;
    let ageing = Ageing::every(step).map_err(|error| error.to_string())?;
    Ok(Setting(Some(ageing)))
}

/// The step in milliseconds.
pub(super) fn millis(ageing: Ageing) -> u64 {
    u64::try_from(ageing.step().as_millis()).unwrap_or(u64::MAX)
}

/// Sets the ageing of a queue.
pub(super) fn set<Q: Queue>(
    context: &Context<Q>,
    name: &str,
    Setting(ageing): Setting,
    create: bool,
) -> Result<(), Failure> {
    check_name("a queue's name", name)?;
    let queue = if create {
        check_queue_name(name)?;
        context.open(Access::Create)?
    } else {
        let queue = context.open(Access::Write)?;
        check_known(&queue, name, "; --create sets its ageing in advance")?;
        queue
    };
    let changed = queue.set_ageing(name, ageing)?;
    let shown = escape::line(name);
    let sentence = match (ageing, changed) {
        (Some(ageing), _) => {
            let now = if changed {
                "now counts"
            } else {
                "counts already"
            };
            let step = duration::show(ageing.step());
            format!("In queue {shown} {step} of waiting {now} as much as one step of priority")
        }
        (None, true) => format!("Ended the ageing of queue {shown}"),
        (None, false) => format!("Queue {shown} has no ageing"),
    };
    let view = View {
        queue: name,
        ageing_ms: ageing.map(millis),
        changed,
    };
    context.printer.of_done().say(&sentence, &view)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Setting, parse};
    use crate::ageing::Ageing;

    #[test]
    fn a_step_is_a_duration_within_its_bounds_or_off() {
        let every = |seconds| {
            Ok(Setting(Some(
                Ageing::every(Duration::from_secs(seconds)).unwrap(),
            )))
        };
        assert_eq!(parse("10m"), every(600));
        assert_eq!(parse("1"), every(1));
        assert_eq!(parse("366d"), every(366 * 86_400));
        assert_eq!(parse("off"), Ok(Setting(None)));
        for (text, sentence) in [
            ("0", "from 1 second to 366 days"),
            ("999ms", "from 1 second to 366 days"),
            ("367d", "from 1 second to 366 days"),
            ("none", "`off` ends the ageing"),
            ("", "`off` ends the ageing"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(sentence), "{text}: {refused}");
        }
    }
}
