//! `kernels/*` → PTX, by NVRTC, once for each source and architecture.

use crate::grating::backend::BackendError;
use cudarc::nvrtc::{self, CompileError, CompileOptions, sys};
use std::path::PathBuf;

const HEADERS: [(&str, &str); 3] = [
    ("layout.h", include_str!("../../../../kernels/layout.h")),
    ("model.h", include_str!("../../../../kernels/model.h")),
    ("draws.h", include_str!("../../../../kernels/draws.h")),
];
const MAIN: &str = include_str!("../../../../kernels/grating_fit.cu");

/// All kernels in one text; errors still name file and line.
pub fn source() -> String {
    let part = |(name, text): (&str, &str)| {
        // Everything is there already.
        let lines = text
            .lines()
            .map(|line| if line.starts_with("#include \"") || line.starts_with("#pragma once") { "" } else { line });
        format!("#line 1 \"{name}\"\n{}\n", lines.collect::<Vec<_>>().join("\n"))
    };
    HEADERS.into_iter().chain([("grating_fit.cu", MAIN)]).map(part).collect()
}

/// The compiler's version, major · 1000 + minor · 10 as drivers count.
pub fn version() -> Option<i32> {
    // SAFETY: asked for before anything else of the library is used, which would panic without it.
    if !unsafe { sys::is_culib_present() } {
        return None;
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both point to numbers.
    let result = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
    result.result().ok().map(|()| major * 1000 + minor * 10)
}

/// The newest architecture that the compiler knows and a device of `capability` (90 for 9.0) runs.
fn architecture(capability: i32) -> i32 {
    let mut count = 0;
    // SAFETY: `count` is a number; `known` has room for as many as were counted.
    let known = unsafe {
        if sys::nvrtcGetNumSupportedArchs(&mut count).result().is_err() {
            return capability;
        }
        let mut known = vec![0; count.max(0) as usize];
        if sys::nvrtcGetSupportedArchs(known.as_mut_ptr()).result().is_err() {
            return capability;
        }
        known
    };
    known.into_iter().filter(|known| *known <= capability).max().unwrap_or(capability)
}

/// PTX for devices of `capability` (90 for 9.0).
///
/// # Errors
/// [`BackendError::NoCompiler`], [`BackendError::Compile`].
pub fn compile(capability: i32) -> Result<String, BackendError> {
    version().ok_or(BackendError::NoCompiler)?;
    let architecture = format!("compute_{}", architecture(capability));
    let options = CompileOptions {
        name: Some("grating_fit.cu".into()),
        // Without denormals a reciprocal square root is one instruction.
        options: vec![format!("--gpu-architecture={architecture}"), "--ftz=true".into(), "--std=c++17".into()],
        ..Default::default()
    };
    let compiled = nvrtc::compile_ptx_with_opts(source(), options).map_err(|error| {
        let log = match error {
            CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
            other => other.to_string(),
        };
        BackendError::Compile { architecture, log }
    })?;
    Ok(compiled.to_src())
}

/// Where PTX for `capability` is kept, if this user has a place for such things.
fn cached(capability: i32) -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?.join("grating_calibration");
    let source = source();
    let key = crc32fast::hash(source.as_bytes());
    let version = version()?;
    Some(folder.join(format!("kernels-{key:08x}{:x}-nvrtc{version}-compute{capability}.ptx", source.len())))
}

/// As [`compile`], from the cache where that has it.
///
/// # Errors
/// As [`compile`].
pub fn compiled(capability: i32) -> Result<String, BackendError> {
    let place = cached(capability);
    if let Some(ptx) = place.as_ref().and_then(|place| std::fs::read_to_string(place).ok()) {
        return Ok(ptx);
    }
    let ptx = compile(capability)?;
    if let Some(Err(cause)) = place.map(|place| keep(&place, &ptx)) {
        tracing::debug!("the compiled kernels are not kept: {cause}");
    }
    Ok(ptx)
}

fn keep(place: &std::path::Path, ptx: &str) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    std::fs::write(file.path(), ptx)?;
    file.persist(place)?;
    Ok(())
}

/// Forgets what the cache has: the driver refused it.
pub fn forget(capability: i32) {
    if let Some(place) = cached(capability) {
        let _ = std::fs::remove_file(place);
    }
}
