#!/usr/bin/env bats
# Published ports: every driver, whose address the container sees, conflicts and other refusals, helpers that die, load.
# Servers run in the containers' network namespaces, clients on this host.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  export WOLFFIA_RUN_NETWORK=slirp4netns
  wolffia run --rm --network none busybox true
}

teardown() {
  [ ! -e "$WORLD/server" ] || kill $(cat "$WORLD/server") 2>/dev/null || true
  rm -f "$WORLD/server" "$WORLD/ready"
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  wolffia network prune -f >/dev/null
  assert_clean
}

python() { python3 "$BATS_TEST_DIRNAME/ports.py" "$@"; }
# start NAME FLAG...: a container with the server of ports.py at its port 8000.
start() {
  wolffia run -d --name "$@" busybox sleep 1000
  serve "$1"
}
serve() {
  rm -f "$WORLD/ready"
  nsenter --user --net --preserve-credentials -t "$(wolffia inspect -f '{{.State.Pid}}' "$1")" \
    python3 "$BATS_TEST_DIRNAME/ports.py" serve 8000 "$WORLD/ready" 3>&- &
  echo $! >>"$WORLD/server"
  eventually test -e "$WORLD/ready"
}
# The host's port that leads to the container's.
host_port() { wolffia port "$1" "${2:-8000}" | sed 's/.*://'; }
id_of() { wolffia inspect -f '{{.Id}}' "$1"; }
helper() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$STORE/containers/$(id_of "$1")/network.json"; }
# Of this container, not of others that had its name.
events() { wolffia events --stream=false --since 1h --filter "container=$(id_of "$1")" --format '{{.Attributes.action}} {{.Attributes.detail}}'; }
count_events() { [ "$(events "$1" | grep -c "$2")" = "$3" ]; }
# An address of this host that is not its loopback's.
host_address() {
  ip -4 -o address show scope global up | sed -n '1s/.*inet \([0-9.]*\).*/\1/p' | grep . ||
    skip "this host has no address but its loopback's: forward_test keeps clients' addresses between namespaces"
}
free() { python3 -c 'import socket, sys; socket.create_server(("0.0.0.0", int(sys.argv[1])))' "$1" 2>/dev/null; }

@test "slirp4netns: the client's address, and the gateway's for the host's loopback, of which is warned once" {
  start web -p 8000 -p 8000/udp
  local tcp udp address
  tcp=$(host_port web) udp=$(host_port web 8000/udp)
  run -0 python who 127.0.0.1 "$tcp"
  assert_output_is 10.0.2.2
  run -0 python who ::1 "$tcp"
  assert_output_is 10.0.2.2
  run -0 python who-udp 127.0.0.1 "$udp"
  assert_output_is 10.0.2.2
  eventually count_events web "warning.*loopback" 1
  address=$(host_address)
  run -0 python who "$address" "$tcp"
  assert_output_is "$address"
  run -0 python who-udp "$address" "$udp"
  assert_output_is "$address"
  count_events web "warning.*loopback" 1
}

@test "user-defined networks: the client's address" {
  wolffia network create one >/dev/null
  start web --network one -p 8000 -p 8000/udp
  local gateway address
  gateway=$(wolffia exec web ip r | sed -n 's/default via \([0-9.]*\).*/\1/p')
  run -0 python who 127.0.0.1 "$(host_port web)"
  assert_output_is "$gateway"
  address=$(host_address)
  run -0 python who "$address" "$(host_port web)"
  assert_output_is "$address"
  run -0 python who-udp "$address" "$(host_port web 8000/udp)"
  assert_output_is "$address"
}

@test "pasta: ports of TCP and UDP, the gateway's address for the host's own" {
  command -v pasta >/dev/null || skip "pasta is not installed (package passt)"
  ip -4 route show default | grep -q . || skip "pasta takes the addresses of the default route's interface, and there is none"
  start web --network pasta -p 8000 -p 8000/udp
  local gateway
  gateway=$(wolffia exec web ip r | sed -n 's/default via \([0-9.]*\).*/\1/p')
  run -0 python who 127.0.0.1 "$(host_port web)"
  assert_output_is "$gateway"
  run -0 python who-udp 127.0.0.1 "$(host_port web 8000/udp)"
  assert_output_is "$gateway"
  run -0 python who "$(host_address)" "$(host_port web)"
}

