//! What the cluster wants of the node, as the agent is asked for it.

use super::agent::{self, Present};
use super::cluster::Mirror;
use super::retry::Retry;
use crate::wanted::{Wanted, wanted};
use serde_json::Value;
use sriovd_core::model::ResourcePrefix;
use sriovd_wire::client::Conversation;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A pass that is under way may hold up the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

pub(super) struct Wish {
    /// Of pools whose policy names no other.
    prefix: ResourcePrefix,
    /// Of which version of the cluster, and what it is.
    wanted: Option<(u64, Value)>,
    /// To which connection it was put, and what.
    put: Option<(u64, Value)>,
    /// A sentence for each fault of what was put.
    without_effect: Vec<String>,
    /// As they were said.
    remarks: BTreeSet<String>,
    retry: Retry,
}

impl Wish {
    pub(super) fn new(prefix: ResourcePrefix) -> Self {
        Self {
            prefix,
            wanted: None,
            put: None,
            without_effect: Vec::new(),
            remarks: BTreeSet::new(),
            retry: Retry::default(),
        }
    }

    /// What has no effect of what the cluster wants.
    pub(super) fn without_effect(&self) -> &[String] {
        &self.without_effect
    }

    /// The versions of a cluster that is followed anew begin anew.
    pub(super) fn begin_anew(&mut self) {
        self.wanted = None;
    }

    /// Puts it where the agent does not have it yet; says when to try again. While not everything is known, what the agent
    /// has stays.
    pub(super) async fn put(
        &mut self,
        agent: &Conversation,
        present: Present,
        cluster: &Mirror,
    ) -> Option<Instant> {
        self.understand(cluster);
        let (_, source) = self.wanted.as_ref()?;
        let put = (present.connection, source.clone());
        if self.put.as_ref() == Some(&put) {
            return None;
        }
        if let Some(due) = self.retry.due() {
            return Some(due);
        }
        match timeout(ANSWER_WITHIN, agent::put(agent, source)).await {
            Ok(Ok(without_effect)) => {
                for sentence in &without_effect {
                    if !self.without_effect.contains(sentence) {
                        eprintln!("{sentence}");
                    }
                }
                self.without_effect = without_effect;
                self.put = Some(put);
                self.retry.has_succeeded();
            }
            Ok(Err(error)) => self.retry.has_failed(format!(
                "sriovd does not take what the cluster wants: {error:#}"
            )),
            Err(_) => self.retry.has_failed("sriovd does not answer".to_owned()),
        }
        self.retry.due()
    }

    fn understand(&mut self, cluster: &Mirror) {
        let version = cluster.version();
        if self.wanted.as_ref().is_some_and(|(of, _)| *of == version) {
            return;
        }
        let Some((node, objects)) = cluster.objects() else {
            return;
        };
        let Wanted { source, objects } = wanted(&node, &objects, &self.prefix);
        let remarks = objects.iter().flat_map(|concerned| {
            let remarks = concerned.remarks.iter();
            remarks.map(|remark| format!("{}: {remark}", concerned.object))
        });
        let remarks: BTreeSet<String> = remarks.collect();
        for news in remarks.difference(&self.remarks) {
            eprintln!("{news}");
        }
        self.remarks = remarks;
        if self
            .wanted
            .as_ref()
            .is_none_or(|(_, before)| *before != source)
        {
            self.retry = Retry::default();
        }
        self.wanted = Some((version, source));
    }
}
