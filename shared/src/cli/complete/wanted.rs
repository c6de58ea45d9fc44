//! The value that the last word of a command line stands for.

use clap::{Arg, Command};

/// Kind of a value that only the file knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Task,
    Name,
    Queue,
    Worker,
}

/// A command line whose last word has been begun.
pub(super) struct Line {
    words: Vec<String>,
    /// The verb, as the last command that was named.
    command: Command,
    /// Number of words before the last one that are neither options nor their values.
    positionals: usize,
    /// The option before the last word, if it takes a value.
    option: Option<Arg>,
    /// True if the last word follows `--`.
    is_argument: bool,
}

impl Line {
    /// A line of these words, of which the first is the program.
    pub(super) fn new(mut command: Command, words: &[String]) -> Self {
        command.build();
        let mut line = Self {
            words: words.to_vec(),
            command,
            positionals: 0,
            option: None,
            is_argument: false,
        };
        let before = words.split_last().map_or(&[][..], |(_, before)| before);
        for word in before.iter().skip(1) {
            line.step(word);
        }
        line
    }

    fn step(&mut self, word: &str) {
        if self.option.take().is_some() || self.is_argument {
            return;
        }
        if word == "--" {
            self.is_argument = true;
        } else if word.starts_with('-') && word.len() > 1 {
            if !word.contains('=') {
                self.option = self.find(word);
            }
        } else if let Some(verb) = self.command.find_subcommand(word) {
            self.command = verb.clone();
            self.positionals = 0;
        } else {
            self.positionals += 1;
        }
    }

    /// The option of that word, if it takes a value that is a word of its own.
    fn find(&self, word: &str) -> Option<Arg> {
        let is_meant = |option: &&Arg| match word.strip_prefix("--") {
            Some(long) => option.get_long() == Some(long),
            None => option
                .get_short()
                .is_some_and(|short| word.ends_with(short)),
        };
        let found = self.command.get_arguments().find(is_meant).cloned();
        found.filter(|option| option.get_action().takes_values())
    }

    /// The verb's own name.
    pub(super) fn verb(&self) -> &str {
        self.command.get_name()
    }

    /// The last word.
    pub(super) fn last(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// The path after `--db`.
    pub(super) fn database(&self) -> Option<&str> {
        let mut words = self.words.iter().map(String::as_str);
        let mut path = None;
        while let Some(word) = words.next() {
            if word == "--db" {
                path = words.next();
            } else if let Some(value) = word.strip_prefix("--db=") {
                path = Some(value);
            }
        }
        path
    }

    /// The value that is wanted, and its beginning.
    pub(super) fn wanted(&self) -> Option<(What, &str)> {
        let last = self.last();
        if self.is_argument {
            return None;
        }
        let argument = if let Some(option) = &self.option {
            option.clone()
        } else if last.starts_with('-') {
            let (option, _) = last.split_once('=')?;
            self.find(option)?
        } else {
            // The last one takes all further words.
            let positionals: Vec<&Arg> = self.command.get_positionals().collect();
            let own = positionals.get(self.positionals).or(positionals.last())?;
            (*own).clone()
        };
        let names = argument.get_value_names()?;
        let what = match names.first()?.split([':', '[']).next()? {
            "ID" => What::Task,
            "QUEUE" => What::Queue,
            "WORKER" => What::Worker,
            "TEXT" if argument.get_id() == "name" => What::Name,
            _ => return None,
        };
        Some((what, &last[self.kept()..]))
    }

    /// Length of the part of the last word that stays: an option, and earlier values of a list.
    fn kept(&self) -> usize {
        let last = self.last();
        let option = if last.starts_with('-') {
            last.find('=').map_or(0, |at| at + 1)
        } else {
            0
        };
        let value = &last[option..];
        if value.starts_with("name:") || value.starts_with("key:") {
            return option;
        }
        option + value.rfind(',').map_or(0, |at| at + 1)
    }

    /// The last word with that value at its end.
    pub(super) fn whole(&self, value: &str) -> String {
        format!("{}{value}", &self.last()[..self.kept()])
    }
}

/// The words that bash has split at `:` and `=`, whole again.
pub(super) fn joined(words: &[String]) -> Vec<String> {
    let is_break = |word: &str| matches!(word, ":" | "=");
    let mut whole: Vec<String> = Vec::new();
    let mut after_break = false;
    for word in words {
        let joins = after_break || is_break(word);
        match whole.last_mut().filter(|_| joins) {
            Some(last) => last.push_str(word),
            None => whole.push(word.clone()),
        }
        after_break = is_break(word);
    }
    whole
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::{Line, What, joined};

    fn command() -> Command {
        let ids = Arg::new("ids").value_name("ID").num_args(1..);
        let queue = Arg::new("queue").long("queue").value_name("QUEUE");
        let name = Arg::new("name").long("name").value_name("TEXT");
        let follow = Arg::new("follow").short('f').action(ArgAction::SetTrue);
        let db = Arg::new("db").long("db").global(true);
        Command::new("x")
            .arg(db)
            .subcommand(Command::new("log").visible_alias("out").args([ids, follow]))
            .subcommand(Command::new("list").args([queue, name]))
    }

    fn line(text: &str) -> Line {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        Line::new(command(), &words)
    }

    #[test]
    fn the_value_that_is_wanted_follows_from_the_words_before() {
        let wanted = |text: &str| {
            let line = line(text);
            line.wanted().map(|(what, begun)| (what, begun.to_owned()))
        };
        let task = |begun: &str| Some((What::Task, begun.to_owned()));
        let queue = |begun: &str| Some((What::Queue, begun.to_owned()));
        assert_eq!(wanted("x log "), task(""));
        assert_eq!(wanted("x --db y out -f 1"), task("1"));
        assert_eq!(wanted("x log 1 2"), task("2"));
        assert_eq!(wanted("x log 1,2"), task("2"));
        assert_eq!(wanted("x log name:a,b"), task("name:a,b"));
        assert_eq!(wanted("x list --queue ma"), queue("ma"));
        assert_eq!(wanted("x list --queue=ma"), queue("ma"));
        assert_eq!(
            wanted("x list --name b"),
            Some((What::Name, "b".to_owned()))
        );
        for text in ["x ", "x lo", "x log -", "x log -- 1", "x --db ", "x list "] {
            assert_eq!(wanted(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_replaces_only_the_part_that_was_begun() {
        assert_eq!(line("x log 1,2").whole("25"), "1,25");
        assert_eq!(line("x list --queue=m").whole("mail"), "--queue=mail");
        assert_eq!(line("x --db y log 1").database(), Some("y"));
        assert_eq!(line("x log --db=z 1").database(), Some("z"));
    }

    #[test]
    fn words_that_bash_split_are_whole_again() {
        let words = |text: &str| -> Vec<String> {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            joined(&words)
        };
        assert_eq!(words("x log name : bu"), ["x", "log", "name:bu"]);
        assert_eq!(words("x log name :"), ["x", "log", "name:"]);
        assert_eq!(words("x list --queue = m"), ["x", "list", "--queue=m"]);
    }
}
