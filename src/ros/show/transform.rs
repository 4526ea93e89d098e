//! The calibration frame on TF: fixed to the tool, or, where the robot's poses don't come from TF, placed by them.
//!
//! Nobody else publishes this frame, so the robot's own tree stays as it is.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::nodes::frames::CalibrationTf;
use crate::parameters::nodes::robot::PoseSource;
use crate::parameters::table::ParameterTable;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::clock::Clock;
use crate::ros::time;
use nalgebra::Isometry3;
use r2r::QosProfile;
use r2r::geometry_msgs::msg::{Quaternion, TransformStamped, Vector3};
use r2r::tf2_msgs::msg::TFMessage;
use std::sync::Arc;
use std::time::Duration;

/// Time between two transforms that follow the robot.
const PERIOD: Duration = Duration::from_millis(50);
/// Time between two looks at a fixed transform: `tool_offset` may change.
const FIXED_PERIOD: Duration = Duration::from_secs(1);

/// Where the calibration frame is.
pub struct CalibrationFrame {
    /// Its place in the tool frame.
    pub served: Arc<ServedCalibration>,
    /// The tool's place in the base frame.
    pub poses: Arc<PoseInput>,
    /// Names of the frames.
    pub parameters: ParameterTable<NodeParameters>,
    /// For stamps.
    pub clock: Arc<Clock>,
}

impl CalibrationFrame {
    /// Publishes it from now on, below the parent that the parameters name.
    ///
    /// # Errors
    /// When the publisher can't be made.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let parameters = self.parameters.now();
        match (parameters.frames.calibration_tf, parameters.robot.pose_source) {
            (CalibrationTf::None, _) => Ok(()),
            (CalibrationTf::Tool, _) | (CalibrationTf::Auto, PoseSource::Tf) => self.below_the_tool(node),
            (CalibrationTf::Base | CalibrationTf::Auto, _) => self.below_the_base(node),
        }
    }

    fn below_the_tool(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let publisher = node.create_publisher("/tf_static", QosProfile::default().keep_last(1).transient_local())?;
        tokio::spawn(async move {
            let mut sent = None;
            loop {
                let tool_from_calibration = self.served.tool_from_calibration();
                if sent != Some(tool_from_calibration) {
                    let tool = self.parameters.now().frames.tool_frame.clone();
                    report(publisher.publish(&self.message(tool, self.clock.now_ns(), tool_from_calibration)));
                    sent = Some(tool_from_calibration);
                }
                tokio::time::sleep(FIXED_PERIOD).await;
            }
        });
        Ok(())
    }

    fn below_the_base(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let publisher = node.create_publisher("/tf", QosProfile::default())?;
        tokio::spawn(async move {
            let mut sent_ns = i64::MIN;
            loop {
                if let Some(pose) = self.poses.latest().filter(|pose| pose.stamp_ns != sent_ns) {
                    sent_ns = pose.stamp_ns;
                    let base = self.parameters.now().frames.base_frame.clone();
                    let base_from_calibration = pose.pose * self.served.tool_from_calibration();
                    report(publisher.publish(&self.message(base, sent_ns, base_from_calibration)));
                }
                tokio::time::sleep(PERIOD).await;
            }
        });
        Ok(())
    }

    /// `parent_from_calibration` in mm.
    fn message(&self, parent: String, stamp_ns: i64, parent_from_calibration: Isometry3<f64>) -> TFMessage {
        let mut transform = TransformStamped::default();
        transform.header.stamp = time(stamp_ns);
        transform.header.frame_id = parent;
        transform.child_frame_id.clone_from(&self.parameters.now().frames.calibration_frame);
        let [x, y, z]: [f64; 3] = (1e-3 * parent_from_calibration.translation.vector).into();
        transform.transform.translation = Vector3 { x, y, z };
        let q = parent_from_calibration.rotation;
        transform.transform.rotation = Quaternion { x: q.i, y: q.j, z: q.k, w: q.w };
        TFMessage { transforms: vec![transform] }
    }
}

fn report(sent: r2r::Result<()>) {
    if let Err(error) = sent {
        tracing::error!("the calibration frame could not be published on TF: {error}");
    }
}
