//! Where a walk over the history goes on, packed so that its cursor stays short however many sources there are.

use super::record_id::RecordId;
use crate::domain::account::AccountName;
use crate::domain::time::Timestamp;

/// Where a record stands: below it come older ones, and of the same instant those with a smaller identifier. Without an
/// identifier everything from the instant on is behind.
pub(super) type Place = (Timestamp, String);

/// The longest cursor, in characters.
pub(super) const MAX_LENGTH: usize = 512;
/// Stands for the source of a place without an identifier.
const NO_SOURCE: u16 = u16::MAX;

/// A walk over the history, as its cursor carries it.
///
/// The active sources are merged below `last`. One that fails becomes late, with the place it had reached; when the active
/// ones are exhausted the late ones are walked in their turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walk {
    /// The window's first instant.
    pub(super) since: Timestamp,
    /// The first instant after the window.
    pub(super) until: Timestamp,
    /// When it began.
    pub(super) as_of: Timestamp,
    /// The sources that are merged, by their number, and where each begins if not at `last`.
    pub(super) active: Vec<(usize, Option<Place>)>,
    /// The sources that are walked later.
    pub(super) late: Vec<(usize, Option<Place>)>,
    /// The last record given.
    pub(super) last: Option<Place>,
    /// The sources that list in another order than newest first.
    pub(super) unordered: Vec<usize>,
    /// The sources that it is not over, since their account was switched off at some time of it.
    pub(super) left_out: Vec<usize>,
    /// What became of the records that came to light above the walk's place.
    pub(super) aside: Aside,
    /// Under what name it is kept where the sources stand.
    pub(super) kept: Option<[u8; 16]>,
}

/// What became of the records that came to light above a walk's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// There are none.
    None,
    /// They are kept to be given in the end.
    Kept,
    /// They are being given.
    Giving,
}

/// What names a source in the identifiers of its records.
pub(super) type SourceKey = (AccountName, u8);

impl Walk {
    /// The walk in bytes; nothing where a place is of none of the sources.
    ///
    /// Three instants, what is kept, the last place, a bit per source for the active, one for the late, one for those in
    /// no order and one for those left out, then the different places at which sources begin and for each of those sources
    /// which one.
    pub(super) fn pack(&self, sources: &[SourceKey]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for at in [self.as_of, self.since, self.until] {
            bytes.extend(at.as_millis().to_be_bytes());
        }
        bytes.push(self.aside as u8);
        bytes.push(self.kept.is_some().into());
        bytes.extend(self.kept.iter().flatten());
        bytes.push(self.last.is_some().into());
        if let Some(last) = &self.last {
            pack_place(&mut bytes, last, sources)?;
        }
        let members = self.members();
        for late in [false, true] {
            let members = members.iter().filter(|member| member.1 == late);
            pack_bits(&mut bytes, members.map(|member| member.0), sources.len())?;
        }
        for chosen in [&self.unordered, &self.left_out] {
            pack_bits(&mut bytes, chosen.iter().copied(), sources.len())?;
        }
        let mut places: Vec<&Place> = members.iter().filter_map(|member| member.2).collect();
        places.sort();
        places.dedup();
        bytes.push(u8::try_from(places.len()).ok()?);
        for place in &places {
            pack_place(&mut bytes, place, sources)?;
        }
        if !places.is_empty() {
            let number = |place: &Place| {
                places
                    .binary_search(&place)
                    .ok()
                    .and_then(|at| u8::try_from(at + 1).ok())
            };
            bytes.extend(members.iter().map(|(.., place)| place.and_then(number).unwrap_or(0)));
        }
        Some(bytes)
    }

    /// Reads what [`Walk::pack`] wrote for the same sources.
    pub(super) fn unpack(bytes: &[u8], sources: &[SourceKey]) -> Option<Self> {
        let mut rest = Unread(bytes);
        let (as_of, since, until) = (rest.instant()?, rest.instant()?, rest.instant()?);
        let aside = match rest.byte()? {
            0 => Aside::None,
            1 => Aside::Kept,
            2 => Aside::Giving,
            _ => return None,
        };
        let kept = match rest.byte()? {
            0 => None,
            _ => Some(rest.array()?),
        };
        let last = match rest.byte()? {
            0 => None,
            _ => Some(rest.place(sources)?),
        };
        let mut members = Vec::new();
        for late in [false, true] {
            members.extend(rest.bits(sources.len())?.into_iter().map(|index| (index, late)));
        }
        let (unordered, left_out) = (rest.bits(sources.len())?, rest.bits(sources.len())?);
        let count = rest.byte()?;
        let places: Vec<Place> = (0..count).map(|_| rest.place(sources)).collect::<Option<_>>()?;
        let mut walk = Self {
            since,
            until,
            as_of,
            active: Vec::new(),
            late: Vec::new(),
            last,
            unordered,
            left_out,
            aside,
            kept,
        };
        for (index, late) in members {
            let number = if places.is_empty() { 0 } else { rest.byte()? };
            let place = match number.checked_sub(1) {
                None => None,
                Some(number) => Some(places.get(usize::from(number))?.clone()),
            };
            let list = if late { &mut walk.late } else { &mut walk.active };
            list.push((index, place));
        }
        Some(walk)
    }

