//! What comes to our webhook and is a chat's goes on to the chat.

use serde_json::json;

use crate::bed::{Home, Providers, Reaction, Receiver, WHATSAPP, http};

const CHAT: &str =
    r#"{"contacts":[],"messages":[{"from":"5511988887777","id":"wamid.1","text":{"body":"oi"},"type":"text"}]}"#;

#[tokio::test]
async fn a_chat_message_goes_on_as_it_came_and_is_refused_while_its_receiver_is() {
    let receiver = Receiver::start(|_| Reaction::Status(200)).await;
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    home.lay_over(&format!("[accounts.{WHATSAPP}]\nforward_url = \"{}\"\n", receiver.url));
    let gateway = home.run().await;
    let hook = home.hook(gateway.address, WHATSAPP, None);
    let tell = async || http().post(&hook).body(CHAT).send().await.unwrap().status();

    assert_eq!(tell().await, 200);
    let got = receiver.got();
    assert_eq!((got.len(), got[0].body.as_str()), (1, CHAT));
    assert_eq!(got[0].headers["content-type"], "application/json");

    receiver.change(|_| Reaction::Status(500));
    assert_eq!(tell().await, 503, "so that it is sent again");
    receiver.change(|_| Reaction::Close);
    assert_eq!(tell().await, 503);

    let owner = home.client(gateway.address, "acme");
    assert_eq!(
        owner.get("/events").await.expect(200).body["data"],
        json!([]),
        "nothing of it is kept"
    );
    gateway.stop().await;
}
