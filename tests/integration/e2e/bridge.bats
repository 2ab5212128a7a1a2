#!/usr/bin/env bats
# Containers on user-defined networks: they reach each other by name, nobody else, and keep both when the holder dies.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
}

teardown() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  wolffia network prune -f
  assert_clean
}

# server NAME FLAG...: answers its name over HTTP.
server() {
  local name=$1
  shift
  wolffia run -d --name "$name" "$@" busybox sh -c "mkdir /www; echo $name >/www/index.html; exec httpd -f -p 80 -h /www"
}
fetch() { wolffia exec "$1" timeout 5 wget -q -O - "http://$2/"; }
fetches() { [ "$(fetch "$1" "$2" 2>/dev/null)" = "$3" ]; }
# The process that holds this store's networks.
holder() {
  local pid
  for pid in $(pgrep -u "$(id -u)" -f 'wolffia-net holder'); do
    ls -l "/proc/$pid/fd" 2>/dev/null | grep -q "$WORLD" && echo "$pid"
  done
}

@test "two containers on one network reach each other by name, alias and short id" {
  wolffia network create one
  server web --network one:alias=site
  run -0 wolffia run --rm --name client --network one busybox sh -c \
    'cat /etc/resolv.conf; timeout 5 wget -q -O - http://web/; timeout 5 wget -q -O - http://site/; ip -o -4 a s eth0; ip r'
  assert_output_has $'web\nweb'
  assert_output_has "default via"
  run -0 wolffia run --rm --init --network one busybox timeout 5 wget -q -O - "http://$(wolffia inspect -f '{{.Id}}' web | cut -c1-12)/"
  assert_output_is web
}

@test "networks are isolated from each other; one container may be on two" {
  wolffia network create one
  wolffia network create two
  server web --network one
  local ip
  ip=$(wolffia exec web ip -o -4 a s eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
  run ! wolffia run --rm --init --network two busybox timeout 1 wget -q -O - "http://$ip/"
  wolffia network create --internal inside
  run -1 wolffia run --rm --network inside busybox nslookup web
  assert_output_has NXDOMAIN
  run -0 wolffia run --rm --network one --network two busybox sh -c 'ls /sys/class/net; timeout 5 wget -q -O - http://web/'
  assert_output_is $'eth0\neth1\nlo\nweb'
}

@test "--ip, --mac-address and --network-alias; an address that is taken" {
  wolffia network create --subnet 10.191.7.0/24 one
  server web --network one --ip 10.191.7.77 --mac-address 02:00:0a:bf:07:4d --network-alias other
  run -0 wolffia exec web ip a s eth0
  assert_output_has "inet 10.191.7.77/24"
  assert_output_has "02:00:0a:bf:07:4d"
  run -0 wolffia run --rm --init --network one busybox timeout 5 wget -q -O - http://other/
  assert_output_is web
  run -125 wolffia run --rm --network one --ip 10.191.7.77 busybox true
  assert_output_has "already allocated"
  run -125 wolffia run --rm --network one --ip 10.1.1.1 busybox true
  assert_output_has "not in any subnet on network one"
  run -125 wolffia run --rm --network none --ip 10.191.7.9 busybox true
  run -125 wolffia run --rm --network nix busybox true
  assert_output_has "unable to find network with name or ID nix: network not found"
}

@test "a network in use is not removed; with --force its containers go too" {
  wolffia network create one
  server web --network one
  run -2 wolffia network rm one
  assert_output_has "network is being used"
  run -0 wolffia network prune -f
  assert_output_is ""
  run -0 wolffia network rm -f -t 0 one
  [ -z "$(wolffia ps -aq)" ]
}

@test "the holder is killed: the containers keep addresses and names" {
  wolffia network create one
  server web --network one
  wolffia run -d --name client --network one busybox sleep 1000
  local n
  for n in 1 2 3; do
    kill -9 "$(holder)"
    eventually fetches client web web
  done
}

@test "an internal network has no way out" {
  wolffia network create --internal inside
  run -0 wolffia run --rm --network inside busybox ip r
  [[ "$output" != *default* ]]
}

@test "a container with keep-id has networks too" {
  wolffia network create one
  server web --network one
  run -0 wolffia run --rm --init --userns keep-id --network one busybox timeout 5 wget -q -O - http://web/
  assert_output_is web
}
