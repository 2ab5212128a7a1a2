#!/usr/bin/env bats
# ps, inspect, top, stats, port, rename, prune and system df of containers that really run.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm -q busybox true 2>/dev/null  # the built-in image
}
teardown() {
  wolffia rm -af >/dev/null
  assert_clean
}

names() { wolffia ps --format '{{.Names}}' "$@" | tr '\n' ' '; }

@test "ps: states, filters, order" {
  wolffia run -d --name up --label tier=front busybox sleep 1000
  wolffia run --name over --label tier=back busybox sh -c 'exit 3' || [ $? = 3 ]
  wolffia create --name fresh busybox true
  [ "$(names)" = "up " ]
  [ "$(names -a)" = "up over fresh " ]
  [ "$(names -a --sort names)" = "fresh over up " ]
  [ "$(names -n 2)" = "over fresh " ]
  [ "$(names -l)" = "fresh " ]
  [ "$(names --filter status=exited)" = "over " ]
  [ "$(names -a --filter label=tier --filter name='^o')" = "over " ]
  [ "$(names -a --filter status=created --filter status=running)" = "up fresh " ]
  [ "$(names -a --filter exited=3)" = "over " ]
  [ "$(names -a --filter before=fresh --filter since=up)" = "over " ]
  run -0 wolffia ps -a --filter name=over --format '{{.Status}}|{{.State}}|{{.ExitCode}}|{{.Label "tier"}}'
  [[ "$output" == "Exited (3) "*"ago|exited|3|back" ]] || fail "$output"
  run -125 wolffia ps --filter foo=bar
  assert_output_has "foo is an invalid filter"
  run -125 wolffia ps --format '{{.Nothing}}'
  assert_output_has "template:1:"
  run -125 wolffia ps --sort mood
  run -125 wolffia ps -w 0
  run -0 timeout 3 bash -c 'wolffia ps -w 1 & sleep 1.5; kill $!; wait' 
  [ "$(grep -c CONTAINER <<<"$output")" -ge 2 ]
}

@test "ps: one whose monitor was killed is crashed, and a wiped runtime directory changes nothing" {
  wolffia run -d --name a busybox sleep 1000
  kill -9 "$(wolffia inspect -f '{{.State.ConmonPid}}' a)"
  eventually says "a " names -a --filter status=crashed
  run -0 wolffia inspect -f '{{.State.Status}} {{.State.Crashed}} {{.State.ExitCode}} {{.State.Pid}}' a
  assert_output_is "exited true 137 0"
  wolffia run -d --name b busybox sleep 1000
  rm -rf "${XDG_RUNTIME_DIR:?}/wolffia"
  [ "$(names)" = "b " ]
  run -0 wolffia top b pid,args
  assert_output_has "sleep 1000"
}

@test "sizes: what a container wrote, also where it let nobody else look" {
  wolffia run --name a busybox sh -c 'head -c 3000 /dev/zero >/x; mkdir -m 0700 /d; head -c 500 /dev/zero >/d/y; ln /x /z; chown -R 7:7 /d'
  run -0 wolffia inspect -s -f '{{.SizeRw}}' a
  assert_output_is 3500
  run -0 wolffia ps -a --size --format '{{.Size}}'
  [[ "$output" == "3.5kB (virtual "*"MB)" ]] || fail "$output"
  run -0 wolffia system df --format '{{.Type}}:{{.Total}}:{{.Active}}:{{.RawReclaimable}}'
  assert_output_has "Containers:1:0:3500"
  assert_output_has "Images:1:1:0"
  run -0 wolffia system df -v
  assert_output_has "Local Volumes space usage:"
  run -125 wolffia system df -v --format json
}

@test "inspect: each kind, a missing one, several" {
  wolffia run -d --name a -v data:/data busybox sleep 1000
  run -0 wolffia inspect -f '{{.Name}} {{.State.Running}} {{(index .Mounts 0).Name}}' a
  assert_output_is "a true data"
  run -0 wolffia inspect --type volume -f '{{.Name}} {{.MountCount}}' data
  assert_output_is "data 1"
  run -0 wolffia inspect -f '{{.Mountpoint}}' data
  [ -d "$output" ]
  run -0 wolffia inspect --type image -f '{{.Os}}' busybox
  run -0 wolffia inspect -l -f '{{.Name}}'
  assert_output_is a
  run -125 wolffia inspect a zzz
  assert_output_has '"Name": "a"'
  assert_output_has 'no such object: "zzz"'
  run -125 wolffia inspect --type container zzz
  assert_output_has 'no container with name or ID "zzz" found: no such container'
  run -125 wolffia inspect --type pod a
  run -125 wolffia inspect -f '{{.State.Nothing}}' a
  assert_output_has "can't evaluate field Nothing"
  wolffia rm -f a && wolffia system prune -f --volumes
}

