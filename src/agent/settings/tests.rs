//! Settings, and the shipped file that shows their defaults.

use super::{Listen, LogLevel, Place, Settings};
use crate::load::Trust;
use std::path::Path;
use std::time::Duration;

const SHIPPED: &str = include_str!("../../../conf/sriovd.toml");

fn parse(text: &str) -> Settings {
    let parsed = Settings::parse(Path::new("/etc/sriovd.toml"), text);
    let (settings, warnings) = parsed.unwrap_or_else(|found| panic!("{}", found[0]));
    assert!(warnings.is_empty());
    settings
}

fn faults(text: &str) -> Vec<String> {
    let found = Settings::parse(Path::new("f"), text).unwrap_err();
    found.iter().map(|d| d.one_line()).collect()
}

/// The shipped file with those settings active that `wanted` says.
fn shipped(wanted: impl Fn(usize) -> bool) -> (String, usize) {
    let mut settings = 0;
    let mut text = String::new();
    for line in SHIPPED.lines() {
        // Prose has a space behind its sign, settings have none.
        let setting = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(char::is_alphabetic));
        let active = setting.filter(|_| wanted(settings)).unwrap_or(line);
        settings += usize::from(setting.is_some());
        text += &format!("{active}\n");
    }
    (text, settings)
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    let default = Settings::default();
    assert_eq!(parse(""), default);
    assert_eq!(parse(SHIPPED), default);
    let (all, count) = shipped(|_| true);
    assert_eq!(parse(&all), default);
    for only in 0..count {
        assert_eq!(parse(&shipped(|at| at == only).0), default);
    }
}

#[test]
fn the_shipped_file_shows_every_setting() {
    let (all, _) = shipped(|_| true);
    for table in ["", "outputs", "node", "limits", "api", "vf_operator"] {
        let (header, found) = match table {
            "" => (String::new(), Settings::parse(Path::new("f"), "zzzzzz = 1")),
            _ => (
                format!("[{table}]\n"),
                Settings::parse(Path::new("f"), &format!("{table}.zzzzzz = 1")),
            ),
        };
        let expected = found.unwrap_err()[0].expected.clone().unwrap();
        let start = all.find(&header).unwrap() + header.len();
        let section = all[start..].split("\n[").next().unwrap();
        for key in expected.trim_start_matches("one of ").split(", ") {
            let shown =
                section.contains(&format!("\n{key} = ")) || all.contains(&format!("[{key}]\n"));
            assert!(shown, "{key} of [{table}] is not in the shipped file");
        }
    }
}

#[test]
fn everything_can_be_set() {
    let settings = parse(
        r#"
policy_dirs = "/p"
state_dir = "/s"
log_level = "debug"
[outputs]
cni = false
cni_dir = "/c"
device_plugin = false
device_plugin_file = "/d"
device_plugin_unit = "sriov-device-plugin.service"
node_state = false
node_state_file = "/n"
[node]
labels = { rack = "12" }
hostname = "worker-1"
[limits]
step_deadline = 1
numvfs_deadline = 2
start_deadline = 3
receive_buffer = 0x1000
[api]
socket = "/a"
admin_group = "netadmin"
listen = "127.0.0.1:8080"
[vf_operator]
enabled = true
rest = "/r"
grpc = "/g"
"#,
    );
    assert_eq!(settings.policy_dirs, [Path::new("/p")]);
    assert_eq!(settings.state_dir, Path::new("/s"));
    assert_eq!(settings.log_level, LogLevel::Debug);
    let outputs = &settings.outputs;
    assert!(!outputs.cni && !outputs.device_plugin && !outputs.node_state);
    assert_eq!(outputs.cni_dir, Path::new("/c"));
    assert_eq!(outputs.device_plugin_file, Path::new("/d"));
    assert_eq!(
        outputs.device_plugin_unit.as_deref(),
        Some("sriov-device-plugin.service")
    );
    assert_eq!(outputs.node_state_file, Path::new("/n"));
    assert_eq!(settings.node.labels["rack"], "12");
    assert_eq!(settings.node.hostname.as_deref(), Some("worker-1"));
    let limits = &settings.limits;
    let seconds = [
        limits.step_deadline,
        limits.numvfs_deadline,
        limits.start_deadline,
    ];
    assert_eq!(seconds, [1, 2, 3].map(Duration::from_secs));
    assert_eq!(limits.receive_buffer, 4096);
    assert_eq!(settings.api.socket, Path::new("/a"));
    let address = "127.0.0.1:8080".parse().unwrap();
    assert_eq!(settings.api.listen, Some(Listen::Local(address)));
    let vf_operator = &settings.vf_operator;
    assert!(vf_operator.enabled);
    assert_eq!(vf_operator.rest, Place::Socket("/r".into()));
    assert_eq!(vf_operator.grpc, Place::Socket("/g".into()));
    assert_eq!(settings.api.admin_group.as_deref(), Some("netadmin"));
}

