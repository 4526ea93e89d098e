//! Answers that arrive.

use r2r::{Error, ServiceRequest, WrappedServiceTypeSupport};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a client is waited for, and between two tries, in which the service takes requests.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Answers a request of the service `name`; `false`, with a line in the log, when its client can't be reached.
///
/// Fast DDS gives up after 100 ms on a client whose reader it has not found, as happens right after either has started: then
/// it is tried again. One that has gone counts as reached. Blocks: not for the executor's threads.
pub fn respond<S>(name: &str, mut request: ServiceRequest<S>, response: S::Response) -> bool
where
    S: WrappedServiceTypeSupport + Clone + 'static,
{
    // Not copied with each try.
    request.message = Default::default();
    let begun = Instant::now();
    loop {
        match request.clone().respond(response.clone()) {
            Ok(()) => return true,
            Err(Error::RCL_RET_TIMEOUT) if begun.elapsed() < PATIENCE => sleep(PAUSE),
            Err(error) => {
                tracing::error!("{name}: an answer could not be sent: {error}");
                return false;
            }
        }
    }
}
