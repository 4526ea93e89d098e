//! Files that are read whole, up to a bound, and written whole or not at all.

use std::path::Path;

/// A file's bytes, if there are no more than `max_bytes`; of a longer file nothing is read.
///
/// # Errors
/// When it can't be read, or is longer.
pub fn read_whole(path: &Path, max_bytes: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let file = std::fs::File::open(path)?;
    let (mut bytes, stated) = (Vec::new(), file.metadata()?.len());
    // Pipes state no length, and a file may grow.
    let is_longer = stated > max_bytes || file.take(max_bytes + 1).read_to_end(&mut bytes)? as u64 > max_bytes;
    if is_longer {
        let text = format!("longer than {max_bytes} bytes, which no such file is");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Writes a file so that a reader, or a crash, sees the old one or the new one.
///
/// # Errors
/// When the disk is full or the folder can't be written to; the old file stays then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, bytes)?;
    // Temporary files are private; these are to be read by others too.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name, too, is to survive a power cut; some file systems can't sync a folder and need not.
    #[cfg(unix)]
    let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}
