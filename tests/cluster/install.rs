//! What `packaging/kubernetes` installs, as docs/cluster.md says it, in the real API server: every object is taken, and who is
//! in it may do what the document lists, and nothing else.

use super::{established, until};
use crate::lab::{ADMIN, ControlPlane};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

const NAMESPACE: &str = "sriov-network-operator";
const INSTALL: &str = "kubectl apply --server-side -k packaging/kubernetes";

fn document() -> String {
    fs::read_to_string(sriovd_tests::root().join("docs/cluster.md")).unwrap()
}

/// The command of the document, whose paths are in the tree.
fn install(cluster: &ControlPlane, more: &[&str]) -> Result<String> {
    ensure!(document().contains(&format!("\n{INSTALL}\n")), "{INSTALL}");
    let words: Vec<&str> = INSTALL.split(' ').skip(1).collect();
    let place = sriovd_tests::root().join("packaging/kubernetes");
    let place = place.to_str().context("no UTF-8")?;
    let words = words.iter().map(|&word| match word {
        "packaging/kubernetes" => place,
        other => other,
    });
    let words: Vec<&str> = words.chain(more.iter().copied()).collect();
    cluster.kubectl(&words)
}

/// All objects that are rendered, by `Kind/name`.
fn rendered(cluster: &ControlPlane, kustomization: &str) -> Result<BTreeMap<String, Value>> {
    let render = ["apply", "--dry-run=client", "--output=json", "-k"];
    let text = cluster.kubectl(&[&render[..], &[kustomization]].concat())?;
    let list: Value = serde_json::from_str(&text)?;
    let objects = list["items"].as_array().context("no list")?.iter();
    let named = objects.map(|object| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&object["metadata"]["name"]);
        (format!("{}/{name}", text(&object["kind"])), object.clone())
    });
    Ok(named.collect())
}

fn in_the_tree(path: &str) -> String {
    sriovd_tests::root().join(path).to_str().unwrap().to_owned()
}

#[test]
fn every_object_is_taken_and_applying_it_again_changes_nothing() -> Result<()> {
    let cluster = ControlPlane::start(&[])?;
    let objects = rendered(&cluster, &in_the_tree("packaging/kubernetes"))?;
    let definitions = fs::read_dir(sriovd_tests::root().join("packaging/kubernetes/crds"))?.count();
    let of_kind = |kind: &str| {
        let prefix = format!("{kind}/");
        objects.keys().filter(|it| it.starts_with(&prefix)).count()
    };
    // None is forgotten.
    ensure!(of_kind("CustomResourceDefinition") == definitions);
    ensure!(of_kind("DaemonSet") == 1 && of_kind("Deployment") == 1 && of_kind("ConfigMap") == 1);

    // What is only tried needs the namespace before.
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    let tried = install(&cluster, &["--dry-run=server"])?;
    let taken = |said: &str| {
        said.lines()
            .filter(|it| it.contains("serverside-applied"))
            .count()
    };
    ensure!(taken(&tried) == objects.len(), "{tried}");
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let admin = cluster.api(ADMIN)?;
    ensure!(
        admin.get(crds)?.ok()?["items"] == json!([]),
        "it was more than tried"
    );

    let done = install(&cluster, &[])?;
    ensure!(taken(&done) == objects.len(), "{done}");
    established(&cluster)?;
    let generation = || -> Result<Value> {
        let set = format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/sriovd");
        Ok(admin.get(&set)?.ok()?["metadata"]["resourceVersion"].clone())
    };
    let before = generation()?;
    install(&cluster, &[])?;
    ensure!(generation()? == before);
    Ok(())
}

/// Account, where, what and which verb.
type Right = (String, String, String, String);

/// The table of the document, a row for each thing that an account may do.
fn listed() -> BTreeSet<Right> {
    let text = document();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `sriovd-"));
    let mut listed = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [account, place, things, verbs, why, ""] = cells[..] else {
            panic!("{row}: not account, where, what, verbs, why");
        };
        assert!(!why.is_empty(), "{row}: no reason");
        let account = format!("sriovd-{}", account.trim_end_matches('`'));
        let quoted = |cell: &str| -> Vec<String> {
            let parts = cell.split('`').skip(1).step_by(2);
            parts.map(str::to_owned).collect()
        };
        for thing in quoted(things) {
            for verb in quoted(verbs) {
                let right = (account.clone(), place.to_owned(), thing.clone(), verb);
                assert!(listed.insert(right), "{row}: twice");
            }
        }
    }
    listed
}

