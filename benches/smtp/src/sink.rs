//! A server that takes everything, in a process of its own.

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Serves until it is killed. Its port is what it says first.
pub(crate) async fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    crate::say(
        &listener
            .local_addr()
            .expect("an address")
            .port()
            .to_string(),
    );
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut in_body) = (Vec::new(), false);
    let mut output = b"220 sink.example.test ESMTP\r\n".to_vec();
    let mut bytes = vec![0; 65536];
    loop {
        stream.write_all(&output).await?;
        output.clear();
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        input.extend_from_slice(&bytes[..read]);
        let mut start = 0;
        while let Some(end) = input[start..].iter().position(|byte| *byte == b'\n') {
            let line = &input[start..=start + end];
            start += end + 1;
            if in_body {
                in_body = line != b".\r\n";
                if !in_body {
                    output.extend_from_slice(b"250 2.0.0 queued\r\n");
                }
                continue;
            }
            in_body = line == b"DATA\r\n";
            output.extend_from_slice(match line {
                b"DATA\r\n" => b"354 go\r\n",
                [b'E', b'H', ..] => b"250-sink.example.test\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
                _ => b"250 2.0.0 ok\r\n",
            });
        }
        input.drain(..start);
    }
}
