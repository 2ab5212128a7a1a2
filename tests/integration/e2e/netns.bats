#!/usr/bin/env bats
# --network ns:PATH: a container in a network namespace that somebody else has made.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
}

teardown() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  [ -z "${MAKERS:-}" ] || kill $MAKERS 2>/dev/null || true
  assert_clean
}

# make_network FLAG...: sets MAKER, a process in new namespaces, with an interface "wire" of the address 10.9.8.7.
make_network() {
  local ready=$WORLD/ready.$RANDOM
  unshare --user --net "$@" sh -c 'ip link set lo up; ip link add wire type veth peer name far; ip link set far up; ip addr add 10.9.8.7/24 dev wire
    ip link set wire up; : >"$1"; exec sleep 1000' sh "$ready" 3>&- &
  MAKER=$!
  MAKERS="${MAKERS:-} $MAKER"
  eventually test -e "$ready"
}

nothing_is_made() { [ -z "$(wolffia ps -a -q)" ] || fail "a container was made: $(wolffia ps -a)"; }

@test "a container has the network of the namespace, and so do exec, another container and the next start" {
  make_network --map-root-user
  wolffia run -d --name web --network "ns:/proc/$MAKER/ns/net" busybox sh -c \
    'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www'
  run -0 wolffia exec web ip -4 -o addr show wire
  assert_output_has 10.9.8.7/24
  served() { [ "$(wolffia run --rm --network "ns:/proc/$MAKER/ns/net" busybox timeout 5 wget -q -O - http://10.9.8.7/)" = hello ]; }
  eventually served
  run -0 wolffia run --rm --network container:web busybox timeout 5 wget -q -O - http://10.9.8.7/
  assert_output_is hello
  run -0 wolffia exec web sh -c 'ls /sys/class/net; cat /etc/resolv.conf'
  assert_output_has wire
  [[ "$output" != *"nameserver 127."* ]]
  run -0 wolffia inspect --format '{{.HostConfig.NetworkMode}}' web
  assert_output_is "ns:/proc/$MAKER/ns/net"
  run -0 wolffia ps --format '{{.Networks}}'
  assert_output_is "ns:/proc/$MAKER/ns/net"
  wolffia restart -t 0 web
  run -0 wolffia exec web ip -4 -o addr show wire
  assert_output_has 10.9.8.7/24
}

@test "the container has the ids of the namespace's owner, one or many" {
  make_network --map-root-user
  run -0 wolffia run --rm --network "ns:/proc/$MAKER/ns/net" busybox sh -c 'cat /proc/self/uid_map; id -u; readlink /proc/self/ns/user'
  [[ "${lines[0]}" =~ ^\ +0\ +$(id -u)\ +1$ ]]
  [ "${lines[1]}" = 0 ]
  [ "${lines[2]}" = "$(readlink "/proc/$MAKER/ns/user")" ]
  make_network --map-root-user --map-auto
  run -0 wolffia run --rm --user 1000:1000 --network "ns:/proc/$MAKER/ns/net" busybox sh -c 'id -u; ip -o link show wire'
  [ "${lines[0]}" = 1000 ]
  assert_output_has wire
  # Of a container on a network of the user's, whose user namespace is two levels down.
  wolffia network create up
  wolffia run -d --name web --network up busybox sleep 1000
  run -0 wolffia run --rm --network "ns:/proc/$(wolffia inspect --format '{{.State.Pid}}' web)/ns/net" busybox ip -o link show eth0
  assert_output_has "eth0"
  wolffia rm -f -t 0 web
  wolffia network rm up
}

