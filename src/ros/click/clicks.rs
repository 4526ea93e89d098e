//! Clicks in the images: each becomes a point, is answered and recorded, and may move the tool.
//!
//! | topic | is |
//! | --- | --- |
//! | `left/image_raw_mouse_left`, `right/…` | whole pixels without a stamp, as rqt_image_view publishes them |
//! | `clicked_pixel` | stamped; its frame names the camera |
//! | `clicked_point`, `~/click` | the point, NaN where there is none; the same with covariance and reason |
//!
//! A click in one camera lies on the plane `click.height` above the calibrated sheet. When another spot was clicked in the
//! other camera before, and the tool has been at rest since, both rays meet in one stereo point.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::answer::PointAnswer;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::nodes::people::ClickMoves;
use crate::parameters::table::ParameterTable;
use crate::ros::click::partner::{Clicked, PartnerSearch, Waiting};
use crate::ros::click::{messages, record};
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::lease::Robot;
use crate::ros::robot::move_to::Moved;
use crate::ros::robot::stop::Stop;
use crate::ros::state::clicked::{AnsweredClick, FoundBy, in_frame};
use crate::ros::state::live::Live;
use crate::ros::state::served::ServedCalibration;
use crate::ros::state::service_status::ServiceStatus;
use crate::ros::support::files::Files;
use crate::ros::{each, locked, nanoseconds};
use nalgebra::Vector2;
use r2r::geometry_msgs::msg::{Point, PointStamped};
use r2r::grating_calibration::msg::Click;
use r2r::{Publisher, QosProfile};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};

/// What clicks need.
pub struct ClickSources {
    /// Stamps of the images, and frames that name a camera.
    pub cameras: Arc<CameraInput>,
    /// Where the tool is.
    pub poses: Arc<PoseInput>,
    /// The calibration that answers.
    pub served: Arc<ServedCalibration>,
    /// Moves the tool.
    pub robot: Arc<Robot>,
    /// Shows the clicks.
    pub live: Arc<watch::Sender<Live>>,
    /// Where the record may lie.
    pub files: Files,
    /// How clicks are answered.
    pub parameters: ParameterTable<NodeParameters>,
}

/// Answers clicks.
pub struct Clicks {
    sources: ClickSources,
    partners: PartnerSearch,
    points: Mutex<Publisher<PointStamped>>,
    answers: Mutex<Publisher<Click>>,
}

/// A point, how it was found, and what to mind.
struct FoundPoint {
    answer: Result<PointAnswer, ServiceStatus>,
    by: Option<FoundBy>,
    mind: String,
}

impl FoundPoint {
    fn none(status: ServiceStatus, mind: &str) -> Self {
        FoundPoint { answer: Err(status), by: None, mind: mind.into() }
    }
}

