#!/usr/bin/env bats
# Networks of containers that exist: network connect, network disconnect, rename.

bats_require_minimum_version 1.5.0
load support.bash
load networks.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
}

setup() {
  wolffia network create one
  wolffia network create --subnet 10.191.6.0/24 two
}

teardown() { leave_networks; }

@test "a running container is connected and disconnected, and nothing else breaks" {
  server web --network one
  wolffia run -d --name client --network two busybox sleep 1000
  wolffia exec client sh -c 'echo 192.0.2.1 mine >>/etc/hosts'
  run ! fetches client web web
  run -0 wolffia network connect --alias user --ip 10.191.6.50 two web
  assert_output_is ""
  eventually fetches client web web
  eventually fetches client user web
  [ "$(address_of web two)" = 10.191.6.50 ]
  run -0 wolffia exec web sh -c 'ip -o -4 a s eth1; cat /etc/hosts'
  assert_output_has 10.191.6.50/24
  assert_output_has $'10.191.6.50\t'
  run -0 wolffia network connect one client
  eventually fetches client web web
  run -0 wolffia exec client cat /etc/hosts
  assert_output_has "192.0.2.1 mine"
  run -0 wolffia network disconnect two web
  run -0 wolffia exec web sh -c 'ls /sys/class/net; cat /etc/hosts'
  assert_output_has $'eth0\nlo'
  [[ "$output" != *10.191.6.50* && "$output" != *eth1* ]]
  eventually fetches client web web
  run -0 wolffia network disconnect one client
  run ! fetches client web web
  run -0 wolffia inspect -f '{{range $name, $network := .NetworkSettings.Networks}}{{$name}}{{end}}' web client
  assert_output_is $'one\ntwo'
  run -0 wolffia events --stream=false --since 1h --filter type=network --filter event=connect --format '{{.Name}}'
  assert_output_is $'two\none'
}

@test "without any network there is the loopback, and one can be connected again" {
  server web --network one
  wolffia run -d --name client --network one busybox sleep 1000
  wolffia network disconnect one web
  run -0 wolffia exec web ls /sys/class/net
  assert_output_is lo
  wolffia network connect one web
  eventually fetches client web web
  run -0 wolffia exec web ip r
  assert_output_has "default via"
}

@test "a container that does not run gets its networks when it starts" {
  wolffia create --name box --network one busybox sh -c 'ls /sys/class/net'
  wolffia network connect two box
  run -0 wolffia start -a box
  assert_output_is $'eth0\neth1\nlo'
  wolffia network disconnect one box
  run -0 wolffia start -a box
  assert_output_is $'eth0\nlo'
  wolffia network disconnect two box
  run -0 wolffia start -a box
  assert_output_is lo
}

@test "what cannot be is refused in podman's words, and changes nothing" {
  server web --network two --ip 10.191.6.9
  wolffia run -d --name user --network one busybox sleep 1000
  wolffia create --name box --network none busybox true
  run -125 wolffia network connect nix user
  assert_output_is "Error: unable to find network with name or ID nix: network not found"
  run -125 wolffia network connect two nix
  assert_output_has 'no container with name or ID "nix" found: no such container'
  run -125 wolffia network connect two box
  assert_output_is 'Error: "none" is not supported: invalid network mode'
  run -125 wolffia network connect --ip 10.191.6.9 two user
  assert_output_has "already allocated"
  run -125 wolffia network connect --ip 10.1.1.1 two user
  assert_output_has "not in any subnet on network two"
  run -0 wolffia exec user ls /sys/class/net
  assert_output_is $'eth0\nlo'
  run -125 wolffia network disconnect two user
  assert_output_is "Error: container user is not connected to network two"
  run -0 wolffia network disconnect --force two user
  run -0 wolffia network connect two web
  run -0 wolffia network rm -f -t 0 one
  run -125 wolffia network connect one web
  run -0 wolffia ps --noheading --format '{{.Names}}'
  assert_output_is web
}

@test "a container that is renamed is known by its new name" {
  server web --network one
  wolffia run -d --name client --network one busybox sleep 1000
  wolffia rename web new
  eventually fetches client new web
  run ! fetches client web web
  wolffia exec new grep -q new /etc/hosts
}

@test "a network that was connected outlives the holder and a restart" {
  server web --network one
  wolffia run -d --name client --network two busybox sleep 1000
  wolffia network connect two web
  kill -9 "$(holders)"
  eventually fetches client web web
  wolffia restart -t 0 web
  eventually fetches client web web
}

@test "published ports lead to a container on a network, and follow it to another one" {
  server web --network one -p 127.0.0.1::80
  local port
  port=$(wolffia port web 80 | sed 's/.*://')
  published() { [ "$(curl -s -m 5 "http://127.0.0.1:$port/")" = web ]; }
  eventually published
  wolffia network connect two web
  wolffia network disconnect one web
  eventually published
  kill -9 "$(holders)"
  eventually published
}
