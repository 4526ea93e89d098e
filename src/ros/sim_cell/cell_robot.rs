//! The simulated robot as ROS sees it: a Cartesian controller, or a gantry under ros2_control; TF on top if wanted.

use crate::parameters::nodes::sim_cell::{CellParameters, RobotInterface};
use crate::parameters::table::ParameterTable;
use crate::ros::input::joints::AxisMap;
use crate::ros::sim_cell::faults::Fault;
use crate::ros::{locked, time};
use crate::sim::robot::Robot;
use anyhow::Context;
use futures::StreamExt;
use nalgebra::{UnitQuaternion, Vector3, Vector4};
use r2r::geometry_msgs::msg::{PoseStamped, Quaternion, TransformStamped};
use r2r::sensor_msgs::msg::JointState;
use r2r::tf2_msgs::msg::TFMessage;
use r2r::trajectory_msgs::msg::JointTrajectory;
use r2r::{Publisher, QosProfile};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What all publishers of the cell need.
#[derive(Clone)]
pub struct CellRobot {
    robot: Arc<Mutex<Robot>>,
    parameters: ParameterTable<CellParameters>,
    /// Position of the tool in the base frame at height 0, mm.
    start_mm: Vector3<f64>,
    /// Orientation of the tool in the base frame, when nothing is wrong.
    orientation: UnitQuaternion<f64>,
    axes: Option<AxisMap>,
}

/// A measured pose on its way out.
struct Measured {
    due: Instant,
    stamp_ns: i64,
    position_m: [f64; 3],
    rotation: Quaternion,
}

struct Outputs {
    poses: Option<Publisher<PoseStamped>>,
    joints: Option<(Publisher<JointState>, AxisMap)>,
    tf: Option<Publisher<TFMessage>>,
    base_frame: String,
}

/// base_from_tool's rotation, from x, y, z, w.
fn orientation(numbers: [f64; 4]) -> anyhow::Result<UnitQuaternion<f64>> {
    UnitQuaternion::try_new(nalgebra::Quaternion::from(Vector4::from(numbers)), 0.5)
        .with_context(|| format!("tool_orientation = {numbers:?} is no quaternion x, y, z, w of length 1"))
}

impl CellRobot {
    /// At rest at its start.
    ///
    /// # Errors
    /// When the joints make no gantry, or the orientation is none.
    pub fn new(robot: Robot, parameters: &ParameterTable<CellParameters>) -> anyhow::Result<Self> {
        let start = parameters.now();
        let by_joints = start.interface == RobotInterface::Joints;
        Ok(CellRobot {
            robot: Arc::new(Mutex::new(robot)),
            parameters: parameters.clone(),
            start_mm: 1e3 * Vector3::from(start.start_m),
            orientation: orientation(start.tool_orientation)?,
            axes: by_joints.then(|| AxisMap::new(&start.joints)).transpose()?,
        })
    }

