#!/usr/bin/env bats
# create, start, stop, kill, restart, rm, wait, init, pause: what they do, each flag, and how containers are named.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm busybox true
  wolffia create --name base busybox true
  wolffia export base | wolffia import -q -c 'STOPSIGNAL USR1' -c 'CMD ["sh","-c","trap \"exit 5\" USR1; trap \"exit 6\" TERM; echo ready; while :; do sleep 0.05; done"]' - stopper
  wolffia rm base
}
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

state() { wolffia inspect -f '{{.State.Status}}' "$1"; }
# await NAME STATE
await() {
  local i
  for i in $(seq 400); do
    [ "$(state "$1")" = "$2" ] && return 0
    sleep 0.05
  done
  fail "$1 is $(state "$1"), not $2"
}
# ready NAME [TIMES]: it has said so, in as many runs
ready() {
  local i
  for i in $(seq 400); do
    [ "$(wolffia logs "$1" 2>&1 | grep -c ready)" -ge "${2:-1}" ] && return 0
    sleep 0.05
  done
  fail "$1 is not ready: $(wolffia ps -a)"
}
# A container that ends with code 6 on TERM, 5 on USR1, 7 on HUP.
heeds='trap "exit 5" USR1; trap "exit 6" TERM; trap "exit 7" HUP; echo ready; while :; do sleep 0.05; done'
deaf='trap "" TERM USR1; echo ready; while :; do sleep 0.05; done'
heeding() { wolffia run -d "${@:2}" --name "$1" busybox sh -c "$heeds" >/dev/null && ready "$1"; }
code_of() { wolffia inspect -f '{{.State.ExitCode}}' "$1"; }

@test "stop: the image's signal, the flag's, TERM" {
  wolffia run -d --name image stopper
  wolffia run -d --name flag --stop-signal HUP stopper sh -c "$heeds"
  heeding plain
  ready image
  ready flag
  run -0 --separate-stderr wolffia stop plain image flag
  assert_output_is $'plain\nimage\nflag'
  [ -z "$stderr" ]
  [ "$(code_of image) $(code_of flag) $(code_of plain)" = "5 7 6" ]
  run -125 wolffia create --stop-signal NONSENSE busybox true
  assert_output_has "invalid signal: NONSENSE"
}

@test "stop: KILL after the time, the container's or the flag's, and podman's warning" {
  wolffia run -d --name slow --stop-timeout 1 busybox sh -c "$deaf"
  ready slow
  local start=$EPOCHREALTIME
  run -0 --separate-stderr wolffia stop slow
  [[ $stderr == *"StopSignal SIGTERM failed to stop container slow in 1 seconds, resorting to SIGKILL"* ]]
  [ "$(code_of slow)" = 137 ]
  python3 -c "import sys; assert $EPOCHREALTIME - $start > 0.9"
  # All at once: four that take three seconds each take no twelve.
  local i
  for i in 1 2 3 4; do wolffia run -d --name d$i busybox sh -c "$deaf" && ready d$i; done
  SECONDS=0
  wolffia stop -t 3 d1 d2 d3 d4
  [ $SECONDS -lt 10 ]
  # A negative time is for ever; a second stop may still say otherwise.
  wolffia start d1
  wolffia stop -t -1 d1 3>&- &
  await d1 stopping
  [ -d "/proc/$(wolffia inspect -f '{{.State.Pid}}' d1)" ]
  run -0 wolffia stop -t 0 d1
  wait $!
  await d1 exited
  run -125 wolffia stop -t soon d1
}

@test "stop: --all, --latest, --filter, --cidfile, --ignore" {
  for i in a b c; do heeding $i --label n=$i --cidfile "$BATS_TEST_TMPDIR/$i"; done
  run -0 wolffia stop --latest
  assert_output_is "$(cat "$BATS_TEST_TMPDIR/c")"
  run -0 wolffia stop --cidfile "$BATS_TEST_TMPDIR/a"
  [ "$(state a) $(state b) $(state c)" = "exited running exited" ]
  run -0 wolffia stop --filter label=n=c --filter status=running
  assert_output_is ""
  run -0 wolffia stop --filter label=n=b
  [ "$(state b)" = exited ]
  wolffia start a b
  run -125 wolffia stop nothing a
  [ "$(state a)" = running ]
  run -0 wolffia stop --ignore nothing a
  assert_output_is a
  run -0 wolffia stop --all
  assert_output_is "$(cat "$BATS_TEST_TMPDIR/b")"
  run -125 wolffia stop --all a
  run -125 wolffia stop
  run -125 wolffia stop --cidfile /no/such/file
}

