//! Correspondences of pixels and points → a pixel ↔ world model per camera: Eq. (16) and the ladder beyond it.
//!
//! | file or folder | holds |
//! | --- | --- |
//! | [`dataset`] | what a model is fitted to |
//! | [`views`] | what the cameras saw at every pose |
//! | [`volume`] | a box in the tool frame |
//! | [`method`] | the default method, or the published one |
//! | [`robust`] | robust least squares for cameras |
//! | [`models`] | the camera models, world → pixel |
//! | [`inverse`] | pixel pair → point, pixel + plane → point, on any model |
//! | [`bundle`] | cameras, pose errors and print errors at once, with their covariance |
//! | [`selection`] | the ladder of models: fit, cross-validate, choose |
//! | [`interop`] | the cameras as other software wants them |
//! | [`checks`] | whether the data can be what its user says |
//! | [`calibration`] | the served models, what they answer, and the verdict on them |

pub mod bundle;
pub mod calibration;
pub mod checks;
pub mod dataset;
pub mod interop;
pub mod inverse;
pub mod method;
pub mod models;
pub mod robust;
pub mod selection;
pub mod views;
pub mod volume;
