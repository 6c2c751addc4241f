//! The database of Open vSwitch, over JSON-RPC on its Unix socket (RFC 7047).
//!
//! What there is, and the transactions that change it, are `sriovd_core::model::bridge`'s affair.

mod client;
pub mod frame;
#[cfg(test)]
mod tests;

use crate::sysfs::Tree;
pub use client::{Client, is_heartbeat};
use sriovd_core::host::HostError;
use sriovd_core::model::bridge::database::{self, Database};
use sriovd_core::model::bridge::transaction::{Rejection, Transaction};
use sriovd_core::model::bridge::{BridgeChange, OpenVswitch};
use sriovd_core::model::{InterfaceName, PciAddress};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where ovsdb-server listens.
pub const SOCKET: &str = "/run/openvswitch/db.sock";

/// For an answer of the database, which has all it knows in memory.
const ANSWER: Duration = Duration::from_secs(5);

/// For ovs-vswitchd to take up what the database says. With offloads its first bridge takes 1.5 to 6 seconds; what is
/// later shows in the next look.
const TAKEN_UP: Duration = Duration::from_secs(8);

/// The database behind one socket. Each question has a connection of its own.
#[derive(Debug, Clone)]
pub struct Ovsdb {
    socket: PathBuf,
}

impl Ovsdb {
    /// Behind this socket.
    pub fn at(socket: impl AsRef<Path>) -> Self {
        let socket = socket.as_ref().to_owned();
        Self { socket }
    }

    /// Behind the socket where ovsdb-server listens.
    pub fn of(tree: &Tree) -> Self {
        Self::at(tree.path(SOCKET))
    }

    /// All bridges, or why they cannot be told.
    pub fn look(&self) -> OpenVswitch {
        match self
            .read("reading the bridges of Open vSwitch")
            .map(|(_, it)| it.seen())
        {
            Ok(seen) => seen,
            Err(error) => OpenVswitch::silent(error.to_string()),
        }
    }

    /// Changes a bridge of a PF, or makes it. Returns when ovs-vswitchd has taken it up, or has had its time.
    ///
    /// # Errors
    /// Nothing is changed where it fails, but where the connection broke while the database was at work.
    pub fn set_bridge(&self, pf: PciAddress, change: &BridgeChange) -> Result<(), HostError> {
        let what = format!("changing bridge {} of Open vSwitch", change.name);
        self.change(&what, |database| Transaction::set(database, pf, change))
    }

    /// Removes a bridge of a PF with its ports.
    ///
    /// # Errors
    /// As `set_bridge`.
    pub fn remove_bridge(&self, pf: PciAddress, name: &InterfaceName) -> Result<(), HostError> {
        let what = format!("removing bridge {name} of Open vSwitch");
        self.change(&what, |database| {
            Transaction::remove(database, pf, name.as_str())
        })
    }

    fn read(&self, what: &str) -> Result<(Client, Database), HostError> {
        let mut client = Client::connect(&self.socket, what, ANSWER)?;
        let answers = client.transact(database::NAME, database::selects())?;
        let database = Database::read(&answers).map_err(|error| HostError::Unreadable {
            what: what.to_owned(),
            found: error.found,
        })?;
        Ok((client, database))
    }

    fn change(
        &self,
        what: &str,
        plan: impl FnOnce(&Database) -> Result<Transaction, Rejection>,
    ) -> Result<(), HostError> {
        let refused = |refusal| refused(what, refusal);
        let (mut client, database) = self.read(what)?;
        let transaction = plan(&database).map_err(refused)?;
        let answers = client.transact(database::NAME, transaction.operations.clone())?;
        let next = transaction.done(&answers).map_err(refused)?;
        client.await_taken_up(next, TAKEN_UP)
    }
}

fn refused(what: &str, refusal: Rejection) -> HostError {
    let what = what.to_owned();
    match refusal {
        Rejection::Overtaken { what } => HostError::Overtaken { what },
        // Of these the database says that they pass.
        Rejection::Refused { ref error, .. }
            if ["resources exhausted", "I/O error", "timed out"].contains(&error.as_str()) =>
        {
            let why = refusal.to_string();
            HostError::Silent { what, why }
        }
        refusal => {
            let why = refusal.to_string();
            HostError::Refused { what, why }
        }
    }
}
