//! Many tasks from a text: a command a line, or a JSON object a line.

use std::collections::BTreeMap;

use super::super::command_name::name_of;
use super::super::option_values::{at, folder, millis, set_backoff};
use super::super::{Failure, number};
use super::field::{Fields, Length, TEXT, Written, field, without_line};
use crate::clock::Timestamp;
use crate::task::{NewTask, Work, check_name};

/// Character that some editors put at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A line that holds a task.
#[derive(Debug)]
pub(in super::super) struct TaskLine {
    /// Its number, from 1.
    pub(in super::super) number: usize,
    /// Its text without the line end.
    pub(in super::super) text: String,
    /// Its task.
    pub(in super::super) task: NewTask,
    /// Fields of its object that only one program has.
    pub(in super::super) fields: Fields,
}

/// Form of the lines of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum LineForm {
    /// A line that begins with `{` is a JSON object, any other a command.
    Either,
    /// Every line is a command.
    Commands,
    /// Every line is a JSON object.
    Json,
}

/// The fields of every program, as messages name them.
const FIELDS: &[&str] = &[
    "name",
    "command",
    "argv",
    "priority",
    "queue",
    "delay",
    "at",
    "hold",
    "key",
    "max_attempts",
    "max_crashes",
    "backoff",
    "timeout",
    "retry_codes",
    "fatal_codes",
    "cwd",
    "env",
    "shell",
    "merge_output",
];

/// A line of JSON. The fields are named as the options of `add-task`; dashes may stand for the
/// underscores.
struct Line {
    name: Option<String>,
    command: Option<String>,
    argv: Option<Vec<String>>,
    priority: Option<i32>,
    queue: Option<String>,
    delay: Option<Length>,
    at: Option<String>,
    hold: Option<bool>,
    key: Option<String>,
    max_attempts: Option<u32>,
    max_crashes: Option<u32>,
    backoff: Option<Length>,
    timeout: Option<Length>,
    retry_codes: Option<Vec<u8>>,
    fatal_codes: Option<Vec<u8>>,
    cwd: Option<String>,
    env: Option<BTreeMap<String, String>>,
    shell: Option<String>,
    merge_output: Option<bool>,
}

impl Line {
    /// Removes its fields from `fields` and leaves the others.
    fn take(fields: &mut Fields) -> Result<Self, String> {
        const CODES: &str = "a list of numbers from 0 to 255";
        let priority = number::form(&(i32::MIN..=i32::MAX));
        let attempts = number::form(&(1..=u32::MAX));
        Ok(Self {
            name: field(fields, "name", TEXT)?,
            command: field(fields, "command", TEXT)?,
            argv: field(fields, "argv", "a list of strings")?,
            priority: field(fields, "priority", &priority)?,
            queue: field(fields, "queue", TEXT)?,
            delay: field(fields, "delay", Length::FORM)?,
            at: field(fields, "at", TEXT)?,
            hold: field(fields, "hold", "true or false")?,
            key: field(fields, "key", TEXT)?,
            max_attempts: field(fields, "max_attempts", &attempts)?,
            max_crashes: field(fields, "max_crashes", &attempts)?,
            backoff: field(fields, "backoff", Length::FORM)?,
            timeout: field(fields, "timeout", Length::FORM)?,
            retry_codes: field(fields, "retry_codes", CODES)?,
            fatal_codes: field(fields, "fatal_codes", CODES)?,
            cwd: field(fields, "cwd", TEXT)?,
            env: field(fields, "env", "an object whose values are strings")?,
            shell: field(fields, "shell", TEXT)?,
            merge_output: field(fields, "merge_output", "true or false")?,
        })
    }
}

/// Reads all tasks of a text; `template` has the values that a line leaves out. `extend` converts
/// each task, from the number of its line and its fields that are among `others`.
///
/// # Errors
/// A usage failure that names the first wrong line.
pub(in super::super) fn read<T>(
    bytes: &[u8],
    template: &NewTask,
    others: &'static [&'static str],
    now: Timestamp,
    mut extend: impl FnMut(usize, NewTask, Fields) -> Result<T, String>,
) -> Result<Vec<T>, Failure> {
    let reader = LineReader {
        template,
        form: LineForm::Either,
        others,
        now,
    };
    let mut tasks = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let task = reader.parse(line).and_then(|parsed| {
            let extended = parsed.map(|(_, task, fields)| extend(index + 1, task, fields));
            extended.transpose()
        });
        tasks.extend(task.map_err(|sentence| wrong(index + 1, &sentence))?);
    }
    Ok(tasks)
}

