//! A server that takes everything, in a process of its own so that its CPU is not counted.

use std::net::IpAddr;

use memchr::memmem;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::table::say;

const END: &[u8] = b"\r\n.\r\n";

/// Serves until its input ends. Its port is what it says first. `piecemeal`: each reply leaves by itself, and waits for the ACK of the one
/// before.
pub(crate) async fn run(address: IpAddr, piecemeal: bool) {
    let listener = TcpListener::bind((address, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    say(&port.to_string());
    let serving = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, piecemeal));
        }
    };
    let (mut input, mut nowhere) = (io::stdin(), io::sink());
    tokio::select! {
        () = serving => {}
        _ = io::copy(&mut input, &mut nowhere) => {}
    }
}

async fn serve(mut stream: TcpStream, piecemeal: bool) -> io::Result<()> {
    stream.set_nodelay(!piecemeal)?;
    let (mut input, mut in_body) = (Vec::new(), false);
    let mut output = b"220 sink.example.test ESMTP\r\n".to_vec();
    let mut bytes = vec![0; 256 * 1024];
    loop {
        let most = if piecemeal { 1 } else { usize::MAX };
        for replies in lines(&output, most) {
            stream.write_all(replies).await?;
        }
        output.clear();
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        input.extend_from_slice(&bytes[..read]);
        let mut start = 0;
        loop {
            let rest = &input[start..];
            if in_body {
                let Some(end) = memmem::find(rest, END) else {
                    // Its end may have begun.
                    start += rest.len().saturating_sub(END.len() - 1);
                    break;
                };
                start += end + END.len();
                in_body = false;
                output.extend_from_slice(b"250 2.0.0 queued\r\n");
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                break;
            };
            let line = &rest[..=end];
            start += end + 1;
            in_body = line == b"DATA\r\n";
            output.extend_from_slice(match line {
                b"DATA\r\n" => b"354 go\r\n",
                [b'E', b'H', ..] => b"250-sink.example.test\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
                _ => b"250 2.0.0 ok\r\n",
            });
        }
        input.drain(..start);
    }
}

/// At most as many lines at once.
fn lines(mut output: &[u8], most: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr::memchr_iter(b'\n', output).nth(most - 1);
        let (first, rest) = output.split_at(end.map_or(output.len(), |end| end + 1));
        output = rest;
        (!first.is_empty()).then_some(first)
    })
}
