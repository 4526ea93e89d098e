//! `~/grid_markers`: the grid as both cameras saw it last, what the cameras see, the calibrated volume, clicked points.
//!
//! Each message is the whole scene and begins by deleting the one before, so that nothing old stays and a late RViz needs the
//! latest only. Positions without a stamp follow the tool.

use crate::camera::Camera;
use crate::mapping::calibration::Calibration;
use crate::mapping::calibration::frustum::Frustum;
use crate::mapping::volume::Volume;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::report::lattice::{GridPoint, segments};
use crate::ros::show::colour::colour;
use crate::ros::state::clicked::AnsweredClick;
use crate::ros::state::live::Live;
use nalgebra::Vector3;
use r2r::geometry_msgs::msg::Point;
use r2r::std_msgs::msg::ColorRGBA;
use r2r::visualization_msgs::msg::{Marker, MarkerArray};
use tokio::sync::watch;

/// Most line segments per camera: as points and colours 80 bytes each, so both make 0.4 MB.
const MAX_SEGMENTS: usize = 2500;
const LEFT: [f32; 4] = [0.0, 0.75, 1.0, 0.9];
const RIGHT: [f32; 4] = [1.0, 0.6, 0.0, 0.9];
const VOLUME: [f32; 4] = [0.7, 0.7, 0.7, 0.6];
const CLICK: [f32; 4] = [1.0, 0.2, 1.0, 1.0];
/// Widths of lines and diameter of a point, m.
const LINE_M: f64 = 0.000_12;
const POINT_M: f64 = 0.000_6;

/// Everything that there is to show now.
pub fn scene(
    live: &watch::Sender<Live>,
    calibration: Option<&Calibration>,
    parameters: &NodeParameters,
) -> MarkerArray {
    let frame = &parameters.frames.calibration_frame;
    let scale_um = 1e6 * parameters.show.error_scale_m;
    let mut markers = vec![Marker { action: Marker::DELETEALL as i32, ..in_frame(frame, "") }];
    // Whoever adds to it is not to wait until the scene is made.
    let (measured, answered) = {
        let live = live.borrow();
        (live.grid.clone(), live.clicks.clone())
    };
    if let Some(measured) = &measured {
        for camera in Camera::BOTH {
            markers.push(grid(frame, camera, &measured.nodes[camera], scale_um));
        }
    }
    if let Some(calibration) = calibration {
        for (camera, rgba) in [(Camera::Left, LEFT), (Camera::Right, RIGHT)] {
            if let Some(frustum) = Frustum::of(calibration, camera) {
                let corners = frustum.corners_mm;
                let sides = corners.into_iter().flat_map(|corner| [frustum.tip_mm, corner]);
                let around = (0..4).flat_map(|i| [corners[i], corners[(i + 1) % 4]]);
                markers.push(lines(frame, &format!("{camera} camera"), sides.chain(around), rgba));
                markers.push(text(frame, &format!("{camera} name"), frustum.tip_mm, &camera.to_string(), rgba));
            }
        }
        markers.push(lines(frame, "calibrated volume", edges(&calibration.volume).into_iter(), VOLUME));
    }
    markers.extend(clicks(answered.iter()));
    MarkerArray { markers }
}

fn in_frame(frame: &str, namespace: &str) -> Marker {
    let mut marker = Marker { ns: namespace.into(), frame_locked: true, ..Marker::default() };
    marker.header.frame_id = frame.into();
    marker.pose.orientation.w = 1.0;
    marker
}

fn point(mm: Vector3<f64>) -> Point {
    Point { x: 1e-3 * mm.x, y: 1e-3 * mm.y, z: 1e-3 * mm.z }
}

fn rgba([r, g, b, a]: [f32; 4]) -> ColorRGBA {
    ColorRGBA { r, g, b, a }
}

fn lines(frame: &str, name: &str, ends_mm: impl Iterator<Item = Vector3<f64>>, colour: [f32; 4]) -> Marker {
    let mut marker = Marker {
        type_: Marker::LINE_LIST as i32,
        color: rgba(colour),
        points: ends_mm.map(point).collect(),
        ..in_frame(frame, name)
    };
    marker.scale.x = LINE_M;
    marker
}

