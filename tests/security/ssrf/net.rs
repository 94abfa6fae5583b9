//! A network in which every address is this machine, and the kernel counts.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// The ports at which somebody listens.
const PORTS: [u16; 5] = [22, 80, 443, 6379, 8080];

pub struct Net {
    reached: Arc<Mutex<Vec<IpAddr>>>,
    answer: Arc<Mutex<String>>,
    before: u64,
}

impl Net {
    /// Makes every address one of the loopback interface, and listens at all of them.
    pub fn enter() -> Self {
        ip("link set lo up");
        ip("route add local 0.0.0.0/0 dev lo");
        ip("-6 route add local ::/0 dev lo");
        let net = Self {
            reached: Arc::default(),
            answer: Arc::new(Mutex::new(
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".into(),
            )),
            before: active_opens(),
        };
        for port in PORTS {
            // Of both families: an IPv4 address comes as one that is mapped.
            let listener = TcpListener::bind(("::", port)).unwrap();
            let (reached, answer) = (Arc::clone(&net.reached), Arc::clone(&net.answer));
            spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    reached
                        .lock()
                        .unwrap()
                        .push(stream.local_addr().unwrap().ip().to_canonical());
                    let answer = answer.lock().unwrap().clone();
                    // TLS is not spoken here, and who speaks it goes away.
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
        net
    }

    /// How many connections were begun in this namespace, by the kernel's count.
    pub fn connects(&self) -> u64 {
        active_opens() - self.before
    }

    /// The addresses that were connected to, in order.
    pub fn reached(&self) -> Vec<IpAddr> {
        self.reached.lock().unwrap().clone()
    }

    /// Whoever connects is sent elsewhere from now on.
    pub fn redirect(&self, status: u16, target: &str) {
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status} X\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }

    /// Answers for every name, and has the system ask here: `rebind.test` is public one time in three, else this machine.
    pub fn answer_names(&self) {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        spawn(move || {
            let (mut query, mut turn) = ([0; 512], 0);
            loop {
                let (length, from) = socket.recv_from(&mut query).unwrap();
                if let Some(answer) = answer(&query[..length], &mut turn) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        let file = std::env::temp_dir().join(format!("resolv.{}", std::process::id()));
        fs::write(&file, "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n").unwrap();
        let bound = Command::new("mount")
            .arg("--bind")
            .arg(&file)
            .arg("/etc/resolv.conf")
            .status();
        assert!(bound.unwrap().success(), "the system's resolver can be pointed here");
        fs::remove_file(file).unwrap();
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("iproute2 is installed").success(), "ip {arguments}");
}

/// `ActiveOpens` of `/proc/net/snmp`: SYNs sent, whether answered or not.
fn active_opens() -> u64 {
    let table = fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut lines = table.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let place = names.split(' ').position(|name| name == "ActiveOpens").unwrap();
    values.split(' ').nth(place).unwrap().parse().unwrap()
}

/// The answer to one question of the DNS; nothing to what is no question.
fn answer(query: &[u8], turn: &mut usize) -> Option<Vec<u8>> {
    let mut end = 12;
    let mut name = Vec::new();
    while *query.get(end)? != 0 {
        let length = usize::from(query[end]);
        name.push(String::from_utf8_lossy(query.get(end + 1..end + 1 + length)?).to_lowercase());
        end += length + 1;
    }
    let kind = u16::from_be_bytes([*query.get(end + 1)?, *query.get(end + 2)?]);
    let question = query.get(12..end + 5)?;
    let records = records(&name.join("."), kind, turn);
    let mut answer = query[..2].to_vec();
    // A response, recursion available, no error; one question.
    answer.extend([0x81, 0x80, 0, 1]);
    answer.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(question);
    for (kind, data) in records {
        // The name of the question, its class, and not to be kept.
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 0]);
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

const A: u16 = 1;
const AAAA: u16 = 28;
const CNAME: u16 = 5;

fn records(name: &str, kind: u16, turn: &mut usize) -> Vec<(u16, Vec<u8>)> {
    let v4 = |address: [u8; 4]| (A, address.to_vec());
    let v6 = |text: &str| (AAAA, text.parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec());
    match (name, kind) {
        ("rebind.test", A) => {
            *turn += 1;
            vec![v4(if turn.is_multiple_of(3) {
                [1, 1, 1, 1]
            } else {
                [127, 0, 0, 1]
            })]
        }
        ("private.test", A) => vec![v4([10, 0, 0, 1])],
        ("mapped.test", AAAA) => vec![v6("::ffff:127.0.0.1")],
        ("mixed.test", A) => vec![v4([1, 1, 1, 1]), v4([127, 0, 0, 1]), v4([192, 168, 1, 1])],
        ("mixed.test", AAAA) => vec![v6("fd00::1"), v6("::1"), v6("2002:7f00:1::1")],
        ("many.test", A) => (0..25).map(|last| v4([10, 0, 0, last])).collect(),
        // inner.test
        ("alias.test", A) => vec![(CNAME, b"\x05inner\x04test\0".to_vec())],
        ("inner.test", A) => vec![v4([127, 0, 0, 1])],
        ("metadata.test", A) => vec![v4([169, 254, 169, 254])],
        _ => Vec::new(),
    }
}
