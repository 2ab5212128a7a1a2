#!/usr/bin/env bats
# Secrets: handed in as files and variables, and seen nowhere else.
load support

VALUE='s3cr3t-4711-value'

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm busybox true 2>/dev/null
}
teardown() {
  wolffia rm --force --all >/dev/null
  wolffia secret rm -a >/dev/null
  assert_clean
}
make() { printf %s "$VALUE" | wolffia secret create "$@" -; }

@test "create, ls, inspect, exists, rm" {
  run make --label a=b s1
  assert_status 0
  local id=$output
  [ "${#id}" = 25 ]
  [ "$(stat -c %a "$STORE/secrets/s1/data")" = 600 ]
  run make s1
  assert_status 125
  assert_output_is "Error: s1: secret name in use"
  run make --replace s1
  assert_status 0
  [ "$output" != "$id" ]
  id=$output
  run wolffia secret ls
  [[ "${lines[0]}" =~ ^"ID                         NAME        DRIVER      CREATED "\ +UPDATED$ ]]
  [[ "${lines[1]}" =~ ^"$id  s1          file        "(Less than a|[0-9]+)\ seconds?\ ago\ \ (Less than a|[0-9]+)\ seconds?\ ago$ ]]
  run wolffia secret ls -q -f name=s1
  assert_output_is "$id"
  run wolffia secret inspect -f '{{.ID}} {{.Spec.Name}} {{.Spec.Driver.Name}}' "${id:0:6}"
  assert_output_is "$id s1 file"
  run wolffia secret inspect nope
  assert_status 125
  assert_output_has 'inspecting secret: no secret with name or id "nope": no such secret'
  run wolffia secret exists s1
  assert_status 0
  run wolffia secret exists s2
  assert_status 1
  X=$VALUE run wolffia secret create --env s2 X
  assert_status 0
  run wolffia secret rm s1 s2 nope
  assert_status 125
  [ "${lines[0]}" = "$id" ]
  [ -z "$(ls "$STORE/secrets")" ]
  run wolffia secret create s3 - </dev/null
  assert_status 125
  assert_output_has "secret data must be larger than 0 and less than 512000 bytes"
  run wolffia secret create s3 "$WORLD/missing"
  assert_status 125
  run bash -c "head -c 600000 /dev/zero | wolffia secret create s3 -"
  assert_status 125
  for bad in a/b a=b .x '' "$(printf %0300d 0)"; do
    run make "$bad"
    assert_status 125
  done
}

@test "as a file: place, owner and mode" {
  make s >/dev/null
  run wolffia run --rm --secret s busybox sh -c 'cat /run/secrets/s; echo; stat -c "%u:%g %a" /run/secrets/s; mount | grep -c "tmpfs on /run/secrets"'
  assert_output_is "$VALUE
0:0 444
1"
  run wolffia run --rm --user 7:8 --read-only --secret s,target=deep/er/x,uid=7,gid=8,mode=0400 busybox \
    sh -c 'cat /run/secrets/deep/er/x; echo; stat -c "%u:%g %a" /run/secrets/deep/er/x'
  assert_output_is "$VALUE
7:8 400"
  run wolffia run --rm --secret s,target=/etc/app/key,mode=600 --secret s busybox sh -c 'cat /etc/app/key; echo; ls -A /run/secrets'
  assert_output_is "$VALUE
s"
  run wolffia run --rm --storage-opt upper=fuse --uidmap 0:0:1 --gidmap 0:0:1 --secret s busybox cat /run/secrets/s
  assert_output_is "$VALUE"
}

@test "as a variable: in place of one of that name, for exec too" {
  make s >/dev/null
  run wolffia run --rm -e TOP=old --secret s,type=env,target=TOP busybox sh -c 'env | grep ^TOP='
  assert_output_is "TOP=$VALUE"
  run wolffia run --rm --secret s,type=env busybox sh -c 'echo $s'
  assert_output_is "$VALUE"
  wolffia run -d --name c --secret s --secret s,type=env,target=TOP busybox sleep 100 >/dev/null
  run wolffia exec c sh -c 'echo $TOP; cat /run/secrets/s'
  assert_output_is "$VALUE
$VALUE"
}

@test "it is nowhere but in its own two files" {
  make s >/dev/null
  wolffia create --name c --secret s --secret s,type=env,target=TOP --secret s,target=/bound busybox \
    sh -c 'test -n "$TOP" && test -s /run/secrets/s && test -s /bound' >/dev/null
  run --separate-stderr wolffia --log-level=trace start -a c
  assert_status 0
  [[ "$stderr" != *"$VALUE"* ]]
  run bash -c "wolffia inspect c; wolffia inspect --format json c; wolffia secret inspect s; wolffia ps -a --format json --no-trunc; wolffia logs c; wolffia events --stream=false"
  [[ "$output" != *"$VALUE"* ]]
  [[ "$output" == *'"Name": "s"'* ]]
  run bash -c "grep -rl '$VALUE' '$STORE' '$XDG_RUNTIME_DIR' 2>/dev/null | sort"
  assert_output_is "$(printf '%s\n' "$STORE/containers/$(wolffia inspect -f '{{.Id}}' c)/secrets/s" "$STORE/secrets/s/data")"
  [ "$(stat -c %a "$STORE"/containers/*/secrets/s)" = 600 ]
  run bash -c "wolffia export c | grep -c '$VALUE'"
  assert_output_is 0
  wolffia rm c >/dev/null
  run grep -rl "$VALUE" "$STORE"
  assert_output_is "$STORE/secrets/s/data"
}

@test "a container keeps the one that it was made with" {
  make s >/dev/null
  wolffia create --name c --secret s busybox cat /run/secrets/s >/dev/null
  printf other | wolffia secret create --replace s - >/dev/null
  run wolffia start -a c
  assert_output_is "$VALUE"
  wolffia secret rm s >/dev/null
  run wolffia start -a c
  assert_output_is "$VALUE"
}

@test "bad input" {
  make s >/dev/null
  run wolffia run --rm --secret nope busybox true
  assert_status 125
  assert_output_is 'Error: no secret with name or id "nope": no such secret'
  for bad in s,foo=1 s,type=x s,mode=9 s,uid=-1 s,type=env,mode=1 ,target=x s,type=mount,type=mount s,target=../x s,target=/ \
    s,type=env,target=a=b s,uid=4000000000; do
    run wolffia run --rm --secret "$bad" busybox true
    assert_status 125
  done
  run wolffia run --rm --secret s --secret s busybox true
  assert_status 125
  head -c 5 /dev/zero | wolffia secret create nul - >/dev/null
  run wolffia run --rm --secret nul,type=env busybox true
  assert_status 125
  run wolffia run --rm --secret nul busybox sh -c 'wc -c </run/secrets/nul'
  assert_output_is 5
}
