//! The command line.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use clap::error::ErrorKind;
use ipnet::IpNet;
use shared::model::tenant::Tenant;

use crate::inbox::Login;

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API listens: a loopback address, since nobody has to log in.
    pub listen: SocketAddr,
    /// The inbox's ports: STARTTLS, then implicit TLS. 0 is any free port.
    pub inbox: (u16, u16),
    /// The one login that the inbox accepts; without it, any.
    pub inbox_login: Option<Login>,
    /// Who every request is from.
    pub tenant: Tenant,
    /// The networks that may be dialled on any port, besides public mail servers and the inbox.
    pub allow_hosts: Vec<IpNet>,
    /// A file of certificate authorities to trust besides the public ones.
    pub ca: Option<PathBuf>,
    /// Where to keep data; without it, in memory.
    pub data: Option<PathBuf>,
}

/// Why there are no options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// Help or the version was asked for: this text.
    Show(String),
    /// The command line is wrong: this line says how.
    Wrong(String),
}

/// Runs Mittente in one process, on embedded AWS services, with an inbox to send to. There is no login: it listens on
/// loopback alone.
#[derive(Parser)]
#[command(name = "mittente", version)]
struct Arguments {
    /// Where the API and the page listen, a loopback address; port 0 is any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025", value_parser = loopback)]
    listen: SocketAddr,
    /// The inbox's ports on 127.0.0.1: STARTTLS, implicit TLS; 0 is any free port
    #[arg(long, value_name = "PORT,PORT", default_value = "1025,1465", value_parser = ports)]
    inbox: (u16, u16),
    /// Has the inbox demand this login; without it, any login is accepted, and none
    // A plain text here: the parser's own errors would quote it.
    #[arg(long, value_name = "USER:PASSWORD")]
    inbox_login: Option<String>,
    /// The tenant that every request is from
    #[arg(long, value_name = "NAME", default_value = "local", value_parser = tenant)]
    tenant: Tenant,
    /// Networks or addresses that may be dialled on any port, though they are private
    #[arg(long = "allow-host", value_name = "CIDR", num_args = 1.., value_parser = network)]
    allow_hosts: Vec<IpNet>,
    /// A PEM file of certificate authorities to trust besides the public ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A directory to keep data in; without it, everything is gone at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Options {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// What to print instead of starting.
    pub fn parse<T>(arguments: impl IntoIterator<Item = T>) -> Result<Self, Instead>
    where
        T: Into<OsString> + Clone,
    {
        let arguments = Arguments::try_parse_from(arguments).map_err(|error| {
            let text = error.to_string();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Instead::Show(text),
                // The lines after the first are tips and usage, which --help has too.
                _ => wrong(text.lines().next().unwrap_or_default()),
            }
        })?;
        let inbox_login = arguments
            .inbox_login
            .map(|login| Login::parse(&login))
            .transpose()
            .map_err(|error| wrong(&format!("error: --inbox-login: {error}")))?;
        Ok(Self {
            listen: arguments.listen,
            inbox: arguments.inbox,
            inbox_login,
            tenant: arguments.tenant,
            allow_hosts: arguments.allow_hosts,
            ca: arguments.ca,
            data: arguments.data,
        })
    }
}

fn wrong(line: &str) -> Instead {
    let line = line.trim_start_matches("error: ");
    Instead::Wrong(format!("mittente: {line} (see --help)"))
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "must be an address and a port, like 127.0.0.1:8025 or [::1]:8025")?;
    if !address.ip().is_loopback() {
        return Err("must be a loopback address: there is no login".to_owned());
    }
    Ok(address)
}

fn ports(text: &str) -> Result<(u16, u16), &'static str> {
    let ports = text
        .split_once(',')
        .and_then(|(one, other)| Some((one.trim().parse().ok()?, other.trim().parse().ok()?)))
        .ok_or("must be two ports, like 1025,1465")?;
    if ports.0 != 0 && ports.0 == ports.1 {
        return Err("must be two different ports");
    }
    Ok(ports)
}

fn tenant(text: &str) -> Result<Tenant, String> {
    Tenant::new(text).map_err(|error| error.to_string())
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let network = text.parse::<IpNet>().ok();
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    network
        .or_else(address)
        .ok_or("must be a network or an address, like 10.0.0.0/8 or 192.168.1.10")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Instead> {
        Options::parse([&["mittente"], arguments].concat())
    }

    #[test]
    fn the_defaults_are_those_of_the_readme() {
        let options = parse(&[]).expect("options");
        assert_eq!(options.listen.to_string(), "127.0.0.1:8025");
        assert_eq!(options.inbox, (1025, 1465));
        assert_eq!(options.tenant.as_str(), "local");
        assert!(options.inbox_login.is_none() && options.allow_hosts.is_empty());
        assert!(options.ca.is_none() && options.data.is_none());
    }

    #[test]
    fn every_flag_is_read() {
        let options = parse(&[
            "--listen=[::1]:0",
            "--inbox=0,0",
            "--inbox-login=user:pencil",
            "--tenant=auth0|x",
            "--allow-host",
            "10.0.0.0/8",
            "192.168.1.10",
            "--allow-host=::1",
            "--ca=ca.pem",
            "--data=data",
        ])
        .expect("options");
        assert_eq!(options.listen.to_string(), "[::1]:0");
        assert_eq!(options.inbox, (0, 0));
        assert_eq!(options.inbox_login, Login::parse("user:pencil").ok());
        assert_eq!(options.tenant.as_str(), "auth0|x");
        let networks: Vec<_> = options.allow_hosts.iter().map(IpNet::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "192.168.1.10/32", "::1/128"]);
        assert_eq!(options.ca, Some("ca.pem".into()));
        assert_eq!(options.data, Some("data".into()));
        assert!(!format!("{options:?}").contains("pencil"));
    }

    #[test]
    fn a_wrong_flag_is_one_line_that_names_it() {
        for (arguments, names) in [
            (&["--listen=0.0.0.0:8025"][..], "loopback"),
            (&["--listen=192.168.1.1:80"], "--listen"),
            (&["--listen=8025"], "--listen"),
            (&["--listen"], "--listen"),
            (&["--inbox=1025"], "--inbox"),
            (&["--inbox=1025,1025"], "different"),
            (&["--inbox=1025,99999"], "--inbox"),
            (&["--inbox-login=:canary"], "--inbox-login"),
            (&["--tenant="], "--tenant"),
            (&["--allow-host=10.0.0.0/33"], "--allow-host"),
            (&["--allow-hots=::1"], "--allow-hots"),
            (&["serve"], "serve"),
        ] {
            let Err(Instead::Wrong(line)) = parse(arguments) else {
                panic!("{arguments:?} was accepted")
            };
            assert!(line.contains(names), "{arguments:?}: {line}");
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(!line.contains("canary"), "{line}");
        }
    }

    #[test]
    fn help_and_version_are_shown() {
        for flag in ["--help", "--version"] {
            assert!(matches!(parse(&[flag]), Err(Instead::Show(_))), "{flag}");
        }
    }
}
