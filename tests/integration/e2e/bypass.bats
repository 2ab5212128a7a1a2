#!/usr/bin/env bats
# The fast path: connections of a container that the host's stack makes. slirp4netns is stopped (SIGSTOP) where a test has
# to know which way a connection went. Servers listen on this machine's own addresses only.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$(mktemp -d "${TMPDIR:-/tmp}/wolffia-bypass.XXXXXX")"
  wolffia run --rm --network none busybox true
  mkdir "$WORLD/loopback" "$WORLD/outside"
  serve "$WORLD/loopback" 127.0.0.1
  [ -z "$(own_address)" ] || serve "$WORLD/outside" "$(own_address)"
}

teardown_file() {
  xargs kill <"$WORLD/servers"
  rm -rf "$WORLD"
}

teardown() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  assert_clean
}

serve() {
  python3 "$BATS_TEST_DIRNAME/connect-server.py" "$1" "$2" 3>&- &
  echo $! >>"$WORLD/servers"
  eventually test -s "$1/port"
}
# An address of this machine that is not its loopback's; empty: there is none.
own_address() { ip -4 -o address show scope global | sed -n '1s/.*inet \([0-9.]*\).*/\1/p'; }

helper() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$STORE/containers/$(wolffia inspect --format '{{.Id}}' web)/network.json"; }
ended() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1")" = Z ]; }
# busybox with this machine's python, and the client at /client.
open_with() {
  wolffia run -d --name web -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro \
    -v "$BATS_TEST_DIRNAME/connect-client.py:/client:ro" --network "slirp4netns:$1" busybox "${@:2}"
}
open_one() { open_with bypass=on,allow_host_loopback=true sleep 1000; }
client() { wolffia exec web timeout 20 /usr/bin/python3 /client "$@"; }
here() { echo 10.0.2.2 "$(cat "$WORLD/loopback/port")"; }
restarted() { wolffia events --stream=false --since 1h --filter container=web | grep "helper=$1" | grep -q action=restarted; }

@test "whatever a program does around connect, it does with a socket of the host's" {
  open_one
  kill -STOP "$(helper slirp4netns)"
  local habits="blocking refused nonblocking epoll options duplicate fork threads interrupted own"
  run client $(here) $habits
  assert_status 0
  assert_output_is "$(printf '%s ok\n' $habits)"
}

@test "a thousand connections leave no descriptor behind" {
  open_one
  kill -STOP "$(helper slirp4netns)"
  local supervisor before
  supervisor=$(helper 'wolffia-net bypass')
  client $(here) blocking
  before=$(ls "/proc/$supervisor/fd" | wc -l)
  client $(here) thousand
  eventually sh -c "[ \$(ls /proc/$supervisor/fd | wc -l) -le $before ]"
}

@test "the container's first process, an exec, one with a terminal, one of another user" {
  open_with bypass=on,allow_host_loopback=true sh -c \
    "while [ ! -e /go ]; do sleep 0.1; done; timeout 20 /usr/bin/python3 /client $(here) blocking >/got; sleep 1000"
  kill -STOP "$(helper slirp4netns)"
  run client $(here) blocking
  assert_output_is "blocking ok"
  wolffia exec web touch /go
  eventually wolffia exec web grep -q ok /got
  run wolffia exec -t web timeout 20 /usr/bin/python3 /client $(here) blocking
  assert_output_has "blocking ok"
  run wolffia exec --user 1000 web timeout 20 /usr/bin/python3 /client $(here) blocking
  assert_output_is "blocking ok"
}

@test "without it, and for datagrams, slirp4netns works" {
  open_one
  run client $(here) datagrams
  assert_output_is "datagrams ok"
  kill -STOP "$(helper slirp4netns)"
  run ! wolffia exec web timeout 2 /usr/bin/python3 /client $(here) datagrams
  wolffia rm -f -t 0 web
  open_with allow_host_loopback=true sleep 1000
  kill -STOP "$(helper slirp4netns)"
  run ! wolffia exec web timeout 2 /usr/bin/python3 /client $(here) blocking
  kill -CONT "$(helper slirp4netns)"
  run client $(here) blocking
  assert_output_is "blocking ok"
}

@test "the host's loopback is closed unless asked for, its other addresses are not" {
  open_with bypass=on sleep 1000
  run ! wolffia exec web timeout 2 /usr/bin/python3 /client $(here) blocking
  run ! wolffia exec web timeout 2 /usr/bin/python3 /client 127.0.0.1 "$(cat "$WORLD/loopback/port")" blocking
  [ -n "$(own_address)" ] || skip "this machine has no address but its loopback's"
  kill -STOP "$(helper slirp4netns)"
  run client "$(own_address)" "$(cat "$WORLD/outside/port")" blocking nonblocking
  assert_output_is $'blocking ok\nnonblocking ok'
}

