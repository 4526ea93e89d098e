//! The node's time: the system's, or that of `/clock` with `use_sim_time`.

use crate::ros::{each, locked, nanoseconds, time};
use r2r::QosProfile;
use r2r::builtin_interfaces::msg::Time;
use r2r::rosgraph_msgs::msg;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// The node's time.
pub struct Clock {
    system: Arc<Mutex<r2r::Clock>>,
    /// Of `/clock`, ns; `None`: the system's time counts.
    simulated_ns: Option<AtomicI64>,
}

impl Clock {
    /// Follows `/clock` if `is_simulated`.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn start(node: &mut r2r::Node, is_simulated: bool) -> r2r::Result<Arc<Self>> {
        let simulated_ns = is_simulated.then(AtomicI64::default);
        let clock = Arc::new(Clock { system: node.get_ros_clock(), simulated_ns });
        // Not r2r's own time source: whether r2r has one depends on the order in which it was built.
        each(node.subscribe::<msg::Clock>("/clock", QosProfile::sensor_data())?, {
            let clock = clock.clone();
            move |message| {
                if let Some(simulated_ns) = &clock.simulated_ns {
                    simulated_ns.store(nanoseconds(&message.clock), Ordering::Release);
                }
            }
        });
        Ok(clock)
    }

    /// Now, ns.
    pub fn now_ns(&self) -> i64 {
        match &self.simulated_ns {
            Some(simulated_ns) => simulated_ns.load(Ordering::Acquire),
            None => locked(&self.system).get_now().map_or(0, |now| now.as_nanos() as i64),
        }
    }

    /// Now, for the header of a message.
    pub fn stamp(&self) -> Time {
        time(self.now_ns())
    }
}
