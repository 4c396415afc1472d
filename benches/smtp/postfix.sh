#!/usr/bin/env bash
# Postfix on port 25 of the network namespace of process PID, with everything in FOLDER: takes mail from the bench's links and throws it
# away. Says "ready", and ends with its input: all its processes are in a process namespace that ends with this one.
#
#     postfix.sh FOLDER PID
set -euo pipefail
folder=$1

if [[ ${2:-} ]]; then
  exec nsenter --net="/proc/$2/ns/net" unshare --pid --fork --kill-child -- "$0" "$folder"
fi

mkdir -p "$folder"/{spool,data}
chmod 711 "$folder"
chown postfix "$folder/data"
cat > "$folder/main.cf" << EOF
compatibility_level = 3.6
queue_directory = $folder/spool
data_directory = $folder/data
maillog_file = $folder/postfix.log
maillog_file_prefixes = $folder
inet_interfaces = all
inet_protocols = ipv4
myhostname = mail.example.test
mydestination =
mynetworks = 192.0.2.0/24 198.51.100.0/24
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
default_transport = discard:
EOF
cat > "$folder/master.cf" << EOF
25 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
EOF
ip link set lo up
postfix -c "$folder" start-fg >> "$folder/start.log" 2>&1 < /dev/null &
for _ in {1..100}; do
  if (exec 3<> /dev/tcp/127.0.0.1/25) 2> /dev/null; then
    echo ready
    # Until the end of the input.
    cat > /dev/null
    exit
  fi
  sleep 0.1
done
tail -n 20 "$folder"/*.log >&2
exit 1
