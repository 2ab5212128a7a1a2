# events: what is told of containers, images and volumes, how it is selected, and that nothing depends on it.

setup_file() {
  . "$BATS_TEST_DIRNAME/support.bash"
  fresh_home "$(mktemp -d "${TMPDIR:-/tmp}/wolffia-e2e.XXXXXX")"
  wolffia pull -q busybox >/dev/null 2>&1 || wolffia run --rm busybox true
}
teardown_file() { rm -rf "$WORLD"; }
setup() {
  . "$BATS_TEST_DIRNAME/support.bash"
  rm -f "$XDG_RUNTIME_DIR"/wolffia/events.log*
}
teardown() {
  [ -z "$watchers" ] || kill $watchers 2>/dev/null || true
  wolffia rm --force --all >/dev/null 2>&1 || true
  assert_clean
}
past() { wolffia events --stream=false "$@"; }

@test "the life of a container, in podman's words" {
  wolffia run --name web --label tier=front busybox sh -c 'exit 3' || [ $? = 3 ]
  id=$(wolffia inspect -f '{{.Id}}' web)
  wolffia rm web
  [ "$(past --format '{{.Status}}' | grep -vx -e attach -e init | tr '\n' ' ')" = 'create start died remove ' ]
  past | grep -E "^20[0-9-]{8} [0-9:.]+ \+0000 UTC container died $id \(image=[^,]*busybox[^,]*, name=web, tier=front\)\$"
  past --filter event=died --format json | python3 -c 'import json,sys
e = json.loads(sys.stdin.read())
assert e["ContainerExitCode"] == 3 and e["Name"] == "web" and e["Type"] == "container" and e["Attributes"]["tier"] == "front", e'
  [ "$(past --filter event=die --filter event=create --format '{{.Status}} {{.ID}}')" = "create $id"$'\n'"died $id" ]
  [ "$(past --no-trunc=false --filter event=create --format '{{.ID}}')" = "${id:0:12}" ]
  [ "$(past --filter label=tier=front --filter container=web | wc -l)" = "$(past | grep -c name=web)" ]
  [ -z "$(past --filter label=tier=back)" ]
}

@test "health checks are told by their results alone; a paused container has none" {
  results() { past --filter event=health_status --format '{{.Attributes.health_status}}'; }
  more_results() { [ "$(results | wc -l)" -gt "$1" ]; }
  wolffia run -d --name web --health-cmd 'test -e /ok' --health-interval 100ms --health-retries 2 busybox sleep 1000
  eventually more_results 2
  [ "$(results | head -2)" = $'starting\nunhealthy' ]
  wolffia exec web touch /ok
  healthy() { results | grep -qx healthy; }
  eventually healthy
  wolffia pause web
  local before
  before=$(results | wc -l)
  run -125 wolffia healthcheck run web
  sleep 0.5
  [ "$(results | wc -l)" = "$before" ]
  [ "$(wolffia inspect -f '{{.State.Health.Status}}' web)" = healthy ]
  wolffia unpause web
  eventually more_results "$before"
  [ "$(results | tail -1)" = healthy ]
  [ "$(past --filter event=exec | wc -l) $(past --filter event=exec_died | wc -l)" = "1 1" ]  # our own
}

@test "export is told" {
  wolffia create --name web busybox true
  wolffia export web >/dev/null
  [ "$(past --format '{{.Status}}')" = $'create\nexport' ]
}

@test "restarts are counted, those of the policy since the last start" {
  count() { wolffia inspect -f '{{.RestartCount}}' web; }
  wolffia run -d --name web --restart on-failure:2 busybox sh -c 'test -e /ok && exec sleep 1000; exit 1'
  wolffia wait web
  [ "$(count)" = 2 ]
  run -0 wolffia inspect -f '{{.State.Error}}' web
  assert_output_is ""
  [ "$(past --filter event=restart | wc -l)" = 2 ]
  wolffia start web
  wolffia wait web
  [ "$(count)" = 2 ]
  wolffia rm web
  wolffia run -d --name web --restart on-failure busybox sh -c 'test -e /ok && exec sleep 1000; [ ! -e /once ] || touch /ok; touch /once; exit 1'
  runs() { [ "$(wolffia inspect -f '{{.State.Status}} {{.RestartCount}}' web)" = "running 2" ]; }
  eventually runs
  wolffia restart -t 0 web
  [ "$(count)" = 0 ]
}

@test "images and volumes" {
  wolffia tag busybox other:1
  wolffia rmi other:1
  wolffia volume create data
  wolffia volume rm data
  [ "$(past --filter type=image --format '{{.Status}} {{.Name}}')" = $'tag localhost/other:1\nuntag localhost/other:1' ]
  [ "$(past --filter volume=data --format '{{.Status}}')" = $'create\nremove' ]
}

@test "a stream begins now, --since before, and --until ends it" {
  # Asleep, and not before it has begun to watch.
  waits() { ls -l "/proc/$1/fd" | grep -q inotify && grep -q '^State:.S' "/proc/$1/status"; }
  local stream since
  wolffia run --name early busybox true
  wolffia events --filter event=create >"$WORLD/stream" 3>&- &
  stream=$!
  wolffia events --since 1h --filter event=create >"$WORLD/since" 3>&- &
  since=$!
  watchers="$stream $since"
  eventually waits $stream
  eventually waits $since
  wolffia run --name late busybox true
  eventually grep -q late "$WORLD/stream"
  eventually grep -q late "$WORLD/since"
  kill $watchers
  [ "$(grep -c . "$WORLD/stream")" = 1 ]
  [ "$(grep -o 'name=[a-z]*' "$WORLD/since" | tr '\n' ' ')" = 'name=early name=late ' ]
  timeout 30 wolffia events --until 1s --filter event=create >"$WORLD/until"
  [ "$(grep -c . "$WORLD/until")" = 2 ]
  [ -z "$(wolffia events --until 2020-01-01)" ]
}

@test "nothing depends on the journal" {
  rm -rf "$XDG_RUNTIME_DIR"/wolffia/events.log
  mkdir "$XDG_RUNTIME_DIR"/wolffia/events.log
  wolffia run --rm busybox true
  rmdir "$XDG_RUNTIME_DIR"/wolffia/events.log
  printf 'not json\n{"time":1}\n' >"$XDG_RUNTIME_DIR"/wolffia/events.log
  wolffia run --name a busybox true
  [ "$(past --filter event=create | wc -l)" = 1 ]
}

@test "what is wrong is said" {
  run wolffia events --filter bogus=1
  assert_status 125
  assert_output_has 'invalid argument "bogus=1"'
  run wolffia events --filter bogus
  assert_status 125
  run wolffia events --since someday
  assert_status 125
  assert_output_has '--since'
  run wolffia events --format '{{.Nosuch}}'
  assert_status 125
  run wolffia events --format '{{.ID'
  assert_status 125
}
