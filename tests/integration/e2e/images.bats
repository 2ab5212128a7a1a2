#!/usr/bin/env bats
# Images made by other builders show the same tree here as there; archives, tags, removal.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  export PEER=$WORLD/peer
  mkdir -p "$PEER"
  # buildah and podman as an ordinary user: their own store, no cgroups, runc (crun refuses hybrid hosts).
  cat >"$WORLD/storage.conf" <<S
[storage]
driver = "vfs"
runroot = "$PEER/run"
graphroot = "$PEER/root"
S
  export CONTAINERS_STORAGE_CONF=$WORLD/storage.conf
  export BUILDAH_ISOLATION=chroot
  unset CONTAINERS_REGISTRIES_CONF
  make_layers "$WORLD/image"
}
teardown_file() { buildah unshare rm -rf "$PEER" "$XDG_DATA_HOME/containers"; }
teardown() { assert_clean; }

# An image of four layers with everything that layers can do to each other, as buildah writes it.
make_layers() {
  buildah unshare bash -ec '
    work=$1 source=$2
    c=$(buildah from scratch); m=$(buildah mount $c)
    mkdir -p $m/{bin,etc,opaque/deep,gone,kept,links,dev,proc,sys,run,tmp}; cp '"$(command -v busybox)"' $m/bin/busybox; ln -s busybox $m/bin/sh
    touch $m/etc/{hosts,hostname,resolv.conf}  # the mounts of a run need not make them
    chmod 1777 $m/tmp; echo one >$m/opaque/deep/a; echo two >$m/opaque/b; echo x >$m/gone/f; echo k >$m/kept/k; echo r >$m/replaced
    echo shared >$m/links/a; ln $m/links/a $m/links/b; ln $m/links/a $m/links/c; chown 3:4 $m/kept/k; chmod 4755 $m/links/a
    cp $m/bin/busybox $m/bin/ping; setcap cap_net_raw+ep $m/bin/ping; setfattr -n user.note -v hello $m/kept/k; mkfifo $m/kept/fifo
    truncate -s 5M $m/sparse; printf end >>$m/sparse; ln -s /nowhere $m/dangling; touch -d 2001-02-03 $m/kept/old
    mkdir -p "$m/odd/$(printf "new\nline")" "$m/odd/$(printf "\\377\\376")" "$m/odd/ü"
    buildah umount $c >/dev/null; buildah commit -q $c layered:1 >/dev/null; buildah rm $c >/dev/null
    c=$(buildah from --pull-never layered:1); m=$(buildah mount $c)
    rm -rf $m/opaque; mkdir $m/opaque; echo new >$m/opaque/new; rm -rf $m/gone; rm $m/links/b; rm $m/replaced; mkdir $m/replaced; echo d >$m/replaced/d
    chmod 0700 $m/kept; chown 65534:65534 $m/kept
    buildah umount $c >/dev/null; buildah commit -q $c layered:2 >/dev/null; buildah rm $c >/dev/null
    c=$(buildah from --pull-never layered:2); m=$(buildah mount $c)
    mkdir $m/gone; echo back >$m/gone/again; rm -rf $m/replaced; ln -s kept $m/replaced; echo more >>$m/links/c; touch -h -d 2010-10-10 $m/dangling
    buildah umount $c >/dev/null; buildah commit -q $c layered:3 >/dev/null; buildah rm $c >/dev/null
    buildah push -q layered:3 oci:$work:latest' - "$1" "$SOURCE_DIR"
}

@test "a layered image with whiteouts and opaque directories is the tree that buildah shows" {
  run -0 wolffia pull -q "oci:$WORLD/image:latest"
  id=$output
  buildah unshare bash -ec 'c=$(buildah from --pull-never layered:3); m=$(buildah mount $c); python3 "$1" $m; buildah rm $c >/dev/null' - \
    "$BATS_TEST_DIRNAME/tree-list.py" >"$WORLD/theirs"
  wolffia_tree "$id" >"$WORLD/ours"
  [ "$(wc -l <"$WORLD/theirs")" -gt 20 ]
  diff "$WORLD/theirs" "$WORLD/ours"
}

