// Sends through npm's nodemailer, by its pool of one connection. Takes a job and prints a report, both as one line of JSON: src/job.rs
// says what is in them.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// It is installed outside of the source tree, where `import` doesn't look.
const require = createRequire(`${process.env.NODE_PACKAGES}/`);
const nodemailer = require("nodemailer");

const job = JSON.parse(process.argv[2]);
const raw = readFileSync(job.message);
const envelope = { from: job.from, to: job.to };
const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: 1,
  maxMessages: Infinity,
  host: job.host,
  port: job.port,
  name: "client.example.test",
  secure: job.encryption === "implicit_tls",
  requireTLS: job.encryption === "starttls",
  ignoreTLS: job.encryption === "none",
  tls: { ca: new X509Certificate(readFileSync(job.authority)).toString() },
  auth: job.login ? { user: job.login.username, pass: job.login.password, method: "PLAIN" } : undefined,
});

async function send(messages) {
  for (let left = messages; left > 0; left -= job.batch) {
    const batch = Array.from({ length: Math.min(job.batch, left) }, () => transport.sendMail({ envelope, raw }));
    const answers = await Promise.all(batch);
    const taken = answers.every((answer) => answer.accepted.length === job.to.length);
    if (!taken) throw new Error("a recipient was refused");
  }
}

await send(job.warm_up);
const cpu = process.cpuUsage();
const began = process.hrtime.bigint();
await send(job.messages);
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const { user, system } = process.cpuUsage(cpu);
// Unlike getrusage's, this peak does not hold the memory of the program that started this one.
const peak = Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
const { version } = require("nodemailer/package.json");
console.log(JSON.stringify({ seconds, cpu_seconds: (user + system) / 1e6, peak_bytes: peak, version: `${version}, Node ${process.versions.node}` }));
transport.close();
