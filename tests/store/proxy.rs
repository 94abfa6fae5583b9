//! A proxy that cuts a connection between a command and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A port before a server.
pub struct Proxy {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens, and forwards to `server`.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, cut }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets the next command through, and cuts its connection before the answer comes back.
    pub fn cut_next(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }
}

async fn forward(mut client: TcpStream, server: u16, cut: Arc<AtomicBool>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            Ok(read @ 1..) = client.read(&mut asked) => {
                server.write_all(&asked[..read]).await.unwrap();
                if cut.swap(false, Ordering::SeqCst) {
                    // Once it has answered it has done what it was told.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            Ok(read @ 1..) = server.read(&mut answered) => {
                if client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}
