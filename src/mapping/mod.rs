//! (pixel, point) pairs → a pixel ↔ world model per camera: Eq. (16) and the ladder beyond it.
//!
//! | file | holds |
//! | --- | --- |
//! | [`dataset`] | the pairs that a model is fitted to |
//! | [`views`] | what the cameras saw at every pose |
//! | [`bundle`] | cameras, pose errors and print errors at once |
//! | [`print`] | where the printed lines are |
//! | `posterior` | what that solution knows about itself |
//! | [`rays`] | which place of the grid some pixels see, without any model |
//! | [`consistency`] | line numbers and poses of all views against each other: slips, bumps |
//! | [`origins`] | did the user click the same crossing in both images? |
//! | [`scale`] | do heights and pitch agree? |
//! | [`placement`] | is the left camera on the left? |
//! | [`published`] | Eq. (16) |
//! | [`polynomial`] | full polynomials in (x, y, z): cubic, quintic, septic |
//! | [`pinhole`] | physical camera with Brown's or the rational distortion, oblique frame |
//! | [`distortion`] | both, as in OpenCV |
//! | [`spline`] | Brown's camera with a smooth correction |
//! | [`central`] | projective camera with a smooth lens: all rays through one point |
//! | [`adjust`] | robust Levenberg–Marquardt for the cameras among them |
//! | [`model`] | any of them |
//! | [`select`] | fits the ladder, scores, picks |
//! | [`cross_validation`] | what a model says about heights, regions and borders that it has not seen |
//! | [`stereo_ladder`] | the same in micrometres, for points from both cameras |
//! | [`uncertainty`] | how sure the models are of their pixels |
//! | [`starts`] | where the search for a pair's point begins |
//! | [`invert`] | pixel pair → point, pixel + plane → point, with covariance |
//! | [`calibration`] | the served models with what is known about them |
//! | [`answer`] | what they answer, each time with a status |
//! | [`frustum`] | what a camera sees of the calibrated volume |
//! | [`standard`] | the cameras as other software wants them |
//! | [`rectify`] | both turned into common axes, for stereo software |
//! | [`export`] | these as files |
//! | [`checks`] | what the checks found, as a calibration keeps it |
//! | [`file`] | calibration.yaml |

pub mod adjust;
pub mod answer;
pub mod bundle;
pub mod calibration;
pub mod central;
pub mod checks;
pub mod consistency;
pub mod cross_validation;
pub mod dataset;
pub mod distortion;
pub mod export;
pub mod file;
pub mod frustum;
pub mod invert;
pub mod model;
pub mod origins;
pub mod pinhole;
pub mod placement;
pub mod polynomial;
mod posterior;
pub mod print;
pub mod published;
pub mod rays;
pub mod rectify;
pub mod scale;
pub mod select;
pub mod spline;
pub mod standard;
pub mod starts;
pub mod stereo_ladder;
pub mod uncertainty;
pub mod views;

pub use answer::AnswerStatus;
pub use calibration::Calibration;
pub use dataset::{CameraDataset, Correspondence};
pub use model::Model;
