//! `~/left/overlay`, `~/right/overlay`: the grid over the live pictures, drawn only while somebody looks.
//!
//! While a calibration runs, or before there is one, it is the grid as the sweep measured it where the tool stands; else the
//! grid where calibration and pose say that it is, and what the picture shows is held against that.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::backend::cpu::CpuPixels;
use crate::grating::fit::error::FitError;
use crate::grating::fit::refine::{self, FitOptions, GratingFit, Warm};
use crate::lattice::intersections::Intersection;
use crate::lattice::local;
use crate::report::lattice::{self, GridPoint};
use crate::report::overlay;
use crate::ros::input::frames::Pair;
use crate::ros::node::shared::Shared;
use crate::ros::show::live::carried_on;
use crate::ros::support::work;
use crate::ros::{locked, time};
use crate::sweep::motion::profile::distance;
use image::RgbImage;
use nalgebra::Vector3;
use r2r::sensor_msgs::msg::Image;
use r2r::{Publisher, QosProfile};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The tool stands where it stood if it is nearer than this, mm.
const SAME_PLACE_MM: f64 = 0.02;

/// A picture with the grid drawn over it.
#[derive(Debug)]
pub struct Drawn {
    pub stamp_ns: i64,
    pub picture: RgbImage,
}

/// The fit that the next picture's begins with, and the stamp of the picture whose fit began with nothing.
struct Last {
    fit: GratingFit,
    anew_ns: i64,
}

/// How long fits begin with the one before: what a hand over the sheet bent is not carried on for ever.
const ANEW_NS: i64 = 2_000_000_000;

/// The latest drawn pictures; they are drawn for as long as a receiver lives, or a topic has a subscriber.
pub type Overlays = Stereo<watch::Sender<Option<Arc<Drawn>>>>;

/// Draws from now on, when it is asked for.
///
/// # Errors
/// When a publisher can't be made.
pub fn start(node: &mut r2r::Node, shared: &Arc<Shared>) -> r2r::Result<()> {
    for camera in Camera::BOTH {
        let publisher = node.create_publisher(&format!("~/{camera}/overlay"), QosProfile::default().keep_last(1))?;
        tokio::spawn(draw_on_demand(shared.clone(), camera, publisher));
    }
    Ok(())
}

async fn draw_on_demand(shared: Arc<Shared>, camera: Camera, publisher: Publisher<Image>) {
    let mut drawn_ns = i64::MIN;
    let mut last = None;
    loop {
        tokio::time::sleep(Duration::from_secs_f64(1.0 / shared.parameters.now().show.overlay.rate_hz)).await;
        let subscribed = publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0);
        if !subscribed && shared.overlays[camera].receiver_count() == 0 {
            (drawn_ns, last) = (i64::MIN, None);
            continue;
        }
        let Some(pair) = shared.recent().pop().filter(|pair| pair[camera].stamp_ns != drawn_ns) else { continue };
        drawn_ns = pair[camera].stamp_ns;
        let for_drawing = shared.clone();
        let mut next = last.take();
        let drawing = work::in_background(move || (draw(&for_drawing, camera, &pair, &mut next), next));
        let Ok((picture, next)) = drawing.await else { continue };
        last = next;
        if subscribed && let Err(error) = publisher.publish(&message(&shared, drawn_ns, &picture)) {
            tracing::error!("the {camera} overlay could not be published: {error}");
        }
        shared.overlays[camera].send_replace(Some(Arc::new(Drawn { stamp_ns: drawn_ns, picture })));
    }
}

fn message(shared: &Shared, stamp_ns: i64, picture: &RgbImage) -> Image {
    let mut message = Image {
        width: picture.width(),
        height: picture.height(),
        encoding: "rgb8".into(),
        step: 3 * picture.width(),
        data: picture.as_raw().clone(),
        ..Image::default()
    };
    message.header.stamp = time(stamp_ns);
    message.header.frame_id = shared.parameters.now().frames.tool_frame.clone();
    message
}

/// `last`: of the picture before, then of this one.
fn draw(shared: &Shared, camera: Camera, pair: &Pair, last: &mut Option<Last>) -> RgbImage {
    let image = pair[camera].to_gray();
    let (nodes, caption) = grid(shared, camera, pair[camera].stamp_ns, &image, last);
    overlay::live(&image, &nodes, &format!(" {camera}: {caption} "))
}

