//! The messages of a bag in the order they were recorded: rosbag2's mcap and sqlite3 storages.

use crate::bag::error::BagError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// A message as it was recorded.
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// As rosbag2 writes it, `sensor_msgs/msg/Image`.
    pub kind: &'a str,
    /// Its bytes, CDR.
    pub data: &'a [u8],
}

/// No message of a camera is larger; a damaged length is.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// The files of a bag, in order.
#[derive(Clone, Debug)]
pub struct Bag {
    files: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Metadata {
    rosbag2_bagfile_information: Information,
}

#[derive(Deserialize)]
struct Information {
    relative_file_paths: Vec<PathBuf>,
    #[serde(default)]
    compression_mode: String,
}

fn is_kind(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

impl Bag {
    /// A .mcap or .db3 file, or the folder that they and metadata.yaml lie in.
    ///
    /// # Errors
    /// [`BagError`] when it is neither, or when rosbag2 compressed it as a whole.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let io = |path: &Path, cause| BagError::Io { path: path.into(), cause };
        if !std::fs::metadata(path).map_err(|cause| io(path, cause))?.is_dir() {
            return match is_kind(path, "mcap") || is_kind(path, "db3") {
                true => Ok(Bag { files: vec![path.into()] }),
                false => Err(BagError::Kind { path: path.into() }),
            };
        }
        let file = path.join("metadata.yaml");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(BagError::Kind { path: path.into() });
            }
            Err(cause) => return Err(io(&file, cause)),
        };
        let metadata = serde_yaml::from_str::<Metadata>(&text)
            .map_err(|cause| BagError::Metadata { path: file, cause })?
            .rosbag2_bagfile_information;
        let mode = metadata.compression_mode.to_lowercase();
        if !mode.is_empty() && mode != "none" {
            return Err(BagError::Compressed { path: path.into(), mode });
        }
        let files: Vec<PathBuf> = metadata.relative_file_paths.iter().map(|file| path.join(file)).collect();
        match files.iter().find(|file| !is_kind(file, "mcap") && !is_kind(file, "db3")) {
            Some(file) => Err(BagError::Kind { path: file.clone() }),
            None if files.is_empty() => Err(BagError::Kind { path: path.into() }),
            None => Ok(Bag { files }),
        }
    }

    /// Hands all messages on `topics` to `each`, until it is done (`false`); gives the types of all topics seen.
    ///
    /// # Errors
    /// [`BagError`], also that of `each`.
    pub fn read(
        &self,
        topics: &[&str],
        each: &mut dyn FnMut(Message) -> Result<bool, BagError>,
    ) -> Result<BTreeMap<String, String>, BagError> {
        let mut kinds = BTreeMap::new();
        for file in &self.files {
            let go_on = match is_kind(file, "mcap") {
                true => read_mcap(file, topics, each, &mut kinds)?,
                false => read_sqlite(file, topics, each, &mut kinds)?,
            };
            if !go_on {
                break;
            }
        }
        Ok(kinds)
    }
}

type Each<'a> = &'a mut dyn FnMut(Message) -> Result<bool, BagError>;

fn read_mcap(path: &Path, topics: &[&str], each: Each, kinds: &mut BTreeMap<String, String>) -> Result<bool, BagError> {
    let file = File::open(path).map_err(|cause| BagError::Io { path: path.into(), cause })?;
    let options = mcap::sans_io::LinearReaderOptions::default()
        .with_prevalidate_chunk_crcs(true)
        .with_record_length_limit(MAX_RECORD_BYTES);
    for message in mcap::io::MessageReader::new_with_options(BufReader::new(file), options) {
        let message = message.map_err(|cause| BagError::Mcap { path: path.into(), cause })?;
        let topic = message.channel.topic.as_str();
        let kind = message.channel.schema.as_ref().map_or("", |schema| schema.name.as_str());
        if !kinds.contains_key(topic) {
            kinds.insert(topic.into(), kind.into());
        }
        if topics.contains(&topic) && !each(Message { topic, kind, data: &message.data })? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_sqlite(
    path: &Path,
    topics: &[&str],
    each: Each,
    kinds: &mut BTreeMap<String, String>,
) -> Result<bool, BagError> {
    let failed = |cause| BagError::Sqlite { path: path.into(), cause };
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = rusqlite::Connection::open_with_flags(path, flags).map_err(failed)?;
    let mut all = database.prepare("SELECT id, name, type FROM topics").map_err(failed)?;
    let rows = all.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?))).map_err(failed)?;
    let named: Vec<(i64, String, String)> = rows.collect::<Result<_, _>>().map_err(failed)?;
    kinds.extend(named.iter().map(|(_, name, kind)| (name.clone(), kind.clone())));
    let wanted: BTreeMap<i64, (&str, &str)> = named
        .iter()
        .filter(|(_, name, _)| topics.contains(&name.as_str()))
        .map(|(id, name, kind)| (*id, (name.as_str(), kind.as_str())))
        .collect();
    let mut messages =
        database.prepare("SELECT topic_id, data FROM messages ORDER BY timestamp, id").map_err(failed)?;
    let mut rows = messages.query(()).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let Some((topic, kind)) = row.get::<_, i64>(0).map(|id| wanted.get(&id)).map_err(failed)? else { continue };
        let data = row.get_ref(1).and_then(|data| data.as_blob().map_err(Into::into)).map_err(failed)?;
        if !each(Message { topic, kind, data })? {
            return Ok(false);
        }
    }
    Ok(true)
}
