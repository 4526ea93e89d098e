//! Who publishes what, asked of the spinning node: for preflight and its remedies.

use r2r::qos::DurabilityPolicy;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Something to ask the node between two spins.
pub type Question = Box<dyn FnOnce(&r2r::Node) + Send>;

/// Who publishes on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// The node's whole name.
    pub node: String,
    /// Type of its messages.
    pub kind: String,
    /// Whether who comes later gets what was sent before: durability TRANSIENT_LOCAL.
    pub is_latched: bool,
}

/// Asks the spinning node.
#[derive(Clone)]
pub struct Graph {
    questions: mpsc::Sender<Question>,
    remaps: Vec<(String, String)>,
}

impl Graph {
    /// The questions come out of the receiver, for [`crate::ros::support::process::Spinner`].
    pub fn new() -> (Self, mpsc::Receiver<Question>) {
        let (questions, asked) = mpsc::channel();
        (Graph { questions, remaps: remaps(std::env::args()) }, asked)
    }

    /// The topic's whole name, as this node resolves it, and who publishes on it; `None` when that can't be told.
    pub async fn publishers(&self, topic: &str) -> Option<(String, Vec<Publisher>)> {
        let (answer, answered) = oneshot::channel();
        let renamed = self.remaps.iter().find(|(from, _)| from == topic).map_or(topic, |(_, to)| to).to_string();
        let question: Question = Box::new(move |node| {
            let namespace = node.namespace().unwrap_or_default();
            let name = absolute(&namespace, &renamed);
            let found = node.get_publishers_info_by_topic(&name, false).ok();
            // Nobody waits any more: nothing lost.
            let _ = answer.send(found.map(|found| {
                let publishers = found.into_iter().map(|end| Publisher {
                    node: absolute(&end.node_namespace, &end.node_name),
                    kind: end.topic_type,
                    is_latched: end.qos_profile.durability == DurabilityPolicy::TransientLocal,
                });
                (name, publishers.collect())
            }));
        });
        self.questions.send(question).ok()?;
        tokio::time::timeout(Duration::from_secs(2), answered).await.ok()?.ok()?
    }
}

fn absolute(namespace: &str, topic: &str) -> String {
    match topic.starts_with('/') {
        true => topic.into(),
        false => format!("{}/{topic}", namespace.trim_end_matches('/')),
    }
}

/// Renamings among the arguments: `--ros-args -r from:=to`, with or without the node's name before it.
fn remaps(arguments: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let arguments: Vec<String> = arguments.collect();
    let rules = arguments.windows(2).filter(|two| two[0] == "-r" || two[0] == "--remap");
    let pair = |two: &[String]| {
        let (from, to) = two[1].split_once(":=")?;
        let from = from.rsplit(':').next().unwrap_or(from);
        Some((from.to_string(), to.to_string()))
    };
    rules.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved_as_ros_does() {
        let arguments =
            ["node", "--ros-args", "-r", "left/image_raw:=/cam/a", "--remap", "n:robot/pose:=pose", "-r", "x"];
        let rules = remaps(arguments.iter().map(ToString::to_string));
        assert_eq!(rules[0], ("left/image_raw".into(), "/cam/a".into()));
        assert_eq!(rules[1], ("robot/pose".into(), "pose".into()));
        assert_eq!(rules.len(), 2);
        assert_eq!(absolute("/", "robot/pose"), "/robot/pose");
        assert_eq!(absolute("/cell_a", "robot/pose"), "/cell_a/robot/pose");
        assert_eq!(absolute("/cell_a", "/tf"), "/tf");
    }
}
