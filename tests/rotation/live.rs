//! `switchboard check-config --live` asks each provider with each key.

use std::process::{Command, Output};

use serde_json::json;

use crate::bed::{Home, PROVIDER_TOKEN, Providers};

async fn check(home: &Home) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.args(["check-config", "--live"]);
    for file in home.files() {
        command.arg("--config").arg(file);
    }
    let output: Output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn each_key_is_told_of_in_a_line_and_the_exit_code_tells_the_worst() {
    let mut providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    let old = home.path().join("old");
    std::fs::write(&old, "canary-old-0123456789abcdefghijk").unwrap();
    let file = |path: &std::path::Path| format!("file::{}", path.display());
    let (new, old) = (file(&home.path().join("provider")), file(&old));
    home.lay_over(&format!(
        "[accounts.zenvia-br]\nkeys = [ {{ id = \"new\", secret = \"{new}\" }}, {{ id = \"old\", secret = \"{old}\" }}, \
         {{ id = \"over\", secret = \"{old}\", until = \"2026-01-01T00:00:00Z\" }} ]\n"
    ));
    let told = |zenvia_old: &str, whatsapp: &str| {
        format!(
            "The configuration is valid: 3 accounts.\nevolux-natal  1  accepted\nwhatsapp  1  {whatsapp}\n\
             zenvia-br  new  accepted\nzenvia-br  old  {zenvia_old}\nzenvia-br  over  not valid now\n"
        )
    };
    assert_eq!(check(&home).await, (Some(1), told("refused", "accepted")));
    let both = json!({ "accept": [PROVIDER_TOKEN, "canary-old-0123456789abcdefghijk"] });
    let accept = Providers::controls(&providers.zenvia.url()).post("/tokens", both).await;
    accept.expect(200);
    assert_eq!(check(&home).await, (Some(0), told("accepted", "accepted")));
    let away = std::mem::replace(&mut providers.positus, Providers::start().await.positus);
    away.stop().await;
    assert_eq!(check(&home).await, (Some(3), told("accepted", "could not be asked")));
}

#[tokio::test]
async fn the_keys_of_an_account_that_is_switched_off_are_tried_too() {
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    home.lay_over("[accounts.zenvia-br]\nmode = \"off\"\n");
    let (code, told) = check(&home).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.ends_with("zenvia-br  1  accepted\n"), "{told}");
}
