//! What keys mean once they are read.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::*;

#[test]
fn an_account_has_defaults_for_all_it_need_not_say() {
    let config = config("");
    let account = &config.accounts["zenvia-br"];
    let breaker = Breaker {
        error_ratio: 0.5,
        min_requests: 20,
        window: Duration::from_secs(30),
        open: Duration::from_secs(15),
    };
    assert_eq!(account.mode, Mode::On);
    assert_eq!(account.users, ["*"]);
    assert_eq!((account.concurrent, account.per_second), (64, 50));
    assert_eq!(account.timeout, Duration::from_millis(5000));
    assert_eq!(account.breaker, breaker);
    assert!(account.base_url.is_none() && account.webhook_keys.is_none() && account.low_balance.is_none());
}

/// The examples in `config/default.toml` are real ones, and show the true defaults of an account.
#[test]
fn the_commented_examples_load_and_show_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "0123456789-0123456789-0123456789").unwrap();
    let place = format!("\"file::{}\"", secret.display());
    let example = |line: &&str| line.starts_with('[') || line.contains(" = ") && !line.contains(": ");
    let lines = source::DEFAULTS
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(example);
    let text = lines.collect::<Vec<_>>().join("\n").replace("NAME", "example");
    let (_, named) = text.split_once("[accounts.").unwrap();
    let places = [
        "\"file::/run/secrets/zenvia\"",
        "\"env::ZENVIA_HOOK\"",
        "\"env::BILLING_HOOK\"",
    ];
    let named = places
        .iter()
        .fold(named.to_owned(), |text, old| text.replace(old, &place));

    let config = config(&format!("[accounts.{named}"));
    let (shown, bare) = (&config.accounts["example"], &config.accounts["zenvia-br"]);
    assert_eq!(shown.mode, bare.mode);
    assert_eq!(shown.users, bare.users);
    assert_eq!((shown.concurrent, shown.per_second), (bare.concurrent, bare.per_second));
    assert_eq!(shown.timeout, bare.timeout);
    assert_eq!(shown.breaker, bare.breaker);
    assert_eq!(shown.recording_hosts, bare.recording_hosts);
    assert!(shown.low_balance.is_some() && config.subscriptions.contains_key("example"));
}

#[test]
fn a_limit_of_zero_allows_none_and_false_allows_all() {
    let config = config("[limits]\nrequests_per_tenant = { max = 0, per_seconds = 60 }");
    assert_eq!(
        config.limits.requests_per_tenant,
        Some(Rate {
            max: 0,
            per: Duration::from_secs(60)
        })
    );
    assert_eq!(config.limits.requests_per_address, None);
}

#[test]
fn spending_is_a_number_of_sends() {
    let affordable = |max, price| {
        let limit = format!("spending_per_tenant_per_day = {{ max = \"{max}\", price_per_send = \"{price}\" }}");
        let guard = config(&format!("[verification.guard]\n{limit}")).verification.guard;
        guard.spending_per_tenant_per_day.unwrap().rate().max
    };
    assert_eq!(affordable("50.00", "0.35"), 142);
    assert_eq!(affordable("0.70", "0.35"), 2);
    assert_eq!(affordable("0.34", "0.35"), 0);
    assert_eq!(affordable("99999999999", "0.001"), u32::MAX);
    assert_eq!(config("").verification.guard.spending_per_tenant_per_day, None);
}

#[test]
fn keys_carry_their_unit() {
    let config = config("[retention]\ncalls_days = 2\nverifications_hours = 3\n[server]\nrequest_timeout_ms = 4004");
    assert_eq!(config.retention.calls, Duration::from_secs(2 * 86_400));
    assert_eq!(config.retention.verifications, Duration::from_secs(3 * 3600));
    assert_eq!(config.server.request_timeout, Duration::from_millis(4004));
}

#[test]
fn history_knows_its_time_zone() {
    let history = config("").history;
    assert_eq!(history.time_zone_name, "America/Sao_Paulo");
    assert_eq!(history.time_zone.iana_name(), Some("America/Sao_Paulo"));
}

#[test]
fn owners_and_users_are_named_or_everyone() {
    let config = config(
        "[accounts.zenvia-br]\nusers = ['billing']\n[accounts.open]\nprovider = 'evolux'\nowner = '*'\nusers = []\nkeys = [ { id = '1', secret = 'env::ZENVIA' } ]",
    );
    let (closed, open) = (&config.accounts["zenvia-br"], &config.accounts["open"]);
    let rights = |account: &Account, tenant| (account.owned_by(tenant), account.serves(tenant));
    assert_eq!(rights(closed, "telephony"), (true, true));
    assert_eq!(rights(closed, "billing"), (false, true));
    assert_eq!(rights(closed, "sales"), (false, false));
    assert_eq!(rights(open, "sales"), (true, true));
}

