//! A client that reads slowly: it asks for more than it can take, so that what it is owed piles up
//! in the window and in the server. Now and then it has enough in the middle of an answer.

use std::{rc::Rc, time::Duration};

use super::{Client, Lost};
use crate::alarm::{Alarm, within};

/// How many requests it sends before it looks at an answer.
const REQUESTS: usize = 400;

/// How long it stays with one connection.
const STAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long it rests before it comes back.
const REST: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(3));

impl Client {
    /// Reads so many bytes a second of what it asks for, until the run is so old.
    pub(crate) async fn sip(&mut self, bytes_per_second: u64, until: Duration) {
        let world = Rc::clone(&self.world);
        let time = world.net.time();
        world.net.with(|network, _| network.set_reads_per_second(self.host, bytes_per_second));
        while time.elapsed() < until {
            let left = until.saturating_sub(time.elapsed());
            let stay = self.pace.span(STAY.0, STAY.1).min(left);
            // It may be closed for the size of what it is owed: that is the point.
            let _: Option<Result<(), Lost>> = within(time, stay, self.ask_for_much()).await;
            let _: Result<(), Lost> = self.lose();
            Alarm::after(time, self.pace.span(REST.0, REST.1)).await;
            world.lull().await;
        }
        world.net.with(|network, _| network.set_reads_per_second(self.host, 0));
    }

    async fn ask_for_much(&mut self) -> Result<(), Lost> {
        loop {
            let wall = self.machine.clock.at(self.world.net.now()).wall;
            let batch = self.workload.many_reads(REQUESTS, wall);
            self.exchange(&batch).await?;
        }
    }
}
