#!/usr/bin/env bats
# --userns=auto: every container has subordinate ids of its own, in whatever it does. The maps themselves are shown by
# auto_ids_test.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
  mkdir -m 0777 "$WORLD/shared"
}
setup() {
  [ "$(wolffia doctor --format '{{.Verdict}}' users-separated || true)" = HOLDS ] || skip "this host has no subordinate ids"
}
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  wolffia volume prune --force >/dev/null
  assert_clean
}

# up NAME FLAG...: a container that runs until it is removed.
up() {
  local name=$1
  shift
  wolffia run -d --name "$name" --network none "$@" busybox sh -c 'echo ready; exec sleep 10000' >/dev/null
  eventually logged "$name" ready
}
pid_of() { wolffia inspect -f '{{.State.Pid}}' "$1"; }
# range NAME: "FIRST SIZE" of the host's user ids, of a container that exists.
range() { wolffia inspect -f '{{index .HostConfig.IDMappings.UidMap 0}}' "$1" | awk -F: '$1 == 0 {print $2, $3}'; }
# distinct NAME...: no id of the host is in two of them, users or groups.
distinct() {
  local name
  for name in "$@"; do wolffia inspect -f '{{json .HostConfig.IDMappings}}' "$name"; done | python3 -c '
import json, sys
maps = [json.loads(line) for line in sys.stdin]
for key in ("UidMap", "GidMap"):
    ids = [i for m in maps for part in m[key] for i in range(int(part.split(":")[1]), sum(map(int, part.split(":")[1:])))]
    assert ids and len(ids) == len(set(ids)), maps'
}
subordinate() { awk -F: -v name="$(id -un)" -v uid="$(id -u)" '$1 == name || $1 == uid {n += $3} END {print n + 0}' /etc/subuid; }

@test "two containers have no id of the host in common, and not the user's" {
  up one --userns=auto
  up two --userns=auto
  distinct one two
  [ "$(awk '{print $1, $2, $3}' "/proc/$(pid_of one)/uid_map")" = "0 $(range one)" ]
  [ "$(awk '{print $1, $2, $3}' "/proc/$(pid_of two)/uid_map")" = "0 $(range two)" ]
  [ "$(awk '/^Uid/ {print $2}' "/proc/$(pid_of one)/status")" = "$(range one | cut -d' ' -f1)" ]
  run -0 wolffia exec one sh -c 'id -u; stat -c %u /etc /proc/1; touch /f && stat -c %u:%g /f'
  assert_output_is $'0\n0\n0\n0:0'
  run -0 wolffia inspect -f '{{.HostConfig.UsernsMode}}' one
  assert_output_is auto
}

@test "what the one makes the other cannot read, write or signal" {
  up one --userns=auto -v "$WORLD/shared:/s"
  up two --userns=auto -v "$WORLD/shared:/s" --pid=host
  wolffia exec one sh -c 'echo secret >/s/own && chmod 600 /s/own'
  [ "$(stat -c %u "$WORLD/shared/own")" = "$(range one | cut -d' ' -f1)" ]
  run -1 wolffia exec two cat /s/own
  assert_output_has "Permission denied"
  run -1 wolffia exec two sh -c 'echo x >>/s/own'
  run -0 wolffia exec two stat -c %u /s/own
  assert_output_is 65534
  run -1 wolffia exec two kill -0 "$(pid_of one)"
  assert_output_has "Operation not permitted"
  run -1 wolffia exec two cat "/proc/$(pid_of one)/environ"
  run -1 wolffia exec two kill -0 $$
  assert_output_has "Operation not permitted"
  wolffia exec one rm /s/own
}

@test "the range stays: over stop and start, restart, and a killed monitor; rm gives it back" {
  up one --userns=auto
  local before
  before=$(range one)
  wolffia exec one sh -c 'touch /kept && chown 7:8 /kept && chmod 0750 /'
  up two --userns=auto
  wolffia stop -t 0 one
  wolffia start one
  wolffia restart -t 0 one
  [ "$(awk '{print $2, $3}' "/proc/$(pid_of one)/uid_map")" = "$before" ]
  kill -9 "$(ps -o ppid= -p "$(pid_of one)" | tr -d ' ')"
  eventually sh -c '[ "$(wolffia ps -a --format "{{.State}}" --filter name=one)" = exited ]'
  wolffia start one
  [ "$(awk '{print $2, $3}' "/proc/$(pid_of one)/uid_map")" = "$before" ]
  run -0 wolffia exec one stat -c %u:%g:%a /kept /
  assert_output_is $'7:8:644\n0:0:750'
  distinct one two
  wolffia rm -f -t 0 one
  wolffia create --name three --userns=auto --network none busybox true
  [ "$(range three)" = "$before" ]
}

