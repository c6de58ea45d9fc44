//! Options shared by every measuring verb.

use std::path::PathBuf;

use super::Form;

/// Folder to measure in, and output form.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Output form
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        default_value = "table",
        value_name = "FORM"
    )]
    pub(crate) form: Form,
    /// Folder for the databases, on the disk to be measured [default: the system's folder for temporary
    /// files]
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}
