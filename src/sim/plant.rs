//! Faults are planted before they happen.

use super::SimHost;
use super::fault::{Effect, Fault, Look};
use sriovd_core::model::{Action, Errno, PciAddress, PfStep, Step};
use std::sync::PoisonError;

impl SimHost {
    fn plant(&self, hits: impl Fn(&Action) -> bool + Send + 'static, times: u32, effect: Effect) {
        let hits = Box::new(hits);
        self.state().faults.push(Fault {
            hits,
            times,
            effect,
        });
    }

    /// The next `times` actions that `hits` picks fail with this error number and have no effect.
    pub fn fail_next(
        &self,
        hits: impl Fn(&Action) -> bool + Send + 'static,
        errno: Errno,
        times: u32,
    ) {
        self.plant(hits, times, Effect::Fail(errno));
    }

    /// The next `times` actions that `hits` picks have their effect and report this error number.
    pub fn do_and_fail(
        &self,
        hits: impl Fn(&Action) -> bool + Send + 'static,
        errno: Errno,
        times: u32,
    ) {
        self.plant(hits, times, Effect::DoAndFail(errno));
    }

    /// The next `times` actions that `hits` picks report success and have no effect.
    pub fn succeed_without_effect(
        &self,
        hits: impl Fn(&Action) -> bool + Send + 'static,
        times: u32,
    ) {
        self.plant(hits, times, Effect::Nothing);
    }

    /// The next time VFs are made there, only so many come and the kernel reports success.
    pub fn make_fewer_vfs(&self, pf: PciAddress, count: u16, times: u32) {
        let creates = move |action: &Action| {
            action.pf == pf
                && matches!(action.step, Step::Pf(PfStep::SetNumVfs { to, .. }) if to > count)
        };
        self.plant(creates, times, Effect::FewerVfs(count));
    }

    /// The PF is pulled while the next action that `hits` picks is at work.
    pub fn vanish_during(&self, hits: impl Fn(&Action) -> bool + Send + 'static) {
        self.plant(hits, 1, Effect::Vanish);
    }

    /// The call blocks until `release_hung`, and then does what it was asked for.
    pub fn hang(&self, hits: impl Fn(&Action) -> bool + Send + 'static) {
        self.plant(hits, 1, Effect::Hang);
    }

    /// Lets all calls that hang go on.
    pub fn release_hung(&self) {
        self.state().releases += 1;
        self.unhung.notify_all();
    }

    /// Blocks until so many calls hang.
    pub fn await_hung(&self, count: usize) {
        let hung = self
            .hanging
            .wait_while(self.state(), |state| state.hung < count);
        drop(hung.unwrap_or_else(PoisonError::into_inner));
    }

    /// Looking at this PF fails until `None` is given.
    pub fn blind(&self, pf: PciAddress, errno: Option<Errno>) {
        let mut state = self.state();
        match errno {
            Some(errno) => state.blind.insert(pf, errno),
            None => state.blind.remove(&pf),
        };
    }

    /// Which node this is cannot be read until `None` is given.
    pub fn hide_node(&self, errno: Option<Errno>) {
        self.state().hidden_node = errno;
    }

    /// Reading the records of this PF's allocated VFs fails until `None` is given: as if their file system did not answer
    /// where the error is TIMEDOUT.
    pub fn hide_records(&self, pf: PciAddress, errno: Option<Errno>) {
        let mut state = self.state();
        match errno {
            Some(errno) => state.hidden_records.insert(pf, errno),
            None => state.hidden_records.remove(&pf),
        };
    }

    /// Of the looks at this PF from now on, the one with this number fails, counted from 0. Without
    /// a PF: of the lists of PFs.
    pub fn fail_look(&self, pf: Option<PciAddress>, number: u32, errno: Errno) {
        self.state().looks.push(Look {
            pf,
            before: number,
            errno,
        });
    }

    /// Faults that have not struck yet do not strike any more.
    pub fn clear_faults(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.blind.clear();
        state.hidden_records.clear();
        state.hidden_node = None;
        state.open_vswitch.silent = None;
        state.looks.clear();
    }
}
