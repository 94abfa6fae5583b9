//! `switchboard dev`: the gateway and simulated providers in one process, ready to try.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::simulate::{self, Addresses, Hooks, Simulators};
use super::token::{every_scope, mint};
use super::webhooks::urls;
use super::{asked_to_end, block_on, print};
use crate::app::{self, App};
use crate::config::{Config, Sources, generate_or_load_secret};
use crate::{spans, telemetry};

/// How long the printed token lives.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where the development gateway listens and keeps its state.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The port of the API; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of metrics and health; 0 takes a free one.
    #[arg(long, default_value_t = 9090)]
    management_port: u16,
    /// The port of the first simulator, the others take the next two; 0 takes free ones.
    #[arg(long, default_value_t = 9101)]
    simulator_port: u16,
    /// Where state, keys and the configuration that is made are kept.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// A configuration file laid over the development configuration.
    #[arg(long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let ports = addresses(options)?;
    let config = configuration(options, &ports)?;
    let _written = telemetry::init(config.telemetry.log_format, config.telemetry.log_level)?;
    spans::start(config.telemetry.otlp_endpoint.as_ref())?;
    block_on(config.server.workers, async move {
        let hooks = Hooks {
            zenvia: urls(&config, &"zenvia-br".parse()?)?.into_iter().collect(),
            positus: urls(&config, &"whatsapp".parse()?)?.pop().map(|(_, url)| url),
        };
        let token = mint(&config.auth, "acme", "developer", &every_scope(), TOKEN_LIFE)?;
        let simulators = Simulators::start(&ports.simulators, &simulate::Options::simulated(), &hooks).await?;
        let app = App::start(config).await?;
        print(&welcome(&app, &simulators, &token))?;
        asked_to_end().await?;
        app.stop().await;
        spans::stop().await;
        simulators.stop().await;
        Ok(())
    })
}

struct Ports {
    api: SocketAddr,
    management: SocketAddr,
    simulators: Addresses,
}

/// The configuration names every address, so free ports are found before it is written.
fn addresses(options: &Options) -> anyhow::Result<Ports> {
    let at = |port: u16| -> anyhow::Result<SocketAddr> {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Ok(if port == 0 {
            std::net::TcpListener::bind(address)?.local_addr()?
        } else {
            address
        })
    };
    let simulator = |offset: u16| {
        at(if options.simulator_port == 0 {
            0
        } else {
            options.simulator_port + offset
        })
    };
    Ok(Ports {
        api: at(options.port)?,
        management: at(options.management_port)?,
        simulators: Addresses {
            zenvia: simulator(0)?,
            evolux: simulator(1)?,
            positus: simulator(2)?,
        },
    })
}

/// Writes the development configuration with keys made on the first start, and loads it as any other.
fn configuration(options: &Options, ports: &Ports) -> anyhow::Result<Config> {
    fs::create_dir_all(&options.data)?;
    let data = options.data.canonicalize()?;
    for name in ["jwt", "seal", "webhooks"] {
        let directory = data.join("keys").join(name);
        fs::create_dir_all(&directory)?;
        generate_or_load_secret(&directory)?;
    }
    let file = data.join("switchboard.toml");
    fs::write(&file, toml(&data, ports))?;
    Ok(app::load(&sources([vec![file], options.config.clone()].concat()))?)
}

/// Where a development configuration comes from: the tokens of the simulated providers are no secrets.
pub(super) fn sources(files: Vec<PathBuf>) -> Sources {
    let mut sources = Sources::from_process(files);
    for (name, token) in [
        ("SIMULATED_ZENVIA_TOKEN", simulate::ZENVIA_TOKEN),
        ("SIMULATED_EVOLUX_TOKEN", simulate::EVOLUX_TOKEN),
        ("SIMULATED_POSITUS_TOKEN", simulate::POSITUS_TOKEN),
    ] {
        sources.env.push((name.to_owned(), token.to_owned()));
    }
    sources
}

fn toml(data: &Path, ports: &Ports) -> String {
    let Ports {
        api,
        management,
        simulators,
    } = ports;
    let key = |name: &str| format!("file::{}", data.join("keys").join(name).join("secret.key").display());
    format!(
        r#"# Written anew by every `switchboard dev`; lay your own file over it with --config.
[server]
bind = "{api}"
management_bind = "{management}"
public_url = "http://{api}"

[secrets]
keys = [ {{ id = "dev", secret = "{seal}" }} ]

[auth]
issuer = "switchboard-dev"
audience = "switchboard"
keys = [ {{ id = "dev", alg = "HS256", secret = "{jwt}" }} ]

[store]
url = "embedded:{store}"

[telemetry]
log_format = "pretty"
log_level = "warn"

[outbound]
allow_private = ["127.0.0.0/8"]

[verification]
brand = "Acme"

[routing]
calls = ["zenvia-br", "evolux-natal", "whatsapp"]
verifications = ["zenvia-br"]

[accounts.zenvia-br]
provider = "zenvia"
owner = "acme"
concurrent = 1000
per_second = 100000
base_url = "http://{zenvia}"
keys = [ {{ id = "dev", secret = "env::SIMULATED_ZENVIA_TOKEN" }} ]
webhook_keys = [ {{ id = "dev", secret = "{webhooks}" }} ]

[accounts.evolux-natal]
provider = "evolux"
owner = "acme"
concurrent = 1000
per_second = 100000
base_url = "http://{evolux}"
keys = [ {{ id = "dev", secret = "env::SIMULATED_EVOLUX_TOKEN" }} ]

[accounts.whatsapp]
provider = "positus"
owner = "acme"
concurrent = 1000
per_second = 100000
base_url = "http://{positus}/v2"
number_id = "{number_id}"
number = "{number}"
keys = [ {{ id = "dev", secret = "env::SIMULATED_POSITUS_TOKEN" }} ]
webhook_keys = [ {{ id = "dev", secret = "{webhooks}" }} ]
"#,
        seal = key("seal"),
        jwt = key("jwt"),
        webhooks = key("webhooks"),
        store = data.join("store").display(),
        zenvia = simulators.zenvia,
        evolux = simulators.evolux,
        positus = simulators.positus,
        number_id = crate::simulators::positus::Number::default().id,
        number = format_args!(
            "+{}",
            crate::simulators::positus::Number::default()
                .phone
                .trim_start_matches('+')
        ),
    )
}

fn welcome(app: &App, simulators: &Simulators, token: &str) -> String {
    format!(
        r#"
Switchboard is ready, with simulated providers.

  API         http://{api}
  Swagger UI  http://{api}/swagger-ui/
  Metrics     http://{management}/metrics

  export GW=http://{api}
  export T={token}

Place a call; it rings, is answered, and ends by itself:

  curl $GW/calls -H "Authorization: Bearer $T" -H 'Content-Type: application/json' -d '{{"to":"11988887777","actions":[{{"type":"say","text":"Seu pedido saiu"}}]}}'

Verify a number: send a code, read it where the person would, and check it:

  curl $GW/verifications -H "Authorization: Bearer $T" -H 'Content-Type: application/json' -d '{{"to":"(11) 98888-7777","channel":"sms","brand":"Acme"}}'
  curl '{zenvia}/_sim/codes?to=11988887777'
  curl $GW/verifications/ID/check -H "Authorization: Bearer $T" -H 'Content-Type: application/json' -d '{{"code":"CODE"}}'

Read the history of every provider:

  curl "$GW/history?since=yesterday&until=today" -H "Authorization: Bearer $T"

"#,
        api = app.address,
        management = app.management_address,
        zenvia = simulators.zenvia.url(),
    )
}
