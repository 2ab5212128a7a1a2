#!/usr/bin/env bats
# `run` with the built-in image: what a container looks like from inside, flags, exit codes.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() { assert_clean; }

@test "the first run needs no network" {
  fresh_home "$BATS_TEST_TMPDIR/first"
  run -0 --separate-stderr wolffia run busybox echo hello
  assert_output_is hello
  wolffia rm -a
}

@test "stdin, stdout, stderr and exit codes pass through" {
  run -0 --separate-stderr wolffia run --rm -i busybox sh -c 'cat; echo err >&2' <<<"from outside"
  assert_output_is "from outside"
  [ "$stderr" = err ]
  run -0 wolffia run --rm busybox cat <<<"not with -i"
  assert_output_is ""
  run -7 wolffia run --rm busybox sh -c 'exit 7'
  run -137 wolffia run --rm busybox sh -c 'kill -9 $$; sleep 1' || true
  run -127 wolffia run --rm busybox no-such-command
  assert_output_has no-such-command
  run -126 wolffia run --rm busybox /etc/passwd
  run -126 wolffia run --rm busybox /etc
  run -125 wolffia run --rm --no-such-flag busybox true
  assert_output_has no-such-flag
  run -125 wolffia run --rm no-such-image-here/at:all true
}

@test "a container has its own pids, hostname, network, ipc" {
  run -0 wolffia run --rm --network none --hostname duckweed busybox sh -c 'echo $$; hostname; ls /sys/class/net 2>/dev/null || true; ip -o link | wc -l'
  [ "${lines[0]}" = 1 ]
  [ "${lines[1]}" = duckweed ]
  [ "${lines[-1]}" = 1 ]
  run -0 wolffia run --rm busybox sh -c 'hostname | wc -c; cat /etc/hostname /etc/hosts'
  [ "${lines[0]}" = 13 ]
  assert_output_has localhost
}

@test "root inside is the user outside" {
  mkdir -p "$WORLD/shared"
  run -0 wolffia run --rm -v "$WORLD/shared:/data" busybox sh -c 'id -u; touch /data/mine; stat -c %u /data/mine'
  [ "${lines[0]}" = 0 ]
  [ "${lines[1]}" = 0 ]
  [ "$(stat -c %u "$WORLD/shared/mine")" = "$(id -u)" ]
}

@test "confinement: capabilities, seccomp, masked and read-only paths" {
  run -0 wolffia run --rm busybox sh -c 'grep -E "^(CapEff|CapInh|CapAmb|Seccomp|NoNewPrivs):" /proc/self/status'
  assert_output_has "CapEff:	00000000800405fb"
  assert_output_has "CapInh:	0000000000000000"
  assert_output_has "CapAmb:	0000000000000000"
  assert_output_has "Seccomp:	2"
  run -1 wolffia run --rm busybox mount -t tmpfs none /mnt
  run -0 wolffia run --rm busybox sh -c 'cat /proc/keys /proc/timer_list | wc -c; ls -A /sys/firmware | wc -l; (echo x >/proc/sys/kernel/domainname) 2>&1 | grep -c "Read-only"'
  assert_output_is $'0\n0\n1'
  run -0 wolffia run --rm --cap-drop ALL --security-opt no-new-privileges busybox sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs):" /proc/self/status'
  assert_output_has "CapEff:	0000000000000000"
  assert_output_has "CapBnd:	0000000000000000"
  assert_output_has "NoNewPrivs:	1"
  run -0 wolffia run --rm --cap-add SYS_ADMIN busybox sh -c 'mount -t tmpfs none /mnt && echo mounted'
  assert_output_is mounted
}

@test "no descriptor of ours, no process of ours, working directory inside" {
  run -0 wolffia run --rm busybox sh -c 'ls /proc/self/fd | wc -l; pwd; ps | wc -l'
  [ "${lines[0]}" = 4 ]  # 0 1 2 and ls's own
  [ "${lines[1]}" = / ]
}

@test "environment" {
  printf 'FILE_A=1\n# no\nFILE_B=two words\nHOSTVAR\n' >"$WORLD/env"
  HOSTVAR=from-host run -0 wolffia run --rm -e A=1 --env B= --env-file "$WORLD/env" busybox env
  for line in A=1 B= FILE_A=1 "FILE_B=two words" HOSTVAR=from-host HOME=/root container=wolffia; do
    printf '%s\n' "${lines[@]}" | grep -qxF "$line" || fail "no $line in: $output"
  done
  ! printf '%s\n' "${lines[@]}" | grep -q WORLD=
}

@test "user, working directory, entrypoint" {
  run -0 wolffia run --rm -u nobody -w /tmp busybox sh -c 'id -un; pwd'
  assert_output_is $'nobody\n/tmp'
  run -0 wolffia run --rm -u 1234:5678 busybox id
  assert_output_has "uid=1234"
  assert_output_has "gid=5678"
  run -125 wolffia run --rm -u nosuchuser busybox id
  assert_output_has nosuchuser
  run -0 wolffia run --rm --entrypoint echo busybox a b
  assert_output_is "a b"
  run -0 wolffia run --rm --entrypoint '["sh","-c"]' busybox 'echo $0 x'
  assert_output_is "sh x"
}

@test "a mount over a folder of PATH comes first in PATH's order" {
  mkdir -p "$WORLD/tools"
  printf '#!/bin/sh\nexit 3\n' >"$WORLD/tools/true"
  chmod 755 "$WORLD/tools/true"
  run -3 wolffia run --rm -v "$WORLD/tools:/usr/local/bin" busybox true
  run -0 wolffia run --rm busybox true
  run -127 wolffia run --rm -e PATH=/no/where busybox true
}

