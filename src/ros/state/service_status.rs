//! Status of an answer: what the calibration says of it, or why it was not asked.

use crate::mapping::calibration::answer::AnswerStatus;
use crate::named::Named;

/// Status of one answer of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceStatus {
    /// What the calibration says.
    Answer(AnswerStatus),
    /// No calibration is loaded.
    NotCalibrated,
    /// Neither stereo, left nor right.
    UnknownCamera,
    /// Neither the tool nor the base frame.
    UnknownFrame,
    /// No robot pose for the stamp.
    PoseUnavailable,
}

impl From<AnswerStatus> for ServiceStatus {
    fn from(status: AnswerStatus) -> Self {
        ServiceStatus::Answer(status)
    }
}

impl ServiceStatus {
    /// All is well.
    pub const OK: ServiceStatus = ServiceStatus::Answer(AnswerStatus::Ok);

    /// The number in msg/PointEstimate.msg.
    pub fn code(self) -> u8 {
        match self {
            ServiceStatus::Answer(AnswerStatus::Ok) => 0,
            ServiceStatus::Answer(AnswerStatus::OutsideVolume) => 1,
            ServiceStatus::NotCalibrated => 2,
            ServiceStatus::Answer(AnswerStatus::InvalidInput) => 3,
            ServiceStatus::Answer(AnswerStatus::OutsideImage) => 4,
            ServiceStatus::UnknownCamera => 5,
            ServiceStatus::UnknownFrame => 6,
            ServiceStatus::Answer(AnswerStatus::RaysMiss) => 7,
            ServiceStatus::Answer(AnswerStatus::NoConvergence) => 8,
            ServiceStatus::PoseUnavailable => 9,
        }
    }

    /// As in tables and on the live page.
    pub fn name(self) -> &'static str {
        match self {
            ServiceStatus::Answer(status) => status.name(),
            ServiceStatus::NotCalibrated => "not_calibrated",
            ServiceStatus::UnknownCamera => "unknown_camera",
            ServiceStatus::UnknownFrame => "unknown_frame",
            ServiceStatus::PoseUnavailable => "pose_unavailable",
        }
    }

    /// What to do about it; empty where all is well.
    pub fn remedy(self) -> &'static str {
        match self {
            ServiceStatus::Answer(status) => status.remedy(),
            ServiceStatus::NotCalibrated => "not calibrated: run the calibrate action or load a calibration file",
            ServiceStatus::UnknownCamera => {
                "unknown camera: use stereo, left or right, with as many left as right pixels"
            }
            ServiceStatus::UnknownFrame => "unknown frame: use the tool frame, the base frame, or leave it empty",
            ServiceStatus::PoseUnavailable => {
                "no robot pose is known for that stamp: ask for the tool frame, or a later stamp"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::VariantArray;

    /// All of them by their code, the line of msg/PointEstimate.msg.
    const BY_CODE: [ServiceStatus; 10] = [
        ServiceStatus::Answer(AnswerStatus::Ok),
        ServiceStatus::Answer(AnswerStatus::OutsideVolume),
        ServiceStatus::NotCalibrated,
        ServiceStatus::Answer(AnswerStatus::InvalidInput),
        ServiceStatus::Answer(AnswerStatus::OutsideImage),
        ServiceStatus::UnknownCamera,
        ServiceStatus::UnknownFrame,
        ServiceStatus::Answer(AnswerStatus::RaysMiss),
        ServiceStatus::Answer(AnswerStatus::NoConvergence),
        ServiceStatus::PoseUnavailable,
    ];

    #[test]
    fn codes_are_those_of_the_message_one_to_one() {
        let constant = |line: &str| {
            let (name, code) = line.strip_prefix("uint8 ")?.split('#').next()?.split_once('=')?;
            Some((name.to_lowercase(), code.trim().parse::<u8>().unwrap()))
        };
        let message = include_str!("../../../msg/PointEstimate.msg").lines().filter_map(constant);
        let ours = BY_CODE.map(|status| (status.name().to_string(), status.code()));
        assert_eq!(message.collect::<Vec<_>>(), ours);
        for (code, status) in (0..).zip(BY_CODE) {
            assert_eq!(status.code(), code);
            assert_eq!(status.remedy().is_empty(), code == 0);
        }
        assert!(AnswerStatus::VARIANTS.iter().all(|status| BY_CODE.contains(&ServiceStatus::Answer(*status))));
    }
}
