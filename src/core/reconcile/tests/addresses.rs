//! One address is wanted for several functions: one gets it, and it is said why the others do not.

use super::*;

fn told(outcome: &Outcome) -> Vec<String> {
    problems(outcome).iter().map(Problem::sentence).collect()
}

fn macs(agent: &SimAgent, at: PciAddress) -> Vec<Option<MacAddress>> {
    let vfs = agent.host.pf(at).unwrap().vfs.into_values();
    // Others the driver has made up.
    let given = |mac: &MacAddress| *mac != MacAddress::ZERO && mac.0[..2] != [0x02, 0xff];
    vfs.map(|vf| vf.settings.mac.filter(given)).collect()
}

/// Two igb, of which the first came with this address and the second with that.
fn two(first: MacAddress, second: MacAddress, fill: impl FnOnce(&mut Policy)) -> SimAgent {
    let agent = agent(DriverModel::IGB, vec![policy("a", fill)]);
    agent.host.plug(SimPf::new(at(OTHER), DriverModel::IGB));
    for (pf, mac) in [(pf(), first), (at(OTHER), second)] {
        agent.host.edit(pf, |pf| came_with(pf, mac));
    }
    agent
}

fn came_with(pf: &mut SimPf, mac: MacAddress) {
    pf.snapshot.interface.as_mut().unwrap().permanent_mac = mac;
}

fn stable(policy: &mut Policy) {
    policy.num_vfs = Some(NumVfs::Count(2));
    policy.mac = MacChoice::Stable;
}

const OWN: MacAddress = MacAddress([0x52, 0x54, 0, 0, 1, 1]);
const ANOTHERS: MacAddress = MacAddress([0x52, 0x54, 0, 0, 1, 2]);

#[test]
fn no_stable_address_is_made_from_what_two_pfs_came_with() {
    let mut agent = two(OWN, OWN, stable);
    for (pf, twin) in [(pf(), "ens2"), (at(OTHER), "ens1")] {
        let reason = format!(
            "mac = \"stable\" gives no address, because {twin} has the same permanent address, {OWN}"
        );
        let outcome = agent.pass(pf);
        assert_eq!(told(&outcome), [reason]);
        assert_eq!(macs(&agent, pf), [None, None]);
        assert_eq!(done(&agent.pass(pf)), [""; 0]);
    }
    // When they differ, both get theirs.
    agent.host.edit(at(OTHER), |pf| came_with(pf, ANOTHERS));
    assert_eq!(told(&agent.pass(at(OTHER))), [""; 0]);
    converge(&mut agent);
    assert!(macs(&agent, at(OTHER)).iter().all(Option::is_some));
    assert_eq!(agent.host.doubles(), []);
}

#[test]
fn who_has_an_address_keeps_it_when_another_wants_it() {
    let mut agent = two(OWN, OWN, stable);
    let other = agent.host.unplug(at(OTHER)).unwrap();
    converge(&mut agent);
    let has = macs(&agent, pf());
    agent.host.plug(other);
    let outcome = agent.pass(at(OTHER));
    assert_eq!(kinds(&outcome), [(ProblemKind::AddressTaken, None)]);
    assert_settled(&mut agent);
    assert_eq!(macs(&agent, pf()), has);
    // Nor does it lose it to a bond, whose address its ports show.
    agent.host.edit(pf(), |pf| {
        pf.snapshot.interface.as_mut().unwrap().mac = Some(ANOTHERS);
    });
    assert_settled(&mut agent);
}

#[test]
fn a_pf_that_came_without_an_address_gives_none_and_says_so() {
    let mut agent = two(MacAddress::ZERO, MacAddress::ZERO, stable);
    let reason = "mac = \"stable\" gives no address, because the PF has no permanent one";
    for pf in [pf(), at(OTHER)] {
        let outcome = agent.pass(pf);
        assert_eq!(told(&outcome), [reason]);
        assert_eq!(macs(&agent, pf), [None, None]);
    }
}

/// As an earlier version made it from the address that the PF showed.
#[test]
fn an_address_that_could_not_be_made_again_stays() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", stable)]);
    converge(&mut agent);
    let has = macs(&agent, pf());
    agent.host.edit(pf(), |pf| came_with(pf, MacAddress::ZERO));
    assert_eq!(done(&agent.pass(pf())), [""; 0]);
    assert_settled(&mut agent);
    assert_eq!(macs(&agent, pf()), has);
    // And is still ours to take back.
    agent.policies = set(vec![]);
    agent.pass(pf());
    assert_eq!(seen(&agent).num_vfs, 0);
}

