//! kubectl's own flags for choosing a cluster.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Which cluster to read, and as whom.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster (as for kubectl)")]
pub struct Connection {
    /// The kubeconfig file to use.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context to use.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The kubeconfig's cluster to use.
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The kubeconfig's user to use.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Looks at this namespace only; repeatable.
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    pub namespace: Vec<String>,
    /// Looks at all namespaces, which is the default.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Looks at workloads with these labels only.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// The user to impersonate.
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// A group to impersonate; repeatable.
    #[arg(long = "as-group", value_name = "GROUP")]
    pub as_groups: Vec<String>,
    /// The UID to impersonate.
    #[arg(long, value_name = "UID")]
    pub as_uid: Option<String>,
    /// A bearer token.
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<Token>,
    /// The API server's address.
    #[arg(short, long, value_name = "URL")]
    pub server: Option<String>,
    /// How long a single request may take, such as 30s; 0 for ever.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub request_timeout: Option<Duration>,
    /// Does not verify the server's certificate.
    #[arg(long)]
    pub insecure_skip_tls_verify: bool,
    /// The name that the server's certificate must bear.
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// A PEM file of certificate authorities.
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// The kuberc file to use.
    #[arg(long, value_name = "FILE")]
    pub kuberc: Option<PathBuf>,
}

/// A bearer token; never shown, not even for debugging.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token itself, for the request.
    pub fn into_secret(self) -> secrecy::SecretString {
        self.0.into()
    }
}

impl From<String> for Token {
    fn from(token: String) -> Self {
        Self(token)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<token>")
    }
}

/// A duration as Go writes it (`1m30s`), or plain seconds; as kubectl reads it.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let wrong = || format!("{text:?} is no duration; write it as 30s or 2m");
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u32 = rest[..digits].parse().map_err(|_| wrong())?;
        let end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let unit = match &rest[digits..end] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => return Err(wrong()),
        };
        let part = unit.checked_mul(number).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = &rest[end..];
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        for (text, seconds) in [("0", 0.0), ("5", 5.0), ("1m30s", 90.0), ("250ms", 0.25), ("2h", 7200.0)] {
            assert_eq!(duration(text).map(|d| d.as_secs_f64()), Ok(seconds), "{text}");
        }
        for text in ["s", "5x", "-1s", "1m30", "99999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(format!("{:?}", Token::from("secret".to_owned())), "<token>");
    }
}
