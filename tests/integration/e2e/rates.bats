#!/usr/bin/env bats
# --network-rate: what a container receives and sends is as fast as it says, also after its slirp4netns was replaced. The
# server is on this machine's loopback.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$(mktemp -d "${TMPDIR:-/tmp}/wolffia-rates.XXXXXX")"
  wolffia run --rm --network none busybox true
  head -c 3000000 /dev/zero >"$WORLD/data.bin"
  # Sends the file to whoever connects and says "get", else swallows what comes and says how much it was.
  python3 -u - "$WORLD" <<'EOF' 3>&- &
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        first = self.request.recv(4)
        if first == b"get\n":
            self.request.sendall(open(sys.argv[1] + "/data.bin", "rb").read())
            return
        count = len(first)
        while count < 3000000:
            data = self.request.recv(65536)
            if not data: break
            count += len(data)
        self.request.sendall(b"%d\n" % count)
socketserver.ThreadingTCPServer.daemon_threads = True
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1] + "/port", "w").write(str(server.server_address[1]))
server.serve_forever()
EOF
  echo $! >"$WORLD/server"
  eventually test -s "$WORLD/port"
}

teardown_file() {
  kill "$(cat "$WORLD/server")"
  rm -rf "$WORLD"
}

teardown() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  wolffia network prune -f >/dev/null
  assert_clean
}

limited() { wolffia run -d --name web --network slirp4netns:allow_host_loopback=true "$@" busybox sleep 1000; }
now() { date +%s%3N; }
# Milliseconds that three million bytes take, to the container and from it.
receive() {
  local start bytes
  start=$(now)
  bytes=$(wolffia exec web sh -c "echo get | nc 10.0.2.2 $(cat "$WORLD/port") | wc -c")
  [ "$bytes" -eq 3000000 ] || fail "received $bytes"
  echo $(($(now) - start))
}
send() {
  local start
  start=$(now)
  wolffia exec web sh -c "head -c 3000000 /dev/zero | nc 10.0.2.2 $(cat "$WORLD/port")" >"$WORLD/sent"
  [ "$(cat "$WORLD/sent")" = 3000000 ] || fail "sent $(cat "$WORLD/sent")"
  echo $(($(now) - start))
}

@test "ingress and egress are limited, each by its own rate" {
  limited --network-rate ingress=12mbit,egress=16mbit
  # 2 and 1.5 seconds, less what the bucket holds at the beginning and what slirp4netns takes.
  took=$(receive); [ "$took" -ge 1500 ] || fail "received in $took ms"
  took=$(send); [ "$took" -ge 900 ] || fail "sent in $took ms"
}

@test "the limits come back with a new slirp4netns" {
  limited --network-rate ingress=12mbit
  pid=$(sed -n 's/.*"slirp4netns":\([0-9]*\).*/\1/p' "$STORE/containers/$(wolffia inspect --format '{{.Id}}' web)/network.json")
  kill -9 "$pid"
  eventually sh -c "wolffia events --stream=false --since 1m | grep -q restarted"
  took=$(receive); [ "$took" -ge 1500 ] || fail "received in $took ms"
}

@test "an interface that comes later is limited, too" {
  wolffia network create one
  wolffia network create two
  wolffia run -d --name web --network one --network-rate ingress=12mbit,egress=16mbit busybox sleep 1000
  wolffia run -d --name far --network two -v "$WORLD/data.bin:/www/data.bin:ro" -v "$WORLD/port:/www/port:ro" \
    busybox httpd -f -p 80 -h /www
  wolffia network connect two web
  run -0 wolffia exec web ip -o -4 addr show eth1
  far=$(wolffia inspect -f '{{.NetworkSettings.Networks.two.IPAddress}}' far)
  serves() { wolffia exec web timeout 5 wget -q -O /dev/null "http://$far/port"; }
  eventually serves
  start=$(now)
  run -0 wolffia exec web sh -c "wget -q -O - http://$far/data.bin | wc -c"
  assert_output_is 3000000
  took=$(($(now) - start)); [ "$took" -ge 1500 ] || fail "received in $took ms"
  wolffia exec -d far sh -c 'sleep 1000 | nc -l -p 81 >/sent'  # one whose input ends hangs up
  listens() { wolffia exec far grep -q :0051 /proc/net/tcp6 /proc/net/tcp; }
  eventually listens
  start=$(now)
  wolffia exec web sh -c "head -c 3000000 /dev/zero | nc $far 81"
  took=$(($(now) - start)); [ "$took" -ge 900 ] || fail "sent in $took ms"
  run -0 wolffia exec far stat -c %s /sent
  assert_output_is 3000000
}

@test "what cannot be limited is refused" {
  run -125 wolffia run --rm --network host --network-rate ingress=1mbit busybox true
  assert_output_has "does not go with --network host"
  run -125 wolffia run --rm --network slirp4netns:bypass=on --network-rate ingress=1mbit busybox true
  assert_output_has "goes past the limits"
  run -125 wolffia run --rm --network slirp4netns --network-rate ingress=fast busybox true
  assert_output_has "not a number"
}