@test "used up: how many are free, how many were asked for, and the remedy" {
  local all
  all=$(subordinate)
  wolffia create --name one --userns=auto:size=$((all - 100)) --network none busybox true
  run -125 wolffia create --name two --userns=auto --network none busybox true
  assert_output_has "needs 1024 user ids, and 100 of this user's $all subordinate user ids are free"
  assert_output_has "1 container has the others: remove it"
  assert_output_has "/etc/subuid"
  [ -z "$(wolffia ps -aq --filter name=two)" ]
  wolffia run --rm --userns=auto:size=100 --network none busybox true
  run -125 wolffia run --rm --userns=auto:size=101 --network none busybox true
  wolffia create --name one --replace --userns=auto:size=$((all - 100)) --network none busybox true
  wolffia rm one
  wolffia run --rm --userns=auto --network none busybox true
}

@test "many at one moment, some of them killed: no range twice, none lost" {
  local n pids=() before
  for n in $(seq 12); do
    wolffia create --name "c$n" --userns=auto:size=50 --network none busybox true >/dev/null 2>&1 3>&- &
    pids+=($!)
  done
  for n in 2 5 8; do kill -9 "${pids[n]}" 2>/dev/null || true; done
  for n in "${pids[@]}"; do wait "$n" 2>/dev/null || true; done
  local names
  names=$(wolffia ps -a --format '{{.Names}}')
  [ "$(wc -l <<<"$names")" -ge 9 ]
  distinct $names
  wolffia rm -f $names >/dev/null
  wolffia create --name all --userns=auto:size="$(subordinate)" --network none busybox true
  wolffia rm all
}