/// Reads all tasks of a text in that form with their lines, as [`read`] does.
///
/// # Errors
/// As [`read`].
pub(in super::super) fn read_lines(
    bytes: &[u8],
    form: LineForm,
    template: &NewTask,
    others: &'static [&'static str],
    now: Timestamp,
) -> Result<Vec<TaskLine>, Failure> {
    let reader = LineReader {
        template,
        form,
        others,
        now,
    };
    let mut lines = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let task = reader.parse(line);
        let task = task.map_err(|sentence| wrong(index + 1, &sentence))?;
        lines.extend(task.map(|(text, task, fields)| TaskLine {
            number: index + 1,
            text,
            task,
            fields,
        }));
    }
    Ok(lines)
}

/// Refusal of the line of that number, from 1, and so of all lines.
pub(in super::super) fn wrong(number: usize, sentence: &str) -> Failure {
    Failure::Usage(format!("line {number}: {sentence}; no line was enqueued"))
}

/// Reader of lines.
struct LineReader<'a> {
    template: &'a NewTask,
    form: LineForm,
    others: &'static [&'static str],
    now: Timestamp,
}

impl LineReader<'_> {
    /// The text of a line, its task and the fields that only this program has; `None` for a line
    /// without a task.
    fn parse(&self, line: &[u8]) -> Result<Option<(String, NewTask, Fields)>, String> {
        let line = str::from_utf8(line).map_err(|_| "it is not valid UTF-8".to_owned())?;
        // Editors put a byte order mark at the beginning of a file; joined files have them within.
        let line = line.trim_start_matches(BYTE_ORDER_MARK);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return Ok(None);
        }
        let mut task = self.template.clone();
        let mut fields = Fields::new();
        match self.form {
            LineForm::Either | LineForm::Json if trimmed.starts_with('{') => {
                fields = self.fill(&mut task, trimmed)?;
            }
            LineForm::Either | LineForm::Commands => task.work = Work::Shell(line.to_owned()),
            LineForm::Json => {
                let why = "it is not a JSON object, which begins with {; commands of their own \
                           take `--format lines`";
                return Err(why.to_owned());
            }
        }
        if task.name.is_empty() {
            task.name = name_of(&task.work.display());
        }
        task.validate().map_err(|error| error.to_string())?;
        Ok(Some((line.to_owned(), task, fields)))
    }

    fn fill(&self, task: &mut NewTask, json: &str) -> Result<Fields, String> {
        let refused = |why: &dyn std::fmt::Display| {
            format!("it begins with {{ and so must be a JSON object with known fields: {why}")
        };
        let written: Written =
            serde_json::from_str(json).map_err(|error| refused(&without_line(&error)))?;
        let mut fields = Fields::new();
        for (name, value) in written.0 {
            // Dashes may stand for the underscores.
            let plain = name.replace('-', "_");
            if !FIELDS.contains(&plain.as_str()) && !self.others.contains(&plain.as_str()) {
                let known = [FIELDS, self.others].concat().join("`, `");
                let why = format!("unknown field `{name}`, expected one of `{known}`");
                return Err(refused(&why));
            }
            if fields.insert(plain, value).is_some() {
                return Err(refused(&format!("duplicate field `{name}`")));
            }
        }
        fill(task, Line::take(&mut fields)?, self.now)?;
        Ok(fields)
    }
}

