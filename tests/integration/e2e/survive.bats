#!/usr/bin/env bats
# What containers survive: the runtime directory gone, the disk full, the clock set back, clients killed, logs cut by hand.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

wipe() { until rm -rf "${XDG_RUNTIME_DIR:?}"/wolffia; do :; done 2>/dev/null; }  # somebody may be writing there
state() { wolffia inspect -f '{{.State.Status}}' "$1"; }
await() {  # await NAME STATE
  local i
  for i in $(seq 400); do
    [ "$(state "$1")" = "$2" ] && return 0
    sleep 0.05
  done
  fail "$1 is $(state "$1"), not $2"
}
await_log() {  # await_log NAME WORD
  local i
  for i in $(seq 400); do
    wolffia logs "$1" 2>&1 | grep -q "$2" && return 0
    sleep 0.05
  done
  fail "$1 has not said $2"
}

@test "the runtime directory is wiped while containers run, wait and are initialized: every verb works" {
  wolffia run -d -i --name a busybox sh -c 'trap "echo usr" USR1; trap "exit 6" TERM; echo ready; cat & while :; do sleep 0.05; done'
  wolffia create --name i busybox sleep 1000
  wolffia init i
  wolffia run -d --name r --restart always busybox true
  await_log a ready
  local verb
  for verb in "exec a true" "kill -s USR1 a" "pause a" "unpause a" "top a" "cp /etc/hostname a:/x" "diff a" "rename a b" "rename b a" \
      "restart -t 0 a" "logs a" "start i" "stop -t 0 r" "start r" "stats --no-stream a" "wait --condition=running a" "stop -t 0 a" "start a" \
      "healthcheck run a" "restart -t 0 r" "rm -f r" "run --rm busybox true" "events --stream=false"; do
    wipe
    run timeout 20 wolffia $verb
    [ "$status" = 0 ] || [[ $output == *"no defined healthcheck"* ]] || fail "$verb: $status $output"
  done
  await_log a ready
  wipe
  run -0 timeout 20 wolffia attach --no-stdin --sig-proxy=false a < <(sleep 0.1) & attached=$!
  for i in $(seq 100); do wipe; wolffia stop -t 0 a && break; done
  wait $attached || true
  [ "$(state a)" = exited ]
  [ ! -e "$XDG_RUNTIME_DIR/wolffia/monitors/$(wolffia inspect -f '{{.Id}}' a)" ]
  wolffia exec i true
}

@test "the runtime directory is wiped under a foreground run and under logs -f, exec and wait" {
  wolffia run --name a busybox sh -c 'echo ready; while [ ! -e /end ]; do sleep 0.05; done; echo over; exit 4' >"$BATS_TEST_TMPDIR/run" 3>&- &
  local cli=$! code=0
  await_log a ready
  wolffia logs -f a >"$BATS_TEST_TMPDIR/logs" 3>&- &
  local logs=$!
  wolffia wait a >"$BATS_TEST_TMPDIR/wait" 3>&- &
  local waiter=$!
  wolffia exec a sh -c 'while [ ! -e /end ]; do sleep 0.05; done; exit 3' 3>&- &
  local exec=$!
  sleep 0.3
  wipe
  wolffia exec a touch /end
  wait $exec || code=$?
  [ $code = 3 ] || [ $code = 137 ]
  code=0; wait $cli || code=$?
  [ $code = 4 ]
  wait $logs $waiter
  [ "$(cat "$BATS_TEST_TMPDIR/run")" = $'ready\nover' ]
  [ "$(cat "$BATS_TEST_TMPDIR/logs")" = $'ready\nover' ]
  [ "$(cat "$BATS_TEST_TMPDIR/wait")" = 4 ]
  wipe
  run -4 wolffia start -a a
}

