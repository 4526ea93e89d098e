//! `~/left/overlay`, `~/right/overlay`: the grid over the live images, drawn only while somebody looks.
//!
//! While a calibration runs, or before there is one, it is the grid as the sweep measured it where the tool is. Else it is the
//! grid where calibration and pose say that it is, and what the image shows is held against that.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::backend::cpu::CpuPixels;
use crate::grating::fit::error::FitError;
use crate::grating::fit::refine::{self, FitOptions, GratingFit, Warm};
use crate::lattice::intersections::Intersection;
use crate::lattice::local;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::report::lattice::{self, GridPoint};
use crate::report::overlay;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::image_buffer::Pair;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::state::live::Live;
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::work;
use crate::ros::time;
use crate::sweep::motion::profile::distance;
use image::RgbImage;
use nalgebra::Vector3;
use r2r::sensor_msgs::msg::Image;
use r2r::{Publisher, QosProfile};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Distance between two poses within which the tool sees the same, mm.
const SAME_POSE_MM: f64 = 0.02;
/// Time after which a fit starts cold again: a hand over the sheet must not spoil all that follow, ns.
const COLD_FIT_PERIOD_NS: i64 = 2_000_000_000;

/// An image with the grid drawn over it.
#[derive(Debug)]
pub struct Drawn {
    /// Of the image.
    pub stamp_ns: i64,
    /// The same with the grid.
    pub image: RgbImage,
}

/// The fit with which the next one starts, and the stamp of the image whose fit started cold.
struct LastFit {
    fit: GratingFit,
    cold_ns: i64,
}

/// The latest overlays of both cameras; they are drawn for as long as a receiver lives, or a topic has a subscriber.
pub type Overlays = Arc<Stereo<watch::Sender<Option<Arc<Drawn>>>>>;

/// What overlays are made from.
pub struct OverlaySource {
    /// The live images.
    pub cameras: Arc<CameraInput>,
    /// Where the tool is.
    pub poses: Arc<PoseInput>,
    /// What the sweep measured.
    pub live: Arc<watch::Sender<Live>>,
    /// The served calibration.
    pub served: Arc<ServedCalibration>,
    /// Rate and frame.
    pub parameters: ParameterTable<NodeParameters>,
}

