//! Readings of the services of the file, kept for a moment: each is a call of systemd.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::BootTime;
use crate::error::Result;
use crate::queue::Queue;
use crate::services::{Scope, ServiceState, ServiceUnit, found, standings};

/// Time for which a reading is kept.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// Folder that is there while systemd manages the machine.
const BOOTED: &str = "/run/systemd/system";

/// Service of the file.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) unit: ServiceUnit,
    pub(super) scope: Scope,
    /// Its standing, if systemd told it.
    pub(super) standing: Option<ServiceState>,
}

/// Services of the file, those of its user first.
#[derive(Debug, Default)]
pub(super) struct ServiceReading {
    pub(super) services: Vec<Service>,
    /// Reasons why something is missing.
    pub(super) troubles: Vec<String>,
    /// True if systemd manages this machine.
    pub(super) is_booted: bool,
}

impl ServiceReading {
    fn take(file: i64) -> Self {
        let mut reading = Self {
            is_booted: Path::new(BOOTED).is_dir(),
            ..Self::default()
        };
        for scope in [Scope::User, Scope::System] {
            let (services, trouble) = services_of(scope, file);
            reading.services.extend(services);
            reading.troubles.extend(trouble);
        }
        reading
    }
}

/// The services of one manager, and the reason why they, or their standings, cannot be read.
fn services_of(scope: Scope, file: i64) -> (Vec<Service>, Option<String>) {
    let units = match found(scope, file) {
        Ok(units) => units,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let (standings, trouble) = match standings(scope, &units) {
        Ok(standings) => (standings, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let mut standings = standings.into_iter();
    let service = |unit| Service {
        unit,
        scope,
        standing: standings.next(),
    };
    (units.into_iter().map(service).collect(), trouble)
}

/// Reading that is kept between requests.
#[derive(Debug, Default)]
pub(super) struct ServiceReadings {
    kept: Mutex<Option<(BootTime, Arc<ServiceReading>)>>,
}

impl ServiceReadings {
    /// The reading of some moment of the last two seconds. Others wait for whoever reads.
    ///
    /// # Errors
    /// As [`Queue::file_id`].
    pub(super) fn get<Q: Queue>(&self, queue: &Q) -> Result<Arc<ServiceReading>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reading)) = &*kept
            && queue.now().boot.since(*at) < KEPT_FOR
        {
            return Ok(Arc::clone(reading));
        }
        let reading = Arc::new(ServiceReading::take(queue.file_id()?));
        *kept = Some((queue.now().boot, Arc::clone(&reading)));
        Ok(reading)
    }

    /// Lets the next page read anew.
    pub(super) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
