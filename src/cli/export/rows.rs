//! The rows of a stream, counted as they pass; of a table, the names of the columns come once.

/// What is known of one stream.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The first row of a table until it is whole; nothing of lines.
    head: Option<Vec<u8>>,
    /// Whether the bytes that come are within quotes.
    quoted: bool,
    /// The rows that are whole.
    pub(super) count: u64,
}

/// What to do with bytes that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<'a> {
    /// The first row of the table, if it is whole now.
    pub(super) head: Option<Vec<u8>>,
    /// What belongs to other rows.
    pub(super) rows: &'a [u8],
}

impl Rows {
    /// A stream of lines.
    pub(super) fn of_lines() -> Self {
        Self::default()
    }

    /// A stream that begins with the names of columns.
    pub(super) fn of_table() -> Self {
        Self {
            head: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Takes the next bytes.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> Taken<'a> {
        let (mut head, mut rows) = (None, bytes);
        if let Some(begun) = &mut self.head {
            // The names of columns have no line end.
            let end = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(bytes.len(), |end| end + 1);
            begun.extend_from_slice(&bytes[..end]);
            rows = &bytes[end..];
            if begun.ends_with(b"\n") {
                head = self.head.take();
            }
        }
        for byte in rows {
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.count += 1,
                _ => {}
            }
        }
        Taken { head, rows }
    }
}
