//! How settings of the core are given to the nodes.

use crate::setting::{Setting, spelled_out};

/// `text` with the parameter, goal field or topic of each setting that it names.
pub fn with_parameters(text: &str) -> String {
    spelled_out(text, name)
}

fn name(setting: Setting) -> Option<&'static str> {
    match setting {
        Setting::OriginPixels => Some("the goal's origins, or parameters origin_left and origin_right"),
        Setting::Pitch => Some("parameter pitch"),
        Setting::AllowedBox => Some("limits.box_min, limits.box_max"),
        Setting::StepLimit => Some("limits.max_step"),
        Setting::Frames => Some(
            "base_frame, tool_frame; ros2 run tf2_tools view_frames draws the tree, static ones come on /tf_static",
        ),
        Setting::SettleTolerance => Some("settle.tolerance"),
        Setting::ImageTolerance => Some("settle.image_tolerance"),
        Setting::SyncTolerance => Some("sync_tolerance"),
        // Of recordings: those that the node makes have none of them.
        Setting::LeftTopic | Setting::RightTopic | Setting::PoseTopic | Setting::TimeSpan => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::error::SweepError;
    use crate::sweep::motion::limits::LimitError;

    #[test]
    fn messages_speak_of_parameters() {
        let text = with_parameters(&SweepError::PitchUnknown.to_string());
        assert!(text.ends_with("give the pitch of the print (parameter pitch)"), "{text}");
        let text = with_parameters(&LimitError::TooFar { step: 2.0, limit: 1.0 }.to_string());
        assert!(text.contains("widen the largest step (limits.max_step)"), "{text}");
    }
}
