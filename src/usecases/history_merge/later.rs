//! What a walk gives later: the sources that failed, and what came to light above its place.

use super::{Merge, Next};
use crate::domain::error::{Error, Problem};
use crate::usecases::history_cursor::Aside;
use crate::usecases::history_kept::Leftovers;
use crate::usecases::history_source::Source;
use crate::usecases::requests::SourceState;

impl Merge {
    pub(super) async fn newest_aside(&mut self, leftovers: &Leftovers) -> Result<Next, Error> {
        loop {
            let names = self.aside.wanted(false);
            if names.is_empty() {
                let next = self.aside.head().map_or(Next::None, |_| Next::Record(0));
                return Ok(next);
            }
            let read = leftovers.records(&names).await?;
            for (name, records) in names.iter().zip(read) {
                let records = records.ok_or_else(|| {
                    Error::new(
                        Problem::CursorExpired,
                        "What was kept of this walk is gone; start again.",
                    )
                })?;
                self.aside.open(name, records, self.walk.last.as_ref());
            }
        }
    }

    /// Puts aside what came to light too late.
    pub(super) fn set_aside(&mut self) -> Result<(), Error> {
        for source in &mut self.sources {
            for record in source.late.drain(..) {
                self.aside.put(Box::new(record));
                if self.walk.aside == Aside::None {
                    self.walk.aside = Aside::Kept;
                }
            }
        }
        if self.aside.is_pruned() {
            return Err(Error::new(
                Problem::SourceUnavailable,
                "A source lists its rows in no order, and more of them than can be kept.",
            ));
        }
        Ok(())
    }

    /// How each source of the walk did on this page.
    pub(super) fn states(&self) -> Vec<SourceState> {
        let mut states: Vec<_> = self.sources.iter().map(Source::state).collect();
        for (index, _) in &self.walk.late {
            states[*index] = states[*index].clone().later();
        }
        let told = states.into_iter().enumerate();
        let told = told.filter(|(index, _)| !self.walk.left_out.contains(index));
        told.map(|(_, state)| state).collect()
    }

    /// Takes the sources out of the walk whose accounts were switched off since it began.
    pub(in crate::usecases) fn leave_out_switched_off(&mut self) {
        let walk = &mut self.walk;
        for (index, _) in self.sources.iter().enumerate().filter(|(_, source)| source.off) {
            if !walk.left_out.contains(&index) {
                walk.left_out.push(index);
            }
            walk.active.retain(|(walked, _)| *walked != index);
            walk.late.retain(|(walked, _)| *walked != index);
        }
    }

    /// Takes the sources that failed out of the walk; they come later.
    pub(super) fn retire_failed(&mut self) -> bool {
        let mut any = false;
        for (index, source) in self.sources.iter().enumerate() {
            if source.failed() {
                any = true;
                self.walk.late.push((index, source.reached()));
                self.walk.active.retain(|(active, _)| *active != index);
            }
            if source.unordered && !self.walk.unordered.contains(&index) {
                self.walk.unordered.push(index);
            }
        }
        any
    }

    /// Goes on with the sources that failed, and in the end with what came too late.
    pub(super) fn advance(&mut self) {
        self.walk.active = std::mem::take(&mut self.walk.late);
        self.walk.last = None;
        let done = self.walk.active.is_empty();
        self.walk.aside = match self.walk.aside {
            Aside::Kept if done => Aside::Giving,
            Aside::Giving => Aside::None,
            other => other,
        };
        let window = self.window();
        for (index, place) in &self.walk.active {
            let source = &mut self.sources[*index];
            match self.suspended.iter().position(|(suspended, _)| suspended == index) {
                Some(at) => source.resume(window, place.clone(), self.suspended.swap_remove(at).1),
                None if source.is_walked() => source.recover(place.clone()),
                None => source.start(window, place.clone()),
            }
        }
    }
}
