# What the escapes*.bats files share: hostile images, and what lies outside of every container, which nothing inside may
# read, change or add to. Root inside is the user who owns it: no permission protects it, only the engine does.

: "${WOLFFIA_HOSTILE_DIR:?the folder of the hostile programs}"
CANARY=canary-71c9e2

# outside_state: all that can be seen of OUTSIDE, what is in its files included.
outside_state() {
  (cd "$OUTSIDE" && find . -printf '%P %y %#m %U:%G %T@ %s %n %l\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# A store, what lies outside, and the lowest layer of hostile images: busybox and the hostile programs.
setup_hostile() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  export OUTSIDE=$HOME/outside
  mkdir -p "$OUTSIDE/folder" "$OUTSIDE/empty"
  echo "$CANARY" >"$OUTSIDE/canary"
  echo "$CANARY in the folder" >"$OUTSIDE/folder/canary"
  printf 'victim:x:4711:4711:%s:/:/bin/sh\n' "$CANARY" >"$OUTSIDE/passwd"
  printf 'victims:x:4712:\n' >"$OUTSIDE/group"
  outside_state >"$WORLD/outside.state"
  wolffia run --rm busybox true
  mkdir "$WORLD/base"
  tar -C "$WORLD/base" -xf "$WOLFFIA_BIN_DIR/../share/wolffia/busybox.tar"
  gzip -dc "$(find "$WORLD/base/blobs" -type f -size +200k)" >"$WORLD/base.tar"
  layer "$WORLD/programs.tar" "
for name in 'steal', 'swap', 'terminal', 'watch': program(name, '$WOLFFIA_HOSTILE_DIR/' + name)"
}
layer() { "$SOURCE_DIR/tests/hostile/layer" "$@"; }

# image NAME CONFIG CODE...: an image of the base and of a layer for each CODE (tests/hostile/layer); IMAGE is its id.
# Fails as the pull does.
image() {
  local name=$1 config=$2 layers=("$WORLD/base.tar" "$WORLD/programs.tar") n=0 code
  shift 2
  for code in "$@"; do
    layer "$WORLD/$name.$n.tar" "$code" || return
    layers+=("$WORLD/$name.$n.tar")
    n=$((n + 1))
  done
  rm -rf "${WORLD:?}/$name"
  COMPRESS=none "$SOURCE_DIR/scripts/oci-layout" "$WORLD/$name" "$config" "${layers[@]}"
  IMAGE=$(wolffia pull -q "oci:$WORLD/$name:latest")
}

# Nothing outside was changed; `run`'s last output, and the FILES, have nothing of what lies there.
assert_outside() {
  diff "$WORLD/outside.state" <(outside_state) || fail "what lies outside was changed"
  [[ ${output:-} != *"$CANARY"* ]] || fail "what lies outside was read: $output"
  [ $# = 0 ] || ! grep -rl -- "$CANARY" "$@" || fail "what lies outside was read"
}

# Shell words for the inside: prints what is wrong with the masks, "whole" if nothing is. Everything that exists of the
# paths must be the kernel's own file system with an empty, read-only or null thing on it.
MASKS='
for p in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi \
    /proc/timer_list /sys/dev/block /sys/devices/virtual/powercap /sys/firmware /sys/fs/selinux; do
  [ -e $p ] || continue
  grep -q " $p " /proc/self/mountinfo || echo "$p is not masked"
  if [ -d $p ]; then [ -z "$(ls -A $p)" ] || echo "$p has something"
  else [ "$(stat -c %t:%T $p)" = 1:3 ] || echo "$p is not null"; fi
done
for p in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger; do
  [ -e $p ] || continue
  grep " $p " /proc/self/mountinfo | cut -d" " -f6 | grep -q ^ro || echo "$p can be written"
done
[ "$(stat -f -c %T /proc)" = proc ] || echo "/proc is no procfs"
[ -e /proc/self/stat ] || echo "/proc is empty"
echo whole'
assert_masked() {  # assert_masked RUN-ARGUMENT...: a container of these has its masks whole
  run wolffia run --rm "$@" sh -c "$MASKS"
  assert_status 0
  assert_output_is whole
}
