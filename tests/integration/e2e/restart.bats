#!/usr/bin/env bats
# --restart: who is started again, when, how often, and what ends it; what is left to do after a reboot.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
setup() { rm -f "$XDG_RUNTIME_DIR"/wolffia/events.log*; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

state() { wolffia inspect -f '{{.State.Status}}' "$1"; }
restarts() { wolffia inspect -f '{{.RestartCount}}' "$1"; }
monitor() { wolffia inspect -f '{{.State.ConmonPid}}' "$1"; }
until_holds() {  # until_holds COMMAND...
  local i
  for i in $(seq 400); do
    "$@" && return 0
    sleep 0.05
  done
  fail "never: $*; $(wolffia ps -a)"
}
is() { [[ $(state "$1") =~ ^($2)$ ]]; }  # is CONTAINER STATE|STATE..., at one look
dead() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }  # reaped or not
has_restarted() { [ "$(restarts "$1")" -ge "$2" ]; }
events_of() { wolffia events --stream=false --filter "container=$1" "${@:2}"; }

@test "each policy, after success and after failure" {
  local row policy code times
  while read -r policy code times; do
    wolffia run -d --name c --restart "$policy" busybox sh -c "exit $code"
    if [ "$times" = ever ]; then
      until_holds has_restarted c 2
      is c 'restarting|running'
      wolffia stop -t 0 c
    else
      wolffia wait c
      [ "$(restarts c)" = "$times" ] || fail "$policy after exit $code: $(restarts c) restarts"
      [ "$(wolffia inspect -f '{{.State.ExitCode}}' c)" = "$code" ]
    fi
    wolffia rm -f -t 0 c
  done <<'T'
no 1 0
on-failure 0 0
on-failure:2 1 2
on-failure:1 137 1
on-failure 1 ever
always 0 ever
unless-stopped 0 ever
T
}

@test "the pauses double, and each run is told of" {
  wolffia run -d --name c --restart on-failure:4 busybox false
  run -0 wolffia wait c
  assert_output_is 1
  events_of c --format json >"$BATS_TEST_TMPDIR/events"
  python3 - "$BATS_TEST_TMPDIR/events" <<'P'
import datetime, json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
at = lambda e: datetime.datetime.fromisoformat(e["Time"][:26].rstrip("Z")).timestamp()
words = [e["Status"] for e in events if e["Status"] in ("start", "restart", "died")]
assert words == ["start", "died"] + ["start", "restart", "died"] * 4, words
died = [at(e) for e in events if e["Status"] == "died"]
start = [at(e) for e in events if e["Status"] == "start"][1:]
pauses = [b - a for a, b in zip(died, start)]
assert all(p >= 0.09 * 2**i for i, p in enumerate(pauses)), pauses
assert pauses[0] < 5, pauses
P
  [ "$(restarts c)" = 4 ]
  # What the user starts begins anew.
  wolffia start c
  wolffia wait c
  [ "$(restarts c)" = 4 ]
  [ "$(events_of c --filter event=died | wc -l)" = 10 ]
}

@test "a container that waits for its restart: what the verbs do" {
  waiting() { until_holds has_restarted c 4 && until_holds is c restarting; }  # for 1.6 seconds at least
  wolffia run -d --name c --restart always busybox sh -c 'echo ran; exit 3'
  waiting
  run -0 wolffia ps -a --format '{{.Status}}'
  run -125 wolffia kill c
  assert_output_has "is in state restarting: container state improper"
  run -255 wolffia exec c true
  run -125 wolffia pause c
  assert_output_has '"restarting" is not running'
  run -125 wolffia attach c
  run -2 wolffia rm c
  run -0 wolffia start c
  wolffia logs c | grep -q ran
  run -0 wolffia rename c d
  run -0 wolffia rename d c
  [ "$(wolffia inspect -f '{{.State.Restarting}}' c)" = true ]
  run -0 timeout 20 wolffia stop c
  is c exited
  wolffia start c
  waiting
  run -0 timeout 20 wolffia restart c
  [ "$(restarts c)" -lt 4 ]
  waiting
  run -0 timeout 20 wolffia rm -f c
  run -0 wolffia ps -aq
  assert_output_is ""
}

@test "stop is obeyed, kill is not; a start after stop has its policy again" {
  wolffia run -d --name c --restart always busybox sleep 1000
  wolffia kill c
  until_holds has_restarted c 1
  until_holds is c running
  wolffia stop -t 0 c
  is c exited
  sleep 0.5
  is c exited
  wolffia start c
  [ "$(restarts c)" = 0 ]
  kill -9 "$(wolffia inspect -f '{{.State.Pid}}' c)"
  until_holds has_restarted c 1
  # restart is the user's: it is not counted, and the count begins anew.
  until_holds is c running
  wolffia restart -t 0 c
  [ "$(restarts c)" = 0 ]
  is c running
}

