//! What there is and what is wanted of it: of this host, or of another by a snapshot.

use super::options::Options;
use super::output;
use super::own::{self, Own};
use super::reach::daemon_to_read;
use clap::Args;
use sriovd_core::memory::Memory;
use sriovd_core::model::world::World;
use sriovd_core::model::{HostSnapshot, NetworkName, PciAddress, PfSnapshot, VfIndex};
use sriovd_core::policy::resolve::{DesiredPf, Resolution, resolve_held};
use sriovd_core::policy::{Network, Policy, PolicySet};
use sriovd_core::render::{self, cni};
use sriovd_core::report::{
    self, KnownPf, NetworkReport, PfReport, PfState, Present, Status, sentence,
};
use sriovd_host::linux::OtherDevice;
use sriovd_sim::forecast::{self, Forecast};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Another host, or other policies for this one.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Elsewhere {
    /// Look at this snapshot instead of this host. Needs neither the daemon nor special rights.
    #[arg(long, value_name = "FILE", requires = "policy_dir")]
    pub(super) snapshot: Option<PathBuf>,
    /// Use the policies in this directory instead of those in force.
    #[arg(long, value_name = "DIR")]
    pub(super) policy_dir: Option<PathBuf>,
}

pub(super) struct Scene {
    pub(super) host: HostSnapshot,
    pub(super) policies: PolicySet,
    pub(super) memory: Memory,
    pub(super) resolutions: BTreeMap<PciAddress, Resolution>,
    pub(super) reports: BTreeMap<PciAddress, PfReport>,
    /// What can have VFs and is no NIC; only known of this host.
    pub(super) others: Vec<OtherDevice>,
    /// Our CNI plugin gives networks of a pool their VFs when containers start.
    pub(super) own_cni_plugin: bool,
    /// As the daemon says, else found out when it is asked for.
    pub(super) given: OnceCell<BTreeMap<NetworkName, PciAddress>>,
    pub(super) world: OnceCell<World<KnownPf>>,
}

impl Scene {
    pub(super) fn look(options: &Options, elsewhere: &Elsewhere) -> anyhow::Result<Self> {
        let own = Own::new(&options.root);
        let policies = elsewhere.policy_dir.as_deref().map(own::policies_in);
        let policies = policies.transpose()?;
        if let Elsewhere {
            snapshot: Some(file),
            ..
        } = elsewhere
        {
            let (host, policies) = (own::read_snapshot(file)?, policies.unwrap_or_default());
            return Ok(Self::new(host, policies, Memory::default(), None));
        }
        let daemon = daemon_to_read(options)?;
        let asks_daemon = daemon.is_some();
        let host = match daemon {
            Some(daemon) => daemon.get("/v1/snapshot")?,
            None => own.snapshot()?,
        };
        let memory = own.memory_for(&host);
        let (own_cni_plugin, others) = (own.has_cni_plugin(), own.other_devices());
        if let Some(policies) = policies {
            let scene = Self::new(host, policies, memory, None);
            return Ok(Self {
                own_cni_plugin,
                others,
                ..scene
            });
        }
        // A connection is for one request.
        let daemon = match asks_daemon {
            true => daemon_to_read(options)?,
            false => None,
        };
        let status = daemon.map(|daemon| daemon.get("/v1/status"));
        let loaded = own.policies_in_force();
        let unusable = loaded.files.iter().filter(|file| file.state.is_broken());
        let unusable = unusable.count();
        if unusable > 0 {
            let files = output::counted(unusable, "policy file");
            output::note(&format!(
                "{files} cannot be used as they are; `sriovctl check` says why"
            ));
        }
        let scene = Self::new(host, loaded.set, memory, status.transpose()?);
        Ok(Self {
            own_cni_plugin,
            others,
            ..scene
        })
    }

    /// `status` is the daemon's, which knows of failures, too.
    pub(super) fn new(
        host: HostSnapshot,
        policies: PolicySet,
        memory: Memory,
        status: Option<Status>,
    ) -> Self {
        let resolved =
            |pf: &PfSnapshot| resolve_held(&policies, &host.node, pf, memory.hold_on(pf));
        let pfs = host.pfs.iter();
        let resolutions = pfs.map(|(&at, pf)| (at, resolved(pf))).collect();
        let given = status.as_ref().map(Status::given);
        let reports = match status {
            Some(status) => status.pfs.into_iter().map(|pf| (pf.address, pf)).collect(),
            None => expected(
                &host,
                &resolutions,
                forecast::forecast(&host, &policies, &memory),
            ),
        };
        Self {
            host,
            policies,
            memory,
            resolutions,
            reports,
            others: Vec::new(),
            own_cni_plugin: false,
            given: given.map_or_else(OnceCell::new, OnceCell::from),
            world: OnceCell::new(),
        }
    }

