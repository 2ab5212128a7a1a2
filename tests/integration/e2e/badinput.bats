#!/usr/bin/env bats
# Hostile and broken input from every side: a clear error on stderr, the right exit code, nothing lost, nothing left.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm busybox true
  mkdir -p "$WORLD/root/etc"
  echo x >"$WORLD/root/etc/f"
  tar -C "$WORLD/root" -cf "$WORLD/good.tar" .
}
teardown() { chmod -R u+rwX "$WORLD" 2>/dev/null || true; assert_clean; }

# layout_of NAME LAYER.tar...: a layout of these layers at $WORLD/NAME
layout_of() { local name=$1; shift; rm -rf "${WORLD:?}/$name"; "$SOURCE_DIR/scripts/oci-layout" "$WORLD/$name" '{"Cmd":["sh"]}' "$@"; }
# tar_of PYTHON: a tar made by python's tarfile; `t` is the open TarFile, `add(name, **attributes)` adds an entry
tar_of() {
  python3 - "$WORLD/evil.tar" "$1" <<'P'
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def add(name, data=b"", **attributes):
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    info.size = len(data) if info.type in tarfile.REGULAR_TYPES else 0
    t.addfile(info, io.BytesIO(data))
exec(sys.argv[2])
t.close()
P
}
# One blob of a layout, by what it holds.
layer_blob() { echo "$1/blobs/sha256/$(jq -r .manifests[0].digest "$1/index.json" | cut -d: -f2 | xargs -I{} jq -r '.layers[0].digest' "$1/blobs/sha256/{}" | cut -d: -f2)"; }
refused() {  # refused WORD LAYOUT
  run -125 wolffia pull -q "oci:$WORLD/$2:latest"
  assert_output_has "$1"
  run -0 wolffia system check
}