fn text(frame: &str, name: &str, at_mm: Vector3<f64>, text: &str, colour: [f32; 4]) -> Marker {
    let mut marker = Marker {
        type_: Marker::TEXT_VIEW_FACING as i32,
        color: rgba(colour),
        text: text.into(),
        ..in_frame(frame, name)
    };
    marker.pose.position = point(at_mm);
    marker.scale.z = 0.002;
    marker
}

/// The lines between neighbouring intersections, coloured by the errors at their ends.
fn grid(frame: &str, camera: Camera, nodes: &[GridPoint], scale_um: f64) -> Marker {
    let mut segments = segments(nodes);
    segments.truncate(MAX_SEGMENTS);
    let ends = || segments.iter().flat_map(|(from, to, _)| [&nodes[*from], &nodes[*to]]);
    let mut marker = lines(frame, &format!("{camera} grid"), ends().map(|node| node.point_mm), [1.0; 4]);
    let coloured = |node: &GridPoint| {
        let [r, g, b] = colour(node.error_um, scale_um);
        rgba([r, g, b, 1.0])
    };
    marker.colors = ends().map(coloured).collect();
    marker
}

fn edges(volume: &Volume) -> Vec<Vector3<f64>> {
    let corner = |i: usize| {
        Vector3::from_fn(|axis, _| if i >> axis & 1 == 0 { volume.min_mm[axis] } else { volume.max_mm[axis] })
    };
    let along = |i: usize| (0..3).filter(move |axis| i >> axis & 1 == 0).map(move |axis| [i, i | 1 << axis]);
    (0..8).flat_map(along).flatten().map(corner).collect()
}

/// The points that clicks gave, where they were then.
fn clicks<'a>(all: impl Iterator<Item = &'a AnsweredClick>) -> Vec<Marker> {
    let answered: Vec<_> = all.filter_map(|click| Some((&click.frame, click.estimate()?.point_mm))).collect();
    let Some((frame, at_mm)) = answered.last().copied() else { return Vec::new() };
    // Points in another frame than the last one's have lost it: the robot's pose was not known then, or is not now.
    let points = answered.iter().filter(|(own_frame, _)| *own_frame == frame).map(|(_, mm)| point(*mm)).collect();
    let mut spheres =
        Marker { type_: Marker::SPHERE_LIST as i32, color: rgba(CLICK), points, ..in_frame(frame, "clicked points") };
    (spheres.scale.x, spheres.scale.y, spheres.scale.z) = (POINT_M, POINT_M, POINT_M);
    let label = format!("{:.3} {:.3} {:.3} mm", at_mm.x, at_mm.y, at_mm.z);
    vec![spheres, text(frame, "last click", at_mm + Vector3::new(0.0, 0.0, 2.0), &label, CLICK)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Stereo;
    use crate::mapping::calibration::answer::{AnswerStatus, PointAnswer};
    use crate::ros::state::clicked::FoundBy;

    #[test]
    fn a_box_has_twelve_edges() {
        let ends = edges(&Volume { min_mm: [0.0; 3], max_mm: [1.0, 2.0, 3.0] });
        assert_eq!(ends.len(), 24);
        let length: f64 = ends.chunks(2).map(|pair| (pair[1] - pair[0]).norm()).sum();
        assert_eq!(length, 4.0 * (1.0 + 2.0 + 3.0));
    }

    #[test]
    fn clicks_without_an_answer_are_not_drawn() {
        let mut answer = PointAnswer::refused(AnswerStatus::Ok);
        answer.estimate.point_mm.x = 10.0;
        let click = AnsweredClick {
            stamp_ns: 0,
            camera: Some(Camera::Left),
            found_by: Some(FoundBy::Plane),
            pixels: Stereo { left: None, right: None },
            answer: Ok(answer),
            frame: "base_link".into(),
            message: String::new(),
        };
        let refused = AnsweredClick { answer: Ok(PointAnswer::refused(AnswerStatus::OutsideImage)), ..click.clone() };
        assert!(clicks([&refused].into_iter()).is_empty());
        let drawn = clicks([&click, &refused, &click].into_iter());
        assert_eq!(drawn[0].points.len(), 2);
        assert!(drawn[1].text.starts_with("10.000"), "{}", drawn[1].text);
    }
}
