//! URLs of addresses that are not public, in every spelling known to have fooled somebody.

use std::net::Ipv4Addr;

const V4: [[u8; 4]; 14] = [
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [0, 0, 0, 0],
    [10, 0, 0, 1],
    [172, 16, 0, 1],
    [192, 168, 1, 1],
    [169, 254, 169, 254],
    [100, 64, 0, 1],
    [100, 100, 100, 200],
    [192, 0, 0, 192],
    [192, 0, 2, 1],
    [198, 18, 0, 1],
    [203, 0, 113, 9],
    [240, 0, 0, 1],
];

const V6: [&str; 20] = [
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "ff02::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fe80::5efe:7f00:1",
];

/// Besides addresses: other schemes, other ports, and hosts that only look like something else.
const ODD: [&str; 16] = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "ftp://127.0.0.1/",
    "data:text/plain,x",
    "dict://127.0.0.1:11211/",
    "unix:/run/docker.sock",
    "http:///127.0.0.1/",
    "http:127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http://127.0.0.1\\@1.1.1.1/",
    "http://127.0.0.1#@1.1.1.1/",
    "http://127.0.0.1?@1.1.1.1/",
    "http://1.1.1.1@127.0.0.1/",
    "http://1.1.1.1%40127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.\n0.0.1/",
];

/// Every URL of the corpus, each once.
pub fn all() -> Vec<String> {
    let mut hosts: Vec<String> = V4.into_iter().flat_map(spellings).collect();
    hosts.extend(V6.map(|address| format!("[{address}]")));
    let mut urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}/hooks")).collect();
    urls.extend(hosts.iter().step_by(9).map(|host| format!("https://{host}/hooks")));
    for port in [22, 6379, 8080] {
        urls.extend(hosts.iter().step_by(25).map(|host| format!("http://{host}:{port}/")));
    }
    urls.extend(ODD.map(str::to_owned));
    urls.sort();
    urls.dedup();
    urls
}

fn spellings([a, b, c, d]: [u8; 4]) -> Vec<String> {
    let whole = u32::from_be_bytes([a, b, c, d]);
    let (low16, low24) = (whole & 0xffff, whole & 0xff_ffff);
    let dotted = Ipv4Addr::from(whole).to_string();
    let (high, low) = (whole >> 16, low16);
    let wide = |zero: char| {
        let digit = |c: char| {
            c.to_digit(10)
                .and_then(|digit| char::from_u32(zero as u32 + digit))
                .unwrap_or(c)
        };
        dotted.chars().map(digit).collect::<String>()
    };
    vec![
        format!("{dotted}."),
        format!("{whole}"),
        format!("{whole:#x}"),
        format!("{:#X}", whole).replace("0X", "0x"),
        format!("0{whole:o}"),
        format!("000000{whole:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:08x}.0{b:05o}.{c}.{d}"),
        format!("{a}.{b}.{low16}"),
        format!("{a}.{low24}"),
        format!("{a:#x}.{low24:#x}"),
        dotted.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        dotted.replace('.', "%2e"),
        dotted.replace('.', "。"),
        dotted.replace('.', "．"),
        wide('０'),
        wide('𝟎'),
        format!("1.1.1.1@{dotted}"),
        format!("me:secret@{dotted}"),
        format!("[::ffff:{dotted}]"),
        format!("[::FFFF:{high:X}:{low:X}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::{dotted}]"),
        format!("[::ffff:0:{dotted}]"),
        format!("[64:ff9b::{dotted}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::1]"),
        dotted,
    ]
}
