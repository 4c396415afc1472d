//! A server that takes everything, in a process of its own so that its CPU is not counted.

use std::net::IpAddr;

use memchr::memmem;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::table::say;

const END: &[u8] = b"\r\n.\r\n";

/// Serves until its input ends. Its port is what it says first.
pub(crate) async fn run(address: IpAddr) {
    let listener = TcpListener::bind((address, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    say(&port.to_string());
    let serving = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    };
    let (mut input, mut nowhere) = (io::stdin(), io::sink());
    tokio::select! {
        () = serving => {}
        _ = io::copy(&mut input, &mut nowhere) => {}
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut in_body) = (Vec::new(), false);
    let mut output = b"220 sink.example.test ESMTP\r\n".to_vec();
    let mut bytes = vec![0; 256 * 1024];
    loop {
        stream.write_all(&output).await?;
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