@test "kill -9 of the monitor: the container dies, nobody restarts it, start does" {
  local before
  for before in running restarting; do
    if [ $before = running ]; then
      wolffia run -d --name c --restart always busybox sleep 1000
    else
      wolffia run -d --name c --restart always busybox true
      until_holds has_restarted c 3
      until_holds is c restarting
    fi
    pid=$(wolffia inspect -f '{{.State.Pid}}' c)
    kill -9 "$(monitor c)"
    until_holds is c exited
    [ "$pid" = 0 ] || until_holds dead "$pid"
    [ "$(wolffia inspect -f '{{.State.Crashed}}' c)" = true ]
    sleep 0.3
    is c exited
    run -0 wolffia start c
    is c 'restarting|running'
    wolffia rm -f -t 0 c
  done
}

@test "a start that fails is tried again, says why, and is obeyed when it may" {
  mkdir "$BATS_TEST_TMPDIR/source"
  wolffia run -d --name c --restart always -v "$BATS_TEST_TMPDIR/source:/m" busybox sleep 1000
  rmdir "$BATS_TEST_TMPDIR/source"
  wolffia kill c
  until_holds is c restarting
  sleep 0.5
  is c restarting
  mkdir "$BATS_TEST_TMPDIR/source"
  until_holds is c running
  rmdir "$BATS_TEST_TMPDIR/source"
  wolffia kill c
  until_holds has_restarted c $(($(restarts c) + 1))
  wolffia stop c
  run -0 wolffia inspect -f '{{.State.Error}}' c
  assert_output_has "$BATS_TEST_TMPDIR/source"
}

@test "after a reboot: --filter restart-policy chooses who is to run" {
  for policy in always unless-stopped no on-failure; do
    wolffia create --name "$policy" --restart $policy busybox sleep 1000
    wolffia create --name "$policy-stopped" --restart $policy busybox sleep 1000
  done
  wolffia start --all
  wolffia stop -t 0 always-stopped unless-stopped-stopped no-stopped on-failure-stopped
  local pids
  pids=$(wolffia inspect -f '{{.State.ConmonPid}}' always unless-stopped no on-failure)
  kill -9 $pids
  for policy in always unless-stopped no on-failure; do until_holds is $policy exited; done
  rm -rf "${XDG_RUNTIME_DIR:?}/wolffia"
  wolffia start --all --filter restart-policy=always
  wolffia start --all --filter restart-policy=unless-stopped
  [ "$(wolffia ps --format '{{.Names}}' --sort names | tr '\n' ' ')" = "always always-stopped unless-stopped " ]
}

@test "--restart: malformed, with --rm, in the record" {
  run -125 wolffia create --restart sometimes busybox true
  assert_output_has '"sometimes" is not a valid restart policy'
  run -125 wolffia create --restart on-failure:x busybox true
  run -125 wolffia create --restart always:3 busybox true
  run -125 wolffia run --rm --restart always busybox true
  assert_output_has "the --rm option conflicts with --restart"
  wolffia run --rm --restart no busybox true
  wolffia create --name c --restart on-failure:5 busybox true
  run -0 wolffia inspect -f '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}' c
  assert_output_is on-failure:5
}

@test "restarts leave nothing: one monitor, no more memory, one log" {
  wolffia run -d --name c --restart on-failure:5 busybox sh -c 'echo line; exit 1'
  pid=$(monitor c)
  wolffia wait c
  [ "$(wolffia logs c | grep -c line)" = 6 ]
  wolffia start c
  [ "$(monitor c)" != "$pid" ]
  wolffia wait c
  [ -z "$(leftover_processes)" ] || sleep 1
  [ -z "$(leftover_processes)" ]
}

@test "for a service manager the monitor ends with the container's code, with 0 after a stop" {
  # reaps COMMAND...: runs it, and prints the exit code of the monitor that it leaves behind
  reaps() {
    python3 - "$@" <<'P'
import ctypes, os, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
subprocess.run(["sh", "-c", sys.argv[1]], check=True, stdout=subprocess.DEVNULL)
print(os.waitstatus_to_exitcode(os.wait()[1]))
P
  }
  [ "$(reaps 'wolffia run -d --name c busybox sh -c "exit 3"; wolffia wait c')" = 3 ]
  [ "$(reaps 'wolffia start c; wolffia wait c')" = 3 ]
  [ "$(reaps 'wolffia run -d --name k busybox sleep 1000; wolffia kill k')" = 137 ]
  [ "$(reaps 'wolffia run -d --name s busybox sleep 1000; wolffia stop -t 0 s')" = 0 ]
  [ "$(reaps 'wolffia run -d --name z --rm busybox true')" = 0 ]
  [ "$(reaps 'wolffia run -d --name t busybox sh -c "trap \"exit 5\" TERM; echo ready; while :; do sleep 0.05; done"
    until wolffia logs t | grep -q ready; do sleep 0.05; done
    kill -TERM $(wolffia inspect -f "{{.State.MonitorPid}}" t)')" = 0 ]
  # Which is no stop by the user.
  [ "$(wolffia inspect -f '{{.State.StoppedByUser}} {{.State.ExitCode}}' t s | tr '\n' ' ')" = "false 5 true 137 " ]
}