#[test]
fn an_api_that_lets_every_user_change_vfs_is_told_where_it_is_switched_on() {
    let found = |text: &str| {
        let parsed = Settings::parse(Path::new("f"), text);
        let (settings, warnings) = parsed.unwrap();
        let warnings = warnings.iter().map(|warning| warning.one_line());
        (settings.vf_operator, warnings.collect::<Vec<_>>())
    };
    let (default, _) = found("");
    let (open, warnings) = found("[vf_operator]\nenabled = true");
    assert_eq!((&open.rest, &open.grpc), (&default.rest, &default.grpc));
    let told = "f:2:11: every user of this host may change VFs through this API; give \"rest\" and \
                \"grpc\" the path of a Unix socket each where that is not meant";
    assert_eq!(warnings, [told]);
    let (_, warnings) = found("[vf_operator]\nenabled = true\nrest = \"/r\"\ngrpc = \"[::1]:2\"");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for quiet in [
        "[vf_operator]\nenabled = false\nrest = \"127.0.0.2:1\"",
        "[vf_operator]\nenabled = true\nrest = \"/r\"\ngrpc = \"/g\"",
    ] {
        assert_eq!(found(quiet).1, [""; 0], "{quiet}");
    }
}

#[test]
fn other_hosts_come_with_certificates() {
    let settings = parse(
        r#"
[api]
listen = "0.0.0.0:8443"
tls_certificate = "/c"
tls_key = "/k"
tls_client_ca = "/a"
tls_admins = ["admin.example.org", "10.0.0.1"]
"#,
    );
    let Some(Listen::Tls(address, tls)) = settings.api.listen else {
        panic!("{:?}", settings.api.listen);
    };
    assert_eq!(address.to_string(), "0.0.0.0:8443");
    let files = [&tls.certificate, &tls.key, &tls.client_ca];
    assert_eq!(files, [Path::new("/c"), Path::new("/k"), Path::new("/a")]);
    let admins: Vec<_> = tls.admins.iter().map(|it| it.to_str()).collect();
    assert_eq!(admins, ["admin.example.org", "10.0.0.1"]);
    // On this host, too, where somebody asks for it.
    let local = parse(
        "api.listen = \"[::1]:1\"\napi.tls_certificate = \"/c\"\napi.tls_key = \"/k\"\napi.tls_client_ca = \"/a\"",
    );
    assert!(matches!(local.api.listen, Some(Listen::Tls(..))));
}

