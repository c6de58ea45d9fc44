//! `service log`: the output of services, as the journal has it.

use super::super::program::Context;
use super::super::{Failure, number};
use super::chosen::Named;
use crate::queue::Queue;
use crate::services;

/// Show the output of services, with the help of journalctl
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,

    /// Number of last lines to show
    #[arg(
        short = 'n',
        long,
        value_name = "NUMBER",
        default_value_t = 100,
        value_parser = number::within(1..=1_000_000_u32)
    )]
    lines: u32,

    /// Go on with new lines as they come
    #[arg(short, long)]
    follow: bool,
}

pub(super) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let units = arguments.named.units(context)?;
    let mut words = vec![format!("--lines={}", arguments.lines)];
    words.extend(arguments.follow.then(|| "--follow".to_owned()));
    services::journal(arguments.named.scope(), &words, &units)?;
    Ok(())
}
