//! The settings of Redis that can lose what it has acknowledged.

use std::collections::HashMap;

use deadpool_redis::redis::{cmd, from_redis_value};

use super::link::{Again, Links};

/// Reads the settings; none where Redis does not tell them, as hosted ones do not.
pub(super) async fn warnings(links: &Links) -> Vec<String> {
    let mut settings = HashMap::new();
    for pattern in ["append*", "maxmemory-policy"] {
        let mut command = cmd("CONFIG");
        command.arg("GET").arg(pattern);
        if let Ok(answer) = links.send(&command, Again::Harmless).await {
            let told = from_redis_value::<HashMap<String, String>>(answer);
            settings.extend(told.unwrap_or_default());
        }
    }
    judge(&settings)
}

fn judge(settings: &HashMap<String, String>) -> Vec<String> {
    let is = |name: &str| settings.get(name).map(String::as_str);
    let mut warnings = Vec::new();
    match (is("appendonly"), is("appendfsync")) {
        (Some("no"), _) => {
            warnings.push("Redis has appendonly no: a restart can lose what was acknowledged".to_owned())
        }
        (_, Some(fsync)) if fsync != "always" => warnings.push(format!(
            "Redis has appendfsync {fsync}: a loss of power can lose what was acknowledged"
        )),
        _ => {}
    }
    if let Some(policy) = is("maxmemory-policy").filter(|policy| *policy != "noeviction") {
        warnings.push(format!(
            "Redis has maxmemory-policy {policy}: short of memory, it drops what was acknowledged"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(settings: &[(&str, &str)]) -> Vec<String> {
        let owned = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        judge(&owned.collect())
    }

    #[test]
    fn safe_or_untold_settings_are_not_warned_of() {
        let safe = [
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("maxmemory-policy", "noeviction"),
        ];
        assert!(judged(&safe).is_empty());
        assert!(judged(&[]).is_empty());
    }

    #[test]
    fn each_setting_that_can_lose_work_is_named() {
        let warnings = judged(&[
            ("appendonly", "yes"),
            ("appendfsync", "everysec"),
            ("maxmemory-policy", "allkeys-lru"),
        ]);
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("appendfsync everysec"));
        assert!(warnings[1].contains("maxmemory-policy allkeys-lru"));
        // Without the log it does not matter how the log is synced.
        let warnings = judged(&[("appendonly", "no"), ("appendfsync", "everysec")]);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("appendonly no"));
    }
}
