//! The file that is not whole yet, and beside it how far it is.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::rows::{Rows, Taken};
use crate::domain::history::Window;
use crate::domain::time::Timestamp;

/// What an export was asked for: another one must not go on with its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) url: String,
    /// Whose rows they are, as the token says.
    pub(super) tenant: Option<String>,
    pub(super) since: String,
    pub(super) until: String,
    pub(super) format: String,
    pub(super) time_zone: String,
}

/// How far a part is. It is written after the rows that it counts are on the disk, so what is there beyond it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    asked: Asked,
    /// What `today` meant when the export began.
    since: Timestamp,
    until: Timestamp,
    /// The days that are whole.
    days: usize,
    /// Their rows.
    rows: u64,
    /// The bytes that hold them.
    bytes: u64,
    /// The names of the columns, in the first row of a table.
    head: Option<String>,
}

/// A file that is not whole yet. No other process writes it meanwhile.
pub(super) struct Part {
    file: File,
    output: PathBuf,
    kept: State,
    /// The day that is being read.
    rows: Rows,
    head: Option<String>,
}

impl Part {
    /// Opens the part of `output`: where it was left, or anew for a window.
    ///
    /// # Errors
    /// Where the part is another export's, or another process writes it.
    pub(super) fn open(output: &Path, asked: Asked, window: Window) -> anyhow::Result<Self> {
        let path = beside(output, "part");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        file.try_lock()
            .with_context(|| format!("{} is being written by another export", path.display()))?;
        let length = file.metadata()?.len();
        let kept = match State::read(output)?.filter(|state| state.bytes <= length) {
            Some(state) => {
                anyhow::ensure!(
                    state.asked.tenant == asked.tenant,
                    "{} has the rows of another tenant: remove it, name another output, or use that tenant's token",
                    path.display()
                );
                anyhow::ensure!(
                    state.asked == asked,
                    "{} is the beginning of another export: remove it, or name another output",
                    path.display()
                );
                state
            }
            None => State::new(asked, window),
        };
        let mut part = Self {
            file,
            output: output.to_owned(),
            rows: Rows::default(),
            head: None,
            kept,
        };
        part.roll_back()?;
        Ok(part)
    }

    /// The window, as it was meant when the export began.
    pub(super) fn range(&self) -> Window {
        Window {
            since: self.kept.since,
            until: self.kept.until,
        }
    }

    /// How many days are whole.
    pub(super) fn days(&self) -> usize {
        self.kept.days
    }

    /// How many rows were read, those of the day that is being read included.
    pub(super) fn rows(&self) -> u64 {
        self.kept.rows + self.rows.count
    }

    /// Adds what came of the day that is being read.
    ///
    /// # Errors
    /// Where the file cannot be written, or the columns are not those of the days before.
    pub(super) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let Taken { head, rows } = self.rows.take(bytes);
        if let Some(head) = head {
            let head = String::from_utf8(head)?;
            match &self.head {
                Some(known) => anyhow::ensure!(
                    *known == head,
                    "the columns changed since this export began: remove its part and begin anew"
                ),
                None => {
                    self.file.write_all(head.as_bytes())?;
                    self.head = Some(head);
                }
            }
        }
        Ok(self.file.write_all(rows)?)
    }

    /// Keeps the day that was read: it is not read again, even after a power cut.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        self.file.sync_data()?;
        self.kept = State {
            days: self.kept.days + 1,
            rows: self.rows(),
            bytes: self.file.stream_position()?,
            head: self.head.clone(),
            ..self.kept.clone()
        };
        self.kept.write(&self.output)?;
        self.begin();
        Ok(())
    }

    /// Forgets what came of the day that was being read.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn roll_back(&mut self) -> anyhow::Result<()> {
        self.file.set_len(self.kept.bytes)?;
        self.file.seek(SeekFrom::Start(self.kept.bytes))?;
        self.begin();
        Ok(())
    }

    fn begin(&mut self) {
        self.rows = if self.kept.asked.format == "csv" {
            Rows::of_table()
        } else {
            Rows::of_lines()
        };
        self.head.clone_from(&self.kept.head);
    }

    /// Makes the part the file that was asked for.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.file.sync_all()?;
        fs::rename(beside(&self.output, "part"), &self.output)?;
        let directory = self.output.parent().filter(|path| !path.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        State::remove(&self.output)
    }

    /// Removes a part that has nothing.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn abandon(self) -> anyhow::Result<()> {
        fs::remove_file(beside(&self.output, "part"))?;
        State::remove(&self.output)
    }
}

