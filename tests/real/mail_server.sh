# shellcheck shell=bash
# A submission server: Postfix on the loopback ports STARTTLS_PORT and TLS_PORT, Dovecot for its logins. Everything is in MAIL_DIR.
#
# Login alice@example.com / s3cr3t-PASS. ann@inbox.test, bob@inbox.test, użytkownik@inbox.test and info@bücher.test have mailboxes in
# MAIL_DIR/mail; others there are unknown.
#
# Where there is a PUBLIC_ADDRESS, it also listens there, on port 587.

export STARTTLS_PORT=10587 TLS_PORT=10465
SASL_PORT=10143
# A user that Debian has and that owns nothing: the mailboxes'.
MAIL_UID=5000

mail_server_certificate() {
  local pki=$MAIL_DIR/pki
  mkdir -p "$pki"
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test authority' \
      -keyout "$pki/ca.key" -out "$pki/ca.pem"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' -keyout "$pki/server.key" -out "$pki/server.csr"
    openssl x509 -req -in "$pki/server.csr" -CA "$pki/ca.pem" -CAkey "$pki/ca.key" -CAcreateserial -days 2 -out "$pki/server.pem" \
      -extfile <(printf 'subjectAltName=DNS:localhost%s\nbasicConstraints=CA:FALSE\n' "${PUBLIC_ADDRESS:+,IP:$PUBLIC_ADDRESS}")
  } 2>> "$MAIL_DIR/openssl.log"
}

mail_server_start() {
  chmod 711 "$MAIL_DIR"
  mkdir -p "$MAIL_DIR"/{postfix,spool,data,dovecot,mail}
  chown postfix "$MAIL_DIR/data"
  chown $MAIL_UID:$MAIL_UID "$MAIL_DIR/mail"
  mail_server_certificate

  printf 'alice@example.com:{PLAIN}s3cr3t-PASS\n' > "$MAIL_DIR/dovecot/users"
  chmod 644 "$MAIL_DIR/dovecot/users"
  cat > "$MAIL_DIR/dovecot/dovecot.conf" << EOF
base_dir = $MAIL_DIR/dovecot/run
state_dir = $MAIL_DIR/dovecot/state
log_path = $MAIL_DIR/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
service auth {
  inet_listener {
    address = 127.0.0.1
    port = $SASL_PORT
  }
}
service stats {
  chroot =
}
passdb {
  driver = passwd-file
  args = username_format=%u $MAIL_DIR/dovecot/users
}
userdb {
  driver = static
  args = uid=$MAIL_UID gid=$MAIL_UID home=$MAIL_DIR/mail
}
EOF

  printf '%s\n' 'ann@inbox.test ann/' 'bob@inbox.test bob/' 'użytkownik@inbox.test utf8/' 'info@xn--bcher-kva.test idn/' > "$MAIL_DIR/postfix/mailboxes"
  cat > "$MAIL_DIR/postfix/main.cf" << EOF
compatibility_level = 3.6
queue_directory = $MAIL_DIR/spool
data_directory = $MAIL_DIR/data
maillog_file = $MAIL_DIR/postfix.log
maillog_file_prefixes = $MAIL_DIR
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
alias_database =
virtual_mailbox_domains = inbox.test xn--bcher-kva.test
virtual_mailbox_base = $MAIL_DIR/mail
virtual_mailbox_maps = texthash:$MAIL_DIR/postfix/mailboxes
virtual_uid_maps = static:$MAIL_UID
virtual_gid_maps = static:$MAIL_UID
smtpd_tls_cert_file = $MAIL_DIR/pki/server.pem
smtpd_tls_key_file = $MAIL_DIR/pki/server.key
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:$SASL_PORT
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_sasl_authenticated, reject
smtpd_forbid_bare_newline = yes
message_size_limit = 1048576
default_transport = discard:
EOF
  cat > "$MAIL_DIR/postfix/master.cf" << EOF
$STARTTLS_PORT inet n - n - - smtpd
$TLS_PORT inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
EOF
  if [[ -n ${PUBLIC_ADDRESS:-} ]]; then
    echo "$PUBLIC_ADDRESS:587 inet n - n - - smtpd" >> "$MAIL_DIR/postfix/master.cf"
  fi
  # Daemons must not hold this script's output open.
  dovecot -c "$MAIL_DIR/dovecot/dovecot.conf" >> "$MAIL_DIR/start.log" 2>&1 < /dev/null
  postfix -c "$MAIL_DIR/postfix" start >> "$MAIL_DIR/start.log" 2>&1 < /dev/null
}

mail_server_stop() {
  local file=$MAIL_DIR/dovecot/run/master.pid pid
  postfix -c "$MAIL_DIR/postfix" stop > /dev/null 2>&1 || true
  if [[ -f $file ]]; then
    pid=$(< "$file")
    kill "$pid" 2> /dev/null || true
    # It takes seconds, and holds its port until then: the next run would find it taken.
    timeout 30 tail --pid="$pid" -f /dev/null || true
  fi
}

# At the end of a script: what the logs say, if it failed, and nothing left behind.
mail_server_finish() {
  local status=$?
  if [[ $status != 0 ]]; then
    for log in "$MAIL_DIR"/*.log; do
      printf '\n--- %s\n' "${log##*/}"
      # ministack says it every second.
      sed '/Pipes .*: holding/d' "$log" | tail -n 60
    done
  fi
  mail_server_stop
  rm -rf "$MAIL_DIR"
  exit "$status"
}
