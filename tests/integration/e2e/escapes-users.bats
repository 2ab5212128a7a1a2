#!/usr/bin/env bats
# Two users on one host (tests/escapes.md). The other one is a process with a subordinate id: another host uid, no group of
# ours, no capability, in a user namespace that owns nothing of ours.
load support
load escapes

setup_file() {
  # Where everybody may go, so that only what the engine made is closed.
  OPEN=$(mktemp -d /tmp/wu.XXXXXX)  # short: a socket's path has 107 bytes
  export OPEN
  chmod 0755 "$OPEN"
  BATS_FILE_TMPDIR=$OPEN setup_hostile
  chmod 0755 "$WORLD" "$WORLD/run"
  echo open >"$WORLD/open"
}
teardown_file() { rm -rf "$OPEN"; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_outside
  assert_clean
}

# other COMMAND...: as the other user.
other() {
  unshare --user --map-root-user --map-auto setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
}

@test "the other user is another one, and sees what is open to all" {
  run -0 other cat "$WORLD/open"
  assert_output_is open
  mkdir -m 0777 "$WORLD/drop"
  other touch "$WORLD/drop/f"
  [ "$(stat -c %u "$WORLD/drop/f")" != "$(id -u)" ]
  [ "$(stat -c %u "$WORLD/drop/f")" != 0 ]
  rm -rf "$WORLD/drop"
}

@test "nothing of the store or the runtime directory can be listed, read, executed or changed" {
  image owned '{}' 'entry("setuid", open("/bin/true", "rb").read(), mode=0o4755)'
  printf hidden | wolffia secret create s - >/dev/null
  wolffia run -d --network none --name c --secret s -v v:/v "$IMAGE" sh -c 'cp /bin/busybox /own; chmod 4755 /own; cp /own /v/own; echo x >/v/f; exec sleep 1000' >/dev/null
  eventually wolffia exec c test -e /v/f
  [ "$(find "$STORE" -perm -4000 | wc -l)" -ge 1 ]  # there are some, and nobody comes near
  local path found
  for path in "$STORE" "$STORE/blobs" "$STORE/containers" "$STORE/volumes/v" "$STORE/secrets" "$XDG_RUNTIME_DIR/wolffia" "$XDG_RUNTIME_DIR/wolffia/monitors"; do
    [ -e "$path" ]
    run other sh -c 'ls "$1" || cat "$1"' sh "$path"
    [ "$status" != 0 ] || fail "$path can be listed"
    run other sh -c ': >"$1/new" || rm -rf "$1"/*' sh "$path"
    [ ! -e "$path/new" ]
  done
  found=$(find "$STORE" "$XDG_RUNTIME_DIR/wolffia" \( -type f -o -type s \) 2>/dev/null || true)
  [ "$(wc -l <<<"$found")" -gt 10 ]
  run other sh -c 'while read -r f; do cat "$f" >/dev/null 2>&1 && echo "$f can be read"; "$f" >/dev/null 2>&1 && echo "$f runs"; [ -w "$f" ] && echo "$f can be written"; done; true' <<<"$found"
  assert_output_is ""
  # Under an open umask, too.
  (umask 0; XDG_DATA_HOME=$WORLD/second XDG_RUNTIME_DIR=$WORLD/run2; mkdir -p "$XDG_RUNTIME_DIR"; export XDG_DATA_HOME XDG_RUNTIME_DIR; wolffia run --rm --network none busybox true)
  [ "$(stat -c %a "$WORLD/second/wolffia")" = 700 ]
  run other ls "$WORLD/second/wolffia"
  [ "$status" != 0 ]
  rm -rf "$WORLD/second" "$WORLD/run2"
  wolffia rm -f -t 0 c >/dev/null
  wolffia volume rm v >/dev/null
  wolffia secret rm s >/dev/null
}

@test "no container of ours can be listed, killed, traced or looked into" {
  wolffia run -d --network none --name c -e TOKEN=$CANARY busybox sleep 1000 >/dev/null
  local pid monitor socket
  pid=$(wolffia inspect -f '{{.State.Pid}}' c)
  monitor=$(wolffia inspect -f '{{.State.ConmonPid}}' c)
  socket=$(echo "$XDG_RUNTIME_DIR"/wolffia/monitors/*)
  for pid in $pid $monitor; do
    run other sh -c 'for f in environ mem root/etc/passwd cwd/. fd/0 maps; do cat /proc/$1/$f 2>/dev/null | head -c 100; ls /proc/$1/fd /proc/$1/root/ 2>/dev/null; done; true' sh "$pid"
    assert_output_is ""
    run other kill -9 "$pid"
    [ "$status" != 0 ]
    run other nsenter -t "$pid" --user --mount true
    [ "$status" != 0 ]
  done
  run other python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1])' "$socket"
  assert_output_has PermissionError
  run other env XDG_DATA_HOME="$XDG_DATA_HOME" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" "$WOLFFIA_BIN_DIR/wolffia" ps -a
  [ "$status" != 0 ]
  [[ $output != *busybox* ]]
  run other env XDG_DATA_HOME="$XDG_DATA_HOME" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" "$WOLFFIA_BIN_DIR/wolffia" kill c
  [ "$status" != 0 ]
  [ "$(wolffia inspect -f '{{.State.Status}}' c)" = running ]
}

@test "what cp takes out of a container runs as nobody else" {
  wolffia create --network none --name c busybox true >/dev/null
  cp "$(command -v busybox)" "$WORLD/tool"
  chmod 6755 "$WORLD/tool"
  wolffia cp "$WORLD/tool" c:/tool
  rm "$WORLD/tool"
  wolffia cp c:/tool "$WORLD/got"
  wolffia cp c:/. "$WORLD/all" 2>/dev/null || true
  [ -z "$(find "$WORLD/got" "$WORLD/all" -perm /6000)" ]
  rm -rf "$WORLD/got" "$WORLD/all"
}