    /// The robot itself.
    pub fn lock(&self) -> MutexGuard<'_, Robot> {
        locked(&self.robot)
    }

    fn go_to(&self, position_m: [f64; 3]) {
        let target_mm = 1e3 * Vector3::from(position_m) - self.start_mm;
        if target_mm.iter().all(|x| x.is_finite()) {
            let mut robot = self.lock();
            let here_mm = robot.position_mm();
            if let Some(target_mm) = Fault::of(&self.parameters.now()).target_mm(here_mm, target_mm) {
                robot.set_target(target_mm);
            }
        }
    }

    /// Obeys commands from now on.
    ///
    /// # Errors
    /// When a subscription can't be made.
    pub fn obey(&self, node: &mut r2r::Node) -> anyhow::Result<()> {
        let robot = self.clone();
        if let Some(axes) = self.axes.clone() {
            let mut targets = node.subscribe::<JointTrajectory>("robot/joint_trajectory", QosProfile::default())?;
            tokio::spawn(async move {
                while let Some(message) = targets.next().await {
                    let last = message.points.last();
                    let position_m = last.and_then(|point| axes.position_m(&message.joint_names, &point.positions));
                    if let Some(position_m) = position_m {
                        robot.go_to(position_m);
                    }
                }
            });
        } else {
            let mut targets = node.subscribe::<PoseStamped>("robot/target_pose", QosProfile::default())?;
            tokio::spawn(async move {
                while let Some(target) = targets.next().await {
                    let p = &target.pose.position;
                    robot.go_to([p.x, p.y, p.z]);
                }
            });
        }
        Ok(())
    }

    /// A thread that moves the robot and publishes where it is, until `running` is false.
    ///
    /// # Errors
    /// When a publisher can't be made.
    pub fn publish(
        &self,
        node: &mut r2r::Node,
        running: Arc<AtomicBool>,
        now_ns: impl Fn() -> i64 + Send + 'static,
    ) -> anyhow::Result<JoinHandle<()>> {
        let outputs = self.outputs(node)?;
        let robot = self.clone();
        Ok(std::thread::spawn(move || {
            let period = Duration::from_secs_f64(1.0 / robot.parameters.now().pose_rate_hz);
            let (mut last, mut waiting) = (Instant::now(), VecDeque::new());
            while running.load(Ordering::Acquire) {
                std::thread::sleep(period);
                let fault = Fault::of(&robot.parameters.now());
                let now = Instant::now();
                let (measured_mm, stamp_ns) = {
                    let mut moving = robot.lock();
                    moving.advance(now.duration_since(last).as_secs_f64());
                    (moving.measure_mm(), now_ns())
                };
                last = now;
                let q = robot.orientation * fault.rotation();
                let measured = Measured {
                    due: now + fault.pose_delay(),
                    stamp_ns,
                    position_m: fault.position_m((1e-3 * (measured_mm + robot.start_mm)).into()),
                    rotation: Quaternion { x: q.i, y: q.j, z: q.k, w: q.w },
                };
                match waiting.back_mut() {
                    // The driver repeats what it last knew.
                    Some(frozen) if fault.freezes_pose() => outputs.send(frozen),
                    _ => waiting.push_back(measured),
                }
                while waiting.len() > 1 && waiting.front().is_some_and(|first| first.due <= now) {
                    if let Some(first) = waiting.pop_front() {
                        outputs.send(&first);
                    }
                }
            }
        }))
    }

    fn outputs(&self, node: &mut r2r::Node) -> anyhow::Result<Outputs> {
        let base_frame = self.parameters.now().base_frame.clone();
        let (mut poses, mut joints, mut tf) = (None, None, None);
        match &self.axes {
            Some(axes) => {
                joints = Some((node.create_publisher("joint_states", QosProfile::sensor_data())?, axes.clone()));
            }
            None => poses = Some(node.create_publisher("robot/pose", QosProfile::sensor_data())?),
        }
        if self.parameters.now().publish_tf {
            tf = Some(node.create_publisher("/tf", QosProfile::default())?);
            let latched = QosProfile::default().transient_local();
            let fixed = node.create_publisher::<TFMessage>("/tf_static", latched)?;
            let mut transform = TransformStamped::default();
            transform.header.frame_id = "carriage".into();
            transform.child_frame_id = self.parameters.now().tool_frame.clone();
            transform.transform.rotation.w = 1.0;
            fixed.publish(&TFMessage { transforms: vec![transform] }).context("publishing on /tf_static")?;
        }
        Ok(Outputs { poses, joints, tf, base_frame })
    }
}

impl Outputs {
    fn send(&self, measured: &Measured) {
        let stamp = time(measured.stamp_ns);
        let [x, y, z] = measured.position_m;
        let mut sent = Ok(());
        if let Some(poses) = &self.poses {
            let mut message = PoseStamped::default();
            message.header.stamp = stamp.clone();
            message.header.frame_id.clone_from(&self.base_frame);
            message.pose.position = r2r::geometry_msgs::msg::Point { x, y, z };
            message.pose.orientation = measured.rotation.clone();
            sent = sent.and(poses.publish(&message));
        }
        if let Some((joints, axes)) = &self.joints {
            let mut message = JointState::default();
            message.header.stamp = stamp.clone();
            let values = axes.joints_at(measured.position_m.map(|m| 1e3 * m)).unwrap_or_default();
            (message.name, message.position) = values.into_iter().unzip();
            sent = sent.and(joints.publish(&message));
        }
        if let Some(tf) = &self.tf {
            let mut transform = TransformStamped::default();
            transform.header.stamp = stamp;
            transform.header.frame_id.clone_from(&self.base_frame);
            transform.child_frame_id = "carriage".into();
            transform.transform.translation = r2r::geometry_msgs::msg::Vector3 { x, y, z };
            transform.transform.rotation = measured.rotation.clone();
            sent = sent.and(tf.publish(&TFMessage { transforms: vec![transform] }));
        }
        if let Err(error) = sent {
            tracing::error!("publishing the pose failed: {error}");
        }
    }
}