@test "who has the lock is killed, and a maker that waits for it: nothing is left" {
  mkfifo "$WORLD/held"
  python3 - "$STORE/ids.lock" "$WORLD/held" <<'P' 3>&- &
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.fcntl(fd, 38, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLKW
open(sys.argv[2], "w").write("held\n")
import time
time.sleep(1000)
P
  local holder=$! maker
  read -r _ <"$WORLD/held"
  wolffia create --name waits --userns=auto --network none busybox true >/dev/null 2>&1 3>&- &
  maker=$!
  eventually grep -q -- "-> OFDLCK.*:$(stat -c %i "$STORE/ids.lock") " /proc/locks
  kill -9 $maker $holder
  wait $maker $holder 2>/dev/null || true
  wolffia create --name next --userns=auto --network none busybox true
  [ -z "$(wolffia ps -aq --filter name=waits)" ]
}

@test "the size: what the image and --user need, or as asked" {
  run -0 wolffia run --rm --userns=auto --network none busybox awk '{print $1, $3}' /proc/self/uid_map
  assert_output_is "0 1024"
  run -0 wolffia run --rm --userns=auto --user 3000:4000 --network none busybox sh -c 'id -u; id -g; awk "{print \$3}" /proc/self/uid_map'
  assert_output_is $'3000\n4000\n4001'
  run -0 wolffia run --rm --userns=auto:size=10 --network none busybox awk '{print $1, $3}' /proc/self/uid_map
  assert_output_is "0 10"
  run -125 wolffia run --rm --userns=auto:size=10 --user 10 --network none busybox true
  assert_output_has "user id 10 is not mapped"
  run -0 wolffia run --rm --userns=auto:size=10,uidmapping=5:0:1,gidmapping=5:0:1 --network none busybox awk '$1 == 5 {print $2, $3}' /proc/self/uid_map
  [ "$(awk '{print $2}' <<<"$output")" = 1 ]
}

@test "options that do not exist, and flags that do not go with it" {
  run -125 wolffia create --userns=auto:keep=1 busybox true
  assert_output_has 'unknown option "keep=1"'
  run -125 wolffia create --userns=auto --uidmap 0:1:10 busybox true
  assert_output_has "exclude each other"
  run -125 wolffia create --userns=auto --systemd=always busybox true
  assert_output_has "give another --userns, or --systemd=false"
  run -125 wolffia create --userns=auto --network slirp4netns:port_handler=slirp4netns -p 127.0.0.1:8080:80 busybox true
  assert_output_has "or port_handler=rootlesskit"
  up one --userns=auto
  run -125 wolffia create --userns=auto --network container:one busybox true
  assert_output_has "the user namespace that goes with what it shares"
}

@test "files: of the image, of volumes, of the host, in and out" {
  local upper
  mkdir -p "$WORLD/mine" && echo mine >"$WORLD/mine/f"
  for upper in kernel fuse; do
    [ "$upper" = fuse ] || [ "$(wolffia doctor --format '{{.Verdict}}' native-writes || true)" = HOLDS ] || continue
    up "$upper" --userns=auto --storage-opt "upper=$upper" -v named:/n -v "$WORLD/mine:/m" -v "$WORLD/mine:/o:O"
    wolffia exec $upper sh -c 'touch /n/'$upper' && mkdir /d && chown 5:6 /d && echo more >>/etc/hosts && rm /bin/vi && echo x >/bin/new'
    run -0 wolffia exec $upper sh -c 'cat /m/f; stat -c %u:%g /m/f /d /n/'$upper
    assert_output_is $'mine\n65534:65534\n5:6\n0:0'
    run -1 wolffia exec $upper sh -c 'echo x >/m/f'
    run -0 wolffia exec --user 5 $upper sh -c 'id -u && echo y >/d/f 2>/dev/null; cat /etc/hosts'
    assert_output_has more
    wolffia cp "$WORLD/mine/f" $upper:/d/copy
    wolffia cp $upper:/d/copy "$WORLD/back" && [ "$(cat "$WORLD/back")" = mine ]
    run -0 wolffia diff $upper
    assert_output_has "A /d/copy"
    assert_output_has "D /bin/vi"
    wolffia export $upper | tar -tvf - --numeric-owner d | grep -q "5/6"
    wolffia stop -t 0 $upper
    wolffia diff $upper | grep -qx "A /bin/new"
    wolffia export $upper | tar -tf - bin/new
    wolffia rm $upper
    wolffia volume rm named
  done
}

@test "the files of the engine's making are its root's, and no other user's to write" {
  up one --userns=auto --user 1000
  run -0 wolffia exec --user 0 one sh -c 'stat -c %u:%a /etc/passwd /etc/hostname /etc/hosts; echo root >>/etc/hosts'
  assert_output_is $'0:644\n0:644\n0:664'
  run -0 wolffia exec one sh -c 'id -u; id -g; for f in passwd hostname hosts; do echo x >>/etc/$f; done 2>/dev/null; cat /etc/passwd /etc/hosts'
  [[ "$output" == 1000$'\n'0$'\n'* ]]
  [[ "$output" == *root ]]
  wolffia network create net >/dev/null
  wolffia run -d --name two --userns=auto --network net busybox sh -c 'echo ready; exec sleep 1000' >/dev/null
  eventually logged two ready
  wolffia network create other >/dev/null
  wolffia network connect other two
  run -0 wolffia exec two grep -cF "$(wolffia inspect -f '{{.NetworkSettings.Networks.other.IPAddress}}' two)" /etc/hosts
  assert_output_is 1
  wolffia rm -f -t 0 two >/dev/null
  wolffia network rm net other >/dev/null
}

@test "volumes: filled from the image, given with U, changed above a directory of the host" {
  run -0 wolffia run --rm --userns=auto --network none -v fresh:/etc busybox stat -c %u:%g /etc /etc/passwd
  assert_output_is $'0:0\n0:0'
  [ "$(stat -c %u "$STORE/volumes/fresh/data/passwd")" != "$(id -u)" ]
  mkdir -p "$WORLD/given" && echo x >"$WORLD/given/f"
  run -0 wolffia run --rm --userns=auto --network none -v "$WORLD/given:/g:U" busybox sh -c 'echo y >>/g/f && cat /g/f'
  assert_output_is $'x\ny'
  run -0 wolffia run --rm --network none -v "$WORLD/given:/g:U" busybox cat /g/f
  assert_output_is $'x\ny'
}

@test "upper in memory" {
  # tmpfs has attributes of the user's, which overlayfs needs, since Linux 6.6.
  if [ "$(wolffia doctor --format '{{.Verdict}}' native-writes || true)" = HOLDS ] &&
    [ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" = 6.6 ]; then
    run -0 wolffia run --rm --userns=auto --network none --storage-opt upper=memory busybox sh -c 'echo x >/f && chown 5 /f && stat -c %u /f'
    assert_output_is 5
  else
    run -125 wolffia run --rm --userns=auto --network none --storage-opt upper=memory busybox true
    assert_output_has "does not map the user"
  fi
}

@test "standard streams can be opened by their names, by any user of the container" {
  run -0 wolffia run --rm --userns=auto --network none --user 12 busybox sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
  assert_output_has out
  assert_output_has err
  up one --userns=auto
  run -0 wolffia exec --user 12 one sh -c 'echo out >/dev/stdout'
  assert_output_is out
  run -0 python3 "$BATS_TEST_DIRNAME/pty.py" "" wolffia exec -t one sh -c 'test -t 1 && echo terminal'
  assert_output_has terminal
}

@test "networks: slirp4netns, pasta, user-defined ones, and those of another container" {
  run -0 wolffia run --rm --userns=auto --network slirp4netns busybox sh -c 'ip -o a s tap0 | grep -o 10.0.2.100'
  assert_output_is 10.0.2.100
  if command -v pasta >/dev/null && [ "$(wolffia run --rm --network pasta busybox echo works 2>/dev/null)" = works ]; then
    run -0 wolffia run --rm --userns=auto --network pasta busybox sh -c 'ip -o link show eth0 | grep -c UP'
    assert_output_is 1
  fi
  wolffia network create net >/dev/null
  wolffia run -d --name web --userns=auto --network net busybox sh -c 'echo ready; exec nc -ll -p 80 -e echo hello' >/dev/null
  eventually logged web ready
  run -0 wolffia run --rm --userns=auto --network net busybox sh -c 'until nc web 80 </dev/null | grep hello; do :; done'
  assert_output_is hello
  run -0 wolffia run --rm --network container:web busybox sh -c 'until nc 127.0.0.1 80 </dev/null | grep hello; do :; done; id -u'
  assert_output_is $'hello\n0'
  wolffia create --name beside --network container:web busybox true
  [ "$(range beside)" = "$(range web)" ]
  wolffia rm beside
  wolffia rm -f -t 0 web >/dev/null
  wolffia network rm net >/dev/null
}

@test "published ports, and what is removed with --rm" {
  local port
  port=$(free_port)
  wolffia run -d --rm --name web --userns=auto -p "127.0.0.1:$port:80" busybox sh -c 'touch /f; chown 9 /f; echo ready; exec nc -ll -p 80 -e echo hello' >/dev/null
  eventually logged web ready
  run -0 timeout 20 bash -c "until exec 3<>/dev/tcp/127.0.0.1/$port; do sleep 0.05; done; head -n 1 <&3"
  assert_output_has hello
  wolffia stop -t 0 web
  assert_clean
}

@test "nomap, and maps without the user: the container's root is not the user" {
  run -0 wolffia run --rm --userns=nomap --network none -v "$WORLD/shared:/s" busybox sh -c 'id -u; touch /s/nomap; awk "{print \$1, \$3}" /proc/self/uid_map'
  assert_output_is "0
0 $(subordinate)"
  [ "$(stat -c %u "$WORLD/shared/nomap")" != "$(id -u)" ]
  run -0 wolffia run --rm --uidmap 0:1:1000 --gidmap 0:1:1000 --network none -v "$WORLD/shared:/s" busybox sh -c 'rm /s/nomap; awk "{print \$1, \$3}" /proc/self/uid_map'
  assert_output_is "0 1000"
  run -0 wolffia run --rm --uidmap 0:1:1 --gidmap 0:1:1 --network none busybox id -G
  assert_output_is 0
}