/// What the API server says that an account may do in a namespace, beside what everybody may.
fn may(
    cluster: &ControlPlane,
    account: &str,
    namespace: &str,
) -> Result<BTreeSet<(String, String)>> {
    let list = |account: &str| -> Result<BTreeSet<(String, String)>> {
        let user = format!("--as=system:serviceaccount:{NAMESPACE}:{account}");
        let table =
            cluster.kubectl(&["auth", "can-i", "--list", &user, "--namespace", namespace])?;
        let mut may = BTreeSet::new();
        for line in table.lines().skip(1) {
            // Resources, paths, names of objects, verbs: in brackets but for the first.
            let cells: Vec<&str> = line.split(['[', ']']).collect();
            let [thing, paths, _, names, _, verbs, ..] = cells[..] else {
                panic!("{line}");
            };
            let names: Vec<&str> = names.split(' ').filter(|it| !it.is_empty()).collect();
            let thing = [thing.trim(), paths].concat();
            let things = match names[..] {
                [] => vec![thing],
                _ => names.iter().map(|name| format!("{thing} {name}")).collect(),
            };
            for verb in verbs.split(' ') {
                may.extend(things.iter().map(|it| (it.clone(), verb.to_owned())));
            }
        }
        Ok(may)
    };
    let everybody = list("default")?;
    Ok(list(account)?.difference(&everybody).cloned().collect())
}

#[test]
fn accounts_may_do_what_is_listed_with_a_reason_and_nothing_else() -> Result<()> {
    let cluster = ControlPlane::start(&[])?;
    install(&cluster, &[])?;
    let mut found = BTreeSet::new();
    for account in ["sriovd-node", "sriovd-controller"] {
        until("rights are in force", || {
            Ok(!may(&cluster, account, NAMESPACE)?.is_empty())
        })?;
        let everywhere = may(&cluster, account, "default")?;
        let own = may(&cluster, account, NAMESPACE)?;
        let mut add = |place: &str, rights: &BTreeSet<(String, String)>| {
            for (thing, verb) in rights {
                let place = place.to_owned();
                found.insert((account.to_owned(), place, thing.clone(), verb.clone()));
            }
        };
        add("everywhere", &everywhere);
        add(
            "own namespace",
            &own.difference(&everywhere).cloned().collect(),
        );
    }
    let listed = listed();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    let missing: Vec<_> = listed.difference(&found).collect();
    ensure!(unlisted.is_empty(), "not in docs/cluster.md: {unlisted:#?}");
    ensure!(missing.is_empty(), "only in docs/cluster.md: {missing:#?}");
    Ok(())
}

/// One setting reaches nodes and controller alike, also that of a kustomization on top.
#[test]
fn a_prefix_and_an_image_are_set_in_one_place() -> Result<()> {
    let cluster = ControlPlane::start(&[])?;
    let text = document();
    let example = text
        .split("```yaml\n")
        .find(|it| it.contains("configMapGenerator"));
    let example = example
        .and_then(|it| it.split("```").next())
        .context("no example")?;
    // Beside a copy, as kustomize takes no absolute path.
    let place = tempfile::tempdir()?;
    let packaging = sriovd_tests::root().join("packaging");
    let mut copy = Command::new("cp");
    let copied = copy.arg("-r").arg(packaging).arg(place.path()).status()?;
    ensure!(copied.success(), "packaging is not copied");
    let site = place.path().join("site");
    fs::create_dir(&site)?;
    fs::write(site.join("kustomization.yaml"), example)?;
    let objects = rendered(&cluster, site.to_str().context("no UTF-8")?)?;
    let map = objects
        .iter()
        .find(|(name, _)| name.starts_with("ConfigMap/"));
    let (name, map) = map.context("no ConfigMap")?;
    let name = name.trim_start_matches("ConfigMap/");
    ensure!(map["data"]["resource-prefix"] == "example.org", "{map:#}");
    let mut images = BTreeSet::new();
    let mut readers = BTreeSet::new();
    for object in ["DaemonSet/sriovd", "Deployment/sriovd-controller"] {
        let pod = &objects[object]["spec"]["template"]["spec"];
        for list in ["initContainers", "containers"] {
            for container in pod[list].as_array().into_iter().flatten() {
                images.insert(container["image"].to_string());
                let env = container["env"].as_array().into_iter().flatten();
                for variable in env.filter(|it| it["name"] == "RESOURCE_PREFIX") {
                    ensure!(
                        variable["valueFrom"]["configMapKeyRef"]["name"] == name,
                        "{variable}"
                    );
                    readers.insert(container["command"].to_string());
                }
            }
        }
    }
    ensure!(
        images == BTreeSet::from([r#""registry.example.org/sriovd:0.1.0""#.to_owned()]),
        "{images:?}"
    );
    ensure!(readers.len() == 2, "{readers:?}");
    Ok(())
}
