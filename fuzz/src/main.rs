#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| { let _ = switchboard::domain::network::is_public(std::net::Ipv4Addr::from_bits(data.len() as u32).into()); });
