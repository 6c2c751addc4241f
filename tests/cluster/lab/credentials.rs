//! Who is who in a cluster: the API server's certificate, a token for each user, and kubeconfigs that hold both.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;

pub const CA: &str = "ca.pem";
pub const CERTIFICATE: &str = "api.pem";
pub const KEY: &str = "api-key.pem";
/// Signs the tokens of service accounts; and what they are checked with.
pub const SIGNING_KEY: &str = "service-accounts-key.pem";
pub const SIGNED_BY: &str = "service-accounts.pem";
pub const TOKENS: &str = "tokens.csv";

/// Where the API server is for who is in a guest: QEMU's gateway.
pub const FROM_GUESTS: &str = "10.0.2.2";

/// A user's token, which is no secret: the cluster is in a network of its own.
pub fn token(user: &str) -> String {
    format!("token-of-{}", user.replace(':', "-"))
}

/// Makes all of it, valid also for a guest whose clock stands in the past.
pub fn make(directory: &Path, users: &[(String, &str)]) -> Result<()> {
    let write = |name: &str, text: String| fs::write(directory.join(name), text);
    let key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "cluster");
    (ca.not_before, ca.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2060, 1, 1));
    write(CA, ca.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(ca, key);

    let key = KeyPair::generate()?;
    let names = [
        "127.0.0.1",
        FROM_GUESTS,
        "localhost",
        "kubernetes.default.svc",
    ];
    let mut server = CertificateParams::new(names.map(str::to_owned))?;
    (server.not_before, server.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2060, 1, 1));
    write(CERTIFICATE, server.signed_by(&key, &issuer)?.pem())?;
    write(KEY, key.serialize_pem())?;
    let key = KeyPair::generate()?;
    write(SIGNING_KEY, key.serialize_pem())?;
    write(SIGNED_BY, key.public_key_pem())?;

    let line =
        |(user, group): &(String, &str)| format!("{},{user},{user},\"{group}\"\n", token(user));
    write(TOKENS, users.iter().map(line).collect())?;
    Ok(())
}

/// A kubeconfig for who has the token, where the CA's certificate is in the named file. JSON is YAML.
pub fn kubeconfig(ca: &Path, token: &str, server: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{ "name": "lab", "cluster": { "server": server, "certificate-authority": ca } }],
        "users": [{ "name": "lab", "user": { "token": token } }],
        "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": "lab" } }],
    });
    config.to_string()
}
