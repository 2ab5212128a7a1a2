#!/usr/bin/env bats
# wolffia doctor and --require: what is said to hold is shown to hold in a container; a host that has lost something (in a
# user namespace of the test's own, with mounts and limits that are its own) is told so.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm --network none busybox true; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

verdicts() { wolffia doctor --format '{{.ID}}={{.Verdict}}' "$@"; }

# lose SETUP GUARANTEE...: doctor where SETUP has taken something away. In a nested user namespace the user keeps the id, and
# may mount and set limits that hold there alone.
lose() {
  local setup=$1
  shift
  : >"$WORLD/empty"
  unshare --user --map-user="$(id -u)" --map-group="$(id -g)" --keep-caps --mount sh -c \
    "cd '$WORLD' && $setup"' && exec wolffia doctor --format "{{.ID}}={{.Verdict}} {{.Who}}: {{.Reason}} | {{.Command}}" "$@"' sh "$@"
}

@test "the table, JSON, templates, names, colours" {
  run -0 wolffia doctor
  [[ "$output" == *"Identity"*"root-unprivileged"*"Lifecycle"*"guarantees hold here."* ]] || fail "$output"
  [[ "$output" != *$'\e'* ]]
  wolffia doctor --format json | python3 -c '
import json, sys
rows = json.load(sys.stdin)
assert len(rows) >= 40 and len({r["id"] for r in rows}) == len(rows)
for r in rows:
    assert set(r) == {"id", "group", "title", "verdict", "reason", "remedy", "who", "command", "instead", "needed"}, r
    assert r["verdict"] in ("HOLDS", "HOLDS-IF", "LOST", "NOT-APPLICABLE"), r
    assert (r["verdict"] == "HOLDS") == (r["reason"] == ""), r
    assert (r["verdict"] == "HOLDS-IF") == (r["remedy"] != "") == (r["who"] != "nobody"), r
    assert not r["needed"], r
'
  [ "$(verdicts seccomp)" = "seccomp=HOLDS" ]
  run -125 wolffia doctor secomp
  assert_output_has 'did you mean seccomp?'
  run -125 wolffia doctor --fix --format json
  TERM=xterm run -0 "$BATS_TEST_DIRNAME/pty.py" - wolffia doctor seccomp <<<'expect guarantees hold'
  assert_output_has $'\e[32mHOLDS'
  run -0 env TERM=xterm NO_COLOR=1 "$BATS_TEST_DIRNAME/pty.py" - wolffia doctor seccomp <<<'expect guarantees hold'
  [[ "$output" != *$'\e['* ]] || fail "$output"
  run -0 wolffia doctor --fix verified-at-read ipv6 high-ids
  assert_output_has "# As yourself:"
  assert_output_has "enable_ipv6"
}

@test "what holds is seen in a container: identity" {
  [ "$(verdicts root-unprivileged users-separated groups-inside setuid own-groups | grep -vc =HOLDS$)" = 0 ]
  # The host's id: busybox gives a setuid bit up by itself.
  wolffia run -d --name web --network none -v /usr/bin/id:/host-id:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro busybox sleep 1000
  [ "$(wolffia exec web id -u)" = 0 ]
  [ "$(stat -c %u "/proc/$(wolffia inspect -f '{{.State.Pid}}' web)")" = "$(id -u)" ]
  wolffia exec -u 1 web sh -c 'umask 077; echo mine >/tmp/mine'
  run wolffia exec -u 2 web cat /tmp/mine
  assert_output_has "Permission denied"
  wolffia exec web sh -c 'cp /host-id /tmp/id; chown 1 /tmp/id; chmod 4755 /tmp/id'
  [ "$(wolffia exec -u 2 web /tmp/id -u)" = 1 ] || fail "$(wolffia exec -u 2 web /tmp/id)"
  [[ " $(wolffia run --rm --network none --group-add 77 busybox id -G) " == *" 77 "* ]]
}

