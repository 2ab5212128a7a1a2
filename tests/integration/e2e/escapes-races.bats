#!/usr/bin/env bats
# Past escapes by a race (tests/escapes.md): a process in a container exchanges a directory for a link that names a place of
# the host, for ever, while the engine starts, copies, executes, lists and removes. Nothing outside is read or written.
load support
load escapes

setup_file() { setup_hostile; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  wolffia volume prune -f >/dev/null
  assert_outside
  assert_clean
}

# swapper RUN-ARGUMENT...: container c, where /t/d is a directory one moment and a link to OUTSIDE the next, and /t/f a
# file with "own" or a link to the canary. The directory has what lies outside, under the same names: all of it says "own".
swapper() {
  image swap '{}' ''
  wolffia run -d --network none --name c "$@" "$IMAGE" sh -c "
    mkdir -p /t/d/folder; for f in canary folder/canary passwd group; do echo own >/t/d/\$f; done; mkdir /t/d/empty
    ln -s $OUTSIDE /t/link; echo own >/t/f; ln -s $OUTSIDE/canary /t/flink
    exec /swap /t/d /t/link /t/f /t/flink" >/dev/null
  eventually wolffia exec c test -L /t/d
  eventually wolffia exec c test ! -L /t/d
}

@test "CVE-2018-15664, CVE-2019-10152: cp in both directions, export and diff" {
  local upper i
  echo new >"$WORLD/new"
  for upper in kernel fuse; do
    swapper --storage-opt upper=$upper
    for i in $(seq 12); do
      wolffia cp "$WORLD/new" c:/t/d/new 2>/dev/null || true
      wolffia cp "$WORLD/new" c:/t/f 2>/dev/null || true
      rm -rf "$WORLD/got"
      mkdir "$WORLD/got"
      wolffia cp c:/t/d/canary "$WORLD/got/" 2>/dev/null || true
      wolffia cp c:/t/d/. "$WORLD/got/d" 2>/dev/null || true
      wolffia cp c:/t/f "$WORLD/got/f" 2>/dev/null || true
      wolffia cp c:/t "$WORLD/got/t" 2>/dev/null || true
      assert_outside -r "$WORLD/got"
    done
    for i in 1 2 3; do
      wolffia export c >"$WORLD/export.tar" 2>/dev/null || true
      wolffia diff c >/dev/null 2>&1 || true
      wolffia ps -s >/dev/null
      assert_outside "$WORLD/export.tar"
    done
    wolffia rm -f -t 0 c >/dev/null
    rm -rf "$WORLD/got" "$WORLD/export.tar"
  done
}

@test "exec: working directories and user files that are exchanged" {
  image swap '{}' ''
  wolffia run -d --network none --name c "$IMAGE" sh -c "
    mkdir -p /t/d; ln -s /proc/self/fd/9 /t/link; cp /etc/passwd /etc/kept; ln -s ../../../../../..$OUTSIDE/passwd /etc/other
    exec /swap /t/d /t/link /etc/passwd /etc/other" >/dev/null
  local i
  exec 17<"$OUTSIDE"
  for i in $(seq 30); do
    run wolffia exec -w /t/d c sh -c 'cat canary ../canary 2>/dev/null; pwd -P'
    [[ $status != 0 || $output == /t/* ]] || fail "$output"
    run wolffia exec --user victim c id
    [ "$status" != 0 ] || fail "$output"
  done
  exec 17<&-
}

@test "CVE-2021-30465, CVE-2024-45310, CVE-2025-31133: mounts into a volume whose paths another container exchanges" {
  mkdir -p "$WORLD/mounted"
  echo mounted >"$WORLD/mounted/f"
  local i
  swapper -v shared:/t
  for i in $(seq 25); do
    # Mount points below the exchanged directory: there, missing, and a file.
    run timeout 60 wolffia run --rm --network none -v shared:/t -v "$WORLD/mounted:/t/d/empty" -v "$WORLD/mounted:/t/d/new/dir" \
      -v "$WORLD/mounted/f:/t/d/new/file" --tmpfs /t/d/tmpfs -w /t/d/work/dir busybox sh -c "$MASKS"
    [[ ( $status = 0 && $output = whole ) || $status = 125 || $status = 126 ]] || fail "code $status: $output"
  done
  assert_outside
  ! grep -q "$OUTSIDE" /proc/self/mountinfo
}

@test "CVE-2025-52565, CVE-2025-52881: /dev, /proc and their like in such a volume" {
  swapper -v shared:/t
  wolffia exec c sh -c 'cd /t; mkdir -p dev/pts proc/sys; ln -s /proc/sys/kernel plink; ln -s /proc/1 dlink'
  mkdir -p "$WORLD/mounted"
  wolffia exec -d c /swap /t/dev /t/dlink /t/proc /t/plink
  image at '{}' 'entry(".wh.dev"); link("dev", "/t/dev")'
  local i
  for i in $(seq 15); do
    run timeout 60 wolffia run --rm --network none -v shared:/t --sysctl net.ipv4.ip_forward=1 "$IMAGE" sh -c "$MASKS"
    [[ ( $status = 0 && $output = whole ) || $status = 125 ]] || fail "code $status: $output"
    run timeout 60 wolffia run --rm --network none -v shared:/t -v "$WORLD/mounted:/t/proc/sys" -v "$WORLD/mounted:/t/dev/pts" busybox sh -c "$MASKS"
    [[ ( $status = 0 && $output = whole ) || $status = 125 ]] || fail "code $status: $output"
  done
}

@test "start, stop and rm of a container that exchanges its own paths up to its end" {
  image swap '{}' ''
  mkdir -p "$WORLD/mounted"
  local i upper
  for upper in kernel fuse; do
    wolffia create --network none --name c --storage-opt upper=$upper -v "$WORLD/mounted:/t/d/mounted" -w /t/d/work "$IMAGE" \
      sh -c "ln -sfn $OUTSIDE /x; ln -sfn $OUTSIDE /t/out; mkdir -p /y; for p in /etc /root /home; do ln -sfn $OUTSIDE \$p.link; done
             exec /swap /x /y /etc /etc.link /root /root.link /home /home.link" >/dev/null
    for i in $(seq 8); do
      wolffia start c >/dev/null 2>&1 || true
      wolffia exec c true 2>/dev/null || true
      wolffia top c >/dev/null 2>&1 || true
      wolffia cp c:/etc/group "$WORLD/got" 2>/dev/null || true
      wolffia stop -t 0 c >/dev/null 2>&1 || true
      wolffia diff c >/dev/null 2>&1 || true
    done
    wolffia rm -f -t 0 c >/dev/null
    assert_outside
  done
}

@test "a volume is removed, and its container with it, while paths in it are exchanged" {
  local i
  for i in 1 2 3; do
    swapper -v gone:/t
    run wolffia volume rm gone
    [ "$status" != 0 ]
    wolffia rm -f -t 0 c >/dev/null
    run -0 wolffia volume rm gone
    assert_outside
  done
}
