//! Clicks in the pictures: each becomes a point, is answered and recorded, and may send the tool there.
//!
//! | topic | is |
//! | --- | --- |
//! | `left/image_raw_mouse_left`, `right/…` | whole pixels without a stamp, as rqt_image_view publishes them |
//! | `clicked_pixel` | stamped; its frame names the camera |
//! | `clicked_point`, `~/click` | the point, NaN where there is none; the same with covariance and the reason |
//!
//! A click in one camera lies on the plane `click.height` above the calibrated sheet. When the same spot was clicked in the
//! other camera before, and the tool has stood still since, both rays meet there instead.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::answer::{AnswerStatus, PointAnswer};
use crate::parameters::nodes::people::ClickMoves;
use crate::ros::click::click_record;
use crate::ros::node::shared::Shared;
use crate::ros::service::status::ServiceStatus;
use crate::ros::service::{move_to, services};
use crate::ros::show::transform;
use crate::ros::{locked, time};
use crate::sweep::motion::profile::distance;
use nalgebra::{Isometry3, Vector2};
use r2r::Publisher;
use r2r::geometry_msgs::msg::{Point, PointStamped};
use r2r::grating_calibration::msg::{Click, Pixel, PointEstimate};
use r2r::grating_calibration::srv::MoveTo;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A tool that moved less than this between two clicks stood still, mm.
const STILL_MM: f64 = 0.05;

/// A click as it comes in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clicked {
    pub camera: Camera,
    pub pixel: Vector2<f64>,
    /// Of the picture, ns; 0: the latest.
    pub stamp_ns: i64,
}

/// One that may still find its partner in the other camera.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    click: Clicked,
    position_mm: Option<[f64; 3]>,
    at: Instant,
}

/// Where answers go, and the click that waits for its partner.
pub struct Clicks {
    waiting: Mutex<Option<Waiting>>,
    points: Mutex<Publisher<PointStamped>>,
    answers: Mutex<Publisher<Click>>,
}

impl Clicks {
    pub fn new(points: Publisher<PointStamped>, answers: Publisher<Click>) -> Self {
        Clicks { waiting: Mutex::default(), points: Mutex::new(points), answers: Mutex::new(answers) }
    }
}

/// Answers, records and, when that is wanted and armed, goes there.
pub async fn take(shared: Arc<Shared>, clicked: Clicked) -> Click {
    let for_answer = shared.clone();
    let answered = tokio::task::spawn_blocking(move || {
        let mut click = answer(&for_answer, clicked);
        if let Err(error) = click_record::append(&for_answer, &click) {
            tracing::error!("{error}");
            click.message =
                [click.message, error].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        }
        publish(&for_answer, &click);
        for_answer.live.send_modify(|live| live.add_click(click.clone()));
        click
    });
    let Ok(click) = answered.await else { return Click::default() };
    let wanted = match shared.parameters.now().click.moves {
        ClickMoves::Any => true,
        ClickMoves::Stereo => click.by == "stereo",
        ClickMoves::Off => false,
    };
    if wanted && click.estimate.status == ServiceStatus::Answer(AnswerStatus::Ok).code() {
        tokio::spawn(go_there(shared, click.clone()));
    }
    click
}

/// A click whose camera is not known, by its frame.
pub fn refuse_camera(shared: &Shared, frame: &str, pixel: &Point) {
    let mut click = Click { estimate: services::no_point(ServiceStatus::UnknownCamera), ..Click::default() };
    click.message = format!(
        "clicked_pixel names camera '{frame}' at ({}, {}): its header.frame_id must be left or right, or the frame of one \
         camera's images only",
        pixel.x, pixel.y
    );
    (click.left, click.right) = (NOWHERE, NOWHERE);
    publish(shared, &click);
}

const NOWHERE: Pixel = Pixel { u: f64::NAN, v: f64::NAN };

/// The camera that a frame names.
pub fn camera_of(shared: &Shared, frame: &str) -> Option<Camera> {
    let frames = shared.frames();
    let own = Stereo::from_fn(|camera| frames.health(camera).frame_id);
    let named = |camera: &Camera| frame == camera.to_string() || (frame == own[*camera] && own.left != own.right);
    Camera::BOTH.into_iter().find(named)
}

