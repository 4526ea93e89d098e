//! Images and poses as they come.
//!
//! | file | holds |
//! | --- | --- |
//! | [`camera_input`] | the images of both cameras |
//! | [`image_buffer`] | the latest images and pairs |
//! | [`still_pairs`] | image pairs taken at rest |
//! | [`taps`] | listeners to a stream of messages |
//! | [`images`] | sensor_msgs/Image → brightness |
//! | [`pose_input`] | the tool's measured poses |
//! | [`poses`] | measured poses of the last seconds |
//! | [`joints`] | which joint moves which axis of a gantry |

pub mod camera_input;
pub mod image_buffer;
pub mod images;
pub mod joints;
pub mod pose_input;
pub mod poses;
pub mod still_pairs;
pub mod taps;
