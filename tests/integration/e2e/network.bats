#!/usr/bin/env bats
# The network of a container: slirp4netns, pasta, another container's; names and name servers; helpers that die; hosts
# that lack something. Servers listen on this machine's loopback only.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$(mktemp -d "${TMPDIR:-/tmp}/wolffia-net.XXXXXX")"
  wolffia run --rm --network none busybox true
  mkdir "$WORLD/www"
  echo hello >"$WORLD/www/index.html"
  python3 -u - "$WORLD" <<'EOF' 3>&- &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1] + "/www")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
open(sys.argv[1] + "/port", "w").write(str(server.server_port))
server.serve_forever()
EOF
  echo $! >"$WORLD/server"
  wait_for test -s "$WORLD/port"
}

teardown_file() {
  kill "$(cat "$WORLD/server")"
  rm -rf "$WORLD"
}

teardown() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  assert_clean
}

# wait_for COMMAND...: until it succeeds, for ten seconds at most.
wait_for() {
  local i
  for i in $(seq 200); do
    "$@" 2>/dev/null && return 0
    sleep 0.05
  done
  fail "never true: $*"
}

port() { cat "$WORLD/port"; }
helper() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$STORE/containers/$(id_of "$1")/network.json"; }
id_of() { wolffia inspect --format '{{.Id}}' "$1"; }
ended() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1")" = Z ]; }
fetch() { wolffia exec "$1" timeout 5 wget -q -O - "http://$2"; }

@test "slirp4netns: interface, route, name server and names" {
  run wolffia run --rm --name web --hostname box --network slirp4netns busybox sh -c \
    'cat /sys/class/net/tap0/mtu; ip -4 -o a s tap0; ip r; cat /etc/resolv.conf /etc/hosts; cat /proc/sys/net/ipv4/ping_group_range'
  assert_status 0
  [ "${lines[0]}" = 65520 ]
  assert_output_has "inet 10.0.2.100/24"
  assert_output_has "default via 10.0.2.2 dev tap0"
  assert_output_has "nameserver 10.0.2.3"
  assert_output_has $'10.0.2.100\tbox web'
  assert_output_has "host.containers.internal"
  assert_output_has $'0\t0'
}

@test "slirp4netns: the host's loopback is closed unless asked for" {
  run -1 wolffia run --rm --network slirp4netns busybox timeout 2 wget -q -O - "http://10.0.2.2:$(port)/"
  run wolffia run --rm --network slirp4netns:allow_host_loopback=true busybox timeout 5 wget -q -O - "http://10.0.2.2:$(port)/"
  assert_status 0
  assert_output_is hello
  run wolffia run --rm --net slirp4netns:allow_host_loopback=true busybox \
    timeout 5 wget -q -O - "http://host.containers.internal:$(port)/"
  assert_output_is hello
}

@test "slirp4netns: options reach it, from the command line and from the settings" {
  run wolffia run --rm --network slirp4netns:mtu=1400,cidr=10.77.1.0/24,enable_ipv6=true busybox sh -c \
    'cat /sys/class/net/tap0/mtu; ip -4 -o a s tap0; cat /etc/resolv.conf'
  assert_status 0
  [ "${lines[0]}" = 1400 ]
  assert_output_has 10.77.1.100/24
  assert_output_has "nameserver 10.77.1.3"
  WOLFFIA_NETWORK_OPTIONS=mtu=1300 WOLFFIA_RUN_NETWORK=slirp4netns \
    run wolffia run --rm busybox cat /sys/class/net/tap0/mtu
  assert_output_is 1300
}

@test "an id map without 0 has a network too" {
  run wolffia run --rm --userns keep-id --network slirp4netns:allow_host_loopback=true busybox \
    timeout 5 wget -q -O - "http://10.0.2.2:$(port)/"
  assert_output_is hello
}

@test "slirp4netns that dies is replaced, and the container does not end" {
  wolffia run -d --name web --network slirp4netns:allow_host_loopback=true busybox sleep 1000
  local first second n
  first=$(helper web slirp4netns)
  for n in 1 2 3; do
    kill -9 "$(helper web slirp4netns)"
    wait_for sh -c "[ \"\$(wolffia events --stream=false --since 1h --filter container=web | grep -c action=restarted)\" = $n ]"
    run fetch web "10.0.2.2:$(port)/"
    assert_output_is hello
  done
  second=$(helper web slirp4netns)
  [ "$first" != "$second" ]
  [ "$(wolffia inspect --format '{{.State.Status}}' web)" = running ]
}

@test "helpers end with the container, however it ends" {
  local pid
  wolffia run -d --name web --network slirp4netns busybox sleep 1000
  pid=$(helper web slirp4netns)
  wolffia kill web
  wolffia wait web
  wait_for ended "$pid"
  wolffia start web
  pid=$(helper web slirp4netns)
  kill -9 "$(wolffia inspect --format '{{.State.ConmonPid}}' web)"
  wait_for ended "$pid"
}

