//! What the daemon tells of itself, put together from its slots.

use super::value::Daemon;
use crate::api::View;
use crate::load::FileState;
use sriovd_core::model::PciAddress;
use sriovd_core::report::{
    self, AbsentPf, FileReport, NetworkReport, PfReport, Present, Problem, Status, sentence,
};
use sriovd_host::file;
use std::sync::Arc;

/// Of a PF that could not be looked at yet.
fn unseen(pf: PciAddress, problems: &[Problem]) -> Option<PfReport> {
    let worst = problems.first()?;
    Some(PfReport {
        state: worst.kind.state(),
        problems: problems.to_vec(),
        ..PfReport::unseen(pf)
    })
}

/// Replaces what everyone sees, if that is anything else.
pub(super) fn tell_news(daemon: &mut Daemon) {
    if !std::mem::take(&mut daemon.has_news) {
        return;
    }
    let pfs: Vec<PfReport> = daemon
        .slots
        .iter()
        .filter_map(|(&pf, slot)| match &slot.seen {
            Some(_) => slot.report.clone(),
            None => unseen(pf, &slot.told),
        })
        .collect();
    let files = daemon.loaded.iter().flat_map(|loaded| &loaded.files);
    let unusable_tls = daemon.loading.unusable_tls.iter().map(|error| FileReport {
        path: error.file.clone(),
        state: FileState::Broken {
            kept_last_good: true,
        },
    });
    let unusable_settings = daemon.node.unusable_file().map(|path| FileReport {
        path: file::under(&daemon.shared.root, path),
        state: FileState::Broken {
            kept_last_good: true,
        },
    });
    let status = Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: sentence::status_line(&pfs),
        starting: daemon.is_starting(),
        pauses: daemon.pauses(),
        not_understood: daemon.shared.store.not_understood(),
        absent: absent(daemon),
        networks: network_reports(daemon),
        files: files
            .map(|file| FileReport {
                path: file.path.clone(),
                state: file.state.clone(),
            })
            .chain(unusable_tls)
            .chain(unusable_settings)
            .collect(),
        pfs,
    };
    replace_view(daemon, status);
}

fn replace_view(daemon: &Daemon, status: Status) {
    let last = Arc::clone(&daemon.view.borrow());
    let slots = daemon.slots.iter();
    let known = slots.filter_map(|(&pf, slot)| Some((pf, slot.known.clone()?)));
    let node = &daemon.shared.node.hostname;
    let world = last.world.next(node, status.starting, known.collect());
    let (policies, node) = (&daemon.shared.policies, &daemon.shared.node);
    let is_as_before = world.is_none()
        && *last.status == status
        && Arc::ptr_eq(&last.policies, policies)
        && Arc::ptr_eq(&last.sources, &daemon.sources)
        && Arc::ptr_eq(&last.node, node);
    if is_as_before {
        return;
    }
    let status = match *last.status == status {
        true => Arc::clone(&last.status),
        false => Arc::new(status),
    };
    daemon.view.send_replace(Arc::new(View {
        world: world.map_or_else(|| Arc::clone(&last.world), Arc::new),
        status,
        node: Arc::clone(node),
        policies: Arc::clone(policies),
        sources: Arc::clone(&daemon.sources),
    }));
}

fn absent(daemon: &Daemon) -> Vec<AbsentPf> {
    // Nothing is missing before it is known what is there.
    if daemon.is_starting() {
        return Vec::new();
    }
    let seen = daemon.slots.values().filter_map(|slot| slot.seen.as_ref());
    let present = Present {
        addresses: daemon.slots.keys().copied().collect(),
        seen: seen.map(|seen| &seen.pf).collect(),
    };
    report::absent(&daemon.shared.policies, &daemon.shared.node, &present)
}

fn network_reports(daemon: &Daemon) -> Vec<NetworkReport> {
    let memory = daemon.shared.store.memory();
    // What it had last may be there and somebody else's, or not ready.
    let vf_of = |network| {
        let last = memory.assignments.get(network)?;
        let seen = daemon.slots.get(&last.pf)?.seen.as_ref()?;
        let vf = seen.pf.vfs.get(&last.vf)?.address;
        (daemon.given.get(network) == Some(&vf)).then_some(vf)
    };
    let networks = daemon
        .shared
        .policies
        .networks
        .iter()
        .map(|network| NetworkReport {
            held_back: daemon
                .held_back
                .iter()
                .find(|held| held.network == network.name)
                .map(|held| held.reason.to_string()),
            ..NetworkReport::of(network, vf_of(&network.name))
        });
    networks.collect()
}

#[cfg(test)]
mod tests;
