#!/usr/bin/env bats
# Flags that no other file uses, each by its effect.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  wolffia volume rm --all --force >/dev/null
  wolffia secret rm --all >/dev/null
  assert_clean
}

until_holds() {  # until_holds COMMAND...
  local i
  for i in $(seq 400); do
    "$@" && return 0
    sleep 0.05
  done
  fail "never: $*; $(wolffia ps -a)"
}
health() { wolffia inspect -f '{{.State.Health.Status}}' "$1"; }
is() { [ "$(health "$1")" = "$2" ]; }

@test "run: labels, annotations, groups, hosts, platform, pull" {
  printf '# no\nfrom.file=1\nempty=\n' >"$BATS_TEST_TMPDIR/labels"
  wolffia create --name c --label-file "$BATS_TEST_TMPDIR/labels" -l one=two --annotation note=sticky --group-add 4567 busybox true
  run -0 wolffia inspect -f '{{index .Config.Labels "from.file"}} {{index .Config.Labels "one"}} {{index .Config.Annotations "note"}}' c
  assert_output_is "1 two sticky"
  run -0 wolffia run --rm --group-add 4567 --group-add daemon busybox id -G
  [[ " $output " == *" 4567 "* && " $output " == *" 1 "* ]] || fail "$output"
  run -0 wolffia run --rm --group-add keep-groups busybox sh -c 'id -G | wc -w'
  [ "$output" -ge "$(id -G | wc -w)" ]
  run -125 wolffia run --rm --group-add keep-groups --group-add 1 busybox true
  assert_output_has "keep-groups"
  run -125 wolffia run --rm --group-add no-such-group busybox true
  assert_output_has no-such-group
  run -0 wolffia run --rm --no-hosts --hostname duckweed busybox sh -c 'cat /etc/hosts 2>/dev/null | grep -c duckweed || true'
  assert_output_is 0
  run -0 wolffia run --rm --hostname duckweed busybox sh -c 'grep -c duckweed /etc/hosts'
  assert_output_is 1
  run -0 wolffia run --rm --pull never busybox echo here
  assert_output_is here
  run -125 wolffia run --rm --pull never no/such/image true
  run -125 wolffia run --rm --pull sometimes busybox true
  run -125 wolffia run --rm --pull never --platform linux/s390x busybox true
  run -125 wolffia run --rm --platform nonsense/x/y/z busybox true
}

@test "run: --passwd, --unsetenv, --unsetenv-all, --read-only-tmpfs" {
  run -0 wolffia run --rm -u 4321 busybox id -un
  [ -n "$output" ]
  run -0 wolffia run --rm -u 4321 --passwd=false busybox sh -c 'grep -c :4321: /etc/passwd || true'
  assert_output_is 0
  wolffia create --name base busybox true
  wolffia export base | wolffia import -q -c 'ENV FROM_IMAGE=1' -c 'ENV STAYS=2' --os linux - envy
  run -0 wolffia run --rm envy sh -c 'echo $FROM_IMAGE $STAYS'
  assert_output_is "1 2"
  run -0 wolffia run --rm --unsetenv FROM_IMAGE envy sh -c 'echo $FROM_IMAGE $STAYS'
  assert_output_is 2
  run -0 wolffia run --rm --unsetenv-all -e KEPT=3 envy sh -c 'echo $FROM_IMAGE $STAYS $KEPT'
  assert_output_is 3
  run -1 wolffia run --rm --read-only --read-only-tmpfs=false busybox touch /tmp/x
  assert_output_has "Read-only"
  run -0 wolffia run --rm --read-only busybox sh -c 'touch /tmp/x /run/x /var/tmp/x'
}

