#!/usr/bin/env bats
# Past escapes by what an image holds (tests/escapes.md): links where the engine mounts, reads and writes, layers with names
# that lead out, devices, volumes. Also what a mount, a volume and `cp` make of such trees.
load support
load escapes

setup_file() { setup_hostile; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  wolffia volume prune -f >/dev/null
  assert_outside
  assert_clean
}

# Every container of the image IMAGE either has its masks whole, or does not start.
masked_or_refused() {
  run wolffia run --rm --network none "$@" "$IMAGE" /bin/busybox sh -c "PATH=/bin:/usr/bin:/sbin; $MASKS"
  case $status in
    0) assert_output_is whole ;;
    125) assert_output_has "Error: " ;;
    *) fail "code $status: $output" ;;
  esac
}

@test "CVE-2019-16884, CVE-2023-27561, CVE-2023-28642: /proc and /sys of the image are no way around the masks" {
  local code n=0
  while IFS= read -r code; do
    n=$((n + 1))
    image "proc$n" '{"Cmd":["true"]}' "$code"
    masked_or_refused
    masked_or_refused --storage-opt upper=fuse
    wolffia rmi -f "$IMAGE" >/dev/null
  done <<'T'
entry(".wh.proc"); link("proc", "fake"); folder("fake"); folder("fake/sys")
entry(".wh.proc"); link("proc", "sys")
entry(".wh.proc"); link("proc", "."); folder("self"); file("self/stat", "1 (x) S")
entry(".wh.proc"); link("proc", "/tmp/../proc2"); folder("proc2"); link("proc2/sys", "/tmp"); file("proc2/kcore", "k")
entry(".wh.sys"); link("sys", "/tmp")
file("proc/self/attr/exec", "x"); file("proc/kcore", "x"); link("proc/keys", "/etc/group"); link("proc/sys", "/tmp")
entry(".wh.proc"); file("proc", "a file")
T
  # The same as a root directory of the host's.
  mkdir -p "$WORLD/rootfs/bin" "$WORLD/rootfs/fake/sys"
  cp "$(command -v busybox)" "$WORLD/rootfs/bin/"
  ln -s fake "$WORLD/rootfs/proc"
  run -125 wolffia run --rm --network none --rootfs "$WORLD/rootfs" /bin/busybox true
  rm -rf "$WORLD/rootfs"
}

@test "volumes of the image and mounts of the user's do not cover /proc, /sys or the masks, by whatever name" {
  local target
  for target in /proc /proc/sys /proc/self/attr /sys /dev / /sys/fs/cgroup /proc/../proc /run/secrets; do
    image volume "{\"Volumes\":{\"$target\":{},\"/alias\":{}}}" "link('alias', '$target'); folder('fake'); file('fake/f', 'x')"
    masked_or_refused
    masked_or_refused --image-volume tmpfs
    wolffia rmi -f "$IMAGE" >/dev/null
  done
  image plain '{}' 'link("alias", "/proc"); link("deep", "/proc/self")'
  mkdir -p "$WORLD/fake/sys"
  for target in /proc/sys /proc/self /proc/self/attr /proc/1 /alias /alias/sys /deep/attr /deep /proc/kcore /proc/self/fd /proc/thread-self; do
    run -125 wolffia run --rm --network none -v "$WORLD/fake:$target" "$IMAGE" true
    run -125 wolffia run --rm --network none --tmpfs "$target" "$IMAGE" true
  done
  for target in / /.. /alias/..; do run -125 wolffia run --rm --network none -v "$WORLD/fake:$target" "$IMAGE" true; done
}

