//! What all parts of the nodes stand on.
//!
//! | file | holds |
//! | --- | --- |
//! | [`parameters`] | parameters as ROS 2 has them |
//! | [`process`] | memory, logging, runtime, spinning and stopping of both nodes |
//! | [`work`] | whose work waits for whose |
//! | [`clock`] | the node's time |
//! | [`respond`] | answers that arrive |
//! | [`names`] | full names of topics, as rcl resolves them |
//! | [`graph`] | who publishes what |
//! | [`files`] | which files services and goals may name |
//! | [`backends`] | the backend in use |

pub mod backends;
pub mod clock;
pub mod files;
pub mod graph;
pub mod names;
pub mod parameters;
pub mod process;
pub mod respond;
pub mod work;
