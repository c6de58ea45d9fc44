//! The work of a task: a command, or a call of a handler.

use crate::error::{Error, Result};

/// Most bytes in a shell command or in one argument; the kernel's `MAX_ARG_STRLEN` less the final
/// NUL.
pub const MAX_ARGUMENT_BYTES: usize = 131_071;
/// Most bytes in all arguments of a command together.
pub const MAX_ARGUMENTS_BYTES: usize = 1 << 20;
/// Most bytes in a handler's payload.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// Work of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// Command line for `/bin/sh -c`.
    Shell(String),
    /// Program and its arguments, started without a shell.
    Argv(Vec<String>),
    /// Call of user code that the worker's process registered under a name.
    Handler {
        /// Name of the handler.
        handler: String,
        /// Bytes for the handler; the queue does not look inside.
        payload: Vec<u8>,
    },
}

impl Work {
    /// Code in `queue_tasks.kind`.
    pub const fn kind(&self) -> i64 {
        match self {
            Self::Shell(_) => 0,
            Self::Argv(_) => 1,
            Self::Handler { .. } => 2,
        }
    }

    /// Name of the handler; empty for commands, as in `queue_queues.handler`.
    pub fn handler(&self) -> &str {
        match self {
            Self::Handler { handler, .. } => handler,
            Self::Shell(_) | Self::Argv(_) => "",
        }
    }

    /// Bytes for `queue_tasks.payload`. NUL, which no argument contains, joins the arguments.
    pub fn to_payload(&self) -> std::borrow::Cow<'_, [u8]> {
        match self {
            Self::Shell(command) => command.as_bytes().into(),
            Self::Argv(arguments) => arguments.join("\0").into_bytes().into(),
            Self::Handler { payload, .. } => payload.into(),
        }
    }

    /// Work of a stored row.
    ///
    /// # Errors
    /// [`Error::Bug`] for a kind this program does not know or a command that is not UTF-8.
    pub fn from_row(kind: i64, handler: &str, payload: Vec<u8>) -> Result<Self> {
        let text = |bytes| {
            String::from_utf8(bytes).map_err(|_| Error::Bug {
                what: "a stored command is not UTF-8".to_owned(),
            })
        };
        match kind {
            0 => Ok(Self::Shell(text(payload)?)),
            1 => Ok(Self::Argv(
                text(payload)?.split('\0').map(str::to_owned).collect(),
            )),
            2 => Ok(Self::Handler {
                handler: handler.to_owned(),
                payload,
            }),
            other => Err(Error::Bug {
                what: format!("a stored task is of kind {other}, which this version cannot run"),
            }),
        }
    }

    /// Highest kind that this version knows.
    pub const NEWEST_KIND: i64 = 2;

    /// As [`from_row`](Self::from_row), for a task that will not run. Work of a kind that only a
    /// newer version knows becomes a call of a handler that no worker has.
    pub fn known(kind: i64, handler: &str, payload: Vec<u8>) -> Self {
        let read = Self::from_row(kind, handler, payload.clone());
        read.unwrap_or_else(|_| Self::Handler {
            handler: format!("of kind {kind}"),
            payload,
        })
    }

    /// The command as a person would type it; handlers show their name.
    pub fn display(&self) -> String {
        match self {
            Self::Shell(command) => command.clone(),
            Self::Argv(arguments) => arguments
                .iter()
                .map(|argument| quote(argument))
                .collect::<Vec<_>>()
                .join(" "),
            Self::Handler { handler, .. } => format!("handler {handler}"),
        }
    }
}

/// Argument as a POSIX shell would read it back.
fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}
