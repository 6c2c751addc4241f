//! The agent of the node: whether it is there, what it knows, and what it is asked for.

use super::retry::{LONGEST, Said, delay};
use crate::state::as_agent_says;
use serde_json::Value;
use sriovd_core::policy::source::{ItemState, SourceReport};
use sriovd_wire::client::{Conversation, Refused};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch::Sender;
use tokio::time::{Instant, sleep};

const SOURCE: &str = "/v1/sources/kubernetes";
const PFS: &str = "/v1/pfs";

/// The agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Present {
    /// Another one each time it has come.
    pub(super) connection: u64,
    /// Higher whenever what it knows has changed.
    pub(super) generation: u64,
    /// It has not looked at every PF yet.
    pub(super) starting: bool,
}

/// Tells whether the agent is there and when something has changed, for ever.
pub(super) async fn follow(agent: Conversation, present: Sender<Option<Present>>) -> Infallible {
    let mut said = Said::default();
    let (mut connection, mut failures) = (0, 0);
    loop {
        connection += 1;
        let begun = Instant::now();
        let ended = listen(&agent, connection, &present, &mut said).await;
        if present.send_replace(None).is_some() || ended.is_err() {
            let why = ended.err().map(|error| format!(": {error:#}"));
            said.say(format!("sriovd is away{}", why.unwrap_or_default()));
        }
        // It may take connections and end them at once.
        failures = match begun.elapsed() > SHORT {
            true => 0,
            false => failures + 1,
        };
        if let Err(error) = agent.is_back().await {
            said.say(format!("{error:#}"));
            failures = failures.max(1);
        }
        if failures > 0 {
            sleep(delay(failures, LONGEST)).await;
        }
    }
}

/// A conversation that ends sooner is a failure.
const SHORT: Duration = Duration::from_secs(2);

async fn listen(
    agent: &Conversation,
    connection: u64,
    present: &Sender<Option<Present>>,
    said: &mut Said,
) -> anyhow::Result<()> {
    let mut worlds = agent.follow_world().await?;
    while let Some(change) = worlds.next().await? {
        said.is_over();
        present.send_replace(Some(Present {
            connection,
            generation: change.generation,
            starting: change.starting,
        }));
    }
    Ok(())
}

/// Asks for all that the cluster wants, and answers with what has no effect of it.
pub(super) async fn put(agent: &Conversation, source: &Value) -> anyhow::Result<Vec<String>> {
    let report: SourceReport = match agent.put(SOURCE, source).await {
        Err(error) if is_faulty(&error) => agent.get(SOURCE).await?,
        report => report?,
    };
    Ok(without_effect(&report))
}

/// The items in order are in force.
fn is_faulty(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Refused(problem)) if problem.status == 422)
}

fn without_effect(report: &SourceReport) -> Vec<String> {
    let items = report.items.iter();
    let items = items.filter(|item| item.state != ItemState::InForce);
    let sentences = items.flat_map(|item| {
        let known_by = item.origin.as_deref().or(item.name.as_deref());
        let known_by = known_by.unwrap_or("an object").to_owned();
        let faults = item.faults.iter().filter(|fault| fault.is_error());
        faults.map(move |fault| format!("{known_by}: {fault}"))
    });
    sentences.collect()
}

/// The node as the agent knows it.
pub(super) async fn node_state(agent: &Conversation) -> anyhow::Result<Value> {
    Ok(as_agent_says(agent.get(PFS).await?)?)
}
