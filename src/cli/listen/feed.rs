//! Server-sent events, put together from the pieces that come.

/// One event of a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// What the feed goes on after.
    pub(super) id: String,
    /// What it says.
    pub(super) data: Vec<u8>,
}

/// A feed of which a part was read.
#[derive(Default)]
pub(super) struct Feed {
    line: Vec<u8>,
    id: String,
    data: Vec<u8>,
}

impl Feed {
    /// Takes the next bytes; the events that are whole now. Comments say only that the feed lives.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Sent> {
        let mut whole = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                whole.extend(self.end_line(&line));
            } else {
                self.line.push(*byte);
            }
        }
        whole
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Sent> {
        if line.is_empty() {
            let (id, data) = (std::mem::take(&mut self.id), std::mem::take(&mut self.data));
            return (!data.is_empty()).then_some(Sent { id, data });
        }
        if let Some(id) = line.strip_prefix(b"id: ") {
            self.id = String::from_utf8_lossy(id).into_owned();
        } else if let Some(data) = line.strip_prefix(b"data: ") {
            self.data.extend_from_slice(data);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_wherever_the_pieces_part() {
        let text = b": listening\n\nid: evt_1\ndata: {\"a\":1}\n\n:\n\nid: evt_2\ndata: {}\n\nid: evt_3\nda";
        let sent = |id: &str, data: &[u8]| Sent {
            id: id.to_owned(),
            data: data.to_vec(),
        };
        for cut in 0..text.len() {
            let mut feed = Feed::default();
            let mut events = feed.take(&text[..cut]);
            events.extend(feed.take(&text[cut..]));
            assert_eq!(
                events,
                [sent("evt_1", b"{\"a\":1}"), sent("evt_2", b"{}")],
                "cut at {cut}"
            );
        }
    }
}
