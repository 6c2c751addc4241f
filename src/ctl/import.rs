//! `import`: policies and networks of other programs, as TOML of ours.
//!
//! What cannot be carried over is said where it would stand, and to whoever runs the command. A
//! policy that would mean other PFs than it did is carried over switched off.

mod device_plugin;
mod document;
mod vf_operator;

use anyhow::{Context, bail};
use sriovd_core::policy::DEFAULT_PREFIX;
use sriovd_core::policy::check::{self, Judged, Read};
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::foreign::fields::Fields;
use sriovd_core::policy::foreign::item::{Item, comment};
use sriovd_core::policy::foreign::node::Node;
use sriovd_core::policy::foreign::{operator, settle};
use sriovd_core::policy::reader::{Document, Fault, KeyPath};
use sriovd_core::policy::source::ItemKind;
use std::path::{Path, PathBuf};

/// A file of policies, and what is to be known of it.
#[derive(Debug, Default)]
pub struct Imported {
    /// The policies, as TOML.
    pub text: String,
    /// The same policies and networks, judged; `None` where the daemon would not take the file.
    pub content: Option<Judged>,
    /// A line each, with the place it is about.
    pub remarks: Vec<String>,
    /// What the daemon would say to the file.
    pub wrong: Vec<Diagnostic>,
}

pub(super) fn import(files: &[PathBuf]) -> anyhow::Result<Imported> {
    let mut import = Import::default();
    for file in files {
        let shown = file.display();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
        import.file(file, &text)?;
    }
    Ok(import.finish())
}

/// One file's text; `path` is for what is said of it.
pub fn import_text(path: &Path, text: &str) -> anyhow::Result<Imported> {
    let mut import = Import::default();
    import.file(path, text)?;
    Ok(import.finish())
}

const FOREIGN: &str = "this has no counterpart here";

#[derive(Default)]
struct Import {
    items: Vec<Item>,
    /// What was found and has no counterpart, each with its place.
    skipped: Vec<String>,
    /// Whether what is read stands in a ConfigMap.
    in_config_map: bool,
}

impl Import {
    fn file(&mut self, path: &Path, text: &str) -> anyhow::Result<()> {
        let shown = path.display().to_string();
        let documents = document::parse(text).with_context(|| shown.clone())?;
        if documents.is_empty() {
            bail!("{shown} is empty");
        }
        let known = documents.iter().map(|it| self.document(&shown, it));
        let known: Vec<bool> = known.collect::<anyhow::Result<_>>()?;
        // Beside what is known here, anything else may stand.
        if !known.contains(&true)
            && let Some(foreign) = self.skipped.pop()
        {
            bail!(foreign);
        }
        Ok(())
    }

    /// Whether it is anything that can be imported, or an object that has no counterpart.
    fn document(&mut self, file: &str, document: &Node) -> anyhow::Result<bool> {
        let line = document.line;
        let Ok(mut fields) = Fields::of(document, file) else {
            self.skip(file, line, "this is not an object");
            return Ok(false);
        };
        if let Some(kind) = fields.text("kind") {
            self.object(&kind, file, document)?;
            return Ok(true);
        }
        if fields.has("resourceList") {
            self.items.extend(device_plugin::config(&mut fields)?);
        } else if vf_operator::KEYS.iter().any(|key| fields.has(key)) {
            self.items.extend(vf_operator::config(&mut fields)?);
        } else {
            let what = "this is no object of Kubernetes (no \"kind\"), no configuration of the device \
                        plugin (no \"resourceList\") and none of vf-operator (no \"resourceConfigs\")";
            self.skip(file, line, what);
            return Ok(false);
        }
        self.skipped.extend(fields.left());
        Ok(true)
    }

    fn object(&mut self, kind: &str, file: &str, object: &Node) -> anyhow::Result<()> {
        let line = object.line;
        let Ok(mut fields) = Fields::of(object, file) else {
            self.skip(file, line, "this is not an object");
            return Ok(());
        };
        match kind {
            "List" => {
                for item in fields.list("items") {
                    self.document(file, item)?;
                }
            }
            kind if kind.ends_with("List") && fields.has("items") => {
                for item in fields.list("items") {
                    // Of such a list the entries need not say what they are.
                    let kind = kind.trim_end_matches("List");
                    self.object(kind, file, item)?;
                }
            }
            "SriovNetworkNodePolicy" => self.items.extend(operator::policy(&mut fields)?),
            "SriovNetwork" => self.items.push(operator::sriov_network(&mut fields)?),
            "SriovIBNetwork" => self.items.push(operator::ib_network(&mut fields)?),
            "OVSNetwork" => self.items.push(operator::ovs_network(&mut fields)?),
            "ConfigMap" if !self.in_config_map => self.config_map(&mut fields),
            other => self.skip(file, line, &format!("{other} has no counterpart here")),
        }
        Ok(())
    }

    fn skip(&mut self, file: &str, line: usize, what: &str) {
        let what = match self.in_config_map {
            true => FOREIGN,
            false => what,
        };
        self.skipped.push(format!("{file}:{line}: {what}"));
    }

