# Containers that manage cgroups themselves: below their own they may, and what holds for the whole holds still.
load vm.bash

setup_file() {
  vm_wanted long || return 0
  vm_start
  # A root whose /usr is the machine's, with a target of systemd's that starts two services and nothing else.
  vm 'mkdir -p root/{usr,var/log,run,tmp,proc,sys,dev,root,etc/systemd/system} && cd root && ln -s usr/{bin,sbin,lib,lib64} . &&
    echo root:x:0:0:root:/root:/bin/sh >etc/passwd && echo root:x:0: >etc/group && cp /etc/machine-id etc/ && cd etc/systemd/system &&
    printf "[Unit]\nDefaultDependencies=no\nWants=hog.service calm.service\n" >work.target &&
    printf "[Unit]\nDefaultDependencies=no\n[Service]\nMemoryMax=24M\nMemorySwapMax=0\nExecStart=/usr/bin/tail /dev/zero\n" >hog.service &&
    printf "[Unit]\nDefaultDependencies=no\n[Service]\nTasksMax=7\nExecStart=/usr/bin/sleep 1000\n" >calm.service'
  vm 'wolffia run --rm busybox true'
}
teardown() { [ -n "$VM_SKIP" ] || vm 'wolffia rm -af -t 0 >/dev/null'; }

@test "systemd as the first process of a container limits its own services, within the limit of the whole" {
  vm 'wolffia run -d --name init --systemd=always --memory 128m --pids-limit 50 -v /usr:/usr:ro --rootfs ~/root /lib/systemd/systemd --unit=work.target'
  run vm 'killed() { wolffia exec init systemctl show -p Result hog.service 2>/dev/null | grep -q oom-kill; }; eventually killed
    wolffia exec init sh -c "systemctl is-active calm.service; cat /sys/fs/cgroup/system.slice/calm.service/pids.max; cat /proc/1/cgroup /proc/self/cgroup"'
  assert_status 0
  assert_output_is $'active\n7\n0::/init.scope\n0::/init.scope'
  # What is lifted inside is not lifted.
  run vm 'wolffia exec init sh -c "echo max >/sys/fs/cgroup/memory.max"; wolffia exec init cat /sys/fs/cgroup/{memory,pids}.max'
  assert_output_has $'134217728\n50'
  # It counts as the container's, is paused with it, and ends with it.
  run vm 'wolffia stats --no-stream --format "{{.PIDs}}" init; wolffia pause init >/dev/null; top=$(dirname $(cgroup init)); number $top/cgroup.events frozen; wolffia unpause init >/dev/null; wolffia stop -t 100 init'
  assert_status 0
  [ "${lines[0]}" -ge 2 ]
  [ "${lines[1]}" = 1 ]
  # Twice, so that nothing of the first time is in the way of the second.
  run vm 'wolffia start init >/dev/null; eventually wolffia exec init systemctl is-active -q calm.service 2>/dev/null; wolffia restart -t 100 init >/dev/null; eventually wolffia exec init systemctl is-active -q calm.service 2>/dev/null'
  assert_status 0
  run vm 'wolffia rm -f -t 0 init; ls /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice | grep -c wolffia-'
  assert_output_is $'init\n0'
}

@test "cgroups that a container made do not keep it from being started again by its policy" {
  vm 'wolffia run -d --name again --restart on-failure:2 --security-opt unmask=/sys/fs/cgroup busybox sh -c "mkdir -p /sys/fs/cgroup/a/b/c /sys/fs/cgroup/d; exit 3"'
  run vm 'timeout 100 wolffia wait again; wolffia inspect -f "{{.RestartCount}} {{.State.ExitCode}} {{.State.Error}}" again'
  assert_status 0
  [ "${lines[1]}" = "2 3 " ]
}
