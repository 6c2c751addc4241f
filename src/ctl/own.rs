//! What this program sees by itself, where no daemon runs or none is to be asked.

use super::output;
use anyhow::{Context, anyhow};
use sriovd_agent::load::{self, LastGood, Loaded, Trust};
use sriovd_agent::publish::plugins::Plugins;
use sriovd_agent::settings::{self, Settings, Unusable};
use sriovd_agent::state;
use sriovd_core::host::{Host, Look};
use sriovd_core::memory::Memory;
use sriovd_core::model::HostSnapshot;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::{Origin, PolicySet};
use sriovd_host::file::under;
use sriovd_host::linux::{LinuxHost, OtherDevice};
use sriovd_sim::forecast::{self, Forecast};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

/// The host as a daemon below this root would find it.
pub(super) struct Own<'r> {
    root: &'r Path,
    settings: Result<Settings, Vec<Diagnostic>>,
}

impl<'r> Own<'r> {
    pub(super) fn new(root: &'r Path) -> Self {
        let settings = Settings::load(root, Trust::WarnOnly);
        let settings = settings.map_err(Unusable::into_diagnostics);
        Self {
            root,
            settings: settings.map(|(settings, _)| settings),
        }
    }

    /// With settings that cannot be read no daemon starts; one that runs has those it started with.
    fn settings_or_default(&self) -> Settings {
        self.settings.clone().unwrap_or_default()
    }

    pub(super) fn socket(&self) -> PathBuf {
        under(self.root, &self.settings_or_default().api.socket)
    }

    pub(super) fn output_settings(&self) -> settings::Outputs {
        self.settings_or_default().outputs
    }

    pub(super) fn other_devices(&self) -> Vec<OtherDevice> {
        let host = LinuxHost::new(self.root.to_owned());
        host.other_devices().unwrap_or_default()
    }

    pub(super) fn has_cni_plugin(&self) -> bool {
        let installed = Plugins::look(self.root).map(|plugins| plugins.cni);
        let installed = installed.unwrap_or_else(|error| {
            output::note(&format!(
                "whether sriovd-cni is installed is not known: {error}"
            ));
            false
        });
        self.output_settings().cni_plugin.is_ours(installed)
    }

    pub(super) fn snapshot(&self) -> anyhow::Result<HostSnapshot> {
        let host = LinuxHost::new(self.root.to_owned());
        let seen = host.snapshot(Look::WithHolders).or_else(|error| {
            let seen = host.snapshot(Look::Plain);
            if seen.is_ok() {
                output::note(&format!("the holders of VFs are not known: {error}"));
            }
            seen
        });
        Ok(self.as_settings_say(seen.context("cannot look at this host")?))
    }

    /// What would be done to `host`, with what VFIO groups answer where VFs would be disturbed.
    pub(super) fn forecast(
        &self,
        host: HostSnapshot,
        policies: &PolicySet,
        force: bool,
    ) -> Forecast {
        let memory = self.memory_for(&host);
        let linux = LinuxHost::new(self.root.to_owned());
        let ask = |pf| {
            Ok::<_, Infallible>(linux.observe(pf, Look::Asking).unwrap_or_else(|error| {
                output::note(&format!(
                    "whether a VFIO group of PF {pf} is open is not known: {error}"
                ));
                None
            }))
        };
        let Ok(forecast) = forecast::forecast_asking(host, policies, &memory, force, ask);
        forecast
    }

    /// Without looking for who uses what; `None` where nothing can be seen.
    pub(super) fn glance(&self) -> Option<HostSnapshot> {
        let seen = LinuxHost::new(self.root.to_owned()).snapshot(Look::Plain);
        Some(self.as_settings_say(seen.ok()?))
    }

    fn as_settings_say(&self, seen: HostSnapshot) -> HostSnapshot {
        let node = self.settings_or_default().node;
        HostSnapshot {
            node: node.of(seen.node),
            pfs: seen.pfs,
        }
    }

    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let settings = self.settings.as_ref();
        let settings = settings.map_err(|errors| told("the settings are not usable", errors))?;
        Ok(settings.clone())
    }

    pub(super) fn policies(&self) -> anyhow::Result<PolicySet> {
        let settings = self.settings()?;
        let nothing = LastGood::default();
        usable(load::load(
            self.root,
            &settings.all_policy_dirs(),
            Trust::WarnOnly,
            &nothing,
        ))
    }

    /// As the daemon reads them. What a file that cannot be used said last holds on, as far as we
    /// may read it.
    pub(super) fn policies_in_force(&self) -> Loaded {
        let settings = self.settings_or_default();
        let state = under(self.root, &settings.state_dir);
        let last_good = load::last_good::read(&state).unwrap_or_default();
        let mut dirs = settings.policy_dirs.clone();
        // What programs asked for is not for everybody's eyes.
        let kept = [settings.sources_dir(), settings.posted_dir()];
        dirs.extend(
            kept.into_iter()
                .filter(|dir| under(self.root, dir).exists()),
        );
        load::load(self.root, &dirs, Trust::WarnOnly, &last_good)
    }

    /// What the daemon remembered last, if we may read it, and would still hold for such a host.
    pub(super) fn memory_for(&self, host: &HostSnapshot) -> Memory {
        let directory = under(self.root, &self.settings_or_default().state_dir);
        let mut memory = state::peek(&directory);
        memory.start(&host.node.kernel, false);
        memory
    }
}

pub(super) fn policies_in(directory: &Path) -> anyhow::Result<PolicySet> {
    let shown = directory.display();
    if !directory.is_dir() {
        return Err(anyhow!("{shown} is not a directory"));
    }
    let absolute = std::path::absolute(directory);
    let absolute = absolute.with_context(|| format!("cannot tell where {shown} is"))?;
    let nothing = LastGood::default();
    let mut set = usable(load::load(
        Path::new("/"),
        &[&absolute],
        Trust::WarnOnly,
        &nothing,
    ))?;
    // Shown as the user named it.
    let policies = set.policies.iter_mut().map(|policy| &mut policy.origin);
    let networks = set.networks.iter_mut().map(|network| &mut network.origin);
    for origin in policies.chain(networks) {
        if let Origin::File { file, .. } = origin
            && let Ok(name) = file.strip_prefix(&absolute)
        {
            *file = directory.join(name);
        }
    }
    Ok(set)
}

pub(super) fn read_snapshot(file: &Path) -> anyhow::Result<HostSnapshot> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).with_context(|| format!("{shown} is not a snapshot"))
}

fn usable(loaded: Loaded) -> anyhow::Result<PolicySet> {
    if loaded.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(told("the policies are not usable", &loaded.diagnostics));
    }
    Ok(loaded.set)
}

fn told(what: &str, diagnostics: &[Diagnostic]) -> anyhow::Error {
    let texts: Vec<String> = diagnostics.iter().map(|it| format!("\n{it}")).collect();
    anyhow!("{what}\n{}", texts.join("\n"))
}
