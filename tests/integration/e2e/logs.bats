# logs: what comes back, how it is selected and followed, drivers and rotation, and that no reader holds a container up.

setup_file() {
  . "$BATS_TEST_DIRNAME/support.bash"
  fresh_home "$(mktemp -d "${TMPDIR:-/tmp}/wolffia-e2e.XXXXXX")"
  wolffia pull -q busybox >/dev/null 2>&1 || wolffia run --rm busybox true
}
teardown_file() { rm -rf "$WORLD"; }
setup() { . "$BATS_TEST_DIRNAME/support.bash"; }
teardown() {
  wolffia rm --force --all >/dev/null 2>&1 || true
  assert_clean
}

# ended NAME: waits until the container has ended.
ended() {
  local i
  for i in $(seq 200); do
    [ "$(wolffia inspect -f '{{.State.Status}}' "$1")" = exited ] && return 0
    sleep 0.05
  done
  fail "$1 has not ended"
}
# follows PID: it waits for more of a log.
follows() { ls -l "/proc/$1/fd" | grep -q inotify; }
log_file() { echo "$STORE/containers/$(wolffia inspect -f '{{.Id}}' "$1")/ctr.log"; }

@test "both streams come back on both streams, bytes as they were" {
  wolffia run --name a busybox sh -c 'printf "one\n\000\377\r\nlong\n"; printf two >&2' >/dev/null 2>&1
  wolffia logs a >"$WORLD/out" 2>"$WORLD/err"
  printf 'one\n\000\377\r\nlong\n' | cmp - "$WORLD/out"
  printf two | cmp - "$WORLD/err"
  grep -aq 'stdout F one$' "$(log_file a)"
  grep -aq 'stderr P two$' "$(log_file a)"
}

@test "tail, since, until and timestamps select" {
  wolffia run -d --name a busybox sh -c 'echo 1; echo 2; sleep 1; echo 3; printf 4'
  ended a
  [ "$(wolffia logs --tail 2 a)" = $'3\n4' ]
  [ -z "$(wolffia logs --tail 0 a)" ]
  [ "$(wolffia logs --tail -1 a)" = $'1\n2\n3\n4' ]
  middle=$(wolffia logs -t a | sed -n '3s/ .*//p')
  [ "$(wolffia logs --since "$middle" a)" = $'3\n4' ]
  [[ "$(wolffia logs --until "$middle" a)" == $'1\n2\n3'* ]]
  [ "$(wolffia logs --since 1h --tail 3 a)" = $'2\n3\n4' ]
  [ -z "$(wolffia logs --until 2020-01-01 a)" ]
  wolffia logs -t a | grep -E '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z 1$'
  [ "$(wolffia logs --latest --tail 1)" = 4 ]
}

@test "several logs are merged by time, with ids or names" {
  mkdir "$WORLD/turns"
  wolffia run -d --name a -v "$WORLD/turns:/turns" busybox sh -c \
    'echo a1; sleep 0.3; touch /turns/b; until [ -e /turns/a ]; do sleep 0.02; done; printf a2' >"$WORLD/id"
  wolffia run -d --name b -v "$WORLD/turns:/turns" busybox sh -c \
    'until [ -e /turns/b ]; do sleep 0.02; done; echo b1; sleep 0.3; touch /turns/a'
  ended a
  ended b
  [ "$(wolffia logs -n a b)" = $'a a1\nb b1\na a2' ]
  short=$(cut -c1-12 "$WORLD/id")
  [ "$(wolffia logs b a | head -1)" = "$short a1" ]
}

@test "follow goes on until the end, and through a rotation" {
  # What is rotated away is lost to a reader who is late: the container goes on when it has been read.
  mkdir "$WORLD/read"
  wolffia run -d --name a --log-opt max-size=2k --log-opt max-file=4 -v "$WORLD/read:/read" busybox sh -c \
    'for i in $(seq 300); do echo line $i; [ $((i % 50)) != 0 ] || until [ -e /read/$i ]; do sleep 0.02; done; done'
  wolffia logs -f a >"$WORLD/out" &
  for i in 50 100 150 200 250 300; do
    eventually grep -q "^line $i$" "$WORLD/out"
    touch "$WORLD/read/$i"
  done
  wait $!
  [ "$(tail -1 "$WORLD/out")" = 'line 300' ]
  [ "$(wc -l <"$WORLD/out")" = 300 ]
  [ "$(ls "$(dirname "$(log_file a)")" | grep -c '^ctr\.log')" = 4 ]
  for file in "$(log_file a)"*; do [ "$(stat -c %s "$file")" -lt 2200 ]; done
  wolffia logs a | cmp - <(tail -n "$(wolffia logs a | wc -l)" "$WORLD/out")
}

