#!/usr/bin/env bats
# Containers on user-defined networks: they reach each other, by name too, and nobody else.

bats_require_minimum_version 1.5.0
load support.bash
load networks.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
}

teardown() { leave_networks; }

@test "two containers on one network reach each other by name, alias and short id" {
  wolffia network create one
  server web --network one:alias=site
  run -0 wolffia run --rm --name client --network one busybox sh -c \
    'cat /etc/resolv.conf; timeout 20 wget -q -O - http://web/; timeout 20 wget -q -O - http://site/; ip -o -4 a s eth0; ip r'
  assert_output_has $'web\nweb'
  assert_output_has "default via"
  run -0 wolffia run --rm --init --network one busybox timeout 20 wget -q -O - "http://$(wolffia inspect -f '{{.Id}}' web | cut -c1-12)/"
  assert_output_is web
}

@test "networks are isolated from each other; one container may be on two" {
  wolffia network create one
  wolffia network create two
  server web --network one
  run ! wolffia run --rm --init --network two busybox timeout 1 wget -q -O - "http://$(address_of web one)/"
  wolffia network create --internal inside
  run -1 wolffia run --rm --network inside busybox nslookup web
  assert_output_has NXDOMAIN
  run -0 wolffia run --rm --network one --network two busybox sh -c 'ls /sys/class/net; timeout 20 wget -q -O - http://web/'
  assert_output_is $'eth0\neth1\nlo\nweb'
}

@test "the MTU is that of slirp4netns, or the network's own" {
  wolffia network create one
  wolffia network create -o mtu=1400 two
  run -0 wolffia run --rm --network one --network two busybox cat /sys/class/net/eth0/mtu /sys/class/net/eth1/mtu
  assert_output_is $'65520\n1400'
}

@test "--ip, --mac-address and --network-alias; an address that is taken" {
  wolffia network create --subnet 10.191.7.0/24 one
  server web --network one --ip 10.191.7.77 --mac-address 02:00:0a:bf:07:4d --network-alias other
  run -0 wolffia exec web ip a s eth0
  assert_output_has "inet 10.191.7.77/24"
  assert_output_has "02:00:0a:bf:07:4d"
  run -0 wolffia run --rm --init --network one busybox timeout 20 wget -q -O - http://other/
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

@test "an internal network has no way out" {
  wolffia network create --internal inside
  run -0 wolffia run --rm --network inside busybox ip r
  [[ "$output" != *default* ]]
}

@test "a container with keep-id has networks too" {
  wolffia network create one
  server web --network one
  run -0 wolffia run --rm --init --userns keep-id --network one busybox timeout 20 wget -q -O - http://web/
  assert_output_is web
}

@test "IPv6: addresses, names and the gateway" {
  wolffia network create --ipv6 one
  server web --network one
  local ip6
  ip6=$(wolffia inspect -f '{{.NetworkSettings.Networks.one.GlobalIPv6Address}}' web)
  [[ "$ip6" == fd*::2 ]]
  run -0 wolffia run --rm --init --network one busybox timeout 20 wget -q -O - "http://[$ip6]/"
  assert_output_is web
  run -0 wolffia run --rm --network one busybox sh -c 'nslookup -type=aaaa web; ip -6 r'
  assert_output_has "$ip6"
  assert_output_has "default via ${ip6%2}1 dev eth0"
}

@test "what inspect and ps say of networks" {
  wolffia network create --subnet 10.191.8.0/24 one
  wolffia network create two
  server web --network one:ip=10.191.8.9,mac=02:00:0a:bf:08:09,alias=site --network two
  run -0 wolffia inspect -f '{{with .NetworkSettings.Networks.one}}{{.IPAddress}}/{{.IPPrefixLen}} {{.Gateway}} {{.MacAddress}} {{.Aliases}}{{end}}' web
  assert_output_is "10.191.8.9/24 10.191.8.1 02:00:0a:bf:08:09 [site $(wolffia inspect -f '{{.Id}}' web | cut -c1-12)]"
  run -0 wolffia ps --noheading --format '{{.Networks}}' --filter network=two
  assert_output_is one,two
  run -0 wolffia ps -q --filter network=none
  assert_output_is ""
  wolffia stop -t 0 web
  run -0 wolffia inspect -f '{{.NetworkSettings.Networks.one.IPAddress}}' web
  assert_output_is ""
}

@test "/etc/hosts and /etc/resolv.conf; the default network knows no names" {
  wolffia network create one
  run -0 wolffia run --rm --name web --hostname box --add-host db:192.0.2.9 --network one busybox cat /etc/hosts /etc/resolv.conf
  assert_output_has $'192.0.2.9\tdb'
  [[ "$output" =~ 10\.[0-9]+\.[0-9]+\.2.box\ web ]]
  [ "$(grep -c ^nameserver <<<"$output")" = 1 ]
  run -0 wolffia run --rm --network bridge busybox cat /etc/hosts /etc/resolv.conf
  assert_output_has 10.88.0.2
  assert_output_has "nameserver 10.0.2.3"
  wolffia network create --disable-dns two
  run -125 wolffia run --rm --network two --network-alias x busybox true
  assert_output_has "because dns is disabled"
}

@test "--dns: its server is asked for what the networks do not know" {
  wolffia network create one
  local host=() directory
  for directory in /usr /lib /lib64; do [ ! -d $directory ] || host+=(-v "$(realpath $directory):$directory:ro"); done
  wolffia run -d --name names --network one "${host[@]}" -v "$BATS_TEST_DIRNAME/names.py:/names.py:ro" busybox \
    /usr/bin/python3 /names.py 0.0.0.0 192.0.2.77
  wolffia run -d --name client --network one --dns "$(address_of names one)" busybox sleep 1000
  resolves() { wolffia exec client nslookup -type=a "$1" | grep -q "Address: $2$"; }
  eventually resolves outside.example 192.0.2.77
  eventually resolves names "$(address_of names one)"
  run -0 wolffia exec client grep ^nameserver /etc/resolv.conf
  assert_output_is "nameserver $(wolffia network inspect -f '{{(index .Subnets 0).Gateway}}' one)"
}

@test "subnets that overlap routes of the host are refused, and not chosen" {
  cat >"$WORLD/routes" <<'EOF'
ip link add taken type bridge && ip addr add 10.89.0.77/24 dev taken && ip link set taken up
wolffia network create --subnet 10.89.0.128/25 one
wolffia network create two
wolffia network inspect -f '{{(index .Subnets 0).Subnet}}' two
EOF
  run -0 unshare -Urn bash "$WORLD/routes"
  assert_output_has "Error: subnet 10.89.0.128/25 is already used on the host or by another config"
  assert_output_has 10.89.1.0/24
}
