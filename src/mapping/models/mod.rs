//! Camera models, world → pixel.
//!
//! | file | holds |
//! | --- | --- |
//! | [`published`] | Eq. (16) |
//! | [`polynomial`] | full polynomials in (x, y, z): cubic, quintic, septic |
//! | [`pinhole`] | physical camera with Brown's or the rational distortion, oblique frame |
//! | [`distortion`] | both, as in OpenCV |
//! | [`spline`] | Brown's camera with a smooth correction |
//! | [`central`] | projective camera with a smooth lens: all rays through one point |
//! | [`adjust`] | robust Levenberg–Marquardt for the cameras among them |
//! | [`model`] | any of them |

pub mod adjust;
pub mod central;
pub mod distortion;
pub mod model;
pub mod pinhole;
pub mod polynomial;
pub mod published;
pub mod spline;
