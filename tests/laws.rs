//! The laws of the program, over random policies, hosts, events and faults.
//!
//! Passes come at random among what happens, not after it: to the agent that is as if the kernel's
//! events were late, lost, doubled or out of order, and a pass must be right whatever it finds.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "laws/addresses.rs"]
mod addresses;
#[path = "laws/bond.rs"]
mod bond;
#[path = "laws/check.rs"]
mod check;
#[path = "laws/crash.rs"]
mod crash;
#[path = "laws/files.rs"]
mod files;
#[path = "laws/generate.rs"]
mod generate;
#[path = "laws/identity.rs"]
mod identity;
#[path = "laws/listener.rs"]
mod listener;
#[path = "laws/outputs.rs"]
mod outputs;
#[path = "laws/promises.rs"]
mod promises;
#[path = "laws/run.rs"]
mod run;
#[path = "laws/sources.rs"]
mod sources;
#[path = "laws/updown.rs"]
mod updown;
#[path = "laws/versions.rs"]
mod versions;
#[path = "laws/world.rs"]
mod world;

use crash::Moments;
use outputs::Reader;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use run::Run;
use sriovd_core::host::Host as _;
use sriovd_core::model::{Node, PciAddress, PfSnapshot};
use sriovd_core::policy::resolve::{Resolution, resolve};
use sriovd_core::policy::{Policy, PolicySet};
use sriovd_core::reconcile::{End, Ledger as _, Outcome};
use sriovd_core::report::ProblemKind;
use world::{Event, World};

/// Few enough to run with every build; `PROPTEST_CASES` asks for more, `PROPTEST_RNG_SEED` for others.
fn bounded(cases: u32) -> ProptestConfig {
    let chosen = std::env::var_os("PROPTEST_CASES").map(|_| ProptestConfig::default().cases);
    ProptestConfig {
        cases: chosen.unwrap_or(cases),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/laws.proptest-regressions"
        )))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(bounded(600))]

    /// Once faults stop, what the policies want is so, or it is said why not; another pass does
    /// nothing; no VF in use is taken away; no PF is touched that was never named.
    #[test]
    fn an_agent_keeps_its_promises(world in generate::world(), events in generate::events(30)) {
        promises::check(&world, &events)?;
    }

    /// The same where one address is wanted for several functions: at no time do two have it that
    /// sriovd gave it.
    #[test]
    fn an_address_is_given_once(
        world in generate::world(),
        events in generate::events(30),
        addressing in addresses::addressing(),
    ) {
        let events: Vec<_> = events.into_iter().map(|event| addressing.event(event)).collect();
        promises::check(&addressing.world(world), &events)?;
    }

    /// Which VF gets an address that several are to have does not depend on the order in which passes
    /// over their PFs come when the agent starts.
    #[test]
    fn the_order_of_passes_gives_no_address(
        world in generate::world(),
        addressing in addresses::addressing(),
        turns in 0..world::SLOTS,
        is_reversed in any::<bool>(),
    ) {
        let world = addressing.world(world);
        let boot = |order| {
            let mut run = Run::new(&world);
            let pfs = run.agent.host.pfs().unwrap();
            pfs.iter().for_each(|&pf| run.agent.addresses.expect(pf));
            run.settle_in(order).expect("still at work after several passes");
            let macs = |pf: PfSnapshot| {
                let vfs = check::essence(pf).vfs.into_iter();
                vfs.map(|(vf, it)| (vf, it.settings.mac)).collect::<Vec<_>>()
            };
            let all = pfs.into_iter().map(|pf| run.agent.host.pf(pf).map(macs));
            check::no_address_was_given_twice(&run).map(|()| all.collect::<Vec<_>>())
        };
        let mut order = [0, 1, 2];
        order.rotate_left(turns);
        if is_reversed {
            order.reverse();
        }
        prop_assert_eq!(boot(order)?, boot([0, 1, 2])?);
    }

    /// Faults of one PF change nothing for another.
    #[test]
    fn failures_stay_with_their_pf(world in generate::world(), events in generate::events(30)) {
        let (broken, other) = (world::slot(0), world::slot(1));
        let (mut with, mut without) = (Run::new(&world), Run::new(&world));
        let of = |event: &Event, pf: PciAddress| event.pf() == Some(pf);
        for event in events.iter().filter(|event| !(event.is_fault() && of(event, other))) {
            with.happen(event);
            match event {
                Event::Crash(..) if of(event, broken) => without.happen(&Event::Restart),
                event if of(event, broken) => {}
                event => without.happen(event),
            }
        }
        let last = |run: &mut Run| (run.pass(other), run.agent.host.pf(other));
        let (one, two) = (last(&mut with), last(&mut without));
        let told = |outcome: Option<Outcome>| outcome.map(check::told);
        prop_assert_eq!(told(one.0), told(two.0));
        prop_assert_eq!(one.1.map(check::essence), two.1.map(check::essence));
    }
}

