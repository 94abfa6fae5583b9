//! A directory with a configuration, its secrets and, where it is embedded, its store.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use switchboard::app::{self, App};
use switchboard::config::{Config, Sources};
use switchboard::simulators::positus::Number;
use tempfile::TempDir;

use super::client::Client;
use super::providers::{EVOLUX, PROVIDER_TOKEN, Providers, WHATSAPP, ZENVIA};
use super::tokens::Tokens;

/// The secret part of every URL that webhooks go to.
pub const HOOK: &str = "the-secret-part-of-webhook-urls-0001";

/// What a gateway is started from; several may share one.
pub struct Home {
    directory: TempDir,
    files: Vec<PathBuf>,
    pub tokens: Tokens,
}

impl Home {
    /// With the store in files of its own.
    pub fn embedded(providers: &Providers) -> Self {
        let directory = TempDir::new().unwrap();
        let store = format!("embedded:{}/store", directory.path().display());
        Self::within(directory, providers, &store)
    }

    /// With this store.
    pub fn on(store: &str, providers: &Providers) -> Self {
        Self::within(TempDir::new().unwrap(), providers, store)
    }

    fn within(directory: TempDir, providers: &Providers, store: &str) -> Self {
        let path = directory.path();
        let tokens = Tokens::new(path);
        for (name, secret) in [
            ("seal", "0123456789abcdef0123456789abcdef"),
            ("provider", PROVIDER_TOKEN),
            ("hook", HOOK),
        ] {
            fs::write(path.join(name), secret).unwrap();
        }
        let toml = configuration(path, providers, store);
        let mut home = Self {
            directory,
            files: Vec::new(),
            tokens,
        };
        home.lay_over(&toml);
        home
    }

    /// Puts more configuration over what is there.
    pub fn lay_over(&mut self, toml: &str) {
        let file = self.path().join(format!("{}.toml", self.files.len()));
        fs::write(&file, toml).unwrap();
        self.files.push(file);
    }

    /// Adds an account at a simulated Zenvia, used only by name.
    pub fn add_zenvia(&mut self, name: &str, url: &str) {
        let section = zenvia(self.path(), name, url);
        self.lay_over(&section);
    }

    /// Adds an account at another simulated provider, used only by name.
    pub fn add_account(&mut self, name: &str, provider: &str, url: &str) {
        let section = account(self.path(), name, provider, url);
        self.lay_over(&section);
    }

    /// Adds a subscription of a tenant to every event, signed with these secrets.
    pub fn subscribe(&mut self, name: &str, tenant: &str, (url, secrets): (&str, &[&str])) {
        let mut keys = Vec::new();
        for (index, secret) in secrets.iter().enumerate() {
            let file = self.path().join(format!("{name}-{index}"));
            fs::write(&file, secret).unwrap();
            keys.push(format!("{{ id = \"{index}\", secret = \"file::{}\" }}", file.display()));
        }
        let keys = keys.join(", ");
        self.lay_over(&format!(
            "[subscriptions.{name}]\ntenant = \"{tenant}\"\nurl = \"{url}\"\ntypes = [\"*\"]\nkeys = [ {keys} ]\n"
        ));
    }

    /// Where everything is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The files of the configuration, the later ones over the earlier.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The configuration, loaded as the command line does.
    pub fn config(&self) -> Config {
        app::load(&Sources {
            files: self.files.clone(),
            env: Vec::new(),
        })
        .unwrap()
    }

    /// Starts a gateway in this process.
    pub async fn run(&self) -> App {
        App::start(self.config()).await.unwrap()
    }

    /// A client of the gateway at `address` with every scope of a tenant.
    pub fn client(&self, address: SocketAddr, tenant: &str) -> Client {
        Client::to(&format!("http://{address}"), self.tokens.of(tenant))
    }

    /// The URL that an account's webhooks of a kind go to.
    pub fn hook(&self, address: SocketAddr, account: &str, kind: Option<&str>) -> String {
        let kind = kind.map(|kind| format!("/{kind}")).unwrap_or_default();
        format!("http://{address}/webhooks/{account}{kind}/{HOOK}")
    }
}

fn configuration(path: &Path, providers: &Providers, store: &str) -> String {
    let dir = path.display();
    let number = Number::default();
    format!(
        r#"
[server]
bind = "127.0.0.1:0"
management_bind = "127.0.0.1:0"
workers = 2

[secrets]
keys = [ {{ id = "1", secret = "file::{dir}/seal" }} ]
{auth}
[store]
url = "{store}"

[outbound]
allow_private = ["127.0.0.0/8"]

[verification]
brand = "Acme"

# Tests send to neighbouring numbers; those about the guard lay it over.
[verification.guard]
mode = "off"

[routing]
calls = ["{ZENVIA}", "{EVOLUX}", "{WHATSAPP}"]
verifications = ["{ZENVIA}"]
{zenvia}{evolux}{positus}
number_id = "{id}"
number = "+{phone}"
webhook_keys = [ {{ id = "1", secret = "file::{dir}/hook" }} ]
"#,
        auth = Tokens::section(path),
        zenvia = zenvia(path, ZENVIA, &providers.zenvia.url()),
        evolux = account(path, EVOLUX, "evolux", &providers.evolux.url()),
        positus = account(path, WHATSAPP, "positus", &format!("{}/v2", providers.positus.url())),
        id = number.id,
        phone = number.phone,
    )
}

fn zenvia(path: &Path, name: &str, url: &str) -> String {
    let account = account(path, name, "zenvia", url);
    format!(
        "{account}webhook_keys = [ {{ id = \"1\", secret = \"file::{}/hook\" }} ]\n",
        path.display()
    )
}

/// An account of which the gateway may ask as much as it can, however often it fails.
fn account(path: &Path, name: &str, provider: &str, url: &str) -> String {
    format!(
        r#"
[accounts.{name}]
provider = "{provider}"
owner = "acme"
base_url = "{url}"
concurrent = 1000
per_second = 100000
breaker = {{ error_ratio = 1.0, min_requests = 100000, window_seconds = 30, open_seconds = 15 }}
keys = [ {{ id = "1", secret = "file::{dir}/provider" }} ]
"#,
        dir = path.display()
    )
}