# Our view without python in the image: the host's python in a namespace of the container, through /proc/PID/root.
wolffia_tree() {
  wolffia run --name tree "$1" /bin/busybox sleep 1000 >/dev/null 2>&1 3>&- &
  local pid
  # Before its command is executed nobody may look at it.
  runs() { pid=$(wolffia inspect --format '{{.State.Pid}}' tree 2>/dev/null) && readlink "/proc/$pid/ns/user" >/dev/null; }
  eventually runs
  local code=0
  nsenter --user --preserve-credentials -t "$pid" python3 "$BATS_TEST_DIRNAME/tree-list.py" "/proc/$pid/root" || code=$?
  kill -9 "$pid"
  wait
  wolffia rm tree >/dev/null
  return $code
}

@test "an image by umoci, too" {
  rm -rf "$WORLD/umoci"
  umoci init --layout "$WORLD/umoci" && umoci new --image "$WORLD/umoci:u"
  umoci unpack --rootless --image "$WORLD/umoci:u" "$WORLD/bundle"
  mkdir -p "$WORLD/bundle/rootfs"/{bin,etc,d/e,dev,proc,sys,run,tmp}
  cp "$(command -v busybox)" "$WORLD/bundle/rootfs/bin/busybox"
  touch "$WORLD/bundle/rootfs/etc/"{hosts,hostname,resolv.conf}
  echo 1 >"$WORLD/bundle/rootfs/d/e/f"
  ln "$WORLD/bundle/rootfs/d/e/f" "$WORLD/bundle/rootfs/d/link"
  umoci repack --image "$WORLD/umoci:u" "$WORLD/bundle"
  rm -rf "$WORLD/bundle2"
  umoci unpack --rootless --image "$WORLD/umoci:u" "$WORLD/bundle2"
  rm -rf "$WORLD/bundle2/rootfs/d"
  echo new >"$WORLD/bundle2/rootfs/etc/new"
  umoci repack --image "$WORLD/umoci:u" "$WORLD/bundle2"
  run -0 wolffia pull -q "oci:$WORLD/umoci:u"
  wolffia_tree "$output" >"$WORLD/ours-umoci"
  rm -rf "$WORLD/bundle3"
  umoci unpack --rootless --image "$WORLD/umoci:u" "$WORLD/bundle3"
  unshare -r python3 "$BATS_TEST_DIRNAME/tree-list.py" "$WORLD/bundle3/rootfs" | sed 's/ user.rootlesscontainers=[0-9a-f]*//' >"$WORLD/theirs-umoci"
  diff "$WORLD/theirs-umoci" "$WORLD/ours-umoci"
}

@test "load of docker and OCI archives, gzip-ed or not; tag; rmi" {
  skopeo --insecure-policy copy -q "oci:$WORLD/image:latest" "docker-archive:$WORLD/d.tar:example.com/loaded:d"
  skopeo --insecure-policy copy -q "oci:$WORLD/image:latest" "oci-archive:$WORLD/o.tar:example.com/loaded:o"
  gzip -kf "$WORLD/d.tar"
  run -0 wolffia load -q -i "$WORLD/d.tar"
  assert_output_has example.com/loaded:d
  run -0 wolffia load -q -i "$WORLD/o.tar"
  wolffia rmi -f example.com/loaded:d >/dev/null
  run -0 bash -c "wolffia load -q <'$WORLD/d.tar.gz'"
  assert_output_has example.com/loaded:d
  run -0 wolffia tag example.com/loaded:d mine:1
  run -0 wolffia images --format '{{.Repository}}:{{.Tag}}' --filter reference=mine
  assert_output_is localhost/mine:1
  run -0 wolffia run --rm mine:1 /bin/busybox cat /replaced/k
  assert_output_is k
  run -0 wolffia rmi mine:1
  run -1 wolffia rmi mine:1
  run -0 wolffia run --rm example.com/loaded:d /bin/busybox true
}

@test "an image of another architecture" {
  ARCHITECTURE=s390x
  export ARCHITECTURE
  mkdir -p "$WORLD/other-root"
  tar -C "$WORLD/other-root" -cf "$WORLD/other.tar" .
  "$SOURCE_DIR/scripts/oci-layout" "$WORLD/other" '{"Cmd":["sh"]}' "$WORLD/other.tar"
  run wolffia pull -q "oci:$WORLD/other:latest"
  if [ "$status" = 0 ]; then run wolffia run --rm "$output" true; fi
  assert_status 125
  assert_output_has s390x
}
