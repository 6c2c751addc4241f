//! vf-operator's README, with curl, on a real NIC: the bridge and the agent, each in its unit.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

const PF: &str = "0000:01:00.0";
const SETTINGS: &str = "[vf_operator]\nenabled = true\n";
const BRIDGE: &str = "sriovd-vf-operator.service";
/// It is started after the agent, which does not wait for it.
fn is_up(host: &Host) -> Result<()> {
    host.wait(&format!("systemctl --quiet is-active {BRIDGE}"))
}

fn get(host: &Host, path: &str) -> Result<Value> {
    let text = host.run(&format!(
        "curl -sS -X 'GET' 'http://localhost:15001/api/v1/{path}' -H 'accept: application/json'"
    ))?;
    Ok(serde_json::from_str(&text)?)
}

/// The status, and what came with it.
fn post(host: &Host, path: &str, body: &Value) -> Result<(String, Value)> {
    post_by(host, "curl", "localhost:15001", path, body)
}

/// By another way to call curl.
fn post_by(
    host: &Host,
    curl: &str,
    server: &str,
    path: &str,
    body: &Value,
) -> Result<(String, Value)> {
    host.put(body.to_string(), "/tmp/body", 0o644)?;
    let text = host.run_for(
        &format!(
            "{curl} -sS -w '\\n%{{http_code}}' -X 'POST' 'http://{server}/api/v1/config/{path}' \
             -H 'accept: application/json' -H 'Content-Type: application/json' -d @/tmp/body"
        ),
        PATIENCE,
    )?;
    let (answer, status) = text.rsplit_once('\n').unwrap_or_default();
    Ok((status.to_owned(), serde_json::from_str(answer)?))
}