@test "a killed supervisor is replaced, for the processes that are there" {
  open_with bypass=on,allow_host_loopback=true sh -c \
    "while :; do timeout 20 /usr/bin/python3 /client $(here) blocking >/got; sleep 0.1; done"
  eventually wolffia exec web grep -q ok /got
  kill -STOP "$(helper slirp4netns)"
  local supervisor
  supervisor=$(helper 'wolffia-net bypass')
  kill -9 "$supervisor"
  eventually restarted "wolffia-net bypass"
  [ "$(helper 'wolffia-net bypass')" != "$supervisor" ]
  wolffia exec web rm -f /got
  eventually wolffia exec web grep -q ok /got
  run client $(here) blocking
  assert_output_is "blocking ok"
}

@test "it is there again after a restart, and gone after the end, however that comes" {
  open_one
  local supervisor
  supervisor=$(helper 'wolffia-net bypass')
  wolffia restart -t 0 web
  eventually ended "$supervisor"
  kill -STOP "$(helper slirp4netns)"
  run client $(here) blocking
  assert_output_is "blocking ok"
  supervisor=$(helper 'wolffia-net bypass')
  kill -CONT "$(helper slirp4netns)"  # else it could not see the monitor's end
  kill -9 "$(wolffia inspect --format '{{.State.ConmonPid}}' web)"
  eventually ended "$supervisor"
}

@test "a published port is the container's own: without the forwarder, for itself, and after its server was replaced" {
  local port
  port=$(free_port)
  wolffia run -d --name web --network slirp4netns:bypass=on,allow_host_loopback=true -p "127.0.0.1:$port:80" busybox sh -c \
    'mkdir /www; echo served >/www/index.html; while :; do httpd -f -p 80 -h /www & echo $! >/pid; wait; sleep 0.1; done'
  eventually wolffia exec web timeout 5 wget -q -O /dev/null http://127.0.0.1/
  kill -STOP "$(helper 'wolffia-net ports')" "$(helper slirp4netns)"
  run curl -sf -m 10 "http://127.0.0.1:$port/"
  assert_output_is served
  local address
  for address in 127.0.0.1 10.0.2.100; do
    run wolffia exec web timeout 5 wget -q -O - "http://$address/"
    assert_output_is served
  done
  wolffia exec web sh -c 'kill $(cat /pid)'
  eventually curl -sf -m 10 -o /dev/null "http://127.0.0.1:$port/"
  wolffia stop -t 0 web
  run -7 curl -sf -m 10 "http://127.0.0.1:$port/"
}

@test "a published port that the fast path cannot take is forwarded" {
  local port
  port=$(free_port)
  # Bound twice on the host.
  wolffia run -d --name web --network slirp4netns:bypass=on,allow_host_loopback=true -p "127.0.0.1:$port:80" \
    -p 127.0.0.1::80 busybox sh -c 'mkdir /www; echo served >/www/index.html; httpd -f -p 80 -h /www'
  eventually curl -sf -m 10 -o /dev/null "http://127.0.0.1:$port/"
  wolffia rm -f -t 0 web
  wolffia run -d --name web --network slirp4netns:bypass=on -p "127.0.0.1:$port:80" busybox sh -c \
    'mkdir /www; echo served >/www/index.html; httpd -f -p 80 -h /www'
  eventually curl -sf -m 10 -o /dev/null "http://127.0.0.1:$port/"
}

@test "it comes with the settings, too; its helpers are small" {
  WOLFFIA_NETWORK_OPTIONS=bypass=on,allow_host_loopback=true wolffia run -d --name web --network slirp4netns busybox sleep 1000
  local resident=0 pid
  for pid in $(helper slirp4netns) $(helper 'wolffia-net bypass'); do
    resident=$((resident + $(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")))
  done
  [ "$resident" -gt 0 ]
  grep -q __asan_init "$(command -v wolffia-net)" || [ "$resident" -lt 12288 ] || fail "$resident KiB"
}

@test "what does not go together is refused" {
  run -125 wolffia run --rm --network slirp4netns:bypass=on,outbound_addr=127.0.0.1 busybox true
  assert_output_has "outbound_addr cannot be set together"
  run -125 wolffia run --rm --network slirp4netns:bypass=maybe busybox true
  assert_output_has 'invalid bypass "maybe"'
}
