#!/usr/bin/env bats
# Seccomp profiles: from a file, and recorded from a run.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() {
  wolffia rm --all --force >/dev/null
  assert_clean
}
# profile_has KIND NAME: the call is in a rule of that action.
profile_has() {
  python3 - "$WORLD/profile.json" "$@" <<'P'
import json, sys
rules = json.load(open(sys.argv[1]))["syscalls"]
sys.exit(not any(r["action"] == "SCMP_ACT_" + sys.argv[2] and sys.argv[3] in r["names"] and not r.get("args") for r in rules))
P
}
WORK='echo x >/tmp/f && cat /tmp/f && mkdir /tmp/d && ls -l /tmp >/dev/null && (sleep 0.01 & wait) && echo done'

@test "what a run used is recorded, and it runs under that, which allows nothing else" {
  run -0 --separate-stderr wolffia run --rm --seccomp-record "$WORLD/profile.json" busybox sh -c "$WORK"
  assert_output_is $'x\ndone'
  profile_has ALLOW execve
  profile_has ALLOW mkdir || profile_has ALLOW mkdirat
  run ! profile_has ALLOW socket
  run ! profile_has ALLOW ptrace
  run ! profile_has ALLOW symlink
  run -0 --separate-stderr wolffia run --rm --security-opt seccomp="$WORLD/profile.json" busybox sh -c "$WORK"
  assert_output_is $'x\ndone'
  run -1 wolffia run --rm --security-opt seccomp="$WORLD/profile.json" busybox ln -s a /tmp/link
  assert_output_has "Function not implemented"
}

@test "every way of starting is recorded: no-new-privileges, users, capabilities, init, terminals" {
  for flags in "--security-opt no-new-privileges" "--user 1000:1000" "--cap-drop ALL" "--init" "-t"; do
    run -0 --separate-stderr wolffia run --rm $flags --seccomp-record "$WORLD/profile.json" busybox sh -c 'id -u'
    local recorded=$output
    run -0 --separate-stderr wolffia run --rm $flags --security-opt seccomp="$WORLD/profile.json" busybox sh -c 'id -u'
    assert_output_is "$recorded"
  done
}

@test "the exit code is the container's, and a command that is missing leaves no profile" {
  run -7 wolffia run --rm --seccomp-record "$WORLD/code.json" busybox sh -c 'exit 7'
  [ -s "$WORLD/code.json" ]
  run -127 wolffia run --rm --seccomp-record "$WORLD/none.json" busybox no-such-command
  [ ! -e "$WORLD/none.json" ]
}

@test "a container that is killed has been recorded, and one that is started again is recorded again" {
  cd "$WORLD"
  wolffia create --name again --seccomp-record again.json busybox sh -c 'mkdir /tmp/x; sleep 1000'
  wolffia start again
  eventually wolffia exec again test -d /tmp/x
  wolffia kill again
  wolffia wait again
  eventually test -s again.json
  rm again.json
  wolffia start again
  wolffia stop -t 0 again
  eventually test -s again.json
}

@test "what cannot be recorded is said before anything is made" {
  run -125 wolffia run --rm --seccomp-record /no/such/profile.json busybox true
  assert_output_has "--seccomp-record"
  run -125 wolffia run --rm --seccomp-record "$WORLD" busybox true
  assert_output_has "not a regular file"
  run -125 wolffia run --rm --annotation io.containers.trace-syscall=if:/x busybox true
  assert_output_has "io.containers.trace-syscall"
  [ -z "$(wolffia ps -aq)" ]
}

@test "a profile in the OCI format: actions, arguments, and what is wrong with one" {
  cat >"$WORLD/p.json" <<'P'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
  {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
  {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}]}
P
  run -1 wolffia run --rm --security-opt seccomp="$WORLD/p.json" busybox mkdir /tmp/x
  assert_output_has "No space left on device"
  run -0 --separate-stderr wolffia run --rm --security-opt seccomp="$WORLD/p.json" busybox sh -c 'trap "" USR1 USR2; kill -USR1 $$ 2>/dev/null || echo no; kill -USR2 $$ && echo yes'
  assert_output_is $'no\nyes'
  echo '{"defaultAction": "SCMP_ACT_NONE"}' >"$WORLD/p.json"
  run -125 wolffia run --rm --security-opt seccomp="$WORLD/p.json" busybox true
  assert_output_has "SCMP_ACT_NONE"
}
