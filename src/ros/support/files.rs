//! Which files services and goals may name: those inside one folder, fixed when the node starts.

use crate::parameters::nodes::calibration::CalibrationParameters;
use std::path::{Component, Path, PathBuf};

/// The folder, and the files and folders that whoever started the node has named himself.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
    trusted: Vec<PathBuf>,
}

/// Why a path is refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No file is named.
    #[error("no file is given: name one in the request or as parameter calibration_file")]
    None,
    /// The path goes upwards.
    #[error("'{path}' contains '..': name the file without it")]
    Upwards {
        /// The path as it was named.
        path: PathBuf,
    },
    /// The path leads out of the folder, by name or by a link.
    #[error("'{path}' lies outside {root}, the folder that the node may use (file_dir at its start)")]
    Outside {
        /// The path as it was named.
        path: PathBuf,
        /// The folder.
        root: PathBuf,
    },
    /// The folder does not exist, or may not be read.
    #[error("'{path}' can't be reached: {cause}; make its folder, or name another file")]
    Io {
        /// The path as it was named.
        path: PathBuf,
        /// The system's.
        cause: std::io::Error,
    },
    /// The path names no file.
    #[error("'{path}' is no name of a file: end with one, calibration.yaml say")]
    NoName {
        /// The path as it was named.
        path: PathBuf,
    },
}

impl Files {
    /// As the parameters are when the node starts: `ros2 param set` can't widen it later.
    ///
    /// # Errors
    /// [`FileError::Io`] when there is no such folder.
    pub fn at_start(parameters: &CalibrationParameters) -> Result<Self, FileError> {
        let named = |text: &String| (!text.is_empty()).then(|| PathBuf::from(text));
        let CalibrationParameters { calibration_file, record_dir, file_dir, .. } = parameters;
        let trusted: Vec<PathBuf> = [calibration_file, record_dir].into_iter().filter_map(named).collect();
        let beside = Path::new(calibration_file).parent().filter(|folder| !folder.as_os_str().is_empty());
        let root = named(file_dir).or(beside.map(Path::to_path_buf)).unwrap_or(".".into());
        let missing = |cause| FileError::Io { path: root.clone(), cause };
        Ok(Files { root: root.canonicalize().map_err(missing)?, trusted })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the node may read or write for `asked`; relative paths start in the folder.
    ///
    /// # Errors
    /// [`FileError`] when that is outside, by name or by a symbolic link.
    pub fn resolve(&self, asked: &str) -> Result<PathBuf, FileError> {
        if asked.is_empty() {
            return Err(FileError::None);
        }
        let path = PathBuf::from(asked);
        if self.trusted.contains(&path) {
            return Ok(path);
        }
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(FileError::Upwards { path });
        }
        let full = self.root.join(&path);
        let name = full.file_name().ok_or(FileError::NoName { path: path.clone() })?;
        let outside = |path: PathBuf| FileError::Outside { path, root: self.root.clone() };
        // Whether it lies inside is not to depend on whether it exists.
        if !full.starts_with(&self.root) {
            let reachable = full.parent().and_then(|folder| folder.canonicalize().ok());
            if !reachable.is_some_and(|folder| folder.starts_with(&self.root)) {
                return Err(outside(path));
            }
        }
        let folder = full.parent().unwrap_or(&self.root);
        let folder = folder.canonicalize().map_err(|cause| FileError::Io { path: path.clone(), cause })?;
        let found = folder.join(name);
        // The last part may be a link too; one that leads nowhere would be followed on writing.
        let real = match found.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                found.canonicalize().map_err(|cause| FileError::Io { path: path.clone(), cause })?
            }
            _ => found,
        };
        if real.starts_with(&self.root) { Ok(real) } else { Err(outside(path)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_are_reached() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = inside.path().canonicalize().unwrap();
        let trusted = outside.path().join("mine.yaml");
        let files = Files { root: root.clone(), trusted: vec![trusted.clone()] };
        std::fs::create_dir(root.join("sub")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("new.yaml"), root.join("file.yaml")).unwrap();
        std::os::unix::fs::symlink(root.join("sub"), root.join("within")).unwrap();
        let text = |path: &Path| path.display().to_string();

        assert_eq!(files.resolve("a.yaml").unwrap(), root.join("a.yaml"));
        assert_eq!(files.resolve("sub/a.yaml").unwrap(), root.join("sub/a.yaml"));
        assert_eq!(files.resolve("within/a.yaml").unwrap(), root.join("sub/a.yaml"));
        assert_eq!(files.resolve(&text(&root.join("a.yaml"))).unwrap(), root.join("a.yaml"));
        assert_eq!(files.resolve(&text(&trusted)).unwrap(), trusted);
        let refused = |asked: &str| files.resolve(asked).unwrap_err();
        assert!(matches!(refused(""), FileError::None));
        assert!(matches!(refused("../a.yaml"), FileError::Upwards { .. }));
        assert!(matches!(refused("sub/../../a.yaml"), FileError::Upwards { .. }));
        assert!(matches!(refused(&text(&outside.path().join("b.yaml"))), FileError::Outside { .. }));
        assert!(matches!(refused("/etc/passwd"), FileError::Outside { .. }));
        assert!(matches!(refused("link/b.yaml"), FileError::Outside { .. }));
        assert!(files.resolve("file.yaml").is_err(), "a dangling link was followed");
        std::fs::write(outside.path().join("new.yaml"), "x").unwrap();
        assert!(matches!(refused("file.yaml"), FileError::Outside { .. }));
    }
}