@test "what holds is seen in a container: isolation, storage, network" {
  local kind pairs="mount-namespace:mnt pid-namespace:pid ipc-namespace:ipc uts-namespace:uts cgroup-namespace:cgroup network-namespace:net user-namespace:user"
  wolffia run -d --name web busybox sleep 1000
  for kind in $pairs; do
    [ "$(verdicts "${kind%:*}")" = "${kind%:*}=HOLDS" ]
    [ "$(wolffia exec web readlink "/proc/self/ns/${kind#*:}")" != "$(readlink "/proc/self/ns/${kind#*:}")" ]
  done
  [ "$(verdicts processes-hidden masked-paths seccomp capabilities host-loopback-hidden outbound low-ports-inside disk-quota-bytes root-file-system | grep -vc =HOLDS$)" = 0 ]
  [ "$(wolffia exec web sh -c 'ls /proc | grep -c "^[0-9]"')" -lt 8 ]
  [ "$(wolffia exec web grep -c '^Seccomp:.2$' /proc/self/status)" = 1 ]
  [ "$(wolffia exec web sh -c 'cat /proc/keys | wc -c')" = 0 ]
  run wolffia exec web mount -t tmpfs x /mnt
  [ "$status" != 0 ]
  local port
  port=$(free_port)
  python3 -m http.server --bind 127.0.0.1 "$port" >/dev/null 2>&1 3>&- &
  local server=$!
  eventually curl -sf -o "$WORLD/page" "http://127.0.0.1:$port/"
  run wolffia exec web timeout 5 wget -q -O- "http://10.0.2.2:$port/"
  [ "$status" != 0 ]
  run wolffia exec web timeout 5 wget -q -O- "http://127.0.0.1:$port/"
  [ "$status" != 0 ]
  kill "$server"
  wolffia exec -d web nc -l -p 80
  eventually wolffia exec web grep -q ':0050 ' /proc/net/tcp /proc/net/tcp6
  run wolffia run --rm --network none --storage-opt size=1m busybox dd if=/dev/zero of=/big bs=1M count=3
  assert_output_has "No space left"
  # And what is lost is lost.
  [ "$(verdicts device-nodes)" = "device-nodes=LOST" ]
  run wolffia exec web mknod /dev/mem c 1 1
  assert_output_has "not permitted"
}

@test "a host without user namespaces, without another namespace" {
  run -1 lose 'echo 0 >/proc/sys/user/max_user_namespaces' user-namespace users-separated seccomp nested
  assert_output_has "user-namespace=HOLDS-IF the administrator: user namespaces are switched off (user.max_user_namespaces is 0) | sysctl user.max_user_namespaces=28633"
  assert_output_has "users-separated=HOLDS-IF the administrator: user namespaces are switched off"
  assert_output_has "seccomp=HOLDS-IF"
  run -1 lose 'echo 0 >/proc/sys/user/max_net_namespaces' network-namespace host-loopback-hidden outbound pid-namespace
  assert_output_has "network-namespace=HOLDS-IF the administrator: network namespaces are switched off"
  assert_output_has "host-loopback-hidden=HOLDS-IF"
  assert_output_has "outbound=HOLDS-IF"
  assert_output_has "pid-namespace=HOLDS "
  run -1 lose 'echo 0 >/proc/sys/user/max_pid_namespaces' pid-namespace processes-hidden uts-namespace
  assert_output_has "pid-namespace=HOLDS-IF the administrator: pid namespaces are switched off"
  assert_output_has "processes-hidden=HOLDS-IF"
  assert_output_has "uts-namespace=HOLDS "
}

@test "a host without subordinate ids, without the helpers" {
  run -0 lose 'mount --bind empty /etc/subuid' users-separated groups-inside setuid root-unprivileged
  assert_output_has "users-separated=HOLDS-IF the administrator: $(id -un) has no subordinate ids in /etc/subuid and /etc/subgid | usermod --add-subuids "
  assert_output_has "groups-inside=HOLDS-IF"
  assert_output_has "setuid=HOLDS-IF"
  assert_output_has "root-unprivileged=HOLDS "
  run -1 lose 'mount --bind empty "$(command -v newuidmap)"' users-separated
  assert_output_has "users-separated=HOLDS-IF the administrator: newuidmap and newgidmap are not installed"
  # The ids are not mapped in this namespace: newuidmap itself is refused.
  run -1 lose true users-separated
  assert_output_has "users-separated=HOLDS-IF the administrator: map the ids of the container"
  run -1 lose 'mount --bind empty "$(PATH=$PATH:/usr/sbin:/sbin command -v slirp4netns)"' outbound
  assert_output_has "outbound=HOLDS-IF the administrator: slirp4netns is not installed"
}

@test "a host without devices, with a hidden /proc" {
  run -1 lose 'mount --bind empty /dev/fuse' root-file-system disk-quota-bytes
  assert_output_has "root-file-system=HOLDS-IF the administrator: /dev/fuse is not a device"
  assert_output_has "disk-quota-bytes=HOLDS-IF"
  run -1 lose 'mount --bind empty /dev/net/tun' outbound client-address
  assert_output_has "outbound="
  assert_output_has "client-address=HOLDS "
  run -1 lose 'mount --bind empty /proc/version' processes-hidden masked-paths mount-namespace
  assert_output_has "processes-hidden=HOLDS-IF you: the kernel refuses a new /proc"
  assert_output_has "masked-paths=HOLDS-IF"
  assert_output_has "mount-namespace=HOLDS "
}

@test "a store in memory, a store that is not written through, a store that cannot be used" {
  mkdir -p "$WORLD/memory"
  run -0 lose 'mount -t tmpfs -o mode=0700 x memory && export WOLFFIA_STORAGE_ROOT=$PWD/memory/store' survives-power-cut survives-kill network-store
  assert_output_has "survives-power-cut=HOLDS-IF you: the store is in memory (tmpfs)"
  assert_output_has "survives-kill=HOLDS "
  assert_output_has "network-store=NOT-APPLICABLE"
  WOLFFIA_STORAGE_DURABILITY=volatile run -0 verdicts survives-power-cut
  assert_output_is "survives-power-cut=HOLDS-IF"
  mkdir -p "$WORLD/closed"
  chmod 0500 "$WORLD/closed"
  run -1 wolffia --root "$WORLD/closed/store" doctor --format '{{.ID}}={{.Verdict}} {{.Reason}}' survives-kill verified-at-pull
  assert_output_has "survives-kill=HOLDS-IF the store cannot be used"
  assert_output_has "verified-at-pull=LOST"
}

@test "low ports and ping, by the settings of the network" {
  local inside='exec setpriv --inh-caps=-all --ambient-caps=-all wolffia doctor --format "{{.ID}}={{.Verdict}}" low-ports ping'
  own_network() {
    unshare --user --map-user="$(id -u)" --map-group="$(id -g)" --keep-caps --net sh -c "PATH=\$PATH:/usr/sbin:/sbin; ip link set lo up && $1 $inside"
  }
  run -0 own_network ''
  assert_output_is $'low-ports=HOLDS-IF\nping=HOLDS-IF'
  run -0 own_network 'echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start && echo "$(id -g) $(id -g)" >/proc/sys/net/ipv4/ping_group_range &&'
  assert_output_is $'low-ports=HOLDS\nping=HOLDS'
}

@test "in a container of an engine whose seccomp profile forbids namespaces" {
  run -1 wolffia run --rm --network none -e ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" -v "$WOLFFIA_BIN_DIR:/w:ro" -v /lib:/lib:ro -v /lib64:/lib64:ro \
    -v /usr/lib:/usr/lib:ro busybox /w/wolffia doctor --format '{{.ID}}={{.Verdict}} {{.Who}}: {{.Reason}}' user-namespace nested seccomp root-unprivileged
  assert_output_has "user-namespace=HOLDS-IF you: this process runs under a seccomp filter"
  assert_output_has "nested=HOLDS-IF you: this process runs under a seccomp filter"
  assert_output_has "seccomp=HOLDS-IF you"
  assert_output_has "root-unprivileged=HOLDS-IF you: wolffia was started by root"
}

@test "--require: refused before anything exists, checked at each start" {
  run -0 wolffia run --rm --network none --require=seccomp,users-separated --require processes-hidden busybox echo ran
  assert_output_is ran
  run -125 wolffia run --network none --require=secomp busybox true
  assert_output_has '--require: unknown guarantee "secomp": did you mean seccomp?'
  run -125 wolffia run --network none --require=seccomp,device-nodes no.such/image true
  assert_output_has "--require=device-nodes: LOST"
  run -125 wolffia create --network none --require=seccomp --security-opt seccomp=unconfined busybox true
  assert_output_has "--require=seccomp: the container does not have that"
  run -125 wolffia run --require=host-loopback-hidden --network host busybox true
  assert_output_has "--network=host"
  run -125 wolffia run --network none --require=no-new-privileges busybox true
  [ -z "$(wolffia ps -aq)" ]
  wolffia create --name safe --network none --require=survives-power-cut,no-new-privileges --security-opt no-new-privileges busybox sleep 1000
  [ "$(wolffia inspect -f '{{json .Guarantees.Required}} {{len .Guarantees.Held}}' safe)" = '["survives-power-cut","no-new-privileges"] 0' ]
  WOLFFIA_STORAGE_DURABILITY=volatile run -125 wolffia start safe
  assert_output_has "--require=survives-power-cut: HOLDS-IF: storage.durability is \"volatile\"; you can remedy that"
  [ "$(wolffia inspect -f '{{.State.Status}}' safe)" = created ]
  wolffia start safe
  wolffia inspect -f '{{json .Guarantees.Held}}' safe | python3 -c '
import json, sys
held = json.load(sys.stdin)
assert {"survives-power-cut", "no-new-privileges", "seccomp", "pid-namespace", "users-separated"} <= set(held), held
assert "disk-quota-bytes" not in held and "setuid" not in held, held
'
  WOLFFIA_STORAGE_DURABILITY=volatile run -125 wolffia restart -t 0 safe
  [ "$(wolffia inspect -f '{{.State.Status}}' safe)" = running ]
  wolffia restart -t 0 safe
}
