#!/usr/bin/env bats
# --security-opt landlock: what a policy forbids is refused inside, by the kernel, to the container's process
# and to those of exec.
load support

landlock_version() {
  python3 -c 'import ctypes; print(max(0, ctypes.CDLL(None).syscall(444, None, 0, 1)))'
}
setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm busybox true
  LANDLOCK=$(landlock_version)
  export LANDLOCK
}
setup() { [ "$LANDLOCK" -ge 6 ] || skip "this kernel has version $LANDLOCK of Landlock"; }
teardown() {
  wolffia rm --all --force >/dev/null
  assert_clean
}
# policy TEXT: a policy file; its path in $POLICY.
policy() {
  POLICY=$BATS_TEST_TMPDIR/policy.toml
  printf '%s\n' "$@" >"$POLICY"
}
confined() { wolffia run --rm --security-opt "landlock=$POLICY" "$@"; }

@test "reading, writing and executing are refused outside of the lists, and work inside" {
  policy 'read = ["/etc", "/dev"]' 'write = ["/tmp", "/dev"]' 'exec = ["/bin"]'
  run -0 --separate-stderr confined busybox sh -c 'echo x >/tmp/f && cat /tmp/f && head -c 5 /etc/passwd && ls /etc >/dev/null && echo; id >/dev/null && echo ran'
  assert_output_is $'x\nroot:\nran'
  run -1 confined busybox cat /proc/version
  assert_output_has "Permission denied"
  run -1 confined busybox ls /
  assert_output_has "Permission denied"
  run -1 confined busybox sh -c 'echo x >/etc/f'
  assert_output_has "Permission denied"
  run -1 confined busybox sh -c ': >/tmp/f; mv /tmp/f /etc/f'
  run -126 confined busybox sh -c 'cp /bin/busybox /tmp/sh; exec /tmp/sh -c true'
  assert_output_has "Permission denied"
}

@test "a list that is missing restricts nothing" {
  policy 'write = ["/tmp", "/dev"]'
  run -0 --separate-stderr confined busybox sh -c 'head -c 1 /proc/version >/tmp/v; mkdir /tmp/d; mv /tmp/v /tmp/d/; cp /bin/busybox /tmp/busybox; /tmp/busybox cat /tmp/d/v'
  assert_output_is L
  policy 'exec = ["/bin"]'
  run -0 confined busybox sh -c 'mkdir /a /b && : >/a/f && mv /a/f /b/f && rm /b/f'
}

@test "TCP ports that are not named are neither bound nor connected to" {
  policy 'bind-tcp = [8080]' 'connect-tcp = [8080]'
  run -0 --separate-stderr confined --network none busybox sh -c '
    (echo hello; sleep 10) | nc -l -p 8080 &
    for i in $(seq 50); do got=$(sleep 1 | nc 127.0.0.1 8080 | head -n 1); [ -z "$got" ] || { echo "$got"; break; }; done'
  assert_output_is hello
  run -1 confined --network none busybox sh -c 'nc -l -p 8081'
  assert_output_has "Permission denied"
  run -1 confined --network none busybox sh -c 'nc 127.0.0.1 8081'
  assert_output_has "Permission denied"
}

@test "the scope of signals: a container among the host's or another's processes reaches its own only" {
  wolffia run -d --name target busybox sleep 1000
  policy 'scope = ["signal"]'
  run -0 --separate-stderr confined --pid container:target busybox sh -c '
    kill -0 1 2>/dev/null && echo reached; sleep 100 & kill $! && echo own'
  assert_output_is own
  run -0 --separate-stderr wolffia run --rm --security-opt landlock=default --pid container:target busybox sh -c '
    kill -0 1 2>/dev/null && echo reached; echo done'
  assert_output_is done
}

@test "exec is under the same policy, whoever its user is" {
  policy 'write = ["/tmp", "/dev"]'
  wolffia run -d --name sealed --user 1000:1000 --security-opt "landlock=$POLICY" busybox sleep 1000
  run -1 wolffia exec sealed sh -c 'echo x >/var/tmp/f'
  assert_output_has "Permission denied"
  run -1 wolffia exec --user 0 sealed sh -c 'echo x >/etc/f'
  assert_output_has "Permission denied"
  run -1 wolffia exec --privileged --user 0 sealed sh -c 'echo x >/etc/f'
  assert_output_has "Permission denied"
  run -0 wolffia exec --user 0 sealed sh -c 'echo x >/tmp/f'
}

