//! A VF is in use from `Allocate` on until its pod is gone, whoever of agent, kubelet and bridge ends in between.

use super::pods::Pods;
use super::*;

const ONE: &str = "0000:01:10.1";
const NAMED: &str = "0000:01:10.1 default/till box";

fn allocate(node: &Node, vf: &str) -> Result<(), String> {
    let request = AllocateRequest {
        container_requests: vec![ContainerRequest {
            device_ids: vec![vf.to_owned()],
        }],
    };
    executor().block_on(async {
        let mut plugin = connect(&node.socket()).await;
        let answer = plugin.allocate(request).await;
        answer
            .map(drop)
            .map_err(|status| status.message().to_owned())
    })
}

fn wait_until_held(node: &Node, held: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    while node.disk.held() != held {
        let is = node.disk.held();
        assert!(Instant::now() < deadline, "{is:?} instead of {held:?}");
        sleep(Duration::from_millis(10));
    }
}

/// Longer than anything is young.
fn stays_held(node: &Node, held: &[&str]) {
    wait_until_held(node, held);
    sleep(4 * A_WHILE);
    assert_eq!(node.disk.held(), held);
}

#[test]
fn a_vf_is_recorded_when_kubelet_is_answered_then_named_and_released_when_its_pod_is_gone() {
    let node = Node::new();
    let pods = Pods::new(&node.path("kubelet"));
    let (_agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    let serving = pods.serve();
    wait_for(&kubelet, &[BOTH]);
    allocate(&node, ONE).unwrap();
    assert_eq!(node.disk.held(), [ONE]);
    pods.come("till", ONE);
    stays_held(&node, &[NAMED]);
    // Nobody is asked anything at rest.
    let asked = node.disk.asked().len();
    sleep(4 * A_WHILE);
    assert_eq!(node.disk.asked().len(), asked);
    pods.go("till");
    wait_until_held(&node, &[]);
    drop(serving);
}

#[test]
fn a_pod_that_was_not_admitted_has_no_vf() {
    let node = Node::new();
    let pods = Pods::new(&node.path("kubelet"));
    let (_agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    let _serving = pods.serve();
    wait_for(&kubelet, &[BOTH]);
    allocate(&node, ONE).unwrap();
    assert_eq!(node.disk.held(), [ONE]);
    wait_until_held(&node, &[]);
}

#[test]
fn an_agent_that_is_killed_before_it_answers_is_told_again_when_it_is_back() {
    let node = Node::new();
    let pods = Pods::new(&node.path("kubelet"));
    let (agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    let _serving = pods.serve();
    wait_for(&kubelet, &[BOTH]);
    node.disk.lose_answers(2);
    allocate(&node, ONE).unwrap();
    let posts = node.disk.asked().iter().filter(|it| *it == "POST").count();
    assert_eq!(posts, 3);
    pods.come("till", ONE);
    wait_until_held(&node, &[NAMED]);
    // Away, and back in time.
    drop(agent);
    let back = thread::scope(|scope| {
        let allocated = scope.spawn(|| allocate(&node, "0000:01:10.0"));
        sleep(A_WHILE);
        let agent = node.agent();
        allocated.join().unwrap().unwrap();
        agent
    });
    assert_eq!(node.disk.held(), ["0000:01:10.0", NAMED]);
    drop(back);
}

#[test]
fn a_container_gets_no_vf_that_the_agent_does_not_record() {
    let node = Node::new();
    let (agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    wait_for(&kubelet, &[BOTH]);
    let why = "VF 0000:01:10.1 is not free: it is held by container web (network lan)";
    let begin = "sriovd did not record that sriovd.io/fast gives 0000:01:10.1 to a container, so it is not given";
    node.disk.refuse(Some(why));
    assert_eq!(allocate(&node, ONE), Err(format!("{begin}: {why}")));
    node.disk.refuse(None);
    drop(agent);
    let socket = node.path("run/sriovd.sock");
    let away = format!(
        "sriovd is not running: nothing listens on {}",
        socket.display()
    );
    assert_eq!(allocate(&node, ONE), Err(format!("{begin}: {away}")));
    assert_eq!(node.disk.held(), [""; 0]);
}

#[test]
fn what_pods_have_stays_theirs_whoever_starts_again() {
    let node = Node::new();
    let pods = Pods::new(&node.path("kubelet"));
    let (mut agent, mut kubelet, mut plugin) = (Some(node.agent()), node.kubelet(), node.plugin());
    let mut serving = Some(pods.serve());
    wait_for(&kubelet, &[BOTH]);
    allocate(&node, ONE).unwrap();
    pods.come("till", ONE);
    wait_until_held(&node, &[NAMED]);
    // The bridge.
    drop(mem::replace(&mut plugin, Process::new(async {})));
    plugin = node.plugin();
    stays_held(&node, &[NAMED]);
    // kubelet, which does not know its pods before the API server tells them.
    drop((serving.take(), kubelet));
    pods.forget();
    kubelet = node.kubelet();
    serving = Some(pods.serve());
    stays_held(&node, &[NAMED]);
    // The agent, and kubelet and the bridge before it is back.
    drop(agent.take());
    drop(mem::replace(&mut plugin, Process::new(async {})));
    drop((serving.take(), kubelet));
    kubelet = node.kubelet();
    serving = Some(pods.serve());
    plugin = node.plugin();
    sleep(A_WHILE);
    agent = Some(node.agent());
    stays_held(&node, &[NAMED]);
    // A pod that went while nobody looked.
    drop(mem::replace(&mut plugin, Process::new(async {})));
    pods.go("till");
    plugin = node.plugin();
    wait_until_held(&node, &[]);
    drop((agent, kubelet, serving, plugin));
}

/// What is made anew at its address is told, so that the agent holds it when it is ready.
#[test]
fn a_vf_that_comes_again_is_told_again() {
    let node = Node::new();
    let pods = Pods::new(&node.path("kubelet"));
    let (agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    let _serving = pods.serve();
    wait_for(&kubelet, &[BOTH]);
    allocate(&node, ONE).unwrap();
    pods.come("till", ONE);
    stays_held(&node, &[NAMED]);
    let puts = || node.disk.asked().iter().filter(|it| *it == "PUT").count();
    for pfs in [vec![], vec![both()]] {
        let before = puts();
        agent.tell(false, pfs);
        let deadline = Instant::now() + PATIENCE;
        while puts() == before {
            assert!(Instant::now() < deadline, "nothing is told");
            sleep(Duration::from_millis(10));
        }
        stays_held(&node, &[NAMED]);
    }
}
