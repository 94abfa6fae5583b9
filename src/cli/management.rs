//! What the commands for operators share: the way to the management listener, and tables.

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use serde_json::Value;
use url::Url;

use crate::upstream::{Letter, Local};

/// Where the gateway is asked.
#[derive(Debug, Args)]
pub(super) struct Management {
    /// The gateway's management listener.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    management: Url,
}

impl Management {
    /// Asks for what stands at `path`.
    ///
    /// # Errors
    /// Where there is no answer, or one that is no success; it says why.
    pub(super) async fn get(&self, path: &[&str]) -> anyhow::Result<Value> {
        let answered = Local::new()?.get(self.at(path)?).await;
        self.judge(answered.with_context(|| self.away())?)
    }

    /// Posts `body` to `path`.
    ///
    /// # Errors
    /// As [`Management::get`].
    pub(super) async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        let letter = Letter {
            url: self.at(path)?,
            content_type: "application/json",
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
        };
        let answered = Local::new()?.post(letter).await;
        self.judge(answered.with_context(|| self.away())?)
    }

    fn at(&self, path: &[&str]) -> anyhow::Result<Url> {
        let mut url = self.management.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} is no address to ask", self.management))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    fn away(&self) -> String {
        format!("the management listener at {} cannot be asked", self.management)
    }

    fn judge(&self, (status, body): (u16, Bytes)) -> anyhow::Result<Value> {
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        match value {
            Some(value) if status == 200 => Ok(value),
            Some(problem) if problem["detail"].is_string() => {
                anyhow::bail!("{}", problem["detail"].as_str().unwrap_or_default())
            }
            _ => anyhow::bail!("what answers {status} at {} is no management listener", self.management),
        }
    }
}

/// Lines up columns, two spaces apart.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_letters_take() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let shown = table(&[row(["ACCOUNT", "MODE"]), row(["são", "on"]), row(["a", ""])]);
        assert_eq!(shown, "ACCOUNT  MODE\nsão      on\na\n");
    }
}
