#!/usr/bin/env bats
# User-defined networks as the store has them: made, shown, removed, in podman's words.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; }

teardown() { wolffia network prune -f; }

@test "network create, ls and inspect, as podman" {
  run -0 wolffia network create
  assert_output_is wolffia1
  run -0 wolffia network create foo --subnet 10.191.0.0/24 --gateway 10.191.0.5 --ip-range 10.191.0.128/25 --label a=b -o mtu=9000
  assert_output_is foo
  run -0 wolffia network ls -q
  assert_output_is $'foo\nwolffia\nwolffia1'
  run -0 wolffia network ls --filter label=a --noheading --format 'table {{.Name}} {{.Driver}}'
  assert_output_is "foo bridge"
  run -0 wolffia network ls
  [[ "${lines[0]}" =~ ^NETWORK\ ID\ +NAME\ +DRIVER$ ]]
  [[ "${lines[1]}" =~ ^[0-9a-f]{12}\ +foo\ +bridge$ ]]
  run -0 wolffia network inspect foo
  python3 - "$output" <<'EOF'
import json, sys
n = json.loads(sys.argv[1])[0]
assert n["subnets"] == [{"subnet": "10.191.0.0/24", "gateway": "10.191.0.5",
                         "lease_range": {"start_ip": "10.191.0.129", "end_ip": "10.191.0.255"}}], n
assert n["labels"] == {"a": "b"} and n["options"] == {"mtu": "9000"}, n
assert n["name"] == "foo" and len(n["id"]) == 64 and n["dns_enabled"] and not n["internal"], n
EOF
  local id
  id=$(wolffia network inspect -f '{{.ID}}' foo)
  run -0 wolffia network inspect -f '{{.Name}} {{(index .Subnets 0).Gateway}}' "${id:0:12}"
  assert_output_is "foo 10.191.0.5"
  run -0 wolffia network ls --format json
  python3 -c 'import json,sys; assert len(json.loads(sys.argv[1])) == 3' "$output"
}

@test "each network gets a subnet of its own; IPv6 and internal ones" {
  wolffia network create --ipv6 --internal six
  wolffia network create four
  run -0 wolffia network inspect -f '{{.IPv6Enabled}} {{.Internal}} {{(index .Subnets 1).Subnet}}' six
  [[ "$output" =~ ^true\ true\ fd[0-9a-f:]+::/64$ ]]
  [ "$(wolffia network inspect -f '{{(index .Subnets 0).Subnet}}' six)" != \
    "$(wolffia network inspect -f '{{(index .Subnets 0).Subnet}}' four)" ]
}

@test "what contradicts itself is refused in podman's words" {
  wolffia network create --subnet 10.191.0.0/24 foo
  run -125 wolffia network create foo
  assert_output_is "Error: network name foo already used: network already exists"
  run -0 wolffia network create --ignore foo
  run -125 wolffia network create --subnet 10.191.0.128/25 over
  assert_output_is "Error: subnet 10.191.0.128/25 is already used on the host or by another config"
  run -125 wolffia network create --subnet 10.192.0.0/24 --gateway 10.193.0.1 gw
  assert_output_is "Error: gateway 10.193.0.1 not in subnet 10.192.0.0/24"
  run -125 wolffia network create --subnet 10.192.0.0/33 gw
  assert_output_is "Error: invalid CIDR address: 10.192.0.0/33"
  run -125 wolffia network create --gateway 10.193.0.1 gw
  assert_output_is "Error: cannot set gateway or range without subnet"
  run -125 wolffia network create b/d
  assert_output_is "Error: network name b/d invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"
  run -125 wolffia network create host
  run -125 wolffia network create -d macvlan mac
  assert_output_has "unsupported driver macvlan"
  run -125 wolffia network create -o x=1 opt
  assert_output_has "unsupported network option x"
  run -125 wolffia network inspect nix
  assert_output_has "Error: inspecting object: network nix: unable to find network with name or ID nix: network not found"
  run -1 wolffia network exists nix
  run -0 wolffia network exists foo
}

@test "network rm and prune: exit codes, what is used, what stays" {
  wolffia network create foo
  run -1 wolffia network rm nix
  assert_output_is "Error: unable to find network with name or ID nix: network not found"
  run -0 wolffia network rm -f nix
  run -125 wolffia network rm wolffia
  assert_output_is "Error: default network wolffia cannot be removed"
  run -0 wolffia network rm foo
  assert_output_is foo
  wolffia network create one
  wolffia network create other --label keep
  run -0 wolffia network prune -f --filter label!=keep
  assert_output_is one
  run -0 wolffia network ls -q
  assert_output_is $'other\nwolffia'
  run -0 wolffia system prune -f
  assert_output_has $'Deleted Networks\nother\n'
  run -0 wolffia network ls -q
  assert_output_is wolffia
  run -0 wolffia events --stream=false --since 1h --filter type=network --filter event=remove --format '{{.Name}}'
  assert_output_has foo
}

@test "many makers at once never choose the same subnet" {
  local i
  for i in $(seq 12); do wolffia network create & done
  wait
  [ "$(wolffia network ls -q | wc -l)" = 13 ]
  for i in $(wolffia network ls -q); do wolffia network inspect -f '{{(index .Subnets 0).Subnet}}' "$i"; done >"$WORLD/subnets"
  [ "$(sort -u "$WORLD/subnets" | wc -l)" = 13 ]
}
