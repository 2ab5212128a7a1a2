#!/usr/bin/env bats
# Terminals: run -it, attach, exec -it, on real pseudo-terminals (pty.py).
load support

PTY=$BATS_TEST_DIRNAME/pty.py
setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() { assert_clean; }

# Steps on standard input, then a command: fails with what was on the screen.
pty() {
  run -0 "$PTY" - "$@"
  [[ $output != *"[timeout"* ]] || fail "$output"
}

@test "run -it: a terminal of its own, the size follows, the mode comes back" {
  pty wolffia run --rm -it busybox sh <<'S'
expect # 
send stty size; tty; test -c /dev/console && echo con''sole\r
expect 24 80
expect /dev/pts/0
expect console
resize 10 33
send stty size; echo $TERM\r
expect 10 33
expect xterm
send exit 4\r
S
  assert_output_has "[exit 4]"
  assert_output_has "[termios same]"
}

@test "-t without -i: lines end as they should, ctrl-c is for the container" {
  pty wolffia run --rm -t busybox sh -c 'trap "echo caught; exit 5" INT; echo one; echo two; while :; do sleep 0.1; done' <<'S'
expect one\r\ntwo\r\n
send \x03
expect caught\r\n
S
  assert_output_has "[exit 5]"
  assert_output_has "[termios same]"
  wolffia run -d --name box -t busybox sleep 1000
  pty wolffia exec -t box sh -c 'echo one; echo two' <<'S'
expect one\r\ntwo\r\n
S
  assert_output_has "[termios same]"
  # Without job control a shell's background has no right to the terminal's mode, and needs none.
  pty bash -c 'set -m; wolffia run --rm -t busybox echo from behind & wait $!' <<'S'
expect from behind
S
  assert_output_has "[exit 0]"
  wolffia rm -f -t 0 box
}

@test "keys are bytes for the container" {
  pty wolffia run --rm -it busybox sh -c 'stty raw -echo; echo ready; dd bs=1 count=6 2>/dev/null | od -An -tx1; stty sane' <<'S'
expect ready
send \x03\x1a\x1c\x04\x00\xff
expect 03 1a 1c 04 00 ff
S
}

@test "ctrl-c reaches the program, not wolffia" {
  pty wolffia run --rm -it busybox sh -c 'trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.1; done' <<'S'
expect ready
send \x03
expect caught
S
  assert_output_has "[exit 5]"
}

@test "detach, attach, and the container's end" {
  pty wolffia run -it --name one busybox sh <<'S'
expect # 
send \x10\x11
S
  assert_output_has "[exit 0]"
  assert_output_has "[termios same]"
  pty wolffia attach --detach-keys x one <<'S'
send echo t''wo\r
expect two
resize 11 22
sleep 0.1
send stty size\r
expect 11 22
send x
S
  assert_output_has "[exit 0]"
  pty wolffia attach one <<'S'
send exit 9\r
S
  assert_output_has "[exit 9]"
  assert_output_has "[termios same]"
  run -125 wolffia attach one
  assert_output_has "you can only attach to running containers"
  wolffia rm one
}

@test "the mode comes back when the client is ended" {
  local signal
  for signal in TERM HUP INT; do
    pty wolffia run -it --name ended busybox sh <<S
expect # 
kill $signal
S
    assert_output_has "[signal"
    assert_output_has "[termios same]"
    wolffia exec ended true  # the container goes on
    wolffia rm -f -t 0 ended
  done
}

@test "-it without a terminal" {
  run -3 --separate-stderr wolffia run --rm -it busybox sh -c 'read a; echo "got $a"; exit 3' <<<"word"
  assert_output_has "got word"
  [[ $stderr == *"The input device is not a TTY"* ]]
}

@test "a terminal's end of input is the end of its program" {
  run -0 timeout 10 wolffia run --rm -it busybox cat <<<"word"
  assert_output_has word
}

@test "exec -it" {
  wolffia run -d --name box busybox sleep 1000
  pty wolffia exec -it box sh <<'S'
expect # 
send stty size\r
expect 24 80
resize 10 33
send stty size\r
expect 10 33
send exit 4\r
S
  assert_output_has "[exit 4]"
  assert_output_has "[termios same]"
  pty wolffia exec -it box sh -c 'echo ready; sleep 1; touch /tmp/stayed' <<'S'
expect ready
send \x10\x11
S
  assert_output_has "[exit 0]"
  eventually wolffia exec box test -e /tmp/stayed
  pty wolffia exec -it box sh -c 'trap "touch /tmp/hung; exit" HUP; echo ready; while :; do sleep 0.1; done' <<'S'
expect ready
kill KILL
S
  eventually wolffia exec box test -e /tmp/hung
  wolffia rm -f -t 0 box
}

@test "the standard streams belong to the container's user" {
  run -0 wolffia run --rm -u 1234 busybox sh -c 'echo named >/dev/stdout'
  assert_output_has named
  pty wolffia run --rm -it -u 1234 busybox sh -c 'echo named >/dev/tty; echo console >/dev/console' <<'S'
expect named
expect console
S
}

@test "attach to a container without a terminal" {
  wolffia run -d -i --name plain busybox sh -c 'while read l; do echo "got $l"; [ "$l" = stop ] && exit 6; done'
  run -6 wolffia attach plain <<<$'a\nstop'
  assert_output_has "got a"
  wolffia rm plain
  wolffia run -d --name term busybox sh -c 'trap "exit 8" TERM; echo ready; while :; do sleep 0.1; done'
  eventually logged term ready
  wolffia attach term &
  local client=$! code=0
  eventually heeds_signals $client
  kill -TERM $client
  wait $client || code=$?
  [ "$code" = 8 ]
  wolffia rm term
}

@test "a slow reader of attach does not hold the container up" {
  wolffia run -d --name loud busybox sh -c 'sleep 0.5; yes | head -c 20000000; touch /tmp/wrote; sleep 1000'
  (wolffia attach loud 2>/dev/null 3>&- | sleep 3) &
  eventually wolffia exec loud test -e /tmp/wrote
  wolffia rm -f -t 0 loud
  wait
}

@test "what cannot be attached" {
  run -125 wolffia run --rm -a nonsense busybox true
  assert_output_has 'invalid stream "nonsense" for --attach'
  run -125 wolffia run --rm -it --detach-keys ctrl-5 no-such-image true  # before anything is pulled
  assert_output_has "invalid detach keys"
  [[ "$output" != *no-such-image* ]]
  run -0 --separate-stderr wolffia run --rm -a stderr busybox sh -c 'echo out; echo err >&2'
  assert_output_is ""
  [ "$stderr" = err ]
}
