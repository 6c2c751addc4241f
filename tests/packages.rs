//! What `packaging/` makes: packages that are the same each time, and that the distributions' own checkers accept.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

fn root() -> &'static Path {
    sriovd_tests::root()
}

fn binaries() -> &'static Path {
    sriovd_tests::binaries()
}

fn packaging(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("packaging").join(script));
    command
        .args(arguments)
        .env("SRIOVD_BINARIES", binaries())
        // Most of the time would go into this, of binaries that are not for anybody's use.
        .env("DPKG_DEB_COMPRESSOR_LEVEL", "0")
        .env_remove("REVISION");
    command
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).unwrap()
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("tests/setup installs it");
    assert!(output.status.success(), "{command:?}:\n{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    files
}

/// sriovd and sriovd-kube, each as deb and as rpm.
struct Made {
    debs: [PathBuf; 2],
    rpms: [PathBuf; 2],
}

fn build() -> (TempDir, Made) {
    let target = tempfile::tempdir().unwrap();
    let made = run(packaging("build", &["all"]).env("CARGO_TARGET_DIR", target.path()));
    let made: Vec<_> = made.lines().map(PathBuf::from).collect();
    let [deb, kube_deb, rpm, kube_rpm] = made.try_into().unwrap();
    assert_eq!(files_of(&target.path().join("packages")).len(), 4);
    let made = Made {
        debs: [deb, kube_deb],
        rpms: [rpm, kube_rpm],
    };
    (target, made)
}

fn packages() -> &'static Made {
    static PACKAGES: OnceLock<(TempDir, Made)> = OnceLock::new();
    &PACKAGES.get_or_init(build).1
}

#[test]
fn the_same_binaries_make_the_same_packages() {
    let (_target, again) = build();
    let all = |made: &Made| [made.debs.clone(), made.rpms.clone()].concat();
    for (one, other) in all(packages()).iter().zip(&all(&again)) {
        assert_eq!(one.file_name(), other.file_name());
        assert!(
            fs::read(one).unwrap() == fs::read(other).unwrap(),
            "{} differs",
            one.display()
        );
    }
}

#[test]
fn lintian_finds_nothing_in_the_debs() {
    let found = run(Command::new("lintian")
        .args(["--fail-on", "error,warning", "--allow-root"])
        .args(&packages().debs));
    assert!(
        !found.contains(": E: ") && !found.contains("E: "),
        "{found}"
    );
}

#[test]
fn rpmlint_finds_nothing_in_the_rpms() {
    let found = run(Command::new("rpmlint")
        .arg("--config")
        .arg(root().join("packaging/rpm/rpmlint.toml"))
        .args(&packages().rpms));
    assert!(found.contains("0 errors, 0 warnings"), "{found}");
}

#[test]
fn what_an_administrator_may_edit_is_known_as_configuration() {
    let of_a_deb = |deb| run(Command::new("dpkg-deb").arg("-I").arg(deb).arg("conffiles"));
    let of_an_rpm = |rpm| {
        let mut files: Vec<_> = run(Command::new("rpm").args(["-qp", "--configfiles"]).arg(rpm))
            .lines()
            .map(|line| format!("{line}\n"))
            .collect();
        files.sort();
        files.concat()
    };
    let Made { debs, rpms } = packages();
    let edited = "/etc/sriov.d/00-example.toml\n/etc/sriovd.toml\n";
    assert_eq!(of_a_deb(&debs[0]), edited);
    assert_eq!(of_an_rpm(&rpms[0]), edited);
    // Each where these distributions have options of services.
    assert_eq!(of_a_deb(&debs[1]), "/etc/default/sriovd-kube\n");
    assert_eq!(of_an_rpm(&rpms[1]), "/etc/sysconfig/sriovd-kube\n");
}

/// Who installs it has not joined a cluster yet: no unit is enabled or started.
#[test]
fn the_units_of_a_cluster_are_left_to_the_administrator() {
    let Made { debs, rpms } = packages();
    let script = run(Command::new("dpkg-deb")
        .arg("-I")
        .arg(&debs[1])
        .arg("postinst"));
    // What debhelper says of units that are enabled by nobody but the administrator.
    for unit in ["sriovd-kube", "sriovd-kube-device-plugin"] {
        let line = format!("if deb-systemd-helper debian-installed '{unit}.service'; then");
        assert!(script.contains(&line), "{script}");
    }
    let scripts = run(Command::new("rpm").args(["-qp", "--scripts"]).arg(&rpms[1]));
    assert!(scripts.contains(
        "systemctl --no-reload preset sriovd-kube-device-plugin.service sriovd-kube.service"
    ));
    let preset = root().join("packaging/90-sriovd-kube.preset");
    assert!(
        fs::read_to_string(preset)
            .unwrap()
            .contains("\ndisable sriovd-kube*.service\n")
    );
}

