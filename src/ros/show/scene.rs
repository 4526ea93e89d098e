//! When markers and dataset are sent: after changes.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::show::{cloud, markers};
use crate::ros::state::live::Live;
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::work;
use r2r::{Publisher, QosProfile};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Shortest time between two messages. With the bounds on their sizes both together stay below 5 MB/s.
const MARKERS_PERIOD: Duration = Duration::from_millis(100);
const DATASET_PERIOD: Duration = Duration::from_millis(500);

/// What markers and dataset are made from.
pub struct Scene {
    /// Sweep and clicks.
    pub live: Arc<watch::Sender<Live>>,
    /// The served calibration.
    pub served: Arc<ServedCalibration>,
    /// Frame and colours.
    pub parameters: ParameterTable<NodeParameters>,
}

impl Scene {
    /// Shows markers and dataset from now on.
    ///
    /// # Errors
    /// When a publisher can't be made.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let latched = QosProfile::default().keep_last(1).reliable().transient_local();
        let scene = Arc::new(self);
        let publisher = node.create_publisher("~/grid_markers", latched.clone())?;
        scene.whenever_changed(publisher, MARKERS_PERIOD, |scene| {
            markers::scene(&scene.live, scene.served.calibration().as_deref(), &scene.parameters.now())
        });
        let publisher = node.create_publisher("~/dataset", latched)?;
        scene.whenever_changed(publisher, DATASET_PERIOD, |scene| cloud::cloud(&scene.live, &scene.parameters.now()));
        Ok(())
    }

    /// Publishes what `make` makes at start and after each change, no more often than once a `period`.
    fn whenever_changed<M: r2r::WrappedTypesupport + Send + 'static>(
        self: &Arc<Self>,
        publisher: Publisher<M>,
        period: Duration,
        make: impl Fn(&Scene) -> M + Send + Sync + Copy + 'static,
    ) {
        let scene = self.clone();
        let (mut live, mut served) = (scene.live.subscribe(), scene.served.changes());
        tokio::spawn(async move {
            loop {
                live.mark_unchanged();
                served.mark_unchanged();
                let for_making = scene.clone();
                // Tens of thousands of points are not the executor's work.
                let made = work::in_background(move || make(&for_making)).await;
                let sent = made.map(|message| publisher.publish(&message));
                if let Ok(Err(error)) = sent {
                    tracing::error!("what RViz shows could not be published: {error}");
                }
                tokio::time::sleep(period).await;
                let changed = tokio::select! {
                    changed = live.changed() => changed,
                    changed = served.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
            }
        });
    }
}
