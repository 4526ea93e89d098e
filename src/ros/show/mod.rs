//! What people look at in RViz and rqt.
//!
//! | file | holds |
//! | --- | --- |
//! | [`markers`] | `~/grid_markers` |
//! | [`cloud`] | `~/dataset` |
//! | [`overlay`] | `~/left/overlay`, `~/right/overlay` |
//! | [`camera_info`] | `left/camera_info`, `right/camera_info` |
//! | [`transform`] | the calibration frame on TF |
//!
//! Everything is latched, so that whoever comes late sees it, and sent no more often than it can be looked at.

pub mod camera_info;
pub mod cloud;
pub mod diagnostics;
pub mod live;
pub mod markers;
pub mod overlay;
pub mod transform;

use crate::ros::node::shared::Shared;
use crate::ros::support::work;
use r2r::{Publisher, QosProfile};
use std::sync::Arc;
use std::time::Duration;

/// Shortest time between two messages. With the bounds on their sizes both together stay below 5 MB/s.
const MARKERS_EVERY: Duration = Duration::from_millis(100);
const DATASET_EVERY: Duration = Duration::from_millis(500);

/// Shows from now on.
///
/// # Errors
/// When a publisher can't be made.
pub fn start(node: &mut r2r::Node, shared: &Arc<Shared>) -> r2r::Result<()> {
    let latched = QosProfile::default().keep_last(1).reliable().transient_local();
    let publisher = node.create_publisher("~/grid_markers", latched.clone())?;
    whenever_changed(shared, publisher, MARKERS_EVERY, markers::scene);
    let publisher = node.create_publisher("~/dataset", latched)?;
    whenever_changed(shared, publisher, DATASET_EVERY, cloud::cloud);
    overlay::start(node, shared)?;
    camera_info::start(node, shared)?;
    transform::start(node, shared)
}

/// Publishes what `make` makes at start and after each change, not more often than `every`.
fn whenever_changed<M: r2r::WrappedTypesupport + Send + 'static>(
    shared: &Arc<Shared>,
    publisher: Publisher<M>,
    every: Duration,
    make: impl Fn(&Shared) -> M + Send + Sync + Copy + 'static,
) {
    let shared = shared.clone();
    let mut changes = shared.live.subscribe();
    tokio::spawn(async move {
        loop {
            changes.mark_unchanged();
            let for_making = shared.clone();
            // Tens of thousands of points are not the executor's work.
            let made = work::in_background(move || make(&for_making)).await;
            let sent = made.map(|message| publisher.publish(&message));
            if let Ok(Err(error)) = sent {
                tracing::error!("what RViz shows could not be published: {error}");
            }
            tokio::time::sleep(every).await;
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Red, green, blue, 0 … 1: from green over yellow to red at `scale_um`; grey where the error is not known.
fn colour(error_um: f64, scale_um: f64) -> [f32; 3] {
    let share = (error_um / scale_um).clamp(0.0, 1.0) as f32;
    match share.is_nan() {
        true => [0.6, 0.6, 0.6],
        false => [(2.0 * share).min(1.0), (2.0 - 2.0 * share).min(1.0) * 0.85, 0.15],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_is_green_and_bad_is_red() {
        let [good, bad, worse] = [0.0, 10.0, 99.0].map(|error| colour(error, 10.0));
        assert!(good[1] > 0.8 && good[0] < 0.1 && bad[0] > 0.9 && bad[1] < 0.1);
        assert_eq!(bad, worse);
        assert_eq!(colour(f64::NAN, 10.0), [0.6; 3]);
    }
}