proptest! {
    #![proptest_config(bounded(100))]

    /// What other programs read names only VFs that are there and ready, each for one network, and
    /// a network keeps its VF.
    #[test]
    fn outputs_tell_of_what_is_ready(world in generate::world(), events in generate::events(30)) {
        let (mut run, mut reader) = (Run::new(&world), Reader::default());
        for event in &events {
            run.happen(event);
            if event.makes_a_pass() {
                reader.check(&run)?;
            }
        }
    }

    /// It ends where it would have, at whatever moment of a pass the agent dies.
    #[test]
    fn a_crash_leaves_no_trace(world in generate::world(), events in generate::events(12), slot in 0..3usize) {
        let pf = world::slot(slot);
        let before = || {
            let mut run = Run::new(&world);
            events.iter().filter(|event| !event.is_fault()).for_each(|event| run.happen(event));
            run.happen(&Event::Policies(1));
            // Who is still to come would never rest.
            run.happen(&Event::ModulesLate(false));
            run
        };
        let last = |mut run: Run| {
            run.agent.restart();
            let mut settled = run.settle().expect("still at work after several passes");
            check::nobody_lost_a_vf(&run).unwrap();
            let problems = settled.remove(&pf).map(check::told).unwrap_or_default();
            let is_refusal = |kind| matches!(kind, ProblemKind::InUse | ProblemKind::DisruptionForbidden);
            let refused = problems.iter().any(|(kind, ..)| is_refusal(*kind));
            // What is refused depends on what was done before.
            (!refused).then(|| run.agent.host.pf(pf).map(check::essence))
        };
        let moments = Moments::all();
        let mut undisturbed = before();
        undisturbed.watched_pass(pf, &moments);
        let expected = last(undisturbed);
        for moment in 0..=moments.seen() {
            let mut run = before();
            run.watched_pass(pf, &Moments::until(moment));
            let after = last(run);
            if after.is_some() && expected.is_some() {
                prop_assert_eq!(&after, &expected, "died at {} of {}", moment, moments.seen());
            }
        }
    }

    /// A PF that no policy names any more is up as it was before, unless it has been taken into use or
    /// has VFs left: at whatever moment of its reset the agent dies.
    #[test]
    fn a_pf_is_left_as_it_was_met(
        world in generate::world(),
        slot in 0..3usize,
        was_up in any::<bool>(),
        by in updown::uses(),
    ) {
        updown::check(&world, slot, was_up, by)?;
    }

    /// What a bond gives its ports is left to it.
    #[test]
    fn the_mtu_of_a_port_is_its_bond_s(
        world in generate::world(),
        events in generate::events(12),
        slot in 0..3usize,
        mtu in prop::sample::select(vec![1400u32, 1500, 9000]),
    ) {
        bond::check(&world, &events, slot, mtu.try_into().unwrap())?;
    }

    /// Whatever look of a pass fails: the PF is not gone, what is ours stays ours, and when looks
    /// succeed again all is as it would have been.
    #[test]
    fn what_cannot_be_read_has_not_changed(
        world in generate::world(),
        events in generate::events(12),
        slot in 0..3usize,
        number in 0..8u32,
        errno in generate::unread(),
    ) {
        let pf = world::slot(slot);
        let before = |turn| {
            let mut run = Run::new(&world);
            events.iter().filter(|event| !event.is_fault()).for_each(|event| run.happen(event));
            // Drivers that do not come are waited for without end.
            run.happen(&Event::ModulesLate(false));
            run.happen(&Event::Policies(turn));
            run
        };
        for turn in 0..2 {
            let mut disturbed = before(turn);
            if disturbed.agent.host.pf(pf).is_none() {
                return Ok(());
            }
            let owned = disturbed.agent.ledger.owned(pf);
            disturbed.agent.host.fail_look(Some(pf), number, errno);
            let outcome = disturbed.pass(pf);
            prop_assert!(outcome.is_some(), "the PF is gone");
            if let Some(End::Unobservable(_)) = outcome.map(|it| it.end)
                && number == 0
            {
                prop_assert_eq!(disturbed.agent.ledger.owned(pf), owned);
            }
            disturbed.agent.host.clear_faults();
            let mut undisturbed = before(turn);
            undisturbed.pass(pf);
            let last = |mut run: Run| {
                let mut settled = run.settle().expect("still at work after several passes");
                check::nobody_lost_a_vf(&run).unwrap();
                let problems = settled.remove(&pf).map(check::told).unwrap_or_default();
                (problems, run.agent.host.pf(pf).map(check::essence))
            };
            prop_assert_eq!(last(disturbed), last(undisturbed), "look {} failed", number);
        }
    }

    /// A host that changes under policies that nobody changes: nothing is taken away, nor done, and
    /// it is said which key does not match any more.
    #[test]
    fn a_change_of_the_host_takes_nothing_away(
        policy in identity::policy(),
        changes in identity::changes(),
    ) {
        identity::check(&policy, &changes)?;
    }

    /// What the next version wrote into the state file is not lost by this one.
    #[test]
    fn versions_keep_what_each_other_wrote(
        world in generate::world(),
        events in generate::events(12),
        changes in versions::changes(),
    ) {
        let mut run = Run::new(&world);
        events.iter().for_each(|event| run.happen(event));
        run.happen(&Event::PassAll);
        versions::check(&run.agent.ledger.memory(), &changes)?;
    }

    /// A file that cannot be read changes nothing for the others, and while it is remembered what
    /// it said before, nothing at all.
    #[test]
    fn a_broken_file_stays_alone(files in files::files()) {
        files::check(&files)?;
    }

    /// Of a source, what was good last of what is wanted is in force, whatever is put and whenever
    /// the agent dies.
    #[test]
    fn what_a_source_wants_outlives_its_faults(steps in sources::steps()) {
        sources::check(&steps)?;
    }
}

