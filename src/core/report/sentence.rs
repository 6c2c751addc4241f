//! Results as people read them in the journal and in `systemctl status`.
//!
//! The wording may change at any time: programs read the journal's fields or the API.

use super::{AbsentPf, Performed, PfReport, PfState, ProblemKind, TakenVf, Trouble};
use crate::model::{PfStep, Step, VfAttribute, VfIndex, VfRange, VfSetting, VfStep};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

/// More groups of VFs than this are counted, not told.
const GROUPS: usize = 4;

/// `ens1f0 (0000:3b:00.0)`
pub fn name(pf: &PfReport) -> String {
    match &pf.interface {
        Some(interface) => format!("{interface} ({})", pf.address),
        None => pf.address.to_string(),
    }
}

/// What a pass did to a PF, why, and how long it took.
pub fn pass_done(
    pf: &PfReport,
    performed: &[Performed],
    cause: &dyn Display,
    took: Duration,
) -> String {
    let (name, changes, took) = (name(pf), changes(performed), duration(took));
    format!("{name}: {changes}; in {took} [{cause}]")
}

/// Who lost which VF.
pub fn taken(pf: &PfReport, taken: &[TakenVf]) -> String {
    let each: Vec<_> = taken.iter().map(taken_from).collect();
    format!("{}: {}", name(pf), each.join(", "))
}

/// The VF and the holders that lost it.
pub fn taken_from(taken: &TakenVf) -> String {
    let from: Vec<_> = taken.holders.iter().map(ToString::to_string).collect();
    format!("VF {} was taken from {}", taken.vf, from.join(" and "))
}

/// A problem that is new or has changed, with the PF's name and what would clear it.
pub fn problem_appeared(pf: &PfReport, trouble: &Trouble) -> String {
    let hint = match &trouble.problem.hint {
        Some(hint) => format!("; {hint}"),
        None => String::new(),
    };
    format!("{} {}{hint}", name(pf), self::trouble(trouble))
}

/// A problem that is over, with the PF's name.
pub fn problem_cleared(pf: &PfReport, trouble: &Trouble) -> String {
    format!("{} cleared: {}", name(pf), about(trouble))
}

/// What is not as wanted and why, without the PF's name.
pub fn trouble(trouble: &Trouble) -> String {
    format!("{}: {}", problem_word(trouble.problem.kind), about(trouble))
}

fn about(trouble: &Trouble) -> String {
    match &trouble.vfs[..] {
        [] => trouble.problem.reason.clone(),
        [vf] => format!("VF {vf}: {}", trouble.problem.reason),
        vfs => format!("VFs {}: {}", indexes(vfs), trouble.problem.reason),
    }
}

