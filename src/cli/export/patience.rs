//! How long a gateway is waited for that is away.

use std::time::Duration;

/// The first pause; each is twice the one before.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause of our own.
const LONGEST: Duration = Duration::from_secs(30);
/// How long all pauses for one day may be together.
const TOGETHER: Duration = Duration::from_secs(600);

/// The pauses between the tries to read one day.
#[derive(Debug, Default)]
pub(super) struct Patience {
    tries: u32,
    waited: Duration,
}

impl Patience {
    /// The next pause, no shorter than the gateway asks for; none where it was waited long enough.
    pub(super) fn pause(&mut self, told: Option<Duration>) -> Option<Duration> {
        let own = FIRST.saturating_mul(2_u32.saturating_pow(self.tries)).min(LONGEST);
        let pause = own.max(told.unwrap_or_default());
        self.tries += 1;
        self.waited += pause;
        (self.waited <= TOGETHER).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut patience = Patience::default();
        let seconds: Vec<_> = std::iter::from_fn(|| patience.pause(None))
            .map(|pause| pause.as_secs_f32())
            .collect();
        assert_eq!(seconds[..8], [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert!(seconds.iter().sum::<f32>() <= 600.0 && seconds.len() > 20);
    }

    #[test]
    fn the_gateway_may_ask_for_longer_ones() {
        let mut patience = Patience::default();
        assert_eq!(
            patience.pause(Some(Duration::from_secs(45))),
            Some(Duration::from_secs(45))
        );
        assert_eq!(patience.pause(Some(Duration::from_secs(1_000))), None);
    }
}
