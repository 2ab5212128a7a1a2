#!/usr/bin/env bats
# `exec`: one more process in a running container; codes, streams, users, and what is left of it.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run -d --name box -e COLOUR=green busybox sleep 1000
}
teardown_file() {
  wolffia rm -f -t 0 box
  assert_clean
}

sessions() { find "$XDG_RUNTIME_DIR/wolffia/exec" -type f 2>/dev/null | wc -l; }
no_session() {
  local i
  for i in $(seq 300); do [ "$(sessions)" = 0 ] && return 0; sleep 0.1; done
  fail "sessions are left: $(find "$XDG_RUNTIME_DIR/wolffia/exec")"
}

@test "output, input and exit codes are the command's" {
  run -0 --separate-stderr wolffia exec box sh -c 'echo out; echo err >&2'
  assert_output_is out
  [ "$stderr" = err ]
  run -0 wolffia exec -i box cat <<<"from outside"
  assert_output_is "from outside"
  run -0 wolffia exec box cat <<<"not with -i"
  assert_output_is ""
  run -7 wolffia exec box sh -c 'exit 7'
  run -137 wolffia exec box sh -c 'kill -9 $$'
  head -c 5000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
  wolffia exec -i box cat <"$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/in"
  no_session
}

@test "commands that cannot be executed" {
  run -127 wolffia exec box no-such-command
  assert_output_has no-such-command
  run -126 wolffia exec box /etc/passwd
  run -126 wolffia exec -w /nowhere box true
  assert_output_has /nowhere
  run -125 wolffia exec box
  assert_output_has "must provide a non-empty command to start an exec session: invalid argument"
  run -125 wolffia exec no-such-box true
  assert_output_has "no such container"
  run -125 wolffia exec --preserve-fds 1 box true
  assert_output_has "podman"
  run -125 wolffia exec --detach-keys ctrl-5 -it box true
  assert_output_has "invalid detach keys"
  no_session
}

@test "variables, directory and user" {
  run -0 wolffia exec -e A=1 -w /tmp box sh -c 'echo $A $COLOUR $HOME $(pwd)'
  assert_output_is "1 green /root /tmp"
  echo B=two >"$BATS_TEST_TMPDIR/env"
  C=three run -0 wolffia exec --env-file "$BATS_TEST_TMPDIR/env" -e C box sh -c 'echo $B $C'
  assert_output_is "two three"
  run -0 wolffia exec box sh -c 'echo "web:x:1234:1235::/srv/web:/bin/sh" >>/etc/passwd; id -u'
  assert_output_is 0
  run -0 wolffia exec -u web box sh -c 'id -u; id -g; echo $HOME; grep CapEff /proc/self/status'
  [ "${lines[0]} ${lines[1]} ${lines[2]}" = "1234 1235 /srv/web" ]
  [[ ${lines[3]} =~ 0000000000000000 ]]
  run -0 wolffia exec -u 1234:77 box id -g
  assert_output_is 77
  run -125 wolffia exec -u no-such-user box true
  assert_output_has "unable to find user no-such-user: no matching entries in passwd file"
  wolffia exec -u web box sh -c 'echo through a name >/dev/stdout' | grep -q "through a name"
}

@test "a passwd that is no file does not hold anybody" {
  wolffia run -d --name pipe busybox sh -c 'rm /etc/passwd; mkfifo /etc/passwd; sleep 1000'
  eventually wolffia exec -u 0 pipe test -p /etc/passwd
  run -125 timeout 5 wolffia exec -u web pipe true
  run -0 timeout 5 wolffia exec -u 12 pipe true
  wolffia rm -f -t 0 pipe
}