/// The crossings to draw, and what to say about them.
fn grid(
    shared: &Shared,
    camera: Camera,
    stamp_ns: i64,
    image: &GrayImage,
    last: &mut Option<Last>,
) -> (Vec<GridPoint>, String) {
    let position_mm = locked(&shared.poses).at(stamp_ns).map(|pose| pose.position_mm());
    let calibration = shared.calibration();
    let (sweeping, seen, before) = {
        let live = shared.live.borrow();
        (live.progress.is_some(), live.seen.clone(), live.before.clone())
    };
    let Some(calibration) = calibration.filter(|_| !sweeping) else {
        return match (seen, position_mm) {
            (Some(seen), Some(here)) if distance(here, seen.position_mm) < SAME_PLACE_MM => {
                let nodes = seen.nodes[camera].clone();
                let caption = format!("measured; {}", figures(&nodes));
                (nodes, caption)
            }
            (Some(seen), Some(here)) if sweeping => {
                let nodes = before.and_then(|before| carried_on(&before, &seen, camera, here));
                let caption = if nodes.is_some() { "the tool moves: grid carried on" } else { "the tool moves" };
                (nodes.unwrap_or_default(), caption.into())
            }
            _ if sweeping => (Vec::new(), "nothing is measured yet".into()),
            _ => (Vec::new(), "not calibrated: no grid to draw".into()),
        };
    };
    let size = calibration.camera(camera).image_size;
    if size != [image.width(), image.height()] {
        return (Vec::new(), format!("calibrated with {}x{} px: set the resolution back", size[0], size[1]));
    }
    let Some(moved_mm) = position_mm.zip(calibration.reference_mm).map(|(here, start)| moved(here, start)) else {
        return (Vec::new(), "no robot pose: where the grid is can't be told".into());
    };
    let mut nodes = lattice::predicted(&calibration, camera, moved_mm);
    let told = match measured(image, stamp_ns, last) {
        Err(_) => "no grid in the picture".into(),
        Ok(found) => {
            lattice::compare(&mut nodes, &calibration, camera, found.iter().map(|i| i.pixel));
            figures(&nodes)
        }
    };
    (nodes, format!("predicted at h {:.3} mm; {told}", moved_mm.z))
}

/// The crossings in a picture; `last` is of the picture before, then of this one.
fn measured(image: &GrayImage, stamp_ns: i64, last: &mut Option<Last>) -> Result<Vec<Intersection>, FitError> {
    let mut pixels = CpuPixels::new(image);
    let near = last.take().filter(|last| (0..ANEW_NS).contains(&(stamp_ns - last.anew_ns)));
    let warm = near.as_ref().map(|last| Warm { last: &last.fit, before: None });
    let fit = refine::fit(&mut pixels, warm, &FitOptions::default())?;
    let found = local::measure_on(&mut pixels, &fit.parameters)?;
    *last = Some(Last { fit, anew_ns: near.map_or(stamp_ns, |last| last.anew_ns) });
    Ok(found)
}

fn moved(here_mm: [f64; 3], start_mm: [f64; 3]) -> Vector3<f64> {
    Vector3::from(here_mm) - Vector3::from(start_mm)
}

/// How many crossings were measured and what they miss.
fn figures(nodes: &[GridPoint]) -> String {
    let missed = || nodes.iter().filter(|node| node.error_um.is_finite());
    let Some(worst) = missed().max_by(|a, b| a.error_um.total_cmp(&b.error_um)) else {
        return "no crossing measured".into();
    };
    let rms = (missed().map(|node| node.error_um.powi(2)).sum::<f64>() / missed().count() as f64).sqrt();
    let [x, y] = worst.lines;
    format!("{} crossings, off by {rms:.1} µm RMS, most {:.1} µm at ({x}, {y})", missed().count(), worst.error_um)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector2;

    #[test]
    fn the_worst_crossing_is_named() {
        let node = |lines, error_um| GridPoint { lines, pixel: Vector2::zeros(), point_mm: Vector3::zeros(), error_um };
        let text = figures(&[node([0, 0], 3.0), node([2, -7], 4.0), node([1, 1], f64::NAN)]);
        assert_eq!(text, "2 crossings, off by 3.5 µm RMS, most 4.0 µm at (2, -7)");
        assert_eq!(figures(&[]), "no crossing measured");
    }
}
