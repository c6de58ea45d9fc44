//! `top`: one screen that shows how things stand, with keys to look closer and to steer.

mod act;
mod draw;
mod driver;
mod keys;
mod rates;
mod reading;

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::program::{Access, Context};
use super::{Failure, duration, folded, moment};
use crate::queue::Queue;
use draw::Scene;
use keys::Keys;
use reading::{Caption, Reading, recent};

/// Shortest and longest time between two readings.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3_600);

/// Watch queues, running and failed tasks on one screen, and steer them
///
/// Shows rates, ages, queues, the tasks that run and those that failed last. The arrows select a row;
/// `l` shows the output of its task, `w` why it runs or how it ended; `r` retries, `c` cancels, `p`
/// pauses or resumes a queue, `f` shows one queue alone; `?` shows all keys, `q` quits.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Time between two readings: 100ms to 1h
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    interval: Duration,

    /// Print all rows once as plain text, and end
    #[arg(long)]
    once: bool,

    /// Show everything and change nothing
    #[arg(long)]
    read_only: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    if (SHORTEST..=LONGEST).contains(&interval) {
        Ok(interval)
    } else {
        Err("the time between two readings must be from 100ms to 1h".to_owned())
    }
}

/// Shows the file until `q` or a signal, or once.
///
/// # Errors
/// As the engine; [`Failure::Usage`] without a terminal.
pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    if context.printer.is_json() {
        let status = context.command("-o json");
        let sentence = format!("top is for people; {status} shows the same to programs");
        return Err(Failure::Usage(sentence));
    }
    if arguments.once {
        return once(context, arguments.read_only);
    }
    if !context.printer.terminal || !io::stdin().is_terminal() {
        let status = context.command("status");
        let sentence = format!(
            "top needs a terminal for its keys and its screen; --once prints all rows, and {status} \
             the counts"
        );
        return Err(Failure::Usage(sentence));
    }
    let access = if arguments.read_only {
        Access::Read
    } else {
        Access::Write
    };
    let queue = context.open_to_stay(access, "top")?;
    driver::run(context, &queue, arguments.interval, arguments.read_only)
}

fn once<Q: Queue>(context: &Context<Q>, is_read_only: bool) -> Result<(), Failure> {
    let (queue, is_folded) = if is_read_only {
        (context.open(Access::Read)?, false)
    } else {
        folded::open(context)?
    };
    let mut reading = Reading::read(&queue, false, None)?;
    reading.has_queue_rates = is_folded;
    let rates = is_folded.then(|| recent(&queue)).transpose()?;
    let now = reading.now.wall;
    let mut caption = Caption::new(context);
    caption.clock = moment::shown(now, &jiff::tz::TimeZone::system());
    let scene = Scene {
        caption: &caption,
        reading: &reading,
        rates: rates.as_ref(),
        keys: &Keys::new(false),
        now,
        color: false,
    };
    let text = draw::plain(&scene, context.printer.width());
    context.printer.raw(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn an_interval_is_from_a_tenth_of_a_second_to_an_hour() {
        assert_eq!(interval("0.5").unwrap().as_millis(), 500);
        for text in ["0", "99ms", "61m", "x"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