@test "privileges are the container's, or all of its namespace's" {
  run -0 wolffia exec box grep CapBnd /proc/self/status
  [[ ! $output =~ 0000003f|000001ff ]]
  run -0 wolffia exec --privileged box grep -E 'CapBnd|CapEff' /proc/self/status
  [[ ${lines[0]} =~ ff$ ]] && [[ ${lines[1]} =~ ff$ ]]
  run -0 wolffia exec box grep Seccomp: /proc/self/status
  [[ $output =~ 2$ ]]
}

@test "in the background" {
  run -0 wolffia exec -d box sh -c 'sleep 1; touch /tmp/done'
  [[ $output =~ ^[0-9a-f]{64}$ ]]
  [ "$(sessions)" = 1 ]
  run -127 wolffia exec -d box no-such-command
  no_session
  wolffia exec box test -e /tmp/done
}

@test "the client is killed and the command goes on" {
  wolffia exec box sh -c 'touch /tmp/begun; until [ -e /tmp/killed ]; do sleep 0.1; done; touch /tmp/after' &
  eventually wolffia exec box test -e /tmp/begun
  kill -9 $!
  wait $! || true
  wolffia exec box touch /tmp/killed
  no_session
  wolffia exec box test -e /tmp/after
}

@test "states in which nothing can be executed" {
  wolffia create --name idle busybox true
  run -255 wolffia exec idle true
  assert_output_has "can only create exec sessions on running containers: container state improper"
  wolffia rm idle
}

@test "a container that ends takes the command along" {
  wolffia run -d --name short busybox sleep 1000
  wolffia exec short sh -c 'touch /tmp/begun; exec sleep 1000' &
  local client=$! code=0
  eventually wolffia exec short test -e /tmp/begun
  wolffia kill short
  wait $client || code=$?
  [ "$code" = 137 ]
  wolffia rm -f short
  no_session
}

@test "a hundred at once" {
  local i
  for i in $(seq 100); do wolffia exec box sh -c "echo $i" >"$BATS_TEST_TMPDIR/$i" & done
  wait
  for i in $(seq 100); do [ "$(cat "$BATS_TEST_TMPDIR/$i")" = "$i" ] || fail "number $i is lost"; done
  no_session
}

@test "our own program cannot be reached through /proc/self/exe (CVE-2019-5736)" {
  wolffia exec box sh -c 'printf "#!/proc/self/exe\n" >/tmp/evil; chmod +x /tmp/evil'
  run timeout 5 wolffia exec box /tmp/evil
  [ "$status" != 0 ] && [ "$status" != 124 ]
  before=$(sha256sum "$WOLFFIA_BIN_DIR/wolffia-exec")
  wolffia exec -d box sh -c 'for i in $(seq 200); do for p in /proc/[0-9]*; do (echo broken >$p/exe) 2>/dev/null; done; done'
  for i in $(seq 10); do wolffia exec box true; done
  [ "$before" = "$(sha256sum "$WOLFFIA_BIN_DIR/wolffia-exec")" ]
  no_session
}

@test "nor can the monitor's, where the user owns it" {
  cd "$BATS_TEST_TMPDIR"
  mkdir bin
  local program
  for program in wolffia wolffia-image wolffia-monitor; do strip -o "bin/$program" "$WOLFFIA_BIN_DIR/$program"; done
  local own=$PWD/bin before
  before=$(sha256sum "$own/wolffia-monitor")
  # One container writes to all that it sees; another becomes the monitor's program among its processes.
  "$own/wolffia" run -d --name writer busybox sh -c \
    'while :; do for p in /proc/[0-9]*; do (echo broken >$p/exe) 2>/dev/null; done; done'
  printf '#!/proc/self/exe\n' >evil; chmod +x evil
  "$own/wolffia" create --name evil --pid container:writer busybox /evil
  "$own/wolffia" cp evil evil:/evil
  local i
  for i in $(seq 10); do "$own/wolffia" start -a evil >/dev/null 2>&1 || true; done
  "$own/wolffia" rm -f -t 0 evil writer
  [ "$(sha256sum "$own/wolffia-monitor")" = "$before" ]
}