@test "an address, a range, both protocols; port, ps and inspect show them" {
  local first
  first=$(free_port)
  start web -p "127.0.0.1:$first:8000" -p "[::1]::8000" -p 7000-7002/udp --label x
  run -0 python who 127.0.0.1 "$first"
  run -0 wolffia port web
  [ "${lines[0]}" = "8000/tcp -> 127.0.0.1:$first" ]
  [[ "${lines[1]}" == "8000/tcp -> [::1]:"* ]]
  [[ "${lines[2]}" == "7000/udp -> 0.0.0.0:"* ]]
  [ "${#lines[@]}" = 5 ]
  run -0 python who ::1 "${lines[1]##*:}"
  run -0 wolffia port web 8000/tcp
  [ "${lines[0]}" = "127.0.0.1:$first" ]
  run -125 wolffia port web 9
  assert_output_has 'failed to find published port "9/tcp"'
  run -0 wolffia port -a
  assert_output_has "$(wolffia ps -q)"$'\t'"8000/tcp -> 127.0.0.1:$first"
  run -0 wolffia ps --format '{{.Ports}}'
  assert_output_has "127.0.0.1:$first->8000/tcp, [::1]:"
  run -0 wolffia inspect -f '{{(index (index .HostConfig.PortBindings "8000/tcp") 0).HostPort}}' web
  assert_output_is "$first"
  wolffia stop -t 0 web
  run -0 wolffia port web
  assert_output_is ""
}

@test "-P publishes what is exposed and not published yet" {
  start web -P --expose 8000 --expose 7001-7002/udp --expose 7003 -p 7003
  run -0 wolffia port web
  [ "${#lines[@]}" = 4 ]
  run -0 python who 127.0.0.1 "$(host_port web)"
  run -0 wolffia inspect -f '{{.HostConfig.PublishAllPorts}} {{len .NetworkSettings.Ports}}' web
  assert_output_is "true 4"
  run -0 wolffia create --name quiet --expose 7000 busybox true
  run -0 wolffia inspect -f '{{json .NetworkSettings.Ports}}' quiet
  assert_output_is '{"7000/tcp":null}'
}

@test "a port that is taken: an error before anything runs, which says who has it" {
  local port
  start web -p 8000
  port=$(host_port web)
  run -125 wolffia run --rm -p "$port:80" busybox echo it ran
  assert_output_has "listen tcp 0.0.0.0:$port: bind: address already in use"
  assert_output_has "container web"
  [[ "$output" != *"it ran"* ]]
  run -125 wolffia run --rm -p "127.0.0.1:$port:80" busybox true
  wolffia create --name later -p "$port:80" busybox true
  run -125 wolffia start later
  assert_output_has "address already in use"
  wolffia stop -t 0 web
  run -0 wolffia start -a later
  run -125 wolffia run --rm -p 7000:80 -p 7000:81 busybox true
  assert_output_has "conflicting port mappings"
}

@test "two containers that want a port at the same time: one gets it, the other an error" {
  local n port=$(free_port)
  for n in 1 2; do wolffia create --name "late$n" -p "$port:80" busybox sleep 1000; done
  for n in 1 2 3; do
    wolffia start late1 >"$WORLD/first" 2>&1 3>&- &
    wolffia start late2 >"$WORLD/second" 2>&1 || true
    wait $! || true
    [ "$(wolffia ps -q | wc -l)" = 1 ]
    run cat "$WORLD/first" "$WORLD/second"
    assert_output_has "$port: bind: address already in use"
    wolffia stop -t 0 -a
  done
}

@test "a port below the first that users may take: the error names the sysctl and who sets it" {
  local first
  first=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)
  [ "$first" -gt 1 ] || skip "every port is free to users here"
  [ "$(id -u)" != 0 ] || skip "root may take every port"
  run -125 wolffia run --rm -p "$((first - 1)):80" busybox true
  assert_output_has "net.ipv4.ip_unprivileged_port_start=$((first - 1))"
  assert_output_has "root can add"
}

