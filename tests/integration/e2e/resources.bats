#!/usr/bin/env bats
# Limits of what a container may use, on a host whose cgroups are not the user's: containers run, and each limit is refused
# with controller, reason and remedy. That limits hold is shown where they can: tests/vm.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
setup() {
  # The user's systemd, where there is one, is another file's affair.
  unset DBUS_SESSION_BUS_ADDRESS
  [ ! -e /sys/fs/cgroup/cgroup.controllers ] || [ ! -w "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)" ] ||
    skip "this host gives its cgroups to the user"
}
teardown() {
  wolffia rm --all --force -t 0 >/dev/null
  assert_clean
}

@test "resources: without a limit a container runs, and the default of --pids-limit is none" {
  run -0 wolffia run --name plain busybox echo runs
  assert_output_is runs
  run -0 wolffia inspect -f '{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{.HostConfig.CgroupManager}} {{.State.OOMKilled}}' plain
  assert_output_is "0 0 none false"
}

# Lines of CONTROLLER FLAG VALUE.
every_limit() {
  cat <<'END'
memory --memory 64m
memory --memory 64m --memory-swap 128m
memory --memory-reservation 64m
memory --memory-high 64m
cpu --cpus 1.5
cpu --cpu-shares 512
cpu --cpu-period 50000
cpu --cpu-quota 50000
cpuset --cpuset-cpus 0
cpuset --cpuset-mems 0
pids --pids-limit 100
io --blkio-weight 100
memory --cgroup-conf memory.oom.group=1
END
  local disk flag
  disk=$(find /dev -maxdepth 1 -type b | head -n 1)
  [ -z "$disk" ] || for flag in --device-{read,write}-{bps,iops} --blkio-weight-device; do echo "io $flag $disk:100"; done
}

assert_refused() {  # CONTROLLER FLAG
  assert_output_has "$2 cannot hold: it needs the $1 controller of cgroup v2"
  assert_output_has "Remedy, for "
}

@test "resources: every limit is refused before anything exists, with controller, reason and remedy" {
  local flag controller
  while read -r controller flag; do
    run -125 wolffia run --rm $flag busybox true
    assert_refused "$controller" "${flag%% *}"
    run -125 wolffia create $flag busybox true
    assert_refused "$controller" "${flag%% *}"
  done < <(every_limit)
  run -0 wolffia ps -aq
  assert_output_is ""
}

@test "resources: update refuses every limit, of a container that runs and of one that does not" {
  local flag controller name
  wolffia run -d --name runs busybox sleep 1000
  wolffia create --name made busybox true
  while read -r controller flag; do
    for name in runs made; do
      run -125 wolffia update $flag $name
      assert_refused "$controller" "${flag%% *}"
    done
  done < <(every_limit)
}

@test "resources: no limit, on purpose, holds anywhere" {
  local none="--memory -1 --memory-swap -1 --memory-reservation -1 --memory-high -1 --cpu-quota -1 --pids-limit -1"
  run -0 wolffia run --rm $none busybox echo runs
  assert_output_is runs
  run -0 wolffia run --rm --cgroups=disabled $none busybox echo runs
  wolffia run -d --name free busybox sleep 1000
  run -0 wolffia update $none free
  run -0 wolffia inspect -f '{{.HostConfig.PidsLimit}}' free
  assert_output_is -1
}

@test "resources: what contradicts itself is refused in any case" {
  run -125 wolffia create --memory 64m --memory-swap 32m busybox
  assert_output_has "memoryswap limit should be larger than memory limit"
  run -125 wolffia create --memory-swap 32m busybox
  assert_output_has "always set a memory limit"
  run -125 wolffia create --cpus 1 --cpu-quota 1000 busybox
  assert_output_has "--cpu-quota and --cpus cannot be set together"
  run -125 wolffia create --cpuset-cpus 3-1 busybox
  assert_output_has "not a list such as"
  run -125 wolffia create --cgroup-conf cgroup.procs=1 busybox
  assert_output_has "the engine itself manages"
  run -125 wolffia create --cgroup-conf ../memory.max=1 busybox
  assert_output_has "not a file of a controller"
  run -125 wolffia create --device-read-bps /dev/null:1mb busybox
  assert_output_has "is not a block device"
  run -125 wolffia create --oom-kill-disable busybox
  assert_output_has "--memory-high"
  run -125 wolffia create --memory-swappiness 10 busybox
  assert_output_has "cgroup v2 has no swappiness"
  run -125 wolffia create --memory 64m --cgroups=disabled busybox
  assert_output_has "--memory cannot hold without a cgroup"
  run -125 wolffia create --cgroups=maybe busybox
  assert_output_has "enabled, disabled and split"
  run -125 wolffia create --cgroup-parent ../x busybox
  assert_output_has "without \"..\""
  run -125 wolffia create --cgroup-parent work.slice busybox
  assert_output_has "no cgroup can be made here"
}

@test "resources: cgroups=disabled and split, cgroupns" {
  for mode in enabled disabled split; do
    run -0 wolffia run --rm --cgroups=$mode busybox echo "$mode"
    assert_output_is "$mode"
  done
  for mode in private host; do run -0 wolffia run --rm --cgroupns=$mode busybox true; done
}

@test "resources: update refuses what cannot hold, changes the restart policy, and nothing else" {
  wolffia run -d --name runs busybox sleep 1000
  wolffia create --name made busybox true
  for name in runs made; do
    run -125 wolffia update --memory 64m $name
    assert_output_has "--memory cannot hold: it needs the memory controller of cgroup v2"
    run -125 wolffia update --restart always --pids-limit 10 $name
    assert_output_has "--pids-limit cannot hold"
    run -0 wolffia inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}' $name
    assert_output_is "0 0 "
    run -0 wolffia update --restart on-failure:3 $name
    assert_output_is "$name"
    run -0 wolffia inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' $name
    assert_output_is "on-failure 3"
  done
  run -125 wolffia update runs
  assert_output_has "nothing to update"
  run -125 wolffia update --memory 64m --memory-swap 32m runs
  assert_output_has "memoryswap limit"
  run -125 wolffia update --restart always no-such-one
  assert_output_has "no-such-one"
  run -0 wolffia events --stream=false --filter event=update --filter container=runs --filter container=made --format '{{.Name}}'
  assert_output_is "runs
made"
  # The monitor has heard of it: one that is told to go on does.
  wolffia update --restart always runs
  wolffia kill runs
  eventually wolffia_restarted runs
}

wolffia_restarted() { [ "$(wolffia inspect -f '{{.RestartCount}} {{.State.Running}}' "$1")" = "1 true" ]; }

@test "resources: pause and stats do without a cgroup" {
  wolffia run -d --name runs busybox sleep 1000
  run -0 wolffia pause runs
  run -0 wolffia inspect -f '{{.State.Status}}' runs
  assert_output_is paused
  run -0 wolffia unpause runs
  run -0 wolffia stats --no-stream --format '{{.Name}} {{.PIDS}}' runs
  assert_output_is "runs 1"
  run -0 wolffia stats --no-stream --format json runs
  assert_output_has '"pids": "1"'
}