fn answer(shared: &Shared, clicked: Clicked) -> Click {
    let Clicked { camera, pixel, stamp_ns } = clicked;
    let stamp_ns = match stamp_ns {
        0 => shared.recent().last().map_or(0, |pair| pair[camera].stamp_ns),
        given => given,
    };
    let pose = locked(&shared.poses).at(stamp_ns);
    let position_mm = pose.map(|pose| pose.position_mm());
    let partner = partner(shared, camera, position_mm);
    let mut click = Click { camera: camera.to_string(), ..Click::default() };
    click.header.stamp = time(stamp_ns);
    let mut pixels = Stereo { left: NOWHERE, right: NOWHERE };
    pixels[camera] = Pixel { u: pixel.x, v: pixel.y };
    let (answer, by, mind) = point(shared, clicked, partner, position_mm);
    if let (Some(partner), "stereo") = (partner, by) {
        pixels[partner.camera] = Pixel { u: partner.pixel.x, v: partner.pixel.y };
    }
    (click.left, click.right) = (pixels.left, pixels.right);
    // A pair is used up; a click alone may still find its partner.
    let waits = (by != "stereo").then(|| Waiting { click: clicked, position_mm, at: Instant::now() });
    *locked(&shared.clicks.waiting) = waits;
    let (wanted_from_calibration, frame) = match pose {
        Some(pose) => (pose.pose * transform::offset(shared), shared.parameters.now().frames.base_frame.clone()),
        None => (Isometry3::identity(), shared.parameters.now().frames.calibration_frame.clone()),
    };
    click.header.frame_id = frame;
    let status = match answer {
        Ok(answer) => {
            click.estimate = services::point_in(&answer, &wanted_from_calibration);
            if answer.status.is_answered() {
                click.by = by.into();
            }
            ServiceStatus::Answer(answer.status)
        }
        Err(status) => {
            click.estimate = services::no_point(status);
            status
        }
    };
    click.message =
        [status.remedy().to_string(), mind].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    if status != ServiceStatus::Answer(AnswerStatus::Ok) {
        tracing::warn!("click in the {camera} picture at ({:.1}, {:.1}) px: {}", pixel.x, pixel.y, click.message);
    }
    click
}

/// The click that waits in the other camera, if it is not too old and the tool has not moved.
fn partner(shared: &Shared, camera: Camera, position_mm: Option<[f64; 3]>) -> Option<Clicked> {
    let longest = Duration::from_secs_f64(shared.parameters.now().click.pair_time_s);
    let waiting = *locked(&shared.clicks.waiting);
    let waiting = waiting.filter(|waiting| waiting.click.camera != camera && waiting.at.elapsed() <= longest)?;
    let still = match (waiting.position_mm, position_mm) {
        (Some(then), Some(now)) => distance(then, now) <= STILL_MM,
        _ => true,
    };
    still.then_some(waiting.click)
}

/// The point, how it was found, and what to mind.
fn point(
    shared: &Shared,
    clicked: Clicked,
    partner: Option<Clicked>,
    position_mm: Option<[f64; 3]>,
) -> (Result<PointAnswer, ServiceStatus>, &'static str, String) {
    let Some(calibration) = shared.calibration() else {
        return (Err(ServiceStatus::NotCalibrated), "", String::new());
    };
    let sigma_px = shared.parameters.now().click.sigma_px;
    let mut mind = String::new();
    if let Some(partner) = partner {
        let mut pixels = Stereo { left: clicked.pixel, right: clicked.pixel };
        pixels[partner.camera] = partner.pixel;
        let both = calibration.noisy_pair_to_point(pixels.left, pixels.right, sigma_px);
        if both.status.is_answered() {
            return (Ok(both), "stereo", mind);
        }
        mind = format!("taken alone: the click before, in the {} picture, shows another point", partner.camera);
    }
    let Some((here_mm, start_mm)) = position_mm.zip(calibration.reference_mm) else {
        let why = match calibration.reference_mm {
            None => "the calibration does not know where the sheet was: click the spot in both cameras",
            Some(_) => "click the spot in both cameras, or let the robot's driver publish its pose",
        };
        return (Err(ServiceStatus::PoseUnavailable), "", why.into());
    };
    let plane_z_mm = 1e3 * shared.parameters.now().click.height_m - (here_mm[2] - start_mm[2]);
    let answer = calibration.noisy_pixel_to_plane(clicked.camera, clicked.pixel, plane_z_mm, sigma_px);
    (Ok(answer), "plane", mind)
}

fn publish(shared: &Shared, click: &Click) {
    let nan = Point { x: f64::NAN, y: f64::NAN, z: f64::NAN };
    let answered = click.estimate.status <= PointEstimate::OUTSIDE_VOLUME as u8;
    let point = if answered { click.estimate.point.clone() } else { nan };
    let message = PointStamped { header: click.header.clone(), point };
    let sent = locked(&shared.clicks.points).publish(&message);
    let sent = sent.and(locked(&shared.clicks.answers).publish(click));
    if let Err(error) = sent {
        tracing::error!("a click's answer could not be published: {error}");
    }
}

/// Sends the tool's origin to the clicked point plus `click.approach`.
async fn go_there(shared: Arc<Shared>, click: Click) {
    let [x, y, z] = shared.parameters.now().click.approach_m;
    let p = click.estimate.point;
    let point = Point { x: p.x + x, y: p.y + y, z: p.z + z };
    match move_to::run(&shared, &MoveTo::Request { point, dry_run: false }).await {
        Ok((message, reached)) => tracing::info!(
            "moved to the clicked point: ({:.6}, {:.6}, {:.6}) m, {message}",
            reached.x,
            reached.y,
            reached.z
        ),
        Err(stop) => tracing::warn!("the clicked point is not gone to: {}", stop.reason()),
    }
}
