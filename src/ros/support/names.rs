//! Full names of topics, as rcl resolves them: namespace, and the renamings among the arguments (`--ros-args -r from:=to`).
//!
//! rcl is asked itself: its rules know forms that are easily missed (`~/`, `node:from:=to`, `/absolute:=to`, `rostopic://`),
//! and r2r does not tell what its subscriptions are called.

use r2r_rcl::{
    RCL_RET_OK, rcl_allocator_t, rcl_arguments_fini, rcl_arguments_t, rcl_get_zero_initialized_arguments,
    rcl_parse_arguments, rcl_ret_t, rcutils_get_default_allocator, rcutils_reset_error,
};
use std::ffi::{CStr, CString, NulError, c_char};
use std::ptr::{null, null_mut};

// In rcl/remap.h, which r2r_rcl leaves out.
unsafe extern "C" {
    fn rcl_remap_topic_name(
        local: *const rcl_arguments_t,
        global: *const rcl_arguments_t,
        topic: *const c_char,
        node: *const c_char,
        namespace: *const c_char,
        allocator: rcl_allocator_t,
        renamed: *mut *mut c_char,
    ) -> rcl_ret_t;
}

/// The renamings that hold for one node.
pub struct Remaps {
    arguments: rcl_arguments_t,
    node: CString,
    namespace: CString,
}

// SAFETY: rcl only reads arguments once they are parsed; nothing in them belongs to a thread.
unsafe impl Send for Remaps {}
// SAFETY: as above.
unsafe impl Sync for Remaps {}

/// Why there are no renamings.
#[derive(Debug, thiserror::Error)]
pub enum RemapError {
    /// A zero byte.
    #[error("an argument or name holds a zero byte: {0}")]
    Nul(#[from] NulError),
    /// rcl's own parser.
    #[error("rcl refuses the arguments of this process (error {0}): see `ros2 run --help` for --ros-args")]
    Arguments(rcl_ret_t),
}

impl Remaps {
    /// Those among the arguments of this process.
    ///
    /// # Errors
    /// [`RemapError`] when rcl refuses them.
    pub fn of_process(node: &str, namespace: &str) -> Result<Self, RemapError> {
        Self::of(std::env::args(), node, namespace)
    }

    fn of(arguments: impl Iterator<Item = String>, node: &str, namespace: &str) -> Result<Self, RemapError> {
        let texts = arguments.map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let (node, namespace) = (CString::new(node)?, CString::new(namespace)?);
        // SAFETY: a struct of rcl as it is to be before its first use.
        let arguments = unsafe { rcl_get_zero_initialized_arguments() };
        let mut remaps = Remaps { arguments, node, namespace };
        // SAFETY: `pointers` are as many texts that end with zero; rcl copies what it keeps.
        let parsed = unsafe {
            let allocator = rcutils_get_default_allocator();
            rcl_parse_arguments(pointers.len() as i32, pointers.as_ptr(), allocator, &mut remaps.arguments)
        };
        if parsed == RCL_RET_OK as rcl_ret_t {
            return Ok(remaps);
        }
        // SAFETY: forgets the text of this thread's last error, which the result stands for.
        unsafe { rcutils_reset_error() };
        Err(RemapError::Arguments(parsed))
    }

    /// The full name of `topic`, which is absolute or relative to the namespace; `None` when rcl refuses it.
    pub fn resolve(&self, topic: &str) -> Option<String> {
        let namespace = self.namespace.to_str().ok()?.trim_end_matches('/');
        let full = if topic.starts_with('/') { topic.into() } else { format!("{namespace}/{topic}") };
        let name = CString::new(full.as_str()).ok()?;
        let mut renamed: *mut c_char = null_mut();
        // SAFETY: a struct of constants.
        let allocator = unsafe { rcutils_get_default_allocator() };
        let (node, namespace) = (self.node.as_ptr(), self.namespace.as_ptr());
        // SAFETY: rcl reads parsed arguments and texts that end with zero, and writes one pointer.
        let found = unsafe {
            rcl_remap_topic_name(null(), &self.arguments, name.as_ptr(), node, namespace, allocator, &mut renamed)
        };
        if found != RCL_RET_OK as rcl_ret_t {
            return None;
        }
        if renamed.is_null() {
            return Some(full);
        }
        // SAFETY: a text that ends with zero, made by this allocator; it is not used again.
        unsafe {
            let name = CStr::from_ptr(renamed).to_string_lossy().into_owned();
            if let Some(deallocate) = allocator.deallocate {
                deallocate(renamed.cast(), allocator.state);
            }
            Some(name)
        }
    }
}

impl Drop for Remaps {
    fn drop(&mut self) {
        // SAFETY: they were parsed, or are as before their first use, and nobody else has them.
        unsafe {
            // Fails for arguments that were never parsed only.
            let _ = rcl_arguments_fini(&mut self.arguments);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `topic` is called in the node `/cell/calibration_node`, started with these renamings.
    fn resolved(rules: &[&str], topic: &str) -> String {
        let words = ["node", "--ros-args"].into_iter().chain(rules.iter().flat_map(|rule| ["-r", *rule]));
        Remaps::of(words.map(String::from), "calibration_node", "/cell").unwrap().resolve(topic).unwrap()
    }

    #[test]
    fn names_are_those_of_rcl() {
        let image = |rules: &[&str]| resolved(rules, "left/image_raw");
        assert_eq!(image(&[]), "/cell/left/image_raw");
        assert_eq!(resolved(&[], "/tf"), "/tf");
        assert_eq!(image(&["left/image_raw:=/cam/a"]), "/cam/a");
        assert_eq!(image(&["left/image_raw:=cam/a"]), "/cell/cam/a");
        // By its full name, for this node only, below the node's own name; the first that fits counts.
        assert_eq!(image(&["/cell/left/image_raw:=/cam/b"]), "/cam/b");
        assert_eq!(image(&["calibration_node:left/image_raw:=/cam/c"]), "/cam/c");
        assert_eq!(image(&["other_node:left/image_raw:=/cam/d"]), "/cell/left/image_raw");
        assert_eq!(image(&["left/image_raw:=~/image"]), "/cell/calibration_node/image");
        assert_eq!(image(&["rostopic://left/image_raw:=/cam/e"]), "/cam/e");
        assert_eq!(image(&["left/image_raw:=/cam/f", "/cell/left/image_raw:=/cam/g"]), "/cam/f");
        assert_eq!(resolved(&["/tf:=tf"], "/tf"), "/cell/tf");
    }

    #[test]
    fn arguments_that_rcl_refuses_are_an_error() {
        let words = ["node", "--ros-args", "-r", "no rule"].map(String::from);
        assert!(matches!(Remaps::of(words.into_iter(), "n", "/"), Err(RemapError::Arguments(_))));
    }
}