#[test]
fn routing_keeps_its_order() {
    let text = "[accounts.b]\nprovider = 'evolux'\nowner = 'o'\nkeys = [ { id = '1', secret = 'env::ZENVIA' } ]\n[routing]\ncalls = ['zenvia-br', 'b']";
    assert_eq!(config(text).routing.calls, [account("zenvia-br"), account("b")]);
}

#[test]
fn a_store_is_named_by_its_url() {
    let store = |url: &str| {
        config(&format!(
            "[secrets]\nkeys = [ {{ id = '1', secret = 'env::LONG' }} ]\n[store]\nurl = '{url}'"
        ))
        .store
    };
    for url in [
        "memory:",
        "embedded:./x",
        "rediss://h1:6380/2",
        "redis+cluster://h1,h2:7000",
        "redis+sentinel://h1,h2/mymaster",
    ] {
        assert_eq!(store(url).url(), url);
    }
    assert!(store("redis://h1").is_shared());
    assert!(!store("embedded:./x").is_shared());
    assert_eq!(store("embedded:./x").directory(), Some(Path::new("./x")));
}

#[test]
fn a_store_with_a_password_is_read_from_its_place() {
    let text = "[secrets]\nkeys = [ { id = '1', secret = 'env::LONG' } ]\n[store]\nurl = 'env::REDIS'";
    let config = read(text, &[("REDIS", "redis+cluster://me:pw@h1,h2")]).unwrap();
    assert_eq!(config.store.url(), "redis+cluster://me:pw@h1,h2");
}

#[test]
fn private_targets_are_networks_or_names() {
    let config = config("[outbound]\nallow_private = ['10.0.0.0/8', '192.168.0.7', 'Billing.internal']");
    let allows = |host: &str, address: &str| config.outbound.allows(host, address.parse::<IpAddr>().unwrap());
    assert!(allows("any.example.com", "10.1.2.3"));
    assert!(allows("any.example.com", "192.168.0.7"));
    assert!(allows("billing.internal", "172.16.0.1"));
    assert!(!allows("any.example.com", "192.168.0.8"));
}

#[test]
fn a_test_number_has_its_code() {
    let config = config("[verification.test_numbers]\n'+5511900000001' = 'env::CODE'");
    let numbers = &config.verification.test_numbers;
    assert_eq!(numbers.code("+5511900000001").unwrap().expose(), "424242");
    assert!(numbers.code("+5511900000002").is_none());
}

#[test]
fn a_provider_reads_its_own_keys_and_refuses_the_rest() {
    let env = [("SWITCHBOARD__ACCOUNTS__ZENVIA_BR__DEPTH", "3")];
    let text = "[accounts.zenvia-br]\nnumber = '+5511900000000'\nreports = ['did']\nforward_url = ''";
    let config = read(text, &env).unwrap();
    let settings = &config.accounts["zenvia-br"].settings;
    let read_all = |reader: &mut Reader<'_>| {
        let number = reader.required("number", &E164);
        let reports = reader.list("reports", &TEXT);
        (
            number.unwrap(),
            reports,
            reader.optional("forward_url", &HTTP_URL),
            reader.integer("depth", 1..=9),
        )
    };
    let expected = ("+5511900000000".to_owned(), vec!["did".to_owned()], None, 3);
    assert_eq!(settings.read(read_all).unwrap(), expected);

    let faults = settings.read(|reader| reader.text("number_id")).unwrap_err().0;
    let keys = ["number_id", "depth", "forward_url", "number", "reports"];
    assert_eq!(paths(&faults), keys.map(|key| format!("accounts.zenvia-br.{key}")));
    assert!(faults[1].remedy.contains("concurrent"));
}

#[test]
fn faults_of_a_provider_are_listed_with_all_others() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        format!("{BASE}\nconcurent = 1\n[history]\ntime_zone = 'x'"),
    )
    .unwrap();
    let env = ENV.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let sources = Sources {
        files: vec![file.path().to_owned()],
        env,
    };
    let check = |account: &Account| account.settings.read(|_| ());
    let faults = Config::load_with(&sources, check).unwrap_err().0;
    assert_eq!(paths(&faults), ["history.time_zone", "accounts.zenvia-br.concurent"]);
}