    /// Every source with whether it is late and where it begins, in the order of the bits. A place that the walk has passed
    /// says nothing.
    fn members(&self) -> Vec<(usize, bool, Option<&Place>)> {
        let ahead = |place: &&Place| self.last.as_ref().is_none_or(|last| *place < last);
        let active = self
            .active
            .iter()
            .map(|(index, place)| (*index, false, place.as_ref().filter(ahead)));
        let late = self.late.iter().map(|(index, place)| (*index, true, place.as_ref()));
        let mut members: Vec<_> = active.chain(late).collect();
        members.sort_by_key(|(index, late, _)| (*late, *index));
        members
    }
}

/// A bit for each of so many sources, set for those of these numbers.
fn pack_bits(bytes: &mut Vec<u8>, set: impl Iterator<Item = usize>, sources: usize) -> Option<()> {
    let mut bits = vec![0u8; sources.div_ceil(8)];
    for index in set {
        *bits.get_mut(index / 8)? |= 1 << (index % 8);
    }
    bytes.extend(bits);
    Some(())
}

/// An identifier is cut to its source and row: its account stands among the sources, its time beside it.
fn pack_place(bytes: &mut Vec<u8>, (at, id): &Place, sources: &[SourceKey]) -> Option<()> {
    bytes.extend(at.as_millis().to_be_bytes());
    if id.is_empty() {
        bytes.extend(NO_SOURCE.to_be_bytes());
        return Some(());
    }
    let RecordId {
        account, report, row, ..
    } = RecordId::parse(id)?;
    let source = sources.iter().position(|key| *key == (account.clone(), report))?;
    bytes.extend(u16::try_from(source).ok()?.to_be_bytes());
    bytes.push(u8::try_from(row.len()).ok()?);
    bytes.extend(row);
    Some(())
}

/// For the fuzzer: what is read of any bytes is written and read again as the same walk.
pub(crate) fn fuzz(bytes: &[u8]) {
    let name = |text: &str| text.parse::<AccountName>().ok();
    let names = ["zenvia-br", "evolux-natal", "whatsapp"].into_iter().filter_map(name);
    let sources: Vec<SourceKey> = names
        .flat_map(|name| (0..4).map(move |report| (name.clone(), report)))
        .collect();
    let Some(walk) = Walk::unpack(bytes, &sources) else {
        return;
    };
    if let Some(packed) = walk.pack(&sources) {
        let again = Walk::unpack(&packed, &sources);
        assert_eq!(again.and_then(|walk| walk.pack(&sources)), Some(packed));
    }
}

/// For the measurement: one walk over twelve sources, written and read.
pub(crate) mod measured {
    use super::{AccountName, Aside, RecordId, SourceKey, Timestamp, Walk};

    /// A walk, and what it is over.
    pub(crate) struct Sample(Walk, Vec<SourceKey>);

    fn sources() -> Vec<SourceKey> {
        let names = ["zenvia-br", "evolux-natal", "whatsapp"].into_iter();
        let names = names.filter_map(|name| name.parse::<AccountName>().ok());
        names
            .flat_map(|name| (0..4).map(move |report| (name.clone(), report)))
            .collect()
    }

    /// A walk that has given records of one source and stands somewhere in every other.
    pub(crate) fn sample_walk() -> Sample {
        let sources = sources();
        let place = |source: usize, at: i64| {
            let (account, report) = sources[source].clone();
            let created_at = Timestamp::from_seconds(at);
            let id = RecordId {
                account,
                report,
                created_at,
                row: b"1234567".to_vec(),
            };
            (created_at, id.write().unwrap_or_default())
        };
        let walk = Walk {
            since: Timestamp::from_seconds(0),
            until: Timestamp::from_seconds(2_000),
            as_of: Timestamp::from_seconds(2_000),
            active: (0..sources.len())
                .map(|source| (source, Some(place(source, 900))))
                .collect(),
            late: Vec::new(),
            last: Some(place(0, 1_000)),
            unordered: Vec::new(),
            left_out: Vec::new(),
            aside: Aside::None,
            kept: Some([7; 16]),
        };
        Sample(walk, sources)
    }

