//! The only place that writes to the journal: one function per kind of entry, from results.
//!
//! Programs read the fields, `MESSAGE_ID=` first of all; people read the sentence. Where stderr
//! is not the journal only the sentence is written.

mod entry;
pub mod message_id;
mod node;
mod output;
mod source;
mod vf_operator;
mod watching;

use crate::events::Cause;
use message_id as id;
pub use node::{node_read, node_unread};
pub use output::{flush, start};
pub use source::item_broken;
use sriovd_core::model::{PciAddress, VfIndex};
use sriovd_core::report::{
    NotUnderstood, Performed, PfReport, ProblemKind, TakenVf, Trouble, sentence,
};
use sriovd_plugins::attach::Collected;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;
use tracing::{debug, error, info, warn};
pub use vf_operator::{posted_not_taken_over, posted_taken_over, vf_operator_elsewhere};
pub use watching::{not_watched, watched_again};

/// The agent has begun; the first entry of its life.
pub fn started(version: &str) {
    info!(MESSAGE_ID = id::STARTED, "sriovd {version} started");
}

/// The first pass over all PFs is done.
pub fn ready(status: &str) {
    info!(MESSAGE_ID = id::READY, "ready: {status}");
}

/// A reload that the service manager asked for is done.
pub fn reloaded(status: &str) {
    info!(MESSAGE_ID = id::RELOADED, "reloaded: {status}");
}

/// The agent was told to stop.
pub fn stopping() {
    info!(
        MESSAGE_ID = id::STOPPING,
        "stopping; VFs and files stay as they are"
    );
}

/// The daemon ends because it cannot go on.
pub fn ended(error: &anyhow::Error) {
    error!(MESSAGE_ID = id::ENDED, "sriovd ends: {error:#}");
}

/// A PF was seen for the first time.
pub fn pf_appeared(pf: &PfReport) {
    info!(
        MESSAGE_ID = id::PF_APPEARED,
        SRIOV_PF = %pf.address,
        SRIOV_INTERFACE = pf.interface.as_deref(),
        SRIOV_POLICY = policies(pf),
        "{} appeared; it offers {} VFs",
        sentence::name(pf),
        pf.vfs_possible,
    );
}

/// A PF that was seen is gone.
pub fn pf_vanished(pf: PciAddress, interface: Option<&str>) {
    let name = interface.map(|interface| format!("{interface} ({pf})"));
    info!(
        MESSAGE_ID = id::PF_VANISHED,
        SRIOV_PF = %pf,
        SRIOV_INTERFACE = interface,
        "{} is gone",
        name.unwrap_or_else(|| pf.to_string()),
    );
}

/// For whoever wants to know why the agent is busy.
pub fn pass_begins(pf: PciAddress, cause: &Cause) {
    debug!(SRIOV_PF = %pf, SRIOV_TRIGGER = %cause, "{pf}: a pass begins [{cause}]");
}

/// A pass that did nothing says nothing.
pub fn pass_done(pf: &PfReport, performed: &[Performed], cause: &Cause, took: Duration) {
    if performed.is_empty() {
        return;
    }
    let steps = || performed.iter().map(|performed| &performed.step);
    let vfs: BTreeSet<_> = steps().map(|step| step.vf()).collect();
    let only_vf = vfs.iter().next().filter(|_| vfs.len() == 1);
    info!(
        MESSAGE_ID = id::PASS_DONE,
        SRIOV_PF = %pf.address,
        SRIOV_VF = only_vf.copied().flatten().map(|vf| vf.0),
        SRIOV_INTERFACE = pf.interface.as_deref(),
        SRIOV_POLICY = policies(pf),
        SRIOV_ACTION = listed(steps().map(|step| step.kind()).collect::<BTreeSet<_>>()),
        SRIOV_TRIGGER = %cause,
        SRIOV_DURATION_USEC = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "{}",
        sentence::pass_done(pf, performed, cause, took),
    );
}

/// Somebody said that VFs in use may be taken away, and they were.
pub fn vfs_taken(pf: &PfReport, taken: &[TakenVf], cause: &Cause) {
    if taken.is_empty() {
        return;
    }
    warn!(
        MESSAGE_ID = id::VFS_TAKEN,
        SRIOV_PF = %pf.address,
        SRIOV_VF = listed(taken.iter().map(|taken| taken.vf)),
        SRIOV_INTERFACE = pf.interface.as_deref(),
        SRIOV_POLICY = policies(pf),
        SRIOV_TRIGGER = %cause,
        "{}",
        sentence::taken(pf, taken),
    );
}

