//! What a source file names of others, read from its tokens: in `use`, in expressions and inside macros alike.

use std::fmt;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Something a file names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Import {
    /// A path in this crate, from its root.
    Own(Vec<String>),
    /// Another crate.
    Crate(String),
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(path) => write!(f, "crate::{}", path.join("::")),
            Self::Crate(name) => f.write_str(name),
        }
    }
}

/// Everything that the file of a module names outside of that module.
pub fn imports(module: &[String], source: &str) -> Vec<Import> {
    let tokens: TokenStream = source.parse().expect("the source is Rust");
    let mut found = Vec::new();
    walk(tokens, module, &mut found);
    found.sort();
    found.dedup();
    found
}

fn walk(tokens: TokenStream, module: &[String], found: &mut Vec<Import>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let inner = inline_module(&tokens[at..]);
        match &tokens[at] {
            TokenTree::Ident(_) if inner.is_some() => {
                let (name, body) = inner.expect("it was just found");
                walk(body, &[module, &[name]].concat(), found);
                at += 3;
            }
            TokenTree::Ident(_) if starts_a_path(&tokens, at) => {
                let mut path = Vec::new();
                at = follow(&tokens, at, module, &mut path, found);
            }
            TokenTree::Group(group) => {
                walk(group.stream(), module, found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// `mod name { … }`
fn inline_module(tokens: &[TokenTree]) -> Option<(String, TokenStream)> {
    match tokens {
        [
            TokenTree::Ident(word),
            TokenTree::Ident(name),
            TokenTree::Group(body),
            ..,
        ] if word == "mod" && body.delimiter() == Delimiter::Brace => Some((name.to_string(), body.stream())),
        _ => None,
    }
}

/// A path begins at a name that no `::` precedes and that one follows.
fn starts_a_path(tokens: &[TokenTree], at: usize) -> bool {
    is_separator(tokens, at + 1) && !(at >= 2 && is_separator(tokens, at - 2))
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(tokens.get(at)) && colon(tokens.get(at + 1))
}

/// Follows a path to its end, or to each of its ends where it divides; returns where it stopped.
fn follow(
    tokens: &[TokenTree],
    mut at: usize,
    module: &[String],
    path: &mut Vec<String>,
    found: &mut Vec<Import>,
) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(name)) => path.push(name.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' && !path.is_empty() => {}
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !path.is_empty() => {
                divide(group.stream(), module, path, found);
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        at += 2;
    }
    found.extend(resolve(module, path));
    at
}

/// The branches of `use path::{a, b::c}`.
fn divide(branches: TokenStream, module: &[String], path: &[String], found: &mut Vec<Import>) {
    let branches: Vec<_> = branches.into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
    for branch in branches.split(is_comma).filter(|branch| !branch.is_empty()) {
        follow(branch, 0, module, &mut path.to_vec(), found);
    }
}

/// Where a path leads, if out of the module it is written in.
fn resolve(module: &[String], path: &[String]) -> Option<Import> {
    let (first, rest) = path.split_first()?;
    let climbs = path.iter().take_while(|step| *step == "super").count();
    match first.as_str() {
        "crate" | "switchboard" => Some(Import::Own(rest.to_vec())),
        "super" => {
            let base = module.get(..module.len().checked_sub(climbs)?)?;
            Some(Import::Own([base, &path[climbs..]].concat()))
        }
        "self" => None,
        name => Some(Import::Crate(name.to_owned())),
    }
}
