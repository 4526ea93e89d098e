//! What all parts of the nodes stand on.
//!
//! | file | holds |
//! | --- | --- |
//! | [`process`] | memory, logging, runtime, spinning and stopping of both nodes |
//! | [`work`] | whose work waits for whose |
//! | [`clock`] | the node's time |
//! | [`parameter_messages`] | values and declarations of parameters ↔ messages |
//! | [`parameter_services`] | the services of `ros2 param`, and `/parameter_events` |
//! | [`respond`] | answers that arrive |
//! | [`names`] | full names of topics, as rcl resolves them |
//! | [`graph`] | who publishes what |
//! | [`files`] | which files services and goals may name |
//! | [`backends`] | the backend in use |
//! | [`setting_names`] | how settings of the core are given here |

pub mod backends;
pub mod clock;
pub mod files;
pub mod graph;
pub mod names;
pub mod parameter_messages;
pub mod parameter_services;
pub mod process;
pub mod respond;
pub mod setting_names;
pub mod work;