@test "start: -a, -i, --all, --filter, --latest, again and again on the same files" {
  wolffia create --name once busybox sh -c 'echo x >>/runs; wc -l </runs; echo err >&2; exit 4'
  run -4 --separate-stderr wolffia start -a once
  assert_output_is 1
  [ "$stderr" = err ]
  run -4 --separate-stderr wolffia start --attach once
  assert_output_is 2
  run -0 wolffia start once
  assert_output_is once
  await once exited
  [ "$(wolffia logs once 2>/dev/null | tr '\n' ' ')" = "1 2 3 " ]
  wolffia create -i --name in busybox cat
  run -0 wolffia start -ai in <<<"to the container"
  assert_output_is "to the container"
  run -0 wolffia start -i --latest <<<"again"
  assert_output_is again
  run -125 wolffia start -a once in
  assert_output_has "you cannot start and attach multiple containers at once"
  run -125 wolffia start -a --all
  run -125 wolffia start
  assert_output_has "start requires at least one argument"
  wolffia rm -f once in
  for i in a b; do wolffia create --name $i --label n=$i busybox sleep 1000; done
  run -0 wolffia start --filter label=n=a
  [ "$(state a) $(state b)" = "running created" ]
  run -0 wolffia start --all
  assert_output_is "$(wolffia inspect -f '{{.Id}}' b)"
  run -125 wolffia start nothing a
}

@test "start -a of one that runs is there until its end; --sig-proxy" {
  heeding a
  wolffia start -a a >"$BATS_TEST_TMPDIR/out" 3>&- &
  local client=$! code=0
  eventually heeds_signals $client
  kill -HUP $client
  wait $client || code=$?
  [ "$code" = 7 ]
  wolffia start a
  ready a 2
  wolffia start -a --sig-proxy=false a >"$BATS_TEST_TMPDIR/out" 3>&- &
  client=$! code=0
  sleep 0.3
  kill -HUP $client
  wait $client || code=$?
  [ "$code" = 129 ]
  [ "$(state a)" = running ]
  wolffia run --sig-proxy=false --name b busybox sh -c "$heeds" >"$BATS_TEST_TMPDIR/b" 3>&- &
  client=$! code=0
  ready b
  kill -TERM $client
  wait $client || code=$?
  [ "$code" = 143 ]
  [ "$(state b)" = running ]
}

@test "kill: by name and number, --all, --latest, --cidfile" {
  heeding a --cidfile "$BATS_TEST_TMPDIR/a"
  run -0 wolffia kill -s SIGTERM a
  assert_output_is a
  run -0 wolffia wait a
  assert_output_is 6
  local runs=1
  for signal in hup 1 SIGHUP; do
    wolffia start a
    ready a $((++runs))
    wolffia kill --signal $signal a
    run -0 wolffia wait a
    assert_output_is 7
  done
  wolffia start a
  run -0 wolffia kill --cidfile "$BATS_TEST_TMPDIR/a"
  run -0 wolffia wait a
  assert_output_is 137
  run -125 wolffia kill -s 99 a
  run -125 wolffia kill -s RTMIN+99 a
  wolffia create --name idle busybox true
  wolffia start a
  heeding b
  run -0 wolffia kill --latest
  await b exited
  run -0 wolffia kill --all
  assert_output_is "$(cat "$BATS_TEST_TMPDIR/a")"
  await a exited
  [ "$(state idle)" = created ]
}

@test "restart: another process in the same files, --running, --all, --time" {
  heeding a
  wolffia exec a touch /made
  pid=$(wolffia inspect -f '{{.State.Pid}}' a)
  run -0 wolffia restart a
  assert_output_is a
  [ "$(wolffia inspect -f '{{.State.Pid}}' a)" != "$pid" ]
  [ ! -d "/proc/$pid" ]
  wolffia exec a test -e /made
  run -0 wolffia inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' a
  assert_output_is "0 running 0"
  wolffia run -d --name d busybox sh -c "$deaf"
  ready d
  SECONDS=0
  wolffia restart --time 0 d
  [ $SECONDS -lt 10 ]
  wolffia create --name idle busybox sleep 1000
  wolffia stop -t 0 d
  run -0 wolffia restart --running -t 0
  assert_output_is "$(wolffia inspect -f '{{.Id}}' a)"
  [ "$(state idle) $(state d)" = "created exited" ]
  run -0 wolffia restart --all -t 0
  [ "$(state idle) $(state d) $(state a)" = "running running running" ]
  run -0 wolffia restart --latest -t 0
  assert_output_is "$(wolffia inspect -f '{{.Id}}' idle)"
  # One that cannot be started again says why, and has ended.
  mkdir "$BATS_TEST_TMPDIR/source"
  wolffia run -d --name m -v "$BATS_TEST_TMPDIR/source:/m" busybox sleep 1000
  rmdir "$BATS_TEST_TMPDIR/source"
  run -125 wolffia restart -t 0 m
  assert_output_has "$BATS_TEST_TMPDIR/source"
  await m exited
}

