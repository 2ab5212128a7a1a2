#!/usr/bin/env bats
# system check --repair: what is damaged or missing comes back from the registry that it came from, by digest; a real registry
# (Debian's docker-registry, TLS, htpasswd).
load support
load verify

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  make_image "$WORLD/oci"
  start_registry
  push "$WORLD/oci" wolf/three:1
  push "$WORLD/oci" wolf/again:1
  export IMAGE=$REGISTRY/wolf/three:1
  wolffia pull -q "$IMAGE" >"$WORLD/id"
}
teardown_file() { stop_registry; }
setup() {
  wolffia pull -q "$IMAGE" >/dev/null
  wolffia system check >/dev/null
}
teardown() {
  wolffia rm -af -t 0 >/dev/null
  wolffia system check --repair --force >/dev/null 2>&1 || true  # whatever a test has left, the next one pulls
  assert_clean
}
assert_sound() {
  run -0 wolffia system check
  assert_output_is "The store is sound."
  run -0 wolffia run --rm "$IMAGE" sh -c 'cat /data/good; busybox2 wc -c /data/large'
  assert_output_is $'good bytes\n3000000 /data/large'
  cmp "$WORLD/a.tar" "$(blob_of a)" && cmp "$WORLD/b.tar" "$(blob_of b)" && cmp "$WORLD/c.tar" "$(blob_of c)"
}
document() { wolffia inspect --type image --format "{{.$1}}" "$IMAGE" | sed 's/.*sha256://'; }

@test "layers that are damaged, cut off and missing, all at once" {
  flip b data/good 0
  truncate -s 100000 "$(blob_of a)"
  rm "$(blob_of c)"
  run -125 wolffia system check
  assert_output_has "damaged: blobs/sha256/$(basename "$(blob_of b)"): digest mismatch"
  assert_output_has "wolffia system check --repair"
  run -0 wolffia system check --repair
  local layer
  for layer in a b c; do assert_output_has "repaired: blobs/sha256/$(basename "$(blob_of $layer)")"; done
  assert_output_has "Repaired."
  assert_sound
}

@test "manifest, configuration and indexes that are gone or damaged" {
  local manifest config
  manifest=$STORE/blobs/sha256/$(document Digest)
  config=$STORE/blobs/sha256/$(document Id)
  [ -s "$manifest" ] && [ -s "$config" ]
  echo damaged >"$manifest"
  rm "$config"
  rm "$STORE"/index/*.layer.idx
  truncate -s 100 "$(ls "$STORE"/index/*.idx | head -1)"
  run -0 wolffia system check --repair
  assert_sound
}

@test "a tag that has moved on does not matter" {
  flip b data/good 0
  cp -r "$WORLD/oci" "$WORLD/moved"
  (WORLD=$WORLD/elsewhere; mkdir -p "$WORLD"; echo x >"$WORLD/x"; tar -C "$WORLD" -cf "$WORLD/x.tar" x
   rm -rf "$BATS_FILE_TMPDIR/w/moved"; "$SOURCE_DIR/scripts/oci-layout" "$BATS_FILE_TMPDIR/w/moved" '{}' "$WORLD/x.tar")
  push "$WORLD/moved" wolf/three:1
  run -0 wolffia system check --repair
  assert_sound
  push "$WORLD/oci" wolf/three:1
}

@test "an image of the same layers in another place helps" {
  wolffia pull -q "$REGISTRY/wolf/again:1" >/dev/null
  wolffia tag "$IMAGE" localhost/mine:1
  flip c bin/busybox2 9
  mv "$WORLD/registry/data/docker/registry/v2/repositories/wolf/three" "$WORLD/gone"
  run -0 wolffia system check --repair
  mv "$WORLD/gone" "$WORLD/registry/data/docker/registry/v2/repositories/wolf/three"
  assert_sound
  wolffia rmi "$REGISTRY/wolf/again:1" localhost/mine:1
}

@test "without a network nothing gets worse, and the next repair heals" {
  flip b data/good 0
  rm "$(blob_of c)"
  cp "$(blob_of b)" "$WORLD/b.damaged"
  run -1 env WOLFFIA_PULL_RETRIES=0 HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY= https_proxy=http://127.0.0.1:9 no_proxy= wolffia system check --repair
  assert_output_has "not fetched: image $IMAGE: "
  assert_output_has "Not everything could be repaired."
  cmp "$WORLD/b.damaged" "$(blob_of b)"
  run -0 wolffia system check --repair
  assert_sound
}

@test "a container that runs keeps what it has, is named, and has the new layer when it starts again" {
  wolffia run -d --name runs "$IMAGE" sleep 1000 >/dev/null
  flip b data/good 0
  run -0 wolffia exec runs cat /data/good
  assert_output_is "wood bytes"
  run -0 wolffia system check --repair
  assert_output_has "wolffia restart runs"
  run -0 wolffia exec runs cat /data/good
  wolffia restart -t 0 runs >/dev/null
  run -0 wolffia exec runs cat /data/good
  assert_output_is "good bytes"
}

@test "an image from an archive: told what to do, and that works" {
  wolffia rmi "$IMAGE" >/dev/null
  (cd "$WORLD/oci" && tar -cf "$WORLD/archive.tar" .)
  wolffia load -qi "$WORLD/archive.tar" >/dev/null
  local id
  id=$(cat "$WORLD/id")
  flip b data/good 0
  run -1 wolffia system check --repair
  assert_output_has "$(basename "$(blob_of b)")"
  assert_output_has "not fetched: image"
  run -0 wolffia run --rm "$id" cat /data/other
  run -1 wolffia system check --repair --force
  [ ! -e "$(blob_of b)" ]
  wolffia load -qi "$WORLD/archive.tar" >/dev/null
  run -0 wolffia system check
  run -0 wolffia run --rm "$id" cat /data/good
  assert_output_is "good bytes"
  wolffia rmi -a -f >/dev/null
}

@test "the built-in image heals itself" {
  wolffia run --rm busybox true
  local layer
  layer=$(wolffia inspect --type image --format '{{index .RootFS.Layers 0}}' busybox | sed 's/sha256://')
  truncate -s 1000 "$STORE/blobs/sha256/$layer"
  run -0 wolffia system check --repair
  run -0 wolffia run --rm busybox echo healed
  assert_output_is healed
  wolffia rmi busybox >/dev/null
}

@test "kill -9 at any moment: nothing is worse, and the next repair heals" {
  local delay pid
  for delay in 0.01 0.03 0.06 0.1 0.15 0.25; do
    flip b data/large 2000000
    truncate -s 100000 "$(blob_of c)"
    wolffia system check --repair >/dev/null 2>&1 3>&- &
    pid=$!
    sleep $delay
    kill -9 $pid 2>/dev/null || true
    wait $pid || true
    run -0 wolffia run --rm "$IMAGE" cat /data/good
    assert_output_is "good bytes"
    run -0 wolffia system check --repair
    assert_sound
  done
}

@test "--force alone is refused" {
  run -125 wolffia system check --force
  assert_output_has "--repair"
}