@test "a full disk: what runs goes on and ends, what is new is refused, all can be removed" {
  run -0 unshare -Urm --map-auto bash -c '
    world=$1; out=$world/full.out
    say() { echo "$*"; exit 1; }
    mount -t tmpfs -o size=15m,mode=0700 none "$world/data" || exit 1
    trap "wolffia rm -af -t 0 >/dev/null" EXIT
    wolffia run --rm --network none busybox true 2>/dev/null || say "no container here: $(wolffia run --rm --network none busybox true 2>&1)"
    wolffia run -d --network none --name b busybox sleep 1000 >/dev/null || exit 1
    wolffia create --network none --name c busybox true >/dev/null || exit 1
    wolffia run -d --network none --name a --stop-signal HUP busybox sh -c "trap \"exit 6\" HUP; while :; do printf \"a line of the log %1000s\n\" x; sleep 0.01; done" >/dev/null || exit 1
    dd if=/dev/zero of="$world/data/fill" bs=4k 2>/dev/null
    [ "$(wolffia ps -q | wc -l)" = 2 ] || say "not both run: $(wolffia ps -a)"
    [ "$(wolffia exec b echo exec works)" = "exec works" ] || say "exec"
    wolffia logs --tail 1 a | grep -q "line of the log" || say logs
    wolffia pause b >"$out" 2>&1 && say "a pause that is written nowhere"
    grep -q "No space" "$out" && [ "$(wolffia exec b echo goes on)" = "goes on" ] || say "pause: $(cat "$out")"
    wolffia exec b sh -c "dd if=/dev/zero of=/f bs=64k count=1000 2>&1 | grep -q \"No space\"" || say "a write inside"
    for new in "create --network none busybox true" "run --rm --network none busybox true" "volume create v"; do
      wolffia $new >"$out" 2>&1 && say "$new on a full disk"
      grep -qE "No space left on device" "$out" || say "$new: $(cat "$out")"
    done
    wolffia start c >"$out" 2>&1 || grep -q "No space" "$out" || say "start: $(cat "$out")"
    wolffia rename c d >"$out" 2>&1 || grep -q "No space" "$out" || say "rename: $(cat "$out")"
    sleep 1  # in which lines are lost; how many is written nowhere yet
    rm "$world/data/fill"
    wolffia stop a >/dev/null || say stop
    [ "$(wolffia inspect -f "{{.State.Running}}" a)" = false ] || say "still running"
    [ "$(wolffia inspect -f "{{.State.LogLost}}" a)" -gt 0 ] || say "nothing is said of the lost output"
    wolffia rm -f -t 0 b >/dev/null || say "rm b"
    wolffia rm -af -t 0 >/dev/null || say "rm -a"
    [ -z "$(ls -A "$world/data/wolffia/containers" "$world/data/wolffia/tmp" | grep -v :)" ] || say "left: $(ls -A "$world"/data/wolffia/*)"
    [ "$(wolffia run --rm --network none busybox echo room again)" = "room again" ] || say "afterwards"
    wolffia system check >/dev/null || say check
    for i in $(seq 100); do umount "$world/data" 2>/dev/null && exit 0; sleep 0.05; done
    say "something holds the disk"' - "$WORLD"
}