@test "rm: -f, -v, -t, --all, --cidfile, --filter, --ignore, several" {
  heeding a --cidfile "$BATS_TEST_TMPDIR/a"
  wolffia create --name b -v /anonymous -v named:/named busybox true
  wolffia create --name gone --label n=c busybox true
  run -2 wolffia rm gone a
  [ "${lines[0]}" = gone ]
  [[ ${lines[1]} == *"cannot be removed without force"* ]]
  run -1 wolffia rm gone  # "c" could be the beginning of an id
  run -1 wolffia rm nothing b
  wolffia inspect b >/dev/null
  run -0 wolffia rm --ignore nothing
  run -125 wolffia rm -t 1 a
  assert_output_has "--force option must be specified to use the --time option"
  [ "$(ls "$STORE/volumes" | wc -l)" = 2 ]
  run -0 wolffia rm -v b
  [ "$(ls "$STORE/volumes")" = named ]
  run -0 wolffia rm -f --cidfile "$BATS_TEST_TMPDIR/a"
  run -0 wolffia rm -f nothing
  wolffia create --name c --label n=c busybox true
  wolffia create --name d busybox true
  run -0 wolffia rm --filter label=n=c
  run -0 wolffia ps -a --format '{{.Names}}'
  assert_output_is d
  run -0 wolffia rm --latest
  wolffia run -d --name e busybox sh -c "$deaf"
  ready e
  SECONDS=0
  run -0 wolffia rm -f -t 1 e
  assert_output_is e
  wolffia create busybox true
  wolffia create busybox true
  run -0 wolffia rm -a
  [ "${#lines[@]}" = 2 ]
  wolffia volume rm named
}

@test "wait: conditions, several, one that is removed with its end" {
  heeding a
  wolffia run -d --rm --name b busybox sh -c "$heeds"
  ready b
  wolffia wait a b >"$BATS_TEST_TMPDIR/codes" 3>&- &
  waiter=$!
  wolffia wait --condition=paused,exited a >"$BATS_TEST_TMPDIR/paused" 3>&- &
  pauser=$!
  sleep 0.2
  wolffia pause a
  wait $pauser
  [ "$(cat "$BATS_TEST_TMPDIR/paused")" = -1 ]
  wolffia kill -s HUP b
  wolffia unpause a
  wolffia kill -s TERM a
  wait $waiter
  [ "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/codes")" = "6 7 " ]
  run -0 wolffia wait --condition stopped --interval 1 a
  assert_output_is 6
  run -0 wolffia wait --latest
  assert_output_is 6
  run -0 wolffia wait --ignore nothing a
  assert_output_is 6
  run -125 wolffia wait
  run -125 wolffia wait -i soon a
  wolffia create --name fresh busybox true
  run -0 wolffia wait --condition=configured fresh
  assert_output_is -1
  # Nobody wakes it but the container: it sleeps.
  wolffia start a
  wolffia wait a >"$BATS_TEST_TMPDIR/codes" 3>&- &
  waiter=$!
  sleep 0.3
  before=$(awk '/voluntary/ {n += $2} END {print n}' "/proc/$waiter/status")
  sleep 1
  [ "$(awk '/voluntary/ {n += $2} END {print n}' "/proc/$waiter/status")" = "$before" ]
  wolffia stop -t 0 a
  wait $waiter
}

@test "init: all but the command; start, restart, cp and the end" {
  wolffia create --name a -v "$BATS_TEST_TMPDIR:/host" busybox sh -c 'touch /host/ran; cat /put; sleep 1000'
  run -0 wolffia init a
  assert_output_is a
  pid=$(wolffia inspect -f '{{.State.Pid}}' a)
  [ -d "/proc/$pid" ]
  [ -z "$(wolffia ps -q)" ]
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
  echo "put before the start" >"$BATS_TEST_TMPDIR/put"
  wolffia cp "$BATS_TEST_TMPDIR/put" a:/put
  run -0 wolffia cp a:/put -
  [ "$(wolffia diff a | grep /put)" = "A /put" ]
  [ ! -e "$BATS_TEST_TMPDIR/ran" ]
  wolffia start a
  [ "$(wolffia inspect -f '{{.State.Pid}}' a)" = "$pid" ]
  eventually says "put before the start" wolffia logs a
  local i
  [ -e "$BATS_TEST_TMPDIR/ran" ]
  wolffia rm -f -t 0 a
  for i in 1 2 3; do wolffia create --name i$i busybox sh -c 'echo ready; sleep 1000'; done
  run -0 wolffia init --all
  [ "${#lines[@]}" = 3 ]
  run -0 wolffia init --all
  assert_output_is ""
  wolffia restart i1
  ready i1
  wolffia stop -t 0 i2
  [ "$(state i1) $(state i2)" = "running exited" ]
  # A client that is attached before the command begins misses nothing.
  wolffia start -a i3 >"$BATS_TEST_TMPDIR/out" 3>&- &
  eventually grep -q ready "$BATS_TEST_TMPDIR/out"
  [ "$(cat "$BATS_TEST_TMPDIR/out")" = ready ]
  wolffia stop -t 0 i3
  wait $! || [ $? = 137 ]
}