/// Why a PF is not as wanted: the worst problem, and how many others there are.
pub fn reason(pf: &PfReport) -> Option<String> {
    let troubles = Trouble::group(&pf.problems.iter().collect::<Vec<_>>());
    let Some((worst, others)) = troubles.split_first() else {
        let word = state_word(pf.state)?;
        return Some(word.to_owned());
    };
    let word = state_word(pf.state).unwrap_or_else(|| problem_word(worst.problem.kind));
    let others = match others.len() {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    Some(format!("{word}: {}{others}", about(worst)))
}

/// Why a PF is expected that is not here.
pub fn absent(pf: &AbsentPf) -> String {
    let names: Vec<_> = pf.policies.iter().map(ToString::to_string).collect();
    match &names[..] {
        [one] => format!("absent: policy {one} names it, and it is not here"),
        _ => format!(
            "absent: policies {} name it, and it is not here",
            names.join(", ")
        ),
    }
}

/// All PFs in the one line of `systemctl status`.
pub fn status_line(pfs: &[PfReport]) -> String {
    let managed = || pfs.iter().filter(|pf| pf.state != PfState::Unmanaged);
    if managed().next().is_none() {
        return "no policy names a PF of this host".to_owned();
    }
    let ready: u32 = managed().map(|pf| u32::from(pf.vfs_ready)).sum();
    let wanted: u32 = managed().map(|pf| u32::from(pf.vfs_wanted)).sum();
    let pfs = counted(managed().count(), "PF");
    let vfs = if ready < wanted {
        format!("{ready} of {}", counted(wanted, "VF"))
    } else {
        counted(ready, "VF")
    };
    let mut line = format!("{pfs}, {vfs} ready");

    let mut troubled: Vec<_> = managed().filter(|pf| reason(pf).is_some()).collect();
    troubled.sort_by_key(|pf| (std::cmp::Reverse(pf.state), pf.address));
    if let Some((worst, others)) = troubled.split_first() {
        let address = worst.address.to_string();
        let short = worst.interface.as_ref().unwrap_or(&address);
        let reason = reason(worst).unwrap_or_default();
        line += &format!("; {short} {reason}");
        if !others.is_empty() {
            line += &format!("; {} not ready", counted(others.len(), "more PF"));
        }
    }
    line
}

/// Equal changes of several VFs are told once.
fn changes(performed: &[Performed]) -> String {
    let steps = || performed.iter().map(|performed| &performed.step);
    let mut parts: Vec<String> = steps().filter_map(pf_change).collect();

    let mut values: BTreeMap<VfAttribute, BTreeSet<String>> = BTreeMap::new();
    for step in steps() {
        if let Step::Vf(_, VfStep::SetAttribute { setting, .. }) = step {
            let values = values.entry(setting.attribute()).or_default();
            values.insert(setting.to_string());
        }
    }
    let has_own = |attribute| {
        let most = if attribute == VfAttribute::Mac {
            1
        } else {
            GROUPS
        };
        values.get(&attribute).is_some_and(|it| it.len() > most)
    };
    let mut of_vfs: BTreeMap<VfIndex, Vec<String>> = BTreeMap::new();
    for step in steps() {
        if let Some((vf, change)) = vf_change(step, has_own) {
            let changes = of_vfs.entry(vf).or_default();
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    let mut groups: Vec<(Vec<String>, Vec<VfIndex>)> = Vec::new();
    for (vf, changes) in of_vfs {
        match groups.iter_mut().find(|(same, _)| *same == changes) {
            Some((_, vfs)) => vfs.push(vf),
            None => groups.push((changes, vec![vf])),
        }
    }
    let told = groups.len().min(GROUPS);
    let (told, others) = groups.split_at(told);
    parts.extend(told.iter().map(|(changes, vfs)| {
        let plural = if vfs.len() == 1 { "VF" } else { "VFs" };
        format!("{plural} {}: {}", indexes(vfs), changes.join(", "))
    }));
    match others.iter().map(|(_, vfs)| vfs.len()).sum() {
        0 => {}
        others => parts.push(format!("{others} more VFs, each otherwise")),
    }
    parts.join("; ")
}

fn pf_change(step: &Step) -> Option<String> {
    if step.vf().is_some() {
        return None;
    }
    Some(match step {
        Step::Pf(PfStep::SetNumVfs { from: 0, to }) => format!("{} created", counted(*to, "VF")),
        Step::Pf(PfStep::SetNumVfs { from, to: 0 }) => format!("{} removed", counted(*from, "VF")),
        other => other.change(),
    })
}

fn vf_change(step: &Step, has_own: impl Fn(VfAttribute) -> bool) -> Option<(VfIndex, String)> {
    let own = |setting: &VfSetting| has_own(setting.attribute());
    let change = match step {
        Step::Vf(_, VfStep::SetAttribute { setting, .. }) if own(setting) => {
            format!("own {}", setting.attribute())
        }
        other => other.change(),
    };
    Some((step.vf()?, change))
}

/// `0-3,5`, of ascending indexes.
fn indexes(vfs: &[VfIndex]) -> String {
    VfRange::of(vfs.iter().copied()).map_or_else(String::new, |range| range.to_string())
}

fn counted(count: impl TryInto<u64>, what: &str) -> String {
    match count.try_into() {
        Ok(1) => format!("1 {what}"),
        Ok(count) => format!("{count} {what}s"),
        Err(_) => format!("many {what}s"),
    }
}

fn duration(took: Duration) -> String {
    match took.as_secs() {
        0 => format!("{} ms", took.as_millis().max(1)),
        1..60 => format!("{:.1} s", took.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn state_word(state: PfState) -> Option<&'static str> {
    match state {
        PfState::Ready | PfState::Unmanaged => None,
        PfState::Paused => Some("paused"),
        PfState::Changing => Some("changing"),
        PfState::Refused => Some("refused"),
        PfState::Failed => Some("failed"),
        PfState::Hung => Some("hung"),
    }
}

pub(super) fn problem_word(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Hung => "hung",
        ProblemKind::Paused => "paused",
        ProblemKind::Failed => "failed",
        ProblemKind::Contested => "contested",
        ProblemKind::InUse
        | ProblemKind::DisruptionForbidden
        | ProblemKind::NoLongerMatches
        | ProblemKind::TooManyVfs
        | ProblemKind::AddressTaken
        | ProblemKind::ShortVfList
        | ProblemKind::PortOfBond => "refused",
        ProblemKind::Unsupported => "limited",
        ProblemKind::PfDown => "down",
        ProblemKind::OfOthers => "left alone",
        ProblemKind::NoDriver | ProblemKind::Awaits => "waiting",
    }
}

#[cfg(test)]
mod tests;