@test "top: processes as the container counts and names them" {
  wolffia run -d --name a busybox sh -c 'echo "www:x:33:33::/:" >>/etc/passwd; su -s /bin/sh www -c "sleep 1001"; :'
  sleeps() { wolffia top a args | grep -q '^sleep 1001'; }
  eventually sleeps
  run -0 wolffia top a pid,user,args
  [[ "$output" == "PID         USER        COMMAND"*"1           root        sh -c"*"www         sleep 1001"* ]] || fail "$output"
  run -0 wolffia top a
  assert_output_has "USER        PID         PPID        %CPU        ELAPSED"
  pid=$(wolffia inspect -f '{{.State.Pid}}' a)
  run -0 wolffia top a hpid
  [ "$(sed -n 2p <<<"$output")" = "$pid" ]
  run -125 wolffia top a foo
  assert_output_has "unknown descriptor: foo"
  wolffia create --name b busybox true
  run -125 wolffia top b
  assert_output_has "top can only be used on running containers"
  run -125 wolffia top zz
  wolffia run -d --name hostile busybox sh -c "exec -a \$'\\033[2Jx' sleep 1000" || true
  ! wolffia top hostile | grep -q $'\033'
}

@test "stats: what a busy container uses" {
  wolffia run -d --name a busybox sh -c 'while :; do :; done'
  wolffia create --name b busybox true
  sleep 0.5
  run -0 wolffia stats --no-stream --format '{{.Name}} {{.PIDS}} {{.CPUNano}} {{.MemUsage}}'
  [[ "$output" =~ ^a\ 1\ [1-9][0-9]+\ .*B\ /\ .*B$ ]] || fail "$output"
  run -0 wolffia stats -a --no-stream --format '{{.Name}}={{.PIDS}}'
  assert_output_has "b=0"
  run -0 wolffia stats --no-stream
  assert_output_has "MEM USAGE / LIMIT"
  run -125 wolffia stats --no-stream b
  assert_output_has "container is stopped"
  run -125 wolffia stats --no-stream zz
  run -125 wolffia stats -i 0
  run -125 wolffia stats -a a
  run timeout -s INT 4 wolffia stats --no-reset -i 1 --format '{{.Name}}' a
  [ "$(grep -c '^a$' <<<"$output")" -ge 2 ]
}

@test "inspect: entrypoint and command, and names of podman's structures" {
  wolffia create --name a --cidfile "$BATS_TEST_TMPDIR/id" --init --passwd=false --entrypoint /bin/echo busybox x y
  run -0 wolffia inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.Passwd}} {{.Config.SdNotifyMode}}' a
  assert_output_is '["/bin/echo"] ["x","y"] false ignore'
  [ "$(wolffia inspect -f '{{.ID}} {{.HostConfig.ContainerIDFile}}' a)" = "$(cat "$BATS_TEST_TMPDIR/id") $BATS_TEST_TMPDIR/id" ]
  wolffia create --name b --entrypoint '["/bin/sh","-c"]' busybox 'echo hi'
  [ "$(wolffia inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.Passwd}}' b)" = '["/bin/sh","-c"] ["echo hi"] true' ]
  wolffia create --name c busybox echo hi
  [ "$(wolffia inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' c)" = '[] ["echo","hi"]' ]
}

@test "port: none is published" {
  wolffia create --name a busybox true
  run -0 wolffia port a
  assert_output_is ""
  run -125 wolffia port a 80
  assert_output_has 'failed to find published port "80/tcp"'
  run -125 wolffia port a 80/udp
  assert_output_has '"80/udp"'
  run -125 wolffia port a x
  run -125 wolffia port
  run -125 wolffia port zz
  run -0 wolffia port -a
}

@test "rename: running or not, taken names, and several at once" {
  wolffia run -d --name old busybox sleep 1000
  wolffia create --name b busybox true
  run -0 wolffia rename old web
  assert_output_is ""
  [ "$(names)" = "web " ]
  run -125 wolffia inspect old
  run -125 wolffia rename web b
  assert_output_has "already in use"
  run -125 wolffia rename zz c
  assert_output_has "no such container"
  run -125 wolffia rename web 'a/b'
  wolffia rename b a
  # Eight processes want the same name for two containers: one of them has it in the end.
  local i pids=()
  for i in 1 2 3 4; do
    wolffia rename web x 3>&- 2>/dev/null & pids+=($!)
    wolffia rename a x 3>&- 2>/dev/null & pids+=($!)
  done
  local won=0
  for i in "${pids[@]}"; do wait "$i" && won=$((won + 1)); done
  [ "$won" = 1 ]
  [ "$(ls "$STORE/names" | wc -l)" = 2 ]
  [ "$(names -a --filter name=^x$)" = "x " ]
  wolffia system check -q
}