@test "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: nothing of the image's or of a volume's /dev is taken for the kernel's" {
  image dev '{}' '
entry(".wh.dev"); folder("dev")
for name in "null", "zero", "tty", "ptmx", "console": link("dev/" + name, "/proc/sysrq-trigger")
link("dev/pts", "/proc/sys"); link("dev/shm", "/proc"); link("dev/fd", "/proc/sys")'
  masked_or_refused
  [ "$status" = 0 ]
  run -0 wolffia run --rm --network none "$IMAGE" sh -c 'stat -c %t:%T /dev/null /dev/zero /dev/full; echo x >/dev/null'
  assert_output_is $'1:3\n1:5\n1:7'
  image devlink '{}' 'entry(".wh.dev"); link("dev", "/proc/sys/kernel")'
  masked_or_refused
  # A directory of the user's as /dev, prepared by whoever else writes to it.
  mkdir -p "$WORLD/dev"
  local name
  for name in null zero tty ptmx console pts/ptmx; do mkdir -p "$(dirname "$WORLD/dev/$name")"; ln -sfn /proc/sysrq-trigger "$WORLD/dev/$name"; done
  image plain '{}' ''
  masked_or_refused -v "$WORLD/dev:/dev"
  run "$BATS_TEST_DIRNAME/pty.py" "expect Error" wolffia run --rm -t --network none -v "$WORLD/dev:/dev" "$IMAGE" echo started
  [[ $output != *started* ]] || fail "$output"
  # Parameters of the kernel are written to the kernel's own files only.
  mkdir -p "$WORLD/sys/net/ipv4"
  touch "$WORLD/sys/net/ipv4/ip_forward"
  image fakeproc '{}' 'entry(".wh.proc"); link("proc", "/fake"); folder("fake/sys/net/ipv4"); file("fake/sys/net/ipv4/ip_forward")'
  run -125 wolffia run --rm --network none --sysctl net.ipv4.ip_forward=1 "$IMAGE" true
  run -125 wolffia run --rm --network none --sysctl net.ipv4.ip_forward=1 -v "$WORLD/sys:/proc/sys" busybox true
  run -125 wolffia run --rm --network none --sysctl net.ipv4.../../kernel/core_pattern=x busybox true
  [ ! -s "$WORLD/sys/net/ipv4/ip_forward" ]
}

@test "CVE-2024-9676 and its like: users are looked up in the image's own files, not where its links lead on the host" {
  local up=../../../../../../../../../../../.. place
  for place in "$OUTSIDE" "$up$OUTSIDE" "/proc/self/root$OUTSIDE" "/proc/1/root$OUTSIDE"; do
    image passwd '{}' "
entry('etc/.wh.passwd'); entry('etc/.wh.group'); link('etc/passwd', '$place/passwd'); link('etc/group', '$place/group')"
    run -125 wolffia run --rm --network none --user victim "$IMAGE" id
    assert_output_has "unable to find user victim"
    run -125 wolffia run --rm --network none --user 0:victims "$IMAGE" id
    run wolffia run --rm --network none --user 4711 "$IMAGE" cat /etc/passwd  # with an entry of the engine's
    [[ $status = 0 || $status = 125 ]]
    assert_outside
    wolffia run -d --network none --name c "$IMAGE" sleep 1000
    run -125 wolffia exec --user victim c id
    run wolffia top c user group args
    assert_outside
    wolffia rm -f -t 0 c
  done
  image etc '{"User":"victim"}' "entry('.wh.etc'); link('etc', '$OUTSIDE')"
  run -125 wolffia run --rm --network none "$IMAGE" id
  assert_outside
  mkdir -p "$WORLD/rootfs/bin" "$WORLD/rootfs/etc"
  cp "$(command -v busybox)" "$WORLD/rootfs/bin/"
  ln -s "$OUTSIDE/passwd" "$WORLD/rootfs/etc/passwd"
  run -125 wolffia run --rm --network none --user victim --rootfs "$WORLD/rootfs" /bin/busybox id
  rm -rf "$WORLD/rootfs"
  # Files that never end, or that wait for a writer: of the image, and of a container that runs.
  for place in 'link("etc/passwd", "/dev/zero")' 'device("etc/passwd", "p", 0, 0)' 'folder("etc/passwd")'; do
    image odd '{}' "entry('etc/.wh.passwd'); $place"
    run timeout 60 wolffia run --rm --network none --user victim "$IMAGE" id
    assert_status 125
  done
  wolffia run -d --network none --name c busybox sleep 1000
  for place in 'ln -s /dev/zero' 'mkfifo' 'mkdir' "ln -s $OUTSIDE/passwd"; do
    wolffia exec c sh -c "rm -rf /etc/passwd; $place /etc/passwd"
    run timeout 60 wolffia exec --user victim c id
    assert_status 125
    run timeout 60 wolffia top c user
    assert_status 0
  done
}