@test "pause: nothing goes on inside, what was stopped before stays stopped" {
  wolffia run -d --name a busybox sh -c 'while :; do echo x >>/count; done & while :; do sleep 0.01; done & (sleep 1000 & kill -STOP $!); wait'
  sleep 0.3
  run -0 wolffia pause a
  assert_output_is a
  run -0 wolffia ps --format '{{.Status}}'
  assert_output_has Paused
  count() { wolffia cp a:/count - | wc -c; }
  before=$(count)
  sleep 0.5
  [ "$(count)" = "$before" ]
  run -0 wolffia unpause a
  more() { [ "$(count)" != "$before" ]; }
  eventually more
  # The shell that becomes `sleep` may be stopped before or after.
  run -0 wolffia top a state,args
  [[ "$output" == *$'\nT  '* ]] || fail "$output"
  wolffia create --name idle busybox true
  run -0 wolffia pause --all
  assert_output_is "$(wolffia inspect -f '{{.Id}}' a)"
  run -0 wolffia unpause --filter name=a
  run -0 wolffia pause a
  run -0 wolffia unpause --all
  [ "$(state a)" = running ]
  wolffia run -d --pid=host --name h busybox sleep 1000
  if [ -n "$(wolffia inspect -f '{{.State.CgroupPath}}' h)" ]; then  # the kernel freezes its cgroup
    run -0 wolffia pause h
    [ "$(state h)" = paused ]
  else
    run -125 wolffia pause h
    assert_output_has "no process namespace of its own"
  fi
}

@test "names and ids: prefixes, collisions, what a name may be" {
  local ids=() i prefix=""
  for i in $(seq 17); do ids+=("$(wolffia create busybox true)"); done  # two of them begin alike
  for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
    [ "$(printf '%s\n' "${ids[@]}" | grep -c "^$i")" -gt 1 ] && prefix=$i
  done
  for verb in start stop kill rm "rm -f" inspect pause wait logs init restart attach; do
    run wolffia $verb $prefix
    [ "$status" != 0 ]
    assert_output_has "more than one result for container ID $prefix: container already exists"
  done
  [ "$(wolffia ps -aq | wc -l)" = 17 ]
  wolffia rename "${ids[0]}" "$prefix"  # a name wins over ids that begin alike
  run -0 wolffia inspect -f '{{.Id}}' "$prefix"
  assert_output_is "${ids[0]}"
  run -0 wolffia rm "${ids[1]:0:20}" "${ids[2]}"
  run -1 wolffia rm "${ids[1]:0:20}"
  wolffia create --name taken busybox true >"$BATS_TEST_TMPDIR/id"
  id=$(cat "$BATS_TEST_TMPDIR/id")
  for verb in "create" "run -d" "run --rm"; do
    run -125 wolffia $verb --name taken busybox true
    assert_output_has "the container name \"taken\" is already in use by $id"
    assert_output_has "that name is already in use"
  done
  for bad in "-x" "a b" "a/b" ".." "ä" "$(printf 'x%.0s' $(seq 300))"; do
    run -125 wolffia create --name="$bad" busybox true
  done
  run -125 wolffia create --cidfile "$BATS_TEST_TMPDIR/id" busybox true
  assert_output_has "$BATS_TEST_TMPDIR/id"
}

@test "--rm, --timeout, --init, --replace" {
  wolffia run -d --rm --name a busybox sh -c "$heeds"
  ready a
  wolffia stop a
  eventually says "" wolffia ps -aq
  run -137 timeout 30 wolffia run --name limited --timeout 1 busybox sleep 1000
  # An init passes signals on that a shell as first process would not be given.
  wolffia run -d --init --name i busybox sh -c 'sleep 1000'
  run -0 --separate-stderr wolffia stop -t 20 i
  [ -z "$stderr" ]
  [ "$(code_of i)" = 143 ]
  heeding r
  id=$(wolffia inspect -f '{{.Id}}' r)
  wolffia create --replace --name r busybox true
  [ "$(wolffia inspect -f '{{.Id}}' r)" != "$id" ]
  run -125 wolffia create --replace busybox true
  assert_output_has "cannot replace container without --name being set"
}
