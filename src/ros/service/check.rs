//! `~/check`: one image pair, taken where the tool is, against the served calibration. Nothing moves.

use crate::camera::Stereo;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::each;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::input::still_pairs::{StillImages, StillPairs, Wanted};
use crate::ros::state::served::ServedCalibration;
use crate::ros::support::clock::Clock;
use crate::ros::support::respond::respond;
use crate::ros::support::work;
use crate::sweep::drift::{CheckError, DriftMeasurement, Verdict, check};
use crate::sweep::images::still_pair::StillPairSettings;
use r2r::QosProfile;
use r2r::grating_calibration::srv::Check;
use std::sync::Arc;
use std::time::Duration;

/// Distance between grid and pose within which the grid was left alone, mm.
const LEFT_ALONE_MM: f64 = 0.05;

/// Checks the served calibration.
pub struct CheckService {
    /// The calibration.
    pub served: Arc<ServedCalibration>,
    /// Image pairs.
    pub cameras: Arc<CameraInput>,
    /// Where the tool is.
    pub poses: Arc<PoseInput>,
    /// What is still good.
    pub parameters: ParameterTable<NodeParameters>,
    /// Images must be later than the request.
    pub clock: Arc<Clock>,
}

impl CheckService {
    /// Offers the service.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn start(self, node: &mut r2r::Node) -> r2r::Result<()> {
        let requests = node.create_service::<Check::Service>("~/check", QosProfile::default())?;
        let service = Arc::new(self);
        each(requests, move |request| drop(tokio::spawn(service.clone().answer(request))));
        Ok(())
    }

    async fn answer(self: Arc<Self>, request: r2r::ServiceRequest<Check::Service>) {
        let unknown = |message| without_numbers(Check::Response::UNKNOWN as u8, message);
        let response = self.check().await.unwrap_or_else(unknown);
        match response.verdict == Check::Response::GOOD as u8 {
            true => tracing::info!("~/check: {}", response.message),
            false => tracing::warn!("~/check: {}", response.message),
        }
        tokio::task::spawn_blocking(|| respond("~/check", request, response));
    }

    async fn check(&self) -> Result<Check::Response, String> {
        let calibration = self.served.calibration().ok_or("no calibration is in use: calibrate, or load one")?;
        let pair = self.still_pair().await?;
        let position_mm = pair.at_rest.map(|at_rest| at_rest.pose.position_mm());
        let displacement_mm =
            position_mm.zip(calibration.reference_mm).map(|(here, start)| std::array::from_fn(|i| here[i] - start[i]));
        let checked = work::in_background(move || {
            let images = Stereo::from_fn(|camera| pair.images[camera].to_gray());
            check(&calibration, images.as_ref(), displacement_mm)
        });
        match checked.await.map_err(|error| error.to_string())? {
            Ok(found) => Ok(response(&found, found.verdict(&self.parameters.now().check.tolerances()))),
            Err(error @ CheckError::NoHeight { .. }) => {
                Ok(without_numbers(Check::Response::WRONG_TARGET as u8, error.to_string()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// A pair that is taken at rest from now on; where the robot's pose is not known, one whose image does not move.
    async fn still_pair(&self) -> Result<StillImages, String> {
        let parameters = self.parameters.now();
        let has_pose = self.poses.fresh(parameters.robot.pose_timeout_s).is_ok();
        let at_rest = parameters.still_pairs();
        let settings = StillPairSettings { settle: at_rest.settle.filter(|_| has_pose), ..at_rest };
        let chooser = StillPairs::start(&self.cameras, &self.poses, settings).map_err(|error| error.to_string())?;
        let wanted = if has_pose { Wanted::AtRest(None) } else { Wanted::After(self.clock.now_ns()) };
        let longest = Duration::from_secs_f64(parameters.cameras.image_timeout_s + parameters.settle.timeout_s);
        match tokio::time::timeout(longest, chooser.want(wanted)).await {
            Ok(Ok(pair)) => Ok(pair),
            Ok(Err(_)) => Err("the thread that chooses images has ended; the log says why".into()),
            Err(_) => {
                let (why, limit_s) = (chooser.state().not_yet, longest.as_secs_f64());
                Err(format!("no image pair was taken at rest within {limit_s:.1} s: {why}; {}", self.cameras.trouble()))
            }
        }
    }
}

fn without_numbers(verdict: u8, message: String) -> Check::Response {
    let nan = f64::NAN;
    Check::Response { verdict, message, shift_px: nan, scale: nan, residual_px: nan, height: nan, moved: nan }
}

fn response(found: &DriftMeasurement, verdict: Verdict) -> Check::Response {
    let DriftMeasurement { shift_px, scale, residual_px, .. } = *found;
    let figures = format!("shift {shift_px:.3} px, scale {scale:.5}, residual {residual_px:.3} px");
    let (verdict, message) = match verdict {
        Verdict::WrongTarget => (
            Check::Response::WRONG_TARGET as u8,
            format!("wrong target: {figures}; put the calibrated sheet back, or calibrate with this one"),
        ),
        Verdict::Drifted => {
            let other = match found.pitch_at_pose {
                Some(_) => "",
                None => " (or this is another sheet: without the robot's pose that can't be told)",
            };
            let text = format!("drifted: {figures}; a camera or its lens has moved{other}: calibrate again");
            (Check::Response::DRIFTED as u8, text)
        }
        Verdict::Good => {
            let moved = match found.moved_mm {
                Some(mm) if mm > LEFT_ALONE_MM => {
                    format!("; the grid is {mm:.3} mm from where the robot's pose says: sheet or camera rig was moved")
                }
                _ => String::new(),
            };
            (Check::Response::GOOD as u8, format!("good: {figures}{moved}"))
        }
    };
    Check::Response {
        verdict,
        message,
        shift_px,
        scale,
        residual_px,
        height: 1e-3 * found.height_mm,
        moved: found.moved_mm.map_or(f64::NAN, |mm| 1e-3 * mm),
    }
}
