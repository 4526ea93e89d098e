//! `~/dataset`: every intersection of the sweep in the calibration frame, with its error.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::ros::show::colour::colour;
use crate::ros::state::live::{DataPoint, Live};
use r2r::sensor_msgs::msg::{PointCloud2, PointField};
use tokio::sync::watch;

/// Most points that are sent: 20 bytes each, 0.8 MB.
const MAX_POINTS: usize = 40_000;
const NAMES: [&str; 5] = ["x", "y", "z", "rgb", "error_um"];

/// The dataset so far; evenly thinned where it is large.
pub fn cloud(live: &watch::Sender<Live>, parameters: &NodeParameters) -> PointCloud2 {
    let scale_um = 1e6 * parameters.show.error_scale_m;
    // Whoever adds to it is not to wait until the message is made.
    let points = thinned(&live.borrow().dataset);
    let mut message = of(&points, scale_um);
    message.header.frame_id.clone_from(&parameters.frames.calibration_frame);
    message
}

fn thinned(points: &[DataPoint]) -> Vec<DataPoint> {
    // An odd stride walks through all regions of every view.
    let stride = points.len().div_ceil(MAX_POINTS).max(1) | 1;
    points.iter().step_by(stride).copied().collect()
}

fn of(points: &[DataPoint], scale_um: f64) -> PointCloud2 {
    let mut data = Vec::with_capacity(4 * NAMES.len() * points.len());
    for point in points {
        let rgb = colour(f64::from(point.error_um), scale_um).map(|channel| (255.0 * channel) as u32);
        let packed = f32::from_bits(rgb[0] << 16 | rgb[1] << 8 | rgb[2]);
        let [x, y, z]: [f32; 3] = (1e-3 * point.point_mm).into();
        data.extend([x, y, z, packed, point.error_um].into_iter().flat_map(f32::to_le_bytes));
    }
    let field = |(i, name): (usize, &&str)| PointField {
        name: (*name).into(),
        offset: 4 * i as u32,
        datatype: PointField::FLOAT32 as u8,
        count: 1,
    };
    let step = 4 * NAMES.len();
    PointCloud2 {
        height: 1,
        width: (data.len() / step) as u32,
        fields: NAMES.iter().enumerate().map(field).collect(),
        point_step: step as u32,
        row_step: data.len() as u32,
        data,
        // Errors may be NaN, points are not.
        is_dense: true,
        ..PointCloud2::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    #[test]
    fn a_large_dataset_is_thinned_and_a_small_one_kept() {
        let point = |i: usize| DataPoint { point_mm: Vector3::new(i as f32, 2.0, -3.0), error_um: 4.0 };
        let small = of(&(0..3).map(point).collect::<Vec<_>>(), 10.0);
        assert_eq!((small.width, small.data.len()), (3, 60));
        let number = |at: usize| f32::from_le_bytes(small.data[at..at + 4].try_into().unwrap());
        assert_eq!([number(20), number(24), number(28), number(36)], [0.001, 0.002, -0.003, 4.0]);
        let large = of(&thinned(&(0..200_000).map(point).collect::<Vec<_>>()), 10.0);
        assert!((MAX_POINTS as u32 / 2..=MAX_POINTS as u32).contains(&large.width), "{}", large.width);
        assert_eq!(of(&[], 10.0).width, 0);
    }
}