/// A container ended without giving its VF back.
pub fn vf_collected(collected: &Collected) {
    let Collected {
        allocation,
        released,
    } = collected;
    let troubles = match released.troubles.is_empty() {
        true => String::new(),
        false => format!("; not restored: {released}"),
    };
    info!(
        MESSAGE_ID = id::VF_COLLECTED,
        SRIOV_PF = %allocation.pf,
        SRIOV_VF = listed([allocation.vf]),
        "VF {} ({}) released: {} ended without releasing it{troubles}",
        allocation.vf,
        allocation.address,
        allocation.holder(),
    );
}

/// A VF of a container that ended could not be released; it is tried again.
pub fn not_collected(error: &dyn Display) {
    warn!(
        MESSAGE_ID = id::NOT_COLLECTED,
        "a VF of a container that ended cannot be released: {error}"
    );
}

/// New, or with another reason than before.
pub fn problem_appeared(pf: &PfReport, trouble: &Trouble) {
    let message = sentence::problem_appeared(pf, trouble);
    macro_rules! entry {
        ($level:ident, $id:expr) => {
            $level!(
                MESSAGE_ID = $id,
                SRIOV_PF = %pf.address,
                SRIOV_VF = only(&trouble.vfs),
                SRIOV_INTERFACE = pf.interface.as_deref(),
                SRIOV_POLICY = policies(pf),
                SRIOV_ACTION = trouble.problem.step.as_ref().map(|step| step.kind()),
                "{message}",
            )
        };
    }
    match trouble.problem.kind {
        ProblemKind::Hung => entry!(error, id::HUNG),
        ProblemKind::Paused => entry!(info, id::PAUSED),
        ProblemKind::Failed => entry!(warn, id::FAILED),
        ProblemKind::Contested => entry!(warn, id::CONTESTED),
        ProblemKind::NoDriver | ProblemKind::PfDown => entry!(info, id::WAITING),
        ProblemKind::OfOthers => entry!(info, id::REFUSED),
        // A moment in the course of things; status shows it if it lasts.
        ProblemKind::Awaits => entry!(debug, id::WAITING),
        ProblemKind::InUse
        | ProblemKind::DisruptionForbidden
        | ProblemKind::NoLongerMatches
        | ProblemKind::TooManyVfs
        | ProblemKind::AddressTaken
        | ProblemKind::ShortVfList
        | ProblemKind::PortOfBond
        | ProblemKind::Unsupported => entry!(warn, id::REFUSED),
    }
}

/// A problem that was told is over.
pub fn problem_cleared(pf: &PfReport, trouble: &Trouble) {
    let message = sentence::problem_cleared(pf, trouble);
    macro_rules! entry {
        ($level:ident) => {
            $level!(
                MESSAGE_ID = id::CLEARED,
                SRIOV_PF = %pf.address,
                SRIOV_VF = only(&trouble.vfs),
                SRIOV_INTERFACE = pf.interface.as_deref(),
                SRIOV_POLICY = policies(pf),
                SRIOV_ACTION = trouble.problem.step.as_ref().map(|step| step.kind()),
                "{message}",
            )
        };
    }
    match trouble.problem.kind {
        ProblemKind::Awaits => entry!(debug),
        _ => entry!(info),
    }
}

fn only(vfs: &[VfIndex]) -> Option<u16> {
    match vfs {
        [vf] => Some(vf.0),
        _ => None,
    }
}

/// `last_good`: what the file said before stays in force.
pub fn policy_broken(file: &Path, error: &dyn Display, last_good: bool) {
    let meanwhile = if last_good {
        "; its last good content stays in force"
    } else {
        "; it has no effect"
    };
    let shown = file.display();
    error!(
        MESSAGE_ID = id::POLICY_BROKEN,
        SRIOV_FILE = %shown,
        "policy file {shown} cannot be used{meanwhile}: {error}",
    );
}

/// A policy file says something that may not be meant.
pub fn policy_warning(file: &Path, warning: &dyn Display) {
    let shown = file.display();
    warn!(MESSAGE_ID = id::POLICY_WARNING, SRIOV_FILE = %shown, "{warning}");
}

/// A policy file that was broken is good again.
pub fn policy_restored(file: &Path) {
    let shown = file.display();
    info!(
        MESSAGE_ID = id::POLICY_RESTORED,
        SRIOV_FILE = %shown,
        "policy file {shown} is in force again",
    );
}

