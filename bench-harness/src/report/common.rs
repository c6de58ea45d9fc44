//! What every measuring verb is asked alike.

use std::path::PathBuf;

use super::Form;

/// Where to measure, and how to print it.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// The form of what is printed
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        default_value = "table",
        value_name = "FORM"
    )]
    pub(crate) form: Form,
    /// Folder for the databases, on the disk to be measured [default: the system's for temporary
    /// files]
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}
