//! Who publishes what, asked of the spinning node: for preflight and its remedies.

use crate::ros::support::names::Remaps;
use r2r::qos::DurabilityPolicy;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// Something to ask the node between two spins.
pub type Question = Box<dyn FnOnce(&r2r::Node) + Send>;

/// Longest time for an answer: spinning takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A publisher on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Full name of its node.
    pub node: String,
    /// Type of its messages.
    pub kind: String,
    /// Whether late subscribers get what was sent before: durability TRANSIENT_LOCAL.
    pub is_latched: bool,
}

/// Asks the spinning node.
#[derive(Clone)]
pub struct Graph {
    questions: mpsc::Sender<Question>,
    remaps: Arc<Remaps>,
}

impl Graph {
    /// The questions come out of the receiver, for [`crate::ros::support::process::Spinner`].
    ///
    /// # Errors
    /// When rcl refuses the arguments of this process, or `node` has no name.
    pub fn new(node: &r2r::Node) -> anyhow::Result<(Self, mpsc::Receiver<Question>)> {
        let (questions, asked) = mpsc::channel();
        let remaps = Remaps::of_process(&node.name()?, &node.namespace()?)?;
        Ok((Graph { questions, remaps: Arc::new(remaps) }, asked))
    }

    /// The topic's full name, as rcl resolves it for this node, and who publishes on it; `None` when that can't be told.
    pub async fn publishers(&self, topic: &str) -> Option<(String, Vec<Publisher>)> {
        let (answer, answered) = oneshot::channel();
        let name = self.remaps.resolve(topic)?;
        let question: Question = Box::new(move |node| {
            let found = node.get_publishers_info_by_topic(&name, false).ok();
            // Nobody waits any more: nothing lost.
            let _ = answer.send(found.map(|found| {
                let publishers = found.into_iter().map(|end| Publisher {
                    node: format!("{}/{}", end.node_namespace.trim_end_matches('/'), end.node_name),
                    kind: end.topic_type,
                    is_latched: end.qos_profile.durability == DurabilityPolicy::TransientLocal,
                });
                (name, publishers.collect())
            }));
        });
        self.questions.send(question).ok()?;
        tokio::time::timeout(ANSWER_TIMEOUT, answered).await.ok()?.ok()?
    }

    /// What keeps messages of type `kind` from coming on `topic`, with a remedy.
    pub async fn trouble(&self, topic: &str, kind: &str) -> String {
        let Some((name, found)) = self.publishers(topic).await else {
            return format!("is {topic} remapped to where it is published?");
        };
        let other = found.iter().map(|end| end.kind.as_str()).find(|other| *other != kind);
        match (found.len(), other) {
            (0, _) => format!("nobody publishes on {name}: is the driver running, is {topic} remapped?"),
            (_, Some(other)) => format!("{name} is published as {other}, {kind} is needed: remap {topic}"),
            (count, None) => format!("{count} publisher(s) on {name} send nothing usable: is the driver healthy?"),
        }
    }
}