/// Before it has directories of its own and is started.
#[test]
fn the_deb_makes_the_user_first() {
    for deb in &packages().debs {
        let script = run(Command::new("dpkg-deb").arg("-I").arg(deb).arg("postinst"));
        let at = |text: &str| script.find(text).expect(text);
        assert!(at("systemd-sysusers") < at("systemd-tmpfiles"), "{script}");
        assert!(
            at("systemd-tmpfiles") < at("deb-systemd-invoke"),
            "{script}"
        );
    }
}

/// RHEL 9, Ubuntu 22.04 and Debian 12 have these or newer ones.
#[test]
fn the_packages_are_for_systems_with_glibc_2_34() {
    let Made { debs, rpms } = packages();
    let of_a_deb = |deb| run(Command::new("dpkg-deb").arg("-f").arg(deb).arg("Depends"));
    let needs = of_a_deb(&debs[0]);
    for library in ["libc6 (>= 2.34)", "libudev1 (>= 183)"] {
        assert!(needs.contains(library), "{needs}");
    }
    let needs = of_a_deb(&debs[1]);
    for package in ["libc6 (>= 2.34)", "sriovd (= "] {
        assert!(needs.contains(package), "{needs}");
    }
    for rpm in rpms {
        let needs = run(Command::new("rpm").args(["-qp", "--requires"]).arg(rpm));
        let newest = needs
            .lines()
            .filter_map(|it| it.strip_prefix("libc.so.6(GLIBC_2."));
        let newest = newest.map(|it| it.split([')', '.']).next().unwrap().parse::<u32>().unwrap());
        assert_eq!(newest.max(), Some(34), "{needs}");
    }
}

