#!/usr/bin/env bats
# What containers notice of the host's network: its IPv6 clients, interfaces and name servers that change. The host is one
# of the test's own: a user, mount and network namespace with an /etc, and an interface that leads to a peer in another one.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
}

setup() {
  rm -rf "$WORLD/made" "$WORLD/etc"
  mkdir "$WORLD/made" "$WORLD/etc"
  cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$WORLD/etc"
  echo "nameserver 192.0.2.9" >"$WORLD/etc/resolv.conf"
  unshare --user --map-root-user --net --mount sh -e -c '
    mount -n --bind "$1/etc" /etc
    ip link set lo up
    : >"$1/made/host"
    exec sleep 1000' sh "$WORLD" 3>&- &
  HOST=$!
  eventually test -e "$WORLD/made/host"
  nsenter --user --preserve-credentials -t "$HOST" unshare --net sh -e -c 'ip link set lo up; : >"$1/made/peer"; exec sleep 1000' \
    sh "$WORLD" 3>&- &
  PEER=$!
  eventually test -e "$WORLD/made/peer"
  wire one 192.0.2
}

teardown() {
  there wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  there wolffia network prune -f >/dev/null 2>&1 || true
  kill $(jobs -p) 2>/dev/null || true
  assert_clean
}

# In the host's namespaces, and in the network of its peer.
there() { nsenter --user --mount --net --preserve-credentials -t "$HOST" "$@"; }
peer() { nsenter --user --net --preserve-credentials -t "$PEER" "$@"; }
# wire NAME NETWORK: an interface of the host with NETWORK.1 and the default route, to its peer at NETWORK.9.
wire() {
  there ip link add "$1" type veth peer name "$1" netns "$PEER"
  there ip addr add "$2.1/24" dev "$1"
  there ip addr add 2001:db8::1/64 dev "$1" nodad
  there ip link set "$1" up
  peer ip addr add "$2.9/24" dev "$1"
  peer ip link set "$1" up
  there ip route replace default via "$2.9"
}
# answers PID COMMAND...: a server in the network of a process, which makes the file that is its last word when it listens.
answers() {
  rm -f "$WORLD/made/answers"
  nsenter --user --net --preserve-credentials -t "$1" python3 "${@:2}" "$WORLD/made/answers" 3>&- &
  eventually test -e "$WORLD/made/answers"
}
PORTS=$BATS_TEST_DIRNAME/ports.py
ports() { there python3 "$PORTS" "$@"; }
serve() { answers "$PEER" "$PORTS" serve 8000; }
names() { answers "$PEER" "$BATS_TEST_DIRNAME/names.py" 0.0.0.0 192.0.2.77; }
first_process() { there wolffia inspect -f '{{.State.Pid}}' "$1"; }
# reaches ADDRESS: from the container to the peer's server, which answers with the address that it sees.
reaches() { [ -n "$(there wolffia exec web sh -c "timeout 5 nc $1 8000 </dev/null")" ]; }
resolves() { there wolffia exec web timeout 5 nslookup -type=a some.example 2>/dev/null | grep -q "Address: 192.0.2.77$"; }
id_of() { there wolffia inspect -f '{{.Id}}' "$1"; }
helper() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$STORE/containers/$(id_of "$1")/network.json"; }
network_events() { there wolffia events --stream=false --since 1h --filter "container=$(id_of "$1")" --filter event=network --format '{{.Attributes.action}} {{.Attributes.detail}}'; }

@test "slirp4netns with enable_ipv6: IPv6 at once, and the addresses of IPv6 clients, also with a new slirp4netns" {
  local tcp udp
  answers "$HOST" "$PORTS" serve 8000
  run -0 there wolffia run --rm --network slirp4netns:enable_ipv6=true busybox sh -c \
    'timeout 5 nc 2001:db8::1 8000 </dev/null; ip -6 -o addr show tap0; cat /etc/hosts'
  assert_output_has $'2001:db8::1\n'
  assert_output_has fd00::100/64
  assert_output_has $'fd00::100\t'
  there wolffia run -d --name web --network slirp4netns:enable_ipv6=true -p 8001:8000 -p 8001:8000/udp busybox sleep 1000
  answers "$(first_process web)" "$PORTS" serve 8000
  seen() { [ "$(ports "$1" "$2" 8001)" = "$3" ] || fail "$(ports "$1" "$2" 8001) is not $3"; }
  seen who 2001:db8::1 2001:db8::1
  seen who-udp 2001:db8::1 2001:db8::1
  seen who 192.0.2.1 192.0.2.1
  # The container still has that one address, by which it is known, when the router's advertisement has come.
  inside() { nsenter --user --net --preserve-credentials -t "$(first_process web)" "$@"; }
  advertised() { inside ip -6 route show proto ra | grep -q default; }
  eventually advertised
  run inside ip -6 -br addr show tap0 scope global
  [[ "$output" =~ ^tap0\ +[A-Z]+\ +fd00::100/64\ *$ ]] || fail "$output"
  seen who-udp 2001:db8::1 2001:db8::1
  [ -z "$(network_events web)" ] || fail "$(network_events web)"
  seen who ::1 fd00::2
  seen who-udp ::1 fd00::2
  seen who 127.0.0.1 10.0.2.2
  kill -9 "$(helper web slirp4netns)"
  restarted() { network_events web | grep -q restarted; }
  eventually restarted
  seen who 2001:db8::1 2001:db8::1
  # Where the container has no IPv6 there is no error, and the gateway's address of IPv4.
  there wolffia rm -f -t 0 web
  there wolffia run -d --name web --sysctl net.ipv6.conf.all.disable_ipv6=1 --sysctl net.ipv6.conf.default.disable_ipv6=1 \
    --network slirp4netns:enable_ipv6=true -p 8001:8000 busybox sleep 1000
  answers "$(first_process web)" "$PORTS" serve 8000
  seen who 2001:db8::1 10.0.2.2
}

# Runs a container with this network, and moves the host from the network 192.0.2.0/24 to 198.51.100.0/24, as when a
# laptop goes home: another interface, and another name server. Connections are made before and after.
move_under() {
  serve
  names
  there wolffia run -d --name web --network "$1" busybox sleep 1000
  reaches 192.0.2.9
  eventually resolves
  there ip link delete one
  wire two 198.51.100
  there sh -c 'echo "nameserver 198.51.100.9" >/etc/new; mv /etc/new /etc/resolv.conf'
  reaches 198.51.100.9
}

@test "the host's interface and name server are others: slirp4netns follows" {
  move_under slirp4netns
  eventually resolves
}

@test "the host's interface and name server are others: the fast path follows" {
  move_under slirp4netns:bypass=on
  eventually resolves
}

@test "the host's interface and name server are others: user-defined networks follow" {
  there wolffia network create up
  move_under up
  eventually resolves
}

@test "the host's interface and name server are others: pasta's connections follow, its name servers with the next start" {
  command -v pasta >/dev/null || skip "pasta is not installed (package passt)"
  move_under pasta
  run -0 there wolffia exec web cat /etc/resolv.conf
  assert_output_is "nameserver 192.0.2.9"
  there wolffia restart -t 0 web
  eventually resolves
}
