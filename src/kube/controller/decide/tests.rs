//! Cases: the objects of a cluster, what is written to them, and what happens then. `UPDATE=1` rewrites what is kept.
#![allow(clippy::disallowed_methods, reason = "cases are files")]

use super::cluster::{Cluster, Listed};
use super::object::Object;
use super::write::How;
use super::*;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("controller/cases");
    let entries = fs::read_dir(directory).unwrap();
    let mut cases: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn json(file: &Path) -> Option<Value> {
    let text = fs::read_to_string(file).ok()?;
    let value = serde_json::from_str(&text);
    Some(value.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

fn settings(case: &Path) -> Settings {
    let said = json(&case.join("settings.json")).unwrap_or_default();
    Settings {
        namespace: "sriov".to_owned(),
        resource_prefix: "openshift.io".to_owned(),
        take_over: said["take_over"] == true,
        keep_states: Duration::from_secs(1800),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::at(Duration::from_secs(1_800_000_000 + seconds))
}

/// As much of an API server as is needed: it keeps what is applied, and lets go what has no finalizers.
#[derive(Default, Clone, PartialEq)]
struct Server {
    objects: BTreeMap<(Watched, Name), Value>,
    changes: u64,
    /// Kinds that it does not have.
    lacks: Vec<Watched>,
}

fn kind_of(object: &Value) -> Watched {
    let mut all = Watched::ALL.into_iter();
    all.find(|kind| object["kind"] == kind.kind())
        .unwrap_or_else(|| panic!("no such kind: {object}"))
}

impl Server {
    fn put(&mut self, mut object: Value) {
        let kind = kind_of(&object);
        self.changes += 1;
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-of-{}", metadata["name"].as_str().unwrap()));
        }
        metadata["resourceVersion"] = json!(self.changes.to_string());
        let name = Object::of(kind, &object).unwrap().name();
        self.objects.insert((kind, name), object);
    }

    /// What a person or another program does: an object as it is from now on, or the end of one.
    fn change(&mut self, change: &Value) {
        if change["lacks"].is_string() {
            self.lacks.push(kind_of(&json!({"kind": change["lacks"]})));
        } else if change["gone"].is_object() {
            let object = &change["gone"];
            let kind = kind_of(object);
            let name = Object::of(kind, object).unwrap().name();
            self.objects.remove(&(kind, name)).unwrap();
        } else {
            self.put(change.clone());
        }
    }

    fn write(&mut self, write: &Write) {
        let key = (write.kind, write.name.clone());
        let old = self.objects.get(&key).cloned();
        match &write.how {
            How::Make(object) => {
                assert!(old.is_none());
                self.put(object.clone());
            }
            How::Apply(object) => {
                let mut new = old.unwrap();
                let version = &object["metadata"]["resourceVersion"];
                assert!(version.is_null() || *version == new["metadata"]["resourceVersion"]);
                merge(&mut new, object);
                self.put(new);
            }
            How::ApplyStatus(object) => {
                let mut new = old.unwrap();
                new["status"] = object["status"].clone();
                self.put(new);
            }
            How::Finalizers {
                resource_version,
                finalizers,
            } => {
                let mut new = old.unwrap();
                assert_eq!(new["metadata"]["resourceVersion"], *resource_version);
                new["metadata"]["finalizers"] = json!(finalizers);
                match finalizers.is_empty() && !new["metadata"]["deletionTimestamp"].is_null() {
                    true => drop(self.objects.remove(&key)),
                    false => self.put(new),
                }
            }
            How::Delete {
                uid,
                resource_version,
            } => {
                let old = old.unwrap();
                // Somebody was faster, and it is decided again.
                if old["metadata"]["resourceVersion"] == *resource_version {
                    assert_eq!(old["metadata"]["uid"], *uid);
                    self.objects.remove(&key);
                }
            }
        }
    }

    fn cluster(&self) -> Cluster {
        let mut cluster = Cluster::default();
        for kind in Watched::ALL {
            let its = self.objects.iter().filter(|((of, _), _)| *of == kind);
            let its =
                its.map(|((_, name), object)| (name.clone(), Object::of(kind, object).unwrap()));
            let listed = match self.lacks.contains(&kind) {
                true => Listed::NotServed,
                false => Listed::Served(its.collect()),
            };
            cluster.list(kind, listed);
        }
        cluster
    }
}

fn merge(into: &mut Value, change: &Value) {
    match change.as_object() {
        Some(fields) if into.is_object() => {
            for (key, value) in fields {
                merge(&mut into[key], value);
            }
        }
        _ => *into = change.clone(),
    }
}

fn shown(write: &Write) -> String {
    let event = write.event.as_ref();
    let event = event.map_or_else(String::new, |event| format!("event {event}\n"));
    let text = match &write.how {
        How::Make(object) | How::Apply(object) => match object["spec"]["config"].as_str() {
            // Over several lines, as people read it.
            Some(config) => {
                let mut rest = object.clone();
                rest["spec"]["config"].take();
                format!("{write}\n{rest}\n{config}\n")
            }
            None => format!("{write}\n{object}\n"),
        },
        How::ApplyStatus(object) => format!("{write}\n{:#}\n", object["status"]),
        How::Finalizers { finalizers, .. } => format!("{write}\n{finalizers:?}\n"),
        How::Delete { .. } => format!("{write}\n"),
    };
    text + &event
}

/// Decides and writes until nothing is left to be written; what was written on the way.
fn settle(server: &mut Server, settings: &Settings, memory: &mut Memory, now: Timestamp) -> String {
    let mut text = String::new();
    for _ in 0..10 {
        let decision = decide(&server.cluster(), settings, memory, now);
        if decision.writes.is_empty() {
            return text;
        }
        for write in &decision.writes {
            text += &shown(write);
            server.write(write);
        }
    }
    panic!("it does not come to rest:\n{text}");
}

/// The changes of each step of a case, the objects that are there at first among them.
fn steps(case: &Path) -> Vec<Vec<Value>> {
    let files = ["objects.json", "2.json", "3.json", "4.json"];
    let files = files.iter().map_while(|file| json(&case.join(file)));
    files.map(|step| step.as_array().unwrap().clone()).collect()
}

#[test]
fn what_is_written_is_what_is_kept() {
    let update = env::var_os("UPDATE").is_some_and(|it| !it.is_empty());
    let cases = cases();
    assert!(cases.len() > 5);
    for case in cases {
        let settings = settings(&case);
        let (mut server, mut memory) = (Server::default(), Memory::default());
        let mut text = String::new();
        for (number, changes) in (0..).zip(steps(&case)) {
            for change in &changes {
                server.change(change);
            }
            // An hour passes between steps.
            let now = at(3600 * number);
            let written = settle(&mut server, &settings, &mut memory, now);
            text += &format!("== {}\n{written}", number + 1);

            // Who begins now, with nothing in mind, finds it so.
            let mut fresh = Memory::default();
            let decision = decide(&server.cluster(), &settings, &mut fresh, now);
            assert_eq!(decision.writes, [], "{}", case.display());
        }
        let file = case.join("written.txt");
        if update {
            fs::write(&file, &text).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            text == kept,
            "{}: UPDATE=1 rewrites it:\n{text}",
            case.display()
        );
    }
}

/// Lists come one after the other, and until the last has come nothing is known of what is missing.
#[test]
fn what_is_not_known_is_not_taken_for_missing() {
    for case in cases() {
        let settings = settings(&case);
        let mut server = Server::default();
        let mut memory = Memory::default();
        for change in steps(&case).concat() {
            if change["gone"].is_null() {
                server.change(&change);
            }
        }
        settle(&mut server, &settings, &mut memory, at(0));
        let all = server.cluster();
        for kind in Watched::ALL {
            let mut cluster = all.clone();
            cluster.list(kind, Listed::Unknown);
            let mut memory = Memory::default();
            for day in 1..3 {
                let now = at(day * 86_400);
                let writes = decide(&cluster, &settings, &mut memory, now).writes;
                let is_deleted = |it: &&Write| matches!(it.how, How::Delete { .. });
                let mut deleted = writes.iter().filter(is_deleted);
                let may = |it: &Write| it.kind == Watched::NodeState && kind != Watched::Node;
                assert!(deleted.all(may), "{}: {kind:?}", case.display());
            }
        }
    }
}

/// Nothing is ever done to one that somebody else made, and nothing else is deleted than what bears our mark.
#[test]
fn what_others_made_stays() {
    for case in cases() {
        let settings = settings(&case);
        if settings.take_over {
            continue;
        }
        let (mut server, mut memory) = (Server::default(), Memory::default());
        for changes in steps(&case) {
            changes.iter().for_each(|change| server.change(change));
            let is_foreign = |object: &Value| {
                let metadata = &object["metadata"];
                metadata["labels"]["app.kubernetes.io/managed-by"] != "sriovd"
                    || metadata["annotations"][nad::OWNER].is_null()
            };
            let before = server.clone();
            let nads = before
                .objects
                .iter()
                .filter(|((kind, _), _)| *kind == Watched::Nad);
            let foreign: Vec<_> = nads.filter(|(_, nad)| is_foreign(nad)).collect();
            settle(&mut server, &settings, &mut memory, at(0));
            for (key, nad) in foreign {
                let network = nad["metadata"]["annotations"][nad::OWNER].as_str();
                let network = network.and_then(nad::owned_by);
                let is_going = |it: &(Watched, Name)| {
                    before
                        .objects
                        .get(it)
                        .is_some_and(|it| !it["metadata"]["deletionTimestamp"].is_null())
                };
                if !network.is_some_and(|it| is_going(&it)) {
                    assert_eq!(server.objects.get(key), Some(nad), "{}", case.display());
                }
            }
        }
    }
}

#[test]
fn what_the_api_server_refuses_is_told_and_tried_again_ever_more_rarely() {
    let mut server = Server::default();
    let named = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}});
    server.put(named("Namespace", "apps"));
    server.put(json!({"kind": "SriovNetwork", "metadata": {"namespace": "apps", "name": "net"}, "spec": {"resourceName": "r"}}));
    let settings = settings(Path::new(""));
    let mut memory = Memory::default();
    let owner = "SriovNetwork.sriovnetwork.openshift.io/apps/net";
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let decision = decide(&server.cluster(), &settings, &mut memory, now);
        let mut tries = decision.writes.iter().filter(|it| it.kind == Watched::Nad);
        assert_eq!(tries.next().unwrap().owner.as_deref(), Some(owner));
        decision
            .writes
            .iter()
            .filter(|it| it.kind != Watched::Nad)
            .for_each(|it| server.write(it));
        memory.refuse(owner, "quota".to_owned(), now);

        let decision = decide(&server.cluster(), &settings, &mut memory, now);
        decision.writes.iter().for_each(|it| server.write(it));
        assert!(decision.writes.iter().all(|it| it.kind != Watched::Nad));
        let again = decision.again.unwrap();
        waits.push((again.since_1970() - now.since_1970()).as_secs());
        now = again;
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 320]);
    let key = (Watched::SriovNetwork, Name::within("apps", "net"));
    let condition = &server.objects[&key]["status"]["conditions"][0];
    assert_eq!(condition["message"], "quota");
    assert_eq!(condition["status"], "False");

    let written = settle(&mut server, &settings, &mut memory, now);
    assert!(written.contains("NetworkReady"), "{written}");
    assert!(memory.refused.is_empty());
}

