#!/usr/bin/env bats
# Many command lines at the same time: nothing is lost or made twice, and two that race end in the states of one order or
# of the other.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

# at_once COMMAND...: each in the background; the exit codes, in their order.
at_once() {
  local pids=() pid code command n=0
  for command in "$@"; do
    timeout 60 wolffia $command >"$BATS_TEST_TMPDIR/out.$n" 2>&1 3>&- &
    pids+=($!)
    n=$((n + 1))
  done
  codes=""
  for pid in "${pids[@]}"; do
    code=0
    wait "$pid" || code=$?
    codes+="$code "
  done
}
# said PATTERN: each that failed has said this
said() {
  local n=0 code
  for code in $codes; do
    [ "$code" = 0 ] || grep -qE "$1" "$BATS_TEST_TMPDIR/out.$n" || fail "code $code: $(cat "$BATS_TEST_TMPDIR/out.$n")"
    n=$((n + 1))
  done
}
gone='no such container|no container with name or ID'

@test "a hundred run -d at once: all run, none is lost, names are unique" {
  local i pids=() id
  for i in $(seq 100); do
    wolffia run -d --network none busybox sh -c "echo number $i; sleep 1000" >"$BATS_TEST_TMPDIR/id.$i" 2>"$BATS_TEST_TMPDIR/err.$i" 3>&- &
    pids+=($!)
  done
  for i in $(seq 100); do wait "${pids[$((i - 1))]}" || fail "number $i: $(cat "$BATS_TEST_TMPDIR/err.$i")"; done
  [ "$(cat "$BATS_TEST_TMPDIR"/id.* | sort -u | wc -l)" = 100 ]
  [ "$(wolffia ps -q | wc -l)" = 100 ]
  [ "$(wolffia ps --format '{{.Names}}' | sort -u | wc -l)" = 100 ]
  [ "$(ls "$STORE/names" | wc -l)" = 100 ]
  for i in 1 50 100; do
    id=$(cat "$BATS_TEST_TMPDIR/id.$i")
    [ "$(wolffia logs "$id")" = "number $i" ]
  done
  [ "$(wolffia stop -t 0 --all | wc -l)" = 100 ]
  [ -z "$(wolffia ps -q)" ]
}

@test "one name for eight: one has it" {
  local round
  for round in 1 2 3; do
    at_once "run -d --name n busybox sleep 1000" "run -d --name n busybox sleep 1000" "create --name n busybox true" "create --name n busybox true" \
      "run --name n busybox true" "run -d --name n busybox sleep 1000" "create --name n busybox true" "run --name n busybox true"
    [ "$(tr ' ' '\n' <<<"$codes" | grep -cx 0)" = 1 ]
    said 'the container name "n" is already in use'
    [ "$(wolffia ps -aq | wc -l)" = 1 ]
    wolffia rm -f -t 0 n
    at_once "run -d --replace --name n busybox sleep 1000" "run -d --replace --name n busybox sleep 1000" "run -d --replace --name n busybox sleep 1000"
    said "already in use|$gone|being used"
    [[ " $codes" == *" 0 "* ]]
    [ "$(wolffia ps -q | wc -l)" = 1 ] || fail "$codes: $(wolffia ps -a)"
    wolffia rm -f -t 0 n
  done
}

@test "start by eight: it runs once" {
  wolffia create --name c -v "$BATS_TEST_TMPDIR:/host" busybox sh -c 'echo x >>/host/started; sleep 1000'
  at_once "start c" "start c" "start c" "restart -t 0 c" "start c" "start c" "start c" "init c"
  said "has already been created in runtime"
  eventually says running wolffia inspect -f '{{.State.Status}}' c
  [ "$(wolffia top c args | grep -c 'sleep 1000')" -le 2 ]
  [ "$(wolffia ps -q | wc -l)" = 1 ]
  [ "$(pgrep -U "$(id -u)" -f "wolffia-monitor.*$STORE" | wc -l)" -le 2 ]
}

@test "two that race: each in the order of one of them" {
  local round first second
  for round in 1 2 3; do
    while read -r first second; do
      wolffia rm -f -t 0 c
      wolffia run -d --name c busybox sleep 1000
      case $first in start | init) wolffia stop -t 0 c ;; esac
      at_once "${first//_/ } c" "${second//_/ } c"
      said "$gone|container state improper|only attach to running|cannot be removed without force|top can only be used on running"
      [[ $codes != *124* ]] || fail "$first and $second: one hangs"
      case $(wolffia inspect -f '{{.State.Status}}' c 2>/dev/null || echo gone) in
        running | exited | gone | paused | initialized | stopping) ;;
        *) fail "$first and $second: $(wolffia ps -a)" ;;
      esac
    done <<'T'
stop_-t_0 stop_-t_0
stop_-t_0 kill
stop_-t_0 restart_-t_0
stop_-t_0 rm_-f
rm_-f rm_-f
rm_-f kill
rm_-f restart_-t_0
rm_-f pause
start rm
start rm_-f
start start
start stop_-t_0
init start
init rm_-f
pause stop_-t_0
pause unpause
kill wait
kill top
rm_-f wait
rm_-f logs
T
  done
}