@test "a container that is started again has its network again" {
  wolffia run -d --name web --network slirp4netns:allow_host_loopback=true busybox sleep 1000
  wolffia restart -t 0 web
  run fetch web "10.0.2.2:$(port)/"
  assert_output_is hello
  wolffia stop -t 0 web
  wolffia start web
  run fetch web "10.0.2.2:$(port)/"
  assert_output_is hello
}

@test "--dns, --dns-search, --dns-option, --add-host and --no-hosts" {
  run wolffia run --rm --network slirp4netns --dns 192.0.2.1 --dns-search example.com --dns-option ndots:2 \
    --add-host db:192.0.2.9 --add-host out:host-gateway busybox cat /etc/resolv.conf /etc/hosts
  assert_status 0
  assert_output_has $'search example.com\nnameserver 192.0.2.1\noptions ndots:2'
  [[ "$output" != *10.0.2.3* ]]
  assert_output_has $'192.0.2.9\tdb'
  [[ "$output" != *host-gateway* ]]
  run wolffia run --rm --network slirp4netns --dns none busybox sh -c 'cat /etc/resolv.conf || echo none'
  assert_output_has none
  run -125 wolffia run --rm --network none --dns 192.0.2.1 busybox true
  run -125 wolffia run --rm --add-host db busybox true
  assert_output_has "unable to parse host entry"
  run -125 wolffia run --rm --add-host db:x busybox true
  assert_output_has "invalid IP address in add-host"
  run -125 wolffia run --rm --dns x busybox true
}

@test "malformed networks are refused with a sentence" {
  local word
  for word in slirp4netns:mtu=1 slirp4netns:mtu=99999 slirp4netns:cidr=10.0.2.0/31 slirp4netns:x=y host:x=y container: ns:; do
    run -125 wolffia run --rm --network "$word" busybox true
    assert_output_has "Error: "
  done
  run -125 wolffia run --rm --network host --network slirp4netns busybox true
  assert_output_has "multiple networks"
}

@test "a host without slirp4netns: an error with the remedy, or the host's network where the settings allow it" {
  mkdir "$WORLD/few"
  ln -s /usr/bin/newuidmap /usr/bin/newgidmap /bin/busybox "$WORLD/few/"
  run -125 env PATH="$WOLFFIA_BIN_DIR:$WORLD/few" wolffia run --rm --network slirp4netns busybox true
  assert_output_has "slirp4netns is not installed"
  assert_output_has "--network"
  run env PATH="$WOLFFIA_BIN_DIR:$WORLD/few" WOLFFIA_RUN_NETWORK=slirp4netns WOLFFIA_NETWORK_FALLBACK=host \
    wolffia run --rm busybox sh -c 'ls /sys/class/net'
  assert_status 0
  assert_output_has "network.fallback"
  [[ "$output" != *tap0* ]]
}

@test "--network container:NAME shares network and names" {
  wolffia run -d --name web --network slirp4netns:allow_host_loopback=true --add-host db:192.0.2.9 busybox sleep 1000
  run wolffia run --rm --network container:web busybox sh -c \
    "cat /etc/hosts; timeout 5 wget -q -O - http://10.0.2.2:$(port)/; ip -4 -o a s tap0"
  assert_status 0
  assert_output_has $'192.0.2.9\tdb'
  assert_output_has hello
  assert_output_has 10.0.2.100
  wolffia stop -t 0 web
  run -125 wolffia run --rm --network container:web busybox true
  assert_output_has "container state improper"
  run -125 wolffia run --rm --network container:nobody busybox true
}

@test "pasta: the host's addresses, the same promises" {
  command -v pasta >/dev/null || skip "pasta is not installed (package passt)"
  ip route show default | grep -q . || skip "pasta takes the addresses of the default route's interface, and there is none"
  run -1 wolffia run --rm --network pasta busybox sh -c "ip -o a s eth0 && timeout 2 wget -q -O - http://127.0.0.1:$(port)/"
  assert_output_has " eth0 "
  wolffia run -d --name web --network pasta busybox sleep 1000
  local pid program
  pid=$(helper web pasta)
  program=$(pgrep -P "$pid")
  wolffia exec web cat /etc/resolv.conf
  kill -9 "$pid"
  wait_for sh -c 'wolffia events --stream=false --since 1h --filter container=web | grep -q action=restarted'
  wait_for ended "$program"
  wait_for sh -c 'wolffia exec web ip r | grep -q default'
  pid=$(helper web pasta) program=$(pgrep -P "$(helper web pasta)")
  kill -9 "$(wolffia inspect --format '{{.State.ConmonPid}}' web)"
  wait_for ended "$pid"
  wait_for ended "$program"
  wait_for sh -c '[ "$(wolffia inspect -f "{{.State.Status}}" web)" = exited ]'
  wolffia start web
  program=$(pgrep -P "$(helper web pasta)")
  wolffia stop -t 0 web
  wait_for ended "$program"
}