    pub(crate) fn packed(Sample(walk, sources): &Sample) -> Option<Vec<u8>> {
        walk.pack(sources)
    }

    pub(crate) fn unpacked(bytes: &[u8], Sample(_, sources): &Sample) -> Option<usize> {
        Walk::unpack(bytes, sources).map(|walk| walk.active.len())
    }
}

/// What of the bytes is not read yet.
struct Unread<'a>(&'a [u8]);

impl<'a> Unread<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn instant(&mut self) -> Option<Timestamp> {
        self.array()
            .map(|bytes| Timestamp::from_millis(i64::from_be_bytes(bytes)))
    }

    /// What [`pack_bits`] wrote.
    fn bits(&mut self, sources: usize) -> Option<Vec<usize>> {
        let bits = self.take(sources.div_ceil(8))?;
        let set = |index: &usize| bits[index / 8] & (1 << (index % 8)) != 0;
        Some((0..sources).filter(set).collect())
    }

    fn place(&mut self, sources: &[SourceKey]) -> Option<Place> {
        let at = self.instant()?;
        let source = u16::from_be_bytes(self.array()?);
        if source == NO_SOURCE {
            return Some((at, String::new()));
        }
        let (account, report) = sources.get(usize::from(source))?.clone();
        let length = self.byte()?;
        let id = RecordId {
            account,
            report,
            created_at: at,
            row: self.take(usize::from(length))?.to_vec(),
        };
        Some((at, id.write()?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sources(count: usize) -> Vec<SourceKey> {
        let name = |index| format!("an-account-with-the-longest-name-{index:07}");
        (0..count).map(|index| (name(index).parse().unwrap(), b'c')).collect()
    }

    fn place(sources: &[SourceKey], index: usize, minute: i64) -> Place {
        let at = Timestamp::from_millis(1_795_348_800_000 - minute * 60_000);
        let (account, report) = sources[index].clone();
        let id = RecordId {
            account,
            report,
            created_at: at,
            row: b"0199a2b0-c3d4-7e5f-8a9b-0c1d2e3f4a5b".to_vec(),
        };
        (at, id.write().unwrap())
    }

    #[test]
    fn a_walk_is_read_back_as_it_was_written() {
        let sources = sources(50);
        let midnight = (Timestamp::from_millis(1_795_316_400_000), String::new());
        let walk = Walk {
            since: Timestamp::from_millis(1_787_000_000_000),
            until: Timestamp::from_millis(1_795_348_800_001),
            as_of: Timestamp::from_millis(1_795_348_800_000),
            active: (0..40)
                .map(|index| (index, (index == 7).then(|| place(&sources, 7, 90))))
                .collect(),
            late: vec![
                (40, None),
                (41, Some(midnight.clone())),
                (42, Some(midnight)),
                (49, Some(place(&sources, 3, 30))),
            ],
            last: Some(place(&sources, 11, 60)),
            unordered: vec![3, 41],
            left_out: vec![43, 48],
            aside: Aside::Kept,
            kept: Some([7; 16]),
        };
        let bytes = walk.pack(&sources).unwrap();
        assert!(bytes.len() < 300, "{}", bytes.len());
        assert_eq!(Walk::unpack(&bytes, &sources), Some(walk));
        for cut in 0..bytes.len() {
            assert_eq!(Walk::unpack(&bytes[..cut], &sources), None, "{cut}");
        }
    }

    #[test]
    fn a_place_that_the_walk_has_passed_is_left_out() {
        let sources = sources(2);
        let at = Timestamp::from_millis(0);
        let walk = Walk {
            since: at,
            until: at,
            as_of: at,
            active: vec![(0, Some(place(&sources, 0, 5))), (1, None)],
            late: Vec::new(),
            last: Some(place(&sources, 1, 6)),
            unordered: Vec::new(),
            left_out: Vec::new(),
            aside: Aside::None,
            kept: None,
        };
        let read = Walk::unpack(&walk.pack(&sources).unwrap(), &sources).unwrap();
        assert_eq!(read.active, [(0, None), (1, None)]);
    }
}