proptest! {
    #![proptest_config(bounded(1000))]

    /// What a stronger policy gets does not depend on weaker ones.
    #[test]
    fn a_weaker_policy_changes_nothing_for_the_stronger(
        world in generate::world(),
        weaker in generate::policy("weaker"),
        slot in 0..3usize,
    ) {
        let World { policies, nics } = world;
        let node = Node::default();
        let Some(pf) = nics[slot].as_ref().map(world::Nic::to_sim) else {
            return Ok(());
        };
        let strong = PolicySet { policies: policies[0].clone(), ..PolicySet::default() };
        let weaker = Policy { priority: 99, ..weaker };
        // Of equal priority the later is the stronger.
        let policies = std::iter::once(weaker).chain(strong.policies.clone()).collect();
        let both = PolicySet { policies, ..PolicySet::default() };
        let alone = resolve(&strong, &node, &pf.snapshot);
        let together = resolve(&both, &node, &pf.snapshot);
        match (alone, together) {
            (Resolution::Desired(alone), Resolution::Desired(together)) => {
                check::stronger_got_the_same(&alone, &together)?;
            }
            // An interface that is not named yet may turn out to be one that both share.
            (_, Resolution::AwaitsName) | (Resolution::Unmatched, _) => {}
            (alone, together) => prop_assert_eq!(alone, together),
        }
    }

    /// The order in which policies are found matters only among equals.
    #[test]
    fn priorities_decide_before_the_reading_order(world in generate::world(), turn in 0..4usize) {
        let mut policies = world.policies[0].clone();
        for (at, policy) in policies.iter_mut().enumerate() {
            policy.priority = 10 * u8::try_from(at).unwrap();
        }
        let set = |policies: Vec<Policy>| PolicySet { policies, ..PolicySet::default() };
        let mut turned = policies.clone();
        turned.rotate_left(turn % policies.len().max(1));
        for pf in world.nics.iter().flatten().map(world::Nic::to_sim) {
            let resolve = |policies| resolve(&set(policies), &Node::default(), &pf.snapshot);
            prop_assert_eq!(resolve(policies.clone()), resolve(turned.clone()));
        }
    }
}
