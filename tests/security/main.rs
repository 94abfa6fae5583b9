//! What holds against whoever means harm: forged tokens, forged addresses, hostile bytes, curious readers of logs.

#[path = "../bed/mod.rs"]
mod bed;
mod canaries;
mod corpus;
mod issuer;
mod ssrf;
