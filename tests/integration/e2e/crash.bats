#!/usr/bin/env bats
# kill -9 of any of our processes at any moment of a run, then the same command again: it works, and nothing is left.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() { assert_clean; }

@test "kill -9 of CLI, monitor or both at random moments of a run" {
  local round pid victims
  for round in $(seq 40); do
    wolffia run --rm busybox sleep 0.02 >/dev/null 2>&1 3>&- &
    pid=$!
    sleep "0.0$(printf %02d $((RANDOM % 40)))"
    case $((round % 3)) in
      0) victims=$pid ;;
      1) victims=$(ours | grep -vx $pid || true) ;;
      2) victims="$pid $(ours)" ;;
    esac
    [ -z "$victims" ] || kill -9 $victims 2>/dev/null || true
    wait $pid 2>/dev/null || true
  done
  eventually says "" ours || fail "still running: $(ours)"
  run -0 wolffia run --rm busybox echo again
  assert_output_is again
  run -0 wolffia system check
}

@test "kill -9 during a load, then the same again" {
  archive=$WOLFFIA_BIN_DIR/../share/wolffia/busybox.tar
  wolffia rmi -af >/dev/null
  local round pid
  for round in $(seq 25); do
    wolffia load -q -i "$archive" >/dev/null 2>&1 3>&- &
    pid=$!
    sleep "0.0$(printf %02d $((RANDOM % 30)))"
    kill -9 $pid $(ours) 2>/dev/null || true
    wait $pid 2>/dev/null || true
  done
  run -0 wolffia load -q -i "$archive"
  run -0 wolffia system check
  [ -z "$output" ] || [[ "$output" != *damage* ]]
  run -0 --separate-stderr wolffia run --rm busybox echo fine
  assert_output_is fine
}

@test "many at once: all run, none is lost, names are unique" {
  local i
  for i in $(seq 30); do wolffia run busybox sh -c "echo $i" >"$WORLD/out.$i" 3>&- & done
  wait
  for i in $(seq 30); do [ "$(cat "$WORLD/out.$i")" = "$i" ]; done
  [ "$(wolffia ps -a --format '{{.Names}}' | sort -u | wc -l)" = 30 ]
  wolffia rm -a >/dev/null
}