#[test]
fn a_written_address_goes_to_one_of_two_pfs() {
    let mac = written_mac(1);
    let mut agent = two(OWN, ANOTHERS, |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        write(policy, 1, mac);
    });
    assert_eq!(told(&agent.pass(pf())), [""; 0]);
    let without = [format!(
        "VF 1: it is not given the address {mac}: VF 1 of ens1 has it"
    )];
    assert_eq!(told(&agent.pass(at(OTHER))), without);
    assert_eq!(macs(&agent, at(OTHER)), [None, None]);
    // What was written down of the first is enough where it is out of sight.
    let hidden = |pf: &mut SimPf| {
        pf.snapshot.interface = None;
        for vf in pf.snapshot.vfs.values_mut() {
            vf.settings.mac = None;
        }
    };
    agent.host.edit(pf(), hidden);
    assert_eq!(told(&agent.pass(at(OTHER))), without);
    agent.host.unplug(pf());
    assert_eq!(told(&agent.pass(at(OTHER))), [""; 0]);
    assert_eq!(macs(&agent, at(OTHER)), [None, Some(mac)]);
}

#[test]
fn what_a_stranger_gave_a_vf_is_not_given_to_another() {
    let mac = written_mac(1);
    let mut agent = two(OWN, ANOTHERS, |policy| {
        policy.matches.pci_address = vec![pf()];
        policy.num_vfs = Some(NumVfs::Count(1));
        write(policy, 0, mac);
    });
    agent.host.set_num_vfs_by_hand(at(OTHER), 3);
    let setting = VfSetting::Mac(mac);
    agent.host.set_vf_setting(at(OTHER), VfIndex(2), setting);
    assert_eq!(
        told(&agent.pass(pf())),
        [format!(
            "VF 0: it is not given the address {mac}: VF 2 of ens2 has it"
        )]
    );
}

#[test]
fn the_address_of_the_pf_is_not_given_to_its_vf() {
    for present in [false, true] {
        let mut agent = agent(
            DriverModel::IGB,
            vec![policy("a", |policy| {
                policy.num_vfs = Some(NumVfs::Count(2));
                write(policy, 0, OWN);
            })],
        );
        agent.host.edit(pf(), |pf| {
            let interface = pf.snapshot.interface.as_mut().unwrap();
            match present {
                true => interface.mac = Some(OWN),
                false => interface.permanent_mac = OWN,
            }
        });
        let reason = format!("VF 0: it is not given the address {OWN}: the PF itself has it");
        assert_eq!(told(&agent.pass(pf())), [reason]);
        assert_eq!(macs(&agent, pf()), [None, None]);
    }
}

fn three(policy: &mut Policy) {
    policy.num_vfs = Some(NumVfs::Count(3));
}

#[test]
fn an_address_moves_to_another_vf_when_the_first_has_given_it_up() {
    let mac = written_mac(9);
    let with = |vf| {
        policy("a", |policy| {
            three(policy);
            write(policy, vf, mac);
        })
    };
    let mut agent = agent(DriverModel::IGB, vec![with(2)]);
    converge(&mut agent);
    agent.host.hold(pf(), VfIndex(2), blue());
    agent.policies = set(vec![with(0)]);
    let outcome = agent.pass(pf());
    assert_eq!(
        kinds(&outcome),
        [
            (ProblemKind::InUse, Some(2)),
            (ProblemKind::AddressTaken, Some(0))
        ]
    );
    assert_eq!(macs(&agent, pf()), [None, None, Some(mac)]);
    assert_settled(&mut agent);
    agent.host.release(pf(), VfIndex(2));
    converge(&mut agent);
    assert_eq!(macs(&agent, pf())[0], Some(mac));
    assert_eq!(agent.host.doubles(), []);
}

#[test]
fn vfs_that_are_to_have_each_others_addresses_get_them() {
    let turned = |by: u16| {
        policy("a", |policy| {
            three(policy);
            (0..3).for_each(|vf| write(policy, vf, written_mac((vf + by) % 3)));
        })
    };
    let mut agent = agent(DriverModel::IGB, vec![turned(1)]);
    for by in [0, 2, 1] {
        agent.policies = set(vec![turned(by)]);
        converge(&mut agent);
        let wanted = [0, 1, 2].map(|vf| Some(written_mac((vf + by) % 3)));
        assert_eq!(macs(&agent, pf()), wanted);
        let own = seen(&agent)
            .vfs
            .into_values()
            .map(|vf| vf.interface.map(|own| own.mac));
        assert_eq!(own.collect::<Vec<_>>(), wanted);
    }
    assert_eq!(agent.host.doubles(), []);
}

/// Two passes at a time: what one is about to give, the other does not give.
#[test]
fn an_address_is_claimed_before_it_is_given() {
    let mut taken = TakenAddresses::default();
    taken.note_present(at(OTHER));
    let owned = |vf: u16, mac| {
        let mut owned = OwnedPf::default();
        let mine = owned.vfs.entry(VfIndex(vf)).or_default();
        mine.mac = Some(mac);
        owned
    };
    let mut memory = crate::memory::Memory::default();
    assert!(memory.claim(at(OTHER), owned(0, OWN), &TakenAddresses::default()));
    assert!(!memory.claim(pf(), owned(1, OWN), &taken));
    assert_eq!(memory.pfs.get(&pf()), None);
    assert!(memory.claim(pf(), owned(1, ANOTHERS), &taken));
    // Of a NIC that is not there any more nothing is left.
    assert!(memory.claim(pf(), owned(1, OWN), &TakenAddresses::default()));
    // What it had before is no news.
    assert!(memory.claim(pf(), owned(1, OWN), &taken));
}
