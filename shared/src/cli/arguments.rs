//! The verbs both programs share.

use clap::Subcommand;

use super::program::Context;
#[cfg(feature = "top")]
use super::top;
use super::{
    Failure, backup, cancel, complete, completions, config, doctor, edit, health, history, hold,
    log, man, metrics, pause, prune, reap, release, reprioritize, rerun, restore, salvage, service,
    settings, show, shrink, start, verify, wait, why, workers,
};
use crate::queue::Queue;

/// Description of `clean`, whose arguments are those of `prune`.
const CLEAN: &str = "Delete succeeded tasks of any age, with their output; see prune";

/// Description of `follow`, whose arguments are those of `log`.
const FOLLOW: &str = "Show the output of tasks as it comes, as log --follow does";

/// A verb that is the same in both programs.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "clap would show docs here in place of the docs of each verb's arguments"
)]
pub enum Verb {
    Show(show::Arguments),
    History(history::Arguments),
    Log(log::Arguments),
    #[command(about = FOLLOW, long_about = None)]
    Follow(log::Arguments),
    Wait(wait::Arguments),
    Why(why::Arguments),
    #[command(visible_alias = "kill")]
    Cancel(cancel::Arguments),
    Edit(Box<edit::Arguments>),
    Hold(hold::Arguments),
    Release(release::Arguments),
    Start(start::Arguments),
    #[command(visible_alias = "restart")]
    Rerun(rerun::Arguments),
    Reprioritize(reprioritize::Arguments),
    Pause(pause::Arguments),
    Resume(pause::ResumeArguments),
    Workers(workers::Arguments),
    Reap(reap::Arguments),
    Prune(prune::Arguments),
    #[command(about = CLEAN, long_about = None)]
    Clean(prune::Arguments),
    #[cfg(feature = "top")]
    Top(top::Arguments),
    Settings(settings::Arguments),
    Service(service::Arguments),
    Health(health::Arguments),
    Metrics(metrics::Arguments),
    Doctor(doctor::Arguments),
    Verify(verify::Arguments),
    Shrink(shrink::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Salvage(salvage::Arguments),
    Config(config::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    #[command(hide = true)]
    Complete(complete::Arguments),
}

impl Verb {
    /// Runs the verb.
    ///
    /// # Errors
    /// The failure that ends the verb, with its exit code.
    pub fn run<Q: Queue>(self, context: &Context<Q>) -> Result<(), Failure> {
        match self {
            Self::Show(arguments) => show::run(context, &arguments),
            Self::History(arguments) => history::run(context, &arguments),
            Self::Log(arguments) => log::run(context, &arguments),
            Self::Follow(arguments) => log::follow(context, arguments),
            Self::Wait(arguments) => wait::run(context, &arguments),
            Self::Why(arguments) => why::run(context, &arguments),
            Self::Cancel(arguments) => cancel::run(context, &arguments),
            Self::Edit(arguments) => edit::run(context, &arguments),
            Self::Hold(arguments) => hold::run(context, &arguments),
            Self::Release(arguments) => release::run(context, &arguments),
            Self::Start(arguments) => start::run(context, &arguments),
            Self::Rerun(arguments) => rerun::run(context, &arguments),
            Self::Reprioritize(arguments) => reprioritize::run(context, &arguments),
            Self::Pause(arguments) => pause::pause(context, &arguments),
            Self::Resume(arguments) => pause::resume(context, &arguments),
            Self::Workers(arguments) => workers::run(context, &arguments),
            Self::Reap(arguments) => reap::run(context, &arguments),
            Self::Prune(arguments) => prune::run(context, &arguments),
            Self::Clean(arguments) => prune::clean(context, arguments),
            #[cfg(feature = "top")]
            Self::Top(arguments) => top::run(context, &arguments),
            Self::Settings(arguments) => settings::run(context, &arguments),
            Self::Service(arguments) => service::run(context, &arguments),
            Self::Health(arguments) => health::run(context, &arguments),
            Self::Metrics(arguments) => metrics::run(context, &arguments),
            Self::Doctor(arguments) => doctor::run(context, &arguments),
            Self::Verify(arguments) => verify::run(context, &arguments),
            Self::Shrink(arguments) => shrink::run(context, &arguments),
            Self::Backup(arguments) => backup::run(context, &arguments),
            Self::Restore(arguments) => restore::run(context, &arguments),
            Self::Salvage(arguments) => salvage::run(context, &arguments),
            Self::Complete(arguments) => complete::run(context, &arguments),
            Self::Config(arguments) => config::run(context, &arguments),
            Self::Completions(arguments) => {
                completions::run(context.printer, &arguments, (context.program.command)())
            }
            Self::Man(arguments) => {
                man::run(context.printer, &arguments, (context.program.command)())
            }
        }
    }
}
