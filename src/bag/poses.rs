//! The tool's measured poses, from their own topic or from transforms.

use crate::bag::error::BagError;
use crate::bag::extract::BagSettings;
use crate::bag::messages;
use crate::bag::storage::Bag;
use crate::bag::topics::TopicCounter;
use crate::pose::tool_pose::StampedPose;
use crate::pose::transforms::TransformBuffer;
use crate::setting::Setting;

/// Where the tool's pose comes from.
#[derive(Clone, Debug)]
pub enum PoseSource {
    /// A topic of geometry_msgs/PoseStamped.
    Topic(String),
    /// /tf and /tf_static.
    Transforms {
        /// Frame that poses are given in.
        base: String,
        /// Frame whose pose is asked for.
        tool: String,
    },
}

const TF: [&str; 2] = ["/tf", "/tf_static"];

impl PoseSource {
    fn topics(&self) -> Vec<&str> {
        match self {
            PoseSource::Topic(topic) => vec![topic],
            PoseSource::Transforms { .. } => TF.to_vec(),
        }
    }

    /// What names its topics.
    fn setting(&self) -> Setting {
        match self {
            PoseSource::Topic(_) => Setting::PoseTopic,
            PoseSource::Transforms { .. } => Setting::Frames,
        }
    }
}

/// All poses in ascending order of their stamps, within the wanted time.
pub(super) fn read(bag: &Bag, settings: &BagSettings) -> Result<Vec<StampedPose>, BagError> {
    let (source, setting) = (&settings.pose, settings.pose.setting());
    let mut poses: Vec<StampedPose> = Vec::new();
    let mut counter = TopicCounter::default();
    let mut frames = TransformBuffer::default();
    let mut add = |pose: StampedPose| {
        // The same stamp again is no news.
        if poses.last().is_none_or(|last| pose.stamp_ns > last.stamp_ns) {
            poses.push(pose);
        }
    };
    let topics = source.topics();
    let kinds = bag.read(&topics, &mut |message| {
        let failed = |number| move |cause| BagError::Message { topic: message.topic.into(), number, cause };
        match source {
            PoseSource::Topic(_) => {
                let number = counter.next(&message, "geometry_msgs/msg/PoseStamped", setting)?;
                add(messages::pose_stamped(message.data).map_err(failed(number))?);
            }
            PoseSource::Transforms { base, tool } => {
                let number = counter.next(&message, "tf2_msgs/msg/TFMessage", setting)?;
                for transform in messages::transforms(message.data).map_err(failed(number))? {
                    frames.add(transform, message.topic == TF[1]);
                }
                if let Ok(pose) = frames.latest(base, tool) {
                    add(pose);
                }
            }
        }
        Ok(true)
    })?;
    counter.demand(topics[0], &kinds, setting)?;
    if let (true, PoseSource::Transforms { base, tool }) = (poses.is_empty(), source)
        && let Err(cause) = frames.latest(base, tool)
    {
        return Err(BagError::NoTransform { base: base.clone(), tool: tool.clone(), cause });
    }
    let begin_ns = poses.first().map_or(0, |pose| pose.stamp_ns);
    poses.retain(|pose| (settings.from_s..=settings.to_s).contains(&((pose.stamp_ns - begin_ns) as f64 * 1e-9)));
    Ok(poses)
}