#[test]
fn what_is_wrong_is_told() {
    let path = "expected an absolute path without \"..\"";
    let tls = "expected files with tls_certificate, tls_key and tls_client_ca, or an address such as \"127.0.0.1:8080\" and none of them";
    for (text, expected) in [
        ("policy_dirs = []", "f:1:15: \"policy_dirs\" is an empty list; leave the key out, or name at least one".to_owned()),
        ("policy_dirs = [\"/a\", \"b\"]", format!("f:1:22: bad value for \"policy_dirs\": \"b\"; {path}")),
        ("state_dir = \"/var/../etc\"", format!("f:1:13: bad value for \"state_dir\": \"/var/../etc\"; {path}")),
        ("state_dir = \"/\"", format!("f:1:13: bad value for \"state_dir\": \"/\"; {path}")),
        ("log_level = \"warning\"", "f:1:13: bad value for \"log_level\": \"warning\"; did you mean \"warn\"?".to_owned()),
        ("[limits]\nstep_deadline = 0", "f:2:17: bad value for \"step_deadline\": 0; expected a number of seconds from 1 to 86400".to_owned()),
        ("[outputs]\ncni_plugin = \"siov\"", "f:2:14: bad value for \"cni_plugin\": \"siov\"; did you mean \"sriov\"?".to_owned()),
        ("[outputs]\npodman = \"yes\"", "f:2:10: bad value for \"podman\": \"yes\"; expected \"auto\", \"always\" or \"never\"".to_owned()),
        ("[outputs]\ncnj = true", "f:2:1: unknown key \"cnj\" in [outputs]; did you mean \"cni\"?".to_owned()),
        ("[outputs]\ndevice_plugin_unit = \"--now\"", "f:2:22: bad value for \"device_plugin_unit\": \"--now\"; expected the name of a systemd unit such as \"sriov-device-plugin.service\", or \"\" for none".to_owned()),
        ("[outputs]\nnode_state_file = \"/run/sriovd/pools.json\"", "f:2:19: the container plugins read the pools from this file; expected another path".to_owned()),
        ("[outputs]\nnode_state = false\ndevice_plugin_file = \"/run//sriovd/pools.json\"", "f:3:22: the container plugins read the pools from this file; expected another path".to_owned()),
        ("[outputs]\ndevice_plugin_file = \"/x\"\nnode_state_file = \"/x\"", "f:3:19: \"device_plugin_file\" is the same file; expected another path".to_owned()),
        ("outputs.node_state_file = \"/etc/pcidp/config.json\"", "f:1:27: \"device_plugin_file\" is the same file; expected another path".to_owned()),
        ("[node]\nhostname = \"a b\"", "f:2:12: bad value for \"hostname\": \"a b\"; expected a host name, or \"\" for the host's own".to_owned()),
        ("[vf_operator]\nrest = \"0.0.0.0:15001\"", "f:2:8: bad value for \"rest\": \"0.0.0.0:15001\"; expected an address of this host for itself with a port, such as \"127.0.0.1:15001\", or the path of a Unix socket".to_owned()),
        ("[vf_operator]\ngrpc = \"r.sock\"", "f:2:8: bad value for \"grpc\": \"r.sock\"; expected an address of this host for itself with a port, such as \"127.0.0.1:15001\", or the path of a Unix socket".to_owned()),
        ("[vf_operator]\nrest = \"/r\"\ngrpc = \"/r\"", "f:3:8: \"rest\" is in the same place; expected another address or path".to_owned()),
        ("[vf_operator]\nrest = \"/run/sriovd/sriovd.sock\"", "f:2:8: this is the agent's own socket; expected another path".to_owned()),
        ("[vf_operator]\ngrpc = \"/a\"\n[api]\nsocket = \"/a\"", "f:2:8: this is the agent's own socket; expected another path".to_owned()),
        ("[api]\nlisten = \"8080\"", "f:2:10: bad value for \"listen\": \"8080\"; expected an address with a port, such as \"127.0.0.1:8080\", or \"\" for none".to_owned()),
        ("[api]\nlisten = \"[::]:8443\"", format!("f:2:10: other hosts can reach this address, and there is no \"tls_certificate\"; {tls}")),
        ("[api]\nlisten = \"127.0.0.1:1\"\ntls_key = \"/k\"\ntls_certificate = \"/c\"", format!("f:2:10: TLS is asked for, and there is no \"tls_client_ca\"; {tls}")),
        ("[api]\nlisten = \"[::]:1\"\ntls_key = \"k\"\ntls_certificate = \"/c\"\ntls_client_ca = \"/a\"", format!("f:3:11: bad value for \"tls_key\": \"k\"; {path}")),
        ("[api]\ntls_admins = [\"a b\"]", "f:2:15: bad value for \"tls_admins\": \"a b\"; expected a name as certificates have them, such as \"admin.example.org\", or \"\"".to_owned()),
        ("[api]\nstate_dir = \"/x\"", "f:2:1: unknown key \"state_dir\" in [api]; \"state_dir\" must stand above the header of this table".to_owned()),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn no_setting_needs_the_node_state() {
    for text in [
        "cni_plugin = \"sriovd-cni\"",
        "podman = \"always\"",
        "device_plugin_file = \"/run/sriovd/state.json\"",
    ] {
        let outputs = parse(&format!("[outputs]\nnode_state = false\n{text}")).outputs;
        assert!(!outputs.node_state, "{text}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "here files are read")]
fn the_file_is_under_the_root() {
    let root = tempfile::tempdir().unwrap();
    let load = || Settings::load(root.path(), Trust::Enforce);
    assert_eq!(load().unwrap().0, Settings::default());
    let file = root.path().join("etc/sriovd.toml");
    std::fs::create_dir(root.path().join("etc")).unwrap();
    std::fs::write(&file, "state_dir = \"/x\"\n").unwrap();
    let trusted = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&file, trusted).unwrap();
    assert_eq!(load().unwrap().0.state_dir, Path::new("/x"));
    std::fs::write(&file, "state = \"/x\"\n").unwrap();
    assert_eq!(load().unwrap_err().into_diagnostics()[0].file, file);
}