@test "container prune: asks, filters, spares what runs" {
  wolffia run -d --name up busybox sleep 1000
  wolffia create --name one --label keep=1 busybox true
  wolffia create --name two busybox true
  run -0 wolffia container prune </dev/null
  assert_output_has "WARNING! This will remove all non running containers."
  assert_output_has "Are you sure you want to continue? [y/N]"
  [ "$(names -a)" = "up one two " ]
  run -125 wolffia container prune -f --filter name=two
  id=$(wolffia inspect -f '{{.Id}}' two)
  run -0 wolffia container prune -f --filter 'label!=keep'
  assert_output_is "$id"
  [ "$(names -a)" = "up one " ]
  run -0 wolffia container prune --filter until=1h <<<y
  [ "$(names -a)" = "up one " ]
  run -0 wolffia container prune <<<Y
  [ "$(names -a)" = "up " ]
}

@test "system prune: containers, images and volumes that nothing uses" {
  wolffia run -d --name up -v used:/v busybox sleep 1000
  wolffia create --name old -v unused:/v busybox true
  run -0 wolffia system prune <<<n
  assert_output_has "all stopped containers"
  run -0 wolffia system prune -f
  assert_output_has "Deleted Containers"
  assert_output_has "Total reclaimed space:"
  wolffia inspect --type volume unused
  run -0 wolffia system prune -af --volumes
  assert_output_has "Deleted Volumes"
  [ "$(ls "$STORE/volumes")" = used ]
  wolffia images -q | grep -q .
  wolffia rm -f up
  run -0 wolffia system prune -af --volumes --filter label=none
  assert_output_is "Total reclaimed space: 0B"
  run -0 wolffia system prune -af --volumes
  assert_output_has "Deleted Images"
  [ -z "$(wolffia images -q)$(ls "$STORE/volumes")" ]
  wolffia run --rm -q busybox true 2>/dev/null  # again for the others
}

@test "the same templates give the same fields with podman" {
  command -v podman >/dev/null || skip "podman is not installed"
  mkdir -p "$WORLD/peer" "$WORLD/root/bin"
  cp "$(command -v busybox)" "$WORLD/root/bin/sh"
  podman() {
    command podman --root "$WORLD/peer/root" --runroot "$WORLD/peer/run" --storage-driver vfs --cgroup-manager=cgroupfs "$@" 2>"$WORLD/peer.err"
  }
  tar -C "$WORLD/root" -c . | podman import -q - localhost/x:1
  podman create --name same --label a=b -e X=1 --network=none localhost/x:1 sh -c 'exit 0'
  wolffia create --name same --label a=b -e X=1 --network=none busybox sh -c 'exit 0'
  local format ours theirs
  while read -r format; do
    ours=$(wolffia inspect -f "$format" same) theirs=$(podman inspect -f "$format" same) || fail "$format: $(cat "$WORLD/peer.err")"
    [ "$ours" = "$theirs" ] || fail "$format: '$ours' here, '$theirs' with podman"
  done <<'T'
{{.Name}}
{{.State.Status}}
{{.State.Running}} {{.State.Paused}} {{.State.Restarting}} {{.State.Dead}} {{.State.OOMKilled}}
{{.State.Pid}} {{.State.ExitCode}} {{.State.Error}}
{{.State.Health.Status}}
{{.Path}} {{.Args}}
{{json .Args}}
{{.RestartCount}}
{{.Config.Cmd}}
{{index .Config.Labels "a"}}
{{.Config.WorkingDir}}
{{.Config.Tty}} {{.Config.OpenStdin}}
{{range .Config.Env}}{{if eq . "X=1"}}{{.}}{{end}}{{end}}
{{.Config.StopTimeout}}
{{.HostConfig.NetworkMode}}
{{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}}
{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}
{{.HostConfig.PidMode}} {{.HostConfig.UTSMode}} {{.HostConfig.IpcMode}}
{{.HostConfig.ShmSize}}
{{.HostConfig.LogConfig.Tag}}
{{len .Mounts}}
{{.NetworkSettings.IPAddress}}
{{json .NetworkSettings.Ports}}
{{.Rootfs}}{{.Pod}}{{.Namespace}}
{{len .ExecIDs}}
T
  podman rm -f same
  command podman unshare rm -rf "$WORLD/peer"
}
