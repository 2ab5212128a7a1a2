#!/usr/bin/env bats
# The monitor's control socket: a hostile client of the same user cannot crash, block or fill the monitor; others cannot come near.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

socket_of() { echo "$XDG_RUNTIME_DIR/wolffia/monitors/$(wolffia inspect -f '{{.Id}}' "$1")"; }
monitor() { wolffia inspect -f '{{.State.ConmonPid}}' "$1"; }

@test "anything that a client may say leaves the container as it is" {
  local options pid
  for options in "" "-t" "--health-cmd true"; do
    wolffia run -d $options --name c busybox sh -c 'while :; do echo line; sleep 0.01; done'
    pid=$(monitor c)
    before=$(ls "/proc/$pid/fd" | wc -l)
    timeout 60 "$BATS_TEST_DIRNAME/hostile-client.py" "$(socket_of c)" $RANDOM
    [ "$(monitor c)" = "$pid" ]
    [ "$(wolffia inspect -f '{{.State.Status}}' c)" = running ]
    wolffia exec c true
    wolffia logs --tail 1 c | grep -q line
    few() { [ "$(ls "/proc/$pid/fd" | wc -l)" -le $((before + 1)) ]; }
    eventually few || fail "descriptors: $before before; $(ls -l "/proc/$pid/fd")"
    run -0 timeout 20 wolffia stop -t 0 c
    wolffia rm c
  done
}

@test "the start of a monitor: nonsense on its first descriptor ends it, quietly" {
  local i
  for i in 1 2 3; do
    run timeout 10 python3 - "$WOLFFIA_BIN_DIR/wolffia-monitor" $i <<'P'
import os, socket, struct, subprocess, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
def place():
    os.dup2(theirs.fileno(), 3)
    os.dup2(os.open("/dev/null", os.O_RDWR), 4)
child = subprocess.Popen([sys.argv[1]], preexec_fn=place, close_fds=False)
theirs.close()
text = lambda s: struct.pack("<q", len(s)) + s
start = b"\x01\x00" + text(b"/nowhere") + text(b"/nowhere") + text(b"../../x") + struct.pack("<7q", 0, 1, 0, 0, 0, 0, 0)
ours.send({"1": b"\xff\xff\xff", "2": b"\x01\x09", "3": start}[sys.argv[2]])
answer = ours.recv(65536)
assert answer[:2] == b"\x01\x0c", answer  # Failed
sys.exit(child.wait())
P
    [ "$status" -le 1 ] || fail "$output"
  done
}

@test "the socket is the user's alone, and no path of it is followed" {
  wolffia run -d --name c busybox sleep 1000
  [ "$(stat -c %a "$(socket_of c)")" = 600 ]
  [ "$(stat -c %a "$XDG_RUNTIME_DIR/wolffia/monitors")" = 700 ]
  # Somebody else's socket in its place is not believed; the monitor binds anew once the name is free.
  local path
  path=$(socket_of c)
  rm "$path"
  echo "no socket" >"$path"
  run timeout 20 wolffia exec c true
  rm -f "$path"
  run -0 timeout 20 wolffia exec c true
  chmod 777 "$XDG_RUNTIME_DIR/wolffia/monitors"
  run -125 timeout 20 wolffia kill c
  assert_output_has "others may write to it"
  chmod 700 "$XDG_RUNTIME_DIR/wolffia/monitors"
}