impl OverlaySource {
    /// Draws from now on, when somebody looks.
    ///
    /// # Errors
    /// When a publisher can't be made.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<Overlays> {
        let (source, overlays) = (Arc::new(self), Overlays::default());
        for camera in Camera::BOTH {
            let publisher =
                node.create_publisher(&format!("~/{camera}/overlay"), QosProfile::default().keep_last(1))?;
            tokio::spawn(source.clone().draw_on_demand(camera, publisher, overlays.clone()));
        }
        Ok(overlays)
    }

    async fn draw_on_demand(self: Arc<Self>, camera: Camera, publisher: Publisher<Image>, overlays: Overlays) {
        let mut drawn_ns = i64::MIN;
        let mut last = None;
        loop {
            tokio::time::sleep(Duration::from_secs_f64(1.0 / self.parameters.now().show.overlay.rate_hz)).await;
            let is_subscribed = publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0);
            if !is_subscribed && overlays[camera].receiver_count() == 0 {
                (drawn_ns, last) = (i64::MIN, None);
                continue;
            }
            let latest = self.cameras.recent().pop();
            let Some(pair) = latest.filter(|pair| pair[camera].stamp_ns != drawn_ns) else { continue };
            drawn_ns = pair[camera].stamp_ns;
            let (source, mut next) = (self.clone(), last.take());
            let drawing = work::in_background(move || (source.draw(camera, &pair, &mut next), next));
            let Ok((image, next)) = drawing.await else { continue };
            last = next;
            if is_subscribed && let Err(error) = publisher.publish(&self.message(drawn_ns, &image)) {
                tracing::error!("the {camera} overlay could not be published: {error}");
            }
            overlays[camera].send_replace(Some(Arc::new(Drawn { stamp_ns: drawn_ns, image })));
        }
    }

    fn message(&self, stamp_ns: i64, image: &RgbImage) -> Image {
        let mut message = Image {
            width: image.width(),
            height: image.height(),
            encoding: "rgb8".into(),
            step: 3 * image.width(),
            data: image.as_raw().clone(),
            ..Image::default()
        };
        message.header.stamp = time(stamp_ns);
        message.header.frame_id.clone_from(&self.parameters.now().frames.tool_frame);
        message
    }

    /// `last`: of the image before, then of this one.
    fn draw(&self, camera: Camera, pair: &Pair, last: &mut Option<LastFit>) -> RgbImage {
        let image = pair[camera].to_gray();
        let (nodes, caption) = self.grid(camera, pair[camera].stamp_ns, &image, last);
        overlay::live(&image, &nodes, &format!(" {camera}: {caption} "))
    }

    /// The intersections to draw, and what to say about them.
    fn grid(
        &self,
        camera: Camera,
        stamp_ns: i64,
        image: &GrayImage,
        last: &mut Option<LastFit>,
    ) -> (Vec<GridPoint>, String) {
        let position_mm = self.poses.at(stamp_ns).map(|pose| pose.position_mm());
        let (is_sweeping, measured, before) = {
            let live = self.live.borrow();
            (live.progress.is_some(), live.grid.clone(), live.grid_before.clone())
        };
        let Some(calibration) = self.served.calibration().filter(|_| !is_sweeping) else {
            return match (measured, position_mm) {
                (Some(grid), Some(here)) if distance(here, grid.position_mm) < SAME_POSE_MM => {
                    let nodes = grid.nodes[camera].clone();
                    let caption = format!("measured; {}", figures(&nodes));
                    (nodes, caption)
                }
                (Some(grid), Some(here)) if is_sweeping => {
                    let nodes = before.and_then(|before| grid.extrapolate(&before, camera, here));
                    let caption = if nodes.is_some() { "the tool moves: grid extrapolated" } else { "the tool moves" };
                    (nodes.unwrap_or_default(), caption.into())
                }
                _ if is_sweeping => (Vec::new(), "nothing is measured yet".into()),
                _ => (Vec::new(), "not calibrated: no grid to draw".into()),
            };
        };
        let size = calibration.camera(camera).image_size;
        if size != [image.width(), image.height()] {
            return (Vec::new(), format!("calibrated with {}x{} px: set the resolution back", size[0], size[1]));
        }
        let Some((here, start)) = position_mm.zip(calibration.reference_mm) else {
            return (Vec::new(), "no robot pose: the grid's place is not known".into());
        };
        let moved_mm = Vector3::from(here) - Vector3::from(start);
        let mut nodes = lattice::predicted(&calibration, camera, moved_mm);
        let told = match measured_intersections(image, stamp_ns, last) {
            Err(_) => "no grid in the image".into(),
            Ok(found) => {
                lattice::compare(&mut nodes, &calibration, camera, found.iter().map(|i| i.pixel));
                figures(&nodes)
            }
        };
        (nodes, format!("predicted at h {:.3} mm; {told}", moved_mm.z))
    }
}

/// The intersections in an image; `last` is of the image before, then of this one.
fn measured_intersections(
    image: &GrayImage,
    stamp_ns: i64,
    last: &mut Option<LastFit>,
) -> Result<Vec<Intersection>, FitError> {
    let mut pixels = CpuPixels::new(image);
    let near = last.take().filter(|last| (0..COLD_FIT_PERIOD_NS).contains(&(stamp_ns - last.cold_ns)));
    let warm = near.as_ref().map(|last| Warm { last: &last.fit, before: None });
    let fit = refine::fit(&mut pixels, warm, &FitOptions::default())?;
    let found = local::measure_on(&mut pixels, &fit.parameters)?;
    *last = Some(LastFit { fit, cold_ns: near.map_or(stamp_ns, |last| last.cold_ns) });
    Ok(found)
}

/// Number of measured intersections, and their errors.
fn figures(nodes: &[GridPoint]) -> String {
    let missed = || nodes.iter().filter(|node| node.error_um.is_finite());
    let Some(worst) = missed().max_by(|a, b| a.error_um.total_cmp(&b.error_um)) else {
        return "no intersection measured".into();
    };
    let rms = (missed().map(|node| node.error_um.powi(2)).sum::<f64>() / missed().count() as f64).sqrt();
    let [x, y] = worst.lines;
    format!("{} intersections, off by {rms:.1} µm RMS, most {:.1} µm at ({x}, {y})", missed().count(), worst.error_um)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector2;

    #[test]
    fn the_worst_intersection_is_named() {
        let node = |lines, error_um| GridPoint { lines, pixel: Vector2::zeros(), point_mm: Vector3::zeros(), error_um };
        let text = figures(&[node([0, 0], 3.0), node([2, -7], 4.0), node([1, 1], f64::NAN)]);
        assert_eq!(text, "2 intersections, off by 3.5 µm RMS, most 4.0 µm at (2, -7)");
        assert_eq!(figures(&[]), "no intersection measured");
    }
}
