#!/usr/bin/env bats
# The flags of `run` about the process, its namespaces and its health, each by its effect inside.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() { wolffia rm --all --force >/dev/null; assert_clean; }

@test "environment: env-host is the lowest layer, unsetenv and env-merge work on the image's" {
  export LANG_OF_HOST=here
  run -0 --separate-stderr wolffia run --rm --env-host -e LANG_OF_HOST=flag busybox sh -c 'echo $LANG_OF_HOST'
  assert_output_is flag
  run -0 --separate-stderr wolffia run --rm --env-host busybox sh -c 'echo $LANG_OF_HOST'
  assert_output_is here
  run -0 --separate-stderr wolffia run --rm --env-merge 'PATH=${PATH}:/x' busybox sh -c 'echo ${PATH##*:}'
  assert_output_is /x
}

@test "umask, time zone, sysctl, oom score, domain name" {
  run -0 --separate-stderr wolffia run --rm --umask 077 --oom-score-adj 300 --domainname dom --sysctl kernel.shmmax=12345 busybox \
    sh -c 'umask; cat /proc/self/oom_score_adj /proc/sys/kernel/domainname /proc/sys/kernel/shmmax'
  assert_output_is $'0077\n300\ndom\n12345'
  run -0 --separate-stderr wolffia run --rm --tz local busybox sh -c 'head -c 4 /etc/localtime'
  assert_output_is TZif
  run -125 wolffia run --rm --tz ../x busybox true
  assert_output_has "unknown time zone ../x"
  run -125 wolffia run --rm --sysctl kernel.panic=1 busybox true
  assert_output_has "belongs to the whole host"
}

@test "devices that the user may open, and only those" {
  run -0 --separate-stderr wolffia run --rm --device /dev/fuse:/dev/q/x busybox sh -c 'test -c /dev/q/x && echo yes'
  assert_output_is yes
  run -125 wolffia run --rm --device /etc/passwd busybox true
  assert_output_has "not a device"
}

@test "pid files, and --replace takes the place of one that runs" {
  wolffia run -d --name a --pidfile "$WORLD/pid" --conmon-pidfile "$WORLD/monitor" busybox sleep 100
  [ "$(tr '\0' ' ' <"/proc/$(cat "$WORLD/pid")/cmdline")" = "sleep 100 " ]
  [ -d "/proc/$(cat "$WORLD/monitor")" ]
  wolffia run -d --replace --name a busybox sleep 200
  [ "$(wolffia ps -q | wc -l)" = 1 ]
}

@test "namespaces of another container: pid, ipc with /dev/shm, uts" {
  wolffia run -d --name a --hostname duckweed busybox sleep 100
  run -0 --separate-stderr wolffia run --rm --pid container:a --ipc container:a --uts container:a busybox \
    sh -c 'hostname; ps | grep -c "[s]leep 100"; echo shared >/dev/shm/x'
  assert_output_is $'duckweed\n1'
  run -0 --separate-stderr wolffia run --rm --ipc container:a busybox cat /dev/shm/x
  assert_output_is shared
  run -125 wolffia run --rm --pid container:a --userns keep-id busybox true
  wolffia rm -f a
  run -125 wolffia run --rm --pid container:a busybox true
  assert_output_has "no such container"
}

@test "a container among the processes of another leaves none there, and ends with it" {
  wolffia run -d --name a busybox sleep 100
  wolffia run --rm --pid container:a busybox sh -c 'sleep 201 & sleep 202 & sleep 0.2'
  run wolffia exec a ps
  [[ $output != *"sleep 20"* ]]
  wolffia run -d --name c --pid container:a busybox sleep 300
  run -2 wolffia rm a
  run -125 wolffia rm -f a
  assert_output_has "has dependent containers which must be removed before it: $(wolffia inspect -f '{{.Id}}' c): container already exists"
  wolffia kill a
  run -0 wolffia wait c
  assert_output_is 137
  run -0 wolffia wait a
  run -125 wolffia rm a
  wolffia container prune -f
  [ -z "$(wolffia ps -aq)" ]
}

runs() { ps -eo args= | grep -Fxq "$1"; }
gone() { ! runs "$1"; }

@test "kill -9 of the monitor ends a container that is among the host's processes, all of it" {
  wolffia run -d --name a --pid host busybox sh -c 'setsid sleep 4031 & sleep 4032'
  eventually runs "sleep 4031"
  kill -9 "$(wolffia inspect -f '{{.State.ConmonPid}}' a)"
  eventually gone "sleep 4032"
  eventually gone "sleep 4031"
  wolffia rm a
}

guard_of() { ps -o pid=,comm= --ppid "$1" | awk '$2 == "wolffia-guard" { print $1 }'; }
another_guard() { local now; now=$(guard_of "$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }

# The kernel gives the lowest free number: whoever started at the wrong moment was taken for a straggler, and killed.
@test "while a container among the host's processes is being killed, nobody gets its mount namespace's number" {
  local monitor init guard mounts others i
  mkdir -p "$BATS_TEST_TMPDIR/rootfs/bin"  # served by nobody whom we stop
  cp /bin/busybox "$BATS_TEST_TMPDIR/rootfs/bin"
  wolffia run -d --name a --network none --pid host --rootfs "$BATS_TEST_TMPDIR/rootfs" /bin/busybox sleep 4034
  read -r monitor init <<<"$(wolffia inspect -f '{{.State.ConmonPid}} {{.State.Pid}}' a)"
  guard=$(guard_of "$monitor")
  mounts=$(readlink "/proc/$init/ns/mnt")
  kill -STOP "$monitor" "$guard"
  kill -9 "$init"
  eventually gone "/bin/busybox sleep 4034"
  others="$BATS_TEST_TMPDIR/others"
  for i in $(seq 20); do unshare -Urm sh -c 'readlink /proc/self/ns/mnt; exec sleep 10' >>"$others" 3>&- & done
  all_there() { [ "$(wc -l <"$others")" = 20 ]; }
  eventually all_there
  kill -CONT "$monitor" "$guard"
  kill $(jobs -p)
  run -1 grep -Fx "$mounts" "$others"
  run -0 wolffia wait a
  wolffia rm a
}

@test "a guard that is killed is replaced, and leaves no zombie" {
  local monitor guard
  wolffia run -d --name a busybox sleep 4033
  monitor=$(wolffia inspect -f '{{.State.ConmonPid}}' a)
  guard=$(guard_of "$monitor")
  kill -9 "$guard"
  eventually another_guard "$monitor" "$guard"
  [[ $(ps -o stat= --ppid "$monitor") != *Z* ]]
  kill -9 "$monitor"
  eventually gone "sleep 4033"
  wolffia rm a
}

@test "health: unhealthy, healthy, on demand" {
  wolffia run -d --name h --health-cmd 'test -e /ok' --health-interval 200ms --health-retries 2 busybox sleep 100
  unhealthy() { [[ $(wolffia ps) == *"(unhealthy)"* ]]; }
  eventually unhealthy
  run -1 wolffia healthcheck run h
  assert_output_is unhealthy
  wolffia exec h touch /ok
  run -0 wolffia healthcheck run h
  [[ $(wolffia ps) == *"(healthy)"* ]]
}

@test "health: on failure kill; none defined; not running" {
  wolffia run -d --name k --health-cmd nope --health-interval 100ms --health-retries 1 --health-on-failure kill busybox sleep 100
  run -0 wolffia wait k
  assert_output_is 137
  run -125 wolffia healthcheck run k
  assert_output_has "is not running"
  wolffia create --name n busybox true
  run -125 wolffia healthcheck run n
  assert_output_has "has no defined healthcheck"
}
