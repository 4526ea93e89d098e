//! Images and poses as they come.
//!
//! | file | holds |
//! | --- | --- |
//! | [`images`] | sensor_msgs/Image → brightness |
//! | [`frames`] | images of the last moments |
//! | [`pairing`] | left and right images paired by stamp |
//! | [`poses`] | measured poses of the last seconds |

pub mod frames;
pub mod images;
pub mod pairing;
pub mod poses;
