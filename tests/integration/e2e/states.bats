#!/usr/bin/env bats
# What each verb says to a container in each state, word for word as podman: one table for both.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }

# state: verb => code [what standard error or the answer has] [-> the state afterwards, if it changes]
# ID is the container's id; W: of wolffia alone, which pauses without cgroups.
table() {
  cat <<'T'
created: kill c => 125 can only kill running containers. ID is in state created: container state improper
created: kill -s BOGUS c => 125 invalid signal: BOGUS
created: pause c => 125 "created" is not running, can't pause: container state improper
created: exec c true => 255 can only create exec sessions on running containers: container state improper
created: exec -d c true => 125 can only create exec sessions on running containers: container state improper
created: attach c => 125 you can only attach to running containers
created: top c => 125 top can only be used on running containers
created: logs c => 0
created: port c => 0
created: diff c => 0
created: cp /etc/hostname c:/here => 0
created: inspect -f {{.State.Status}} c => 0 created
created: init c => 0 c -> initialized
initialized: init c => 125 container ID has already been created in runtime: container state improper
initialized: kill -s USR1 c => 125 can only kill running containers. ID is in state initialized: container state improper
initialized: pause c => 125 "initialized" is not running, can't pause: container state improper
initialized: exec c true => 255 can only create exec sessions on running containers: container state improper
initialized: attach c => 125 you can only attach to running containers
initialized: top c => 125 top can only be used on running containers
initialized: cp /etc/hostname c:/here => 0
initialized: cp c:/here - => 0
initialized: diff c => 0 /here
initialized: export -o /dev/null c => 0
initialized: rm c => 0 c -> gone
initialized: start c => 0 c -> running
initialized: restart -t 0 c => 0 c -> running
initialized: stop -t 0 c => 0 c -> exited
initialized: rm -f -t 0 c => 0 c -> gone
running: start c => 0
running: init c => 125 container ID has already been created in runtime: container state improper
running: rm c => 2 cannot remove container ID as it is running - running or paused containers cannot be removed without force: container state improper
running: exec c sh -c exit\ 5 => 5
running: kill -s USR1 c => 0 c
running: logs c => 0
running: cp /etc/hostname c:/here => 0
running: top c comm => 0 sleep
running: wait --condition=running c => 0 -1
running: wait --condition=bogus c => 125 unknown container state: bogus: invalid argument
W running: unpause c => 125 "ID" is not paused, can't unpause: container state improper
W running: pause c => 0 c -> paused
W paused: pause c => 125 "ID" is already paused: container state improper
W paused: start c => 125 unable to start container "ID": container ID must be in Created or Stopped state to be started: container state improper
W paused: start -a c => 125 must be in Created or Stopped state to be started: container state improper
W paused: exec c true => 255 can only create exec sessions on running containers: container state improper
W paused: attach c => 125 you can only attach to running containers
W paused: top c => 125 top can only be used on running containers
W paused: init c => 125 container ID has already been created in runtime: container state improper
W paused: rm c => 2 running or paused containers cannot be removed without force: container state improper
W paused: cp /etc/hostname c:/here => 0
W paused: unpause c => 0 c -> running
W paused: stop -t 0 c => 0 c -> exited
W paused: restart -t 0 c => 0 c -> running
W paused: rm -f -t 0 c => 0 c -> gone
running: restart -t 0 c => 0 c -> running
running: stop -t 0 c => 0 c -> exited
running: rm -f -t 0 c => 0 c -> gone
exited: stop c => 0 c
exited: kill c => 125 can only kill running containers. ID is in state exited: container state improper
exited: pause c => 125 "exited" is not running, can't pause: container state improper
W exited: unpause c => 125 "ID" is not paused, can't unpause: container state improper
exited: exec c true => 255 can only create exec sessions on running containers: container state improper
exited: attach c => 125 you can only attach to running containers
exited: top c => 125 top can only be used on running containers
exited: wait c => 0 137
exited: cp /etc/hostname c:/here => 0
exited: export -o /dev/null c => 0
exited: init c => 0 c -> initialized
exited: start c => 0 -> running
exited: restart c => 0 c -> running
exited: rm c => 0 c -> gone
gone: start c => 125 no container with name or ID "c" found: no such container
gone: stop c => 125 no container with name or ID "c" found: no such container
gone: stop --ignore c => 0
gone: kill c => 125 no container with name or ID "c" found: no such container
gone: restart c => 125 no container with name or ID "c" found: no such container
gone: pause c => 125 no container with name or ID "c" found: no such container
gone: init c => 125 no container with name or ID "c" found: no such container
gone: wait c => 125 no container with name or ID "c" found: no such container
gone: exec c true => 125 no container with name or ID "c" found: no such container
gone: attach c => 125 no container with name or ID "c" found: no such container
gone: top c => 125 no container with name or ID "c" found: no such container
gone: logs c => 125 no container with name or ID "c" found: no such container
gone: port c => 125 no container with name or ID "c" found: no such container
gone: rename c d => 125 no container with name or ID "c" found: no such container
gone: cp /etc/hostname c:/x => 125 container "c" does not exist
gone: diff c => 125
gone: rm c => 1 no container with name or ID "c" found: no such container
gone: rm -f c => 0
gone: rm -i c => 0
gone: inspect c => 125 no such object: "c"
T
}

