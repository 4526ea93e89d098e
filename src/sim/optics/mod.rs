//! From the scene to counts: lens, its place on the tool, sensor.
//!
//! | file | holds |
//! | --- | --- |
//! | [`lens`] | ray ↔ pixel: Brown's model plus a smooth part that no Brown model holds |
//! | [`view`] | a lens at its place on the tool, and its table of rays |
//! | [`sensor`] | light → counts: noise, gamma, saturation, 8 or 16 bits |

pub mod lens;
pub mod sensor;
pub mod view;
