//! The same work in a simulation and, with one line changed, on real processes.

use redis::{AsyncCommands as _, RedisResult};
use repl_testbed::{Program, Syncs, Testbed, World};

/// A link that was down for less than the backlog costs no snapshot.
async fn a_short_cut_costs_no_snapshot(bed: Testbed) -> RedisResult<()> {
    let [master, replica] = bed.peers().await;
    replica.follow(&master).await;
    bed.settle().await;

    bed.cut(&master, &replica);
    let mut client = master.client().await?;
    for number in 0..100 {
        let () = client.set(format!("key:{number}"), number).await?;
    }
    bed.heal(&master, &replica);
    bed.settle().await;

    assert_eq!(replica.client().await?.get("key:99").await, Ok(Some(99)));
    assert_eq!(replica.syncs(), Syncs { full: 1, partial: 1 });
    Ok(())
}

#[test]
fn in_a_simulation() -> RedisResult<()> {
    let world = World::simulated(7);
    world.run(a_short_cut_costs_no_snapshot)
}

#[test]
fn over_real_sockets() -> RedisResult<()> {
    let world = World::processes(Program::at("repl-server", env!("CARGO_BIN_EXE_repl-server")));
    world.run(a_short_cut_costs_no_snapshot)
}
