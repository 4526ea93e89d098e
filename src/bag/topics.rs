//! Which topics a bag has, and whether they hold what is asked of them.

use crate::bag::error::BagError;
use crate::bag::storage::Message;
use crate::setting::Setting;
use std::collections::{BTreeMap, HashMap};

/// Counts the messages of each topic, and holds their types against what is needed.
#[derive(Default)]
pub(super) struct TopicCounter(HashMap<String, u64>);

impl TopicCounter {
    /// The message's number on its topic, from 1; its type must be `wanted`. `setting`: what names the topic.
    pub(super) fn next(&mut self, message: &Message, wanted: &'static str, setting: Setting) -> Result<u64, BagError> {
        if message.kind != wanted {
            let (topic, found) = (message.topic.to_string(), message.kind.to_string());
            return Err(match setting {
                Setting::Frames => BagError::NoTransforms { topic, found },
                _ => BagError::Type { topic, setting, found, wanted },
            });
        }
        let number = self.0.entry(message.topic.into()).or_default();
        *number += 1;
        Ok(*number)
    }

    /// Demands that the topic had messages; `kinds`: the types of all topics of the bag.
    pub(super) fn demand(
        &self,
        topic: &str,
        kinds: &BTreeMap<String, String>,
        setting: Setting,
    ) -> Result<(), BagError> {
        if self.0.contains_key(topic) {
            return Ok(());
        }
        let found = kinds.iter().map(|(name, kind)| format!("{name} ({kind})")).collect::<Vec<_>>();
        let found = if found.is_empty() { "none at all".into() } else { found.join(", ") };
        let topic = topic.into();
        Err(match setting {
            Setting::Frames => BagError::NoTransforms { topic, found },
            _ => BagError::NoTopic { topic, setting, found },
        })
    }
}
