#!/usr/bin/env bats
# An everyday session, the same script for podman and for wolffia; units for systemd.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }

# The steps that went wrong, for the log; nothing where all went well.
session() {
  local status=0
  "$BATS_TEST_DIRNAME/everyday.sh" "$@" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- || status=$?
  grep -v "^ok - " "$BATS_TEST_TMPDIR/log" || true
  return $status
}

@test "an everyday session" {
  session wolffia
  assert_clean
}

@test "the same session with podman" {
  start_peer >"$BATS_TEST_TMPDIR/why" || skip "$(tail -1 "$BATS_TEST_TMPDIR/why")"
  local status i
  for i in 1 2 3; do  # what it does not get done once, on a loaded machine, says nothing of the script
    status=0
    session podman localhost/busybox || status=$?
    [ $status != 0 ] || break
    podman rm -af -t 0 >/dev/null
    podman volume rm -f everyday-data >/dev/null
  done
  stop_peer
  return $status
}

@test "generate systemd: an existing container" {
  wolffia create --name unit --stop-timeout 3 busybox sleep 100
  run -0 --separate-stderr wolffia generate systemd --name unit
  assert_output_has "# container-unit.service"
  assert_output_has "start unit"
  assert_output_has "TimeoutStopSec=63"
  assert_output_has "PIDFile=$XDG_RUNTIME_DIR/wolffia/pids/"
  [ -z "$stderr" ]
  # The pid file is that of the monitor, and it goes with it.
  local pid_file
  pid_file=$(sed -n 's/^PIDFile=//p' <<<"$output")
  wolffia start unit
  [ "$(cat "$pid_file")" = "$(wolffia inspect -f '{{.State.MonitorPid}}' unit)" ]
  wolffia rm -f -t 0 unit
  [ ! -e "$pid_file" ]
  assert_clean
}

@test "generate systemd: what the unit's commands do" {
  # A stand-in for systemd: takes the commands out of the unit as systemd reads them, and gives them to a shell.
  unit_command() { awk -v key="$1" 'index($0, key "=") == 1 {on = 1; sub(key "=", "")} on {print} on && !/\\$/ {exit}' <<<"$unit" |
    sed -e "s|%t|$BATS_TEST_TMPDIR|g; s|%n|unit|g; s|%%|%|g; s|\\\$\\\$|\\\\\$|g"; }
  wolffia create --name web -e "A=b c%d\$e" busybox sh -c 'echo "$A"; trap "exit 0" TERM; sleep 100 & wait'
  unit=$(wolffia generate systemd --new --name -t 4 web)
  wolffia rm web
  eval "$(unit_command ExecStartPre)"
  eval "$(unit_command ExecStart)"
  [ "$(cat "$BATS_TEST_TMPDIR/unit.pid")" = "$(wolffia inspect -f '{{.State.MonitorPid}}' web)" ]
  run -0 wolffia logs web
  assert_output_is 'b c%d$e'
  eval "$(unit_command ExecStop)"
  eval "$(unit_command ExecStopPost)"
  [ -z "$(wolffia ps -aq)" ]
  # A second start finds what a crash has left.
  eval "$(unit_command ExecStartPre)"
  eval "$(unit_command ExecStart)"
  kill -9 "$(cat "$BATS_TEST_TMPDIR/unit.pid")"
  eval "$(unit_command ExecStartPre)"
  eval "$(unit_command ExecStart)"
  [ "$(wolffia inspect -f '{{.State.Status}}' web)" = running ]
  wolffia rm -f -t 0 web
  assert_clean
}

@test "SIGTERM to the monitor, as a user manager sends it at logout, is a stop" {
  wolffia run -d --name bye --restart=always busybox sh -c 'trap "exit 0" TERM; echo ready; sleep 100 & wait'
  eventually logged bye ready
  kill -TERM "$(wolffia inspect -f '{{.State.MonitorPid}}' bye)"
  run -0 wolffia wait bye
  [ "$(wolffia inspect -f '{{.State.Status}} {{.State.ExitCode}}' bye)" = "exited 0" ]
  wolffia rm bye
  assert_clean
}

@test "generate systemd: files, JSON, a policy of its own, mistakes" {
  wolffia create --name unit --restart always busybox true
  run -0 --separate-stderr wolffia generate systemd --name unit
  assert_output_has "--restart=always"
  [[ "$stderr" == *"restart policy"* ]]
  run -0 --separate-stderr wolffia generate systemd --new --name unit
  assert_output_has "Restart=always"
  [[ "$output" != *"--restart"* ]]
  cd "$BATS_TEST_TMPDIR"
  run -0 --separate-stderr wolffia generate systemd --files --name --no-header unit
  assert_output_is "$PWD/container-unit.service"
  [ "$(head -1 container-unit.service)" = "# container-unit.service" ]
  run -0 --separate-stderr wolffia generate systemd --format json --name unit
  python3 -c 'import json, sys; assert list(json.load(sys.stdin)) == ["container-unit"]' <<<"$output"
  run -125 wolffia generate systemd none
  assert_output_has "no such container"
  run -125 wolffia generate systemd --restart-policy sometimes unit
  assert_output_has "sometimes is not a valid restart policy"
  run -125 wolffia generate systemd --time 1 --stop-timeout 2 unit
  assert_output_has "cannot be used together"
  run -125 wolffia generate systemd --container-prefix ../x unit
  wolffia rm unit
  assert_clean
}
