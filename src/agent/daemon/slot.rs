//! One PF as the coordinator knows it: what was seen last, what runs, what waits.

use super::backoff::Backoff;
use super::bereft::Bereft;
use super::contest::Contests;
use super::watched::Watched;
use crate::events::Cause;
use sriovd_core::model::{Holder, PciAddress, Step, Takes, VfIndex};
use sriovd_core::plan::Blocked;
use sriovd_core::report::{KnownPf, PfReport, Problem, ProblemKind, Seen, TakenVf};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) seen: Option<Arc<Seen>>,
    /// What outputs tell of it: what was seen, or what was seen before its VFs began to come or go.
    pub(super) shown: Option<Arc<Seen>>,
    /// When the last VF came or went, while their number is changing.
    pub(super) moved_at: Option<Instant>,
    /// VFs that the kernel told of and that have not been seen yet.
    pub(super) coming: BTreeSet<PciAddress>,
    pub(super) running: Option<Running>,
    pub(super) waiting: Option<Waiting>,
    pub(super) blocked: Blocked,
    /// See `Outcome::lacks_address`.
    pub(super) lacks_address: Option<u64>,
    pub(super) contests: Contests,
    pub(super) bereft: Bereft,
    pub(super) backoff: Backoff,
    pub(super) retry_at: Option<Instant>,
    /// Events wait until then.
    pub(super) not_before: Option<Instant>,
    /// When its driver will have had time enough to make an interface.
    pub(super) overdue_at: Option<Instant>,
    /// Something whose end gives no event.
    pub(super) closing: Option<Closing>,
    /// Said in the journal and not ended yet.
    pub(super) told: Vec<Problem>,
    /// What is seen and told, for the status.
    pub(super) report: Option<PfReport>,
    /// VFs that are allocated to containers, as it was read last.
    pub(super) allocated: BTreeMap<VfIndex, Holder>,
    /// All of that for everyone: another value only where it says something else.
    pub(super) known: Option<Arc<KnownPf>>,
}

impl Slot {
    pub(super) fn is_hung(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.hung.is_some())
    }

    /// Whether bridges of Open vSwitch decided about its last plan.
    pub(super) fn wants_bridges(&self) -> bool {
        let seen = self.seen.as_ref();
        seen.is_some_and(|seen| seen.pf.open_vswitch.is_some())
    }
}

/// A VFIO device that was closed, and how often to look again for its release.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) cause: Cause,
    pub(super) looks_left: u8,
}

/// A pass that is to run, with everything that asked for it meanwhile.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) cause: Cause,
    pub(super) force: bool,
    /// Try again what failed before.
    pub(super) retry: Retry,
    pub(super) tell: Tell,
    pub(super) vfio_closed: bool,
    /// There is a driver that was not there before.
    pub(super) driver_came: bool,
    /// Somebody named the PF: a pause is no obstacle.
    pub(super) though_paused: bool,
}

/// Who wants to know when a pass is over, and what it took from whom.
pub(super) type Tell = Vec<oneshot::Sender<Vec<TakenVf>>>;

/// Whoever asked may have gone away meanwhile.
pub(super) fn tell_done<T>(tell: oneshot::Sender<T>, what: T) {
    let _ = tell.send(what);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Retry {
    Nothing,
    Transient,
    Everything,
}

impl Waiting {
    pub(super) fn new(cause: Cause) -> Self {
        let vfio_closed = matches!(
            cause,
            Cause::VfioClosed { .. } | Cause::VfioDeviceClosed { .. }
        );
        Self {
            driver_came: matches!(cause, Cause::DriverCame { .. }),
            cause,
            vfio_closed,
            force: false,
            though_paused: false,
            retry: Retry::Nothing,
            tell: Vec::new(),
        }
    }

    /// Nobody asks for it: something happened, and that may have been our own doing.
    pub(super) fn is_echo(&self) -> bool {
        let is_asked_for = self.force || self.retry != Retry::Nothing || !self.tell.is_empty();
        !is_asked_for && !self.cause.is_wish() && !self.vfio_closed && !self.driver_came
    }

    /// One pass for both: the first cause stands for what is told of it, unless only a later one
    /// is somebody's wish.
    pub(super) fn merge(&mut self, other: Self) {
        if other.cause.is_wish() && !self.cause.is_wish() {
            self.cause = other.cause;
        }
        self.vfio_closed |= other.vfio_closed;
        self.driver_came |= other.driver_came;
        self.force |= other.force;
        self.though_paused |= other.though_paused;
        self.retry = self.retry.max(other.retry);
        self.tell.extend(other.tell);
    }
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) since: Instant,
    pub(super) cause: Cause,
    pub(super) tell: Tell,
    pub(super) vfio_closed: bool,
    pub(super) though_paused: bool,
    pub(super) watched: Arc<Watched>,
    pub(super) hung: Option<Problem>,
}

/// How long a driver may take to make its interface. That it makes none gives no event.
pub(super) const INTERFACE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a kernel call may take before its PF is reported as hung.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    pub(super) step: Duration,
    pub(super) num_vfs: Duration,
}

impl Deadlines {
    fn of(&self, step: Option<&Step>) -> Duration {
        match step.map(|step| step.facts().takes) {
            Some(Takes::AllVfs) => self.num_vfs,
            Some(Takes::OneStep) | None => self.step,
        }
    }
}

impl Running {
    /// When the pass counts as hung if it is still at what it does now.
    pub(super) fn deadline(&self, deadlines: &Deadlines) -> Instant {
        let (step, since) = self.watched.current();
        since + deadlines.of(step.as_ref())
    }

    pub(super) fn hang(&mut self) -> &Problem {
        let (step, since) = self.watched.current();
        let doing = step
            .as_ref()
            .map_or_else(|| "looking at the PF".to_owned(), Step::to_string);
        let seconds = since.elapsed().as_secs();
        let reason = format!("the kernel has not come back from {doing} for {seconds} s");
        let vf = step.as_ref().and_then(Step::vf);
        self.hung.insert(Problem {
            kind: ProblemKind::Hung,
            vf,
            step,
            reason,
            hint: None,
        })
    }
}