/// Certificates that were read again cannot be used; those of before are.
pub fn tls_broken(file: &Path, error: &dyn Display) {
    let shown = file.display();
    error!(
        MESSAGE_ID = id::TLS_BROKEN,
        SRIOV_FILE = %shown,
        "the previous certificates stay in force: {error}",
    );
}

/// A file for other programs was written.
pub fn output_written(file: &Path) {
    let shown = file.display();
    info!(MESSAGE_ID = id::OUTPUT_WRITTEN, SRIOV_FILE = %shown, "{shown} written");
}

/// A file for other programs was removed: nothing is to be said in it.
pub fn output_removed(file: &Path) {
    let shown = file.display();
    info!(MESSAGE_ID = id::OUTPUT_REMOVED, SRIOV_FILE = %shown, "{shown} removed");
}

/// Written again though nothing new is to be said in it.
pub fn output_repaired(file: &Path) {
    let shown = file.display();
    warn!(
        MESSAGE_ID = id::OUTPUT_REPAIRED,
        SRIOV_FILE = %shown,
        "{shown} was changed or removed by another program, and has been restored",
    );
}

/// Another program does it again and again.
pub fn output_contested(file: &Path, reason: &str) {
    let shown = file.display();
    warn!(
        MESSAGE_ID = id::OUTPUT_CONTESTED,
        SRIOV_FILE = %shown,
        "{shown} contested: {reason}",
    );
}

/// No other program changes a file of ours any more.
pub fn output_uncontested(file: &Path) {
    let shown = file.display();
    info!(
        MESSAGE_ID = id::OUTPUT_REPAIRED,
        SRIOV_FILE = %shown,
        "{shown} is contested no longer",
    );
}

/// Wanted, but it would do harm as things are.
pub fn output_held_back(file: &Path, reason: &dyn Display) {
    let shown = file.display();
    warn!(
        MESSAGE_ID = id::OUTPUT_HELD_BACK,
        SRIOV_FILE = %shown,
        "{shown} held back: {reason}",
    );
}

/// Wanted, but it cannot be written or is not ours.
pub fn output_refused(file: &Path, reason: &dyn Display) {
    let shown = file.display();
    error!(
        MESSAGE_ID = id::OUTPUT_REFUSED,
        SRIOV_FILE = %shown,
        "{shown} not written: {reason}",
    );
}

/// The kernel dropped events of this source: everything is looked at again.
pub fn overrun(source: &str) {
    warn!(
        MESSAGE_ID = id::OVERRUN,
        SRIOV_TRIGGER = source,
        "{source} events were lost; looking at the whole host again",
    );
}

/// The list of PFs could not be had: only those that announce themselves are looked at.
pub fn not_listed(error: &dyn Display) {
    error!(
        MESSAGE_ID = id::NOT_LISTED,
        "the PCI devices of this host cannot be listed: {error}",
    );
}

/// The state file of before cannot be used; the agent goes on without it.
pub fn state_lost(file: &Path, error: &dyn Display) {
    let shown = file.display();
    error!(
        MESSAGE_ID = id::STATE_LOST,
        SRIOV_FILE = %shown,
        "{error}; what is as the policies want it counts as set up by sriovd",
    );
}

/// A value of the state file is not understood, and kept as it stands.
pub fn state_entry_refused(entry: &NotUnderstood) {
    warn!(
        MESSAGE_ID = id::STATE_ENTRY_REFUSED,
        SRIOV_FILE = %entry.file.display(),
        "{entry}",
    );
}

/// It goes on from memory: what happens between now and a crash is not remembered.
pub fn state_not_saved(error: &dyn Display) {
    error!(
        MESSAGE_ID = id::STATE_NOT_SAVED,
        "the state cannot be saved: {error}"
    );
}

/// The state file could be written again.
pub fn state_saved() {
    info!(MESSAGE_ID = id::STATE_SAVED, "the state is saved again");
}

/// The device plugin could not be restarted, for this reason.
pub fn unit_not_restarted(unit: &str, error: &dyn Display) {
    warn!(
        MESSAGE_ID = id::UNIT_NOT_RESTARTED,
        UNIT = unit,
        "{unit} was not restarted after its configuration changed: {error}",
    );
}

fn policies(pf: &PfReport) -> Option<String> {
    (!pf.policies.is_empty()).then(|| listed(&pf.policies))
}

fn listed(values: impl IntoIterator<Item: Display>) -> String {
    let texts = values.into_iter().map(|value| value.to_string());
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
