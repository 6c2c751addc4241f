//! What a plan for one PF depends on.

use super::blocked::Blocked;
use super::owned::OwnedPf;
use crate::model::{PfSnapshot, TakenAddresses};
use crate::policy::resolve::Resolution;
use crate::report::Pause;

/// Everything that a plan for one PF depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What the policies want.
    pub resolution: &'a Resolution,
    /// The PF as the last look found it.
    pub pf: &'a PfSnapshot,
    /// What sriovd has set on it and may undo; `None`: nothing.
    pub owned: Option<&'a OwnedPf>,
    /// The addresses of the other PFs and their VFs.
    pub others: Others<'a>,
    /// Steps that failed and are not tried again as things are.
    pub blocked: &'a Blocked,
    /// The administrator's word that VFs in use may be taken away.
    pub force: bool,
    /// Nothing is to be done now.
    pub paused: Option<&'a Pause>,
    /// The PF's driver has had time enough to make an interface.
    pub interface_is_overdue: bool,
}

/// Where the addresses of other PFs and their VFs are known from.
#[derive(Debug, Clone, Copy)]
pub enum Others<'a> {
    /// From passes over those PFs: enough to say why a VF goes without its address.
    Known(&'a TakenAddresses),
    /// From a look at them just now: enough to give it one.
    Seen(&'a TakenAddresses),
}
