//! Which joint moves which axis of a gantry.
//!
//! ```text
//! joint = offset + scale · coordinate,   coordinate in m, joint in the joint's own unit
//! ```

use crate::parameters::nodes::joints::JointParameters;
use crate::statistics::{exceeds, falls_short};
use r2r::sensor_msgs::msg::JointState;

/// Axes x, y, z of the base frame and their joints.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisMap {
    axes: [Axis; 3],
}

#[derive(Clone, Debug, PartialEq)]
struct Axis {
    /// Empty: this axis has no joint and stands at coordinate 0.
    joint: String,
    scale: f64,
    offset: f64,
}

/// Why a position has no joints, or joints have no position.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JointError {
    /// An axis without joint would have to move.
    #[error(
        "axis {axis} has no joint (joints.{axis} is empty), so it can't be sent to {value_mm:.3} mm: name its joint"
    )]
    Missing {
        /// x, y or z.
        axis: char,
        /// Where it was to go.
        value_mm: f64,
    },
    /// A scale of 0.
    #[error("joints.scale of axis {axis} is 0: give the joint's way per metre of the axis")]
    Scale {
        /// x, y or z.
        axis: char,
    },
    /// No joint at all.
    #[error("joints.x, joints.y and joints.z are all empty: name at least one joint")]
    None,
    /// One joint for two axes.
    #[error("joints.{axis} = '{joint}' moves another axis too: one joint, one axis")]
    Twice {
        /// x, y or z.
        axis: char,
        /// The joint.
        joint: String,
    },
}

const AXES: [char; 3] = ['x', 'y', 'z'];
/// An axis without a joint may be asked to stay within this of 0, mm.
const STAYS_MM: f64 = 1e-3;

impl AxisMap {
    /// As the parameters say.
    ///
    /// # Errors
    /// [`JointError`] when the parameters describe no gantry.
    pub fn new(joints: &JointParameters) -> Result<Self, JointError> {
        let JointParameters { x, y, z, scale, offset } = joints.clone();
        let axis = |joint, i: usize| Axis { joint, scale: scale[i], offset: offset[i] };
        Self::of([axis(x, 0), axis(y, 1), axis(z, 2)])
    }

    fn of(axes: [Axis; 3]) -> Result<Self, JointError> {
        if axes.iter().all(|axis| axis.joint.is_empty()) {
            return Err(JointError::None);
        }
        for (i, axis) in axes.iter().enumerate().filter(|(_, axis)| !axis.joint.is_empty()) {
            if falls_short(axis.scale.abs(), 1e-9) {
                return Err(JointError::Scale { axis: AXES[i] });
            }
            if axes[..i].iter().any(|other| other.joint == axis.joint) {
                return Err(JointError::Twice { axis: AXES[i], joint: axis.joint.clone() });
            }
        }
        Ok(AxisMap { axes })
    }

    /// Names and values of the joints that put the tool there.
    ///
    /// # Errors
    /// [`JointError::Missing`] when an axis without joint would have to move.
    pub fn joints_at(&self, position_mm: [f64; 3]) -> Result<Vec<(String, f64)>, JointError> {
        let mut joints = Vec::new();
        for (i, axis) in self.axes.iter().enumerate() {
            if !axis.joint.is_empty() {
                joints.push((axis.joint.clone(), axis.offset + axis.scale * 1e-3 * position_mm[i]));
            } else if exceeds(position_mm[i].abs(), STAYS_MM) {
                return Err(JointError::Missing { axis: AXES[i], value_mm: position_mm[i] });
            }
        }
        Ok(joints)
    }

    /// Position of the tool, m; `None` when a joint is not among `names` or its value is not finite.
    pub fn position_m(&self, names: &[String], values: &[f64]) -> Option<[f64; 3]> {
        let mut position = [0.0; 3];
        for (axis, coordinate) in self.axes.iter().zip(&mut position).filter(|(axis, _)| !axis.joint.is_empty()) {
            let value = values.get(names.iter().position(|name| *name == axis.joint)?)?;
            *coordinate = (value - axis.offset) / axis.scale;
        }
        position.iter().all(|x| x.is_finite()).then_some(position)
    }

    /// Whether the message is about any of these joints: other joints' states may come on the same topic.
    pub fn concerns(&self, message: &JointState) -> bool {
        self.axes.iter().any(|axis| !axis.joint.is_empty() && message.name.contains(&axis.joint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(joint: &str, scale: f64, offset: f64) -> Axis {
        Axis { joint: joint.into(), scale, offset }
    }

    #[test]
    fn joints_and_positions_are_each_others_inverse() {
        let map = AxisMap::of([axis("a", 1.0, 0.5), axis("", 1.0, 0.0), axis("c", -200.0, 3.0)]).unwrap();
        let joints = map.joints_at([10.0, 0.0, -4.0]).unwrap();
        assert_eq!(joints, [("a".into(), 0.51), ("c".into(), 3.8)]);
        let (mut names, mut values): (Vec<_>, Vec<_>) = joints.into_iter().unzip();
        names.insert(0, "other".into());
        values.insert(0, 9.0);
        let position = map.position_m(&names, &values).unwrap();
        assert!((position[0] - 0.01).abs() < 1e-12 && position[1] == 0.0 && (position[2] + 0.004).abs() < 1e-12);
        assert!(map.position_m(&names[..2], &values).is_none());
        assert!(map.position_m(&names, &[0.0, f64::NAN, 1.0]).is_none());
    }

    #[test]
    fn impossible_gantries_and_axes_without_joint_are_named() {
        let none = || axis("", 1.0, 0.0);
        assert_eq!(AxisMap::of([none(), none(), none()]), Err(JointError::None));
        assert_eq!(AxisMap::of([none(), none(), axis("z", 0.0, 0.0)]), Err(JointError::Scale { axis: 'z' }));
        let twice = AxisMap::of([axis("j", 1.0, 0.0), none(), axis("j", 1.0, 0.0)]);
        assert!(matches!(twice, Err(JointError::Twice { axis: 'z', .. })));
        let map = AxisMap::of([none(), none(), axis("z", 1.0, 0.0)]).unwrap();
        assert!(matches!(map.joints_at([1.0, 0.0, 0.0]), Err(JointError::Missing { axis: 'x', .. })));
        assert!(map.joints_at([f64::NAN, 0.0, 0.0]).is_err());
    }
}