@test "truncated, oversized and corrupt blobs; a wrong diff-id" {
  layout_of bad "$WORLD/good.tar"
  blob=$(layer_blob "$WORLD/bad")
  truncate -s -10 "$blob"
  refused "sha256:" bad
  layout_of bad "$WORLD/good.tar"; blob=$(layer_blob "$WORLD/bad"); printf more >>"$blob"
  refused "sha256:" bad
  layout_of bad "$WORLD/good.tar"; blob=$(layer_blob "$WORLD/bad"); printf X | dd of="$blob" bs=1 seek=40 conv=notrunc 2>/dev/null
  refused "sha256:" bad
  layout_of good "$WORLD/good.tar"
  sed -i 's/"diff_ids":\["sha256:..../"diff_ids":["sha256:0000/' "$WORLD"/good/blobs/sha256/*
  for f in "$WORLD"/good/blobs/sha256/*; do  # everything that names the changed config follows, so that only the diff-id is wrong
    grep -q diff_ids "$f" 2>/dev/null && config=$f
  done
  new=$(sha256sum "$config" | cut -d' ' -f1)
  manifest=$WORLD/good/blobs/sha256/$(jq -r .manifests[0].digest "$WORLD/good/index.json" | cut -d: -f2)
  sed -i "s/$(basename "$config")/$new/" "$manifest"
  mv "$config" "$WORLD/good/blobs/sha256/$new"
  mnew=$(sha256sum "$manifest" | cut -d' ' -f1)
  sed -i "s/$(basename "$manifest")/$mnew/" "$WORLD/good/index.json"
  mv "$manifest" "$WORLD/good/blobs/sha256/$mnew"
  refused "uncompressed bytes" good
}

@test "hostile tars" {
  for evil in 'add("../../escape", b"x")' 'add("a/../../escape", b"x")' 'add("n" * 300, b"x")' \
      'add("dir", type=tarfile.DIRTYPE); add("link", type=tarfile.LNKTYPE, linkname="dir")' \
      'add("link", type=tarfile.LNKTYPE, linkname="nothing")'; do
    tar_of "$evil"
    layout_of evil "$WORLD/evil.tar"
    run wolffia pull -q "oci:$WORLD/evil:latest"
    assert_status 125
    [ -n "$output" ] || fail "no words for $evil"
  done
  [ ! -e "$WORLD/escape" ]
}

@test "odd but legal tars run" {
  tar_of 'add("/absolute", b"1"); add("deep/" * 100 + "f", b"2"); add("out", type=tarfile.SYMTYPE, linkname="/../../../../etc/shadow"); add("dev/null0", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666); add("twice", b"1"); add("twice", b"22"); add(".wh.nothing"); add("a/.wh..wh..opq"); add("bin", type=tarfile.DIRTYPE, mode=0o755)'
  cp "$(command -v busybox)" "$WORLD/busybox"
  tar -C "$WORLD" --transform 's,^,bin/,' -cf "$WORLD/bb.tar" busybox
  layout_of odd "$WORLD/bb.tar" "$WORLD/evil.tar"
  run -0 wolffia pull -q "oci:$WORLD/odd:latest"
  run -0 wolffia run --rm "$output" /bin/busybox sh -c '/bin/busybox cat /absolute /twice; /bin/busybox cat /out 2>/dev/null || echo inside; [ -c /dev/null0 ] || echo no node'
  assert_output_has 122
  assert_output_has inside
}

@test "decompression bombs end at the limit" {
  head -c 300M /dev/zero >"$WORLD/zeros"
  tar -C "$WORLD" -cf "$WORLD/bomb.tar" zeros
  for compress in gzip zstd; do
    COMPRESS=$compress layout_of bomb "$WORLD/bomb.tar"
    WOLFFIA_PULL_MAX_LAYER_SIZE=50MiB run -125 wolffia pull -q "oci:$WORLD/bomb:latest"
    assert_output_has "max_layer_size"
    run -0 wolffia system check
  done
  rm "$WORLD/zeros" "$WORLD/bomb.tar"
}

@test "bad manifests" {
  layout_of m "$WORLD/good.tar"
  index=$WORLD/m/index.json
  cp "$index" "$WORLD/index.saved"
  replace_manifest() {  # a new manifest from stdin
    cat >"$WORLD/new"
    digest=$(sha256sum "$WORLD/new" | cut -d' ' -f1)
    size=$(stat -c %s "$WORLD/new")
    mv "$WORLD/new" "$WORLD/m/blobs/sha256/$digest"
    jq --arg d "sha256:$digest" --argjson s "$size" '.manifests[0].digest=$d | .manifests[0].size=$s' "$WORLD/index.saved" >"$index"
  }
  head -c 5M /dev/zero | tr '\0' ' ' | replace_manifest; run -125 wolffia pull -q "oci:$WORLD/m:latest"
  python3 -c 'print("[" * 100000 + "]" * 100000)' | replace_manifest; run -125 wolffia pull -q "oci:$WORLD/m:latest"
  echo '{"schemaVersion":2,"schemaVersion":2}' | replace_manifest; run -125 wolffia pull -q "oci:$WORLD/m:latest"
  assert_output_has "schemaVersion"
  echo '{"schemaVersion":2,"mediaType":"application/vnd.strange","config":{},"layers":[]}' | replace_manifest
  run -125 wolffia pull -q "oci:$WORLD/m:latest"; assert_output_has "application/vnd.strange"
  saved=$WORLD/m/blobs/sha256/$(jq -r .manifests[0].digest "$WORLD/index.saved" | cut -d: -f2)
  jq -c '.layers += .layers' "$saved" | replace_manifest
  run -125 wolffia pull -q "oci:$WORLD/m:latest"; assert_output_has "layer"
  jq -c '.layers[0].mediaType = "application/vnd.oci.image.layer.v1.tar+bogus"' "$saved" | replace_manifest
  run -125 wolffia pull -q "oci:$WORLD/m:latest"; assert_output_has "bogus"
}

@test "configuration errors name file, line, column and key" {
  mkdir -p "$XDG_CONFIG_HOME/wolffia"
  printf '[storage]\nroot = 5\n' >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  run -125 wolffia images
  assert_output_has "wolffia.toml:2:"
  assert_output_has root
  printf '[storage]\nrot = "/x"\n' >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  run -125 wolffia images
  assert_output_has "wolffia.toml:2:"
  assert_output_has rot
  printf '[storage\n' >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  run -125 wolffia images
  assert_output_has "wolffia.toml:1:"
  rm "$XDG_CONFIG_HOME/wolffia/wolffia.toml"
}

@test "a broken registries.conf stops only what needs it" {
  echo 'x = [' >"$WORLD/registries.conf"
  export CONTAINERS_REGISTRIES_CONF=$WORLD/registries.conf
  run -0 wolffia ps -a
  run -0 wolffia run --rm busybox echo fine
  assert_output_is fine
  run -125 wolffia pull -q nothing
  assert_output_has "registries.conf:"
}

@test "blocked and insecure registries" {
  mkdir -p "$XDG_CONFIG_HOME/wolffia"
  printf '[[registry]]\nprefix = "blocked.example.com"\nblocked = true\n' >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  run -125 wolffia pull blocked.example.com/x
  assert_output_has blocked
  rm "$XDG_CONFIG_HOME/wolffia/wolffia.toml"
}

@test "no runtime directory, read-only home, no home" {
  run -0 env -u XDG_RUNTIME_DIR wolffia run --rm busybox echo ok
  assert_output_is ok
  mkdir -p "$WORLD/ro"
  chmod 0500 "$WORLD/ro"
  run -125 env -u XDG_DATA_HOME HOME="$WORLD/ro" wolffia run --rm busybox true
  assert_output_has "$WORLD/ro"
}

# refusing UNSHARE-COMMAND...: runs wolffia in a mount namespace of our own where something of the host is spoiled
@test "/dev/fuse closed or missing, newuidmap missing, user namespaces forbidden: the reason and the remedy" {
  command -v unshare >/dev/null
  run -125 unshare -Urm --map-auto bash -c 'mount --bind /dev/null /dev/fuse && setpriv --reuid 1 --regid 1 --clear-groups true; exec wolffia run --rm busybox true'
  assert_output_has fuse
  run -125 unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec wolffia run --rm busybox true'
  assert_output_has max_user_namespaces
}

@test "no subordinate ids: single-id mode says so in one line" {
  run -0 --separate-stderr unshare -Urm bash -c 'mount --bind /dev/null /etc/subuid; mount --bind /dev/null /etc/subgid; exec wolffia run --rm busybox sh -c "id -u; wc -l < /proc/self/uid_map"'
  assert_output_is $'0\n1'
  [ "$(wc -l <<<"$stderr")" = 1 ] || fail "stderr: $stderr"
}

@test "a full disk in every phase, and space again" {
  head -c 3M /dev/urandom >"$WORLD/random"
  tar -C "$WORLD" -cf "$WORLD/big.tar" random
  layout_of big "$WORLD/big.tar"
  for size in 8k 64k 300k 1m 2m 3m 3300k; do
    run -0 unshare -Urm --map-auto bash -ec '
      world=$1 size=$2
      mount -t tmpfs -o size=$size,mode=0700 none "$world/data"
      if wolffia pull -q "oci:$world/big:latest" >/dev/null 2>"$world/err"; then echo pulled; else
        grep -qiE "space|quota" "$world/err" || { echo "wrong words: $(cat "$world/err")"; exit 1; }
      fi
      left=$(ls -A "$world/data/wolffia/tmp" 2>/dev/null || true); [ -z "$left" ] || { echo "left: $left"; exit 1; }
      mount -o remount,size=64m "$world/data"
      wolffia pull -q "oci:$world/big:latest" >/dev/null
      wolffia system check >/dev/null
      dd if=/dev/zero of="$world/data/fill" bs=4k 2>/dev/null || true
      wolffia rmi -a -f >/dev/null
      [ -z "$(ls -A "$world/data/wolffia/blobs/sha256")" ]' - "$WORLD" "$size"
  done
}
