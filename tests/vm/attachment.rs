//! One container's attachment to a network of the CNI plugin, which is called as libcni calls it.

use crate::containers::RECORDS;
use crate::host::Host;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// One attachment: a container is a network namespace of its name.
pub(crate) struct Attachment<'a> {
    pub(crate) host: &'a Host,
    pub(crate) name: &'static str,
    pub(crate) conf: Value,
}

impl<'a> Attachment<'a> {
    pub(crate) fn new(host: &'a Host, name: &'static str, conf: Value) -> Result<Self> {
        host.run(&format!("ip netns add {name}"))?;
        Ok(Self { host, name, conf })
    }
}

impl Attachment<'_> {
    /// The plugin's exit status and what it printed.
    pub(crate) fn call(&self, command: &str, more: &Value) -> Result<(i32, Value)> {
        self.call_in(&format!("/run/netns/{}", self.name), command, more)
    }

    fn call_in(&self, namespace: &str, command: &str, more: &Value) -> Result<(i32, Value)> {
        let mut conf = self.conf.clone();
        if let (Some(conf), Some(more)) = (conf.as_object_mut(), more.as_object()) {
            conf.extend(more.clone());
        }
        let (name, plugin) = (self.name, conf["type"].as_str().context("no type")?);
        let file = format!("/run/{name}.json");
        self.host.put(conf.to_string(), &file, 0o644)?;
        let output = self.host.try_run(&format!(
            "CNI_COMMAND={command} CNI_CONTAINERID={name} CNI_NETNS={namespace} CNI_IFNAME=net1 \
             CNI_PATH=/usr/lib/cni /usr/lib/cni/{plugin} < {file}"
        ))?;
        let answer = serde_json::from_str(&output.stdout).unwrap_or_default();
        if output.status != 0 {
            ensure!(answer != Value::Null, "no error object: {output}");
        }
        Ok((output.status, answer))
    }

    pub(crate) fn add(&self) -> Result<Value> {
        let (status, answer) = self.call("ADD", &json!({}))?;
        ensure!(status == 0, "{answer:#}\n{}", self.host.journal()?);
        Ok(answer)
    }

    pub(crate) fn del(&self) -> Result<()> {
        let (status, answer) = self.call("DEL", &json!({}))?;
        ensure!(status == 0, "{answer:#}");
        Ok(())
    }

    /// As after a reboot, or when the container is gone already: no namespace is named.
    pub(crate) fn del_without_namespace(&self) -> Result<()> {
        let (status, answer) = self.call_in("", "DEL", &json!({}))?;
        ensure!(status == 0, "{answer:#}");
        Ok(())
    }

    /// The code and the sentence of the error that is expected.
    pub(crate) fn refused(&self, command: &str, more: &Value) -> Result<(u64, String)> {
        let (status, answer) = self.call(command, more)?;
        ensure!(status != 0, "{command} succeeded: {answer:#}");
        let message = answer["msg"].as_str().context("no msg")?;
        Ok((
            answer["code"].as_u64().context("no code")?,
            message.to_owned(),
        ))
    }
}

pub(crate) fn conf(version: &str) -> Value {
    json!({
        "cniVersion": version,
        "name": "f1-u",
        "type": "sriovd-cni",
        "pool": "intelnics",
        "vlan": 7,
        "spoofchk": "on",
        "ipam": {
            "type": "host-local",
            "subnet": "10.56.217.0/24",
            "routes": [{"dst": "192.0.2.0/24"}],
        },
    })
}

/// The configuration with other keys.
pub(crate) fn but(version: &str, more: &Value) -> Value {
    let mut conf = conf(version);
    if let (Some(conf), Some(more)) = (conf.as_object_mut(), more.as_object()) {
        conf.extend(more.clone());
    }
    conf
}

pub(crate) fn records(host: &Host) -> Result<String> {
    host.run(&format!(
        "cd {RECORDS} 2>/dev/null && ls -p | grep -v / || true"
    ))
}
