//! The services that arguments name.

use super::super::program::{Access, Context};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::services::{self, Scope, ServiceUnit};

/// The service manager.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct Manager {
    /// Services of the system, not of this user
    #[arg(long)]
    system: bool,
}

impl Manager {
    pub(super) fn scope(self) -> Scope {
        if self.system {
            Scope::System
        } else {
            Scope::User
        }
    }
}

/// The services of that name, or several.
#[derive(clap::Args, Debug)]
pub(super) struct Named {
    /// The services
    #[arg(value_name = "NAME", required = true, num_args = 1..)]
    names: Vec<String>,

    #[command(flatten)]
    manager: Manager,
}

impl Named {
    pub(super) fn scope(&self) -> Scope {
        self.manager.scope()
    }

    /// Their units.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the first that is no service of this file.
    pub(super) fn units<Q: Queue>(&self, context: &Context<Q>) -> Result<Vec<ServiceUnit>> {
        chosen(context, self.scope(), &self.names)
    }
}

/// All services of this file.
///
/// # Errors
/// Those of opening the file, and of reading the folder of unit files.
pub(super) fn all<Q: Queue>(context: &Context<Q>, scope: Scope) -> Result<Vec<ServiceUnit>> {
    let file = context.open(Access::Read)?.file_id()?;
    services::found(scope, file)
}

/// The services of these names, each once, in this order.
///
/// # Errors
/// [`Error::NotFound`] for the first that is no service of this file.
pub(super) fn chosen<Q: Queue>(
    context: &Context<Q>,
    scope: Scope,
    names: &[String],
) -> Result<Vec<ServiceUnit>> {
    let all = all(context, scope)?;
    let mut units: Vec<ServiceUnit> = Vec::new();
    for name in names {
        let name = name.strip_suffix(".service").unwrap_or(name);
        let before = units.len();
        units.extend(all.iter().filter(|unit| unit.name == name).cloned());
        if units.len() == before {
            let list = context.command("service list");
            let sentence = format!("this file has no service {name:?}; {list} shows them");
            return Err(Error::not_found(sentence));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    units.retain(|unit| seen.insert(unit.unit.clone()));
    Ok(units)
}
