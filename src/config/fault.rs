//! What is wrong with a configuration, and how to mend it.

use std::fmt;

/// One thing wrong in the configuration.
///
/// No field repeats a value whose form was not recognised: it may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a dotted path such as `accounts.zenvia-br.keys[1].secret`, or a file and line.
    pub path: String,
    /// What is wrong there, to be read after the path.
    pub problem: String,
    /// How to mend it.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.problem, self.remedy)
    }
}

/// Everything wrong in a configuration, in reading order; shown one fault a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
