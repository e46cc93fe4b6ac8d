//! The lab as a library: inside a simulation of one's own, with an unmodified client.
#![cfg(madsim)]

use std::{error::Error, time::Duration};

use redis::{
    AsyncCommands as _, AsyncConnectionConfig, RedisConnectionInfo,
    aio::MultiplexedConnection as Client,
};
use repl_sim::{
    Lab, embedded,
    lab::{Crash, Peer, Syncs},
    simulated,
};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The client of the `redis` crate over a simulated connection. Its own timeouts ask tokio for a
/// timer, and there is none: virtual time has its own.
async fn client(lab: &Lab, peer: &Peer) -> Result<Client, Box<dyn Error + Send + Sync>> {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (info, stream) = (RedisConnectionInfo::default(), peer.connect().await?);
    let (client, driver) = Client::new_with_config(&info, stream, config).await?;
    drop(lab.in_background(driver));
    Ok(client)
}

async fn a_cut_costs_no_snapshot(lab: Lab) -> Outcome {
    lab.configure(|config| config.repl_backlog_size = 1024 * 1024);
    let [master, replica] = lab.peers().await;
    replica.follow(&master).await;
    let mut writer = client(&lab, &master).await?;
    let _: () = writer.set("before", 1).await?;
    lab.settle().await;

    replica.skew(3_600_000);
    lab.cut(&master, &replica);
    let _: () = writer.set("during", 2).await?;
    let mut reader = client(&lab, &replica).await?;
    assert_eq!(reader.get("during").await, Ok(None::<i32>));
    lab.pass(lab.config().repl_timeout * 2).await;
    lab.heal(&master, &replica);
    lab.settle().await;

    assert_eq!(reader.get("during").await, Ok(Some(2)));
    assert_eq!(replica.syncs(), Syncs { full: 1, partial: 1 });
    assert_eq!(lab.decisions().len(), 2);
    Ok(())
}

#[test]
fn an_unmodified_client_talks_to_simulated_nodes() {
    for seed in 0..20 {
        let outcome = simulated(seed, a_cut_costs_no_snapshot);
        outcome.unwrap_or_else(|failed| panic!("{failed}")).expect("the client is answered");
    }
}

#[test]
fn a_lab_lives_in_the_simulation_of_its_user_and_leaves_it_as_it_was() {
    let run = |seed| {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, Default::default());
        runtime.block_on(async {
            for lab in 0..2 {
                let outcome = embedded(seed + lab, a_cut_costs_no_snapshot).await;
                outcome.expect("every property holds").expect("the client is answered");
            }
            madsim::time::TimeHandle::current().elapsed()
        })
    };
    let spans = [run(1), run(1)];
    assert!(spans[0] > Duration::from_secs(10), "{spans:?}");
    assert_eq!(spans[0], spans[1], "the same seed is the same run");
}

#[test]
fn work_that_panics_is_a_failure_with_its_seed_and_its_trace() {
    let failed = simulated(3, async |lab: Lab| {
        let [_alone] = lab.peers().await;
        panic!("there is no replica");
    });
    let text = failed.map(|(): ()| ()).expect_err("it panicked").to_string();
    assert!(text.starts_with("seed 3: scenario broke"), "{text}");
    assert!(text.contains("there is no replica") && text.contains(" n1 "), "{text}");
}

#[test]
fn a_dead_server_is_an_error_and_not_a_silence() -> Outcome {
    simulated(5, async |lab: Lab| -> Outcome {
        let [node] = lab.peers().await;
        let mut caller = client(&lab, &node).await?;
        node.crash(Crash::Process);
        assert!(caller.get::<_, Option<i32>>("k").await.is_err());
        let refused = node.connect().await.expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        node.restart().await;
        assert_eq!(client(&lab, &node).await?.get("k").await, Ok(None::<i32>));
        Ok(())
    })
    .map_err(|failed| failed.to_string())?
}
