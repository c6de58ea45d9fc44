//! `replay`: runs recorded workflows through workflow-queue, beside a loop without a queue. A journal
//! written by the tasks shows whether each ran once and in order.

mod bare;
mod journal;
mod play;
mod report;
mod shape;
mod trace;
mod wfformat;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use queue_core::cli::escape;
use queue_core::sqlite::Durability;

use crate::measure::{Subject, interleaved};
use crate::report::Common;
use crate::report::document::{Document, Failed, Form, Kind};
use crate::{Result, Verdict, print};
use play::{Play, Way};
use report::{Replayed, Setting};
use trace::Trace;

/// Longest displayed part of an untrusted text, in characters.
const MAX_SHOWN: usize = 1_000;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// Traces in `WfFormat` 1.5
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Make every command sleep for its recorded runtime times SCALE; without it commands do nothing
    #[arg(long, value_name = "SCALE", value_parser = scale)]
    sleep: Option<f64>,
    /// Number of tasks that run at once [default: the number of cores]
    #[arg(long)]
    slots: Option<NonZeroU32>,
    /// Durability of a commit
    #[arg(long, value_enum, default_value = "fast", value_name = "LEVEL")]
    durability: Level,
    /// Number of rounds; each way of running a trace has one run per round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    #[command(flatten)]
    common: Common,
}

/// Levels of durability, as command-line values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    /// Survives a crash of any process
    Fast,
    /// Survives a power cut too
    Full,
}

impl Level {
    /// Its word on the command line and in print.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Full => "full",
        }
    }
}

impl From<Level> for Durability {
    fn from(level: Level) -> Self {
        match level {
            Level::Fast => Self::Fast,
            Level::Full => Self::Full,
        }
    }
}

fn scale(text: &str) -> Result<f64> {
    let scale: f64 = text.parse()?;
    if scale > 0.0 && scale <= 1_000.0 {
        return Ok(scale);
    }
    Err("it must be more than 0 and at most 1000".into())
}

/// Replays every trace and prints the results. A file that cannot be replayed does not stop the others.
pub(crate) fn run(args: &ReplayArgs) -> Result<Verdict> {
    let folder = crate::folder(args.common.dir.as_deref())?;
    let slots = match args.slots {
        Some(slots) => slots,
        None => NonZeroU32::try_from(u32::try_from(available_parallelism()?.get())?)?,
    };
    let mut document = Document::begin(Kind::Replay, folder.path())?;
    let setting = Setting {
        sleep: args.sleep,
        slots,
        durability: args.durability,
        rounds: args.rounds,
    };
    let shows = args.common.form == Form::Table;
    if shows {
        print(&setting.head(document.disk_probe_us))?;
    }
    let (mut all, mut broken, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for file in &args.files {
        match replay(&setting, file, folder.path()) {
            Ok(replayed) => {
                if shows {
                    print(&replayed.text())?;
                }
                broken.extend(replayed.faults.iter().map(|fault| failure(file, fault)));
                all.push(replayed);
            }
            Err(error) => failed.push(failure(file, &error.to_string())),
        }
    }
    let verdict = verdict(&broken, &failed);
    if !shows {
        report::fill(&mut document, &setting, &all);
        document.failed = [broken, failed].concat();
        print(&document.json()?)?;
    }
    verdict
}

/// Verdict of all traces. An engine's misbehaviour outweighs a file that cannot be replayed.
fn verdict(broken: &[Failed], failed: &[Failed]) -> Result<Verdict> {
    let [broken, failed] = [broken, failed].map(sentences);
    if !broken.is_empty() {
        return Ok(Verdict::Broken([broken, failed].concat()));
    }
    if !failed.is_empty() {
        return Err(format!("not replayed: {}", failed.join("\nnot replayed: ")).into());
    }
    Ok(Verdict::Passed)
}

/// A fault of a file, escaped for display.
fn failure(file: &Path, why: &str) -> Failed {
    Failed {
        case: shown(&file.to_string_lossy()),
        why: shown(why),
    }
}

/// Untrusted text as one line of plain text.
fn shown(text: &str) -> String {
    let line = escape::line(text);
    let mut cut: String = line.chars().take(MAX_SHOWN).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

fn sentences(failed: &[Failed]) -> Vec<String> {
    let sentence = |one: &Failed| format!("{}: {}", one.case, one.why);
    failed.iter().map(sentence).collect()
}

/// Runs one trace in every way, in turns.
fn replay(setting: &Setting, file: &Path, folder: &Path) -> Result<Replayed> {
    let trace = Trace::new(wfformat::read(file)?)?;
    let sleeps = setting.sleep.map(|scale| trace.scaled(scale)).transpose()?;
    let play = Play {
        trace: &trace,
        sleeps: sleeps.as_deref(),
        slots: setting.slots,
        durability: setting.durability.into(),
    };
    let ways: &[Way] = match sleeps {
        None => &[Way::Bare, Way::Commands, Way::Handlers],
        // A handler that sleeps would show no more than a command does.
        Some(_) => &[Way::Bare, Way::Commands],
    };
    let subject = |way: &Way| -> Subject<'_, _> {
        let way = *way;
        Box::new(move || play.run(way, folder))
    };
    let subjects = ways.iter().map(subject).collect();
    let samples = interleaved(usize::try_from(setting.rounds)?, subjects)?;
    let name = file.file_name().unwrap_or(file.as_os_str());
    let name = shown(&name.to_string_lossy());
    Replayed::new(name, &play, ways.iter().copied().zip(&samples))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{MAX_SHOWN, failure, scale, sentences, shown, verdict};
    use crate::Verdict;

    #[test]
    fn a_fault_of_a_file_is_one_line_of_plain_text() {
        let failed = failure(Path::new("a\u{1b}[31m.json"), "it names \"b\n\"");
        assert_eq!(sentences(&[failed]), ["a\\x1b[31m.json: it names \"b\\n\""]);
        assert_eq!(
            shown(&"\0".repeat(MAX_SHOWN)).chars().count(),
            MAX_SHOWN + 1
        );
    }

    #[test]
    fn a_fault_of_an_engine_outweighs_a_file_that_cannot_be_replayed() {
        let one = |case: &str| [failure(Path::new(case), "why")];
        let both = verdict(&one("a"), &one("b")).unwrap();
        let told = ["a: why", "b: why"].map(str::to_owned);
        assert_eq!(both, Verdict::Broken(told.to_vec()));
        let failed = verdict(&[], &one("b")).unwrap_err().to_string();
        assert_eq!(failed, "not replayed: b: why");
        assert_eq!(verdict(&[], &[]).unwrap(), Verdict::Passed);
    }

    #[test]
    fn a_scale_is_a_positive_number() {
        assert!((scale("0.5").unwrap() - 0.5).abs() < 1e-9);
        for text in ["0", "-1", "nan", "inf", "1001", "half", ""] {
            assert!(scale(text).is_err(), "{text}");
        }
    }
}