@test "CVE-2024-9341, CVE-2024-9675: what the engine makes in a tree is made in that tree" {
  local place up=../../../../../../../../../..
  for place in "$OUTSIDE" "$up$OUTSIDE" "/proc/1/root$OUTSIDE" "/proc/self/cwd/$up$OUTSIDE"; do
    # Files that are bound: hosts, resolv.conf, hostname, .containerenv; the working directory; mount points; secrets.
    image made "{\"WorkingDir\":\"/to/work/dir\"}" "
entry('etc/.wh..wh..opq')
for name in 'hosts', 'hostname', 'resolv.conf', 'mtab', 'localtime': link('etc/' + name, '$place/new-' + name)
link('to', '$place'); entry('.wh.run'); link('run', '$place/run')"
    printf secret | wolffia secret create s - >/dev/null
    run wolffia run --rm --network none --tz UTC --secret s --secret s,target=/to/secret -v "$WORLD/fake:/to/empty/mount" --tmpfs /to/tmpfs "$IMAGE" \
      sh -c 'ls -A /to/work; echo inside'
    [[ $status = 0 || $output == *"Error: "* ]] || fail "code $status: $output"
    assert_outside
    wolffia secret rm s >/dev/null
  done
  # What is there outside, too, is still looked for inside: what is mounted or made shows in the container.
  mkdir -p "$WORLD/fake"
  echo mounted >"$WORLD/fake/f"
  for place in "$OUTSIDE" "$up$OUTSIDE"; do
    image there '{"WorkingDir":"/to/folder"}' "
entry('etc/.wh.hosts'); link('etc/hosts', '$place/canary'); link('to', '$place'); link('file', '$place/passwd')"
    run -0 wolffia run --rm --network none -v "$WORLD/fake:/to/empty" -v "$WORLD/fake/f:/file" "$IMAGE" \
      sh -c 'pwd -P; grep -c localhost /etc/hosts; cat /to/empty/f /file; ls -A'
    [ "${lines[0]}" = "$OUTSIDE/folder" ]
    [ "${lines[1]}" -ge 1 ]
    [ "${lines[*]:2}" = "mounted mounted" ] || fail "$output"
    assert_outside
  done
}

@test "a volume of the image over the place of secrets does not get them on the disk" {
  image alias '{"Volumes":{"/alias":{}}}' 'link("alias", "/run/secrets")'
  printf %s "$CANARY" | wolffia secret create s - >/dev/null
  local options
  for options in "" ",target=/bound" ",target=other/name"; do
    run wolffia run --network none --name c --secret "s$options" "$IMAGE" sh -c 'true'
    ! grep -rq "$CANARY" "$STORE/volumes" || fail "the secret lies in a volume"
    wolffia rm -f c >/dev/null
  done
  wolffia secret rm s >/dev/null
}

@test "CVE-2024-1753, CVE-2024-9407: sources and options of mounts do not leave what they name" {
  image source '{}' "link('out', '$OUTSIDE'); folder('data'); link('data/out', '$OUTSIDE/canary'); link('data/up', '../../../../../../../../..$OUTSIDE')"
  run -0 wolffia run --rm --network none --mount "type=image,source=$IMAGE,target=/image" busybox sh -c \
    'cat /image/out/canary /image/data/out /image/data/up/canary 2>/dev/null; echo end'
  assert_output_is end
  local bad
  for bad in "type=image,source=$IMAGE,target=/x,subpath=out" "type=volume,source=../../../escape,target=/x" \
    "type=volume,source=v,target=/x,subpath=../.." "type=bind,source=$OUTSIDE/folder/../nothing,target=/x" \
    "type=tmpfs,target=/x,lowerdir=$OUTSIDE" "type=overlay,source=$OUTSIDE,target=/x"; do
    run -125 wolffia run --rm --network none --mount "$bad" busybox true
  done
  for bad in "$OUTSIDE:/x:O,upperdir=$OUTSIDE/empty,workdir=$OUTSIDE/folder" "$OUTSIDE:/x:lowerdir=/" "$OUTSIDE:/x:bind,source=/" "../v:/x:foo"; do
    run -125 wolffia run --rm --network none -v "$bad" busybox true
  done
  for bad in ../v . .. a/b "$(printf %0300d 0)"; do run -125 wolffia volume create "$bad"; done
}

@test "volumes are filled from the image alone" {
  image fill '{"Volumes":{"/link":{}}}' "
link('link', '$OUTSIDE'); folder('data'); link('data/abs', '$OUTSIDE/canary'); link('data/up', '../../../../../../..$OUTSIDE')
file('data/f', 'own'); hard('data/second', 'data/f'); link('to-data', 'data')"
  run -0 wolffia run --rm --network none -v v1:/data -v v2:/to-data -v v3:/link -v v4:/data/up "$IMAGE" sh -c 'cat /data/abs /data/up/canary /link/canary 2>/dev/null; ls /data'
  assert_outside -r "$STORE/volumes"
  run -0 find "$STORE/volumes" -name f
  [ "$(wc -l <<<"$output")" -ge 1 ]
  [ "$(find "$STORE/volumes" -lname "$OUTSIDE/canary" | wc -l)" -ge 1 ]  # the link itself, as a link
  wolffia volume rm v1 v2 v3 v4 >/dev/null
}