@test "what is no network namespace is refused, nothing is opened, and no container is made" {
  make_network --map-root-user
  mkfifo "$WORLD/pipe"
  ln -s loop "$WORLD/loop"
  : >"$WORLD/file"
  local path
  for path in "$WORLD/nothing:No such file" "$WORLD/pipe:not a namespace" "$WORLD/file:not a namespace" "$WORLD:not a namespace" \
    "$WORLD/loop:Too many levels" "/dev/null:not a namespace" "/proc/$MAKER/ns/user:but not of a network" \
    "/proc/1/ns/net:Permission denied" "/proc/self/ns/net:--network host" "proc:starts with a slash" ":ns:PATH"; do
    run -125 timeout 20 wolffia run --rm --network "ns:${path%:*}" busybox true
    [[ "$path" == :* ]] || assert_output_has "${path##*:}"
    assert_output_has "--network"
    nothing_is_made
  done
  # A link to one is as good as itself.
  ln -s "/proc/$MAKER/ns/net" "$WORLD/link"
  run -0 wolffia run --rm --network "ns:$WORLD/link" busybox ip -o link show wire
}

@test "a namespace of the host's user namespace is refused with the reason and what works instead" {
  # For a wolffia that is started inside a user namespace, that one is the host's.
  run -0 unshare --user --map-root-user sh -c 'unshare --net sleep 1000 3>&- & maker=$!
    until [ "$(readlink /proc/$maker/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
    wolffia run --rm --network ns:/proc/$maker/ns/net busybox true; echo "exit code $?"
    unshare --user --map-root-user wolffia run --rm --network ns:/proc/self/fd/9 busybox true 9</proc/$maker/ns/net
    echo "exit code $?"
    kill $maker'
  [ "$(grep -c "belongs to the host's user namespace" <<<"$output")" = 2 ]
  [ "$(grep -c "exit code 125" <<<"$output")" = 2 ]
  assert_output_has "container:NAME"
  nothing_is_made
}

@test "a user namespace that does not map the user is refused" {
  make_network
  run -125 wolffia run --rm --network "ns:/proc/$MAKER/ns/net" busybox true
  assert_output_has "does not map you"
  nothing_is_made
}

@test "flags that the namespace leaves no room for are refused, published ports discarded with a notice" {
  make_network --map-root-user
  local ns=ns:/proc/$MAKER/ns/net
  run -125 wolffia run --rm --network "$ns" --ip 10.9.8.6 busybox true
  assert_output_has "Bridge mode"
  run -125 wolffia run --rm --network "$ns" --network-rate egress=1mbit busybox true
  run -125 wolffia run --rm --network "$ns" --userns keep-id busybox true
  assert_output_has "--userns"
  run -125 wolffia run --rm --network "$ns" --network slirp4netns busybox true
  assert_output_has "multiple networks"
  run -125 wolffia run --rm --network "$ns" --sysctl net.ipv4.ip_forward=1 busybox true
  assert_output_has "would change the host or another container"
  wolffia create --name web busybox true
  run -125 wolffia run --rm --network "$ns" --pid container:web busybox true
  assert_output_has "user namespace"
  run -125 wolffia network connect wolffia "$(wolffia create --network "$ns" busybox true)"
  assert_output_has "invalid network mode"
  run -0 wolffia run --rm --network "$ns" -p 8080:80 busybox true
  assert_output_has "Port mappings have been discarded"
  WOLFFIA_RUN_NETWORK=$ns run -0 wolffia run --rm busybox ip -o link show wire
  assert_output_has wire
}

@test "the path is looked up at each start: gone, or with other ids, it is refused" {
  make_network --map-root-user
  local first=$MAKER
  ln -s "/proc/$first/ns/net" "$WORLD/moving"
  wolffia create --name web --network "ns:$WORLD/moving" busybox sleep 1000
  wolffia start web
  kill "$first"
  run -0 wolffia exec web ip -o link show wire  # it stays while the container runs
  wolffia stop -t 0 web
  run -125 wolffia start web
  assert_output_has "No such file"
  make_network --map-root-user --map-auto
  ln -sfn "/proc/$MAKER/ns/net" "$WORLD/moving"
  run -125 wolffia start web
  assert_output_has "maps other ids"
  make_network --map-root-user
  ln -sfn "/proc/$MAKER/ns/net" "$WORLD/moving"
  wolffia start web
  run -0 wolffia exec web ip -o link show wire
}
