//! The journal of a calibration under way: what is on disk, checksummed, so that it can go on after a crash.
//!
//! ```text
//! crc32 {"header": …}     what the calibration was asked for, and where the tool stood
//! crc32 {"pair": …}       one line for each image pair, written after its images are safely on disk
//! ```
//! Lines are appended and synced. A line whose checksum does not fit, the last one after a crash, ends the journal.

use crate::camera::{Camera, Stereo};
use crate::folder::whole_file::read_whole;
use crate::pose::tool_pose::ToolPose;
use crate::sweep::settings::CalibrationSettings;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Name of the journal within its folder.
pub const JOURNAL: &str = "journal.txt";
/// No journal is longer than this, bytes: 5000 pairs need one.
const MAX_JOURNAL_BYTES: u64 = 4 << 20;

/// What a calibration was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Displacements of the plan, mm.
    pub offsets_mm: Vec<[f64; 3]>,
    /// Method, pitch, origins and fit: they have to be the same again.
    pub settings: CalibrationSettings,
    /// Where the tool stood when the calibration began, mm in the base frame.
    pub start_mm: [f64; 3],
}

/// One image pair on disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Number of the pair, from 0.
    pub index: u32,
    /// The tool's measured pose.
    pub pose: ToolPose,
    /// CRC-32 of the image files.
    pub crc: Stereo<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Header(Header),
    Pair(Pair),
}

/// Why a journal can't be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file can't be read or written.
    #[error("{path}: {cause}: is the disk full, may this program write there?")]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: std::io::Error,
    },
    /// There is no sound journal.
    #[error("{path} holds no calibration that could be resumed: start one without resume")]
    Nothing {
        /// The file.
        path: PathBuf,
    },
    /// The journal is of another calibration.
    #[error("{path} was written for another calibration ({what}): repeat that goal, or start without resume")]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// An entry can't be written as text.
    #[error("{path}: {message}")]
    Text {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
}

/// A journal on disk, open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// What the sound part of a journal says.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// The first line.
    pub header: Header,
    /// In order, indices 0, 1, ….
    pub pairs: Vec<Pair>,
    /// Bytes that are sound; the rest is cut off.
    pub sound_bytes: usize,
}

/// Reads what is sound of a journal's bytes; `None` when not even the header is.
pub fn parse(bytes: &[u8]) -> Option<Contents> {
    let mut contents: Option<Contents> = None;
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') {
        let Some(line) = checked(&bytes[at..at + length]) else { break };
        at += length + 1;
        match (line, &mut contents) {
            (Line::Header(header), None) if is_finite(&header) => {
                contents = Some(Contents { header, pairs: Vec::new(), sound_bytes: at });
            }
            (Line::Pair(pair), Some(so_far)) if pair.index as usize == so_far.pairs.len() => {
                so_far.pairs.push(pair);
                so_far.sound_bytes = at;
            }
            _ => break,
        }
    }
    contents
}

fn is_finite(header: &Header) -> bool {
    header.offsets_mm.iter().chain([&header.start_mm]).flatten().all(|x| x.is_finite())
}

fn checked(line: &[u8]) -> Option<Line> {
    let (crc, rest) = line.split_at_checked(8)?;
    let text = rest.strip_prefix(b" ")?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
    (crc == crc32fast::hash(text)).then(|| serde_json::from_slice(text).ok()).flatten()
}

impl Journal {
    /// Starts anew; what an earlier calibration left is gone.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn create(folder: &Path, header: &Header) -> Result<Self, JournalError> {
        let path = folder.join(JOURNAL);
        let io = |cause| JournalError::Io { path: path.clone(), cause };
        let file = File::create(&path).map_err(io)?;
        let mut journal = Journal { path, file };
        journal.append(&Line::Header(header.clone()))?;
        Ok(journal)
    }

    /// Goes on with a journal for the same plan and settings; a torn last line is cut off.
    ///
    /// # Errors
    /// [`JournalError`] when there is none, or it belongs to another calibration.
    pub fn resume(
        folder: &Path,
        offsets_mm: &[[f64; 3]],
        settings: &CalibrationSettings,
    ) -> Result<(Self, Contents), JournalError> {
        let path = folder.join(JOURNAL);
        let io = |cause| JournalError::Io { path: path.clone(), cause };
        let contents = read(&path)?.ok_or(JournalError::Nothing { path: path.clone() })?;
        let other = |what| JournalError::Other { path: path.clone(), what };
        if contents.header.offsets_mm != offsets_mm {
            return Err(other("its heights or jogs differ"));
        }
        if contents.header.settings != *settings {
            return Err(other("method, pitch, origins or the fit's parameters differ"));
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(io)?;
        file.set_len(contents.sound_bytes as u64).and_then(|()| file.sync_all()).map_err(io)?;
        Ok((Journal { path, file }, contents))
    }

    /// Adds a pair whose images are on disk.
    ///
    /// # Errors
    /// [`JournalError::Io`], when the disk is full say.
    pub fn add(&mut self, pair: &Pair) -> Result<(), JournalError> {
        self.append(&Line::Pair(*pair))
    }

    fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        let text = serde_json::to_string(line)
            .map_err(|error| JournalError::Text { path: self.path.clone(), message: error.to_string() })?;
        let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|cause| JournalError::Io { path: self.path.clone(), cause })
    }
}

