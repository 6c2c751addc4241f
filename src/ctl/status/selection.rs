//! Of a status, the PFs that were asked for.

use crate::output;
use crate::verdict::Verdict;
use anyhow::bail;
use sriovd_core::report::{AbsentPf, PfReport, PfState, Status};

pub(crate) fn text(status: &Status, names: &[String]) -> String {
    match names {
        [] => output::status(status),
        _ => output::pfs(status),
    }
}

/// A PF that is not here keeps nobody waiting, unless somebody asks for it by its name.
pub(crate) fn settled(status: &Status, names: &[String]) -> Verdict {
    let settled = |pf: &PfReport| matches!(pf.state, PfState::Ready | PfState::Unmanaged);
    let missed = !names.is_empty() && !status.absent.is_empty();
    Verdict::converged(status.pfs.iter().all(settled) && !missed)
}

/// Only the PFs that were asked for, by address or interface name.
pub(crate) fn selected(status: &Status, names: &[String]) -> anyhow::Result<Status> {
    let known = |name: &String| {
        status.pfs.iter().any(|pf| is(pf, name))
            || status.absent.iter().any(|pf| is_absent(pf, name))
    };
    match names.iter().find(|name| !known(name)) {
        None => Ok(among(status, names)),
        Some(unknown) => {
            bail!("{unknown:?} is neither the address nor the interface of a PF here")
        }
    }
}

/// The same, as far as they are here. No names mean all.
pub(super) fn among(status: &Status, names: &[String]) -> Status {
    let mut status = status.clone();
    if !names.is_empty() {
        let absent = |pf: &AbsentPf| names.iter().any(|name| is_absent(pf, name));
        status.absent.retain(absent);
        let here = |pf: &PfReport| names.iter().any(|name| is(pf, name));
        status.pfs.retain(here);
    }
    status
}

fn is(pf: &PfReport, name: &str) -> bool {
    pf.interface.as_deref() == Some(name) || pf.address.to_string() == name
}

fn is_absent(pf: &AbsentPf, name: &str) -> bool {
    pf.name.to_string() == name
}
