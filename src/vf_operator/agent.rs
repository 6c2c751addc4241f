//! What is asked of the agent, over its socket.

use super::posted::Posted;
use super::refusal::Refusal;
use super::resource::Refusals;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sriovd_core::model::world::World;
use sriovd_core::model::{PciAddress, PfState, Problem, ResourceName, SourceName};
use sriovd_core::policy::loaded::WEAKEST;
use sriovd_core::policy::source::SourceReport;
use sriovd_core::policy::{NumVfs, Origin};
use sriovd_wire::client::{Conversation, Lost, Refused, Unreachable};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;

/// Who posts wants to see what became of it. Longer waits end without: the VFs come all the same.
const PATIENCE: Duration = Duration::from_secs(60);

/// A look at the host takes as long at most, too.
const ANSWER_WITHIN: Duration = PATIENCE.saturating_mul(2);

/// The agent. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    conversation: Conversation,
}

/// A policy in force, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    pub(super) name: String,
    #[serde(rename = "source")]
    pub(super) origin: Origin,
    pub(super) resource: Option<ResourceName>,
    pub(super) num_vfs: Option<NumVfs>,
}

/// A network in force, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Network {
    pub(super) name: String,
    #[serde(rename = "source")]
    pub(super) origin: Origin,
    pub(super) resource: Option<String>,
    pub(super) vf: Option<PciAddress>,
}

/// What a pass would do, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Forecast {
    pfs: Vec<PfForecast>,
}

#[derive(Debug, Deserialize)]
struct PfForecast {
    address: PciAddress,
    problems: Vec<Problem>,
}

impl Agent {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self {
            conversation: Conversation::new(socket),
        }
    }

    pub(super) async fn world(&self) -> Result<World, Refusal> {
        in_time(self.conversation.get("/v1/world")).await
    }

    pub(super) async fn policies(&self) -> Result<Vec<Policy>, Refusal> {
        in_time(self.conversation.get("/v1/policies")).await
    }

    pub(super) async fn networks(&self) -> Result<Vec<Network>, Refusal> {
        in_time(self.conversation.get("/v1/networks")).await
    }

    async fn report(&self) -> Result<SourceReport, Refusal> {
        in_time(self.conversation.get(&path())).await
    }

    pub(super) async fn posted(&self) -> Result<Posted, Refusal> {
        match self.report().await {
            Ok(report) => Posted::of(report),
            Err(refusal) if refusal.code == Code::NotFound => Ok(Posted::default()),
            Err(refusal) => Err(refusal),
        }
    }

    /// What the host would refuse.
    pub(super) async fn foresee(&self, posted: &Posted) -> Result<Refusals, Refusal> {
        let path = format!("{}/plan", path());
        let document = posted.document();
        let foreseen: Forecast = in_time(self.conversation.post(&path, &document)).await?;
        let pfs = foreseen.pfs.into_iter().map(|mut pf| {
            pf.problems.retain(|it| it.kind.state() == PfState::Refused);
            (pf.address, pf.problems)
        });
        Ok(pfs.collect())
    }

    /// Returns when what was asked for is done, with what became of each item: some of them may be of no effect.
    pub(super) async fn put(&self, posted: &Posted) -> Result<SourceReport, Refusal> {
        let path = format!("{}?wait={}", path(), PATIENCE.as_secs());
        let document = posted.document();
        let put: anyhow::Result<SourceReport> =
            within(self.conversation.put(&path, &document)).await?;
        match put {
            Ok(report) => Ok(report),
            Err(error) => match error.downcast_ref() {
                Some(Refused(problem)) if problem.status == 422 => self.report().await,
                _ => Err(refusal(&error)),
            },
        }
    }
}

/// Whether this was posted here.
pub(super) fn is_posted(origin: &Origin) -> bool {
    matches!(origin, Origin::Source { source, .. } if is_ours(source))
}

fn is_ours(source: &SourceName) -> bool {
    source.as_str() == WEAKEST
}

fn path() -> String {
    format!("/v1/sources/{WEAKEST}")
}

async fn within<T>(
    asked: impl Future<Output = anyhow::Result<T>>,
) -> Result<anyhow::Result<T>, Refusal> {
    timeout(ANSWER_WITHIN, asked)
        .await
        .map_err(|_| Refusal::new(Code::DeadlineExceeded, "sriovd does not answer"))
}

async fn in_time<T: DeserializeOwned>(
    asked: impl Future<Output = anyhow::Result<T>>,
) -> Result<T, Refusal> {
    within(asked).await?.map_err(|error| refusal(&error))
}

fn refusal(error: &anyhow::Error) -> Refusal {
    let message = format!("{error:#}");
    if let Some(Refused(problem)) = error.downcast_ref() {
        let code = match problem.status {
            403 => Code::PermissionDenied,
            404 => Code::NotFound,
            413 => Code::ResourceExhausted,
            503 => Code::Unavailable,
            504 => Code::DeadlineExceeded,
            _ => Code::Internal,
        };
        return Refusal::new(code, message);
    }
    let is_away = error.is::<Unreachable>() || error.is::<Lost>();
    let code = match is_away {
        true => Code::Unavailable,
        false => Code::Internal,
    };
    Refusal::new(code, message)
}