fn read(path: &Path) -> Result<Option<Contents>, JournalError> {
    match read_whole(path, MAX_JOURNAL_BYTES) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(JournalError::Io { path: path.into(), cause }),
    }
}

/// Where the image of a pair lies within the folder.
pub fn image_path(folder: &Path, camera: Camera, index: u32) -> PathBuf {
    folder.join(camera.to_string()).join(format!("{index:05}.png"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector2;

    fn header() -> Header {
        let offsets_mm = vec![[0.0; 3], [0.0, 0.0, 0.1 + 0.2], [0.0, 0.0, 1.0 / 3.0]];
        Header { offsets_mm, settings: settings(1.1), start_mm: [0.1, 0.0, -2.5] }
    }

    fn settings(pitch_mm: f64) -> CalibrationSettings {
        let origin_px = Stereo { left: Vector2::new(1.0 / 3.0, 17.0), right: Vector2::new(0.1 + 0.2, -0.5) };
        CalibrationSettings::new(pitch_mm, origin_px)
    }

    fn pair(index: u32) -> Pair {
        let pose = ToolPose { rotation: Some([1.0 / 7.0, 0.0, -0.0, 0.9]), ..ToolPose::at([1.0 / 3.0, -0.1, 1e-17]) };
        Pair { index, pose, crc: Stereo { left: 7, right: u32::MAX } }
    }

    /// Cut off at any byte, a journal says what was complete by then, to the last bit, and can be gone on with.
    #[test]
    fn a_torn_journal_keeps_every_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), &header()).unwrap();
        journal.add(&pair(0)).unwrap();
        journal.add(&pair(1)).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        let lines: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let resumed = Journal::resume(folder.path(), &header().offsets_mm, &settings(1.1));
            let complete = lines.iter().filter(|end| **end <= cut).count();
            if complete == 0 {
                assert!(matches!(resumed, Err(JournalError::Nothing { .. })), "cut at {cut}");
                continue;
            }
            let (mut journal, contents) = resumed.unwrap();
            assert_eq!(contents.header, header());
            assert_eq!(contents.pairs, (0..complete as u32 - 1).map(pair).collect::<Vec<_>>());
            journal.add(&pair(complete as u32 - 1)).unwrap();
            assert_eq!(read(&path).unwrap().unwrap().pairs.len(), complete);
        }
    }

    #[test]
    fn another_calibration_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        Journal::create(folder.path(), &header()).unwrap();
        let resume = |offsets: &[[f64; 3]], settings| Journal::resume(folder.path(), offsets, &settings).map(|_| ());
        assert!(resume(&header().offsets_mm, settings(1.1)).is_ok());
        assert!(resume(&header().offsets_mm[..2], settings(1.1)).unwrap_err().to_string().contains("heights"));
        let mut others = [settings(1.2), settings(1.1), settings(1.1), settings(1.1), CalibrationSettings::by_mark()];
        others[1].fit.phase_degree += 1;
        others[2].usable_rms_mm *= 2.0;
        others[3].original.seed += 1;
        for other in others {
            assert!(resume(&header().offsets_mm, other).unwrap_err().to_string().contains("pitch"));
        }
        // Settings as an earlier release wrote them say nothing here.
        let text = r#"{"header":{"offsets_mm":[[0.0,0.0,0.0]],"settings":"auto 1.1","start_mm":[0.0,0.0,0.1]}}"#;
        let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
        std::fs::write(folder.path().join(JOURNAL), line).unwrap();
        assert!(resume(&[[0.0; 3]], settings(1.1)).unwrap_err().to_string().contains("start one without resume"));
    }

    #[test]
    fn one_wrong_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), &header()).unwrap();
        journal.add(&pair(0)).unwrap();
        let whole = std::fs::read(folder.path().join(JOURNAL)).unwrap();
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 1;
            let contents = parse(&wrong);
            assert!(contents.is_none_or(|c| c.header == header() && c.pairs.is_empty()), "bit at byte {at}");
        }
    }
}
