//! Many reloads in a row, most of them of files that are not as they should be, under load.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use crate::bed::ZENVIA;
use crate::dial;
use crate::load::{Known, Load, report};
use crate::operator::{Site, replace};

const JWT: &str = "canary-jwt-0123456789abcdefghijklmnopqrstuvwxyz";
const HOOKS: [&str; 2] = [
    "canary-hook-a-0123456789abcdefghijklmnopqrstuvwxyz",
    "canary-hook-b-0123456789abcdefghijklmnopqrstuvwxyz",
];

/// A configuration whose nth version differs in a limit; the secrets stand in `secrets`, which is laid out as Kubernetes
/// does: each file is a link through `..data`, which is another link.
fn toml(directory: &Path, n: usize) -> String {
    let secrets = directory.join("secrets");
    let secrets = secrets.display();
    format!(
        r#"
[auth]
keys = [ {{ id = "k", alg = "HS256", secret = "file::{secrets}/jwt" }} ]
[accounts.{ZENVIA}]
per_second = {}
webhook_keys = [ {{ id = "fixed", secret = "file::{secrets}/fixed" }}, {{ id = "turns", secret = "file::{secrets}/turns" }} ]
# The last line of the file, which half of it lacks.
low_balance = "5.00"
"#,
        50_000 + n
    )
}

/// Puts the secrets of the nth volume in place, as Kubernetes does: a link is made beside `..data` and renamed over it.
fn mount(directory: &Path, n: usize) {
    let secrets = directory.join("secrets");
    let volume = format!("..v{n}");
    fs::create_dir_all(secrets.join(&volume)).unwrap();
    for (name, value) in [
        ("jwt", JWT),
        ("fixed", HOOKS[0]),
        ("turns", &format!("{}-{n}", HOOKS[1])),
    ] {
        fs::write(secrets.join(&volume).join(name), value).unwrap();
        let link = secrets.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("..data").join(name), &link).unwrap();
        }
    }
    let draft = secrets.join("..data_tmp");
    symlink(&volume, &draft).unwrap();
    fs::rename(&draft, secrets.join("..data")).unwrap();
    if let Some(before) = n.checked_sub(1) {
        fs::remove_dir_all(secrets.join(format!("..v{before}"))).unwrap();
    }
}

/// Waits until the webhook URL with the nth volume's secret is taken.
async fn taken(site: &Site, n: usize) {
    let path = format!("/webhooks/{ZENVIA}/balance/{}-{n}", HOOKS[1]);
    crate::bed::eventually("the swapped secret is taken", async || {
        let answer = site.acme().post(&path, serde_json::json!({ "saldo": 1 })).await;
        (answer.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_of_every_kind_fail_no_request_and_tell_no_secret() {
    let reloads = usize::try_from(dial("SWITCHBOARD_RELOADS", 14)).unwrap();
    let site = Site::start(|directory| {
        mount(directory, 0);
        toml(directory, 0)
    })
    .await;
    let directory = site.home.path().to_owned();
    let known = Known {
        jwt: ("k".to_owned(), JWT.to_owned()),
        hook: HOOKS[0].to_owned(),
    };
    let began = Instant::now();
    let load = Load::start(&site.acme(), known);
    let mut volume = 0;
    for n in 1..=reloads {
        let whole = toml(&directory, n);
        match n % 7 {
            0 => site.change(&whole).await,
            1 => {
                // Written in place, in two halves, the first of which is seen.
                fs::write(site.file(), &whole[..whole.len() / 2]).unwrap();
                site.refused().await;
                fs::write(site.file(), &whole).unwrap();
            }
            2 => {
                replace(site.file(), "[accounts\n");
                site.refused().await;
                replace(site.file(), &whole);
            }
            3 => {
                replace(site.file(), &whole.replace("per_second", "per_minute"));
                site.refused().await;
                replace(site.file(), &whole);
            }
            4 => {
                fs::remove_file(site.file()).unwrap();
                site.refused().await;
                fs::write(site.file(), &whole).unwrap();
            }
            5 => {
                volume += 1;
                mount(&directory, volume);
                taken(&site, volume).await;
            }
            _ => {
                let jwt = directory.join("secrets").join("..data").join("jwt");
                fs::write(&jwt, "").unwrap();
                site.refused().await;
                fs::write(&jwt, JWT).unwrap();
                site.gateway.hang_up();
            }
        }
        site.taken_over(|_| true).await;
        load.go_round().await;
    }
    let (asked, failed) = load.end().await;
    report(&format!("{reloads} reloads"), began, (asked, &failed));
    assert_eq!(failed, Vec::<String>::new());
    let log = site.gateway.log();
    assert!(log.contains("is not taken over") && log.contains("is taken over"));
    for text in [log, site.metrics().await, site.health().await.to_string()] {
        assert!(!text.contains("canary-"));
    }
}
