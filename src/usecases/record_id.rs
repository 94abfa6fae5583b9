//! The identifier of a record: where its row is, without any state of ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::domain::account::AccountName;
use crate::domain::time::Timestamp;

/// Stands for the journal of what webhooks told, as the code of a report stands for the report.
pub(super) const JOURNAL: u8 = b'j';
/// What the journal is called among the reports.
pub(super) const JOURNAL_NAME: &str = "journal";
/// The longest identifier.
const MAX_LENGTH: usize = 120;

/// What a record's identifier says.
///
/// In bytes: the length of the account's name, the name, the report's code, eight of milliseconds, the row. That leaves a
/// row 37 bytes under the longest name: enough for a UUID as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordId {
    /// The account.
    pub(super) account: AccountName,
    /// The report's code.
    pub(super) report: u8,
    /// When the call was made.
    pub(super) created_at: Timestamp,
    /// The row: the provider's identifier of it, or the bytes of our call's.
    pub(super) row: Vec<u8>,
}

impl RecordId {
    /// Reads an identifier; only the one spelling that [`RecordId::write`] gives is taken.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.strip_prefix("rec_")?).ok()?;
        let (length, rest) = bytes.split_first()?;
        let (account, rest) = rest.split_at_checked(usize::from(*length))?;
        let (report, rest) = rest.split_first()?;
        let (millis, row) = rest.split_first_chunk()?;
        let id = Self {
            account: std::str::from_utf8(account).ok()?.parse().ok()?,
            report: *report,
            created_at: Timestamp::from_millis(i64::from_be_bytes(*millis)),
            row: row.to_vec(),
        };
        (id.write()? == text).then_some(id)
    }

    /// The identifier as text; nothing where the row's own name is too long to have one.
    pub(super) fn write(&self) -> Option<String> {
        let account = self.account.as_str().as_bytes();
        let mut bytes = Vec::with_capacity(MAX_LENGTH);
        bytes.push(u8::try_from(account.len()).ok()?);
        bytes.extend_from_slice(account);
        bytes.push(self.report);
        bytes.extend_from_slice(&self.created_at.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.row);
        let mut text = "rec_".to_owned();
        BASE64.encode_string(bytes, &mut text);
        (text.len() <= MAX_LENGTH).then_some(text)
    }
}

/// Whether a record's identifier names this report.
pub(super) fn is_of(id: &str, report: u8) -> bool {
    RecordId::parse(id).is_some_and(|id| id.report == report)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::providers::registry;

    fn id(report: u8, row: &[u8]) -> RecordId {
        RecordId {
            account: "a".repeat(AccountName::MAX_LENGTH).parse().unwrap(),
            report,
            created_at: Timestamp::from_millis(1_795_348_800_000),
            row: row.to_vec(),
        }
    }

    #[test]
    fn every_report_names_its_rows_under_the_longest_account_name() {
        for provider in registry::samples().unwrap() {
            let reports = provider.history().map(|history| history.reports()).unwrap_or_default();
            let codes: HashSet<u8> = reports.iter().map(|report| report.code).chain([JOURNAL]).collect();
            assert_eq!(codes.len(), reports.len() + 1, "{}", provider.kind());
            for code in codes {
                let id = id(code, b"0199a2b0-c3d4-7e5f-8a9b-0c1d2e3f4a5b");
                let text = id.write().unwrap();
                assert_eq!(RecordId::parse(&text), Some(id));
            }
        }
    }

    #[test]
    fn what_was_not_written_here_is_no_identifier() {
        let text = id(b'c', b"1").write().unwrap();
        for wrong in ["", "rec_", "rec_AAAA", &text[..40], &text.replace("rec_", "call_")] {
            assert_eq!(RecordId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(id(b'c', &[b'1'; 38]).write(), None);
    }
}
