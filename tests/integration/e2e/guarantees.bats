#!/usr/bin/env bats
# Guarantees whose promise no other file keeps: what doctor says to hold is shown to hold, and is said not to where a host
# (in namespaces of the test's own) has lost it. tests/guarantees.md names the test of every row.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm --network none busybox true; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

verdicts() { wolffia doctor --format '{{.ID}}={{.Verdict}}' "$@" || [ $? = 1 ]; }

# holds ID...: doctor says so.
holds() { [ "$(verdicts "$@" | grep -c =HOLDS$)" = $# ] || fail "$(wolffia doctor "$@")"; }

# lost SETUP ID...: what doctor says where SETUP has taken something away, in a user namespace where the user may mount.
lost() {
  local setup=$1
  shift
  : >"$WORLD/empty"
  unshare --user --map-user="$(id -u)" --map-group="$(id -g)" --keep-caps --mount sh -c \
    "cd '$WORLD' && $setup"' && exec wolffia doctor --format "{{.ID}}={{.Verdict}} {{.Who}}: {{.Reason}}" "$@"' sh "$@" || [ $? = 1 ]
}

# refused CALL ERRNO ID...: what doctor says in a container whose seccomp profile answers a system call with an error.
refused() {
  local call=$1 error=$2
  shift 2
  printf '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["%s"], "action": "SCMP_ACT_ERRNO", "errnoRet": %d}]}' \
    "$call" "$error" >"$WORLD/profile.json"
  wolffia run --rm --network none --security-opt "seccomp=$WORLD/profile.json" -e ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
    -v "$WOLFFIA_BIN_DIR:/w:ro" -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro busybox \
    /w/wolffia doctor --format '{{.ID}}={{.Verdict}} {{.Who}}: {{.Reason}}' "$@" || [ $? = 1 ]
}

@test "tests/guarantees.md: every row of the table, with tests that exist" {
  local id shown lost place title
  [ "$(wolffia doctor --format '{{.ID}}' | sort)" = "$(sed -n 's/^| `\([a-z0-9-]*\)` .*/\1/p' "$SOURCE_DIR/tests/guarantees.md" | sort)" ]
  while IFS='|' read -r _ id shown lost _; do
    for place in "$shown" "$lost"; do
      [[ $place =~ ^\ ([a-z0-9/.-]+):\ \"(.*)\"\ $ || $place =~ ^\ —.*$ ]] || fail "$id: '$place' names no test"
      [ -z "${BASH_REMATCH[1]}" ] || grep -qF -- "@test \"${BASH_REMATCH[2]}\"" "$SOURCE_DIR/tests/${BASH_REMATCH[1]}" ||
        fail "$id: no test \"${BASH_REMATCH[2]}\" in ${BASH_REMATCH[1]}"
    done
  done < <(grep '^| `' "$SOURCE_DIR/tests/guarantees.md")
}

@test "containers-by-uid: with --userns=auto, while there are ids" {
  local all
  all=$(awk -F: -v name="$(id -un)" -v uid="$(id -u)" '$1 == name || $1 == uid {n += $3} END {print n + 0}' /etc/subuid)
  if [ "$all" -ge 4096 ]; then
    holds containers-by-uid
    run -0 wolffia run --rm --network none --userns=auto --require containers-by-uid busybox true
    run -125 wolffia run --rm --network none --require containers-by-uid busybox true
    assert_output_has "--userns=auto is not given"
    wolffia create --name most --network none --userns=auto:size=$((all - 2000)) busybox true
    holds containers-by-uid
    run -125 wolffia create --network none --userns=auto:size=2001 --require containers-by-uid busybox true
    assert_output_has "subordinate user ids are free"
    wolffia rm most
  fi
  run -0 lost 'mount --bind empty /etc/subuid' containers-by-uid
  assert_output_has "containers-by-uid=HOLDS-IF the administrator"
}

@test "own-groups: kept, without their numbers" {
  holds own-groups
  run -0 wolffia run --rm --network none --group-add keep-groups busybox awk '/^Groups:/ {print NF - 1}' /proc/self/status
  assert_output_is "$(awk '/^Groups:/ {print NF - 1}' /proc/self/status)"
}

@test "file-capabilities: a program of the image has them, whoever runs it" {
  holds file-capabilities
  python3 - "$WORLD/caps.tar" <<'P'
import io, os, struct, subprocess, sys, tarfile
busybox = open("/bin/busybox", "rb").read()
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    for name, value in (("plain/busybox", None), ("raised/busybox", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(busybox), 0o755
        if value:
            entry.pax_headers = {"SCHILY.xattr.security.capability": value.decode()}
        tar.addfile(entry, io.BytesIO(busybox))
P
  wolffia import -q "$WORLD/caps.tar" caps >/dev/null
  effective() { wolffia run --rm --network none --user 1000 caps "/$1/busybox" grep CapEff /proc/self/status; }
  [ "$(effective plain)" = $'CapEff:\t0000000000000000' ]
  [ "$(effective raised)" = $'CapEff:\t0000000000000400' ]
  wolffia rmi caps
  run -0 lost 'mount --bind empty /etc/subuid' file-capabilities high-ids
  assert_output_has "file-capabilities=HOLDS-IF the administrator"
  assert_output_has "high-ids=HOLDS-IF the administrator"
}

@test "high-ids: as many as the user has" {
  local count
  count=$(awk -F: -v name="$(id -un)" '$1 == name {n += $3} END {print n}' /etc/subuid)
  if [ "$count" -gt 65600 ]; then
    holds high-ids
    run -0 wolffia run --rm --network none busybox sh -c 'touch /f && chown 65600 /f && stat -c %u /f'
    assert_output_is 65600
  else
    run -0 verdicts high-ids
    assert_output_is high-ids=HOLDS-IF
    run -1 wolffia run --rm --network none busybox sh -c 'touch /f && chown 65600 /f'
  fi
}

@test "a namespace that is used up, of each kind" {
  run -0 lost 'echo 0 >/proc/sys/user/max_ipc_namespaces' ipc-namespace uts-namespace
  assert_output_has "ipc-namespace=HOLDS-IF the administrator: "
  assert_output_has "uts-namespace=HOLDS "
  run -0 lost 'echo 0 >/proc/sys/user/max_uts_namespaces' uts-namespace
  assert_output_has "uts-namespace=HOLDS-IF the administrator: "
  run -0 lost 'echo 0 >/proc/sys/user/max_cgroup_namespaces' cgroup-namespace
  assert_output_has "cgroup-namespace=HOLDS-IF the administrator: "
  run -0 lost 'echo 0 >/proc/sys/user/max_mnt_namespaces' mount-namespace
  assert_output_has "mount-namespace=HOLDS-IF the administrator: "
  run -0 lost 'echo 0 >/proc/sys/user/max_user_namespaces' own-groups capabilities no-new-privileges native-writes disk-quota-inodes network-rate \
    resource-accounting host-devices ptrace perf landlock
  [ "$(grep -c '=HOLDS-IF the administrator: user namespaces are switched off' <<<"$output")" = 11 ] || fail "$output"
  run -0 lost 'echo 0 >/proc/sys/user/max_net_namespaces' abstract-sockets-hidden client-address low-ports-inside ping ipv6 throughput
  [ "$(grep -c '=HOLDS-IF the administrator: network namespaces are switched off' <<<"$output")" = 6 ] || fail "$output"
}

@test "abstract-sockets-hidden: a container does not see the host's" {
  holds abstract-sockets-hidden
  python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind("\0" + sys.argv[1]); s.listen(); time.sleep(60)' "wolffia-test-$$" 3>&- &
  local listener=$!
  eventually grep -q "@wolffia-test-$$" /proc/net/unix
  run -1 wolffia run --rm --network none busybox grep "@wolffia-test-$$" /proc/net/unix
  run -0 wolffia run --rm --network host busybox grep -o "@wolffia-test-$$" /proc/net/unix
  kill $listener
}

@test "no-new-privileges: a setuid program gains nothing" {
  holds no-new-privileges setuid
  local flag name
  for flag in "" "--security-opt no-new-privileges"; do
    name=box${flag:+-kept}
    wolffia run -d --name $name --network none $flag -v /usr/bin/id:/host-id:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro busybox sleep 1000
    wolffia exec $name sh -c 'cp /host-id /id && chown 1 /id && chmod 4755 /id'
  done
  [ "$(wolffia exec -u 2 box /id -u)" = 1 ]
  [ "$(wolffia exec -u 2 box-kept /id -u)" = 2 ]
}

@test "selinux, apparmor, landlock: what the host has of each" {
  run -0 lost 'mount -t tmpfs x /sys/fs && mkdir /sys/fs/selinux && : >/sys/fs/selinux/enforce' selinux
  assert_output_has "selinux=LOST"
  run -0 lost 'mount -t tmpfs x /sys/module && mkdir -p /sys/module/apparmor/parameters && echo Y >/sys/module/apparmor/parameters/enabled' apparmor
  assert_output_has "apparmor=LOST"
  if [ -e /sys/fs/selinux/enforce ]; then [ "$(verdicts selinux)" = selinux=LOST ]; else [ "$(verdicts selinux)" = selinux=NOT-APPLICABLE ]; fi
  [ "$(verdicts landlock)" = landlock=HOLDS ] || skip "no Landlock on this host"
  run -1 wolffia run --rm --network none --security-opt landlock=default busybox touch /bin/f
  assert_output_has "Permission denied"
  run -0 wolffia run --rm --network none --security-opt landlock=default --require landlock busybox true
  run -125 wolffia run --rm --network none --require landlock busybox true
  assert_output_has "--security-opt landlock= is not given"
  run -0 refused landlock_create_ruleset 38 landlock  # ENOSYS
  assert_output_has "landlock=LOST"
  run -0 refused landlock_create_ruleset 95 landlock  # EOPNOTSUPP
  assert_output_has "landlock=HOLDS-IF the administrator"
}

@test "limits: doctor's verdict is that of run, and its reason too" {
  local id verdict reason
  while read -r id flags; do
    verdict=$(wolffia doctor --format '{{.Verdict}}' "$id" || true)
    reason=$(wolffia doctor --format '{{.Reason}}' "$id" || true)
    if [ "$verdict" = HOLDS ]; then
      run -0 wolffia run --rm --network none $flags busybox true
    else
      [ "$verdict" = HOLDS-IF ]
      run -125 wolffia run --rm --network none $flags busybox true
      assert_output_has "$reason"
    fi
  done <<'T'
resource-memory --memory 64m
resource-swap --memory 64m --memory-swap 128m
resource-cpu --cpus 1
resource-cpuset --cpuset-cpus 0
resource-io --blkio-weight 100
resource-pids --pids-limit 100
resource-oom-group --memory 64m --cgroup-conf memory.oom.group=1
T
}

@test "resource-accounting: containers stay in the control group that starts them, or below" {
  local flags="" line
  [ "$(verdicts resource-accounting)" = resource-accounting=HOLDS ] || flags=--cgroups=split
  wolffia run -d --name web --network none $flags busybox sleep 1000
  while read -r line; do
    grep -qE "^$line(/.*)?$" "/proc/$(wolffia inspect -f '{{.State.Pid}}' web)/cgroup" || fail "$line: $(cat "/proc/$(wolffia inspect -f '{{.State.Pid}}' web)/cgroup")"
  done < <(sed 's,/$,,; s/[.+]/\\&/g' /proc/self/cgroup)
}

@test "disk-quota-inodes, native-writes, host-devices" {
  holds disk-quota-inodes host-devices
  run wolffia run --rm --network none --storage-opt inodes=50 busybox sh -c 'i=0; while [ $i -lt 100 ]; do : >/f$i || exit 9; i=$((i+1)); done'
  [ "$status" != 0 ]
  assert_output_has "No space left"
  run -0 lost 'mount --bind empty /dev/fuse' disk-quota-inodes
  assert_output_has "disk-quota-inodes=HOLDS-IF the administrator: /dev/fuse is not a device"
  run wolffia run --rm --network none --device /dev/full busybox sh -c 'echo x >/dev/full'
  assert_output_has "No space left"
  if [ "$(verdicts native-writes)" = native-writes=HOLDS ]; then
    run -0 wolffia run --rm --network none busybox awk '$2 == "/" {print $3}' /proc/mounts
    assert_output_is overlay
  fi
}

@test "store-attributes: owners and modes of a container's files stay with it" {
  holds store-attributes
  wolffia run --name kept --network none busybox sh -c 'touch /f && chown 7:8 /f && chmod 1640 /f'
  wolffia start --attach kept  # until it has ended
  [ "$(wolffia export kept | tar -tvf - --numeric-owner f | awk '{print $1, $2}')" = "-rw-r----T 7/8" ]
}

@test "low-ports: published where the host lets the user" {
  run -0 unshare --user --map-user="$(id -u)" --map-group="$(id -g)" --keep-caps --net sh -c 'PATH=$PATH:/usr/sbin:/sbin; ip link set lo up &&
    echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start && exec setpriv --inh-caps=-all --ambient-caps=-all wolffia doctor --format "{{.Verdict}}" low-ports'
  assert_output_is HOLDS
}

@test "ipv6 and throughput, by the settings of the network" {
  mkdir -p "$XDG_CONFIG_HOME/wolffia"
  printf '[network]\noptions = ["enable_ipv6=true", "bypass=on"]\n' >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  holds ipv6 throughput
  run -0 wolffia run --rm busybox ip -6 -o a s tap0
  assert_output_has "scope global"
  run -0 wolffia run --rm --require ipv6,throughput busybox true
  rm "$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  [ "$(verdicts ipv6 throughput | tr '\n' ' ')" = "ipv6=HOLDS-IF throughput=HOLDS-IF " ]
}

@test "what is lost is lost: a container's address, devices, raw sockets" {
  local id
  for id in resource-devices shared-store sctp raw-sockets multicast container-address checkpoint; do
    [ "$(verdicts "$id")" = "$id=LOST" ] || fail "$id"
    run -125 wolffia create --require "$id" busybox true
  done
  wolffia run -d --name web busybox nc -ll -p 8080 -e echo hello
  eventually wolffia exec web sh -c 'sleep 0.1 | nc 10.0.2.100 8080 | grep hello'
  run timeout 2 bash -c 'exec 3<>/dev/tcp/10.0.2.100/8080 && head -c 5 <&3'
  [[ "$output" != *hello* ]]
}

@test "survives-logout, starts-at-boot: logind's word and the user's" {
  local systemd='mount -t tmpfs x /run && mkdir -p /run/systemd/system'
  run -0 lost "$systemd"' && mkdir -p /run/systemd/logind.conf.d && echo KillUserProcesses=yes >/run/systemd/logind.conf.d/90-w.conf' survives-logout
  assert_output_has "survives-logout=HOLDS-IF you: logind ends the processes of a session with it"
  run -0 lost "$systemd"' && mount -t tmpfs y /var/lib && mkdir -p /var/lib/systemd/linger' starts-at-boot
  assert_output_has "starts-at-boot=HOLDS-IF you: lingering is off"
  run -0 lost "$systemd"' && mount -t tmpfs y /var/lib && mkdir -p /var/lib/systemd/linger && : >"/var/lib/systemd/linger/$(id -un)"' starts-at-boot
  assert_output_has "starts-at-boot=HOLDS "
}

@test "ptrace and perf: the user looks into a container; where the kernel refuses, doctor says so" {
  wolffia run -d --name web --network none busybox sh -c 'while :; do :; done'
  local pid
  pid=$(wolffia inspect -f '{{.State.Pid}}' web)
  if [ "$(verdicts ptrace)" = ptrace=HOLDS ]; then
    python3 - "$pid" <<'P'
import ctypes, os, sys
libc, pid = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
assert libc.ptrace(16, pid, None, None) == 0, os.strerror(ctypes.get_errno())  # PTRACE_ATTACH
os.waitpid(pid, 0x40000000)  # __WALL
assert libc.ptrace(17, pid, None, None) == 0  # PTRACE_DETACH
P
  fi
  if [ "$(verdicts perf)" = perf=HOLDS ]; then
    python3 - "$pid" <<'P'
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
attributes = struct.pack("<IIQ", 1, 64, 1) + bytes(48)  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK
attributes = bytearray(attributes)
attributes[40:48] = struct.pack("<Q", 1 << 5 | 1 << 6)  # exclude_kernel, exclude_hv
fd = libc.syscall(298, bytes(attributes), int(sys.argv[1]), -1, -1, 0)
assert fd >= 0, os.strerror(ctypes.get_errno())
end = time.monotonic() + 20
while struct.unpack("<Q", os.read(fd, 8))[0] == 0:
    assert time.monotonic() < end
    time.sleep(0.02)
P
  fi
  run -0 refused ptrace 1 ptrace
  assert_output_has "ptrace=LOST"
  run -0 refused perf_event_open 13 perf
  assert_output_has "perf=HOLDS-IF the administrator"
}

@test "nested: in a container of wolffia's own that gives what it needs" {
  # A setuid newuidmap writes the map of a namespace that is not its own.
  wolffia run -d --name outer --network none --cap-add sys_admin --device /dev/fuse --security-opt seccomp=unconfined --security-opt unmask=ALL \
    -e container=wolffia -e ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" -e HOME=/home/me -v "$WOLFFIA_BIN_DIR:/w:ro" -v /lib:/lib:ro \
    -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro -v /usr/bin:/host-bin:ro busybox sleep 1000
  wolffia exec outer sh -c 'mkdir -p /usr/bin /etc /home/me && chown 1000:1000 /home/me && cp /host-bin/newuidmap /host-bin/newgidmap /usr/bin &&
    chmod 4755 /usr/bin/new?idmap && echo me:x:1000:1000::/home/me:/bin/sh >>/etc/passwd && echo me:x:1000: >>/etc/group &&
    echo me:10000:5000 >/etc/subuid && cp /etc/subuid /etc/subgid'
  run wolffia exec --user 1000:1000 outer /w/wolffia doctor --format '{{.ID}}={{.Verdict}} {{.Reason}}' nested
  assert_output_is "nested=HOLDS "
  wolffia exec outer rm /usr/bin/newuidmap
  run wolffia exec --user 1000:1000 outer /w/wolffia doctor --format '{{.ID}}={{.Verdict}} {{.Reason}}' nested
  assert_output_has "nested=HOLDS-IF"
}