@test "follow of a container that is removed ends well; --tail 0 and --until hold" {
  wolffia run -d --rm --name a -v "$WORLD:/w" busybox sh -c \
    'echo old; until [ -e /w/new ]; do sleep 0.02; done; echo new'
  eventually grep -q old "$(log_file a)"
  wolffia logs -f --tail 0 a >"$WORLD/out" &
  eventually follows $!
  touch "$WORLD/new"
  eventually eval "! kill -0 $! 2>/dev/null"
  [ "$(cat "$WORLD/out")" = new ]
  wolffia run -d --name b busybox sh -c 'while sleep 0.05; do echo x; done'
  timeout 10 wolffia logs -f --until 1s b >/dev/null
}

@test "a stopped or dead reader holds nothing up" {
  wolffia run -d --name a busybox sh -c 'yes 0123456789012345678901234567890 | head -c 60000000; echo end'
  wolffia logs -f a 3>&- | sleep 30 3>&- &  # which never reads
  reader=$!
  wolffia logs -f a >"$WORLD/dead" 3>&- &
  kill -STOP $!
  stopped=$!
  ended a
  kill -9 $stopped
  kill $reader
  [ "$(wolffia logs --tail 1 a)" = end ]
  # A reader that closes its pipe ends the program, also when nothing more is written.
  wolffia run -d --name b busybox sh -c 'echo x; sleep 1000'
  (timeout 60 wolffia logs -f b || [ $? != 124 ]) | head -1
}

@test "200 MB come back with the same hash: lines of all lengths, no last line feed" {
  cat >"$WORLD/make.awk" <<'A'
BEGIN { for (i = 0; i < 12; i++) s = s "0123456789abcdef"; while (length(s) < 100000) s = s s
  for (i = 0; n < 60000000; i++) { l = (i * 7919) % 331; if (i % 5000 == 0) l = 90000; print i substr(s, 1, l); n += l + 8 } printf "end" }
A
  wolffia run -d --name a -v "$WORLD/make.awk:/m.awk:ro" busybox sh -c 'awk -f /m.awk >/tmp/f; for i in 1 2 3; do cat /tmp/f; done; md5sum </tmp/f >&2; (cat /tmp/f /tmp/f /tmp/f | md5sum) >&2'
  timeout 300 wolffia wait a >/dev/null
  wolffia logs a 2>"$WORLD/sums" | md5sum >"$WORLD/sum"
  [ "$(tail -1 "$WORLD/sums")" = "$(cat "$WORLD/sum")" ]
}

@test "json-file is docker's; both survive being truncated or torn by hand" {
  for driver in json-file k8s-file; do
    wolffia run --name "$driver" --log-driver "$driver" busybox sh -c 'printf "a\"\303\251\n\377\nlast\n"' >/dev/null
    printf 'a"\303\251\n\377\nlast\n' | cmp - <(wolffia logs "$driver")
    file=$(log_file "$driver")
    truncate -s -3 "$file"
    printf 'a"\303\251\n\377\n' | cmp - <(wolffia logs "$driver")
    wolffia start -a "$driver" >/dev/null
    [ "$(wolffia logs "$driver" | wc -l)" -ge 5 ]
    : >"$file"
    [ -z "$(wolffia logs "$driver")" ]
    dd if=/dev/urandom bs=64k count=1 of="$file" 2>/dev/null
    wolffia logs "$driver"
  done
  wolffia run --name j --log-driver json-file busybox echo x
  python3 -c 'import json,sys; r=json.loads(open(sys.argv[1]).readline()); assert r["log"]=="x\n" and r["stream"]=="stdout" and r["time"].endswith("Z"), r' "$(log_file j)"
}

@test "a log of its own path, and none" {
  wolffia run --name a --log-opt path="$WORLD/my.log" busybox echo here
  grep 'stdout F here' "$WORLD/my.log"
  [ "$(wolffia logs a)" = here ]
  wolffia rm a
  [ -e "$WORLD/my.log" ]
  wolffia run --name b --log-driver none busybox echo gone
  run wolffia logs b
  assert_status 125
  assert_output_has "this container is using the 'none' log driver, cannot read logs"
}

@test "what is wrong is said" {
  run wolffia logs
  assert_status 125
  assert_output_has "specify at least one container name or ID to log"
  run wolffia logs nosuch
  assert_status 125
  assert_output_has 'no container with name or ID "nosuch" found: no such container'
  run wolffia logs --since yesterday nosuch
  assert_status 125
  run wolffia logs --tail x nosuch
  assert_status 125
  run wolffia run --rm --log-driver syslog busybox true
  assert_status 125
  assert_output_has 'invalid log driver "syslog"'
  run wolffia run --rm --log-driver journald busybox true
  assert_status 125
  assert_output_has 'use k8s-file'
  run wolffia run --rm --log-opt max-size=lots busybox true
  assert_status 125
  assert_output_has 'max-size'
  run wolffia run --rm --log-opt path=/nosuch/dir/x busybox true
  assert_status 125
  assert_output_has '/nosuch/dir/x'
}
