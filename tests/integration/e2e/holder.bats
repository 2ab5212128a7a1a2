#!/usr/bin/env bats
# The process that holds the user's networks: it comes with the first container, goes with the last, and comes back when it is
# killed, with every address as it was.

bats_require_minimum_version 1.5.0
load support.bash
load networks.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
}

teardown() { leave_networks; }

no_holder() { [ -z "$(holders)" ]; }
one_holder_but() { [ "$(holders | wc -l)" = 1 ] && [ "$(holders)" != "$1" ]; }

@test "it is killed: the containers keep addresses, names and interfaces" {
  wolffia network create one
  server web --network one
  wolffia run -d --name client --network one busybox sleep 1000
  local ip mac n old
  ip=$(address_of web one)
  mac=$(wolffia exec web cat /sys/class/net/eth0/address)
  for n in 1 2 3; do
    old=$(holders)
    kill -9 "$old"
    eventually one_holder_but "$old"
    eventually fetches client web web
    [ "$(address_of web one)" = "$ip" ]
    [ "$(wolffia exec web cat /sys/class/net/eth0/address)" = "$mac" ]
  done
  restarted() { wolffia events --stream=false --since 1h --filter event=network --filter container=web --format '{{.Attributes.action}}' | grep -c restarted; }
  three_times() { [ "$(restarted)" -ge 3 ]; }
  eventually three_times
}

@test "it is killed, and a new container comes before the others are back" {
  wolffia network create one
  server web --network one
  wolffia run -d --name client --network one busybox sleep 1000
  local ip monitors n
  ip=$(address_of web one)
  monitors=$(cat "$STORE"/containers/*/started.json | grep -o '"monitor_pid":[0-9]*' | cut -d: -f2)
  for n in 1 2; do
    kill -STOP $monitors
    kill -9 "$(holders)"
    wolffia run -d --name "new$n" --network one busybox sleep 1000
    run -0 address_of "new$n" one
    [ "$output" != "$ip" ]
    [ "$output" != "$(address_of client one)" ]
    kill -CONT $monitors
    eventually fetches "new$n" web web
    [ "$(address_of web one)" = "$ip" ]
    wolffia rm -f -t 0 "new$n"
  done
}

@test "it goes with its last container, and leaves nothing" {
  wolffia network create one
  server web --network one
  wolffia run -d --name other --network one busybox sleep 1000
  [ "$(holders | wc -l)" = 1 ]
  wolffia rm -f -t 0 web
  wolffia run --rm --network one busybox true
  wolffia rm -f -t 0 other
  eventually no_holder
  [ -z "$(ls -A "$XDG_RUNTIME_DIR"/wolffia/net/leases)" ]
  run -0 wolffia run --rm --network one busybox ip -o -4 a s eth0
  assert_output_has .2/24
}

@test "everything is killed: the next container finds no traces" {
  wolffia network create one
  server web --network one
  local monitor
  monitor=$(grep -oh '"monitor_pid":[0-9]*' "$STORE"/containers/*/started.json | cut -d: -f2)
  kill -9 "$(holders)" "$monitor"
  run -0 wolffia run --rm --network one busybox ip -o -4 a s eth0
  assert_output_has "inet 10."
  eventually no_holder
  [ -z "$(ls -A "$XDG_RUNTIME_DIR"/wolffia/net/leases)" ]
}

@test "slirp4netns is killed: there is a way out again" {
  local host port
  host=$(ip -4 -o a show scope global 2>/dev/null | sed -n '1s/.*inet \([0-9.]*\).*/\1/p')
  [ -n "$host" ] || skip "this machine has no address besides its loopback's"
  mkdir -p "$WORLD/www"
  echo hello >"$WORLD/www/index.html"
  python3 -u - "$WORLD" "$host" <<'EOF' 3>&- &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1] + "/www")
server = http.server.ThreadingHTTPServer((sys.argv[2], 0), handler)
open(sys.argv[1] + "/port", "w").write(str(server.server_port))
server.serve_forever()
EOF
  echo $! >"$WORLD/server"
  eventually test -s "$WORLD/port"
  port=$(cat "$WORLD/port")
  wolffia network create one
  wolffia run -d --name client --network one busybox sleep 1000
  eventually fetches client "$host:$port" hello
  run ! wolffia exec client timeout 2 wget -q -O - "http://10.0.2.2:$port/"
  kill -9 "$(way_out)"
  eventually fetches client "$host:$port" hello
}

teardown_file() { [ ! -e "$WORLD/server" ] || kill "$(cat "$WORLD/server")"; }