@test "mounts: bind, read-only, tmpfs, missing source" {
  mkdir -p "$WORLD/b"
  echo content >"$WORLD/b/f"
  run -0 wolffia run --rm -v "$WORLD/b:/b:ro" busybox sh -c 'cat /b/f; touch /b/x 2>/dev/null || echo ro'
  assert_output_is $'content\nro'
  run -0 wolffia run --rm --mount "type=bind,source=$WORLD/b,target=/deep/er" busybox cat /deep/er/f
  assert_output_is content
  run -0 wolffia run --rm --tmpfs /t:size=1m busybox sh -c 'grep " /t tmpfs" /proc/mounts; dd if=/dev/zero of=/t/f bs=1M count=2 2>&1 | grep -c "No space"'
  assert_output_has size=1024k
  run -125 wolffia run --rm -v /no/such/dir:/x busybox true
  assert_output_has /no/such/dir
  run -0 wolffia run --rm --mount type=tmpfs,target=/m busybox sh -c 'grep -c " /m tmpfs" /proc/mounts'
  assert_output_is 1
}

@test "--read-only, --shm-size, --ulimit" {
  run -0 wolffia run --rm --read-only busybox sh -c 'touch /x 2>&1 | grep -c "Read-only"; touch /tmp/ok && echo ok'
  assert_output_is $'1\nok'
  run -0 wolffia run --rm --shm-size 1m busybox sh -c 'grep /dev/shm /proc/mounts'
  assert_output_has size=1024k
  run -0 wolffia run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -n; ulimit -Hn'
  assert_output_is $'100\n200'
}

@test "--init reaps and forwards" {
  run -0 wolffia run --rm --init busybox sh -c 'ps | head -3; echo $$'
  [ "${lines[-1]}" != 1 ]
  run -5 wolffia run --rm --init busybox sh -c 'exit 5'
}

@test "user namespaces: keep-id, --uidmap, single id" {
  run -0 wolffia run --rm --userns keep-id busybox id -u
  assert_output_is "$(id -u)"
  mkdir -p "$WORLD/k"
  run -0 wolffia run --rm --userns keep-id -v "$WORLD/k:/k" busybox sh -c 'touch /k/f; stat -c %u /k/f'
  assert_output_is "$(id -u)"
  [ "$(stat -c %u "$WORLD/k/f")" = "$(id -u)" ]
  run -0 wolffia run --rm --uidmap 0:0:1 --uidmap 1:11:10 --gidmap 0:0:1 --gidmap 1:11:10 busybox cat /proc/self/uid_map
  [[ "${lines[0]}" =~ ^\ *0\ +$(id -u)\ +1$ && "${lines[1]}" =~ ^\ *1\ +[0-9]+\ +10$ ]] || fail "$output"
}

@test "--network host shares the host's, none has only loopback" {
  run -0 wolffia run --rm --network host busybox sh -c 'readlink /proc/self/ns/net'
  assert_output_is "$(readlink /proc/self/ns/net)"
  run -0 wolffia run --rm --network none busybox ip -o link show lo
  assert_output_has LOOPBACK,UP
}

@test "--rootfs DIR" {
  mkdir -p "$WORLD/rootfs/bin"
  cp "$(command -v busybox)" "$WORLD/rootfs/bin/busybox"
  ln -sf busybox "$WORLD/rootfs/bin/sh"
  run -0 wolffia run --rm --rootfs "$WORLD/rootfs" /bin/sh -c 'echo in rootfs; busybox touch /made'
  assert_output_is "in rootfs"
  [ -e "$WORLD/rootfs/made" ]
}

@test "--cidfile, --name, ps, inspect, rm" {
  run -0 wolffia run --name first --cidfile "$WORLD/cid" --label a=b busybox echo done
  id=$(cat "$WORLD/cid")
  [ ${#id} = 64 ]
  run -0 wolffia ps -a --format '{{.ID}} {{.Names}} {{.Status}}'
  assert_output_has "${id:0:12} first Exited (0)"
  run -0 wolffia ps -q
  assert_output_is ""
  run -0 wolffia inspect --format '{{.Name}} {{.State.ExitCode}} {{index .Config.Labels "a"}}' first
  assert_output_is "first 0 b"
  run -125 wolffia run --name first busybox true
  assert_output_has first
  run -0 wolffia rm first
  run -1 wolffia rm first
  rm "$WORLD/cid"
}

@test "a caller that ignores SIGCHLD" {
  run -3 bash -c 'trap "" CHLD; exec wolffia run --rm busybox sh -c "exit 3"'
}

@test "signals are forwarded, a killed CLI leaves the container, a killed monitor takes it along" {
  wolffia run --rm --name sig busybox sh -c 'trap "exit 42" TERM; echo ready; while :; do sleep 0.05; done' >"$WORLD/out" 3>&- &
  cli=$!
  eventually grep -q ready "$WORLD/out"
  kill -TERM $cli
  code=0; wait $cli || code=$?
  [ $code = 42 ]

  wolffia run --name orphan busybox sleep 1000 3>&- &
  cli=$!
  started() { [ "$(wolffia inspect --format '{{.State.Pid}}' orphan 2>/dev/null)" -gt 0 ]; }
  eventually started
  kill -9 $cli
  wait $cli || true
  [ "$(wolffia ps --format '{{.Names}}')" = orphan ]
  pid=$(wolffia inspect --format '{{.State.Pid}}' orphan)
  monitor=$(awk '/^PPid/{print $2}' "/proc/$pid/status")
  kill -9 "$monitor"
  eventually test ! -d "/proc/$pid"
  eventually says "" wolffia ps -q  # the guard lets go of the lock last
  run -0 wolffia ps -q
  assert_output_is ""
  wolffia rm orphan
}