impl Clicks {
    /// Answers the clicks of topics from now on.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn start(node: &mut r2r::Node, sources: ClickSources) -> r2r::Result<Arc<Self>> {
        let clicks = Arc::new(Clicks {
            sources,
            partners: PartnerSearch::default(),
            points: node.create_publisher("clicked_point", QosProfile::default())?.into(),
            answers: node.create_publisher("~/click", QosProfile::default())?.into(),
        });
        for camera in Camera::BOTH {
            let topic = format!("{camera}/image_raw_mouse_left");
            let clicks = clicks.clone();
            each(node.subscribe::<Point>(&topic, QosProfile::default())?, move |message| {
                let pixel = Vector2::new(message.x, message.y);
                tokio::spawn(clicks.clone().take(Clicked { camera, pixel, stamp_ns: 0 }));
            });
        }
        let stamped = clicks.clone();
        each(node.subscribe::<PointStamped>("clicked_pixel", QosProfile::default())?, move |message| {
            let (frame, pixel) = (&message.header.frame_id, Vector2::new(message.point.x, message.point.y));
            match stamped.sources.cameras.camera_of(frame) {
                Some(camera) => {
                    let stamp_ns = nanoseconds(&message.header.stamp);
                    tokio::spawn(stamped.clone().take(Clicked { camera, pixel, stamp_ns }));
                }
                None => stamped.publish(&unknown_camera(frame, pixel)),
            }
        });
        Ok(clicks)
    }

    /// Answers, records and, when that is wanted and armed, moves the tool.
    ///
    /// # Errors
    /// When answering panicked; the log says why.
    pub async fn take(self: Arc<Self>, clicked: Clicked) -> Result<AnsweredClick, JoinError> {
        let clicks = self.clone();
        let click = spawn_blocking(move || {
            let parameters = clicks.sources.parameters.now();
            let mut click = clicks.answer(clicked);
            if let Err(error) = record::append(&parameters.click.file, &clicks.sources.files, &click) {
                tracing::error!("{error}");
                click.message = joined([click.message, error]);
            }
            clicks.publish(&click);
            clicks.sources.live.send_modify(|live| live.add_click(click.clone()));
            click
        })
        .await?;
        let moves = match self.sources.parameters.now().click.moves {
            ClickMoves::Any => true,
            ClickMoves::Stereo => click.found_by == Some(FoundBy::Stereo),
            ClickMoves::Off => false,
        };
        if moves
            && click.status() == ServiceStatus::OK
            && let Some(estimate) = click.estimate()
        {
            tokio::spawn(self.go_there(estimate.point_mm.into()));
        }
        Ok(click)
    }

    /// Moves the tool's origin to a point in the base frame plus `click.approach`.
    ///
    /// # Errors
    /// [`Stop`] with why nothing was moved, or what stopped the move.
    pub async fn move_to(&self, point_mm: [f64; 3]) -> Result<Moved, Stop> {
        let approach_m = self.sources.parameters.now().click.approach_m;
        let target_mm = std::array::from_fn(|i| point_mm[i] + 1e3 * approach_m[i]);
        self.sources.robot.move_to(target_mm, false).await
    }

    async fn go_there(self: Arc<Self>, point_mm: [f64; 3]) {
        match self.move_to(point_mm).await {
            Ok(Moved { position_mm, message }) => {
                let [x, y, z] = position_mm.map(|mm| 1e-3 * mm);
                tracing::info!("moved to the clicked point: ({x:.6}, {y:.6}, {z:.6}) m, {message}");
            }
            Err(stop) => tracing::warn!("no move to the clicked point: {}", stop.reason()),
        }
    }

    fn answer(&self, clicked: Clicked) -> AnsweredClick {
        let Clicked { camera, pixel, .. } = clicked;
        let stamp_ns = match clicked.stamp_ns {
            0 => self.sources.cameras.recent().last().map_or(0, |pair| pair[camera].stamp_ns),
            given => given,
        };
        let parameters = self.sources.parameters.now();
        let pose = self.sources.poses.at(stamp_ns);
        let waiting = Waiting { click: clicked, position_mm: pose.map(|pose| pose.position_mm()), at: Instant::now() };
        let longest = Duration::from_secs_f64(parameters.click.pair_time_s);
        let partner = self.partners.partner_or_wait(waiting, longest);
        let found = self.point(&waiting, partner, &parameters);
        let mut pixels = Stereo { left: None, right: None };
        pixels[camera] = Some(pixel);
        match partner {
            Some(partner) if found.by == Some(FoundBy::Stereo) => pixels[partner.camera] = Some(partner.pixel),
            // The partner shows another point: this click may find a better one.
            Some(_) => self.partners.wait(waiting),
            None => {}
        }
        let (answer, frame) = match pose {
            Some(pose) => {
                let base_from_calibration = pose.pose * self.sources.served.tool_from_calibration();
                (
                    found.answer.map(|answer| in_frame(&answer, &base_from_calibration)),
                    parameters.frames.base_frame.clone(),
                )
            }
            None => (found.answer, parameters.frames.calibration_frame.clone()),
        };
        let status = answer.map_or_else(|status| status, |answer| answer.status.into());
        let message = joined([status.remedy().into(), found.mind]);
        if status != ServiceStatus::OK {
            tracing::warn!("click in the {camera} image at ({:.1}, {:.1}) px: {message}", pixel.x, pixel.y);
        }
        let found_by = found.by.filter(|_| answer.is_ok_and(|answer| answer.status.is_answered()));
        AnsweredClick { stamp_ns, camera: Some(camera), found_by, pixels, answer, frame, message }
    }

    /// The point, in the calibration frame.
    fn point(&self, clicked: &Waiting, partner: Option<Clicked>, parameters: &NodeParameters) -> FoundPoint {
        let Some(calibration) = self.sources.served.calibration() else {
            return FoundPoint::none(ServiceStatus::NotCalibrated, "");
        };
        let (Clicked { camera, pixel, .. }, sigma_px) = (clicked.click, parameters.click.sigma_px);
        let mut mind = String::new();
        if let Some(partner) = partner {
            let mut pixels = Stereo { left: pixel, right: pixel };
            pixels[partner.camera] = partner.pixel;
            let answer = calibration.noisy_pair_to_point(pixels.left, pixels.right, sigma_px);
            if answer.status.is_answered() {
                return FoundPoint { answer: Ok(answer), by: Some(FoundBy::Stereo), mind };
            }
            mind = format!("taken alone: the click before, in the {} image, shows another point", partner.camera);
        }
        let Some((here_mm, start_mm)) = clicked.position_mm.zip(calibration.reference_mm) else {
            let why = match calibration.reference_mm {
                None => "the calibration does not know where the sheet was: click the spot in both cameras",
                Some(_) => "click the spot in both cameras, or let the robot's driver publish its pose",
            };
            return FoundPoint::none(ServiceStatus::PoseUnavailable, why);
        };
        let plane_z_mm = 1e3 * parameters.click.height_m - (here_mm[2] - start_mm[2]);
        let answer = calibration.noisy_pixel_to_plane(camera, pixel, plane_z_mm, sigma_px);
        FoundPoint { answer: Ok(answer), by: Some(FoundBy::Plane), mind }
    }

    fn publish(&self, click: &AnsweredClick) {
        let sent = locked(&self.points).publish(&messages::point(click));
        let sent = sent.and(locked(&self.answers).publish(&messages::click(click)));
        if let Err(error) = sent {
            tracing::error!("a click's answer could not be published: {error}");
        }
    }
}

/// A click whose camera is not known, by its frame.
fn unknown_camera(frame: &str, pixel: Vector2<f64>) -> AnsweredClick {
    AnsweredClick {
        stamp_ns: 0,
        camera: None,
        found_by: None,
        pixels: Stereo { left: None, right: None },
        answer: Err(ServiceStatus::UnknownCamera),
        frame: String::new(),
        message: format!(
            "clicked_pixel names camera '{frame}' at ({}, {}): its header.frame_id must be left or right, or the frame of one \
             camera's images only",
            pixel.x, pixel.y
        ),
    }
}

/// All parts that say something.
fn joined<const N: usize>(parts: [String; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}