/// A definition of somebody else's may have no place for what is told.
#[test]
fn what_does_not_stay_is_told_once() {
    let mut server = Server::default();
    server.put(json!({"kind": "SriovNetworkNodePolicy", "metadata": {"namespace": "sriov", "name": "p"}, "spec": {"nodeSelector": {}}}));
    let settings = settings(Path::new(""));
    let mut memory = Memory::default();
    let cluster = server.cluster();
    let told = |memory: &mut Memory, now| decide(&cluster, &settings, memory, now).writes.len();
    assert_eq!(told(&mut memory, at(0)), 1);
    assert_eq!(told(&mut memory, at(1)), 0);
    memory.tell_again(Watched::NodePolicy, &Name::within("sriov", "p"));
    assert_eq!(told(&mut memory, at(2)), 1);
}

#[test]
fn kinds_are_those_of_the_definitions() {
    for kind in Watched::ALL {
        let (group, version, name, plural) = kind.names();
        let ours = [crate::crd::OPERATOR.group, crate::crd::OWN.group];
        if ours.contains(&group) {
            let defined = crate::crd::KINDS.iter().find(|it| it.kind == name).unwrap();
            assert_eq!((defined.at.group, defined.at.version), (group, version));
            assert_eq!(defined.plural, plural);
        }
    }
}