impl State {
    fn new(asked: Asked, window: Window) -> Self {
        Self {
            asked,
            since: window.since,
            until: window.until,
            days: 0,
            rows: 0,
            bytes: 0,
            head: None,
        }
    }

    fn read(output: &Path) -> anyhow::Result<Option<Self>> {
        let path = beside(output, "part.json");
        match fs::read(&path) {
            Ok(text) => {
                let state = serde_json::from_slice(&text);
                Ok(Some(
                    state.with_context(|| format!("{} cannot be read", path.display()))?,
                ))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Replaces what stands there, whole or not at all.
    fn write(&self, output: &Path) -> anyhow::Result<()> {
        let new = beside(output, "part.json.new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        Ok(fs::rename(new, beside(output, "part.json"))?)
    }

    fn remove(output: &Path) -> anyhow::Result<()> {
        match fs::remove_file(beside(output, "part.json")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// A file of the same name with an extension more.
pub(super) fn beside(output: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".");
    name.push(extension);
    name.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(format: &str) -> Asked {
        Asked {
            url: "http://gateway/".into(),
            tenant: Some("acme".into()),
            since: "yesterday".into(),
            until: "today".into(),
            format: format.into(),
            time_zone: "America/Sao_Paulo".into(),
        }
    }

    fn open(output: &Path, format: &str) -> anyhow::Result<Part> {
        open_for(output, format, 1)
    }

    /// For a window that ends at this millisecond.
    fn open_for(output: &Path, format: &str, end: i64) -> anyhow::Result<Part> {
        let window = Window {
            since: Timestamp::from_millis(0),
            until: Timestamp::from_millis(end),
        };
        Part::open(output, asked(format), window)
    }

    #[test]
    fn a_part_goes_on_after_the_last_whole_day() {
        let directory = tempfile::TempDir::new().unwrap();
        let output = directory.path().join("history.csv");
        let mut part = open(&output, "csv").unwrap();
        // In pieces, with a line end within quotes.
        for piece in ["id,na", "me\r\n1,\"a", "\r\nb\"\r", "\n2,c\r\n"] {
            part.write(piece.as_bytes()).unwrap();
        }
        part.keep().unwrap();
        assert_eq!((part.days(), part.rows()), (1, 2));
        part.write(b"id,name\r\n3,").unwrap();
        drop(part);

        let mut part = open_for(&output, "csv", 2).unwrap();
        assert_eq!(part.range().until.as_millis(), 1, "what `today` meant then");
        assert_eq!((part.days(), part.rows()), (1, 2));
        part.write(b"id,name\r\n3,d\r\n").unwrap();
        part.roll_back().unwrap();
        assert_eq!(part.rows(), 2);
        part.write(b"id,name\r\n3,e\r\n").unwrap();
        part.keep().unwrap();
        part.finish().unwrap();
        assert_eq!(
            fs::read_to_string(&output).unwrap(),
            "id,name\r\n1,\"a\r\nb\"\r\n2,c\r\n3,e\r\n"
        );
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn another_export_does_not_go_on_with_it() {
        let directory = tempfile::TempDir::new().unwrap();
        let output = directory.path().join("history");
        let mut part = open(&output, "ndjson").unwrap();
        assert!(open(&output, "ndjson").is_err(), "two at once");
        part.write(b"{}\n").unwrap();
        part.keep().unwrap();
        drop(part);
        assert!(open(&output, "csv").is_err());
        assert_eq!(open(&output, "ndjson").unwrap().rows(), 1);
        let beta = Asked {
            tenant: Some("beta".into()),
            ..asked("ndjson")
        };
        let range = open(&output, "ndjson").unwrap().range();
        let refused = Part::open(&output, beta, range).err().unwrap();
        assert!(refused.to_string().contains("another tenant"), "{refused}");
        open(&output, "ndjson").unwrap().abandon().unwrap();
        assert_eq!(open(&output, "csv").unwrap().rows(), 0);
    }

    #[test]
    fn columns_that_change_on_the_way_are_an_error() {
        let directory = tempfile::TempDir::new().unwrap();
        let mut part = open(&directory.path().join("history.csv"), "csv").unwrap();
        part.write(b"id\n").unwrap();
        part.keep().unwrap();
        assert!(part.write(b"id,name\n").is_err());
    }

    #[test]
    fn a_part_that_lost_bytes_is_begun_anew() {
        let directory = tempfile::TempDir::new().unwrap();
        let output = directory.path().join("history");
        let mut part = open(&output, "ndjson").unwrap();
        part.write(b"{}\n").unwrap();
        part.keep().unwrap();
        drop(part);
        fs::write(beside(&output, "part"), "").unwrap();
        assert_eq!(open(&output, "ndjson").unwrap().days(), 0);
    }
}