    /// An entry may be a whole configuration of the device plugin, often one for each node, or
    /// manifests that somebody applies; most ConfigMaps hold something else.
    fn config_map(&mut self, fields: &mut Fields<'_>) {
        let (file, line) = (fields.file(), fields.line);
        let Some(mut data) = fields.table("data") else {
            return self.skip(file, line, "this ConfigMap has no data");
        };
        self.in_config_map = true;
        let entries = data.all();
        for (name, node) in entries {
            let place = format!("{file}:{} ({name})", node.line);
            let text = node.text().unwrap_or_default();
            let documents = document::parse(&text).unwrap_or_default();
            if documents.is_empty() {
                self.skipped.push(format!("{place}: {FOREIGN}"));
            }
            let before = self.items.len();
            for document in &documents {
                if let Err(error) = self.document(&place, document) {
                    self.skipped.push(format!("{error:#}"));
                }
            }
            // The plugin reads the one file that it is told, and of several that of its node.
            let is_for_all = entries.len() == 1 && name.ends_with(".json");
            let added = self.items.iter_mut().skip(before);
            for item in added.filter(|item| item.of_plugin && !is_for_all) {
                item.for_node(name);
            }
        }
        self.in_config_map = false;
    }

    fn finish(mut self) -> Imported {
        self.items = settle(self.items);
        let mut remarks: Vec<String> = self.skipped.clone();
        remarks.extend(self.items.iter().flat_map(Item::remarks));
        let mut text = header(&self.items);
        text.extend(self.skipped.iter().map(|skipped| comment(skipped)));
        for item in &self.items {
            if !text.is_empty() {
                text.push('\n');
            }
            text += &item.to_string();
        }
        let (content, faults) = match judged(&self.items) {
            Ok(mut content) => {
                let warnings = std::mem::take(&mut content.warnings);
                (Some(content), warnings)
            }
            Err(faults) => (None, faults),
        };
        Imported {
            wrong: placed(&text, faults),
            text,
            content,
            remarks,
        }
    }
}

/// What the items say, by the judge of all policies and networks. Their names are unique.
fn judged(items: &[Item]) -> Result<Judged, Vec<Fault>> {
    let mut content = Judged::default();
    let mut faults = Vec::new();
    for kind in [ItemKind::Policy, ItemKind::Network] {
        let items = items.iter().filter(|item| item.kind == kind);
        let kept = items.filter_map(|item| Some((item.origin(), item.table()?)));
        for (index, (origin, table)) in kept.enumerate() {
            let found = match kind {
                ItemKind::Policy => {
                    check::policy(Read::of(&table), origin).map(|(policy, found)| {
                        content.policies.push(policy);
                        found
                    })
                }
                ItemKind::Network => {
                    check::network(Read::of(&table), origin).map(|(network, found)| {
                        content.networks.push(network);
                        found
                    })
                }
            };
            let path = KeyPath::default().then(kind.key()).then(index);
            let found = found.unwrap_or_else(|errors| errors).into_iter();
            faults.extend(found.map(|fault| fault.below(&path)));
        }
    }
    match faults.iter().any(Fault::is_error) {
        true => Err(faults),
        false => {
            content.warnings = faults;
            Ok(content)
        }
    }
}

/// Faults at their places in the text that is printed.
fn placed(text: &str, faults: Vec<Fault>) -> Vec<Diagnostic> {
    if faults.is_empty() {
        return Vec::new();
    }
    match Document::parse(Path::new("the result"), text) {
        Ok(written) => written.diagnostics(faults),
        Err(errors) => errors,
    }
}

/// What holds for all of it.
fn header(items: &[Item]) -> String {
    let mut text = String::new();
    if items.iter().any(|item| item.has("node.labels")) {
        text += "# The labels of this node are those in [node.labels] of /etc/sriovd.toml.\n";
    }
    if items.iter().any(|item| item.of_plugin) {
        text += "\
# The device plugin takes VFs that somebody else makes, hence `external`. To have sriovd make them,
# say num_vfs = ... in its place. It gives no VF another driver, hence device_type = \"any\".
";
    }
    let bare = |item: &Item| item.of_plugin && !item.has("resource_prefix");
    if items.iter().any(bare) {
        text += &format!(
            "\
# Without resource_prefix pods find a pool as {DEFAULT_PREFIX}/NAME, as they do where the plugin runs without
# -resource-prefix.
"
        );
    }
    let policies = || items.iter().filter(|item| item.by_name);
    if policies().next().is_some() {
        text += &format!(
            "\
# Pods find these pools as {DEFAULT_PREFIX}/NAME. The operator's were openshift.io/NAME, where its RESOURCE_PREFIX
# did not say otherwise: they stay so with resource_prefix = \"openshift.io\" in each policy.
"
        );
    }
    let tie = policies().any(|item| {
        policies().any(|other| {
            let same = other.name != item.name && other.value("priority") == item.value("priority");
            let differ = |key| other.value(key) != item.value(key);
            same && (differ("num_vfs") || differ("mtu"))
        })
    });
    if tie {
        text += "\
# Where policies of one priority claim the same VFs of a PF, the last of them wins, as with the
# operator; it does not take the larger num_vfs and mtu of the others on top.
";
    }
    text
}

#[cfg(test)]
mod tests;