fn fill(task: &mut NewTask, line: Line, now: Timestamp) -> Result<(), String> {
    task.work = match (line.command, line.argv) {
        (Some(command), None) if command.trim().is_empty() => {
            return Err("a command must not be empty".to_owned());
        }
        (Some(command), None) => Work::Shell(command),
        (None, Some(argv)) if argv.is_empty() => {
            return Err("`argv` is empty; it begins with the program".to_owned());
        }
        (None, Some(_)) if line.shell.is_some() => {
            return Err("it has both `shell` and `argv`, but no shell runs an `argv`".to_owned());
        }
        (None, Some(argv)) => Work::Argv(argv),
        (Some(_), Some(_)) => {
            return Err("it has both `command` and `argv`; give one of them".to_owned());
        }
        (None, None) => return Err("it needs either `command` or `argv`".to_owned()),
    };
    if let Some(name) = &line.name {
        check_name("a task's name", name).map_err(|error| error.to_string())?;
    }
    let options = &mut task.options;
    replace(&mut task.name, line.name);
    replace(&mut task.queue, line.queue);
    replace(&mut task.priority, line.priority);
    replace(&mut task.held, line.hold);
    replace(&mut options.max_attempts, line.max_attempts);
    replace(&mut options.max_crashes, line.max_crashes);
    replace(&mut options.merge_output, line.merge_output);
    match (&task.work, line.shell) {
        (Work::Argv(_), _) => options.shell = None,
        (_, None) => {}
        (_, Some(shell)) => options.shell = Some(shell),
    }
    replace(&mut options.retry_codes, line.retry_codes.map(codes));
    replace(&mut options.fatal_codes, line.fatal_codes.map(codes));
    task.key = line.key.map(String::into_bytes);
    if let Some(backoff) = line.backoff {
        set_backoff(options, backoff.duration("backoff")?);
    }
    if let Some(timeout) = line.timeout {
        options.timeout_ms = Some(millis(timeout.duration("timeout")?));
    }
    if let Some(cwd) = line.cwd {
        options.cwd = Some(folder(&cwd).map_err(|error| error.to_string())?);
    }
    for (name, value) in line.env.unwrap_or_default() {
        options.env.retain(|(own, _)| *own != name);
        options.env.push((name, value));
    }
    match (line.at, line.delay) {
        (Some(_), Some(_)) => return Err("it has both `at` and `delay`".to_owned()),
        (Some(text), None) => {
            task.run_at = Some(at(&text, now).map_err(|error| error.to_string())?);
        }
        (None, Some(delay)) => task.run_at = Some(now.after(delay.duration("delay")?)),
        (None, None) => {}
    }
    task.run_at = task.run_at.filter(|at| *at > now);
    Ok(())
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn codes(codes: Vec<u8>) -> Vec<i32> {
    codes.into_iter().map(i32::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LineForm, read_lines};
    use crate::clock::Timestamp;
    use crate::task::{NewTask, Work};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn tasks(input: &str) -> Result<Vec<NewTask>, String> {
        let template = NewTask::shell("", "").priority(2);
        read(input, LineForm::Either, &template)
    }

    fn read(input: &str, form: LineForm, template: &NewTask) -> Result<Vec<NewTask>, String> {
        let lines = read_lines(input.as_bytes(), form, template, &[], NOW);
        let lines = lines.map_err(|failure| failure.sentence())?;
        Ok(lines.into_iter().map(|line| line.task).collect())
    }

    #[test]
    fn a_form_decides_whether_a_line_is_a_command_or_an_object() {
        let template = NewTask::shell("", "");
        let group = "{ echo a; echo b; }";
        assert!(read(group, LineForm::Either, &template).is_err());
        let commands = read(group, LineForm::Commands, &template).unwrap();
        assert_eq!(commands[0].work, Work::Shell(group.to_owned()));
        let object = "# a remark\n{\"command\":\"b\"}\n";
        let tasks = read(object, LineForm::Json, &template).unwrap();
        assert_eq!(tasks[0].work, Work::Shell("b".to_owned()));
        let sentence = read("{\"command\":\"b\"}\ntrue", LineForm::Json, &template).unwrap_err();
        assert!(
            sentence.starts_with("line 2: it is not a JSON object"),
            "{sentence}"
        );
    }

    #[test]
    fn a_line_is_a_command_with_the_defaults_of_the_arguments() {
        let tasks = tasks("echo a\n\n# no task\n  echo 'b c'\r\n").unwrap();
        let commands: Vec<_> = tasks.iter().map(|task| task.work.clone()).collect();
        let shell = |text: &str| Work::Shell(text.to_owned());
        assert_eq!(commands, [shell("echo a"), shell("  echo 'b c'")]);
        assert_eq!(tasks[0].name, "echo a");
        assert!(tasks.iter().all(|task| task.priority == 2));
    }

    /// In a file that began with a byte order mark, the first command was not found, and a comment
    /// ran.
    #[test]
    fn byte_order_marks_are_not_part_of_a_line() {
        let marked =
            "\u{feff}# no task\r\n\u{feff}echo a\r\n\u{feff}{\"command\":\"b\"}\r\n\u{feff}\n";
        let commands: Vec<_> = tasks(marked)
            .unwrap()
            .into_iter()
            .map(|task| task.work)
            .collect();
        let shell = |text: &str| Work::Shell(text.to_owned());
        assert_eq!(commands, [shell("echo a"), shell("b")]);
    }

    #[test]
    fn a_line_of_json_says_everything_the_options_say() {
        let line = r#"{"name":"n","argv":["a","b c"],"priority":-1,"delay":"1m","max_attempts":1,
            "max-crashes":2,"backoff":"10m","timeout":1.5,"retry_codes":[75],"fatal-codes":[2],
            "cwd":"/tmp","env":{"A":"1"},"key":"k","queue":"q"}"#
            .replace('\n', "");
        let task = tasks(&line).unwrap().remove(0);
        assert_eq!(
            task.work,
            Work::Argv(vec!["a".to_owned(), "b c".to_owned()])
        );
        assert_eq!((task.name.as_str(), task.queue.as_str()), ("n", "q"));
        assert_eq!(task.priority, -1);
        assert_eq!(task.run_at, Some(Timestamp(1_060_000)));
        assert_eq!(task.key.as_deref(), Some(b"k".as_slice()));
        let options = task.options;
        assert_eq!((options.max_attempts, options.max_crashes), (1, 2));
        assert_eq!(
            (options.backoff_ms, options.max_backoff_ms),
            (600_000, 600_000)
        );
        assert_eq!(options.timeout_ms, Some(1500));
        assert_eq!(
            (options.retry_codes, options.fatal_codes),
            (vec![75], vec![2])
        );
        assert_eq!(options.cwd.as_deref(), Some("/tmp"));
        assert_eq!(options.env, [("A".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_wrong_line_is_named_and_nothing_is_enqueued() {
        for (input, expected) in [
            ("true\n{", "line 2:"),
            ("{}", "line 1: it needs either"),
            (
                r#"{"command":"x","argv":["y"]}"#,
                "it has both `command` and `argv`; give one of them",
            ),
            (
                r#"{"argv":[]}"#,
                "`argv` is empty; it begins with the program",
            ),
            (r#"{"command":" "}"#, "a command must not be empty"),
            (
                r#"{"name":"","command":"x"}"#,
                "a task's name must not be empty",
            ),
            (
                r#"{"command":"x","priority":"5"}"#,
                "line 1: priority: it must be a whole number from -2147483648 to 2147483647;",
            ),
            (
                r#"{"command":"x","env":{"A":1}}"#,
                "line 1: env: it must be an object whose values are strings;",
            ),
            (
                r#"{"command":"x","cwd":""}"#,
                "the folder to run in is empty",
            ),
            (r#"{"command":}"#, "expected value at column 12;"),
            (r#"{"command":"x","command":"y"}"#, "duplicate field"),
            (r#"{"command":"x","nmae":"y"}"#, "nmae"),
            (r#"{"command":""}"#, "must not be empty"),
            (r#"{"command":"x\u0000"}"#, "NUL"),
            (
                r#"{"command":"x","delay":-1}"#,
                "delay: a duration must not be negative",
            ),
            (r#"{"command":"x","delay":1e300}"#, "delay: "),
            (r#"{"command":"x","timeout":"NaN"}"#, "timeout: "),
            (
                r#"{"command":"x","priority":2147483648}"#,
                "priority: it must",
            ),
            (r#"{"command":"x","retry-codes":[256]}"#, "0 to 255"),
            (r#"{"command":"x","at":"later"}"#, "point in time"),
            (r#"{"command":"x","max_attempts":0}"#, "at least 1"),
        ] {
            let sentence = tasks(input).unwrap_err();
            assert!(sentence.contains(expected), "{input}: {sentence}");
            assert!(sentence.ends_with("no line was enqueued"), "{sentence}");
        }
        let bytes: &[u8] = b"true\n\xff\xfe\n";
        let failure =
            read_lines(bytes, LineForm::Either, &NewTask::shell("", ""), &[], NOW).unwrap_err();
        assert!(
            failure
                .sentence()
                .starts_with("line 2: it is not valid UTF-8")
        );
    }

    proptest! {
        #[test]
        fn no_input_panics(input: Vec<u8>) {
            let _ = read_lines(&input, LineForm::Either, &NewTask::shell("", ""), &[], NOW);
        }
    }
}
