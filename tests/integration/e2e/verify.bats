#!/usr/bin/env bats
# storage.verify = "open": what a container reads of its image is what was pulled, or an I/O error; and nobody has to look for why.
load support
load verify

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  make_image "$WORLD/oci"
  wolffia pull -q "oci:$WORLD/oci" >"$WORLD/id"
  export IMAGE
  IMAGE=$(cat "$WORLD/id")
  export WOLFFIA_STORAGE_VERIFY=open
}
setup() {  # each test damages the store in its own way
  local layer
  for layer in a b c; do cat "$WORLD/$layer.tar" >"$(blob_of $layer)"; done
}
teardown() {
  wolffia rm -af -t 0 >/dev/null
  assert_clean
}
drivers() { wolffia run --rm --storage-opt upper=kernel "$IMAGE" true 2>/dev/null && echo kernel; echo fuse; }

@test "the setting: shown, checked, and off where nobody asks for it" {
  run -0 wolffia info
  assert_output_has storage.verify
  run -0 env WOLFFIA_STORAGE_VERIFY= wolffia info --format '{{json .}}'
  [[ "$output" == *storage.verify* ]]
  run -125 env WOLFFIA_STORAGE_VERIFY=always wolffia info
  assert_output_has STORAGE_VERIFY
  assert_output_has "'always' is not one of pull, open"
  flip b data/good 0
  run -0 env WOLFFIA_STORAGE_VERIFY=pull wolffia run --rm "$IMAGE" cat /data/good
  assert_output_is "wood bytes"
}

@test "the guarantee says so, and a container can require it" {
  run -0 wolffia doctor --format '{{.Verdict}}' verified-at-read
  assert_output_is HOLDS
  run -0 wolffia run --rm --network none --require=verified-at-read "$IMAGE" echo runs
  assert_output_is runs
  export WOLFFIA_STORAGE_VERIFY=pull
  run -0 wolffia doctor --format '{{.Verdict}} {{.Remedy}}' verified-at-read
  assert_output_is 'HOLDS-IF set storage.verify to "open" in wolffia.toml'
  run -125 wolffia run --rm --network none --require=verified-at-read "$IMAGE" echo runs
  assert_output_has 'storage.verify is "pull"'
}

@test "a sound image reads as ever" {
  local driver
  for driver in $(drivers); do
    run -0 wolffia run --rm --storage-opt upper="$driver" "$IMAGE" sh -c 'cat /data/good; busybox2 wc -c /data/large; cp /data/large /x && cmp /x /data/large'
    assert_output_is $'good bytes\n3000000 /data/large'
  done
}

@test "a flipped bit is an I/O error, told by logs and events; other files read on" {
  local driver layer
  layer=sha256:$(basename "$(blob_of b)")
  flip b data/good 3
  for driver in $(drivers); do
    run wolffia run --name "n-$driver" --storage-opt upper="$driver" "$IMAGE" sh -c 'cat /data/good || echo failed; cat /data/other'
    assert_status 0
    assert_output_has "Input/output error"
    assert_output_has failed
    assert_output_has "other bytes"
    run -0 wolffia logs "n-$driver"
    assert_output_has "wolffia: layer $layer is damaged: '/data/good': its bytes from 0 on are not those that were pulled"
    assert_output_has "wolffia system check --repair"
    run -0 wolffia events --stream=false --since 10m --filter event=damaged --filter "container=n-$driver" --format '{{.Attributes.layer}} {{.Attributes.path}} {{.Attributes.remedy}}'
    assert_output_is "$layer /data/good wolffia system check --repair"
  done
}

@test "of a large file only the damaged chunk is lost" {
  local driver
  flip b data/large 1500000
  for driver in $(drivers); do
    run wolffia run --rm --storage-opt upper="$driver" "$IMAGE" sh -c 'head -c 4096 /data/large | wc -c; tail -c 4096 /data/large | wc -c; cat /data/large >/dev/null || echo failed'
    assert_status 0
    assert_output_has $'4096\n4096'
    assert_output_has failed
    # What copies it up, by reading or by the kernel.
    run wolffia run --rm --storage-opt upper="$driver" "$IMAGE" sh -c 'echo x >>/data/large'
    [ "$status" != 0 ] || fail "damaged bytes became the container's own"
    assert_output_has "Input/output error"
  done
}

@test "a damaged program is not executed" {
  local driver
  flip c bin/busybox2 100
  for driver in $(drivers); do
    run wolffia run --rm --storage-opt upper="$driver" "$IMAGE" busybox2 true
    [ "$status" != 0 ]
    assert_output_has "layer sha256:$(basename "$(blob_of c)") is damaged: '/bin/busybox2'"
    assert_output_has "wolffia system check --repair"
    run -0 wolffia run --rm --storage-opt upper="$driver" "$IMAGE" echo other programs run
    assert_output_is "other programs run"
  done
}

@test "a layer that is too short" {
  truncate -s 4096 "$(blob_of b)"
  run wolffia run --rm "$IMAGE" sh -c 'cat /data/large >/dev/null || echo failed; echo on'
  assert_output_has "failed"
  assert_output_has $'\non'
}

@test "cp out of a container that does not run fails, and says why" {
  flip b data/good 3
  wolffia create --name still "$IMAGE" >/dev/null
  run wolffia cp still:/data/good "$BATS_TEST_TMPDIR/copy"
  [ "$status" != 0 ]
  run -0 wolffia events --stream=false --since 10m --filter event=damaged --filter container=still --format '{{.Attributes.path}}'
  assert_output_is /data/good
  wolffia cp still:/data/other "$BATS_TEST_TMPDIR/copy"
  [ "$(cat "$BATS_TEST_TMPDIR/copy")" = "other bytes" ]
}

@test "an index in which anything has changed is made again" {
  local index how at
  for index in "$STORE"/index/*.idx; do
    for at in 20 100 200 -1; do
      python3 - "$index" $at <<'P'
import sys
with open(sys.argv[1], "r+b") as f:
    at = int(sys.argv[2])
    f.seek(at, 0 if at >= 0 else 2)
    byte = f.read(1)[0]
    f.seek(at, 0 if at >= 0 else 2)
    f.write(bytes([byte ^ 2]))
P
    done
  done
  for how in open pull; do
    run -0 env WOLFFIA_STORAGE_VERIFY=$how wolffia run --rm "$IMAGE" cat /data/good
    assert_output_is "good bytes"
  done
  run -0 wolffia system check --repair
  run -0 wolffia system check
}