@test "run: health checks that take long, begin late, or are none" {
  wolffia run -d --name slow --health-cmd 'sleep 100' --health-timeout 200ms --health-interval 100ms --health-retries 1 busybox sleep 1000
  until_holds is slow unhealthy
  # Within the start period a failure does not count; a success does.
  wolffia run -d --name late --health-cmd 'test -e /ok' --health-start-period 1h --health-interval 100ms --health-retries 1 busybox sleep 1000
  sleep 0.7
  is late starting
  wolffia exec late touch /ok
  until_holds is late healthy
  # The startup check stands before the other, which would fail; it must succeed twice.
  wolffia run -d --name two --health-cmd false --health-interval 100ms --health-retries 1 --health-startup-cmd 'test -e /up && echo x >>/seen' \
    --health-startup-interval 100ms --health-startup-success 2 --health-startup-timeout 5s busybox sleep 1000
  sleep 0.5
  is two starting
  wolffia exec two touch /up
  until_holds is two unhealthy
  [ "$(wolffia exec two sh -c 'wc -l </seen')" = 2 ]
  wolffia run -d --name never --health-cmd true --health-startup-cmd false --health-startup-interval 100ms --health-startup-retries 2 \
    --health-on-failure kill busybox sleep 1000
  run -0 timeout 20 wolffia wait never
  assert_output_is 137
  wolffia run -d --name none --no-healthcheck busybox sleep 1000
  run -125 wolffia healthcheck run none
  assert_output_has "has no defined healthcheck"
  run -125 wolffia create --no-healthcheck --health-cmd true busybox true
}

@test "--latest of pause, unpause, attach, port, stats; start --detach-keys" {
  wolffia run -d --name old busybox sleep 1000
  wolffia run -dit --name new busybox sh
  run -0 wolffia pause --latest
  [ "$(wolffia inspect -f '{{.State.Status}}' old new | tr '\n' ' ')" = "running paused " ]
  run -0 wolffia unpause --latest
  run -0 wolffia port --latest
  assert_output_is ""
  run -0 wolffia stats --no-stream --latest --no-trunc --format '{{.ID}}'
  assert_output_is "$(wolffia inspect -f '{{.Id}}' new)"
  run -0 "$BATS_TEST_DIRNAME/pty.py" - wolffia attach --latest --detach-keys x <<'S'
send echo at''tached\r
expect attached
send x
S
  assert_output_has "[exit 0]"
  run -0 "$BATS_TEST_DIRNAME/pty.py" - wolffia start -a --detach-keys y new <<'S'
send echo ag''ain\r
expect again
send y
S
  assert_output_has "[exit 0]"
  [ "$(wolffia inspect -f '{{.State.Status}}' new)" = running ]
}

@test "lists: headings, templates, filters, all" {
  wolffia run -d --name c busybox sleep 1000
  [ "$(wolffia ps --noheading --sync | wc -l)" = 1 ]
  wolffia volume create --driver local --label a=1 v1
  wolffia volume create v2
  run -125 wolffia volume create --driver nfs v3
  assert_output_has nfs
  [ "$(wolffia volume ls -n | wc -l)" = 2 ]
  [ "$(wolffia volume ls --format '{{.Name}}={{.Driver}}' | tr '\n' ' ')" = "v1=local v2=local " ]
  run -125 wolffia volume ls --format '{{.Nothing}}'
  wolffia volume inspect --all | python3 -c 'import json, sys; assert [v["Name"] for v in json.load(sys.stdin)] == ["v1", "v2"]'
  run -0 wolffia volume prune -f --filter label=a
  assert_output_is v1
  run -0 wolffia volume rm --all
  assert_output_is v2
  echo x | wolffia secret create --driver file --label a=1 s1 -
  echo x | wolffia secret create s2 -
  run -125 wolffia secret create --driver pass s3 - </dev/null
  [ "$(wolffia secret ls -n | wc -l)" = 2 ]
  [ "$(wolffia secret ls --format '{{.Name}}' | tr '\n' ' ')" = "s1 s2 " ]
  run -0 wolffia secret inspect --pretty s1
  assert_output_has "s1"
  [[ "$output" != *"{"* ]]
  run -0 wolffia secret rm --ignore nothing s1
  [ "$(wolffia secret ls -q | wc -l)" = 1 ]
}
