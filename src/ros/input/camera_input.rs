//! The images of both cameras: subscribed, paired, and what may be the matter with them.

use crate::camera::{Camera, Stereo};
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::input::image_buffer::{CameraHealth, ImageBuffer, Pair};
use crate::ros::input::images::StampedImage;
use crate::ros::input::taps::Taps;
use crate::ros::support::graph::Graph;
use crate::ros::{each, locked};
use r2r::QosProfile;
use r2r::sensor_msgs::msg::Image;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// Type of the messages.
pub const IMAGE: &str = "sensor_msgs/msg/Image";

/// Topic of a camera's images.
pub fn topic(camera: Camera) -> &'static str {
    match camera {
        Camera::Left => "left/image_raw",
        Camera::Right => "right/image_raw",
    }
}

/// The images of both cameras.
pub struct CameraInput {
    buffer: Mutex<ImageBuffer>,
    /// The latest pair.
    pairs: watch::Sender<Option<Pair>>,
    taps: Taps<(Camera, Arc<StampedImage>)>,
    parameters: ParameterTable<NodeParameters>,
    graph: Graph,
}

impl CameraInput {
    /// Subscribes to both cameras.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn start(
        node: &mut r2r::Node,
        parameters: &ParameterTable<NodeParameters>,
        graph: &Graph,
    ) -> r2r::Result<Arc<Self>> {
        let input = Arc::new(CameraInput {
            buffer: Mutex::default(),
            pairs: watch::Sender::new(None),
            taps: Taps::default(),
            parameters: parameters.clone(),
            graph: graph.clone(),
        });
        for camera in Camera::BOTH {
            // Best effort matches every publisher.
            let images = node.subscribe::<Image>(topic(camera), QosProfile::sensor_data())?;
            let input = input.clone();
            each(images, move |message| input.take(camera, message));
        }
        Ok(input)
    }

    fn take(&self, camera: Camera, message: Image) {
        let frame_id = message.header.frame_id.clone();
        let tolerance_ns = self.parameters.now().cameras.sync_tolerance_ns();
        match StampedImage::from_message(message) {
            Err(error) => {
                let text = error.to_string();
                // Said once, not at the camera's rate.
                if self.buffer().add_bad(camera, error) {
                    tracing::error!("{camera} image: {text}");
                }
            }
            Ok(image) => {
                let image = Arc::new(image);
                self.taps.tell(&(camera, image.clone()));
                let pair = self.buffer().add(camera, image, frame_id, tolerance_ns);
                if let Some(pair) = pair {
                    self.pairs.send_replace(Some(pair));
                }
            }
        }
    }

    fn buffer(&self) -> MutexGuard<'_, ImageBuffer> {
        locked(&self.buffer)
    }

    /// The latest two pairs, older first.
    pub fn recent(&self) -> Vec<Pair> {
        self.buffer().recent()
    }

    /// The latest pair, and each that follows.
    pub fn pairs(&self) -> watch::Receiver<Option<Pair>> {
        self.pairs.subscribe()
    }

    /// How a camera is doing.
    pub fn health(&self, camera: Camera) -> CameraHealth {
        self.buffer().health(camera)
    }

    /// Number of images that never found a partner.
    pub fn unpaired(&self) -> u64 {
        self.buffer().unpaired()
    }

    /// Who hears of every image.
    pub fn taps(&self) -> &Taps<(Camera, Arc<StampedImage>)> {
        &self.taps
    }

    /// The camera that a frame names: by its own name, or by the frame that only its images have.
    pub fn camera_of(&self, frame: &str) -> Option<Camera> {
        let buffer = self.buffer();
        let own = Stereo::from_fn(|camera| buffer.health(camera).frame_id);
        let is_named =
            |camera: &Camera| frame == camera.to_string() || (frame == own[*camera] && own.left != own.right);
        Camera::BOTH.into_iter().find(is_named)
    }

    /// What may be the matter when no pair comes.
    pub fn trouble(&self) -> String {
        self.buffer().trouble()
    }

    /// The same, with the publishers of cameras that never sent anything.
    pub async fn trouble_and_publishers(&self) -> String {
        let mut text = self.trouble();
        for camera in Camera::BOTH {
            if self.health(camera).received == 0 {
                text += &format!("; {camera} camera: {}", self.graph.trouble(topic(camera), IMAGE).await);
            }
        }
        text
    }
}
