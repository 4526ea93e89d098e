//! Pixel ↔ world calibration of two robot-mounted cameras from a printed grid of lines.
//!
//! Two cameras sit on a robot's tool and look down at a printed sheet. The robot moves the tool straight up. Image pairs and
//! measured poses go in; a [`Calibration`](mapping::calibration::Calibration) comes out. It turns a pixel pair into a point of
//! the tool frame, and a point into pixels. Every answer has a covariance and a status.
//!
//! # A whole calibration
//! The simulator stands for cameras and robot here. On a robot the images come from the cameras, the poses from the robot.
//! ```
//! use grating_calibration::camera::{Camera, Stereo};
//! use grating_calibration::mapping::calibration::answer::AnswerStatus;
//! use grating_calibration::pose::tool_pose::ToolPose;
//! use grating_calibration::sim::{config::SceneConfig, scene::Scene};
//! use grating_calibration::sweep::{session::SweepSession, settings::CalibrationSettings};
//! use nalgebra::Vector3;
//!
//! // Small images, and a lens sharp enough for them.
//! let mut config = SceneConfig::default();
//! (config.rig.width, config.rig.height, config.sensor.blur_px) = (640, 360, 0.6);
//! let cell = Scene::new(config)?;
//!
//! // What the user states: the pitch, and the pixel of one intersection in both images of the first pair.
//! let settings = CalibrationSettings::new(cell.config().grid.pitch_mm, cell.origin_px()?);
//! let mut session = SweepSession::new(settings)?;
//! for step in 0_u32..9 {
//!     // Small steps first: the tracker predicts each height from those before.
//!     let height_mm = 10.0 * (f64::from(step) / 8.0).powf(1.5);
//!     let images = Stereo::from_fn(|camera| cell.image(camera, Vector3::z() * height_mm, step.into()).to_gray());
//!     session.add_pair(images.as_ref(), ToolPose::at([0.0, 0.0, 100.0 + height_mm]))?;
//! }
//! let calibration = session.finish()?.calibration;
//! assert!(calibration.usable, "{}", calibration.reason);
//!
//! // A point 8 mm below the origin, and where the cameras see it.
//! let point_mm = Vector3::new(3.0, -2.0, -8.0);
//! let [left, right] = Camera::BOTH.map(|camera| cell.project(camera, point_mm));
//! let (left, right) = left.zip(right).ok_or("the point is out of view")?;
//! let answer = calibration.pixel_pair_to_point(left, right);
//! assert_eq!(answer.status, AnswerStatus::Ok);
//! // Its x and y run along the printed lines, which the sheet has turned by 0.25° against the robot.
//! let miss_mm = answer.estimate.point_mm - cell.lines_from_robot() * point_mm;
//! assert!(miss_mm.norm() < 0.02, "{miss_mm} mm");
//! let sigma_mm = answer.estimate.covariance_mm2.diagonal().map(f64::sqrt);
//! assert!(sigma_mm.max() < 0.02, "{sigma_mm} mm");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | to | see | example |
//! | --- | --- | --- |
//! | calibrate from images and poses | [`SweepSession`](sweep::session::SweepSession) | above |
//! | read image pairs and poses from a folder | [`folder::pairs`] | [there](folder::pairs) |
//! | calibrate from correspondences of another detector; save, load, ask | [`Calibration`](mapping::calibration::Calibration) | [there](mapping::calibration::Calibration) |
//! | find the gratings of one image | [`fit_cold`](grating::fit::refine::fit_cold) | [there](grating::fit::refine::fit_cold) |
//! | fit one camera model | [`Model::fit`](mapping::models::registry::Model::fit) | [there](mapping::models::registry::Model::fit) |
//! | draw a sheet to print | [`Target`](target::Target) | [there](target::Target) |
//! | add a camera model | [`mapping::models`] | |
//!
//! # Stages
//! One folder a stage; a stage uses only those below it, which `tests/borders` checks. Equations are numbered as in the
//! method published in 2016; each file writes out its own.
//!
//! | module | in → out | equations |
//! | --- | --- | --- |
//! | [`grating`] | one image → phases of its two gratings | (1)–(4) |
//! | [`lattice`] | phases → numbered, localised intersections with covariance | (5)–(15) |
//! | [`mapping`] | (pixel, point) pairs → world → pixel models, their answers, a verdict | (16) and beyond |
//! | [`sweep`] | image pairs and poses → calibration; plans and checks of a sweep, no I/O | |
//! | [`pose`] | measured poses and transforms → the tool's pose at a stamp | |
//! | [`target`] | pitch and paper → the sheet to print | |
//! | [`folder`] | images, poses, recordings and calibrations ↔ files | |
//! | `bag` | a recorded sweep (rosbag2) → a folder, without ROS | |
//! | [`report`] | a finished calibration → an HTML page and overlays | |
//! | [`sim`] | a ray-traced cell; it shares no projection, lens or grid code with the stages above | |
//! | [`parameters`] | settings of both nodes as typed values, their descriptions and files | |
//! | `ros` | the two nodes; the only module that names ROS | |
//!
//! # Frames and units
//! - Pixel `(u, v)`: raw image, u right, v down. Integer coordinates are pixel **centres**; the top-left centre is (0, 0).
//! - Tool frame: fixed to the cameras, right-handed, z up, away from the grid. Its origin is at the grid's origin when h = 0.
//!   An intersection seen at height h lies at (x, y, −h). With jogs along x and y its axes are the robot's; without, x and y
//!   run along the printed lines.
//! - Line numbers: `n_h` numbers the lines along u (rows, y = −n_h · pitch), `n_v` those along v (x = n_v · pitch).
//! - Names: `base_from_tool` takes coordinates in the tool frame to the base frame; `…_mm`, `…_px`, `…_rad` say the unit.
//! - Brightness: 0 … 1 of the sensor's full scale. Lengths: mm here, m at every ROS interface.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `bags` | yes | `bag`: readers of rosbag2's MCAP and SQLite files |
//! | `ros` | no | `ros` and the binaries `calibration_node` and `sim_cell`; needs a sourced ROS 2 and OpenCV |
//!
//! An NVIDIA driver and NVRTC are looked for at run time ([`grating::backend::choice`]); no feature is needed for them.
//!
//! # Literature
//! Departures are explained in the files.
//!
//! | source | used by |
//! | --- | --- |
//! | Takeda, Ina, Kobayashi, "Fourier-transform method of fringe-pattern analysis", JOSA 72 (1982) | [`grating::fit::spectrum`] |
//! | Levenberg, "A method for the solution of certain non-linear problems in least squares" (1944); Marquardt, "An algorithm for least-squares estimation of nonlinear parameters" (1963) | [`grating::fit::levenberg_marquardt`], [`mapping::robust::adjust`] |
//! | Holland, Welsch, "Robust regression using iteratively reweighted least-squares" (1977); Black, Anandan, "The robust estimation of multiple motions" (1996) | Cauchy's loss in both |
//! | Triggs, McLauchlan, Hartley, Fitzgibbon, "Bundle adjustment — a modern synthesis" (2000) | [`mapping::bundle`] |
//! | Hartley, Zisserman, "Multiple View Geometry in Computer Vision", 2nd ed. (2004) | [`mapping::models::pinhole`], [`mapping::models::central`] |
//! | Brown, "Close-range camera calibration" (1971) | [`mapping::models::brown`] |
//! | Weng, Cohen, Herniou, "Camera calibration with distortion models and accuracy evaluation" (1992) | [`mapping::models::rational`] |
//! | Soloff, Adrian, Liu, "Distortion compensation for generalized stereoscopic particle image velocimetry" (1997) | [`mapping::models::polynomial`] |
//! | Eilers, Marx, "Flexible smoothing with B-splines and penalties" (1996); Duchon, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces" (1977) | [`mapping::models::spline`] |
//! | Kiefer, "Sequential minimax search for a maximum" (1953) | [`mapping::models::published`] |
//! | Fusiello, Trucco, Verri, "A compact algorithm for rectification of stereo pairs" (2000) | [`mapping::interop::rectify`] |

#![warn(missing_docs)]

#[cfg(feature = "bags")]
pub mod bag;
pub mod camera;
pub mod folder;
pub mod grating;
pub mod gray_image;
pub mod lattice;
pub mod least_squares;
pub mod mapping;
pub mod named;
pub mod parameters;
pub mod pose;
pub mod report;
#[cfg(feature = "ros")]
pub mod ros;
pub mod setting;
pub mod sim;
pub mod statistics;
pub mod sweep;
pub mod target;
pub mod validation;

pub use gray_image::{GrayImage, gray_from_u8, gray_from_u16};