#[test]
fn the_readme_of_vf_operator_does_what_it_says() -> Result<()> {
    let host = Host::installed()?;
    // Off, as it is shipped, it does not run, and nobody calls that a failure.
    host.start()?;
    host.wait(&format!(
        "[ $(systemctl show -P Result {BRIDGE}) = exec-condition ]"
    ))?;
    host.run(
        "! systemctl --quiet is-failed sriovd-vf-operator && ! ss -Hltn | grep -E ':(15001|5001) '",
    )?;
    host.put(SETTINGS, "/etc/sriovd.toml", 0o644)?;
    host.run_for("systemctl restart sriovd", PATIENCE)?;
    is_up(&host)?;
    host.run("journalctl -u sriovd -o cat | grep -F 'sriovd-vf-operator.service serves the API'")?;
    let nic = host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;

    let config = json!({
        "name": "eth3-vfs",
        "mtu": 1500,
        "needVhostNet": false,
        "numVfs": 4,
        "nicSelector": {"drivers": ["igb"], "pfNames": ["enp1s0"]},
        "deviceType": "netdevice",
    });
    let (status, made) = post(&host, "resources", &config)?;
    assert_eq!(status, "200", "{made:#}");
    assert_eq!(made["spec"]["devices"], json!([PF]));
    assert_eq!(host.num_vfs(&nic)?, 4);
    let configs = get(&host, "config/resources")?;
    let configured = &configs["resourceConfigs"][0];
    assert_eq!(
        configured["nicSelector"]["pfNames"],
        json!(["enp1s0"]),
        "{configs:#}"
    );
    assert_eq!(configured["numVfs"], 4);
    let resources = get(&host, "resources")?;
    let pf = &resources["resources"][0]["status"][0];
    assert_eq!(
        (&pf["name"], &pf["numVfs"]),
        (&json!("enp1s0"), &json!(4)),
        "{resources:#}"
    );
    assert_eq!(pf["vfs"][0]["driver"], "igbvf", "{resources:#}");
    assert_eq!(pf["vfs"][0]["device"], json!(nic.vf_pci(0)));

    let attachment = json!({
        "name": "f1-u",
        "resourceName": "eth3-vfs",
        "config": {"cniVersion": "1.0.0", "plugins": [{"type": "sriov"}]},
    });
    assert_eq!(
        post(&host, "networkattachments", &attachment)?,
        ("200".to_owned(), json!({}))
    );
    let attachments = get(&host, "networkattachments")?;
    let f1_u = &attachments["networkattachments"][0];
    let device = &f1_u["config"]["plugins"][0]["deviceID"];
    assert_eq!(
        (&f1_u["name"], device),
        (&json!("f1-u"), &json!(nic.vf_pci(0))),
        "{attachments:#}"
    );
    let conflist = host.json("/etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    assert_eq!(&conflist["plugins"][0]["deviceID"], device);

    // They are ordinary policies of a source, and they stay.
    let policies =
        host.run("curl -sS --unix-socket /run/sriovd/sriovd.sock http://sriovd/v1/policies")?;
    let policies: Value = serde_json::from_str(&policies)?;
    assert_eq!(
        policies[0]["source"]["source"], "vf-operator",
        "{policies:#}"
    );
    host.run(
        "sriovctl check && sriovctl sources show vf-operator | grep 'policy *eth3-vfs *in force'",
    )?;
    host.run_for("systemctl restart sriovd", PATIENCE)?;
    is_up(&host)?;
    assert_eq!(get(&host, "networkattachments")?, attachments);
    let again = post(&host, "resources", &config)?;
    let exists =
        json!({"code": 6, "message": "resource id=eth3-vfs already exists", "details": []});
    assert_eq!(again, ("409".to_owned(), exists));
    host.assert_second_pass_is_empty()?;

    let delete = "curl -sS -X DELETE http://localhost:15001/api/v1/config";
    assert_eq!(
        host.run(&format!("{delete}/networkattachments/f1-u"))?,
        "{}"
    );
    assert_eq!(
        host.run_for(&format!("{delete}/resources/eth3-vfs"), PATIENCE)?,
        "{}"
    );
    assert_eq!(host.num_vfs(&nic)?, 0);
    host.wait("! test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    host.assert_second_pass_is_empty()
}

const REST: &str = "/run/sriovd/vf-operator-rest.sock";
const GRPC: &str = "/run/sriovd/vf-operator-grpc.sock";
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";

fn resource(name: &str, num_vfs: u16) -> Value {
    json!({"name": name, "numVfs": num_vfs, "nicSelector": {"pfNames": ["enp1s0"]}})
}

#[test]
fn on_sockets_admins_post_and_what_is_in_use_or_not_there_yet_is_minded() -> Result<()> {
    let host = Host::installed()?;
    let settings = format!(
        "[api]\nadmin_group = \"netadmin\"\n\
         [vf_operator]\nenabled = true\nrest = \"{REST}\"\ngrpc = \"{GRPC}\"\n"
    );
    host.put(settings, "/etc/sriovd.toml", 0o644)?;
    host.run(
        "ip netns add blue; groupadd netadmin
         useradd -G sriovd reader; useradd -G sriovd,netadmin admin; useradd stranger",
    )?;
    // What an earlier version kept is taken over, and is the older one.
    host.run("install -d -o sriovd -g sriovd -m 750 /var/lib/sriovd && install -d -o sriovd -g sriovd /var/lib/sriovd/vf-operator.d")?;
    let before = "[[policy]]\nname = \"before\"\nresource = \"before\"\nnum_vfs = 1\nmatch.pf_name = [\"enp9s0\"]\n";
    let file = "/var/lib/sriovd/vf-operator.d/resource.0000000001.before.toml";
    host.put(before, file, 0o600)?;
    host.run(&format!("chown sriovd: {file}"))?;
    // The units as they are shipped.
    host.start()?;
    is_up(&host)?;
    host.run(&format!("test -e {file}.taken-over && ! test -e {file}"))?;
    let curl = |user: &str| {
        let user = format!("setpriv --reuid {user} --regid {user} --init-groups");
        format!("{user} curl --unix-socket {REST}")
    };
    let post = |path: &str, body: &Value| post_by(&host, &curl("admin"), "sriovd", path, body);
    let get = |path: &str| -> Result<Value> {
        let text = host.run(&format!(
            "{} -sS http://sriovd/api/v1/{path}",
            curl("reader")
        ))?;
        Ok(serde_json::from_str(&text)?)
    };

    assert_eq!(
        get("config/resources")?["resourceConfigs"][0]["name"],
        "before"
    );
    // It runs with the least: no capability, and no way to the agent's memory.
    let pid = host.run(&format!("systemctl show -P MainPID {BRIDGE}"))?;
    let pid = pid.trim();
    host.run(&format!(
        "grep -x 'CapEff:.0000000000000000' /proc/{pid}/status && ! nsenter -m -t {pid} ls /var/lib/sriovd/sources.d
         [ $(stat -c %U /proc/{pid}) = sriovd ]"
    ))?;

    // The NIC comes later.
    let (status, made) = post("resources", &resource("first", 2))?;
    assert_eq!(
        (status.as_str(), &made["status"]),
        ("200", &json!([])),
        "{made:#}"
    );
    let plugin = json!({"type": "sriov", "vlan": 5, "max_tx_rate": 0});
    let attachment = json!({
        "name": "f1-u",
        "resourceName": "first",
        "config": {"cniVersion": "1.0.0", "plugins": [plugin]},
    });
    let refused = post_by(
        &host,
        &curl("reader"),
        "sriovd",
        "networkattachments",
        &attachment,
    )?;
    let message = "may read; changing is for root and the group netadmin";
    ensure!(
        refused.0 == "403"
            && refused.1["message"]
                .as_str()
                .is_some_and(|it| it.ends_with(message)),
        "{refused:?}"
    );
    let turned_away = host.try_run(&format!("{} -sS http://sriovd/", curl("stranger")))?;
    ensure!(turned_away.status == 7, "{turned_away}");
    let (status, answer) = post("networkattachments", &attachment)?;
    ensure!(status == "200", "{answer}");
    let answered = || Ok::<_, anyhow::Error>(get("networkattachments/f1-u")?["config"].clone());
    assert_eq!(answered()?["plugins"], json!([plugin]));
    let nic = host.plug_and_wait(Nic::igb(0), PF, 2)?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    let device = nic.vf_pci(0);
    let with_device = json!([{"type": "sriov", "vlan": 5, "max_tx_rate": 0, "deviceID": device}]);
    assert_eq!(answered()?["plugins"], with_device);
    assert_eq!(host.json(CONFLIST)?["plugins"], with_device);

    // What the host refuses leaves everything as it is.
    let before = host.run(&format!("stat -c '%i %y' {CONFLIST}"))?;
    let vf = nic.vf_netdev(1);
    host.run(&format!("ip link set {vf} netns blue"))?;
    let (status, refusal) = post("resources", &resource("second", 3))?;
    let why = refusal["message"].as_str().unwrap_or_default();
    ensure!(
        status == "400" && why.contains("blue"),
        "{status} {refusal:#}"
    );
    assert_eq!(host.run(&format!("stat -c '%i %y' {CONFLIST}"))?, before);
    host.wait_for(PF, "ready", 2)?;
    host.run("sriovctl check && ! grep -r second /var/lib/sriovd/sources.d")?;

    // The VFs stay, for one is in use, and none of them is the attachment's any more.
    let delete = format!(
        "{} -sS -X DELETE http://sriovd/api/v1/config",
        curl("admin")
    );
    assert_eq!(
        host.run_for(&format!("{delete}/resources/first"), PATIENCE)?,
        "{}"
    );
    assert_eq!(host.num_vfs(&nic)?, 2);
    assert_eq!(answered()?["plugins"], json!([plugin]));
    host.wait(&format!("! test -e {CONFLIST}"))?;
    host.run(&format!("ip -n blue link set {vf} netns 1"))?;
    host.wait_for(PF, "unmanaged", 0)?;

    // Without descriptors nobody new is served, and nothing ends.
    let process = host.run("systemctl show -P MainPID sriovd-vf-operator")?;
    host.run(&format!(
        "process=$(systemctl show -P MainPID sriovd-vf-operator)
         prlimit --pid $process --nofile=$(ls /proc/$process/fd | wc -l):
         timeout 3 curl -sS --unix-socket {GRPC} http://sriovd/ || true
         prlimit --pid $process --nofile=1024:"
    ))?;
    let (status, made) = post("resources", &resource("third", 1))?;
    ensure!(status == "200", "{made:#}");
    assert_eq!(
        host.run("systemctl show -P MainPID sriovd-vf-operator")?,
        process
    );
    // While the agent is away its clients are told, and nothing ends.
    host.run_for(
        "systemctl stop --job-mode=ignore-dependencies sriovd",
        PATIENCE,
    )?;
    let (status, away) = post("resources", &resource("fourth", 1))?;
    let why = away["message"].as_str().unwrap_or_default();
    ensure!(
        status == "503" && why.starts_with("sriovd is not running"),
        "{status} {away:#}"
    );
    host.start()?;
    host.run(&format!(
        "curl -sS --max-time 20 --http2-prior-knowledge -o /dev/null --unix-socket {GRPC} http://sriovd/"
    ))?;
    host.assert_second_pass_is_empty()
}

/// As docs/api.md says.
const UNIT: &str = "\
[Service]
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressAllow=localhost
";

/// The agent's own API over TCP.
#[test]
fn the_lines_for_tcp_open_the_agents_own_api_to_readers() -> Result<()> {
    let host = Host::installed()?;
    host.put(
        "[api]\nlisten = \"127.0.0.1:8080\"\n",
        "/etc/sriovd.toml",
        0o644,
    )?;
    host.put(UNIT, "/etc/systemd/system/sriovd.service.d/tcp.conf", 0o644)?;
    host.run("systemctl daemon-reload")?;
    host.start()?;
    host.run("curl -sS --fail http://localhost:8080/v1/status | grep summary")?;
    let put =
        "curl -sS -o /dev/null -w '%{http_code}' -X PUT -d '{}' http://localhost:8080/v1/sources/x";
    assert_eq!(host.run(put)?, "403");
    Ok(())
}
