//! The address guard: no connection reaches an address that the policy refuses, however it is
//! written.

use std::net::Ipv4Addr;

use bytes::Bytes;
use outflow_egress::{AddressPolicy, Client, ClientOptions, SendErrorKind, Target};

use crate::server::{Server, answer, short};

const BODY: Bytes = Bytes::from_static(b"{}");

async fn kind(client: &Client, host: &str, port: u16) -> SendErrorKind {
    let target = Target::new(&format!("http://{host}:{port}/"), []).unwrap();
    let error = client.post(&target, BODY, &short()).await.expect_err(host);
    assert!(!error.ambiguous, "{host}: {error}");
    error.kind
}

#[tokio::test]
async fn the_machine_itself_is_out_of_reach_for_public_only() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let options = ClientOptions { policy: AddressPolicy::PublicOnly, ..ClientOptions::default() };
    let client = Client::new(&options).unwrap();
    let hosts = "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001 localhost LOCALHOST localhost. \
        [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] \
        0.0.0.0 0 [::] 10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 [fc00::1]";
    for host in hosts.split_whitespace() {
        let kind = kind(&client, host, server.address.port()).await;
        // A resolver may refuse an odd spelling itself. Connecting is what must not happen.
        assert!(matches!(kind, SendErrorKind::Blocked | SendErrorKind::Resolve), "{host}: {kind:?}");
    }
    assert_eq!(server.connections(), 0);
}

/// How an address can be written in a URL.
fn spellings(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets().map(u32::from);
    let (all, low3, low2) = (u32::from(ip), b << 16 | c << 8 | d, c << 8 | d);
    vec![
        format!("{ip}"),
        format!("{ip}."),
        format!("{all}"),
        format!("{all:#x}"),
        format!("{all:#X}").replace("0X", "0x"),
        format!("0{all:o}"),
        format!("{a}.{low3}"),
        format!("{a}.{b}.{low2}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:#x}.{b}.0{low2:o}"),
        format!("[::ffff:{ip}]"),
        format!("[::ffff:{:x}:{:x}]", all >> 16, all & 0xffff),
        format!("[0:0:0:0:0:FFFF:{ip}]"),
        format!("[::{ip}]"),
        format!("[64:ff9b::{:x}:{:x}]", all >> 16, all & 0xffff),
        format!("[2002:{:x}:{:x}::1]", all >> 16, all & 0xffff),
    ]
}

#[tokio::test]
async fn no_spelling_of_an_address_that_is_not_public_gets_through() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let options = ClientOptions { policy: AddressPolicy::PublicOnly, ..ClientOptions::default() };
    let client = Client::new(&options).unwrap();
    // One or more of each range that is not public, first and last addresses among them.
    let addresses = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 \
        127.255.255.254 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 \
        192.168.0.1 192.168.255.255 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 \
        255.255.255.255";
    let mut attempts = 0;
    for address in addresses.split_whitespace() {
        for host in spellings(address.parse().unwrap()) {
            let kind = kind(&client, &host, server.address.port()).await;
            assert!(matches!(kind, SendErrorKind::Blocked | SendErrorKind::Resolve), "{host}: {kind:?}");
            attempts += 1;
        }
    }
    assert_eq!(server.connections(), 0);
    println!("{attempts} spellings, 0 connections");
}

#[tokio::test]
async fn metadata_services_are_out_of_reach_for_everyone() {
    let client = Client::new(&ClientOptions::default()).unwrap();
    let hosts = "169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] \
        [64:ff9b::a9fe:a9fe] [fd00:ec2::254] [fe80::1] 169.254.170.2 100.100.100.200 0.0.0.0 [::] 224.0.0.1 255.255.255.255";
    for host in hosts.split_whitespace() {
        let kind = kind(&client, host, 80).await;
        assert!(matches!(kind, SendErrorKind::Blocked | SendErrorKind::Resolve), "{host}: {kind:?}");
    }
}

#[tokio::test]
async fn the_operator_may_name_the_machine_itself() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let client = Client::new(&ClientOptions::default()).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let target = Target::new(&format!("http://{host}:{}/", server.address.port()), []).unwrap();
        assert_eq!(client.post(&target, BODY, &short()).await.unwrap().status, 200);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_client_for_the_credential_services_reaches_nothing_else() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let options = ClientOptions { policy: AddressPolicy::AwsCredentials, ..ClientOptions::default() };
    let client = Client::new(&options).unwrap();
    for host in "10.0.0.1 192.168.1.1 8.8.8.8 [fe80::1] 169.254.1.1 100.100.100.200".split_whitespace() {
        assert_eq!(kind(&client, host, 80).await, SendErrorKind::Blocked, "{host}");
    }
    assert_eq!(client.put(&server.target("/"), BODY, &short()).await.unwrap().status, 200);
}