@test "Zip Slip: no name in a layer leads out, in the store, by cp or by export" {
  local code
  for code in "file('../../../../../../../..$OUTSIDE/new')" "file('a/../../../../../../../../../..$OUTSIDE/new')" "entry('../.wh.canary')" \
      "hard('stolen', '../../../../../../../../..$OUTSIDE/canary')" "hard('stolen', '$OUTSIDE/canary')" "folder('..')" "file('..')"; do
    run image slip '{}' "$code"
    if [ "$status" = 0 ]; then
      image slip '{}' "$code"
      run wolffia run --rm --network none "$IMAGE" cat /stolen
      [ "$status" != 0 ]
      wolffia rmi -f "$IMAGE" >/dev/null
    fi
    assert_outside
  done
  # Through links that the layers themselves have made, and names that are absolute.
  image through '{}' "link('a', '$OUTSIDE'); link('b', '../../../../../../../..$OUTSIDE')" \
    "file('a/new', 'x'); entry('b/.wh.canary'); entry('b/.wh..wh..opq'); file('$OUTSIDE/absolute', 'inside'); hard('own', 'a/new')"
  run -0 wolffia run --rm --network none "$IMAGE" sh -c "cat $OUTSIDE/absolute; cat a/new own"
  assert_output_is insidexx
  assert_outside
  wolffia create --network none --name c "$IMAGE" true
  mkdir -p "$WORLD/got"
  wolffia cp c:/. "$WORLD/got" || true
  assert_outside
  wolffia export -o "$WORLD/export.tar" c
  run -0 python3 -c 'import sys, tarfile; print([m.name for m in tarfile.open(sys.argv[1]) if m.name.startswith("/") or ".." in m.name.split("/")])' "$WORLD/export.tar"
  assert_output_is "[]"
  # A tar that is copied in, and one that a hostile tree becomes on the way out, over links that lie there already.
  layer "$WORLD/evil.tar" "link('l', '$OUTSIDE'); file('l/new', 'x'); hard('h', 'l/canary'); file('../../../../../../../..$OUTSIDE/new')"
  run wolffia cp - c:/ <"$WORLD/evil.tar"
  assert_outside
  rm -rf "$WORLD/got"
  mkdir -p "$WORLD/got"
  ln -s "$OUTSIDE" "$WORLD/got/etc"
  run wolffia cp c:/etc "$WORLD/got"
  [ "$status" != 0 ] || [ ! -L "$WORLD/got/etc" ]
  assert_outside
  chmod -R u+rwX "$WORLD/got"
  rm -rf "$WORLD/got"
}

@test "CVE-2019-14271: cp, export, diff, top and exec load nothing of the container's" {
  image library '{}' "
for folder in 'lib', 'lib64', 'usr/lib', 'lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu', 'usr/lib/aarch64-linux-gnu':
  for name in 'libnss_files.so.2', 'libnss_compat.so.2', 'libnss_evil.so.2', 'libnss_dns.so.2', 'libgcc_s.so.1', 'libc.so.6', 'gconv/UTF-16.so':
    program(folder + '/' + name, '$WOLFFIA_HOSTILE_DIR/library.so')
  file(folder + '/gconv/gconv-modules', 'module UTF-16// INTERNAL UTF-16 1\n')
file('etc/nsswitch.conf', 'passwd: evil\ngroup: evil\nhosts: evil\n'); file('etc/ld.so.preload', '/lib/libnss_evil.so.2\n')"
  wolffia run -d --network none --name c "$IMAGE" sleep 1000
  echo x >"$WORLD/f"
  wolffia cp "$WORLD/f" c:/f
  wolffia cp -a=false "$WORLD/f" c:/g
  wolffia cp c:/etc/group "$WORLD/got"
  wolffia export -o "$WORLD/export.tar" c
  wolffia diff c >/dev/null
  wolffia top c user group args >/dev/null
  wolffia exec --user daemon c true
  run -0 wolffia exec c sh -c 'ls /loaded 2>&1; ls -l /lib/libnss_evil.so.2 | wc -l'
  assert_output_has "No such file"
}

@test "devices of an image are files that nobody can open" {
  image nodes '{}' 'device("mem", "c", 1, 1); device("disk", "b", 8, 0); device("kmsg", "c", 1, 11); device("fuse", "c", 10, 229); device("null0", "c", 1, 3)'
  local upper
  for upper in kernel fuse; do
    run -0 wolffia run --rm --network none --storage-opt upper=$upper --cap-add MKNOD "$IMAGE" sh -c '
      for f in /mem /disk /kmsg /fuse /null0; do (: <$f) 2>/dev/null && echo "$f opens"; done
      mknod /made c 1 1 2>/dev/null && (: </made) 2>/dev/null && echo "one was made"; true'
    assert_output_is ""
  done
}
