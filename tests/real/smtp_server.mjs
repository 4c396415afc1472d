// npm's smtp-server as a submission server on loopback. Prints its ports as one line of JSON, then serves until it is ended.
//
// Login alice@example.com / s3cr3t-PASS, by PLAIN or LOGIN and only under TLS. The certificate is MAIL_DIR/pki's.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// It is installed outside of the source tree, where `import` doesn't look.
const { SMTPServer } = createRequire(`${process.env.NODE_PACKAGES}/`)("smtp-server");

const pki = `${process.env.MAIL_DIR}/pki`;
const login = { username: "alice@example.com", password: "s3cr3t-PASS" };

async function serve(options) {
  const server = new SMTPServer({
    name: "localhost",
    key: readFileSync(`${pki}/server.key`),
    cert: readFileSync(`${pki}/server.pem`),
    size: 1048576,
    authMethods: ["PLAIN", "LOGIN"],
    hideENHANCEDSTATUSCODES: false,
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      const good = username === login.username && password === login.password;
      // Without a user smtp-server itself answers with its 535.
      done(null, good ? { user: username } : {});
    },
    ...options,
  });
  // A client that breaks off a handshake is an error event, which would end the process.
  server.on("error", (error) => console.error(error.message));
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return server.server.address().port;
}

console.log(JSON.stringify({ starttls: await serve({ secure: false }), implicit_tls: await serve({ secure: true }) }));