state_of() { "$program" inspect -f '{{.State.Status}}' c 2>/dev/null || echo gone; }

# A container `c` in this state: the one that is there, if it is in it.
enter() {
  [ "$(state_of)" = "$1" ] && return
  "$program" rm -f -t 0 c
  case $1 in
    created) "$program" create --network none --name c "$image" sleep 1000 ;;
    initialized) "$program" create --network none --name c "$image" sleep 1000 && "$program" init c ;;
    running) "$program" run -d --network none --name c "$image" sleep 1000 ;;
    paused) "$program" run -d --network none --name c "$image" sleep 1000 && "$program" pause c ;;
    exited) "$program" run -d --network none --name c "$image" sleep 1000 && "$program" stop -t 0 c ;;
  esac
} >/dev/null 2>&1

# check ROW: prints what went wrong.
check() {
  local state=${1%%: *} rest=${1#*: } verb want after status=0 output id
  verb=${rest%% => *} want=${rest#* => } after=$state
  if [[ $want == *" -> "* ]]; then after=${want##* -> } want=${want% -> *}; fi
  local code=${want%% *} text=${want#* }
  [ "$text" != "$want" ] || text=
  enter "$state"
  id=$("$program" inspect -f '{{.Id}}' c 2>/dev/null)
  eval "timeout -s KILL 30 $program $verb" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null || status=$?
  output=$(tr -d '\0' <"$BATS_TEST_TMPDIR/out")
  [ -z "$id" ] || output=${output//"$id"/ID}
  [[ "$status:$output" == "$code:"*"$text"* && "$(state_of)" = "$after" ]] ||
    echo "$1: exit $status, now $(state_of): $output"
}

run_table() {  # run_table PROGRAM IMAGE ROW-PATTERN
  program=$1 image=$2
  local row wrong=""
  while read -r row; do
    wrong+=$(check "${row#W }")$'\n'
  done < <(table | grep -E "$3")
  "$program" rm -f -t 0 c >/dev/null 2>&1
  [[ $wrong != *[a-z]* ]] || fail "$(grep . <<<"$wrong")"
}

@test "the table" {
  run_table wolffia busybox .
  assert_clean
}

@test "the table with podman" {
  start_peer >"$BATS_TEST_TMPDIR/why" || skip "$(tail -1 "$BATS_TEST_TMPDIR/why")"
  local status=0
  run_table podman localhost/busybox '^[^W]' || status=$?
  stop_peer
  return $status
}
