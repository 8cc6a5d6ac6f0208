//! The proxy that breaks connections.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use outflow_testkit::{ChaosProxy, Fault, Receiver};

use crate::client::{batch, post, status};

#[test]
fn without_a_fault_every_byte_passes_both_ways() {
    let receiver = Receiver::start_blocking();
    let proxy = ChaosProxy::start(receiver.port());
    let (answer, end) = post(proxy.port(), "", &batch(&["a", "b"]));
    assert!(end.is_ok() && status(&answer) == Some(200));
    assert_eq!((receiver.calls().len(), proxy.connections()), (2, 1));
    assert_eq!(proxy.downstream_bytes(), answer.len() as u64);
}

#[test]
fn a_cut_comes_after_exactly_the_bytes_named() {
    let receiver = Receiver::start_blocking();
    let proxy = ChaosProxy::start(receiver.port());
    for bytes in [0, 1, 17, 40] {
        proxy.set(Fault::CutAfter(bytes));
        let (answer, end) = post(proxy.port(), "", &batch(&["a"]));
        assert_eq!(answer.len() as u64, bytes);
        assert!(end.is_ok(), "a cut is orderly: {end:?}");
    }
    proxy.set(Fault::ResetAfter(5));
    let (_, end) = post(proxy.port(), "", &batch(&["a"]));
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    proxy.set(Fault::None);
    assert_eq!(status(&post(proxy.port(), "", &batch(&["a"])).0), Some(200));
}

#[test]
fn silence_and_delay_hold_bytes_back_until_healed() {
    let receiver = Receiver::start_blocking();
    let proxy = ChaosProxy::start(receiver.port());
    proxy.set(Fault::Silence);
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = [0; 100];
    assert!(stream.read(&mut buffer).is_err());
    assert_eq!(receiver.requests().len(), 0);
    stream.set_read_timeout(None).unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(1)));
    assert!(stream.read(&mut buffer).unwrap() > 0);
}

#[test]
fn open_connections_can_be_reset_and_new_ones_refused() {
    let receiver = Receiver::start_blocking();
    let proxy = ChaosProxy::start(receiver.port());
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 1000]).unwrap() > 0);
    proxy.reset_all();
    assert_eq!(stream.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    proxy.set(Fault::Refuse);
    let (answer, end) = post(proxy.port(), "", &batch(&["a"]));
    assert!(answer.is_empty() && end.is_err());
}