@test "the clock is set back: records, logs and images of the future" {
  wolffia run --name old --label l=1 busybox sh -c 'echo from the future; exit 3' || [ $? = 3 ]
  wolffia run -d --name up busybox sleep 1000
  local id
  id=$(wolffia inspect -f '{{.Id}}' old)
  # As if all of this had been written a year from now.
  python3 - "$STORE" <<'P'
import os, re, sys, time
year = 365 * 86400
later = lambda m: m.group(1) + str(int(m.group(2)) + year * 10**9)
for directory, _, files in os.walk(sys.argv[1]):
    for name in files:
        path = os.path.join(directory, name)
        if name.endswith(".json") and "/containers/" in path and "spec" not in name:
            text = re.sub(r'("(?:\w*_ns)": ?)(\d{18,19})', later, open(path).read())
            open(path, "w").write(text)
        if name == "ctr.log":
            text = open(path).read()
            open(path, "w").write(re.sub(r"^\d{4}", lambda m: str(int(m.group(0)) + 1), text, flags=re.M))
        os.utime(path, (time.time() + year, time.time() + year), follow_symlinks=False)
P
  run -0 wolffia inspect -f '{{.State.FinishedAt}}' old
  [[ "$output" > "$(date -u -d '+360 days' +%F)" ]]
  run -0 wolffia ps -a
  assert_output_has "Exited (3)"
  [[ "$output" != *"-"[0-9]* ]] || fail "a time before zero: $output"
  run -0 wolffia logs old
  assert_output_is "from the future"
  run -0 wolffia logs --since 1h old
  assert_output_is "from the future"
  run -0 wolffia logs --until 1h old
  assert_output_is ""
  wolffia exec up true
  wolffia restart -t 0 up
  run -3 wolffia start -a old
  run -0 wolffia container prune -f --filter until=1h
  assert_output_is ""
  wolffia run --rm busybox true
  wolffia stop -t 0 up
  run -0 wolffia container prune -f
  assert_output_has "$id"
  run -0 wolffia system check
}

@test "kill -9 of the client of run -d, run -it, start, start -a, exec, attach at any moment" {
  local round pid verb
  wolffia run -d -i --name base busybox sh -c 'trap "exit 0" TERM; while :; do echo x; sleep 0.05; done'
  for round in $(seq 6); do
    for verb in "run -d --name v busybox sleep 1000" "run --name v busybox sh -c :" "run --rm -t --name v busybox sleep 0.1" "start v" "start -a v" \
        "exec base sleep 0.1" "exec -t base true" "attach base" "restart -t 0 base" "stop -t 0 v" "cp /etc/passwd base:/p" "rm -f v"; do
      wolffia $verb >/dev/null 2>&1 3>&- &
      pid=$!
      sleep "0.0$(printf %02d $((RANDOM % 40)))"
      kill -9 $pid 2>/dev/null || true
      wait $pid 2>/dev/null || true
    done
  done
  [ "$(state base)" = running ]
  wolffia exec base true
  wolffia rm -f -t 0 v base
  eventually says "" ours || fail "still there: $(ps -o pid=,args= -p "$(ours | tr '\n' ',')0")"
  run -0 wolffia system check
  [ -z "$(ls -A "$XDG_RUNTIME_DIR/wolffia/monitors" "$XDG_RUNTIME_DIR/wolffia/exec" 2>/dev/null | grep -v :)" ]
}

@test "the log of a running container is cut, removed, replaced by hand" {
  wolffia run -d --name a busybox sh -c 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.02; done'
  await_log a "line 5"
  number() { wolffia logs --tail 1 a 2>/dev/null | tr -d '\0' | sed -n 's/.*line \([0-9]*\)$/\1/p'; }
  local file how last now i
  file=$STORE/containers/$(wolffia inspect -f '{{.Id}}' a)/ctr.log
  timeout 60 wolffia logs -f a >"$BATS_TEST_TMPDIR/follow" 3>&- &
  local follower=$!
  for how in 'truncate -s -7 "$file"' ': >"$file"' 'head -c 5000 /dev/urandom >>"$file"' 'printf "no record" >>"$file"' 'chmod 0 "$file"; chmod 600 "$file"'; do
    last=$(number)
    eval "$how"
    for i in $(seq 400); do
      now=$(number)
      [ "${now:-0}" -gt $((last + 5)) ] && break
      sleep 0.02
    done
    [ "${now:-0}" -gt $((last + 5)) ] || fail "no more lines after $how"
    [ "$(state a)" = running ]
  done
  rm "$file"
  mkdir "$file"
  run -125 wolffia logs a
  wolffia exec a true
  rmdir "$file"
  run wolffia logs a
  wolffia stop -t 0 a
  wait $follower || true
  grep -q "line 5" "$BATS_TEST_TMPDIR/follow"
  wolffia start a
  await_log a "line 1"
}
