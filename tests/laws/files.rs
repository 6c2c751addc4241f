//! Policy files of which some break.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use sriovd_agent::load::{LastGood, Loaded, Trust, load};
use sriovd_core::policy::file::parse;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DIRECTORIES: [&str; 2] = ["/etc/sriov.d", "/usr/lib/sriov.d"];

#[derive(Debug, Clone)]
pub(crate) struct File {
    directory: &'static str,
    /// Few, so that one hides another.
    name: &'static str,
    text: String,
    fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Syntax,
    UnknownKey,
    NotText,
    TooLarge,
    WritableByAll,
    Directory,
    LeadsNowhere,
}

const FAULTS: [Fault; 7] = [
    Fault::Syntax,
    Fault::UnknownKey,
    Fault::NotText,
    Fault::TooLarge,
    Fault::WritableByAll,
    Fault::Directory,
    Fault::LeadsNowhere,
];

pub(crate) fn files() -> impl Strategy<Value = Vec<File>> {
    let policy = (
        select(vec!["a", "b", "c", "d"]),
        0..8u16,
        select(vec!["x", "y"]),
    );
    let policy = policy.prop_map(|(name, num_vfs, pool)| {
        format!("[[policy]]\nname = \"{name}\"\nnum_vfs = {num_vfs}\nresource = \"{pool}\"\nmatch.pf_name = \"*\"\n")
    });
    let network = (select(vec!["n", "m"]), select(vec!["x", "y"]));
    let network = network.prop_map(|(name, pool)| {
        format!("[[network]]\nname = \"{name}\"\nresource = \"{pool}\"\n")
    });
    let item = prop_oneof![2 => policy, 1 => network];
    let good = item.prop_map(|item| match parse(Path::new("item.toml"), &item) {
        Ok(_) => item,
        Err(errors) => panic!("{errors:?}"),
    });
    let text = vec(good, 0..3).prop_map(|items| items.concat());
    let names = select(vec!["10-a.toml", "20-b.toml", "30-c.toml", "40-d.toml"]);
    let fault = prop::option::weighted(0.4, select(&FAULTS[..]));
    let file = (select(&DIRECTORIES[..]), names, text, fault).prop_map(
        |(directory, name, text, fault)| File {
            directory,
            name,
            text,
            fault,
        },
    );
    vec(file, 1..6).prop_map(|mut files| {
        files.sort_by_key(|file| (file.directory, file.name));
        files.dedup_by_key(|file| (file.directory, file.name));
        files
    })
}

struct Tree(TempDir);

impl Tree {
    fn of<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for directory in DIRECTORIES {
            let directory = tree.path(directory);
            fs::create_dir_all(&directory).unwrap();
            fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        }
        for file in files {
            let path = tree.path(file.directory).join(file.name);
            fs::write(&path, &file.text).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(&path[1..])
    }

    fn spoil(&self, files: &[File]) {
        for file in files {
            let path = self.path(file.directory).join(file.name);
            if let Some(fault) = file.fault {
                spoil(&path, &file.text, fault);
            }
        }
    }

    fn load(&self, last_good: &LastGood) -> Loaded {
        load(self.0.path(), &DIRECTORIES, Trust::Enforce, last_good)
    }
}

fn spoil(path: &Path, text: &str, fault: Fault) {
    match fault {
        Fault::Syntax => fs::write(path, format!("{text}[[policy")).unwrap(),
        Fault::UnknownKey => fs::write(path, format!("nmae = 1\n{text}")).unwrap(),
        Fault::NotText => fs::write(path, [text.as_bytes(), b"\xff"].concat()).unwrap(),
        Fault::TooLarge => fs::write(path, format!("{text}#{}", "x".repeat(1 << 20))).unwrap(),
        Fault::WritableByAll => fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap(),
        Fault::Directory => {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }
        Fault::LeadsNowhere => {
            fs::remove_file(path).unwrap();
            symlink("/nowhere", path).unwrap();
        }
    }
}

pub(crate) fn check(files: &[File]) -> Result<(), TestCaseError> {
    let tree = Tree::of(files);
    let good = tree.load(&LastGood::default());
    tree.spoil(files);
    let spoilt = tree.load(&good.last_good);
    prop_assert_eq!(&spoilt.set, &good.set);
    prop_assert_eq!(&spoilt.last_good, &good.last_good);

    let nothing = LastGood::default();
    let unremembered = tree.load(&nothing);
    // An empty file says nothing, and still hides another of its name.
    let masked: Vec<File> = files
        .iter()
        .map(|file| match file.fault {
            Some(_) => File {
                text: String::new(),
                ..file.clone()
            },
            None => file.clone(),
        })
        .collect();
    let masked = Tree::of(&masked).load(&nothing);
    let policies = |loaded: &Loaded| {
        let all = loaded.set.policies.iter();
        let facts = all.map(|it| (it.name.clone(), it.num_vfs, it.resource.clone()));
        facts.collect::<Vec<_>>()
    };
    let networks = |loaded: &Loaded| {
        let all = loaded.set.networks.iter();
        let facts = all.map(|it| (it.name.clone(), it.resource.clone()));
        facts.collect::<Vec<_>>()
    };
    prop_assert_eq!(policies(&unremembered), policies(&masked));
    prop_assert_eq!(networks(&unremembered), networks(&masked));
    let broken = unremembered.files.iter();
    let broken = broken.filter(|file| file.state.is_broken()).count();
    let told = unremembered.diagnostics.iter().filter(|it| it.is_error());
    prop_assert!(
        told.count() >= broken,
        "a file is broken and nobody is told"
    );
    Ok(())
}