    /// What a daemon would tell, as far as it can be seen without one.
    pub(super) fn status(&self) -> Status {
        let pfs: Vec<PfReport> = self.reports.values().cloned().collect();
        let present = Present {
            addresses: self.host.pfs.keys().copied().collect(),
            seen: self.host.pfs.values().collect(),
        };
        let networks = self.policies.networks.iter();
        let networks = networks
            .map(|network| NetworkReport::of(network, self.given().get(&network.name).copied()));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: sentence::status_line(&pfs),
            starting: false,
            pfs,
            absent: report::absent(&self.policies, &self.host.node, &present),
            networks: networks.collect(),
            files: Vec::new(),
            not_understood: Vec::new(),
            pauses: self.memory.pauses.clone(),
        }
    }

    pub(super) fn forecast(&self) -> Forecast {
        forecast::forecast(&self.host, &self.policies, &self.memory)
    }

    pub(super) fn desired(&self, pf: PciAddress) -> Option<&DesiredPf> {
        match self.resolutions.get(&pf)? {
            Resolution::Desired(desired) => Some(desired),
            Resolution::Unmatched | Resolution::AwaitsName => None,
        }
    }

    pub(super) fn state(&self, pf: PciAddress) -> PfState {
        let report = self.reports.get(&pf);
        report.map_or(PfState::Unmanaged, |report| report.state)
    }

    /// What outputs tell of.
    pub(super) fn world(&self) -> &World<KnownPf> {
        self.world.get_or_init(|| {
            let problems = |at| self.reports.get(&at).map(|it| it.problems.clone());
            let seen = self.host.pfs.iter().map(|(&at, pf)| {
                let resolution = self.resolutions.get(&at).cloned();
                let resolution = resolution.unwrap_or(Resolution::Unmatched);
                KnownPf::seen(pf.clone(), resolution, problems(at).unwrap_or_default())
            });
            let reports = self.reports.values();
            let unseen = reports.filter(|report| !self.host.pfs.contains_key(&report.address));
            let unseen = unseen.map(|report| KnownPf {
                address: report.address,
                seen: None,
                allocated: BTreeMap::new(),
                problems: report.problems.clone(),
            });
            World::of(&self.host.node.hostname, seen.chain(unseen))
        })
    }

    /// The VF that each network has now.
    pub(super) fn given(&self) -> &BTreeMap<NetworkName, PciAddress> {
        self.given.get_or_init(|| {
            let shares = |network: &Network| self.own_cni_plugin && cni::is_for_our_plugin(network);
            let (networks, last) = (&self.policies.networks, &self.memory.assignments);
            render::given(networks, shares, self.world(), last)
        })
    }

    /// The networks that have the VF.
    pub(super) fn networks_of(&self, pf: &PfSnapshot, vf: VfIndex) -> Vec<String> {
        let Some(vf) = pf.vfs.get(&vf) else {
            return Vec::new();
        };
        let networks = self.policies.networks.iter();
        let its = networks.filter(|it| self.given().get(&it.name) == Some(&vf.address));
        its.map(|network| network.name.to_string()).collect()
    }

    pub(super) fn policy(&self, name: &str) -> Option<&Policy> {
        let mut policies = self.policies.policies.iter();
        policies.find(|policy| policy.name.as_str() == name)
    }
}

/// Where no daemon says how it went: what a pass would find to do is not done yet.
fn expected(
    host: &HostSnapshot,
    resolutions: &BTreeMap<PciAddress, Resolution>,
    forecast: Forecast,
) -> BTreeMap<PciAddress, PfReport> {
    let report = |forecast: forecast::PfForecast| {
        let pf = host.pfs.get(&forecast.address)?;
        let resolution = resolutions.get(&forecast.address)?;
        let mut report = PfReport::of(pf, resolution, forecast.problems);
        let is_settled = matches!(report.state, PfState::Ready | PfState::Unmanaged);
        if is_settled && !forecast.steps.is_empty() {
            report.state = PfState::Changing;
        }
        Some((forecast.address, report))
    };
    forecast.pfs.into_iter().filter_map(report).collect()
}

#[cfg(test)]
mod tests;
