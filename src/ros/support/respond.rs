//! Answers that arrive.

use crate::ros::{each, locked};
use r2r::{Error, QosProfile, ServiceRequest, WrappedServiceTypeSupport};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Longest time that a client is waited for.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries, at first and at most. A try that fails keeps the spinning thread, and so poses and cancels, from work for
/// 100 ms.
const PAUSE: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// For one try at a time, however many clients can't be reached.
static RETRY: Mutex<()> = Mutex::new(());

/// Serves `name`: each request on a thread of its own, as large batches take a while.
///
/// # Errors
/// Those of r2r.
pub fn answer_with<S>(
    node: &mut r2r::Node,
    name: &'static str,
    answer: impl Fn(&S::Request) -> S::Response + Clone + Send + 'static,
) -> r2r::Result<()>
where
    S: WrappedServiceTypeSupport + Clone + 'static,
{
    each(node.create_service::<S>(name, QosProfile::services_default())?, move |request: ServiceRequest<S>| {
        let answer = answer.clone();
        spawn_blocking(move || {
            let response = answer(&request.message);
            respond(name, request, response);
        });
    });
    Ok(())
}

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
    let [mut pause, longest] = PAUSE;
    let mut sent = request.clone().respond(response.clone());
    while matches!(sent, Err(Error::RCL_RET_TIMEOUT)) && begun.elapsed() < SEND_TIMEOUT {
        let _one_at_a_time = locked(&RETRY);
        sleep(pause);
        pause = longest.min(2 * pause);
        sent = request.clone().respond(response.clone());
    }
    match sent {
        Ok(()) => true,
        Err(error) => {
            tracing::error!("{name}: an answer could not be sent: {error}");
            false
        }
    }
}