@test "what is no port is refused with a sentence" {
  local word
  for word in x 0 65536 80: : :: 80:x 1-3:1-2 3-1 1-2-3 80/ 80/xyz 80/tcp/udp 1.2.3:80:80 ::1:80:80 "[::1:80:80" 1:2:3:4 -1; do
    run -125 wolffia run --rm "--publish=$word" busybox true
    assert_output_has "Error: "
  done
  run -125 wolffia run --rm -p 80/sctp busybox true
  assert_output_has "SCTP cannot be forwarded without root"
  run -125 wolffia run --rm --expose x busybox true
  run -125 wolffia run --rm -p 192.0.2.77:7000:80 busybox true
  assert_output_has "cannot assign requested address"
  for word in none host; do
    run -0 wolffia run --rm --network "$word" -p 80:80 busybox true
    assert_output_has "Port mappings have been discarded"
  done
}

@test "port_handler=slirp4netns: its own forwards, also after it was replaced" {
  start web --network slirp4netns:port_handler=slirp4netns,allow_host_loopback=true -p 8000 -p 8000/udp
  local tcp udp
  tcp=$(host_port web) udp=$(host_port web 8000/udp)
  [ -z "$(helper web 'wolffia-net ports')" ]
  run -0 python who 127.0.0.1 "$tcp"
  assert_output_is 10.0.2.2
  run -0 python who-udp 127.0.0.1 "$udp"
  assert_output_is 10.0.2.2
  run -125 wolffia run --rm --network slirp4netns:port_handler=slirp4netns -p "$tcp:80" busybox true
  assert_output_has "address already in use"
  run -125 wolffia run --rm --network slirp4netns:port_handler=slirp4netns -p "[::1]:7000:80" busybox true
  assert_output_has "no IPv6 addresses"
  kill -9 "$(helper web slirp4netns)"
  eventually count_events web restarted 1
  run -0 python who 127.0.0.1 "$tcp"
  wolffia stop -t 0 web
  eventually free "$tcp"
}

@test "a forwarder that dies is replaced: no port is lost, slirp4netns stays; and the other way round" {
  start web -p 8000
  local port slirp forwarder n
  port=$(host_port web) slirp=$(helper web slirp4netns)
  for n in 1 2 3; do
    kill -9 "$(helper web 'wolffia-net ports')"
    run -0 python who 127.0.0.1 "$port"  # it may have to wait
    eventually count_events web restarted "$n"
  done
  [ "$(helper web slirp4netns)" = "$slirp" ]
  forwarder=$(helper web 'wolffia-net ports')
  kill -9 "$slirp"
  eventually count_events web restarted 4
  [ "$(helper web 'wolffia-net ports')" = "$forwarder" ]
  run -0 python who 127.0.0.1 "$port"
}

@test "ports are free when the container has ended, however it ended, and its own again when it is started" {
  start web -p 8000
  local port forwarder
  port=$(host_port web)
  python wait 127.0.0.1 "$port" >"$WORLD/said" 3>&- &
  eventually grep -q open "$WORLD/said"
  wolffia restart -t 0 web  # connections of before do not hold the port
  kill $(cat "$WORLD/server")
  serve web
  run -0 python who 127.0.0.1 "$port"
  wolffia stop -t 0 web
  eventually free "$port"
  wolffia start web
  forwarder=$(helper web 'wolffia-net ports')
  kill -9 "$(wolffia inspect -f '{{.State.ConmonPid}}' web)"
  eventually free "$port"
  eventually sh -c "! kill -0 $forwarder 2>/dev/null"
}

@test "1,000 connections at once, and 10,000 in a row: none is lost, and no descriptor stays" {
  start web -p 8000
  local port fds
  port=$(host_port web)
  fds=/proc/$(helper web 'wolffia-net ports')/fd
  python who 127.0.0.1 "$port"
  eventually sh -c "[ \$(ls $fds | wc -l) -lt 20 ]"
  local before
  before=$(ls "$fds" | wc -l)
  run -0 python many 127.0.0.1 "$port" 1000
  assert_output_is 1000
  run -0 python sequence 127.0.0.1 "$port" 10000
  assert_output_is 10000
  eventually sh -c "[ \$(ls $fds | wc -l) = $before ]"
}

@test "clients that are slow, silent or deaf hold up nobody else" {
  start web -p 8000
  run -0 python slow 127.0.0.1 "$(host_port web)"
  assert_output_is "served 50 50 10"
}