@test "inspect shows the policy, and it holds again after a restart" {
  policy 'write = ["/dev", "-/nowhere"]' 'connect-tcp = []'
  wolffia create --name kept --security-opt "landlock=$POLICY" busybox sh -c 'echo x >/tmp/f'
  run -0 --separate-stderr wolffia inspect -f '{{json .HostConfig.SecurityOpt}}' kept
  assert_output_is "[\"landlock=$POLICY\"]"
  run -0 --separate-stderr wolffia inspect -f '{{index .Config.Annotations "org.wolffia.landlock"}}' kept
  assert_output_has '"connect-tcp":[]'
  assert_output_has '"write":["/dev","-/nowhere"]'
  rm "$POLICY"
  for i in 1 2; do
    run -1 wolffia start -a kept
    assert_output_has "can't create /tmp/f: Permission denied"
  done
}

@test "with no-new-privileges, an init, a terminal and another user" {
  policy 'read = ["/etc"]' 'write = ["/dev", "/tmp"]' 'exec = ["/bin"]'
  run -1 confined --security-opt no-new-privileges --init --user 1000 busybox sh -c 'echo x >/tmp/f && cat /tmp/f /proc/version'
  assert_output_has $'x\n'
  assert_output_has "Permission denied"
}

@test "the built-in policy: programs stay as they are, data can be written, mounts are the user's word" {
  mkdir -p "$WORLD/mnt"
  run -0 --separate-stderr wolffia run --rm --security-opt landlock=default -v "$WORLD/mnt:/opted" -w /work/here busybox sh -c '
    for d in /tmp /var /root /opted /work/here /dev/shm; do mkdir -p $d && touch $d/f || echo no $d; done
    for d in /bin /etc /usr; do touch $d/f 2>/dev/null && echo yes $d; done
    cat /proc/version >/dev/null && echo read; mount -t tmpfs x /tmp 2>/dev/null || echo no mount'
  assert_output_is $'read\nno mount'
  [ -e "$WORLD/mnt/f" ]
}

@test "what is wrong with a policy is said before anything is made" {
  policy 'read = ["/etc"]' 'wirte = []'
  run -125 confined busybox true
  assert_output_has "policy.toml:2:1: wirte: unknown key"
  policy 'best-effort = true'
  run -125 confined busybox true
  assert_output_has "restricts nothing"
  run -125 wolffia run --rm --security-opt landlock=/no/such busybox true
  assert_output_has "No such file"
  policy 'exec = ["/bin", "/no/such"]'
  run -125 confined busybox true
  assert_output_has "the container has no /no/such"
  policy 'exec = ["/etc"]'
  run -126 confined busybox true
  assert_output_has "Landlock policy"
  run -125 wolffia run --rm --security-opt landlock= busybox true
  assert_output_has "landlock=FILE"
  [ -z "$(wolffia ps -aq)" ]
}

is_confined() { grep -q $'^NoNewPrivs:\t1$' "/proc/$1/status"; }

@test "what reads foreign bytes has confined itself before it reads the first" {
  mkfifo "$WORLD/pipe"
  wolffia import "$WORLD/pipe" foreign 3>&- 2>/dev/null >&2 &
  eventually is_confined $!
  echo garbage >"$WORLD/pipe"
  local code=0
  wait $! || code=$?
  [ $code = 125 ]
}

@test "the threads that serve a container's root are confined too, and its writes go on" {
  local upper monitor
  for upper in fuse kernel memory; do
    wolffia run -d --name served-$upper --network none --storage-opt upper=$upper busybox sleep 1000
    monitor=$(wolffia inspect -f '{{.State.ConmonPid}}' served-$upper)
    # Nothing but entering a ruleset sets it.
    run -0 awk -v main="$monitor" '/^Pid:/ {own = $2 != main} own && /^NoNewPrivs:/ {print $2}' /proc/"$monitor"/task/*/status
    [ -n "$output" ] && [ -z "${output//[1$'\n']/}" ] || fail "$upper: $output"
    run -0 wolffia exec served-$upper sh -c 'mkdir -p /a/b && echo x >/a/f && mv /a/f /a/b/ && ln /a/b/f /bin/g && mkfifo /p && : >/etc/passwd && cat /bin/g'
    assert_output_is x
  done
}
