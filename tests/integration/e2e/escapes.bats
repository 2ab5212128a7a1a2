#!/usr/bin/env bats
# Past escapes by a process in the container (tests/escapes.md): what it can reach of the engine's programs, descriptors,
# privileges and terminals.
load support
load escapes

setup_file() { setup_hostile; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_outside
  assert_clean
}

# The programs in a folder where the user, and so root inside, may write.
own_programs() {
  mkdir -p "$WORLD/own/bin" "$WORLD/own/share"
  local program
  for program in "$WOLFFIA_BIN_DIR"/wolffia*; do strip -o "$WORLD/own/bin/${program##*/}" "$program"; done
  cp -r "$WOLFFIA_BIN_DIR/../share/wolffia" "$WORLD/own/share/"
  PATH=$WORLD/own/bin:$PATH
  sha256sum "$WORLD"/own/bin/* >"$WORLD/own/sums"
}
outcome() { grep -q "$1" "$WORLD/report/outcome"; }
# holds PATTERN COMMAND...: until the thief in the container has got hold of a program of this name.
holds() {
  local pattern=$1
  shift
  timeout 60 "$@" >/dev/null 2>&1 || true
  outcome "^holds .*$pattern"
}

@test "CVE-2019-5736: the engine's programs are not written through /proc/self/exe" {
  own_programs
  mkdir -p "$WORLD/report"
  # A loader, for where the programs are not static: it need not work, only be there.
  image exe '{"Cmd":["/steal"]}' "file('evil', '#!/proc/self/exe\\n', 0o755)
for name in 'lib64/ld-linux-x86-64.so.2', 'lib/ld-linux-aarch64.so.1': program(name, '$WOLFFIA_HOSTILE_DIR/terminal')"
  wolffia run -d --network none -v "$WORLD/report:/report" --name c --health-cmd '["CMD","/evil"]' --health-interval disable "$IMAGE" >/dev/null
  eventually outcome ^watches
  # As a container's program, in the same pid namespace: the monitor's file, which a monitor always executes.
  eventually holds wolffia-monitor wolffia run --rm --network none --pid container:c "$IMAGE" /evil
  eventually outcome '^refused: open: Text file busy'
  # As the command of exec and of a health check: a copy in memory that is sealed.
  eventually holds memfd:wolffia-exec wolffia exec c /evil
  eventually outcome '^refused: write: Operation not permitted'
  : >"$WORLD/report/outcome"
  eventually holds memfd:wolffia-exec wolffia healthcheck run c
  eventually outcome '^refused: write: Operation not permitted'
  run -1 outcome ^written
  # The init that is bound into containers.
  run wolffia run --rm --network none --init --cap-add SYS_ADMIN "$IMAGE" sh -c \
    'place=$(readlink /proc/1/exe); mount -o remount,rw,bind "$place" 2>/dev/null; (echo x >/proc/1/exe) 2>&1'
  [[ $output == *"Text file busy"* || $output == *"Read-only file system"* || $output == *"Permission denied"* ]] || fail "$output"
  sha256sum --quiet -c "$WORLD/own/sums"
}

@test "CVE-2024-21626: no descriptor of the engine's or of its caller's is inside" {
  exec 17<"$OUTSIDE" 18<"$OUTSIDE/canary"
  local inside='for fd in /proc/1/fd/* /proc/self/fd/*; do readlink $fd; done | grep -v -e ^pipe: -e ^/dev/null -e ^/null$ -e ^/proc/ -e ^/dev/pts/ -e /proc$'
  run wolffia run --rm --network none busybox sh -c "$inside"
  assert_output_is ""
  wolffia run -d --network none --name c --health-cmd "! ($inside) | grep ." --health-interval disable busybox sleep 1000
  run wolffia exec c sh -c "$inside"
  assert_output_is ""
  run -0 wolffia healthcheck run c
  run -0 wolffia exec c sh -c 'ls /proc/1/fd | tr "\n" " "; ls /proc/self/fd | wc -l'
  assert_output_is $'0 1 2 4'
  exec 17<&- 18<&-
}

@test "CVE-2024-21626: no working directory outside" {
  exec 17<"$OUTSIDE"
  local n read='cat canary ../canary ./outside/canary 2>/dev/null; pwd -P | grep -v ^/'
  image cwd '{"WorkingDir":"/to-descriptor"}' 'link("to-descriptor", "/proc/self/fd/8")'
  wolffia run -d --network none --name c -w / "$IMAGE" sleep 1000
  for n in $(seq 3 20); do
    run wolffia run --rm --network none -w "/proc/self/fd/$n" busybox sh -c "$read"
    [ "$status" != 0 ]
    assert_outside
    run wolffia exec -w "/proc/self/fd/$n" c sh -c "$read"
    [ "$status" != 0 ]
    assert_outside
  done
  run -125 wolffia run --rm --network none "$IMAGE" sh -c "$read"
  run wolffia exec -w /to-descriptor c sh -c "$read"
  [ "$status" != 0 ]
  run -127 wolffia exec c /proc/self/fd/17/../../../../../../../bin/sh -c "echo ran"
  run wolffia exec -w /proc/1/cwd c sh -c 'pwd -P'
  assert_output_is /
  exec 17<&-
}

@test "CVE-2022-27649, CVE-2022-29162: inheritable and ambient capabilities stay empty" {
  local none=$'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000' show='grep -E "^Cap(Inh|Amb):" /proc/self/status'
  local options
  for options in "" "--user nobody" "--cap-add NET_ADMIN" "--cap-add ALL" "--init" "--userns keep-id" "--cap-add SYS_ADMIN --user nobody"; do
    run -0 wolffia run --rm --network none $options busybox sh -c "$show"
    assert_output_is "$none"
  done
  wolffia run -d --network none --name c --cap-add NET_ADMIN --health-cmd "! ($show) | grep -v 0000000000000000" --health-interval disable busybox sleep 1000
  for options in "" "--user nobody" "--privileged" "--privileged --user nobody"; do
    run -0 wolffia exec $options c sh -c "$show"
    assert_output_is "$none"
  done
  run -0 wolffia healthcheck run c
  # Whoever is not root has none at all.
  run -0 wolffia exec --user nobody c sh -c 'grep -E "^Cap(Prm|Eff):" /proc/self/status | cut -f2'
  assert_output_is $'0000000000000000\n0000000000000000'
}

@test "CVE-2016-9962, CVE-2024-21626: a process that the engine starts inside is not looked at on its way" {
  mkdir -p "$WORLD/report"
  rm -f "$WORLD/report/watch"
  image watch '{}' ''
  wolffia run -d --network none --name c --cap-add SYS_PTRACE -v "$WORLD/report:/report" "$IMAGE" /watch "$HOME/outside/canary"
  eventually grep -q ^watching "$WORLD/report/watch"
  local i
  for i in $(seq 25); do
    wolffia exec c true
    wolffia cp c:/etc/group "$WORLD/copied"
    wolffia top c >/dev/null
  done
  for i in $(seq 8); do
    run -0 timeout 60 wolffia run --rm --network none --pid container:c --oom-score-adj 500 "$IMAGE" cat /proc/self/oom_score_adj
    assert_output_is 500
  done
  # A root that the engine puts up for cp is nobody's process either.
  wolffia create --network none --pid container:c --name d "$IMAGE" true >/dev/null
  for i in $(seq 8); do timeout 60 wolffia cp d:/etc/group "$WORLD/copied"; done
  [ "$(cat "$WORLD/report/watch")" = "watching " ] || fail "$(sort "$WORLD/report/watch" | uniq -c)"
}

@test "TIOCSTI and TIOCLINUX: nothing is typed into the caller's terminal" {
  image terminal '{}' ''
  local steps="expect TIOCLINUX: Operation not permitted"
  run -0 "$BATS_TEST_DIRNAME/pty.py" "$steps" wolffia run --rm --network none -it "$IMAGE" /terminal
  assert_output_has "TIOCSTI: Operation not permitted"
  assert_output_has "TIOCSTI with high bits: Operation not permitted"
  wolffia run -d --network none --name c "$IMAGE" sleep 1000
  run -0 "$BATS_TEST_DIRNAME/pty.py" "$steps" wolffia exec -it c /terminal
  assert_output_has "TIOCSTI: Operation not permitted"
  assert_output_has "TIOCSTI with high bits: Operation not permitted"
  # Without the filter and without a terminal of its own: what it has is not the caller's terminal.
  run -0 "$BATS_TEST_DIRNAME/pty.py" "expect end of it" wolffia run --rm --network none --security-opt seccomp=unconfined -i "$IMAGE" \
    sh -c '/terminal; (: </dev/tty) 2>&1; echo end of it'
  [[ $output != *worked* ]] || fail "$output"
}

@test "/proc and /sys: masked, read-only, and not to be written; CVE-2023-25809: control groups too" {
  assert_masked --network none busybox
  assert_masked --network none --pid host busybox
  assert_masked --network none --userns keep-id busybox
  local options
  for options in "--network none" "--network host" "--network host --pid host --ipc host --uts host" "--network none --storage-opt upper=fuse"; do
    # Every mount at and below /sys is read-only by the mount itself, not by the host's permissions alone.
    run -0 wolffia run --rm $options busybox sh -c \
      'awk "\$5 ~ \"^/sys\" && \$6 !~ /^ro(,|\$)/ {print \$5, \$6}" /proc/self/mountinfo; mkdir /sys/fs/cgroup/escape 2>&1 | grep -c .'
    assert_output_is 1
    run -0 wolffia run --rm $options busybox sh -c '
      for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/fs/binfmt_misc/register /proc/sysrq-trigger \
          /sys/kernel/uevent_helper /sys/power/state /sys/fs/cgroup/release_agent /sys/fs/cgroup/cgroup.procs; do
        (echo x >$f) 2>/dev/null && echo "$f was written"
      done; true'
    assert_output_is ""
  done
}
