//! A table as RFC 4180 has it, or as a spreadsheet program of some country expects it.

use std::borrow::Cow;
use std::fmt::Display;

use csv::{Terminator, Writer, WriterBuilder};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::Serialize;

use super::Dialect;
use super::columns::COLUMNS;
use crate::domain::history::Record;
use crate::domain::time::Timestamp;

/// By which programs of Microsoft know UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What a spreadsheet program may take for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// The longest number of E.164, in digits.
const LONGEST_NUMBER: usize = 15;

/// What stands in one cell.
pub enum Cell<'a> {
    /// Nothing: the value is not known.
    Empty,
    /// A text.
    Text(Cow<'a, str>),
    /// A number with decimals.
    Decimal(Decimal),
    /// An instant.
    Instant(Timestamp),
}

impl<'a> Cell<'a> {
    /// A text that is there.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text that may be missing.
    pub fn maybe(text: Option<&'a String>) -> Self {
        text.map_or(Self::Empty, |text| Self::text(text))
    }

    /// A value that may be missing, as it is displayed.
    pub fn shown(value: Option<impl Display>) -> Self {
        value.map_or(Self::Empty, |value| Self::Text(Cow::Owned(value.to_string())))
    }

    /// A value that may be missing and has a structure of its own.
    pub fn json(value: Option<&impl Serialize>) -> Self {
        let text = value.and_then(|value| serde_json::to_string(value).ok());
        text.map_or(Self::Empty, |text| Self::Text(Cow::Owned(text)))
    }

    /// An instant that may be missing.
    pub fn instant(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Empty, Self::Instant)
    }
}

/// How the table is written.
pub struct Sheet {
    dialect: Option<Dialect>,
    zone: TimeZone,
}

impl Sheet {
    /// A table in a dialect, RFC 4180 if none; local times are those of `zone`.
    pub fn new(dialect: Option<Dialect>, zone: TimeZone) -> Self {
        Self { dialect, zone }
    }

    /// The first row, which names the columns.
    pub fn head(&self) -> Vec<u8> {
        let mut text = match self.dialect {
            Some(Dialect::ExcelBr) => BYTE_ORDER_MARK.to_vec(),
            None => Vec::new(),
        };
        self.row(COLUMNS.iter().map(|(name, _)| Cow::Borrowed(*name)), &mut text);
        text
    }

    /// Writes a record as a row.
    pub fn write(&self, record: &Record, text: &mut Vec<u8>) {
        self.row(COLUMNS.iter().map(|(_, cell)| guarded(self.shown(cell(record)))), text);
    }

    fn row<'a>(&self, mut cells: impl Iterator<Item = Cow<'a, str>>, text: &mut Vec<u8>) {
        let mut row = self.writer(text);
        // A vector takes everything, and every row has as many cells as the first.
        let _ = cells
            .try_for_each(|cell| row.write_field(cell.as_bytes()))
            .and_then(|()| row.write_record(None::<&[u8]>))
            .and_then(|()| Ok(row.flush()?));
    }

    fn writer<'a>(&self, text: &'a mut Vec<u8>) -> Writer<&'a mut Vec<u8>> {
        let delimiter = match self.dialect {
            Some(Dialect::ExcelBr) => b';',
            None => b',',
        };
        WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(Terminator::CRLF)
            .buffer_capacity(2048)
            .from_writer(text)
    }

    fn shown<'a>(&self, cell: Cell<'a>) -> Cow<'a, str> {
        match (cell, self.dialect) {
            (Cell::Empty, _) => Cow::Borrowed(""),
            (Cell::Text(text), _) => text,
            (Cell::Decimal(number), None) => number.to_string().into(),
            (Cell::Decimal(number), Some(Dialect::ExcelBr)) => number.to_string().replace('.', ",").into(),
            (Cell::Instant(at), None) => at.to_string().into(),
            (Cell::Instant(at), Some(Dialect::ExcelBr)) => {
                let local = at.to_jiff().to_zoned(self.zone.clone());
                local.strftime("%d/%m/%Y %H:%M:%S").to_string().into()
            }
        }
    }
}

/// Keeps a spreadsheet program from running what a caller's name or a provider's text says.
fn guarded(cell: Cow<'_, str>) -> Cow<'_, str> {
    if cell.starts_with(FORMULA) && !is_number(&cell) {
        return Cow::Owned(format!("'{cell}"));
    }
    cell
}

/// Whether a text is `+` and the digits of a telephone number, in which no formula can hide.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=LONGEST_NUMBER).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