#[test]
fn a_binary_for_newer_systems_is_not_packaged() {
    let target = tempfile::tempdir().unwrap();
    let source = target.path().join("new.c");
    fs::write(
        &source,
        "#include <stdlib.h>\nint main(void) { return arc4random(); }\n",
    )
    .unwrap();
    let mut compiler = Command::new("gcc");
    run(compiler
        .arg("-o")
        .arg(target.path().join("sriovd"))
        .arg(source));
    let output = packaging("build", &["deb"])
        .env("CARGO_TARGET_DIR", target.path())
        .env("SRIOVD_BINARIES", target.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert!(
        said.contains("sriovd needs GLIBC_2.36, later than 2.34"),
        "{said}"
    );
}

#[test]
fn every_program_is_installed() {
    let script = fs::read_to_string(root().join("packaging/install")).unwrap();
    for name in sriovd_tests::programs() {
        let line =
            |line: &str| line.starts_with("program usr/") && line.ends_with(&format!(" {name}"));
        assert!(script.lines().any(line), "{name}");
    }
}

#[test]
fn every_schema_is_installed_and_the_dashboard() {
    let tree = tempfile::tempdir().unwrap();
    run(&mut packaging("install", &[tree.path().to_str().unwrap()]));
    let place = tree.path().join("usr/share/sriovd");
    let dashboard = fs::read(place.join("grafana.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&dashboard).unwrap()["uid"],
        "sriovd"
    );
    let installed = files_of(&place.join("schemas"));
    let sriovctl = || Command::new(binaries().join("sriovctl"));
    // It says so to whoever asks for another.
    let refused = sriovctl().args(["schema", "nonsense"]).output().unwrap();
    let known = text(&refused);
    let known = known.split("possible values: ").nth(1).expect(&known);
    let known = known.split(']').next().unwrap().split(", ");
    assert_eq!(known.clone().count(), installed.len());
    for document in known {
        let schema = fs::read_to_string(place.join(format!("schemas/{document}.json"))).unwrap();
        assert_eq!(schema, run(sriovctl().args(["schema", document])));
    }
}

#[test]
fn an_edited_file_stays_where_there_is_no_package_manager() {
    let tree = tempfile::tempdir().unwrap();
    let install = || run(&mut packaging("install", &[tree.path().to_str().unwrap()]));
    install();
    let settings = tree.path().join("etc/sriovd.toml");
    assert!(fs::read_to_string(&settings).unwrap().contains("[outputs]"));
    fs::write(&settings, "log_level = \"debug\"\n").unwrap();
    install();
    assert_eq!(
        fs::read_to_string(&settings).unwrap(),
        "log_level = \"debug\"\n"
    );
}

#[test]
fn completions_load_in_every_shell() {
    let tree = tempfile::tempdir().unwrap();
    run(&mut packaging("install", &[tree.path().to_str().unwrap()]));
    let path = format!(
        "{}:{}",
        binaries().display(),
        std::env::var("PATH").unwrap()
    );
    for (shell, script) in [
        (
            "bash",
            "source usr/share/bash-completion/completions/sriovctl && complete -p sriovctl",
        ),
        (
            "zsh",
            "fpath=($PWD/usr/share/zsh/vendor-completions $fpath)
             autoload -Uz compinit && compinit -u -D && echo $_comps[sriovctl] && whence -v _sriovctl",
        ),
        (
            "fish",
            "source usr/share/fish/vendor_completions.d/sriovctl.fish; complete -C 'sriovctl sta'",
        ),
    ] {
        let mut command = Command::new(shell);
        command.args(["-c", script]).current_dir(tree.path());
        let said = run(command.env("PATH", &path).env("HOME", tree.path()));
        let expected = match shell {
            "fish" => "status",
            _ => "sriovctl",
        };
        assert!(said.contains(expected), "{shell}: {said}");
    }
}

#[test]
fn the_bill_of_materials_names_crates_of_the_lock_file_with_their_checksums() {
    let bill: Value = serde_json::from_str(&run(&mut packaging("bill", &["sbom"]))).unwrap();
    assert_eq!(bill["metadata"]["component"]["name"], "sriovd");
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let crates: Vec<_> = lock.split("[[package]]\n").collect();
    let components = bill["components"].as_array().unwrap();
    assert!(components.len() > 50);
    for component in components {
        let field = |name: &str| component[name].as_str().unwrap().to_owned();
        let locked = format!(
            "name = \"{}\"\nversion = \"{}\"\n",
            field("name"),
            field("version")
        );
        let locked = crates.iter().find(|it| it.starts_with(&locked)).unwrap();
        let checksum = component["hashes"][0]["content"].as_str().unwrap();
        assert!(locked.contains(&format!("checksum = \"{checksum}\"")));
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{component}"
        );
    }
    let names = |it: &&Value, name: &str| it["name"] == name;
    assert!(components.iter().any(|it| names(&it, "tokio")));
    // Runs at build time, tests it, or is for other systems.
    for name in ["serde_derive", "proptest", "windows-sys"] {
        assert!(!components.iter().any(|it| names(&it, name)), "{name}");
    }
    let root = bill["dependencies"].as_array().unwrap().iter();
    let root = root.filter(|it| it["ref"].as_str().unwrap().starts_with("pkg:cargo/sriovd@"));
    assert!(
        root.flat_map(|it| it["dependsOn"].as_array().unwrap())
            .count()
            > 10
    );
}

#[test]
fn the_notices_have_the_licence_of_every_crate() {
    let notices = run(&mut packaging("bill", &["notices"]));
    assert!(notices.contains("\naxum 0"));
    assert!(notices.contains("Permission is hereby granted, free of charge"));
    let texts: Vec<_> = notices.split(&"=".repeat(80)).collect();
    let list = texts[0].lines().filter(|line| line.contains("https://"));
    let list: Vec<_> = list.skip(1).collect();
    assert!(list.len() > 50);
    let headings: String = texts[1..]
        .iter()
        .filter_map(|it| it.split("\n\n").nth(1))
        .collect();
    let without = list.iter().filter(|line| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        !headings
            .replace('\n', "")
            .contains(&format!("{name} {version}"))
    });
    let without: Vec<_> = without.collect();
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn manual_pages_render_without_warnings() {
    for page in files_of(&root().join("packaging/man")) {
        let mut man = Command::new("man");
        man.args([
            "--warnings",
            "--local-file",
            "--troff-device=utf8",
            "--ditroff",
        ])
        .arg(&page)
        .env("LC_ALL", "C.UTF-8");
        let output = man.output().unwrap();
        assert!(output.status.success(), "{}", page.display());
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "",
            "{}",
            page.display()
        );
        run(Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&page));
    }
}
